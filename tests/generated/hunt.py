"""python -m tests.generated --cases 100000 --seed N [--only KIND] [--family F] [--case KIND:N:I]

Draws problems by families, solves them with steepest, judges the answers with an oracle that shares no code with
it, and prints the counts and a reproduction of each violation. A case is known by its seed and index.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

os.environ.setdefault("STEEPEST_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from tests.generated import (
    applied,
    bounded,
    constrained,
    functions,
    further,
    high,
    learnt,
    linear,
    losses,
    methods,
    sided,
    straight,
)
from tests.generated.verdict import FAULTS, SECONDS, Verdict

Job = tuple[str, int, int, str | None]
KINDS: dict[str, Any] = {
    "linear": linear, "functions": functions, "further": further, "losses": losses, "learnt": learnt,
    "straight": straight, "methods": methods, "constrained": constrained, "sided": sided, "applied": applied,
    "high": high, "bounded": bounded,
}  # fmt: skip
#: The kinds that take turns; of every FURTHER indices one is drawn from the further families and methods besides.
TURNS = ("linear", "functions")
FURTHER = 10


def case(kind: str, seed: int, index: int, family: str | None = None) -> Any:
    with np.errstate(all="ignore"):
        return KINDS[kind].draw(np.random.default_rng([seed, index]), family)


def one(job: Job) -> tuple[int, str, str, Verdict]:
    """The verdict on one case."""
    kind, seed, index, family = job
    drawn = case(kind, seed, index, family)
    with np.errstate(all="ignore"):
        return index, kind, drawn.family, KINDS[kind].judge(drawn)


def jobs(
    cases: int, seed: int, only: str | None = None, family: str | None = None, first: int = 0
) -> list[Job]:
    """Kind, seed, index and family of each case: so many by turns, a tenth as many of `further` and of `methods`.

    The other kinds are drawn where `only` names them.
    """
    kinds = [only] if only else TURNS
    work = []
    for i in range(first, first + cases):
        work.append((kinds[i % len(kinds)], seed, i, family))
        if only is None and i % FURTHER == 0:
            work += [("further", seed, i, family), ("methods", seed, i, family)]
    return work


def run(
    jobs: list[Job], processes: int, calls: int = functions.CALLS
) -> Iterator[tuple[int, str, str, Verdict]]:
    """Verdicts, as they come. A process that dies or hangs is a verdict too; with none, all is done in this one.

    `calls` is what a rule may take for a function.
    """
    if processes < 1:
        yield from map(one, jobs)
        return
    lines = [_Line(jobs[k::processes], calls) for k in range(processes)]
    while lines:
        ready = wait([line.pipe for line in lines], timeout=1.0)
        for line in list(lines):
            if line.pipe in ready or time.monotonic() > line.until:
                yield from line.take()
                if not line.left:
                    line.process.join()
                    lines.remove(line)


class _Line:
    """A process at work on its share of the jobs, begun again after the job that ended it."""

    def __init__(self, jobs: list[Any], calls: int) -> None:
        self.left, self.calls = jobs, calls
        self._begin()

    def _begin(self) -> None:
        self.pipe, there = get_context("spawn").Pipe(duplex=False)
        self.process = get_context("spawn").Process(
            target=_work, args=(there, self.left, self.calls), daemon=True
        )
        self.process.start()
        there.close()
        self.until = time.monotonic() + 60 + 60 * SECONDS

    def take(self) -> list[tuple[int, str, str, Verdict]]:
        if time.monotonic() <= self.until or self.pipe.poll():
            try:
                answer = self.pipe.recv()
            except EOFError:
                self.process.join()
                return [self._lost(f"the process died with exit code {self.process.exitcode}")]
            self.left = self.left[1:]
            self.until = time.monotonic() + 60 + 60 * SECONDS
            return [answer]
        self.process.kill()
        self.process.join()
        return [self._lost("hangs: no answer, and no exception where one was raised")]

    def _lost(self, why: str) -> tuple[int, str, str, Verdict]:
        kind, seed, index, family = self.left[0]
        self.left = self.left[1:]
        if self.left:
            self._begin()
        return index, kind, case(kind, seed, index, family).family, Verdict("crash", why)


def _work(pipe: Any, jobs: list[Any], calls: int) -> None:
    functions.CALLS = calls
    for job in jobs:
        pipe.send(one(job))


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
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="all cores")
    parser.add_argument("--summary", help="a file that the counts are written to at the end")
    asked = parser.parse_args()
    if asked.case:
        return again(asked.case)
    seed = time.time_ns() % 10**9 if asked.seed is None else asked.seed
    print(f"seed {seed}, {asked.cases} cases", flush=True)
    began, counts, faults = time.monotonic(), Counter(), Counter()
    ratios: defaultdict[str, list[float]] = defaultdict(list)
    for ends in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ends, signal.default_int_handler)
    work = jobs(asked.cases, seed, asked.only, asked.family, asked.first)
    told, done = began, asked.first
    try:
        for index, kind, family, verdict in run(work, asked.processes):
            done = max(done, index)
            if time.monotonic() > told + 60:
                told = time.monotonic()
                print(f"  {sum(counts.values())} cases, {sum(faults.values())} violations", flush=True)
            counts[kind, family, verdict.kind or "as promised"] += 1
            if verdict.ratio is not None:
                ratios[family].append(verdict.ratio)
            if verdict.fault:
                method = verdict.text.split(" ")[0]
                faults[kind, verdict.kind, method] += 1
                if faults[kind, verdict.kind, method] <= asked.show:
                    name = f"{kind}:{seed}:{index}" + (f":{asked.family}" if asked.family else "")
                    print(f"{verdict.kind.upper()} --case {name} ({family}) {verdict.text[:400]}", flush=True)
                    if faults[kind, verdict.kind, method] <= asked.shorten:
                        show(kind, case(kind, seed, index, asked.family), verdict)
    except KeyboardInterrupt:
        print(f"interrupted: the counts so far; --seed {seed} --first {done} goes on")
    told_all = summary(counts, faults, ratios)
    told_all += (
        f"\n{sum(counts.values())} cases, {sum(faults.values())} violations, {time.monotonic() - began:.0f} s"
    )
    print(told_all)
    if asked.summary:
        Path(asked.summary).write_text(f"seed {seed}, indices {asked.first} to {done}\n{told_all}\n")
    return 1 if faults else 0


def summary(counts: Counter[Any], faults: Counter[Any], ratios: dict[str, list[float]]) -> str:
    """Counts by family and verdict, calls by SciPy's, and violations by kind and method."""
    verdicts = sorted({v for _, _, v in counts})
    out = []
    for kind in sorted({k for k, _, _ in counts}):
        out.append(f"{kind}: " + ", ".join(verdicts))
        for family in sorted({f for k, f, _ in counts if k == kind}):
            out.append(f"  {family:14}" + "".join(f"{counts[kind, family, v]:8}" for v in verdicts))
        sums = [
            sum(n for (k, _, v), n in counts.items() if (k, v) == (kind, verdict)) for verdict in verdicts
        ]
        out.append(f"  {'all':14}" + "".join(f"{n:8}" for n in sums))
    for family, found in sorted(ratios.items()):
        mean = float(np.exp(np.mean(np.log(found))))
        calls = f"{mean:.2f} (geometric mean of {len(found)}), at most {max(found):.1f}"
        out.append(f"  {family:14} calls by SciPy's: {calls}")
    out += [f"  {kind:10} {what:16} {method:20} {n}" for (kind, what, method), n in sorted(faults.items())]
    for kind in sorted({k for k, _, _ in counts}):
        wrong = Counter({f: 0 for k, f, _ in counts if k == kind})
        for (k, family, verdict), n in counts.items():
            wrong[family] += n if k == kind and verdict in FAULTS else 0
        told = ", ".join(f"{family} {n}" for family, n in wrong.most_common() if n)
        out.append(f"{kind}, violations by family: {told or 'none'}")
    return "\n".join(out)


def show(kind: str, drawn: Any, verdict: Verdict) -> None:
    with np.errstate(all="ignore"):
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
