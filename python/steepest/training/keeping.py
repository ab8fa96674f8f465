"""A run as a file keeps it: arrays by name and one text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from steepest.errors import ModelFileError
from steepest.training.step_size import StepSize

if TYPE_CHECKING:
    from steepest.training.loop import Training

__all__ = ["load", "state"]

#: What is kept of a run as it is, by name, and of its steps.
_NUMBERS = (
    "epoch", "batch", "failures", "best_loss", "best_review", "last_round", "since", "sums", "counts", "rate",
    "history",
)  # fmt: skip
_OF_STEPS = ("taken", "evaluations", "clipped", "usual", "scale", "steady")


def state(run: Training) -> dict[str, Any]:
    """All that a run goes on from."""
    steps = run.steps
    now, stream, _ = run.aside or (steps.weights(), steps.stream(), None)
    parts = {"now": steps.arrays(now), "good": steps.arrays(run.good)}
    if run.best is not None:
        parts["best"] = steps.arrays(run.best)
    memories, rule = steps.memories()
    parts |= {**memories, "random": stream}
    if run.order is not None:
        parts["order"] = run.order
    told = {
        "numbers": {n: getattr(run, n) for n in _NUMBERS},
        "steps": {n: getattr(steps, n) for n in _OF_STEPS},
        "size": vars(steps.size),
        "noticed": steps.noticed.state(),
        "rule": rule,
        "budget": [run.plan.budget.begun, run.plan.budget.round],
        "seconds": run.seconds,
        "length": run.plan.train.length,
        "parts": list(parts),
    }
    arrays = {f"{part}/{name}": array for part, some in parts.items() for name, array in some.items()}
    return {**arrays, "told": json.dumps(told)}


def load(run: Training, arrays: dict[str, Any]) -> None:
    """Goes on from what was kept; what no run has written is refused, and the network stays as it was."""
    weights = run.steps.weights()
    try:
        _load(run, arrays)
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        run.steps.put(weights)
        raise ModelFileError(f"the checkpoint was altered: {type(error).__name__}: {error}") from None


def _load(run: Training, arrays: dict[str, Any]) -> None:
    told, steps = json.loads(bytes(arrays["told"]).decode()), run.steps
    parts: dict[str, dict[str, Any]] = {part: {} for part in told["parts"]}
    for key, array in arrays.items():
        part, _, name = key.partition("/")
        if key != "told":
            parts[part][name] = array
    steps.put(steps.from_arrays(parts["now"]))
    run.good = steps.from_arrays(parts["good"])
    run.best = steps.from_arrays(parts["best"]) if "best" in parts else None
    steps.put_memories(parts, told["rule"])
    for owner, numbers, names in ((run, told["numbers"], _NUMBERS), (steps, told["steps"], _OF_STEPS)):
        for name in names:
            setattr(owner, name, numbers[name])
    steps.size = StepSize(**told["size"])
    steps.noticed.load(told["noticed"], steps.flags)
    run.plan.budget.begun, run.plan.budget.round = told["budget"]
    run.plan.train.length = told["length"]
    run.before, run.resumed = told["seconds"], steps.taken
    run.order = parts.get("order")
    steps.set_stream(parts["random"])
