"""SciPy's tests of `minimize`, `least_squares` and `curve_fit`, from its wheel."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import scipy.optimize
from peer_tests import names_used

import steepest
from steepest.scipys import scipys_minimize

# What fails is counted by its reason; a third of it is a refusal that is not needed here, or other words.
LEAST = 0.8
_FOLDER = Path(scipy.optimize.__file__).parent / "tests"
TESTS = [
    str(_FOLDER / f"test_{name}.py")
    for name in (
        "cobyla",
        "cobyqa",
        "constraints",
        "hessian_update_strategy",
        "lbfgsb_hessinv",
        "lbfgsb_setulb",
        "least_squares",
        "linesearch",
        "minimize_constrained",
        "minpack",
        "optimize",
        "regression",
        "slsqp",
        "tnc",
        "trustregion",
        "trustregion_exact",
        "trustregion_krylov",
    )
]


class Call:
    """One call of ours: what makes a test count."""

    def __init__(self) -> None:
        pass


def _counted(function: Any) -> Any:
    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        Call()
        result = function(*arguments, **named)
        if getattr(result, "outcome", "") == "stopped":
            result.message = "`callback` raised `StopIteration`."  # SciPy's words, which its tests compare
        return result

    return called


def replace() -> list[type]:
    """Ours under SciPy's public names; what SciPy itself calls by those names is ours as well."""
    scipys_minimize()  # what is handed to SciPy goes to its own
    for name in ("minimize", "least_squares", "curve_fit"):
        ours = _counted(getattr(steepest, name))
        for module in ("scipy.optimize", "scipy.optimize._minimize", "scipy.optimize._minpack_py"):
            if hasattr(sys.modules[module], name):
                setattr(sys.modules[module], name, ours)
    return [Call]


def private(function: Any) -> bool:
    """Whether a test uses what begins with an underscore, or comes from a module of SciPy that does."""
    module = sys.modules[function.__module__]
    for name in names_used(function):
        value = getattr(module, name, None)
        if name.startswith("_") and not name.startswith("__"):
            home = getattr(value, "__module__", module.__name__)
            if home != module.__name__:
                return True
        home = getattr(value, "__module__", None) or getattr(value, "__name__", "")
        inner = isinstance(home, str) and home.startswith("scipy.") and "._" in home
        if inner and not hasattr(sys.modules[home.split("._")[0]], name):
            return True
    return False
