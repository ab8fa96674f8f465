"""Describes a table's columns: kind, use, what fills them, their statistics on the training rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from steepest._types import Ints
from steepest.errors import TableError
from steepest.findings import Finding
from steepest.tables import dates, remarks
from steepest.tables.encoders import MISSING, HashedPiece, LevelsPiece, NumberPiece, Piece, split_parts
from steepest.tables.kinds import Judgement, fingerprint, judge
from steepest.tables.schema import Column, check_finite
from steepest.tables.table import ON_TEXTS, Table
from steepest.tables.target import Target
from steepest.tables.values import WITH_COMMAS, Values, as_days, as_text, read_texts, read_values

__all__ = ["describe"]

#: more columns than this whose levels would tell more are measurements of one kind
MOST_CODES = 12


def describe(
    table: Table,
    goal: Target,
    kept: Ints,
    out: set[str],
    categories: list[str],
    missing: str,
    amounts: Collection[str] = (),
    hashes: Mapping[str, int] | None = None,
) -> tuple[list[Column], dict[str, Values], list[Finding]]:
    """The columns of a table, the values of those used, and what was found.

    Parameters
    ----------
    kept
        The training rows, from which medians and levels are learned.
    out
        Columns that the caller leaves out.
    categories
        Columns that the caller wants as categories.
    amounts
        Number columns that the caller wants as they are, however few values they have.
    hashes
        Columns whose texts are hashed, and to how many levels.

    Raises
    ------
    TableError
        No column is of use, or one holds values that are refused.
    """
    columns: list[Column] = []
    used: dict[str, Values] = {}
    findings: list[Finding] = []
    seen: dict[tuple[Any, ...], str] = {}
    codes: list[str] = []
    hashes = hashes or {}
    for name in table.names:
        if name == goal.name:
            columns.append(target_column(table, goal))
            continue
        if name in out:
            columns.append(Column(name, "dropped", False, "left out as asked"))
            continue
        said = table.categories | table.codes
        plain = name in categories or name in hashes or (name in said and name not in amounts)
        array = table.column(name)
        values = read_values(
            array,
            name,
            plain=plain,
            impute=missing == "impute",
            amount=name in amounts,
            notation=table.notation,
        )
        values.decimal = values.decimal or table.decimal_of(name, array.type)
        if name in table.commas:
            values.remark = WITH_COMMAS
        texts = values.kind == "text"
        if plain:
            values = as_text(values) if values.exact else read_texts(array, name)
        elif name not in amounts:
            values = as_days(values)
        check_finite(values, name, missing)
        judgement = unlike_the_others(
            name, values, judge(name, values, name in categories or name in hashes), seen
        )
        hashed = (hashes[name], texts) if name in hashes else None
        column = described(name, values, judgement, goal, kept, hashed)
        columns.append(column)
        if column.used:
            used[name] = values
        if name not in amounts and remarks.more_as_levels(column, values, goal, kept):
            codes.append(name)
            continue
        noticed = remarks.about_column(column, values, judgement, goal, kept)
        findings += [f for f in noticed if name not in amounts or f.kind != "few_whole_numbers"]
    findings += as_levels(columns, used, codes, goal, kept)
    if not used:
        raise TableError(nothing_left(table, columns))
    return columns, used, findings + remarks.mostly_missing(columns, len(goal.rows))


def as_levels(
    columns: list[Column], used: dict[str, Values], names: list[str], goal: Target, kept: Ints
) -> list[Finding]:
    """Makes categories of whole numbers whose levels tell more than a straight line; says so.

    Many such columns are measurements of one kind, as pixels are, and stay amounts.
    """
    place = {column.name: i for i, column in enumerate(columns)}
    found: list[Finding] = []
    for name in names:
        column, values = columns[place[name]], used[name]
        judgement = Judgement("number", True, column.reason)
        if len(names) <= MOST_CODES:
            low, high, mean, sd = column.min, column.max, column.mean, column.sd
            used[name] = values = as_text(values)
            reason = f"whole numbers with {len(values.texts)} values, whose levels tell more than a line"
            judgement = Judgement("category", True, reason)
            column = described(name, values, judgement, goal, kept)
            column.min, column.max, column.mean, column.sd = low, high, mean, sd
            columns[place[name]] = column
            found.append(remarks.used_as_levels(column))
        found += remarks.about_column(column, values, judgement, goal, kept)
    return found


def unlike_the_others(
    name: str, values: Values, judgement: Judgement, seen: dict[tuple[Any, ...], str]
) -> Judgement:
    """The judgement, changed where the column repeats an earlier one or its numbers lose digits."""
    if not values.exact and judgement.kind != "identifier":
        assert values.numbers is not None
        present = values.numbers[~values.missing]
        if (values.distinct or len(np.unique(present))) > 0.5 * len(present):
            return Judgement(
                "identifier",
                False,
                "its whole numbers are beyond 2^53 and nearly all different, as in identifiers",
            )
        raise TableError(
            f"column {name!r} holds whole numbers beyond 2^53, which lose digits as float64: pass it among "
            "categories, or leave it out with drop"
        )
    if not judgement.used:
        return judgement
    key = fingerprint(values)
    if key in seen:
        return Judgement("duplicate", False, f"it is the same as {seen[key]!r}")
    seen[key] = name
    return judgement


def target_column(table: Table, goal: Target) -> Column:
    """The target among the columns."""
    absent = table.rows - len(goal.rows)
    column = Column(goal.name, "target", False, goal.reason, missing=absent, decimal=goal.decimal)
    if goal.classes is None:
        statistics(column, goal.y[goal.rows])
    else:
        column.levels = len(goal.classes)
    return column


def described(
    name: str,
    values: Values,
    judgement: Judgement,
    goal: Target,
    kept: Ints,
    hashed: tuple[int, bool] | None = None,
) -> Column:
    """One column with its pieces and statistics; `hashed`: to how many levels, and whether its values were texts."""
    column = Column(
        name,
        judgement.kind,
        judgement.used,
        judgement.reason,
        missing=int(values.missing[goal.rows].sum()),
        missing_in_training=int(values.missing[kept].sum()),
        values=values.kind if values.kind != "empty" else "number",
        format=values.format,
        decimal=values.decimal,
    )
    # Told of all rows with a target, as the gaps are; what fills them is learned from the training rows alone.
    if values.numbers is not None:
        statistics(column, values.numbers[goal.rows])
    if values.codes is not None:
        column.levels = len(values.texts)
    if not judgement.used:
        return column
    if hashed is not None:
        count, texts = hashed
        column.pieces = [HashedPiece.fit(name, count, values, kept, texts)]
        column.reason += f", hashed to {count} levels"
    else:
        column.pieces = fit_pieces(name, values, kept)
    if not column.pieces:
        column.used = False
        if values.missing[kept].all():
            column.kind, column.reason = "empty", "it has no values in the training rows"
        elif values.codes is not None and len(np.unique(values.codes[kept])) > 1:
            column.kind, column.reason = (
                "identifier",
                f"each of its {len(values.texts)} texts stands in few rows",
            )
        else:
            column.kind, column.reason = "constant", "it does not vary in the training rows"
    column.filled_with = filled_with(column) if column.missing and column.pieces else None
    return column


def statistics(column: Column, numbers: np.ndarray[Any, Any]) -> None:
    """Mean, standard deviation, least and greatest of the values that are there."""
    present = numbers[np.isfinite(numbers)]
    if len(present):
        # The scale keeps squares of very large numbers finite.
        scale = float(np.abs(present).max()) or 1.0
        column.mean = float((present / scale).mean() * scale)
        column.sd = float((present / scale).std() * scale)
        column.min, column.max = float(present.min()), float(present.max())


def fit_pieces(name: str, values: Values, kept: Ints) -> list[Piece]:
    """The pieces that a column's values make, learned from the training rows."""
    if values.kind == "text":
        piece = LevelsPiece.fit(name, name, None, values, kept)
        return [piece] if len(piece.levels) > 1 else []
    if values.kind != "time":
        assert values.numbers is not None
        present = values.numbers[kept][np.isfinite(values.numbers[kept])]
        varies = len(present) > 0 and (len(present) < len(kept) or bool((present != present[0]).any()))
        return [NumberPiece.fit(name, name, None, values, kept)] if varies else []
    pieces: list[Piece] = []
    for part, sub in split_parts(values).items():
        raw: Any = sub.codes if sub.codes is not None else sub.numbers
        present = raw[kept][~sub.missing[kept]]
        if not len(present) or (present == present[0]).all():
            continue
        kind = LevelsPiece if sub.codes is not None else NumberPiece
        pieces.append(kind.fit(dates.part_name(name, part), name, part, sub, kept))
    return pieces


def filled_with(column: Column) -> Any:
    """What missing values of a column become, as it is told."""
    filled: dict[str, Any] = {
        piece.part or "": piece.fill if isinstance(piece, NumberPiece) else MISSING for piece in column.pieces
    }
    return filled[""] if list(filled) == [""] else filled


def nothing_left(table: Table, columns: list[Column]) -> str:
    """The message where no column is of use."""
    others = [column for column in columns if column.kind != "target"]
    if not others:
        return f"{table.name} has no column besides the target"
    reasons = "; ".join(f"{column.name!r}: {column.reason}" for column in others[:5])
    message = f"no column of {table.name} is left to learn from ({reasons})"
    if any(column.kind == "text" for column in others):
        message += f". {ON_TEXTS}"
    return message
