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
    if isinstance(shape, list | dict | Each):
        return _inside(value, shape, where)
    if isinstance(shape, set | frozenset):
        return None if isinstance(value, str) and value in shape else f"{where} is {str(value)[:40]!r}"
    if not _is(value, shape):
        return f"{where} is a {type(value).__name__}"
    return f"{where} is not finite" if shape is float and not math.isfinite(value) else None


def _is(value: Any, shape: Any) -> bool:
    """Whether a value is of a type, or of what stands for one."""
    if shape is None or shape is object:
        return shape is object or value is None
    if shape is REAL or shape is float:
        return type(value) in (int, float)
    return type(value) is shape


def _inside(value: Any, shape: Any, where: str) -> str | None:
    """What is wrong with a list or a dict, or with what is in it."""
    if isinstance(shape, list) and isinstance(value, list):
        entries = [(item, shape[0], f"{where}[{i}]") for i, item in enumerate(value)]
    elif isinstance(shape, list) or not isinstance(value, dict):
        return f"{where} is a {type(value).__name__}"
    elif isinstance(shape, Each):
        entries = [(item, shape.shape, repr(key)) for key, item in value.items()]
    else:
        known = {key.removesuffix("?"): one for key, one in shape.items() if key != "*"}
        lacking = [key for key in known if key in shape and key not in value]
        further = [key for key in value if key not in known]
        if lacking:
            return f"{where} lacks {lacking[0]!r}"
        if further and "*" not in shape:
            return f"{where} has {str(further[0])[:40]!r}"
        entries = [(item, known.get(key, shape.get("*")), repr(key)) for key, item in value.items()]
    return next((wrong for item, one, place in entries if (wrong := conforms(item, one, place))), None)
