"""Losses beyond the first five, offsets, and scikit-learn's estimators of them, against references found otherwise."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_ndtr
from sklearn import linear_model, svm
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import d2_tweedie_score

from steepest import GammaRegressor, GeneralizedLinear, LinearSVC, PoissonRegressor, TweedieRegressor
from steepest.errors import InputError
from steepest.linear.problem import Problem

PROOFS = ("duality_gap", "exact_gap")


def amounts(seed=0, zeros=0.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 5)) * [1.0, 100.0, 0.01, 1.0, 3.0]
    mean = np.exp(0.5 * X[:, 0] - 0.004 * X[:, 1] + 2.0)
    return X, mean * rng.gamma(2.0, 0.5, size=200) * (rng.random(200) >= zeros)


def tweedie(y, m, p):
    """Half the deviance as scikit-learn documents it (mean_tweedie_deviance / 2)."""
    mu = np.exp(m)
    if p == 1:
        return np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mu), 0) - y + mu
    if p == 2:
        return np.log(mu / y) + y / mu - 1
    return y ** (2 - p) / ((1 - p) * (2 - p)) - y * mu ** (1 - p) / (1 - p) + mu ** (2 - p) / (2 - p)


def objective(loss, X, y, alpha, w, b):
    return np.mean(loss(y, X @ w + b)) + 0.5 * alpha * w @ w


@pytest.mark.parametrize(
    ("ours", "theirs", "power", "zeros"),
    [
        (PoissonRegressor, linear_model.PoissonRegressor, 1, 0.3),
        (GammaRegressor, linear_model.GammaRegressor, 2, 0.0),
        (TweedieRegressor, linear_model.TweedieRegressor, 1.5, 0.4),
        (TweedieRegressor, linear_model.TweedieRegressor, 1.0, 0.4),
        (TweedieRegressor, linear_model.TweedieRegressor, 2.0, 0.0),
        (TweedieRegressor, linear_model.TweedieRegressor, 3.0, 0.0),
    ],
)
def test_scikit_learn_s_optimum(ours, theirs, power, zeros):
    X, y = amounts(zeros=zeros)
    given = {"power": power} if ours is TweedieRegressor else {}
    for alpha in (1e-3, 1.0):
        model = ours(alpha=alpha, tol=1e-10, **given).fit(X, y)
        # Theirs at its tightest; where the deviance is not convex Newton's method warns.
        solver = "newton-cholesky" if power <= 2 else "lbfgs"
        reference = theirs(alpha=alpha, tol=1e-12, max_iter=10_000, solver=solver, **given).fit(X, y)

        def value(m, alpha=alpha):
            return objective(lambda y, z: tweedie(y, z, power), X, y, alpha, m.coef_, m.intercept_)

        assert model.result_.success
        assert model.result_.fun == pytest.approx(value(model), rel=1e-10)
        assert value(model) <= value(reference) * (1 + 1e-8)
        kind = model.result_.certificate["kind"]
        if power <= 2:
            assert kind in PROOFS
            assert value(model) - value(reference) <= model.result_.certificate["bound"] + 1e-14
        else:
            assert kind == "stationary"
        assert model.score(X, y) == pytest.approx(
            d2_tweedie_score(y, model.predict(X), power=power), rel=1e-9
        )


def test_a_power_of_0_is_ridge():
    X, y = amounts()
    model = TweedieRegressor(power=0, alpha=0.1, tol=1e-12).fit(X, y)
    reference = linear_model.Ridge(alpha=0.1 * len(y)).fit(X, y)
    np.testing.assert_allclose(model.predict(X), reference.predict(X), rtol=1e-6)
    for settings in ({"power": 0.5}, {"power": -1}, {"power": 1.5, "link": "identity"}):
        with pytest.raises(InputError, match="power"):
            TweedieRegressor(**settings).fit(X, y)


@pytest.mark.parametrize("estimator", [PoissonRegressor(), GammaRegressor(), TweedieRegressor(power=1.5)])
def test_targets_out_of_range_are_named(estimator):
    X, y = amounts()
    y[7] = -1.0
    with pytest.raises(ValueError, match=r"out of the valid range of the loss: .* got -1 in row 7"):
        estimator.fit(X, y)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


def cloglog(y, m):
    p = -np.expm1(-np.exp(m))
    return np.where(y > 0, -np.log(np.maximum(p, 1e-300)), np.exp(m))


def probit(y, m):
    return -log_ndtr((2 * y - 1) * m)


def squared_hinge(y, m):
    return np.maximum(1 - (2 * y - 1) * m, 0) ** 2


def modified_huber(y, m):
    q = (2 * y - 1) * m
    return np.where(q < -1, -4 * q, np.maximum(1 - q, 0) ** 2)


def beyond(y, m):
    return np.maximum(np.abs(y - m) - 0.3, 0) ** 2


@pytest.mark.parametrize(
    ("name", "loss", "settings"),
    [
        ("cloglog", cloglog, {}),
        ("probit", probit, {}),
        ("squared_hinge", squared_hinge, {}),
        ("modified_huber", modified_huber, {}),
        ("squared_epsilon_insensitive", beyond, {"epsilon": 0.3}),
        ("gamma", lambda y, m: tweedie(y, m, 2), {}),
        ("tweedie", lambda y, m: tweedie(y, m, 1.25), {"power": 1.25}),
    ],
)
@pytest.mark.parametrize("penalty", ["none", "l2", "l1", "elastic_net"])
def test_the_optimum_of_every_loss_and_penalty_is_proved(name, loss, settings, penalty):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(150, 4))
    m = X @ [1.0, -0.5, 0.0, 0.2] + 0.4
    y = {
        "gamma": np.exp(m) * rng.gamma(2.0, 0.5, size=150),
        "tweedie": np.exp(m) * rng.gamma(2.0, 0.5, size=150) * (rng.random(150) < 0.7),
        "squared_epsilon_insensitive": m + rng.normal(size=150),
    }.get(name, (m + rng.logistic(size=150) > 0).astype(float))
    ratio = {"none": None, "l2": 0.0, "l1": 1.0, "elastic_net": 0.5}[penalty]
    alpha = 0.0 if ratio is None else 0.03

    def value(v):
        pull = 0.0 if ratio is None else ratio * np.abs(v[:4]).sum() + 0.5 * (1 - ratio) * v[:4] @ v[:4]
        return np.mean(loss(y, X @ v[:4] + v[4])) + alpha * pull

    solved = Problem(loss=name, loss_settings=settings, penalty=penalty, alpha=alpha, tol=1e-10).solve(X, y)
    here = value(np.r_[solved.coef[0], solved.intercept])
    assert solved.result.success
    assert solved.result.certificate["kind"] in PROOFS
    assert solved.result.fun == pytest.approx(here, rel=1e-12)
    # No simplex of SciPy's, begun at the answer or at 0, finds anything lower.
    options = {"xatol": 1e-9, "fatol": 1e-15, "maxfev": 4000}
    for start in (np.zeros(5), np.r_[solved.coef[0], solved.intercept]):
        found = minimize(value, start, method="Nelder-Mead", options=options)
        assert here <= found.fun + 1e-9 * found.fun


def test_what_is_not_convex_is_never_proved():
    X, y = amounts()
    for settings in ({}, {"method": "lbfgs"}, {"method": "newton"}, {"penalty": "l1"}):
        model = GeneralizedLinear("inverse_gaussian", alpha=1e-3, **settings).fit(X, y)
        assert model.result_.certificate["kind"] not in PROOFS
    # What proves needs a convex loss, and says so.
    with pytest.raises(ValueError, match="progressive"):
        GeneralizedLinear("inverse_gaussian", method="progressive").fit(X, y)
    model = GeneralizedLinear("tweedie", loss_settings={"power": 2.5}).fit(X, y)
    assert model.result_.certificate["kind"] not in PROOFS


@pytest.mark.parametrize(
    "settings", [{}, {"penalty": "l1"}, {"intercept_scaling": 10.0}, {"fit_intercept": False}]
)
def test_linear_svc_is_scikit_learn_s(settings):
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    model = LinearSVC(C=0.1, tol=1e-10, **settings).fit(X, y)
    reference = svm.LinearSVC(C=0.1, tol=1e-10, dual=False, max_iter=100_000, random_state=0, **settings).fit(
        X, y
    )

    def value(m):
        w, b = m.coef_[0], float(np.ravel(m.intercept_)[0]) / m.intercept_scaling
        pull = np.abs(w).sum() + abs(b) if m.penalty == "l1" else 0.5 * (w @ w + b * b)
        return 0.1 * squared_hinge(y, m.decision_function(X)).sum() + pull

    assert model.result_.success
    assert model.result_.certificate["kind"] in PROOFS
    assert value(model) <= value(reference) * (1 + 1e-8)
    assert np.mean(model.predict(X) == reference.predict(X)) > 0.998


def test_linear_svc_holds_each_class_against_the_others():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = LinearSVC(tol=1e-8, class_weight="balanced").fit(X, names)
    reference = svm.LinearSVC(tol=1e-10, max_iter=100_000, random_state=0, class_weight="balanced").fit(
        X, names
    )
    np.testing.assert_allclose(model.coef_, reference.coef_, atol=1e-3)
    np.testing.assert_array_equal(model.predict(X), reference.predict(X))
    with pytest.raises(InputError, match="multi_class='ovr'"):
        LinearSVC(multi_class="crammer_singer").fit(X, y)


@pytest.mark.parametrize("class_weight", [{0: 20.0, 1: 1.0, 2: 0.05}, "balanced"])
@pytest.mark.parametrize("weighted", [False, True])
def test_of_several_classes_a_class_weighs_where_it_is_held_against_the_others(class_weight, weighted):
    X, y = load_iris(return_X_y=True)
    X, y = X[20:130], y[20:130]
    weight = np.linspace(0.2, 3.0, len(y)) if weighted else None
    given = {"class_weight": class_weight, "dual": False}
    ours = LinearSVC(tol=1e-12, **given).fit(X, y, weight)
    theirs = svm.LinearSVC(tol=1e-12, max_iter=100_000, **given).fit(X, y, weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=5e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6, atol=5e-6)


def test_classes_without_probabilities_have_none():
    X, y = load_breast_cancer(return_X_y=True)
    assert not hasattr(GeneralizedLinear("squared_hinge"), "predict_proba")
    for loss in ("cloglog", "modified_huber"):
        model = GeneralizedLinear(loss, alpha=1e-3).fit(X, y)
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(axis=1), 1.0)
        assert np.mean(model.predict(X) == y) > 0.9
        np.testing.assert_array_equal(p[:, 1] > 0.5, model.predict(X) == 1)


def test_exposure_counts_units():
    rng = np.random.default_rng(1)
    X, exposure = rng.normal(size=(300, 3)), rng.uniform(0.1, 20.0, size=300)
    y = rng.poisson(exposure * np.exp(0.3 * X[:, 0] - 1.0)).astype(float)
    model = PoissonRegressor(alpha=1e-3, tol=1e-10).fit(X, y, exposure=exposure)
    # The same counts as rates weighted by their exposure (Poisson's own property), weights beside.
    scale = exposure.mean()
    reference = linear_model.PoissonRegressor(
        alpha=1e-3 / scale, tol=1e-12, max_iter=1000, solver="newton-cholesky"
    ).fit(X, y / exposure, sample_weight=exposure)
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=1e-5)
    assert model.intercept_ == pytest.approx(reference.intercept_, rel=1e-5)
    assert model.result_.certificate["kind"] in PROOFS
    np.testing.assert_allclose(model.predict(X, exposure=exposure), exposure * model.predict(X))
    np.testing.assert_allclose(
        GeneralizedLinear("poisson", alpha=1e-3, tol=1e-10).fit(X, y, offset=np.log(exposure)).coef_,
        model.coef_,
    )


@pytest.mark.parametrize("method", [None, "progressive", "coordinate", "fista", "lbfgs", "newton"])
@pytest.mark.parametrize(("loss", "penalty"), [("logistic", "l2"), ("squared", "l2"), ("huber", "none")])
def test_an_offset_is_a_column_whose_coefficient_is_1(loss, penalty, method):
    rng = np.random.default_rng(2)
    X, offset = rng.normal(size=(400, 4)) * [1, 10, 0.1, 1], 2.0 * rng.normal(size=400)
    m = X @ [0.5, 0.02, 3.0, 0.0] + offset
    y = (m + rng.logistic(size=400) > 0).astype(float) if loss == "logistic" else m + rng.normal(size=400)
    weight = rng.uniform(0, 2, size=400)
    problem = Problem(
        loss=loss, penalty=penalty, alpha=0.05 if penalty == "l2" else 0.0, method=method, tol=1e-9
    )
    solved = problem.solve(X, y, weight, offset=offset)

    def value(v):
        z = X @ v[:4] + v[4] + offset
        if loss == "logistic":
            rows = np.logaddexp(0, z) - y * z
            slope = expit(z) - y
        else:
            c = np.clip(z - y, -1.35, 1.35) if loss == "huber" else z - y
            rows, slope = c * (z - y - 0.5 * c), c
        share = weight / weight.sum()
        pull = problem.alpha * v[:4]
        g = np.r_[X.T @ (share * slope) + pull, share @ slope]
        return share @ rows + 0.5 * pull @ v[:4], g

    reference = minimize(
        value, np.zeros(5), jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 5000}
    )
    assert solved.result.success
    assert solved.result.certificate["kind"] in PROOFS
    here = value(np.r_[solved.coef[0], solved.intercept])[0]
    assert solved.result.fun == pytest.approx(here, rel=1e-12)
    assert here <= reference.fun * (1 + 1e-8)


def test_offsets_that_cannot_be_used_are_named():
    X, y = amounts()
    model = PoissonRegressor()
    for given, words in [
        ({"offset": np.zeros(3)}, r"offset .* shape \(3,\)"),
        ({"offset": np.full(200, np.nan)}, "offset must be finite; got nan in row 0"),
        ({"exposure": np.zeros(200)}, "exposure must be above 0; got 0.0 in row 0"),
    ]:
        with pytest.raises(InputError, match=words):
            model.fit(X, y, **given)
    with pytest.raises(InputError, match="early_stopping"):
        GeneralizedLinear("poisson", early_stopping=True).fit(X, y, offset=np.zeros(200))
    with pytest.raises(ValueError, match="softmax"):
        GeneralizedLinear("softmax").fit(X, np.arange(200) % 3, offset=np.zeros(200))


@pytest.mark.parametrize("loss", ["squared_hinge", "modified_huber"])
@pytest.mark.parametrize("method", ["progressive", "lbfgs", "newton"])
def test_classes_that_a_hinge_parts_at_no_cost_have_an_optimum(loss, method):
    """Beyond a margin of 1 they are 0: the least value is attained, unlike that of log-loss."""
    X, y = np.array([[-0.7], [0.7], [1.0]]), np.array([1.0, 0.0, 0.0])
    result = Problem(loss=loss, penalty="none", method=method).solve(X, y).result
    assert result.outcome != "separable"
    assert result.success
    assert result.fun <= 1e-12
