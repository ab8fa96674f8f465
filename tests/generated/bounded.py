"""Bounds of each coefficient, over the tables, losses and penalties of the other kinds, judged as `linear` judges.

They have indices of their own. A column is free, of one sign, between two bounds with 0 or without, or pinned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from tests.generated import linear, losses, straight
from tests.generated.linear import judge
from tests.generated.oracle import STRAIGHT

__all__ = ["draw", "judge", "smaller"]

FORMS = ("free", "above", "below", "around", "away", "pinned")


def draw(r: np.random.Generator, family: str | None = None) -> linear.Case:
    """A case of the family, or of any."""
    kind: Any = r.choice([0, 1, 2], p=[0.65, 0.25, 0.1])
    case = (linear, losses, straight)[int(kind)].draw(r, family)
    if case.penalty == "simplex":
        case.penalty = "l1"
    case.named = case.general = False
    d = case.X.shape[1]
    shape = (case.outputs, d) if case.outputs > 1 and r.random() < 0.5 else (d,)
    # around what a coefficient of such a column may be; one of a single number has a spread by rounding at most
    spread, most = case.X.std(axis=0, dtype=float), np.abs(case.X).max(axis=0).astype(float)
    size = 10.0 ** r.uniform(-2, 2) / np.where(spread > 1e-12 * most, spread, np.where(most > 0, most, 1.0))
    first, width = size * r.standard_normal(shape), size * np.abs(r.standard_normal(shape))
    # the oracle's interior points have none where a column is pinned
    few = FORMS[:-1] if case.loss in STRAIGHT else FORMS
    form = r.choice(few, size=shape) if r.random() < 0.8 else np.full(shape, str(r.choice(few)))
    ends = {
        "free": (np.full(shape, -np.inf), np.full(shape, np.inf)),
        "above": (np.where(first > 0, 0.0, first), np.full(shape, np.inf)),
        "below": (np.full(shape, -np.inf), np.where(first > 0, 0.0, first)),
        "around": (-width, np.abs(first) + size / 100),
        "away": (first, first + width + size / 100),
        "pinned": (np.where(width > size, 0.0, first),) * 2,
    }
    low, high = (np.select([form == f for f in few], [ends[f][side] for f in few]) for side in (0, 1))
    case.bounds = (low, high)
    if case.method is not None:
        case.method = str(r.choice(linear.suited(case)))
    if case.start is not None:
        w, b = case.split(case.start)
        w = np.clip(w, low, high)
        case.start = np.ascontiguousarray(np.column_stack([w, b]) if case.intercept else w).ravel()
    return case


def smaller(case: linear.Case) -> list[linear.Case]:
    """The cases one step simpler: as others are, and with a bound less."""
    out = [c for c in linear.smaller(case) if c.X.shape[1] == case.X.shape[1]]
    if case.bounds is None:
        return out
    for side, free in ((0, -np.inf), (1, np.inf)):
        for j in np.flatnonzero(np.isfinite(case.bounds[side])).tolist():
            ends = [end.copy() for end in case.bounds]
            ends[side].flat[j] = free
            out.append(replace(case, bounds=(ends[0], ends[1])))
    return out
