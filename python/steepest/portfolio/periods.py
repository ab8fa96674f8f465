"""When each row of a table was: dates in columns or the index, and the order they put rows in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.errors import InputError
from steepest.tables import read
from steepest.tables.dates import from_whole
from steepest.tables.values import read_values

__all__ = ["Times", "counts", "date_written", "dates_of", "dates_of_index", "order_of"]

Times = NDArray[np.datetime64]

#: The seconds from 1970 to 1990 and to 2100, between which stamps are looked for, and how many units a second has.
STAMPS = 631_152_000, 4_102_444_800
UNITS = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}


def dates_of(values: Any) -> Times | None:
    """The times that a column writes, as 20240131 or in seconds since 1970 too; None where it writes none."""
    if values.kind == "time":
        return np.asarray(values.times)
    if values.kind != "number":
        return None
    numbers = values.numbers
    found = from_whole(numbers) if values.whole else None
    return _stamps(numbers) if found is None else np.asarray(found.times)


def _stamps(numbers: Floats) -> Times | None:
    """Times from whole numbers that go up or down throughout, and are seconds (or parts of them) of 1990 to 2100."""
    steps = np.diff(numbers)
    if len(numbers) < 3 or not ((steps > 0).all() or (steps < 0).all()):
        return None
    if (numbers != np.floor(numbers)).any():
        return None
    low, high = float(numbers.min()), float(numbers.max())
    for unit, size in UNITS.items():
        if STAMPS[0] * size <= low and high <= STAMPS[1] * size:
            return numbers.astype(np.int64).astype(f"datetime64[{unit}]").astype("datetime64[us]")
    return None


def counts(numbers: Floats) -> bool:
    """Whether whole numbers go up or down by as much in every row, as a row's number does; no price does."""
    steps = np.diff(numbers)
    return len(numbers) > 9 and bool(steps[0] != 0 and (steps == steps[0]).all())


def dates_of_index(table: Any) -> Times | None:
    """The dates of a frame's index, where it has some."""
    index: Any = getattr(table, "index", None)
    if not hasattr(index, "to_series") or getattr(index, "nlevels", 1) > 1 or not len(index):
        return None
    column = read({"index": index.to_series()}).column("index")
    return dates_of(read_values(column, "index"))


def order_of(times: Times | None, what: str) -> NDArray[np.int64] | None:
    """The rows from the oldest to the newest; None where they stand so, or nothing says when they were.

    Raises
    ------
    InputError
        A row has no date, or two have the same.
    """
    if times is None:
        return None
    if np.isnat(times).any():
        raise InputError(f"row {int(np.isnat(times).argmax())} of {what} has no date: leave it out")
    order = np.argsort(times, kind="stable")
    twice = np.flatnonzero(np.diff(times[order]) == np.timedelta64(0))
    if len(twice):
        one, other = sorted(int(row) for row in order[twice[0] : twice[0] + 2])
        raise InputError(
            f"rows {one} and {other} of {what} have the same date, {date_written(times[one])}: a row a date"
            " and a column an asset is what is needed (a long table is made so by pandas' pivot)"
        )
    return None if (np.diff(order) > 0).all() else order


def date_written(time: Any) -> str:
    """A date, with its hour where that is not midnight."""
    return str(np.datetime64(time, "s")).removesuffix("T00:00:00")
