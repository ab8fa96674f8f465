"""What a fit takes beyond its data: the peak of resident memory over what was there before, as a part of X.

    python benchmarks/memory.py [--rows N] [--columns D] [--json FILE]

The tables of `linear.py`, each in a process of its own, after a small fit that brings the code and the threads into
memory. The kernel keeps the peak; it is set back before the fit (Linux only).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from _given import keep, parser
from linear import cases, estimator, ours


def resident(which: str) -> int:
    """VmRSS now, or VmHWM at its peak, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"{which} is not in /proc/self/status: this benchmark needs Linux")


FITS = {"core": lambda case: ours(case, 1e-6), "estimator": estimator}


def beyond(rows: int, columns: int, seed: int, which: int, fit: str) -> dict[str, float | str]:
    """One table and one fit: the peak over X."""
    case = cases(rows, columns, seed)[which]
    FITS[fit](cases(2000, 5, seed)[which])
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    FITS[fit](case)
    peak = resident("VmHWM") - before
    return {"table": case.name, "megabytes": case.X.nbytes / 1e6, "fit": fit, "beyond": peak / case.X.nbytes}


def main() -> None:
    """Prints a markdown table."""
    asked = parser(__doc__, rows=500_000, columns=100, seed=0)
    asked.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.one is not None:
        which, fit = given.one
        print(json.dumps(beyond(given.rows, given.columns, given.seed, int(which), fit)))
        return
    found = []
    print("| table | X, MB | core, beyond X | estimator, beyond X |\n|---|---|---|---|")
    for which in range(len(cases(10, 2, 0))):
        run = [sys.executable, *sys.argv, "--one", str(which)]
        both = [json.loads(subprocess.check_output([*run, fit], text=True)) for fit in FITS]
        found += both
        beside = " | ".join(f"{one['beyond']:.1%}" for one in both)
        print(f"| {both[0]['table']} | {both[0]['megabytes']:.0f} | {beside} |", flush=True)
    keep(given, {"numpy": np.__version__, "tables": found})


if __name__ == "__main__":
    main()
