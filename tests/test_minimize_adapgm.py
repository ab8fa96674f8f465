"""Steps that follow the curvature, against their formula written out; and what they claim."""

from typing import Any

import numpy as np
import pytest

import steepest

N = 10
RANDOM = np.random.default_rng(2)
A, B = RANDOM.normal(size=(30, N)), RANDOM.normal(size=30)


def fun(x: Any) -> float:
    return float(np.logaddexp(0, A @ x - B).sum() + 0.05 * x @ x)


def jac(x: Any) -> Any:
    return A.T @ (1 / (1 + np.exp(B - A @ x))) + 0.1 * x


def reference(alpha: float, rate: float, steps: int) -> Any:
    """Algorithm 2.1 of Latafat, Themelis, Stella and Patrinos, of ½‖·‖² norms, with soft thresholds."""
    soft = lambda v, t: np.sign(v) * np.maximum(np.abs(v) - t, 0)  # noqa: E731
    old, before, now = np.ones(N), rate, rate
    x = soft(old - now * jac(old), now * alpha)
    for _ in range(steps - 1):
        s, y = x - old, jac(x) - jac(old)
        lipschitz, inverse = s @ y / (s @ s), y @ y / (s @ y)
        root = 2 * np.sqrt(max(now * lipschitz * (now * inverse - 1), 0))
        before, now = now, now * min(np.sqrt(1 + now / before), 1 / root if root > 0 else np.inf)
        old, x = x, soft(x - now * jac(x), now * alpha)
    return x


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("steps", [1, 2, 5, 20])
def test_steps_are_the_papers(alpha: float, steps: int) -> None:
    r = steepest.minimize(
        fun, np.ones(N), jac=jac, method="adapgm", penalty=("l1", alpha), tol=0.0,
        options={"max_iter": steps, "rate": 1e-3},
    )  # fmt: skip
    np.testing.assert_allclose(r.path[-1] if r.path else r.x, reference(alpha, 1e-3, steps), rtol=1e-10)


@pytest.mark.parametrize("penalty", [None, ("l1", 2.0), "simplex", "l2_ball"])
def test_the_end_is_that_of_other_methods(penalty: Any) -> None:
    given = {"jac": jac, "penalty": penalty}
    r = steepest.minimize(fun, np.full(N, 0.1), method="adapgm", **given)
    other = steepest.minimize(fun, np.full(N, 0.1), tol=1e-12, **given)
    assert r.success, r.message
    assert r.fun - other.fun <= 1e-7 * abs(other.fun)


def test_a_claim_from_far_above_the_start_is_followed_twice() -> None:
    """The first steps, as long as another variable's size, lead to 1e15: all that is left is small beside that."""
    scale = np.array([1.6e-8, 5.9e-3])
    slope = np.array([0.055, 0.35])

    def fun(x: Any) -> float:
        u = np.minimum(x / scale, 700.0)
        return float(1.8e-7 * (np.exp(u) - slope * u).sum())

    result = steepest.minimize(fun, scale * [3.3, 4.4], method="adapgm")
    least = 1.8e-7 * (slope - slope * np.log(slope)).sum()
    assert not result.success or result.fun < least * 1.001
