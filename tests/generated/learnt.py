"""Losses with numbers that are learnt beside the coefficients, over the tables of `linear`.

The oracle writes them as their books do (the difference of two logistic functions; a scale, and a Huber function of
what it divides) and leads on from where steepest ended: a lower point, if SciPy finds one, is a fact.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tests.generated import linear
from tests.generated.verdict import SECONDS, Verdict, alarm

from steepest.linear.problem import Problem, Solved

__all__ = ["Case", "draw", "judge", "smaller"]

LOSSES = ("ordinal", "huber_scale")
#: What rounding may hide of a mean of some losses.
NOISE = 1e-12


@dataclass
class Case:
    """A table, its target, and what is asked."""

    family: str
    X: NDArray[Any]
    y: NDArray[Any]
    loss: str
    alpha: float
    intercept: bool
    classes: int | None
    method: str | None = None

    def problem(self) -> Problem:
        return Problem(
            loss=self.loss,
            alpha=self.alpha,
            penalty="l2" if self.alpha else "none",
            intercept=self.intercept,
            classes=self.classes,
            method=self.method,
        )

    def code(self) -> str:
        return f"X = {self.X.tolist()}\ny = {self.y.tolist()}\n{self.problem()}.solve(X, y)"

    def value(self, x: NDArray[Any]) -> float:
        """The objective: coefficients of `X`, an intercept, and the cuts or the scale."""
        d = self.X.shape[1]
        w, b, learnt = x[:d], x[d], x[d + 1 :]
        z = self.X.astype(np.longdouble) @ w + b
        if self.classes is None:
            s = 1.0 + learnt[0]
            if not s > 0:
                return np.inf
            r = np.abs(z - self.y) / s
            rows = s + s * np.where(r <= 1.35, r * r, 1.35 * (2 * r - 1.35))
        else:
            cuts = np.concatenate([[-np.inf, 0.0], np.arange(1, self.classes - 1) + learnt, [np.inf]])
            if (np.diff(cuts) <= 0).any():
                return np.inf
            k = self.y.astype(np.intp)
            a, c = cuts[k + 1] - z, cuts[k] - z
            # From the side on which both are small, so that their difference keeps its digits.
            a, c = np.where(c > 0, -c, a), np.where(c > 0, -a, c)
            with np.errstate(over="ignore", divide="ignore"):
                rows = -np.log(1 / (1 + np.exp(-a)) - 1 / (1 + np.exp(-c)))
        return float(np.mean(rows) + 0.5 * self.alpha * w @ w)


def draw(r: np.random.Generator, family: str | None = None) -> Case:
    """A case of the family, or of any."""
    kind = family or str(r.choice(list(linear.TABLES)))
    n, d = int(r.integers(8, 81)), int(r.integers(1, 6))
    X, loss = linear.TABLES[kind](r, n, d), str(r.choice(LOSSES))
    m = linear._standard(X) @ r.standard_normal(d) / np.sqrt(d)
    m = m * r.choice([0.0, 1.0, 3.0]) + r.logistic(size=n)
    alpha = float(r.choice([0.0, 1e-6, 1e-3, 1.0]))
    intercept, classes = bool(r.random() < 0.8), None
    if loss == "ordinal":
        classes = int(r.integers(2, 6))
        y = np.searchsorted(np.quantile(m, np.linspace(0, 1, classes + 1)[1:-1]), m).astype(float)
    else:
        y = m + np.where(r.random(n) < 0.1, 30.0 * r.standard_normal(n), 0.0) + r.choice([0.0, 100.0])
    return Case(kind, X, y, loss, alpha, intercept, classes)


def smaller(case: Case) -> list[Case]:
    """None: the tables are small as they are."""
    return []


def judge(case: Case) -> Verdict:
    """False success, and bounds below the truth."""
    try:
        with alarm(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solved = case.problem().solve(case.X, case.y)
    except TimeoutError:
        return Verdict("slow", f"more than {SECONDS} s")
    result, certificate = solved.result, solved.result.certificate
    ours = case.value(_point(solved))
    if abs(ours - result.fun) > 1e-9 * (1 + abs(ours)) + _rounding(case, _point(solved)):
        return Verdict("wrong value", f"{result.fun} is said, {ours} it is")
    if not result.success:
        return Verdict("")
    if certificate is None or certificate["kind"] != "duality_gap":
        return Verdict("loose claim", f"nothing proved: {certificate}")
    gain = ours - _lower(case, _point(solved))
    if gain > certificate["bound"] + NOISE * (1 + abs(ours)) + _rounding(case, _point(solved)):
        return Verdict("bound below", f"{gain} lower, {certificate['bound']} at most was claimed")
    return Verdict("")


def _point(solved: Solved) -> NDArray[Any]:
    return np.concatenate([solved.coef[0], solved.intercept, solved.learnt])


def _rounding(case: Case, x: NDArray[Any]) -> float:
    """What the rounding of coefficients moves a mean of losses by: their slopes are at most 3."""
    d = case.X.shape[1]
    return float(12 * np.finfo(float).eps * np.mean(np.abs(case.X) @ np.abs(x[:d]) + abs(x[d])))


def _lower(case: Case, x: NDArray[Any]) -> float:
    """The lowest value that SciPy finds from here, in columns of scale 1."""
    scale = np.ones(len(x))
    scale[: case.X.shape[1]] = 1 / np.maximum(np.abs(case.X).max(axis=0), 1e-300)
    free = np.ones(len(x), dtype=bool)
    free[case.X.shape[1]] = case.intercept

    def fun(u: NDArray[Any]) -> float:
        at = x.copy()
        at[free] += scale[free] * u
        return case.value(at)

    best, u = fun(np.zeros(free.sum())), np.zeros(free.sum())
    for method in ("Nelder-Mead", "Powell", "BFGS"):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            end = minimize(fun, u, method=method, options={"maxiter": 200})
        if end.fun < best:
            best, u = float(end.fun), end.x
    return best
