"""Least squares of several targets, each column kept for all of them or dropped for all."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from steepest.tables.stream import Stream

from .estimator import LinearRegressor
from .problem import Problem, Solved
from .squares import least_squares, multi_task

__all__ = ["MultiTaskElasticNet", "MultiTaskLasso"]


class MultiTaskElasticNet(LinearRegressor):
    """Least squares of several targets with a penalty that keeps a column for all of them or drops it for all.

    Minimises ``sum((Y - XW - b)**2) / (2 n) + alpha * (l1_ratio * lengths(W) + (1 - l1_ratio) * sum(W**2) / 2)``,
    scikit-learn's objective, where ``lengths`` is the sum over the columns of the length of their coefficients; with
    weights the first term is ``sum(weight * |r|^2) / (2 sum(weight))``.

    Parameters are scikit-learn's `MultiTaskElasticNet`. Announced departures: ``tol=1e-6`` bounds the objective's
    distance from its optimum relative to its value (``result_.certificate`` proves it, by a dual point), and
    ``max_iter=None`` is without limit. `copy_X`, `random_state` and `selection` state how to compute, which is decided
    here: they are taken and have no effect; X is never copied and never changed.

    Parameters
    ----------
    alpha : float, default 1.0
        The weight of the penalty, at least 0.
    l1_ratio : float, default 0.5
        The share of the lengths, 0 to 1.
    fit_intercept : bool, default True
    warm_start : bool, default False
        Starts where the last fit ended.
    tol, max_iter
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (targets, features)
    intercept_ : ndarray of shape (targets,)
    n_iter_ : int
    dual_gap_ : float
        The certificate's bound: the objective is at most this far above its optimum.
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from steepest.linear import MultiTaskElasticNet
    >>> X, Y = make_regression(n_features=20, n_informative=3, n_targets=4, random_state=0)
    >>> model = MultiTaskElasticNet(alpha=10.0, l1_ratio=0.9).fit(X, Y)
    >>> model.coef_.shape, model.result_.success
    ((4, 20), True)

    References
    ----------
    Obozinski, Taskar and Jordan 2010, https://doi.org/10.1007/s11222-008-9111-x
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "copy_X": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "selection": [StrOptions({"cyclic", "random"})],
    }
    _keeps_column = True

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-6,
        warm_start: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.selection = selection

    def _unconverged(self, steps: int) -> str:
        return "Objective did not converge. You might want to increase the number of iterations."

    def _ratio(self) -> float:
        return float(self.l1_ratio)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MultiTaskElasticNet:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or rows that are read while they are computed with: names of files, a function or an iterator that gives
            batches, a lazy frame, a data set. What has one value a row is then given by its column's name, and columns
            of texts are categories (`categories_`, `coef_names_`).
        y : array of shape (rows, targets)
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.

        Returns
        -------
        MultiTaskElasticNet
            The estimator itself, fitted.
        """
        X, y = self._checked(X, y, (sample_weight,), multi_output=True, y_numeric=True)
        if y.ndim == 1:
            model = "ElasticNet" if hasattr(self, "l1_ratio") else "Lasso"
            raise ValueError(f"For mono-task outputs, use {model}")
        self._keep(self._solved(X, y, self._weights(sample_weight, X), sample_weight), X, y)
        self.n_iter_ = max(1, *(r.nit for r in self.results_), 1)
        bounds = [r.certificate["bound"] if r.certificate else np.nan for r in self.results_]
        self.dual_gap_ = float(np.sum(bounds))
        return self

    def _solved(
        self, X: Any, y: NDArray[Any], weight: NDArray[np.float64] | None, given: Any
    ) -> list[Solved]:
        """The solution: one for all targets, or one for each where no lengths hold them together."""
        lengths, ridge = self.alpha * self._ratio(), self.alpha * (1.0 - self._ratio())
        targets = y.shape[1]
        if lengths > 0.0:
            start = None
            if self.warm_start and (starts := self._starts(targets, X.shape[1]))[0] is not None:
                start = np.concatenate([np.asarray(s[0], dtype=np.float64) for s in starts])
            names = self._names()
            return multi_task(
                X,
                y,
                weight,
                self.fit_intercept,
                names,
                lengths=lengths,
                ridge=ridge,
                tol=self.tol,
                start=start,
                max_iter=self.max_iter,
            )
        if ridge == 0.0 and not isinstance(X, Stream):
            return least_squares(X, y, weight, self.fit_intercept, self._names(), tol=self.tol).solved
        problem = Problem(
            penalty="l2",
            alpha=ridge,
            intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        return self._fit_targets(X, y, [problem] * targets, given, self.warm_start)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        return tags

    @property
    def sparse_coef_(self) -> Any:
        """The coefficients as a sparse matrix."""
        return sparse.csr_matrix(self.coef_)


class MultiTaskLasso(MultiTaskElasticNet):
    """Least squares of several targets, with a column's coefficients at exactly 0 for all of them or for none.

    Minimises ``sum((Y - XW - b)**2) / (2 n) + alpha * lengths(W)``, scikit-learn's objective, where ``lengths`` is the
    sum over the columns of the length of their coefficients; with weights the first term is
    ``sum(weight * |r|^2) / (2 sum(weight))``.

    Parameters are scikit-learn's `MultiTaskLasso`. Announced departures: ``tol=1e-6`` bounds the objective's distance
    from its optimum relative to its value (``result_.certificate`` proves it, by a dual point), and ``max_iter=None``
    is without limit. `copy_X`, `random_state` and `selection` state how to compute, which is decided here: they are
    taken and have no effect; X is never copied and never changed.

    Parameters
    ----------
    alpha : float, default 1.0
        The weight of the penalty, at least 0.
    fit_intercept : bool, default True
    warm_start : bool, default False
        Starts where the last fit ended.
    tol, max_iter
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (targets, features)
    intercept_ : ndarray of shape (targets,)
    n_iter_ : int
    dual_gap_ : float
        The certificate's bound: the objective is at most this far above its optimum.
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from steepest.linear import MultiTaskLasso
    >>> model = MultiTaskLasso(alpha=0.1).fit([[0, 0], [1, 1], [2, 2]], [[0, 0], [1, 1], [2, 2]])
    >>> model.predict([[3, 3]]).round(3)
    array([[2.788, 2.788]])

    References
    ----------
    Obozinski, Taskar and Jordan 2010, https://doi.org/10.1007/s11222-008-9111-x
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        k: v for k, v in MultiTaskElasticNet._parameter_constraints.items() if k != "l1_ratio"
    }

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-6,
        warm_start: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.selection = selection

    def _ratio(self) -> float:
        return 1.0
