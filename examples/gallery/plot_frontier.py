"""
A frontier, and what it would have earned
=========================================

`steepest.portfolio` states the problem in its own words: limits by name, a covariance that is estimated from returns,
an optimum with a duality gap. Whether the past says anything of the future only a walk-forward backtest tells.
"""

import numpy as np

from steepest.portfolio import backtest, frontier, min_variance

rng = np.random.default_rng(1)
assets, days = 12, 1500
market = 0.01 * rng.standard_t(5, days)
beta = np.linspace(0.2, 1.6, assets)
returns = 0.0003 * beta + np.outer(market, beta) + rng.normal(0, 0.006, (days, assets))

# %%
# At most 30 % of one asset, and at least 20 % of the six that move most with the market.

limits = {"lively": (beta > 0.9, 0.2, None)}
efficient = frontier(returns=returns, points=25, bounds=(0, 0.3), limits=limits, periods=252)
efficient.plot()
print(efficient[0])

# %%
# Each month the weights of least variance over the last year, held for the next month, a tenth of a percent paid on
# what is traded; beside equal weights. Weights are chosen from the past only.

found = backtest(
    returns,
    lambda past: min_variance(returns=past, bounds=(0, 0.3), limits=limits),
    window=252,
    every=21,
    costs=0.001,
    periods=252,
)
found.plot()
print(found)
