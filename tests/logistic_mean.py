"""A mean of logistic losses with a square beside it: what methods for means of terms are tried on, written out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class LogisticMean:
    """The mean of ln(1 + exp(−y x′w)) over some rows and half of `l2` times the square, with its gradient."""

    x: Floats
    y: Floats
    l2: float

    def __call__(self, w: Floats, rows: Rows) -> tuple[float, Floats]:
        margin = self.y[rows] * (self.x[rows] @ w)
        value = np.logaddexp(0.0, -margin).mean() + 0.5 * self.l2 * w @ w
        slope = -self.y[rows] * expit(-margin)
        return float(value), self.x[rows].T @ slope / len(rows) + self.l2 * w

    def whole(self, w: Floats) -> float:
        """The value over all rows."""
        return self(w, np.arange(len(self.y)))[0]

    def least(self) -> Floats:
        """Where it is least, by Newton's steps over all rows."""
        n, d = self.x.shape
        w = np.zeros(d)
        for _ in range(40):
            p = expit(self.y * (self.x @ w))
            hessian = (self.x.T * (p * (1 - p))) @ self.x / n + self.l2 * np.eye(d)
            w = w - np.linalg.solve(hessian, self(w, np.arange(n))[1])
        return w
