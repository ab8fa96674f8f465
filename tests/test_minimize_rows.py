"""Sums of kinks over rows, without a gradient: nothing is claimed that a linear program shows not to be so."""

import numpy as np
import pytest
from scipy.optimize import linprog

import steepest


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_quantile_fits_are_claimed_where_they_are_right(columns: int) -> None:
    """Between kinks that lie close, steps get short in all directions and slopes are means of both sides."""
    right = 0
    for seed in range(8):
        rng = np.random.default_rng([columns, seed])
        rows, q = int(rng.integers(30, 300)), float(rng.choice([0.5, 0.9, 0.1, 0.75]))
        X = rng.uniform(0, 10, (rows, columns))
        y = 1 + X @ rng.normal(size=columns) + rng.exponential(1, rows) * X[:, 0]
        A = np.c_[np.ones(rows), X]
        least = linprog(
            np.r_[np.zeros(columns + 1), np.full(rows, q), np.full(rows, 1 - q)],
            A_eq=np.c_[A, np.eye(rows), -np.eye(rows)],
            b_eq=y,
            bounds=[(None, None)] * (columns + 1) + [(0, None)] * (2 * rows),
        ).fun

        def pinball(w: np.ndarray, A=A, y=y, q=q) -> float:
            r = y - A @ w
            return float(np.maximum(q * r, (q - 1) * r).sum())

        result = steepest.minimize(pinball, np.zeros(columns + 1))
        if result.success:
            assert result.fun <= least * (1 + 1e-6), seed
            right += 1
        assert result.fun <= least * (1 + 1e-2), seed
    assert right >= 2
