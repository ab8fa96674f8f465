"""Returns from what people have: arrays, frames, or prices in any form; what was filled or left out is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import InputError
from steepest.portfolio.covariance import as_floats, names_of

__all__ = ["read_returns"]

Floats = NDArray[np.float64]
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
    values, names = _columns(prices)
    bad = np.argwhere(np.isinf(values) | (values <= 0))
    if len(bad):
        row, j = (int(k) for k in bad[0])
        raise InputError(f"prices must be above 0; got {values[row, j]:g} for {names[j]!r} in row {row}")
    there = ~np.isnan(values)
    if not there.any(axis=0).all():
        raise InputError(f"{names[int(np.argmin(there.any(axis=0)))]!r} has no price at all: leave it out")
    findings = []
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


def _columns(prices: Any) -> tuple[Floats, list[Any]]:
    """The columns of numbers, and their names; dates and texts are no assets."""
    if isinstance(prices, np.ndarray):
        if prices.ndim != 2:
            raise InputError(f"prices must be a table, a row a day; got the shape {prices.shape}")
        if not prices.shape[1]:
            raise InputError(f"prices must have a column for each asset; got the shape {prices.shape}")
        try:
            return np.array(prices, dtype=np.float64), list(range(prices.shape[1]))
        except (TypeError, ValueError) as error:
            raise InputError(f"prices must be numbers: {error}") from None
    from steepest.tables import read
    from steepest.tables.values import read_values

    table = read(prices)
    names, columns = [], []
    for name in table.names:
        found = read_values(table.column(name), str(name))
        if found.kind == "number" and found.numbers is not None:
            names.append(name)
            columns.append(found.numbers)
    if not columns:
        raise InputError("prices must have a column of numbers for each asset; there is none")
    return np.column_stack(columns), names


def _note(kind: str, sentence: str, evidence: dict[str, Any], remedy: str = "") -> dict[str, Any]:
    return {"kind": kind, "severity": "note", "sentence": sentence, "evidence": evidence, "remedy": remedy}
