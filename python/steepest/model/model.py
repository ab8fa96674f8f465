"""The model that a fit over a table returns."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steepest import tasks
from steepest.errors import InputError, ModelFileError
from steepest.findings import Finding
from steepest.model.network import NetworkWeights
from steepest.model.operating import operating_points
from steepest.model.records import Records
from steepest.model.story import fault
from steepest.model.summary import summary_html, summary_text
from steepest.model.weights import Weights
from steepest.saving import pack, read_file, unpack, write_file
from steepest.tables import Applied, Schema
from steepest.tables.remarks import about_applied
from steepest.tables.target import encode_target
from steepest.tasks.metrics import explained_share

__all__ = ["Model"]


@dataclass(frozen=True, repr=False)
class Model:
    """A linear model of a table's target, or a network, with all it takes to apply it to new rows and to report on it.

    Made by `steepest.fit` or `steepest.load`; it does not change.

    >>> import steepest
    >>> model = steepest.fit("breast_cancer")
    >>> model.classes.tolist(), model.predict("breast_cancer")[:3].tolist()
    (['benign', 'malignant'], ['malignant', 'malignant', 'malignant'])
    """

    #: how the table's columns are encoded
    schema: Schema
    #: the coefficients, or a network's layers
    weights: Weights | NetworkWeights
    #: the settings of the fit: alpha, penalty, l1_ratio, seed, …
    settings: dict[str, Any]
    #: what came of the fit, as `story()` returns it
    facts: dict[str, Any]

    @property
    def task(self) -> str:
        """ "binary", "multiclass" or "regression"."""
        return self.schema.task

    @property
    def loss(self) -> str:
        """The loss that was minimised, by its name in the catalogue."""
        return self._task.loss

    @property
    def _task(self) -> tasks.Task:
        """What is predicted, and how."""
        return tasks.find(self.schema.task, self.settings.get("loss"))

    @property
    def classes(self) -> np.ndarray[Any, Any] | None:
        """The classes in the order of `predict_proba`'s columns; None for regression."""
        return None if self.schema.classes is None else np.array(self.schema.classes)

    @property
    def alpha(self) -> float:
        """The strength of the penalty on standardised coefficients."""
        return float(self.settings["alpha"])

    @property
    def findings(self) -> list[Finding]:
        """What was noticed, in the data and during the descent."""
        return [Finding.of(finding) for finding in self.facts["findings"]]

    @property
    def threshold(self) -> float:
        """The probability above which a row is predicted positive (two classes); 0.5 unless another was asked for."""
        return float(self.settings.get("threshold", 0.5))

    @property
    def coefficients(self) -> Records:
        """The coefficients as a table: a dict a row, with names; ``to_csv`` writes it, pandas takes it as it is.

        Fields: ``column``, ``level`` (None for a number), ``class`` (None but for several classes), ``value`` (per
        unit of the column), ``per_sd`` (per standard deviation) and exp of the value, for two classes as
        ``odds_ratio``, for counts as ``mean_ratio``; ``rows`` at a level and how many of them are of the class
        (``of_class``), where that is known. The first row, or the first of each class, is the intercept.

        >>> import steepest
        >>> steepest.fit("diabetes", alpha=0.1).coefficients[:2]["column"]
        ['(intercept)', 'age']
        """
        if isinstance(self.weights, NetworkWeights):
            raise InputError("a network has no coefficients: fit with model='linear' for some")
        facts = self.facts["coefficients"]
        intercepts = np.atleast_1d(self.facts["intercept"]).tolist()
        labels = [None] if len(intercepts) == 1 or self.schema.classes is None else list(self.schema.classes)
        rows = []
        for label, intercept in zip(labels, intercepts, strict=True):
            first = {"name": "(intercept)", "column": "(intercept)", "value": intercept, "class": label}
            rows += [first, *(c for c in facts if c["class"] == label)]
        return Records([self._coefficient(c) for c in rows])

    def _coefficient(self, c: dict[str, Any]) -> dict[str, Any]:
        row = {name: c.get(name) for name in ("name", "column", "level", "class", "value", "per_sd")}
        if self._task.ratio:
            row[self._task.ratio] = float(np.exp(np.clip(c["value"], -700, 700)))
        return row | {name: c.get(name) for name in ("rows", "of_class")}

    def thresholds(self, cost: float | None = None) -> Records:
        """What some thresholds do on the held-out rows: precision, recall, F1, and the cost of the mistakes.

        Parameters
        ----------
        cost : float, optional
            How many times as much a missed positive costs as a false alarm.

        Raises
        ------
        InputError
            The model has not two classes, or no rows were held out.

        Examples
        --------
        >>> import steepest
        >>> table = steepest.fit("breast_cancer").thresholds(cost=10)
        >>> next(row["recall"] for row in table if row["note"] == "in use") > 0.9
        True
        """
        held = self.facts["heldout"]
        if not self._task.two or not len(held["y"]):
            raise InputError("thresholds are for two classes and judged on held-out rows")
        cost = self.settings.get("cost") if cost is None else cost
        return operating_points(held["y"], held["p"], self.threshold, cost, held.get("weight"))

    @property
    def row_numbers(self) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
        """Row numbers, from 0: "train" and "validation" in the table, "test" in the test table."""
        return dict(self.facts.get("row_numbers", {}))

    def encode(self, table: Any) -> Applied:
        """New rows as the model sees them, with what was unseen, filled and ignored.

        Raises
        ------
        TableError
            A column is missing, or holds what it did not hold before.
        """
        return self.schema.apply(table)

    def predict(
        self, table: Any, threshold: float | None = None, cost: float | None = None
    ) -> np.ndarray[Any, Any]:
        """The predicted class or number of each row of a table (a path, a frame, a dict of columns, …).

        Columns may stand in any order; further ones are ignored.

        Parameters
        ----------
        table
            The new rows.
        threshold : float, optional
            Of two classes the positive one is predicted where its probability is above it; the model's own
            (`threshold`) unless given.
        cost : float, optional
            In place of a threshold: how many times as much a missed positive costs as a false alarm.

        Raises
        ------
        TableError
            A column is missing, or holds what it did not hold before.
        InputError
            A threshold for another task than two classes, or one out of its range.

        Warns
        -----
        UserWarning
            Values lie far outside the range that the model was fitted to: beyond it by more than its width.
        """
        cut = self.cut(threshold, cost)
        means = self.means(self._encoded(table))
        return (
            np.ascontiguousarray(means[:, 0]) if self.schema.classes is None else self.classes_of(means, cut)
        )

    def means(self, applied: Applied) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Of rows that were encoded the probability of each class, or the number predicted: a column each."""
        return self._task.means(self.weights.margins(applied.design))

    def _encoded(self, table: Any) -> Applied:
        """New rows encoded; what makes their predictions doubtful is a warning to who called."""
        applied = self.encode(table)
        for finding in about_applied(applied):
            if finding.severity == "warning":
                warnings.warn(finding.sentence, UserWarning, stacklevel=3)
        return applied

    def cut(self, threshold: float | None = None, cost: float | None = None) -> float:
        """The threshold that is asked for, by itself or by the cost of a missed positive; else the model's own.

        Raises
        ------
        InputError
            Another task than two classes, both given, or out of range.
        """
        if threshold is None and cost is None:
            return self.threshold
        if not self._task.two:
            raise InputError(f"a threshold is for two classes; this model's task is {self.task}")
        if threshold is not None and cost is not None:
            raise InputError("cost= sets the threshold: pass one of the two")
        if cost is not None:
            if not cost > 0:
                raise InputError(f"cost must be a number above 0; got {cost!r}")
            return 1 / (1 + float(cost))
        assert threshold is not None
        if not 0 <= threshold <= 1:
            raise InputError(f"threshold must be from 0 to 1; got {threshold!r}")
        return float(threshold)

    def predict_proba(self, table: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The probability of each class for each row, of shape (rows, classes), classes as in `classes`.

        Raises
        ------
        InputError
            The model predicts numbers.
        TableError
            As `predict`.
        """
        if self.schema.classes is None:
            raise InputError("this model predicts numbers and has no class probabilities; use predict")
        return self.means(self._encoded(table))

    def classes_of(self, p: np.ndarray[Any, Any], threshold: float | None = None) -> np.ndarray[Any, Any]:
        """The class predicted from probabilities: the most probable, or of two the second above a threshold."""
        assert self.classes is not None
        cut = self.threshold if threshold is None else threshold
        return np.asarray(self.classes[self._task.called(p[:, 1] if self._task.two else p, cut)])

    def score(self, table: Any) -> float:
        """R² for regression, else the accuracy (share of rows predicted right), on a table that has the target.

        Raises
        ------
        TableError
            The target is missing, or as `predict`.
        """
        applied = self._encoded(table)
        applied.table.find(self.schema.target, "target")
        decimal = self.schema.column(self.schema.target).decimal
        y = encode_target(applied.table, self.schema.target, self.schema.classes, decimal)
        p = self._task.predictions(self.weights.margins(applied.design))
        if self.schema.classes is None:
            kept = ~np.isnan(y)
            return explained_share(y[kept], p[kept])
        kept = y >= 0
        return float((self._task.called(p[kept], self.threshold) == y[kept]).mean())

    def metrics(self) -> list[dict[str, Any]]:
        """The figures on held-out rows, each with a 95 % interval (``low``, ``high``) and beside a baseline's."""
        return [dict(figure) for figure in self.facts["metrics"]]

    def story(self) -> dict[str, Any]:
        """Everything about the fit as a plain dict: what the report is made from."""
        return dict(self.facts)

    def summary(self, width: int = 80, verbose: bool = False) -> str:
        """The fit on one screen, no line wider than `width`: warnings, figures, convergence.

        With `verbose` everything that is known, notes on the data included.
        """
        return summary_text(self.facts, width, verbose)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the report, one self-contained page, and return its path."""
        from steepest.report import page

        page(self.story(), path)
        return Path(path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a safetensors file, all at once or not at all.

        Raises
        ------
        ModelFileError
            It cannot be written.
        """
        facts, arrays = pack(self.facts, "story")
        content = {"schema": self.schema.to_json(), "settings": self.settings, "story": facts}
        arrays |= self.weights.arrays()
        write_file(path, "model", content, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """Read a model that `save` wrote; no code in the file is run.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        Model
            As it was saved, to the bit.

        Raises
        ------
        ModelFileError
            The file is not there, cut off, altered, or from a later version.
        """
        content, arrays = read_file(path, "model")
        try:
            weights = NetworkWeights.taken(arrays) or Weights.taken(arrays)
            schema = Schema.from_json(content["schema"])
            weights.check(schema)
            facts, settings = unpack(content["story"], arrays), content["settings"]
            if (wrong := fault(facts, settings, schema, weights)) is not None:
                raise InputError(wrong)
            model = cls(schema, weights, settings, facts)
            # The summary must be able to print it.
            _ = model.alpha, model.threshold, model.findings, model.summary(verbose=True), repr(model)
        except Exception as error:
            said = f"{type(error).__name__}: {error}" if not isinstance(error, InputError) else str(error)
            raise ModelFileError(f"{str(path)!r} was altered, or a fault wrote it: {said}") from error
        return model

    def __repr__(self) -> str:
        rows = self.facts.get("fitted", {}).get("rows", self.facts["rows"]["train"])
        figures = self.facts["metrics"]
        judged = f", {figures[0]['name']} {figures[0]['value']:.4g} on held-out rows" if figures else ""
        return f"<steepest.Model: {self.facts['title']}, {self.task}, fitted to {rows} rows{judged}>"

    def _repr_html_(self) -> str:
        return summary_html(self.facts)
