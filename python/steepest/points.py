"""Points and bounds as a caller gives them: read and checked once, what cannot be used refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.errors import InputError

__all__ = ["read_bounds", "read_start", "within"]


def read_start(x0: Any, what: str = "x0") -> Floats:
    """The start as float64, a copy, in its own shape; a number is an array of one entry, as in SciPy."""
    if x0 is None:
        raise InputError(f"{what} must say where to begin: numbers in an array of any shape; got None")
    # Of a plain array there is nothing to ask, and asking takes longer than an iteration.
    if type(x0) is not np.ndarray and np.ma.is_masked(x0):
        raise InputError(f"{what} must not be masked: fill it first (x0.filled(value))")
    try:
        array = np.asarray(x0)
    except ValueError as error:
        raise InputError(f"{what} must be numbers in an array of any shape; {error}") from None
    if np.iscomplexobj(array):
        raise InputError(
            f"{what} must be real; got complex numbers: split them into real and imaginary parts"
        )
    try:
        start = np.atleast_1d(np.array(array, dtype=np.float64, order="C"))
    except (TypeError, ValueError, OverflowError):
        first = repr(_first(array))[:60]
        raise InputError(f"{what} must be numbers; got {array.dtype} such as {first}") from None
    if start.size == 0:
        raise InputError(f"{what} must have at least one entry; got an empty array")
    if not np.isfinite(start).all():
        bad = np.flatnonzero(~np.isfinite(start))
        raise InputError(f"{what} must be finite; got {start.flat[bad[0]]} at entry {bad[0]}")
    return start


def within(start: Floats, box: tuple[Floats, Floats] | None) -> tuple[Floats, str]:
    """The nearest point within the bounds: nothing is asked outside of them; and what was moved, in a sentence."""
    if box is None:
        return start, ""
    inside = np.clip(start.ravel(), *box).reshape(start.shape)
    moved = np.flatnonzero(inside.ravel() != start.ravel())
    if not moved.size:
        return start, ""
    j = int(moved[0])
    told = f"entry {j} from {start.flat[j]:g} to {inside.flat[j]:g}"
    more = f", and {moved.size - 1} more" if moved.size > 1 else ""
    return inside, f"x0 lay outside the bounds and was moved to the nearest point within: {told}{more}."


def read_bounds(bounds: Any, n: int) -> tuple[Floats, Floats] | None:
    """Bounds as SciPy has them: a sequence of pairs (None is no bound), or `scipy.optimize.Bounds`."""
    if bounds is None:
        return None
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        low, high = (np.broadcast_to(np.ravel(b), n) if np.size(b) == 1 else np.ravel(b)
                     for b in (bounds.lb, bounds.ub))  # fmt: skip
    else:
        low, high = map(np.array, _from_pairs(bounds, n))
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    if low.size != n or high.size != n:
        raise InputError(f"bounds must have a pair for each of the {n} variables; got {low.size}")
    if np.isnan(low).any() or np.isnan(high).any():
        j = int(np.flatnonzero(np.isnan(low) | np.isnan(high))[0])
        raise InputError(f"bounds must not be NaN; got ({low[j]}, {high[j]}) for x[{j}]")
    empty = np.flatnonzero((low > high) | (low == np.inf) | (high == -np.inf))
    if empty.size:
        j = int(empty[0])
        raise InputError(f"bounds must have low <= high; got ({low[j]}, {high[j]}) for x[{j}]")
    return low, high


def _from_pairs(bounds: Any, n: int) -> tuple[list[float], list[float]]:
    low, high = [], []
    if not np.iterable(bounds):
        raise InputError(f"bounds must be pairs (low, high), one for each variable; got {bounds!r}")
    bounds = list(bounds)
    for j, pair in enumerate(bounds):
        try:
            a, b = pair
            if np.ma.is_masked(a) or np.ma.is_masked(b):
                raise ValueError
            low.append(-np.inf if a is None else float(a))
            high.append(np.inf if b is None else float(b))
        except (TypeError, ValueError, OverflowError):
            hint = ""
            if (
                n != 2
                and len(bounds) == 2
                and all(np.iterable(end) and len(list(end)) == n for end in bounds)
            ):
                hint = "; for all low and all high ends pass scipy.optimize.Bounds(low, high)"
            elif len(bounds) == 2 and all(end is None or not np.iterable(end) for end in bounds):
                hint = f"; for the same ends everywhere pass [({bounds[0]!r}, {bounds[1]!r})] * {n}"
            raise InputError(
                f"bounds must be pairs (low, high), None for none; got {pair!r} for x[{j}]{hint}"
            ) from None
    return low, high


def _first(array: NDArray[Any]) -> Any:
    return array.flat[0] if array.size else None
