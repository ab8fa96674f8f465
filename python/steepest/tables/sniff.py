"""What a delimited text looks like: its delimiter, and whether its first line holds names."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from steepest.errors import TableError
from steepest.tables.missing import is_missing
from steepest.tables.table import ON_TEXTS

__all__ = ["Form", "Look", "sniff"]

DELIMITERS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "a blank"}
#: lines looked at
SAMPLE = 200


@dataclass(frozen=True)
class Look:
    """How to read a delimited text."""

    delimiter: str
    header: bool
    names: list[str]
    why_header: str


@dataclass(frozen=True)
class Form:
    """What is known beforehand of how a text is to be read; None is found out."""

    header: bool | None = None
    delimiter: str | None = None
    encoding: str | None = None
    #: how many columns it has at least: to learn from takes two, to predict from one may do
    least: int = 2


def sniff(text: str, name: str, form: Form) -> Look:
    """Looks at the beginning of a text.

    Raises:
        TableError: nothing there, running text rather than a table, or fewer columns than there must be.
    """
    lines = [line for line in text.splitlines()[: 2 * SAMPLE] if line.strip()][:SAMPLE]
    if not lines:
        raise TableError(f"{name} is empty: there is not one line with anything on it")
    header, delimiter = form.header, form.delimiter
    if delimiter is None:
        delimiter = best_delimiter(lines, name, form.least)
    elif len(delimiter) != 1 or delimiter in '"\r\n':
        raise TableError(f"delimiter must be one character, such as ',' or '\\t'; got {delimiter!r}")
    rows = split(lines, delimiter)
    width = common_width(rows)[0]
    if width < form.least:
        raise TableError(one_column(lines, name, delimiter))
    header, why = (header, "as asked") if header is not None else has_header(rows)
    names = rows[0] if header else [f"c{j}" for j in range(width)]
    return Look(delimiter, header, names, why)


def split(lines: list[str], delimiter: str) -> list[list[str]]:
    """The lines' fields; a tab-separated text with stray quotation marks is split plainly."""
    if delimiter == "\t" and any(line.count('"') % 2 for line in lines):
        return [line.split("\t") for line in lines]
    try:
        return [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter) if row]
    except csv.Error:
        return [line.split(delimiter) for line in lines]


def common_width(rows: list[list[str]]) -> tuple[int, float]:
    """The most common number of fields, and the share of rows that have it."""
    # The last line may be cut where the sample ends.
    counted = rows[:-1] if len(rows) > 2 else rows
    widths = [len(row) for row in counted]
    width = max(set(widths), key=lambda w: (widths.count(w), w))
    return width, widths.count(width) / len(widths)


def best_delimiter(lines: list[str], name: str, least: int = 2) -> str:
    """The delimiter that gives every line the same number of fields, the more the better."""
    found: list[tuple[float, int, str]] = []
    for delimiter in DELIMITERS:
        rows = split(lines, delimiter)
        width, share = common_width(rows)
        if width < 2 or (delimiter == " " and not all_numbers(rows[1:])):
            continue
        found.append((share, width, delimiter))
    steady = [entry for entry in found if entry[0] >= 0.9]
    if not steady and least < 2 and not found:
        return ","
    if not steady:
        raise TableError(not_a_table(lines, name, found))
    # A text field may hold commas: the steadier delimiter wins, then the one with more fields.
    return max(steady, key=lambda entry: (round(entry[0], 2), entry[1]))[2]


def all_numbers(rows: list[list[str]]) -> bool:
    """Whether all fields are numbers: only then can a blank be what stands between them."""
    return bool(rows) and all(is_number(field) for row in rows for field in row)


def not_a_table(lines: list[str], name: str, found: list[tuple[float, int, str]]) -> str:
    """Why a text is not read as a table."""
    words = sum(len(line.split()) for line in lines) / len(lines)
    sample = lines[0] if len(lines[0]) <= 50 else lines[0][:50] + "…"
    if found:
        share, width, delimiter = max(found)
        ragged = (
            f": with {DELIMITERS[delimiter]} as the delimiter {share:.0%} of the lines have {width} fields "
            "and the others another number"
        )
    else:
        ragged = ""
    if found and words < 3:
        share, width, delimiter = max(found)
        rows = split(lines, delimiter)
        odd, row = next((i, row) for i, row in enumerate(rows) if len(row) != width)
        return (
            f"{name} has rows of unequal length{ragged}, such as line {odd + 1} with {len(row)}: mend those lines, or "
            "pass delimiter= if its fields are separated by another character"
        )
    if words >= 3:
        return (
            f"{name} is running text, not a table of rows and columns{ragged} (it begins {sample!r}). "
            f"{ON_TEXTS}"
        )
    return (
        f"{name} has one column only (it begins {sample!r}); a table needs a target and at least one more "
        "column. If its fields are separated by another character, pass delimiter="
    )


def one_column(lines: list[str], name: str, delimiter: str) -> str:
    """Which other delimiter would have found more columns."""
    better = [
        (common_width(split(lines, other))[0], other)
        for other in DELIMITERS
        if other != delimiter and common_width(split(lines, other))[1] >= 0.9
    ]
    message = f"{name} has one column only with {delimiter!r} as the delimiter"
    if better and max(better)[0] > 1:
        width, other = max(better)
        return f"{message}; with {DELIMITERS[other]} (delimiter={other!r}) it has {width}"
    return f"{message}; a table needs a target and at least one more column"


def has_header(rows: list[list[str]]) -> tuple[bool, str]:
    """Whether the first row holds names, and why."""
    first, body = rows[0], rows[1:]
    stripped = [field.strip() for field in first]
    if any(is_number(field) for field in stripped):
        return False, "the first line holds numbers"
    if len(rows) == 1:
        return True, "the only line holds no numbers"
    filled = [field for field in stripped if field]
    if len(filled) < len(stripped) - 1:
        return False, "the first line has empty fields"
    for j, field in enumerate(stripped):
        column = [row[j].strip() for row in body if j < len(row) and not is_missing(row[j])]
        if column and all(is_number(entry) for entry in column):
            return True, f"the first line holds no numbers where column {j} does below"
        if field and field in column:
            return False, f"{field!r} of the first line occurs again below"
    if all(len(field) <= 40 for field in stripped) and len(set(stripped)) == len(stripped):
        return True, "the first line is short, without repetition, and does not occur again"
    return False, "the first line looks like the others"


def is_number(text: str) -> bool:
    """Whether a field is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return text.strip().lower().lstrip("+-") not in {"nan", "inf", "infinity"}
