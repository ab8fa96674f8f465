"""A design: the rows of a table as numbers and as codes with the one-hot implied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.errors import TableError

__all__ = ["Design", "Feature", "Part"]

#: bytes beyond which a dense matrix is refused
MOST_DENSE = 16 << 30


@dataclass(frozen=True)
class Feature:
    """A column of the dense design: its name, the table's column it came from, the level it stands for."""

    name: str
    column: str
    level: str | None = None
    #: how it was made of its column: "curve", "levels" or "pair"; empty where it is the column, or a level of it
    made: str = ""


@dataclass(frozen=True)
class Design:
    """Encoded rows.

    `numbers` is float64 of shape (rows, numbers); `codes` is int32 of shape (rows, categories), each the
    number of a level of its category or -1 for none of them (an unseen level), so that row i of the whole
    design is `numbers[i]` followed by one-hot vectors of the codes.

    >>> import numpy as np
    >>> design = Design(np.array([[0.5], [2.0]]), np.array([[1], [-1]], np.int32),
    ...                 (Feature("age", "age"),), (("a", "b"),), ("town",))
    >>> design.to_dense()
    array([[0.5, 0. , 1. ],
           [2. , 0. , 0. ]])
    >>> design.names
    ['age', 'town = a', 'town = b']
    """

    numbers: np.ndarray[Any, np.dtype[np.float64]]
    codes: np.ndarray[Any, np.dtype[np.int32]]
    number_features: tuple[Feature, ...]
    levels: tuple[tuple[str, ...], ...]
    categories: tuple[str, ...]
    #: the table's column of each category; the category's own name where not given
    category_columns: tuple[str, ...] = ()
    #: how the last categories were made of number columns or pairs ("levels" or "pair"); the others were there
    made: tuple[str, ...] = ()
    #: whether a penalty holds each cell of a pair as it holds a standardised column
    firm: bool = False

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.numbers)

    @property
    def width(self) -> int:
        """The number of columns of the dense design."""
        return len(self.number_features) + sum(map(len, self.levels))

    @property
    def features(self) -> list[Feature]:
        """What each column of the dense design is, in order."""
        columns = self.category_columns or self.categories
        made = ("",) * (len(self.categories) - len(self.made)) + self.made
        return [
            *self.number_features,
            *(
                Feature(f"{name} = {level}", column, level, how)
                for name, column, levels, how in zip(self.categories, columns, self.levels, made, strict=True)
                for level in levels
            ),
        ]

    @property
    def names(self) -> list[str]:
        """The names of the dense design's columns."""
        return [feature.name for feature in self.features]

    def to_dense(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """All of it as one float64 matrix in C order; without categories it is `numbers` itself.

        Raises
        ------
        TableError
            The matrix would take more than 16 GiB.
        """
        if not self.levels:
            return self.numbers
        size = 8 * self.rows * self.width
        if size > MOST_DENSE:
            raise TableError(
                f"the dense design of {self.rows} rows and {self.width} columns would take "
                f"{size / 2**30:.0f} GiB: "
                "leave out the categories with most levels (drop)"
            )
        dense = np.zeros((self.rows, self.width))
        first = len(self.number_features)
        dense[:, :first] = self.numbers
        for k, levels in enumerate(self.levels):
            rows = np.flatnonzero(self.codes[:, k] >= 0)
            dense[rows, first + self.codes[rows, k]] = 1.0
            first += len(levels)
        return dense


@dataclass(frozen=True)
class Part:
    """Some rows of a table: their design, their target, and which rows they are."""

    design: Design
    #: float64 for regression, else the class's number (int64)
    y: np.ndarray[Any, Any]
    #: the rows' numbers in the table they came from
    rows: np.ndarray[Any, np.dtype[np.int64]]
    #: each row's weight; None where all weigh the same
    weight: np.ndarray[Any, np.dtype[np.float64]] | None = None
