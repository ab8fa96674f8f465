"""Small tasks for networks, each a module, a loss, rows to train on and rows to judge by: all follow from a seed."""

from __future__ import annotations

import gzip
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

Rows = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass
class Task:
    """What is trained, on what, for how long."""

    name: str
    module: nn.Module
    loss: Callable[[Any, Any], torch.Tensor]
    x: torch.Tensor
    y: torch.Tensor
    held_x: torch.Tensor
    held_y: torch.Tensor
    batch: int
    epochs: int
    #: what the grid's rates of Adam and of SGD are multiplied by, so that its winner lies inside
    scale: tuple[float, float] = (1.0, 1.0)

    @property
    def steps(self) -> int:
        return self.epochs * (len(self.x) // self.batch)


def classes(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))


def squares(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (out - y).square().mean()


def split(x: Any, y: Any, seed: int) -> Rows:
    """A quarter of the rows held out."""
    order = np.random.default_rng(seed).permutation(len(x))
    n = int(len(x) * 0.75)
    x, y = np.asarray(x, np.float32) if np.asarray(x).dtype.kind == "f" else np.asarray(x), np.asarray(y)
    y = y.astype(np.float32) if y.dtype.kind == "f" else y.astype(np.int64)
    return tuple(torch.as_tensor(a) for a in (x[order[:n]], y[order[:n]], x[order[n:]], y[order[n:]]))  # type: ignore[return-value]


@cache
def digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    rows, labels = load_digits(return_X_y=True)
    return (rows / 16).astype(np.float32), labels


def dense(
    *sizes: int, act: type[nn.Module] = nn.ReLU, norm: Callable[[int], nn.Module] | None = None
) -> nn.Sequential:
    parts: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes[:-1]):
        parts += [nn.Linear(a, b), *([norm(b)] if norm else []), act()]
    return nn.Sequential(*parts, nn.Linear(sizes[-2], sizes[-1]))


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.out = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.a(x.reshape(-1, 1, 8, 8))), 2)
        return self.out(F.max_pool2d(F.relu(self.b(x)), 2).flatten(1))


class Lstm(nn.Module):
    """By hand, so that many are run at once."""

    def __init__(self, letters: int, width: int = 48) -> None:
        super().__init__()
        self.look, self.width = nn.Embedding(letters, width), width
        self.i, self.h = nn.Linear(width, 4 * width), nn.Linear(width, 4 * width, bias=False)
        self.out = nn.Linear(width, letters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z, seen = self.i(self.look(x)), []
        h = c = torch.zeros(x.shape[0], self.width)
        for k in range(x.shape[1]):
            i, f, g, o = (z[:, k] + self.h(h)).chunk(4, -1)
            c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            seen.append(h)
        return self.out(torch.stack(seen, 1))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.n1, self.n2, self.heads = nn.LayerNorm(width), nn.LayerNorm(width), heads
        self.q, self.p = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.u, self.w = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, length, width = x.shape
        q, k, v = (
            a.reshape(rows, length, self.heads, -1).transpose(1, 2) for a in self.q(self.n1(x)).chunk(3, -1)
        )
        ahead = torch.full((length, length), -1e9).triu(1)
        seen = (q @ k.transpose(-1, -2) / math.sqrt(width // self.heads) + ahead).softmax(-1) @ v
        x = x + self.p(seen.transpose(1, 2).reshape(rows, length, width))
        return x + self.w(F.gelu(self.u(self.n2(x))))


class Transformer(nn.Module):
    def __init__(self, letters: int, width: int = 32, length: int = 16) -> None:
        super().__init__()
        self.look, self.place = nn.Embedding(letters, width), nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.Sequential(Block(width, 2), Block(width, 2))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, letters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.norm(self.blocks(self.look(x) + self.place)))


class Factors(nn.Module):
    def __init__(self, users: int = 200, items: int = 150, rank: int = 8) -> None:
        super().__init__()
        self.u, self.v = nn.Embedding(users, rank), nn.Embedding(items, rank)
        self.a, self.b = nn.Embedding(users, 1), nn.Embedding(items, 1)
        for p in self.parameters():
            nn.init.normal_(p, std=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        i, j = x[:, 0], x[:, 1]
        return (self.u(i) * self.v(j)).sum(1) + self.a(i)[:, 0] + self.b(j)[:, 0]


@cache
def text(data: Path) -> tuple[Any, int]:
    letters = gzip.decompress((data / "tiny_shakespeare" / "input.txt.gz").read_bytes()).decode()
    kinds = sorted(set(letters))
    place = {c: i for i, c in enumerate(kinds)}
    return np.array([place[c] for c in letters], np.int64), len(kinds)


def windows(data: Path, seed: int, length: int = 16, rows: int = 6400, held: int = 400) -> Rows:
    letters, _ = text(data)
    cut, drawn = int(0.9 * len(letters)), np.random.default_rng(seed)

    def some(low: int, high: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        at = drawn.integers(low, high - length - 1, n)[:, None] + np.arange(length + 1)
        w = torch.as_tensor(letters[at])
        return w[:, :-1], w[:, 1:]

    return *some(0, cut, rows), *some(cut, len(letters), held)


@cache
def fashion_mnist(data: Path) -> tuple[Any, Any]:
    x, y = (
        gzip.decompress((data / "fashion_mnist" / f"train-{kind}-ubyte.gz").read_bytes())
        for kind in ("images-idx3", "labels-idx1")
    )
    return np.frombuffer(x, np.uint8, offset=16).reshape(-1, 784), np.frombuffer(y, np.uint8, offset=8)


@cache
def housing(data: Path) -> Any:
    import pandas as pd

    table = pd.read_csv(data / "california_housing" / "housing.csv.gz")
    return table.select_dtypes("number").dropna().to_numpy(np.float64)


# The tasks


def softmax_digits(seed: int, _: Path) -> tuple[Any, ...]:
    """Softmax regression from 0."""
    module = nn.Linear(64, 10)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    return module, classes, *split(*digits(), seed), 64, 15, (10.0, 1.0)


def logistic_raw(seed: int, _: Path) -> tuple[Any, ...]:
    """Logistic regression on columns of scales from 1e-3 to 1e3."""
    from sklearn.datasets import load_breast_cancer

    rows, labels = load_breast_cancer(return_X_y=True)
    module = nn.Linear(30, 1)
    nn.init.zeros_(module.weight)
    logistic = F.binary_cross_entropy_with_logits
    return module, logistic, *split(rows, labels[:, None].astype(float), seed), 32, 30, (10.0, 1e-4)


def linear_raw(seed: int, _: Path) -> tuple[Any, ...]:
    """A line through columns of scales from .1 to 30, not centred."""
    drawn = np.random.default_rng(100 + seed)
    scale = np.logspace(-1, 1.5, 20)
    x = drawn.standard_normal((3000, 20)) * scale + 2 * scale * drawn.standard_normal(20)
    y = x @ (drawn.standard_normal(20) / scale) + 0.5 * drawn.standard_normal(3000)
    return nn.Linear(20, 1), squares, *split(x, y[:, None], seed), 64, 15, (10.0, 3e-2)


def mlp_digits(seed: int, _: Path) -> tuple[Any, ...]:
    return dense(64, 128, 64, 10), classes, *split(*digits(), seed), 64, 15


def mlp_noisy(seed: int, _: Path) -> tuple[Any, ...]:
    """30 % of the labels drawn anew."""
    x, y, held_x, held_y = split(*digits(), seed)
    drawn = np.random.default_rng(7 + seed)

    def noisy(labels: torch.Tensor) -> torch.Tensor:
        other = torch.as_tensor(drawn.random(len(labels)) < 0.3)
        return torch.where(other, torch.as_tensor(drawn.integers(0, 10, len(labels))), labels)

    return dense(64, 64, 10), classes, x, noisy(y), held_x, noisy(held_y), 64, 8


def mlp_fashion(seed: int, data: Path) -> tuple[Any, ...]:
    x, y = fashion_mnist(data)
    some = np.random.default_rng(seed).permutation(60000)[:6000]
    rows, labels = torch.as_tensor(x[some] / np.float32(255)), torch.as_tensor(y[some].astype(np.int64))
    return dense(784, 128, 10), classes, rows[:4000], labels[:4000], rows[4000:], labels[4000:], 128, 8


def deep_plain(seed: int, _: Path) -> tuple[Any, ...]:
    """Seven layers without normalisation."""
    return dense(64, 64, 64, 64, 64, 64, 64, 10), classes, *split(*digits(), seed), 64, 15


def deep_norm(seed: int, _: Path) -> tuple[Any, ...]:
    """Seven layers with layer normalisation."""
    module = dense(64, 64, 64, 64, 64, 64, 64, 10, norm=nn.LayerNorm)
    return module, classes, *split(*digits(), seed), 64, 12


def batch_norm(seed: int, _: Path) -> tuple[Any, ...]:
    module = dense(64, 128, 64, 10, norm=lambda width: nn.BatchNorm1d(width, track_running_stats=False))
    return module, classes, *split(*digits(), seed), 64, 10


def bad_init(seed: int, _: Path) -> tuple[Any, ...]:
    """Weights five times too large at the start."""
    module = dense(64, 128, 64, 10)
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(5.0)
    return module, classes, *split(*digits(), seed), 64, 15


def cnn_digits(seed: int, _: Path) -> tuple[Any, ...]:
    return Convolutions(), classes, *split(*digits(), seed), 64, 10


def lstm_chars(seed: int, data: Path) -> tuple[Any, ...]:
    return Lstm(text(data)[1]), classes, *windows(data, seed), 32, 1


def transformer_chars(seed: int, data: Path) -> tuple[Any, ...]:
    return Transformer(text(data)[1]), classes, *windows(data, seed), 32, 1


def factorisation(seed: int, _: Path) -> tuple[Any, ...]:
    """Ratings of rank 3 with noise, by factors of rank 8."""
    drawn = np.random.default_rng(50 + seed)
    u, v = drawn.standard_normal((200, 3)), drawn.standard_normal((150, 3))
    pairs = np.argwhere(drawn.random((200, 150)) < 0.3)
    y = (u[pairs[:, 0]] * v[pairs[:, 1]]).sum(1) + 0.4 * drawn.standard_normal(len(pairs))
    return Factors(), squares, *split(pairs, y, seed), 256, 20


def regression_mlp(seed: int, data: Path) -> tuple[Any, ...]:
    table = housing(data)
    some = table[np.random.default_rng(seed).permutation(len(table))[:4000]]
    some = (some - some.mean(0)) / some.std(0)
    return dense(8, 64, 64, 1), squares, *split(some[:, :-1], some[:, -1:], seed), 128, 15


def autoencoder(seed: int, _: Path) -> tuple[Any, ...]:
    rows, _labels = digits()
    return dense(64, 32, 12, 32, 64, act=nn.Tanh), squares, *split(rows, rows, seed), 64, 20


TASKS = {
    f.__name__: f
    for f in (
        softmax_digits, logistic_raw, linear_raw, mlp_digits, mlp_noisy, mlp_fashion, deep_plain, deep_norm,
        batch_norm, bad_init, cnn_digits, lstm_chars, transformer_chars, factorisation, regression_mlp, autoencoder,
    )
}  # fmt: skip


def make(name: str, seed: int, data: Path) -> Task:
    """A task, the same for every method."""
    torch.manual_seed(seed)
    task = Task(name, *TASKS[name](seed, data))
    # Judged on at most a thousand rows.
    task.held_x, task.held_y = task.held_x[:1000], task.held_y[:1000]
    return task
