"""Standard test functions: callable, with gradient, Hessian, usual start, least value and formula.

>>> from steepest import problems
>>> problems.rosenbrock([1.0, 1.0])
0.0
>>> problems.names()[:3]
['sphere', 'quadratic', 'rosenbrock']
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError, did_you_mean

__all__ = ["Problem", "get", "names"]


class Problem:
    """A test function of as many variables as x has.

    Parameters
    ----------
    name : str
        One of `names`.
    n : int, optional
        Variables of its start; its usual number unless given.
    **settings : float
        Settings that it has, as `condition` of the quadratic.

    Attributes
    ----------
    formula, doc : str
        What it is, and what it tests.
    x0 : ndarray
        The usual start.
    minimum : float or None
        The least value; None where there is none.
    minima : list of ndarray
        Where it is reached.
    bounds : list of pairs
        The region that pictures show. They are no constraints.

    Examples
    --------
    >>> from steepest.problems import Problem
    >>> bowl = Problem("quadratic", 3, condition=1e4)
    >>> bowl(bowl.x0), bowl.grad(bowl.x0)
    (5050.5, array([1.e+00, 1.e+02, 1.e+04]))
    """

    def __init__(self, name: str, n: int | None = None, **settings: float) -> None:
        self._core = _core.TestFunction(name, list(settings.items()))
        told = self._core.told()
        self.name: str = told["name"]
        self.formula: str = told["formula"]
        self.doc: str = told["doc"]
        self.settings: dict[str, float] = told["settings"]
        self.n: int = told["dim"] if n is None else int(n)
        self._region: tuple[float, float] = told["region"]
        if n is not None:
            self._core.least(self.n)

    def __call__(self, x: Any) -> float:
        """The value at x."""
        return float(self._core.value(x))

    def grad(self, x: Any) -> Floats:
        """The gradient at x, in the shape of x.

        Parameters
        ----------
        x : array_like
            The point.

        Returns
        -------
        ndarray
            As x is.
        """
        return self._core.gradient(x).reshape(np.shape(x))

    def hess(self, x: Any) -> Floats:
        """The Hessian at x, over the flat variables.

        Parameters
        ----------
        x : array_like
            The point.

        Returns
        -------
        ndarray
            n by n.
        """
        return self._core.hessian(x)

    @property
    def x0(self) -> Floats:
        """The usual start."""
        return self._core.start(self.n)

    @property
    def minimum(self) -> float | None:
        """The least value; None where there is none."""
        return self._core.least(self.n)

    @property
    def minima(self) -> list[Floats]:
        """Where the least value is reached."""
        return list(self._core.minima(self.n))

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The region that pictures show."""
        return [self._region] * self.n

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restored, (self.name, self.n, self.settings))

    def __repr__(self) -> str:
        settings = "".join(f", {k}={v:g}" for k, v in self.settings.items())
        return f"<{self.name}{settings}: {self.formula}>"


def _restored(name: str, n: int, settings: dict[str, float]) -> Problem:
    return Problem(name, n, **settings)


def names() -> list[str]:
    """The names of all test functions.

    Returns
    -------
    list of str
        In the order of the registry.

    Examples
    --------
    >>> from steepest import problems
    >>> "himmelblau" in problems.names()
    True
    """
    return list(_core.problem_names())


def get(name: str, n: int | None = None, **settings: float) -> Problem:
    """The test function of that name, of n variables, with settings by name.

    Parameters
    ----------
    name : str
        One of `names`.
    n : int, optional
        Variables of its start; its usual number unless given.
    **settings : float
        Settings that it has.

    Returns
    -------
    Problem
        The function, which can be called.

    Raises
    ------
    InputError
        If there is none of that name, or it has no such form or setting.

    Examples
    --------
    >>> from steepest import problems
    >>> problems.get("quadratic", 5, condition=1e4).x0
    array([1., 1., 1., 1., 1.])
    """
    if name not in names():
        raise InputError(f"no problem is called {name!r}{did_you_mean(name, names()) or _available()}")
    return Problem(name, n, **settings)


def _available() -> str:
    return f"; available: {', '.join(names())}"


def __getattr__(name: str) -> Problem:
    if name.startswith("_") or name not in names():
        raise AttributeError(f"no problem is called {name!r}{did_you_mean(name, names())}")
    problem = Problem(name)
    globals()[name] = problem
    return problem


def __dir__() -> list[str]:
    return sorted([*__all__, *names()])
