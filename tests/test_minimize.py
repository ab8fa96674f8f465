"""`minimize`: every method on the standard problems, SciPy's arguments, and parity with SciPy."""

import gc
import sys
import threading

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import steepest
from steepest import methods, problems, rules
from steepest.errors import InputError
from steepest.result import FIELDS, Result

METHODS = ["gradient_descent", "lbfgs", "newton"]
SMOOTH = [
    n for n in problems.names() if problems.get(n).minimum is not None and n not in ("absolute", "ackley")
]


def rosen(x):
    return scipy.optimize.rosen(x)


def rosen_grad(x):
    return scipy.optimize.rosen_der(x)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SMOOTH)
def test_every_method_ends_at_a_stationary_point_of_every_smooth_problem(name, method):
    problem = getattr(problems, name)
    r = steepest.minimize(problem, problem.x0, method=method)
    assert r.success, r.message
    assert r.outcome in ("converged", "precision_limit")
    assert np.abs(problem.grad(r.x)).max() <= 1e-5 * max(1, np.abs(problem.grad(problem.x0)).max())
    assert r.fun == problem(r.x) <= problem(problem.x0)
    assert r.fun >= problem.minimum - 1e-8
    assert r.certificate["kind"] == "stationary"
    assert r.fun <= r.history["loss"].min() + 1e-12 * (1 + abs(r.fun))
    assert_allclose(r.jac, problem.grad(r.x), atol=1e-9)


@pytest.mark.parametrize(
    "name", ["sphere", "quadratic", "rosenbrock", "beale", "booth", "matyas", "logistic", "powell"]
)
def test_the_least_value_is_found_where_there_is_one_valley(name):
    problem = getattr(problems, name)
    r = steepest.minimize(problem, problem.x0)
    assert abs(r.fun - problem.minimum) < 1e-8


@pytest.mark.parametrize("jac", [rosen_grad, None, "2-point", "3-point", "cs"])
def test_gradients_given_or_differenced(jac):
    r = steepest.minimize(rosen, [-1.2, 1.0, 0.5], jac=jac)
    assert r.success, r.message
    assert_allclose(r.x, 1.0, atol=2e-4)
    if jac is rosen_grad:
        assert r.njev <= r.nfev
    else:
        assert r.nfev > 3 * r.njev


def test_value_and_gradient_in_a_pair():
    r = steepest.minimize(lambda x: (rosen(x), rosen_grad(x)), [-1.2, 1.0], jac=True)
    apart = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad)
    assert r.success
    assert_allclose(r.x, apart.x, atol=1e-9)


def test_counts_are_those_of_the_calls():
    calls = {"fun": 0, "jac": 0}

    def fun(x):
        calls["fun"] += 1
        return rosen(x)

    def jac(x):
        calls["jac"] += 1
        return rosen_grad(x)

    r = steepest.minimize(fun, [-1.2, 1.0], jac=jac)
    assert (r.nfev, r.njev) == (calls["fun"], calls["jac"])
    calls["fun"] = 0
    r = steepest.minimize(fun, [-1.2, 1.0], jac="3-point")
    assert r.nfev == calls["fun"]


def test_arguments_are_passed_on():
    def fun(x, a, b):
        return ((x - a) ** 2).sum() + b

    r = steepest.minimize(fun, [0.0, 0.0], args=(3.0, 7.0), jac=lambda x, a, b: 2 * (x - a))
    assert_allclose(r.x, 3.0)
    assert r.fun == pytest.approx(7.0)
    assert_allclose(steepest.minimize(lambda x, a: (x[0] - a) ** 2, [0.0], args=2.0).x, 2.0, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 2)])
def test_x_keeps_its_shape(shape):
    seen = set()

    def fun(x):
        seen.add(x.shape)
        return float(((x - 1) ** 2).sum())

    r = steepest.minimize(fun, np.zeros(shape, dtype=int), jac=lambda x: 2 * (x - 1), path=True)
    shape = shape or (1,)  # a number, as in SciPy
    assert seen == {shape}
    assert r.x.shape == r.jac.shape == shape
    assert_allclose(r.x, 1.0)
    assert r.path.shape == (len(r.path), max(1, int(np.prod(shape))))


def test_x0_is_never_changed_and_kept_points_stay_what_they_were():
    x0 = np.array([-1.2, 1.0])
    kept = []

    def fun(x):
        kept.append((x, x.copy()))
        return rosen(x)

    steepest.minimize(fun, x0, jac=rosen_grad)
    assert_array_equal(x0, [-1.2, 1.0])
    assert all((a == b).all() for a, b in kept)
    views = []
    steepest.minimize(lambda x: (views.append((x[:1], x[0])), rosen(x))[1], x0, jac=rosen_grad)
    assert all(v[0] == value for v, value in views)


def test_every_field_is_there_and_history_is_whole():
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad)
    assert isinstance(r, Result)
    assert set(FIELDS) <= set(r)
    h = r.history
    assert len({len(c) for c in h.values()}) == 1
    assert h["iteration"][0] == 0
    assert h["iteration"][-1] == r.nit
    assert (np.diff(h["loss"]) <= 1e-12).all()
    assert (np.diff(h["seconds"]) >= 0).all()
    assert h["loss"][-1] == r.fun


# Bounds


def test_bounds_like_scipys():
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, bounds=[(-2, 0.5), (None, 2)])
    s = scipy.optimize.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, bounds=[(-2, 0.5), (None, 2)])
    assert r.success
    assert_allclose(r.x, s.x, atol=1e-5)
    assert r.x[0] == 0.5
    same = steepest.minimize(
        rosen, [-1.2, 1.0], jac=rosen_grad, bounds=scipy.optimize.Bounds([-2, -np.inf], [0.5, 2])
    )
    assert_array_equal(same.x, r.x)


def test_points_outside_bounds_are_never_asked_for():
    low, high = np.array([0.1, 0.0, -1.0]), np.array([0.7, 0.2, 3.0])

    def fun(x):
        assert (x >= low).all()
        assert (x <= high).all()
        return rosen(x)

    for jac in (rosen_grad, "2-point", "3-point"):
        r = steepest.minimize(fun, [5.0, -5.0, 0.0], jac=jac, bounds=list(zip(low, high, strict=True)))
        assert r.success


def test_all_fixed():
    r = steepest.minimize(rosen, [0.0, 0.0], jac=rosen_grad, bounds=[(0.3, 0.3), (0.4, 0.4)])
    assert r.success
    assert r.nit == 0
    assert_array_equal(r.x, [0.3, 0.4])


def test_many_bounds_of_which_some_hold():
    n = 60
    scale, at = np.logspace(0, 3, n), np.linspace(-2, 2, n)
    fun = lambda x: (0.5 * (scale * (x - at) ** 2).sum(), scale * (x - at))  # noqa: E731
    r = steepest.minimize(fun, np.zeros(n), jac=True, bounds=[(-1, 1)] * n)
    assert r.success
    assert_allclose(r.x, np.clip(at, -1, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ([(0, 1), (2, 1)], r"low <= high; got \(2.0, 1.0\) for x\[1\]"),
        ([(0, 1)], "a pair for each of the 2 variables; got 1"),
        ([(0, np.nan), (0, 1)], "must not be NaN"),
        ([1, 2], "must be pairs"),
    ],
)
def test_bad_bounds_are_refused(bounds, words):
    with pytest.raises(InputError, match=words):
        steepest.minimize(rosen, [0.0, 0.0], bounds=bounds)


# Methods and options


def test_the_choice_is_told():
    assert steepest.minimize(rosen, [0.0, 0.0], jac=rosen_grad).method == "lbfgs"
    r = steepest.minimize(rosen, [0.0, 0.0], jac=rosen_grad, hess=scipy.optimize.rosen_hess)
    assert r.method == "newton"
    assert "Hessian" in r.reason
    assert r.nhev > 0
    assert r.success


def test_newton_with_products_and_with_nothing():
    r = steepest.minimize(
        rosen, [-1.2, 1.0, 1.0], jac=rosen_grad, hessp=scipy.optimize.rosen_hess_prod, method="newton"
    )
    assert r.success
    assert r.nhev > 0
    r = steepest.minimize(rosen, [-1.2, 1.0, 1.0], jac=rosen_grad, method="newton")
    assert r.success
    assert_allclose(r.x, 1.0, atol=1e-6)


def test_scipys_spelling_is_understood():
    r = steepest.minimize(rosen, [0.0, 0.0], jac=rosen_grad, method="L-BFGS-B", options={"maxcor": 5})
    assert r.method == "lbfgs"
    assert "L-BFGS-B" in r.reason
    assert r.success


@pytest.mark.parametrize("method", [methods.Lbfgs(memory=5), rules.Adam(), "momentum", "nesterov"])
def test_instances_and_rules(method):
    r = steepest.minimize(problems.booth, [-5.0, 5.0], method=method)
    assert r.success, r.message
    assert_allclose(r.x, [1, 3], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "lbgfs"}, "no method is called 'lbgfs'; did you mean 'lbfgs'"),
        ({"method": "SLSPQ"}, "no method is called 'SLSPQ'; did you mean 'SLSQP'"),
        ({"method": 3}, "method must be a name"),
        ({"options": {"maxitr": 3}}, "no option is called 'maxitr'; did you mean 'maxiter'"),
        ({"options": {"memory": 0}}, "memory must be between 1"),
        ({"options": {"maxiter": -1}}, "maxiter must be at least 0; got -1"),
        ({"options": {"maxiter": "many"}}, "maxiter must be a number"),
        ({"method": "newton", "options": {"memory": 3}}, "no option is called 'memory'"),
        ({"method": "newton", "bounds": [(0, 1), (0, 1)]}, "newton takes no bounds"),
        ({"tol": -1}, "tol must be at least 0"),
        ({"jac": 3}, "jac must be a function"),
        ({"hess": 3}, "hess must be a function"),
        ({"callback": 3}, "callback must be a function"),
        ({"starts": 0}, "starts must be at least 1"),
        ({"starts": [[1.0]]}, "must have 2 entries"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(arguments, words):
    with pytest.raises(InputError, match=words):
        steepest.minimize(rosen, [0.0, 0.0], **arguments)


@pytest.mark.parametrize(
    ("x0", "words"),
    [
        ([1 + 2j], "must be real"),
        ([], "at least one entry"),
        ([np.nan], "must be finite; got nan at entry 0"),
        (["a"], "must be numbers"),
        ([[1], [1, 2]], "must be numbers"),
        ([None], "must be"),
    ],
)
def test_bad_starts_are_refused(x0, words):
    with pytest.raises(InputError, match=words):
        steepest.minimize(lambda x: 0.0, x0)


def test_fun_must_be_a_function_and_return_a_number():
    with pytest.raises(InputError, match="must be a function"):
        steepest.minimize(3, [0.0])
    for wrong in (None, "a", [1.0, 2.0], np.zeros(2)):
        with pytest.raises(TypeError, match="one real number"):
            steepest.minimize(lambda x, wrong=wrong: wrong, [0.0])
    with pytest.raises(TypeError, match="value, gradient"):
        steepest.minimize(lambda x: 1.0, [0.0], jac=True)
    with pytest.raises(ValueError, match=r"must have the shape \(1,\); got \(2,\)"):
        steepest.minimize(lambda x: 1.0, [0.0], jac=lambda x: np.zeros(2))
    r = steepest.minimize(lambda x: np.float32(x[0] ** 2), [1.0], jac=lambda x: [2 * x[0]])
    assert r.success


def test_what_goes_on_and_on_is_given_up_unasked():
    # it falls for ever, but by ever less: no bound is ever in sight
    def creep(x):
        return float(-np.log1p((x / 1e-6) ** 2).sum())

    r = steepest.minimize(creep, np.linspace(1e-6, 2e-6, 8), method="gradient_descent")
    assert r.outcome == "budget"
    assert "max_evaluations" in r.message
    assert 100_000 <= r.nfev < 100_100
    d = steepest.descend(
        creep, np.linspace(1e-6, 2e-6, 8), method="gradient_descent", options={"maxfun": 500}
    )
    for _ in d:
        pass
    assert 500 <= d.result().nfev < 600


def test_budgets():
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, options={"maxiter": 5})
    assert (r.outcome, r.status, r.success, r.nit) == ("budget", 1, False, 5)
    assert "maxiter" in r.message or "iterations" in r.message
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, options={"maxfun": 10})
    assert r.outcome == "budget"
    assert r.nfev <= 10
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, options={"maxiter": 0})
    assert_array_equal(r.x, [-1.2, 1.0])


def test_scipys_gtol_and_ftol():
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, options={"gtol": 1e-2})
    assert r.success
    assert 1e-6 < np.abs(r.jac).max() <= 1e-2
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, options={"ftol": 1e-1})
    assert r.success
    assert r.fun > 1e-12


def test_a_tighter_tolerance_goes_on_longer():
    loose = steepest.minimize(problems.powell, problems.powell.x0, tol=1e-2)
    tight = steepest.minimize(problems.powell, problems.powell.x0, tol=1e-10)
    assert loose.nit < tight.nit
    assert loose.fun >= tight.fun


# Watching


def test_callbacks_like_scipys():
    points, results = [], []
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, callback=points.append)
    assert len(points) == r.nit
    assert_array_equal(points[-1], r.x)

    def named(intermediate_result):
        results.append(intermediate_result)

    steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, callback=named)
    assert results[3].fun == rosen(results[3].x)
    assert results[3].nit == 4


@pytest.mark.parametrize("how", ["true", "stop"])
def test_callbacks_stop(how):
    def callback(x):
        if how == "stop":
            raise StopIteration
        return True

    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, callback=callback)
    assert (r.outcome, r.status, r.nit, r.success) == ("stopped", 99, 1, False)


@pytest.mark.parametrize(
    "answer", [1, "yes", [1], np.array([True]), object()], ids=lambda a: type(a).__name__
)
def test_only_true_itself_stops(answer):
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, callback=lambda x: answer)
    assert r.success
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, callback=lambda x: np.bool_(True))
    assert r.outcome == "stopped"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x0": None}, "x0 must say where to begin"),
        ({"starts": 2.5}, "starts must be a whole number, or an array of points; got 2.5"),
        ({"starts": [[np.nan, 1.0]]}, "each of starts must be finite; got nan at entry 0"),
        ({"x0": {"a": [0.0, 0.0]}, "starts": [{"b": 1.0}]}, "each of starts must have the parts of x0"),
        ({"method": "adam", "options": {"rate": [("constant", 10**30)]}}, "steps of a piece of rate must be"),
    ],
)
def test_starts_and_pieces_that_cannot_be_are_refused_by_name(arguments, words):
    with pytest.raises(InputError, match=words):
        steepest.minimize(**({"fun": rosen, "x0": [0.0, 0.0]} | arguments))


def test_watch_is_called_and_can_stop():
    seen = []
    r = steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_grad, watch=lambda p: seen.append(p.loss) or True)
    assert r.outcome == "stopped"
    assert len(seen) == 1


class Mine(Exception):
    pass


@pytest.mark.parametrize("where", ["fun", "jac", "callback", "hess", "watch"])
def test_exceptions_come_out_as_themselves(where):
    def fails(*_):
        raise Mine("words")

    arguments = {"fun": rosen, "jac": rosen_grad, "hess": scipy.optimize.rosen_hess} | {where: fails}
    with pytest.raises(Mine, match="words") as caught:
        steepest.minimize(x0=[0.0, 0.0], **arguments)
    assert any(frame.name == "fails" for frame in caught.traceback)


def test_inside_itself_and_on_many_threads():
    def outer(x):
        inner = steepest.minimize(lambda y: ((y - x[0]) ** 2).sum(), [0.0], jac=lambda y: 2 * (y - x[0]))
        return (inner.x[0] - 2) ** 2

    assert_allclose(steepest.minimize(outer, [0.0]).x, 2.0, atol=1e-5)
    found = [None] * 8

    def run(k):
        found[k] = steepest.minimize(rosen, [-1.2, 1.0 + k], jac=rosen_grad).x

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert all(np.abs(x - 1).max() < 1e-6 for x in found)


def test_the_same_bits_each_time():
    a, b = (steepest.minimize(rosen, np.tile([-1.2, 1.0], 150), jac=rosen_grad) for _ in range(2))
    assert a.x.tobytes() == b.x.tobytes()
    assert a.nfev == b.nfev


# Several starts


def test_the_best_of_several_starts():
    f = problems.rastrigin
    r = steepest.minimize(f, [2.2, -1.3], jac=f.grad, bounds=f.bounds, starts=40)
    assert r.fun < 1.1
    assert r.spread["starts"] == 40
    again = steepest.minimize(f, [2.2, -1.3], jac=f.grad, bounds=f.bounds, starts=40)
    assert again.x.tobytes() == r.x.tobytes()
    r = steepest.minimize(f, [2.2, -1.3], starts=[[0.1, 0.1], [3.0, 3.0]])
    assert r.fun < 1e-8
    assert r.spread["reached_the_best"] == 1


# Sizes, and parity


def test_one_variable_and_a_hundred_thousand():
    assert_allclose(steepest.minimize(lambda x: (x[0] - 4) ** 4, [0.0]).x, 4.0, atol=0.05)
    n = 100_000
    scale = np.linspace(1, 50, n)
    r = steepest.minimize(lambda x: (0.5 * (scale * x * x).sum(), scale * x), np.ones(n), jac=True)
    assert r.success
    assert np.abs(r.x).max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 5), st.sampled_from(METHODS))
def test_convex_quadratics_end_at_the_solution_of_the_system(n, seed, decades, method):
    random = np.random.default_rng(seed)
    q, _ = np.linalg.qr(random.standard_normal((n, n)))
    a = (q * np.logspace(0, decades if method != "gradient_descent" else min(decades, 2), n)) @ q.T
    a = (a + a.T) / 2
    b = random.standard_normal(n)
    r = steepest.minimize(
        lambda x: (0.5 * x @ a @ x - b @ x, a @ x - b), random.standard_normal(n), jac=True, method=method
    )
    assert r.success, r.message
    x = np.linalg.solve(a, b)
    gap = 0.5 * (r.x - x) @ a @ (r.x - x)
    assert gap <= 1e-6 * max(abs(r.fun), 1e-6)


@pytest.mark.parametrize("n", [2, 10, 50])
def test_as_low_as_scipy(n):
    x0 = np.tile([-1.2, 1.0], n // 2)
    ours = steepest.minimize(rosen, x0, jac=rosen_grad)
    theirs = scipy.optimize.minimize(rosen, x0, jac=rosen_grad, method="L-BFGS-B")
    assert ours.fun <= theirs.fun + 1e-9


def test_a_matrix_for_which_there_is_no_room_is_refused_before_it_is_made():
    # 8 PiB: more than any address space holds.
    with pytest.raises(ValueError, match=r"newton needs 20000000 x 20000000 matrices of .* GiB.* use lbfgs"):
        steepest.minimize(
            lambda x: float(x[0] ** 2), np.ones(20_000_000), jac=lambda x: 2.0 * x, method="newton"
        )


def test_a_masked_start_is_refused():
    with pytest.raises(ValueError, match="x0 must not be masked"):
        steepest.minimize(lambda x: float(x @ x), np.ma.array([1.0, 2.0], mask=[False, True]))


def test_a_call_does_little_beside_its_iterations():
    """Functions of the interpreter that one short run enters: a small problem is done before the rest is."""
    entered = 0

    def count(frame, event, _):
        nonlocal entered
        entered += event == "call"

    def run():
        return steepest.minimize(
            lambda x: (x @ x, 2 * x), np.ones(3), jac=True, method="lbfgs", options={"maxiter": 1}
        )

    run()
    # What listens to collections of garbage is not the call's; who profiles the tests goes on after it.
    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    assert entered < 100, entered
