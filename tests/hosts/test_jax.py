"""The rules on JAX: the compiled core's steps, inside `jit` and `scan`, with traced numbers; and functions of JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest
from steepest import _catalog, _core, rates, rules
from steepest.errors import InputError

pytestmark = pytest.mark.hosts

try:
    import jax
    import optax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    jax = None  # type: ignore[assignment]

SHAPES = [(3, 4), (5,)]
NAMES = sorted(n for n, e in _catalog.registry("rules").items() if e.about["kind"] == "parameter")


def start(dtype: str = "float64") -> list[Any]:
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.normal(size=s), dtype) for s in SHAPES]


def valley(p: list[Any]) -> Any:
    x = jnp.concatenate([p[0].ravel(), p[1]])
    return jnp.sum((x[1:] - x[:-1] ** 2) ** 2 + 0.1 * (1 - x[:-1]) ** 2)


def walk(make: Any, dtype: str, steps: int = 30) -> Any:
    """The points, values and gradients of a run that is compiled whole."""
    optimizer = make()

    def one(carry: Any, _: Any) -> Any:
        p, state = carry
        value, gradient = jax.value_and_grad(valley)(p)
        changes, state = optimizer.update(gradient, state, p, value=value)
        return (optax.apply_updates(p, changes), state), (p, value, gradient)

    def run(p: Any) -> Any:
        return jax.lax.scan(one, (p, optimizer.init(p)), None, length=steps)

    (end, _), (points, values, gradients) = jax.jit(run)(start(dtype))
    points = [np.concatenate([a, b[None]]) for a, b in zip(points, end, strict=True)]
    return points, np.asarray(values), [np.asarray(g) for g in gradients]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((n, "float64") for n in NAMES), *((n, "float32") for n in ("adamw", "muon", "momo_adam"))],
)
def test_each_rule_takes_the_steps_of_the_compiled_core(name: str, dtype: str) -> None:
    rate = 0.5 * _catalog.find("rules", name).about["rate"]
    points, values, gradients = walk(lambda: getattr(steepest.jax, name)(rate), dtype)
    rule = _core.Rule([(name, {})])
    memory = [[np.zeros(s, dtype) for s in rule.memory(shape)] for shape in SHAPES]
    state = np.zeros(rule.state(len(SHAPES)))
    limit = 1e-12 if dtype == "float64" else 2e-5
    for t, value in enumerate(values):
        x = [np.array(p[t], dtype) for p in points]
        rule.step(x, [g[t].astype(dtype) for g in gradients], memory, state, t + 1, rate, float(value))
        for ours, here in zip(x, points, strict=True):
            np.testing.assert_allclose(here[t + 1], ours, rtol=limit, atol=limit)


def test_hypergradients_flow_through_the_rate_and_the_settings() -> None:
    def end(rate: Any, decay: Any) -> Any:
        optimizer = steepest.jax.adam(rate, b1=decay)

        def one(carry: Any, _: Any) -> Any:
            p, state = carry
            changes, state = optimizer.update(jax.grad(valley)(p), state, p)
            return (optax.apply_updates(p, changes), state), None

        return valley(jax.lax.scan(one, (start(), optimizer.init(start())), None, length=10)[0][0])

    slopes = jax.jit(jax.grad(end, argnums=(0, 1)))(0.01, 0.9)
    at = jax.jit(end)
    h = 1e-6
    by_hand = [at(0.01 + h, 0.9) - at(0.01 - h, 0.9), at(0.01, 0.9 + h) - at(0.01, 0.9 - h)]
    np.testing.assert_allclose(slopes, np.array(by_hand) / (2 * h), rtol=1e-6)


def test_it_goes_into_chains_schedules_and_vmap() -> None:
    p = start()
    injected = optax.inject_hyperparams(steepest.jax.adamw)(learning_rate=0.1)
    state = injected.init(p)
    state.hyperparams["learning_rate"] = jnp.asarray(0.0)
    changes, _ = injected.update(p, state, p)
    assert all(float(jnp.abs(c).max()) == 0 for c in changes)

    falling = steepest.jax.schedule(rates.Linear(), 0.1, 4)
    chained = optax.chain(optax.clip_by_global_norm(1.0), steepest.jax.sgd(falling))
    state, seen = chained.init(p), []
    gradient = [jnp.full(s, 1e-3) for s in SHAPES]
    for _ in range(5):
        changes, state = chained.update(gradient, state, p)
        seen.append(float(changes[1][0]))
    np.testing.assert_allclose(seen, [-1e-4, -7.5e-5, -5e-5, -2.5e-5, 0.0], atol=1e-18)

    many = jax.vmap(lambda r: steepest.jax.sgd(r).update(p, steepest.jax.sgd(r).init(p), p)[0][1])(
        jnp.array([0.1, 0.2])
    )
    np.testing.assert_allclose(many, [-0.1 * p[1], -0.2 * p[1]])


def test_rules_go_before_and_after() -> None:
    p = start()
    gradient = jax.grad(valley)
    clipped = steepest.jax.sgd(1.0, before=[rules.ClipNorm(most=1e-3)])
    changes, _ = clipped.update(gradient(p), clipped.init(p), p)
    assert float(optax.tree.norm(changes)) == pytest.approx(1e-3)

    sharp = steepest.jax.sgd(0.1, before=[rules.Sam()])
    changes, _ = sharp.update(gradient(p), sharp.init(p), p, grad_fn=gradient)
    g = gradient(p)
    radius = rules.Sam().settings["radius"] / optax.tree.norm(g)
    beside = gradient([v + radius * d for v, d in zip(p, g, strict=True)])
    np.testing.assert_allclose(changes[0], -0.1 * beside[0], rtol=1e-12)

    averaged = steepest.jax.sgd(0.01, after=[rules.Averaging()])
    state, visited = averaged.init(p), []
    for _ in range(4):
        changes, state = averaged.update(gradient(p), state, p)
        p = optax.apply_updates(p, changes)
        visited.append(p[1])
    np.testing.assert_allclose(averaged.shown(state, p)[1], np.mean(visited, axis=0), rtol=1e-12)


def test_half_precision_keeps_its_memories_wide() -> None:
    p = start("bfloat16")
    optimizer = steepest.jax.adam()
    state = optimizer.init(p)
    changes, after = optimizer.update(p, state, p)
    assert {c.dtype for c in changes} == {jnp.dtype("bfloat16")}
    assert {v.dtype for v in jax.tree_util.tree_leaves(after.memory)} == {jnp.dtype("float32")}
    kinds = [jax.tree_util.tree_map(lambda v: v.dtype, s) for s in (state, after)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda p: steepest.jax.adam(-1.0), "learning_rate must be at least 0"),
        (lambda p: steepest.jax.adam(b1=1.5), "b1=1.5"),
        (lambda p: steepest.jax.adam(momentum=0.9), "no setting called 'momentum'"),
        (lambda p: steepest.jax.adam(before=[rules.Ema()]), "before takes rules that turn the gradient"),
        (lambda p: steepest.jax.adam().init([jnp.arange(3)]), "floating point"),
        (
            lambda p: steepest.jax.adam().update(p, steepest.jax.adam().init(p)),
            "update(grads, state, params)",
        ),
        (lambda p: steepest.jax.momo().update(p, steepest.jax.momo().init(p), p), "value=loss"),
        (lambda p: steepest.jax.adam().update(p[:1], steepest.jax.adam().init(p), p), "structure"),
        (
            lambda p: steepest.jax.adam().update([p[0][:2], p[1]], steepest.jax.adam().init(p), p),
            "a gradient has the shape (2, 4)",
        ),
        (lambda p: steepest.jax.adam().update(p, optax.adam(0.1).init(p), p), "must be what adam.init"),
        (lambda p: steepest.jax.adam().update(p, steepest.jax.sgd().init(p), p), "by another rule than adam"),
        (lambda p: steepest.jax.adam().update(p, steepest.jax.adam().init(p[:1]), p), "other shapes"),
        (lambda p: steepest.jax.objective(3), "fun must be a function"),
        (lambda p: jax.jit(steepest.jax.sgd)(jnp.ones(2)), "one number"),
    ],
)
def test_what_cannot_be_is_refused(what: Any, words: str) -> None:
    with pytest.raises(InputError) as refused:
        what(start())
    assert words in str(refused.value)


def test_an_unknown_rule_is_named_with_those_near_it() -> None:
    with pytest.raises(AttributeError, match="did you mean 'adamw'"):
        steepest.jax.adamww  # noqa: B018


def test_a_function_of_jax_brings_its_derivatives() -> None:
    def chained(x: Any) -> Any:
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    of = steepest.jax.objective(chained)
    x = np.linspace(-1, 1, 6)
    value, gradient = of.value_and_grad(x)
    assert of(x) == pytest.approx(value, rel=1e-15)
    h = 1e-6
    by_hand = [(of(x + h * e) - of(x - h * e)) / (2 * h) for e in np.eye(6)]
    np.testing.assert_allclose(gradient, by_hand, rtol=1e-6, atol=1e-4)
    p = np.cos(np.arange(6.0))
    product = (of.value_and_grad(x + h * p)[1] - of.value_and_grad(x - h * p)[1]) / (2 * h)
    np.testing.assert_allclose(of.hessp(x, p), product, rtol=1e-5, atol=1e-3)
    for method in (None, "lbfgs", "newton", "truncated_newton"):
        r = steepest.minimize(of, np.zeros(6), method=method)
        assert r.success, (method, r)
        np.testing.assert_allclose(r.x, 1, atol=1e-6)


def test_it_computes_in_doubles_and_takes_parts_and_arguments() -> None:
    def apart(p: Any, shift: Any) -> Any:
        assert p["a"].dtype == jnp.float64
        return jnp.sum((p["a"] - shift) ** 2) + jnp.sum(jnp.cosh(p["b"]))

    jax.config.update("jax_enable_x64", False)
    try:
        of = steepest.jax.objective(apart)
        r = steepest.minimize(of, {"a": np.zeros((2, 2)), "b": np.ones(3)}, args=(3.0,))
    finally:
        jax.config.update("jax_enable_x64", True)
    assert r.success
    np.testing.assert_allclose(r.x["a"], 3.0, atol=1e-6)
    np.testing.assert_allclose(r.x["b"], 0.0, atol=1e-5)


def test_gradient_noise_inside_jit_goes_by_seed_step_and_leaf() -> None:
    p = [jnp.zeros(40_000), jnp.zeros((200, 200))]

    def run(seed: int) -> list[Any]:
        optimizer = steepest.jax.sgd(1.0, before=[rules.GradientNoise(eta=0.3, gamma=0.8, seed=seed)])

        def one(state: Any, _: Any) -> Any:
            changes, state = optimizer.update(p, state, p)
            return state, changes

        return jax.jit(lambda: jax.lax.scan(one, optimizer.init(p), None, length=3)[1])()

    first, again, other = run(1), run(1), run(2)
    flat = [np.asarray(leaf[t]).ravel() / np.sqrt(0.3 / (t + 1) ** 0.8) for leaf in first for t in range(3)]
    flat.append(np.asarray(other[0][0]).ravel() / np.sqrt(0.3))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for v in flat:
        assert abs(v.std() - 1) < 4 / np.sqrt(2 * v.size)
    assert np.abs(np.corrcoef(flat) - np.eye(len(flat))).max() < 5 / np.sqrt(40_000)
