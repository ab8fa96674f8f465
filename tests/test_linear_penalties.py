"""Penalties on groups, balls and caps over tables: proved, and held against references found otherwise."""

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize
from scipy.special import expit

from steepest import GeneralizedLinear
from steepest.errors import InputError
from steepest.linear.problem import Problem

PROOFS = ("duality_gap", "exact_gap")
GROUPS = np.repeat(np.arange(4), 3)


def table(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 12)) * 10.0 ** rng.uniform(-1, 1, size=12)
    y = (X / X.std(0))[:, :3] @ [1.0, -1.0, 0.5] + rng.normal(size=200)
    return X, y


def logistic(X, y, w, b):
    z = X @ w + b
    return np.mean(np.logaddexp(0, z) - y * z)


def huber(X, y, w, b):
    r = X @ w + b - y
    c = np.clip(r, -1.35, 1.35)
    return np.mean(c * (r - 0.5 * c))


#: By how much a row's loss grows with its margin.
SLOPES = {logistic: lambda z, y: expit(z) - y, huber: lambda z, y: np.clip(z - y, -1.35, 1.35)}


@pytest.mark.parametrize("loss", [logistic, huber])
@pytest.mark.parametrize("alpha", [1e-3, 0.03, 0.1])
def test_a_group_lasso_is_proved_and_its_groups_come_and_go_together(loss, alpha):
    X, y = table()
    y = (y > 0).astype(float) if loss is logistic else y
    labels = np.array(["a", "b", "c", "d"])[GROUPS]
    model = GeneralizedLinear(loss.__name__, "group_lasso", alpha, groups=labels, tol=1e-7).fit(X, y)
    w, b = model.coef_, model.intercept_
    assert model.result_.success
    certificate = model.result_.certificate
    assert certificate["kind"] in PROOFS

    def value(v):
        norms = [np.linalg.norm(v[:12][g == GROUPS]) for g in range(4)]
        return loss(X, y, v[:12], v[12]) + alpha * np.sqrt(3) * sum(norms)

    assert model.result_.fun == pytest.approx(value(np.r_[w, b]), rel=1e-12)
    there = [np.count_nonzero(w[g == GROUPS]) for g in range(4)]
    assert set(there) <= {0, 3}

    # The same as a problem with bounds on the norms: SciPy's SLSQP over (w, b, s), ||w_g|| <= s_g.
    unit, own = 1 / X.std(0), np.arange(4)[:, None] == GROUPS

    def lifted(v):
        slope = SLOPES[loss](X @ (v[:12] * unit) + v[12], y) / len(y)
        slopes = np.r_[unit * (X.T @ slope), slope.sum(), np.full(4, alpha * np.sqrt(3))]
        return loss(X, y, v[:12] * unit, v[12]) + alpha * np.sqrt(3) * v[13:].sum(), slopes

    def room(v):
        return v[13:] ** 2 - own @ (v[:12] * unit) ** 2

    def room_slopes(v):
        return np.hstack([-2 * own * v[:12] * unit**2, np.zeros((4, 1)), np.diag(2 * v[13:])])

    bounds = [(None, None)] * 13 + [(0, None)] * 4
    start = np.r_[np.full(12, 0.1), 0.0, np.full(4, 1.0)]
    found = minimize(
        lifted, start, jac=True, bounds=bounds, method="SLSQP", options={"ftol": 1e-13, "maxiter": 1000},
        constraints={"type": "ineq", "fun": room, "jac": room_slopes},
    )  # fmt: skip
    reference = value(np.r_[found.x[:12] * unit, found.x[12]])
    assert value(np.r_[w, b]) <= reference * (1 + 1e-7)
    assert value(np.r_[w, b]) - reference <= certificate["bound"]


def test_what_a_bound_says_is_so_at_any_tolerance():
    X, y = table()
    labels = np.arange(12) % 5
    problem = {"loss": "squared", "penalty": "group_lasso", "alpha": 0.02, "groups": labels}
    best = Problem(tol=1e-12, **problem).solve(X, y).result
    for tol in (1e-1, 1e-2, 1e-4, 1e-6):
        result = Problem(tol=tol, **problem).solve(X, y).result
        assert result.success
        assert result.fun - best.fun <= result.certificate["bound"] <= tol * result.fun * (1 + 1e-9)


@pytest.mark.parametrize("settings", [{}, {"by_size": 0}])
def test_without_groups_it_is_absolute_values(settings):
    X, y = table()
    ours = Problem(penalty="group_lasso", penalty_settings=settings, alpha=0.05, tol=1e-10).solve(X, y)
    lasso = Problem(penalty="l1", alpha=0.05, tol=1e-12).solve(X, y)
    assert ours.result.fun == pytest.approx(lasso.result.fun, rel=1e-9)


def test_classes_share_their_columns():
    X, y = table()
    y = np.digitize(y, [-1.0, 1.0])
    model = GeneralizedLinear("softmax", "group_lasso", 0.05, tol=1e-8).fit(X / X.std(0), y)
    assert model.result_.success
    # Nothing is said to be proved of several margins.
    assert model.result_.certificate["kind"] == "stationary"
    there = (model.coef_ != 0).sum(axis=0)
    assert set(there) == {0, 3}


@pytest.mark.parametrize(
    ("penalty", "settings", "constraint"),
    [
        ("l2_ball", {"radius": 0.3}, {"type": "ineq", "fun": lambda v: 0.09 - v[:12] @ v[:12]}),
        ("capped_simplex", {"radius": 1.0, "cap": 0.25}, LinearConstraint(np.r_[np.ones(12), 0.0], 1.0, 1.0)),
    ],
)
def test_constraints_are_held_and_proved(penalty, settings, constraint):
    X, y = table()
    X, y = X / X.std(0), (y > 0).astype(float)
    solved = Problem(loss="logistic", penalty=penalty, penalty_settings=settings, alpha=1.0, tol=1e-9).solve(
        X, y
    )
    assert solved.result.success
    assert solved.result.certificate["kind"] in PROOFS
    box = (0.0, 0.25) if penalty == "capped_simplex" else (None, None)
    start = np.r_[np.full(12, 1 / 12 if penalty == "capped_simplex" else 0.01), 0.0]
    found = minimize(
        lambda v: logistic(X, y, v[:12], v[12]), start, method="SLSQP", constraints=constraint,
        bounds=[box] * 12 + [(None, None)], options={"ftol": 1e-14, "maxiter": 1000},
    )  # fmt: skip
    assert solved.result.fun == pytest.approx(logistic(X, y, solved.coef[0], solved.intercept[0]), rel=1e-12)
    assert solved.result.fun == pytest.approx(found.fun, rel=1e-7)


def test_a_ball_of_absolute_values_is_the_lasso_of_its_size():
    X, y = table()
    X = X / X.std(0)
    lasso = Problem(penalty="l1", alpha=0.2, tol=1e-13).solve(X, y)
    radius = float(np.abs(lasso.coef).sum())
    ball = Problem(penalty="l1_ball", penalty_settings={"radius": radius}, alpha=1.0, tol=1e-10).solve(X, y)
    assert ball.result.certificate["kind"] in PROOFS
    assert ball.result.fun == pytest.approx(lasso.result.fun - 0.2 * radius, rel=1e-8)
    largest = Problem(penalty="linf", alpha=0.2, tol=1e-12).solve(X, y)
    most = float(np.abs(largest.coef).max())
    cube = Problem(penalty="linf_ball", penalty_settings={"radius": most}, alpha=1.0, tol=1e-12).solve(X, y)
    assert largest.result.certificate["kind"] in PROOFS
    assert cube.result.fun == pytest.approx(largest.result.fun - 0.2 * most, rel=1e-8)


@pytest.mark.parametrize("penalty", ["mcp", "scad"])
def test_what_is_not_convex_is_stationary_and_does_not_shrink_what_is_large(penalty):
    X, y = table()
    X = X / X.std(0)
    solved = Problem(penalty=penalty, alpha=0.2, tol=1e-9).solve(X, y)
    assert solved.result.success
    assert solved.result.certificate["kind"] == "stationary"
    w = solved.coef[0]
    assert np.count_nonzero(w) < 12
    # Where the pull has faded the coefficients are those of least squares on the columns in use.
    large = np.abs(w) > 3.7 * 0.2
    slope = X.T @ (X @ w + solved.intercept - y) / len(y)
    assert large.any()
    np.testing.assert_allclose(slope[large], 0.0, atol=1e-6)
    # And at 0 no slope is steeper than the penalty.
    assert (np.abs(slope[w == 0.0]) <= 0.2 * (1 + 1e-6)).all()


def test_weights_of_columns():
    X, y = table()
    weights = np.r_[0.0, np.linspace(0.5, 2.0, 11)]
    model = GeneralizedLinear("squared", "l1", 0.2, penalty_weights=weights, tol=1e-10).fit(X, y)
    # The same with the columns divided instead; the first has next to no penalty.
    divided = np.where(weights == 0, 1e-9, weights)
    plain = Problem(penalty="l1", alpha=0.2, tol=1e-12).solve(X / divided, y)
    np.testing.assert_allclose(model.coef_, plain.coef[0] / divided, atol=1e-5)
    assert model.result_.certificate["kind"] in PROOFS
    assert model.coef_[0] != 0


def test_structures_that_do_not_fit_are_named():
    X, y = table()
    for settings, words in [
        (
            {"penalty": "group_lasso", "groups": [0, 1]},
            r"groups must be one label a column, of shape \(12,\)",
        ),
        ({"penalty": "l1", "groups": GROUPS}, "the penalty l1 knows no groups"),
        ({"penalty_weights": -np.ones(12)}, "penalty_weights must be 12 finite numbers of at least 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            GeneralizedLinear(**settings).fit(X, y)
    assert issubclass(InputError, ValueError)
