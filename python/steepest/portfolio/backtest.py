"""A walk-forward backtest: weights from the past only, held until the next look, trades paid for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.errors import InputError
from steepest.portfolio.covariance import positions
from steepest.portfolio.limits import by_asset, number
from steepest.portfolio.prices import read_returns

__all__ = ["Backtest", "backtest"]


@dataclass(frozen=True, repr=False)
class Backtest:
    """What a strategy would have done, each period after its weights were chosen; beside equal weights.

    Parameters
    ----------
    returns, equal_returns : ndarray of shape (periods after the window,)
        Of each period, after costs.
    weights : ndarray of shape (looks, assets)
        Those chosen, a row for each look.
    looks : ndarray of int
        The period from which each was held.
    turnover, equal_turnover : float
        ``Σ |trade|`` in a look, on average.
    names : list
        The assets.
    outcomes : list of str
        How each look's problem ended.
    periods : float or None
        Periods in a year.
    findings : list
        What was done to prices or returns.
    kept : ndarray of bool
        The looks that found no answer, at which what was held was kept. A portfolio of at most so many names is an
        answer, although no choice of names is proved the best.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.portfolio import backtest
    >>> r = np.random.default_rng(0).normal(0.001, 0.01, (80, 3))
    >>> found = backtest(r, lambda past: np.full(3, 1 / 3), window=40)
    >>> bool(abs(found.wealth - found.equal).max() < 1e-12)
    True
    """

    returns: Floats
    equal_returns: Floats
    weights: Floats
    looks: NDArray[np.int64]
    turnover: float
    equal_turnover: float
    names: list[Any]
    outcomes: list[str]
    periods: float | None = None
    findings: list[Any] = field(default_factory=list)
    kept: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def wealth(self) -> Floats:
        """The growth of 1."""
        return np.concatenate([[1.0], np.cumprod(1 + self.returns)])

    @property
    def equal(self) -> Floats:
        """The growth of 1 in equal weights."""
        return np.concatenate([[1.0], np.cumprod(1 + self.equal_returns)])

    def figures(self) -> dict[str, dict[str, float]]:
        """Mean, volatility, their ratio and the largest drawdown, of the strategy and of equal weights.

        Returns
        -------
        dict of dict
            Of a year where `periods` is known, of a period otherwise.

        Examples
        --------
        >>> import numpy as np
        >>> from steepest.portfolio import backtest, min_variance
        >>> r = np.random.default_rng(0).normal(0.001, 0.01, (80, 3))
        >>> sorted(backtest(r, lambda past: min_variance(returns=past), window=40).figures())
        ['equal weights', 'strategy']
        """
        year = 1.0 if self.periods is None else float(self.periods)
        found = {}
        for name, r, wealth, turnover in (
            ("strategy", self.returns, self.wealth, self.turnover),
            ("equal weights", self.equal_returns, self.equal, self.equal_turnover),
        ):
            mean, spread = float(r.mean()) * year, float(r.std()) * np.sqrt(year)
            found[name] = {
                "mean": mean,
                "volatility": float(spread),
                "ratio": float(mean / spread) if spread > 0 else float("nan"),
                "drawdown": float(np.min(wealth / np.maximum.accumulate(wealth) - 1)),
                "turnover": turnover,
                "growth": float(wealth[-1]),
            }
        return found

    def __repr__(self) -> str:
        figures = self.figures()
        of = "of a period" if self.periods is None else "of a year"
        lines = [f"Backtest: {len(self.returns)} periods, {len(self.looks)} looks, after costs; {of}"]
        wides = [(name, len(name) + 3) for name in figures]
        lines.append(f"  {'':<11}" + "".join(f"{name:>{wide}}" for name, wide in wides))
        for key in ("mean", "volatility", "ratio", "drawdown", "turnover", "growth"):
            lines.append(f"  {key:<11}" + "".join(f"{figures[name][key]:>{wide}.4g}" for name, wide in wides))
        failed = [outcome for outcome, kept in zip(self.outcomes, self.kept, strict=False) if kept]
        if failed:
            lines.append(f"  {len(failed)} looks found no answer ({failed[0]}): what was held was kept")
        return "\n".join(lines)

    def plot(self, *, file: Any = None) -> Any:
        """Draw the growth and the drawdowns; needs matplotlib.

        Parameters
        ----------
        file : path, optional
            Where to save the picture, in the format that its ending names; it is then not shown.

        Returns
        -------
        ndarray of matplotlib Axes
            Growth, and drawdowns.

        Examples
        --------
        >>> import numpy as np
        >>> from steepest.portfolio import backtest, min_variance
        >>> r = np.random.default_rng(0).normal(0.001, 0.01, (80, 3))
        >>> axes = backtest(r, lambda past: min_variance(returns=past), window=40).plot(file="/tmp/backtest.png")
        """
        from steepest.portfolio.pictures import draw_backtest

        return draw_backtest(self, file=file)


def backtest(
    returns: Any = None,
    strategy: Callable[[Floats], Any] | None = None,
    *,
    prices: Any = None,
    window: int = 252,
    every: int = 21,
    costs: Any = 0.0,
    periods: float | None = None,
) -> Backtest:
    """Walk forward: at each look the strategy sees the `window` periods before, and its weights are held from the next.

    Weights drift with the returns between looks. What is traded at a look costs `costs` a unit, in the period after.

    Parameters
    ----------
    returns : array_like, frame or path, of shape (periods, assets)
        Simple returns; a frame that has dates, in its index or a column, is put in their order, and `findings` says so.
    strategy : callable
        ``strategy(past)`` of an array (window, assets), a copy that holds the past and nothing else: a `Portfolio`, or
        weights (by name too, a mapping or a series, where the returns have names). Where a portfolio was not found,
        what is held is kept, and `outcomes` says so.
    prices : frame or path, optional
        In place of `returns`, as in `min_variance`.
    window, every : int
        Periods that the strategy sees; periods from one look to the next.
    costs : float, or one for each asset
        Of a unit traded, as .001 for a tenth of a percent.
    periods : float, optional
        Periods in a year, for figures of a year.

    Returns
    -------
    Backtest
        Beside equal weights that are rebalanced at the same looks and pay the same costs.

    Raises
    ------
    InputError
        If an argument cannot be used, or the strategy returns anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.portfolio import backtest, min_variance
    >>> r = np.random.default_rng(0).normal(0.001, 0.01, (300, 4))
    >>> found = backtest(r, lambda past: min_variance(returns=past), window=100, every=20, costs=0.001)
    >>> len(found.returns), len(found.looks)
    (200, 10)
    """
    rows, names, findings = read_returns(returns, prices, ordered=True)
    if rows is None:
        raise InputError("pass returns, a row a period, or prices")
    if not callable(strategy):
        raise InputError(f"strategy must be a function of the past returns; got {type(strategy).__name__}")
    days, n = rows.shape
    for name, value in (("window", window), ("every", every)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            raise InputError(f"{name} must be a whole number of periods; got {value!r}")
    if periods is not None and not number(periods, "periods") > 0:
        raise InputError(f"periods must be above 0, as 252 of daily data; got {periods!r}")
    low = float(rows.min(initial=0.0))
    if low < -1:
        row, j = (int(k) for k in np.argwhere(rows == low)[0])
        raise InputError(
            f"returns must be simple ones, above -1 (which is all that was there); got {low:g} in row {row}, column {j}"
        )
    if not 2 <= window < days:
        raise InputError(f"window must be from 2 to below the {days} periods there are; got {window!r}")
    if every < 1:
        raise InputError(f"every must be 1 at least; got {every!r}")
    where = positions(list(range(n)) if names is None else names)
    cost = by_asset(costs, where, "costs")
    if (cost < 0).any():
        raise InputError(f"costs must be at least 0; got {cost.min()}")
    looks = np.arange(window, days, every)
    chosen, outcomes = np.empty((len(looks), n)), []
    found_none = np.zeros(len(looks), dtype=bool)
    held, alike = np.zeros(n), np.zeros(n)
    out = np.empty((2, days - window))
    traded = np.zeros(2)
    for look, start in enumerate(looks.tolist()):
        wanted, outcome = _weights(strategy(rows[start - window : start].copy()), where)
        outcomes.append(outcome)
        found_none[look] = wanted is None
        wanted = held if wanted is None else wanted
        chosen[look] = wanted
        end = min(start + every, days)
        for which, (now, to) in enumerate(((held, wanted), (alike, np.full(n, 1 / n)))):
            trade = np.abs(to - now)
            traded[which] += float(trade.sum())
            w, paid = to.copy(), float(cost @ trade)
            for day in range(start, end):
                gain = float(w @ rows[day])
                out[which, day - window] = (1 - paid) * (1 + gain) - 1
                paid = 0.0
                # What is not invested stays as it is.
                w = w * (1 + rows[day]) / (1 + gain) if gain > -1 else w
            if which == 0:
                held = w
            else:
                alike = w
    return Backtest(
        out[0], out[1], chosen, looks, traded[0] / len(looks), traded[1] / len(looks),
        list(range(n)) if names is None else names, outcomes, periods, findings, found_none,
    )  # fmt: skip


def _weights(found: Any, where: dict[Any, int]) -> tuple[Floats | None, str]:
    """What a strategy chose; None where it found nothing."""
    outcome, n = "converged", len(where)
    if hasattr(found, "outcome"):
        outcome = str(found.outcome)
        if not (found.success or found.get("heuristic", False)):
            return None, outcome
        found = found.x
    elif hasattr(found, "items"):
        found = by_asset(found, where, "the strategy's weights", 0.0)
    try:
        w = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"strategy must return one Portfolio, or weights; got {found!r}"[:200]) from None
    if w.shape != (n,):
        raise InputError(f"strategy must return {n} finite weights; got the shape {w.shape}")
    if not np.isfinite(w).all():
        raise InputError(f"strategy must return {n} finite weights; got {w[~np.isfinite(w)][0]} among them")
    return w, outcome
