"""A quadratic penalty with a matrix, ½ w′P w, as one of a square each: the problem in the axes of the matrix.

With P = V diag(λ) V′ and w = V u the margins are (X V) u and the penalty is Σ ½ λ_j u_j²: ``l2`` with a weight for each
column, 0 in the directions that P leaves free. V only turns, so nothing is scaled; every method, budget and proof of
the core holds as it is, and of the very same objective. The price is X V, a dense table: P's eigenvectors are found
once (features cubed) and X is multiplied by them once. Where P is diagonal its axes are the columns, and X stays what
it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from steepest._types import Floats
from steepest.errors import InputError
from steepest.result import Result
from steepest.tables.stream import Stream

from .problem import Problem, Solved

__all__ = ["Turned", "axes_of", "in_order_of"]

#: By how much, beside its largest number, a matrix may miss being symmetric, or its least eigenvalue 0.
_OFF = 1e-10
#: Numbers of a table that is made dense at most.
_LARGE = 2e8


def in_order_of(P: Any, names: Any) -> Any:
    """A frame by the names of the table's columns, where both have names; anything else as it is."""
    own = getattr(P, "columns", None)
    if own is None or names is None or getattr(P, "index", None) is None:
        return P
    if all(isinstance(name, (int, np.integer)) for name in own):
        return P
    if sorted(map(str, own)) != sorted(map(str, names)) or sorted(map(str, P.index)) != sorted(map(str, own)):
        raise InputError(
            f"penalty_matrix has other names than the columns of X: {list(own)!r:.80} beside {list(names)!r:.80}"
        )
    return P.loc[list(names), list(names)]


def axes_of(P: Any, columns: int) -> tuple[Floats, Floats | None]:
    """The eigenvalues of a penalty's matrix and, in columns, their axes; None where they are the table's columns.

    Raises
    ------
    InputError
        It has another shape, a number that is not finite, is not symmetric, or has an eigenvalue below 0.
    """
    thin = sparse.issparse(P)
    given: Any
    if np.iscomplexobj(P):
        raise InputError("penalty_matrix must be of real numbers; it has complex ones")
    try:
        given = P.tocoo() if thin else np.asarray(P, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"penalty_matrix must be numbers, {columns} x {columns}; got {P!r:.80}") from None
    if given.shape != (columns, columns):
        raise InputError(
            f"penalty_matrix must be of shape ({columns}, {columns}), a row and a column for each feature; got "
            f"{given.shape}"
        )
    if thin:
        if (given.row == given.col).all() or not given.data[given.row != given.col].any():
            return _plain(np.asarray(given.todia().diagonal(), dtype=np.float64)), None
        given = given.toarray().astype(np.float64)
    strange = ~np.isfinite(given)
    if strange.any():
        row, column = np.argwhere(strange)[0]
        raise InputError(
            f"penalty_matrix must be finite; got {given[row, column]} in row {row}, column {column}"
        )
    off = np.abs(given - given.T)
    if off.max(initial=0.0) > _OFF * np.abs(given).max(initial=0.0):
        row, column = np.unravel_index(int(off.argmax()), off.shape)
        raise InputError(
            f"penalty_matrix must be symmetric; row {row}, column {column} is {given[row, column]:g} and row {column}, "
            f"column {row} is {given[column, row]:g}: (P + P.T) / 2 is the same penalty"
        )
    if not np.any(given - np.diag(np.diag(given))):
        return _plain(np.diag(given).copy()), None
    values, axes = np.linalg.eigh((given + given.T) / 2)
    return _least_0(values), axes


def _plain(diagonal: Floats) -> Floats:
    """A diagonal as it stands: its numbers are exact, whatever their sizes."""
    wrong = ~(np.isfinite(diagonal) & (diagonal >= 0.0))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise InputError(
            f"penalty_matrix must be finite and positive semi-definite; got {diagonal[place]:g} in row {place}, "
            f"column {place}"
        )
    return diagonal


def _least_0(values: Floats) -> Floats:
    """Eigenvalues of which none is below 0; those that rounding has left of 0 are 0."""
    least, most = values.min(initial=0.0), np.abs(values).max(initial=0.0)
    if least < -_OFF * most:
        raise InputError(
            f"penalty_matrix must be positive semi-definite; its least eigenvalue is {least:g}, its largest "
            f"{values.max():g}: w'P w then falls without end"
        )
    return np.where(values > len(values) * np.finfo(np.float64).eps * most, values, 0.0)


@dataclass(frozen=True, kw_only=True)
class Turned(Problem):
    """A problem whose columns are seen along `axes`: what comes in and goes out is of the columns themselves.

    Attributes
    ----------
    axes : array of shape (columns, columns)
        Orthogonal; the penalty's factors are of its columns.
    matrix : array of shape (columns, columns)
        The penalty's own.
    """

    axes: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    matrix: Floats = field(default_factory=lambda: np.zeros((0, 0)), repr=False, compare=False)
    #: The last table, and itself along the axes: several targets have one.
    _last: list[Any] = field(default_factory=list, repr=False, compare=False)

    def _table(self, X: Any) -> Floats:
        """The table along the axes."""
        if self._last and self._last[0] is X:
            return np.asarray(self._last[1])
        if isinstance(X, Stream):
            raise InputError(
                "penalty_matrix takes rows in memory, which it turns into its own axes: read the table first, or pass "
                "a diagonal matrix"
            )
        given, thin = X, sparse.issparse(X)
        rows, columns = given.shape
        if thin and rows * columns > _LARGE:
            raise InputError(
                f"penalty_matrix makes X dense, {rows} x {columns} numbers, and takes {_LARGE:g} at most of a sparse "
                "one: pass a diagonal matrix, which leaves it sparse, or an array"
            )
        dense = np.asarray(given.toarray() if thin else given, dtype=np.float64)
        # A number that is not finite would be in every column: the core names its own.
        turned = dense if not np.isfinite(dense).all() else dense @ self.axes
        self._last[:] = [X, turned]
        return turned

    def _into(self, start: tuple[Floats, ...] | None) -> tuple[Floats, ...] | None:
        if start is None:
            return None
        coef = np.asarray(start[0], dtype=np.float64).reshape(self.outputs, -1)
        return (coef @ self.axes, *start[1:])

    def _out(self, solved: Solved) -> Solved:
        """The same of the columns themselves."""
        result = Result(solved.result)
        for name in ("x", "jac"):
            if result[name] is not None:
                result[name] = self._flat_out(result[name])
        coef = solved.coef @ self.axes.T
        return Solved(coef, solved.intercept, result, solved.learnt, solved.loss)

    def _flat_out(self, x: Any) -> Floats:
        """A point, or a gradient, as the core lays variables out."""
        point: Floats = np.array(x, dtype=np.float64)
        columns, width = len(self.axes), len(self.axes) + bool(self.intercept)
        seen = point[: self.outputs * width].reshape(self.outputs, width)
        seen[:, :columns] = seen[:, :columns] @ self.axes.T
        return point

    def solve(
        self, X: Any, y: Any, weight: Any = None, *, start: tuple[Floats, ...] | None = None, **more: Any
    ) -> Solved:
        """As `Problem.solve`; `X`, `start` and the solution are of the columns themselves."""
        solved = self._out(super().solve(self._table(X), y, weight, start=self._into(start), **more))
        self._is_of(solved)
        return solved

    def _is_of(self, solved: Solved) -> None:
        """Refuses a matrix whose axes rounding has left too coarse: what was proved is of another objective then."""
        coef = np.reshape(solved.coef, (self.outputs, -1))
        own = np.einsum("kj,jl,kl->", coef, self.matrix, coef)
        seen = np.sum(np.asarray(self.factors) * (coef @ self.axes) ** 2)
        off, fun = 0.5 * self.alpha * abs(own - seen), abs(float(solved.result.fun))
        if off > self.tol * max(fun, np.finfo(np.float64).tiny):
            raise InputError(
                f"penalty_matrix has eigenvalues so far apart that along its axes rounding makes {off:.3g} of the "
                f"objective, which is {fun:.3g}: measure the columns in units in which its diagonal is of one size"
            )

    def strongest(self, X: Any, y: Any, weight: Any = None, **more: Any) -> tuple[float, Floats]:
        """As `Problem.strongest`; the variables are along the axes, as `along` takes them."""
        return super().strongest(self._table(X), y, weight, **more)

    def along(self, alphas: Floats, X: Any, y: Any, weight: Any = None, **more: Any) -> list[Solved]:
        """As `Problem.along`, where `start` is what `strongest` gave."""
        found = [self._out(solved) for solved in super().along(alphas, self._table(X), y, weight, **more)]
        for alpha, solved in zip(alphas.tolist(), found, strict=False):
            replace(self, alpha=alpha)._is_of(solved)
        return found

    def _known(self) -> dict[str, Any]:
        return {**super()._known(), "axes": self.axes}
