"""
A signal without its noise
==========================

Total variation prefers signals that are constant but for a few steps: what is left of a noisy one keeps its
edges, where a smooth penalty would round them off.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

rng = np.random.default_rng(4)
truth = np.repeat([0.0, 2.0, 1.0, 3.0, -1.0, 0.5], [60, 40, 80, 30, 50, 40])
noisy = truth + rng.normal(0, 0.4, truth.size)


def near(x):
    """Half the squared distance from what was measured, and its gradient."""
    return 0.5 * np.sum((x - noisy) ** 2), x - noisy


steps = steepest.minimize(near, noisy, jac=True, penalty=("total_variation", 1.5))


def rounded(x):
    """The same with the squares of all steps added."""
    value, slope = near(x)
    step = np.diff(x)
    return value + 2.0 * step @ step, slope + 4.0 * (np.append(0, step) - np.append(step, 0))


smooth = steepest.minimize(rounded, noisy, jac=True)
print(
    "levels", np.count_nonzero(np.abs(np.diff(steps.x)) > 1e-9) + 1, "error", np.std(steps.x - truth).round(3)
)

fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.plot(noisy, ".", color="0.7", markersize=4, label="measured")
ax.plot(truth, "k", lw=1, label="truth")
ax.plot(steps.x, "tab:red", label="total_variation")
ax.plot(smooth.x, "tab:blue", lw=1, label="squares of the steps")
ax.legend()
