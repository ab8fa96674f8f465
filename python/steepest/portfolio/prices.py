"""Returns from what people have: arrays, frames, or prices in any form; what was filled or left out is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.errors import InputError
from steepest.portfolio.covariance import Named, as_floats, names_of
from steepest.portfolio.periods import Times, counts, date_written, dates_of, dates_of_index, order_of
from steepest.tables import Table, read
from steepest.tables.values import read_values

__all__ = ["read_returns"]

Found = tuple[Floats | None, list[Any] | None, list[dict[str, Any]]]

#: Returns that are all above 0, and the middle one above this, are something else.
LARGE = 0.5
#: New shares for old ones, and old for new; how far a day's own move may take a price from that, in logarithms; how
#: many times as large as any other move a split must be; in how many rows a wrong price is right again.
SPLITS = (2, 3, 4, 5, 7, 10, 20)
MOVE, ALONE, AGAIN = 0.08, 3.0, 5


def read_returns(returns: Any, prices: Any, *, ordered: bool = False) -> Found:
    """Returns, a row a period; the assets' names, where they have some; findings.

    Parameters
    ----------
    returns, prices
        One of them.
    ordered
        Whether the order of the rows matters: returns that have dates are put in theirs, as prices always are.
    """
    if returns is not None and prices is not None:
        raise InputError("pass returns or prices, not both")
    if prices is not None:
        return _from_prices(prices)
    if returns is None:
        return None, None, []
    if isinstance(returns, Mapping):
        raise InputError(
            f"returns must be a table, a row a period and a column an asset; got {type(returns).__name__}"
        )
    found, names, times, findings = _from_returns(returns)
    if not found.size:
        raise InputError(
            f"returns must have a row a period and a column an asset; got the shape {found.shape}"
        )
    middle = float(np.median(found))
    if len(found) > 2 and middle > LARGE and found.min() > 0:
        raise InputError(
            f"returns must be simple ones, as 0.01 for a hundredth more; got {middle:.4g} in the middle, and all above "
            "0: if they are prices, pass prices=; if one price over the one before, take 1 off"
        )
    order = order_of(times, "returns") if ordered else None
    if order is not None:
        findings.append(_put_in_order("returns"))
        found = np.ascontiguousarray(found[order])
    return found, names, findings


def _from_returns(returns: Any) -> tuple[Floats, list[Any] | None, Times | None, list[dict[str, Any]]]:
    """Returns as they are, their names, the rows' dates, and what is no asset."""
    if isinstance(returns, str | PathLike | Table):
        return _from_file(returns)
    names, times = names_of(returns), dates_of_index(returns)
    frame = hasattr(returns, "__arrow_c_stream__") or hasattr(returns, "__dataframe__")
    labels = getattr(returns, "columns", None)
    if not frame or labels is None or getattr(labels, "nlevels", 1) > 1:
        return as_floats(returns, "returns", 2), names, times, []
    read_ = _columns(returns, "returns", times)
    if len(read_.places) + read_.dates < len(labels):  # texts are refused, by what NumPy says of them
        return as_floats(returns, "returns", 2), names, read_.times, []
    if not read_.dates:
        return as_floats(returns, "returns", 2), names, read_.times, read_.findings
    names = [list(labels)[k] for k in read_.places]
    return as_floats(Named(read_.values, names), "returns", 2), names, read_.times, read_.findings


def _from_file(returns: Any) -> tuple[Floats, list[Any] | None, Times | None, list[dict[str, Any]]]:
    """The same of a file, or of a table that was read: columns that are neither numbers nor dates are refused."""
    found = _columns(returns, "returns", None)
    if found.texts:
        raise InputError(f"returns must be numbers: leave {found.texts[0]!r} out")
    return as_floats(Named(found.values, found.names), "returns", 2), found.names, found.times, found.findings


def _from_prices(prices: Any) -> Found:
    """Simple returns of one row to the next, r = p / p_before - 1."""
    if isinstance(prices, np.ndarray):
        values, names, times, findings = *_of_array(prices), None, []
    else:
        found = _columns(prices, "prices", dates_of_index(prices))
        values, names, times, findings = found.values, found.names, found.times, found.findings
        findings += [
            _note("no_asset", f"{name!r} holds no numbers and is no asset.", {"column": str(name)})
            for name in found.texts
        ]
    bad = np.argwhere(np.isinf(values) | (values <= 0))
    if len(bad):
        row, j = (int(k) for k in bad[0])
        raise InputError(f"prices must be above 0; got {values[row, j]:g} for {names[j]!r} in row {row}")
    there = ~np.isnan(values)
    if not there.any(axis=0).all():
        raise InputError(f"{names[int(np.argmin(there.any(axis=0)))]!r} has no price at all: leave it out")
    order = order_of(times, "prices")
    rows = np.arange(len(values)) if order is None else order
    if order is not None:
        findings.append(_put_in_order("prices"))
        values, there = values[order], there[order]
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
    values, rows = values[start:], rows[start:]
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
        values, gaps, rows = values[~whole], gaps[~whole], rows[~whole]
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
    when = [f"in row {row}" if times is None else f"on {date_written(times[row])}" for row in rows.tolist()]
    findings += _splits(values, names, when)
    return np.ascontiguousarray(values[1:] / values[:-1] - 1), names, findings


def _splits(values: Floats, names: list[Any], when: list[str]) -> list[dict[str, Any]]:
    """Moves that stand alone and are those of a split, to a half, a third …, or the other way round."""
    moves = np.diff(np.log(values), axis=0)
    sizes = np.abs(moves)
    logs = np.log(SPLITS)
    near = sizes > logs[0] - MOVE
    found = []
    for j in np.flatnonzero(near.any(axis=0)).tolist():
        places = np.flatnonzero(near[:, j])
        others = np.delete(sizes[:, j], places)
        for place in places.tolist():
            which = int(np.abs(logs - sizes[place, j]).argmin())
            alone = len(others) > 9 and sizes[place, j] > ALONE * others.max()
            # A price that soon comes back was a wrong one, or the stock's own way.
            back = any(
                0 < abs(k - place) <= AGAIN and abs(moves[k, j] + moves[place, j]) < 2 * MOVE
                for k in places.tolist()
            )
            if alone and not back and abs(logs[which] - sizes[place, j]) < MOVE:
                ratio = f"1/{SPLITS[which]} of" if moves[place, j] < 0 else f"{SPLITS[which]} times"
                found.append((names[j], when[place + 1], ratio, float(np.exp(moves[place, j]))))
    if not found:
        return []
    said = "; ".join(f"{name!r} is at {ratio} the price before {date}" for name, date, ratio, _ in found[:5])
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return [
        {
            "kind": "split",
            "severity": "warning",
            "sentence": f"{said}{more}: so a split moves a price that is not adjusted; it is counted as a return.",
            "evidence": {"splits": [[str(name), date, ratio] for name, date, _, ratio in found]},
            "remedy": "Pass prices that are adjusted for splits.",
        }
    ]


@dataclass(frozen=True)
class _Columns:
    """The columns of numbers that a table has."""

    values: Floats
    names: list[Any]
    #: where they stand among all columns
    places: list[int]
    #: how many columns hold dates, or count the rows
    dates: int
    times: Times | None
    findings: list[dict[str, Any]]
    #: the names of columns that hold neither numbers nor dates
    texts: list[Any]


def _of_array(prices: NDArray[Any]) -> tuple[Floats, list[Any]]:
    """An array's columns, named by their numbers."""
    if prices.ndim != 2:
        raise InputError(f"prices must be a table, a row a day; got the shape {prices.shape}")
    if not prices.shape[1]:
        raise InputError(f"prices must have a column for each asset; got the shape {prices.shape}")
    try:
        return np.array(prices, dtype=np.float64), list(range(prices.shape[1]))
    except (TypeError, ValueError) as error:
        raise InputError(f"prices must be numbers: {error}") from None


def _columns(given: Any, what: str, times: Times | None) -> _Columns:
    """The columns of numbers, the rows' dates unless the index told them; dates and texts are no assets."""
    table = read(given)
    names, columns, places, findings, texts = [], [], [], [], []
    no_assets = 0
    for place, name in enumerate(table.names):
        found = read_values(table.column(name), str(name))
        dates = dates_of(found)
        if dates is not None and times is None:
            times = dates
        if found.kind == "number" and found.numbers is not None:
            if dates is None and not (found.whole and counts(found.numbers)):
                names.append(name)
                columns.append(found.numbers)
                places.append(place)
                continue
            how = "holds dates" if dates is not None else "counts the rows"
            findings.append(_note("no_asset", f"{name!r} {how} and is no asset.", {"column": str(name)}))
        elif found.kind != "time":
            texts.append(name)
            continue
        no_assets += 1
    if not columns:
        raise InputError(f"{what} must have a column of numbers for each asset; there is none")
    return _Columns(np.column_stack(columns), names, places, no_assets, times, findings, texts)


def _put_in_order(what: str) -> dict[str, Any]:
    sentence = f"The rows of {what} are put in order of their dates, the oldest first."
    return _note("put_in_order", sentence, {})


def _note(kind: str, sentence: str, evidence: dict[str, Any], remedy: str = "") -> dict[str, Any]:
    return {"kind": kind, "severity": "note", "sentence": sentence, "evidence": evidence, "remedy": remedy}
