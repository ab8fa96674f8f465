"""`descend` and `compare`: steps one at a time, steered; several methods side by side."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import steepest
from steepest import problems
from steepest.errors import InputError


def test_steps_of_gradient_descent_are_what_the_formula_says():
    f = problems.quadratic
    x = np.array([1.0, 1.0])
    for step in steepest.descend(f, x, rate=0.01, options={"maxiter": 20}):
        assert_allclose(step.x, x, rtol=1e-14)
        assert_allclose(step.gradient, f.grad(x), rtol=1e-13)
        assert step.loss == pytest.approx(f(x), rel=1e-13)
        assert 0 < step.residual < np.inf
        x = x - 0.01 * f.grad(x)
    assert step.iteration == 20


@pytest.mark.parametrize("method", ["gradient_descent", "lbfgs", "newton", "adam", "momentum"])
def test_any_method_steps_as_minimize_runs(method):
    f = problems.beale
    d = steepest.descend(f, method=method, options={"maxiter": 500})
    steps = list(d)
    r, whole = d.result(), steepest.minimize(f, f.x0, method=method, options={"maxiter": 500})
    assert_array_equal(r.x, whole.x)
    assert (r.outcome, r.nit, r.nfev) == (whole.outcome, whole.nit, whole.nfev)
    assert_array_equal(r.path, [s.x for s in steps])
    assert d.method == method


def test_the_rate_is_read_and_set_on_the_way():
    d = steepest.descend(problems.sphere, [4.0, 4.0], rate=0.25)
    next(d)
    assert next(d).x[0] == 2.0
    assert d.rate == 0.25
    d.rate = 0.125
    assert next(d).x[0] == 1.5
    d.rate = 0
    assert d.rate > 0
    with pytest.raises(InputError, match="at least 0"):
        d.rate = -1
    with pytest.raises(InputError, match="no rate to set"):
        steepest.descend(problems.sphere, method="lbfgs").rate = 1.0


def test_stop_and_go_on():
    d = steepest.descend(problems.rosenbrock, rate=1e-3)
    for step in d:
        if step.iteration == 5:
            d.stop()
    assert step.iteration == 5
    assert d.result().outcome == "stopped"
    more = [s.iteration for s in d.go_on(maxiter=3)]
    assert more == [6, 7, 8]
    assert d.result().outcome == "budget"
    done = steepest.descend(problems.sphere)
    list(done)
    with pytest.raises(InputError, match="come to its end"):
        done.go_on()


def test_a_step_from_within_a_step_is_refused():
    def fun(x):
        with pytest.raises(RuntimeError, match="just now"):
            next(d)
        return float(x @ x)

    d = steepest.descend(fun, [1.0], jac=lambda x: 2 * x)
    next(d)


def test_an_exception_ends_nothing_half_way():
    calls = []

    def fun(x):
        calls.append(x.copy())
        if len(calls) == 4:
            raise ValueError("mine")
        return float(x @ x)

    d = steepest.descend(fun, [1.0, 2.0], rate=0.1, jac=lambda x: 2 * x)
    with pytest.raises(ValueError, match="mine"):
        list(d)
    assert np.isfinite(d.result().fun)
    assert next(d).loss < 5


def test_comparison():
    c = steepest.compare(problems.rosenbrock, ["lbfgs", "gradient_descent", "newton", "adam"])
    assert set(c) == {"lbfgs", "gradient_descent", "newton", "adam"}
    assert len(c) == 4
    lines = repr(c).splitlines()
    assert lines[0].split() == [
        "method",
        "value",
        "outcome",
        "iterations",
        "evaluations",
        "gradients",
        "seconds",
    ]
    assert len(lines) == 5
    c["newton"]["seconds"] = 0.00123456
    assert " 0.0012\n" in f"{c!r}\n"
    assert ">0.0012<" in c._repr_html_()
    assert "<table>" in c._repr_html_()
    assert c["newton"].path.shape[1] == 2
    with pytest.raises(InputError, match="at least one method"):
        steepest.compare(problems.sphere, [])


def test_comparison_labels_settings(tmp_path):
    from steepest.methods import Lbfgs

    c = steepest.compare(problems.beale, [Lbfgs(), Lbfgs(memory=3)])
    assert len(c) == 2
    c.plot(file=tmp_path / "paths.png")
    steepest.compare(problems.get("rosenbrock", 6), {"a": "lbfgs", "b": "newton"}).plot(
        file=tmp_path / "loss.png"
    )
    assert {p.name for p in tmp_path.iterdir()} == {"paths.png", "loss.png"}


def test_problems_are_functions_with_all_that_belongs_to_them():
    import pickle

    assert problems.rosenbrock is problems.rosenbrock
    for name in problems.names():
        f = problems.get(name)
        x = f.x0 + 0.1
        step = 1e-6
        slopes = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(f.n)]
        assert_allclose(f.grad(x), slopes, rtol=1e-4, atol=1e-4)
        assert f.hess(x).shape == (f.n, f.n)
        assert len(f.bounds) == f.n
        assert f.formula
        assert f.doc
        for at in f.minima:
            assert f(at) == pytest.approx(f.minimum, abs=1e-8)
        assert pickle.loads(pickle.dumps(f))(x) == f(x)
        assert name in repr(f)
    with pytest.raises(InputError, match="did you mean 'rosenbrock'"):
        problems.get("rosenbrok")
    with pytest.raises(AttributeError, match="did you mean 'beale'"):
        _ = problems.beal
    with pytest.raises(InputError, match="no form in 3 variables"):
        problems.beale([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="condition must be at least 1"):
        problems.get("quadratic", condition=0.5)
