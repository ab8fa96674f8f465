"""Logistic regression on sparse and on wide tables, with an l2 penalty: seconds to an accuracy, beside the peers.

    python benchmarks/wide.py [--repeats R] [--json FILE] [--quick]

A sparse table like a bag of words (columns by Zipf's law, rows of norm 1), alpha from 1 to 1/100 over the number of
rows; and tables with more columns than rows, standardised and raw (scales from 1e-2 to 1e2). Measured as in
`linear.py`; beside the seconds, how many reads of the table ours took until its certificate said so.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from _given import each, parser
from linear import Case, markdown, measure

from steepest.linear.problem import Problem

PASSES = (3, 5, 8, 12, 18, 27, 40, 60, 100, 200)


def words(rows: int, columns: int, entries: int, seed: int) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """Rows of `entries` words drawn by Zipf's law, weighted, of norm 1; targets from a logistic model."""
    rng = np.random.default_rng(seed)
    chance = 1.0 / np.arange(1, columns + 1) ** 0.9
    named = rng.choice(columns, size=rows * entries, p=chance / chance.sum()).astype(np.int32)
    weight = rng.lognormal(0.0, 0.5, rows * entries)
    starts = np.arange(0, rows * entries + 1, entries)
    X = scipy.sparse.csr_matrix((weight, named, starts), shape=(rows, columns))
    X.sum_duplicates()
    norm = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
    X = scipy.sparse.csr_matrix(scipy.sparse.diags(1.0 / norm) @ X)
    score = X @ (3.0 * rng.standard_normal(columns))
    return X, (rng.random(rows) < 1.0 / (1.0 + np.exp(-score))).astype(np.float64)


def wide(rows: int, columns: int, raw: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Independent columns, five of which tell."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    y = (X[:, -5:].sum(axis=1) + rng.standard_normal(rows) > 0).astype(np.float64)
    return X * np.logspace(-2, 2, columns) if raw else X, y


def cases(quick: bool) -> list[Case]:
    """The tables, with the strength of the penalty."""
    X, y = words(*((20_000, 5_000, 30) if quick else (200_000, 50_000, 87)), seed=0)
    found = [Case(f"sparse, alpha {share:g}/n", X, y, share / len(y)) for share in (1.0, 0.1, 0.01)]
    for rows, columns in ((100, 2_000),) if quick else ((100, 20_000), (2_000, 5_000)):
        for raw in (False, True):
            table = wide(rows, columns, raw, seed=1)
            found.append(Case(f"{'raw' if raw else 'standardised'} wide", *table, 1.0 / rows))
    return found


def reads(case: Case) -> float:
    """Reads of the table until the certificate says 1e-6."""
    problem = Problem(loss="logistic", alpha=case.alpha, method="progressive", tol=1e-6)
    return float(problem.solve(case.X, case.y).result.history["passes"][-1])


def main() -> None:
    """Prints the tables and keeps them."""
    given = parser(__doc__, "quick", "only", repeats=3, long=100).parse_args()
    if given.quick:
        given.repeats, given.long = 1, 45
    warnings.simplefilter("ignore")
    # Peers that hold a matrix of all columns.
    without = ("scikit-learn newton-cholesky", "glum")

    def measured(case: Case) -> tuple[dict[str, Any], str]:
        found = measure(case, given.repeats, given.long, PASSES, without) | {"reads": reads(case)}
        return found, f"{markdown(found)}\n{found['reads']:.1f} reads until the certificate says 1e-06.\n"

    each(given, cases(given.quick), measured)


if __name__ == "__main__":
    main()
