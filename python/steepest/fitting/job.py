"""The descents of one fit: standardise, choose alpha, fit."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.errors import InputError
from steepest.fitting.alphas import Path, choose, ladder
from steepest.fitting.columns import Columns, Encoding
from steepest.fitting.progress import Stages
from steepest.fitting.standardise import Scaling
from steepest.linear.problem import Problem
from steepest.model.metrics import Baseline
from steepest.model.weights import Weights
from steepest.tables import Prepared

__all__ = ["Fitted", "Job"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
#: each task's loss
LOSSES = {"binary": "logistic", "multiclass": "softmax", "regression": "squared"}
#: of the fits along the path, whose only use is to compare alphas
PATH_TOL = 1e-4
PATH_MOST = {"binary": 200, "multiclass": 60, "regression": 200}


@dataclass
class Fitted:
    """What came of the descents."""

    weights: Weights
    solution: dict[str, Any]
    alpha: float
    path: Path | None
    baseline: Baseline
    rows: int
    seconds: dict[str, float]


class Job:
    """The descents of one fit."""

    def __init__(
        self, prepared: Prepared, settings: dict[str, Any], threads: int | None, stages: Stages
    ) -> None:
        self.prepared, self.settings, self.threads, self.stages = prepared, settings, threads, stages
        schema = prepared.schema
        self.task = schema.task
        self.classes = 0 if schema.classes is None else len(schema.classes)
        self.outputs = self.classes if self.task == "multiclass" else 1

    def run(self) -> Fitted:
        """Standardises, chooses alpha where it is not given, fits."""
        train = self.prepared.train
        unit = self.unit(train.y)
        y = (train.y - unit[1]) / unit[0]
        encoding = Encoding.of(train.design)
        columns = encoding.columns(train.design)
        seconds: dict[str, float] = {}
        alpha, path, start = self.settings["alpha"], None, None
        both = self.prepared.validation is not None and self.prepared.test is not None
        held = self.held(encoding, unit) if alpha is None or both else None
        if alpha is None:
            assert held is not None
            began = clock.perf_counter()
            path, point = self.choose_alpha(columns, y, held)
            # Several classes take many steps from 0; the path has most of them behind it.
            start = point if self.task == "multiclass" else None
            alpha = path.chosen
            seconds["path"] = clock.perf_counter() - began
        if both:
            assert held is not None
            columns, y = columns.beside(held[0]), np.concatenate([y, held[1]])
        held = None
        began = clock.perf_counter()
        self.stages.enter("fit", 0.85 if path else 0.1, 0.1 if path else 0.85)
        solution = self.solve(columns, y, alpha, start, self.settings["tol"], self.stages.during())
        seconds["fit"] = clock.perf_counter() - began
        point = encoding.standardised(solution["x"], self.outputs, columns.numbers.shape[1])
        weights = Weights.of(point, encoding.mean, encoding.sd, self.outputs).times(*unit)
        baseline = Baseline(self.raw_target(both), self.task, self.classes)
        return Fitted(weights, solution, float(alpha), path, baseline, len(y), seconds)

    def raw_target(self, both: bool) -> Floats:
        """The target of the rows that the last descent was fitted to, in its own units."""
        parts = [self.prepared.train]
        if both and self.prepared.validation is not None:
            parts.append(self.prepared.validation)
        return np.concatenate([part.y for part in parts])

    def unit(self, y: Floats) -> tuple[float, float]:
        """What the target is divided by and what is taken from it first: numbers are standardised."""
        if self.task != "regression":
            return 1.0, 0.0
        scaling = Scaling.of(y.astype(np.float64)[:, None])
        return float(scaling.sd[0]), float(scaling.mean[0])

    def held(self, encoding: Encoding, unit: tuple[float, float]) -> tuple[Columns, Floats]:
        """The validation part, standardised as the training part was."""
        part = self.prepared.validation
        if part is None:
            raise InputError("choosing alpha needs held-out rows: pass alpha=, or validation above 0")
        return encoding.columns(part.design), (part.y - unit[1]) / unit[0]

    def choose_alpha(self, columns: Columns, y: Floats, held: tuple[Columns, Floats]) -> tuple[Path, Floats]:
        """The path of alphas."""
        penalty = self.settings["penalty"]
        alphas = ladder(columns, y, self.task, penalty, self.settings["l1_ratio"])
        each = 0.8 / len(alphas)

        def solve(alpha: float, start: Floats | None) -> dict[str, Any]:
            return self.solve(columns, y, alpha, start, PATH_TOL, self.stages.during(), PATH_MOST[self.task])

        def told(done: int) -> None:
            self.stages.enter("path", 0.05 + each * done, each)

        told(0)
        return choose(alphas, solve, held, self.task, penalty, told)

    def solve(
        self,
        columns: Columns,
        y: Floats,
        alpha: float,
        start: Floats | None,
        tol: float,
        watch: Any,
        most: int | None = None,
    ) -> dict[str, Any]:
        """One descent; `x` has each output's coefficients and then its intercept, `loss` is without the penalty."""
        penalty, ratio = self.settings["penalty"], self.settings["l1_ratio"]
        problem = Problem(
            loss=LOSSES[self.task],
            outputs=self.outputs,
            penalty=penalty,
            penalty_settings={"ratio": ratio} if penalty == "elastic_net" else {},
            alpha=alpha,
            scale=columns.scale,
            tol=tol,
            max_iter=most,
            threads=self.threads or 0,
        )
        before = None if start is None else start.reshape(self.outputs, -1)
        first = None if before is None else (before[:, :-1], before[:, -1])
        solved = problem.solve(columns, y, start=first, watch=watch)
        weights = solved.coef * columns.scale
        size = ratio * np.abs(weights).sum() + 0.5 * (1 - ratio) * (weights**2).sum()
        point = np.column_stack([solved.coef, solved.intercept]).ravel()
        return {**solved.result, "x": point, "loss": float(solved.result.fun) - alpha * float(size)}
