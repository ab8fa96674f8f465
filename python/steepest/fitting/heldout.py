"""Models of a form fitted to some of the training rows, and what they, or values of cells, lose on the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steepest._types import Floats, Ints
from steepest.fitting.columns import Encoding
from steepest.fitting.splits import folds, taken
from steepest.tables import Part
from steepest.tables.form import Form
from steepest.tasks import Task
from steepest.tasks.intervals import moments

__all__ = ["PAYS", "HeldOut", "Solve", "Split"]

#: of more training rows so many are looked at
MOST = 30_000
#: fewer rows than this are split in folds, more in two
FEW, FOLDS = 10_000, 4
#: what a column, or a pair, has to take off the held-out loss
PAYS = 2e-3
#: strengths of the penalty that are tried, times the loss's curvature, and how near to the least loss each is fitted
ALPHAS, TOL = (0.3, 0.03, 3e-3, 3e-4), 3e-3
#: those tried while each does better than the one before: what a penalty leaves of a line that is nearly exact would
#: be taken for a curve
WEAKER = (3e-5, 3e-6, 3e-7, 3e-8)
#: the step of differences; the least curvature that strengths of the penalty are in units of
STEP, BEND = 1e-3, 1e-3

Solve = Callable[[Any, Floats, Any, float, Any, float], dict[str, Any]]


@dataclass
class Split:
    """Rows to learn from and rows to judge, and the margins of all rows by what was fitted to the former."""

    kept: Ints
    held: Ints
    margin: Floats = field(default_factory=lambda: np.empty((0, 0)))
    slope: Floats = field(default_factory=lambda: np.empty((0, 0)))
    bend: Floats = field(default_factory=lambda: np.empty((0, 0)))
    #: the curvature of a row
    unit: float = 1.0
    #: of the held rows
    loss: Floats = field(default_factory=lambda: np.empty(0))


class HeldOut:
    """Training rows split again, into rows to learn from and rows to judge by.

    Parameters
    ----------
    part : Part
        Training rows, plainly encoded, the target in the unit that it is fitted in.
    task : Task
    outputs : int
        Margins a row.
    solve : callable
        Fits columns at an alpha from a start to a tolerance: ``solve(columns, y, weight, alpha, start, tol)``.
    seed : int
        Of the split.
    """

    def __init__(self, part: Part, task: Task, outputs: int, solve: Solve, seed: int) -> None:
        if len(part.y) > MOST:
            drawn = np.random.Generator(np.random.Philox(seed + 2)).choice(len(part.y), MOST, replace=False)
            part = taken(part, np.sort(drawn))
        self.part, self.task, self.outputs, self.solve = part, task, outputs, solve
        self.weight = np.ones(len(part.y)) if part.weight is None else part.weight
        found = folds(part, FOLDS, seed + 3)
        self.splits = [Split(kept, held) for kept, held in found]
        if len(part.y) >= FEW:
            self.splits = self.splits[:1]
        #: the strength of the penalty at which the last fit did best
        self.alpha = 0.0

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
        # Pairs are no nearer to exact than what they are added to: no penalty is weaker than suited that.
        weakest = min(self.alpha / curvature or ALPHAS[-1], ALPHAS[-1]) if form.pairs else 0.0
        starts: list[Any] = [None] * len(encoded)
        best: list[Floats] = []
        least = np.inf
        for alpha in (*ALPHAS, *WEAKER):
            if alpha < 0.9 * weakest:
                break
            margins = []
            for k, (own, columns, whole) in enumerate(encoded):
                solution = self.solve(columns, own.y, own.weight, alpha * curvature, starts[k], TOL)
                if solution["outcome"] == "stopped":
                    return []
                starts[k] = solution["x"]
                margins.append(whole.margins(starts[k]))
            mean = self.mean(margins)
            # A weak penalty's fit costs the most, and past the least a weaker one does worse still.
            past = bool(best) and mean > least * (1 + PAYS)
            told = not best or mean < least * (1 - PAYS)
            if not best or mean < least:
                best, least, self.alpha = margins, mean, alpha * curvature
            if past or (alpha <= ALPHAS[-1] and not told):
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

    def gain(self, codes: Ints, values: list[Floats]) -> tuple[float, float]:
        """What values of cells, one table a split, take off the held-out loss, and the standard error of that."""
        y, gains = self.part.y, []
        for split, value in zip(self.splits, values, strict=True):
            new = split.margin[split.held] + value[codes[split.held]]
            gains.append(split.loss - self.task.losses(new, y[split.held]))
        return moments(np.concatenate(gains), np.concatenate([self.weight[s.held] for s in self.splits]))

    def sums(self, codes: Ints, cells: int, split: Split, rows: Ints) -> tuple[Floats, Floats]:
        """Slopes and curvatures summed over the rows of each cell, of shape (cells, outputs)."""
        k = self.outputs
        flat = (codes[rows, None] * k + np.arange(k)).ravel()
        both = [
            np.asarray(np.bincount(flat, weights=of[rows].ravel(), minlength=cells * k), dtype=np.float64)
            for of in (split.slope, split.bend)
        ]
        return both[0].reshape(cells, k), both[1].reshape(cells, k)
