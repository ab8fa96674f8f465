"""One run of a task of `_tasks`: the tuned ones of a grid all at once, `steepest.torch.fit`, a rule at its default."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from _tasks import Task, make
from torch.func import functional_call, grad_and_value, vmap

import steepest
import steepest.torch as rules

ADAM = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]
SGD = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 0.3, 1.0, 3.0]
PEERS = {
    "prodigy": lambda p: rules.Prodigy(p),
    "schedule_free": lambda p: rules.ScheduleFreeAdamw(p),
    "mechanic": lambda p: rules.AdamW(p, after=[steepest.rules.Mechanic()]),
    "dog": lambda p: rules.Dog(p),
    "momo_adam": lambda p: rules.MomoAdam(p),
}


def batches(task: Task, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The same for every method but ours, which draws its own."""
    drawn = torch.Generator().manual_seed(1000 + seed)
    for _ in range(task.epochs):
        order = torch.randperm(len(task.x), generator=drawn)
        for k in range(len(task.x) // task.batch):
            rows = order[k * task.batch : (k + 1) * task.batch]
            yield task.x[rows], task.y[rows]


def grid(task: Task, seed: int) -> dict[str, Any]:
    """All tuned runs of a task at once, their parameters the rows of a matrix; the last one is AdamW at 1e-3."""
    scale = task.scale
    runs = [("adamw", r * scale[0], c) for c in ("constant", "cosine") for r in ADAM]
    runs += [("sgd", r * scale[1], c) for c in ("constant", "cosine") for r in SGD]
    runs += [("adamw", 1e-3, "constant")]
    names, like = zip(*task.module.named_parameters(), strict=True)
    sizes = [p.numel() for p in like]

    def loss(flat: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        parts = (v.reshape(p.shape) for v, p in zip(flat.split(sizes), like, strict=True))
        return task.loss(functional_call(task.module, dict(zip(names, parts, strict=True)), (x,)), y)

    slope, value = vmap(grad_and_value(loss), (0, None, None)), vmap(loss, (0, None, None))
    rate = torch.tensor([r for _, r, _ in runs])[:, None]
    adam = torch.tensor([kind == "adamw" for kind, _, _ in runs])[:, None]
    falls = torch.tensor([schedule == "cosine" for _, _, schedule in runs])[:, None]
    x = torch.cat([p.detach().reshape(-1) for p in like]).repeat(len(runs), 1)
    mean, square = torch.zeros_like(x), torch.zeros_like(x)
    for k, batch in enumerate(batches(task, seed)):
        g, _ = slope(x, *batch)
        mean = torch.where(adam, 0.9 * mean + 0.1 * g, 0.9 * mean + g)
        square = 0.999 * square + 0.001 * g * g
        root = (square / (1 - 0.999 ** (k + 1))).sqrt() + 1e-8
        way = torch.where(adam, mean / (1 - 0.9 ** (k + 1)) / root, mean)
        now = rate * torch.where(falls, 0.5 * (1 + math.cos(math.pi * k / task.steps)), 1.0)
        x = torch.where(adam, x * (1 - 0.01 * now), x) - now * way
    with torch.no_grad():
        last = torch.nan_to_num(value(x, task.held_x, task.held_y), nan=math.inf).tolist()
    best = min(range(len(runs) - 1), key=last.__getitem__)
    return {"grid": last[best], "winner": runs[best], "adamw": last[-1], "runs": last}


def ours(task: Task, seed: int) -> dict[str, Any]:
    """`fit` with nothing said but the budget."""
    steps = int((task.steps - 20 / 3) / (1 + 1 / 12))
    held = [(task.held_x, task.held_y)]  # at once, as the others are judged
    result = rules.fit(
        task.module,
        (task.x, task.y),
        task.loss,
        bound=0.0,
        validation=held,
        max_steps=steps,
        batch_size=task.batch,
        seed=seed,
        race=False,  # which would spend more than the others do
    )
    return {
        "fit": float(result.history["held_out"][-1]),
        "fit_best": float(result.fun),
        "cap": float(max(result.history["cap"])),
    }


def peer(task: Task, seed: int, make_rule: Any) -> float:
    """A rule at its default, at a constant rate."""
    optimizer = make_rule(task.module.parameters())
    for x, y in batches(task, seed):
        optimizer.zero_grad()
        loss = task.loss(task.module(x), y)
        if not torch.isfinite(loss):
            return math.inf
        loss.backward()
        optimizer.step(loss=loss.detach())
    with optimizer.shown(), torch.no_grad():
        value = float(task.loss(task.module(task.held_x), task.held_y))
    return value if math.isfinite(value) else math.inf


def missing(name: str, seed: int, data: Path, known: dict[str, Any], without: str) -> dict[str, Any]:
    """What is not known yet of a task and a seed."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    if "grid" not in known and "grid" not in without:
        found |= grid(make(name, seed, data), seed)
    if "fit" not in known and "fit" not in without:
        found |= ours(make(name, seed, data), seed)
    for rule, make_rule in PEERS.items() if "peers" not in without else ():
        if rule not in known:
            found[rule] = peer(make(name, seed, data), seed, make_rule)
    return found
