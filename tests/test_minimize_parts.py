"""Rules and rates of their own for the parts of x0, judged by the same steps in NumPy."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import steepest
from steepest import methods, rates, rules
from steepest.errors import InputError

W, B = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([4.0, -1.0, 2.0])
START = {"W": np.zeros((2, 2)), "b": np.zeros(3)}


def value(x: Any) -> float:
    return float(((x["W"] - W) ** 2).sum() + 2 * ((x["b"] - B) ** 2).sum())


def slope(x: Any) -> dict[str, NDArray[np.float64]]:
    return {"W": 2 * (x["W"] - W), "b": 4 * (x["b"] - B)}


def run(steps: int = 12, **options: Any) -> steepest.Result:
    method = options.pop("method")
    return steepest.minimize(
        value, START, jac=slope, method=method, tol=0, options={"maxiter": steps} | options
    )


def adam(steps: int, rate: float, target: NDArray[np.float64], curve: float) -> NDArray[np.float64]:
    x, m, v = np.zeros_like(target), np.zeros_like(target), np.zeros_like(target)
    for k in range(1, steps + 1):
        g = curve * (x - target)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - rate * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
    return x


def momentum(
    steps: int, rate: float, target: NDArray[np.float64], curve: float, most: float = np.inf
) -> NDArray[np.float64]:
    x, velocity = np.zeros_like(target), np.zeros_like(target)
    for _ in range(steps):
        g = curve * (x - target)
        g = g * min(1.0, most / np.linalg.norm(g))
        velocity = 0.9 * velocity + g
        x = x - rate * velocity
    return x


@pytest.mark.parametrize(
    ("method", "rate", "by_hand"),
    [
        ({"W": rules.Adam(), "b": rules.Momentum()}, {"W": 0.1, "b": 0.002}, (0.1, 0.002, np.inf)),
        ({"b": "momentum", "W": "adam"}, 0.003, (0.003, 0.003, np.inf)),
        # what is clipped is the norm of the parts that have the rule, not of all
        ({"W": "adam", "b": [rules.ClipNorm(0.5), "momentum"]}, {"b": 0.03, "W": 0.1}, (0.1, 0.03, 0.5)),
    ],
)
def test_each_part_goes_by_its_own_rule_and_rate(method: Any, rate: Any, by_hand: tuple[float, ...]) -> None:
    r = run(method=method, rate=rate)
    first, second, most = by_hand
    np.testing.assert_allclose(r.x["W"], adam(12, first, W, 2.0), rtol=1e-12)
    np.testing.assert_allclose(r.x["b"], momentum(12, second, B, 4.0, most), rtol=1e-12)


def test_one_rule_may_have_a_rate_for_each_part() -> None:
    r = run(method="momentum", rate={"W": 0.02, "b": 0.005})
    np.testing.assert_allclose(r.x["W"], momentum(12, 0.02, W, 2.0), rtol=1e-12)
    np.testing.assert_allclose(r.x["b"], momentum(12, 0.005, B, 4.0), rtol=1e-12)
    assert r.method == "momentum"


def test_each_part_may_have_a_schedule_of_its_own() -> None:
    pieces = [(rates.Exponential(end=0.125), 3), "constant"]
    schedule = {"W": "linear", "b": pieces}
    r = run(steps=10, method="sgd", rate={"W": 0.1, "b": 0.02}, schedule=schedule)
    x, y = np.zeros((2, 2)), np.zeros(3)
    for k in range(10):
        x = x - 0.1 * (1 - k / 10) * 2 * (x - W)
        y = y - 0.02 * (0.5**k if k < 3 else 1) * 4 * (y - B)
    np.testing.assert_allclose(r.x["W"], x, rtol=1e-12)
    np.testing.assert_allclose(r.x["b"], y, rtol=1e-12)
    same = run(
        steps=10, method="momentum", rate=0.01, schedule={"W": None, "b": lambda taken: float(taken > 4)}
    )
    np.testing.assert_allclose(same.x["W"], momentum(10, 0.01, W, 2.0), rtol=1e-12)
    assert (
        run(steps=5, method="momentum", rate=0.01, schedule={"b": lambda _: 0.0, "W": None}).x["b"].any() == 0
    )


def test_schedules_of_parts_are_kept_in_a_checkpoint(tmp_path: Path) -> None:
    plateau = rates.Plateau(patience=0, factor=0.5)
    options = {"rate": 0.3, "schedule": {"W": rates.InverseRoot(), "b": plateau}}
    given: dict[str, Any] = {"jac": slope, "method": "momentum", "tol": 0}
    whole = steepest.minimize(value, START, options=options | {"maxiter": 30}, **given)
    kept = tmp_path / "run"
    steepest.minimize(value, START, options=options | {"maxiter": 11}, checkpoint=kept, **given)
    on = steepest.minimize(value, START, options=options | {"maxiter": 30}, checkpoint=kept, **given)
    assert on.resumed == 11
    assert all((on.x[name] == whole.x[name]).all() for name in START)
    steepest.minimize(value, START, options=options | {"maxiter": 11}, checkpoint=kept, **given)
    other = options | {"maxiter": 30, "schedule": {"W": None, "b": plateau}}
    with pytest.raises(InputError, match="checkpoint"):
        steepest.minimize(value, START, options=other, checkpoint=kept, **given)


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ({"W": "cosine"}, "schedule must be given for every part of x0; ['b'] has none"),
        ({"W": None, "b": "cosine"}, "the schedule cosine changes over the whole run"),
        ({"W": None, "b": "cosin"}, "did you mean 'cosine'"),
        ({"W": None, "b": 0.5}, "schedule['b'] must be a schedule"),
    ],
)
def test_schedules_that_cannot_be_are_refused_by_name(schedule: Any, says: str) -> None:
    options = {"rate": 0.1, "schedule": schedule}
    with pytest.raises(InputError, match=re.escape(says)):
        steepest.minimize(value, START, jac=slope, method="sgd", options=options)


def test_a_function_of_the_steps_is_the_rate_of_all() -> None:
    r = run(method={"W": "momentum", "b": "adam"}, rate=lambda taken: 0.01)
    np.testing.assert_allclose(r.x["W"], momentum(12, 0.01, W, 2.0), rtol=1e-12)
    np.testing.assert_allclose(r.x["b"], adam(12, 0.01, B, 4.0), rtol=1e-12)


@pytest.mark.parametrize(
    "method",
    [
        {"W": "muon", "b": "adam"},
        {"W": "dog", "b": "sgd"},
        {"W": ["sgd", "lookahead"], "b": "schedule_free_adamw"},
        {"W": ["sam", "sgd"], "b": "adam"},
    ],
    ids=lambda m: "+".join(map(str, m.values())),
)
def test_with_no_rate_they_find_one_together(method: Any) -> None:
    r = steepest.minimize(value, START, jac=slope, method=method)
    assert r.success
    assert r.fun < 1e-4
    assert all(name in r.method for name in np.ravel(list(method["W"])) if not isinstance(method["W"], str))
    assert r.method.endswith("on ['b']")


def test_a_name_for_a_part_of_parts_is_that_of_all_in_it() -> None:
    @dataclasses.dataclass
    class Layer:
        weight: Any
        bias: Any

    x0 = {"one": Layer(np.ones(2), 1.0), "two": {"a": 1.0, "b": np.ones(2)}}

    def total(x: Any) -> float:
        one, two = x["one"], x["two"]
        return float((one.weight**2).sum() + one.bias**2 + two["a"] ** 2 + (two["b"] ** 2).sum())

    rate = {"one": {"weight": 0.1, "bias": 0.2}, "two": 0.05}
    r = steepest.minimize(total, x0, method="sgd", options={"rate": rate, "maxiter": 1}, tol=0)
    found = [r.x["one"].weight[0], r.x["one"].bias, r.x["two"]["a"], r.x["two"]["b"][1]]
    np.testing.assert_allclose(found, [0.8, 0.6, 0.9, 0.9], rtol=1e-6)


def test_stopped_and_gone_on_with_it_is_the_same(tmp_path: Path) -> None:
    method = {"W": "muon", "b": ["gradient_noise", "adam"]}
    given: dict[str, Any] = {"jac": slope, "method": method, "tol": 0}
    whole = steepest.minimize(value, START, options={"maxiter": 30}, **given)
    kept = tmp_path / "run"
    steepest.minimize(value, START, options={"maxiter": 11}, checkpoint=kept, **given)
    on = steepest.minimize(value, START, options={"maxiter": 30}, checkpoint=kept, **given)
    assert on.resumed == 11
    assert all((on.x[name] == whole.x[name]).all() for name in START)
    steepest.minimize(value, START, options={"maxiter": 11}, checkpoint=kept, **given)
    other = given | {"method": method | {"b": "adam"}}
    with pytest.raises(InputError, match="checkpoint"):
        steepest.minimize(value, START, options={"maxiter": 30}, checkpoint=kept, **other)


def test_descend_steps_so_too() -> None:
    options = {"maxiter": 12, "rate": {"W": 0.02, "b": 0.005}}
    method = {"W": "momentum", "b": "momentum"}
    *_, last = steepest.descend(value, START, jac=slope, method=method, tol=0, options=options)
    np.testing.assert_allclose(last.x["b"], momentum(12, 0.005, B, 4.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("method", "rate", "says"),
    [
        ({"W": "adam"}, None, "['b'] has none"),
        ({"W": "adam", "b": "sgd", "c": "sgd"}, None, "names ['c'], which x0 does not have"),
        ({"W": {"x": "adam"}, "b": "sgd"}, None, "['W'] has none"),
        ({}, None, "['W'] has none"),
        ({"W": "lbfgs", "b": "adam"}, None, "got 'lbfgs' for ['W']"),
        ({"W": "adam", "b": "lbfgs"}, None, "got 'lbfgs' for ['b']"),
        ({"W": "adam", "b": methods.Lbfgs()}, None, "are moved by rules"),
        ({"W": "adam", "b": "adm"}, None, "did you mean 'adam'"),
        ({"W": "adam", "b": "L-BFGS-B"}, None, "no rule is called 'L-BFGS-B'"),
        ({"W": "adam", "b": []}, None, "a chain needs at least one rule"),
        ({"W": "adam", "b": "clip_norm"}, None, "put a rule that takes a step after it"),
        ("adam", {"W": 0.1}, "rate must be given for every part of x0; ['b'] has none"),
        ("adam", {"W": 0.1, "b": 0.0}, "rate['b'] must be a number above 0"),
        ("adam", {"W": 0.1, "b": rates.Cosine()}, "rate['b'] must be a number above 0"),
        ("adam", {"W": "fast", "b": 0.1}, "rate['W'] must be a number above 0"),
        (None, {"W": 0.1, "b": 0.2}, "are moved by rules"),
        ("lbfgs", {"W": 0.1, "b": 0.2}, "rate"),
    ],
)
def test_what_cannot_be_is_refused_by_name(method: Any, rate: Any, says: str) -> None:
    options = {} if rate is None else {"rate": rate}
    with pytest.raises(InputError, match=re.escape(says)):
        steepest.minimize(value, START, jac=slope, method=method, options=options)
    with pytest.raises(InputError, match="need an x0 with names"):
        steepest.minimize(lambda x: float(x @ x), np.ones(3), method={"W": "adam"})
