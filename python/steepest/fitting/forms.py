"""Which columns enter as curves or as levels, and which pairs enter together: what lowers the loss of rows held out.

The training rows are split again: no row that judges the model is looked at. From the loss's slopes and curvatures at a
fitted model, what a curve, steps or a table of two columns would take off the held-out loss is known from sums over
cells, as FAST ranks pairs (Lou, Caruana, Gehrke and Hooker, Accurate Intelligible Models with Pairwise Interactions,
2013); what was chosen is then fitted, and kept where the held-out loss is clearly lower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np

from steepest.fitting.columns import Encoding
from steepest.fitting.splits import folds, taken
from steepest.tables import Design, Part
from steepest.tables.form import MOST_CELLS, Curve, Form, Pair, Side, splines
from steepest.tasks import Task
from steepest.tasks.intervals import moments

__all__ = ["Chosen", "Search"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]
#: fewer training rows than this tell nothing of forms; of more than the second so many are looked at
LEAST, MOST = 80, 30_000
#: fewer rows than this are split in folds, more in two
FEW, FOLDS = 10_000, 4
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
#: what a column, or a pair, has to take off the held-out loss
PAYS = 2e-3
#: strengths of the penalty that are tried, times the loss's curvature, and how near to the least loss each is fitted
ALPHAS, TOL = (0.3, 0.03, 3e-3, 3e-4), 3e-3
#: those tried while each does better than the one before: what a penalty leaves of a line that is nearly exact would
#: be taken for a curve
WEAKER = (3e-5, 3e-6, 3e-7, 3e-8)
#: lines whose loss is no larger than this share of that at margins of 0 are off by what a solver leaves
EXACT = 1e-12
#: rows' worth of shrinking of a cell
SHRINK = (1.0, 5.0, 25.0, 125.0)
#: the step of differences; the least curvature that strengths of the penalty are in units of
STEP, BEND = 1e-3, 1e-3

Solve = Callable[[Any, Floats, Any, float, Any, float], dict[str, Any]]


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


@dataclass
class _Split:
    """Rows to learn from and rows to judge, and the margins of all rows by what was fitted to the former."""

    kept: Whole
    held: Whole
    margin: Floats = field(default_factory=lambda: np.empty((0, 0)))
    slope: Floats = field(default_factory=lambda: np.empty((0, 0)))
    bend: Floats = field(default_factory=lambda: np.empty((0, 0)))
    #: the curvature of a row
    unit: float = 1.0
    #: of the held rows
    loss: Floats = field(default_factory=lambda: np.empty(0))


class Search:
    """The search for a form.

    Parameters
    ----------
    part : Part
        Training rows, plainly encoded, the target in the unit that it is fitted in.
    task : Task
    outputs : int
        Margins a row.
    solve : callable
        Fits columns at an alpha from a start to a tolerance: ``solve(columns, y, weight, alpha, start, tol)``.
    straight : collection of str
        Columns that stay as they are.
    seed : int
        Of the split.
    """

    def __init__(
        self, part: Part, task: Task, outputs: int, solve: Solve, straight: Sequence[str], seed: int
    ) -> None:
        if len(part.y) > MOST:
            drawn = np.random.Generator(np.random.Philox(seed + 2)).choice(len(part.y), MOST, replace=False)
            part = taken(part, np.sort(drawn))
        self.part, self.task, self.outputs, self.solve = part, task, outputs, solve
        self.weight = np.ones(len(part.y)) if part.weight is None else part.weight
        self.straight = set(straight)
        found = folds(part, FOLDS, seed + 3)
        self.splits = [_Split(kept, held) for kept, held in found]
        if len(part.y) >= FEW:
            self.splits = self.splits[:1]
        design = part.design
        self.numbers = {
            f.name: j
            for j, f in enumerate(design.number_features)
            if f.name not in self.straight and f.column not in self.straight
        }
        self.distinct = {name: np.unique(design.numbers[:, j]) for name, j in self.numbers.items()}
        self.numbers = {name: j for name, j in self.numbers.items() if len(self.distinct[name]) > 1}
        #: the strength of the penalty at which the last fit did best
        self.alpha = 0.0
        self.cuts: dict[tuple[str, int], Side] = {}

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
                fitted = self.better(form, now)
                # Those taken last may be what is too much.
                pairs = pairs if fitted else pairs[: len(pairs) // 2]
            if not fitted:
                break
            now = fitted
            chosen.form, chosen.loss, chosen.alpha = form, self.mean(fitted), self.alpha
            chosen.terms = chosen.terms + terms[: len(pairs)]
            self.stand(now)
        return chosen

    # What is fitted, and how well it does.

    def fit(self, form: Form) -> list[Floats]:
        """Margins of all rows by models of a form, one a split, at the alpha whose held-out loss is the least.

        They are kept as what further candidates start from. Empty where the fit was stopped.
        """
        design = form.expand(self.part.design)
        part = replace(self.part, design=design)
        # Where the best constant lies on a straight part of the loss there is no bend to go by.
        curvature = max(self.task.slope_and_curvature(self.part.y)[1], BEND)
        encoded = []
        for split in self.splits:
            own = taken(part, split.kept)
            encoding = Encoding.of(own.design, own.weight)
            encoded.append((own, encoding.columns(own.design), encoding.columns(design)))
        starts: list[Any] = [None] * len(encoded)
        best: list[Floats] = []
        least = np.inf
        for alpha in (*ALPHAS, *WEAKER):
            margins = []
            for k, (own, columns, whole) in enumerate(encoded):
                solution = self.solve(columns, own.y, own.weight, alpha * curvature, starts[k], TOL)
                if solution["outcome"] == "stopped":
                    return []
                starts[k] = solution["x"]
                margins.append(whole.margins(starts[k]))
            mean = self.mean(margins)
            if not best or mean < least:
                best, least, self.alpha = margins, mean, alpha * curvature
            elif alpha <= ALPHAS[-1]:
                break
        return best

    def stand(self, margins: list[Floats]) -> None:
        """Takes margins as what further candidates start from."""
        for split, margin in zip(self.splits, margins, strict=True):
            split.margin = margin
            split.slope, split.bend = self.slopes(margin)
            split.unit = float(split.bend[split.kept].mean()) or 1.0
            split.loss = self.task.losses(margin[split.held], self.part.y[split.held])

    def slopes(self, margin: Floats) -> tuple[Floats, Floats]:
        """How each row pulls its margins, and how its loss bends there, times its weight."""
        y, weight = self.part.y, self.weight[:, None]
        if self.task.several:
            p = self.task.means(margin)
            return (np.eye(p.shape[1])[y.astype(np.intp)] - p) * weight, p * (1 - p) * weight
        below, here, above = (self.task.losses(margin + d, y) for d in (-STEP, 0.0, STEP))
        slope, bend = (below - above) / (2 * STEP), ((above - here) - (here - below)) / STEP**2
        return slope[:, None] * weight, np.maximum(bend, 0.0)[:, None] * weight

    def losses(self, margins: list[Floats]) -> tuple[Floats, Floats]:
        """Each held-out row's loss, and its weight."""
        y = self.part.y
        found = [self.task.losses(m[s.held], y[s.held]) for s, m in zip(self.splits, margins, strict=True)]
        return np.concatenate(found), np.concatenate([self.weight[s.held] for s in self.splits])

    def mean(self, margins: list[Floats]) -> float:
        """The mean held-out loss."""
        return moments(*self.losses(margins))[0]

    def better(self, form: Form, than: list[Floats]) -> list[Floats]:
        """The margins by a form where its held-out loss is clearly below that of others; else empty."""
        fitted = self.fit(form)
        if not fitted:
            return []
        (new, weight), (old, _) = self.losses(fitted), self.losses(than)
        gain, error = moments(old - new, weight)
        return fitted if gain > max(2 * error, PAYS * moments(old, weight)[0]) else []

    def gain(self, codes: Whole, values: list[Floats]) -> tuple[float, float]:
        """What values of cells, one table a split, take off the held-out loss, and the standard error of that."""
        y, gains = self.part.y, []
        for split, value in zip(self.splits, values, strict=True):
            new = split.margin[split.held] + value[codes[split.held]]
            gains.append(split.loss - self.task.losses(new, y[split.held]))
        return moments(np.concatenate(gains), np.concatenate([self.weight[s.held] for s in self.splits]))

    def sums(self, codes: Whole, cells: int, split: _Split, rows: Whole) -> tuple[Floats, Floats]:
        """Slopes and curvatures summed over the rows of each cell, of shape (cells, outputs)."""
        k = self.outputs
        flat = (codes[rows, None] * k + np.arange(k)).ravel()
        both = [
            np.asarray(np.bincount(flat, weights=of[rows].ravel(), minlength=cells * k), dtype=np.float64)
            for of in (split.slope, split.bend)
        ]
        return both[0].reshape(cells, k), both[1].reshape(cells, k)

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

    def smooth(self, codes: Whole, basis: Floats, split: _Split) -> Floats:
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

    def cells(self, side: Side) -> tuple[Whole, int]:
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

    def crossed(self, pair: Pair) -> Whole:
        """The cell of each row, one more for none."""
        codes = pair.codes(self.part.design, self.numbers, self.categories)
        return np.where(codes < 0, pair.cells, codes).astype(np.int64)

    def likely(self, codes: Whole, cells: int) -> float:
        """What a table of cells may take off the held-out loss, by its slopes and curvatures."""
        gains = np.zeros(len(SHRINK))
        for split in self.splits:
            slope, bend = self.sums(codes, cells, split, split.kept)
            there, curved = self.sums(codes, cells, split, split.held)
            for k, shrink in enumerate(SHRINK):
                value = slope / (bend + shrink * split.unit)
                gains[k] += float((value * there - 0.5 * value**2 * curved).sum())
        return float(gains.max()) / sum(float(self.weight[s.held].sum()) for s in self.splits)

    def table(self, codes: Whole, cells: int) -> list[Floats]:
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
