"""Whether the first row of a text holds names: also where the names are numbers, years or a count of columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from steepest.errors import TableError
from steepest.tables.missing import is_missing
from steepest.tables.numerals import is_numeral

__all__ = ["column_of", "has_header"]

WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")


def has_header(rows: list[list[str]], name: str = "the text") -> tuple[bool, str]:
    """Whether the first row holds names, and why.

    Raises
    ------
    TableError
        It could be names or data.
    """
    first, body = [field.strip() for field in rows[0]], rows[1:]
    if any(is_numeral(field) for field in first):
        why = numbers_as_names(first, body, name)
        return why is not None, why or "the first line holds numbers"
    if not body:
        return True, "the only line holds no numbers"
    if len(body) > 1 and all(len(row) == len(first) + 1 for row in body[:-1]):
        return True, "the first line has one field less than the others"
    filled = [field for field in first if field]
    columns = [column_of(body, j) for j in range(len(first))]
    numbers = [j for j, column in enumerate(columns) if column and all(is_numeral(entry) for entry in column)]
    # A word above numbers tells more than one that occurs again, as a name among its own column's values may.
    words = [j for j in numbers if first[j][:1].isalpha() and not is_missing(first[j])]
    again = [field for field, column in zip(first, columns, strict=True) if field and field in column]
    if again and not words:
        return False, f"{again[0]!r} of the first line occurs again below"
    if numbers:
        j = (words or numbers)[0]
        where = repr(first[j]) if first[j] else f"column {j}"
        return True, f"the first line holds no number above those of {where}"
    if len(filled) < len(first) - 1:
        return False, "the first line has empty fields"
    if all(len(field) <= 40 for field in first) and len(set(first)) == len(first):
        return True, "the first line is short, without repetition, and does not occur again"
    return False, "the first line looks like the others"


def column_of(rows: list[list[str]], j: int) -> list[str]:
    """A column's fields, missing ones left out."""
    return [row[j].strip() for row in rows if j < len(row) and not is_missing(row[j])]


@dataclass(frozen=True)
class Numbers:
    """The numbers of a first line, at their places."""

    values: list[int]
    places: list[int]

    @classmethod
    def of(cls, first: list[str]) -> Numbers | None:
        """None where one of them is no whole number."""
        places = [j for j, field in enumerate(first) if is_numeral(field)]
        if not all(WHOLE.fullmatch(first[j]) for j in places):
            return None
        return cls([int(first[j]) for j in places], places)

    @property
    def steps(self) -> list[int]:
        return steps_of(self.values)

    @property
    def rise(self) -> bool:
        """By equal steps."""
        steps = set(self.steps)
        return len(steps) == 1 and min(steps) > 0

    @property
    def count(self) -> bool:
        """0, 1, 2, ... or 1, 2, 3, ..."""
        return self.rise and self.steps[0] == 1 and self.values[0] in (0, 1)

    @property
    def years(self) -> bool:
        return all(map(is_year, self.values))

    def alike(self, body: list[list[str]]) -> float:
        """The share of rows whose fields at these places are like the first row's: years, or rising by its steps."""
        count = 0
        for row in body:
            fields = [row[j].strip() for j in self.places if j < len(row)]
            if all(WHOLE.fullmatch(field) for field in fields):
                found = [int(field) for field in fields]
                count += all(map(is_year, found)) if self.years else steps_of(found) == self.steps
        return count / len(body)


def numbers_as_names(first: list[str], body: list[list[str]], name: str) -> str | None:
    """Why a first row that holds numbers holds names all the same: it counts the columns, or holds years.

    Raises
    ------
    TableError
        It could be names or data.
    """
    numbers = Numbers.of(first)
    if not body or numbers is None:
        return None
    columns = [column_of(body, j) for j in range(len(first))]
    words = [j for j, field in enumerate(first) if field and j not in numbers.places]
    if any(first[j] in columns[j] for j in words):
        return None
    if numbers.count and first[0] == "" and len(first) == len(numbers.values) + 1:
        return "the first line counts the columns"
    below = [j for j in words if not first[j][0].isdigit() and amounts(columns[j])]
    if below and (numbers.rise or numbers.years):
        return f"the first line holds no number where column {below[0]} does below"
    if numbers.alike(body) > 0.05:
        return None
    if numbers.years and numbers.rise:
        return "the first line holds years, and no other line does"
    again = all(first[j] in columns[j] for j in numbers.places)
    if numbers.rise and len(numbers.values) > 3 - (numbers.count and not again):
        return "the first line rises by equal steps, and no other line does"
    all_fractions = all(fractions(columns[j]) for j in numbers.places)
    if numbers.count and not words and not again and all_fractions:
        return "the first line counts the columns, which hold fractions"
    if numbers.years and words:
        raise TableError(
            f"the first line of {name} could hold names or data ({', '.join(first[:6])}): pass header=True if it "
            "holds the names, header=False if not"
        )
    return None


def amounts(column: list[str]) -> bool:
    """Whether a column holds numbers, or dates."""
    return bool(column) and all(is_numeral(entry) or entry[0].isdigit() for entry in column)


def fractions(column: list[str]) -> bool:
    """Whether all its numbers are written with a part below 1."""
    return all("." in entry or "," in entry for entry in column)


def is_year(value: int) -> bool:
    """Whether a number may be a year."""
    return 1800 <= value <= 2100


def steps_of(values: list[int]) -> list[int]:
    """From each to the next."""
    return [b - a for a, b in pairwise(values)]
