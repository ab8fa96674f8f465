"""What `minimize` looks at before it claims: beyond what steps have seen, and through noise."""

import hashlib

import numpy as np
import pytest

import steepest


@pytest.mark.parametrize(
    ("start", "bounds"),
    [([100.0, 0.002], None), ([1000.0, 0.01], None), ([100.0, 0.002], [(1e-9, 1e9)] * 2)],
)
def test_units_that_no_longer_fit_are_measured_anew(start, bounds):
    """F = Σ x − ln x bends alike at its least value, and not in units of where it began: of a billionth the other's."""

    def fun(x):
        return float(np.sum(x - np.log(x))) if (x > 0).all() else np.inf

    r = steepest.minimize(fun, start, jac=lambda x: 1 - 1 / x, bounds=bounds, method="gradient_descent")
    assert r.success, r.message
    np.testing.assert_allclose(r.x, 1, rtol=1e-5)
    assert r.nit < 2000


def test_scipys_criterion_is_asked_of_the_slopes_as_they_are():
    """In units of their own the slopes were small long before."""

    def fun(x):
        return float((x[0] - 1e6) ** 2 * 1e-6 + (x[1] - 1e-6) ** 2 * 1e6 + 1)

    def jac(x):
        return np.array([2e-6 * (x[0] - 1e6), 2e6 * (x[1] - 1e-6)])

    r = steepest.minimize(fun, [3e5, 5e-7], jac=jac, method="gradient_descent", options={"gtol": 1e-8})
    assert r.success, r.message
    assert np.abs(jac(r.x)).max() <= 1e-8


def test_what_a_look_has_seen_is_not_forgotten_where_nearer_ones_see_nothing():
    """u³ on a large constant: near 0 nothing moves, and a little further F falls without end."""
    r = steepest.minimize(
        lambda x: float(x[0] ** 3 - 11831.4), [0.2108341256479255], jac=lambda x: 3 * x**2, method="lbfgs"
    )
    assert not r.success, r.message


@pytest.mark.parametrize("method", ["gradient_descent", "steepest_descent", "barzilai_borwein"])
@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_what_is_flat_on_one_side_is_looked_at_from_the_other(method, angle):
    """t⁴ ahead of 0 and a fall behind it, askew to the coordinates: no step comes to where it falls."""
    q = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def fun(x):
        t, s = q @ x
        return float(s * s + (t**4 if t > 0 else t + t**4))

    def jac(x):
        t, s = q @ x
        return q.T @ [4 * t**3 + (0 if t > 0 else 1), 2 * s]

    r = steepest.minimize(fun, q.T @ [2.7, -1.3], jac=jac, method=method)
    assert not r.success or r.fun < -0.4, r.fun


@pytest.mark.parametrize("method", ["lamb", "adapgm", "gradient_descent", "lbfgs"])
def test_what_falls_by_more_than_noise_is_no_end(method):
    """Curvature that short steps met was that of the noise."""

    def fun(x):
        noise = int.from_bytes(hashlib.blake2b(x.tobytes(), digest_size=8).digest(), "little") / 2**63 - 1
        return float(79.2 * (0.5 * (x[0] - 0.018) ** 2 + 1.1e-4 * noise))

    r = steepest.minimize(fun, [-2.1615685470935375], method=method)
    assert not r.success or r.fun < 1, (r.message, r.fun)


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("angle", [0.4, 1.9])
def test_what_bends_down_beyond_a_point_that_steps_met_at_once_is_seen(method, angle):
    """Where all bends alike, one step leads to the least point of what it met; one coordinate of two falls beyond."""
    q = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def fun(x):
        t, s = q @ x
        return float(s * s + (t * t if t > 0 else -t * t + t**4))

    def jac(x):
        t, s = q @ x
        return q.T @ [2 * t if t > 0 else -2 * t + 4 * t**3, 2 * s]

    r = steepest.minimize(fun, q.T @ [1.1, -3.7], jac=jac, method=method)
    assert not r.success or r.fun < -0.249, r.fun


@pytest.mark.parametrize("method", ["sgd", "momentum", "nesterov"])
def test_a_fall_that_does_not_matter_is_no_lower_point(method):
    """Beside a cusp there is always a lower one."""

    def fun(x):
        return float(x[0] ** 2 if x[0] > 0 else abs(x[0]) ** 1.2)

    def jac(x):
        return np.where(x > 0, 2 * x, -1.2 * abs(x) ** 0.2)

    r = steepest.minimize(fun, [2.7], jac=jac, method=method)
    assert r.success, r.message
    assert r.nfev < 400


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_steps_along_one_line_have_not_explored_the_plane(method):
    """Two of them led straight to the least point of what they met; across that line F falls on one side."""
    q = np.array([[-0.7430841495573695, -0.6691979876513382], [-0.6691979876513382, 0.7430841495573697]])

    def fun(x):
        t, s = q @ x
        return float(t * t + (s * s if s > 0 else -(abs(s) ** 1.5) + s**4))

    def jac(x):
        t, s = q @ x
        return q.T @ [2 * t, 2 * s if s > 0 else 1.5 * abs(s) ** 0.5 + 4 * s**3]

    r = steepest.minimize(fun, [-3.89692456685873, -1.6445198552710505], jac=jac, method=method)
    assert not r.success or r.fun < -0.3, r.fun


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_steps_within_a_plane_of_symmetry_have_not_explored_what_lies_across_it(method):
    """However many they were: a saddle across it looks like the least point, which it is within the plane."""
    for seed in range(20):
        r = np.random.default_rng([seed, 29])
        n = int(r.integers(4, 30))
        q = np.linalg.qr(r.normal(size=(n, n)))[0]
        c, slope = 10 ** r.uniform(-1, 3, n), r.normal(size=n)
        c[-1], slope[-1] = -2.0, 0.0
        start = r.normal(size=n)
        start[-1] = 0.0

        def fun(x, q=q, c=c, slope=slope):
            u = q.T @ x
            return float(0.5 * c @ u**2 + slope @ u + u[-1] ** 4)

        def jac(x, q=q, c=c, slope=slope):
            u = q.T @ x
            g = c * u + slope
            g[-1] += 4 * u[-1] ** 3
            return q @ g

        result = steepest.minimize(fun, q @ start, jac=jac, method=method)
        assert not result.success or abs(abs((q.T @ result.x)[-1]) - np.sqrt(0.5)) < 1e-2, seed


@pytest.mark.parametrize(("method", "bounds"), [(None, None), (None, [(-10, 10)] * 4), ("bfgs", None)])
def test_what_is_solved_is_solved_when_it_is_asked_again(method, bounds):
    """From the least point F has nothing to fall by: what it is around says how large it is."""
    t = np.arange(1.0, 8.0)
    seen = np.exp(-0.3 * t) + 0.1 * np.sin(5 * t)

    def valley(x):
        a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
        slopes = np.zeros_like(x)
        slopes[1:] += 200 * a
        slopes[:-1] -= 400 * a * x[:-1] + 2 * b
        return float(100 * a @ a + b @ b), slopes

    def curve(x):
        e = x[0] * np.exp(-x[1] * t) + x[2] + x[3] * np.cos(t) - seen
        by = np.stack([np.exp(-x[1] * t), -x[0] * t * np.exp(-x[1] * t), np.ones(7), np.cos(t)])
        return float(e @ e), 2 * by @ e

    for pair, start in ((valley, [-1.2, 1.0, 1.0, 1.0]), (curve, [1.0, 1.0, 0.0, 0.0])):
        first = steepest.minimize(pair, start, jac=True, method=method, bounds=bounds)
        again = steepest.minimize(pair, first.x, jac=True, method=method, bounds=bounds)
        assert first.success, first.message
        assert again.success, again.message
        assert again.fun <= first.fun * (1 + 1e-12)
        assert again.nfev < 100


@pytest.mark.parametrize("n", [2, 3])
def test_who_starts_at_the_least_point_is_told_so(n):
    """F is 0 there: its own rounding, which is all that is seen near by, is no part of it."""

    def fun(x):
        return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    r = steepest.minimize(fun, np.ones(n))
    assert r.success, r.message
    assert r.fun == 0


@pytest.mark.parametrize("steep", [1e3, 1e5, 1e8])
def test_a_start_on_a_ridge_is_no_least_point(steep):
    """F rises on both sides of |x - y| however far one looks, and slopes across it look like curvature."""
    for t in np.random.default_rng(3).normal(size=8):
        r = steepest.minimize(lambda x: steep * abs(x[0] - x[1]) + (x[1] - 1) ** 2, [t, t])
        assert not r.success or r.fun < 1e-6, r.message


@pytest.mark.parametrize("top", [np.inf, 1e20])
def test_walls_tell_no_height(top):
    """What is forbidden all around does not make noise small."""
    for seed in range(8):
        rng = np.random.default_rng(seed)

        def fun(x, rng=rng):
            far = (np.abs(x - 1) > 0.5).any()
            return top if far else 1 + float((x - 1) @ (x - 1)) + 0.1 * rng.normal()

        assert not steepest.minimize(fun, [1.2, 1.3]).success


def test_a_start_on_a_steep_valley_s_floor_is_no_least_point():
    def pair(x):
        off = 1e16 * (x[1] - x[0] ** 2)
        slopes = [-4 * x[0] * off - 2 * (1 - x[0]), 2 * off]
        return off * off / 1e16 + (1 - x[0]) ** 2, np.array(slopes)

    assert not steepest.minimize(pair, [-1, 1], jac=True).success
