"""What is handed to `minimize` without a gradient: fits with kinks, noise that grows, inputs that are rounded.

The least value is known from linear programs, formulas and trials, and a success is held to it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
from numpy.typing import NDArray
from tests.generated.verdict import SECONDS, Verdict, alarm

import steepest

__all__ = ["FAMILIES", "METHODS", "draw", "judge", "smaller"]

Draw = np.random.Generator
Array = NDArray[Any]
Bounds = list[tuple[float, float]]

QUICK = ("lbfgs", "bfgs", "newton")
UNBOUNDED = ("bfgs", "newton")
METHODS = (*QUICK, "gradient_descent", "fista", "adam", "sgd", "rprop")
#: What a method without curvature may take: beside kinks most only tell late that they know nothing.
CALLS = 4000

#: What a success may miss by, of what the function has fallen by and of itself.
SHARE, OF_ITSELF = 2e-6, 2e-7


@dataclass
class Case:
    family: str
    #: over x and the constants
    formula: str
    constants: dict[str, Any]
    start: Array
    least: float
    bounds: Bounds | None = None
    method: str | None = None
    #: what noise may hide where the value is least, of what it has fallen by
    noise: float = 0.0

    def fun(self, x: Array) -> float:
        names = {"np": np, "gammaln": scipy.special.gammaln, "x": np.asarray(x), **self.constants}
        return float(eval(self.formula, names))

    def code(self) -> str:
        """A program that runs it."""
        given = [
            f"{k} = np.array({v.tolist()})" if isinstance(v, np.ndarray) else f"{k} = {v!r}"
            for k, v in self.constants.items()
        ]
        lines = ["import numpy as np, steepest", "from scipy.special import gammaln", *given]
        asked = f", bounds={self.bounds}" if self.bounds else ""
        asked += f", method={self.method!r}" if self.method else ""
        lines += [
            f"def f(x): return float({self.formula})",
            f"steepest.minimize(f, {self.start.tolist()}{asked})",
        ]
        return "\n    ".join(lines)


def _table(r: Draw) -> tuple[Array, Array, Array]:
    m, n = int(r.integers(12, 60)), int(r.integers(2, 6))
    A = r.standard_normal((m, n)) * 10.0 ** (r.uniform(-1, 1, n) * (r.random() < 0.3))
    A[:, 0] = 1.0
    w = r.standard_normal(n) / np.sqrt((A**2).mean(0))
    return A, A @ w + r.standard_t(2, m) * 10.0 ** r.uniform(-1.5, 0.3), w


def _quantiles(A: Array, y: Array, tau: float, bounds: Any) -> float:
    """The least pinball loss, as a linear program."""
    (m, n), one = A.shape, np.eye(len(y))
    cost = np.r_[np.zeros(n), np.full(m, tau), np.full(m, 1 - tau)]
    limits = [*(bounds or [(None, None)] * n), *[(0, None)] * (2 * m)]
    return float(scipy.optimize.linprog(cost, A_eq=np.hstack([A, one, -one]), b_eq=y, bounds=limits).fun)


def _quantile(r: Draw) -> Case:
    A, y, w = _table(r)
    tau, start = float(r.choice([0.1, 0.25, 0.5, 0.8, 0.95])), w if r.random() < 0.5 else np.zeros(len(w))
    formula = "(e:=y-A@x,np.maximum(tau*e,(tau-1)*e).sum())[1]"
    return Case("quantile", formula, {"A": A, "y": y, "tau": tau}, start, _quantiles(A, y, tau, None))


def _bounded(r: Draw) -> Case:
    """The same within bounds, some of which hold where it is least."""
    case = _quantile(r)
    A, y, tau = case.constants.values()
    n, centre = A.shape[1], np.linalg.lstsq(A, y, rcond=None)[0]
    size = np.abs(centre) + 0.3 / np.sqrt((A**2).mean(0))
    low, high = centre + size * r.uniform(-1, 0.2, n), centre + size * r.uniform(0.3, 2, n)
    if r.random() < 0.4:
        low, high = np.zeros(n), np.full(n, np.inf)
    bounds = list(zip(low.tolist(), high.tolist(), strict=True))
    start = (
        np.clip(centre, low, high)
        if r.random() < 0.5
        else np.where(np.isfinite(high), (low + high) / 2, size)
    )
    return replace(
        case, family="quantile within bounds", start=start, bounds=bounds, least=_quantiles(A, y, tau, bounds)
    )


def _laplace(r: Draw) -> Case:
    """Absolute deviations, and the logarithm of their scale beside them."""
    A, y, _ = _table(r)
    m, n = A.shape
    least = 2 * _quantiles(A, y, 0.5, None)
    return Case(
        "scale of absolute deviations", "abs(A@x[:-1]-y).sum()*np.exp(-x[-1])+len(y)*x[-1]", {"A": A, "y": y},
        np.zeros(n + 1), m + m * float(np.log(least / m)),
    )  # fmt: skip


def _largest(r: Draw) -> Case:
    A, y, _ = _table(r)
    n, one = A.shape[1], np.ones((len(y), 1))
    rows, sides = np.vstack([np.hstack([A, -one]), np.hstack([-A, -one])]), np.r_[y, -y]
    found = scipy.optimize.linprog(
        np.r_[np.zeros(n), 1], A_ub=rows, b_ub=sides, bounds=[(None, None)] * (n + 1)
    )
    return Case("largest deviation", "abs(A@x-y).max()", {"A": A, "y": y}, np.zeros(n), float(found.fun))


def _bent(r: Draw) -> Case:
    """A kink along a parabola, which falls slowly on the way."""
    k = float(10.0 ** r.uniform(0, 2))
    return Case("bent kink", "k*abs(x[1]-x[0]**2)+(1-x[0])**2", {"k": k}, r.uniform(-2, 2, 2), 0.0)


def _drowning(r: Draw) -> Case:
    """Student's t for what has no tails: its degrees of freedom grow, and with them what cancels."""
    y = r.uniform(-1, 1, int(r.integers(30, 120))) * 10.0 ** r.uniform(-1, 1)
    formula = (
        "(v:=np.exp(x[2]),-(gammaln((v+1)/2)-gammaln(v/2)-0.5*np.log(v*np.pi)-x[1]"
        "-(v+1)/2*np.log1p(((y-x[0])/np.exp(x[1]))**2/v)).sum())[1]"
    )
    least = len(y) * (0.5 * np.log(2 * np.pi * y.var()) + 0.5)
    start = np.array([y.mean() + 0.5 * y.std(), np.log(y.std()), 1.0])
    return Case("drowning tail", formula, {"y": y}, start, float(least), noise=1e-6)


def _rounded(r: Draw) -> Case:
    """A variable that is rounded before it is used, beside one that is not."""
    # No stair is least for the other variable's value at it that is not least of all.
    a, b = float(r.uniform(-6, 6)), float(r.integers(-6, 7) + r.uniform(-0.3, 0.3))
    c = float(10.0 ** r.uniform(-4, -2))
    whole = np.arange(-30.0, 31.0)
    free = (a + c * whole) / (1 + c)
    least = ((free - a) ** 2 + (whole - b) ** 2 + c * (free - whole) ** 2).min()
    formula = "(k:=np.round(x[1]),(x[0]-a)**2+(k-b)**2+c*(x[0]-k)**2)[1]"
    return Case(
        "beside a rounded variable", formula, {"a": a, "b": b, "c": c}, r.uniform(-9, 9, 2), float(least)
    )


FAMILIES: dict[str, Callable[[Draw], Case]] = {
    "quantile": _quantile, "quantile within bounds": _bounded, "scale of absolute deviations": _laplace,
    "largest deviation": _largest, "bent kink": _bent, "drowning tail": _drowning,
    "beside a rounded variable": _rounded,
}  # fmt: skip


def draw(r: Draw, family: str | None = None) -> Case:
    """A case of the family, or of any."""
    case = FAMILIES[family or str(r.choice(list(FAMILIES)))](r)
    if r.random() < 0.4:
        method = str(r.choice(METHODS))
        case.method = None if case.bounds and method in UNBOUNDED else method
    return case


def judge(case: Case) -> Verdict:
    """Runs steepest on the case and holds a success to the least value."""
    begin = case.fun(case.start)
    options = {} if case.method is None or case.method in QUICK else {"maxfev": CALLS}
    try:
        with alarm(4 * SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = steepest.minimize(
                case.fun, case.start, bounds=case.bounds, method=case.method, options=options
            )
    except TimeoutError:
        return Verdict("slow", f"{case.method}: not done after {4 * SECONDS:g} s")
    except Exception as error:
        return Verdict("crash", f"{type(error).__name__}: {error}"[:200])
    gap, fallen = result.fun - case.least, begin - case.least
    told = f"{result.method} {result.outcome}: {result.fun:.12g} of {case.least:.12g} from {begin:.6g}"
    if case.fun(result.x) != result.fun:
        return Verdict("wrong value", told)
    if not result.success:
        return Verdict("no optimum", told)
    allowed = (SHARE + case.noise) * fallen + OF_ITSELF * abs(case.least)
    return Verdict("" if gap <= allowed else "false success", told)


def smaller(case: Case) -> list[Case]:
    """The cases one step simpler."""
    rounded = replace(case, start=np.round(case.start, 1))
    plain = [replace(case, method=None)] if case.method else []
    return plain + ([] if case.bounds or np.array_equal(rounded.start, case.start) else [rounded])
