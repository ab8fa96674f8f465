"""What scikit-learn's gradient boosting makes of the same rows: beside it one sees what a plain formula costs."""

from __future__ import annotations

import importlib.util
import time as clock
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest.tables import Design, Part
from steepest.tasks import Baseline, Task

__all__ = ["Reference", "reference"]

#: trees are grown so many at a time, and no further once so many seconds are over
TREES, AT_ONCE, SECONDS = 100, 10, 20.0
#: numbers that the trees see at most: rows times columns times classes; of more rows so many are drawn
MOST = 20_000_000
#: levels that a category may have for its codes to be taken as categories
LEVELS = 255


@dataclass
class Reference:
    """Its figures on the rows that judge the model, and how it was fitted."""

    figures: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0
    trees: int = 0
    seconds: float = 0.0
    loss: float = float("nan")
    #: what it had less of than the model, or why there is none
    remark: str = ""

    def facts(self) -> dict[str, Any]:
        """As the story has it."""
        return {
            "name": "gradient boosting",
            "rows": self.rows,
            "trees": self.trees,
            "seconds": self.seconds,
            "remark": self.remark,
            "figures": {f["name"]: f["value"] for f in self.figures},
        }


def reference(
    train: Part, held: Part | None, task: Task, classes: int, settings: dict[str, Any], threads: int | None
) -> Reference:
    """Fits scikit-learn's HistGradientBoosting to the training rows and judges it on the held-out ones.

    Parameters
    ----------
    train, held : Part
        Plainly encoded; `train` are the rows that the model which is judged was fitted to.
    task : Task
    classes : int
        How many classes; 0 for numbers.
    settings : dict
        ``threshold``, ``seed`` and ``class_weight``.
    threads : int or None
        One for each 20 000 rows, at most all, where None.
    """
    if held is None or not len(held.y):
        return Reference(remark="no rows were held out")
    if importlib.util.find_spec("sklearn") is None:
        return Reference(remark="scikit-learn is not installed")
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    began = clock.perf_counter()
    remark = ""
    most = max(1000, MOST // max(1, numbers(train.design).shape[1] * max(1, classes if task.several else 1)))
    rows = np.arange(len(train.y))
    if len(rows) > most:
        rows = np.sort(
            np.random.Generator(np.random.Philox(settings["seed"])).choice(len(rows), most, replace=False)
        )
        remark = f"fitted to {most:,} of {len(train.y):,} rows"
    made = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    own: dict[str, Any] = {} if classes else {"loss": task.trees}
    categories = [
        len(train.design.number_features) + k
        for k, levels in enumerate(train.design.levels)
        if len(levels) <= LEVELS
    ]
    trees = made(
        **own, max_iter=AT_ONCE, warm_start=True, early_stopping=False, random_state=settings["seed"],
        categorical_features=categories or None,
    )  # fmt: skip
    weight = None if train.weight is None else train.weight[rows]
    if settings.get("class_weight") is not None:
        by_class = np.asarray(settings["class_weight"])[train.y[rows].astype(int)]
        weight = by_class if weight is None else weight * by_class
    x, y = numbers(train.design)[rows], train.y[rows]
    limit = threads or min(1 + len(rows) // 20_000, available())
    with threadpool_limits(limit, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for count in range(AT_ONCE, TREES + 1, AT_ONCE):
                trees.set_params(max_iter=count).fit(x, y, sample_weight=weight)
                if clock.perf_counter() - began > SECONDS and count < TREES:
                    remark = "; ".join(filter(None, [remark, f"stopped after {count} of {TREES} trees"]))
                    break
            new = numbers(held.design)
            p = trees.predict_proba(new) if classes else trees.predict(new)
        except (ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
            # It stands beside the model, and is not to stand in its way.
            return Reference(remark=f"it could not be fitted: {error}")
        p = np.asarray(p[:, 1] if task.two else p, dtype=np.float64)
        baseline = Baseline(train.y, classes, train.weight)
        figures = task.metrics(held.y, p, baseline, held.weight, settings.get("threshold", 0.5))
    return Reference(figures, len(rows), count, clock.perf_counter() - began, remark=remark)


def numbers(design: Design) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The columns as trees take them: numbers, and the number of each category's level, none of them as missing."""
    codes = np.where(design.codes < 0, np.nan, design.codes)
    return np.hstack([design.numbers, codes])


def available() -> int:
    """Processors that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
