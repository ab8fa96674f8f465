"""What a run tells: its outcome, its history, what was noticed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np

from steepest.errors import InputError
from steepest.findings import Finding
from steepest.result import OUTCOMES, Result
from steepest.training.loop import Training
from steepest.training.race import Race

__all__ = ["alone", "best_of", "result"]

_BUSY: WeakSet[Any] = WeakSet()
_LOCK = threading.Lock()
#: How many reviews, and epochs, a rise of the held-out loss must last.
FEW = 5
_STATUS = {"held_out": 0, "budget": 1, "plateau": 2, "not_finite": 4, "stopped": 99}


def best_of(starts: int, begin: Callable[[int], Training | Race]) -> tuple[Training, dict[str, Any] | None]:
    """The best of so many runs, and how they ended where there are several; its weights are in the network.

    Parameters
    ----------
    starts : int
        How many.
    begin : callable
        Makes one, by its number: the first from the weights as they are, others from fresh ones.
    """
    best: Training | None = None
    weights, losses = None, []
    for k in range(starts):
        begun = begin(k)
        begun.plan.budget.begun = begun.plan.budget.round = 0
        run = begun.run()
        # A run that came to no number is the worst, whichever of them it is.
        losses.append(_value(run) if math.isfinite(_value(run)) else math.inf)
        if best is None or losses[-1] < _value(best) or not math.isfinite(_value(best)):
            best, weights = run, run.steps.weights() if starts > 1 else ()
        if run.outcome == "stopped":
            break
    assert best is not None
    if starts == 1:
        return best, None
    best.steps.put(weights)
    best.steps.end()
    spread = {"least": min(losses), "median": float(np.median(losses)), "largest": max(losses)}
    return best, {"starts": len(losses), **spread}


def _value(run: Training) -> float:
    """The loss that a run is judged by."""
    if run.best is not None:
        return run.best_loss
    losses = run.history.get("loss", [])
    return losses[-1] if losses else math.nan


def result(
    run: Training,
    values: dict[str, Any],
    constant: float | None,
    spread: dict[str, Any] | None,
    place: Path | None,
) -> Result:
    """What came of it, its history written where that was asked for.

    Parameters
    ----------
    run : Training
        The run.
    values : dict
        Its weights by name.
    constant : float, optional
        What the best constant would lose on the training rows, where that is known.
    spread : dict, optional
        Of several runs, how they ended.
    place : Path, optional
        The history's file.
    """
    outcome, message, plan = run.outcome, run.message, run.plan
    held = run.history.get("held_out", [])
    if outcome == "budget" and run.best is not None and _rose(run, held):
        outcome = "held_out"
        message = (
            f"The loss on held-out rows was least after {run.history['passes'][run.best_review]:.3g} epochs and fell "
            "no more within the budget; the weights of then are in place."
        )
    cap = run.steps.size.most or run.steps.size.cap
    known = "below MoMo's step" if plan.loss.bound is not None else "the floor of the loss guessed"
    findings = run.steps.noticed.findings(run.history, run.steps.size, constant)
    if plan.loss.bound is not None and any(v < plan.loss.bound for v in run.history.get("loss", [])):
        findings.append(
            Finding(
                "below_its_bound",
                "warning",
                "The loss fell below its bound, so that steps were too short.",
                {"least": min(run.history["loss"])},
                plan.loss.bound,
                "Pass the bound that it has, or none.",
            )
        )
    kept = [] if plan.kept is None else plan.kept.findings()
    raced = {"passes": 0.0, "evaluations": 0.0} if run.race is None else run.race["spent"]
    chosen = ""
    if run.race is not None and len(run.race["losses"]) == run.race["runs"]:
        chosen = (
            f"; of {run.race['runs']} that raced through a fifth of that, {run.race['name']!r} went on by the loss on "
            f"held-out rows: the others took {raced['passes']:.3g} passes"
        )
    assert outcome in OUTCOMES
    told = Result.of(
        {
            "x": values,
            "fun": _value(run),
            "success": outcome == "held_out",
            "status": _STATUS[outcome],
            "outcome": outcome,
            "message": message,
            "nit": run.steps.taken,
            "nfev": run.steps.evaluations + int(raced["evaluations"]),
            "njev": run.steps.taken,
            "passes": run.passes + raced["passes"],
            "seconds": run.seconds,
            "resumed": run.resumed,
            "method": run.steps.rule,
            "reason": f"no rate was given: a cap of {cap:.2g} was found on the way, {known}; it stands for "
            f"three fifths of {plan.budget.words()}, then falls to 0{chosen}",
            "history": run.history,
            "findings": [*findings, *kept],
            "spread": spread,
            "race": None if run.race is None else dict(run.race["losses"]),
            "module": plan.module,
            "best_epoch": run.history["passes"][run.best_review] if run.best is not None else run.passes,
        }
    )
    if place is not None and plan.processes.first:
        try:
            told.to_csv(place) if place.suffix == ".csv" else told.to_jsonl(place)
        except OSError as error:  # which must not take the result of a long run with it
            told["findings"].append(
                Finding(
                    "history_not_written",
                    "warning",
                    f"The history could not be written to {str(place)!r}: {error}.",
                    {},
                    None,
                    "result.to_csv(path) and result.to_jsonl(path) write it elsewhere.",
                )
            )
    return told


def _rose(run: Training, held: list[float]) -> bool:
    """Whether held-out rows say that more of the same does not help: their loss was least long ago, in reviews and in
    epochs, and is not on its way down again."""
    since = held[run.best_review + 1 :]
    if len(since) < max(FEW, len(held) / 4) or not run.settled():
        return False
    long_ago = run.passes - run.history["passes"][run.best_review] >= FEW
    return long_ago and held[-1] >= sum(since) / len(since)


@contextmanager
def alone(module: Any) -> Iterator[None]:
    """One fit at a time on a module."""
    with _LOCK:
        if module in _BUSY:
            raise InputError(
                "this module is being trained by another call of fit: wait for it, or copy the module"
            )
        _BUSY.add(module)
    try:
        yield
    finally:
        with _LOCK:
            _BUSY.discard(module)
