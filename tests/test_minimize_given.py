"""What `minimize` is given beside the function, as SciPy has it; and what is refused, by its name."""

import decimal
import json
import pickle
import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import aslinearoperator

import steepest
from steepest.errors import InputError, NotConverged

rosen, rosen_der, rosen_hess = scipy.optimize.rosen, scipy.optimize.rosen_der, scipy.optimize.rosen_hess


def square(x):
    return float(((np.asarray(x) - 3) ** 2).sum())


def slope(x):
    return 2 * (x - 3)


def kinds(result):
    return [f.kind for f in result.findings]


# Where it begins


def test_a_number_is_an_array_of_one_entry():
    seen = set()
    r = steepest.minimize(lambda x: (seen.add(x.shape), square(x))[1], 3.5)
    assert seen == {(1,)}
    assert r.x.shape == (1,)
    assert scipy.optimize.minimize(square, 3.5).x.shape == (1,)


@pytest.mark.parametrize("kind", [complex, np.complex128, np.complex64, lambda f: np.array([f + 0j])])
def test_a_complex_number_that_is_real_is_one(kind):
    result = steepest.minimize(lambda x: kind(((x - 2.0) ** 2).sum()), [1.0, 0.0], tol=1e-4)
    assert result.x == pytest.approx([2.0, 2.0], abs=1e-2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x0": None}, "x0 must say where to begin"),
        ({"starts": 2.5}, "starts must be a whole number"),
        ({"starts": True}, "starts must be a whole number"),
        ({"starts": 3, "seed": 1.5}, "seed must be a whole number"),
        ({"bounds": 3.0}, "bounds must be pairs"),
        ({"bounds": [(0, np.ma.masked), (0, 1)]}, r"bounds must be pairs .* for x\[0\]"),
        ({"path": "yes"}, "path must be True or False"),
        ({"x0": 10**400}, "x0 must be numbers"),
        ({"starts": 10**30}, "starts must be at least 1 and at most 1000000"),
        ({"options": 3}, "options must be a dict"),
        ({"options": {"maxiter": 1.5}}, "maxiter must be a whole number; got 1.5"),
        ({"options": {"nonsense": 1}}, "no option is called 'nonsense'; available: maxiter"),
        ({"method": "Nelder-Mead", "path": True}, "Nelder-Mead is run by SciPy, which has no path"),
        ({"method": "powell", "x0": {"a": 1.0}}, "Powell is run by SciPy, which wants x0 as one array"),
        ({"options": {"eps": [1e-3, 1e-3, 1e-3]}}, "one for each of the 2 variables; got 3"),
        ({"options": {"eps": 0.0}}, "eps must be a number above 0"),
    ],
)
def test_plain_messages(arguments, words):
    with pytest.raises(InputError, match=words) as caught:
        steepest.minimize(square, **({"x0": [0.0, 0.0]} | arguments))
    assert len(str(caught.value)) < 300


def test_a_problem_by_its_name_and_near_names():
    assert steepest.minimize("rosenbrock", method="newton").fun < 1e-10
    for ask in (
        lambda: steepest.minimize("rosenbrok"),
        lambda: steepest.descend("rosenbrok"),
        lambda: steepest.compare("rosenbrok", ["lbfgs"]),
    ):
        with pytest.raises(InputError, match="did you mean 'rosenbrock'"):
            ask()


@pytest.mark.parametrize(
    "value",
    [np.nan, decimal.Decimal("NaN"), 1 + 2j, np.ma.masked, np.array([1.0, 2.0]), "much", b"1", [], 10**400],
)
@pytest.mark.parametrize("name", ["tol", "gtol", "maxiter", "max_seconds", "memory", "eps"])
def test_settings_that_are_no_numbers_are_refused_by_name(name, value):
    if name == "eps" and isinstance(value, np.ndarray):
        value = np.array([1.0, np.nan])
    arguments = {"tol": value} if name == "tol" else {"options": {name: value}}
    with pytest.raises(InputError, match=rf"{name}(\[1\])? must be"):
        steepest.minimize(square, [0.0, 0.0], **arguments)


@pytest.mark.parametrize("value", [np.nan, 1 + 2j, np.ma.masked, "much", None, [], 10**400, object()])
def test_settings_of_rules_methods_and_rates_are_refused_by_name(value):
    for make in (
        lambda: steepest.rules.Adam(epsilon=value),
        lambda: steepest.methods.Lbfgs(memory=value),
        lambda: steepest.rates.Cosine(end=value),
        lambda: setattr(steepest.descend(square, [0.0], rate=0.1), "rate", value),
        lambda: steepest.descend(square, [0.0]).go_on(maxiter=value if value is not None else "none"),
    ):
        with pytest.raises(InputError, match=r"(epsilon|memory|end|rate|maxiter) must be a number; got"):
            make()


@pytest.mark.parametrize("value", [decimal.Decimal("1e-3"), np.float32(1e-3), np.array(1e-3), 1e-3])
def test_settings_that_are_numbers_of_any_kind(value):
    assert steepest.minimize(square, [0.0, 0.0], options={"gtol": value}, tol=value).success


# Options of SciPy's


def test_options_without_effect_are_said():
    r = steepest.minimize(
        rosen, [-1.2, 1.0], jac=rosen_der, options={"maxls": 20, "iprint": -1, "maxcor": 10, "ftol": 1e-12}
    )
    assert r.success
    assert kinds(r) == ["option_without_effect"] * 2
    assert "maxls has no effect" in r.findings[0].sentence


def test_steps_of_differences_as_scipy_has_them():
    seen = []

    def fun(x):
        seen.append(x.copy())
        return square(x)

    x0 = np.array([100.0, 0.5])
    for options, steps in (
        ({"eps": 1e-3}, [1e-3, 1e-3]),
        ({"eps": [1e-3, 1e-2]}, [1e-3, 1e-2]),
        ({"finite_diff_rel_step": 1e-3}, [0.1, 1e-3]),
        ({"finite_diff_rel_step": np.array([1e-3, 1e-2])}, [0.1, 1e-2]),
    ):
        seen.clear()
        steepest.minimize(fun, x0, jac="2-point", options=options | {"maxiter": 0})
        moved = np.array(seen) - x0
        for j in range(2):
            alone = moved[(moved[:, 1 - j] == 0) & (moved[:, j] != 0)][:, j]
            assert_allclose(alone.max(), steps[j], rtol=1e-9)


def test_attributes_that_are_no_functions_are_something_else():
    class Model:
        grad = np.zeros(2)
        hess = "none"

        def __call__(self, x):
            return square(x)

    r = steepest.minimize(Model(), [0.0, 0.0])
    assert r.success
    assert_allclose(r.x, 3, atol=1e-5)


# What functions return


@pytest.mark.parametrize(
    "kind", [list, tuple, lambda pair: (*pair, "more"), lambda pair: [*pair, {"loss": 1}]]
)
def test_value_and_gradient_in_any_sequence(kind):
    r = steepest.minimize(lambda x: kind((square(x), slope(x))), [0.0, 1.0], jac=True)
    assert r.success
    assert_allclose(r.x, 3)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 2), (3,), ()])
def test_a_gradient_of_another_shape_is_refused_by_name(shape):
    calls = []
    with pytest.raises(InputError, match=r"the gradient \(jac\) must have the shape \(2, 3\)"):
        steepest.minimize(
            lambda x: square(calls.append(1) or x), np.zeros((2, 3)), jac=lambda x: np.zeros(shape)
        )
    assert len(calls) < 3


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 6), (2, 1, 3)])
def test_a_gradient_flat_or_in_the_shape_of_x(shape):
    r = steepest.minimize(square, np.zeros((2, 3)), jac=lambda x: slope(x).reshape(shape))
    assert_allclose(r.x, np.full((2, 3), 3.0))


@pytest.mark.parametrize("gradient", [None, 1j * np.ones(2), np.ma.array([1.0, 2.0], mask=[0, 1])])
def test_gradients_that_are_no_real_numbers(gradient):
    with pytest.raises(InputError, match=r"the gradient \(jac\) must"):
        steepest.minimize(square, [0.0, 0.0], jac=lambda x: gradient)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.coo_matrix, aslinearoperator, list])
def test_hessians_sparse_and_as_operators(kind):
    r = steepest.minimize(
        rosen, [-1.2, 1.0, 0.3], jac=rosen_der, hess=lambda x: kind(rosen_hess(x)), method="newton"
    )
    assert r.success
    assert_allclose(r.x, 1, atol=1e-5)
    with pytest.raises(InputError, match=r"the Hessian \(hess\) must have the shape \(3, 3\); got \(3,\)"):
        steepest.minimize(rosen, [-1.2, 1.0, 0.3], jac=rosen_der, hess=rosen_der, method="newton")


@pytest.mark.parametrize("what", ["shape", "resize", "dtype", "flags", "values"])
def test_what_is_done_to_x_inside_fun_stays_there(what):
    shapes = []

    def fun(x):
        value = square(x)
        if what == "shape":
            x.shape = (2, 2)
        elif what == "resize":
            x.resize(7, refcheck=False)
        elif what == "dtype":
            x.dtype = np.int64
        elif what == "flags":
            x.flags.writeable = False
        else:
            x[:] = np.nan
        return value

    def jac(x):
        shapes.append((x.shape, x.dtype, x.flags.writeable))
        return slope(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        r = steepest.minimize(fun, np.zeros(4), jac=jac)
    assert_allclose(r.x, 3)
    assert set(shapes) == {((4,), np.dtype(float), True)}


# Who looks on


@pytest.mark.parametrize("answer", [1, "stop", [0], 2.5, np.array([True]), object()])
def test_only_true_itself_stops(answer):
    r = steepest.minimize(
        rosen, [-1.2, 1.0], jac=rosen_der, callback=lambda x: answer, watch=lambda p: answer
    )
    assert r.success
    for true in (True, np.True_):
        assert steepest.minimize(rosen, [-1.2, 1.0], jac=rosen_der, callback=lambda x, t=true: t).nit == 1


# What comes back


def test_a_result_is_scipys_too():
    r = steepest.minimize(square, [0.0, 0.0])
    assert isinstance(r, scipy.optimize.OptimizeResult)
    assert isinstance(r, steepest.Result)
    again = pickle.loads(pickle.dumps(r))
    assert type(again) is type(r)
    assert_array_equal(again.x, r.x)
    assert repr(again) == repr(r)
    assert isinstance(r.copy(), scipy.optimize.OptimizeResult)


def test_as_the_finish_of_brute():
    x = scipy.optimize.brute(square, [(0, 5), (0, 5)], Ns=5, finish=steepest.minimize)
    assert_allclose(x, 3, atol=1e-5)


def test_a_warning_that_scikit_learns_filters_catch():
    from sklearn.exceptions import ConvergenceWarning

    assert issubclass(NotConverged, ConvergenceWarning)
    assert pickle.loads(pickle.dumps(NotConverged("words"))).args == ("words",)
    code = (
        "import json, sys, steepest; steepest.minimize;"
        "print(json.dumps([m for m in sys.modules if m in ('sklearn', 'scipy')]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert json.loads(out.stdout) == []


# Step by step


def test_before_the_first_step():
    d = steepest.descend(square, [0.0, 1.0], jac=slope)
    r = d.result()
    assert (r.fun, r.nit, r.success) == (13.0, 0, False)
    assert r.message == "Under way."
    assert_array_equal(r.jac, [-6, -4])
    assert next(d).loss == 13.0
    assert next(d).iteration == 1
    list(d)
    assert d.result().success


def test_going_on_after_a_budget():
    d = steepest.descend(rosen, [-1.2, 1.0], jac=rosen_der, method="lbfgs", options={"maxiter": 5})
    assert len(list(d)) == 6
    assert d.result().outcome == "budget"
    assert len(list(d.go_on())) == 5
    assert len(list(d.go_on(maxiter=3))) == 3
    d = steepest.descend(rosen, [-1.2, 1.0], jac=rosen_der, method="lbfgs", options={"maxfun": 5})
    before = len(list(d))
    assert d.result().outcome == "budget"
    assert len(list(d.go_on())) > 0 < before


@pytest.mark.parametrize("method", [None, "adam", "fista", "gradient_descent", "sgd", "lbfgs", "newton"])
def test_nan_at_the_start_is_named(method):
    r = steepest.minimize(lambda x: np.nan, [1.0], jac=lambda x: x, method=method)
    assert (r.outcome, r.success) == ("not_finite", False)
    assert "start" in r.message


# A matrix


def test_muon_sees_a_matrix():
    start = np.arange(12.0).reshape(4, 3) ** 2 + np.eye(4, 3)
    options = {"rate": 0.1, "maxiter": 1}
    as_matrix = steepest.minimize(square, start, jac=slope, method="muon", options=options)
    as_vector = steepest.minimize(square, start.ravel(), jac=slope, method="muon", options=options)
    step = start - as_matrix.x
    assert not np.allclose(step.ravel(), start.ravel() - as_vector.x)
    singular = np.linalg.svd(step, compute_uv=False)
    assert singular.max() < 2 * singular.min()


# Threads


@pytest.mark.parametrize("how", ["minimize", "descend"])
def test_a_daemon_thread_at_the_interpreters_exit(how):
    code = f"""
import threading, time, numpy as np, steepest
def noisy(x):
    sum(range(300))
    return float(x @ x + np.random.rand())
def go():
    while True:
        if {how!r} == "descend":
            for step in steepest.descend(noisy, [1.0] * 9, rate=1e-9, options={{"maxiter": 10**9}}): pass
        else:
            steepest.minimize(noisy, [1.0] * 9, callback=lambda x: None)
for _ in range(3):
    threading.Thread(target=go, daemon=True).start()
time.sleep(0.3)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=300)
    assert (out.returncode, out.stderr) == (0, b"")


# Pictures and words


def test_bounds_contours_and_a_divergence_are_seen(tmp_path):
    start, inside = [-1.2, 1.0], [(-1.5, 0.8), (-0.5, 2.0)]
    axes = steepest.minimize("rosenbrock", start, bounds=inside, path=True).plot(file=tmp_path / "a.png")
    drawn = [child.get_label() for child in axes[-1].get_children()]
    assert drawn.count("_bound") == 2
    assert len(axes[-1].texts) > 3
    away = steepest.minimize(
        "rosenbrock", start, method="gradient_descent", options={"rate": 0.01}, path=True
    )
    assert away.outcome == "diverged"
    axes = away.plot(file=tmp_path / "b.png")
    assert any(text.get_text().startswith("diverges") for text in axes[-1].texts)


@pytest.mark.parametrize("rate", [5e-3, 1e-3])
def test_oscillation_is_told_from_being_slow(rate):
    r = steepest.minimize("rosenbrock", method="gradient_descent", options={"rate": rate, "maxiter": 1000})
    assert r.outcome == "budget"
    assert ("oscillating" in kinds(r)) == (rate > 2e-3)


def test_plain_gradient_descent_by_its_name():
    x = np.array([3.0, 4.0])
    steps = list(
        steepest.descend(square, x, jac=slope, method="steepest_descent", rate=0.1, options={"maxiter": 3})
    )
    for step in steps:
        np.testing.assert_allclose(step.x, x)
        assert step.rate == 0.1
        x = x - 0.1 * slope(x)
    r = steepest.minimize("rosenbrock", method="steepest_descent", options={"maxiter": 2000})
    other = steepest.minimize("rosenbrock", method="gradient_descent")
    loss = r.history["loss"]
    assert (np.diff(loss) < 0).all()
    assert r.nit > 3 * other.nit


def _raises(x):
    raise RuntimeError("mine")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"fun": lambda x: None}, TypeError, "fun must return one real number; got None"),
        ({"fun": lambda x: x}, TypeError, "fun must return one real number; got array"),
        ({"fun": lambda x: (1.0, x)}, TypeError, r"got \(1.0, .* \(for value and gradient pass jac=True\)"),
        ({"fun": lambda x: 1 + 1j}, TypeError, "fun must return one real number"),
        ({"fun": lambda x: np.complex128(1 + 1j)}, TypeError, "fun must return one real number"),
        ({"fun": lambda x: np.complex64(1 + 1j)}, TypeError, "fun must return one real number"),
        ({"fun": lambda x: np.array([1 + 1j])}, TypeError, "fun must return one real number"),
        ({"fun": lambda x: "1.5"}, TypeError, "fun must return one real number; got '1.5'"),
        ({"fun": _raises}, RuntimeError, "mine"),
        ({"jac": lambda x: None}, InputError, "the gradient .jac. must be real numbers; got None"),
        ({"jac": lambda x: 1.0}, InputError, r"the gradient .jac. must have the shape \(2,\); got \(\)"),
        ({"jac": lambda x: np.ones(3)}, InputError, r"must have the shape \(2,\); got \(3,\)"),
        ({"jac": lambda x: x + 1j}, InputError, "must be real numbers; got array"),
        ({"jac": lambda x: ["a", "b"]}, InputError, r"must be real numbers; got \['a', 'b'\]"),
        ({"fun": lambda x: 1.0, "jac": True}, TypeError, r"fun must return \(value, gradient\); got 1.0"),
        ({"hess": lambda x: None, "method": "newton"}, InputError, "the Hessian .hess. must be real numbers"),
        ({"hessp": lambda x, p: np.ones(3), "method": "newton"}, InputError, "the product .hessp. must have"),
        ({"bounds": [(1, 0), (0, 1)]}, InputError, r"low <= high; got \(1.0, 0.0\) for x\[0\]"),
        ({"x0": []}, InputError, "at least one entry"),
        ({"x0": [np.nan, 1.0]}, InputError, "x0 must be finite; got nan at entry 0"),
        (
            {"constraints": {"type": "eq", "fun": lambda x: None}},
            InputError,
            r"constraints\[0\] must return numbers; got None",
        ),
    ],
)
def test_what_callables_return_is_read_with_care(arguments, error, words):
    with pytest.raises(error, match=words):
        steepest.minimize(**({"fun": square, "x0": [0.5, 1.0]} | arguments))


def test_x_may_be_kept_and_written_to():
    kept = []

    def fun(x):
        kept.append(x)
        value = float(x @ x)
        if len(kept) % 2:
            x[:] = 7.0
        return value

    r = steepest.minimize(fun, [1.0, 2.0], jac=lambda x: 2 * x)
    assert r.success
    assert np.abs(r.x).max() < 1e-6
    assert not any(np.shares_memory(a, b) for a, b in pairwise(kept))


def test_a_view_of_x_as_the_gradient_is_what_it_says():
    assert steepest.minimize(lambda x: 0.5 * float(x @ x), [1.0, 2.0], jac=lambda x: x[:]).success
    assert steepest.minimize(square, [1.0, 2.0], jac=lambda x: x).outcome == "gradient_inconsistent"


def test_a_given_product_is_taken_where_the_function_brings_its_own_hessian() -> None:
    """What the caller gives stands before what the object has."""
    calls = {"hess": 0, "hessp": 0}

    class Own:
        def __call__(self, x):
            return float((x**4).sum())

        def grad(self, x):
            return 4 * x**3

        def hess(self, x):
            calls["hess"] += 1
            return np.diag(12 * x**2)

    def hessp(x, p):
        calls["hessp"] += 1
        return 12 * x**2 * p

    assert steepest.minimize(Own(), [1.0, 2.0], hessp=hessp, method="newton").success
    assert calls["hessp"] > 0
    assert calls["hess"] == 0


@pytest.mark.parametrize(("low", "high", "start"), [(0, 1, 0.5), (-1, 0, -0.5), (0, 0.9, 0.5)])
def test_differences_between_a_bound_and_a_region_without_values(low, high, start) -> None:
    """As far as there is room on the one side, and nothing on the other: half as far is the second value."""

    def fun(x):
        seen.append(x.copy())
        return 1 + (x[1] - 0.2) ** 2 if abs(x[0]) > 0.3 and np.sign(x[0]) == np.sign(start) else float("nan")

    seen: list[np.ndarray] = []
    r = steepest.minimize(fun, [start, 0.5], bounds=[(low, high), (0, 1)])
    assert r.outcome != "not_finite"
    assert abs(r.fun - 1) < 1e-9
    assert all(low <= x[0] <= high for x in seen)
