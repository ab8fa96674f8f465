"""A portfolio's program: put together, solved, and where it has no answer, why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from steepest import _core
from steepest._types import Floats
from steepest.portfolio.covariance import Bend
from steepest.portfolio.limits import Limits
from steepest.result import Result

__all__ = ["Portfolio", "Program"]


#: What arrays the core takes are of.
TAKEN = (np.dtype(np.float64), np.dtype(np.int64))

#: A way along which the value falls without end: how flat it is beside how much a covariance bends at most, by how much
#: the value falls beside the steepest fall, and by how much limits may be missed along it, all relative.
FLAT, FALL, AWAY = 1e-13, 1e-9, 1e-9

#: Of so many limits that contradict it is said what would do.
TOLD = 4


class Portfolio(Result):
    """A portfolio: a `Result` whose `x` are the weights, with what they are expected to do.

    Attributes
    ----------
    weights : dict
        The weights by the assets' names.
    expected_return, volatility : float
        Of one period, as `mu` and the covariance (or the returns) are; NaN where there is no `mu`.
    annual_return, annual_volatility, sharpe : float
        The same of a year, where `periods` says how many periods a year has: the return times `periods`, the
        volatility times its root. `sharpe` is that of a year, or of a period where `periods` is not given.
    risk_shares : ndarray
        Each asset's part of the variance; NaN where there is no variance.
    trades : float
        ``Σ |w - holdings|``, where there are holdings.
    limit_prices : dict
        The multipliers of the limits by their labels: above 0 where one holds the weights down.

    Examples
    --------
    >>> from steepest.portfolio import min_variance
    >>> p = min_variance([0.1, 0.05], [[0.04, 0.0], [0.0, 0.01]], periods=12)
    >>> round(p.annual_volatility, 6), round(p.weights[1], 6)
    (0.309839, 0.8)
    """

    def plot(self, *, file: str | Path | None = None) -> Any:
        """Draw the weights, the largest first; needs matplotlib.

        Parameters
        ----------
        file : path, optional
            Where to save the picture, in the format that its ending names; it is then not shown.

        Returns
        -------
        matplotlib Axes
            The picture.

        Examples
        --------
        >>> from steepest.portfolio import min_variance
        >>> axes = min_variance(cov=[[0.04, 0.0], [0.0, 0.01]]).plot(file="/tmp/weights.png")
        """
        from steepest.portfolio.pictures import draw_weights

        return draw_weights(self, file=file)

    def summary(self, width: int = 80) -> str:
        """The portfolio on one screen: what is held, what is expected of it, how that is known, what was noticed.

        Parameters
        ----------
        width : int
            Columns to write in.

        Returns
        -------
        str
            The text.

        Examples
        --------
        >>> from steepest.portfolio import min_variance
        >>> print(min_variance(cov=[[0.04, 0.0], [0.0, 0.01]]).summary().split("\\n")[0])
        Least variance: 2 of 2 assets held
        """
        from steepest.portfolio.summary import summary_text

        return summary_text(self, width)

    def save(self, path: str | Path) -> None:
        """Write the weights: as a table of asset and weight (csv), or with all figures of the portfolio (json).

        Parameters
        ----------
        path : path
            Where to, in the format that its ending names.

        Raises
        ------
        InputError
            If it ends in neither, or no weights meet the constraints.

        Examples
        --------
        >>> from steepest.portfolio import min_variance
        >>> min_variance(cov=[[0.04, 0.0], [0.0, 0.01]]).save("/tmp/weights.csv")
        """
        from steepest.portfolio.writing import write_weights

        write_weights(self, path)

    def report(
        self,
        path: str | Path,
        *,
        frontier: Any = None,
        backtest: Any = None,
        title: str = "",
        python: str = "",
    ) -> None:
        """Write one self-contained HTML page: the weights, their figures, how they are known to be the best.

        Parameters
        ----------
        path : path
            Where to, whole or not at all.
        frontier : Frontier, optional
            Drawn with the assets and this portfolio.
        backtest : Backtest, optional
            Its growth and its drawdowns, beside equal weights.
        title : str, optional
            The page's title.
        python : str, optional
            Lines of code to show at its end.

        Raises
        ------
        OSError
            If the page cannot be written there.

        Examples
        --------
        >>> from steepest.portfolio import frontier, min_variance
        >>> mu, cov = [0.10, 0.05], [[0.04, 0.0], [0.0, 0.01]]
        >>> min_variance(mu, cov).report("/tmp/portfolio.html", frontier=frontier(mu, cov, points=5))
        """
        from steepest.portfolio.page import portfolio_page

        portfolio_page(self, path, frontier, backtest, title, python)


@dataclass
class Program:
    """min times · (½ w'Pw + c'w + Σ kinks + prices of trades) over what `limits` allow."""

    limits: Limits
    bend: Bend
    linear: Floats
    #: what the value is multiplied by to be what was asked for, and what is added
    times: float = 1.0
    #: rows that cost c·max(v'w + o, 0) in place of the covariance
    kinks: tuple[Floats, Floats, Floats] | None = None
    #: variables beside the weights, each a column of its own: (low, high)
    extra: list[tuple[float, float]] = field(default_factory=list)
    shift: Floats | None = None
    tol: float = 1e-6
    max_iter: int | None = None
    max_seconds: float | None = None

    def request(self) -> dict[str, Any]:
        """What the core takes."""
        limits, n = self.limits, len(self.limits.names)
        extra = len(self.extra)

        def widen(v: Floats, by: float) -> Floats:
            return np.concatenate([v, np.full(extra, by)]) if extra else v

        rows, shift, costs = self.bend.rows, self.shift, np.ones(len(self.bend.rows))
        if self.kinks is not None:
            rows, shift, costs = self.kinks
        budget = limits.scale()
        first = np.where(np.isfinite(limits.lower), limits.lower, 0.0)
        # What shrinks weights by less than what grows them: where both cancel, the value begins at 0 and has no scale.
        share = np.where(limits.sign < 0, 0.5, 1.0) * budget / max(len(limits.column), 1)
        start = np.minimum(first + share, limits.upper)
        matrix, column, lower, upper = limits.matrix, limits.column, limits.lower, limits.upper
        if extra:
            matrix = np.hstack([matrix, np.zeros((len(matrix), extra))])
            low, high = np.array(self.extra, dtype=np.float64).T
            column = np.concatenate([column, np.arange(n, n + extra)])
            lower, upper = np.concatenate([lower, low]), np.concatenate([upper, high])
            start = np.concatenate([start, np.clip(np.zeros(extra), low, high)])
        found = {
            "dense": self.bend.dense if self.kinks is None else None,
            "diagonal": widen(self.bend.diagonal, 0.0),
            "linear": self.linear,
            "base": widen(limits.base, 0.0),
            "rows": rows,
            "shift": np.zeros(len(rows)) if shift is None else shift,
            "costs": costs,
            "column": column,
            "sign": widen(limits.sign, 1.0),
            "price": widen(limits.price / self.times, 0.0),
            "lower": lower,
            "upper": upper,
            "start": start,
            "limits": matrix,
            "least": np.array(limits.least, dtype=np.float64),
            "most": np.array(limits.most, dtype=np.float64),
        }
        found = {name: _plain(value) for name, value in found.items()}
        return found | {
            "kinks": self.kinks is not None,
            "times": self.times,
            "fixed": self.limits.fixed,
            "tolerance": self.tol,
            "iterations": self.max_iter,
            "seconds": self.max_seconds,
        }

    def solve(self, warm: Any = None, *, explain: bool = True) -> tuple[dict[str, Any], Any]:
        """The core's answer, its value as it was asked for; where there is none, it is said why, unless nobody asks."""
        request = self.request()
        values, found = _core.quadratic(request, warm)
        if warm is not None and values["outcome"] != "converged":
            # Multipliers of another program may be so large that they hide what is left.
            cold = _core.quadratic(request, None)
            if not values["success"] or cold[0]["certificate"]["bound"] < values["certificate"]["bound"]:
                values, found = cold
        if explain and values["outcome"] in ("plateau", "infeasible"):
            self._explain(values, request)
        n = len(self.limits.names)
        values["x"] = values.pop("weights")[:n] + 0.0
        values["limit_prices"] = dict(zip(self.limits.labels, values.pop("prices").tolist(), strict=True))
        return values, found

    def impossible(self) -> bool:
        """Whether it is proved that no weights meet the limits."""
        return _missed(self.request(), list(range(len(self.limits.labels))))[0] > 0

    def _explain(self, values: dict[str, Any], request: dict[str, Any]) -> None:
        """Names the constraints that contradict each other, or the weights along which there is no end."""
        labels = self.limits.labels
        keep = list(range(len(labels)))
        missed, nearest = _missed(request, keep)
        if missed > 0:
            for i in list(keep):
                fewer = [k for k in keep if k != i]
                if _missed(request, fewer)[0] > 0:
                    keep = fewer
            values["weights"] = nearest
            words, would_do = self._words(keep), self._would_do(request, keep)
            values |= {"success": False, "status": 8, "outcome": "infeasible"}
            values["message"] = (
                f"Infeasible: no weights meet {words} at once; they are missed by {missed:.3g} in all.{would_do}"
            )
            values["findings"] = [
                *values["findings"],
                {
                    "kind": "contradiction",
                    "severity": "problem",
                    "sentence": f"No weights meet {words} at once.",
                    "evidence": {"missed": missed},
                    "remedy": f"Loosen one of them, or leave it out.{would_do}",
                },
            ]
            return
        if values["outcome"] == "infeasible":
            # It is proved, by less than tells which of them it is.
            words = self._words(keep) if len(keep) <= TOLD else "all limits"
            values["message"] = (
                f"Infeasible: no weights meet {words} at once; they are missed by next to nothing: loosen one a little."
            )
            return
        way = _endless(request)
        if way is None:
            return
        moved = np.flatnonzero(np.abs(way) > 1e-6 * np.abs(way).max())
        names = [str(self.limits.names[i]) for i in moved.tolist() if i < len(self.limits.names)]
        listed = ", ".join(names[:4]) + (" and others" if len(names) > 4 else "")
        values |= {"success": False, "status": 5, "outcome": "unbounded"}
        values["message"] = (
            f"Unbounded: more and more of {listed} gains without end; give bounds, or limit gross."
        )

    def _words(self, keep: list[int]) -> str:
        limits = self.limits
        said = []
        for i in keep:
            low, high = limits.least[i] + limits.shift[i], limits.most[i] + limits.shift[i]
            if limits.least[i] == limits.most[i]:
                ends = f"= {low:.6g}"
            else:
                parts = [f"at least {low:.6g}"] * bool(np.isfinite(low))
                parts += [f"at most {high:.6g}"] * bool(np.isfinite(high))
                ends = " and ".join(parts)
            said.append(f"'{limits.labels[i]}' ({ends})")
        bounds = "the bounds of the weights"
        if len(said) < 2:
            said.append(bounds)
            return " and ".join(said)
        return " and ".join([", ".join(said[:-1]), said[-1]]) + f" within {bounds}"

    def _would_do(self, request: dict[str, Any], keep: list[int]) -> str:
        """What each of some limits would have to be for all others to be met, where it alone is enough."""
        limits, said = self.limits, []
        for i in keep[:TOLD]:
            reached = _reached(request, i)
            if reached is None:
                continue
            low, high = limits.least[i], limits.most[i]
            word = "=" if low == high else ("at least" if reached < low else "at most")
            end = _outward(reached + limits.shift[i], -1 if reached < low else 1)
            said.append(f"'{limits.labels[i]}' {word} {end:.6g}")
        return f" With all else as it is, {' or '.join(said)} would do." if said else ""


def _outward(value: float, way: int) -> float:
    """A number of six digits, no less far out but for what limits may be missed by."""
    if not value:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(abs(value))) - 5)
    return float(way * np.ceil(way * value / unit - 1e-3) * unit)


def _plain(value: Any) -> Any:
    """An array as the core takes it: without gaps, of floats or of places."""
    if value is None or (value.dtype in TAKEN and value.flags.c_contiguous):
        return value
    return np.ascontiguousarray(value, dtype=np.int64 if value.dtype.kind == "i" else np.float64)


def _missed(request: dict[str, Any], keep: list[int]) -> tuple[float, Floats]:
    """By how much some constraints are missed at least, all together, and the weights there.

    Ends that are open stand at larger and larger numbers, until what is missed stays as it is: as a function of them it
    is convex and falls, so that where two are alike, all beyond are.
    """
    last, nearest = _missed_within(request, keep, 1e3)
    if np.isfinite(request["lower"]).all() and np.isfinite(request["upper"]).all():
        return last, nearest
    for far in (1e5, 1e7, 1e9):
        missed, nearest = _missed_within(request, keep, far)
        if missed == 0 or missed >= (1 - 1e-6) * last:
            return missed, nearest
        last = missed
    return 0.0, nearest


def _boxed(request: dict[str, Any], far: float) -> tuple[Floats, Floats]:
    """Bounds, those that are open at so many times what there is of weights and of ends."""
    lower, upper = request["lower"], request["upper"]
    ends = np.concatenate([lower, upper])
    ends = ends[np.isfinite(ends)]
    far *= max(float(np.abs(request["start"]).max(initial=0.0)), float(np.abs(ends).max(initial=0.0)), 1e-12)
    return np.where(np.isfinite(lower), lower, -far), np.where(np.isfinite(upper), upper, far)


def _missed_within(request: dict[str, Any], keep: list[int], far: float) -> tuple[float, Floats]:
    """What is missed within a box."""
    program = _apart(request, keep, _boxed(request, far), np.full(len(keep), np.inf))
    values, _ = _core.quadratic(program, None)
    # The dual's value, which is a lower bound whatever the outcome.
    missed = float(values["fun"]) - float(values["certificate"]["bound"])
    size = max(1.0, float(np.abs(program["least"][np.isfinite(program["least"])]).max(initial=0.0)))
    return (missed if missed > 1e-8 * size else 0.0), values["weights"][: len(request["base"])]


def _reached(request: dict[str, Any], one: int) -> float | None:
    """What a limit comes to where it is missed by the least and all others are met; None where they are not."""
    keep = list(range(len(request["least"])))
    give = np.where(np.arange(len(keep)) == one, np.inf, 0.0)
    for far in (1e3, 1e6):
        values, _ = _core.quadratic(_apart(request, keep, _boxed(request, far), give), None)
        if values["success"]:
            return float(request["limits"][one] @ values["x"][: len(request["column"])])
    return None


def _apart(
    request: dict[str, Any], keep: list[int], bounds: tuple[Floats, Floats], give: Floats
) -> dict[str, Any]:
    """A linear program in which constraints may be missed, each by so much, at a price of 1."""
    m, n = len(keep), len(request["column"])
    columns = len(request["base"])
    a = request["limits"][keep]
    unit = np.maximum(np.abs(a).max(axis=1, initial=0.0), 1e-300)
    a = a / unit[:, None]
    lower, upper = bounds
    extra = 2 * m
    program = request | {
        "dense": None,
        "diagonal": np.zeros(columns + extra),
        "linear": np.zeros(columns + extra),
        "base": np.concatenate([request["base"], np.zeros(extra)]),
        "rows": np.empty((0, columns + extra)),
        "shift": np.empty(0),
        "costs": np.empty(0),
        "kinks": False,
        "column": np.concatenate([request["column"], np.arange(columns, columns + extra)]),
        "sign": np.concatenate([request["sign"], np.ones(extra)]),
        "price": np.concatenate([np.zeros(n), np.ones(extra)]),
        "lower": np.concatenate([lower, np.zeros(extra)]),
        "upper": np.concatenate([upper, give, give]),
        "start": np.concatenate([np.clip(request["start"], lower, upper), np.minimum(1.0, [*give, *give])]),
        "limits": np.hstack([a, np.eye(m), -np.eye(m)]),
        "least": request["least"][keep] / unit,
        "most": request["most"][keep] / unit,
        "times": 1.0,
        "fixed": 0.0,
        "iterations": None,
        "seconds": None,
    }
    return {k: _plain(v) if isinstance(v, np.ndarray) else v for k, v in program.items()}


def _endless(request: dict[str, Any]) -> Floats | None:
    """A way along which the limits stay met and the value falls without end, as weights; None where none is proved.

    Found by the program of directions: ends that are there stand at 0, those that are not at 1, and what bends costs
    so much that only what is flat is left. What it finds is tried by hand: whether it bends, falls, and stays allowed.
    """
    open_below, open_above = ~np.isfinite(request["lower"]), ~np.isfinite(request["upper"])
    if not (open_below | open_above).any():
        return None
    columns, rows, costs = len(request["base"]), request["rows"], request["costs"]
    dense, diagonal, kinks = request["dense"], request["diagonal"], request["kinks"]
    price, linear = request["price"], request["linear"]
    bend = float(np.abs(diagonal).max(initial=0.0))
    bend = max(bend, 0.0 if dense is None else float(np.abs(dense).max(initial=0.0)))
    bend = max(bend, 0.0 if kinks else float((np.abs(costs)[:, None] * rows**2).max(initial=0.0)))
    steep = max(float(np.abs(linear).max(initial=0.0)), float(np.abs(price).max(initial=0.0)))
    steep = max(steep, float((np.abs(costs)[:, None] * np.abs(rows)).max(initial=0.0)) if kinks else 0.0)
    if not steep:
        return None
    stiff = 1e10 * steep / bend if bend else 1.0
    unit = np.maximum(np.abs(request["limits"]).max(axis=1, initial=0.0), 1e-300)
    limits = request["limits"] / unit[:, None]
    least = np.where(np.isfinite(request["least"]), 0.0, -np.inf)
    most = np.where(np.isfinite(request["most"]), 0.0, np.inf)
    low, high = np.where(open_below, -1.0, 0.0), np.where(open_above, 1.0, 0.0)
    program = request | {
        "dense": None if dense is None else stiff * dense,
        "diagonal": stiff * diagonal,
        "base": np.zeros(columns),
        "shift": np.zeros(len(rows)),
        "costs": costs if kinks else stiff * costs,
        "lower": low,
        "upper": high,
        "start": 0.5 * (low + high),
        "limits": limits,
        "least": least,
        "most": most,
        "times": 1.0,
        "fixed": 0.0,
        "iterations": None,
        "seconds": None,
    }
    found, _ = _core.quadratic(program, None)
    x = np.clip(found["x"], low, high)
    size = float(np.abs(x).max(initial=0.0))
    if not size > 0:
        return None
    x = x / size
    w = np.zeros(columns)
    np.add.at(w, request["column"], request["sign"] * x)
    sums = rows @ w
    bent = float(diagonal @ w**2) + (0.0 if dense is None else float(w @ dense @ w))
    bent += 0.0 if kinks else float(costs @ sums**2)
    fall = float(linear @ w + price @ x) + (float(costs @ np.maximum(sums, 0.0)) if kinks else 0.0)
    held = limits @ x
    away = float(np.maximum(least - held, held - most).max(initial=0.0))
    proved = bent <= FLAT * bend and fall <= -FALL * steep and away <= AWAY
    return w if proved else None
