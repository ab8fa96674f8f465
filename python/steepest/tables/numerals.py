"""How a column writes its numbers: decimal point or comma, what groups the thousands, signs of currency.

All the values of a column decide together, never one of them alone: "1,274" is 1274 beside "1,274.5", and 1.274
beside "0,54". Where a column admits both readings, the caller is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steepest._types import Floats
from steepest.errors import InputError, TableError

__all__ = ["GROUPS", "Notation", "Numerals", "is_numeral", "read_numerals"]

Flags = np.ndarray[Any, np.dtype[np.bool_]]

DECIMALS = (".", ",")
#: what may group digits by three, with its name; blanks of every width count as one
GROUPS = {".": "a point", ",": "a comma", " ": "a blank", "'": "an apostrophe"}
#: (1.50), $(1.50), (1.50 €): an amount below 0
_BRACKETS = "^([$€£¥]?) *[(] *([^()+-]*[0-9][^()+-]*)[)]$"
_PLAIN = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_INFINITE = r"(?i:inf|infinity)"
#: signs and codes of currency, which are taken off as per cent is
_MONEY = (
    "(?:[$€£¥₹₽₩₪₺₫₴₦₱]|(?:US|AU|CA|A|C|NZ|HK|R)[$]|USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|"
    "BRL|MXN|ZAR|TRY|KRW|Rs[.]?|Fr[.]|SFr[.]|kr[.]?|zł|Kč|Ft)"
)


@dataclass(frozen=True)
class Notation:
    """What is known of how numbers are written; None where it is to be found out.

    >>> Notation(thousands=".").decimal
    ','
    """

    #: "." or ","
    decimal: str | None = None
    #: what groups the digits by three: ",", ".", " " or "'"
    thousands: str | None = None

    def __post_init__(self) -> None:
        if self.decimal is not None and self.decimal not in DECIMALS:
            raise InputError(f"decimal must be '.' or ','; got {self.decimal!r}")
        if self.thousands is not None and self.thousands not in GROUPS:
            raise InputError(f'thousands must be one of ",", ".", " " and "\'"; got {self.thousands!r}')
        if self.decimal is not None and self.decimal == self.thousands:
            raise InputError(f"decimal and thousands cannot both be {self.decimal!r}")
        if self.decimal is None and self.thousands in DECIMALS:
            object.__setattr__(self, "decimal", "," if self.thousands == "." else ".")

    @property
    def open(self) -> tuple[str, ...]:
        """The decimal marks that remain possible."""
        return DECIMALS if self.decimal is None else (self.decimal,)

    def pattern(self, decimal: str) -> str:
        """A regular expression of the numbers that are well-formed with this decimal mark."""
        marks = [mark for mark in GROUPS if mark != decimal]
        if self.thousands is not None:
            marks = [self.thousands]
        grouped = [f"[1-9][0-9]{{0,2}}(?:{_quoted(mark)}[0-9]{{3}})+" for mark in marks]
        if "," in marks:  # the Indian way: 12,34,567
            grouped.append("[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}")
        mark = _quoted(decimal)
        # Nobody groups digits before an exponent: 1,257E+02 has a decimal comma.
        plain = f"(?:[0-9]+(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"
        return f"{plain}|(?:{'|'.join(grouped)})(?:{mark}[0-9]*)?|{_INFINITE}"


@dataclass(frozen=True)
class Numerals:
    """Texts read as numbers: NaN where one is none, and how they are written."""

    numbers: Floats
    #: where a text is a number
    known: Flags
    #: "." or ",", None where no text has either
    decimal: str | None
    #: how they are written, with an example; None where Python itself would read each of them
    remark: str | None


def _quoted(mark: str) -> str:
    return "\\." if mark == "." else mark


def read_numerals(texts: pa.Array, given: Notation, name: str, least: float, weights: Any) -> Numerals | None:
    """Distinct texts of one column as numbers, or None where fewer than the share `least` are numbers.

    Parameters
    ----------
    texts
        Without missing ones, blanks taken off both ends.
    given
        What the caller says about the notation.
    name
        Of the column, for messages.
    least
        The share of rows that must be numbers.
    weights
        How many rows each text stands in.

    Raises
    ------
    TableError
        The column admits both readings, or mixes them.
    """
    bare = _bare(texts)
    plain = _matches(bare, f"{_PLAIN}|{_INFINITE}")
    if plain.all() and given.decimal != ",":
        check_percent(texts, name)
        pointed = _contains(bare, ".")
        if pointed and given.decimal is None:
            check_points(texts, bare, name)
        # "1.274" may be 1274 where a decimal comma is in use; only a caller who says so is believed.
        return Numerals(
            _floats(bare, plain), plain, "." if pointed else None, _remark(texts, bare, plain, ".")
        )
    fits = {mark: _matches(bare, given.pattern(mark)) for mark in given.open}
    either = np.logical_or.reduce(list(fits.values()))
    if not len(weights) or weights[either].sum() < least * weights.sum():
        return None
    check_percent(texts, name)
    decimal = given.decimal or _decided(texts, fits[","], fits["."], name, bare)
    known = fits[decimal]
    kept = pc.replace_substring_regex(bare, "[ '" + ("," if decimal == "." else r"\.") + "]", "")
    if decimal == ",":
        kept = pc.replace_substring(kept, ",", ".")
    marked = "." if _contains(bare, "[.,]") else None
    remark = _remark(texts, bare, known, decimal)
    return Numerals(_floats(kept, known), known, decimal if marked else None, remark)


def check_points(texts: pa.Array, bare: pa.Array, name: str) -> None:
    """Refuses 1.011 beside 900 where three digits follow every point: it may be 1011.

    Raises
    ------
    TableError
        A text is named.
    """
    point = _mask(pc.match_substring(bare, "."))
    grouped = _matches(bare, "[1-9][0-9]{0,2}[.][0-9]{3}")
    below = _matches(bare, "[1-9][0-9]{0,2}")
    if (point == grouped).all() and below.any() and (grouped | below | _matches(bare, "0")).all():
        text = texts[int(np.flatnonzero(grouped)[0])].as_py()
        raise TableError(
            f"column {name!r} can be read in two ways: wherever it has a point three digits follow, so that {text!r} "
            "may be a thousand and more; pass decimal=',' or decimal='.'"
        )


def _remark(texts: pa.Array, bare: pa.Array, known: Flags, decimal: str) -> str | None:
    """How the numbers are written, with the first example; None where Python itself would read each of them."""
    unusual = known & (
        ~_matches(texts, f"{_PLAIN}|{_INFINITE}") | (decimal == "," and _matches(texts, ".*[.].*"))
    )
    if not unusual.any():
        return None
    words = ["a decimal comma"] if decimal == "," and _contains(bare, ",") else []
    marks = [mark for mark in GROUPS if mark != decimal and _contains(bare, f"[0-9][{mark}][0-9]{{3}}")]
    words += [f"{GROUPS[mark]} between thousands" for mark in marks]
    signs = _signs(texts)
    words += [f"without {sign}" for sign in signs]
    if len(signs) > 1:
        words.append("as if all were of one currency")
    if pc.any(pc.match_substring_regex(texts, _BRACKETS)).as_py():
        words.append("in brackets: below 0")
    example = texts[int(np.flatnonzero(unusual)[0])].as_py()
    return f"texts such as {example!r} read as numbers" + (f" ({', '.join(words)})" if words else "")


def _decided(texts: pa.Array, comma: Flags, point: Flags, name: str, bare: pa.Array) -> str:
    """The decimal mark that all texts together admit.

    Raises
    ------
    TableError
        Both remain possible with different values, or some texts admit only one and some the other.
    """
    only_comma, only_point = comma & ~point, point & ~comma
    if only_comma.any() and only_point.any():
        one, other = (texts[int(np.flatnonzero(only)[0])].as_py() for only in (only_comma, only_point))
        raise TableError(
            f"column {name!r} mixes decimal commas and decimal points: it holds {one!r} and {other!r}; write all of "
            "them in one way, or take the column as texts (categories) or leave it out (drop)"
        )
    if only_comma.any():
        return ","
    if only_point.any():
        return "."
    unsure = comma & point & _mask(pc.match_substring(bare, ","))
    if not unsure.any():
        return "."
    text = texts[int(np.flatnonzero(unsure)[0])].as_py()
    digits = bare[int(np.flatnonzero(unsure)[0])].as_py()
    raise TableError(
        f"column {name!r} can be read in two ways, and none of its values says which: {text!r} is "
        f"{digits.replace(',', '.')} with a decimal comma and {digits.replace(',', '')} with a decimal point; pass "
        "decimal=',' or decimal='.'"
    )


def check_percent(texts: pa.Array, name: str) -> None:
    """Refuses per cent beside plain numbers: 5 % is 5 or 0.05.

    Raises
    ------
    TableError
        One text of each kind is named.
    """
    if not pc.any(pc.match_substring(texts, "%")).as_py():
        return
    tidy = _tidy(texts)
    plain = _mask(pc.match_substring_regex(tidy, "^[+-]?[0-9][0-9.,' ]*$"))
    plain &= ~_mask(pc.match_substring_regex(tidy, "^[+-]?0+(?:[.,]0*)?$"))
    percent = _mask(pc.match_substring_regex(tidy, "^[+-]?[0-9.,' ]*[0-9][0-9.,]* *%$"))
    if percent.any() and plain.any():
        one, other = (texts[int(np.flatnonzero(kind)[0])].as_py() for kind in (percent, plain))
        raise TableError(
            f"column {name!r} mixes percentages and plain numbers: it holds {one!r} and {other!r}; write all of them "
            "in one way, or take the column as texts (categories) or leave it out (drop)"
        )


def _signs(texts: pa.Array) -> list[str]:
    """The different signs and codes of currency, and %, that numbers have before or after them."""
    before = pc.extract_regex(_tidy(texts), f"^[+(-]? *(?P<sign>{_MONEY}) *[0-9.,(-]")
    after = pc.extract_regex(_tidy(texts), f"[0-9.,] *(?P<sign>{_MONEY}|%) *[)]?$")
    found = pc.coalesce(pc.struct_field(before, "sign"), pc.struct_field(after, "sign"))
    return sorted(set(found.drop_null().to_pylist()))


def _tidy(texts: pa.Array) -> pa.Array:
    """The texts with every blank and every minus a plain one."""
    tidy = pc.replace_substring_regex(texts, "[\u00a0\u2007\u2009\u202f]", " ")
    return pc.replace_substring(pc.replace_substring(tidy, "\u2212", "-"), "\u2019", "'")


def _bare(texts: pa.Array) -> pa.Array:
    """The texts without signs of currency and per cent.

    Accountants write what is below 0 in brackets, and some programs put the minus last; where all texts are in
    brackets these are labels.
    """
    tidy = _tidy(texts)
    bracketed = _mask(pc.match_substring_regex(tidy, _BRACKETS))
    if bracketed.any() and not bracketed.all():
        tidy = pc.replace_substring_regex(tidy, _BRACKETS, "-\\1\\2")
    tidy = pc.replace_substring_regex(tidy, "^([0-9][0-9.,' ]*)-$", "-\\1")
    bare = pc.replace_substring_regex(tidy, f"^([+-]?) *{_MONEY}? *", "\\1")
    return pc.replace_substring_regex(bare, f" *(?:{_MONEY}|%)? *$", "")


def _mask(flags: pa.Array) -> Flags:
    return np.asarray(flags.to_numpy(zero_copy_only=False), dtype=bool)


def _matches(texts: pa.Array, pattern: str) -> Flags:
    """Where a signed number of this pattern is the whole text."""
    return _mask(pc.match_substring_regex(texts, f"^[+-]?(?:{pattern})$"))


def _contains(texts: pa.Array, pattern: str) -> bool:
    found: bool = pc.any(pc.match_substring_regex(texts, "[.]" if pattern == "." else pattern)).as_py()
    return found


def _floats(texts: pa.Array, known: Flags) -> Floats:
    """The numbers of the known texts, NaN elsewhere; digits beyond the largest float are infinite."""
    numbers = np.full(len(texts), np.nan)
    chosen = texts.filter(pa.array(known))
    chosen = pc.replace_substring_regex(chosen, "^[+]", "")
    try:
        numbers[known] = pc.cast(chosen, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        numbers[known] = [float(text) for text in chosen.to_pylist()]
    return numbers


def is_numeral(text: str) -> bool:
    """Whether a text is a number in any notation.

    >>> [is_numeral(text) for text in ("12", "-3.5e4", "1.234,5", "1 234", "$3.50", "7 %", "12,34", "x1", "inf")]
    [True, True, True, True, True, True, True, False, False]
    """
    text = text.strip()
    try:
        float(text)
    except ValueError:
        if text.endswith("-") and text[0].isdigit():
            text = f"-{text[:-1]}"
        if re.search("[0-9][.,][0-9]", text):  # (1) alone may well be a name
            text = re.sub(_BRACKETS, r"-\1\2", text)
        return _ANY.match(text) is not None
    return "_" not in text and text.lower().lstrip("+-") not in {"nan", "inf", "infinity"}


_ANY = re.compile(
    f"^[+\u2212-]? *{_MONEY}? *(?:"
    + "|".join(Notation(mark).pattern(mark).removesuffix(f"|{_INFINITE}") for mark in DECIMALS)
    .replace("'", "['\u2019]")
    .replace(" ", "[ \u00a0\u2007\u2009\u202f]")
    + f") *(?:{_MONEY}|%)? *$"
)
