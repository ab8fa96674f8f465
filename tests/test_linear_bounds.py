"""Bounds of each coefficient, held against SciPy's least squares and quasi-Newton steps within bounds."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import Bounds, lsq_linear, minimize
from scipy.special import xlogy
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from steepest import ElasticNet, Lasso, LinearRegression, Ridge
from steepest.errors import InputError, NotConverged
from steepest.linear import GeneralizedLinear, load, save

INF = np.inf


def table(seed, n=60, d=6):
    """Columns of sizes 1e-3 to 1e3, some far from 0; targets; and coefficients that are near to what fits them."""
    r = np.random.default_rng(seed)
    size = 10.0 ** r.uniform(-3, 3, d)
    X = (r.standard_normal((n, d)) + r.choice([0.0, 5.0], d)) * size
    true = r.standard_normal(d) / size
    margin = X @ true
    return r, X, margin - margin.mean() + r.standard_normal(n) / 2, true


def some(r, true, kind):
    """Bounds of a kind about such coefficients."""
    d, size = len(true), np.abs(true)
    low, high = true - size * r.uniform(0, 2, d), true + size * r.uniform(0, 2, d)
    if kind == "signs":
        return np.where(r.random(d) < 0.5, 0.0, -INF), np.where(r.random(d) < 0.5, 0.0, INF)
    if kind == "one side":
        side = r.random(d) < 0.5
        return np.where(side, low, -INF), np.where(side, INF, high)
    if kind == "away":  # from 0, and from what would fit
        return true + size * 0.5, true + size * r.uniform(0.6, 2, d)
    if kind == "pinned":
        some = r.random(d) < 0.5
        return np.where(some, true, low), np.where(some, true, high)
    if kind == "all pinned":
        return low, low.copy()
    return low, high


KINDS_OF_BOUNDS = ("between", "signs", "one side", "away", "pinned", "all pinned")


def held(model, low, high, tol=1e-6):
    """The model, which is proved and within its bounds to the last bit."""
    assert model.result_.success, model.result_.message
    assert model.result_.certificate["bound"] <= tol * model.result_.fun * (1 + 1e-9)
    assert np.all((low <= model.coef_) & (model.coef_ <= high))
    return model


@pytest.mark.parametrize("kind", KINDS_OF_BOUNDS)
@pytest.mark.parametrize("seed", range(3))
def test_least_squares_are_those_of_scipy(kind, seed):
    r, X, y, true = table(seed)
    low, high = some(r, true, kind)
    model = held(GeneralizedLinear("squared", None, bounds=(low, high)).fit(X, y), low, high)
    pinned = low == high
    at = np.where(pinned, low, 0.0)
    size = X[:, ~pinned].std(axis=0)
    A = np.column_stack([(X[:, ~pinned] - X[:, ~pinned].mean(axis=0)) / size, np.ones(len(y))])
    ends = [np.append(end[~pinned] * size, free) for end, free in ((low, -INF), (high, INF))]
    least = lsq_linear(A, y - X @ at, ends, method="bvls", tol=1e-15)
    assert model.result_.fun <= least.cost / len(y) * (1 + 1e-6) + 1e-12
    assert model.result_.fun >= least.cost / len(y) * (1 - 1e-9)
    at[~pinned] = least.x[:-1] / size
    # a distance of a millionth in F is a thousandth of what a coefficient explains
    assert_allclose(model.coef_ / true, at / true, atol=1e-2)


def value(loss, X, y, w, b, alpha, ratio):
    margin = X @ w + b
    if loss == "logistic":
        losses = np.logaddexp(0.0, margin) - y * margin
    else:
        losses = np.exp(margin) - y * margin + xlogy(y, y) - y
    return losses.mean() + alpha * (ratio * np.abs(w).sum() + (1 - ratio) / 2 * w @ w)


def least(loss, X, y, low, high, alpha, ratio):
    """By L-BFGS-B over columns of size 1, where |w| is the sum of two parts of at least 0."""
    n, d = X.shape
    size, centre = X.std(axis=0), X.mean(axis=0)
    A = (X - centre) / size

    def fun(x):
        plus, minus, b = x[:d], x[d : 2 * d], x[-1]
        v = plus - minus
        margin = A @ v + b
        if loss == "logistic":
            losses, slope = np.logaddexp(0.0, margin) - y * margin, 1 / (1 + np.exp(-margin)) - y
        else:
            losses, slope = np.exp(margin) - y * margin + xlogy(y, y) - y, np.exp(margin) - y
        g = A.T @ slope / n + alpha * (1 - ratio) * v / size**2
        total = losses.mean() + alpha * (
            ratio * (plus + minus) @ (1 / size) + (1 - ratio) / 2 * v @ (v / size**2)
        )
        return total, np.concatenate([g + alpha * ratio / size, alpha * ratio / size - g, [slope.mean()]])

    lo, hi = low * size, high * size
    ends = [(max(a, 0.0), max(b, 0.0)) for a, b in zip(lo, hi, strict=True)]
    ends += [(max(-b, 0.0), max(-a, 0.0)) for a, b in zip(lo, hi, strict=True)]
    start = np.array([np.clip(0.0, *end) for end in ends] + [0.0])
    options = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 20_000, "maxfun": 50_000}
    found = minimize(fun, start, jac=True, method="L-BFGS-B", bounds=[*ends, (None, None)], options=options)
    return found.fun


@pytest.mark.parametrize("kind", KINDS_OF_BOUNDS)
@pytest.mark.parametrize("loss", ["logistic", "poisson"])
@pytest.mark.parametrize("ratio", [0.0, 1.0, 0.4])
def test_classes_and_counts_are_those_of_scipy(kind, loss, ratio):
    r, X, y, true = table(len(kind))
    true /= 3  # margins that counts can have
    low, high = some(r, true, kind)
    y = (y > 0) * 1.0 if loss == "logistic" else r.poisson(np.exp(np.clip(y, -2, 2))).astype(float)
    alpha = 0.01
    penalty = {"penalty": "elastic_net", "penalty_settings": {"ratio": ratio}, "alpha": alpha}
    model = held(GeneralizedLinear(loss, **penalty, bounds=(low, high)).fit(X, y), low, high)
    assert model.result_.fun == pytest.approx(
        value(loss, X, y, model.coef_, model.intercept_, alpha, ratio), rel=1e-9
    )
    assert model.result_.fun == pytest.approx(least(loss, X, y, low, high, alpha, ratio), rel=2e-6)


def test_other_units_of_a_column_are_other_units_of_its_bounds():
    r, X, y, true = table(3)
    low, high = some(r, true, "between")
    unit = 10.0 ** r.uniform(-4, 4, len(true))
    plain = GeneralizedLinear("logistic", "l1", 0.0, bounds=(low, high), tol=1e-10).fit(X, y > 0)
    other = GeneralizedLinear("logistic", "l1", 0.0, bounds=(low / unit, high / unit), tol=1e-10).fit(
        X * unit, y > 0
    )
    assert_allclose(other.predict_proba(X * unit), plain.predict_proba(X), atol=1e-5)


class TestForms:
    """However bounds are given, they are the same."""

    X = table(1)[1]
    y = table(1)[2]
    low, high = np.array([0, -INF, -INF, -0.1, 0.5, -INF]), np.array([INF, 0, 0.2, 0.1, 0.5, INF])
    names = tuple("abcdef")

    def coef(self, bounds):
        frame = pd.DataFrame(self.X, columns=list(self.names))
        return GeneralizedLinear("squared", "l2", 1e-3, bounds=bounds).fit(frame, self.y).coef_

    @pytest.mark.parametrize(
        "bounds",
        [
            ([0, None, None, -0.1, 0.5, None], [None, 0, 0.2, 0.1, 0.5, None]),
            np.array([low, high]),
            (pd.Series(low), pd.Series(high)),
            Bounds(low, high),
        ],
    )
    def test_arrays(self, bounds):
        assert_array_equal(self.coef(bounds), self.coef((self.low, self.high)))

    def test_names(self):
        named = {"e": (0.5, 0.5), "a": (0, INF), "b": (None, 0.0), "c": [-INF, 0.2], "d": Bounds(-0.1, 0.1)}
        assert_array_equal(self.coef(named), self.coef((self.low, self.high)))

    @pytest.mark.parametrize(
        ("bounds", "same"),
        [
            ((0, np.full(6, 0.3)), (np.zeros(6), 0.3)),
            (Bounds(0, np.full(6, 0.3)), (0, 0.3)),
            ((None, 0.1), (-INF, 0.1)),
        ],
    )
    def test_one_number_is_of_all(self, bounds, same):
        assert_array_equal(self.coef(bounds), self.coef(same))

    @pytest.mark.parametrize("bounds", [(-INF, INF), (None, None), (np.full(6, -INF), np.full(6, INF)), {}])
    def test_no_bounds(self, bounds):
        assert_array_equal(self.coef(bounds), self.coef(None))

    def test_tables_of_every_kind(self):
        frame = pd.DataFrame(self.X, columns=list(self.names)).assign(
            y=self.y, k=np.where(self.y > 0, "u", "v")
        )
        named = {"a": (0, INF), "b": (None, 0.0), "k = u": (0.25, 1.0)}
        read = GeneralizedLinear("squared", "l2", 1e-3, bounds=named, tol=1e-12).fit(lambda: [frame], "y")
        dense = frame.drop(columns=["y", "k"]).assign(u=frame.k == "u", v=frame.k == "v") * 1.0
        low, high = np.array([0, *[-INF] * 5, 0.25, -INF]), np.array([INF, 0, *[INF] * 4, 1.0, INF])
        for X in (dense, np.asfortranarray(dense), sparse.csr_matrix(dense), sparse.csc_matrix(dense)):
            model = GeneralizedLinear("squared", "l2", 1e-3, bounds=(low, high), tol=1e-12).fit(X, self.y)
            assert_allclose(model.coef_, held(read, low, high, 1e-12).coef_, rtol=1e-4, atol=1e-6)

    def test_rows_of_several_targets(self):
        Y = np.column_stack([self.y, -self.y])
        low = np.stack([self.low, self.low - 1])
        both = GeneralizedLinear("squared", "l2", 1e-3, bounds=(low, self.high)).fit(self.X, Y)
        for k in range(2):
            one = GeneralizedLinear("squared", "l2", 1e-3, bounds=(low[k], self.high)).fit(self.X, Y[:, k])
            assert_array_equal(both.coef_[k], one.coef_)

    def test_rows_of_classes(self):
        classes = np.digitize(self.y, [-0.5, 0.5])
        same = GeneralizedLinear("softmax", "l2", 1e-3, bounds=(self.low, self.high)).fit(self.X, classes)
        held(same, self.low, self.high)
        rows = np.tile(self.low, (3, 1)), np.tile(self.high, (3, 1))
        tiled = GeneralizedLinear("softmax", "l2", 1e-3, bounds=rows).fit(self.X, classes)
        assert_array_equal(tiled.coef_, same.coef_)
        rows[0][2], rows[1][2] = 0.0, 0.0
        last = held(GeneralizedLinear("softmax", "l2", 1e-3, bounds=rows).fit(self.X, classes), *rows)
        assert last.coef_.any(axis=1).tolist() == [True, True, False]


@pytest.mark.parametrize("X", [table(2)[1], np.abs(table(2)[1])])
def test_estimators_that_are_positive_are_as_they_were(X):
    y = table(2)[2]
    for model, penalty, alpha, settings in (
        (LinearRegression(positive=True), None, 0.0, None),
        (Ridge(0.6, positive=True), "l2", 0.01, None),
        (Lasso(0.01, positive=True), "l1", 0.01, None),
        (ElasticNet(0.01, positive=True), "elastic_net", 0.01, {"ratio": 0.5}),
    ):
        general = GeneralizedLinear(
            "squared", penalty, alpha, penalty_settings=settings, bounds=(0, INF)
        ).fit(X, y)
        assert_allclose(model.fit(X, y).coef_, general.coef_, rtol=1e-6)
        assert np.all(model.coef_ >= 0)


def test_a_column_without_a_penalty_is_within_its_bounds():
    r, X, y, true = table(4)
    low, high = some(r, true, "between")
    weights = np.array([0.0, 1.0] * 3)
    model = GeneralizedLinear("squared", "l1", 1e6, penalty_weights=weights, bounds=(low, high)).fit(X, y)
    held(model, low, high)
    # what is heavily penalised is as near to 0 as it may be
    assert_array_equal(model.coef_[1::2], np.clip(0.0, low, high)[1::2])


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("penalty", ["l1", None])
def test_single_precision_is_within_bounds_that_are_none_of_its_numbers(loss, penalty):
    X, y = table(5)[1].astype(np.float32), table(5)[2]
    size = 0.1 / X.std(axis=0).astype(float)
    y = y > 0 if loss == "logistic" else y
    for low, high in ((-size, size), (size, 3 * size)):
        model = GeneralizedLinear(loss, penalty, 1e-4, bounds=(low, high)).fit(X, y)
        assert model.coef_.dtype == np.float32
        held(model, low, high, 1e-5)
    model = GeneralizedLinear(loss, penalty, 1e-4, bounds=(size, size)).fit(X, y)
    assert model.result_.success
    assert np.isfinite(model.result_.fun)
    assert_array_equal(model.coef_, size.astype(np.float32))


def test_a_start_outside_is_moved_within():
    r, X, y, true = table(6)
    low, high = some(r, true, "away")
    model = GeneralizedLinear("squared", "l2", 1e-4, warm_start=True).fit(X, y)
    model.set_params(bounds=(low, high)).fit(X, y)
    fresh = GeneralizedLinear("squared", "l2", 1e-4, bounds=(low, high)).fit(X, y)
    assert held(model, low, high).result_.fun == pytest.approx(fresh.result_.fun, rel=1e-6)


def test_models_are_copied_searched_kept_and_loaded(tmp_path):
    r, X, y, true = table(7)
    low, high = some(r, true, "between")
    frame = pd.DataFrame(X, columns=[*"abcde", "pairs"])
    for number, bounds in enumerate(
        [(low, high), Bounds(low, high), {"a": (0, None)}, {"pairs": (0, 1)}, (0, INF)]
    ):
        model = GeneralizedLinear("squared", "l2", 1e-4, bounds=bounds).fit(frame, y)
        path = tmp_path / f"{number}.safetensors"
        save(model, path)
        read = load(path)
        assert_array_equal(read.coef_, model.coef_)
        for other in (clone(model), pickle.loads(pickle.dumps(model)), clone(read)):
            assert_array_equal(other.fit(frame, y).coef_, model.coef_)
        repr(model)
    search = GridSearchCV(
        GeneralizedLinear(bounds=(low, high)), {"alpha": [1e-4, 1.0], "bounds": [None, (low, high)]}
    )
    search.fit(X, y)
    assert search.best_score_ > 0.5


def test_a_checkpoint_is_of_its_bounds(tmp_path):
    r, X, y, true = table(8)
    low, high = some(r, true, "between")
    kept = tmp_path / "run"
    short = {"max_iter": 1, "method": "fista"}
    with pytest.warns(NotConverged):
        GeneralizedLinear("logistic", "l1", 1e-4, bounds=(low, high), **short).fit(X, y > 0, checkpoint=kept)
    with pytest.raises(InputError, match="bounds is another"):
        GeneralizedLinear("logistic", "l1", 1e-4, bounds=(low, high * 2), **short).fit(
            X, y > 0, checkpoint=kept
        )


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ((1, 0), r"bounds must have low <= high; got \(1, 0\)$"),
        ((np.nan, 1), r"bounds must not be NaN; got \(NaN, 1\)$"),
        (([0, 3], [1, 2]), r"bounds must have low <= high; got \(3, 2\), column 'width'"),
        (([0, np.nan], [1, 2]), r"bounds must not be NaN; got \(NaN, 2\), column 'width'"),
        (([0, INF], [1, INF]), r"got \(inf, inf\), column 'width'"),
        ((0, [1, 2, 3]), r"upper bounds must be a number or of shape \(2,\); got shape \(3,\)"),
        (([[0, 0]], 1), r"lower bounds must be a number or of shape \(2,\); got shape \(1, 2\)"),
        (
            [(0, 1)] * 3,
            r"bounds must be two numbers or arrays, the lower first; .* pass tuple\(zip\(\*pairs\)\)",
        ),
        (3.0, "bounds must be two numbers or arrays, the lower first; got 3.0"),
        (([0, "a"], 1), "lower bounds must be a number; got '0'|lower bounds must be a number; got 'a'"),
        ((1j, 2), "lower bounds must be a number; got 1j"),
        ((np.ma.masked_array([0.0, 1.0], [True, False]), 2), "lower bounds must not be masked"),
        ({"widht": (0, 1)}, "bounds name the column 'widht', which X does not have; did you mean 'width'?"),
        ({"width": (1, 0)}, r"bounds must have low <= high; got \(1, 0\), column 'width'"),
        ([(0, None), (0, 1)], "bounds of two columns may be read either way"),
        ({"width": 1}, "bounds of 'width' must be two numbers, the lower first; got 1"),
        ({"width": ([0, 1], 2)}, "lower bounds of 'width' must be a number; got shape"),
    ],
)
def test_bounds_that_cannot_be_used_are_refused_by_name(bounds, says):
    X = pd.DataFrame([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]], columns=["length", "width"])
    with pytest.raises(InputError, match=says):
        GeneralizedLinear(bounds=bounds).fit(X, [0.0, 1.0, 3.0])


def test_what_knows_no_bounds_says_so():
    X, y = table(9)[1:3]
    for penalty in ("group_lasso", "mcp", "l2_ball"):
        with pytest.raises(InputError, match=f"the penalty {penalty} cannot be held within bounds"):
            GeneralizedLinear(penalty=penalty, bounds=(np.zeros(6), INF)).fit(X, y)
    with pytest.raises(InputError, match="bounds and the penalty box allow no point"):
        GeneralizedLinear(penalty="box", alpha=1.0, bounds=(2, 3)).fit(X, y)
    with pytest.raises(InputError, match="bounds by name need columns that have names"):
        GeneralizedLinear(bounds={"a": (0, 1)}).fit(X, y)
    model = GeneralizedLinear(penalty=None, bounds=(np.zeros(6), INF)).fit(X, y)
    with pytest.raises(InputError, match="without a penalty and without bounds"):
        model.summary(X, y)
