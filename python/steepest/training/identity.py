"""A loss as what tells it from others, for a checkpoint: functions by what they compute."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.checkpoint import digest

__all__ = ["identity"]


def identity(given: Any, known: dict[int, str], host: Callable[[Any], Any]) -> Any:
    """A function or an object that is called, and what it holds; what is known, by its name.

    Parameters
    ----------
    given : object
        What is told from others.
    known : dict
        Names by `id`.
    host : callable
        Tells a host's own objects from others; None of anything else.
    """
    if id(given) in known:
        return known[id(given)]
    if (found := host(given)) is not None:
        return found
    if isinstance(given, list | tuple):
        return [identity(part, known, host) for part in given]
    if not callable(given):
        return given
    if isinstance(given, functools.partial):
        return [
            identity(part, known, host) for part in (given.func, given.args, sorted(given.keywords.items()))
        ]
    code = getattr(given, "__code__", None)
    if code is None:
        return [digest(given), _settings(given)]
    if inspect.ismethod(given):
        return [_settings(given.__self__), identity(given.__func__, known, host)]
    known[id(given)] = given.__name__  # which it may call itself by
    cells = [cell.cell_contents for cell in given.__closure__ or ()]
    defaults = [given.__defaults__, sorted((given.__kwdefaults__ or {}).items())]
    return [given.__name__, _code(code), identity(cells, known, host), identity(defaults, known, host)]


def _settings(given: Any) -> dict[str, Any]:
    """The numbers, texts and arrays that an object holds; none of a class."""
    held = {} if isinstance(given, type) else getattr(given, "__dict__", {})
    kinds = (bool, int, float, str, np.ndarray)
    return {k: v for k, v in sorted(held.items()) if isinstance(v, kinds) and not k.startswith("__")}


def _code(code: Any) -> Any:
    """A function's code without its place."""

    def told(const: Any) -> Any:
        if hasattr(const, "co_code"):
            return _code(const)
        # Texts in a set lie in another order in every process.
        return sorted(map(repr, const)) if isinstance(const, frozenset) else repr(const)

    names = [list(code.co_names), list(code.co_varnames)]
    return [code.co_code.hex(), *names, [told(const) for const in code.co_consts]]
