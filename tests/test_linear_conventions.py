"""What scikit-learn's estimators do beside fitting: words of warnings, weights of classes, callbacks, counts."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning

from steepest import linear
from steepest.errors import InputError, NotConverged

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def classes(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, (X[:, 0] + rng.normal(size=n) > 0.8).astype(int)


def test_a_warning_can_be_filtered_as_scikit_learn_s():
    X, y = load_iris(return_X_y=True)
    for solver, words in [
        ("lbfgs", "lbfgs failed to converge"),
        ("newton-cg", "Increase the number of iterations"),
    ]:
        with pytest.warns(ConvergenceWarning, match=words) as caught:
            model = linear.LogisticRegression(solver=solver, max_iter=1).fit(X, y)
        assert all(issubclass(w.category, NotConverged) for w in caught)
        assert model.n_iter_[0] == 1
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 300))
    with pytest.warns(ConvergenceWarning, match="Objective did not converge"):
        linear.Lasso(1e-3, max_iter=1, tol=1e-12).fit(X, X[:, :40].sum(axis=1))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"penalty": None, "C": 4.0}, "Setting penalty=None will ignore the C"),
        ({"penalty": "l1", "l1_ratio": 0.0}, "Inconsistent values: penalty=l1 with l1_ratio=0.0"),
        ({"penalty": "l2", "l1_ratio": 1.0}, "Inconsistent values: penalty=l2 with l1_ratio=1.0"),
        ({"penalty": "l1", "l1_ratio": 0.5}, r"only used when penalty is 'elasticnet'. Got \(penalty=l1\)"),
    ],
)
def test_parameters_that_contradict_each_other_are_named(settings, words):
    X, y = classes()
    with pytest.warns(UserWarning, match=words):
        linear.LogisticRegression(**settings).fit(X, y)


@pytest.mark.parametrize(
    "settings", [{"penalty": "l1"}, {"penalty": "l2"}, {"penalty": "l1", "l1_ratio": 1}, {}]
)
def test_what_was_left_untouched_contradicts_nothing(settings):
    X, y = classes()
    for model in (linear.LogisticRegression(**settings), clone(linear.LogisticRegression(**settings))):
        pickle.loads(pickle.dumps(model)).fit(X, y)


def test_balanced_classes_count_weights_as_rows():
    # scikit-learn 30056
    X, y = classes()
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    tight = {"class_weight": "balanced", "tol": 1e-12}
    weighted = linear.LogisticRegression(**tight).fit(X, y, sample_weight=weight)
    repeated = linear.LogisticRegression(**tight).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5, atol=1e-5)
    # A dict of weights multiplies them.
    given = linear.LogisticRegression(class_weight={0: 2.0, 1: 3.0}, tol=1e-12).fit(
        X, y, sample_weight=weight
    )
    by_hand = linear.LogisticRegression(tol=1e-12).fit(X, y, sample_weight=weight * np.where(y, 3.0, 2.0))
    np.testing.assert_allclose(given.coef_, by_hand.coef_, rtol=1e-5, atol=1e-5)


def test_a_class_without_weight_is_not_balanced():
    X, y = load_iris(return_X_y=True)
    weight = (y < 2).astype(float)
    model = linear.LogisticRegression(class_weight="balanced").fit(X, y, sample_weight=weight)
    assert set(model.predict(X[:100])) == {0, 1}


def test_coefficients_may_be_kept_sparse():
    X, y = load_breast_cancer(return_X_y=True)
    model = linear.LogisticRegression().fit(X, y)
    scores = model.decision_function(X)
    assert sparse.issparse(model.sparsify().coef_)
    for table in (X, sparse.coo_matrix(X)):
        np.testing.assert_allclose(model.decision_function(table), scores, rtol=1e-9)
    assert isinstance(model.densify().coef_, np.ndarray)
    model.set_params(warm_start=True).sparsify().fit(X, y)
    np.testing.assert_allclose(model.decision_function(X), scores, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("check_input", [True, False])
def test_input_is_checked_whatever_is_said(check_input):
    X, y = load_diabetes(return_X_y=True)
    before = X.copy()
    model = linear.ElasticNet(copy_X=False).fit(X, y, check_input=check_input)
    assert model.result_.success
    np.testing.assert_array_equal(X, before)
    X[3, 0] = np.nan
    with pytest.raises(InputError, match="column 0 row 3"):
        linear.Lasso().fit(X, y, check_input=check_input)


def test_no_step_is_counted_where_none_was_taken():
    X, y = load_diabetes(return_X_y=True)
    model = linear.ElasticNet(1e-3, tol=1e-3).fit(X, y)
    assert model.n_iter_ > 0
    model.set_params(warm_start=True).fit(X, y)
    assert model.n_iter_ == 0


@pytest.mark.skipif(SKLEARN < (1, 9), reason="scikit-learn has callbacks from 1.9 on")
@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_callbacks_see_each_iteration(load):
    seen = []

    class Recorder:
        def setup(self, estimator, context):
            seen.append(("setup", None))

        def teardown(self, estimator, context):
            seen.append(("teardown", None))

        def on_fit_task_begin(
            self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
        ):
            seen.append(("begin", fitted_estimator))

        def on_fit_task_end(
            self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
        ):
            seen.append(("end", fitted_estimator))

    X, y = load(return_X_y=True)
    model = linear.LogisticRegression().set_callbacks(Recorder()).fit(X, y)
    names = [name for name, _ in seen]
    # The fit, each iteration, and the empty task after the last.
    assert names.count("begin") == names.count("end") == model.n_iter_[0] + 2
    assert names[0] == "setup"
    assert names[-1] == "teardown"
    last = [m for name, m in seen if name == "end" and m is not None][-1]
    np.testing.assert_allclose(last.coef_, model.coef_)
    np.testing.assert_array_equal(last.predict(X), model.predict(X))
    # Who looks on changes nothing.
    np.testing.assert_array_equal(linear.LogisticRegression().fit(X, y).coef_, model.coef_)


@pytest.mark.parametrize(
    "kind", [linear.LogisticRegression, linear.Lasso, linear.Ridge, linear.GeneralizedLinear]
)
@pytest.mark.parametrize("rows", [60, 3000])
def test_what_is_proved_of_float32_is_proved_of_what_is_handed_over(kind, rows):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(rows, 3)) + 3e3).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=rows) > 3e3).astype(float)
    model = kind(alpha=1e-3) if kind is not linear.LogisticRegression else kind(C=10.0)
    with warnings.catch_warnings():
        # Rounding such coefficients may cost more than was asked for; what it costs is said.
        warnings.simplefilter("ignore", NotConverged)
        model.fit(X, y)
        tight = clone(model).set_params(tol=1e-12).fit(X.astype(np.float64), y)
    assert model.coef_.dtype == np.float32
    z = X.astype(np.float64) @ np.ravel(model.coef_).astype(np.float64) + float(np.ravel(model.intercept_)[0])
    size = float((np.ravel(model.coef_).astype(np.float64) ** 2).sum())
    value = {
        linear.LogisticRegression: lambda: np.mean(np.logaddexp(0, z) - y * z) + size / (20.0 * rows),
        linear.Lasso: lambda: (
            0.5 * np.mean((z - y) ** 2) + 1e-3 * np.abs(model.coef_.astype(np.float64)).sum()
        ),
        linear.Ridge: lambda: 0.5 * np.mean((z - y) ** 2) + 0.5e-3 / rows * size,
        linear.GeneralizedLinear: lambda: 0.5 * np.mean((z - y) ** 2) + 0.5e-3 * size,
    }[kind]()
    result = model.result_
    assert value - tight.result_.fun <= result.certificate["bound"] + 1e-12 * value
    assert result.fun == pytest.approx(value, rel=1e-9 if rows == 60 else 1e-3)


def test_small_tables_are_solved_closer_than_asked_for():
    # Nearly dependent columns: what is close in F is not in the coefficients, and here it costs nothing.
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 4))
    X[:, 1] = X[:, 0] + 1e-2 * X[:, 1]
    y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
    model = linear.LogisticRegression(C=1e4).fit(X, y)
    tight = linear.LogisticRegression(C=1e4, tol=1e-14).fit(X, y)
    np.testing.assert_allclose(model.coef_, tight.coef_, rtol=1e-3)
    certificate = model.result_.certificate
    assert certificate["target"] == pytest.approx(1e-6 * model.result_.fun, rel=1e-6)


def test_an_integer_that_no_float_holds_is_named():
    huge = 10**400
    for X, y, says in [
        ([[1], [huge], [2]], [0, 1, 0], "X row 1 has an integer too large"),
        ([[1], [3], [2]], [0, huge, 0], "y row 1 has an integer too large"),
    ]:
        with pytest.raises(InputError, match=says):
            linear.Ridge().fit(np.array(X, dtype=object), np.array(y, dtype=object))
    with pytest.raises(InputError, match="alpha must be a number; got 1000"):
        linear.Ridge(huge).fit([[1.0], [2.0]], [1.0, 2.0])


@pytest.mark.parametrize(
    "model",
    [
        linear.Ridge(np.nan),
        linear.Ridge(1, tol=np.nan),
        linear.Lasso(np.nan),
        linear.ElasticNet(1.0, l1_ratio=np.nan),
        linear.LogisticRegression(C=np.nan),
        linear.LinearRegression(tol=np.nan),
    ],
)
def test_nan_is_no_setting(model):
    with pytest.raises(ValueError, match=r"must be .*[Gg]ot nan"):
        model.fit([[0.0], [1.0], [2.0]], [0, 1, 0])
