"""Evaluates what the core recorded of its formulas, with NumPy or any array library.

A `Program` of the catalogue is a list of named operations; an `Operations` table says what each is in a
library. The same program is so evaluated by NumPy in tests, by torch on any device, by Keras on any backend.

>>> from steepest import _catalog, formula
>>> sgd = _catalog.find("rules", "sgd").programs["element"]
>>> float(formula.evaluate(sgd, {"x": 1.0, "g": 0.5, "decay": 0.0, "length": 0.1})[0])  # the change of x
-0.05
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest import _core
from steepest._catalog import Entry, Program

__all__ = [
    "NUMPY",
    "Host",
    "Operations",
    "evaluate",
    "groups",
    "handed",
    "memory_names",
    "memory_shapes",
    "place",
    "shown",
    "step",
    "sums",
    "table",
]

#: What each named operation is in a library.
Operations = Mapping[str, Callable[..., Any]]


def table(
    *,
    sqrt: Callable[[Any], Any],
    exp: Callable[[Any], Any],
    log: Callable[[Any], Any],
    log1p: Callable[[Any], Any],
    tanh: Callable[[Any], Any],
    cos: Callable[[Any], Any],
    abs: Callable[[Any], Any],
    floor: Callable[[Any], Any],
    maximum: Callable[[Any, Any], Any],
    minimum: Callable[[Any, Any], Any],
    where: Callable[[Any, Any, Any], Any],
    sign: Callable[[Any], Any],
    power: Callable[[Any, Any], Any],
    matmul: Callable[[Any, Any], Any],
    transpose: Callable[[Any], Any],
    norm: Callable[[Any], Any],
    mean: Callable[..., Any],
    orthonormal: Callable[[Any], Any],
) -> Operations:
    """The operations of a library, from the functions that it has under whatever name."""

    def softplus(x: Any) -> Any:
        return maximum(x, 0.0 * x) + log1p(exp(-abs(x)))

    def sigmoid(x: Any) -> Any:
        t = exp(-abs(x))
        return where(x > 0, 1.0 + 0.0 * t, t) / (1.0 + t)

    return {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "neg": lambda a: -a,
        "square": lambda a: a * a,
        "sqrt": sqrt,
        "exp": exp,
        "ln": log,
        "ln_1p": log1p,
        "tanh": tanh,
        "cos": cos,
        "abs": abs,
        "floor": floor,
        "sign": sign,
        "pow": power,
        "max": maximum,
        "min": minimum,
        "clamp": lambda x, low, high: minimum(maximum(x, low), high),
        "positive": lambda x, yes, no: where(x > 0, yes, no),
        "softplus": softplus,
        "sigmoid": sigmoid,
        "matmul": matmul,
        "transpose": transpose,
        "norm": norm,
        "mean": mean,
        "row_means": lambda a: mean(a, 1),
        "column_means": lambda a: mean(a, 0),
        "orthonormal": orthonormal,
    }


@dataclass(frozen=True)
class Host:
    """An array library, as far as a rule's step needs it.

    operations : what each named operation is, for arrays and for scalars.
    add_up : the sum of a tensor's entries.
    cast : a scalar as it may be used beside an array; most libraries need nothing done.
    draw : standard normal numbers by seed, step and the tensor's number, of an array's shape and kind.
    """

    operations: Operations
    add_up: Callable[[Any], Any]
    cast: Callable[[Any, Any], Any] = lambda scalar, array: scalar
    draw: Callable[[Any, Any, int, Any], Any] = lambda seed, step, tensor, like: _core.normal(
        int(seed), int(step), tensor, like.size
    ).reshape(like.shape)


#: NumPy.
NUMPY = Host(
    table(
        sqrt=np.sqrt,
        exp=np.exp,
        log=np.log,
        log1p=np.log1p,
        tanh=np.tanh,
        cos=np.cos,
        abs=np.abs,
        floor=np.floor,
        maximum=np.maximum,
        minimum=np.minimum,
        where=np.where,
        sign=np.sign,
        power=np.power,
        matmul=np.matmul,
        transpose=np.transpose,
        norm=np.linalg.norm,
        mean=lambda a, axis=None: np.mean(a, axis=axis, keepdims=axis is not None),
        orthonormal=lambda a: np.linalg.qr(a)[0],
    ),
    np.sum,
)


def evaluate(
    program: Program, inputs: Mapping[str, Any], operations: Operations = NUMPY.operations
) -> list[Any]:
    """The outputs of a program for inputs by name."""
    values: list[Any] = []
    # Both sides of a choice are evaluated, the one that is not taken too: NumPy need not warn of it.
    with np.errstate(all="ignore"):
        for op, *places in program.ops:
            if op == "input":
                values.append(inputs[places[0]])
            elif op == "lit":
                values.append(places[0])
            else:
                values.append(operations[op](*(values[k] for k in places)))
    return [values[k] for k in program.outputs]


def takes_whole(entry: Entry, shape: tuple[int, ...]) -> bool:
    """Whether a rule treats a tensor of that shape as a matrix."""
    return bool(entry.about["whole"]) and len(shape) == 2 and min(shape) > 1


def memory_names(entry: Entry, shape: tuple[int, ...]) -> list[str]:
    """The names of the memories that a rule keeps for a tensor of that shape."""
    return list(entry.about["matrix_memory" if takes_whole(entry, shape) else "memory"])


def memory_shapes(entry: Entry, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes of the memories that a rule keeps for a tensor of that shape.

    >>> from steepest import _catalog
    >>> memory_shapes(_catalog.find("rules", "adam"), (3, 2))
    [(3, 2), (3, 2)]
    """
    if not takes_whole(entry, shape):
        return [shape for _ in entry.about["memory"]]
    short, long = sorted(shape)
    lying = {
        "whole": (short, long),
        "rows": (short, 1),
        "columns": (1, long),
        "left": (short, short),
        "right": (long, long),
    }
    stands = shape[0] > shape[1]
    return [lying[e][::-1] if stands else lying[e] for e in entry.about["matrix_extents"]]


def step(
    entry: Entry,
    known: Mapping[str, Any],
    x: list[Any],
    g: list[Any],
    memory: list[list[Any]],
    state: list[dict[str, Any]],
    host: Host = NUMPY,
    totals: Mapping[str, Any] | None = None,
    seen: list[Any] | None = None,
    before: int = 0,
) -> tuple[list[Any], list[list[Any]], list[dict[str, Any]]]:
    """One step of one rule over several tensors: what it makes of `g`, the memories and the state.

    known : the rule's settings, ``step``, ``rate`` and ``value`` by name.
    g : the gradients, or the changes so far for a rule that turns changes; see `handed` for what comes out.
    state : the rule's numbers, one dictionary a group: one for all tensors, or one each (see `groups`).
    host : the library that computes.
    totals : the rule's sums, where they run over more tensors than these.
    seen : the gradients that the step saw, which the sums of a rule that turns changes are over.
    before : how many tensors are moved on apart from these, before them: each draws numbers of its own.
    """
    out, after, states = list(x), [list(m) for m in memory], []
    looked = g if seen is None else seen
    for group, scalars, kept in _settled(entry, known, x, looked, memory, state, host, totals):
        states.append(kept)
        for k in group:
            moved = _move(entry, known, scalars, x[k], g[k], memory[k], host, before + k)
            out[k], after[k] = moved[0], moved[1 : 1 + len(memory[k])]
    return out, after, states


def handed(entry: Entry, x: list[Any], out: list[Any], last: bool) -> list[Any]:
    """What the next rule of a chain is given of what a `step` made; of the last one, the next parameters."""
    if entry.about["kind"] == "gradient" or bool(entry.about["absolute"]) == last:
        return out
    return [v + o if last else o - v for v, o in zip(x, out, strict=True)]


def place(
    entry: Entry,
    known: Mapping[str, Any],
    x: list[Any],
    g: list[Any],
    memory: list[list[Any]],
    state: list[dict[str, Any]],
    host: Host = NUMPY,
    totals: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Where the second gradient of a step is asked, by the rule that asks for one; as for `step`."""
    out = list(x)
    for group, scalars, _ in _settled(entry, known, x, g, memory, state, host, totals):
        for k in group:
            seen = {n: host.cast(v, x[k]) for n, v in scalars.items()}
            seen |= {"x": x[k], "g": g[k], **dict(zip(entry.about["memory"], memory[k], strict=True))}
            out[k] = evaluate(entry.programs["place"], seen, host.operations)[0]
    return out


def shown(
    entry: Entry,
    known: Mapping[str, Any],
    x: list[Any],
    memory: list[list[Any]],
    state: list[dict[str, Any]],
    host: Host = NUMPY,
) -> list[Any]:
    """The points that a rule shows after a step of the parameters that it is given; most rules show these."""
    if not entry.about["shown"]:
        return x
    out = []
    for k, (one, kept) in enumerate(zip(x, memory, strict=True)):
        here = {**known, **state[k if len(state) > 1 else 0]}
        scalars = evaluate(entry.programs["scalars"], here, host.operations)
        seen = {n: host.cast(v, one) for n, v in zip(entry.about["scalars"], scalars, strict=True)}
        seen |= {"x": one, **dict(zip(entry.about["memory"], kept, strict=True))}
        out.append(evaluate(entry.programs["shown"], seen, host.operations)[0])
    return out


def _settled(
    entry: Entry,
    known: Mapping[str, Any],
    x: list[Any],
    g: list[Any],
    memory: list[list[Any]],
    state: list[dict[str, Any]],
    host: Host,
    totals: Mapping[str, Any] | None,
) -> list[tuple[list[int], dict[str, Any], dict[str, Any]]]:
    """By group of tensors: its members, the scalars and the next state."""
    programs, about = entry.programs, entry.about
    each = groups(entry, 2) > 1
    members = [[k] for k in range(len(x))] if each else [list(range(len(x)))]
    found = []
    for group, kept in zip(members, state, strict=True):
        here = {**known, **kept}
        first = evaluate(programs["scalars"], here, host.operations)
        scalars = dict(zip(about["scalars"], first, strict=True))
        if about["sums"] or about["state"]:
            some = [x[k] for k in group], [g[k] for k in group], [memory[k] for k in group]
            added = totals or sums(entry, here, *some, host=host)
            settled = evaluate(programs["settle"], {**here, **scalars, **added}, host.operations)
            scalars = dict(zip(about["scalars"], settled, strict=False))
            kept = dict(zip(about["state"], settled[len(scalars) :], strict=True))
        found.append((group, scalars, kept))
    return found


def sums(
    entry: Entry,
    known: Mapping[str, Any],
    x: list[Any],
    g: list[Any],
    memory: list[list[Any]],
    host: Host = NUMPY,
) -> dict[str, Any]:
    """A rule's sums over some tensors, by name."""
    about, programs = entry.about, entry.programs
    if not about["sums"]:
        return {}
    # Of the host's own kind, also where all tensors are matrices and nothing is added.
    totals: dict[str, Any] = dict.fromkeys(about["sums"], host.add_up(0.0 * g[0]))
    scalars = dict(zip(about["scalars"], evaluate(programs["scalars"], known, host.operations), strict=True))
    for one, gradient, kept in zip(x, g, memory, strict=True):
        if takes_whole(entry, tuple(getattr(one, "shape", ()))):
            continue
        seen = {n: host.cast(v, one) for n, v in scalars.items()}
        seen |= {"x": one, "g": gradient, **dict(zip(about["memory"], kept, strict=True))}
        terms = evaluate(programs["terms"], seen, host.operations)
        totals = {n: host.add_up(t) + s for (n, s), t in zip(totals.items(), terms, strict=True)}
    return totals


def groups(entry: Entry, tensors: int) -> int:
    """How many groups of state so many tensors have."""
    about = entry.about
    return tensors if about["scope"] == "tensor" and (about["sums"] or about["state"]) else 1


def _move(
    entry: Entry,
    known: Mapping[str, Any],
    scalars: Mapping[str, Any],
    x: Any,
    g: Any,
    memory: list[Any],
    host: Host,
    number: int,
) -> list[Any]:
    """What a rule makes of one tensor, and its memories."""
    shape = tuple(getattr(x, "shape", ()))
    beside = known if takes_whole(entry, shape) else scalars
    inputs = {n: host.cast(v, x) for n, v in beside.items()}
    if not takes_whole(entry, shape):
        named = dict(zip(entry.about["memory"], memory, strict=True))
        if drawn := entry.about["drawn"]:
            named[drawn] = host.draw(known["seed"], known["step"], number, x)
        return evaluate(entry.programs["element"], {**inputs, "x": x, "g": g, **named}, host.operations)
    # Matrices are wide, as many columns as rows or more, unless the rule says otherwise.
    stands = entry.about["lying"] and shape[0] > shape[1]
    turn: Callable[[Any], Any] = host.operations["transpose"] if stands else lambda a: a
    rows, columns = shape[::-1] if stands else shape
    named = dict(zip(entry.about["matrix_memory"], map(turn, memory), strict=True))
    inputs |= {**named, "x": turn(x), "g": turn(g), "rows": float(rows), "columns": float(columns)}
    # Libraries want arrays; the root of a plain number is the same everywhere.
    plain = {**host.operations, "sqrt": _plain_or(host.operations["sqrt"])}
    return [turn(a) for a in evaluate(entry.programs["matrix"], inputs, plain)]


def _plain_or(root: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda a: math.sqrt(a) if isinstance(a, float) else root(a)
