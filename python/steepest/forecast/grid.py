"""The even grid of time that stamps lie on: days, months, work days, hours in a zone, numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from steepest.errors import TableError

__all__ = ["DAY", "HOUR", "Grid", "grid_of", "tick_written", "written"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SECOND = 1_000_000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
#: the least share of a grid's places that have an observation
PRESENT = 0.5


@dataclass(frozen=True)
class Grid:
    """Even steps of time: how a place on it is written, and the seasons that its unit suggests."""

    #: "time" (microseconds), "month", "workday" or "number"
    unit: str
    #: the stamp of place 0, in the unit: microseconds, months or work days since 1970, or a number
    start: float
    step: float
    zone: str | None = None
    #: what a month's stamps have beyond the first of it, in microseconds; None for the last day of a month
    within: int | None = 0

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
            return days.astype("datetime64[us]")
        if self.unit == "month":
            if self.within is None:
                after = (at.astype(np.int64) + 1).astype("datetime64[M]").astype("datetime64[D]")
                return (after - np.timedelta64(1, "D")).astype("datetime64[us]")
            months = at.astype(np.int64).astype("datetime64[M]").astype("datetime64[us]")
            return months + np.timedelta64(self.within, "us")
        return at.astype(np.int64).astype("datetime64[us]")

    def local(self, places: Ints) -> NDArray[Any]:
        """The stamps as clocks on the wall show them."""
        stamps = self.stamps(places)
        if self.zone is None or self.unit != "time" or self.step >= DAY:
            return stamps
        zoned = (
            pa.array(stamps, pa.timestamp("us"))
            .cast(pa.timestamp("us", "UTC"))
            .cast(pa.timestamp("us", self.zone))
        )
        return np.asarray(pc.local_timestamp(zoned).to_numpy(zero_copy_only=False))

    def column(self, places: Ints) -> pa.Array:
        """The stamps as an Arrow array, in their zone."""
        stamps = self.stamps(places)
        if self.unit == "number" or self.zone is None:
            return pa.array(stamps)
        if self.step < DAY and self.unit == "time":
            return (
                pa.array(stamps, pa.timestamp("us"))
                .cast(pa.timestamp("us", "UTC"))
                .cast(pa.timestamp("us", self.zone))
            )
        return pc.assume_timezone(
            pa.array(stamps, pa.timestamp("us")), self.zone, ambiguous="earliest", nonexistent="latest"
        )

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


def grid_of(ticks: NDArray[Any], series: Ints, zone: str | None, name: str) -> tuple[Grid, Ints]:
    """The even grid that the stamps lie on, and the place of each."""
    if len(np.unique(ticks)) < 2:
        raise TableError(f"time column {name!r} has one time only: one observation is no history")
    if ticks.dtype.kind == "i":
        wall = ticks
        if zone is not None:
            zoned = (
                pa.array(ticks, pa.timestamp("us"))
                .cast(pa.timestamp("us", "UTC"))
                .cast(pa.timestamp("us", zone))
            )
            wall = np.asarray(pc.local_timestamp(zoned).to_numpy(zero_copy_only=False)).astype(np.int64)
            # Days are those of the wall: of 23 and 25 hours where clocks change.
            if len(np.unique(wall % DAY)) == 1:
                ticks = wall
            else:
                wall = ticks
        months = wall.astype("datetime64[us]").astype("datetime64[M]")
        within = wall - months.astype("datetime64[us]").astype(np.int64)
        after = wall // DAY * DAY + DAY
        ends = (after.astype("datetime64[us]").astype("datetime64[M]") != months) & (wall % DAY == 0)
        count = months.astype(np.int64)
        if len(np.unique(count)) > 1 and (len(np.unique(within)) == 1 or ends.all()):
            step = int(np.gcd.reduce(np.diff(np.unique(count))))
            start = int(count.min())
            places = (count - start) // step
            _mostly_there(places, name, "month" if step == 1 else f"{step} months")
            return Grid("month", start, step, zone, None if ends.all() else int(within[0])), places
    unique = np.unique(ticks)
    apart: NDArray[Any] = np.concatenate([np.diff(np.unique(ticks[series == k])) for k in np.unique(series)])
    if not len(apart):
        apart = np.diff(unique)
    if apart.dtype.kind == "f":
        apart = np.round(apart, 9)
    steps, counts = np.unique(apart, return_counts=True)
    step = steps[int(counts.argmax())]
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
            return Grid("workday", int(count.min()), 1, zone), places
    places_ = (ticks - unique[0]) / step
    off = np.abs(places_ - np.round(places_)) > 1e-6
    if off.any():
        k = int(np.argmax(off))
        grid = Grid("number" if ticks.dtype.kind == "f" else "time", float(unique[0]), float(step), zone)
        raise TableError(
            f"time column {name!r} has uneven stamps: most lie a step of {grid} apart, {int(off.sum())} of "
            f"{len(ticks)} do not, the first of them {tick_written(ticks[k])}: "
            "sum or average them over even steps first"
        )
    places = np.round(places_).astype(np.int64)
    grid = Grid("number" if ticks.dtype.kind == "f" else "time", float(unique[0]), float(step), zone)
    _mostly_there(places, name, str(grid))
    return grid, places


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


def tick_written(tick: Any) -> str:
    """A tick as people write it: microseconds are a time."""
    return written(np.datetime64(int(tick), "us") if isinstance(tick, np.integer) else tick)
