"""The bytes of a delimited text before they are parsed: as UTF-8, with one delimiter between fields."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from typing import BinaryIO

from steepest.errors import TableError
from steepest.tables.sniff import tokens

__all__ = [
    "MOST_PREFIX",
    "Open",
    "encoding_of",
    "first_lines",
    "has_quotes",
    "is_utf8",
    "mended",
    "paired_quotes",
    "recoded",
    "unaligned",
    "unspaced",
]

#: bytes looked at before reading
PREFIX = 1 << 18
#: and more where fewer lines than this end in them
WHOLE_LINES, MOST_PREFIX = 20, 1 << 23
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip

Open = Callable[[], BinaryIO]


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


def paired_quotes(prefix: bytes) -> bool:
    """Whether quotation marks come in pairs on every line."""
    return all(line.count(b'"') % 2 == 0 for line in prefix.split(b"\n")[:-1])


def has_quotes(opened: Open) -> bool:
    """Whether the text holds quotation marks at all."""
    with opened() as stream:
        while block := stream.read(PREFIX):
            if b'"' in block:
                return True
    return False
