"""An energy explained as one of pairs: what few calls tell of it, minimised in its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from steepest._types import Floats
from steepest.energy.displacements import Displacements

__all__ = ["ATOMS", "Approach", "PairModel", "approach"]

#: Of so many atoms at most: all pairs count.
ATOMS = 200
#: What the four splines of a stretch between knots are of 1, t, t² and t³ there.
_CUBICS = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6
#: Splines of the energy of a pair over the logarithm of its distance, between these multiples of how near atoms are;
#: the power by which it falls off beyond, and which the splines are factors of.
_SPLINES, _NEAREST, _FURTHEST, _POWER = 24, 0.4, 3.5, 6
#: Pairs nearer than this count as so far apart.
_APART = 0.05
#: How much less the bends of neighbouring splines count than forces do; points that are remembered.
_SMOOTH, _POINTS = 1e-9, 8
#: What is left of the forces that the model does not explain, at most, for it to be tried; and what may be left of a
#: step's forces that it has not foretold, beside those that there were. So many steps foretold worse than that end it.
_UNEXPLAINED, _UNFORETOLD, _STRIKES = 0.8, 0.8, 2
#: How far a coordinate goes in a step, at first and at most, in units of how near atoms are.
_STEP, _LONGEST = 0.2, 0.6
#: Steps at most, and iterations down the model for each.
_STEPS, _INNER = 40, 100
#: How far it is looked aside before it is called a minimum, along how many ways.
_ASIDE, _LOOKS = 0.01, 2
#: What forces may differ from those that the energy shows there, as a share of what these change by.
_WRONG = 0.05
#: A fall below this share of the energy is rounding.
_ROUNDED = 1e-13


class PairModel:
    """The energy Σ v(r_ij) over all pairs, its v fitted to forces: cubic splines over log r times a power of r.

    Distances are in units of how near atoms are to each other.
    """

    def __init__(self, free: Any) -> None:
        atoms = len(free)
        self.free = free
        self.pairs = np.triu_indices(atoms, 1)
        count = len(self.pairs[0])
        ones, each = np.ones(count), np.arange(count)
        rows = np.concatenate(self.pairs)
        #: what each pair does to its atoms, by the vector between them
        self.ends = sparse.csr_matrix((np.r_[ones, -ones], (rows, np.r_[each, each])), shape=(atoms, count))
        self.apart = self.ends.T.tocsr()
        self.from_, upto = np.log(_NEAREST), np.log(_FURTHEST)
        self.wide = (upto - self.from_) / (_SPLINES - 3)
        self.points: list[tuple[Floats, Floats, float]] = []
        self.unexplained = 1.0

    def _place(self, r: Floats) -> tuple[Any, Floats, Floats]:
        """Between which knots distances lie, how far on from the first, and what a unit of log r is of that."""
        q = (np.log(r) - self.from_) / self.wide
        inside = ((q > 0) & (q < _SPLINES - 3)) / self.wide
        q = np.clip(q, 0.0, _SPLINES - 3.0)
        first = np.minimum(q.astype(np.intp), _SPLINES - 4)
        return first, q - first, inside

    def _splines(self, r: Floats) -> tuple[Any, Floats, Floats]:
        """Which four splines count at each distance, their values there, and their slopes by log r."""
        first, t, inside = self._place(r)
        one = np.ones(len(t))
        values = _CUBICS.T @ np.stack([one, t, t * t, t**3])
        slopes = _CUBICS[1:].T @ (np.stack([one, 2 * t, 3 * t * t]) * inside)
        return first, values, slopes

    def _distances(self, z: Floats) -> tuple[Floats, Floats]:
        apart = self.apart @ z
        # No nearer than so: of what lies on each other no direction is known.
        return apart, np.maximum(np.sqrt((apart**2).sum(axis=1)), _APART)

    def add(self, z: Floats, slopes: Floats) -> None:
        """Remember the slopes of the free coordinates at positions."""
        apart, r = self._distances(z)
        first, values, bends = self._splines(r)
        count = len(r)
        pushes = np.zeros((count, _SPLINES))
        by = (bends - _POWER * values) * r ** (-_POWER - 2.0)
        for k in range(4):
            pushes[np.arange(count), first + k] += by[k]
        sides = [self.ends @ (apart[:, a, None] * pushes) for a in range(z.shape[1])]
        whole = np.zeros(z.shape)
        whole[self.free] = slopes
        # Each atom counts by what it feels.
        felt = np.hypot.reduce(whole, axis=1)[:, None]
        sizes = np.broadcast_to(felt, z.shape)[self.free]
        design = np.stack(sides, axis=1)[self.free]
        self.points = [
            *self.points[1 - _POINTS :],
            (design, np.column_stack([slopes, sizes]), float(r.min())),
        ]

    def fit(self) -> None:
        """Least squares over what is remembered, each force by its size, and smooth where nothing is known."""
        design = np.concatenate([d for d, _, _ in self.points])
        slopes, sizes = np.concatenate([s for _, s, _ in self.points]).T
        # In units of the largest: squares of very small forces are 0.
        unit = float(np.abs(slopes).max())
        slopes, sizes = slopes / unit, sizes / unit
        # Not by the last alone: what it leaves is linear beside the model, and fitted it would bend that.
        typical = float(np.median([np.sqrt(((s[:, 0] / unit) ** 2).mean()) for _, s, _ in self.points]))
        weight = 1.0 / (sizes + typical)
        rows, target = design * weight[:, None], slopes * weight
        size = float(np.sqrt((rows**2).sum(axis=0).max()))
        bends = np.diff(np.eye(_SPLINES), 2, axis=0)
        little = np.sqrt(_SMOOTH) * size
        whole = np.vstack([rows, little * bends, 0.1 * little * np.eye(_SPLINES)])
        right = np.concatenate([target, np.zeros(len(whole) - len(rows))])
        found = np.linalg.lstsq(whole, right, rcond=None)[0]
        self.unexplained = float(np.linalg.norm(rows @ found - target) / np.linalg.norm(target))
        # Of each stretch between knots the cubic that its four splines are together.
        four = unit * np.stack([found[k : len(found) - 3 + k] for k in range(4)])
        self.cubics = _CUBICS @ four
        # Nearer than any pair has been it is a parabola, that pushes apart.
        self.nearest = min(near for _, _, near in self.points)
        ends = np.array([1.0, 1.001]) * self.nearest
        values, slopes = self._pair(ends)
        bend = (slopes[1] - slopes[0]) / (ends[1] - ends[0])
        self.near = values[0], slopes[0], max(bend, 4 * abs(slopes[0]) / self.nearest)

    def _pair(self, r: Floats) -> tuple[Floats, Floats]:
        """v and v′ at distances at which there have been pairs."""
        first, t, inside = self._place(r)
        c0, c1, c2, c3 = self.cubics[:, first]
        value = c0 + t * (c1 + t * (c2 + t * c3))
        bend = (c1 + t * (2 * c2 + 3 * t * c3)) * inside
        over = (1.0 / (r * r)) ** (_POWER // 2)
        return value * over, (bend - _POWER * value) * over / r

    def __call__(self, z: Floats) -> tuple[float, Floats]:
        """The energy and the slopes of the free coordinates."""
        apart, r = self._distances(z)
        value, slope = self._pair(np.maximum(r, self.nearest))
        short = np.minimum(r - self.nearest, 0.0)
        _, push, bend = self.near
        value = value + short * (push + 0.5 * bend * short)
        slope = slope + bend * short
        pushes = self.ends @ (apart * (slope / r)[:, None])
        return float(value.sum()), pushes[self.free]

    def softest(self, z: Floats) -> Floats:
        """Along which way of the free coordinates the energy bends least, rigid motions aside."""
        apart, r = self._distances(z)
        _, slope = self._pair(np.maximum(r, self.nearest))
        near, far = (self._pair(np.maximum(r, self.nearest) * s)[1] for s in (1 - 1e-5, 1 + 1e-5))
        bend = (far - near) / (2e-5 * r)
        way = apart / r[:, None]
        n, dim = z.shape
        blocks = (bend - slope / r)[:, None, None] * way[:, :, None] * way[:, None, :]
        blocks += (slope / r)[:, None, None] * np.eye(dim)
        whole = np.zeros((n, n, dim, dim))
        i, j = self.pairs
        whole[i, j] = whole[j, i] = -blocks
        whole[range(n), range(n)] = -whole.sum(axis=1)
        free = self.free.ravel()
        bends = whole.transpose(0, 2, 1, 3).reshape(n * dim, n * dim)[np.ix_(free, free)]
        around, axes = z - z.mean(axis=0), np.flatnonzero(self.free.all(axis=0))
        rigid = [np.tile(np.eye(dim)[a], n) for a in axes]
        for a, b in ((a, b) for a in axes for b in axes if a < b):
            turn = np.zeros(z.shape)
            turn[:, a], turn[:, b] = around[:, b], -around[:, a]
            rigid.append(turn.ravel())
        if rigid:
            kept, sizes, _ = np.linalg.svd(np.array(rigid).T[free], full_matrices=False)
            kept = kept[:, sizes > 1e-8 * sizes[0]]
            bends += (2 * np.abs(bends).sum(axis=1).max()) * kept @ kept.T
        found: Floats = np.linalg.eigh(bends)[1][:, 0]
        return found


@dataclass
class Approach:
    """Where steps down models have led: each point, and the energy and its slopes there."""

    calls: int = 0
    path: list[Floats] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    all_slopes: list[Floats] = field(default_factory=list)
    #: calls and seconds until then
    spent: list[tuple[int, float]] = field(default_factory=list)
    stopped: bool = False
    #: whether the energy was seen to rise on both sides of where no slope is above the goal
    seen: bool = False

    @property
    def y(self) -> Floats:
        """Where it stands."""
        return self.path[-1]

    @property
    def value(self) -> float:
        """The energy there."""
        return self.values[-1]

    @property
    def slopes(self) -> Floats:
        """Its slopes there."""
        return self.all_slopes[-1]

    def go(self, y: Floats, value: float, slopes: Floats, seconds: float) -> None:
        """Take a step."""
        self.path.append(y)
        self.values.append(value)
        self.all_slopes.append(slopes)
        self.spent.append((self.calls, seconds))

    def back(self) -> None:
        """Take the last one back."""
        if len(self.path) > 1:
            for told in (self.path, self.values, self.all_slopes, self.spent):
                told.pop()


def approach(
    moved: Displacements, goal: float, most: Mapping[str, float], told: Callable[[Approach], Any]
) -> Approach:
    """Go down models of pairs, each fitted to the forces so far, while these foretell what the steps lead to.

    It stays at the start, and spends that one call, where the forces there are not those of pairs. Else it goes on
    until no slope is above the goal, or the most iterations, evaluations or seconds are used up.
    """
    began = time.monotonic()
    steps, calls, seconds = (most.get(kind, np.inf) for kind in ("iterations", "evaluations", "seconds"))
    at = Approach(calls=1)
    value, slopes = moved(np.ones(moved.dim))
    at.go(np.ones(moved.dim), value, slopes, time.monotonic() - began)
    model = PairModel(moved.free)
    base = moved.start / moved.unit

    def positions(y: Floats) -> Floats:
        z: Floats = base.copy()
        z[moved.free] += y - 1.0
        return z

    far, strikes = _STEP, 0
    model.add(base, at.slopes)
    while strikes < _STRIKES and len(at.path) <= min(_STEPS, steps) and at.calls < calls:
        if time.monotonic() - began >= seconds:
            break
        if not 0 < (largest := float(np.abs(at.slopes).max())) < np.inf or largest <= goal:
            break
        model.fit()
        if not model.unexplained <= _UNEXPLAINED and at.calls == 1:
            break
        foretold, step, ahead = _down(model, positions, at, far, min(0.1 * goal, 0.02 * largest))
        if not -foretold > _ROUNDED * abs(at.value):
            # What goes on from here is to see more of the energy than its rounding.
            at.back()
            break
        y = at.y + step
        value, slopes = moved(y)
        at.calls += 1
        long = float(np.abs(step).max())
        if not (np.isfinite(value) and np.isfinite(slopes).all()):
            far, strikes = 0.1 * long, strikes + 1
            continue
        model.add(positions(y), slopes)
        kept = (at.value - value) / -foretold
        missed, before = (np.linalg.norm(v / largest) for v in (slopes - ahead, at.slopes))
        if missed > _UNFORETOLD * before:
            strikes += 1
        elif kept > 0.25:
            strikes = max(0, strikes - 1)
        if kept < 0.25:
            far = 0.3 * long
        elif kept > 0.6 and long > 0.9 * far:
            far = min(1.6 * far, _LONGEST)
        if value < at.value:
            at.go(y, value, slopes, time.monotonic() - began)
            if told(at):
                at.stopped = True
                break
    if float(np.abs(at.slopes).max()) <= goal and 1 < at.calls <= calls - 2 * _LOOKS and not at.stopped:
        at.seen = _rises(moved, at, model.softest(positions(at.y)))
    return at


def _rises(moved: Displacements, at: Approach, softest: Floats) -> bool:
    """Whether the energy rises on both sides, along the way on which the model does so least and a random one, and as
    the forces say."""
    random = np.random.default_rng(0).standard_normal(len(softest))
    rounding = 4 * _ROUNDED * abs(at.value)
    for way in (softest, random):
        step = _ASIDE * way / np.abs(way).max()
        (above, up), (below, down) = (moved(at.y + s * step) for s in (1, -1))
        at.calls += 2
        bend, pushed = above + below - 2 * at.value, 0.5 * float((up - down) @ step)
        # Simpson's rule, of which the sum along the way is that of the slopes.
        gone = float((up + 4 * at.slopes + down) @ step) / 3
        wrong = abs(above - below - gone)
        if way is random:
            wrong = max(wrong, abs(bend - pushed))
        if not (bend > rounding and wrong <= _WRONG * bend + rounding):
            return False
    return True


def _down(
    model: PairModel, positions: Callable[[Floats], Floats], at: Approach, far: float, goal: float
) -> tuple[float, Floats, Floats]:
    """The fall that the model foretells within so far along each coordinate, the step to there, and the slopes there.

    The model is that of pairs and what is linear beside, so that its slopes are those of the energy where it stands.
    """
    value, slopes = model(positions(at.y))
    rest = at.slopes - slopes

    def beside(step: Floats) -> tuple[float, Floats]:
        there, pushed = model(positions(at.y + step))
        return there - value + float(rest @ step), pushed + rest

    options = {"maxiter": _INNER, "maxcor": 20, "ftol": 0.0, "gtol": goal}
    bounds = [(-far, far)] * len(rest)
    settings: dict[str, Any] = {"jac": True, "method": "L-BFGS-B", "bounds": bounds, "options": options}
    found = minimize(beside, np.zeros(len(rest)), **settings)
    return float(found.fun), np.asarray(found.x), np.asarray(found.jac)
