"""The schema: what was learned about a table's columns, and how new rows are encoded alike."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from steepest.conform import Each, conforms
from steepest.errors import InputError, TableError, did_you_mean
from steepest.tables import dates
from steepest.tables.design import Design, Feature
from steepest.tables.encoders import (
    MOST_HASHED,
    OTHER,
    HashedPiece,
    LevelsPiece,
    NumberPiece,
    Piece,
    piece_from_dict,
    split_parts,
)
from steepest.tables.form import SHAPE, Form
from steepest.tables.kinds import expect
from steepest.tables.numerals import GROUPS, Notation
from steepest.tables.source import read
from steepest.tables.table import Table, listed
from steepest.tables.values import CLOCK, Values

__all__ = ["Applied", "Column", "Schema"]

FORMAT = 1
#: columns gathered at a time
STRIP = 16
MISSING_WAYS = ("fill", "impute", "refuse")
_PIECE = {"name": str, "column": str, "part": (None, str)}
_NUMBER = {**_PIECE, "fill": float, "indicator": bool, "type": {"number"}}
_LEVELS = {**_PIECE, "levels": [str], "pooled": [str], "type": {"levels"}}
_HASHED = {**_PIECE, "count": int, "absent": bool, "texts": bool, "type": {"hashed"}}
_MARKS = {"decimal?": (None, {".", ","}), "thousands?": (None, set(GROUPS))}
_COLUMN = {
    "name": str, "kind": str, "used": bool, "reason": str, "missing": int, "missing_in_training?": (None, int),
    "filled_with": (None, str, float, Each((str, float))), "levels": (None, int), "mean": (None, float),
    "sd": (None, float), "min": (None, float), "max": (None, float),
    "values": {"number", "boolean", "time", "text"}, "format": (None, str), "decimal?": _MARKS["decimal?"],
    "pieces": [(_NUMBER, _LEVELS, _HASHED)],
}  # fmt: skip
#: the shape of a schema in JSON
SCHEMA = {
    "target": str, "task": {"binary", "multiclass", "regression"}, "task_reason": str,
    "classes": (None, [(str, int, float, bool)]), "columns": [_COLUMN], "missing": set(MISSING_WAYS), "named": bool,
    "reading": {"delimiter?": str, "header?": (None, bool), "encoding?": (None, str), **_MARKS}, "form?": SHAPE,
}  # fmt: skip


@dataclass
class Column:
    """What is known of one column of the table."""

    name: str
    #: number, category, boolean, date, identifier, text, constant, duplicate, empty, target or dropped
    kind: str
    used: bool
    #: why it is of that kind, or why it is left out
    reason: str
    #: how many values are missing, of the rows that have a target
    missing: int = 0
    #: and of the training rows, from which mean, deviation, least, greatest and what fills them come
    missing_in_training: int | None = None
    #: what missing values become
    filled_with: Any = None
    #: the number of levels of a category
    levels: int | None = None
    mean: float | None = None
    sd: float | None = None
    min: float | None = None
    max: float | None = None
    #: the kind of values it holds: number, boolean, text or time
    values: str = "number"
    #: how its times are written
    format: str | None = None
    #: the decimal mark of its numbers where they were read from texts that have one
    decimal: str | None = None
    pieces: list[Piece] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As a plain dict."""
        return asdict(self)


@dataclass(frozen=True)
class Applied:
    """New rows, encoded; what was unseen, what was filled, what was not used."""

    design: Design
    #: the table the rows came from
    table: Table
    #: piece to text to count: levels that were not there when the schema was made
    unseen: dict[str, dict[str, int]]
    #: column to the number of values filled
    filled: dict[str, int]
    #: columns of the table that the schema does not know
    ignored: list[str]
    #: column to the number of values beyond its range by more than the range's width, and that range
    far: dict[str, tuple[int, float, float]] = field(default_factory=dict)


@dataclass
class Schema:
    """How a table is encoded: its target, its columns and their pieces; plain data, saved with a model.

    >>> from steepest.tables import prepare
    >>> schema = prepare("iris").schema
    >>> Schema.from_json(schema.to_json()) == schema
    True
    """

    target: str
    task: str
    task_reason: str
    classes: tuple[Any, ...] | None
    columns: list[Column]
    #: what is done about missing and infinite values
    missing: str = "fill"
    #: whether the table's columns had names (a header)
    named: bool = True
    #: how its text was read
    reading: dict[str, Any] = field(default_factory=dict)
    #: what enters as curves, as levels of numbers, in pairs
    form: Form = field(default_factory=Form)

    @property
    def used(self) -> list[Column]:
        """The columns that the design is made of."""
        return [column for column in self.columns if column.used]

    @property
    def pieces(self) -> list[Piece]:
        """All pieces, in the design's order within each of its two parts."""
        return [piece for column in self.used for piece in column.pieces]

    def column(self, name: str) -> Column:
        """One column by its name."""
        return next(column for column in self.columns if column.name == name)

    def to_json(self) -> str:
        """As JSON text."""
        data = {"format": FORMAT, **asdict(self)}
        if not self.form:  # as versions wrote and read it that knew of no form
            del data["form"]
        return json.dumps(data, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """From the text that `to_json` wrote.

        Raises
        ------
        InputError
            The text is no schema, or one of a later version.
        """
        try:
            data = json.loads(text, parse_constant=float)
            found = data.pop("format")
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise InputError(f"this is no schema: {type(error).__name__} {error}") from None
        if type(found) is int and found > FORMAT:
            raise InputError(
                f"the schema has format {found}; this version reads up to {FORMAT}: update steepest"
            )
        if found != FORMAT or (wrong := conforms(data, SCHEMA)):
            raise InputError(f"this is no schema: {wrong if found == FORMAT else 'its format is none'}")
        columns = [
            Column(**{**column, "pieces": [piece_from_dict(piece) for piece in column["pieces"]]})
            for column in data.pop("columns")
        ]
        classes = data.pop("classes")
        if "form" in data:
            data["form"] = Form.from_dict(data["form"])
        schema = cls(**data, columns=columns, classes=None if classes is None else tuple(classes))
        if (wrong := schema.contradiction()) is not None:
            raise InputError(f"this is no schema: {wrong}")
        return schema

    def contradiction(self) -> str | None:
        """What in it does not fit together, or None."""
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names) or self.target not in names:
            return "columns repeat each other, or none is the target"
        if (self.classes is None) != (self.task == "regression") or (
            self.classes is not None and len(set(map(repr, self.classes))) < max(2, len(self.classes))
        ):
            return f"its classes do not suit the task {self.task!r}"
        for column in self.used:
            if not column.pieces or any(piece.column != column.name for piece in column.pieces):
                return f"the pieces of {column.name!r} are not its own"
            known = dates.is_format if column.values == "time" else (lambda format: format == CLOCK)
            if column.format is not None and not known(column.format):
                return f"the dates of {column.name!r} have no format that is known"
            for piece in column.pieces:
                levels = not isinstance(piece, NumberPiece)
                part = dates.KINDS.get(piece.part or "")
                if (part is not None) != (column.values == "time") or (piece.part is not None) != (
                    part is not None
                ):
                    return f"{piece.name!r} is no part of a date"
                if levels != (part == "category" if part else column.values == "text"):
                    return f"{piece.name!r} is of another kind than its column"
                if isinstance(piece, HashedPiece) and not 2 <= piece.count <= MOST_HASHED:
                    return f"{piece.name!r} is hashed to {piece.count} levels"
                if isinstance(piece, LevelsPiece) and piece.pooled and OTHER not in piece.levels:
                    return f"{piece.name!r} has no level for those that are pooled"
        numbers = {n for piece in self.pieces if isinstance(piece, NumberPiece) for n in piece.names}
        texts = {piece.name: piece.levels for piece in self.pieces if not isinstance(piece, NumberPiece)}
        return self.form.fault(numbers, texts)

    @property
    def width(self) -> int:
        """The number of columns of the dense design."""
        plain = sum(p.width if isinstance(p, NumberPiece) else len(p.levels) for p in self.pieces)
        return self.form.width(plain)

    def apply(self, source: Any) -> Applied:
        """Encodes new rows: columns in any order, further ones ignored, unseen and missing values included.

        Parameters
        ----------
        source
            Anything that `steepest.tables.read` takes.

        Raises
        ------
        TableError
            A column is missing, or holds what it did not hold before; row and column are named.
        """
        table = self.matched(read(source, **self.read_options(source)))
        filled: dict[str, int] = {}
        values: dict[str, Values] = {}
        for column in self.used:
            values[column.name] = self.column_values(table, column)
        design, unseen, filled = encode(self.used, values, slice(None), table.rows)
        known = {column.name for column in self.columns}
        ignored = [name for name in table.names if name not in known]
        far = {c.name: found for c in self.used if (found := far_outside(c, values[c.name]))}
        return Applied(self.form.expand(design), table, unseen, filled, ignored, far)

    def read_options(self, source: Any) -> dict[str, Any]:
        """How a file of new rows is read: with a header where there was one, and one column if one is needed."""
        if not is_path(source):
            return {}
        alike: dict[str, Any] = {
            key: self.reading[key] for key in ("header", "decimal", "thousands") if key in self.reading
        }
        marks = {column.decimal for column in self.columns} - {None}
        if marks == {"."}:  # found out when the model was fitted: a few new rows may leave it open
            alike.setdefault("decimal", ".")
        # Arrow would read 1.234 as a fraction; where a comma is the decimal mark it is a thousand and more.
        commas = [column.name for column in self.columns if column.decimal == ","]
        # And 01234 for a number, where it is a code.
        codes = [
            p.column
            for p in self.pieces
            if (isinstance(p, LevelsPiece) and p.part is None and has_zeros(p))
            or (isinstance(p, HashedPiece) and p.texts)
        ]
        kept = [*commas, *codes]
        as_texts = kept if self.named or not kept else None
        return {**alike, "least": min(2, len(self.used)), "as_texts": as_texts}

    def matched(self, table: Table) -> Table:
        """The table under the schema's names: by name, or by position where names were never given."""
        needed = [column.name for column in self.used]
        if not self.named:
            table = self.by_position(table)
        absent = [name for name in needed if name not in table.columns]
        if absent:
            hints = did_you_mean(absent[0], table.names) or f"; it has {listed(table.names)}"
            raise TableError(f"{table.name} lacks {listed(absent)}, which the model needs{hints}")
        return table

    def by_position(self, table: Table) -> Table:
        """Columns without names are matched by position; the target may be left out."""
        names = [column.name for column in self.columns]
        if table.named and all(column.name in table.columns for column in self.used):
            return table
        if len(table.names) == len(names) - 1:
            names = [name for name in names if name != self.target]
        if len(table.names) != len(names):
            raise TableError(
                f"{table.name} has {len(table.names)} columns where the model's table had "
                f"{len(self.columns)}, the "
                "target included; columns have no names, so they are matched by position"
            )
        columns = dict(zip(names, (table.columns[name] for name in table.names), strict=True))
        return replace(table, columns=columns, named=False)

    def column_values(self, table: Table, column: Column) -> Values:
        """A column's values as the kind they are in the schema; missing and infinite ones judged."""
        said = table.notation
        if said.decimal is None and column.decimal is not None:
            said = Notation(column.decimal, None if said.thousands == column.decimal else said.thousands)
        impute = self.missing == "impute"
        array = table.column(column.name)
        values = expect(array, column.name, column.values, column.format, impute, said)
        check_finite(values, column.name, self.missing, new=True)
        return values


def far_outside(column: Column, values: Values) -> tuple[int, float, float] | None:
    """How many numbers lie outside a column's range by more than its width, and five deviations from its mean; and that
    range; None for none."""
    low, high = column.min, column.max
    if column.values != "number" or values.numbers is None or low is None or high is None:
        return None
    numbers = values.numbers[np.isfinite(values.numbers)]
    # Halves, since the width of the largest floats is infinite.
    far = np.abs(0.5 * numbers - (0.25 * low + 0.25 * high)) > 1.5 * (0.5 * high - 0.5 * low)
    if column.mean is not None and column.sd is not None:
        # The range of a few rows says little: others lie beyond it by chance.
        far &= np.abs(0.5 * numbers - 0.5 * column.mean) > 2.5 * column.sd
    count = int(far.sum())
    return (count, low, high) if count else None


def has_zeros(piece: LevelsPiece) -> bool:
    """Whether some level is digits that begin with 0."""
    return any(
        len(level) > 1 and level[0] == "0" and level.isdigit() for level in (*piece.levels, *piece.pooled)
    )


def is_path(source: Any) -> bool:
    """Whether a source is a path of some sort."""
    return isinstance(source, (str, bytes)) or hasattr(source, "__fspath__")


def check_finite(values: Values, name: str, missing: str, new: bool = False) -> None:
    """Refuses infinite values, and missing ones where asked to, by row and column; `new` rows are predicted."""
    if missing not in MISSING_WAYS:
        raise InputError(
            f"missing must be 'fill', 'impute' or 'refuse'{did_you_mean(missing, MISSING_WAYS)}; got "
            f"{missing!r}"
        )
    if missing == "refuse" and (absent := np.flatnonzero(values.missing)).size:
        remedy = 'the model was fitted with missing="refuse"' if new else 'drop it, or pass missing="fill"'
        raise TableError(f"column {name!r} row {absent[0]} is missing ({len(absent)} in all): {remedy}")
    if missing == "impute" or values.numbers is None:
        return
    infinite = np.flatnonzero(np.isinf(values.numbers))
    if infinite.size:
        remedy = "leave that field empty, which the model fills"
        if not new:
            remedy = 'leave that field empty, or pass missing="impute" to take it as missing'
        raise TableError(
            f"column {name!r} row {infinite[0]} is not finite ({len(infinite)} in all): {remedy}"
        )


class Strips:
    """A matrix in C order, filled by columns: some columns at a time are gathered and then turned round."""

    def __init__(self, rows: int, columns: int) -> None:
        self.matrix = np.empty((rows, columns))
        self.strip = np.empty((min(STRIP, columns), rows))
        self.done = self.held = 0

    def next(self, width: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The next columns, of shape (rows, width), to be written to."""
        if self.held + width > len(self.strip):
            self.turn()
        self.held += width
        return self.strip[self.held - width : self.held].T

    def turn(self) -> None:
        """Puts the gathered columns in their place."""
        self.matrix[:, self.done : self.done + self.held] = self.strip[: self.held].T
        self.done, self.held = self.done + self.held, 0

    def whole(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The matrix."""
        self.turn()
        return self.matrix


def encode(
    columns: list[Column], values: dict[str, Values], rows: Any, count: int
) -> tuple[Design, dict[str, dict[str, int]], dict[str, int]]:
    """The design of the given rows, what was unseen, and how many values were filled by column."""
    pieces = [piece for column in columns for piece in column.pieces]
    number_pieces = [piece for piece in pieces if isinstance(piece, NumberPiece)]
    level_pieces = [piece for piece in pieces if not isinstance(piece, NumberPiece)]
    numbers = Strips(count, sum(piece.width for piece in number_pieces))
    codes = np.empty((count, len(level_pieces)), np.int32)
    unseen: dict[str, dict[str, int]] = {}
    filled: dict[str, int] = {}
    category = 0
    for column in columns:
        split = split_parts(values[column.name]) if column.values == "time" else {}
        for piece in column.pieces:
            source = split[piece.part] if piece.part is not None else values[column.name]
            if isinstance(piece, NumberPiece):
                if done := piece.write(source, rows, numbers.next(piece.width)):
                    filled[column.name] = done
                continue
            strange = piece.write(source, rows, codes[:, category])
            category += 1
            if strange:
                unseen[piece.name] = strange
    design = Design(
        numbers.whole(),
        codes,
        tuple(Feature(name, piece.column) for piece in number_pieces for name in piece.names),
        tuple(piece.levels for piece in level_pieces),
        tuple(piece.name for piece in level_pieces),
        tuple(piece.column for piece in level_pieces),
    )
    return design, unseen, filled
