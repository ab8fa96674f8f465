"""Arrow's parse of a delimited text, tried again where rows look ragged or digits would be lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from steepest.errors import TableError
from steepest.tables.header import column_of
from steepest.tables.missing import TOKENS
from steepest.tables.sniff import DELIMITERS, Form, Look
from steepest.tables.table import unique_names
from steepest.tables.utf8 import Open, has_quotes, is_utf8
from steepest.tables.values import are_codes

__all__ = ["BLOCK", "NotUtf8", "Parsing", "first_line"]

#: bytes that Arrow parses at a time; more where a row is longer
BLOCK, MOST_BLOCK = 1 << 22, 1 << 29
#: fractions from here on may be whole numbers that had too many digits
LONG = 2.0**53
#: texts with at most this many different values are read as codes at once
DICTIONARY = 4096


class NotUtf8(Exception):
    """Some texts further on in a text are not UTF-8."""


@dataclass(frozen=True)
class Parsing:
    """Arrow's parse of a text whose look is known."""

    opened: Open
    name: str
    look: Look
    form: Form
    #: bytes before the first row
    skip: int
    quoted: bool
    comments: list[str] = field(default_factory=list)

    def table(
        self,
        multiline: bool = False,
        texts: frozenset[str] = frozenset(),
        block: int = BLOCK,
        tolerant: bool = False,
    ) -> pa.Table:
        """The parse, retried with line breaks allowed inside quotation marks where rows look ragged.

        Parameters
        ----------
        multiline
            Whether line breaks may stand inside quotation marks.
        texts
            Columns that are to stay as they are written.
        block
            Bytes parsed at a time; a row must fit in.
        tolerant
            Whether rows of another length are looked at one by one, for comments among them.

        Raises
        ------
        NotUtf8
            It is to be mended first.
        TableError
            It cannot be read.
        """
        invalid: list[Any] = []
        self.comments.clear()
        try:
            with self.opened() as stream:
                stream.seek(self.skip)
                table = csv.read_csv(
                    stream, **self.options(multiline, texts, block, invalid if tolerant else None)
                )
        except pa.ArrowInvalid as error:
            said = str(error)
            if "Empty CSV" in said:
                names = unique_names(self.look.names, self.name)
                return pa.table({column: pa.array([], pa.null()) for column in names})
            if "block size" in said and block < MOST_BLOCK:
                return self.table(multiline, texts, block * 16, tolerant)
            if "columns, got" in said and not tolerant:
                if not is_utf8(b"", self.opened):  # what Arrow shows of a row must be text
                    raise NotUtf8 from None
                return self.table(multiline, texts, block, True)
            if self.may_be_multiline(multiline) and "quote" not in said:
                return self.table(True, texts, block, tolerant)
            raise TableError(f"{self.name} cannot be read as delimited text: {first_line(error)}") from None
        if any(holds_bytes(kind) for kind in table.schema.types):
            raise NotUtf8
        if invalid and self.may_be_multiline(multiline):
            return self.table(True, texts, block, True)
        if invalid:
            raise TableError(ragged(self.opened, self.name, self.look, invalid[0], len(self.look.names)))
        return table

    def may_be_multiline(self, multiline: bool) -> bool:
        """Whether a parse that allows line breaks inside quotation marks is still to be tried."""
        return self.quoted and not multiline and has_quotes(self.opened)

    def options(
        self, multiline: bool, texts: frozenset[str], block: int, invalid: list[Any] | None
    ) -> dict[str, Any]:
        """Arrow's options; rows of another length are gathered in `invalid`, or end the parse where it is None."""

        def note(row: Any) -> str:
            shown = row.text if isinstance(row.text, str) else bytes(row.text).decode("utf-8", "replace")
            if shown.lstrip().startswith("#"):
                self.comments.append(shown)
            elif invalid is not None and len(invalid) < 3:
                invalid.append(row)
            return "skip"

        names = unique_names(self.look.names, self.name)
        kept = frozenset(names) if self.form.as_texts is None else self.form.as_texts
        return {
            "read_options": csv.ReadOptions(column_names=names, block_size=block),
            "parse_options": csv.ParseOptions(
                delimiter=self.look.delimiter,
                quote_char='"' if self.quoted else False,
                escape_char="\\" if self.look.escaped and self.quoted else False,
                newlines_in_values=multiline,
                # In a single column a line with nothing on it is a missing value.
                ignore_empty_lines=len(names) > 1,
                invalid_row_handler=None if invalid is None else note,
            ),
            "convert_options": csv.ConvertOptions(
                null_values=sorted(TOKENS),
                strings_can_be_null=False,
                auto_dict_encode=True,
                auto_dict_max_cardinality=DICTIONARY,
                decimal_point=self.form.notation.decimal or ".",
                column_types={column: pa.string() for column in kept | texts if column in names},
            ),
        }

    def with_codes(self, table: pa.Table) -> tuple[pa.Table, frozenset[str]]:
        """The table, with columns of digits such as 01234 as texts, since their zeros say that they are codes."""
        codes = []
        for j, (column, kind) in enumerate(zip(table.column_names, table.schema.types, strict=True)):
            if pa.types.is_integer(kind):
                fields = column_of(self.look.rows, j)
                # Arrow reads 0x1F as 31; nothing else here does.
                if are_codes(fields) or any(field[:2].lower() == "0x" for field in fields):
                    codes.append(column)
        if codes:
            texts = self.table(texts=frozenset(codes))
            for column in codes:
                table = table.set_column(table.column_names.index(column), column, texts.column(column))
        return table, frozenset(codes)

    def with_long_numbers(self, table: pa.Table) -> pa.Table:
        """The table, with columns that Arrow took for fractions since their whole numbers are too long as texts."""
        long = [
            column
            for column, kind in zip(table.column_names, table.schema.types, strict=True)
            if pa.types.is_floating(kind) and (pc.max(pc.abs(table.column(column))).as_py() or 0) >= LONG
        ]
        if not long:
            return table
        texts = self.table(texts=frozenset(long))
        digits = [
            c
            for c in long
            if pc.any(pc.match_substring_regex(texts.column(c), "^ *[+-]?[0-9]{16,} *$")).as_py()
        ]
        for column in digits:
            table = table.set_column(table.column_names.index(column), column, texts.column(column))
        return table


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether Arrow took a column's texts for bytes, since some are not UTF-8."""
    return bool(pa.types.is_binary(kind.value_type if pa.types.is_dictionary(kind) else kind))


def ragged(opened: Open, name: str, look: Look, row: Any, width: int) -> str:
    """The message on a line with too many or too few fields, with its number."""
    text = row.text.encode() if isinstance(row.text, str) else bytes(row.text)
    number = "a line"
    with opened() as stream:
        lines = [line.rstrip(b"\r") for line in stream.read().split(b"\n")]
    if text in lines:
        number = f"line {lines.index(text) + 1}"
    shown = text.decode("utf-8", "replace")
    shown = shown if len(shown) <= 60 else shown[:60] + "…"
    more = row.actual_columns > width
    remedy = (
        f"a field that holds {DELIMITERS.get(look.delimiter, repr(look.delimiter))} must stand in "
        "quotation marks"
        if more
        else "it may have been cut off; complete it or take it out"
    )
    return (
        f"{number} of {name} has {row.actual_columns} field{'' if row.actual_columns == 1 else 's'} where "
        f"{'the header' if look.header else 'the first'} "
        f"has {width}: {shown!r}; {remedy}"
    )


def first_line(error: Exception) -> str:
    """An error's first line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
