"""SciPy's names: methods, options, statuses, fields, callbacks and hands over, held against SciPy itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose
from scipy.optimize import (
    BFGS,
    SR1,
    Bounds,
    LinearConstraint,
    NonlinearConstraint,
    rosen,
    rosen_der,
    rosen_hess,
)

import steepest
from steepest.errors import InputError

START = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
DESCENTS = (
    "BFGS", "CG", "L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Newton-CG", "trust-ncg", "trust-krylov",
    "trust-exact", "dogleg",
)  # fmt: skip
ITS_OWN = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")


@pytest.mark.parametrize("method", DESCENTS)
def test_scipys_methods_end_where_scipy_ends(method: str) -> None:
    r = steepest.minimize(rosen, START, method=method, jac=rosen_der, hess=rosen_hess)
    assert r.success, r.message
    assert r.method in ("lbfgs", "newton", "bfgs", "nonlinear_cg", "truncated_newton")
    assert method in r.reason
    assert_allclose(r.x, 1.0, atol=1e-4)
    # 0 is the number of a success, but where SciPy has another
    assert r.status == (1 if method == "trust-constr" else 0)


@pytest.mark.parametrize("method", ITS_OWN)
def test_what_is_no_descent_is_run_by_scipy(method: str) -> None:
    options = {"maxiter": 200}
    ours = steepest.minimize(rosen, START[:2], method=method.lower(), options=options)
    theirs = scipy.optimize.minimize(rosen, START[:2], method=method, options=options)
    assert (ours.x == theirs.x).all()
    assert (ours.fun, ours.nfev, ours.success) == (theirs.fun, theirs.nfev, theirs.success)
    assert ours.method == method
    assert "SciPy ran it" in ours.reason
    assert ours.certificate is None
    square = steepest.minimize(
        lambda x: rosen(x.ravel()), START[:4].reshape(2, 2), method=method, options=options
    )
    assert square.x.shape == (2, 2)


def test_how_scipys_own_methods_end_has_our_names() -> None:
    def stop(x: Any) -> None:
        raise StopIteration

    few = steepest.minimize(rosen, START, method="Nelder-Mead", options={"maxiter": 3})
    assert (few.outcome, few.success) == ("budget", False)
    assert steepest.minimize(rosen, START, method="Nelder-Mead", callback=stop).outcome == "stopped"


@pytest.mark.parametrize("method", ["COBYLA", "COBYQA"])
def test_a_budget_of_scipys_own_methods_is_one_where_constraints_are_missed(method: str) -> None:
    held = {"type": "ineq", "fun": lambda x: 1 - x @ x}
    r = steepest.minimize(rosen, [3.0, 3.0], method=method, constraints=held, options={"maxiter": 8})
    assert r.maxcv > 1e-3
    assert (r.outcome, r.success) == ("budget", False)
    free = steepest.minimize(rosen, [3.0, 3.0], method=method, options={"maxiter": 8})
    assert (free.outcome, free.success) == ("budget", False)


@pytest.mark.parametrize("method", ["Nelder-Mead", "Powell"])
def test_scipys_own_methods_that_take_no_constraints_refuse_them(method: str) -> None:
    """SciPy warns and calls what misses them a success."""
    held = {"type": "ineq", "fun": lambda x: 1 - x @ x}
    for constraints in (held, [held], NonlinearConstraint(lambda x: x @ x, 0, 1)):
        with pytest.raises(InputError, match=f"{method} takes no constraints .* COBYLA or COBYQA"):
            steepest.minimize(rosen, [3.0, 3.0], method=method, constraints=constraints)
    assert steepest.minimize(rosen, [0.9, 0.9], method=method, constraints=[]).success


@pytest.mark.parametrize("method", ["COBYLA", "COBYQA"])
def test_constraints_of_a_matrix_see_the_matrix_in_scipys_own_methods(method: str) -> None:
    parts = [
        {"type": "Eq", "fun": lambda x: np.trace(x) - 1},
        NonlinearConstraint(lambda x: x[0, 1], 0.25, np.inf),
        LinearConstraint([0.0, 0, 1, 0], 0.5, 0.5),
    ]
    flat = [
        {"type": "eq", "fun": lambda x: x[0] + x[3] - 1},
        NonlinearConstraint(lambda x: x[1], 0.25, np.inf),
        parts[2],
    ]
    ours = steepest.minimize(lambda x: (x**2).sum(), np.zeros((2, 2)), method=method, constraints=parts)
    theirs = scipy.optimize.minimize(lambda x: (x**2).sum(), np.zeros(4), method=method, constraints=flat)
    assert (ours.x.ravel() == theirs.x).all()
    assert ours.maxcv == theirs.maxcv


def test_a_function_as_the_method_is_called_as_scipy_calls_it() -> None:
    bounds, got = [(0, 1), (0, 1)], {}

    def method(fun: Any, x0: Any, args: Any = (), **rest: Any) -> Any:
        got.update(rest)
        return scipy.optimize.OptimizeResult(x=x0, fun=fun(x0, *args))

    r = steepest.minimize(rosen, [1.0, 1.0], method=method, bounds=bounds, options={"stepsize": 0.1})
    assert r.fun == 0.0
    assert got["bounds"] is bounds
    assert got["stepsize"] == 0.1
    # what SciPy has not would be dropped without a word
    with pytest.raises(InputError, match="method is run by SciPy, which has no penalty"):
        steepest.minimize(rosen, [1.0, 1.0], method=method, penalty="l1")


@pytest.mark.parametrize("method", DESCENTS)
def test_every_option_of_scipys_is_understood(method: str) -> None:
    """By SciPy's own list: what has no effect is a finding, what is unknown would be an error."""
    listed = scipy.optimize.show_options("minimize", method, disp=False).split("Returns\n")[0]
    signature = {
        line.split(":")[0].strip()
        for line in listed.splitlines()
        if line and not line[0].isspace() and " : " in line
    }
    numbers = {"finite_diff_rel_step": 1e-8, "eps": 1e-8, "maxiter": 500, "maxfun": 5000, "gtol": 1e-6}
    numbers |= {"ftol": 1e-9, "workers": None, "disp": False, "verbose": 0, "maxcor": 10}
    for name in signature - {"ftol, gtol", "callback"}:
        r = steepest.minimize(rosen, START[:2], method=method, options={name: numbers.get(name, 1.0)})
        assert r.fun < 1e-3, name


@pytest.mark.parametrize("method", [None, "SLSQP", "trust-constr", "augmented_lagrangian"])
def test_criteria_of_constrained_methods_are_the_tolerance(method: str | None) -> None:
    ring = NonlinearConstraint(lambda x: x @ x, 1.0, 1.0)
    rough, fine = (
        steepest.minimize(rosen, [0.5, 0.5], method=method, constraints=ring, options={"ftol": ftol})
        for ftol in (1e-2, 1e-9)
    )
    assert fine.success
    assert fine.maxcv < 1e-8
    assert rough.maxcv > 1e-8 if method == "augmented_lagrangian" else rough.nfev < fine.nfev


@pytest.mark.parametrize("hess", ["2-point", "3-point", "cs", BFGS(), SR1()])
def test_estimates_of_the_hessian_are_left_to_the_method(hess: Any) -> None:
    r = steepest.minimize(rosen, START, method="trust-constr", jac=rosen_der, hess=hess)
    assert_allclose(r.x, 1.0, atol=1e-4)


def test_all_vectors() -> None:
    r = steepest.minimize(rosen, START, method="BFGS", jac=rosen_der, options={"return_all": True})
    assert len(r.allvecs) == r.nit + 1
    assert (r.allvecs[0] == START).all()
    assert "allvecs" not in steepest.minimize(rosen, START)


def test_a_callback_of_two_arguments() -> None:
    seen = []
    steepest.minimize(rosen, START, callback=lambda x, state: seen.append((x.copy(), state)))
    assert all((x == state.x).all() and state.nit == i + 1 for i, (x, state) in enumerate(seen))
    assert len(seen) > 3


def test_nothing_is_asked_outside_the_bounds() -> None:
    """Neither of the function nor of the constraints: both may have no value there."""
    low, high = np.array([-np.inf, 2.0, 0.0]), np.array([0.8, 2.0, 1.0])

    def inside(x: Any) -> None:
        assert (x >= low).all()
        assert (x <= high).all()

    def fun(x: Any) -> float:
        inside(x)
        return float(rosen(x))

    def constraint(x: Any) -> Any:
        inside(x)
        return x[0:1] + x[2:3]

    r = steepest.minimize(
        fun, [5.0, -3.0, 0.5], bounds=Bounds(low, high), constraints=NonlinearConstraint(constraint, 0.0, 1.0)
    )
    assert r.x[1] == 2.0
    moved = next(f for f in r.findings if f.kind == "start_outside_bounds")
    assert "entry 0 from 5 to 0.8, and 1 more" in moved.sentence
    # nobody has moved what is fixed
    assert np.isnan(r.jac[1])
    assert np.isfinite(r.jac[[0, 2]]).all()


def test_overflow_far_off_is_no_lower_value() -> None:
    """ln Σ exp is −∞ where all underflow; along a flat direction that is all there is to see."""
    f = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 0, 0]])
    k = np.array([1.0, 0.3, 0.5])

    def fun(x: Any) -> float:
        with np.errstate(divide="ignore", over="ignore"):
            return float(np.log(np.exp(f @ x).sum()) - k @ x)

    r = steepest.minimize(fun, np.zeros(3), jac=lambda x: f.T @ (e := np.exp(f @ x)) / e.sum() - k)
    assert r.success, r
    assert_allclose(r.x, [0.0, -0.524869316, 0.487525860], atol=1e-4)


def test_complex_steps_of_what_casts_to_real_are_found_out() -> None:
    t = np.linspace(0, 1, 11)
    y = 2 * np.exp(-2 * t)
    popt, _ = steepest.curve_fit(lambda t, a, b: a * np.exp(-b * t), t, y, jac="cs")
    assert_allclose(popt, 2.0, rtol=1e-7)
    with pytest.raises(InputError, match="analytic"), pytest.warns(np.exceptions.ComplexWarning):
        steepest.least_squares(lambda p: (p[0] * np.exp(-p[1] * t) - y).astype(float), [1.0, 1.0], jac="cs")


def test_residuals_in_single_precision() -> None:
    t = np.linspace(0, 1, 100, dtype=np.float32)
    y = np.random.default_rng(1978).random(100, dtype=np.float32)
    r = steepest.least_squares(lambda p: (p[0] + p[1] * t).astype(np.float32) - y, [-1.0, -1.0])
    assert_allclose(r.x, np.polyfit(t, y, 1)[::-1], atol=9e-5)


@pytest.mark.parametrize("method", ["Nelder-Mead", "Powell", "COBYLA", "COBYQA"])
@pytest.mark.parametrize("named", [False, True])
def test_a_callback_that_returns_true_stops_scipys_methods_too(method: str, named: bool) -> None:
    seen = []

    def of_point(x: Any) -> bool:
        seen.append(x)
        return True

    def of_result(intermediate_result: Any) -> bool:
        seen.append(intermediate_result.x)
        return True

    callback = of_result if named else of_point
    r = steepest.minimize(rosen, np.array([-1.2, 1.0]), method=method, callback=callback)
    assert (len(seen), r.success, r.outcome) == (1, False, "stopped")
    with pytest.raises(InputError, match="callback must be a function"):
        steepest.minimize(rosen, [-1.2, 1.0], method=method, callback=3)


def test_what_scipys_methods_for_constraints_say() -> None:
    fun, jac = (lambda x: ((x - 2) ** 2).sum()), (lambda x: 2 * (x - 2))
    parts = [
        {"type": "ineq", "fun": lambda x: 2 - x[0] - x[1]},
        {"type": "eq", "fun": lambda x: x[2] - 0.5},
        {"type": "ineq", "fun": lambda x: 9 - x[:2]},
    ]
    ours, theirs = (
        m(fun, np.zeros(3), jac=jac, method="SLSQP", constraints=parts)
        for m in (steepest.minimize, scipy.optimize.minimize)
    )
    assert_allclose(ours.multipliers, theirs.multipliers, atol=1e-5)
    assert_allclose(ours.multipliers, [-3, 2, 0, 0], atol=1e-5)
    assert set(theirs) <= set(ours)
    limits = [
        NonlinearConstraint(lambda x: x[0] + x[1], -np.inf, 2),
        NonlinearConstraint(lambda x: x[1:] - 0.5, 0, [0.75, 0]),
    ]
    ours = steepest.minimize(
        fun, np.zeros(3), jac=jac, method="trust-constr", constraints=limits, bounds=[(None, 0.75)] * 3
    )
    # The third is held at 0.5 by a constraint, the first two at 0.75 by bounds.
    for got, right in zip(ours.constr, ([1.5], [0.25, 0], [0.75, 0.75, 0.5]), strict=True):
        assert_allclose(got, right, atol=1e-6)
    for got, right in zip(ours.v, ([0], [0, 3], [2.5, 2.5, 0]), strict=True):
        assert_allclose(got, right, atol=1e-5)
    assert abs(ours.lagrangian_grad).max() < 1e-6
    assert ours.execution_time == ours.seconds


@pytest.mark.parametrize("method", ["BFGS", "CG", "dogleg", "trust-exact", "newton", "bfgs"])
def test_bounds_are_refused_in_their_own_words(method: str) -> None:
    with pytest.raises(InputError, match=f"^{method} takes no bounds: .* lbfgs"):
        steepest.minimize(rosen, [0.5, 0.5], method=method, jac=rosen_der, bounds=[(0, 0.8)] * 2)
    free = steepest.minimize(rosen, [0.5, 0.5], method=method, jac=rosen_der, bounds=[(None, None)] * 2)
    assert free.success


def test_least_squares_tells_pairs_from_scipys_bounds() -> None:
    for call in (
        lambda: steepest.least_squares(lambda x: x - 2, [0.5] * 3, bounds=[(0, 1)] * 3),
        lambda: steepest.curve_fit(
            lambda t, a, b, c: a + b * t + c * t**2, range(5), range(5), bounds=[(0, 1)] * 3
        ),
    ):
        with pytest.raises(InputError, match=r"all lower and all upper ones.*tuple"):
            call()
    with pytest.raises(InputError, match="no pairs"):
        steepest.least_squares(lambda x: x - 2, [0.5] * 2, bounds=[(0, 1)] * 2)
