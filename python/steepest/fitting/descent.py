"""The one call that crosses into the core: a loss over standardised columns, with a penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["LOSSES", "descend_linear"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
#: each task's loss
LOSSES = {"binary": "logistic", "multiclass": "softmax", "regression": "squared"}


def descend_linear(
    columns: Floats,
    y: Floats,
    *,
    task: str,
    classes: int,
    penalty: str,
    l1_ratio: float,
    alpha: float,
    start: Floats | None,
    tol: float,
    most: int | None,
    threads: int | None,
    watch: Callable[[Any], Any] | None,
) -> dict[str, Any]:
    """Minimises mean loss + alpha · penalty; the intercept of each output is not penalised.

    Args:
        columns: standardised, of shape (rows, columns).
        y: numbers, or the classes' numbers as float64.
        start: the point to start from; 0 when None.
        most: iterations at most.

    Returns:
        What `steepest.result.Result.of` takes; `x` holds each output's coefficients and then its intercept.
    """
    from steepest import _core

    several = task == "multiclass"
    settings = [("ratio", l1_ratio)] if penalty == "elastic_net" else []
    model = {
        "loss": (LOSSES[task], []),
        "outputs": classes if several else 1,
        "penalty": (penalty, settings),
        "alpha": alpha,
        "intercept": True,
        "intercept_penalty": 0.0,
        "bounds": None,
        "method": None,
    }
    stop = {"tol": tol, "max_iter": most, "max_passes": None, "max_seconds": None}
    result: dict[str, Any] = _core.fit_linear(
        columns, y, model, stop, start=start, watch=watch, threads=threads or 0
    )
    return result
