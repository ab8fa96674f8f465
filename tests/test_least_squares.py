"""Sums of squared residuals: certified values, SciPy beside it, bounds, outliers, wrong derivatives, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from strd import MODELS, SETS, Set

import steepest
from steepest.errors import InputError
from steepest.residuals import LOSSES

BOTH = [(s, k) for s in SETS for k in (0, 1)]


@pytest.mark.parametrize(("data", "start"), BOTH, ids=[f"{s.name}-{k + 1}" for s, k in BOTH])
@pytest.mark.parametrize("jac", ["given", None])
@np.errstate(all="ignore")
def test_certified_values_are_found_from_both_starts(data: Set, start: int, jac: Any) -> None:
    given = data.jacobian if jac else None
    r = steepest.least_squares(data.residuals, data.starts[start], given)
    assert r.success, r
    assert data.digits(r.x) > 5, (r, data.certified)


@pytest.mark.parametrize(
    "data", [s for s in SETS if s.name in ("Misra1a", "Rat43", "Thurber")], ids=lambda s: s.name
)
@np.errstate(all="ignore")
def test_curve_fit_tells_the_certified_deviations(data: Set) -> None:
    curve = MODELS[data.name]
    popt, pcov = steepest.curve_fit(lambda x, *b: curve(b, x), data.x, data.y, data.starts[1])
    assert data.digits(popt) > 5
    np.testing.assert_allclose(np.sqrt(np.diag(pcov)), data.deviations, rtol=1e-4)


def _drawn(seed: int) -> tuple[Any, Any, np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """A fit with scales that lie far apart, with or without bounds."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 5)), int(rng.integers(6, 30))
    size = 10.0 ** rng.uniform(-6, 6, n)
    t = np.sort(rng.uniform(0.1, 2, m))
    true = rng.uniform(0.3, 2, n)
    shapes = [lambda t, a: np.exp(-a * t), lambda t, a: np.sin(a * t), lambda t, a: t**a, lambda t, a: a * t]
    slopes = [
        lambda t, a: -t * np.exp(-a * t),
        lambda t, a: t * np.cos(a * t),
        lambda t, a: np.log(t) * t**a,
        lambda t, a: t,
    ]
    noise = rng.choice([0.0, 0.01, 0.3])

    def curve(x: np.ndarray) -> np.ndarray:
        return np.sum([shapes[j](t, x[j] / size[j]) * (j + 1) for j in range(n)], axis=0)

    y = curve(true * size) + noise * rng.standard_normal(m)

    def jac(x: np.ndarray) -> np.ndarray:
        return np.array([slopes[j](t, x[j] / size[j]) * (j + 1) / size[j] for j in range(n)]).T

    start = size * np.clip(true * rng.uniform(0.7, 1.4, n), 0.25, 2.5)
    box = None
    if rng.random() < 0.5:
        low, high = np.full(n, 0.2), np.where(rng.random(n) < 0.5, 0.9 * true, 3.0)
        start = np.clip(start, low * size, high * size)
        box = (low * size, high * size)
    return lambda x: curve(x) - y, jac, start, box


@pytest.mark.parametrize("seed", range(40))
def test_as_low_as_scipy_or_lower_at_any_scale(seed: int) -> None:
    fun, jac, start, box = _drawn(seed)
    bounds = (-np.inf, np.inf) if box is None else box
    ours = steepest.least_squares(fun, start, jac, bounds)
    theirs = scipy.optimize.least_squares(
        fun, start, jac, bounds, x_scale="jac", ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=2000
    )
    assert ours.success, ours
    if box is not None:
        assert np.all(ours.x >= box[0])
        assert np.all(ours.x <= box[1])
    assert ours.cost <= theirs.cost * (1 + 1e-9) + 1e-20, (ours, theirs)
    by_differences = steepest.least_squares(fun, start, bounds=bounds)
    assert by_differences.success
    assert by_differences.cost <= theirs.cost * (1 + 1e-6) + 1e-12


@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy", "arctan"])
def test_robust_losses_are_scipys(loss: str) -> None:
    rng = np.random.default_rng(3)
    t = np.linspace(0, 3, 60)
    y = 2 * np.exp(-t) + 0.5 + 0.05 * rng.standard_normal(60)
    y[::9] += rng.uniform(2, 20, y[::9].size)
    fun = lambda b: b[0] * np.exp(-b[1] * t) + b[2] - y  # noqa: E731
    ours = steepest.least_squares(fun, [1.0, 0.5, 0.0], loss=loss, f_scale=0.1)
    theirs = scipy.optimize.least_squares(
        fun, [2.0, 1.0, 0.5], loss=loss, f_scale=0.1, ftol=1e-15, xtol=1e-15, gtol=1e-15
    )
    assert ours.success
    assert ours.cost <= theirs.cost * (1 + 1e-8)
    np.testing.assert_allclose(ours.x, [2, 1, 0.5], atol=0.15)
    np.testing.assert_allclose(ours.jac.T @ ours.jac, theirs.jac.T @ theirs.jac, rtol=1e-3, atol=1e-3)
    by_function = steepest.least_squares(fun, [1.0, 0.5, 0.0], loss=LOSSES[loss], f_scale=0.1)
    assert by_function.cost == ours.cost


@pytest.mark.parametrize("seed", [5, 0, 1, 2])
@pytest.mark.parametrize("loss", ["linear", "soft_l1", "cauchy"])
@np.errstate(over="ignore")
def test_a_curve_that_straightens_as_its_variables_go_off_is_not_claimed(seed: int, loss: str) -> None:
    """From a start at which e^t hides the constant two variables grow without end towards a straight line: that had
    been called converged at twice the sum of squares and more."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 10, 15)
    off = 0.1 * rng.standard_normal(t.size)
    off[rng.integers(0, t.size, 3)] *= 10
    y = 0.5 + 2 * np.exp(-t) + off
    fun = lambda b: b[0] + b[1] * np.exp(b[2] * t) - y  # noqa: E731
    scale = {} if loss == "linear" else {"f_scale": 0.1}
    ours = steepest.least_squares(fun, np.ones(3), loss=loss, **scale)
    theirs = scipy.optimize.least_squares(fun, np.ones(3), loss=loss, **scale)
    told = [f.kind for f in ours.findings]
    assert ours.cost <= theirs.cost * (1 + 1e-6) or not ours.success
    assert ours.success == ("runs_off" not in told) == bool(np.abs(ours.x[:2]).max() < 1e3)
    if loss == "soft_l1":
        assert ours.success


@np.errstate(over="ignore", under="ignore")
def test_a_bell_far_off_whose_height_grows_without_end_is_no_fit() -> None:
    """Its flank is e^-t; on the way there steps are thousands, and each lowers the sum by a billionth."""
    t = np.linspace(0, 5, 40)
    y = 3 * np.exp(-t) + np.array([0.2 if i % 2 else -0.2 for i in range(40)])
    bell = steepest.least_squares(
        lambda b: b[0] * np.exp(-((t - b[1]) ** 2) / (2 * b[2] ** 2)) - y, [1, 1, 1]
    )
    assert not bell.success
    assert "runs_off" in [f.kind for f in bell.findings]
    assert bell.certificate is None


CURVES: dict[str, tuple[int, Any]] = {
    "decay": (3, lambda t, b: b[0] + b[1] * np.exp(b[2] * t)),
    "bell": (3, lambda t, b: b[0] * np.exp(-((t - b[1]) ** 2) / (2 * b[2] ** 2))),
    "logistic": (3, lambda t, b: b[0] / (1 + np.exp(-b[1] * (t - b[2])))),
    "one too many": (3, lambda t, b: b[0] * b[1] * np.exp(-b[2] * t)),
    "power": (2, lambda t, b: b[0] * (t + 1) ** b[1]),
    "wave": (3, lambda t, b: b[0] * np.sin(b[1] * t + b[2])),
    "saturation": (2, lambda t, b: b[0] * t / (b[1] + t)),
}


@pytest.mark.parametrize("name", CURVES)
@np.errstate(all="ignore")
def test_no_fit_is_claimed_whose_variables_have_gone_off(name: str) -> None:
    """All numbers are of the size of 1, and no least sum lies at 1e5 of them: curves straighten on the way there."""
    count, curve = CURVES[name]
    for seed in range(12):
        rng = np.random.default_rng([seed, len(name)])
        t = np.sort(rng.uniform(0, 5, 40))
        true = rng.uniform(0.3, 2, count)
        y = curve(t, true) + rng.choice([0, 0.01, 0.2]) * rng.standard_normal(40)
        if seed % 3 == 0:
            y[rng.integers(0, 40, 4)] += 5 * rng.standard_normal(4)
        start = true * np.exp(rng.normal(0, 0.8, count)) if seed % 2 else np.ones(count)
        loss = ("linear", "soft_l1", "cauchy")[seed % 3]
        found = steepest.least_squares(lambda b, t=t, y=y: curve(t, b) - y, start, loss=loss, max_nfev=3000)
        said = [f.kind for f in found.findings]
        assert not found.success or np.abs(found.x).max() < 1e5 or "without_influence" in said, (seed, found)


def test_a_wrong_jacobian_is_named() -> None:
    t = np.linspace(0, 3, 30)
    fun = lambda b: b[0] * np.exp(-b[1] * t) - 3 * np.exp(-0.5 * t) - 0.1 * np.sin(5 * t)  # noqa: E731

    def jac(b: np.ndarray) -> np.ndarray:
        return np.stack([np.exp(-b[1] * t), 0.3 * b[0] * t * np.exp(-b[1] * t)], axis=1)

    r = steepest.least_squares(fun, [1.0, 1.0], jac)
    assert r.outcome == "gradient_inconsistent", r
    assert not r.success


def test_a_hill_top_is_no_answer() -> None:
    r = steepest.least_squares(lambda x: 1 - x**2, [0.0], lambda x: np.diag(-2 * x))
    assert r.success
    assert abs(abs(r.x[0]) - 1) < 1e-6


def test_fewer_residuals_than_variables_and_dependent_columns() -> None:
    r = steepest.least_squares(lambda x: np.array([x.sum() - 3.0]), np.zeros(5))
    assert r.success
    assert r.cost < 1e-20
    assert np.allclose(r.x, 0.6)
    t = np.linspace(0, 1, 9)
    r = steepest.least_squares(lambda b: (b[0] + b[1]) * t - t**2, [0.0, 0.0])
    assert r.success
    assert abs(r.x.sum() - np.dot(t, t**2) / np.dot(t, t)) < 1e-8


@np.errstate(all="ignore")
def test_a_variable_without_influence_is_said() -> None:
    """BoxBOD far out: the curve is as good as flat, whatever the second parameter is."""
    data = next(s for s in SETS if s.name == "BoxBOD")
    r = steepest.least_squares(data.residuals, [200.0, 60.0], data.jacobian, (-np.inf, np.inf))
    assert (
        data.digits(r.x) > 5 or not r.success or [f for f in r.findings if f.kind == "without_influence"]
    ), r


def test_all_fields_of_scipys_result() -> None:
    fun = lambda x: np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])  # noqa: E731
    ours = steepest.least_squares(fun, [-1.2, 1.0], bounds=([-2, -2], [0.5, 2]))
    theirs = scipy.optimize.least_squares(fun, [-1.2, 1.0], bounds=([-2, -2], [0.5, 2]))
    for name in set(theirs) - {"allvecs"}:
        assert name in ours, name
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-6)
    np.testing.assert_allclose(ours.fun, theirs.fun, atol=1e-5)
    np.testing.assert_allclose(ours.jac, theirs.jac, atol=1e-4)
    assert ours.active_mask.tolist() == [1, 0]
    assert ours.status in (1, 2)
    assert ours.optimality < 1e-6
    assert "smallest sum" in repr(ours)
    assert ours.copy().cost == ours.cost


def test_arguments_as_scipy_has_them() -> None:
    fun = lambda x, a, b=0.0: x - a - b  # noqa: E731
    assert np.allclose(steepest.least_squares(fun, [0.0, 0.0], args=(2.0,), kwargs={"b": 1.0}).x, 3)
    assert np.allclose(steepest.least_squares(lambda x: x - 2, [0.0], lambda x: csr_array([[1.0]])).x, 2)
    r = steepest.least_squares(lambda x: x**2 - 2, [1.0], max_nfev=2, xtol=1e-8, x_scale="jac")
    assert not r.success
    assert r.status == 0
    assert r.nfev <= 2
    assert {"xtol", "x_scale"} == {
        f.sentence.split()[0] for f in r.findings if f.kind == "option_without_effect"
    }
    seen: list[Any] = []
    steepest.least_squares(lambda x: x - 2, np.zeros((2, 2)).ravel(), callback=seen.append)
    assert seen
    assert seen[0].shape == (4,)
    r = steepest.least_squares(lambda x: (x - 1).ravel(), np.zeros((2, 2)))
    assert r.x.shape == (2, 2)
    r = steepest.least_squares(lambda x: x - np.array([1e8, 1.0]), [0.0, 0.0], gtol=1e-3)
    assert r.status == 1
    assert r.certificate["kind"] == "criterion"
    r = steepest.least_squares(lambda x: x - 1, [0.0], method="lbfgs")
    assert r.success
    assert r.method == "lbfgs"
    assert np.allclose(r.x, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fun": lambda x: np.ones((2, 2))}, "in one row; got the shape"),
        ({"fun": lambda x: x * 1j}, "real numbers"),
        ({"fun": lambda x: []}, "at least one residual"),
        ({"fun": lambda x: None}, "real numbers in a row; got None"),
        ({"fun": lambda x: [x[0] <= 2, x[0] > 3]}, "real numbers in a row; got "),
        ({"fun": None}, "must be a function"),
        ({"x0": [np.nan, 1.0]}, "must be finite"),
        ({"x0": [5.0, 1.0], "bounds": (0, 2)}, "within the bounds"),
        ({"bounds": ([0, 0, 0], [1, 1, 1])}, "each of the 2 variables"),
        ({"bounds": (2, 1)}, "low <= high"),
        ({"bounds": 3}, "bounds must be"),
        ({"loss": "hubber"}, "did you mean 'huber'"),
        ({"f_scale": 0.0}, "f_scale must be above 0"),
        ({"jac": lambda x: np.ones((3, 3))}, "of the shape"),
        ({"jac": "4-point"}, "2-point, 3-point"),
        ({"diff_step": [1e-3] * 3}, "diff_step"),
        ({"x_scale": [1.0, 0.0]}, "x_scale must be"),
        ({"tr_solver": "best"}, "tr_solver"),
        ({"workers": 0}, "workers must be"),
        ({"method": "levenberg"}, "no method is called"),
        ({"method": "coordinate"}, "cannot handle"),
    ],
)
def test_bad_input_is_named(arguments: dict[str, Any], words: str) -> None:
    given = {"fun": lambda x: np.array([x[0] - 1, x[1] - 2, x[0] * x[1]]), "x0": [0.5, 0.5]} | arguments
    with pytest.raises((InputError, ValueError), match=words):
        steepest.least_squares(**given)


def test_residuals_that_change_their_number_or_fail() -> None:
    calls = []

    def growing(x: np.ndarray) -> np.ndarray:
        calls.append(1)
        return np.ones(min(len(calls), 2))

    with pytest.raises(InputError, match="1 residuals at x0, and 2 now"):
        steepest.least_squares(growing, [1.0])
    with pytest.raises(KeyError, match="mine"):
        steepest.least_squares(lambda x: {}["mine"], [1.0])
    with np.errstate(all="ignore"):
        r = steepest.least_squares(lambda x: np.array([np.inf]), [1.0])
        assert r.outcome == "not_finite"
        assert r.status == -1
        # Nothing but the start is NaN further off.
        r = steepest.least_squares(lambda x: np.sqrt(x) - 1, [9.0])
        assert r.success
        assert abs(r.x[0] - 1) < 1e-8


@pytest.mark.parametrize("loss", ["linear", "soft_l1"])
@pytest.mark.parametrize("box", [(-np.inf, np.inf), (-0.6, 0.2)])
def test_a_sparse_jacobian_of_many_variables_is_multiplied_by(loss: str, box: tuple[float, float]) -> None:
    """Broyden's tridiagonal residuals; dense factors of as many variables take minutes."""
    n = 3000

    calls: list[None] = []

    def residuals(x: Any) -> Any:
        calls.append(None)
        r = (3 - 2 * x) * x + 1
        r[1:] -= x[:-1]
        r[:-1] -= 2 * x[1:]
        return r

    def jac(x: Any) -> Any:
        return diags_array([3 - 4 * x, -np.ones(n - 1), -2 * np.ones(n - 1)], offsets=[0, -1, 1]).tocsr()

    given = {"bounds": box, "loss": loss}
    ours = steepest.least_squares(residuals, np.full(n, -0.5), jac, **given)
    assert len(calls) <= ours.nfev + 1
    theirs = scipy.optimize.least_squares(residuals, np.full(n, -0.5), jac, **given)
    assert ours.success, ours.message
    assert ours.method == "truncated_newton"
    assert ours.cost <= theirs.cost * (1 + 1e-6) + 1e-12
    assert ours.jac.shape == theirs.jac.shape == (n, n)
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-3)
    np.testing.assert_allclose(ours.grad, theirs.grad, atol=1e-4)
    operator = steepest.least_squares(
        residuals, np.full(n, -0.5), lambda x: aslinearoperator(jac(x)), **given
    )
    np.testing.assert_array_equal(operator.x, ours.x)
    np.testing.assert_array_equal(operator.grad, ours.grad)
    assert isinstance(operator.jac, LinearOperator)
    np.testing.assert_allclose(operator.jac @ ours.x, ours.jac @ ours.x, rtol=1e-12)
    np.testing.assert_allclose(operator.jac.T @ ours.fun, ours.jac.T @ ours.fun, rtol=1e-12, atol=1e-15)
    few = steepest.least_squares(residuals, np.full(n, -0.5), jac, max_nfev=1, **given)
    assert (few.outcome, few.status) == ("budget", 0)
    with pytest.raises(InputError, match="no option is called 'foo'"):
        steepest.least_squares(residuals, np.full(n, -0.5), jac, options={"foo": 1})


def test_a_dense_jacobian_of_many_variables_is_asked_for_once_at_the_start() -> None:
    """Its form is asked for, and was thrown away; and it was asked for before options were read."""
    n = 501
    calls: list[Any] = []

    def jac(x: Any) -> Any:
        calls.append(x)
        return np.diag(2 * x)

    with pytest.raises(InputError, match="no option is called 'foo'"):
        steepest.least_squares(lambda x: x**2 - 2, np.ones(n), jac, options={"foo": 1})
    with pytest.raises(InputError, match="workers must be"):
        steepest.least_squares(lambda x: x**2 - 2, np.ones(n), jac, workers=0)
    assert not calls
    r = steepest.least_squares(lambda x: x**2 - 2, np.ones(n), jac, max_nfev=2)
    assert r.method == "levenberg_marquardt"
    assert len(calls) == r.njev


def test_minimize_refuses_the_method_by_name() -> None:
    with pytest.raises(InputError, match="least_squares"):
        steepest.minimize(lambda x: (x**2).sum(), [1.0], method="levenberg_marquardt")


@pytest.mark.parametrize(
    ("curve", "ydata", "got"),
    [
        (lambda x, a, b: a * x + b, np.ones(3), r"shape \(5,\)"),
        (lambda x, a, b: np.ones(3) * a, np.ones(5), r"shape \(3,\)"),
        # Spread over the data it would be 25 residuals, and a fit of something else.
        (lambda x, a, b: (a * x + b)[:, None], np.ones(5), r"shape \(5, 1\)"),
        (lambda x, a, b: None, np.ones(5), "None"),
        (lambda x, a, b: "abc", np.ones(5), "'abc'"),
    ],
)
def test_a_curve_of_another_shape_than_its_data_is_named(curve: Any, ydata: Any, got: str) -> None:
    with pytest.raises(InputError, match=f"f must return a number for each of ydata, .*got .*{got}"):
        steepest.curve_fit(curve, np.arange(5.0), ydata)


def test_a_curve_in_a_row_of_its_own_is_that_of_the_data() -> None:
    x = np.arange(5.0)
    popt, _ = steepest.curve_fit(lambda x, a, b: (a * x + b)[None], x, 2 * x + 1)
    np.testing.assert_allclose(popt, [2, 1])
    popt, _ = steepest.curve_fit(lambda x, a: a, x, 2 * x + 1)
    np.testing.assert_allclose(popt, [5])


def test_arguments_of_scipys_lm_are_understood() -> None:
    x = np.linspace(0, 4, 50)
    f = lambda x, a, b: a * np.exp(-b * x)  # noqa: E731
    y = f(x, 2.5, 1.3) + 0.2 * np.random.default_rng(0).standard_normal(50)
    by_columns = lambda x, a, b: np.array([np.exp(-b * x), -a * x * np.exp(-b * x)])  # noqa: E731
    for given in (
        {"epsfcn": 1e-10},
        {"epsfcn": None, "maxfev": 0},
        {"factor": 10, "diag": (1, 2)},
        {"jac": by_columns, "col_deriv": True},
        {"jac": by_columns, "col_deriv": 1, "sigma": 0.5 + x},
    ):
        ours = steepest.curve_fit(f, x, y, full_output=True, **given)
        # SciPy multiplies rows by sigma, whichever they are.
        given = {k: v for k, v in given.items() if "sigma" not in given or k == "sigma"}
        theirs = scipy.optimize.curve_fit(f, x, y, **given)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-3)
        idle = {
            n.sentence.split()[0] for n in ours[2]["result"].findings if n.kind == "option_without_effect"
        }
        assert idle == {"factor", "diag"} & set(given)
    steps: list[float] = []
    for given in ({}, {"diff_step": None}):
        steps.clear()
        steepest.curve_fit(lambda x, a: steps.append(a) or a * x, x, y, p0=[1.0], epsfcn=1e-4, **given)
        assert any(abs(a - 1.01) < 1e-12 for a in steps)
    for given, words in (
        ({"epsfcn": -1.0}, "epsfcn must be at least 0"),
        ({"factor": 0}, "factor must be above 0"),
        ({"diag": [1.0]}, "diag must be above 0 for each of the 2"),
    ):
        with pytest.raises(InputError, match=words):
            steepest.curve_fit(f, x, y, **given)


def test_a_budget_that_ran_out_is_called_what_the_caller_called_it() -> None:
    x = np.linspace(0, 4, 50)
    f = lambda x, a, b: a * np.exp(-b * x)  # noqa: E731
    for name in ("maxfev", "max_nfev"):
        with pytest.raises(RuntimeError, match=f"raise {name} to go on"):
            steepest.curve_fit(f, x, f(x, 2.5, 1.3), **{name: 2})
    residuals = lambda p: f(x, *p) - f(x, 2.5, 1.3)  # noqa: E731
    assert "raise max_nfev" in steepest.least_squares(residuals, [1.0, 1.0], max_nfev=2).message
    other = steepest.least_squares(residuals, [1.0, 1.0], options={"max_evaluations": 2})
    assert "raise max_evaluations" in other.message


def test_curve_fit_as_scipy_has_it() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(0, 4, 50)
    f = lambda x, a, b, c: a * np.exp(-b * x) + c  # noqa: E731
    y = f(x, 2.5, 1.3, 0.5) + 0.2 * rng.standard_normal(50)
    sigma = rng.uniform(0.1, 1, 50)
    wide = np.diag(sigma**2) + 0.01
    for given in ({}, {"sigma": sigma}, {"sigma": sigma, "absolute_sigma": True}, {"sigma": wide}):
        ours, theirs = steepest.curve_fit(f, x, y, **given), scipy.optimize.curve_fit(f, x, y, **given)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-3, atol=1e-6)
    box = ([0, 0, 0], [3.0, 1.0, 0.5])
    np.testing.assert_allclose(
        steepest.curve_fit(f, x, y, bounds=box)[0],
        scipy.optimize.curve_fit(f, x, y, bounds=box)[0],
        atol=1e-5,
    )
    y[3] = np.nan
    with pytest.raises(InputError, match="entry 3"):
        steepest.curve_fit(f, x, y)
    kept = np.arange(50) != 3
    np.testing.assert_allclose(
        steepest.curve_fit(f, x, y, nan_policy="omit")[0], steepest.curve_fit(f, x[kept], y[kept])[0]
    )
    with pytest.raises(RuntimeError, match="Optimal parameters not found"):
        steepest.curve_fit(f, x[kept], y[kept], maxfev=2)
    with pytest.warns(scipy.optimize.OptimizeWarning, match="do not determine"):
        _, pcov = steepest.curve_fit(lambda x, a, b: (a + b) * x, x[kept], y[kept])
    assert np.isinf(pcov).all()
    with pytest.raises(InputError, match="pass p0"):
        steepest.curve_fit(lambda x, *p: x, x, x)
