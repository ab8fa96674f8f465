"""`least_squares`: a sum of squared residuals, minimised; SciPy's arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from steepest import _core
from steepest._types import Floats
from steepest.callbacks import after_each, ten_times_a_second
from steepest.checkpoint import Checkpoint, digest
from steepest.errors import InputError, did_you_mean
from steepest.objective import Function
from steepest.options import LOOP, Asked
from steepest.points import read_bounds, read_start
from steepest.residuals import LOSSES, Fit, Loss
from steepest.result import Result, is_multiplied
from steepest.workers import Called, check_workers

__all__ = ["least_squares", "read_box"]


_PRODUCTS = (
    "the Jacobian is sparse or an operator, and variables are many: products with it, no factors of it"
)

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
    checkpoint: Any = None,
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
        residuals and variables, by dense factors; where `jac` returns a sparse matrix or a LinearOperator of more than
        500 variables it is "truncated_newton", by products with it. Any other method of `steepest.methods` that takes
        values and gradients sees F alone.
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
    path, watch, checkpoint
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
        as_pairs = (
            "" if hasattr(bounds, "lb") else " (bounds are all lower ones, then all upper ones: no pairs)"
        )
        raise InputError(
            f"x0 must lie within the bounds; got {start.flat[j]} at entry {j}, "
            f"bounds {box[0][j]} to {box[1][j]}{as_pairs}"
        )
    if not callable(fun):
        raise InputError(f"fun must be a function of x that returns residuals; got {type(fun).__name__}")
    args = args if isinstance(args, tuple) else (args,)
    given = dict(kwargs or {})
    fit = Fit(
        Called(fun, start.shape, args, given),
        Called(jac, start.shape, args, given) if callable(jac) else jac,
        start.ravel(),
        box,
        _read_loss(loss, f_scale),
        diff_step,
    )
    _check_unneeded(x_scale, tr_solver, start.size)
    about = {
        "fun": digest(fun),
        "x0": digest(start),
        "args": digest((args, given)),
        "jac": "callable" if callable(jac) else repr(jac),
        "bounds": digest(box),
        "loss": digest(loss),
        "f_scale": repr(float(f_scale)),
        "diff_step": digest(diff_step),
        "path": repr(bool(path)),
    }
    given_options = _options(options, ftol, gtol, max_nfev)
    asked = Asked.of(_method(method), tol, given_options)
    if asked.workers is not None:
        raise InputError("workers is an argument of its own here: leave it out of the options")
    shaped: Callable[[Floats], Any] = lambda x: x.reshape(start.shape)  # noqa: E731
    told = after_each(callback, shaped, verbose > 1), ten_times_a_second(watch)
    check_workers(workers)
    # The first call of jac, once all else is known to be as it must.
    by_products = _left_to_us(method, given_options) and fit.by_products()
    if by_products:
        asked = Asked.of("truncated_newton", tol, given_options)
    kept = None if checkpoint is None else Checkpoint(checkpoint, about | asked.description())
    loop = {"path": bool(path), "checkpoint": None if kept is None else kept.request()}
    if by_products:
        sum_of = Function(fit.value, start.ravel(), jac=fit.gradient, hessp=fit.product, bounds=box)
        with fit.by(workers):
            values = _core.minimize(sum_of.request() | asked.request() | loop, *told)
        values |= asked.told(values) | {"reason": _PRODUCTS}
    else:
        request = asked.request() | loop
        for name in ("before", "schedule", "step"):
            request.pop(name)
        request |= {
            "fit": fit,
            "x0": start.ravel().tolist(),
            "count": fit.count,
            "differences": fit.differences,
            "weighed": fit.loss is not None,
            "bounds": None if box is None else (box[0].tolist(), box[1].tolist()),
        }
        with fit.by(workers):
            values = _core.minimize_residuals(request, *told)
            values |= asked.told(values)
    if "max_evaluations" not in (options or {}):
        # What it is called here.
        values["message"] = values["message"].replace("max_evaluations", "max_nfev")
    values["findings"] += [] if kept is None else kept.findings()
    idle = {
        "xtol": xtol,
        "x_scale": x_scale,
        "tr_solver": tr_solver,
        "tr_options": tr_options or None,
        "jac_sparsity": jac_sparsity,
    }
    values["findings"] += [_idle(name) for name, value in idle.items() if value is not None]
    result = _result(values, fit, box, shaped, by_products)
    if verbose:
        print(result)
    return result


def _result(
    values: dict[str, Any],
    fit: Fit,
    box: tuple[Floats, Floats] | None,
    shaped: Callable[[Floats], Any],
    by_products: bool,
) -> Result:
    """SciPy's fields beside those of every result."""
    x = np.asarray(values["x"])
    if by_products:
        fit.stand(x)
    elif fit.stood is None or not np.array_equal(fit.stood[0], x):
        fit.residuals(x)
        fit.jacobian(x)
    assert fit.stood is not None
    rows: Any
    _, residuals, rows = fit.stood
    gradient = rows.T @ residuals if hasattr(rows, "T") else rows.rmatvec(residuals)
    if fit.loss is not None:
        _, slope, bend = fit.price(residuals)
        rows = rows if by_products else fit.dense(rows, x.size)
        gradient = rows.T @ slope
        rows = _weighed(rows, np.sqrt(np.maximum(bend, np.finfo(float).eps)))
    mask, far = np.zeros(x.size, dtype=int), np.ones(x.size)
    if box is not None:
        mask = np.where(x <= box[0], -1, np.where(x >= box[1], 1, 0))
        far = np.where(gradient > 0, x - box[0], box[1] - x)
        far = np.where((gradient != 0) & np.isfinite(far), far, 1.0)
    outcome = values["outcome"]
    by_slope = (values["certificate"] or {}).get("kind") in ("stationary", "criterion")
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


def _weighed(rows: Any, weights: Floats) -> Any:
    """Each row times its weight; what is sparse stays so, and an operator is one."""
    if hasattr(rows, "multiply"):
        return rows.multiply(weights[:, None]).tocsr()
    if is_multiplied(rows):
        from scipy.sparse import diags_array
        from scipy.sparse.linalg import aslinearoperator

        return aslinearoperator(diags_array(weights)) @ aslinearoperator(rows)
    return rows * weights[:, None]


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
        many = len(bounds) if hasattr(bounds, "__len__") else 0
        if many == n != 2 and all(np.size(pair) == 2 for pair in bounds):
            raise InputError(
                "bounds must be all lower and all upper ones, (low, high), as SciPy's least_squares has them; got a "
                f"pair for each of the {n} variables: pass tuple(zip(*bounds)), or scipy.optimize.Bounds(low, high)"
            )
        low, high = bounds
        if any(np.ndim(b) and np.size(b) != n for b in (low, high)):
            raise ValueError
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


def _method(method: Any) -> Any:
    return "levenberg_marquardt" if method is None or method in _SCIPYS else method


def _left_to_us(method: Any, options: Mapping[str, Any]) -> bool:
    """Whether the method is left to us, and no setting of one is asked for."""
    settings = set(options) - {*LOOP, "ftol", "gtol"}
    return not settings and _method(method) == "levenberg_marquardt" and method != "levenberg_marquardt"


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
