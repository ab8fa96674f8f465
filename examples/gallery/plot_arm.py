"""
The path of a robot arm
=======================

Three joints, 12 moments: how far each joint turns from one moment to the next are the variables, within
what a motor can do. The path is as even as may be, ends with the hand at the goal, and keeps the arm clear
of an obstacle.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import NonlinearConstraint

import steepest

LINKS = np.array([1.0, 0.8, 0.6])
OBSTACLE, RADIUS = np.array([1.2, 1.2]), 0.4
GOAL = np.array([0.3, 1.9])
BEGIN = np.array([0.1, 0.2, 0.1])
MOMENTS, FASTEST = 12, 0.6


def joints(turns):
    """Where elbow, wrist and hand are at each moment: an array of shape (moments, 3, 2)."""
    angles = BEGIN + np.cumsum(turns, axis=0)
    towards = np.cumsum(angles, axis=1)
    links = LINKS[:, None] * np.stack([np.cos(towards), np.sin(towards)], axis=-1)
    return np.cumsum(links, axis=1)


def clearance(turns):
    """How far elbow, wrist, hand and the middles of the links stay from the obstacle."""
    at = joints(turns)
    before = np.concatenate([np.zeros((MOMENTS, 1, 2)), at[:, :-1]], axis=1)
    points = np.concatenate([at, 0.5 * (at + before)], axis=1)
    return (np.linalg.norm(points - OBSTACLE, axis=-1) - RADIUS).ravel()


def plan(start, *constraints):
    """The path of least effort, the sum of the squared turns."""
    return steepest.minimize(
        lambda turns: 0.5 * np.sum(turns**2),
        start,
        jac=lambda turns: turns,
        bounds=[(-FASTEST, FASTEST)] * start.size,
        constraints=constraints,
    )


# %%
# Unhindered the hand sweeps through the obstacle; with it in the way the arm folds first.

arrive = {"type": "eq", "fun": lambda turns: joints(turns)[-1, -1] - GOAL}
free = plan(np.full((MOMENTS, 3), 0.02), arrive)
share = np.linspace(0, 1, MOMENTS + 1)[:, None]
folding = share * np.array([1.4, 0.3, 0.2]) + np.sin(np.pi * share) * np.array([-0.8, 2.4, 0.3])
found = plan(np.diff(folding, axis=0), arrive, NonlinearConstraint(clearance, 0, np.inf))
for name, result in (("free", free), ("past it", found)):
    print(f"{name}: {result.outcome}, effort {result.fun:.4f}, constraints missed by {result.maxcv:.0e}")

fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained", sharey=True)
for ax, result, title in zip(axes, (free, found), ("without the obstacle", "past it"), strict=True):
    ax.add_patch(plt.Circle(OBSTACLE, RADIUS, color="tab:red", alpha=0.4))
    at = joints(result.x)
    for k in range(MOMENTS):
        ax.plot(*np.vstack([[0, 0], at[k]]).T, color=plt.cm.viridis(k / MOMENTS), lw=1)
    ax.plot(*at[:, -1].T, "k", lw=2)
    ax.plot(*GOAL, "k*", markersize=12)
    ax.set(title=title, aspect="equal")
