"""Keras' tests of its optimizers and schedules, from its wheel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from peer_tests import names_used

import steepest.keras as ours

_FOLDER = Path(keras.__file__).parent / "src" / "optimizers"
# A third of Muon's tests ask for what ours does not offer; each failure has its reason.
LEAST = 0.75
TESTS = [
    *(str(_FOLDER / f"{name}_test.py") for name in ("adam", "adamw", "lamb", "lion", "muon", "sgd")),
    *(str(_FOLDER / f"{name}_test.py") for name in ("optimizer", "loss_scale_optimizer", "multi_optimizer")),
    str(_FOLDER / "schedules" / "learning_rate_schedule_test.py"),
]
_register = keras.saving.register_keras_serializable(package="peer")


@_register
class AdamW(ours.Adam):
    """With Keras' weight decay."""

    def __init__(self, learning_rate: Any = None, weight_decay: float = 0.004, **rest: Any) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **rest)


@_register
class Lamb(ours.Lamb):
    """With Keras' weight decay, none."""

    def __init__(self, learning_rate: Any = None, weight_decay: float | None = None, **rest: Any) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay or 0.0, **rest)


@_register
class Lion(ours.Lion):
    """With Keras' rate."""

    def __init__(self, learning_rate: Any = 0.001, **rest: Any) -> None:
        super().__init__(learning_rate, **rest)


def replace() -> list[type]:
    """Ours under the names of those that Keras has too."""
    kinds: list[type] = [ours.Adam, AdamW, Lamb, Lion, ours.Muon, ours.SGD]
    for kind in kinds:
        setattr(keras.optimizers, kind.__name__, kind)
        setattr(sys.modules[f"keras.src.optimizers.{kind.__name__.lower()}"], kind.__name__, kind)
    return kinds


def private(function: Any) -> bool:
    """Whether a test uses what begins with an underscore and is not its own class's."""
    home = getattr(sys.modules[function.__module__], function.__qualname__.split(".")[0], None)
    hidden = (n for n in names_used(function) if n.startswith("_") and not n.startswith("__"))
    return any(not hasattr(home, n) for n in hidden)
