"""
A curve through measurements
============================

Least squares of a model that is not linear in its parameters, by `steepest.curve_fit` with SciPy's
arguments: parameters, their covariance, and a band round the curve.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

rng = np.random.default_rng(2)


def model(t, amplitude, decay, frequency, level):
    """A decaying oscillation."""
    return amplitude * np.exp(-decay * t) * np.cos(frequency * t) + level


t = np.linspace(0, 10, 80)
seen = model(t, 2.0, 0.3, 2.5, 0.5) + rng.normal(0, 0.15, t.size)
seen[[12, 40, 66]] += [2.5, -2.0, 2.0]  # three that went wrong

plain, covariance = steepest.curve_fit(model, t, seen, p0=[1, 0.1, 2.4, 0])
robust, _ = steepest.curve_fit(
    model, t, seen, p0=[1, 0.1, 2.4, 0], method="trf", loss="soft_l1", f_scale=0.15
)
names = ["amplitude", "decay", "frequency", "level"]
for name, p, deviation in zip(names, plain, np.sqrt(np.diag(covariance)), strict=True):
    print(f"{name:10} {p:.3f} ± {deviation:.3f}")

# %%
# The band is what the covariance says of the curve; a robust loss hardly sees the three.

fine = np.linspace(0, 10, 400)
slopes = np.stack(
    [(model(fine, *(plain + step)) - model(fine, *(plain - step))) / 2e-6 for step in 1e-6 * np.eye(4)]
)
band = 1.96 * np.sqrt(np.einsum("ik,ij,jk->k", slopes, covariance, slopes))
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.scatter(t, seen, s=12, color="k")
ax.plot(fine, model(fine, *plain), label="squares")
ax.fill_between(fine, model(fine, *plain) - band, model(fine, *plain) + band, alpha=0.3)
ax.plot(fine, model(fine, *robust), "--", label="soft_l1")
ax.set(xlabel="t", ylabel="seen")
ax.legend()
