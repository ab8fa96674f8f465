"""Networks: held against other libraries' values and against scikit-learn's own estimators."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    make_friedman1,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from steepest import _core
from steepest.network import MLPClassifier, MLPRegressor


def layer(kind, size=0.0, activation=None, layers=()):
    activation = None if activation is None else (activation, [])
    return {
        "kind": kind,
        "size": float(size),
        "activation": activation,
        "initialiser": None,
        "layers": list(layers),
    }


ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.logaddexp(0, z),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_outputs_are_those_of_numpy(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    layers = [layer("dense", 21, name), layer("dense", 3, "identity")]
    flat, shapes = _core.network_start(5, layers, 1)
    assert shapes == [[5, 21], [21], [21, 3], [3]]
    flat = flat + 0.1 * rng.normal(size=flat.size)
    w1, b1, w2, b2 = np.split(flat, np.cumsum([105, 21, 63]))
    want = ACTIVATIONS[name](X @ w1.reshape(5, 21) + b1) @ w2.reshape(21, 3) + b2
    np.testing.assert_allclose(_core.network_outputs(flat, X, layers), want, rtol=1e-12, atol=1e-12)
    single = _core.network_outputs(flat.astype(np.float32), X.astype(np.float32), layers)
    np.testing.assert_allclose(single, want, rtol=1e-4, atol=1e-5)


def test_a_start_is_as_wide_as_its_name_says():
    flat, _ = _core.network_start(400, [layer("dense", 300, "relu"), layer("dense", 2, "tanh")], 0)
    first, last = flat[: 400 * 300], flat[-602:-2]
    assert abs(first.var() * 400 / 2 - 1) < 0.02
    assert abs(first).max() < np.sqrt(6 / 400)
    assert abs(last.var() * 302 / 2 - 1) < 0.2
    assert abs(last).max() < np.sqrt(6 / 302)
    square = {**layer("dense", 50, "relu"), "initialiser": "orthogonal"}
    w = _core.network_start(80, [square], 0)[0][: 80 * 50].reshape(80, 50)
    np.testing.assert_allclose(w.T @ w, np.eye(50), atol=1e-12)


def same_start(ours, theirs, X, y):
    """Both begin at the same weights."""
    for model in (ours, theirs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.set_params(warm_start=True, max_iter=1).fit(X, y)
    ours.coefs_ = [c.copy() for c in theirs.coefs_]
    ours.intercepts_ = [c.copy() for c in theirs.intercepts_]


@pytest.mark.parametrize("alpha", [1e-4, 10.0])
def test_lbfgs_minimises_what_scikit_learn_does(alpha):
    """A network without a hidden layer is a linear model: both end at its one optimum."""
    X, y = load_iris(return_X_y=True)
    X = X - X.mean(axis=0)
    ours = MLPClassifier((), solver="lbfgs", alpha=alpha, max_iter=5000, tol=1e-9).fit(X, y)
    theirs = neural_network.MLPClassifier(
        (), solver="lbfgs", alpha=alpha, max_iter=5000, tol=1e-9, random_state=0
    )
    theirs.fit(X, y)
    assert ours.loss_ <= theirs.loss_ * (1 + 1e-6)
    if alpha == 10.0:
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_a_batch_of_all_rows_steps_as_scikit_learn_does():
    """Plain gradient descent over whole epochs has no order of rows: the same path, step by step."""
    X, y = load_iris(return_X_y=True)
    settings = {"solver": "sgd", "momentum": 0.0, "batch_size": 150, "learning_rate_init": 0.05, "alpha": 0.5}
    ours = MLPClassifier((8, 5), activation="tanh", **settings)
    theirs = neural_network.MLPClassifier((8, 5), activation="tanh", **settings, random_state=0)
    same_start(ours, theirs, X, y)
    for model in (ours, theirs):
        model.set_params(max_iter=20, n_iter_no_change=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_[-20:], theirs.loss_curve_[-20:], rtol=1e-9)
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regression_steps_as_scikit_learn_does(loss):
    # One target: of several, its gradient is that of their sum, where its loss is their mean.
    X, y = make_regression(60, 4, noise=3, random_state=0)
    y = np.abs(y) / 100 if loss == "poisson" else y / 50
    weight = np.random.default_rng(0).integers(1, 3, 60).astype(float)
    settings = {"solver": "sgd", "momentum": 0.0, "batch_size": 60, "learning_rate_init": 0.02, "alpha": 0.1}
    ours = MLPRegressor(loss, (7,), activation="logistic", **settings)
    theirs = neural_network.MLPRegressor(loss, (7,), activation="logistic", **settings, random_state=0)
    same_start(ours, theirs, X, y)
    for model in (ours, theirs):
        model.set_params(max_iter=10, n_iter_no_change=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)


def begun(ours, theirs, X, y):
    """Ours, where theirs begins: a rate of nothing leaves the weights as they were drawn."""
    still = (
        {"learning_rate_init": 1e-300, "momentum": 0.0}
        if theirs.solver == "sgd"
        else {"learning_rate_init": 1e-300}
    )
    drawn = clone(theirs).set_params(**still, max_iter=1)
    rates = ours.learning_rate_init
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        drawn.fit(X, y)
        ours.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-300).fit(X, y)
    ours.set_params(max_iter=theirs.max_iter, learning_rate_init=rates)
    ours.coefs_, ours.intercepts_ = list(drawn.coefs_), list(drawn.intercepts_)
    ours.t_, ours.loss_curve_ = 0, []
    return ours


def alike(ours, theirs, X, y, **more):
    for model in (begun(ours, theirs, X, y), theirs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, **more)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_rows_in_their_order_go_scikit_learns_way(learning_rate, nesterov):
    """Mini-batches, a last one that is smaller, weights of rows, momentum, rates that fall, the end by `tol`."""
    X, y = load_iris(return_X_y=True)
    X, y = X[::-7] - X.mean(axis=0), y[::-7]
    X, y = np.vstack([X] * 3), np.hstack([y] * 3)
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    settings = {
        **{
            "hidden_layer_sizes": (6,),
            "activation": "tanh",
            "solver": "sgd",
            "batch_size": 10,
            "shuffle": False,
        },
        **{"learning_rate": learning_rate, "learning_rate_init": 0.2, "nesterovs_momentum": nesterov},
        **{
            "momentum": 0.5,
            "alpha": 0.1,
            "max_iter": 150,
            "tol": 1e-3,
            "n_iter_no_change": 3,
            "power_t": 0.3,
        },
    }
    ours, theirs = MLPClassifier(**settings), neural_network.MLPClassifier(**settings, random_state=0)
    alike(ours, theirs, X, y, sample_weight=weight)
    assert len(ours.result_.history["loss"]) == ours.n_iter_
    assert ours.result_.outcome == ("budget" if ours.n_iter_ == 150 else "plateau")


def test_adam_goes_scikit_learns_way_but_for_where_epsilon_stands():
    X, y = load_iris(return_X_y=True)
    settings = {
        **{
            "hidden_layer_sizes": (6,),
            "solver": "adam",
            "batch_size": 40,
            "shuffle": False,
            "activation": "tanh",
        },
        **{"learning_rate_init": 0.01, "max_iter": 30, "epsilon": 1e-14},
    }
    alike(MLPClassifier(**settings), neural_network.MLPClassifier(**settings, random_state=0), X, y)


def test_an_epoch_that_brings_just_the_tolerance_counts_as_gain():
    X, y = load_iris(return_X_y=True)
    still = {"solver": "adam", "learning_rate_init": 1e-300, "tol": 0, "n_iter_no_change": 3, "max_iter": 12}
    ours = MLPClassifier((3,), **still, shuffle=False)
    theirs = neural_network.MLPClassifier((3,), **still, shuffle=False, random_state=0)
    alike(ours, theirs, X, y)
    assert ours.n_iter_ == 12


def test_parts_of_an_adaptive_fit_lower_the_rate_as_scikit_learn_does():
    X, y = load_iris(return_X_y=True)
    settings = {
        **{"hidden_layer_sizes": (4,), "activation": "tanh", "solver": "sgd", "learning_rate": "adaptive"},
        **{"learning_rate_init": 0.5, "shuffle": False, "tol": 0.05, "n_iter_no_change": 2, "max_iter": 1},
    }
    ours, theirs = MLPClassifier(**settings), neural_network.MLPClassifier(**settings, random_state=0)
    drawn = begun(ours, theirs, X, y)
    ours = MLPClassifier(**settings).set_params(learning_rate_init=1e-300)
    ours.partial_fit(X, y, classes=[0, 1, 2])
    ours.coefs_, ours.intercepts_ = drawn.coefs_, drawn.intercepts_
    ours.t_, ours._memory = 0, None
    ours.set_params(learning_rate_init=0.5)
    for _ in range(25):
        ours.partial_fit(X, y)
        theirs.partial_fit(X, y, classes=[0, 1, 2])
    assert theirs._optimizer.learning_rate < 0.01
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_with_nothing_to_tune_it_reads_digits(dtype):
    X, y = load_digits(return_X_y=True)
    X, held, y, right = train_test_split(X.astype(dtype), y, random_state=0)
    model = MLPClassifier((64,), random_state=0).fit(X, y)
    assert model.score(held, right) > 0.96
    assert model.coefs_[0].dtype == dtype
    assert model.predict_proba(held).sum(axis=1) == pytest.approx(1)
    again = MLPClassifier((64,), random_state=0).fit(X, y)
    assert all((a == b).all() for a, b in zip(model.coefs_, again.coefs_, strict=True))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(held), model.predict(held))


def test_raw_columns_do_no_harm():
    """Columns of any scale and place give what columns made alike give."""
    X, y = load_breast_cancer(return_X_y=True)
    X, held, y, right = train_test_split(X, y, random_state=0)
    assert MLPClassifier(random_state=0).fit(X, y).score(held, right) > 0.94
    by, to = 10.0 ** np.arange(-3, 3).repeat(5), 100.0
    raw = MLPClassifier(random_state=0).fit(X * by + to, y)
    plain = MLPClassifier(random_state=0).fit(X, y)
    np.testing.assert_allclose(raw.predict_proba(held * by + to), plain.predict_proba(held), atol=1e-3)
    X, y = load_diabetes(return_X_y=True)
    one = MLPRegressor(random_state=0).fit(X, y)
    far = MLPRegressor(random_state=0).fit(X, 1e6 * y + 1e8)
    np.testing.assert_allclose(far.predict(X), 1e6 * one.predict(X) + 1e8, rtol=1e-6)


def test_several_labels_and_several_targets():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    labels = (X[:, :3] + 0.1 * rng.normal(size=(400, 3)) > 0).astype(int)
    model = MLPClassifier((16,), random_state=0).fit(X, labels)
    assert (model.predict(X) == labels).mean() > 0.95
    assert model.predict_proba(X).shape == (400, 3)
    targets = np.column_stack([X[:, 0] * X[:, 1], 1e4 * X[:, 2]])
    model = MLPRegressor(hidden_layer_sizes=(32,), random_state=0).fit(X, targets)
    assert model.predict(X).shape == (400, 2)
    assert model.score(X, targets) > 0.8


def test_layers_of_every_kind_learn():
    X, y = load_digits(return_X_y=True)
    more = {
        "layer_norm": True,
        "residual": True,
        "dropout": 0.1,
        "activation": "gelu",
        "initialiser": "he_normal",
    }
    model = MLPClassifier((48, 48, 48), **more, random_state=0, max_iter=20).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9
    assert len(model.norms_) == 6
    assert len(model.coefs_) == 4


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_batch_normalisation_predicts_row_by_row(dtype):
    """Running means are fitted, pickled and gone on from, like weights; what is predicted of a row is its own."""
    X, y = load_digits(return_X_y=True)
    X = X.astype(dtype)
    model = MLPClassifier((48, 24), batch_norm=True, random_state=0, max_iter=20).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9
    assert [len(r) for r in model.running_] == [len(n) for n in model.norms_] == [48, 48, 24, 24]
    assert {r.dtype for r in model.running_} == {np.dtype(dtype)}
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    whole = model.predict_proba(X)
    np.testing.assert_allclose(np.vstack([model.predict_proba(x[None]) for x in X[:5]]), whole[:5], rtol=1e-5)
    before = [r.copy() for r in model.running_]
    model.set_params(solver="adam").partial_fit(X[:50] + 3, y[:50])
    assert not np.allclose(before[0], model.running_[0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["auto", "adam"])
def test_batch_normalisation_counts_rows_by_their_weights(solver):
    """Rows of weight 0 may hold anything, and change nothing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    y = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int)
    weight = rng.integers(0, 3, 400).astype(float)
    found = []
    for held in (0.0, 1e6):
        wild = np.where(weight[:, None] == 0, held, X)
        model = MLPClassifier((16,), batch_norm=True, solver=solver, random_state=0, max_iter=400)
        found.append(model.fit(wild, y, sample_weight=weight))
    assert found[0].score(X, y) > 0.8
    np.testing.assert_array_equal(found[0].predict_proba(X), found[1].predict_proba(X))


def test_weights_are_averaged_so_that_the_noise_of_batches_does_not_stay():
    """Rows with noise of variance 1: the weights as the steps leave them come to a mean error of 2.80 on others."""
    X, y = make_friedman1(1500, noise=1.0, random_state=0)
    errors = []
    for seed in range(4):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=100 + seed)
        model = MLPRegressor(hidden_layer_sizes=(64, 64), random_state=seed).fit(X_train, y_train)
        errors.append(np.mean((model.predict(X_test) - y_test) ** 2))
    assert np.mean(errors) < 2.68


def test_early_stopping_keeps_the_best_weights():
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier(
        (32,),
        solver="adam",
        early_stopping=True,
        random_state=0,
        learning_rate_init=0.01,
        tol=0,
        n_iter_no_change=5,
    ).fit(X, y)
    assert model.result_.outcome == "held_out"
    assert model.n_iter_ < 200
    # The rows held out, drawn as they are: after the seed of the weights, by scikit-learn.
    random = np.random.RandomState(0)
    random.randint(np.iinfo(np.int32).max)
    _, held = train_test_split(np.arange(len(X)), random_state=random, test_size=0.1, stratify=y)
    assert model.score(X[held], y[held]) == max(model.validation_scores_) == model.best_validation_score_
    assert model.validation_scores_[-1] < model.best_validation_score_
    assert len(model.validation_scores_) == len(model.loss_curve_) == model.n_iter_


def test_partial_fits_go_on_where_the_last_one_ended():
    X, y = load_iris(return_X_y=True)
    whole = MLPClassifier(
        (10,), solver="adam", shuffle=False, random_state=0, max_iter=12, n_iter_no_change=100
    )
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        whole.fit(X, y)
    parts = MLPClassifier((10,), solver="adam", shuffle=False, random_state=0)
    for _ in range(12):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_array_equal(parts.coefs_[0], whole.coefs_[0])
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("solver", ["auto", "adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(("by", "to"), [(1e200, 1.0), (1.0, 1e200)])
def test_a_loss_that_is_not_finite_is_an_error(solver, by, to):
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(hidden_layer_sizes=(4,), solver=solver, random_state=0)
    if solver == "auto":  # which makes columns and targets alike
        assert np.isfinite(model.fit(X, y).loss_)
    else:
        with pytest.raises(ValueError, match="no finite loss"):
            model.fit(by * X, to * y)


def test_a_network_keeps_the_precision_it_began_with():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((5,), solver="adam", random_state=0)
    model.partial_fit(X.astype(np.float32), y, classes=[0, 1, 2])
    model.partial_fit(X, y)
    assert model.coefs_[0].dtype == np.float32
    warm = MLPClassifier((5,), warm_start=True, random_state=0, max_iter=5)
    assert warm.fit(X, y).fit(X.astype(np.float32), y).coefs_[0].dtype == np.float64


def test_the_one_class_there_is_has_probability_1():
    X, _ = load_iris(return_X_y=True)
    model = MLPClassifier((5,), random_state=0, max_iter=5).fit(X, ["only"] * len(X))
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((len(X), 1)))
    assert set(model.predict(X)) == {"only"}


@pytest.mark.parametrize(("tol", "outcome"), [(1e-2, "converged"), (1e-4, "plateau")])
def test_lbfgs_ends_by_scikit_learns_criteria(tol, outcome):
    """A loss with kinks has slopes to the end: told to be stationary, it went on for 1024 steps at any tol."""
    X, y = load_iris(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier(solver="lbfgs", tol=tol, max_iter=1000, random_state=0).fit(X, y)
    assert model.result_.outcome == outcome
    assert model.result_.success == (outcome == "converged")
    # The largest slope of the mean loss and ½ alpha ‖W‖² / n, written out.
    (W, V), (a, b) = model.coefs_, model.intercepts_
    hidden = np.maximum(X @ W + a, 0)
    off = softmax(hidden @ V + b, axis=1) - np.eye(3)[y]
    back = off @ V.T * (hidden > 0)
    rows, alpha = len(X), model.alpha
    slopes = [X.T @ back + alpha * W, hidden.T @ off + alpha * V, back.sum(0), off.sum(0)]
    largest = max(np.abs(s).max() for s in slopes) / rows
    assert largest <= tol or outcome == "plateau"


def test_lbfgs_ends_by_tol_and_says_its_steps(capsys):
    X, y = load_iris(return_X_y=True)
    steps = [
        MLPClassifier((5,), solver="lbfgs", tol=tol, random_state=0, max_iter=5000).fit(X, y).n_iter_
        for tol in (1.0, 1e-1)
    ]
    assert steps[0] < steps[1]
    assert capsys.readouterr().out == ""
    model = MLPClassifier((5,), solver="lbfgs", tol=1e-1, random_state=0, verbose=True, max_iter=5000)
    assert f"Iteration {model.fit(X, y).n_iter_}, loss = " in capsys.readouterr().out


def test_losses_of_several_targets_are_of_targets_made_alike():
    """Their units do not matter, in the report either."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    y = np.column_stack([X[:, 0], X[:, 1] * X[:, 2]])
    models = [
        MLPRegressor(hidden_layer_sizes=(5,), random_state=0, max_iter=5).fit(X, y * unit)
        for unit in ([1.0, 1.0], [1.0, 1e6])
    ]
    np.testing.assert_allclose(models[0].loss_curve_, models[1].loss_curve_, rtol=1e-6)


def test_an_adaptive_fit_that_starts_warm_trains():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(
        (10,), solver="sgd", learning_rate="adaptive", warm_start=True, max_iter=5, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        before = model.fit(X, y).coefs_[0].copy()
        assert model.fit(X, y).n_iter_ == 10
    assert (model.coefs_[0] != before).any()


def test_an_adaptive_rate_trains():
    # "invscaling" goes scikit-learn's way, step by step, as above; on this table that is up.
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(
        (10,), solver="sgd", learning_rate="adaptive", learning_rate_init=0.1, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert model.loss_curve_[-1] < 0.5 * model.loss_curve_[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"hidden_layer_sizes": 10**13},
            r"hidden_layer_sizes=10000000000000 makes 80000000000003 weights, whose training",
        ),
        ({"hidden_layer_sizes": (10**12, 10**12)}, r"GB are free: take fewer units"),
        ({"solver": "lbfgs", "dropout": 0.5}, r"drops nothing: got dropout=0.5; take solver='auto'"),
        ({"solver": "lbfgs", "batch_norm": True}, r"does not go with solver='lbfgs'"),
        ({"layer_norm": True, "batch_norm": True}, r"does not go with layer_norm=True"),
        ({"batch_size": 1, "batch_norm": True}, r"at least two rows a batch"),
        ({"activation": "rellu"}, "no activation is called 'rellu'; did you mean 'relu'"),
        ({"initialiser": "xavier"}, "no initialiser is called 'xavier'"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
        ({"solver": "sgd", "activation": "identity", "learning_rate_init": 1e9}, "diverged: the loss grew"),
    ],
)
def test_what_cannot_be_used_is_named(settings, words):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**settings).fit(X, y)


@pytest.mark.hosts
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_batch_normalisation_steps_as_torch_does(dtype):
    """20 steps of momentum over batches: weights, running means and variances, and what is predicted by them."""
    import torch

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 6)).astype(dtype), rng.integers(0, 4, 100)
    layers = [
        layer("dense", 9, "tanh"),
        layer("batch_norm"),
        layer("dense", 8, "relu"),
        layer("batch_norm"),
        layer("dense", 4, "identity"),
    ]
    flat, shapes = _core.network_start(6, layers, 3)
    learnt = {"layers": layers, "loss": ("softmax", []), "mean": False, "decay": 0.0, "threads": 0}
    how = {
        **{"rules": [("momentum", [("momentum", 0.9)])], "rate": 0.05, "schedule": None, "batch": 25},
        **{"epochs": 5, "shuffle": False, "seed": 0, "falling": None, "own_weights": False},
        **{"per_row": False, "patience": None, "tolerance": 0.0, "seconds": np.inf, "score": "loss"},
    }
    start = flat.astype(dtype)
    answer = _core.train_network((X, y.astype(float), None), None, learnt, how, start, None, None, None)
    there = torch.float64 if dtype is np.float64 else torch.float32
    nn = torch.nn
    net = nn.Sequential(
        nn.Linear(6, 9),
        nn.Tanh(),
        nn.BatchNorm1d(9),
        nn.Linear(9, 8),
        nn.ReLU(),
        nn.BatchNorm1d(8),
        nn.Linear(8, 4),
    ).to(there)
    parts = np.split(start, np.cumsum([np.prod(s) for s in shapes]))
    with torch.no_grad():
        for p, part, shape in zip(net.parameters(), parts, shapes, strict=False):
            p.copy_(torch.tensor(part.reshape(shape).T))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for step in range(20):
        for part in (net[2], net[5]):
            part.momentum = max(0.1, 1 / (step + 1))  # at first the mean of all so far
        rows = slice(25 * (step % 4), 25 * (step % 4) + 25)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(torch.tensor(X[rows])), torch.tensor(y[rows])).backward()
        optimizer.step()
    state = [p.detach().numpy().T.ravel() for p in net.parameters()]
    state += [s.numpy() for part in (net[2], net[5]) for s in (part.running_mean, part.running_var)]
    close = {"rtol": 1e-9, "atol": 1e-11} if dtype is np.float64 else {"rtol": 2e-4, "atol": 2e-5}
    np.testing.assert_allclose(answer["x"], np.concatenate(state), **close)
    net.eval()
    want = net(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(_core.network_outputs(answer["x"], X, layers), want, **close)


@pytest.mark.hosts
def test_gradients_are_those_of_torch():
    """Every kind of layer in double precision: one step of plain descent at rate 1 is the gradient."""
    import torch

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 6)), rng.integers(0, 4, 50)
    link = layer("residual", layers=[layer("dense", 9, "silu"), layer("layer_norm")])
    layers = [layer("dense", 9, "tanh"), link, layer("dense", 8, "gelu"), layer("dense", 4, "identity")]
    flat, shapes = _core.network_start(6, layers, 3)
    flat += 0.1 * rng.normal(size=flat.size)
    learnt = {"layers": layers, "loss": ("softmax", []), "mean": False, "decay": 0.0, "threads": 0}
    how = {
        **{
            "rules": [("sgd", [])],
            "rate": 1.0,
            "schedule": None,
            "batch": 50,
            "epochs": 1,
            "shuffle": False,
            "seed": 0,
            "falling": None,
            "own_weights": False,
        },
        **{"per_row": False, "patience": None, "tolerance": 0.0, "seconds": np.inf, "score": "loss"},
    }
    answer = _core.train_network((X, y.astype(float), None), None, learnt, how, flat, None, None, None)
    parts = [
        torch.tensor(p.reshape(s))
        for p, s in zip(np.split(flat, np.cumsum([np.prod(s) for s in shapes])[:-1]), shapes, strict=True)
    ]
    w1, b1, w2, b2, gain, shift, w3, b3, w4, b4 = [p.requires_grad_() for p in parts]
    f = torch.nn.functional
    h = torch.tanh(torch.tensor(X) @ w1 + b1)
    h = h + f.layer_norm(f.silu(h @ w2 + b2), (9,), gain, shift, eps=1e-5)
    loss = f.cross_entropy(f.gelu(h @ w3 + b3, approximate="tanh") @ w4 + b4, torch.tensor(y))
    loss.backward()
    assert answer["losses"][0] == pytest.approx(loss.item(), rel=1e-12)
    want = np.concatenate([p.grad.numpy().ravel() for p in parts])
    np.testing.assert_allclose(flat - answer["x"], want, rtol=1e-10, atol=1e-13)
