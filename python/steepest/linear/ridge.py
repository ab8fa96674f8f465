"""Least squares with an l2 penalty."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from steepest.checkpoint import check
from steepest.errors import InputError
from steepest.tables.stream import Stream

from .estimator import LinearRegressor
from .problem import Problem, Solved
from .squares import around_0, least_squares

__all__ = ["Ridge"]

# Multiplications of an orthogonal factorisation that cost no more than a few reads of the data.
_CHEAP = 3e7
# scikit-learn's solvers that count no iterations.
_UNCOUNTED = ("svd", "cholesky", "sparse_cg")


class Ridge(LinearRegressor):
    """Least squares with an l2 penalty, from raw columns.

    Minimises sum(weight * (y - Xw - b)^2) + alpha ||w||^2, scikit-learn's objective. In terms of `steepest`:
    loss ``squared``, penalty ``l2``, alpha divided by sum(weight). Small dense tables are solved exactly, by
    orthogonal factors, as is ``alpha=0``: of many solutions that is the one of least norm, as `LinearRegression` has.

    Parameters are scikit-learn's `Ridge`. Announced departures: ``tol=1e-6`` bounds the objective's
    distance from its optimum relative to its value. A solver's name states no other objective, so any is
    taken; `copy_X`, `solver` and `random_state` have no further effect. X is never changed.

    Parameters
    ----------
    alpha : float or array of shape (targets,), default 1.0
        The weight of the penalty, at least 0; one for each target if it is an array.
    fit_intercept : bool, default True
    positive : bool, default False
        Holds the coefficients at or above 0.
    max_iter : int or None, default None
        None is without limit.
    tol : float, default 1e-6

    Attributes
    ----------
    coef_ : ndarray of shape (features,) or (targets, features)
    intercept_ : float or ndarray of shape (targets,)
    n_iter_ : ndarray of shape (targets,) or None
        None for the solvers' names of which scikit-learn counts no iterations.
    solver_ : str
        The solver's name; where that is ``auto``, the method taken, which ``result_.method`` always says.
    result_ : Result
        How it ended; of several targets the one farthest from its goal. `results_` has all.

    Examples
    --------
    >>> from steepest.linear import Ridge
    >>> model = Ridge(alpha=1.0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> round(float(model.coef_[0]), 4)
    0.6667

    References
    ----------
    Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"})],
        "positive": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-6,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, checkpoint: Any = None) -> Ridge:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or rows that are read while they are computed with: names of files, a function or an iterator that gives
            batches, a lazy frame, a data set. What has one value a row is then given by its column's name, and columns
            of texts are categories (`categories_`, `coef_names_`).
        y : array of shape (rows,) or (rows, targets)
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there. What is
            solved exactly, in one go, leaves no file.

        Returns
        -------
        Ridge
            The estimator itself, fitted.

        Raises
        ------
        InputError
            If alpha is below 0 or not finite.
        """
        X, y = self._checked(X, y, (sample_weight,), multi_output=True, y_numeric=True)
        self._check_solver()
        targets = 1 if y.ndim == 1 else y.shape[1]
        alphas = np.asarray(self.alpha, dtype=np.float64).ravel()
        if alphas.size not in (1, targets):
            raise ValueError(
                f"Number of targets and number of penalties do not correspond: {alphas.size} != {targets}"
            )
        if not np.all(alphas >= 0.0) or not np.all(np.isfinite(alphas)):
            raise InputError(f"alpha must be at least 0 and finite; got {self.alpha!r}")
        weight = self._weights(sample_weight, X)
        total = float(X.shape[0] if weight is None else weight.sum()) or 1.0
        shares = np.broadcast_to(alphas, (targets,)) / total
        self._keep(self._solved(X, y, shares, weight, checkpoint), X, y)
        counts = np.array([max(1, r.nit) for r in self.results_], dtype=np.int32)
        self.n_iter_ = None if self.solver in _UNCOUNTED else counts
        self.solver_ = self.result_.method if self.solver == "auto" else self.solver
        return self

    def _unconverged(self, steps: int) -> str:
        return "lbfgs solver did not converge" if self.solver == "lbfgs" else ""

    def _check_solver(self) -> None:
        """What scikit-learn refuses of its solvers' names."""
        if self.positive and self.solver not in ("auto", "lbfgs"):
            raise ValueError(
                f"solver='{self.solver}' does not support positive fitting. Please set the solver to 'auto' or "
                "'lbfgs', or set `positive=False`"
            )
        if self.solver == "lbfgs" and not self.positive:
            raise ValueError("'lbfgs' solver can be used only when positive=True. Please use another solver.")

    def _solved(
        self, X: Any, y: NDArray[Any], shares: NDArray[Any], weight: Any, checkpoint: Any
    ) -> list[Solved]:
        """Each target's solution: by factors where that is cheap or the penalty is 0, for then many may be best."""
        columns = y.reshape(len(y), -1)
        check(checkpoint)
        problems = [
            Problem(
                penalty="l2",
                alpha=share,
                intercept=self.fit_intercept,
                bounds=(0.0, np.inf) if self.positive else None,
                tol=self.tol,
                max_iter=self.max_iter,
            )
            for share in shares
        ]
        if self.positive:
            return self._fit_targets(X, y, problems, weight, checkpoint=checkpoint)
        streamed = isinstance(X, Stream)
        cheap = not sparse.issparse(X) and not streamed and X.shape[0] * X.shape[1] * min(X.shape) <= _CHEAP
        solved: dict[int, Solved] = {}
        factored = np.full(len(shares), cheap) | ((shares == 0.0) & (not streamed))
        for share in np.unique(shares[factored]):
            here = np.flatnonzero(factored & (shares == share))
            found = least_squares(
                X, columns[:, here], weight, self.fit_intercept, self._names(), ridge=share, tol=self.tol
            ).solved
            solved.update(zip(here.tolist(), found, strict=True))
        if len(here := np.flatnonzero(~factored)):
            those = [problems[k] for k in here]
            found = self._fit_targets(X, columns[:, here], those, weight, checkpoint=checkpoint)
            for k, one in zip(here.tolist(), found, strict=True):
                many = streamed and shares[k] == 0.0
                solved[k] = around_0(one, X, self.fit_intercept) if many else one
        return [solved[k] for k in range(len(shares))]
