"""The loop: epochs of steps, reviews now and then, the best weights kept."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from steepest.errors import InputError
from steepest.training import keeping
from steepest.training.batches import Batches
from steepest.training.plan import Plan, Progress
from steepest.training.steps import LOSS, Pairs, Steps, Strange

__all__ = ["Training"]

#: How often a run goes back to its last good weights after numbers that are not finite.
RETRIES = 3
#: In how many parts a budget of fewer epochs is reviewed.
REVIEWS = 10
#: After how many steps at least it is said that more of the same does not help, unless the training rows are learnt by
#: heart before: while a network begins to learn, its loss on held-out rows may stand still or rise before it falls.
SETTLED = 300
#: What is said where no row counts.
NOTHING = "{}: every label is one that is left out, or every batch is empty"


class Training:
    """A run.

    Parameters
    ----------
    plan : Plan
        What was asked for.
    steps : Steps
        The network and what moves it.
    """

    def __init__(self, plan: Plan, steps: Steps) -> None:
        self.plan, self.steps = plan, steps
        self.epoch = self.batch = self.failures = 0
        self.history: dict[str, list[float]] = {}
        #: sums of what is averaged from one review to the next, over how many steps each; the budget's share at
        #: the last
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.since, self.rate = 0.0, math.nan
        self.best: Any = None
        self.best_loss, self.best_review, self.last_round = math.inf, -1, math.inf
        self.good = self.steps.weights()
        self.outcome, self.message, self.interrupted = "", "", False
        #: where the first number among the held-out rows was met that is not finite
        self.odd = ""
        self.resumed: int | None = None
        #: where the random numbers stood when the epoch began, from which a DataLoader draws its order
        self.order: dict[str, Any] | None = None
        self.before, self.began, self.watched = 0.0, time.perf_counter(), -math.inf
        #: the share of the budget at whose review it rests, and whether it does
        self.until, self.rests = math.inf, False
        #: the network's place in a run that rests, where it is another's meanwhile
        self.aside: tuple[Any, Any, Any] | None = None
        #: of a run that raced: what the others spent, budgets before it and in all, whether callbacks are asked of it
        self.race: dict[str, Any] | None = None
        self.ahead, self.whole, self.asked = 0.0, 1.0, True
        #: what a file keeps
        self.state: Callable[[], dict[str, Any]] = lambda: keeping.state(self)
        #: the seconds of the first process, by which all of several go
        self.clock = 0.0

    def run(self) -> Training:
        """Trains until the budget is spent, or something says stop; leaves the weights that count in the module."""
        kept = self.plan.kept
        if kept is not None and kept.there is not None:
            keeping.load(self, kept.there)
        self.begin()
        self.go()
        self.finish()
        return self

    def begin(self) -> None:
        """Before the first step."""
        self.plan.processes.alike(self.plan.module)
        if self.steps.taken == 0:
            self.steps.begin()

    def go(self, until: float = math.inf) -> None:
        """Trains until the run ends, or to the first review after this share of the budget."""
        self.until, self.rests = until, self.since >= until
        with _interrupted(self):
            while not (self.outcome or self.rests):
                self.steps.train()
                self._epoch()
            if not self.outcome:  # asked for at the review, maybe
                self._agree()
                if self.interrupted:
                    self._stopped()

    def place(self) -> tuple[Any, Any, Any]:
        """Where the network stands: weights, random numbers, and with them the buffers that no file keeps."""
        return self.steps.weights(), self.steps.stream(), self.steps.remembered()

    def put_place(self, place: tuple[Any, Any, Any]) -> None:
        """Puts the network there; one that comes out of a file has no more than weights and random numbers."""
        weights, stream, rest = place
        if rest is not None:
            self.steps.put_back(rest)
        self.steps.put(weights)
        self.steps.set_stream(stream)

    def finish(self) -> None:
        """After the last step."""
        kept = self.plan.kept
        if kept is not None and self.plan.processes.first:
            kept.write(self.state() if self.outcome == "stopped" else None)
        if self.counts and self.outcome != "not_finite":
            self._review()
        if self.best is not None:
            self.steps.put(self.best)
        elif self.outcome == "not_finite":
            self.steps.put(self.good)
        else:
            self.steps.hand_over()
        if self.outcome not in ("not_finite", "stopped"):
            self.steps.listen()
        self.steps.end()

    @property
    def seconds(self) -> float:
        """Since the start, those of the run that this one goes on from included."""
        return self.before + time.perf_counter() - self.began

    @property
    def passes(self) -> float:
        """How often the data were walked through."""
        length = self.plan.train.length
        return self.epoch + (min(1.0, self.batch / length) if length else 0.0)

    def done(self) -> float:
        """The share of the budget that is spent."""
        seconds = self.seconds if self.plan.processes.count == 1 else self.clock
        return self.plan.budget.done(self.passes, self.steps.taken, seconds)

    def settled(self) -> bool:
        """Whether so much was learnt that a loss which falls no more says something: in many steps, or so that the
        training loss has halved since the best review."""
        losses = self._column("loss")
        then = losses[max(self.best_review, 0)]
        return self.steps.taken >= SETTLED or then - losses[-1] > abs(then) / 2

    # An epoch

    def _epoch(self) -> None:
        skip, now = self.batch, self.steps.stream()
        if self.order is not None:
            self.steps.set_stream(self.order)
        elif (
            self.plan.processes.count > 1
        ):  # their dropout may have drawn unlike, and their order must be one
            self.steps.reseed((self.plan.seed * 1_000_003 + self.epoch) % 2**63)
        self.order = self.steps.stream()
        self.plan.processes.begin(self.plan.train, self.epoch)
        source, counted = self.plan.train.epoch(self.epoch, skip), skip > 0
        pending: Pairs = []
        back = skip > 0
        for x, y in source:
            if back:
                self.steps.set_stream(now)
                back = False
            pending.append(self._share(self.plan.train, x, y))
            counted = counted or self.steps.weight(*pending[-1]) > 0
            if len(pending) == self.plan.accumulate:
                self._step(pending)
                pending = []
                if self.outcome or self.rests:
                    return
        if pending:
            self._step(pending)
            if self.outcome or self.rests:
                return
        if not self.plan.processes.sums([counted])[0]:
            raise InputError(NOTHING.format(self.plan.train.name))
        if back:  # all of the epoch's batches were behind it
            self.steps.set_stream(now)
        self.plan.train.length = self.plan.train.length or self.batch
        self.epoch, self.batch, self.order = self.epoch + 1, 0, None
        if self.counts:
            self._review()

    def _share(self, source: Batches, x: Any, y: Any) -> tuple[Any, Any]:
        """A batch, where the module lies; of several processes this one's share of it."""
        share, brought = self.plan.processes.share, self.steps.brought
        return share(source, brought(x)), share(source, brought(y))

    def _step(self, pairs: Pairs) -> None:
        """A step, and what is due after it."""
        said: dict[str, float] = {}
        shares = self.steps.shares(pairs)
        try:
            # Where all labels are left out, in all processes, there is nothing to learn.
            if shares:
                with _noted(f"batch {self.batch} of epoch {self.epoch} of {self.plan.train.name}"):
                    said = self.steps.step(pairs, shares, self.done(), (self.epoch, self.batch))
        except Strange as error:
            self._go_back(error)
        self.batch += len(pairs)
        for name, value in said.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.rate = said.get("rate", self.rate)
        if not (self.outcome or self.interrupted):
            self._show()
        self._agree()
        if self.interrupted:
            self._stopped()
        if self.outcome:
            return
        budget, done = self.plan.budget, self.done()
        few = not budget.open and (budget.epochs is None or budget.epochs < REVIEWS)
        due = done >= 1.0 or (few and math.floor(REVIEWS * done) > math.floor(REVIEWS * self.since))
        if self.counts and due and self.batch != self.plan.train.length and not self.outcome:
            self._review()
            self.steps.train()
        kept = self.plan.kept if self.plan.processes.first else None
        if not self.outcome and kept is not None and kept.due:
            kept.write(self.state())

    def _agree(self) -> None:
        """What one of several processes was asked is heard by all."""
        processes = self.plan.processes
        if processes.count > 1:
            told = [self.interrupted, bool(self.outcome), self.seconds if processes.first else 0.0]
            interrupted, ended, self.clock = processes.sums(told)
            self.interrupted = interrupted > 0
            if ended:
                self.outcome, self.message = processes.said((self.outcome, self.message))

    def _go_back(self, error: Strange) -> None:
        """To the last good weights, where smaller steps may help."""
        self.failures += 1
        place = f"batch {self.batch} of epoch {self.epoch}"
        if error.data:
            self._end("not_finite", f"Not finite: {error.first} ({place}): drop the row or fill it.")
        elif self.failures > RETRIES:
            self._end(
                "not_finite",
                f"Not finite: {error.what} at step {self.steps.taken + 1} ({place}), first in {error.first}; so it "
                f"was {RETRIES} times before, with smaller steps each time. The last good weights are in place.",
            )
        else:
            self.steps.noticed.failed(self.steps.taken + 1, place, error.what, error.first)
            self.steps.put(self.good)
            self.steps.forget()
            self.steps.taken += 1

    def _stopped(self) -> None:
        self._end("stopped", "Stopped by Ctrl-C; the best weights so far are in place.")

    def _end(self, outcome: str, message: str) -> None:
        """Says how it ended, the first time."""
        if not self.outcome:
            self.outcome, self.message = outcome, message

    # A review

    def _review(self) -> None:
        """Records where the run stands; keeps the best weights; ends it where it is time."""
        done, size = self.done(), self.steps.size
        mean = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.plan.processes.alike(self.plan.module)
        with self.steps.shown():
            held = self._held_out()
            if held < self.best_loss:
                self.best, self.best_loss = self.steps.weights(), held
                self.best_review = len(self._column("loss"))
        row = {
            "iteration": self.steps.taken, "loss": mean["loss"], "residual": mean["residual"], "rate": self.rate,
            "evaluations": self.steps.evaluations, "passes": self.passes, "seconds": self.seconds, "held_out": held,
            "cap": size.cap, "step": mean.get("step", math.nan), "model_ratio": mean.get("model_ratio", math.nan),
            "clipped": self.steps.clipped,
        }  # fmt: skip
        for name, value in row.items():
            self._column(name).append(float(value))
        self.since, self.sums, self.counts = done, {}, {}
        self.rests = done >= self.until
        if self.plan.held is not None and not math.isfinite(held):
            self._end(
                "not_finite",
                f"Not finite: the loss on the held-out rows{self.odd}; the best weights so far are in place.",
            )
        if not self.outcome:
            self.good = self.steps.weights()
        if not self.outcome and self.asked and self.plan.disp and self.plan.processes.first:
            out = "" if math.isnan(held) else f"  held out {held:.6g}"
            print(
                f"{self.steps.taken:7d}  epoch {self.passes:6.4g}  loss {row['loss']:.6g}{out}  rate {self.rate:.3g}"
            )
        if not self.outcome:
            self._judge(done, row["loss"] if math.isnan(held) else held)
        if self.plan.callback is not None and self.asked:
            stop = None
            try:
                if self.plan.processes.first:
                    stop = self.plan.callback(self._progress(row["loss"]))
            except StopIteration:
                stop = True
            stop = self.plan.processes.said(stop)
            if isinstance(stop, bool | np.bool_) and stop:
                self._end("stopped", "Stopped by the callback; the best weights so far are in place.")

    def _judge(self, done: float, judged: float) -> None:
        """Ends the run where it is time."""
        budget, reviews, held = self.plan.budget, len(self._column("loss")), self.plan.held is not None
        if self.plan.patience is not None and reviews - 1 - self.best_review >= self.plan.patience:
            self._end(
                "held_out",
                "Stopped early: the loss on held-out rows no longer falls; the best weights are in place.",
            )
        elif done >= 1.0 and not budget.open:
            self._end("budget", budget.spent(self.passes, self.steps.taken, self.seconds))
        elif done >= 1.0:
            best = self.best_loss if held else judged
            gained = not math.isfinite(self.last_round) or best < self.last_round - 0.01 * abs(
                self.last_round
            )
            if not gained and self.settled():
                self._end("held_out" if held else "plateau", budget.no_gain(held))
            elif budget.last:
                self._end("budget", budget.spent(self.passes, self.steps.taken, self.seconds))
            self.last_round = best
            budget.begun, budget.round = self.epoch, budget.round + 1

    def _held_out(self) -> float:
        """The mean loss over the held-out rows; NaN where there are none."""
        held = self.plan.held
        if held is None:
            return math.nan
        self.steps.rest()
        total, count = 0.0, 0.0
        pairs: Pairs = []
        place = (0, 0)
        for k, (x, y) in enumerate(held.epoch(0)):
            x, y = self._share(held, x, y)
            if (weight := self.steps.weight(x, y)) > 0:
                with _noted(f"batch {k} of {held.name}"):
                    loss = self.steps.held_out(held, x, y, (0, k))
                total, count = total + loss * weight, count + weight
                if not pairs and not math.isfinite(loss):
                    pairs, place = [(x, y)], (0, k)
        total, count = self.plan.processes.sums([total, count])
        if not math.isfinite(total):  # in all processes
            found = self.steps.strange(pairs, LOSS, place, held)
            batch = f" (batch {place[1]})" if pairs else ""
            self.odd = f": {found.first}" if found.data else f", first in {found.first}{batch}"
        self.steps.train()
        if count == 0:
            raise InputError(NOTHING.format(held.name))
        return total / count

    def _column(self, name: str) -> list[float]:
        return self.history.setdefault(name, [])

    def _progress(self, loss: float) -> Progress:
        done, held = (self.ahead + min(1.0, self.done())) / self.whole, self._column("held_out")
        left = self.seconds * (1 - done) / done if done > 0.02 and not self.plan.budget.open else None
        out = held[-1] if held else math.nan
        module = self.plan.module
        return Progress(self.steps.taken, self.epoch, loss, out, self.rate, done, self.seconds, left, module)

    def _show(self) -> None:
        """Calls the watch, at most ten times a second."""
        if (
            self.plan.watch is None
            or not self.plan.processes.first
            or time.perf_counter() - self.watched < 0.1
        ):
            return
        self.watched = time.perf_counter()
        loss = self.sums["loss"] / self.counts["loss"] if self.counts else math.nan
        stop = self.plan.watch(self._progress(loss))
        if isinstance(stop, bool | np.bool_) and stop:
            self._end("stopped", "Stopped by the watch; the best weights so far are in place.")


@contextmanager
def _noted(place: str) -> Iterator[None]:
    """Errors of a module or a loss say in which batch they came up."""
    try:
        yield
    except Strange:
        raise
    except Exception as error:
        error.add_note(f"This was {place}.")
        raise


@contextmanager
def _interrupted(training: Training) -> Iterator[None]:
    """Ctrl-C ends the run after the step that is under way; a second one at once. In the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def asked(number: int, frame: Any) -> None:
        if training.interrupted:
            raise KeyboardInterrupt
        training.interrupted = True

    signal.signal(signal.SIGINT, asked)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
