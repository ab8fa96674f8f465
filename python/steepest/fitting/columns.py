"""The columns that a descent walks over: numbers with their scales, and categories as codes, whose one-hot columns
are never made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.tables import Design

__all__ = ["Columns", "Encoding", "Scaling"]

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


@dataclass(frozen=True)
class Encoding:
    """The mean and deviation of each column in the training rows; of a level's one-hot column too."""

    numbers: Scaling
    mean: Floats
    sd: Floats

    @classmethod
    def of(cls, design: Design, weight: Floats | None = None) -> Encoding:
        """The encoding of rows, each of a weight where weights are given."""
        numbers = Scaling.of(design.numbers, weight)
        total = max(1, design.rows) if weight is None else float(weight.sum())
        shares = [
            np.bincount(
                codes[codes >= 0],
                weights=None if weight is None else weight[codes >= 0],
                minlength=len(levels),
            )
            / total
            for codes, levels in zip(design.codes.T, design.levels, strict=True)
        ]
        share = np.concatenate([np.empty(0), *shares])
        sd = np.sqrt(share * (1.0 - share))
        first = 0
        for own in shares[: len(shares) - len(design.made)]:
            # A level that none of these rows has may be in others, where these are a sample: of hashed texts for one.
            own_sd = sd[first : first + len(own)]
            own_sd[own == 0] = np.sqrt(1.0 / max(2, design.rows, len(own)))
            first += len(own)
        for own, how in zip(shares[len(shares) - len(design.made) :], design.made, strict=True):
            # Cells that were made have one scale: a penalty then holds those of few rows most.
            cells = slice(first, first + len(own))
            sd[cells] = 1.0 if how == "pair" and design.firm else np.sqrt(np.mean(sd[cells] ** 2))
            first += len(own)
        return cls(
            numbers,
            np.concatenate([numbers.mean, share]),
            np.concatenate([numbers.sd, np.where(sd == 0, 1.0, sd)]),
        )

    def columns(self, design: Design) -> Columns:
        """A part's rows: the codes are not one-hot, and numbers are read as they lie.

        They are copied and standardised only where a column lies so far from 0 that its digits would be lost.
        """
        codes = np.ascontiguousarray(design.codes.T, dtype=np.int32)
        numbers, first, scale = np.ascontiguousarray(design.numbers), self.mean.copy(), self.sd.copy()
        if not self.numbers.near:
            width = len(design.number_features)
            first[:width], scale[:width] = 0.0, 1.0
            numbers = self.numbers.apply(np.array(design.numbers, order="C"))
        return Columns(numbers, codes, tuple(map(len, design.levels)), first, scale)


@dataclass(frozen=True)
class Columns:
    """Rows of `numbers` beside `codes`, which stand for one-hot columns of 0 and 1.

    A penalty is to hold standardised coefficients, so each coefficient counts times its column's `scale`: the
    deviation of the column, of a level's one-hot column for its level; 1 for numbers that are standardised already.
    """

    #: (rows, numbers)
    numbers: Floats
    #: (categories, rows), -1 for none of the levels
    codes: np.ndarray[Any, np.dtype[np.int32]]
    #: how many levels each category has
    levels: tuple[int, ...]
    #: what is to be taken from each column for its mean over the training rows to be 0
    centre: Floats
    #: what each column is to be divided by for its deviation to be 1
    scale: Floats

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.numbers)

    @property
    def width(self) -> int:
        """The number of columns, those of levels among them."""
        return len(self.scale)

    def every(self, step: int) -> Columns:
        """Every `step`-th row."""
        return Columns(self.numbers[::step], self.codes[:, ::step], self.levels, self.centre, self.scale)

    def times(self, w: Floats) -> Floats:
        """X w, for w of shape (columns, k)."""
        first = self.numbers.shape[1]
        out = np.asarray(self.numbers @ w[:first])
        for codes, count in zip(self.codes, self.levels, strict=True):
            # The last entry is for none of the levels, whose code is -1.
            out += np.vstack([w[first : first + count], np.zeros((1, w.shape[1]))])[codes]
            first += count
        return out

    def across(self, u: Floats) -> Floats:
        """X'u, for u of shape (rows, k)."""
        parts = [self.numbers.T @ u]
        for codes, count in zip(self.codes, self.levels, strict=True):
            sums = [np.bincount(codes + 1, weights=v, minlength=count + 1)[1:] for v in u.T]
            parts.append(np.stack(sums, axis=1))
        return np.concatenate(parts)

    def standardised(self, point: Floats, outputs: int) -> Floats:
        """A point as if every column were standardised: each output's coefficients, then its intercept."""
        grid = np.array(point, dtype=np.float64).reshape(outputs, -1)
        grid[:, -1] += grid[:, :-1] @ self.centre
        grid[:, :-1] *= self.scale
        return grid.ravel()

    def margins(self, point: Floats) -> Floats:
        """Margins of shape (rows, outputs) at a point: each output's coefficients, then its intercept."""
        grid = np.asarray(point).reshape(-1, self.width + 1)
        return self.times(grid[:, :-1].T) + grid[:, -1]

    def largest_curvature(self) -> float:
        """The largest eigenvalue of the correlations, by a few power steps on at most 5000 rows."""
        sample = self.every(max(1, self.rows // 5000))
        vector = np.ones((self.width, 1))
        value = 1.0
        for _ in range(10):
            scaled = vector / self.scale[:, None]
            image = sample.times(scaled) - self.centre @ scaled
            back = sample.across(image) - self.centre[:, None] * image.sum()
            vector = back / self.scale[:, None] / sample.rows
            value = float(np.linalg.norm(vector))
            if value == 0:
                return 1.0
            vector /= value
        return value

    def largest_slope(self, targets: Floats) -> float:
        """The largest slope of the loss along a standardised column at the intercept alone."""
        slope = self.across(targets - targets.mean(axis=0)) / self.scale[:, None]
        return float(np.abs(slope).max(initial=0.0)) / self.rows
