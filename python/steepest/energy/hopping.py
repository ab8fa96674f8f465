"""`basin_hopping`: the lowest of many minima, by a walk from one to the next."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest import _core
from steepest._catalog import number
from steepest._types import Floats
from steepest.callbacks import stops
from steepest.energy.displacements import Displacements, how_near, read_free, read_start
from steepest.energy.minimising import minimize_energy
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.objective import Function
from steepest.options import Asked
from steepest.result import Result
from steepest.starts import Walk, read_count, read_seed

__all__ = ["basin_hopping"]

#: Energies are told apart by what binds an atom: this share of the second derivative along a coordinate, times the
#: square of the unit of length (about the energy an atom in clusters of Lennard and Jones). Where energies are counted
#: from does not change it, nor what they are counted in.
_BOUND = 0.025
#: Energies nearer than this, in units of that for each of the atoms, are of one minimum; and what rounding leaves,
#: relative to the energy.
_LEVEL, _ROUNDED = 1e-5, 1e-13
#: What is left of the forces at the end of a hop, in units of what binds an atom over the unit of length: enough to
#: tell minima apart. The lowest is gone on from to `fmax`.
_ROUGH = 1e-3
#: Hops in a walk that have not led lower, and it is begun anew elsewhere: a multiple of the atoms that move, or of as
#: many where they are fewer.
_PATIENCE, _FEW = 4, 25
#: Iterations of a hop's descent at most; how many pairs it remembers: more take longer than they save.
_LONG, _MEMORY = 2000, 12


@dataclass
class _Minimum:
    """Where hops have ended, and how often."""

    energy: float
    positions: Floats
    times: int = 1
    #: the walks that came by
    walks: set[int] = field(default_factory=set)


def basin_hopping(
    energy: Callable[[Floats], Any],
    x0: Any,
    hops: int = 1000,
    temperature: float | None = None,
    step: float | None = None,
    seed: int = 0,
    *,
    hits: int | None = None,
    fmax: float = 1e-3,
    fixed: Any = None,
    callback: Callable[[Floats, float, bool], Any] | None = None,
) -> Result:
    """Look for the lowest of all minima: atoms are shaken, descend to the next minimum, and go on from there.

    A hop that leads lower is gone on from; one that leads higher by Δ with the probability exp(−Δ / T). How far atoms
    are shaken and T are found on the way. Where all atoms may move, in three dimensions, those furthest out are drawn
    in as they are shaken, or the loosest are put elsewhere on the surface, whichever leads to other minima more often.
    A walk that has not led lower for long is begun anew.

    Parameters
    ----------
    energy : callable
        As `minimize_energy` has it; a potential of `steepest.energy` is asked without Python.
    x0 : array_like
        Where to begin, one row an atom.
    hops : int
        Descents at most.
    temperature : float or None
        T, in units of the energy; None for one at which a fifth of the hops that lead higher are gone on from.
    step : float or None
        How far an atom is shaken along each axis at most; None for what leads to another minimum as a rule, and not far
        up.
    seed : int
        For what is drawn.
    hits : int or None
        Ends once as many walks have come to the lowest minimum, each from a beginning of its own; None for all hops.
    fmax, fixed
        As `minimize_energy` has them, for the minimum that is returned.
    callback : callable or None
        ``callback(positions, energy, accepted)`` after each hop, as SciPy has it; it ends the search by returning True.

    Returns
    -------
    Result
        That of `minimize_energy` from the lowest minimum, or from `x0` where no hop ended in one. `spread` says how
        many `minima` were met, in how many walks (`starts`), and how many of them `reached_the_best`; `minima` has the
        energy, positions and times of each, the lowest first; `nit` counts hops, `nfev` calls. It is a `success` where
        the descent to `fmax` is one: that no minimum is lower is not known, and is not said. Minima are told apart by
        their energies, in units of what binds an atom: neither the unit of energy nor where it is counted from matters.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.energy import LennardJones, basin_hopping
    >>> start = np.random.default_rng(0).uniform(-1, 1, (7, 3))
    >>> result = basin_hopping(LennardJones(), start, hops=50, seed=1)
    >>> round(result.fun, 5), result.spread["minima"] > 1
    (-16.50538, True)
    """
    start, limit = read_start(energy, x0, fmax)
    free = read_free(fixed, start)
    most, wanted = read_count("hops", hops, 1), None if hits is None else read_count("hits", hits, 1)
    random = read_seed(seed)
    for name, value in (("temperature", temperature), ("step", step)):
        if value is not None and not 0 <= number(name, value) < np.inf:
            raise InputError(f"{name} must be a number of at least 0; got {value!r}")
    if callback is not None and not callable(callback):
        raise InputError(f"callback must be a function or None; got {callback!r}")
    began = time.monotonic()
    search = _Search(energy, start, free, temperature, step, random, limit)
    stopped = False
    for positions, value, accepted in search.walk(most):
        if callback is not None and stops(callback(positions.copy(), value, accepted)):
            stopped = True
            break
        if wanted is not None and search.minima and len(search.minima[0].walks) >= wanted:
            break
    lowest = search.minima[0].positions if search.minima else start
    result = minimize_energy(energy, lowest, fmax=limit, fixed=fixed)
    return _told(result, search, stopped, time.monotonic() - began)


class _Search:
    """Hops, and the minima that they end in; the lowest first."""

    def __init__(
        self,
        energy: Callable[[Floats], Any],
        start: Floats,
        free: Any,
        temperature: float | None,
        step: float | None,
        random: np.random.Generator,
        limit: float,
    ) -> None:
        self.start, self.free, self.random, self.limit = start, free, random, limit
        self.moved = Displacements(energy, start, free)
        self.moved.check()
        self.temperature, self.step = temperature, step
        self.minima: list[_Minimum] = []
        self.calls = self.hops = self.walks = 0
        self._asked = Asked.of("lbfgs", 0.0, {"gtol": 0.0, "verify": 0, "memory": _MEMORY, "maxiter": _LONG})
        self._moves = _Moves(random, free)
        #: what binds an atom, at the start and then at the lowest minima
        self._bound = self._binding(start)

    def walk(self, hops: int) -> Iterator[tuple[Floats, float, bool]]:
        """Hop after hop: where it ended, the energy there, and whether it is gone on from."""
        patience = _PATIENCE * max(int(self.free.any(axis=1).sum()), _FEW)
        positions = self.start
        while self.hops < hops:
            here = self._descend(positions)
            self.walks += 1
            unit = self.moved.unit
            walk = Walk(self.random, self.temperature, None if self.step is None else self.step / unit)
            at, value = here if here is not None else (positions, np.inf)
            lowest, since = value, 0
            if here is not None:
                self._met(at, value)
            yield at, value, here is not None
            while self.hops < hops and since < patience:
                kind, tried = self._moves.propose(at, walk.far * unit, unit)
                end = self._descend(tried)
                if end is None:
                    since += 1
                    continue
                self._met(*end)
                same = abs(end[1] - value) <= self._level(value)
                taken = walk.takes(end[1] - value, same)
                self._moves.learn(kind, taken and not same)
                if taken:
                    at, value = end
                since = 0 if end[1] < lowest - self._level(lowest) else since + 1
                lowest = min(lowest, end[1])
                yield end[0], end[1], taken
            positions = self._moves.anew(at, unit)

    def _descend(self, positions: Floats) -> tuple[Floats, float] | None:
        """The minimum downhill of positions, roughly; None where there is none."""
        self.hops += 1
        moved = self.moved.of(positions)
        function, y, value = moved.function(), np.ones(moved.dim), np.inf
        while True:
            enough = _ROUGH * max(self._bound, np.finfo(np.float64).tiny)
            request = Function.of(function, y, jac=True).request() | self._rough(enough)
            told = _core.minimize(request, None, None)
            self.calls += told["nfev"]
            before, value, y = value, float(told["fun"]), np.asarray(told["x"])
            slopes = told["jac"]
            if slopes is None or not np.isfinite(value) or not np.isfinite(y).all():
                return None
            left = float(np.abs(slopes).max())
            if left <= enough:
                at = moved.at(y)
                if self.minima or left <= self.limit * moved.unit / np.sqrt(at.shape[1]):
                    return at, value
                # What binds atoms at the start may be far more, where they began in each other.
                here = self._binding(at)
                if not here < 0.5 * self._bound:
                    return at, value
                self._bound = here
            # Atoms that were put into each other, as of `minimize_energy`: once more, as long as that leads lower.
            elif not value < before - self._level(value) or told["nit"] >= _LONG:
                return None

    def _rough(self, enough: float) -> dict[str, Any]:
        """What a hop's descent is asked for, which ends with a largest slope of so much."""
        asked = self._asked.request() | {"path": False, "checkpoint": None}
        asked["settings"] = [(n, enough if n == "gtol" else value) for n, value in asked["settings"]]
        return asked

    def _binding(self, at: Floats) -> float:
        """What binds an atom: by the change of the forces along one direction, a little to both sides."""
        way = np.where(self.free, np.random.default_rng(0).standard_normal(at.shape), 0.0)
        near = 1e-4 * self.moved.unit
        (_, above), (_, below) = [
            (e, f.copy()) for e, f in (self.moved.ask(at + s * near * way) for s in (1, -1))
        ]
        self.calls += 2
        curvature = float(((below - above) * way).sum() / (2.0 * near * (way * way).sum()))
        bound = _BOUND * abs(curvature) * self.moved.unit**2
        return bound if np.isfinite(bound) else 0.0

    def _level(self, value: float) -> float:
        """Energies as near as this to one are of one minimum."""
        return max(_LEVEL * len(self.start) * self._bound, _ROUNDED * abs(value))

    def _met(self, positions: Floats, value: float) -> None:
        """One more end, in its place among the minima."""
        if not self.minima:
            # How near atoms are to each other is told by where they rest.
            self.moved.unit = how_near(positions)
        if not self.minima or value < self.minima[0].energy - self._level(value):
            self._bound = max(self._bound if self.minima else 0.0, self._binding(positions))
        near = self._level(value)
        place = bisect_left(self.minima, value - near, key=lambda m: m.energy)
        if place < len(self.minima) and self.minima[place].energy <= value + near:
            minimum = self.minima[place]
            minimum.times += 1
            minimum.walks.add(self.walks)
            if value < minimum.energy:
                minimum.energy, minimum.positions = value, positions
        else:
            insort(self.minima, _Minimum(value, positions, walks={self.walks}), key=lambda m: m.energy)


class _Moves:
    """Ways to leave a minimum: those that have led elsewhere are taken more often."""

    def __init__(self, random: np.random.Generator, free: Any) -> None:
        self._random, self._free = random, free
        # What is held, or lies in other than three dimensions, has no middle to be drawn to and no surface.
        whole = bool(free.all()) and free.shape[1] == 3 and len(free) > 3
        self._ways = {"squeeze": self._squeeze, "loosest": self._loosest} if whole else {"shake": self.shake}
        self._tried = dict.fromkeys(self._ways, 2.0)
        self._led = dict.fromkeys(self._ways, 1.0)

    def propose(self, at: Floats, far: float, unit: float) -> tuple[str, Floats]:
        """A way, and where it leads: so far, atoms being a unit from each other."""
        share = np.cumsum([self._led[kind] / self._tried[kind] for kind in self._tried])
        # NumPy's own `choice` loses a Ctrl-C that is pressed while Rust is at work.
        place = np.searchsorted(share / share[-1], self._random.random(), side="right")
        kind = list(self._tried)[int(place)]
        return kind, self._ways[kind](at, far, unit)

    def learn(self, kind: str, led: bool) -> None:
        """Whether it led to another minimum that is gone on from; what was long ago counts less."""
        self._tried[kind] = 0.99 * self._tried[kind] + 1.0
        self._led[kind] = 0.99 * self._led[kind] + led

    def shake(self, at: Floats, far: float, _: float = 0.0) -> Floats:
        """Every atom that is free, a little."""
        by = far * self._random.uniform(-1.0, 1.0, at.shape)
        return np.asarray(at + np.where(self._free, by, 0.0))

    def _loosest(self, at: Floats, _: float, unit: float) -> Floats:
        """The atoms with the fewest neighbours put elsewhere on the surface."""
        between = np.linalg.norm(at[:, None] - at, axis=-1)
        beside = (between < 1.4 * unit).sum(axis=1) + self._random.uniform(0.0, 0.9, len(at))
        loose = np.argsort(beside)[: 1 + self._random.integers(max(1, len(at) // 10))]
        middle = at.mean(axis=0)
        out = np.linalg.norm(at - middle, axis=1).max()
        ways = self._random.standard_normal((len(loose), at.shape[1]))
        moved = at.copy()
        moved[loose] = middle + out * ways / np.linalg.norm(ways, axis=1, keepdims=True)
        return moved

    def _squeeze(self, at: Floats, far: float, _: float) -> Floats:
        """Those furthest out drawn in to one distance from the middle, and all shaken: what is round has more room."""
        middle = at.mean(axis=0)
        out = np.linalg.norm(at - middle, axis=1, keepdims=True)
        most = self._random.uniform(0.6, 0.9) * np.quantile(out, 0.9)
        drawn = np.minimum(1.0, most / np.maximum(out, np.finfo(np.float64).tiny))
        return self.shake(middle + drawn * (at - middle), far)

    def anew(self, at: Floats, unit: float) -> Floats:
        """A beginning of another walk: shaken until nothing is left of the order that there was."""
        return self.shake(at, 1.5 * unit)


def _told(result: Result, search: _Search, stopped: bool, seconds: float) -> Result:
    """The result of the last descent, with what the hops came to."""
    minima = search.minima
    result["nit"], result["seconds"] = search.hops, seconds
    for count in ("nfev", "njev"):
        result[count] += search.calls
    values = [m.energy for m in minima] or [np.nan]
    walks = len(minima[0].walks) if minima else 0
    result["minima"] = [{"energy": m.energy, "times": m.times, "positions": m.positions} for m in minima]
    result["spread"] = {
        "starts": search.walks,
        "reached_the_best": walks,
        "best": values[0],
        "worst": values[-1],
        "successes": sum(m.times for m in minima),
        "minima": len(minima),
        "chance_of_another": sum(m.times == 1 for m in minima) / max(sum(m.times for m in minima), 1),
    }
    if stopped and result["success"]:
        result["success"], result["outcome"], result["status"] = False, "stopped", 99
        result["message"] = "Stopped by `callback`."
    result["findings"] = [_finding(search, walks), *result["findings"]]
    return result


def _finding(search: _Search, walks: int) -> Finding:
    """What the hops came to, in a sentence; so many walks came to the lowest."""
    minima, hops = search.minima, f"{search.hops} hops in {search.walks} walks ended in"
    if not minima:
        return Finding(
            kind="no_minimum",
            severity="warning",
            sentence=f"{hops} no minimum: this is the descent from the positions given.",
            evidence={"hops": search.hops, "walks": search.walks},
            remedy="Return forces that are minus the gradient, of an energy that is bounded below; or begin elsewhere.",
        )
    return Finding(
        kind="several_minima",
        severity="note" if walks > 1 else "warning",
        sentence=f"{hops} {len(minima)} minima; the lowest, {minima[0].energy:.8g}, was met {minima[0].times} times, "
        f"by {walks} of the walks.",
        evidence={"minima": len(minima), "walks": search.walks, "reached_the_best": walks},
        remedy="That no minimum is lower is not known: more hops, or another seed, may tell."
        if walks > 1
        else "More hops: only one walk has met the lowest.",
    )
