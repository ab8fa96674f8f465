"""What is known of users and items beside their ratings: rows of numbers that a part of their factors follows from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from steepest._types import Floats
from steepest.errors import InputError

from .cells import Cells, coded, codes_of
from .problem import Factors

__all__ = [
    "SIDES",
    "Columns",
    "Features",
    "extended",
    "matching",
    "only",
    "rated",
    "read_features",
    "standardised",
]

SIDES = ("user", "item")
#: A column that varies less than this share of its largest number is constant: that is rounding.
CONSTANT = 1e-12


@dataclass(frozen=True)
class Features:
    """Rows of numbers of users or items, by ascending ids."""

    side: str
    ids: NDArray[Any]
    rows: Floats
    names: tuple[str, ...]
    where: str
    """Where the ids were found, in words."""


@dataclass(frozen=True)
class Columns:
    """The columns of a side, what they are centred and scaled by, and the rows so made, by the ids of the model."""

    names: tuple[str, ...]
    centre: Floats
    scale: Floats
    rows: Floats

    def of(self, rows: Floats) -> Floats:
        """Other rows in the same units; a column that was constant stays 0."""
        known = self.scale > 0
        found: Floats = np.where(known, (rows - self.centre) / np.where(known, self.scale, 1.0), 0.0)
        return found


def read_features(side: str, given: Any) -> Features | None:
    """Features from a frame, a mapping or an array; None where nothing is given.

    Raises
    ------
    InputError
        What is no row of finite numbers for each id, named.
    """
    name = f"{side}_features"
    if given is None:
        return None
    if sparse.issparse(given):
        raise InputError(
            f"{name} must be dense: pass {name}.toarray(), of few columns (TruncatedSVD makes few of many)"
        )
    if isinstance(given, Mapping):
        ids, rows = list(given), [np.asarray(row) for row in given.values()]
        if len({row.shape for row in rows}) > 1 or (rows and rows[0].ndim != 1):
            raise InputError(f"{name} must map each id to a row of as many numbers")
        columns = list(np.array(rows).T) if rows else []
        names, where = [str(k) for k in range(len(columns))], "the keys"
    elif hasattr(given, "columns"):
        ids, columns, names, where = _of_frame(given)
    else:
        table = np.asarray(given)
        if table.ndim != 2:
            raise InputError(
                f"{name} must be a frame, a mapping of ids to rows of numbers, or an array with a row for each of the "
                f"ids 0, 1, ...; got the shape {table.shape}"
            )
        ids, columns, where = list(range(len(table))), list(table.T), "the rows' numbers"
        names = [str(k) for k in range(len(columns))]
    if not columns or not len(ids):
        raise InputError(f"{name} must have a row and a column beside the ids, at least")
    if len(set(names)) < len(names):
        twice = next(one for one in names if names.count(one) > 1)
        raise InputError(f"{name} has two columns {twice!r}: rename or drop one")
    codes, known = coded(name, np.asarray(ids))
    counts = np.bincount(codes, minlength=len(known))
    if counts.max() > 1:
        raise InputError(f"{name} has {counts.max()} rows for {side} {known[counts.argmax()]!s}, by {where}")
    found = np.column_stack([_column(name, *pair) for pair in zip(names, columns, strict=True)])
    bad = ~np.isfinite(found)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"{name} row {row}, column {names[column]!r} is not finite, {found[row, column]}: fill it, or drop the "
            "column"
        )
    rows_ = np.empty_like(found)
    rows_[codes] = found
    return Features(side, known, rows_, tuple(names), where)


def _of_frame(frame: Any) -> tuple[Any, list[Any], list[str], str]:
    """Ids, columns, their names, and where the ids were: the index, or the first column where that only counts rows."""
    index = getattr(frame, "index", None)
    if hasattr(frame, "column_names"):  # Arrow
        names = list(frame.column_names)
        columns = [frame.column(name).to_numpy(zero_copy_only=False) for name in names]
    else:
        names = list(frame.columns)
        columns = [np.asarray(frame[name]) for name in names]
    counts = type(index).__name__ == "RangeIndex" and getattr(index, "name", None) is None
    if index is None or counts:
        return (
            columns[0] if columns else [],
            columns[1:],
            [str(name) for name in names[1:]],
            f"the first column, {names[0]!r}" if names else "",
        )
    return np.asarray(index), columns, [str(name) for name in names], "the index"


def _column(name: str, column: str, values: Any) -> Floats:
    """A column of numbers; what says no number is named."""
    raw = np.asarray(values)
    try:
        if raw.dtype.kind not in "biufO" or any(isinstance(value, str) for value in raw.tolist()):
            raise TypeError
        return np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} column {column!r} is not of numbers, {str(raw.ravel()[0])!r:.40}: make numbers of it (of levels a "
            "column of 0 and 1 each, as pandas.get_dummies does), or drop it"
        ) from None


def rated(cells: Cells, sides: tuple[bool, bool]) -> Cells:
    """The same without the users, or items, of whom there is no rating."""
    users, items = (
        (np.bincount(codes, minlength=count) > 0) | (not side)
        for codes, count, side in zip((cells.users, cells.items), cells.shape, sides, strict=True)
    )
    return only(cells, (users, items))


def only(cells: Cells, there: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> Cells:
    """The same of some users and items alone."""
    for name, own in zip(SIDES, there, strict=True):
        if not own.all():
            cells = cells.taken(np.flatnonzero(own[getattr(cells, f"{name}s")]))
            codes, ids = getattr(cells, f"{name}s"), getattr(cells, f"{name}_ids")
            place = np.cumsum(own, dtype=np.uint32) - np.uint32(1)
            cells = replace(cells, **{f"{name}s": place[codes], f"{name}_ids": ids[own]})
    return cells


def standardised(features: Features | None, ids: NDArray[Any]) -> Columns | None:
    """The rows of the ids, each column with a mean of 0 and a mean square of 1 over them."""
    if features is None:
        return None
    name = f"{features.side}_features"
    place = codes_of(name, features.ids, ids)
    row = np.full(len(ids), -1)
    row[place[place >= 0]] = np.flatnonzero(place >= 0)
    missing = np.flatnonzero(row < 0)
    if len(missing):
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"{name} has no row for {features.side} {ids[missing[0]]!s}{others} of {len(ids)} (its ids are "
            f"{features.where}): give each a row, or drop what they are in"
        )
    rows = features.rows[row]
    # In a size at which no square is too large or too small.
    size = np.abs(rows).max(axis=0)
    within = rows / np.where(size > 0, size, 1.0)
    centre = within.mean(axis=0)
    spread = np.sqrt(((within - centre) ** 2).mean(axis=0))
    scale = np.where(spread > CONSTANT, spread, 0.0) * size
    found = Columns(features.names, centre * size, scale, rows)
    return replace(found, rows=found.of(rows))


def extended(
    cells: Cells, factors: Factors, columns: tuple[Columns | None, ...], more: tuple[Features | None, ...]
) -> tuple[Cells, Factors, tuple[Columns | None, ...], list[int]]:
    """All with the users and items of whom only features are known: what the maps make of those; and how many."""
    kept, counts = list(columns), []
    for side, (name, own, given) in enumerate(zip(SIDES, columns, more, strict=True)):
        ids = getattr(cells, f"{name}_ids")
        if own is None or given is None:
            counts.append(0)
            continue
        new = codes_of(f"{name}_features", given.ids, ids) < 0
        counts.append(int(new.sum()))
        if not new.any():
            continue
        rows = own.of(given.rows[new])
        every = np.concatenate([ids, given.ids[new]])
        order = np.argsort(every, kind="stable")
        place = np.empty(len(order), dtype=np.uint32)
        place[order] = np.arange(len(order), dtype=np.uint32)
        weights, biases = _map(factors, side)
        before = getattr(factors, f"{name}s"), getattr(factors, f"{name}_biases")
        parts: dict[str, Any] = {f"{name}s": np.concatenate([before[0], rows @ weights])[order]}
        if len(biases):
            parts[f"{name}_biases"] = np.concatenate([before[1], rows @ biases])[order]
        factors = replace(factors, **parts)
        kept[side] = replace(own, rows=np.concatenate([own.rows, rows])[order])
        cells = replace(cells, **{f"{name}s": place[getattr(cells, f"{name}s")], f"{name}_ids": every[order]})
    return cells, factors, tuple(kept), counts


def _map(factors: Factors, side: int) -> tuple[Floats, Floats]:
    found = factors.maps[side]
    assert found is not None
    return found


def matching(own: Columns | None, given: Features | None, side: str) -> Features | None:
    """Features of those who come later, in the order of the columns of the fit."""
    if given is None:
        return None
    if own is None:
        raise InputError(f"the fit had no {side}_features: pass them to fit")
    if sorted(given.names) != sorted(own.names):
        raise InputError(
            f"{side}_features must have the columns of the fit, {', '.join(own.names)}; got {', '.join(given.names)}"
        )
    order = [given.names.index(name) for name in own.names]
    return replace(given, rows=given.rows[:, order], names=own.names)
