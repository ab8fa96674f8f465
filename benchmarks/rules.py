"""A step of a rule beside torch's own, and beside a plain loop over the same bytes.

    python benchmarks/rules.py [--json FILE] [--quick] [--threads 2]

Everything runs in turns within one process; medians and bests of the turns are shown. The plain loop is
`a += b` on as many threads, which touches 12 bytes an entry, scaled to the bytes that the rule touches.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from _given import keep, parser

#: Arrays that a rule reads and writes beside x (read, written) and g (read).
MEMORIES = {"sgd": 0, "momentum": 1, "adam": 2}


def plain_loop(n: int, dtype: str, threads: int) -> Callable[[], None]:
    """`a += b`, split over threads."""
    a, b = np.zeros(n, dtype), np.ones(n, dtype)
    cuts = [n * k // threads for k in range(threads + 1)]
    pool = ThreadPoolExecutor(threads)

    def part(k: int) -> None:
        here = slice(cuts[k], cuts[k + 1])
        np.add(a[here], b[here], out=a[here])

    return lambda: list(pool.map(part, range(threads))) and None


def contenders(rule: str, n: int, dtype: str) -> dict[str, Callable[[], Any]]:
    """Ours and torch's, each with arrays of its own, one step a call."""
    import torch

    import steepest.torch
    from steepest import _core

    rng = np.random.default_rng(0)
    x, g = rng.normal(size=n).astype(dtype), rng.normal(size=n).astype(dtype)
    memory = [np.zeros_like(x) for _ in range(MEMORIES[rule])]
    mine, count = _core.Rule([(rule, {})]), iter(range(1, 10**9))

    def parameter() -> Any:
        p = torch.nn.Parameter(torch.from_numpy(x.copy()))
        p.grad = torch.from_numpy(g.copy())
        return p

    def theirs(**how: bool) -> Any:
        if rule == "adam":
            return torch.optim.AdamW([parameter()], lr=1e-3, weight_decay=0.0, **how).step
        return torch.optim.SGD(
            [parameter()], lr=1e-3, momentum=0.9 if rule == "momentum" else 0.0, **how
        ).step

    hooked = getattr(steepest.torch, rule.capitalize())([parameter()], lr=1e-3)
    state = np.zeros(0)
    return {
        "steepest": lambda: mine.step([x], [g], [memory], state, next(count), 1e-3),
        "steepest.torch": hooked.step,
        "torch fused": theirs(fused=True),
        "torch foreach": theirs(foreach=True),
        "torch single": theirs(foreach=False),
    }


def measure(rule: str, n: int, dtype: str, threads: int, repeats: int) -> dict[str, Any]:
    """Seconds a step, in turns."""
    runs = {**contenders(rule, n, dtype), "plain loop": plain_loop(n, dtype, threads)}
    inner = max(1, min(1000, 200_000 // n))
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 2):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(inner):
                run()
            if turn >= 2:
                taken[name].append((time.perf_counter() - start) / inner)
    touched = (3 + 2 * MEMORIES[rule]) * np.dtype(dtype).itemsize * n
    taken["plain loop"] = [t * touched / (3 * np.dtype(dtype).itemsize * n) for t in taken["plain loop"]]
    answer = {k: {"median": statistics.median(v), "best": min(v)} for k, v in taken.items()}
    return {"rule": rule, "n": n, "dtype": dtype, "threads": threads, "bytes": touched, "seconds": answer}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in markdown, microseconds a step: the median (the best)."""
    names = list(rows[0]["seconds"])
    head = ["rule", "entries", "dtype", *names, "ours / fused", "ours / loop"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        s = row["seconds"]
        cells = [f"{s[k]['median'] * 1e6:.4g} ({s[k]['best'] * 1e6:.4g})" for k in names]
        ratios = [
            f"{s['steepest']['median'] / s[k]['median']:.2f} ({s['steepest']['best'] / s[k]['best']:.2f})"
            for k in ("torch fused", "plain loop")
        ]
        lines.append("| " + " | ".join([row["rule"], f"{row['n']:,}", row["dtype"], *cells, *ratios]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    given = parser(__doc__, "quick", threads=2).parse_args()
    os.environ.setdefault("STEEPEST_NUM_THREADS", str(given.threads))
    import torch

    torch.set_num_threads(given.threads)
    cases = [("adam", 10_000_000, "float32"), ("adam", 1_000, "float32")]
    if not given.quick:
        cases += [("adam", 100_000, "float32"), ("adam", 5_000_000, "float64")]
        cases += [("momentum", 10_000_000, "float32"), ("sgd", 10_000_000, "float32")]
    rows = [measure(*case, given.threads, 9 if given.quick else 25) for case in cases]
    print("Microseconds a step, median (best) of turns taken in one process:\n")
    print(table(rows))
    keep(given, {"versions": {"torch": torch.__version__, "numpy": np.__version__}, "rows": rows})


if __name__ == "__main__":
    main()
