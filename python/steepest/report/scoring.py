"""What the pictures of the held-out rows show: ROC curve, calibration, confusion, residuals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats

__all__ = [
    "Calibration", "area", "calibration", "class_codes", "confusion", "per_class", "precision_recall", "roc", "thinned",
    "thresholds",
]  # fmt: skip

Places = NDArray[np.intp]


class Calibration(NamedTuple):
    """Bins of about equally many rows: mean probability predicted, share found, its interval, rows."""

    said: Floats
    found: Floats
    low: Floats
    high: Floats
    rows: Places


def class_codes(y: Any, classes: list[Any], coded: bool | None = None) -> Places:
    """Each row's class as its place among `classes`; minus one for a label that is not among them.

    `coded` says whether `y` holds places already. Where it is None, floats are taken for places unless
    the classes are floats too, and otherwise labels count first, by value and then by what they print
    as; whole numbers from 0 to ``len(classes) - 1`` that are no labels are then taken for places.
    """
    array = np.asarray(y).ravel()
    values = array.tolist()
    if coded is None and array.dtype.kind == "f":
        coded = not any(isinstance(label, float) for label in classes)
    places: dict[Any, int] = {str(label): i for i, label in enumerate(classes)}
    places |= {label: i for i, label in enumerate(classes)}
    codes = np.array([places.get(v, places.get(str(v), -1)) for v in values], dtype=np.intp)
    if coded or (coded is None and (codes < 0).any()):
        whole = [_place(v, len(classes)) for v in values]
        if coded or -1 not in whole:
            return np.array(whole, dtype=np.intp)
    return codes


def _place(value: Any, classes: int) -> int:
    """A whole number from 0 to below `classes`; minus one for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return -1
    return int(value) if value == int(value) and 0 <= value < classes else -1


def roc(positive: NDArray[np.bool_], p: Floats) -> tuple[Floats, Floats]:
    """The ROC curve: the share of false and of true alarms as the threshold falls, from (0, 0) to (1, 1).

    Needs rows of both kinds. Fawcett (2006), An introduction to ROC analysis.
    """
    order = np.argsort(-p, kind="stable")
    p, positive = p[order], positive[order]
    last = np.append(np.diff(p) != 0, True)
    true = np.cumsum(positive)[last] / max(1, int(positive.sum()))
    false = np.cumsum(~positive)[last] / max(1, int((~positive).sum()))
    return np.insert(false, 0, 0.0), np.insert(true, 0, 0.0)


def area(false: Floats, true: Floats) -> float:
    """The area under a ROC curve: the chance that a row of the class is ranked above one that is not."""
    return float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))


def precision_recall(positive: NDArray[np.bool_], p: Floats) -> tuple[Floats, Floats]:
    """The precision-recall curve as the threshold falls; from recall 0, at the first precision, to recall 1."""
    order = np.argsort(-p, kind="stable")
    p, positive = p[order], positive[order]
    last = np.append(np.diff(p) != 0, True)
    true = np.cumsum(positive)[last]
    called = np.arange(1, len(p) + 1)[last]
    precision = true / called
    return np.insert(true / max(1, int(positive.sum())), 0, 0.0), np.insert(precision, 0, precision[0])


def thresholds(
    positive: NDArray[np.bool_], p: Floats, chosen: float, cost: float | None
) -> list[dict[str, str]]:
    """What some thresholds do, a row each, as text: counts, precision, recall, F1, mean cost."""
    from steepest.report.figures import count, figure, percent

    cuts = dict.fromkeys((0.1, 0.25, 0.5, 0.75, 0.9), "")
    order = np.argsort(-p, kind="stable")
    hits, falling = np.cumsum(positive[order]), p[order]
    last = np.flatnonzero(np.append(np.diff(falling) != 0, True))
    best = int(last[np.argmax(2 * hits[last] / (last + 1 + hits[-1]))])
    below = float(falling[best + 1]) if best + 1 < len(falling) else 0.0
    cuts[(float(falling[best]) + below) / 2] = "largest F1"
    cuts[chosen] = "in use"
    rows = []
    for cut in sorted(cuts):
        called = p > cut
        hit, calls, there = int((called & positive).sum()), int(called.sum()), int(positive.sum())
        wrong = calls - hit + (cost or 0.0) * (there - hit)
        rows.append(
            {
                "cut": figure(cut),
                "note": cuts[cut],
                "called": count(calls),
                "found": count(hit),
                "alarms": count(calls - hit),
                "missed": count(there - hit),
                "precision": percent(hit / calls if calls else None),
                "recall": percent(hit / there if there else None),
                "f1": figure(2 * hit / (calls + there)) if calls + there else "",
                "cost": figure(wrong / len(p)) if cost is not None else "",
            }
        )
    return rows


def calibration(positive: NDArray[np.bool_], p: Floats, bins: int = 10) -> Calibration:
    """Predicted against found, in bins of about equally many rows, with Wilson's 95 % intervals (Wilson 1927)."""
    bins = int(np.clip(len(p) // 20, 2, bins))
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    rows = np.array([len(part) for part in parts], dtype=np.intp)
    said = np.array([p[part].mean() for part in parts])
    found = np.array([positive[part].mean() for part in parts])
    z2 = 1.959964**2
    middle = (found + z2 / (2 * rows)) / (1 + z2 / rows)
    half = np.sqrt(z2) / (1 + z2 / rows) * np.sqrt(found * (1 - found) / rows + z2 / (4 * rows**2))
    return Calibration(said, found, np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0), rows)


def confusion(actual: Places, predicted: Places, classes: int) -> NDArray[np.int64]:
    """Rows counted by actual class (down) and predicted class (across)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    known = (actual >= 0) & (predicted >= 0)
    np.add.at(counts, (actual[known], predicted[known]), 1)
    return counts


def per_class(counts: NDArray[np.int64]) -> list[tuple[int, float, float]]:
    """For each class: its rows, the share of them found (recall), the share right when named (precision)."""
    rows, named, right = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return list(zip(rows.tolist(), (right / rows).tolist(), (right / named).tolist(), strict=True))


def thinned(length: int, most: int) -> Places:
    """Which of `length` points to draw so that at most `most` are: evenly spread, both ends kept."""
    if length <= most:
        return np.arange(length)
    return np.unique(np.linspace(0, length - 1, most).round().astype(np.intp))
