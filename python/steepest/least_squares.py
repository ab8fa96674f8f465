"""`least_squares`: a sum of squared residuals, minimised; SciPy's arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pool
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import _core
from steepest.callbacks import after_each, ten_times_a_second
from steepest.errors import InputError, did_you_mean
from steepest.objective import read_bounds, read_start
from steepest.options import Asked
from steepest.result import Result

__all__ = ["LOSSES", "least_squares", "read_box"]

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
        None, or SciPy's "trf", "dogbox" or "lm", is the Levenberg-Marquardt method within bounds, for any numbers of
        residuals and variables; any other method of `steepest.methods` that takes values and gradients sees F alone.
    ftol, gtol : float, optional
        Claim convergence where F can fall by no more than this part of it, or where no entry of its gradient is larger.
        Unless given: where F can fall by no more than a thousand-millionth of `tol`.
    xtol, x_scale, tr_solver, tr_options, jac_sparsity
        Understood, and needed for nothing (a finding says so): variables are scaled by the columns of the Jacobian.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan"} or callable
        rho: the square itself, or one by which outliers pull less. A function returns rho(z), rho'(z) and rho''(z).
    f_scale : float
        C: residuals well below it count by their squares.
    diff_step : array_like, optional
        Steps of differences, relative to the entries of x.
    max_nfev : int, optional
        Evaluations of `fun` at most, beside those for differences (as in SciPy; there are one or two for each variable
        and each Jacobian).
    verbose : {0, 1, 2}
        2 prints a line for each iteration, 1 the result.
    args, kwargs : tuple, dict
        What else the functions are given.
    callback : callable, optional
        As in `steepest.minimize`.
    workers : int or callable, optional
        How many processes share the evaluations of differences (-1: one for each core), or a `map` that makes them.
    tol : float, optional
        How near to the least F, relative to it; 1e-6 unless given.
    options : dict, optional
        ``maxiter``, ``max_seconds`` and the method's own settings (`steepest.methods.LevenbergMarquardt`).
    path, watch
        As in `steepest.minimize`.

    Returns
    -------
    Result
        SciPy's fields `x`, `cost` (F), `fun` (the residuals), `jac` (weighed by the loss), `grad`, `optimality`,
        `active_mask`, `nfev`, `njev`, `message`, `success` and `status` (1 or 2: success, 0: a budget, -2: the
        callback, -1: anything else, which `outcome` names), and those of every `Result`.

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
    box = read_box(bounds, start.size)
    if box is not None and np.any((start.ravel() < box[0]) | (start.ravel() > box[1])):
        j = int(np.flatnonzero((start.ravel() < box[0]) | (start.ravel() > box[1]))[0])
        raise InputError(
            f"x0 must lie within the bounds; got {start.flat[j]} at entry {j}, bounds {box[0][j]} to {box[1][j]}"
        )
    if not callable(fun):
        raise InputError(f"fun must be a function of x that returns residuals; got {type(fun).__name__}")
    args = args if isinstance(args, tuple) else (args,)
    given = dict(kwargs or {})
    fit = _Fit(
        _Called(fun, start.shape, args, given),
        _Called(jac, start.shape, args, given) if callable(jac) else jac,
        start.ravel(),
        box,
        _read_loss(loss, f_scale),
        diff_step,
    )
    _check_unneeded(x_scale, tr_solver, start.size)
    asked = Asked.of(*_method(method), tol, _options(options, ftol, gtol, max_nfev))
    request = asked.request()
    for name in ("before", "schedule", "step"):
        request.pop(name)
    shaped: Callable[[Floats], Any] = lambda x: x.reshape(start.shape)  # noqa: E731
    request |= {
        "fit": fit,
        "x0": start.ravel().tolist(),
        "count": fit.count,
        "differences": fit.differences,
        "weighed": fit.loss is not None,
        "bounds": None if box is None else (box[0].tolist(), box[1].tolist()),
        "path": bool(path),
    }
    with fit.by(workers):
        told = after_each(callback, shaped, verbose > 1), ten_times_a_second(watch)
        values = _core.minimize_residuals(request, *told)
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


@dataclass(frozen=True)
class _Called:
    """``fun(x, *args, **kwargs)`` for an x in one row; a class, so that processes can be handed it."""

    fun: Callable[..., Any]
    shape: tuple[int, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __call__(self, x: Floats) -> Any:
        return self.fun(x.reshape(self.shape), *self.args, **self.kwargs)


class _Fit:
    """The residuals as the core asks for them: numbers in one row, derivatives from wherever they come."""

    def __init__(
        self,
        fun: Callable[[Any], Any],
        jac: Any,
        x0: Floats,
        box: tuple[Floats, Floats] | None,
        loss: tuple[Loss, float] | None,
        diff_step: Any,
    ) -> None:
        if not (jac is None or callable(jac) or jac in ("2-point", "3-point", "cs")):
            raise InputError(f"jac must be a function or one of 2-point, 3-point, cs; got {jac!r}")
        self._fun, self._jac, self._box, self.loss = fun, jac, box, loss
        self._map: Callable[..., Any] = map
        self._step = _read_step(diff_step, x0.size)
        self._both = jac == "3-point"
        #: The size of each variable, by which differences are taken: near 0 it is what it was.
        self._size = np.where(x0 != 0, np.abs(x0), 1.0)
        first = _row(fun(x0.copy()))
        if first.size == 0:
            raise InputError("fun must return at least one residual; got an empty array")
        self.count = first.size
        self.differences = 0 if callable(jac) else x0.size
        self._at, self._last, self._fresh = x0.copy(), first, True
        #: Where the Jacobian was asked for last, with the residuals there.
        self.stood: tuple[Floats, Floats, Any] | None = None

    @contextmanager
    def by(self, workers: Any) -> Iterator[None]:
        """Evaluations of differences made by so many processes, or by a map."""
        if workers is None or workers == 1:
            yield
        elif callable(workers):
            self._map = workers
            yield
        elif isinstance(workers, int | np.integer) and (workers == -1 or workers > 1):
            with Pool(None if workers == -1 else int(workers)) as pool:
                self._map = pool.map
                yield
        else:
            raise InputError(f"workers must be a whole number of at least 1, -1, or a map; got {workers!r}")

    def residuals(self, x: Floats) -> Floats:
        """r(x)."""
        if not (self._fresh and np.array_equal(x, self._at)):
            self._at, self._last = x.copy(), self._read(self._fun(x.copy()))
        # The core asks for the start first, which was evaluated to learn how many residuals there are.
        self._fresh = False
        return self._last

    def _read(self, got: Any) -> Floats:
        row = _row(got)
        if row.size != self.count:
            raise InputError(f"fun returned {self.count} residuals at x0, and {row.size} now")
        return row

    def jacobian(self, x: Floats) -> tuple[Floats, int]:
        """The derivatives at x, and how many evaluations count for them: none, as in SciPy."""
        self._size = np.maximum(np.abs(x), 0.1 * self._size)
        kept: Any = None
        if callable(self._jac):
            kept = self._jac(x.copy())
            rows = self._given(kept, x.size)
        elif self._jac == "cs":
            rows = self._complex(x)
        else:
            rows = self._differenced(x)
        here = self._last if np.array_equal(self._at, x) else self.residuals(x)
        self.stood = x.copy(), here, kept if hasattr(kept, "toarray") or hasattr(kept, "matmat") else rows
        return rows, 0

    def _given(self, got: Any, n: int) -> Floats:
        if hasattr(got, "toarray"):
            got = got.toarray()
        elif hasattr(got, "matmat"):
            got = got.matmat(np.eye(n))
        rows, m = np.asarray(got), self.count
        shapes = [
            (m, n),
            *([(n,)] if m == 1 else []),
            *([(m,)] if n == 1 else []),
            *([()] if m == n == 1 else []),
        ]
        if np.iscomplexobj(rows) or rows.shape not in shapes:
            raise InputError(
                f"jac must return real numbers of the shape {(m, n)}; got the shape {rows.shape}"
            )
        return np.ascontiguousarray(rows.reshape(m, n), dtype=np.float64)

    def _complex(self, x: Floats) -> Floats:
        rows = np.empty((self.count, x.size))
        for j in range(x.size):
            z = x.astype(np.complex128)
            h = 1e-20 * self._size[j]
            z[j] += 1j * h
            rows[:, j] = np.ravel(np.imag(self._fun(z))) / h
        return rows

    def _differenced(self, x: Floats) -> Floats:
        here = self._last if np.array_equal(x, self._at) else self.residuals(x)
        eps = np.finfo(float).eps
        relative = (
            self._step if self._step is not None else np.full(x.size, eps ** (1 / 3 if self._both else 1 / 2))
        )
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
        values = map(self._read, self._map(self._fun, [p.copy() for p in points]))
        rows, taken = np.empty((self.count, x.size)), iter(points)
        for j in range(x.size):
            there = next(taken)[j]
            ahead = next(values)
            back, behind = (x[j], here) if not both[j] else (next(taken)[j], next(values))
            rows[:, j] = (ahead - behind) / (there - back) if there != back else 0.0
        return rows

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
    if fit.stood is None or not np.array_equal(fit.stood[0], x):
        fit.residuals(x)
        fit.jacobian(x)
    assert fit.stood is not None
    _, residuals, rows = fit.stood
    gradient = rows.T @ residuals if hasattr(rows, "T") else rows.rmatvec(residuals)
    if fit.loss is not None:
        _, slope, bend = fit.price(residuals)
        rows = fit._given(rows, x.size)
        gradient = rows.T @ slope
        rows = rows * np.sqrt(np.maximum(bend, np.finfo(float).eps))[:, None]
    mask, far = np.zeros(x.size, dtype=int), np.ones(x.size)
    if box is not None:
        mask = np.where(x <= box[0], -1, np.where(x >= box[1], 1, 0))
        far = np.where(gradient > 0, x - box[0], box[1] - x)
        far = np.where((gradient != 0) & np.isfinite(far), far, 1.0)
    outcome = values["outcome"]
    by_slope = (values["certificate"] or {}).get("kind") == "stationary"
    status = {"budget": 0, "stopped": -2}.get(outcome, (1 if by_slope else 2) if values["success"] else -1)
    values |= {
        "x": shaped(x),
        "cost": float(values["fun"]),
        "fun": residuals,
        "jac": rows,
        "grad": gradient,
        "optimality": float(np.max(np.abs(gradient * far), initial=0.0)),
        "active_mask": mask,
        "status": status,
    }
    return Result.of(values)


def _row(got: Any) -> Floats:
    """Residuals in one row; a matrix of them is nearly always a mistake of broadcasting."""
    try:
        if np.iscomplexobj(got) or np.ma.is_masked(got):
            raise TypeError
        row = np.array(got, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"fun must return residuals, real numbers in a row; got {got!r}"[:200]) from None
    if row.ndim > 1:
        raise InputError(
            f"fun must return residuals in one row; got the shape {row.shape}: check broadcasting, or ravel"
        )
    return row.reshape(-1)


def _check_unneeded(x_scale: Any, tr_solver: Any, n: int) -> None:
    if tr_solver not in (None, "exact", "lsmr"):
        raise InputError(f"tr_solver must be 'exact', 'lsmr' or None; got {tr_solver!r}")
    if x_scale is None or (isinstance(x_scale, str) and x_scale == "jac"):
        return
    try:
        scale = np.asarray(x_scale, dtype=np.float64)
        right = scale.size in (1, n) and bool((scale > 0).all()) and bool(np.isfinite(scale).all())
    except (TypeError, ValueError):
        right = False
    if not right:
        raise InputError(f"x_scale must be 'jac', or above 0 for each of the {n} variables; got {x_scale!r}")


def read_box(bounds: Any, n: int) -> tuple[Floats, Floats] | None:
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
        raise InputError(
            f"diff_step must be one number, or one for each of the {n} variables; got {diff_step!r}"
        ) from None
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
