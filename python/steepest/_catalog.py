"""The registries of the core, read once: rules, losses, penalties, methods, line searches and rates.

Each entry has its words, its parameters and its recorded formulas.

>>> from steepest import _catalog
>>> _catalog.find("rules", "adam").parameters[0].name
'mean_decay'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import cache
from numbers import Real
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from steepest import _core
from steepest.errors import InputError, did_you_mean

__all__ = [
    "REGISTRIES",
    "Entry",
    "Parameter",
    "Program",
    "Settings",
    "checked",
    "find",
    "made",
    "number",
    "registry",
]

#: What there are registries of.
REGISTRIES = ("rules", "losses", "penalties", "methods", "searches", "rates")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting: its name, its value unless given, its range (infinite: no limit), what it may be ("number", "whole",
    "switch", or "choice" of one of ``choices``, by its place), and what it does."""

    name: str
    default: float
    low: float
    high: float
    kind: str
    doc: str
    choices: tuple[str, ...] = ()

    @property
    def type(self) -> type[float] | type[int] | type[bool] | type[str]:
        """The type that Python has for it."""
        return {"number": float, "whole": int, "switch": bool, "choice": str}[self.kind]

    @property
    def usual(self) -> float | int | bool | str:
        """The default as Python writes it."""
        if self.choices:
            return self.choices[int(self.default)]
        return self.type(self.default) if math.isfinite(self.default) else self.default

    def read(self, value: Any) -> float:
        """A value as the core knows it: a choice by its place.

        >>> find("methods", "lbfgs").parameters[-1].read("armijo")
        1.0
        """
        if not self.choices or not isinstance(value, str):
            return number(self.name, value)
        if value not in self.choices:
            hint = did_you_mean(value, self.choices)
            there = f"; there is {', '.join(self.choices)}"
            raise InputError(f"{self.name} must be one of its names; got {value!r}{hint or there}")
        return float(self.choices.index(value))

    @property
    def range(self) -> str:
        """The range in words.

        >>> Parameter("rate", 0.1, 0.0, float("inf"), "number", "").range
        'at least 0'
        """
        if self.kind == "switch":
            return "True or False"
        if self.choices:
            return ", ".join(self.choices)
        low, high = f"{self.low:g}", f"{self.high:.12g}"
        if self.low == float("-inf"):
            return "any number" if self.high == float("inf") else f"at most {high}"
        return f"at least {low}" if self.high == float("inf") else f"between {low} and {high}"


@dataclass(frozen=True, slots=True)
class Program:
    """A formula as the core recorded it.

    ops : operations in order: ``("input", name)``, ``("lit", value)`` or ``(operation, place, ...)``.
    outputs : the places of the outputs.
    text : each output as one would write it.
    """

    ops: tuple[tuple[Any, ...], ...]
    outputs: tuple[int, ...]
    text: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the order of their first use."""
        return tuple(op[1] for op in self.ops if op[0] == "input")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a registry.

    about : what only entries of its registry have: ``memory``, ``scalars``, ``sums``, ``state``, ``kind`` …
        of a rule, ``offers`` of a penalty, ``needs`` of a method.
    """

    registry: str
    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    programs: Mapping[str, Program] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first sentence of its page."""
        head = self.doc.split("\n\n")[0].replace("\n", " ")
        return head.split(". ")[0].rstrip(".:") + "."


def made(entry: Entry) -> str:
    """What a rule's formula gives: the next gradient, the change of the parameter, or the parameter itself."""
    if entry.about.get("kind") == "gradient":
        return "g"
    return "x" if entry.about.get("absolute", True) else "Δx"


def _entry(registry: str, raw: dict[str, Any]) -> Entry:
    known = {"name", "doc", "parameters", "programs"}
    programs = {
        stage: Program(tuple(tuple(op) for op in p["ops"]), tuple(p["outputs"]), tuple(p["text"]))
        for stage, p in raw.get("programs", {}).items()
    }
    return Entry(
        registry,
        raw["name"],
        raw["doc"],
        tuple(Parameter(**p) for p in raw["parameters"]),
        MappingProxyType(programs),
        MappingProxyType({key: value for key, value in raw.items() if key not in known}),
    )


@cache
def _all() -> dict[str, dict[str, Entry]]:
    return {key: {raw["name"]: _entry(key, raw) for raw in rows} for key, rows in _core.catalog().items()}


def registry(name: str) -> Mapping[str, Entry]:
    """Every entry of a registry, by name.

    >>> "adam" in registry("rules")
    True
    """
    if name not in _all():
        raise InputError(f"no registry is called {name!r}; available: {', '.join(_all())}")
    return MappingProxyType(_all()[name])


def find(registry: str, name: str) -> Entry:
    """The entry of that name, or an `InputError` that suggests near names.

    >>> find("rules", "adm")
    Traceback (most recent call last):
    steepest.errors.InputError: no rule is called 'adm'; did you mean 'adam'?
    """
    entry = _all().get(registry, {}).get(name)
    if entry is None:
        checked(registry, name, {})
        raise InputError(f"no entry of {registry} is called {name!r}")
    return entry


def checked(registry: str, name: str, given: Mapping[str, Any]) -> dict[str, float]:
    """All settings of an entry by name: those given, checked against their ranges, and the others' defaults.

    >>> checked("rules", "momentum", {"momentum": 0.5})["weight_decay"]
    0.0
    """
    entry = _all().get(registry, {}).get(name)
    read = {p.name: p.read for p in entry.parameters if p.choices} if entry else {}
    numbers = {k: read[k](value) if k in read else number(k, value) for k, value in given.items()}
    try:
        return dict(_core.checked(registry, str(name), numbers))
    except ValueError as error:
        raise InputError(str(error)) from None


def number(name: str, value: Any) -> float:
    """A real number as a float; what is masked, complex, NaN or no number is refused by its name.

    >>> number("rate", "much")
    Traceback (most recent call last):
    steepest.errors.InputError: rate must be a number; got 'much'
    """
    if type(value) is float and value == value:
        return value
    plain = value.item() if isinstance(value, np.ndarray | np.generic) and np.size(value) == 1 else value
    real = isinstance(plain, Real | Decimal) and not np.ma.is_masked(value)
    try:
        read = float(plain) if real else math.nan
    except (OverflowError, ValueError):
        read = math.nan
    if math.isnan(read):
        shown = repr(value)
        raise InputError(f"{name} must be a number; got {shown if len(shown) < 60 else shown[:56] + ' ...'}")
    return read


@dataclass(frozen=True)
class Settings:
    """What the generated classes share: an entry's name with its settings, checked when made.

    >>> from steepest import rules
    >>> rules.Momentum(momentum=2.0)
    Traceback (most recent call last):
    steepest.errors.InputError: momentum must be between 0 and 1; got 2.0
    """

    #: The registry that the entry stands in, and its name there.
    registry: ClassVar[str]
    name: ClassVar[str]

    def __post_init__(self) -> None:
        checked(self.registry, self.name, self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name."""
        return asdict(self)

    @property
    def entry(self) -> Entry:
        """The row of the registry."""
        return find(self.registry, self.name)
