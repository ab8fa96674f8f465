"""The times of a table as numbers: dates, texts in any of the usual forms, quarters, counts of seconds since 1970."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from steepest.errors import InputError, TableError
from steepest.findings import Finding
from steepest.forecast.grid import DAY, grid_of, offset_of, written

__all__ = ["of_index", "read_stamps"]

#: how many microseconds one of what is counted since 1970 is, the least first: as many seconds as from 1980 to 2100
SINCE_1970 = (("seconds", 1e6), ("milliseconds", 1e3), ("microseconds", 1.0), ("nanoseconds", 1e-3))
EARLIEST, LATEST = 315_532_800e6, 4_102_444_800e6
#: 2024Q1, 2024-Q1, Q1 2024
QUARTER = r"^(?:(?P<year>[0-9]{4})[ -]?Q(?P<quarter>[1-4])|Q(?P<first>[1-4])[ -/]?(?P<after>[0-9]{4}))$"


def of_index(table: Any, time: Any, by: Any) -> tuple[Any, Any]:
    """A pandas frame whose index holds the times, or a Series of them, with the index as columns; and the time column.

    Anything else comes back as it is.
    """
    if type(table).__module__.partition(".")[0] != "pandas" or not hasattr(table, "index"):
        return table, time
    if not hasattr(table, "columns"):
        table = table.to_frame("value" if table.name is None else table.name)
    index = table.index
    names = list(index.names)
    wanted = [name for name in (time, by) if isinstance(name, str) and name not in table.columns]
    alone = len(names) == 1
    timely = alone and (index.dtype.kind == "M" or hasattr(index, "freqstr"))
    if time is None:
        if not timely:
            raise InputError("time must name the column of times: the index of the frame holds none")
        time = names[0] if names[0] is not None else "time"
        wanted = [time]
    if timely and names[0] is None and time in wanted:
        # An index without a name is called what was asked for.
        names = [time]
    if not wanted or not set(wanted) <= set(names):
        return table, time
    if alone:
        return table.reset_index(names=[wanted[0]]), time
    return table.reset_index(), time


def read_stamps(column: Any, name: str, findings: list[Finding]) -> tuple[NDArray[Any], str | None]:
    """Microseconds (int64) or numbers (float64) of the column of times, and its zone."""
    from steepest.tables.dates import from_whole
    from steepest.tables.values import is_text, read_values

    kind = column.type
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    try:
        values = read_values(column, name)
    except TableError:
        # What a column of a model may do with such a text, a column of times may not.
        if is_text(kind):
            _no_stamp(column, name)
        raise
    raw: NDArray[Any]
    if values.times is not None:
        raw = values.times.astype("datetime64[us]")
        missing = np.isnat(raw)
        if values.ambiguous and values.format is not None and not missing.any():
            raw = _even_reading(raw, column, values.format, name)
    elif values.kind == "number" and values.numbers is not None:
        raw = np.array(values.numbers, dtype=np.float64)
        missing = ~np.isfinite(raw)
        if not missing.any():
            days = from_whole(raw) if values.whole else None
            if days is not None:
                raw = days.times
            elif (times := _since_1970(raw, name, findings)) is not None:
                return times, "UTC"
    else:
        quarters = _quarters(column) if values.kind == "text" else None
        if quarters is None:
            if values.kind == "text":
                _no_stamp(column, name)
            raise TableError(
                f"time column {name!r} holds {values.kind}s: it must hold dates (as 2024-12-31), times or numbers"
            )
        raw, missing = quarters, np.isnat(quarters)
    if missing.any():
        raise TableError(f"time column {name!r} is missing in row {int(np.argmax(missing))}: drop the row")
    if raw.dtype.kind != "M":
        return raw, zone
    ticks = raw.astype(np.int64)
    if values.format == "iso" and not pa.types.is_timestamp(kind):
        return _with_offset(ticks, column, name, findings)
    return ticks, zone


def _no_stamp(column: Any, name: str) -> NoReturn:
    """Refuses texts by the first that is no time, or none of the kind that those before it are."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _stamps_all(column.slice(0, middle), name) else (low, middle)
    text = column[high - 1].as_py() or ""
    times = (value for value in (column[k].as_py() for k in range(low)) if value)
    before = next((f", after such as {value[:40]!r}" for value in times), "")
    raise TableError(
        f"time column {name!r} holds the text {text[:40]!r} in row {high - 1}{before}: it must hold dates "
        "(as 2024-12-31), times or numbers"
    )


def _stamps_all(column: Any, name: str) -> bool:
    """Whether all of these texts can be stamps."""
    from steepest.tables.values import read_values

    try:
        if read_values(column, name).kind in ("time", "number", "empty"):
            return True
    except TableError:
        return False
    return _quarters(column) is not None


def _since_1970(numbers: NDArray[Any], name: str, findings: list[Finding]) -> NDArray[Any] | None:
    """Numbers that count seconds (or parts of them) since 1970, as microseconds; None where they are none."""
    for unit, micro in SINCE_1970:
        times = numbers * micro
        # Fractions of a second are none of a clock that counts.
        if times.min() < EARLIEST or times.max() > LATEST or len(np.unique(times)) < 3:
            continue
        ticks = np.round(times).astype(np.int64)
        first, last = (written(np.datetime64(int(t), "us")) for t in (ticks.min(), ticks.max()))
        findings.append(
            Finding(
                "unix_time",
                "note",
                f"The numbers of {name!r} are taken as {unit} since 1970: from {first} to {last}, in UTC.",
                {"unit": unit},
                remedy="Pass times of their zone where days and hours are those of a place.",
            )
        )
        return ticks
    return None


def _quarters(column: Any) -> NDArray[Any] | None:
    """Texts such as 2024Q1 as the first days of quarters, NaT where one is missing; None where one is no quarter."""
    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.large_string()))
    found = pc.extract_regex(texts, QUARTER)
    if found.null_count > texts.null_count:
        return None
    one, other = (
        [pc.struct_field(found, part).to_pylist() for part in parts]
        for parts in (("year", "quarter"), ("after", "first"))
    )
    months = np.full(len(texts), np.datetime64("NaT", "M"))
    for year, quarter in (one, other):
        for k, (y, q) in enumerate(zip(year, quarter, strict=True)):
            if y:
                months[k] = np.datetime64(f"{y}-{3 * int(q) - 2:02d}", "M")
    return months.astype("datetime64[us]")


def _even_reading(times: NDArray[Any], column: Any, format: str, name: str) -> NDArray[Any]:
    """Times of texts that may be month first or day first, in the one reading whose steps are even."""
    from steepest.tables.dates import TWINS, parsed

    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string())).combine_chunks()
    day, _, rest = format.partition(" ")
    readings = [(format, times)]
    for twin in TWINS.get(day, ()):
        other = parsed(texts, f"{twin} {rest}".strip())
        if other is not None:
            readings.append((f"{twin} {rest}".strip(), other))
    even = []
    for form, stamps in readings:
        ticks = np.unique(stamps.astype(np.int64))
        try:
            grid, _ = grid_of(ticks, np.zeros(len(ticks), dtype=np.int64), None, name)
        except TableError:
            continue
        even.append((form, stamps, str(grid)))
    if len(even) < 2:
        return even[0][1] if even else times
    row = int(np.argmax(even[0][1] != even[1][1]))
    ways = " or ".join(f"{written(stamps[row])} (steps of a {step})" for _, stamps, step in even)
    raise TableError(
        f"{texts[row].as_py()!r} in time column {name!r} may be {ways}, and both are even: pass dates, or write "
        f"{written(even[0][1][row])} for it"
    )


def _with_offset(
    ticks: NDArray[Any], column: Any, name: str, findings: list[Finding]
) -> tuple[NDArray[Any], str | None]:
    """Microseconds, and the offset of the last text, as +02:00; None where texts have none."""
    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.large_string()))
    found = pc.extract_regex(texts, r"[T ].*(?P<end>Z|[+-][0-9]{2}(?::?[0-9]{2})?)$")
    if found.null_count:
        return ticks, None
    ends = pc.struct_field(found, "end").combine_chunks().dictionary_encode()
    which = ends.indices.to_numpy(zero_copy_only=False)
    plain = [
        "+00:00" if end == "Z" else f"{end[:3]}:{end[3:].strip(':') or '00'}"
        for end in ends.dictionary.to_pylist()
    ]
    last = plain[int(which[int(ticks.argmax())])]
    if len(set(plain)) > 1:
        shown = ticks + np.array([offset_of(zone) for zone in plain], dtype=np.int64)[which]
        how = "times are written, and hours counted, in the last one"
        # Days are those that the texts write: of 23 and 25 hours where clocks change.
        if len(np.unique(shown % DAY)) == 1:
            ticks = shown - (offset_of(last) or 0)
            how = "each is the day that it writes, and all are taken to be of the last one"
        findings.append(
            Finding(
                "several_offsets",
                "note",
                f"The stamps of {name!r} have {len(set(plain))} offsets from UTC: {how}, {last}.",
                {"offsets": sorted(set(plain))},
                remedy="Pass stamps of the zone, as pandas' tz_convert makes them: days and hours are then its own.",
            )
        )
    return ticks, last
