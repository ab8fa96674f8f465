"""One door: whatever holds a table becomes a `Table`."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from steepest.errors import TableError, did_you_mean
from steepest.tables import bundled, files, memory
from steepest.tables.numerals import Notation
from steepest.tables.sniff import Form
from steepest.tables.table import Table, check

__all__ = ["read"]


def read(
    source: Any,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    name: str | None = None,
    least: int = 2,
    as_texts: Collection[str] | None = (),
) -> Table:
    """Reads a table from a file, from memory, or by the name of a data set that scikit-learn ships.

    Parameters
    ----------
    source
        A path (CSV, TSV and other delimited text, plain or in gzip, bzip2, xz or zip; Parquet; Arrow IPC or
        Feather; `.npz`), a pandas or polars frame, a pyarrow table, a NumPy matrix or structured array,
        a dict of columns, a list of rows, a SciPy sparse matrix, or one of "breast_cancer", "diabetes",
        "digits", "iris", "wine".
    header
        Whether the first line of a text holds the names; found out when None.
    delimiter
        What stands between the fields of a text; found out when None.
    encoding
        Of a text; UTF-8 when None, and where that fails line by line Windows-1252.
    decimal
        "." or ",", the decimal mark of numbers that are texts; found out column by column when None.
    thousands
        What groups the digits of such numbers, one of ",", ".", " " and "'"; found out when None.
    name
        What to call the table in messages.
    least
        The least number of columns that a text may have.
    as_texts
        The columns of a text whose fields are kept as they are written; None keeps all.

    Raises
    ------
    TableError
        The source cannot be read as a table; the message says why and what would do.

    Examples
    --------
    >>> read({"age": [30, 41], "paid": ["yes", "no"]}).names
    ['age', 'paid']
    """
    notation = Notation(decimal, thousands)
    if isinstance(source, Table):
        return source if notation == Notation() else replace(source, notation=notation)
    if isinstance(source, (str, os.PathLike)):
        form = Form(
            header,
            delimiter,
            encoding,
            least,
            notation,
            as_texts if as_texts is None else frozenset(as_texts),
        )
        return from_path(os.fspath(source), form, name)
    table = memory.read(source)
    table.notation = notation
    if name is not None:
        table.name = name
    return check(table)


def from_path(source: Any, form: Form, name: str | None) -> Table:
    """A table from a path, or from the name of a data set where no such file exists."""
    if isinstance(source, bytes):
        source = os.fsdecode(source)
    path = Path(source)
    if not path.exists():
        if source in bundled.REFUSED or source in bundled.NAMES:
            return bundled.read(source)
        raise TableError(missing_path(source, path))
    if path.is_dir():
        raise TableError(f"{source!r} is a folder; pass one file, such as {source.rstrip('/')}/part.parquet")
    try:
        table = files.read(path, form)
    except PermissionError as error:
        raise TableError(f"{source!r} cannot be opened: {error.strerror}") from error
    table.name = name or path.name
    table.notation = form.notation
    return check(table)


def missing_path(source: str, path: Path) -> str:
    """What to say about a path that is not there."""
    message = f"there is no file {source!r}"
    if path.suffix or os.sep in source:
        folder = path.parent
        if not folder.is_dir():
            return f"{message}, and no folder {str(folder)!r}"
        return message + (did_you_mean(path.name, [entry.name for entry in folder.iterdir()]) or ".")
    known = [*bundled.NAMES, *bundled.REFUSED]
    hint = did_you_mean(source, known)
    return (
        f"{message} and no data set of that name{hint or '; the data sets are ' + ', '.join(bundled.NAMES)}"
    )
