"""What a threshold does: rows predicted positive, those that are, and what the mistakes cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.model.records import Records

__all__ = ["operating_points"]

STEPS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def operating_points(
    y: Floats, p: Floats, chosen: float = 0.5, cost: float | None = None, weight: Floats | None = None
) -> Records:
    """A row for each of some thresholds: a ladder, the one in use, and the one with the largest F1.

    Parameters
    ----------
    y : array of shape (rows,)
        1 for the positive class, else 0.
    p : array of shape (rows,)
        The probability of the positive class; a row is predicted positive where it is above the threshold.
    chosen : float
        The threshold in use.
    cost : float, optional
        How many times as much a missed positive costs as a false alarm; the mean cost per row is given then.

    Returns
    -------
    Records
        ``threshold``, ``note``, ``predicted`` (rows predicted positive), ``found`` (true positives), ``false_alarms``,
        ``missed``, ``precision``, ``recall``, ``F1``, and ``cost`` where one was given.
    """
    yes = np.asarray(y) == 1
    weight = np.ones(len(p)) if weight is None else weight
    order = np.argsort(-p, kind="stable")
    falling = p[order]
    hits = np.append(0.0, np.cumsum((weight * yes)[order]))
    calls = np.append(0.0, np.cumsum(weight[order]))
    there, total = float((weight * yes).sum()), float(weight.sum())
    notes = dict.fromkeys(STEPS, "")
    notes |= {best_f1(falling, hits, calls, there): "largest F1"} if there else {}
    if cost is not None:
        notes[1 / (1 + cost)] = "cheapest if probabilities are right"
    notes[chosen] = "in use"
    found = Records()
    for cut in sorted(notes):
        k = int(np.searchsorted(-falling, -cut, side="left"))
        hit, called = float(hits[k]), float(calls[k])
        row: dict[str, Any] = {
            "threshold": float(cut),
            "note": notes[cut],
            "predicted": tidy(called),
            "found": tidy(hit),
            "false_alarms": tidy(called - hit),
            "missed": tidy(there - hit),
            "precision": hit / called if called else None,
            "recall": hit / there if there else None,
            "F1": 2 * hit / (called + there) if called + there else None,
        }
        if cost is not None:
            row["cost"] = (called - hit + cost * (there - hit)) / total
        found.append(row)
    return found


def tidy(value: float) -> float:
    """A count as a whole number where it is one."""
    return round(value) if abs(value - round(value)) < 1e-6 else value


def best_f1(falling: Floats, hits: Floats, calls: Floats, there: float) -> float:
    """The threshold with the largest F1, halfway to the next probability below."""
    last = np.append(np.diff(falling) != 0, True)
    places = np.flatnonzero(last) + 1
    score = 2 * hits[places] / (calls[places] + there)
    place = int(places[int(np.argmax(score))])
    below = float(falling[place]) if place < len(falling) else 0.0
    return round((float(falling[place - 1]) + below) / 2, 6) or below
