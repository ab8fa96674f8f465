"""A recorded formula as people write it: few brackets, what is used twice named once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["written"]

_NAMES = "abcdefhijklmnopqrstuvwyz"
_SUM, _PRODUCT, _SIGN, _POWER, _CLOSED = 1, 2, 3, 4, 5


def written(
    ops: Sequence[Sequence[Any]], outputs: Sequence[int], names: Sequence[str], changed: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """The lines of a formula: what each gives, and the text.

    Parameters
    ----------
    ops : sequence
        Each ``("input", name)``, ``("lit", value)`` or ``(operation, place, ...)``.
    outputs : sequence of int
        The places of what is given.
    names : sequence of str
        What each output is called; an output that merely hands an input of its own name on is left out.
    changed : sequence of str
        Names that are inputs too: their new values get a prime.

    Examples
    --------
    >>> from steepest.catalogue.formula_text import written
    >>> written([("input", "x"), ("lit", 2.0), ("sub", 0, 1), ("mul", 2, 2)], [3], ["value"])
    [('a', 'x − 2'), ('value', 'a·a')]
    """
    return list(_Writer(ops, outputs, names, changed).lines())


class _Writer:
    def __init__(
        self,
        ops: Sequence[Sequence[Any]],
        outputs: Sequence[int],
        names: Sequence[str],
        changed: Sequence[str],
    ) -> None:
        self.ops, self.outputs = ops, outputs
        self.titles = [name + "′" if name in changed else name for name in names]
        inputs = {op[1] for op in ops if op[0] == "input"} | set(names)
        self.free = iter(
            name for name in [*_NAMES, *(f"{a}{b}" for a in _NAMES for b in _NAMES)] if name not in inputs
        )
        self.named: dict[int, str] = {}
        for place, title in zip(outputs, self.titles, strict=False):
            if ops[place][0] not in ("input", "lit"):
                self.named.setdefault(place, title)
        uses = self._uses()
        self.shared = [
            k for k in sorted(uses) if uses[k] > 1 and k not in self.named and self._worth_a_name(k)
        ]

    def lines(self) -> Iterator[tuple[str, str]]:
        """Definitions before their uses."""
        given = set()
        for place in sorted({*self.shared, *self.named}):
            if place in self.named:
                given.add(place)
                yield self.named[place], self._text(place, top=True)[0]
            else:
                name = next(self.free)
                text = self._text(place, top=True)[0]
                self.named[place] = name
                yield name, text
        for place, title in zip(self.outputs, self.titles, strict=False):
            if self.named.get(place) != title or place not in given:
                text = self._text(place)[0]
                if text != title.rstrip("′"):
                    yield title, text

    def _uses(self) -> dict[int, int]:
        """How often each place that matters is used."""
        uses: dict[int, int] = {}
        waiting, seen = list(self.outputs), set()
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            for argument in self._arguments(place):
                uses[argument] = uses.get(argument, 0) + 1
                waiting.append(argument)
        return uses

    def _arguments(self, place: int) -> list[int]:
        op = self.ops[place]
        return [] if op[0] in ("input", "lit") else list(op[1:])

    def _worth_a_name(self, place: int) -> bool:
        """Whether writing it out again would be longer than a name."""
        name, *arguments = self.ops[place]
        if name in ("input", "lit"):
            return False
        return name not in ("neg", "square") or any(self._arguments(a) for a in arguments)

    def _text(self, place: int, top: bool = False) -> tuple[str, int]:
        """The text at a place and how tightly it binds."""
        if not top and place in self.named:
            return self.named[place], _CLOSED
        name, *a = self.ops[place]
        if name == "input":
            return str(a[0]), _CLOSED
        if name == "lit":
            return _number(float(a[0]))
        if name in _BETWEEN:
            sign, own, left, right = _BETWEEN[name]
            return f"{self._held(a[0], left)}{sign}{self._held(a[1], right)}", own
        if name == "neg":
            return f"−{self._held(a[0], _SIGN)}", _SIGN
        if name == "square":
            return f"{self._held(a[0], _CLOSED)}²", _POWER
        if name == "abs":
            return f"|{self._text(a[0])[0]}|", _CLOSED
        words = [self._text(k)[0] for k in a]
        if name == "positive":
            return f"({words[1]} if {words[0]} > 0 else {words[2]})", _CLOSED
        return f"{name}({', '.join(words)})", _CLOSED

    def _held(self, place: int, least: int) -> str:
        """The text, in brackets where it binds less than its place asks for."""
        text, own = self._text(place)
        return text if own >= least else f"({text})"


# operation: its sign, how tightly it binds, what it asks of its left and of its right
_BETWEEN = {
    "add": (" + ", _SUM, _SUM, _PRODUCT),
    "sub": (" − ", _SUM, _SUM, _PRODUCT),
    "mul": ("·", _PRODUCT, _PRODUCT, _PRODUCT),
    "div": (" / ", _PRODUCT, _PRODUCT, _SIGN),
    "pow": ("^", _POWER, _CLOSED, _CLOSED),
}


def _number(value: float) -> tuple[str, int]:
    """A literal: π by its name, whole numbers without a point."""
    size = abs(value)
    text = "π" if size == math.pi else str(int(size)) if size == int(size) and size < 1e15 else f"{size:.17g}"
    text = text if len(text) < 17 else repr(size)
    return (f"−{text}", _SIGN) if value < 0 else (text, _CLOSED)
