"""The story of a fit: the plain dict that the report is made from, and whether one from a file is such."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.conform import REAL, Each, conforms
from steepest.model.network import NetworkWeights
from steepest.model.weights import Weights
from steepest.tables import Design, Schema

__all__ = ["coefficients", "columns", "fault", "solution"]

HISTORY = ("loss", "residual", "passes", "seconds")


_TEXT, _COUNT = (None, str), (None, int)
_LABEL = (None, str, int, float, bool)
_METRIC = {
    "name": str, "plain": str, "value": REAL, "baseline": REAL, "better?": str, "low?": (None, REAL),
    "high?": (None, REAL), "interval?": str, "reference?": REAL, "folds?": [REAL],
    "folds_mean?": REAL, "folds_sd?": REAL, "*": object,
}  # fmt: skip
_FINDING = {
    "kind": str, "severity": {"problem", "warning", "note"}, "sentence": str, "evidence": Each(object),
    "threshold": (None, REAL, str), "remedy": str,
}  # fmt: skip
_COLUMN = {
    "name": str, "kind": str, "used": bool, "reason": str, "missing": int, "filled_with": (None, str, REAL),
    "levels": _COUNT, "mean": (None, REAL), "sd": (None, REAL), "min": (None, REAL), "max": (None, REAL), "*": object,
}  # fmt: skip
_CURVES = {name: np.ndarray for name in HISTORY}
_CERTIFICATE = {"kind": str, "bound": REAL, "target": REAL, "assumption": str, "*": object}
_SOLUTION = {
    "status": str, "message": str, "success": bool, "method": str, "reason": str,
    "certificate": (None, _CERTIFICATE), "seconds": REAL, "passes": REAL, "iterations": int, "history": _CURVES,
    "*": object,
}  # fmt: skip
_PATH = {
    "alphas": [REAL], "train_loss": [REAL], "validation_loss": [REAL], "chosen": REAL, "sentence": str, "short?": str,
    "score?": [REAL], "standard_error?": [REAL], "one_standard_error?": REAL, "*": object,
}  # fmt: skip
_COEFFICIENT = {
    "name": str, "column": str, "level": _TEXT, "value": REAL, "per_sd": REAL, "class": _LABEL, "*": object,
}  # fmt: skip
_TERM = {
    "columns": [str], "kind": {"curve", "levels", "pair"}, "gain": REAL, "error": REAL, "x?": np.ndarray,
    "y": np.ndarray, "one?": [str], "other?": [str],
}  # fmt: skip
_FORM = {
    "terms": [_TERM], "sentence": str, "short": str, "plain": REAL, "loss": REAL, "rows": int, "columns": int,
    "pairs": int,
}  # fmt: skip
_REFERENCE = {
    "name": str, "rows": int, "trees": int, "seconds": REAL, "remark": str, "figures": Each(REAL),
}  # fmt: skip
#: what a story has; what later versions add is not looked at
STORY = {
    "title": str, "version": str, "created": str, "task": str, "loss?": str, "task_reason": str, "target": str,
    "classes": (None, [_LABEL]), "rows": {"train": int, "validation": int, "test": int, "dropped": int, "*": int},
    "fitted?": {"rows": int, "judged_rows": int, "again": bool, "*": object}, "row_numbers?": Each(np.ndarray),
    "split": str, "threshold?": float, "positive?": _LABEL, "cost?": (None, float), "weighted?": Each(bool),
    "folds?": int, "columns": [_COLUMN], "metrics": [_METRIC],
    "heldout": {"part": str, "y": np.ndarray, "p": np.ndarray, "*": object}, "path": (None, _PATH),
    "form?": (None, _FORM), "reference?": (None, _REFERENCE),
    "solution": _SOLUTION, "coefficients": [_COEFFICIENT], "intercept": (REAL, [REAL]), "findings": [_FINDING],
    "timing": Each(REAL), "python": str, "*": object,
}  # fmt: skip
SETTINGS = {
    "loss?": str,
    "alpha": float,
    "penalty": str,
    "threshold?": float,
    "cost?": (None, float),
    "*": object,
}


def fault(facts: Any, settings: Any, schema: Schema, weights: Weights | NetworkWeights) -> str | None:
    """What in a story and its settings from a file is not as `story_of` makes them, or None."""
    wrong = conforms(facts, STORY, "the story") or conforms(settings, SETTINGS, "the settings")
    if wrong is not None:
        return wrong
    heldout, path = facts["heldout"], facts["path"]
    curves = [facts["solution"]["history"][name] for name in HISTORY]
    numbers = [*curves, *facts.get("row_numbers", {}).values(), heldout["y"], heldout["p"]]
    if any(array.dtype.kind not in "iuf" for array in numbers) or len({curve.shape for curve in curves}) > 1:
        return "its arrays hold no numbers, or are of unequal length"
    if heldout["y"].ndim != 1 or len(heldout["y"]) != len(heldout["p"]) or curves[0].ndim != 1:
        return "its arrays are of unequal length"
    if (
        path is not None
        and len({len(path[name]) for name in ("alphas", "train_loss", "validation_loss")}) > 1
    ):
        return "its path is of unequal length"
    linear = isinstance(weights, Weights)
    size = weights.coefficients.size if isinstance(weights, Weights) else 0
    if len(facts["coefficients"]) != size or facts["task"] != schema.task:
        return "its coefficients are not those of its weights"
    if (facts.get("model") == "network") == linear:
        return "it is of another kind of model than its weights"
    if isinstance(weights, Weights) and len(np.atleast_1d(facts["intercept"])) != len(weights.offset):
        return "its intercept is not that of its weights"
    if not 0 <= settings.get("threshold", 0.5) <= 1 or not (settings.get("cost") or 1.0) > 0:
        return "its threshold or its cost is out of range"
    return None


def columns(schema: Schema) -> list[dict[str, Any]]:
    """Each column as the report shows it."""
    rows = []
    for column in schema.columns:
        filled = column.filled_with
        if isinstance(filled, dict):
            filled = ", ".join(f"{part}: {fill}" for part, fill in filled.items())
        rows.append(
            {
                "name": column.name,
                "kind": column.kind,
                "used": column.used,
                "reason": column.reason,
                "missing": column.missing,
                "missing_in_training": column.missing_in_training,
                "filled_with": filled,
                "levels": column.levels,
                "mean": column.mean,
                "sd": column.sd,
                "min": column.min,
                "max": column.max,
            }
        )
    return rows


def coefficients(
    weights: Weights,
    design: Design,
    classes: tuple[Any, ...] | None,
    counts: dict[int, np.ndarray[Any, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Each coefficient: per unit of its column, and per standard deviation.

    With two classes or a number there is one a column (class None); with several, one for each class too. `counts`
    has, for columns that are 0 or 1 (levels among them), the rows at 1: how many of each class, or how many.
    """
    rows = []
    for k in range(len(weights.offset)):
        label = None if len(weights.offset) == 1 or classes is None else classes[k]
        for j, feature in enumerate(design.features):
            value = float(weights.coefficients[k, j])
            entry: dict[str, Any] = {
                "name": feature.name,
                "column": feature.column,
                "level": feature.level,
                "value": value,
                "per_sd": value * float(weights.sd[j]),
                "class": label,
            }
            if feature.made:
                entry["made"] = feature.made
            if counts is not None and j in counts:
                entry["rows"] = int(counts[j].sum())
                if classes is not None:
                    entry["of_class"] = int(counts[j][1 if len(weights.offset) == 1 else k])
            rows.append(entry)
    return rows


def solution(result: dict[str, Any]) -> dict[str, Any]:
    """What the report says of the descent."""
    history = result["history"]
    certificate = result.get("certificate")
    return {
        "status": result["outcome"],
        "message": result["message"],
        "success": bool(result["success"]),
        "method": result["method"],
        "reason": result["reason"],
        "certificate": None if certificate is None else dict(certificate),
        "seconds": float(result["seconds"]),
        "passes": float(result["passes"]),
        "iterations": int(result["nit"]),
        "history": {name: np.asarray(history[name], dtype=np.float64) for name in HISTORY},
    }
