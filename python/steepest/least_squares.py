"""Least squares: `least_squares` for residuals, `curve_fit` for a curve through data; SciPy's arguments and results."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import _core
from steepest.callbacks import after_each, ten_times_a_second
from steepest.errors import InputError, did_you_mean
from steepest.objective import read_bounds, read_start
from steepest.options import Asked
from steepest.result import Result

__all__ = ["LOSSES", "curve_fit", "least_squares"]

Floats = NDArray[np.float64]
Loss = Callable[[Floats], Any]


def _stacked(*rows: Floats) -> Floats:
    return np.stack(rows)


def _huber(z: Floats) -> Floats:
    far = z > 1
    root = np.sqrt(np.where(far, z, 1.0))
    return _stacked(
        np.where(far, 2 * root - 1, z), np.where(far, 1 / root, 1.0), np.where(far, -0.5 / root**3, 0.0)
    )


def _soft_l1(z: Floats) -> Floats:
    root = np.sqrt(1 + z)
    return _stacked(2 * (root - 1), 1 / root, -0.5 / root**3)


def _cauchy(z: Floats) -> Floats:
    return _stacked(np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2)


def _arctan(z: Floats) -> Floats:
    below = 1 + z**2
    return _stacked(np.arctan(z), 1 / below, -2 * z / below**2)


#: SciPy's losses by name: rho(z), rho'(z), rho''(z) of z = (r / f_scale)². ``linear`` is the square itself.
LOSSES: dict[str, Loss | None] = {
    "linear": None,
    "huber": _huber,
    "soft_l1": _soft_l1,
    "cauchy": _cauchy,
    "arctan": _arctan,
}

#: SciPy's names of methods; one method here does what they do.
_SCIPYS = ("trf", "dogbox", "lm")


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: Any = None,
    ftol: float | None = None,
    xtol: float | None = None,
    gtol: float | None = None,
    x_scale: Any = None,
    loss: str | Loss = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: Any = None,
    tr_options: Any = None,
    jac_sparsity: Any = None,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    workers: Any = None,
    *,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    path: bool = False,
    watch: Callable[[Any], Any] | None = None,
) -> Result:
    """Minimise a sum of squared residuals, with nothing to tune; SciPy's arguments with SciPy's meaning.

        min F(x) = ½ Σ_i C² rho((r_i(x) / C)²)   subject to   low <= x <= high

    Parameters
    ----------
    fun : callable
        ``fun(x, *args, **kwargs)``, the residuals r: an array of any number of entries.
    x0 : array_like
        Where to begin, of any shape.
    jac : callable or {"2-point", "3-point", "cs"}, optional
        ``jac(x, *args, **kwargs)``, the derivatives of the residuals, a row for each: an array, a sparse matrix or a
        LinearOperator. Otherwise they are found by differences: to one side, and to both before it is said that nothing
        is lower; "2-point" keeps to one side, "3-point" to both; "cs" takes complex steps.
    bounds : pair of array_like, or `scipy.optimize.Bounds`
        (low, high), each one number or one for each variable.
    method : str or None
        None, or SciPy's "trf", "dogbox" or "lm", is the Levenberg-Marquardt method within bounds; any other method of
        `steepest.methods` that takes values and gradients sees F alone.
    ftol, gtol : float, optional
        Claim convergence where F can fall by no more than this part of it, or where no entry of its gradient is larger.
        Unless given: where F can fall by no more than a thousand-millionth of `tol`.
    xtol, x_scale, tr_solver, tr_options, jac_sparsity
        Understood, and needed for nothing here (a finding says so): variables are scaled by the columns of the Jacobian.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan"} or callable
        rho: the square itself, or one by which outliers pull less. A function returns rho(z), rho'(z) and rho''(z).
    f_scale : float
        C: residuals well below it count by their squares.
    diff_step : array_like, optional
        Steps of differences, relative to the entries of x.
    max_nfev : int, optional
        Evaluations of `fun` at most, those for differences included.
    verbose : {0, 1, 2}
        2 prints a line for each iteration, 1 the result.
    args, kwargs : tuple, dict
        What else the functions are given.
    callback : callable, optional
        As in `steepest.minimize`.
    workers : callable, optional
        A `map` by which the evaluations of differences are made.
    tol : float, optional
        How near to the least F, relative to it; 1e-6 unless given.
    options : dict, optional
        ``maxiter``, ``max_seconds`` and the method's own settings (`steepest.methods.LevenbergMarquardt`).
    path, watch
        As in `steepest.minimize`.

    Returns
    -------
    Result
        SciPy's fields `x`, `cost` (F), `fun` (the residuals), `jac`, `grad`, `optimality`, `active_mask`, `nfev`, `njev`,
        `status`, `message`, `success`, and those of every `Result`.

    Raises
    ------
    InputError
        If an argument cannot be used. Exceptions of the callables come out as themselves.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> t = np.linspace(0, 4, 20)
    >>> y = 3 * np.exp(-0.7 * t)
    >>> r = steepest.least_squares(lambda b: b[0] * np.exp(-b[1] * t) - y, [1.0, 1.0])
    >>> r.success, r.x.round(6)
    (True, array([3. , 0.7]))

    One point is far off; a robust loss hardly minds:

    >>> y[5] += 30
    >>> r = steepest.least_squares(lambda b: b[0] * np.exp(-b[1] * t) - y, [1.0, 1.0], loss="cauchy", f_scale=0.1)
    >>> r.x.round(2)
    array([3. , 0.7])

    Notes
    -----
    Moré 1978, *The Levenberg-Marquardt algorithm: implementation and theory*; Triggs et al. 2000; Transtrum and
    Sethna 2012, <https://arxiv.org/abs/1201.5885>.
    """
    start = read_start(x0)
    box = _box(bounds, start.size)
    if box is not None and np.any((start.ravel() < box[0]) | (start.ravel() > box[1])):
        j = int(np.flatnonzero((start.ravel() < box[0]) | (start.ravel() > box[1]))[0])
        raise InputError(
            f"x0 must lie within the bounds; got {start.flat[j]} at entry {j}, bounds {box[0][j]} to {box[1][j]}"
        )
    if not callable(fun):
        raise InputError(f"fun must be a function of x that returns residuals; got {type(fun).__name__}")
    args = args if isinstance(args, tuple) else (args,)
    fit = _Fit(
        lambda x: fun(x.reshape(start.shape), *args, **(kwargs or {})),
        (lambda x: jac(x.reshape(start.shape), *args, **(kwargs or {}))) if callable(jac) else jac,
        start.ravel(),
        box,
        _read_loss(loss, f_scale),
        diff_step,
        workers,
    )
    asked = Asked.of(*_method(method), tol, _options(options, ftol, gtol, max_nfev))
    request = asked.request()
    for name in ("before", "schedule", "step"):
        request.pop(name)
    shaped: Callable[[Floats], Any] = lambda x: x.reshape(start.shape)  # noqa: E731
    values = _core.least_squares(
        request
        | {
            "fit": fit,
            "x0": start.ravel().tolist(),
            "count": fit.count,
            "differences": fit.differences,
            "weighed": fit.loss is not None,
            "bounds": None if box is None else (box[0].tolist(), box[1].tolist()),
            "path": bool(path),
        },
        after_each(callback, shaped, verbose > 1),
        ten_times_a_second(watch),
    )
    values |= asked.told(values)
    idle = {
        "xtol": xtol,
        "x_scale": x_scale,
        "tr_solver": tr_solver,
        "tr_options": tr_options or None,
        "jac_sparsity": jac_sparsity,
    }
    values["findings"] += [_idle(name) for name, value in idle.items() if value is not None]
    result = _result(values, fit, box, shaped)
    if verbose:
        print(result)
    return result


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
        Further arguments of `least_squares`; SciPy's `maxfev` is understood.

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
    if y.size < start.size and method == "lm":
        raise InputError(f"method='lm' needs at least as many data as parameters; got {y.size} and {start.size}")
    if "maxfev" in kwargs:
        kwargs["max_nfev"] = kwargs.pop("maxfev")
    by_p: Any = jac
    if callable(jac):
        by_p = lambda p: weigh(np.asarray(jac(x, *p), dtype=np.float64))  # noqa: E731
    result = least_squares(
        lambda p: weigh(np.ravel(np.asarray(f(x, *p), dtype=np.float64) - y)),
        start,
        by_p,
        (-np.inf, np.inf) if box is None else box,
        method,
        **kwargs,
    )
    if not result.success:
        raise RuntimeError(f"Optimal parameters not found: {result.message}")
    pcov = _covariance(result, y.size, absolute_sigma)
    if not full_output:
        return result.x, pcov
    told = {"nfev": result.nfev, "fvec": result.fun, "result": result}
    return result.x, pcov, told, result.message, 1


class _Fit:
    """The residuals as the core asks for them: numbers in one row, derivatives from wherever they come."""

    def __init__(
        self,
        fun: Callable[[Floats], Any],
        jac: Any,
        x0: Floats,
        box: tuple[Floats, Floats] | None,
        loss: tuple[Loss, float] | None,
        diff_step: Any,
        workers: Any,
    ) -> None:
        if not (jac is None or callable(jac) or jac in ("2-point", "3-point", "cs")):
            raise InputError(f"jac must be a function or one of 2-point, 3-point, cs; got {jac!r}")
        self._fun, self._jac, self._box, self.loss = fun, jac, box, loss
        self._map = workers if callable(workers) else map
        self._step = _read_step(diff_step, x0.size)
        self._both = jac == "3-point"
        #: The size of each variable, by which differences are taken: near 0 it is what it was.
        self._size = np.where(x0 != 0, np.abs(x0), 1.0)
        first = _row(fun(x0.copy()), "fun must return residuals: an array of real numbers")
        if first.size == 0:
            raise InputError("fun must return at least one residual; got an empty array")
        self.count = first.size
        self.differences = 0 if callable(jac) else x0.size
        self.at, self.last = x0.copy(), first
        self.jacobian_at: Floats | None = None
        self.rows: Any = None
        self._fresh = True

    def residuals(self, x: Floats) -> Floats:
        """r(x)."""
        if self._fresh and np.array_equal(x, self.at):
            # The core asks for the start first, which was evaluated to learn how many residuals there are.
            self._fresh = False
            return self.last
        self.at, self.last = x.copy(), self._asked(x.copy())
        return self.last

    def _asked(self, x: Floats) -> Floats:
        row = _row(self._fun(x), "fun must return residuals: an array of real numbers")
        if row.size != self.count:
            raise InputError(f"fun returned {self.count} residuals at x0, and {row.size} now")
        return row

    def jacobian(self, x: Floats) -> tuple[Floats, int]:
        """The derivatives at x, and how many evaluations they took."""
        self._size = np.maximum(np.abs(x), 0.1 * self._size)
        if callable(self._jac):
            rows, spent = self._given(x), 0
        elif self._jac == "cs":
            rows, spent = self._complex(x), x.size
        else:
            rows, spent = self._differenced(x)
        self.jacobian_at, self.rows = x.copy(), rows
        return rows, spent

    def _given(self, x: Floats) -> Floats:
        got = self._jac(x.copy())
        if hasattr(got, "toarray"):
            got = got.toarray()
        elif hasattr(got, "matmat"):
            got = got.matmat(np.eye(x.size))
        rows = np.asarray(got)
        if np.iscomplexobj(rows) or rows.size != self.count * x.size:
            raise InputError(
                f"jac must return real numbers of the shape {(self.count, x.size)}; got the shape {rows.shape}"
            )
        return np.ascontiguousarray(rows.reshape(self.count, x.size), dtype=np.float64)

    def _complex(self, x: Floats) -> Floats:
        rows = np.empty((self.count, x.size))
        for j in range(x.size):
            z = x.astype(np.complex128)
            h = 1e-20 * self._size[j]
            z[j] += 1j * h
            rows[:, j] = np.ravel(np.imag(self._fun(z))) / h
        return rows

    def _differenced(self, x: Floats) -> tuple[Floats, int]:
        here = self.last if np.array_equal(x, self.at) else self._asked(x.copy())
        eps = np.finfo(float).eps
        relative = self._step if self._step is not None else np.full(x.size, eps ** (1 / 3 if self._both else 1 / 2))
        steps = relative * self._size
        low, high = self._box or (np.full(x.size, -np.inf), np.full(x.size, np.inf))
        # To the side where there is room, and to both only where there is room on both.
        up, down = high - x, x - low
        steps = np.where(up < steps, -np.minimum(steps, down), steps)
        both = self._both & (up >= np.abs(steps)) & (down >= np.abs(steps))
        points = []
        for j in range(x.size):
            for sign in (1.0, -1.0)[: 1 + int(both[j])]:
                point = x.copy()
                point[j] += sign * steps[j]
                points.append(point)
        values = iter(list(self._map(self._asked, [p.copy() for p in points])))
        rows, taken = np.empty((self.count, x.size)), iter(points)
        for j in range(x.size):
            there = next(taken)[j]
            ahead = next(values)
            back, behind = (x[j], here) if not both[j] else (next(taken)[j], next(values))
            rows[:, j] = (ahead - behind) / (there - back) if there != back else 0.0
        return rows, len(points)

    def price(self, r: Floats) -> tuple[float, Floats, Floats]:
        """½ C² Σ rho((r/C)²), and its first and second derivative by each residual."""
        assert self.loss is not None
        rho, scale = self.loss
        z = (r / scale) ** 2
        value, slope, bend = (np.asarray(part, dtype=np.float64) for part in rho(z))
        return 0.5 * scale**2 * float(value.sum()), slope * r, slope + 2 * bend * z

    def sharpen(self) -> bool:
        """Whether differences are to both sides from here on, where they were to one."""
        could = self._jac is None and not self._both
        self._both |= could
        return could


def _result(
    values: dict[str, Any], fit: _Fit, box: tuple[Floats, Floats] | None, shaped: Callable[[Floats], Any]
) -> Result:
    """SciPy's fields beside those of every result."""
    x = values["x"]
    residuals = fit.last if np.array_equal(fit.at, x) else fit.residuals(x)
    rows = fit.rows if fit.jacobian_at is not None and np.array_equal(fit.jacobian_at, x) else fit.jacobian(x)[0]
    slope = residuals if fit.loss is None else fit.price(residuals)[1]
    gradient = rows.T @ slope
    mask = np.zeros(x.size, dtype=int)
    free = np.ones(x.size, dtype=bool)
    if box is not None:
        mask = np.where(x <= box[0], -1, np.where(x >= box[1], 1, 0))
        free = ~(((mask < 0) & (gradient > 0)) | ((mask > 0) & (gradient < 0)))
    values |= {
        "x": shaped(x),
        "cost": float(values["fun"]),
        "fun": residuals,
        "jac": rows,
        "grad": gradient,
        "optimality": float(np.max(np.abs(gradient[free]), initial=0.0)),
        "active_mask": mask,
    }
    return Result.of(values)


def _row(got: Any, must: str) -> Floats:
    try:
        if np.iscomplexobj(got) or np.ma.is_masked(got):
            raise TypeError
        return np.array(np.ravel(got), dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{must}; got {got!r}"[:200]) from None


def _box(bounds: Any, n: int) -> tuple[Floats, Floats] | None:
    """SciPy's pair (low, high), or its `Bounds`."""
    if bounds is None:
        return None
    if hasattr(bounds, "lb"):
        return read_bounds(bounds, n)
    try:
        low, high = bounds
        pairs = zip(np.broadcast_to(np.ravel(low), n), np.broadcast_to(np.ravel(high), n), strict=True)
        box = read_bounds(list(pairs), n)
    except InputError:
        raise
    except (TypeError, ValueError):
        raise InputError(
            f"bounds must be (low, high), each one number or one for each of the {n} variables; got {bounds!r}"
        ) from None
    if box is None or not (np.isfinite(box[0]).any() or np.isfinite(box[1]).any()):
        return None
    return box


def _read_loss(loss: Any, f_scale: Any) -> tuple[Loss, float] | None:
    if not (isinstance(f_scale, int | float | np.floating | np.integer) and 0 < f_scale < np.inf):
        raise InputError(f"f_scale must be above 0 and finite; got {f_scale!r}")
    if callable(loss):
        return loss, float(f_scale)
    if loss not in LOSSES:
        raise InputError(f"no loss is called {loss!r}{did_you_mean(str(loss), LOSSES)}")
    rho = LOSSES[loss]
    return None if rho is None else (rho, float(f_scale))


def _read_step(diff_step: Any, n: int) -> Floats | None:
    if diff_step is None:
        return None
    try:
        steps = np.array(np.broadcast_to(np.ravel(np.asarray(diff_step, dtype=np.float64)), n))
    except (TypeError, ValueError):
        raise InputError(f"diff_step must be one number, or one for each of the {n} variables; got {diff_step!r}") from None
    if not (np.isfinite(steps).all() and (steps != 0).all()):
        raise InputError(f"diff_step must be finite and not 0; got {diff_step!r}")
    return np.abs(steps)


def _method(method: Any) -> tuple[Any]:
    if isinstance(method, str) and method in _SCIPYS:
        method = None
    return ("levenberg_marquardt" if method is None else method,)


def _options(
    options: Mapping[str, Any] | None, ftol: float | None, gtol: float | None, max_nfev: int | None
) -> dict[str, Any]:
    if not isinstance(options, Mapping | None):
        raise InputError(f"options must be a dict of options by name; got {options!r}")
    given = {"ftol": ftol, "gtol": gtol, "maxfev": max_nfev}
    return dict(options or {}) | {name: value for name, value in given.items() if value is not None}


def _idle(name: str) -> dict[str, Any]:
    return {
        "kind": "option_without_effect",
        "severity": "note",
        "sentence": f"{name} has no effect here: variables are scaled by the columns of the Jacobian.",
        "remedy": "Leave it out.",
    }


def _start_of_curve(f: Any, p0: Any, bounds: Any) -> tuple[Floats, tuple[Floats, Floats] | None]:
    """Where to begin: as told, or ones, or the middle of the bounds."""
    import inspect

    if not callable(f):
        raise InputError(f"f must be a function of xdata and parameters; got {type(f).__name__}")
    if p0 is not None:
        start = np.atleast_1d(read_start(p0, "p0")).ravel()
        return start, _box(bounds, start.size)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = list(inspect.signature(f).parameters.values())
    n = sum(p.kind in kinds for p in given) - 1
    if n < 1 or any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in given):
        raise InputError("how many parameters f takes is not to be seen from it: pass p0")
    box = _box(bounds, n)
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
                f"{name} must be finite; got {np.ravel(data)[bad[0]]} at entry {bad[0]}: drop it, or pass nan_policy='omit'"
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
        raise InputError(f"sigma must have {y.size} entries, or be a matrix of {(y.size, y.size)}; got {s.shape}")
    try:
        lower = np.linalg.cholesky(s)
    except np.linalg.LinAlgError:
        raise InputError("sigma, a covariance, must be positive definite") from None
    return lambda rows: np.linalg.solve(lower, rows)


def _covariance(result: Result, data: int, absolute: bool) -> Floats:
    """(JᵀJ)⁻¹, by singular values; scaled by what is left where sigma has no units."""
    rows = result.jac
    n = rows.shape[1]
    lengths = np.linalg.norm(rows, axis=0)
    infinite = np.full((n, n), np.inf)
    determined = (lengths > 0).all() and np.isfinite(rows).all()
    if determined:
        _, s, v = np.linalg.svd(rows / lengths, full_matrices=False)
        determined = s.size == n and bool(s[-1] > np.finfo(float).eps * max(rows.shape) * s[0])
    if determined and not absolute and data <= n:
        determined = False
    if not determined:
        warnings.warn("the data do not determine the covariance of the parameters", _not_determined(), stacklevel=3)
        return infinite
    half = (v.T / s) / lengths[:, None]
    covariance = half @ half.T
    return covariance if absolute else covariance * (2 * result.cost / (data - n))


def _not_determined() -> type[Warning]:
    """SciPy's warning, where SciPy is there."""
    try:
        from scipy.optimize import OptimizeWarning
    except ImportError:
        return UserWarning
    return OptimizeWarning  # type: ignore[no-any-return]
