"""The linear estimators by scikit-learn's own checks; nothing is excused, not even what it excuses for its own."""

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
    linear.QuantileRegressor(),
    linear.Ridge(),
    linear.RidgeCV(),
    linear.SGDClassifier(),
    linear.SGDRegressor(),
    linear.PoissonRegressor(),
    linear.Ridge(positive=True),
    linear.TweedieRegressor(),
    linear.TweedieRegressor(power=1.5),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
