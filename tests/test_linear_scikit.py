"""The linear estimators by scikit-learn's own checks; nothing is excused that it does not excuse for its own."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest import linear

ESTIMATORS = [
    linear.ElasticNet(),
    linear.ElasticNetCV(cv=3, alphas=5),
    linear.GammaRegressor(),
    linear.GeneralizedLinear(),
    linear.HuberRegressor(),
    linear.Lasso(),
    linear.LassoCV(cv=3, alphas=5),
    linear.LinearRegression(),
    linear.LinearRegression(positive=True),
    linear.LinearSVC(),
    linear.LinearSVC(loss="hinge"),
    linear.LinearSVR(),
    linear.LogisticRegression(),
    linear.LogisticRegression(solver="liblinear"),
    linear.LogisticRegressionCV(cv=3, Cs=3),
    linear.MultiTaskElasticNet(),
    linear.MultiTaskElasticNetCV(cv=3, alphas=5),
    linear.MultiTaskLasso(),
    linear.MultiTaskLassoCV(cv=3, alphas=5),
    linear.QuantileRegressor(),
    linear.Ridge(),
    linear.RidgeCV(),
    linear.RidgeClassifier(),
    linear.SGDClassifier(),
    linear.SGDRegressor(),
    linear.PoissonRegressor(),
    linear.Ridge(positive=True),
    linear.TweedieRegressor(),
    linear.TweedieRegressor(power=1.5),
]


def excused(estimator):
    """The mean of the SGD objective is over the rows, not their weights: a row of weight 0 is one of them."""
    if not isinstance(estimator, linear.SGDRegressor):
        return {}
    reason = (
        "their objective is a mean over the rows, as scikit-learn's own is, for which it excuses these too"
    )
    return dict.fromkeys(
        [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")], reason
    )


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=excused)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
