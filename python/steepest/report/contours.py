"""The ground under a path: the contours of a function of two variables, and how much of it to show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Function",
    "diverged",
    "draw_box",
    "draw_contours",
    "function_of",
    "limits_of",
    "minima_of",
    "path_of",
    "value_at",
]

Function = Callable[[NDArray[np.float64]], Any]
SHADES = ["#f9fbfc", "#dfeaf0", "#b5cedb", "#86adc2", "#5f8ca6"]


def function_of(function: Any) -> Function:
    fun = function if callable(function) and not hasattr(function, "fun") else getattr(function, "fun", None)
    if fun is None or not callable(fun):
        raise ValueError(f"a function of two coordinates is needed; got {type(function).__name__}")
    return fun  # type: ignore[no-any-return]


def path_of(run: Any, name: str) -> NDArray[np.float64]:
    """The points of a run that were finite."""
    points = run.get("path") if isinstance(run, Mapping) else run
    if points is None:
        raise ValueError(f"run {name!r} has no path; ask for it with path=True")
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        got = f"run {name!r} has shape {array.shape}"
        raise ValueError(f"a path over contours needs points of two coordinates; {got}")
    return array[np.isfinite(array).all(axis=1)]


def minima_of(function: Any, minima: Iterable[Sequence[float]] | None) -> NDArray[np.float64]:
    """The known minima, one a row; none is an array of no rows."""
    known = minima
    if known is None:
        known = getattr(function, "minima", None)
    if known is None and getattr(function, "xmin", None) is not None:
        known = [function.xmin]
    points = np.asarray(list(known) if known is not None else [], dtype=np.float64)
    return points.reshape(-1, 2) if points.size and points.size % 2 == 0 else np.empty((0, 2))


def limits_of(
    named: Mapping[str, Any], paths: Mapping[str, NDArray[np.float64]], stars: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """What to show: the runs that ended well, every start and the minima, with a margin.

    A run that diverged would flatten everything else; it may leave the picture.
    """
    well = [path for name, path in paths.items() if not diverged(named[name], path)]
    starts = [path[:1] for path in paths.values()]
    shown = np.concatenate([*(well or [_near(p) for p in paths.values()]), *starts, stars])
    if not len(shown):
        return [(-1.0, 1.0), (-1.0, 1.0)]
    low, high = shown.min(axis=0), shown.max(axis=0)
    span = high - low
    widest = float(span.max()) or max(1.0, float(np.abs(shown).max()))
    half = np.maximum(span, np.array([1.1, 0.55]) * widest) / 2 + 0.14 * widest
    middle = (low + high) / 2
    return [(float(m - h), float(m + h)) for m, h in zip(middle, half, strict=True)]


def diverged(run: Any, path: NDArray[np.float64]) -> bool:
    """Whether a run went away for good."""
    outcome = run.get("outcome") if isinstance(run, Mapping) else None
    if outcome in ("diverged", "not_finite", "unbounded"):
        return True
    reach = np.linalg.norm(path - path[:1], axis=1) if len(path) else np.zeros(1)
    return bool(reach[-1] > 50 * (np.linalg.norm(path[0]) + 1.0)) if len(path) else True


def _near(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of a path that stays within ten times its first step."""
    if len(path) < 2:
        return path
    reach = np.linalg.norm(path - path[:1], axis=1)
    near: NDArray[np.float64] = path[reach <= 10 * max(float(reach[1]), 1e-12)]
    return near


def draw_contours(
    ax: Any, fun: Function, limits: list[tuple[float, float]], points: NDArray[np.float64], cells: int = 110
) -> None:
    """Filled contours of log(1 + distance above the least value), which show a narrow valley too."""
    x, y = (np.linspace(low, high, cells) for low, high in limits)
    with np.errstate(all="ignore"):
        z = np.array([[value_at(fun, np.array([a, b])) for a in x] for b in y])
        nearby = [value_at(fun, point) for point in points[:: max(1, len(points) // 200)]]
    finite = [v for v in nearby if np.isfinite(v)]
    seen = z[np.isfinite(z)]
    if not seen.size or float(np.ptp(seen)) == 0.0:
        return
    above = z - min([float(seen.min()), *finite])
    scale = float(np.quantile(above[np.isfinite(above)], 0.2)) or float(np.ptp(seen)) * 1e-3
    height = np.log1p(np.maximum(above, 0.0) / (scale * 0.05))
    height = np.ma.masked_invalid(height)
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("steepest", SHADES)
    ax.contourf(x, y, height, levels=22, cmap=shades, zorder=0)
    lines = ax.contour(x, y, height, levels=22, colors="white", linewidths=0.5, zorder=0.5)
    least = float(z[np.isfinite(z)].min() if not finite else min(float(seen.min()), *finite))
    told = {level: f"{least + np.expm1(level) * scale * 0.05:.3g}" for level in lines.levels}
    ax.clabel(lines, lines.levels[2::4], fmt=told, fontsize=7, colors="#3f4a54", inline_spacing=2)


def draw_box(ax: Any, box: Any, limits: list[tuple[float, float]]) -> None:
    """The bounds on both coordinates, where any lies within the picture: what is beyond them is hatched."""
    edge = {"color": "#30343a", "linewidth": 1.2, "linestyle": (0, (4, 2)), "zorder": 1.5}
    beyond = {"facecolor": "#30343a", "alpha": 0.10, "hatch": "///", "edgecolor": "#30343a", "linewidth": 0.0}
    lines, spans = (ax.axvline, ax.axhline), (ax.axvspan, ax.axhspan)
    for (low, high), bound, line, span in zip(limits, zip(*box, strict=True), lines, spans, strict=True):
        for at, (start, end) in zip(bound, ((low, bound[0]), (bound[1], high)), strict=True):
            if low < at < high:
                line(at, label="_bound", **edge)
                span(start, end, label="_beyond", zorder=1.4, **beyond)


def value_at(fun: Function, point: NDArray[np.float64]) -> float:
    """The function, NaN where it has no value; a pair (value, gradient) counts by its value."""
    try:
        value = fun(point)
        return float(np.asarray(value[0] if isinstance(value, tuple) else value).reshape(()))
    except (ArithmeticError, ValueError, TypeError):
        return float("nan")
