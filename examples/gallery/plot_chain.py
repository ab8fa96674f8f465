"""
A chain that folds
==================

Thirteen beads on a string, of two kinds: *A* likes *A*, *B* likes *B* a little, *A* and *B* keep apart, and bends cost.
It is the smallest model of how a protein folds (Stillinger, Head-Gordon and Hirshfeld 1993,
https://doi.org/10.1103/PhysRevE.48.1469), and already has many ways to rest.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

kinds = np.array(list("ABBABBABABBAB"))
beads = len(kinds)
one, other = np.triu_indices(beads, 2)
same = kinds[one] == kinds[other]
liking = np.where(~same, -0.5, np.where(kinds[one] == "A", 1.0, 0.5))


def places(bends):
    """Where the beads are: bonds of length 1, each turned by a bend from the one before."""
    ways = np.concatenate([[0.0], np.cumsum(bends)])
    return np.concatenate([[[0.0, 0.0]], np.cumsum(np.stack([np.cos(ways), np.sin(ways)], 1), 0)])


def energy(bends):
    """Of the bends and of all pairs that are no neighbours, and its slope: what turns all beads behind a bend."""
    at = places(bends)
    apart = at[one] - at[other]
    square = np.sum(apart**2, 1)
    near = square**-3
    pull = (4 * (-12 * near**2 + 6 * liking * near) / square)[:, None] * apart
    slope = np.zeros_like(at)
    np.add.at(slope, one, pull)
    np.add.at(slope, other, -pull)
    turned = [
        np.sum(
            slope[k + 1 :, 1] * (at[k + 1 :, 0] - at[k, 0]) - slope[k + 1 :, 0] * (at[k + 1 :, 1] - at[k, 1])
        )
        for k in range(1, beads - 1)
    ]
    value = np.sum(1 - np.cos(bends)) / 4 + 4 * np.sum(near**2 - liking * near)
    return value, np.sin(bends) / 4 + np.array(turned)


# %%
# Three hundred chains, each bent at random: most stretch out, where nothing is near enough to hold, few fold. The best
# of them is shaken and let go again, and stays so where that is lower.

rng = np.random.default_rng(0)


def rest(bends):
    """The fold that lies downhill."""
    return steepest.minimize(energy, bends, jac=True)


found = sorted((rest(rng.uniform(-1.2, 1.2, beads - 2)) for _ in range(300)), key=lambda run: run.fun)
best = found[0]
for _ in range(40):
    best = min(best, rest(best.x + rng.normal(0.0, 0.3, beads - 2)), key=lambda run: run.fun)
print(best.message)
print(
    f"{found[0].fun:.4f} by chance, {best.fun:.4f} shaken: lower ones may be there, for nothing proves it the lowest"
)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
ends = [run.fun for run in found]
left.hist(ends, bins=40, color="0.7", label="300 descents")
left.axvline(best.fun, color="tab:red", linewidth=1, label="the best, shaken")
left.set(xlabel="energy", ylabel="descents", yscale="log")
left.legend(loc="upper center")
for run, shift, name in ((found[8], 0.0, "the ninth of them"), (best, 7.0, "the best")):
    at = places(run.x)
    at = at - at.mean(0) + [shift, 0.0]
    right.plot(*at.T, "0.5", zorder=1)
    for kind, colour in (("A", "tab:red"), ("B", "tab:blue")):
        right.scatter(*at[kinds == kind].T, s=120, color=colour, edgecolor="k", zorder=2)
    right.text(shift, at[:, 1].min() - 1.0, f"{name}\n{run.fun:.3f}", ha="center", va="top")
right.set(aspect="equal", title="red likes red")
right.margins(0.15, 0.3)
right.set_axis_off()
