"""A rule as a `torch.optim.Optimizer`: its groups, its state, its step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch

from steepest import _catalog, _core, formula, hosts
from steepest._catalog import Entry, Settings
from steepest.errors import InputError
from steepest.torch import states, traced

#: What torch's users call a rule's settings.
WORDS: hosts.Words = {
    "betas": [("direction_decay", "mean_decay"), ("mean_decay", "square_decay")],
    "eps": [("epsilon",)],
    "etas": [("shrink", "grow")],
    "step_sizes": [("least", "most")],
}
#: By rule: what else they call them.
ALSO: dict[str, hosts.Words] = {
    "rmsprop": {"alpha": [("square_decay",)], "centered": [("centred",)]},
    "adadelta": {"rho": [("square_decay",)]},
    "adagrad": {"lr_decay": [("rate_decay",)], "initial_accumulator_value": [("initial",)]},
}


def words(entry: Entry) -> dict[str, tuple[str, ...]]:
    """A rule's settings as torch's users call them."""
    return hosts.spelling(entry, {**WORDS, **ALSO.get(entry.name, {})})


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
    after : sequence of Settings, optional
        Rules that turn the step, in order: ``[steepest.rules.Lookahead()]``. With one that averages (`Ema`), or a
        rule that does (`ScheduleFreeAdamw`), look at the model within ``with optimizer.shown():``.
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
        after: Sequence[Settings] = (),
        maximize: bool = False,
        **settings: Any,
    ) -> None:
        entry = _catalog.find("rules", self.rule)
        if entry.about["kind"] != "parameter":
            turns = ("gradient", "before") if entry.about["kind"] == "gradient" else ("step", "after")
            raise InputError(
                f"{entry.name} only turns the {turns[0]}: pass it as {turns[1]}=[...] of another rule"
            )
        self.before, self.after = hosts.checked_before(before), hosts.checked_after(after)
        defaults = {
            "lr": entry.about["rate"] if lr is None else _rate(lr),
            "maximize": bool(maximize),
            "rule": self.rule,
        }
        given = states.read(self, settings)
        if "decoupled_weight_decay" in given:
            defaults["decoupled_weight_decay"] = bool(given.pop("decoupled_weight_decay"))
        defaults |= hosts.join(self._spelled, hosts.checked(entry, self._spelled, given))
        super().__init__(params, defaults)

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        """What turns the gradient, the rule, what turns its step."""
        rule = _catalog.find("rules", self.rule)
        return (*(b.entry for b in self.before), rule, *(a.entry for a in self.after))

    def _given(self, own: dict[str, float]) -> list[dict[str, float]]:
        """The settings of every rule of the chain."""
        return [*(b.settings for b in self.before), own, *(a.settings for a in self.after)]

    @cached_property
    def _twice(self) -> bool:
        """Whether a step asks for a second gradient."""
        return any(e.about["evaluations"] > 1 for e in self._entries)

    @cached_property
    def _spelled(self) -> dict[str, tuple[str, ...]]:
        return words(_catalog.find("rules", self.rule))

    @cached_property
    def _chains(self) -> dict[tuple[float, ...], _core.Rule]:
        """The compiled rules, by the settings that they were made with."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "before": self.before, "after": self.after, "rule": self.rule}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group of parameters, with its own `lr` and settings where it has some."""
        if "lr" in param_group:
            param_group["lr"] = _rate(param_group["lr"])
        self._settle_group(param_group)
        super().add_param_group(param_group)

    def _settle_group(self, group: dict[str, Any]) -> None:
        """Gives a group's settings torch's names, in place, and checks them."""
        entry, given = _catalog.find("rules", self.rule), states.read(self, group)
        known = {*self._spelled, *(p.name for p in entry.parameters)}
        own = hosts.checked(entry, self._spelled, {n: v for n, v in given.items() if n in known})
        told = hosts.split(entry, self._spelled, given)
        checked = {**hosts.split(entry, self._spelled, self.defaults), **{n: own[n] for n in told}}
        for name in {*group} - {*given} | {p.name for p in entry.parameters}:
            group.pop(name, None)
        group.update(hosts.join(self._spelled, checked))

    @cached_property
    def _together(self) -> bool:
        """Whether a rule averages over all parameters together, so that all are at the same step.

        One that has no gradient this time has moved with the others, by a gradient of 0.
        """
        return any(e.about["scope"] == "all" and e.about["state"] for e in self._entries)

    def _own(self, group: dict[str, Any]) -> dict[str, float]:
        """The rule's settings that a group has, as they are now: schedulers change them."""
        own = hosts.split(self._entries[len(self.before)], self._spelled, group)
        if not group.get("decoupled_weight_decay", True) and "weight_decay" in own:
            own["weight_decay"] = 0.0
        return own

    def _before(self, first: torch.Tensor) -> int:
        """How many parameters stand before one: what is drawn at random goes by its place."""
        if not any(e.about["drawn"] for e in self._entries):
            return 0
        mine = (p for group in self.param_groups for p in group["params"])
        return next(k for k, p in enumerate(mine) if p is first)

    def _gradient(self, group: dict[str, Any], p: torch.Tensor) -> torch.Tensor:
        """The gradient that the rules see."""
        g = torch.zeros_like(p) if p.grad is None else p.grad
        if group["maximize"]:
            g = -g
        if not group.get("decoupled_weight_decay", True):
            g = g.add(p, alpha=float(group.get("weight_decay", 0.0)))
        return g

    def _key(self, entry: Entry, name: str) -> str:
        """What a memory is called in the state: those of rules around have their rule's name in front."""
        return name if entry.name == self.rule else f"{entry.name}_{name}"

    def _memories(self, p: torch.Tensor) -> list[str]:
        """The keys of a parameter's memories, rule after rule."""
        return list(self._shapes(p))

    def _shapes(self, p: torch.Tensor) -> dict[str, tuple[int, ...]]:
        """The shapes of a parameter's memories, by key, rule after rule."""
        shape = tuple(p.shape)
        return {
            self._key(e, n): s
            for e in self._entries
            for n, s in zip(formula.memory_names(e, shape), formula.memory_shapes(e, shape), strict=True)
        }

    def _begin(self, p: torch.Tensor) -> dict[str, Any]:
        """The state of a parameter, made at its first gradient, and as the parameter is by now."""
        state: dict[str, Any] = self.state[p]
        if not state:
            before = [s["step"] for s in self.state.values() if s] if self._together else []
            state["step"] = torch.tensor(max(map(float, before), default=0.0), dtype=torch.float64)
            for key, shape in self._shapes(p).items():
                kind = states.memory_dtype(p)
                alike = shape == tuple(p.shape)
                state[key] = (
                    torch.zeros_like(p, dtype=kind)
                    if alike
                    else torch.zeros(shape, dtype=kind, device=p.device)
                )
        for key in self._memories(p):
            if not states.fits(state[key], p):
                state[key] = states.fitted(state[key], p)
        return state

    def _numbers(self, group: dict[str, Any], params: list[torch.Tensor]) -> list[list[dict[str, Any]]]:
        """The rules' own numbers, by rule, then by group of sums; those over all live in the group."""
        answer: list[list[dict[str, Any]]] = []
        for entry in self._entries:
            fresh = dict.fromkeys(entry.about["state"], 0.0)
            each = formula.groups(entry, 2) > 1
            if not fresh:
                answer.append([{} for _ in params] if each else [{}])
            elif each:
                key = f"{entry.name}_numbers"
                answer.append([self.state[p].setdefault(key, dict(fresh)) for p in params])
            else:
                kept = self.param_groups[0].setdefault("numbers", {})
                answer.append([kept.setdefault(entry.name, fresh)])
        return answer

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:  # type: ignore[override]
        """Takes one step; the answer is what `closure` returned.

        Rules that need the value of the loss (`MomoAdam`) take it from `closure`, which clears the gradients,
        computes the loss, calls `backward` and returns it, or from `loss`. One that asks for a second gradient
        (`Sam` before it) calls `closure` twice.
        """
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        elif self._twice:
            raise InputError("a second gradient is asked for at another point: call step(closure)")
        needed = any(e.about["value"] for e in self._entries)
        if loss is None and needed:
            raise InputError(f"{self.rule} needs the loss: call step(closure) or step(loss=loss)")
        value = _value(loss) if needed else math.nan
        batches = self._batches()
        params = [p for _, members, _ in batches for p in members]
        if params and self._twice:
            traced.ask_again(self, batches, value, closure)
        shared = len(batches) > 1 and any(
            e.about["scope"] == "all" and e.about["sums"] for e in self._entries
        )
        if params and not shared and _is_plain(params) and not torch.compiler.is_compiling():
            for group, members, step in batches:
                self._compiled(group, members, step, value)
        elif params:
            traced.advance(self, batches, value)
        return loss

    def _batches(self) -> list[tuple[dict[str, Any], list[torch.Tensor], torch.Tensor]]:
        """Parameters with a gradient that share a group and a step's number, which is moved on."""
        given = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        if any(p.grad.is_sparse or p.is_complex() for params in given for p in params):
            raise InputError(
                "steepest's rules take dense real gradients; got a sparse or complex one "
                "(an Embedding with sparse=True makes sparse ones)"
            )
        moving = given
        if self._together and any(given):
            moving = [
                [p for p in group["params"] if p.grad is not None or self.state.get(p)]
                for group in self.param_groups
            ]
        if not torch.compiler.is_compiling():
            for group, params in zip(self.param_groups, moving, strict=True):
                if params:  # what was set meanwhile may be refused, before anything moves
                    _finite(group["lr"])
                    self._chain(self._own(group))
        begun = {p: self._begin(p) for params in moving for p in params}
        answer = []
        for group, params in zip(self.param_groups, moving, strict=True):
            members: dict[Any, list[torch.Tensor]] = {}
            for p in params:
                count = begun[p]["step"]
                count += 1
                # While torch compiles, numbers cannot be looked at: a group is taken to be at one step.
                key = 0 if torch.compiler.is_compiling() else count.item()
                members.setdefault(key, []).append(p)
            answer += [(group, m, self.state[m[0]]["step"]) for m in members.values()]
        return answer

    def _chain(self, own: dict[str, float]) -> _core.Rule:
        """The compiled rules with these settings."""
        key = tuple(own.values())
        if key not in self._chains:
            given = self._given(own)
            try:
                made = _core.Rule([(e.name, s) for e, s in zip(self._entries, given, strict=True)])
            except ValueError as error:
                raise InputError(str(error)) from None
            self._chains[key] = made
        return self._chains[key]

    def _compiled(
        self, group: dict[str, Any], params: list[torch.Tensor], step: torch.Tensor, value: Any
    ) -> None:
        chain = self._chain(self._own(group))
        x = [p.detach().numpy() for p in params]
        g = [self._gradient(group, p).contiguous().numpy() for p in params]
        memory = [[self.state[p][n].numpy() for n in self._memories(p)] for p in params]
        numbers = [kept for each in self._numbers(group, params) for kept in each]
        flat = np.array([v for kept in numbers for v in kept.values()], dtype=float)
        value = -float(value) if group["maximize"] else float(value)
        before = self._before(params[0])
        chain.step(x, g, memory, flat, int(step), float(group["lr"]), value, before)
        at = 0
        for kept in numbers:
            kept.update(zip(kept, flat[at : at + len(kept)].tolist(), strict=True))
            at += len(kept)
        # autograd must know that they changed: a graph made before is stale
        for p in params:
            if not p.is_inference():
                torch.autograd.graph.increment_version(p)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Within ``with optimizer.shown():`` the parameters are the points to look at, such as averages.

        They are the parameters themselves unless a rule averages: `Ema` or `Polyak` after another, `ScheduleFreeSgd`
        or `ScheduleFreeAdamw`. On the way out they are put back, as they were; do not train within.
        """
        moved = [[p for p in group["params"] if self.state.get(p)] for group in self.param_groups]
        kept = [(p, p.detach().clone()) for params in moved for p in params]
        with torch.no_grad():
            traced.show(self, list(zip(self.param_groups, moved, strict=True)))
        try:
            yield
        finally:
            with torch.no_grad():
                for p, value in kept:
                    p.copy_(value)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a saved state, memories in the precision that they are kept in.

        A state saved by the torch optimizer of the same kind (`torch.optim.AdamW` for `Adam`, `SGD` for
        `Momentum` …) is taken over too; any other is refused.
        """
        taken: dict[str, Any] = {}

        def take(_: Any, given: dict[str, Any]) -> dict[str, Any]:
            taken.update(states.taken(self, given))
            return dict(taken)

        # The last of the hooks before, so that it sees what the others returned; the first of those after.
        handles = [
            self.register_load_state_dict_pre_hook(take),
            self.register_load_state_dict_post_hook(lambda _: states.keep(self, taken), prepend=True),
        ]
        try:
            super().load_state_dict(state_dict)
        finally:
            for handle in handles:
                handle.remove()


def _rate(lr: Any) -> Any:
    """A rate as torch keeps it: a float, or the tensor of one number that it was given as."""
    if isinstance(lr, torch.Tensor) and lr.numel() != 1:
        raise InputError(f"lr must be one number; got a tensor of {lr.numel()}")
    number = hosts.rate("lr", lr)
    return lr if isinstance(lr, torch.Tensor) else number


def _finite(lr: Any) -> None:
    """Refuses a rate that a schedule has made no number; on a GPU looking would wait."""
    if not (isinstance(lr, torch.Tensor) and lr.device.type != "cpu") and not math.isfinite(float(lr)):
        raise InputError(
            f"lr must be finite; got {float(lr)}, which was set in param_groups, by a scheduler maybe"
        )


def _value(loss: Any) -> Any:
    """The loss as a finite number; while torch compiles, as the tensor that it is."""
    if isinstance(loss, torch.Tensor):
        if loss.numel() != 1:
            raise InputError(f"the loss must be one number; got a tensor of shape {tuple(loss.shape)}")
        if torch.compiler.is_compiling():
            return loss.detach()
    value = float(loss)
    if not math.isfinite(value):
        raise InputError(f"the loss must be finite; got {value}: leave this step out")
    return value


def _is_plain(params: Iterable[torch.Tensor]) -> bool:
    """Whether the compiled core can move them: one dtype, on the CPU, row after row."""
    params = list(params)
    kind = params[0].dtype
    return kind in states.FAST and all(
        p.dtype == kind
        and p.device.type == "cpu"
        and p.is_contiguous()
        and (p.grad is None or p.grad.dtype == kind)
        for p in params
    )
