"""A mean of many terms as a function to minimise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.errors import InputError

__all__ = ["Terms"]


class Terms:
    """A mean of many terms, as a function to minimise: rules may then look at some of them at each step.

        f(x) = (1/n) Σ_i f_i(x)

    Parameters
    ----------
    fun : callable
        ``fun(x, rows, *args)``: the mean of the terms that `rows`, an array of whole numbers from 0 to n - 1, names.
        With ``jac=True`` it returns (value, gradient); a `jac` of its own is ``jac(x, rows, *args)``.
    n : int
        How many terms there are.

    Raises
    ------
    InputError
        If `fun` is no function, or `n` no whole number of at least 1.

    Notes
    -----
    Methods that look at all terms at each step (the default) see a plain function. A rule with the option
    ``batch_size`` goes through the terms in batches, in a random order that ``seed`` decides, ``epochs`` times; an
    iteration is then an epoch, and the result's `passes` count what the batches read. The methods ``"svrg"``,
    ``"saga"``, ``"stochastic_lbfgs"`` and ``"subsampled_newton"`` are for such means: they find their step, and claim
    by the gradient of all terms.

    Robbins and Monro 1951, <https://doi.org/10.1214/aoms/1177729586>.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> t = np.linspace(-1, 1, 200)
    >>> y = 3 * t - 1
    >>> def fun(x, rows):
    ...     off = x[0] * t[rows] + x[1] - y[rows]
    ...     return 0.5 * (off @ off) / len(rows), np.array([off @ t[rows], off.sum()]) / len(rows)
    >>> line = steepest.Terms(fun, 200)
    >>> r = steepest.minimize(line, [0.0, 0.0], jac=True, method="sgd", options={"batch_size": 10})
    >>> r.x.round(2)
    array([ 3., -1.])
    """

    def __init__(self, fun: Callable[..., Any], n: int) -> None:
        if not callable(fun):
            raise InputError(f"fun must be a function of x and rows; got {type(fun).__name__}")
        whole = isinstance(n, int | np.integer) and not isinstance(n, bool)
        if not whole or not 1 <= n < 2**32:
            raise InputError(f"n, how many terms there are, must be a whole number of at least 1; got {n!r}")
        self.fun, self.n = fun, int(n)
        self._all = np.arange(self.n)
        self._all.flags.writeable = False

    def __call__(self, x: Any, *args: Any) -> Any:
        """What `fun` returns for all terms."""
        return self.fun(x, self._all, *args)

    def __repr__(self) -> str:
        return f"Terms({getattr(self.fun, '__name__', repr(self.fun))}, {self.n})"

    def jac(self, jac: Any) -> Any:
        """The gradient of all terms, where `jac` is one of some of them.

        Parameters
        ----------
        jac : callable or other
            ``jac(x, rows, *args)``; what is no function comes back as it is.

        Returns
        -------
        callable or other
            ``jac(x, *args)``.
        """
        return (lambda x, *args: jac(x, self._all, *args)) if callable(jac) else jac

    def batch(self, jac: Any) -> Callable[..., Any] | None:
        """``batch(x, rows, *args)``: value and gradient of some terms; none where there is no gradient.

        Parameters
        ----------
        jac : callable, "pair" or other
            ``jac(x, rows, *args)``; with "pair" `fun` returns both itself.

        Returns
        -------
        callable or None
            It returns the pair (value, gradient).
        """
        if jac == "pair":
            return self.fun
        if not callable(jac):
            return None
        return lambda x, rows, *args: (self.fun(x, rows, *args), jac(x, rows, *args))
