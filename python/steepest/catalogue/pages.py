"""What is known of an entry of a registry, cut up for a page: words, formulas, settings, source."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from steepest import _catalog
from steepest.catalogue.formula_text import written

__all__ = ["KINDS", "Entry", "entries", "number", "spread"]

#: The kinds of things there are, each with what it is.
KINDS = {
    "rules": "how a gradient changes a parameter",
    "losses": "what a wrong prediction costs",
    "penalties": "what is added to the loss, or forbidden",
    "methods": "how to take one step",
    "searches": "how far to go along a direction",
    "rates": "how the rate changes over the steps",
    "activations": "what a layer of a network makes of its sums",
    "initialisers": "how the weights of a layer begin",
    "problems": "standard functions to descend",
}


@dataclass(frozen=True)
class Entry:
    """An entry of a registry, as a page shows it."""

    kind: str
    name: str
    #: the paragraphs, the source left out
    paragraphs: tuple[str, ...]
    #: paper or textbook; empty where none is named
    source: str = ""
    #: (what it gives, text) in the order in which they are evaluated
    formulas: tuple[tuple[str, str], ...] = ()
    parameters: tuple[_catalog.Parameter, ...] = ()
    #: what else is known, by the word that a page prints
    facts: Mapping[str, str] = field(default_factory=dict)
    #: the Python lines that stand for it; they run
    python: tuple[str, ...] = ()

    @property
    def kind_of_one(self) -> str:
        """The kind's word for one: `rule` of `rules`."""
        return {"losses": "loss", "penalties": "penalty", "searches": "search"}.get(self.kind, self.kind[:-1])

    @property
    def summary(self) -> str:
        """The first sentence, without its full stop."""
        return re.split(r"(?<=[^.\s])\.\s", next(iter(self.paragraphs), ""))[0].rstrip(".")


def entries(kind: str) -> dict[str, Entry]:
    """The entries of a kind, by name, in the registry's order."""
    if kind == "problems":
        return problems()
    return {name: _of(entry) for name, entry in _catalog.registry(kind).items()}


def problems() -> dict[str, Entry]:
    """The standard functions, by name."""
    from steepest import problems as module

    return {name: _problem(module.get(name)) for name in module.names()}


def number(value: float) -> str:
    """A setting's value as people write it: whole numbers without a point."""
    if math.isinf(value) or abs(value) >= 1e300:
        return "inf" if value > 0 else "-inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def usual(parameter: _catalog.Parameter) -> str:
    """A setting's default as people write it."""
    if parameter.kind in ("switch", "choice"):
        return str(parameter.usual)
    return number(parameter.default)


def spread(parameter: _catalog.Parameter) -> str:
    """The range of a setting in words."""
    if parameter.kind in ("switch", "choice"):
        return parameter.range
    low, high = number(parameter.low), number(parameter.high)
    if low == "-inf" and high == "inf":
        return "any number"
    if high == "inf":
        return f"at least {low}"
    return f"at most {high}" if low == "-inf" else f"{low} to {high}"


def _of(entry: _catalog.Entry) -> Entry:
    words, source = split_source(entry.doc)
    formulas, facts = tuple(_formulas(entry)), dict(_facts(entry))
    return Entry(
        entry.registry, entry.name, tuple(words), source, formulas, entry.parameters, facts, _python(entry)
    )


def _problem(problem: Any) -> Entry:
    words, source = split_source(problem.doc)
    facts = {"start": _point(problem.x0)}
    least = problem.minimum
    facts["least value"] = "none" if least is None else number(least)
    if least is not None:
        facts["reached at"] = "; ".join(_point(x) for x in problem.minima)
    if problem.settings:
        facts["settings"] = ", ".join(f"{name} = {number(value)}" for name, value in problem.settings.items())
    made = (
        "import steepest",
        f"problem = steepest.problems.{problem.name}",
        "print(steepest.minimize(problem, problem.x0))",
    )
    formula = (("f(x)", problem.formula),)
    return Entry("problems", problem.name, tuple(words), source, formula, facts=facts, python=made)


def _point(x: Any) -> str:
    return f"({', '.join(f'{v:.6g}' for v in x)})"


def split_source(doc: str) -> tuple[list[str], str]:
    """The paragraphs of an entry's words, and its source: the last, where it names a year or a link."""
    doc = re.sub(r"\[`(?:\w+::)*(\w+)`\]\(crate::[^)]*\)", r"`\1`", doc)
    doc = re.sub(r"^\s*```.*$\n", "", doc, flags=re.MULTILINE)
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", doc.strip()) if p.strip()]
    if paragraphs and not (len(paragraphs) > 1 and _SOURCE.search(paragraphs[-1])):
        words, _, last = paragraphs[-1].rpartition(". ")
        if words and _SOURCE.search(last):
            paragraphs[-1:] = [f"{words}.", last]
    if len(paragraphs) > 1 and _SOURCE.search(paragraphs[-1]):
        return paragraphs[:-1], re.sub(r"<(https?://[^>]+)>", r"\1", paragraphs[-1])
    return paragraphs, ""


_SOURCE = re.compile(r"https?://|\b(1[89]|20)\d\d\b")


def _python(entry: _catalog.Entry) -> tuple[str, ...]:
    """A rule, a method or a search at work on a function, a loss or a penalty in a model; the others as objects."""
    kind, name = entry.registry, entry.name
    settings = {p.name: repr(p.usual) if p.choices else usual(p) for p in entry.parameters}
    if kind in ("losses", "penalties") or entry.about.get("needs", {}).get("glm"):
        word = {"losses": "loss", "penalties": "penalty"}.get(kind, "method")
        given = ", ".join(f'"{key}": {value}' for key, value in settings.items())
        more = f", {word}_settings={{{given}}}" if settings else ""
        return ("import steepest", f'model = steepest.GeneralizedLinear({word}="{name}"{more})')
    if kind in ("activations", "initialisers"):
        return ("import steepest", f'model = steepest.MLPClassifier({kind[:-1]}="{name}")')
    module = import_module(f"steepest.{kind}")
    types = {getattr(module, made).name: made for made in module.__all__}
    called = ", ".join(f"{key}={value}" for key, value in settings.items())
    made = f"steepest.{kind}.{types.get(name, name)}({called})"
    if entry.about.get("needs", {}).get("constraints"):
        held = 'circle = {"type": "ineq", "fun": lambda x: 1 - x @ x}'
        run = "print(steepest.minimize(steepest.problems.rosenbrock, [0.0, 0.0], constraints=circle))"
        return ("import steepest", held, run)
    if entry.about.get("needs", {}).get("residuals"):
        valley = "residuals = lambda x: np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])"
        run = "print(steepest.least_squares(residuals, [-1.2, 1.0], method=method))"
        return ("import numpy as np, steepest", valley, f"method = {made}", run)
    if entry.about.get("needs", {}).get("blocks"):
        model = "model = steepest.factors.RatingsFactorization(1, 0.1, method=method, validation=None)"
        run = "print(model.fit([0, 0, 1, 1], [0, 1, 0, 1], [5, 3, 4, 1]).result_)"
        return ("import steepest", f"method = {made}", model, run)
    if kind in ("rules", "methods") and not _needs_more(entry):
        inside = ', penalty="l2_ball"' if entry.about.get("needs", {}).get("penalty") == "atoms" else ""
        run = f"print(steepest.minimize(steepest.problems.rosenbrock, [-1.2, 1.0], method=method{inside}))"
        return ("import steepest", f"method = {made}", run)
    if kind == "searches":
        start = "f, x = steepest.problems.rosenbrock, np.array([-1.2, 1.0])"
        run = "print(steepest.line_search(f, f.grad, x, -f.grad(x), search=search))"
        return ("import numpy as np, steepest", start, f"search = {made}", run)
    return ("import steepest", f"{kind[:-1]} = {made}")


def _needs_more(entry: _catalog.Entry) -> bool:
    """Whether it cannot go down a plain function by itself."""
    needs = entry.about.get("needs", {})
    return entry.about.get("kind") in ("gradient", "change") or any(
        needs.get(word) for word in ("terms", "products", "hessian", "residuals", "blocks", "glm")
    )


def _formulas(entry: _catalog.Entry) -> Iterable[tuple[str, str]]:
    """The lines of each stage of what is written as a formula."""
    about = entry.about
    memory, state = list(about.get("memory", ())), list(about.get("state", ()))
    moved = _catalog.made(entry)
    for stage, program in entry.programs.items():
        count = len(program.outputs)
        if stage == "terms":
            names = [f"sum of {name}" for name in about["sums"]]
        elif stage in ("place", "shown"):
            names = [stage]
        elif stage in ("element", "matrix"):
            names = [moved, *about["matrix_memory" if stage == "matrix" else "memory"]]
        else:
            names = [*about.get("scalars", ()), *state]
        if len(names) < count:
            names = [stage] if count == 1 else [f"{stage} {k + 1}" for k in range(count)]
        if stage == "matrix":
            yield "", "for a matrix:"
        yield from written(program.ops, program.outputs, names[:count], (moved, *memory, *state))


#: How large a matrix's memories are.
_EXTENTS = {
    "whole": "as large as the matrix",
    "rows": "a number a row",
    "columns": "a number a column",
    "left": "a square of the shorter side",
    "right": "a square of the longer side",
}


def _facts(entry: _catalog.Entry) -> Iterable[tuple[str, str]]:
    """What pages say beside the words, by kind."""
    about = entry.about
    if entry.registry == "rules":
        yield (
            "rate",
            "finds its own"
            if about["tunes_itself"]
            else f"{number(about['rate'])} where none is given and none is found",
        )
        yield "memory", ", ".join(about["memory"]) or "none"
        if about["whole"]:
            sizes = zip(about["matrix_memory"], about["matrix_extents"], strict=True)
            yield "memory of a matrix", ", ".join(f"{n} ({_EXTENTS[e]})" for n, e in sizes) or "none"
        if about["state"]:
            yield "state", f"{', '.join(about['state'])} (numbers)"
        if about["evaluations"] > 1:
            yield "gradients a step", str(about["evaluations"])
        if about["sums"]:
            where = "all tensors together" if about["scope"] == "all" else "each tensor"
            yield "sums", f"{', '.join(about['sums'])} (over {where})"
        if about["value"]:
            yield "needs", "the value of the loss"
    elif entry.registry == "methods":
        needs = [what for word, what in _NEEDS.items() if about["needs"].get(word)]
        yield "needs", ", ".join(needs) or "values and gradients"
    elif entry.registry == "activations":
        yield "weights begin by", about["initialiser"]
    elif entry.registry == "penalties":
        can = [what for word, what in _OFFERS.items() if about["offers"].get(word)]
        yield "is", ", ".join(can) or "general"


_NEEDS = {
    "terms": "a mean of terms (batches)",
    "products": "products with second derivatives",
    "hessian": "the matrix of second derivatives",
    "blocks": "blocks that it can be minimised over: factors",
    "glm": "a loss over a table",
}
_OFFERS = {
    "convex": "convex",
    "smooth": "smooth",
    "quadratic": "quadratic",
    "bounds": "bounds",
    "diagonal_prox": "taken coordinate by coordinate",
}
