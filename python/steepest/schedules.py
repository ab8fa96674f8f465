"""How the rate changes over a run, as it may be asked for: a name, an instance, a function of the steps, or pieces."""

from __future__ import annotations

from typing import Any

from steepest._catalog import Settings, checked, find
from steepest.errors import InputError

__all__ = ["changes", "described", "needs_length", "read_schedule"]


def changes(rate: Any) -> bool:
    """Whether a rate is more than a number."""
    return isinstance(rate, str | Settings | list | tuple) or callable(rate)


def read_schedule(key: str, value: Any) -> Any:
    """A schedule as the core is told of it: (name, settings), a function, or pieces with their steps."""
    if isinstance(value, Settings) and value.registry == "rates":
        return value.name, list(value.settings.items())
    if isinstance(value, str):
        return find("rates", value).name, list(checked("rates", value, {}).items())
    if callable(value):
        return value
    if isinstance(value, list | tuple) and value:
        *before, last = value
        steps = [_read_piece(key, piece) for piece in before]
        return [
            *steps,
            _read_piece(key, last) if isinstance(last, tuple) else (read_schedule(key, last), None),
        ]
    raise InputError(
        f"{key} must be a schedule: a name, an instance from steepest.rates, a function of the steps taken, or a list "
        f"of (schedule, steps); got {value!r}"
    )


def _read_piece(key: str, piece: Any) -> tuple[Any, int]:
    try:
        schedule, steps = piece
        whole = int(steps)
    except (TypeError, ValueError):
        raise InputError(f"each piece of {key} but the last is (schedule, steps); got {piece!r}") from None
    if whole != steps or not 1 <= whole < 1 << 63:
        raise InputError(f"the steps of a piece of {key} must be a whole number of at least 1; got {steps!r}")
    return read_schedule(key, schedule), whole


def needs_length(schedule: Any) -> str | None:
    """The name of what falls over the whole run, where that is in a schedule."""
    if isinstance(schedule, list):
        last, steps = schedule[-1]
        return needs_length(last) if steps is None else None
    if callable(schedule) or "done" not in find("rates", schedule[0]).programs["factor"].inputs:
        return None
    return str(schedule[0])


def described(schedule: Any) -> str:
    """A schedule in words; a function by its name."""
    if isinstance(schedule, list):
        return ", ".join(f"{described(piece)} for {steps} steps" for piece, steps in schedule)
    return getattr(schedule, "__qualname__", repr(schedule))
