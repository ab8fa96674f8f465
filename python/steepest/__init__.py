"""Gradient descent, finished: functions, losses over tables and networks, with nothing to tune.

>>> import steepest
>>> result = steepest.minimize(steepest.problems.rosenbrock, [-1.2, 1.0])
>>> result.success
True

Names are found when they are first asked for, so that ``import steepest`` loads NumPy and no more.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        energy,
        errors,
        factors,
        linear,
        losses,
        methods,
        network,
        penalties,
        portfolio,
        problems,
        rates,
        rules,
        searches,
    )
    from .callbacks import log_to
    from .curve_fit import curve_fit
    from .descend import compare, descend
    from .fit import fit, load
    from .forecast import forecast
    from .least_squares import least_squares
    from .line_search import line_search
    from .linear import (
        ElasticNet,
        ElasticNetCV,
        GammaRegressor,
        GeneralizedLinear,
        HuberRegressor,
        Lasso,
        LassoCV,
        LinearRegression,
        LinearSVC,
        LinearSVR,
        LogisticRegression,
        LogisticRegressionCV,
        MultiTaskElasticNet,
        MultiTaskElasticNetCV,
        MultiTaskLasso,
        MultiTaskLassoCV,
        PoissonRegressor,
        QuantileRegressor,
        Ridge,
        RidgeClassifier,
        RidgeCV,
        SGDClassifier,
        SGDRegressor,
        TweedieRegressor,
    )
    from .minimize import minimize
    from .network import MLPClassifier, MLPRegressor
    from .result import Result
    from .terms import Terms

__version__ = "0.1.0"

# Where each public name lives; None is a module of that very name.
_PLACES = {
    "ElasticNet": "linear",
    "ElasticNetCV": "linear",
    "GammaRegressor": "linear",
    "GeneralizedLinear": "linear",
    "HuberRegressor": "linear",
    "Lasso": "linear",
    "LassoCV": "linear",
    "LinearRegression": "linear",
    "LinearSVC": "linear",
    "LinearSVR": "linear",
    "LogisticRegression": "linear",
    "LogisticRegressionCV": "linear",
    "MLPClassifier": "network",
    "MLPRegressor": "network",
    "MultiTaskElasticNet": "linear",
    "MultiTaskElasticNetCV": "linear",
    "MultiTaskLasso": "linear",
    "MultiTaskLassoCV": "linear",
    "PoissonRegressor": "linear",
    "QuantileRegressor": "linear",
    "Result": "result",
    "Ridge": "linear",
    "RidgeCV": "linear",
    "RidgeClassifier": "linear",
    "SGDClassifier": "linear",
    "SGDRegressor": "linear",
    "Terms": "terms",
    "TweedieRegressor": "linear",
    "compare": "descend",
    "curve_fit": "curve_fit",
    "descend": "descend",
    "energy": None,
    "errors": None,
    "factors": None,
    "fit": "fit",
    "forecast": "forecast",
    "least_squares": "least_squares",
    "line_search": "line_search",
    "linear": None,
    "load": "fit",
    "log_to": "callbacks",
    "losses": None,
    "methods": None,
    "minimize": "minimize",
    "network": None,
    "penalties": None,
    "portfolio": None,
    "problems": None,
    "rates": None,
    "rules": None,
    "searches": None,
}

__all__ = [
    "ElasticNet",
    "ElasticNetCV",
    "GammaRegressor",
    "GeneralizedLinear",
    "HuberRegressor",
    "Lasso",
    "LassoCV",
    "LinearRegression",
    "LinearSVC",
    "LinearSVR",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MLPClassifier",
    "MLPRegressor",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "PoissonRegressor",
    "QuantileRegressor",
    "Result",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "SGDClassifier",
    "SGDRegressor",
    "Terms",
    "TweedieRegressor",
    "compare",
    "curve_fit",
    "descend",
    "energy",
    "errors",
    "factors",
    "fit",
    "forecast",
    "least_squares",
    "line_search",
    "linear",
    "load",
    "log_to",
    "losses",
    "methods",
    "minimize",
    "network",
    "penalties",
    "portfolio",
    "problems",
    "rates",
    "rules",
    "searches",
]


# Modules that need a package which is not always installed: found when asked for, and in no list of names.
_HOSTS = ("ase", "jax", "keras", "onnx", "torch")


def __getattr__(name: str) -> object:
    if name in _HOSTS:
        try:
            return import_module(f"steepest.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(f"steepest.{name} cannot be had: {error}") from error
    if name not in _PLACES:
        raise AttributeError(f"module 'steepest' has no attribute {name!r}")
    place = _PLACES[name]
    module = import_module(f"steepest.{place or name}")
    value = module if place is None else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Package(ModuleType):
    """A package in which ``steepest.minimize`` stays the function when its module of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and _PLACES.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
