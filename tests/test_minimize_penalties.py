"""Penalties and sets in `minimize`: each against a reference found otherwise, over all variables and by parts."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import lsq_linear
from scipy.optimize import minimize as scipy_minimize
from sklearn.isotonic import isotonic_regression

import steepest
from steepest import penalties
from steepest.errors import InputError


def to(target, **options):
    """½‖x − target‖² plus a penalty: what is found is the prox of the target."""
    target = np.asarray(target)
    value = lambda x: 0.5 * np.sum((x - target) ** 2)  # noqa: E731
    r = steepest.minimize(value, np.zeros(target.shape), jac=lambda x: x - target, tol=1e-12, **options)
    assert r.success, r.message
    return r


def fit(penalty, seed=0, rows=40, columns=8, start=0.1, **options):
    rng = np.random.default_rng(seed)
    A, b = rng.standard_normal((rows, columns)), 3 * rng.standard_normal(rows)
    value = lambda x: 0.5 * np.sum((A @ x - b) ** 2)  # noqa: E731
    r = steepest.minimize(
        value, np.full(columns, start), jac=lambda x: A.T @ (A @ x - b), penalty=penalty, **options
    )
    assert r.success, r.message
    return r, value


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [2, 3, 50, 400])
def test_total_variation_is_the_least_by_its_dual(seed, n):
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.normal(0, 3, (n + 9) // 10), 10)[:n] + rng.normal(0, 0.5, n) + 1e3 * (seed % 2)
    alpha = float(10 ** rng.uniform(-2, 1.5))
    x = to(y, penalty=("total_variation", alpha)).x
    # The dual: x = y − D'z, |z| <= alpha.
    D, y = np.diff(np.eye(n), axis=0), y - y.mean()
    x = x - np.mean(x)
    z = lsq_linear(D.T, y, (-alpha, alpha), method="bvls" if n < 100 else "trf", tol=1e-14, max_iter=10_000).x
    value = lambda v: 0.5 * np.sum((v - y) ** 2) + alpha * np.abs(np.diff(v)).sum()  # noqa: E731
    dual = z @ np.diff(y) - 0.5 * np.sum((D.T @ z) ** 2)
    assert value(x) <= dual + 1e-8 * max(value(x), 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_monotone_is_isotonic_regression(seed):
    y = np.linspace(0, 1, 200) + np.random.default_rng(seed).normal(0, 1, 200)
    np.testing.assert_allclose(to(y, penalty="monotone").x, isotonic_regression(y), atol=1e-10)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (1, 5), (5, 5)])
@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_the_nuclear_norm_shortens_singular_values(shape, unit):
    M = np.random.default_rng(1).standard_normal(shape)
    u, s, v = np.linalg.svd(M, full_matrices=False)
    alpha = float(np.median(s))
    p = steepest.minimize(
        lambda x: 0.5 * np.sum((x / unit - M) ** 2),
        np.zeros(shape),
        jac=lambda x: (x / unit - M) / unit,
        penalty=("nuclear_norm", alpha / unit),
        tol=1e-12,
    )
    np.testing.assert_allclose(p.x / unit, u @ np.diag(np.maximum(s - alpha, 0)) @ v, atol=1e-6)


def test_a_matrix_with_holes_is_filled_at_low_rank():
    rng = np.random.default_rng(3)
    M = rng.standard_normal((30, 2)) @ rng.standard_normal((2, 20))
    seen = rng.random(M.shape) < 0.6
    r = steepest.minimize(
        lambda X: 0.5 * np.sum(seen * (X - M) ** 2),
        np.zeros(M.shape),
        jac=lambda X: seen * (X - M),
        penalty=("nuclear_norm", 0.05),
        tol=1e-10,
    )
    assert r.success
    assert np.linalg.norm(r.x - M) <= 0.02 * np.linalg.norm(M)
    # The slope of what fits is one of the norm: no singular value above alpha, and alpha along all that is there.
    slope = np.linalg.svd(seen * (r.x - M), compute_uv=False)
    assert slope[0] <= 0.05 * (1 + 1e-4)
    norm = np.linalg.svd(r.x, compute_uv=False).sum()
    assert -np.sum(seen * (r.x - M) * r.x) == pytest.approx(0.05 * norm, rel=1e-6)


def test_smooth_l1_has_a_gradient():
    (r, value), alpha, width = fit((penalties.SmoothL1(0.3), 20.0)), 20.0, 0.3
    pull = lambda x: np.where(np.abs(x) <= width, x**2 / (2 * width), np.abs(x) - width / 2).sum()  # noqa: E731
    reference = scipy_minimize(lambda x: value(x) + alpha * pull(x), r.x + 0.01, method="BFGS")
    assert r.fun <= reference.fun + 1e-9
    assert r.fun == pytest.approx(value(r.x) + alpha * pull(r.x), rel=1e-12)


@pytest.mark.parametrize(
    ("penalty", "inside"),
    [
        ("simplex", lambda x: x.min() >= 0 and abs(x.sum() - 1) < 1e-9),
        (penalties.CappedSimplex(1.0, 0.3), lambda x: x.min() >= 0 and x.max() <= 0.3),
        (penalties.Box(-0.1, 0.2), lambda x: x.min() >= -0.1 and x.max() <= 0.2),
        (penalties.L1Ball(0.5), lambda x: np.abs(x).sum() <= 0.5 + 1e-9),
        (penalties.L2Ball(0.5), lambda x: np.linalg.norm(x) <= 0.5 + 1e-9),
        (penalties.LinfBall(0.2), lambda x: np.abs(x).max() <= 0.2),
        ("monotone", lambda x: (np.diff(x) >= 0).all()),
    ],
)
@pytest.mark.parametrize("with_jac", [True, False])
def test_what_is_forbidden_is_not_what_is_found(penalty, inside, with_jac):
    r, value = fit(penalty, **({} if with_jac else {"seed": 2}))
    assert inside(r.x)
    assert r.fun == value(r.x)
    # No step within the set is a descent: towards points of it drawn at random.
    rng = np.random.default_rng(0)
    for _ in range(50):
        other = to(rng.standard_normal(8), penalty=penalty).x
        assert value(r.x + 1e-4 * (other - r.x)) >= r.fun - 1e-9 * abs(r.fun)


@pytest.mark.parametrize("penalty", [("l1", 5.0), ("linf", 20.0), ("elastic_net", 2.0), ("l2", 1.0)])
@pytest.mark.parametrize("jac", [True, False])
def test_by_differences_it_is_the_same(penalty, jac):
    r, value = fit(penalty)
    g = None if not jac else "3-point"
    again = steepest.minimize(value, np.full(8, 0.1), jac=g, penalty=penalty)
    assert again.success
    assert again.fun == pytest.approx(r.fun, rel=1e-9)


def test_a_portfolio_of_the_best_growth():
    rng = np.random.default_rng(4)
    returns = 1 + rng.normal(0.002, 0.03, (500, 12)) + np.linspace(0, 0.004, 12)
    value = lambda w: -np.mean(np.log(returns @ w))  # noqa: E731
    slope = lambda w: -np.mean(returns / (returns @ w)[:, None], axis=0)  # noqa: E731
    r = steepest.minimize(value, np.full(12, 1 / 12), jac=slope, penalty="simplex", tol=1e-10)
    assert r.success
    # Kuhn and Tucker: all that is held has the least slope (Cover 1984).
    g = slope(r.x)
    assert g.min() >= -1 - 1e-6
    np.testing.assert_allclose(g[r.x > 1e-4], -1.0, atol=1e-5)


def test_parts_have_penalties_of_their_own():
    rng = np.random.default_rng(5)
    A, b = rng.standard_normal((60, 6)), rng.standard_normal(60) + 4

    def value(p):
        return 0.5 * np.sum((A @ p["w"] + p["b"] - b) ** 2)

    start = {"w": np.zeros(6), "b": 0.0}
    r = steepest.minimize(value, start, penalty={"w": ("l1", 8.0)}, tol=1e-10)
    assert r.success
    # The same with alpha by variable.
    flat = lambda v: 0.5 * np.sum((A @ v[:6] + v[6] - b) ** 2)  # noqa: E731
    alpha = np.r_[np.full(6, 8.0), 0.0]
    again = steepest.minimize(flat, np.zeros(7), penalty=("l1", alpha), tol=1e-10)
    np.testing.assert_allclose(np.r_[r.x["w"], r.x["b"]], again.x, atol=1e-5)
    assert r.fun == pytest.approx(again.fun, rel=1e-9)
    assert r.x["b"] == pytest.approx(np.mean(b - A @ r.x["w"]), abs=1e-5)


def test_parts_of_several_kinds():
    @dataclasses.dataclass
    class Model:
        shares: np.ndarray
        levels: np.ndarray
        matrix: np.ndarray

    rng = np.random.default_rng(6)
    goal = Model(rng.random(4), rng.normal(size=9), rng.standard_normal((3, 3)))

    def value(m):
        off = (getattr(m, f.name) - getattr(goal, f.name) for f in dataclasses.fields(Model))
        return 0.5 * sum(np.sum(part**2) for part in off)

    start = Model(np.full(4, 0.25), np.zeros(9), np.zeros((3, 3)))
    penalty = {"shares": "simplex", "levels": "monotone", "matrix": ("nuclear_norm", 0.7)}
    with pytest.raises(InputError, match=r"penalty names \['share'\], which x0 does not have"):
        steepest.minimize(value, start, penalty={"share": None})
    of = lambda p: value(p["model"])  # noqa: E731
    with pytest.raises(InputError, match=r"\['model'\], which has parts: name those .*\['model'\].levels"):
        steepest.minimize(of, {"model": start}, penalty={"model": "l1"})
    r = steepest.minimize(of, {"model": start}, penalty={"model": penalty}, tol=1e-12)
    assert r.success
    own = steepest.minimize(value, start, penalty=penalty, tol=1e-12)
    np.testing.assert_array_equal(own.x.matrix, r.x["model"].matrix)
    r.x = dataclasses.asdict(r.x["model"])
    np.testing.assert_allclose(r.x["shares"], to(goal.shares, penalty="simplex").x, atol=1e-6)
    np.testing.assert_allclose(r.x["levels"], isotonic_regression(goal.levels), atol=1e-6)
    u, s, v = np.linalg.svd(goal.matrix)
    np.testing.assert_allclose(r.x["matrix"], u @ np.diag(np.maximum(s - 0.7, 0)) @ v, atol=1e-5)


def test_groups_come_and_go_together():
    labels = np.array(["a", "a", "b", "b", "c", "c", "d", "d"])
    r, _ = fit(("group_lasso", 15.0, labels))
    zero = (r.x == 0).reshape(4, 2)
    assert (zero.all(1) == zero.any(1)).all()
    assert zero.any()


@pytest.mark.parametrize(
    ("penalty", "says"),
    [
        ("l1x", "l1"),
        (("l1", -1.0), "alpha of penalty must be finite and at least 0"),
        (("l1", np.nan), "alpha of penalty must be finite"),
        (("l1", [1.0, 2.0]), r"alpha of penalty must be a number, or numbers in the shape \(8,\)"),
        (("l1", "much"), "alpha of penalty must be a number"),
        (("l1", 1.0, np.zeros(8)), "the penalty l1 knows no groups"),
        (("group_lasso", 1.0, np.zeros(3)), r"groups of penalty must be a label for each variable"),
        (("l1", 1.0, None, 3), "got 4 things"),
        (3.0, "penalty must be a name"),
        (steepest.rules.Adam(), "penalty must be a name"),
        ({"w": "l1"}, "penalties by name need an x0 with names"),
    ],
)
def test_what_is_no_penalty_is_refused_by_name(penalty, says):
    with pytest.raises(InputError, match=says):
        fit(penalty)


def test_bounds_go_with_penalties_that_can_be_held_within_them():
    r, _ = fit(("l1", 1.0), bounds=[(0, 0.3)] * 8)
    assert (r.x >= 0).all()
    assert (r.x <= 0.3).all()
    with pytest.raises(InputError, match="bounds cannot go with the penalty simplex"):
        fit("simplex", bounds=[(0, 0.3)] * 8)


def test_methods_that_cannot_take_it_say_which_can():
    with pytest.raises(InputError, match="newton cannot handle the penalty l1"):
        fit(("l1", 1.0), method="newton")


def test_descend_and_compare_take_it_too():
    target = np.array([3.0, 0.2, -2.0])
    fun, jac = lambda x: 0.5 * np.sum((x - target) ** 2), lambda x: x - target
    *_, last = steepest.descend(fun, np.zeros(3), jac=jac, method="fista", penalty=("l1", 0.5))
    np.testing.assert_allclose(last.x, [2.5, 0.0, -1.5], atol=1e-6)
    both = steepest.compare(fun, ["fista", "gradient_descent"], np.zeros(3), jac, penalty=("l1", 0.5))
    for r in both.results.values():
        np.testing.assert_allclose(r.x, [2.5, 0.0, -1.5], atol=1e-5)


@pytest.mark.parametrize("method", ["fista", "gradient_descent"])
def test_what_is_claimed_on_the_simplex_is_so(method):
    """Steep functions whose least value lies in a corner or on an edge; by convexity F − F* ≤ g'x − min g."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n, condition = int(rng.integers(2, 40)), 10 ** rng.uniform(0, 6)
        q = np.linalg.qr(rng.standard_normal((n, n)))[0]
        H, t = q @ np.diag(np.geomspace(1, condition, n)) @ q.T, rng.standard_normal(n)
        fun, jac = (lambda x: 0.5 * (x - t) @ H @ (x - t) + 1), (lambda x: H @ (x - t))  # noqa: B023
        r = steepest.minimize(fun, np.full(n, 1 / n), jac=jac, penalty="simplex", method=method)
        assert r.success
        g = jac(r.x)
        assert g @ r.x - g.min() <= 1e-5 * r.fun, seed


def soft(v, t):
    return np.sign(v) * np.maximum(np.abs(v) - t, 0)


def on_simplex(v):
    u = np.sort(v)[::-1]
    level = (np.cumsum(u) - 1) / np.arange(1, v.size + 1)
    return np.maximum(v - level[np.flatnonzero(u > level)[-1]], 0)


def shortened(v, t):
    return v * max(0.0, 1 - t / np.linalg.norm(v))


def by_groups(v, t):
    return np.concatenate([shortened(g, t) for g in np.split(v, 3)])


def low_rank(v, t):
    u, s, w = np.linalg.svd(v.reshape(3, -1), full_matrices=False)
    return (u * soft(s, t) @ w).ravel()


#: Of each penalty with alpha: its prox at 1, and its value.
PROXES = {
    "l1": (lambda v, a: soft(v, a), lambda x, a: a * np.abs(x).sum()),
    "elastic_net": (lambda v, a: soft(v, 0.5 * a) / (1 + 0.5 * a), None),
    "simplex": (lambda v, a: on_simplex(v), lambda x, a: 0.0),
    "monotone": (lambda v, a: isotonic_regression(v), lambda x, a: 0.0),
    "linf_ball": (lambda v, a: np.clip(v, -1, 1), lambda x, a: 0.0),
    "l2_ball": (lambda v, a: v / max(1.0, np.linalg.norm(v)), lambda x, a: 0.0),
    "group_lasso": (
        lambda v, a: by_groups(v, a * np.sqrt(v.size / 3)),
        lambda x, a: a * np.sqrt(x.size / 3) * sum(np.linalg.norm(g) for g in np.split(x, 3)),
    ),
    "nuclear_norm": (
        lambda v, a: low_rank(v, a),
        lambda x, a: a * np.linalg.svd(x.reshape(3, -1), compute_uv=False).sum(),
    ),
    "linf": (lambda v, a: v - a * np.clip(v / a - soft_l1(v / a), -1, 1), lambda x, a: a * np.abs(x).max()),
}


def soft_l1(v):
    """v less its projection on the ball of absolute values."""
    inside = np.abs(v).sum() <= 1
    return np.zeros_like(v) if inside else v - np.sign(v) * on_simplex(np.abs(v))


@pytest.mark.parametrize("method", [None, "fista", "gradient_descent"])
@pytest.mark.parametrize("name", PROXES)
def test_the_least_of_problems_made_round_it_is_found(name, method):
    """x* = prox(v) has the slope v − x* of the penalty: ½(x − x*)'H(x − x*) − (v − x*)'(x − x*) + penalty has its least
    value there, whatever H."""
    prox, value = PROXES[name]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n, unit = 3 * int(rng.integers(1, 12)), 10 ** rng.uniform(-8, 8)
        condition, alpha = 10 ** rng.uniform(0, 3 if method else 4), 10 ** rng.uniform(-1, 0.5)
        v = rng.standard_normal(n) * 2
        least = prox(v, alpha)
        slope = v - least
        q = np.linalg.qr(rng.standard_normal((n, n)))[0]
        H = (q * np.geomspace(1, condition, n)) @ q.T
        start = prox(rng.standard_normal(n), alpha)

        def fun(x):
            d = np.ravel(x) - least  # noqa: B023
            return unit * (0.5 * d @ H @ d - slope @ d + 1)  # noqa: B023

        def jac(x):
            return unit * (H @ (np.ravel(x) - least) - slope).reshape(x.shape)  # noqa: B023

        shape = (3, n // 3) if name == "nuclear_norm" else (n,)
        groups = (np.repeat(np.arange(3), n // 3),) if name == "group_lasso" else ()
        r = steepest.minimize(
            fun, start.reshape(shape), jac=jac, penalty=(name, unit * alpha, *groups), method=method
        )
        assert r.success, (seed, r.message)
        if value is not None:
            best = unit * (1 + value(least, alpha))
            assert r.fun == pytest.approx(fun(r.x) + unit * value(np.ravel(r.x), alpha), rel=1e-9), seed
            assert -1e-9 * best <= r.fun - best <= 1e-6 * best, (seed, method)
        np.testing.assert_allclose(np.ravel(r.x), least, atol=2e-3 * max(1.0, np.abs(least).max()))
