"""Every schedule is torch's or optax's, where they have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from steepest import hosts, rates

pytestmark = pytest.mark.hosts

try:
    import jax
    import optax
    import torch
    from torch.optim import lr_scheduler

    jax.config.update("jax_enable_x64", True)
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    torch = None  # type: ignore[assignment]

STEPS = 120


def torchs(make: Callable[[Any], Any]) -> list[float]:
    """The factors of a scheduler of torch's, step by step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, found = make(optimizer), []
    for _ in range(STEPS):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


def optaxs(make: Callable[[], Any]) -> list[float]:
    schedule = make()
    return [float(schedule(jax.numpy.asarray(k, "int64"))) for k in range(STEPS)]


def joined() -> Any:
    parts = [
        optax.linear_schedule(0.1, 1.0, 12),
        optax.constant_schedule(1.0),
        optax.linear_schedule(1.0, 0.05, 30),
    ]
    return optax.join_schedules(parts, [12, 90])


CASES: dict[str, tuple[Callable[[], Any], Callable[[], list[float]]]] = {
    "step": (
        lambda: rates.Step(every=7, factor=0.8),
        lambda: torchs(lambda o: lr_scheduler.StepLR(o, 7, 0.8)),
    ),
    "multi_step": (
        lambda: rates.MultiStep(first=5, second=20, third=70, factor=0.3),
        lambda: torchs(lambda o: lr_scheduler.MultiStepLR(o, [5, 20, 70], 0.3)),
    ),
    "linear": (
        lambda: rates.Linear(end=0.2),
        lambda: torchs(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.2, STEPS)),
    ),
    "exponential": (
        lambda: rates.Exponential(end=0.9**STEPS),
        lambda: torchs(lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    ),
    "polynomial": (
        lambda: rates.Polynomial(power=1.7),
        lambda: torchs(lambda o: lr_scheduler.PolynomialLR(o, STEPS, 1.7)),
    ),
    "polynomial to an end": (
        lambda: rates.Polynomial(power=3.0, end=0.1),
        lambda: optaxs(lambda: optax.polynomial_schedule(1.0, 0.1, 3.0, STEPS)),
    ),
    "cosine": (
        lambda: rates.Cosine(end=0.1),
        lambda: torchs(lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, 0.1)),
    ),
    "warm_up": (
        lambda: rates.WarmUp(steps=30, start=0.25),
        lambda: torchs(lambda o: lr_scheduler.LinearLR(o, 0.25, 1.0, 30)),
    ),
    "warm_restarts": (
        lambda: rates.WarmRestarts(first=13, end=0.1),
        lambda: torchs(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 13, 1, 0.1)),
    ),
    "warm_restarts that grow": (
        lambda: rates.WarmRestarts(first=4, grow=3),
        lambda: torchs(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, 3)),
    ),
    "one_cycle": (
        lambda: rates.OneCycle(rise=0.25, start=0.1, end=0.001),
        lambda: optaxs(lambda: optax.cosine_onecycle_schedule(STEPS, 1.0, 0.25, 10.0, 100.0)),
    ),
    "triangular": (
        lambda: rates.Triangular(steps=9, low=0.2),
        lambda: torchs(lambda o: lr_scheduler.CyclicLR(o, 0.2, 1.0, 9, cycle_momentum=False)),
    ),
    "triangular that shrinks": (
        lambda: rates.Triangular(steps=9, low=0.2, shrink=0.5),
        lambda: torchs(
            lambda o: lr_scheduler.CyclicLR(o, 0.2, 1.0, 9, mode="triangular2", cycle_momentum=False)
        ),
    ),
    "stable": (lambda: rates.Stable(rise=0.1, fall=0.25, start=0.1, end=0.05), lambda: optaxs(joined)),
}


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_its_reference(name: str) -> None:
    ours, theirs = CASES[name]
    factor = hosts.factor(ours(), STEPS)
    assert [factor(k) for k in range(STEPS)] == pytest.approx(theirs(), rel=1e-10, abs=1e-10)
