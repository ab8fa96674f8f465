"""
A spring as light as may be
===========================

A constrained design: wire, coil and turns of a spring of least weight that bends enough, does not shear,
and does not resonate (Arora, *Introduction to Optimum Design*; the best known weight is 0.012665).
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import NonlinearConstraint

import steepest


def weight(x):
    """Of a spring of wire ``x[0]``, coil ``x[1]`` (both in inches) and ``x[2]`` turns."""
    wire, coil, turns = x
    return (turns + 2) * coil * wire**2


def limits(x):
    """Each at most 0: deflection, shear stress, frequency, outer size."""
    wire, coil, turns = x
    shear = (4 * coil**2 - wire * coil) / (12566 * (coil * wire**3 - wire**4)) + 1 / (5108 * wire**2)
    return np.array(
        [
            1 - coil**3 * turns / (71785 * wire**4),
            shear - 1,
            1 - 140.45 * wire / (coil**2 * turns),
            (wire + coil) / 1.5 - 1,
        ]
    )


bounds = [(0.05, 2.0), (0.25, 1.3), (2.0, 15.0)]
result = steepest.minimize(
    weight, [0.07, 0.5, 8.0], bounds=bounds, constraints=NonlinearConstraint(limits, -np.inf, 0)
)
print(result.success, result.fun, result.x, "missed by at most", result.maxcv)
print("limits", limits(result.x).round(6), "(0: it holds, and binds)")

# %%
# The design lies where two limits meet: the weight over wire and coil, at the turns found.

wire, coil = np.meshgrid(np.linspace(0.05, 0.06, 200), np.linspace(0.28, 0.5, 200))
there = limits([wire, coil, result.x[2]])
fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.contourf(wire, coil, there.max(0) <= 0, levels=[0.5, 1], colors="tab:green", alpha=0.2)
lines = ax.contour(wire, coil, weight([wire, coil, result.x[2]]), levels=12, colors="0.5")
ax.clabel(lines, fontsize=8)
ax.contour(wire, coil, there[0], levels=[0], colors="tab:blue")
ax.contour(wire, coil, there[1], levels=[0], colors="tab:red")
ax.plot(*result.x[:2], "k*", markersize=12)
ax.set(xlabel="wire", ylabel="coil", title="allowed (green), deflection (blue), shear (red)")
