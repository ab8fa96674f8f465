"""How targets are spread round their means: variances, densities, and what the half deviance bends by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, gammaln, log_ndtr, logsumexp, ndtr, xlogy

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError

__all__ = ["Family", "family_of"]


@dataclass(frozen=True)
class Family:
    """How targets are spread round their mean.

    The mean of a margin and its derivative, the variance of a mean, the second derivative of half the deviance at a
    target and a margin, and the log-likelihood of rows; whether the dispersion is estimated.
    """

    mean: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    variance: Callable[[Floats], Floats]
    bend: Callable[[Floats, Floats], Floats]
    likelihood: Callable[[Floats, Floats, Floats, float], Floats] | None
    spread: bool = True


def _gaussian(y: Floats, mu: Floats, weight: Floats, scale: float) -> Floats:
    return np.asarray(-0.5 * (weight * (y - mu) ** 2 / scale + np.log(2 * np.pi * scale / weight)))


def _bernoulli(y: Floats, mu: Floats, weight: Floats, scale: float) -> Floats:
    return np.asarray(weight * (xlogy(y, mu) + xlogy(1 - y, 1 - mu)))


def _poisson(y: Floats, mu: Floats, weight: Floats, scale: float) -> Floats:
    return np.asarray(weight * (xlogy(y, mu) - mu - gammaln(y + 1)))


def _gamma(y: Floats, mu: Floats, weight: Floats, scale: float) -> Floats:
    shape = weight / scale
    return np.asarray(shape * np.log(shape * y / mu) - shape * y / mu - gammaln(shape) - np.log(y))


def _inverse_gaussian(y: Floats, mu: Floats, weight: Floats, scale: float) -> Floats:
    far = weight * (y - mu) ** 2 / (scale * y * mu**2)
    return np.asarray(-0.5 * (far + np.log(2 * np.pi * scale / weight * y**3)))


#: Terms of a series that are added up, each so many of its spreads from the next, and rows at once.
_TERMS, _SPREADS, _ROWS = 256, 0.25, 4096
#: Where most of the series lies beyond so many terms, the saddlepoint is as exact as its sum.
_BEYOND = 1e6


def _tweedie(power: float) -> Callable[[Floats, Floats, Floats, float], Floats] | None:
    """The density of a sum of gamma amounts, of a Poisson count of them; None where there is no series for it.

    Dunn and Smyth 2005, https://doi.org/10.1007/s11222-005-4070-y: the largest terms of it, in logarithms.
    """
    known = {1.0: _poisson, 2.0: _gamma, 3.0: _inverse_gaussian}
    if power >= 2 or power in known:
        return known.get(power)
    shape = (2 - power) / (power - 1)

    def amounts(y: Floats, mu: Floats, phi: Floats) -> Floats:
        x = shape * np.log(y / (power - 1)) - np.log(2 - power) - (1 + shape) * np.log(phi)
        middle = np.exp((x - shape * np.log(shape)) / (1 + shape))
        step = np.maximum(1.0, np.floor(_SPREADS * np.sqrt(middle / (1 + shape))))
        first = np.maximum(1.0, np.floor(middle - 0.5 * _TERMS * step))
        k = first[:, None] + step[:, None] * np.arange(_TERMS)
        summed = logsumexp(k * x[:, None] - gammaln(k + 1) - gammaln(shape * k), axis=1) + np.log(step)
        pull = y * mu ** (1 - power) / (1 - power) - mu ** (2 - power) / (2 - power)
        told = pull / phi + summed - np.log(y)
        far = middle > _BEYOND
        half = _core.row_losses(("tweedie", [("power", power)]), 1, y[far], np.log(mu[far]))
        told[far] = -half / phi[far] - 0.5 * np.log(2 * np.pi * phi[far] * y[far] ** power)
        return np.asarray(told)

    def likelihood(y: Floats, mu: Floats, weight: Floats, scale: float) -> Floats:
        phi = scale / weight
        told = -(mu ** (2 - power)) / ((2 - power) * phi)
        there = np.flatnonzero(y > 0)
        for rows in np.split(there, range(_ROWS, len(there), _ROWS)):
            told[rows] = amounts(y[rows], mu[rows], phi[rows])
        return np.asarray(told)

    return likelihood


def family_of(loss: str, settings: dict[str, float]) -> Family:
    """That of a loss which is half a deviance."""
    power = float(settings.get("power", 1.5))

    def logarithmic(power: float, likelihood: Any, spread: bool = True) -> Family:
        """A variance that is the mean to a power, the mean's logarithm linear."""

        def bend(y: Floats, m: Floats) -> Floats:
            return (power - 1) * y * np.exp((1 - power) * m) + (2 - power) * np.exp((2 - power) * m)

        return Family(np.exp, np.exp, lambda mu: mu**power, bend, likelihood, spread)

    def rarely(m: Floats) -> Floats:
        return np.exp(m - np.exp(m))

    def rare_bend(y: Floats, m: Floats) -> Floats:
        g = rarely(m) / -np.expm1(-np.exp(m))
        return y * g * (np.exp(m) + g - 1) + (1 - y) * np.exp(m)

    def normal(m: Floats) -> Floats:
        return np.asarray(np.exp(-0.5 * m * m) / np.sqrt(2 * np.pi))

    def normal_bend(y: Floats, m: Floats) -> Floats:
        z = (2 * y - 1) * m
        h = np.exp(-0.5 * (z * z + np.log(2 * np.pi)) - log_ndtr(z))
        return np.asarray(h * (h + z))

    def even(m: Floats) -> Floats:
        return np.asarray(expit(m) * expit(-m))

    def binomial(p: Floats) -> Floats:
        return p * (1 - p)

    families = {
        "squared": Family(lambda m: m, np.ones_like, np.ones_like, lambda y, m: np.ones_like(m), _gaussian),
        "logistic": Family(expit, even, binomial, lambda y, m: even(m), _bernoulli, spread=False),
        "cloglog": Family(
            lambda m: -np.expm1(-np.exp(m)), rarely, binomial, rare_bend, _bernoulli, spread=False
        ),
        "probit": Family(ndtr, normal, binomial, normal_bend, _bernoulli, spread=False),
        "gaussian_log": Family(
            np.exp, np.exp, np.ones_like, lambda y, m: np.exp(m) * (2 * np.exp(m) - y), _gaussian
        ),
        "poisson": logarithmic(1.0, _poisson, spread=False),
        "gamma": logarithmic(2.0, _gamma),
        "inverse_gaussian": logarithmic(3.0, _inverse_gaussian),
        "tweedie": logarithmic(power, _tweedie(power)),
    }
    if loss not in families:
        raise InputError(
            f"summary is of a loss that is half a deviance, {', '.join(families)}; this model's is {loss!r}"
        )
    return families[loss]
