"""Ctrl-C: from the signal to the exception, for work that takes seconds.

    python benchmarks/interrupt.py [--times N] [--only NAME] [--json FILE]

Each case is run until it is interrupted at a random moment within what it takes as a whole (5 s at most); the median
and the longest time until `KeyboardInterrupt` comes out are printed. What ends before its signal does not count.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _given import keep, parser
from wide import words

import steepest
from steepest.linear import GeneralizedLinear, Lasso, LinearRegression, LogisticRegression

Work = Callable[[], Any]


def cases() -> dict[str, Callable[[], Work]]:
    """What is interrupted, by name; the data are made when a case's turn comes."""
    rng = np.random.default_rng(0)

    def table(rows: int, columns: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
        X = rng.standard_normal((rows, columns))
        score = X[:, : min(columns, 20)] @ rng.standard_normal((min(columns, 20), classes))
        return X, (score + rng.gumbel(size=score.shape)).argmax(axis=1).astype(float)

    def fitted(model: Any, *data: Any) -> Work:
        return lambda: model.fit(*data)

    def slow(x: np.ndarray) -> float:
        time.sleep(0.005)
        return float(((x - 1.0) ** 2).sum() + (x**4).sum())

    def frame() -> Work:
        X, y = table(300_000, 30)
        columns = {f"x{j}": X[:, j] for j in range(30)} | {"y": y}
        return lambda: steepest.fit(columns, "y")

    def rosen() -> Work:
        problem = steepest.problems.get("rosenbrock", 1000)
        return lambda: steepest.minimize(problem, problem.x0, method="newton", tol=0.0)

    return {
        "logistic, 20 000 x 3000": lambda: fitted(LogisticRegression(), *table(20_000, 3000)),
        "logistic, 2000 x 20 000": lambda: fitted(LogisticRegression(), *table(2000, 20_000)),
        "logistic, sparse 200 000 x 50 000": lambda: fitted(
            LogisticRegression(C=100.0), *words(200_000, 50_000, 80, 0)
        ),
        "softmax, 100 000 x 200, 10 classes": lambda: fitted(LogisticRegression(), *table(100_000, 200, 10)),
        "lasso, 20 000 x 2000": lambda: fitted(Lasso(alpha=1e-4), *table(20_000, 2000)),
        "least squares, 50 000 x 1000": lambda: fitted(LinearRegression(), *table(50_000, 1000)),
        "newton, table 5000 x 1500": lambda: fitted(
            GeneralizedLinear("logistic", method="newton", tol=1e-15), *table(5000, 1500)
        ),
        "newton, function of 1000": rosen,
        "minimize, a slow function of 30": lambda: lambda: steepest.minimize(slow, np.zeros(30)),
        "fit, 300 000 x 30": frame,
    }


def delay(work: Work, after: float) -> float | None:
    """Seconds from the signal to the exception; None where the work ended before."""
    sent = [0.0]

    def send() -> None:
        sent[0] = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, send)
    timer.start()
    try:
        work()
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0]
    timer.cancel()
    with contextlib.suppress(KeyboardInterrupt):
        timer.join()
    return None


def main() -> None:
    """Prints a markdown table."""
    given = parser(__doc__, "only", times=10).parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(1)
    found = []
    print("| what | takes, s | interrupted | median, ms | longest, ms |\n|---|---|---|---|---|")
    for name, make in cases().items():
        if given.only is not None and given.only not in name:
            continue
        work = make()
        began = time.perf_counter()
        whole = delay(work, 5.0)
        takes = 5.0 if whole is not None else time.perf_counter() - began
        waits = [delay(work, float(rng.uniform(0.05, 0.9)) * takes) for _ in range(given.times)]
        seen = [1000.0 * w for w in waits if w is not None] or [float("nan")]
        found.append({"what": name, "takes": takes, "milliseconds": seen})
        count = sum(w is not None for w in waits)
        print(f"| {name} | {takes:.1f} | {count} | {np.median(seen):.0f} | {max(seen):.0f} |", flush=True)
    keep(given, found)


if __name__ == "__main__":
    main()
