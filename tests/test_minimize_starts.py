"""Several starts and rounds of escape: the minima that are known are found, counted, and told."""

import numpy as np
import pytest

import steepest
from steepest import problems
from steepest.errors import InputError


def waves(x):
    return float((x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum())


def test_all_of_himmelblaus_minima_are_counted() -> None:
    """Four of one value, 0: points tell them apart."""
    f = problems.himmelblau
    r = steepest.minimize(f, [0.0, 0.0], jac=f.grad, bounds=[(-5, 5)] * 2, starts=60)
    assert r.fun < 1e-8
    assert r.spread["minima"] == 4
    assert r.spread["chance_of_another"] == 0
    found = next(f for f in r.findings if f.kind == "several_minima")
    assert "4 minima" in found.sentence
    assert "hardly" in found.remedy


def test_one_minimum_is_no_finding() -> None:
    r = steepest.minimize("rosenbrock", [-1.2, 1.0], starts=8)
    assert r.spread["minima"] == 1
    assert r.spread["chance_of_another"] == 0
    assert all(f.kind != "several_minima" for f in r.findings)


@pytest.mark.parametrize("power", [2, 4])
def test_a_flat_set_of_minima_is_one(power) -> None:
    """Wherever the starts end on the line x0 + x1 = 1, nothing lies between them; quartic ends differ in f, too."""
    r = steepest.minimize(lambda x: (x[0] + x[1] - 1) ** power, [3.0, 0.0], starts=10)
    assert r.spread["minima"] == 1
    assert r.spread["chance_of_another"] == 0
    assert all(f.kind != "several_minima" for f in r.findings)


def test_minima_of_one_value_that_a_rise_parts_are_several() -> None:
    """A lattice of one level, as low at every eighth of the way."""
    starts = np.array([[0.0], [8.0], [16.0], [3.0]])
    r = steepest.minimize(
        lambda x: (-np.cos(2 * np.pi * x[0]), 2 * np.pi * np.sin(2 * np.pi * x)),
        [0.1],
        jac=True,
        starts=starts,
    )
    assert r.spread["minima"] == 4


def test_what_parts_the_minima_is_counted() -> None:
    calls = []

    def fun(x):
        calls.append(1)
        return (x[0] + x[1] - 1) ** 2

    r = steepest.minimize(fun, [3.0, 0.0], starts=5)
    assert r.nfev == len(calls)


def test_rounds_of_escape_tell_nothing_of_the_chance_of_another() -> None:
    """They begin at the lowest point: that they end there again is no sign that there is no other."""
    r = steepest.minimize(waves, [3.1, -2.0], escape=25)
    assert r.spread["minima"] > 1
    assert np.isnan(r.spread["chance_of_another"])
    found = next(f for f in r.findings if f.kind == "several_minima")
    assert "hardly" not in found.remedy
    more = steepest.minimize(waves, [3.1, -2.0], escape=3, starts=6)
    assert (
        more.spread["chance_of_another"]
        == steepest.minimize(waves, [3.1, -2.0], starts=6).spread["chance_of_another"]
    )


@pytest.mark.parametrize("given", [{"starts": 5}, {"escape": 4}, {"starts": 3, "escape": 4}])
def test_a_callback_that_stops_ends_the_whole_series(given) -> None:
    calls = []

    def stop(x):
        calls.append(x)
        raise StopIteration

    r = steepest.minimize("rosenbrock", [-1.2, 1.0], callback=stop, **given)
    assert len(calls) == 1
    assert r.outcome == "stopped"
    assert not r.success
    assert r.spread["starts"] == 1


def test_of_many_minima_another_is_likely() -> None:
    """Rastrigin's are a lattice: a dozen starts meet few of them twice."""
    r = steepest.minimize(waves, np.zeros(4), bounds=[(-5, 5)] * 4, starts=12)
    assert r.spread["minima"] > 6
    assert r.spread["chance_of_another"] > 0.3
    found = next(f for f in r.findings if f.kind == "several_minima")
    assert found.severity == "warning"


@pytest.mark.parametrize("method", [None, "bfgs", "adam", "nonlinear_cg"])
def test_it_escapes_into_lower_minima_with_any_method(method) -> None:
    def fun(x):
        return waves(x), 2 * x + 20 * np.pi * np.sin(2 * np.pi * x)

    x0 = [3.1, -2.0]
    options = {"maxiter": 2000} if method == "adam" else None
    plain = steepest.minimize(fun, x0, jac=True, method=method, options=options)
    r = steepest.minimize(fun, x0, jac=True, method=method, options=options, escape=25)
    assert plain.fun > 5
    assert r.fun < 1.5
    assert r.spread["starts"] == 26
    assert r.nfev > plain.nfev
    again = steepest.minimize(fun, x0, jac=True, method=method, options=options, escape=25)
    assert np.array_equal(again.x, r.x)


def test_escape_stays_within_bounds_and_keeps_the_parts() -> None:
    seen = []

    def fun(x):
        seen.append(np.r_[x["a"], x["b"]])
        return waves(np.r_[x["a"], x["b"]])

    bounds = {"a": (0.5, 4.0)}
    r = steepest.minimize(fun, {"a": np.full(2, 3.0), "b": 2.0}, bounds=bounds, starts=2, escape=15)
    points = np.array(seen)
    assert points[:, :2].min() >= 0.5
    assert points[:, :2].max() <= 4.0
    assert r.x["a"].shape == (2,)
    assert r.spread["starts"] == 17
    assert r.fun < 13


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"escape": -1}, "escape must be at least 0 and at most 1000000; got -1"),
        ({"escape": 1.5}, "escape must be a whole number; got 1.5"),
        ({"escape": True}, "escape must be a whole number; got True"),
        ({"escape": 2, "seed": "x"}, "seed must be a whole number"),
        ({"escape": 2, "checkpoint": "run"}, "leave starts and escape out"),
        ({"escape": 2, "method": "Nelder-Mead"}, "starts"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(arguments, words) -> None:
    with pytest.raises(InputError, match=words):
        steepest.minimize(waves, [1.0, 2.0], **arguments)
