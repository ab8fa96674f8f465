"""Newton's steps by the second derivatives of a few terms: their optimum, what they read, what they draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logistic_mean import LogisticMean
from numpy.typing import NDArray
from scipy.optimize import lsq_linear
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

import steepest
from steepest.linear import GeneralizedLinear

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
METHOD = "subsampled_newton"
N, D, L2 = 4000, 12, 1e-5
RANDOM = np.random.default_rng(5)
Z = RANDOM.normal(size=(N, D))
#: Directions of which the last is a hundred times as flat as the first, along no axis.
X = (Z * np.geomspace(1.0, 1e-2, D)) @ np.linalg.qr(RANDOM.normal(size=(D, D)))[0]
Y = np.where(Z @ RANDOM.normal(size=D) + RANDOM.logistic(size=N) > 0, 1.0, -1.0)
logistic = LogisticMean(X, Y, L2)
LEAST = logistic.least()


class EnoughReadError(Exception):
    """More terms were asked for than allowed."""


class Counted:
    """The function, and which terms it was asked for."""

    def __init__(self, most: float = np.inf) -> None:
        self.batches: list[Rows] = []
        self.read, self.most = 0, most

    def __call__(self, x: Floats, rows: Rows) -> tuple[float, Floats]:
        self.read += len(rows)
        if self.read > self.most:
            raise EnoughReadError
        if len(rows) < N:
            self.batches.append(np.array(rows))
        return logistic(x, rows)

    def run(self, method: str = METHOD, **options: Any) -> Any:
        terms = steepest.Terms(self, N)
        return steepest.minimize(terms, np.zeros(D), jac=True, method=method, options=options)


@pytest.mark.parametrize(
    "options", [{}, {"sample": 50}, {"sample": N}, {"growing": False}, {"search": "armijo"}]
)
def test_the_least_value_is_reached_and_said(options: dict[str, Any]) -> None:
    r = Counted().run(**options)
    assert r.success, r.message
    best = logistic(LEAST, np.arange(N))[0]
    assert r.fun - best < 1e-8 * best
    np.testing.assert_allclose(r.x, LEAST, rtol=2e-2, atol=2e-2)


def test_fewer_terms_are_read_than_by_gradients_alone() -> None:
    """To the same claim, where one direction is 10 000 times as curved as another."""

    ours = Counted()
    assert ours.run(max_iter=400).success
    for other in ("lbfgs", "svrg", "stochastic_lbfgs"):
        with pytest.raises(EnoughReadError):
            Counted(ours.read / 0.7).run(other, max_iter=400)


def test_terms_are_drawn_once_each_and_all_over() -> None:
    counted = Counted()
    counted.run(growing=False, sample=200, max_iter=8)
    sizes = {len(rows) for rows in counted.batches}
    assert sizes == {200}
    drawn = {rows.tobytes(): rows for rows in counted.batches}
    # As many samples as steps but the first, which knows of no curvature; each is used several times.
    assert 6 <= len(drawn) <= 8 < len(counted.batches)
    for rows in drawn.values():
        assert len(set(rows)) == 200
        np.testing.assert_array_equal(rows // 20, np.arange(200))
    # Within a run of neighbours each is as likely.
    places = np.concatenate(list(drawn.values())) % 20
    counts = np.bincount(places, minlength=20) / len(places)
    assert np.all(np.abs(counts - 0.05) < 0.03)


def test_a_sample_that_is_too_small_grows_and_none_where_it_is_not_to() -> None:
    def sizes(**options: Any) -> list[int]:
        counted = Counted()
        counted.run(sample=15, **options)
        return [len(rows) for rows in counted.batches]

    grown = sizes()
    assert grown[0] == 15
    assert max(grown) >= 120
    assert np.all(np.diff(grown) >= 0)
    assert set(sizes(growing=False)) == {15}


def test_the_same_seed_is_the_same_run() -> None:
    runs = [Counted().run(seed=seed, max_iter=6).x for seed in (4, 4, 5)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_units_of_the_value_and_of_the_variables_change_nothing() -> None:
    """The same value to the tolerance, from variables a hundred thousand times apart in their units."""
    plain = Counted().run()
    unit = 2.0 ** RANDOM.integers(-9, 9, size=D)

    def other(x: Floats, rows: Rows) -> tuple[float, Floats]:
        value, gradient = logistic(x / unit, rows)
        return 1024.0 * value, 1024.0 * gradient / unit

    r = steepest.minimize(
        steepest.Terms(other, N), np.zeros(D), jac=True, method=METHOD, options={"max_iter": 60}
    )
    assert r.success
    assert plain.success
    np.testing.assert_allclose(r.fun / 1024.0, plain.fun, rtol=1e-9)


def test_bounds_hold() -> None:
    target = X @ np.linspace(-1, 1, D) + 0.1 * RANDOM.normal(size=N)

    def squares(x: Floats, rows: Rows) -> tuple[float, Floats]:
        off = X[rows] @ x - target[rows]
        return float(0.5 * np.mean(off**2)), X[rows].T @ off / len(rows)

    bounds = [(-0.3, 0.4)] * D
    r = steepest.minimize(steepest.Terms(squares, N), np.zeros(D), jac=True, method=METHOD, bounds=bounds)
    theirs = lsq_linear(X, target, (-0.3, 0.4), tol=1e-14)
    assert r.success, r.message
    assert r.fun - theirs.cost / N <= 1e-7 * r.fun
    assert np.all((r.x >= -0.3) & (r.x <= 0.4))


@pytest.mark.parametrize("penalty", [("l2", 0.3), ("smooth_l1", 0.01)])
def test_a_smooth_penalty_bends_too(penalty: tuple[str, float]) -> None:
    terms = steepest.Terms(logistic, N)
    r = steepest.minimize(terms, np.zeros(D), jac=True, penalty=penalty, method=METHOD)
    other = steepest.minimize(terms, np.zeros(D), jac=True, penalty=penalty, method="bfgs", tol=1e-12)
    assert r.success, r.message
    assert r.fun - other.fun <= 1e-7 * other.fun


@pytest.mark.parametrize("kind", ["dense", "float32", "sparse", "weighted", "rare"])
def test_tables_are_proved_and_are_scikit_learns(kind: str) -> None:
    """A table's second derivatives are had from its rows, by runs of them that are read where they lie."""
    x = {"float32": X.astype(np.float32), "sparse": csr_array(np.where(np.abs(X) > 0.3, X, 0.0))}.get(kind, X)
    y, weight = Y, None
    if kind == "rare":
        y = np.where(np.arange(N) % 37 == 0, Y, -1.0)
    if kind == "weighted":
        weight = RANDOM.integers(0, 4, size=N).astype(float)
    alpha = 1e-4
    ours = GeneralizedLinear("logistic", "l2", alpha, method=METHOD, tol=1e-8).fit(x, y, sample_weight=weight)
    total = N if weight is None else weight.sum()
    theirs = LogisticRegression(C=1 / (alpha * total), tol=1e-12, max_iter=20_000, solver="newton-cholesky")
    theirs.fit(x.astype(float), y, sample_weight=weight)
    assert ours.result_.success
    assert ours.result_.certificate["kind"] == "duality_gap"
    np.testing.assert_allclose(ours.coef_.ravel(), theirs.coef_.ravel(), rtol=1e-2, atol=1e-2)
    mass = np.ones(N) if weight is None else weight
    signs = np.where(y > 0, 1.0, -1.0)

    def loss(coef: Floats, intercept: Floats) -> float:
        margin = np.asarray(x.astype(float) @ coef.ravel()) + intercept
        return float(mass @ np.logaddexp(0, -signs * margin) / total + 0.5 * alpha * np.sum(coef**2))

    assert loss(ours.coef_, ours.intercept_) - loss(theirs.coef_, theirs.intercept_) <= 1e-8


def test_softmax_over_a_table() -> None:
    classes = np.argmax(Z[:, :3] + RANDOM.gumbel(size=(N, 3)), axis=1)
    ours, other = (
        GeneralizedLinear("softmax", "l2", 1e-4, method=method, tol=1e-8).fit(X, classes)
        for method in (METHOD, "progressive")
    )
    assert ours.result_.success
    np.testing.assert_allclose(ours.predict_proba(X), other.predict_proba(X), atol=1e-3)
