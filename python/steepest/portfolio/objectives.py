"""What is asked of a portfolio: least variance, most utility, least loss in the tail, an index, even risks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.errors import InputError
from steepest.portfolio.covariance import Bend, as_floats, labels_of, positions
from steepest.portfolio.limits import by_asset, number
from steepest.portfolio.program import Portfolio
from steepest.portfolio.task import SETTINGS, Task

__all__ = [
    "mean_variance",
    "min_cvar",
    "min_variance",
    "risk_parity",
    "tracking",
]


def min_variance(
    mu: Any = None, cov: Any = None, *, returns: Any = None, prices: Any = None, **constraints: Any
) -> Portfolio:
    """The portfolio of least variance, w'Σw, under constraints; long only and fully invested unless told.

    Parameters
    ----------
    mu : array_like, mapping or series, optional
        The return expected of each asset in a period; needed for ``target_return``, otherwise only reported.
    cov : array_like of shape (assets, assets), or FactorCovariance, optional
        The covariance of returns of a period.
    returns : array_like, frame or path, optional
        In place of `cov`: returns, a row a period, a column an asset.
    prices : frame or path, optional
        In place of `cov`: prices, a row a day; gaps are filled with the price before, and said.
    **constraints
        ``bounds`` (low, high), one for each asset, or by name: (0, None) unless given, None for none at all.
        ``budget``: what the weights sum to, 1 unless given, None for any sum.
        ``limits``: a mapping of labels to (who, low, high), where who is names of assets (a group; their places,
        where they have none) or a number for each (a factor's loadings); low == high is an equation.
        ``target_return``: the least expected return.
        ``holdings``, the weights held now, with ``turnover``, most of Σ|w - holdings|.
        ``gross``: most of Σ|w|. ``l2``: added to every variance, which spreads the weights. ``at_most``: names at
        most. Up to a thousand choices of names are all tried and the best is proved; of more it is a heuristic, whose
        `outcome` is "plateau" and `heuristic` True unless it is proved the best.
        ``shrink``: of returns, "ledoit_wolf", None or a share. ``periods``: periods in a year, for annual figures.
        ``tol``, ``max_iter``, ``max_seconds``: the duality gap asked for, relative to the value; budgets.

    Returns
    -------
    Portfolio
        `x`, `weights` by name, `fun` (the variance), a `certificate` by duality, and `limit_prices`, by how much the
        value falls for each limit that is loosened by one. Constraints that contradict are named in `message`.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> from steepest.portfolio import min_variance
    >>> p = min_variance(cov=[[0.04, 0.0], [0.0, 0.01]])
    >>> p.x.round(6), p.success, p.certificate["kind"]
    (array([0.2, 0.8]), True, 'duality_gap')
    >>> min_variance(cov=[[0.04, 0.0], [0.0, 0.01]], bounds=(0, 0.4)).outcome
    'infeasible'

    Notes
    -----
    Markowitz 1952, *Portfolio selection*, <https://doi.org/10.2307/2975974>.
    """
    task = Task(mu, cov, returns, prices, **constraints)
    return task.solved(task.program(times=2.0), "least variance: a convex quadratic program")


def mean_variance(
    mu: Any = None,
    cov: Any = None,
    *,
    risk_aversion: float | Sequence[float] = 1.0,
    returns: Any = None,
    prices: Any = None,
    **constraints: Any,
) -> Portfolio | list[Portfolio]:
    """The portfolio of most utility: least F(w) = ½ γ w'Σw - mu'w + costs of trades.

    Parameters
    ----------
    mu, cov, returns, prices
        As in `min_variance`; the means of `returns` where `mu` is not given.
    risk_aversion : float or sequence of float
        γ, above 0; for several one portfolio each, every one from the one before.
    **constraints
        As in `min_variance`, and ``costs``, of a unit traded away from ``holdings``.

    Returns
    -------
    Portfolio or list of Portfolio
        As in `min_variance`; `fun` is F.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> from steepest.portfolio import mean_variance
    >>> p = mean_variance([0.10, 0.05], [[0.04, 0.0], [0.0, 0.01]], risk_aversion=4.0)
    >>> p.x.round(6)
    array([0.45, 0.55])

    Notes
    -----
    Markowitz 1952, <https://doi.org/10.2307/2975974>.
    """
    try:
        many = np.atleast_1d(np.asarray(risk_aversion, dtype=np.float64))
    except (TypeError, ValueError):
        raise InputError(f"risk_aversion must be a number, or several; got {risk_aversion!r}") from None
    if not len(many) or many.ndim > 1:
        raise InputError(f"risk_aversion must be a number, or a list of them; got {risk_aversion!r}")
    if not (np.isfinite(many).all() and (many > 0).all()):
        raise InputError(f"risk_aversion must be above 0 and finite; got {risk_aversion!r}")
    task = Task(mu, cov, returns, prices, costs_allowed=True, **constraints)
    found: list[Portfolio] = []
    alone = np.ndim(risk_aversion) == 0
    for aversion in many.tolist():
        program = task.program(-task.returns_needed() / aversion, aversion)
        why = f"most utility at a risk aversion of {aversion:g}: a convex quadratic program"
        found.append(task.solved(program, why, **({} if alone else {"risk_aversion": aversion})))
    return found[0] if alone else found


def min_cvar(
    returns: Any = None,
    *,
    beta: float = 0.95,
    mu: Any = None,
    prices: Any = None,
    **constraints: Any,
) -> Portfolio:
    """The portfolio of least conditional value at risk: the mean loss in the worst 1 - beta of the periods given.

        min over w, t of  t + Σ_s max(-r_s'w - t, 0) / ((1 - beta) S) + costs of trades

    Parameters
    ----------
    returns : array_like or frame of shape (periods, assets)
        r_s: what happened, or what may happen, each period as likely as any other.
    beta : float
        From 0 to 1; .95 looks at the worst twentieth.
    mu, prices
        As in `min_variance`; `mu` serves ``target_return``, and is the mean of `returns` unless given.
    **constraints
        As in `mean_variance`, but for ``l2`` and ``shrink``, which are of a covariance.

    Returns
    -------
    Portfolio
        As in `min_variance`; `fun` is the conditional value at risk of one period, `value_at_risk` is t.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.portfolio import min_cvar
    >>> p = min_cvar(np.array([[0.02, 0.0], [-0.03, 0.001], [0.01, 0.002], [-0.02, 0.001]]), beta=0.5)
    >>> p.x.round(6), round(p.fun, 6)
    (array([0., 1.]), -0.0005)

    Notes
    -----
    Rockafellar and Uryasev 2000, <https://doi.org/10.21314/JOR.2000.038>.
    """
    if not 0 <= number(beta, "beta") < 1:
        raise InputError(f"beta must be from 0 to below 1, as 0.95; got {beta!r}")
    refused = dict.fromkeys(("l2", "shrink"), "is of a covariance, and min_cvar has none: leave it out")
    task = Task(mu, None, returns, prices, estimate=False, costs_allowed=True, refused=refused, **constraints)
    assert task.rows is not None
    days, n = task.rows.shape
    if beta > 0:
        # t in units of what returns are: weights are of the size of the budget, beside which it may be next to nothing.
        unit = _size(task.rows)
        losses = np.hstack([-task.rows, np.full((days, 1), -unit)])
        linear = np.zeros(n + 1)
        linear[n] = unit
        kinks = losses, np.zeros(days), np.full(days, 1 / ((1 - beta) * days))
        program = task.program(linear, kinks=kinks, extra=[(-np.inf, np.inf)])
    else:
        # The mean of all losses, of which any t below them is a part: no t is told apart.
        program = task.program(-task.rows.mean(axis=0))
    program.bend = Bend(np.zeros(n), np.empty((0, n)))
    task.bend = Bend(np.zeros(n), np.sqrt(1 / days) * (task.rows - task.rows.mean(axis=0)))
    found = task.solved(program, "least mean loss in the tail: a linear program")
    worst = np.sort(-task.rows @ found.x)
    at_risk = worst[min(int(np.ceil(beta * days - 1e-9)), days) - 1] if beta > 0 else worst[0]
    found["value_at_risk"] = float(at_risk)
    # The program's t may miss the value at risk by what its gap allows: what is told is that of the weights.
    value = at_risk + np.maximum(worst - at_risk, 0.0).sum() / ((1 - beta) * days) + task.paid(found.x)
    found["fun"] = min(found.fun, float(value))
    return found


def _size(rows: Floats) -> float:
    """How large the returns of the assets that move least are, as a power of two."""
    means = np.abs(rows).mean(axis=0)
    least = max(float(means[means > 0].min(initial=np.inf)), 1e-6 * float(means.max(initial=0.0)))
    return float(2.0 ** np.round(np.log2(least))) if 0 < least < np.inf else 1.0


def tracking(index: Any, *, returns: Any = None, prices: Any = None, **constraints: Any) -> Portfolio:
    """The portfolio that follows an index: least mean of (r_t'w - index_t)².

    Parameters
    ----------
    index : array_like of shape (periods,)
        The index's returns in the same periods; a series is put in the order of the frame's.
    returns, prices
        The assets', as in `min_variance`.
    **constraints
        As in `min_variance`, but for ``shrink``, which is of a covariance.

    Returns
    -------
    Portfolio
        As in `min_variance`; `fun` is the mean square of what it is off (and l2 Σw², where given), `tracking_error`
        the root of the former.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.portfolio import tracking
    >>> r = np.array([[0.01, 0.02], [-0.02, 0.01], [0.03, -0.01]])
    >>> tracking(0.3 * r[:, 0] + 0.7 * r[:, 1], returns=r).x.round(6)
    array([0.3, 0.7])
    """
    refused = {"shrink": "is of a covariance, and tracking has none: use l2"}
    task = Task(None, None, returns, prices, estimate=False, refused=refused, **constraints)
    assert task.rows is not None
    if any(finding["kind"] == "put_in_order" for finding in task.findings):
        raise InputError(
            "prices must stand from the oldest to the newest, as index does: sort both by date first"
        )
    days, n = task.rows.shape
    goal = as_floats(_same_periods(index, returns), "index", 1)
    if len(goal) != days:
        raise InputError(f"index must have a return for each of the {days} periods; got {len(goal)}")
    root = 1 / np.sqrt(days)
    bend = Bend(np.full(n, float(task.settings["l2"])), root * task.rows)
    program = task.program(times=2.0, shift=-root * goal)
    program.bend = bend
    task.bend = Bend(np.zeros(n), root * (task.rows - task.rows.mean(axis=0)))
    found = task.solved(program, "least squares over the weights allowed: a convex quadratic program")
    off = task.rows @ found.x - goal
    found["tracking_error"] = float(np.sqrt(np.mean(off**2)))
    return found


def _same_periods(index: Any, returns: Any) -> Any:
    """A series in the order of the periods of the returns, where both have labels."""
    have, want = labels_of(index, "index"), labels_of(returns, "index")
    if have is None or want is None or have == want or np.ndim(index) != 1:
        return index
    where = positions(have)
    lacking = [period for period in want if period not in where]
    if lacking:
        raise InputError(f"index has no return for the period {lacking[0]}, which the returns have")
    return np.asarray(index)[[where[period] for period in want]]


def risk_parity(
    cov: Any = None, *, shares: Any = None, returns: Any = None, prices: Any = None, **settings: Any
) -> Portfolio:
    """The long-only portfolio in which each asset's share of the variance is what it should be; equal unless told.

    Parameters
    ----------
    cov, returns, prices
        As in `min_variance`.
    shares : array_like, mapping or series, optional
        What each asset's part of the variance is to be relative to the others; above 0.
    **settings
        ``shrink``, ``periods``, ``l2`` and ``tol``, as in `min_variance`; constraints are refused, since with them the
        problem is no longer convex.

    Returns
    -------
    Portfolio
        As in `min_variance`; `fun` is ½ x'Σx - Σ b ln x at x, the weights before they are made to sum to 1, and the
        certificate bounds it by the Newton decrement; `risk_shares` are the parts of the variance.

    Raises
    ------
    InputError
        If an argument cannot be used, or weights above 0 hedge each other to a variance of 0.

    Examples
    --------
    >>> from steepest.portfolio import risk_parity
    >>> risk_parity([[0.04, 0.0], [0.0, 0.01]]).x.round(6)
    array([0.333333, 0.666667])

    Notes
    -----
    Spinu 2013, <https://doi.org/10.2139/ssrn.2297383>.
    """
    refused = [name for name in settings if name not in SETTINGS]
    if refused:
        raise InputError(
            f"risk_parity takes no {refused[0]}: with constraints it is not convex; use min_variance with bounds"
        )
    from steepest.portfolio.parity import HEDGED, even_risks

    task = Task(None, cov, returns, prices, **settings)
    part = np.ones(len(task.limits.names)) if shares is None else by_asset(shares, task.where, "shares")
    if not (part > 0).all():
        raise InputError(f"shares must be above 0; got {part.min()}")
    found = even_risks(task.bend, part / part.sum(), task.settings)
    if found is None or not found[0]["success"]:
        w = task.program().solve()[0]["x"]
        if found is None or task.bend.variance(w) <= HEDGED * float(w @ np.sqrt(task.variances())) ** 2:
            most = [i for i in np.argsort(-w) if w[i] > 1e-3 * w.max()]
            held = ", ".join(f"{w[i]:.3g} of {task.limits.names[i]}" for i in most[:4])
            more = " and others" if len(most) > 4 else ""
            raise InputError(
                "risk_parity needs a covariance under which all portfolios of weights above 0 have a variance, for "
                f"each asset to have a part of; {held}{more} have none together, since they hedge each other: leave "
                "out one of them, or give l2"
            )
    values, risks = found
    values |= {"limit_prices": {}}
    return task.portfolio(values, "equal shares of the variance: a convex function", risk_shares=risks)
