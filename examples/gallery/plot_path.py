"""
Columns as they enter
=====================

A lasso along its penalty, by `steepest.linear.path`: at the largest alpha no column has a coefficient, and one after
another they enter as it falls. Of 20 columns five say something; held-out rows tell where to stop.
"""

import matplotlib.pyplot as plt
import numpy as np

from steepest.linear import path

rng = np.random.default_rng(1)
X = rng.normal(size=(300, 20))
told = np.array([3.0, -2.0, 1.5, 1.0, -0.5])
chance = 1 / (1 + np.exp(-(X[:, :5] @ told)))
y = np.where(rng.random(300) < chance, "ill", "well")
seen, held = slice(0, 200), slice(200, None)

found = path(X[seen], y[seen], loss="logistic", n_alphas=60)
scores = [model.score(X[held], y[held]) for model in found.models]
best = int(np.argmax(scores))
print(found)
print(f"best on held-out rows: alpha {found.alphas[best]:.3g}, {found.n_nonzero[best]} columns")

# %%
# Every point of the picture is an optimum with its certificate; the largest coefficients have names.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
found.plot(ax=left)
left.axvline(found.alphas[best], color="k", linewidth=0.8, linestyle=":")
right.semilogx(found.alphas, found.deviance_explained, label="rows of the fit")
right.semilogx(found.alphas, scores, "--", label="held-out rows")
right.set(xlabel="alpha", ylabel="deviance explained")
right.legend()
