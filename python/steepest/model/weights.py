"""Coefficients in the columns' own units, and predictions from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest import tasks
from steepest._types import Floats
from steepest.errors import InputError
from steepest.tables import Design, Schema

__all__ = ["Weights"]

#: rows handled at a time
BLOCK = 1 << 14


@dataclass(frozen=True)
class Weights:
    """A linear predictor: offset_k + Σ_j (x_j - centre_j) · coefficients_kj for each output k.

    Centring keeps digits where a column's values are far from 0. There is one output for regression and two
    classes, and one for each of several classes.
    """

    #: (outputs, columns), per unit of each column of the dense design
    coefficients: Floats
    #: (columns,)
    centre: Floats
    #: (columns,), the standard deviation of each in the training rows
    sd: Floats
    #: (outputs,), the margin of a row at the centre
    offset: Floats

    @classmethod
    def of(cls, point: Floats, mean: Floats, sd: Floats, outputs: int) -> Weights:
        """From a solution on standardised columns: each output's coefficients, then its intercept."""
        grid = np.asarray(point, dtype=np.float64).reshape(outputs, len(mean) + 1)
        return cls(grid[:, :-1] / sd, mean.copy(), sd.copy(), grid[:, -1].copy())

    def arrays(self) -> dict[str, Floats]:
        """Its arrays by the names that they have in a file."""
        return {f"weights.{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def taken(cls, arrays: dict[str, Floats]) -> Weights:
        """Those of a file's arrays, which are taken out of them."""
        return cls(**{name: arrays.pop(f"weights.{name}") for name in cls.__dataclass_fields__})

    def times(self, scale: float, shift: float) -> Weights:
        """The predictor of scale · (what it predicts) + shift."""
        return Weights(self.coefficients * scale, self.centre, self.sd, self.offset * scale + shift)

    def check(self, schema: Schema) -> None:
        """Refuses weights that are not those of a schema.

        Raises
        ------
        InputError
            Their type or their shapes are others.
        """
        outputs = tasks.find(schema.task).outputs(len(schema.classes or ()))
        shapes = {"coefficients": (outputs, schema.width), "centre": (schema.width,), "sd": (schema.width,)}
        for name, shape in {**shapes, "offset": (outputs,)}.items():
            array = getattr(self, name)
            if array.dtype != np.float64 or array.shape != shape:
                raise InputError(
                    f"the {name} must be {shape} numbers of 64 bits; got {array.dtype} of shape {array.shape}"
                )

    @property
    def intercept(self) -> Floats:
        """The margins where every column is 0."""
        return np.asarray(self.offset - (self.coefficients * self.centre).sum(axis=1))

    def margins(self, design: Design) -> Floats:
        """The linear predictor of each row, of shape (rows, outputs).

        Column after column is added in order, so that a row's bits depend on nothing but the row.
        """
        out = np.empty((design.rows, len(self.offset)))
        tables = self.level_tables(design)
        for start in range(0, design.rows, BLOCK):
            rows = slice(start, min(design.rows, start + BLOCK))
            numbers = design.numbers[rows]
            for k, offset in enumerate(self.offset):
                total = np.full(len(numbers), offset)
                for j in range(numbers.shape[1]):
                    total += (numbers[:, j] - self.centre[j]) * self.coefficients[k, j]
                for c, table in enumerate(tables):
                    total += table[k][design.codes[rows, c]]
                out[rows, k] = total
        return out

    def level_tables(self, design: Design) -> list[Floats]:
        """For each category, what each level adds to each output; the last entry is for none of them (-1)."""
        tables = []
        first = len(design.number_features)
        for levels in design.levels:
            own = slice(first, first + len(levels))
            absent = -(self.coefficients[:, own] * self.centre[own]).sum(axis=1)
            tables.append(np.column_stack([absent[:, None] + self.coefficients[:, own], absent]))
            first += len(levels)
        return tables
