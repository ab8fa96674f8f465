"""Least squares: ranks in units of the columns' own, solutions of least norm, and bounds that are true."""

import os
import subprocess
import sys
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import sklearn.linear_model as theirs
from scipy import sparse

from steepest import linear
from steepest.errors import InputError


def solve_exactly(rows, right):
    """Gauss's elimination in fractions."""
    n = len(rows)
    table = [[*row, r] for row, r in zip(rows, right, strict=True)]
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(table[i][k]))
        table[k], table[best] = table[best], table[k]
        for i in range(k + 1, n):
            f = table[i][k] / table[k][k]
            table[i] = [a - f * b for a, b in zip(table[i], table[k], strict=True)]
    x = [Fraction(0)] * n
    for k in reversed(range(n)):
        x[k] = (table[k][n] - sum(table[k][j] * x[j] for j in range(k + 1, n))) / table[k][k]
    return x


def value(X, y, w, b):
    """Half the mean square, exactly."""
    total = sum(
        (t - sum(a * c for a, c in zip(row, w, strict=True)) - b) ** 2 for row, t in zip(X, y, strict=True)
    )
    return total / (2 * len(y))


def exactly(X, y):
    """The least half mean square of exactly these numbers, in fractions."""
    X = [[Fraction(float(v)) for v in row] for row in X]
    y = [Fraction(float(v)) for v in y]
    A = [[*row, Fraction(1)] for row in X]
    d = len(A[0])
    gram = [[sum(row[i] * row[j] for row in A) for j in range(d)] for i in range(d)]
    right = [sum(row[i] * t for row, t in zip(A, y, strict=True)) for i in range(d)]
    x = solve_exactly(gram, right)
    return X, y, value(X, y, x[:-1], x[-1])


def tables():
    rng = np.random.default_rng(7)
    for n, d in ((6, 1), (12, 3), (30, 4)):
        for far in (0.0, 1e3, 1e9):
            for alike in (None, 1e-3, 1e-8, 1e-12):
                X = rng.normal(size=(n, d)) * 10.0 ** rng.uniform(-6, 6, d)
                X += far * X.std(axis=0) * rng.normal(size=d)
                if alike is not None and d > 1:
                    X[:, 1] = X[:, 0] * (1.0 + alike * rng.normal(size=n))
                y = X @ rng.normal(size=d) / X.std(axis=0).max() + rng.choice([1.0, 1e-6]) * rng.normal(
                    size=n
                )
                yield X, y


@pytest.mark.parametrize("kind", [linear.LinearRegression, lambda: linear.Ridge(0.0)])
def test_the_bound_is_above_the_distance_in_exact_arithmetic(kind):
    for X, y in tables():
        model = kind().fit(X, y)
        exact_X, exact_y, least = exactly(X, y)
        w, b = [Fraction(float(v)) for v in model.coef_], Fraction(float(model.intercept_))
        certificate = model.result_.certificate
        if "undetermined" in certificate["assumption"]:
            continue
        assert float(value(exact_X, exact_y, w, b) - least) <= certificate["bound"]
        assert certificate["bound"] <= max(certificate["target"], certificate["rounding"])


def test_a_column_is_not_dropped_for_its_scale():
    # scikit-learn 33032
    rng = np.random.default_rng(0)
    X = np.c_[1.7e18 + np.sort(rng.integers(0, 10**15, 20000)), rng.uniform(0, 0.05, 20000)]
    y = 100 * X[:, 1] + 0.1 * rng.normal(size=20000)
    model = linear.LinearRegression().fit(X, y)
    assert model.rank_ == 2
    assert model.score(X, y) == pytest.approx(0.9952, abs=1e-4)
    assert linear.Ridge(0.0).fit(X, y).score(X, y) == pytest.approx(0.9952, abs=1e-4)


@pytest.mark.parametrize("exponent", [-150, -9, 9, 150])
def test_units_of_columns_and_of_y_change_nothing_else(exponent):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(50, 4)), rng.normal(size=50)
    units = 2.0 ** np.array([0, exponent, -exponent, 3])
    plain = linear.LinearRegression().fit(X, y)
    scaled = linear.LinearRegression().fit(X * units, y)
    np.testing.assert_allclose(scaled.coef_ * units, plain.coef_, rtol=1e-11)
    assert scaled.rank_ == 4
    wide = linear.LinearRegression().fit(X.T[:3] * np.tile(units, 13)[:50], y[:3])
    assert wide.rank_ == 2


def test_constant_columns_get_no_coefficient():
    rng = np.random.default_rng(2)
    X = np.c_[rng.normal(size=(30, 2)), np.full(30, 0.1), np.full(30, 1e9), np.zeros(30)]
    for table in (X, X[:4]):
        model = linear.LinearRegression().fit(table, rng.normal(size=len(table)))
        np.testing.assert_array_equal(model.coef_[2:], 0.0)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", ["hstacked", "vstacked", "wide"])
@pytest.mark.parametrize("kind", [linear.LinearRegression, linear.Ridge])
def test_of_many_solutions_the_one_of_least_norm(kind, shape, intercept):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(20, 5)), rng.normal(size=20)
    if shape == "hstacked":
        X = np.hstack([X, 3.0 * X])
    elif shape == "vstacked":
        X, y = np.vstack([X.T, X.T]), np.r_[y[:5], y[5:10]]
    else:
        X, y = X.T, y[:5]
    settings = {"fit_intercept": intercept}
    model = kind(**settings, **({"alpha": 0.0} if kind is linear.Ridge else {})).fit(X, y)
    reference = theirs.LinearRegression(**settings, tol=1e-15).fit(X, y)
    np.testing.assert_allclose(model.coef_, reference.coef_, atol=1e-12)
    assert model.result_.success


def test_least_norm_of_columns_of_all_scales():
    rng = np.random.default_rng(4)
    X = np.c_[1e17 * rng.normal(size=(4, 1)), rng.normal(size=(4, 5)), 1e-9 * rng.normal(size=(4, 1))]
    y = rng.normal(size=4)
    C = [[Fraction(float(v)) for v in row] for row in X]
    means = [sum(row[j] for row in C) / 4 for j in range(7)]
    C = [[v - m for v, m in zip(row, means, strict=True)] for row in C][:3]
    t = [Fraction(float(v)) for v in y]
    t = [v - sum(t) / 4 for v in t][:3]
    u = solve_exactly([[sum(a * b for a, b in zip(r, s, strict=True)) for s in C] for r in C], t)
    right = [float(sum(u[k] * C[k][j] for k in range(3))) for j in range(7)]
    np.testing.assert_allclose(linear.LinearRegression().fit(X, y).coef_, right, rtol=1e-10)
    np.testing.assert_allclose(linear.Ridge(0.0).fit(X, y).coef_, right, rtol=1e-10)


def test_a_ridge_without_penalty_where_only_weights_of_0_differ():
    model = linear.Ridge(0.0).fit([[3e-8], [4e-9]], [6e4, 6e4], [0, 1])
    assert model.coef_[0] == 0.0
    assert model.intercept_ == 6e4


@pytest.mark.parametrize("alpha", [1e-12, 1e-3, 1.0, 1e6])
def test_ridge_at_its_defaults_is_exact_where_columns_are_nearly_dependent(alpha):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(200, 6))
    X[:, 1] = X[:, 0] + 1e-4 * X[:, 1]
    y = rng.normal(size=200)
    for table, target in ((X, y), (X.T, y[:6])):
        model = linear.Ridge(alpha).fit(table, target)
        reference = theirs.Ridge(alpha, solver="svd").fit(table, target)
        np.testing.assert_allclose(model.coef_, reference.coef_, rtol=1e-6)


def test_float32_is_rounded_before_it_is_judged():
    rng = np.random.default_rng(6)
    X = (rng.normal(size=(40, 2)) + 1e4).astype(np.float32)
    y = X @ [1.0, 2.0] + 1e-3 * rng.normal(size=40)
    model = linear.LinearRegression().fit(X, y)
    assert model.coef_.dtype == np.float32
    exact_X, exact_y, least = exactly(X, y)
    w, b = [Fraction(float(v)) for v in model.coef_], Fraction(float(model.intercept_))
    assert float(value(exact_X, exact_y, w, b) - least) <= model.result_.certificate["bound"]


def test_a_wide_table_takes_one_array_beside_itself():
    X = np.random.default_rng(8).normal(size=(30, 40_000))
    tracemalloc.start()
    linear.LinearRegression().fit(X, X[:, 0])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2.2 * X.nbytes


def test_the_same_bits_on_one_core_of_blas_and_on_several():
    code = (
        "import numpy as np, steepest; r = np.random.default_rng(0); X = r.normal(size=(6000, 40));"
        "print(steepest.LinearRegression().fit(X, X.sum(axis=1) + r.normal(size=6000)).coef_.tobytes().hex())"
    )
    bits = set()
    for threads in ("1", "5"):
        own = {"OPENBLAS_NUM_THREADS": threads, "STEEPEST_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        ran = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **own}, capture_output=True, text=True
        )
        bits.add(ran.stdout)
        assert ran.returncode == 0, ran.stderr
    assert len(bits) == 1


def test_values_near_the_largest_float():
    assert linear.LinearRegression().fit([[1e300], [2e300], [3e300]], [1.0, 2.0, 3.0]).coef_[
        0
    ] == pytest.approx(1e-300)
    with pytest.raises(InputError, match="so large that their sums of squares are infinity"):
        linear.LinearRegression().fit([[-1.7e308], [1.7e308], [0.0]], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "kind", [linear.LinearRegression, linear.Ridge, linear.Lasso, linear.GeneralizedLinear]
)
def test_a_column_of_targets(kind):
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    model, flat = kind().fit(X, y), kind().fit(X, y[:, 0])
    # LinearRegression's coefficients keep the column, as scikit-learn's do.
    assert model.coef_.shape == ((1, 3) if kind is linear.LinearRegression else (3,))
    np.testing.assert_allclose(np.ravel(model.coef_), flat.coef_)
    assert np.shape(model.intercept_) == (1,)
    assert model.predict(X).ravel() == pytest.approx(flat.predict(X))


def test_solvers_of_ridge_are_refused_and_named_as_scikit_learn_does():
    X, y = np.arange(12.0).reshape(6, 2) ** 2, np.arange(6.0)
    assert linear.Ridge(solver="svd").fit(X, y).solver_ == "svd"
    assert linear.Ridge().fit(X, y).solver_ == "least_squares"
    with pytest.raises(ValueError, match="does not support positive"):
        linear.Ridge(solver="svd", positive=True).fit(X, y)
    with pytest.raises(ValueError, match="only when positive=True"):
        linear.Ridge(solver="lbfgs").fit(X, y)


def test_sparse_ridge_without_penalty_is_least_squares():
    X = sparse.random(50, 6, density=0.5, format="csr", random_state=0)
    y = np.arange(50.0)
    plain = linear.LinearRegression().fit(X.toarray(), y)
    np.testing.assert_allclose(linear.Ridge(0.0).fit(X, y).coef_, plain.coef_, rtol=1e-9)


@pytest.mark.parametrize("kind", ["sparse", "single"])
def test_no_copy_of_the_table_is_made(kind):
    rng = np.random.default_rng(0)
    if kind == "sparse":
        rows, each = 20_000, 40
        places = np.arange(rows * each) % each * 50 + rng.integers(0, 50, rows * each)
        table = sparse.csr_matrix(
            (rng.random(rows * each), places.astype(np.int32), np.arange(rows + 1, dtype=np.int32) * each)
        )
        size = table.data.nbytes + table.indices.nbytes
    else:
        table = rng.normal(size=(200_000, 20)).astype(np.float32)
        rows, size = len(table), table.nbytes
    y = rng.normal(size=rows).astype(table.dtype)
    linear.LinearRegression().fit(table[:2000], y[:2000])
    tracemalloc.start()
    try:
        linear.LinearRegression().fit(table, y)
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()
