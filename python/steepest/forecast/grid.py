"""The even grid of time that stamps lie on: days, months, work days, hours in a zone, numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from steepest._types import Ints
from steepest.errors import TableError

__all__ = ["DAY", "HOUR", "Grid", "grid_of", "offset_of", "tick_written", "times_written", "written"]


SECOND = 1_000_000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
#: the least share of a grid's places that have an observation: with fewer the value before stands for most of them
PRESENT = 0.5
#: how far numbers that were rounded lie from an even grid, at most, in steps: twelfths of a year in two digits
ROUNDED = 0.08


@dataclass(frozen=True)
class Grid:
    """Even steps of time: how a place on it is written, and the seasons that its unit suggests."""

    #: "time" (microseconds), "month", "workday" or "number"
    unit: str
    #: the stamp of place 0, in the unit: microseconds, months or work days since 1970, or a number
    start: float
    step: float
    zone: str | None = None
    #: what stamps have beyond the start of their month or work day, in microseconds; below 0 it is what they lie before
    #: the month's end
    within: int = 0
    #: whether stamps are those of clocks on the wall in the zone; they are in UTC otherwise
    wall: bool = False
    #: of months with one stamp each, on different days: what each is written as, its first or its last work day
    one_a_month: str = ""

    def stamps(self, places: Ints) -> NDArray[Any]:
        """The stamps of places: datetime64[us], or numbers."""
        at = self.start + self.step * places
        if self.unit == "number":
            return (
                at.astype(np.int64)
                if float(self.start).is_integer() and float(self.step).is_integer()
                else at
            )
        if self.unit == "workday":
            days = np.busday_offset(np.datetime64("1970-01-01"), at.astype(np.int64))
            return days.astype("datetime64[us]") + np.timedelta64(self.within, "us")
        if self.unit == "month":
            months = at.astype(np.int64).astype("datetime64[M]")
            ends = (months + 1).astype("datetime64[us]")
            if self.one_a_month == "last work day":
                first = (months + 1).astype("datetime64[D]")
                return np.busday_offset(first, -1, roll="forward").astype("datetime64[us]")
            if self.within < 0:
                return ends + np.timedelta64(self.within, "us")
            # A month without a 29th, 30th or 31st has its last day.
            last = ends + np.timedelta64(self.within % DAY - DAY, "us")
            return np.minimum(months.astype("datetime64[us]") + np.timedelta64(self.within, "us"), last)
        return at.astype(np.int64).astype("datetime64[us]")

    def local(self, places: Ints) -> NDArray[Any]:
        """The stamps as clocks on the wall show them."""
        stamps = self.stamps(places)
        if self.zone is None or self.wall:
            return stamps
        return on_the_wall(stamps, self.zone)

    def column(self, places: Ints) -> pa.Array:
        """The stamps as an Arrow array, in their zone."""
        stamps = self.stamps(places)
        if self.unit == "number" or self.zone is None:
            return pa.array(stamps)
        offset = offset_of(self.zone)
        if offset is not None:
            return _zoned(stamps - np.timedelta64(offset if self.wall else 0, "us"), self.zone)
        if self.wall:
            return pc.assume_timezone(
                pa.array(stamps, pa.timestamp("us")), self.zone, ambiguous="earliest", nonexistent="latest"
            )
        return _zoned(stamps, self.zone)

    @property
    def seasons(self) -> tuple[int, ...]:
        """The periods, in steps, that the unit suggests; those of numbers are looked for in the data."""
        if self.unit == "month":
            return {1.0: (12,), 3.0: (4,), 2.0: (6,), 6.0: (2,)}.get(self.step, ())
        if self.unit == "workday":
            return (5,)
        if self.unit == "number":
            return ()
        whole = [period / self.step for period in (DAY, 7 * DAY)]
        found = tuple(int(p) for p in whole if p >= 2 and p.is_integer() and p <= 2016)
        return (52,) if self.step == 7 * DAY else found

    def __str__(self) -> str:
        if self.unit == "workday":
            return "work day"
        if self.unit == "month":
            return {1.0: "month", 3.0: "quarter", 12.0: "year"}.get(self.step, f"{self.step:g} months")
        if self.unit == "number":
            return f"{self.step:g}"
        for name, size in (("week", 7 * DAY), ("day", DAY), ("hour", HOUR), ("minute", 60 * SECOND)):
            if self.step % size == 0:
                return name if self.step == size else f"{self.step / size:g} {name}s"
        return f"{self.step / SECOND:g} s"


def _zoned(utc: NDArray[Any], zone: str) -> pa.Array:
    """Stamps in UTC as an Arrow array of the zone."""
    return pa.array(utc, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone))


def offset_of(zone: str) -> int | None:
    """How many microseconds before UTC an offset such as +02:00 is; None for a zone that has a name.

    >>> offset_of("-01:30"), offset_of("Europe/Berlin")
    (-5400000000, None)
    """
    if zone[0] not in "+-":
        return None
    ahead = int(zone[1:3]) * HOUR + int(zone[4:6]) * 60 * SECOND
    return -ahead if zone[0] == "-" else ahead


def on_the_wall(utc: NDArray[Any], zone: str) -> NDArray[Any]:
    """Stamps in UTC as the clocks of the zone show them."""
    offset = offset_of(zone)
    if offset is not None:
        return np.asarray(utc).astype("datetime64[us]") + np.timedelta64(offset, "us")
    return np.asarray(pc.local_timestamp(_zoned(utc, zone)).to_numpy(zero_copy_only=False))


def grid_of(ticks: NDArray[Any], series: Ints, zone: str | None, name: str) -> tuple[Grid, Ints]:
    """The even grid that the stamps lie on, and the place of each."""
    if len(np.unique(ticks)) < 2:
        raise TableError(f"time column {name!r} has one time only: one observation is no history")
    wall = False
    if ticks.dtype.kind == "i":
        if zone is not None:
            shown = on_the_wall(ticks, zone).astype(np.int64)
            # Days are those of the wall: of 23 and 25 hours where clocks change.
            wall = len(np.unique(shown % DAY)) == 1
            ticks = shown if wall else ticks
        months = ticks.astype("datetime64[us]").astype("datetime64[M]")
        count = months.astype(np.int64)
        within = ticks - months.astype("datetime64[us]").astype(np.int64)
        before = ticks - (months + 1).astype("datetime64[us]").astype(np.int64)
        ends = len(np.unique(before)) == 1 and before[0] >= -DAY
        if len(np.unique(count)) > 1 and (ends or len(np.unique(within)) == 1):
            every = int(np.gcd.reduce(np.diff(np.unique(count))))
            start = int(count.min())
            places = (count - start) // every
            _mostly_there(places, name, "month" if every == 1 else f"{every} months")
            return Grid("month", start, every, zone, int((before if ends else within)[0]), wall), places
    unique = np.unique(ticks)
    apart: NDArray[Any] = np.concatenate([np.diff(np.unique(ticks[series == k])) for k in np.unique(series)])
    if not len(apart):
        apart = np.diff(unique)
    step = _usual(apart, float(unique[-1] - unique[0]))
    if (
        ticks.dtype.kind == "i"
        and step == DAY
        and (unique % DAY == unique[0] % DAY).all()
        and len(unique) >= 10
    ):
        days = (ticks // DAY).astype("datetime64[D]")
        if np.is_busday(days).all():
            count = np.busday_count(np.datetime64("1970-01-01"), days)
            places = (count - count.min()).astype(np.int64)
            _mostly_there(places, name, "a work day")
            return Grid("workday", int(count.min()), 1, zone, int(unique[0] % DAY), wall), places
    grid = Grid("number" if ticks.dtype.kind == "f" else "time", float(unique[0]), step, zone, wall=wall)
    places_ = (ticks - unique[0]) / step
    off = np.abs(places_ - np.round(places_)) > 1e-6
    if off.any():
        found = (
            _rounded(ticks, unique) if grid.unit == "number" else _a_month(ticks, unique, series, zone, wall)
        )
        if found is not None:
            _mostly_there(found[1], name, str(found[0]))
            return found
        k = int(np.argmax(off))
        raise TableError(
            f"time column {name!r} has uneven stamps: {int(off.sum())} of {len(ticks)} do not lie whole steps of "
            f"{grid} after the first, the first of them {tick_written(ticks[k])}: "
            f"{_remedy(apart)}"
        )
    places = np.round(places_).astype(np.int64)
    _mostly_there(places, name, str(grid))
    return grid, places


def _rounded(ticks: NDArray[Any], unique: NDArray[Any]) -> tuple[Grid, Ints] | None:
    """The grid of numbers that were rounded, as years with twelfths in three digits are; None where they are uneven."""
    usual = np.median(np.diff(unique))
    number = np.concatenate([[0.0], np.cumsum(np.round(np.diff(unique) / usual))])
    if number[-1] < 2:
        return None
    step = np.polyfit(number, unique, 1)[0]
    # Twelfths and the like, where they are meant.
    step = 1 / round(1 / step) if step < 1 and abs(1 / step - round(1 / step)) < 0.01 else step
    start = float(np.mean(unique - step * number))
    places = (ticks - start) / step
    if np.abs(places - np.round(places)).max() > ROUNDED:
        return None
    return Grid("number", float(start), float(step)), np.round(places).astype(np.int64)


def _a_month(
    ticks: NDArray[Any], unique: NDArray[Any], series: Ints, zone: str | None, wall: bool
) -> tuple[Grid, Ints] | None:
    """The months of stamps that are one a month (or quarter), on different days of it; None where they are not."""
    days = unique.astype("datetime64[us]").astype("datetime64[D]")
    months = ticks.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    alone = len(np.unique(np.stack([series, months]), axis=1).T) == len(ticks)
    apart = np.diff(days).astype(np.int64)
    if not alone or len(days) < 3 or (apart.min() < 14 and len(np.unique(series)) == 1):
        return None
    count = np.unique(months)
    every = int(np.gcd.reduce(np.diff(count))) if len(count) > 1 else 1
    places = (months - count[0]) // every
    ends = (days.astype("datetime64[M]") + 1).astype("datetime64[D]")
    late = (ends - days).astype(np.int64) <= 5
    written_as = "last work day" if late.all() and np.is_busday(days).all() else "first day"
    return Grid("month", int(count[0]), every, zone, 0, wall, written_as), places


def _remedy(apart: NDArray[Any]) -> str:
    """What is to be done about stamps that are not even."""
    if apart.dtype.kind == "i" and set(np.unique(apart).tolist()) <= {DAY - HOUR, DAY, DAY + HOUR}:
        return (
            "these are days of a zone whose clocks change: pass them in it, as pandas' tz_convert makes them"
        )
    return "sum or average them over even steps first"


def _usual(apart: NDArray[Any], span: float) -> float:
    """The distance between stamps that is there most often; where only rounding parts them, a share of the whole."""
    share = np.round(apart / np.median(apart), 6)
    kinds, counts = np.unique(share, return_counts=True)
    step = float(np.median(apart[share == kinds[int(counts.argmax())]]))
    # Thirds and twelfths have no end: an error of one step is as many times larger at the last stamp.
    whole = round(span / step)
    return span / whole if abs(span / step - whole) < 1e-3 else step


def _mostly_there(places: Ints, name: str, step: str) -> None:
    """Refuses a grid that is mostly empty: its stamps are not even."""
    share = len(np.unique(places)) / (int(places.max()) - int(places.min()) + 1)
    if share < PRESENT:
        raise TableError(
            f"time column {name!r} has uneven stamps: of steps of {step} only {100 * share:.2g} % are there "
            f"({100 * PRESENT:g} % at least): sum or average them over even steps first"
        )


def written(stamp: Any) -> str:
    """A stamp as people write it: a time, or a number."""
    if isinstance(stamp, np.datetime64):
        return str(np.datetime_as_string(stamp, unit="s")).replace("T00:00:00", "").replace("T", " ")
    return f"{float(stamp):g}"


def times_written(times: Sequence[Any]) -> list[str]:
    """Times of a table as people write them: days without an hour, where all are at midnight.

    >>> from datetime import datetime
    >>> times_written([datetime(2024, 12, 30), datetime(2024, 12, 31)])
    ['2024-12-30', '2024-12-31']
    """
    texts = [str(time) for time in times]
    midnight = " 00:00:00"
    return [t.removesuffix(midnight) for t in texts] if all(t.endswith(midnight) for t in texts) else texts


def tick_written(tick: Any) -> str:
    """A tick as people write it: microseconds are a time."""
    return written(np.datetime64(int(tick), "us") if isinstance(tick, np.integer) else tick)
