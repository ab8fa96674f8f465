"""Hundreds of correlated columns are active, almost as many as there are rows: proved by gaps that NumPy finds."""

import numpy as np
import pytest
import scipy.sparse as sp

from steepest.linear import ElasticNet, Lasso, LogisticRegression


def table(rows, columns, shared, scales=0.0, seed=0):
    """Columns that share ten factors, the score of a third of them, and NumPy's generator."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(rows, columns))
    factors = rng.normal(size=(rows, 10)) @ rng.normal(size=(10, columns)) / np.sqrt(10)
    X = np.sqrt(1 - shared) * own + np.sqrt(shared) * factors
    w = np.zeros(columns)
    w[rng.choice(columns, columns // 3, replace=False)] = rng.normal(size=columns // 3)
    score = X @ w
    return X * 10.0 ** rng.uniform(-scales, scales, columns), score / score.std(), rng


def entropy(p):
    """-p log p, summed over the last axis."""
    return -np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0).sum(-1)


@pytest.mark.parametrize("shared", [0.0, 0.95])
@pytest.mark.parametrize("share", [1e-2, 1e-3, 1e-4])
def test_squares_with_almost_as_many_active_columns_as_rows(shared, share):
    X, score, rng = table(500, 1000, shared)
    y = score + 0.5 * rng.normal(size=500)
    alpha = share * np.abs(X.T @ (y - y.mean())).max() / 500
    model = Lasso(alpha).fit(X, y)
    assert model.result_.success, model.result_.message
    # The dual point is the residual, shrunk until no column exceeds alpha.
    r = y - X @ model.coef_ - model.intercept_
    value = 0.5 * np.mean(r * r) + alpha * np.abs(model.coef_).sum()
    u = r - r.mean()
    u *= min(1.0, alpha / (np.abs(X.T @ u).max() / 500))
    gap = value - np.mean(u * (y - 0.5 * u))
    assert -1e-12 * value <= gap <= 2e-6 * value
    # A few models of the loss, not a step for each column that comes or goes.
    assert model.result_.nit <= 15


@pytest.mark.parametrize(
    ("kind", "scales"), [("binary", 0.0), ("binary", 2.0), ("classes", 0.0), ("classes", 2.0)]
)
@pytest.mark.parametrize("share", [1e-2, 1e-4])
def test_classes_with_hundreds_of_active_columns(kind, scales, share):
    X, score, rng = table(300, 400, 0.3, scales)
    if kind == "binary":
        codes = (3 * score + rng.logistic(size=300) > 0).astype(int)
    else:
        codes = (3 * np.outer(score, [1.0, 0.0, -1.0]) + rng.gumbel(size=(300, 3))).argmax(1)
    Y = np.eye(codes.max() + 1)[codes]
    alpha = share * np.abs(X.T @ (Y - Y.mean(0))).max() / 300
    model = LogisticRegression(C=1 / (alpha * 300), l1_ratio=1.0, tol=1e-8).fit(X, codes)
    assert model.result_.success, model.result_.message
    P = model.predict_proba(X)
    penalty = alpha * np.abs(model.coef_).sum()
    value = -np.mean(np.log(P[np.arange(300), codes])) + penalty
    # The dual point is what the shares are off by, shrunk until no column exceeds alpha; intercepts hold its sums at 0.
    R = (P - Y)[:, 1:] if kind == "binary" else P - Y
    assert np.abs(R.mean(0)).max() <= 1e-6
    shrink = min(1.0, alpha / (np.abs(X.T @ R).max() / 300))
    gap = value - np.mean(entropy(Y + shrink * (P - Y)))
    assert -1e-9 * value <= gap <= 1e-4 * value
    assert model.result_.certificate["bound"] <= 1e-8 * model.result_.fun
    # Sets as large as those that are known to be enough where nothing is tied.
    assert np.count_nonzero(np.abs(model.coef_).sum(0)) < 300


def test_columns_twice_and_bounds_at_zero():
    X, score, rng = table(200, 300, 0.5)
    X = np.hstack([X, X])
    y = score + 0.3 * rng.normal(size=200)
    alpha = 1e-3 * np.abs(X.T @ (y - y.mean())).max() / 200
    model = Lasso(alpha, positive=True).fit(X, y)
    r = y - X @ model.coef_ - model.intercept_
    value = 0.5 * np.mean(r * r) + alpha * model.coef_.sum()
    u = r - r.mean()
    u *= min(1.0, alpha / ((X.T @ u).max() / 200))
    assert model.coef_.min() >= 0
    assert value - np.mean(u * (y - 0.5 * u)) <= 2e-6 * value
    # Squares beside absolute values share what columns that are the same have.
    model = ElasticNet(alpha, l1_ratio=0.5, tol=1e-10).fit(X, y)
    g = X.T @ (X @ model.coef_ + model.intercept_ - y) / 200 + 0.5 * alpha * model.coef_
    on = model.coef_ != 0
    assert np.abs(g[on] + 0.5 * alpha * np.sign(model.coef_[on])).max() <= 1e-3 * alpha
    assert np.abs(g[~on]).max() <= 0.5 * alpha * (1 + 1e-3)
    np.testing.assert_allclose(model.coef_[:300], model.coef_[300:], rtol=0, atol=1e-4)


def rare(rows, columns, seed=0):
    """A sparse table of ten entries a column, a far column and one of entries that are there twice; targets."""
    rng = np.random.default_rng(seed)
    X = sp.random(
        rows, columns, 10 / rows, random_state=rng, format="csr", data_rvs=lambda k: rng.uniform(0.05, 0.4, k)
    )
    y = 30 * np.asarray(X.sum(1)).ravel() + 20 * rng.normal(size=rows) + 80
    twice = sp.random(rows, 1, 0.1, random_state=rng)
    far = sp.csr_matrix(1e4 + rng.normal(size=(rows, 1)))
    X = sp.hstack([X, twice, far], format="coo")
    again = np.flatnonzero(X.col == columns)
    halves = np.append(X.data, X.data[again])
    halves[again] *= 0.25
    halves[len(X.data) :] *= 0.75
    starts = sp.coo_matrix(
        (halves, (np.append(X.row, X.row[again]), np.append(X.col, X.col[again]))), X.shape
    )
    order = np.argsort(starts.row, kind="stable")
    indptr = np.append(0, np.cumsum(np.bincount(starts.row, minlength=rows)))
    made = sp.csr_matrix((starts.data[order], starts.col[order], indptr), starts.shape)
    assert not made.has_canonical_format
    return made, y, rng


@pytest.mark.parametrize(
    ("alpha", "l1_ratio", "steps"), [(0.005, 0.5, 12), (0.0005, 0.5, 12), (0.02, 1.0, 25)]
)
def test_sparse_tables_with_more_active_columns_than_rows(alpha, l1_ratio, steps):
    X, y, _ = rare(800, 3500)
    model = ElasticNet(alpha, l1_ratio=l1_ratio).fit(X, y)
    assert model.result_.success, model.result_.message
    D = X.toarray()
    r = y - D @ model.coef_ - model.intercept_
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    value = 0.5 * np.mean(r * r) + l1 * np.abs(model.coef_).sum() + 0.5 * l2 * (model.coef_**2).sum()
    u = r - r.mean()
    s = np.abs((D - D.mean(0)).T @ u) / len(y)
    if l2 == 0.0:
        u *= min(1.0, l1 / s.max())
        over = 0.0
    else:
        over = 0.5 * (np.maximum(s - l1, 0.0) ** 2).sum() / l2
    gap = value - np.mean(u * (y - y.mean() - 0.5 * u)) + over
    assert -1e-12 * value <= gap <= 2e-6 * value
    assert model.result_.certificate["bound"] <= 1e-6 * value
    assert np.count_nonzero(model.coef_) > (800 if l2 else 500)
    assert model.result_.nit <= steps


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_sparse_classes_with_many_active_columns(fit_intercept):
    X, y, rng = rare(400, 900)
    X = X[:, :900]
    codes = (y + 20 * rng.logistic(size=400) > np.median(y)).astype(int)
    model = LogisticRegression(C=50.0, l1_ratio=0.5, fit_intercept=fit_intercept).fit(X, codes)
    assert model.result_.success, model.result_.message
    dense = LogisticRegression(C=50.0, l1_ratio=0.5, fit_intercept=fit_intercept).fit(X.toarray(), codes)
    assert np.count_nonzero(model.coef_) > 300
    both = model.result_.certificate["bound"] + dense.result_.certificate["bound"]
    assert abs(model.result_.fun - dense.result_.fun) <= both
