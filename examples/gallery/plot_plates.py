"""
Two plates in a box
===================

The field between charged plates is the one of least energy: Poisson's equation is solved by going down. Every method
gets there from what the slope says alone; what they remember of it tells them apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import diags_array, eye_array, kron
from scipy.sparse.linalg import spsolve

import steepest

n = 65
volts = np.zeros((n, n))
volts[16:49, 24], volts[16:49, 40] = 1.0, -1.0
free = np.zeros((n, n), dtype=bool)
free[1:-1, 1:-1] = True
free[16:49, [24, 40]] = False


def energy(u):
    """½ ∫ |∇u|² on the grid and its slope; u are the places that are free, the box is earthed, the plates are held."""
    field = volts.copy()
    field[free] = u
    down, across = np.diff(field, axis=0), np.diff(field, axis=1)
    slope = np.zeros((n, n))
    slope[1:] += down
    slope[:-1] -= down
    slope[:, 1:] += across
    slope[:, :-1] -= across
    return 0.5 * (np.sum(down**2) + np.sum(across**2)), slope[free]


# %%
# The same as equations, solved directly, is what each step is held against.

line = diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n))
grid = (kron(line, eye_array(n)) + kron(eye_array(n), line)).tocsr()
inside = free.ravel()
least = energy(spsolve(grid[inside][:, inside].tocsc(), -grid[inside] @ volts.ravel()))[0]

start = np.zeros(free.sum())
runs = {}
for method in ("gradient_descent", "nonlinear_cg", "lbfgs"):
    found = runs[method] = steepest.minimize(
        energy, start, jac=True, method=method, options={"maxiter": 2000}
    )
    print(f"{method}: {found.nfev} evaluations, {found.fun - least:.1e} above the least energy")

# %%
# What is stored at 2 volts between the plates is ½ C V²: the energy is the capacitance.

field = volts.copy()
field[free] = runs["lbfgs"].x
print(f"capacitance {2 * runs['lbfgs'].fun / 2**2:.4f} ε₀ for each metre of depth")

fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
drawn = left.imshow(field, cmap="RdBu_r", vmin=-1, vmax=1, origin="lower")
left.contour(field, np.linspace(-0.9, 0.9, 13), colors="k", linewidths=0.5)
ey, ex = np.gradient(-field)
left.streamplot(np.arange(n), np.arange(n), ex, ey, color="0.3", density=0.7, linewidth=0.6, arrowsize=0.7)
left.vlines([24, 40], 16, 48, color="k", linewidth=3)
left.set(xticks=[], yticks=[], title="potential, and the field across it", xlim=(0, n - 1), ylim=(0, n - 1))
fig.colorbar(drawn, ax=left, label="volts")
for method, found in runs.items():
    above = np.maximum(found.history["loss"] - least, 1e-13)
    right.semilogy(found.history["evaluations"], above, label=method)
right.set(xlabel="evaluations", ylabel="energy above the least", xscale="log")
right.legend()
