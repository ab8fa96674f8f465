"""Least squares in one call: by the core's factors where they are small enough, else by products."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from steepest import _core
from steepest._types import Floats
from steepest.findings import Finding
from steepest.result import Result
from steepest.tables.stream import Stream

from .problem import Solved
from .products import by_products

__all__ = ["Squares", "around_0", "least_squares", "multi_task", "reduced"]


# A factorisation that takes more multiplications than this (about .2 s) is left to LSMR where the table is sparse.
_EXPENSIVE = 1e9
_LEAVE_OUT = (
    "Predictions do not depend on it. Before coefficients are read, leave out what depends on other columns: of a "
    "category's levels one."
)


@dataclass(frozen=True)
class Squares:
    """Each target's solution; where there were factors the rank, and a triangle with the columns' singular values."""

    solved: list[Solved]
    rank: int | None
    triangle: Floats | None


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
    n, d = X.shape
    if ridge == 0.0 and sparse.issparse(X) and min(n, d) * n * d > _EXPENSIVE:
        found = by_products(
            X, np.asarray(y, dtype=np.float64).reshape(n, -1), weight, fit_intercept, names, tol
        )
        if found is not None:
            return Squares(found, None, None)
    asked = _asked(X, fit_intercept, names, ridge, tol)
    dicts, rank, triangle = _core.least_squares(X, _columns(y), asked, weight)
    solved = []
    noticed = _dependent(rank, d) if ridge == 0.0 and rank < d else []
    for answer in dicts:
        answer["findings"] = [*(answer.get("findings") or ()), *noticed]
        x = answer["x"] = answer["x"] if fit_intercept else np.append(answer["x"], 0.0)
        coef, intercept = x[None, :d].copy(), x[d:].copy()
        solved.append(Solved(coef, intercept, Result.of(answer | {"x": coef[0]})))
    return Squares(solved, rank, triangle)


def _dependent(rank: int, columns: int) -> list[Finding]:
    """What is said of columns that depend on each other."""
    return [
        Finding(
            "dependent_columns",
            "note",
            f"The columns depend on each other (rank {rank} of {columns}): other coefficients fit as well, and those "
            "of least norm are given.",
            {"rank": rank, "columns": columns},
            remedy=_LEAVE_OUT,
        )
    ]


def around_0(solved: Solved, X: Stream, fit_intercept: bool) -> Solved:
    """The solution with each category's coefficients around 0, as those of least norm are; what it expects is the same.

    Levels add up to the intercept's column, and those of several categories to each other's.
    """
    ends = np.cumsum([len(X.numbers), *X.levels])
    parts = [slice(*at) for at in pairwise(ends) if at[1] > at[0]]
    if len(parts) + fit_intercept < 2:
        return solved
    which = "those of the least norm that this allows are given"
    if X.dtype == np.float32:
        # Rounded again they would be worth less than is told.
        which = "one answer of many is given"
    else:
        coef, intercept = solved.coef.copy(), solved.intercept.copy()
        means = np.array([coef[0, part].mean() for part in parts])
        sizes = np.array([part.stop - part.start for part in parts])
        # Without an intercept what is taken from one is given to the others.
        moved = means if fit_intercept else means - means.sum() / (1.0 / sizes).sum() / sizes
        for part, by in zip(parts, moved, strict=True):
            coef[0, part] -= by
        intercept += moved.sum() if fit_intercept else 0.0
        x = np.concatenate([coef[0], intercept[: len(solved.result.x) - coef.shape[1]]])
        solved = replace(solved, coef=coef, intercept=intercept)
        solved.result["x"] = x
    beside = ", as the intercept does" if fit_intercept else ""
    said = f"The levels of each category add up to one{beside}: other coefficients fit as well, and {which}."
    solved.result["findings"].append(Finding("dependent_columns", "note", said, remedy=_LEAVE_OUT))
    return solved


def multi_task(
    X: Any,
    y: NDArray[Any],
    weight: Floats | None,
    fit_intercept: bool,
    names: Any,
    *,
    lengths: float,
    ridge: float,
    tol: float,
    start: Floats | None,
    max_iter: int | None,
) -> list[Solved]:
    """Minimises the sum over targets of what `least_squares` does, and lengths * sum of the columns' lengths over them.

    One solution, of all targets.
    """
    (d, targets) = X.shape[1], y.shape[1]
    asked = _asked(X, fit_intercept, names, ridge, tol)
    answer = _core.multi_task(X, _columns(y), asked, lengths, weight, start, max_iter)
    x = answer["x"]
    coef = x[: targets * d].reshape(targets, d).copy()
    intercept = x[targets * d :].copy() if fit_intercept else np.zeros(targets)
    return [Solved(coef, intercept, Result.of(answer))]


def reduced(
    X: Any, y: NDArray[Any], weight: Floats | None, fit_intercept: bool, names: Any
) -> tuple[Floats, Floats, Floats, Floats]:
    """As few rows as columns that stand for all, their targets, and what the intercepts follow from.

    F of the rows handed over, each with weight 1 and without an intercept, is F of the table; the intercepts are the
    third less the fourth times coefficients.
    """
    return _core.reduced(X, _columns(y), _asked(X, fit_intercept, names, 0.0, 0.0), weight)


def _columns(y: NDArray[Any]) -> Floats:
    """One target after another."""
    return np.ascontiguousarray(np.asarray(y, dtype=np.float64).reshape(len(y), -1).T).ravel()


def _asked(X: Any, fit_intercept: bool, names: Any, ridge: float, tol: float) -> dict[str, Any]:
    return {
        "intercept": bool(fit_intercept),
        "ridge": float(ridge),
        "tol": float(tol),
        "narrow": X.dtype == np.float32,
        "names": None if names is None else [str(name) for name in names],
    }
