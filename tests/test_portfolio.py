"""Portfolios: every optimum against another way to it, every certificate recomputed, every refusal worded."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, linprog, minimize

from steepest.errors import InputError, NotConverged
from steepest.portfolio import (
    FactorCovariance,
    MeanRisk,
    backtest,
    frontier,
    max_sharpe,
    mean_variance,
    min_cvar,
    min_variance,
    risk_parity,
    tracking,
)
from steepest.portfolio.covariance import shrunk

Floats = NDArray[np.float64]


def market(n: int, seed: int, factors: int = 3) -> tuple[Floats, FactorCovariance, Floats]:
    """Expected returns of a day, a covariance by factors, and the same dense."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(0.0, 0.006, (n, factors))
    loadings[:, 0] = 0.01 * rng.normal(1.0, 0.3, n)
    cov = FactorCovariance(loadings, rng.uniform(0.01, 0.03, n) ** 2)
    return rng.normal(3e-4, 4e-4, n), cov, cov.dense()


def enumerated(mu: Floats, cov: Floats, cap: float) -> float:
    """The least ½ w'Σw - mu'w over Σw = 1, 0 <= w <= cap, by every set of bounds."""
    best, n = np.inf, len(mu)
    for sides in itertools.product((0, 1, 2), repeat=n):
        w = np.where(np.array(sides) == 2, cap, 0.0)
        free = [j for j in range(n) if sides[j] == 1]
        m = len(free)
        a = np.zeros((m + 1, m + 1))
        a[:m, :m] = cov[np.ix_(free, free)]
        a[:m, m] = a[m, :m] = 1.0
        b = np.concatenate([(mu - cov @ w)[free], [1.0 - w.sum()]])
        if m == 0 and abs(b[0]) > 1e-12:
            continue
        if m:
            w[free] = np.linalg.solve(a, b)[:m]
        if (w >= -1e-12).all() and (w <= cap + 1e-12).all():
            best = min(best, 0.5 * w @ cov @ w - mu @ w)
    return float(best)


@pytest.mark.parametrize("seed", range(6))
def test_small_ones_are_the_best_of_all_sets_of_bounds(seed: int) -> None:
    n = 2 + seed % 4
    mu, factors, cov = market(n, seed)
    cap = (0.9, 1.0 / n + 0.1)[seed % 2]
    for form in (cov, factors):
        p = mean_variance(mu, form, risk_aversion=1.0, bounds=(0, cap))
        assert p.success
        assert p.fun == pytest.approx(enumerated(mu, cov, cap), rel=1e-10, abs=1e-16)


def gap_by_hand(
    w: Floats, cov: Floats, linear: Floats, low: Floats, high: Floats, rows: list[Any], y: list[float]
) -> float:
    """F(w) less the Lagrange dual of ½ w'Σw + c'w at multipliers y, in long doubles: an upper bound on the error."""
    x, s, c = (np.asarray(v, dtype=np.longdouble) for v in (w, cov, linear))
    slope = s @ x + c
    held = np.longdouble(0)
    for (a, least, most), price in zip(rows, y, strict=True):
        slope = slope + np.longdouble(price) * np.asarray(a, dtype=np.longdouble)
        held += np.longdouble(price) * (most if price > 0 else least) if price else 0
    inner = np.where(slope > 0, slope * low, slope * np.where(np.isfinite(high), high, 1.0))
    dual = -(x @ s @ x) / 2 + inner.sum() - held
    return float((x @ s @ x) / 2 + c @ x - dual)


@pytest.mark.parametrize("n", [30, 260])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_certificate_is_that_of_an_independent_dual(n: int, seed: int) -> None:
    mu, factors, cov = market(n, seed)
    sector = np.arange(n) % 3 == 0
    beta = np.asarray(factors.loadings)[:, 0] * 100
    names = [f"a{i}" for i in range(n)]
    limits = {
        "sector": ([name for name, s in zip(names, sector, strict=True) if s], 0.1, 0.2),
        "beta": (dict(zip(names, beta.tolist(), strict=True)), 0.9, 0.9),
    }
    bounds = dict.fromkeys(names, (0.0, 10.0 / n))
    # Names come from what has them.
    named = type("Named", (), {"columns": names, "__array__": lambda self, *a, **k: cov})()
    p = mean_variance(mu, named, risk_aversion=4.0, bounds=bounds, limits=limits)
    assert p.success
    assert list(p.weights) == names
    assert p.maxcv <= 1e-9
    assert abs(p.x.sum() - 1) <= 1e-9
    assert abs(beta @ p.x - 0.9) <= 1e-9
    assert 0.1 - 1e-9 <= p.x[sector].sum() <= 0.2 + 1e-9
    rows = [(np.ones(n), 1.0, 1.0), (sector * 1.0, 0.1, 0.2), (beta, 0.9, 0.9)]
    prices = list(p.limit_prices.values())
    gap = gap_by_hand(p.x, 4.0 * cov, -mu, np.zeros(n), np.full(n, 10.0 / n), rows, prices)
    assert -1e-15 <= gap <= p.certificate["bound"] + 1e-15
    assert gap <= 1e-6 * abs(p.fun)
    q = mean_variance(
        mu,
        factors,
        risk_aversion=4.0,
        bounds=list(bounds.values()),
        limits=[(sector * 1.0, 0.1, 0.2), (beta, 0.9, 0.9)],
    )
    np.testing.assert_allclose(p.x, q.x, atol=1e-9)


def test_what_is_traded_is_limited_and_paid_for() -> None:
    mu, _, cov = market(6, 3)
    held = np.array([0.5, 0.3, 0.2, 0.0, 0.0, 0.0])
    low, high = -0.1, 0.6
    for given in ({"turnover": 0.3}, {"costs": 0.0002}, {"turnover": 0.4, "costs": 0.0001, "gross": 1.05}):
        p = mean_variance(mu, cov, risk_aversion=5.0, holdings=held, bounds=(low, high), **given)
        assert p.success
        cost = given.get("costs", 0.0)
        assert p.trades == pytest.approx(np.abs(p.x - held).sum(), abs=1e-15)
        assert p.trades <= given.get("turnover", np.inf) + 1e-9
        assert np.abs(p.x).sum() <= given.get("gross", np.inf) + 1e-9
        value = 2.5 * p.x @ cov @ p.x - mu @ p.x + cost * np.abs(p.x - held).sum()
        assert p.fun == pytest.approx(value, rel=1e-9)
        # The same in variables of its own: w = p - q, w - held = b - s.
        n = 6

        def fun(v: Floats, n: int = n, cost: float = cost) -> float:
            w = v[:n] - v[n : 2 * n]
            return float(2.5 * w @ cov @ w - mu @ w + cost * v[2 * n :].sum()) * 1e4

        eye, zero = np.eye(n), np.zeros((n, n))
        constraints = [
            LinearConstraint(np.hstack([eye, -eye, -eye, eye]), held, held),
            LinearConstraint(np.hstack([np.ones(n), -np.ones(n), np.zeros(2 * n)])[None], 1, 1),
            LinearConstraint(np.hstack([eye, -eye, zero, zero]), low, high),
            LinearConstraint(
                np.hstack([np.zeros(2 * n), np.ones(2 * n)])[None], 0, given.get("turnover", 9.0)
            ),
            LinearConstraint(np.hstack([np.ones(2 * n), np.zeros(2 * n)])[None], 0, given.get("gross", 9.0)),
        ]
        start = np.concatenate([held, np.zeros(3 * n)])
        other = minimize(
            fun,
            start,
            bounds=[(0, 2)] * (4 * n),
            constraints=constraints,
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert p.fun * 1e4 <= other.fun + 1e-7 * abs(other.fun)
        assert p.fun * 1e4 >= other.fun - 1e-5 * abs(other.fun)


@pytest.mark.parametrize(("n", "days", "beta"), [(4, 60, 0.9), (30, 200, 0.95), (250, 120, 0.9)])
def test_the_tail_is_that_of_a_linear_program(n: int, days: int, beta: float) -> None:
    rng = np.random.default_rng(n)
    r = rng.normal(5e-4, 0.01, (days, n)) + 0.01 * rng.standard_t(4, (days, 1))
    p = min_cvar(r, beta=beta, bounds=(0, 0.6))
    assert p.success
    assert p.certificate["bound"] <= 1e-6 * abs(p.fun)
    c = np.concatenate([np.zeros(n), [1.0], np.full(days, 1 / ((1 - beta) * days))])
    a = np.hstack([-r, -np.ones((days, 1)), -np.eye(days)])
    other = linprog(
        c, A_ub=a, b_ub=np.zeros(days), A_eq=np.hstack([np.ones(n), np.zeros(days + 1)])[None], b_eq=[1.0],
        bounds=[(0, 0.6)] * n + [(None, None)] + [(0, None)] * days,
    )  # fmt: skip
    assert p.fun == pytest.approx(other.fun, rel=2e-6)
    losses = np.sort(-r @ p.x)[::-1]
    assert abs(p.x.sum() - 1) <= 1e-9
    k = (1 - beta) * days
    whole = int(np.floor(k + 1e-9))
    mean = losses[:whole].sum() + (k - whole) * losses[whole]
    assert p.fun == pytest.approx(mean / k, rel=2e-6)


def test_the_highest_ratio_is_not_beaten() -> None:
    for seed in range(4):
        mu, factors, cov = market(40, seed)
        p = max_sharpe(mu, factors, bounds=(0, 0.2), risk_free=1e-5)
        assert p.success
        ratio = (mu @ p.x - 1e-5) / np.sqrt(p.x @ cov @ p.x)
        assert p.fun == pytest.approx(-ratio, rel=1e-12)
        rng = np.random.default_rng(seed)
        for _ in range(300):
            w = rng.dirichlet(np.full(40, 0.2))
            t = rng.uniform(0, 0.2)
            w = (1 - t) * p.x + t * np.minimum(w, 0.2) / np.minimum(w, 0.2).sum()
            if w.max() <= 0.2:
                assert (mu @ w - 1e-5) / np.sqrt(w @ cov @ w) <= ratio * (1 + 1e-9)
        # Along the frontier nobody is better either.
        for q in frontier(mu, cov, bounds=(0, 0.2), points=30):
            assert (q.expected_return - 1e-5) / q.volatility <= ratio * (1 + 1e-9)
    with pytest.raises(InputError, match="risk_free"):
        max_sharpe([0.01, 0.02], np.eye(2), risk_free=0.1)


def test_a_frontier_is_the_same_from_anywhere() -> None:
    mu, factors, _ = market(300, 5)
    found = frontier(mu, factors, points=12)
    assert all(p.success for p in found)
    risk = [p.volatility for p in found]
    assert risk == sorted(risk)
    for p in found[3::4]:
        cold = min_variance(mu, factors, target_return=p.expected_return - 1e-15)
        assert p.fun == pytest.approx(cold.fun, rel=1e-8)
    assert found[-1].expected_return == pytest.approx(mu.max(), rel=1e-9)
    many = mean_variance(mu, factors, risk_aversion=[1.0, 3.0, 10.0])
    assert isinstance(many, list)
    alone = mean_variance(mu, factors, risk_aversion=3.0)
    assert many[1].fun == pytest.approx(alone.fun, rel=1e-9)


def test_each_part_of_the_risk_is_what_it_should_be() -> None:
    for n, seed in ((5, 0), (60, 2), (300, 0)):
        _, factors, cov = market(n, seed)
        for form in (factors, cov):
            p = risk_parity(form)
            assert p.success
            assert p.certificate["bound"] >= np.finfo(float).eps
            risks = p.x * (cov @ p.x)
            np.testing.assert_allclose(risks / risks.sum(), 1 / n, rtol=1e-6)
    shares = {0: 3.0, 1: 1.0}
    p = risk_parity(np.array([[0.04, 0.01], [0.01, 0.09]]), shares=shares)
    np.testing.assert_allclose(p.risk_shares, [0.75, 0.25], rtol=1e-6)
    with pytest.raises(InputError, match="takes no bounds"):
        risk_parity(cov, bounds=(0, 0.1))


def test_an_index_of_the_assets_is_followed() -> None:
    rng = np.random.default_rng(0)
    r = rng.normal(0, 0.01, (100, 12))
    true = rng.dirichlet(np.ones(12))
    p = tracking(r @ true, returns=r)
    np.testing.assert_allclose(p.x, true, atol=1e-8)
    r = rng.normal(0, 0.01, (100, 20))
    true = rng.dirichlet(np.ones(20))
    few = tracking(r @ true, returns=r, at_most=5)
    assert np.count_nonzero(few.x) <= 5
    assert few.fun > p.fun
    assert not few.success
    assert few.heuristic
    assert "heuristic" in few.message


def test_returns_are_shrunk_as_by_ledoit_and_wolf() -> None:
    from sklearn.covariance import ledoit_wolf

    rng = np.random.default_rng(1)
    for days, n in ((80, 10), (20, 50)):
        r = rng.normal(0, 0.01, (days, n)) @ np.diag(rng.uniform(0.5, 2, n))
        found = shrunk(r)
        dense = (
            np.diag(found.diagonal) + found.rows.T @ found.rows + (0 if found.dense is None else found.dense)
        )
        np.testing.assert_allclose(dense, ledoit_wolf(r)[0], rtol=1e-9, atol=1e-18)
        p = min_variance(returns=r)
        assert p.fun == pytest.approx(min_variance(cov=(dense + dense.T) / 2).fun, rel=1e-9)
        assert any(f.kind == "few_periods" for f in p.findings) == (days <= n)


def test_prices_are_read_and_what_was_done_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = np.cumprod(1 + rng.normal(0.001, 0.01, (40, 3)), axis=0)
    lines = ["date,alpha,beta,gamma"]
    for day, row in enumerate(table):
        cells = [f"{v!r}" for v in row.tolist()]
        cells[1] = "" if day < 5 else cells[1]
        cells[2] = "" if day in (10, 11) else cells[2]
        lines.append(
            f"2024-01-{day + 1:02d}," + ",".join(cells)
            if day < 31
            else f"2024-02-{day - 30:02d}," + ",".join(cells)
        )
    file = tmp_path / "prices.csv"
    file.write_text("\n".join(lines) + "\n")
    p = min_variance(prices=str(file), periods=252)
    assert list(p.weights) == ["alpha", "beta", "gamma"]
    assert {f.kind for f in p.findings} >= {"late_start", "filled"}
    filled = table[5:].copy()
    filled[[5, 6], 2] = filled[4, 2]
    assert p.fun == pytest.approx(min_variance(returns=filled[1:] / filled[:-1] - 1).fun, rel=1e-12)
    assert p.annual_volatility == pytest.approx(p.volatility * np.sqrt(252))
    table[7, 1] = -1.0
    with pytest.raises(InputError, match="above 0"):
        min_variance(prices=table)


def test_contradictions_are_named() -> None:
    cov = np.eye(4) * 0.01
    p = min_variance(cov=cov, bounds=(0, 0.2))
    assert p.outcome == "infeasible"
    assert not p.success
    assert "'budget' (= 1) and the bounds" in p.message
    limits = {
        "tech": ([0, 1] * 1.0 if False else np.array([1.0, 1, 0, 0]), 0.6, None),
        "old": (np.array([0, 0, 1.0, 1]), 0.5, None),
        "idle": (np.array([1.0, 0, 0, 0]), None, 0.9),
    }
    p = min_variance(cov=cov, limits=limits)
    assert p.outcome == "infeasible"
    for name in ("tech", "old", "budget"):
        assert f"'{name}'" in p.message
    assert "idle" not in p.message
    assert p.findings[0].kind == "contradiction"
    p = min_variance(np.array([0.01, 0.02, 0.03, 0.04]), cov, target_return=0.05)
    assert p.outcome == "infeasible"
    assert "'target_return' (at least 0.05)" in p.message
    assert (
        min_variance(
            cov=cov, holdings=[1, 0, 0, 0], turnover=0.1, limits=[(np.array([1.0, 0, 0, 0]), None, 0.5)]
        ).outcome
        == "infeasible"
    )


def test_what_has_no_end_is_named() -> None:
    cov = np.diag([0.01, 0.0, 0.02])
    p = mean_variance([0.1, 0.3, 0.1], cov, bounds=None, budget=None)
    assert p.outcome == "unbounded"
    assert not p.success
    assert " 1 " in p.message
    p = mean_variance([0.1, 0.3, 0.1], cov + 0.001 * np.eye(3), bounds=None, budget=None)
    assert p.success
    np.testing.assert_allclose(p.x, np.linalg.solve(cov + 0.001 * np.eye(3), [0.1, 0.3, 0.1]), rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: min_variance(cov=[[1.0, 0.5], [0.4, 1.0]]), "symmetric; got 0.5 at (0, 1) and 0.4"),
        (lambda: min_variance(cov=[[1.0, 2.0], [2.0, 1.0]]), "least eigenvalue is -1"),
        (lambda: min_variance(cov=[[1.0, np.nan], [np.nan, 1.0]]), "cov must be finite"),
        (lambda: mean_variance([0.1, np.nan], np.eye(2)), "mu must be finite; got nan at 1"),
        (lambda: mean_variance(None, np.eye(2)), "mu, the expected return"),
        (lambda: mean_variance([0.1], np.eye(2)), "one number for each of the 2"),
        (lambda: mean_variance([0.1, 0.2], np.eye(2), risk_aversion=0.0), "risk_aversion must be above 0"),
        (lambda: min_variance(returns=np.zeros((3, 5)) + 0.01, shrink=None), "3 periods for 5 assets"),
        (lambda: min_variance(), "pass either cov"),
        (lambda: min_variance(cov=np.eye(2), bounds=(0.5, 0.2)), "contradict"),
        (lambda: min_variance(cov=np.eye(2), limits={"a": (["x"], 0, 1)}), "'x', which is no asset"),
        (lambda: min_variance(cov=np.eye(2), budgets=1), "did you mean 'budget'"),
        (lambda: min_variance(cov=np.eye(2), turnover=0.1), "pass holdings"),
        (lambda: min_variance(cov=np.eye(2), holdings=[0.5, 0.5], costs=0.1), "use mean_variance"),
        (lambda: FactorCovariance([[1.0]], [-1.0]), "specific must be at least 0"),
        (lambda: min_cvar(np.zeros((4, 2)), beta=1.0), "beta must be"),
        (lambda: tracking([0.1], returns=np.zeros((4, 2))), "each of the 4 periods"),
        (lambda: backtest(np.zeros((10, 2)), lambda past: [1.0], window=5), "2 finite weights"),
        (lambda: MeanRisk("min_varianc").fit(np.random.default_rng(0).normal(size=(9, 2))), "did you mean"),
    ],
)  # fmt: skip
def test_bad_input_is_worded(call: Any, words: str) -> None:
    with pytest.raises(InputError) as raised:
        call()
    assert words in str(raised.value)


def test_a_backtest_sees_the_past_only() -> None:
    rng = np.random.default_rng(0)
    r = rng.normal(0.0, 0.01, (200, 5))
    seen = []

    def strategy(past: Floats) -> Floats:
        seen.append(past.copy())
        past[:] = np.nan
        return np.full(5, 0.2)

    found = backtest(r, strategy, window=50, every=10)
    for look, past in zip(found.looks, seen, strict=True):
        np.testing.assert_array_equal(past, r[look - 50 : look])
    np.testing.assert_allclose(found.returns, found.equal_returns)
    assert np.isfinite(found.returns).all()

    # Changing the future changes no weights chosen before it; one that peeks is caught by the same test.
    def choose(past: Floats) -> Any:
        return min_variance(returns=past)

    def chosen(returns: Floats, peek: bool) -> Floats:
        calls = iter(range(1000))
        last = lambda past: np.eye(5)[returns[60 + 20 * next(calls)].argmax()]  # noqa: E731
        return backtest(returns, last if peek else choose, window=60, every=20).weights

    changed = r.copy()
    changed[120:] = rng.normal(0.0, 0.03, (80, 5))
    before = (120 - 60) // 20 + 1
    assert np.array_equal(chosen(r, False)[:before], chosen(changed, False)[:before])
    assert not np.array_equal(chosen(r, True)[:before], chosen(changed, True)[:before])


def test_a_backtest_pays_for_its_trades_and_lets_weights_drift() -> None:
    r = np.array([[0.1, 0.0]] * 6)
    found = backtest(r, lambda past: np.array([0.5, 0.5]), window=2, every=2, costs=0.01)
    drifted = 0.5 * 1.1 / 1.05
    first = (1 - 0.01 * 1.0) * 1.05
    second = 1 + drifted * 0.1
    drifted = drifted * 1.1 / second
    third = (1 - 0.01 * 2 * (drifted - 0.5)) * 1.05
    np.testing.assert_allclose(np.cumprod([first, second, third]), found.wealth[1:4])
    failing = backtest(r, lambda past: min_variance(returns=past, bounds=(0, 0.1)), window=2, every=2)
    assert set(failing.outcomes) == {"infeasible"}
    assert "found no answer" in repr(failing)


def test_an_estimator_is_scikit_learns() -> None:
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    rng = np.random.default_rng(0)
    r = rng.normal(0.001, 0.01, (150, 6))
    for objective in ("min_variance", "mean_variance", "max_sharpe", "min_cvar", "risk_parity"):
        model = clone(MeanRisk(objective)).fit(r)
        np.testing.assert_allclose(model.predict(r), r @ model.weights_)
        assert model.weights_.sum() == pytest.approx(1.0)
    found = GridSearchCV(
        MeanRisk("mean_variance"), {"risk_aversion": [1.0, 10.0]}, cv=TimeSeriesSplit(3)
    ).fit(r)
    assert found.best_params_["risk_aversion"] in (1.0, 10.0)


def test_pictures_and_pickles(tmp_path: Path) -> None:
    import pickle

    mu, factors, _ = market(15, 0)
    p = min_variance(mu, factors)
    p.plot(file=tmp_path / "weights.png")
    frontier(mu, factors, points=4).plot(file=tmp_path / "frontier.png")
    r = np.random.default_rng(0).normal(0.001, 0.01, (80, 3))
    backtest(r, lambda past: [0.2, 0.3, 0.5], window=40).plot(file=tmp_path / "backtest.png")
    assert all(
        (tmp_path / f"{name}.png").stat().st_size > 2000 for name in ("weights", "frontier", "backtest")
    )
    again = pickle.loads(pickle.dumps(p))
    assert again.weights == p.weights
    assert "weights" in repr(p) + str(dict(p))


def test_where_there_is_nothing_to_choose_or_nothing_at_stake() -> None:
    # One asset; a covariance of nothing; risk that can be hedged to 0; a limit that follows from the budget.
    assert min_variance(cov=[[0.04]]).x == pytest.approx([1.0])
    p = min_variance(cov=np.zeros((3, 3)), bounds=(0, 0.5))
    assert p.success
    assert p.fun == 0.0
    p = min_variance(cov=[[0.04, -0.04], [-0.04, 0.04]])
    assert p.success
    np.testing.assert_allclose(p.x, 0.5, atol=1e-9)
    p = min_variance(
        cov=np.diag([0.01, 0.02, 0.03]), limits=[(np.full(3, 2.0), 2.0, 2.0), (np.ones(3), None, 1.0)]
    )
    assert p.success
    np.testing.assert_allclose(p.x, np.array([6, 3, 2]) / 11, atol=1e-9)
    # Fixed weights only, and no budget with more assets than are in play at first.
    p = min_variance(cov=np.eye(2), bounds=[(0.3, 0.3), (0.7, 0.7)])
    assert p.success
    np.testing.assert_allclose(p.x, [0.3, 0.7])
    mu, factors, cov = market(300, 1)
    p = mean_variance(mu, factors, risk_aversion=10.0, budget=None)
    assert p.success
    slope = 10.0 * cov @ p.x - mu
    assert (slope >= -1e-12).all()
    assert np.abs(slope * p.x).max() <= 1e-12


@pytest.mark.parametrize(
    ("low", "high", "budget", "target"),
    [(-5, None, 1.0, 0.02), (0, None, None, 0.05), (None, None, None, 0.05), (-3, None, 1.0, None)],
)
def test_the_tail_of_weights_without_ends_is_that_of_a_linear_program(
    low: float | None, high: float | None, budget: float | None, target: float | None
) -> None:
    r = np.random.default_rng(0).normal(5e-4, 0.01, (80, 4))
    days, n = r.shape
    given = {} if target is None else {"target_return": target}
    p = min_cvar(r, beta=0.9, bounds=(low, high), budget=budget, **given)
    assert p.success
    c = np.concatenate([np.zeros(n), [1.0], np.full(days, 1 / (0.1 * days))])
    a, b = np.hstack([-r, -np.ones((days, 1)), -np.eye(days)]), np.zeros(days)
    if target is not None:
        a = np.vstack([a, np.concatenate([-r.mean(axis=0), np.zeros(days + 1)])])
        b = np.append(b, -target)
    equal = {} if budget is None else {"A_eq": [[1.0] * n + [0.0] * (days + 1)], "b_eq": [budget]}
    other = linprog(c, a, b, bounds=[(low, high)] * n + [(None, None)] + [(0, None)] * days, **equal)
    assert p.fun == pytest.approx(other.fun, rel=2e-6)
    assert p.value_at_risk == pytest.approx(np.sort(-r @ p.x)[71], rel=1e-12)


def test_labels_decide_not_places() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    names, other = list("abcd"), list("dbac")
    root = rng.normal(0, 0.1, (4, 4))
    cov = pd.DataFrame(root @ root.T + 0.01 * np.eye(4), index=names, columns=names)
    mu = pd.Series([0.10, 0.02, 0.07, 0.05], index=names)
    want = mean_variance(mu.to_numpy(), cov.to_numpy(), risk_aversion=3.0).x

    def same(p: Any) -> None:
        assert p.success
        np.testing.assert_allclose([p.weights[name] for name in names], want, atol=1e-9)

    for m, c in (
        (mu[other], cov),
        (mu, cov.loc[other, other]),
        (mu, cov.loc[other]),
        (mu.to_dict(), cov.loc[:, other]),
    ):
        same(mean_variance(m, c, risk_aversion=3.0))
    # Labels that nobody gave are none.
    same(mean_variance(mu.reset_index(drop=True), cov, risk_aversion=3.0))

    loadings = pd.DataFrame(rng.normal(0, 0.1, (4, 2)), index=names, columns=["size", "value"])
    specific = pd.Series([0.01, 0.02, 0.03, 0.04], index=names)
    factors = pd.DataFrame([[1.0, 0.3], [0.3, 2.0]], index=loadings.columns, columns=loadings.columns)
    bent = loadings.to_numpy() @ factors.to_numpy() @ loadings.to_numpy().T + np.diag(specific)
    want = mean_variance(mu.to_numpy(), bent, risk_aversion=3.0).x
    turned = factors.loc[["value", "size"], ["value", "size"]]
    same(mean_variance(mu[other], FactorCovariance(loadings, specific[other], turned), risk_aversion=3.0))
    low, high = pd.Series([0.1, 0.2, 0.0, 0.0], index=other), pd.Series(1.0, index=other)
    p = mean_variance(mu, cov, bounds=(low, high))
    assert p.weights["d"] >= 0.1 - 1e-9
    assert p.weights["b"] >= 0.2 - 1e-9

    days = pd.date_range("2024-01-01", periods=30)
    r = pd.DataFrame(rng.normal(0, 0.01, (30, 4)), index=days, columns=names)
    p = tracking(r["b"][::-1], returns=r)
    assert p.weights["b"] == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(InputError, match="no return for the period 2024-01-01"):
        tracking(r["b"].shift(freq="D"), returns=r)
    with pytest.raises(InputError, match="'a' is missing in its index"):
        min_variance(cov=cov.rename(index={"a": "z"}))
    moved = backtest(r, lambda past: pd.Series([1.0, 0, 0, 0], index=other), window=20)
    np.testing.assert_array_equal(moved.weights[0], [0, 0, 0, 1])
    model = MeanRisk(constraints={"limits": {"few": (["a", "b"], None, 0.1)}}).fit(r)
    assert model.result_.weights["a"] + model.result_.weights["b"] <= 0.1 + 1e-9


@pytest.mark.parametrize("size", [1.0, 0.5, 1e-3])
def test_a_matrix_without_variances_that_is_no_covariance_is_refused(size: float) -> None:
    with pytest.raises(InputError, match="positive semidefinite"):
        min_variance(cov=[[0.0, size], [size, 0.0]])
    with pytest.raises(InputError, match="positive semidefinite"):
        FactorCovariance(np.ones((3, 2)), np.ones(3), [[0.0, size], [size, 0.0]])


def best_of_names(mu: Floats, cov: Floats, aversion: float, names: int, cap: float) -> float:
    """The most utility over all choices of names, each by SLSQP."""
    best = np.inf
    for some in itertools.combinations(range(len(mu)), names):
        m, s = mu[list(some)], cov[np.ix_(some, some)]
        if cap * names < 1:
            continue
        found = minimize(
            lambda w, m=m, s=s: float(0.5 * aversion * w @ s @ w - m @ w), np.full(names, 1 / names),
            bounds=[(0, cap)] * names, constraints=[LinearConstraint(np.ones((1, names)), 1, 1)],
            method="SLSQP", options={"ftol": 1e-14},
        )  # fmt: skip
        best = min(best, float(found.fun))
    return best


def test_a_few_names_are_kept_to_wherever_they_are_asked_for() -> None:
    mu, _, cov = market(7, 4)
    for aversion, p in zip(
        (1.0, 5.0), mean_variance(mu, cov, risk_aversion=[1.0, 5.0], at_most=3, bounds=(0, 0.5)), strict=True
    ):
        assert np.count_nonzero(p.x) <= 3
        assert p.x.sum() == pytest.approx(1.0, abs=1e-9)
        best = best_of_names(mu, cov, aversion, 3, 0.5)
        # No better than the best of all choices, and the bound holds for it.
        assert p.fun >= best - 1e-9
        assert p.fun - p.certificate["bound"] <= best + 1e-9
    # The limits need a name that is among the smallest: it is found, and not called infeasible.
    cov = np.diag([0.01, 0.011, 0.012, 0.5])
    p = min_variance(cov=cov, at_most=2, limits={"must": ([0.0, 0.0, 0.0, 1.0], 0.02, None)})
    assert np.count_nonzero(p.x) <= 2
    assert p.x[3] >= 0.02 - 1e-9
    # All six choices were tried.
    assert p.success
    assert not p.heuristic
    assert "choices" in p.certificate["assumption"]
    # Where not all choices are tried it does not say that there are none.
    p = min_variance(cov=np.eye(40), at_most=10, bounds=(0, 0.06))
    assert (p.success, p.outcome) == (False, "plateau")
    assert "is not known" in p.message
    # The answers before and after are not those of fewer names.
    many = mean_variance(np.array([0.1, 0.2, 0.15, 0.1]), cov, risk_aversion=[1.0, 50.0], at_most=1)
    alone = mean_variance(np.array([0.1, 0.2, 0.15, 0.1]), cov, risk_aversion=50.0, at_most=1)
    assert many[1].fun == pytest.approx(alone.fun, rel=1e-9)
    r = np.random.default_rng(0).normal(0, 0.01, (60, 4))
    found = backtest(r, lambda past: min_variance(returns=past, at_most=2), window=20)
    assert not found.kept.any()
    assert (np.count_nonzero(found.weights, axis=1) == 2).all()
    assert "no answer" not in repr(found)


@pytest.mark.parametrize(("n", "names", "proved"), [(9, 3, True), (14, 4, True), (20, 3, False)])
def test_the_few_names_are_the_best_of_all_choices(n: int, names: int, proved: bool) -> None:
    for seed in range(2):
        _, _, cov = market(n, seed)
        p = min_variance(cov=cov, at_most=names)
        best = min(
            min_variance(cov=cov[np.ix_(some, some)]).fun for some in itertools.combinations(range(n), names)
        )
        assert np.count_nonzero(p.x) <= names
        assert p.fun == pytest.approx(best, rel=1e-5)
        assert p.success == proved
        assert p.heuristic != proved


@pytest.mark.parametrize("end", [0.0, 0.05])
def test_what_cannot_move_hinders_no_answer(end: float) -> None:
    """A tail without an asset that is held at 0 is that of the others, whichever it is; at most so many names are found
    where there are some."""
    for seed in range(4):
        r = np.random.default_rng(seed).normal(0.001, 0.01, (300, 6))
        for still in range(6):
            found = min_cvar(r, bounds={still: (end, end)})
            others = np.delete(r, still, axis=1)
            if end == 0:
                assert found.fun == pytest.approx(min_cvar(others).fun, rel=1e-6)
            assert found.success, (seed, still, found.message)
            assert found.x[still] == end
        few = min_cvar(r, at_most=2)
        assert np.count_nonzero(few.x) <= 2
        assert few.success
        pairs = [min_cvar(r[:, list(pair)]).fun for pair in itertools.combinations(range(6), 2)]
        assert few.fun == pytest.approx(min(pairs), rel=1e-6)


def test_the_highest_ratio_is_found_or_it_is_said_why_not() -> None:
    mu, cov = np.array([0.1, 0.2, 0.15]), np.diag([0.04, 0.09, 0.05])
    p = max_sharpe(mu, cov, bounds=None)
    tangent = np.linalg.solve(cov, mu)
    assert p.success
    np.testing.assert_allclose(p.x, tangent / tangent.sum(), atol=1e-7)
    for flat in (np.zeros((3, 3)), np.diag([0.0, 0.1, 0.1])):
        p = max_sharpe(mu, flat)
        assert p.outcome == "unbounded"
        assert "without variance" in p.message
        assert p.x @ flat @ p.x <= 1e-14 * flat.max()
        assert mu @ p.x >= 0.1 - 1e-6
    p = max_sharpe(mu, np.diag([0.0, 0.1, 0.1]), risk_free=0.1)
    assert not p.success
    assert "without variance is allowed" in p.message
    for given in ({"budget": None}, {"budget": 0.0, "bounds": (-1, 1)}, {"budget": None, "bounds": (0, 1)}):
        with pytest.raises(InputError, match="cannot all be 0"):
            max_sharpe(mu, cov, **given)
    for bad in (-mu, 0 * mu):
        with pytest.raises(InputError, match="no portfolio that is allowed has an expected return above"):
            max_sharpe(bad, cov)


def test_large_weights_are_no_endless_ones() -> None:
    mu, none, ones = np.array([0.1, 0.2, 0.15]), np.zeros((3, 3)), np.ones(3)
    p = mean_variance(mu, none, budget=None, limits=[(ones, None, 1e6)])
    assert p.success
    assert p.fun == pytest.approx(-2e5, rel=1e-9)
    p = mean_variance(mu, np.diag([0.04, 0, 0]), bounds=None, budget=None, gross=5e5)
    other = linprog(
        np.concatenate([-mu, mu]), np.ones((1, 6)), [5e5], bounds=[(0, 0), (0, None), (0, None)] * 2
    )
    assert p.success
    assert p.fun == pytest.approx(other.fun, rel=1e-4)  # what the first asset adds is 1.6e-6 of it
    p = min_variance(cov=np.diag([0.04, 0.09, 0.05]), budget=None, limits=[(1e-6 * ones, 1.0, None)])
    assert p.success
    assert p.x.sum() == pytest.approx(1e6, rel=1e-9)
    # Contradictions of weights without bounds, large ones too, are named still.
    for size in (1.0, 1e5):
        limits = {"one": ([1.0, 0, 0], size, None), "rest": ([0, 1.0, 1.0], size, None)}
        p = min_variance(cov=np.eye(3), bounds=None, limits=limits)
        assert p.outcome == "infeasible"
        assert "'one'" in p.message
        assert "'rest'" in p.message
    # What has no end is no answer within rounding: two hedges of one factor, without variance of their own.
    cov = FactorCovariance(np.ones((300, 1)), np.concatenate([np.zeros(3), np.ones(297)]))
    p = mean_variance(np.concatenate([[0.1, 0.2], np.zeros(298)]), cov, bounds=None, budget=1)
    assert not p.success
    assert p.outcome == "unbounded"


def test_words_have_the_figures_of_the_certificate() -> None:
    p = min_variance(cov=np.diag([0.04, 0.01, 0.02]) * (1 + 1e-9), tol=0.0)
    assert f"within {p.certificate['bound']:.2e}".replace("e-0", "e-") in p.message.replace("e-0", "e-")


def test_an_estimator_that_finds_no_weights_says_so() -> None:
    r = np.random.default_rng(0).normal(0.001, 0.01, (40, 3))
    with pytest.raises(InputError, match="Infeasible: no weights meet 'budget'"):
        MeanRisk(constraints={"bounds": (0, 0.1)}).fit(r)
    wide = np.random.default_rng(0).normal(0.001, 0.01, (40, 30))
    with pytest.warns(NotConverged, match="heuristic"):
        MeanRisk(constraints={"at_most": 3}).fit(wide)
    with pytest.warns(NotConverged, match="budget"):
        MeanRisk(constraints={"max_iter": 0}).fit(r)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: min_variance(cov=np.eye(2), bounds=(np.inf, None)), "leave no number"),
        (lambda: min_variance(cov=np.eye(2), bounds=(None, -np.inf)), "leave no number"),
        (lambda: min_variance(cov=np.eye(2), bounds=5), "bounds must be (low, high)"),
        (lambda: min_variance(cov=np.eye(2), limits=5), "limits must be a mapping"),
        (lambda: min_variance(cov=np.eye(2), limits=[(np.zeros(2), 1, 2)]), "is of nothing"),
        (lambda: min_variance(cov=np.eye(2), limits={"a": (["0"], 0, 1)}), "the assets are numbered: 0, not '0'"),
        (lambda: min_variance(cov=np.eye(2), shrink=0.5), "shrink is of returns"),
        (lambda: min_cvar(np.zeros((4, 2)), l2=0.1), "l2 is of a covariance"),
        (lambda: min_cvar(np.zeros((4, 2)), shrink=0.1), "shrink is of a covariance"),
        (lambda: tracking(np.zeros(4), returns=np.zeros((4, 2)), shrink=0.1), "shrink is of a covariance"),
        (lambda: min_variance(cov=np.zeros((0, 0))), "one asset at least"),
        (lambda: min_variance(returns=np.zeros((3, 0))), "a column an asset"),
        (lambda: min_cvar(np.zeros((0, 3))), "a row a period"),
        (lambda: min_variance(cov=0.3), "[[0.04]] for one asset"),
        (lambda: min_variance(cov=np.eye(2) * 1j), "complex"),
        (lambda: min_variance(cov=np.eye(2), tol="a"), "tol must be a number"),
        (lambda: min_variance(cov=np.eye(2), tol=-1.0), "tol must be at least 0"),
        (lambda: min_variance(cov=np.eye(2), max_iter=1.5), "max_iter must be a whole number"),
        (lambda: min_variance(cov=np.eye(2), at_most=True), "at_most must be a whole number"),
        (lambda: min_variance([1, 2], np.eye(2), target_return=np.nan), "target_return must be finite"),
        (lambda: mean_variance([1, 2], np.eye(2), risk_aversion=[]), "risk_aversion must be a number, or"),
        (lambda: max_sharpe([1, 2], np.eye(2), risk_free="a"), "risk_free must be a number"),
        (lambda: backtest(np.zeros((9, 2)), lambda past: [0, 0], window=2.5), "window must be a whole number"),
        (lambda: backtest(np.full((9, 2), -2.0), lambda past: [0, 0], window=3), "returns must be simple ones"),
        (lambda: MeanRisk(constraints={"shrink": 0}).fit(np.eye(3)), "shrink is an argument of MeanRisk"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(call: Any, words: str) -> None:
    with pytest.raises(InputError) as raised:
        call()
    assert words in str(raised.value)


def test_prices_are_put_in_the_order_of_their_dates_and_dates_are_no_assets() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-04-10"))
    walks = np.exp(np.cumsum(rng.normal([0.001, 0.002, -0.001], 0.01, (100, 3)), axis=0))
    frame = pd.DataFrame(walks, columns=["a", "b", "c"])
    right = max_sharpe(prices=frame)
    dated = frame.assign(day=days)
    whole = frame.assign(day=[int(str(day).replace("-", "")) for day in days])
    mixed = rng.permutation(100)
    for given in (
        dated[::-1],
        dated.set_index("day")[::-1],
        whole.iloc[mixed],
        dated.iloc[mixed].astype({"day": str}),
    ):
        found = max_sharpe(prices=given)
        assert found.weights == right.weights
        assert "put_in_order" in [finding.kind for finding in found.findings]
    counted = max_sharpe(prices=frame.assign(row=range(1, 101)))
    assert counted.weights == right.weights
    assert [finding.kind for finding in counted.findings] == ["no_asset"]
    with pytest.raises(InputError, match=r"rows 99 and 100 .* 2024-04-09"):
        max_sharpe(prices=pd.concat([dated, dated.tail(1)]))
    # Seconds since 1970, week-ends left out: no even steps.
    seconds = frame.assign(at=[1_700_000_000 + 86_400 * (day + 2 * (day // 5)) for day in range(100)])
    for given in (seconds, seconds.assign(at=seconds["at"] * 1000), seconds[::-1]):
        assert max_sharpe(prices=given).weights == right.weights


def test_returns_are_put_in_the_order_of_their_dates_before_a_strategy_sees_them() -> None:
    pd = pytest.importorskip("pandas")
    r = np.random.default_rng(4).normal(0.001, 0.01, (90, 3))
    days = pd.bdate_range("2024-01-01", periods=90)
    frame = pd.DataFrame(r, columns=["a", "b", "c"], index=days)
    strategy = lambda past: np.eye(3)[past[-1].argmax()]  # noqa: E731
    right = backtest(frame, strategy, window=40, every=5)
    assert not right.findings
    stamps = days.astype("datetime64[s]").astype("int64")
    for given in (frame[::-1], frame.rename_axis("day").reset_index()[::-1], frame.assign(at=stamps)[::-1]):
        found = backtest(given, strategy, window=40, every=5)
        assert found.names == ["a", "b", "c"]
        np.testing.assert_array_equal(found.returns, right.returns)
        assert "put_in_order" in [finding["kind"] for finding in found.findings]
    with pytest.raises(InputError, match=r"rows 89 and 90 of returns .* same date"):
        backtest(pd.concat([frame, frame.tail(1)]), strategy, window=40)
    # Where the order does not matter rows may come twice, as a bootstrap draws them, and an index keeps its periods.
    again = frame.iloc[[0, 0, *range(90)][::-1]]
    assert min_variance(returns=again).success
    assert tracking(frame["a"].to_numpy()[::-1], returns=frame[::-1]).x.round(6).tolist() == [1, 0, 0]
    with pytest.raises(InputError, match="oldest to the newest"):
        tracking(frame["a"].iloc[1:], prices=(1 + frame).cumprod()[::-1])


def test_prices_are_no_returns_and_a_split_is_named() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(5)
    days = pd.bdate_range("2020-01-01", periods=300)
    prices = pd.DataFrame(
        40 * np.exp(np.cumsum(rng.normal(0, 0.02, (300, 2)), axis=0)), index=days, columns=["x", "y"]
    )
    for call in (lambda: min_variance(returns=prices), lambda: backtest(prices, lambda past: [1, 0])):
        with pytest.raises(InputError, match="pass prices="):
            call()
    assert not min_variance(prices=prices).findings
    for factor, words in ((0.5, "1/2 of"), (1 / 7, "1/7 of"), (10.0, "10 times")):
        split = prices.copy()
        split.loc[days[100] :, "y"] *= factor
        for given, when in ((split[::-1], f"on {days[100].date()}"), (split.to_numpy(), "in row 100")):
            found = [f for f in min_variance(prices=given).findings if f.kind == "split"]
            assert len(found) == 1
            assert f"{words} the price before {when}" in found[0].sentence
            assert found[0].evidence["splits"][0][2] == pytest.approx(factor, rel=0.08)
    # Wild prices, a wrong one, and a fall that is no such ratio are none.
    wild = np.exp(np.cumsum(rng.normal(0, 0.4, (300, 2)), axis=0))
    wrong, fall = prices.to_numpy().copy(), prices.to_numpy().copy()
    wrong[100, 1] *= 0.5
    fall[100:, 1] *= 0.4
    for given in (wild, wrong, fall):
        assert not [f for f in min_variance(prices=given).findings if f.kind == "split"]
