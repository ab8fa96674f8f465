"""
A line through points
=====================

Linear regression by gradient descent: the rate decides whether it creeps, arrives or diverges. Without a
rate it finds its own, and in units of its own: a column in thousands is no trouble.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

rng = np.random.default_rng(0)
size = rng.uniform(40, 180, 60)  # square metres
price = 900 + 35 * size + rng.normal(0, 500, 60)


def loss(p):
    """Half the mean squared error of ``p[0] + p[1] * size``, and its gradient."""
    off = p[0] + p[1] * size - price
    return 0.5 * np.mean(off**2), np.array([off.mean(), np.mean(off * size)])


# %%
# The largest rate that works is set by the steepest direction, the time it takes by the flattest.

rates = {"1.5e-4, diverges": 1.5e-4, "8e-5": 8e-5, "1e-5, creeps": 1e-5}
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for label, rate in rates.items():
    descent = steepest.descend(loss, [0.0, 0.0], rate, jac=True, options={"maxiter": 100})
    left.semilogy([step.loss for step in descent], label=f"rate {label}")
alone = steepest.minimize(loss, [0.0, 0.0], jac=True)
left.semilogy(alone.history["loss"], "k", label="nothing set")
left.set(xlabel="step", ylabel="loss", ylim=(1e5, 1e9))
left.legend()
right.scatter(size, price, s=12)
right.plot([40, 180], alone.x[0] + alone.x[1] * np.array([40, 180]), "k")
right.set(xlabel="size", ylabel="price")

# %%
# What it found is the least squares line.

print(alone.x, np.polynomial.polynomial.polyfit(size, price, 1))
