"""
A portfolio on the simplex
==========================

Shares of a budget are at least 0 and sum to 1: the simplex. For each risk aversion the least of risk less
return on it is one portfolio; together they are the efficient frontier (Markowitz 1952,
https://doi.org/10.1111/j.1540-6261.1952.tb01525.x).
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

rng = np.random.default_rng(1)
assets, days = 12, 1500
market = rng.normal(0, 0.01, days)
market += 0.0004 - market.mean()
beta = np.linspace(0.2, 1.6, assets)
returns = np.outer(market, beta) + rng.normal(0, 0.006, (days, assets))
mean, cov = 252 * returns.mean(0), 252 * np.cov(returns.T)


def frontier(aversion):
    """The portfolio of least ``aversion / 2 * variance - return``."""
    result = steepest.minimize(
        lambda w: 0.5 * aversion * w @ cov @ w - mean @ w,
        np.full(assets, 1 / assets),
        jac=lambda w: aversion * cov @ w - mean,
        penalty="simplex",
    )
    assert result.success
    return result.x


aversions = np.geomspace(0.5, 500, 40)
weights = np.array([frontier(a) for a in aversions])

# %%
# Left the frontier with the assets, right the weights along it: most are exactly 0.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
risk = np.sqrt(np.einsum("ki,ij,kj->k", weights, cov, weights))
left.plot(risk, weights @ mean, "k")
left.scatter(np.sqrt(np.diag(cov)), mean, s=15)
left.set(xlabel="deviation a year", ylabel="return a year")
right.stackplot(aversions, weights.T)
right.set(xscale="log", xlabel="risk aversion", ylabel="share", ylim=(0, 1))
print((weights > 0).sum(1))
