"""Models that choose their penalty's weight on held-out rows: scikit-learn's choice, and the optimum there."""

import joblib
import numpy as np
import pytest
from sklearn import linear_model
from sklearn.datasets import load_diabetes

from steepest import ElasticNetCV, LassoCV, RidgeCV

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
