"""A race: runs that differ in how they step, of which one goes on, the one that held-out rows are for early.

All begin at the same weights, with the same order of the rows, and go through the first fifth of the budget. One that
comes after goes on where it has lost less on held-out rows, by a fiftieth, than the best before it; where all stand
still, as they do before a network begins to learn, the first goes on. What the others spent comes to the
budget of the one: of three runs two fifths.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from steepest.errors import ModelFileError
from steepest.training import keeping
from steepest.training.loop import Training
from steepest.training.plan import Plan

__all__ = ["Race", "worthwhile"]

#: The share of the budget that all go through, and by which share a later one must be better.
SHARE, MARGIN = 0.2, 0.02
#: Fewer steps tell nothing; of more weights there is not to be a copy for each run.
FEWEST, MOST = 100, 100_000_000


def worthwhile(plan: Plan, weights: int) -> bool:
    """Whether a run is to be chosen by a race: where there are held-out rows to judge by, and a budget that is known
    beforehand, of enough steps, and may become larger, as one by the clock may not; where all meet the same rows."""
    budget, length = plan.budget, plan.train.length
    if plan.held is None or budget.open or budget.seconds is not None or weights > MOST:
        return False
    if not plan.train.again():
        return False
    steps = math.inf if budget.steps is None else float(budget.steps)
    if budget.epochs is not None and length is not None:
        steps = min(steps, budget.epochs * length / plan.accumulate)
    return steps >= FEWEST


class Race:
    """Some runs of one plan.

    Parameters
    ----------
    plan : Plan
        What was asked for.
    runs : dict of callable
        Makes each from the network as it is, by its name.
    """

    def __init__(self, plan: Plan, runs: dict[str, Callable[[], Training]]) -> None:
        self.plan, self.runs, self.names = plan, runs, list(runs)
        #: the number of the one that trains, past the last where the race is over; of the best of those through
        self.at, self.best = 0, 0
        #: the held-out losses of those that are through, by name; what was spent on those that did not go on
        self.losses: dict[str, float] = {}
        self.spent = {"passes": 0.0, "evaluations": 0.0}
        self.start: tuple[Any, Any, Any] | None = None
        self.lead: Training | None = None
        self.resumed: int | None = None
        #: how the one that leads ended, as a file has it
        self.ended = "", ""
        self.now = self._made(0)

    def run(self) -> Training:
        """The one that went on, at its end."""
        kept = self.plan.kept
        if kept is not None and kept.there is not None:
            self._load(kept.there)
        else:
            self._begin()
        while self.at < len(self.names):
            self.now.go(SHARE)
            if self.now.outcome == "stopped":
                return self._stopped()
            self._judge()
        self.now.go()
        self.now.finish()
        return self.now

    def _made(self, number: int) -> Training:
        return self._placed(self.runs[self.names[number]](), number)

    def _placed(self, run: Training, place: int) -> Training:
        """A run that trains in this place, the last of which is that of the one that goes on."""
        others = len(self.names) - 1
        run.ahead, run.whole = SHARE * min(place, others), 1.0 + SHARE * others
        run.asked = place in (0, len(self.names))
        run.state, run.resumed = self.state, self.resumed
        name = self.names[place if place <= others else self.best]
        run.race = {"name": name, "runs": len(self.names), "losses": self.losses, "spent": self.spent}
        return run

    def _begin(self) -> None:
        """The first step of the one that trains now; where it is the first of all, all begin there."""
        self.now.begin()
        if self.start is None:
            self.start = self.now.place()

    def _judge(self) -> None:
        """What becomes of the run that is through, and which trains next."""
        run, lead = self.now, self.lead
        self.losses[self.names[self.at]] = run.best_loss
        # One that came to no number is behind whichever has come to one.
        bar = math.inf if lead is None or not math.isfinite(lead.best_loss) else lead.best_loss
        better = lead is None or run.best_loss < (bar - MARGIN * abs(bar) if bar < math.inf else bar)
        if lead is not None:
            self._lost(lead if better else run)
        if better:
            self.best, self.lead = self.at, run
            run.aside = run.place()
        self.at += 1
        assert self.start is not None
        assert self.lead is not None
        self.lead.before, self.lead.began = run.before, run.began
        if self.at < len(self.names):
            run.put_place(self.start)
            self.now = self._made(self.at)
            self.now.before, self.now.began = run.before, run.began
            self._begin()
        else:
            self.now, self.lead, self.start = self._placed(self.lead, self.at), None, None
            assert self.now.aside is not None
            self.now.put_place(self.now.aside)
            self.now.aside = None
            if self.plan.disp and self.plan.processes.first:
                print(f"race: {self.names[self.best]!r} goes on")

    def _lost(self, run: Training) -> None:
        self.spent["passes"] += run.passes
        self.spent["evaluations"] += run.steps.evaluations

    def _stopped(self) -> Training:
        """The better one of the run that was stopped and of those that were through, its best weights in place."""
        run, lead = self.now, self.lead
        run.finish()
        if lead is None:
            return run
        first, other = (lead, run) if lead.best_loss < run.best_loss else (run, lead)
        self._lost(other)
        if first is lead:
            lead.steps.put(lead.best)
            lead.outcome, lead.message, lead.resumed = run.outcome, run.message, run.resumed
        return first

    # What a file keeps

    def state(self) -> dict[str, Any]:
        """The run that trains, as one alone is kept, and the others beside it."""
        ended = None if self.lead is None else (self.lead.outcome, self.lead.message)
        told = {"at": self.at, "best": self.best, "losses": self.losses, "spent": self.spent, "ended": ended}
        arrays = {**keeping.state(self.now), "race": json.dumps(told)}
        if self.at < len(self.names):
            assert self.start is not None
            steps = self.now.steps
            parts = {"start": steps.arrays(self.start[0]), "random": self.start[1]}
            if self.lead is not None:
                parts["lead"] = keeping.state(self.lead)
            arrays |= {f"race {part}/{n}": array for part, some in parts.items() for n, array in some.items()}
        return arrays

    def _told(self, told: dict[str, Any], leads: bool) -> None:
        """How far the race had come, where that can be."""
        at, best, all_of = told["at"], told["best"], len(self.names)
        if not (type(at) is type(best) is int and 0 <= at <= all_of and 0 <= best < max(1, at)):
            raise ValueError(f"{at} of {all_of} runs are through, and {best} leads")
        if leads != (0 < at < all_of) or list(told["losses"]) != self.names[:at]:
            raise ValueError("runs are missing")
        self.at, self.best = at, best
        self.losses = {name: float(loss) for name, loss in told["losses"].items()}
        self.spent = {name: float(told["spent"][name]) for name in self.spent}
        outcome, message = told["ended"] or ("", "")
        self.ended = str(outcome), str(message)

    def _load(self, arrays: dict[str, Any]) -> None:
        """Goes on from what was kept; what no race has written is refused, and the network stays as it was."""
        steps, weights = self.now.steps, self.now.steps.weights()
        try:
            parts: dict[str, dict[str, Any]] = {"start": {}, "random": {}, "lead": {}, "now": {}}
            for key, array in arrays.items():
                of, _, name = key.removeprefix("race ").partition("/")
                part, name = (of, name) if key.startswith("race ") else ("now", key)
                parts[part][name] = array
            self._told(json.loads(bytes(parts["now"].pop("race")).decode()), bool(parts["lead"]))
            racing = self.at < len(self.names)
            if racing:
                if parts["start"].keys() != steps.arrays(weights).keys():
                    raise ValueError("it does not say where all began")
                self.start = (steps.from_arrays(parts["start"]), parts["random"], None)
            if parts["lead"]:
                self.lead = self._made(self.best)
                keeping.load(self.lead, parts["lead"])
                self.lead.outcome, self.lead.message = self.ended
                self.lead.aside = self.lead.place()
            self.now = self._placed(self.runs[self.names[self.at if racing else self.best]](), self.at)
            keeping.load(self.now, parts["now"])
        except ModelFileError:
            steps.put(weights)
            raise
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            steps.put(weights)
            raise ModelFileError(f"the checkpoint was altered: {type(error).__name__}: {error}") from None
        self.resumed = self.now.resumed
        self.now.begin()
