"""Settings as they are given to an estimator, read as the numbers they have to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import _catalog
from steepest._types import Floats
from steepest.errors import InputError, did_you_mean

__all__ = ["factors", "labels", "limits", "mapping", "number", "refuse_strange_numbers", "text", "whole"]

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


def limits(
    bounds: Any, names: Sequence[str] | None, margins: int, columns: int
) -> tuple[Floats, Floats] | None:
    """The least and the largest coefficients allowed, each one number, one a column, or one a column of each margin.

    None is without bounds. The core sees to it that no lower end is above the upper one.
    """
    if bounds is None:
        return None
    if not isinstance(bounds, Mapping):
        if (
            columns == 2
            and isinstance(bounds, list)
            and len(bounds) == 2
            and all(isinstance(one, tuple) for one in bounds)
        ):
            # The two arrays (lower, upper), or SciPy's pairs of two columns? Both have this shape.
            raise InputError(
                f"bounds of two columns may be read either way; got {bounds!r:.80}: pass (lower, upper) as arrays, or "
                "of pairs (low, high), one a column, tuple(zip(*pairs)) or scipy.optimize.Bounds"
            )
        shapes = [(), (columns,), *([(margins, columns)] if margins > 1 else [])]
        return _ends("bounds", bounds, shapes)
    if names is None:
        raise InputError(
            "bounds by name need columns that have names: pass X as a frame, or (lower, upper), each an array of one "
            "number a column"
        )
    low, high = np.full(columns, -np.inf), np.full(columns, np.inf)
    places = {name: j for j, name in enumerate(names)}
    for name, pair in bounds.items():
        if name not in places:
            hint = did_you_mean(str(name), places)
            raise InputError(f"bounds name the column {name!r:.80}, which X does not have{hint}")
        low[places[name]], high[places[name]] = _ends(f"bounds of {name!r:.80}", pair, [()])
    return low, high


def _ends(name: str, pair: Any, shapes: Sequence[tuple[int, ...]]) -> tuple[Floats, Floats]:
    """Lower and upper ends, each of one of the shapes; None is no end."""
    if hasattr(pair, "lb") and hasattr(pair, "ub"):
        # SciPy makes an array of one number.
        pair = [end[0] if np.shape(end) == (1,) else end for end in (pair.lb, pair.ub)]
    try:
        low, high = pair
    except (TypeError, ValueError):
        hint = ""
        if isinstance(pair, (list, tuple, np.ndarray)) and all(
            isinstance(one, (list, tuple, np.ndarray)) and len(one) == 2 for one in pair
        ):
            hint = "; of pairs (low, high), one a column, pass tuple(zip(*pairs))"
        what = "two numbers" if len(shapes) == 1 else "two numbers or arrays"
        raise InputError(f"{name} must be {what}, the lower first; got {pair!r:.80}{hint}") from None
    return _end(f"lower {name}", low, -np.inf, shapes), _end(f"upper {name}", high, np.inf, shapes)


def _end(name: str, given: Any, free: float, shapes: Sequence[tuple[int, ...]]) -> Floats:
    if np.ma.is_masked(given):
        raise InputError(f"{name} must not be masked: fill them first (values.filled(value))")
    try:
        array = np.asarray(given)
    except ValueError:  # rows of several lengths
        array = np.asarray(given, dtype=object)
    if array.shape not in shapes:
        wanted = " or ".join(["a number", *(f"of shape {shape}" for shape in shapes[1:])])
        raise InputError(f"{name} must be {wanted}; got shape {array.shape}")
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    ends = [free if end is None else _catalog.number(name, end) for end in array.ravel().tolist()]
    return np.reshape(np.array(ends, dtype=np.float64), array.shape)


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
