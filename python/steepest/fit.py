"""One call from a table to a model: read, describe, split, choose alpha, fit, judge."""

from __future__ import annotations

import datetime
import os
import time as clock
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import steepest
from steepest.errors import InputError, NotConverged, did_you_mean
from steepest.findings import Finding
from steepest.fitting import judging
from steepest.fitting.alphas import Path, choose, ladder
from steepest.fitting.descent import descend_linear
from steepest.fitting.progress import Stages
from steepest.fitting.standardise import Scaling
from steepest.model import Model, story
from steepest.model.metrics import Baseline
from steepest.model.weights import Weights
from steepest.tables import Part, Prepared, prepare

__all__ = ["fit", "load"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
PENALTIES = ("l2", "l1", "elastic_net")
#: of the fits along the path, whose only use is to compare alphas
PATH_TOL = 1e-4


def fit(
    table: Any,
    target: str | int | None = None,
    *,
    task: str | None = None,
    test: Any = None,
    time: str | int | None = None,
    alpha: float | None = None,
    penalty: str = "l2",
    l1_ratio: float = 0.5,
    drop: Sequence[str | int] = (),
    categories: Sequence[str | int] = (),
    missing: str = "fill",
    validation: float = 0.2,
    tol: float = 1e-6,
    seed: int = 0,
    threads: int | None = None,
    watch: Callable[[dict[str, Any]], Any] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Model:
    """Fits a linear model to a table, with nothing to tune.

    Minimises mean loss + alpha · penalty of the coefficients of standardised columns; the loss is the logistic one
    for two classes, softmax for several, half the squared error for numbers. The intercept is not penalised.

    A share of the rows is held out (validation). Alpha is chosen there, along a path from where every coefficient
    is about 0 down to 1e-6, each fit starting from the one before. Without a test part the model that comes back
    is the one fitted to the training rows, and the figures are those of the held-out rows, which have chosen
    nothing but alpha. With a test part the model is fitted again, at that alpha, to training and validation rows
    together, and the figures are those of the test part, which has chosen nothing at all.

    Args:
        table: a path (CSV, TSV, Parquet, Arrow, Feather, `.npz`), a pandas or polars frame, an Arrow table, a
            NumPy or SciPy sparse matrix, a dict of columns, a list of rows, or the name of a data set:
            "breast_cancer", "diabetes", "digits", "iris", "wine".
        target: the column to be predicted, by name or number (from 0; negative counts from the end).
        task: "binary", "multiclass", "classification" or "regression"; found from the target when None.
        test: a second table with the same columns, never looked at while fitting.
        time: a column by which the last rows are held out instead of random ones.
        alpha: strength of the penalty; chosen on held-out rows when None.
        penalty: "l2" (½‖w‖²), "l1" (‖w‖₁) or "elastic_net".
        l1_ratio: the share of l1 in the elastic net.
        drop: columns to leave out.
        categories: number columns to be taken as categories.
        missing: "fill", "impute" or "refuse"; see `steepest.tables.prepare`.
        validation: the share of rows held out; 0 needs an alpha.
        tol: bound on the distance from the least objective, relative to it.
        seed: of the split.
        threads: how many; all that there are when None. The result does not depend on it.
        watch: called at most ten times a second with a dict of stage, loss, residual, fraction and
            seconds_left; a true answer stops the fit.
        header, delimiter, encoding: of a text, found out when None.

    Raises:
        TableError: the table cannot be used.
        InputError: an argument is out of its range.

    Warns:
        NotConverged: the descent stopped before it reached its tolerance.

    >>> import steepest
    >>> model = steepest.fit("breast_cancer")
    >>> model.task, bool(model.metrics()[0]["value"] > 0.9)
    ('binary', True)
    """
    check_settings(alpha, penalty, l1_ratio, validation, tol, threads)
    stages = Stages(watch)
    stages.enter("read", 0.0, 0.05)
    prepared = prepare(
        table,
        target,
        task=task,
        test=test,
        time=time,
        drop=drop,
        categories=categories,
        missing=missing,
        validation=validation,
        seed=seed,
        header=header,
        delimiter=delimiter,
        encoding=encoding,
    )
    settings = {
        "alpha": alpha,
        "penalty": penalty,
        "l1_ratio": l1_ratio if penalty == "elastic_net" else float(penalty == "l1"),
        "tol": tol,
        "seed": int(seed),
        "validation": validation,
    }
    job = Job(prepared, settings, threads, stages)
    fitted = job.run()
    arguments = {
        "task": task, "test": test, "time": time, "alpha": alpha, "penalty": penalty, "drop": list(drop),
        "categories": list(categories), "missing": missing, "validation": validation, "seed": seed,
    }  # fmt: skip
    told = tell(job, fitted, judging.python_lines(table, target, arguments))
    if not fitted.solution["success"]:
        warnings.warn(f"the fit did not converge: {fitted.solution['message']}", NotConverged, stacklevel=2)
    return Model(prepared.schema, fitted.weights, settings | {"alpha": fitted.alpha}, told)


def load(path: str | os.PathLike[str]) -> Model:
    """Reads a model that `Model.save` wrote.

    Raises:
        ModelFileError: the file is not there, cut off, altered, or from a later version.
    """
    return Model.load(path)


def check_settings(
    alpha: float | None, penalty: str, l1_ratio: float, validation: float, tol: float, threads: int | None
) -> None:
    """Refuses what is out of its range."""
    if penalty not in PENALTIES:
        hint = did_you_mean(str(penalty), PENALTIES) or f"; there are {', '.join(PENALTIES)}"
        raise InputError(f"fit has no penalty called {penalty!r}{hint}")
    if alpha is not None and not (np.isfinite(alpha) and alpha >= 0):
        raise InputError(f"alpha must be at least 0; got {alpha}")
    if not 0 <= l1_ratio <= 1:
        raise InputError(f"l1_ratio must be from 0 to 1; got {l1_ratio}")
    if not (np.isfinite(tol) and tol > 0):
        raise InputError(f"tol must be above 0; got {tol}")
    if threads is not None and threads < 1:
        raise InputError(f"threads must be at least 1; got {threads}")
    if alpha is None and validation == 0:
        raise InputError("choosing alpha needs held-out rows: pass alpha=, or validation above 0")


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
        y = train.y.astype(np.float64)
        columns = own_dense(train)
        scaling = Scaling.of(columns)
        scaling.apply(columns)
        seconds: dict[str, float] = {}
        alpha, path = self.settings["alpha"], None
        both = self.prepared.validation is not None and self.prepared.test is not None
        held = self.held(scaling) if alpha is None or both else None
        if alpha is None:
            assert held is not None
            began = clock.perf_counter()
            path, _ = self.choose_alpha(columns, y, held)
            alpha = path.chosen
            seconds["path"] = clock.perf_counter() - began
        if both:
            assert held is not None
            columns, y = np.concatenate([columns, held[0]]), np.concatenate([y, held[1]])
        held = None
        began = clock.perf_counter()
        self.stages.enter("fit", 0.85 if path else 0.1, 0.1 if path else 0.85)
        solution = self.solve(columns, y, alpha, None, self.settings["tol"], self.stages.during())
        seconds["fit"] = clock.perf_counter() - began
        weights = Weights.of(solution["x"], scaling.mean, scaling.sd, self.outputs)
        baseline = Baseline(y, self.task, self.classes)
        return Fitted(weights, solution, float(alpha), path, baseline, len(y), seconds)

    def held(self, scaling: Scaling) -> tuple[Floats, Floats]:
        """The validation part, standardised as the training part was."""
        part = self.prepared.validation
        if part is None:
            raise InputError("choosing alpha needs held-out rows: pass alpha=, or validation above 0")
        return scaling.apply(own_dense(part)), part.y.astype(np.float64)

    def choose_alpha(self, columns: Floats, y: Floats, held: tuple[Floats, Floats]) -> tuple[Path, Floats]:
        """The path of alphas."""
        penalty = self.settings["penalty"]
        alphas = ladder(columns, y, self.task, penalty, self.settings["l1_ratio"])
        each = 0.8 / len(alphas)

        def solve(alpha: float, start: Floats | None) -> dict[str, Any]:
            return self.solve(columns, y, alpha, start, PATH_TOL, self.stages.during())

        def told(done: int) -> None:
            self.stages.enter("path", 0.05 + each * done, each)

        told(0)
        return choose(alphas, solve, held, self.task, penalty, told)

    def solve(
        self, columns: Floats, y: Floats, alpha: float, start: Floats | None, tol: float, watch: Any
    ) -> dict[str, Any]:
        """One descent; `loss` is the mean loss without the penalty."""
        result = descend_linear(
            columns,
            y,
            task=self.task,
            classes=self.classes,
            penalty=self.settings["penalty"],
            l1_ratio=self.settings["l1_ratio"],
            alpha=alpha,
            start=start,
            tol=tol,
            threads=self.threads,
            watch=watch,
        )
        weights = np.asarray(result["x"]).reshape(self.outputs, -1)[:, :-1]
        ratio = self.settings["l1_ratio"]
        size = ratio * np.abs(weights).sum() + 0.5 * (1 - ratio) * (weights**2).sum()
        return {**result, "loss": float(result["fun"]) - alpha * float(size)}


def own_dense(part: Part) -> Floats:
    """A part's dense design as a matrix that may be written to."""
    dense = part.design.to_dense()
    return dense.copy() if dense is part.design.numbers else dense


def tell(job: Job, fitted: Fitted, python: str) -> dict[str, Any]:
    """The story of the fit."""
    prepared = job.prepared
    schema = prepared.schema
    began = clock.perf_counter()
    job.stages.enter("evaluate", 0.95, 0.05)
    part = prepared.test or prepared.validation
    name = "test" if prepared.test is not None else "validation"
    heldout, figures = judging.judge(part, name, fitted.weights, fitted.baseline)
    findings = prepared.findings + judging.noticed(job.task, figures, fitted.solution, fitted.path, heldout)
    findings += [Finding.of(finding) for finding in fitted.solution["findings"]]
    rows = {
        "train": fitted.rows if prepared.test is not None else len(prepared.train.y),
        "validation": 0 if prepared.validation is None else len(prepared.validation.y),
        "test": 0 if prepared.test is None else len(prepared.test.y),
        "dropped": prepared.dropped,
    }
    if fitted.rows > len(prepared.train.y):
        rows["train"] = len(prepared.train.y)
    told = {
        "title": f"{schema.target} from {prepared.name}",
        "version": steepest.__version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "task": schema.task,
        "task_reason": schema.task_reason,
        "target": schema.target,
        "classes": None if schema.classes is None else list(schema.classes),
        "rows": rows,
        "split": prepared.split,
        "columns": story.columns(schema),
        "metrics": figures,
        "heldout": heldout,
        "path": judging.path_told(fitted.path, fitted.alpha, job.settings["penalty"]),
        "solution": story.solution(fitted.solution),
        "coefficients": story.coefficients(fitted.weights, prepared.train.design, schema.classes),
        "intercept": [float(value) for value in fitted.weights.intercept],
        "findings": [finding.as_dict() for finding in findings],
        "timing": {**prepared.seconds, **fitted.seconds, "evaluate": clock.perf_counter() - began},
        "python": python,
    }
    if len(told["intercept"]) == 1:
        told["intercept"] = told["intercept"][0]
    job.stages.enter("done", 1.0, 0.0)
    return told
