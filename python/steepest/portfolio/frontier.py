"""The efficient frontier: portfolios from the least variance to the highest return."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.errors import InputError
from steepest.portfolio.program import Portfolio
from steepest.portfolio.sharpe import best_return
from steepest.portfolio.task import Task

__all__ = ["Frontier", "frontier"]


class Frontier(list[Portfolio]):
    """The efficient portfolios, from the least variance to the highest return: a list that draws itself.

    Parameters
    ----------
    portfolios : list of Portfolio
        In the order of their returns.
    assets : tuple
        The names of the assets, their expected returns and their volatilities.

    Examples
    --------
    >>> from steepest.portfolio import frontier
    >>> f = frontier([0.10, 0.05], [[0.04, 0.0], [0.0, 0.01]], points=3)
    >>> len(f), f[0].success
    (3, True)
    """

    def __init__(self, portfolios: list[Portfolio], assets: tuple[list[Any], Floats, Floats]) -> None:
        super().__init__(portfolios)
        self._assets = assets

    def plot(self, *, file: Any = None) -> Any:
        """Draw the frontier with the assets, and the weights along it; needs matplotlib.

        Parameters
        ----------
        file : path, optional
            Where to save the picture, in the format that its ending names; it is then not shown.

        Returns
        -------
        ndarray of matplotlib Axes
            The frontier, and the weights.

        Examples
        --------
        >>> from steepest.portfolio import frontier
        >>> axes = frontier([0.10, 0.05], [[0.04, 0.0], [0.0, 0.01]], points=5).plot(file="/tmp/frontier.png")
        """
        from steepest.portfolio.pictures import draw_frontier

        return draw_frontier(self, self._assets, file=file)


def frontier(
    mu: Any = None,
    cov: Any = None,
    *,
    points: int = 20,
    returns: Any = None,
    prices: Any = None,
    **constraints: Any,
) -> Frontier:
    """The efficient frontier: portfolios of least variance for returns from that of the least variance to the highest.

    Parameters
    ----------
    mu, cov, returns, prices
        As in `min_variance`; the means of `returns` where `mu` is not given.
    points : int
        How many, evenly spaced in the expected return; each begins where the one before ended.
    **constraints
        As in `min_variance`, but for ``at_most``.

    Returns
    -------
    Frontier
        A list of `Portfolio`; `plot` draws it.

    Raises
    ------
    InputError
        If an argument cannot be used, or expected returns have no upper end.

    Examples
    --------
    >>> from steepest.portfolio import frontier
    >>> f = frontier([0.10, 0.05], [[0.04, 0.0], [0.0, 0.01]], points=3)
    >>> [round(p.expected_return, 6) for p in f]
    [0.06, 0.08, 0.1]
    """
    if not (isinstance(points, int) and points >= 2):
        raise InputError(f"points must be 2 at least; got {points!r}")
    task = Task(mu, cov, returns, prices, **constraints)
    if task.at_most is not None:
        raise InputError("at_most is not for a frontier: pass it to min_variance with a target_return")
    mean = task.returns_needed()
    values, warm = task.program(times=2.0).solve()
    first = task.portfolio(values, "least variance: a convex quadratic program")
    assets = (list(task.names or []), mean, np.sqrt(task.variances()))
    if not first.success:
        return Frontier([first], assets)
    top, _ = best_return(task, mean)
    if not np.isfinite(top):
        raise InputError(
            "expected returns have no upper end under these constraints: give bounds, or limit gross"
        )
    found = [first]
    task.limits.add("target_return", mean, first.expected_return, np.inf)
    task.findings = []
    warm = None
    for target in np.linspace(first.expected_return, top, points)[1:]:
        # The last one lies at the very end of what is allowed: as much less as rounding is.
        task.limits.least[-1] = float(target) - task.limits.shift[-1] - 1e-12 * abs(top)
        values, warm = task.program(times=2.0).solve(warm)
        found.append(task.portfolio(values, "least variance for its return: a convex quadratic program"))
    return Frontier(found, assets)
