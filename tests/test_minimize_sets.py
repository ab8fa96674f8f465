"""Descents on bounded sets: Frank-Wolfe with away steps, mirror descent; the gap, held against the optimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import lstsq
from scipy.optimize import minimize as scipy_minimize
from scipy.sparse import csr_array

import steepest
from steepest import penalties
from steepest.errors import InputError
from steepest.linear import GeneralizedLinear

Floats = NDArray[np.float64]
N = 12
SETS: dict[str, Any] = {
    "simplex": "simplex",
    "half of it": penalties.CappedSimplex(radius=2.0, cap=0.4),
    "l1": "l1_ball",
    "l2": "l2_ball",
    "linf": "linf_ball",
    "box": "box",
}


def quadratic(seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(20, N)), rng.normal(size=20)
    return (lambda x: 0.5 * np.sum((A @ x - b) ** 2)), (lambda x: A.T @ (A @ x - b))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SETS)
def test_frank_wolfe_reaches_the_least_on_every_set(name: str, seed: int) -> None:
    """FISTA projects, Frank-Wolfe does not: the same end."""
    fun, jac = quadratic(seed)
    given = {"jac": jac, "penalty": SETS[name]}
    r = steepest.minimize(fun, np.zeros(N), method="frank_wolfe", **given)
    other = steepest.minimize(fun, np.zeros(N), method="fista", tol=1e-12, **given)
    assert r.fun >= other.fun - 1e-9 * abs(other.fun)
    assert r.success, r.message
    assert r.fun - other.fun <= 1e-6 * abs(other.fun)
    # The gap is a bound, the function being convex.
    assert r.certificate["bound"] >= r.fun - other.fun - 1e-9 * abs(other.fun)


def test_away_steps_make_it_linear_on_a_polytope() -> None:
    fun, jac = quadratic(1)
    given = {"jac": jac, "penalty": "simplex", "method": "frank_wolfe"}
    best = steepest.minimize(fun, np.zeros(N), jac=jac, penalty="simplex", tol=1e-12).fun
    away = steepest.minimize(fun, np.zeros(N), options={"max_iter": 200}, **given)
    plain = steepest.minimize(fun, np.zeros(N), options={"max_iter": 200, "away": False}, **given)
    assert away.fun - best < 1e-9
    assert plain.fun - best > 1e-6, "towards vertices alone it zigzags"


@pytest.mark.parametrize("method", ["frank_wolfe", "mirror_descent"])
@pytest.mark.parametrize("seed", range(4))
def test_a_portfolio_is_slsqps(method: str, seed: int) -> None:
    """Variance less mean return on the simplex."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.05, 0.2, (60, N)) + 0.3 * rng.normal(size=(60, 1))
    cov, mean = np.cov(returns.T), returns.mean(axis=0)
    fun = lambda x: float(2.0 * x @ cov @ x - mean @ x + 1.0)  # noqa: E731
    jac = lambda x: 4.0 * cov @ x - mean  # noqa: E731
    r = steepest.minimize(fun, np.full(N, 1 / N), jac=jac, penalty="simplex", method=method)
    theirs = scipy_minimize(
        fun, np.full(N, 1 / N), jac=jac, method="SLSQP", bounds=[(0, 1)] * N,
        constraints={"type": "eq", "fun": lambda x: x.sum() - 1}, options={"ftol": 1e-14, "maxiter": 1000},
    )  # fmt: skip
    assert r.success, r.message
    assert abs(r.x.sum() - 1) < 1e-12
    assert r.x.min() >= 0
    assert abs(r.fun - theirs.fun) <= 1e-7 * abs(r.fun)


@pytest.mark.parametrize("p", [1.0, 1.3, 2.0])
def test_mirror_descent_without_a_constraint(p: float) -> None:
    fun, jac = quadratic(2)
    r = steepest.minimize(fun, np.zeros(N), jac=jac, method="mirror_descent", options={"p": p})
    assert r.success, r.message
    hessian = np.array([jac(e) - jac(np.zeros(N)) for e in np.eye(N)])
    best = np.linalg.solve(hessian, -jac(np.zeros(N)))
    assert fun(r.x) - fun(best) <= 1e-8 * fun(best)


def test_one_step_of_exponentiated_gradients() -> None:
    """The first step multiplies each share by exp(−∇f / L) and makes the sum whole again: L is told as the rate."""
    fun, jac = quadratic(5)
    x0 = np.random.default_rng(0).dirichlet(np.ones(N))
    r = steepest.minimize(
        fun, x0, jac=jac, penalty="simplex", method="mirror_descent", options={"max_iter": 1}
    )
    logs = np.log(r.x / x0)
    slope = jac(x0)
    # Differences of the logarithms are those of the slopes, times one number.
    ratio = np.diff(logs) / np.diff(slope)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert ratio[0] < 0


@pytest.mark.parametrize("method", ["frank_wolfe", "mirror_descent"])
def test_a_maximum_in_the_middle_is_left(method: str) -> None:
    """−‖x‖² is largest at the even shares, where the gap is 0 too."""
    r = steepest.minimize(
        lambda x: -float(x @ x), np.full(4, 0.25), jac=lambda x: -2 * x, penalty="simplex", method=method
    )
    assert r.fun < -0.99


@pytest.mark.parametrize("method", ["frank_wolfe", "mirror_descent"])
def test_a_wrong_gradient_is_called_so(method: str) -> None:
    fun, jac = quadratic(3)

    def forgotten(x: Floats) -> Floats:
        g = jac(x)
        g[4] = 0.0
        return g

    r = steepest.minimize(fun, np.full(N, 1 / N), jac=forgotten, penalty="simplex", method=method)
    assert not r.success


@pytest.mark.parametrize("method", ["frank_wolfe", "mirror_descent"])
def test_slopes_that_are_no_numbers_prove_nothing(method: str) -> None:
    fun, jac = quadratic(3)
    best = steepest.minimize(fun, np.full(N, 1 / N), jac=jac, penalty="simplex")
    lost = lambda x: jac(x) if x.max() < 0.9 * best.x.max() else np.full(N, np.nan)  # noqa: E731
    r = steepest.minimize(fun, np.full(N, 1 / N), jac=lost, penalty="simplex", method=method)
    assert not r.success


def test_sets_that_have_no_bound_are_refused() -> None:
    fun, jac = quadratic(0)
    for penalty in ["l1", "monotone", penalties.Box(low=0.0, high=float("inf"))]:
        with pytest.raises(InputError, match="bounded set"):
            steepest.minimize(fun, np.zeros(N), jac=jac, penalty=penalty, method="frank_wolfe")
    with pytest.raises(InputError, match="bounded set"):
        steepest.minimize(fun, np.zeros(N), jac=jac, method="frank_wolfe")
    with pytest.raises(InputError, match="simplex"):
        steepest.minimize(fun, np.zeros(N), jac=jac, penalty="l2_ball", method="mirror_descent")
    bounded = steepest.minimize(fun, np.zeros(N), jac=jac, bounds=[(-1, 1)] * N, method="frank_wolfe")
    assert bounded.success, bounded.message


@pytest.mark.parametrize("method", ["frank_wolfe", "mirror_descent"])
def test_of_a_table_the_gap_is_a_proof(method: str) -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(200, 6))
    y = X @ [0.5, 0.3, 0.2, 0, 0, 0] + 0.1 * rng.normal(size=200)
    model = GeneralizedLinear("squared", "simplex", 1.0, method=method, fit_intercept=False, tol=1e-7).fit(
        X, y
    )
    other = GeneralizedLinear("squared", "simplex", 1.0, fit_intercept=False, tol=1e-10).fit(X, y)
    assert model.result_.success, model.result_.message
    assert model.result_.certificate["kind"] == "duality_gap"
    np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-4)


def test_a_set_over_each_group_is_the_product() -> None:
    """Two rows of transition probabilities: each sums to 1 by itself; SLSQP with an equality for each agrees."""
    fun, jac = quadratic(6)
    groups = np.arange(N) % 3
    given = {"jac": jac, "penalty": ("simplex", 1.0, groups)}
    theirs = scipy_minimize(
        fun, np.full(N, 1 / 4), jac=jac, method="SLSQP", bounds=[(0, 1)] * N, options={"ftol": 1e-14, "maxiter": 1000},
        constraints=[{"type": "eq", "fun": lambda x, g=g: x[groups == g].sum() - 1} for g in range(3)],
    )  # fmt: skip
    for method in [None, "fista", "panoc", "adapgm", "frank_wolfe"]:
        r = steepest.minimize(fun, np.full(N, 1 / 4), method=method, **given)
        assert r.success, (method, r.message)
        np.testing.assert_allclose([r.x[groups == g].sum() for g in range(3)], 1.0, atol=1e-12)
        assert r.x.min() >= 0
        assert abs(r.fun - theirs.fun) <= 1e-6 * abs(r.fun), method
    # One entry a group: nothing is left to choose.
    alone = steepest.minimize(fun, np.zeros(N), jac=jac, penalty=("simplex", 1.0, np.arange(N)))
    np.testing.assert_array_equal(alone.x, np.ones(N))
    for penalty in ["l1", "box"]:
        with pytest.raises(InputError, match=f"the penalty {penalty} knows no groups"):
            steepest.minimize(fun, np.zeros(N), jac=jac, penalty=(penalty, 1.0, groups))
    with pytest.raises(InputError, match="takes the simplex over all variables"):
        steepest.minimize(fun, np.full(N, 1 / 4), method="mirror_descent", **given)


@pytest.mark.parametrize("name", ["half_space", "hyperplane"])
@pytest.mark.parametrize("seed", range(4))
def test_one_side_of_a_plane(name: str, seed: int) -> None:
    """The least on a plane solves a linear system, with one multiplier more; so does that beyond it."""
    fun, jac = quadratic(seed)
    rng = np.random.default_rng(50 + seed)
    normal, right = rng.normal(size=N), float(rng.normal())
    normal[3] = 0.0
    hessian = np.array([jac(e) - jac(np.zeros(N)) for e in np.eye(N)])
    free = np.linalg.solve(hessian, -jac(np.zeros(N)))
    bordered = np.block([[hessian, normal[:, None]], [normal[None], np.zeros((1, 1))]])
    held = np.linalg.solve(bordered, [*-jac(np.zeros(N)), right])[:N]
    best = free if name == "half_space" and normal @ free <= right else held
    side = getattr(penalties, "HalfSpace" if name == "half_space" else "Hyperplane")(right)
    for method in [None, "fista", "panoc", "adapgm"]:
        r = steepest.minimize(fun, 10 * rng.normal(size=N), jac=jac, penalty=(side, normal), method=method)
        assert r.success, (method, r.message)
        beyond = normal @ r.x - right
        rounding = 1e-12 * (abs(normal) @ abs(r.x) + abs(right))
        assert (beyond if name == "half_space" else abs(beyond)) <= rounding
        assert fun(r.x) - fun(best) <= 1e-6 * fun(best)


@pytest.mark.parametrize(
    ("penalty", "why"),
    [
        (
            penalties.CappedSimplex(radius=1.0, cap=0.05),
            "12 shares of at most cap=0.05 do not reach radius=1",
        ),
        (penalties.Box(low=1.0, high=0.0), "low=1 is above high=0"),
        ((penalties.Hyperplane(2.0), 0.0), r"its normal \(alpha\) is 0"),
        ((penalties.HalfSpace(-2.0), 0.0), r"its normal \(alpha\) is 0"),
    ],
)
def test_sets_without_a_point_are_refused(penalty: Any, why: str) -> None:
    """Shares too small for their whole were found, of value infinity, and called converged."""
    fun, jac = quadratic(0)
    with pytest.raises(InputError, match=f"allows no point: {why}"):
        steepest.minimize(fun, np.zeros(N), jac=jac, penalty=penalty)


def test_penalties_and_constraints_do_not_go_together() -> None:
    fun, jac = quadratic(0)
    plane = {"type": "eq", "fun": lambda x: x.sum() - 1}
    with pytest.raises(InputError, match="constraints cannot go with the penalty l1: leave one of them out"):
        steepest.minimize(fun, np.zeros(N), jac=jac, penalty="l1", constraints=plane)
    with pytest.raises(InputError, match="no method takes this problem on that has the options memory, away"):
        steepest.minimize(fun, np.zeros(N), jac=jac, options={"memory": 3, "away": True})


def equations(seed: int, rows: int = 4) -> tuple[Floats, Floats]:
    """Rows of very different sizes, of which the last follows from two others."""
    rng = np.random.default_rng(90 + seed)
    A = rng.normal(size=(rows, N)) * 10.0 ** rng.uniform(-3, 3, size=(rows, 1))
    A[:, 3] = 0.0
    A[-1] = A[0] / np.linalg.norm(A[0]) - 2 * A[1] / np.linalg.norm(A[1])
    return A, A @ rng.normal(size=N)


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_point_that_solves_equations_is_that_of_least_squares(seed: int) -> None:
    """x + A⁺(b − A x), by SciPy's lstsq; one FISTA step on half the squared distance is the projection."""
    A, b = equations(seed)
    far = 100 * np.random.default_rng(seed).normal(size=N)
    size = np.linalg.norm(A, axis=1)
    nearest = far + lstsq(A / size[:, None], (b - A @ far) / size)[0]
    r = steepest.minimize(
        lambda x: 0.5 * np.sum((x - far) ** 2), np.zeros(N), jac=lambda x: x - far,
        penalty=("affine", A, b), tol=1e-14,
    )  # fmt: skip
    assert r.success, r.message
    np.testing.assert_allclose(r.x, nearest, atol=1e-9)
    assert np.all(np.abs(A @ r.x - b) <= 1e-12 * (np.abs(A) @ np.abs(r.x) + np.abs(b)))
    sparse = steepest.minimize(
        lambda x: 0.5 * np.sum((x - far) ** 2), np.zeros(N), jac=lambda x: x - far,
        penalty=("affine", csr_array(A), b), tol=1e-14,
    )  # fmt: skip
    np.testing.assert_array_equal(sparse.x, r.x)


@pytest.mark.parametrize("seed", range(4))
def test_the_least_under_equations_solves_the_bordered_system(seed: int) -> None:
    fun, jac = quadratic(seed)
    A, b = equations(seed)
    hessian = np.array([jac(e) - jac(np.zeros(N)) for e in np.eye(N)])
    bordered = np.block([[hessian, A[:3].T], [A[:3], np.zeros((3, 3))]])
    best = np.linalg.solve(bordered, [*-jac(np.zeros(N)), *b[:3]])[:N]
    start = 10 * np.random.default_rng(seed).normal(size=N)
    for method in [None, "fista", "panoc", "adapgm"]:
        r = steepest.minimize(fun, start, jac=jac, penalty=("affine", A, b), method=method)
        assert r.success, (method, r.message)
        assert fun(r.x) - fun(best) <= 1e-6 * fun(best), method
        assert np.all(np.abs(A @ r.x - b) <= 1e-12 * (np.abs(A) @ np.abs(r.x) + np.abs(b))), method


def test_one_equation_is_a_plane_and_names_have_their_own() -> None:
    fun, jac = quadratic(2)
    normal = np.random.default_rng(2).normal(size=N)
    plane = steepest.minimize(fun, np.zeros(N), jac=jac, penalty=(penalties.Hyperplane(1.5), normal))
    for row in [normal, normal[None]]:
        r = steepest.minimize(fun, np.zeros(N), jac=jac, penalty=("affine", row, 1.5))
        np.testing.assert_allclose(r.x, plane.x, atol=1e-6)
    parts = steepest.minimize(
        lambda p: float(np.sum((p["w"] - 1) ** 2) + np.sum(p["b"] ** 2)), {"w": np.zeros((2, 3)), "b": np.ones(2)},
        penalty={"w": ("affine", np.stack([np.ones((2, 3)), np.eye(2, 3)]), [3.0, 0.0])},
    )  # fmt: skip
    assert parts.success, parts.message
    np.testing.assert_allclose([parts.x["w"].sum(), np.trace(parts.x["w"])], [3.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(parts.x["b"], 0.0, atol=1e-3)


@pytest.mark.parametrize("angle", [1e-9, 1e-7, 1e-3])
def test_rows_that_are_all_but_parallel_bear_others_that_follow_from_them(angle: float) -> None:
    A = np.array([[1, 1, 0], [1, 1 + angle, 0], [2, 2, 0], [2, 2 + angle, 0]])
    r = steepest.minimize(lambda x: float(x @ x), np.zeros(3), penalty=("affine", A, A @ [3.0, -1.0, 0.0]))
    assert r.success, r.message
    b = A @ [3.0, -1.0, 0.0]
    assert np.all(np.abs(A @ r.x - b) <= 1e-12 * (np.abs(A) @ np.abs(r.x) + np.abs(b)))


@pytest.mark.parametrize(
    ("A", "b", "why"),
    [
        ([[1, 1, 0], [0, 1, 1], [2, 4, 2]], [1, 1, 5], "row 2 follows from rows 0, 1, which make its right side 4"),
        ([[1, 0, 0], [0, 1, 0], [3, 0, 0]], [1, 1, 2], "row 2 follows from row 0, which makes its right side 3"),
        ([[1, 0, 0], [0, 0, 0]], [1, 2], "row 1 is 0, and 0 does not reach its right side 2"),
        (np.eye(3)[[0, 1, 2, 2]], [1, 2, 3, 3.1], "row 3 follows from row 2, which makes its right side 3; got 3.1"),
        ([[1, 1, 0], [1, 1 + 1e-9, 0], [1, 1, 0]], [1, 2, 1.05], "row 2 follows from row"),
        ([[1, 1, 0], [1, 1 + 1e-7, 0], [3, 3, 0]], [1, 2, 3.0003], "row 2 follows from row"),
    ],
)  # fmt: skip
def test_equations_that_contradict_each_other_are_named(A: Any, b: Any, why: str) -> None:
    with pytest.raises(InputError, match=f"the penalty affine allows no point: {why}"):
        steepest.minimize(lambda x: float(x @ x), np.zeros(3), penalty=("affine", A, b))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ((np.ones((2, 4)), 0.0), r"A of penalty must be numbers in the shape \(rows, 3\); got the shape \(2, 4\)"),
        ((np.ones((0, 3)), 0.0), r"A of penalty must be numbers in the shape \(rows, 3\)"),
        (("all", 0.0), r"A of penalty must be numbers in the shape \(rows, 3\); got 'all'"),
        ((np.eye(3), [1.0, 2.0]), "b of penalty must be a number for each of the 3 rows of A"),
        ((np.diag([1.0, np.nan, 1.0]), 0.0), "A of penalty must be finite; row 1 is not"),
        ((np.eye(3), [1.0, 2.0, np.inf]), "b of penalty must be finite; row 2 is not"),
    ],
)  # fmt: skip
def test_equations_that_are_none_are_refused(given: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        steepest.minimize(lambda x: float(x @ x), np.zeros(3), penalty=("affine", *given))
