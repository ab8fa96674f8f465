"""What each column adds to a row, and the pictures of a model: held against sums and averages done by hand."""

from itertools import combinations
from math import factorial

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LogisticRegression as Theirs

from steepest import Lasso, LinearSVC, LogisticRegression, PoissonRegressor, Ridge, SGDRegressor
from steepest.errors import InputError

mpl.use("Agg")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, 1]
Y = X @ [1.0, 0.1, -5.0, 0.0] + RNG.normal(size=200)
BACKGROUND = X[:7]
TWO, THREE = Y - np.median(Y) > 0, np.digitize(Y, np.quantile(Y, [0.3, 0.7]))


def shapley(margin, row, background):
    """Each column's share by the definition: over all orders of setting columns, the mean over the background."""
    d = len(row)

    def worth(columns):
        rows = background.copy()
        rows[:, list(columns)] = row[list(columns)]
        return margin(rows).mean(axis=0)

    def share(j):
        others = [k for k in range(d) if k != j]
        sets = [c for size in range(d) for c in combinations(others, size)]
        weight = {size: factorial(size) * factorial(d - size - 1) / factorial(d) for size in range(d)}
        return sum(weight[len(c)] * (worth([*c, j]) - worth(c)) for c in sets)

    return np.array([share(j) for j in range(d)])


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (Ridge(), Y),
        (Lasso(alpha=0.3), Y),
        (PoissonRegressor(), np.exp(0.1 * Y).round()),
        (LogisticRegression(), TWO),
        (LogisticRegression(), THREE),
        (SGDRegressor(), Y),
    ],
    ids=lambda v: type(v).__name__,
)
def test_attributions_are_shapleys_values(model, y):
    model.fit(X, y)

    def margin(rows):
        return rows @ np.atleast_2d(model.coef_).T + model.intercept_

    told = model.explain(X[:3], background=BACKGROUND)
    for i in range(3):
        want = shapley(margin, X[i], BACKGROUND)
        np.testing.assert_allclose(told.values[i], want if told.values.ndim == 3 else want[:, 0], atol=1e-12)
    np.testing.assert_allclose(
        (told.values.sum(axis=1) + told.base).ravel(), margin(X[:3]).ravel(), rtol=1e-12
    )
    few = model.explain(sparse.csr_matrix(X[:3]), background=sparse.csr_matrix(BACKGROUND))
    np.testing.assert_allclose(few.values, told.values, atol=1e-12)
    assert str(told).startswith("x")


def test_attributions_name_columns_and_refuse_what_predictions_refuse():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = Ridge().fit(frame, Y)
    assert model.explain(frame).names == list("abcd")
    assert np.abs(model.explain(frame).values.mean(axis=0)).max() < 1e-12
    with pytest.raises(ValueError, match="feature"):
        model.explain(frame[["a", "b"]])


def test_coefficients_are_drawn_the_largest_first(tmp_path):
    model = Ridge().fit(X, Y)
    ax = model.plot_coefficients(X, most=3, file=tmp_path / "c.png")
    widths = [bar.get_width() for bar in ax.patches]
    want = model.coef_ * X.std(axis=0)
    np.testing.assert_allclose(widths, sorted(want, key=abs)[1:])
    assert (tmp_path / "c.png").stat().st_size > 1000
    ax = LogisticRegression().fit(X, THREE).plot_coefficients(file=tmp_path / "d.png")
    assert len(ax.patches) == 12


def test_a_path_is_of_fits_along_the_penalty(tmp_path):
    ax = Lasso(alpha=0.1).plot_path(X, Y, [0.01, 1.0, 30.0], file=tmp_path / "p.png")
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    for j in range(4):
        want = [Lasso(alpha=a).fit(X, Y).coef_[j] * X[:, j].std() for a in (0.01, 1.0, 30.0)]
        np.testing.assert_allclose(lines[f"x{j}"], want, atol=1e-6)
    assert LogisticRegression().plot_path(X, TWO, [0.1, 1.0], file=tmp_path / "q.png").get_xlabel() == "C"
    with pytest.raises(InputError, match="several"):
        LogisticRegression().plot_path(X, THREE, [1.0], file=tmp_path / "r.png")


def test_calibration_is_of_groups_of_like_predictions(tmp_path):
    model = LogisticRegression().fit(X, TWO)
    ax = model.plot_calibration(X, TWO, bins=4, file=tmp_path / "k.png")
    p = np.sort(model.predict_proba(X)[:, 1])
    np.testing.assert_allclose(ax.lines[0].get_xdata(), p.reshape(4, 50).mean(axis=1))
    order = np.argsort(model.predict_proba(X)[:, 1])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), TWO[order].reshape(4, 50).mean(axis=1))
    ax = Ridge().fit(X, Y).plot_calibration(X, Y, file=tmp_path / "l.png")
    assert ax.get_xlabel() == "predicted mean"
    with pytest.raises(InputError, match="no probabilities"):
        LinearSVC().fit(X, TWO).plot_calibration(X, TWO, file=tmp_path / "m.png")


@pytest.mark.parametrize("several", [False, True])
def test_partial_pictures_are_scikit_learns_partial_dependence(several, tmp_path):
    y = THREE if several else TWO
    model = LogisticRegression().fit(X, y)
    # Its own estimator, with these coefficients.
    theirs = Theirs().fit(X, y)
    theirs.coef_, theirs.intercept_ = model.coef_, model.intercept_
    ax = model.plot_partial(X, 1, file=tmp_path / "z.png")
    grid = ax.lines[0].get_xdata()
    want = partial_dependence(theirs, X, [1], custom_values={1: grid}, response_method="predict_proba")[
        "average"
    ]
    for line, row in zip(ax.lines, want, strict=True):
        np.testing.assert_allclose(line.get_ydata(), row, rtol=1e-9)
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert Ridge().fit(frame, Y).plot_partial(frame, "b", file=tmp_path / "y.png").get_xlabel() == "b"
    with pytest.raises(InputError, match="no column"):
        Ridge().fit(frame, Y).plot_partial(frame, "q")


@pytest.mark.parametrize("kind", [Ridge, LogisticRegression])
@pytest.mark.parametrize("picture", ["explain", "plot_coefficients", "plot_calibration", "plot_partial"])
def test_what_is_not_fitted_or_of_another_width_is_refused(kind, picture):
    more = {"plot_calibration": (TWO,), "plot_partial": (0,)}.get(picture, ())
    with pytest.raises(NotFittedError):
        getattr(kind(), picture)(X, *more)
    with pytest.raises(ValueError, match="features"):
        getattr(kind().fit(X, TWO), picture)(X[:, :2], *more)


@pytest.mark.parametrize(
    ("picture", "given", "words"),
    [
        ("plot_calibration", {"X": X[:30], "y": Y}, "shape of the predictions"),
        ("plot_calibration", {"X": X, "y": Y[:30]}, "shape of the predictions"),
        ("plot_calibration", {"X": X, "y": Y * np.nan}, "finite"),
        ("plot_calibration", {"X": X, "y": Y, "bins": 0}, "bins"),
        ("plot_calibration", {"X": X, "y": Y, "bins": 2.5}, "bins"),
        ("plot_coefficients", {"most": 0}, "most"),
        ("plot_coefficients", {"most": -1}, "most"),
        ("plot_partial", {"X": X, "column": -1}, "column"),
        ("plot_partial", {"X": X, "column": 1.5}, "column"),
        ("plot_partial", {"X": X, "column": None}, "column"),
        ("plot_path", {"X": X, "y": Y, "values": []}, "above 0"),
        ("plot_path", {"X": X, "y": Y, "values": [0.0, 1.0]}, "above 0"),
        ("plot_path", {"X": X, "y": Y, "values": [np.nan]}, "above 0"),
    ],
)
def test_what_cannot_be_drawn_is_named(picture, given, words):
    with pytest.raises(InputError, match=words):
        getattr(Ridge().fit(X, Y), picture)(**given)


def test_calibration_is_of_the_classes_of_the_fit(tmp_path):
    model = LogisticRegression().fit(X, np.array(["no", "yes"])[TWO.astype(int)])
    with pytest.raises(InputError, match="y row 0 is"):
        model.plot_calibration(X, TWO)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        model.plot_calibration(X[:30], np.array(["no", "yes"])[TWO.astype(int)])
    labels = np.array(["no", "yes"], dtype=object)[TWO.astype(int)]
    one, column = (model.plot_calibration(X, y, file=tmp_path / "a.png") for y in (labels, labels[:, None]))
    assert one.lines[0].get_ydata().max() > 0.5
    np.testing.assert_array_equal(one.lines[0].get_ydata(), column.lines[0].get_ydata())


def test_partial_pictures_of_sparse_rows_are_those_of_dense_ones(tmp_path):
    model = Ridge().fit(X, Y)
    plain = model.plot_partial(X, 1, file=tmp_path / "a.png").lines[0].get_ydata()
    few = model.plot_partial(sparse.coo_matrix(X), 1, file=tmp_path / "b.png").lines[0].get_ydata()
    np.testing.assert_allclose(few, plain)


def test_a_path_marks_the_models_own_penalty_where_it_has_one(tmp_path):
    lines = [
        len(Ridge(alpha=a).plot_path(X, Y, [0.1, 1.0], file=tmp_path / "a.png").lines) for a in (0.0, 1.0)
    ]
    assert lines == [4, 5]
