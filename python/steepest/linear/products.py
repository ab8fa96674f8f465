"""Least squares of large sparse tables by products alone (LSMR): an orthogonal factor would be dense and large.

Fong and Saunders 2011, https://doi.org/10.1137/10079687X.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, lsmr

from .factors import End, Table

__all__ = ["by_products"]

Floats = NDArray[np.float64]

# Rows whose squares are taken at once.
_ROWS = 4096
# A factorisation of more columns than this is not made at all.
_WIDE = 5000
# How small LSMR makes the part of the residual that the columns explain.
_SMALL = 1e-13


class _Products:
    """A sparse table, centred, its rows weighted and its columns multiplied, as LSMR takes it."""

    def __init__(self, table: Table) -> None:
        self.X = table.X.tocsr().astype(np.float64, copy=False)
        # As it lies: a transpose of its own would be as large as the table.
        self.across = self.X.T
        self.root, self.centre = np.sqrt(table.share), table.centre
        self.most = 10 * min(self.X.shape)

    def solve(self, target: Floats, times: Floats) -> tuple[Floats, End]:
        """The solution of least norm, in units of `times` a column."""
        operator = LinearOperator(
            self.X.shape,
            matvec=lambda v: self.times(times * v),
            rmatvec=lambda u: times * (self.across @ (self.root * u) - self.centre * (self.root @ u)),
            dtype=np.float64,
        )
        x, why, steps, norm, slope, size, condition, _ = lsmr(
            operator, target, atol=_SMALL, btol=_SMALL, conlim=0.0, maxiter=self.most
        )
        # |A'r| over the least singular value, of which LSMR has an idea, is what the columns could still explain.
        value = 0.5 * norm * norm
        left = 0.5 * (slope * condition / size) ** 2 if size > 0 else 0.0
        return times * x, End(value, min(left, value), int(steps), proved=False, done=why != 7)

    def times(self, v: Floats) -> Floats:
        """A v."""
        return np.asarray(self.root * (self.X @ v - self.centre @ v))

    def scales(self) -> Floats | None:
        """What makes the columns alike, if the solution is then the same, the only one; None where it is not.

        It is the only one if another known one, drawn at random, is found again.
        """
        if self.X.shape[0] < self.X.shape[1]:
            return None
        square = -(self.centre**2)
        for at in range(0, self.X.shape[0], _ROWS):
            here = slice(at, at + _ROWS)
            square += self.X[here].power(2).T @ self.root[here] ** 2
        if not square.min() > 0:
            return None
        times = 1.0 / np.sqrt(square)
        drawn = times * np.random.default_rng(0).standard_normal(len(times))
        found, end = self.solve(self.times(drawn), times)
        off = np.linalg.norm((found - drawn) / times)
        return times if end.done and off <= 1e-6 * np.linalg.norm(drawn / times) else None


def by_products(table: Table) -> tuple[Floats, list[End]] | None:
    """The same by LSMR; None where that is too slow and a factorisation is not too large."""
    products = _Products(table)
    times = products.scales()
    if times is None:
        times = np.ones(len(table.centre))
    coef, ends = np.empty((table.y.shape[1], len(times))), []
    for k, target in enumerate((products.root[:, None] * (table.y - table.level)).T):
        coef[k], end = products.solve(target, times)
        if not end.done and len(times) <= _WIDE:
            return None
        ends.append(end)
    return coef, ends
