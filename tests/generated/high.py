"""Functions that begin far above their least value: penalties of large weights, exponentials, stiff directions.

Beside what such a function falls by at first, all that matters of it is small. So a success is held to the least value
itself, which is of ordinary size, and known from a formula or from Newton's method near by.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import NDArray
from tests.generated import functions
from tests.generated.verdict import SECONDS, Verdict, alarm

import steepest

__all__ = ["FAMILIES", "METHODS", "draw", "judge", "smaller"]

Draw = np.random.Generator
Array = NDArray[Any]

METHODS = (
    *functions.SMOOTH, *functions.RULES, "bfgs", "nonlinear_cg", "truncated_newton", "barzilai_borwein", "adapgm",
    "panoc", "prodigy",
)  # fmt: skip
#: What a method without curvature may take.
CALLS = 4000
#: What a success may miss of the least value, by whether the gradient is given.
OFF = {"exact": 1e-5, None: 1e-3}


@dataclass
class Case:
    family: str
    #: over x and the constants
    formula: str
    slope: str
    constants: dict[str, Any]
    start: Array
    least: float
    bounds: tuple[float, float] | None = None
    method: str | None = None
    jac: str | None = "exact"
    #: what counts of a least value that is 0
    size: float = 0.0

    def _at(self, formula: str, x: Array) -> Any:
        with np.errstate(all="ignore"):
            return eval(formula, {"np": np, "x": np.asarray(x), **self.constants})

    def fun(self, x: Array) -> float:
        return float(self._at(self.formula, x))

    def grad(self, x: Array) -> Array:
        return np.asarray(self._at(self.slope, x), dtype=np.float64)

    def code(self) -> str:
        """A program that runs it."""
        given = [
            f"{k} = np.array({v.tolist()})" if isinstance(v, np.ndarray) else f"{k} = {v!r}"
            for k, v in self.constants.items()
        ]
        asked = f", jac=lambda x: {self.slope}" if self.jac else ""
        asked += f", bounds=[{self.bounds}] * {len(self.start)}" if self.bounds else ""
        asked += f", method={self.method!r}" if self.method else ""
        lines = ["import numpy as np, steepest", *given, f"def f(x): return float({self.formula})"]
        return "\n    ".join([*lines, f"steepest.minimize(f, {self.start.tolist()}{asked})"])


def _size(r: Draw) -> int:
    return int(r.choice([1, 2, 3, 6, 15]))


def _far(r: Draw, n: int) -> Array:
    """A start at any distance."""
    return r.uniform(-1, 1, n) * 10.0 ** r.uniform(0, 3)


def _stiff(r: Draw) -> Case:
    """An equation by a penalty: one direction is stiff, all others are not."""
    n = max(_size(r), 2)
    a, c, d = r.standard_normal(n), r.standard_normal(n), float(r.uniform(2, 4))
    d = float(c @ a + d * np.linalg.norm(c))
    w = float(10.0 ** r.uniform(2, 8))
    least = w / (1 + w * (c @ c)) * (c @ a - d) ** 2
    return Case(
        "stiff", "((x-a)**2).sum()+w*(c@x-d)**2", "2*(x-a)+2*w*(c@x-d)*c", {"a": a, "c": c, "d": d, "w": w},
        _far(r, n), float(least),
    )  # fmt: skip


def _apart(r: Draw) -> Case:
    """The same along the coordinates."""
    n = max(_size(r), 2)
    w, a = 10.0 ** r.uniform(0, 9, n), r.standard_normal(n)
    return Case("apart", "(w*(x-a)**2).sum()+1", "2*w*(x-a)", {"w": w, "a": a}, _far(r, n), 1.0)


def _hinge(r: Draw) -> Case:
    """A ball by a penalty, from outside."""
    n = _size(r)
    a = r.standard_normal(n)
    a *= r.uniform(1.5, 4) / np.linalg.norm(a)
    w, far = float(10.0 ** r.uniform(2, 10)), float(np.linalg.norm(a))
    s = scipy.optimize.brentq(lambda s: 2 * (s - far) + 4 * w * (s * s - 1) * s, 1, far, xtol=1e-15)
    return Case(
        "hinge", "((x-a)**2).sum()+w*max(0.0,x@x-1)**2", "2*(x-a)+4*w*max(0.0,x@x-1)*x", {"a": a, "w": w},
        _far(r, n), (s - far) ** 2 + w * (s * s - 1) ** 2,
    )  # fmt: skip


def _exponential(r: Draw) -> Case:
    n = _size(r)
    c = r.uniform(0.3, 3, n)
    least = 1 + float((c - c * np.log(c)).sum())
    case = Case(
        "exponential", "(np.exp(x)-c*x).sum()+1", "np.exp(x)-c", {"c": c}, r.uniform(5, 150, n), least
    )
    return replace(case, bounds=(-200.0, 200.0)) if r.random() < 0.3 else case


def _rates(r: Draw) -> Case:
    """Counts by exponentials of raw columns."""
    m, n = int(r.integers(30, 120)), int(r.integers(1, 5))
    A = np.column_stack(
        [np.ones(m), r.standard_normal((m, n)) * 10.0 ** r.uniform(0, 1, n) + r.uniform(0, 5, n)]
    )
    y = r.poisson(np.exp(np.clip(A @ (r.standard_normal(n + 1) * 0.3 / np.abs(A).mean(0)), -5, 5))) * 1.0
    b = np.r_[np.log(y.mean() + 0.1), np.zeros(n)]

    def value(b: Array) -> float:
        with np.errstate(over="ignore"):
            return float((np.exp(A @ b) - y * (A @ b)).mean())

    for _ in range(100):
        mean = np.exp(A @ b)
        step = np.linalg.lstsq((A.T * mean) @ A, A.T @ (y - mean), rcond=None)[0]
        t = 1.0
        while value(b + t * step) > value(b) and t > 1e-10:
            t /= 2
        b = b + t * step
    start = r.uniform(0, 60, n + 1) / np.abs(A).max(0)
    return Case(
        "rates", "((z:=A@x),(np.exp(z)-y*z).mean())[1]+s", "A.T@(np.exp(A@x)-y)/len(y)",
        {"A": A, "y": y, "s": 1.0 - value(b)}, start, 1.0,
    )  # fmt: skip


def _growth(r: Draw) -> Case:
    """A curve that grows, fitted from a rate that is too large."""
    t = np.linspace(0, 10, int(r.integers(20, 60)))
    truth = np.array([r.uniform(0.5, 3), r.uniform(0.1, 0.4)])
    y = truth[0] * np.exp(truth[1] * t) + 0.3 * r.standard_normal(len(t))
    found = scipy.optimize.least_squares(
        lambda p: p[0] * np.exp(p[1] * t) - y, truth, xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    return Case(
        "growth", "((x[0]*np.exp(x[1]*t)-y)**2).sum()",
        "((e:=np.exp(x[1]*t)),(d:=2*(x[0]*e-y)),np.array([d@e,(d*t)@e*x[0]]))[2]", {"t": t, "y": y},
        np.array([r.uniform(0.5, 3), r.uniform(1, 6)]), 2 * float(found.cost),
    )  # fmt: skip


def _barrier(r: Draw) -> Case:
    """Next to where it ends."""
    n = _size(r)
    c = r.uniform(0.3, 3, n)
    return Case(
        "barrier", "(np.where(x>0,1/x,np.inf)+c*x).sum()", "c-1/x**2", {"c": c}, 10.0 ** r.uniform(-12, -2, n),
        float(2 * np.sqrt(c).sum()),
    )  # fmt: skip


def _off(r: Draw) -> Case:
    """A quadratic from so far off that anything near its least value is nothing of what it falls by."""
    n = max(_size(r) % 7, 1)
    turned = np.linalg.qr(r.standard_normal((n, n)))[0]
    A, a = np.sqrt(10.0 ** r.uniform(0, r.uniform(0, 5), n))[:, None] * turned, r.standard_normal(n)
    least = float(r.choice([0.0, 1.0, -300.0]))
    return Case(
        "off", "0.5*((A@(x-a))**2).sum()+s", "A.T@(A@(x-a))", {"A": A, "a": a, "s": least},
        r.standard_normal(n) * 10.0 ** r.uniform(3, 7), least, size=1.0,
    )  # fmt: skip


FAMILIES: dict[str, Callable[[Draw], Case]] = {
    "stiff": _stiff, "apart": _apart, "hinge": _hinge, "exponential": _exponential, "rates": _rates,
    "growth": _growth, "barrier": _barrier, "off": _off,
}  # fmt: skip


def draw(r: Draw, family: str | None = None) -> Case:
    """A case of the family, or of any."""
    case = FAMILIES[family or str(r.choice(list(FAMILIES)))](r)
    if r.random() < 0.5:
        method = str(r.choice(METHODS))
        case.method = None if case.bounds and method in ("bfgs", "newton", "nonlinear_cg") else method
    case.jac = "exact" if r.random() < 0.7 else None
    return case


def judge(case: Case) -> Verdict:
    """Runs steepest on the case and holds a success to the least value."""
    options = {} if case.method in (None, "lbfgs", "bfgs", "newton") else {"maxfev": CALLS}
    try:
        with alarm(4 * SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = steepest.minimize(
                case.fun, case.start, jac=case.grad if case.jac else None, method=case.method, options=options,
                bounds=[case.bounds] * len(case.start) if case.bounds else None,
            )  # fmt: skip
    except TimeoutError:
        return Verdict("slow", f"{case.method}: not done after {4 * SECONDS:g} s")
    except Exception as error:
        return Verdict("crash", f"{type(error).__name__}: {error}"[:200])
    begun = case.fun(case.start)
    told = f"{result.method} {result.outcome} ({case.jac}): {result.fun:.12g} of {case.least:.12g} from {begun:.6g}"
    near = result.fun - case.least <= OFF[case.jac] * max(abs(case.least), case.size)
    if not result.success:
        return Verdict("unclaimed" if near else "no optimum", told)
    return Verdict("" if near else "false success", told)


def smaller(case: Case) -> list[Case]:
    """The cases one step simpler."""
    plain = [replace(case, method=None)] if case.method else []
    rounded = replace(case, start=np.round(case.start, 1))
    return plain + ([] if np.array_equal(rounded.start, case.start) else [rounded])
