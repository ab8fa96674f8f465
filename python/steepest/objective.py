"""What `minimize` and `descend` are given, read once: a function, its derivatives, where to begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.constraints import Constraints, read_constraints
from steepest.errors import InputError
from steepest.penalised import read_penalty
from steepest.points import read_bounds, read_start, within
from steepest.terms import Terms
from steepest.trees import Tree, is_tree
from steepest.workers import Called, Map

__all__ = ["Function"]

_DIFFERENCES = ("2-point", "3-point", "cs")
_SHIFTS = "parameter-shift"


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
        if isinstance(bounds, Mapping) or (tree is not None and is_dataclass(bounds)):
            if tree is None:
                raise InputError("bounds by name need an x0 with names; got one array")
            bounds = tree.bounds(bounds)
        jac, batch = _read_jac(jac, start.size), None
        if isinstance(fun, Terms):
            batch, jac = fun.batch(jac), fun.jac(jac)
        box = read_bounds(bounds, start.size)
        if box is not None and not np.isfinite(box).any():
            box = None
        if box is not None and isinstance(jac, str) and jac.startswith(_SHIFTS):
            raise InputError(
                f"jac={_SHIFTS!r} looks at angles far from x, beyond any bounds: leave one of them out"
            )
        start, moved = within(start, box)
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
        if held is not None:
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
        start, moved = within(start, self.bounds)
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
