"""Figures on held-out rows, each beside what a predictor that knows no column reaches."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Baseline", "metrics"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Baseline:
    """The predictor that knows the training target alone: its class shares, or its mean and median."""

    def __init__(self, y: Floats, task: str, classes: int) -> None:
        self.task = task
        if task == "regression":
            top = float(np.abs(y).max()) or 1.0
            self.mean, self.median = float((y / top).mean() * top), float(np.median(y))
        else:
            self.shares = np.bincount(y.astype(np.int64), minlength=classes) / len(y)


def metrics(y: Floats, p: Floats, baseline: Baseline) -> list[dict[str, Any]]:
    """The figures for a task: name, plain words, value, baseline's value, which way is better.

    Args:
        y: the target: numbers, or the classes' numbers.
        p: the prediction: numbers; for two classes the second's probability; else (rows, classes).
    """
    if baseline.task == "regression":
        return regression(y, p, baseline)
    if baseline.task == "binary":
        return binary(y, p, baseline)
    return multiclass(y, p, baseline)


def entry(name: str, plain: str, value: float, baseline: float, better: str) -> dict[str, Any]:
    """One figure."""
    return {
        "name": name,
        "plain": plain,
        "value": float(value),
        "baseline": float(baseline),
        "better": better,
    }


def regression(y: Floats, p: Floats, baseline: Baseline) -> list[dict[str, Any]]:
    """Figures for numbers."""
    error, plain = y - p, y - baseline.mean
    explained, without = explained_share(y, p), explained_share(y, np.full(len(y), baseline.mean))
    first = entry("R²", "share of the variation explained", explained, without, "higher")
    return [
        # A target that does not vary on the held-out rows has no variation to explain.
        *([first] if np.isfinite(explained) else []),
        entry("RMSE", "typical error, large ones weighing more", rms(error), rms(plain), "lower"),
        entry("MAE", "average error", np.abs(error).mean(), np.abs(y - baseline.median).mean(), "lower"),
    ]


def explained_share(y: Floats, p: Floats) -> float:
    """R²: 1 − Σ (y − p)² / Σ (y − mean)², in units in which squares neither overflow nor vanish."""
    top = float(np.abs(y).max()) or 1.0
    centred = y / top - (y / top).mean()
    wide = float(np.abs(centred).max())
    if wide == 0:
        return float("nan")
    error = (y / top - p / top) / wide
    return 1 - float((error**2).sum()) / float(((centred / wide) ** 2).sum())


def rms(error: Floats) -> float:
    """The root of the mean square, without overflow."""
    top = float(np.abs(error).max()) or 1.0
    return top * float(np.sqrt(((error / top) ** 2).mean()))


def binary(y: Floats, p: Floats, baseline: Baseline) -> list[dict[str, Any]]:
    """Figures for two classes."""
    from steepest.tables.leakage import auc

    yes = y == 1
    share = float(baseline.shares[1])
    found = [
        entry(
            "accuracy",
            "rows predicted right",
            (yes == (p > 0.5)).mean(),
            (yes == (share > 0.5)).mean(),
            "higher",
        )
    ]
    if yes.any() and not yes.all():
        found.append(entry("AUC", "pairs of both classes put in the right order", auc(p, yes), 0.5, "higher"))
    found.append(
        entry(
            "log loss",
            "surprise at what happened, in nats a row",
            log_loss(np.where(yes, p, 1 - p)),
            log_loss(np.where(yes, share, 1 - share)),
            "lower",
        )
    )
    found.append(
        entry(
            "Brier score",
            "mean squared error of the probabilities",
            ((p - yes) ** 2).mean(),
            ((share - yes) ** 2).mean(),
            "lower",
        )
    )
    return found


def multiclass(y: Floats, p: Floats, baseline: Baseline) -> list[dict[str, Any]]:
    """Figures for several classes."""
    numbers = y.astype(np.int64)
    right = p.argmax(axis=1) == numbers
    common = int(baseline.shares.argmax())
    present = np.unique(numbers)
    recall = float(np.mean([right[numbers == k].mean() for k in present]))
    own = p[np.arange(len(numbers)), numbers]
    return [
        entry("accuracy", "rows predicted right", right.mean(), (numbers == common).mean(), "higher"),
        entry(
            "balanced accuracy",
            "rows predicted right, every class weighing the same",
            recall,
            1 / len(present),
            "higher",
        ),
        entry(
            "log loss",
            "surprise at what happened, in nats a row",
            log_loss(own),
            log_loss(baseline.shares[numbers]),
            "lower",
        ),
    ]


def log_loss(chance: Floats) -> float:
    """The mean of minus the log of the probability given to what happened."""
    return float(-np.log(np.maximum(chance, 1e-300)).mean())
