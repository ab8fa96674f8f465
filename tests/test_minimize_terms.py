"""Means of many terms: rules see them in batches, everything else sees a function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import steepest
from steepest import rules
from steepest.errors import InputError

Floats = NDArray[np.float64]
N = 400
RANDOM = np.random.default_rng(7)
T = RANDOM.normal(size=(N, 3))
Y = T @ [1.0, -2.0, 3.0] + 0.1 * RANDOM.normal(size=N)
LEAST = np.linalg.lstsq(T, Y, rcond=None)[0]


def value(x: Floats, rows: NDArray[np.int64]) -> float:
    off = T[rows] @ x - Y[rows]
    return float(0.5 * (off @ off) / len(rows))


def slope(x: Floats, rows: NDArray[np.int64]) -> Floats:
    return T[rows].T @ (T[rows] @ x - Y[rows]) / len(rows)


def both(x: Floats, rows: NDArray[np.int64]) -> tuple[float, Floats]:
    return value(x, rows), slope(x, rows)


def test_without_batches_it_is_the_function_of_all_terms() -> None:
    result = steepest.minimize(steepest.Terms(both, N), np.zeros(3), jac=True)
    assert result.success
    np.testing.assert_allclose(result.x, LEAST, atol=1e-6)
    by_differences = steepest.minimize(steepest.Terms(value, N), np.zeros(3))
    np.testing.assert_allclose(by_differences.x, LEAST, atol=1e-5)


@pytest.mark.parametrize("method", ["sgd", "adam", "momo_adam", [rules.ClipNorm(2.0), "momentum"]])
@pytest.mark.parametrize("own", [True, False])
def test_batches_lead_near_the_least_value(method: Any, own: bool) -> None:
    terms = steepest.Terms(value if own else both, N)
    options = {"batch_size": 16, "epochs": 10}
    result = steepest.minimize(terms, np.zeros(3), jac=slope if own else True, method=method, options=options)
    assert result.fun < value(LEAST, np.arange(N)) + 1e-3
    assert not result.success, "batches do not tell how far the optimum is"


def test_each_epoch_asks_for_every_term_once() -> None:
    asked: list[NDArray[np.int64]] = []

    def fun(x: Floats, rows: NDArray[np.int64], shift: float) -> tuple[float, Floats]:
        asked.append(rows.copy())
        return both(x - shift, rows)

    options = {"batch_size": 16, "epochs": 3, "rate": 0.01, "seed": 5}
    result = steepest.minimize(
        steepest.Terms(fun, N), np.zeros(3), args=(0.0,), jac=True, method="sgd", options=options
    )
    batches = [rows for rows in asked if len(rows) < N]
    assert result.nit == 3
    assert result.passes == pytest.approx(3)
    for epoch in range(3):
        seen = np.concatenate(batches[epoch * 25 : (epoch + 1) * 25])
        np.testing.assert_array_equal(np.sort(seen), np.arange(N))
    assert not np.array_equal(batches[0], np.arange(16))
    again = steepest.minimize(steepest.Terms(both, N), np.zeros(3), jac=True, method="sgd", options=options)
    np.testing.assert_array_equal(again.x, result.x)


def test_parts_have_names_in_batches_too() -> None:
    def fun(x: dict[str, Any], rows: NDArray[np.int64]) -> tuple[float, dict[str, Any]]:
        f, g = both(np.append(x["a"], x["b"]), rows)
        return f, {"a": g[:2], "b": g[2]}

    options = {"batch_size": 16, "rate": 0.05, "schedule": "cosine"}
    result = steepest.minimize(
        steepest.Terms(fun, N), {"a": np.zeros(2), "b": 0.0}, jac=True, method="adam", options=options
    )
    np.testing.assert_allclose(np.append(result.x["a"], result.x["b"]), LEAST, atol=0.02)


def test_what_is_no_mean_of_terms_is_refused() -> None:
    with pytest.raises(InputError, match="as steepest"):
        steepest.minimize(lambda x: x @ x, [1.0], method="sgd", options={"batch_size": 4})
    with pytest.raises(InputError, match="its gradient"):
        steepest.minimize(steepest.Terms(value, N), np.zeros(3), method="sgd", options={"batch_size": 4})
    for n in (0, -1, 2.5, True, 2**40):
        with pytest.raises(InputError, match="whole number"):
            steepest.Terms(value, n)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="function of x and rows"):
        steepest.Terms(3, N)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="value, gradient"):
        steepest.minimize(steepest.Terms(value, N), np.zeros(3), jac=True)


def test_an_error_inside_a_batch_comes_out_as_itself() -> None:
    def fun(x: Floats, rows: NDArray[np.int64]) -> tuple[float, Floats]:
        if len(rows) < N:
            raise ZeroDivisionError("inside")
        return both(x, rows)

    with pytest.raises(ZeroDivisionError, match="inside"):
        steepest.minimize(
            steepest.Terms(fun, N), np.zeros(3), jac=True, method="adam", options={"batch_size": 4}
        )


@pytest.mark.parametrize("method", ["svrg", "saga", "stochastic_lbfgs", "subsampled_newton"])
def test_methods_for_means_say_what_they_are_to_be_given(method: str) -> None:
    mean = steepest.Terms(lambda x, rows: float(((x[0] - rows) ** 2).mean()), 9)
    for fun in (mean, lambda x: x @ x):
        with pytest.raises(InputError, match=rf"{method} cannot handle .* mean .*Terms.*jac=True"):
            steepest.minimize(fun, [0.0], method=method)
