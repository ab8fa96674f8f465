"""Pictures of descents, drawn with matplotlib: the falling loss, and the path over contours.

matplotlib is imported when a picture is asked for. With ``file=`` a picture is drawn apart from
pyplot and saved; otherwise pyplot makes the figure, so that a notebook or ``plt.show()`` shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.report.contours import (
    Function,
    diverged,
    draw_box,
    draw_contours,
    function_of,
    limits_of,
    minima_of,
    path_of,
    value_at,
)

__all__ = ["axes_on", "finish", "plot_descent", "plot_history", "plot_result", "save"]

Runs = Mapping[str, Any]

#: Colours that people with any colour vision tell apart (Okabe and Ito 2008), the darkest first,
#: with dashes and marks, so that none is told by colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
MARKS = ("o", "s", "D", "^", "v", "P", "X")
INK, FAINT = "#30343a", "#d9dce0"


def plot_descent(
    function: Function | Any,
    runs: Runs | Any,
    *,
    bounds: Sequence[Sequence[float]] | None = None,
    minima: Iterable[Sequence[float]] | None = None,
    title: str | None = None,
    ax: Any = None,
    file: str | Path | None = None,
) -> Any:
    """Draw the paths of descents over the contours of a function of two variables.

    Parameters
    ----------
    function : callable or problem
        The function of an array of two coordinates, or an object with `fun` (and `minima` or `xmin`).
    runs : mapping of str to Result, or one Result
        What to draw, by name: results with a `path`, or arrays of points, one a row.
    bounds : ((x low, x high), (y low, y high)), optional
        What to show; as much as the paths need unless given.
    minima : points, optional
        Known minima, marked by a star.
    title : str, optional
        The title.
    ax : Axes, optional
        Where to draw, without the table of end values; a new figure unless given.
    file : path, optional
        Where to save the picture; it is then not shown.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is no run, or one has no path of points of two coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.report.plots import plot_descent
    >>> def bowl(x):
    ...     return x[0] ** 2 + 4 * x[1] ** 2
    >>> path = np.array([[2.0, 1.0], [1.0, 0.2], [0.5, 0.04]])
    >>> ax = plot_descent(bowl, {"by hand": path}, file="/tmp/bowl.png")
    >>> ax.get_xlabel()
    'x[0]'
    """
    fun, named = function_of(function), _named(runs)
    paths = {name: path_of(run, name) for name, run in named.items()}
    stars = minima_of(function, minima)
    own = ax is None
    figure, ax = axes_on(ax, file, (7.2, 5.6 + 0.2 * len(paths)))
    if bounds is None:
        limits = limits_of(named, paths, stars)
    else:
        limits = [(float(low), float(high)) for low, high in bounds]
    draw_contours(ax, fun, limits, np.concatenate([*paths.values(), *([stars] if len(stars) else [])]))
    left = 0
    for i, (name, path) in enumerate(paths.items()):
        row, away = _row(name, named[name], path, fun), diverged(named[name], path)
        if away:  # what comes after the first point outside would cross the picture again and again
            path = path[: _first_outside(path, limits) + 1]
        _trail(ax, path, i, row, ended=not away)
        if away and len(path):
            _leaves(ax, path, i, limits, left)
            left += 1
    box = getattr(function, "box", None)
    if box is not None:
        draw_box(ax, box, limits)
    if len(stars):
        ax.scatter(stars[:, 0], stars[:, 1], label="_minimum", **_STAR)
    (xlow, xhigh), (ylow, yhigh) = limits
    ax.set(xlim=(xlow, xhigh), ylim=(ylow, yhigh), xlabel="x[0]", ylabel="x[1]")
    if 0.4 < (yhigh - ylow) / (xhigh - xlow) < 2.5:
        ax.set_aspect("equal", adjustable="box")
    finish(ax, title, grid=False)
    if own:
        _table(ax, _COLUMNS.format("", "value", "iterations", "evaluations", "ended"))
    save(figure, file)
    return ax


def plot_history(
    runs: Runs | Any,
    *,
    quantity: str = "loss",
    against: str = "iteration",
    title: str | None = None,
    ax: Any = None,
    file: str | Path | None = None,
) -> Any:
    """Draw how the loss (or the residual) of one or several descents fell, on a log axis.

    Parameters
    ----------
    runs : mapping of str to Result, or one Result
        What to draw, by name.
    quantity : {"loss", "residual", "rate"}
        What goes up the page. A loss that is not above 0 throughout is drawn as its distance from the
        smallest value that any run reached.
    against : {"iteration", "evaluations", "passes", "seconds"}
        What goes across it.
    title, ax, file :
        As in `plot_descent`.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is no run, or the history has no such column.

    Examples
    --------
    >>> from steepest.report.plots import plot_history
    >>> from steepest.result import Result
    >>> run = Result.of({"history": {"iteration": [0, 1, 2], "loss": [4.0, 2.0, 1.0]}})
    >>> ax = plot_history({"by hand": run}, file="/tmp/history.png")
    >>> ax.get_yscale()
    'log'
    """
    named = _named(runs)
    curves = {name: _curve(run, against, quantity) for name, run in named.items()}
    values = np.concatenate([y[np.isfinite(y)] for _, y in curves.values()])
    floor = 0.0
    if values.size and values.min() <= 0.0:
        floor = float(values.min())
    figure, ax = axes_on(ax, file, (7.2, 4.4))
    drawn = False
    for i, (name, (x, y)) in enumerate(curves.items()):
        with np.errstate(invalid="ignore"):
            above = np.where(np.isfinite(y) & (y > floor), y - floor, np.nan)
        height = np.clip(above, 1e-200, 1e200)  # beyond, the axis' own margins would overflow
        drawn |= bool(np.isfinite(height).any())
        ax.plot(x, height, label=name, **_line(i), **_dots(i, len(x)))
    label = {"residual": "residual (slope left)", "rate": "rate (step size)"}.get(quantity, quantity)
    if floor < 0.0:
        label += " above the least reached"
    if drawn:
        ax.set_yscale("log")
    else:
        ax.text(0.5, 0.5, "nothing was recorded", transform=ax.transAxes, ha="center", va="center", color=INK)
    across = {"passes": "passes over the data", "evaluations": "evaluations of the function"}
    ax.set(xlabel=across.get(against, against), ylabel=label)
    finish(ax, title)
    if len(named) > 1:
        ax.legend(frameon=False, fontsize=9, labelcolor=INK)
    save(figure, file)
    return ax


def plot_result(result: Any, objective: Function | None = None, *, file: str | Path | None = None) -> Any:
    """Draw one result: its loss, its residual, its step where one was recorded, and for two variables its path over
    the contours.

    Returns
    -------
    ndarray of Axes
        From left to right.
    """
    path = result.get("path")
    contours = objective is not None and path is not None and np.ndim(path) == 2 and np.shape(path)[1] == 2
    curves = {
        "loss": "The loss as it fell",
        "residual": "The slope left (residual)",
        "rate": "The step (rate)",
    }
    if not np.any(np.nan_to_num(result["history"].get("rate", 0.0)) > 0.0):
        del curves["rate"]
    panels = len(curves) + contours
    figure, axes = axes_on(None, file, (4.6 * panels, 4.2), panels)
    name = str(result.get("method") or "descent")
    for ax, (quantity, title) in zip(axes, curves.items(), strict=False):
        plot_history({name: result}, quantity=quantity, ax=ax, title=title)
    if contours and objective is not None:
        plot_descent(objective, {name: result}, ax=axes[-1], title="The path over the contours")
    save(figure, file)
    return axes


# What is drawn

_NAME = 30
_COLUMNS = f"{{:<{_NAME}}}{{:>10}}{{:>12}}{{:>13}}  {{:<16}}"
_STAR = {"marker": "*", "s": 190, "color": "#ffd24d", "edgecolors": INK, "linewidths": 0.9, "zorder": 5}


def _named(runs: Any) -> dict[str, Any]:
    """Runs by name; a single result is named after its method."""
    if isinstance(runs, Mapping) and ("history" in runs or "path" in runs):
        runs = {str(runs.get("method") or "descent"): runs}
    elif not isinstance(runs, Mapping):
        runs = {"descent": runs}
    if not runs:
        raise ValueError("there is no run to draw; pass results by name")
    return dict(runs)


def _curve(run: Any, against: str, quantity: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    history = run["history"] if isinstance(run, Mapping) else run.history
    for column in (against, quantity):
        if column not in history:
            raise ValueError(f"a history has no column {column!r}; it has {', '.join(history) or 'none'}")
    x, y = (np.asarray(history[column], dtype=np.float64) for column in (against, quantity))
    return (x, y) if np.isfinite(x).any() or not len(x) else (np.arange(len(x), dtype=np.float64), y)


def _trail(ax: Any, path: NDArray[np.float64], i: int, label: str, ended: bool) -> None:
    colour = COLOURS[i % len(COLOURS)]
    dots = {"marker": MARKS[i % len(MARKS)], "markersize": 3.2 if len(path) <= 60 else 0.0}
    x, y = path.T
    ax.plot(x, y, color="white", linewidth=3.4, alpha=0.75, zorder=2 + i * 0.01, label="_halo")
    ax.plot(x, y, label=label, zorder=3 + i * 0.01, **_line(i), **dots)
    if len(path):
        ax.plot(*path[0], "o", color="white", markeredgecolor=INK, markersize=7, zorder=4, label="_start")
    if len(path) and ended:
        end = {"color": colour, "markeredgecolor": "white", "markersize": 8, "zorder": 4.5}
        ax.plot(*path[-1], MARKS[i % len(MARKS)], label="_end", **end)


def _first_outside(path: NDArray[np.float64], limits: list[tuple[float, float]]) -> int:
    """The place of the first point out of the picture; of the last point where there is none."""
    low, high = np.array(limits).T
    out = np.flatnonzero(((path < low) | (path > high)).any(axis=1))
    return int(out[0]) if len(out) else len(path) - 1


def _leaves(
    ax: Any, path: NDArray[np.float64], i: int, limits: list[tuple[float, float]], before: int
) -> None:
    """The steps of a run that diverged, up to the first outside, and a word where it leaves the picture: below
    those of as many runs before."""
    low, high = np.array(limits).T
    colour = COLOURS[i % len(COLOURS)]
    ax.plot(*path.T, MARKS[i % len(MARKS)], color=colour, markersize=4, zorder=4, label="_steps")
    margin = 0.03 * (high - low)
    at = np.clip(path[-1], low + 2 * margin, high - margin)
    side = "right" if at[0] > (low + high)[0] / 2 else "left"
    down = -1 if at[1] > (low + high)[1] / 2 else 1
    ax.annotate(
        f"diverges (step {len(path) - 1})", at, xytext=(0, down * 20 * before), textcoords="offset points",
        color=colour, fontsize=9, weight="bold", zorder=6, ha=side, va="top" if down < 0 else "bottom",
        bbox={"facecolor": "white", "edgecolor": colour, "boxstyle": "round,pad=0.25", "alpha": 0.9},
    )  # fmt: skip


def _row(name: str, run: Any, path: NDArray[np.float64], fun: Function) -> str:
    """One line of the table under the picture."""
    told = name if len(name) < _NAME else name[: _NAME - 2] + "\N{HORIZONTAL ELLIPSIS}"
    if isinstance(run, Mapping) and "fun" in run:
        value, nit, nfev = float(run["fun"]), run.get("nit", ""), run.get("nfev", "")
        ended = str(run.get("outcome") or "").replace("_", " ")
    else:
        with np.errstate(all="ignore"):
            value = value_at(fun, path[-1]) if len(path) else float("nan")
        nit, nfev, ended = max(len(path) - 1, 0), "", ""
    return _COLUMNS.format(told, f"{value:.3g}", nit, nfev, ended)


def _line(i: int) -> dict[str, Any]:
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.8}


def _dots(i: int, length: int) -> dict[str, Any]:
    if length > 25:
        return {}
    return {"marker": MARKS[i % len(MARKS)], "markersize": 4}


# How it is drawn


def axes_on(ax: Any, file: Any, size: tuple[float, float], panels: int = 1, rows: int = 1) -> tuple[Any, Any]:
    """The axes to draw on; a figure of pyplot's unless the picture goes to a file."""
    if ax is not None:
        return None, ax
    if file is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=size, layout="constrained")
    else:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
    axes = figure.subplots(rows, panels // rows)
    return figure, axes


def finish(ax: Any, title: str | None, grid: bool = True) -> None:
    """The title and the frame, as all pictures here have them."""
    if title:
        ax.set_title(title, loc="left", fontsize=11, color=INK)
    ax.tick_params(which="both", colors=INK, labelsize=9)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#9aa0a6")
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
    if grid:
        ax.grid(True, color=FAINT, linewidth=0.6)
        ax.set_axisbelow(True)


def _table(ax: Any, heading: str) -> None:
    """The legend as a table below the picture: a line a run."""
    from matplotlib.font_manager import FontProperties

    mono = FontProperties(family="monospace", size=8)
    legend = ax.legend(
        loc="upper left", bbox_to_anchor=(0.0, -0.13), prop=mono, frameon=False, borderaxespad=0.0,
        title=heading, title_fontproperties=mono, alignment="right", labelcolor=INK, handlelength=3.0,
    )  # fmt: skip
    legend.get_title().set_color("#6b7178")


def save(figure: Any, file: str | Path | None) -> None:
    """Writes the picture, where it is to be a file."""
    if figure is not None and file is not None:
        figure.savefig(file, dpi=160, facecolor="white", bbox_inches="tight", pad_inches=0.15)
