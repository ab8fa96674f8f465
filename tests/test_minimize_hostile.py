"""Functions that mislead: what is claimed of them is held against what is known of each by its formula alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steepest

Array = Any
Fun = Callable[[Array], float]


def minimised(fun: Fun, start: list[float], **given: Any) -> Any:
    with np.errstate(all="ignore"):
        return steepest.minimize(fun, start, options={"maxfev": 20_000}, **given)


def bent_floor(x: Array) -> float:
    """Nesterov's: a kink along a parabola, on which it falls to 0 at (1, 1)."""
    return float(abs(1 - x[0]) / 4 + abs(x[1] - 2 * x[0] ** 2 + 1))


def bent_floor_slope(x: Array) -> Array:
    side = np.sign(x[1] - 2 * x[0] ** 2 + 1)
    return np.array([-np.sign(1 - x[0]) / 4 - 4 * x[0] * side, side])


def round_floor(x: Array) -> float:
    return float((1 - x[0]) ** 2 / 4 + abs(x[1] - 2 * x[0] ** 2 + 1))


def round_floor_slope(x: Array) -> Array:
    side = np.sign(x[1] - 2 * x[0] ** 2 + 1)
    return np.array([-(1 - x[0]) / 2 - 4 * x[0] * side, side])


def sharp_valley(x: Array) -> float:
    return float(8 * abs(x[0] ** 2 - x[1]) + (1 - x[0]) ** 2)


def sharp_valley_slope(x: Array) -> Array:
    side = np.sign(x[0] ** 2 - x[1])
    return np.array([16 * x[0] * side - 2 * (1 - x[0]), -8 * side])


KINKS = {
    "bent floor": (bent_floor, bent_floor_slope, [-0.6, 1.3]),
    "round floor": (round_floor, round_floor_slope, [-1.0, 1.2]),
    "sharp valley": (sharp_valley, sharp_valley_slope, [-1.2, 1.0]),
    "roots": (lambda x: float(np.sqrt(np.abs(x)).sum()), None, [3.0, 2.0]),
}


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("kind", KINKS)
@pytest.mark.parametrize(
    "method", [None, "newton", "fista", "panoc", "gradient_descent", "momo_adam", "momentum", "sgd", "lamb"]
)
def test_no_kink_that_leads_on_is_claimed(method: str | None, kind: str, given: bool) -> None:
    """Steps that close in on a kink get shorter whoever takes them; each of these falls to 0 along its kink."""
    fun, slope, start = KINKS[kind]
    r = minimised(fun, start, method=method, jac=slope if given else None)
    assert not r.success or r.fun < 1e-3, (r.outcome, r.x, r.fun)


@pytest.mark.parametrize("kind", ["bent floor", "round floor", "sharp valley"])
def test_no_kink_is_claimed_by_slopes_that_are_given(kind: str) -> None:
    """adapgm ends on the kink itself, where slopes by differences are the mean of both sides: that is not seen yet."""
    fun, slope, start = KINKS[kind]
    r = minimised(fun, start, method="adapgm", jac=slope)
    assert not r.success or r.fun < 1e-3, (r.outcome, r.x, r.fun)


@pytest.mark.parametrize("digits", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("method", [None, "bfgs", "fista", "panoc"])
def test_values_that_are_rounded_beside_exact_slopes_can_be_claimed(method: str | None, digits: int) -> None:
    """Near by nothing moves, and further off it does as the slopes say."""
    r = minimised(
        lambda x: float(np.round(((x - 1.3) ** 2).sum(), digits)), [5.0, -3.0], method=method,
        jac=lambda x: 2 * (x - 1.3),
    )  # fmt: skip
    assert r.success, r.outcome
    np.testing.assert_allclose(r.x, 1.3, atol=1e-6)


def valley(x: Array) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [1e-2, 1e-4])
@pytest.mark.parametrize("method", [None, "newton", "fista", "gradient_descent", "momo_adam", "lamb"])
def test_noise_that_hides_a_valley_s_floor_is_no_success(method: str | None, noise: float, seed: int) -> None:
    """A hundredth of what F has fallen by (24.2) is what a judge of such noise lets pass."""
    random = np.random.default_rng(seed)
    r = minimised(lambda x: float(valley(x) + noise * random.standard_normal()), [-1.2, 1.0], method=method)
    assert not r.success or valley(r.x) < 0.242, (r.outcome, r.x, valley(r.x))


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
@pytest.mark.parametrize("method", [None, "newton", "fista", "panoc", "gradient_descent", "adam", "momentum"])
def test_stairs_that_hide_a_valley_s_floor_are_no_success(method: str | None, digits: int) -> None:
    r = minimised(lambda x: float(np.round(valley(x), digits)), [-1.2, 1.0], method=method)
    assert not r.success or valley(r.x) < 0.242, (r.outcome, r.x, valley(r.x))
