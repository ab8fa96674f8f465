"""Without `jac`: gradients by differences, on functions of every size, storage and noise, at SciPy's cost."""

import numpy as np
import pytest
import scipy.optimize

import steepest
from steepest.errors import InputError


def counted(fun):
    calls = [0]

    def counting(x):
        calls[0] += 1
        return fun(x)

    return counting, calls


def quadratic(seed, condition):
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 7))
    q, _ = np.linalg.qr(random.normal(size=(n, n)))
    a, b = q * np.logspace(0, np.log10(condition), n) @ q.T, 3 * random.normal(size=n)
    least = np.linalg.solve(a, -b)

    def fun(x):
        return float(0.5 * x @ a @ x + b @ x)

    return fun, 3 * random.normal(size=n), fun(least)


@pytest.mark.parametrize("condition", [10.0, 1e3])
def test_evaluations_beside_scipys(condition):
    ratios = []
    for seed in range(12):
        fun, start, least = quadratic(seed, condition)
        r = steepest.minimize(fun, start)
        other = scipy.optimize.minimize(fun, start, method="L-BFGS-B")
        assert r.success, (seed, r.message)
        assert r.fun - least <= 1e-6 * max(abs(least), 1e-6 * (fun(start) - least))
        ratios.append(r.nfev / other.nfev)
    assert max(ratios) < 20
    assert np.exp(np.log(ratios).mean()) < 2.0


@pytest.mark.parametrize(
    "fun",
    [
        lambda x: np.sum((x.astype("f4") - np.float32(3)) ** 2),
        lambda x: float(np.sum((x.astype("f4") - np.float32(3)) ** 2)),
        lambda x: float((((x.astype("f4") - np.float32(3)).astype(float)) ** 2).sum()),
        lambda x: round(float(((x - 3) ** 2).sum()), 3),
        lambda x: round(float(((x - 3) ** 2).sum()), 6),
    ],
    ids=["f4", "f4 as float", "f4 inside", "3 digits", "6 digits"],
)
def test_storage_and_rounding_are_no_minimum(fun):
    for start in ([0.0, 0.0], [1.0, -2.0], [1e3, 5.0]):
        r = steepest.minimize(fun, start)
        assert float(r.fun) < 2e-3, (start, r.message)
        assert np.abs(r.x - 3).max() < 0.1


def test_a_box_narrower_than_any_step():
    r = steepest.minimize(lambda x: (x[0] * 1e9 - 0.7) ** 2, [0.1e-9], bounds=[(0, 1e-9)])
    assert r.success
    assert abs(r.x[0] * 1e9 - 0.7) < 1e-4


def test_a_stair_is_not_claimed():
    assert not steepest.minimize(lambda x: float(np.floor(x).sum()), [0.3, 7.6]).success


def test_complex_steps():
    r = steepest.minimize(scipy.optimize.rosen, [-1.2, 1.0, 0.4], jac="cs")
    assert r.success
    np.testing.assert_allclose(r.x, 1, atol=1e-5)
    assert steepest.minimize(lambda x: complex((x[0] - 3) ** 2), [1.0], jac="cs").success
    for wrong in (
        lambda x: (np.abs(x - 3) ** 2).sum(),
        lambda x: (np.conj(x - 3) * (x - 3)).sum().real + 0j * x[0],
        lambda x: ((x.real - 3) ** 2).sum() + 0 * x[0],
    ):
        with pytest.raises(InputError, match="needs a function that is analytic"):
            steepest.minimize(wrong, [1.0, 2.0], jac="cs")


def test_comes_to_rest():
    fun = lambda x: 8.5 * x[0] ** 2 - 13 * x[0] * x[1] + 5 * x[1] ** 2 + 6 * x[0] + 15 * x[1]  # noqa: E731
    for start in ([0.0, 0.0], [10.0, 10.0]):
        counting, calls = counted(fun)
        r = steepest.minimize(counting, start)
        least = scipy.optimize.minimize(fun, start, method="L-BFGS-B")
        assert r.success, r.message
        assert r.fun <= least.fun + 1e-6 * abs(least.fun)
        assert calls[0] == r.nfev < 4 * least.nfev
