"""Calls of f that constrained minimisation takes, from defaults, beside SciPy's SLSQP and trust-constr.

python benchmarks/constrained.py

The problems are those of `_programs.py`: Hock and Schittkowski's small ones, and some that people write by hand. Once
with all derivatives (exact, by complex steps), once with none. A star stands where no success is claimed, an exclamation
mark where what is claimed is not the least value to 1e-5 or misses a constraint by more than that; means are of the
ratios to SLSQP's calls, where both succeed and are right. Last, what a Jacobian costs that is wrong by a ten-thousandth.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _given import keep, parser
from _programs import PROGRAMS, Array, Program, slopes
from scipy import optimize

import steepest

METHODS = {"steepest": None, "SLSQP": "SLSQP", "trust-constr": "trust-constr"}
RIGHT = 1e-5


def held(program: Program, derivatives: bool, wrong: float = 0.0) -> list[dict[str, Any]]:
    """The constraints as SciPy has them; their Jacobians off by that part."""

    def of(fun: Callable[[Array], Any]) -> Callable[[Array], Array]:
        rows = slopes(fun)
        return lambda x: rows(x) * (1 + wrong * np.sin(1 + np.arange(len(x))))

    given = (("eq", program.equations), ("ineq", program.inequalities))
    return [
        {"type": kind, "fun": c} | ({"jac": of(c)} if derivatives else {})
        for kind, c in given
        if c is not None
    ]


def missed(program: Program, x: Array) -> float:
    """By how much the constraints are missed at most."""
    most = 0.0
    if program.equations is not None:
        most = max(most, float(np.abs(program.equations(x)).max()))
    if program.inequalities is not None:
        most = max(most, float(-program.inequalities(x).min()))
    return most


def run(program: Program, name: str, derivatives: bool, wrong: float = 0.0) -> dict[str, Any]:
    """How often f was called, where that led, and whether success was claimed and is one."""
    count = 0

    def counted(x: Array) -> float:
        nonlocal count
        count += 1
        return float(program.fun(x))

    method = METHODS[name]
    minimize: Any = steepest.minimize if method is None else optimize.minimize
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = minimize(
            counted,
            program.start,
            method=method,
            jac=slopes(program.fun) if derivatives else None,
            bounds=program.bounds,
            constraints=held(program, derivatives, wrong),
            options={} if method is None else {"maxiter": 1000},
        )
        value, off = float(program.fun(result.x)), missed(program, result.x)
    near = value - program.least <= RIGHT * max(1.0, abs(program.least))
    return {"calls": count, "value": value, "claims": bool(result.success), "right": near and off <= RIGHT}


def table(derivatives: bool) -> dict[str, Any]:
    """A line a problem, and the means."""
    print(f"\n{'With' if derivatives else 'Without'} derivatives\n")
    print("| problem | variables | " + " | ".join(METHODS) + " |")
    print("|---" * (2 + len(METHODS)) + "|")
    kept = {}
    for name, program in PROGRAMS.items():
        row = {method: run(program, method, derivatives) for method in METHODS}
        cells = (
            f"{r['calls']}{'' if r['claims'] else '*'}{'!' if r['claims'] and not r['right'] else ''}"
            for r in row.values()
        )
        print(f"| {name} | {len(program.start)} | " + " | ".join(cells) + " |", flush=True)
        kept[name] = row
    for method in METHODS:
        good = [
            np.log(row[method]["calls"] / row["SLSQP"]["calls"])
            for row in kept.values()
            if all(row[m]["claims"] and row[m]["right"] for m in (method, "SLSQP"))
        ]
        false = [name for name, row in kept.items() if row[method]["claims"] and not row[method]["right"]]
        print(
            f"\n{method}: {np.exp(np.mean(good)):.2f} times SLSQP's calls over {len(good)} problems, "
            f"at most {np.exp(np.max(good)):.1f}; claimed and not right: {', '.join(false) or 'none'}"
        )
    return kept


def wrongs() -> None:
    """What is said of Jacobians that are wrong by a ten-thousandth, and for how many calls."""
    print("\nWith Jacobians of the constraints that are wrong by a ten-thousandth\n")
    print("| problem | calls where they are right | calls | what is claimed |\n|---|---|---|---|")
    for name in ("29", "43", "71", "77", "100", "113", "circle", "portfolio"):
        right, wrong = (run(PROGRAMS[name], "steepest", True, by) for by in (0.0, 1e-4))
        print(
            f"| {name} | {right['calls']} | {wrong['calls']} | {'success' if wrong['claims'] else 'none'} |"
        )


def main() -> None:
    given = parser(__doc__).parse_args()
    kept = {"with": table(True), "without": table(False)}
    wrongs()
    keep(given, kept)


if __name__ == "__main__":
    main()
