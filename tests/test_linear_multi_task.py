"""Several targets whose columns are kept or dropped together, judged by a method and a bound written here."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import linear_model

from steepest import ElasticNet, Lasso, MultiTaskElasticNet, MultiTaskLasso, Ridge
from steepest.errors import InputError, NotConverged

LONG = np.longdouble


def rows(seed, n=60, d=12, t=3, kind="plain"):
    """A table of some kind, and targets of a few of its columns."""
    draw = np.random.default_rng(seed)
    X = draw.standard_normal((n, d))
    if kind == "correlated":
        X = 0.05 * X + draw.standard_normal((n, 1))
    if kind == "raw":
        X = X * 10.0 ** draw.uniform(-3, 3, d) + 10.0 ** draw.uniform(-3, 4, d)
    if kind == "doubled":
        X[:, d // 2 :] = X[:, : d - d // 2]
    W = np.where(draw.random((d, 1)) < 0.4, draw.standard_normal((d, t)), 0.0)
    centred = (X - X.mean(0)) / X.std(0)
    Y = centred @ W + 0.3 * draw.standard_normal((n, t)) + 5.0 * draw.standard_normal(t)
    return X, Y


def shares(weight, n):
    weight = np.ones(n) if weight is None else weight
    return (np.asarray(weight, dtype=LONG) / np.sum(weight, dtype=LONG))[:, None]


def objective(model, X, Y, alpha, ratio, weight=None):
    """The objective at a model's own coefficients, in long doubles."""
    W = np.asarray(model.coef_, dtype=LONG)
    left = Y.astype(LONG) - X.astype(LONG) @ W.T - np.asarray(model.intercept_, dtype=LONG)
    loss = 0.5 * np.sum(shares(weight, len(X)) * left**2)
    return float(loss + alpha * (ratio * np.sqrt((W**2).sum(0)).sum() + 0.5 * (1 - ratio) * (W**2).sum()))


def least(X, Y, alpha, ratio, weight=None, intercept=True):
    """A value that no coefficients undercut, by block descent in long doubles and its dual; and how close that is."""
    share = shares(weight, len(X))
    X, Y = X.astype(LONG), Y.astype(LONG)
    if intercept:
        X, Y = X - (share * X).sum(0), Y - (share * Y).sum(0)
    lengths, ridge = LONG(alpha * ratio), LONG(alpha * (1 - ratio))
    W, R = np.zeros((X.shape[1], Y.shape[1]), dtype=LONG), Y.copy()
    square = (share * X**2).sum(0)
    for sweep in range(100_000):
        for j in np.flatnonzero(square):
            u = X[:, j] @ (share * R) + square[j] * W[j]
            size = np.sqrt(u @ u)
            new = u * max(LONG(0), 1 - lengths / size) / (square[j] + ridge) if size else 0 * u
            R += np.outer(X[:, j], W[j] - new)
            W[j] = new
        if sweep % 10:
            continue
        slopes = np.sqrt(((X.T @ (share * R)) ** 2).sum(1))
        value = (
            0.5 * (share * R**2).sum() + lengths * np.sqrt((W**2).sum(1)).sum() + 0.5 * ridge * (W**2).sum()
        )
        c = 1 if ridge else min(LONG(1), lengths / max(slopes.max(), LONG(1e-300)))
        past = np.maximum(c * slopes - lengths, 0) if ridge else 0 * slopes
        dual = (share * (c * Y * R - 0.5 * c * c * R**2)).sum()
        dual -= (past**2).sum() / (2 * ridge) if ridge else 0
        if value - dual <= 1e-11 * value:
            return float(dual), float(value)
    raise AssertionError(f"the oracle itself did not end: {value - dual} of {value}")


def largest(X, Y):
    """From which alpha on all coefficients are 0, for a ratio of 1."""
    return np.sqrt((((X - X.mean(0)).T @ (Y - Y.mean(0))) ** 2).sum(1)).max() / len(X)


def holds(model, X, Y, alpha, ratio, weight=None, intercept=True):
    """What is claimed is so: the value, and the bound beside a value that nothing undercuts."""
    result, value = model.result_, objective(model, X, Y, alpha, ratio, weight)
    low, high = least(X, Y, alpha, ratio, weight, intercept)
    assert result.success, result.message
    assert result.certificate["kind"] == "duality_gap"
    assert result.fun == pytest.approx(value, rel=1e-10)
    assert value - high <= result.certificate["bound"] <= 1e-6 * value
    assert low * (1 - 1e-12) <= value <= high * (1 + 1.1e-6)


@pytest.mark.parametrize("kind", ["plain", "correlated", "raw", "doubled"])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("share", [0.3, 0.03])
def test_the_optimum_with_a_proof(kind, ratio, share):
    X, Y = rows(1, kind=kind)
    alpha = share * largest(X, Y) / ratio
    if kind == "raw" and ratio < 1:
        alpha *= 0.1
    model = MultiTaskElasticNet(alpha=alpha, l1_ratio=ratio).fit(X, Y)
    holds(model, X, Y, alpha, ratio)
    assert np.array_equal(np.any(model.coef_ != 0, axis=0), np.all(model.coef_ != 0, axis=0))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(3, 25),
    st.integers(1, 30),
    st.integers(1, 5),
    st.sampled_from([1.0, 0.7]),
    st.floats(0.05, 0.9),
    st.booleans(),
)
def test_any_shape(seed, n, d, t, ratio, share, intercept):
    X, Y = rows(seed, n, d, t)
    weight = np.random.default_rng(seed).integers(0, 3, n).astype(float)
    weight[:2] = 1.0
    alpha = share * largest(X, Y)
    model = MultiTaskElasticNet(alpha=alpha, l1_ratio=ratio, fit_intercept=intercept).fit(X, Y, weight)
    holds(model, X, Y, alpha, ratio, weight, intercept)


def test_more_columns_than_rows_and_more_in_use():
    X, Y = rows(3, n=40, d=150, t=6)
    alpha = 0.02 * largest(X, Y)
    model = MultiTaskLasso(alpha=alpha).fit(X, Y)
    assert np.any(model.coef_ != 0, axis=0).sum() > 40
    value = objective(model, X, Y, alpha, 1.0)
    assert model.result_.fun == pytest.approx(value, rel=1e-10)
    assert model.dual_gap_ <= 1e-6 * value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = linear_model.MultiTaskLasso(alpha=alpha, tol=1e-9, max_iter=100_000).fit(X, Y)
    assert value - objective(theirs, X, Y, alpha, 1.0) <= model.dual_gap_


def test_columns_far_from_zero_keep_their_digits():
    X, Y = rows(4)
    far = X + 1e9 * np.arange(1, 13)
    near = far - 1e9 * np.arange(1, 13)  # exact: what the far ones are, beside 0
    alpha = 0.1 * largest(near, Y)
    a, b = (
        MultiTaskLasso(alpha=alpha, tol=1e-10).fit(far, Y),
        MultiTaskLasso(alpha=alpha, tol=1e-10).fit(near, Y),
    )
    assert a.result_.success
    np.testing.assert_allclose(a.coef_, b.coef_, rtol=1e-4, atol=1e-6)
    assert a.result_.fun == pytest.approx(b.result_.fun, rel=1e-9)


def test_one_target_is_the_lasso():
    X, Y = rows(5, t=1)
    ours, lasso = (
        MultiTaskLasso(alpha=0.05, tol=1e-10).fit(X, Y),
        Lasso(alpha=0.05, tol=1e-10).fit(X, Y[:, 0]),
    )
    assert ours.coef_.shape == (1, 12)
    np.testing.assert_allclose(ours.coef_[0], lasso.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, [lasso.intercept_], atol=1e-6)


def test_without_lengths_each_target_is_its_own():
    X, Y = rows(6)
    ours = MultiTaskElasticNet(alpha=0.3, l1_ratio=0.0, tol=1e-10).fit(X, Y)
    ridge = Ridge(alpha=0.3 * len(X)).fit(X, Y)
    np.testing.assert_allclose(ours.coef_, ridge.coef_, rtol=1e-4, atol=1e-6)
    free = MultiTaskLasso(alpha=0.0).fit(X, Y)
    theirs = linear_model.LinearRegression().fit(X, Y)
    np.testing.assert_allclose(free.coef_, theirs.coef_, rtol=1e-8)
    apart = ElasticNet(alpha=0.3, l1_ratio=0.0, tol=1e-10).fit(X, Y)
    assert ours.dual_gap_ == pytest.approx(np.sum(apart.dual_gap_), abs=1e-9)


@pytest.mark.parametrize("layout", ["float32", "fortran", "sparse", "strided"])
def test_any_layout_is_the_same_problem(layout):
    X, Y = rows(7)
    X = np.where(np.abs(X) < 0.7, 0.0, X)
    alpha = 0.1 * largest(X, Y)
    given = {
        "float32": lambda: X.astype(np.float32),
        "fortran": lambda: np.asfortranarray(X),
        "sparse": lambda: sparse.csr_array(X),
        "strided": lambda: np.repeat(X, 2, axis=1)[:, ::2],
    }[layout]()
    before = given.copy()
    model = MultiTaskLasso(alpha=alpha).fit(given, Y)
    holds(model, given.toarray() if layout == "sparse" else given.astype(float), Y, alpha, 1.0)
    assert model.coef_.dtype == (np.float32 if layout == "float32" else np.float64)
    assert abs(given - before).max() == 0
    np.testing.assert_allclose(model.predict(given), given @ model.coef_.T + model.intercept_)


def test_a_weight_is_so_many_rows():
    X, Y = rows(8)
    weight = np.arange(60) % 4
    long = np.repeat(np.arange(60), weight)
    a = MultiTaskLasso(alpha=0.05, tol=1e-10).fit(X, Y, weight)
    b = MultiTaskLasso(alpha=0.05, tol=1e-10).fit(X[long], Y[long])
    np.testing.assert_allclose(a.coef_, b.coef_, atol=1e-6)


def test_warm_starts_and_budgets():
    X, Y = rows(9, n=80, d=400, t=4)
    alpha = 0.02 * largest(X, Y)
    model = MultiTaskLasso(alpha=alpha, warm_start=True).fit(X, Y)
    assert model.n_iter_ > 1
    assert model.fit(X, Y).result_.nit == 0
    with pytest.warns(NotConverged, match="max_iter"):
        short = MultiTaskLasso(alpha=alpha, max_iter=1).fit(X, Y)
    assert not short.result_.success
    value = objective(short, X, Y, alpha, 1.0)
    assert value - objective(model, X, Y, alpha, 1.0) <= short.dual_gap_


def test_large_alpha_leaves_only_the_means():
    X, Y = rows(10)
    model = MultiTaskLasso(alpha=1.01 * largest(X, Y)).fit(X, Y)
    assert not model.coef_.any()
    np.testing.assert_allclose(model.intercept_, Y.mean(0))
    constant = MultiTaskLasso(alpha=0.1).fit(np.ones((5, 2)), Y[:5])
    assert constant.result_.success
    assert not constant.coef_.any()


def test_bad_input_is_named():
    X, Y = rows(11)
    with pytest.raises(ValueError, match="For mono-task outputs, use Lasso"):
        MultiTaskLasso().fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="For mono-task outputs, use ElasticNet"):
        MultiTaskElasticNet().fit(X, Y[:, 0])
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="column 2 row 3"):
        MultiTaskLasso().fit(bad, Y)
    with pytest.raises(ValueError, match="sums of squares are infinity"):
        MultiTaskLasso().fit(X * 1e200, Y)
    with pytest.raises(InputError, match="y row 1"):
        MultiTaskLasso().fit(X, np.where(np.arange(60)[:, None] == 1, np.inf, Y))
    with pytest.raises(ValueError, match="alpha"):
        MultiTaskLasso(alpha=-1.0).fit(X, Y)


BITS = """
import numpy as np
from steepest import MultiTaskLasso
draw = np.random.default_rng(0)
X, Y = draw.standard_normal((3000, 40)), draw.standard_normal((3000, 5))
print(MultiTaskLasso(alpha=0.005).fit(X, Y).coef_.tobytes().hex())
"""


def test_the_same_bits_on_any_number_of_threads():
    found = [
        subprocess.run(
            [sys.executable, "-c", BITS],
            env={**os.environ, "STEEPEST_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "3")
    ]
    assert found[0] == found[1]
    assert len(found[0]) > 1000


def test_their_own_with_these_coefficients():
    X, Y = rows(13)
    model = MultiTaskLasso(alpha=0.05).fit(X, Y)
    theirs = model.to_sklearn()
    assert isinstance(theirs, linear_model.MultiTaskLasso)
    np.testing.assert_allclose(theirs.predict(X), model.predict(X))


@pytest.mark.parametrize("share", [1e-2, 1e-5])
def test_more_columns_than_rows_down_to_interpolation(share):
    draw = np.random.default_rng(14)
    X, W = draw.standard_normal((60, 240)), draw.standard_normal((240, 5))
    Y = X @ W + draw.standard_normal((60, 5))
    alpha = share * largest(X, Y)
    model = MultiTaskLasso(alpha=alpha).fit(X, Y)
    assert model.result_.success
    value = objective(model, X, Y, alpha, 1.0)
    assert model.dual_gap_ <= 1e-6 * value
    # Any dual point bounds the value from below: the residual, made so small that no column's slope is too long.
    R = np.asarray(Y - model.predict(X), dtype=LONG)
    R -= R.mean(0)
    centred = (X - X.mean(0)).astype(LONG)
    slopes = np.sqrt(((centred.T @ R / 60) ** 2).sum(1))
    point = R * min(LONG(1), alpha / slopes.max())
    bound = ((Y - Y.mean(0)) * point).sum() / 60 - (point**2).sum() / 120
    assert value - bound <= 1.01e-6 * value


@pytest.mark.parametrize(
    ("seed", "n", "d", "rank"), [(1, 13, 22, 3), (2, 12, 30, 3), (3, 20, 48, 2), (4, 31, 60, 4)]
)
def test_columns_next_to_parallel_near_interpolation(seed: int, n: int, d: int, rank: int) -> None:
    """Which columns are in use no sweep and no step over those in use settles: it had ended far above."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, rank)) @ random.normal(size=(rank, d)) + 3e-3 * random.normal(size=(n, d))
    y = random.normal(size=(n, 4)) + x[:, :3] @ random.normal(size=(3, 4))
    alpha = 1e-5 * np.linalg.norm(x.T @ y, axis=1).max() / n
    model = MultiTaskLasso(alpha=alpha, fit_intercept=False).fit(x, y)
    assert model.result_.success
    left = y - x @ model.coef_.T
    value = (left**2).sum() / (2 * n) + alpha * np.linalg.norm(model.coef_, axis=0).sum()
    dual = left * min(1.0, n * alpha / np.linalg.norm(x.T @ left, axis=1).max())
    assert value - ((y * dual).sum() - (dual**2).sum() / 2) / n <= 2e-6 * value
