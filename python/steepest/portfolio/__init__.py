"""Portfolios: weights by quadratic and linear programs, each optimum with a duality gap; frontiers and backtests.

    min_variance, mean_variance, max_sharpe, min_cvar, risk_parity, tracking    what is asked -> Portfolio
    frontier    portfolios from the least variance to the highest return
    FactorCovariance    a covariance by factors, never made a matrix of all assets
    backtest    what a strategy would have done, out of sample and after costs
    MeanRisk    the same as an estimator of scikit-learn's

Returns, variances and costs are of one period, whichever that is; ``periods=252`` adds figures of a year.

Who uses whom: covariance <- limits, prices <- program, parity <- few <- task <- objectives, sharpe <- frontier,
backtest, estimators;
pictures draw; summary <- page, writing tell.
"""

from steepest.portfolio.backtest import Backtest, backtest
from steepest.portfolio.covariance import FactorCovariance
from steepest.portfolio.estimators import MeanRisk
from steepest.portfolio.frontier import Frontier, frontier
from steepest.portfolio.objectives import mean_variance, min_cvar, min_variance, risk_parity, tracking
from steepest.portfolio.program import Portfolio
from steepest.portfolio.sharpe import max_sharpe

__all__ = [
    "Backtest",
    "FactorCovariance",
    "Frontier",
    "MeanRisk",
    "Portfolio",
    "backtest",
    "frontier",
    "max_sharpe",
    "mean_variance",
    "min_cvar",
    "min_variance",
    "risk_parity",
    "tracking",
]
