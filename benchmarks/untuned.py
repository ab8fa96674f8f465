"""Final held-out loss of `steepest.torch.fit` with nothing said, against the best of 34 tuned runs on each of 16 small tasks.

python benchmarks/untuned.py                                     the table, from what is kept in untuned.json beside this file
python benchmarks/untuned.py --data DIR --json found.json        runs what is not in the file yet (two hours for five seeds)

DIR holds fashion_mnist, tiny_shakespeare and california_housing. The grid: AdamW (weight decay .01) at 7 rates and SGD with momentum
at 10, each constant and along a cosine, the best chosen by the final held-out loss itself. Ours gets fewer steps, so that the
evaluations by which it judges its steps are within the same budget (a forward pass is a third of a step). The final weights count,
not the best on the way. The best of a grid for each seed by itself is in part luck, which no method has twice: beside it stands the
one run of the grid that is best for the task over all of its seeds. Beside them torch's AdamW at 1e-3 and rules of the catalogue at their defaults, at a constant rate.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from _given import parser

#: How many of the seeds, the first, the length of a step below the cap was chosen on.
CHOSEN_ON = 5


def table(found: dict[str, Any]) -> None:
    """Per cent above the best of the grid for each seed, the worst first, with a paired bootstrap over the seeds; above
    the run of it that is best over all seeds; and what others are."""
    names = ["fit", "adamw", "prodigy", "schedule_free", "mechanic", "dog", "momo_adam"]
    drawn, logs = np.random.default_rng(0), {}
    for task in dict.fromkeys(key.split("/")[0] for key in found):
        seeds = [
            v
            for key, v in sorted(found.items())
            if key.split("/")[0] == task and {"grid", *names} <= v.keys()
        ]
        if seeds:
            logs[task] = np.array([[math.log(v[n] / v["grid"]) for n in names] for v in seeds])
    # By task, how far each run of the grid is above the best one of each seed.
    runs = {
        task: np.array(
            [
                [min(math.log((r if r and math.isfinite(r) else 1e9) / v["grid"]), 9.0) for r in v["runs"]]
                for key, v in found.items()
                if key.split("/")[0] == task and {"grid", *names} <= v.keys()
            ]
        )[:, :-1].mean(0)
        for task in logs
    }
    per_cent = lambda v: f"{100 * math.expm1(min(v, 9.0)):+.0f}"  # noqa: E731
    heads = ["task (seeds)", "fit [95 %]", "fit, one run for all seeds", *names[1:]]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for task in sorted(logs, key=lambda t: -logs[t][:, 0].mean()):
        some = logs[task]
        again = some[drawn.integers(0, len(some), (2000, len(some))), 0].mean(1)
        low, high = np.quantile(again, [0.025, 0.975])
        mean = some.mean(0)
        print(
            f"| {task} ({len(some)}) | {per_cent(mean[0])} [{per_cent(low)}, {per_cent(high)}] | "
            f"{' | '.join(map(per_cent, [mean[0] - runs[task].min(), *mean[1:]]))} |"
        )
    if logs:
        mean = np.mean([some.mean(0) for some in logs.values()], axis=0)
        one = mean[0] - np.mean([some.min() for some in runs.values()])
        print(f"| geometric mean | {' | '.join(map(per_cent, [mean[0], one, *mean[1:]]))} |")
        # A run of the grid is the same rule, rate (times the task's scale) and schedule in all tasks.
        print(
            f"the best single run of the grid for all tasks: {per_cent(np.mean(list(runs.values()), axis=0).min())} %"
        )
    for words, chosen in (("the first five seeds, on which it was chosen", True), ("other seeds", False)):
        means = {
            task: np.mean(some)
            for task in logs
            if (
                some := [
                    math.log(v["fit"] / v["grid"])
                    for key, v in found.items()
                    if key.split("/")[0] == task
                    and (int(key.split("/")[1]) < CHOSEN_ON) == chosen
                    and {"grid", *names} <= v.keys()
                ]
            )
        }
        if means:
            worst = max(means, key=means.__getitem__)
            print(
                f"fit on {words} ({len(means)} tasks): {per_cent(np.mean(list(means.values())))} %, "
                f"at worst {per_cent(means[worst])} % ({worst})"
            )


def main() -> None:
    options = parser(__doc__, "only", seeds=5)
    options.add_argument("--data", type=Path, help="where the tables lie; without it nothing is run")
    options.add_argument("--without", default="", help="leave some of grid,fit,peers out")
    given = options.parse_args()
    kept = given.json or Path(__file__).with_suffix(".json")
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    if given.data is not None:
        from _runs import missing
        from _tasks import TASKS

        for seed, name in itertools.product(range(given.seeds), TASKS):
            if given.only is None or given.only in name:
                here, began = found.setdefault(f"{name}/{seed}", {}), time.perf_counter()
                here |= missing(name, seed, given.data, here, given.without)
                lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items())
                kept.write_text("{\n" + ",\n".join(lines) + "\n}\n")
                words = " ".join(f"{k} {v:.4g}" for k, v in here.items() if isinstance(v, float))
                print(f"{name}/{seed} [{time.perf_counter() - began:.0f} s] {words}", flush=True)
    table(found)


if __name__ == "__main__":
    main()
