"""Paths along alpha: the grid, every point of it, and what is told of it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import enet_path, lasso_path

from steepest.errors import InputError, NotConverged
from steepest.linear import GeneralizedLinear, path

X, Y = load_diabetes(return_X_y=True)
CANCER, SICK = load_breast_cancer(return_X_y=True)
CANCER = ((CANCER - CANCER.mean(0)) / CANCER.std(0))[:200, :8]
SICK = SICK[:200]


def objective(coef, intercept, alpha, ratio=1.0):
    pull = ratio * np.abs(coef).sum() + 0.5 * (1 - ratio) * coef @ coef
    return 0.5 * np.mean((Y - X @ coef - intercept) ** 2) + alpha * pull


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_the_path_is_scikit_learn_s(ratio):
    A, b = X - X.mean(0), Y - Y.mean()
    settings = None if ratio == 1.0 else {"ratio": ratio}
    found = path(
        X, Y, penalty="l1" if ratio == 1.0 else "elastic_net", penalty_settings=settings, n_alphas=30
    )
    most = np.abs(A.T @ b).max() / len(Y) / ratio
    np.testing.assert_allclose(found.alphas, np.geomspace(most, 1e-3 * most, 30), rtol=1e-10)
    given = {"alphas": found.alphas, "tol": 1e-12, "max_iter": 100_000}
    alphas, coefs, _ = lasso_path(A, b, **given) if ratio == 1.0 else enet_path(A, b, l1_ratio=ratio, **given)
    assert found.coefs.shape == (30, X.shape[1])
    assert found.intercepts.shape == (30,)
    assert found.success
    assert not found.coefs[0].any()
    assert found.n_nonzero[1] >= 1
    np.testing.assert_array_equal(found.n_nonzero, (found.coefs != 0).sum(axis=1))
    for k, alpha in enumerate(alphas):
        theirs = objective(coefs[:, k], Y.mean() - X.mean(0) @ coefs[:, k], alpha, ratio)
        ours = objective(found.coefs[k], found.intercepts[k], alpha, ratio)
        assert ours <= theirs * (1 + 1e-6)
        certificate = found.results[k].certificate
        assert certificate["kind"] == "duality_gap"
        assert certificate["bound"] <= 1e-6 * ours
        assert found.results[k].fun == pytest.approx(ours, rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "penalty", "more"),
    [
        ("squared", "l1", {"bounds": (0.0, np.inf)}),
        ("squared", "l2", {}),
        ("squared", "l1", {"penalty_weights": [0, 1, 2, 1, 1, 0.5, 1, 1]}),
        ("squared", "l1", {"fit_intercept": False}),
        ("squared", "group_lasso", {"groups": [0, 0, 1, 1, 2, 2, 3, 3]}),
        ("huber", "elastic_net", {}),
        ("logistic", "l1", {}),
        ("logistic", "l2", {}),
        ("softmax", "l1", {}),
        ("poisson", "l1", {}),
        ("pinball", "l1", {"alphas": [0.1, 0.02, 0.3]}),
    ],
)
def test_each_point_is_that_of_a_fit_alone(loss, penalty, more):
    rng = np.random.default_rng(0)
    m = CANCER @ [1.0, -0.5, 0.0, 0.2, 0.0, 0.0, 0.3, 0.0]
    y = {
        "logistic": SICK,
        "softmax": np.digitize(m + 0.3 * rng.normal(size=len(m)), [-0.5, 0.5]),
        "poisson": rng.poisson(np.exp(np.clip(m, -3, 3))),
    }.get(loss, m + 0.5 * rng.normal(size=len(m)) + 1.0)
    weight = rng.uniform(0.5, 2.0, len(m))
    found = path(
        CANCER, y, loss=loss, penalty=penalty, sample_weight=weight, **({"n_alphas": 6, "eps": 0.01} | more)
    )
    assert found.success
    given = {name: value for name, value in more.items() if name != "alphas"}
    for alpha, model in zip(found.alphas, found.models, strict=True):
        alone = GeneralizedLinear(loss, penalty, alpha, tol=1e-7, **given).fit(CANCER, y, weight)
        assert model.result_.fun <= alone.result_.fun * (1 + 1.5e-6)
        assert model.alpha == alpha
    assert (np.diff(found.alphas) < 0).all()
    k = len(found.alphas) - 1
    np.testing.assert_array_equal(found.coefs[k], found.models[k].coef_)
    score = found.models[k].score(CANCER, y, weight)
    assert found.deviance_explained[k] == pytest.approx(score, abs=1e-9)
    if "alphas" not in more and penalty != "l2":
        free = np.array(more.get("penalty_weights", np.ones(8))) == 0
        # At the first alpha nothing that is weighed is there; a little below it something is.
        assert not found.coefs[0][..., ~free].any()
        below = path(CANCER, y, loss=loss, penalty=penalty, sample_weight=weight, **given,
                     alphas=[0.97 * found.alphas[0]])  # fmt: skip
        assert below.coefs[0][..., ~free].any()


def test_a_smooth_penalty_begins_where_glmnet_s_does():
    found = path(X, Y, penalty="l2", n_alphas=3)
    slope = np.abs((X - X.mean(0)).T @ (Y - Y.mean())).max() / len(Y)
    assert found.alphas[0] == pytest.approx(1000 * slope, rel=1e-9)
    assert found.deviance_explained[0] < 0.01


@pytest.mark.parametrize("penalty", ["mcp", "scad"])
def test_of_what_is_not_convex_nothing_is_claimed(penalty):
    scaled = (X - X.mean(0)) / X.std(0)
    found = path(scaled, Y, penalty=penalty, n_alphas=10, eps=0.05)
    assert found.success
    assert {result.certificate["kind"] for result in found.results} == {"stationary"}
    assert not found.coefs[0].any()


def test_rows_may_be_sparse_single_or_offset():
    rows = sparse.random(300, 40, density=0.1, random_state=0, format="csr")
    y = rows @ np.r_[np.ones(5), np.zeros(35)] + 0.01 * np.random.default_rng(0).normal(size=300)
    dense, found = path(rows.toarray(), y, n_alphas=8), path(rows, y, n_alphas=8)
    np.testing.assert_allclose(found.alphas, dense.alphas, rtol=1e-10)
    np.testing.assert_allclose(found.coefs, dense.coefs, atol=1e-4)
    np.testing.assert_allclose(found.spreads, dense.spreads, rtol=1e-10)
    single = path(X.astype(np.float32), Y, n_alphas=8)
    assert single.coefs.dtype == np.float32
    counts = np.random.default_rng(0).poisson(np.exp(0.3 * CANCER[:, 0] + 1))
    exposed = path(CANCER, counts, loss="poisson", exposure=np.full(200, 2.0), n_alphas=5)
    alone = path(CANCER, counts, loss="poisson", n_alphas=5)
    np.testing.assert_allclose(exposed.alphas, alone.alphas, rtol=1e-8)
    np.testing.assert_allclose(exposed.intercepts + np.log(2), alone.intercepts, atol=1e-3)
    np.testing.assert_allclose(exposed.deviance_explained, alone.deviance_explained, atol=1e-5)


def test_several_targets_have_one_grid():
    both = np.column_stack([Y, -2 * Y + X[:, 0]])
    found = path(X, both, n_alphas=5)
    assert found.coefs.shape == (5, 2, X.shape[1])
    assert found.intercepts.shape == (5, 2)
    first = path(X, Y, alphas=found.alphas)
    np.testing.assert_allclose(found.coefs[:, 0], first.coefs, atol=1e-2)
    assert found.n_nonzero[0] == 0
    assert found.plot(1, file="/dev/null").get_xlabel() == "alpha"


def test_a_penalty_may_have_axes_of_its_own():
    rng = np.random.default_rng(2)
    P = np.diff(np.eye(10), axis=0).T @ np.diff(np.eye(10), axis=0) + 0.1 * np.eye(10)
    both = np.column_stack([Y, rng.normal(size=len(Y))])
    found = path(X, both, penalty="l2", penalty_matrix=P, n_alphas=5)
    assert found.success
    for k, alpha in enumerate(found.alphas):
        alone = GeneralizedLinear(alpha=alpha, penalty_matrix=P, tol=1e-10).fit(X, both)
        np.testing.assert_allclose(found.coefs[k], alone.coef_, rtol=1e-2, atol=1e-3 * abs(alone.coef_).max())
    with pytest.raises(InputError, match="goes with penalty='l2'"):
        path(X, Y, penalty_matrix=P)


def test_columns_of_a_frame_are_named_and_drawn(tmp_path):
    frame, y = load_diabetes(return_X_y=True, as_frame=True)
    found = path(frame, y, n_alphas=12)
    assert found.names == list(frame.columns)
    ax = found.plot(file=tmp_path / "path.png")
    assert (tmp_path / "path.png").exists()
    assert ax.get_legend().get_texts()[0].get_text() in frame.columns
    assert "explained" in str(found)
    assert found._repr_html_().count("<tr>") == 13
    assert len(found) == 12
    np.testing.assert_allclose(
        found.models[-1].predict(frame), frame @ found.coefs[-1] + found.intercepts[-1]
    )
    with pytest.raises(InputError, match="output must be below 1"):
        found.plot(1)


def test_classes_may_be_texts():
    names = np.where(SICK == 1, "yes", "no")
    found = path(CANCER, names, loss="logistic", n_alphas=4)
    assert set(found.models[-1].predict(CANCER)) == {"yes", "no"}


def test_it_ends_where_it_is_stopped():
    calls = []

    def stop(progress):
        calls.append(progress)
        return True

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)
        found = path(CANCER, SICK, loss="logistic", n_alphas=50, watch=stop)
    assert calls
    assert len(found) < 50
    assert found.results[-1].outcome == "stopped"
    with pytest.warns(NotConverged, match=r"path: \d of 5 fits ended short"):
        path(CANCER, SICK, loss="logistic", n_alphas=5, max_iter=1, method="fista")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"alphas": []}, "alphas must be finite numbers"),
        ({"alphas": [1.0, -1.0]}, "alphas must be finite numbers"),
        ({"alphas": [np.nan]}, "alphas must be finite numbers"),
        ({"alphas": "many"}, "alphas must be numbers"),
        ({"n_alphas": 0}, "n_alphas must be a whole number of at least 1"),
        ({"eps": 1.0}, "eps must be above 0 and below 1"),
        ({"eps": -0.1}, "eps must be finite and at least 0"),
        ({"penalty": "simplex"}, "weighs nothing"),
        ({"penalty": None}, "weighs nothing"),
        ({"penalty": "ell1"}, "no penalty is called 'ell1'"),
        ({"loss": "squard"}, "no loss is called 'squard'"),
        ({"loss": "pinball"}, "give alphas"),
        ({"bounds": (1.0, 2.0)}, "bounds keep coefficients from 0"),
        ({"watch": 3}, "watch must be called"),
        ({"penalty_weights": [1.0]}, "penalty_weights must be 10"),
        ({"sample_weight": np.zeros(3)}, "sample_weight"),
    ],
)
def test_what_cannot_be_used_is_named(given, words):
    with pytest.raises(ValueError, match=words):
        path(X, Y, **given)


def test_without_slopes_there_is_no_path():
    with pytest.raises(InputError, match="no coefficient is other than 0 at any alpha"):
        path(X, np.full(len(X), 3.0))
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="row 3"):
        path(bad, Y)


@pytest.mark.parametrize("given", [np.full((50, 2), 7.0), np.full((50, 2), 0.1), np.zeros((50, 2))])
def test_columns_that_do_not_vary_have_no_path(given):
    y = np.random.default_rng(0).normal(size=50)
    for loss, target in [("squared", y), ("logistic", y > 0), ("poisson", np.exp(y))]:
        with pytest.raises(InputError, match="no coefficient is other than 0 at any alpha"):
            path(given, target, loss=loss)
    # Beside one that does they are no hindrance.
    beside = np.column_stack([given, y + np.arange(50.0)])
    found = path(beside, y, n_alphas=3)
    assert found.success
    assert found.coefs[-1, 2] != 0
    assert path(np.full((50, 1), 7.0), y + 1, fit_intercept=False, n_alphas=3).coefs[-1, 0] != 0


def exactly(A, b, share, alpha, coef, intercept):
    """The objective in long double."""
    wide = np.longdouble
    r = b.astype(wide) - A.astype(wide) @ coef.astype(wide) - wide(intercept)
    return wide(0.5) * (share.astype(wide) * r * r).sum() / share.sum() + wide(alpha) * np.abs(coef).sum()


@pytest.mark.parametrize("far", [0.0, 1e3, 1e7])
@pytest.mark.parametrize("noise", [1.0, 1e-5, 1e-10])
def test_a_tall_table_is_read_a_few_times_and_what_is_proved_holds(noise, far):
    """Its matrix tells the rest, where its rounding does not matter; next to an exact fit it is read."""
    rng = np.random.default_rng(1)
    A = rng.normal(size=(2000, 12)) * 10.0 ** rng.integers(-3, 4, 12)
    A[:, 1] = A[:, 0]
    A[:, 2] = 3.0
    A += far * A.std(axis=0)
    b = A @ (rng.normal(size=12) / A.std(axis=0).clip(1e-3)) + noise * rng.normal(size=2000) + far
    share = rng.integers(0, 3, 2000).astype(float)
    found = path(A, b, n_alphas=40, eps=1e-4, tol=1e-4, sample_weight=share)
    fine = path(A, b, alphas=found.alphas, tol=1e-13, sample_weight=share, threads=1)
    assert found.success
    if noise == 1.0:
        assert sum(result.passes for result in found.results) < 10
    for k, alpha in enumerate(found.alphas):
        value = exactly(A, b, share, alpha, found.coefs[k], found.intercepts[k])
        least = exactly(A, b, share, alpha, fine.coefs[k], fine.intercepts[k])
        result = found.results[k]
        assert value - least <= result.certificate["bound"] <= 1e-4 * result.fun
        assert abs(result.fun - value) <= 1e-9 * value + result.certificate["rounding"]


def test_rows_that_are_read_have_one_too():
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])]).assign(y=Y)
    found = path(lambda: [frame], "y", n_alphas=4)
    there = path(X, Y, n_alphas=4)
    np.testing.assert_allclose(found.alphas, there.alphas, rtol=1e-8)
    np.testing.assert_allclose(found.deviance_explained, there.deviance_explained, atol=1e-5)
    assert found.spreads is None


def test_a_path_has_a_link_too():
    y = (np.median(Y) < Y).astype(float)
    found = path(X, y, loss="logistic", link="probit", n_alphas=4)
    named = path(X, y, loss="probit", n_alphas=4)
    np.testing.assert_array_equal(found.coefs, named.coefs)
    assert found.success
    with pytest.raises(InputError, match="link"):
        path(X, y, loss="logistic", link="sqrt")
