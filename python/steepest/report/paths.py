"""The energy along a path, as a picture."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["plot_path"]

#: Points of the curve between two images.
POINTS = 30


def plot_path(path: Any, *, file: str | Path | None = None) -> Any:
    """Draw energies of images over their distance along a path, joined by cubics that have their slopes too.

    Parameters
    ----------
    path : EnergyPath
        With ``distances``, ``energies``, ``slopes``, ``saddle`` and ``barrier``.
    file : path, optional
        Where to save the picture; it is then not shown.

    Returns
    -------
    matplotlib Axes
    """
    from scipy.interpolate import CubicHermiteSpline

    from .plots import COLOURS, INK, axes_on

    drawn, ax = axes_on(None, file, (6.4, 4.0))
    where, energies = np.asarray(path["distances"]), np.asarray(path["energies"])
    dense = np.unique(np.concatenate([np.linspace(a, b, POINTS) for a, b in pairwise(where)]))
    ax.plot(dense, CubicHermiteSpline(where, energies, path["slopes"])(dense), color=COLOURS[0])
    ax.plot(where, energies, "o", color=COLOURS[0], markersize=4)
    top = path["saddle"]
    if top is not None:
        ax.hlines(energies[[0, -1]], where[[0, -1]], where[top], colors=INK, linestyles=":", linewidth=0.8)
        ax.plot(where[top], energies[top], "D", color=COLOURS[1], markersize=7)
        ax.annotate(
            f"barrier {path['barrier']:.4g}, back {path['barrier_back']:.4g}",
            (where[top], energies[top]),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
        )
        ax.margins(y=0.15)
    ax.set(xlabel="distance along the path", ylabel="energy")
    ax.spines[["top", "right"]].set_visible(False)
    if file is not None:
        drawn.savefig(file, dpi=150)
    return ax
