"""Portfolios as scikit-learn's estimators, so that its cross-validation works on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from steepest.errors import InputError, did_you_mean
from steepest.portfolio.objectives import max_sharpe, mean_variance, min_cvar, min_variance, risk_parity
from steepest.portfolio.program import Portfolio

__all__ = ["MeanRisk"]

OBJECTIVES = ("min_variance", "mean_variance", "max_sharpe", "min_cvar", "risk_parity")


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
        Further arguments of that function: ``bounds``, ``limits``, ``budget`` …

    Attributes
    ----------
    weights_ : ndarray of shape (assets,)
        The weights.
    result_ : Portfolio
        All that is known of them.

    Raises
    ------
    InputError
        From ``fit``, if an argument cannot be used.

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
            If no objective has that name, or an argument cannot be used.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        more = dict(self.constraints or {})
        found: Any
        if self.objective == "min_variance":
            found = min_variance(returns=X, shrink=self.shrink, **more)
        elif self.objective == "mean_variance":
            found = mean_variance(returns=X, risk_aversion=self.risk_aversion, shrink=self.shrink, **more)
        elif self.objective == "max_sharpe":
            found = max_sharpe(returns=X, risk_free=self.risk_free, shrink=self.shrink, **more)
        elif self.objective == "min_cvar":
            found = min_cvar(X, beta=self.beta, **more)
        elif self.objective == "risk_parity":
            found = risk_parity(returns=X, shrink=self.shrink, **more)
        else:
            raise InputError(
                f"no objective is called {self.objective!r}{did_you_mean(str(self.objective), OBJECTIVES)}"
            )
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
