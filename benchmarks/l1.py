"""Lasso beside scikit-learn's: seconds until both are within 1e-6 of the best, by an oracle and by our own bound.

    python benchmarks/l1.py [--json FILE] [--quick]

Two tables: many rows and few true columns, and columns that share factors with an alpha at which almost as many of them
are active as there are rows. Then paths of a hundred alphas beside `lasso_path`, both to tol=1e-4, over tall and wide tables;
theirs begins by taking the means off X and y, in which its intercept lies.
Both run in turns within one process on the same C-ordered table; what is checked is the objective of the
coefficients that came back. The floor is one read of the table, measured in the same run.
"""

from __future__ import annotations

import statistics
import time
import warnings
from typing import Any

import numpy as np
from _given import keep, parser
from sklearn.linear_model import Lasso as TheirLasso
from sklearn.linear_model import lasso_path

from steepest.linear import Lasso, path


def table(rows: int, columns: int, true: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Normal columns, of which some tell; alpha is a tenth of the one that leaves nothing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    w = np.zeros(columns)
    w[rng.choice(columns, true, replace=False)] = 3.0 * rng.normal(size=true)
    y = X @ w + 2.0 * rng.normal(size=rows)
    return X, y, 0.1 * float(np.abs(X.T @ (y - y.mean())).max()) / rows


def crowded(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Columns that share ten factors, of which a third tell; alpha is a thousandth of the one that leaves nothing."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(rows, 10)) @ rng.normal(size=(10, columns)) / np.sqrt(10)
    X = np.sqrt(0.5) * (rng.normal(size=(rows, columns)) + factors)
    w = np.zeros(columns)
    w[rng.choice(columns, columns // 3, replace=False)] = rng.normal(size=columns // 3)
    y = X @ w
    y += 0.5 * y.std() * rng.normal(size=rows)
    return X, y, 1e-3 * float(np.abs(X.T @ (y - y.mean())).max()) / rows


def objective(model: Any, X: np.ndarray, y: np.ndarray, alpha: float) -> float:
    """The objective of the coefficients, by NumPy."""
    r = y - X @ model.coef_ - model.intercept_
    return float(0.5 * np.mean(r * r) + alpha * np.abs(model.coef_).sum())


def timed(fit: Any) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    made = fit()
    return time.perf_counter() - start, made


def compared(name: str, X: np.ndarray, y: np.ndarray, alpha: float, repeats: int) -> list[dict[str, Any]]:
    """Prints one table; the lines of it."""
    seconds: dict[str, list[float]] = {"floor: one read": [], "scikit-learn Lasso": [], "steepest Lasso": []}
    for _ in range(repeats):
        seconds["floor: one read"].append(timed(lambda: X.sum())[0])
        took, ours = timed(lambda: Lasso(alpha).fit(X, y))
        seconds["steepest Lasso"].append(took)
        took, theirs = timed(lambda: TheirLasso(alpha, tol=1e-6, max_iter=100_000).fit(X, y))
        seconds["scikit-learn Lasso"].append(took)
    values = {
        "steepest Lasso": objective(ours, X, y, alpha),
        "scikit-learn Lasso": objective(theirs, X, y, alpha),
    }
    best = ours.result_.fun - ours.dual_gap_
    peer = statistics.median(seconds["scikit-learn Lasso"])
    lines = []
    for what, times in seconds.items():
        above = (values[what] - best) / best if what in values else None
        lines.append({"table": name, "what": what, "seconds": statistics.median(times), "above": above})
    active = np.count_nonzero(ours.coef_)
    print(f"lasso, {len(X)} x {X.shape[1]}, {name}, {active} active, alpha {alpha:.4g}\n")
    print("| | seconds (median) | against scikit-learn | above the bound, relative |\n|---|---|---|---|")
    for line in lines:
        above = "" if line["above"] is None else f"{line['above']:.1e}"
        print(f"| {line['what']} | {line['seconds']:.3f} | {peer / line['seconds']:.1f}x | {above} |")
    gap = ours.dual_gap_ / ours.result_.fun
    print(f"\nour own certificate: {gap:.1e} relative, {ours.result_.passes:.2f} reads\n")
    return lines


def paths(rows: int, columns: int, repeats: int) -> list[dict[str, Any]]:
    """Prints a line of one table, in turns; the line."""
    X, y, _ = table(rows, columns, 20, 0)

    def theirs() -> Any:
        return lasso_path(X - X.mean(0), y - y.mean(), alphas=100, tol=1e-4)

    peer, ours = [], []
    for _ in range(repeats):
        took, found = timed(lambda: path(X, y, tol=1e-4))
        ours.append(took)
        peer.append(timed(theirs)[0])
    reads = sum(result.passes for result in found.results)
    us, them = statistics.median(ours), statistics.median(peer)
    print(f"| {rows} x {columns} | {us:.3f} | {them:.3f} | {us / them:.2f} | {reads:.1f} |")
    return [{"table": f"path {rows} x {columns}", "what": "steepest path", "seconds": us, "peer": them}]


def main() -> None:
    """Prints the tables, and keeps them as JSON where asked."""
    given = parser(__doc__, "quick").parse_args()
    warnings.simplefilter("ignore")
    lines = compared("20 true", *table(10_000 if given.quick else 100_000, 1000, 20, 0), repeats=3)
    rows = 300 if given.quick else 1000
    lines += compared("crowded", *crowded(rows, 2 * rows, 0), repeats=3)
    print("| path | steepest, seconds (median) | lasso_path | times theirs | reads |\n|---|---|---|---|---|")
    shapes = [(5000, 100)] if given.quick else [(20_000, 200), (100_000, 50), (200, 1000), (500, 5000)]
    for shape in shapes:
        lines += paths(*shape, repeats=5)
    keep(given, lines)


if __name__ == "__main__":
    main()
