"""
A table with holes
==================

Ratings of which most are missing: of all matrices that agree with what is there, the sum of singular values
(the nuclear norm) picks one of low rank, and that fills the holes.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

rng = np.random.default_rng(3)
people, films, tastes = 40, 30, 3
truth = rng.standard_normal((people, tastes)) @ rng.standard_normal((tastes, films))
seen = rng.random(truth.shape) < 0.45
noisy = truth + 0.1 * rng.standard_normal(truth.shape)


def fill(alpha):
    """The matrix X of least ½ ‖seen (X − noisy)‖² + alpha · Σ σ(X)."""
    return steepest.minimize(
        lambda X: 0.5 * np.sum(seen * (X - noisy) ** 2),
        np.zeros(truth.shape),
        jac=lambda X: seen * (X - noisy),
        penalty=("nuclear_norm", alpha),
    )


# %%
# The stronger the penalty, the lower the rank; the holes are filled best in between.

alphas = np.geomspace(0.1, 20, 8)
results = [fill(alpha) for alpha in alphas]
error = [np.sqrt(np.mean((r.x - truth)[~seen] ** 2)) for r in results]
rank = [np.linalg.matrix_rank(r.x, 1e-6) for r in results]
best = results[int(np.argmin(error))].x

fig, axes = plt.subplots(1, 4, figsize=(12, 3.6), layout="constrained")
for ax, (title, matrix) in zip(
    axes, {"seen": np.where(seen, noisy, np.nan), "filled": best, "truth": truth}.items(), strict=False
):
    ax.imshow(matrix, cmap="RdBu", vmin=-4, vmax=4, aspect="auto")
    ax.set(title=title, xticks=[], yticks=[])
axes[3].loglog(alphas, error, "k.-", label="error in the holes")
axes[3].loglog(alphas, np.array(rank) / 10, "r.--", label="rank / 10")
axes[3].set(xlabel="alpha")
axes[3].legend()
for alpha, r, off in zip(alphas, rank, error, strict=True):
    print(f"alpha {alpha:6.2f}  rank {r:2}  error {off:.3f}")
