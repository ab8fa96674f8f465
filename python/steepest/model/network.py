"""A network's weights in the place of coefficients, and predictions from them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from steepest import tasks
from steepest._types import Floats
from steepest.errors import InputError
from steepest.tables import Design, Schema

__all__ = ["NetworkWeights"]

#: rows handled at a time
BLOCK = 1 << 14
#: what the names of its arrays begin with in a file
PREFIX = "network."


@dataclass(frozen=True)
class NetworkWeights:
    """A predictor of dense layers: z ← max(0, z W + b) for each but the last, which is z W + b.

    The first layer sees the numbers, each less its centre and divided by its deviation, and has a row of weights for
    every level of a category: what a level stands for is learnt, and one that was never seen adds nothing.
    """

    #: of each number
    centre: Floats
    sd: Floats
    #: the weights and the shift of each layer
    layers: tuple[tuple[Floats, Floats], ...]

    def margins(self, design: Design) -> Floats:
        """What comes out of the last layer for each row, of shape (rows, outputs)."""
        out = np.empty((design.rows, len(self.layers[-1][1])))
        (first, shift), *others = self.layers
        count = len(self.centre)
        starts = count + np.cumsum([0, *map(len, design.levels)])
        for start in range(0, design.rows, BLOCK):
            rows = slice(start, min(design.rows, start + BLOCK))
            z = ((design.numbers[rows] - self.centre) / self.sd) @ first[:count] + shift
            for at, codes in zip(starts, design.codes[rows].T, strict=False):
                z += np.where((codes >= 0)[:, None], first[at + np.maximum(codes, 0)], 0.0)
            for weights, shift_ in others:
                z = np.maximum(z, 0.0) @ weights + shift_
            out[rows] = z
        return out

    def arrays(self) -> dict[str, Floats]:
        """Its arrays by the names that they have in a file."""
        named = {f"{PREFIX}centre": self.centre, f"{PREFIX}sd": self.sd}
        for k, (weights, shift) in enumerate(self.layers):
            named |= {f"{PREFIX}weights.{k}": weights, f"{PREFIX}shift.{k}": shift}
        return named

    @classmethod
    def taken(cls, arrays: dict[str, Any]) -> NetworkWeights | None:
        """Those of a file's arrays, which are taken out of them; None where there are none."""
        own = {
            name.removeprefix(PREFIX): arrays.pop(name) for name in list(arrays) if name.startswith(PREFIX)
        }
        if not own:
            return None
        layers = [(own[f"weights.{k}"], own[f"shift.{k}"]) for k in range(len(own) // 2 - 1)]
        return cls(own["centre"], own["sd"], tuple(layers))

    def check(self, schema: Schema) -> None:
        """Refuses weights that are not those of a schema.

        Raises
        ------
        InputError
            Their type or their shapes are others.
        """
        outputs, width = tasks.find(schema.task).outputs(len(schema.classes or ())), schema.width
        wide = [width, *(shift.size for _, shift in self.layers)]
        shapes = [((a, b), (b,)) for a, b in pairwise(wide)]
        right = bool(self.layers) and wide[-1] == outputs and self.centre.shape == self.sd.shape
        right &= all((w.shape, b.shape) == shape for (w, b), shape in zip(self.layers, shapes, strict=True))
        right &= self.centre.ndim == 1 and len(self.centre) <= width
        if not right or any(a.dtype != np.float64 for a in self.arrays().values()):
            raise InputError(
                f"the layers must lead from {width} columns to {outputs} outputs, in numbers of 64 bits"
            )
