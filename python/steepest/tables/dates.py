"""Dates and times: recognised in texts, and taken apart into what a linear model can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Recognised", "parts", "recognise"]

DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y",
    "%d/%m/%y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y", "%d %B %Y",
    "%B %d, %Y", "%B %d %Y", "%a, %d %b %Y", "%Y.%m.%d", "%Y-%m", "%Y/%m", "%b %Y", "%B %Y",
)  # fmt: skip
HOURS = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", " %I:%M %p", " %I:%M:%S %p")
#: day first and month first, as they are told apart by a day over 12 only
TWINS = {"%m/%d/%Y": "%d/%m/%Y", "%m-%d-%Y": "%d-%m-%Y", "%m/%d/%y": "%d/%m/%y"}
#: the parts that dates are taken apart into, and of which kind each is
KINDS = {
    "year": "number",
    "month": "category",
    "weekday": "category",
    "day_of_year": "number",
    "hour": "category",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Recognised:
    """Times read from texts, the format that fits them all, and whether another would fit too."""

    times: np.ndarray[Any, Any]
    format: str
    ambiguous: bool


def recognise(texts: list[str], format: str | None = None) -> Recognised | None:
    """Reads texts as times, if one format fits them all.

    Args:
        texts: distinct texts without missing ones.
        format: the one format to try ("iso" or strptime's); all known ones when None.

    >>> recognise(["24.12.2025", "31.12.2025"]).format
    '%d.%m.%Y'
    """
    if format is None and not all(any(c.isdigit() for c in text) and 6 <= len(text) <= 35 for text in texts):
        return None
    array = pa.array(texts, pa.string())
    for candidate in ("iso",) if format is None else (format,):
        if candidate == "iso":
            times = iso(array)
            if times is not None:
                return Recognised(times, "iso", False)
    if format == "iso":
        return None
    for candidate in candidates(texts[0]) if format is None else [format]:
        times = parsed(array, candidate)
        if times is None:
            continue
        day, _, rest = candidate.partition(" ")
        twin = TWINS.get(day)
        other = parsed(array, f"{twin} {rest}".strip()) if twin is not None and format is None else None
        return Recognised(times, candidate, other is not None and bool(np.any(other != times)))
    return None


def is_format(format: str) -> bool:
    """Whether times are read in this format here."""
    return format == "iso" or any(format == day + hour for day in DAYS for hour in HOURS)


def candidates(text: str) -> list[str]:
    """The formats that fit one text."""
    one = pa.array([text], pa.string())
    return [day + hour for day in DAYS for hour in HOURS if parsed(one, day + hour) is not None]


def iso(array: pa.Array) -> np.ndarray[Any, Any] | None:
    """ISO 8601 texts as times in UTC, or None."""
    try:
        return np.asarray(pc.cast(array, pa.timestamp("us")).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        pass
    try:
        return np.asarray(pc.cast(array, pa.timestamp("us", tz="UTC")).to_numpy(zero_copy_only=False))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def parsed(array: pa.Array, format: str) -> np.ndarray[Any, Any] | None:
    """Texts as times by one strptime format, or None where one does not fit."""
    times = pc.strptime(array, format=format, unit="us", error_is_null=True)
    if times.null_count:
        return None
    return np.asarray(times.to_numpy(zero_copy_only=False)).astype("datetime64[us]")


def parts(times: np.ndarray[Any, Any]) -> dict[str, tuple[str, np.ndarray[Any, Any]]]:
    """What a linear model can use of times: part to its kind and values (NaN where the time is missing).

    Year and day of the year are numbers; month, weekday and hour are categories.

    >>> import numpy as np
    >>> found = parts(np.array(["2024-03-01T06"], "datetime64[us]"))
    >>> {part: float(values[0]) for part, (kind, values) in found.items()}
    {'year': 2024.0, 'month': 3.0, 'weekday': 4.0, 'day_of_year': 61.0, 'hour': 6.0}
    """
    absent = np.isnat(times)
    filled = np.where(absent, np.datetime64(0, "us"), times)
    days = filled.astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    months = days.astype("datetime64[M]")
    found = {
        "year": ("number", years.astype(np.int64) + 1970),
        "month": ("category", (months - years.astype("datetime64[M]")).astype(np.int64) + 1),
        # The first of January 1970 was a Thursday.
        "weekday": ("category", (days.astype(np.int64) + 3) % 7),
        "day_of_year": ("number", (days - years.astype("datetime64[D]")).astype(np.int64) + 1),
        "hour": (
            "category",
            (filled - days.astype("datetime64[us]")).astype("timedelta64[h]").astype(np.int64),
        ),
    }
    return {
        part: (kind, np.where(absent, np.nan, values.astype(np.float64)))
        for part, (kind, values) in found.items()
    }


def part_text(part: str, value: float) -> str:
    """The name of a level of a part: 'Monday' for weekday 0, '3' for March."""
    return WEEKDAYS[int(value)] if part == "weekday" else str(int(value))


def part_name(column: str, part: str) -> str:
    """What a part of a column of dates is called: 'sold: day of the year'."""
    return f"{column}: {part.replace('day_of_year', 'day of the year')}"
