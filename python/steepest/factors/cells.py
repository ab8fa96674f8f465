"""What was rated or clicked, as it comes in: users, items and ratings as codes and numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError, did_you_mean
from steepest.findings import Finding

from .when import absent, read_times

__all__ = ["Cells", "choice", "coded", "codes_of", "names_of", "numbers", "read"]

Codes = NDArray[np.uint32]


@dataclass(frozen=True)
class Cells:
    """Users, items and ratings, one each; and which ids the codes stand for, ascending."""

    users: Codes
    items: Codes
    ratings: Floats
    user_ids: NDArray[Any]
    item_ids: NDArray[Any]
    time: NDArray[Any] | None = None
    weight: Floats | None = None
    found: tuple[Finding, ...] = ()
    """What is to be said of how they were read."""

    def __len__(self) -> int:
        return len(self.ratings)

    @property
    def shape(self) -> tuple[int, int]:
        """How many users and items there are."""
        return len(self.user_ids), len(self.item_ids)

    def taken(self, rows: NDArray[Any]) -> Cells:
        """Some of them; the ids stay."""
        time = None if self.time is None else self.time[rows]
        weight = None if self.weight is None else self.weight[rows]
        users, items, ratings = self.users[rows], self.items[rows], self.ratings[rows]
        return replace(self, users=users, items=items, ratings=ratings, time=time, weight=weight)

    def starts(self) -> tuple[NDArray[np.int64], Codes]:
        """The items of each user, one user after the other: where each one's begin, and which."""
        order = np.argsort(self.users, kind="stable")
        starts = np.zeros(self.shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(self.users, minlength=self.shape[0]), out=starts[1:])
        return starts, self.items[order]


def read(
    users: Any,
    items: Any = None,
    ratings: Any = None,
    *,
    time: Any = None,
    sample_weight: Any = None,
    called: str = "ratings",
) -> Cells:
    """Cells from ids and ratings, a table of two or three columns, or a sparse matrix.

    Parameters
    ----------
    users : array of ids of shape (rows,), table, or sparse matrix
        Ids of any one type; or a frame, mapping or array of the columns user, item and (unless all are 1) rating; or
        a matrix of users x items, whose ids are then its row and column numbers.
    items : array of ids of shape (rows,), optional
    ratings : array of shape (rows,), optional
        1 each unless given.
    time : array of shape (rows,), optional
        When each was made.
    sample_weight : array of shape (rows,), optional
        At least 0.
    called : str
        What the ratings are where something is wrong with them.

    Raises
    ------
    InputError
        What cannot be used: missing ids, ratings that are not finite numbers, lengths that differ, nothing at all.
    """
    if sparse.issparse(users):
        if items is not None or ratings is not None:
            raise InputError(f"a sparse matrix has the items and {called} in it: pass it alone")
        _core.check_structure(users, called)
        matrix = sparse.coo_array(cast(Any, users))
        ids = np.arange(matrix.shape[0]), np.arange(matrix.shape[1])
        codes = matrix.row.astype(np.uint32), matrix.col.astype(np.uint32)
        cells = Cells(*codes, numbers(called, matrix.data), *ids)
        return _checked(_with_beside(cells, time, sample_weight))
    if items is None:
        users, items, *rest = columns_of(users)
        if rest and ratings is not None:
            raise InputError(
                f"the third column of the table is its {called}: pass it alone, or two columns of it"
            )
        ratings = rest[0] if rest else ratings
        for name, ids in (("user", users), ("item", items)):
            if ids.dtype.kind == "f" and _ids(f"{name}s", ids).dtype.kind == "f":
                raise InputError(
                    f"the columns of a table of ratings are user, item and rating, unless their names say otherwise; "
                    f"what stands for the {name} has numbers that are no ids, such as {ids[ids != np.round(ids)][0]}"
                )
    user_codes, user_ids = coded("users", users)
    item_codes, item_ids = coded("items", items)
    n = len(user_codes)
    values = np.ones(n) if ratings is None else numbers(called, ratings)
    for name, found in (("items", len(item_codes)), (called, len(values))):
        if found != n:
            raise InputError(f"{name} must be as many as users, {n}; got {found}")
    cells = Cells(user_codes, item_codes, values, user_ids, item_ids)
    return _checked(_with_beside(cells, time, sample_weight))


def columns_of(table: Any) -> list[Any]:
    """Two or three columns of a frame or an array, as user, item and rating: by their names, or in their order."""
    names = getattr(table, "column_names", None)  # Arrow
    if names is not None:
        columns = [table.column(name).to_numpy(zero_copy_only=False) for name in _in_order(names)]
    elif hasattr(table, "columns"):
        columns = [np.asarray(table[name]) for name in _in_order(table.columns)]
    elif isinstance(table, Mapping):
        columns = [array_of(table[name]) for name in _in_order(list(table))]
    elif isinstance(table, str | os.PathLike):
        raise InputError(
            f"pass a table and not where it lies, {os.fspath(table)!r}: read it (pandas.read_csv), or on the command "
            "line say steepest fit FILE --user COLUMN --item COLUMN"
        )
    else:
        rows = array_of(table)
        if rows.ndim != 2:
            raise InputError(
                "pass users, items and ratings, a table of these three columns, or a sparse matrix; got users alone, "
                f"of shape {rows.shape}"
            )
        columns = list(rows.T)
    if len(columns) not in (2, 3):
        raise InputError(
            f"a table of ratings has the columns user, item and rating; got {len(columns)} columns: pass these three, "
            "and when each was made as time="
        )
    return columns


def names_of(users: Any, items: Any = None, ratings: Any = None) -> list[str | None]:
    """What the columns of users, items and ratings are called, where they are: those of a table, or of series."""
    named = users if isinstance(users, Mapping) else getattr(users, "columns", None)
    names = getattr(users, "column_names", named)  # Arrow
    if items is None and names is not None:
        found = _in_order(list(names))
    else:
        found = [getattr(one, "name", None) for one in (users, items, ratings)]
    return [name if isinstance(name, str) and name else None for name in found]


def _in_order(names: Any) -> list[Any]:
    """The names of columns, where one is called user and one item (as user_id and Items are) these first."""
    plain = [re.sub(r"[_ ]?id$|s$", "", str(name).strip().lower()) for name in names]
    if plain.count("user") != 1 or plain.count("item") != 1:
        return list(names)
    order = sorted(range(len(plain)), key=lambda i: {"user": 0, "item": 1}.get(plain[i], 2))
    return [names[i] for i in order]


def array_of(given: Any) -> NDArray[Any]:
    """An array of what is given; of a list of texts and others NumPy would make texts, a NaN the id 'nan'."""
    values = np.asarray(given)
    return (
        np.array(given, dtype=object)
        if values.dtype.kind == "U" and isinstance(given, list | tuple)
        else values
    )


def coded(name: str, ids: Any) -> tuple[Codes, NDArray[Any]]:
    """A code for each id, and the ids that the codes stand for, ascending."""
    values = _ids(name, ids)
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < max(4 * len(values), 1 << 20):
            # In a type that holds the differences: those of int8 do not fit into int8.
            signed = values.dtype.kind == "i"
            places = (
                values.astype(np.int64) - low
                if signed
                else (values - values.dtype.type(low)).astype(np.int64)
            )
            there = np.zeros(high - low + 1, dtype=bool)
            there[places] = True
            code = np.cumsum(there, dtype=np.uint32)
            code -= 1
            known = np.flatnonzero(there)
            if signed:
                return code[places], (known + low).astype(values.dtype)
            return code[places], known.astype(values.dtype) + values.dtype.type(low)
    try:
        ascending, codes = np.unique(values, return_inverse=True)
    except TypeError:
        kinds = " and ".join(sorted({type(value).__name__ for value in values.tolist()}))
        raise InputError(f"{name} has ids of several types, {kinds}: make them all texts") from None
    return codes.astype(np.uint32), ascending


def codes_of(name: str, ids: Any, known: NDArray[Any]) -> NDArray[np.int64]:
    """The code of each id among those that are known; -1 where it is not."""
    values = _ids(name, ids)
    texts = [array.dtype.kind in "UOT" for array in (values, known)]
    if len(values) and texts[0] != texts[1]:
        raise InputError(unlike(name, known[0], values[0]))
    if values.dtype.kind == "O" and known.dtype.kind in "UT":
        other = next(value for value in values.tolist() if not isinstance(value, str))
        raise InputError(unlike(name, known[0], other))
    if not len(known):
        return np.full(len(values), -1)
    try:
        places = np.minimum(np.searchsorted(known, values), len(known) - 1)
    except TypeError:
        raise InputError(unlike(name, known[0], values[0])) from None
    return np.where(known[places] == values, places, -1).astype(np.int64)


def unlike(name: str, known: Any, got: Any) -> str:
    """Ids of another type than those of the fit, in words: a text in quotes, which a number has not.

    >>> unlike("users", np.int64(7), np.str_("7"))
    "users must be ids like those of the fit, such as 7; got '7'"
    """
    shown = [repr(one.item() if isinstance(one, np.generic) else one) for one in (known, got)]
    return f"{name} must be ids like those of the fit, such as {shown[0]}; got {shown[1]}"


def _ids(name: str, ids: Any) -> NDArray[Any]:
    """Ids in a row; what is missing or no id is named."""
    if isinstance(ids, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array: drop the masked rows, and pass the rest")
    values = array_of(ids)
    if values.ndim != 1:
        raise InputError(f"{name} must be ids in one row; got the shape {values.shape}")
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
        if bad.any():
            raise InputError(
                f"{name} row {int(bad.argmax())} is not finite, {values[bad.argmax()]}: drop the row"
            )
        with np.errstate(invalid="ignore"):
            whole = values.astype(np.int64)
        return whole if (whole == values).all() else values
    if values.dtype.kind == "O":
        for row, value in enumerate(values.tolist()):
            if absent(value):
                raise InputError(f"{name} row {row} is missing, {value!r}: drop the row")
        if all(isinstance(value, str) for value in values.tolist()):
            return values.astype(str)
        if all(isinstance(value, int) and -(2**63) <= value < 2**63 for value in values.tolist()):
            return values.astype(np.int64)
    if values.dtype.kind in "Mm" and np.isnat(values).any():
        raise InputError(f"{name} row {int(np.isnat(values).argmax())} is missing, NaT: drop the row")
    if values.dtype.kind == "c":
        raise InputError(f"{name} must be ids; got complex numbers")
    if values.dtype == np.uint64 and len(values) and int(values.max()) < 2**63:
        # Beside int64 NumPy compares these as floats, which are the same for several of them.
        return values.astype(np.int64)
    return values


def numbers(name: str, given: Any) -> Floats:
    """Finite real numbers in a row."""
    try:
        raw = np.asarray(given)
        if raw.dtype.kind == "c":
            raise TypeError
        values = np.ascontiguousarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(no_numbers(name, given)) from None
    if values.ndim != 1:
        raise InputError(f"{name} must be numbers in one row; got the shape {values.shape}")
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(f"{name} row {row} is not finite, {values[row]}: drop the row")
    return values


def no_numbers(name: str, given: Any) -> str:
    """What of it is no number, in words: the first row that is none."""
    values = np.asarray(given, dtype=object)
    for row, value in enumerate(values.tolist() if values.ndim == 1 else ()):
        try:
            float(value)
        except (TypeError, ValueError):
            if absent(value):
                return f"{name} row {row} is missing, {value!r}: drop the row"
            return f"{name} must be numbers; got {value!r:.80} in row {row}"
    return f"{name} must be numbers; got {given!r:.100}"


def _with_beside(cells: Cells, time: Any, sample_weight: Any) -> Cells:
    """The cells with when each was made and what it weighs."""
    n = len(cells)
    when, found = (None, []) if time is None else read_times(time)
    weight = None if sample_weight is None else numbers("sample_weight", sample_weight)
    for name, values in (("time", when), ("sample_weight", weight)):
        if values is not None and values.shape != (n,):
            raise InputError(f"{name} must be as many as users, {n}; got the shape {values.shape}")
    if weight is not None and len(weight) and weight.min() < 0:
        row = int((weight < 0).argmax())
        raise InputError(f"sample_weight row {row} is {weight[row]}: weights must be at least 0")
    return replace(cells, time=when, weight=weight, found=tuple(found))


def _checked(cells: Cells) -> Cells:
    if not len(cells):
        raise InputError("there are no ratings: pass at least one")
    if cells.weight is None or (cells.weight > 0).all():
        return cells
    # What weighs nothing is not there; its ids are.
    there = cells.weight > 0
    if not there.any():
        raise InputError("all weights are 0: there is no rating that counts")
    return cells.taken(np.flatnonzero(there))


def choice(name: str, given: Any, known: Sequence[str]) -> str:
    """One of the words that a parameter may be."""
    if given not in known:
        raise InputError(
            f"{name} must be one of {', '.join(known)}; got {given!r}{did_you_mean(str(given), known)}"
        )
    return str(given)
