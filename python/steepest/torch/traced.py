"""A step by the recorded formula with torch's operations: on any device, in half precision, under `torch.compile`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from steepest import _core, formula
from steepest._catalog import Entry
from steepest.errors import InputError
from steepest.torch.states import memory_dtype

if TYPE_CHECKING:
    from steepest.torch.rule import Rule


def _near(a: Any, b: Any) -> Any:
    """`b` as a tensor where `a` is: numbers and single-number tensors come along."""
    if not isinstance(a, torch.Tensor):
        return b
    return (
        b.to(a.device) if isinstance(b, torch.Tensor) else torch.as_tensor(b, dtype=a.dtype, device=a.device)
    )


def _where(condition: Any, yes: Any, no: Any) -> Any:
    known = [v.dtype for v in (yes, no) if isinstance(v, torch.Tensor)]
    yes, no = (
        v.to(condition.device)
        if isinstance(v, torch.Tensor)
        else torch.as_tensor(v, dtype=known[0] if known else torch.float64, device=condition.device)
        for v in (yes, no)
    )
    kind = torch.result_type(yes, no)
    return torch.where(condition, yes.to(kind), no.to(kind))


_TABLE = formula.table(
    sqrt=torch.sqrt,
    exp=torch.exp,
    log=torch.log,
    log1p=torch.log1p,
    tanh=torch.tanh,
    cos=torch.cos,
    abs=torch.abs,
    floor=torch.floor,
    maximum=lambda a, b: torch.maximum(a, _near(a, b)),
    minimum=lambda a, b: torch.minimum(a, _near(a, b)),
    where=_where,
    sign=torch.sign,
    power=torch.pow,
    matmul=torch.matmul,
    transpose=lambda a: a.mT,
    norm=lambda a: torch.linalg.matrix_norm(a),
    mean=lambda a, axis=None: a.mean() if axis is None else a.mean(axis, keepdim=True),
    orthonormal=lambda a: torch.linalg.qr(a)[0],
)


def _add_up(a: torch.Tensor) -> torch.Tensor:
    return a.sum() if a.device.type == "mps" else a.sum(dtype=torch.float64)


@torch.compiler.disable
def _draw(seed: Any, step: Any, tensor: int, like: torch.Tensor) -> torch.Tensor:
    """On the CPU the numbers of the core; elsewhere those of the device's own generator. Compiled code calls it."""
    if like.device.type == "cpu":
        numbers = _core.normal(int(seed), int(step), tensor, like.numel())
        return torch.from_numpy(numbers).to(like.dtype).reshape(like.shape)
    place = ((int(seed) << 48) + (int(step) << 16) + tensor) * 0x9E3779B97F4A7C15
    generator = torch.Generator(like.device).manual_seed(place >> 8 & (1 << 62) - 1)
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


_TORCH = formula.Host(_TABLE, _add_up, draw=_draw)


def advance(optimizer: Rule, batches: list[Any], value: Any) -> None:
    """The same step with torch's operations. Sums over all tensors run over all groups."""
    plans = [_plan(optimizer, group, params, step, value) for group, params, step in batches]
    last = len(optimizer._entries) - 1
    for k in range(last + 1):
        _stage(optimizer, k, plans, k == last)
    for plan in plans:
        for p, v in zip(plan["params"], plan["g"], strict=True):
            p.copy_(v)


def _stage(optimizer: Rule, k: int, plans: list[dict[str, Any]], last: bool) -> None:
    """One rule of the chain: what it makes of each plan's gradients or changes, its memories moved on."""
    entry = optimizer._entries[k]
    sums = _sums(entry, k, plans) if entry.about["scope"] == "all" and len(plans) > 1 else None
    for plan in plans:
        memory = _memory(plan, k)
        given = (plan["known"][k], plan["x"], plan["g"], memory, plan["numbers"][k], _TORCH, sums)
        seen = plan["seen"] if entry.about["kind"] == "change" else None
        out, after, numbers = formula.step(entry, *given, seen, plan["before"])
        for state, ns, values in zip(plan["state"], plan["names"][k], after, strict=True):
            for n, v in zip(ns, values, strict=True):
                state[n].copy_(v)
        for kept, new in zip(plan["kept"][k], numbers, strict=True):
            kept.update(new)
        if entry.about["kind"] == "parameter":
            plan["seen"] = plan["g"]
        plan["g"] = formula.handed(entry, plan["x"], out, last)


def _memory(plan: dict[str, Any], k: int) -> list[list[Any]]:
    return [[s[n] for n in ns] for s, ns in zip(plan["state"], plan["names"][k], strict=True)]


def ask_again(optimizer: Rule, batches: list[Any], value: Any, closure: Any) -> None:
    """Has the second gradient of a step computed where the rule that wants it says; the parameters come back."""
    plans = [_plan(optimizer, group, params, step, value) for group, params, step in batches]
    k = next(k for k, e in enumerate(optimizer._entries) if e.about["evaluations"] > 1)
    entry = optimizer._entries[k]
    if k > 0:
        raise InputError(f"{entry.name} must be the first of the rules before")
    sums = _sums(entry, k, plans) if entry.about["scope"] == "all" and len(plans) > 1 else None
    kept = [(p, p.detach().clone()) for plan in plans for p in plan["params"]]
    for plan in plans:
        given = (plan["known"][k], plan["x"], plan["g"], _memory(plan, k), plan["numbers"][k])
        for p, v in zip(plan["params"], formula.place(entry, *given, _TORCH, sums), strict=True):
            p.copy_(v)
    try:
        with torch.enable_grad():
            closure()
    finally:
        for p, v in kept:
            p.copy_(v)


def show(optimizer: Rule, groups: list[tuple[dict[str, Any], list[torch.Tensor]]]) -> None:
    """Puts the points to look at into the parameters."""
    for group, params in groups:
        for p in params:
            plan = _plan(optimizer, group, [p], optimizer.state[p]["step"], float("nan"))
            x = plan["x"]
            for k, entry in enumerate(optimizer._entries):
                x = formula.shown(entry, plan["known"][k], x, _memory(plan, k), plan["numbers"][k], _TORCH)
            p.copy_(x[0])


def _plan(
    optimizer: Rule, group: dict[str, Any], params: list[torch.Tensor], step: torch.Tensor, value: Any
) -> dict[str, Any]:
    """What a traced step over some parameters works on. Scalars are float64, as in the core."""
    kind = torch.float32 if params[0].device.type == "mps" else torch.float64

    def scalar(v: Any) -> torch.Tensor:
        return v.detach().to(kind) if isinstance(v, torch.Tensor) else torch.tensor(float(v), dtype=kind)

    at = {
        "step": step.to(kind),
        "rate": scalar(group["lr"]),
        "value": -scalar(value) if group["maximize"] else scalar(value),
    }
    given = optimizer._given(optimizer._own(group))
    work = [memory_dtype(p) for p in params]
    return {
        "params": params,
        "before": optimizer._before(params[0]),
        "x": [p.to(d) for p, d in zip(params, work, strict=True)],
        "g": [optimizer._gradient(group, p).to(d) for p, d in zip(params, work, strict=True)],
        "state": [optimizer.state[p] for p in params],
        "known": [{**{n: scalar(v) for n, v in s.items()}, **at} for s in given],
        "names": [
            [[optimizer._key(e, n) for n in formula.memory_names(e, tuple(p.shape))] for p in params]
            for e in optimizer._entries
        ],
        "numbers": [
            [{n: scalar(v) for n, v in kept.items()} for kept in each]
            for each in optimizer._numbers(group, params)
        ],
        "kept": optimizer._numbers(group, params),
    }


def _sums(entry: Entry, k: int, plans: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A rule's sums over the parameters of every group together."""
    if not entry.about["sums"]:
        return None
    totals: dict[str, Any] = dict.fromkeys(entry.about["sums"], 0.0)
    for plan in plans:
        memory = _memory(plan, k)
        known = {**plan["known"][k], **plan["numbers"][k][0]}
        looked = plan["seen"] if entry.about["kind"] == "change" else plan["g"]
        part = formula.sums(entry, known, plan["x"], looked, memory, _TORCH)
        totals = {n: _near(part[n], s) + part[n] for n, s in totals.items()}
    return totals
