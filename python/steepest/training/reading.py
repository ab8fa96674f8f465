"""Settings of a run, read and checked: what cannot be used is refused by name, before anything is touched."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from steepest.errors import InputError
from steepest.training.plan import Budget

__all__ = ["budget_of", "functions", "history_file", "real", "whole"]


def budget_of(epochs: Any, steps: Any, seconds: Any) -> Budget:
    return Budget(
        None if epochs is None else whole("epochs", epochs, 1),
        None if steps is None else whole("max_steps", steps, 1),
        None if seconds is None else real("max_seconds", seconds, 0.0, math.inf, open_=True),
    )


def whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}; got {value!r}")
    return int(value)


def real(name: str, value: Any, low: float, high: float, open_: bool = False) -> float:
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not (low <= number <= high and math.isfinite(number)) or (open_ and number == low):
        words = f"above {low:g}" if open_ else f"from {low:g} to {high:g}"
        raise InputError(f"{name} must be a number {words}; got {value!r}")
    return number


def history_file(path: Any) -> Path:
    place = Path(path)
    if place.suffix not in (".csv", ".jsonl"):
        raise InputError(f"history must be a path that ends in .csv or .jsonl; got {str(path)!r}")
    if not place.parent.is_dir():
        raise InputError(f"history {str(path)!r} cannot be written: there is no folder {str(place.parent)!r}")
    return place


def functions(**given: Callable[..., Any] | None) -> None:
    """Refuses what cannot be called with the progress."""
    for name, function in given.items():
        if function is not None and not callable(function):
            raise InputError(f"{name} must be a function of the progress or None; got {function!r}")
