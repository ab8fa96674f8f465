"""Delimited texts (CSV, TSV and their kin), read by Arrow with careful fallbacks."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from steepest.errors import TableError
from steepest.tables.header import column_of
from steepest.tables.missing import TOKENS
from steepest.tables.numerals import Notation
from steepest.tables.sniff import DELIMITERS, Form, Look, sniff, tokens
from steepest.tables.table import Table, listed, unique_names
from steepest.tables.values import are_codes

__all__ = ["encoding_of", "read"]

#: bytes looked at before reading
PREFIX = 1 << 18
#: and more where fewer lines than this end in them
WHOLE_LINES, MOST_PREFIX = 20, 1 << 23
#: bytes that Arrow parses at a time; more where a row is longer
BLOCK, MOST_BLOCK = 1 << 22, 1 << 29
#: fractions from here on may be whole numbers that had too many digits
LONG = 2.0**53
#: texts with at most this many different values are read as codes at once
DICTIONARY = 4096
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip

COMMA, POINT = (re.compile(f"[+-]?(?:{Notation(mark).pattern(mark)})") for mark in ",.")

Open = Callable[[], BinaryIO]


def read(opened: Open, name: str, form: Form) -> Table:
    """Reads a delimited text.

    Parameters
    ----------
    opened
        Opens the text's bytes from the start, as often as asked.
    name
        What to call it in messages.
    """
    notes: list[str] = []
    encoding = form.encoding
    prefix = first_lines(opened)
    if encoding is None:
        encoding = encoding_of(prefix)
    if encoding is not None:
        opened = recoded(opened, encoding, name)
        prefix = first_lines(opened)
        notes.append(f"the text is in {encoding}")
    elif not is_utf8(prefix):
        opened = mended(opened, notes)
        prefix = first_lines(opened)
    if len(prefix) >= MOST_PREFIX and b"\n" not in prefix and b"\r" not in prefix:
        raise TableError(f"{name} is no table of rows: its first line is longer than {MOST_PREFIX >> 20} MiB")
    mark = len(codecs.BOM_UTF8) if prefix.startswith(codecs.BOM_UTF8) else 0
    text = prefix[mark:].decode("utf-8", "replace")
    look = sniff(text, name, form)
    skip = mark + len(text[: look.skip].encode())
    if look.aligned:
        opened, skip = unaligned(opened, skip), 0
        look = replace(look, delimiter="\t")
    if look.spaced:
        opened, skip = unspaced(opened, skip, look.delimiter), 0
    # In tab-separated texts quotation marks are usually just characters, and unpaired.
    quoted = look.delimiter != "\t" or paired_quotes(prefix)
    parsing = Parsing(opened, name, look, form, skip, quoted)
    try:
        table = parsing.table()
    except NotUtf8:
        parsing = replace(parsing, opened=mended(opened, notes))
        table = parsing.table()
    table = parsing.with_long_numbers(table)
    check_points(table, look, form, name)
    table, codes = parsing.with_codes(table)
    if codes:
        notes.append(f"digits that begin with 0 are codes, not amounts: {listed(sorted(codes))}")
    if look.trailing:
        table = without_last(table, look, name)
    table, commas = with_decimal_commas(table, look, form)
    if parsing.comments:
        notes.append(f"lines that begin with # are not read ({len(parsing.comments)} of them)")
    names = table.column_names
    return Table(
        name=name,
        columns={column: table.column(j) for j, column in enumerate(names)},
        rows=table.num_rows,
        named=look.header,
        notes=[described(look), *look.notes, *notes],
        reading={
            "delimiter": " " if look.aligned else look.delimiter,
            "header": None if look.commented else look.header,
            "encoding": encoding,
        },
        commas=commas,
        codes=codes,
    )


def encoding_of(head: bytes) -> str | None:
    """The encoding that a text's first bytes tell: by its mark, or since every other byte is 0; None for none."""
    marked = next((kind for mark, kind in MARKS.items() if head.startswith(mark)), None)
    if marked is not None or len(head) < 8:
        return marked
    even, odd = head[0:2048:2].count(0), head[1:2048:2].count(0)
    half = len(head[:2048]) // 2
    if odd > 0.7 * half and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 * half and odd == 0 else None


class NotUtf8(Exception):
    """Some texts further on in a text are not UTF-8."""


def first_lines(opened: Open) -> bytes:
    """The beginning of a text: so many bytes, and more until it has some whole lines."""
    with opened() as stream:
        prefix = stream.read(PREFIX)
        while prefix.count(b"\n") + prefix.count(b"\r") < WHOLE_LINES and len(prefix) < MOST_PREFIX:
            block = stream.read(len(prefix))
            if not block:
                break
            prefix += block
    return prefix


def unaligned(opened: Open, skip: int) -> Open:
    """A text whose fields are separated by any number of blanks, with one tab between them instead."""
    with opened() as stream:
        stream.read(skip)
        text = stream.read().decode("utf-8", "replace")
    lines = ("\t".join(tokens(line)) for line in text.splitlines())
    data = "\n".join(line for line in lines if line).encode()
    return lambda: io.BytesIO(data)


def unspaced(opened: Open, skip: int, delimiter: str) -> Open:
    """A text without the blanks between a delimiter and a quotation mark."""
    with opened() as stream:
        stream.read(skip)
        data = stream.read()
    mark = re.escape(delimiter.encode())
    data = re.sub(rb'(?m)(^|%b) +"(?!"[^%b\r\n])' % (mark, mark), rb'\1"', data)
    return lambda: io.BytesIO(data)


def check_points(table: pa.Table, look: Look, form: Form, name: str) -> None:
    """Refuses 1.274 in every row of a column where other columns of the text have a decimal comma.

    Raises
    ------
    TableError
        It may be 1.274 or 1274.
    """
    if form.notation.decimal is not None:
        return
    fractions = [pa.types.is_floating(kind) for kind in table.schema.types]
    fields = [column_of(look.rows, j) for j in range(len(fractions))]
    grouped = re.compile(f"[+-]?(?:{Notation(',', '.').pattern(',')})")
    doubtful = [
        j
        for j, column in enumerate(fields)
        if fractions[j] and column and all("." in field and grouped.fullmatch(field) for field in column)
    ]
    for j, column in enumerate(fields):
        if not doubtful or fractions[j] or not column:
            continue
        if all(COMMA.fullmatch(field) and not POINT.fullmatch(field) for field in column):
            raise TableError(
                f"column {table.column_names[doubtful[0]]!r} of {name} can be read in two ways: "
                f"{table.column_names[j]!r} has a decimal comma ({column[0]}), so that {fields[doubtful[0]][0]!r} may "
                "be a thousand and more; pass decimal=',' or decimal='.'"
            )
    # 0.5 anywhere says that the point is the decimal mark of this text.
    pointed = any(
        fractions[j] and any("." in field and not grouped.fullmatch(field) for field in column)
        for j, column in enumerate(fields)
    )
    for j, column in enumerate(fields):
        with_point = [field for field in column if "." in field]
        if pointed or not fractions[j] or not with_point or not thousandths(table.column(j)):
            continue
        if len(with_point) == len(column) and look.delimiter != ";":
            continue  # all have three decimals
        raise TableError(
            f"column {table.column_names[j]!r} of {name} can be read in two ways: wherever it has a point three digits "
            f"follow, so that {with_point[0]!r} may be a thousand and more; pass decimal=',' or decimal='.'"
        )


def thousandths(column: pa.ChunkedArray) -> bool:
    """Whether every number is whole and below 1000, or from 1 to 1000 in thousandths: 900 and 1.011."""
    numbers = np.abs(column.drop_null().to_numpy())
    fine = np.abs(numbers * 1000 - np.round(numbers * 1000)) <= 1e-9 * numbers * 1000
    return bool(np.all(fine & (numbers < 1000) & ((numbers >= 1) | (numbers == 0))))


def with_decimal_commas(table: pa.Table, look: Look, form: Form) -> tuple[pa.Table, frozenset[str]]:
    """The table, with texts that are all numbers with a decimal comma as numbers, and the names of those columns.

    What is read here all at once is what `read_numerals` would find text by text: some field says that the comma is
    a decimal mark, as 0,5 does, and every field is a number by it. All other columns are left to that.
    """
    found = set()
    for j, column in enumerate(table.column_names):
        if (
            not pa.types.is_string(table.schema.field(j).type)
            or form.as_texts is None
            or column in form.as_texts
        ):
            continue
        fields = column_of(look.rows, j)
        if form.notation != Notation() or not any(
            COMMA.fullmatch(f) and not POINT.fullmatch(f) for f in fields
        ):
            continue
        texts = pc.utf8_trim_whitespace(table.column(j))
        if pc.any(pc.match_substring(texts, ".")).as_py():
            continue
        texts = pc.if_else(
            pc.is_in(texts, value_set=pa.array(sorted(TOKENS))), pa.scalar(None, pa.string()), texts
        )
        try:
            numbers = pc.cast(pc.replace_substring(texts, ",", "."), pa.float64())
        except pa.ArrowInvalid:
            continue
        table = table.set_column(j, column, numbers)
        found.add(column)
    return table, frozenset(found)


def without_last(table: pa.Table, look: Look, name: str) -> pa.Table:
    """The table without what follows the delimiter at each row's end.

    Raises
    ------
    TableError
        Some row has a value there.
    """
    last = table.column(table.num_columns - 1)
    texts = pc.cast(last, pa.string())
    filled = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(texts), ""), False)
    if pc.any(filled).as_py():
        row = pc.index(filled, True).as_py()
        raise TableError(
            f"row {row} of {name} has {table.num_columns} fields where the header has "
            f"{len(look.names) - 1}: the last is {texts[row].as_py()!r}"
        )
    return table.select(list(range(table.num_columns - 1)))


def described(look: Look) -> str:
    """How the text was read, in a sentence."""
    delimiter = DELIMITERS.get(look.delimiter, repr(look.delimiter))
    if look.aligned:
        delimiter = "blanks"
    first = "the first line holds the names" if look.header else "there is no header: columns are c0, c1, …"
    return f"fields are separated by {delimiter}; {first} ({look.why_header})"


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether Arrow took a column's texts for bytes, since some are not UTF-8."""
    return bool(pa.types.is_binary(kind.value_type if pa.types.is_dictionary(kind) else kind))


def is_utf8(prefix: bytes, opened: Open | None = None) -> bool:
    """Whether the bytes are UTF-8, a character cut at their end aside; or all that is opened, to its very end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(prefix)
        if opened is not None:
            with opened() as stream:
                while part := stream.read(PREFIX):
                    decoder.decode(part)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def paired_quotes(prefix: bytes) -> bool:
    """Whether quotation marks come in pairs on every line."""
    return all(line.count(b'"') % 2 == 0 for line in prefix.split(b"\n")[:-1])


def recoded(opened: Open, encoding: str, name: str) -> Open:
    """The text as UTF-8, from an encoding that is known."""
    try:
        with opened() as stream:
            text = stream.read().decode(encoding)
    except LookupError:
        raise TableError(f"no encoding is called {encoding!r}; try 'utf-8' or 'cp1252'") from None
    except UnicodeDecodeError as error:
        raise TableError(
            f"{name} is not in {encoding}: byte {error.start} does not fit; try 'cp1252'"
        ) from None
    data = text.encode()
    return lambda: io.BytesIO(data)


def mended(opened: Open, notes: list[str]) -> Open:
    """The text as UTF-8, each line that is not read as Windows-1252 (or, failing that, as Latin-1)."""
    with opened() as stream:
        lines = stream.read().split(b"\n")
    bad = 0
    for i, line in enumerate(lines):
        try:
            line.decode()
        except UnicodeDecodeError:
            bad += 1
            try:
                lines[i] = line.decode("cp1252").encode()
            except UnicodeDecodeError:
                lines[i] = line.decode("latin-1").encode()
    data = b"\n".join(lines)
    notes.append(
        f"{bad} of {len(lines)} lines are not UTF-8 and were read as Windows-1252; see that accents are right"
    )
    return lambda: io.BytesIO(data)


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


def has_quotes(opened: Open) -> bool:
    """Whether the text holds quotation marks at all."""
    with opened() as stream:
        while block := stream.read(PREFIX):
            if b'"' in block:
                return True
    return False


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
        f"{number} of {name} has {row.actual_columns} fields where "
        f"{'the header' if look.header else 'the first'} "
        f"has {width}: {shown!r}; {remedy}"
    )


def first_line(error: Exception) -> str:
    """An error's first line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
