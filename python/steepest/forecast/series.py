"""Series from a table: stamps on an even grid, a row a series; what was found on the way is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from steepest._types import Floats, Ints
from steepest.errors import InputError, TableError
from steepest.findings import Finding
from steepest.forecast.foresight import as_late_as_at_the_end, in_its_unit, looks_ahead
from steepest.forecast.grid import DAY, HOUR, Grid, grid_of, tick_written, written
from steepest.forecast.stamps import read_stamps

if TYPE_CHECKING:
    from steepest.tables.values import Values

__all__ = ["Series", "read_series"]


#: a categorical column has at most so many levels, each of which is a column: the months of a year
LEVELS = 12
#: a value is far out by so many times the range of the others, of which the hundredth that lies outmost is left out
FAR = 3.0


@dataclass(frozen=True)
class Series:
    """Series on one grid, a row each, NaN where there is no observation."""

    name: str
    target: str
    grid: Grid
    #: of shape (series, places)
    values: Floats
    names: list[Any]
    #: what is known ahead, of shape (series, places + horizon); what is known when it happened, (series, places)
    known: dict[str, Floats] = field(default_factory=dict)
    seen: dict[str, Floats] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many places there are until the last observation."""
        return int(self.values.shape[1])

    def until(self, end: int, horizon: int) -> Series:
        """What was known when `end` places had been observed: copies, which hold nothing of what came after."""
        return replace(
            self,
            values=self.values[:, :end].copy(),
            known={name: x[:, : end + horizon].copy() for name, x in self.known.items()},
            seen={name: x[:, :end].copy() for name, x in self.seen.items()},
        )


def read_series(
    table: Any, target: Any, time: Any, horizon: int, by: Any, known: Sequence[Any], drop: Sequence[Any]
) -> tuple[Series, list[Finding]]:
    """The series of a table's column, and what was found."""
    from steepest.tables import read
    from steepest.tables.values import read_values

    table = read(table)
    target_name, time_name = table.find(target, "target"), table.find(time, "time column")
    by_name = None if by is None else table.find(by, "series column")
    ahead = [table.find(name, "known column") for name in known]
    left_out = [table.find(name, "column to drop") for name in drop]
    roles = [target_name, time_name, *([by_name] if by_name is not None else []), *ahead, *set(left_out)]
    twice = [name for name, count in Counter(roles).items() if count > 1]
    if twice:
        raise InputError(
            f"column {twice[0]!r} has two roles: target, time, by, known and drop are different columns"
        )
    findings: list[Finding] = []

    y = _target(read_values(table.column(target_name), target_name), target_name)
    ticks, zone = read_stamps(table.column(time_name), time_name, findings)
    names, series = _series(table, by_name, target_name)

    order = np.lexsort((np.arange(len(y)), np.isnan(y), ticks, series))
    _went_back(ticks, series, time_name, findings)
    order = _without_duplicates(order, ticks, series, y, time_name, names, by_name, findings)
    grid, places = grid_of(ticks[order], series[order], zone, time_name)
    y, series = y[order], series[order]
    if grid.one_a_month:
        findings.append(
            Finding(
                "one_a_month",
                "note",
                f"The stamps of {time_name!r} are one a {grid}, on different days: each is written as the "
                f"{grid.one_a_month} of its month.",
            )
        )

    there = ~np.isnan(y)
    first, last = int(places[there].min()), int(places[there].max())
    length = last - first + 1
    grid = replace(grid, start=grid.start + grid.step * first)
    places = places - first
    if there.sum() == 1 or length < 2:
        raise TableError(f"{table.name} has one observation of {target_name!r}: nothing to forecast from")
    if horizon >= length:
        raise InputError(
            f"horizon must be below the {length} steps of history that there are; got {horizon}: "
            "ask for fewer steps, or bring a longer history"
        )
    values = _spread(y[there], series[there], places[there], (len(names), length))
    empty = np.isnan(values).all(axis=1)
    if empty.any():
        raise TableError(
            f"series {names[int(np.argmax(empty))]!r} has no value of {target_name!r}: drop its rows"
        )
    _gaps(values, grid, names, findings)
    _far_out(values, grid, names, target_name, findings)

    used = Series(table.name, target_name, grid, values, names)
    for column in table.names:
        if column in (target_name, time_name, by_name) or column in left_out:
            continue
        kept = _numbers(read_values(table.column(column), column), order, column, findings)
        width = length + horizon if column in ahead else length
        for label, x in kept.items():
            # Models see columns standardised: what unit one has is all the same.
            spread = in_its_unit(_spread(x, series, places, (len(names), width)))
            if column in ahead:
                _known_ahead(spread, length, label, names, grid)
                used.known[label] = spread
            elif not np.isnan(spread).all():
                used.seen[label] = spread
    for label, finding in list(looks_ahead(used.values, used.seen, horizon)):
        findings.append(finding)
        del used.seen[label]
    _late(used, findings)
    return used, findings


def _late(series: Series, findings: list[Finding]) -> None:
    """Uses columns that end before the target as late as they will be had, in the past too, and says so."""
    for label, x in list(series.seen.items()):
        series.seen[label], late = as_late_as_at_the_end(x, series.values)
        if late:
            findings.append(
                Finding(
                    "comes_late",
                    "note",
                    f"Column {label!r} ends {late} steps before {series.target!r}: at each origin it is used as it "
                    "stood so many steps before, as it is had at the end.",
                    {"steps": late},
                    remedy="Bring its last values, where they are known.",
                )
            )
        if np.isnan(series.seen[label]).all():
            del series.seen[label]


def _target(found: Values, name: str) -> Floats:
    """The target's numbers, of which some may be missing."""
    if found.kind == "empty" or found.numbers is None:
        raise TableError(f"the target {name!r} must be numbers; it holds {found.kind}s")
    y = np.array(found.numbers, dtype=np.float64)
    if np.isinf(y).any():
        raise TableError(f"the target {name!r} is not finite in row {int(np.argmax(np.isinf(y)))}")
    if np.isnan(y).all():
        raise TableError(f"the target {name!r} has no value at all")
    return y


def _series(table: Any, name: str | None, alone: str) -> tuple[list[Any], Ints]:
    """The names of the series, and which each row is of; one that is alone is called as the target."""
    if name is None:
        return [alone], np.zeros(table.rows, dtype=np.int64)
    column = table.column(name)
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise TableError(f"series column {name!r} is missing in row {row}: drop the row")
    coded = column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        coded = coded.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks() if coded.num_chunks != 1 else coded.chunk(0)
    names = coded.dictionary.to_pylist()
    codes = np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    used = np.unique(codes)
    used = np.array(sorted(used, key=lambda k: (str(type(names[k])), names[k])), dtype=np.int64)
    where = np.full(len(names), -1, dtype=np.int64)
    where[used] = np.arange(len(used))
    return [names[k] for k in used], where[codes]


def _spread(numbers: Floats, series: Ints, places: Ints, shape: tuple[int, int]) -> Floats:
    """A column's numbers by series and place in time, missing where there is no row."""
    out = np.full(shape, np.nan)
    here = (places >= 0) & (places < shape[1])
    out[series[here], places[here]] = numbers[here]
    return out


def _went_back(ticks: NDArray[Any], series: Ints, name: str, findings: list[Finding]) -> None:
    """Says where time goes back within a series."""
    order = np.argsort(series, kind="stable")
    t, s = ticks[order], series[order]
    back = np.flatnonzero((s[1:] == s[:-1]) & (t[1:] < t[:-1]))
    if len(back):
        findings.append(
            Finding(
                "unsorted",
                "note",
                f"Time goes back at {len(back)} rows, the first of them row {int(order[back[0] + 1])}: rows are sorted "
                f"by {name!r}.",
                {"rows": len(back)},
            )
        )


def _without_duplicates(
    order: Ints,
    ticks: NDArray[Any],
    series: Ints,
    y: Floats,
    time: str,
    names: list[Any],
    by: str | None,
    findings: list[Finding],
) -> Ints:
    """The rows in order of time, one for each series and stamp; hours that clocks show twice become their mean.

    Of rows with the same stamp those without a value come last in `order`.
    """
    t, s = ticks[order], series[order]
    same = np.flatnonzero((t[1:] == t[:-1]) & (s[1:] == s[:-1]))
    if not len(same):
        return order
    first, second = order[same], order[same + 1]
    equal = (y[first] == y[second]) | np.isnan(y[second])
    if equal.all():
        findings.append(
            Finding(
                "duplicates",
                "note",
                f"{len(same)} rows have a stamp again, with the same value or none: they are left out.",
                {"rows": len(same), "first": int(second[0])},
            )
        )
        return np.delete(order, same + 1)
    if ticks.dtype.kind == "i" and _clocks_go_back(t[same], t):
        findings.append(
            Finding(
                "daylight_saving",
                "warning",
                f"{len(same)} stamps occur twice where clocks go back an hour: each is the mean of both.",
                {"stamps": len(same)},
                remedy="Pass stamps with their zone, or in UTC: then no hour is lost.",
            )
        )
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            y[a] = y[a] if np.isnan(y[b]) else (y[a] + y[b]) / 2
        return np.delete(order, same + 1)
    k = int(np.argmin(equal))
    stamp = tick_written(ticks[first[k]])
    of = "" if by is None else f" of series {names[int(series[first[k]])]!r}"
    remedy = (
        "sum or average them first, or name the column that tells the series apart by `by`"
        if by is None
        else "sum or average them first"
    )
    raise TableError(
        f"time {stamp}{of} in column {time!r} has two values: {y[first[k]]:g} in row {int(first[k])} and "
        f"{y[second[k]]:g} in row {int(second[k])} ({int((~equal).sum())} rows like this): {remedy}"
    )


def _clocks_go_back(twice: NDArray[Any], all_: NDArray[Any]) -> bool:
    """Whether stamps occur twice on a Sunday night of spring or autumn, in steps of an hour at most."""
    steps = np.diff(np.unique(all_))
    if not len(steps) or np.median(steps) > HOUR:
        return False
    when = twice.astype("datetime64[us]")
    days = when.astype("datetime64[D]").astype(np.int64)
    months = when.astype("datetime64[M]").astype(np.int64) % 12 + 1
    hours = (twice % DAY) // HOUR
    night = np.isin(months, (3, 4, 9, 10, 11)) & ((days + 3) % 7 == 6) & (hours <= 3)
    one_hour = all(len(np.unique(hours[days == day])) == 1 for day in np.unique(days))
    return bool(night.all() and one_hour)


def _gaps(values: Floats, grid: Grid, names: list[Any], findings: list[Finding]) -> None:
    """Says what is missing inside series, which end early, and which never change."""
    there = ~np.isnan(values)
    n = values.shape[1]
    first, last = there.argmax(axis=1), n - 1 - there[:, ::-1].argmax(axis=1)
    places = np.arange(n)
    inside = ~there & (places > first[:, None]) & (places < last[:, None])
    if inside.any():
        k, place = (int(i) for i in np.argwhere(inside)[0])
        of = "" if len(names) == 1 else f", of series {names[k]!r}"
        runs = np.diff(np.flatnonzero(np.concatenate([[True], ~inside.ravel(), [True]])))
        findings.append(
            Finding(
                "gaps",
                "note" if inside.mean() < 0.05 else "warning",
                f"{int(inside.sum())} steps have no observation, the first of them "
                f"{written(grid.stamps(places)[place])}{of}: lags there are bridged; "
                "nothing is learnt from them or judged at them, and a forecast from there is that "
                "from the value before, as many steps farther ahead.",
                {"steps": int(inside.sum()), "longest": int(runs.max()) - 1},
            )
        )
    early = last < n - 1
    if early.any():
        k = int(np.argmin(last))
        findings.append(
            Finding(
                "ends_early",
                "warning",
                f"{int(early.sum())} of {len(names)} series end before the others, {names[k]!r} "
                f"{n - 1 - int(last[k])} steps before: they are forecast from there, as many steps farther ahead.",
                {"series": int(early.sum()), "steps": n - 1 - int(last[k])},
                remedy="Forecast series that have ended by themselves, or leave them out.",
            )
        )
    constant = np.array([len(np.unique(row[~np.isnan(row)])) == 1 for row in values])
    if constant.any():
        k = int(np.argmax(constant))
        what = "The series never changes" if len(names) == 1 else f"{int(constant.sum())} series never change"
        findings.append(
            Finding(
                "constant",
                "warning",
                f"{what} ({np.nanmean(values[k]):g} throughout): the forecast is that value, without a spread, "
                "and says nothing of how likely a change is.",
                {"series": int(constant.sum())},
            )
        )


def _far_out(values: Floats, grid: Grid, names: list[Any], target: str, findings: list[Finding]) -> None:
    """Says which values lie far from all others of their series: one mistyped number decides what is learnt."""
    found = [(k, int(place)) for k, row in enumerate(values) for place in np.flatnonzero(_far(row))]
    if not found:
        return
    k, place = found[0]
    of = "" if len(names) == 1 else f" of series {names[k]!r}"
    inside = np.delete(values[k], place)
    last = any(p == np.flatnonzero(~np.isnan(values[s])).max() for s, p in found)
    findings.append(
        Finding(
            "far_out",
            "warning",
            f"{len(found)} value{'s lie' if len(found) > 1 else ' lies'} far from all others of {target!r}: "
            f"{values[k, place]:g} at {written(grid.stamps(np.array([place]))[0])}{of}, where the others are "
            f"{np.nanmin(inside):g} to {np.nanmax(inside):g}"
            + (", and the forecast starts from such a value." if last else "."),
            {"values": len(found)},
            FAR,
            "Where it is a mistake, leave the cell empty: such values decide what is learnt and chosen.",
        )
    )


def _far(row: Floats) -> NDArray[np.bool_]:
    """Which values are far out; of values above 0 by their logarithms too, or long tails would be."""
    there = np.sort(row[~np.isnan(row)])
    few = max(1, len(there) // 100)
    if len(there) < 20 or there[few] == there[-1 - few]:
        return np.zeros(len(row), dtype=np.bool_)
    far = np.ones(len(row), dtype=np.bool_)
    for bend in (np.positive, np.log) if there[0] > 0 else (np.positive,):
        y, low, high = bend(row), bend(there[few]), bend(there[-1 - few])
        far &= (y > high + FAR * (high - low)) | (y < low - FAR * (high - low))
    return far


def _numbers(found: Values, order: Ints, name: str, findings: list[Finding]) -> dict[str, Floats]:
    """A column as numbers, a text as one for each of its levels."""
    if found.numbers is not None and found.kind in ("number", "boolean"):
        x = np.array(found.numbers, dtype=np.float64)[order]
        return {name: np.where(np.isinf(x), np.nan, x)}
    if found.kind == "text" and found.codes is not None and len(found.texts) <= LEVELS:
        codes = found.codes[order]
        return {
            f"{name}={text}": np.where(codes < 0, np.nan, (codes == k).astype(np.float64))
            for k, text in enumerate(found.texts)
        }
    if found.kind != "empty":
        findings.append(
            Finding(
                "left_out",
                "note",
                f"Column {name!r} is left out: it holds {found.kind}s"
                + (f" of more than {LEVELS} kinds." if found.kind == "text" else "."),
            )
        )
    return {}


def _known_ahead(x: Floats, length: int, name: str, names: list[Any], grid: Grid) -> None:
    """Refuses a column that is to be known ahead where it is not; in the past it may be missing."""
    missing = np.isnan(x[:, length:])
    if missing.any():
        k, step = (int(i) for i in np.argwhere(missing)[0])
        of = "" if len(names) == 1 else f" of series {names[k]!r}"
        stamp = written(grid.stamps(np.array([length + step]))[0])
        raise TableError(
            f"{name!r} is to be known ahead, and is not at {stamp}{of}: the table must have rows for the "
            f"{x.shape[1] - length} steps ahead, with {name!r} and without the target; or leave it out of known"
        )
