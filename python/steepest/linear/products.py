"""Least squares of large sparse tables by products alone (LSMR): an orthogonal factor would be dense and large.

Fong and Saunders 2011, https://doi.org/10.1137/10079687X.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, lsmr

from steepest._types import Floats
from steepest.errors import InputError
from steepest.result import Result

from .problem import Solved

__all__ = ["by_products"]


# Rows whose squares are taken at once.
_ROWS = 4096
# A factorisation of more columns than this is not made at all.
_WIDE = 5000
# Up to so many columns their products with each other are made, to prove what LSMR found, if they take no more
# multiplications than this, or than LSMR took, and no more bytes than this, or than half the table.
_PROVED, _CHEAP, _SLIGHT = 2000, 1e8, 16e6
# How small LSMR makes the part of the residual that the columns explain.
_SMALL = 1e-13
# A lower point is excluded up to so many times the solution's own length away from it.
_FAR = 10.0
# A bound that rounding hides is a limit of the arithmetic up to such a share of the value; beyond, it says nothing.
_LIMIT = 1e-3


@dataclass(frozen=True)
class _End:
    """How LSMR ended.

    The value, how far it may be from the least, what of that rounding hides, steps, whether they sufficed, how steep it
    still is at most (the norm of the slope, rounding included), and whether the bound is proved.
    """

    value: float
    bound: float
    rounding: float
    steps: int
    done: bool
    steep: float
    proved: bool = False

    def by(self, flattest: float) -> _End:
        """The same with a bound that is proved, where no eigenvalue of A'A is below `flattest`."""
        eps = float(np.finfo(np.float64).eps)
        bound = 0.5 * self.steep**2 / flattest + 8 * eps * self.value
        return replace(self, bound=bound, rounding=2 * 8 * eps * self.value, proved=True)


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
        # Of each column, centred: its mean square.
        self.squares = -(self.centre**2)
        for at in range(0, n, _ROWS):
            here = slice(at, at + _ROWS)
            self.squares += self.X[here].power(2).T @ self.share[here]
        self.squares = np.maximum(self.squares, 0.0)
        self.most = 10 * min(n, d)
        self.entries = np.diff(self.X.indptr)
        self.tallest = int(np.bincount(self.X.indices, minlength=1).max(initial=0))

    def solve(self, target: Floats, times: Floats) -> tuple[Floats, _End]:
        """The solution of least norm, in units of `times` a column."""
        operator = LinearOperator(
            self.X.shape,
            matvec=lambda v: self.times(times * v),
            rmatvec=lambda u: times * (self.across @ (self.root * u) - self.centre * (self.root @ u)),
            dtype=np.float64,
        )
        x, why, steps, *_ = lsmr(operator, target, atol=_SMALL, btol=_SMALL, conlim=0.0, maxiter=self.most)
        # F is convex: it falls by no more than its slope times the way, however flat it is.
        residual = target - operator.matvec(x)
        norm, length = float(np.linalg.norm(residual)), float(np.sqrt((times**2) @ self.squares))
        way = _FAR * max(float(np.linalg.norm(x)), norm / length if length > 0 else 0.0)
        value = 0.5 * norm * norm
        eps = float(np.finfo(np.float64).eps)
        slack = 8 * eps * value
        slope, given = float(np.linalg.norm(operator.rmatvec(residual))), float(np.linalg.norm(target))
        bound = min(slope * way, value) + slack
        rounding = 2 * slack + eps * length * (norm + given) * way
        # Sums of as many terms as a row and a column have, none of them centred.
        terms, whole = int(self.entries.max(initial=0)) + self.tallest + 16, self.length(times)
        hidden = 2 * terms * eps * whole * (norm + given + whole * float(np.linalg.norm(x)))
        return times * x, _End(value, bound, rounding, int(steps), why != 7, slope + hidden)

    def length(self, times: Floats) -> float:
        """The Frobenius norm of A before it is centred."""
        return float(np.sqrt((times**2) @ (self.squares + self.centre**2)))

    def flattest(self, times: Floats, steps: int) -> float:
        """What no eigenvalue of A'A is below; 0 where none is known.

        A Cholesky factor of A'A less so much, and less what rounding can do to it, proves it (Rump 2006,
        https://doi.org/10.1007/s10543-006-0056-1).
        """
        n, d = self.X.shape
        squared, held = self.entries.astype(np.float64), 24 * d * d
        cheap = squared @ squared <= max(_CHEAP, float(self.X.nnz) * steps)
        if n < d or d > _PROVED or not cheap or held > max(_SLIGHT, 6 * self.X.nnz):
            return 0.0
        gram, step = np.zeros((d, d)), max(d * d * n // max(self.X.nnz, 1), 1)
        for at in range(0, n, step):
            here = slice(at, at + step)
            rows = sparse.diags(self.root[here]) @ self.X[here] @ sparse.diags(times)
            gram += (rows.T @ rows).toarray()
        centre = times * self.centre
        gram -= np.outer(centre, centre)
        if not np.isfinite(gram).all():
            return 0.0
        hidden: float = (
            4 * float(np.finfo(np.float64).eps) * (self.tallest + d + 16) * self.length(times) ** 2
        )
        unit = np.random.default_rng(0).standard_normal(d)
        try:
            factor = linalg.cho_factor(gram)
            for _ in range(8):
                unit = linalg.cho_solve(factor, unit / np.linalg.norm(unit))
            # An estimate from above: half of it is likely to be below.
            low = 0.5 / float(np.linalg.norm(unit)) - hidden
            del factor
            if not low > 0.0:
                return 0.0
            gram[np.diag_indices(d)] -= low + hidden
            linalg.cholesky(gram, overwrite_a=True)
        except linalg.LinAlgError:
            return 0.0
        return low

    def times(self, v: Floats) -> Floats:
        """A v."""
        return np.asarray(self.root * (self.X @ v - self.centre @ v))

    def scales(self) -> Floats | None:
        """What makes the columns alike, if the solution is then the same, the only one; None where it is not.

        It is the only one if another known one, drawn at random, is found again.
        """
        if self.X.shape[0] < self.X.shape[1]:
            return None
        if not self.squares.min() > 0:
            return None
        times = 1.0 / np.sqrt(self.squares)
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
    found: list[Solved] = []
    flattest: float | None = None
    for target, mean in zip(y.T, level, strict=True):
        coef, end = products.solve(products.root * (target - mean), times)
        if not end.done and len(times) <= _WIDE:
            return None
        flattest = products.flattest(times, end.steps) if flattest is None else flattest
        ends = [end, end.by(flattest)] if flattest > 0.0 else [end]
        if X.dtype == np.float32:
            coef = coef.astype(np.float32).astype(np.float64)
            norm = float(np.linalg.norm(products.root * (target - mean) - products.times(coef)))
            more = max(0.5 * norm * norm - end.value, 0.0)
            value = 0.5 * norm * norm
            ends = [
                replace(e, value=value, bound=e.bound + more, rounding=e.rounding + 2 * more) for e in ends
            ]
            end = ends[0]
        null = 0.5 * float(products.share @ (target - mean) ** 2)
        goal = max(tol * max(end.value, 1e-12 * null), float(np.finfo(np.float64).tiny))
        # What is proved, unless rounding leaves no more of it than is estimated.
        end = ends[-1] if ends[-1].bound <= max(goal, end.bound) else end
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
    outcome, message = (
        "converged",
        "Converged: nothing that the columns explain is left in the residual, to rounding.",
    )
    if not end.done and not (end.proved and end.bound <= target):
        outcome = "budget"
        message = "Stopped: the budget of iterations is spent; columns of one scale, or Ridge, need fewer."
    elif target < end.bound <= min(end.rounding, _LIMIT * end.value):
        outcome = "precision_limit"
        message = "Converged as far as the arithmetic's precision allows."
    elif end.bound > target:
        outcome = "plateau"
        message = (
            "Stopped: no product explains more of the residual, yet flat directions may; columns of one scale, or "
            "Ridge, say more."
        )
    success = outcome in ("converged", "precision_limit")
    return Result.of(
        {
            "x": x,
            "fun": end.value,
            "success": success,
            "status": int(not success),
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
                "kind": "energy_norm" if end.proved else "estimated",
                "bound": end.bound,
                "target": target,
                "rounding": end.rounding,
                "assumption": "products and sums are exact to rounding"
                if end.proved
                else f"no solution lies {_FAR:.0f} times as far from this one as its own length",
            },
        }
    )
