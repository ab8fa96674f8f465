"""Calls of f that constrained minimisation takes, on fifteen problems of Hock and Schittkowski, from defaults.

python benchmarks/constrained.py

Hock and Schittkowski 1981, *Test Examples for Nonlinear Programming Codes*. Derivatives are exact (complex steps) and
given to all: `steepest.minimize` (sequential quadratic programming, which it takes by itself, and the rounds of the
augmented Lagrangian alone) and SciPy's SLSQP. A star stands where no success is claimed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _given import keep, parser
from scipy.optimize import minimize

import steepest

Array = Any


def _hs100(x: Array) -> Array:
    return np.array(
        [
            127 - 2 * x[0] ** 2 - 3 * x[1] ** 4 - x[2] - 4 * x[3] ** 2 - 5 * x[4],
            282 - 7 * x[0] - 3 * x[1] - 10 * x[2] ** 2 - x[3] + x[4],
            196 - 23 * x[0] - x[1] ** 2 - 6 * x[5] ** 2 + 8 * x[6],
            -4 * x[0] ** 2 - x[1] ** 2 + 3 * x[0] * x[1] - 2 * x[2] ** 2 - 5 * x[5] + 11 * x[6],
        ]
    )


def _hs78(x: Array) -> Array:
    return np.array([x @ x - 10, x[1] * x[2] - 5 * x[3] * x[4], x[0] ** 3 + x[1] ** 3 + 1])


def _hs77(x: Array) -> Array:
    root = np.sqrt(2)
    return np.array(
        [
            x[0] ** 2 * x[3] + np.sin(x[3] - x[4]) - 2 * root,
            x[1] + x[2] ** 4 * x[3] ** 2 - 8 - root,
        ]
    )


# number: f, where it begins, equations, inequalities (at least 0), bounds
PROBLEMS: dict[int, tuple[Callable[[Array], Any], list[float], Any, Any, Any]] = {
    6: (lambda x: (1 - x[0]) ** 2, [-1.2, 1], lambda x: 10 * (x[1] - x[0] ** 2), None, None),
    7: (
        lambda x: np.log(1 + x[0] ** 2) - x[1],
        [2, 2],
        lambda x: (1 + x[0] ** 2) ** 2 + x[1] ** 2 - 4,
        None,
        None,
    ),
    10: (
        lambda x: x[0] - x[1],
        [-10, 10],
        None,
        lambda x: -3 * x[0] ** 2 + 2 * x[0] * x[1] - x[1] ** 2 + 1,
        None,
    ),
    12: (
        lambda x: 0.5 * x[0] ** 2 + x[1] ** 2 - x[0] * x[1] - 7 * x[0] - 7 * x[1],
        [0, 0],
        None,
        lambda x: 25 - 4 * x[0] ** 2 - x[1] ** 2,
        None,
    ),
    22: (
        lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2,
        [2, 2],
        None,
        lambda x: np.array([2 - x[0] - x[1], x[1] - x[0] ** 2]),
        None,
    ),
    26: (
        lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4,
        [-2.6, 2, 2],
        lambda x: (1 + x[1] ** 2) * x[0] + x[2] ** 4 - 3,
        None,
        None,
    ),
    29: (
        lambda x: -x[0] * x[1] * x[2],
        [1, 1, 1],
        None,
        lambda x: 48 - x[0] ** 2 - 2 * x[1] ** 2 - 4 * x[2] ** 2,
        None,
    ),
    39: (
        lambda x: -x[0],
        [2, 2, 2, 2],
        lambda x: np.array([x[1] - x[0] ** 3 - x[2] ** 2, x[0] ** 2 - x[1] - x[3] ** 2]),
        None,
        None,
    ),
    40: (
        lambda x: -np.prod(x),
        [0.8] * 4,
        lambda x: np.array([x[0] ** 3 + x[1] ** 2 - 1, x[0] ** 2 * x[3] - x[2], x[3] ** 2 - x[1]]),
        None,
        None,
    ),
    65: (
        lambda x: (x[0] - x[1]) ** 2 + ((x[0] + x[1] - 10) / 3) ** 2 + (x[2] - 5) ** 2,
        [-5, 5, 0],
        None,
        lambda x: 48 - x @ x,
        [(-4.5, 4.5), (-4.5, 4.5), (-5, 5)],
    ),
    71: (
        lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2],
        [1, 5, 5, 1],
        lambda x: x @ x - 40,
        lambda x: np.prod(x) - 25,
        [(1, 5)] * 4,
    ),
    77: (
        lambda x: (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[2] - 1) ** 2 + (x[3] - 1) ** 4 + (x[4] - 1) ** 6,
        [2] * 5,
        _hs77,
        None,
        None,
    ),
    78: (np.prod, [-2, 1.5, 2, -1, -1], _hs78, None, None),
    80: (
        lambda x: np.exp(np.prod(x)),
        [-2, 2, 2, -1, -1],
        _hs78,
        None,
        [(-2.3, 2.3)] * 2 + [(-3.2, 3.2)] * 3,
    ),
    100: (
        lambda x: (
            (x[0] - 10) ** 2
            + 5 * (x[1] - 12) ** 2
            + x[2] ** 4
            + 3 * (x[3] - 11) ** 2
            + 10 * x[4] ** 6
            + 7 * x[5] ** 2
            + x[6] ** 4
            - 4 * x[5] * x[6]
            - 10 * x[5]
            - 8 * x[6]
        ),
        [1, 2, 0, 4, 0, 1, 1],
        None,
        _hs100,
        None,
    ),
}


def slopes(fun: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """Its gradient, or one row an entry: along each variable a step on the imaginary axis."""

    def along(x: Array) -> Array:
        steps = np.asarray(x, dtype=float) + 1e-40j * np.eye(len(x))
        return np.stack([np.imag(fun(z)) / 1e-40 for z in steps], axis=-1)

    return along


def calls(number: int, method: str) -> tuple[int, float, bool]:
    """How often f was called, where that led, and whether success was claimed."""
    fun, x0, equations, inequalities, bounds = PROBLEMS[number]
    held = [
        {"type": kind, "fun": c, "jac": slopes(c)}
        for kind, c in (("eq", equations), ("ineq", inequalities))
        if c is not None
    ]
    count = 0

    def counted(x: Array) -> float:
        nonlocal count
        count += 1
        return float(fun(x))

    run = minimize if method == "SLSQP" else steepest.minimize
    result = run(counted, x0, jac=slopes(fun), constraints=held, bounds=bounds, method=method)
    return count, float(result.fun), bool(result.success)


def main() -> None:
    given = parser(__doc__).parse_args()
    methods = ("sqp", "augmented_lagrangian", "SLSQP")
    print("| problem | " + " | ".join(f"{m}: calls | F" for m in methods) + " |")
    print("|---" * (1 + 2 * len(methods)) + "|")
    table = []
    for number in PROBLEMS:
        row = [calls(number, method) for method in methods]
        table.append([count for count, _, _ in row])
        cells = (f"{count}{'' if success else '*'} | {value:.8g}" for count, value, success in row)
        print(f"| {number} | " + " | ".join(cells) + " |")
    means = np.exp(np.log(table).mean(axis=0))
    keep(
        given,
        {number: dict(zip(methods, row, strict=True)) for number, row in zip(PROBLEMS, table, strict=True)},
    )
    print("| geometric mean | " + " | ".join(f"{mean:.1f} |" for mean in means) + " |")


if __name__ == "__main__":
    main()
