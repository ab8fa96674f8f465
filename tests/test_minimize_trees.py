"""A start with parts: the function, its derivatives, the bounds and the result have them too."""

from __future__ import annotations

import dataclasses
import pickle
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import steepest
from steepest.errors import InputError
from steepest.trees import Tree, is_tree


@dataclasses.dataclass
class Layer:
    weight: NDArray[np.float64]
    bias: float = 0.0


class Pair(NamedTuple):
    a: NDArray[np.float64]
    b: NDArray[np.float64]


W = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])


def spread(x: Any) -> NDArray[np.float64]:
    """All leaves of a structure, by this file's own walk."""
    if dataclasses.is_dataclass(x):
        x = [getattr(x, f.name) for f in dataclasses.fields(x)]
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, list | tuple):
        return np.concatenate([spread(part) for part in x])
    return np.ravel(np.asarray(x, dtype=np.float64))


STARTS = [
    {"W": np.zeros((2, 3)), "b": 0.0},
    OrderedDict(W=np.zeros((2, 3)), b=np.zeros(1)),
    defaultdict(float, W=np.zeros((2, 3)), b=0.0),
    Layer(np.zeros((2, 3))),
    [np.zeros((2, 3)), 0.0],
    (np.zeros((2, 3)), {"b": 0.0}),
    Pair(np.zeros((2, 3)), np.zeros(1)),
    {"one": Layer(np.zeros(3)), "two": [np.zeros(2), {"three": 0.0}]},
    {"only": np.zeros((7, 1))},
]
RIGHT = np.append(W.ravel(), 4.0)


@pytest.mark.parametrize("x0", STARTS, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize("method", [None, "newton", "muon", "gradient_descent"])
def test_comes_back_as_it_was_given(x0: Any, gradient: bool, method: str | None) -> None:
    tree = Tree(x0)
    fun = lambda x: float(((spread(x) - RIGHT) ** 2).sum())  # noqa: E731
    jac = (lambda x: tree.build(2 * (spread(x) - RIGHT))) if gradient else None
    hess = (lambda x: 2 * np.eye(7)) if method == "newton" else None
    result = steepest.minimize(fun, x0, jac=jac, hess=hess, method=method)
    assert result.success
    np.testing.assert_allclose(spread(result.x), RIGHT, atol=2e-4)
    assert type(result.x) is type(x0)
    assert [np.shape(leaf) for leaf in tree.leaves(result.x).values()] == list(tree.shapes)
    assert tree.leaves(result.x).keys() == tree.leaves(result.jac).keys()
    assert spread(x0).max() == 0
    assert str(result)
    pickle.loads(pickle.dumps(dict(result)))


def test_parts_that_hold_one_another_are_refused() -> None:
    x0: dict[str, Any] = {"a": 0.0}
    x0["b"] = x0
    with pytest.raises(InputError, match="nested less deep"):
        steepest.minimize(lambda x: 0.0, x0)


def test_the_same_steps_as_one_vector() -> None:
    """But for rules over matrices, names change nothing: the same points, to the bit."""
    valley = steepest.problems.rosenbrock
    flat = steepest.minimize(valley, [-1.2, 1.0], jac=valley.grad, path=True)
    named = steepest.minimize(
        lambda x: valley(np.array([x["u"], x["v"]])),
        {"u": -1.2, "v": 1.0},
        jac=lambda x: dict(zip("uv", valley.grad(np.array([x["u"], x["v"]])), strict=True)),
        path=True,
    )
    np.testing.assert_array_equal(named.path, flat.path)


def test_a_matrix_among_the_parts_is_one_to_muon() -> None:
    fun = lambda W: float(((W - np.ones((3, 4))) ** 2).sum())  # noqa: E731
    options = {"rate": 0.01, "maxiter": 20}
    alone = steepest.minimize(fun, np.zeros((3, 4)), method="muon", options=options)
    named = steepest.minimize(lambda x: fun(x["W"]), {"W": np.zeros((3, 4))}, method="muon", options=options)
    vector = steepest.minimize(lambda x: fun(x.reshape(3, 4)), np.zeros(12), method="muon", options=options)
    np.testing.assert_array_equal(named.x["W"], alone.x)
    assert not np.allclose(vector.x.reshape(3, 4), alone.x)


def test_all_that_is_handed_out_has_the_parts() -> None:
    fun = lambda x: (float(x["a"] @ x["a"] + x["b"] ** 2), {"b": 2 * x["b"], "a": 2 * x["a"]})  # noqa: E731
    start = {"a": np.ones(2), "b": 3.0}
    seen: list[Any] = []
    steepest.minimize(fun, start, jac=True, callback=lambda x: seen.append(x["a"].shape))
    steepest.minimize(fun, start, jac=True, callback=lambda intermediate_result: seen.append(
        intermediate_result.x["a"].shape))  # fmt: skip
    assert set(seen) == {(2,)}
    for step in steepest.descend(fun, start, jac=True):
        assert step.x.keys() == step.gradient.keys() == start.keys()
    several = steepest.minimize(fun, start, jac=True, starts=[start, {"a": np.zeros(2), "b": -1.0}])
    assert several.x["b"] == pytest.approx(0, abs=1e-9)
    table = steepest.compare(fun, ["lbfgs", "adam"], start, jac=True)
    assert table["adam"].x["a"].shape == (2,)
    products = steepest.minimize(
        lambda x: fun(x)[0],
        start,
        jac=lambda x: fun(x)[1],
        hessp=lambda x, p: {"a": 2 * p["a"], "b": 2 * p["b"]},
        method="newton",
    )
    assert products.success


def test_bounds_by_name() -> None:
    fun = lambda x: float(((x["W"] - W) ** 2).sum() + (x["b"] - 4) ** 2)  # noqa: E731
    start = {"W": np.full((2, 3), 0.25), "b": 0.5}
    low = np.where(W > 0.2, -np.inf, 0.2)
    result = steepest.minimize(fun, start, bounds={"W": (low, None), "b": (None, 1.5)})
    np.testing.assert_allclose(result.x["W"], np.maximum(W, 0.2), atol=1e-5)
    assert result.x["b"] == 1.5
    nested = {"one": {"two": start}}
    inside = steepest.minimize(lambda x: fun(x["one"]["two"]), nested, bounds={"one": {"two": {"b": (0, 1)}}})
    assert inside.x["one"]["two"]["b"] == 1
    # one pair for all in a part, the nearest for each
    both = steepest.minimize(lambda x: fun(x["one"]), {"one": start}, bounds={"one": (0, 2)})
    np.testing.assert_allclose(both.x["one"]["W"], np.clip(W, 0, 2), atol=1e-5)
    assert both.x["one"]["b"] == 2


def test_fields_of_dataclasses_are_names_too() -> None:
    fun = lambda x: float(((x.weight - W) ** 2).sum() + (x.bias - 4) ** 2)  # noqa: E731
    start = Layer(np.full((2, 3), 0.5), 0.5)
    for bounds in ({"weight": (0, 2)}, Layer((0, 2), None)):  # type: ignore[arg-type]
        r = steepest.minimize(fun, start, bounds=bounds)
        np.testing.assert_allclose(r.x.weight, np.clip(W, 0, 2), atol=1e-5)
        assert abs(r.x.bias - 4) < 1e-5
    with pytest.raises(InputError, match=r"bounds name \['weigth'\], which x0 does not have; it has .weight"):
        steepest.minimize(fun, start, bounds={"weigth": (0, 2)})


def test_parts_are_no_labels_and_no_starts() -> None:
    fun = lambda x: float(((x["W"] - W) ** 2).sum() + (x["b"] - 4) ** 2)  # noqa: E731
    start = {"W": np.zeros((2, 3)), "b": 0.0}
    each = {"W": "adam", "b": "sgd"}
    with pytest.raises(InputError, match="put them in a list"):
        steepest.compare(fun, each, start)
    assert list(steepest.compare(fun, [each, "lbfgs"], start)) == ["adam on W, sgd on b", "lbfgs"]
    with pytest.raises(InputError, match="a list of points, each with the parts of x0"):
        steepest.minimize(fun, start, starts={"W": np.zeros((4, 2, 3)), "b": np.zeros(4)})


@pytest.mark.parametrize(
    ("x0", "keywords", "says"),
    [
        ({}, {}, "at least one entry"),
        ({"a": "text"}, {}, r"x0\['a'\] must be a number"),
        ({"a": None}, {}, r"x0\['a'\] must be a number"),
        ({"a": np.ma.masked_array([1.0], [True])}, {}, "masked"),
        ({"a": 1 + 2j}, {}, "real"),
        ({"a": np.inf}, {}, "finite"),
        ({"a": 1.0}, {"jac": lambda x: {"b": 1.0}}, r"the gradient .*\['a'\] is missing"),
        ({"a": 1.0}, {"jac": lambda x: {"a": 1.0, "b": 1.0}}, r"it has \['b'\] too"),
        ({"a": np.ones(2)}, {"jac": lambda x: {"a": np.ones(3)}}, "must have the shape"),
        ({"a": 1.0}, {"jac": lambda x: np.ones(1)}, "must have the parts"),
        ({"a": 1.0}, {"bounds": {"b": (0, 1)}}, "which x0 does not have"),
        ({"a": 1.0}, {"bounds": {"a": 3}}, "pair"),
        ({"a": np.ones(2)}, {"bounds": {"a": (np.zeros(3), None)}}, "shape"),
        ({"a": 1.0}, {"bounds": {"a": (2, 1)}}, "low <= high"),
        ([1.0], {"bounds": {"a": (0, 1)}}, "need an x0 with names"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(x0: Any, keywords: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        steepest.minimize(lambda x: float(spread(x) @ spread(x)), x0, **keywords)


def test_lists_of_numbers_are_arrays() -> None:
    assert not is_tree([1.0, 2.0])
    assert not is_tree([[1.0], [2.0]])
    assert not is_tree(np.zeros(3))
    assert not is_tree(Layer)
    assert is_tree([np.zeros(1)])
