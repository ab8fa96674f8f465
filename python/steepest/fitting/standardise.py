"""Columns with mean 0 and standard deviation 1, so that one penalty is fair to all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Scaling"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
#: rows handled at a time
BLOCK = 1 << 14
#: deviations between a column's mean and 0 beyond which differences lose digits
FAR = 1e4
#: numbers whose squares and their sums are far from overflow, as those of their reciprocals
LARGE = 1e100


@dataclass(frozen=True)
class Scaling:
    """Each column's mean and standard deviation; the deviation of a column that does not vary is 1."""

    mean: Floats
    sd: Floats
    #: whether every column varies, about a mean near it and in a size that squares hold: fit to be read as it lies
    near: bool = False

    @classmethod
    def of(cls, columns: Floats, weight: Floats | None = None) -> Scaling:
        """The scaling of a matrix's columns, by two passes that neither overflow nor lose digits.

        With weights a row counts as often as it weighs.
        """
        rows = len(columns)
        total = rows if weight is None else float(weight.sum())

        def counted(block: Floats, first: int) -> Floats:
            return block if weight is None else block * weight[first : first + len(block), None]

        top = np.zeros(columns.shape[1])
        for start in range(0, rows, BLOCK):
            np.maximum(top, np.abs(columns[start : start + BLOCK]).max(axis=0), out=top)
        top[top == 0] = 1.0
        mean = sum_blocks(columns, lambda block, at: counted(block / top, at).sum(axis=0)) / total
        square = (
            sum_blocks(columns, lambda block, at: counted((block / top - mean) ** 2, at).sum(axis=0)) / total
        )
        sd = np.sqrt(square)
        # Deviations at the level of rounding are those of a constant column.
        sd[sd <= 1e-13 * np.abs(mean)] = 0.0
        near = (np.abs(mean) <= FAR * sd) & (sd > 0) & (top > 1 / LARGE) & (top < LARGE)
        return cls(mean * top, np.where(sd == 0, 1.0, sd * top), bool(near.all()))

    def apply(self, columns: Floats) -> Floats:
        """The columns standardised in place, which are returned."""
        for start in range(0, len(columns), BLOCK):
            block = columns[start : start + BLOCK]
            block -= self.mean
            block /= self.sd
        return columns


def sum_blocks(columns: Floats, function: Any) -> Floats:
    """The sum of a function of blocks of rows and of where each begins, in order."""
    total = np.zeros(columns.shape[1])
    for start in range(0, len(columns), BLOCK):
        total += function(columns[start : start + BLOCK], start)
    return total
