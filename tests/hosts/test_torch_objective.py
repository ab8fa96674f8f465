"""Functions written in torch, minimised with torch's derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

import steepest
from steepest.errors import InputError

pytestmark = pytest.mark.hosts

try:
    import torch
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    torch = None  # type: ignore[assignment]


def chained(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def test_a_function_of_torch_brings_its_derivatives() -> None:
    of = steepest.torch.objective(chained)
    x = np.linspace(-1, 1, 6)
    value, gradient = of.value_and_grad(x)
    assert of(x) == value
    h = 1e-6
    by_hand = [(of(x + h * e) - of(x - h * e)) / (2 * h) for e in np.eye(6)]
    np.testing.assert_allclose(gradient, by_hand, rtol=1e-6, atol=1e-4)
    p = np.cos(np.arange(6.0))
    product = (of.value_and_grad(x + h * p)[1] - of.value_and_grad(x - h * p)[1]) / (2 * h)
    np.testing.assert_allclose(of.hessp(x, p), product, rtol=1e-5, atol=1e-3)
    for method in (None, "lbfgs", "newton", "truncated_newton"):
        r = steepest.minimize(of, np.zeros(6), method=method)
        assert r.success, (method, r)
        np.testing.assert_allclose(r.x, 1, atol=1e-6)


def test_parts_and_arguments_arrive() -> None:
    def apart(p: dict[str, torch.Tensor], shift: float) -> torch.Tensor:
        assert p["a"].shape == (2, 2)
        assert p["b"].dtype == torch.float64
        return ((p["a"] - shift) ** 2).sum() + torch.cosh(p["b"]).sum()

    start = {"a": np.zeros((2, 2)), "b": np.ones(3), "unused": 1.0}
    r = steepest.minimize(steepest.torch.objective(apart), start, args=(3.0,))
    assert r.success
    np.testing.assert_allclose(r.x["a"], 3.0, atol=1e-6)
    np.testing.assert_allclose(r.x["b"], 0.0, atol=1e-5)
    assert r.x["unused"] == 1.0


def test_single_precision_is_not_called_exact() -> None:
    def bowl(x: torch.Tensor) -> torch.Tensor:
        return ((x - 0.1) ** 2).sum() + torch.cosh(3 * x - 0.5).sum()

    unit = float(np.finfo(np.float32).eps)
    best = brentq(lambda x: 2 * (x - 0.1) + 3 * np.sinh(3 * x - 0.5), 0, 1, xtol=1e-15)
    single = steepest.torch.objective(bowl, dtype=torch.float32)
    double = steepest.torch.objective(bowl)
    for start in (np.ones(3), -np.ones(3)):
        r = steepest.minimize(single, start, tol=1e-12)
        assert r.outcome == "precision_limit"
        assert r.certificate["kind"] == "stationary"
        # As low as values in single precision can tell.
        assert double(r.x) - double(np.full(3, best)) <= unit * double(np.full(3, best))
        assert r.fun == pytest.approx(double(r.x), rel=4 * unit)
        exact = steepest.minimize(double, start, tol=1e-12)
        assert exact.outcome == "converged"
        np.testing.assert_allclose(exact.x, best, rtol=1e-7)


@pytest.mark.parametrize(
    ("fun", "words"),
    [
        (3, "fun must be a function"),
        (lambda x: x, "must return a tensor of one number"),
        (lambda x: 1.0, "got 1.0"),
    ],
)
def test_what_cannot_be_is_refused(fun: object, words: str) -> None:
    with pytest.raises(InputError) as refused:
        steepest.minimize(steepest.torch.objective(fun), np.zeros(2))
    assert words in str(refused.value)
