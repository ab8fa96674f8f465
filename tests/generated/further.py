"""Further families, tables and functions both, each named for a kind of fault that was once seen.

They have indices of their own, so that `linear:2026:7` and `functions:2026:7` stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.generated import functions, linear
from tests.generated.verdict import Verdict

Draw = np.random.Generator
Array = NDArray[Any]

# Tables


def _table(r: Draw, loss: str, rows: int, columns: str = "plain", d: int | None = None) -> linear.Case:
    """A table with targets that the loss takes, a penalty, and the asking of the other families."""
    n = int(r.integers(3, rows))
    X = linear.TABLES[columns](r, n, int(r.integers(1, 7)) if d is None else d)
    case = linear.Case(columns, X, np.zeros(n), loss=loss)
    if loss == "softmax":
        case.outputs = int(r.integers(3, 5))
    linear._penalise(r, case)
    linear._targets(r, case)
    linear._asked(r, case)
    return case


def _classes(r: Draw) -> linear.Case:
    """Five to twelve classes; some rare, some without a row, sometimes all rows of one."""
    case = _table(r, "softmax", 100, d=int(r.integers(1, 5)))
    n, d = case.X.shape
    case.outputs = int(r.integers(5, 13))
    share = 10.0 ** -(r.uniform(0, 3) * r.random(case.outputs))
    scores = case.X @ r.standard_normal((d, case.outputs)) + np.log(share) + r.gumbel(size=(n, case.outputs))
    case.y = scores.argmax(axis=1).astype(float)
    if r.random() < 0.1:
        case.y = np.full(n, float(r.integers(case.outputs)))
    case.start, case.weight, case.bounds = None, None, None
    if case.penalty == "simplex":
        case.penalty = "l2"
    case.method = None
    return case


def _counts(r: Draw) -> linear.Case:
    """Counts of up to 1e12, of which many may be 0."""
    case = _table(r, "poisson", 80)
    n, d = case.X.shape
    m = linear._standard(case.X) @ r.standard_normal(d) / np.sqrt(d)
    mean = 10.0 ** r.uniform(2, 12) * np.exp(np.clip(m * r.uniform(0, 3), -20, 6))
    case.y = r.poisson(np.minimum(mean, 1e15)).astype(float)
    if r.random() < 0.4:
        case.y = case.y * (r.random(n) < r.uniform(0.02, 0.9))
    return case


def _huge(r: Draw) -> linear.Case:
    """Targets of 1e14 to 1e100, or as small."""
    case = _table(r, str(r.choice(["huber", "squared"])), 60)
    size = 10.0 ** (r.uniform(14, 100) if r.random() < 0.7 else r.uniform(-100, -14))
    case.y = case.y / max(np.abs(case.y).max(), 1e-300) * size
    if case.loss == "huber" and r.random() < 0.7:
        case.width = float(np.clip(size * 10.0 ** r.uniform(-3, 1), 1e-30, 1e30))
    return case


def _holes(r: Draw) -> linear.Case:
    """Sparse, with columns that are constant, empty, or the same again."""
    case = _table(r, str(r.choice(linear.LOSSES)), 60, "thin", int(r.integers(2, 8)))
    d = case.X.shape[1]
    for j in range(d):
        what = r.random()
        if what < 0.2:
            case.X[:, j] = 10.0 ** r.uniform(-3, 5)
        elif what < 0.35:
            case.X[:, j] = 0.0
        elif what < 0.5:
            case.X[:, j] = case.X[:, (j + 1) % d] * r.choice([1.0, -2.0])
    case.store = str(r.choice(["csr", "csc"]))
    return case


def _rank(r: Draw) -> linear.Case:
    """LinearRegression on tables whose columns depend on each other, exactly or to 1e-14."""
    columns = str(r.choice(["collinear", "constant", "powers", "scales", "far"]))
    n, d = int(r.integers(1, 60)), int(r.integers(2, 9))
    case = linear.Case(columns, linear.TABLES[columns](r, n, d), np.zeros(n))
    k = int(r.integers(1, d + 1))
    case.X = case.X[:, r.integers(k, size=d)] * r.choice([1.0, -1.0, 2.0], d)
    linear._targets(r, case)
    case.intercept, case.named = bool(r.random() < 0.7), True
    if r.random() < 0.3:
        case.weight = r.integers(0, 3, n) + (np.arange(n) == 0) * 1.0
    return case


def _unlike(r: Draw) -> linear.Case:
    """Weights that lie 1e12 apart, and many of 0."""
    case = _table(r, str(r.choice(linear.LOSSES)), 60)
    n = len(case.y)
    weight = 10.0 ** r.uniform(-12, 0, n) * (r.random(n) < 0.6)
    weight[int(r.integers(n))] = 1.0
    case.weight, case.named = weight * 10.0 ** r.uniform(-3, 3), False
    return case


def _afar(r: Draw) -> linear.Case:
    """A warm start far from everything."""
    case = _table(r, str(r.choice(linear.LOSSES)), 60)
    if case.penalty == "simplex":
        case.penalty = "l1"
        case.method = None
    low, high = case.bounds or (-np.inf, np.inf)
    far = 10.0 ** r.uniform(2, 10)
    w = np.clip(far * r.standard_normal((case.outputs, case.X.shape[1])), low, high)
    b = far * r.standard_normal((case.outputs, 1))
    case.start = np.ascontiguousarray(np.hstack([w, b]) if case.intercept else w).ravel()
    return case


def _alike(r: Draw) -> linear.Case:
    """Columns that nearly repeat each other, under l1, within bounds, or both."""
    case = _table(r, str(r.choice(linear.LOSSES)), 60, "collinear", int(r.integers(2, 7)))
    if r.random() < 0.5:
        case.penalty, case.alpha = "l1", float(10.0 ** r.uniform(-9, 0))
    else:
        case.penalty, case.alpha, case.bounds = "none", 0.0, (0.0, float(r.choice([0.5, 3.0, np.inf])))
    case.start, case.method = None, None
    return case


# Functions


def _circuit(r: Draw) -> functions.Case:
    """A capacitor that is charged: volts beside microfarads (or less), perhaps within bounds."""
    t = np.linspace(0, 3, int(r.integers(10, 60)))
    noise = 10.0 ** r.uniform(-5, -1) * (r.random() < 0.5)
    y = 5 * (1 - np.exp(-t)) + noise * r.standard_normal(len(t))
    case = functions.Case(
        "circuit", "((u[...,:1]*(1-np.exp(-t/u[...,1:2]))-y)**2).sum(-1)",
        np.array([r.uniform(1, 9), 10.0 ** r.uniform(-0.7, 0.7)]), {"t": t, "y": y},
        scale=np.array([1.0, 10.0 ** r.uniform(-12, -3)]),
    )  # fmt: skip
    if r.random() < 0.6:
        case.low, case.high = np.array([0.0, 0.01]), np.array([10.0, 10.0])
    return case


def _narrow(r: Draw) -> functions.Case:
    """A box that is narrower than 1e-5, of a size that fits it or not."""
    n = int(r.integers(1, 6))
    case = [functions._quadratic(r, n, 4.0), functions._valley(r, n), functions._exponential(r, n)][
        int(r.integers(3))
    ]
    n = len(case.start)
    width = 10.0 ** r.uniform(-12, -5, n)
    where = r.uniform(-0.3, 1.3, n)
    near = case.start if r.random() < 0.5 else np.ones(n)
    case.low, case.high = near - where * width, near + (1 - where) * width
    case.start, case.least = np.clip(case.start, case.low, case.high), np.nan
    if r.random() < 0.5:
        # the room is what the variable is measured in
        case.constants = {k: v for k, v in case.constants.items()}
        case.scale = np.full(n, 10.0 ** r.uniform(-6, 6))
    return case


def _beside(r: Draw) -> functions.Case:
    """Starts beside 0: 1e-10 to the smallest number there is."""
    n = int(r.integers(1, 6))
    case = [functions._quadratic, functions._exponential, functions._periodic, functions._powers][
        int(r.integers(4))
    ](r, n)
    tiny = r.random(n) < 0.6
    case.start = np.where(tiny, 10.0 ** r.uniform(-320, -10, n) * r.choice([-1, 1], n), case.start)
    return case


def _misled(r: Draw) -> functions.Case:
    """A gradient with one wrong entry or a little off, by every method."""
    case = functions._wrong(r, int(r.integers(1, 6)))
    case.wrong = str(r.choice(["last", "slightly", "constant", *functions.WRONG]))
    case.method = [None, *functions.SMOOTH, *functions.RULES][int(r.integers(14))]
    return case


TABLES: dict[str, Callable[[Draw], linear.Case]] = {
    "many classes": _classes, "counts": _counts, "huge targets": _huge, "holes": _holes, "rank": _rank,
    "unlike weights": _unlike, "from afar": _afar, "alike": _alike,
}  # fmt: skip
FORMULAS: dict[str, Callable[[Draw], functions.Case]] = {
    "circuit": _circuit, "narrow": _narrow, "beside 0": _beside, "misled": _misled,
}  # fmt: skip


def draw(r: Draw, family: str | None = None) -> Any:
    """A case of the family, or of any."""
    kind = family or str(r.choice([*TABLES, *FORMULAS]))
    if kind in TABLES:
        case: Any = TABLES[kind](r)
        fits = not case.named and case.penalty != "simplex" and not case.bounds and case.start is None
        # the general estimator has every loss; classes must all be there
        whole = case.loss not in ("logistic", "softmax") or len(np.unique(case.y)) == max(case.outputs, 2)
        case.general = fits and whole and r.random() < 0.3
    else:
        case = FORMULAS[kind](r)
        if r.random() < 0.3:
            case.size = float(10.0 ** r.uniform(-100, 100))
        case.jac = "exact" if case.wrong else [None, "exact", "3-point"][int(r.integers(3))]
        if not case.wrong and r.random() < 0.4:
            case.method = str(r.choice(functions.SMOOTH))
    case.family = kind
    return case


def _module(case: Any) -> Any:
    return linear if isinstance(case, linear.Case) else functions


def judge(case: Any) -> Verdict:
    return _module(case).judge(case)


def smaller(case: Any) -> list[Any]:
    return _module(case).smaller(case)
