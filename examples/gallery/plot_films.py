"""
Ratings by factors
==================

What people think of films, as factors of both: generated ratings of two kinds of taste. Rank and strength of the
penalty are chosen on ratings that are held out; the bars say what the model is worth beside the item's mean.
Koren, Bell and Volinsky 2009, https://doi.org/10.1109/MC.2009.263
"""

import matplotlib.pyplot as plt
import numpy as np

from steepest.factors import RatingsFactorization

rng = np.random.default_rng(0)
people, films = 400, 150
taste, style = rng.normal(size=(people, 2)), rng.normal(size=(films, 2))
seen = rng.random((people, films)) < 0.15 * (1 + np.tanh(taste @ style.T))  # who likes a kind sees more of it
who, what = np.nonzero(seen)
stars = 3 + 0.7 * (taste @ style.T)[seen] + rng.normal(0, 0.4, len(who))
stars = np.clip(np.round(2 * stars) / 2, 0.5, 5)

model = RatingsFactorization().fit([f"person {k}" for k in who], [f"film {k}" for k in what], stars)
print(model.summary())
model.plot()

# %%
# The two strongest directions of the films' factors, coloured by how much one kind of people likes them: the taste that
# the ratings were made of is found again, up to a turn.

side = model.item_factors_ - model.item_factors_.mean(0)
plane = side @ np.linalg.svd(side, full_matrices=False)[2][:2].T
number = [int(name.split()[1]) for name in model.item_ids_]
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
dots = ax.scatter(*plane.T, c=style[number, 0], cmap="coolwarm")
fig.colorbar(dots, label="first of the true factors")
ax.set(xlabel="first direction", ylabel="second direction")
best, scores = model.recommend(["person 0"], n=3)
print(best, scores.round(2))
