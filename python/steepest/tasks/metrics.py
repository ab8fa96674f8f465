"""Figures on held-out rows: each with a 95 % interval, and beside a baseline that looks at no column."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.tasks import intervals
from steepest.tasks.intervals import Interval

__all__ = [
    "RARE", "SCORINGS", "Baseline", "binary", "deviance_explained", "explained_share", "in_order", "multiclass",
    "regression", "scoring_name",
]  # fmt: skip

#: a class with at most this share of the rows makes accuracy say little: what ranks comes first then
RARE = 0.1
#: values from here on are added in units of the largest
LARGE = 1e290
#: names by which a figure may be asked for, scikit-learn's among them, and the figure's own name
SCORINGS = {
    "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "roc_auc": "AUC", "auc": "AUC",
    "average_precision": "average precision", "precision": "precision", "recall": "recall", "f1": "F1",
    "f1_macro": "macro F1", "macro_f1": "macro F1", "log_loss": "log loss", "neg_log_loss": "log loss",
    "brier_score": "Brier score", "neg_brier_score": "Brier score", "r2": "R²", "d2": "D²", "rmse": "RMSE",
    "neg_root_mean_squared_error": "RMSE", "mae": "MAE", "neg_mean_absolute_error": "MAE",
}  # fmt: skip


class Baseline:
    """The predictor that looks at no column: the training target's class shares, or its mean and median."""

    def __init__(self, y: Floats, classes: int, weight: Floats | None = None) -> None:
        self.classes = classes
        weight = np.ones(len(y)) if weight is None else weight
        if not classes:
            top = float(np.abs(y).max()) or 1.0
            self.mean = float((weight * (y / top)).sum() / weight.sum() * top)
            self.median = weighted_median(y, weight)
        else:
            counts = np.bincount(y.astype(np.int64), weights=weight, minlength=classes)
            self.shares = counts / weight.sum()

    @property
    def rare(self) -> bool:
        """Whether some class of two has at most a tenth of the rows, or one of several a tenth of its fair share."""
        return bool(self.classes) and bool(
            self.shares.min() <= (RARE if self.classes == 2 else RARE / self.classes)
        )


def weighted_median(y: Floats, weight: Floats) -> float:
    """The value with half of the weight on either side; the mean of two where it falls between them."""
    order = np.argsort(y, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    low = int(np.searchsorted(reached, 0.5 - 1e-12))
    high = int(np.searchsorted(reached, 0.5 + 1e-12))
    low, high = min(low, len(y) - 1), min(high, len(y) - 1)
    # Halved first, so that two of the largest numbers do not overflow.
    return float(y[order[low]] / 2 + y[order[high]] / 2)


def scoring_name(scoring: str) -> str | None:
    """The figure that a name asks for, None where there is none of that name.

    >>> scoring_name("roc_auc"), scoring_name("F1"), scoring_name("beauty")
    ('AUC', 'F1', None)
    """
    asked = scoring.strip()
    return SCORINGS.get(asked.lower().replace(" ", "_")) or next(
        (name for name in SCORINGS.values() if name.lower() == asked.lower()), None
    )


def entry(
    name: str, plain: str, value: float, baseline: float, better: str, ends: Interval, how: str
) -> dict[str, Any]:
    """One figure."""
    return {
        "name": name,
        "plain": plain,
        "value": float(value),
        "low": float(ends[0]),
        "high": float(ends[1]),
        "interval": how,
        "baseline": float(baseline),
        "better": better,
    }


def regression(
    y: Floats, p: Floats, baseline: Baseline, weight: Floats, threshold: float = 0.5, positive: Any = None
) -> list[dict[str, Any]]:
    """Figures for numbers."""
    error, plain = y - p, y - baseline.mean
    explained = explained_share(y, p, weight)
    without = explained_share(y, np.full(len(y), baseline.mean), weight)
    absolute, middling = np.abs(error), np.abs(y - baseline.median)
    return [
        # A target that does not vary on the held-out rows has no variation to explain.
        *(
            [entry("R²", "share of the variation explained", explained, without, "higher",
                   intervals.share_explained(y, p, weight), "delta method on log(1 - R²)")]
            if np.isfinite(explained) else []
        ),
        entry("RMSE", "typical error, large ones weighing more", rms(error, weight), rms(plain, weight), "lower",
              intervals.root(error, weight), "normal, of the mean square"),
        entry("MAE", "average error", average(absolute, weight), average(middling, weight), "lower",
              intervals.mean(absolute, weight), "normal"),
    ]  # fmt: skip


def deviance_explained(own: Floats, plain: Floats, weight: Floats) -> list[dict[str, Any]]:
    """The share of the deviance explained, from each row's half deviance by the model and by the mean."""
    without = average(plain, weight)
    if not without > 0:
        return []
    ends = intervals.less(own, plain, weight)
    return [
        entry("D²", "share of the deviance explained", 1 - average(own, weight) / without, 0.0, "higher", ends,
              "delta method on log(1 - D²)")
    ]  # fmt: skip


def average(values: Floats, weight: Floats) -> float:
    """The weighted mean."""
    top = float(np.abs(values).max(initial=0.0))
    if LARGE < top < np.inf:  # sums of the largest floats stay finite
        return top * average(values / top, weight)
    return float((weight * values).sum() / weight.sum())


def explained_share(y: Floats, p: Floats, weight: Floats | None = None) -> float:
    """R²: 1 - Σ w (y - p)² / Σ w (y - mean)², in units in which squares neither overflow nor vanish."""
    weight = np.ones(len(y)) if weight is None else weight
    top = float(np.abs(y).max()) or 1.0
    centred = y / top - average(y / top, weight)
    wide = float(np.abs(centred).max())
    if wide == 0:
        return float("nan")
    error = (y / top - p / top) / wide
    return 1 - float((weight * error**2).sum()) / float((weight * (centred / wide) ** 2).sum())


def rms(error: Floats, weight: Floats) -> float:
    """The root of the mean square, without overflow."""
    top = float(np.abs(error).max()) or 1.0
    return top * float(np.sqrt(average((error / top) ** 2, weight)))


def binary(
    y: Floats, p: Floats, baseline: Baseline, weight: Floats, threshold: float, positive: Any
) -> list[dict[str, Any]]:
    """Figures for two classes; where one is rare, or at another threshold, those that rank come first."""
    yes, called = y == 1, p > threshold
    name = "positive" if positive is None else str(positive)
    label = name if len(name) <= 24 else f"{name[:23]}…"
    share = float(baseline.shares[1])
    right = yes == called
    hits, calls, there = (float(weight[rows].sum()) for rows in (yes & called, called, yes))
    total = float(weight.sum())
    guessed = calls / total
    found = [
        entry("accuracy", "rows predicted right", average(right, weight), average(yes == (share > 0.5), weight),
              "higher", intervals.share(average(right, weight), intervals.effective(weight)), "Wilson")
    ]  # fmt: skip
    both = bool(yes.any() and not yes.all())
    if both:
        area, ends = intervals.area_and_interval(p, yes, weight)
        found.append(
            entry("AUC", "pairs of both classes put in the right order", area, 0.5, "higher", ends, "DeLong")
        )
        recalls = [average(right[rows], weight[rows]) for rows in (yes, ~yes)]
        kept = [intervals.effective(weight[rows]) for rows in (yes, ~yes)]
        found.append(
            entry("balanced accuracy", "mean of both classes' shares predicted right", float(np.mean(recalls)), 0.5,
                  "higher", intervals.average(recalls, list(map(intervals.share, recalls, kept))), "Wilson, MOVER")
        )  # fmt: skip
    there_share = there / total
    precision = hits / calls if calls else float("nan")
    found.append(
        entry("precision", f"right among rows predicted {label}", precision, there_share if calls else float("nan"),
              "higher", intervals.share(precision, intervals.effective(weight[called])), "Wilson")
    )  # fmt: skip
    if yes.any():
        recall = hits / there
        found.append(
            entry("recall", f"found among rows that are {label}", recall, guessed, "higher",
                  intervals.share(recall, intervals.effective(weight[yes])), "Wilson")
        )  # fmt: skip
        met = hits / (calls + there - hits)
        low, high = intervals.share(met, intervals.effective(weight[yes | called]))
        chance = 2 * guessed * there_share / (guessed + there_share)
        found.append(
            entry("F1", "harmonic mean of precision and recall", 2 * met / (1 + met), chance, "higher",
                  (2 * low / (1 + low), 2 * high / (1 + high)), "Wilson, of TP / (TP + FP + FN)")
        )  # fmt: skip
    if both:
        precise = average_precision(p, yes, weight)
        found.append(
            entry("average precision", "area under the precision-recall curve", precise, there_share, "higher",
                  intervals.share(precise, intervals.effective(weight[yes])), "binomial, of the positives")
        )  # fmt: skip
    own = -np.log(np.maximum(np.where(yes, p, 1 - p), 1e-300))
    other = log_loss(np.where(yes, share, 1 - share), weight)
    found.append(
        entry("log loss", "minus log probability of what happened, nats per row", average(own, weight), other,
              "lower", intervals.mean(own, weight), "normal")
    )  # fmt: skip
    square = (p - yes) ** 2
    found.append(
        entry("Brier score", "mean squared error of the probabilities", average(square, weight),
              average((share - yes) ** 2, weight), "lower", intervals.mean(square, weight), "normal")
    )  # fmt: skip
    # At another threshold than 0.5 it is not accuracy that is wanted.
    return in_order(found, RANKING) if baseline.rare or threshold != 0.5 else found


#: the order where a class is rare
RANKING = ("AUC", "balanced accuracy", "average precision", "precision", "recall", "F1", "accuracy")


def in_order(found: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The figures, those named first; what is not defined on these rows comes last."""
    place = {name: i for i, name in enumerate(names)}
    return sorted(
        found, key=lambda figure: (not np.isfinite(figure["value"]), place.get(figure["name"], len(names)))
    )


def average_precision(score: Floats, yes: np.ndarray[Any, Any], weight: Floats) -> float:
    """Σ (recall step) · precision over falling thresholds, as scikit-learn's."""
    distinct, inverse = np.unique(-score, return_inverse=True)
    ups = np.bincount(inverse, weights=weight * yes, minlength=len(distinct))
    everything = np.cumsum(np.bincount(inverse, weights=weight, minlength=len(distinct)))
    precision = np.divide(np.cumsum(ups), everything, out=np.zeros(len(distinct)), where=everything > 0)
    return float((ups * precision).sum() / ups.sum())


def multiclass(
    y: Floats, p: Floats, baseline: Baseline, weight: Floats, threshold: float = 0.5, positive: Any = None
) -> list[dict[str, Any]]:
    """Figures for several classes."""
    numbers, called = y.astype(np.int64), p.argmax(axis=1)
    right = called == numbers
    common = int(baseline.shares.argmax())
    accuracy = average(right, weight)
    recalls, recall_ends, meets, meet_ends, chances = [], [], [], [], []
    for k in np.unique(numbers):
        there, named = numbers == k, called == k
        recall = average(right[there], weight[there])
        recalls.append(recall)
        recall_ends.append(intervals.share(recall, intervals.effective(weight[there])))
        either = there | named
        met = float(weight[there & named].sum() / weight[either].sum())
        low, high = intervals.share(met, intervals.effective(weight[either]))
        meets.append(2 * met / (1 + met))
        meet_ends.append((2 * low / (1 + low), 2 * high / (1 + high)))
        part = average(there, weight)
        chances.append(2 * part / (1 + part) if k == common else 0.0)
    own = -np.log(np.maximum(p[np.arange(len(numbers)), numbers], 1e-300))
    found = [
        entry("accuracy", "rows predicted right", accuracy, average(numbers == common, weight), "higher",
              intervals.share(accuracy, intervals.effective(weight)), "Wilson"),
        entry("balanced accuracy", "rows predicted right, every class weighing the same", float(np.mean(recalls)),
              1 / len(recalls), "higher", intervals.average(recalls, recall_ends), "Wilson, MOVER"),
        entry("macro F1", "mean of the classes' F1", float(np.mean(meets)), float(np.mean(chances)), "higher",
              intervals.average(meets, meet_ends), "Wilson, MOVER"),
        entry("log loss", "minus log probability of what happened, nats per row", average(own, weight),
              log_loss(baseline.shares[numbers], weight), "lower", intervals.mean(own, weight), "normal"),
    ]  # fmt: skip
    return in_order(found, ("balanced accuracy", "macro F1", "accuracy")) if baseline.rare else found


def log_loss(chance: Floats, weight: Floats) -> float:
    """The mean of minus the log of the probability given to what happened."""
    return average(-np.log(np.maximum(chance, 1e-300)), weight)
