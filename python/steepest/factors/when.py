"""When each rating was made: numbers, dates, or texts that write one of these."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import InputError
from steepest.findings import Finding
from steepest.tables.numerals import Notation
from steepest.tables.remarks import ambiguous_date
from steepest.tables.table import Table
from steepest.tables.unread import whole_column

__all__ = ["absent", "read_times"]

#: What of a column of texts is a time, and how that is said.
KINDS = ("time", "number")
MUST = "it must be a date (as 2024-12-31) or a number, written as the others are"


def read_times(
    time: Any, name: str = "time", *, called: str = "time", notation: Notation | None = None
) -> tuple[NDArray[Any], list[Finding]]:
    """Times that sort, and what is to be said of how they were read.

    Parameters
    ----------
    time : array of shape (rows,)
        Numbers, dates, or texts that write one of these.
    name : str
        The column's.
    called : str
        What is said to have a row that cannot be.
    notation : Notation, optional
        What is known of how numbers are written.

    Raises
    ------
    InputError
        A row is missing or no time, or they are neither numbers nor dates; the row is named.
    """
    when = np.asarray(time)
    if when.dtype.kind == "O":
        values = when.ravel().tolist()
        for row, value in enumerate(values):
            if absent(value):
                raise InputError(f"{called} row {row} is missing, {value!r}: drop the row")
        if all(isinstance(value, str) for value in values):
            when = when.astype(str)
        elif all(isinstance(value, date) for value in values):
            when = _instants(when)
    if when.dtype.kind in "UST" and when.ndim == 1 and len(when):
        # As texts 2/1/2024 stands before 9/1/2023, and 10 before 9.
        column = Table(called, {name: when}, len(when)).column(name)
        read = whole_column(column, name, KINDS, MUST, called=called, notation=notation or Notation())
        found = [ambiguous_date(name, read.format)] if read.ambiguous else []
        return np.asarray(read.numbers if read.times is None else read.times), found
    if when.dtype.kind not in "iufMm" and len(when):
        raise InputError(
            f"{called} must be numbers, dates or texts that write one of these; got dtype {when.dtype}"
        )
    bad = (
        np.isnat(when) if when.dtype.kind in "Mm" else ~np.isfinite(when) if when.dtype.kind == "f" else None
    )
    if bad is not None and bad.any():
        row = int(bad.argmax())
        raise InputError(f"{called} row {row} is missing, {when[row]}: drop the row")
    return when, []


def absent(value: Any) -> bool:
    """None, NaN, and what stands for them: pandas' NA is neither equal to itself nor not."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def _instants(when: NDArray[Any]) -> NDArray[Any]:
    """Dates as NumPy has them, which knows no zones: of those that have one, as they are in UTC."""
    zoned = [getattr(value, "tzinfo", None) is not None for value in when.ravel().tolist()]
    if any(zoned) and not all(zoned):
        row = zoned.index(not zoned[0])
        raise InputError(
            f"time row {row} has {'a' if zoned[row] else 'no'} time zone, others have {'none' if zoned[row] else 'one'}"
        )
    if any(zoned):
        plain = [value.astimezone(UTC).replace(tzinfo=None) for value in when.ravel().tolist()]
        when = np.array(plain, dtype=object).reshape(when.shape)
    return when.astype("datetime64[us]")
