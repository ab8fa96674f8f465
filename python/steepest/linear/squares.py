"""Least squares in one call: by factors where they are small enough, else by products; how each target ended."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from steepest.errors import InputError
from steepest.result import Result

from .factors import End, Factored, Table, by_factors, one_thread_each
from .problem import Solved
from .products import by_products

__all__ = ["Squares", "least_squares"]

Floats = NDArray[np.float64]

# A factorisation that takes more multiplications than this (about .2 s) is left to LSMR where the table is sparse.
_DEAR = 1e9


@dataclass(frozen=True)
class Squares:
    """Each target's solution; rank and singular values where there were factors."""

    solved: list[Solved]
    rank: int | None
    singular: Floats | None


def least_squares(
    X: Any,
    y: NDArray[Any],
    weight: Floats | None,
    fit_intercept: bool,
    names: Any,
    *,
    ridge: float = 0.0,
    tol: float = 1e-6,
) -> Squares:
    """Minimises ``sum(weight * (y - Xw - b)^2) / (2 sum(weight)) + ridge ||w||^2 / 2`` for each target."""
    with one_thread_each(min(X.shape)):
        return _least_squares(X, y, weight, fit_intercept, names, ridge, tol)


def _least_squares(
    X: Any, y: NDArray[Any], weight: Floats | None, fit_intercept: bool, names: Any, ridge: float, tol: float
) -> Squares:
    started = perf_counter()
    n, d = X.shape
    table = Table(X, np.asarray(y, dtype=np.float64).reshape(n, -1), weight, fit_intercept)
    found: Factored | None = None
    dear = sparse.issparse(X) and min(n, d) * n * d > _DEAR
    if dear and ridge == 0.0:
        _refuse_unless_finite(X, names)
        products = by_products(table)
        if products is not None:
            coef, ends = products
            found = Factored(coef, table.level - coef @ table.centre, -1, np.empty(0), ends)
    if found is None:
        try:
            found = by_factors(table, ridge, X.dtype if X.dtype == np.float32 else np.float64)
        except InputError:
            _refuse_unless_finite(X, names)
            raise
    seconds = perf_counter() - started
    solved = [
        Solved(
            found.coef[k : k + 1],
            found.intercept[k : k + 1],
            _result(found.coef[k], end, tol * max(end.value, 1e-12 * null), seconds),
        )
        for k, (end, null) in enumerate(zip(found.ends, table.null(), strict=True))
    ]
    known = found.rank >= 0
    return Squares(solved, found.rank if known else None, found.singular if known else None)


def _refuse_unless_finite(X: Any, names: Any) -> None:
    values: Any = X.tocoo() if sparse.issparse(X) else X  # type: ignore[attr-defined]
    bad = ~np.isfinite(values.data if sparse.issparse(X) else values)
    if not bad.any():
        return
    if sparse.issparse(X):
        k = int(np.argmax(bad))
        row, column, value = int(values.row[k]), int(values.col[k]), values.data[k]
    else:
        row, column = (int(i) for i in np.argwhere(bad)[0])
        value = values[row, column]
    name = repr(str(names[column])) if names is not None else column
    what = "NaN" if np.isnan(value) else "infinity (inf)"
    raise InputError(
        f"column {name} row {row} is not finite: Input X contains {what}. "
        "Drop the row, or impute the value first"
    )


def _result(x: Floats, end: End, goal: float, seconds: float) -> Result:
    """How it ended."""
    # The value itself is known to rounding only.
    slack = 8 * float(np.finfo(np.float64).eps) * end.value
    bound, rounding = end.bound + slack, end.rounding + 2 * slack
    target = max(goal, float(np.finfo(np.float64).tiny))
    outcome, message = "converged", "Converged: an orthogonal factorisation solves it exactly."
    reason = "squares have a solution in closed form"
    assumption = "rounding in the factors is as small as it is known to be"
    if end.dependent:
        assumption += f"; {end.dependent} directions are undetermined to rounding, and taken for that"
    if not end.proved:
        message = "Converged: nothing that the columns explain is left in the residual, to rounding."
        reason = "a large sparse table: products alone find the solution of least norm"
        assumption = "the least singular value is as LSMR estimates it: nothing is proved"
    elif not bound <= max(target, rounding):
        outcome, message = (
            "plateau",
            "Stuck: nothing better was found, and that this is the least is not known.",
        )
    elif bound > target:
        outcome = "precision_limit"
        message = (
            "At the limit of precision: solved by orthogonal factors, and rounding alone may leave it "
            f"{bound:.2g} above the optimum."
        )
    if not end.done:
        outcome = "budget"
        message = "Stopped: the budget of iterations is spent; columns of one scale, or Ridge, need fewer."
    return Result.of(
        {
            "x": x,
            "fun": end.value,
            "success": outcome in ("converged", "precision_limit"),
            "status": {"budget": 1, "plateau": 2}.get(outcome, 0),
            "outcome": outcome,
            "message": message,
            "nit": end.steps,
            "nfev": end.steps,
            "njev": end.steps,
            "passes": 2.0 * end.steps,
            "seconds": seconds,
            "method": "least_squares" if end.proved else "lsmr",
            "reason": reason,
            "certificate": {
                "kind": "energy_norm" if end.proved else "stationary",
                "bound": bound,
                "target": target,
                "rounding": rounding,
                "assumption": assumption,
            },
        }
    )
