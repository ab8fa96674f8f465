"""Delimited texts (CSV, TSV and their kin), read by Arrow with careful fallbacks."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import csv

from steepest.errors import TableError
from steepest.tables.missing import TOKENS
from steepest.tables.sniff import DELIMITERS, Form, Look, sniff
from steepest.tables.table import Table, unique_names

__all__ = ["read"]

#: bytes looked at before reading
PREFIX = 1 << 18
#: texts with at most this many different values are read as codes at once
DICTIONARY = 4096
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

Open = Callable[[], BinaryIO]


def read(opened: Open, name: str, form: Form) -> Table:
    """Reads a delimited text.

    Args:
        opened: opens the text's bytes from the start, as often as asked.
        name: what to call it in messages.
    """
    notes: list[str] = []
    encoding = form.encoding
    with opened() as stream:
        prefix = stream.read(PREFIX)
    if encoding is None and prefix[:2] in MARKS:
        encoding = MARKS[prefix[:2]]
    if encoding is not None:
        opened = recoded(opened, encoding, name)
        with opened() as stream:
            prefix = stream.read(PREFIX)
        notes.append(f"the text is in {encoding}")
    elif not is_utf8(prefix):
        opened, prefix = mended(opened, notes)
    look = sniff(prefix.decode("utf-8", "replace").removeprefix("\ufeff"), name, form)
    # In tab-separated texts quotation marks are usually just characters, and unpaired.
    quoted = look.delimiter != "\t" or paired_quotes(prefix)
    table = parse(opened, name, look, quoted)
    if any(holds_bytes(kind) for kind in table.schema.types):
        opened, _ = mended(opened, notes)
        table = parse(opened, name, look, quoted)
    notes.insert(0, described(look))
    names = table.column_names
    return Table(
        name=name,
        columns={column: table.column(j) for j, column in enumerate(names)},
        rows=table.num_rows,
        named=look.header,
        notes=notes,
        reading={"delimiter": look.delimiter, "header": look.header, "encoding": encoding},
    )


def described(look: Look) -> str:
    """How the text was read, in a sentence."""
    delimiter = DELIMITERS.get(look.delimiter, repr(look.delimiter))
    first = "the first line holds the names" if look.header else "there is no header: columns are c0, c1, …"
    return f"fields are separated by {delimiter}; {first} ({look.why_header})"


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether Arrow took a column's texts for bytes, since some are not UTF-8."""
    return bool(pa.types.is_binary(kind.value_type if pa.types.is_dictionary(kind) else kind))


def is_utf8(prefix: bytes) -> bool:
    """Whether the bytes are UTF-8, a character cut at their end aside."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(prefix)
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


def mended(opened: Open, notes: list[str]) -> tuple[Open, bytes]:
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
    return (lambda: io.BytesIO(data)), data[:PREFIX]


def parse(opened: Open, name: str, look: Look, quoted: bool, multiline: bool = False) -> pa.Table:
    """Arrow's parse, retried with line breaks allowed inside quotation marks where rows look ragged."""
    invalid: list[Any] = []
    names = unique_names(look.names, name)

    def note(row: Any) -> str:
        if len(invalid) < 3:
            invalid.append(row)
        return "skip"

    options: dict[str, Any] = {
        "read_options": csv.ReadOptions(
            column_names=names, skip_rows_after_names=1 if look.header else 0, block_size=1 << 22
        ),
        "parse_options": csv.ParseOptions(
            delimiter=look.delimiter,
            quote_char='"' if quoted else False,
            newlines_in_values=multiline,
            # In a single column a line with nothing on it is a missing value.
            ignore_empty_lines=len(names) > 1,
            invalid_row_handler=note,
        ),
        "convert_options": csv.ConvertOptions(
            null_values=sorted(TOKENS),
            strings_can_be_null=False,
            auto_dict_encode=True,
            auto_dict_max_cardinality=DICTIONARY,
        ),
    }
    with opened() as stream:
        try:
            table = csv.read_csv(stream, **options)
        except pa.ArrowInvalid as error:
            if quoted and not multiline and "quote" not in str(error) and has_quotes(opened):
                return parse(opened, name, look, quoted, multiline=True)
            raise TableError(f"{name} cannot be read as delimited text: {first_line(error)}") from None
    if invalid and quoted and not multiline and has_quotes(opened):
        return parse(opened, name, look, quoted, multiline=True)
    if invalid:
        raise TableError(ragged(opened, name, look, invalid[0], len(names)))
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
