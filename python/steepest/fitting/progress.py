"""What a watch is given while a table is fitted: stage, loss, residual, share done, seconds left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["Stages"]

Watch = Callable[[dict[str, Any]], Any]


class Stages:
    """Turns the core's progress and the stages round it into one stream of dicts.

    Each has the keys stage ("read", "path", "fit", "refit", "folds", "evaluate" or "done"), loss and residual
    (None outside a descent), fraction (from 0 to 1, of everything) and seconds_left (None while unknown).
    """

    def __init__(self, watch: Watch | None) -> None:
        self.watch = watch
        self.started = time.perf_counter()
        self.stage = "read"
        self.done = 0.0
        self.share = 0.0
        self.first_residual: float | None = None

    def enter(self, stage: str, done: float, share: float) -> None:
        """Begins a stage that takes a share of the whole, after what is done."""
        self.stage, self.done, self.share, self.first_residual = stage, done, share, None
        self.report(None, None, 0.0)

    def during(self) -> Callable[[Any], Any] | None:
        """The watch for a descent of this stage, or None where nobody looks on."""
        return None if self.watch is None else self.step

    def step(self, progress: Any) -> Any:
        """The core's progress, passed on with the share that is done by the fall of the residual."""
        residual = float(progress.residual)
        if self.first_residual is None:
            self.first_residual = residual
        return self.report(float(progress.loss), residual, fallen(self.first_residual, residual))

    def report(self, loss: float | None, residual: float | None, within: float) -> Any:
        """Calls the watch; what it returns goes back to the descent, which stops where that is true."""
        if self.watch is None:
            return None
        fraction = min(1.0, self.done + self.share * within)
        elapsed = time.perf_counter() - self.started
        left = elapsed * (1 - fraction) / fraction if fraction > 0.02 else None
        return self.watch(
            {
                "stage": self.stage,
                "loss": loss,
                "residual": residual,
                "fraction": fraction,
                "seconds_left": left,
            }
        )


def fallen(first: float, now: float) -> float:
    """How far a residual has come on its way down by six powers of ten, from 0 to 1."""
    if not (first > 0 and now > 0):
        return 0.0
    from math import log10

    return min(1.0, max(0.0, log10(first / now) / 6))
