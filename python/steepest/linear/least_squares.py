"""Ordinary least squares: an orthogonal factorisation by blocks, then the solution of least norm; sparse tables, for
which such a factor would be dense and large, by LSMR."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Integral, Real
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, lsmr
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from steepest.result import Result

from .estimator import LinearRegressor
from .problem import Problem, Solved

__all__ = ["LinearRegression"]

Floats = NDArray[np.float64]

# Rows of a block, in units of columns: the factor of a block then costs little beside reading it.
_BLOCK = 8
# A factorisation that takes more multiplications than this (about .2 s) is left to LSMR where the table is sparse,
# and one of more columns is not made at all.
_DEAR, _WIDE = 1e9, 5000
# How small LSMR makes the part of the residual that the columns explain.
_SMALL = 1e-13


class LinearRegression(LinearRegressor):
    """Ordinary least squares: exactly the minimiser, and the one of least norm where there are many.

    Minimises sum(weight * (y - Xw - b)^2), scikit-learn's objective. In terms of `steepest`: loss
    ``squared``, no penalty. The rows, centred, are reduced to a triangle by orthogonal (QR) factorisation,
    block by block, and the triangle is solved by singular values: no normal equations, whose condition is
    the square. Large sparse tables go to LSMR, which finds the same solution by products alone; it is not
    proved then (the certificate says ``stationary``).

    Parameters are scikit-learn's `LinearRegression`. `tol`, `copy_X` and `n_jobs` are taken and have no
    effect: the answer is as exact as the arithmetic, and X is never changed. With ``positive=True`` the
    coefficients are held at or above 0, and `tol` bounds the objective's distance from its optimum, relative
    to its value.

    Parameters
    ----------
    fit_intercept : bool, default True
    positive : bool, default False
    copy_X, tol, n_jobs
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (features,) or (targets, features)
    intercept_ : float or ndarray of shape (targets,)
    rank_ : int
        The rank of the centred columns; not there after LSMR.
    singular_ : ndarray
        Their singular values; not there after LSMR.
    result_ : Result
        How it ended; of several targets the one farthest from its goal. `results_` has all.

    Examples
    --------
    >>> from steepest.linear import LinearRegression
    >>> model = LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> round(float(model.coef_[0]), 6), round(float(model.intercept_), 6)
    (2.0, 1.0)

    References
    ----------
    Golub and Van Loan, Matrix Computations, 4th edition, sections 5.3 and 5.5. LSMR: Fong and Saunders 2011,
    https://doi.org/10.1137/10079687X.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [None, Integral],
        "positive": ["boolean"],
    }

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        positive: bool = False,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LinearRegression:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,) or (rows, targets)
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        """
        X, y = self._checked(X, y, multi_output=True, y_numeric=True)
        targets = 1 if y.ndim == 1 else y.shape[1]
        weight = self._weights(sample_weight, X)
        if self.positive:
            problem = Problem(
                penalty="none", intercept=self.fit_intercept, bounds=(0.0, np.inf), tol=self.tol
            )
            self._keep(self._fit_targets(X, y, [problem] * targets, weight), X, y)
            return self
        started = perf_counter()
        columns = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        table = _Table(X, columns, weight, self.fit_intercept, self._names())
        found = by_products(table) if table.dear else None
        if found is None:
            coef, self.rank_, self.singular_, ends = by_factors(table)
        else:
            coef, ends = found
            # What an earlier fit knew is not of these columns.
            for known in ("rank_", "singular_"):
                self.__dict__.pop(known, None)
        intercept = table.level - coef @ table.centre
        seconds = perf_counter() - started
        solved = [
            Solved(coef[k : k + 1], intercept[k : k + 1], _result(coef[k], ends[k], seconds))
            for k in range(targets)
        ]
        self._keep(solved, X, y)
        return self


@dataclass(frozen=True)
class _End:
    """The value reached, how far it may be from the least, and how that is known."""

    value: float
    bound: float
    steps: int = 1
    proved: bool = True
    done: bool = True


class _Table:
    """Rows and targets with their shares, and the means that both are centred by."""

    def __init__(self, X: Any, y: Floats, weight: Floats | None, fit_intercept: bool, names: Any) -> None:
        n, d = X.shape
        self.X, self.y = X, y
        self.share = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
        self.total = float(n if weight is None else weight.sum())
        self.centre, self.level = np.zeros(d), np.zeros(y.shape[1])
        if fit_intercept:
            self.centre = np.asarray(self.share @ X, dtype=np.float64).ravel()
            self.level = self.share @ y
        if not np.all(np.isfinite(self.centre)) or not fit_intercept:
            _refuse_unless_finite(X, names)
        #: whether products alone may be cheaper than a factorisation
        self.dear = sparse.issparse(X) and min(n, d) * n * d > _DEAR


def by_factors(table: _Table) -> tuple[Floats, int, Floats, list[_End]]:
    """Coefficients (targets x columns), rank, singular values, and how each target ended."""
    X, y = table.X, table.y
    n, d = X.shape
    root = np.sqrt(table.share)
    triangle = np.empty((0, d + y.shape[1]))
    rows = max(_BLOCK * (d + y.shape[1]), 1024)
    for at in range(0, n, rows):
        here = slice(at, at + rows)
        block = np.hstack([_dense(X[here]) - table.centre, y[here] - table.level]) * root[here, None]
        triangle = np.vstack([triangle, block])
        if len(triangle) > triangle.shape[1]:
            (triangle,) = _heard(linalg.qr, triangle, mode="r", overwrite_a=True, check_finite=False)
            triangle = triangle[: triangle.shape[1]]
    square, target = triangle[:, :d], triangle[:, d:]
    across = None
    if len(square) < d:
        # A = R'Q': the solution of least norm lies in what the rows span.
        across, upper = _heard(linalg.qr, square.T, mode="economic", check_finite=False)
        square = upper.T
    left, singular, right = _heard(linalg.svd, square, full_matrices=False, check_finite=False)
    held = singular > max(n, d) * np.finfo(np.float64).eps * singular.max(initial=0.0)
    space = left[:, held]
    solution = right[held].T @ ((space.T @ target) / singular[held, None])
    # The part of the residual that the columns still could explain is the distance from the optimum.
    residual = target - square @ solution
    explained = 0.5 * np.sum((space.T @ residual) ** 2, axis=0)
    value = 0.5 * np.sum(residual**2, axis=0)
    if across is not None:
        solution = across @ solution
    ends = [_End(v, b) for v, b in zip(value.tolist(), explained.tolist(), strict=True)]
    return np.ascontiguousarray(solution.T), int(held.sum()), singular * np.sqrt(table.total), ends


class _Products:
    """A sparse table, centred, its rows weighted and its columns multiplied, as LSMR takes it."""

    def __init__(self, table: _Table) -> None:
        self.X = table.X.tocsr().astype(np.float64, copy=False)
        self.across = self.X.T.tocsr()
        self.root, self.centre = np.sqrt(table.share), table.centre
        self.most = 10 * min(self.X.shape)

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
        return times * x, _End(value, min(left, value), int(steps), proved=False, done=why != 7)

    def times(self, v: Floats) -> Floats:
        """A v."""
        return np.asarray(self.root * (self.X @ v - self.centre @ v))

    def scales(self) -> Floats | None:
        """What makes the columns alike, if the solution is then the same, the only one; None where it is not.

        It is the only one if another known one, drawn at random, is found again.
        """
        if self.X.shape[0] < self.X.shape[1]:
            return None
        square = self.X.multiply(self.X).T @ self.root**2 - self.centre**2
        if not square.min() > 0:
            return None
        times = 1.0 / np.sqrt(square)
        drawn = times * np.random.default_rng(0).standard_normal(len(times))
        found, end = self.solve(self.times(drawn), times)
        off = np.linalg.norm((found - drawn) / times)
        return times if end.done and off <= 1e-6 * np.linalg.norm(drawn / times) else None


def by_products(table: _Table) -> tuple[Floats, list[_End]] | None:
    """The same by LSMR; None where that is too slow and a factorisation is not too large."""
    products = _Products(table)
    times = products.scales()
    if times is None:
        times = np.ones(len(table.centre))
    coef, ends = np.empty((table.y.shape[1], len(times))), []
    for k, target in enumerate((products.root[:, None] * (table.y - table.level)).T):
        coef[k], end = products.solve(target, times)
        if not end.done and len(times) <= _WIDE:
            return None
        ends.append(end)
    return coef, ends


def _heard(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What LAPACK finds, on a thread of its own: meanwhile this one hears Ctrl-C, and then nobody waits for it."""
    aside = ThreadPoolExecutor(1)
    try:
        return aside.submit(function, *arguments, **named).result()
    finally:
        aside.shutdown(wait=False)


def _dense(block: Any) -> Floats:
    whole: Any = block.toarray() if sparse.issparse(block) else block  # type: ignore[attr-defined]
    return np.asarray(whole, dtype=np.float64)


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
    raise ValueError(
        f"column {name} row {row} is not finite: Input X contains {what}. "
        "Drop the row, or impute the value first"
    )


def _result(x: Floats, end: _End, seconds: float) -> Result:
    """How it ended."""
    slack = 8 * np.finfo(np.float64).eps * end.value
    if end.proved:
        message = "Converged: an orthogonal factorisation solves it exactly."
        reason = "squares without a penalty have a solution in closed form"
        assumption = "the triangle stands for the rows to the precision of the arithmetic"
    else:
        message = "Converged: nothing that the columns explain is left in the residual, to rounding."
        reason = "a large sparse table: products alone find the solution of least norm"
        assumption = "the least singular value is as LSMR estimates it: nothing is proved"
    if not end.done:
        message = "Stopped: the budget of iterations is spent; columns of one scale, or Ridge, need fewer."
    return Result.of(
        {
            "x": x,
            "fun": end.value,
            "success": end.done,
            "status": 0 if end.done else 1,
            "outcome": "converged" if end.done else "budget",
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
                "bound": end.bound + slack,
                "target": max(1e-6 * end.value, slack),
                "assumption": assumption,
            },
        }
    )
