"""Models that choose their penalty's weight on held-out rows: scikit-learn's choice, and the optimum there."""

import inspect

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler

from steepest import ElasticNetCV, LassoCV, LogisticRegression, LogisticRegressionCV, RidgeCV

X, Y = load_diabetes(return_X_y=True)
WEIGHT = np.linspace(0.1, 2.0, len(Y))


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize(
    ("ours", "theirs", "given"),
    [
        (LassoCV, linear_model.LassoCV, {}),
        (LassoCV, linear_model.LassoCV, {"positive": True, "cv": 3}),
        (ElasticNetCV, linear_model.ElasticNetCV, {"l1_ratio": [0.3, 0.9], "alphas": 20}),
    ],
)
def test_paths_are_scikit_learns(ours, theirs, given, weight):
    model = ours(**given).fit(X, Y, weight)
    reference = theirs(tol=1e-12, max_iter=1_000_000, **given).fit(X, Y, weight)
    assert model.result_.success
    assert model.result_.certificate["kind"] == "duality_gap"
    assert model.alpha_ == pytest.approx(reference.alpha_, rel=1e-9)
    np.testing.assert_allclose(model.mse_path_, reference.mse_path_, rtol=1e-3)
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=1e-4, atol=0.05)
    assert model.score(X, Y) == pytest.approx(reference.score(X, Y), rel=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(LassoCV, linear_model.LassoCV), (ElasticNetCV, linear_model.ElasticNetCV)]
)
def test_a_path_by_itself_is_scikit_learns(ours, theirs):
    for given in ({}, {"alphas": [0.1, 1.0]}, *([{"l1_ratio": 0.9}] if ours is ElasticNetCV else [])):
        for mine, other in zip(ours.path(X, Y, **given), theirs.path(X, Y, **given), strict=True):
            np.testing.assert_array_equal(mine, other)


def test_folds_may_be_fitted_in_processes_of_their_own():
    """Which get the path by pickling it."""
    with joblib.parallel_config(backend="loky", n_jobs=2):
        apart = LassoCV(cv=3, alphas=5, n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(apart.mse_path_, LassoCV(cv=3, alphas=5).fit(X, Y).mse_path_)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("given", [{}, {"cv": 4}, {"alpha_per_target": True}, {"store_cv_results": True}])
def test_ridge_is_scikit_learns(given, weight):
    y = np.column_stack([Y, Y[::-1]]) if "alpha_per_target" in given else Y
    alphas = np.logspace(-4, 3, 9)
    model = RidgeCV(alphas=alphas, **given).fit(X, y, weight)
    reference = linear_model.RidgeCV(alphas=alphas, **given).fit(X, y, weight)
    assert model.result_.success
    np.testing.assert_array_equal(model.alpha_, reference.alpha_)
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=1e-7)
    np.testing.assert_allclose(model.best_score_, reference.best_score_, rtol=1e-9)


IRIS, KIND = load_iris(return_X_y=True)
TWO, CLASS = load_breast_cancer(return_X_y=True)
TWO = StandardScaler().fit_transform(TWO)[:, :8]
#: scikit-learn's own warns of defaults that will change
THEIRS = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::sklearn.exceptions.ConvergenceWarning")


def alike(ours, theirs):
    """The same kinds, shapes and numbers, but for what counts the steps of an algorithm."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for label in theirs:
            alike(ours[label], theirs[label])
    elif np.asarray(theirs).dtype.kind in "OU":
        assert list(ours) == list(theirs)
    else:
        assert np.shape(ours) == np.shape(theirs)
        assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None)
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@THEIRS
@pytest.mark.parametrize("few", [True, False], ids=["two", "three"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"refit": False},
        {"use_legacy_attributes": False, "scoring": "neg_log_loss"},
        {"l1_ratios": [0.0], "fit_intercept": False, "class_weight": "balanced"},
        {"l1_ratios": [0.0, 0.6, 1.0], "solver": "saga", "use_legacy_attributes": False, "Cs": [0.3, 0.05]},
        {"l1_ratios": np.array([0.4, 1.0]), "solver": "saga", "refit": False, "Cs": [0.05, 0.2], "cv": 3},
    ],
)
def test_classes_are_chosen_as_scikit_learn_does(given, few):
    X, y = (TWO, CLASS) if few else (IRIS - IRIS.mean(axis=0), np.array(["a", "b", "c"])[KIND])
    known = inspect.signature(linear_model.LogisticRegressionCV).parameters
    if not set(given) <= set(known):
        pytest.skip("of a later scikit-learn")
    weight = np.linspace(0.5, 2.0, len(y))
    given = {"Cs": np.logspace(-3, 2, 6), **given}
    model = LogisticRegressionCV(**given).fit(X, y, weight)
    # Another way down for each penalty, which says nothing of where it ends.
    near = {"tol": 1e-7, "max_iter": 20_000}
    reference = linear_model.LogisticRegressionCV(**near, **given).fit(X, y, weight)
    assert model.result_.success
    for name in ("classes_", "Cs_", "C_", "l1_ratios_", "l1_ratio_", "scores_", "coefs_paths_", "coef_"):
        alike(getattr(model, name), getattr(reference, name))
    assert np.shape(model.n_iter_) == np.shape(reference.n_iter_)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=1e-3, atol=1e-3)
    assert model.score(X, y) == pytest.approx(reference.score(X, y), abs=1e-3)


def test_the_choice_is_logistic_regressions_optimum():
    model = LogisticRegressionCV(Cs=[1e-3, 0.1, 10.0], scoring="roc_auc").fit(sparse.csr_matrix(TWO), CLASS)
    plain = LogisticRegression(C=float(model.C_[0])).fit(TWO, CLASS)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-5)
    assert model.result_.certificate["bound"] <= model.result_.certificate["target"]
    assert "to_sklearn" in dir(model)
    np.testing.assert_array_equal(model.to_sklearn().predict(TWO), model.predict(TWO))


def test_a_fold_may_hold_a_row_twice_and_the_order_of_the_grid_changes_nothing():
    """Folds are weights of rows: one that is drawn twice weighs two."""
    rng = np.random.default_rng(0)
    folds = [(rng.integers(0, 400, 500), np.arange(400, 569))]
    model = LogisticRegressionCV(Cs=[10.0, 0.01, 1.0], cv=folds, scoring="neg_log_loss").fit(TWO, CLASS)
    for c, C in enumerate(model.Cs_):
        plain = LogisticRegression(C=C).fit(TWO[folds[0][0]], CLASS[folds[0][0]])
        found = next(iter(model.coefs_paths_.values()))[0, c]
        np.testing.assert_allclose(found, np.append(plain.coef_, plain.intercept_), rtol=1e-5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Cs": [0.0, 1.0]}, "Cs must be numbers above 0"),
        ({"Cs": []}, "Cs must be numbers above 0"),
        ({"l1_ratios": [0.5, 2.0]}, "between 0 and 1"),
        ({"class_weight": {7: 1.0}}, "class_weight dict"),
    ],
)
def test_what_cannot_be_searched_is_named(given, words):
    with pytest.raises(ValueError, match=words):
        LogisticRegressionCV(**given).fit(TWO, CLASS)


@pytest.mark.parametrize(
    ("cv", "first", "words"),
    [
        ([], 0, "no folds"),
        (
            [(np.arange(200, 569), np.arange(569)), (np.arange(200), np.arange(569))],
            200,
            "fold 1 has no row",
        ),
        ([(np.arange(0), np.arange(200))], 0, "fold 0 has no row"),
    ],
)
def test_folds_that_nothing_can_be_fitted_to_are_named(cv, first, words):
    weight = np.ones(len(CLASS))
    weight[:first] = 0.0
    with pytest.raises(ValueError, match=words):
        LogisticRegressionCV(cv=cv, Cs=[1.0]).fit(TWO, CLASS, weight)


@THEIRS
@pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")
def test_a_fold_whose_rows_lack_a_class_is_judged_as_scikit_learn_does():
    """There an intercept has no least value; what is predicted has."""
    rows = np.arange(150)
    folds = [(rows[KIND != 2], rows), (rows[::2], rows[1::2])]
    models = [
        kind(Cs=[0.1, 10.0], cv=folds).fit(IRIS, KIND)
        for kind in (LogisticRegressionCV, linear_model.LogisticRegressionCV)
    ]
    np.testing.assert_allclose(models[0].scores_[0], models[1].scores_[0])
    np.testing.assert_array_equal(models[0].C_, models[1].C_)
