"""Tables that need not fit into memory, as the core reads them: in order, again for each pass over the rows.

The core reads rows through `Stream.read_rows` on a thread of its own while it computes with those before; what fits
into `Stream.memory` bytes it keeps.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from steepest.errors import TableError
from steepest.tables.batches import Batches, Place, codes
from steepest.tables.entries import Entries, joined, named, value_type
from steepest.tables.given import Given, Maker, arrow_file, delimited_files, kept
from steepest.tables.room import available
from steepest.tables.row_groups import Files, stamp
from steepest.tables.table import listed

__all__ = ["Files", "Stream", "batches_of", "files_of", "is_frame", "is_unread", "names_files"]

#: bytes a row that are not the table's: targets, weights, margins and distances
BESIDE = 40
MAGIC = "*?["
#: what gives the rows of a lazy frame or a data set, from their start each time it is called
LAZY = ("collect_batches", "to_batches", "collect")
#: the endings of the files that are looked for in a folder
ENDINGS = (".parquet", ".arrow", ".feather", ".ipc", ".csv", ".csv.gz", ".tsv")


def names_files(source: Any) -> bool:
    """Whether it is a path, a pattern, several of these, or a data set of Arrow's that lies in Parquet files."""
    if isinstance(source, (list, tuple)):
        return bool(source) and all(isinstance(path, (str, os.PathLike)) for path in source)
    if hasattr(source, "get_fragments"):
        return bool(getattr(source, "files", None)) and all(map(os.path.exists, source.files))
    return isinstance(source, (str, os.PathLike))


def is_frame(source: Any) -> bool:
    """Whether it is a table of columns that lies in memory."""
    return hasattr(source, "__arrow_c_stream__") and (
        hasattr(source, "__array__") or hasattr(source, "__dataframe__")
    )


def is_unread(source: Any) -> bool:
    """Whether its rows have yet to be read: files by name, functions and iterators of batches, Arrow streams, lazy
    frames and data sets; lists of Arrow's batches too."""
    if names_files(source) or isinstance(source, Batches):
        return True
    if hasattr(source, "__array__") or hasattr(source, "__dataframe__"):
        return False
    if isinstance(source, (list, tuple)):
        return bool(source) and all(isinstance(item, (pa.RecordBatch, pa.Table)) for item in source)
    return callable(source) or any(
        hasattr(source, name) for name in ("__next__", "__arrow_c_stream__", *LAZY)
    )


def batches_of(source: Any) -> Batches:
    """What is read: `Files` of Parquet, whose row groups are found without reading others, else `Given`.

    Raises
    ------
    TableError
        It cannot be read.
    InputError
        It can be read only once, and is larger than memory.
    """
    if isinstance(source, Batches):
        return source
    if names_files(source):
        return _of_files(files_of(source))
    called = type(source).__name__
    if isinstance(source, (list, tuple)):
        return Given([Maker("the list", lambda _: source)])
    if hasattr(source, "__next__") or isinstance(source, pa.RecordBatchReader):
        return Given([kept(source, called, available() // 2)])
    for name in LAZY:
        if hasattr(source, name) and not is_frame(source):
            return _called_again(f"the {called}", getattr(source, name))
    if callable(source):
        return _called_again("the function", source)
    return Given([Maker(f"the {called}", lambda _: source)])


def _called_again(called: str, make: Callable[[], Any]) -> Given:
    return Given([Maker(called, lambda _: make())])


def _of_files(paths: list[Path]) -> Batches:
    """Files of one kind, which their first bytes tell."""
    heads = []
    for path in paths:
        stamp(path)
        with path.open("rb") as opened:
            heads.append(opened.read(6))
    parquet, arrow = (
        [head.startswith(mark) for head in heads] for mark in (b"PAR1", (b"ARROW1", b"\xff\xff\xff\xff"))
    )
    if all(arrow):
        return Given([arrow_file(path) for path in paths])
    if any(parquet) or any(path.suffix == ".parquet" for path in paths):
        return Files(paths)
    if any(arrow):
        (one, other) = (paths[arrow.index(known)].name for known in (True, False))
        raise TableError(f"{one} is an Arrow file and {other} is none: pass files of one kind")
    return Given(delimited_files(paths))


def files_of(source: Any) -> list[Path]:
    """The files that a path, a pattern, a folder, several of these or a data set of Arrow's stand for, in order.

    Raises
    ------
    TableError
        There are none.
    """
    if hasattr(source, "get_fragments"):
        source = [fragment.path for fragment in source.get_fragments()]
    if not isinstance(source, (list, tuple)):
        source = [source]
    found: list[Path] = []
    for path in map(os.fspath, source):
        if os.path.isdir(path):
            inside = (sorted(Path(path).rglob(f"*{ending}")) for ending in ENDINGS)
            some = next(filter(None, inside), None)
            if some is None:
                raise TableError(
                    f"the folder {path!r} has no file in it that ends in {listed(list(ENDINGS))}"
                )
            found += some
        elif os.path.exists(path) or not any(sign in path for sign in MAGIC):
            found.append(Path(path))
        else:
            matched = sorted(map(Path, glob.glob(path, recursive=True)))
            if not matched:
                raise TableError(f"no file matches {path!r}")
            found += matched
    return found


#: one part of what is read: columns (or a matrix) of numbers, codes, a row a category, and the entries of sparse rows
Part = tuple[Any, NDArray[np.int32] | None, Entries | None]


class Stream:
    """Columns of rows that come in batches, as the core reads them: numbers first, then the levels of each category,
    then what sparse columns stand for.

    Parameters
    ----------
    files : Batches
    columns : sequence of str
        The columns: numbers, booleans, and texts or Arrow dictionaries, which are categories.
    encode : callable, optional
        Makes the part of a batch that the core takes of it; None takes its columns as they are.
    width, levels : optional
        Columns in all, and the levels of each category, where `encode` makes other columns.
    memory : int, optional
        Bytes for rows that are kept; what is free tells when None.
    categories : mapping of str to array, optional
        The levels of each category, in order: a value that is not among them has none. None finds them, in one pass
        over the columns that have some.
    widths : mapping of str to int, optional
        How many columns each sparse column stands for; found in one pass when None.
    """

    #: two, as an array's
    ndim = 2

    def __init__(
        self,
        files: Batches,
        columns: Sequence[str],
        encode: Callable[[pa.RecordBatch], Part] | None = None,
        width: int | None = None,
        levels: Sequence[int] = (),
        memory: int | None = None,
        categories: Mapping[str, NDArray[Any]] | None = None,
        widths: Mapping[str, int] | None = None,
    ) -> None:
        self.files, self.encode = files, encode
        self.names = list(columns)
        self._memory = memory
        self._said = width, list(levels)
        self._categories = categories
        self._widths = widths
        self._batches: Iterator[tuple[Place, pa.RecordBatch]] = iter(())
        #: the rows that were decoded last: threads that compute ask for some of them again
        self._last: tuple[Place, pa.RecordBatch] | None = None
        self._rows = range(0)
        self._read = 0
        #: up to which row values have been looked at
        self._sound = 0
        #: the columns that are numbers, and the types of the levels of the others
        self._sparse = [] if encode else [name for name in self.names if files.is_sparse(name)]
        single = [] if encode else [name for name in self.names if name not in self._sparse]
        self._kinds = {name: files.level_type(name) for name in single}
        for name, levels_known in (categories or {}).items():
            whole = levels_known.dtype.kind == "i"
            if whole and all(pa.types.is_integer(kind) for kind, _ in files.kinds(name)):
                # Not everybody keeps codes of whole numbers: these are the numbers themselves.
                self._kinds[name] = pa.int64()
        for name, kind in self._kinds.items():
            if categories is not None and (kind is None) is (name in categories):
                model, here = ("numbers", "categories") if kind is not None else ("categories", "numbers")
                raise TableError(f"column {name!r} has {model} in the model, and {here} here")
        if widths is not None and (strange := set(widths) ^ set(self._sparse)):
            raise TableError(
                f"{listed(sorted(strange))} must be sparse columns here as in the model, and no others"
            )
        self.numbers = [
            name for name in self.names if name not in self._sparse and self._kinds.get(name) is None
        ]
        self.dtype = np.dtype(np.float64) if encode else self._joined()

    @cached_property
    def categories(self) -> dict[str, pa.Array]:
        """The levels of each column of categories, in order."""
        kinds = {name: kind for name, kind in self._kinds.items() if kind is not None}
        if self._categories is None:
            return self.files.levels(list(kinds))
        return {name: pa.array(self._categories[name].tolist(), kind) for name, kind in kinds.items()}

    @cached_property
    def _shapes(self) -> tuple[dict[str, int], int]:
        return self.files.widths(self._sparse) if self._widths is None else (dict(self._widths), 0)

    @property
    def widths(self) -> dict[str, int]:
        """How many columns each sparse column stands for."""
        return self._shapes[0]

    @property
    def sparse(self) -> tuple[int, int]:
        """Columns that sparse ones stand for, and entries in them."""
        return sum(self._shapes[0].values()), self._shapes[1]

    @property
    def levels(self) -> list[int]:
        """How many levels each category has."""
        return self._said[1] if self.encode else [len(levels) for levels in self.categories.values()]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, those of levels among them."""
        width, _ = self._said
        columns = len(self.numbers) + sum(self.levels) + self.sparse[0] if width is None else width
        return self.files.rows, columns

    @property
    def design_names(self) -> list[str]:
        """The names of the columns that coefficients stand for, in order."""
        levels = [
            f"{name} = {level}" for name, found in self.categories.items() for level in found.to_pylist()
        ]
        return [*self.numbers, *levels, *named(self.widths)]

    @property
    def memory(self) -> int:
        """Bytes for rows that are kept: what was said, or half of what is there beside vectors as long as the rows."""
        if self._memory is not None:
            return self._memory
        return max(0, available() - BESIDE * self.files.rows) // 2

    @property
    def passes(self) -> float:
        """How often the rows have been read so far."""
        return self._read / self.files.rows

    def _joined(self) -> np.dtype[Any]:
        """The dtype of all columns as NumPy would join them: float32 only where none needs more anywhere."""
        found = set()
        for name in (*self.numbers, *self._sparse):
            for stored, file in self.files.kinds(name):
                kind = value_type(stored) if name in self._sparse else stored
                numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
                if not (numeric or pa.types.is_decimal(kind)):
                    raise TableError(
                        f"column {name!r} is of type {kind}, neither numbers nor texts, in {file}: leave it out, or "
                        "make it numbers first; steepest.fit takes dates"
                    )
                found.add(
                    np.dtype(np.float64) if pa.types.is_decimal(kind) else np.dtype(kind.to_pandas_dtype())
                )
        joined = np.result_type(*found) if found else np.dtype(np.float64)
        return np.dtype(np.float32 if joined in (np.float16, np.float32) else np.float64)

    def read_rows(self, start: int, stop: int) -> list[Part]:
        """Rows from `start` to `stop`, part by part, as the core takes them."""
        ahead = start > self._rows.stop and not self.files.in_order
        if self._last is None or start < self._rows.start or ahead:
            self._batches = self.files.batches(self.names, start, coded=self.encode is None)
            self._last, self._rows = None, range(start, start)
        parts, at = [], start
        while at < stop:
            while self._last is None or at >= self._rows.stop:
                self._last = next(self._batches)
                self._rows = range(self._rows.stop, self._rows.stop + self._last[1].num_rows)
            place, batch = self._last
            skip = at - self._rows.start
            batch = batch.slice(skip, stop - at)
            place = Place(place.group, place.row + skip)
            if self.encode is None:
                # What is read again is what was looked at.
                parts.append(self._columns(place, batch, looked_at=at + batch.num_rows <= self._sound))
                self._sound = max(self._sound, at + batch.num_rows if at <= self._sound else 0)
            else:
                parts.append(self.encode(batch))
            at += batch.num_rows
        self._read += stop - start
        return parts

    def _columns(self, place: Place, batch: pa.RecordBatch, looked_at: bool = False) -> Part:
        """The columns of a batch: numbers of one dtype, and codes."""
        columns = dict(zip(self.names, batch.columns, strict=True))
        for name, array in columns.items():
            if array.null_count:
                raise self.files.missing(name, place, array)
        numbers: Any = [self._column(name, place, columns[name], looked_at) for name in self.numbers]
        numbers = numbers or np.empty((batch.num_rows, 0), self.dtype)
        coded, pairs = None, None
        if self.categories:
            coded = np.stack([codes(columns[name], levels) for name, levels in self.categories.items()])
        if self._sparse:
            parts = []
            for name, width in self.widths.items():
                found = self.files.entries(name, place, columns[name], self.dtype)
                if not looked_at:
                    self._refuse_infinite(name, place, found)
                parts.append((found, width))
            pairs = joined(parts, batch.num_rows)
        return numbers, coded, pairs

    def _refuse_infinite(self, name: str, place: Place, pairs: Entries) -> None:
        """Names the row of the first entry that is not finite."""
        values, _, starts = pairs
        if not np.isfinite(values).all():
            row = int(np.searchsorted(starts, int(np.argmin(np.isfinite(values))), side="right")) - 1
            raise TableError(f"column {name!r} is not finite in {self.files.where(place, row)}: drop the row")

    def _column(self, name: str, place: Place, array: pa.Array, looked_at: bool) -> NDArray[Any]:
        if pa.types.is_decimal(array.type):
            array = array.cast(pa.float64())
        values = array.to_numpy(zero_copy_only=False)
        if not looked_at:
            self.files.refuse_infinite(name, place, values)
            self.files.refuse_inexact(name, place, values)
        return np.ascontiguousarray(values, dtype=self.dtype)

    def dense(self) -> NDArray[np.float64]:
        """All rows and columns at once, those of levels and of sparse columns among them."""
        parts = []
        for place, batch in self.files.batches(self.names, coded=True):
            numbers, coded, pairs = self._columns(place, batch)
            blocks = [np.column_stack(numbers)] if len(self.numbers) else []
            for places, count in zip(() if coded is None else coded, self.levels, strict=False):
                # The last row is for none of the levels, whose code is -1.
                blocks.append(np.vstack([np.eye(count), np.zeros(count)])[places])
            if pairs is not None:
                blocks.append(sparse.csr_matrix(pairs, shape=(batch.num_rows, self.sparse[0])).toarray())
            parts.append(np.hstack(blocks))
        return np.asarray(np.concatenate(parts), dtype=np.float64)

    def products(self, coef: NDArray[Any]) -> NDArray[Any]:
        """X'w of all rows, for one vector of coefficients an output (a row each), without a one-hot column."""
        parts = []
        width = len(self.numbers)
        for place, batch in self.files.batches(self.names, coded=True):
            numbers, coded, pairs = self._columns(place, batch)
            scores = (
                np.column_stack(numbers) @ coef[:, :width].T
                if width
                else np.zeros((batch.num_rows, len(coef)))
            )
            first = width
            for places, count in zip(() if coded is None else coded, self.levels, strict=False):
                # The last entry is for none of the levels, whose code is -1.
                each = np.vstack([coef[:, first : first + count].T, np.zeros((1, len(coef)))])
                scores = scores + each[places]
                first += count
            if pairs is not None:
                rows = sparse.csr_matrix(pairs, shape=(batch.num_rows, self.sparse[0]))
                scores = scores + rows @ coef[:, first:].T
            parts.append(scores)
        return np.concatenate(parts)
