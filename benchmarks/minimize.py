"""`steepest.minimize` beside SciPy's L-BFGS-B: what an iteration costs, what is solved, what is claimed.

    python benchmarks/minimize.py [--json FILE] [--quick]

Both run in turns within one process. The cost of a call is the best of many runs of one iteration, less the time of
the callable replayed over the very points at which it was asked; that of an iteration is what each one more adds to it.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # at these sizes threads cost SciPy more than they bring

import numpy as np
from _given import keep, parser
from bounds_set import Bounded, bounded
from least_squares_set import Case, cases
from products_set import problems
from scipy.optimize import minimize as scipy_minimize

import steepest

Run = Callable[[Callable[[np.ndarray], Any], int], Any]

#: Iterations that no run here needs.
ENDLESS = 10**5


def overhead(n: int, repeats: int) -> list[dict[str, Any]]:
    """Microseconds an iteration on a quadratic of condition 1e4, beyond the callable."""
    scale, x0 = np.logspace(0, 4, n), np.full(n, 2.0)

    def fun(x: np.ndarray) -> tuple[float, np.ndarray]:
        g = scale * x
        return 0.5 * x.dot(g), g

    options = {"gtol": 1e-6, "verify": 0}
    runs: dict[str, Run] = {
        "SciPy L-BFGS-B": lambda f, most: scipy_minimize(
            f, x0, jac=True, method="L-BFGS-B",
            options={"ftol": 0, "gtol": 1e-6, "maxiter": most, "maxfun": 10**6}),
        "steepest lbfgs": lambda f, most: steepest.minimize(
            f, x0, jac=True, method="lbfgs", options=options | {"maxiter": most}),
        "steepest lbfgs, memory 10": lambda f, most: steepest.minimize(
            f, x0, jac=True, method="lbfgs", options=options | {"memory": 10, "maxiter": most}),
    }  # fmt: skip
    best = dict.fromkeys(((name, most) for name in runs for most in (1, ENDLESS)), np.inf)
    for _ in range(repeats):
        for name, most in best:
            runs[name](fun, most)  # warm: what ran before is not to be paid for
            began = time.perf_counter()
            runs[name](fun, most)
            best[name, most] = min(best[name, most], time.perf_counter() - began)
    return [_row(n, name, runs[name], fun, (best[name, 1], best[name, ENDLESS])) for name in runs]


def _row(n: int, name: str, run: Run, fun: Any, seconds: tuple[float, float]) -> dict[str, Any]:
    """What a run of one iteration costs beyond the callable, and what each iteration more does."""
    net, counts = [], []
    for most, took in zip((1, ENDLESS), seconds, strict=True):
        points: list[np.ndarray] = []

        def recording(x: np.ndarray, points: list[np.ndarray] = points) -> Any:
            points.append(x.copy())
            return fun(x)

        counts.append((int(run(recording, most).nit), len(points)))
        net.append(1e6 * (took - min(_replayed(fun, points) for _ in range(5))))
    more = counts[1][0] - counts[0][0]
    return {"n": n, "who": name, "iterations": counts[1][0], "evaluations": counts[1][1],
            "us_a_call_beyond_the_callable": round(net[0], 1),
            "us_an_iteration_beyond_the_callable": round((net[1] - net[0]) / more, 2)}  # fmt: skip


def _replayed(fun: Any, points: list[np.ndarray]) -> float:
    began = time.perf_counter()
    for x in points:
        fun(x)
    return time.perf_counter() - began


def claims(case: Case) -> dict[str, dict[str, Any]]:
    """What both say of one problem at their defaults, and what is true of it."""
    f0, g0 = case.pair(case.x0)
    slope0 = np.abs(g0).max()
    told = {}
    for name, run in (
        ("SciPy L-BFGS-B", lambda: scipy_minimize(case.pair, case.x0, jac=True, method="L-BFGS-B")),
        ("steepest", lambda: steepest.minimize(case.pair, case.x0, jac=True, options={"maxfun": 20_000})),
    ):
        result = run()
        f, g = case.pair(np.asarray(result.x))
        stationary = bool(np.abs(g).max() <= 1e-5 * max(1.0, slope0))
        told[name] = {
            "f": f,
            "success": bool(result.success),
            "stationary": stationary,
            "work": int(result.nfev),
        }
    return _solved(case, told, f0)


class Budget(Exception):
    """More calls than a problem may take."""


#: Values (with gradients) and products together.
CALLS = 20_000


def products(case: Any) -> dict[str, dict[str, Any]]:
    """The same with Hessian products at hand; work counts values (with gradients) and products alike."""
    spent, best = [0], [np.inf, case.x0]

    def fun(x: np.ndarray) -> Any:
        spent[0] += 1
        if spent[0] > CALLS:
            raise Budget
        f, g = case.pair(x)
        if f < best[0]:
            best[:] = f, np.array(x)
        return f, g

    def hessp(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        spent[0] += 1
        if spent[0] > CALLS:
            raise Budget
        return case.product(x, v)

    given = {"fun": fun, "x0": case.x0, "jac": True}
    f0, g0 = case.pair(case.x0)
    runs: dict[str, Callable[[], Any]] = {
        "SciPy L-BFGS-B": lambda: scipy_minimize(**given, method="L-BFGS-B"),
        **{
            f"SciPy {name}": lambda name=name: scipy_minimize(**given, hessp=hessp, method=name)
            for name in ("Newton-CG", "trust-ncg", "trust-krylov")
        },
        "steepest": lambda: steepest.minimize(**given),
        "steepest, hessp": lambda: steepest.minimize(**given, hessp=hessp),
    }
    told = {}
    for name, run in runs.items():
        spent[0], best[0] = 0, np.inf
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = run()
                x, success = np.asarray(result.x), bool(result.success)
            except Budget:
                x, success = best[1], False
        f, g = case.pair(x)
        stationary = bool(np.abs(g).max() <= 1e-5 * max(1.0, np.abs(g0).max()))
        told[name] = {"f": f, "success": success, "stationary": stationary, "work": spent[0]}
    return _solved(case, told, f0)


def _solved(case: Case, told: dict[str, dict[str, Any]], f0: float) -> dict[str, dict[str, Any]]:
    """Whose value is as good as the least that is known."""
    tight = {"gtol": 0, "ftol": 0, "verify": 0, "maxfun": 1_000}
    least = steepest.minimize(case.pair, case.x0, jac=True, method="lbfgs", options=tight).fun
    least = min([least, *(t["f"] for t in told.values())])
    for t in told.values():
        t["solved"] = bool(t["f"] - least <= 1e-8 * max(abs(least), min(1.0, f0 - least)))
    return told


def within(case: Bounded) -> dict[str, dict[str, Any]]:
    """The same of a problem with bounds, and what each takes to a value and a projected gradient near their least; work
    counts values and gradients apart, as both are asked for."""
    slope0 = max(1.0, case.residual(case.x0))
    path: list[tuple[float, bool]] = []

    def seen(x: np.ndarray, part: int) -> Any:
        if len(path) >= CALLS:
            raise Budget
        path.append((case.pair(x)[0], bool(part) and case.residual(x) <= 1e-5 * slope0))
        return case.pair(x)[part]

    given: dict[str, Any] = {
        "fun": lambda x: seen(x, 0),
        "jac": lambda x: seen(x, 1),
        "x0": case.x0,
        "bounds": np.c_[case.low, case.high],
    }
    tight = {"gtol": 1e-12, "ftol": 0.0, "maxiter": CALLS, "maxfun": CALLS}
    runs: dict[str, Callable[[], Any]] = {
        "SciPy L-BFGS-B": lambda: scipy_minimize(**given, method="L-BFGS-B"),
        "SciPy L-BFGS-B, tight": lambda: scipy_minimize(**given, method="L-BFGS-B", options=tight),
        "steepest": lambda: steepest.minimize(**given),
    }
    told: dict[str, dict[str, Any]] = {}
    paths: dict[str, list[tuple[float, bool]]] = {}
    for name, run in runs.items():
        path.clear()
        try:
            result = run()
            x, success = np.asarray(result.x), bool(result.success)
        except Budget:
            x, success = case.x0, False
        paths[name] = path.copy()
        stationary = case.residual(x) <= 1e-5 * slope0
        told[name] = {"f": case.pair(x)[0], "success": success, "stationary": stationary, "work": len(path)}
    least = min(f for path in paths.values() for f, _ in path)
    enough = least + 1e-6 * max(abs(least), 1e-2)
    for name, t in told.items():
        t["solved"] = bool(t["f"] <= enough)
        t["to target"] = next(
            (k + 1 for k, (f, flat) in enumerate(paths[name]) if flat and f <= enough), None
        )
    return told


def to_target(told: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Work to the target beside that of SciPy with tight tolerances, problem by problem and on the whole."""
    both = {
        name: [t[who]["to target"] for who in ("steepest", "SciPy L-BFGS-B, tight")]
        for name, t in told.items()
    }
    ratios = {name: ours / theirs for name, (ours, theirs) in both.items() if ours and theirs}
    whole = float(np.exp(np.mean(np.log(list(ratios.values())))))
    worst = sorted(ratios, key=lambda name: -ratios[name])
    reached = [sum(bool(b[who]) for b in both.values()) for who in (0, 1)]
    lines = [f"- {name}: {both[name][0]} beside {both[name][1]}, {ratios[name]:.2f}" for name in worst]
    return "\n".join(
        [f"To the target: {reached[0]} beside {reached[1]} problems, {whole:.2f} of the work", *lines]
    )


def summary(told: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Counts by who."""
    rows = []
    for who in next(iter(told.values())):
        mine = [t[who] for t in told.values()]
        both = [t for t in told.values() if t[who]["solved"] and t["SciPy L-BFGS-B"]["solved"]]
        ratio = [t[who]["work"] / t["SciPy L-BFGS-B"]["work"] for t in both]
        rows.append({
            "who": who,
            "problems": len(mine),
            "solved": sum(t["solved"] for t in mine),
            "claimed": sum(t["success"] for t in mine),
            "claimed, not stationary": sum(t["success"] and not t["stationary"] for t in mine),
            "claimed, not solved": sum(t["success"] and not t["solved"] for t in mine),
            "work on what both solve": round(float(np.exp(np.mean(np.log(ratio)))), 2),
        })  # fmt: skip
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a markdown table."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(str(r[h]) for h in heads) + " |" for r in rows])


def main() -> None:
    """Run both families and print them."""
    asked = parser(__doc__, "quick").parse_args()
    costs = [row for n in (10, 1000) for row in overhead(n, 5 if asked.quick else 15)]
    print(table(costs), end="\n\n", flush=True)
    told = {case.name: claims(case) for case in cases()}
    counts = summary(told)
    print(table(counts), end="\n\n")
    with_products = summary({case.name: products(case) for case in [*cases(), *problems(asked.quick)]})
    print(table(with_products), end="\n\n")
    bounds = {case.name: within(case) for case in bounded(asked.quick)}
    print(table(summary(bounds)), to_target(bounds), sep="\n\n", end="\n\n")
    for name, by in told.items():
        if not all(v["solved"] and v["success"] and v["stationary"] for v in by.values()):
            print(f"- {name}:", "; ".join(_told(who, v) for who, v in by.items()))
    keep(
        asked,
        {"overhead": costs, "claims": counts, "products": with_products, "problems": told, "bounds": bounds},
    )


def _told(who: str, v: dict[str, Any]) -> str:
    words = ("solved" if v["solved"] else "not solved", "claimed" if v["success"] else "not claimed")
    return f"{who} {v['f']:.6g} {', '.join(words)}{'' if v['stationary'] else ', not stationary'}"


if __name__ == "__main__":
    main()
