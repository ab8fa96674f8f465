"""A falling loss as a picture made of characters: log scale, one curve or several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from steepest.cli.terminal import Terminal

__all__ = ["draw"]

_MARKS = "*o+x#@%&"
_COLOURS = ("cyan", "yellow", "green", "red", "blue")
# Braille dots of a cell, by (row, column) of its 4 x 2 grid.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def draw(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    terminal: Terminal,
    height: int = 10,
    across: str = "iterations",
) -> list[str]:
    """The curves as lines of text: the loss upwards on a log scale, `across` to the right.

    Parameters
    ----------
    curves : mapping
        By name, positions and losses. A lone curve is drawn in Braille dots where there is Unicode, several
        by a mark each, at the middle of what falls into a column. Values that are not finite or not above
        0 are left out.
    terminal : Terminal
        For its width, its colours, and whether it has Unicode.
    height : int
        Lines of the picture without its axis.
    across : str
        What the horizontal axis counts; its scale is logarithmic where the curves' lengths differ widely.
    """
    kept = {name: _positive(x, y) for name, (x, y) in curves.items()}
    kept = {name: xy for name, xy in kept.items() if len(xy[0])}
    if not kept:
        return []
    low, high = _decades(kept)
    powers = [_labelled(row, height, low, high) for row in range(height)]
    label = max(len(_power(power)) for power in powers)
    width = terminal.width - label - 2
    ends = [max(float(x[-1]), 1.0) for x, _ in kept.values()]
    wide = max(ends) > 20 * min(ends)
    scale = np.log1p if wide else np.asarray
    fine = len(kept) == 1 and terminal.unicode
    down, right = (4, 2) if fine else (1, 1)
    grid: dict[tuple[int, int], int] = {}
    for number, (x, y) in enumerate(kept.values()):
        columns = scale(x) / float(scale(max(ends))) * (width * right - 1)
        rows = (high - np.log10(y)) / (high - low) * (height * down - 1)
        if len(kept) > 1:
            rows, columns = _by_column(rows, columns)
        for r, c in _line(rows, columns, height * down - 1):
            cell = (r // down, c // right)
            if fine:
                grid[cell] = grid.get(cell, 0) | _DOTS[r % 4][c % 2]
            elif cell not in grid or (c // 2) % len(kept) == number:
                # Curves that lie on each other take turns.
                grid[cell] = number
    tick, axis, corner, bar = "┤│└─" if terminal.unicode else "||+-"
    lines = []
    for row, power in enumerate(powers):
        cells = [_cell(grid.get((row, c)), fine, terminal) for c in range(width)]
        lines.append(f"{_power(power):>{label}} {axis if power is None else tick}{''.join(cells).rstrip()}")
    lines.append(f"{'':>{label}} {corner}{bar * width}")
    lines.append(_foot(max(ends), width, label, across + (", log scale" if wide else "")))
    if len(kept) > 1:
        lines += _key(list(kept), label + 2, terminal)
    return lines


def _positive(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """The points whose loss has a logarithm."""
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(ys) & (ys > 0) & np.isfinite(xs)
    return xs[good], ys[good]


def _decades(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> tuple[int, int]:
    """The powers of ten between which the picture lies: at most 16 below the top."""
    highest = max(math.log10(float(y.max())) for _, y in curves.values())
    lowest = min(math.log10(float(y.min())) for _, y in curves.values())
    high = math.ceil(highest)
    low = max(math.floor(lowest), high - 16)
    return (low, high) if high > low else (low - 1, high)


def _by_column(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One point a column, the middle of those that fall there: several curves that swing would hide each other."""
    at = np.rint(columns)
    kept = np.unique(at)
    return np.array([np.median(rows[at == c]) for c in kept]), kept


def _line(rows: np.ndarray, columns: np.ndarray, floor: int) -> set[tuple[int, int]]:
    """Every dot down to `floor` that the broken line through the points passes."""
    at = np.stack([np.rint(rows), np.rint(columns)], axis=1).astype(int)
    at = at[np.r_[True, (np.diff(at, axis=0) != 0).any(axis=1)]].tolist()
    dots = {tuple(at[0])}
    for (r0, c0), (r1, c1) in pairwise(at):
        steps = max(abs(r1 - r0), abs(c1 - c0))
        dots |= {
            (round(r0 + (r1 - r0) * k / steps), round(c0 + (c1 - c0) * k / steps))
            for k in range(1, steps + 1)
        }
    return {(r, c) for r, c in dots if r <= floor}


def _labelled(row: int, height: int, low: int, high: int) -> int | None:
    """The power of ten written at this row of the picture, if one is: about four of them, evenly apart."""
    every = max(1, math.ceil((high - low) / 4))
    for power in range(high, low - 1, -every):
        if round((high - power) / (high - low) * (height - 1)) == row:
            return power
    return None


def _power(power: int | None) -> str:
    """A power of ten as people write it: 100, 0.01, 1e-06."""
    return "" if power is None else f"{10.0**power:g}"


def _foot(end: float, width: int, label: int, across: str) -> str:
    """The line under the axis: 0 at the left, the end at the right, what is counted between."""
    right = f"{end:g}" if end < 1e6 else f"{end:.3g}"
    middle = across if len(across) + len(right) + 4 <= width else ""
    return " " * (label + 2) + "0" + middle.center(width - 1 - len(right)) + right


def _key(names: list[str], indent: int, terminal: Terminal) -> list[str]:
    """Which mark is whose, wrapped to the width."""
    lines, room = [" " * indent], terminal.width - indent
    used = 0
    for k, name in enumerate(names):
        if used and used + len(name) + 5 > room:
            lines.append(" " * indent)
            used = 0
        lines[-1] += ("   " if used else "") + f"{_cell(k, False, terminal)} {name}"
        used += len(name) + 5
    return lines


def _cell(value: int | None, fine: bool, terminal: Terminal) -> str:
    """One character of the picture."""
    if value is None:
        return " "
    if fine:
        return terminal.style(chr(0x2800 + value), _COLOURS[0])
    return terminal.style(_MARKS[value % len(_MARKS)], _COLOURS[value % len(_COLOURS)])
