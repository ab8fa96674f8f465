"""Delimited texts (CSV, TSV and their kin), read by Arrow with careful fallbacks."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steepest.errors import TableError
from steepest.tables.header import column_of
from steepest.tables.missing import TOKENS
from steepest.tables.numerals import Notation
from steepest.tables.parsing import NotUtf8, Parsing
from steepest.tables.sniff import DELIMITERS, Form, Look, sniff
from steepest.tables.table import Table, listed, told_apart
from steepest.tables.utf8 import (
    MOST_PREFIX,
    Open,
    encoding_of,
    first_lines,
    is_utf8,
    mended,
    paired_quotes,
    recoded,
    unaligned,
    unspaced,
)

__all__ = ["read"]

COMMA, POINT = (re.compile(f"[+-]?(?:{Notation(mark).pattern(mark)})") for mark in ",.")


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
    names, repeated = told_apart(look.names)
    look = replace(look, names=names)
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
        repeated=repeated,
    )


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
    why = look.why_header.replace("the first line ", "it ", 1) if look.header else look.why_header
    return f"fields are separated by {delimiter}; {first} ({why})"
