"""One pass over a stream, each row seen once: rows a second of processor time, and log-loss, beside the peers that are installed.

    python benchmarks/streams.py [TABLE ...] [--rows N] [--block 10000] [--seeds 1] [--only NAME] [--json FILE] [--quick]

TABLE is ``PATH@TARGET`` or ``PATH@TARGET@CLASS``: a CSV file (with a line of names or without; columns by name or number), whose
texts become a column a level; CLASS is told from all others. It is streamed in an order drawn from the seed. Two drawn streams come
first, dense rows of 28 columns that are alike and sparse ones of 87 words.

Ours and scikit-learn's SGDClassifier are nothing told but the loss, and learn blocks of rows by `partial_fit`; River learns row by row,
standardised, the first of the rows only, being slow; Vowpal Wabbit reads its own binary cache. The *progressive* loss is that of rows
before they are learned (by blocks, or row by row where the peer does so), after the first block; *at the end* that of all rows by the
last model. Processor seconds are of all threads (OMP_NUM_THREADS=1 spares the peers idle ones). The batch optimum stands below.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from _given import each, parser
from scipy import sparse
from sklearn.linear_model import SGDClassifier as Scikit

from steepest.linear import LogisticRegression, SGDClassifier

#: Rows of which River learns.
SLOW = 20_000


@dataclass
class Stream:
    """Rows and their classes, 0 and 1, in the order in which they come."""

    name: str
    X: Any
    y: np.ndarray


def loss(margin: np.ndarray, y: np.ndarray) -> float:
    """The mean log-loss."""
    return float(np.mean(np.logaddexp(0.0, np.where(y == 1, -margin, margin).astype(np.float64))))


def classes(margin: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Drawn as these log-odds have it."""
    return (rng.random(len(margin)) < 1.0 / (1.0 + np.exp(-margin))).astype(np.int64)


def dense(rows: int, seed: int, kind: Any) -> Stream:
    """Columns of which each is like the one before."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 28))
    for j in range(1, 28):
        X[:, j] = 0.6 * X[:, j - 1] + 0.8 * X[:, j]
    y = classes(X @ rng.standard_normal(28) * 0.23 + 0.2, rng)
    return Stream(f"dense {np.dtype(kind).name}", np.ascontiguousarray(X, dtype=kind), y)


def words(rows: int, seed: int, columns: int = 50_000, entries: int = 87) -> Stream:
    """Columns as frequent as words."""
    rng = np.random.default_rng(seed)
    places = np.floor(columns ** rng.random((rows, entries))).astype(np.int32) - 1
    starts = np.arange(0, rows * entries + 1, entries)
    X = sparse.csr_matrix((rng.uniform(0.2, 1.0, rows * entries), places.ravel(), starts), (rows, columns))
    X.sum_duplicates()
    return Stream("sparse", X, classes(X @ rng.standard_normal(columns) * 0.8, rng))


def table(text: str, seed: int) -> Stream:
    """A stream from ``PATH@TARGET@CLASS``."""
    import pandas as pd

    path, target, one = [*text.split("@"), ""][:3]
    named = not target.lstrip("-").isdigit()
    separator = "\t" if ".tsv" in path else ","
    rows = pd.read_csv(path, sep=separator, header=0 if named else None)
    column = target if named else rows.columns[int(target)]
    y = rows.pop(column)
    first = one or sorted(y.unique())[-1]
    X = pd.get_dummies(rows).to_numpy(dtype=np.float64)
    order = np.random.default_rng(seed).permutation(len(X))
    return Stream(os.path.basename(path), X[order], (y.astype(str) == str(first)).to_numpy(np.int64)[order])


def blocks(stream: Stream, size: int) -> Iterator[tuple[Any, np.ndarray]]:
    """The rows as they come."""
    for at in range(0, len(stream.y), size):
        yield stream.X[at : at + size], stream.y[at : at + size]


def by_blocks(model: Any, stream: Stream, size: int) -> dict[str, float]:
    """`partial_fit`, block by block."""
    spent, ahead = 0.0, []
    for at, (X, y) in enumerate(blocks(stream, size)):
        if at:
            ahead.append((len(y), loss(model.decision_function(X), y)))
        began = time.process_time()
        model.partial_fit(X, y, classes=[0, 1])
        spent += time.process_time() - began
    counts, losses = zip(*ahead, strict=True)
    return {
        "rows/s": len(stream.y) / spent,
        "progressive": float(np.average(losses, weights=counts)),
        "end": loss(model.decision_function(stream.X), stream.y),
    }


def river(stream: Stream, size: int) -> dict[str, float]:
    """Row by row, of the first rows; its own scaler before it."""
    from river import linear_model, preprocessing

    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    X, y = stream.X[:SLOW], stream.y[:SLOW]
    if sparse.issparse(X):
        starts = X.indptr
        rows = [
            dict(zip(X.indices[a:b].tolist(), X.data[a:b].tolist(), strict=True)) for a, b in pairwise(starts)
        ]
    else:
        rows = [dict(enumerate(row)) for row in X.tolist()]
    spent, ahead = 0.0, []
    for at, (row, target) in enumerate(zip(rows, y.tolist(), strict=True)):
        if at >= size:
            p = min(max(model.predict_proba_one(row).get(True, 0.5), 1e-15), 1 - 1e-15)
            ahead.append(-np.log(p if target else 1 - p))
        began = time.process_time()
        model.learn_one(row, bool(target))
        spent += time.process_time() - began
    return {"rows/s": len(rows) / spent, "progressive": float(np.mean(ahead)) if ahead else np.nan}


def wabbit(stream: Stream, size: int) -> dict[str, float]:
    """From its binary cache, which a first run writes; its own progressive loss, of all rows."""
    from vowpalwabbit import Workspace

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows")
        with open(path, "w") as file:
            for X, y in blocks(stream, 2000):
                csr = sparse.csr_matrix(X)
                for i, target in enumerate(y):
                    part = slice(csr.indptr[i], csr.indptr[i + 1])
                    named = zip(csr.indices[part].tolist(), csr.data[part].tolist(), strict=True)
                    entries = " ".join(f"{j}:{v:.6g}" for j, v in named)
                    file.write(f"{1 if target else -1} | {entries}\n")
        asked = f"--loss_function logistic -b 20 --quiet --cache_file {path}.cache"
        first = Workspace(f"-d {path} {asked}")  # constructing it runs the whole file
        first.finish()
        os.remove(path)
        began = time.process_time()
        model = Workspace(f"-d {path} {asked}")
        spent = time.process_time() - began
        found = {
            "rows/s": len(stream.y) / spent,
            "progressive": model.get_sum_loss() / model.get_weighted_examples(),
        }
        model.finish()
    return found


def peers(stream: Stream) -> dict[str, Callable[[int], dict[str, float]]]:
    """Those that are installed, ours first."""
    found: dict[str, Callable[[int], dict[str, float]]] = {
        "steepest SGDClassifier": lambda size: by_blocks(SGDClassifier(loss="log_loss"), stream, size),
        "scikit-learn SGDClassifier": lambda size: by_blocks(
            Scikit(loss="log_loss", random_state=0), stream, size
        ),
    }
    try:
        import vowpalwabbit  # noqa: F401
    except ImportError:
        pass
    else:
        found["Vowpal Wabbit"] = lambda size: wabbit(stream, size)
    try:
        import river as _  # noqa: F401
    except ImportError:
        pass
    else:
        found["River"] = lambda size: river(stream, size)
    return found


def optimum(stream: Stream) -> float:
    """The loss of the batch optimum under the same penalty."""
    model = LogisticRegression(C=1.0 / (1e-4 * len(stream.y))).fit(stream.X, stream.y)
    return loss(model.decision_function(stream.X), stream.y)


def measure(stream: Stream, size: int) -> tuple[dict[str, Any], str]:
    """All peers over one stream, and a table."""
    size = min(size, len(stream.y) // 5)
    found = {name: peer(size) for name, peer in peers(stream).items()}
    best = optimum(stream)
    lines = [f"### {stream.name}, {len(stream.y)} rows, blocks of {size}; batch optimum {best:.4f}", "",
             "| | million rows a second | progressive loss | loss at the end |", "|---|---|---|---|"]  # fmt: skip
    for name, row in found.items():
        end = f"{row['end']:.4f}" if "end" in row else ""
        lines.append(f"| {name} | {row['rows/s'] / 1e6:.3f} | {row['progressive']:.4f} | {end} |")
    return {"case": stream.name, "optimum": best, "peers": found}, "\n".join(lines) + "\n"


def main() -> None:
    """Prints the tables and keeps them."""
    asked = parser(__doc__, "quick", "only", rows=500_000, block=10_000, seeds=1)
    asked.add_argument("tables", nargs="*")
    given = asked.parse_args()
    if given.quick:
        given.rows, given.block = 20_000, 1000
    warnings.simplefilter("ignore")

    def streams() -> Iterator[Stream]:
        for seed in range(given.seeds):
            for kind in (np.float64, np.float32):
                yield dense(given.rows, seed, kind)
            yield words(given.rows // 4, seed)
            for text in given.tables:
                yield table(text, seed)

    each(given, streams(), lambda stream: measure(stream, given.block))


if __name__ == "__main__":
    main()
