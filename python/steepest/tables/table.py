"""The table: named columns of equal length, wherever they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.errors import TableError, did_you_mean
from steepest.tables.numerals import Notation

__all__ = ["Table"]

#: the units of time that NumPy and Arrow share
ARROW_UNITS = ("s", "ms", "us", "ns")
#: the remedy where a table holds texts to be read
ON_TEXTS = (
    "To learn from texts, turn each into numbers first (scikit-learn's TfidfVectorizer, for one) and "
    "pass the matrix"
)


@dataclass
class Table:
    """Named columns of equal length.

    Columns are kept as they came (Arrow arrays, NumPy views, or a function that makes one) and become
    Arrow arrays one at a time, so that a large matrix is never copied whole.
    """

    #: what to call the table in messages
    name: str
    #: column name to Arrow array, NumPy vector, or a function without arguments that returns one
    columns: Mapping[str, Any]
    rows: int
    #: whether the names were given (a header) or made up by position
    named: bool = True
    #: the column meant as the target, where the source says so
    target: str | None = None
    #: what was decided while reading, in sentences
    notes: list[str] = field(default_factory=list)
    #: how the file was read (delimiter, header, quoting), so that a second file is read alike
    reading: dict[str, Any] = field(default_factory=dict)
    #: what the caller says of how numbers are written
    notation: Notation = field(default_factory=Notation)
    #: the columns of a text that were read as numbers with a decimal comma
    commas: frozenset[str] = frozenset()
    #: the columns of a text whose digits begin with 0, so that they are codes
    codes: frozenset[str] = frozenset()
    #: the columns whose source says that they are categories
    categories: frozenset[str] = frozenset()
    #: the names that a text gives to more than one column, and those columns' numbers
    repeated: Mapping[str, list[int]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return list(self.columns)

    def column(self, name: str) -> pa.ChunkedArray:
        """One column as an Arrow array."""
        raw = self.columns[name]
        if callable(raw):
            raw = raw()
        if isinstance(raw, pa.ChunkedArray):
            return raw
        if isinstance(raw, pa.Array):
            return pa.chunked_array([raw])
        try:
            return pa.chunked_array([arrow_vector(raw, name)])
        except (pa.ArrowException, UnicodeError, OverflowError, ValueError) as error:
            if isinstance(error, TableError):
                raise
            why = "a text that is no Unicode" if isinstance(error, UnicodeError) else str(error)
            raise TableError(f"column {name!r} cannot be read: {why}") from None

    def decimal_of(self, name: str, kind: pa.DataType) -> str | None:
        """The decimal mark that a column of this Arrow type was written with, where it was read from a text."""
        if name in self.commas:
            return ","
        if not self.reading or not pa.types.is_floating(kind):
            return None
        return self.notation.decimal or "."

    def find(self, column: str | int, role: str = "column") -> str:
        """The name of a column given by name or by number (from 0; negative counts from the end).

        Raises
        ------
        TableError
            There is none; near names are suggested.
        """
        names = self.names
        if isinstance(column, str) and column in self.repeated:
            numbers = " and ".join(map(str, self.repeated[column]))
            raise TableError(
                f"{self.name} has more than one column called {column!r}: say which by its number ({numbers}), or "
                f"rename one of them"
            )
        if isinstance(column, str) and column in self.columns:
            return column
        if isinstance(column, str) and column.lstrip("-").isdigit():
            column = int(column)
        if isinstance(column, (int, np.integer)) and not isinstance(column, bool):
            if not -len(names) <= column < len(names):
                raise TableError(
                    f"{role} number {column} is out of range: {self.name} has {len(names)} columns, "
                    f"numbered 0 to {len(names) - 1} (or -{len(names)} to -1)"
                )
            return names[int(column)]
        if not isinstance(column, str):
            raise TableError(f"a {role} is given by its name or number; got {type(column).__name__}")
        lowered = [name for name in names if name.strip().lower() == column.strip().lower()]
        if len(lowered) == 1:
            hint = f"; did you mean {lowered[0]!r}?"
        else:
            hint = did_you_mean(column, names) or f"; its columns are {listed(names)}"
        raise TableError(f"{self.name} has no column {column!r} to be the {role}{hint}")

    def without(self, *columns: str | int) -> Table:
        """The table without some of its columns, each given by its name or number."""
        left_out = {self.find(column, "column to leave out") for column in columns}
        return replace(
            self, columns={name: self.columns[name] for name in self.names if name not in left_out}
        )


def listed(names: list[str], most: int = 12) -> str:
    """Names for a message, the first few where there are many."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def check(table: Table) -> Table:
    """The table itself, or a TableError where it has no columns or no rows."""
    if not table.columns:
        raise TableError(f"{table.name} has no columns")
    if table.rows == 0:
        raise TableError(f"{table.name} has {len(table.columns)} columns ({listed(table.names)}) but no rows")
    return table


def unique_names(names: list[str], where: str) -> list[str]:
    """Names without surrounding blanks, empty ones numbered; a name that occurs twice is refused."""
    tidy = [name.strip() or f"column {j}" for j, name in enumerate(names)]
    seen: dict[str, int] = {}
    for j, name in enumerate(tidy):
        if name in seen:
            raise TableError(
                f"{where} has two columns called {name!r} (numbers {seen[name]} and {j}): rename one of them"
            )
        seen[name] = j
    return tidy


def told_apart(names: list[str]) -> tuple[list[str], dict[str, list[int]]]:
    """Names as `unique_names` has them, those that come again with a number (size, size.1), as pandas reads them; and
    which do.

    >>> told_apart(["size", "size", "price"])
    (['size', 'size.1', 'price'], {'size': [0, 1]})
    """
    tidy = [name.strip() or f"column {j}" for j, name in enumerate(names)]
    places: dict[str, list[int]] = {}
    for j, name in enumerate(tidy):
        places.setdefault(name, []).append(j)
    repeated = {name: numbers for name, numbers in places.items() if len(numbers) > 1}
    taken = set(tidy)
    for name, numbers in repeated.items():
        count = 0
        for j in numbers[1:]:
            while f"{name}.{(count := count + 1)}" in taken:
                pass
            tidy[j] = f"{name}.{count}"
            taken.add(tidy[j])
    return tidy, repeated


def arrow_vector(vector: np.ndarray[Any, Any], name: str) -> pa.Array:
    """A NumPy vector as an Arrow array; mixed Python objects are refused by name."""
    if isinstance(vector, np.ma.MaskedArray):
        return pa.array(np.ma.getdata(vector), mask=np.ma.getmaskarray(vector))
    vector = np.asarray(vector)
    if not vector.dtype.isnative:
        vector = vector.astype(vector.dtype.newbyteorder("="))
    if vector.dtype.kind in "mM" and np.datetime_data(vector.dtype) not in (
        (unit, 1) for unit in ARROW_UNITS
    ):
        finer = vector.astype(f"{vector.dtype.kind}8[us]")
        if (np.isnat(finer) != np.isnat(vector)).any() or (finer.astype(vector.dtype) != vector)[
            ~np.isnat(vector)
        ].any():
            raise TableError(f"column {name!r} holds times beyond the years -290308 to 294247")
        vector = finer
    if vector.dtype.kind == "f" and vector.dtype.itemsize not in (4, 8):
        vector = vector.astype(np.float64)
    if vector.dtype.kind == "c":
        raise TableError(f"column {name!r} holds complex numbers: pass their real and imaginary parts")
    if vector.dtype.kind == "V":
        raise TableError(f"column {name!r} holds records: pass their fields as columns of their own")
    if vector.dtype.kind == "O":
        return arrow_objects(vector, name)
    if vector.dtype.kind == "S":
        vector = np.char.decode(vector, "latin-1")
    if vector.dtype.kind == "T":
        vector = vector.astype("U")
    return pa.array(vector, from_pandas=vector.dtype.kind != "f")


def arrow_objects(vector: np.ndarray[Any, Any], name: str) -> pa.Array:
    """A vector of Python objects; whole numbers that need more than 64 bits become text."""
    try:
        return pa.array(vector, from_pandas=True)
    except (OverflowError, pa.ArrowException):
        pass
    kinds = {type(item) for item in vector if item is not None and item == item}
    if kinds <= {int, float, bool, np.float64, np.int64, np.bool_} and not any(
        isinstance(item, int) and abs(item) > 2**63 for item in vector
    ):
        return pa.array(
            [None if item is None else float(item) for item in vector], pa.float64(), from_pandas=True
        )
    if kinds <= {int, float, str, bool, np.float64, np.int64, np.str_}:
        texts = [None if item is None or item != item else str(item) for item in vector]
        return pa.array(texts, pa.string())
    shown = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise TableError(
        f"column {name!r} holds Python objects ({shown}): a column holds numbers, texts, booleans or dates"
    )
