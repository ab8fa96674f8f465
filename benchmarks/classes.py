"""Several classes: the softmax loss with an l2 penalty, seconds to an accuracy, beside the peers that are installed.

    python benchmarks/classes.py [--repeats R] [--json FILE] [--quick]

200 000 x 200 and 10 classes, columns independent or correlated, and scikit-learn's digits. Measured as in `linear.py`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from _given import each, parser
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
    given = parser(__doc__, "quick", "only", repeats=3, long=100).parse_args()
    if given.quick:
        given.repeats, given.long = 1, 45
    warnings.simplefilter("ignore")
    # Peers for two classes, and one that holds a matrix of all variables.
    without = ("glum", "cyanure", "scikit-learn newton-cholesky")

    def measured(case: Case) -> tuple[dict[str, Any], str]:
        found = measure(case, given.repeats, given.long, PASSES, without)
        return found, markdown(found)

    each(given, cases(given.quick), measured)


if __name__ == "__main__":
    main()
