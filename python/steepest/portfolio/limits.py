"""What a portfolio may be: bounds, a budget, limits of groups, what may be traded; as the solver takes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.errors import InputError, did_you_mean
from steepest.portfolio.covariance import as_floats, labels_of, positions

__all__ = ["Limits", "read_limits"]


#: The bounds unless others are given.
LONG_ONLY = (0.0, None)


@dataclass
class Limits:
    """The variables and the constraints of a program.

    A weight is one variable between its bounds. Where trades or the sum of sizes are limited or paid for, it is what it
    cannot help being, `base`, and pieces that grow or shrink it: what is bought, what is sold, what is sold short.
    """

    names: list[Any]
    low: Floats
    high: Floats
    base: Floats
    column: NDArray[np.int64]
    sign: Floats
    price: Floats
    lower: Floats
    upper: Floats
    #: what a piece counts for in trades and in the sum of sizes
    trade: Floats
    size: Floats
    labels: list[str] = field(default_factory=list)
    rows: list[Floats] = field(default_factory=list)
    least: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)
    #: what each limit has of what the weights cannot help being, by which its ends here are smaller than those given
    shift: list[float] = field(default_factory=list)
    #: costs that no choice avoids
    fixed: float = 0.0
    #: whether each weight is one variable, and nothing beside
    plain: bool = False

    def add(self, label: str, weights: Floats, low: float, high: float) -> None:
        """A limit on a sum of weights."""
        if self.plain:
            return self.pieces(label, weights, low, high, 0.0)
        self.pieces(label, weights[self.column] * self.sign, low, high, float(weights @ self.base))

    def pieces(self, label: str, row: Floats, low: float, high: float, shift: float) -> None:
        """A limit on a sum of pieces and what is there without them."""
        self.labels.append(label)
        self.rows.append(row)
        self.least.append(low - shift)
        self.most.append(high - shift)
        self.shift.append(shift)

    def scale(self) -> float:
        """How large weights are all together: the budget, or what the other limits ask for."""
        # Beside what is held, an end is a difference: what rounding leaves of it is none.
        nothing = 1e-12 * float(np.abs(self.base).sum())
        if self.labels[:1] == ["budget"] and abs(self.most[0]) > nothing:
            return abs(self.most[0])
        found = 0.0
        for row, least, most in zip(self.rows, self.least, self.most, strict=True):
            ends = [abs(end) for end in (least, most) if np.isfinite(end) and abs(end) > nothing]
            unit = float(np.abs(row).max(initial=0.0))
            if ends and unit:
                found = max(found, min(ends) / unit)
        return found or 1.0

    def allows_nothing(self) -> bool:
        """Whether all weights may be 0."""
        ends = [low <= 0 <= high for low, high in zip(self.least, self.most, strict=True)]
        return bool(all(ends) and not self.base.any() and ((self.lower <= 0) & (self.upper >= 0)).all())

    @property
    def matrix(self) -> Floats:
        """The constraints, one a row."""
        return np.array(self.rows, dtype=np.float64).reshape(len(self.rows), len(self.column))


def read_limits(
    names: list[Any],
    where: Mapping[Any, int] | None = None,
    *,
    bounds: Any = LONG_ONLY,
    budget: float | None = 1.0,
    limits: Any = None,
    holdings: Any = None,
    turnover: float | None = None,
    costs: Any = 0.0,
    gross: float | None = None,
) -> Limits:
    """Constraints as people write them, checked."""
    n, where = len(names), positions(names) if where is None else where
    low, high = _read_bounds(bounds, where)
    if holdings is not None and np.ndim(holdings) == 0 and not hasattr(holdings, "items"):
        raise InputError(f"holdings must have a weight for each asset, or those by name; got {holdings!r}")
    held = None if holdings is None else by_asset(holdings, where, "holdings", 0.0)
    cost = by_asset(costs, where, "costs", 0.0)
    if (cost < 0).any():
        raise InputError(f"costs must be at least 0; got {cost.min()}")
    if held is None and (turnover is not None or (cost > 0).any()):
        raise InputError("turnover and costs are of trades: pass holdings, the weights that are held now")
    if turnover is not None or (cost > 0).any() or gross is not None:
        found = _pieces(names, low, high, np.zeros(n) if held is None else held, cost)
    else:
        ones, zeros = np.ones(n), np.zeros(n)
        found = Limits(
            names, low, high, zeros, np.arange(n), ones, zeros, low, high, zeros, zeros, plain=True
        )
    if budget is not None:
        total = number(budget, "budget")
        found.add("budget", np.ones(n), total, total)
    for label, weights, least, most in _read_each(limits, where):
        found.add(label, weights, least, most)
    if turnover is not None:
        most = _size(turnover, "turnover")
        assert held is not None
        found.pieces("turnover", found.trade, -np.inf, most, float(np.abs(held - found.base).sum()))
    if gross is not None:
        most = _size(gross, "gross")
        found.pieces("gross", found.size, -np.inf, most, float(np.abs(found.base).sum()))
    return found


def _pieces(names: list[Any], low: Floats, high: Floats, held: Floats, cost: Floats) -> Limits:
    """Each weight as what is held, what is bought and what is sold of it, apart on both sides of 0."""
    base = np.clip(held, low, high)
    parts: list[tuple[Floats, float, Floats, float, NDArray[np.bool_]]] = []
    # Buying back what is short, buying more; selling what is there, selling short. Caps are what is left to the bounds.
    up, down = high - base, base - low
    short, there = np.clip(-base, 0.0, up), np.clip(base, 0.0, down)
    everywhere = np.ones(len(names), dtype=bool)
    parts.append((up - short, 1.0, np.ones(len(names)), 1.0, everywhere))
    parts.append((short, 1.0, -np.ones(len(names)), 1.0, base < 0))
    parts.append((there, -1.0, -np.ones(len(names)), 1.0, base > 0))
    parts.append((down - there, -1.0, np.ones(len(names)), 1.0, (down - there) > 0))
    keep = [np.flatnonzero(mask) for *_, mask in parts]
    column = np.concatenate(keep)

    def joined(part: int) -> Floats:
        found = [
            np.broadcast_to(p[part], len(names))[k].astype(np.float64)
            for p, k in zip(parts, keep, strict=True)
        ]
        return np.concatenate(found)

    upper, sign, size, trade = (joined(part) for part in range(4))
    fixed = float(cost @ np.abs(held - base))
    return Limits(
        names, low, high, base, column, sign, cost[column], np.zeros(len(column)), upper, trade, size, fixed=fixed
    )  # fmt: skip


def number(value: Any, what: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"{what} must be a number; got {value!r}")
    if not np.isfinite(value):
        raise InputError(f"{what} must be finite; got {value}")
    return float(value)


def _size(value: Any, what: str) -> float:
    found = number(value, what)
    if found < 0:
        raise InputError(f"{what} must be at least 0: it is a sum of sizes; got {value}")
    return found


def _end(value: Any, open_end: float, what: str) -> float:
    if value is None:
        return open_end
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{what} must be a number or None; got {value!r}") from None
    if np.isnan(found):
        raise InputError(f"{what} must be a number or None; got nan")
    return found


def _read_bounds(bounds: Any, where: Mapping[Any, int]) -> tuple[Floats, Floats]:
    n = len(where)
    if bounds is LONG_ONLY:
        return np.zeros(n), np.full(n, np.inf)
    names = list(where)
    low, high = np.zeros(n), np.full(n, np.inf)
    if hasattr(bounds, "items"):
        for name, pair in bounds.items():
            i = place(name, where, "bounds")
            low[i], high[i] = _pair(pair, f"bounds of {name!r}")
    elif bounds is None:
        low[:] = -np.inf
    else:
        pairs = list(bounds) if np.iterable(bounds) and not isinstance(bounds, str) else []
        if len(pairs) == 2 and all(hasattr(end, "items") for end in pairs):
            low, high = (by_asset(end, where, "bounds") for end in pairs)
        elif len(pairs) == 2 and all(np.ndim(end) == 0 for end in pairs):
            low[:], high[:] = _pair(pairs, "bounds")
        elif (
            len(pairs) == 2
            and all(np.size(end) in (1, n) for end in pairs)
            and (n != 2 or _are_sides(bounds))
        ):
            low[:], high[:] = (_ends(end, where, which) for which, end in enumerate(pairs))
        elif len(pairs) == n:
            for i, pair in enumerate(pairs):
                low[i], high[i] = _pair(pair, f"bounds of {names[i]!r}")
        else:
            raise InputError(
                f"bounds must be (low, high), one such pair for each of the {n} assets, or a mapping of names to "
                f"pairs; got {bounds!r}"[:300]
            )
    if np.isnan(low).any() or np.isnan(high).any():
        raise InputError("bounds must be numbers or None; got nan")
    if (low > high).any():
        i = int(np.argmax(low > high))
        raise InputError(f"bounds of {names[i]!r} contradict: at least {low[i]:g} and at most {high[i]:g}")
    endless = (low == np.inf) | (high == -np.inf)
    if endless.any():
        i = int(np.argmax(endless))
        raise InputError(
            f"bounds of {names[i]!r} leave no number: at least {low[i]:g} and at most {high[i]:g}; "
            "(None, None) for no bounds"
        )
    return low, high


def _are_sides(bounds: Any) -> bool:
    """Whether the bounds of two assets are the lower ends and the upper ones, and not a pair for each."""
    if not isinstance(bounds, tuple) or any(isinstance(end, tuple) for end in bounds):
        return False
    if all(isinstance(end, np.ndarray) for end in bounds):
        return True
    try:
        (a, b), (c, d) = ([np.nan if end is None else float(end) for end in side] for side in bounds)
    except (TypeError, ValueError):
        return False
    pairs, sides = not (a > b or c > d), not (a > c or b > d)
    if pairs and sides and b != c:
        raise InputError(
            f"bounds = {bounds!r} may be a pair for each of the two assets, or the lower ends and the upper ones: "
            "write [(low, high), (low, high)], or give them by name"
        )
    return sides and not pairs


def _ends(end: Any, where: Mapping[Any, int], which: int) -> Floats:
    """The lower or the upper ends of all assets, one for all or one each."""
    if hasattr(end, "items"):
        return by_asset(end, where, "bounds")
    given = [end] * len(where) if np.ndim(end) == 0 else list(end)
    open_end = (-np.inf, np.inf)[which]
    return np.array([_end(value, open_end, "bounds") for value in given])


def _pair(pair: Any, what: str) -> tuple[float, float]:
    try:
        low, high = pair
    except (TypeError, ValueError):
        raise InputError(f"{what} must be a pair (low, high); got {pair!r}") from None
    return _end(low, -np.inf, what), _end(high, np.inf, what)


def place(name: Any, where: Mapping[Any, int], what: str) -> int:
    """Where an asset stands."""
    if name not in where:
        raise InputError(f"{what} names {name!r}, which is no asset{_meant(name, where)}")
    return where[name]


def _meant(name: Any, where: Mapping[Any, int]) -> str:
    """The name that was meant; a number where a text of it was given."""
    number_of = next(
        (known for known in where if not isinstance(known, str) and str(known) == str(name)), None
    )
    if number_of is not None:
        return f"; the assets are numbered: {number_of!r}, not {name!r}"
    return did_you_mean(str(name), map(str, where))


def by_asset(values: Any, where: Mapping[Any, int], what: str, missing: float | None = None) -> Floats:
    """A number for each asset: one for all, one for each, or by name."""
    items = getattr(values, "items", None)
    if items is not None and np.ndim(values) == 1 and labels_of(values, "index") is None:
        # A series whose labels only count: they are no names, unless these do too.
        values, items = np.asarray(values), None
    if np.ndim(values) > 1:
        raise InputError(f"{what} must have one number for each asset; got the shape {np.shape(values)}")
    if items is not None:
        found = np.full(len(where), np.nan if missing is None else missing)
        for name, value in dict(items()).items():
            found[place(name, where, what)] = number(value, f"{what} of {name!r}")
        if np.isnan(found).any():
            lacking = [name for name, i in where.items() if np.isnan(found[i])]
            raise InputError(f"{what} must have a number for each asset; {lacking[0]!r} has none")
        return found
    if np.ndim(values) == 0:
        return np.full(len(where), number(values, what))
    found = as_floats(values, what, 1)
    if len(found) != len(where):
        raise InputError(f"{what} must have one number for each of the {len(where)} assets; got {len(found)}")
    return found


def _read_each(limits: Any, where: Mapping[Any, int]) -> list[tuple[str, Floats, float, float]]:
    """Limits by label: (who, low, high)."""
    if limits is None:
        return []
    if not np.iterable(limits) or isinstance(limits, str):
        raise InputError(
            f"limits must be a mapping of labels to (who, low, high), or a list of those; got {limits!r}"
        )
    if not isinstance(limits, Mapping):
        limits = {f"limits[{i}]": limit for i, limit in enumerate(limits)}
    found = []
    for label, limit in limits.items():
        try:
            who, low, high = limit
        except (TypeError, ValueError):
            raise InputError(
                f"limit {label!r} must be (who, low, high): names of assets or a number for each; got {limit!r}"
            ) from None
        rows = _read_who(who, where, str(label))
        for i, row in enumerate(rows):
            ends = [np.ravel(end)[i] if np.ndim(end) else end for end in (low, high)]
            least, most = _pair(ends, f"limit {label!r}")
            name = str(label) if len(rows) == 1 else f"{label}[{i}]"
            if least > most:
                raise InputError(
                    f"limit {name!r} contradicts itself: at least {least:g} and at most {most:g}"
                )
            if least == np.inf or most == -np.inf:
                raise InputError(f"limit {name!r} leaves no number: at least {least:g} and at most {most:g}")
            if not row.any() and (least > 0 or most < 0):
                raise InputError(
                    f"limit {name!r} is of nothing, every number in it is 0, which is not at least {least:g} "
                    f"and at most {most:g}"
                )
            if np.isfinite(least) or np.isfinite(most):
                found.append((name, row, least, most))
    return found


def _are_names(who: Collection[Any], where: Mapping[Any, int], label: str) -> bool:
    """Whether these are names of assets, which are counted where they have none: not a number for each."""
    if any(isinstance(name, str) for name in who):
        return True
    whole = all(isinstance(name, Integral) and not isinstance(name, bool) for name in who)
    if not whole or len(set(who)) < len(who) or not all(name in where for name in who):
        return False
    if len(who) == len(where) > 1 and not isinstance(who, set | frozenset):
        raise InputError(
            f"limit {label!r} has {who!r}, which may be the names of all assets or a number for each: write the "
            "numbers with a point, as 1.0"
        )
    return True


def _read_who(who: Any, where: Mapping[Any, int], label: str) -> list[Floats]:
    if isinstance(who, str) or not np.size(who):
        raise InputError(
            f"limit {label!r} must say of whom: a list of names, or a number for each asset; got {who!r}"
        )
    if isinstance(who, np.ndarray) and who.ndim == 1 and who.dtype.kind in "iu" and len(who) != len(where):
        who = who.tolist()
    if (
        not hasattr(who, "items")
        and isinstance(who, Sequence | set | frozenset)
        and _are_names(who, where, label)
    ):
        row = np.zeros(len(where))
        for name in who:
            row[place(name, where, f"limit {label!r}")] = 1.0
        return [row]
    if np.ndim(who) == 2:
        if labels_of(who, "columns") is not None:
            return [
                by_asset(dict(zip(who.columns, row, strict=True)), where, f"limit {label!r}", 0.0)
                for row in np.asarray(who, dtype=np.float64)
            ]
        rows = as_floats(who, f"limit {label!r}", 2)
        if rows.shape[1] != len(where):
            raise InputError(
                f"limit {label!r} must have {len(where)} columns, one for each asset; got {rows.shape[1]}"
            )
        return list(rows)
    return [by_asset(who, where, f"limit {label!r}", 0.0)]
