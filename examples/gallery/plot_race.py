"""
Four descents, moving
=====================

Himmelblau's function has four minima. Down to them go plain gradient steps, a heavy ball that rolls past, Adam, whose
steps are as long in every variable, and L-BFGS, which learns the bends. All start at the same point, near a saddle, and
three minima are found: which one a descent ends in its way decides, and ``starts=`` looks for the others.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

import steepest

START = [-0.3, -0.6]
WAYS = {
    "gradient steps": {"method": "steepest_descent", "options": {"rate": 0.005}},
    "heavy ball": {"method": "momentum", "options": {"rate": 0.004}},
    "Adam": {"method": "adam", "options": {"rate": 0.3}},
    "L-BFGS": {"method": "lbfgs"},
}
STEPS = 80

paths = {}
for name, given in WAYS.items():
    options = {"maxiter": STEPS, **given.get("options", {})}
    run = steepest.minimize(
        steepest.problems.himmelblau, START, path=True, method=given["method"], options=options
    )
    # Who has arrived waits for the others.
    path = np.array([*run.path, *[run.path[-1]] * STEPS])[: STEPS + 1]
    paths[name] = path
    print(f"{name:15s} {run.nit:3d} steps, {run.nfev:3d} values, to {run.x.round(3)}, f = {run.fun:.1e}")

# %%
# The same as a film: each frame is four steps, and a dot leaves its path behind.

x, y = np.meshgrid(np.linspace(-5, 5, 200), np.linspace(-5, 5, 200))
z = (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2

figure, axes = plt.subplots(figsize=(6, 5.5))
axes.contour(x, y, z, levels=np.geomspace(1, 800, 14), cmap="Greys", linewidths=0.7)
lines = {name: axes.plot([], [], lw=1.5, label=name)[0] for name in paths}
dots = {name: axes.plot([], [], "o", color=lines[name].get_color())[0] for name in paths}
axes.legend(loc="upper right", fontsize=8)
title = axes.set_title("")


def frame(k):
    """The paths up to a step."""
    for name, path in paths.items():
        lines[name].set_data(*path[: k + 1].T)
        dots[name].set_data(*path[k : k + 1].T)
    title.set_text(f"step {k}")
    return [*lines.values(), *dots.values(), title]


film = FuncAnimation(figure, frame, frames=range(0, STEPS + 1, 4), interval=200)
page = film.to_jshtml()  # in a notebook: IPython.display.HTML(page); as a file: film.save("race.gif")
print(f"{STEPS // 4 + 1} frames, {len(page) / 1e6:.1f} MB")
