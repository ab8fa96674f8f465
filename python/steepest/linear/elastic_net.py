"""Least squares with a mixture of l1 and l2 penalties."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from .estimator import LinearRegressor
from .problem import Problem

__all__ = ["ElasticNet"]


class ElasticNet(LinearRegressor):
    """Least squares with a mixture of l1 and l2 penalties.

    Minimises ||y - Xw - b||^2 / (2 n) + alpha (l1_ratio ||w||_1 + (1 - l1_ratio) ||w||^2 / 2),
    scikit-learn's objective; with weights the first term is sum(weight * r^2) / (2 sum(weight)). In terms
    of `steepest`: loss ``squared``, penalty ``elastic_net``, the same alpha and ratio.

    Parameters are scikit-learn's `ElasticNet`. Announced departures: ``tol=1e-6`` bounds the objective's
    distance from its optimum relative to its value (``result_.certificate`` proves it), and ``max_iter=None``
    is without limit. `precompute`, `copy_X`, `random_state` and `selection` state how to compute, which is
    decided here: they are taken and have no effect; X is never copied and never changed.

    Parameters
    ----------
    alpha : float, default 1.0
        The weight of the penalty, at least 0.
    l1_ratio : float, default 0.5
        The share of the absolute values, 0 to 1.
    fit_intercept : bool, default True
    positive : bool, default False
        Holds the coefficients at or above 0.
    warm_start : bool, default False
        Starts where the last fit ended.
    tol, max_iter
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (features,) or (targets, features)
    intercept_ : float or ndarray of shape (targets,)
    n_iter_ : int or list of int
    dual_gap_ : float or ndarray
        The certificate's bound: the objective is at most this far above its optimum.
    result_ : Result
        How it ended; of several targets the one farthest from its goal. `results_` has all.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from steepest.linear import ElasticNet
    >>> X, y = make_regression(n_features=20, n_informative=3, random_state=0)
    >>> model = ElasticNet(alpha=10.0, l1_ratio=0.9).fit(X, y)
    >>> int((model.coef_ != 0).sum()) < 20
    True

    References
    ----------
    Zou and Hastie 2005, https://doi.org/10.1111/j.1467-9868.2005.00503.x
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "precompute": ["boolean", "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "copy_X": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "positive": ["boolean"],
        "random_state": ["random_state"],
        "selection": [StrOptions({"cyclic", "random"})],
    }

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        precompute: Any = False,
        max_iter: int | None = None,
        copy_X: bool = True,
        tol: float = 1e-6,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.copy_X = copy_X
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection

    def _unconverged(self, steps: int) -> str:
        return "Objective did not converge. You might want to increase the number of iterations."

    def _ratio(self) -> float:
        return float(self.l1_ratio)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, check_input: bool = True, *, checkpoint: Any = None
    ) -> ElasticNet:
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
        check_input : bool, default True
            Taken as scikit-learn's; what comes in is checked in any case.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.

        Returns
        -------
        ElasticNet
            The estimator itself, fitted.
        """
        X, y = self._checked(X, y, (sample_weight,), multi_output=True, y_numeric=True)
        problem = Problem(
            penalty="elastic_net",
            penalty_settings={"ratio": self._ratio()},
            alpha=self.alpha,
            intercept=self.fit_intercept,
            bounds=(0.0, np.inf) if self.positive else None,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        targets = 1 if y.ndim == 1 else y.shape[1]
        problems = [problem] * targets
        solved = self._fit_targets(X, y, problems, sample_weight, self.warm_start, checkpoint=checkpoint)
        self._keep(solved, X, y)
        steps = [r.nit for r in self.results_]
        gaps = np.array([r.certificate["bound"] if r.certificate else np.nan for r in self.results_])
        self.n_iter_ = steps[0] if targets == 1 else steps
        self.dual_gap_ = gaps[0] if targets == 1 else gaps
        return self

    @property
    def sparse_coef_(self) -> Any:
        """The coefficients as a sparse matrix."""
        return sparse.csr_matrix(self.coef_)
