"""What is known of an entry of a registry, cut up for a page: words, formulas, parameters, source, Python lines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from steepest.cli.formula_text import written

__all__ = ["KINDS", "Entry", "entries", "number"]

#: The kinds of things there are, each with what it is.
KINDS = {
    "rules": "how a gradient changes a parameter",
    "losses": "what a wrong prediction costs",
    "penalties": "what is added to the loss, or forbidden",
    "methods": "how to take one step",
    "rates": "how the rate changes over the steps",
    "problems": "standard functions to descend",
}


@dataclass(frozen=True)
class Entry:
    """An entry of a registry, as a page shows it."""

    kind: str
    name: str
    #: the first sentence
    summary: str
    #: the paragraphs, the source left out
    paragraphs: tuple[str, ...]
    #: paper or textbook; empty where none is named
    source: str
    #: (what it gives, formula) in the order in which they are evaluated
    formulas: tuple[tuple[str, str], ...]
    parameters: tuple[Mapping[str, Any], ...]
    #: what else is known, by the word that a page prints
    facts: Mapping[str, str]

    @property
    def python(self) -> tuple[str, ...]:
        """The Python lines that stand for it; they run."""
        settings = ", ".join(f"{p['name']}={number(p['default'])}" for p in self.parameters)
        if self.kind == "problems":
            return (
                "import steepest",
                f"problem = steepest.problems.{self.name}",
                "result = steepest.minimize(problem, problem.x0)",
            )
        return ("import steepest", f"{self.kind_of_one} = steepest.{self.kind}.{self.type_name}({settings})")

    @property
    def kind_of_one(self) -> str:
        """The kind's word for one: `rule` of `rules`."""
        return {"losses": "loss", "penalties": "penalty"}.get(self.kind, self.kind[:-1])

    @property
    def type_name(self) -> str:
        """The name of its dataclass: `MomoAdam` of `momo_adam`."""
        return "".join(part.capitalize() for part in self.name.split("_"))


def entries(kind: str) -> dict[str, Entry]:
    """The entries of a kind, by name, in the registry's order."""
    if kind == "problems":
        return {}
    from steepest._core import catalog

    return {row["name"]: _of(kind, row) for row in catalog()[kind]}


def number(value: float) -> str:
    """A setting's value as people write it: whole numbers without a point."""
    if math.isinf(value) or abs(value) >= 1e300:
        return "inf" if value > 0 else "-inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def spread(parameter: Mapping[str, Any]) -> str:
    """The range of a setting in words."""
    low, high = (number(float(parameter[end])) for end in ("low", "high"))
    if low == "-inf" and high == "inf":
        return "any number"
    if high == "inf":
        return f"at least {low}"
    return f"at most {high}" if low == "-inf" else f"{low} to {high}"


def _of(kind: str, row: Mapping[str, Any]) -> Entry:
    words, source = split_source(str(row["doc"]))
    return Entry(
        kind,
        str(row["name"]),
        first_sentence(words),
        tuple(words),
        source,
        tuple(_formulas(row)),
        tuple(row["parameters"]),
        dict(_facts(kind, row)),
    )


def split_source(doc: str) -> tuple[list[str], str]:
    """The paragraphs of an entry's words, and its source: the last paragraph, where it names a year or a link."""
    doc = re.sub(r"\[`(?:\w+::)*(\w+)`\]\(crate::[^)]*\)", r"`\1`", doc)
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", doc.strip()) if p.strip()]
    if len(paragraphs) > 1 and re.search(r"https?://|\b(1[89]|20)\d\d\b", paragraphs[-1]):
        return paragraphs[:-1], re.sub(r"<(https?://[^>]+)>", r"\1", paragraphs[-1])
    return paragraphs, ""


def first_sentence(paragraphs: Iterable[str]) -> str:
    """The first sentence, without its full stop."""
    first = next(iter(paragraphs), "")
    return re.split(r"(?<=[^.\s])\.\s", first)[0].rstrip(".")


def _formulas(row: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The lines of each stage of what is written as a formula."""
    memory = [*row.get("memory", ()), *row.get("state", ())]
    moved = "x" if row.get("kind") == "parameter" else "g"
    for stage, program in (row.get("programs") or {}).items():
        count = len(program["outputs"])
        if stage == "terms":
            names = [f"sum of {name}" for name in row["sums"]]
        elif stage in ("element", "matrix"):
            names = [moved, *row["matrix_memory" if stage == "matrix" else "memory"]]
        else:
            names = [*row.get("scalars", ()), *row.get("state", ())] if stage != "value" else [stage]
        if len(names) < count:
            names = [stage] if count == 1 else [f"{stage} {k + 1}" for k in range(count)]
        if stage == "matrix":
            yield "", "for a matrix:"
        yield from written(program, names[:count], (moved, *memory))


def _facts(kind: str, row: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What pages say beside the words, by kind."""
    if kind == "rules":
        yield "rate", number(row["rate"]) if not row["tunes_itself"] else "finds its own"
        memory = [*row["memory"], *row["matrix_memory"]]
        yield "memory", ", ".join(memory) if memory else "none"
        if row["sums"]:
            where = "all tensors" if row["scope"] == "all" else "each tensor"
            yield "sums", f"{', '.join(row['sums'])} (over {where})"
        if row["value"]:
            yield "needs", "the value of the loss"
    elif kind == "methods":
        needs = [word for word in ("terms", "products", "hessian", "glm") if row["needs"][word]]
        yield "needs", ", ".join(_NEEDS[word] for word in needs) or "values and gradients"
    elif kind == "penalties":
        yield "is", ", ".join(word.replace("_", " ") for word, yes in row["offers"].items() if yes) or "general"


_NEEDS = {
    "terms": "a mean of terms (batches)",
    "products": "products with second derivatives",
    "hessian": "the matrix of second derivatives",
    "glm": "a loss over a table",
}
