"""Rows of parts: joined, taken, in folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.tables import Part

__all__ = ["folds", "joined", "taken"]


def joined(one: Part, other: Part) -> Part:
    """The rows of two parts of one table, in the table's order."""
    rows = np.sort(np.concatenate([one.rows, other.rows]))
    places = [np.searchsorted(rows, part.rows) for part in (one, other)]

    def both(first: Any, second: Any) -> Any:
        out = np.empty((len(rows), *first.shape[1:]), first.dtype)
        out[places[0]], out[places[1]] = first, second
        return out

    design = replace(
        one.design,
        numbers=both(one.design.numbers, other.design.numbers),
        codes=both(one.design.codes, other.design.codes),
    )
    weight = None if one.weight is None or other.weight is None else both(one.weight, other.weight)
    return Part(design, both(one.y, other.y), rows, weight)


def taken(part: Part, rows: Any) -> Part:
    """Some rows of a part."""
    design = replace(part.design, numbers=part.design.numbers[rows], codes=part.design.codes[rows])
    weight = None if part.weight is None else part.weight[rows]
    return Part(design, part.y[rows], part.rows[rows], weight)


def folds(part: Part, count: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Places of the rows kept and held out in turn, each class and each range of a number spread over all folds."""
    generator = np.random.Generator(np.random.Philox(seed + 1))
    shuffled = generator.permutation(len(part.y))
    ordered = shuffled[np.argsort(part.y[shuffled], kind="stable")]
    for k in range(count):
        held = np.sort(ordered[k::count])
        kept = np.setdiff1d(np.arange(len(part.y)), held)
        if part.y.dtype.kind == "i":
            # A class of which no row is left cannot be learned, nor judged.
            known = np.isin(part.y[held], part.y[kept])
            kept, held = np.sort(np.append(kept, held[~known])), held[known]
        if len(held):
            yield kept, held
