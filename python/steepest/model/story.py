"""The story of a fit: the plain dict that the report is made from, and how it goes into a file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.model.weights import Weights
from steepest.tables import Design, Schema

__all__ = ["coefficients", "columns", "pack", "plain", "solution", "unpack"]

HISTORY = ("loss", "residual", "passes", "seconds")


def columns(schema: Schema) -> list[dict[str, Any]]:
    """Each column as the report tells it."""
    told = []
    for column in schema.columns:
        filled = column.filled_with
        if isinstance(filled, dict):
            filled = ", ".join(f"{part}: {fill}" for part, fill in filled.items())
        told.append(
            {
                "name": column.name,
                "kind": column.kind,
                "used": column.used,
                "reason": column.reason,
                "missing": column.missing,
                "filled_with": filled,
                "levels": column.levels,
                "mean": column.mean,
                "sd": column.sd,
                "min": column.min,
                "max": column.max,
            }
        )
    return told


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
    told = []
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
            if counts is not None and j in counts:
                entry["rows"] = int(counts[j].sum())
                if classes is not None:
                    entry["of_class"] = int(counts[j][1 if len(weights.offset) == 1 else k])
            told.append(entry)
    return told


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


def pack(told: dict[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """A story as JSON data and arrays: each array is replaced by its name.

    Numbers that are not finite become texts, since JSON has none.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}

    def walk(value: Any, name: str) -> Any:
        if isinstance(value, np.ndarray):
            arrays[name] = value
            return {"array": name}
        if isinstance(value, dict):
            return {"dict": {str(key): walk(item, f"{name}.{key}") for key, item in value.items()}}
        if isinstance(value, (list, tuple)):
            return [walk(item, f"{name}.{i}") for i, item in enumerate(value)]
        value = plain(value)
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": repr(value)}
        return value

    return walk(told, "story"), arrays


def unpack(data: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """The story that `pack` took apart."""
    if isinstance(data, list):
        return [unpack(item, arrays) for item in data]
    if not isinstance(data, dict):
        return data
    if "array" in data:
        return arrays[data["array"]]
    if "float" in data:
        return float(data["float"])
    return {key: unpack(item, arrays) for key, item in data["dict"].items()}


def plain(value: Any) -> Any:
    """NumPy's scalars as Python's own."""
    return value.item() if isinstance(value, np.generic) else value
