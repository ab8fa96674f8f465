"""Portfolios beside cvxpy (Clarabel, OSQP), PyPortfolioOpt and skfolio: the same objective, checked on the weights returned.

    python benchmarks/portfolio.py [--quick] [--only dense] [--repeats 5] [--json portfolio.json]

Each peer that is installed is given the same data in the same run, its time the least of the repeats (peers once where one
takes above 5 seconds). `off` is the value at the weights returned, made to sum to 1 and clipped to what is allowed, relative
to the best of all; peers' problems are stated in their words, so their modelling is in their time, as it is in ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _given import each, parser

from steepest import portfolio
from steepest.portfolio import FactorCovariance

Array = np.ndarray


@dataclass
class Case:
    """A problem, and how each solver is asked."""

    name: str
    value: Callable[[Array], float]
    ours: Callable[[], Any]
    peers: dict[str, Callable[[], Any]] = field(default_factory=dict)


def market(n: int, factors: int, seed: int = 0) -> tuple[Array, Array, Array]:
    """Expected returns, loadings and specific variances of a day."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(0, 0.006, (n, factors))
    loadings[:, 0] = rng.normal(1, 0.3, n) * 0.01
    return rng.normal(3e-4, 4e-4, n), loadings, rng.uniform(0.01, 0.03, n) ** 2


def have(name: str) -> Any:
    """A peer's module, or None."""
    try:
        return __import__(name)
    except ImportError:
        return None


def by_cvxpy(solver: str, build: Callable[[Any], tuple[Any, Any]]) -> Callable[[], Array]:
    """A problem in cvxpy's words."""
    import cvxpy as cp

    def run() -> Array:
        w, problem = build(cp)
        exact = {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iter": 100000} if solver == "OSQP" else {}
        problem.solve(solver=solver, **exact)
        return np.asarray(w.value)

    return run


def cvxpys(
    build: Callable[[Any], tuple[Any, Any]], solvers: tuple[str, ...] = ("CLARABEL", "OSQP")
) -> dict[str, Any]:
    """Both solvers, where they are there."""
    if not have("cvxpy"):
        return {}
    return {f"cvxpy {solver.lower()}": by_cvxpy(solver, build) for solver in solvers}


def least_variance(n: int, factors: int, dense: bool) -> Case:
    """Long only, fully invested."""
    mu, loadings, specific = market(n, factors)
    cov = loadings @ loadings.T + np.diag(specific)
    form = cov if dense else FactorCovariance(loadings, specific)

    def build(cp: Any) -> tuple[Any, Any]:
        w = cp.Variable(n)
        risk = (
            cp.quad_form(w, cp.psd_wrap(cov))
            if dense
            else cp.sum_squares(loadings.T @ w) + cp.sum_squares(cp.multiply(np.sqrt(specific), w))
        )
        # In units in which the solvers' absolute tolerances mean something.
        return w, cp.Problem(cp.Minimize(1e4 * risk), [cp.sum(w) == 1, w >= 0])

    peers = cvxpys(build)
    if dense and have("pypfopt"):

        def pypfopt() -> Array:
            from pypfopt import EfficientFrontier

            found = EfficientFrontier(mu, cov)
            found.min_volatility()
            return np.asarray(found.weights)

        peers["PyPortfolioOpt"] = pypfopt
    if dense and n <= 500 and have("skfolio"):
        days = np.linalg.cholesky(cov)
        rows = np.sqrt(n) * np.vstack([days.T, -days.T])

        def skfolio() -> Array:
            from skfolio.moments import EmpiricalCovariance
            from skfolio.optimization import MeanRisk
            from skfolio.prior import EmpiricalPrior

            prior = EmpiricalPrior(covariance_estimator=EmpiricalCovariance())
            return np.asarray(MeanRisk(prior_estimator=prior).fit(rows).weights_)

        peers["skfolio"] = skfolio
    name = f"least variance, n = {n}, {'dense' if dense else f'{factors} factors'}"
    return Case(name, lambda w: float(w @ cov @ w), lambda: portfolio.min_variance(cov=form), peers)


def efficient(n: int, factors: int, points: int) -> Case:
    """A frontier of so many points: the value is the sum of the variances."""
    mu, loadings, specific = market(n, factors)
    cov = FactorCovariance(loadings, specific)
    first = portfolio.min_variance(mu, cov).expected_return
    targets = np.linspace(first, mu.max(), points)[:-1]

    def value(w: Array) -> float:
        return float(np.sum((w @ loadings) ** 2) + np.sum(w**2 @ specific))

    peers = {}
    if have("cvxpy"):

        def cvxpy() -> Array:
            import cvxpy as cp

            w, target = cp.Variable(n), cp.Parameter()
            risk = cp.sum_squares(loadings.T @ w) + cp.sum_squares(cp.multiply(np.sqrt(specific), w))
            problem = cp.Problem(
                cp.Minimize(1e4 * risk), [cp.sum(w) == 1, w >= 0, 1e3 * mu @ w >= 1e3 * target]
            )
            found = []
            for target.value in targets:
                problem.solve(solver="CLARABEL")
                found.append(w.value)
            return np.array(found)

        peers["cvxpy clarabel"] = cvxpy
    ours = lambda: np.array([p.x for p in portfolio.frontier(mu, cov, points=points)][:-1])  # noqa: E731
    return Case(f"frontier of {points}, n = {n}, {factors} factors", value, ours, peers)


def tail(n: int, days: int) -> Case:
    """Conditional value at risk at 95 %."""
    mu, loadings, specific = market(n, 5)
    rng = np.random.default_rng(1)
    r = mu + rng.standard_t(4, (days, 5)) @ loadings.T + rng.normal(size=(days, n)) * np.sqrt(specific)

    def value(w: Array) -> float:
        losses = np.sort(-r @ w)[::-1]
        k = 0.05 * days
        whole = int(k + 1e-9)
        return float((losses[:whole].sum() + (k - whole) * losses[min(whole, days - 1)]) / k)

    def build(cp: Any) -> tuple[Any, Any]:
        w, t, u = cp.Variable(n), cp.Variable(), cp.Variable(days)
        loss = t + cp.sum(u) / (0.05 * days)
        return w, cp.Problem(cp.Minimize(loss), [cp.sum(w) == 1, w >= 0, u >= 0, u >= -r @ w - t])

    peers = cvxpys(build, ("CLARABEL",))
    if have("pypfopt") and n <= 500:

        def pypfopt() -> Array:
            from pypfopt import EfficientCVaR

            found = EfficientCVaR(mu, r)
            found.min_cvar()
            return np.asarray(found.weights)

        peers["PyPortfolioOpt"] = pypfopt
    if have("skfolio") and n <= 500:

        def skfolio() -> Array:
            from skfolio import RiskMeasure
            from skfolio.optimization import MeanRisk

            return np.asarray(MeanRisk(risk_measure=RiskMeasure.CVAR).fit(r).weights_)

        peers["skfolio"] = skfolio
    return Case(f"CVaR, {n} assets, {days} scenarios", value, lambda: portfolio.min_cvar(r), peers)


def parity(n: int, factors: int) -> Case:
    """Equal parts of the variance: ½ ln w'Σw less the mean of ln w, the same of any multiple of w, is least there."""
    _, loadings, specific = market(n, factors)
    cov = loadings @ loadings.T + np.diag(specific)

    def value(w: Array) -> float:
        return 0.5 * float(np.log(w @ cov @ w)) - float(np.mean(np.log(np.maximum(w, 1e-300))))

    peers = {}
    if have("skfolio") and n <= 500:
        days = np.linalg.cholesky(cov)
        rows = np.sqrt(n) * np.vstack([days.T, -days.T])

        def skfolio() -> Array:
            from skfolio.moments import EmpiricalCovariance
            from skfolio.optimization import RiskBudgeting
            from skfolio.prior import EmpiricalPrior

            prior = EmpiricalPrior(covariance_estimator=EmpiricalCovariance())
            return np.asarray(RiskBudgeting(prior_estimator=prior).fit(rows).weights_)

        peers["skfolio"] = skfolio
    return Case(
        f"parity, n = {n}", value, lambda: portfolio.risk_parity(FactorCovariance(loadings, specific)), peers
    )


def timed(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The least seconds of some repeats, one where that takes long."""
    best, found = np.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        found = run()
        best = min(best, time.perf_counter() - start)
        if best > 5:
            break
    return best, found


def allowed(w: Array) -> Array:
    """Weights as they would be held: none below 0, all of the budget."""
    w = np.maximum(w, 0.0)
    return np.asarray(w / w.sum(axis=-1, keepdims=True))


def measure(case: Case, repeats: int) -> tuple[dict[str, Any], str]:
    """All solvers of a case."""
    rows: dict[str, tuple[float, float, str]] = {}
    seconds, found = timed(case.ours, repeats)
    note = ""
    if hasattr(found, "certificate"):
        note = f"gap {found.certificate['bound']:.1e} proved" if found.success else str(found.outcome)
        found = found.x
    answers = {"steepest": (seconds, np.asarray(found), note)}
    for name, run in case.peers.items():
        try:
            seconds, w = timed(run, repeats)
            answers[name] = (seconds, w, "")
        except Exception as error:
            rows[name] = (np.nan, np.nan, f"failed: {type(error).__name__}")
    values = {
        name: float(sum(case.value(v) for v in np.atleast_2d(allowed(w))))
        for name, (_, w, _) in answers.items()
    }
    best = min(values.values())
    for name, (seconds, _, note) in answers.items():
        rows[name] = (seconds, (values[name] - best) / abs(best), note)
    quickest = min((s for name, (s, _, _) in rows.items() if name != "steepest" and s == s), default=np.nan)
    lines = [f"\n**{case.name}**\n", "| solver | ms | off | |", "|---|---|---|---|"]
    for name, (seconds, off, note) in sorted(rows.items(), key=lambda item: item[0] != "steepest"):
        lines.append(f"| {name} | {1e3 * seconds:.3g} | {off:.1e} | {note} |")
    lines.append(f"\nthe quickest peer takes {quickest / rows['steepest'][0]:.3g} times as long")
    kept = {name: {"seconds": s, "off": off, "note": note} for name, (s, off, note) in rows.items()}
    return {"case": case.name, "solvers": kept}, "\n".join(lines)


if __name__ == "__main__":
    given = parser(__doc__, "quick", "only", repeats=5).parse_args()
    cases = [
        least_variance(50, 5, True),
        least_variance(500, 20, True),
        least_variance(500, 20, False),
        tail(100, 500),
        parity(500, 20),
    ]
    if not given.quick:
        cases += [
            least_variance(2000, 40, True), least_variance(2000, 40, False), least_variance(10000, 40, False),
            efficient(2000, 40, 20), tail(500, 2000), tail(2000, 500), tail(2000, 2000),
        ]  # fmt: skip
    each(given, cases, lambda case: measure(case, 1 if given.quick else given.repeats))
