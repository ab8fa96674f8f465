"""The terminal a verb writes to: its width, whether it has colours and Unicode, whether anyone looks."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import ClassVar, TextIO

__all__ = ["Terminal", "visible"]

_STYLES = {"bold": "1", "faint": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


class Terminal:
    """Where a verb writes: standard output, wrapped to its width, coloured only where that is wanted.

    Parameters
    ----------
    quiet : bool
        Write nothing but what was asked for by name (`always`).
    out : text stream, optional
        Standard output unless given.
    """

    #: whether whoever read what is written has gone
    gone: ClassVar[bool] = False

    def __init__(self, quiet: bool = False, out: TextIO | None = None) -> None:
        self.out = sys.stdout if out is None else out
        self.quiet = quiet
        try:
            self.live = self.out.isatty() and os.environ.get("TERM") != "dumb" and not quiet
        except ValueError:  # a closed stream
            self.live = False
        self.colours = self.live and not os.environ.get("NO_COLOR")
        self.unicode = "utf" in (getattr(self.out, "encoding", None) or "").lower().replace("-", "")

    @property
    def width(self) -> int:
        """Columns to write in, at most 100 for text to read well; 80 where there is no terminal."""
        return max(24, min(shutil.get_terminal_size((80, 24)).columns, 100))

    def style(self, text: str, *styles: str) -> str:
        """The text in these styles, or as it is where there are no colours."""
        if not self.colours or not styles:
            return text
        return f"\x1b[{';'.join(_STYLES[s] for s in styles)}m{text}\x1b[0m"

    def plain(self, text: str) -> str:
        """The text as the stream can carry it: no Unicode marks where it cannot, no commands to the terminal."""
        text = visible(text, self.colours)
        if self.unicode:
            return text
        encoding = getattr(self.out, "encoding", None) or "ascii"
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)

    def say(self, text: str = "", *styles: str) -> None:
        """A line as it is, unless quiet."""
        if not self.quiet:
            self.always(self.style(self.plain(text), *styles))

    def always(self, text: str) -> None:
        """A line as it is, quiet or not: what was asked for by name.

        Where nobody reads any more nothing is said, and the work goes on: files that were asked for are written.
        """
        try:
            self.out.write(self.plain(text) + "\n")
        except BrokenPipeError:
            Terminal.gone = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())

    def paragraph(self, text: str, indent: int = 0, hang: int = 0, *styles: str) -> None:
        """Text wrapped to the width; lines after the first are indented by `hang` more."""
        for line in self.wrapped(text, indent, hang):
            self.say(line, *styles)

    def wrapped(self, text: str, indent: int = 0, hang: int = 0) -> list[str]:
        """Text as lines no wider than the terminal; words longer than that stay whole."""
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + hang),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]

    def table(
        self, rows: Sequence[Sequence[str]], head: Sequence[str] = (), right: Sequence[int] = ()
    ) -> None:
        """Rows in columns, the last one wrapped; where they do not fit, one cell below the other."""
        everything = [list(head), *map(list, rows)] if head else [list(row) for row in rows]
        if not everything:
            return
        widths = [max(len(row[k]) for row in everything) for k in range(len(everything[0]))]
        left = sum(widths[:-1]) + 2 * (len(widths) - 1)
        if left + min(widths[-1], 24) > self.width:
            self._stacked(rows, head)
            return
        for at, row in enumerate(everything):
            cells = [
                c.rjust(w) if k in right else c.ljust(w)
                for k, (c, w) in enumerate(zip(row, widths, strict=True))
            ]
            tail = textwrap.wrap(row[-1], max(24, self.width - left)) or [""]
            if len(tail) > 1:
                cells[-1] = tail[0]
            self.say("  ".join(cells).rstrip(), *(["faint"] if head and at == 0 else []))
            for more in tail[1:]:
                self.say(" " * left + more)

    def _stacked(self, rows: Sequence[Sequence[str]], head: Sequence[str]) -> None:
        for row in rows:
            self.paragraph(row[0], 0, 2, "bold")
            for name, cell in zip(head[1:] or [""] * (len(row) - 1), row[1:], strict=True):
                if cell.strip():
                    self.paragraph(f"{name} {cell.strip()}".strip(), 2, 2)


def visible(text: str, styled: bool = False) -> str:
    """The text with control characters written out, so that no name in a file commands the terminal.

    Ends of lines and tabs stay, and where it is `styled` the sequences that `Terminal.style` makes.

    >>> visible("a\\x1b]0;x\\x07b\\u202ec")
    'a\\\\x1b]0;x\\\\x07b\\\\u202ec'
    """

    def written(match: re.Match[str]) -> str:
        return match[0] if styled and len(match[0]) > 1 else match[0].encode("unicode_escape").decode("ascii")

    return _CONTROLS.sub(written, text)


_CONTROLS = re.compile(
    r"\x1b\[(?:0|[123][0-9]?)(?:;[123][0-9]?)*m|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_ASCII = str.maketrans(
    {
        "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "×": "x", "·": "*", "−": "-", "–": "-", "—": "-",
        "’": "'", "“": '"', "”": '"', "…": "...", "∞": "inf", "½": "1/2", "²": "^2", "‖": "||", "Σ": "sum ",
        "✓": "+", "✗": "x", "│": "|", "┤": "|", "└": "+", "─": "-", "√": "sqrt ",
        "α": "alpha", "π": "pi", "′": "'", "₁": "_1",
    }
)  # fmt: skip
