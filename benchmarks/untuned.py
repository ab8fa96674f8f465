"""Final held-out loss of `steepest.torch.fit` with nothing said, against the best of 34 tuned runs on each of 16 small tasks.

python benchmarks/untuned.py --data DIR --json untuned.json      runs what is not in the file yet
python benchmarks/untuned.py --json untuned.json --redraw        the table alone

DIR holds fashion_mnist, tiny_shakespeare and california_housing. The grid: AdamW (weight decay .01) at 7 rates and SGD with momentum
at 10, each constant and along a cosine, the best chosen by the final held-out loss itself. Ours gets fewer steps, so that the
evaluations by which it judges its steps are within the same budget (a forward pass is a third of a step). The final weights count,
not the best on the way. Beside it torch's AdamW at 1e-3 and rules of the catalogue at their defaults, at a constant rate.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _given import parser
from _tasks import TASKS, Task, make
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


def table(found: dict[str, Any]) -> None:
    """Per cent above the best of the grid, the worst first, with a paired bootstrap over the seeds."""
    names = ["fit", "adamw", *PEERS]
    drawn, logs = np.random.default_rng(0), {}
    for task in TASKS:
        seeds = [
            v
            for key, v in sorted(found.items())
            if key.split("/")[0] == task and {"grid", *names} <= v.keys()
        ]
        if seeds:
            logs[task] = np.array([[math.log(v[n] / v["grid"]) for n in names] for v in seeds])
    per_cent = lambda v: f"{100 * math.expm1(min(v, 9.0)):+.0f}"  # noqa: E731
    print(f"| task (seeds) | fit [95 %] | {' | '.join(names[1:])} |\n|---|---|{'---|' * (len(names) - 1)}")
    for task in sorted(logs, key=lambda t: -logs[t][:, 0].mean()):
        some = logs[task]
        again = some[drawn.integers(0, len(some), (2000, len(some))), 0].mean(1)
        low, high = np.quantile(again, [0.025, 0.975])
        mean = some.mean(0)
        print(
            f"| {task} ({len(some)}) | {per_cent(mean[0])} [{per_cent(low)}, {per_cent(high)}] | {' | '.join(map(per_cent, mean[1:]))} |"
        )
    if logs:
        mean = np.mean([some.mean(0) for some in logs.values()], axis=0)
        print(f"| geometric mean | {' | '.join(map(per_cent, mean))} |")


def main() -> None:
    options = parser(__doc__, "only", seeds=5)
    options.add_argument("--data", type=Path, default=Path("data"), help="where the tables lie")
    options.add_argument("--redraw", action="store_true", help="print the table of what was kept")
    options.add_argument("--without", default="", help="leave some of grid,fit,peers out")
    given = options.parse_args()
    torch.set_num_threads(1)
    kept = given.json or Path("untuned.json")
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    for seed in range(0 if given.redraw else given.seeds):
        for name in TASKS:
            if given.only and given.only not in name:
                continue
            here, began = found.setdefault(f"{name}/{seed}", {}), time.perf_counter()
            if "grid" not in here and "grid" not in given.without:
                here |= grid(make(name, seed, given.data), seed)
            if "fit" not in here and "fit" not in given.without:
                here |= ours(make(name, seed, given.data), seed)
            for rule, make_rule in PEERS.items() if "peers" not in given.without else ():
                if rule not in here:
                    here[rule] = peer(make(name, seed, given.data), seed, make_rule)
            kept.write_text(json.dumps(found, indent=1) + "\n")
            words = " ".join(f"{k} {v:.4g}" for k, v in here.items() if isinstance(v, float))
            print(f"{name}/{seed} [{time.perf_counter() - began:.0f} s] {words}", flush=True)
    table(found)


if __name__ == "__main__":
    main()
