"""A penalty with a matrix, ½ w'P w: closed forms, SciPy's minimum, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.optimize import minimize
from sklearn.datasets import load_iris

from steepest.errors import InputError
from steepest.linear import GeneralizedLinear, load, save

RNG = np.random.default_rng(7)
X = RNG.normal(size=(120, 8)) * 10.0 ** np.arange(-3, 5) + 1.0
W = np.linspace(-1, 1, 8) / 10.0 ** np.arange(-3, 5)
Y = X @ W + RNG.normal(size=120)
HIGH = np.median(Y) < Y
WEIGHT = RNG.uniform(0.2, 3.0, size=120)
# Differences of neighbours: what is the same for all columns is free.
D = np.diff(np.eye(8), axis=0)
SMOOTH = D.T @ D
ROOT = RNG.normal(size=(8, 8))
FULL = ROOT @ ROOT.T


def ridge(P, alpha, weight=None, intercept=True):
    """The closed form."""
    share = (np.ones(120) if weight is None else weight) / (120 if weight is None else weight.sum())
    mean, middle = (share @ X, share @ Y) if intercept else (np.zeros(8), 0.0)
    A, b = X - mean, Y - middle
    scale = np.abs(A).max(axis=0)
    B = A / scale
    w = (
        np.linalg.solve(B.T @ (share[:, None] * B) + alpha * P / np.outer(scale, scale), B.T @ (share * b))
        / scale
    )
    return w, middle - mean @ w


@pytest.mark.parametrize(
    "P", [SMOOTH, FULL, np.diag(np.arange(8.0)), np.eye(8)], ids=["smooth", "full", "diagonal", "eye"]
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_squares_have_the_closed_form(P, weighted, intercept):
    weight = WEIGHT if weighted else None
    model = GeneralizedLinear(alpha=0.3, penalty_matrix=P, fit_intercept=intercept, tol=1e-12)
    model.fit(X, Y, weight)
    coef, free = ridge(P, 0.3, weight, intercept)
    assert model.result_.success
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(model.intercept_, free, atol=1e-6)
    share = (WEIGHT if weighted else np.ones(120)) / (WEIGHT.sum() if weighted else 120)
    value = 0.5 * share @ (Y - X @ model.coef_ - model.intercept_) ** 2 + 0.15 * model.coef_ @ P @ model.coef_
    assert model.result_.fun == pytest.approx(value, rel=1e-10)
    assert model.result_.certificate["bound"] <= 1e-10 * value
    at = [*model.coef_, model.intercept_] if intercept else model.coef_
    np.testing.assert_allclose(model.result_.x, at, rtol=1e-10)
    np.testing.assert_allclose(GeneralizedLinear(alpha=0.3, penalty_matrix=sparse.csr_array(P), tol=1e-12,
        fit_intercept=intercept).fit(X, Y, weight).coef_, model.coef_, rtol=1e-9)  # fmt: skip


@pytest.mark.parametrize("loss", ["logistic", "poisson"])
def test_scipy_finds_nothing_lower(loss):
    rows = RNG.normal(size=(200, 5))
    m = rows @ [1.0, 0.8, 0.5, -0.3, -0.5]
    y = (m + RNG.logistic(size=200) > 0).astype(float) if loss == "logistic" else RNG.poisson(np.exp(0.5 * m))
    P = FULL[:5, :5]
    sizes = {"logistic": lambda z: np.logaddexp(0, z) - y * z, "poisson": lambda z: np.exp(z) - y * z}

    def value(v):
        return np.mean(sizes[loss](rows @ v[:5] + v[5])) + 0.05 * v[:5] @ P @ v[:5]

    model = GeneralizedLinear(loss, alpha=0.1, penalty_matrix=P, tol=1e-10).fit(rows, y)
    theirs = minimize(value, np.zeros(6), tol=1e-12)
    assert model.result_.success
    assert value(np.r_[model.coef_, model.intercept_]) <= theirs.fun + 1e-10
    np.testing.assert_allclose(np.r_[model.coef_, model.intercept_], theirs.x, atol=1e-5)


def test_several_outputs_have_it_each():
    flowers, kinds = load_iris(return_X_y=True)
    P = FULL[:4, :4]
    model = GeneralizedLinear("softmax", alpha=0.1, penalty_matrix=P, tol=1e-9).fit(flowers, kinds)
    assert model.result_.success
    proba = model.predict_proba(flowers)
    gradient = (proba - np.eye(3)[kinds]).T @ flowers / 150 + 0.1 * model.coef_ @ P
    np.testing.assert_allclose(gradient, 0, atol=1e-4)
    both = GeneralizedLinear(alpha=0.3, penalty_matrix=FULL, tol=1e-12).fit(X, np.column_stack([Y, -Y]))
    np.testing.assert_allclose(both.coef_[0], ridge(FULL, 0.3)[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(both.coef_[1], -both.coef_[0], rtol=1e-6, atol=1e-9)


def test_it_begins_where_it_ended_and_is_kept(tmp_path):
    model = GeneralizedLinear("logistic", alpha=0.1, penalty_matrix=FULL, warm_start=True)
    rows = X / X.std(axis=0)
    model.fit(rows, HIGH)
    first = model.coef_
    model.fit(rows, HIGH)
    np.testing.assert_allclose(model.coef_, first, rtol=1e-4, atol=1e-7)
    assert model.result_.nit <= 6
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(rows), model.predict_proba(rows))
    single = GeneralizedLinear(alpha=0.3, penalty_matrix=FULL).fit(rows.astype(np.float32), Y)
    assert single.result_.success
    assert single.coef_.dtype == np.float64
    kept = GeneralizedLinear(alpha=0.3, penalty_matrix=FULL, tol=1e-12).fit(X, Y, checkpoint=tmp_path / "run")
    np.testing.assert_allclose(kept.coef_, ridge(FULL, 0.3)[0], rtol=1e-6, atol=1e-9)


def test_sparse_rows_stay_sparse_under_a_diagonal_and_small_ones_are_made_dense():
    rows = sparse.random(200, 8, density=0.3, random_state=0, format="csr")
    y = rows @ np.ones(8) + 1
    for P in (np.diag(np.arange(8.0)), FULL, sparse.diags(np.arange(8.0))):
        ours = GeneralizedLinear(alpha=0.1, penalty_matrix=P, tol=1e-11).fit(rows, y)
        dense = GeneralizedLinear(alpha=0.1, penalty_matrix=P, tol=1e-11).fit(rows.toarray(), y)
        np.testing.assert_allclose(ours.coef_, dense.coef_, rtol=1e-5, atol=1e-8)
    large = sparse.csr_array((1_000_000, 300))
    P = np.eye(300)
    P[0, 1] = P[1, 0] = 0.5
    with pytest.raises(InputError, match="makes X dense, 1000000 x 300 numbers"):
        GeneralizedLinear(penalty_matrix=P).fit(large, np.zeros(1_000_000))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"penalty_matrix": np.eye(3)}, r"shape \(8, 8\).*got \(3, 3\)"),
        ({"penalty_matrix": np.triu(np.ones((8, 8)))}, "symmetric; row .*is 1 and row .*is 0"),
        (
            {"penalty_matrix": SMOOTH - 0.5 * np.eye(8)},
            "positive semi-definite; its least eigenvalue is -0.5",
        ),
        ({"penalty_matrix": -np.eye(8)}, "positive semi-definite; got -1"),
        ({"penalty_matrix": np.full((8, 8), np.nan)}, "finite; got nan in row 0, column 0"),
        ({"penalty_matrix": "P"}, "must be numbers"),
        ({"penalty_matrix": FULL, "penalty": "l1"}, "goes with penalty='l2'"),
        ({"penalty_matrix": FULL, "bounds": (0.0, 1.0)}, "without bounds"),
        ({"penalty_matrix": FULL, "penalty_weights": np.ones(8)}, "without penalty_weights"),
    ],
)
def test_what_cannot_be_used_is_named_in_numbers(given, words):
    with pytest.raises(InputError, match=words):
        GeneralizedLinear(**given).fit(X, Y)


def test_what_is_not_finite_is_named_by_its_own_column():
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(8)])
    frame.loc[4, "c2"] = np.inf
    with pytest.raises(ValueError, match="column 'c2' row 4"):
        GeneralizedLinear(penalty_matrix=FULL).fit(frame, Y)
    with pytest.raises(InputError, match="rows in memory"):
        GeneralizedLinear(penalty_matrix=FULL).fit(
            lambda: [pd.DataFrame(X).rename(columns=str).assign(y=Y)], "y"
        )


def test_a_diagonal_is_taken_as_it_stands():
    """Its numbers are exact, whatever their sizes: none is rounding, and none below 0 is forgiven."""
    X = np.random.default_rng(0).normal(size=(60, 5))
    y = X @ np.arange(5)
    P = np.diag([1e18, 1.0, 1.0, 1.0, 1.0])
    model = GeneralizedLinear(alpha=0.1, penalty_matrix=P).fit(X, y)
    value = 0.5 * np.mean((y - model.predict(X)) ** 2) + 0.05 * model.coef_ @ P @ model.coef_
    np.testing.assert_allclose(model.result_.fun, value, rtol=1e-9)
    with pytest.raises(InputError, match="-1 in row 4"):
        GeneralizedLinear(penalty_matrix=np.diag([1e12, 1, 1, 1, -1.0])).fit(X, y)
    with pytest.raises(InputError, match="real numbers"):
        GeneralizedLinear(penalty_matrix=np.eye(5) * 1j).fit(X, y)


def test_a_frame_goes_by_its_names():
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = X @ np.arange(3)
    P = pd.DataFrame([[2.0, 1, 0], [1, 3, 0], [0, 0, 5]], list("abc"), list("abc"))
    frame = pd.DataFrame(X, columns=list("abc"))
    one = GeneralizedLinear(alpha=1.0, penalty_matrix=P).fit(frame, y)
    other = GeneralizedLinear(alpha=1.0, penalty_matrix=P.loc[list("cab"), list("cab")]).fit(frame, y)
    np.testing.assert_array_equal(one.coef_, other.coef_)
    with pytest.raises(InputError, match="other names"):
        GeneralizedLinear(penalty_matrix=P.rename(columns={"a": "d"})).fit(frame, y)
