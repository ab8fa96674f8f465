"""`minimize`: a function of an array, minimised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from steepest import _core, problems
from steepest.callbacks import after_each, ten_times_a_second
from steepest.checkpoint import Checkpoint, digest
from steepest.errors import InputError
from steepest.objective import Function
from steepest.options import Asked
from steepest.result import Result
from steepest.scipys import hand_over, is_scipys
from steepest.starts import several
from steepest.workers import mapped

__all__ = ["minimize", "named", "of_x"]


def minimize(
    fun: Callable[..., Any] | str,
    x0: Any = None,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    penalty: Any = None,
    path: bool = False,
    starts: Any = None,
    escape: int | None = None,
    watch: Callable[[Any], Any] | None = None,
    seed: int = 0,
    checkpoint: Any = None,
) -> Result:
    """Minimise a function of an array, with nothing to tune; SciPy's arguments with SciPy's meaning.

        min f(x) + penalty(x)   subject to   low <= x <= high

    Parameters
    ----------
    fun : callable, Terms or str
        ``fun(x, *args) -> float``; with ``jac=True`` it returns (value, gradient). A mean of many terms that rules
        may see in batches is a `Terms`. A text names one of `steepest.problems`.
    x0 : array_like, or a dict, dataclass, list or tuple of arrays
        Where to begin, of any shape; the result has that shape (a number: the shape (1,), as in SciPy). With
        parts, nested as you like, `fun` is given those parts, and the gradient and the result have them too.
        May be left out for a problem with a usual start.
    args : tuple
        What else the functions are given.
    method : str, dataclass, list, dict or None
        A name from `steepest.methods` or `steepest.rules`, or an instance with settings; a list of rules is a
        chain, of which the last takes the step and the others turn the gradient before; for an x0 with names a dict
        of rules or chains by name, one for every part. None takes the method
        that promises the least work; the result says which and why. All of SciPy's names are understood: its
        descents are done by the method here that does the same, "SLSQP" and "trust-constr" by what suits; those
        that are no descent (Nelder-Mead, Powell, COBYLA, COBYQA), and a function as SciPy has them for methods,
        SciPy runs itself.
    jac : callable, bool or {"2-point", "3-point", "cs", "parameter-shift"}
        The gradient ``jac(x, *args)``; True where `fun` returns it along. Otherwise it is found from values
        nearby, at steps that the noise of `fun` and the bend along each variable ask for: to one side, near
        the end to both. "2-point" keeps to one side, "3-point" to both; "cs" takes complex steps.
    hess, hessp : callable or None
        The Hessian ``hess(x, *args)`` or its products ``hessp(x, p, *args)``.
    bounds : sequence of pairs, `scipy.optimize.Bounds` or None
        (low, high) for each entry of x; None for none. For an x0 with names: a dict of such pairs by name.
    constraints : SciPy's constraint, or a sequence of them
        `scipy.optimize.LinearConstraint` and `NonlinearConstraint`, or dicts ``{"type": "eq" or "ineq", "fun": c,
        "jac": J}`` (c(x) = 0, c(x) >= 0). Without a Jacobian it is found by differences. "sqp" (up to 500 variables and
        constraints) and "augmented_lagrangian" take them, and of SciPy's methods that are no descent COBYLA and COBYQA;
        the others refuse them. The result's `maxcv` says by how much they are missed.
    tol : float or None
        How near to the least value, relative to it; 1e-6 unless given. For a function of which nothing is
        known this cannot be proved: decrease and gradient are held to small fractions of it.
    callback : callable or None
        Called after each iteration with a copy of x, with the keyword ``intermediate_result``, or with both
        where it takes no less. It stops the descent by raising `StopIteration` (as in SciPy), or by returning True
        itself.
    options : dict or None
        SciPy's ``maxiter``, ``maxfun`` (or ``maxfev``), ``gtol``, ``ftol`` (within constraints the tolerance),
        ``maxcor``, ``disp``, ``return_all`` (the result has `allvecs`); others of SciPy's that mean nothing here
        are findings; for differences ``eps`` (the step) or ``finite_diff_rel_step`` (relative to the entry of x,
        or to 1 where that is less), one or one for each variable, and ``workers``, by which their values are found at
        the same time: so many processes (-1: one a core), or a map as SciPy takes it; ``max_seconds``; and the settings
        of the method by their names. Under a rule ``rate`` may be a schedule from `steepest.rates`, by which the rate
        that it finds is multiplied; a function that is given the steps taken and returns the rate; or a list of
        (schedule, steps).
        With a number as the rate, what multiplies it goes as ``schedule``. For an x0 with names both may be dicts by
        name, of numbers and of schedules (None: it stays as it is). Parts whose rules differ, and that have no rate,
        keep the ratio of those rules' usual rates.
        Where none of ``maxiter``, ``maxfun`` and ``max_seconds`` is given, it gives up after 100 000 iterations, or
        100 000 evaluations of ``fun`` (2000 for each variable, if that is more), and says so.
    penalty : penalty, (penalty, alpha) or (penalty, alpha, groups), optional
        One of `steepest.penalties`, an instance or its name: what is added to `fun` (``"l1"``), or a set that x stays
        in (``"simplex"``). `alpha` multiplies it: a number (1 unless given), or one for each variable, where 0 leaves a
        variable free, and for ``"half_space"`` and ``"hyperplane"`` the normal; of other sets it tells nothing beside
        that 0 (how large they are is a setting: ``penalties.L2Ball(radius=3)``); `groups` labels the variables of
        ``"group_lasso"``, and of what is over a whole vector (``"simplex"``, say), which is then over each group alone.
        Linear equations A x = b are ``("affine", A, b)``: rows that depend on others are found, and named where
        they contradict them.
        Variables that are fixed are bounds (v, v). For an x0 with names a dict of these by name;
        what it does not name has none. Of a matrix x0 or part ``"nuclear_norm"`` sees the matrix. `fun` of the result
        has the penalty in it.
    path : bool
        Whether to keep the points gone through.
    starts : int or array_like, optional
        Several starting points: as many, drawn around x0 (within the bounds where there are some), or an
        array of them, one a row. The best result is returned, and `spread` tells how they differ: how many ``minima``
        the successes ended in (ends that a straight way joins on which `fun` never rises are one), and the
        ``chance_of_another``, that one more start would end in one not seen yet (the share of those ends that were
        met once; NaN unless two starts or more succeeded). Several minima are a finding. A callback that stops a
        run ends them all.
    escape : int, optional
        Rounds of basin hopping, with any method: so many times the lowest point so far is perturbed (each entry by up
        to half of its size, which is at least 1, or of half its room between bounds; further where that led back,
        less where it led higher), and gone on from. They count among the ``starts`` of `spread`, and not for the
        chance of another, which is that of independent starts.
    watch : callable or None
        Called at most ten times a second with the progress.
    seed : int
        For the starting points and the perturbations drawn.
    checkpoint : path or (path, seconds), optional
        A file that the run is kept in: written every so many seconds (30 unless said) and where the run ends before
        it is done (a budget, a callback, Ctrl-C, an error of `fun`). The same call again goes on from there, to the
        same bits as if it had never stopped; only the budgets may be other ones, and they count the whole run. It is
        deleted once the run has come to its end. A file of another run is refused, and so is one where `fun` has
        another value at the point saved; what else `fun` remembers between its calls is not in it.

    Returns
    -------
    Result
        A dict as SciPy's is, with attribute access; every field always there. What a function in the place of a method
        returns (an `OptimizeResult`, in SciPy's words) comes back as it is.

    Raises
    ------
    InputError
        If an argument cannot be used. Exceptions of the callables come out as themselves.
    ModelFileError
        If the checkpoint was cut off or altered.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> r = steepest.minimize(lambda x: ((x - 3) ** 2).sum(), np.zeros((2, 2)), jac=lambda x: 2 * (x - 3))
    >>> r.success, r.x.shape
    (True, (2, 2))

    Variables with names, and a matrix among them:

    >>> fun = lambda x: ((x["W"] - 1) ** 2).sum() + (x["b"] - 2) ** 2
    >>> r = steepest.minimize(fun, {"W": np.zeros((2, 3)), "b": 0.0}, bounds={"b": (None, 1.5)})
    >>> r.x["W"].shape, float(r.x["b"])
    ((2, 3), 1.5)

    Within a constraint:

    >>> plane = {"type": "eq", "fun": lambda x: x.sum() - 1}
    >>> r = steepest.minimize(lambda x: (x**2).sum(), np.zeros(4), constraints=plane)
    >>> r.x.round(6), r.maxcv < 1e-6
    (array([0.25, 0.25, 0.25, 0.25]), True)

    With absolute values added, most entries are exactly 0; on the simplex they are shares:

    >>> target = np.array([3.0, 0.2, -0.1, 1.0])
    >>> fun = lambda x: 0.5 * ((x - target) ** 2).sum()
    >>> jac = lambda x: x - target
    >>> steepest.minimize(fun, np.zeros(4), jac=jac, penalty=("l1", 0.5)).x.round(6)
    array([2.5, 0. , 0. , 0.5])
    >>> steepest.minimize(fun, np.full(4, 0.25), jac=jac, penalty="simplex").x.round(6)
    array([1., 0., 0., 0.])

    A chain of rules, whose rate falls over the run:

    >>> from steepest import rates, rules
    >>> chain = [rules.ClipNorm(1.0), rules.Adam()]
    >>> r = steepest.minimize("rosenbrock", method=chain, options={"rate": rates.Cosine(), "maxiter": 2000})
    >>> r.method, r.fun < 1e-4
    ('clip_norm → adam', True)

    A rule of its own for each part (what a rule adds up over all variables, it adds up over its own):

    >>> each = {"W": rules.Muon(), "b": "adam"}
    >>> fun = lambda x: ((x["W"] - 1) ** 2).sum() + (x["b"] - 2) ** 2
    >>> r = steepest.minimize(fun, {"W": np.zeros((2, 3)), "b": 0.0}, method=each)
    >>> r.method, r.success
    ("muon, adam on ['b']", True)

    Out of one minimum and into lower ones:

    >>> waves = lambda x: (x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum()
    >>> r = steepest.minimize(waves, [3.2, -2.1], escape=30)
    >>> round(abs(r.fun), 6), r.spread["starts"], r.spread["minima"] > 1
    (0.0, 31, True)

    Stopped by a budget, and gone on with from a file:

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "run.checkpoint"
    >>> kept = lambda n: steepest.minimize("rosenbrock", method="adam", options={"maxiter": n}, checkpoint=file)
    >>> kept(100).nit, kept(300).nit, kept(300).resumed
    (100, 300, 300)

    Notes
    -----
    Nocedal and Wright, *Numerical Optimization*, 2nd edition, 2006. Wales and Doye 1997,
    <https://doi.org/10.1021/jp970984n> (basin hopping); Good 1953, <https://doi.org/10.1093/biomet/40.3-4.237>.
    """
    fun, x0 = named(fun, x0)
    many = starts is not None or escape is not None
    if checkpoint is not None and many:
        raise InputError(
            "checkpoint keeps one run: leave starts and escape out, or give each start a call and a file of its own"
        )
    if is_scipys(method):
        given = {"jac": jac, "hess": hess, "hessp": hessp, "bounds": bounds, "constraints": constraints}
        given |= {"tol": tol, "callback": callback, "options": options}
        ours = {
            "penalty": penalty is not None,
            "path": path,
            "starts": many,
            "watch": watch is not None,
        }
        run: Result = hand_over(fun, x0, args, method, given, ours | {"checkpoint": checkpoint is not None})
        return run
    function = Function.of(fun, x0, args, jac, hess, hessp, bounds, constraints, penalty)
    asked = Asked.of(method, tol, options, function.constraints is not None, function.tree)
    asked.check(function.terms, function.bounds is not None)
    if not isinstance(path, bool | np.bool_ | int):
        raise InputError(f"path must be True or False; got {path!r}")
    path = bool(path) or asked.path
    if many:
        return several(function, starts, escape, seed, lambda f: _run(f, asked, callback, watch, path))
    kept = None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, description(fun, function, asked) | {"path": repr(path)})
    return _run(function, asked, callback, watch, path, kept)


def description(fun: Any, function: Function, asked: Asked) -> dict[str, str]:
    """What a run is, in short texts: what a checkpoint must be of."""
    of = getattr(fun, "fun", fun) if function.terms else fun
    held = function.constraints
    return {
        "fun": getattr(fun, "name", "") or digest(of),
        "x0": digest(function.start),
        "parts": "none" if function.tree is None else digest(function.tree.shapes),
        "args": digest(function.args),
        "jac": function.jac if isinstance(function.jac, str) else "callable",
        "hess": ", ".join(name for name in ("hess", "hessp") if getattr(function, name) is not None)
        or "none",
        "bounds": digest(function.bounds),
        "penalty": "none" if function.penalty is None else digest(function.penalty),
        "constraints": "none" if held is None else digest((held.low, held.high)),
        "terms": str(function.terms),
        **asked.description(),
    }


def named(fun: Any, x0: Any) -> tuple[Any, Any]:
    """The function, where it was named by a text, and its usual start, where none was given."""
    fun = problems.get(fun) if isinstance(fun, str) else fun
    return fun, getattr(fun, "x0", None) if x0 is None else x0


def _run(
    function: Function, asked: Asked, callback: Any, watch: Any, path: bool, kept: Checkpoint | None = None
) -> Result:
    request = function.request() | asked.request() | {"path": path}
    request["checkpoint"] = None if kept is None else kept.request()
    held = function.constraints
    wrong = [] if held is None else held.findings(function.start.ravel())
    if wrong:
        # No step by a Jacobian that is another function's leads anywhere.
        request |= {"iterations": 0, "checkpoint": None}
    with mapped(asked.workers if function.by_values else None) as by:
        request["many"] = None if by is None else function.many(by)
        values = _core.minimize(
            request, after_each(callback, function.shaped, asked.disp), ten_times_a_second(watch)
        )
    if (
        values["jac"] is not None
        and isinstance(function.jac, str)
        and function.jac != "pair"
        and function.bounds
    ):
        # Nobody has moved them.
        values["jac"][function.bounds[0] == function.bounds[1]] = np.nan
    if held is not None:
        wrong = wrong or held.findings(np.array(values["x"]))
        values["findings"] += wrong
        # What a method sees is the Lagrangian's gradient: it may be a constraint's that is wrong.
        if wrong and values["outcome"] != "gradient_inconsistent":
            values |= {"success": False, "status": 7, "outcome": "gradient_inconsistent"}
            values["message"] = wrong[0]["sentence"]
    for name in ("x", "jac"):
        values[name] = None if values[name] is None else function.shaped(values[name])
    values |= asked.told(values, function)
    if asked.path and values["path"] is not None:
        values["allvecs"] = [function.shaped(x) for x in values["path"]]
    values["findings"] += function.findings() + asked.findings() + ([] if kept is None else kept.findings())
    result = Result.of(values, of_x(function))
    if asked.disp:
        print(result)
    return result


class of_x:
    """The function of x alone, for pictures; `box` holds the bounds, where there are some."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self.box = function.bounds

    def __call__(self, x: Any) -> float:
        """The value at x, which comes flat."""
        return self._function.value(x)
