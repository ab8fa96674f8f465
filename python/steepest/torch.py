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
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from steepest import _catalog, _core, formula
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
    yes, no = _near(condition, yes), _near(condition, no)
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


class Rule(torch.optim.Optimizer):
    """A rule of the catalogue as an optimizer; `Adam`, `Momentum` … are this with their rule.

    Parameters
    ----------
    params : iterable
        Tensors, named tensors or groups of them, as every torch optimizer takes them. A group may have its
        own `lr` and settings.
    lr : float, optional
        The rate; unless given the rule's own (`MomoAdam`: 0.1, a cap; `Rprop`: 0.01, the first step).
    before : sequence of Settings, optional
        Rules that turn the gradient, in order: ``[steepest.rules.ClipNorm(most=1.0)]``. Their norms run over
        the parameters of all groups together.
    **settings : float
        The rule's settings by name.
    """

    #: The rule's name in the catalogue.
    rule: ClassVar[str] = "adam"

    def __init__(
        self, params: Any, lr: float | None = None, *, before: Sequence[Settings] = (), **settings: float
    ) -> None:
        entry = _catalog.find("rules", self.rule)
        if entry.about["kind"] == "gradient":
            raise InputError(f"{entry.name} only turns the gradient: pass it as before=[...] of another rule")
        for other in before:
            if getattr(other, "registry", "") != "rules" or other.entry.about["kind"] != "gradient":
                raise InputError(f"before takes rules that turn the gradient, like ClipNorm(); got {other!r}")
        self._entries: list[Entry] = [*(b.entry for b in before), entry]
        self._before = [dict(b.settings) for b in before]
        self._chains: dict[tuple[float, ...], _core.Rule] = {}
        defaults = _catalog.checked("rules", self.rule, settings)
        super().__init__(params, {"lr": entry.about["rate"] if lr is None else lr, **defaults})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group of parameters, with its own `lr` and settings where it has some."""
        lr = param_group.get("lr", self.defaults["lr"])
        if not (isinstance(lr, torch.Tensor) or (isinstance(lr, int | float) and 0 <= lr < math.inf)):
            raise InputError(f"lr must be at least 0; got {lr!r}")
        _catalog.checked("rules", self.rule, self._own(param_group))
        super().add_param_group(param_group)

    def _own(self, group: dict[str, Any]) -> dict[str, float]:
        """The rule's settings that a group has."""
        return {p.name: group[p.name] for p in self._entries[-1].parameters if p.name in group}

    def _key(self, entry: Entry, name: str) -> str:
        """What a memory is called in the state: those of rules before have their rule's name in front."""
        return name if entry is self._entries[-1] else f"{entry.name}_{name}"

    def _begin(self, p: torch.Tensor) -> dict[str, Any]:
        """The state of a parameter, made at its first gradient. Half precision remembers in float32."""
        state: dict[str, Any] = self.state[p]
        if not state:
            kind = p.dtype if p.dtype in _FAST else torch.float32
            state["step"] = torch.tensor(0.0)
            for entry in self._entries:
                for name in formula.memory_names(entry, tuple(p.shape)):
                    state[self._key(entry, name)] = torch.zeros_like(p, dtype=kind)
        return state

    def _numbers(self, group: dict[str, Any], params: list[torch.Tensor]) -> list[list[dict[str, Any]]]:
        """The rules' own numbers, by rule, then by group of sums; those over all live in the group."""
        kept: dict[str, Any] = group.setdefault("numbers", {})
        answer = []
        for entry in self._entries:
            fresh = dict.fromkeys(entry.about["state"], 0.0)
            if entry.about["scope"] == "all" or not entry.about["sums"]:
                answer.append([kept.setdefault(entry.name, fresh)])
            else:
                answer.append(
                    [self.state[p].setdefault(f"{entry.name}_numbers", dict(fresh)) for p in params]
                )
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
        if loss is None and any(e.about["value"] for e in self._entries):
            raise InputError(f"{self.rule} needs the loss: call step(closure) or step(loss=loss)")
        batches = self._batches()
        params = [p for _, members, _ in batches for p in members]
        shared = len(batches) > 1 and any(
            e.about["scope"] == "all" and e.about["sums"] for e in self._entries
        )
        if params and not shared and _is_plain(params) and not torch.compiler.is_compiling():
            for group, members, step in batches:
                self._compiled(group, members, step, loss)
        elif params:
            self._traced(batches, loss)
        return loss

    def _batches(self) -> list[tuple[dict[str, Any], list[torch.Tensor], torch.Tensor]]:
        """Parameters with a gradient that share a group and a step's number, which is moved on."""
        answer = []
        for group in self.param_groups:
            members: dict[Any, list[torch.Tensor]] = {}
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.grad.is_sparse or p.is_complex():
                    raise InputError(
                        "steepest's rules take dense real gradients; got a sparse or complex one"
                    )
                count = self._begin(p)["step"]
                count += 1
                # While torch compiles, numbers cannot be looked at: a group is taken to be at one step.
                key = 0 if torch.compiler.is_compiling() else count.item()
                members.setdefault(key, []).append(p)
            answer += [(group, m, self.state[m[0]]["step"]) for m in members.values()]
        return answer

    def _compiled(
        self, group: dict[str, Any], params: list[torch.Tensor], step: torch.Tensor, loss: Any
    ) -> None:
        own = self._own(group)
        key = tuple(own.values())
        if key not in self._chains:
            given = [*self._before, own]
            self._chains[key] = _core.Rule([(e.name, s) for e, s in zip(self._entries, given, strict=True)])
        x = [p.detach().numpy() for p in params]
        g = [p.grad.contiguous().numpy() for p in params]  # type: ignore[union-attr]
        memory = []
        for p in params:
            state, shape = self.state[p], tuple(p.shape)
            names = ((e, n) for e in self._entries for n in formula.memory_names(e, shape))
            memory.append([state[self._key(e, n)].numpy() for e, n in names])
        numbers = [kept for each in self._numbers(group, params) for kept in each]
        flat = np.array([v for kept in numbers for v in kept.values()], dtype=float)
        value = math.nan if loss is None else float(loss.detach() if isinstance(loss, torch.Tensor) else loss)
        self._chains[key].step(x, g, memory, flat, int(step), float(group["lr"]), value)
        at = 0
        for kept in numbers:
            kept.update(zip(kept, flat[at : at + len(kept)].tolist(), strict=True))
            at += len(kept)

    def _traced(self, batches: list[Any], loss: Any) -> None:
        """The same step with torch's operations. Sums over all tensors run over all groups."""
        plans = [self._plan(group, params, step, loss) for group, params, step in batches]
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
        self, group: dict[str, Any], params: list[torch.Tensor], step: torch.Tensor, loss: Any
    ) -> dict[str, Any]:
        """What a traced step over some parameters works on. Scalars are float64, as in the core."""
        kind = torch.float32 if params[0].device.type == "mps" else torch.float64

        def scalar(v: Any) -> torch.Tensor:
            return v.detach().to(kind) if isinstance(v, torch.Tensor) else torch.tensor(float(v), dtype=kind)

        at = {
            "step": step.to(kind),
            "rate": scalar(group["lr"]),
            "value": scalar(math.nan if loss is None else loss),
        }
        given = [*self._before, self._own(group)]
        work = [p.dtype if p.dtype in _FAST else torch.float32 for p in params]
        return {
            "params": params,
            "x": [p.to(d) for p, d in zip(params, work, strict=True)],
            "g": [p.grad.to(d) for p, d in zip(params, work, strict=True)],  # type: ignore[union-attr]
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
        """Takes over a saved state, memories in the precision that they were kept in."""
        super().load_state_dict(state_dict)
        saved = [p for group in state_dict["param_groups"] for p in group["params"]]
        mine = [p for group in self.param_groups for p in group["params"]]
        for key, p in zip(saved, mine, strict=True):
            for name, value in state_dict["state"].get(key, {}).items():
                if isinstance(value, torch.Tensor) and value.dim() == p.dim() and name != "step":
                    self.state[p][name] = value.detach().clone().to(p.device)


def _is_plain(params: Iterable[torch.Tensor]) -> bool:
    """Whether the compiled core can move them: one dtype, on the CPU, row after row."""
    params = list(params)
    kind = params[0].dtype
    return kind in _FAST and all(
        p.dtype == kind and p.device.type == "cpu" and p.is_contiguous() and p.grad.dtype == kind  # type: ignore[union-attr]
        for p in params
    )


def _make(entry: Entry) -> type[Rule]:
    name = "".join(part.capitalize() for part in entry.name.split("_"))
    lines = "".join(
        f"\n    {p.name} : float, default {p.default!r}\n        {p.doc.strip()}" for p in entry.parameters
    )
    rate = f"    lr : float, default {entry.about['rate']!r}"
    doc = f"{entry.doc}\n\n    Parameters\n    ----------\n    params : iterable\n{rate}{lines}\n"
    return type(name, (Rule,), {"rule": entry.name, "__doc__": doc, "__module__": __name__})


_STEPS = [e for e in _catalog.registry("rules").values() if e.about["kind"] == "parameter"]
_CLASSES = {c.__name__: c for c in map(_make, _STEPS)}
globals().update(_CLASSES)
__all__ = ["Rule", *sorted(_CLASSES)]


def __getattr__(name: str) -> type[Rule]:
    raise AttributeError(f"module 'steepest.torch' has no attribute {name!r}; there is {', '.join(__all__)}")
