"""Ordinary least squares, exact: an orthogonal factorisation by blocks, then the least-norm solution."""

from __future__ import annotations

from numbers import Integral, Real
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from steepest.result import Result

from .estimator import LinearRegressor
from .problem import Problem, Solved

__all__ = ["LinearRegression"]

Floats = NDArray[np.float64]

# Rows of a block, in units of columns: the factor of a block then costs little beside reading it.
_BLOCK = 8


class LinearRegression(LinearRegressor):
    """Ordinary least squares: exactly the minimiser, and the one of least norm where there are many.

    Minimises sum(weight * (y - Xw - b)^2), scikit-learn's objective. In terms of `steepest`: loss
    ``squared``, no penalty. The rows, centred, are reduced to a triangle by orthogonal (QR) factorisation,
    block by block, and the triangle is solved by singular values: no normal equations, whose condition is
    the square.

    Parameters are scikit-learn's `LinearRegression`. `tol`, `copy_X` and `n_jobs` are taken and have no
    effect: the answer is exact, and X is never changed. With ``positive=True`` the coefficients are held at
    or above 0, and `tol` bounds the objective's distance from its optimum relative to its value.

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
        The rank of the centred columns.
    singular_ : ndarray
        Their singular values.
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
    Golub and Van Loan, Matrix Computations, 4th edition, sections 5.3 and 5.5.
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
        coef, intercept, self.rank_, self.singular_, bounds = least_squares(
            X, columns, weight, self.fit_intercept, self._names()
        )
        seconds = perf_counter() - started
        solved = [
            Solved(coef[k : k + 1], intercept[k : k + 1], _result(coef[k], *bounds[k], seconds))
            for k in range(targets)
        ]
        self._keep(solved, X, y)
        return self


def least_squares(
    X: Any, y: Floats, weight: Floats | None, fit_intercept: bool, names: Any
) -> tuple[Floats, Floats, int, Floats, list[tuple[float, float]]]:
    """Coefficients (targets x columns), intercepts, rank, singular values, and (value, bound) by target."""
    n, d = X.shape
    share = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
    centre = np.zeros(d)
    level = np.zeros(y.shape[1])
    if fit_intercept:
        centre = np.asarray(share @ X, dtype=np.float64).ravel()
        level = share @ y
    if not np.all(np.isfinite(centre)) or not fit_intercept:
        _refuse_unless_finite(X, names)
    root = np.sqrt(share)
    triangle = np.empty((0, d + y.shape[1]))
    rows = max(_BLOCK * (d + y.shape[1]), 1024)
    for at in range(0, n, rows):
        here = slice(at, at + rows)
        block = np.hstack([_dense(X[here]) - centre, y[here] - level]) * root[here, None]
        triangle = np.vstack([triangle, block])
        if len(triangle) > triangle.shape[1]:
            triangle = linalg.qr(triangle, mode="r", overwrite_a=True, check_finite=False)[0][
                : triangle.shape[1]
            ]
    cutoff = max(n, d) * np.finfo(np.float64).eps
    solution, _, rank, singular = linalg.lstsq(
        triangle[:, :d], triangle[:, d:], cond=cutoff, check_finite=False
    )
    coef = np.ascontiguousarray(solution.T)
    # The part of the residual that the columns still could explain is the distance from the optimum.
    left, values, _ = linalg.svd(triangle[:, :d], full_matrices=False, check_finite=False)
    space = left[:, values > cutoff * values.max(initial=0.0)]
    residual = triangle[:, d:] - triangle[:, :d] @ solution
    explained = 0.5 * np.sum((space.T @ residual) ** 2, axis=0)
    value = 0.5 * np.sum(residual**2, axis=0)
    intercept = level - coef @ centre
    return (
        coef,
        intercept,
        int(rank),
        singular * np.sqrt(n if weight is None else weight.sum()),
        list(zip(value.tolist(), explained.tolist(), strict=True)),
    )


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


def _result(x: Floats, value: float, bound: float, seconds: float) -> Result:
    """How it ended: the energy left in the triangle bounds the distance."""
    slack = 8 * np.finfo(np.float64).eps * value
    return Result.of(
        {
            "x": x,
            "fun": value,
            "success": True,
            "status": 0,
            "outcome": "converged",
            "message": "Converged: an orthogonal factorisation solves it exactly.",
            "nit": 1,
            "nfev": 1,
            "njev": 1,
            "passes": 2.0,
            "seconds": seconds,
            "method": "least_squares",
            "reason": "squares without a penalty have a solution in closed form",
            "certificate": {
                "kind": "energy_norm",
                "bound": bound + slack,
                "target": max(1e-6 * value, slack),
                "assumption": "the triangle stands for the rows to the precision of the arithmetic",
            },
        }
    )
