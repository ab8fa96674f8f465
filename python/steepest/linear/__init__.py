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
from .lasso import Lasso
from .least_squares import LinearRegression
from .logistic import LogisticRegression
from .ridge import Ridge
from .support import LinearSVC

__all__ = [
    "ElasticNet",
    "GammaRegressor",
    "GeneralizedLinear",
    "HuberRegressor",
    "Lasso",
    "LinearRegression",
    "LinearSVC",
    "LogisticRegression",
    "PoissonRegressor",
    "Ridge",
    "TweedieRegressor",
]
