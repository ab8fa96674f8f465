"""
Thirteen atoms
==============

Atoms that attract each other as those of argon do have hundreds of ways to lie in peace: a descent from a random start
ends in one of them. Basin hopping walks from one to the next, and says how often each was met.
Wales and Doye 1997, https://doi.org/10.1021/jp970984n
"""

import matplotlib.pyplot as plt
import numpy as np

from steepest.energy import LennardJones, basin_hopping, minimize_energy

rng = np.random.default_rng(0)
ends = [minimize_energy(LennardJones(), 1.5 * rng.uniform(-1, 1, (13, 3)), fmax=1e-3).fun for _ in range(60)]
found = basin_hopping(LennardJones(), 1.5 * rng.uniform(-1, 1, (13, 3)), hops=400, seed=0)
print(found.fun, "(the lowest known: -44.326801)")
print(found.findings[0].sentence)

# %%
# Of sixty descents few end in the lowest minimum. The icosahedron: one atom, and twelve around it.

energies = [m["energy"] for m in found.minima]
fig = plt.figure(figsize=(9, 4), layout="constrained")
left = fig.add_subplot(1, 2, 1)
left.hist(ends, bins=24, color="0.7", label="60 descents from random starts")
left.plot(
    energies, np.zeros(len(energies)), "|", color="tab:blue", markersize=14, label="minima met by hopping"
)
left.axvline(found.fun, color="tab:red", linewidth=1)
left.set(xlabel="energy", ylabel="descents")
left.legend(loc="upper right")

atoms = found.x - found.x.mean(0)
right = fig.add_subplot(1, 2, 2, projection="3d")
apart = np.linalg.norm(atoms[:, None] - atoms, axis=-1)
for i, j in np.argwhere(np.triu(apart < 1.3, 1)):
    right.plot(*atoms[[i, j]].T, color="0.6", linewidth=1)
right.scatter(
    *atoms.T, s=260, c=np.linalg.norm(atoms, axis=1), cmap="coolwarm", depthshade=False, edgecolor="k"
)
right.set_axis_off()
right.set_box_aspect((1, 1, 1))
