"""Fits of tables that are larger than memory: columns, alpha and figures from a sample of the rows, held;
the coefficients from all rows, read while they are computed with."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.errors import InputError
from steepest.findings import Finding
from steepest.fitting.columns import Encoding
from steepest.tables import Part, Schema, read
from steepest.tables.batches import Batches
from steepest.tables.room import available
from steepest.tables.stream import MAGIC, Files, Stream, batches_of, is_unread, names_files
from steepest.tables.table import Table
from steepest.tables.target import encode_target

__all__ = ["Rows", "opened", "refuse"]

#: what a fit in memory takes, times the table
TIMES = 8
#: rows of a sample at least and at most
LEAST, MOST = 1000, 200_000


def opened(table: Any, memory: int | None) -> tuple[Any, Rows | None]:
    """The table to learn from, and all of its rows where that is a sample of files or batches too large for memory.

    Several files that fit are one table in memory, and so is what functions and iterators give; whatever else it is,
    is handed back.
    """
    budget = available() if memory is None else memory
    if not _is_read(table, budget):
        return table, None
    files = batches_of(table)
    width = len(files.names)
    if TIMES * 8 * files.rows * width <= budget:
        one = isinstance(table, str) and isinstance(files, Files) and len(files.paths) == 1
        return table if one else _taken(files, None, table), None
    count = min(MOST, files.rows, budget // (4 * TIMES * 8 * width))
    if count < LEAST:
        raise InputError(
            f"{budget} bytes of memory leave room for a sample of {count} of {files.rows} rows, and at least "
            f"{LEAST} are needed: raise memory="
        )
    return _taken(files, count, table), Rows(files, count, budget // 4)


def _is_read(table: Any, budget: int) -> bool:
    """Whether it is read in batches: Parquet files, several files, a text that is too large, and what gives batches."""
    if not names_files(table):
        return is_unread(table)
    if isinstance(table, (list, tuple)) or hasattr(table, "get_fragments"):
        return True
    path = os.fspath(table)
    if not os.path.exists(path):
        return any(sign in path for sign in MAGIC)
    return os.path.isdir(path) or path.endswith(".parquet") or TIMES * os.path.getsize(path) > budget


def _taken(files: Batches, count: int | None, table: Any) -> Table:
    """All rows, or so many drawn at random, in order, called as they were named."""
    drawn = np.arange(files.rows)
    if count is not None:
        drawn = np.sort(np.random.Generator(np.random.Philox(0)).choice(files.rows, count, replace=False))
    parts, at = [], 0
    for _, batch in files.batches(files.names):
        inside = drawn[np.searchsorted(drawn, at) : np.searchsorted(drawn, at + batch.num_rows)] - at
        parts.append(pa.Table.from_batches([batch.take(pa.array(inside))]))
        at += batch.num_rows
    whole = pa.concat_tables(parts, promote_options="permissive").combine_chunks()
    return read(whole, name=os.fspath(table) if isinstance(table, (str, os.PathLike)) else None)


@dataclass
class Rows:
    """All rows.

    Attributes
    ----------
    files : Batches
    sampled : int
        Rows of the sample.
    memory : int
        Bytes for rows that are kept while the coefficients are computed.
    """

    files: Batches
    sampled: int
    memory: int

    def part(self, sample: Part, schema: Schema) -> Part:
        """Targets of all rows, and weights of 0 where one is missing; the design is the sample's."""
        decimal = schema.column(schema.target).decimal
        found = []
        for _, batch in self.files.batches([schema.target]):
            column = read(pa.Table.from_batches([batch]), name="the files")
            found.append(encode_target(column, schema.target, schema.classes, decimal))
        y = np.concatenate(found)
        known = ~np.isnan(y) if schema.classes is None else y >= 0
        if known.all():
            return replace(sample, y=y, weight=None)
        return replace(sample, y=np.where(known, y, y[known][0]), weight=known.astype(np.float64))

    def stream(self, encoding: Encoding, schema: Schema, levels: tuple[int, ...], width: int) -> Stream:
        """The columns as the sample taught to encode them, read as often as is asked."""

        def encode(batch: pa.RecordBatch) -> tuple[Any, Any, None]:
            columns = encoding.columns(schema.apply(pa.Table.from_batches([batch])).design)
            return columns.numbers, columns.codes if levels else None, None

        names = [column.name for column in schema.used]
        return Stream(self.files, names, encode, width, levels, self.memory)

    def finding(self, rows: int, again: bool) -> Finding:
        """What was done with which rows."""
        fitted = (
            f"the coefficients from all {rows} rows, read while they are computed with"
            if again
            else "and all else too"
        )
        return Finding(
            "sampled",
            "note",
            f"The table is larger than memory: kinds of columns, alpha and figures are those of {self.sampled} of "
            f"{self.files.rows} rows, drawn at random; {fitted}. A level that none of those rows has counts as none.",
            {"sampled": self.sampled, "rows": self.files.rows},
        )


def refuse(**asked: Any) -> None:
    """Refuses what needs all rows at once."""
    for name, value in asked.items():
        if value is not None:
            raise InputError(
                f"{name}= needs all rows in memory, and this table is larger: raise memory=, or leave {name}= out"
            )
