"""What `minimize` and `descend` are given, read once: a function, its derivatives, where to begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.constraints import Constraints, read_constraints
from steepest.errors import InputError
from steepest.penalised import read_penalty
from steepest.trees import Tree, is_tree
from steepest.workers import Called, Map

__all__ = ["Function", "Terms"]

_DIFFERENCES = ("2-point", "3-point", "cs")
_SHIFTS = "parameter-shift"

Floats = NDArray[np.float64]


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
    ``"saga"`` and ``"stochastic_lbfgs"`` are for such means: they find their step, and claim by the gradient of all
    terms.

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


@dataclass(frozen=True)
class Function:
    """A function to minimise, with SciPy's meaning of each argument.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, a real number; with ``jac=True`` the pair (value, gradient).
    start : ndarray
        Where to begin, as float64 in the caller's shape; flat where it has parts.
    args : tuple
        What else `fun`, `jac`, `hess` and `hessp` are given.
    jac : callable or {"pair", "found", "2-point", "3-point", "cs", "parameter-shift:1"}
        Where the gradient comes from: a function; `fun` itself; differences to the sides that it takes, to
        one side, to both; complex steps; shifted angles, with the number of frequencies of all variables or of each.
    hess, hessp : callable or None
        Second derivatives ``hess(x, *args)`` or their products ``hessp(x, p, *args)``.
    bounds : pair of ndarray or None
        Lower and upper bounds, flat.
    tree : Tree or None
        The parts of a start that has some.
    batch : callable or None
        ``batch(x, rows, *args)``: value and gradient of some terms, where it is a mean of terms.
    terms : int
        How many terms; 0 where it is not a mean of them.
    constraints : Constraints or None
        What is held between limits beside the variables.
    moved : str
        How the start was brought within the bounds; empty where it lay there.
    penalty : list of dict or None
        What is added over each part of the variables, or forbidden.

    Examples
    --------
    >>> from steepest.objective import Function
    >>> Function.of(lambda x: x @ x, [1, 2]).start
    array([1., 2.])
    """

    fun: Callable[..., Any]
    start: Floats
    args: tuple[Any, ...] = ()
    jac: Any = "found"
    hess: Any = None
    hessp: Any = None
    bounds: tuple[Floats, Floats] | None = None
    tree: Tree | None = None
    batch: Callable[..., Any] | None = None
    terms: int = 0
    constraints: Constraints | None = None
    moved: str = ""
    penalty: list[dict[str, Any]] | None = None

    @classmethod
    def of(
        cls,
        fun: Any,
        x0: Any,
        args: Any = (),
        jac: Any = None,
        hess: Any = None,
        hessp: Any = None,
        bounds: Any = None,
        constraints: Any = (),
        penalty: Any = None,
    ) -> Function:
        """Read and check the arguments; what cannot be used is refused by name."""
        if not callable(fun):
            raise InputError(f"fun must be a function of x; got {type(fun).__name__}")
        of = fun
        tree = Tree(x0) if is_tree(x0) else None
        start = read_start(tree.flat(x0) if tree else x0)
        args = args if isinstance(args, tuple) else (args,)
        if jac is None:
            both = _of_its_own(fun, "value_and_grad")
            fun, jac = (both, True) if both else (fun, _of_its_own(fun, "grad") or "found")
            if hess is None and hessp is None:
                # What is given is taken: neither of the object's own stands in its way.
                hess, hessp = _of_its_own(of, "hess"), _of_its_own(of, "hessp")
        if isinstance(bounds, Mapping):
            if tree is None:
                raise InputError("bounds by name need an x0 with names; got one array")
            bounds = tree.bounds(bounds)
        jac, batch = _read_jac(jac, start.size), None
        if isinstance(fun, Terms):
            batch, jac = fun.batch(jac), fun.jac(jac)
        box = read_bounds(bounds, start.size)
        if box is not None and isinstance(jac, str) and jac.startswith(_SHIFTS):
            raise InputError(
                f"jac={_SHIFTS!r} looks at angles far from x, beyond any bounds: leave one of them out"
            )
        start, moved = _within(start, box)
        function = cls(
            fun,
            start,
            args,
            jac,
            _read_callable("hess", hess, _DIFFERENCES),
            _read_callable("hessp", hessp),
            box,
            tree,
            batch,
            fun.n if batch is not None else 0,
            moved=moved,
            penalty=read_penalty(penalty, start.shape, tree),
        )
        held = read_constraints(constraints, start.ravel(), function.shaped, box)
        function = replace(function, constraints=held)
        return function if tree is None else function._of_flat(tree)

    @property
    def by_values(self) -> bool:
        """Whether its gradient is found from real values nearby."""
        return isinstance(self.jac, str) and self.jac not in ("pair", "cs")

    def request(self) -> dict[str, Any]:
        """What the compiled core is told of it."""
        held = self.constraints
        bounds = None if self.bounds is None else (self.bounds[0].tolist(), self.bounds[1].tolist())
        return {
            "fun": self.fun,
            "x0": self.start,
            "tensors": None if self.tree is None else self.tree.shapes,
            "args": self.args,
            "many": None,
            "jac": self.jac,
            "hess": self.hess,
            "hessp": self.hessp,
            "bounds": bounds,
            "penalty": self.penalty,
            "terms": self.terms,
            "batch": self.batch,
            "constraints": None
            if held is None
            else (held.values, held.pull, held.low, held.high, held.found),
        }

    def many(self, by: Map) -> Callable[[list[Floats]], list[Any]]:
        """The values at several points, by a map.

        Parameters
        ----------
        by : callable
            ``by(function, points)``.

        Returns
        -------
        callable
            ``many(points)``, the values in order.
        """
        one = Called(self.fun, self.start.shape, self.args, {})
        return lambda points: list(by(one, points))

    def at(self, start: Floats) -> Function:
        """The same function from another start."""
        start, moved = _within(start, self.bounds)
        return replace(self, start=start, moved=moved)

    def findings(self) -> list[dict[str, Any]]:
        """What there is to say of the start, and of what is not done as it was asked for."""
        found = []
        if self.moved:
            found.append(
                {
                    "kind": "start_outside_bounds",
                    "severity": "note",
                    "sentence": self.moved,
                    "remedy": "Start within the bounds.",
                }
            )
        if self.constraints is not None and self.constraints.strict:
            found.append(
                {
                    "kind": "feasibility_not_kept",
                    "severity": "warning",
                    "sentence": f"{self.constraints.strict} asks for keep_feasible, which holds for bounds only: fun "
                    "was called at points that miss the constraint, and only the result is to meet it.",
                    "remedy": "Let fun answer there with inf, or write the constraint as bounds.",
                }
            )
        return found

    def read(self, x: Any) -> Floats:
        """A point that the caller gave, as `start` is."""
        what = "each of starts"
        return read_start(x if self.tree is None else self.tree.flat(x, what), what)

    def value(self, flat: Floats) -> float:
        """The value of `fun` alone at a point that is flat."""
        answer = self.fun(np.reshape(flat, self.start.shape), *self.args)
        pair = isinstance(self.jac, str) and self.jac == "pair"
        return float(np.reshape(answer[0] if pair else answer, ()))

    def shaped(self, flat: Floats) -> Any:
        """A point as the caller wrote the start."""
        return flat.reshape(self.start.shape) if self.tree is None else self.tree.build(flat)

    def _of_flat(self, tree: Tree) -> Function:
        """The same function of the one vector that its parts are laid out in."""
        fun, jac, hess, hessp, batch = self.fun, self.jac, self.hess, self.hessp, self.batch
        here: dict[str, Any] = {"fun": _OfParts(fun, tree)}

        def pair(of: Callable[..., Any]) -> Callable[..., Any]:
            def both(x: Floats, *args: Any) -> Any:
                value, gradient, *_ = of(tree.build(x), *args)
                return value, tree.flat(gradient, "the gradient")

            return both

        if jac == "pair":
            here["fun"] = pair(fun)
        if batch is not None:
            here["batch"] = pair(batch)
        if callable(jac):
            here["jac"] = lambda x, *args: tree.flat(jac(tree.build(x), *args), "the gradient (jac)")
        if hess is not None:
            here["hess"] = lambda x, *args: hess(tree.build(x), *args)
        if hessp is not None:
            here["hessp"] = lambda x, p, *args: tree.flat(
                hessp(tree.build(x), tree.build(p), *args), "the product (hessp)"
            )
        return replace(self, **here)


@dataclass(frozen=True)
class _OfParts:
    """A function of parts, of the vector that they are laid out in; a class, so that processes can be handed it."""

    fun: Callable[..., Any]
    tree: Tree

    def __call__(self, x: Floats, *args: Any) -> Any:
        return self.fun(self.tree.build(x), *args)


def read_start(x0: Any, what: str = "x0") -> Floats:
    """The start as float64, a copy, in its own shape; a number is an array of one entry, as in SciPy."""
    if x0 is None:
        raise InputError(f"{what} must say where to begin: numbers in an array of any shape; got None")
    if np.ma.is_masked(x0):
        raise InputError(f"{what} must not be masked: fill it first (x0.filled(value))")
    try:
        array = np.asarray(x0)
    except ValueError as error:
        raise InputError(f"{what} must be numbers in an array of any shape; {error}") from None
    if np.iscomplexobj(array):
        raise InputError(
            f"{what} must be real; got complex numbers: split them into real and imaginary parts"
        )
    try:
        start = np.atleast_1d(np.array(array, dtype=np.float64, order="C"))
    except (TypeError, ValueError, OverflowError):
        first = repr(_first(array))[:60]
        raise InputError(f"{what} must be numbers; got {array.dtype} such as {first}") from None
    if start.size == 0:
        raise InputError(f"{what} must have at least one entry; got an empty array")
    bad = np.flatnonzero(~np.isfinite(start))
    if bad.size:
        raise InputError(f"{what} must be finite; got {start.flat[bad[0]]} at entry {bad[0]}")
    return start


def _within(start: Floats, box: tuple[Floats, Floats] | None) -> tuple[Floats, str]:
    """The nearest point within the bounds: nothing is asked outside of them; and what was moved, in a sentence."""
    if box is None:
        return start, ""
    inside = np.clip(start.ravel(), *box).reshape(start.shape)
    moved = np.flatnonzero(inside.ravel() != start.ravel())
    if not moved.size:
        return start, ""
    j = int(moved[0])
    told = f"entry {j} from {start.flat[j]:g} to {inside.flat[j]:g}"
    more = f", and {moved.size - 1} more" if moved.size > 1 else ""
    return inside, f"x0 lay outside the bounds and was moved to the nearest point within: {told}{more}."


def read_bounds(bounds: Any, n: int) -> tuple[Floats, Floats] | None:
    """Bounds as SciPy has them: a sequence of pairs (None is no bound), or `scipy.optimize.Bounds`."""
    if bounds is None:
        return None
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        low, high = (np.broadcast_to(np.ravel(b), n) if np.size(b) == 1 else np.ravel(b)
                     for b in (bounds.lb, bounds.ub))  # fmt: skip
    else:
        low, high = map(np.array, _from_pairs(bounds))
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    if low.size != n or high.size != n:
        raise InputError(f"bounds must have a pair for each of the {n} variables; got {low.size}")
    if np.isnan(low).any() or np.isnan(high).any():
        j = int(np.flatnonzero(np.isnan(low) | np.isnan(high))[0])
        raise InputError(f"bounds must not be NaN; got ({low[j]}, {high[j]}) for x[{j}]")
    empty = np.flatnonzero((low > high) | (low == np.inf) | (high == -np.inf))
    if empty.size:
        j = int(empty[0])
        raise InputError(f"bounds must have low <= high; got ({low[j]}, {high[j]}) for x[{j}]")
    return low, high


def _from_pairs(bounds: Any) -> tuple[list[float], list[float]]:
    low, high = [], []
    if not np.iterable(bounds):
        raise InputError(f"bounds must be pairs (low, high), one for each variable; got {bounds!r}")
    for j, pair in enumerate(bounds):
        try:
            a, b = pair
            if np.ma.is_masked(a) or np.ma.is_masked(b):
                raise ValueError
            low.append(-np.inf if a is None else float(a))
            high.append(np.inf if b is None else float(b))
        except (TypeError, ValueError, OverflowError):
            raise InputError(
                f"bounds must be pairs (low, high), None for none; got {pair!r} for x[{j}]"
            ) from None
    return low, high


def _of_its_own(fun: Any, name: str) -> Any:
    """The derivative that a callable object brings along; what is no function there is something else."""
    own = getattr(fun, name, None)
    return own if callable(own) else None


def _read_jac(jac: Any, n: int) -> Any:
    if jac is True:
        return "pair"
    if jac is False:
        return "found"
    if callable(jac) or (isinstance(jac, str) and jac in ("found", *_DIFFERENCES)):
        return jac
    shifts = (jac,) if isinstance(jac, str) else jac
    if (
        isinstance(shifts, tuple)
        and 1 <= len(shifts) <= 2
        and isinstance(shifts[0], str)
        and shifts[0] == _SHIFTS
    ):
        return _read_shifts(shifts[1] if len(shifts) > 1 else 1, n)
    raise InputError(
        f"jac must be a function, True (fun returns value and gradient), or one of "
        f"{', '.join(_DIFFERENCES)}, {_SHIFTS}; got {jac!r}"
    )


def _read_shifts(frequencies: Any, n: int) -> str:
    """How many frequencies f has along each variable, one number for all or one for each; as the core is told of it."""
    try:
        each = np.atleast_1d(np.asarray(frequencies, dtype=np.float64)).ravel()
    except (TypeError, ValueError):
        each = np.array([np.nan])
    if each.size not in (1, n) or not ((each % 1 == 0) & (each >= 1) & (each <= 1000)).all():
        raise InputError(
            f"the frequencies of {_SHIFTS} must be a whole number from 1 to 1000, or one for each of the {n} angles; "
            f"got {frequencies!r}"
        )
    return f"{_SHIFTS}:{','.join(str(int(r)) for r in each)}"


def _read_callable(name: str, what: Any, differences: tuple[str, ...] = ()) -> Any:
    """A function or None; second derivatives by differences are what methods do by themselves."""
    if what is None or callable(what):
        return what
    # SciPy's estimates from steps (`HessianUpdateStrategy`), and differences
    if differences and (hasattr(what, "get_matrix") or (isinstance(what, str) and what in differences)):
        return None
    raise InputError(f"{name} must be a function or None; got {what!r}")


def _first(array: NDArray[Any]) -> Any:
    return array.flat[0] if array.size else None
