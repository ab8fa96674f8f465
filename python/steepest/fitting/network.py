"""A network beside the linear model: fitted to the same rows, held against it on rows that neither saw."""

from __future__ import annotations

import math
import time as clock
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.errors import InputError
from steepest.findings import Finding
from steepest.fitting.columns import Scaling
from steepest.fitting.job import Descent, Fitted, Job
from steepest.fitting.judging import judge
from steepest.fitting.noticing import about_figures, gravest_first
from steepest.fitting.splits import joined
from steepest.model import story
from steepest.model.network import NetworkWeights
from steepest.network import MLPClassifier, MLPRegressor
from steepest.tables import Part
from steepest.tables.room import available
from steepest.tasks import Baseline, Unit
from steepest.tasks.metrics import in_order

__all__ = ["ALPHA", "MODELS", "Choice", "beside", "facts_of", "refuse", "with_finding"]

#: what `fit` can fit
MODELS = ("linear", "network", "auto")
#: the weight of the squares of a network's weights
ALPHA = 1e-4
#: the losses that networks are trained by, and what `MLPRegressor` calls them
LOSSES = {"logistic": "", "softmax": "", "squared": "squared_error", "poisson": "poisson"}


@dataclass
class Choice:
    """A network, and how it did beside the linear model."""

    final: Descent
    judged: Descent
    #: mean loss on the held-out rows, by the network and by the linear model, and the difference's standard error
    network: float
    linear: float
    error: float
    seconds: float

    @property
    def better(self) -> bool:
        """Whether the network is better by more than chance would make it."""
        return self.network < self.linear - self.error

    def finding(self, rows: int, taken: bool, asked: str) -> Finding:
        """The choice in a sentence."""
        worse = self.network > self.linear + self.error
        how = "lower" if self.better else "higher" if worse else "neither lower nor higher"
        sentence = (
            f"On the {rows:,} held-out rows the mean loss is {self.network:.4g} by a network and {self.linear:.4g} by "
            f"a linear model: {how} by more than the standard error of the difference, {self.error:.2g}"
        )
        if asked == "auto":
            sentence += f"; so the {'network' if taken else 'linear model'} is taken"
        worse &= asked == "network"
        return Finding(
            "network_or_line",
            "warning" if worse else "note",
            f"{sentence}.",
            {"network": self.network, "linear": self.linear},
            self.error,
            "model='linear' is better here, and can be read." if worse else "",
        )


def refuse(model: Any, loss: str, streamed: bool, given: dict[str, Any]) -> None:
    """Refuses what a network cannot be fitted with."""
    if model not in MODELS:
        raise InputError(f"model must be one of {', '.join(MODELS)}; got {model!r}")
    if model == "linear":
        return
    if loss not in LOSSES:
        raise InputError(
            f"model={model!r} has no loss called {loss!r}; its losses are {', '.join(LOSSES)}; or take model='linear'"
        )
    if streamed:
        raise InputError(f"model={model!r} holds its rows in memory: raise memory=, or take model='linear'")
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} is of linear models: leave it out, or take model='linear'")


def beside(job: Job, linear: Fitted) -> Choice:
    """A network fitted as the linear model was: to the training rows, and again to all rows."""
    held, shaped, began = job.plain.validation, job.prepared.validation, clock.perf_counter()
    if held is None or shaped is None:
        raise InputError(
            "a network is held against the linear model on held-out rows: pass validation above 0"
        )
    job.stages.enter("network", 0.9, 0.05)
    # The network finds by itself how columns bend and go together.
    first = fitted(job, job.plain.train)
    # With a test part the linear model was fitted to the held-out rows too.
    seen = linear.judged.rows > len(job.prepared.train.y)
    line = job.fit(job.prepared.train, linear.alpha, None, "") if seen else linear.judged
    own = job.task.losses(first.weights.margins(held.design), held.y)
    other = job.task.losses(line.weights.margins(shaped.design), held.y)
    weight = np.ones(len(own)) if held.weight is None else held.weight
    apart = own - other
    mean = float(np.average(apart, weights=weight))
    # Of a weighted mean of differences that do not depend on each other.
    error = math.sqrt(float((weight**2 * (apart - mean) ** 2).sum())) / float(weight.sum())
    final = fitted(job, joined(job.plain.train, held)) if job.settings["refit"] else first
    judged = final if job.plain.test is not None else first
    here, there = (float(np.average(one, weights=weight)) for one in (own, other))
    return Choice(final, judged, here, there, error, clock.perf_counter() - began)


def fitted(job: Job, part: Part) -> Descent:
    """A network fitted to the rows of a part, with nothing to tune."""
    design, weight = part.design, job.weight(part)
    needed, free = 3 * 4 * design.rows * design.width, available()
    if needed > free:
        raise InputError(
            f"a network of {design.rows:,} rows and {design.width:,} columns, levels included, takes "
            f"{needed / 1e9:.3g} GB of memory, and {free / 1e9:.3g} GB are free: leave out the categories with most "
            "levels (drop), or take model='linear'"
        )
    scaling = Scaling.of(design.numbers, part.weight)
    x = np.zeros((design.rows, design.width), dtype=np.float32)
    count = design.numbers.shape[1]
    x[:, :count] = (design.numbers - scaling.mean) / scaling.sd
    at = count
    for codes, levels in zip(design.codes.T, design.levels, strict=True):
        there = np.flatnonzero(codes >= 0)
        x[there, at + codes[there]] = 1.0
        at += len(levels)
    seed = int(job.settings["seed"]) % 2**31
    net: Any = (
        MLPClassifier(alpha=ALPHA, random_state=seed)
        if job.classes
        else MLPRegressor(LOSSES[job.task.loss], alpha=ALPHA, random_state=seed)
    )
    # In single precision a target of 1e-60, or of 1e60, is nothing, or without end.
    unit = job.unit(part) if job.task.loss == "squared" else Unit()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(x, part.y if job.classes else (part.y - unit.shift) / unit.scale, sample_weight=weight)
    layers = [
        (w.astype(np.float64), b.astype(np.float64)) for w, b in zip(net.coefs_, net.intercepts_, strict=True)
    ]
    layers[-1] = layers[-1][0] * unit.factor, layers[-1][1] * unit.factor + unit.offset
    if job.classes and len(net.classes_) < job.classes:
        layers[-1] = spread_out(layers[-1], net.classes_.astype(int), job.outputs)
    weights = NetworkWeights(scaling.mean, scaling.sd, tuple(layers))
    return Descent(weights, dict(net.result_), Baseline(part.y, job.classes, part.weight), len(part.y))  # type: ignore[arg-type]


def spread_out(last: tuple[Any, Any], there: Any, outputs: int) -> tuple[Any, Any]:
    """A last layer with an output for every class, of which some were not in the rows: those are next to impossible."""
    weights, shift = np.zeros((len(last[0]), outputs)), np.full(outputs, -50.0)
    if outputs == 1 or last[0].shape[1] != len(there):
        return last
    weights[:, there], shift[there] = last
    return weights, shift


def facts_of(job: Job, choice: Choice, linear: dict[str, Any], later: bool) -> dict[str, Any]:
    """The story of the network, from that of the linear model beside it."""
    prepared, settings = job.plain, job.settings
    name = "test" if prepared.test is not None else "validation"
    part = prepared.test or prepared.validation
    positive = prepared.schema.classes[1] if job.task.two and prepared.schema.classes else None
    heldout, figures = judge(part, name, choice.judged, job.task, settings["threshold"], positive)
    if settings.get("headline"):
        figures = in_order(figures, (settings["headline"],))
    beside = (linear.get("reference") or {}).get("figures", {})
    figures = [f | ({"reference": beside[f["name"]]} if f["name"] in beside else {}) for f in figures]
    shifted = settings.get("class_weight") is not None
    findings = [*prepared.findings, *about_figures(figures, None, later, shifted=shifted)]
    solution = choice.final.solution
    layers = " and ".join(str(b.size) for _, b in choice.final.weights.layers[:-1])  # type: ignore[attr-defined]
    sentence = f"One hidden layer of {layers} units, with nothing tuned."
    fitted_ = {
        "rows": choice.final.rows,
        "judged_rows": choice.judged.rows,
        "again": choice.final is not choice.judged,
    }
    path = {"alphas": [], "train_loss": [], "validation_loss": [], "chosen": ALPHA}
    return linear | {
        "model": "network",
        "columns": story.columns(prepared.schema),
        "metrics": figures,
        "heldout": heldout,
        "fitted": fitted_,
        "path": path | {"sentence": sentence, "short": ""},
        "solution": story.solution(solution) | {"start": ""},
        "form": None,
        "coefficients": [],
        "intercept": 0.0,
        "findings": [finding.as_dict() for finding in gravest_first(findings)],
        "timing": linear["timing"] | {"network": choice.seconds},
    }


def with_finding(facts: dict[str, Any], finding: Finding, asked: str) -> dict[str, Any]:
    """A story that says the choice too."""
    findings = [Finding.of(one) for one in facts["findings"]]
    choice = {"asked": asked, "sentence": finding.sentence}
    return facts | {
        "choice": choice,
        "findings": [one.as_dict() for one in gravest_first([*findings, finding])],
    }
