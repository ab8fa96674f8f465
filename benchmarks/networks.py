"""An epoch of a network beside its peers: seconds, floating-point speed, and ratios to the best of them.

    python benchmarks/networks.py [--json FILE] [--quick] [--only NAME] [--repeats 3]

Three nets in single precision, all trained by Adam at 1e-3: 784-128-64-10 at batches of 128 and of 32, and the tabular
28-64-64-1 at batches of 256, on rows of these shapes drawn at random, none of them zero. The first also on images, most of
whose numbers are zero (scikit-learn's digits, enlarged to 28 x 28): ours passes over them, the speed of the others does not
depend on what is in the rows.
Whoever is installed takes part: JAX with optax (one jitted scan, compiled beforehand), torch (eager, fused Adam), NumPy by
hand, scikit-learn. All run in turns within one process; the best of the turns is shown, for other processes only add. The
floor is the time that the products of an epoch would take at NumPy's best speed of a product of 1024 x 1024, on all threads.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from _given import each, parser

from steepest import _core


@dataclass
class Case:
    """A net, its batches and its rows."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    rows: int
    #: whether the rows are images
    images: bool = False

    @property
    def flops(self) -> float:
        """Of the products of an epoch: forward, of the weights, and of the layers below."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        return sum(2.0 * self.rows * a * b * (2 if i == 0 else 3) for i, (a, b) in enumerate(pairs))


CASES = [
    Case("784-128-64-10, batch 128", (784, 128, 64, 10), 128, 60_000),
    Case("784-128-64-10, batch 128, images", (784, 128, 64, 10), 128, 60_000, True),
    Case("784-128-64-10, batch 32", (784, 128, 64, 10), 32, 60_000),
    Case("28-64-64-1, batch 256", (28, 64, 64, 1), 256, 1_000_000),
]

Epoch = Callable[[], None]


def start(case: Case) -> list[np.ndarray]:
    """He's uniform weights and no shifts, alike for all."""
    rng, parts = np.random.default_rng(0), []
    for a, b in zip(case.sizes, case.sizes[1:], strict=False):
        parts += [rng.uniform(-1, 1, (a, b)).astype("f4") * np.sqrt(6 / a, dtype="f4"), np.zeros(b, "f4")]
    return parts


def ours(case: Case, X: np.ndarray, y: np.ndarray) -> Epoch:
    blank: dict[str, Any] = {"kind": "dense", "initialiser": None, "layers": []}
    layers = [{**blank, "size": float(n), "activation": ("relu", [])} for n in case.sizes[1:-1]]
    layers.append({**blank, "size": float(case.sizes[-1]), "activation": ("identity", [])})
    loss = "softmax" if case.sizes[-1] > 1 else "logistic"
    learnt = {"layers": layers, "loss": (loss, []), "mean": False, "decay": 0.0, "threads": 0}
    how = {
        "rules": [("adam", [])],
        "rate": 1e-3,
        "schedule": None,
        "batch": case.batch,
        "epochs": 1,
        "shuffle": True,
        "seed": 0,
        "per_row": False,
        "patience": None,
        "tolerance": 0.0,
        "falling": None,
        "own_weights": False,
        "seconds": np.inf,
        "score": "loss",
    }
    flat = np.concatenate([p.ravel() for p in start(case)])
    table = (X, y.astype("f8"), None)

    def epoch() -> None:
        _core.train_network(table, None, learnt, how, flat, None, None, None)

    return epoch


def with_jax(case: Case, X: np.ndarray, y: np.ndarray) -> Epoch:
    import jax
    import jax.numpy as jnp
    import optax

    parts, rule = [jnp.asarray(p) for p in start(case)], optax.adam(1e-3)
    steps = case.rows // case.batch
    x, t = jnp.asarray(X), jnp.asarray(y, "int32")

    def loss(parts: Any, x: Any, t: Any) -> Any:
        h = x
        for w, b in zip(parts[:-2:2], parts[1:-2:2], strict=True):
            h = jax.nn.relu(h @ w + b)
        z = h @ parts[-2] + parts[-1]
        if case.sizes[-1] > 1:
            return optax.softmax_cross_entropy_with_integer_labels(z, t).mean()
        return optax.sigmoid_binary_cross_entropy(z[:, 0], t).mean()

    @jax.jit
    def all_steps(parts: Any, state: Any, order: Any) -> Any:
        def one(carry: Any, rows: Any) -> Any:
            parts, state = carry
            value, g = jax.value_and_grad(loss)(parts, x[rows], t[rows])
            change, state = rule.update(g, state, parts)
            return (optax.apply_updates(parts, change), state), value

        return jax.lax.scan(one, (parts, state), order)

    rng = np.random.default_rng(0)

    def epoch() -> None:
        order = jnp.asarray(rng.permutation(case.rows)[: steps * case.batch].reshape(steps, case.batch))
        jax.block_until_ready(all_steps(parts, rule.init(parts), order))

    return epoch


def with_torch(case: Case, X: np.ndarray, y: np.ndarray) -> Epoch:
    import torch

    layers: list[Any] = []
    for w, b in zip(start(case)[::2], start(case)[1::2], strict=True):
        layer = torch.nn.Linear(*w.shape)
        layer.weight.data, layer.bias.data = torch.from_numpy(w.T.copy()), torch.from_numpy(b)
        layers += [layer, torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    rule = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    several = case.sizes[-1] > 1
    judge = torch.nn.CrossEntropyLoss() if several else torch.nn.BCEWithLogitsLoss()
    x, t = torch.from_numpy(X), torch.from_numpy(y.astype("i8" if several else "f4"))

    def epoch() -> None:
        order = torch.randperm(case.rows)
        for rows in order.split(case.batch):
            rule.zero_grad()
            z = net(x[rows])
            judge(z if several else z[:, 0], t[rows]).backward()
            rule.step()

    return epoch


def with_numpy(case: Case, X: np.ndarray, y: np.ndarray) -> Epoch:
    parts = start(case)
    means, squares = [np.zeros_like(p) for p in parts], [np.zeros_like(p) for p in parts]
    rng, layers, steps = np.random.default_rng(0), len(parts) // 2, iter(range(1, 10**9))

    def epoch() -> None:
        order = rng.permutation(case.rows)
        for at in range(0, case.rows, case.batch):
            rows = order[at : at + case.batch]
            h = [X[rows]]
            for k in range(layers):
                z = h[-1] @ parts[2 * k] + parts[2 * k + 1]
                h.append(np.maximum(z, 0) if k < layers - 1 else z)
            if case.sizes[-1] > 1:
                d = np.exp(h[-1] - h[-1].max(1, keepdims=True))
                d /= d.sum(1, keepdims=True)
                d[np.arange(len(rows)), y[rows]] -= 1
            else:
                d = 1 / (1 + np.exp(-h[-1])) - y[rows, None].astype("f4")
            d /= len(rows)
            grads: list[np.ndarray] = []
            for k in reversed(range(layers)):
                grads = [h[k].T @ d, d.sum(0), *grads]
                d = (d @ parts[2 * k].T) * (h[k] > 0) if k else d
            step = next(steps)
            length = np.float32(1e-3 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step))
            for p, g, m, v in zip(parts, grads, means, squares, strict=True):
                m += np.float32(0.1) * (g - m)
                v += np.float32(0.001) * (g * g - v)
                p -= length * m / (np.sqrt(v) + np.float32(1e-8))

    return epoch


def with_scikit(case: Case, X: np.ndarray, y: np.ndarray) -> Epoch:
    from sklearn.neural_network import MLPClassifier

    def epoch() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            MLPClassifier(case.sizes[1:-1], batch_size=case.batch, max_iter=1).fit(X, y)

    return epoch


PEERS = {"JAX": with_jax, "torch": with_torch, "NumPy": with_numpy, "scikit-learn": with_scikit}


def product_speed() -> float:
    """The best speed of NumPy's single products."""
    a = np.ones((1024, 1024), "f4")
    taken = []
    for _ in range(12):
        begun = time.perf_counter()
        a @ a
        taken.append(time.perf_counter() - begun)
    return 2 * 1024**3 / min(taken)


def images(rows: int) -> np.ndarray:
    """So many digits in the middle of 28 x 28 numbers from 0 to 1, one after another."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    small = load_digits().images
    wide = np.zeros((len(small), 28, 28), "f4")
    wide[:, 4:24, 4:24] = np.clip(np.round(zoom(small, (1, 2.5, 2.5), order=1)), 0, 16) / 16
    return np.resize(wide.reshape(len(small), -1), (rows, 784))


def measured(case: Case, repeats: int, quick: bool) -> tuple[dict[str, Any], str]:
    if quick:
        case = replace(case, rows=case.rows // 20)
    rng = np.random.default_rng(0)
    X = images(case.rows) if case.images else rng.random((case.rows, case.sizes[0]), dtype="f4")
    y = rng.integers(0, max(case.sizes[-1], 2), case.rows)
    runs: dict[str, Epoch] = {"steepest": ours(case, X, y)}
    for name, make in PEERS.items():
        try:
            runs[name] = make(case, X, y)
        except ImportError:
            continue
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            if turn:  # the first is for compiling and for caches
                taken[name].append(time.perf_counter() - begun)
    best = {name: min(t) for name, t in taken.items()}
    floor = case.flops / product_speed()
    lines = [
        f"\n**{case.name}**, {case.rows} rows, {np.mean(X == 0):.0%} zeros; floor {floor:.3f} s\n",
        "| | s | GFLOP/s | ours is x times as fast |",
        "|---|---|---|---|",
    ]
    for name, seconds in sorted(best.items(), key=lambda item: item[1]):
        lines.append(
            f"| {name} | {seconds:.3f} | {case.flops / seconds / 1e9:.0f} | {seconds / best['steepest']:.2f} |"
        )
    return {"name": case.name, "rows": case.rows, "floor": floor, "seconds": best}, "\n".join(lines)


if __name__ == "__main__":
    arguments = parser(__doc__, "quick", "only", repeats=3)
    given = arguments.parse_args()
    each(given, CASES, lambda case: measured(case, given.repeats, given.quick))
