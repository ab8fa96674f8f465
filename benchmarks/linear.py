"""Dense logistic regression with an l2 penalty: seconds to an accuracy, beside the peers that are installed.

    python benchmarks/linear.py [--rows N] [--columns D] [--repeats R] [--json FILE] [--quick]

Standardised columns and raw ones (scales from 1e-2 to 1e2, shifted by three deviations), in double and in single
precision. All solve one objective: mean log-loss + alpha/2 |w|^2, alpha 1e-4, free intercept. Each solver runs under
a ladder of settings; its time to a level is that of its fastest run that got there, as an outside oracle sees it
(the objective is computed from the returned coefficients in double precision). Ours is also timed until its own
certificate says so, from the core and through the estimator. Repeats are interleaved, the median counts.
The floor is one read of X on all cores, measured in the same run.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from _given import each, parser

from steepest.linear import LogisticRegression
from steepest.linear.problem import Problem

ALPHA = 1e-4
LEVELS = (1e-2, 1e-4, 1e-6)
Fit = Callable[[], tuple[np.ndarray, Any]]


@dataclass(frozen=True)
class Case:
    """A table and its targets."""

    name: str
    X: Any
    y: np.ndarray
    alpha: float = ALPHA
    loss: str = "logistic"
    outputs: int = 1

    @property
    def C(self) -> float:
        """scikit-learn's way to say alpha."""
        return 1.0 / (self.alpha * len(self.y))

    def objective(self, w: np.ndarray, b: Any) -> float:
        """In double precision, by blocks of rows; of several classes from one row of coefficients a class."""
        w, total = np.asarray(w, dtype=np.float64), 0.0
        for at in range(0, len(self.y), 50_000):
            z, y = self.X[at : at + 50_000].astype(np.float64) @ w.T + b, self.y[at : at + 50_000]
            if self.loss == "logistic":
                total += float(np.logaddexp(0.0, z).sum() - y @ z)
            else:
                own = z[np.arange(len(y)), y.astype(int)]
                total += float((np.logaddexp.reduce(z, axis=1) - own).sum())
        return total / len(self.y) + 0.5 * self.alpha * float((w * w).sum())


def cases(rows: int, columns: int, seed: int) -> list[Case]:
    """Correlated columns (0.6 to the power of their distance) and targets from a logistic model."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    for j in range(1, columns):
        X[:, j] = 0.6 * X[:, j - 1] + 0.8 * X[:, j]
    score = X @ (2.0 * rng.standard_normal(columns) / np.sqrt(columns)) + 0.2
    y = (rng.random(rows) < 1.0 / (1.0 + np.exp(-score))).astype(np.float64)
    raw = (X + 3.0) * np.logspace(-2, 2, columns)
    pairs = [("standardised", X), ("raw", raw)]
    return [Case(f"{name} {np.dtype(kind).name}", np.ascontiguousarray(table, dtype=kind), y)
            for kind in (np.float64, np.float32) for name, table in pairs]  # fmt: skip


def ours(case: Case, tol: float, passes: float | None = None) -> tuple[np.ndarray, Any]:
    """The core alone: one crossing."""
    problem = Problem(
        loss=case.loss,
        outputs=case.outputs,
        alpha=case.alpha,
        method="progressive",
        tol=tol,
        max_passes=passes,
    )
    solved = problem.solve(case.X, case.y)
    return np.squeeze(solved.coef), np.squeeze(solved.intercept)


def estimator(case: Case) -> tuple[np.ndarray, Any]:
    """As people call it, with what a scikit-learn estimator checks."""
    model = LogisticRegression(C=case.C).fit(case.X, case.y)
    return np.squeeze(model.coef_), np.squeeze(model.intercept_)


def scikit(case: Case, kind: Any, **settings: Any) -> tuple[np.ndarray, Any]:
    """An estimator with scikit-learn's parameters."""
    model = kind(C=case.C, **settings).fit(case.X, case.y)
    return np.squeeze(model.coef_), np.squeeze(model.intercept_)


def solvers(case: Case, long: int, passes: tuple[float, ...]) -> dict[str, list[Fit]]:
    """Each solver's ladder, ours by budgets of passes; peers that are not installed are left out."""
    from sklearn.linear_model import LogisticRegression as Scikit

    def steps(kind: Any, counts: tuple[int, ...], **settings: Any) -> list[Fit]:
        return [lambda n=n: scikit(case, kind, max_iter=n, tol=1e-10, **settings) for n in counts]

    ladder = tuple(n for n in (5, 10, 15, 20, 30, 45, 70, 100, 200, 400) if n <= long)
    found: dict[str, list[Fit]] = {
        "steepest, by an oracle": [lambda p=p: ours(case, 0.0, p) for p in passes],
        "steepest, until its certificate says so": [lambda t=t: ours(case, t) for t in LEVELS],
        "steepest LogisticRegression (1e-6)": [lambda: estimator(case)],
        "scikit-learn lbfgs": steps(Scikit, ladder, solver="lbfgs"),
        "scikit-learn newton-cholesky": steps(Scikit, (1, 2, 3, 4, 5, 6), solver="newton-cholesky"),
    }
    try:
        from sklearnex.linear_model import LogisticRegression as Intelex
    except ImportError:
        pass
    else:
        found["scikit-learn-intelex lbfgs"] = steps(Intelex, ladder, solver="lbfgs")
    try:
        from glum import GeneralizedLinearRegressor as Glum
    except ImportError:
        pass
    else:

        def glum(n: int) -> tuple[np.ndarray, float]:
            model = Glum(family="binomial", alpha=case.alpha, l1_ratio=0, max_iter=n, gradient_tol=1e-10)
            model.fit(case.X, case.y)
            return np.asarray(model.coef_), float(model.intercept_)

        found["glum"] = [lambda n=n: glum(n) for n in (1, 2, 3, 4, 5, 6)]
    try:
        from cyanure.estimators import Classifier
    except ImportError:
        pass
    else:

        def cyanure(n: int) -> tuple[np.ndarray, float]:
            model = Classifier(loss="logistic", penalty="l2", lambda_1=case.alpha, fit_intercept=True,
                               max_iter=n, tol=1e-10, verbose=False)  # fmt: skip
            model.fit(case.X, 2 * case.y - 1)
            return np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])

        found["cyanure"] = [lambda n=n: cyanure(n) for n in (2, 5, 10, 20)]
    return found


def floor(X: Any, repeats: int) -> float:
    """Seconds of one read of X on all cores: its sum; of a sparse table what is stored of it."""
    X = getattr(X, "data", X) if not isinstance(X, np.ndarray) else X
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parts = np.array_split(X.ravel(), cores)
    with ThreadPoolExecutor(cores) as pool:
        best = np.inf
        for _ in range(repeats + 2):
            began = time.perf_counter()
            list(pool.map(np.sum, parts))
            best = min(best, time.perf_counter() - began)
    return best


PASSES = (0.5, 1.0, 1.9, 2.9, 3.9, 4.9)


def measure(
    case: Case, repeats: int, long: int, passes: tuple[float, ...] = PASSES, without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Seconds to each level for each solver, medians over interleaved repeats."""
    best = case.objective(*ours(case, 1e-12))
    table = {name: fits for name, fits in solvers(case, long, passes).items() if name not in without}
    runs = [(name, at, fit) for name, ladder in table.items() for at, fit in enumerate(ladder)]
    seconds: dict[tuple[str, int], list[float]] = {}
    gaps: dict[tuple[str, int], float] = {}
    never: set[tuple[str, int]] = set()
    for repeat in range(repeats):
        for name, at, fit in runs:
            if (name, at) in never:
                continue
            began = time.perf_counter()
            found = fit()
            seconds.setdefault((name, at), []).append(time.perf_counter() - began)
            if repeat == 0:
                gaps[name, at] = (case.objective(*found) - best) / best
                # Once a ladder has got to the last level its longer runs tell nothing.
                if gaps[name, at] <= LEVELS[-1] and "steepest" not in name:
                    never |= {(name, later) for later in range(at + 1, len(table[name]))}
    rows = {}
    for name, ladder in table.items():
        done = [
            (float(np.median(seconds[name, at])), gaps[name, at])
            for at in range(len(ladder))
            if (name, at) in gaps
        ]
        rows[name] = [min((s for s, gap in done if gap <= level), default=None) for level in LEVELS]
    return {"case": case.name, "rows": len(case.y), "columns": case.X.shape[1], "floor": floor(case.X, repeats),
            "seconds": rows}  # fmt: skip


def markdown(result: dict[str, Any]) -> str:
    """One table: seconds, and how many times the fastest of ours."""
    rows = result["seconds"]
    mine = rows["steepest, by an oracle"]
    lines = [f"### {result['case']}, {result['rows']} x {result['columns']}: one read takes {result['floor']:.4f} s", "",
             "| seconds to | " + " | ".join(f"{level:g}" for level in LEVELS) + " |", "|---" * (1 + len(LEVELS)) + "|"]  # fmt: skip
    for name, times in rows.items():
        cells = []
        for took, own in zip(times, mine, strict=True):
            if took is None:
                cells.append("never")
            elif own and not name.startswith("steepest"):
                cells.append(f"{took:.3f} ({took / own:.1f}x)")
            else:
                cells.append(f"{took:.3f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prints the tables and keeps them."""
    asked = parser(__doc__, "quick", "only", rows=500_000, columns=100, repeats=3, long=400, seed=0)
    given = asked.parse_args()
    if given.quick:
        given.rows, given.columns, given.repeats, given.long = 20_000, 20, 1, 45
    warnings.simplefilter("ignore")

    def measured(case: Case) -> tuple[dict[str, Any], str]:
        found = measure(case, given.repeats, given.long)
        return found, markdown(found)

    each(given, cases(given.rows, given.columns, given.seed), measured)


if __name__ == "__main__":
    main()
