"""The values of new rows, held to the kind that their column had when the schema was made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from steepest.errors import TableError
from steepest.tables import dates
from steepest.tables.numerals import Notation, read_numerals
from steepest.tables.values import CLOCK, PAIRS, Values, as_clock, as_text, as_times, is_clock, read_values

__all__ = ["expect"]


def expect(
    array: pa.ChunkedArray,
    name: str,
    kind: str,
    format: str | None,
    impute: bool = False,
    notation: Notation | None = None,
) -> Values:
    """A column of new rows as the kind of values it had when the schema was made.

    Parameters
    ----------
    kind
        "number", "boolean", "time" or "text".
    format
        How times were written.
    impute
        Whether texts among numbers and infinite numbers count as missing.
    notation
        How numbers were written.

    Raises
    ------
    TableError
        A value does not fit, named by row and column.
    """
    if kind == "text":
        return as_text(read_values(array, name, plain=True))
    values = read_values(array, name, plain=True)
    if values.kind == "empty":
        return blank(values, kind)
    if values.kind == "number" and kind == "time" and values.numbers is not None:
        days = dates.from_whole(values.numbers, format) if format is not None else None
        if days is not None:
            return Values("time", values.rows, times=days.times, format=format)
    if kind == "number" and (values.format == CLOCK) != (format == CLOCK) and values.kind != "text":
        now, then = ("times of the day", "numbers") if format != CLOCK else ("numbers", "times of the day")
        raise TableError(f"column {name!r} held {then} when the model was fitted; now it holds {now}")
    if values.kind == "text":
        values = converted(values, name, kind, format, impute, notation or Notation())
    if kind == "time" and values.kind != "time":
        raise TableError(f"column {name!r} held dates when the model was fitted; now it holds {values.kind}s")
    if kind != "time" and values.kind == "time":
        raise TableError(f"column {name!r} held {kind}s when the model was fitted; now it holds dates")
    return values


def blank(values: Values, kind: str) -> Values:
    """A column without one value, as the kind asked for."""
    if kind == "time":
        return Values("time", values.rows, times=np.full(values.rows, np.datetime64("NaT"), "datetime64[us]"))
    return Values("number", values.rows, numbers=np.full(values.rows, np.nan), tokens=values.tokens)


def converted(
    values: Values, name: str, kind: str, format: str | None, impute: bool, notation: Notation
) -> Values:
    """Texts as numbers, booleans or times; the first that is none is named."""
    assert values.codes is not None
    if kind == "time":
        times = as_times(values, format)
        if times is not None:
            return times
        bad = next((i for i, text in enumerate(values.texts) if dates.recognise([text], format) is None), 0)
        row = int(np.flatnonzero(values.codes == bad)[0])
        raise TableError(
            f"column {name!r} row {row} holds {values.texts[bad]!r} where a date was expected "
            f"(such as {dates.example(format)})"
        )
    if format == CLOCK:
        clock = as_clock(values)
        if clock is not None:
            return clock
        bad = next((i for i, text in enumerate(values.texts) if not is_clock(text)), 0)
        row = int(np.flatnonzero(values.codes == bad)[0])
        raise TableError(
            f"column {name!r} row {row} holds {values.texts[bad]!r} where a time of the day was expected"
        )
    words = {word: float(i) for pair in PAIRS for i, word in enumerate(pair)} if kind == "boolean" else {}
    spoken: Any = np.array([words.get(text.lower(), np.nan) for text in values.texts])
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.texts))
    found = read_numerals(pa.array(values.texts, pa.large_string()), notation, name, 0.0, counts)
    assert found is not None
    parsed = np.where(np.isnan(spoken), found.numbers, spoken)
    strange = ~found.known & np.isnan(spoken)
    if strange.any() and not impute:
        row = int(np.flatnonzero(np.isin(values.codes, np.flatnonzero(strange)))[0])
        comma = " with a decimal comma" if notation.decimal == "," else ""
        raise TableError(
            f"column {name!r} row {row} holds {values.texts[values.codes[row]]!r} where a {kind}{comma} was "
            "expected: mend it, or leave that field empty, which the model fills"
        )
    return Values(
        "number", values.rows, numbers=np.append(parsed, np.nan)[values.codes], tokens=values.tokens
    )
