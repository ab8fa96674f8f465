"""What the caller asks beyond the table: which class is positive, what classes weigh, what is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.errors import InputError, did_you_mean
from steepest.tables import Part, Prepared
from steepest.tasks import Baseline, Task
from steepest.tasks.metrics import SCORINGS, scoring_name

__all__ = ["class_weights", "label_of", "named_score", "threshold_of", "with_positive"]

Score = Callable[[Any, Any, Baseline, Any], float]


def label_of(given: Any, classes: tuple[Any, ...], what: str) -> int:
    """The place of a class given by its label or by what it prints as.

    Raises
    ------
    InputError
        There is none; near names are suggested.
    """
    if given in classes:
        return classes.index(given)
    texts = [str(label) for label in classes]
    if str(given) in texts:
        return texts.index(str(given))
    hint = did_you_mean(str(given), texts) or f"; the classes are {', '.join(texts[:10])}"
    raise InputError(f"{what}: no class is called {given!r}{hint}")


def with_positive(prepared: Prepared, positive: Any) -> Prepared:
    """The table with the positive class as the second of two."""
    if positive is None:
        return prepared
    schema = prepared.schema
    if schema.classes is None or len(schema.classes) != 2:
        raise InputError(f"positive= names one of two classes; this task is {schema.task}")
    if label_of(positive, schema.classes, "positive") == 1:
        return prepared

    def turned(part: Part | None) -> Part | None:
        return None if part is None else replace(part, y=1 - part.y)

    train = turned(prepared.train)
    assert train is not None
    return replace(
        prepared,
        schema=replace(schema, classes=schema.classes[::-1]),
        train=train,
        validation=turned(prepared.validation),
        test=turned(prepared.test),
    )


def class_weights(asked: str | Mapping[Any, float] | None, prepared: Prepared) -> list[float] | None:
    """What a row of each class weighs, in the order of the classes; None where all weigh the same."""
    if asked is None:
        return None
    classes = prepared.schema.classes
    if classes is None:
        raise InputError("class_weight needs classes; this task is regression")
    if isinstance(asked, str):
        if asked != "balanced":
            raise InputError(f"class_weight must be 'balanced' or a weight for each class; got {asked!r}")
        y, weight = prepared.train.y.astype(np.int64), prepared.train.weight
        counts = np.bincount(y, weights=weight, minlength=len(classes)).astype(np.float64)
        return [float(counts.sum() / (len(classes) * n)) if n else 1.0 for n in counts]
    if not isinstance(asked, Mapping):
        raise InputError(f"class_weight must be 'balanced' or a weight for each class; got {asked!r}")
    weights = [1.0] * len(classes)
    for label, value in asked.items():
        place = label_of(label, classes, "class_weight")
        if not (np.isfinite(float(value)) and float(value) > 0):
            raise InputError(f"class_weight of {label!r} must be above 0; got {value!r}")
        weights[place] = float(value)
    return weights


def threshold_of(threshold: float | None, cost: float | None, task: Task) -> float:
    """The probability above which a row is predicted positive."""
    if threshold is None and cost is None:
        return 0.5
    if not task.two:
        raise InputError(f"a threshold is for two classes; this task is {task.kind}")
    if cost is not None:
        # Predicting positive is cheaper where (1 - p) · 1 < p · cost.
        return 1.0 / (1.0 + float(cost))
    assert threshold is not None
    return float(threshold)


def named_score(scoring: Any, task: Task, threshold: float) -> tuple[str | None, Score | None]:
    """The figure that comes first and the function by which alpha is chosen; (None, None) where the loss decides."""
    if scoring is None:
        return None, None
    if callable(scoring):
        return None, lambda y, p, baseline, weight: float(scoring(y, p))
    name = scoring_name(scoring)
    if name is None or name not in task.scorings:
        known = [key for key, value in SCORINGS.items() if value in task.scorings]
        hint = did_you_mean(scoring, known) or f"; available: {', '.join(known)}"
        raise InputError(f"{task.kind} has no figure called {scoring!r}{hint}")
    wanted: str = name

    def score(y: Any, p: Any, baseline: Baseline, weight: Any) -> float:
        found = next(
            (f for f in task.metrics(y, p, baseline, weight, threshold) if f["name"] == wanted), None
        )
        if found is None:
            return float("nan")
        return float(found["value"] if found["better"] == "higher" else -found["value"])

    return wanted, score
