"""Many bounds at once: the problems of obstacles, torsion and least squares that others are measured by."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import lsq_linear
from scipy.optimize import minimize as scipy_minimize

import steepest

Array = NDArray[Any]


class Problem:
    """Half x'Ax - b'x within bounds, and how often it was asked."""

    def __init__(self, product: Any, b: Array, x0: Array, low: Array, high: Array) -> None:
        self.product, self.b, self.x0, self.low, self.high = product, b, x0, low, high
        self.calls = 0

    def __call__(self, x: Array) -> tuple[float, Array]:
        self.calls += 1
        a = self.product(x)
        return float(0.5 * x @ a - self.b @ x), a - self.b

    def left(self, x: Array) -> float:
        """How far a projected gradient step leads."""
        g = self.product(x) - self.b
        return float(np.abs(np.clip(x - g, self.low, self.high) - x).max())

    @property
    def bounds(self) -> Array:
        return np.column_stack([self.low, self.high])


def laplace(m: int) -> Any:
    def product(v: Array) -> Array:
        u = np.pad(v.reshape(m, m), 1)
        edges = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        return np.asarray((4 * u[1:-1, 1:-1] - edges).ravel())

    return product


def grid(m: int) -> tuple[Array, Array]:
    t = np.arange(1, m + 1) / (m + 1)
    x, y = np.meshgrid(t, t, indexing="ij")
    return x, y


def obstacle(m: int, start: str) -> Problem:
    """A membrane between two obstacles (More and Toraldo 1991; OBSTCLB of CUTEst)."""
    x, y = grid(m)
    waves = (np.sin(9.2 * x) * np.sin(9.3 * y)).ravel()
    low, high = waves**3, waves**2 + 0.02
    x0 = {"one": np.clip(np.ones(m * m), low, high), "low": low, "high": high}[start]
    return Problem(laplace(m), np.full(m * m, 1 / (m + 1) ** 2), x0, low, high)


def torsion(m: int) -> Problem:
    """A bar that is twisted until parts of it yield (TORSION of CUTEst)."""
    x, y = grid(m)
    rim = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)).ravel()
    return Problem(laplace(m), np.full(m * m, 10 / (m + 1) ** 2), np.zeros(m * m), -rim, rim)


PROBLEMS = {
    "obstacles from 1": lambda: obstacle(20, "one"),
    "from the lower one": lambda: obstacle(20, "low"),
    "from the upper one": lambda: obstacle(20, "high"),
    "torsion": lambda: torsion(20),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_many_bounds_are_met_in_few_steps(name: str) -> None:
    """As few as SciPy's L-BFGS-B at the same accuracy, or nearly, and most of them are reached exactly."""
    ours, theirs = PROBLEMS[name](), PROBLEMS[name]()
    found = steepest.minimize(ours, ours.x0, jac=True, bounds=ours.bounds)
    assert found.success
    assert ours.left(found.x) < 1e-7
    options = {"ftol": 0.0, "gtol": max(ours.left(found.x), 1e-9)}
    peer = scipy_minimize(
        theirs, theirs.x0, jac=True, bounds=theirs.bounds, method="L-BFGS-B", options=options
    )
    assert found.fun <= peer.fun + 1e-12
    assert ours.calls <= 1.2 * theirs.calls + 5
    at_rim = (found.x == ours.low) | (found.x == ours.high)
    near = np.minimum(found.x - ours.low, ours.high - found.x) < 1e-12
    assert np.array_equal(at_rim, near)


def test_sizes_that_start_near_0_by_chance_are_no_units() -> None:
    """Slopes at 0 of least squares in many variables lie far apart, some by chance: it went on without an end."""
    draw = np.random.default_rng(2)
    a = draw.standard_normal((150, 80)) * 10 ** draw.uniform(-1, 1, 80)
    b = draw.standard_normal(150) + a @ np.maximum(draw.standard_normal(80), 0)
    problem = Problem(lambda x: a.T @ (a @ x), a.T @ b, np.zeros(80), np.zeros(80), np.full(80, np.inf))
    found = steepest.minimize(problem, problem.x0, jac=True, bounds=problem.bounds)
    exact = lsq_linear(a, b, (0, np.inf), tol=1e-14)
    assert found.success
    assert problem.calls < 1000
    assert found.fun + 0.5 * b @ b == pytest.approx(exact.cost, rel=1e-9)


def test_a_start_on_a_bound_says_nothing_of_a_size() -> None:
    """x >= 1e-8 from there is no variable of that size."""

    def fun(x: Array) -> tuple[float, Array]:
        r = x[:5] * x[5:] - np.arange(1, 6)
        return float(r @ r), np.concatenate([2 * r * x[5:], 2 * r * x[:5]])

    low = np.r_[np.full(5, 1e-8), np.full(5, -np.inf)]
    x0 = np.r_[np.full(5, -1.0), np.full(5, 1.0)]
    found = steepest.minimize(fun, x0, jac=True, bounds=np.column_stack([low, np.full(10, np.inf)]))
    assert found.success
    assert found.fun < 1e-12
    assert found.nfev < 60


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bounds": (0, 1)}, r"got 0 for x\[0\]; for the same ends everywhere pass \[\(0, 1\)\] \* 3"),
        ({"bounds": (np.zeros(3), np.ones(3))}, r"pass scipy.optimize.Bounds\(low, high\)"),
        ({"bounds": iter([(0, 1), 2, (0, 1)])}, r"got 2 for x\[1\]$"),
        ({"options": {"lr": 0.1}}, "'lr': no rate is needed"),
        ({"options": {"learning_rate": 0.1}, "method": "gradient_descent"}, "'learning_rate': pass rate"),
    ],
)
def test_what_others_write_is_answered_with_how_it_is_written_here(given: Any, words: str) -> None:
    with pytest.raises(steepest.errors.InputError, match=words):
        steepest.minimize(lambda x: x @ x, np.zeros(3), **given)
