"""Recommenders with features of users and items: against SciPy on the objective written out; who has no rating."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, sparse

from steepest.errors import InputError, ModelFileError, NotConverged
from steepest.factors import ClicksFactorization, ColdStart, RatingsFactorization
from steepest.saving import read_file, write_file


def made(seed: int, users: int = 40, items: int = 30, columns: int = 3, share: float = 0.4) -> Any:
    """Ratings whose factors and biases are, but for a little, linear in what is known of users and items."""
    rng = np.random.default_rng(seed)
    of_users, of_items = rng.normal(size=(users, columns)), rng.normal(size=(items, columns))
    p = of_users @ rng.normal(size=(columns, 2)) / np.sqrt(columns) + 0.1 * rng.normal(size=(users, 2))
    q = of_items @ rng.normal(size=(columns, 2)) / np.sqrt(columns) + 0.1 * rng.normal(size=(items, 2))
    scores = 3 + of_users[:, :1] * 0.5 - of_items[:, 1] * 0.7 + p @ q.T
    u, i = np.nonzero(rng.random((users, items)) < share)
    return u, i, scores[u, i] + 0.2 * rng.normal(size=len(u)), of_users, of_items, scores


def standard(rows: Any) -> Any:
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


@pytest.mark.parametrize(
    ("sides", "by_count"), [((True, True), True), ((True, False), False), ((False, True), True)]
)
def test_the_optimum_is_that_of_scipy_on_the_objective_written_out(
    sides: tuple[bool, bool], by_count: bool
) -> None:
    u, i, r, *features, _ = made(0, 15, 12, 2, share=0.6)
    given = [rows if there else None for rows, there in zip(features, sides, strict=True)]
    alpha, rank, shape = 0.05, 2, (15, 12)
    model = RatingsFactorization(
        rank, alpha, validation=None, tol=1e-9, weighting="count" if by_count else "equal"
    ).fit(u, i, r, user_features=given[0], item_features=given[1])
    mean, unit = r.mean(), r.std()
    codes = (u, i)
    share = [
        np.bincount(c, minlength=n) / len(r) if by_count else np.full(n, 1 / n)
        for c, n in zip(codes, shape, strict=True)
    ]

    def value(x: Any) -> tuple[float, Any]:
        """In e, d, W and w of users, and then of items, by hand."""
        at, parts, penalty = 0, [], 0.0
        slopes = np.zeros(len(x))
        for n, rows, own in zip(shape, given, share, strict=True):
            e = x[at : at + n * (rank + 1)].reshape(n, rank + 1)
            slopes[at : at + e.size] = (alpha * own[:, None] * e).ravel()
            penalty += 0.5 * alpha * (own @ (e**2).sum(1))
            begins, at = at, at + e.size
            if rows is not None:
                weights = x[at : at + rows.shape[1] * (rank + 1)].reshape(-1, rank + 1)
                slopes[at : at + weights.size] = alpha / n * weights.ravel()
                penalty += 0.5 * alpha / n * (weights**2).sum()
                e = e + standard(rows) @ weights
                at += weights.size
            parts.append((begins, e))
        (at_users, p), (at_items, q) = parts
        score = (p[u, :rank] * q[i, :rank]).sum(1) + p[u, rank] + q[i, rank]
        off = score - (r - mean) / unit
        for at, own, code, n, rows in (
            (at_users, np.column_stack([q[i, :rank], np.ones(len(r))]), u, 15, given[0]),
            (at_items, np.column_stack([p[u, :rank], np.ones(len(r))]), i, 12, given[1]),
        ):
            g = np.zeros((n, rank + 1))
            np.add.at(g, code, off[:, None] * own / len(r))
            slopes[at : at + g.size] += g.ravel()
            if rows is not None:
                slopes[at + g.size :][: rows.shape[1] * (rank + 1)] += (standard(rows).T @ g).ravel()
        return 0.5 * (off**2).mean() + penalty, slopes

    count = sum(
        (n + (0 if rows is None else rows.shape[1])) * (rank + 1)
        for n, rows in zip(shape, given, strict=True)
    )
    assert model.result_.method == "lbfgs"
    at = model._factors.times(1 / unit)
    own = []
    for n, rows, p, b, map_ in zip(
        shape, given, (at.users, at.items), (at.user_biases, at.item_biases), at.maps, strict=True
    ):
        e, weights = np.column_stack([p, b]), np.zeros((0, rank + 1))
        if map_ is not None:
            weights = np.column_stack(map_)
            e = e - standard(rows) @ weights
        own += [e.ravel(), weights.ravel()]
        assert len(e) == n
    here = np.concatenate(own)
    assert len(here) == count
    assert value(here)[0] == pytest.approx(model.result_.fun, rel=1e-10)
    settings = {"maxiter": 5000, "maxfun": 10**5, "ftol": 1e-15, "gtol": 1e-9}
    ends = [
        optimize.minimize(value, start, jac=True, method="L-BFGS-B", options=settings).fun
        for start in (here, np.random.default_rng(0).normal(size=count))
    ]
    # Nothing is left to gain, and from elsewhere SciPy comes to the same, or to one of the minima beside it.
    assert model.result_.fun == pytest.approx(ends[0], rel=1e-7)
    assert model.result_.fun < 1.01 * ends[1]
    slope = optimize.approx_fprime(here + 0.1, lambda x: value(x)[0], 1e-7)
    assert np.abs(value(here + 0.1)[1] - slope).max() < 1e-5


@pytest.mark.parametrize("loss", ["squared", "bpr"])
def test_clicks_end_where_slopes_are_0(loss: str) -> None:
    u, i, r, of_users, of_items, _ = made(1)
    liked = r > 3
    model = ClicksFactorization(2, 0.02, loss=loss, validation=None, method="lbfgs", tol=1e-6)
    model.fit(u[liked], i[liked], user_features=of_users, item_features=of_items)
    assert model.result_.success
    value, slopes = model._at.gradient(*model._fitted())
    assert value == pytest.approx(model.result_.fun, rel=1e-9)
    assert np.abs(slopes).max() < 1e-5
    assert model.user_map_.shape == (3, 2)
    assert model.user_bias_map_.shape == (0,)
    assert model.item_bias_map_.shape == ((3,) if loss == "bpr" else (0,))


def test_those_without_a_rating_are_answered_by_their_features_and_better() -> None:
    u, i, r, of_users, of_items, scores = made(2, 80, 60)
    known = (i < 45) & (u < 70)
    given = {"user_features": of_users, "item_features": of_items}
    plain = RatingsFactorization(2, 0.02, validation=None).fit(u[known], i[known], r[known])
    model = RatingsFactorization(2, 0.02, validation=None).fit(u[known], i[known], r[known], **given)
    assert model.user_ids_.tolist() == list(range(80))
    assert model.item_factors_.shape == (60, 2)
    (said,) = (f for f in model.result_.findings if f.kind == "answered_by_features")
    assert said.sentence.startswith("Of 10 users and 15 items there is no rating")
    for asked, ratio in (
        ((np.repeat(np.arange(70), 15), np.tile(np.arange(45, 60), 70)), 0.3),
        ((np.repeat(np.arange(70, 80), 45), np.tile(np.arange(45), 10)), 0.3),
        ((np.repeat(np.arange(70, 80), 15), np.tile(np.arange(45, 60), 10)), 0.3),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ColdStart)
            shown = model.predict(*asked)
        with pytest.warns(ColdStart):
            before = plain.predict(*asked)
        off = [np.sqrt(np.mean((one - scores[asked]) ** 2)) for one in (shown, before)]
        assert off[0] < ratio * off[1]
    # What is known of them is what the map says.
    rows = standard_as(of_items, i[known])[50]
    np.testing.assert_allclose(model.item_factors_[50], rows @ model.item_map_, rtol=1e-9)
    np.testing.assert_allclose(model.item_biases_[50], rows @ model.item_bias_map_, rtol=1e-9)
    # Recommended too, to those without a rating as well.
    ids, shown = model.recommend([3, 75], n=60, exclude_seen=False)
    np.testing.assert_allclose(model.predict(np.full(60, 75), ids[1]), shown[1], rtol=1e-9)
    assert set(ids[0]) == set(range(60))


def standard_as(rows: Any, those: Any) -> Any:
    own = rows[np.unique(those)]
    return (rows - own.mean(axis=0)) / own.std(axis=0)


def test_units_of_features_do_not_matter_and_constant_columns_say_nothing() -> None:
    u, i, r, of_users, _, _ = made(3)
    fits = []
    for rows in (
        of_users,
        of_users * [1e6, -1e-9, 3.0] + [5e7, 0.0, 1e3],
        np.column_stack([of_users, np.full(40, 0.1)]),
    ):
        model = RatingsFactorization(2, 0.05, validation=None, tol=1e-9)
        fits.append(model.fit(u, i, r, user_features=rows))
    for other in fits[1:]:
        np.testing.assert_allclose(other.predict(u, i), fits[0].predict(u, i), atol=1e-5)
    assert not fits[2].user_map_[3].any()
    assert np.isfinite(fits[2].user_factors_).all()


def test_rank_and_alpha_are_chosen_as_without_features() -> None:
    u, i, r, of_users, of_items, _ = made(4, 80, 60, share=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)
        plain = RatingsFactorization().fit(u, i, r)
    model = RatingsFactorization().fit(u, i, r, user_features=of_users, item_features=of_items)
    assert model.held_out_["model"]["rmse"] < 0.8 * plain.held_out_["model"]["rmse"]
    assert len(model.tried_) > 3
    liked = r > 3.5
    clicks = ClicksFactorization(loss="bpr").fit(u[liked], i[liked], item_features=of_items)
    assert clicks.held_out_["model"]["ndcg"] > clicks.held_out_["popular"]["ndcg"]
    assert "features of items: 0, 1, 2" in clicks.summary()


def test_features_are_found_by_ids_however_they_come() -> None:
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    u, i, r, of_users, _, _ = made(6)
    ids = np.array([f"u{k:02d}" for k in range(40)])
    order = np.random.default_rng(0).permutation(40)
    frame = pandas.DataFrame(of_users[order], index=ids[order], columns=["age", "height", "member"])
    first = frame.rename_axis("who").reset_index()
    whole = None
    for given in (
        frame,
        first,
        pyarrow.Table.from_pandas(first),
        {one: row.tolist() for one, row in zip(ids, of_users, strict=True)},
    ):
        model = RatingsFactorization(2, 0.05, validation=None).fit(ids[u], i, r, user_features=given)
        whole = model.user_factors_ if whole is None else whole
        np.testing.assert_array_equal(model.user_factors_, whole)
    model = RatingsFactorization(2, 0.05, validation=None).fit(ids[u], i, r, user_features=frame)
    assert model.user_columns_ == ["age", "height", "member"]
    assert model.item_columns_ is model.item_map_ is model.item_bias_map_ is None
    later = pandas.DataFrame({"member": [0.0], "age": [1.0], "height": [2.0]}, index=["new"])
    model.add_by_features(user_features=later)
    rows = (np.array([1.0, 2.0, 0.0]) - of_users.mean(0)) / of_users.std(0)
    np.testing.assert_allclose(model.user_factors_[model.user_ids_ == "new"][0], rows @ model.user_map_)
    assert model.recommend(["new"], n=3)[0].shape == (1, 3)
    # A sparse matrix of ratings, whose ids are numbers: rows of an array are those of the ids.
    matrix = sparse.csr_matrix((r, (u, i)))
    by_rows = RatingsFactorization(2, 0.05, validation=None).fit(matrix, user_features=of_users)
    np.testing.assert_array_equal(by_rows.user_factors_, whole)


@pytest.mark.parametrize("kind", [RatingsFactorization, ClicksFactorization])
def test_people_who_come_later_rate_items_that_have_features(kind: Any) -> None:
    u, i, r, _, of_items, _ = made(7)
    known = i < 25
    model = kind(
        3, 0.02, validation=None, tol=1e-8, **({"method": "lbfgs"} if kind is ClicksFactorization else {})
    )
    model.fit(u[known], i[known], np.abs(r[known]), item_features=of_items)
    before = model.user_factors_[7].copy()
    # That nobody has what there is no rating of does not count, however many these are.
    model.add_by_features(item_features=dict(enumerate(np.tile(of_items, (12, 1)), 1000)))
    own = (u == 7) & known
    model.add_users(np.full(own.sum(), 100), i[own], np.abs(r[own]))
    np.testing.assert_allclose(model.user_factors_[-1], before, atol=1e-3)
    # Of an item that has features alone too.
    model.add_users([101], [27], [4.0])
    assert model.item_map_.shape == (3, 3)
    assert model.item_factors_.shape == (390, 3)
    assert 27 not in model.recommend([101], n=389)[0][0]


@pytest.mark.parametrize("kind", [RatingsFactorization, ClicksFactorization])
def test_files_have_what_the_fit_saw_where_others_were_taken_in_later(kind: Any, tmp_path: Path) -> None:
    u, i, r, _, of_items, _ = made(8)
    for features in (of_items, None):
        known = i < 25
        model = kind(2, 0.05, validation=None).fit(
            u[known], i[known], np.abs(r[known]), item_features=features
        )
        of = np.array([7, 27 if features is not None else 8])
        model.add_users([101, 101], of, [4.0, 3.0])
        model.save(tmp_path / "m")
        again = kind.load(tmp_path / "m")
        for one in (model, again):
            assert features is None or one._at.features[1].shape == (25, 3)
            assert one._at.gradient(*one._fitted())[0] == pytest.approx(one.result_.fun, rel=1e-9)
        np.testing.assert_allclose(again.result_.x, model.result_.x, atol=1e-12)
        again.save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
        for one in (model, again):
            one.add_users([102, 102], of, [1.0, 3.0])
        assert (again.user_factors_ == model.user_factors_).all()


@pytest.mark.parametrize("kind", [RatingsFactorization, ClicksFactorization])
def test_files_have_all_of_it(kind: Any, tmp_path: Path) -> None:
    u, i, r, of_users, of_items, _ = made(8)
    known = (i < 25) & (u < 36)
    model = kind(2, 0.05, validation=None).fit(
        u[known], i[known], np.abs(r[known]), user_features=of_users, item_features=of_items
    )
    model.save(tmp_path / "m")
    again = kind.load(tmp_path / "m")
    # What the fit saw is no more for who was taken in by features, or later.
    for one in (model, again):
        assert [len(rows) for rows in one._at.features] == [36, 25]
        assert one._at.gradient(*one._fitted())[0] == pytest.approx(one.result_.fun, rel=1e-9)
    assert (again.recommend(n=5)[1] == model.recommend(n=5)[1]).all()
    assert (again.user_map_ == model.user_map_).all()
    assert again.item_columns_ == model.item_columns_
    assert again.summary() == model.summary()
    np.testing.assert_allclose(again.result_.x, model.result_.x, atol=1e-12)
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
    for one in (model, again):
        one.add_by_features(item_features={99: [1.0, 2.0, 3.0]})
    assert (again.predict(u, np.full(len(u), 99)) == model.predict(u, np.full(len(u), 99))).all()
    with pytest.raises(InputError, match="partial_fit does not go on"):
        again.partial_fit([0], [0], [1.0])
    content, arrays = read_file(tmp_path / "m", "recommender")
    content = {key: content[key] for key in ("estimator", "parameters", "fitted", "user_ids", "item_ids")}
    for name in [name for name in arrays if name.split(".")[0] in ("features", "maps", "seen")]:
        for wrong in (arrays[name][:-1], arrays[name] * np.nan, arrays[name][None]):
            if wrong.shape == arrays[name].shape and not wrong.size:
                continue
            write_file(tmp_path / "f", "recommender", content, {**arrays, name: wrong})
            if wrong.size or arrays[name].size:
                with pytest.raises(ModelFileError):
                    kind.load(tmp_path / "f")


ROWS = np.random.default_rng(0).normal(size=(40, 3))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ROWS[:39], "user_features has no row for user 39 of 40 .its ids are the rows' numbers"),
        (ROWS[:, 0], "must be a frame, a mapping of ids to rows"),
        (sparse.csr_matrix(ROWS), "user_features must be dense"),
        (np.where(ROWS[3, 1] == ROWS, np.nan, ROWS), "row 3, column '1' is not finite"),
        ({"a": [1.0], "b": [2.0]}, "user_features must be ids like those of the fit, such as 0; got 'a'"),
        ({0: [1.0], 1: [1.0, 2.0]}, "a row of as many numbers"),
        (ROWS[:, :0], "a row and a column"),
        ({}, "a row and a column"),
    ],
)
def test_features_that_cannot_be_used_are_named(given: Any, words: str) -> None:
    u, i, r, *_ = made(9)
    with pytest.raises(InputError, match=words):
        RatingsFactorization(2, 0.05, validation=None).fit(u, i, r, user_features=given)


def test_frames_that_cannot_be_used_are_named() -> None:
    pandas = pytest.importorskip("pandas")
    u, i, r, *_ = made(9)
    model = RatingsFactorization(2, 0.05, validation=None)
    frame = pandas.DataFrame(ROWS, index=range(40), columns=list("abc")).rename_axis("user")
    for given, words in (
        (frame.assign(b="x"), "column 'b' is not of numbers, 'x': make numbers of it .of levels"),
        (pandas.concat([frame, frame[3:4]]), "2 rows for user 3, by the index"),
        (frame.reset_index(drop=True), "no row for user 0 and 39 more of 40 .*the first column, 'a'"),
        (frame.set_axis(["a", "b", "a"], axis=1), "two columns 'a'"),
    ):
        with pytest.raises(InputError, match=words):
            model.fit(u, i, r, user_features=given)
    model.fit(u, i, r, user_features=frame)
    with pytest.raises(InputError, match=r"columns of the fit, a, b, c; got a, b"):
        model.add_by_features(user_features=frame[["a", "b"]].set_axis([50 + k for k in range(40)]))
    with pytest.raises(InputError, match="user 0 is known already"):
        model.add_by_features(user_features=frame)
    with pytest.raises(InputError, match="the fit had no item_features"):
        model.add_by_features(item_features=ROWS)
    with pytest.raises(InputError, match="add_users does not weigh"):
        model.add_users([99], [0], [3.0])


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (RatingsFactorization, {"method": "alternating"}, "not for the method alternating"),
        (RatingsFactorization, {"nonnegative": True}, "not for nonnegative factors"),
        (ClicksFactorization, {"loss": "warp"}, 'take loss="bpr"'),
    ],
)
def test_what_takes_no_features_says_so(kind: Any, settings: dict[str, Any], words: str) -> None:
    u, i, *_ = made(10)
    with pytest.raises(InputError, match=words):
        kind(2, 0.05, validation=None, **settings).fit(u, i, np.ones(len(u)), user_features=ROWS)


def test_other_methods_and_losses_take_features() -> None:
    u, i, r, of_users, *_ = made(11)
    fits = [
        RatingsFactorization(2, 0.05, method=method, tol=1e-7, validation=None).fit(
            u, i, r, user_features=of_users
        )
        for method in (None, "bfgs")
    ]
    assert fits[1].result_.method == "bfgs"
    assert fits[1].result_.fun == pytest.approx(fits[0].result_.fun, rel=1e-4)
    model = RatingsFactorization(2, 0.02, loss="logistic", validation=None, tol=1e-6)
    model.fit(u, i, (r > 3) * 1.0, user_features=of_users)
    assert np.abs(model._at.gradient(*model._fitted())[1]).max() < 1e-5
