"""Constraints beside bounds, as SciPy has them: read, and put together as one function with its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.errors import InputError

__all__ = ["Constraints", "read_constraints"]

#: Values that lie no further apart than this share of them tell of rounding.
RESOLVED = 1e-9


@dataclass(frozen=True)
class _Part:
    """Some constraints: their values, and their Jacobian or None (differences, unless it has rows)."""

    name: str
    fun: Callable[[Floats], Any]
    jac: Callable[[Floats], Any] | None
    low: Floats
    high: Floats
    box: tuple[Floats, Floats] | None = None
    #: x0, which tells of the variables' sizes
    start: Floats | None = None
    #: whether the Jacobian is somebody's own, which may be wrong
    told: bool = False
    #: the Jacobian where it is the same at every point
    rows: Any = None
    #: by variable, which constraints a long step along it left as they were
    apart: dict[int, np.ndarray[Any, np.dtype[np.bool_]]] = field(default_factory=dict)

    def values(self, x: Floats) -> Floats:
        values = _numbers(f"{self.name} must return numbers", self.fun(x))
        if values.size != self.low.size:
            raise InputError(f"{self.name} returned {self.low.size} numbers at x0, and {values.size} now")
        return values

    def jacobian(self, x: Floats) -> Any:
        """One row a constraint; sparse where it was given so."""
        n, m = x.size, self.low.size
        if self.rows is not None:
            return self.rows
        if self.jac is None:
            return self._differences(x)
        got, must = self.jac(x), f"the jac of {self.name} must return numbers"
        if hasattr(got, "toarray"):
            if got.shape == (m, n):
                return _sparse(must, got)
            got = got.toarray()
        rows = _numbers(must, got)
        if rows.size != m * n:
            raise InputError(f"the jac of {self.name} must have the shape {(m, n)}; got {np.shape(got)}")
        return rows.reshape(m, n)

    def _steps(self, x: Floats) -> tuple[Floats, Floats]:
        """A step for each variable: a part of its own size, as it is here or was at the start; and a part of 1, for
        where what the first changes is rounding."""
        low, high = self._ends(x.size)
        there = np.zeros(x.size) if self.start is None else np.abs(self.start)
        known = np.where(there > 0, 0.01 * there, np.minimum(1.0, high - low))
        plain = np.maximum(1.0, np.abs(x))
        size = np.minimum(np.maximum(np.abs(x), known), plain)
        unit = np.cbrt(np.finfo(float).eps)
        return unit * np.where(size > 0, size, plain), unit * plain

    def _ends(self, n: int) -> tuple[Floats, Floats]:
        return self.box or (np.full(n, -np.inf), np.full(n, np.inf))

    def _differences(self, x: Floats) -> Floats:
        """Of the second order, within bounds: its error is some 1e-10 of the values."""
        here = self.values(x)
        columns = []
        for j, (step, plain) in enumerate(zip(*self._steps(x), strict=True)):
            slopes, change = self._slopes(x, j, step, here)
            rounding = ~(change > RESOLVED * np.abs(here))
            # Most of many constraints have no part of most variables: that is looked at once.
            without = (change == 0) & self.apart.get(j, np.zeros(here.size, dtype=bool))
            if step < plain and (rounding & ~without).any():
                longer, moved = self._slopes(x, j, plain, here)
                slopes = np.where(rounding, longer, slopes)
                self.apart[j] = moved == 0
            columns.append(slopes)
        return np.stack(columns, axis=1)

    def _slopes(self, x: Floats, j: int, step: float, here: Floats) -> tuple[Floats, Floats]:
        """By variable j, and how far the values lie apart that they are of."""
        low, high = (float(ends[j]) for ends in self._ends(x.size))
        step = min(step, (high - low) / 2)
        up, down = min(x[j] + step, high), max(x[j] - step, low)
        if not up > down:
            return np.zeros(here.size), np.full(here.size, np.inf)
        if up - x[j] >= step / 2 and x[j] - down >= step / 2:
            above, below = self._at(x, j, up), self._at(x, j, down)
            width = np.full(here.size, up - down)
            # The edge of where sqrt or log is a number is where a constraint often holds.
            for side, other, at in ((above, below, down), (below, above, up)):
                out = ~np.isfinite(side) & np.isfinite(other)
                if out.any():
                    side[out], width[out] = here[out], abs(x[j] - at)
            return (above - below) / width, np.abs(above - below)
        # At a bound, by two points on the side where there is room.
        way = step if up - x[j] >= x[j] - down else -step
        near, far = self._at(x, j, x[j] + way / 2), self._at(x, j, x[j] + way)
        with np.errstate(invalid="ignore"):
            slopes = (4 * near - far - 3 * here) / way
        odd = ~np.isfinite(far) & np.isfinite(near)
        slopes[odd] = (2 * (near - here) / way)[odd]
        return slopes, np.abs(near - here)

    def _at(self, x: Floats, j: int, value: float) -> Floats:
        point = x.copy()
        point[j] = value
        return self.values(point)

    def wrong(self, x: Floats) -> str:
        """Where the Jacobian is not the function's at x, in words; empty where nothing tells against it.

        Three values along one direction ask it as a whole; its entries are looked at where they do not agree.
        """
        low, high = self._ends(x.size)
        unit = self._steps(x)[0]
        rng = np.random.default_rng(0)
        way = unit * rng.uniform(0.5, 1.0, x.size) * rng.choice([-1.0, 1.0], x.size)
        way = np.where((x + 2 * way < low) | (x + 2 * way > high), -way, way)
        way = np.where((x + 2 * way < low) | (x + 2 * way > high), 0.0, way)
        rows = self.jacobian(x)
        here, near, far = (self.values(x + k * way) for k in range(3))
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.abs(4 * near - far - 3 * here - 2 * (rows @ way))
            # Not finite is no answer.
            if not (off > 2e-5 * (np.abs(rows) @ np.abs(way)) + 1e-12 * np.abs(here)).any():
                return ""
            return self._wrong_entry(x, rows.toarray() if hasattr(rows, "toarray") else rows, here, unit)

    def _wrong_entry(self, x: Floats, rows: Floats, here: Floats, unit: Floats) -> str:
        """The entry that is furthest off, where differences over three steps agree beside what it is off by.

        Noise lets them differ, and so do steps that are longer than a variable's own size; at a kink all that lies
        between the slopes of both sides is right.
        """
        low, high = self._ends(x.size)
        worst, said = 1e-3, ""
        for j in range(x.size):
            seen, between = [], []
            for step in unit[j] * np.array([1.0, 10.0, 100.0]):
                ends = [x.copy(), x.copy()]
                ends[0][j], ends[1][j] = max(x[j] - step, low[j]), min(x[j] + step, high[j])
                slopes = [(self.values(e) - here) / (e[j] - x[j]) for e in ends if e[j] != x[j]]
                if slopes:
                    seen.append(np.mean(slopes, axis=0))
                    between.append((np.min(slopes, axis=0), np.max(slopes, axis=0)))
            if not seen:
                continue
            off = np.abs(rows[:, j] - seen[0])
            size = np.maximum(np.abs(rows).max(axis=1), np.abs(seen[0]))
            rounding = 8 * np.finfo(float).eps * np.abs(here) / unit[j]
            sure = np.ptp(seen, axis=0) <= 0.2 * np.minimum(off, np.abs(seen).max(axis=0)) + rounding
            sure &= (rows[:, j] < between[0][0] - 0.2 * off) | (rows[:, j] > between[0][1] + 0.2 * off)
            share = np.where(sure & (size > 0), off / np.maximum(size, 1e-300), 0.0)
            i = int(np.argmax(share))
            if share[i] > worst:
                worst = float(share[i])
                said = f"entry ({i}, {j}) is {rows[i, j]:.6g} where differences tell {seen[0][i]:.6g}"
        return said


class Constraints:
    """All constraints of a problem as one: ``low <= values(x) <= high``.

    Parameters
    ----------
    parts : list
        As `read_constraints` makes them.

    Attributes
    ----------
    low, high : ndarray
        The limits, equal where a constraint is an equation.
    strict : str
        The first constraint that is to hold at every point gone through (`keep_feasible`), by its place in the list.
    """

    def __init__(self, parts: list[_Part], strict: str = "") -> None:
        self._parts = parts
        self.strict = strict
        self.low = np.concatenate([part.low for part in parts])
        self.high = np.concatenate([part.high for part in parts])
        self._at: Floats | None = None
        self._rows: Any = None

    def values(self, x: Floats) -> Floats:
        """c(x)."""
        return np.concatenate([part.values(x) for part in self._parts])

    @property
    def found(self) -> bool:
        """Whether some of their Jacobians are found by differences."""
        return any(part.jac is None and part.rows is None for part in self._parts)

    def pull(self, x: Floats, by: Floats) -> Floats:
        """The sum of the constraints' gradients, each times its entry of `by`."""
        self._stand(x)
        ends = np.cumsum([0, *(part.low.size for part in self._parts)])
        # Most are asked for one by one, and are there: no product of all with zeros.
        pulls = (
            _pulled(rows, by[a:b])
            for rows, a, b in zip(self._rows, ends[:-1], ends[1:], strict=True)
            if by[a:b].any()
        )
        return np.asarray(sum(pulls, np.zeros(x.size)), dtype=np.float64)

    def holding(self, x: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which constraints hold x: those at a limit, to a millionth of it."""
        values = self.values(x)
        near = np.minimum(np.abs(values - self.low), np.abs(values - self.high))
        return np.asarray(near <= 1e-6 * np.maximum(1.0, np.abs(values)))

    def gradients(self, x: Floats) -> Floats:
        """The gradients of the constraints, a row each."""
        self._stand(x)
        return np.concatenate([r.toarray() if hasattr(r, "toarray") else r for r in self._rows])

    def split(self, numbers: Floats) -> list[Floats]:
        """One number a row, as one array for each constraint given."""
        return np.split(numbers, np.cumsum([part.low.size for part in self._parts])[:-1])

    def findings(self, x: Floats) -> list[dict[str, Any]]:
        """Jacobians that were given and are not their constraints' at x, as differences tell."""
        wrong = [(part, part.wrong(x)) for part in self._parts if part.told]
        return [
            {
                "kind": "jacobian_inconsistent",
                "severity": "problem",
                "sentence": f"The jac of {part.name} is not that of its function: {where}.",
                "remedy": "Correct it, or leave jac out.",
            }
            for part, where in wrong
            if where
        ]

    def _stand(self, x: Floats) -> None:
        if self._at is None or not np.array_equal(self._at, x):
            self._at = x.copy()
            self._rows = [part.jacobian(self._at) for part in self._parts]


def _pulled(rows: Any, by: Floats) -> Any:
    """The rows, each times its entry of `by`, summed."""
    some = np.flatnonzero(by)
    if some.size == 1 and isinstance(rows, np.ndarray):
        return by[some[0]] * rows[some[0]]
    return rows.T @ by


def read_constraints(
    constraints: Any,
    x0: Floats,
    shaped: Callable[[Floats], Any],
    box: tuple[Floats, Floats] | None = None,
) -> Constraints | None:
    """SciPy's constraints: `LinearConstraint`, `NonlinearConstraint`, dicts with `type`, `fun` and `jac`, or a list.

    Parameters
    ----------
    constraints : object or sequence of objects
        Empty or None for none.
    x0 : ndarray
        Where the descent starts, flat: how many constraints a function stands for is asked there.
    shaped : callable
        A flat point as the caller wrote x0.
    box : pair of ndarray or None
        Bounds, which differences do not leave.

    Returns
    -------
    Constraints or None

    Raises
    ------
    InputError
        What is no constraint, by its place in the list.
    """
    if constraints is None:
        return None
    single = isinstance(constraints, Mapping) or hasattr(constraints, "lb")
    given = [constraints] if single else constraints
    if not isinstance(given, list | tuple):
        raise InputError(f"constraints must be SciPy's constraints, or a list of them; got {constraints!r}")
    parts = [
        replace(_read(f"constraints[{i}]", one, x0, shaped), box=box, start=x0) for i, one in enumerate(given)
    ]
    strict = (
        f"constraints[{i}]" for i, one in enumerate(given) if np.any(getattr(one, "keep_feasible", False))
    )
    return Constraints(parts, next(strict, "")) if parts else None


def _read(name: str, one: Any, x0: Floats, shaped: Callable[[Floats], Any]) -> _Part:
    if isinstance(one, Mapping):
        return _of_dict(name, one, x0, shaped)
    if hasattr(one, "A") and hasattr(one, "lb") and hasattr(one, "ub"):
        return _linear(name, one, x0)
    if callable(getattr(one, "fun", None)) and hasattr(one, "lb") and hasattr(one, "ub"):
        jac = one.jac if callable(getattr(one, "jac", None)) else None
        return _of_function(name, one.fun, jac, one.lb, one.ub, x0, shaped)
    if hasattr(one, "lb"):
        raise InputError(f"{name} is of bounds on x: pass it as bounds=")
    raise InputError(
        f"{name} must be a LinearConstraint, a NonlinearConstraint or a dict with type and fun; got {one!r}"
    )


def _of_dict(name: str, one: Mapping[str, Any], x0: Floats, shaped: Callable[[Floats], Any]) -> _Part:
    told, fun, jac, args = (one.get(key) for key in ("type", "fun", "jac", "args"))
    kind = told.lower() if isinstance(told, str) else None
    if kind not in ("eq", "ineq"):
        raise InputError(f"{name} must have the type 'eq' (fun = 0) or 'ineq' (fun >= 0); got {told!r}")
    if not callable(fun):
        raise InputError(f"{name} must have a function as its fun; got {fun!r}")
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    given = (lambda x: jac(x, *args)) if callable(jac) else None
    high = 0.0 if kind == "eq" else np.inf
    return _of_function(name, lambda x: fun(x, *args), given, 0.0, high, x0, shaped)


def _of_function(
    name: str, fun: Any, jac: Any, low: Any, high: Any, x0: Floats, shaped: Callable[[Floats], Any]
) -> _Part:
    first = _numbers(f"{name} must return numbers", fun(shaped(x0.copy())))
    # Each gets a copy of its own: what it writes there is nobody else's x.
    by_flat = (lambda x: jac(shaped(x.copy()))) if jac is not None else None
    limits = _limits(name, low, high, first.size)
    return _Part(name, lambda x: fun(shaped(x.copy())), by_flat, *limits, told=by_flat is not None)


def _linear(name: str, one: Any, x0: Floats) -> _Part:
    a = one.A
    if hasattr(a, "toarray"):
        a = _sparse(f"{name}.A must be numbers", a)
    else:
        a = np.atleast_2d(np.asarray(a, dtype=np.float64))
    if a.ndim != 2 or a.shape[1] != x0.size:
        raise InputError(f"{name}.A must have {x0.size} columns, as x0 has entries; got the shape {a.shape}")
    low, high = _limits(name, one.lb, one.ub, a.shape[0])
    return _Part(name, lambda x: a @ np.ravel(x), None, low, high, rows=a)


def _limits(name: str, low: Any, high: Any, m: int) -> tuple[Floats, Floats]:
    try:
        lows, highs = (np.array(np.broadcast_to(np.ravel(b), m), dtype=np.float64) for b in (low, high))
    except (TypeError, ValueError):
        raise InputError(f"{name} has {m} rows; its lb and ub must be numbers, or as many") from None
    wrong = np.flatnonzero(~(lows <= highs) | (lows == np.inf) | (highs == -np.inf))
    if wrong.size:
        i = int(wrong[0])
        raise InputError(f"{name} must have lb <= ub; got {lows[i]} and {highs[i]} in row {i}")
    return lows, highs


def _sparse(must: str, got: Any) -> Any:
    """A sparse matrix by rows, of numbers that `_numbers` would take."""
    rows = got.tocsr()
    if rows.dtype != np.float64:
        _numbers(must, rows.data)
        rows = rows.astype(np.float64)
    return rows


def _numbers(must: str, got: Any) -> Floats:
    try:
        if got is None or np.iscomplexobj(got):
            raise TypeError
        given = np.ravel(got)
        numbers = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{must}; got {got!r}") from None
    # True is 1 and False is 0, and both are >= 0: a comparison would hold everywhere.
    if given.dtype == np.bool_:
        raise InputError(f"{must}, not whether it holds (2 - x.sum() for x.sum() <= 2); got {got!r}")
    return numbers
