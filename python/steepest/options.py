"""What was asked of a descent beside the function: the method with its settings, and when to stop."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from steepest import _core
from steepest._catalog import Settings, find, number, registry
from steepest.errors import InputError, did_you_mean
from steepest.objective import Function
from steepest.schedules import changes, described, needs_length, read_schedule
from steepest.scipys import METHODS, NO_EFFECT, TOLERANCE, is_scipys, told
from steepest.trees import Tree
from steepest.workers import check_workers

__all__ = ["LOOP", "Asked", "name_of"]

#: Options of the loop (and SciPy's names for them).
LOOP = {
    "maxiter": "iterations",
    "max_iter": "iterations",
    "maxfun": "evaluations",
    "maxfev": "evaluations",
    "max_evaluations": "evaluations",
    "max_seconds": "seconds",
}

#: SciPy's steps of differences, and whether they are relative to max(1, |x|).
_STEPS = {"eps": False, "finite_diff_rel_step": True}

#: SciPy's names of settings, and ours.
_SETTINGS = {"maxcor": "memory"}

#: What others call the rate.
_RATES = ("lr", "learning_rate", "learningrate", "step_size", "stepsize", "eta")

#: SciPy's names of whether to print.
_PRINTS = ("disp", "verbose")

#: The methods for constraints: SciPy's criteria are held to by its tolerance alone.
_CONSTRAINED = ("augmented_lagrangian", "sqp")


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
    leaves : which of the leaves, by their places.
    names : and by their names.
    """

    rules: tuple[Named, ...]
    ratio: float | None
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


@dataclasses.dataclass(frozen=True)
class Asked:
    """The method by name (None for whichever suits), its settings, tolerance and budgets.

    before : the rules that turn the gradient before the one that takes the step.
    after : the rules that turn the step after it.
    groups : parts of x0 with rules of their own; `method` is that of the others.
    schedule : how the rate changes over the run.
    scipys : SciPy's name of the method, where it was asked for by that.
    path : whether SciPy's option asks for the points gone through.
    workers : by how many processes, or which map, values for differences are found at the same time.
    """

    method: str | None
    settings: tuple[tuple[str, float], ...]
    loop: dict[str, Any]
    tolerance: float | None
    disp: bool = False
    reason: str = ""
    idle: tuple[str, ...] = ()
    before: tuple[Named, ...] = ()
    after: tuple[Named, ...] = ()
    groups: tuple[Group, ...] = ()
    schedule: Any = None
    scipys: str = ""
    path: bool = False
    workers: Any = None

    @classmethod
    def of(
        cls,
        method: Any,
        tol: Any = None,
        options: Mapping[str, Any] | None = None,
        constrained: bool = False,
        tree: Tree | None = None,
    ) -> Asked:
        """Read and check; unknown names are errors that name near ones. `tree` has the names of x0's parts."""
        if not isinstance(options, Mapping | None):
            raise InputError(f"options must be a dict of options by name; got {options!r}")
        groups: tuple[Group, ...] = ()
        if isinstance(method, Mapping) or isinstance((options or {}).get("rate"), Mapping):
            method, options, groups = _by_part(method, dict(options or {}), tree)
        before, last, after = _read_chain(method)
        name, settings, reason = _read_method(last)
        read = _Options(name, settings, constrained)
        for key, value in (options or {}).items():
            if value is not None:
                read.take(key, value)
        if tol is not None and not (0 <= (tol := number("tol", tol)) < float("inf")):
            raise InputError(f"tol must be at least 0 and finite; got {tol}")
        if before or after or read.schedule:
            known = read.loop["iterations"] is not None or settings.get("batch_size", 0.0) > 0
            _around_a_rule(name, before + after, read.schedule, known)
        scipys = last if reason else ""
        if tol is None:
            tol = TOLERANCE.get(scipys.lower()) if read.ftol is None else max(read.ftol, 0.0)
        return cls(
            name, tuple(settings.items()), read.loop, tol, read.disp, reason, tuple(read.idle), before, after, groups,
            read.schedule, scipys, read.path, read.workers,
        )  # fmt: skip

    def request(self) -> dict[str, Any]:
        """What the compiled core is told of it."""
        return {
            "method": self.method,
            "settings": list(self.settings),
            "before": [(name, list(settings)) for name, settings in self.before],
            "after": [(name, list(settings)) for name, settings in self.after],
            "groups": [
                ([(name, list(settings)) for name, settings in group.rules], group.ratio, group.leaves)
                for group in self.groups
            ],
            "schedule": self.schedule,
            "tolerance": self.tolerance,
            **self.loop,
        }

    def description(self) -> dict[str, str]:
        """What is asked for beside the budgets, in short texts."""
        loop = {key: value for key, value in self.loop.items() if key == "step"}
        return {
            "method": name_of([*(rule for rule, _ in self.before), self.method or "auto"]),
            "settings": "; ".join(_in_words(own) for _, own in (*self.before, ("", self.settings))),
            "parts": "; ".join(map(repr, self.groups)) or "none",
            "rate": described(self.schedule),
            "differences": repr(loop),
            "tol": repr(self.tolerance),
        }

    def check(self, terms: int, bounded: bool = False) -> None:
        """Refuse batches of what has no terms to put into them, and bounds where the method has no use for them."""
        batch = dict(self.settings).get("batch_size", 0.0)
        entry = registry("methods").get(self.method or "")
        of_terms = entry is not None and entry.about["needs"]["terms"]
        if (batch > 0 or of_terms) and not terms:
            what = f"{self.method} cannot handle what is not" if of_terms else f"batch_size={batch:g} needs"
            raise InputError(
                f"{what} a mean of many terms: pass fun as steepest.Terms(fun, n), with its gradient (jac=True, or a "
                "jac of its own)"
            )
        if bounded and entry is not None and entry.about["needs"]["penalty"] in ("smooth", "quadratic"):
            raise InputError(
                f"{self.scipys or self.method} takes no bounds: leave method out, or use lbfgs (L-BFGS-B) or "
                "truncated_newton (TNC)"
            )

    def told(self, values: Mapping[str, Any], function: Function | None = None) -> dict[str, Any]:
        """What a result says of the method: a chain by all its rules."""
        around = [[rule for rule, _ in rules] for rules in (self.before, self.after)]
        method = name_of([*around[0], values["method"], *around[1]])
        others = {
            name: name_of([rule for rule, _ in group.rules]) for group in self.groups for name in group.names
        }
        if set(others.values()) - {method}:
            method += "".join(f", {rules} on {name}" for name, rules in others.items())
        why = self.reason if self.method or not self.reason else f"{self.reason}; {values['reason']}"
        as_scipy = told(self.scipys, values, function) if self.scipys else {}
        return {"method": method, "reason": why or values["reason"], **as_scipy}

    def findings(self) -> list[dict[str, Any]]:
        """What there is to say of the options: those of SciPy's that need no answer here."""
        return [
            {
                "kind": "option_without_effect",
                "severity": "note",
                "sentence": f"The option {key} has no effect here: {NO_EFFECT[key]}.",
                "remedy": "Leave it out.",
            }
            for key in self.idle
        ]


@dataclasses.dataclass
class _Options:
    """Options by name, read one by one.

    settings : the method's, to which those that are given are added.
    constrained : whether ftol and gtol are those of methods for constraints.
    """

    method: str | None
    settings: dict[str, float]
    constrained: bool
    loop: dict[str, Any] = dataclasses.field(
        default_factory=lambda: dict.fromkeys(("iterations", "evaluations", "seconds", "step"))
    )
    disp: bool = False
    path: bool = False
    idle: list[str] = dataclasses.field(default_factory=list)
    ftol: float | None = None
    workers: Any = None
    schedule: Any = None

    def take(self, key: str, value: Any) -> None:
        """One option."""
        own = settings_by_method()[self.method] if self.method else ()
        if key in _PRINTS:
            self.disp = bool(value)
        elif key == "return_all":
            self.path = bool(value)
        elif key == "workers":
            check_workers(value)
            self.workers = value
        elif key in NO_EFFECT and key not in own:
            self.idle.append(key)
        elif self.constrained and self.method in (None, *_CONSTRAINED) and key in ("ftol", "gtol"):
            if key == "ftol":
                self.ftol = number(key, value)
        elif key in _STEPS:
            self.loop["step"] = _read_step(key, value)
        elif key in LOOP:
            self.loop[LOOP[key]] = read_budget(key, value)
        elif key == "schedule" or (key == "rate" and changes(value)):
            self._change(key, value)
        else:
            setting = _SETTINGS.get(key, key)
            _check_setting(setting, self.method)
            self.settings[setting] = _read_setting(key, setting, self.method, value)

    def _change(self, key: str, value: Any) -> None:
        """How the rate changes."""
        if self.schedule is not None:
            raise InputError("rate and schedule both say how the rate changes: one of them at a time")
        self.schedule = read_schedule(key, value)
        if key == "rate" and callable(value):
            self.settings["rate"] = 1.0


def _read_chain(method: Any) -> tuple[tuple[Named, ...], Any, tuple[Named, ...]]:
    """What turns the gradient, the rule or method that takes the step, and what turns the step."""
    chain = list(method) if isinstance(method, list | tuple) and method else [method]
    taking = len(chain) - 1
    while taking > 0 and _turns_steps(chain[taking]):
        taking -= 1
    before, after = chain[:taking], chain[taking + 1 :]
    return tuple(map(_read_turn, before)), chain[taking], tuple(map(_read_turn, after))


def _read_method(method: Any) -> tuple[str | None, dict[str, float], str]:
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
            return name, {f: _read_setting(f, f, name, getattr(method, f)) for f in sorted(fields)}, ""
    raise InputError(
        f"method must be a name or an instance from steepest.methods or steepest.rules, or a list of rules; got "
        f"{method!r}"
    )


def _by_part(
    method: Any, options: dict[str, Any], tree: Tree | None
) -> tuple[Any, dict[str, Any], tuple[Group, ...]]:
    """The method and the options of the first part, and those that have others."""
    rate = options.get("rate")
    if tree is None:
        what = "methods" if isinstance(method, Mapping) else "rates"
        raise InputError(f"{what} by name need an x0 with names; got one array")
    leaves = range(len(tree.names))
    methods = tree.each("method", method) if isinstance(method, Mapping) else [method for _ in leaves]
    for name, own in zip(tree.names, methods, strict=True):
        last = own[-1] if isinstance(own, list | tuple) and own else own
        called = last.name if isinstance(last, Settings) else last
        if called is None or (isinstance(called, str) and called in registry("methods")):
            raise InputError(
                "parts with methods or rates of their own are moved by rules (from steepest.rules); got "
                f"{own!r} for {name}"
            )
    rates = [rate for _ in leaves]
    if isinstance(rate, Mapping):
        rates = tree.each("rate", rate)
        for name, own in zip(tree.names, rates, strict=True):
            if changes(own) or not 0 < number(f"rate{name}", own) < math.inf:
                raise InputError(
                    f"rate{name} must be a number above 0 (how all of them change is the schedule's affair; a part "
                    f"stays as it is within bounds (v, v)); got {own!r}"
                )
    groups: list[tuple[Any, Any, list[int]]] = []
    for leaf in leaves:
        alike = (at for own, step, at in groups if own == methods[leaf] and step == rates[leaf])
        at = next(alike, None)
        if at is None:
            groups.append((methods[leaf], rates[leaf], at := []))
        at.append(leaf)
    (first, step, _), *others = groups

    def group(own: Any, step_of_its_own: Any, at: list[int]) -> Group:
        chain = own if isinstance(own, list | tuple) else [own]
        ratio = step_of_its_own / step if isinstance(rate, Mapping) else None
        if ratio is None and rate is not None and (callable(rate) or not changes(rate)):
            ratio = 1.0
        return Group(tuple(map(_read_turn, chain)), ratio, tuple(at), tuple(tree.names[leaf] for leaf in at))

    return first, options | {"rate": step}, tuple(group(*other) for other in others)


def _read_setting(key: str, setting: str, method: str | None, value: Any) -> float:
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


def _in_words(settings: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in sorted(settings)) or "none"


def _turns_steps(rule: Any) -> bool:
    """Whether it is a rule that turns the step of another."""
    known = {e["name"] for e in _core.catalog()["rules"] if e["kind"] == "change"}
    return (rule.name if isinstance(rule, Settings) else rule) in known


def _around_a_rule(name: str | None, around: tuple[Named, ...], schedule: Any, known: bool) -> None:
    """Chains and schedules are of rules; one that falls over the run must know how long that is (batches have
    their epochs)."""
    rules = _core.catalog()["rules"]
    if all(name != rule["name"] for rule in rules):
        what = "a chain must end with a rule" if around else "a schedule changes the rate of a rule"
        there = ", ".join(rule["name"] for rule in rules if rule["kind"] == "parameter")
        raise InputError(f"{what} ({there}); got the method {name or 'that suits (none was named)'}")
    if schedule and not known and (name := needs_length(schedule)):
        raise InputError(f"the schedule {name} changes over the whole run: say how long that is by maxiter")


def _unknown(method: str, known: Mapping[str, Any]) -> str:
    if is_scipys(method):
        return (
            f"{method} is no descent, and SciPy's own: steepest.minimize(method={method!r}) hands it to SciPy"
        )
    hint = did_you_mean(method, [*known, "L-BFGS-B", "BFGS", "Newton-CG", "SLSQP", "trust-constr"])
    return f"no method is called {method!r}" + (hint or f"; available: {', '.join(sorted(known))}")


def _check_setting(key: str, method: str | None) -> None:
    known = settings_by_method()
    of_method = known[method] if method else tuple(s for all_ in known.values() for s in all_)
    if key in of_method:
        return
    if key.lower() in _RATES:
        there = (
            "pass rate"
            if "rate" in of_method and method
            else 'no rate is needed; for one of your own pass method="gradient_descent" or a rule, and rate'
        )
        raise InputError(f"no option is called {key!r}: {there}")
    general = [*LOOP, *_SETTINGS, *_STEPS, *_PRINTS, "return_all", "workers"]
    there = f"; available: {', '.join(general)} and the settings of the method"
    if method:
        there += f" {method}: {', '.join(of_method)}"
    raise InputError(f"no option is called {key!r}{did_you_mean(key, [*of_method, *general]) or there}")


def read_budget(name: str, value: Any) -> Any:
    if value is None:
        return None
    most = number(name, value)
    if not most >= 0:
        raise InputError(f"{name} must be at least 0; got {value!r}")
    if LOOP[name] == "seconds":
        return most
    if most % 1 and most < math.inf:
        raise InputError(f"{name} must be a whole number; got {value!r}")
    return int(min(most, 2.0**62))


def _read_step(name: str, value: Any) -> tuple[list[float], bool]:
    """A step for all variables, or one for each, and whether it is relative."""
    many = np.ndim(value) > 0 and not isinstance(value, str | bytes)
    named = [(f"{name}[{j}]", step) for j, step in enumerate(np.ravel(value))] if many else [(name, value)]
    steps = [number(*step) for step in named]
    for (called, got), step in zip(named, steps, strict=True):
        if not 0 < step < math.inf:
            raise InputError(f"{called} must be a number above 0; got {got!r}")
    if not steps:
        raise InputError(f"{name} must be a number, or one for each variable; got {value!r}")
    return steps, _STEPS[name]
