"""What kind of column each is and whether it is of use; and new rows, held to the kind that their column had."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from steepest.errors import TableError
from steepest.tables import dates
from steepest.tables.numerals import Notation, read_numerals
from steepest.tables.values import (
    CLOCK,
    PAIRS,
    Values,
    as_clock,
    as_times,
    is_clock,
    read_texts,
    read_values,
)

__all__ = ["Judgement", "expect", "fingerprint", "judge", "of_one_unit"]

ColumnKind = Literal[
    "number", "category", "boolean", "date", "identifier", "text", "constant", "duplicate", "empty"
]
#: texts of which more than this share are different say nothing about other rows
NEARLY_UNIQUE = 0.5
#: a number with a unit or the like before or after it
MEASURED = re.compile(
    r"[^0-9]{0,5}[0-9]+(?:[.,][0-9]+)? ?[^0-9.,:/\s-]{1,6}$|[^0-9.,:/\s-]{1,5} ?[0-9]+[.,][0-9]+$"
)
#: a number and what it is counted in, which may end in a digit (m2) where a blank is between
WITH_UNIT = re.compile(
    r"[+-]?[0-9]+(?:[.,][0-9]+)?(?P<unit>[^\W\d_]{1,6}| +[^\W\d_/]{1,6}(?:/[^\W\d_]{1,4})?\^?[23]?)"
)
#: fewer rows than this say nothing about uniqueness
FEW_ROWS = 20
#: words from which on a text is one to be read
WORDS = 4
ID_NAME = re.compile(
    r"(^|[_\s.-])(id|uuid|guid|index|idx|key|row|rownum|unnamed.*|serial|nr|no)$", re.IGNORECASE
)


@dataclass(frozen=True)
class Judgement:
    """A column's kind, whether it is used, and the reason in words."""

    kind: ColumnKind
    used: bool
    reason: str
    remedy: str = ""
    severity: Literal["note", "warning"] = "note"


def judge(name: str, values: Values, category: bool = False) -> Judgement:
    """Judges one column by its values and its name.

    Parameters
    ----------
    category
        The caller wants it as a category.
    """
    if values.kind == "empty" or values.missing.all():
        return Judgement("empty", False, "it has no values at all")
    if values.kind == "text":
        return judge_texts(values, category)
    if values.kind == "time":
        return judge_times(values)
    return judge_numbers(name, values)


def judge_texts(values: Values, category: bool) -> Judgement:
    """A column of texts: a category, an identifier, or text to be read."""
    assert values.codes is not None
    present = int((values.codes >= 0).sum())
    distinct = len(values.texts)
    if distinct == 1 and present == values.rows:
        return Judgement("constant", False, f"it is always {values.texts[0]!r}")
    if category or present < FEW_ROWS or distinct <= NEARLY_UNIQUE * present:
        said = f"texts with {distinct} different values"
        unit = None if category else of_one_unit(values.texts)
        if unit is None:
            return Judgement("category", True, said)
        return Judgement(
            "category",
            True,
            f"{said}, numbers with {unit!r} beside them, as {values.texts[0]!r} is",
            f"take off {unit!r} to use them as amounts",
            "warning",
        )
    words = float(np.mean([len(text.split()) for text in values.texts[:2000]]))
    if words >= WORDS:
        return Judgement(
            "text",
            False,
            f"it holds running text ({words:.0f} words on average, {distinct} different in {present})",
            "turn texts into numbers first (scikit-learn's TfidfVectorizer, for one) and pass the matrix",
            "warning",
        )
    measured = [text for text in values.texts[:2000] if MEASURED.match(text)]
    if len(measured) > 0.9 * min(2000, distinct):
        return Judgement(
            "identifier",
            False,
            f"its texts are numbers with more beside them, as {measured[0]!r} is",
            "take off what is not the number (a unit, a sign) to use them as amounts",
            "warning",
        )
    return Judgement(
        "identifier",
        False,
        f"nearly every row has a text of its own ({distinct} different in {present})",
        "if it does carry information, derive columns from it (a prefix, a length, a group)",
    )


def of_one_unit(texts: Sequence[str]) -> str | None:
    """What stands beside the number in nearly all of more than a few different texts; None where it differs.

    >>> of_one_unit([f"{i / 10} m2" for i in range(300)])
    'm2'
    >>> of_one_unit(["1st", "2nd", "3rd"])
    """
    if len(texts) <= FEW_ROWS:
        return None
    found = (WITH_UNIT.fullmatch(text) for text in texts[:2000])
    units = Counter(match["unit"].strip() for match in found if match)
    unit, count = units.most_common(1)[0] if units else ("", 0)
    return unit if count > 0.9 * min(2000, len(texts)) else None


def judge_times(values: Values) -> Judgement:
    """A column of dates."""
    assert values.times is not None
    present = values.times[~values.missing]
    if len(present) == values.rows and (present == present[0]).all():
        return Judgement("constant", False, f"it is always {present[0]}")
    return Judgement("date", True, "dates, taken apart into what a linear model can use")


def judge_numbers(name: str, values: Values) -> Judgement:
    """A column of numbers or booleans."""
    assert values.numbers is not None
    present = values.numbers[~values.missing]
    low, high = present.min(), present.max()
    if low == high and len(present) == values.rows:
        return Judgement("constant", False, f"it is always {low:.15g}")
    if values.kind == "boolean" or (values.whole and low == 0 and high == 1):
        return Judgement("boolean", True, "two values, no and yes")
    if values.whole and values.rows >= FEW_ROWS and len(present) == values.rows:
        steps = np.diff(present)
        if (steps == 1).all() or (steps == -1).all():
            return Judgement(
                "identifier", False, "it counts the rows", "if it is a time, fit with time= instead"
            )
        if ID_NAME.search(name) or re.search(r"[a-z](ID|Id)$", name):
            distinct = len(np.unique(present))
            if distinct > 0.95 * len(present):
                return Judgement(
                    "identifier", False, f"its name and {distinct} different whole numbers say so"
                )
    return Judgement("number", True, "whole numbers" if values.whole else "numbers")


def fingerprint(values: Values) -> tuple[Any, ...]:
    """What two columns share when they hold the same values."""
    if values.codes is not None:
        return (
            "text",
            values.codes.tobytes().__hash__(),
            tuple(values.texts[:1000]).__hash__(),
            len(values.texts),
        )
    if values.numbers is not None:
        # Adding 0 makes -0 and 0 one; every missing value has the same bits.
        with np.errstate(invalid="ignore"):  # a signalling NaN
            numbers = np.where(np.isnan(values.numbers), np.nan, values.numbers + 0.0)
        return ("number", numbers.tobytes().__hash__())
    if values.times is not None:
        return ("time", values.times.tobytes().__hash__())
    return ("empty",)


def expect(
    array: pa.ChunkedArray,
    name: str,
    kind: str,
    format: str | None,
    impute: bool = False,
    notation: Notation | None = None,
) -> Values:
    """A column of new rows as the kind of values it had when the schema was made.

    Parameters
    ----------
    kind
        "number", "boolean", "time" or "text".
    format
        How times were written.
    impute
        Whether texts among numbers and infinite numbers count as missing.
    notation
        How numbers were written.

    Raises
    ------
    TableError
        A value does not fit, named by row and column.
    """
    if kind == "text":
        return read_texts(array, name)
    values = read_values(array, name, plain=True)
    if values.kind == "empty":
        return blank(values, kind)
    if values.kind == "number" and kind == "time" and values.numbers is not None:
        days = dates.from_whole(values.numbers, format) if format is not None else None
        if days is not None:
            return Values("time", values.rows, times=days.times, format=format)
    if kind == "number" and (values.format == CLOCK) != (format == CLOCK) and values.kind != "text":
        now, then = ("times of the day", "numbers") if format != CLOCK else ("numbers", "times of the day")
        raise TableError(f"column {name!r} held {then} when the model was fitted; now it holds {now}")
    if values.kind == "text":
        values = converted(values, name, kind, format, impute, notation or Notation())
    if kind == "time" and values.kind != "time":
        raise TableError(f"column {name!r} held dates when the model was fitted; now it holds {values.kind}s")
    if kind != "time" and values.kind == "time":
        raise TableError(f"column {name!r} held {kind}s when the model was fitted; now it holds dates")
    return values


def blank(values: Values, kind: str) -> Values:
    """A column without one value, as the kind asked for."""
    if kind == "time":
        return Values("time", values.rows, times=np.full(values.rows, np.datetime64("NaT"), "datetime64[us]"))
    return Values("number", values.rows, numbers=np.full(values.rows, np.nan), tokens=values.tokens)


def converted(
    values: Values, name: str, kind: str, format: str | None, impute: bool, notation: Notation
) -> Values:
    """Texts as numbers, booleans or times; the first that is none is named."""
    assert values.codes is not None
    if kind == "time":
        times = as_times(values, format)
        if times is not None:
            return times
        bad = next((i for i, text in enumerate(values.texts) if dates.recognise([text], format) is None), 0)
        row = int(np.flatnonzero(values.codes == bad)[0])
        raise TableError(
            f"column {name!r} row {row} holds {values.texts[bad]!r} where a date was expected "
            f"(such as {dates.example(format)})"
        )
    if format == CLOCK:
        clock = as_clock(values)
        if clock is not None:
            return clock
        bad = next((i for i, text in enumerate(values.texts) if not is_clock(text)), 0)
        row = int(np.flatnonzero(values.codes == bad)[0])
        raise TableError(
            f"column {name!r} row {row} holds {values.texts[bad]!r} where a time of the day was expected"
        )
    words = {word: float(i) for pair in PAIRS for i, word in enumerate(pair)} if kind == "boolean" else {}
    spoken: Any = np.array([words.get(text.lower(), np.nan) for text in values.texts])
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.texts))
    found = read_numerals(pa.array(values.texts, pa.large_string()), notation, name, 0.0, counts)
    assert found is not None
    parsed = np.where(np.isnan(spoken), found.numbers, spoken)
    strange = ~found.known & np.isnan(spoken)
    if strange.any() and not impute:
        row = int(np.flatnonzero(np.isin(values.codes, np.flatnonzero(strange)))[0])
        comma = " with a decimal comma" if notation.decimal == "," else ""
        text = values.texts[values.codes[row]]
        other = "." if notation.decimal == "," else ","
        by_other = read_numerals(
            pa.array([text], pa.large_string()), Notation(other), name, 0.0, counts[:1] * 0 + 1
        )
        remedy = (
            f"if that is its decimal mark, read these rows with decimal={other!r}"
            if kind == "number" and other in text and by_other is not None and by_other.known.all()
            else "mend it, or leave that field empty, which the model fills"
        )
        raise TableError(
            f"column {name!r} row {row} holds {text!r} where a {kind}{comma} was expected: {remedy}"
        )
    return Values(
        "number", values.rows, numbers=np.append(parsed, np.nan)[values.codes], tokens=values.tokens
    )
