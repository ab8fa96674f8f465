"""The story of a fit: figures on held-out rows, findings, the path in a sentence, the Python lines."""

from __future__ import annotations

import datetime
import os
import time as clock
from typing import Any

import numpy as np

import steepest
from steepest.findings import Finding
from steepest.fitting.alphas import Path
from steepest.fitting.formed import form_facts
from steepest.fitting.job import Descent, Fitted, Job
from steepest.fitting.noticing import (
    about_columns,
    about_figures,
    about_target,
    about_weights,
    flags_of,
    gravest_first,
    level_counts,
    separated_levels,
    unsettled,
)
from steepest.fitting.reference import reference
from steepest.fitting.splits import joined
from steepest.model import story
from steepest.tables import Part
from steepest.tasks import Task
from steepest.tasks.metrics import in_order

__all__ = ["python_lines", "story_of"]

DEFAULTS: dict[str, Any] = {
    "task": None, "loss": None, "test": None, "time": None, "form": "auto", "alpha": None, "penalty": "l2",
    "l1_ratio": 0.5, "drop": [], "categories": [], "amounts": [], "hash_columns": [], "missing": "fill",
    "validation": 0.2, "refit": True,
    "cv": None, "scoring": None, "class_weight": None, "sample_weight": None, "positive": None, "threshold": None,
    "cost": None, "tol": 1e-6, "reference": True, "seed": 0, "header": None, "delimiter": None, "encoding": None,
    "decimal": None, "thousands": None, "missing_target": None, "memory": None, "model": "linear",
}  # fmt: skip


def judge(
    part: Part | None, name: str, descent: Descent, task: Task, threshold: float, positive: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Target and prediction of held-out rows, and the figures on them."""
    if part is None:
        return {"part": name, "y": np.empty(0), "p": np.empty(0)}, []
    p = task.predictions(descent.weights.margins(part.design))
    heldout = {"part": name, "y": part.y, "p": p, "coded": bool(descent.baseline.classes)}
    if part.weight is not None:
        heldout["weight"] = part.weight
    return heldout, task.metrics(part.y, p, descent.baseline, part.weight, threshold, positive)


def with_folds(figures: list[dict[str, Any]], folds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The figures, each with its value in every fold, their mean and their standard deviation.

    Where no rows were held out the means over the folds are the figures.
    """
    if folds and not figures:
        figures = [
            figure
            | {
                "value": average(folds, figure["name"], "value"),
                "baseline": average(folds, figure["name"], "baseline"),
            }
            | {"low": float("nan"), "high": float("nan"), "interval": ""}
            for figure in folds[0]
        ]
    for figure in figures:
        own = [one["value"] for fold in folds for one in fold if one["name"] == figure["name"]]
        own = [value for value in own if np.isfinite(value)]
        if own:
            figure["folds"] = own
            figure["folds_mean"] = float(np.mean(own))
            figure["folds_sd"] = float(np.std(own, ddof=1)) if len(own) > 1 else 0.0
    return figures


def average(folds: list[list[dict[str, Any]]], name: str, what: str) -> float:
    """The mean of a figure over the folds in which it is defined."""
    own = [one[what] for fold in folds for one in fold if one["name"] == name and np.isfinite(one[what])]
    return float(np.mean(own)) if own else float("nan")


def path_facts(path: Path | None, alpha: float, penalty: str) -> dict[str, Any]:
    """The path for the report, with the choice in a sentence."""
    chosen = f"alpha {alpha:.3g} (strength of the {penalty} penalty on standardised coefficients), "
    if path is None:
        given = {"alphas": [], "train_loss": [], "validation_loss": [], "chosen": alpha}
        return {**given, "sentence": chosen + "as given."}
    chosen += f"{path.reason}, of {len(path.alphas)} from {path.alphas[0]:.3g} down to {path.alphas[-1]:.3g}."
    if penalty == "l2" and not path.score:
        chosen += f" The one-standard-error rule, more cautious, would take {path.one_error:.3g}."
    return {
        "alphas": path.alphas,
        "train_loss": path.train_loss,
        "validation_loss": path.validation_loss,
        "standard_error": path.error,
        "chosen": path.chosen,
        "one_standard_error": path.one_error,
        "score": path.score,
        "short": path.short,
        "sentence": chosen,
    }


def referred(job: Job, fitted: Fitted, figures: list[dict[str, Any]]) -> dict[str, Any]:
    """What gradient boosting makes of the same rows; its figures are put beside the model's."""
    plain = job.plain
    began = clock.perf_counter()
    job.stages.enter("reference", 0.95, 0.02)
    # Where a test part judges the model that was fitted to all rows, so does the reference learn from all.
    all_of_them = (
        plain.test is not None and plain.validation is not None and fitted.judged.rows > len(plain.train.y)
    )
    train = joined(plain.train, plain.validation) if all_of_them and plain.validation else plain.train
    found = reference(train, plain.test or plain.validation, job.task, job.classes, job.settings, job.threads)
    values = {f["name"]: f["value"] for f in found.figures}
    for figure in figures:
        if figure["name"] in values:
            figure["reference"] = values[figure["name"]]
    fitted.seconds["reference"] = clock.perf_counter() - began
    return found.facts()


def python_lines(table: Any, target: Any, arguments: dict[str, Any]) -> str:
    """The Python lines that do the same."""
    words = [written(table, "table")]
    if target is not None:
        words.append(written(target, "target"))
    for name, value in arguments.items():
        default = DEFAULTS[name]
        if value is default or (isinstance(value, (str, list, int, float)) and value == default):
            continue
        words.append(f"{name}={written(value, name)}")
    return "\n".join(
        [
            "import steepest",
            "",
            f"model = steepest.fit({', '.join(words)})",
            "print(model.summary())",
            'model.report("report.html")',
            'model.save("model.safetensors")',
        ]
    )


def written(value: Any, name: str) -> str:
    """A value as Python's text; a table, an array or a function by the argument's name."""
    if isinstance(value, os.PathLike):
        return repr(os.fspath(value))
    if isinstance(value, (str, int, float)):
        return repr(value)
    if isinstance(value, dict) and all(isinstance(weight, (int, float)) for weight in value.values()):
        return repr(value)
    if isinstance(value, list) and all(isinstance(item, (str, int, np.integer)) for item in value):
        return repr(value)
    return name


def _noticed(
    job: Job, fitted: Fitted, rows: Part, coefficients: list[dict[str, Any]], judged: list[Finding]
) -> list[Finding]:
    """All that is to be said of a fit, in order; `judged` is what its figures and its target say."""
    prepared, final = job.prepared, fitted.final
    findings = [] if job.rows is None else [job.rows.finding(final.rows, final is not fitted.judged)]
    findings += prepared.findings + judged
    # What is said of columns is said of them as they lie.
    findings += separated_levels([c for c in coefficients if not c.get("made")], prepared.schema.classes)
    findings += about_weights(job.settings.get("class_weight"), prepared.schema.classes)
    whole = rows
    if job.form.form:
        aside = job.plain.validation if rows is not prepared.train else None
        whole = job.plain.train if aside is None else joined(job.plain.train, aside)
    findings += about_columns(job.plain, whole)
    said = {finding.kind for finding in findings}
    # A rare class is told of above, with its name; scales call for nothing here, and stand with the columns.
    told = {"bad_scaling", *(["rare"] if "imbalanced_classes" in said else [])}
    findings += unsettled(fitted.judged, final)
    return findings + [f for f in final.solution["findings"] if f.kind not in told]


def story_of(job: Job, fitted: Fitted, python: str, later: bool) -> dict[str, Any]:
    """The story of the fit."""
    prepared, settings = job.prepared, job.settings
    schema = prepared.schema
    began = clock.perf_counter()
    job.stages.enter("evaluate", 0.95, 0.05)
    part = prepared.test or prepared.validation
    name = "test" if prepared.test is not None else "validation"
    positive = schema.classes[1] if job.task.two and schema.classes else None
    heldout, figures = judge(part, name, fitted.judged, job.task, settings["threshold"], positive)
    if settings.get("headline"):
        figures = in_order(figures, (settings["headline"],))
    figures = with_folds(figures, fitted.folds)
    beside = referred(job, fitted, figures) if settings.get("reference") else None
    began += fitted.seconds.get("reference", 0.0)
    final = fitted.final
    rows = job.all_rows() if final.rows > len(prepared.train.y) else prepared.train
    counts = level_counts(rows, job.classes, flags_of(prepared))
    coefficients = story.coefficients(final.weights, prepared.train.design, schema.classes, counts)
    findings = about_figures(figures, fitted.path, later, shifted=settings.get("class_weight") is not None)
    findings += about_target(prepared, job.task, rows, final.weights, heldout, figures)
    findings = _noticed(job, fitted, rows, coefficients, findings)
    intercepts = [float(value) for value in final.weights.intercept]
    parts = {"train": prepared.train, "validation": prepared.validation, "test": prepared.test}
    facts: dict[str, Any] = {
        "title": f"{schema.target} from {prepared.name}",
        "version": steepest.__version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "task": schema.task,
        "loss": job.task.loss,
        "task_reason": schema.task_reason,
        "target": schema.target,
        "classes": None if schema.classes is None else list(schema.classes),
        "rows": {
            **{name: 0 if part is None else len(part.y) for name, part in parts.items()},
            "dropped": prepared.dropped,
        },
        "fitted": {
            "rows": final.rows,
            "judged_rows": fitted.judged.rows,
            "again": final is not fitted.judged,
            **({} if job.rows is None else {"sampled": job.rows.sampled, "sampled_of": job.rows.files.rows}),
        },
        "row_numbers": {name: part.rows for name, part in parts.items() if part is not None},
        "split": prepared.split,
        "threshold": settings["threshold"],
        "positive": positive,
        "cost": settings.get("cost"),
        "weighted": {
            "rows": prepared.train.weight is not None,
            "classes": settings.get("class_weight") is not None,
        },
        "folds": len(fitted.folds),
        "columns": story.columns(schema),
        "metrics": figures,
        "heldout": heldout,
        "reference": beside,
        "form": form_facts(job, final),
        "path": path_facts(fitted.path, fitted.alpha, settings["penalty"]),
        "solution": story.solution(final.solution) | {"start": final.start},
        "coefficients": coefficients,
        "intercept": intercepts if len(intercepts) > 1 else intercepts[0],
        "findings": [finding.as_dict() for finding in gravest_first(findings)],
        "timing": {**prepared.seconds, **fitted.seconds, "evaluate": clock.perf_counter() - began},
        "python": python,
    }
    job.stages.enter("done", 1.0, 0.0)
    return facts
