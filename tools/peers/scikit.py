"""scikit-learn's tests of its linear models."""

from __future__ import annotations

import sys
from typing import Any

import sklearn.linear_model
from peer_tests import names_used

from steepest import linear

_ROOT = sklearn.__path__[0].removesuffix("sklearn")
TESTS = [
    *(
        f"{_ROOT}sklearn/linear_model/tests/test_{name}.py"
        for name in (
            "base",
            "common",
            "coordinate_descent",
            "logistic",
            "ridge",
            "sag",
            "sparse_coordinate_descent",
        )
    ),
    *(f"{_ROOT}sklearn/svm/tests/test_{name}.py" for name in ("bounds", "sparse", "svm")),
]


def replace() -> list[type]:
    """Ours under scikit-learn's public names; its own modules keep their own, which they know by private ones."""
    ours = [getattr(linear, name) for name in linear.__all__ if hasattr(sklearn.linear_model, name)]
    for kind in ours:
        setattr(sklearn.linear_model, kind.__name__, kind)
    return ours


def private(function: Any) -> bool:
    """Whether a test uses what begins with an underscore, or comes from a module of the linear models that does."""
    module = sys.modules[function.__module__]
    for name in names_used(function):
        if name.startswith("_") and not name.startswith("__"):
            return True
        value = getattr(module, name, None)
        home = getattr(value, "__module__", None) or getattr(value, "__name__", "")
        if home.startswith(("sklearn.linear_model._", "sklearn.svm._")) and not hasattr(
            sys.modules[home.rsplit("._", 1)[0]], name
        ):
            return True
    return False
