"""Parquet files as one table that need not fit into memory: read by row groups, which are found without reading others.

pyarrow decodes, not a reader of our own in Rust: it is there in any case, knows every codec and type, lets go of the
interpreter while it works, and makes the package no larger (the `parquet` crate was measured at 34 s more of compiling
and 1.6 MB more of wheel).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from steepest.errors import TableError, did_you_mean
from steepest.tables.batches import BATCH, Batches, Group, Place, is_text, plain, unreadable
from steepest.tables.table import listed
from steepest.tables.unpacking import DAMAGE

__all__ = ["Files", "is_changed", "is_number", "levels_of", "stamp"]

#: bytes that are read from a file at a time, at least and at most for a column: one of a row group is never read whole
READ = (1 << 16, 1 << 20)
#: bytes that all columns' reads and rows decoded at a time take, about: tables may have thousands of columns
AT_ONCE = 1 << 24
#: what a partitioned table's folder is called where the value is missing
NONE = "__HIVE_DEFAULT_PARTITION__"


def levels_of(path: Path) -> dict[str, str | None]:
    """What the folders of a partitioned table say of the rows in a file: year=2024/month=5.

    >>> levels_of(Path("sales/year=2024/town=La%20Punt/part.parquet"))
    {'year': '2024', 'town': 'La Punt'}
    """
    parts = [part.split("=", 1) for part in path.parent.parts if "=" in part]
    return {key: None if value == NONE else unquote(value) for key, value in parts if key}


def stamp(path: Path) -> tuple[int, int]:
    """By what it is told that a file was changed: its size and its time."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise TableError(f"there is no file {str(path)!r}{did_you_mean(path.name, near)}") from None
    return stat.st_size, stat.st_mtime_ns


def is_changed(path: Path, before: tuple[int, int]) -> bool:
    """Whether a file was changed, or is gone."""
    try:
        return stamp(path) != before
    except TableError:
        return True


@dataclass
class Files(Batches):
    """Parquet files of the same columns, one after another.

    >>> import tempfile, pyarrow as pa
    >>> from pyarrow import parquet
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for k in range(2):
    ...         parquet.write_table(pa.table({"x": [1.0 * k, 2.0], "y": [k, 1]}), f"{folder}/part-{k}.parquet")
    ...     files = Files([Path(f"{folder}/part-{k}.parquet") for k in range(2)])
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
        #: the columns that lie in each file itself
        self._stored: list[set[str]] = []
        for number, path in enumerate(self.paths):
            self._look(number, path)
        if not self.rows:
            raise TableError(f"{self._called(0)} has no rows")

    def _called(self, number: int) -> str:
        return self.paths[number].name

    def _look(self, number: int, path: Path) -> None:
        """Reads what a file says of itself."""
        self.stamps.append(stamp(path))
        try:
            with path.open("rb") as stream:
                head = stream.read(4)
            if head != b"PAR1":
                raise TableError(f"{path.name} is no Parquet file: it begins with {head!r}")
            metadata = parquet.read_metadata(path)
            schema = metadata.schema.to_arrow_schema()
        except DAMAGE as error:
            raise unreadable(path.name, error) from None
        self.size += self.stamps[-1][0]
        self._stored.append(set(schema.names))
        if not metadata.num_rows:
            return
        names = [*schema.names, *(key for key in self.extra[number] if key not in schema.names)]
        if not self.names:
            self.names, self.model = names, number
        elif lacking := [name for name in self.names if name not in names]:
            first = self._called(self.model)
            raise TableError(f"{path.name} lacks {listed(lacking)}, which {first} has")
        for stored in schema:
            self._kinds.setdefault(stored.name, {}).setdefault(stored.type, number)
        for key in self.extra[number]:
            if key not in schema.names:
                self._kinds.setdefault(key, {}).setdefault(self._of_folders(key), number)
        for group in range(metadata.num_row_groups):
            count = metadata.row_group(group).num_rows
            self.groups.append(Group(number, group, self.rows, count))
            self.rows += count

    def _of_folders(self, name: str) -> Any:
        """The type of what folders say: a number where all of them are."""
        values = [extra[name] for extra in self.extra if extra.get(name) is not None]
        return pa.float64() if all(map(is_number, values)) else pa.string()

    @property
    def identity(self) -> list[Any]:
        """Names, lengths and times of the files."""
        return [[path.name for path in self.paths], self.stamps]

    @property
    def reads(self) -> float:
        """How often the files have been decoded so far: values decoded, asked for or not, over all values."""
        return self._decoded / (self.rows * len(self.names))

    def kinds(self, name: str) -> Iterator[tuple[Any, str]]:
        """The Arrow types of a column, and the name of the first file of each."""
        for kind, file in self._kinds[name].items():
            yield kind, self._called(file)

    def where(self, place: Place, row: int) -> str:
        """The words for a row, counted from those at `place`."""
        group = place.group
        return f"row {place.row + row} of row group {group.number} of {self._called(group.file)}"

    def batches(
        self, columns: Sequence[str], start: int = 0, coded: bool = False
    ) -> Iterator[tuple[Place, pa.RecordBatch]]:
        """The rows from `start` on, some at a time, and where they lie; texts as codes into dictionaries if `coded`.

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
                    opened = (group.file, self._opened(group.file, columns, coded))
                stored = [name for name in columns if name in self._stored[group.file]]
                rows = min(BATCH, max(1 << 10, AT_ONCE // (8 * max(1, len(stored)))))
                for batch in opened[1].iter_batches(rows, row_groups=[group.number], columns=stored):
                    count += batch.num_rows
                    self._decoded += batch.num_rows * len(columns)
                    if count > skip:
                        first = max(0, skip - (count - batch.num_rows))
                        place = Place(group, count - batch.num_rows + first)
                        yield place, self._whole(group, plain(batch), columns).slice(first)
                self._unchanged(group)
            except DAMAGE as error:
                raise unreadable(f"{path.name}, row group {group.number},", error) from None
            if count != group.rows:
                ends = pa.ArrowInvalid(f"it has {count} rows where {group.rows} were announced")
                raise unreadable(f"{path.name}, row group {group.number},", ends)

    def _opened(self, file: int, columns: Sequence[str], coded: bool) -> Any:
        """A file, the texts among the columns read as codes into their dictionaries if `coded`."""
        stored = [name for name in columns if coded and name in self._stored[file]]
        texts = [name for name in stored if any(is_text(kind) for kind in self._kinds[name])]
        buffer = min(READ[1], max(READ[0], 2 * AT_ONCE // max(1, len(columns))))
        return parquet.ParquetFile(
            self.paths[file], buffer_size=buffer, pre_buffer=False, read_dictionary=texts
        )

    def _unchanged(self, group: Group) -> None:
        path = self.paths[group.file]
        if is_changed(path, self.stamps[group.file]):
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
            value, kind = self.extra[group.file][name], self._of_folders(name)
            known = value is not None and pa.types.is_floating(kind)
            arrays.append(pa.repeat(pa.scalar(float(value) if known else value, kind), batch.num_rows))  # type: ignore[arg-type]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def is_number(text: Any) -> bool:
    """Whether a text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
