"""A run of `fit`, and how it is kept in a file."""

from __future__ import annotations

import json
from typing import Any

import torch

from steepest.torch import in_file
from steepest.torch.steps import Steps
from steepest.training.loop import Training as Loop
from steepest.training.plan import Plan
from steepest.training.step_size import StepSize

__all__ = ["Training"]

#: What is kept of a run as it is, by name.
_NUMBERS = (
    "epoch", "batch", "failures", "best_loss", "best_review", "last_round", "since", "sums", "counts", "rate",
    "history",
)  # fmt: skip
_OF_STEPS = ("taken", "evaluations", "clipped", "usual", "scale", "steady")


class Training(Loop):
    """A run.

    Parameters
    ----------
    plan : Plan
        What was asked for.
    """

    steps: Steps

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, Steps(plan))

    def state(self) -> dict[str, Any]:
        """All that the run goes on from, as arrays and one text."""
        steps = self.steps
        parts: dict[str, dict[str, torch.Tensor]] = {
            "now": self.steps.weights(),
            "good": self.good,
            "best": self.best or {},
        }
        if steps.average is not None:
            parts["average"] = dict(zip(steps.names, steps.average, strict=True))
        for name, p in zip(steps.names, steps.params, strict=True):
            for key, value in steps.optimizer.state.get(p, {}).items():
                parts.setdefault(f"memory {key}", {})[name] = value
        parts["random"] = {"now": steps.stream()}
        if self.order is not None:
            parts["random"]["order"] = self.order
        told = {
            "numbers": {n: getattr(self, n) for n in _NUMBERS},
            "steps": {n: getattr(steps, n) for n in _OF_STEPS},
            "size": vars(steps.size),
            "noticed": steps.noticed.state(),
            "momo": in_file.told(steps.optimizer.param_groups[0].get("numbers", {})),
            "budget": [self.plan.budget.begun, self.plan.budget.round],
            "seconds": self.seconds,
            "length": self.plan.train.length,
        }
        arrays = {
            f"{part}/{name}": in_file.as_array(t)
            for part, tensors in parts.items()
            for name, t in tensors.items()
        }
        return {**arrays, "told": json.dumps(told)}

    def load(self, arrays: dict[str, Any]) -> None:
        """Goes on from what was kept."""
        told, steps = json.loads(bytes(arrays["told"]).decode()), self.steps
        like = self.plan.module.state_dict()
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for key, array in arrays.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = in_file.as_tensor(
                array, None if part == "random" else like.get(name)
            )
        steps.put(parts["now"])
        self.good, self.best = parts["good"], parts.get("best")
        if steps.average is not None:
            steps.average = [parts["average"][name] for name in steps.names]
        for part in (part for part in parts if part.startswith("memory ")):
            for name, tensor in parts[part].items():
                p = steps.params[steps.names.index(name)]
                steps.optimizer.state[p][part.removeprefix("memory ")] = tensor
        if told["momo"]:
            steps.optimizer.param_groups[0]["numbers"] = in_file.untold(told["momo"], self.plan.device)
        for owner, numbers in ((self, told["numbers"]), (steps, told["steps"])):
            for name, value in numbers.items():
                setattr(owner, name, value)
        steps.size = StepSize(**told["size"])
        steps.noticed.load(told["noticed"], lambda n, v: torch.tensor(v, device=like[n].device))
        self.plan.budget.begun, self.plan.budget.round = told["budget"]
        self.plan.train.length = told["length"]
        self.before, self.resumed = told["seconds"], steps.taken
        self.order = parts["random"].get("order")
        steps.set_stream(parts["random"]["now"])
