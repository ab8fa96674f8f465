"""One step: a gradient, clipped, taken along Adam's direction below the cap, judged on the same batches."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from steepest.training.batches import Batches
from steepest.training.noticed import Noticed
from steepest.training.plan import Plan
from steepest.training.step_size import StepSize

__all__ = ["CLIP", "DECAYS", "LOSS", "UNKNOWN", "Pairs", "Place", "Steps", "Strange", "rows"]

#: A gradient beyond this many times what is usual (the geometric mean of the last hundred or so) is clipped to it.
CLIP = 10.0
#: How much of the mean gradient and of the mean square is kept at each step. Runs of some hundreds of steps are over
#: before a mean over the usual thousand says how large gradients are now; and the weights that count are averages over
#: many steps, which takes the noise that the mean gradient need not take then.
DECAYS = (0.8, 0.95)
#: The weights that count are averages over one in so many of the steps so far, the last ones.
AVERAGED = 9
#: In float16 the loss is multiplied by this much before its gradient is taken; after so many steps without an infinite
#: gradient by twice as much, up to the most.
SCALE, STEADY, WIDEST = 2.0**16, 500, 2.0**24
#: What is said to be not finite where no part is.
UNKNOWN = "the loss itself"
#: What is found to be not finite before any gradient.
LOSS = "the loss"

Pairs = list[tuple[Any, Any]]
#: Epoch and number of a batch.
Place = tuple[int, int]


class Strange(Exception):
    """A number that is not finite: where it was met, and whether smaller steps may help."""

    def __init__(self, what: str, first: str, data: bool) -> None:
        super().__init__(what)
        self.what, self.first, self.data = what, first, data


class Steps:
    """A network and what moves it; a host says how.

    Parameters
    ----------
    plan : Plan
        What was asked for.
    size : StepSize
        The cap.
    noticed : Noticed
        What the findings are made of.
    scaled : bool, default False
        Whether gradients are computed in float16, in which small ones vanish.
    """

    #: the rule that moves it
    rule = "momo_adam"

    def __init__(self, plan: Plan, size: StepSize, noticed: Noticed, scaled: bool = False) -> None:
        self.plan, self.size, self.noticed = plan, size, noticed
        #: what the loss is multiplied by before its gradient is taken, and for how many steps that has been well
        self.scale, self.steady = SCALE if scaled else 1.0, 0
        self.taken = self.evaluations = self.clipped = 0
        #: the mean logarithm of the gradient's norm, and over how many steps it is taken
        self.usual = [0.0, 0.0]

    def step(self, pairs: Pairs, shares: list[float], done: float, place: Place) -> dict[str, float]:
        """Takes one; what is to be said of it.

        Parameters
        ----------
        pairs : list of (input, target)
            The batches, whose mean loss is lowered.
        shares : list of float
            What each of them counts in that mean.
        done : float
            The share of the budget that is spent.
        place : (int, int)
            Epoch and number of the first batch, for messages.
        """
        looks = self.size.looks_at(self.taken)
        before = self.remembered() if looks or self.scale > 1.0 else None
        value, norm = self._gradient(pairs, shares, place, before)
        kept, rate = self._clip(norm), self.size.rate(done)
        floor = self.size.floor(value) if self.plan.loss.bound is None else self.plan.loss.bound
        start = self.values() if looks else None
        self.move(rate, self.size.reach * (value - floor))
        self.taken, self.evaluations = self.taken + 1, self.evaluations + len(pairs)
        said = {"loss": value, "residual": norm, "rate": rate}
        if looks:
            after = self.again(pairs, shares, before)
            self.evaluations += len(pairs)
            slope, length = self.went(start)
            if not self.size.judge(value, after, slope / kept, done):
                self.put_values(start)
            self.look(done)
            said |= {"model_ratio": self.size.ratio, "step": length}
        self.moved()
        return said

    def _gradient(self, pairs: Pairs, shares: list[float], place: Place, before: Any) -> tuple[float, float]:
        """The loss, and the norm of its gradient; in float16 that is computed of a multiple of the loss, as large as
        its range allows."""
        while True:
            value, norm = self.gradient(pairs, shares, place)
            if not math.isfinite(value):
                raise self.strange(pairs, LOSS, place)
            if math.isfinite(norm):
                break
            if self.scale <= 1.0:
                raise self.strange(pairs, "the gradient", place)
            self.scale, self.steady = self.scale / 4, 0
            self.put_back(before)
        self.steady += 1
        if self.scale > 1.0 and self.steady >= STEADY:
            self.scale, self.steady = min(2 * self.scale, WIDEST), 0
        return value, norm

    def _clip(self, norm: float) -> float:
        """Clips a gradient that is far beyond what is usual; by how much it was multiplied."""
        if norm <= 0.0:
            return 1.0
        mean, count = self.usual
        most = CLIP * math.exp(mean) if count >= 10 and self.plan.clip else math.inf
        # What was clipped counts as the most, so that gradients that stay large are let through in the end.
        self.usual = [mean + (math.log(min(norm, most)) - mean) / min(count + 1, 100), count + 1]
        if norm <= most:
            return 1.0
        self.clipped += 1
        self.scale_gradient(most / norm)
        return most / norm

    def weight(self, x: Any, y: Any) -> float:
        """What a batch counts against others in a mean; 0 where all of its labels are left out."""
        return float(self.plan.loss.weight(y, rows(x)))

    def shares(self, pairs: Pairs) -> list[float]:
        """What each batch counts in their mean, those of other processes included; none where all labels are left
        out."""
        counts = [self.weight(x, y) for x, y in pairs]
        (total,) = self.plan.processes.sums([sum(counts)])
        return [count / total for count in counts] if total > 0 else []

    def keeps(self) -> float:
        """How much of the averaged weights a step keeps."""
        decay = self.taken / (AVERAGED + self.taken)
        return decay if self.plan.ema is None else min(self.plan.ema, decay)

    def forget(self) -> None:
        """Drops memories, which may hold what is not finite, and takes smaller steps."""
        self.usual = [0.0, 0.0]
        self.size.shrink()

    # What a host brings

    @abstractmethod
    def brought(self, value: Any) -> Any:
        """A part of a batch as the network takes it, where it lies."""

    @abstractmethod
    def gradient(self, pairs: Pairs, shares: list[float], place: Place) -> tuple[float, float]:
        """The loss, and the norm of its gradient, which is kept and computed of `scale` times the loss."""

    @abstractmethod
    def strange(self, pairs: Pairs, what: str, place: Place, source: Batches | None = None) -> Strange:
        """Names the first of the data, the parameters, the layers' outputs and the gradients that is not finite; the
        batches are those that are trained on unless `source` says whose they are."""

    @abstractmethod
    def scale_gradient(self, factor: float) -> None:
        """Multiplies the gradient that is kept."""

    @abstractmethod
    def move(self, rate: float, loss: float) -> None:
        """MoMo's step along Adam's direction, below a cap, for a loss whose least possible value is 0."""

    @abstractmethod
    def remembered(self) -> Any:
        """Random numbers and buffers, as they are."""

    @abstractmethod
    def put_back(self, before: Any) -> None:
        """Puts what was remembered back."""

    @abstractmethod
    def again(self, pairs: Pairs, shares: list[float], before: Any) -> float:
        """The loss of the same batches, from what was remembered; whatever they change is put back."""

    @abstractmethod
    def values(self) -> Any:
        """A copy of what is trained."""

    @abstractmethod
    def put_values(self, values: Any) -> None:
        """Puts such a copy back."""

    @abstractmethod
    def went(self, start: Any) -> tuple[float, float]:
        """The slope of the last step by its gradient; the root mean square of a weight's change."""

    @abstractmethod
    def look(self, done: float) -> None:
        """Shows `noticed` the gradient."""

    def listen(self) -> None:
        """Shows `noticed` at the end which units have no part in the output; a host that does not leaves it to the
        gradients that were looked at."""

    @abstractmethod
    def held_out(self, held: Batches, x: Any, y: Any, place: Place) -> float:
        """The loss of a batch of held-out rows, in evaluation mode."""

    @abstractmethod
    def weights(self) -> Any:
        """A copy of all that the network holds."""

    @abstractmethod
    def put(self, weights: Any) -> None:
        """Puts such a copy back."""

    # What a file keeps

    @abstractmethod
    def arrays(self, weights: Any) -> dict[str, Any]:
        """Such a copy as NumPy's arrays by name."""

    @abstractmethod
    def from_arrays(self, arrays: dict[str, Any]) -> Any:
        """Such a copy out of its arrays."""

    @abstractmethod
    def memories(self) -> tuple[dict[str, dict[str, Any]], Any]:
        """What else a run goes on from, averages and the rule's memories: arrays by part and name, and what JSON
        has."""

    @abstractmethod
    def put_memories(self, parts: dict[str, dict[str, Any]], told: Any) -> None:
        """Puts it back."""

    @abstractmethod
    def flags(self, layer: str, values: list[bool]) -> Any:
        """Such an array as `look` shows of a layer's units."""

    def train(self) -> None:
        """Puts the network into training mode."""

    def rest(self) -> None:
        """Puts it into evaluation mode."""

    def begin(self) -> None:
        """Takes the weights as they are for the averages: those of several processes have been made alike."""

    def moved(self) -> None:
        """Called after each step."""

    def end(self) -> None:
        """Called after the last."""

    def stream(self) -> dict[str, Any]:
        """Where the random numbers stand that loaders draw from: arrays by name."""
        return {}

    def set_stream(self, state: dict[str, Any]) -> None:
        """Puts them back to there."""

    def reseed(self, seed: int) -> None:
        """Begins them anew, for several processes alike."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Within it the parameters are what is handed over."""
        yield

    def hand_over(self) -> None:
        """Puts what is handed over into the parameters, where that is not what is trained."""


def rows(x: Any) -> int:
    """How many rows a batch has."""
    while isinstance(x, tuple | dict):
        x = next(iter(x.values() if isinstance(x, dict) else x))
    return len(x) if getattr(x, "ndim", 0) else 1
