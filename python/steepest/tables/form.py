"""The form of a model: which columns enter as smooth curves or as steps, and which pairs of columns enter together.

A curve is the basis of cubic B-splines of scikit-learn's SplineTransformer, constant beyond the ends; steps and pairs
are codes, whose one-hot columns are never made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from steepest._types import Codes, Floats
from steepest.tables.design import Design, Feature

__all__ = ["Curve", "Form", "Pair", "Side", "splines"]

DEGREE = 3
#: cells of a pair at most
MOST_CELLS = 4096
TIMES = "\N{MULTIPLICATION SIGN}"


def splines(x: Floats, knots: Sequence[float]) -> Floats:
    """The cubic B-splines over knots at each number, of shape (numbers, knots + 2); constant beyond the ends.

    They are those of scikit-learn's ``SplineTransformer(knots=..., extrapolation="constant")``, and add up to 1.
    De Boor, A Practical Guide to Splines (1978), chapter X.

    Examples
    --------
    >>> splines(np.array([0.0, 0.5, 9.0]), [0.0, 1.0]).round(3)
    array([[0.167, 0.667, 0.167, 0.   ],
           [0.021, 0.479, 0.479, 0.021],
           [0.   , 0.167, 0.667, 0.167]])
    """
    inner = np.asarray(knots, dtype=np.float64)
    before = inner[0] - (inner[1] - inner[0]) * np.arange(DEGREE, 0, -1)
    after = inner[-1] + (inner[-1] - inner[-2]) * np.arange(1, DEGREE + 1)
    t = np.concatenate([before, inner, after])
    held = np.clip(x, inner[0], inner[-1])
    piece = np.clip(np.searchsorted(inner, held, side="right") - 1, 0, len(inner) - 2)
    # The four splines that are not 0 on a piece, from those of degree 0 upwards.
    rows = np.arange(len(held))
    own = np.zeros((len(held), DEGREE + 1))
    own[:, 0] = 1.0
    at = piece + DEGREE
    for degree in range(1, DEGREE + 1):
        saved = np.zeros(len(held))
        for r in range(degree):
            right, left = t[at + r + 1] - held, held - t[at + 1 - degree + r]
            share = own[:, r] / (right + left)
            own[:, r] = saved + right * share
            saved = left * share
        own[:, degree] = saved
    out = np.zeros((len(held), len(inner) + DEGREE - 1))
    for r in range(DEGREE + 1):
        out[rows, piece + r] = own[:, r]
    return out


@dataclass(frozen=True)
class Curve:
    """A number column as a smooth curve."""

    #: the name of the number column
    name: str
    knots: tuple[float, ...]

    @property
    def width(self) -> int:
        """How many columns it makes."""
        return len(self.knots) + DEGREE - 1

    def sound(self) -> bool:
        """Whether its knots go up."""
        return len(self.knots) > 1 and bool((np.diff(self.knots) > 0).all())


@dataclass(frozen=True)
class Side:
    """A column as levels: a number column cut at edges, numbers beyond the ends in the last ones; or a category."""

    #: the name of the number column or of the category
    name: str
    #: what its levels are called: a value, or the least and greatest there were; a category's own
    levels: tuple[str, ...]
    #: where a number column is cut; none for a category
    edges: tuple[float, ...] = ()

    @classmethod
    def cut(cls, name: str, edges: Floats, distinct: Floats) -> Side:
        """A number column cut at edges, its levels called by the values that they hold."""
        place = np.searchsorted(edges, distinct, side="right")
        ends = [np.flatnonzero(place == level)[[0, -1]] for level in range(len(edges) + 1)]
        called = [
            f"{distinct[low]:.6g}" if low == high else f"{distinct[low]:.6g} to {distinct[high]:.6g}"
            for low, high in ends
        ]
        return cls(name, tuple(called), tuple(edges.tolist()))

    def codes(self, design: Design, places: dict[str, int], categories: dict[str, int]) -> Codes:
        """The level of each row; -1 for none."""
        if not self.edges:
            return design.codes[:, categories[self.name]]
        return np.searchsorted(self.edges, design.numbers[:, places[self.name]], side="right").astype(
            np.int32
        )

    def sound(self) -> bool:
        """Whether its edges go up, with a level for each stretch between them."""
        up = bool((np.diff(self.edges) > 0).all())
        return not self.edges or (up and len(self.levels) == len(self.edges) + 1)


@dataclass(frozen=True)
class Pair:
    """Two columns together: a level for each pair of theirs."""

    one: Side
    other: Side

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.one.name} {TIMES} {self.other.name}"

    @property
    def cells(self) -> int:
        """How many levels there are."""
        return len(self.one.levels) * len(self.other.levels)

    @property
    def levels(self) -> tuple[str, ...]:
        """A level for each pair, those of the second side running fastest."""
        return tuple(f"{a}, {b}" for a in self.one.levels for b in self.other.levels)

    def codes(self, design: Design, places: dict[str, int], categories: dict[str, int]) -> Codes:
        """The cell of each row; -1 where either side has none of its levels."""
        one, other = (side.codes(design, places, categories) for side in (self.one, self.other))
        cells = one * np.int32(len(self.other.levels)) + other
        return np.where((one < 0) | (other < 0), np.int32(-1), cells).astype(np.int32)

    def sound(self) -> bool:
        """Whether its edges go up and its cells are not too many."""
        return self.one.sound() and self.other.sound() and 1 < self.cells <= MOST_CELLS


@dataclass(frozen=True)
class Form:
    """What of a design enters in another way than as it lies; a form with nothing in it changes nothing.

    Examples
    --------
    >>> design = Design(np.array([[0.0], [1.0], [2.0]]), np.empty((3, 0), np.int32), (Feature("age", "age"),), (), ())
    >>> Form(steps=(Side("age", ("0", "1 to 2"), (0.5,)),)).expand(design).names
    ['age = 0', 'age = 1 to 2']
    """

    curves: tuple[Curve, ...] = ()
    #: number columns as levels
    steps: tuple[Side, ...] = ()
    pairs: tuple[Pair, ...] = ()
    #: whether a penalty holds each cell of a pair as it holds a standardised column, however few rows it has
    firm: bool = False

    def __bool__(self) -> bool:
        return bool(self.curves or self.steps or self.pairs)

    def expand(self, design: Design) -> Design:
        """The design with curves in place of their columns, and steps and pairs as further categories."""
        if not self:
            return design
        places = {feature.name: j for j, feature in enumerate(design.number_features)}
        categories = {name: k for k, name in enumerate(design.categories)}
        curves = {curve.name: curve for curve in self.curves}
        gone = {step.name for step in self.steps}
        widths = [
            0 if f.name in gone else curves[f.name].width if f.name in curves else 1
            for f in design.number_features
        ]
        numbers = np.empty((design.rows, sum(widths)))
        features: list[Feature] = []
        for j, (feature, width) in enumerate(zip(design.number_features, widths, strict=True)):
            first, x = len(features), design.numbers[:, j]
            if feature.name in curves:
                numbers[:, first : first + width] = splines(x, curves[feature.name].knots)
                names = [f"{feature.name}: curve {i + 1}" for i in range(width)]
                features += [Feature(name, feature.column, made="curve") for name in names]
            elif width:
                numbers[:, first] = x
                features.append(feature)
        codes = [design.codes]
        for step in self.steps:
            codes.append(step.codes(design, places, categories)[:, None])
        codes += [pair.codes(design, places, categories)[:, None] for pair in self.pairs]
        columns = design.category_columns or design.categories
        own = {f.name: f.column for f in design.number_features}
        return replace(
            design,
            numbers=numbers,
            codes=np.ascontiguousarray(np.hstack(codes), dtype=np.int32),
            number_features=tuple(features),
            levels=(*design.levels, *(s.levels for s in self.steps), *(p.levels for p in self.pairs)),
            categories=(*design.categories, *(s.name for s in self.steps), *(p.name for p in self.pairs)),
            category_columns=(*columns, *(own[s.name] for s in self.steps), *(p.name for p in self.pairs)),
            made=("levels",) * len(self.steps) + ("pair",) * len(self.pairs),
            firm=self.firm,
        )

    def width(self, plain: int) -> int:
        """The columns of the expanded design, given those of the plain one."""
        return plain + sum(curve.width - 1 for curve in self.curves) - len(self.steps) + self.cells

    @property
    def cells(self) -> int:
        """The levels of steps and pairs."""
        return sum(len(s.levels) for s in self.steps) + sum(p.cells for p in self.pairs)

    def fault(self, numbers: set[str], levels: dict[str, tuple[str, ...]]) -> str | None:
        """What in it does not fit the number columns and categories of a schema, or None."""
        names = [curve.name for curve in self.curves] + [step.name for step in self.steps]
        if len(set(names)) < len(names) or not set(names) <= numbers:
            return "its form bends columns that it has not"
        every: list[Curve | Side | Pair] = [*self.curves, *self.steps, *self.pairs]
        for made in every:
            if not made.sound():
                return f"the form of {made.name!r} has knots or edges that do not go up, or too many cells"
        if any(not step.edges for step in self.steps):
            return "its form has levels without edges"
        for side in (side for pair in self.pairs for side in (pair.one, pair.other)):
            if side.name not in numbers if side.edges else levels.get(side.name) != side.levels:
                return f"its form pairs {side.name!r}, which it has not"
        return None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Form:
        """From what `to_dict` made, of the shape `SHAPE`, by way of JSON."""

        def side(own: dict[str, Any]) -> Side:
            return Side(own["name"], tuple(own["levels"]), tuple(own["edges"]))

        return cls(
            tuple(Curve(c["name"], tuple(c["knots"])) for c in data["curves"]),
            tuple(map(side, data["steps"])),
            tuple(Pair(side(p["one"]), side(p["other"])) for p in data["pairs"]),
            data.get("firm", False),
        )


_SIDE = {"name": str, "levels": [str], "edges": [float]}
#: the shape of a form in JSON
SHAPE = {
    "curves": [{"name": str, "knots": [float]}],
    "steps": [_SIDE],
    "pairs": [{"one": _SIDE, "other": _SIDE}],
    "firm?": bool,
}
