"""
A chain that hangs, a film of soap
==================================

What hangs and what is stretched rests where its energy is least. A chain of stiff springs under its weight becomes a
catenary, y = a cosh(x / a); a film of soap between two rings takes the least area, and is a catenary turned about its
axis (Euler 1744).
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq

import steepest
from steepest.energy import Springs, minimize_energy

# %%
# Forty springs, each as long as its share of the chain, and half the weight of a link at either of its ends.

links, length, span = 40, 3.0, 2.0
springs = Springs([[k, k + 1] for k in range(links)], stiffness=1e4, length=length / links)
weight = length / links


def hanging(positions):
    """Energy and forces of the springs, and of the weight."""
    energy, forces = springs(positions)
    forces[:, 2] -= weight
    return energy + weight * positions[:, 2].sum(), forces


start = np.zeros((links + 1, 3))
start[:, 0] = np.linspace(-span / 2, span / 2, links + 1)
start[1:-1, 2] = -0.5 * np.sin(np.pi * np.arange(1, links) / links)
chain = minimize_energy(hanging, start, fixed=[0, links], fmax=1e-5)
print(chain.message)

a = brentq(lambda a: 2 * a * np.sinh(span / 2 / a) - length, 0.1, 10)
sag = a * (np.cosh(chain.x[:, 0] / a) - np.cosh(span / 2 / a))
print("furthest from the catenary:", abs(chain.x[:, 2] - sag).max())

# %%
# The film by its radius at 60 places between the rings: the area of the bands between them, which are cones.

rings, apart, bands = 1.0, 1.0, 60
z = np.linspace(-apart / 2, apart / 2, bands + 1)


def area(radius):
    """Of the film, the rings at its ends."""
    r = np.concatenate([[rings], radius, [rings]])
    return np.pi * np.sum((r[1:] + r[:-1]) * np.hypot(np.diff(r), np.diff(z)))


film = steepest.minimize(area, np.full(bands - 1, 0.9))
waist = brentq(lambda c: c * np.cosh(apart / 2 / c) - rings, 0.6, 1.0)
print(film.message, "area", film.fun, "waist", film.x.min(), "of the catenoid", waist)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.plot(*start[:, [0, 2]].T, "0.7", label="where it begins")
left.plot(*chain.x[:, [0, 2]].T, "o", markersize=4, label="springs")
left.plot(chain.x[:, 0], sag, "k", linewidth=1, label="catenary")
left.set(aspect="equal", title="a chain of springs")
left.legend()
r = np.concatenate([[rings], film.x, [rings]])
right.fill_between(z, -r, r, color="tab:blue", alpha=0.2)
right.plot(z, r, "o", markersize=3, color="tab:blue", label="least area")
right.plot(z, waist * np.cosh(z / waist), "k", linewidth=1, label="catenoid")
right.set(aspect="equal", title="a film between rings, from the side")
right.legend(loc="lower center")
