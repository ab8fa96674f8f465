"""What a delimited text looks like: what stands before its table, its delimiter, whether a line holds names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from steepest.errors import TableError
from steepest.tables.header import column_of, has_header
from steepest.tables.missing import is_missing
from steepest.tables.numerals import Notation, is_numeral
from steepest.tables.table import ON_TEXTS

__all__ = ["Form", "Look", "sniff", "tokens"]

DELIMITERS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "a blank"}
#: lines looked at
SAMPLE = 200
#: lines that may stand above a table
MOST_TITLES = 10
#: physical lines that one line of names may take, with line breaks inside quotation marks
MOST_LINES = 50
LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
TOKEN = re.compile(r'"(?:[^"]|"")*"|[^\s"]\S*')
SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Look:
    """How to read a delimited text."""

    delimiter: str
    header: bool
    names: list[str]
    why_header: str
    #: characters before the first row: names, comments, a line that names the delimiter
    skip: int = 0
    #: whether the names stand in a comment
    commented: bool = False
    #: whether fields are separated by any number of blanks
    aligned: bool = False
    #: whether each row ends in a delimiter, so that its last field is none
    trailing: bool = False
    #: whether blanks stand between a delimiter and a quotation mark
    spaced: bool = False
    #: whether a backslash stands before a quotation mark inside of a field
    escaped: bool = False
    #: what else was found, in sentences
    notes: list[str] = field(default_factory=list)
    #: the first rows
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Form:
    """What is known beforehand of how a text is to be read; None is found out."""

    header: bool | None = None
    delimiter: str | None = None
    encoding: str | None = None
    #: how many columns it has at least: to learn from takes two, to predict from one may do
    least: int = 2
    notation: Notation = field(default_factory=Notation)
    #: columns whose fields stay as they are written; None for all
    as_texts: frozenset[str] | None = frozenset()


def sniff(text: str, name: str, form: Form) -> Look:
    """Looks at the beginning of a text.

    Raises
    ------
    TableError
        Nothing there, running text rather than a table, fewer columns than there must be, or a first
        line that could be names or data.
    """
    skip, separator, comments = preamble(text)
    if not text[skip:].strip():  # every line begins with #: those are no comments
        skip, comments = 0, []
    notes = [f"comments before the table are not read (lines: {len(comments)})"] if comments else []
    lines = [line for line in some_lines(text[skip:]) if line.strip()][:SAMPLE]
    plain = [line for line in lines if not line.startswith("#")]
    lines = plain if 2 * len(plain) > len(lines) else lines
    if not lines:
        raise TableError(f"{name} is empty: there is not one line with anything on it")
    given, aligned = form.delimiter or separator, False
    if form.header is not False and (above := titles(lines, [given] if given else list(DELIMITERS), name)):
        notes.append(f"lines above the table are not read ({above}, the first is {lines[0].strip()[:60]!r})")
        skip, lines = skip + end_of(text[skip:], above), lines[above:]
    if given is None:
        delimiter, aligned = best_delimiter(lines, name, form.least)
    elif len(given) != 1 or given in '"\r\n':
        raise TableError(f"delimiter must be one character, such as ',' or '\\t'; got {given!r}")
    else:
        delimiter, aligned = given, given == " " and has_runs(lines)
    rows = split(lines, delimiter, aligned)
    width = shared_width(rows)[0]
    if width < form.least:
        raise TableError(one_column(lines, name, delimiter))
    first, taken = rows[0], 0
    names = commented_names(comments, delimiter, aligned, width) if form.header is None else None
    commented = names is not None and not has_header(rows, name)[0]
    if commented and names is not None:
        header, why = True, "they stand in a comment"
    else:
        header, why = (form.header, "as asked") if form.header is not None else has_header(rows, name)
        names = first if header else [f"c{j}" for j in range(width)]
        taken = first_record(lines, delimiter, aligned) if header else 0
    body = rows[1:] if taken else rows
    names, trailing = fitted_names(names, body, width, header, name)
    if taken:
        skip += end_of(text[skip:], taken)
    spaced, escaped = (False, False) if aligned else quoting(lines, delimiter)
    return Look(
        delimiter, header, names, why, skip, commented, aligned, trailing, spaced, escaped, notes, body
    )


def titles(lines: list[str], delimiters: list[str], name: str) -> int:
    """How many lines stand above the line of names: each one field alone, where all lines below are rows."""
    for delimiter in delimiters:
        if len(delimiter) != 1 or delimiter in '" \r\n':
            continue
        rows = split(lines, delimiter)
        used = [max((j + 1 for j, field in enumerate(row) if field.strip()), default=0) for row in rows]
        above = next((k for k, width in enumerate(used) if width > 1), 0)
        if not 0 < above <= MOST_TITLES or any(line.startswith("#") for line in lines[:above]):
            continue
        below = rows[above:]
        width, share = common_width(below)
        if width < 2 or share < 0.9 or len(below) < 3 or len(rows[above]) != width:
            continue
        try:
            named, _ = has_header(below, name)
        except TableError:
            continue
        numbers = any(
            (column := column_of(below[1:], j)) and all(is_numeral(field) for field in column)
            for j in range(width)
        )
        if named and numbers:
            return above
    return 0


def quoting(lines: list[str], delimiter: str) -> tuple[bool, bool]:
    """Whether blanks stand before quotation marks, and whether a backslash stands before one inside of a field."""
    if stray_quotes(lines, delimiter):
        return False, False
    mark = re.escape(delimiter)
    spaced = delimiter != " " and any(re.search(f'{mark} +"', line) for line in lines)
    inside = re.compile(rf'[^\\]\\"(?!\s*(?:{mark}|$))')
    return spaced, any(inside.search(line.rstrip()) for line in lines)


def preamble(text: str) -> tuple[int, str | None, list[str]]:
    """What stands before the table: its length, the delimiter that a line `sep=;` names, the lines of comments."""
    skip, separator = 0, None
    comments: list[str] = []
    for match in LINE.finditer(text):
        line = match[0].strip().lstrip("\ufeff")
        named = SEPARATOR.fullmatch(line)
        if named and separator is None and not comments:
            separator = named[1]
        elif line.startswith("#"):
            comments.append(line.lstrip("#").strip())
        elif line:
            break
        skip = match.end()
    return skip, separator, comments


def some_lines(text: str) -> Iterator[str]:
    """The first lines, with their ends."""
    for count, match in enumerate(LINE.finditer(text)):
        if count == 2 * SAMPLE:
            return
        yield match[0]


def end_of(text: str, count: int) -> int:
    """Where so many lines that are not blank end."""
    for match in LINE.finditer(text):
        count -= bool(match[0].strip())
        if count == 0:
            return match.end()
    return len(text)


def first_record(lines: list[str], delimiter: str, aligned: bool) -> int:
    """How many lines the first row takes: more than one where a quoted name holds a line break."""
    if aligned or stray_quotes(lines, delimiter):
        return 1
    spaced, escaped = quoting(lines[:1], delimiter)
    reader = csv.reader(
        lines, delimiter=delimiter, skipinitialspace=spaced, escapechar="\\" if escaped else None
    )
    try:
        next(reader)
    except csv.Error:
        return 1
    return reader.line_num if reader.line_num <= MOST_LINES else 1


def fitted_names(
    names: list[str], body: list[list[str]], width: int, header: bool, where: str
) -> tuple[list[str], bool]:
    """As many names as fields: one more for row names as R writes them, or for a delimiter at each row's end.

    The second value says whether the last field of each row is nothing but what follows that delimiter.
    """
    names = [re.sub(r"\s*[\r\n]+\s*", " ", name) for name in names]
    while len(names) > width and not names[-1].strip():
        names = names[:-1]
    last_empty = bool(body) and all(len(row) < width or not row[width - 1].strip() for row in body)
    if header and len(names) == width - 1 and body:
        if last_empty:
            return [*names, ""], True
        if not are_row_names([row[0].strip() for row in body if row]):
            raise TableError(
                f"the rows of {where} have {width} fields where its first line has {len(names)} names, and the first "
                "fields are no names of rows: a field that holds the delimiter (as 1,5 does) must stand in quotation "
                "marks; or complete the first line"
            )
        return ["", *names], False
    return names, header and len(names) > 1 and not names[-1].strip() and last_empty


def are_row_names(fields: list[str]) -> bool:
    """Whether first fields are what R writes before a row: all different, and a count from 1 (or 0) or texts.

    >>> are_row_names(["1", "2", "3"]), are_row_names(["1", "3"]), are_row_names(["'1", "'3"])
    (True, False, False)
    """
    if len(set(fields)) < len(fields):
        return False
    if all(field.isdigit() for field in fields):
        first = int(fields[0])
        return first in (0, 1) and [int(field) for field in fields] == list(range(first, first + len(fields)))
    return not any(is_numeral(field) or field.startswith("'") for field in fields)


def commented_names(comments: list[str], delimiter: str, aligned: bool, width: int) -> list[str] | None:
    """The names that the last comment before the table holds, where it has as many fields as the rows."""
    if not comments:
        return None
    fields = split([comments[-1]], delimiter, aligned)
    if not fields or len(fields[0]) != width or any(is_numeral(field) for field in fields[0]):
        return None
    return fields[0]


def tokens(line: str) -> list[str]:
    """The fields of a line that are separated by any number of blanks; those in quotation marks may hold some."""
    return TOKEN.findall(line)


def stray_quotes(lines: list[str], delimiter: str) -> bool:
    """Whether quotation marks are just characters, as is usual between tabs."""
    return delimiter == "\t" and any(line.count('"') % 2 for line in lines)


def split(lines: list[str], delimiter: str, aligned: bool = False) -> list[list[str]]:
    """The lines' fields; a tab-separated text with stray quotation marks is split plainly."""
    if aligned:
        return [[unquoted(field) for field in tokens(line)] for line in lines]
    if not stray_quotes(lines, delimiter):
        spaced, escaped = quoting(lines, delimiter)
        escape = "\\" if escaped else None
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced, escapechar=escape)
        try:
            return [row for row in reader if row]
        except csv.Error:
            pass
    return [line.rstrip("\r\n").split(delimiter) for line in lines]


def unquoted(token: str) -> str:
    """A field without its quotation marks."""
    return token[1:-1].replace('""', '"') if len(token) > 1 and token[0] == token[-1] == '"' else token


def common_width(rows: list[list[str]]) -> tuple[int, float]:
    """The most common number of fields, and the share of rows that have it."""
    # The last line may be cut where the sample ends.
    counted = rows[:-1] if len(rows) > 2 else rows
    widths = [len(row) for row in counted]
    width = max(set(widths), key=lambda w: (widths.count(w), w))
    return width, widths.count(width) / len(widths)


def best_delimiter(lines: list[str], name: str, least: int = 2) -> tuple[str, bool]:
    """The delimiter that gives every line the same number of fields, and whether runs of blanks count as one.

    A field may hold other delimiters, as 1,5 does: the steadier one wins, then the one by which the first line has as
    many fields as the others, then the one whose fields are numbers, and whose other fields hold no other delimiter,
    then the one with more fields.
    """
    found: list[tuple[float, int, str]] = []
    steady: list[tuple[float, bool, float, float, int, str, bool]] = []

    def rank(rows: list[list[str]], share: float, width: int) -> tuple[float, bool, float, float, int]:
        exact = len(rows[0]) == width
        return round(share, 2), exact, round(share_of_numbers(rows[1:]), 1), share_of_clean(rows), width

    for delimiter in DELIMITERS:
        if delimiter == " ":
            continue
        rows = split(lines, delimiter)
        width, share = shared_width(rows)
        if width < 2:
            continue
        found.append((share, width, delimiter))
        if share >= 0.9:
            steady.append((*rank(rows, share, width), delimiter, False))
    rows = [tokens(line) for line in lines]
    width, share = shared_width(rows)
    strict = len(rows) > 1 and all(
        is_numeral(field) or is_missing(field) or field.startswith('"') for row in rows[1:] for field in row
    )
    loose = not steady and share == 1 and len(rows) > 4 and width > 2 and number_columns(rows[1:])
    if width > 1 and (strict or loose) and share >= 0.9:
        steady.append((*rank(rows, share, width), " ", has_runs(lines)))
    if not steady and least < 2 and not found:
        return ",", False
    if not steady:
        raise TableError(not_a_table(lines, name, found))
    chosen = max(steady, key=lambda entry: entry[:5])
    return chosen[5], chosen[6]


def shared_width(rows: list[list[str]]) -> tuple[int, float]:
    """As `common_width`, but for a first row that lacks one field, as R writes names, or has an empty one more."""
    if len(rows) > 2 and (
        len(rows[0]) + 1 == len(rows[1]) or (len(rows[0]) - 1 == len(rows[1]) and not rows[0][-1].strip())
    ):
        return common_width(rows[1:])
    return common_width(rows)


def share_of_numbers(rows: list[list[str]]) -> float:
    """The share of fields that are numbers, or missing."""
    fields = [field for row in rows for field in row]
    return sum(is_numeral(field) for field in fields) / len(fields) if fields else 0.0


def share_of_clean(rows: list[list[str]]) -> float:
    """The share of fields that are numbers or hold no delimiter, to a tenth: 35;v was cut at the wrong place."""
    fields = [field for row in rows for field in row]
    clean = sum(is_numeral(field) or not any(mark in field for mark in ";\t|") for field in fields)
    return round(clean / len(fields), 1) if fields else 0.0


def number_columns(rows: list[list[str]]) -> bool:
    """Whether some column is all numbers: running text of steady length has none."""
    return any(all(is_numeral(row[j]) for row in rows) for j in range(min(map(len, rows))))


def has_runs(lines: list[str]) -> bool:
    """Whether more than one blank, or a tab beside them, stands between fields or before the first."""
    return any(re.search(r"^[ \t]|[ \t]{2}|\t|[ \t]$", line.strip("\r\n")) for line in lines)


def not_a_table(lines: list[str], name: str, found: list[tuple[float, int, str]]) -> str:
    """Why a text is not read as a table."""
    words = sum(len(line.split()) for line in lines) / len(lines)
    begin = lines[0].rstrip("\r\n")
    sample = begin if len(begin) <= 50 else begin[:50] + "…"
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
