"""Portfolios as scikit-learn's estimators, so that its cross-validation works on them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from steepest.errors import InputError, NotConverged, did_you_mean
from steepest.portfolio.covariance import Named, labels_of
from steepest.portfolio.objectives import mean_variance, min_cvar, min_variance, risk_parity
from steepest.portfolio.program import Portfolio
from steepest.portfolio.sharpe import max_sharpe

__all__ = ["MeanRisk"]

#: What each objective is called with, beside the returns: settings of `MeanRisk` that it has a use for.
OBJECTIVES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "min_variance": (min_variance, ("shrink",)),
    "mean_variance": (mean_variance, ("risk_aversion", "shrink")),
    "max_sharpe": (max_sharpe, ("risk_free", "shrink")),
    "min_cvar": (min_cvar, ("beta",)),
    "risk_parity": (risk_parity, ("shrink",)),
}


class MeanRisk(BaseEstimator):  # type: ignore[misc]
    """A portfolio of past returns, held over others: ``fit(returns)``, ``predict(returns)``.

    Parameters
    ----------
    objective : {"min_variance", "mean_variance", "max_sharpe", "min_cvar", "risk_parity"}
        The function of `steepest.portfolio` that chooses the weights.
    risk_aversion : float
        Of "mean_variance".
    beta : float
        Of "min_cvar".
    risk_free : float
        Of "max_sharpe".
    shrink : "ledoit_wolf", None or float
        How the covariance is estimated.
    constraints : dict, optional
        Further arguments of that function: ``bounds``, ``limits``, ``budget`` …; by name where `X` is a frame.

    Attributes
    ----------
    weights_ : ndarray of shape (assets,)
        The weights.
    result_ : Portfolio
        All that is known of them.

    Raises
    ------
    InputError
        From ``fit``, if an argument cannot be used, or no weights are found that meet the constraints, with why.

    Warns
    -----
    NotConverged
        From ``fit``, if weights meet the constraints and are not proved the best: by a budget, by ``at_most``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from steepest.portfolio import MeanRisk
    >>> returns = np.random.default_rng(0).normal(0.001, 0.01, (200, 5))
    >>> MeanRisk().fit(returns).predict(returns).shape
    (200,)
    >>> len(cross_val_score(MeanRisk("min_cvar"), returns, cv=3))
    3
    """

    def __init__(
        self,
        objective: str = "min_variance",
        *,
        risk_aversion: float = 1.0,
        beta: float = 0.95,
        risk_free: float = 0.0,
        shrink: Any = "ledoit_wolf",
        constraints: dict[str, Any] | None = None,
    ) -> None:
        self.objective = objective
        self.risk_aversion = risk_aversion
        self.beta = beta
        self.risk_free = risk_free
        self.shrink = shrink
        self.constraints = constraints

    def fit(self, X: Any, y: Any = None) -> MeanRisk:
        """Choose the weights.

        Parameters
        ----------
        X : array_like of shape (periods, assets)
            Returns.
        y : None
            Not looked at.

        Returns
        -------
        MeanRisk
            Itself.

        Raises
        ------
        InputError
            If no objective has that name, an argument cannot be used, or no weights meet the constraints.
        """
        names = labels_of(X, "columns")
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if self.objective not in OBJECTIVES:
            raise InputError(
                f"no objective is called {self.objective!r}{did_you_mean(str(self.objective), OBJECTIVES)}"
            )
        function, own = OBJECTIVES[self.objective]
        more = dict(self.constraints or {})
        twice = [name for name in ("risk_aversion", "risk_free", "beta", "shrink", "returns") if name in more]
        if twice:
            raise InputError(f"{twice[0]} is an argument of MeanRisk, not one of its constraints")
        if np.ndim(self.risk_aversion):
            raise InputError(f"risk_aversion must be one number here; got {self.risk_aversion!r}")
        returns = X if names is None else Named(X, names)
        found = function(returns=returns, **{name: getattr(self, name) for name in own}, **more)
        if found.outcome in ("infeasible", "unbounded") or not np.isfinite(found.x).all():
            raise InputError(f"{self.objective} found no weights: {found.message}")
        if not found.success:
            warnings.warn(f"{self.objective}: {found.message}", NotConverged, stacklevel=2)
        self.result_: Portfolio = found
        self.weights_: NDArray[np.float64] = found.x
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The portfolio's return in each period.

        Parameters
        ----------
        X : array_like of shape (periods, assets)
            Returns.

        Returns
        -------
        ndarray of shape (periods,)
            ``X @ weights_``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(X @ self.weights_)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of the returns over their deviation; higher is better.

        Parameters
        ----------
        X : array_like of shape (periods, assets)
            Returns.
        y : None
            Not looked at.

        Returns
        -------
        float
            The ratio of a period; 0 where returns do not vary.
        """
        r = self.predict(X)
        spread = float(r.std())
        return float(r.mean()) / spread if spread > 0 else 0.0
