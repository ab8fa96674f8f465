"""The linear estimators by scikit-learn's own checks; excused is what it excuses for its own of that name."""

import sklearn.linear_model
from sklearn.utils._test_common.instance_generator import PER_ESTIMATOR_XFAIL_CHECKS
from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest import linear

ESTIMATORS = [
    linear.ElasticNet(),
    linear.GeneralizedLinear(),
    linear.Lasso(),
    linear.LinearRegression(),
    linear.LinearRegression(positive=True),
    linear.LogisticRegression(),
    linear.LogisticRegression(solver="liblinear"),
    linear.Ridge(),
    linear.Ridge(positive=True),
]


def excused(estimator: object) -> dict[str, str]:
    theirs = getattr(sklearn.linear_model, type(estimator).__name__, None)
    return PER_ESTIMATOR_XFAIL_CHECKS.get(theirs, {})


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=excused)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
