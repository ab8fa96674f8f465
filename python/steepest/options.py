"""What was asked of a descent beside the function: the method with its settings, and when to stop."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest._catalog import number, registry
from steepest.chains import (
    Group,
    Named,
    around_a_rule,
    by_part,
    name_of,
    read_chain,
    read_method,
    read_setting,
    settings_by_method,
)
from steepest.errors import InputError, did_you_mean
from steepest.objective import Function
from steepest.schedules import changes, described, read_schedule
from steepest.scipys import NO_EFFECT, TOLERANCE, told
from steepest.trees import Tree
from steepest.workers import check_workers

__all__ = ["LOOP", "Asked", "read_budget"]

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
        given = options or {}
        if any([isinstance(own, Mapping) for own in (method, given.get("rate"), given.get("schedule"))]):
            method, options, groups = by_part(method, dict(options or {}), tree)
        before, last, after = read_chain(method)
        name, settings, reason = read_method(last)
        read = _Options(name, settings, constrained)
        for key, value in (options or {}).items():
            if value is not None:
                read.take(key, value)
        if tol is not None and not (0 <= (tol := number("tol", tol)) < float("inf")):
            raise InputError(f"tol must be at least 0 and finite; got {tol}")
        schedules = [read.schedule, *(group.schedule for group in groups)]
        if before or after or any(schedules):
            known = read.loop["iterations"] is not None or settings.get("batch_size", 0.0) > 0
            around_a_rule(name, before + after, schedules, known)
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
                (
                    [(name, list(settings)) for name, settings in group.rules],
                    group.ratio,
                    group.schedule,
                    group.leaves,
                )
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
            "parts": "; ".join(map(repr, (dataclasses.replace(g, schedule=None) for g in self.groups)))
            or "none",
            "rate": "; ".join(described(own) for own in (self.schedule, *(g.schedule for g in self.groups))),
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
            self.settings[setting] = read_setting(key, setting, self.method, value)

    def _change(self, key: str, value: Any) -> None:
        """How the rate changes."""
        if self.schedule is not None:
            raise InputError("rate and schedule both say how the rate changes: one of them at a time")
        self.schedule = read_schedule(key, value)
        if key == "rate" and callable(value):
            self.settings["rate"] = 1.0


def _in_words(settings: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in sorted(settings)) or "none"


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
