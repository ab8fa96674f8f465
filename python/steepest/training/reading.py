"""Settings of a run, read and checked: what cannot be used is refused by name, before anything is touched."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from steepest import checkpoint as checkpoints
from steepest.errors import InputError
from steepest.training.batches import Batches
from steepest.training.plan import Budget, Kept

__all__ = ["Asked", "budget_of", "functions", "history_file", "real", "whole"]


class Asked:
    """What every host's `fit` is asked, under its arguments' names, checked.

    Parameters
    ----------
    more : sequence
        Further settings by which a checkpoint tells one run from another.
    **given
        The arguments.
    """

    def __init__(
        self,
        more: Any = (),
        *,
        epochs: Any,
        max_steps: Any,
        max_seconds: Any,
        batch_size: Any,
        bound: Any,
        weight_decay: Any,
        patience: Any,
        accumulate: Any,
        clip: Any,
        ema: Any,
        starts: Any,
        seed: Any,
        checkpoint: Any,
        history: Any,
        watch: Any,
        callback: Any,
        disp: Any,
    ) -> None:
        self.budget = budget_of(epochs, max_steps, max_seconds)
        self.seed = whole("seed", seed, 0)
        self.starts = whole("starts", starts, 1)
        self.batch = None if batch_size is None else whole("batch_size", batch_size, 1)
        self.bound = None if bound is None else real("bound", bound, -math.inf, math.inf)
        #: what a plan has of it as it is
        self.planned: dict[str, Any] = {
            "accumulate": whole("accumulate", accumulate, 1),
            "clip": bool(clip),
            "ema": None if ema is None else real("ema", ema, 0.0, 1.0),
            "weight_decay": real("weight_decay", weight_decay, 0.0, math.inf),
            "patience": None if patience is None else whole("patience", patience, 1),
            "seed": self.seed,
            "watch": watch,
            "callback": callback,
            "disp": bool(disp),
        }
        functions(watch=watch, callback=callback)
        self.place = None if history is None else history_file(history)
        checkpoints.check(checkpoint)
        if checkpoint is not None and self.starts > 1:
            raise InputError("checkpoint keeps one run: leave starts out, or call fit once for each")
        self.checkpoint = checkpoint
        known = ("accumulate", "clip", "ema", "weight_decay", "seed")
        self.settings = [epochs, max_steps, max_seconds, self.batch, self.bound, *more]
        self.settings += [self.planned[name] for name in known]

    def held(self, held: Batches | None) -> None:
        """Refuses patience where no rows are held out."""
        if self.planned["patience"] is not None and held is None:
            raise InputError("patience is counted on held-out rows: pass validation")

    def kept(self, module: Any, train: Batches, held: Batches | None, loss: Any) -> Kept | None:
        """The file that the run is kept in; what tells module, rows and loss from others is asked for one alone."""
        if self.checkpoint is None:
            return None
        about = {
            "module": module(),
            "data": [train.identity(), held and held.identity()],
            "loss": loss(),
            "settings": self.settings,
        }
        return Kept(self.checkpoint, {name: checkpoints.digest(part) for name, part in about.items()})


def budget_of(epochs: Any, steps: Any, seconds: Any) -> Budget:
    return Budget(
        None if epochs is None else whole("epochs", epochs, 1),
        None if steps is None else whole("max_steps", steps, 1),
        None if seconds is None else real("max_seconds", seconds, 0.0, math.inf, open_=True),
    )


def whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}; got {value!r}")
    return int(value)


def real(name: str, value: Any, low: float, high: float, open_: bool = False) -> float:
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not (low <= number <= high and math.isfinite(number)) or (open_ and number == low):
        words = f"above {low:g}" if open_ else f"from {low:g} to {high:g}"
        raise InputError(f"{name} must be a number {words}; got {value!r}")
    return number


def history_file(path: Any) -> Path:
    place = Path(path)
    if place.suffix not in (".csv", ".jsonl"):
        raise InputError(f"history must be a path that ends in .csv or .jsonl; got {str(path)!r}")
    if place.is_dir():
        raise InputError(f"history {str(path)!r} is a folder; a file name is needed")
    if not place.parent.is_dir():
        raise InputError(f"history {str(path)!r} cannot be written: there is no folder {str(place.parent)!r}")
    return place


def functions(**given: Callable[..., Any] | None) -> None:
    """Refuses what cannot be called with the progress."""
    for name, function in given.items():
        if function is not None and not callable(function):
            raise InputError(f"{name} must be a function of the progress or None; got {function!r}")
