"""Methods beyond the first ones, over the functions and the tables of the other kinds, judged as those are.

They have indices of their own, so that `functions:2026:7` and `linear:2026:7` stay what they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.generated import functions, linear
from tests.generated.verdict import Verdict

Draw = np.random.Generator

#: Methods for functions of which values and gradients are known, and those that take bounds.
FUNCTIONS = (
    "bfgs", "nonlinear_cg", "truncated_newton", "steepest_descent", "mirror_descent", "barzilai_borwein", "adapgm",
    "panoc",
)  # fmt: skip
BOUNDED = ("barzilai_borwein", "adapgm", "panoc")
#: Methods for tables: any, those that take a prox, and those that need a set.
TABLES = (
    "bfgs", "nonlinear_cg", "truncated_newton", "subsampled_newton", "stochastic_lbfgs", "svrg", "saga", "adapgm",
    "panoc",
)  # fmt: skip
PROXIMAL = ("svrg", "saga", "adapgm", "panoc")
SETS = ("frank_wolfe", "mirror_descent")


def draw(r: Draw, family: str | None = None) -> Any:
    """A case of any family, by one of the methods."""
    table = r.random() < 0.4 if family is None else family in linear.TABLES
    if not table:
        function = functions.draw(r, family)
        function.method = str(r.choice(FUNCTIONS if function.low is None else BOUNDED))
        return function
    case = linear.draw(r, family)
    case.named = False
    if r.random() < 0.3 and case.outputs == 1 and case.start is None:
        case.penalty, case.bounds, case.radius = "simplex", None, float(10.0 ** r.uniform(-2, 2))
    if case.penalty == "simplex":
        # the set is that of all the numbers there are
        case.intercept, case.method = False, str(r.choice(SETS))
        return case
    smooth = case.penalty in ("none", "l2") and not case.bounds
    case.method = str(r.choice(TABLES if smooth else PROXIMAL))
    return case


def _module(case: Any) -> Any:
    return linear if isinstance(case, linear.Case) else functions


def judge(case: Any) -> Verdict:
    return _module(case).judge(case)


def smaller(case: Any) -> list[Any]:
    return _module(case).smaller(case)
