"""From anything that holds a table to encoded training, validation and test parts, with what was found."""

from __future__ import annotations

import time as clock
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.errors import InputError, TableError
from steepest.findings import Finding
from steepest.tables import memory, remarks
from steepest.tables.describe import describe
from steepest.tables.design import Part
from steepest.tables.encoders import HASHED, MOST_HASHED
from steepest.tables.leakage import giveaways, repeated_rows
from steepest.tables.schema import Schema, encode, is_path
from steepest.tables.source import read
from steepest.tables.split import hold_out, hold_out_last
from steepest.tables.table import Table
from steepest.tables.target import Target, encode_target, read_target
from steepest.tables.values import read_values

__all__ = ["Prepared", "prepare"]


@dataclass
class Prepared:
    """A table ready to be learned from."""

    name: str
    schema: Schema
    train: Part
    #: None where no rows were held out
    validation: Part | None
    #: None where there was no table of its own for the test
    test: Part | None
    #: rows left out because their target is missing, the test table's included
    dropped: int
    findings: list[Finding]
    #: how the validation rows were chosen
    split: str
    #: seconds by stage: read, prepare
    seconds: dict[str, float] = field(default_factory=dict)


def prepare(
    source: Any,
    target: Any = None,
    *,
    task: str | None = None,
    test: Any = None,
    time: str | int | None = None,
    drop: Sequence[str | int] = (),
    categories: Sequence[str | int] = (),
    amounts: Sequence[str | int] = (),
    hash_columns: Sequence[str | int] | Mapping[str | int, int] = (),
    missing: str = "fill",
    validation: float = 0.2,
    seed: int = 0,
    weight: Any = None,
    header: bool | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    missing_target: Collection[str] | None = None,
) -> Prepared:
    """Reads a table, finds out what its columns are, splits it and encodes it.

    Everything that is learned (medians, levels) is learned from the training rows.

    Parameters
    ----------
    source
        Anything that `steepest.tables.read` takes.
    target
        The column to be predicted, by name or number, or its values, one a row; known for named data
        sets.
    task
        "binary", "multiclass", "classification" or "regression"; found from the target when None.
    test
        A second table with the same columns, never looked at while fitting.
    time
        A column by which the last rows are held out instead of random ones.
    drop
        Columns to leave out.
    categories
        Number columns to be taken as categories.
    amounts
        Whole numbers with few values to be taken as amounts; unless given, levels are used where they tell
        more of the target in the training rows than a straight line.
    hash_columns
        Columns whose texts are hashed, each to 4096 levels; or a mapping of columns to numbers of levels.
    missing
        "fill" fills missing values (numbers by their median, categories by a level of their own) and
        refuses infinite ones; "impute" fills those too; "refuse" refuses both.
    validation
        The share of rows held out, from 0 to below 1.
    seed
        Of the split.
    weight
        The rows' weights, a column (which is then no column to learn from) or one value a row; a row of
        weight 0 is a row that is not there.
    header, delimiter, encoding
        Of a text, found out when None.
    decimal, thousands
        How numbers are written in texts, found out column by column when None.
    missing_target
        The texts that mean a missing target; when None the usual ones, and in a target of texts
        "None", "NA", "-" and their like are classes.

    Raises
    ------
    TableError
        The table cannot be used; the message names row and column and says what would do.

    Examples
    --------
    >>> prepared = prepare("wine")
    >>> prepared.schema.task, prepared.train.design.numbers.shape, prepared.validation.design.rows
    ('multiclass', (142, 13), 36)
    """
    started = clock.perf_counter()
    for option, value in (
        ("drop", drop),
        ("categories", categories),
        ("amounts", amounts),
        ("hash_columns", hash_columns),
        ("missing_target", missing_target),
    ):
        if isinstance(value, str):
            raise InputError(f"{option} is a list of columns; got the text {value!r}: pass [{value!r}]")
    form: dict[str, Any] = {"encoding": encoding, "decimal": decimal, "thousands": thousands}
    table = read(source, header=header, delimiter=delimiter, **form)
    in_order(source, target, "target")
    in_order(source, weight, "sample_weight")
    if target is not None and not isinstance(target, (str, int, np.integer)):
        table, target = with_target(table, target)
    reading = clock.perf_counter() - started
    goal = read_target(table, target, task, missing_target)
    out = dropped_columns(table, drop, goal.name)
    heavy, by = weights_of(table, weight, goal.name)
    if heavy is not None:
        goal = replace(goal, rows=goal.rows[heavy[goal.rows] > 0])
    if by is not None:
        out.add(by)
    chosen = [table.find(column, "category") for column in categories]
    if time is None:
        kept, held = hold_out(goal, validation, seed)
        how = f"{len(held)} rows drawn at random (seed {seed})"
    else:
        kept, held, how = hold_out_last(goal, table, time, validation)
    check_training(goal, kept)
    straight = {table.find(column, "amount") for column in amounts}
    hashes = hashed_columns(table, hash_columns, goal.name)
    others: tuple[tuple[str, Collection[str | None]], ...] = (
        ("sample_weight", [by]), ("categories", chosen), ("amounts", straight), ("drop", out),
    )  # fmt: skip
    for name in hashes:
        for other, of in others:
            if name in of:
                raise InputError(f"{name!r} stands in hash_columns and in {other}: pass it in one of them")
    columns, values, findings = describe(table, goal, kept, out, chosen, missing, straight, hashes)
    schema = Schema(
        goal.name, goal.task, goal.reason, goal.classes, columns, missing, table.named, table_form(table)
    )
    began = clock.perf_counter()
    test_table = None if test is None else read_test(test, table, schema, form)
    reading += clock.perf_counter() - began
    train = part(schema, values, goal, kept, heavy)
    validated = part(schema, values, goal, held, heavy) if len(held) else None
    findings = remarks.about_rows(table, goal, kept, time, values) + findings
    tested, test_findings, absent = (None, [], 0) if test_table is None else test_part(schema, test_table, by)
    findings += giveaways(train, goal)
    findings += repeated_rows(train, validated, tested)
    findings += test_findings
    dropped = table.rows - len(goal.rows) + absent
    seconds = {"read": reading, "prepare": clock.perf_counter() - started - reading}
    return Prepared(table.name, schema, train, validated, tested, dropped, findings, how, seconds)


def in_order(source: Any, given: Any, what: str) -> None:
    """Refuses values whose labels are those of the frame's rows in another order: they would go to the wrong rows."""
    rows: Any = getattr(source, "index", None)
    labels: Any = getattr(given, "index", None)
    if not (hasattr(rows, "is_unique") and hasattr(labels, "is_unique")) or rows.equals(labels):
        return
    if len(rows) == len(labels) and rows.is_unique and labels.is_unique and rows.isin(labels).all():
        row = int(np.argmax(np.asarray(rows != labels)))
        raise TableError(
            f"{what} has the labels of the frame's rows in another order (row {row} is {rows[row]!r} in the frame, "
            f"{labels[row]!r} there): pass it as {what}.loc[frame.index], or as {what}.to_numpy() where its values "
            "stand in the frame's order"
        )


def with_target(table: Table, target: Any) -> tuple[Table, str]:
    """A table that has the target as a column, and its name: "target", where it is not one of the table's own."""
    values, declared = memory.one_column(target, "target") if memory.is_sequence(target) else (None, False)
    if values is None or len(target) != table.rows:
        got = f"{len(target)} values" if values is not None else type(target).__name__
        raise TableError(
            f"a target is given by its name, its number, or as one value a row ({table.rows} here); got {got}"
        )
    columns = {**table.columns, "target": values}
    categories = table.categories | ({"target"} if declared else set())
    whole = replace(table, columns=columns, categories=categories)
    # frame["y"] of the very frame is its column y: it must not be learned from too.
    name = getattr(target, "name", None)
    if isinstance(name, str) and name in table.columns and alike(table.column(name), whole.column("target")):
        return table, name
    if "target" in table.columns:
        raise TableError("the table has a column 'target' already: pass that name, or rename it")
    return whole, "target"


def alike(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """Whether two columns hold the same."""
    if one.type == other.type and pa.types.is_floating(one.type):
        return np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    return bool(one.equals(other))


def table_form(table: Table) -> dict[str, Any]:
    """How a table was read, and what the caller said of its numbers, for new rows to be read alike."""
    said = {"decimal": table.notation.decimal, "thousands": table.notation.thousands}
    return {**table.reading, **{key: value for key, value in said.items() if value is not None}}


def read_test(test: Any, table: Table, schema: Schema, form: dict[str, Any]) -> Table:
    """The test table, read as the training table was."""
    if not is_path(test):
        return read(test, **form)
    alike = {key: table.reading[key] for key in ("delimiter",) if key in table.reading}
    said = {key: value for key, value in form.items() if value is not None}
    return read(test, **{**schema.read_options(test), **alike, **said})


def dropped_columns(table: Table, drop: Sequence[str | int], target: str) -> set[str]:
    """The names of the columns to leave out."""
    out = {table.find(column, "column to drop") for column in drop}
    if target in out:
        raise InputError(f"{target!r} is the target and cannot be dropped")
    return out


def hashed_columns(
    table: Table, asked: Sequence[str | int] | Mapping[str | int, int], target: str
) -> dict[str, int]:
    """The names of the columns to hash, each with how many levels."""
    counts = asked.items() if isinstance(asked, Mapping) else ((column, HASHED) for column in asked)
    found: dict[str, int] = {}
    for column, count in counts:
        name = table.find(column, "column to hash")
        if name == target:
            raise InputError(f"{name!r} is the target and cannot be hashed")
        if (
            isinstance(count, bool)
            or not isinstance(count, (int, np.integer))
            or not 2 <= count <= MOST_HASHED
        ):
            raise InputError(
                f"hash_columns: {name!r} is hashed to a whole number of levels from 2 to {MOST_HASHED}; got {count!r}"
            )
        if found.setdefault(name, int(count)) != count:
            raise InputError(f"hash_columns names {name!r} twice, with {found[name]} levels and with {count}")
    return found


def check_training(goal: Target, kept: np.ndarray[Any, Any]) -> None:
    """Refuses training rows from which nothing can be told apart."""
    y = goal.y[kept]
    if len(kept) < 2 or (y == y[0]).all():
        raise TableError(
            f"the training rows ({len(kept)}) have one value of the target {goal.name!r} only: there is "
            "nothing to "
            "tell apart. More rows are needed, or another split (validation=, time=, seed=)"
        )


def weights_of(table: Table, weight: Any, target: str) -> tuple[np.ndarray[Any, Any] | None, str | None]:
    """Each row's weight and the name of the column that holds it, where one does."""
    if weight is None:
        return None, None
    by = None
    if isinstance(weight, (str, int, np.integer)):
        by = table.find(weight if isinstance(weight, str) else int(weight), "column of weights")
        if by == target:
            raise InputError(f"{by!r} is the target and cannot hold the rows' weights")
        weight = read_values(table.column(by), by, notation=table.notation).numbers
        if weight is None:
            raise TableError(f"column {by!r} must hold numbers to be the rows' weights")
    found = np.asarray(weight, dtype=np.float64)
    if found.shape != (table.rows,):
        raise InputError(
            f"sample_weight is a column, or one number a row ({table.rows} here); got shape {found.shape}"
        )
    wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if wrong.size:
        raise InputError(
            f"weights must be finite and at least 0; row {wrong[0]} has {found[wrong[0]]} "
            f"({wrong.size} such rows)"
        )
    if found.size and not found.any():
        raise InputError("all weights are 0: there is no row that counts")
    return found, by


def part(
    schema: Schema,
    values: dict[str, Any],
    goal: Target,
    rows: np.ndarray[Any, Any],
    weight: np.ndarray[Any, Any] | None = None,
) -> Part:
    """One part of the table, encoded."""
    design, _, _ = encode(schema.used, values, rows, len(rows))
    return Part(design, np.ascontiguousarray(goal.y[rows]), rows, None if weight is None else weight[rows])


def test_part(schema: Schema, table: Table, by: str | None) -> tuple[Part, list[Finding], int]:
    """The test table, encoded; rows without a target (or of weight 0) left out and counted."""
    table = schema.matched(table)
    if schema.target not in table.columns:
        raise TableError(f"the test table {table.name} lacks the target {schema.target!r}")
    y = encode_target(table, schema.target, schema.classes, schema.column(schema.target).decimal)
    rows = np.flatnonzero(~np.isnan(y) if schema.classes is None else y >= 0)
    weight, _ = weights_of(table, by, schema.target)
    if weight is not None:
        rows = rows[weight[rows] > 0]
    if not len(rows):
        raise TableError(f"the target {schema.target!r} of the test table {table.name} has no values")
    applied = schema.apply(table)
    design = applied.design
    if len(rows) < table.rows:
        design = replace(design, numbers=design.numbers[rows], codes=design.codes[rows])
    heavy = None if weight is None else weight[rows]
    return Part(design, y[rows], rows, heavy), remarks.about_applied(applied), table.rows - len(rows)
