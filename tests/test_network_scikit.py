"""The networks by scikit-learn's own checks; nothing is excused."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest.network import MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier((10,), max_iter=20),
    MLPClassifier((10,), solver="adam", learning_rate_init=0.03, max_iter=40),
    MLPRegressor(hidden_layer_sizes=(10,), max_iter=20),
    MLPRegressor(hidden_layer_sizes=(10,), solver="lbfgs", max_iter=50),
]


# Twenty epochs are not enough for what stops by itself, and it says so.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
