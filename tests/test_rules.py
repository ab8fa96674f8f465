"""Every rule of the catalogue: compiled = traced, settings refused by name, generated classes up to date."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from steepest import _catalog, _core, formula, losses, methods, penalties, rates, rules
from steepest.errors import InputError

RULES = list(_catalog.registry("rules").values())
SHAPES = [(7,), (6, 4), (3, 5), (2, 3, 2), ()]
# What turns gradients or steps is seen through the plain rule beside it.
CHAINS = {
    e.name: {"gradient": [e.name, "sgd"], "parameter": [e.name], "change": ["momentum", e.name]}[
        e.about["kind"]
    ]
    for e in RULES
}


def start(dtype: Any, seed: int) -> tuple[list[Any], list[Any]]:
    """Tensors, and the curvatures of a quadratic in them."""
    rng = np.random.default_rng(seed)
    x = [np.array(rng.normal(size=s), dtype=dtype) for s in SHAPES]
    a = [np.array(rng.uniform(0.1, 3.0, size=s), dtype=dtype) for s in SHAPES]
    return x, a


def value(x: list[Any], a: list[Any]) -> float:
    return float(sum((0.5 * c * v.astype(float) ** 2).sum() for c, v in zip(a, x, strict=True)))


def settings_of(names: list[str], rule: str, given: dict[str, float]) -> list[dict[str, float]]:
    return [given if n == rule else {} for n in names]


def compiled(
    names: list[str], given: list[dict[str, float]], dtype: Any, steps: int, rate: float
) -> list[Any]:
    """The points shown after some steps of the compiled rules."""
    x, a = start(dtype, 0)
    rule = _core.Rule(list(zip(names, given, strict=True)))
    memory = [[np.zeros(s, v.dtype) for s in rule.memory(v.shape)] for v in x]
    state = np.zeros(rule.state(len(x)))

    def gradient(at: list[Any]) -> list[Any]:
        return [np.array(c * v, dtype).reshape(v.shape) for c, v in zip(a, at, strict=True)]

    to = [np.zeros_like(v) for v in x]
    for t in range(1, steps + 1):
        g, at = gradient(x), (t, rate, value(x, a))
        if any(_catalog.find("rules", n).about["evaluations"] > 1 for n in names):
            rule.place(x, g, memory, state, to, *at)
            g = gradient(to)
        rule.step(x, g, memory, state, *at)
    rule.shown(x, memory, state, to, steps, rate)
    return to


def traced(names: list[str], given: list[dict[str, float]], dtype: Any, steps: int, rate: float) -> list[Any]:
    """The same by the recorded formulas."""
    x, a = start(dtype, 0)
    entries = [_catalog.find("rules", n) for n in names]
    known = [_catalog.checked("rules", n, own) for n, own in zip(names, given, strict=True)]
    memory = [[[np.zeros(s) for s in formula.memory_shapes(e, v.shape)] for v in x] for e in entries]
    states: list[Any] = [
        [dict.fromkeys(e.about["state"], 0.0) for _ in range(formula.groups(e, len(x)))] for e in entries
    ]
    cast = [v.astype(float) for v in x]

    def gradient(at: list[Any]) -> list[Any]:
        return [(c * v).astype(dtype).astype(float) for c, v in zip(a, at, strict=True)]

    for t in range(1, steps + 1):
        g = seen = gradient(cast)
        at = {"step": np.float64(t), "rate": rate, "value": value(cast, a)}
        for k, entry in enumerate(entries):
            if entry.about["evaluations"] > 1:
                here = {**known[k], **at}
                g = gradient(formula.place(entry, here, cast, g, memory[k], states[k]))
        for k, entry in enumerate(entries):
            seen = seen if entry.about["kind"] == "change" else g
            moved = (cast, g, memory[k], states[k])
            out, memory[k], states[k] = formula.step(entry, {**known[k], **at}, *moved, seen=seen)
            g = formula.handed(entry, cast, out, k == len(entries) - 1)
        cast = g
    at = {"step": np.float64(steps), "rate": rate, "value": np.nan}
    for k, entry in enumerate(entries):
        cast = formula.shown(entry, {**known[k], **at}, cast, memory[k], states[k])
    return cast


@pytest.mark.parametrize(("dtype", "tol"), [("float64", 1e-12), ("float32", 2e-4)])
@pytest.mark.parametrize("entry", RULES, ids=lambda e: e.name)
def test_compiled_is_traced(entry: _catalog.Entry, dtype: str, tol: float) -> None:
    names = CHAINS[entry.name]
    args = (names, [{} for _ in names], dtype, 12, 0.03)
    for got, want in zip(compiled(*args), traced(*args), strict=True):
        np.testing.assert_allclose(got, want, rtol=tol, atol=tol)


@pytest.mark.parametrize("entry", RULES, ids=lambda e: e.name)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_compiled_is_traced_for_any_settings(entry: _catalog.Entry, data: st.DataObject) -> None:
    def drawn(p: _catalog.Parameter) -> float:
        low, high = max(p.low, -2.0), min(p.high, 3.0)
        if p.kind != "number":
            return float(data.draw(st.integers(int(low), max(int(high), int(low))), label=p.name))
        return data.draw(st.floats(low, max(low, high)), label=p.name)

    settings = {p.name: drawn(p) for p in entry.parameters}
    if "epsilon" in settings:
        settings["epsilon"] = max(settings["epsilon"], 1e-8)
    names = CHAINS[entry.name]
    args = (names, settings_of(names, entry.name, settings), "float64", 3, 0.01)
    for got, want in zip(compiled(*args), traced(*args), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("entry", RULES, ids=lambda e: e.name)
def test_settings_out_of_range_are_refused_by_name(entry: _catalog.Entry) -> None:
    for p in entry.parameters:
        for bad in (p.low - max(1.0, abs(p.low)), p.high * 2 + 1, float("nan"), float("inf")):
            if p.low <= bad <= p.high and np.isfinite(bad):
                continue
            with pytest.raises(ValueError, match=f"^{p.name} must be"):
                _core.Rule([(entry.name, {p.name: bad})])
            with pytest.raises(InputError, match=f"^{p.name} must be"):
                _catalog.checked("rules", entry.name, {p.name: bad})


def test_unknown_names_get_near_ones() -> None:
    with pytest.raises(InputError, match=r"^no rule is called 'adm'; did you mean 'adam'\?$"):
        _catalog.find("rules", "adm")
    with pytest.raises(ValueError, match=r"no setting called 'epsilom'; did you mean 'epsilon'\?"):
        _core.Rule([("adam", {"epsilom": 1.0})])
    with pytest.raises(InputError, match="no registry is called 'ruels'; available: rules, losses"):
        _catalog.registry("ruels")
    with pytest.raises(InputError, match="epsilon must be a number; got 'small'"):
        _catalog.checked("rules", "adam", {"epsilon": "small"})  # type: ignore[dict-item]


def test_a_chain_that_cannot_be_is_refused() -> None:
    for chain, words in [
        ([], "at least one rule"),
        ([("clip_norm", {})], "put a rule that takes a step after it"),
        ([("adam", {}), ("sgd", {})], "it must come last"),
    ]:
        with pytest.raises(ValueError, match=words):
            _core.Rule(chain)


def test_arrays_that_do_not_fit_are_refused() -> None:
    rule, state = _core.Rule([("adam", {})]), np.zeros(0)
    ok = np.zeros((3, 2))
    for x, g, memory, words in [
        (ok, np.zeros(3), [ok.copy(), ok.copy()], "gradient of that shape"),
        (ok, ok.copy(), [ok.copy()], "2 memories; got .* and 1"),
        (ok, ok.copy(), [ok.copy(), np.zeros(5)], "memories"),
        (ok, ok.astype("f4"), [ok.copy(), ok.copy()], "float32 or float64; got float32"),
        (np.zeros((2, 3)).T, ok.copy(), [ok.copy(), ok.copy()], "C-contiguous"),
        (ok.astype(int), ok.copy(), [ok.copy(), ok.copy()], "got int64"),
        (ok, ok, [ok.copy(), ok.copy()], "cannot be read"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            rule.step([x], [g], [memory], state, 1, 0.1)
    with pytest.raises(ValueError, match="step be at least 1"):
        rule.step([ok], [ok.copy()], [[ok.copy(), ok.copy()]], state, 0, 0.1)
    rule.step([], [], [], state, 1, 0.1)


def test_the_same_bits_on_any_number_of_threads() -> None:
    code = (
        "import numpy as np; from steepest import _core;"
        "n = 200_000; x = np.sin(np.arange(n, dtype='f4')); g = np.cos(x);"
        "m = [np.zeros_like(x) for _ in range(2)];"
        "r = _core.Rule([('clip_norm', {}), ('momo_adam', {})]); s = np.zeros(r.state(1));"
        "[r.step([x], [g], [m], s, t, 0.1, 1.0) for t in (1, 2, 3)];"
        "import hashlib; print(hashlib.sha256(x.tobytes()).hexdigest())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"STEEPEST_NUM_THREADS": n, **level},
            capture_output=True,
            check=True,
        ).stdout
        for n in ("1", "2", "7")
        for level in ({}, {"STEEPEST_SIMD": "baseline"}, {"STEEPEST_SIMD": "avx2"})
    }
    assert len(answers) == 1


def test_generated_classes_are_up_to_date() -> None:
    gen = Path(__file__).parents[1] / "tools" / "gen.py"
    subprocess.run([sys.executable, str(gen), "--check"], check=True, capture_output=True)


def test_every_entry_has_its_class() -> None:
    for module in (rules, losses, penalties, methods, rates):
        registry = module.__name__.rpartition(".")[2]
        classes = [getattr(module, name) for name in module.__all__]
        assert {c.name for c in classes} == set(_catalog.registry(registry))
        for c in classes:
            made = c()
            assert made.entry.name == made.name
            # A choice is its name to people, and its place to the core.
            given = {p.name: p.read(made.settings[p.name]) for p in made.entry.parameters}
            assert given == _catalog.checked(registry, made.name, {})
    with pytest.raises(InputError, match=r"^epsilon must be between 0 and 1; got -1\.0$"):
        rules.Adam(epsilon=-1.0)


def noise(
    steps: int, shapes: list[tuple[int, ...]], before: int = 0, more: tuple[str, ...] = (), **set_: float
) -> Any:
    """What is added to gradients of 0 at each step: the steps of sgd at rate 1, turned round."""
    rule = _core.Rule([("gradient_noise", set_), *((name, {}) for name in more), ("sgd", {})])
    seen = []
    for t in range(1, steps + 1):
        x = [np.zeros(s) for s in shapes]
        memory: list[list[Any]] = [[] for _ in shapes]
        rule.step(x, [np.zeros(s) for s in shapes], memory, np.zeros(0), t, 1.0, before=before)
        seen.append([-v for v in x])
    return seen


def test_gradient_noise_is_normal_and_fades_as_it_says() -> None:
    shapes = [(300, 400), (120_000,)]
    drawn = noise(3, shapes, eta=0.3, gamma=0.8, seed=7)
    flat = []
    for t, tensors in enumerate(drawn, start=1):
        for v in tensors:
            deviation = np.sqrt(0.3 / t**0.8)
            assert abs(v.std() / deviation - 1) < 4 / np.sqrt(2 * v.size)
            assert stats.normaltest(v.ravel()).pvalue > 1e-4
            assert stats.kstest(v.ravel() / deviation, "norm").pvalue > 1e-4
            flat.append(v.ravel() / deviation)
    # Steps, tensors and seeds have nothing to do with each other.
    flat.append(noise(1, [(120_000,)], eta=1.0, gamma=0.0, seed=8)[0][0])
    flat.append(flat[1][::-1])
    apart = np.corrcoef(flat) - np.eye(len(flat))
    assert np.abs(apart).max() < 5 / np.sqrt(120_000)


def test_gradient_noise_goes_by_seed_step_and_place_alone() -> None:
    shapes = [(300, 400), (7,)]
    all_ = noise(2, shapes, seed=3)[1]
    deviation = np.sqrt(0.01 * 2.0**-0.55)
    for k, v in enumerate(all_):
        np.testing.assert_allclose(v.ravel(), deviation * _core.normal(3, 2, k, v.size), rtol=1e-14)
    # A tensor moved on apart from those before it, and a matrix that a rule takes whole, see the same numbers.
    np.testing.assert_array_equal(noise(2, shapes[1:], before=1, seed=3)[1][0], all_[1])
    whole = noise(2, shapes, more=("centralise",), seed=3)[1][0]
    np.testing.assert_allclose(whole, all_[0] - all_[0].mean(axis=1, keepdims=True), atol=1e-15)


#: Schedules that rise too: what they are is in tests/hosts/test_rates.py.
RISING = {"warm_up", "warm_restarts", "one_cycle", "triangular", "stable"}


def test_schedules_lie_between_nothing_and_the_whole_rate() -> None:
    for entry in _catalog.registry("rates").values():
        known = _catalog.checked("rates", entry.name, {}) | dict.fromkeys(entry.about["state"], 0.0)
        at = {"done": np.linspace(0, 1, 301), "step": np.arange(1.0, 302.0)}
        found = formula.evaluate(entry.programs["factor"], {**known, **at})[0]
        assert np.all((np.asarray(found) >= -1e-15) & (np.asarray(found) <= 1 + 1e-15)), entry.name


def test_schedules_start_at_one_and_fall_to_their_end() -> None:
    falling = [e for e in _catalog.registry("rates").values() if e.name not in RISING]
    for entry in falling:
        known = _catalog.checked("rates", entry.name, {}) | dict.fromkeys(entry.about["state"], 0.0)

        def factor(done: float, step: float, entry: Any = entry, known: Any = known) -> float:
            return float(formula.evaluate(entry.programs["factor"], {**known, "done": done, "step": step})[0])

        assert factor(0.0, 1.0) == pytest.approx(1.0, abs=1e-15)
        path = [factor(k / 100, 1.0 + k) for k in range(101)]
        assert all(b <= a for a, b in pairwise(path)), entry.name
        if "end" in known:
            assert path[-1] == pytest.approx(known["end"], abs=1e-12)
    cosine = _catalog.find("rates", "cosine").programs["factor"]
    for done in np.linspace(0, 1, 33):
        want = 0.5 * (1 + np.cos(np.pi * done))
        assert formula.evaluate(cosine, {"end": 0.0, "done": done, "step": 1.0})[0] == pytest.approx(
            want, abs=1e-14
        )
