"""Any loss and any penalty of the catalogue over a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .estimator import LinearRegressor
from .problem import Problem

__all__ = ["GeneralizedLinear"]


class GeneralizedLinear(LinearRegressor):
    """A linear model with any loss of one margin and any penalty of the catalogue.

    Minimises sum(weight * loss(y, Xw + b)) / sum(weight) + alpha * penalty(w), the intercept free.
    `predict` returns the margin Xw + b: the expectation for ``squared``, the log-odds for ``logistic``.

    Parameters
    ----------
    loss : str, default "squared"
        ``steepest list losses`` has them; targets are 0 and 1 for ``logistic``.
    penalty : str, default "l2"
        ``steepest list penalties`` has them.
    alpha : float, default 1e-4
        The weight of the penalty, at least 0.
    loss_settings, penalty_settings : mapping of str to float, optional
        ``{"width": 2.0}`` for Huber's loss, ``{"ratio": 0.9}`` for the elastic net.
    bounds : (float, float), optional
        Bounds of every coefficient, beside the penalty.
    fit_intercept : bool, default True
    method : str, optional
        The method that suits best unless given; under early stopping ``gradient_descent``, which comes by points
        that the optimum's leaps leave out.
    method_settings : mapping of str to float, optional
        ``{"rate": 0.01, "batch_size": 32}`` for a rule over batches.
    tol : float, default 1e-6
        The objective's distance from its optimum, relative to its value.
    max_iter, max_passes, max_seconds : numbers, optional
        Budgets: steps, reads of the table, seconds. None is without limit.
    early_stopping : bool, default False
        Holds out rows that the descent does not see, stops once their loss no longer falls, and keeps the best
        point there: for a descent that is to end before its optimum, as it is without a penalty.
    validation_fraction : float, default 0.1
        The part of the rows that is held out.
    n_iter_no_change : int, default 5
        Iterations without a fall of the held-out loss before it stops.
    random_state : int, RandomState or None, default 0
        Draws the rows that are held out.
    threads : int, default 0
        At most so many; 0 takes what the machine gives. The answer has the same bits whatever the number.
    warm_start : bool, default False
        Starts where the last fit ended.
    watch : callable, optional
        Called with the progress, at most ten times a second; returning true stops.

    Attributes
    ----------
    coef_ : ndarray of shape (features,) or (targets, features)
    intercept_ : float or ndarray of shape (targets,)
    result_ : Result
        How it ended; of several targets the one farthest from its goal. `results_` has all.

    Examples
    --------
    >>> from steepest.linear import GeneralizedLinear
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 30.0]
    >>> model = GeneralizedLinear(loss="huber", penalty="l1", alpha=1e-3).fit(X, y)
    >>> model.result_.success
    True

    References
    ----------
    Nelder and Wedderburn 1972, https://doi.org/10.2307/2344614
    """

    def __init__(
        self,
        loss: str = "squared",
        penalty: str = "l2",
        alpha: float = 1e-4,
        *,
        loss_settings: Mapping[str, float] | None = None,
        penalty_settings: Mapping[str, float] | None = None,
        bounds: tuple[float, float] | None = None,
        fit_intercept: bool = True,
        method: str | None = None,
        method_settings: Mapping[str, float] | None = None,
        tol: float = 1e-6,
        max_iter: int | None = None,
        max_passes: float | None = None,
        max_seconds: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        random_state: Any = 0,
        threads: int = 0,
        warm_start: bool = False,
        watch: Callable[..., Any] | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.loss_settings = loss_settings
        self.penalty_settings = penalty_settings
        self.bounds = bounds
        self.fit_intercept = fit_intercept
        self.method = method
        self.method_settings = method_settings
        self.tol = tol
        self.max_iter = max_iter
        self.max_passes = max_passes
        self.max_seconds = max_seconds
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.threads = threads
        self.warm_start = warm_start
        self.watch = watch

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GeneralizedLinear:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,) or (rows, targets)
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        """
        X, y = self._checked(X, y, multi_output=True, y_numeric=True)
        problem = Problem(
            loss=self.loss,
            loss_settings=self.loss_settings or {},
            penalty=self.penalty,
            penalty_settings=self.penalty_settings or {},
            alpha=self.alpha,
            intercept=self.fit_intercept,
            bounds=self.bounds,
            method=self.method or ("gradient_descent" if self.early_stopping else None),
            method_settings=self.method_settings or {},
            tol=self.tol,
            max_iter=self.max_iter,
            max_passes=self.max_passes,
            max_seconds=self.max_seconds,
            threads=self.threads,
        )
        targets = 1 if y.ndim == 1 else y.shape[1]
        held = self._held(len(y)) if self.early_stopping else None
        solved = self._fit_targets(
            X, y, [problem] * targets, sample_weight, self.warm_start, self.watch, held
        )
        self._keep(solved, X, y)
        self.n_iter_ = np.array([max(1, r.nit) for r in self.results_], dtype=np.int32)
        return self

    def _held(self, rows: int) -> tuple[Any, int]:
        """Which rows are held out, and the patience."""
        share, patience = self.validation_fraction, self.n_iter_no_change
        if not 0.0 < share < 1.0:
            raise ValueError(f"validation_fraction must be between 0 and 1; got {share}")
        if patience < 1:
            raise ValueError(f"n_iter_no_change must be at least 1; got {patience}")
        count = max(1, round(share * rows))
        if count >= rows:
            raise ValueError(
                f"validation_fraction={share} of {rows} rows leaves none to learn from; got too few rows"
            )
        held = np.zeros(rows, dtype=bool)
        held[check_random_state(self.random_state).permutation(rows)[:count]] = True
        return held, int(patience)
