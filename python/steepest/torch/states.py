"""States of optimizers: how memories lie, and what of a saved state can be gone on from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from steepest.errors import InputError

if TYPE_CHECKING:
    from steepest.torch.rule import Rule

#: What the compiled core moves.
FAST = (torch.float32, torch.float64)
#: How torch's own are computed; ours have their own way, so that these change nothing.
_WITHOUT_EFFECT = ("foreach", "fused")
#: What none of ours can do: a step captured in a CUDA graph, a step that is differentiated.
_NEVER = {"capturable": False, "differentiable": False}
_HINTS = {
    "amsgrad": "; Amsgrad has it",
    "momentum": "; SGD, Momentum and Nesterov have it",
    "nesterov": "; SGD takes both",
    "dampening": "; Momentum has it",
    "capturable": ": its steps cannot be captured in a CUDA graph",
    "differentiable": ": its steps cannot be differentiated",
}
#: By rule: what torch's optimizer of that kind must be told to be the same, and its names for the memories.
_THEIRS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "adam": ({"amsgrad": False}, {"exp_avg": "mean", "exp_avg_sq": "square"}),
    "adamw": ({"amsgrad": False}, {"exp_avg": "mean", "exp_avg_sq": "square"}),
    "amsgrad": (
        {"amsgrad": True},
        {"exp_avg": "mean", "exp_avg_sq": "square", "max_exp_avg_sq": "largest"},
    ),
    "sgd": ({"momentum": 0, "nesterov": False, "dampening": 0}, {}),
    "momentum": ({"nesterov": False}, {"momentum_buffer": "velocity"}),
    "nesterov": ({"nesterov": True, "dampening": 0}, {"momentum_buffer": "velocity"}),
    "rprop": ({}, {"prev": "last", "step_size": "stride"}),
    "muon": (
        {
            "nesterov": True,
            "adjust_lr_fn": "match_rms_adamw",
            "ns_steps": 5,
            "ns_coefficients": (3.4445, -4.7750, 2.0315),
        },
        {"momentum_buffer": "mean"},
    ),
}


#: By rule: a setting that a state of torch's optimizer of that kind holds; SGD's has no memories without momentum.
_TELLING = {"adam": "betas", "adamw": "betas", "amsgrad": "betas", "rprop": "etas"}


def memory_dtype(p: torch.Tensor) -> torch.dtype:
    """Half precision remembers in float32."""
    return p.dtype if p.dtype in FAST else torch.float32


def fits(memory: torch.Tensor, p: torch.Tensor) -> bool:
    """Whether a memory lies as its parameter does, which may have been moved or cast since."""
    lies = memory.is_contiguous() or not p.is_contiguous()
    return memory.dtype == memory_dtype(p) and memory.device == p.device and lies


def fitted(memory: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """A memory in the precision and place of its parameter."""
    kind = memory_dtype(p)
    if memory.shape != p.shape:
        return torch.empty(memory.shape, dtype=kind, device=p.device).copy_(memory.detach())
    return torch.empty_like(p, dtype=kind, requires_grad=False).copy_(memory.detach())


def read(optimizer: Rule, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given without torch's own arguments, which must have the value that is meant here."""
    rest = {n: v for n, v in given.items() if n not in _WITHOUT_EFFECT}
    for word, wanted in {**_NEVER, **_THEIRS.get(optimizer.rule, ({}, {}))[0]}.items():
        if word in rest and word not in optimizer._spelled:
            got = rest.pop(word)
            if (tuple(got) if isinstance(got, list) else got) != wanted:
                raise InputError(
                    f"{optimizer.rule} takes {word}={wanted!r} only; got {got!r}{_HINTS.get(word, '')}"
                )
    if not rest.get("decoupled_weight_decay", True) and optimizer.before:
        raise InputError(
            "decoupled_weight_decay=False cannot go with before=[...]: clip the gradients themselves"
        )
    return rest


def taken(optimizer: Rule, saved: dict[str, Any]) -> dict[str, Any]:
    """A saved state under this rule's names, or why it cannot be gone on from."""
    theirs = _THEIRS.get(optimizer.rule, ({}, {}))[1]
    mine = [p for group in optimizer.param_groups for p in group["params"]]
    groups, state = [], dict(saved["state"])
    for group in map(dict, saved["param_groups"]):
        if group.get("rule", optimizer.rule) != optimizer.rule:
            raise InputError(
                f"this state was saved by {group['rule']}; {optimizer.rule} cannot go on from it"
            )
        if "rule" not in group and (told := _TELLING.get(optimizer.rule, "lr")) not in group:
            raise InputError(f"this state holds no {told}: another optimizer saved it")
        undecided = {"rule", "decoupled_weight_decay"}.isdisjoint(group) and "betas" in group
        if undecided and theirs and group.get("weight_decay"):
            raise InputError(
                "this state does not say whether torch.optim.Adam or AdamW saved it: set "
                "decoupled_weight_decay in its param_groups, True for AdamW"
            )
        optimizer._settle_group(group)
        groups.append({"maximize": False, **group, "rule": optimizer.rule})
    numbers = [p for group in groups for p in group["params"]]
    for number, p in zip(numbers, mine, strict=False):
        if number in state:
            kept = {theirs.get(n, n): v for n, v in state[number].items() if v is not None}
            state[number] = _complete(optimizer, number, p, kept)
    return {**saved, "state": {k: v for k, v in state.items() if v != {}}, "param_groups": groups}


def _complete(optimizer: Rule, number: Any, p: torch.Tensor, kept: dict[str, Any]) -> dict[str, Any]:
    """A parameter's saved memories, if they are this rule's and of the parameter's shape."""
    needed = optimizer._memories(p)
    others = {f"{e.name}_numbers" for e in optimizer._entries} | {"step"}
    if not kept.keys() - others and needed:
        return {}
    if kept.keys() - others != set(needed):
        raise InputError(
            f"the state of parameter {number} holds {sorted(kept.keys() - others)}, where {optimizer.rule} keeps "
            f"{sorted(needed)}: another optimizer saved it"
        )
    for name, shape in optimizer._shapes(p).items():
        if tuple(kept[name].shape) != shape:
            wanted = "the parameter" if shape == tuple(p.shape) else "needed is"
            raise InputError(
                f"{name} of parameter {number} has the shape {tuple(kept[name].shape)}; {wanted} {shape}"
            )
    return {"step": torch.tensor(1.0), **kept}


def keep(optimizer: Rule, saved: dict[str, Any]) -> None:
    """Puts saved memories back in their own precision, which torch has made the parameters'."""
    numbers = [p for group in saved["param_groups"] for p in group["params"]]
    mine = [p for group in optimizer.param_groups for p in group["params"]]
    for number, p in zip(numbers, mine, strict=True):
        if kept := saved["state"].get(number):
            optimizer.state[p]["step"] = torch.tensor(float(kept["step"]), dtype=torch.float64)
            for name in optimizer._memories(p):
                optimizer.state[p][name] = fitted(kept[name], p)
            for name in (f"{e.name}_numbers" for e in optimizer._entries):
                if name in kept:
                    optimizer.state[p][name] = copy.deepcopy(kept[name])
