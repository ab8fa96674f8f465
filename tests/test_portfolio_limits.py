"""Portfolios under limits of trades and sizes, and of groups by place: the answer is found, whatever is held."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from steepest.errors import InputError
from steepest.portfolio import (
    FactorCovariance,
    max_sharpe,
    mean_variance,
    min_cvar,
    min_variance,
    risk_parity,
    tracking,
)


def case(seed: int) -> tuple[int, Any, Any]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    return n, rng.normal(size=n), np.cov(rng.normal(size=(3 * n, n)).T)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("bounds", [(-0.5, 1), (-1, 1), None])
def test_short_sales_within_a_gross_limit_have_a_least_variance(seed: int, bounds: Any) -> None:
    """Bought and sold short at the same size cancel: from there the value begins at 0."""
    n, _, cov = case(seed)
    p = min_variance(cov=cov, bounds=bounds, gross=1.2)
    assert p.success
    np.testing.assert_allclose(p.x.sum(), 1, atol=1e-9)
    assert np.abs(p.x).sum() <= 1.2 + 1e-9
    low, high = (-9.0, 9.0) if bounds is None else bounds
    # Bought and sold short apart, which SLSQP can differentiate.
    both = np.hstack([np.eye(n), -np.eye(n)])
    found = minimize(
        lambda v: (both @ v) @ cov @ (both @ v),
        np.concatenate([np.full(n, 1 / n), np.zeros(n)]),
        jac=lambda v: 2 * both.T @ (cov @ (both @ v)),
        method="SLSQP",
        bounds=[(0, high)] * n + [(0, -low)] * n,
        constraints=[
            {"type": "eq", "fun": lambda v: (both @ v).sum() - 1},
            {"type": "ineq", "fun": lambda v: 1.2 - v.sum()},
        ],
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert p.fun <= found.fun * (1 + 1e-6)


def test_what_rounding_leaves_of_a_budget_that_holdings_meet_is_no_scale() -> None:
    """Holdings that sum to 1 up to the last digit: of 600 such portfolios 75 had ended after three steps."""
    for seed in range(40):
        n, mu, cov = case(seed)
        held = np.random.default_rng(seed).dirichlet(np.ones(n))
        for turnover in (0.1, 1.0):
            p = mean_variance(mu, cov, bounds=(-0.5, 1), holdings=held, turnover=turnover)
            assert p.success, (seed, turnover, p.message)
            assert np.abs(p.x - held).sum() <= turnover + 1e-9


@pytest.mark.parametrize("who", [[1, 3], (3, 1), {1, 3}, np.array([1, 3])])
def test_a_group_of_assets_without_names_is_of_their_places(who: Any) -> None:
    cov = np.diag([4.0, 1.0, 4.0, 1.0])
    p = min_variance(cov=cov, limits={"few": (who, None, 0.5)})
    np.testing.assert_allclose(p.x, [0.25, 0.25, 0.25, 0.25], atol=1e-6)
    same = min_variance(cov=cov, limits={"few": ([0.0, 1.0, 0.0, 1.0], None, 0.5)})
    np.testing.assert_allclose(p.x, same.x, atol=1e-9)


def test_places_of_all_assets_may_be_numbers_for_each_and_are_asked_about() -> None:
    with pytest.raises(InputError, match="names of all assets or a number for each"):
        min_variance(cov=np.eye(3), limits={"all": ([0, 1, 2], None, 0.5)})
    assert min_variance(cov=np.eye(3), limits={"f": ([0.0, 1.0, 2.0], None, 0.5)}).success
    assert min_variance(cov=np.eye(3), limits={"f": ([1, 1, 0], None, 0.5)}).success


def test_bounds_of_two_assets_as_arrays_are_their_ends_and_as_lists_are_asked_about() -> None:
    cov = np.diag([1.0, 4.0])
    p = min_variance(cov=cov, bounds=(np.array([0.0, 0.3]), np.array([0.7, 0.9])))
    np.testing.assert_allclose(p.x, [0.7, 0.3], atol=1e-6)
    np.testing.assert_allclose(
        min_variance(cov=cov, bounds=([0.5, 0.3], [0.7, 0.9])).x, [0.7, 0.3], atol=1e-6
    )
    np.testing.assert_allclose(min_variance(cov=cov, bounds=[(0, 0.7), (0.3, 0.9)]).x, [0.7, 0.3], atol=1e-6)
    with pytest.raises(InputError, match="may be a pair for each of the two assets"):
        min_variance(cov=cov, bounds=([0.0, 0.3], [0.7, 0.9]))


def test_holdings_alone_leave_the_weights_as_they_would_be() -> None:
    loadings = np.random.default_rng(0).normal(size=(6, 3))
    given: dict[str, Any] = {"cov": loadings @ loadings.T, "holdings": np.full(6, 1 / 6)}
    p = min_variance(**given)
    assert p.success
    assert p.fun <= 1e-9
    np.testing.assert_allclose(p.trades, np.abs(p.x - 1 / 6).sum())


def test_that_no_few_names_meet_the_limits_is_proved_where_all_are_tried() -> None:
    cov = np.eye(4)
    p = min_variance(cov=cov, at_most=1, bounds=(0, 0.6))
    assert p.outcome == "infeasible"
    assert "all choices were tried" in p.message
    assert not p.heuristic
    bounds = [(0.1, 1), (0.1, 1), (0, 1), (0, 1)]
    p = min_variance(cov=cov, at_most=1, bounds=bounds)
    assert p.outcome == "infeasible"
    assert "the bounds hold 2 away from 0" in p.message


def test_what_contradicts_is_said_in_the_numbers_given_with_what_would_do() -> None:
    held = {"cov": np.eye(3), "holdings": [0.5, 0.5, 0.0], "bounds": [(0, 0.2), (0, 1), (0, 1)]}
    p = min_variance(**held, turnover=0.1)
    assert p.outcome == "infeasible"
    assert "'turnover' (at most 0.1)" in p.message
    assert "'turnover' at most 0.6 would do" in p.message
    assert min_variance(**held, turnover=0.6).success
    tight = {"a": ([0, 1], 0.6, None), "b": ([2], 0.6, None)}
    p = min_variance(cov=np.eye(3), limits=tight)
    assert "'budget' = 1.2 or 'a' at least 0.4 or 'b' at least 0.4 would do" in p.message
    assert min_variance(cov=np.eye(3), limits=tight, budget=1.2).success
    # Thirds are told far enough out.
    p = min_variance(cov=np.eye(3), holdings=[0.5, 0.5, 0.0], turnover=0.1, bounds=(0, 1 / 3))
    assert "'turnover' at most 0.666667 would do" in p.message


@pytest.mark.parametrize(
    "cov",
    [
        [[1, -1], [-1, 1]],
        [[4, -2, 0], [-2, 1, 0], [0, 0, 9]],
        [[1, -1, 0], [-1, 1, 0], [0, 0, 1]],
        FactorCovariance([[1.0], [-1.0], [0.5]], [0, 0, 0]),
    ],
)
def test_weights_that_hedge_each_other_to_nothing_have_no_parts_of_a_risk(cov: Any) -> None:
    """Of some of these numbers had come, called the best; the function has no lower end there."""
    with pytest.raises(InputError, match="hedge each other"):
        risk_parity(cov)
    assert risk_parity(cov, l2=1e-3).success


def test_a_ratio_that_was_not_found_is_told_as_one() -> None:
    mu, cov = np.array([0.1, 0.2, 0.05]), np.diag([0.04, 0.09, 0.01])
    for given in ({"max_iter": 0}, {"bounds": (0, 0.2)}):
        p = max_sharpe(mu, cov, **given)
        assert not p.success
        assert p.fun == pytest.approx(-(mu @ p.x) / np.sqrt(p.x @ cov @ p.x), rel=1e-12)
        assert p.certificate["bound"] == np.inf


@pytest.mark.parametrize("n", [6, 10, 30])
@pytest.mark.parametrize("given", [{"gross": 3.0}, {"gross": 2.0, "bounds": (-0.5, 1)}, {"holdings": None}])
def test_a_variance_that_can_be_hedged_to_nothing_is_within_a_limit_of_sizes_or_trades(
    n: int, given: dict[str, Any]
) -> None:
    """Steps beyond the limit of precision had led far away again: 1e-4 was told where 0 is."""
    rng = np.random.default_rng(n)
    loadings = rng.normal(0, 0.02, (n, n // 2))
    if "holdings" in given:
        given = {"holdings": np.full(n, 1 / n), "turnover": 3.0}
    p = min_variance(cov=loadings @ loadings.T, **{"bounds": None} | given)
    assert p.success, p.message
    assert p.fun <= p.certificate["bound"] <= 1e-12
    assert p.x.sum() == pytest.approx(1, abs=1e-9)
    assert np.abs(p.x).sum() <= given.get("gross", 9.0) + 1e-9
    # Such a one has no variance beside its gain: no ratio is the highest.
    if "gross" in given:
        assert max_sharpe(
            rng.normal(0.001, 0.001, n), loadings @ loadings.T, **{"bounds": None} | given
        ).outcome == ("unbounded")


def test_weights_that_constraints_leave_no_choice_are_the_answer() -> None:
    r = np.random.default_rng(0).normal(0, 0.01, (60, 3))
    worst = np.sort(-r.mean(axis=1))[-3:].mean()
    for given in ({"bounds": [(1 / 3, 1 / 3)] * 3}, {"bounds": (0, 1 / 3)}, {"bounds": (1 / 3, None)}):
        for p in (
            min_cvar(r, **given),
            min_variance(returns=r, **given),
            tracking(r[:, 0], returns=r, **given),
        ):
            assert p.success, p.message
            np.testing.assert_allclose(p.x, 1 / 3, rtol=1e-12)
        assert min_cvar(r, **given).fun == pytest.approx(worst, rel=1e-9)
    p = min_cvar(r, bounds=[(0.25, 0.25), (0.25, 0.25), (0, 1)])
    assert p.success
    assert p.x.tolist() == [0.25, 0.25, 0.5]
    loadings = FactorCovariance([[0.008, 0.003], [-0.013, 0.009]], [1e-4, 1e-4])
    for form in (loadings, loadings.dense()):
        p = min_variance(cov=form, budget=0.0, bounds=(0, 0.08))
        assert p.success
        assert p.x.tolist() == [0, 0]
        with pytest.raises(InputError, match="no portfolio that is allowed has an expected return above"):
            max_sharpe([0.0005, -0.0001], form, budget=0.0, bounds=(0, 0.08))
    # A limit that counts little of an asset tells nothing of where it lies.
    p = min_variance(cov=np.diag([1.0, 4.0]), limits={"a": ([1.0, 1e-13], 0.5, 0.5)})
    np.testing.assert_allclose(p.x, [0.5, 0.5], atol=1e-9)


@pytest.mark.parametrize("given", [{"gross": 1.0}, {"holdings": [1, 0, 0], "turnover": 2.0}])
def test_nothing_that_costs_anything_is_as_good_as_anything_in_pieces_too(given: dict[str, Any]) -> None:
    assert min_variance(cov=np.zeros((3, 3)), **given).success


def test_what_is_held_is_the_answer_where_nothing_may_be_traded() -> None:
    """Holdings whose sum is 1 up to rounding were said to contradict the budget."""
    for seed in range(12):
        n, mu, cov = case(seed)
        held = np.random.default_rng(seed).dirichlet(np.ones(n))
        for p in (
            min_variance(cov=cov, holdings=held, turnover=0.0),
            mean_variance(mu, cov, holdings=held, turnover=0.0, bounds=None),
        ):
            assert p.success, (seed, p.message)
            np.testing.assert_allclose(p.x, held, atol=1e-12)


def scenarios(seed: int, n: int = 8) -> Any:
    rng = np.random.default_rng(seed)
    return 5e-4 + 0.01 * rng.normal(size=(60, 1)) + rng.normal(size=(60, n)) * rng.uniform(0.005, 0.02, n)


#: Constraints that can only just be met, of weights of eight assets.
JUST_MET: dict[str, dict[str, Any]] = {
    "gross is the budget": {"bounds": (-1, 1), "gross": 1},
    "groups sum up to the budget": {
        "limits": {"a": ([0, 1, 2], None, 0.3), "b": ([3, 4], None, 0.2), "c": ([5, 6, 7], None, 0.5)}
    },
    "the least load": {"limits": {"load": ([1, 1, 1, 2, 2, 3, 3, 3], None, 1.0)}},
    "just enough trades": {"bounds": (0, 0.2), "holdings": [0.5, 0.5] + 6 * [0], "turnover": 1.2},
    "gross beside what is held": {
        "bounds": (-1, 1),
        "gross": 1,
        "holdings": [0.31, 0.17, 0.01, 0.11, 0.13, 0.09, 0.07, 0.11],
        "turnover": 0.5,
    },
    "an equation and a limit": {
        "limits": {"is": ([0, 1, 2], 0.4, 0.4), "most": ([3, 4, 5, 6, 7], None, 0.6)}
    },
    "an equation twice": {"limits": {"a": ([0, 1, 2], 0.4, 0.4), "b": ([3, 4, 5, 6, 7], 0.6, 0.6)}},
    "longs and shorts that need all of gross": {
        "bounds": (-1, 1),
        "gross": 1.6,
        "limits": {"long": ([0, 1, 2, 3], 1.3, None), "short": ([4, 5, 6, 7], None, -0.3)},
    },
}


def linear_tail(r: Any, beta: float, given: dict[str, Any]) -> float:
    """The least mean loss in the tail, by SciPy: weights bought and sold short apart, trades, t and what exceeds it."""
    days, n = r.shape
    low, high = given.get("bounds", (0, 1))
    held = np.array(given.get("holdings", n * [0.0]))
    weights = np.hstack([np.eye(n), -np.eye(n)])
    widen = lambda a: np.hstack([a, np.zeros((len(a), n + 1 + days))])  # noqa: E731
    exceed = np.hstack([-r @ weights, np.zeros((days, n)), -np.ones((days, 1)), -np.eye(days)])
    trade = [np.hstack([sign * weights, -np.eye(n), np.zeros((n, 1 + days))]) for sign in (1, -1)]
    rows, ends = [exceed, *trade], [np.zeros(days), held, -held]
    if "gross" in given:
        rows.append(widen(np.ones((1, 2 * n))))
        ends.append(np.array([given["gross"]]))
    if "turnover" in given:
        rows.append(np.hstack([np.zeros((1, 2 * n)), np.ones((1, n)), np.zeros((1, 1 + days))]))
        ends.append(np.array([given["turnover"]]))
    equal, to = [widen(np.ones((1, n)) @ weights)], [1.0]
    for who, least, most in given.get("limits", {}).values():
        a = np.array(who, dtype=float) if len(who) == n else np.isin(np.arange(n), who).astype(float)
        if least == most:
            equal.append(widen(a[None] @ weights))
            to.append(most)
            continue
        for sign, end in ((1, most), (-1, least)):
            if end is not None:
                rows.append(widen(sign * a[None] @ weights))
                ends.append(np.array([sign * end]))
    cost = np.concatenate([np.zeros(3 * n), [1.0], np.full(days, 1 / ((1 - beta) * days))])
    found = linprog(
        cost,
        np.vstack(rows),
        np.concatenate(ends),
        np.vstack(equal),
        to,
        [(0, high)] * n + [(0, -low)] * n + [(0, None)] * n + [(None, None)] + [(0, None)] * days,
    )
    assert found.success
    return float(found.fun)


@pytest.mark.parametrize("name", JUST_MET)
def test_constraints_that_can_only_just_be_met_have_a_proved_answer(name: str) -> None:
    """They leave no interior: of 200 such portfolios up to half had ended without a proof."""
    given = JUST_MET[name]
    for seed in range(5):
        r = scenarios(seed)
        p = min_cvar(r, beta=0.9, **given)
        assert p.outcome == "converged", (seed, p.message)
        assert p.fun == pytest.approx(linear_tail(r, 0.9, given), rel=2e-6)
        mu, cov = r.mean(axis=0), np.cov(r.T)
        index = r @ np.full(8, 1 / 8)
        for found in (
            min_variance(cov=cov, **given),
            mean_variance(mu, cov, risk_aversion=5.0, **given),
            max_sharpe(mu + 0.01, cov, **given),
            tracking(index, returns=r, **given),
        ):
            assert found.success, (seed, found.reason, found.message)


def test_what_a_limit_that_can_only_just_be_met_costs_is_what_its_loosening_gains() -> None:
    """The value falls by no more than the multiplier times what the limit is loosened by, and by as much at first."""
    for seed in range(4):
        r = scenarios(seed)
        for label, given, loose in (
            ("gross", {"bounds": (-1, 1), "gross": 1.0}, {"bounds": (-1, 1), "gross": 1.0 + 1e-4}),
            ("budget", {"bounds": (0, 1 / 8)}, {"bounds": (0, 1 / 8), "budget": 1 - 1e-4}),
        ):
            tight = min_cvar(r, beta=0.9, tol=1e-10, **given)
            gain = tight.fun - min_cvar(r, beta=0.9, tol=1e-10, **loose).fun
            assert tight.success
            assert gain <= 1e-4 * abs(tight.limit_prices[label]) + 1e-10, (seed, label)


@pytest.mark.parametrize("given", [{}, {"bounds": (-1, 1), "gross": 1}, {"bounds": (-1, 1)}])
def test_the_tail_of_no_budget_is_that_of_its_weights(given: dict[str, Any]) -> None:
    """Where nothing need be held the value comes to 0, beside which what is left of t was a value of its own."""
    for seed in range(6):
        for beta in (0.0, 0.5, 0.95):
            r = scenarios(seed, 4)
            p = min_cvar(r, beta=beta, budget=0, **given)
            assert p.success, (seed, beta, p.message)
            worst, many = np.sort(-r @ p.x)[::-1], (1 - beta) * len(r)
            whole = int(many + 1e-9)
            tail = (worst[:whole].sum() + (many - whole) * worst[min(whole, len(r) - 1)]) / many
            assert p.fun == pytest.approx(tail, rel=1e-9, abs=1e-17)
            assert p.certificate["bound"] <= 1e-6 * abs(p.fun) + 1e-10


@pytest.mark.parametrize("unit", [1e-6, 1e4])
def test_the_tail_is_proved_in_any_unit(unit: float) -> None:
    """Beside weights t had been next to nothing: of returns of a millionth 21 of 25 had ended without a proof."""
    for seed in range(4):
        r = scenarios(seed)
        one, other = min_cvar(r, beta=0.9), min_cvar(unit * r, beta=0.9)
        assert other.outcome == "converged"
        assert other.fun == pytest.approx(unit * one.fun, rel=1e-6)
        budget = min_cvar(r, beta=0.9, budget=unit)
        assert budget.outcome == "converged"
        assert budget.fun == pytest.approx(unit * one.fun, rel=1e-6)


@pytest.mark.parametrize("room", [1e-10, 1e-8, 1e-6])
def test_next_to_no_room_is_told_from_none(room: float) -> None:
    """Groups whose limits sum up to a hair more than the budget have an answer, to a hair less have none."""
    for seed in range(5):
        r = scenarios(seed)
        for sign in (1, -1):
            limits = {"a": ([0, 1, 2], None, 0.4), "b": ([3, 4, 5, 6, 7], None, 0.6 + sign * room)}
            for p in (min_cvar(r, beta=0.9, limits=limits), min_variance(cov=np.cov(r.T), limits=limits)):
                # By less than constraints may be missed by, none is missed.
                met = sign > 0 or room < 1e-9
                assert p.outcome == ("converged" if met else "infeasible"), (seed, sign, p.message)


def test_assets_that_move_by_millionths_are_weighed_beside_others() -> None:
    """What keeps equations solvable is next to nothing beside what the assets that are held bend."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        r = scenarios(seed, 12) * 10.0 ** rng.uniform(-5, 2, 12)
        p = min_variance(cov=np.cov(r.T))
        assert p.success, (seed, p.message)
        assert p.certificate["bound"] <= 1e-6 * p.fun


def test_steps_that_lead_round_in_a_circle_go_to_the_centre() -> None:
    rng = np.random.default_rng([10, 6, 77])
    n, days = int(rng.integers(3, 20)), 0
    days = int(rng.integers(n + 5, 150))
    r = 5e-4 + 0.01 * rng.normal(size=(days, 1)) + rng.normal(size=(days, n)) * rng.uniform(0.005, 0.02, n)
    rng.random(), rng.integers(0, 4)
    held = rng.dirichlet(np.ones(n))
    mu, cov = 1e6 * r.mean(axis=0), 1e12 * np.cov(r.T, ddof=0)
    p = max_sharpe(np.abs(mu) + 1e3 * np.abs(r).mean(), (cov + cov.T) / 2, holdings=held, turnover=0.3)
    assert p.success, p.message
