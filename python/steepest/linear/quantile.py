"""What a share of the targets lies below: quantile regression with an l1 penalty."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from .estimator import LinearEstimator
from .problem import Problem

__all__ = ["QuantileRegressor"]


class QuantileRegressor(RegressorMixin, LinearEstimator):  # type: ignore[misc]
    """A linear model of a quantile of the target, with an l1 penalty.

    Minimises ``sum(weight * pinball(y - Xw - b)) / sum(weight) + alpha ||w||_1``, where pinball(r) is ``quantile r``
    for r above 0 and ``(quantile - 1) r`` below: scikit-learn's objective. In terms of `steepest`: loss ``pinball``,
    penalty ``l1``, the same alpha. By interior points: some tens of steps whatever the table, each one matrix over
    the columns.

    Parameters are scikit-learn's `QuantileRegressor`. Announced departures: ``tol=1e-6`` bounds the objective's
    distance from its optimum relative to its value (``result_.certificate`` proves it), and `max_iter` without limit.
    `solver` and `solver_options` state how to compute, which is decided here: taken, without effect. Where several
    models are best (ties, an even number of rows) it ends at one of them, which need not be theirs.

    Parameters
    ----------
    quantile : float, default 0.5
        The share of the targets that is to lie below, between 0 and 1.
    alpha : float, default 1.0
        The weight of the penalty, at least 0.
    fit_intercept : bool, default True
    solver, solver_options
        As above.
    tol : float, default 1e-6
    max_iter : int or None, default None

    Attributes
    ----------
    coef_ : ndarray of shape (features,)
    intercept_ : float
    n_iter_ : int
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from steepest.linear import QuantileRegressor
    >>> X, y = [[0], [1], [2], [3], [4], [5]], [0.0, 1.0, 2.0, 3.0, 4.0, 90.0]
    >>> model = QuantileRegressor(alpha=0.0).fit(X, y)
    >>> round(float(model.coef_[0]), 6)
    1.0

    References
    ----------
    Koenker and Bassett 1978, https://doi.org/10.2307/1913643
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "quantile": [Interval(Real, 0, 1, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "solver": [
            StrOptions({"auto", "highs-ds", "highs-ipm", "highs", "interior-point", "revised simplex"})
        ],
        "solver_options": [dict, None],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        quantile: float = 0.5,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        solver: str = "auto",
        solver_options: dict[str, Any] | None = None,
        tol: float = 1e-6,
        max_iter: int | None = None,
    ) -> None:
        self.quantile = quantile
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.solver_options = solver_options
        self.tol = tol
        self.max_iter = max_iter

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, checkpoint: Any = None) -> QuantileRegressor:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or rows that are read: names of files, a function or an iterator that gives batches, a lazy frame, a data
            set. What has one value a row is then given by its column's name. They are held in memory.
        y : array of shape (rows,)
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.

        Returns
        -------
        QuantileRegressor
            The estimator itself, fitted.
        """
        X, y = self._checked(X, y, (sample_weight,), y_numeric=True)
        solved = Problem(
            loss="pinball",
            loss_settings={"quantile": float(self.quantile)},
            penalty="l1",
            alpha=self.alpha,
            intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        ).solve(
            X,
            np.asarray(y, dtype=np.float64),
            self._weights(sample_weight, X),
            names=self._names(),
            checkpoint=checkpoint,
        )
        self.coef_ = solved.coef[0]
        self.intercept_ = solved.intercept[0] if self.fit_intercept else 0.0
        self._set_result([solved.result])
        self.n_iter_ = max(1, solved.result.nit)
        return self

    def _unconverged(self, steps: int) -> str:
        return "Linear programming for QuantileRegressor did not succeed."

    def predict(self, X: Any) -> Any:
        """The quantile that the model expects.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows,)
        """
        return self._scores(X)
