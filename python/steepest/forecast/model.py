"""Linear models, one for each horizon: least squares for the middle, pinball loss for the levels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np

from steepest._types import Floats, Ints
from steepest.errors import NotConverged
from steepest.forecast.features import (
    Recipe,
    View,
    behind,
    straight,
    terms_of,
    windows_of,
)
from steepest.forecast.observed import begins, filled, lately, moves, pairs
from steepest.forecast.series import Series
from steepest.linear import QuantileRegressor, Ridge

__all__ = ["Levels", "Middle", "about", "baseline_levels", "choose", "seasons_of", "usual_moves"]


#: the most rows that a model learns from, the latest: what bounds time and memory, at more than three years of hours
ROWS = 30_000
#: the most errors that a level is learnt from, the latest, so that levels follow a spread that changes: the share below
#: a level of 10 % is known to 0.8 % of all from so many that are apart
ERRORS = 1500
#: how many stretches as long as a forecast from before a gap goes there are to be, for its levels to be learnt from
#: errors so far ahead
STRETCHES = 4
#: errors below which a baseline's levels are not learnt from them: the range of three holds what comes half of the time
SCARCE = 3
#: the standard deviation of normal steps, in units of their mean size
STEPS = float(np.sqrt(np.pi / 2))
#: penalties that are tried, for each row on standardised columns: at 10 a correction is a tenth of itself at most,
#: where columns say different things, at 1e-4 it is whole
ALPHAS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


@dataclass
class Middle:
    """A least squares model of what a horizon is above its base, learnt until `end`."""

    recipe: Recipe
    h: int
    end: int
    centre: Floats
    width: Floats
    coef: Floats
    intercept: float
    #: what a correction may be: no farther out than those learnt from, and half as far again
    within: tuple[float, float]
    scale: Floats
    rows: int
    outcome: Any

    @classmethod
    def fit(cls, view: View, h: int, end: int, alphas: tuple[float, ...]) -> list[Middle]:
        """Models of `h` steps ahead, one for each alpha, from what was observed before the place `end`."""
        t = np.arange(min(view.reach, max(end - h - 8, 0)), end - h)
        most = max(ROWS // len(view.z), 50)
        t = t[-most:]
        X = view.rows(t, h)
        target = (view.truth(t, h) - view.base(t, h)) / view.scale[:, None]
        use = pairs(view.series.values, t, h)
        X, target = X[use], target[use]
        if not len(target):
            zero = np.zeros(X.shape[1])
            return [
                cls(view.recipe, h, end, zero, zero + 1, zero, 0.0, (0.0, 0.0), view.scale, 0, None)
                for _ in alphas
            ]
        # What rounding of huge values leaves has no width that a float holds: such a column says nothing.
        with np.errstate(over="ignore"):
            centre, width = X.mean(axis=0), X.std(axis=0)
        width = np.where(width > 1e-12 * np.maximum(np.abs(centre), 1e-300), width, np.inf)
        X = (X - centre) / width
        room = float(np.ptp(target)) / 2
        within = float(target.min()) - room, float(target.max()) + room
        found = []
        many = np.repeat(target[:, None], len(alphas), axis=1) if len(alphas) > 1 else target
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConverged)
            model = Ridge(alpha=np.array(alphas) * len(target)).fit(X, many)
        coef, intercept = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
        for k in range(len(alphas)):
            found.append(
                cls(
                    replace(view.recipe, alpha=alphas[k]), h, end, centre, width, coef[k], float(intercept[k]),
                    within, view.scale, len(target), model.results_[k],
                )
            )  # fmt: skip
        return found

    def ahead(self, view: View, t: Ints, h: int | None = None) -> Floats:
        """The correction of the base at origins `t`, in units of the scale, of shape (series, origins).

        Of `h` steps ahead, where that is not the horizon that was learnt: what is learnt of the next one serves it.
        """
        found = (
            (view.rows(t, self.h if h is None else h) - self.centre) / self.width
        ) @ self.coef + self.intercept
        return np.clip(found, *self.within)

    def predict(self, view: View, t: Ints) -> Floats:
        """The forecast itself."""
        return straight(
            view.base(t, self.h) + self.ahead(view, t) * self.scale[:, None], self.recipe.transform
        )


@dataclass
class Levels:
    """Levels of the target around the middle, learnt from forecasts of models that had not seen it."""

    models: list[Any]

    @classmethod
    def fit(cls, features: Floats, errors: Floats, levels: tuple[float, ...]) -> Levels:
        """A linear model of each level of the errors by pinball loss; of few errors, the level itself.

        Parameters
        ----------
        features : ndarray of shape (rows, columns)
            `about` of each forecast, the oldest first.
        errors : ndarray of shape (rows,)
            What it was above the middle, in units of the scale.
        levels : tuple of float
            Between 0 and 1.
        """
        features, errors = features[-ERRORS:], errors[-ERRORS:]
        models: list[Any] = []
        for level in levels:
            # Of n errors the k-th least lies above a share k / (n + 1) of what comes.
            fair = min(max(level + (level - 0.5) / max(len(errors), 1), 1e-6), 1 - 1e-6)
            if len(errors) < 20 * features.shape[1] or np.ptp(errors) == 0:
                models.append(float(np.quantile(errors, fair)) if len(errors) else 0.0)
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotConverged)
                model = QuantileRegressor(quantile=fair, alpha=0.0, tol=1e-4).fit(features, errors)
            models.append((np.asarray(model.coef_, dtype=np.float64), float(model.intercept_)))
        return cls(models)

    def of(self, features: Floats) -> Floats:
        """The levels above the middle, of shape (..., levels), in order: crossed ones change places."""
        found = [
            np.full(features.shape[:-1], m) if isinstance(m, float) else features @ m[0] + m[1]
            for m in self.models
        ]
        return np.stack(found, axis=-1)


def about(view: View, t: Ints, h: int, ahead: Floats) -> Floats:
    """What the spread of an error is known by: the correction, its size, how much moved lately and in that season."""
    there = [view.seasonal[m][:, behind(t, h, m)] for m in view.recipe.seasons]
    return np.stack([ahead, np.abs(ahead), view.spread[:, t], *there], axis=-1)


def usual_moves(values: Floats, season: int) -> Floats:
    """How much a series moved in a step lately, of shape (series, places); never 0 but for one that never moved."""
    moved = moves(values)
    # A step of none to the first observation: a series that has just begun is not measured by one move alone.
    first = begins(values)
    moved[np.arange(len(moved)), np.minimum(first, moved.shape[1] - 1)] = 0.0
    found: Floats = np.maximum(
        lately(moved, max(2 * season, 20)), 0.1 * lately(moved, max(moved.shape[1], 1))
    )
    return found


def baseline_levels(
    y: Floats, moved: Floats, h: int, extra: int, kind: str, season: int, levels: tuple[float, ...]
) -> Floats:
    """Where a baseline's levels lie about its forecast, in usual moves, from its errors before: (series, levels).

    Parameters
    ----------
    y, moved : ndarray of shape (series, places)
        What was seen, and its usual moves.
    h, extra : int
        Steps ahead, and how many of them more a forecast goes that starts from before a gap: its levels are those of
        forecasts that went so far from what was observed.
    """
    out = np.zeros((len(y), len(levels)))
    due = np.ones(len(y), dtype=np.bool_)
    unit, far = (season, season * -(-h // season)) if kind == "seasonal_naive" else (1, h)
    norm = np.array([NormalDist().inv_cdf(q) for q in levels])
    less = extra
    while due.any():
        errors = _baseline_errors(y[due], moved[due], h, less, kind, season)
        # Errors that overlap say little: far ahead, a few stretches. From fewer it is gone as a walk goes, from less
        # far, where more of them lie apart.
        few = SCARCE - 1 if less == 0 else STRETCHES * (far + less)
        wider = np.sqrt((far + extra) / (far + less))
        for i, row in zip(np.flatnonzero(due), errors, strict=True):
            row = row[~np.isnan(row)]
            if len(row) > few:
                # About their median: what learns nothing does not learn that it was too low either.
                fair = [min(max(q + (q - 0.5) / len(row), 0.0), 1.0) for q in levels]
                out[i] = wider * (np.quantile(row, fair) - np.median(row))
            elif less == 0:
                # Hardly an error to learn from: as a walk of normal steps of the usual size goes.
                out[i] = STEPS * np.sqrt(far + extra) * norm
            due[i] = len(row) <= few and less > 0
        less = less // 2 // unit * unit
    return out


def _baseline_errors(y: Floats, moved: Floats, h: int, extra: int, kind: str, season: int) -> Floats:
    """Errors of a baseline `extra` steps farther ahead, in usual moves, NaN where there is none."""
    far = h + extra
    n = y.shape[1]
    before = np.arange(min(max(season, 1), n - 1), n - far)[-ERRORS:]
    if not len(before):
        return np.full((len(y), 0), np.nan)
    usual = moved[:, before]
    start = behind(before, h, season if kind == "seasonal_naive" else 0)
    plain = y[:, start]
    if not (~np.isnan(plain) & ~np.isnan(y[:, before + far])).any(axis=1).all():
        # Nowhere two observations so far apart: what stands for the first is farther back, and its errors no less.
        lacking = ~(~np.isnan(plain) & ~np.isnan(y[:, before + far])).any(axis=1)
        plain[lacking] = filled(y[lacking])[:, start]
    if kind == "drift":
        first = begins(y)[:, None]
        begun = np.take_along_axis(y, np.minimum(first, n - 1), axis=1)
        plain = plain + far * (plain - begun) / np.maximum(before[None] - first, 1)
    errors = y[:, before + far] - plain
    return np.where(usual > 0, errors / np.where(usual > 0, usual, 1.0), np.nan)


def choose(series: Series, horizon: int, seasons: tuple[int, ...]) -> tuple[Recipe, list[dict[str, Any]]]:
    """The recipe that was best on windows that expand through the series given; and what was tried."""
    y = series.values
    n = series.length
    inside = y[~np.isnan(y)]
    windows, terms = windows_of(n, seasons), terms_of(series, seasons)
    least = float(inside[inside > 0].min()) / 2 if (inside > 0).any() else 1.0
    transforms = ["none"]
    if (inside > 0).all() and inside.max() > 1.5 * inside.min():
        transforms.append("log")
    elif (inside >= 0).all() and inside.max() > 0:
        transforms.append("sqrt")
    steps = sorted({1, (horizon + 1) // 2, horizon})
    steps = [h for h in steps if h <= max(n // 3, 1)] or [1]
    cuts = [n // 2, n * 3 // 4, n] if n >= 60 else [n * 2 // 3, n]
    tried: list[dict[str, Any]] = []
    short = [k for k in (2, 6, 14) if k <= n // 8] or [1]
    moves = np.abs(np.diff(y, axis=1))
    size = np.nansum(moves, axis=1) / np.maximum((~np.isnan(moves)).sum(axis=1), 1)
    size = np.where(size > 0, size, 1.0)

    def judge(transform: str, base: int, lags: int, alphas: tuple[float, ...]) -> None:
        losses = np.zeros(len(alphas))
        count = 0
        recipe = Recipe(transform, base, lags, alphas[0], seasons, windows, terms, least)
        for begin, end in pairwise(cuts):
            for h in steps:
                t = np.arange(begin - 1, end - h)
                if not len(t) or begin - h < 4:
                    continue
                view = View(series, recipe, horizon, begin)
                truth, use = y[:, t + h], pairs(y, t, h)
                models = Middle.fit(view, h, begin, alphas)
                for k, model in enumerate(models):
                    losses[k] += float((np.abs(model.predict(view, t) - truth) / size[:, None])[use].sum())
                count += int(use.sum())
        for alpha, loss in zip(alphas, losses, strict=True):
            tried.append(
                {
                    "transform": transform,
                    "base": base,
                    "lags": lags,
                    "alpha": alpha,
                    "loss": loss / max(count, 1),
                }
            )

    for transform in transforms:
        for base in (0, *seasons):
            judge(transform, base, short[len(short) // 2], (1e-3, 1e-1))
    best = min(tried, key=lambda row: row["loss"])
    for lags in sorted({*short, *(m for m in seasons[:1] if 14 < m <= 24 and m <= n // 8)}):
        judge(best["transform"], best["base"], lags, ALPHAS)
    best = min(tried, key=lambda row: row["loss"])
    recipe = Recipe(
        best["transform"], best["base"], best["lags"], best["alpha"], seasons, windows, terms, least
    )
    return recipe, tried


def seasons_of(series: Series) -> tuple[int, ...]:
    """The periods that the unit of time suggests and the length allows; of numbers, one that stands out."""
    n = series.length
    if series.grid.unit != "number":
        return tuple(m for m in series.grid.seasons if 2 * m < n)
    if n < 12:
        return ()
    # The period at which what moved moves again: the peak of the autocorrelation of the steps.
    most = min(n // 3, 400)
    total, unsure = np.zeros(most + 1), 0.0
    for row in series.values:
        at = np.flatnonzero(~np.isnan(row))
        step = np.diff(row[at[0] : at[-1] + 1]) if len(at) else row[:0]
        seen = ~np.isnan(step)
        if seen.sum() < most + 2 or np.ptp(step[seen]) == 0:
            continue
        step = np.where(seen, step - step[seen].mean(), 0.0)
        # Squares of what is very large or small are none: in units of a power of two, the same digits.
        step = np.ldexp(step, -int(np.frexp(np.abs(step).max())[1]))
        own = _own_products(step, most)
        if not seen.all():
            # Of gaps there are no products: each period has the mean of those it has, and is known the less well.
            count = np.round(_own_products(seen.astype(np.float64), most))
            own = own * np.arange(len(step), len(step) - most - 1, -1) / np.maximum(count, 1)
            unsure += 1 / np.sqrt(max(count[2:].min(initial=1), 1.0)) / len(series.values)
        total += own / own[0]
    total /= max(len(series.values), 1)
    inner = np.arange(2, most)
    peaks = inner[(total[inner] > total[inner - 1]) & (total[inner] >= total[inner + 1])]
    peaks = peaks[total[peaks] > max(0.3, 3 / np.sqrt(n))]
    if not len(peaks):
        return ()
    best = total[peaks].max()
    return (int(peaks[total[peaks] >= 0.9 * best - unsure][0]),)


def _own_products(x: Floats, most: int) -> Floats:
    """The sum of products of values so many places apart, up to `most`."""
    size = 1 << int(np.ceil(np.log2(2 * len(x))))
    found: Floats = np.fft.irfft(np.abs(np.fft.rfft(x, size)) ** 2)[: most + 1]
    return found
