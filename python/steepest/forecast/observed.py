"""What was observed of series with gaps: where the last observation lies, what stands for a gap, how much moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats, Ints

__all__ = ["ages", "begins", "bridged", "filled", "last_seen", "lately", "moves", "pairs", "seasonal_moves"]


def begins(y: Floats) -> Ints:
    """The place of each series' first observation; past the end for one that has none."""
    there = ~np.isnan(y)
    first: Ints = np.where(there.any(axis=1), there.argmax(axis=1), y.shape[1]).astype(np.int64)
    return first


def last_seen(y: Floats, season: int = 0) -> Ints:
    """The place of the last observation at each place or before, -1 where there is none.

    Of a season, the last at the same place of it; where there never was one, the last of all.
    """
    there = ~np.isnan(y)
    last: Ints = np.maximum.accumulate(np.where(there, np.arange(y.shape[1]), -1), axis=1)
    if season and not there.all():
        own = np.where(there, np.arange(y.shape[1]), -1)
        own = _joined(np.maximum.accumulate(_parted(own, season, -1), axis=1), season, y.shape)
        last = np.where(own >= 0, own, last)
    return last


def ages(y: Floats) -> Ints:
    """How many steps before each place the last observation lies; 0 before the first."""
    last = last_seen(y)
    return np.where(last < 0, 0, np.arange(y.shape[1]) - last)


def filled(z: Floats, season: int = 0) -> Floats:
    """Gaps as the last value before, of a season at the same place of it; what is before the first as the first."""
    last = last_seen(z, season)
    last = np.where(last < 0, (~np.isnan(z)).argmax(axis=1)[:, None], last)
    return np.take_along_axis(z, last, axis=1)


def bridged(z: Floats, season: int, share: float) -> Floats:
    """Gaps as a way from the value before to the one after, in step with a season: for who looks back over a gap.

    Each place of a gap is its last value in the season, or the value before without one, moved by the share of what
    the value after is above its own that lasts, and of that as much as lies behind. What is before the first is as the
    first, and at the end as `filled`.
    """
    out = filled(z, season)
    there, places = ~np.isnan(z), np.arange(z.shape[1])
    if there.all():
        return out
    last = last_seen(z)
    after = np.where(there, places, z.shape[1])
    after = np.minimum.accumulate(after[:, ::-1], axis=1)[:, ::-1]
    # What would stand for each place if it were missing, and how far above that it is.
    before = np.concatenate([last[:, :1] * 0 - 1, last[:, :-1]], axis=1)
    if season:
        own = last_seen(z, season)[:, np.maximum(places - season, 0)]
        same = (places >= season) & (own >= 0) & ((places - own) % season == 0)
        before = np.where(same, own, before)
    above = z - np.take_along_axis(z, np.maximum(before, 0), axis=1)
    rows, gap = np.nonzero(~there & (last >= 0) & (after < z.shape[1]))
    start, end = last[rows, gap], after[rows, gap]
    out[rows, gap] += share * above[rows, end] * (gap - start) / (end - start)
    return out


def pairs(y: Floats, t: Ints, h: int) -> NDArray[np.bool_]:
    """Where there is something to learn or judge: observations at origins `t` and `h` steps after them.

    What stands for a gap is no value to start from: forecasts from there are those from the last observation, more
    steps ahead.
    """
    there = ~np.isnan(y)
    return there[:, t] & there[:, t + h]


def moves(z: Floats) -> Floats:
    """How much a step moved, NaN where none is observed: over a gap as much a step as a walk that moved so far."""
    last = last_seen(z)
    before = np.concatenate([np.full((len(z), 1), -1), last[:, :-1]], axis=1)
    seen = ~np.isnan(z) & (before >= 0)
    apart = np.where(seen, np.arange(z.shape[1]) - before, 1)
    moved = np.abs(z - np.take_along_axis(z, np.maximum(before, 0), axis=1))
    return np.where(seen, moved / np.sqrt(apart), np.nan)


def lately(moved: Floats, most: int) -> Floats:
    """The mean of the last moves at each place, `most` of them: of observed ones alone, so that a gap is no rest."""
    seen = ~np.isnan(moved)
    count = np.cumsum(seen, axis=1)
    total = np.zeros((len(moved), moved.shape[1] + 1))
    rows, places = np.nonzero(seen)
    total[rows, count[rows, places]] = moved[rows, places]
    total = np.cumsum(total, axis=1)
    low = np.maximum(count - most, 0)
    of = np.take_along_axis(total, count, axis=1) - np.take_along_axis(total, low, axis=1)
    found: Floats = of / np.maximum(count - low, 1)
    return found


def seasonal_moves(z: Floats, season: int, most: int) -> Floats:
    """How much a season moved at the same place of it, over the last `most` of them that were observed."""
    apart = _parted(z, season, np.nan)
    count, long, _ = apart.shape
    rows = apart.transpose(0, 2, 1).reshape(count * season, long)
    found = lately(moves(rows), most).reshape(count, season, long).transpose(0, 2, 1)
    return _joined(found, season, z.shape)


def _parted(x: NDArray[Any], season: int, missing: float) -> NDArray[Any]:
    """Rows by season and place in it, of shape (series, seasons, season); the last season may be cut short."""
    long = -(-x.shape[1] // season)
    out = np.full((len(x), long * season), missing, dtype=x.dtype)
    out[:, : x.shape[1]] = x
    return out.reshape(len(x), long, season)


def _joined(x: NDArray[Any], season: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Rows as they were before `_parted`."""
    return x.reshape(shape[0], x.shape[1] * season)[:, : shape[1]]
