"""Least squares of large sparse tables by products alone (LSMR): an orthogonal factor would be dense and large.

Fong and Saunders 2011, https://doi.org/10.1137/10079687X.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, lsmr

from steepest.errors import InputError
from steepest.result import Result

from .problem import Solved

__all__ = ["by_products"]

Floats = NDArray[np.float64]

# Rows whose squares are taken at once.
_ROWS = 4096
# A factorisation of more columns than this is not made at all.
_WIDE = 5000
# How small LSMR makes the part of the residual that the columns explain.
_SMALL = 1e-13


@dataclass(frozen=True)
class _End:
    """The value reached, how far it may be from the least, steps, and whether the budget sufficed."""

    value: float
    bound: float
    steps: int
    done: bool


class _Products:
    """A sparse table, centred, its rows weighted and its columns multiplied, as LSMR takes it."""

    def __init__(self, X: Any, weight: Floats | None, fit_intercept: bool) -> None:
        n, d = X.shape
        self.X = X.tocsr().astype(np.float64, copy=False)
        # As it lies: a transpose of its own would be as large as the table.
        self.across = self.X.T
        self.share = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
        self.root = np.sqrt(self.share)
        self.centre = np.asarray(self.share @ self.X).ravel() if fit_intercept else np.zeros(d)
        self.most = 10 * min(n, d)

    def solve(self, target: Floats, times: Floats) -> tuple[Floats, _End]:
        """The solution of least norm, in units of `times` a column."""
        operator = LinearOperator(
            self.X.shape,
            matvec=lambda v: self.times(times * v),
            rmatvec=lambda u: times * (self.across @ (self.root * u) - self.centre * (self.root @ u)),
            dtype=np.float64,
        )
        x, why, steps, norm, slope, size, condition, _ = lsmr(
            operator, target, atol=_SMALL, btol=_SMALL, conlim=0.0, maxiter=self.most
        )
        # |A'r| over the least singular value, of which LSMR has an idea, is what the columns could still explain.
        value = 0.5 * norm * norm
        left = 0.5 * (slope * condition / size) ** 2 if size > 0 else 0.0
        return times * x, _End(value, min(left, value), int(steps), done=why != 7)

    def times(self, v: Floats) -> Floats:
        """A v."""
        return np.asarray(self.root * (self.X @ v - self.centre @ v))

    def scales(self) -> Floats | None:
        """What makes the columns alike, if the solution is then the same, the only one; None where it is not.

        It is the only one if another known one, drawn at random, is found again.
        """
        if self.X.shape[0] < self.X.shape[1]:
            return None
        square = -(self.centre**2)
        for at in range(0, self.X.shape[0], _ROWS):
            here = slice(at, at + _ROWS)
            square += self.X[here].power(2).T @ self.root[here] ** 2
        if not square.min() > 0:
            return None
        times = 1.0 / np.sqrt(square)
        drawn = times * np.random.default_rng(0).standard_normal(len(times))
        found, end = self.solve(self.times(drawn), times)
        off = np.linalg.norm((found - drawn) / times)
        return times if end.done and off <= 1e-6 * np.linalg.norm(drawn / times) else None


def by_products(
    X: Any, y: Floats, weight: Floats | None, fit_intercept: bool, names: Any, tol: float
) -> list[Solved] | None:
    """The same by LSMR, for each column of `y`; None where that is too slow and a factorisation not too large."""
    _refuse_unless_finite(X, names)
    started = perf_counter()
    products = _Products(X, weight, fit_intercept)
    level = products.share @ y if fit_intercept else np.zeros(y.shape[1])
    times = products.scales()
    if times is None:
        times = np.ones(X.shape[1])
    found = []
    for target, mean in zip(y.T, level, strict=True):
        coef, end = products.solve(products.root * (target - mean), times)
        if not end.done and len(times) <= _WIDE:
            return None
        if X.dtype == np.float32:
            coef = coef.astype(np.float32).astype(np.float64)
        null = 0.5 * float(products.share @ (target - mean) ** 2)
        goal = max(tol * max(end.value, 1e-12 * null), float(np.finfo(np.float64).tiny))
        result = _result(coef, end, goal, perf_counter() - started)
        found.append(Solved(coef[None], np.array([mean - coef @ products.centre]), result))
    return found


def _refuse_unless_finite(X: Any, names: Any) -> None:
    values = X.tocoo()
    bad = ~np.isfinite(values.data)
    if not bad.any():
        return
    k = int(np.argmax(bad))
    column = int(values.col[k])
    what = "NaN" if np.isnan(values.data[k]) else "infinity (inf)"
    raise InputError(
        f"column {column if names is None else repr(str(names[column]))} row {int(values.row[k])} is not finite: Input "
        f"X contains {what}. Drop the row, or impute the value first"
    )


def _result(x: Floats, end: _End, target: float, seconds: float) -> Result:
    """How it ended."""
    # The value itself is known to rounding only.
    slack = 8 * float(np.finfo(np.float64).eps) * end.value
    outcome, message = (
        "converged",
        "Converged: nothing that the columns explain is left in the residual, to rounding.",
    )
    if not end.done:
        outcome = "budget"
        message = "Stopped: the budget of iterations is spent; columns of one scale, or Ridge, need fewer."
    return Result.of(
        {
            "x": x,
            "fun": end.value,
            "success": end.done,
            "status": int(not end.done),
            "outcome": outcome,
            "message": message,
            "nit": end.steps,
            "nfev": end.steps,
            "njev": end.steps,
            "passes": 2.0 * end.steps,
            "seconds": seconds,
            "method": "lsmr",
            "reason": "a large sparse table: products alone find the solution of least norm",
            "certificate": {
                "kind": "stationary",
                "bound": end.bound + slack,
                "target": target,
                "rounding": 2 * slack,
                "assumption": "the least singular value is as LSMR estimates it: nothing is proved",
            },
        }
    )
