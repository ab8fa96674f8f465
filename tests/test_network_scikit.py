"""The networks by scikit-learn's own checks; nothing is excused."""

import numpy as np
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


@pytest.mark.parametrize("weights", [{0: 0, 1: 0}, {0: -1, 1: 1}, {0: float("nan"), 1: 1}])
def test_weights_of_classes_that_are_none_are_refused(weights: dict[int, float]) -> None:
    x = np.arange(40.0).reshape(20, 2)
    with pytest.raises(ValueError, match="class_weight must hold numbers of at least 0, not all 0"):
        MLPClassifier(max_iter=1, class_weight=weights).fit(x, np.arange(20) % 2)
