"""Columns that hold what the target becomes later, and columns that come later than it: nobody has them in time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats, Ints
from steepest.findings import Finding

__all__ = ["as_late_as_at_the_end", "in_its_unit", "looks_ahead"]


#: how far a column may be from being the target later, or made of it: rounding to three digits
EXACT = 1e-3
#: the correlation from which a column is the target later, or its own past
SAME = 0.9999
#: the share of a column's moves that the target's past leaves open, below which it is made of that past
OPEN = 0.05
#: the quantiles between which a column is asked which way it goes
CUT = (0.05, 0.95)
#: values after and before a time that a column may be made of: a quarter, centred, for days
WINDOW = 60
#: rows that are looked at, and series: what is made of the future is so in each
ROWS, SERIES = 300, 3
#: the fewest rows that show anything, and the fewest different values of a column that is one of the target's curves
FEWEST, KINDS = 8, 20


def as_late_as_at_the_end(x: Floats, y: Floats) -> tuple[Floats, int]:
    """A column as it will be had at each time: so many steps late as it is when the last value of the target is known.

    A column that regularly has gaps as long as that (weekends, months among days) is not late.

    Parameters
    ----------
    x, y : ndarray of shape (series, places)
        The column and the target, NaN where there is nothing.

    Returns
    -------
    ndarray of shape (series, places)
        The column, each series moved by as many steps as it is late.
    int
        By how many, at most.

    Examples
    --------
    >>> y = np.arange(6.0)[None]
    >>> as_late_as_at_the_end(np.array([[5.0, 6, 7, 8, np.nan, np.nan]]), y)
    (array([[nan, nan,  5.,  6.,  7.,  8.]]), 2)
    """
    out, most = x, 0
    for k, (own, target) in enumerate(zip(x, y, strict=True)):
        seen = np.flatnonzero(~np.isnan(own))
        if not len(seen):
            continue
        last = int(np.flatnonzero(~np.isnan(target))[-1])
        before = seen[seen <= last]
        if not len(before):
            continue
        usual = np.sort(np.diff(before))[-2:-1] - 1
        late = last - int(before[-1]) - (int(usual[0]) if len(usual) else 0)
        if late > 0:
            out = out.copy() if out is x else out
            out[k] = np.nan
            out[k, late:] = own[:-late]
            most = max(most, late)
    return out, most


def in_its_unit(x: Floats) -> Floats:
    """Numbers in units of a power of two that they do not pass: the same digits, and squares that a float holds.

    >>> in_its_unit(np.array([3e300, np.nan, -1e300])).round(3)
    array([ 0.56 ,    nan, -0.187])
    """
    most = np.abs(x[~np.isnan(x)]).max(initial=0.0)
    return np.ldexp(x, -int(np.frexp(most)[1]))


def looks_ahead(values: Floats, seen: dict[str, Floats], horizon: int) -> Iterator[tuple[str, Finding]]:
    """Columns, not known ahead, that hold what the target becomes later, each with what is to be said of it.

    Three kinds: the target some steps later; a curve of it, or of its change until then, as a logarithm, a return or
    whether it rises; and sums of values before and after, as means are whose window is centred.

    Parameters
    ----------
    values : ndarray of shape (series, places)
        The target.
    seen : dict of ndarray
        The columns by name, each of the same shape, in a unit of its own.
    horizon : int
        A forecast uses a column at its origin and a step before that.
    """
    values = in_its_unit(values)
    longest = np.argsort(-(~np.isnan(values)).sum(axis=1), kind="stable")[:SERIES]
    windows = [_Window(values[k], horizon) for k in longest]
    steps = range(1, min(horizon + 1, values.shape[1] - 3) + 1)
    for name, x in seen.items():
        found = _foresight(x, values, steps, longest, windows)
        if found is not None:
            text, ahead, evidence, threshold = found
            sentence = f"Column {name!r} is left out: it {text}, which nobody has in time."
            remedy = f"If it is truly known ahead, as a plan is, name it in known=({name!r},)."
            yield (
                name,
                Finding("looks_ahead", "warning", sentence, {**evidence, "steps": ahead}, threshold, remedy),
            )


def _foresight(
    x: Floats, values: Floats, steps: range, longest: Ints, windows: list[_Window]
) -> tuple[str, int, dict[str, float], float] | None:
    """What a column is of the target's future, how many steps ahead, the evidence and its threshold; None of nothing.

    What is so is so in each series: of all but the first kind the longest that can tell does.
    """
    for ahead in steps:
        correlation = _the_target(x, values, ahead)
        # What repeats itself exactly has its future in its past.
        if correlation and not windows[0].past(x[longest[0]], 2 * (1 - SAME)):
            return f"is the target {ahead} steps later", ahead, {"correlation": correlation}, SAME
    told = [(k, window) for k, window in zip(longest, windows, strict=True) if _kinds(x[k]) >= KINDS]
    k, window = told[0] if told else (longest[0], windows[0])
    kind = _a_curve if told else _a_side
    for ahead in steps:
        if kind(x[k], values[k], ahead) and not window.past(x[k]):
            text = f"follows from the target {ahead} steps later, or from its change until then"
            return text, ahead, {}, 1 - EXACT
    reaches = (window.reach(x[k]) for k, window in told)
    reach = next((r for r in reaches if r is not None), 0)
    if reach:
        text = f"is made of values of the target up to {reach} steps later, as a centred mean is"
        return text, reach, {}, EXACT
    return None


def _kinds(x: Floats) -> int:
    """How many different values there are."""
    return len(np.unique(x[~np.isnan(x)]))


def _the_target(x: Floats, y: Floats, ahead: int) -> float:
    """The correlation of a column with the target so many steps later, where it is that target; 0 where it is not."""
    now, then = x[:, :-ahead], y[:, ahead:]
    both = ~(np.isnan(now) | np.isnan(then))
    a, b = now[both], then[both]
    if len(a) < FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    found = float(np.corrcoef(a, b)[0, 1])
    return 0.0 if abs(found) < SAME or _own(y, ahead, b, both) else found


def _own(y: Floats, ahead: int, then: Floats, both: NDArray[np.bool_]) -> bool:
    """Whether the target itself says as much of its future, as a smooth series does."""
    own = y[:, :-ahead][both]
    there = ~np.isnan(own)
    if there.sum() < FEWEST or np.ptp(own[there]) == 0:
        return False
    return bool(abs(np.corrcoef(own[there], then[there])[0, 1]) >= SAME)


def _a_curve(x: Floats, y: Floats, ahead: int) -> bool:
    """Whether a column only rises, or only falls, with the target later, with its change until then, or with its ratio.

    Not where it does so with the target now, as anything does that rises with one that only rises.
    """
    now, before, then = x[:-ahead], y[:-ahead], y[ahead:]
    # Most columns are none already at a few places.
    for few in (slice(-10 * KINDS, None), slice(None)):
        there = ~np.isnan(now[few] + before[few] + then[few])
        a, b, c = now[few][there], before[few][there], then[few][there]
        goals = [c, c - b]
        if (b > 0).all():
            goals.append(c / b)
        if not any(_only_rises(a, goal) for goal in goals):
            return False
    return not _only_rises(a, b)


def _a_side(x: Floats, y: Floats, ahead: int) -> bool:
    """Whether a column of two values, neither of them rare, says on which side of some change the target's lies.

    Not where changes before it lie so too, as they do where a pattern repeats.
    """
    seen = x[~np.isnan(x)]
    if not len(seen) or not ((x == seen.min()) | (x == seen.max()) | np.isnan(x)).all():
        return False
    upper = np.where(np.isnan(x), np.nan, x == seen.max())
    rises = np.full(len(y), np.nan)
    rises[:-ahead] = y[ahead:] - y[:-ahead]
    return _parts(upper, rises) and not any(
        _parts(upper[m:], rises[:-m]) for m in range(ahead, min(ahead + KINDS, len(y) - 1))
    )


def _parts(upper: Floats, along: Floats) -> bool:
    """Whether all ones of a column lie on one side of all zeros; of either there must be many."""
    one, zero = along[(upper == 1) & ~np.isnan(along)], along[(upper == 0) & ~np.isnan(along)]
    if min(len(one), len(zero)) < max(KINDS, 0.3 * (len(one) + len(zero))):
        return False
    return bool(one.min() > zero.max() or zero.min() > one.max())


def _only_rises(x: Floats, along: Floats) -> bool:
    """Whether a column of several values goes one way only along another that has several too, but for rounding.

    Its extremes are cut: one value far from all others is nearly all of what the column moves by.
    """
    if min(len(np.unique(x)), len(np.unique(along))) < KINDS:
        return False
    moved = np.diff(np.clip(x, *np.quantile(x, CUT))[np.lexsort((x, along))])
    whole = float(np.abs(moved).sum())
    return bool(whole > 0 and abs(moved.sum()) >= (1 - EXACT) * whole)


class _Window:
    """The moves of a target around each time, and what a column's moves leave open when they are fitted to them."""

    def __init__(self, y: Floats, horizon: int) -> None:
        moved = np.diff(y)
        there = int((~np.isnan(moved)).sum())
        self.width = width = min(WINDOW, max(2 * (horizon + 1), WINDOW // 2), there // 12)
        self.places = np.arange(width, len(moved) - width)
        # At place t stands what moves from t to t + 1: the last move that is known at t + 1 is that at t.
        windows = moved[self.places[:, None] + np.arange(-width, width + 1)]
        design = np.column_stack([np.ones(len(self.places)), y[self.places], windows])
        use = np.flatnonzero(np.isfinite(design).all(axis=1))
        use = use[np.linspace(0, len(use) - 1, min(len(use), ROWS)).astype(int)]
        self.places, design = self.places[use], design[use]
        size = np.abs(design).max(axis=0, initial=0.0)
        self.design = design / np.where(size > 0, size, 1.0)
        self.orthogonal: dict[int, Floats] = {}

    def past(self, x: Floats, little: float = OPEN) -> bool:
        """Whether what came before leaves little open of a column: then it tells nothing of what comes later."""
        goal, use = self._goal(x)
        return goal is not None and self._left(goal, use, 0) < little

    def reach(self, x: Floats) -> int | None:
        """How many steps after a time the target's values are that the column is made of, 0 where it is not of any.

        None where there are too few rows to tell.
        """
        goal, use = self._goal(x)
        if goal is None:
            return None
        if self._left(goal, use, self.width) > EXACT or self._left(goal, use, 0) < OPEN:
            return 0
        low, high = 0, self.width
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._left(goal, use, middle) <= EXACT else (middle, high)
        return high

    def _goal(self, x: Floats) -> tuple[Floats | None, NDArray[np.bool_]]:
        """A column's moves where they are seen, and where that is; None of too few, or where nothing moves."""
        goal = np.diff(x)[self.places]
        use = np.isfinite(goal)
        if self.width < 1 or use.sum() < 2 * self.design.shape[1]:
            return None, use
        goal = goal[use] - goal[use].mean()
        size = float(np.abs(goal).max())
        return (goal / size if size > 0 else None), use

    def _left(self, goal: Floats, use: NDArray[np.bool_], ahead: int) -> float:
        """The share of a column's moves that the target's moves until so many steps later leave open."""
        columns = slice(0, 3 + self.width + ahead)
        if use.all():
            if ahead not in self.orthogonal:
                self.orthogonal[ahead] = _directions(self.design[:, columns])
            basis = self.orthogonal[ahead]
        else:
            basis = _directions(self.design[use, columns])
        left = goal - basis @ (basis.T @ goal)
        return float(left @ left) / float(goal @ goal)


def _directions(design: Floats) -> Floats:
    """Orthogonal directions that the columns span; one that depends on others brings a direction of rounding."""
    found: Floats = np.linalg.qr(design)[0]
    return found
