"""Parquet files as one table that need not fit into memory: read in order, again for each pass over the rows.

The core reads rows through `Stream.read_rows` on a thread of its own while it computes with those before; what fits
into `Stream.memory` bytes it keeps. pyarrow decodes, not a reader of our own in Rust: it is there in any case, knows
every codec and type, lets go of the interpreter while it works, and makes the package no larger (the `parquet` crate
was measured at 34 s more of compiling and 1.6 MB more of wheel).
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute, parquet

from steepest.errors import TableError, did_you_mean
from steepest.tables.room import available
from steepest.tables.table import listed
from steepest.tables.unpacking import DAMAGE

__all__ = ["Files", "Stream", "files_of", "names_files"]

#: rows that are decoded at a time
BATCH = 1 << 15
#: bytes that are read from a file at a time: a column of a row group is never read whole
READ = 1 << 20
#: bytes a row that are not the table's: targets, weights, margins and distances
BESIDE = 40
MAGIC = "*?["


@dataclass(frozen=True)
class Group:
    """A row group: its file, its number there, and its rows among all rows."""

    file: int
    number: int
    first: int
    rows: int


@dataclass(frozen=True)
class Place:
    """Where rows lie: their row group, and the number of the first of them there."""

    group: Group
    row: int


def names_files(source: Any) -> bool:
    """Whether it is a path, a pattern, several of these, or a data set of Arrow's."""
    if isinstance(source, (list, tuple)):
        return bool(source) and all(isinstance(path, (str, os.PathLike)) for path in source)
    return isinstance(source, (str, os.PathLike)) or hasattr(source, "get_fragments")


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
            inside = sorted(Path(path).rglob("*.parquet"))
            if not inside:
                raise TableError(f"the folder {path!r} has no file called *.parquet in it")
            found += inside
        elif os.path.exists(path) or not any(sign in path for sign in MAGIC):
            found.append(Path(path))
        else:
            matched = sorted(map(Path, glob.glob(path, recursive=True)))
            if not matched:
                raise TableError(f"no file matches {path!r}")
            found += matched
    return found


def levels_of(path: Path) -> dict[str, str]:
    """What the folders of a partitioned table say of the rows in a file: year=2024/month=5."""
    parts = [part.split("=", 1) for part in path.parent.parts if "=" in part]
    return {key: value for key, value in parts if key}


@dataclass
class Files:
    """Parquet files of the same columns, one after another.

    >>> import tempfile, pyarrow as pa
    >>> from pyarrow import parquet
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for k in range(2):
    ...         parquet.write_table(pa.table({"x": [1.0 * k, 2.0], "y": [k, 1]}), f"{folder}/part-{k}.parquet")
    ...     files = Files(files_of(f"{folder}/part-*.parquet"))
    ...     files.rows, files.names, files.column("y").tolist()
    (4, ['x', 'y'], [0, 1, 1, 1])
    """

    paths: list[Path]
    names: list[str] = field(default_factory=list)
    rows: int = 0
    #: bytes on the disk
    size: int = 0

    def __post_init__(self) -> None:
        self.groups: list[Group] = []
        self.stamps: list[tuple[int, int]] = []
        self._decoded = 0
        #: for each column the Arrow types it has, each with the first file that has it so
        self._kinds: dict[str, dict[Any, int]] = {}
        self.extra = [levels_of(path) for path in self.paths]
        for number, path in enumerate(self.paths):
            self._look(number, path)
        if not self.rows:
            raise TableError(f"{self._called(0)} has no rows")

    def _called(self, number: int) -> str:
        return self.paths[number].name

    def _look(self, number: int, path: Path) -> None:
        """Reads what a file says of itself."""
        try:
            stat = path.stat()
            with path.open("rb") as stream:
                head = stream.read(4)
            if head != b"PAR1":
                raise TableError(f"{path.name} is no Parquet file: it begins with {head!r}")
            metadata = parquet.read_metadata(path)
            schema = metadata.schema.to_arrow_schema()
        except FileNotFoundError:
            near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            raise TableError(f"there is no file {str(path)!r}{did_you_mean(path.name, near)}") from None
        except DAMAGE as error:
            raise _unreadable(path.name, None, error) from None
        self.stamps.append((stat.st_size, stat.st_mtime_ns))
        self.size += stat.st_size
        if not metadata.num_rows:
            return
        names = [*schema.names, *(key for key in self.extra[number] if key not in schema.names)]
        if not self.names:
            self.names, self.schema, self.model = names, schema, number
        elif lacking := [name for name in self.names if name not in names]:
            first = self._called(self.model)
            raise TableError(f"{path.name} lacks {listed(lacking)}, which {first} has")
        for stored in schema:
            self._kinds.setdefault(stored.name, {}).setdefault(stored.type, number)
        for group in range(metadata.num_row_groups):
            count = metadata.row_group(group).num_rows
            self.groups.append(Group(number, group, self.rows, count))
            self.rows += count

    @property
    def reads(self) -> float:
        """How often the files have been decoded so far: values decoded, asked for or not, over all values."""
        return self._decoded / (self.rows * len(self.names))

    def called(self, group: Group) -> str:
        """The name of a row group's file."""
        return self._called(group.file)

    def kind(self, name: str) -> Any:
        """The Arrow type of a column in the first file; what folders say is a number where all of them are."""
        if name in self.schema.names:
            return self.schema.field(name).type
        values = [extra[name] for extra in self.extra if name in extra]
        return pa.float64() if all(map(_is_number, values)) else pa.string()

    def kinds(self, name: str) -> Iterator[tuple[Any, str]]:
        """The Arrow types of a column, its categories' for categories, and the name of the first file of each."""
        if name not in self.schema.names:
            yield self.kind(name), self._called(self.model)
            return
        for kind, file in self._kinds[name].items():
            yield kind.value_type if pa.types.is_dictionary(kind) else kind, self._called(file)

    def batches(self, columns: Sequence[str], start: int = 0) -> Iterator[tuple[Place, pa.RecordBatch]]:
        """The rows from `start` on, some at a time, and where they lie.

        Raises
        ------
        TableError
            A file ends, was changed since it was first looked at, or cannot be decoded: it is named
            with its row group.
        """
        opened: tuple[int, Any] | None = None
        for group in self.groups:
            if group.first + group.rows <= start:
                continue
            path = self.paths[group.file]
            skip, count = max(0, start - group.first), 0
            try:
                self._unchanged(group)
                if opened is None or opened[0] != group.file:
                    opened = (group.file, parquet.ParquetFile(path, buffer_size=READ, pre_buffer=False))
                stored = [name for name in columns if name in self.schema.names]
                for batch in opened[1].iter_batches(BATCH, row_groups=[group.number], columns=stored):
                    count += batch.num_rows
                    self._decoded += batch.num_rows * len(columns)
                    if count > skip:
                        first = max(0, skip - (count - batch.num_rows))
                        place = Place(group, count - batch.num_rows + first)
                        yield place, self._whole(group, batch, columns).slice(first)
                self._unchanged(group)
            except DAMAGE as error:
                raise _unreadable(path.name, group.number, error) from None
            if count != group.rows:
                ends = pa.ArrowInvalid(f"it has {count} rows where {group.rows} were announced")
                raise _unreadable(path.name, group.number, ends)

    def _unchanged(self, group: Group) -> None:
        path = self.paths[group.file]
        stat = path.stat()
        if (stat.st_size, stat.st_mtime_ns) != self.stamps[group.file]:
            raise TableError(
                f"{path.name}, row group {group.number}, cannot be read: the file was changed while it was read. Fit "
                "again once it is whole"
            )

    def _whole(self, group: Group, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        """A batch with what the folders say, its columns in the order asked for."""
        arrays = []
        for name in columns:
            if name in batch.schema.names:
                arrays.append(batch.column(name))
                continue
            value = self.extra[group.file][name]
            said = float(value) if pa.types.is_floating(self.kind(name)) else value
            arrays.append(pa.repeat(said, batch.num_rows))
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def known(self, name: str, what: str) -> str:
        """The column's name, if there is such a column."""
        if name not in self.names:
            hint = did_you_mean(str(name), self.names) or f"; there are {listed(self.names)}"
            raise TableError(f"there is no column {name!r}, which is to be {what}{hint}")
        return name

    def column(self, name: str) -> NDArray[Any]:
        """One column of all rows; texts are one object each, however often they occur."""
        texts: dict[Any, Any] = {}
        parts = []
        (first, there), *others = self.kinds(name)
        for kind, other in others:
            if _is_text(kind) != _is_text(first):
                raise TableError(
                    f"column {name!r} is of type {first} in {there} and of type {kind} in {other}: make it the same "
                    "in all files"
                )
        for place, batch in self.batches([name]):
            array = batch.column(0)
            if array.null_count:
                raise self.missing(name, place, array)
            if pa.types.is_dictionary(array.type) or _is_text(array.type):
                coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
                here = [texts.setdefault(text, text) for text in coded.dictionary.to_pylist()]
                lookup = np.empty(len(here), dtype=object)
                lookup[:] = here
                parts.append(lookup[coded.indices.to_numpy(zero_copy_only=False)])
            else:
                values = array.to_numpy(zero_copy_only=False)
                if values.dtype.kind == "f" and not np.isfinite(values).all():
                    row = place.row + int(np.argmin(np.isfinite(values)))
                    raise TableError(
                        f"column {name!r} is not finite in row {row} of row group {place.group.number} of "
                        f"{self.called(place.group)}: drop the row"
                    )
                parts.append(values)
        return np.concatenate(parts)

    def missing(self, name: str, place: Place, array: pa.Array) -> TableError:
        """The error for a missing value."""
        row = place.row + compute.index(array.is_null(), True).as_py()
        group = place.group
        return TableError(
            f"column {name!r} is missing in row {row} of row group {group.number} of {self._called(group.file)}: fill "
            "it or drop the row; steepest.fit takes tables with gaps"
        )


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _unreadable(name: str, group: int | None, error: BaseException) -> TableError:
    if isinstance(error, TableError):
        return error
    where = name if group is None else f"{name}, row group {group},"
    why = str(error).strip().split("\n")[0]
    if isinstance(error, MemoryError):
        return TableError(f"{where} cannot be read: there is not enough memory ({why})")
    return TableError(f"{where} cannot be read, as when it was cut off or damaged: {why}")


#: one part of what is read: columns (or a matrix) of numbers, and codes, a row a category
Part = tuple[Any, NDArray[np.int32] | None]


class Stream:
    """Number columns of Parquet files, as the core reads them: a row for each row, read as often as is asked.

    Parameters
    ----------
    files : Files
    columns : sequence of str
        The columns, in the design's order; numbers or booleans.
    encode : callable, optional
        Makes the part of a batch that the core takes of it; None takes its columns as numbers.
    width, levels : optional
        Columns in all, and the levels of each category, where `encode` makes other columns.
    memory : int, optional
        Bytes for rows that are kept; what is free tells when None.
    """

    #: two, as an array's
    ndim = 2

    def __init__(
        self,
        files: Files,
        columns: Sequence[str],
        encode: Callable[[pa.RecordBatch], Part] | None = None,
        width: int | None = None,
        levels: Sequence[int] = (),
        memory: int | None = None,
    ) -> None:
        self.files, self.levels, self.encode = files, list(levels), encode
        self.names = list(columns)
        self._memory = memory
        self.width = width
        self.dtype = np.dtype(np.float64) if encode else self._numbers()
        self._batches: Iterator[tuple[Place, pa.RecordBatch]] = iter(())
        #: the rows that were decoded last: threads that compute ask for some of them again
        self._last: tuple[Place, pa.RecordBatch] | None = None
        self._rows = range(0)
        self._read = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.files.rows, len(self.names) if self.width is None else self.width

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

    def without(self, name: str) -> None:
        """Leaves a column out."""
        self.names.remove(name)
        self.dtype = self._numbers()

    def _numbers(self) -> np.dtype[Any]:
        """The dtype of all columns as NumPy would join them: float32 only where none needs more in any file."""
        found = set()
        for name in self.names:
            for kind, file in self.files.kinds(name):
                numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
                if not (numeric or pa.types.is_decimal(kind)):
                    raise TableError(
                        f"column {name!r} is of type {kind}, no number, in {file}: leave it out, or make it numbers "
                        "first; steepest.fit takes categories and dates"
                    )
                found.add(
                    np.dtype(np.float64) if pa.types.is_decimal(kind) else np.dtype(kind.to_pandas_dtype())
                )
        joined = np.result_type(*found) if found else np.dtype(np.float64)
        return np.dtype(np.float32 if joined in (np.float16, np.float32) else np.float64)

    def read_rows(self, start: int, stop: int) -> list[Part]:
        """Rows from `start` to `stop`, part by part, as the core takes them."""
        if self._last is None or not self._rows.start <= start <= self._rows.stop:
            self._batches, self._rows = self.files.batches(self.names, start), range(start, start)
        parts, at = [], start
        while at < stop:
            if at == self._rows.stop:
                self._last = next(self._batches)
                self._rows = range(at, at + self._last[1].num_rows)
            assert self._last is not None
            place, batch = self._last
            skip = at - self._rows.start
            batch = batch.slice(skip, stop - at)
            at += batch.num_rows
            place = Place(place.group, place.row + skip)
            parts.append(self._columns(place, batch) if self.encode is None else self.encode(batch))
        self._read += stop - start
        return parts

    def _columns(self, place: Place, batch: pa.RecordBatch) -> Part:
        """The columns of a batch as numbers of one dtype."""
        return [
            self._column(name, place, array) for name, array in zip(self.names, batch.columns, strict=True)
        ], None

    def _column(self, name: str, place: Place, array: pa.Array) -> NDArray[Any]:
        if array.null_count:
            raise self.files.missing(name, place, array)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_decimal(array.type):
            array = array.cast(pa.float64())
        if not (pa.types.is_primitive(array.type) or pa.types.is_boolean(array.type)):
            raise TableError(
                f"column {name!r} is of type {array.type} in {self.files.called(place.group)}: make it numbers first"
            )
        return np.ascontiguousarray(array.to_numpy(zero_copy_only=False), dtype=self.dtype)

    def matrices(self) -> Iterator[NDArray[Any]]:
        """All rows as matrices, some at a time."""
        for place, batch in self.files.batches(self.names):
            yield np.column_stack(self._columns(place, batch)[0])
