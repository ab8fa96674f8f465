"""How one column becomes numbers or codes: what missing values become, and which levels there are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest._types import Codes, Floats
from steepest.tables import dates
from steepest.tables.values import Values

__all__ = [
    "HASHED",
    "MOST_HASHED",
    "HashedPiece",
    "LevelsPiece",
    "NumberPiece",
    "piece_from_dict",
    "split_parts",
]

MISSING, OTHER = "(missing)", "(other)"
#: a column with more than this share missing also says where it was missing
INDICATOR_SHARE = 0.01
#: a category keeps at most this many levels of its own
MOST_LEVELS = 1000
#: levels that texts are hashed to unless said, and at most
HASHED, MOST_HASHED = 1 << 12, 1 << 20


@dataclass(frozen=True)
class NumberPiece:
    """A number column, or a part of a date that is a number.

    Missing values become `fill`; where `indicator` is set a second column is 1 where the value was missing.
    """

    name: str
    column: str
    part: str | None
    fill: float
    indicator: bool
    type: str = "number"

    @classmethod
    def fit(cls, name: str, column: str, part: str | None, values: Values, rows: Any) -> NumberPiece:
        """Learns from the given rows: the median of a number, the more common value of a boolean."""
        assert values.numbers is not None
        numbers = values.numbers[rows]
        present = numbers[np.isfinite(numbers)]
        if not len(present):
            fill = 0.0
        elif values.kind == "boolean":
            fill = float(present.mean() > 0.5)
        else:
            fill = 2.0 * float(
                np.median(0.5 * present)
            )  # halves, since two of the largest floats have no sum
        share = 1 - len(present) / len(numbers)
        return cls(name, column, part, fill, share > INDICATOR_SHARE)

    @property
    def width(self) -> int:
        """How many number columns it makes."""
        return 1 + self.indicator

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [self.name, f"{self.name} is missing"][: self.width]

    def write(self, values: Values, rows: Any, out: Floats) -> int:
        """Writes the columns for the given rows into `out` (rows by width); returns how many were filled."""
        assert values.numbers is not None
        numbers = values.numbers[rows]
        # Infinite values are here only where they were declared missing.
        absent = ~np.isfinite(numbers)
        filled = int(absent.sum())
        out[:, 0] = np.where(absent, self.fill, numbers) if filled else numbers
        if self.indicator:
            out[:, 1] = absent
        return filled


@dataclass(frozen=True)
class LevelsPiece:
    """A category: one level a text; rare ones pooled, missing a level of its own, unseen ones none (-1)."""

    name: str
    column: str
    part: str | None
    levels: tuple[str, ...]
    pooled: tuple[str, ...]
    type: str = "levels"

    @classmethod
    def fit(cls, name: str, column: str, part: str | None, values: Values, rows: Any) -> LevelsPiece:
        """Learns the levels from the given rows; rare means fewer than 3 rows, or 1 in 500 up to 20."""
        assert values.codes is not None
        codes = values.codes[rows]
        counts = np.bincount(codes[codes >= 0], minlength=len(values.texts))
        least = max(3, min(20, len(codes) // 500))
        if part is not None:
            least = 1
        ranked = np.argsort(-counts, kind="stable")
        kept_most = set(ranked[:MOST_LEVELS].tolist())
        seen = [i for i in range(len(values.texts)) if counts[i]]
        kept = [i for i in seen if counts[i] >= least and i in kept_most]
        pooled = [i for i in seen if not (counts[i] >= least and i in kept_most)]
        if len(pooled) == 1:  # pooling one level would only rename it
            kept, pooled = seen, []
        levels = [values.texts[i] for i in sorted(kept)]
        # A text that reads "(other)" or "(missing)" itself shares that level.
        if pooled and OTHER not in levels:
            levels.append(OTHER)
        if (codes < 0).any() and MISSING not in levels:
            levels.append(MISSING)
        return cls(name, column, part, tuple(levels), tuple(values.texts[i] for i in pooled))

    def write(self, values: Values, rows: Any, out: Codes) -> dict[str, int]:
        """Writes the codes for the given rows into `out`; returns the unseen texts and their counts."""
        assert values.codes is not None
        position = {level: i for i, level in enumerate(self.levels)}
        other = self.levels.index(OTHER) if self.pooled else -1
        position |= dict.fromkeys(self.pooled, other)
        absent = self.levels.index(MISSING) if MISSING in self.levels else -1
        lookup = np.array([*(position.get(text, -1) for text in values.texts), absent], np.int32)
        codes = values.codes[rows]
        out[:] = lookup[codes]
        unknown = np.flatnonzero(lookup[:-1] < 0)
        counts = np.bincount(codes[codes >= 0], minlength=len(values.texts))
        unseen = {values.texts[i]: int(counts[i]) for i in unknown if counts[i]}
        if absent < 0 and (nothing := int((codes < 0).sum())):
            unseen[MISSING] = nothing
        return unseen


@dataclass(frozen=True)
class HashedPiece:
    """A category of any number of texts, each hashed to one of a fixed number of levels; a text never seen has one too.

    Weinberger, Dasgupta, Langford, Smola and Attenberg, Feature Hashing for Large Scale Multitask Learning (2009). A
    row has one text, so that a sign would only double the levels, which can be asked for as they are.
    """

    name: str
    column: str
    part: str | None
    count: int
    #: whether missing values were seen; they are a level of their own then, and else none
    absent: bool
    #: whether the values were texts: digits of new rows are then kept as they are written
    texts: bool
    type: str = "hashed"

    #: texts are never pooled
    pooled = ()

    @classmethod
    def fit(cls, name: str, count: int, values: Values, rows: Any, texts: bool) -> HashedPiece:
        """Learns from the given rows whether values are missing; of their texts there is nothing to learn."""
        assert values.codes is not None
        return cls(name, name, None, count, bool((values.codes[rows] < 0).any()), texts)

    @property
    def levels(self) -> tuple[str, ...]:
        """What its levels are called."""
        return (*(f"hash {i}" for i in range(self.count)), *((MISSING,) if self.absent else ()))

    def write(self, values: Values, rows: Any, out: Codes) -> dict[str, int]:
        """Writes the codes for the given rows into `out`; only missing values can be unseen."""
        assert values.codes is not None
        absent = self.count if self.absent else -1
        lookup = np.array([*(hashed(text, self.count) for text in values.texts), absent], np.int32)
        out[:] = lookup[values.codes[rows]]
        nothing = int((out < 0).sum())
        return {MISSING: nothing} if nothing else {}


def hashed(text: str, count: int) -> int:
    """The level of a text: the same in each process, on each machine.

    >>> hashed("Ulm", 4096), hashed("Jena", 4096)
    (2841, 1997)
    """
    # A lone half of a surrogate pair, which UTF-8 has not, is a text like any other.
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % count


Piece = NumberPiece | LevelsPiece | HashedPiece


def piece_from_dict(data: dict[str, Any]) -> Piece:
    """A piece from what `asdict` made of it."""
    if data["type"] == "number":
        return NumberPiece(**data)
    if data["type"] == "hashed":
        return HashedPiece(**data)
    return LevelsPiece(**{**data, "levels": tuple(data["levels"]), "pooled": tuple(data["pooled"])})


def split_parts(values: Values) -> dict[str, Values]:
    """A column of times as columns of its parts, taken apart once."""
    assert values.times is not None
    if values.parts is not None:
        return values.parts
    found: dict[str, Values] = {}
    for part, (kind, numbers) in dates.parts(values.times).items():
        if kind == "number":
            found[part] = Values("number", values.rows, numbers=numbers, whole=True)
            continue
        absent = np.isnan(numbers)
        whole = np.where(absent, -1, numbers).astype(np.int64)
        # Months, weekdays and hours are small numbers: counting is quicker than sorting.
        present = np.flatnonzero(np.bincount(whole[~absent]))
        place = np.full(int(present.max(initial=0)) + 2, -1, np.int32)
        place[present] = np.arange(len(present), dtype=np.int32)
        texts = [dates.part_text(part, float(value)) for value in present]
        found[part] = Values("text", values.rows, codes=place[whole], texts=texts)
    values.parts = found
    return found
