"""The descents of one fit: choose alpha, fit the training rows, judge, fit again to all rows."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.checkpoint import Series
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.fitting.alphas import MANY_CLASSES, Path, choose, ladder
from steepest.fitting.columns import Columns, Encoding, Scaling
from steepest.fitting.forms import Chosen, Search
from steepest.fitting.progress import Stages
from steepest.fitting.splits import folds, joined, taken
from steepest.fitting.streamed import Rows
from steepest.linear.problem import Problem
from steepest.model.weights import Weights
from steepest.tables import Part, Prepared
from steepest.tables.stream import Stream
from steepest.tasks import Baseline, Spread, Task, Unit

__all__ = ["Descent", "Fitted", "Job"]

#: passes over the data for each fit of the path where classes are many, so that a pass is expensive
PATH_PASSES = 60


@dataclass
class Descent:
    """One descent and the predictor that it ended at."""

    weights: Weights
    solution: dict[str, Any]
    #: predicts the same for every row: what its figures are held against
    baseline: Baseline
    rows: int
    #: where it started: "" is from zero
    start: str = ""


@dataclass
class Fitted:
    """What came of the descents."""

    #: the model that comes back
    final: Descent
    #: the model that the held-out rows judge: fitted without them
    judged: Descent
    alpha: float
    path: Path | None
    #: figures of each fold, where folds were asked for
    folds: list[list[dict[str, Any]]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


class Job:
    """The descents of one fit.

    Parameters
    ----------
    prepared : Prepared
        The parts.
    task : Task
        What is predicted, by which loss.
    settings : dict
        ``alpha``, ``penalty``, ``l1_ratio``, ``tol``, ``refit``, ``cv``, ``seed``, ``class_weight`` (one a class),
        ``scoring`` (a function of target, prediction, baseline and weight, larger is better, or None) and
        ``threshold``.
    threads : int or None
        All where None.
    stages : Stages
        Gets the progress.
    kept : Series, optional
        The file that the descents are kept in.
    """

    def __init__(
        self,
        prepared: Prepared,
        task: Task,
        settings: dict[str, Any],
        threads: int | None,
        stages: Stages,
        kept: Series | None = None,
    ) -> None:
        self.prepared, self.task, self.settings = prepared, task, settings
        self.threads, self.stages, self.kept = threads, stages, kept
        #: all rows, where those prepared are a sample of files
        self.rows: Rows | None = None
        self.classes = len(prepared.schema.classes or ())
        self.outputs = task.outputs(self.classes)
        self.seconds: dict[str, float] = {}
        self.whole: Part | None = None
        #: the parts as they lie, before any column enters as a curve
        self.plain = prepared
        self.form = Chosen()

    def run(self) -> Fitted:
        """Chooses alpha where it is not given, fits, and fits again to all rows where asked to."""
        alpha, path, start = self.settings["alpha"], None, None
        if self.settings.get("form") == "auto":
            self.stages.enter("form", 0.05, 0.0)
            self.timed("form", self.choose_form)
        train, held = self.prepared.train, self.prepared.validation
        if alpha is None:
            path, start = self.timed("path", lambda: self.choose_alpha(train))
            alpha = path.chosen
        again = bool(self.settings["refit"]) and held is not None
        first: Descent | None = None
        # With a test part the held-out rows judge nothing, and one fit is enough.
        if not (again and self.prepared.test is not None):
            self.stages.enter("fit", 0.8 if path else 0.1, 0.08 if path else 0.4)
            first = self.timed("fit", lambda: self.fit(train, alpha, start, "the path's"))
            if first.solution["outcome"] == "stopped":
                again = False
        final = first
        if again:
            self.stages.enter("refit", 0.88 if path else 0.5, 0.06 if path else 0.4)
            before = first.solution["x"] if first is not None and start is not None else start
            final = self.timed(
                "refit", lambda: self.fit(self.all_rows(), alpha, before, "the training rows'", self.rows)
            )
        assert final is not None
        folds = []
        if self.settings["cv"]:
            folds = self.timed("folds", lambda: self.in_folds(self.all_rows(), alpha))
        return Fitted(final, first or final, float(alpha), path, folds, self.seconds)

    def choose_form(self) -> None:
        """Which columns enter as curves or levels and which in pairs; the parts are then encoded so."""
        prepared = self.plain
        unit, train = self.unit(prepared.train), prepared.train
        part = Part(train.design, (train.y - unit.shift) / unit.scale, train.rows, self.weight(train))
        if self.classes:
            part = replace(part, y=train.y)

        def solve(columns: Columns, y: Floats, weight: Any, alpha: float, start: Any, tol: float) -> Any:
            watch = self.stages.during()
            return self.solve(columns, y, weight, alpha, start, tol, watch, self.task.path_steps)

        straight = self.settings.get("straight", ())
        search = Search(part, self.task, self.outputs, solve, straight, self.settings["seed"])
        self.form = search.run()
        form = self.form.form
        if not form:
            return

        def formed(own: Part | None) -> Any:
            return None if own is None else replace(own, design=form.expand(own.design))

        self.prepared = replace(
            prepared,
            schema=replace(prepared.schema, form=form),
            train=formed(prepared.train),
            validation=formed(prepared.validation),
            test=formed(prepared.test),
        )

    def timed(self, stage: str, work: Callable[[], Any]) -> Any:
        """What the work gives; its seconds are kept under the stage's name."""
        began = clock.perf_counter()
        done = work()
        self.seconds[stage] = clock.perf_counter() - began
        return done

    def all_rows(self) -> Part:
        """Training and validation rows in the table's order."""
        if self.whole is None:
            train, held = self.prepared.train, self.prepared.validation
            self.whole = train if held is None else joined(train, held)
        return self.whole

    def fit(
        self, part: Part, alpha: float, start: Floats | None, where: str, rows: Rows | None = None
    ) -> Descent:
        """Fits the rows of a part; the penalty is on columns standardised by its own means and deviations."""
        schema, encoding = self.prepared.schema, Encoding.of(part.design, part.weight)
        columns = encoding.columns(part.design)
        stream = None
        if rows is not None:
            part, stream = (
                rows.part(part, schema),
                rows.stream(encoding, schema, columns.levels, columns.width),
            )
        unit = self.unit(part)
        y = (part.y - unit.shift) / unit.scale
        weight, tol = self.weight(part), self.settings["tol"]
        watch = self.stages.during()
        solution = self.solve(columns, y, weight, alpha, start, tol, watch, rows=stream)
        point = columns.standardised(solution["x"], self.outputs)
        weights = Weights.of(point, encoding.mean, encoding.sd, self.outputs)
        weights = weights.times(unit.factor, unit.offset)
        baseline = Baseline(part.y, self.classes, part.weight)
        return Descent(weights, solution, baseline, len(y), "" if start is None else where)

    def in_folds(self, part: Part, alpha: float) -> list[list[dict[str, Any]]]:
        """The figures of each fold's rows by a model fitted to the others, at the chosen alpha."""
        found = []
        count = int(self.settings["cv"])
        for done, (kept, held) in enumerate(folds(part, count, self.settings["seed"])):
            self.stages.enter("folds", 0.94 + 0.01 * done / count, 0.01 / count)
            descent = self.fit(taken(part, kept), alpha, None, "")
            aside = taken(part, held)
            p = self.task.predictions(descent.weights.margins(aside.design))
            found.append(
                self.task.metrics(
                    aside.y, p, descent.baseline, aside.weight, self.settings.get("threshold", 0.5)
                )
            )
        return found

    def unit(self, part: Part) -> Unit:
        """The unit that the target is fitted in."""
        if self.classes:
            return Unit()
        scaling = Scaling.of(part.y.astype(np.float64)[:, None], part.weight)
        return self.task.unit(Spread(part.y, part.weight, float(scaling.mean[0]), float(scaling.sd[0])))

    def weight(self, part: Part) -> Floats | None:
        """Each row's weight in the loss: its own times its class's."""
        by_class = self.settings.get("class_weight")
        if by_class is None:
            return part.weight
        own: Floats = np.asarray(by_class, dtype=np.float64)[part.y.astype(np.int64)]
        return own if part.weight is None else own * part.weight

    def choose_alpha(self, train: Part) -> tuple[Path, Floats | None]:
        """The path of alphas, and a point to start from: several classes have most of their steps behind them."""
        held = self.prepared.validation
        if held is None:
            raise InputError("choosing alpha needs held-out rows: pass alpha=, or validation above 0")
        unit = self.unit(train)
        encoding = Encoding.of(train.design, train.weight)
        columns, aside = encoding.columns(train.design), encoding.columns(held.design)
        y, other = ((part.y - unit.shift) / unit.scale for part in (train, held))
        weight = self.weight(train)
        alphas = ladder(
            columns, y, self.task, self.settings["penalty"], self.settings["l1_ratio"], self.classes
        )
        if near := self.form.alpha:
            # The choice of the form has seen which strength does best, within a power of ten; it may lie below these.
            near = max(near, float(alphas[-1]))
            alphas = alphas[(alphas >= near / 10) & (alphas <= near * 100)]
        each = 0.75 / len(alphas)

        def solve(alpha: float, start: Floats | None, tol: float) -> dict[str, Any]:
            watch = self.stages.during()
            return self.solve(columns, y, weight, alpha, start, tol, watch, self.task.path_steps)

        def on_done(done: int) -> None:
            self.stages.enter("path", 0.05 + each * done, each)

        score: Callable[[Floats], float] | None = None
        if self.settings.get("scoring") is not None:
            baseline = Baseline(train.y, self.classes, train.weight)

            def score(margin: Floats) -> float:
                p = self.task.predictions(margin * unit.factor + unit.offset)
                return float(self.settings["scoring"](held.y, p, baseline, held.weight))

        on_done(0)
        path, point = choose(
            alphas,
            solve,
            (aside, other),
            self.weight(held),
            self.task,
            self.settings["penalty"],
            on_done,
            score,
        )
        return path, point if self.task.several else None

    def solve(
        self,
        columns: Columns,
        y: Floats,
        weight: Floats | None,
        alpha: float,
        start: Floats | None,
        tol: float,
        watch: Any,
        most: int | None = None,
        rows: Stream | None = None,
    ) -> dict[str, Any]:
        """One descent; `x` has each output's coefficients and then its intercept, `loss` is without the penalty."""
        penalty, ratio = self.settings["penalty"], self.settings["l1_ratio"]
        problem = Problem(
            loss=self.task.loss,
            outputs=self.outputs,
            penalty=penalty,
            penalty_settings={"ratio": ratio} if penalty == "elastic_net" else {},
            alpha=alpha,
            scale=columns.scale,
            tol=tol,
            max_iter=most,
            max_passes=PATH_PASSES if most is not None and self.classes > MANY_CLASSES else None,
            threads=self.threads or 0,
        )
        before = None if start is None else start.reshape(self.outputs, -1)
        first = None if before is None else (before[:, :-1], before[:, -1])
        table = columns if rows is None else rows

        def descend(kept: Series | None) -> dict[str, Any]:
            solved = problem.solve(table, y, weight, start=first, watch=watch, checkpoint=kept)
            weights = solved.coef * columns.scale
            size = ratio * np.abs(weights).sum() + 0.5 * (1 - ratio) * (weights**2).sum()
            point = np.column_stack([solved.coef, solved.intercept]).ravel()
            found = [finding.as_dict() for finding in solved.result.findings]
            loss = float(solved.result.fun) - alpha * float(size)
            return {**solved.result, "x": point, "loss": loss, "findings": found}

        length = self.outputs * (columns.width + 1)
        answer = descend(None) if self.kept is None else self.kept.run(length, descend)
        return answer | {"findings": [Finding.of(finding) for finding in answer["findings"]]}
