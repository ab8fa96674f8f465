"""A column's values, whatever type they arrived in: numbers, booleans, texts or times."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steepest.errors import TableError
from steepest.tables import dates
from steepest.tables.missing import TOKENS

__all__ = ["Values", "as_text", "read_values"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Kind = Literal["number", "boolean", "text", "time", "empty"]
#: whole numbers beyond this are not exact as float64
EXACT = 2**53
#: pairs of texts that mean no and yes
PAIRS = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"))
#: a text column of which at least this share is numbers was meant as numbers
MEANT_AS_NUMBERS = 0.9


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


def read_values(array: pa.ChunkedArray, name: str, *, plain: bool = False, impute: bool = False) -> Values:
    """A column's values, texts examined for numbers, booleans and times unless `plain`.

    With `impute`, a few texts among numbers count as missing instead of being refused.

    Raises:
        TableError: the column holds lists, records or bytes.
    """
    kind = array.type
    rows = len(array)
    if pa.types.is_null(kind):
        return Values("empty", rows)
    if pa.types.is_dictionary(kind) and not is_text(kind.value_type):
        array = pc.cast(array, kind.value_type)
        kind = array.type
    if pa.types.is_dictionary(kind) or is_text(kind):
        return from_texts(array, name, plain, impute)
    if pa.types.is_boolean(kind):
        return Values("boolean", rows, numbers=floats(pc.cast(array, pa.int8())), whole=True)
    if pa.types.is_integer(kind):
        return from_integers(array)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = floats(pc.cast(array, pa.float64(), safe=False))
        return Values("number", rows, numbers=numbers)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        times = pc.cast(array, pa.timestamp("us"), safe=False) if pa.types.is_date(kind) else array
        if times.type != pa.timestamp("us"):
            times = pc.cast(times, pa.timestamp("us", tz=kind.tz), safe=False)
        return Values("time", rows, times=times.to_numpy().astype("datetime64[us]"), format="iso")
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        seconds = pc.cast(array, pa.int32() if pa.types.is_time32(kind) else pa.int64())
        scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[kind.unit]
        return Values("number", rows, numbers=floats(seconds) * scale, remark="read as seconds")
    raise TableError(
        f"column {name!r} holds {kind}: a column holds numbers, texts, booleans or dates; "
        "flatten it, or leave it out with drop"
    )


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


def from_texts(array: pa.ChunkedArray, name: str, plain: bool, impute: bool) -> Values:
    """Texts as codes; blanks taken off, missing tokens found, numbers, booleans and times recognised."""
    rows = len(array)
    codes, texts, tokens = encoded(array)
    if not texts:
        return Values("empty", rows, tokens=tokens)
    values = Values("text", rows, codes=codes, texts=texts, tokens=tokens)
    if plain:
        return values
    return as_numbers(values, name, impute) or as_booleans(values) or as_times(values) or values


def encoded(array: pa.ChunkedArray) -> tuple[np.ndarray[Any, np.dtype[np.int32]], list[str], dict[str, int]]:
    """Codes (missing -1) into sorted distinct texts, and the counts of the tokens that meant missing."""
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    whole = array.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # no rows
        return np.full(len(array), -1, np.int32), [], {}
    raw = [text if text is None else text.strip() for text in whole.dictionary.to_pylist()]
    codes = pc.cast(whole.indices, pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    counts = np.bincount(codes[codes >= 0], minlength=len(raw))
    kept = sorted(
        {text for text, count in zip(raw, counts, strict=True) if count and text not in TOKENS and text}
    )
    position = {text: i for i, text in enumerate(kept)}
    tokens: Counter[str] = Counter()
    for text, count in zip(raw, counts, strict=True):
        if text is not None and text in TOKENS and count:
            tokens[text] += int(count)
    lookup = np.array([position.get(text, -1) for text in raw] + [-1], np.int32)
    return lookup[codes], kept, dict(tokens)


def parse_number(text: str) -> float | None:
    """A text as a number: 12, -3.5e4, 1,234.5, 12 %, $3.50; None where it is none."""
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        pass
    bare = text.strip("$€£% ")
    head, _, tail = bare.partition(".")
    groups = head.lstrip("+-").split(",")
    if len(groups) > 1 and (not groups[0] or any(len(group) != 3 for group in groups[1:])):
        return decimal_comma(bare)
    try:
        return float(head.replace(",", "") + ("." + tail if tail else "")) if "_" not in bare else None
    except ValueError:
        return None


def decimal_comma(text: str) -> float | None:
    """3,14 as 3.14."""
    if text.count(",") != 1 or "." in text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def as_numbers(values: Values, name: str, impute: bool = False) -> Values | None:
    """The texts as numbers, where all are; refused where nearly all are, since then the rest are mistakes."""
    assert values.codes is not None
    sample = values.texts[:: max(1, len(values.texts) // 50)]
    if not any(parse_number(text) is not None for text in sample):
        return None
    parsed = [parse_number(text) for text in values.texts]
    bad = {i for i, number in enumerate(parsed) if number is None}
    if bad:
        present = int((values.codes >= 0).sum())
        wrong = np.isin(values.codes, list(bad))
        if present < 20 or wrong.sum() > (1 - MEANT_AS_NUMBERS) * present:
            return None
        row = int(np.flatnonzero(wrong)[0])
        text = values.texts[values.codes[row]]
        if not impute:
            raise TableError(
                f"column {name!r} row {row} holds {text!r} where {present - int(wrong.sum())} of "
                f"{present} values "
                "are numbers: mend it, leave the column out (drop), take it as texts (categories), or pass "
                'missing="impute"'
            )
    table = np.array([np.nan if number is None else number for number in [*parsed, None]], dtype=np.float64)
    numbers = table[values.codes]
    unusual = [text for text in sample if not plain_number(text) and parse_number(text) is not None]
    remark = f"texts such as {unusual[0]!r} read as numbers" if unusual else None
    present_numbers = table[~np.isnan(table)]
    whole = bool(np.all(present_numbers == np.floor(present_numbers)))
    exact = not whole or bool(np.all(np.abs(present_numbers) <= EXACT))
    return Values(
        "number", values.rows, numbers=numbers, whole=whole, exact=exact, tokens=values.tokens, remark=remark
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
