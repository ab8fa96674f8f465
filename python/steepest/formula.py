"""Evaluates what the core recorded of its formulas, with NumPy or any array library.

A `Program` of the catalogue is a list of named operations; an `Operations` table says what each is in a
library. The same program is so evaluated by NumPy in tests, by torch on any device, by Keras on any backend.

>>> from steepest import _catalog, formula
>>> sgd = _catalog.find("rules", "sgd").programs["element"]
>>> float(formula.evaluate(sgd, {"x": 1.0, "g": 0.5, "keep": 1.0, "length": 0.1})[0])
0.95
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest._catalog import Entry, Program

__all__ = ["NUMPY", "Host", "Operations", "evaluate", "groups", "memory_names", "step", "sums", "table"]

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
    maximum: Callable[[Any, Any], Any],
    minimum: Callable[[Any, Any], Any],
    where: Callable[[Any, Any, Any], Any],
    sign: Callable[[Any], Any],
    power: Callable[[Any, Any], Any],
    matmul: Callable[[Any, Any], Any],
    transpose: Callable[[Any], Any],
    norm: Callable[[Any], Any],
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
    }


@dataclass(frozen=True)
class Host:
    """An array library, as far as a rule's step needs it.

    operations : what each named operation is, for arrays and for scalars.
    add_up : the sum of a tensor's entries.
    cast : a scalar as it may be used beside an array; most libraries need nothing done.
    """

    operations: Operations
    add_up: Callable[[Any], Any]
    cast: Callable[[Any, Any], Any] = lambda scalar, array: scalar


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
        maximum=np.maximum,
        minimum=np.minimum,
        where=np.where,
        sign=np.sign,
        power=np.power,
        matmul=np.matmul,
        transpose=np.transpose,
        norm=np.linalg.norm,
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
    return bool(entry.about["matrix_memory"]) and len(shape) == 2 and min(shape) > 1


def memory_names(entry: Entry, shape: tuple[int, ...]) -> list[str]:
    """The names of the memories that a rule keeps for a tensor of that shape."""
    return list(entry.about["matrix_memory" if takes_whole(entry, shape) else "memory"])


def step(
    entry: Entry,
    known: Mapping[str, Any],
    x: list[Any],
    g: list[Any],
    memory: list[list[Any]],
    state: list[dict[str, Any]],
    host: Host = NUMPY,
    totals: Mapping[str, Any] | None = None,
) -> tuple[list[Any], list[list[Any]], list[dict[str, Any]]]:
    """One step of one rule over several tensors: the next parameters (or gradients), memories and state.

    known : the rule's settings, ``step``, ``rate`` and ``value`` by name.
    state : the rule's numbers, one dictionary a group: one for all tensors, or one each (see `groups`).
    host : the library that computes.
    totals : the rule's sums, where they run over more tensors than these.
    """
    programs, about = entry.programs, entry.about
    each = about["scope"] == "tensor" and bool(about["sums"])
    members = [[k] for k in range(len(x))] if each else [list(range(len(x)))]
    out, after, states = list(x), [list(m) for m in memory], []
    for group, kept in zip(members, state, strict=True):
        here = {**known, **kept}
        found = evaluate(programs["scalars"], here, host.operations)
        scalars = dict(zip(about["scalars"], found, strict=True))
        if about["sums"]:
            some = [x[k] for k in group], [g[k] for k in group], [memory[k] for k in group]
            added = totals or sums(entry, here, *some, host=host)
            settled = evaluate(programs["settle"], {**here, **scalars, **added}, host.operations)
            scalars = dict(zip(about["scalars"], settled, strict=False))
            kept = dict(zip(about["state"], settled[len(scalars) :], strict=True))
        states.append(kept)
        for k in group:
            moved = _move(entry, known, scalars, x[k], g[k], memory[k], host)
            out[k], after[k] = moved[0], moved[1:]
    return out, after, states


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
    scalars = dict(zip(about["scalars"], evaluate(programs["scalars"], known, host.operations), strict=True))
    totals: dict[str, Any] = dict.fromkeys(about["sums"], 0.0)
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
    return tensors if entry.about["scope"] == "tensor" and entry.about["sums"] else 1


def _move(
    entry: Entry,
    known: Mapping[str, Any],
    scalars: Mapping[str, Any],
    x: Any,
    g: Any,
    memory: list[Any],
    host: Host,
) -> list[Any]:
    """The next parameter and memories of one tensor."""
    shape = tuple(getattr(x, "shape", ()))
    beside = known if takes_whole(entry, shape) else scalars
    inputs = {n: host.cast(v, x) for n, v in beside.items()}
    if not takes_whole(entry, shape):
        named = dict(zip(entry.about["memory"], memory, strict=True))
        return evaluate(entry.programs["element"], {**inputs, "x": x, "g": g, **named}, host.operations)
    # Matrices come lying, as many columns as rows or more.
    turn: Callable[[Any], Any] = host.operations["transpose"] if shape[0] > shape[1] else lambda a: a
    rows, columns = sorted(shape)
    named = dict(zip(entry.about["matrix_memory"], map(turn, memory), strict=True))
    inputs |= {**named, "x": turn(x), "g": turn(g), "rows": float(rows), "columns": float(columns)}
    # Libraries want arrays; the root of a plain number is the same everywhere.
    plain = {**host.operations, "sqrt": _plain_or(host.operations["sqrt"])}
    return [turn(a) for a in evaluate(entry.programs["matrix"], inputs, plain)]


def _plain_or(root: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda a: math.sqrt(a) if isinstance(a, float) else root(a)
