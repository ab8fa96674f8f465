"""Losses made of straight parts (hinge, pinball, epsilon_insensitive), and the estimators over them."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog
from sklearn import linear_model, svm
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.utils import compute_class_weight
from tests.generated.oracle import Loss, Model

from steepest import GeneralizedLinear, LinearSVC, LinearSVR, QuantileRegressor, SGDClassifier, SGDRegressor
from steepest.errors import InputError, NotConverged
from steepest.linear.problem import Problem

X, Y = load_diabetes(return_X_y=True)
WEIGHT = np.linspace(0.0, 2.0, len(Y))


def pinball(r, q):
    return np.where(r > 0, q * r, (q - 1) * r)


def quantile_program(X, y, q, alpha, weight):
    """Quantile regression as a linear program, in HiGHS: the least value."""
    n, d = X.shape
    share = weight / weight.sum()
    cost = np.concatenate([np.full(2 * d, alpha), [0.0], q * share, (1 - q) * share])
    rows = sparse.hstack([X, -X, np.ones((n, 1)), sparse.eye(n), -sparse.eye(n)])
    bounds = [(0, None)] * (2 * d) + [(None, None)] + [(0, None)] * (2 * n)
    return linprog(cost, A_eq=rows, b_eq=y, bounds=bounds, method="highs").fun


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_quantiles_are_those_of_the_linear_program(q, alpha, weighted):
    S = X * 1000.0
    weight = WEIGHT if weighted else np.ones(len(Y))
    model = QuantileRegressor(quantile=q, alpha=alpha, tol=1e-9).fit(S, Y, weight if weighted else None)
    least = quantile_program(S, Y, q, alpha, weight)
    own = np.average(pinball(Y - model.predict(S), q), weights=weight) + alpha * abs(model.coef_).sum()
    certificate = model.result_.certificate
    assert model.result_.success
    assert certificate["kind"] == "duality_gap"
    assert own == pytest.approx(model.result_.fun, rel=1e-12)
    assert least - 1e-9 * least <= own <= least * (1 + 2e-9)
    assert own - least <= certificate["bound"] + 1e-9 * least


def test_quantile_regressor_is_scikit_learns():
    theirs = linear_model.QuantileRegressor(quantile=0.3, alpha=0.02).fit(X, Y)
    ours = QuantileRegressor(quantile=0.3, alpha=0.02, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(ours.coef_ == 0, np.abs(theirs.coef_) < 1e-9)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-7)


def test_raw_columns_of_any_kind():
    """Raw, sparse, in single precision, more columns than rows: the same least value."""
    scale = 10.0 ** np.linspace(-6, 6, 10)
    plain = QuantileRegressor(alpha=0.0).fit(X, Y)
    for other in (X * scale, sparse.csr_matrix(X), np.asfortranarray(X), X.astype(np.float32), X + 1e3):
        model = QuantileRegressor(alpha=0.0).fit(other, Y)
        assert model.result_.success
        assert model.result_.fun == pytest.approx(plain.result_.fun, rel=2e-6)


def test_more_columns_than_rows():
    S, b = X[:8] * 20, (Y > 100)[:8]
    sign = 2.0 * b - 1
    wide = GeneralizedLinear("hinge", "l1", 1e-2).fit(S, b)
    # max(0, 1 - margin) as a linear program of w+, w-, the intercept and the slacks.
    cost = np.concatenate([np.full(20, 1e-2), [0.0], np.full(8, 1 / 8)])
    rows = -sign[:, None] * np.hstack([S, -S, np.ones((8, 1))])
    bounds = [(0, None)] * 20 + [(None, None)] + [(0, None)] * 8
    found = linprog(cost, np.hstack([rows, -np.eye(8)]), np.full(8, -1.0), bounds=bounds, method="highs")
    assert wide.result_.success
    assert wide.result_.fun == pytest.approx(found.fun, rel=2e-6)
    wide = GeneralizedLinear("hinge", "l2", 1e-2).fit(S, b)
    theirs = svm.SVC(kernel="linear", C=100 / 8, tol=1e-12).fit(S, b)
    assert wide.result_.success
    np.testing.assert_allclose(wide.coef_, theirs.coef_[0], rtol=1e-3, atol=1e-4)


def test_columns_that_depend_on_each_other():
    twice = np.column_stack([X, X[:, 0] + X[:, 1], np.ones(len(Y)), np.zeros(len(Y)), X[:, 2]])
    model = QuantileRegressor(alpha=0.0).fit(twice, Y)
    assert model.result_.success
    assert model.result_.fun == pytest.approx(QuantileRegressor(alpha=0.0).fit(X, Y).result_.fun, rel=2e-6)


@pytest.mark.parametrize("loss", ["hinge", "pinball", "epsilon_insensitive"])
@pytest.mark.parametrize("near", [1e-2, 1e-4, 1e-8])
def test_columns_next_to_parallel_under_next_to_no_penalty(loss, near):
    """Duals of the rows as differences of margins had no digits left, and fits had ended without success."""
    random = np.random.default_rng(5)
    for n, d in [(57, 107), (46, 130), (60, 50)]:
        x = random.normal(size=(n, 4)) @ random.normal(size=(4, d)) + near * random.normal(size=(n, d))
        z = x[:, 0] / x[:, 0].std() + 0.5 * random.normal(size=n)
        y = (z > 0).astype(int) if loss == "hinge" else z
        for alpha in (1e-7, 1e-4):
            fitted = GeneralizedLinear(loss, "l2", alpha=alpha).fit(x, y)
            assert fitted.result_.success
            width = {"pinball": 0.5, "epsilon_insensitive": 0.1}.get(loss, 1.35)
            model = Model(x, y.astype(float), Loss(loss, width), l2=alpha)
            own = model.inner(fitted.coef_, fitted.intercept_)
            assert float(model.value(own)) == pytest.approx(fitted.result_.fun, rel=1e-9)
            assert model.value(own) - model.value(model.least([own])) <= 2e-6 * fitted.result_.fun


@pytest.mark.parametrize("bounds", [(0, None), (None, -0.1), (0.1, None), (-1, 1)])
def test_a_column_of_one_number_between_bounds_stays_next_to_zero(bounds):
    """The intercept makes up for it whatever it is: it had wandered to 1e15."""
    S = X[:60, :3] / X[:60, :3].std(axis=0)
    S[:, 1] = 0.22
    classes = np.sign(Y[:60] - np.median(Y[:60]) + 0.5)
    low, high = (-np.inf if bounds[0] is None else bounds[0], np.inf if bounds[1] is None else bounds[1])
    model = GeneralizedLinear("hinge", None, 0.0, bounds=(low, high)).fit(S, classes)
    rows = -np.hstack([classes[:, None] * np.c_[S, np.ones(60)], np.eye(60)])
    free = [bounds] * 3 + [(None, None)] + [(0, None)] * 60
    least = linprog(np.r_[np.zeros(4), np.full(60, 1 / 60)], rows, np.full(60, -1.0), bounds=free).fun
    assert model.result_.success
    assert np.ravel(model.coef_)[1] == np.clip(0.0, low, high)
    margins = classes * (S @ np.ravel(model.coef_) + model.intercept_)
    assert np.maximum(1 - margins, 0).mean() == pytest.approx(least, rel=2e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("C", [1e-2, 1.0, 100.0])
def test_support_vectors_are_scikit_learns(weighted, C):
    A, b = load_breast_cancer(return_X_y=True)
    A = (A - A.mean(0)) / A.std(0)
    weight = np.linspace(0.1, 2, len(b)) if weighted else np.ones(len(b))
    given = {"C": C, "loss": "hinge"}
    ours = LinearSVC(tol=1e-9, **given).fit(A, b, weight)
    theirs = svm.LinearSVC(tol=1e-8, max_iter=1_000_000, random_state=0, **given).fit(A, b, weight)

    def value(m):
        short = np.maximum(1 - (2 * b - 1) * m.decision_function(A), 0)
        return C * weight @ short + 0.5 * (m.coef_ @ m.coef_.T)[0, 0] + 0.5 * m.intercept_[0] ** 2

    assert ours.result_.success
    assert value(ours) <= value(theirs) * (1 + 1e-9)
    assert value(ours) == pytest.approx(value(theirs), rel=1e-4)
    # What is proved is of the mean: C sum(weight) times as much.
    bound = ours.result_.certificate["bound"] * C * weight.sum()
    assert value(ours) - value(theirs) <= bound


def test_support_vectors_of_several_classes():
    A, b = load_iris(return_X_y=True)
    model = LinearSVC(loss="hinge", tol=1e-9).fit(A, b)
    theirs = svm.LinearSVC(loss="hinge", tol=1e-9, max_iter=10_000_000, random_state=0).fit(A, b)
    assert all(r.success for r in model.results_)
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(model.predict(A), theirs.predict(A))


@pytest.mark.parametrize("loss", ["epsilon_insensitive", "squared_epsilon_insensitive"])
@pytest.mark.parametrize("epsilon", [0.0, 10.0])
def test_support_vector_regression_is_scikit_learns(loss, epsilon):
    S = X * 20
    given = {"loss": loss, "epsilon": epsilon, "C": 0.1}
    ours = LinearSVR(tol=1e-9, **given).fit(S, Y)
    theirs = svm.LinearSVR(tol=1e-9, max_iter=1_000_000, random_state=0, dual=True, **given).fit(S, Y)

    def value(m):
        over = np.maximum(abs(Y - m.predict(S)) - epsilon, 0)
        paid = over if loss == "epsilon_insensitive" else over**2
        return 0.1 * paid.sum() + 0.5 * m.coef_ @ m.coef_ + 0.5 * float(np.ravel(m.intercept_)[0]) ** 2

    assert ours.result_.success
    assert value(ours) <= value(theirs) * (1 + 1e-9)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-2, atol=1e-2)


def test_exact_fits_and_empty_slopes():
    r = np.random.default_rng(0)
    A = r.normal(size=(40, 3))
    exact = QuantileRegressor(alpha=0.0).fit(A, A @ [1.0, -2.0, 3.0] + 5.0)
    assert exact.result_.success
    np.testing.assert_allclose(exact.coef_, [1, -2, 3], rtol=1e-10)
    # Separable classes without a penalty have a finite best: all margins at 1 and beyond.
    apart = GeneralizedLinear("hinge", None).fit(A, A[:, 0] > 0.3)
    assert apart.result_.success
    assert apart.result_.fun == pytest.approx(0.0, abs=1e-12)
    one = Problem(loss="hinge", penalty="l1", alpha=0.1).solve(A, np.zeros(40))
    assert one.result.success
    assert one.result.fun == 0.0


def test_offsets_bounds_and_refusals():
    offset = np.linspace(0, 50, len(Y))
    moved = GeneralizedLinear("pinball", None).fit(X, Y, offset=offset)
    plain = GeneralizedLinear("pinball", None).fit(X, Y - offset)
    assert moved.result_.fun == pytest.approx(plain.result_.fun, rel=2e-6)
    held = GeneralizedLinear("pinball", "l1", 1e-3, bounds=(0, np.inf)).fit(X, Y)
    n, d = X.shape
    cost = np.concatenate([np.full(d, 1e-3), [0.0], np.full(2 * n, 0.5 / n)])
    rows = sparse.hstack([X, np.ones((n, 1)), sparse.eye(n), -sparse.eye(n)])
    least = linprog(cost, A_eq=rows, b_eq=Y, bounds=[(0, None)] * d + [(None, None)] + [(0, None)] * 2 * n)
    assert held.result_.success
    assert (held.coef_ >= 0).all()
    assert held.result_.fun == pytest.approx(least.fun, rel=2e-6)
    with pytest.raises(
        InputError, match=r"lbfgs cannot handle a loss made of straight parts.*interior_point"
    ):
        GeneralizedLinear("pinball", method="lbfgs").fit(X, Y)
    with pytest.raises(InputError, match="interior_point cannot handle a loss with a slope everywhere"):
        GeneralizedLinear("squared", method="interior_point").fit(X, Y)
    with pytest.raises(InputError, match="quantile"):
        GeneralizedLinear("pinball", loss_settings={"quantile": 1.5}).fit(X, Y)


SGD_LOSSES = {
    "hinge": lambda z: np.maximum(1 - z, 0),
    "log_loss": lambda z: np.logaddexp(0, -z),
    "squared_hinge": lambda z: np.maximum(1 - z, 0) ** 2,
    "modified_huber": lambda z: np.where(z < -1, -4 * z, np.maximum(1 - z, 0) ** 2),
    "squared_error": lambda z: 0.5 * (1 - z) ** 2,
}


@pytest.mark.parametrize("loss", SGD_LOSSES)
@pytest.mark.parametrize("penalty", ["l2", "elasticnet"])
def test_sgd_left_untouched_is_at_the_optimum(loss, penalty):
    A, b = load_breast_cancer(return_X_y=True)
    A = (A - A.mean(0)) / A.std(0)
    given = {"loss": loss, "penalty": penalty, "alpha": 1e-2, "random_state": 0}
    ours = SGDClassifier(**given).fit(A, b)
    theirs = linear_model.SGDClassifier(max_iter=2000, tol=None, **given).fit(A, b)

    def value(m):
        w, ratio = m.coef_[0], 0.15 if penalty == "elasticnet" else 0.0
        added = ratio * abs(w).sum() + (1 - ratio) * 0.5 * w @ w
        return SGD_LOSSES[loss]((2 * b - 1) * m.decision_function(A)).mean() + 1e-2 * added

    assert ours.result_.success
    assert value(ours) == pytest.approx(ours.result_.fun, rel=1e-9)
    assert value(ours) <= value(theirs)
    # Theirs diverges on some of these.
    assert loss.startswith("squared") or value(ours) == pytest.approx(value(theirs), rel=0.05)


def test_sgd_told_how_to_descend_is_theirs():
    A, b = load_iris(return_X_y=True)
    for given in (
        {"max_iter": 20},
        {"learning_rate": "constant", "eta0": 0.1},
        {"average": True},
        {"loss": "perceptron"},
    ):
        given = {"random_state": 0, "tol": None, **given}
        ours, theirs = SGDClassifier(**given).fit(A, b), linear_model.SGDClassifier(**given).fit(A, b)
        np.testing.assert_array_equal(ours.coef_, theirs.coef_)
        assert not hasattr(ours, "result_")
    ours, theirs = SGDRegressor(max_iter=5, tol=None), linear_model.SGDRegressor(max_iter=5, tol=None)
    ours, theirs = (m.set_params(random_state=0).fit(X, Y) for m in (ours, theirs))
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)
    # And goes on from the optimum.
    model = SGDRegressor(alpha=1e-3, random_state=0).fit(X, Y)
    before = model.coef_.copy()
    model.partial_fit(X, Y)
    assert not hasattr(model, "result_")
    assert not hasattr(model, "results_")
    assert 0 < abs(model.coef_ - before).max() < abs(before).max()


@pytest.mark.parametrize(
    "loss", ["squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"]
)
def test_sgd_regressor_is_the_loss_of_that_name(loss):
    S = X * 20
    model = SGDRegressor(loss=loss, alpha=1e-3, epsilon=1.5).fit(S, Y)
    name = {"squared_error": "squared"}.get(loss, loss)
    settings = {"huber": {"width": 1.5}, "squared_error": {}}.get(loss, {"epsilon": 1.5})
    plain = GeneralizedLinear(name, "l2", 1e-3, loss_settings=settings).fit(S, Y)
    assert model.result_.success
    assert model.result_.fun == pytest.approx(plain.result_.fun, rel=1e-6)


@pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")
@pytest.mark.parametrize("near", [1e-8, 1e-13, 1e-14])
def test_what_is_proved_of_columns_that_are_nearly_equal_holds(near):
    """Their difference is a column of its own, with which the least value is far lower."""
    r = np.random.default_rng(0)
    a, own = r.normal(size=(2, 60))
    b = a + near * own
    y = a + 3 * own + 0.01 * r.normal(size=60)
    program = np.column_stack([a, (b - a) / near])
    least = quantile_program(program, y, 0.5, 0.0, np.ones(60))
    # Within the limits of the program's own arithmetic.
    result = GeneralizedLinear("pinball", None).fit(np.column_stack([a, b]), y).result_
    assert result.fun - least <= result.certificate["bound"] + 1e-7 * least
    if result.success:
        assert result.fun <= least * (1 + 2e-6)


@pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")
@pytest.mark.parametrize("far", [1e6, 1e8, 1e10])
@pytest.mark.parametrize("alpha", [1e-3, 1e-8])
def test_a_success_far_from_zero_is_one(far, alpha):
    """Where rounding of the coefficients costs more than was asked for there is none."""
    r = np.random.default_rng(0)
    A = r.normal(size=(200, 4))
    b = A @ [1, 2, 0, 0] + 0.1 * r.normal(size=200) > 0
    fitted = GeneralizedLinear("hinge", "elastic_net", alpha).fit(A + far, b)
    result, bound = fitted.result_, fitted.result_.certificate["bound"]
    assert result.success == (bound <= 1e-6 * result.fun)
    # Held against the least value in 80 bits: of the point as it is rounded.
    model = Model(A + far, b.astype(float), Loss("hinge"), l1=alpha / 2, l2=alpha / 2)
    own = model.inner(fitted.coef_, fitted.intercept_)
    gap = model.value(own) - model.value(model.least([own]))
    assert gap <= bound + model.blur(own)
    if result.success:
        assert gap <= 1e-6 * result.fun + model.blur(own)


@pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")
def test_numbers_of_any_size_and_tables_of_any_shape():
    for size in (1e200, 1e-200):
        model = QuantileRegressor(alpha=0.0).fit(X, Y * size)
        assert model.result_.success
        assert model.result_.fun / size == pytest.approx(QuantileRegressor(alpha=0.0).fit(X, Y).result_.fun)
    largest = GeneralizedLinear("pinball", None).fit(X, Y / Y.max() * 1e307)
    assert largest.result_.outcome in ("converged", "not_finite")
    for model in (LinearSVC(loss="hinge", intercept_scaling=1e-200), LinearSVR(intercept_scaling=1e-200)):
        with pytest.raises(InputError, match="intercept_scaling"):
            model.fit(X, Y > 100)


def test_given_coefficients_stay_where_columns_are_more_than_rows():
    r = np.random.default_rng(0)
    A, y = r.normal(size=(20, 40)), r.normal(size=20)
    model = GeneralizedLinear("pinball", "l2", 0.1, bounds=(0.5, 0.5)).fit(A, y)
    rest = y - A.sum(axis=1) * 0.5
    least = pinball(rest - np.median(rest), 0.5).mean() + 0.1 * 40 * 0.125
    assert model.result_.success
    np.testing.assert_array_equal(model.coef_, 0.5)
    assert model.result_.fun == pytest.approx(least, rel=2e-6)


def test_tables_that_are_too_large_are_refused_with_what_would_do():
    empty = sparse.csr_matrix((4001, 4001))
    y = np.arange(4001) % 2
    with pytest.raises(InputError, match=r"of at most 4000; this table has 4001 rows.*squared_hinge"):
        GeneralizedLinear("hinge", "l2", 1.0).fit(empty, y)
    wide = sparse.random(50, 5000, 0.01, format="csr", random_state=0)
    with pytest.raises(InputError, match=r"more than 4000 columns only where a penalty.*has 5001"):
        GeneralizedLinear("hinge", None).fit(wide, y[:50])
    assert GeneralizedLinear("hinge", "l2", 1e-2).fit(wide, y[:50]).result_.success
    with pytest.raises(InputError, match="at most 134217728 numbers"):
        GeneralizedLinear("hinge", "l2", 1.0).fit(sparse.csr_matrix((50, 3_000_000)), y[:50])
    # scikit-learn's own algorithm has no such limit.
    model = SGDClassifier(random_state=0).fit(empty, y)
    assert not hasattr(model, "result_")
    assert model.coef_.shape == (1, 4001)
    assert SGDClassifier().fit(wide, y[:50]).result_.success
    for kind, given in (
        (SGDClassifier, {"penalty": None}),
        (SGDRegressor, {"loss": "epsilon_insensitive", "penalty": None}),
        (SGDRegressor, {"loss": "epsilon_insensitive", "alpha": 0.0}),
    ):
        model = kind(random_state=0, **given).fit(wide, y[:50])
        theirs = getattr(linear_model, kind.__name__)(random_state=0, **given).fit(wide, y[:50])
        assert not hasattr(model, "result_")
        np.testing.assert_array_equal(model.coef_, theirs.coef_)


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_weights_are_worth_what_they_are_to_scikit_learn(loss):
    """The mean of their objective is over the rows, not over the weights."""
    A, b = load_breast_cancer(return_X_y=True)
    A = ((A - A.mean(0)) / A.std(0))[:, :5]
    weight = np.linspace(0, 6, len(b))
    given = {"loss": loss, "alpha": 0.1, "class_weight": {0: 2.0, 1: 1.0}, "random_state": 0}
    ours = SGDClassifier(**given).fit(A, b, sample_weight=weight)
    theirs = linear_model.SGDClassifier(average=True, max_iter=2000, tol=None, **given)
    theirs.fit(A, b, sample_weight=weight)
    each = weight * np.where(b == 0, 2.0, 1.0)

    def value(m):
        own = SGD_LOSSES[loss]((2 * b - 1) * m.decision_function(A))
        return (each * own).mean() + 0.05 * (m.coef_ @ m.coef_.T)[0, 0]

    assert ours.result_.fun * each.mean() == pytest.approx(value(ours), rel=1e-12)
    assert value(ours) <= value(theirs)
    assert value(ours) == pytest.approx(value(theirs), rel=1e-3)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0.03, atol=0.01)


@pytest.mark.parametrize("class_weight", [{0: 20.0, 1: 1.0, 2: 0.05}, "balanced"])
@pytest.mark.parametrize("weighted", [False, True])
def test_of_several_classes_a_class_weighs_where_scikit_learn_has_it_weigh(class_weight, weighted):
    """Where it is held against all others, whose rows weigh what they weigh without."""
    A, b = load_iris(return_X_y=True)
    A, b = ((A - A.mean(0)) / A.std(0))[20:130], b[20:130]
    weight = np.linspace(0.2, 3.0, len(b)) if weighted else np.ones(len(b))
    given = {"loss": "log_loss", "alpha": 0.01, "class_weight": class_weight}
    ours = SGDClassifier(**given).fit(A, b, sample_weight=weight)
    factor = compute_class_weight(class_weight, classes=np.arange(3), y=b)
    for k in range(3):
        each = weight * np.where(b == k, factor[k], 1.0)
        one = linear_model.LogisticRegression(C=1 / (0.01 * len(b)), tol=1e-12, max_iter=10_000)
        one.fit(A, b == k, sample_weight=each)
        np.testing.assert_allclose(ours.coef_[k], one.coef_[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(ours.intercept_[k], one.intercept_[0], rtol=1e-5, atol=1e-6)
    theirs = linear_model.SGDClassifier(average=True, max_iter=200, tol=None, random_state=0, **given)
    theirs.fit(A, b, sample_weight=weight)
    assert np.mean(ours.predict(A) == theirs.predict(A)) > 0.98


def test_weighted_sgd_regression_is_ridge():
    weight = np.linspace(0, 6, len(Y))
    model = SGDRegressor(alpha=0.01).fit(X * 20, Y, sample_weight=weight)
    ridge = linear_model.Ridge(alpha=0.01 * len(Y), tol=1e-12).fit(X * 20, Y, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, ridge.coef_, rtol=1e-3, atol=1e-3)
    own = weight @ (Y - model.predict(X * 20)) ** 2 / (2 * len(Y)) + 0.005 * model.coef_ @ model.coef_
    assert model.result_.fun * weight.mean() == pytest.approx(own, rel=1e-12)


@pytest.mark.parametrize("kind", ["svc", "svr", "quantile", "generalized"])
def test_what_is_made_of_straight_parts_keeps_its_digits_where_columns_are_float32(kind):
    """Rounded to float32 the coefficients had cost up to 60 % of the value, and that was called a success."""
    model = {
        "svc": LinearSVC(C=1e6, loss="hinge"),
        "svr": LinearSVR(C=1e6),
        "quantile": QuantileRegressor(alpha=1e-7),
        "generalized": GeneralizedLinear("pinball", "l1", 1e-7),
    }[kind]
    rng = np.random.default_rng(19)
    single = rng.normal(size=(20, 30)).astype(np.float32)
    y = np.where(rng.random(20) < 0.5, 1.0, -1.0)
    y[:2] = 1, -1
    exact = model.fit(single.astype(float), y).result_.fun
    result = model.fit(single, y).result_
    assert result.success
    assert model.coef_.dtype == np.float64
    assert result.fun == pytest.approx(exact, rel=1e-6)
    assert result.certificate["bound"] <= 1e-5 * result.fun


def test_no_success_is_far_above_its_own_value_where_coefficients_are_float32():
    rng = np.random.default_rng([1, 3000])
    S = (rng.normal(size=(20, 30)) + 3e3 * (np.arange(30) % 3 == 0)).astype(np.float32)
    y = (S @ rng.normal(size=30) > np.median(S @ np.ones(30))).astype(float)
    y[:2] = 0, 1
    for loss in ("squared", "squared_hinge", "huber"):
        model = GeneralizedLinear(loss, "l1", 1e-8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConverged)
            result = model.fit(S, y).result_
        assert model.coef_.dtype == np.float32
        said = any(finding.kind == "rounded" for finding in result.findings)
        assert said or result.certificate["bound"] <= 1e-4 * result.fun, loss
        assert not (said and result.success), loss
