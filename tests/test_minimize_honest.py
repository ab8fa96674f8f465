"""What `minimize` says where something is wrong: the status names it, and no success is claimed."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from scipy.optimize import linprog

import steepest
from steepest import problems

METHODS = ["gradient_descent", "lbfgs", "newton"]


def square(x):
    return float(x @ x)


def kinds(result):
    return [f.kind for f in result.findings]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "gradient",
    [lambda x: -2 * x, lambda x: np.array([2 * x[0], 0.0]), lambda x: 0 * x, lambda x: 2 * x + 1.0],
    ids=["sign", "component", "zero", "shifted"],
)
def test_a_gradient_that_is_not_the_functions(method, gradient):
    r = steepest.minimize(square, [1.0, 2.0], jac=gradient, method=method)
    assert r.outcome == "gradient_inconsistent", (r.outcome, r.x)
    assert not r.success
    assert r.status == 7
    assert "gradient says" in r.message


@pytest.mark.parametrize("method", METHODS)
def test_not_finite_where_it_begins(method):
    r = steepest.minimize(lambda x: np.nan, [1.0], jac=lambda x: x, method=method)
    assert r.outcome == "not_finite"
    assert "value at the start" in r.message
    assert np.isnan(r.fun)
    r = steepest.minimize(square, [1.0, 2.0], jac=lambda x: np.array([1.0, np.inf]), method=method)
    assert r.outcome == "not_finite"
    assert "entry 1 of the gradient" in r.message


@pytest.mark.parametrize("method", METHODS)
def test_a_region_without_values_is_stepped_back_from(method):
    def barrier(x):
        return float((x - np.log(x)).sum()) if x.min() > 0 else np.nan

    # Gradient descent from 0.002, where the curvature is 250 000 times what it is at the end, is an affair of luck.
    start = [100.0, 0.2 if method == "gradient_descent" else 0.002]
    r = steepest.minimize(barrier, start, jac=lambda x: 1 - 1 / x, method=method)
    assert r.success, r.message
    np.testing.assert_allclose(r.x, 1.0, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("fun", "jac"),
    [
        (lambda x: float(x.sum()), np.ones_like),
        (lambda x: -square(x), lambda x: -2 * x),
        (lambda x: float((x**3).sum()), lambda x: 3 * x**2),
    ],
    ids=["linear", "concave", "cubic"],
)
def test_without_a_lower_bound(method, fun, jac):
    with np.errstate(all="ignore"):
        r = steepest.minimize(fun, [1.0, -0.5], jac=jac, method=method)
    assert r.outcome == "unbounded"
    assert not r.success


def test_minus_infinity_is_unbounded():
    r = steepest.minimize(lambda x: -np.inf if x[0] < 0 else x[0], [1.0], jac=np.ones_like)
    assert r.outcome == "unbounded"


@pytest.mark.parametrize("method", ["lbfgs", "newton"])
def test_a_saddle_is_no_minimum(method):
    r = steepest.minimize(problems.saddle, [1.0, 0.0], method=method)
    assert r.outcome == "unbounded"
    hill = lambda x: float(-np.cos(x).sum())  # noqa: E731
    r = steepest.minimize(hill, [np.pi, np.pi], jac=np.sin, method=method)
    assert r.success
    assert r.fun == pytest.approx(-2)


def test_a_kink_off_the_axes_is_not_called_converged():
    weights = np.array([1.0, 2.0])

    def fun(x):
        return float(max(weights @ x, -x[0], 0.3 * x[0] - x[1]))

    def jac(x):
        parts = [weights @ x, -x[0], 0.3 * x[0] - x[1]]
        return [weights, np.array([-1.0, 0.0]), np.array([0.3, -1.0])][int(np.argmax(parts))]

    r = steepest.minimize(fun, [1.0, 1.3], jac=jac)
    assert r.outcome in ("plateau", "gradient_inconsistent")
    assert not r.success


def straight(seed):
    """Sums or the largest of |A x − b|, and the least that SciPy's linear programme finds."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    m = int(rng.integers(n + 1, 4 * n))
    A = rng.normal(size=(m, n)) * 10 ** rng.uniform(-1, 1, size=n)
    b = A @ rng.normal(size=n) + rng.normal(size=m) * rng.choice([0.0, 1e-3, 1.0])
    level = float(rng.choice([0.0, 1.0, 1e4]))
    largest = bool(rng.integers(2))

    def fun(x):
        r = np.abs(A @ x - b)
        return level + float(r.max() if largest else r.sum())

    def jac(x):
        r = A @ x - b
        i = int(np.abs(r).argmax())
        return A[i] * np.sign(r[i]) if largest else A.T @ np.sign(r)

    above = np.ones((m, 1)) if largest else np.eye(m)
    rows = np.block([[A, -above], [-A, -above]])
    cost = np.r_[np.zeros(n), np.ones(above.shape[1])]
    limits = [(None, None)] * n + [(0, None)] * above.shape[1]
    least = linprog(cost, A_ub=rows, b_ub=np.r_[b, -b], bounds=limits).fun
    return fun, jac, rng.normal(size=n), level + least


@pytest.mark.parametrize(
    "method", ["lbfgs", "bfgs", "barzilai_borwein", "gradient_descent", "nonlinear_cg", "truncated_newton"]
)
def test_kinks_that_steps_have_closed_in_on_are_not_called_converged(method):
    """Along a kink the steps grow as short as the slopes turn, and what they have learned says that nothing is left."""
    for seed in range(60):
        fun, jac, start, least = straight(seed)
        r = steepest.minimize(fun, start, jac=jac, method=method, options={"maxfun": 20_000})
        near = max(1e-6 * abs(least), 1e-12 * fun(start))
        assert not r.success or r.fun - least <= near, (seed, r.message, r.fun - least)


def test_a_fall_that_begins_just_beyond_is_not_cut_off():
    """Steps come down to 0 on a parabola; beyond it F falls on to -25 at -7.07, as one more step sees."""
    for factor in (1.0, 1e-3, 1e3):
        r = steepest.minimize(
            lambda x, c=factor: c * (x[0] * abs(x[0]) + 0.01 * x[0] ** 4),
            [3.0],
            jac=lambda x, c=factor: c * (2 * abs(x) + 0.04 * x**3),
            method="lbfgs",
        )
        assert r.x == pytest.approx([-(50**0.5)], rel=1e-3), r.message


def test_flat_ground_with_a_slope_claimed():
    r = steepest.minimize(lambda x: 1.0, [1.0, 2.0], jac=np.ones_like)
    assert r.outcome == "gradient_inconsistent"
    r = steepest.minimize(lambda x: 1.0, [1.0, 2.0])
    assert r.success
    assert r.nit == 0


def test_at_the_optimum_already():
    r = steepest.minimize(square, [0.0, 0.0], jac=lambda x: 2 * x)
    assert r.success
    assert r.nit == 0
    # Two lines, for one alone may miss a saddle; two lengths, for nothing is known of one; the gradient ahead.
    assert r.nfev <= 11


def test_a_rate_too_large_is_said_with_the_one_that_would_do():
    f = problems.get("quadratic", condition=100)
    r = steepest.minimize(f, [1.0, 1.0], method="gradient_descent", options={"rate": 0.03})
    assert r.outcome == "diverged"
    assert not r.success
    assert r.fun == f([1.0, 1.0])
    assert kinds(r) == ["diverging"]
    assert r.findings[0].evidence["largest_stable_rate"] == pytest.approx(0.02, rel=1e-3)
    good = steepest.minimize(f, [1.0, 1.0], method="gradient_descent", options={"rate": 0.019})
    assert good.success


def test_bad_scaling_is_noticed():
    f = problems.get("quadratic", 3, condition=1e9)
    r = steepest.minimize(f, f.x0)
    assert r.success
    assert "bad_scaling" in kinds(r)
    assert "bad_scaling" not in kinds(steepest.minimize(problems.booth, [-5.0, 5.0]))


def test_values_in_single_precision_are_not_called_inconsistent():
    def rough(x):
        return float(np.float32(1.0 + (np.sin(x) ** 2).sum() + 0.1 * x @ x))

    for k in range(20):
        r = steepest.minimize(rough, [1.0 + 0.1 * k, 0.3], jac=lambda x: np.sin(2 * x) + 0.2 * x)
        assert r.outcome in ("converged", "precision_limit", "plateau"), r.message


SCRIPT = """
import os, signal, threading, time
import numpy as np, steepest
began = []
def fun(x):
    began.append(0)
    {wait}
    return float(x @ x)
def send():
    while not began: time.sleep(0.01)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=send).start()
try:
    steepest.minimize(fun, np.ones(50), jac={jac}, method="{method}", options={options})
    print("ended")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("method", "jac", "wait", "options"),
    [
        ("lbfgs", "None", "time.sleep(0.02)", "{'verify': 0, 'gtol': 0, 'ftol': 0}"),
        ("gradient_descent", "lambda x: 2 * x", "pass", "{'rate': 1e-12, 'maxiter': 10**12}"),
    ],
)
def test_control_c(method, jac, wait, options):
    script = SCRIPT.format(method=method, jac=jac, wait=wait, options=options)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["interrupted"], done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_fork():
    steepest.minimize(square, [1.0], jac=lambda x: 2 * x)
    script = textwrap.dedent("""
        import os, steepest
        f, g = lambda x: float(x @ x), lambda x: 2 * x
        steepest.minimize(f, [1.0], jac=g)
        child = os.fork()
        ok = steepest.minimize(f, [1.0, 3.0], jac=g).success
        if child == 0:
            os._exit(0 if ok else 1)
        print(os.waitpid(child, 0)[1])
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "0", done.stderr


def test_signals_of_others_do_not_disturb():
    before = signal.getsignal(signal.SIGINT)
    steepest.minimize(square, np.ones(3), jac=lambda x: 2 * x)
    assert signal.getsignal(signal.SIGINT) is before


def test_waves_shorter_than_a_look_do_not_accuse_the_gradient():
    """Far from 0 the squares turn over hundreds of times in a length by which other variables are looked at."""

    def phase(x):
        return x[:-1] ** 2 - 0.5 * x[1:]

    def fun(x):
        return float(np.cos(phase(x)).sum())

    def jac(x):
        s, g = -np.sin(phase(x)), np.zeros_like(x)
        g[:-1] += 2 * x[:-1] * s
        g[1:] -= 0.5 * s
        return g

    r = steepest.minimize(fun, np.full(500, 0.9), jac=jac, method="lbfgs")
    assert r.outcome != "gradient_inconsistent", r.message
    assert r.fun == pytest.approx(-499.0)


@pytest.mark.parametrize(
    "method",
    ["lbfgs", "bfgs", "fire", "nonlinear_cg", "barzilai_borwein", "gradient_descent", "truncated_newton"],
)
def test_slopes_that_are_rounding_say_nothing_of_how_far_to_go(method: str) -> None:
    """Symmetric places: most slopes would be 0, and are what sums have left of it."""
    rng = np.random.default_rng(0)
    left = rng.uniform(1e-15, 4e-15, 20) * rng.choice([-1, 1], 20)

    def symmetric(x: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = x[:10] - 1.05, x[10:] - 1
        return 6.5 + float(a @ a) + float((b**2 + b**4).sum()), np.r_[2 * a, 2 * b + 4 * b**3 + left]

    result = steepest.minimize(symmetric, np.ones(30), jac=True, method=method)
    assert result.success
    assert result.fun == pytest.approx(6.5, abs=1e-6)
    # Without the twenty it is a few steps.
    assert result.nfev < 100


@pytest.mark.parametrize("method", [None, "lbfgs", "bfgs", "truncated_newton"])
def test_what_falls_without_end_is_handed_over_as_low_as_it_was_seen(method: str | None) -> None:
    """Where trials fall to minus infinity at once the method still stands at the start, which was handed over."""
    seen: list[float] = []

    def fun(x: np.ndarray) -> float:
        seen.append(float(-np.exp(x[0]) + x[1] ** 2))
        return seen[-1]

    with np.errstate(over="ignore"):
        r = steepest.minimize(
            fun, [1.0, 1.0], method=method, jac=lambda x: np.array([-np.exp(x[0]), 2 * x[1]])
        )
    assert r.outcome == "unbounded"
    assert r.fun == min(f for f in seen if np.isfinite(f)) < -1e6
    assert r.fun == -np.exp(r.x[0]) + r.x[1] ** 2
