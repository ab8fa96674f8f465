"""Settings as they are given to an estimator, read as the numbers they have to be."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import _catalog
from steepest.errors import InputError

__all__ = ["factors", "labels", "mapping", "number", "pair", "refuse_strange_numbers", "text", "whole"]

#: As good as without limit, and a number that the core's counters hold.
_MOST = 2**63 - 1


def number(name: str, value: Any, least: float = 0.0, *, free: bool = False) -> Any:
    """A number of at least `least`; where `free`, None and infinity are without limit."""
    if free and value is None:
        return None
    real = _catalog.number(name, value)
    if real < least or (np.isinf(real) and not free):
        raise InputError(
            f"{name} must be {'' if free else 'finite and '}at least {least:g}; got {value!r:.80}"
        )
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
    return {key: _catalog.number(key, given) for key, given in value.items()}


def pair(name: str, value: Any) -> tuple[float, float] | None:
    """A lower and an upper bound, which may be infinite; None is without bounds."""
    if value is None:
        return None
    try:
        low, high = (_catalog.number(name, bound) for bound in value)
        sound = low <= high and low < np.inf and high > -np.inf
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise InputError(f"{name} must be two numbers, the lower one first; got {value!r:.80}")
    return low, high


def refuse_strange_numbers(settings: Mapping[str, Any]) -> None:
    """NaN lies between any two bounds, and some integers are no float: both would pass as what they are not."""
    for name, value in settings.items():
        if isinstance(value, Real) or value is np.ma.masked:
            _catalog.number(name, value)


def labels(groups: Any, columns: int) -> NDArray[np.intp]:
    """The group of each column by labels of any kind, as places among them."""
    given = np.asarray(groups)
    if given.shape != (columns,):
        raise InputError(f"groups must be one label a column, of shape ({columns},); got shape {given.shape}")
    return np.unique(given, return_inverse=True)[1].astype(np.intp)


def factors(weights: Any, columns: int) -> NDArray[np.float64]:
    """What the penalty is multiplied by: finite numbers of at least 0, one a column."""
    try:
        numbers = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"penalty_weights must be one number a column; got {weights!r:.80}") from None
    if numbers.shape != (columns,) or not np.all(np.isfinite(numbers) & (numbers >= 0)):
        raise InputError(
            f"penalty_weights must be {columns} finite numbers of at least 0; got {weights!r:.80}"
        )
    return numbers
