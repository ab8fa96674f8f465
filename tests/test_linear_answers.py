"""The linear estimators end at the optimum of scikit-learn's objective: held to its tightest solvers."""

import warnings

import numpy as np
import pytest
import sklearn.linear_model as theirs
from scipy import sparse
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
)
from sklearn.exceptions import ConvergenceWarning

from steepest import linear
from steepest.linear.products import _Products

TIGHT = 1e-14


def close(ours, reference, digits=1e-6):
    """Coefficients and intercepts to 1e-6 relative to the largest, in units of what a column moves."""
    for name in ("coef_", "intercept_"):
        a, b = np.asarray(getattr(ours, name)), np.asarray(getattr(reference, name))
        assert a.shape == b.shape, name
        np.testing.assert_allclose(a, b, rtol=digits, atol=digits * np.abs(b).max(initial=1e-12))


def diabetes(scaled):
    return load_diabetes(return_X_y=True, scaled=scaled)


def standardised(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
class TestSquares:
    def test_linear_regression(self, scaled, intercept):
        X, y = diabetes(scaled)
        reference = theirs.LinearRegression(fit_intercept=intercept, tol=1e-15).fit(X, y)
        close(linear.LinearRegression(fit_intercept=intercept).fit(X, y), reference, 1e-9)

    def test_linear_regression_positive(self, scaled, intercept):
        X, y = diabetes(scaled)
        reference = theirs.LinearRegression(fit_intercept=intercept, positive=True).fit(X, y)
        ours = linear.LinearRegression(fit_intercept=intercept, positive=True, tol=TIGHT).fit(X, y)
        close(ours, reference)

    @pytest.mark.parametrize("alpha", [0.0, 1e-3, 1.0, 1e3])
    def test_ridge(self, scaled, intercept, alpha):
        X, y = diabetes(scaled)
        solver = "svd" if intercept else "cholesky"
        reference = theirs.Ridge(alpha, fit_intercept=intercept, solver=solver).fit(X, y)
        close(linear.Ridge(alpha, fit_intercept=intercept, tol=TIGHT).fit(X, y), reference)

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    @pytest.mark.parametrize("positive", [False, True])
    @pytest.mark.parametrize("alpha", [0.1, 1.0])
    def test_lasso_and_elastic_net(self, scaled, intercept, alpha, positive):
        X, y = diabetes(scaled)
        both = {"fit_intercept": intercept, "positive": positive}
        tight = {"tol": TIGHT, "max_iter": 10**5}
        close(
            linear.Lasso(alpha, **both, tol=TIGHT).fit(X, y),
            theirs.Lasso(alpha, **both, **tight).fit(X, y),
        )
        close(
            linear.ElasticNet(alpha, l1_ratio=0.3, **both, tol=TIGHT).fit(X, y),
            theirs.ElasticNet(alpha, l1_ratio=0.3, **both, **tight).fit(X, y),
        )


def test_weights_and_several_targets():
    X, Y = load_linnerud(return_X_y=True)
    weight = np.linspace(0.0, 2.0, len(Y))
    for ours, reference in [
        (linear.LinearRegression(), theirs.LinearRegression(tol=1e-15)),
        (linear.Ridge([0.1, 1.0, 10.0], tol=TIGHT), theirs.Ridge([0.1, 1.0, 10.0], solver="cholesky")),
        (linear.Lasso(0.5, tol=TIGHT), theirs.Lasso(0.5, tol=TIGHT, max_iter=10**6)),
    ]:
        close(ours.fit(X, Y, weight), reference.fit(X, Y, weight))
        assert len(ours.results_) == 3
        assert ours.result_.success


def test_least_norm_where_there_are_many():
    rng = np.random.default_rng(0)
    for X in (rng.normal(size=(8, 20)), np.repeat(rng.normal(size=(30, 3)), 2, axis=1)):
        y = rng.normal(size=len(X))
        reference = theirs.LinearRegression(tol=1e-13).fit(X, y)
        ours = linear.LinearRegression().fit(X, y)
        np.testing.assert_allclose(ours.coef_, reference.coef_, atol=1e-10)
        assert ours.rank_ == reference.rank_


LOGISTIC = [
    ({"C": 1.0}, "newton-cholesky"),
    ({"C": 1e-2, "fit_intercept": False}, "newton-cholesky"),
    ({"C": 1.0, "class_weight": "balanced"}, "newton-cholesky"),
    ({"C": 0.1, "solver": "liblinear", "intercept_scaling": 2.0}, "liblinear"),
]


@pytest.mark.parametrize(("settings", "solver"), LOGISTIC)
@pytest.mark.parametrize("raw", [False, True])
def test_logistic(settings, solver, raw):
    X, y = load_breast_cancer(return_X_y=True)
    X = X if raw else standardised(X)
    ours = linear.LogisticRegression(**settings, tol=TIGHT).fit(X, y)
    settings = {**settings, "solver": solver}
    reference = theirs.LogisticRegression(**settings, tol=TIGHT, max_iter=10**5).fit(X, y)
    # liblinear itself stops at about this.
    close(ours, reference, 1e-6 if solver != "liblinear" else 2e-5)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_digits])
def test_several_classes(load):
    X, y = load(return_X_y=True)
    reference = theirs.LogisticRegression(solver="newton-cholesky", tol=TIGHT, max_iter=1000).fit(X, y)
    ours = linear.LogisticRegression(tol=TIGHT).fit(X, y)
    close(ours, reference)
    # An objective known to rounding knows its optimum to the square root of that.
    np.testing.assert_allclose(ours.predict_proba(X), reference.predict_proba(X), atol=1e-7)
    np.testing.assert_array_equal(ours.predict(X), reference.predict(X))


@pytest.mark.parametrize("ratio", [0.5, 1.0])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::FutureWarning")
def test_sparse_logistic(ratio):
    X, y = load_breast_cancer(return_X_y=True)
    X = standardised(X)
    ours = linear.LogisticRegression(C=0.1, l1_ratio=ratio, tol=1e-12)
    if ours.penalty == "l2":
        ours.penalty = "elasticnet"
    ours.fit(X, y)
    assert ours.result_.certificate["kind"] == "duality_gap"
    reference = theirs.LogisticRegression(
        C=0.1, l1_ratio=ratio, penalty="elasticnet", solver="saga", tol=1e-10, max_iter=20_000
    ).fit(X, y)
    np.testing.assert_allclose(ours.coef_, reference.coef_, atol=1e-6)
    np.testing.assert_array_equal(ours.coef_ == 0, np.abs(reference.coef_) < 1e-9)


def objective(model, X, y, C=1.0):
    z = model.decision_function(X)
    return C * np.logaddexp(0, -np.where(y == 1, z, -z)).sum() + 0.5 * (model.coef_**2).sum()


@pytest.mark.parametrize("raw", [False, True])
def test_defaults_are_never_higher(raw):
    X, y = load_breast_cancer(return_X_y=True)
    X = X if raw else standardised(X)
    reference = theirs.LogisticRegression()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference.fit(X, y)
    ours = linear.LogisticRegression().fit(X, y)
    assert objective(ours, X, y) <= objective(reference, X, y) * (1 + 1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "form", [np.ascontiguousarray, np.asfortranarray, sparse.csr_matrix, sparse.csc_array]
)
def test_storage_makes_no_difference(form, dtype):
    X, y = diabetes(True)
    X = np.where(np.abs(X) < 0.02, 0.0, X).astype(dtype)
    for model in (linear.Lasso(0.1, tol=1e-10), linear.Ridge(1.0, tol=1e-10), linear.LinearRegression()):
        plain = type(model)(**model.get_params()).fit(X, y)
        before = X.copy()
        stored = model.fit(form(X), y)
        assert stored.coef_.dtype == dtype
        np.testing.assert_allclose(
            stored.coef_, plain.coef_, rtol=1e-4 if dtype == np.float32 else 1e-7, atol=1e-5
        )
        np.testing.assert_array_equal(X, before)


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20_000, 30)) * 10.0 ** rng.uniform(-2, 2, 30)
    y = X @ (rng.normal(size=30) / X.std(axis=0)) + rng.normal(size=20_000)
    labels = (y > 0).astype(float)
    for loss, target, penalty in [
        ("squared", y, "l1"),
        ("squared", y, "l2"),
        ("logistic", labels, "l1"),
        ("logistic", labels, "l2"),
        ("huber", y, "elastic_net"),
    ]:
        bits = {
            linear.GeneralizedLinear(loss, penalty, 1e-2, threads=n).fit(X, target).coef_.tobytes()
            for n in (1, 2, 7)
        }
        assert len(bits) == 1, (loss, penalty)


def test_the_bound_is_true():
    rng = np.random.default_rng(2)
    for _ in range(60):
        n, d = int(rng.integers(5, 60)), int(rng.integers(1, 30))
        X = rng.normal(size=(n, d)) * 10.0 ** rng.uniform(-2, 2, d) + rng.normal(size=d)
        loss = str(rng.choice(["squared", "logistic", "huber"]))
        y = rng.normal(size=n) if loss != "logistic" else (rng.random(n) < 0.5).astype(float)
        weight = rng.uniform(0, 2, n)
        problem = {
            "loss": loss,
            "penalty": str(rng.choice(["l1", "elastic_net"])),
            "alpha": float(10.0 ** rng.uniform(-4, 0)),
            "fit_intercept": bool(rng.integers(2)),
        }
        tight = linear.GeneralizedLinear(**problem, tol=1e-13, max_iter=500)
        loose = linear.GeneralizedLinear(**problem, tol=1e-2, max_iter=int(rng.integers(1, 4)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            best = tight.fit(X, y, weight).result_.fun
            result = loose.fit(X, y, weight).result_
        assert result.fun - best <= result.certificate["bound"] + 1e-13 * abs(best)


@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize("shape", [(2500, 800), (900, 1600)])
@pytest.mark.parametrize("intercept", [True, False])
def test_large_sparse_least_squares_are_the_dense_ones(shape, twins, intercept):
    rng = np.random.default_rng(5)
    X = sparse.random(*shape, density=0.02, format="csr", random_state=3) @ sparse.diags(
        np.logspace(-1, 1, shape[1]) if twins else np.logspace(-4, 4, shape[1])
    )
    if shape[0] < shape[1]:
        # Of many solutions the one of least norm: columns of very different lengths would cost LSMR too many steps.
        X = X @ sparse.diags(1.0 / np.maximum(sparse.linalg.norm(X, axis=0), 1e-9))
    if twins:
        # Two columns of which one is a multiple of the other: the solution of least norm shares between them.
        X = sparse.hstack([X, 3.0 * X[:, [7]]], format="csr")
    X = sparse.csr_matrix(X)
    y = np.asarray(X @ rng.standard_normal(X.shape[1])).ravel() + 2.0 + rng.standard_normal(shape[0])
    got = linear.LinearRegression(fit_intercept=intercept).fit(X, y)
    assert got.result_.success
    dense = linear.LinearRegression(fit_intercept=intercept).fit(X.toarray(), y)
    assert dense.result_.certificate["kind"] == "energy_norm"
    near = {"rtol": 1e-6, "atol": 1e-9 * np.abs(dense.coef_).max()}
    np.testing.assert_allclose(got.coef_, dense.coef_, **near)
    np.testing.assert_allclose(got.predict(X), dense.predict(X), rtol=1e-7, atol=1e-7)
    # Not by the same way as the dense one, and no more claimed than that way knows.
    assert got.result_.method == "lsmr"
    certificate = got.result_.certificate
    assert certificate["kind"] == ("estimated" if twins or shape[0] < shape[1] else "energy_norm")
    assert got.result_.fun - dense.result_.fun <= certificate["bound"] <= certificate["target"]


@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_proves_sparse_least_squares_is_true_in_longer_arithmetic(apart, weighted):
    """No eigenvalue is below what is said, and the slope is no steeper, however alike columns are."""
    rng = np.random.default_rng(2)
    X = sparse.random(1500, 60, density=0.05, format="csr", random_state=3)
    twin = X[:, :5] + apart * sparse.random(1500, 5, density=0.05, format="csr", random_state=4)
    X = sparse.csr_matrix(sparse.hstack([X, twin])) @ sparse.diags(np.logspace(-2, 2, 65))
    weight = rng.uniform(0.1, 5.0, 1500) if weighted else None
    products = _Products(X, weight, True)
    times = 1.0 / np.sqrt(products.squares)
    target = products.root * rng.standard_normal(1500)
    coef, end = products.solve(target, times)
    low = products.flattest(times, end.steps)
    long = [np.asarray(part, dtype=np.longdouble) for part in (X.toarray(), products.share, times, target)]
    table, share, scale, goal = long
    centred = np.sqrt(share)[:, None] * (table - share @ table) * scale
    smallest = np.linalg.eigvalsh((centred.T @ centred).astype(float))[0]
    assert low <= smallest + 1e-14
    assert low > 0.1 * smallest if apart >= 1e-3 else low == 0.0
    slope = centred.T @ (goal - centred @ (coef / scale))
    assert np.sqrt(slope @ slope) <= end.steep
    assert end.steep < 1e-9 or apart < 1e-3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("apart", [1e-5, 1e-9])
def test_sparse_least_squares_are_not_called_converged_where_a_flat_direction_may_lead_down(apart):
    """Columns that are nearly copies, and a solution far away along their difference: LSMR sees nothing there."""
    rng = np.random.default_rng(0)
    X = sparse.random(2500, 800, density=0.02, format="csr", random_state=3)
    twin = X[:, :40] + apart * sparse.random(2500, 40, density=0.02, format="csr", random_state=4)
    X = sparse.csr_matrix(sparse.hstack([X, twin]))
    w = np.r_[rng.standard_normal(800), rng.standard_normal(40) / apart]
    w[:40] -= w[800:]
    y = np.asarray(X @ w).ravel() + 1e-3 * rng.standard_normal(2500)
    got = linear.LinearRegression().fit(X, y).result_
    least = linear.LinearRegression().fit(X.toarray(), y).result_
    off = got.fun - least.fun
    assert (got.method, got.outcome) == ("lsmr", "plateau")
    assert off <= got.certificate["bound"] + least.certificate["bound"]
    # At 1e-9 two fifths of the value are not explained yet, though every product says so.
    assert (off > 0.1 * got.fun) == (apart == 1e-9)


def test_sparse_least_squares_of_one_scale_a_column_are_left_to_products():
    rng = np.random.default_rng(0)
    X = sparse.random(4000, 700, density=0.02, format="csr", random_state=1)
    X = sparse.csr_matrix(X @ sparse.diags(np.logspace(-3, 3, 700)))
    y = np.column_stack([rng.standard_normal(4000), np.asarray(X.sum(axis=1)).ravel()])
    got = linear.LinearRegression().fit(X[:, :5].toarray(), y)
    assert got.rank_ == 5
    got.fit(X, y)
    assert {r.method for r in got.results_} == {"lsmr"}
    assert not hasattr(got, "rank_")
    assert got.result_.nit < 200
    np.testing.assert_allclose(got.coef_[1], np.ones(700), rtol=1e-6)


@pytest.mark.parametrize("method", [None, "lbfgs", "progressive", "adam"])
def test_early_stopping_keeps_the_best_point_on_held_out_rows(method):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 120))
    y = (X[:, 0] + X[:, 1] + rng.standard_normal(300) > 0).astype(float)
    settings = {"batch_size": 32} if method == "adam" else None
    shared = {"loss": "logistic", "penalty": "none", "method": method, "method_settings": settings}
    early = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 3}
    model = linear.GeneralizedLinear(**shared, **early).fit(X, y)
    assert model.result_.outcome == "held_out"
    assert model.result_.success
    # What is proved is proved of the optimum, and this is not it.
    assert model.result_.certificate is None

    held, _ = model._held(len(y))

    def loss(model, rows):
        z = model.linear_predictor(X[rows])
        return np.mean(np.logaddexp(0.0, z) - y[rows] * z)

    assert model.result_.fun == pytest.approx(loss(model, ~held), rel=1e-9)
    # The rows held out had no say in the point, and it is better there than what a longer descent comes to.
    weight = (~held).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = linear.GeneralizedLinear(**{**shared, "method": model.method or "gradient_descent"})
        whole.fit(X, y, sample_weight=weight)
    assert loss(model, held) <= loss(whole, held)
    assert loss(model, ~held) >= loss(whole, ~held)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"validation_fraction": 0.0}, "validation_fraction must be between 0 and 1; got 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be between 0 and 1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be at least 1; got 0"),
        ({"validation_fraction": 0.99}, "leaves none to learn from"),
    ],
)
def test_early_stopping_names_what_it_cannot_use(settings, says):
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    with pytest.raises(ValueError, match=says):
        linear.GeneralizedLinear(early_stopping=True, **settings).fit(X, y)


LEAST = {"logistic": 0.43319968, "poisson": 0.43517918, "huber": 0.45517511}


def table():
    """Sixty rows of whole numbers, and a target for each loss."""
    rng = np.random.default_rng(1)
    X = rng.integers(-9, 10, size=(60, 4)).astype(float)
    classes = (X[:, 0] + rng.normal(size=60) * 6 > 0).astype(int)
    real = X @ [1, 2, -1, 0.5] + rng.normal(size=60)
    counts = rng.poisson(np.exp(0.05 * X[:, 0] + 1))
    return X, {"logistic": classes, "poisson": counts, "huber": real}


@pytest.mark.parametrize("loss", LEAST)
@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1e-160, 1e25, 1e150, 1e160, 1e300])
@pytest.mark.parametrize("columns", [[0, 1, 2, 3], [1]])
def test_units_near_the_smallest_and_largest_numbers_change_nothing(loss, unit, columns):
    X, y = table()
    X[:, columns] *= unit
    model = linear.GeneralizedLinear(loss, "none").fit(X, y[loss])
    assert model.result_.success
    np.testing.assert_allclose(model.result_.fun, LEAST[loss], rtol=2e-6)


@pytest.mark.parametrize("loss", LEAST)
@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("unit", [1e25, 1e150, 1e300])
def test_a_penalty_that_weighs_nothing_spoils_no_proof(loss, penalty, unit):
    X, y = table()
    model = linear.GeneralizedLinear(loss, penalty, 1e-2).fit(X * unit, y[loss])
    assert model.result_.success
    np.testing.assert_allclose(model.result_.fun, LEAST[loss], rtol=2e-6)


@pytest.mark.parametrize("unit", [1e-160, 1e-200, 1e-300])
def test_columns_next_to_nothing_are_held_at_0(unit):
    X, y = table()
    model = linear.GeneralizedLinear("logistic", "l2", 1e-2).fit(X * unit, y["logistic"])
    assert model.result_.success
    np.testing.assert_allclose(model.coef_, 0.0, atol=1e-100)


@pytest.mark.parametrize("level", [1e9, -1e12, 2.0**63, 1e200])
@pytest.mark.parametrize("loss", LEAST)
def test_a_constant_column_changes_nothing_however_far_off_it_is(loss, level):
    X, y = table()
    plain = linear.GeneralizedLinear(loss, "l2", 1e-2).fit(X, y[loss])
    more = linear.GeneralizedLinear(loss, "l2", 1e-2).fit(np.c_[X, np.full(60, level)], y[loss])
    assert more.result_.success
    np.testing.assert_allclose(more.coef_, [*plain.coef_, 0.0], rtol=1e-6, atol=1e-12)


def test_integers_beyond_int64_that_round_to_one_number_leave_the_intercept():
    X, y = table()
    model = linear.LogisticRegression().fit([[2**63 + int(v) for v in row] for row in X], y["logistic"])
    share = y["logistic"].mean()
    assert model.result_.success
    np.testing.assert_allclose(model.predict_proba(np.full((1, 4), 2.0**63))[0, 1], share, rtol=1e-6)


def test_a_hundred_classes_in_a_few_passes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 4))
    y = (X @ rng.normal(size=(4, 100)) + rng.gumbel(size=(1500, 100))).argmax(axis=1)
    result = linear.LogisticRegression().fit(X, y).result_
    assert result.success
    assert result.passes < 60


@pytest.mark.parametrize("loss", ["squared", "huber", "pinball"])
@pytest.mark.parametrize(("size", "level"), [(2.0**700, 2.0**310), (2.0**-700, 2.0**-310), (2.0**1000, 1.0)])
def test_weights_of_any_size_are_worth_their_shares(loss, size, level):
    """Their products with losses have no room in float64."""
    r = np.random.default_rng(0)
    X, weight = r.normal(size=(40, 3)), r.integers(0, 4, 40).astype(float)
    y = level * (X @ [1.0, 2.0, 0.0] + r.normal(size=40))
    settings = {"width": max(level, 1.0)} if loss == "huber" else {}
    plain = linear.GeneralizedLinear(loss, None, loss_settings=settings).fit(X, y, weight)
    other = linear.GeneralizedLinear(loss, None, loss_settings=settings).fit(X, y, weight * size)
    assert other.result_.success
    assert other.result_.fun == pytest.approx(plain.result_.fun, rel=1e-12)
    np.testing.assert_allclose(other.coef_, plain.coef_, rtol=1e-9)
