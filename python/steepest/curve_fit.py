"""`curve_fit`: a curve through data by least squares, with the covariance of its parameters."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest._catalog import number
from steepest._types import Floats
from steepest.checkpoint import digest
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.least_squares import least_squares, read_box
from steepest.points import read_start
from steepest.result import Result

__all__ = ["curve_fit"]


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-np.inf, np.inf),
    method: Any = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    **kwargs: Any,
) -> Any:
    """Fit a curve to data by least squares; SciPy's arguments with SciPy's meaning.

        min ½ Σ_i ((f(x_i, p) - y_i) / sigma_i)²

    Parameters
    ----------
    f : callable
        ``f(xdata, *p)``, the curve.
    xdata : array_like or object
        Where the data were taken; it is handed to `f` as it is.
    ydata : array_like
        The data.
    p0 : array_like, optional
        Where to begin; ones (or the middle of the bounds) unless given.
    sigma : array_like, optional
        The standard deviation of each datum, or their covariance as a matrix.
    absolute_sigma : bool
        Whether `sigma` is in the data's own units; otherwise only its proportions count, and the covariance is scaled
        by what is left of the sum of squares.
    check_finite : bool, optional
        Whether data that are not finite are an error (the default, unless `nan_policy` is given).
    bounds, method, jac
        As in `least_squares`; ``jac(xdata, *p)`` returns a row for each datum.
    full_output : bool
        Whether to return the result's details too.
    nan_policy : {"raise", "omit"}, optional
        What to do about NaN in the data.
    **kwargs
        Further arguments of `least_squares`, `checkpoint` among them. Of SciPy's own for ``method="lm"`` `maxfev` is
        `max_nfev`, `epsfcn` (how exact f is, relative) the square of `diff_step`, and with `col_deriv` `jac` returns a
        row for each parameter; `factor` and `diag` are needed for nothing (a finding says so).

    Returns
    -------
    popt : ndarray
        The parameters.
    pcov : ndarray
        Their covariance; infinite where the data do not determine it (a warning says so).
    infodict, mesg, ier
        With `full_output`: ``nfev``, ``fvec`` and the whole `result`; the message; 1.

    Raises
    ------
    RuntimeError
        If no fit is found, with what happened.
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> t = np.linspace(0, 4, 50)
    >>> y = 2.5 * np.exp(-1.3 * t) + 0.5 + 0.1 * np.cos(7 * t)
    >>> popt, pcov = steepest.curve_fit(lambda t, a, b, c: a * np.exp(-b * t) + c, t, y)
    >>> popt.round(2), np.sqrt(np.diag(pcov)).round(2)
    (array([2.54, 1.35, 0.51]), array([0.04, 0.05, 0.02]))
    """
    start, box = _start_of_curve(f, p0, bounds)
    y, x = np.asarray(ydata, dtype=np.float64), xdata
    if isinstance(x, list | tuple):
        x = np.asarray(x, dtype=np.float64)
    if y.size == 0:
        raise InputError("ydata must have at least one entry; got an empty array")
    keep = _whole(x, y, check_finite, nan_policy)
    if keep is not None:
        x, y = np.asarray(x)[..., keep], y[keep]
    weigh = _weights(sigma, y, keep)
    if "args" in kwargs:
        raise InputError("args is not for curve_fit: what else f needs, take from around it (a lambda)")
    columns, idle, budget = _of_leastsq(kwargs, start.size)
    by_p: Any = jac
    if callable(jac):
        by_p = lambda p: weigh(_by_rows(jac(x, *p), columns))  # noqa: E731

    def residuals(p: Any) -> Any:
        return weigh(np.ravel(_fitting(f(x, *p), y) - y))  # complex where steps are

    if kwargs.get("checkpoint") is not None:
        # By which a file of other data is refused.
        residuals.__qualname__ = f"{digest(f)} at {digest([x, y, sigma])}"
    result = least_squares(
        residuals,
        start,
        by_p,
        (-np.inf, np.inf) if box is None else box,
        method,
        **kwargs,
    )
    result.findings += idle
    if not result.success:
        raise RuntimeError(f"Optimal parameters not found: {result.message.replace('max_nfev', budget)}")
    pcov = _covariance(result, result.fun.size, absolute_sigma, callable(jac))
    if not full_output:
        return result.x, pcov
    infodict = {"nfev": result.nfev, "fvec": result.fun, "result": result}
    return result.x, pcov, infodict, result.message, 1


def _of_leastsq(kwargs: dict[str, Any], n: int) -> tuple[bool, list[Finding], str]:
    """SciPy's arguments for its "lm", taken out of the others or put in their words: whether the Jacobian has a row for
    each parameter, what has no effect, and what the budget was called."""
    budget = "max_nfev" if "max_nfev" in kwargs else "maxfev"
    if "maxfev" in kwargs:
        kwargs["max_nfev"] = kwargs.pop("maxfev")
    # Its 0 is no limit of the caller's.
    if budget == "maxfev" and kwargs.get("max_nfev") == 0:
        del kwargs["max_nfev"]
    error = kwargs.pop("epsfcn", None)
    if error is not None:
        if not 0 <= (error := number("epsfcn", error)) < np.inf:
            raise InputError(f"epsfcn must be at least 0 and finite; got {error}")
        if kwargs.get("diff_step") is None:
            kwargs["diff_step"] = float(np.sqrt(max(error, np.finfo(float).eps)))
    factor, diag = kwargs.pop("factor", None), kwargs.pop("diag", None)
    if factor is not None and not 0 < number("factor", factor) < np.inf:
        raise InputError(f"factor must be above 0 and finite; got {factor!r}")
    if diag is not None:
        diag = np.ravel(np.asarray(diag, dtype=np.float64))
        if diag.size != n or not ((diag > 0) & np.isfinite(diag)).all():
            raise InputError(f"diag must be above 0 for each of the {n} parameters; got {diag}")
    idle = [
        Finding.of(
            {
                "kind": "option_without_effect",
                "severity": "note",
                "sentence": f"{name} has no effect here: {why}.",
                "remedy": "Leave it out.",
            }
        )
        for name, value, why in (
            ("factor", factor, "how far a step may go is found out on the way"),
            ("diag", diag, "variables are scaled by the columns of the Jacobian"),
        )
        if value is not None
    ]
    return bool(kwargs.pop("col_deriv", False)), idle, budget


def _by_rows(jacobian: Any, columns: bool) -> Floats:
    """A row for each datum."""
    rows = np.asarray(jacobian, dtype=np.float64)
    return rows.T if columns else rows


def _fitting(values: Any, y: Floats) -> Any:
    """What f returned, a number for each datum or one for all: other shapes would be spread over more than the data."""
    got = np.asarray(values)
    numbers = got.dtype.kind in "biufc"
    try:
        fits = numbers and np.broadcast(got, y).size == y.size
    except ValueError:
        fits = False
    if not fits:
        what = f"the shape {got.shape}" if numbers else repr(values)[:60]
        raise InputError(f"f must return a number for each of ydata, in its shape {y.shape}; got {what}")
    return got


def _start_of_curve(f: Any, p0: Any, bounds: Any) -> tuple[Floats, tuple[Floats, Floats] | None]:
    """Where to begin: as given, or ones, or the middle of the bounds."""
    if not callable(f):
        raise InputError(f"f must be a function of xdata and parameters; got {type(f).__name__}")
    if p0 is not None:
        start = np.atleast_1d(read_start(p0, "p0")).ravel()
        return start, read_box(bounds, start.size)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = list(inspect.signature(f).parameters.values())
    n = sum(p.kind in kinds for p in given) - 1
    if n < 1 or any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in given):
        raise InputError("how many parameters f takes is not to be seen from it: pass p0")
    box = read_box(bounds, n)
    if box is None:
        return np.ones(n), None
    low, high = box
    with np.errstate(invalid="ignore"):
        middle = np.where(np.isfinite(low) & np.isfinite(high), 0.5 * (low + high), 1.0)
    return np.clip(np.where(np.isfinite(low) & ~np.isfinite(high), low + 1, np.where(
        np.isfinite(high) & ~np.isfinite(low), high - 1, middle)), low, high), box  # fmt: skip


def _whole(x: Any, y: Floats, check_finite: bool | None, nan_policy: str | None) -> Any:
    """Which data to keep: None for all."""
    if nan_policy not in (None, "raise", "omit"):
        raise InputError(f"nan_policy must be 'raise', 'omit' or None; got {nan_policy!r}")
    numbers = isinstance(x, np.ndarray) and x.dtype.kind == "f"
    if nan_policy == "omit":
        missing = np.isnan(y)
        if numbers:
            missing = missing | np.isnan(x).any(axis=tuple(range(x.ndim - 1)))
        return ~missing
    if check_finite is None:
        check_finite = True
    for name, data in (("ydata", y), *((("xdata", x),) if numbers else ())):
        bad = np.flatnonzero(~np.isfinite(data)) if check_finite else np.array([])
        if bad.size:
            raise InputError(
                f"{name} must be finite; got {np.ravel(data)[bad[0]]} at entry {bad[0]}: "
                "drop it, or pass nan_policy='omit'"
            )
    return None


def _weights(sigma: Any, y: Floats, keep: Any) -> Callable[[Floats], Floats]:
    """What residuals, and rows of the Jacobian, are multiplied by."""
    if sigma is None:
        return lambda rows: rows
    s = np.asarray(sigma, dtype=np.float64)
    if s.size == 1:
        s = np.full(y.size if keep is None else keep.size, float(s.ravel()[0]))
    if keep is not None:
        s = s[keep] if s.ndim == 1 else s[np.ix_(keep, keep)]
    if s.shape == (y.size,):
        if not (s > 0).all():
            raise InputError(f"sigma must be above 0; got {s.min()} at entry {int(np.argmin(s))}")
        return lambda rows: (rows.T / s).T
    if s.shape != (y.size, y.size):
        raise InputError(
            f"sigma must have {y.size} entries, or be a matrix of {(y.size, y.size)}; got {s.shape}"
        )
    try:
        lower = np.linalg.cholesky(s)
    except np.linalg.LinAlgError:
        raise InputError("sigma, a covariance, must be positive definite") from None
    return lambda rows: np.linalg.solve(lower, rows)


#: What differences are wrong by, beside the lengths of the columns.
_ROUGH = 1e-7


def _covariance(result: Result, data: int, absolute: bool, given: bool) -> Floats:
    """(JᵀJ)⁻¹, by singular values; scaled by what is left where sigma has no units."""
    rows: Floats = result.jac
    n = rows.shape[1]
    lengths = np.linalg.norm(rows, axis=0)
    infinite = np.full((n, n), np.inf)
    determined = (lengths > 0).all() and np.isfinite(rows).all()
    if determined:
        _, s, v = np.linalg.svd(rows / lengths, full_matrices=False)
        least = np.finfo(float).eps * max(rows.shape) if given else _ROUGH
        determined = s.size == n and bool(s[-1] > least * s[0])
    if determined and not absolute and data <= n:
        determined = False
    if not determined:
        warnings.warn(
            "the data do not determine the covariance of the parameters", _not_determined(), stacklevel=3
        )
        return infinite
    half = (v.T / s) / lengths[:, None]
    covariance: Floats = half @ half.T
    return covariance if absolute else np.asarray(covariance * (2 * result.cost / (data - n)))


def _not_determined() -> type[Warning]:
    """SciPy's warning, where SciPy is there."""
    try:
        from scipy.optimize import OptimizeWarning
    except ImportError:
        return UserWarning
    return OptimizeWarning
