"""Lasso beside scikit-learn's: seconds until both are within 1e-6 of the best, by an oracle and by our own bound.

    python benchmarks/l1.py [--json FILE] [--quick]

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

from steepest.linear import Lasso


def table(rows: int, columns: int, true: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Normal columns, of which some tell; alpha is a tenth of the one that leaves nothing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    w = np.zeros(columns)
    w[rng.choice(columns, true, replace=False)] = 3.0 * rng.normal(size=true)
    y = X @ w + 2.0 * rng.normal(size=rows)
    return X, y, 0.1 * float(np.abs(X.T @ (y - y.mean())).max()) / rows


def objective(model: Any, X: np.ndarray, y: np.ndarray, alpha: float) -> float:
    """The objective of the coefficients, by NumPy."""
    r = y - X @ model.coef_ - model.intercept_
    return float(0.5 * np.mean(r * r) + alpha * np.abs(model.coef_).sum())


def timed(fit: Any) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    made = fit()
    return time.perf_counter() - start, made


def main() -> None:
    """Prints a table, and keeps it as JSON where asked."""
    given = parser(__doc__, "quick").parse_args()
    rows, repeats = (10_000, 3) if given.quick else (100_000, 3)
    X, y, alpha = table(rows, 1000, 20, 0)
    seconds: dict[str, list[float]] = {"floor: one read": [], "scikit-learn Lasso": [], "steepest Lasso": []}
    warnings.simplefilter("ignore")
    for _ in range(repeats):
        seconds["floor: one read"].append(timed(lambda: X.sum())[0])
        took, ours = timed(lambda: Lasso(alpha).fit(X, y))
        seconds["steepest Lasso"].append(took)
        took, theirs = timed(lambda: TheirLasso(alpha, tol=1e-6).fit(X, y))
        seconds["scikit-learn Lasso"].append(took)
    values = {
        "steepest Lasso": objective(ours, X, y, alpha),
        "scikit-learn Lasso": objective(theirs, X, y, alpha),
    }
    best = ours.result_.fun - ours.dual_gap_
    peer = statistics.median(seconds["scikit-learn Lasso"])
    lines = []
    for name, times in seconds.items():
        above = (values[name] - best) / best if name in values else None
        lines.append({"what": name, "seconds": statistics.median(times), "above": above})
    print(f"lasso, {rows} x 1000, 20 true, alpha {alpha:.4g}\n")
    print("| | seconds (median) | against scikit-learn | above the bound, relative |\n|---|---|---|---|")
    for line in lines:
        above = "" if line["above"] is None else f"{line['above']:.1e}"
        print(f"| {line['what']} | {line['seconds']:.3f} | {peer / line['seconds']:.1f}x | {above} |")
    print(
        f"\nour own certificate: {ours.dual_gap_ / ours.result_.fun:.1e} relative, {ours.result_.passes:.2f} reads"
    )
    keep(given, lines)


if __name__ == "__main__":
    main()
