"""The linear estimators with input of every kind, and inside what scikit-learn builds of estimators."""

import multiprocessing
import os
import pickle
import signal
import threading
import time
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steepest import linear
from steepest.errors import InputError, NotConverged

REGRESSORS = [
    linear.ElasticNet,
    linear.GeneralizedLinear,
    linear.Lasso,
    linear.LinearRegression,
    linear.Ridge,
]
ALL = [*REGRESSORS, linear.LogisticRegression]


def small(rows=40, columns=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    return X, (X[:, 0] + rng.normal(size=rows) > 0).astype(float)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, sparse.csr_matrix])
def test_what_is_not_finite_is_named(kind, value, form):
    X, y = small()
    X[7, 2] = value
    with pytest.raises(ValueError, match="column 2 row 7"):
        kind().fit(form(X), y)


@pytest.mark.parametrize("kind", ALL)
def test_columns_of_a_frame_are_named(kind):
    X, y = small()
    frame = pd.DataFrame(X, columns=["age", "height", "weight"])
    model = kind().fit(frame, y)
    assert list(model.feature_names_in_) == ["age", "height", "weight"]
    frame.loc[4, "height"] = np.nan
    with pytest.raises(ValueError, match="'height' row 4"):
        kind().fit(frame, y)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.empty((0, 3)), np.empty(0)),
        (np.empty((5, 0)), np.zeros(5)),
        (np.zeros(5), np.zeros(5)),
        (np.zeros((2, 3, 4)), np.zeros(2)),
        (np.zeros((5, 2)), np.zeros(4)),
        (np.zeros((5, 2)), np.array([0, 1, np.nan, 0, 1])),
        (np.zeros((5, 2), dtype=complex), np.arange(5.0)),
        (np.array([["a", "b"]] * 5), np.arange(5.0)),
        (np.array([[1, "b"]] * 5, dtype=object), np.arange(5.0)),
    ],
)
def test_what_cannot_be_used_is_refused(kind, X, y):
    with pytest.raises((ValueError, TypeError)) as error:
        kind().fit(X, y)
    assert len(str(error.value)) > 10


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("weight", [-np.ones(40), np.zeros(40), np.full(40, np.nan), np.ones(39)])
def test_weights_that_cannot_be_are_refused(kind, weight):
    X, y = small()
    with pytest.raises(ValueError, match=r"weight|[Ww]eights|NaN"):
        kind().fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("kind", REGRESSORS)
def test_one_row(kind):
    model = kind().fit([[1.0, 2.0]], [3.0])
    np.testing.assert_allclose(model.predict([[1.0, 2.0]]), [3.0])


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="one class"):
        linear.LogisticRegression().fit([[1.0], [2.0]], [1, 1])


@pytest.mark.parametrize("kind", ALL)
def test_constant_and_duplicate_columns(kind):
    X, y = small()
    X = np.column_stack([X, np.ones(40), X[:, 0], np.zeros(40)])
    model = kind().fit(X, y)
    assert np.all(np.isfinite(model.coef_))
    assert model.result_.success


@pytest.mark.parametrize("kind", ALL)
def test_strides_dtypes_and_objects(kind):
    X, y = small(80, 6)
    plain = kind().fit(np.ascontiguousarray(X[::2, ::2]), y[::2])
    for form in (X[::2, ::2], X[::2, ::2].astype(object), X[::2, ::2].astype(">f8"), X[::2, ::2].tolist()):
        np.testing.assert_allclose(kind().fit(form, y[::2]).coef_, plain.coef_, rtol=1e-12)
    whole = np.round(X * 10).astype(np.int64)
    np.testing.assert_array_equal(kind().fit(whole, y).coef_, kind().fit(whole.astype(np.float64), y).coef_)


@pytest.mark.parametrize("kind", ALL)
def test_huge_integers(kind):
    X, y = small()
    X = np.round(X * 1e15).astype(np.int64)
    assert np.all(np.isfinite(kind().fit(X, y).coef_))
    with pytest.raises((ValueError, OverflowError), match=r"large|int"):
        kind().fit(np.array([[10**400], [1]], dtype=object), [0, 1])


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": -1.0},
        {"alpha": np.nan},
        {"loss": "sqared"},
        {"penalty": "l3"},
        {"method": "fitsa"},
        {"tol": -1.0},
    ],
)
def test_settings_are_refused_by_name(settings):
    X, y = small()
    name = next(iter(settings))
    with pytest.raises(ValueError, match=name if name in ("alpha", "tol") else str(settings[name])):
        linear.GeneralizedLinear(**settings).fit(X, y)


def test_a_method_that_cannot_says_who_could():
    X, y = small()
    with pytest.raises(ValueError, match=r"lbfgs cannot handle the penalty l1.*coordinate"):
        linear.GeneralizedLinear(penalty="l1", method="lbfgs").fit(X, y)


def test_a_budget_that_runs_out_warns_with_the_remedy():
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(NotConverged, match="max_iter"):
        model = linear.LogisticRegression(max_iter=1, tol=1e-10).fit(X, y)
    assert not model.result_.success


@pytest.mark.parametrize("kind", ALL)
def test_pickled_and_cloned(kind):
    X, y = small()
    model = kind().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.result_.fun == model.result_.fun
    assert clone(model).get_params() == model.get_params()


def test_inside_scikit_learn():
    X, y = load_breast_cancer(return_X_y=True)
    scores = cross_val_score(make_pipeline(StandardScaler(), linear.LogisticRegression()), X, y, cv=3)
    assert scores.mean() > 0.95
    X, y = load_diabetes(return_X_y=True)
    search = GridSearchCV(linear.Lasso(), {"alpha": [0.01, 0.1, 1.0]}, cv=3).fit(X, y)
    assert search.best_params_["alpha"] in (0.01, 0.1)


@pytest.mark.parametrize("kind", [linear.Lasso, linear.ElasticNet, linear.LogisticRegression])
def test_warm_start_begins_where_the_last_fit_ended(kind):
    X, y = load_breast_cancer(return_X_y=True)
    model = kind(warm_start=True).fit(X, y)
    before = model.result_.fun
    again = model.fit(X, y)
    assert again.result_.history["loss"][0] <= before * (1 + 1e-9)


def test_many_python_threads_at_once():
    X, y = load_breast_cancer(return_X_y=True)
    expected = linear.LogisticRegression().fit(X, y).coef_
    got = [None] * 6

    def work(k):
        got[k] = linear.LogisticRegression().fit(X, y).coef_

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(300)
    assert all(np.array_equal(g, expected) for g in got)


def _fit_in_child(queue):
    X, y = load_breast_cancer(return_X_y=True)
    queue.put(linear.LogisticRegression().fit(X, y).coef_)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_fork():
    X, y = load_breast_cancer(return_X_y=True)
    expected = linear.LogisticRegression().fit(X, y).coef_
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_fit_in_child, args=(queue,))
    child.start()
    np.testing.assert_array_equal(queue.get(timeout=300), expected)
    child.join(300)


@pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")
@pytest.mark.parametrize(
    ("shape", "model"),
    [
        ((60_000, 50), linear.GeneralizedLinear("huber", "l1", 1e-9, method="fista", tol=0.0)),
        # These are inside of matrices nearly all the time.
        ((3000, 900), linear.GeneralizedLinear("logistic", method="newton", tol=0.0)),
        ((3000, 1500), linear.Lasso(1e-5, tol=1e-14)),
        ((20_000, 600), linear.LinearRegression()),
    ],
    ids=["reads", "hessians", "working sets", "factors"],
)
def test_control_c_stops_it_and_the_next_fit_works(shape, model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape)
    y = (X[:, 0] + rng.normal(size=shape[0]) > 0).astype(float)
    started = time.perf_counter()
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()

    def again_and_again():
        while time.perf_counter() - started < 300:
            model.fit(X, y)

    with pytest.raises(KeyboardInterrupt):
        again_and_again()
    timer.cancel()
    small_model = linear.Ridge().fit(X[:50, :3], y[:50])
    assert small_model.result_.success


def test_a_watcher_looks_on_and_stops():
    X, y = small(400)
    seen = []
    model = linear.GeneralizedLinear(watch=lambda p: seen.append(p.loss) or True, method="fista", tol=1e-14)
    with pytest.warns(NotConverged):
        model.fit(X, y)
    assert len(seen) == 1
    assert model.result_.outcome == "stopped"


def test_l1_over_several_classes():
    X = np.random.default_rng(0).normal(size=(300, 4))
    y = X[:, :3].argmax(axis=1)
    model = linear.LogisticRegression(C=0.05, l1_ratio=1.0, tol=1e-8)
    if model.penalty == "l2":
        model.penalty = "l1"
    model.fit(X, y)
    assert model.result_.certificate["kind"] == "duality_gap"
    assert np.all(model.coef_[:, 3] == 0)
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("model", ALL)
def test_what_is_masked_is_refused_and_not_fitted(model):
    X = np.ma.array(np.arange(12.0).reshape(6, 2), mask=False)
    y = np.array([0, 1, 0, 1, 1, 0])
    model().fit(X, y)  # nothing is masked: an array like any other
    X[3, 1] = np.ma.masked
    with pytest.raises(InputError, match="X is masked at row 3 column 1"):
        model().fit(X, y)
    with pytest.raises(InputError, match="y is masked at row 2"):
        model().fit(X.data, np.ma.array(y, mask=np.arange(6) == 2))


@pytest.mark.parametrize("model", ALL)
def test_a_weight_that_is_not_finite_is_named_by_its_row(model):
    weight = np.ones(6)
    weight[4] = np.nan
    with pytest.raises(InputError, match="sample_weight row 4 is not finite"):
        model().fit(np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 1, 0], sample_weight=weight)


@pytest.mark.parametrize("model", REGRESSORS)
@pytest.mark.parametrize("value", [np.nan, np.inf, None])
def test_a_target_that_is_not_finite_is_named_by_its_row(model, value):
    y = [0.0, 1.0, 2.0, value, 4.0, 5.0]
    with pytest.raises(InputError, match="y row 3 is not finite"):
        model().fit(np.arange(12.0).reshape(6, 2), y)


COLUMN = np.arange(4.0).reshape(4, 1)
COMPLEX = np.array([[0], [1], [2j], [3]], dtype=object)


@pytest.mark.parametrize(
    ("model", "X", "y", "words"),
    [
        (
            linear.LinearRegression,
            np.arange(4).reshape(4, 1).astype("M8[D]"),
            [0, 1, 2, 3],
            "X has dates or times",
        ),
        (linear.Ridge, COLUMN, np.arange(4).astype("m8[s]"), "y has dates or times"),
        (linear.Lasso, COLUMN, sparse.csr_matrix(np.ones((4, 1))), "y is a sparse matrix"),
        (linear.Ridge, COMPLEX, [0, 1, 2, 3], "X row 2 column 0 is complex"),
        (linear.LinearRegression, COLUMN, COMPLEX[:, 0], "y row 2 is complex"),
        (linear.LogisticRegression, COLUMN, ["a", None, "b", "a"], "y row 1 is missing, None"),
        (linear.LogisticRegression, COLUMN, np.array([1, "a", 1, "a"], object), "int and str"),
        (linear.LogisticRegression, COLUMN, [2**70, 1, 2**70, 1], "pass the classes as texts"),
    ],
)
def test_objects_that_are_no_numbers_are_named_by_their_place(model, X, y, words):
    with pytest.raises(InputError, match=words):
        model().fit(X, y)


@pytest.mark.parametrize("labels", [[False, True], [-1, 2**62 + 1], [2**53, 2**53 + 1]])
def test_classes_may_be_objects_and_come_back_as_they_were(labels):
    y = np.array([labels[i % 2] for i in (0, 1, 1, 0, 1, 0)], dtype=object)
    X = np.array([[0.0], [3.0], [4.0], [1.0], [5.0], [0.5]])
    for model in (linear.LogisticRegression(), linear.GeneralizedLinear("logistic", "l2", 0.1)):
        assert model.fit(X, y).predict(X).tolist() == y.tolist()
        assert model.score(X, y) > 0.5


@pytest.mark.parametrize("settings", [{"C": Fraction(1, 2)}, {"tol": Fraction(1, 9)}])
def test_fractions_are_no_settings_of_scikit_learn(settings):
    name = next(iter(settings))
    with pytest.raises(InputError, match=f"{name} must be an int or a float; got Fraction"):
        linear.LogisticRegression(**settings).fit([[0.0], [1.0]], [0, 1])


def far_out(far):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5))
    y = (X[:, 0] + rng.standard_normal(300) > 0).astype(float)
    X[7, 2] = far
    return X, y


@pytest.mark.parametrize("far", [1e9, 1e15, 1e20, 1e30])
@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("intercept", [True, False])
def test_a_number_far_out_takes_nothing_from_the_rest_of_its_column(far, side, form, intercept):
    # From 1e6 on its own row is as right as can be, and nothing else changes.
    def fitted(far):
        X, y = far_out(side * far)
        return linear.LogisticRegression(fit_intercept=intercept).fit(form(X), y).result_

    near, result = fitted(1e6), fitted(far)
    assert result.success, result.message
    assert result.fun == pytest.approx(near.fun, rel=2e-6)


@pytest.mark.parametrize("far", [1e40, 1e60, 1e110, 1e130, 1e155, 1e200, 1e300])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("intercept", [True, False])
def test_a_number_very_far_out_is_fitted_or_nothing_is_claimed(far, form, intercept):
    # It is on its right side, and its column tells the rest as before.
    def fitted(far):
        X, y = far_out(far)
        return linear.LogisticRegression(fit_intercept=intercept).fit(form(X), y).result_

    near = fitted(1e6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)
        result = fitted(far)
    assert not result.success or result.fun == pytest.approx(near.fun, rel=2e-6)
    if far > 1e125:
        (found,) = (f for f in result.findings if f.kind == "far_out")
        assert "columns: 2" in found.sentence


@pytest.mark.parametrize("kind", [linear.Ridge, linear.LogisticRegression, linear.LassoCV, linear.RidgeCV])
@pytest.mark.parametrize("form", [pd.DataFrame, pa.table, pl.DataFrame])
def test_a_frame_and_the_name_of_one_of_its_columns_are_refused_with_what_would_do(kind, form):
    frame = form({"a": [1.0, 2.0, 3.0, 5.0], "b": [0.0, 1.0, 1.0, 0.0]})
    with pytest.raises(InputError, match=r"pass X\['b'\], and X without it, .* fit\(lambda: \[X\], 'b'\)"):
        kind().fit(frame, "b")
    if kind is linear.Ridge:
        kind().fit(lambda: [frame], "b")


@pytest.mark.parametrize("form", [pd.DataFrame, pa.table, pl.DataFrame])
def test_a_column_of_texts_is_named_with_what_takes_it(form):
    columns = {"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]}
    with pytest.raises(InputError, match=r"X column 'b' has texts, such as 'x': .* steepest.fit takes them"):
        linear.Ridge().fit(form(columns), [1.0, 2.0, 3.0])
    model = linear.Ridge().fit(form({"a": [1.0, 2.0, 3.0], "b": [1, 0, 1]}), [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="X column 'b' has texts, such as 'x': the model has numbers there"):
        model.predict(form(columns))
    coded = pd.DataFrame({"b": pd.Categorical(["x", "y", "x"])})
    with pytest.raises(InputError, match="X column 'b' has texts"):
        linear.RidgeClassifier().fit(coded, [0, 1, 1])


@pytest.mark.parametrize(
    "model",
    [
        linear.LassoCV(),
        linear.MultiTaskLassoCV(),
        linear.RidgeCV(),
        linear.LogisticRegressionCV(),
        linear.RidgeClassifier(),
        linear.SGDRegressor(max_iter=5),
        linear.SGDClassifier(max_iter=5),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_takes_no_files_says_so(model):
    with pytest.raises(InputError, match=r"takes rows in memory here, and X is 'z.parquet': read it first"):
        model.fit("z.parquet", "y")
