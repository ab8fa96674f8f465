"""What is said of a fit: figures on held-out rows, findings, the path in a sentence, the Python lines."""

from __future__ import annotations

import datetime
import os
import time as clock
from typing import Any

import numpy as np

import steepest
from steepest.findings import Finding
from steepest.fitting.alphas import Path
from steepest.fitting.job import Fitted, Job
from steepest.model import story
from steepest.model.metrics import Baseline, metrics
from steepest.model.weights import Weights, probabilities
from steepest.tables import Part

__all__ = ["python_lines", "tell"]

#: how much lower the loss on training rows may be than on held-out rows
OVERFITTED = 1.5
DEFAULTS: dict[str, Any] = {
    "task": None, "test": None, "time": None, "alpha": None, "penalty": "l2", "drop": [], "categories": [],
    "missing": "fill", "validation": 0.2, "seed": 0,
}  # fmt: skip


def judge(
    part: Part | None, name: str, weights: Weights, baseline: Baseline
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Target and prediction of held-out rows, and the figures on them."""
    if part is None:
        return {"part": name, "y": np.empty(0), "p": np.empty(0)}, []
    margin = weights.margins(part.design)
    if baseline.task == "regression":
        p = np.ascontiguousarray(margin[:, 0])
    else:
        p = probabilities(margin)
        if baseline.task == "binary":
            p = np.ascontiguousarray(p[:, 1])
    coded = baseline.task != "regression"
    return {"part": name, "y": part.y, "p": p, "coded": coded}, metrics(part.y, p, baseline)


def noticed(figures: list[dict[str, Any]], path: Path | None, later: bool) -> list[Finding]:
    """What the figures say: no better than knowing nothing, too well adapted to the training rows."""
    found = []
    why = "it has learned peculiarities of the training rows (overfitting)"
    if later:
        why += ", or the later rows differ from the earlier ones (drift)"
    if figures:
        chief = next((f for f in figures if f["name"] in ("log loss", "RMSE")), figures[0])
        if not chief["value"] < chief["baseline"]:
            found.append(
                Finding(
                    "no_better_than_nothing",
                    "problem",
                    "On held-out rows it is no better than a predictor that knows no column "
                    f"({chief['name']} "
                    f"{chief['value']:.4g} against {chief['baseline']:.4g}).",
                    {"value": chief["value"], "baseline": chief["baseline"]},
                    chief["baseline"],
                    "look for columns that tell more about the target, or collect more rows",
                )
            )
    if path is not None:
        chosen = path.alphas.index(path.chosen)
        train, held = path.train_loss[chosen], path.validation_loss[chosen]
        if held > OVERFITTED * train + 3 * path.error[chosen]:
            found.append(
                Finding(
                    "overfitting",
                    "warning",
                    f"The loss on held-out rows ({held:.4g}) is {held / max(train, 1e-300):.2g} times "
                    "that on "
                    f"training rows ({train:.4g}): {why}.",
                    {"train_loss": train, "validation_loss": held},
                    OVERFITTED,
                    "collect more rows, or leave out columns that can mean little (drop)",
                )
            )
    return found


def path_told(path: Path | None, alpha: float, penalty: str) -> dict[str, Any]:
    """The path for the report, with the choice in a sentence."""
    chosen = f"Strength of the penalty (alpha, {penalty} on standardised coefficients): {alpha:.3g}, "
    if path is None:
        given = {"alphas": [], "train_loss": [], "validation_loss": [], "chosen": alpha}
        return {**given, "sentence": chosen + "as given."}
    chosen += (
        f"{path.reason}, out of {len(path.alphas)} from {path.alphas[0]:.3g} down to {path.alphas[-1]:.3g}."
    )
    if penalty == "l2":
        chosen += (
            " The largest within one standard error of it (the more cautious choice) would be "
            f"{path.one_error:.3g}."
        )
    return {
        "alphas": path.alphas,
        "train_loss": path.train_loss,
        "validation_loss": path.validation_loss,
        "standard_error": path.error,
        "chosen": path.chosen,
        "one_standard_error": path.one_error,
        "sentence": chosen,
    }


def python_lines(table: Any, target: Any, arguments: dict[str, Any]) -> str:
    """The Python lines that do the same."""
    is_path = isinstance(table, (str, os.PathLike))
    source = repr(os.fspath(table)) if is_path else "table"
    words = [source]
    if target is not None:
        words.append(repr(target) if isinstance(target, (str, int)) else "target")
    for name, value in arguments.items():
        if value == DEFAULTS[name] if not hasattr(value, "__array__") else False:
            continue
        if name == "test":
            value_text = repr(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else "test"
        else:
            value_text = repr(value)
        words.append(f"{name}={value_text}")
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


def tell(job: Job, fitted: Fitted, python: str, later: bool) -> dict[str, Any]:
    """The story of the fit."""
    prepared = job.prepared
    schema = prepared.schema
    began = clock.perf_counter()
    job.stages.enter("evaluate", 0.95, 0.05)
    part = prepared.test or prepared.validation
    name = "test" if prepared.test is not None else "validation"
    heldout, figures = judge(part, name, fitted.weights, fitted.baseline)
    findings = prepared.findings + noticed(figures, fitted.path, later)
    findings += fitted.solution["findings"]
    rows = {
        "train": len(prepared.train.y),
        "validation": 0 if prepared.validation is None else len(prepared.validation.y),
        "test": 0 if prepared.test is None else len(prepared.test.y),
        "dropped": prepared.dropped,
    }
    intercepts = [float(value) for value in fitted.weights.intercept]
    told: dict[str, Any] = {
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
        "path": path_told(fitted.path, fitted.alpha, job.settings["penalty"]),
        "solution": story.solution(fitted.solution),
        "coefficients": story.coefficients(fitted.weights, prepared.train.design, schema.classes),
        "intercept": intercepts if len(intercepts) > 1 else intercepts[0],
        "findings": [finding.as_dict() for finding in findings],
        "timing": {**prepared.seconds, **fitted.seconds, "evaluate": clock.perf_counter() - began},
        "python": python,
    }
    job.stages.enter("done", 1.0, 0.0)
    return told
