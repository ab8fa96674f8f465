"""Dates and times: recognised in texts, and taken apart into what a linear model can use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Recognised", "parts", "recognise"]

DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y",
    "%d/%m/%y", "%d.%m.%y", "%m-%d-%y", "%d-%m-%y", "%y-%m-%d", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y",
    "%b %d %Y", "%d %B %Y",
    "%B %d, %Y", "%B %d %Y", "%a, %d %b %Y", "%Y.%m.%d", "%Y-%m", "%Y/%m", "%b %Y", "%B %Y", "%b-%Y", "%b-%y",
    "%m/%Y",
)  # fmt: skip
HOURS = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", " %I:%M %p", " %I:%M:%S %p")
#: what each part of a format looks like; years in full or in two digits, never one for the other
LOOKS = {
    "%Y": "[0-9]{4}", "%y": "[0-9]{2}", "%m": "[0-9]{1,2}", "%d": "(?P<day>[0-9]{1,2})", "%H": "[0-9]{1,2}",
    "%I": "[0-9]{1,2}", "%M": "[0-9]{1,2}", "%S": "[0-9]{1,2}", "%p": "[AaPp][Mm]", "%a": "[A-Za-z]+",
    "%b": "[A-Za-z]+", "%B": "[A-Za-z]+",
}  # fmt: skip
#: formats that the same texts may have, as where only a day over 12 tells days from months
TWINS = {
    "%m/%d/%Y": ("%d/%m/%Y",), "%m-%d-%Y": ("%d-%m-%Y",), "%m/%d/%y": ("%d/%m/%y",),
    "%m-%d-%y": ("%d-%m-%y", "%y-%m-%d"), "%d-%m-%y": ("%y-%m-%d",),
}  # fmt: skip
#: dates written as one whole number, with the least and the greatest, and how many different ones leave no doubt
WHOLE = (("%Y%m%d", 19000101, 21001231, 3), ("%Y%m", 190001, 210012, 12))
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

    Parameters
    ----------
    texts
        Distinct texts without missing ones.
    format
        The one format to try ("iso" or strptime's); all known ones when None.

    Examples
    --------
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
        twins = TWINS.get(day, ()) if format is None else ()
        others = [parsed(array, f"{twin} {rest}".strip()) for twin in twins]
        ambiguous = any(other is not None and bool(np.any(other != times)) for other in others)
        return Recognised(times, candidate, ambiguous)
    return None


def mostly(texts: list[str], counts: np.ndarray[Any, Any], least: float) -> Recognised | None:
    """The one format that fits at least a share of the rows, NaT where it does not; None where there is none.

    Parameters
    ----------
    texts
        Distinct texts without missing ones.
    counts
        How many rows each stands in.
    least
        The share.
    """
    sample = texts[:: max(1, len(texts) // 12)]
    formats = [f for text in sample if 6 <= len(text) <= 35 and text[-1:].isalnum() for f in candidates(text)]
    for format in sorted(set(formats), key=lambda f: (-formats.count(f), formats.index(f)))[:3]:
        times = each(pa.array(texts, pa.string()), format)
        if counts[~np.isnat(times)].sum() >= least * counts.sum():
            return Recognised(times, format, False)
    return None


def from_whole(numbers: np.ndarray[Any, Any], format: str | None = None) -> Recognised | None:
    """Whole numbers such as 20240131 as the days (or months) that they write; None where some write none.

    Parameters
    ----------
    numbers
        With NaN where one is missing.
    format
        "%Y%m%d" or "%Y%m"; whichever fits when None, where there are enough to leave no doubt.

    Examples
    --------
    >>> import numpy as np
    >>> from_whole(np.array([20240131.0, 20240201.0, 20240202.0])).times[0]
    np.datetime64('2024-01-31T00:00:00.000000')
    """
    present = np.unique(numbers[~np.isnan(numbers)])
    for candidate, low, high, enough in WHOLE:
        if format not in (None, candidate) or not len(present) or (format is None and len(present) < enough):
            continue
        if present[0] < low or present[-1] > high or (present != np.floor(present)).any():
            continue
        texts = pa.array([str(int(value)) for value in present], pa.string())
        days = parsed(texts, candidate)
        if days is not None:
            times = np.full(len(numbers), np.datetime64("NaT"), "datetime64[us]")
            known = ~np.isnan(numbers)
            times[known] = days[np.searchsorted(present, numbers[known])]
            return Recognised(times, candidate, False)
    return None


def example(format: str | None) -> str:
    """A time written in a format.

    >>> example("%d.%m.%y"), example("iso")
    ('24.12.25', '2025-12-24')
    """
    return datetime(2025, 12, 24, 17, 30).strftime("%Y-%m-%d" if format in (None, "iso") else format)


def is_format(format: str) -> bool:
    """Whether times are read in this format here."""
    whole = [entry[0] for entry in WHOLE]
    return format == "iso" or format in whole or any(format == d + h for d in DAYS for h in HOURS)


def candidates(text: str) -> list[str]:
    """The formats that fit one text."""
    one = pa.array([text], pa.string())
    # By its look first: each format asked of Arrow costs milliseconds, and there are two hundred.
    likely = [day + hour for day in DAYS for hour in HOURS if look(day + hour).fullmatch(text)]
    return [format for format in likely if parsed(one, format) is not None]


@cache
def look(format: str) -> re.Pattern[str]:
    """What a text of this format looks like, in words that Python and Arrow both know."""
    pattern = re.sub("%[A-Za-z]", lambda part: LOOKS[part[0]], re.escape(format))
    whole = format in (entry[0] for entry in WHOLE)
    return re.compile(pattern.replace("{1,2}", "{2}") if whole else pattern)


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
    times = each(array, format)
    return None if np.isnat(times).any() else times


def each(array: pa.Array, format: str) -> np.ndarray[Any, Any]:
    """Texts as times by one strptime format, NaT where one does not fit: 30 February is no day.

    Of years in two digits 69 to 99 are of the last century.
    """
    pattern = f"^{look(format).pattern}$"
    fits = pc.match_substring_regex(array, pattern)
    times = pc.strptime(pc.if_else(fits, array, None), format=format, unit="us", error_is_null=True)
    if "%d" in format:
        day = pc.cast(pc.struct_field(pc.extract_regex(array, pattern), "day"), pa.int64())
        times = pc.if_else(pc.equal(day, pc.day(times)), times, None)
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
