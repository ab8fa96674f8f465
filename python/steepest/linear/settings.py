"""Settings as they are given to an estimator, read as the numbers they have to be."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from steepest.errors import InputError

__all__ = ["mapping", "number", "pair", "refuse_strange_numbers", "text", "whole"]

#: As good as without limit, and a number that the core's counters hold.
_MOST = 2**63 - 1


def _real(value: Any) -> float | None:
    """A number as a float; None where it is none, or is NaN."""
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)) or value is np.ma.masked:
        return None
    try:
        real = float(value)
    except OverflowError:
        return None
    return None if np.isnan(real) else real


def number(name: str, value: Any, least: float = 0.0, most: float = np.inf, *, free: bool = False) -> Any:
    """A number from `least` to `most`; where `free`, None and infinity are without limit."""
    if free and value is None:
        return None
    real = _real(value)
    if real is None or not least <= real <= most or (np.isinf(real) and not free):
        span = (
            ""
            if np.isinf(least)
            else f" of at least {least:g}"
            if np.isinf(most)
            else f" from {least:g} to {most:g}"
        )
        raise InputError(f"{name} must be a {'' if free else 'finite '}number{span}; got {value!r:.80}")
    return real


def whole(name: str, value: Any, least: int = 0, *, free: bool = False) -> Any:
    """A whole number from `least` on; where `free`, None is without limit."""
    if free and value is None:
        return None
    if not isinstance(value, Integral) or isinstance(value, (bool, np.bool_)) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}; got {value!r:.80}")
    return min(int(value), _MOST)


def text(name: str, value: Any) -> Any:
    """A name of the catalogue."""
    if not isinstance(value, str):
        raise InputError(f"{name} must be a name, a text; got {value!r:.80}")
    return value


def mapping(name: str, value: Any) -> dict[str, float]:
    """Settings by name; None is none of them."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{name} must map names to numbers, as in {{'width': 2.0}}; got {value!r:.80}")
    out = {}
    for key, given in value.items():
        real = _real(given) if not isinstance(given, (bool, np.bool_)) else float(given)
        if real is None:
            raise InputError(f"{name}[{key!r}] must be a number; got {given!r:.80}")
        out[key] = real
    return out


def pair(name: str, value: Any) -> tuple[float, float] | None:
    """A lower and an upper bound, which may be infinite; None is without bounds."""
    if value is None:
        return None
    try:
        low, high = (_real(v) for v in value)
    except (TypeError, ValueError):
        low = high = None
    if low is None or high is None or not low <= high or low == np.inf or high == -np.inf:
        raise InputError(f"{name} must be two numbers, the lower one first; got {value!r:.80}")
    return low, high


def refuse_strange_numbers(settings: Mapping[str, Any]) -> None:
    """NaN lies between any two bounds, and some integers are no float: both would pass as what they are not."""
    for name, value in settings.items():
        if value is np.ma.masked:
            raise InputError(f"{name} must be a number; got a masked value")
        if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and _real(value) is None:
            got = "nan" if value != value else f"an integer of {len(str(value))} digits"
            raise InputError(f"{name} must be a number that a float64 holds; got {got}")
