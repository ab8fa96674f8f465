"""The chapter that says whether the model is any good: metrics, and pictures of the held-out rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.findings import Finding
from steepest.report import pictures, scoring
from steepest.report.figures import (
    MINUS,
    NONE,
    count,
    figure,
    finite,
    named,
    percent,
    plural,
    short,
    significant,
)
from steepest.tasks import of_story

__all__ = ["goodness"]

View = dict[str, Any]
SHARES = ("accuracy", "balanced_accuracy", "precision", "recall", "error_rate")
#: a class of which at most this share of the rows are, and the axes of a picture follow its probabilities
RARE = 0.1
TERMS = {
    "roc_auc": "AUC",
    "auc": "AUC",
    "r2": "R\u00b2",
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "f1": "F1",
}
#: Findings that say that the figures may be too good to be true.
TOO_GOOD = ("too_good_to_be_true", "target_leak")
AT_MOST_ONE = ("r2", "r\u00b2", "roc_auc", "auc", "f1")
MOST_IN_A_TABLE = 10
PARTS = {
    "validation": "held-out rows (validation)",
    "test": "rows of the test part",
    "train": "rows the model was fitted to",
}


def goodness(story: Mapping[str, Any]) -> View:
    """What the template needs to answer *is it any good?*"""
    metrics = [_metric(metric) for metric in story.get("metrics") or ()]
    held = story.get("heldout") or {}
    part = PARTS.get(str(held.get("part")), f"{held.get('part') or 'held-out'} rows")
    view: View = {"metrics": metrics, "part": part, "pictures": [], "remark": "", "rows": 0}
    view["intervals"] = any(m["interval"] for m in metrics)
    view["reference"] = _reference(story, metrics)
    view["how"] = _how(story.get("metrics") or ())
    view["folds"] = int(finite(story.get("folds")) or 0)
    view["thresholds"] = []
    view["weighted"] = held.get("weight") is not None
    view["suspect"] = any(Finding.of(f).kind in TOO_GOOD for f in story.get("findings") or ())
    y, p = held.get("y"), held.get("p")
    if y is None or p is None or not len(y):
        view["remark"] = "No rows were held out, so nothing here says how well the model does on new rows."
        if metrics and view["folds"]:
            view["remark"] = f"No rows were held out: the figures are means over {view['folds']} folds."
        return view
    view["rows"] = len(y)
    view["chose"] = (
        held.get("part") == "validation"
        and len(pictures.as_floats((story.get("path") or {}).get("alphas"))) > 0
    )
    view["seen"] = held.get("part") == "train"
    fitted = story.get("fitted") or {}
    view["judged"] = count(fitted["judged_rows"]) if fitted.get("judged_rows") else ""
    if fitted.get("sampled"):
        view["part"] += f" of a sample of {count(fitted['sampled'])} of {count(fitted['sampled_of'])} rows"
    view["again"] = plural(fitted["rows"], "row") if fitted.get("again") else ""
    task = of_story(story)
    classes = list(story.get("classes") or [])
    if task is not None and not (task.two or task.several):
        view.update(_regression(pictures.as_floats(y), pictures.as_floats(p).ravel(), _target(story)))
    elif task is not None and task.two and len(classes) == 2:
        view.update(
            _two_classes(
                scoring.class_codes(y, classes, held.get("coded")),
                _probability(p),
                [named(c) for c in classes],
                finite(story.get("threshold")) or 0.5,
                finite(story.get("cost")),
            )
        )
    elif len(classes) > 1:
        names = [named(c, 200) for c in classes]
        view.update(
            _several(
                scoring.class_codes(y, classes, held.get("coded")), np.asarray(p, dtype=np.float64), names
            )
        )
    return view


def _how(metrics: Any) -> str:
    """Whose intervals they are: ``Wilson (accuracy, precision), DeLong (AUC)``."""
    by: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.get("interval") and finite(metric.get("low")) is not None:
            by.setdefault(str(metric["interval"]), []).append(str(metric.get("name")))
    return "; ".join(f"{how}: {', '.join(names)}" for how, names in by.items())


def _reference(story: Mapping[str, Any], metrics: list[View]) -> str:
    """What the reference is, and how the model stands beside it by the figure that comes first."""
    reference = story.get("reference") or {}
    if not any(m["reference"] for m in metrics):
        return ""
    first = next(iter(story["metrics"]))
    own, other = finite(first.get("value")), finite(first.get("reference"))
    less = f" ({reference['remark']})" if reference.get("remark") else ""
    text = (
        f"The reference is scikit-learn\N{RIGHT SINGLE QUOTATION MARK}s histogram gradient boosting, "
        f"{reference.get('trees')} trees on the same rows{less}: no formula, but what can be had from these columns."
    )
    low, high = finite(first.get("low")), finite(first.get("high"))
    if own is None or other is None or low is None or high is None:
        return text
    name = metrics[0]["name"]
    if low <= other <= high:
        return f"{text} By {name} the two are the same within the interval."
    ahead = (own > other) == (first.get("better") != "lower")
    stands = "ahead of it" if ahead else "behind it: that is what a formula costs here"
    return f"{text} By {name} the model is {stands}."


def _target(story: Mapping[str, Any]) -> str:
    return short(story.get("target") or "the target")


def _probability(p: Any) -> NDArray[np.float64]:
    """The probability of the second class; of two columns the last."""
    array = np.asarray(p, dtype=np.float64)
    return array[:, -1] if array.ndim == 2 else array.ravel()


def _metric(metric: Mapping[str, Any]) -> View:
    """One row of the table: the figure, the baseline's, and what the difference means."""
    term = str(metric.get("name") or "")
    name = term.lower().replace(" ", "_")
    plain = str(metric.get("plain") or term)
    value, baseline = finite(metric.get("value")), finite(metric.get("baseline"))
    shares, places = name in SHARES, _places(value, baseline)
    higher = metric.get("better") != "lower"
    meaning, verdict, share = _meaning(name, value, baseline, higher)
    low, high = finite(metric.get("low")), finite(metric.get("high"))
    ends = ""
    if low is not None and high is not None:
        ends = " to ".join(_shown(end, shares, places, name in AT_MOST_ONE) for end in (low, high))
        if verdict == "better" and baseline is not None and (low <= baseline if higher else high >= baseline):
            verdict, meaning = "unclear", f"{meaning}; the interval holds the baseline"
    mean, sd = finite(metric.get("folds_mean")), finite(metric.get("folds_sd"))
    spread = ""
    if mean is not None and sd is not None:
        spread = f"{_shown(mean, shares, places, False)} \N{PLUS-MINUS SIGN} {percent(sd) if shares else figure(sd, 2)}"
    return {
        "name": TERMS.get(name, term.replace("_", " ")),
        "plain": plain,
        "value": _shown(value, shares, places, name in AT_MOST_ONE),
        "interval": ends,
        "folds": spread,
        "reference": ""
        if finite(metric.get("reference")) is None
        else _shown(finite(metric.get("reference")), shares, places, name in AT_MOST_ONE),
        "baseline": _shown(baseline, shares, places, name in AT_MOST_ONE),
        "meaning": meaning,
        "verdict": verdict,
        "meter": pictures.meter(share) if share is not None else "",
    }


def _places(*values: float | None) -> int | None:
    """The decimals that give the largest of the figures four digits; None for huge and tiny ones."""
    largest = max((abs(v) for v in values if v is not None), default=0.0)
    return max(0, 3 - math.floor(math.log10(largest))) if 1e-4 <= largest < 1e9 else None


def _shown(value: float | None, share: bool, places: int | None, at_most_one: bool) -> str:
    """A figure with so many decimals; one that they would round away, or up to perfect, says so."""
    if share:
        return percent(value)
    if value is None or places is None:
        return figure(value, 4)
    shown = f"{significant(value):,.{places}f}"
    if float(shown.replace(",", "")) == 0.0:
        return "0" if at_most_one else figure(value, 2)
    if at_most_one and value < 1.0 and float(shown) == 1.0:
        return f"over {1 - 10.0**-places:.{places}f}"
    return shown.replace("-", MINUS)


def _meaning(
    name: str, value: float | None, baseline: float | None, higher: bool
) -> tuple[str, str, float | None]:
    """What a figure means beside the baseline's, in words; the verdict in one; the share gained."""
    if value is None:
        return "not defined on these rows", "unknown", None
    if baseline is None:
        return "no baseline to hold it against", "unknown", None
    gain = value - baseline if higher else baseline - value
    if abs(gain) <= 1e-9 * max(abs(value), abs(baseline)):
        return "the same as the baseline", "same", 0.0
    whole = (1.0 - baseline if baseline < 1.0 and value <= 1.0 else None) if higher else baseline
    verdict = "better" if gain > 0 else "worse"
    if whole is None or whole <= 0 or gain / whole > 1:
        return f"{verdict} than the baseline by {figure(abs(gain))}", verdict, None
    share = gain / whole
    if share < 0:
        return f"worse than the baseline by {figure(abs(gain))}", verdict, 0.0
    if higher and name in ("accuracy", "balanced_accuracy"):
        return (
            f"avoids {percent(share, 0)} of the baseline\N{RIGHT SINGLE QUOTATION MARK}s mistakes",
            verdict,
            share,
        )
    if higher:
        return f"{percent(share, 0)} of the way from the baseline to perfect", verdict, share
    return f"{percent(share, 0)} below the baseline", verdict, share


def _regression(actual: Any, predicted: Any, target: str) -> View:
    fine = np.isfinite(actual) & np.isfinite(predicted)
    if not fine.any():
        return {"remark": "No held-out row has a finite prediction, so there is nothing to draw."}
    actual, predicted = actual[fine], predicted[fine]
    order = np.argsort(actual, kind="stable")
    actual, predicted = actual[order], predicted[order]
    off = np.abs(actual - predicted)
    half, most = (figure(significant(at)) for at in np.quantile(off, [0.5, 0.9]))
    drawn = f"{count(pictures.MOST_POINTS)} of {count(len(actual))} rows are drawn. " if _many(actual) else ""
    return {
        "pictures": [
            {
                "heading": "Predicted against actual",
                "svg": pictures.actual_picture(actual, predicted, target),
                "caption": f"{drawn}On the dashed line the prediction is exactly right.",
            },
            {
                "heading": "What is left (residuals)",
                "svg": pictures.residual_picture(actual, predicted, target),
                "caption": f"Half of the rows are off by less than {half}, nine in ten by less than {most}. A bend or "
                "a funnel here would mean that something is left to explain.",
            },
        ]
    }


def _many(values: Any) -> bool:
    return len(values) > pictures.MOST_POINTS


def _two_classes(
    codes: NDArray[np.intp],
    p: NDArray[np.float64],
    names: list[str],
    threshold: float = 0.5,
    cost: float | None = None,
) -> View:
    fine = np.isfinite(p) & (codes >= 0)
    codes, p = codes[fine], np.clip(p[fine], 0.0, 1.0)
    if not len(p):
        return {"remark": "No held-out row has a known class and a probability, so there is nothing to draw."}
    counts = scoring.confusion(codes, (p > threshold).astype(np.intp), 2)
    view = _matrix(counts, names)
    positive = codes == 1
    bins = scoring.calibration(positive, p)
    gap = float(np.average(np.abs(bins.said - bins.found), weights=bins.rows))
    rare = bool(positive.mean() <= RARE)
    numbers = f"; the numbers say how many of them are {names[1]}" if rare else ""
    shown = [
        {
            "heading": "Calibration: do the probabilities mean what they say?",
            "svg": pictures.calibration_picture(bins, names[1], close=rare),
            "caption": f"Predicted probability of {names[1]} against the share found, in {len(bins.rows)} bins of "
            f"about {plural(np.median(bins.rows), 'row')}{numbers}. On average the two differ by "
            f"{figure(100 * gap, 2)} percentage points; on the dashed line they agree. Bars: 95 % intervals (Wilson).",
        }
    ]
    if positive.all() or not positive.any():
        only = names[int(codes[0])]
        view["remark"] = f"All held-out rows are {only}: a ROC curve needs rows of both classes."
    else:
        shown[:0] = _curves(positive, p, names, threshold, counts)
        view["thresholds"] = scoring.thresholds(positive, p, threshold, cost)
        view["costed"] = cost is not None
    return view | {
        "pictures": shown,
        "threshold": f"A row is predicted {names[1]} where its probability is above {figure(threshold)}.",
    }


def _curves(
    positive: NDArray[np.bool_],
    p: NDArray[np.float64],
    names: list[str],
    threshold: float,
    counts: NDArray[np.int64],
) -> list[View]:
    """The ROC curve and the precision-recall curve, each with the threshold in use marked."""
    false, true = scoring.roc(positive, p)
    score = scoring.area(false, true)
    recall, precision = scoring.precision_recall(positive, p)
    (no_no, no_yes), (yes_no, yes_yes) = counts
    caught, alarms = yes_yes / (yes_no + yes_yes), no_yes / (no_no + no_yes)
    right = yes_yes / (no_yes + yes_yes) if no_yes + yes_yes else None
    return [
        {
            "heading": "ROC curve: does it rank them well?",
            "svg": pictures.roc_picture(false, true, names[1], (float(alarms), float(caught))),
            "caption": f"Share of {names[1]} found (recall) for the share of {names[0]} that are false alarms, at "
            f"every threshold. A random {names[1]} is ranked above a random {names[0]} in {percent(score)} of pairs "
            f"(AUC). The dot: the threshold in use, {figure(threshold)}.",
        },
        {
            "heading": "Precision-recall curve: what does finding more of them cost?",
            "svg": pictures.precision_picture(
                recall,
                precision,
                names[1],
                float(positive.mean()),
                None if right is None else (caught, right),
            ),
            "caption": f"Share right among rows predicted {names[1]} (precision) for the share of {names[1]} found "
            f"(recall). Dashes: the share of {names[1]} in these rows, which guessing reaches."
            + ("" if right is not None else f" At the threshold in use no row is predicted {names[1]}."),
        },
    ]


def _several(codes: NDArray[np.intp], p: NDArray[np.float64], names: list[str]) -> View:
    if p.ndim != 2 or p.shape[1] != len(names):
        return {"remark": "The held-out probabilities do not have a column for each class."}
    fine = np.isfinite(p).all(axis=1) & (codes >= 0)
    if not fine.any():
        return {"remark": "No held-out row has a known class and probabilities, so there is nothing to draw."}
    codes, p = codes[fine], p[fine]
    called = p.argmax(axis=1)
    view = _matrix(scoring.confusion(codes, called.astype(np.intp), len(names)), names)
    bins = scoring.calibration(codes == called, p.max(axis=1))
    missing = len(names) - len(np.unique(codes))
    if missing:
        view["remark"] = f"{plural(missing, 'class is', 'classes are')} not among the held-out rows at all."
    view["pictures"] = [
        {
            "heading": "Calibration: is it as sure as it should be?",
            "svg": pictures.calibration_picture(bins, "the predicted class"),
            "caption": "Probability of the predicted class against how often it was right, in "
            f"{len(bins.rows)} bins of about {count(np.median(bins.rows))} rows; on the dashed line they agree. Bars: "
            "95 % intervals (Wilson).",
        }
    ]
    return view


def _matrix(counts: NDArray[np.int64], names: list[str]) -> View:
    """The confusion matrix as a table, or a picture where it is large, and the classes one by one."""
    rows = counts.sum(axis=1)
    classes = [
        {"name": names[i], "rows": count(n), "found": percent(found), "right": percent(right), "share": found}
        for i, (n, found, right) in enumerate(scoring.per_class(counts))
    ]
    for row in classes:
        row["meter"] = pictures.meter(finite(row["share"]) or 0.0)
    view: View = {"classes": classes, "mixed_up": _mixed_up(counts, names)}
    if len(names) > MOST_IN_A_TABLE:
        view["matrix_picture"] = pictures.confusion_picture(counts, names)
        order = sorted(range(len(names)), key=lambda i: (rows[i] == 0, finite(classes[i]["share"]) or 0.0, i))
        view["classes"] = [classes[i] for i in order]
        return view
    view["matrix"] = [
        {
            "name": names[i],
            "cells": [
                {
                    "count": count(counts[i, j]),
                    "share": percent(counts[i, j] / rows[i], 0) if rows[i] else NONE,
                    "shade": round(float(counts[i, j] / rows[i]), 3) if rows[i] else 0.0,
                    "right": i == j,
                }
                for j in range(len(names))
            ],
        }
        for i in range(len(names))
    ]
    view["names"] = names
    return view


def _mixed_up(counts: NDArray[np.int64], names: list[str], most: int = 5) -> list[str]:
    """The commonest mistakes, in words."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(k), len(names)) for k in order]
    return [
        f"{names[i]} predicted as {names[j]}: {plural(wrong[i, j], 'row')}"
        for i, j in pairs
        if wrong[i, j] > 0
    ]
