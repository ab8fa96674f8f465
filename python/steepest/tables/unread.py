"""Columns of texts of which every row must be a number, or a time: the first that is none."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.errors import TableError
from steepest.tables.missing import is_missing
from steepest.tables.numerals import Notation
from steepest.tables.values import CLOCK, Values, read_values

__all__ = ["whole_column"]

UNKNOWN = Notation()


def whole_column(
    column: pa.ChunkedArray,
    name: str,
    kinds: Collection[str],
    must: str,
    *,
    called: str | None = None,
    notation: Notation = UNKNOWN,
) -> Values:
    """The values of a column of texts, each of which must be there and be of one of the kinds.

    Parameters
    ----------
    column
        The texts.
    name
        The column's.
    kinds
        Those of `Values`.
    must
        What each must be, as the end of a sentence.
    called
        What is said to have a row that cannot be; the column unless given.
    notation
        What is known of how numbers are written.

    Raises
    ------
    TableError
        A row is missing, or holds another text: it is named.

    Examples
    --------
    >>> import pyarrow as pa
    >>> whole_column(pa.chunked_array([["2", "good", "5"]]), "stars", ["number"], "stars must be numbers")
    Traceback (most recent call last):
    steepest.errors.TableError: column 'stars' row 1 is 'good': stars must be numbers
    """
    # What no other row is like would be refused with remedies that are not for every caller: here it is missing first.
    values = read_values(column, name, amount=True, impute=True, notation=notation)
    missing = values.missing
    if not missing.any():
        if values.kind in kinds and (values.format != CLOCK or "time" in kinds):
            return values
        row = _first_unread(column, name, kinds, notation)
    else:
        row = int(missing.argmax())
    text, called = column[row].as_py(), called or f"column {name!r}"
    if text is None or is_missing(text):
        raise TableError(f"{called} row {row} is missing, {text!r}: drop the row")
    raise TableError(f"{called} row {row} is {text[:40]!r}: {must}")


def _first_unread(column: pa.ChunkedArray, name: str, kinds: Collection[str], notation: Notation) -> int:
    """The row that is not read together with those before it, which are."""

    def read(rows: int) -> bool:
        try:
            values: Any = read_values(column.slice(0, rows), name, amount=True, notation=notation)
        except TableError:
            return False
        return values.kind in kinds and not np.any(values.missing)

    good, bad = 0, len(column)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if read(middle) else (good, middle)
    return good
