"""Means of many terms by `minimize`: reads of all terms, and seconds, until the value is within 1e-6 of the least.

    python benchmarks/sums.py [--rows N] [--columns D]

A logistic table (50 000 x 50) as `steepest.Terms` in NumPy, weakly penalised, along directions of which the flattest is
as many times flatter than the steepest as the first column says, squared. Counted are the terms that the function was
asked for, whoever asks; the least value is that of the best of all runs.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

import steepest

METHODS = ("subsampled_newton", "stochastic_lbfgs", "svrg", "saga", "lbfgs", "truncated_newton")
NEAR = 1e-6
#: Reads after which a method is stopped.
MOST = 1000
L2 = 1e-7

Floats = NDArray[np.float64]


class Logistic:
    """The mean loss, and at which read and second which whole value was seen."""

    def __init__(self, rows: int, columns: int, spread: float) -> None:
        rng = np.random.default_rng(1)
        z, w = rng.normal(size=(rows, columns)), rng.normal(size=columns)
        turned = np.linalg.qr(rng.normal(size=(columns, columns)))[0]
        self.X = (z * np.geomspace(1, 1 / spread, columns)) @ turned
        self.y = np.where(z @ w * 3 / np.sqrt(columns) + rng.logistic(size=rows) > 0, 1.0, -1.0)

    def begin(self) -> None:
        """From here on reads and seconds are counted."""
        self.read, self.since, self.seen = 0.0, time.perf_counter(), []

    def __call__(self, x: Floats, rows: NDArray[np.int64]) -> tuple[float, Floats]:
        whole = len(rows) == len(self.y)
        X, y = (self.X, self.y) if whole else (self.X[rows], self.y[rows])
        margin = y * (X @ x)
        value = float(np.logaddexp(0, -margin).mean() + 0.5 * L2 * x @ x)
        gradient = X.T @ (-y * expit(-margin)) / len(y) + L2 * x
        self.read += len(y) / len(self.y)
        if whole:
            self.seen.append((value, self.read, time.perf_counter() - self.since))
        if self.read > MOST:
            raise StopIteration
        return value, gradient


def main() -> None:
    """Prints a table a spread."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--rows", type=int, default=50_000)
    given.add_argument("--columns", type=int, default=50)
    args = given.parse_args()
    print(
        "| spread | method | reads to 1e-6 | seconds to 1e-6 | reads to its claim | outcome |\n|---|---|---|---|---|---|"
    )
    for spread in (1.0, 10.0, 100.0):
        logistic, runs = Logistic(args.rows, args.columns, spread), {}
        for method in METHODS:
            logistic.begin()
            terms, start = steepest.Terms(logistic, args.rows), np.zeros(args.columns)
            try:
                outcome = steepest.minimize(terms, start, jac=True, method=method).outcome
            except StopIteration:
                outcome = f"stopped after {MOST}"
            runs[method] = (logistic.seen, logistic.read, outcome)
        least = min(value for seen, *_ in runs.values() for value, *_ in seen)
        for method, (seen, read, outcome) in runs.items():
            there = next((s for s in seen if s[0] - least <= NEAR * least), None)
            near = "- | -" if there is None else f"{there[1]:.1f} | {there[2]:.2f}"
            print(f"| {spread:g} | {method} | {near} | {read:.1f} | {outcome} |")


if __name__ == "__main__":
    main()
