"""Which columns enter as curves or as levels, and which pairs enter together: what lowers the loss of rows held out.

The training rows are split again: no row that judges the model is looked at. From the loss's slopes and curvatures at a
fitted model, what a curve, steps or a table of two columns would take off the held-out loss is known from sums over
cells, as FAST ranks pairs (Lou, Caruana, Gehrke and Hooker, Accurate Intelligible Models with Pairwise Interactions,
2013); what was chosen is then fitted, and kept where the held-out loss is clearly lower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np

from steepest._types import Floats, Ints
from steepest.fitting.heldout import PAYS, HeldOut, Solve, Split
from steepest.tables import Design, Part
from steepest.tables.form import MOST_CELLS, Curve, Form, Pair, Side, splines
from steepest.tasks import Task

__all__ = ["Chosen", "Search"]

#: fewer training rows than this tell nothing of forms
LEAST = 80
#: more number columns than this are measurements of one kind, as pixels are
MOST_COLUMNS = 200
#: cells that a column is cut into; knots that are tried; a column of at most so many values may have a level for each
CELLS, KNOTS, LEVELS = 64, (4, 8, 16), 64
#: columns that pairs are sought among; cells of one side at first, and those tried for the pairs that look best
PAIRED, COARSE, SIDES = 20, 8, (8, 16, 32)
#: pairs looked at closely; pairs taken at most
LOOKED, TAKEN = 24, 12
#: chance that a column or pair of pure noise is taken
CHANCE = 0.01
#: lines whose loss is no larger than this share of that at margins of 0 are off by what a solver leaves
EXACT = 1e-12
#: rows' worth of shrinking of a cell
SHRINK = (1.0, 5.0, 25.0, 125.0)
#: columns of numbers from here on stay as they are
HUGE = 1e300


@dataclass
class Chosen:
    """The form, and what is told of it."""

    form: Form = field(default_factory=Form)
    #: each column or pair: name, kind, gain (share of the held-out loss) and its standard error
    terms: list[dict[str, Any]] = field(default_factory=list)
    #: held-out loss of the plain model and of the one chosen, and the rows
    plain: float = float("nan")
    loss: float = float("nan")
    rows: int = 0
    columns: int = 0
    pairs: int = 0
    #: about how strong a penalty suits it; 0 where it is plain
    alpha: float = 0.0
    #: why nothing was tried
    why: str = ""


class Search(HeldOut):
    """The search for a form.

    Parameters
    ----------
    part, task, outputs, solve, seed
        As for `HeldOut`.
    straight : collection of str
        Columns that stay as they are.
    """

    def __init__(
        self, part: Part, task: Task, outputs: int, solve: Solve, straight: Sequence[str], seed: int
    ) -> None:
        super().__init__(part, task, outputs, solve, seed)
        self.straight = set(straight)
        design = self.part.design
        self.numbers = {
            f.name: j
            for j, f in enumerate(design.number_features)
            if f.name not in self.straight and f.column not in self.straight
        }
        self.distinct = {name: np.unique(design.numbers[:, j]) for name, j in self.numbers.items()}
        # Knots and edges are differences of values, which those near the largest float do not have.
        self.numbers = {
            name: j
            for name, j in self.numbers.items()
            if len(self.distinct[name]) > 1 and np.abs(self.distinct[name]).max() < HUGE
        }
        self.cuts: dict[tuple[str, int], Side] = {}
        #: whether pairs were chosen, and with them how firmly their cells are held
        self.fixed = False

    def run(self) -> Chosen:
        """The form that pays."""
        design = self.part.design
        chosen = Chosen(rows=len(self.part.y))
        if len(self.part.y) < LEAST:
            chosen.why = f"{len(self.part.y)} training rows are too few to tell (at least {LEAST})"
        elif len(self.numbers) > MOST_COLUMNS:
            chosen.why = f"{len(self.numbers)} columns of numbers are taken for measurements of one kind"
        if chosen.why or not (plain := self.fit(Form())):
            return chosen
        chosen.plain = chosen.loss = self.mean(plain)
        if chosen.plain <= EXACT * self.mean([np.zeros_like(margin) for margin in plain]):
            chosen.why = "they leave nothing to tell"
            return chosen
        self.stand(plain)
        curves, steps, terms = self.bent(chosen)
        form, now = Form(tuple(curves), tuple(steps)), plain
        if form and (fitted := self.better(form, plain)):
            now = fitted
            chosen.form, chosen.terms, chosen.loss, chosen.alpha = form, terms, self.mean(fitted), self.alpha
        self.stand(now)
        # What pairs leave over is known when they are fitted together: then they are sought once more.
        while len(chosen.form.pairs) < TAKEN:
            pairs, terms = self.paired(chosen, design)
            fitted = []
            while pairs and not fitted:
                form = replace(chosen.form, pairs=(*chosen.form.pairs, *pairs))
                form, fitted = self.held(form, now)
                # Those taken last may be what is too much.
                pairs = pairs if fitted else pairs[: len(pairs) // 2]
            if not fitted:
                break
            now = fitted
            chosen.form, chosen.loss, chosen.alpha = form, self.mean(fitted), self.alpha
            chosen.terms = chosen.terms + terms[: len(pairs)]
            self.stand(now)
        return chosen

    def held(self, form: Form, now: list[Floats]) -> tuple[Form, list[Floats]]:
        """A form with its first pairs, their cells held loosely or firmly by the penalty, whichever does better.

        One strength serves lines, curves and cells: where the former want a weak one, loose cells learn noise.
        """
        kinds = (form.firm,) if self.fixed else (False, True)
        best, alpha = form, 0.0
        fitted: list[Floats] = []
        for firm in kinds:
            tried = self.better(replace(form, firm=firm), now)
            if tried and (not fitted or self.mean(tried) < self.mean(fitted)):
                best, fitted, alpha = replace(form, firm=firm), tried, self.alpha
        if fitted:
            self.alpha, self.fixed = alpha, True
        return best, fitted

    # Single columns.

    def bent(self, chosen: Chosen) -> tuple[list[Curve], list[Side], list[dict[str, Any]]]:
        """The columns that are more than a line: as curves, or as steps."""
        curves: list[Curve] = []
        steps: list[Side] = []
        terms: list[dict[str, Any]] = []
        tried = [name for name in self.numbers if len(self.distinct[name]) > 2]
        chosen.columns = len(tried)
        for name in tried:
            found = []
            edges = cut(self.column(name), self.distinct[name], CELLS)
            codes = np.searchsorted(edges, self.column(name), side="right")
            cells = len(edges) + 1
            sizes = np.maximum(np.bincount(codes, minlength=cells), 1)
            middle = np.bincount(codes, weights=self.column(name), minlength=cells) / sizes
            for made in self.candidates(name, edges):
                if isinstance(made, Curve):
                    basis = splines(middle, made.knots)
                else:
                    basis = np.eye(len(made.edges) + 1)[np.searchsorted(made.edges, middle, side="right")]
                values = [self.smooth(codes, basis, split) for split in self.splits]
                found.append((made, *self.gain(codes, values)))
            best = self.taken(found, len(tried), chosen.plain)
            if best is None:
                continue
            made, gain, error = best
            (curves if isinstance(made, Curve) else steps).append(made)
            kind = "curve" if isinstance(made, Curve) else "levels"
            terms.append(told([name], kind, gain, error, chosen.plain))
        return curves, steps, terms

    def column(self, name: str) -> Floats:
        """A number column."""
        return self.part.design.numbers[:, self.numbers[name]]

    def candidates(self, name: str, edges: Floats) -> Iterator[Curve | Side]:
        """The forms that a column may have, the simplest first."""
        distinct = self.distinct[name]
        for count in KNOTS:
            if len(distinct) > count:
                inner = cut(self.column(name), distinct, count - 1)
                knots = (float(distinct[0]), *inner.tolist(), float(distinct[-1]))
                if Curve(name, knots).sound():
                    yield Curve(name, knots)
        if len(distinct) <= LEVELS or len(edges) + 1 >= CELLS // 2:
            yield Side.cut(name, edges, distinct)

    def smooth(self, codes: Ints, basis: Floats, split: Split) -> Floats:
        """What a Newton step on the rows kept makes of a basis over cells, of shape (cells, outputs)."""
        slope, bend = self.sums(codes, len(basis), split, split.kept)
        gram = (basis.T * bend.T[:, None, :]) @ basis
        gram += SHRINK[1] * split.unit * np.eye(basis.shape[1])
        return basis @ np.linalg.solve(gram, (basis.T @ slope).T[:, :, None])[:, :, 0].T

    def taken(
        self, found: list[tuple[Any, float, float]], tried: int, loss: float
    ) -> tuple[Any, float, float] | None:
        """The simplest candidate about as good as the best; None where that may be chance, or pays too little."""
        if not found:
            return None
        surely = NormalDist().inv_cdf(1 - CHANCE / tried)
        sound = [one for one in found if one[1] > max(surely * one[2], PAYS * loss)]
        if not sound:
            return None
        best = max(sound, key=lambda one: one[1])
        return next(one for one in sound if one[1] >= best[1] - 0.5 * best[2])

    # Pairs of columns.

    def paired(self, chosen: Chosen, design: Design) -> tuple[list[Pair], list[dict[str, Any]]]:
        """The pairs that pay, the most telling first, each with what it takes off the loss."""
        sides = self.sides(design)
        coarse = {name: self.cells(self.side(name, COARSE)) for name in sides}
        seen = []
        for one, other in combinations(sides, 2):
            (a, wide), (b, deep) = coarse[one], coarse[other]
            if wide * deep <= MOST_CELLS:
                seen.append((self.likely(a * deep + b, wide * deep), one, other))
        chosen.pairs = len(seen)
        seen.sort(key=lambda entry: -entry[0])
        best = [(one, other) for likely, one, other in seen[:LOOKED] if likely > 0]
        looked = [
            pair for one, other in best for pair in self.finer(one, other) if pair not in chosen.form.pairs
        ]
        codes = {pair: self.crossed(pair) for pair in looked}
        pairs: list[Pair] = []
        terms: list[dict[str, Any]] = []
        while looked and len(chosen.form.pairs) + len(pairs) < TAKEN:
            found = []
            for pair in looked:
                values = self.table(codes[pair], pair.cells + 1)
                found.append((pair, *self.gain(codes[pair], values), values))
            surely = NormalDist().inv_cdf(1 - CHANCE / max(1, len(seen)))
            sound = [one for one in found if one[1] > max(surely * one[2], PAYS * chosen.plain)]
            if not sound:
                break
            pair, gain, error, values = max(sound, key=lambda one: one[1])
            pairs.append(pair)
            terms.append(told([pair.one.name, pair.other.name], "pair", gain, error, chosen.plain))
            self.stand([s.margin + v[codes[pair]] for s, v in zip(self.splits, values, strict=True)])
            positive = {one[0] for one in found if one[1] > 0}
            looked = [one for one in looked if one in positive and one != pair]
        return pairs, terms

    def sides(self, design: Design) -> list[str]:
        """The columns that pairs are sought among: all, or those that tell most by themselves."""
        names = [*self.numbers, *design.categories]
        if len(names) <= PAIRED:
            return names
        now = [s.margin for s in self.splits]
        constant = [
            np.broadcast_to(m[s.kept].mean(axis=0), m.shape) for s, m in zip(self.splits, now, strict=True)
        ]
        self.stand([np.array(m) for m in constant])
        alone = {name: self.likely(*self.cells(self.side(name, COARSE))) for name in names}
        self.stand(now)
        return sorted(names, key=lambda name: -alone[name])[:PAIRED]

    def side(self, name: str, cells: int) -> Side:
        """One side of a pair."""
        design = self.part.design
        if name not in self.numbers:
            return Side(name, design.levels[design.categories.index(name)])
        # A column of few values is the same in each fineness.
        key = name, min(cells, len(self.distinct[name]))
        if key not in self.cuts:
            edges = cut(self.column(name), self.distinct[name], cells)
            self.cuts[key] = Side.cut(name, edges, self.distinct[name])
        return self.cuts[key]

    def cells(self, side: Side) -> tuple[Ints, int]:
        """The level of each row, with one more for none, and how many those are."""
        codes = side.codes(self.part.design, self.numbers, self.categories)
        return np.where(codes < 0, len(side.levels), codes).astype(np.int64), len(side.levels) + 1

    @property
    def categories(self) -> dict[str, int]:
        """The place of each category."""
        return {name: k for k, name in enumerate(self.part.design.categories)}

    def finer(self, one: str, other: str) -> list[Pair]:
        """A pair in each fineness."""
        made = {Pair(self.side(one, count), self.side(other, count)): None for count in SIDES}
        return [pair for pair in made if pair.sound()]

    def crossed(self, pair: Pair) -> Ints:
        """The cell of each row, one more for none."""
        codes = pair.codes(self.part.design, self.numbers, self.categories)
        return np.where(codes < 0, pair.cells, codes).astype(np.int64)

    def likely(self, codes: Ints, cells: int) -> float:
        """What a table of cells may take off the held-out loss, by its slopes and curvatures."""
        gains = np.zeros(len(SHRINK))
        for split in self.splits:
            slope, bend = self.sums(codes, cells, split, split.kept)
            there, curved = self.sums(codes, cells, split, split.held)
            for k, shrink in enumerate(SHRINK):
                value = slope / (bend + shrink * split.unit)
                gains[k] += float((value * there - 0.5 * value**2 * curved).sum())
        return float(gains.max()) / sum(float(self.weight[s.held].sum()) for s in self.splits)

    def table(self, codes: Ints, cells: int) -> list[Floats]:
        """Values of cells learned from the rows kept, one table a split, shrunk as suits the held-out rows best."""
        sums = [self.sums(codes, cells, split, split.kept) for split in self.splits]
        there = [self.sums(codes, cells, split, split.held) for split in self.splits]
        best, values = -np.inf, [slope for slope, _ in sums]
        for shrink in SHRINK:
            tried = [
                slope / (bend + shrink * split.unit)
                for (slope, bend), split in zip(sums, self.splits, strict=True)
            ]
            gain = sum(float((v * s - 0.5 * v**2 * b).sum()) for v, (s, b) in zip(tried, there, strict=True))
            if gain > best:
                best, values = gain, tried
        return values


def cut(x: Floats, distinct: Floats, cells: int) -> Floats:
    """Edges that cut numbers into about so many cells of about equal rows: between all values where those are few.

    A value that many rows have counts as one cell, so that the others are told apart too.
    """
    if len(distinct) <= cells:
        return between(distinct[:-1], distinct[1:])
    counts = np.bincount(np.searchsorted(distinct, x), minlength=len(distinct)).astype(np.float64)
    for _ in range(20):
        counts = np.minimum(counts, counts.sum() / cells)
    done = np.cumsum(counts)
    at = np.searchsorted(done, done[-1] * np.arange(1, cells) / cells, side="left")
    at = np.unique(np.clip(at, 0, len(distinct) - 2))
    return np.unique(between(distinct[at], distinct[at + 1]))


def between(low: Floats, high: Floats) -> Floats:
    """The middle of two numbers, in few digits where that still tells them apart."""
    middle = low + 0.5 * (high - low)
    for digits in range(1, 17):
        if not len(middle):
            break
        short = np.array([float(f"{m:.{digits}g}") for m in middle])
        good = (short > low) & (short <= high)
        if good.all():
            return short
    return np.where(middle > low, middle, high)


def told(names: list[str], kind: str, gain: float, error: float, loss: float) -> dict[str, Any]:
    """What is told of a column or a pair: what it takes off the held-out loss, as a share of it."""
    return {"columns": names, "kind": kind, "gain": gain / loss, "error": error / loss}
