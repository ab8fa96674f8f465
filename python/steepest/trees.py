"""Variables with names: a dict, a dataclass, a list of arrays, nested as you like, as one vector and back."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import InputError

__all__ = ["Tree", "by_name", "is_tree", "mapped"]

Flat = NDArray[Any]


def is_tree(x: Any) -> bool:
    """Whether x has parts: a mapping, a dataclass, or a list or tuple that holds arrays or such parts.

    A list of plain numbers, or of lists of them, is an array.

    >>> is_tree({"slope": 1.0}), is_tree([np.zeros(2), np.zeros(3)]), is_tree([1.0, 2.0])
    (True, True, False)
    """
    if isinstance(x, np.ndarray):
        return False
    if isinstance(x, Mapping) or (dataclasses.is_dataclass(x) and not isinstance(x, type)):
        return True
    if not isinstance(x, list | tuple):
        return False
    return any(is_tree(part) or (isinstance(part, np.ndarray) and part.ndim > 0) for part in x)


class Tree:
    """The structure of a start: which parts it has, and where each lies in the one vector that is descended in.

    Parameters
    ----------
    x0 : mapping, dataclass, list or tuple
        Its leaves are numbers or arrays of them; what is nested may be nested again.

    Attributes
    ----------
    names : tuple of str
        The leaves' names, as one would write them after x: ``['layer']['weight']``.
    shapes : tuple of tuple
        Their shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.trees import Tree
    >>> tree = Tree({"weight": np.ones((2, 2)), "bias": 0.5})
    >>> flat = tree.flat({"weight": np.eye(2), "bias": 3.0})
    >>> flat
    array([1., 0., 0., 1., 3.])
    >>> float(tree.build(flat)["bias"])
    3.0
    """

    def __init__(self, x0: Any) -> None:
        self._x0 = x0
        try:
            leaves = dict(_leaves(x0, ""))
        except RecursionError:
            raise InputError("x0 must be nested less deep; got parts that hold one another") from None
        if not leaves:
            raise InputError("x0 must have at least one entry; got none")
        self.names = tuple(leaves)
        self.shapes = tuple(_array(f"x0{name}", leaf).shape for name, leaf in leaves.items())
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        self._ends = np.cumsum([0, *sizes])

    @property
    def size(self) -> int:
        """How many variables."""
        return int(self._ends[-1])

    def leaves(self, x: Any) -> dict[str, Any]:
        """The leaves of such a structure by name."""
        return dict(_leaves(x, ""))

    def flat(self, x: Any, what: str = "x0") -> Flat:
        """The leaves one after another; x must have the parts and the shapes of the start."""
        leaves = dict(_leaves(x, ""))
        missing = [name for name in self.names if name not in leaves]
        more = [name for name in leaves if name not in self.names]
        if missing or more:
            said = f"{missing[0]} is missing" if missing else f"it has {more[0]} too"
            raise InputError(f"{what} must have the parts of x0 ({', '.join(self.names)}); {said}")
        parts = [np.ravel(self._leaf(what, k, leaves[name])) for k, name in enumerate(self.names)]
        return np.concatenate(parts)

    def build(self, flat: Flat) -> Any:
        """The structure of the start over such a vector; its arrays are views of it."""
        parts = (
            part[0] if shape == () else part.reshape(shape)
            for part, shape in zip(np.split(flat, self._ends[1:-1]), self.shapes, strict=True)
        )
        return _built(self._x0, parts)

    def bounds(self, bounds: Any) -> list[tuple[Any, Any]]:
        """Bounds by name as one pair a variable: of each part a pair (low, high) of numbers or of arrays in its
        shape; what is not named, or None, has none. A pair that names a part of parts is that of every leaf in it."""
        low, high = np.full(self.size, -np.inf), np.full(self.size, np.inf)
        given = {name: _pair(name, pair) for name, pair in by_name(bounds, fields=True)}
        pairs = self.named("bounds name", given)
        for k, name in enumerate(self.names):
            at = slice(self._ends[k], self._ends[k + 1])
            for side, value in zip((low, high), pairs[k] or (None, None), strict=True):
                if value is not None:
                    side[at] = np.ravel(_spread(f"bounds{name}", value, self.shapes[k]))
        return list(zip(low.tolist(), high.tolist(), strict=True))

    def each(self, what: str, given: Mapping[Any, Any]) -> list[Any]:
        """What is given by name, a value a leaf: one that names a part is that of every leaf in it.

        >>> Tree({"layer": {"weight": 1.0, "bias": 0.0}, "scale": 2.0}).each("rate", {"layer": 0.1, "scale": 0.5})
        [0.1, 0.1, 0.5]
        """
        values = self.named(f"{what} names", {name: (value,) for name, value in by_name(given)}, every=what)
        return [value for (value,) in values]

    def named(self, what: str, given: Mapping[str, Any], every: str = "") -> list[Any]:
        """What is given by the names of parts, for each leaf: that of its nearest part, or None.

        `every` is what all must have.
        """
        named = {_by_key(name): (name, value) for name, value in given.items()}
        values, used = [], set()
        for leaf in self.names:
            key = _by_key(leaf)
            at = [name for name in named if key == name or key.startswith(name + "[")]
            if every and not at:
                raise InputError(f"{every} must be given for every part of x0; {leaf} has none")
            used.update(at)
            values.append(named[max(at, key=len)][1] if at else None)
        for key, (name, _) in named.items():
            if key not in used:
                raise InputError(f"{what} {name}, which x0 does not have; it has {', '.join(self.names)}")
        return values

    def leaf(self, name: str) -> str | None:
        """The leaf that is called so, where the fields of dataclasses may be written as keys; None for none."""
        return {_by_key(leaf): leaf for leaf in self.names}.get(_by_key(name))

    def within(self, name: str) -> list[str]:
        """The leaves in the part that is called so."""
        return [leaf for leaf in self.names if _by_key(leaf).startswith(_by_key(name) + "[")]

    def has(self, key: Any) -> bool:
        """Whether a key names a part of the start."""
        name = f"[{key!r}]"
        return self.leaf(name) is not None or bool(self.within(name))

    def _leaf(self, what: str, k: int, leaf: Any) -> Flat:
        array = _array(f"{what}{self.names[k]}", leaf)
        if array.shape != self.shapes[k]:
            name, wanted = self.names[k], self.shapes[k]
            raise InputError(f"{what}{name} must have the shape {wanted}; got {array.shape}")
        return array


def mapped(change: Callable[[Any], Any], x: Any) -> Any:
    """A structure like x whose leaves are what `change` makes of those of x.

    >>> mapped(lambda v: 2 * v, {"a": 1.0, "b": (np.ones(2),)})
    {'a': 2.0, 'b': (array([2., 2.]),)}
    """
    return _built(x, iter([change(leaf) for _, leaf in _leaves(x, "")]))


def _parts(x: Any) -> list[tuple[str, Any]] | None:
    """The parts of a structure by name; none of a leaf."""
    if isinstance(x, Mapping):
        return [(f"[{key!r}]", part) for key, part in x.items()]
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return [(f".{field.name}", getattr(x, field.name)) for field in dataclasses.fields(x)]
    if is_tree(x):
        return [(f"[{i}]", part) for i, part in enumerate(x)]
    return None


def _leaves(x: Any, name: str) -> Iterator[tuple[str, Any]]:
    parts = _parts(x)
    if parts is None:
        yield name, x
        return
    for key, part in parts:
        yield from _leaves(part, name + key)


def _built(like: Any, parts: Iterator[Any]) -> Any:
    """A structure like this one, its leaves taken in order."""
    if isinstance(like, Mapping):
        built = {key: _built(part, parts) for key, part in like.items()}
        if isinstance(like, MutableMapping):  # a defaultdict and its like are not made from a dict
            made = copy.copy(like)
            for key, part in built.items():
                made[key] = part
            return made
        return type(like)(built)  # type: ignore[call-arg]
    if dataclasses.is_dataclass(like) and not isinstance(like, type):
        fields = {f.name: _built(getattr(like, f.name), parts) for f in dataclasses.fields(like)}
        return dataclasses.replace(like, **fields)
    if is_tree(like):
        inside = [_built(part, parts) for part in like]
        return type(like)(*inside) if hasattr(like, "_fields") else type(like)(inside)
    return next(parts)


def by_name(given: Any, fields: bool = False, name: str = "") -> Iterator[tuple[str, Any]]:
    """What dicts in dicts have, by the names of parts; with `fields`, what dataclasses have too.

    >>> list(by_name({"layer": {"weight": 1.0}, "scale": None}))
    [("['layer']['weight']", 1.0), ("['scale']", None)]
    """
    parts = (
        _parts(given) if isinstance(given, Mapping) or (fields and dataclasses.is_dataclass(given)) else None
    )
    if parts is None:
        yield name, given
        return
    for key, part in parts:
        yield from by_name(part, fields, name + key)


def _pair(name: str, bounds: Any) -> tuple[Any, Any]:
    if bounds is None:
        return None, None
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise InputError(f"bounds{name} must be a pair (low, high), or None; got {bounds!r}") from None
    return low, high


def _by_key(name: str) -> str:
    """A leaf's name with the fields of dataclasses as keys, as a dict names them."""
    return re.sub(r"\.(\w+)", r"['\1']", name)


def _array(name: str, leaf: Any) -> Flat:
    if isinstance(leaf, str | bytes | None):
        raise InputError(f"{name} must be a number or an array of numbers; got {leaf!r}")
    if np.ma.is_masked(leaf):
        raise InputError(f"{name} must not be masked: fill it first (.filled(value))")
    try:
        array = np.asarray(leaf)
        return array if np.iscomplexobj(array) else np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be a number or an array of numbers; got {leaf!r}") from None


def _spread(name: str, value: Any, shape: tuple[int, ...]) -> Flat:
    array = _array(name, value)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise InputError(
            f"{name} must be numbers, or arrays of the shape {shape}; got {array.shape}"
        ) from None
