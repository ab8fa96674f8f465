"""The target: what is to be predicted, and what task that makes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from steepest.errors import InputError, TableError, did_you_mean
from steepest.tables.kinds import of_one_unit
from steepest.tables.missing import NO_CLASS, TOKENS
from steepest.tables.numerals import Notation
from steepest.tables.table import Table
from steepest.tables.values import WITH_COMMAS, Values, as_numbers, as_text, as_times, read_values

__all__ = ["Target", "Task", "encode_target", "read_target"]

Task = Literal["binary", "multiclass", "regression"]
TASKS = ("binary", "multiclass", "regression")
#: whole numbers with at most this many different values are classes
FEW_VALUES = 20
MOST_CLASSES = 1000


@dataclass(frozen=True)
class Target:
    """The target of a table.

    `y` is float64 for regression, else the class's number (int64); rows whose target is missing hold NaN
    or -1 and are not in `rows`.
    """

    name: str
    task: Task
    reason: str
    #: class labels in order, None for regression; of two, the second is the one whose probability is given
    classes: tuple[Any, ...] | None
    y: np.ndarray[Any, Any]
    #: the rows whose target is there
    rows: np.ndarray[Any, np.dtype[np.int64]]
    #: the texts that stood for a missing target, and how often
    tokens: dict[str, int] = field(default_factory=dict)
    #: texts that elsewhere mean a missing value and are classes here, and how often
    kept: dict[str, int] = field(default_factory=dict)
    #: how its texts were read as numbers, where that needs saying, and their decimal mark
    remark: str | None = None
    decimal: str | None = None

    @property
    def count(self) -> int:
        """How many classes there are; 0 for numbers."""
        return len(self.classes or ())


def read_target(
    table: Table,
    target: str | int | None,
    task: str | None = None,
    absent: Collection[str] | None = None,
) -> Target:
    """Finds the target in a table, and the task that it makes.

    Parameters
    ----------
    absent
        The texts that mean a missing target. When None, the usual ones; but in a target of texts "None",
        "NA", "-" and others that may well be the name of a class are kept as classes.

    Raises
    ------
    TableError
        It is not there, has no values, has one only, or does not suit the task asked for.
    """
    if task is not None and task not in (*TASKS, "classification"):
        raise InputError(
            f"no task is called {task!r}{did_you_mean(task, TASKS) or '; available: ' + ', '.join(TASKS)}"
        )
    if target is None:
        if table.target is None:
            shown = ", ".join(repr(name) for name in table.names[:12]) + (
                ", …" if len(table.names) > 12 else ""
            )
            raise TableError(
                f"name the column of {table.name} to be predicted (target=); its columns are {shown}"
            )
        target = table.target
    name = table.find(target, "target")
    declared = name in table.categories
    values, kept = target_values(table, name, absent, declared)
    missing = values.missing
    if values.kind == "empty" or missing.all():
        raise TableError(f"the target {name!r} has no values: every row's is missing")
    if values.kind == "time":
        raise TableError(
            f"the target {name!r} holds dates: turn them into a number, such as days from a fixed day"
        )
    if values.numbers is not None and np.isinf(values.numbers).any():
        row = int(np.flatnonzero(np.isinf(values.numbers))[0])
        raise TableError(f"target {name!r} row {row} is not finite: drop that row, or leave the value empty")
    rows = np.flatnonzero(~missing)
    if len(rows) < 2:
        raise TableError(
            f"{table.name} has one row with a target; at least 2 are needed, and some 20 to be of use"
        )
    distinct = distinct_values(values, rows)
    if declared and task is None:
        found, _ = find_task(name, values, distinct, len(rows), "classification")
        reason = f"{name!r} is a category of {len(distinct)} values"
    else:
        found, reason = find_task(name, values, distinct, len(rows), task)
    if len(distinct) == 1:
        what = "one class only" if found != "regression" else "one value only"
        apart = "there is nothing to tell apart"
        if texts := {text: count for text, count in values.tokens.items() if text}:
            shown = ", ".join(f"{text!r} ({count} rows)" for text, count in texts.items())
            apart += f". {shown} counts as missing: if that is a class, pass missing_target= with what means missing"
        elif missing.any():
            apart += f" ({int(missing.sum())} rows have no value)"
        raise TableError(f"the target {name!r} has {what}, {distinct[0]!r}: {apart}")
    if found == "regression":
        assert values.numbers is not None
        decimal = values.decimal or table.decimal_of(name, table.column(name).type)
        remark = WITH_COMMAS if name in table.commas else values.remark
        return Target(name, found, reason, None, values.numbers, rows, values.tokens, {}, remark, decimal)
    classes = tuple(distinct)
    codes = encode_values(values, classes, name)
    return Target(name, found, reason, classes, codes, rows, values.tokens, kept)


def target_values(
    table: Table, name: str, absent: Collection[str] | None, declared: bool
) -> tuple[Values, dict[str, int]]:
    """A target's values, and the texts among its classes that elsewhere mean a missing value, counted."""
    array = table.column(name)
    # Texts stay texts, so that the classes of a yes/no target are called yes and no.
    tokens = TOKENS if absent is None else frozenset(absent) | {""}
    values = read_values(array, name, plain=True, tokens=tokens)
    if values.kind == "text" and not declared:
        try:
            numbers = as_numbers(values, name, notation=table.notation, amount=len(values.texts) > FEW_VALUES)
        except TableError as error:
            raise TableError(for_target(str(error), name)) from None
        if numbers is not None:
            return numbers, {}
    doubtful = {text: count for text, count in values.tokens.items() if text not in NO_CLASS}
    if absent is not None or not doubtful or values.kind not in ("text", "empty"):
        return values, {}
    return read_values(array, name, plain=True, tokens=NO_CLASS), doubtful


def for_target(message: str, name: str) -> str:
    """What is said of a column of texts among numbers, in words that suit a target."""
    before, found, _ = message.partition(": mend it, leave the column out")
    if not found:
        return message.replace("take the column as texts (categories) or leave it out (drop)", "mend them")
    return (
        f"{before.replace(f'column {name!r}', f'target {name!r}', 1)}: mend it, or say which texts mean a missing "
        "target (missing_target=)"
    )


def distinct_values(values: Values, rows: np.ndarray[Any, Any]) -> list[Any]:
    """The different values in order, as Python's own str, bool, int or float."""
    if values.codes is not None:
        return [values.texts[i] for i in np.unique(values.codes[rows])]
    assert values.numbers is not None
    found = np.unique(values.numbers[rows]).tolist()
    if values.kind == "boolean":
        return [bool(item) for item in found]
    return [int(item) if float(item).is_integer() else item for item in found]


def find_task(
    name: str, values: Values, distinct: list[Any], rows: int, task: str | None
) -> tuple[Task, str]:
    """The task and why."""
    count = len(distinct)
    several: Task = "binary" if count <= 2 else "multiclass"
    if values.kind == "text":
        if task == "regression":
            raise TableError(
                f"a number is to be predicted (by the task or the loss that was given), but the target {name!r} holds "
                f"texts such as {distinct[0]!r}"
            )
        if as_times(values) is not None and count > FEW_VALUES:
            raise TableError(
                f"the target {name!r} holds dates: turn them into a number, such as days from a fixed day"
            )
        unit = of_one_unit(distinct) if task is None else None
        if unit is not None:
            raise TableError(
                f"the target {name!r} holds numbers with {unit!r} beside them, such as {distinct[0]!r}: take it off "
                "to predict a number, or pass task='multiclass' to take them as classes"
            )
        if (count > 0.5 * rows and rows >= 20) or count > MOST_CLASSES:
            raise TableError(
                f"the target {name!r} has {count} different texts in {rows} rows: those are no classes. "
                "Choose another target, or group them"
            )
        found, reason = several, f"{name!r} holds {count} different texts"
    elif values.kind == "boolean":
        found, reason = several, f"{name!r} holds no and yes"
    else:
        numbers = values.numbers
        assert numbers is not None
        whole = all(isinstance(item, int) for item in distinct)
        if whole and (count <= 2 or (count <= FEW_VALUES and count <= rows / 5)):
            found, reason = several, f"{name!r} holds {count} different whole numbers"
        elif whole:
            found, reason = "regression", f"{name!r} holds whole numbers with {count} different values"
        else:
            found, reason = "regression", f"{name!r} holds numbers with fractions ({count} different values)"
    if task is None or task == found:
        return found, reason
    if task == "binary" and count > 2:
        raise TableError(f"task is 'binary' but the target {name!r} has {count} different values")
    if task in ("multiclass", "classification") and count > max(FEW_VALUES, rows // 2):
        raise TableError(
            f"task is {task!r} but the target {name!r} has {count} different values in {rows} rows"
        )
    chosen: Task = "regression" if task == "regression" else several
    return chosen, f"as asked; {reason}"


def encode_target(
    table: Table, name: str, classes: tuple[Any, ...] | None, decimal: str | None = None
) -> np.ndarray[Any, Any]:
    """The target of another table in the same terms; missing ones are NaN or -1.

    Parameters
    ----------
    classes
        The labels learned; a text that is one of them never means a missing value.
    decimal
        The decimal mark that the target's numbers were written with.

    Raises
    ------
    TableError
        A class that was not there before, or text where numbers are expected.
    """
    tokens = TOKENS - {label for label in classes or () if isinstance(label, str)}
    values = read_values(table.column(name), name, plain=True, tokens=tokens)
    if values.kind == "empty":
        return np.full(values.rows, np.nan) if classes is None else np.full(values.rows, -1)
    if classes is not None:
        return encode_values(values, classes, name, table.name)
    if values.kind == "text":
        said = table.notation if table.notation.decimal is not None or decimal is None else Notation(decimal)
        values = as_numbers(values, name, notation=said) or values
    if values.numbers is None:
        raise TableError(
            f"the target {name!r} of {table.name} holds {values.kind}s where numbers are expected"
        )
    return values.numbers


def encode_values(
    values: Values, classes: tuple[Any, ...], name: str, where: str = "the table"
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Class numbers of a target's values, -1 where missing."""
    values = as_text(values)
    assert values.codes is not None
    position = {class_text(label): i for i, label in enumerate(classes)}
    lookup = np.array([*(position.get(text, -2) for text in values.texts), -1], np.int64)
    encoded: np.ndarray[Any, np.dtype[np.int64]] = lookup[values.codes]
    if (encoded == -2).any():
        row = int(np.flatnonzero(encoded == -2)[0])
        known = ", ".join(repr(label) for label in classes[:10])
        raise TableError(
            f"target {name!r} row {row} of {where} is {values.texts[values.codes[row]]!r}, which is none "
            "of the "
            f"classes learned ({known})"
        )
    return encoded


def class_text(label: Any) -> str:
    """A class label as `as_text` writes it."""
    if isinstance(label, bool):
        return "true" if label else "false"
    return label if isinstance(label, str) else repr(label)
