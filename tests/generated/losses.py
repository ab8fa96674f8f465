"""The losses beyond the first five, over the tables of `linear`, judged as it judges.

They have indices of their own, so that `linear:2026:7` stays what it is. Only convex losses: of the others nothing is
claimed that an oracle could hold against them.
"""

from __future__ import annotations

import numpy as np
from tests.generated import linear
from tests.generated.linear import judge, smaller
from tests.generated.oracle import STRAIGHT

__all__ = ["LOSSES", "draw", "judge", "smaller"]

LOSSES = (
    "gamma", "tweedie", "cloglog", "squared_hinge", "modified_huber", "squared_epsilon_insensitive", "probit",
)  # fmt: skip


def draw(r: np.random.Generator, family: str | None = None, among: tuple[str, ...] = LOSSES) -> linear.Case:
    """A case of the family, or of any, with one of these losses."""
    kind = family or str(r.choice(list(linear.TABLES)))
    n, d = int(r.integers(1, 81)), int(r.integers(1, 9))
    case = linear.Case(kind, linear.TABLES[kind](r, n, d), np.zeros(n), loss=str(r.choice(among)))
    linear._penalise(r, case)
    _targets(r, case)
    linear._asked(r, case)
    if case.loss in STRAIGHT:
        case.method = None
        if case.penalty == "simplex":
            case.penalty = "l1"
    fits = not case.bounds and case.penalty != "simplex" and case.start is None
    classes = case.loss in ("cloglog", "probit", "squared_hinge", "modified_huber", "hinge")
    case.general = fits and (not classes or len(np.unique(case.y)) == 2) and r.random() < 0.3
    return case


def _targets(r: np.random.Generator, case: linear.Case) -> None:
    """Targets that the loss takes, from a model of the standardised columns or from nothing."""
    n, d = case.X.shape
    true = r.standard_normal(d) * 10.0 ** r.uniform(-1, 0.7)
    m = linear._standard(case.X) @ true / np.sqrt(max(d, 1)) * r.choice([0.0, 1.0])
    noise = 10.0 ** r.uniform(-3, 0.5)
    if case.loss in ("gamma", "tweedie"):
        case.width = float(r.choice([1.0625, 1.25, 1.5, 1.75, 1.9375]))
        mean = 10.0 ** r.uniform(-4, 6) * np.exp(np.clip(m, -8, 8))
        case.y = mean * r.gamma(1 / min(noise, 1), min(noise, 1), n)
        if case.loss == "tweedie":
            case.y = case.y * (r.random(n) < r.uniform(0.1, 1.2))
        else:
            case.y = np.maximum(case.y, 1e-9)
    elif case.loss == "pinball":
        case.y = (m + noise * r.standard_normal(n)) * 10.0 ** (r.uniform(-6, 8) * r.choice([0, 1]))
        case.y = np.round(case.y, int(r.integers(0, 3))) if r.random() < 0.3 else case.y
        case.width = float(r.choice([0.5, 0.5, 0.1, 0.9, 0.01, 0.999]))
    elif case.loss in ("squared_epsilon_insensitive", "epsilon_insensitive"):
        case.y = (m + noise * r.standard_normal(n)) * 10.0 ** (r.uniform(-6, 8) * r.choice([0, 1]))
        case.width = float(10.0 ** r.uniform(-4, 1) * max(np.std(case.y), 1e-9) * r.choice([0, 1, 1]))
    else:
        rare = r.choice([0.0, 0.0, -3.0])
        case.y = (m * r.choice([1.0, 10.0]) + rare + noise * r.logistic(size=n) > 0).astype(float)
