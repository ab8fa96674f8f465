"""What `minimize` adds to a function, or forbids: penalties over the variables, or over each of their parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest import penalties
from steepest._catalog import Settings, checked, find
from steepest.errors import InputError
from steepest.trees import Tree, by_name

__all__ = ["read_penalty"]

_HOW = (
    "a name from steepest.penalties, an instance with settings, or (penalty, alpha) or (penalty, alpha, groups); "
    'equations A x = b are ("affine", A, b)'
)


def read_penalty(penalty: Any, shape: tuple[int, ...], tree: Tree | None) -> list[dict[str, Any]] | None:
    """The penalty of each part, in the order in which the variables are laid out; None for none.

    Examples
    --------
    >>> read_penalty(("l1", 0.5), (2,), None)
    [{'penalty': ('l1', []), 'weight': [0.5, 0.5], 'right': None, 'groups': None, 'shape': (2,)}]
    """
    if penalty is None:
        return None
    if not isinstance(penalty, Mapping):
        # A penalty over everything sees the parts as one vector.
        size = int(np.prod(shape)) if tree is None else tree.size
        return [_part("penalty", penalty, shape if tree is None else (size,))]
    if tree is None:
        raise InputError("penalties by name need an x0 with names; got one array")
    given = {}
    for name, own in by_name(penalty):
        leaf, inside = tree.leaf(name), tree.within(name)
        if leaf is None and not inside:
            raise InputError(f"penalty names {name}, which x0 does not have; it has {', '.join(tree.names)}")
        if leaf is None and own is not None:
            each = ", ".join(inside)
            raise InputError(
                f"penalty names {name}, which has parts: name those that have it, each by itself ({each})"
            )
        given[leaf] = own
    return [
        _part(f"penalty{name}", given.get(name), shape)
        for name, shape in zip(tree.names, tree.shapes, strict=True)
    ]


def _part(what: str, given: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """A penalty, its weight on each variable, and the groups of those."""
    penalty, *more = given if isinstance(given, tuple) else (given,)
    if penalty is None and not more:
        penalty = penalties.NonePenalty()
    if isinstance(penalty, str):
        checked("penalties", penalty, {})
        named: tuple[str, dict[str, float]] = (penalty, {})
    elif isinstance(penalty, Settings) and penalty.registry == "penalties":
        named = (penalty.name, penalty.settings)
    else:
        raise InputError(f"{what} must be {_HOW}; got {given!r}")
    if len(more) > 2:
        raise InputError(f"{what} must be {_HOW}; got {len(more) + 1} things")
    alpha, beside = (*more, None)[:2] if more else (1.0, None)
    name, settings = named
    kind = find("penalties", name).about["offers"]["alpha"]
    if kind == "rows":
        weight, right, labels = *_equations(what, alpha, beside, shape), None
    else:
        weight, right, labels = _weights(what, alpha, shape, kind == "normal"), None, None
        if beside is not None:
            labels = _labels(what, beside, shape)
    return {
        "penalty": (name, [(key, float(value)) for key, value in settings.items()]),
        "weight": weight,
        "right": right,
        "groups": labels,
        "shape": shape,
    }


def _weights(what: str, alpha: Any, shape: tuple[int, ...], signed: bool) -> list[float]:
    """Alpha of each variable; of a set whose alpha is a normal with any sign."""
    try:
        weight = np.broadcast_to(np.asarray(alpha, dtype=np.float64), shape).ravel()
    except (TypeError, ValueError):
        raise InputError(
            f"alpha of {what} must be a number, or numbers in the shape {shape}; got {alpha!r}"
        ) from None
    if not (np.isfinite(weight).all() and (signed or (weight >= 0).all())):
        at_least = "" if signed else " and at least 0"
        raise InputError(f"alpha of {what} must be finite{at_least}; got {alpha!r}")
    return weight.tolist()


def _labels(what: str, groups: Any, shape: tuple[int, ...]) -> list[int]:
    """The group of each variable, by number."""
    array = np.asarray(groups)
    if array.shape != shape:
        raise InputError(
            f"groups of {what} must be a label for each variable, of shape {shape}; got {array.shape}"
        )
    return np.unique(array, return_inverse=True)[1].ravel().tolist()


def _equations(what: str, rows: Any, right: Any, shape: tuple[int, ...]) -> tuple[list[float], list[float]]:
    """The rows of A, one after the other, and the right side of each."""
    rows = rows.toarray() if hasattr(rows, "toarray") else rows
    try:
        array = np.asarray(rows, dtype=np.float64)
        if array.ndim <= len(shape):
            array = np.broadcast_to(array, shape)[None]
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.shape[1:] != shape or not len(array):
        wanted = ", ".join(map(str, ("rows", *shape)))
        got = f"the shape {np.shape(rows)}" if hasattr(rows, "shape") else repr(rows)
        raise InputError(f"A of {what} must be numbers in the shape ({wanted}); got {got}")
    try:
        sides = np.broadcast_to(np.asarray(0.0 if right is None else right, dtype=np.float64), len(array))
    except (TypeError, ValueError):
        raise InputError(
            f"b of {what} must be a number for each of the {len(array)} rows of A; got {right!r}"
        ) from None
    for name, finite in [("A", np.isfinite(array).reshape(len(array), -1).all(1)), ("b", np.isfinite(sides))]:
        if not finite.all():
            raise InputError(f"{name} of {what} must be finite; row {int(np.argmin(finite))} is not")
    return array.ravel().tolist(), sides.tolist()
