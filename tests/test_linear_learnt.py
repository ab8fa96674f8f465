"""Losses that learn numbers beside the coefficients, held against scikit-learn, statsmodels and a plain minimiser."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.optimize import minimize, root
from scipy.special import expit
from sklearn import linear_model
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model._huber import _huber_loss_and_gradient

from steepest import GeneralizedLinear, HuberRegressor
from steepest.errors import InputError

WEIGHT = np.linspace(0.0, 2.0, 442)


def ranks(n=400, classes=4, d=3, seed=0):
    r = np.random.default_rng(seed)
    X = r.normal(size=(n, d)) * [1.0, 100.0, 0.01][:d] + [0.0, 500.0, 1.0][:d]
    z = (X - X.mean(0)) @ (np.array([1.0, -0.5, 0.8])[:d] / X.std(0)) + r.logistic(size=n)
    return X, np.digitize(z, np.quantile(z, np.linspace(0, 1, classes + 1)[1:-1]))


def odds(x, X, y, weight, alpha):
    """The objective of proportional odds as the books write it: cuts by their logarithmic distances, so unbounded."""
    d = X.shape[1]
    cuts = np.concatenate([[-np.inf], np.cumsum(np.concatenate([[x[d]], np.exp(x[d + 1 :])])), [np.inf]])
    z = X @ x[:d]
    p = expit(cuts[y + 1] - z) - expit(cuts[y] - z)
    return -np.average(np.log(np.maximum(p, 1e-300)), weights=weight) + 0.5 * alpha * x[:d] @ x[:d]


@pytest.mark.parametrize("alpha", [0.0, 1e-2])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_ordinal_is_where_a_plain_minimiser_ends(classes, alpha):
    X, y = ranks(300, classes)
    weight = np.linspace(0.5, 2, len(y))
    S = (X - X.mean(0)) / X.std(0)
    model = GeneralizedLinear("ordinal", "l2", alpha, tol=1e-10).fit(S, y, weight)
    assert model.result_.success
    assert model.result_.certificate["kind"] == "duality_gap"
    start = np.concatenate([np.zeros(3), [-1.0], np.zeros(classes - 2)])
    end = minimize(odds, start, (S, y, weight, alpha), "BFGS", options={"gtol": 1e-9}).x
    end = minimize(odds, end, (S, y, weight, alpha), "Nelder-Mead", options={"fatol": 1e-15, "xatol": 1e-10})
    assert model.result_.fun == pytest.approx(end.fun, rel=1e-9)
    bound = model.result_.certificate["bound"]
    assert model.result_.fun - end.fun <= bound + 1e-13
    np.testing.assert_allclose(model.coef_, end.x[:3], atol=1e-4)
    cuts = np.cumsum(np.concatenate([[end.x[3]], np.exp(end.x[4:])]))
    np.testing.assert_allclose(model.thresholds_, cuts, atol=1e-4)


def test_ordinal_is_statsmodels():
    """OrderedModel(y, S, distr="logit") of statsmodels 0.15, by its BFGS."""
    X, y = ranks()
    model = GeneralizedLinear("ordinal", "none", tol=1e-14).fit((X - X.mean(0)) / X.std(0), y)
    np.testing.assert_allclose(model.coef_, [1.06927899046, -0.52226109808, 0.72844557055], atol=1e-7)
    np.testing.assert_allclose(model.thresholds_, [-1.47132366291, 0.01744420311, 1.48593988822], atol=1e-7)
    assert -model.result_.fun * len(y) == pytest.approx(-471.118381830226, abs=1e-11)


def test_raw_columns_of_any_kind():
    """Raw, sparse or in single precision: the same model."""
    X, y = ranks()
    model = GeneralizedLinear("ordinal", "none", tol=1e-10).fit(X, y)
    S = (X - X.mean(0)) / X.std(0)
    standard = GeneralizedLinear("ordinal", "none", tol=1e-10).fit(S, y)
    np.testing.assert_allclose(model.coef_ * X.std(0), standard.coef_, rtol=1e-6)
    for other in (sparse.csr_matrix(X), np.asfortranarray(X), X.astype(np.float32)):
        again = GeneralizedLinear("ordinal", "none", tol=1e-10).fit(other, y)
        np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), atol=1e-4)
    assert model.score(X, y) == pytest.approx(1 - model.result_.fun / _null(y), abs=1e-9)


def _null(y):
    share = np.bincount(y) / len(y)
    return -(share * np.log(share)).sum()


def test_probabilities_and_classes_of_an_order():
    X, y = ranks()
    names = pd.Series(pd.Categorical.from_codes(y, ["low", "middling", "high", "utmost"], ordered=True))
    model = GeneralizedLinear("ordinal", "none").fit(X, names)
    assert is_classifier(model)
    assert model.classes_.tolist() == ["low", "middling", "high", "utmost"]
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-14)
    below = expit(model.thresholds_ - model.linear_predictor(X)[:, None])
    np.testing.assert_allclose(p.cumsum(1)[:, :-1], below, atol=1e-14)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(1)])
    assert (np.diff(model.thresholds_) > 0).all()
    assert model.intercept_ == 0.0
    assert not hasattr(model, "decision_function")
    plain = GeneralizedLinear("ordinal", "none").fit(X, y)
    np.testing.assert_array_equal(plain.coef_, model.coef_)
    with pytest.raises(InputError, match="ordered=True"):
        GeneralizedLinear("ordinal").fit(X, np.asarray(names))
    with pytest.raises(InputError, match="at least 2 classes"):
        GeneralizedLinear("ordinal").fit(X, np.ones(len(X)))


def test_warm_start_and_other_penalties():
    X, y = ranks()
    model = GeneralizedLinear("ordinal", "l2", 1e-3, warm_start=True).fit(X, y)
    steps = model.result_.nit
    before = model.thresholds_
    model.fit(X, y)
    assert model.result_.nit <= steps
    np.testing.assert_allclose(model.thresholds_, before, rtol=1e-4)
    S = (X - X.mean(0)) / X.std(0)
    sparse_model = GeneralizedLinear("ordinal", "l1", 0.15).fit(S, y)
    # What has no proof is said to be level, not proved.
    assert sparse_model.result_.success
    assert sparse_model.result_.certificate["kind"] == "stationary"
    assert (sparse_model.coef_ == 0).any()


def reference(X, y, weight, epsilon, alpha, fit_intercept):
    """scikit-learn's model, and its parameters led on to where its own gradient is 0: it stops at some 4 digits."""
    model = linear_model.HuberRegressor(
        epsilon=epsilon, alpha=alpha, fit_intercept=fit_intercept, max_iter=100_000, tol=1e-15
    ).fit(X, y, weight)
    start = np.concatenate([model.coef_, [model.intercept_] * fit_intercept, [model.scale_]])
    given = X, y, epsilon, alpha, np.ones(len(y)) if weight is None else weight
    end = root(lambda x: _huber_loss_and_gradient(x, *given)[1], start, tol=1e-14)
    assert abs(end.fun).max() < 1e-9
    return model, end.x, _huber_loss_and_gradient(end.x, *given)[0]


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("epsilon", [1.1, 1.35, 3.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_huber_is_scikit_learns(weight, epsilon, intercept):
    X, y = load_diabetes(return_X_y=True)
    X = X * 20
    y[::37] += 1000
    given = {"epsilon": epsilon, "fit_intercept": intercept, "alpha": 1e-2}
    ours = HuberRegressor(tol=1e-15, **given).fit(X, y, weight)
    theirs, end, value = reference(X, y, weight, **given)
    assert ours.result_.success
    assert ours.result_.certificate["kind"] == "duality_gap"
    np.testing.assert_allclose(ours.coef_, end[:10], rtol=1e-5, atol=1e-5)
    assert ours.scale_ == pytest.approx(end[-1], rel=1e-6)
    if intercept:
        assert ours.intercept_ == pytest.approx(end[10], rel=1e-6)
    total = len(y) if weight is None else weight.sum()
    unit = value / total / ours.result_.fun
    assert np.log2(unit) == pytest.approx(round(np.log2(unit)), abs=1e-9)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=0.1)
    assert ours.scale_ == pytest.approx(theirs.scale_, rel=1e-4)
    np.testing.assert_array_equal(ours.outliers_, theirs.outliers_)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e9])
def test_huber_scales_with_its_targets(unit):
    X, y = load_diabetes(return_X_y=True)
    plain = HuberRegressor(alpha=0.0, tol=1e-15).fit(X, y)
    scaled = HuberRegressor(alpha=0.0, tol=1e-15).fit(X, unit * y)
    np.testing.assert_allclose(scaled.coef_, unit * plain.coef_, rtol=1e-6)
    assert scaled.scale_ == pytest.approx(unit * plain.scale_, rel=1e-8)
    np.testing.assert_array_equal(scaled.outliers_, plain.outliers_)


@pytest.mark.parametrize("given", [{}, {"alpha": 0.0}, {"fit_intercept": False, "alpha": 1e-8}])
@pytest.mark.parametrize("weighted", [False, True])
def test_huber_of_columns_that_fit_exactly(given, weighted):
    """The scale goes to 0, and of all models that fit that of least norm is left."""
    r = np.random.default_rng(0)
    X, y = r.normal(size=(9, 12)), r.normal(size=9) + 3
    weight = np.array([2.0, 0, 1, 1, 3, 1, 1, 0, 1]) if weighted else None
    model = HuberRegressor(**given).fit(X, y, weight)
    assert model.result_.success
    assert "exactly" in model.result_.message
    keep = slice(None) if weight is None else weight > 0
    least = linear_model.LinearRegression(fit_intercept=given.get("fit_intercept", True)).fit(
        X[keep], y[keep]
    )
    np.testing.assert_allclose(model.coef_, least.coef_, rtol=1e-9)
    assert model.scale_ < 1e-14
    value = _huber_loss_and_gradient
    at = np.concatenate([model.coef_, [model.intercept_] * given.get("fit_intercept", True), [model.scale_]])
    own = (X, y, 1.35, given.get("alpha", 1e-4), np.ones(9) if weight is None else weight)
    for _ in range(200):
        beside = at + 10.0 ** r.uniform(-9, 0) * np.append(r.normal(size=len(at) - 1), abs(r.normal()))
        assert value(at, *own)[0] <= value(beside, *own)[0]


@pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")
def test_huber_of_an_exact_fit_passes_the_gate_of_all(monkeypatch):
    """What is proved of it has to be what rounding explains, as of any other answer."""
    r = np.random.default_rng(0)
    X, y = r.normal(size=(9, 12)), r.normal(size=9) + 3
    certificate = HuberRegressor().fit(X, y).result_.certificate
    assert certificate["bound"] <= certificate["rounding"] <= 1e-12
    monkeypatch.setattr(HuberRegressor, "_bound", lambda *_: 0.01)
    model = HuberRegressor().fit(X, y)
    assert "exactly" not in model.result_.message


def test_huber_pays_for_errors_where_that_is_cheaper():
    """The columns fit exactly, but at a price: the scale is not 0."""
    r = np.random.default_rng(0)
    X, y = r.normal(size=(9, 12)), r.normal(size=9)
    model = HuberRegressor(alpha=30.0).fit(X, y)
    assert model.result_.success
    assert model.scale_ > 0.1


def test_huber_starts_warm_and_refuses_what_it_cannot_use():
    X, y = load_diabetes(return_X_y=True)
    model = HuberRegressor(warm_start=True).fit(X, y)
    scale, steps = model.scale_, model.n_iter_
    assert model.fit(X, y).n_iter_ <= steps
    assert model.scale_ == pytest.approx(scale, rel=1e-4)
    with pytest.raises(ValueError, match="epsilon"):
        HuberRegressor(epsilon=0.5).fit(X, y)
    with pytest.warns(ConvergenceWarning):
        HuberRegressor(max_iter=1).fit(X, y)
