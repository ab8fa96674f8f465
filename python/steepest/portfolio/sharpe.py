"""The portfolio of most return for its volatility: quadratic programs at the right risk aversion."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest._types import Floats
from steepest.errors import InputError
from steepest.portfolio.covariance import Bend
from steepest.portfolio.limits import number
from steepest.portfolio.program import Portfolio, Program
from steepest.portfolio.task import Task

__all__ = ["max_sharpe"]


#: A portfolio is without variance where it has no more than this of the largest variance of an asset: rounding.
FREE = 1e-14


def max_sharpe(
    mu: Any = None,
    cov: Any = None,
    *,
    risk_free: float = 0.0,
    returns: Any = None,
    prices: Any = None,
    **constraints: Any,
) -> Portfolio:
    """The portfolio of most excess return for its volatility, (mu'w - r Σw) / √(w'Σw).

    Parameters
    ----------
    mu, cov, returns, prices
        As in `min_variance`; the means of `returns` where `mu` is not given.
    risk_free : float
        r, the return of a period without risk.
    **constraints
        As in `min_variance`, but for ``at_most``.

    Returns
    -------
    Portfolio
        As in `min_variance`; `fun` is the ratio's negative (of a period; with ``l2``, of the variances that it is
        added to), and the certificate's bound is on it: no
        portfolio that is allowed has a ratio higher by more.

    Raises
    ------
    InputError
        If an argument cannot be used, or no portfolio that is allowed has a return above `risk_free`.

    Examples
    --------
    >>> from steepest.portfolio import max_sharpe
    >>> max_sharpe([0.10, 0.05], [[0.04, 0.0], [0.0, 0.01]]).x.round(6)
    array([0.333333, 0.666667])

    Notes
    -----
    Along the portfolios of most utility the excess return less γ times the variance is piecewise linear in γ; its
    zero is the answer, found by false position.
    Sharpe 1966, <https://doi.org/10.1086/294846>.
    """
    task = Task(mu, cov, returns, prices, **constraints)
    if task.at_most is not None:
        raise InputError("at_most is not for max_sharpe: use mean_variance")
    excess = task.returns_needed() - number(risk_free, "risk_free")
    why = "most return for its volatility: quadratic programs at the right risk aversion"
    least, _ = task.program().solve()
    if not least["success"]:
        return task.portfolio(_not_found(task, excess, least), why)
    top, best = best_return(task, excess)
    if top <= best["certificate"]["rounding"]:
        raise InputError(
            f"no portfolio that is allowed has an expected return above risk_free = {risk_free:g}: "
            f"the best is {max(-top, 0.0):.3g} below"
        )
    scale = float(task.variances().max(initial=0.0))
    if task.bend.variance(least["x"]) <= FREE * scale * float(least["x"] @ least["x"]):
        sure = _without_risk(task, excess, scale, best)
        if sure is not None:
            return task.portfolio(sure, why)
    if task.limits.allows_nothing():
        raise InputError(
            "max_sharpe needs weights that cannot all be 0, where the ratio has no meaning: give a budget that is "
            "not 0; or use mean_variance, with a limit on gross"
        )
    w = least["x"]
    variance = max(task.bend.variance(w), 1e-12 * scale * float(w @ w))
    mean = float(excess @ w)
    if np.isfinite(top):
        guess = max(mean, 0.5 * top) / variance
    else:
        guess = mean / variance if mean > 0 else float(np.abs(excess).max()) / scale
    found = _crossing(task, excess, guess)
    if not found.values["success"]:
        return task.portfolio(_not_found(task, excess, found.values), why)
    _judge(task, excess, least, found)
    return task.portfolio(found.values, why)


class _Crossing(NamedTuple):
    """Where the excess return less γ times the variance is 0, along the portfolios of most utility."""

    values: dict[str, Any]
    #: What it is off.
    error: float
    tries: int
    #: Whether a smaller ratio was seen at a lower aversion.
    enclosed: bool


def _crossing(task: Task, excess: Floats, guess: float) -> _Crossing:
    """The zero by false position, from a first risk aversion."""
    warm = None

    def at(aversion: float) -> tuple[float, dict[str, Any]]:
        nonlocal warm
        values, warm = task.program(-excess / aversion, aversion).solve(warm)
        w = values["x"]
        return aversion * task.bend.variance(w) - float(excess @ w), values

    low, high = None, None
    error, values = at(guess)
    tries = 0
    while abs(error) > 1e-13 * guess * task.bend.variance(values["x"]) and tries < 60 and values["success"]:
        if error < 0:
            low = (guess, error)
        else:
            high = (guess, error)
        if low and high:
            guess = low[0] - low[1] * (high[0] - low[0]) / (high[1] - low[1])
            if tries > 12:
                guess = float(np.sqrt(low[0] * high[0]))
            if guess in (low[0], high[0]):
                break
        else:
            # The zero of the piece on which it is: its slope is at most the variance here.
            step = max(abs(error) / max(task.bend.variance(values["x"]), 1e-300), 0.5 * guess)
            guess = guess + step if error < 0 else max(guess - step, 0.5 * guess)
        error, values = at(guess)
        tries += 1
    return _Crossing(values, error, tries, low is not None)


def _ratio(task: Task, excess: Floats, w: Floats) -> float:
    """What is asked for, of some weights."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.sqrt(max(task.bend.variance(w), 0.0)))
        return float(excess @ w) / spread if spread > 0 else float("nan")


def _not_found(task: Task, excess: Floats, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a program that ended before its answer, as those of the ratio, of which they prove nothing."""
    ratio = _ratio(task, excess, values["x"])
    values |= {"fun": -ratio, "history": {}}
    if values["certificate"] is not None:
        target = float(task.settings["tol"]) * abs(ratio)
        values["certificate"] |= {"bound": float("inf"), "target": target, "rounding": 0.0}
    if values["outcome"] == "plateau":
        values["message"] = (
            "Not proved to be the highest ratio: a quadratic program on the way to it ended before its least."
        )
    return values


def _judge(task: Task, excess: Floats, least: dict[str, Any], found: _Crossing) -> None:
    """Writes what is proved of the ratio into the values, by the gap of the program and the least variance."""
    values = found.values
    ratio = _ratio(task, excess, values["x"])
    smallest = float(np.sqrt(max(least["fun"] * 2 - 2 * least["certificate"]["bound"], 0.0)))
    # e - λ s <= (e - γ Σŵ)'w for all w, so no ratio is above λ by more than the gap over the least volatility.
    gap = (values["certificate"]["bound"] + abs(found.error)) / smallest if smallest > 0 else float("inf")
    target = float(task.settings["tol"]) * abs(ratio)
    values["fun"], values["history"] = -ratio, {}
    values["certificate"] |= {
        "bound": gap,
        "target": target,
        "rounding": values["certificate"]["rounding"] / max(smallest, 1e-300),
    }
    values["nit"] += found.tries
    if gap <= target:
        values |= {"outcome": "converged", "message": "Converged: within the tolerance of the best possible."}
    else:
        values |= {"success": False, "status": 2, "outcome": "plateau"}
        if not smallest > 0:
            missing = "a portfolio without variance is allowed, beside which no bound on the ratio holds"
        elif not found.enclosed:
            missing = "the ratio still rises as the weights grow: give bounds, or limit gross"
        else:
            missing = f"{target:.3g} was asked for"
        values["message"] = f"Not proved to be the highest ratio: within {gap:.3g} of it; {missing}."


def _without_risk(task: Task, excess: Floats, scale: float, best: dict[str, Any]) -> dict[str, Any] | None:
    """A portfolio that gains and does not vary, whose ratio has no end; None where none is found."""
    steep = float(np.abs(excess).max())
    # So averse that no gain is worth a variance that would be seen: how much that is, other variances say.
    for times in (1.0, 10.0, 100.0):
        values, aversion = best, 0.0
        if scale > 0:
            aversion = times * steep / scale / np.sqrt(FREE)
            values, _ = task.program(-excess / aversion, aversion).solve()
        w = values["x"]
        size = float(np.abs(w).max(initial=0.0))
        variance, gain = task.bend.variance(w), float(excess @ w)
        # A variance, that of rounding too, gains as much as it costs there: what is without one gains more.
        paid = 10 * aversion * max(variance, 1e-16 * scale * size**2)
        gains = gain > max(1e-9 * steep * size, paid)
        if values["success"] and gains and variance <= FREE * scale * size**2:
            break
    else:
        return None
    values |= {"success": False, "status": 5, "outcome": "unbounded", "fun": -np.inf, "history": {}}
    values["certificate"] = None
    values["message"] = (
        f"Unbounded: a portfolio without variance gains {gain:.3g} beside risk_free, so that the ratio "
        "has no upper end; leave out what does not vary, or raise risk_free to what it returns."
    )
    return values


def best_return(task: Task, excess: Floats) -> tuple[float, dict[str, Any]]:
    """The most that is expected of a portfolio that is allowed: a linear program; infinite where there is no end."""
    n = len(excess)
    bend = Bend(np.zeros(n), np.empty((0, n)))
    program = Program(task.limits, bend, -excess)
    values, _ = program.solve()
    return (float("inf") if values["outcome"] == "unbounded" else -float(values["fun"])), values
