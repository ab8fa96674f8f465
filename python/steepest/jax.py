"""Every rule as an `optax.GradientTransformationExtraArgs`, and functions written in JAX with their derivatives.

`adam`, `momentum`, `muon` … are made from the catalogue: a rule that is added to the core is here too. The
formula that the core recorded is evaluated with `jax.numpy`, so that it runs inside `jit`, `scan` and `vmap`, on
any device, with the rate and the settings as numbers or as traced arrays.

>>> import jax, jax.numpy as jnp, optax, steepest.jax
>>> params = {"w": jnp.ones(3)}
>>> optimizer = steepest.jax.adam(learning_rate=1e-2)
>>> state = optimizer.init(params)
>>> grads = jax.grad(lambda p: jnp.sum(p["w"] ** 2))(params)
>>> updates, state = optimizer.update(grads, state, params)
>>> params = optax.apply_updates(params, updates)

`learning_rate` may be left out: `momo_adam` and `rprop` find their steps by themselves, the others have the usual
rate. What turns gradients goes before: ``adam(before=[steepest.rules.ClipNorm(most=1.0)])``.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

try:
    import jax
    import optax
except ModuleNotFoundError as error:
    if error.name not in ("jax", "optax"):
        raise
    raise ModuleNotFoundError(
        f"steepest.jax needs {error.name}, which is not installed: pip install 'steepest[jax]'",
        name=error.name,
    ) from None
from jax import numpy as jnp

from steepest import _catalog, formula, hosts
from steepest._catalog import Entry, Settings
from steepest.errors import InputError

_TABLE = formula.table(
    sqrt=jnp.sqrt,
    exp=jnp.exp,
    log=jnp.log,
    log1p=jnp.log1p,
    tanh=jnp.tanh,
    cos=jnp.cos,
    abs=jnp.abs,
    floor=jnp.floor,
    maximum=jnp.maximum,
    minimum=jnp.minimum,
    where=jnp.where,
    sign=jnp.sign,
    power=jnp.power,
    matmul=lambda a, b: jnp.matmul(a, b, precision="highest"),
    transpose=jnp.transpose,
    norm=lambda a: jnp.sqrt(jnp.sum(jnp.square(a))),
    mean=lambda a, axis=None: jnp.mean(a, axis=axis, keepdims=axis is not None),
    orthonormal=lambda a: jnp.linalg.qr(a)[0],
)


def _wide() -> Any:
    """The precision of scalars and sums: float64 where JAX has it."""
    return jnp.zeros((), dtype=float).dtype


_JAX = formula.Host(
    _TABLE,
    add_up=lambda a: jnp.sum(a, dtype=_wide()),
    cast=lambda scalar, array: jnp.asarray(scalar, array.dtype),
    draw=lambda seed, step, tensor, like: jax.random.normal(
        functools.reduce(
            jax.random.fold_in,
            [jnp.asarray(step).astype(jnp.uint32), tensor],
            jax.random.key(jnp.asarray(seed).astype(jnp.uint32)),
        ),
        like.shape,
        like.dtype,
    ),
)

#: What optax' users call a rule's settings.
_WORDS: hosts.Words = {
    "b1": [("direction_decay",), ("mean_decay",)],
    "b2": [("square_decay",), ("mean_decay",)],
    "eps": [("epsilon",)],
}
#: By rule: further words for them.
_ALSO: dict[str, hosts.Words] = {"rmsprop": {"decay": [("square_decay",)], "centered": [("centred",)]}}


class RuleState(NamedTuple):
    """What a chain of rules keeps.

    step : the steps taken.
    memory : by rule, then by leaf of the parameters: the memories.
    numbers : by rule, then by group of sums: the rule's own numbers by name.
    """

    step: Any
    memory: Any
    numbers: Any


class Rule(optax.GradientTransformationExtraArgs):  # type: ignore[misc, unused-ignore]
    """A rule of the catalogue as a transformation of gradients; `adam`, `momentum` … make it.

    ``init(params)`` and ``update(grads, state, params, value=..., grad_fn=...)`` are optax's. Rules that need the
    loss (`momo_adam`) take it as `value`; one that asks for a second gradient (`Sam` before it) calls
    ``grad_fn(params)``.
    """

    #: gives the points to look at after a step: ``shown(state, params)``
    shown: Callable[[RuleState, Any], Any]


def _spelled(entry: Entry) -> dict[str, tuple[str, ...]]:
    """A rule's settings as optax' users call them."""
    return hosts.spelling(entry, {**_WORDS, **_ALSO.get(entry.name, {})})


def _traced(value: Any) -> bool:
    return isinstance(value, jax.core.Tracer)


def _checked(entry: Entry, spelled: hosts.Spelling, given: dict[str, Any]) -> dict[str, Any]:
    """A rule's settings under its own names: numbers are checked, traced arrays taken as they are."""
    plain = {n: v for n, v in given.items() if not _traced(v)}
    known = hosts.checked(entry, spelled, plain)
    traced = {n: v for n, v in given.items() if _traced(v)}
    hosts.checked(entry, spelled, {n: p.default for n in traced for p in entry.parameters if p.name == n})
    for name, value in traced.items():
        names = spelled.get(name, (name,))
        if not set(names) <= known.keys():
            raise InputError(f"{entry.name} has no setting called {name!r}")
        if jnp.shape(value) != ():
            raise InputError(f"{name} must be one number; got an array of shape {jnp.shape(value)}")
        known.update(dict.fromkeys(names, value))
    return known


@dataclass(frozen=True)
class _Chain:
    """Rules, one after the other, with their settings and their rate."""

    entries: tuple[Entry, ...]
    settings: list[dict[str, Any]]
    rate: Any
    #: the rule of the catalogue that takes the step
    name: str

    def init(self, params: Any) -> RuleState:
        leaves = _leaves(params)
        memory = [
            [[jnp.zeros(s, _work(v.dtype)) for s in formula.memory_shapes(e, tuple(v.shape))] for v in leaves]
            for e in self.entries
        ]
        zero = jnp.zeros((), _wide())
        numbers = [
            [dict.fromkeys(e.about["state"], zero) for _ in range(formula.groups(e, len(leaves)))]
            for e in self.entries
        ]
        return RuleState(jnp.zeros((), jnp.int32), memory, numbers)

    def update(
        self,
        updates: Any,
        state: RuleState,
        params: Any = None,
        *,
        value: Any = None,
        grad_fn: Callable[[Any], Any] | None = None,
        **_: Any,
    ) -> tuple[Any, RuleState]:
        self._check(params, value, grad_fn)
        shape = jax.tree_util.tree_structure(params)
        x, kinds = _at_work(params)
        self._check_state(state, x)
        plans = self._known(state.step, value)

        def read(grads: Any) -> list[Any]:
            if jax.tree_util.tree_structure(grads) != shape:
                raise InputError("the gradients must have the structure of params")
            for g, v in zip(leaves := _leaves(grads), x, strict=True):
                if g.shape != v.shape:
                    raise InputError(f"a gradient has the shape {g.shape} and its parameter {v.shape}")
            return [g.astype(v.dtype) for g, v in zip(leaves, x, strict=True)]

        g = read(updates)
        if grad_fn is not None and self._asks_twice():
            first = self.entries[0]
            there = formula.place(first, plans[0], x, g, state.memory[0], state.numbers[0], _JAX)
            g = read(grad_fn(_as_tree(shape, there, kinds)))
        memory, numbers, seen = [], [], g
        for one, plan, kept, own_numbers in self._with(plans, state):
            if one.about["kind"] != "change":
                seen = g
            out, moved, settled = formula.step(one, plan, x, g, kept, own_numbers, _JAX, None, seen)
            memory.append(_alike(moved, kept))
            numbers.append(_alike(settled, own_numbers))
            g = formula.handed(one, x, out, last=False)
        return _as_tree(shape, g, kinds), RuleState(state.step + 1, memory, numbers)

    def shown(self, state: RuleState, params: Any) -> Any:
        x, kinds = _at_work(params)
        for one, plan, kept, own_numbers in self._with(self._known(state.step - 1, math.nan), state):
            x = formula.shown(one, plan, x, kept, own_numbers, _JAX)
        return _as_tree(jax.tree_util.tree_structure(params), x, kinds)

    def _asks_twice(self) -> bool:
        return any(e.about["evaluations"] > 1 for e in self.entries)

    def _check(self, params: Any, value: Any, grad_fn: Any) -> None:
        """What the rules need is there."""
        if params is None:
            raise InputError(f"{self.name} looks at the parameters: call update(grads, state, params)")
        needs_value = [e.name for e in self.entries if e.about["value"]]
        if needs_value and value is None:
            raise InputError(
                f"{needs_value[0]} needs the loss: call update(grads, state, params, value=loss)"
            )
        if grad_fn is None and self._asks_twice():
            raise InputError(
                f"{self.entries[0].name} asks for a second gradient: call update(grads, state, params, grad_fn=grad)"
            )

    def _check_state(self, state: Any, x: list[Any]) -> None:
        """The state is one that this chain's `init` made of these parameters."""
        if not isinstance(state, RuleState):
            raise InputError(
                f"the state must be what {self.name}.init(params) made; got {type(state).__name__}"
            )
        wanted = [[formula.memory_shapes(e, tuple(v.shape)) for v in x] for e in self.entries]
        if jax.tree_util.tree_map(jnp.shape, state.memory) != wanted:
            raise InputError(
                f"this state was made by another rule than {self.name}, or of parameters of other shapes: begin with "
                "init(params)"
            )

    def _known(self, step: Any, value: Any) -> list[dict[str, Any]]:
        """What each rule's formula knows at a step beside its memory."""
        wide = _wide()
        now = self.rate(step) if callable(self.rate) else self.rate
        at = {"step": step + 1, "rate": now, "value": math.nan if value is None else value}
        return [{n: jnp.asarray(v, wide) for n, v in {**s, **at}.items()} for s in self.settings]

    def _with(self, plans: list[dict[str, Any]], state: RuleState) -> Any:
        return zip(self.entries, plans, state.memory, state.numbers, strict=True)


def _made(
    entry: Entry,
    learning_rate: Any,
    before: Sequence[Settings],
    after: Sequence[Settings],
    given: dict[str, Any],
) -> Rule:
    before, after = hosts.checked_before(before), hosts.checked_after(after)
    own = _checked(entry, _spelled(entry), given)
    rate = entry.about["rate"] if learning_rate is None else learning_rate
    if _traced(rate):
        if jnp.shape(rate) != ():
            raise InputError(f"learning_rate must be one number; got an array of shape {jnp.shape(rate)}")
    elif not callable(rate):
        rate = hosts.rate("learning_rate", rate)
    entries = (*(b.entry for b in before), entry, *(a.entry for a in after))
    twice = [k for k, e in enumerate(entries) if e.about["evaluations"] > 1]
    if twice and twice != [0]:
        raise InputError(f"{entries[twice[-1]].name} must be the first of the rules before")
    settings = [*(b.settings for b in before), own, *(a.settings for a in after)]
    chain = _Chain(entries, settings, rate, entry.name)
    rule = Rule(chain.init, chain.update)
    rule.shown = chain.shown
    return rule


def _at_work(params: Any) -> tuple[list[Any], list[Any]]:
    """The leaves in the precision that steps are computed in, and their own."""
    leaves = _leaves(params)
    return [v.astype(_work(v.dtype)) for v in leaves], [v.dtype for v in leaves]


def _as_tree(shape: Any, leaves: list[Any], kinds: list[Any]) -> Any:
    """A structure of leaves in their own precision."""
    own = [v.astype(kind) for v, kind in zip(leaves, kinds, strict=True)]
    return jax.tree_util.tree_unflatten(shape, own)


def _work(kind: Any) -> Any:
    """The precision that memories are kept and steps computed in."""
    return kind if kind in (jnp.float32, jnp.float64) else jnp.dtype(jnp.float32)


def _leaves(tree: Any) -> list[Any]:
    leaves = [jnp.asarray(v) for v in jax.tree_util.tree_leaves(tree)]
    for v in leaves:
        if not jnp.issubdtype(v.dtype, jnp.floating):
            raise InputError(f"steepest's rules move real floating point arrays; got one of {v.dtype}")
    return leaves


def _alike(new: Any, old: Any) -> Any:
    """The new leaves in the precision of the old: `scan` wants a state that keeps its types."""
    return jax.tree_util.tree_map(lambda a, b: jnp.asarray(a, b.dtype), new, old)


def schedule(rate: Settings, learning_rate: float, steps: int) -> Callable[[Any], Any]:
    """A schedule of `steepest.rates` as optax writes one: a function of the steps taken so far.

    Parameters
    ----------
    rate : Settings
        Such as ``steepest.rates.Cosine()``; not one that looks at the loss on the way.
    learning_rate : float
        What it starts from.
    steps : int
        How many steps the run has; after them the rate stays.

    Returns
    -------
    callable
        ``schedule(count)``, for any optimizer of optax or of this module.

    Examples
    --------
    >>> import steepest.jax
    >>> falling = steepest.jax.schedule(steepest.rates.Linear(), 0.1, 4)
    >>> round(float(falling(1)), 4)
    0.075
    """
    hosts.factor(rate, steps)
    first = hosts.rate("learning_rate", learning_rate)
    program, settings = rate.entry.programs["factor"], rate.settings

    def at(count: Any) -> Any:
        wide = _wide()
        taken = jnp.asarray(count, wide)
        known = {n: jnp.asarray(v, wide) for n, v in settings.items()}
        known |= {"done": jnp.minimum(taken / steps, 1.0), "step": taken + 1.0}
        return first * formula.evaluate(program, known, _TABLE)[0]

    return at


class Objective:
    """A function written in JAX, with its gradient and the products with its Hessian: `objective` makes it."""

    def __init__(self, fun: Callable[..., Any], double: bool) -> None:
        self.fun, self.double = fun, double
        self.__name__ = getattr(fun, "__name__", "fun")
        self._value = jax.jit(fun)
        self._pair = jax.jit(jax.value_and_grad(fun))
        self._product = jax.jit(
            lambda x, p, *args: jax.jvp(lambda at: jax.grad(fun)(at, *args), (x,), (p,))[1]
        )

    def __call__(self, x: Any, *args: Any) -> float:
        """The value."""
        return float(self._run(self._value, x, *args))

    def value_and_grad(self, x: Any, *args: Any) -> tuple[float, Any]:
        """The value and the gradient, which has the structure of x."""
        value, gradient = self._run(self._pair, x, *args)
        return float(value), jax.tree_util.tree_map(np.asarray, gradient)

    def hessp(self, x: Any, p: Any, *args: Any) -> Any:
        """The product of the Hessian at x with p."""
        return jax.tree_util.tree_map(np.asarray, self._run(self._product, x, p, *args))

    def _run(self, function: Callable[..., Any], *given: Any) -> Any:
        with jax.enable_x64(True) if self.double else nullcontext():
            return function(*given)


def objective(fun: Callable[..., Any], *, double: bool = True) -> Objective:
    """A function written in JAX, for `steepest.minimize`: it is compiled, and differentiated by JAX.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, a real number, in operations of JAX. x is an array, or the parts that `x0` has.
    double : bool, default True
        Compute in float64, whatever JAX is set to elsewhere. False leaves it to JAX, whose float32 ends where its
        rounding begins.

    Returns
    -------
    Objective
        A callable with `value_and_grad` and `hessp`, which `minimize` finds by itself.

    Examples
    --------
    >>> import jax.numpy as jnp, steepest.jax
    >>> def valley(x):
    ...     return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> r = steepest.minimize(steepest.jax.objective(valley), [-1.2, 1.0])
    >>> r.success, r.x.round(6)
    (True, array([1., 1.]))
    """
    if not callable(fun):
        raise InputError(f"fun must be a function of x; got {type(fun).__name__}")
    return Objective(fun, double)


def _factory(entry: Entry) -> Callable[..., Rule]:
    words = _spelled(entry)

    def make(
        learning_rate: Any = None,
        *,
        before: Sequence[Settings] = (),
        after: Sequence[Settings] = (),
        **settings: Any,
    ) -> Rule:
        return _made(entry, learning_rate, before, after, settings)

    make.__name__ = make.__qualname__ = entry.name
    head = f"learning_rate : float, array or schedule, default {entry.about['rate']!r}"
    make.__doc__ = hosts.docstring(entry, head, words)
    # With each setting by name `optax.inject_hyperparams` finds them.
    named = inspect.Parameter.KEYWORD_ONLY
    defaults = hosts.join(words, {p.name: p.default for p in entry.parameters})
    rate = inspect.Parameter(
        "learning_rate", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=entry.about["rate"]
    )
    around = [inspect.Parameter(n, named, default=()) for n in ("before", "after")]
    settings = [inspect.Parameter(n, named, default=v) for n, v in defaults.items()]
    make.__signature__ = inspect.Signature([rate, *around, *settings])  # type: ignore[attr-defined]
    return make


_FACTORIES = {
    e.name: _factory(e) for e in _catalog.registry("rules").values() if e.about["kind"] == "parameter"
}
globals().update(_FACTORIES)
__all__ = ["Objective", "Rule", "RuleState", "objective", "schedule", *sorted(_FACTORIES)]


def __getattr__(name: str) -> Any:
    raise AttributeError(hosts.no_attribute(__name__, name, __all__))
