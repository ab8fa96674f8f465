"""python -m tests.generated --cases 100000 --seed N [--only linear|functions] [--family F] [--case N:I]

Draws problems by families, solves them with steepest, judges the answers with an oracle that shares no code with
it, and prints the counts and a reproduction of each violation. A case is known by its seed and index.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any

os.environ.setdefault("STEEPEST_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from tests.generated import linear
from tests.generated.verdict import Verdict

KINDS: dict[str, Any] = {"linear": linear}


def case(kind: str, seed: int, index: int, family: str | None = None) -> Any:
    return KINDS[kind].draw(np.random.default_rng([seed, index]), family)


def one(job: tuple[str, int, int, str | None]) -> tuple[int, str, str, Verdict]:
    """The verdict on one case."""
    kind, seed, index, family = job
    drawn = case(kind, seed, index, family)
    with np.errstate(all="ignore"):
        return index, kind, drawn.family, KINDS[kind].judge(drawn)


def run(
    cases: int, seed: int, only: str | None, family: str | None, processes: int, first: int = 0
) -> Iterator[Any]:
    """Verdicts in order; the kinds take turns."""
    kinds = [only] if only else list(KINDS)
    jobs = ((kinds[i % len(kinds)], seed, i, family) for i in range(first, first + cases))
    if processes < 2:
        yield from map(one, jobs)
        return
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(one, jobs, chunksize=16)


def shortest(kind: str, drawn: Any, verdict: Verdict, seconds: float = 20.0) -> tuple[Any, Verdict]:
    """Steps to simpler cases while the same fault shows."""
    end = time.monotonic() + seconds
    judge, again = KINDS[kind].judge, True
    while again:
        again = False
        for simpler in KINDS[kind].smaller(drawn):
            if time.monotonic() > end:
                return drawn, verdict
            new = judge(simpler)
            if new.kind == verdict.kind:
                drawn, verdict, again = simpler, new, True
                break
    return drawn, verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.generated", description=__doc__)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=None, help="from the clock unless given; it is printed")
    parser.add_argument("--first", type=int, default=0, help="the first index")
    parser.add_argument("--only", choices=list(KINDS))
    parser.add_argument("--family", help="the tables or functions of this family only")
    parser.add_argument("--case", help="KIND:SEED:INDEX[:FAMILY]: runs this one again, and shortens it")
    parser.add_argument(
        "--shorten", type=int, default=0, help="so many violations of each sort are shortened"
    )
    parser.add_argument("--show", type=int, default=5, help="so many violations of each sort are shown")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    if asked.case:
        return again(asked.case)
    seed = time.time_ns() % 10**9 if asked.seed is None else asked.seed
    print(f"seed {seed}, {asked.cases} cases", flush=True)
    began, counts, faults = time.monotonic(), Counter(), Counter()
    for index, kind, family, verdict in run(
        asked.cases, seed, asked.only, asked.family, asked.processes, asked.first
    ):
        counts[kind, family, verdict.kind or "as promised"] += 1
        if verdict.fault:
            method = verdict.text.split(" ")[0]
            faults[kind, verdict.kind, method] += 1
            if faults[kind, verdict.kind, method] <= asked.show:
                name = f"{kind}:{seed}:{index}" + (f":{asked.family}" if asked.family else "")
                print(f"{verdict.kind.upper()} --case {name} ({family}) {verdict.text[:400]}", flush=True)
                if faults[kind, verdict.kind, method] <= asked.shorten:
                    show(kind, case(kind, seed, index, asked.family), verdict)
    table(counts)
    for (kind, what, method), n in sorted(faults.items()):
        print(f"  {kind:10} {what:16} {method:20} {n}")
    print(
        f"{sum(counts.values())} cases, {sum(faults.values())} violations, {time.monotonic() - began:.0f} s"
    )
    return 1 if faults else 0


def table(counts: Counter[Any]) -> None:
    """Counts by family and verdict."""
    verdicts = sorted({v for _, _, v in counts})
    for kind in sorted({k for k, _, _ in counts}):
        print(f"{kind}: " + ", ".join(verdicts))
        for family in sorted({f for k, f, _ in counts if k == kind}):
            print(f"  {family:14}" + "".join(f"{counts[kind, family, v]:8}" for v in verdicts))
        sums = [
            sum(n for (k, _, v), n in counts.items() if (k, v) == (kind, verdict)) for verdict in verdicts
        ]
        print(f"  {'all':14}" + "".join(f"{n:8}" for n in sums))


def show(kind: str, drawn: Any, verdict: Verdict) -> None:
    short, why = shortest(kind, drawn, verdict)
    print(f"    {why.text}\n    {short.code()}", flush=True)


def again(name: str) -> int:
    kind, seed, index, *family = name.split(":")
    drawn = case(kind, int(seed), int(index), family[0] if family else None)
    with np.errstate(all="ignore"):
        verdict = KINDS[kind].judge(drawn)
        print(f"{verdict.kind or 'as promised'}: {verdict.text}\n    {drawn.code()}")
        if verdict.fault:
            print("shortened:")
            show(kind, drawn, verdict)
    return int(verdict.fault)


if __name__ == "__main__":
    sys.exit(main())
