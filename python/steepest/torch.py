"""Every rule as a `torch.optim.Optimizer`.

`Adam`, `Momentum`, `Muon` … are made from the catalogue: a rule that is added to the core is here too.
Parameters of float32 or float64 on the CPU are moved by the compiled core, in place and without a copy;
everything else (other devices, half precision, `torch.compile`) by the same formula, evaluated with torch's
operations.

>>> import torch, steepest.torch
>>> model = torch.nn.Linear(3, 1)
>>> optimizer = steepest.torch.Adam(model.parameters(), lr=1e-3)
>>> loss = model(torch.ones(2, 3)).square().mean()
>>> loss.backward()
>>> optimizer.step()

`lr` may be left out: `MomoAdam` and `Rprop` find their steps by themselves, the others have the usual rate.
What turns gradients goes before: ``Adam(params, before=[steepest.rules.ClipNorm(most=1.0)])``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

try:
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "steepest.torch needs torch, which is not installed: pip install 'steepest[torch]'", name="torch"
    ) from None

from steepest import _catalog, _core, formula, hosts
from steepest._catalog import Entry, Settings
from steepest.errors import InputError

_FAST = (torch.float32, torch.float64)


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
    maximum=lambda a, b: torch.maximum(a, _near(a, b)),
    minimum=lambda a, b: torch.minimum(a, _near(a, b)),
    where=_where,
    sign=torch.sign,
    power=torch.pow,
    matmul=torch.matmul,
    transpose=lambda a: a.mT,
    norm=lambda a: torch.linalg.matrix_norm(a),
)


def _add_up(a: torch.Tensor) -> torch.Tensor:
    return a.sum() if a.device.type == "mps" else a.sum(dtype=torch.float64)


_TORCH = formula.Host(_TABLE, _add_up)


#: What torch's users call a rule's settings.
_WORDS: hosts.Words = {
    "betas": [("direction_decay", "mean_decay"), ("mean_decay", "square_decay")],
    "eps": [("epsilon",)],
    "etas": [("shrink", "grow")],
    "step_sizes": [("least", "most")],
}
#: How torch's own are computed; ours have their own way, so that these change nothing.
_WITHOUT_EFFECT = ("foreach", "fused")
#: What none of ours can do: a step captured in a CUDA graph, a step that is differentiated.
_NEVER = {"capturable": False, "differentiable": False}
_HINTS = {
    "amsgrad": "; torch.optim.AdamW has it",
    "momentum": "; SGD, Momentum and Nesterov have it",
    "nesterov": "; SGD takes both",
    "dampening": "; torch.optim.SGD has it",
    "capturable": ": its steps cannot be captured in a CUDA graph",
    "differentiable": ": its steps cannot be differentiated",
}
#: By rule: what torch's optimizer of that kind must be told to be the same, and its names for the memories.
_THEIRS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "adam": ({"amsgrad": False}, {"exp_avg": "mean", "exp_avg_sq": "square"}),
    "sgd": ({"momentum": 0, "nesterov": False, "dampening": 0}, {}),
    "momentum": ({"nesterov": False, "dampening": 0}, {"momentum_buffer": "velocity"}),
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


class Rule(torch.optim.Optimizer):
    """A rule of the catalogue as an optimizer; `Adam`, `Momentum` … are this with their rule.

    Parameters
    ----------
    params : iterable
        Tensors, named tensors or groups of them, as every torch optimizer takes them. A group may have its
        own `lr` and settings.
    lr : float, optional
        The rate; unless given the rule's own (`MomoAdam`: 0.01, a cap; `Rprop`: 0.01, the first step).
    before : sequence of Settings, optional
        Rules that turn the gradient, in order: ``[steepest.rules.ClipNorm(most=1.0)]``. Their norms run over
        the parameters of all groups together.
    maximize : bool, default False
        Go up instead of down.
    decoupled_weight_decay : bool, default True
        False adds ``weight_decay * parameter`` to the gradient, as `torch.optim.Adam` does, instead of what the
        rule does with it.
    **settings : float
        The rule's settings, by its own names or as torch calls them: `betas`, `eps`, `weight_decay`, `momentum`.
        `foreach` and `fused` are accepted and change nothing. In `param_groups` they have torch's names.
    """

    #: The rule's name in the catalogue.
    rule: str = "adam"

    def __init__(
        self,
        params: Any,
        lr: Any = None,
        *,
        before: Sequence[Settings] = (),
        maximize: bool = False,
        **settings: Any,
    ) -> None:
        entry = _catalog.find("rules", self.rule)
        if entry.about["kind"] == "gradient":
            raise InputError(f"{entry.name} only turns the gradient: pass it as before=[...] of another rule")
        self.before = hosts.checked_before(before)
        defaults = {
            "lr": entry.about["rate"] if lr is None else _rate(lr),
            "maximize": bool(maximize),
            "rule": self.rule,
        }
        given = self._read(settings)
        if "decoupled_weight_decay" in given:
            defaults["decoupled_weight_decay"] = bool(given.pop("decoupled_weight_decay"))
        defaults |= hosts.join(self._spelled, hosts.checked(entry, self._spelled, given))
        super().__init__(params, defaults)

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        """What turns the gradient, then the rule."""
        return (*(b.entry for b in self.before), _catalog.find("rules", self.rule))

    @cached_property
    def _spelled(self) -> dict[str, tuple[str, ...]]:
        return hosts.spelling(_catalog.find("rules", self.rule), _WORDS)

    @cached_property
    def _chains(self) -> dict[tuple[float, ...], _core.Rule]:
        """The compiled rules, by the settings that they were made with."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "before": self.before, "rule": self.rule}

    def _read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What was given without torch's own arguments, which must have the value that is meant here."""
        rest = {n: v for n, v in given.items() if n not in _WITHOUT_EFFECT}
        for word, wanted in {**_NEVER, **_THEIRS.get(self.rule, ({}, {}))[0]}.items():
            if word in rest and word not in self._spelled:
                got = rest.pop(word)
                if (tuple(got) if isinstance(got, list) else got) != wanted:
                    raise InputError(
                        f"{self.rule} takes {word}={wanted!r} only; got {got!r}{_HINTS.get(word, '')}"
                    )
        if not rest.get("decoupled_weight_decay", True) and self.before:
            raise InputError(
                "decoupled_weight_decay=False cannot go with before=[...]: clip the gradients themselves"
            )
        return rest

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group of parameters, with its own `lr` and settings where it has some."""
        if "lr" in param_group:
            param_group["lr"] = _rate(param_group["lr"])
        self._settle_group(param_group)
        super().add_param_group(param_group)

    def _settle_group(self, group: dict[str, Any]) -> None:
        """Gives a group's settings torch's names, in place, and checks them."""
        entry, given = _catalog.find("rules", self.rule), self._read(group)
        known = {*self._spelled, *(p.name for p in entry.parameters)}
        own = hosts.checked(entry, self._spelled, {n: v for n, v in given.items() if n in known})
        told = hosts.split(entry, self._spelled, given)
        checked = {**hosts.split(entry, self._spelled, self.defaults), **{n: own[n] for n in told}}
        for name in {*group} - {*given} | {p.name for p in entry.parameters}:
            group.pop(name, None)
        group.update(hosts.join(self._spelled, checked))

    def _own(self, group: dict[str, Any]) -> dict[str, float]:
        """The rule's settings that a group has, as they are now: schedulers change them."""
        own = hosts.split(self._entries[-1], self._spelled, group)
        if not group.get("decoupled_weight_decay", True) and "weight_decay" in own:
            own["weight_decay"] = 0.0
        return own

    def _gradient(self, group: dict[str, Any], p: torch.Tensor) -> torch.Tensor:
        """The gradient that the rules see."""
        g: torch.Tensor = p.grad  # type: ignore[assignment]
        if group["maximize"]:
            g = -g
        if not group.get("decoupled_weight_decay", True):
            g = g.add(p, alpha=float(group.get("weight_decay", 0.0)))
        return g

    def _key(self, entry: Entry, name: str) -> str:
        """What a memory is called in the state: those of rules before have their rule's name in front."""
        return name if entry is self._entries[-1] else f"{entry.name}_{name}"

    def _memories(self, p: torch.Tensor) -> list[str]:
        """The keys of a parameter's memories, rule after rule."""
        shape = tuple(p.shape)
        return [self._key(e, n) for e in self._entries for n in formula.memory_names(e, shape)]

    def _begin(self, p: torch.Tensor) -> dict[str, Any]:
        """The state of a parameter, made at its first gradient, and as the parameter is by now."""
        state: dict[str, Any] = self.state[p]
        if not state:
            state["step"] = torch.tensor(0.0, dtype=torch.float64)
            for key in self._memories(p):
                state[key] = torch.zeros_like(p, dtype=_memory_dtype(p))
        for key in self._memories(p):
            if not _fits(state[key], p):
                state[key] = _fitted(state[key], p)
        return state

    def _numbers(self, group: dict[str, Any], params: list[torch.Tensor]) -> list[list[dict[str, Any]]]:
        """The rules' own numbers, by rule, then by group of sums; those over all live in the group."""
        answer: list[list[dict[str, Any]]] = []
        for entry in self._entries:
            fresh = dict.fromkeys(entry.about["state"], 0.0)
            each = entry.about["scope"] == "tensor" and entry.about["sums"]
            if not fresh:
                answer.append([{} for _ in params] if each else [{}])
            elif each:
                key = f"{entry.name}_numbers"
                answer.append([self.state[p].setdefault(key, dict(fresh)) for p in params])
            else:
                answer.append([group.setdefault("numbers", {}).setdefault(entry.name, fresh)])
        return answer

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:  # type: ignore[override]
        """Takes one step; the answer is what `closure` returned.

        Rules that need the value of the loss (`MomoAdam`) take it from `closure`, which clears the gradients,
        computes the loss, calls `backward` and returns it, or from `loss`.
        """
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        needed = any(e.about["value"] for e in self._entries)
        if loss is None and needed:
            raise InputError(f"{self.rule} needs the loss: call step(closure) or step(loss=loss)")
        value = _value(loss) if needed else math.nan
        batches = self._batches()
        params = [p for _, members, _ in batches for p in members]
        shared = len(batches) > 1 and any(
            e.about["scope"] == "all" and e.about["sums"] for e in self._entries
        )
        if params and not shared and _is_plain(params) and not torch.compiler.is_compiling():
            for group, members, step in batches:
                self._compiled(group, members, step, value)
        elif params:
            self._traced(batches, value)
        return loss

    def _batches(self) -> list[tuple[dict[str, Any], list[torch.Tensor], torch.Tensor]]:
        """Parameters with a gradient that share a group and a step's number, which is moved on."""
        moving = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        if any(p.grad.is_sparse or p.is_complex() for params in moving for p in params):
            raise InputError(
                "steepest's rules take dense real gradients; got a sparse or complex one "
                "(an Embedding with sparse=True makes sparse ones)"
            )
        answer = []
        for group, params in zip(self.param_groups, moving, strict=True):
            members: dict[Any, list[torch.Tensor]] = {}
            for p in params:
                count = self._begin(p)["step"]
                count += 1
                # While torch compiles, numbers cannot be looked at: a group is taken to be at one step.
                key = 0 if torch.compiler.is_compiling() else count.item()
                members.setdefault(key, []).append(p)
            answer += [(group, m, self.state[m[0]]["step"]) for m in members.values()]
        return answer

    def _compiled(
        self, group: dict[str, Any], params: list[torch.Tensor], step: torch.Tensor, value: Any
    ) -> None:
        own = self._own(group)
        key = tuple(own.values())
        if key not in self._chains:
            given = [*(b.settings for b in self.before), own]
            self._chains[key] = _core.Rule([(e.name, s) for e, s in zip(self._entries, given, strict=True)])
        x = [p.detach().numpy() for p in params]
        g = [self._gradient(group, p).contiguous().numpy() for p in params]
        memory = [[self.state[p][n].numpy() for n in self._memories(p)] for p in params]
        numbers = [kept for each in self._numbers(group, params) for kept in each]
        flat = np.array([v for kept in numbers for v in kept.values()], dtype=float)
        value = -float(value) if group["maximize"] else float(value)
        self._chains[key].step(x, g, memory, flat, int(step), float(group["lr"]), value)
        at = 0
        for kept in numbers:
            kept.update(zip(kept, flat[at : at + len(kept)].tolist(), strict=True))
            at += len(kept)
        # autograd must know that they changed: a graph made before is stale
        for p in params:
            if not p.is_inference():
                torch.autograd.graph.increment_version(p)

    def _traced(self, batches: list[Any], value: Any) -> None:
        """The same step with torch's operations. Sums over all tensors run over all groups."""
        plans = [self._plan(group, params, step, value) for group, params, step in batches]
        for k, entry in enumerate(self._entries):
            sums = self._sums(entry, k, plans) if entry.about["scope"] == "all" and len(plans) > 1 else None
            for plan in plans:
                known, names = plan["known"][k], plan["names"][k]
                memory = [[s[n] for n in ns] for s, ns in zip(plan["state"], names, strict=True)]
                out, after, numbers = formula.step(
                    entry,
                    known,
                    plan["x"],
                    plan["g"],
                    memory,
                    plan["numbers"][k],
                    _TORCH,
                    sums,
                )
                for state, ns, values in zip(plan["state"], names, after, strict=True):
                    for n, v in zip(ns, values, strict=True):
                        state[n].copy_(v)
                for kept, new in zip(plan["kept"][k], numbers, strict=True):
                    kept.update(new)
                if entry.about["kind"] == "gradient":
                    plan["g"] = out
                else:
                    for p, v in zip(plan["params"], out, strict=True):
                        p.copy_(v)

    def _plan(
        self, group: dict[str, Any], params: list[torch.Tensor], step: torch.Tensor, value: Any
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
        given = [*(b.settings for b in self.before), self._own(group)]
        work = [_memory_dtype(p) for p in params]
        return {
            "params": params,
            "x": [p.to(d) for p, d in zip(params, work, strict=True)],
            "g": [self._gradient(group, p).to(d) for p, d in zip(params, work, strict=True)],
            "state": [self.state[p] for p in params],
            "known": [{**{n: scalar(v) for n, v in s.items()}, **at} for s in given],
            "names": [
                [[self._key(e, n) for n in formula.memory_names(e, tuple(p.shape))] for p in params]
                for e in self._entries
            ],
            "numbers": [
                [{n: scalar(v) for n, v in kept.items()} for kept in each]
                for each in self._numbers(group, params)
            ],
            "kept": self._numbers(group, params),
        }

    def _sums(self, entry: Entry, k: int, plans: list[dict[str, Any]]) -> dict[str, Any] | None:
        """A rule's sums over the parameters of every group together."""
        if not entry.about["sums"]:
            return None
        totals: dict[str, Any] = dict.fromkeys(entry.about["sums"], 0.0)
        for plan in plans:
            memory = [[s[n] for n in ns] for s, ns in zip(plan["state"], plan["names"][k], strict=True)]
            known = {**plan["known"][k], **plan["numbers"][k][0]}
            part = formula.sums(entry, known, plan["x"], plan["g"], memory, _TORCH)
            totals = {n: _near(part[n], s) + part[n] for n, s in totals.items()}
        return totals

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a saved state, memories in the precision that they are kept in.

        A state saved by the torch optimizer of the same kind (`torch.optim.AdamW` for `Adam`, `SGD` for
        `Momentum` …) is taken over too; any other is refused.
        """
        taken: dict[str, Any] = {}

        def take(_: Any, given: dict[str, Any]) -> dict[str, Any]:
            taken.update(self._taken(given))
            return dict(taken)

        # The last of the hooks before, so that it sees what the others returned; the first of those after.
        handles = [
            self.register_load_state_dict_pre_hook(take),
            self.register_load_state_dict_post_hook(lambda _: self._keep(taken), prepend=True),
        ]
        try:
            super().load_state_dict(state_dict)
        finally:
            for handle in handles:
                handle.remove()

    def _taken(self, saved: dict[str, Any]) -> dict[str, Any]:
        """A saved state under this rule's names, or why it cannot be gone on from."""
        theirs = _THEIRS.get(self.rule, ({}, {}))[1]
        mine = [p for group in self.param_groups for p in group["params"]]
        groups, state = [], dict(saved["state"])
        for group in map(dict, saved["param_groups"]):
            if group.get("rule", self.rule) != self.rule:
                raise InputError(f"this state was saved by {group['rule']}; {self.rule} cannot go on from it")
            undecided = {"rule", "decoupled_weight_decay"}.isdisjoint(group) and "betas" in group
            if undecided and theirs and group.get("weight_decay"):
                raise InputError(
                    "this state does not say whether torch.optim.Adam or AdamW saved it: set "
                    "decoupled_weight_decay in its param_groups, True for AdamW"
                )
            self._settle_group(group)
            groups.append({"maximize": False, **group, "rule": self.rule})
        numbers = [p for group in groups for p in group["params"]]
        for number, p in zip(numbers, mine, strict=False):
            if number in state:
                kept = {theirs.get(n, n): v for n, v in state[number].items() if v is not None}
                state[number] = self._complete(number, p, kept)
        return {**saved, "state": {k: v for k, v in state.items() if v != {}}, "param_groups": groups}

    def _complete(self, number: Any, p: torch.Tensor, kept: dict[str, Any]) -> dict[str, Any]:
        """A parameter's saved memories, if they are this rule's and of the parameter's shape."""
        needed = self._memories(p)
        others = {f"{e.name}_numbers" for e in self._entries} | {"step"}
        if not kept.keys() - others and needed:
            return {}
        if kept.keys() - others != set(needed):
            raise InputError(
                f"the state of parameter {number} holds {sorted(kept.keys() - others)}, where {self.rule} keeps "
                f"{sorted(needed)}: another optimizer saved it"
            )
        for name in needed:
            if tuple(kept[name].shape) != tuple(p.shape):
                raise InputError(
                    f"{name} of parameter {number} has the shape {tuple(kept[name].shape)}; the parameter "
                    f"{tuple(p.shape)}"
                )
        return {"step": torch.tensor(1.0), **kept}

    def _keep(self, saved: dict[str, Any]) -> None:
        """Puts saved memories back in their own precision, which torch has made the parameters'."""
        numbers = [p for group in saved["param_groups"] for p in group["params"]]
        mine = [p for group in self.param_groups for p in group["params"]]
        for number, p in zip(numbers, mine, strict=True):
            if kept := saved["state"].get(number):
                self.state[p]["step"] = torch.tensor(float(kept["step"]), dtype=torch.float64)
                for name in self._memories(p):
                    self.state[p][name] = _fitted(kept[name], p)


class AdamW(Rule):
    """`Adam` with the weight decay of `torch.optim.AdamW` unless another is given, 0.01."""

    rule = "adam"

    def __init__(self, params: Any, lr: Any = None, *, weight_decay: float = 0.01, **settings: Any) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **settings)


class SGD(Rule):
    """`torch.optim.SGD` with its own arguments: `Momentum`, or `Nesterov` where `nesterov` is true.

    Parameters
    ----------
    params : iterable
    lr : float, default 0.001
    momentum : float, default 0
        How much of the velocity is kept at each step.
    nesterov : bool, default False
        Use the gradient as if taken one velocity ahead.
    **settings
        `weight_decay`, `maximize`; `dampening` must be 0.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0.0, *, nesterov: bool = False, **settings: Any
    ) -> None:
        self.rule = "nesterov" if nesterov else "momentum"
        if settings.pop("dampening", 0) != 0:
            raise InputError("SGD takes dampening=0 only: torch.optim.SGD has it")
        super().__init__(params, lr, momentum=momentum, **settings)


def schedule(
    optimizer: torch.optim.Optimizer, rate: Settings, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """A schedule of `steepest.rates` over so many steps, as a scheduler of torch for any optimizer.

    >>> import torch, steepest
    >>> optimizer = steepest.torch.Adam([torch.nn.Parameter(torch.ones(2))], lr=0.01)
    >>> falling = steepest.torch.schedule(optimizer, steepest.rates.Cosine(), steps=1000)
    """
    return torch.optim.lr_scheduler.LambdaLR(optimizer, hosts.factor(rate, steps))


def _rate(lr: Any) -> Any:
    """A rate as torch keeps it: a float, or the tensor of one number that it was given as."""
    if isinstance(lr, torch.Tensor) and lr.numel() != 1:
        raise InputError(f"lr must be one number; got a tensor of {lr.numel()}")
    number = hosts.rate("lr", lr)
    return lr if isinstance(lr, torch.Tensor) else number


def _value(loss: Any) -> Any:
    """The loss as a number; while torch compiles, as the tensor that it is."""
    if not isinstance(loss, torch.Tensor):
        return float(loss)
    if loss.numel() != 1:
        raise InputError(f"the loss must be one number; got a tensor of shape {tuple(loss.shape)}")
    return loss.detach() if torch.compiler.is_compiling() else float(loss.detach())


def _memory_dtype(p: torch.Tensor) -> torch.dtype:
    """Half precision remembers in float32."""
    return p.dtype if p.dtype in _FAST else torch.float32


def _fits(memory: torch.Tensor, p: torch.Tensor) -> bool:
    """Whether a memory lies as its parameter does, which may have been moved or cast since."""
    lies = memory.is_contiguous() or not p.is_contiguous()
    return memory.dtype == _memory_dtype(p) and memory.device == p.device and lies


def _fitted(memory: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(p, dtype=_memory_dtype(p), requires_grad=False).copy_(memory.detach())


def _is_plain(params: Iterable[torch.Tensor]) -> bool:
    """Whether the compiled core can move them: one dtype, on the CPU, row after row."""
    params = list(params)
    kind = params[0].dtype
    return kind in _FAST and all(
        p.dtype == kind and p.device.type == "cpu" and p.is_contiguous() and p.grad.dtype == kind  # type: ignore[union-attr]
        for p in params
    )


def _make(entry: Entry) -> type[Rule]:
    head = f"    params : iterable\n    lr : float, default {entry.about['rate']!r}"
    doc = hosts.docstring(entry, head, hosts.spelling(entry, _WORDS))
    body = {"rule": entry.name, "__doc__": doc, "__module__": __name__}
    return type(hosts.class_name(entry), (Rule,), body)


_STEPS = [e for e in _catalog.registry("rules").values() if e.about["kind"] == "parameter"]
_CLASSES = {c.__name__: c for c in map(_make, _STEPS)}
globals().update(_CLASSES)


__all__ = ["SGD", "AdamW", "Rule", *sorted(_CLASSES), "schedule"]


def __getattr__(name: str) -> type[Rule]:
    raise AttributeError(hosts.no_attribute(__name__, name, __all__))
