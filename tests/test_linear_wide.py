"""Tables with far fewer rows than columns: no scale of the columns may slow them or spoil the answer.

What is proved is judged by NumPy alone: under a penalty alpha/2 |w|^2 in the table's own units F - F* is at most
|gradient|^2 / (2 alpha) once the intercept's slope is 0.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steepest.errors import NotConverged
from steepest.linear import GeneralizedLinear, LinearSVC, LinearSVR, LogisticRegression
from steepest.linear.problem import Problem

EPSILON = 0.1  # what squared_epsilon_insensitive forgives by itself
BENT = ["squared_hinge", "squared_epsilon_insensitive"]


def table(rows: int, columns: int, seed: int) -> tuple[Any, Any]:
    """Columns of scales 1e-2 to 1e2, far from 0; scores of which five columns tell."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    score = X[:, -5:].sum(axis=1) + rng.standard_normal(rows)
    scale = np.logspace(-2, 2, columns)
    return (X + 3.0) * scale, score


def loss_and_slope(loss: str, z: Any, y: Any) -> tuple[Any, Any]:
    """A row's loss, up to what the optimum does not depend on, and its slope."""
    if loss == "logistic":
        return np.logaddexp(0.0, z) - y * z, 1.0 / (1.0 + np.exp(-z)) - y
    if loss == "squared":
        return 0.5 * (z - y) ** 2, z - y
    if loss == "squared_hinge":
        side = 2.0 * y - 1.0
        missed = np.maximum(1.0 - side * z, 0.0)
        return missed**2, -2.0 * side * missed
    if loss == "squared_epsilon_insensitive":
        missed = np.maximum(np.abs(z - y) - EPSILON, 0.0)
        return missed**2, 2.0 * np.sign(z - y) * missed
    return np.exp(z) - y * z + np.where(y > 0, y * np.log(np.maximum(y, 1.0)) - y, 0.0), np.exp(z) - y


def plain_bound(loss: str, found: Any, X: Any, y: Any, weight: Any, alpha: float) -> tuple[float, float]:
    """F and |gradient|^2 / 2 alpha, the intercept's slope as what it may bring."""
    w, b = found.coef[0], found.intercept[0]
    share = weight / weight.sum()
    value, slope = loss_and_slope(loss, X @ w + b, y)
    gradient = X.T @ (share * slope) + alpha * w
    # Of the columns about their means: the intercept takes the rest up.
    gradient -= (share @ slope) * (share @ X)
    return float(share @ value + 0.5 * alpha * w @ w), float(gradient @ gradient / (2.0 * alpha))


@pytest.mark.parametrize("loss", ["logistic", "squared", "poisson"])
@pytest.mark.parametrize("weighted", [False, True])
def test_raw_wide_tables_are_solved_to_what_their_own_units_prove(loss: str, weighted: bool) -> None:
    rows, columns = 300, 900
    X, score = table(rows, columns, 3)
    y = {
        "logistic": (score > 0.5).astype(float),
        "squared": score,
        "poisson": np.floor(np.exp(0.3 * np.clip(score, -6, 6))),
    }[loss]
    weight = np.random.default_rng(1).integers(0, 3, rows).astype(float) if weighted else np.ones(rows)
    alpha = 1e-3
    problem = Problem(loss=loss, alpha=alpha, method="progressive", tol=1e-6)
    solved = problem.solve(X, y, weight if weighted else None)
    assert solved.result.success
    value, bound = plain_bound(loss, solved, X, y, weight, alpha)
    assert bound <= 1e-6 * value, f"{bound / value:.1e}"


def test_rows_that_are_copies_of_others() -> None:
    X, score = table(200, 700, 5)
    X, y = np.vstack([X, X[:50]]), np.concatenate([score, score[:50]]) > 0
    solved = Problem(loss="logistic", alpha=1e-3, method="progressive", tol=1e-6).solve(X, y.astype(float))
    value, bound = plain_bound("logistic", solved, X, y.astype(float), np.ones(250), 1e-3)
    assert solved.result.success
    assert bound <= 1e-6 * value


def test_a_raw_wide_table_is_not_read_until_its_square_is_paid_for() -> None:
    # Pairs round a diagonal creep on such columns: that they do is seen at a quarter of what the square table costs.
    X, score = table(700, 2100, 7)
    y = (score > 0).astype(float)
    solved = Problem(loss="logistic", alpha=1e-3, method="progressive", tol=1e-6).solve(X, y)
    price = 700 * (2100 + 1400) / 2100 * 25 / (60 * 8)
    assert solved.result.success
    assert solved.result.history["passes"][-1] < 0.5 * price


def bent(rows: int, columns: int, loss: str) -> tuple[Any, Any]:
    X, score = table(rows, columns, 11)
    return X, (score > 0.5).astype(float) if loss == "squared_hinge" else score


def plain_optimum(loss: str, found: Any, X: Any, y: Any, weight: Any, alpha: float) -> Any:
    """The optimum as NumPy finds it by active sets, from the rows that cost something at `found`: coef and intercept.

    Those rows' losses are squares (z - t)^2, so with K = XX'/alpha their numbers s solve (K + 1/2 share) s + b = t,
    sum(s) = 0.
    """
    share = weight / weight.sum()
    centred = X - share @ X
    K = centred @ centred.T / alpha
    z = X @ found.coef[0] + found.intercept[0]
    for _ in range(60):
        missed = loss_and_slope(loss, z, y)[1]
        on = np.flatnonzero((missed != 0.0) & (share > 0.0))
        goal = 2.0 * y - 1.0 if loss == "squared_hinge" else y + EPSILON * np.sign(z - y)
        system = np.ones((on.size + 1, on.size + 1))
        system[:-1, :-1] = K[np.ix_(on, on)] + np.diag(0.5 / share[on])
        system[-1, -1] = 0.0
        solved = np.linalg.solve(system, np.append(goal[on], 0.0))
        s = np.zeros(len(y))
        s[on] = solved[:-1]
        z = K @ s + solved[-1]
        if np.array_equal(on, np.flatnonzero((loss_and_slope(loss, z, y)[1] != 0.0) & (share > 0.0))):
            break
    coef = s @ centred / alpha
    return SimpleNamespace(coef=[coef], intercept=[solved[-1] - share @ X @ coef])


def relative_error(loss: str, found: Any, X: Any, y: Any, weight: Any, alpha: float) -> float:
    """(F - F*) / F at most."""
    value = plain_bound(loss, found, X, y, weight, alpha)[0]
    least, bound = plain_bound(loss, plain_optimum(loss, found, X, y, weight, alpha), X, y, weight, alpha)
    assert bound <= 1e-7 * value  # NumPy's optimum is one
    return (value - least + bound) / value


@pytest.mark.parametrize("loss", BENT)
@pytest.mark.parametrize("columns", [330, 900])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_that_bend_at_kinks_end_on_raw_wide_tables(loss: str, columns: int, weighted: bool) -> None:
    X, y = bent(300, columns, loss)
    weight = np.random.default_rng(1).integers(0, 3, 300).astype(float) if weighted else np.ones(300)
    problem = Problem(loss=loss, alpha=1e-3, method="progressive", tol=1e-6)
    solved = problem.solve(X, y, weight if weighted else None)
    assert solved.result.success
    assert relative_error(loss, solved, X, y, weight, 1e-3) <= 1e-6


@pytest.mark.parametrize("loss", BENT)
def test_kinks_of_rows_that_are_copies_of_others(loss: str) -> None:
    X, y = bent(200, 700, loss)
    X, y = np.vstack([X, X[:80], X[:20]]), np.concatenate([y, y[:80], y[:20]])
    solved = Problem(loss=loss, alpha=1e-3, method="progressive", tol=1e-6).solve(X, y)
    assert solved.result.success
    assert relative_error(loss, solved, X, y, np.ones(300), 1e-3) <= 1e-6


@pytest.mark.parametrize("loss", BENT)
def test_kinks_on_columns_far_apart_in_scale(loss: str) -> None:
    X, y = bent(150, 400, loss)
    X *= np.logspace(-4, 4, 400)  # 1e-6 to 1e6 with the scales that they have
    solved = Problem(loss=loss, alpha=1e5, method="progressive", tol=1e-6).solve(X, y)
    assert solved.result.success
    assert relative_error(loss, solved, X, y, np.ones(150), 1e5) <= 1e-6


def test_a_squared_hinge_of_a_thousand_rows() -> None:
    X, y = bent(1000, 2500, "squared_hinge")
    solved = Problem(loss="squared_hinge", alpha=1e-3, method="progressive", tol=1e-6).solve(X, y)
    assert solved.result.success
    assert relative_error("squared_hinge", solved, X, y, np.ones(1000), 1e-3) <= 1e-6


@pytest.mark.parametrize("loss", ["logistic", *BENT])
def test_a_square_table_that_overflows_ends_without_success(loss: str) -> None:
    X, y = bent(150, 600, "squared_hinge")
    # Numbers that are finite, as the inner products of their rows in these units are not.
    assert (
        not Problem(loss=loss, alpha=1e-3, method="progressive", tol=1e-6).solve(X * 1e150, y).result.success
    )


def test_a_raw_wide_table_without_an_intercept() -> None:
    X, score = table(700, 2100, 7)
    y = (score > 0).astype(float)
    found = GeneralizedLinear(loss="logistic", penalty="l2", alpha=1e-3, fit_intercept=False).fit(X, y)
    loss, slope = loss_and_slope("logistic", X @ found.coef_, y)
    gradient = X.T @ slope / 700 + 1e-3 * found.coef_
    value = loss.mean() + 0.5e-3 * found.coef_ @ found.coef_
    assert found.result_.success
    assert gradient @ gradient / 2e-3 <= 1e-6 * value


@pytest.mark.parametrize("loss", BENT)
@pytest.mark.parametrize("weights", ["few", "tiny", "one side", "far apart"])
def test_kinks_under_weights_of_any_kind(loss: str, weights: str) -> None:
    X, y = bent(150, 400, loss)
    weight = {
        "few": np.where(np.arange(150) < 3, 1.0, 0.0),
        "tiny": np.full(150, 1e-300),
        "one side": np.where(y > 0.5, 1.0, 1e-9),
        "far apart": np.logspace(-12, 0, 150),
    }[weights]
    solved = Problem(loss=loss, alpha=1e-3, method="progressive", tol=1e-6).solve(X, y, weight)
    assert solved.result.success
    assert relative_error(loss, solved, X, y, weight, 1e-3) <= 1e-6


@pytest.mark.parametrize("loss", BENT)
def test_kinks_of_rows_that_contradict_each_other(loss: str) -> None:
    X, y = bent(100, 500, loss)
    X, y = np.vstack([X, X]), np.concatenate([y, 1.0 - y])
    solved = Problem(loss=loss, alpha=1e-3, method="progressive", tol=1e-6).solve(X, y)
    assert solved.result.success
    assert relative_error(loss, solved, X, y, np.ones(200), 1e-3) <= 1e-6


def held_error(loss: str, coef: Any, intercept: float, X: Any, y: Any, alpha: float, held: float) -> float:
    """(F - F*) / F at most, under alpha / 2 (|w|^2 + held b^2): by NumPy's active sets, as `plain_optimum` has them.

    The intercept is one more column, of 1 / sqrt(held).
    """
    B = np.column_stack([X, np.full(len(y), held**-0.5)])
    at, share = np.append(coef, intercept * held**0.5), 1.0 / len(y)

    def value_and_bound(w: Any) -> tuple[float, float]:
        value, slope = loss_and_slope(loss, B @ w, y)
        gradient = share * (B.T @ slope) + alpha * w
        return float(value.mean() + 0.5 * alpha * w @ w), float(gradient @ gradient / (2.0 * alpha))

    K, w = B @ B.T / alpha, at
    for _ in range(60):
        slope = loss_and_slope(loss, B @ w, y)[1]
        on = np.flatnonzero(slope)
        goal = 2.0 * y - 1.0 if loss == "squared_hinge" else y + EPSILON * np.sign(slope)
        s = np.zeros(len(y))
        s[on] = np.linalg.solve(K[np.ix_(on, on)] + np.diag(np.full(on.size, 0.5 / share)), goal[on])
        w = B.T @ s / alpha
        if np.array_equal(on, np.flatnonzero(loss_and_slope(loss, B @ w, y)[1])):
            break
    value, (least, bound) = value_and_bound(at)[0], value_and_bound(w)
    assert bound <= 1e-7 * value  # NumPy's optimum is one
    return (value - least + bound) / value


@pytest.mark.parametrize("loss", BENT)
@pytest.mark.parametrize("scaling", [1.0, 1e-2, 1e3])
def test_an_intercept_that_is_penalised_ends_as_one_that_is_free(loss: str, scaling: float) -> None:
    X, y = bent(300, 900, loss)
    if loss == "squared_hinge":
        model: Any = LinearSVC(intercept_scaling=scaling)
    else:
        model = LinearSVR(loss=loss, epsilon=EPSILON, intercept_scaling=scaling)
    fitted = model.fit(X, y)
    coef, intercept = fitted.coef_.ravel(), float(fitted.intercept_[0])
    assert fitted.result_.success
    assert fitted.result_.history["passes"][-1] < 100
    assert held_error(loss, coef, intercept, X, y, 1.0 / 300, scaling**-2) <= 1e-6


def test_a_logistic_loss_with_a_penalised_intercept_on_a_raw_wide_table() -> None:
    X, y = bent(300, 900, "squared_hinge")
    fitted = LogisticRegression(solver="liblinear").fit(X, y)
    w = np.append(fitted.coef_[0], fitted.intercept_)
    B = np.column_stack([X, np.ones(300)])
    loss, slope = loss_and_slope("logistic", B @ w, y)
    gradient = B.T @ slope / 300 + w / 300
    assert fitted.result_.success
    assert fitted.result_.history["passes"][-1] < 100
    assert gradient @ gradient * 150 <= 1e-6 * (loss.mean() + w @ w / 600)


def test_a_budget_of_steps_is_held_under_a_penalised_intercept() -> None:
    X, y = bent(300, 900, "squared_hinge")
    with pytest.warns(NotConverged):
        fitted = LinearSVC(max_iter=1).fit(X, y)
    assert fitted.n_iter_ == 1


@pytest.mark.parametrize("C", [1.0, 100.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_weak_penalties_on_raw_wide_tables_take_no_more_reads_than_others(C: float, seed: int) -> None:
    """Where the penalty says next to nothing, a kernel of short numbers had led next to the end, and no further."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(300, 800))
    y = (Z @ rng.normal(size=800) > 0).astype(int)
    model = LogisticRegression(C=C, tol=1e-6).fit((Z + 3) * 10.0 ** rng.uniform(-2, 2, 800), y)
    assert model.result_.success
    assert model.result_.passes < 15
