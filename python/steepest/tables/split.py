"""Which rows are held out: at random by class, or the last in time."""

from __future__ import annotations

import numpy as np

from steepest._types import Ints
from steepest.errors import InputError, TableError
from steepest.tables.table import Table
from steepest.tables.target import Target
from steepest.tables.values import read_values

__all__ = ["hold_out", "hold_out_last"]


def hold_out(target: Target, share: float, seed: int) -> tuple[Ints, Ints]:
    """Training and validation rows in the table's order, drawn by class (or evenly over the sorted target).

    At least one row of every class stays for training.

    Raises
    ------
    InputError
        The share is not between 0 and 1, or the seed is negative.
    """
    check_share(share)
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"seed must be a whole number of at least 0; got {seed!r}")
    generator = np.random.Generator(np.random.Philox(int(seed)))
    rows = target.rows
    if share == 0:
        return rows, rows[:0]
    shuffled = generator.permutation(rows)
    # Every k-th row in the order of the target: each class, and each range of a number, gives its share.
    ordered = shuffled[np.argsort(target.y[shuffled], kind="stable")]
    position = np.arange(len(ordered))
    offset = generator.random()
    chosen = np.floor((position + 1) * share + offset) > np.floor(position * share + offset)
    held, kept = ordered[chosen], ordered[~chosen]
    if target.classes is not None:
        held, kept = keep_every_class(target, held, kept)
    if not len(held):
        held, kept = kept[-1:], kept[:-1]
    return np.sort(kept), np.sort(held)


def keep_every_class(target: Target, held: Ints, kept: Ints) -> tuple[Ints, Ints]:
    """Moves back rows of classes that would otherwise be without a training row."""
    absent = np.setdiff1d(target.y[held], target.y[kept])
    back = np.isin(target.y[held], absent)
    return held[~back], np.concatenate([kept, held[back]])


def hold_out_last(target: Target, table: Table, time: str | int, share: float) -> tuple[Ints, Ints, str]:
    """Training and validation rows with the last in time held out, and where the time column was cut.

    Rows of the same time stay together; rows without a time are for training.

    Raises
    ------
    TableError
        The column holds neither dates nor numbers, or one time only.
    """
    check_share(share)
    name = table.find(time, "time column")
    values = read_values(table.column(name), name, notation=table.notation)
    when = values.times if values.times is not None else values.numbers
    if when is None:
        raise TableError(f"time column {name!r} holds {values.kind}s: it must hold dates or numbers")
    rows = target.rows
    present = rows[~values.missing[rows]]
    if not len(present) or when[present].min() == when[present].max():
        raise TableError(f"time column {name!r} has one time only: there is no later part to hold out")
    ordered = np.sort(when[present])
    cut = ordered[min(len(ordered) - 1, int(np.ceil(len(ordered) * (1 - share))))]
    if cut == ordered[0]:
        cut = ordered[ordered > cut][0]
    late = present[when[present] >= cut]
    kept = np.setdiff1d(rows, late)
    shown = (
        str(cut)
        if values.times is None
        else str(np.datetime_as_string(cut, unit="s")).replace("T00:00:00", "")
    )
    return kept, np.sort(late), f"{name} from {shown} on"


def check_share(share: float) -> None:
    """The share held out is below 1."""
    if not 0 <= share < 1:
        raise InputError(
            f"validation must be at least 0 and below 1, the share of rows held out; got {share!r}"
        )
