"""Streams: each row seen once, nothing told, and near the optimum of all rows that came."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit
from sklearn import linear_model

from steepest import SGDClassifier, SGDRegressor
from steepest.errors import InputError


def stream(seed, rows=6000, columns=8, alike=0.0, raw=True):
    """Rows of a logistic law, columns from 1e-3 to 1e3 wide and far from 0."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(rows, columns)) + alike * rng.normal(size=(rows, 1))
    margin = Z @ rng.normal(size=columns) * 0.7 + 0.4
    y = (rng.random(rows) < expit(margin)).astype(int)
    X = (Z + 3 * rng.normal(size=columns)) * 10.0 ** rng.uniform(-3, 3, size=columns) if raw else Z
    return X, y, margin


def log_loss(margin, y):
    return float(np.mean(np.logaddexp(0.0, np.where(y == 1, -margin, margin))))


def least(X, y):
    """The least log-loss of any linear model, by SciPy over standardised columns."""
    Z = np.column_stack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones(len(X))])

    def fun(w):
        return log_loss(Z @ w, y), Z.T @ (expit(Z @ w) - y) / len(y)

    return minimize(fun, np.zeros(Z.shape[1]), jac=True, method="L-BFGS-B", options={"ftol": 1e-14}).fun


def by_pieces(model, X, y, size, **given):
    for at in range(0, X.shape[0], size):
        model.partial_fit(X[at : at + size], y[at : at + size], **given)
    return model


@pytest.mark.parametrize("alike", [0.0, 3.0])
@pytest.mark.parametrize("size", [1, 100, 6000])
@pytest.mark.parametrize("seed", [0, 1])
def test_one_pass_over_raw_columns_ends_near_the_optimum(seed, size, alike):
    X, y, _ = stream(seed, rows=1500 if size == 1 else 6000, alike=alike)
    model = by_pieces(SGDClassifier(loss="log_loss", alpha=0.0), X, y, size, classes=[0, 1])
    # A row each can cost no less than half a coefficient's share of the noise, and this is four times that.
    assert log_loss(model.decision_function(X), y) <= least(X, y) + 2 * (X.shape[1] + 1) / len(X)


def test_scikit_learns_own_is_far_from_it():
    """What the same call without a word gives there: the reason for all this."""
    X, y, _ = stream(0)
    theirs = linear_model.SGDClassifier(loss="log_loss", random_state=0)
    by_pieces(theirs, X, y, 100, classes=[0, 1])
    assert log_loss(theirs.decision_function(X), y) > 2 * least(X, y)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_squares_are_those_of_all_rows(alpha):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(5000, 6)) * [0.1, 1, 1, 1, 10, 10] + 5
    y = X @ [3.0, 1, -1, 0, 0.1, 0.2] + rng.normal(size=5000) * 2 + 100
    model = by_pieces(SGDRegressor(alpha=alpha), X, y, 250)
    Z, t = X - X.mean(axis=0), y - y.mean()
    exact = np.linalg.solve(Z.T @ Z / 5000 + alpha * np.eye(6), Z.T @ t / 5000)

    def objective(w, b):
        return 0.5 * np.mean((X @ w + b - y) ** 2) + 0.5 * alpha * w @ w

    least = objective(exact, y.mean() - X.mean(axis=0) @ exact)
    assert objective(model.coef_, model.intercept_[0]) <= least * (1 + 4 * 7 / 5000)


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        (
            SGDRegressor(loss="huber", alpha=0.0),
            lambda r: np.where(abs(r) < 0.1, r * r / 2, 0.1 * abs(r) - 0.005),
        ),
        (SGDRegressor(loss="epsilon_insensitive", alpha=0.0), lambda r: np.maximum(abs(r) - 0.1, 0)),
        (
            SGDRegressor(loss="squared_epsilon_insensitive", alpha=0.0),
            lambda r: np.maximum(abs(r) - 0.1, 0) ** 2 / 2,
        ),
    ],
    ids=lambda v: getattr(v, "loss", ""),
)
@pytest.mark.parametrize("unit", [1e-2, 1.0, 1e4])
def test_amounts_in_any_unit_by_losses_with_a_width(model, loss, unit):
    if unit < 1.0 and "epsilon" in model.loss:
        pytest.skip("all lies within epsilon, where nothing is told")
    rng = np.random.default_rng(3)
    X = rng.normal(size=(8000, 5)) * [0.01, 1, 1, 100, 1]
    y = unit * (X @ [100.0, 1, -1, 0.01, 0] + rng.standard_t(3, size=8000) + 20)
    got = by_pieces(copy.deepcopy(model), X, y, 400)
    # What the law itself costs, of which nobody knows better.
    law = loss(unit * (X @ [100.0, 1, -1, 0.01, 0] + 20) - y).mean()
    assert loss(got.predict(X) - y).mean() <= 1.02 * law


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "modified_huber"])
def test_classes_by_other_losses(loss):
    X, y, _ = stream(4, rows=8000)
    model = by_pieces(SGDClassifier(loss=loss, alpha=0.0), X, y, 400, classes=[0, 1])
    margin = np.where(y == 1, 1, -1)

    def objective(model):
        m = margin * model.decision_function(X)
        short = np.maximum(1 - m, 0)
        squares = np.where(m < -1, -4 * m, short**2)
        return {"hinge": short, "squared_hinge": short**2, "modified_huber": squares}[loss].mean()

    best = SGDClassifier(loss=loss, alpha=0.0).fit((X - X.mean(axis=0)) / X.std(axis=0), y)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    optimum = objective(type("At", (), {"decision_function": lambda _, __: best.decision_function(Z)})())
    assert objective(model) <= 1.03 * optimum


def test_several_classes_are_each_against_all_others():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(6000, 6)) * [1e-2, 1, 1, 1, 100, 1]
    scores = (X / [1e-2, 1, 1, 1, 100, 1]) @ rng.normal(size=(6, 3)) + rng.gumbel(size=(6000, 3))
    y = np.array(["a", "b", "c"])[scores.argmax(axis=1)]
    model = by_pieces(SGDClassifier(loss="log_loss", alpha=0.0), X, y, 500, classes=["a", "b", "c"])
    for k, label in enumerate(model.classes_):
        two = (y == label).astype(int)
        assert log_loss(model.decision_function(X)[:, k], two) <= least(X, two) + 2 * 7 / 6000


def texts(seed, rows=8000, columns=4000, entries=30):
    """Sparse rows whose columns are as frequent as words."""
    rng = np.random.default_rng(seed)
    place = np.floor(columns ** rng.random((rows, entries))).astype(int) - 1
    X = sparse.csr_matrix(
        (rng.uniform(0.2, 1.0, rows * entries), (np.repeat(np.arange(rows), entries), place.ravel())),
        (rows, columns),
    )
    margin = X @ (rng.normal(size=columns) * 0.8)
    return X, (rng.random(rows) < expit(margin)).astype(int)


@pytest.mark.parametrize("seed", [0, 1])
def test_sparse_rows_are_learned_better_than_by_the_best_of_many_rates(seed):
    X, y = texts(seed)
    half = X.shape[0] // 2

    def ahead(model):
        """The loss of rows before they are learned, in the second half."""
        model.partial_fit(X[:half], y[:half], classes=[0, 1])
        margins = []
        for at in range(half, X.shape[0], 200):
            margins.append(model.decision_function(X[at : at + 200]))
            model.partial_fit(X[at : at + 200], y[at : at + 200])
        return log_loss(np.concatenate(margins), y[half:])

    theirs = [
        linear_model.SGDClassifier(loss="log_loss", learning_rate=rate, eta0=eta, alpha=alpha, random_state=0)
        for rate in ("constant", "invscaling")
        for eta in (0.01, 0.03, 0.1, 0.3, 1.0)
        for alpha in (1e-6, 1e-4, 1e-3)
    ]
    assert ahead(SGDClassifier(loss="log_loss")) < min(map(ahead, theirs))


def test_a_column_that_is_seldom_seen_is_learned_from_the_rows_that_have_it():
    X, y, _ = stream(6, rows=4000, raw=False)
    rare = np.zeros(4000)
    rare[1500::200] = 1e3
    y = np.where(rare > 0, 1, y)
    for wide in (False, True):
        table = np.column_stack([X, rare, *([np.zeros((4000, 120))] if wide else [])])
        model = by_pieces(SGDClassifier(loss="log_loss", alpha=0.0), table, y, 500, classes=[0, 1])
        assert model.coef_[0, 8] * 1e3 > 1.0
        assert log_loss(model.decision_function(table), y) <= least(X, y) + 0.02


@pytest.mark.parametrize("forget", [0.001, 0.01])
@pytest.mark.parametrize("wide", [False, True])
def test_forgetting_follows_what_drifts(wide, forget):
    """And goes on doing so: what is not exactly symmetric among all pairs would have grown beyond bounds by the end."""
    X, y, _ = stream(7, rows=12000, raw=False)
    turned = np.where(np.arange(12000) < 4000, y, 1 - y)
    table = np.column_stack([X, np.zeros((12000, 120))]) if wide else X
    still, moved = SGDClassifier(loss="log_loss"), SGDClassifier(loss="log_loss")
    by_pieces(still, table[:5000], turned[:5000], 200, classes=[0, 1])
    by_pieces(moved, table[:5000], turned[:5000], 200, classes=[0, 1], forget=forget)
    late = table[4600:5000], turned[4600:5000]
    assert moved.score(*late) > 0.7 > 0.5 > still.score(*late)
    by_pieces(moved, table[5000:], turned[5000:], 200, forget=forget)
    assert moved.score(table[8000:], turned[8000:]) > 0.75


def test_it_goes_on_from_a_fit_and_from_what_somebody_set():
    X, y, _ = stream(8, raw=False)
    fitted = SGDClassifier(loss="log_loss", alpha=0.0).fit(X, y)
    before = fitted.coef_.copy()
    fitted.partial_fit(X[:100], y[:100])
    # A hundredth of the rows again moves it by little, and it says no more that it is at an optimum.
    np.testing.assert_allclose(fitted.coef_, before, atol=0.1)
    assert not hasattr(fitted, "result_")
    fitted.coef_ = fitted.coef_ + 5.0
    fitted.partial_fit(X[100:101], y[100:101])
    assert np.all(fitted.coef_ > 3.0)


def test_a_model_that_was_kept_goes_on_to_the_same_bits():
    X, y, _ = stream(9)
    model = by_pieces(SGDClassifier(loss="log_loss"), X[:3000], y[:3000], 300, classes=[0, 1])
    again = pickle.loads(pickle.dumps(model))
    for each in (model, again):
        each.partial_fit(X[3000:], y[3000:])
    np.testing.assert_array_equal(model.coef_, again.coef_)
    np.testing.assert_array_equal(model.intercept_, again.intercept_)


def test_storage_and_precision_change_next_to_nothing():
    X, y, _ = stream(10, raw=False)
    plain = SGDClassifier(loss="log_loss").partial_fit(X, y, classes=[0, 1])
    for table in (np.asfortranarray(X), X.astype(np.float32)):
        other = SGDClassifier(loss="log_loss").partial_fit(table, y, classes=[0, 1])
        np.testing.assert_allclose(other.coef_, plain.coef_, rtol=1e-4, atol=1e-5)
        assert other.coef_.dtype == table.dtype
    few = SGDClassifier(loss="log_loss").partial_fit(sparse.csr_matrix(X), y, classes=[0, 1])
    np.testing.assert_allclose(few.coef_, plain.coef_, atol=0.05)


@pytest.mark.parametrize(
    "given", [{"eta0": 0.05, "learning_rate": "constant"}, {"penalty": "l1"}, {"average": True}]
)
def test_where_it_is_told_how_it_is_scikit_learns_algorithm(given):
    X, y, _ = stream(11, rows=500, raw=False)
    ours, theirs = (
        by_pieces(kind(loss="log_loss", random_state=0, **given), X, y, 100, classes=[0, 1])
        for kind in (SGDClassifier, linear_model.SGDClassifier)
    )
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)
    with pytest.raises(InputError, match="forget is for"):
        ours.partial_fit(X, y, forget=0.01)


def test_weights_are_rows_and_a_row_of_weight_0_is_not_there():
    X, y, _ = stream(12, rows=3000, raw=False)
    weight = np.random.default_rng(0).integers(0, 3, 3000).astype(float)
    plain = SGDClassifier(loss="log_loss", alpha=0.0).partial_fit(X, y, classes=[0, 1], sample_weight=weight)
    some = weight > 0
    without = SGDClassifier(loss="log_loss", alpha=0.0)
    without.partial_fit(X[some], y[some], classes=[0, 1], sample_weight=weight[some])
    np.testing.assert_array_equal(plain.coef_, without.coef_)
    twice = np.repeat(np.arange(3000), weight.astype(int))
    repeated = SGDClassifier(loss="log_loss", alpha=0.0).partial_fit(X[twice], y[twice], classes=[0, 1])
    np.testing.assert_allclose(plain.coef_, repeated.coef_, atol=0.05)


def test_what_cannot_be_learned_is_named_and_changes_nothing():
    X, y, _ = stream(13, rows=300)
    model = SGDClassifier(loss="log_loss").partial_fit(X, y, classes=[0, 1])
    before = model.coef_.copy()
    bad = X[:5].copy()
    bad[3, 2] = np.nan
    for table in (bad, sparse.csr_matrix(bad)):
        with pytest.raises(ValueError, match="row 3"):
            model.partial_fit(table, y[:5])
    with pytest.raises(ValueError, match="y row 1 is 7"):
        model.partial_fit(X[:2], [0, 7])
    with pytest.raises(InputError, match="forget must be below 1"):
        model.partial_fit(X, y, forget=1.0)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :3], y)
    with pytest.raises(ValueError, match="balanced"):
        SGDClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])
    np.testing.assert_array_equal(model.coef_, before)
    np.testing.assert_array_equal(
        model.partial_fit(X[:0:-1], y[:0:-1]).coef_ == before, np.zeros((1, 8), bool)
    )


def test_far_numbers_are_no_danger():
    X, y, _ = stream(14, rows=2000, raw=False)
    X[700] *= 1e9
    model = by_pieces(SGDClassifier(loss="log_loss"), X, y, 100, classes=[0, 1])
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("off", [0.0, 1e9])
@pytest.mark.parametrize("columns", [4, 150])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_amounts_may_lie_far_from_0(off, columns, kind):
    """As far as a least-squares fit of all rows, but for the noise of so many coefficients."""
    rng = np.random.default_rng(15)
    X = rng.normal(size=(3000, columns))
    y = X[:, :4] @ [1.0, 2, 3, 4] + rng.normal(size=3000) + off
    model = by_pieces(SGDRegressor(alpha=0.0), kind(X), y, 100)
    Z = np.column_stack([X, np.ones(3000)])
    residual = y - off - Z @ np.linalg.lstsq(Z, y - off, rcond=None)[0]
    allowed = 1.02 if columns == 4 else 1.1
    assert np.mean((model.predict(kind(X)) - y) ** 2) <= allowed * np.mean(residual**2)


def test_a_zero_that_is_written_out_is_no_entry():
    rng = np.random.default_rng(16)
    for columns in (4, 150):
        table = rng.normal(size=(300, columns)) * (rng.random((300, columns)) < 0.2)
        y = (table[:, 0] > 0).astype(int)
        written = sparse.csr_matrix(
            (table.ravel(), np.tile(np.arange(columns), 300), np.arange(0, 300 * columns + 1, columns))
        )
        assert written.nnz == table.size
        some, all_ = (
            SGDClassifier(loss="log_loss").partial_fit(X, y, classes=[0, 1])
            for X in (sparse.csr_matrix(table), written)
        )
        np.testing.assert_array_equal(some.coef_, all_.coef_)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("columns", [4, 150])
def test_what_is_too_large_to_be_learned_changes_nothing(kind, columns):
    rng = np.random.default_rng(17)
    X = rng.normal(size=(300, columns))
    y = X[:, 0] + 1.0
    model = SGDRegressor().partial_fit(kind(X), y)
    again = copy.deepcopy(model)
    with pytest.raises(InputError, match="too large"):
        model.partial_fit(kind(X[:5]), np.full(5, 1e308))
    for each in (model, again):
        each.partial_fit(kind(X), y)
    np.testing.assert_array_equal(model.coef_, again.coef_)


def test_the_first_rows_are_kept_though_later_ones_are_refused():
    X, y, _ = stream(18, rows=300, raw=False)
    models = [SGDClassifier(loss="log_loss").partial_fit(X[:9], y[:9], classes=[0, 1]) for _ in range(2)]
    with pytest.raises(ValueError, match="not finite"):
        models[0].partial_fit(X[:3] * np.nan, y[:3])
    for each in models:
        each.partial_fit(sparse.csr_matrix(X[9:]), y[9:])
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)


def test_what_is_set_between_two_calls_is_what_the_next_one_learns_by():
    X, y, _ = stream(19, raw=False)
    first = SGDClassifier(loss="log_loss", alpha=0.0).partial_fit(X[:1000], y[:1000], classes=[0, 1])
    strong = copy.deepcopy(first).set_params(alpha=10.0).partial_fit(X[1000:], y[1000:])
    assert np.abs(strong.coef_).max() < 0.1 < np.abs(first.coef_).max()
    hinge = copy.deepcopy(first).set_params(loss="hinge").partial_fit(X[1000:], y[1000:])
    whole = SGDClassifier(loss="hinge", alpha=0.0).fit(X, y)

    def cost(model):
        return np.maximum(1 - np.where(y == 1, 1, -1) * model.decision_function(X), 0).mean()

    assert cost(hinge) <= 1.03 * cost(whole)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_is_named_wherever_it_stands(dtype):
    X, y, _ = stream(21, rows=9, columns=19, raw=False)
    for row, column, value in [
        (0, 0, np.nan),
        (4, 7, np.inf),
        (4, 8, -np.inf),
        (8, 16, np.nan),
        (8, 18, np.inf),
    ]:
        bad = X.astype(dtype)
        bad[row, column] = value
        for table in (bad, np.asfortranarray(bad), sparse.csr_matrix(bad)):
            with pytest.raises(
                ValueError, match=rf"row {row}\b.*column {column}\b|column {column}\b.*row {row}\b"
            ):
                SGDClassifier(loss="log_loss").partial_fit(table, y, classes=[0, 1])


def test_sparse_rows_in_blocks_of_any_size_are_learned_to_the_same_bits():
    rng = np.random.default_rng(12)
    X = sparse.random(200, 300, 0.03, format="csr", random_state=1, data_rvs=rng.standard_normal)
    y = (X @ rng.standard_normal(300) > 0).astype(int)
    found = []
    for size in (1, 7, 200):
        model = SGDClassifier(loss="log_loss")
        for at in range(0, 200, size):
            model.partial_fit(X[at : at + size], y[at : at + size], classes=[0, 1])
        found.append(np.append(model.coef_, model.intercept_))
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_classes_that_a_block_lacks_are_learned_as_if_the_blocks_were_one():
    rng = np.random.default_rng(13)
    X = sparse.random(900, 300, 0.03, format="csr", random_state=2, data_rvs=rng.standard_normal)
    y = np.argmax(X @ rng.standard_normal((300, 3)), axis=1)
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    apart, whole = SGDClassifier(loss="log_loss"), SGDClassifier(loss="log_loss")
    for k in range(3):
        apart.partial_fit(X[y == k], y[y == k], classes=[0, 1, 2])
    whole.partial_fit(X, y, classes=[0, 1, 2])
    assert (apart.coef_ == whole.coef_).all()
    assert (apart.intercept_ == whole.intercept_).all()


@pytest.mark.parametrize(
    ("indices", "indptr"),
    [
        ([0, 7, 1], [0, 1, 2, 3]),
        ([0, -1, 1], [0, 1, 2, 3]),
        ([0, 2**31 - 1, 1], [0, 1, 2, 3]),
        ([0, 1, 2], [0, 2, 1, 3]),
        ([0, 1, 2], [0, 1, 2, 9]),
        ([0, 1, 2], [-1, 1, 2, 3]),
    ],
)
def test_sparse_rows_that_do_not_hold_together_are_refused_and_change_nothing(indices, indptr):
    rows = sparse.csr_matrix((3, 5))
    rows.data = np.ones(3)
    rows.indices, rows.indptr = np.array(indices, np.int32), np.array(indptr, np.int32)
    model = SGDClassifier(loss="log_loss").partial_fit(np.eye(5)[:3], [0, 1, 1], classes=[0, 1])
    before = model.coef_.copy()
    with pytest.raises(ValueError, match="does not hold together"):
        model.partial_fit(rows, [0, 1, 1])
    assert (model.coef_ == before).all()


@pytest.mark.parametrize("wide", [False, True])
def test_of_several_classes_a_class_weighs_where_it_is_held_against_the_others(wide):
    X, y, _ = stream(16, rows=3000, raw=False)
    y = y + (X[:, 0] > 0.5)
    table = np.column_stack([X, np.zeros((3000, 120))]) if wide else X
    factor = {0: 5.0, 1: 1.0, 2: 0.2}
    own = SGDClassifier(loss="log_loss", alpha=0.0, class_weight=factor)
    by_pieces(own, table, y, 300, classes=[0, 1, 2])
    for k in range(3):
        weight = np.where(y == k, factor[k], 1.0)
        one = SGDClassifier(loss="log_loss", alpha=0.0)
        for at in range(0, 3000, 300):
            here = slice(at, at + 300)
            one.partial_fit(table[here], y[here] == k, classes=[False, True], sample_weight=weight[here])
        np.testing.assert_allclose(own.coef_[k], one.coef_[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(own.intercept_[k], one.intercept_[0], rtol=1e-9, atol=1e-9)
