"""Constraints beside bounds, in SciPy's words, on problems whose answers are known or that SciPy solves too."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import optimize, sparse

import steepest
from steepest.constraints import read_constraints
from steepest.errors import InputError

INF = np.inf


def rosen(x: Any) -> float:
    return float(optimize.rosen(x))


DISK = {"type": "ineq", "fun": lambda x: 2 - x @ x, "jac": lambda x: -2 * x}
LINE = {"type": "eq", "fun": lambda x: x.sum() - 1}


@pytest.mark.parametrize(
    "constraints",
    [
        DISK,
        [{"type": "ineq", "fun": lambda x, r: r - x @ x, "args": (2,)}],
        optimize.NonlinearConstraint(lambda x: x @ x, -INF, 2),
        (optimize.NonlinearConstraint(lambda x: [x @ x], -INF, [2.0], jac=lambda x: [2 * x]),),
    ],
)
@pytest.mark.parametrize("gradient", [True, False])
def test_a_disk_in_each_of_scipys_ways(constraints: Any, gradient: bool) -> None:
    jac = optimize.rosen_der if gradient else None
    result = steepest.minimize(rosen, [-0.5, 0.5], jac=jac, constraints=constraints)
    assert result.success, result.message
    np.testing.assert_allclose(result.x, [1, 1], atol=1e-3)
    assert result.maxcv < 1e-6
    assert result.method == "sqp"


@pytest.mark.parametrize(
    "a", [np.array([[1.0, 2.0, -1.0], [1.0, 0.0, 1.0]]), sparse.csr_array([[1.0, 2, -1], [1, 0, 1]])]
)
def test_linear_constraints_and_bounds(a: Any) -> None:
    held = optimize.LinearConstraint(a, [-INF, 1], [1, 1])
    fun, jac = (lambda x: float(((x - 3) ** 2).sum())), (lambda x: 2 * (x - 3))
    bounds = [(0, 2)] * 3
    ours = steepest.minimize(fun, np.zeros(3), jac=jac, constraints=held, bounds=bounds)
    theirs = optimize.minimize(
        fun, np.zeros(3), jac=jac, constraints=held, bounds=bounds, method="trust-constr"
    )
    assert ours.success
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-3)
    assert ours.maxcv < 1e-7


@pytest.mark.parametrize("scale", [(1.0, 1.0), (1e-6, 1e5), (1e9, 1e-9), (1e-9, 1e-9)])
@pytest.mark.parametrize("method", ["sqp", "augmented_lagrangian"])
@pytest.mark.parametrize("gradient", [True, False])
def test_the_units_of_the_variables_do_not_matter(
    scale: tuple[float, float], method: str, gradient: bool
) -> None:
    """Hock and Schittkowski 14, with a term that mixes: line and ellipse meet where 8 v² - 4 v = 3, u = 2 v - 1."""
    s, calls = np.array(scale), 0

    def fun(x: Any) -> float:
        nonlocal calls
        calls += 1
        u, v = x / s
        return float((u - 2) ** 2 + (v - 1) ** 2 + (u * v - 1) ** 2)

    def jac(x: Any) -> Any:
        u, v = x / s
        return np.array([2 * (u - 2) + 2 * (u * v - 1) * v, 2 * (v - 1) + 2 * (u * v - 1) * u]) / s

    held = [
        {"type": "eq", "fun": lambda x: x[0] / s[0] - 2 * x[1] / s[1] + 1},
        {"type": "ineq", "fun": lambda x: 1 - (x[0] / s[0]) ** 2 / 4 - (x[1] / s[1]) ** 2},
    ]
    r = steepest.minimize(fun, 2 * s, jac=jac if gradient else None, constraints=held, method=method)
    v = (1 + np.sqrt(7)) / 4
    assert r.success, r.message
    assert r.maxcv < 1e-7
    np.testing.assert_allclose(r.x / s, [2 * v - 1, v], atol=1e-6)
    # 59 and 87 where both are 1, and by differences 126 and 204
    assert calls <= (120 if gradient else 260)


@pytest.mark.parametrize("method", ["sqp", "augmented_lagrangian"])
@pytest.mark.parametrize("start", [5.0, 20.0, 40.0, 100.0])
def test_a_constraint_is_far_steeper_where_the_descent_starts(method: str, start: float) -> None:
    """exp(x) <= 1 is e^start times as steep there as at the answer (0, 1), the square is least at (3, 1)."""

    def grown(x: Any) -> Any:
        # looks around an answer go as far as that overflows
        with np.errstate(over="ignore"):
            return np.exp(x[0])

    held = optimize.NonlinearConstraint(grown, -INF, 1)
    r = steepest.minimize(
        lambda x: float((x[0] - 3) ** 2 + (x[1] - 1) ** 2), [start, 0.0], constraints=held, method=method
    )
    assert r.success, r.message
    assert r.maxcv < 1e-6
    np.testing.assert_allclose(r.x, [0, 1], atol=1e-5)
    assert r.nfev < 1000


def test_random_convex_problems_are_as_slsqp_has_them() -> None:
    """Quadratics under random half-spaces and an equation, of several scales."""
    for seed, scale in itertools.product(range(4), (1e-3, 1.0, 1e3)):
        random = np.random.default_rng(seed)
        n = 5
        root = random.normal(size=(n, n))
        q, p = root @ root.T + np.eye(n), random.normal(size=n)
        a, b = random.normal(size=(3, n)), random.uniform(0.1, 1, 3)

        def fun(x: Any, q: Any = q, p: Any = p, s: float = scale) -> float:
            return float(0.5 * (x / s) @ q @ (x / s) + p @ (x / s) * 5)

        def jac(x: Any, q: Any = q, p: Any = p, s: float = scale) -> Any:
            return (q @ (x / s) + 5 * p) / s

        constraints = [
            {"type": "ineq", "fun": lambda x, a=a, b=b, s=scale: b - a @ (x / s)},
            {"type": "eq", "fun": lambda x, s=scale: 100 * ((x / s).sum() - 0.1)},
        ]
        ours = steepest.minimize(fun, np.zeros(n), jac=jac, constraints=constraints)
        reference = optimize.minimize(
            lambda u, f=fun, s=scale: f(u * s),
            np.zeros(n),
            constraints=[
                {"type": "ineq", "fun": lambda u, a=a, b=b: b - a @ u},
                {"type": "eq", "fun": lambda u: u.sum() - 0.1},
            ],
            options={"ftol": 1e-12},
        )
        assert ours.success, (seed, scale, ours.message)
        np.testing.assert_allclose(ours.x / scale, reference.x, atol=2e-3)
        assert ours.maxcv < 1e-5


def _gradient(fun: Any) -> Any:
    """By steps along the imaginary axis: exact."""
    return lambda x: np.array([np.imag(fun(x + 1e-20j * e)) / 1e-20 for e in np.eye(len(x))])


@pytest.mark.parametrize(
    ("fun", "held", "x0", "least", "most"),
    [
        # Maratos 1978: no whole step of plain quadratic models is one, however near the end is
        (lambda x: 2 * (x @ x - 1) - x[0], lambda x: x @ x - 1, [0.5, 0.87], -1.0, 60),
        # Hock and Schittkowski 26: the least is 0, of the fourth order
        (
            lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4,
            lambda x: (1 + x[1] ** 2) * x[0] + x[2] ** 4 - 3,
            [-2.6, 2.0, 2.0],
            0.0,
            200,
        ),
        # Hock and Schittkowski 39 and 78, as one equation each is left out of 78
        (
            lambda x: -x[0],
            lambda x: np.array([x[1] - x[0] ** 3 - x[2] ** 2, x[0] ** 2 - x[1] - x[3] ** 2]),
            [2.0] * 4,
            -1.0,
            80,
        ),
        (
            lambda x: np.prod(x),
            lambda x: np.array([x @ x - 10, x[1] * x[2] - 5 * x[3] * x[4], x[0] ** 3 + x[1] ** 3 + 1]),
            [-2, 1.5, 2, -1, -1],
            -2.91970041,
            70,
        ),
    ],
)
def test_quadratic_models_take_few_evaluations(fun: Any, held: Any, x0: Any, least: float, most: int) -> None:
    """A few times SLSQP’s, which looks at nothing before it claims; rounds alone take hundreds."""
    constraint = {"type": "eq", "fun": held, "jac": _gradient(held)}
    if np.ndim(held(np.array(x0, float))) > 0:
        constraint["jac"] = lambda x: _gradient(held)(x).T
    result = steepest.minimize(fun, x0, jac=_gradient(fun), constraints=constraint)
    assert result.success
    assert result.method == "sqp"
    assert result.maxcv < 1e-7
    np.testing.assert_allclose(result.fun, least, atol=1e-6)
    assert result.nfev < most


@pytest.mark.parametrize("jac", [True, False])
def test_an_answer_is_confirmed_by_a_few_values(jac: bool) -> None:
    """Rounds of the augmented Lagrangian that began at the answer had taken three quarters of all calls."""
    ring = {"type": "eq", "fun": lambda x: x @ x - 1} | ({"jac": lambda x: 2 * x} if jac else {})
    r = steepest.minimize(
        lambda x: x[0] + x[1], [1.0, 0.0], jac=(lambda x: np.ones(2)) if jac else None, constraints=ring
    )
    assert r.success
    assert r.nfev <= (20 if jac else 55)
    np.testing.assert_allclose(r.x, -np.sqrt(0.5), atol=1e-6)
    np.testing.assert_allclose(r.jac, 1.0, atol=1e-6)


def test_a_jacobian_that_is_wrong_by_little_is_told_by_the_looks() -> None:
    """Hock and Schittkowski 71; no entry is off by what the check of Jacobians alone would name."""
    off = 1 + 1e-4 * np.sin(1 + np.arange(4))
    held = [
        {"type": "eq", "fun": lambda x: x @ x - 40, "jac": lambda x: 2 * x * off},
        {"type": "ineq", "fun": lambda x: np.prod(x) - 25, "jac": lambda x: np.prod(x) / x * off},
    ]
    r = steepest.minimize(
        lambda x: x[0] * x[3] * x[:3].sum() + x[2], [1.0, 5, 5, 1], constraints=held, bounds=[(1, 5)] * 4,
        jac=lambda x: np.array([x[3] * (2 * x[0] + x[1] + x[2]), x[0] * x[3], x[0] * x[3] + 1, x[0] * x[:3].sum()]),
    )  # fmt: skip
    assert r.outcome == "gradient_inconsistent"
    assert r.nfev <= 40


def test_where_no_step_meets_the_constraints_it_goes_as_near_as_one_comes() -> None:
    """Hock and Schittkowski 63: at the start the plane and the sphere as bent there meet outside of the bounds."""
    held = [
        {"type": "eq", "fun": lambda x: 8 * x[0] + 14 * x[1] + 7 * x[2] - 56},
        {"type": "eq", "fun": lambda x: x @ x - 25},
    ]
    fun = lambda x: 1000 - x[0] ** 2 - 2 * x[1] ** 2 - x[2] ** 2 - x[0] * x[1] - x[0] * x[2]  # noqa: E731
    r = steepest.minimize(fun, [2.0] * 3, constraints=held, bounds=[(0, None)] * 3)
    assert r.success
    np.testing.assert_allclose(r.fun, 961.7151721, rtol=1e-7)
    assert r.nfev < 150


def test_quadratic_models_that_contradict_each_other_are_left() -> None:
    """At the start no step meets both as they are bent there; a point further off does."""
    held = [
        {"type": "ineq", "fun": lambda x: x[0] ** 2 - 4},
        {"type": "eq", "fun": lambda x: x[1] - x[0] ** 2},
    ]
    result = steepest.minimize(lambda x: (x[0] - 3) ** 2 + x[1] ** 2, [0.0, 1.0], constraints=held)
    assert result.success
    np.testing.assert_allclose(np.abs(result.x), [2, 4], atol=1e-4)


def test_parts_with_names_have_constraints_too() -> None:
    held = {"type": "eq", "fun": lambda x: x["w"].sum() + x["b"] - 1}
    start = {"w": np.zeros(2), "b": 0.0}
    result = steepest.minimize(lambda x: float(x["w"] @ x["w"] + x["b"] ** 2), start, constraints=held)
    np.testing.assert_allclose(np.append(result.x["w"], result.x["b"]), 1 / 3, atol=1e-4)


def test_what_no_point_meets_is_no_success() -> None:
    held = [{"type": "ineq", "fun": lambda x: x[0] - 1}, {"type": "ineq", "fun": lambda x: -x[0]}]
    result = steepest.minimize(lambda x: float(x @ x), [0.3, 0.3], constraints=held)
    assert not result.success
    assert result.outcome == "infeasible"
    assert result.maxcv > 0.4


@pytest.mark.parametrize("jac", [True, False])
@pytest.mark.parametrize(
    ("held", "slope", "kind", "where"),
    [
        (lambda x: -(x @ x) - 1, lambda x: -2 * x, "ineq", [0, 0]),
        (lambda x: x @ x + 1, lambda x: 2 * x, "eq", [0, 0]),
        (lambda x: -(x[0] ** 2) - 1, lambda x: np.array([-2 * x[0], 0]), "ineq", [0]),
        (
            lambda x: 1 - np.cosh(x[0]) - x[1] ** 2 - 3,
            lambda x: np.array([-np.sinh(x[0]), -2 * x[1]]),
            "ineq",
            [0, 0],
        ),
    ],
)
def test_what_curved_constraints_are_nearest_to_is_called_infeasible(
    held: Any, slope: Any, kind: str, where: Any, jac: bool
) -> None:
    """Their slopes vanish there, and what the models take them to cost grows without end: no number, or stuck."""
    constraint = {"type": kind, "fun": held} | ({"jac": slope} if jac else {})
    with np.errstate(over="ignore"):
        r = steepest.minimize(lambda x: float(((x - 3) ** 2).sum()), [0.5, 0.5], constraints=constraint)
    assert (r.outcome, r.success) == ("infeasible", False), r.message
    np.testing.assert_allclose(r.x[: len(where)], where, atol=1e-2)
    assert abs(r.maxcv - abs(held(np.zeros(2)))) < 1e-3


def test_without_constraints_none_are_missed() -> None:
    assert steepest.minimize(rosen, [0.0, 0.0]).maxcv == 0
    assert steepest.minimize(rosen, [0.0, 0.0], constraints=[]).method == "lbfgs"
    assert steepest.minimize(rosen, [0.0, 0.0], constraints=None).success


@pytest.mark.parametrize(
    ("constraints", "says"),
    [
        ({"type": "eq"}, "must have a function as its fun"),
        ({"type": "equal", "fun": len}, "'eq'"),
        (3, "SciPy's constraints"),
        ([3], r"constraints\[0\] must be a LinearConstraint"),
        (optimize.Bounds(0, 1), "pass it as bounds="),
        (optimize.LinearConstraint(np.eye(3), 0, 1), "must have 2 columns"),
        (optimize.LinearConstraint(np.eye(2), 2, 1), "lb <= ub"),
        (optimize.NonlinearConstraint(lambda x: x, [0, 0, 0], 1), "as many"),
        ({"type": "eq", "fun": lambda x: "text"}, "must return numbers"),
        ({"type": "ineq", "fun": lambda x: x.sum() <= -2}, "not whether it holds"),
        ({"type": "ineq", "fun": lambda x: [x[0] <= -2, x[1] >= 0]}, "not whether it holds"),
        (optimize.NonlinearConstraint(lambda x: x <= -2, 1, 1), "not whether it holds"),
        ({"type": "eq", "fun": lambda x: x[0], "jac": lambda x: np.zeros(3)}, "must have the shape"),
    ],
)
def test_what_is_no_constraint_is_refused(constraints: Any, says: str) -> None:
    with pytest.raises((InputError, ValueError), match=says):
        steepest.minimize(rosen, [0.0, 0.0], constraints=constraints)


@pytest.mark.parametrize("jac", [True, False])
def test_what_a_constraint_writes_into_its_x_is_nobody_elses(jac: bool) -> None:
    def writes(function: Any) -> Any:
        def of(x: Any) -> Any:
            value = function(x)
            x[...] = 17.0
            return value

        return of

    def parts(kept: Any) -> list[Any]:
        ring = optimize.NonlinearConstraint(
            kept(lambda x: x @ x), 1, 2, **({"jac": kept(lambda x: 2 * x)} if jac else {})
        )
        plane = {"type": "ineq", "fun": kept(lambda x: 1 - x[0])}
        return [plane | ({"jac": kept(lambda x: np.array([-1.0, 0]))} if jac else {}), ring]

    start = np.array([-0.5, 0.5])
    for x0 in (start, {"a": start}):
        named = isinstance(x0, dict)
        inner = (lambda f: lambda x: f(x["a"])) if named else (lambda f: f)
        ours, pure = (
            steepest.minimize(inner(rosen), x0, constraints=parts(lambda f, i=inner, k=keeps: i(k(f))))
            for keeps in (writes, lambda f: f)
        )
        assert ours.success, ours.message
        np.testing.assert_array_equal(*((r.x["a"] if named else r.x) for r in (ours, pure)))
    assert (start == [-0.5, 0.5]).all()


@pytest.mark.parametrize("kind", ["EQ", "Eq", "INEQ"])
def test_the_type_of_a_constraint_may_be_spelled_as_scipy_lets_it(kind: str) -> None:
    held = {"type": kind, "fun": lambda x: x.sum() - 1}
    ours, theirs = (
        m(lambda x: x @ x, [0.0, 3.0], constraints=held) for m in (steepest.minimize, optimize.minimize)
    )
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-6)


def test_sparse_jacobians_stay_sparse() -> None:
    """They had been made dense at every point."""
    n = 800
    a = sparse.diags_array([np.ones(n), np.ones(n - 1)], offsets=[0, 1], shape=(n // 2, n)).tocsr()

    for whole in (False, True):
        held = optimize.LinearConstraint(a.astype(np.int64) if whole else a, -np.inf, 0.5)
        curved = optimize.NonlinearConstraint(lambda x: a @ x**2, 0, 2, jac=lambda x: a * (2 * x))
        both = read_constraints([held, curved], np.ones(n), lambda x: x)
        assert both is not None
        x, by = np.linspace(-1, 1, n), np.linspace(0, 1, n)
        want = a.T @ by[: n // 2] + (a * (2 * x)).T @ by[n // 2 :]
        np.testing.assert_allclose(both.pull(x, by), want, atol=1e-12)
        assert all(sparse.issparse(rows) for rows in both._rows)
        assert both.findings(x) == []
        assert both.gradients(x).shape == (n, n)
    one = read_constraints(optimize.LinearConstraint(np.eye(3), 0, 1), np.zeros(3), lambda x: x)
    assert one is not None
    np.testing.assert_array_equal(one.pull(np.zeros(3), np.array([0, 2.0, 0])), [0, 2, 0])


def test_other_methods_refuse_them_by_name() -> None:
    for method in ("lbfgs", "adam", "newton"):
        with pytest.raises((InputError, ValueError), match="augmented_lagrangian"):
            steepest.minimize(rosen, [0.0, 0.0], constraints=DISK, method=method)
    with pytest.raises((InputError, ValueError), match="needs some beside bounds"):
        steepest.minimize(rosen, [0.0, 0.0], method="augmented_lagrangian")


def test_an_error_inside_a_constraint_comes_out_as_itself() -> None:
    seen = []

    def fun(x: Any) -> float:
        seen.append(1)
        if len(seen) > 5:
            raise ZeroDivisionError("inside")
        return float(x[0])

    with pytest.raises(ZeroDivisionError, match="inside"):
        steepest.minimize(rosen, [0.0, 0.0], constraints={"type": "ineq", "fun": fun})


def test_a_wrong_jacobian_of_a_constraint_is_named() -> None:
    def ring(by: float) -> Any:
        return optimize.NonlinearConstraint(lambda x: x @ x, 1.0, 1.0, lambda x: [by * x])

    line = {"type": "ineq", "fun": lambda x: x[0] + 2.0, "jac": lambda x: np.array([1.0, 0.0])}
    fun, jac = lambda x: 2.0 * (x @ x - 1.0) - x[0], lambda x: 4.0 * x - np.array([1.0, 0.0])
    start = [0.5, 0.8]
    r = steepest.minimize(fun, start, jac=jac, constraints=[line, ring(4.0)])
    assert r.outcome == "gradient_inconsistent"
    named = [f.sentence for f in r.findings if f.kind == "jacobian_inconsistent"]
    assert len(named) == 1
    assert "The jac of constraints[1] is not that of its function" in named[0]
    right = steepest.minimize(fun, start, jac=jac, constraints=[line, ring(2.0)])
    assert right.success
    assert np.abs(right.x - [1.0, 0.0]).max() < 1e-5


@pytest.mark.parametrize("kind", ["eq", "ineq"])
@pytest.mark.parametrize("rows", [[1.0, -1.0], [1.0, 0.5], [-1.0, -1.0], [0.0, 0.0], [1.0, 1.01]])
def test_a_wrong_jacobian_is_named_before_a_step_is_taken(kind: str, rows: list[float]) -> None:
    """Without a gradient of fun it had taken up to a hundred thousand evaluations, or been called converged."""
    plane = {"type": kind, "fun": lambda x: 2 - x.sum(), "jac": lambda x: -np.array(rows)}
    r = steepest.minimize(lambda x: float(((x - 3) ** 2).sum()), [0.0, 0.0], constraints=plane)
    assert (r.success, r.outcome, r.status) == (False, "gradient_inconsistent", 7)
    assert "The jac of constraints[0] is not that of its function" in r.message
    assert r.nfev < 30


def test_a_jacobian_that_is_right_is_not_called_wrong() -> None:
    """Beside noise, at a kink, at the edge of what is a number, beside bounds, in other units."""
    rng = np.random.default_rng(0)
    noisy = lambda x: np.array([2 - x.sum() + 1e-7 * rng.normal()])  # noqa: E731
    cases: list[tuple[Any, Any, list[float]]] = [
        (noisy, lambda x: [[-1.0, -1.0]], [0.0, 0.0]),
        (lambda x: [2 - abs(x[0]) - x[1]], lambda x: [[-1.0, -1.0]], [0.0, 0.0]),
        (lambda x: [np.sqrt(x[0]) - 0.1], lambda x: [[0.5 / np.sqrt(max(x[0], 1e-300)), 0.0]], [1e-9, 0.5]),
        (lambda x: [1e9 * (2 - x[0] ** 3 - x[1])], lambda x: [[-3e9 * x[0] ** 2, -1e9]], [0.0, 0.0]),
        (
            lambda x: [np.tanh(1e9 * x[0]) - x[1]],
            lambda x: [[1e9 / np.cosh(1e9 * x[0]) ** 2, -1.0]],
            [2e-9, 0.5],
        ),
        (lambda x: [1e-9 * (2 - np.exp(x[0]) - x[1])], lambda x: [[-1e-9 * np.exp(x[0]), -1e-9]], [0.0, 0.0]),
    ]
    for fun, jac, start in cases:
        held = read_constraints(
            optimize.NonlinearConstraint(fun, 0.0, np.inf, jac), np.array(start), lambda x: x,
            (np.zeros(2), np.full(2, 3.0)),
        )  # fmt: skip
        assert held is not None
        assert held.findings(np.array(start)) == []


def test_a_jacobian_found_by_differences_is_known_as_such():
    """The Lagrangian's gradient is then no better than it, and a right gradient is not blamed for that."""
    from steepest.objective import Function

    def of(*constraints):
        return Function.of(lambda x: x @ x, [1.0, 2.0], constraints=constraints).request()["constraints"][-1]

    plane = {"type": "eq", "fun": lambda x: x.sum() - 1}
    assert of(plane)
    assert not of(plane | {"jac": lambda x: np.ones(2)})
    assert of(plane, plane | {"jac": lambda x: np.ones(2)})


def test_keep_feasible_of_a_constraint_is_not_silently_dropped() -> None:
    disk = optimize.NonlinearConstraint(lambda x: x @ x, -np.inf, 1.0, keep_feasible=True)
    r = steepest.minimize(rosen, [0.0, 0.0], constraints=disk)
    assert [f.kind for f in r.findings].count("feasibility_not_kept") == 1


def _generated(seed: int) -> tuple[Any, Any, Any, Any, Any, Any, int]:
    """A polynomial of the fourth degree, convex or not, under bent equations and inequalities, in any units."""
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 9))
    equations, others = int(random.integers(0, n // 2 + 1)), int(random.integers(0, 4))
    others = max(others, 1 - equations)
    m = equations + others
    unit, units = 10 ** random.uniform(-3, 3), 10 ** random.uniform(-3, 3, m)
    root = random.normal(size=(n, n))
    q = root @ root.T * random.uniform(0, 1) + np.diag(random.normal(size=n)) * (random.random() < 0.4)
    p = random.normal(size=n)
    a = random.normal(size=(m, n))
    b = [random.normal(size=(n, n)) * 0.3 * (random.random() < 0.6) for _ in range(m)]

    def bent(x: Any) -> Any:
        return a @ x + np.array([x @ b @ x for b in b])

    inside = random.normal(size=n)
    at = bent(inside) - np.append(np.zeros(equations), random.uniform(0, 1, others))

    def fun(x: Any) -> tuple[float, Any]:
        return unit * (0.5 * x @ q @ x + p @ x + 0.1 * (x**4).sum()), unit * (q @ x + p + 0.4 * x**3)

    def held(x: Any) -> Any:
        return units * (bent(x) - at)

    def rows(x: Any) -> Any:
        return units[:, None] * (a + np.array([(b + b.T) @ x for b in b]))

    bounds = [(-3.0, 3.0)] * n if random.random() < 0.3 else None
    return fun, held, rows, units, random.normal(size=n) * 2, bounds, equations


@pytest.mark.parametrize("block", range(4))
def test_what_is_claimed_meets_the_conditions_of_first_order(block: int) -> None:
    """Karush, Kuhn and Tucker's, with multipliers of the right signs found by non-negative least squares."""
    claimed = 0
    for seed in range(25 * block, 25 * block + 25):
        fun, held, rows, units, x0, bounds, equations = _generated(seed)
        constraints = [
            {"type": kind, "fun": lambda x, f=held, s=part: f(x)[s], "jac": lambda x, f=rows, s=part: f(x)[s]}
            for kind, part in (("eq", slice(equations)), ("ineq", slice(equations, None)))
            if len(units[part])
        ]
        result = steepest.minimize(fun, x0, jac=True, constraints=constraints, bounds=bounds)
        if not result.success:
            continue
        claimed += 1
        c, jacobian = held(result.x) / units, rows(result.x) / units[:, None]
        missed = max(np.abs(c[:equations]).max(initial=0), (-c[equations:]).max(initial=0))
        assert missed < 1e-5, seed
        normals = [*jacobian[:equations], *-jacobian[:equations], *jacobian[equations:][c[equations:] < 1e-5]]
        if bounds is not None:
            e = np.eye(result.x.size)
            normals += [*e[result.x < -3 + 1e-7], *-e[result.x > 3 - 1e-7]]
        slope = fun(result.x)[1]
        left = optimize.nnls(np.array(normals).T, slope)[1] if normals else np.linalg.norm(slope)
        steep = max(np.linalg.norm(slope), np.abs(fun(x0)[1]).max())
        assert left <= 2e-3 * steep, seed
    assert claimed >= 24


@pytest.mark.parametrize("n", [3, 5, 12])
@pytest.mark.parametrize("jac", [True, False])
@pytest.mark.parametrize("bent", [True, False])
def test_a_saddle_across_the_plane_that_the_start_lies_in_is_left(n: int, jac: bool, bent: bool) -> None:
    """No step leaves a plane of symmetry, and models learn along steps alone: along it all looks like the least."""
    for seed in range(3):
        random = np.random.default_rng([n, seed, bent])
        q, _ = np.linalg.qr(random.normal(size=(n, n)))
        turn = q if seed else np.eye(n)
        curvatures, slopes, a = 10 ** random.uniform(-1, 1, n), random.normal(size=n), random.normal(size=n)
        curvatures[-1] = slopes[-1] = a[-1] = 0.0
        round_ = np.where(np.arange(n) < n - 1, 0.3 * bent, 0.0)

        def fun(x: Any, turn: Any = turn, own: Any = (curvatures, slopes)) -> float:
            u = turn.T @ x
            return own[0] @ u**2 / 2 + own[1] @ u - u[-1] ** 2 + u[-1] ** 4

        def slope(x: Any, turn: Any = turn, own: Any = (curvatures, slopes)) -> Any:
            u = turn.T @ x
            last = np.where(np.arange(len(u)) == len(u) - 1, 1.0, 0.0)
            return turn @ (own[0] * u + own[1] + last * (4 * u**3 - 2 * u))

        def held(x: Any, turn: Any = turn, a: Any = a, round_: Any = round_) -> float:
            u = turn.T @ x
            return a @ u + round_ @ u**2 - 1

        def row(x: Any, turn: Any = turn, a: Any = a, round_: Any = round_) -> Any:
            return turn @ (a + 2 * round_ * (turn.T @ x))

        start = random.normal(size=n)
        start[-1] = 0.0
        result = steepest.minimize(
            fun,
            turn @ start,
            jac=slope if jac else None,
            constraints={"type": "eq", "fun": held} | ({"jac": row} if jac else {}),
        )
        assert result.success, seed
        np.testing.assert_allclose(abs((turn.T @ result.x)[-1]), np.sqrt(0.5), atol=1e-4)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    "edge", [lambda x: np.sqrt(2 - x[0]), lambda x: (2 - x[0]) * (1 + np.sqrt(2 - x[0]))]
)
@pytest.mark.parametrize("x0", [[0.0, 0.0], [1.0, 1.0]])
def test_a_constraint_that_is_no_number_beyond_its_limit_is_met_there(edge: Any, x0: list[float]) -> None:
    """Differences to both sides would ask for the root of what is below 0 at the very answer."""
    constraints = {"type": "ineq", "fun": edge}
    result = steepest.minimize(
        lambda x: ((x - 3) ** 2).sum(), x0, jac=lambda x: 2 * (x - 3), constraints=constraints
    )
    assert result.outcome in ("converged", "plateau")
    assert result.x == pytest.approx([2, 3], abs=1e-4)


@pytest.mark.parametrize("jac", [True, False])
def test_a_start_that_is_level_and_no_least_point_is_left(jac: bool) -> None:
    """Eigenvectors are level on the sphere: all but those of the least eigenvalue are saddles, or the greatest."""
    for seed in range(3):
        random = np.random.default_rng(seed)
        n = int(random.integers(2, 6))
        a = random.normal(size=(n, n))
        a += a.T
        least, vectors = np.linalg.eigh(a)
        sphere: dict[str, Any] = {"type": "eq", "fun": lambda x: x @ x - 1}
        for start in vectors.T[1:]:
            r = steepest.minimize(
                lambda x, a=a: x @ a @ x,
                start,
                jac=(lambda x, a=a: 2 * a @ x) if jac else None,
                constraints=sphere | ({"jac": lambda x: 2 * x} if jac else {}),
            )
            assert r.success
            assert r.fun == pytest.approx(least[0], rel=1e-5)


@pytest.mark.parametrize("seed", [0, 6, 11, 17, 23])
def test_the_least_of_the_largest_of_several_is_that_of_the_linear_program(seed: int) -> None:
    """Its Lagrangian does not bend: models that bend by next to nothing had met constraints by few digits."""
    random = np.random.default_rng(seed)
    n, m = int(random.integers(1, 5)), int(random.integers(2, 9))
    a, b = random.normal(size=(m, n)), random.normal(size=m)
    r = steepest.minimize(
        lambda z: z[-1],
        np.append(random.normal(size=n), 5.0),
        constraints={"type": "ineq", "fun": lambda z: z[-1] - np.abs(a @ z[:-1] - b)},
    )
    rows = np.vstack([np.c_[a, -np.ones(m)], np.c_[-a, -np.ones(m)]])
    cost = np.append(np.zeros(n), 1.0)
    least = optimize.linprog(cost, rows, np.append(b, -b), bounds=(None, None)).fun
    assert r.fun == pytest.approx(least, abs=1e-5)


def test_where_no_multipliers_are_nothing_is_claimed_above_the_least() -> None:
    """At the least point, (1, 0), the gradients of both constraints lie on one line, which that of f is not on."""
    cusp = [
        {"type": "ineq", "fun": lambda x: (1 - x[0]) ** 3 - x[1]},
        {"type": "ineq", "fun": lambda x: x[1]},
    ]
    for start in itertools.product([-0.45, 0.1, 0.9], [0.2, 0.9]):
        r = steepest.minimize(lambda x: -x[0], start, constraints=cusp)
        assert not r.success or r.fun < -1 + 1e-3, start


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_what_falls_without_end_within_the_constraints_is_unbounded() -> None:
    for fun in (lambda x: x[0] ** 3, lambda x: -np.exp(-x[0] / 10), lambda x: 5 * x[0]):
        r = steepest.minimize(fun, [0.3], constraints={"type": "ineq", "fun": lambda x: 2 - x[0]})
        assert r.outcome == "unbounded"


def test_rounds_that_find_the_same_again_come_to_an_end() -> None:
    """Whole numbers have no slopes: 21 042 calls."""
    calls = 0

    def rounded(x: Any) -> float:
        nonlocal calls
        calls += 1
        return float(((np.round(x) - [2.2, 7.6]) ** 2).sum())

    room = {"type": "ineq", "fun": lambda x: 12 - x.sum()}
    steepest.minimize(rounded, [6.3, 2.1], constraints=room, bounds=[(0, 10)] * 2)
    assert calls < 8000


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1.0, 1e6])
@pytest.mark.parametrize("method", [None, "augmented_lagrangian"])
def test_constraints_are_differenced_by_each_variables_own_size(size: float, method: str | None) -> None:
    """Steps of 6e-6 reach from bound to bound of a variable of 1e-9."""
    units = size * np.array([1.0, 3.0])
    result = steepest.minimize(
        lambda x: float(((x / units - [2.0, 1.0]) ** 2).sum()),
        [0.7 * units[0], 0.6 * units[1]],
        jac=lambda x: 2 * (x / units - [2.0, 1.0]) / units,
        bounds=[(0.0, 1.5 * units[0]), (0.0, 0.4 * units[1])],
        constraints={"type": "eq", "fun": lambda x: ((x / units) ** 2).sum() + np.sin(x[0] / units[0]) - 1.5},
        method=method,
    )
    assert result.success
    # At the bound of the second: x² + sin x = 1.34.
    x = optimize.brentq(lambda x: x * x + np.sin(x) - 1.34, 0, 1.5)
    np.testing.assert_allclose(result.x / units, [x, 0.4], rtol=1e-6)


def test_a_constraint_that_a_small_step_leaves_as_it_is_gets_a_longer_one() -> None:
    """A variable that begins near 0 by chance is not of that size."""
    held = {"type": "eq", "fun": lambda x: 1e3 + x[0] + x[1] ** 2 - 1004}
    result = steepest.minimize(lambda x: float(x[0] ** 2 + (x[1] - 3) ** 2), [1e-6, 2.0], constraints=held)
    assert result.success
    y = np.roots([2, 0, -7, -3])
    least = min(float((4 - v**2) ** 2 + (v - 3) ** 2) for v in y.real)
    assert abs(result.fun - least) < 1e-6


@pytest.mark.parametrize("method", [None, "augmented_lagrangian"])
@pytest.mark.parametrize("size", [1e4, 1e7])
@pytest.mark.parametrize("curved", [False, True])
def test_from_far_off_constraints_are_met_and_the_least_is_found(
    method: str | None, size: float, curved: bool
) -> None:
    """By what x and the constraints are where it ends: at the start a ball may be missed by 1e14."""
    for seed in range(5):
        r = np.random.default_rng(seed)
        n = int(r.integers(2, 5))
        turned = np.linalg.qr(r.standard_normal((n, n)))[0]
        matrix, at = turned * 10 ** r.uniform(0, 3, n) @ turned.T, r.standard_normal(n)
        off = float(r.choice([0.0, 1.0, -300.0]))
        if curved:
            radius = 0.5 * np.linalg.norm(at)
            found = lambda m: np.linalg.solve(matrix + m * np.eye(n), matrix @ at)  # noqa: B023, E731
            x = found(optimize.brentq(lambda m: np.linalg.norm(found(m)) - radius, 0, 1e9))  # noqa: B023
            held: Any = {"type": "ineq", "fun": lambda x, r=radius: r**2 - x @ x, "jac": lambda x: -2 * x}
        else:
            normal = r.standard_normal((1, n))
            held = optimize.LinearConstraint(normal, 0.5, 0.5)
            system = np.block([[matrix, normal.T], [normal, np.zeros((1, 1))]])
            x = np.linalg.solve(system, np.r_[matrix @ at, 0.5])[:n]

        def fun(x: Any, m: Any = matrix, a: Any = at, f: float = off) -> float:
            return float(0.5 * (x - a) @ m @ (x - a) + f)

        result = steepest.minimize(
            fun,
            size * r.standard_normal(n),
            jac=lambda x, m=matrix, a=at: m @ (x - a),
            constraints=held,
            method=method,
        )
        least = fun(x)
        if method is None:
            assert result.success, (seed, result.message)
        if result.success:
            assert result.maxcv <= 1e-5, (seed, result.maxcv)
            assert abs(result.fun - least) <= 1e-5 * max(1.0, abs(least)), (seed, result.fun - least)


def test_constraints_without_a_part_of_a_variable_are_looked_at_once() -> None:
    """Each of many is of two variables: two values each tell, once that is known."""
    n, calls = 20, 0

    def values(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return x[1:] * x[:-1]

    held = read_constraints({"type": "ineq", "fun": values}, np.full(n, 0.5), lambda x: x)
    assert held is not None
    rows = np.diag(np.full(n, 0.5))[:-1] + np.eye(n - 1, n, 1) * 0.5
    for k in range(3):
        calls = 0
        np.testing.assert_allclose(held.gradients(np.full(n, 0.5) + 1e-9 * k), rows, atol=1e-8)
        assert calls == (1 + 4 * n if k == 0 else 1 + 2 * n)
