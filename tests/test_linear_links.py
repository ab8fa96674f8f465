"""Other links of a loss: the losses that they are, held against SciPy and scikit-learn, and what is refused."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr
from sklearn.linear_model import TweedieRegressor as Theirs

from steepest import _core
from steepest.errors import InputError
from steepest.linear import GeneralizedLinear, TweedieRegressor, load, save
from steepest.linear.problem import Problem

RNG = np.random.default_rng(5)
X = RNG.normal(size=(300, 4))
MARGIN = X @ [1.0, -0.5, 0.0, 0.3] + 0.2
Y = (MARGIN + RNG.normal(size=300) > 0).astype(int)
AMOUNTS = np.exp(MARGIN) + 0.2 * RNG.normal(size=300)


def probit(v, alpha):
    return -np.mean(log_ndtr((2 * Y - 1) * (X @ v[:4] + v[4]))) + 0.5 * alpha * v[:4] @ v[:4]


def test_the_probit_loss_is_exact_in_both_tails():
    margin = np.concatenate([np.linspace(-60, 60, 2401), [-1e8, -1e4, 1e4, 1e8, 0.0]])
    for target in (0.0, 1.0):
        told = _core.row_losses(("probit", []), 1, np.full(len(margin), target), margin)
        there = log_ndtr((2 * target - 1) * margin)
        # Below that numbers lose digits, and those of the density with them.
        np.testing.assert_allclose(told, -there, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(_core.means(("probit", []), 1, margin), ndtr(margin), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("penalty", ["none", "l2", "l1"])
def test_probit_models_are_proved_and_scipy_finds_nothing_lower(penalty):
    alpha = 0.0 if penalty == "none" else 0.02
    solved = Problem(loss="probit", penalty=penalty, alpha=alpha, tol=1e-10).solve(X, Y.astype(float))
    assert solved.result.success
    assert solved.result.certificate["kind"] in ("duality_gap", "exact_gap")
    if penalty != "l1":
        theirs = minimize(probit, np.zeros(5), args=(alpha,), tol=1e-12)
        assert solved.result.fun <= theirs.fun + 1e-10
        np.testing.assert_allclose(np.r_[solved.coef[0], solved.intercept], theirs.x, atol=1e-4)


@pytest.mark.parametrize(
    ("link", "loss"), [("probit", "probit"), ("cloglog", "cloglog"), ("logit", "logistic")]
)
def test_a_link_of_classes_is_the_loss_of_that_name(link, loss, tmp_path):
    names = np.where(Y == 1, "yes", "no")
    linked = GeneralizedLinear("logistic", alpha=0.01, link=link).fit(X, names)
    named = GeneralizedLinear(loss, alpha=0.01).fit(X, names)
    np.testing.assert_array_equal(linked.coef_, named.coef_)
    np.testing.assert_array_equal(linked.predict_proba(X), named.predict_proba(X))
    np.testing.assert_array_equal(linked.predict(X), named.predict(X))
    assert linked.score(X, names) == named.score(X, names)
    save(linked, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.link == link
    np.testing.assert_array_equal(again.predict_proba(X), linked.predict_proba(X))


def test_of_probit_means_are_normal_probabilities_and_errors_are_told():
    model = GeneralizedLinear("logistic", None, link="probit").fit(X, Y)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], ndtr(model.linear_predictor(X)), rtol=1e-12)
    told = model.summary(X, Y)
    m = X @ told.coef[:4] + told.coef[4]
    density = np.exp(-0.5 * m**2) / np.sqrt(2 * np.pi)
    weight = density**2 / (ndtr(m) * ndtr(-m))
    Z = np.column_stack([X, np.ones(300)])
    se = np.sqrt(np.diag(np.linalg.inv(Z.T @ (weight[:, None] * Z))))
    np.testing.assert_allclose(told.se, se, rtol=1e-8)
    assert told.settled
    np.testing.assert_allclose(model.summary(X, Y, covariance="HC0").se, told.se, rtol=0.2)
    assert told.llf == pytest.approx(log_ndtr((2 * Y - 1) * m).sum(), rel=1e-10)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_squares_under_a_log_link_are_scikit_learn_s(alpha):
    theirs = Theirs(power=0, link="log", alpha=alpha, tol=1e-10, max_iter=10_000).fit(X, AMOUNTS)
    ours = TweedieRegressor(power=0, link="log", alpha=alpha).fit(X, AMOUNTS)
    linked = GeneralizedLinear("squared", alpha=alpha, link="log").fit(X, AMOUNTS)
    tweedie = GeneralizedLinear("tweedie", loss_settings={"power": 0}, alpha=alpha, link="log").fit(
        X, AMOUNTS
    )
    for model in (ours, linked, tweedie):
        assert model.result_.success
        assert model.result_.certificate["kind"] == "stationary"
        np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-5)
        np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-4)
    assert ours.score(X, AMOUNTS) == pytest.approx(theirs.score(X, AMOUNTS), abs=1e-8)
    free = GeneralizedLinear("squared", None, link="log").fit(X, AMOUNTS)
    assert free.summary(X, AMOUNTS).letter == "z"


def test_identity_is_the_link_of_squares():
    plain = GeneralizedLinear("tweedie", loss_settings={"power": 0}).fit(X, AMOUNTS)
    np.testing.assert_array_equal(plain.coef_, GeneralizedLinear("squared").fit(X, AMOUNTS).coef_)
    named = GeneralizedLinear("tweedie", loss_settings={"power": 0}, link="identity").fit(X, AMOUNTS)
    np.testing.assert_array_equal(plain.coef_, named.coef_)


@pytest.mark.parametrize(
    ("loss", "link", "words"),
    [
        ("poisson", "identity", "the loss poisson takes 'log'; got link='identity'"),
        ("logistic", "log", "takes 'logit' or 'probit' or 'cloglog'; got link='log'"),
        ("squared", "inverse", "takes 'identity' or 'log'"),
        ("huber", "log", "takes no link but its own, None"),
        ("logistic", 3, "got link=3"),
        ("nonsense", "log", "no loss is called 'nonsense'"),
    ],
)
def test_other_links_are_refused_by_those_there_are(loss, link, words):
    with pytest.raises(ValueError, match=words):
        GeneralizedLinear(loss, link=link).fit(X, Y)


def test_a_power_other_than_0_takes_no_identity():
    with pytest.raises(InputError, match="takes the link 'log'; got 'identity'"):
        TweedieRegressor(power=1.5, link="identity").fit(X, np.abs(AMOUNTS))
