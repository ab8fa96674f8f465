"""Returns from what people have: arrays, frames, or prices in any form; what was filled or left out is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import InputError
from steepest.portfolio.covariance import as_floats, names_of
from steepest.tables import read
from steepest.tables.dates import from_whole
from steepest.tables.values import read_values

__all__ = ["read_returns"]

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
Found = tuple[Floats | None, list[Any] | None, list[dict[str, Any]]]


def read_returns(returns: Any, prices: Any) -> Found:
    """Returns, a row a period; the assets' names, where they have some; findings."""
    if returns is not None and prices is not None:
        raise InputError("pass returns or prices, not both")
    if prices is not None:
        return _from_prices(prices)
    if returns is None:
        return None, None, []
    if isinstance(returns, Mapping | str):
        raise InputError(
            f"returns must be a table, a row a period and a column an asset; got {type(returns).__name__}"
        )
    found = as_floats(returns, "returns", 2)
    if not found.size:
        raise InputError(
            f"returns must have a row a period and a column an asset; got the shape {found.shape}"
        )
    return found, names_of(returns), []


def _from_prices(prices: Any) -> Found:
    """Simple returns of one row to the next, r = p / p_before - 1."""
    values, names, times, findings = _columns(prices)
    bad = np.argwhere(np.isinf(values) | (values <= 0))
    if len(bad):
        row, j = (int(k) for k in bad[0])
        raise InputError(f"prices must be above 0; got {values[row, j]:g} for {names[j]!r} in row {row}")
    there = ~np.isnan(values)
    if not there.any(axis=0).all():
        raise InputError(f"{names[int(np.argmin(there.any(axis=0)))]!r} has no price at all: leave it out")
    values, there = _in_order(values, there, times, findings)
    first = there.argmax(axis=0)
    start = int(first.max())
    if start:
        late = names[int(first.argmax())]
        findings.append(
            _note(
                "late_start",
                f"The first {start} of {len(values)} rows are left out: {late!r} has no price before.",
                {"rows": start},
                f"Leave {late!r} out to begin earlier.",
            )
        )
    values = values[start:]
    gaps = np.isnan(values)
    whole = gaps.all(axis=1)
    if whole.any():
        findings.append(
            _note(
                "empty_rows",
                f"{int(whole.sum())} rows without any price are left out.",
                {"rows": int(whole.sum())},
            )
        )
        values, gaps = values[~whole], gaps[~whole]
    if gaps.any():
        most = names[int(gaps.sum(axis=0).argmax())]
        findings.append(
            _note(
                "filled",
                f"{int(gaps.sum())} missing prices are those of the row before, most of them of {most!r}.",
                {"filled": int(gaps.sum())},
                "Leave out assets with many gaps: their risk looks smaller than it is.",
            )
        )
        last = np.maximum.accumulate(np.where(gaps, 0, np.arange(len(values))[:, None]), axis=0)
        values = np.take_along_axis(values, last, axis=0)
    if len(values) < 3:
        raise InputError(f"prices must have 3 rows in which every asset has one; got {len(values)}")
    return np.ascontiguousarray(values[1:] / values[:-1] - 1), names, findings


def _in_order(
    values: Floats, there: NDArray[np.bool_], times: Times | None, findings: list[dict[str, Any]]
) -> tuple[Floats, NDArray[np.bool_]]:
    """The rows from the oldest to the newest, by their dates: a return is that of a row on the one before.

    Raises
    ------
    InputError
        A row has no date, or two have the same.
    """
    if times is None:
        return values, there
    if np.isnat(times).any():
        raise InputError(f"row {int(np.isnat(times).argmax())} of prices has no date: leave it out")
    order = np.argsort(times, kind="stable")
    twice = np.flatnonzero(np.diff(times[order]) == np.timedelta64(0))
    if len(twice):
        one, other = sorted(int(row) for row in order[twice[0] : twice[0] + 2])
        date = str(times[one]).removesuffix("T00:00:00.000000")
        raise InputError(
            f"rows {one} and {other} of prices have the same date, {date}: a row a date"
            " and a column an asset is what is needed (a long table is made so by pandas' pivot)"
        )
    if (np.diff(order) > 0).all():
        return values, there
    findings.append(
        _note("put_in_order", "The rows of prices are put in order of their dates, the oldest first.", {})
    )
    return values[order], there[order]


def _dates_of(values: Any) -> Times | None:
    """The times that a column writes, as whole numbers such as 20240131 too; None where it writes none."""
    if values.kind == "time":
        return np.asarray(values.times)
    if values.kind != "number" or not values.whole:
        return None
    found = from_whole(values.numbers)
    return None if found is None else np.asarray(found.times)


def _counts(numbers: Floats) -> bool:
    """Whether whole numbers go up or down by as much in every row, as a row's number does; no price does."""
    steps = np.diff(numbers)
    return len(numbers) > 9 and bool(steps[0] != 0 and (steps == steps[0]).all())


def _columns(prices: Any) -> tuple[Floats, list[Any], Times | None, list[dict[str, Any]]]:
    """The columns of numbers, their names, the rows' dates, and what is no asset; dates and texts are none."""
    if isinstance(prices, np.ndarray):
        if prices.ndim != 2:
            raise InputError(f"prices must be a table, a row a day; got the shape {prices.shape}")
        if not prices.shape[1]:
            raise InputError(f"prices must have a column for each asset; got the shape {prices.shape}")
        try:
            return np.array(prices, dtype=np.float64), list(range(prices.shape[1])), None, []
        except (TypeError, ValueError) as error:
            raise InputError(f"prices must be numbers: {error}") from None
    table = read(prices)
    names, columns, findings = [], [], []
    times = _dates_of_index(prices)
    for name in table.names:
        found = read_values(table.column(name), str(name))
        dates = _dates_of(found)
        if dates is not None:
            times = dates if times is None else times
            if found.kind != "number":
                continue
        if found.kind != "number" or found.numbers is None:
            continue
        if dates is not None or (found.whole and _counts(found.numbers)):
            what = "holds dates" if dates is not None else "counts the rows"
            findings.append(_note("no_asset", f"{name!r} {what} and is no asset.", {"column": str(name)}))
            continue
        names.append(name)
        columns.append(found.numbers)
    if not columns:
        raise InputError("prices must have a column of numbers for each asset; there is none")
    return np.column_stack(columns), names, times, findings


def _dates_of_index(prices: Any) -> Times | None:
    """The dates of a frame's index, where it has some."""
    index: Any = getattr(prices, "index", None)
    if not hasattr(index, "to_series") or getattr(index, "nlevels", 1) > 1 or not len(index):
        return None
    table = read({"index": index.to_series()})
    return _dates_of(read_values(table.column("index"), "index"))


def _note(kind: str, sentence: str, evidence: dict[str, Any], remedy: str = "") -> dict[str, Any]:
    return {"kind": kind, "severity": "note", "sentence": sentence, "evidence": evidence, "remedy": remedy}
