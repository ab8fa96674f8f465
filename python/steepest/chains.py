"""The method as it may be asked for: by name, as an instance, as a chain of rules, or as rules for each part of x0."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from steepest import _core
from steepest._catalog import Settings, find, number, registry
from steepest.errors import InputError, did_you_mean
from steepest.schedules import changes, needs_length, read_schedule
from steepest.scipys import METHODS, is_scipys
from steepest.trees import Tree

__all__ = [
    "Group",
    "Named",
    "around_a_rule",
    "by_part",
    "name_of",
    "read_chain",
    "read_method",
    "read_setting",
    "settings_by_method",
]


@cache
def settings_by_method() -> dict[str, tuple[str, ...]]:
    """The names of each method's settings."""
    everything = _core.catalog()

    def own(entry: dict[str, Any]) -> tuple[str, ...]:
        return tuple(p["name"] for p in entry["parameters"])

    methods = {e["name"]: own(e) for e in everything["methods"]}
    return methods | {e["name"]: own(e) + methods["ruled"] for e in everything["rules"]}


#: An entry of a registry, and its settings by name.
Named = tuple[str, tuple[tuple[str, float], ...]]


@dataclasses.dataclass(frozen=True)
class Group:
    """Parts of x0 with rules of their own.

    rules : their rules, one after the other.
    ratio : their rate over that of the first part; None for that of the rules' usual rates.
    schedule : how their rate changes over the run; None for as that of the first part does.
    leaves : which of the leaves, by their places.
    names : and by their names.
    """

    rules: tuple[Named, ...]
    ratio: float | None
    schedule: Any
    leaves: tuple[int, ...]
    names: tuple[str, ...]


def name_of(method: Any) -> str:
    """A method's name, whether it was given by name, as an instance or as a chain of them.

    >>> from steepest import rules
    >>> name_of([rules.ClipNorm(1.0), "adam"])
    'clip_norm → adam'
    """
    if isinstance(method, Mapping):
        return ", ".join(f"{name_of(own)} on {part}" for part, own in method.items())
    if isinstance(method, list | tuple):
        return " → ".join(map(name_of, method))
    return str(getattr(method, "name", method))


def read_chain(method: Any) -> tuple[tuple[Named, ...], Any, tuple[Named, ...]]:
    """What turns the gradient, the rule or method that takes the step, and what turns the step."""
    chain = list(method) if isinstance(method, list | tuple) and method else [method]
    taking = len(chain) - 1
    while taking > 0 and _turns_steps(chain[taking]):
        taking -= 1
    before, after = chain[:taking], chain[taking + 1 :]
    return tuple(map(_read_turn, before)), chain[taking], tuple(map(_read_turn, after))


def read_method(method: Any) -> tuple[str | None, dict[str, float], str]:
    if method is None:
        return None, {}, ""
    known = settings_by_method()
    if isinstance(method, str):
        if method in known:
            return method, {}, ""
        if method.lower() in METHODS:
            same = METHODS[method.lower()]
            return same, {}, f"asked for as {method}" + (f", of which {same} does the work" if same else "")
        raise InputError(_unknown(method, known))
    name = getattr(method, "name", None)
    if dataclasses.is_dataclass(method) and not isinstance(method, type) and isinstance(name, str):
        fields = {f.name for f in dataclasses.fields(method)} - {"name"}
        if name in known:
            return name, {f: read_setting(f, f, name, getattr(method, f)) for f in sorted(fields)}, ""
    raise InputError(
        f"method must be a name or an instance from steepest.methods or steepest.rules, or a list of rules; got "
        f"{method!r}"
    )


def by_part(
    method: Any, options: dict[str, Any], tree: Tree | None
) -> tuple[Any, dict[str, Any], tuple[Group, ...]]:
    """The method and the options of the first part, and those that have others."""
    rate, schedule = options.get("rate"), options.get("schedule")
    if tree is None:
        named = {"methods": method, "rates": rate, "schedules": schedule}
        what = next(name for name, given in named.items() if isinstance(given, Mapping))
        raise InputError(f"{what} by name need an x0 with names; got one array")
    leaves = range(len(tree.names))
    methods = tree.each("method", method) if isinstance(method, Mapping) else [method for _ in leaves]
    for name, own in zip(tree.names, methods, strict=True):
        last = own[-1] if isinstance(own, list | tuple) and own else own
        called = last.name if isinstance(last, Settings) else last
        if called is None or (isinstance(called, str) and called in registry("methods")):
            raise InputError(
                "parts with methods, rates or schedules of their own are moved by rules (from steepest.rules); got "
                f"{own!r} for {name}"
            )
    rates = [rate for _ in leaves]
    if isinstance(rate, Mapping):
        rates = tree.each("rate", rate)
        for name, own in zip(tree.names, rates, strict=True):
            if changes(own) or not 0 < number(f"rate{name}", own) < math.inf:
                raise InputError(
                    f"rate{name} must be a number above 0 (how it changes goes as schedule, which may be by name "
                    f"too; a part stays as it is within bounds (v, v)); got {own!r}"
                )
    changing = [schedule for _ in leaves]
    if isinstance(schedule, Mapping):
        each = tree.each("schedule", schedule)
        changing = ["constant" if own is None else own for own in each]
    groups: list[tuple[Any, Any, Any, list[int]]] = []
    for leaf in leaves:
        given = methods[leaf], rates[leaf], changing[leaf]
        at = next((at for *known, at in groups if tuple(known) == given), None)
        if at is None:
            groups.append((*given, at := []))
        at.append(leaf)
    (first, step, change, _), *others = groups

    def group(own: Any, step_of_its_own: Any, change_of_its_own: Any, at: list[int]) -> Group:
        chain = own if isinstance(own, list | tuple) else [own]
        named = tuple(tree.names[leaf] for leaf in at)
        own_schedule = (
            read_schedule(f"schedule{named[0]}", change_of_its_own) if isinstance(schedule, Mapping) else None
        )
        ratio = step_of_its_own / step if isinstance(rate, Mapping) else None
        if ratio is None and rate is not None and (callable(rate) or not changes(rate)):
            ratio = 1.0
        return Group(tuple(map(_read_turn, chain)), ratio, own_schedule, tuple(at), named)

    return first, options | {"rate": step, "schedule": change}, tuple(group(*other) for other in others)


def read_setting(key: str, setting: str, method: str | None, value: Any) -> float:
    """A setting's value as a number; what is chosen by name (of the method, or of any) by its place."""
    methods = registry("methods")
    for entry in [methods[method]] if method is not None and method in methods else methods.values():
        for parameter in entry.parameters:
            if parameter.name == setting and parameter.choices:
                return parameter.read(value)
    return number(key, value)


def _read_turn(rule: Any) -> Named:
    """A rule of a chain, by name or as an instance, with its settings."""
    if isinstance(rule, Settings) and rule.registry == "rules":
        return rule.name, tuple(rule.settings.items())
    if isinstance(rule, str):
        return find("rules", rule).name, ()
    raise InputError(f"a chain is made of rules, by name or as instances from steepest.rules; got {rule!r}")


def _turns_steps(rule: Any) -> bool:
    """Whether it is a rule that turns the step of another."""
    known = {e["name"] for e in _core.catalog()["rules"] if e["kind"] == "change"}
    return (rule.name if isinstance(rule, Settings) else rule) in known


def around_a_rule(name: str | None, around: tuple[Named, ...], schedules: Sequence[Any], known: bool) -> None:
    """Chains and schedules are of rules; one that falls over the run must know how long that is (batches have
    their epochs)."""
    rules = _core.catalog()["rules"]
    if all(name != rule["name"] for rule in rules):
        what = "a chain must end with a rule" if around else "a schedule changes the rate of a rule"
        there = ", ".join(rule["name"] for rule in rules if rule["kind"] == "parameter")
        raise InputError(f"{what} ({there}); got the method {name or 'that suits (none was named)'}")
    lasting = next(filter(None, map(needs_length, filter(None, schedules))), None)
    if lasting and not known:
        raise InputError(
            f"the schedule {lasting} changes over the whole run: say how long that is by maxiter"
        )


def _unknown(method: str, known: Mapping[str, Any]) -> str:
    if is_scipys(method):
        return (
            f"{method} is no descent, and SciPy's own: steepest.minimize(method={method!r}) hands it to SciPy"
        )
    hint = did_you_mean(method, [*known, "L-BFGS-B", "BFGS", "Newton-CG", "SLSQP", "trust-constr"])
    return f"no method is called {method!r}" + (hint or f"; available: {', '.join(sorted(known))}")
