"""The networks by scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest.network import MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier((10,), max_iter=20),
    MLPClassifier((10,), solver="adam", learning_rate_init=0.03, max_iter=40),
    MLPRegressor(hidden_layer_sizes=(10,), max_iter=20),
    MLPRegressor(hidden_layer_sizes=(10,), solver="lbfgs", max_iter=50),
]

# Rows come in batches, and some are held out: a row of weight 2 is not two rows, which may come apart.
BATCHES = "rows of a batch are drawn, and a row of weight 2 is not two of them"


def excused(model):
    if model.solver == "lbfgs":
        return {}
    kinds = ("dense", "sparse")
    return {f"check_sample_weight_equivalence_on_{kind}_data": BATCHES for kind in kinds}


# Twenty epochs are not enough for what stops by itself, and it says so.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=excused)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
