"""Linear models with scikit-learn's names, parameters and meaning, and nothing to tune.

Each ends at the optimum of scikit-learn's objective, from raw columns, and says how far from it at most:
``result_.certificate``. `GeneralizedLinear` takes any loss and penalty of the catalogue.

>>> from sklearn.datasets import load_diabetes
>>> from steepest.linear import Lasso
>>> X, y = load_diabetes(return_X_y=True)
>>> model = Lasso(alpha=0.1).fit(X, y)
>>> model.result_.success
True
"""

from .deviance import GammaRegressor, PoissonRegressor, TweedieRegressor
from .elastic_net import ElasticNet
from .generalized import GeneralizedLinear
from .huber import HuberRegressor
from .inference import Summary
from .lasso import Lasso
from .least_squares import LinearRegression
from .logistic import LogisticRegression
from .logistic_cv import LogisticRegressionCV
from .multi_task import MultiTaskElasticNet, MultiTaskLasso
from .multi_task_cv import MultiTaskElasticNetCV, MultiTaskLassoCV
from .paths import LinearPath, path
from .quantile import QuantileRegressor
from .ridge import Ridge
from .ridge_classes import RidgeClassifier
from .saved import load, save
from .searched import ElasticNetCV, LassoCV, RidgeCV
from .sgd import SGDClassifier, SGDRegressor
from .support import LinearSVC, LinearSVR

__all__ = [
    "ElasticNet",
    "ElasticNetCV",
    "GammaRegressor",
    "GeneralizedLinear",
    "HuberRegressor",
    "Lasso",
    "LassoCV",
    "LinearPath",
    "LinearRegression",
    "LinearSVC",
    "LinearSVR",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "PoissonRegressor",
    "QuantileRegressor",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "SGDClassifier",
    "SGDRegressor",
    "Summary",
    "TweedieRegressor",
    "load",
    "path",
    "save",
]
