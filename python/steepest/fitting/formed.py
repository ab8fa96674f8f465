"""What is told of a form: which columns enter as curves or levels, which in pairs, by what gain, and their shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.findings import share_text
from steepest.fitting.job import Descent, Job
from steepest.model.weights import Weights
from steepest.report.figures import plural
from steepest.tables import Design
from steepest.tables.form import Curve, Pair, Side, splines

__all__ = ["form_facts"]

#: points of a curve; names in the sentence
POINTS, NAMED = 121, 12


def form_facts(job: Job, final: Descent) -> dict[str, Any] | None:
    """The form with its reasons and its shapes; None where it was asked to be plain."""
    if job.settings.get("form") != "auto":
        return None
    chosen = job.form
    made: list[Curve | Side | Pair] = [*chosen.form.curves, *chosen.form.steps, *chosen.form.pairs]
    terms = [
        term | shape(one, final.weights, job)
        for one, term in zip(ordered(made, chosen.terms), chosen.terms, strict=True)
    ]
    return {
        "terms": terms,
        "plain": chosen.plain,
        "loss": chosen.loss,
        "rows": chosen.rows,
        "columns": chosen.columns,
        "pairs": chosen.pairs,
        "sentence": sentence(job, NAMED),
        "short": sentence(job, 2),
    }


def ordered(made: list[Any], terms: list[dict[str, Any]]) -> list[Any]:
    """What was made in the order in which it is told of; a pair that stands there twice keeps its order."""
    left = list(made)
    found = []
    for term in terms:
        place = next(
            i
            for i, one in enumerate(left)
            if (kind(one), names(one)) == (term["kind"], tuple(term["columns"]))
        )
        found.append(left.pop(place))
    return found


def kind(made: Curve | Side | Pair) -> str:
    """What it is called."""
    return "curve" if isinstance(made, Curve) else "levels" if isinstance(made, Side) else "pair"


def names(made: Curve | Side | Pair) -> tuple[str, ...]:
    """The columns that it is made of."""
    return (made.one.name, made.other.name) if isinstance(made, Pair) else (made.name,)


def sentence(job: Job, most: int) -> str:
    """The form in a sentence, with so many names of a kind."""
    chosen = job.form
    if chosen.why:
        return f"Form: straight lines; {chosen.why}."
    if not chosen.terms:
        tried = [plural(n, noun) for n, noun in ((chosen.columns, "curve"), (chosen.pairs, "pair")) if n]
        if not tried:
            return "Form: straight lines; there was no curve and no pair to try."
        return (
            f"Form: straight lines; of {' and '.join(tried)} tried none clearly lowered the loss of rows held out "
            "among the training rows."
        )
    parts = []
    for one, word in (("curve", "curves of"), ("levels", "levels of"), ("pair", "pairs of")):
        own = list(
            dict.fromkeys(
                " \N{MULTIPLICATION SIGN} ".join(t["columns"]) for t in chosen.terms if t["kind"] == one
            )
        )
        if own:
            more = f" and {len(own) - most} more" if len(own) > most else ""
            parts.append(f"{word} {', '.join(own[:most])}{more}")
    less = 1 - chosen.loss / chosen.plain
    return f"Form: {'; '.join(parts)}; {share_text(less, 0)} off the loss of the training rows held out to choose it."


def shape(made: Curve | Side | Pair, weights: Weights, job: Job) -> dict[str, Any]:
    """What a curve, steps or a pair add to the margins, beside what they add on average, of shape (points, outputs)."""
    design = job.prepared.train.design
    own = columns_of(made, design)
    coefficients = weights.coefficients[:, own].T
    average = weights.centre[own] @ coefficients
    if isinstance(made, Curve):
        x = np.linspace(made.knots[0], made.knots[-1], POINTS)
        return {"x": x, "y": splines(x, made.knots) @ coefficients - average}
    if isinstance(made, Side):
        column = next(c for c in job.prepared.schema.columns if c.name == _source(made.name, job))
        low, high = (
            (made.edges[0], made.edges[-1])
            if column.min is None or column.max is None
            else (column.min, column.max)
        )
        return {"x": np.array([min(low, made.edges[0]), *made.edges, max(high, made.edges[-1])]),
                "y": coefficients - average}  # fmt: skip
    wide, deep = len(made.one.levels), len(made.other.levels)
    return {
        "one": list(made.one.levels),
        "other": list(made.other.levels),
        "y": (coefficients - average).reshape(wide, deep, -1),
    }


def _source(name: str, job: Job) -> str:
    """The table's column of a number column."""
    return next(f.column for f in job.plain.train.design.number_features if f.name == name)


def columns_of(made: Curve | Side | Pair, design: Design) -> slice:
    """The columns of the design that it makes."""
    if isinstance(made, Curve):
        called = [f.name for f in design.number_features]
        first = called.index(f"{made.name}: curve 1")
        return slice(first, first + made.width)
    place = len(design.categories) - len(design.made)
    while design.categories[place] != made.name or design.levels[place] != made.levels:
        place += 1
    first = len(design.number_features) + sum(map(len, design.levels[:place]))
    return slice(first, first + len(made.levels))
