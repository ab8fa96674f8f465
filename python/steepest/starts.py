"""Several starts of one descent: where they begin, the minima that they end in, and whether one more would help."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.objective import Function
from steepest.result import Result
from steepest.trees import is_tree

__all__ = ["Walk", "read_count", "read_seed", "several"]

#: More starts than this are taken for a mistake.
_MOST = 1_000_000

#: Ends this near, relative to the size of x (1 where that is less) and of f, are one minimum.
_NEAR, _LEVEL = 1e-2, 1e-6

#: Ends whose values differ by less than this, relative to f, may be of one set: looked at on the way between them, from
#: the higher. Two minima have a rise between them, beside the higher at the latest; the distances are no multiples of
#: one another, for what repeats itself.
_CLOSE, _WAY, _RISE = 1e-3, (0.01, 0.031, 0.1, 0.2137, 0.382, 0.618, 0.8541), 1e-9

#: How far a perturbation leads at first, and what it grows by where it led back, and shrinks by where it led higher;
#: in units of max(1, |x|), or of the box.
_FAR, _GROWS, _SHRINKS, _MOST_FAR = 0.5, 1.5, 0.9, 10.0

#: What a temperature that is found on the way falls by at each rise that is gone on from; it grows at the others, by so
#: much that this share of them is.
_COOLS, _TAKEN = 0.95, 0.2

Run = Callable[[Function], Result]


def several(function: Function, starts: Any, escape: Any, seed: Any, run: Run) -> Result:
    """The lowest of the runs from several starts, and of those from around the lowest; how they differ in `spread`.

    Parameters
    ----------
    function : Function
        What is minimised, and its start.
    starts : int, array_like or None
        How many starts, x0 among them, or the starts themselves; None for x0 alone.
    escape : int or None
        How many times the lowest point so far is perturbed and gone on from.
    seed : int
        For what is drawn.
    run : callable
        One descent, from the start of the function that it is given.

    Returns
    -------
    Result
        The lowest; evaluations and seconds are those of all.

    Raises
    ------
    InputError
        If `starts`, `escape` or `seed` cannot be used.
    """
    rounds = read_count("escape", 0 if escape is None else escape, 0)
    random = read_seed(seed)
    points = _points(1 if starts is None else starts, function, random)
    runs: list[Result] = []
    for p in points:
        runs.append(run(function.at(p)))
        if _stopped(runs[-1]):
            return _told(function, runs, min(runs, key=_order), 0)
    begun = len(runs)
    best, walk = min(runs, key=_order), Walk(random, 0.0)
    for _ in range(rounds):
        end = run(function.at(_around(_flat(function, best), walk.far, function, random)))
        runs.append(end)
        if _stopped(end):
            return _told(function, runs, min(best, end, key=_order), len(runs) - begun)
        rise = np.inf if _order(end) >= _order(best) else -np.inf
        if walk.takes(rise, _same(function, end, best)):
            best = end
    return _told(function, runs, best, rounds)


class Walk:
    """A walk from minimum to minimum: how far to perturb, and whether to go on from where that led.

    Parameters
    ----------
    random : Generator
        For what is accepted by chance.
    temperature : float or None
        A rise by Δ is gone on from with the probability exp(−Δ / temperature): at 0 none is. None for a temperature at
        which a fifth of the rises are.
    far : float or None
        How far a perturbation leads, where that is given: else it grows where one led back, and shrinks where one led
        higher.

    Examples
    --------
    >>> walk = Walk(np.random.default_rng(0), 0.0)
    >>> walk.takes(-1.0, False), walk.takes(1.0, False), walk.far < 0.5
    (True, False, True)
    """

    def __init__(
        self, random: np.random.Generator, temperature: float | None, far: float | None = None
    ) -> None:
        self._random = random
        self._tuned = temperature is None, far is None
        self.temperature = 0.0 if temperature is None else temperature
        self.far = _FAR if far is None else far

    def takes(self, rise: float, same: bool) -> bool:
        """Whether to go on from an end that lies so much higher, or is the same minimum.

        Parameters
        ----------
        rise : float
            Its value, less that of the minimum where the walk stands.
        same : bool
            Whether it is that minimum.
        """
        tuned, stepped = self._tuned
        if tuned and self.temperature == 0.0 and 0 < rise < np.inf and not same:
            self.temperature = rise
        lower = rise < 0
        taken = lower or bool(
            self.temperature > 0 and self._random.random() < np.exp(-max(rise, 0.0) / self.temperature)
        )
        if tuned and not same and not lower and self.temperature > 0:
            self.temperature *= _COOLS if taken else _COOLS ** (-_TAKEN / (1.0 - _TAKEN))
        if stepped and same:
            self.far = min(_GROWS * self.far, _MOST_FAR)
        elif stepped and not taken:
            self.far *= _SHRINKS
        return taken


def _stopped(run: Result) -> bool:
    """Whether the caller ended it: no other run is begun then."""
    return bool(run.outcome == "stopped")


def read_seed(seed: Any) -> np.random.Generator:
    """What is drawn from, by a seed."""
    try:
        return np.random.Generator(np.random.Philox(seed))
    except (TypeError, ValueError):
        raise InputError(f"seed must be a whole number of at least 0; got {seed!r}") from None


def read_count(what: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        kinds = ", or an array of points" if what == "starts" else ""
        raise InputError(f"{what} must be a whole number{kinds}; got {value!r}")
    if not least <= value <= _MOST:
        raise InputError(f"{what} must be at least {least} and at most {_MOST}; got {value}")
    return int(value)


def _points(starts: Any, function: Function, random: np.random.Generator) -> Iterable[Floats]:
    """Where to begin: x0 itself and others around it, or the points given."""
    x0 = function.start
    if function.tree is not None and is_tree(starts) and not isinstance(starts, list | tuple):
        raise InputError(
            f"starts must be a whole number, or a list of points, each with the parts of x0; got {starts!r}"
        )
    if np.ndim(starts) == 0:
        return itertools.chain([x0], _drawn(read_count("starts", starts, 1) - 1, function, random))
    points = [function.read(p) for p in starts]
    if not points:
        raise InputError("starts must be a number or an array of points; got none")
    for p in points:
        if p.size != x0.size:
            raise InputError(f"each of starts must have {x0.size} entries, as x0 has; got {p.size}")
    return [p.reshape(x0.shape) for p in points]


def _box(function: Function) -> tuple[Floats, Floats]:
    n = function.start.size
    return function.bounds or (np.full(n, -np.inf), np.full(n, np.inf))


def _drawn(count: int, function: Function, random: np.random.Generator) -> Iterator[Floats]:
    """Uniform within bounds where both are finite, else normal around x0."""
    x0, (low, high) = function.start, _box(function)
    wide = np.isfinite(low) & np.isfinite(high)
    for _ in range(count):
        uniform, normal = random.random(x0.size), random.standard_normal(x0.size)
        flat = x0.ravel() + np.maximum(1.0, np.abs(x0.ravel())) * normal
        flat[wide] = low[wide] + uniform[wide] * (high[wide] - low[wide])
        yield np.clip(flat, low, high).reshape(x0.shape)


def _around(x: Floats, far: float, function: Function, random: np.random.Generator) -> Floats:
    """A point so far from x, by each entry's size or its room."""
    low, high = _box(function)
    size = np.maximum(1.0, np.abs(x))
    wide = np.isfinite(low) & np.isfinite(high)
    size[wide] = 0.5 * (high[wide] - low[wide])
    moved = x + far * size * random.uniform(-1.0, 1.0, x.size)
    return np.clip(moved, low, high).reshape(function.start.shape)


def _order(run: Result) -> tuple[bool, float]:
    """Runs that failed count only where all did."""
    return not np.isfinite(run.fun), run.fun


def _flat(function: Function, run: Result) -> Floats:
    return np.ravel(run.x if function.tree is None else function.tree.flat(run.x)).astype(np.float64)


def _same(function: Function, a: Result, b: Result) -> bool:
    """Whether two runs ended in one point, as far as values and points tell."""
    x, y = _flat(function, a), _flat(function, b)
    level = abs(a.fun - b.fun) <= _LEVEL * max(1.0, abs(a.fun), abs(b.fun))
    return bool(level and (np.abs(x - y) <= _NEAR * np.maximum(1.0, np.abs(y))).all())


class _Minima:
    """The minima that runs ended in, and how often each was met; `calls` of the function told them apart."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self.met: list[tuple[Result, int]] = []
        self.calls = 0

    def add(self, run: Result) -> None:
        """One more end, those lower than it before it."""
        for i, (m, times) in enumerate(self.met):
            if _same(self._function, run, m) or self._joined(run, m):
                self.met[i] = (m, times + 1)
                return
        self.met.append((run, 1))

    def _joined(self, high: Result, low: Result) -> bool:
        """Whether the straight way from the higher end to the lower never rises: of a flat set, or ended early."""
        function, most = self._function, max(1.0, abs(high.fun), abs(low.fun))
        # what penalties add, and where constraints hold, the function does not tell
        if function.penalty is not None or function.constraints is not None:
            return False
        if abs(high.fun - low.fun) > _CLOSE * most:
            return False
        x, y = _flat(function, high), _flat(function, low)
        for t in _WAY:
            self.calls += 1
            value = function.value(x + t * (y - x))
            if not value <= high.fun + _RISE * most:
                return False
        return True


def _told(function: Function, runs: list[Result], best: Result, rounds: int) -> Result:
    """The lowest, with how the runs differ; the last `rounds` of them began where others had ended."""
    values = np.array([r.fun for r in runs])
    near = values <= best.fun + _LEVEL * max(1.0, abs(best.fun))
    found, alone = _Minima(function), _Minima(function)
    for r in sorted((r for r in runs if r.success), key=_order):
        found.add(r)
    minima = found.met
    if rounds:
        for r in sorted((r for r in runs[: len(runs) - rounds] if r.success), key=_order):
            alone.add(r)
    drawn = alone.met if rounds else minima
    ended = sum(times for _, times in minima)
    # What no start has met yet is met next as often as what was met once (Good 1953): of starts that know nothing of
    # one another. Rounds begin at the lowest point so far, and tell nothing of it.
    independent = sum(times for _, times in drawn)
    once = sum(times == 1 for _, times in drawn)
    chance = once / independent if independent > 1 else float("nan")
    best["spread"] = {
        "starts": len(runs),
        "reached_the_best": int(near.sum()),
        "best": float(best.fun),
        "worst": float(np.nanmax(values)) if np.isfinite(values).any() else float("nan"),
        "successes": sum(r.success for r in runs),
        "minima": len(minima),
        "chance_of_another": chance,
    }
    if len(minima) > 1:
        best["findings"] = [*best["findings"], _finding(minima, ended, chance, rounds)]
    for count in ("nfev", "njev", "nhev"):
        best[count] = sum(r[count] for r in runs)
    best["nfev"] += found.calls + alone.calls
    best["seconds"] = sum(r.seconds for r in runs)
    return best


def _finding(minima: list[tuple[Result, int]], ended: int, chance: float, rounds: int) -> Finding:
    """The minima in a sentence, the lowest first."""
    shown = ", ".join(f"{m.fun:.6g} ({times} of {ended})" for m, times in minima[:3])
    rest = f", and {len(minima) - 3} higher" if len(minima) > 3 else ""
    if np.isnan(chance):
        remedy = "Whether there are others is told by several independent starts (starts=)."
    elif chance > 0.1:
        remedy = "More starts (or rounds of escape) are likely to end in minima not seen yet."
    else:
        remedy = "Another start would hardly end in a minimum not seen yet."
    return Finding(
        kind="several_minima",
        severity="warning" if chance > 0.1 else "note",
        sentence=f"The {'starts and rounds' if rounds else 'starts'} ended in {len(minima)} minima, with the "
        f"values {shown}{rest}.",
        evidence={"minima": len(minima), "chance_of_another": chance},
        remedy=remedy,
    )
