"""The model that a fit over a table returns."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.model.metrics import explained_share
from steepest.model.story import pack, unpack
from steepest.model.summary import summary_text
from steepest.model.weights import Weights, probabilities
from steepest.saving import read_file, write_file
from steepest.tables import Applied, Schema
from steepest.tables.target import encode_target

__all__ = ["Model"]


@dataclass(frozen=True, repr=False)
class Model:
    """A linear model of a table's target, with all it takes to apply it to new rows and to tell its story.

    Made by `steepest.fit` or `steepest.load`; it does not change.

    >>> import steepest
    >>> model = steepest.fit("breast_cancer")
    >>> model.classes.tolist(), model.predict("breast_cancer")[:3].tolist()
    (['benign', 'malignant'], ['malignant', 'malignant', 'malignant'])
    """

    #: how the table's columns are encoded
    schema: Schema
    #: the coefficients
    weights: Weights
    #: the settings of the fit: alpha, penalty, l1_ratio, seed, …
    settings: dict[str, Any]
    #: what came of the fit, as `story()` tells it
    told: dict[str, Any]

    @property
    def task(self) -> str:
        """ "binary", "multiclass" or "regression"."""
        return self.schema.task

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
        return [Finding.of(finding) for finding in self.told["findings"]]

    def encode(self, table: Any) -> Applied:
        """New rows as the model sees them, with what was unseen, filled and ignored.

        Raises:
            TableError: a column is missing, or holds what it did not hold before.
        """
        return self.schema.apply(table)

    def predict(self, table: Any) -> np.ndarray[Any, Any]:
        """The predicted class or number of each row of a table (a path, a frame, a dict of columns, …).

        Columns may stand in any order; further ones are ignored.

        Raises:
            TableError: a column is missing, or holds what it did not hold before.
        """
        margin = self.weights.margins(self.encode(table).design)
        if self.schema.classes is None:
            return np.ascontiguousarray(margin[:, 0])
        return self.classes_of(probabilities(margin))

    def predict_proba(self, table: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The probability of each class for each row, of shape (rows, classes), classes as in `classes`.

        Raises:
            InputError: the model predicts numbers.
            TableError: as `predict`.
        """
        if self.schema.classes is None:
            raise InputError("this model predicts numbers and has no class probabilities; use predict")
        return probabilities(self.weights.margins(self.encode(table).design))

    def classes_of(self, p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The most probable class of each row."""
        assert self.classes is not None
        # Of two equal ones the first, as in the threshold of two classes.
        return np.asarray(self.classes[p.argmax(axis=1)])

    def score(self, table: Any) -> float:
        """R² for regression, else the share of rows predicted right, on a table that has the target.

        Raises:
            TableError: the target is missing, or as `predict`.
        """
        applied = self.encode(table)
        applied.table.find(self.schema.target, "target")
        y = encode_target(applied.table, self.schema.target, self.schema.classes)
        margin = self.weights.margins(applied.design)
        if self.schema.classes is None:
            kept = ~np.isnan(y)
            return explained_share(y[kept], margin[kept, 0])
        kept = y >= 0
        return float((probabilities(margin[kept]).argmax(axis=1) == y[kept]).mean())

    def metrics(self) -> list[dict[str, Any]]:
        """The figures on held-out rows, each beside a baseline's."""
        return [dict(figure) for figure in self.told["metrics"]]

    def story(self) -> dict[str, Any]:
        """Everything about the fit as a plain dict: what the report is made from."""
        return dict(self.told)

    def summary(self, width: int = 96, notes: bool = False) -> str:
        """The fit in a few lines of plain words, none wider than `width`; with every note where asked for."""
        return summary_text(self.told, width, notes)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report, one self-contained page, and returns its path."""
        from steepest.report import page

        page(self.story(), path)
        return Path(path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to a safetensors file, all at once or not at all.

        Raises:
            ModelFileError: it cannot be written.
        """
        told, arrays = pack(self.told)
        content = {"schema": self.schema.to_json(), "settings": self.settings, "story": told}
        arrays |= {f"weights.{name}": getattr(self.weights, name) for name in Weights.__dataclass_fields__}
        write_file(path, "model", content, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """Reads a model that `save` wrote; no code in the file is run.

        Raises:
            ModelFileError: the file is not there, cut off, altered, or from a later version.
        """
        content, arrays = read_file(path, "model")
        weights = Weights(**{name: arrays.pop(f"weights.{name}") for name in Weights.__dataclass_fields__})
        return cls(
            Schema.from_json(content["schema"]),
            weights,
            content["settings"],
            unpack(content["story"], arrays),
        )

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(figure['plain'])} ({html.escape(figure['name'])})</td>"
            f"<td>{figure['value']:.4g}</td><td>{figure['baseline']:.4g}</td></tr>"
            for figure in self.told["metrics"]
        )
        head = f"<tr><th>on held-out rows</th><th>this model</th><th>knowing no column</th></tr>{rows}"
        return (
            f"<div><b>{html.escape(self.told['title'])}</b> (steepest {steepest.__version__})"
            f"<table>{head}</table><pre>{html.escape(self.summary())}</pre></div>"
        )
