"""Ordinary least squares."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from steepest._types import Floats
from steepest.checkpoint import check
from steepest.tables.stream import Stream

from .estimator import LinearRegressor
from .inference import Inferred
from .problem import Problem, Solved, solve_all
from .squares import around_0, least_squares, reduced

__all__ = ["LinearRegression"]


# Multiplications, and columns, up to which a table is reduced before its coefficients are held at or above 0.
_CHEAP, _NARROW = 1e8, 300


class LinearRegression(Inferred, LinearRegressor):
    """Ordinary least squares: exactly the minimiser, and the one of least norm where there are many.

    Minimises sum(weight * (y - Xw - b)^2), scikit-learn's objective. In terms of `steepest`: loss
    ``squared``, no penalty. The rows, centred, are reduced to a triangle by orthogonal (QR) factorisation,
    block by block, and the triangle by the same with pivots: no normal equations, whose condition is
    the square. Large sparse tables go to LSMR, which finds the same solution by products alone. Where
    columns are few (up to 800, and up to 2000 where their products with each other take less than half of the
    table's memory) a Cholesky factor of these proves it; of more columns, or where they depend on each other, the
    certificate says ``estimated``, and up to what distance a lower point is excluded. Of rows that are read while they
    are computed with, the norm is the least that the levels of categories allow; where other columns depend on each
    other, it is one answer of many.

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

    # As scikit-learn's does, unlike its other regressors.
    _keeps_column = True

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

    def _inferred(self) -> tuple[str, dict[str, float], bool]:
        return "squared", {}, self.positive

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, checkpoint: Any = None) -> LinearRegression:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or rows that are read while they are computed with: names of files, a function or an iterator that gives
            batches, a lazy frame, a data set. What has one value a row is then given by its column's name, and columns
            of texts are categories (`categories_`, `coef_names_`).
        y : array of shape (rows,) or (rows, targets)
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there. What is
            solved exactly, in one go, leaves no file.

        Returns
        -------
        LinearRegression
            The estimator itself, fitted.
        """
        X, y = self._checked(X, y, (sample_weight,), multi_output=True, y_numeric=True)
        weight = self._weights(sample_weight, X)
        check(checkpoint)
        if self.positive:
            self._keep(self._positive(X, y, weight, checkpoint), X, y)
            return self
        if isinstance(X, Stream):
            # Nothing is factored that does not lie in memory.
            problem = Problem(intercept=self.fit_intercept, tol=self.tol)
            columns = y.reshape(len(y), -1)
            problems = [problem] * columns.shape[1]
            several = self._fit_targets(X, columns, problems, weight, checkpoint=checkpoint)
            self._keep([around_0(one, X, self.fit_intercept) for one in several], X, y)
            return self
        found = least_squares(X, y, weight, self.fit_intercept, self._names(), tol=self.tol)
        for name, known in (("rank_", found.rank), ("_triangle", found.triangle)):
            # What an earlier fit knew is not of these columns.
            self.__dict__.pop(name, None)
            if known is not None:
                setattr(self, name, known)
        self._columns = min(X.shape)
        self._keep(found.solved, X, y)
        return self

    @property
    def singular_(self) -> Floats:
        """The singular values of the centred columns, the largest first; found when asked for."""
        triangle = self.__dict__.get("_triangle")
        if triangle is None:
            raise AttributeError(f"{type(self).__name__} has no singular values of this fit")
        found = np.zeros(self._columns)
        values = np.linalg.svd(triangle, compute_uv=False) if triangle.size else found
        found[: len(values)] = values
        return found

    def _positive(self, X: Any, y: NDArray[Any], weight: Any, checkpoint: Any) -> list[Solved]:
        """Coefficients at or above 0.

        Narrow tables are reduced first, and solved by their active sets: of many solutions weights and repeated rows
        then have the same one. The descent begins there, and says how far from the optimum that is.
        """
        columns = y.reshape(len(y), -1)
        problem = Problem(penalty="none", intercept=self.fit_intercept, bounds=(0.0, np.inf), tol=self.tol)
        streamed = isinstance(X, Stream)
        if streamed or X.dtype != np.float64 or X.shape[0] * X.shape[1] ** 2 > _CHEAP or X.shape[1] > _NARROW:
            return self._fit_targets(X, columns, [problem] * columns.shape[1], weight, checkpoint=checkpoint)
        rows, targets, level, centre = reduced(X, columns, weight, self.fit_intercept, self._names())
        if not len(rows):
            # One row less its mean is nothing.
            return self._fit_targets(X, columns, [problem] * columns.shape[1], weight)
        problem = replace(problem, intercept=False)
        starts = [_active(rows, target) for target in targets.T]
        problems = [problem] * len(starts)
        found = solve_all(problems, rows, targets.T, starts=starts, checkpoint=checkpoint)
        intercepts = level - np.vstack([f.coef for f in found]) @ centre
        return [replace(f, intercept=b) for f, b in zip(found, intercepts[:, None], strict=True)]


def _active(rows: Floats, target: Floats) -> tuple[Floats, Floats] | None:
    """The coefficients by active sets (Lawson and Hanson 1974), columns of one length; None if that fails."""
    length = np.linalg.norm(rows, axis=0)
    length[~(length > 0.0)] = 1.0
    try:
        return nnls(rows / length, target)[0] / length, np.zeros(1)
    except (RuntimeError, ValueError):
        return None
