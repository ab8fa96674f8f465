"""Rows that are found only by way of those before them: what functions, frames and data sets give in batches, and the
files that hold such batches (CSV, Arrow). They are read through once before a fit, to count them and to know their
types and categories, and from the start again for each pass.

What gives other rows the second time would have a certificate of neither: some rows are remembered and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
from pyarrow import compute, csv, ipc

from steepest.errors import InputError, TableError
from steepest.tables import sniff, utf8
from steepest.tables.batches import Batches, Group, Place, gather, is_category, one_by_one, unreadable
from steepest.tables.parsing import BLOCK, Parsing
from steepest.tables.row_groups import is_changed, is_number, levels_of, stamp
from steepest.tables.table import listed
from steepest.tables.unpacking import DAMAGE
from steepest.tables.values import are_codes

__all__ = ["Given", "Maker", "arrow_file", "delimited_files", "kept"]

#: each so many rows one is remembered
APART = 4096
#: the texts of booleans, as frames write them
_BOOLEANS = pa.array(["True", "False", "TRUE", "FALSE", "true", "false"])


@dataclass
class Maker:
    """What gives batches from their start each time it is called with the columns that are wanted.

    Attributes
    ----------
    called : str
        Its name in messages.
    make : callable
    path : Path or None
        The file that they are read from.
    rows : int
    """

    called: str
    make: Callable[[Sequence[str] | None], Any]
    path: Path | None = None
    rows: int = 0

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The batches that have rows; what a file's reader raises is named, what a function raises is its own."""
        try:
            for item in _items(self.make(columns)):
                for batch in one_by_one(item):
                    if batch.num_rows:
                        yield batch
        except DAMAGE as error:
            if self.path is None:
                raise
            raise unreadable(self.called, error) from None


def _items(made: Any) -> Iterable[Any]:
    """The batches of what was made: one by one, or all of one thing."""
    if hasattr(made, "__arrow_c_stream__") or isinstance(made, (pa.RecordBatch, dict)):
        return (made,)
    if not hasattr(made, "__iter__"):
        raise InputError(f"X must give batches of rows, one after another; it gave a {type(made).__name__}")
    return made  # type: ignore[no-any-return]


class Given(Batches):
    """The rows of some makers, one after another.

    >>> import pyarrow as pa
    >>> rows = Given([Maker("the batches", lambda _: [{"x": [1.0, 2.0]}, {"x": [3.0]}])])
    >>> rows.rows, rows.names, rows.column("x").tolist()
    (3, ['x'], [1.0, 2.0, 3.0])
    """

    in_order = True

    def __init__(self, makers: Sequence[Maker]) -> None:
        self.makers = list(makers)
        self.names: list[str] = []
        self._stamps = [None if maker.path is None else stamp(maker.path) for maker in self.makers]
        self._kinds: dict[str, dict[Any, str]] = {}
        self._levels: dict[str, set[Any]] = {}
        self._marks: list[int] = []
        self._decoded = 0
        for number, maker in enumerate(self.makers):
            for group, batch in self._read(number, None):
                self._look(maker, group, batch)
            if is_changed_since(maker, self._stamps[number]):
                raise changed(maker)
        self.rows = sum(maker.rows for maker in self.makers)
        if not self.rows:
            raise TableError(f"{self.makers[0].called} has no rows")

    def _read(self, number: int, columns: Sequence[str] | None) -> Iterator[tuple[Group, pa.RecordBatch]]:
        """The batches of a maker, and where they lie."""
        at = sum(maker.rows for maker in self.makers[:number])
        for count, batch in enumerate(self.makers[number].batches(columns)):
            self._decoded += batch.num_rows
            yield Group(number, count, at, batch.num_rows), batch
            at += batch.num_rows

    def _look(self, maker: Maker, group: Group, batch: pa.RecordBatch) -> None:
        """Takes note of a batch that is read for the first time."""
        names = batch.schema.names
        where = maker.called if maker.path is not None else f"batch {group.number}"
        if len(set(names)) < len(names):
            raise TableError(f"{where} has several columns of one name: {listed(names)}")
        if not self.names:
            self.names, self.first = names, where
        elif lacking := [name for name in self.names if name not in names]:
            raise TableError(f"{where} lacks {listed(lacking)}, which {self.first} has")
        for stored in batch.schema:
            self._kinds.setdefault(stored.name, {}).setdefault(stored.type, where)
        for name in self.names:
            if is_category(batch.schema.field(name).type):
                self._levels.setdefault(name, set())
        here = {
            name: found for name, found in self._levels.items() if is_category(batch.schema.field(name).type)
        }
        gather(here, batch)
        self._marks += [mark for _, mark in _marks(group, batch, self.names)] if maker.path is None else []
        maker.rows += batch.num_rows

    @property
    def identity(self) -> list[Any] | None:
        """Names, lengths and times, where they are files."""
        if None in self._stamps:
            return None
        return [[maker.path.name for maker in self.makers if maker.path is not None], self._stamps]

    @property
    def reads(self) -> float:
        """How often all rows have been read so far."""
        return self._decoded / self.rows

    def kinds(self, name: str) -> Iterator[tuple[Any, str]]:
        """The Arrow types of a column, and where each is first found."""
        yield from self._kinds[name].items()

    def levels(self, names: Sequence[str]) -> dict[str, pa.Array]:
        """The values of some columns of categories, in order."""
        return self.ordered({name: self._levels[name] for name in names})

    def where(self, place: Place, row: int) -> str:
        """The words for a row, counted from those at `place`."""
        maker, group = self.makers[place.group.file], place.group
        if maker.path is None:
            return f"row {place.row + row} of batch {group.number}"
        before = sum(maker.rows for maker in self.makers[: group.file])
        return f"row {group.first - before + place.row + row} of {maker.called}"

    def batches(
        self, columns: Sequence[str], start: int = 0, coded: bool = False
    ) -> Iterator[tuple[Place, pa.RecordBatch]]:
        """The rows from `start` on, some at a time, and where they lie.

        Raises
        ------
        TableError
            There are not the rows that there were when they were first read.
        """
        end = 0
        for number, maker in enumerate(self.makers):
            end += maker.rows
            if end <= start or not maker.rows:
                continue
            if is_changed_since(maker, self._stamps[number]):
                raise changed(maker)
            for group, batch, last in _told_last(self._read(number, columns)):
                behind = group.first + group.rows
                self._same(maker, group, batch)
                if last and is_changed_since(maker, self._stamps[number]):
                    raise changed(maker)
                if behind > end or (last and behind < end):
                    raise self._other(maker, behind - end + maker.rows)
                if behind > start:
                    first = max(0, start - group.first)
                    yield Place(group, first), batch.select(list(columns)).slice(first)
                if last:
                    break
            else:
                raise self._other(maker, 0)

    def _same(self, maker: Maker, group: Group, batch: pa.RecordBatch) -> None:
        """Compares the rows that were remembered."""
        if maker.path is None:
            if lacking := [name for name in self.names if name not in batch.schema.names]:
                raise TableError(
                    f"batch {group.number} lacks {listed(lacking)}, which it had when it was first read"
                )
            for row, mark in _marks(group, batch, self.names):
                if row // APART < len(self._marks) and self._marks[row // APART] != mark:
                    raise TableError(
                        f"{maker.called} gave another row {row} than the first time: each call must give the same rows "
                        "in the same order (a generator's seed fixed, nothing shuffled anew)"
                    )

    def _other(self, maker: Maker, rows: int) -> TableError:
        if maker.path is not None:
            return changed(maker)
        again = (
            "it can be read only once: pass a function that makes a new one each time"
            if rows == 0
            else ("each call must give the same rows in the same order")
        )
        return TableError(
            f"{maker.called} gave {rows} rows where there were {maker.rows} the first time: {again}"
        )


def _told_last(batches: Iterator[tuple[Group, Any]]) -> Iterator[tuple[Group, Any, bool]]:
    """Each batch, and whether it is the last one."""
    now = next(batches, None)
    while now is not None:
        following = next(batches, None)
        yield *now, following is None
        now = following


def _marks(group: Group, batch: pa.RecordBatch, names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Each row of the batch that is remembered, and by what."""
    for row in range(-(-group.first // APART) * APART, group.first + group.rows, APART):
        here = batch.slice(row - group.first, 1)
        yield row, crc32(repr([here.column(name)[0].as_py() for name in names]).encode())


def is_changed_since(maker: Maker, before: tuple[int, int] | None) -> bool:
    """Whether the maker's file is another than it was."""
    return maker.path is not None and before is not None and is_changed(maker.path, before)


def changed(maker: Maker) -> TableError:
    """The error for a file that is another than it was."""
    return TableError(
        f"{maker.called} cannot be read: the file was changed while it was read. Fit again once it is whole"
    )


def kept(once: Any, called: str, budget: int) -> Maker:
    """What can be read only once, held in memory.

    Not spooled to a file: where that would lie, and whether there is room, is not ours to decide, and often it would
    lie in memory too. What is larger is read again from where it came, by a function.

    Raises
    ------
    InputError
        It is larger than the budget.
    """
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in Maker(called, lambda _: once).batches():
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if size > budget:
            raise InputError(
                f"X is a {called}, which can be read only once, and its first {rows} rows take {size} bytes where "
                f"{budget} are free: pass a function that makes a new one each time, as in lambda: open_batches(), or "
                "the names of files"
            )
        held.append(batch)
    return Maker(called, lambda _: held)


def arrow_file(path: Path) -> Maker:
    """An Arrow IPC (Feather) file or stream, read and not mapped: a mapped file that is cut off ends the process."""

    def make(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(path)) as opened:
            if opened.read(6) == b"ARROW1":
                reader = ipc.open_file(opened)
                for k in range(reader.num_record_batches):
                    yield reader.get_batch(k)
            else:
                opened.seek(0)
                yield from ipc.open_stream(opened)

    return Maker(path.name, _with_folders(path, make), path)


def _with_folders(path: Path, make: Callable[[Sequence[str] | None], Iterable[Any]]) -> Callable[..., Any]:
    """The batches with what the folders of a partitioned table say."""
    said: dict[str, Any] = {}
    for name, value in levels_of(path).items():
        number = value is None or is_number(value)
        said[name] = pa.scalar(
            float(value) if value is not None and number else value, pa.float64() if number else pa.string()
        )

    def whole(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        for batch in make(columns):
            for name, value in said.items():
                if name not in batch.schema.names:
                    batch = batch.append_column(name, pa.repeat(value, batch.num_rows))
            yield batch

    return whole if said else make


def delimited_files(paths: Sequence[Path]) -> list[Maker]:
    """CSV files and others of delimited text, plain or in gzip, of the same columns: whole numbers where all fields of
    a column are such, else fractions, else texts; booleans where all are True or False."""
    parsings = [_parsing(path) for path in paths]
    kinds: dict[str, Any] = {}
    for path, parsing in zip(paths, parsings, strict=True):
        try:
            for batch in _open(path, parsing, None):
                for name, array in zip(batch.schema.names, batch.columns, strict=True):
                    kinds[name] = _kind(array, kinds.get(name))
        except DAMAGE as error:
            raise unreadable(path.name, error) from None
        for j, name in enumerate(parsing.look.names):
            if kinds.get(name) == pa.int64() and are_codes(
                [row[j] for row in parsing.look.rows if j < len(row)]
            ):
                kinds[name] = pa.string()
    kinds = {name: pa.int64() if kind is None else kind for name, kind in kinds.items()}

    def maker(path: Path, parsing: Any) -> Maker:
        return Maker(path.name, _with_folders(path, lambda _: _open(path, parsing, kinds)), path)

    return [maker(path, parsing) for path, parsing in zip(paths, parsings, strict=True)]


def _parsing(path: Path) -> Parsing:
    """How a text is to be parsed, by its first lines."""

    def opened() -> Any:
        return pa.input_stream(str(path), compression="detect")

    stamp(path)
    try:
        prefix = utf8.first_lines(opened)
    except DAMAGE as error:
        raise unreadable(path.name, error) from None
    form = sniff.Form(least=1, as_texts=None)
    look = sniff.sniff(prefix.decode("utf-8-sig", "replace"), path.name, form)
    if look.aligned or look.spaced or look.trailing or not utf8.is_utf8(prefix):
        raise TableError(
            f"{path.name} is no plain UTF-8 text with one delimiter between its fields: read it into a frame first, or "
            "write it as Parquet"
        )
    mark = 3 if prefix.startswith(b"\xef\xbb\xbf") else 0
    skip = mark + len(prefix[mark:].decode("utf-8", "replace")[: look.skip].encode())
    return Parsing(opened, path.name, look, form, skip, True)


def _open(path: Path, parsing: Any, kinds: dict[str, Any] | None) -> Iterator[pa.RecordBatch]:
    """The batches of a text: all texts where the kinds are yet to be found."""
    options = parsing.options(True, frozenset(), BLOCK, None)
    options["convert_options"].auto_dict_encode = False
    options["convert_options"].strings_can_be_null = kinds is None
    if kinds is not None:
        options["convert_options"].column_types = kinds
    with parsing.opened() as stream:
        # A compressed stream cannot seek.
        stream.read(parsing.skip)
        try:
            reader = csv.open_csv(stream, **options)
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            raise
        yield from reader


def _kind(texts: pa.Array, kind: Any) -> Any:
    """The narrowest of the type so far (None: all were missing) and those after it that all texts are of."""
    if texts.null_count == len(texts):
        return kind
    for wider in (pa.int64(), pa.float64()):
        if kind in (wider, pa.int64(), None):
            try:
                compute.cast(texts, wider)
                return wider
            except pa.ArrowInvalid:
                continue
    said = kind in (pa.bool_(), None) and compute.all(compute.is_in(texts.drop_null(), _BOOLEANS)).as_py()
    return pa.bool_() if said else pa.string()
