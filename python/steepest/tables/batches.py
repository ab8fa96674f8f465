"""Rows that come in batches, from wherever: what can be asked of them, and how what is wrong with one is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from steepest.errors import TableError, did_you_mean
from steepest.tables.entries import Entries, as_batch, entries, is_sparse, width_said
from steepest.tables.table import listed

__all__ = [
    "BATCH",
    "Batches",
    "Group",
    "Place",
    "codes",
    "gather",
    "is_category",
    "is_text",
    "one_by_one",
    "plain",
    "unreadable",
]

#: rows that are decoded at a time
BATCH = 1 << 15
#: a text with more values than this tells rows apart, and nothing of others
MOST_LEVELS = 1 << 20


@dataclass(frozen=True)
class Group:
    """A row group or a batch: its file, its number there, and its rows among all rows."""

    file: int
    number: int
    first: int
    rows: int


@dataclass(frozen=True)
class Place:
    """Where rows lie: their group, and the number of the first of them there."""

    group: Group
    row: int


class Batches:
    """Rows of the same columns, read in order, as often as is asked.

    Attributes
    ----------
    names : list of str
    rows : int
    in_order : bool
        Whether rows are come to only by way of those before them.
    """

    names: list[str]
    rows: int = 0
    in_order = False

    @property
    def identity(self) -> list[Any] | None:
        """Names, lengths and times of the files that are read, which they are known by; None where there are none."""
        return None

    @property
    def reads(self) -> float:
        """How often all rows have been decoded so far."""
        raise NotImplementedError

    def batches(
        self, columns: Sequence[str], start: int = 0, coded: bool = False
    ) -> Iterator[tuple[Place, pa.RecordBatch]]:
        """The rows from `start` on, some at a time, and where they lie; texts may come as codes if `coded`."""
        raise NotImplementedError

    def kinds(self, name: str) -> Iterator[tuple[Any, str]]:
        """The Arrow types of a column, and where each is first found."""
        raise NotImplementedError

    def where(self, place: Place, row: int) -> str:
        """The words for a row, counted from those at `place`."""
        raise NotImplementedError

    def known(self, name: str, what: str) -> str:
        """The column's name, if there is such a column."""
        if name not in self.names:
            hint = did_you_mean(str(name), self.names) or f"; there are {listed(self.names)}"
            raise TableError(f"there is no column {name!r}, which is to be {what}{hint}")
        return name

    def level_type(self, name: str) -> Any | None:
        """The Arrow type of a column's categories; None where it has none.

        Raises
        ------
        TableError
            It has categories in one place and numbers in another, or what is no category.
        """
        kinds = list(self.kinds(name))
        if not any(is_category(kind) for kind, _ in kinds):
            return None
        (first, there), *others = kinds
        for kind, other in others:
            if _sort(kind) != _sort(first):
                raise TableError(
                    f"column {name!r} is of type {first} in {there} and of type {kind} in {other}: make it the same "
                    "everywhere"
                )
        values = [_values_of(kind) for kind, _ in kinds]
        if is_text(values[0]):
            return pa.string()
        if all(map(pa.types.is_integer, values)) or all(map(pa.types.is_boolean, values)):
            return pa.int64() if pa.types.is_integer(values[0]) else pa.bool_()
        if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in values):
            return pa.float64()
        raise TableError(
            f"column {name!r} has categories of type {values[0]} in {there}: make them texts or whole numbers first"
        )

    def levels(self, names: Sequence[str]) -> dict[str, pa.Array]:
        """The values of some columns of categories, in order, found in one pass over these columns."""
        found: dict[str, set[Any]] = {name: set() for name in names}
        if found:
            for _, batch in self.batches(names, coded=True):
                gather(found, batch)
        return self.ordered(found)

    def ordered(self, found: dict[str, set[Any]]) -> dict[str, pa.Array]:
        """Categories in order."""
        for name, values in found.items():
            if len(values) > MOST_LEVELS:
                raise TableError(
                    f"column {name!r} has more than {MOST_LEVELS} different texts, as names of rows have: leave it out"
                )
        return {name: pa.array(sorted(values), type=self.level_type(name)) for name, values in found.items()}

    def is_sparse(self, name: str) -> bool:
        """Whether a column holds pairs of a place and a number, and so stands for many.

        Raises
        ------
        TableError
            It does in one place and not in another.
        """
        (first, there), *others = self.kinds(name)
        for kind, other in others:
            if is_sparse(kind) != is_sparse(first):
                raise TableError(
                    f"column {name!r} is of type {first} in {there} and of type {kind} in {other}: make it the same "
                    "everywhere"
                )
        return is_sparse(first)

    def widths(self, names: Sequence[str]) -> tuple[dict[str, int], int]:
        """How many columns sparse columns stand for, and their entries in all, found in one pass over them."""
        found, count = dict.fromkeys(names, 0), 0
        for place, batch in self.batches(names) if found else ():
            for name, array in zip(names, batch.columns, strict=True):
                _, places, _ = self.entries(name, place, array, np.float64)
                said = width_said(batch.schema.field(name))
                found[name] = max(found[name], said, int(places.max(initial=-1)) + 1)
                count += len(places)
        return found, count

    def entries(self, name: str, place: Place, array: pa.Array, dtype: Any) -> Entries:
        """The entries of some rows of a sparse column."""
        if array.null_count:
            raise self.missing(name, place, array)
        try:
            return entries(array, dtype)
        except TableError as error:
            raise TableError(f"column {name!r} {error}, from {self.where(place, 0)} on") from None

    def column(self, name: str) -> NDArray[Any]:
        """One column of all rows; texts are one object each, however often they occur."""
        texts: dict[Any, Any] = {}
        parts = []
        self.level_type(name)
        for place, batch in self.batches([name], coded=True):
            array = batch.column(0)
            if array.null_count:
                raise self.missing(name, place, array)
            if is_category(array.type):
                coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
                here = [texts.setdefault(text, text) for text in coded.dictionary.to_pylist()]
                lookup = np.empty(len(here), dtype=object)
                lookup[:] = here
                parts.append(lookup[coded.indices.to_numpy(zero_copy_only=False)])
            else:
                values = array.to_numpy(zero_copy_only=False)
                self.refuse_infinite(name, place, values)
                parts.append(values)
        return np.concatenate(parts)

    def refuse_infinite(self, name: str, place: Place, values: NDArray[Any]) -> None:
        """Names the first value that is not finite."""
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise TableError(f"column {name!r} is not finite in {self.where(place, row)}: drop the row")

    def refuse_inexact(self, name: str, place: Place, values: NDArray[Any]) -> None:
        """Names the first whole number that has more digits than a float64 holds."""
        if values.dtype.kind in "iu" and values.dtype.itemsize == 8 and len(values):
            # Those up to 2^53 are exact, and so are some beyond.
            beyond = np.flatnonzero(
                (values > 1 << 53) | (values < -(1 << 53) if values.dtype.kind == "i" else False)
            )
            inexact = [row for row in beyond.tolist() if int(float(int(values[row]))) != int(values[row])]
            if inexact:
                raise TableError(
                    f"column {name!r} has {values[inexact[0]]} in {self.where(place, inexact[0])}, which has more "
                    "digits than a float64 holds: divide it first, or leave the column out if it only names rows"
                )

    def missing(self, name: str, place: Place, array: pa.Array) -> TableError:
        """The error for a missing value."""
        row = compute.index(array.is_null(), True).as_py()
        return TableError(
            f"column {name!r} is missing in {self.where(place, row)}: fill it or drop the row; steepest.fit takes "
            "tables with gaps"
        )


def gather(found: dict[str, set[Any]], batch: pa.RecordBatch) -> None:
    """Adds a batch's categories to those found so far."""
    for name, values in found.items():
        if len(values) <= MOST_LEVELS:
            here = batch.column(name).unique()
            values.update(
                here.dictionary_decode().to_pylist()
                if pa.types.is_dictionary(here.type)
                else here.to_pylist()
            )
            values.discard(None)


def is_text(kind: Any) -> bool:
    """Whether values of the type are texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_category(kind: Any) -> bool:
    """Whether a column of the type has categories: texts, and what is stored as codes into its levels."""
    return is_text(kind) or bool(pa.types.is_dictionary(kind))


def _values_of(kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _sort(kind: Any) -> str:
    """What a column of the type is."""
    if is_text(_values_of(kind)):
        return "texts"
    return "categories" if pa.types.is_dictionary(kind) else "numbers"


def codes(array: pa.Array, levels: pa.Array) -> NDArray[np.int32]:
    """The place of each value among the levels; -1 for a value that is not among them."""
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    elif len(array.dictionary) > len(array):
        # Levels of a whole file, for a few rows.
        array = array.dictionary_decode().dictionary_encode()
    places = compute.index_in(array.dictionary.cast(levels.type), value_set=levels).fill_null(-1)
    found = places.to_numpy(zero_copy_only=False).astype(np.int32)
    return np.asarray(found[array.indices.to_numpy(zero_copy_only=False)])


def unreadable(where: str, error: BaseException) -> TableError:
    """The error for what cannot be read."""
    if isinstance(error, TableError):
        return error
    why = str(error).strip().split("\n")[0]
    if isinstance(error, MemoryError):
        return TableError(f"{where} cannot be read: there is not enough memory ({why})")
    return TableError(f"{where} cannot be read, as when it was cut off or damaged: {why}")


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, its texts no longer views into buffers, as polars has them: most of Arrow's functions know none.

    >>> plain(pa.record_batch({"x": pa.array(["a", "b"], pa.string_view())})).schema.types
    [DataType(large_string)]
    """
    columns = [_plain(column) for column in batch.columns]
    fields = [stored.with_type(column.type) for stored, column in zip(batch.schema, columns, strict=True)]
    schema = pa.schema(fields, batch.schema.metadata)
    return batch if schema == batch.schema else pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(array: Any) -> Any:
    if pa.types.is_string_view(array.type):
        return array.cast(pa.large_string())
    if pa.types.is_dictionary(array.type) and pa.types.is_string_view(array.type.value_type):
        levels = array.dictionary.cast(pa.string())
        return pa.DictionaryArray.from_arrays(array.indices, levels, ordered=array.type.ordered)
    return array


def one_by_one(item: Any) -> Iterator[pa.RecordBatch]:
    """The record batches that a batch of any kind is: Arrow's, a frame, or a dict of columns."""
    for batch in _one_by_one(item):
        yield plain(batch)


def _one_by_one(item: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(item, pa.RecordBatch):
        yield item
    elif isinstance(item, pa.Table):
        yield from item.to_batches(BATCH)
    elif type(item).__module__.partition(".")[0] == "pandas" and hasattr(item, "columns"):
        # Its index is no column.
        yield from pa.Table.from_pandas(item, preserve_index=False).to_batches(BATCH)
    elif hasattr(item, "__arrow_c_stream__"):
        yield from pa.RecordBatchReader.from_stream(item)
    elif isinstance(item, dict):
        yield from as_batch(item).to_batches(BATCH)
    else:
        raise TableError(
            f"a batch must be a record batch or table of Arrow's, a pandas or polars frame, or a dict of columns; got "
            f"{type(item).__name__}"
        )
