"""What is said of a fit: figures on held-out rows, findings, the path in a sentence, the Python lines."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from steepest.findings import Finding
from steepest.fitting.alphas import Path
from steepest.model.metrics import Baseline, metrics
from steepest.model.weights import Weights, probabilities
from steepest.tables import Part

__all__ = ["judge", "noticed", "path_told", "python_lines"]

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
    return {"part": name, "y": part.y, "p": p}, metrics(part.y, p, baseline)


def noticed(
    task: str, figures: list[dict[str, Any]], solution: dict[str, Any], path: Path | None, heldout: dict[str, Any]
) -> list[Finding]:
    """What the figures say: no better than knowing nothing, too well adapted to the training rows."""
    found = []
    if figures:
        chief = next((f for f in figures if f["name"] in ("log loss", "RMSE")), figures[0])
        if not chief["value"] < chief["baseline"]:
            found.append(
                Finding(
                    "no_better_than_nothing",
                    "problem",
                    f"On held-out rows it is no better than a predictor that knows no column ({chief['name']} "
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
                    f"The loss on held-out rows ({held:.4g}) is {held / max(train, 1e-300):.2g} times that on training "
                    f"rows ({train:.4g}): it has learned peculiarities of the training rows (overfitting).",
                    {"train_loss": train, "validation_loss": held},
                    OVERFITTED,
                    "collect more rows, or leave out columns that can mean little (drop)",
                )
            )
    return found


def path_told(path: Path | None, alpha: float, penalty: str) -> dict[str, Any] | None:
    """The path for the report, with the choice in a sentence."""
    if path is None:
        return {
            "alphas": [],
            "train_loss": [],
            "validation_loss": [],
            "chosen": alpha,
            "sentence": f"Strength of the penalty (alpha, {penalty} on standardised coefficients): {alpha:.3g}, as given.",
        }
    chosen = (
        f"Strength of the penalty (alpha, {penalty} on standardised coefficients): {path.chosen:.3g}, {path.reason}, "
        f"out of {len(path.alphas)} from {path.alphas[0]:.3g} down to {path.alphas[-1]:.3g}."
    )
    if penalty == "l2":
        chosen += f" The largest within one standard error of that (the more cautious choice) would be {path.one_error:.3g}."
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
    words = [source] + ([repr(target)] if target is not None else [])
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
