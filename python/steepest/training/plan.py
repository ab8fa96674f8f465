"""What is asked of a run: module, batches, loss, budget; what a watch is shown; the file that a run is kept in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from steepest.checkpoint import Checkpoint
from steepest.training.batches import Batches
from steepest.training.processes import Alone

__all__ = ["Budget", "Kept", "Plan", "Progress"]


@dataclass
class Budget:
    """How long to train; where nothing is said, in rounds of 5, 10, 20 … epochs while they still gain.

    u, the share that is done, goes from 0 to 1 in each round: the rate follows it.
    """

    epochs: int | None = None
    steps: int | None = None
    seconds: float | None = None
    #: the epoch in which the round began, and how many it has
    begun: int = 0
    round: int = 0

    FIRST, ROUNDS = 5, 6

    @property
    def open(self) -> bool:
        """Whether nothing was said."""
        return self.epochs is None and self.steps is None and self.seconds is None

    def done(self, epoch: float, steps: int, seconds: float) -> float:
        """The share of the budget, or of the round, that is done."""
        if self.open:
            return (epoch - self.begun) / float(self.FIRST * 2**self.round)
        parts = ((epoch, self.epochs), (steps, self.steps), (seconds, self.seconds))
        return max(done / float(most) for done, most in parts if most is not None)

    @property
    def last(self) -> bool:
        """Whether this round is the last."""
        return self.round + 1 >= self.ROUNDS

    def no_gain(self, held: bool) -> str:
        """The status' sentence where a longer round did not help."""
        where = " on held-out rows; the best weights are in place" if held else ""
        return (
            f"Stopped after {self.words()}: the last, of {self.FIRST * 2**self.round} epochs, lowered the loss by "
            f"less than a hundredth{where}."
        )

    def words(self) -> str:
        """It, as a sentence has it."""
        if self.open:
            return (
                f"{self.round + 1} rounds of {self.FIRST}, {2 * self.FIRST} … epochs"
                if self.round
                else "a round"
            )
        parts = ((self.epochs, "epochs"), (self.steps, "steps"), (self.seconds, "seconds"))
        return " or ".join(f"{most:g} {name}" for most, name in parts if most is not None)

    def spent(self, epoch: float, steps: int, seconds: float) -> str:
        """The status' sentence where it ran out."""
        parts = (
            (self.epochs, epoch, "epochs", "epochs"),
            (self.steps, steps, "steps", "max_steps"),
            (self.seconds, seconds, "seconds", "max_seconds"),
        )
        what, setting = "rounds of epochs", "epochs"
        for most, done, noun, name in parts:
            if most is not None and done >= most:
                what, setting = noun, name
        return f"Stopped by the budget of {what}: nothing says that no lower loss is near; raise {setting} to go on."


@dataclass
class Plan:
    """What was asked of a run, checked."""

    module: Any
    train: Batches
    held: Batches | None
    #: has a `name`, and a `bound`: its least possible value, or None
    loss: Any
    budget: Budget
    device: Any = None
    processes: Alone = field(default_factory=Alone)
    accumulate: int = 1
    clip: bool = True
    #: the precision of mixed precision, where it is asked for
    half: Any = None
    ema: float | None = None
    weight_decay: float = 0.0
    patience: int | None = None
    seed: int = 0
    watch: Callable[[Progress], Any] | None = None
    callback: Callable[[Any], Any] | None = None
    disp: bool = False
    kept: Kept | None = None
    start: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a run has come, for a watch."""

    iteration: int
    epoch: int
    loss: float
    held_out: float
    rate: float
    fraction: float
    seconds: float
    seconds_left: float | None
    module: Any = field(repr=False)


class Kept(Checkpoint):
    """A file that a run is kept in: tensors and texts by name."""

    def _taken(self, arrays: dict[str, Any]) -> dict[str, Any]:
        return arrays

    @property
    def there(self) -> dict[str, Any] | None:
        """What is in it."""
        return self._saved

    @property
    def due(self) -> bool:
        """Whether it is time to write it again."""
        return time.monotonic() - self._written >= self._seconds

    def write(self, arrays: dict[str, Any] | None) -> None:
        """Puts a run into the file; None takes it away."""
        self._write(arrays)
        self._written = time.monotonic()
