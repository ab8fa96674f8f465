"""Columns that are asked for by name, of what is read and of what lies in memory, and those that hold no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.errors import InputError
from steepest.tables.batches import Batches
from steepest.tables.stream import Stream, batches_of, is_frame, is_unread

__all__ = ["column_of", "in_memory", "name_text", "opened"]

#: what takes columns of texts
_TAKES = (
    "pass batches and the target's name, as in fit(lambda: [frame], 'y'), where texts are categories, or make them "
    "numbers first, as pandas.get_dummies does; steepest.fit takes them as they are"
)


def column_of(X: Any, values: Any, name: str) -> Any:
    """Values, one a row; the column of that name where rows are read."""
    if not isinstance(values, str):
        return values
    files = X.files if isinstance(X, Stream) else X
    if isinstance(files, Batches):
        return files.column(files.known(values, name))
    does, y = "its values", values if name == "y" else "y"
    if is_frame(X) and values in list(getattr(X, "column_names", getattr(X, "columns", ()))):
        does = f"X[{values!r}], and X without it, or make batches of X, as in fit(lambda: [X], {y!r})"
    raise InputError(f"{name} is {values!r}, a column's name, which files and batches have: pass {does}")


def opened(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """What is read, opened once, and its targets and weights where they are names of columns."""
    if is_unread(X):
        X = batches_of(X)
    return X, column_of(X, y, "y"), column_of(X, sample_weight, "sample_weight")


def in_memory(model: Any, X: Any, **beside: Any) -> None:
    """Refuses what is yet to be read, and names of columns, where an algorithm of scikit-learn's takes the rows."""
    if is_unread(X):
        given = repr(X) if isinstance(X, (str, list, tuple)) else type(X).__name__
        raise InputError(
            f"{type(model).__name__} takes rows in memory here, and X is {given:.80}: read it first, as "
            "pandas.read_parquet does; steepest.fit takes files as they are, and chooses alpha"
        )
    for name, values in beside.items():
        column_of(X, values, name)
    if is_frame(X):
        name_text("X", X)


def name_text(name: str, values: Any, does: str = _TAKES) -> None:
    """Names the first column, or entry, that holds a text which is no number, and says what would do."""
    if is_frame(values):
        for column in list(getattr(values, "column_names", values.columns)):
            told = _text(np.asarray(values[column]))
            if told is not None:
                raise InputError(
                    f"{name} column {column!r} has texts, such as {told[1]!r:.80}: {does}"
                ) from None
    elif isinstance(values, (np.ndarray, list, tuple)):
        table = np.asarray(values, dtype=object)
        for j, column in enumerate(table.T if table.ndim == 2 else ()):
            told = _text(column)
            if told is not None:
                raise InputError(
                    f"{name} row {told[0]} column {j} is a text, {told[1]!r:.80}: {does}"
                ) from None


def _text(column: Any) -> tuple[int, Any] | None:
    """The first text that is no number, and its row."""
    if column.dtype.kind not in "OUST":
        return None
    for row, value in enumerate(column.tolist()):
        if isinstance(value, str):
            try:
                float(value)
            except ValueError:
                return row, value
    return None
