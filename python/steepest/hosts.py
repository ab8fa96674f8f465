"""What the optimizers for torch and for Keras share: names, and settings as the host's users write them.

A host has its own words for what a rule calls `mean_decay` or `epsilon`. `spelling` pairs them:

>>> from steepest import _catalog
>>> adam = _catalog.find("rules", "adam")
>>> spelling(adam, {"betas": [("direction_decay", "mean_decay"), ("mean_decay", "square_decay")]})["betas"]
('mean_decay', 'square_decay')
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from steepest import _catalog, formula
from steepest._catalog import Entry, Settings
from steepest.errors import InputError, did_you_mean

__all__ = [
    "checked",
    "checked_after",
    "checked_before",
    "class_name",
    "docstring",
    "join",
    "no_attribute",
    "rate",
    "spelling",
    "split",
]

#: A host's word: what it may stand for. The first whose every name a rule has is taken.
Words = Mapping[str, Sequence[tuple[str, ...]]]
#: A rule's settings under a host's words, one for several where the host has it so.
Spelling = Mapping[str, tuple[str, ...]]


def class_name(entry: Entry) -> str:
    """The name of a rule's class: `momo_adam` is `MomoAdam`."""
    return "".join(part.capitalize() for part in entry.name.split("_"))


def spelling(entry: Entry, words: Words) -> dict[str, tuple[str, ...]]:
    """A rule's settings as a host calls them; those that it has no word for keep their names."""
    own = {p.name for p in entry.parameters}
    found: dict[str, tuple[str, ...]] = {}
    for word, meanings in words.items():
        fitting = next((m for m in meanings if own.issuperset(m)), None)
        if fitting is not None:
            found[word] = fitting
    taken = {name for names in found.values() for name in names}
    return {**found, **{p.name: (p.name,) for p in entry.parameters if p.name not in taken}}


def split(entry: Entry, spelled: Spelling, given: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's settings among what was given, under its own names. Both names for one are refused."""
    found: dict[str, Any] = {}
    for word, names in spelled.items():
        if word not in given:
            continue
        values = list(given[word]) if len(names) > 1 and _several(given[word]) else [given[word]]
        if len(values) != len(names):
            raise InputError(f"{word} must be {len(names)} numbers; got {given[word]!r}")
        if twice := found.keys() & {*names}:
            raise InputError(f"{min(twice)} is given twice, once as {word}")
        found.update(zip(names, values, strict=True))
    for p in entry.parameters:
        if p.name in given and (p.name,) != spelled.get(p.name):
            if p.name in found:
                raise InputError(f"{p.name} is given twice, once as {_word(spelled, p.name)}")
            found[p.name] = given[p.name]
    return {name: _plain(value) for name, value in found.items()}


#: what hosts call the learning rate
RATES = ("lr", "learning_rate", "rate", "step_size")


def checked(entry: Entry, spelled: Spelling, given: Mapping[str, Any]) -> dict[str, float]:
    """All settings of a rule under its own names, those given checked; what it does not know is refused."""
    own = split(entry, spelled, given)
    known = {*spelled, *(p.name for p in entry.parameters)}
    for name in given:
        if name not in known:
            near = did_you_mean(name, sorted(known)) or "; available: " + ", ".join(sorted(known))
            if name in RATES:
                near = "; the rate is called lr in torch and learning_rate in Keras"
            raise InputError(f"{entry.name} has no setting called {name!r}{near}")
    try:
        return _catalog.checked("rules", entry.name, own)
    except InputError as error:
        for word, names in spelled.items():
            if word in given and (word,) != names and str(error).startswith(names):
                raise InputError(f"{word}={given[word]!r}: {error}") from None
        raise


def join(spelled: Spelling, settings: Mapping[str, float]) -> dict[str, Any]:
    """A rule's settings under a host's words."""
    return {
        word: settings[names[0]] if len(names) == 1 else tuple(settings[n] for n in names)
        for word, names in spelled.items()
    }


def rate(name: str, value: Any) -> float:
    """A learning rate as a float, from any real number that is at least 0 and finite."""
    try:
        number = math.nan if isinstance(value, str | np.ma.MaskedArray) else float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number; got {value!r}") from None
    if not 0 <= number < math.inf:
        raise InputError(f"{name} must be at least 0; got {value!r}")
    return number


def factor(schedule: Settings, steps: int) -> Callable[[int], float]:
    """What a schedule of `steepest.rates` multiplies the rate by after so many of `steps` steps.

    >>> from steepest import rates
    >>> [factor(rates.Linear(), 4)(t) for t in range(5)]
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if getattr(schedule, "registry", "") != "rates":
        raise InputError(f"a schedule of steepest.rates is needed, like Cosine(); got {schedule!r}")
    if schedule.entry.about["state"]:
        raise InputError(
            f"{schedule.name} looks at the loss on the way: take the host's own scheduler for that"
        )
    if not (isinstance(steps, int) and steps >= 1):
        raise InputError(f"steps must be a whole number of at least 1; got {steps!r}")
    program = schedule.entry.programs["factor"]

    def after(taken: int) -> float:
        known = {**schedule.settings, "done": min(taken / steps, 1.0), "step": taken + 1.0}
        return float(formula.evaluate(program, known)[0])

    return after


def checked_before(before: Iterable[Any]) -> tuple[Any, ...]:
    """Rules that turn the gradient, or what is wrong with them."""
    before = tuple(before)
    for other in before:
        if getattr(other, "registry", "") != "rules" or other.entry.about["kind"] != "gradient":
            raise InputError(f"before takes rules that turn the gradient, like ClipNorm(); got {other!r}")
    return before


def checked_after(after: Iterable[Any]) -> tuple[Any, ...]:
    """Rules that turn the step, or what is wrong with them."""
    after = tuple(after)
    for other in after:
        if getattr(other, "registry", "") != "rules" or other.entry.about["kind"] != "change":
            raise InputError(f"after takes rules that turn the step, like Lookahead(); got {other!r}")
    return after


def docstring(entry: Entry, head: str, words: Spelling) -> str:
    """The words of a rule's class: the rule's own, then its parameters as the host calls them."""
    by_name = {p.name: p for p in entry.parameters}
    lines = [entry.doc, "", "Parameters", "----------", head]
    for word, names in words.items():
        some = [by_name[n] for n in names]
        default = some[0].default if len(some) == 1 else tuple(p.default for p in some)
        lines.append(f"{word} : {'float' if len(some) == 1 else f'{len(some)} floats'}, default {default!r}")
        for p in some:
            own = "" if (word,) == names else f"`{p.name}`: "
            lines.append(
                textwrap.fill(own + p.doc.strip(), 100, initial_indent="    ", subsequent_indent="    ")
            )
    return "\n".join(lines) + "\n"


def no_attribute(module: str, name: str, names: Sequence[str]) -> str:
    """The message for a class that is not there."""
    near = did_you_mean(name, names)
    return f"module {module!r} has no attribute {name!r}{near or '; available: ' + ', '.join(names)}"


def _word(spelled: Spelling, name: str) -> str:
    return next(word for word, names in spelled.items() if name in names)


def _several(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str) and getattr(value, "ndim", 1) > 0


def _plain(value: Any) -> Any:
    """A tensor of one number as that number; everything else as it is."""
    if isinstance(value, np.ma.MaskedArray):
        raise InputError("a setting must be a number; got a masked value")
    return value.item() if getattr(value, "ndim", 1) == 0 and hasattr(value, "item") else value
