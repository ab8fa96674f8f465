"""Truncated Newton: products given in every form, what they save, and what wrong ones may not do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
import scipy.sparse.linalg
import scipy.special
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import steepest

START = np.tile([-1.2, 1.0], 10)


class Spent:
    """A function with its gradient and products, of which each call costs one; value and gradient two."""

    def __init__(self, fun: Any, jac: Any, hessp: Any) -> None:
        self.pairs = self.products = 0
        self._fun, self._jac, self._hessp = fun, jac, hessp

    def pair(self, x: Any) -> Any:
        self.pairs += 1
        return self._fun(x), self._jac(x)

    def product(self, x: Any, p: Any) -> Any:
        self.products += 1
        return self._hessp(x, p)

    @property
    def work(self) -> int:
        return 2 * self.pairs + self.products


def logistic(seed: int = 0) -> tuple[Spent, Any]:
    """A badly conditioned logistic regression."""
    random = np.random.default_rng(seed)
    table = random.normal(size=(200, 60)) * np.logspace(0, -2.5, 60)
    sign = random.choice([-1.0, 1.0], 200)

    def fun(w: Any) -> float:
        return float(np.logaddexp(0, -sign * (table @ w)).sum() + 5e-5 * w @ w)

    def share(w: Any) -> Any:
        return scipy.special.expit(-sign * (table @ w))

    def jac(w: Any) -> Any:
        return -table.T @ (sign * share(w)) + 1e-4 * w

    def hessp(w: Any, p: Any) -> Any:
        s = share(w)
        return table.T @ (s * (1 - s) * (table @ p)) + 1e-4 * p

    return Spent(fun, jac, hessp), np.zeros(60)


FORMS: dict[str, Any] = {
    "hessp": {"hessp": rosen_hess_prod},
    "array": {"hess": rosen_hess},
    "sparse": {"hess": lambda x: scipy.sparse.csr_array(rosen_hess(x))},
    "operator": {"hess": lambda x: scipy.sparse.linalg.aslinearoperator(rosen_hess(x))},
    "lists": {"hess": lambda x: rosen_hess(x).tolist()},
    "differences": {},
}


@pytest.mark.parametrize("form", FORMS)
def test_products_in_every_form(form: str) -> None:
    r = steepest.minimize(rosen, START, jac=rosen_der, method="truncated_newton", **FORMS[form])
    assert r.success, r.message
    assert r.method == "truncated_newton"
    np.testing.assert_allclose(r.x, 1.0, atol=1e-4)


def test_a_whole_hessian_is_asked_for_once_at_a_point() -> None:
    points = []

    def hess(x: Any) -> Any:
        points.append(x.tobytes())
        return rosen_hess(x)

    r = steepest.minimize(rosen, START, jac=rosen_der, hess=hess, method="trust-krylov")
    assert r.success
    assert 0 < len(points) == len(set(points))


def test_without_a_gradient_it_is_as_good_as_lbfgs() -> None:
    r = steepest.minimize(rosen, START[:6], method="truncated_newton")
    assert r.success, r.message
    np.testing.assert_allclose(r.x, 1.0, atol=1e-3)


def test_products_save_work_where_the_function_is_badly_conditioned() -> None:
    mine, x0 = logistic()
    theirs, _ = logistic()
    ours = steepest.minimize(mine.pair, x0, jac=True, hessp=mine.product)
    plain = steepest.minimize(theirs.pair, x0, jac=True, method="lbfgs")
    assert (ours.method, ours.success) == ("truncated_newton", True)
    assert ours.fun <= plain.fun + 1e-9 * abs(plain.fun)
    assert mine.products > 0
    assert mine.work < 0.7 * theirs.work


@pytest.mark.parametrize("form", ["hessp", "differences"])
def test_a_saddle_is_left_along_what_bends_downward(form: str) -> None:
    def fun(x: Any) -> float:
        return float(((x**2 - 1) ** 2).sum() + 0.1 * ((x[1:] - x[:-1]) ** 2).sum())

    def jac(x: Any) -> Any:
        g = 4 * x * (x**2 - 1)
        step = 0.2 * (x[1:] - x[:-1])
        g[1:] += step
        g[:-1] -= step
        return g

    def hessp(x: Any, p: Any) -> Any:
        h = (12 * x**2 - 4) * p
        step = 0.2 * (p[1:] - p[:-1])
        h[1:] += step
        h[:-1] -= step
        return h

    given = {"hessp": hessp} if form == "hessp" else {}
    x0 = 1e-4 * np.random.default_rng(0).normal(size=40)
    r = steepest.minimize(fun, x0, jac=jac, method="truncated_newton", **given)
    assert r.success, r.message
    # A minimum: every variable is near −1 or 1, but where neighbours differ.
    assert (np.linalg.eigvalsh([hessp(r.x, e) for e in np.eye(40)]) > 0).all()
    assert r.fun < 0.5 * fun(np.zeros(40))


@pytest.mark.parametrize("form", ["hessp", "differences"])
def test_within_bounds_and_never_outside(form: str) -> None:
    low, high = np.full(START.size, -1.5), np.where(np.arange(START.size) % 3, 0.8, 2.0)

    def fun(x: Any) -> float:
        assert (x >= low).all()
        assert (x <= high).all()
        return float(rosen(x))

    def jac(x: Any) -> Any:
        fun(x)
        return rosen_der(x)

    given = {"hessp": rosen_hess_prod} if form == "hessp" else {}
    bounds = scipy.optimize.Bounds(low, high, keep_feasible=True)
    start = np.clip(START, low, high)
    r = steepest.minimize(fun, start, jac=jac, bounds=bounds, method="truncated_newton", **given)
    other = steepest.minimize(rosen, start, jac=rosen_der, bounds=bounds, method="lbfgs")
    assert r.success, r.message
    assert r.fun == pytest.approx(other.fun, rel=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, p: -rosen_hess_prod(x, p),
        lambda x, p: 1e9 * p,
        lambda x, p: 0 * p,
        lambda x, p: np.full(x.size, np.nan),
    ],
)
def test_wrong_products_make_no_false_claim(wrong: Any) -> None:
    r = steepest.minimize(rosen, START, jac=rosen_der, hessp=wrong)
    assert r.method == "truncated_newton"
    assert not r.success or r.fun < 1e-8


@pytest.mark.parametrize("form", ["array", "sparse"])
def test_a_hessian_of_many_variables_is_taken_by_its_products(form: str) -> None:
    asked = [0]

    def hess(x: Any) -> Any:
        asked[0] += 1
        return FORMS[form]["hess"](x)

    start = np.tile([-1.2, 1.0], 150)
    r = steepest.minimize(rosen, start, jac=rosen_der, hess=hess)
    assert (r.method, r.success) == ("truncated_newton", True), r.message
    assert 0 < asked[0] <= r.nit
    assert np.abs(rosen_der(r.x)).max() < 1e-4
    few = steepest.minimize(rosen, start[:6], jac=rosen_der, hess=hess)
    assert few.method == "newton"


def trigonometric(n: int) -> tuple[Any, Any, Any]:
    """Of Moré, Garbow and Hillstrom: rounding leaves ten digits of it, whose terms cancel."""
    i = np.arange(1.0, n + 1)

    def residuals(x: Any) -> Any:
        return n - np.cos(x).sum() + i * (1 - np.cos(x)) - np.sin(x)

    def jac(x: Any) -> Any:
        r = residuals(x)
        return 2 * (np.sin(x) * r.sum() + r * (i * np.sin(x) - np.cos(x)))

    def hessp(x: Any, p: Any) -> Any:
        return np.imag(jac(x + 1e-40j * p)) / 1e-40

    return lambda x: float((residuals(x) ** 2).sum()), jac, hessp


def test_searches_among_rounding_come_to_an_end() -> None:
    fun, jac, hessp = trigonometric(100)
    r = steepest.minimize(fun, np.full(100, 0.01), jac=jac, hessp=hessp)
    assert r.success, r.message
    assert np.abs(jac(r.x)).max() < 1e-6
    assert r.nfev < 1000


def test_no_product_is_asked_for_along_nothing() -> None:
    # Of 30 variables it ends at a gradient of exactly 0.
    def fun(x: np.ndarray) -> tuple[float, np.ndarray]:
        assert np.isfinite(x).all()
        r, s = 10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]
        g = np.empty_like(x)
        g[::2], g[1::2] = -40 * x[::2] * r - 2 * s, 20 * r
        return float((r**2 + s**2).sum()), g

    def hessp(x: np.ndarray, p: np.ndarray) -> np.ndarray:
        assert p.any()
        h = 6e-6 * max(1.0, float(np.abs(x).max())) / float(np.abs(p).max())
        return (fun(x + h * p)[1] - fun(x - h * p)[1]) / (2.0 * h)

    for n in (2, 10, 30, 60):
        for given in ({"hessp": hessp}, {"method": "truncated_newton"}):
            result = steepest.minimize(fun, np.tile([-1.2, 1.0], n // 2), jac=True, **given)
            assert result.success
            assert np.abs(result.x - 1).max() < 1e-6
