"""The values of new rows, held to the kind that their column had when the schema was made."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from steepest.errors import TableError
from steepest.tables import dates
from steepest.tables.values import PAIRS, Values, as_text, as_times, parse_number, read_values

__all__ = ["expect"]


def expect(array: pa.ChunkedArray, name: str, kind: str, format: str | None, impute: bool = False) -> Values:
    """A column of new rows as the kind of values it had when the schema was made.

    Args:
        kind: "number", "boolean", "time" or "text".
        format: how times were written.
        impute: whether texts among numbers and infinite numbers count as missing.

    Raises:
        TableError: a value does not fit, named by row and column.
    """
    if kind == "text":
        return as_text(read_values(array, name, plain=True))
    values = read_values(array, name, plain=True)
    if values.kind == "empty":
        return blank(values, kind)
    if values.kind == "text":
        values = converted(values, name, kind, format, impute)
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


def converted(values: Values, name: str, kind: str, format: str | None, impute: bool) -> Values:
    """Texts as numbers, booleans or times; the first that is none is named."""
    assert values.codes is not None
    if kind == "time":
        times = as_times(values, format)
        if times is not None:
            return times
        bad = next((i for i, text in enumerate(values.texts) if dates.recognise([text], format) is None), 0)
        row = int(np.flatnonzero(values.codes == bad)[0])
        raise TableError(
            f"column {name!r} row {row} holds {values.texts[bad]!r} where a date was expected ({format})"
        )
    words = {word: float(i) for pair in PAIRS for i, word in enumerate(pair)} if kind == "boolean" else {}
    parsed = [words.get(text.lower(), parse_number(text)) for text in values.texts]
    for i, number in enumerate(parsed):
        if number is None and not impute:
            row = int(np.flatnonzero(values.codes == i)[0])
            raise TableError(
                f"column {name!r} row {row} holds {values.texts[i]!r} where a {kind} was expected: "
                'mend it, or pass missing="impute" to take it as missing'
            )
    table = np.array([np.nan if number is None else number for number in [*parsed, None]], dtype=np.float64)
    return Values("number", values.rows, numbers=table[values.codes], tokens=values.tokens)
