"""Several classes: the softmax loss with an l2 penalty, seconds to an accuracy, beside the peers that are installed.

    python benchmarks/classes.py [--repeats R] [--json FILE] [--quick]

200 000 x 200 and 10 classes, columns independent or correlated, and scikit-learn's digits. Measured as in `linear.py`.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from linear import Case, markdown, measure
from sklearn.datasets import load_digits

PASSES = (1, 2, 4, 6, 8, 10, 14, 20, 30, 50, 100, 200)


def cases(quick: bool, seed: int = 0) -> list[Case]:
    """The tables, with the strength of the penalty that C = 1 is."""
    rows, columns, classes = (20_000, 50, 10) if quick else (200_000, 200, 10)
    rng = np.random.default_rng(seed)
    found = []
    for name in ("independent", "correlated"):
        X = rng.standard_normal((rows, columns))
        if name == "correlated":
            X = X @ (np.eye(columns) + rng.standard_normal((columns, columns)) / np.sqrt(columns))
        score = X @ rng.standard_normal((columns, classes)) * 2.0 / (np.sqrt(columns) * X.std())
        y = (score + rng.gumbel(size=score.shape)).argmax(axis=1).astype(np.float64)
        found.append(Case(f"{name}, {classes} classes", X, y, 1.0 / rows, "softmax", classes))
    X, digit = load_digits(return_X_y=True)
    found.append(Case("digits, 10 classes", X, digit.astype(np.float64), 1.0 / len(digit), "softmax", 10))
    return found


def main() -> None:
    """Prints the tables and keeps them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--long", type=int, default=100, help="iterations of the longest L-BFGS runs")
    parser.add_argument("--only", help="cases whose name holds this")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="small tables, once")
    given = parser.parse_args()
    if given.quick:
        given.repeats, given.long = 1, 45
    warnings.simplefilter("ignore")
    results = []
    for case in cases(given.quick):
        if given.only is None or given.only in case.name:
            # Peers for two classes, and one that holds a matrix of all variables.
            without = ("glum", "cyanure", "scikit-learn newton-cholesky")
            results.append(measure(case, given.repeats, given.long, PASSES, without))
            print(markdown(results[-1]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
