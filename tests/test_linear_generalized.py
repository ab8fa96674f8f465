"""GeneralizedLinear predicts what y is expected to be, and is scored by the loss that it minimises."""

from decimal import Decimal

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import d2_log_loss_score, d2_tweedie_score, r2_score
from sklearn.model_selection import GridSearchCV

from steepest import GeneralizedLinear
from steepest.errors import InputError


def counts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    return X, rng.poisson(50 * np.exp(0.3 * X[:, 0]))


def test_poisson_predicts_counts():
    X, y = counts()
    model = GeneralizedLinear("poisson", "none").fit(X, y)
    assert model.result_.success
    np.testing.assert_allclose(model.predict(X), np.exp(model.linear_predictor(X)), rtol=1e-14)
    # A model of counts with an intercept is right on average.
    assert model.predict(X).mean() == pytest.approx(y.mean(), rel=1e-3)
    assert model.score(X, y) == pytest.approx(d2_tweedie_score(y, model.predict(X), power=1), rel=1e-9)


def test_squared_is_scored_by_r2():
    X, y = load_diabetes(return_X_y=True)
    weight = np.linspace(0, 2, len(y))
    model = GeneralizedLinear("squared").fit(X, y, weight)
    assert model.score(X, y, weight) == pytest.approx(
        r2_score(y, model.predict(X), sample_weight=weight), abs=1e-12
    )
    np.testing.assert_array_equal(model.predict(X), model.linear_predictor(X))
    both = GeneralizedLinear("squared").fit(X, np.c_[y, y**2])
    assert both.score(X, np.c_[y, y**2]) == pytest.approx(
        r2_score(np.c_[y, y**2], both.predict(X)), abs=1e-12
    )


def test_huber_is_scored_against_the_best_constant():
    X, y = load_diabetes(return_X_y=True)
    model = GeneralizedLinear("huber", "none").fit(X, y)
    # scikit-learn 27777: 0 was claimed, at a loss of 204.469
    assert model.result_.fun == pytest.approx(57.2136, abs=1e-3)

    scored = GeneralizedLinear("huber", "none", loss_settings={"width": 2.0}).fit(X, y)

    def loss(r):
        return np.mean(np.where(abs(r) <= 2.0, 0.5 * r * r, 2.0 * abs(r) - 2.0))

    least = min(loss(y - b) for b in np.linspace(100, 200, 10_001))
    assert scored.score(X, y) == pytest.approx(1.0 - loss(y - scored.predict(X)) / least, abs=1e-5)


@pytest.mark.parametrize("names", [np.array(["no", "yes"]), np.array([False, True]), np.array([3, 8])])
def test_two_classes_come_back_as_they_came(names):
    X, y = load_breast_cancer(return_X_y=True)
    model = GeneralizedLinear("logistic", "l2", 1.0 / len(y)).fit(X, names[y])
    reference = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, names[y])
    np.testing.assert_array_equal(model.classes_, names)
    assert np.mean(model.predict(X) == reference.predict(X)) > 0.995
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=2e-2)
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X) == names[1])
    right = d2_log_loss_score(names[y], model.predict_proba(X), labels=names)
    assert model.score(X, names[y]) == pytest.approx(right, rel=1e-6)


def test_softmax_takes_texts():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = GeneralizedLinear("softmax", "l2", 1e-3).fit(X, names)
    assert set(model.predict(X)) == set(names)
    assert np.mean(model.predict(X) == names) > 0.95
    proba = model.predict_proba(X)
    assert proba.shape == (150, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)
    assert model.coef_.shape == (3, 4)
    assert model.score(X, names) == pytest.approx(
        d2_log_loss_score(names, proba, labels=model.classes_), rel=1e-6
    )
    with pytest.raises(InputError, match="the class 'rose', which the model does not know"):
        model.score(X[:1], ["rose"])


def test_only_losses_of_classes_have_probabilities():
    assert not hasattr(GeneralizedLinear(), "predict_proba")
    assert not hasattr(GeneralizedLinear("poisson"), "decision_function")
    assert hasattr(GeneralizedLinear("softmax"), "predict_proba")
    assert is_classifier(GeneralizedLinear("logistic"))
    assert is_regressor(GeneralizedLinear("poisson"))


@pytest.mark.parametrize("y", [["a", "b", "c"], ["a", "a", "a"]])
def test_classes_that_do_not_fit_are_named(y):
    with pytest.raises(InputError, match="logistic needs 2 classes; got"):
        GeneralizedLinear("logistic").fit([[0.0], [1.0], [2.0]], y)


def test_a_grid_search_picks_sense():
    X, y = counts()
    search = GridSearchCV(GeneralizedLinear("poisson"), {"alpha": [1e-4, 1e4]}, cv=3).fit(X, y)
    assert search.best_params_ == {"alpha": 1e-4}
    assert search.best_score_ > 0.7


def test_a_perfect_fit_and_a_constant():
    X = np.arange(4.0)[:, None]
    assert GeneralizedLinear("squared", "none").fit(X, 2 * X[:, 0]).score(X, 2 * X[:, 0]) == pytest.approx(
        1.0
    )
    assert GeneralizedLinear("squared", "l2", 1e9).fit(X, X[:, 0]).score(X, X[:, 0]) == pytest.approx(
        0.0, abs=1e-8
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"alpha": np.nan}, "alpha must be a number; got nan"),
        ({"alpha": 1j}, "alpha must be a number; got 1j"),
        ({"alpha": Decimal(-1)}, "alpha must be finite and at least 0; got Decimal"),
        ({"alpha": np.ma.masked}, "alpha must be a number; got masked"),
        ({"alpha": 10**400}, "alpha must be a number; got 1000"),
        ({"alpha": np.inf}, "alpha must be finite and at least 0; got inf"),
        ({"tol": np.nan}, "tol must be a number; got nan"),
        ({"bounds": (1, 0)}, "bounds must have low <= high"),
        ({"bounds": (np.nan, 1)}, "bounds must not be NaN"),
        ({"max_iter": 1.5}, "max_iter must be a whole number of at least 0; got 1.5"),
        ({"threads": -1}, "threads must be a whole number of at least 0; got -1"),
        ({"loss": 3}, "loss must be a name"),
        ({"loss_settings": 3}, "loss_settings must map names to numbers"),
        ({"penalty_settings": {"ratio": 1j}}, "ratio must be a number"),
        ({"watch": 3}, "watch must be called with the progress"),
    ],
)
def test_settings_that_are_no_such_numbers_are_named(settings, says):
    with pytest.raises(InputError, match=says):
        GeneralizedLinear(**settings).fit([[0.0], [1.0]], [0.0, 1.0])


def test_no_penalty_is_none():
    X, y = load_diabetes(return_X_y=True)
    none = GeneralizedLinear(penalty=None).fit(X, y)
    np.testing.assert_array_equal(none.coef_, GeneralizedLinear(penalty="none").fit(X, y).coef_)
