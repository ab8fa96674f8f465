"""SciPy's names: what its methods and options are here, and its methods that are no descent, which it runs itself."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from copy import copy
from functools import cache
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.callbacks import after_each, is_named, stops
from steepest.errors import InputError
from steepest.objective import Function
from steepest.points import read_start
from steepest.result import Result
from steepest.trees import is_tree

__all__ = ["METHODS", "NO_EFFECT", "TOLERANCE", "hand_over", "is_scipys", "scipys_minimize", "told"]

#: SciPy's methods, and ours that do the same; None is whichever suits what is given.
METHODS = {
    "l-bfgs-b": "lbfgs",
    "bfgs": "bfgs",
    "cg": "nonlinear_cg",
    "tnc": "lbfgs",
    "newton-cg": "truncated_newton",
    "trust-ncg": "truncated_newton",
    "trust-krylov": "truncated_newton",
    "trust-exact": "newton",
    "dogleg": "newton",
    "slsqp": None,
    "trust-constr": None,
}

#: SciPy's numbers of how a run ended, by our names of it: what most of its methods say, and some say otherwise.
_STATUS = {"budget": 1, "not_finite": 3, "stopped": 99}
_OTHER_STATUS = {
    "trust-constr": {"budget": 0, "converged": 1, "precision_limit": 2, "stopped": 3},
    "slsqp": {"budget": 9, "infeasible": 4},
}

#: By how much SciPy's methods let constraints be missed that they call met.
_MET = float(np.sqrt(np.finfo(float).eps))
#: The number of COBYLA's budget, which it names by words of its own, or, where constraints are missed, by none.
_EVALUATED = 3

#: The tolerances of SciPy's methods, where they are tighter than ours.
TOLERANCE = {"trust-constr": 1e-8}

#: SciPy's methods that are no descent, as it writes them.
_ITS_OWN = {"nelder-mead": "Nelder-Mead", "powell": "Powell", "cobyla": "COBYLA", "cobyqa": "COBYQA"}

#: Those of them that take constraints.
_CONSTRAINED = ("COBYLA", "COBYQA")

_SEARCH = "the line search has its own"
_RADIUS = "how far a step may go is found out on the way"
_TOL = "use tol"
_BARRIER = "constraints are met by multipliers, without a barrier"
_UNITS = "variables are measured in units of their own"

#: SciPy's options that need no answer here, and why.
NO_EFFECT = {
    "maxls": "the line search takes as many trials as it needs",
    "workers": "fun is called on one thread",
    "iprint": "use disp to print",
    "mesg_num": "use disp to print",
    "norm": "the largest entry of the gradient decides",
    "c1": _SEARCH,
    "c2": _SEARCH,
    "stepmx": _SEARCH,
    "xrtol": _TOL,
    "xtol": _TOL,
    "barrier_tol": _TOL,
    "accuracy": "how exact differences are is found out on the way",
    "hess_inv0": "the first metric follows from the first step",
    "scale": _UNITS,
    "offset": _UNITS,
    "rescale": _UNITS,
    "maxCGit": "the method decides",
    "minfev": "a value below which to stop: let the callback raise StopIteration",
    "eta": _RADIUS,
    "initial_trust_radius": _RADIUS,
    "max_trust_radius": _RADIUS,
    "initial_tr_radius": _RADIUS,
    "subproblem_maxiter": "the method decides",
    "inexact": "the method decides",
    "initial_constr_penalty": "the penalty follows from how the constraints are missed",
    "initial_barrier_parameter": _BARRIER,
    "initial_barrier_tolerance": _BARRIER,
    "factorization_method": _BARRIER,
    "sparse_jacobian": "sparse Jacobians are taken as they are",
}


def told(method: str, values: Mapping[str, Any], function: Function | None) -> dict[str, Any]:
    """What a result says in SciPy's words beside ours, as its method of that name says it; 0 is a success."""
    name = method.lower()
    own, outcome = _OTHER_STATUS.get(name, {}), values["outcome"]
    found = {"status": own.get(outcome, 0 if values["success"] else _STATUS.get(outcome, 2))}
    if name not in _OTHER_STATUS:
        return found
    rest, held, at_bounds = _lagrangian(values, function)
    constraints = None if function is None else function.constraints
    parts = [] if constraints is None else constraints.split(held)
    if name == "slsqp":
        # Of minima SciPy's multipliers of inequalities are at least 0, and equations come first.
        equal = np.zeros(0, dtype=bool) if constraints is None else constraints.low == constraints.high
        return found | {"multipliers": -np.concatenate([held[equal], held[~equal]])}
    x = np.ravel(values["x"])
    values_of = [] if constraints is None else constraints.split(constraints.values(x))
    bounds = function is not None and function.bounds is not None
    return found | {
        "grad": values["jac"],
        "niter": values["nit"],
        "constr_violation": values["maxcv"],
        "optimality": float(np.max(np.abs(rest))),
        "lagrangian_grad": rest,
        "constr": [*values_of, *([x] if bounds else [])],
        "v": [*parts, *([at_bounds] if bounds else [])],
        "execution_time": values["seconds"],
    }


def _lagrangian(values: Mapping[str, Any], function: Function | None) -> tuple[Floats, Floats, Floats]:
    """The Lagrangian's gradient, at the multipliers that make it least in the sense of squares: a row of them for the
    constraints and one for the bounds."""
    x = np.ravel(values["x"])
    constraints = None if function is None else function.constraints
    gradients = np.empty((0, x.size)) if constraints is None else constraints.gradients(x)
    holding = np.zeros(0, dtype=bool) if constraints is None else constraints.holding(x)
    held, at_bounds = np.zeros(len(gradients)), np.zeros(x.size)
    if values["jac"] is None or function is None:
        return np.full(x.size, np.nan), held * np.nan, at_bounds * np.nan
    gradient = np.ravel(values["jac"])
    at = np.zeros(x.size, dtype=bool)
    if function.bounds is not None:
        at = (x <= function.bounds[0]) | (x >= function.bounds[1])
    normals = np.concatenate([gradients[holding], np.eye(x.size)[at]])
    if len(normals):
        each, *_ = np.linalg.lstsq(normals.T, -gradient, rcond=None)
        held[holding], at_bounds[at] = np.split(each, [int(holding.sum())])
        gradient = gradient + normals.T @ each
    return gradient, held, at_bounds


def is_scipys(method: Any) -> bool:
    """Whether SciPy runs it: a method of its own that is no descent, or a function in the place of one."""
    if isinstance(method, str):
        return method.lower().replace("_", "-") in _ITS_OWN
    return callable(method) and not isinstance(method, type)


@cache
def scipys_minimize() -> Callable[..., Any]:
    """`scipy.optimize.minimize` as it is when it is asked for first."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise InputError("this method is SciPy's own: install scipy, or leave method out") from None
    function: Callable[..., Any] = minimize
    return function


def hand_over(
    fun: Any,
    x0: Any,
    args: Any,
    method: Any,
    given: Mapping[str, Any],
    refused: Mapping[str, bool],
) -> Any:
    """A run of a method that is no descent, by SciPy.

    Parameters
    ----------
    fun, x0, args
        As `steepest.minimize` has them; x0 is an array of any shape.
    method : str or callable
        One of those of which `is_scipys` is true.
    given : mapping
        The other arguments that SciPy has too.
    refused : mapping
        Arguments that it has not, by name, and whether they were given.

    Returns
    -------
    Result
        What SciPy says, its claim of success included; there is no certificate. What a function returns comes back as
        it is.

    Raises
    ------
    InputError
        If an argument is asked for that SciPy does not know, or constraints of a method that has no use for them.
    """
    own = callable(method)
    name = getattr(method, "__name__", "a function") if own else _ITS_OWN[method.lower().replace("_", "-")]
    for argument, asked in refused.items():
        if asked:
            raise InputError(
                f"{name} is run by SciPy, which has no {argument}: leave it out, or leave method out"
            )
    if own:
        return scipys_minimize()(fun, x0, args, method=method, **given)
    constraints = given["constraints"]
    many = list(constraints) if isinstance(constraints, list | tuple) else [constraints]
    held = [one for one in many if one is not None]
    if held and name not in _CONSTRAINED:
        raise InputError(
            f"{name} takes no constraints beside bounds: use {' or '.join(_CONSTRAINED)}, which SciPy runs too, or "
            "leave method out (sqp, augmented_lagrangian)"
        )
    if is_tree(x0):
        raise InputError(
            f"{name} is run by SciPy, which wants x0 as one array; leave method out, or ravel it"
        )
    start = read_start(x0)
    flat = start.ndim == 1
    of_row = fun if flat else _of_row(fun, start.shape)
    if not flat:
        given = {**given, "constraints": [_held(one, start.shape) for one in held]}
    row = x0 if flat and np.ndim(x0) else start.ravel()  # in its own precision
    callback, watching = given["callback"], None
    if after_each(callback, lambda x: x) is not None:  # what is no function is refused as for our own methods
        watching = _Stopping(callback, start.shape)
        given = {**given, "callback": watching.of_result if is_named(callback) else watching.of_point}
    began = time.perf_counter()
    with warnings.catch_warnings():
        # The message of the result says it too.
        warnings.filterwarnings("ignore", message="Maximum number", category=RuntimeWarning)
        got = scipys_minimize()(of_row, row, args, method=name, **given)
    stopped = watching is not None and watching.stopped
    values = dict(got) | {
        "x": np.reshape(got.x, start.shape),
        "outcome": "stopped" if stopped else _outcome(got),
        # Of some methods SciPy calls it a success.
        "success": bool(got.success) and not stopped,
        "seconds": time.perf_counter() - began,
        "method": name,
        "reason": "asked for; it is no descent, and SciPy ran it",
    }
    return Result.of(values)


def _of_row(function: Callable[..., Any], shape: tuple[int, ...]) -> Callable[..., Any]:
    """A function of an array, of its entries in one row."""
    return lambda x, *more: function(x.reshape(shape), *more)


def _held(one: Any, shape: tuple[int, ...]) -> Any:
    """A constraint of an array as one of a row."""
    if isinstance(one, Mapping):
        return {key: _of_row(own, shape) if callable(own) else own for key, own in one.items()}
    if not hasattr(one, "fun"):
        return one  # LinearConstraint: of a row already
    held = copy(one)
    for key in ("fun", "jac", "hess"):
        if callable(own := getattr(one, key, None)):
            setattr(held, key, _of_row(own, shape))
    return held


class _Stopping:
    """A callback that stops SciPy's methods by returning True, as it stops ours, and remembers that it did."""

    def __init__(self, callback: Callable[..., Any], shape: tuple[int, ...]) -> None:
        self._callback, self._shape, self.stopped = callback, shape, False

    def of_result(self, intermediate_result: Any) -> None:
        """SciPy tells by the name of its parameter what a callback is given."""
        self._ask(lambda: self._callback(intermediate_result=intermediate_result))

    def of_point(self, xk: Any) -> None:
        """Most are given the point."""
        self._ask(lambda: self._callback(np.reshape(xk, self._shape)))

    def _ask(self, callback: Callable[[], Any]) -> None:
        try:
            self.stopped = stops(callback())
        except StopIteration:
            self.stopped = True
        if self.stopped:
            raise StopIteration


def _outcome(got: Any) -> str:
    """The name for how it ended, from what SciPy says."""
    message, missed = str(got.message), float(got.get("maxcv", 0.0) or 0.0)
    if got.success:
        return "converged"
    if "StopIteration" in message or got.status == 99:
        return "stopped"
    ran_out = "MAXFUN" in message or ("Did not converge" in message and got.status == _EVALUATED)
    if "aximum number" in message or ran_out:
        return "budget"
    return "infeasible" if missed > _MET else "plateau"
