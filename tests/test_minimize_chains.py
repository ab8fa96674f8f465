"""Chains of rules and schedules of their rate, handed to `minimize`, `descend` and `compare` from Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import steepest
from steepest import methods, rates, rules
from steepest._catalog import checked, find
from steepest.errors import InputError
from steepest.formula import evaluate

START = np.array([3.0, -2.0, 0.5])
CURVES = np.array([1.0, 4.0, 9.0])


def bowl(x: NDArray[np.float64]) -> float:
    return float(0.5 * (CURVES * x) @ x)


def slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return CURVES * x


def by_hand(steps: int, rate: float, most: float) -> NDArray[np.float64]:
    """Momentum of .9 on gradients cut to length `most`, along half a cosine: in NumPy."""
    x, velocity = START.copy(), np.zeros(3)
    for k in range(steps):
        g = slope(x)
        g *= min(1.0, most / np.linalg.norm(g))
        velocity = 0.9 * velocity + g
        x -= rate * 0.5 * (1 + np.cos(np.pi * k / steps)) * velocity
    return x


CHAIN = [rules.ClipNorm(0.5), rules.Momentum(momentum=0.9)]


@pytest.mark.parametrize("chain", [CHAIN, tuple(CHAIN)])
def test_a_chain_under_a_schedule_is_what_it_says(chain: object) -> None:
    options = {"rate": 0.02, "schedule": rates.Cosine(), "maxiter": 40}
    result = steepest.minimize(bowl, START, jac=slope, method=chain, options=options)
    np.testing.assert_allclose(result.x, by_hand(40, 0.02, 0.5), rtol=1e-12)
    assert result.method == "clip_norm → momentum"
    assert result.outcome == "budget"


def test_descend_takes_the_same_steps() -> None:
    options = {"rate": 0.02, "schedule": "cosine", "maxiter": 40}
    descent = steepest.descend(bowl, START, jac=slope, method=CHAIN, options=options)
    *_, last = descent
    np.testing.assert_allclose(last.x, by_hand(40, 0.02, 0.5), rtol=1e-12)
    assert descent.method == descent.result().method == "clip_norm → momentum"


def test_a_schedule_may_stand_for_the_rate() -> None:
    """The rate that it multiplies finds itself; each step tells the product."""
    falling = steepest.descend(bowl, START, rate=rates.InverseRoot(hold=2), method="sgd", jac=slope)
    assert falling.result().fun == bowl(START)
    for options in ({"rate": rates.InverseRoot()}, {"rate": "inverse_root"}, {"schedule": "constant"}):
        result = steepest.minimize(bowl, START, jac=slope, method="adam", options=options)
        assert result.success
        assert result.fun < 1e-10


def test_compare_tells_chains_apart() -> None:
    chains = ["adam", ["clip_norm", "adam"], [rules.ClipNorm(0.1), "adam"]]
    table = steepest.compare("rosenbrock", chains)
    assert list(table)[:2] == ["adam", "clip_norm → adam"]
    assert len(table) == 3
    assert [table[name].method for name in table] == ["adam", "clip_norm → adam", "clip_norm → adam"]


@pytest.mark.parametrize(
    ("method", "options", "says"),
    [
        (["adam", "clip_norm"], {}, "only turns the gradient"),
        (["clip_norm"], {}, "only turns the gradient"),
        (["adam", "sgd"], {}, "must come last"),
        (["clip_norm", "lbfgs"], {}, "a chain must end with a rule"),
        (["lbfgs", "adam"], {}, "no rule is called 'lbfgs'"),
        ([methods.Lbfgs(), "adam"], {}, "a chain is made of rules"),
        ([], {}, "method must be a name"),
        ("lbfgs", {"rate": "cosine"}, "a schedule changes the rate of a rule"),
        (None, {"schedule": rates.Cosine()}, "a schedule changes the rate of a rule"),
        ("adam", {"rate": rates.Cosine()}, "say how long that is by maxiter"),
        ("adam", {"rate": "cosin", "maxiter": 9}, "did you mean 'cosine'"),
        ("adam", {"rate": rules.Adam(), "maxiter": 9}, "rate must be a schedule"),
        ("adam", {"schedule": 0.1, "maxiter": 9}, "schedule must be a schedule"),
        ("adam", {"rate": "linear", "schedule": "cosine", "maxiter": 9}, "one of them at a time"),
    ],
)
def test_what_is_no_chain_is_refused(method: object, options: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        steepest.minimize(bowl, START, jac=slope, method=method, options=options)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"memory": 2.5}, "memory must be a whole number; got 2.5"),
        ({"memory": 0}, "memory must be between 1"),
        ({"verify": 0.5}, "verify must be true or false"),
        ({"verify": 2}, "verify must be true or false"),
    ],
)
def test_settings_are_of_their_kinds(settings: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        methods.Lbfgs(**settings)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=says):
        steepest.minimize(bowl, START, method="lbfgs", options=settings)


def test_kinds_are_types_in_python() -> None:
    lbfgs = methods.Lbfgs()
    assert lbfgs.verify is True
    assert type(lbfgs.memory) is int
    assert repr(methods.Ruled(batch_size=8)).startswith(
        "Ruled(rate=0.0, batch_size=8, sampling='shuffle', growing=False, epochs=20"
    )
    assert steepest.minimize(bowl, START, jac=slope, method=methods.Lbfgs(verify=False)).success


def plateau_by_hand(values: list[float], settings: dict[str, float]) -> list[float]:
    """torch's ReduceLROnPlateau, written from its documentation."""
    s = {"factor": 0.1, "patience": 10, "threshold": 1e-4, "cooldown": 0, "least": 0.0} | settings
    best, bad, cooling, rate, rates_ = np.inf, 0, 0, 1.0, []
    for value in values:
        if value < best * (1 - s["threshold"]):
            best, bad = value, 0
        else:
            bad += 1
        if cooling > 0:
            cooling -= 1
            bad = 0
        if bad > s["patience"]:
            rate, cooling, bad = max(rate * s["factor"], s["least"]), s["cooldown"], 0
        rates_.append(rate)
    return rates_


@pytest.mark.parametrize(
    "settings",
    [{}, {"patience": 2}, {"patience": 0, "cooldown": 3}, {"factor": 0.5, "patience": 1, "least": 0.1}],
)
def test_on_plateau_is_what_torch_does(settings: dict[str, float]) -> None:
    entry = find("rates", "plateau")
    values = [5.0, 4.0, 3.9999, *[4.0] * 9, 1.0, 0.5, *[0.5] * 20, 0.2, *[0.3] * 14]
    state = dict.fromkeys(entry.about["state"], 0.0)
    found = []
    for value in values:
        known = entry_settings = checked("rates", "plateau", settings)
        after = evaluate(entry.programs["look"], {**known, **state, "value": value})
        state = dict(zip(state, after, strict=True))
        found.append(float(evaluate(entry.programs["factor"], {**entry_settings, **state})[0]))
    np.testing.assert_allclose(found, plateau_by_hand(values, settings), rtol=1e-12)


def rates_of(**options: object) -> list[float]:
    """The rates of steps of plain descent that the options lead to."""
    given = {"maxiter": 12} | options
    steps = list(steepest.descend(bowl, START, jac=slope, method="sgd", options=given))
    return [step.rate for step in steps[1:]]


def test_any_function_is_a_rate_or_multiplies_one() -> None:
    np.testing.assert_allclose(rates_of(rate=lambda k: 0.1 / (k + 1)), [0.1 / k for k in range(1, 13)])
    halved = rates_of(rate=0.02, schedule=lambda k: 0.5 ** (k // 4))
    np.testing.assert_allclose(halved, np.repeat([0.02, 0.01, 0.005], 4))


def test_pieces_follow_one_another() -> None:
    warm = lambda k: (k + 1) / 4  # noqa: E731
    found = rates_of(rate=0.02, schedule=[(warm, 4), ("constant", 2), "linear"])
    np.testing.assert_allclose(found, 0.02 * np.r_[0.25, 0.5, 0.75, 1, 1, 1, np.arange(6, 0, -1) / 6])
    whole = rates_of(rate=0.02, schedule=[("linear", 4), (rates.Cosine(), 100)], maxiter=8)
    want = np.r_[1, 0.75, 0.5, 0.25, 0.5 * (1 + np.cos(np.pi * np.arange(4) / 100))]
    np.testing.assert_allclose(whole, 0.02 * want)


def test_on_plateau_at_work() -> None:
    kinked = lambda x: float(np.abs(x).sum())  # noqa: E731
    options = {"rate": 0.3, "schedule": rates.Plateau(patience=3), "maxiter": 200}
    plain = {"rate": 0.3, "maxiter": 200}
    falling = steepest.minimize(kinked, START, jac=np.sign, method="sgd", options=options)
    constant = steepest.minimize(kinked, START, jac=np.sign, method="sgd", options=plain)
    assert falling.fun < 0.01 * constant.fun


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rate": lambda k: -1.0}, "at least 0; got -1.0 after 0 steps"),
        ({"rate": lambda k: None}, "at least 0; got None after 0 steps"),
        ({"rate": []}, "must be a schedule"),
        ({"rate": [("cosine", 0), "linear"]}, "whole number of at least 1"),
        ({"rate": ["cosine", "linear"]}, "but the last is"),
        ({"schedule": [("cosine", 5), "linear"]}, "say how long that is by maxiter"),
    ],
)
def test_what_is_no_schedule_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises((InputError, ValueError), match=says):
        steepest.minimize(bowl, START, jac=slope, method="sgd", options=options)


def test_an_error_inside_the_rate_comes_out_as_itself() -> None:
    with pytest.raises(ZeroDivisionError):
        steepest.minimize(bowl, START, jac=slope, method="sgd", options={"rate": lambda k: 1 / k})


# Places: where a rule asks for gradients, and what it shows, need not be where it stands.
def ball(x: NDArray[np.float64], g: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    v[:] = 0.9 * v + g
    return x - 0.02 * v


def looking_ahead(steps: int) -> NDArray[np.float64]:
    x, slow, v = START.copy(), START.copy(), np.zeros(3)
    for k in range(1, steps + 1):
        x = ball(x, slope(x), v)
        if k % 6 == 0:
            x = slow = slow + 0.5 * (x - slow)
    return x


def averaging(steps: int) -> NDArray[np.float64]:
    x, v, seen = START.copy(), np.zeros(3), []
    for _ in range(steps):
        x = ball(x, slope(x), v)
        seen.append(x)
    return np.mean(seen or [x], axis=0)


def sharpness(steps: int) -> NDArray[np.float64]:
    x, v = START.copy(), np.zeros(3)
    for _ in range(steps):
        g = slope(x)
        x = ball(x, slope(x + 0.05 * g / np.linalg.norm(g)), v)
    return x


def free(steps: int) -> NDArray[np.float64]:
    """Schedule-free: gradients at y, z goes down them, x averages z."""
    x = z = START.copy()
    for k in range(1, steps + 1):
        z = z - 0.02 * slope(0.9 * x + 0.1 * z)
        x = x + (z - x) / k
    return x


@pytest.mark.parametrize(
    ("chain", "by_hand"),
    [
        (["momentum", rules.Lookahead()], looking_ahead),
        (["momentum", "averaging"], averaging),
        (["sam", "momentum"], sharpness),
        ("schedule_free_sgd", free),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_rules_with_places(chain: object, by_hand: Callable[[int], NDArray[np.float64]]) -> None:
    """Each step of `descend` shows the point that the rule shows, with the value there."""
    descent = steepest.descend(bowl, START, jac=slope, method=chain, options={"rate": 0.02, "maxiter": 40})
    for k, step in enumerate(descent):
        np.testing.assert_allclose(step.x, by_hand(k), rtol=1e-11, atol=1e-13)
        assert step.loss == pytest.approx(bowl(step.x), rel=1e-12)
    result = descent.result()
    assert result.nit == 40
    assert result.fun == bowl(result.x)


@pytest.mark.parametrize("chain", [["averaging", "adam"], ["adam", "sam"], ["ema"], ["sam", "sam", "sgd"]])
def test_places_have_an_order(chain: list[str]) -> None:
    with pytest.raises(InputError, match=r"must come|put one before it|only turns|second gradient"):
        steepest.minimize(bowl, START, jac=slope, method=chain)


@pytest.mark.parametrize("seed", range(5))
def test_gradient_noise_is_drawn_by_its_seed_and_nothing_is_claimed_that_it_hides(seed: int) -> None:
    chain = [rules.GradientNoise(eta=0.1, seed=seed), rules.Sgd()]
    fixed = {"rate": 0.05, "maxiter": 30}
    once, again, other = (
        steepest.minimize(bowl, START, jac=slope, method=m, options=fixed).x
        for m in (chain, chain, [rules.GradientNoise(eta=0.1, seed=seed + 1), rules.Sgd()])
    )
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1e-4
    for rule in (rules.Sgd(), rules.Adam(), rules.Lion()):
        found = steepest.minimize(bowl, START, jac=slope, method=[chain[0], rule], options={"maxiter": 3000})
        assert not found.success or bowl(found.x) <= 1e-6 * bowl(START), (found.message, bowl(found.x))
