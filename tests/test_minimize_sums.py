"""Methods for means of many terms: their optimum against scikit-learn's and numpy's, their rate, what they draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logistic_mean import LogisticMean
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

import steepest
from steepest.errors import InputError
from steepest.linear import GeneralizedLinear

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
METHODS = ["svrg", "saga", "stochastic_lbfgs"]
#: Those that draw terms in other ways too.
ALL = [*METHODS, "subsampled_newton"]
SAMPLINGS = ["shuffle", "replacement", "blocks", "importance"]
N, D = 600, 8
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(N, D)) * np.geomspace(0.5, 2.0, D)
Y = np.where(X @ RANDOM.normal(size=D) + RANDOM.normal(size=N) > 0, 1.0, -1.0)
L2 = 1e-2
logistic = LogisticMean(X, Y, L2)
LEAST = logistic.least()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", [0, 7])
def test_the_least_value_is_reached_and_said(method: str, sampling: str, size: int) -> None:
    terms = steepest.Terms(logistic, N)
    options = {"batch_size": size, "sampling": sampling, "seed": 1}
    r = steepest.minimize(terms, np.zeros(D), jac=True, method=method, options=options)
    assert r.success, r.message
    assert r.fun - logistic.whole(LEAST) < 1e-8 * logistic.whole(LEAST)
    np.testing.assert_allclose(r.x, LEAST, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_the_gap_falls_by_a_factor_an_epoch(method: str) -> None:
    """Linear convergence, which a rule over batches of the same passes has not."""
    terms = steepest.Terms(logistic, N)

    def gap(method: str, **options: Any) -> float:
        r = steepest.minimize(terms, np.zeros(D), jac=True, method=method, options=options)
        return float(r.fun - logistic.whole(LEAST))

    start = logistic.whole(np.zeros(D)) - logistic.whole(LEAST)
    gaps = [gap(method, max_iter=k, batch_size=2) for k in (4, 8, 12)]
    assert gaps[0] < 0.05 * start
    assert gaps[1] < 0.1 * gaps[0]
    assert gaps[2] < max(0.1 * gaps[1], 1e-14)
    assert gaps[2] < 0.1 * gap("sgd", epochs=24, batch_size=2)


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("method", ["svrg", "saga"])
def test_tables_are_proved_and_are_scikit_learns(method: str, penalty: str) -> None:
    """By the same steps from a table; scikit-learn's saga has the sum of losses times C in the place of their mean."""
    alpha = 1e-2
    ours = GeneralizedLinear("logistic", penalty, alpha, method=method, tol=1e-8).fit(X, Y)
    # Both penalties together: l1_ratio alone says which, in any version.
    theirs = LogisticRegression(
        C=1 / (alpha * N), l1_ratio=float(penalty == "l1"), solver="saga", tol=1e-12, max_iter=20_000
    )
    theirs.fit(X, Y)
    assert ours.result_.success
    assert ours.result_.certificate["kind"] == "duality_gap"
    np.testing.assert_allclose(ours.coef_.ravel(), theirs.coef_.ravel(), atol=2e-4)


@pytest.mark.parametrize("method", ["svrg", "saga"])
@pytest.mark.parametrize("penalty", [("l1", 0.05), "simplex", ("l2", 0.5)])
def test_a_prox_is_taken_after_each_step(method: str, penalty: Any) -> None:
    terms = steepest.Terms(logistic, N)
    given = {"jac": True, "penalty": penalty}
    r = steepest.minimize(terms, np.full(D, 1 / D), method=method, **given)
    other = steepest.minimize(terms, np.full(D, 1 / D), method="fista", tol=1e-10, **given)
    assert r.success, r.message
    np.testing.assert_allclose(r.x, other.x, atol=1e-3)
    np.testing.assert_array_equal(r.x == 0, other.x == 0)


@pytest.mark.parametrize("method", ALL)
def test_a_wrong_gradient_is_called_so(method: str) -> None:
    def forgotten(x: Floats, rows: Rows) -> tuple[float, Floats]:
        value, gradient = logistic(x, rows)
        gradient[3] = 0.0
        return value, gradient

    r = steepest.minimize(steepest.Terms(forgotten, N), np.full(D, 0.3), jac=True, method=method)
    assert not r.success
    assert r.outcome == "gradient_inconsistent"


@pytest.mark.parametrize("method", ALL)
def test_a_saddle_is_no_minimum(method: str) -> None:
    """The mean of t⁴/4 − t²/2 by t = x′w about 0, where the slope is 0 and all ways but 0 lead down."""

    def fun(x: Floats, rows: Rows) -> tuple[float, Floats]:
        t = X[rows] @ x
        with np.errstate(over="ignore"):
            return float(np.mean(t**4 / 4 - t**2 / 2)), X[rows].T @ (t**3 - t) / len(rows)

    r = steepest.minimize(
        steepest.Terms(fun, N), np.zeros(D), jac=True, method=method, options={"maxiter": 50}
    )
    assert r.fun < -0.01
    assert not r.success or np.abs(fun(r.x, np.arange(N))[1]).max() < 1e-3


def test_what_has_no_terms_is_refused() -> None:
    for method in ALL:
        with pytest.raises(InputError, match="mean of"):
            steepest.minimize(lambda x: x @ x, np.ones(2), jac=lambda x: 2 * x, method=method)
    with pytest.raises(InputError, match="sampling"):
        steepest.minimize(
            steepest.Terms(logistic, N), np.zeros(D), jac=True, method="saga", options={"sampling": "sorted"}
        )


def test_heavy_terms_are_drawn_more_often_by_importance() -> None:
    seen = np.zeros(N)
    heavy = np.arange(N) < 20

    def fun(x: Floats, rows: Rows) -> tuple[float, Floats]:
        if len(rows) < N:
            seen[rows] += 1
        weight = np.where(heavy[rows], 30.0, 0.1)
        off = X[rows] @ x - 1.0
        return float(np.mean(weight * off**2) / 2), X[rows].T @ (weight * off) / len(rows)

    for method, options in (
        ("sgd", {"rate": 1e-3, "epochs": 10, "batch_size": 1}),
        ("svrg", {"batch_size": 1}),
    ):
        seen[:] = 0
        r = steepest.minimize(
            steepest.Terms(fun, N),
            np.zeros(D),
            jac=True,
            method=method,
            options={"sampling": "importance", "max_iter": 10, **options},
        )
        assert np.isfinite(r.fun)
        assert seen[heavy].mean() > 3 * seen[~heavy].mean(), method


def test_batches_grow_where_noise_hides_the_gradient() -> None:
    sizes: list[int] = []

    def fun(x: Floats, rows: Rows) -> tuple[float, Floats]:
        if len(rows) < N:
            sizes.append(len(rows))
        return logistic(x, rows)

    def run(growing: bool) -> float:
        sizes.clear()
        options = {"batch_size": 4, "growing": growing, "rate": 0.5, "epochs": 30}
        r = steepest.minimize(steepest.Terms(fun, N), np.zeros(D), jac=True, method="sgd", options=options)
        return float(r.fun - logistic.whole(LEAST))

    at_4 = run(False)
    assert max(sizes) == 4
    grown = run(True)
    assert max(sizes) >= 64
    assert grown < 0.1 * at_4, "a rate that stays has a floor, which larger batches lower"


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_is_the_same_run(method: str) -> None:
    def run(seed: int) -> Floats:
        options = {"seed": seed, "max_iter": 2, "batch_size": 5}
        r = steepest.minimize(
            steepest.Terms(logistic, N), np.zeros(D), jac=True, method=method, options=options
        )
        return np.asarray(r.x)

    np.testing.assert_array_equal(run(4), run(4))
    assert not np.array_equal(run(4), run(5))
