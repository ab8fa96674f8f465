"""`hess_inv`: what a method knows of the inverse Hessian, against the true one of quadratics."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from numpy.testing import assert_allclose, assert_array_equal

import steepest
from steepest.curvature import InverseHessian
from steepest.errors import InputError


def quadratic(n, condition, seed=0, units=1.0):
    """A quadratic's Hessian, its function and its gradient."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    bent = (
        (q * np.geomspace(1, condition, n)) @ q.T * np.multiply.outer(np.ones(n) * units, np.ones(n) * units)
    )
    bent, b = (bent + bent.T) / 2, units * rng.standard_normal(n)
    return bent, lambda x: 0.5 * x @ bent @ x - b @ x, lambda x: bent @ x - b


@pytest.mark.parametrize("units", [1.0, np.geomspace(1, 1e6, 6), np.geomspace(1e-9, 1e3, 6)], ids=str)
@pytest.mark.parametrize("bounds", [None, [(-1e30, 1e30)] * 6])
def test_few_variables_have_nearly_the_inverse(units, bounds):
    hessian, fun, jac = quadratic(6, 30, units=units)
    r = steepest.minimize(fun, np.ones(6) / units, jac=jac, bounds=bounds, tol=1e-10)
    scale = np.sqrt(np.outer(np.diag(hessian), np.diag(hessian)))
    found, true = r.hess_inv.todense() * scale, np.linalg.inv(hessian / scale)
    assert np.abs(found - true).max() < 0.1 * np.abs(true).max()
    assert_array_equal(r.hess_inv.todense(), r.hess_inv.todense().T)
    assert np.linalg.eigvalsh(found).min() > 0


@pytest.mark.parametrize("n", [50, 300])
def test_many_variables_have_it_along_what_the_steps_explored(n):
    hessian, fun, jac = quadratic(n, 100)
    r = steepest.minimize(fun, np.zeros(n), jac=jac, path=True)
    matrix = r.hess_inv.todense()
    assert_array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > 0
    # The secant equation: over the last step the gradient changed so, and H leads back, but for the rounding of the two
    # gradients, whose terms are as large as where they were taken.
    step = np.diff(r.path[-2:], axis=0)[0]
    rounding = 2 * np.finfo(float).eps * (np.abs(hessian) @ np.abs(r.x)).max() * np.linalg.norm(matrix, 2)
    assert_allclose(matrix @ (hessian @ step), step, rtol=1e-5, atol=rounding)
    assert rounding < 1e-4 * np.abs(step).max()
    v = np.random.default_rng(1).standard_normal((n, 3))
    assert_allclose(r.hess_inv @ v, matrix @ v, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("jac", [True, False])
def test_newton_has_the_inverse(jac):
    hessian, fun, slope = quadratic(5, 1e4, units=np.geomspace(1, 1e3, 5))
    r = steepest.minimize(
        fun, np.ones(5), jac=slope if jac else None, hess=lambda x: hessian, method="newton"
    )
    true = np.linalg.inv(hessian)
    assert_allclose(r.hess_inv.todense(), true, rtol=1e-6, atol=1e-6 * np.abs(true).min())


def test_of_shapes_and_parts_it_is_over_the_variables_in_a_row():
    hessian, fun, jac = quadratic(6, 10)
    flat = steepest.minimize(fun, np.ones(6), jac=jac)
    shaped = steepest.minimize(
        lambda x: fun(x.ravel()), np.ones((2, 3)), jac=lambda x: jac(x.ravel()).reshape(2, 3)
    )
    parts = lambda x: np.concatenate([x["W"].ravel(), [x["b"]]])  # noqa: E731
    named = steepest.minimize(
        lambda x: fun(parts(x)), {"W": np.ones((1, 5)), "b": 1.0},
        jac=lambda x: {"W": jac(parts(x))[None, :5], "b": jac(parts(x))[5]},
    )  # fmt: skip
    for r in (shaped, named):
        assert_array_equal(r.hess_inv.todense(), flat.hess_inv.todense())
    assert_allclose(flat.hess_inv.todense(), np.linalg.inv(hessian), atol=0.1)


def test_none_where_nothing_is_known():
    assert steepest.minimize(lambda x: x @ x, [0.0, 0.0], jac=lambda x: 2 * x).hess_inv is None
    for method in ("gradient_descent", "adam"):
        assert steepest.minimize("sphere", method=method).hess_inv is None
    # A saddle on the way, where the budget ends: no inverse that is positive definite.
    saddle = steepest.minimize(
        lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, [1.0, 0.1], method="newton",
        hess=lambda x: np.diag([2, -2 + 12 * x[1] ** 2]), options={"maxiter": 0},
    )  # fmt: skip
    assert saddle.hess_inv is None


def test_an_operator_of_scipys_and_an_array():
    hessian, fun, jac = quadratic(4, 10)
    inverse = steepest.minimize(fun, np.ones(4), jac=jac).hess_inv
    matrix, b = inverse.todense(), np.arange(4.0)
    assert isinstance(inverse, scipy.sparse.linalg.LinearOperator)
    assert (inverse.shape, inverse.dtype) == ((4, 4), np.float64)
    for product in (inverse @ b, inverse.matvec(b), b @ inverse, inverse.T @ b, (2 * inverse) @ b / 2):
        assert_allclose(product, matrix @ b)
    assert_allclose(np.sqrt(np.diag(inverse)), np.sqrt(np.diag(matrix)))
    for other in (pickle.loads(pickle.dumps(inverse)), copy.deepcopy(inverse)):
        assert isinstance(other, InverseHessian)
        assert_array_equal(other.todense(), matrix)
    solved, _ = scipy.sparse.linalg.cg(hessian, b, M=inverse)
    assert_allclose(hessian @ solved, b, atol=1e-4)


def test_without_scipy_it_does_the_same():
    code = """
import sys, numpy as np, steepest
inverse = steepest.minimize("rosenbrock").hess_inv
assert "scipy" not in sys.modules
b = np.array([1.0, 2.0])
for product in (inverse @ b, inverse.matvec(b), b @ inverse, inverse.rmatvec(b)):
    assert np.allclose(product, inverse.todense() @ b)
for product in (inverse @ np.eye(2), np.eye(2) @ inverse, inverse.matmat(np.eye(2))):
    assert np.allclose(product, inverse.todense())
assert np.allclose(np.linalg.inv([[802, -400], [-400, 200]]), inverse, rtol=1e-2)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_shapes_and_parts_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="made of hessian, of inverse, or of s, y and diagonal; got s"):
        InverseHessian(s=np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"shape|dimension"):
        InverseHessian(np.eye(2)) @ np.ones(3)


@pytest.mark.parametrize(
    "kind",
    [
        "csr_matrix",
        "csc_array",
        "coo_array",
        "aslinearoperator",
        pytest.param("matrix", marks=pytest.mark.filterwarnings("ignore:the matrix subclass")),
    ],
)
@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_the_hessian_may_be_sparse_or_an_operator(kind, shape):
    hessian, _, _ = quadratic(6, 100)
    hessian[np.abs(hessian) < 1] = 0
    hessian += 20 * np.eye(6)
    made = {"matrix": np.asmatrix, "aslinearoperator": scipy.sparse.linalg.aslinearoperator}
    make = made.get(kind) or getattr(scipy.sparse, kind)
    b = np.arange(6.0)
    r = steepest.minimize(
        lambda x: 0.5 * x.ravel() @ hessian @ x.ravel() - b @ x.ravel(), np.ones(shape),
        jac=lambda x: (hessian @ x.ravel() - b).reshape(shape), hess=lambda _: make(hessian),
    )  # fmt: skip
    assert (r.method, r.success) == ("newton", True)
    assert r.nit <= 3
    assert_allclose(r.x.ravel(), np.linalg.solve(hessian, b), atol=1e-9)
    assert_allclose(r.hess_inv.todense(), np.linalg.inv(hessian), atol=1e-12)


def test_entries_are_those_of_the_matrix():
    """As of the array that SciPy's BFGS returns."""
    known = steepest.minimize("rosenbrock", method="BFGS").hess_inv
    whole = known.todense()
    assert known[0, 1] == whole[0, 1]
    assert (known[1] == whole[1]).all()
