"""A column's values, whatever type they arrived in: numbers, booleans, texts or times."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steepest._types import Floats
from steepest.errors import TableError
from steepest.tables import dates
from steepest.tables.missing import TOKENS
from steepest.tables.numerals import Notation, is_numeral, read_numerals

__all__ = ["Values", "are_codes", "as_days", "as_text", "read_texts", "read_values"]

Kind = Literal["number", "boolean", "text", "time", "empty"]
#: whole numbers beyond this are not exact as float64
EXACT = 2**53
#: days from 1970 that microseconds in 64 bits can count
MOST_DAYS = 2**63 // 86_400_000_000 - 1
UNKNOWN = Notation()
#: what is said of a column that was read as numbers all at once
WITH_COMMAS = "read as numbers with a decimal comma"
#: the format of times of the day and of durations, which become seconds; what is said of them
CLOCK, AS_SECONDS = "clock", "read as seconds"
#: 7:30, 07:30:15.2, 7:30 PM
TIME_OF_DAY = (
    r"^(?P<h>[0-9]{1,3}):(?P<m>[0-5][0-9])(?::(?P<s>[0-5][0-9](?:[.,][0-9]+)?))? ?(?P<half>[AaPp][Mm])?$"
)
#: pairs of texts that mean no and yes
PAIRS = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"))
#: a text column of which at least this share is numbers was meant as numbers
MEANT_AS_NUMBERS = 0.9
#: and so was one of which half is, where the numbers are many and the other texts few
MOSTLY_NUMBERS, MANY_NUMBERS, FEW_OTHERS = 0.5, 24, 0.1


@dataclass
class Values:
    """A column's values.

    `numbers` (float64, missing = NaN) for numbers and booleans; `codes` (int32, missing = -1) into `texts`
    for texts; `times` (datetime64[us], missing = NaT) for times.
    """

    kind: Kind
    rows: int
    numbers: Floats | None = None
    whole: bool = False
    codes: np.ndarray[Any, np.dtype[np.int32]] | None = None
    texts: list[str] = field(default_factory=list)
    times: np.ndarray[Any, Any] | None = None
    #: False where whole numbers are too large for float64
    exact: bool = True
    #: how often which text stood for a missing value
    tokens: dict[str, int] = field(default_factory=dict)
    #: how texts were read as times
    format: str | None = None
    #: whether day and month could be the other way round
    ambiguous: bool = False
    #: how texts were read as numbers, where that needs saying
    remark: str | None = None
    #: the decimal mark of numbers that were texts; None where none of them has one
    decimal: str | None = None
    #: how many different texts the numbers were, where float64 cannot tell them all apart
    distinct: int = 0
    #: the parts of times, once they were asked for
    parts: dict[str, Values] | None = None

    @property
    def missing(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """True where the value is missing."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        if self.codes is not None:
            return self.codes < 0
        if self.times is not None:
            return np.asarray(np.isnat(self.times))
        return np.ones(self.rows, bool)


def read_values(
    array: pa.ChunkedArray,
    name: str,
    *,
    plain: bool = False,
    impute: bool = False,
    amount: bool = False,
    notation: Notation = UNKNOWN,
    tokens: frozenset[str] = TOKENS,
) -> Values:
    """A column's values, texts examined for numbers, booleans and times unless `plain`.

    Parameters
    ----------
    impute
        A few texts among numbers count as missing instead of being refused.
    amount
        Digits that begin with 0 are numbers, not codes.
    notation
        What is known of how numbers are written.
    tokens
        The texts that mean a missing value.

    Raises
    ------
    TableError
        The column holds lists, records or bytes, or texts that could be numbers in two ways.
    """
    try:
        values = typed_values(array, tokens)
    except pa.ArrowException as error:
        raise TableError(f"column {name!r} cannot be read: {error}") from None
    if values is None:
        raise TableError(
            f"column {name!r} holds {array.type}: a column holds numbers, texts, booleans or dates; "
            "flatten it, or leave it out with drop"
        )
    if plain or values.kind != "text":
        return values
    found = as_numbers(values, name, impute, notation, amount) or as_booleans(values) or as_times(values)
    return found or as_clock(values) or nearly_times(values, name, impute) or values


def typed_values(array: pa.ChunkedArray, tokens: frozenset[str]) -> Values | None:
    """The values by their Arrow type, texts as texts; None where the type is not one that a column may have."""
    kind = array.type
    rows = len(array)
    if pa.types.is_null(kind):
        return Values("empty", rows)
    if pa.types.is_dictionary(kind) and not is_text(kind.value_type):
        array = pc.cast(array, kind.value_type)
        kind = array.type
    if pa.types.is_dictionary(kind) or is_text(kind):
        return from_texts(array, tokens)
    if pa.types.is_boolean(kind):
        return Values("boolean", rows, numbers=floats(pc.cast(array, pa.int8())), whole=True)
    if pa.types.is_integer(kind):
        return from_integers(array)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = floats(pc.cast(array, pa.float64(), safe=False))
        return Values("number", rows, numbers=numbers)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return from_times(array)
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        seconds = pc.cast(array, pa.int32() if pa.types.is_time32(kind) else pa.int64())
        scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[kind.unit]
        return Values("number", rows, numbers=floats(seconds) * scale, format=CLOCK, remark=AS_SECONDS)
    return None


def from_times(array: pa.ChunkedArray) -> Values:
    """Dates and times, to the microsecond.

    Raises
    ------
    pa.ArrowInvalid
        One lies beyond the years that microseconds can count.
    """
    kind = array.type
    if pa.types.is_date32(kind):
        days = floats(pc.cast(array, pa.int32()))
        if np.nanmax(np.abs(days), initial=0.0) > MOST_DAYS:
            raise pa.ArrowInvalid("it holds dates beyond the years -290308 to 294247")
    elif pa.types.is_date64(kind):
        array = pc.cast(pc.cast(array, pa.int64()), pa.timestamp("ms"))
    # From nanoseconds digits are lost, which is meant; to finer units no time may be.
    finer = kind if pa.types.is_timestamp(kind) and kind.unit == "ns" else None
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    times = pc.cast(array, pa.timestamp("us", tz=zone), safe=finer is None)
    return Values("time", len(array), times=times.to_numpy().astype("datetime64[us]"), format="iso")


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def floats(array: pa.ChunkedArray) -> Floats:
    """An Arrow array of numbers as float64, nulls as NaN."""
    return np.asarray(array.to_numpy(), dtype=np.float64)


def from_integers(array: pa.ChunkedArray) -> Values:
    """Whole numbers; those that float64 cannot hold are marked."""
    bounds = pc.min_max(array)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None:
        return Values("empty", len(array))
    exact = low >= -EXACT and high <= EXACT
    numbers = floats(array if exact else pc.cast(array, pa.float64(), safe=False))
    return Values("number", len(array), numbers=numbers, whole=True, exact=exact)


def from_texts(array: pa.ChunkedArray, tokens: frozenset[str]) -> Values:
    """Texts as codes into the sorted distinct ones, blanks taken off; those that mean a missing value counted."""
    rows = len(array)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    whole = array.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # no rows
        return Values("empty", rows)
    codes = pc.cast(whole.indices, pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    raw = pc.cast(whole.dictionary, pa.large_string())
    counts = np.bincount(codes[codes >= 0], minlength=len(raw))
    # Distinct texts may be one text once blanks are taken off.
    trimmed = pc.utf8_trim_whitespace(raw).dictionary_encode()
    texts = trimmed.dictionary
    places = trimmed.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    occur = np.bincount(places[places >= 0], weights=counts[places >= 0], minlength=len(texts)).astype(
        np.int64
    )
    absent = pc.is_in(texts, value_set=pa.array(sorted(tokens), pa.large_string())).to_numpy(
        zero_copy_only=False
    )
    order = pc.sort_indices(texts).to_numpy(zero_copy_only=False)
    kept = order[(occur > 0)[order] & ~absent[order]]
    position = np.full(len(texts) + 1, -1, np.int32)
    position[kept] = np.arange(len(kept), dtype=np.int32)
    found = {texts[int(i)].as_py(): int(occur[i]) for i in np.flatnonzero(absent & (occur > 0))}
    if not len(kept):
        return Values("empty", rows, tokens=found)
    lookup = np.append(position[places], np.int32(-1))
    return Values(
        "text", rows, codes=lookup[codes], texts=texts.take(pa.array(kept)).to_pylist(), tokens=found
    )


def as_numbers(
    values: Values, name: str, impute: bool = False, notation: Notation = UNKNOWN, amount: bool = False
) -> Values | None:
    """The texts as numbers, where all are; refused where nearly all are, since then the rest are mistakes."""
    assert values.codes is not None
    texts = values.texts
    if are_codes(texts) and not amount:
        return None
    step = max(1, len(texts) // 50)
    if not any(is_numeral(text) or plain_number(text) for text in texts[::step]):
        return None
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(texts))
    found = read_numerals(pa.array(texts, pa.large_string()), notation, name, MOSTLY_NUMBERS, counts)
    if found is None:
        return None
    if not found.known.all():
        present, wrong = int(counts.sum()), int(counts[~found.known].sum())
        numbers, others = int(found.known.sum()), int((~found.known).sum())
        meant = wrong <= (1 - MEANT_AS_NUMBERS) * present
        marked = numbers > MANY_NUMBERS and others <= max(1, FEW_OTHERS * numbers)
        if present < 20 or not (meant or marked):
            return None
        if not impute:
            row = int(np.flatnonzero(np.isin(values.codes, np.flatnonzero(~found.known)))[0])
            raise TableError(
                f"column {name!r} row {row} holds {texts[values.codes[row]]!r} where {present - wrong} of {present} "
                "values are numbers: mend it, leave the column out (drop), take it as texts (categories), or pass "
                'missing="impute"'
            )
    kept = found.numbers[found.known]
    whole = bool(np.all(kept == np.floor(kept)))
    # 1e300 is what it says; of a whole number written out every digit may matter.
    large = np.flatnonzero(np.abs(found.numbers) > EXACT) if whole else np.empty(0, np.int64)
    exact = not any(texts[i].lstrip("+-").isdigit() for i in large)
    return Values(
        "number",
        values.rows,
        numbers=np.append(found.numbers, np.nan)[values.codes],
        whole=whole,
        exact=exact,
        tokens=values.tokens,
        remark=found.remark,
        decimal=found.decimal,
        distinct=0 if exact else int(found.known.sum()),
    )


def are_codes(texts: list[str]) -> bool:
    """Whether texts are digits of one length of which some begin with 0, as postal codes are.

    >>> are_codes(["01234", "98765"]), are_codes(["0", "1"]), are_codes(["01", "123"])
    (True, False, False)
    """
    return (
        bool(texts)
        and texts[0].isdigit()
        and any(len(text) > 1 and text[0] == "0" for text in texts)
        and len({len(text) for text in texts}) == 1
        and all(text.isdigit() for text in texts)
    )


def plain_number(text: str) -> bool:
    """Whether Python itself reads the text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def as_booleans(values: Values) -> Values | None:
    """The texts as booleans, where they are one of the known pairs."""
    assert values.codes is not None
    lowered = {text.lower() for text in values.texts}
    for no, yes in PAIRS:
        if lowered == {no, yes}:
            table = np.array([float(text.lower() == yes) for text in values.texts] + [np.nan])
            return Values(
                "boolean", values.rows, numbers=table[values.codes], whole=True, tokens=values.tokens
            )
    return None


def as_times(values: Values, format: str | None = None) -> Values | None:
    """The texts as times, in the one format that fits them all."""
    assert values.codes is not None
    found = dates.recognise(values.texts, format)
    if found is None:
        return None
    table = np.append(found.times, np.datetime64("NaT"))
    return Values(
        "time",
        values.rows,
        times=table[values.codes],
        tokens=values.tokens,
        format=found.format,
        ambiguous=found.ambiguous,
    )


def as_clock(values: Values) -> Values | None:
    """The texts as times of the day or durations, in seconds, where all are written so."""
    assert values.codes is not None
    found = pc.extract_regex(pa.array(values.texts, pa.string()), TIME_OF_DAY)
    if found.null_count:
        return None
    hours, minutes, seconds, half = (found.field(i).to_pylist() for i in range(4))
    table = np.full(len(values.texts) + 1, np.nan)
    for i, (h, m, s, part) in enumerate(zip(hours, minutes, seconds, half, strict=True)):
        hour = int(h)
        if part and not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (part.lower() == "pm") if part else hour
        table[i] = 3600 * hour + 60 * int(m) + float(s.replace(",", ".") or 0)
    return Values(
        "number",
        values.rows,
        numbers=table[values.codes],
        tokens=values.tokens,
        format=CLOCK,
        remark=AS_SECONDS,
    )


def is_clock(text: str) -> bool:
    """Whether a text is a time of the day or a duration."""
    return re.match(TIME_OF_DAY, text) is not None


def nearly_times(values: Values, name: str, impute: bool) -> Values | None:
    """The texts as times where nearly all are: the others are named, or missing with `impute`.

    Raises
    ------
    TableError
        Some text is no time, or one in another format.
    """
    assert values.codes is not None
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.texts))
    if counts.sum() < 20:
        return None
    found = dates.mostly(values.texts, counts, MEANT_AS_NUMBERS)
    if found is None:
        return None
    if not impute:
        wrong = np.isnat(found.times)
        row = int(np.flatnonzero(np.isin(values.codes, np.flatnonzero(wrong)))[0])
        raise TableError(
            f"column {name!r} row {row} holds {values.texts[values.codes[row]]!r} where "
            f"{counts[~wrong].sum()} of {counts.sum()} values are dates such as {dates.example(found.format)}: mend "
            'it, leave the column out (drop), take it as texts (categories), or pass missing="impute"'
        )
    table = np.append(found.times, np.datetime64("NaT"))
    return Values("time", values.rows, times=table[values.codes], tokens=values.tokens, format=found.format)


def as_days(values: Values) -> Values:
    """Whole numbers that all write days, as 20240131 does, as those days; others as they are."""
    if values.kind != "number" or not values.whole or values.numbers is None:
        return values
    found = dates.from_whole(values.numbers)
    if found is None:
        return values
    return Values("time", values.rows, times=found.times, tokens=values.tokens, format=found.format)


def read_texts(array: pa.ChunkedArray, name: str) -> Values:
    """A column's values as texts; of whole numbers every digit, of those too that float64 does not hold."""
    values = read_values(array, name, plain=True)
    if values.exact:
        return as_text(values)
    whole = pc.cast(array, array.type.value_type) if pa.types.is_dictionary(array.type) else array
    return from_texts(pc.cast(whole, pa.large_string()), frozenset())


def as_text(values: Values) -> Values:
    """Any values as texts: whole numbers without a point, booleans as false and true."""
    if values.kind == "text":
        return values
    if values.kind == "empty":
        return Values("text", values.rows, codes=np.full(values.rows, -1, np.int32), tokens=values.tokens)
    raw = values.numbers if values.numbers is not None else values.times
    assert raw is not None
    present = ~values.missing
    distinct, inverse = np.unique(raw[present], return_inverse=True)
    if values.kind == "boolean":
        texts = ["true" if item else "false" for item in distinct]
    elif values.kind == "time":
        texts = [str(item) for item in distinct]
    else:
        texts = [
            str(int(item)) if np.isfinite(item) and item == int(item) else repr(float(item))
            for item in distinct
        ]
    codes = np.full(values.rows, -1, np.int32)
    codes[present] = inverse
    return Values("text", values.rows, codes=codes, texts=texts, tokens=values.tokens)
