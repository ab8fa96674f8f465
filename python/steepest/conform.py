"""Whether plain data from a file has the shape that was written: one check before anything else looks at them.

A shape is a type, `None`, a set of allowed texts, a tuple of shapes (one of them), a list of one shape (a list of
such), a dict (these keys; those that end in ? may be absent; "*" stands for any others), `Each` (any keys, such
values), `REAL` (a number that need not be finite) or `object` (anything).

    >>> conforms({"name": "x", "at": [1, 2]}, {"name": str, "at": [int], "note?": str})
    >>> conforms({"name": "x", "at": [1, "2"]}, {"name": str, "at": [int]})
    "'at'[1] is a str"
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["REAL", "Each", "conforms"]

#: a number that may be infinite or NaN
REAL = "a number"


@dataclass(frozen=True)
class Each:
    """A dict of any keys that are texts, whose values have one shape."""

    shape: Any


def conforms(value: Any, shape: Any, where: str = "it") -> str | None:
    """What is wrong with a value, or None. Whole numbers are numbers too; True is none; numbers are finite."""
    if isinstance(shape, tuple):
        each = [conforms(value, one, where) for one in shape]
        return None if None in each else each[-1]
    if isinstance(shape, (set, frozenset)):
        return None if isinstance(value, str) and value in shape else f"{where} is {str(value)[:40]!r}"
    if shape is object:
        return None
    if shape is REAL:
        return None if type(value) in (int, float) else f"{where} is a {type(value).__name__}"
    if shape is None:
        return None if value is None else f"{where} is a {type(value).__name__}"
    if isinstance(shape, type):
        fits = type(value) is shape or (shape is float and type(value) is int)
        if fits and shape is float and not math.isfinite(value):
            return f"{where} is not finite"
        return None if fits else f"{where} is a {type(value).__name__}"
    if isinstance(shape, list):
        items = enumerate(value) if isinstance(value, list) else None
        pairs = None if items is None else ((item, shape[0], f"{where}[{i}]") for i, item in items)
    elif isinstance(shape, Each):
        pairs = _entries(value, dict.fromkeys(value, shape.shape)) if isinstance(value, dict) else None
    else:
        if not isinstance(value, dict):
            return f"{where} is a {type(value).__name__}"
        known = {key.removesuffix("?"): one for key, one in shape.items() if key != "*"}
        lacking = [key for key in known if key in shape and key not in value]
        further = [key for key in value if key not in known]
        if lacking or (further and "*" not in shape):
            return f"{where} lacks {lacking[0]!r}" if lacking else f"{where} has {str(further[0])[:40]!r}"
        pairs = _entries(value, {**dict.fromkeys(further, shape.get("*")), **known})
    if pairs is None:
        return f"{where} is a {type(value).__name__}"
    return next((wrong for item, one, place in pairs if (wrong := conforms(item, one, place))), None)


def _entries(value: dict[Any, Any], shapes: dict[str, Any]) -> Any:
    """Each entry with its shape and its place."""
    return ((item, shapes[key], repr(key)) for key, item in value.items())
