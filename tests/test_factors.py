"""Recommenders, against least squares in NumPy with every pair in the open; ids, new people, bad input."""

import pickle
import warnings
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from steepest.errors import InputError, NotConverged
from steepest.factors import ClicksFactorization, ColdStart, RatingsFactorization, ranking, split_last
from steepest.factors.cells import Cells, read
from steepest.factors.choosing import largest_alpha
from steepest.factors.judging import split_off
from steepest.factors.problem import Factors, Problem


def made(
    seed: int, users: int = 40, items: int = 30, rank: int = 3, share: float = 0.5
) -> tuple[Any, Any, Any]:
    """Ratings from factors and biases."""
    rng = np.random.default_rng(seed)
    u, i = np.nonzero(rng.random((users, items)) < share)
    taste = (rng.normal(size=(users, rank))[u] * rng.normal(size=(items, rank))[i]).sum(1)
    return u, i, 3 + rng.normal(size=users)[u] + 0.5 * taste + 0.2 * rng.normal(size=len(u))


def half(problem: Problem, cells: Cells, at: Factors, side: int) -> tuple[Any, Any]:
    """One side by dense normal equations in NumPy: factors and biases."""
    other = at.items if side == 0 else at.users
    bias = (at.item_biases if side == 0 else at.user_biases) if problem.biases else np.zeros(len(other))
    own, across = (cells.users, cells.items) if side == 0 else (cells.items, cells.users)
    weight = np.ones(len(cells)) if cells.weight is None else cells.weight
    W = np.full((cells.shape[side], len(other)), problem.background)
    T = np.zeros_like(W)
    W[own, across], T[own, across] = weight, cells.ratings
    Q = np.column_stack([other, np.ones(len(other))]) if problem.biases else other
    alpha, total = problem.alphas(cells)[side], problem.total(cells)
    found = np.stack(
        [
            np.linalg.solve(
                (Q.T * W[r]) @ Q + total * alpha[r] * np.eye(Q.shape[1]),
                (Q.T * W[r]) @ np.where(W[r] > 0, T[r] - (at.centre + bias), 0.0),
            )
            for r in range(len(W))
        ]
    )
    return (found[:, :-1], found[:, -1]) if problem.biases else (found, np.zeros(0))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"by_count": False},
        {"biases": False},
        {"rank": 8},
        {"rank": 17, "weight": True},
        {"rank": 45, "weight": True},
        {"rank": 60, "biases": False},
        {"biases": False, "background": 1.0, "by_count": False, "weight": True},
    ],
    ids=str,
)
def test_rounds_are_those_of_dense_least_squares(settings: dict[str, Any]) -> None:
    settings = dict(settings)
    u, i, r = made(0)
    weight = 0.5 + np.random.default_rng(1).random(len(u)) if settings.pop("weight", False) else None
    cells = read(u, i, r, sample_weight=weight)
    problem = Problem(
        **{"rank": 4, "alpha": 0.02, "max_iter": 5} | settings, method=("alternating", [("memory", 0)])
    )
    at = replace(problem.start(cells, 3.0 if problem.biases else 0.0, 0), fresh=False)
    ours, result = problem.solve(cells, at)
    assert result.nit == 5
    for _ in range(5):
        users, biases = half(problem, cells, at, 0)
        at = Factors(users, biases, at.items, at.item_biases, at.centre)
        items, biases = half(problem, cells, at, 1)
        at = Factors(at.users, at.user_biases, items, biases, at.centre)
    for name in ("users", "user_biases", "items", "item_biases"):
        np.testing.assert_allclose(getattr(ours, name), getattr(at, name), rtol=1e-6, atol=1e-6)


def value_of(problem: Problem, cells: Cells, at: Factors) -> float:
    """The objective of the squared loss with every pair in the open."""
    weight = np.ones(len(cells)) if cells.weight is None else cells.weight
    W, T = np.full(cells.shape, problem.background), np.zeros(cells.shape)
    W[cells.users, cells.items], T[cells.users, cells.items] = weight, cells.ratings
    S = at.users @ at.items.T + at.centre
    if problem.biases:
        S = S + at.user_biases[:, None] + at.item_biases
    loss = 0.5 * (W * (T - S) ** 2).sum() / problem.total(cells)
    users, items = problem.alphas(cells)
    squares = users @ (at.users**2).sum(1) + items @ (at.items**2).sum(1)
    if problem.biases:
        squares += users @ at.user_biases**2 + items @ at.item_biases**2
    return float(loss + 0.5 * squares)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("biases", [True, False])
def test_it_ends_where_the_gradient_is_0_and_claims_no_more(seed: int, biases: bool) -> None:
    cells = read(*made(seed))
    problem = Problem(rank=4, alpha=0.03, biases=biases, tol=1e-6)
    at, result = problem.solve(cells, problem.start(cells, 3.0 * biases, seed))
    assert result.outcome == "converged"
    assert result.certificate["kind"] == "estimated"
    assert "proved" not in result.message
    value, slopes = problem.gradient(cells, at)
    assert value == pytest.approx(result.fun, rel=1e-13)
    assert value == pytest.approx(value_of(problem, cells, at), rel=1e-12)
    assert np.abs(slopes).max() < 1e-6
    assert np.all(np.diff(result.history["loss"]) <= 1e-14)


@pytest.mark.parametrize("seed", [1, 7, 20, 23])
def test_many_more_rounds_gain_less_than_what_was_claimed_to_be_left(seed: int) -> None:
    """Long flat stretches among them, where more factors than there are explain noise."""
    rng = np.random.default_rng(seed)
    u, i, r = made(seed, *rng.integers(10, 40, 2), share=rng.uniform(0.1, 0.7))
    problem = Problem(
        rank=int(rng.integers(2, 9)),
        alpha=10 ** rng.uniform(-3, -1),
        biases=bool(seed % 2),
        by_count=seed > 10,
        tol=1e-3,
    )
    cells = read(u, i, r)
    at, result = problem.solve(cells, problem.start(cells, 3.0 * problem.biases, seed))
    assert result.success
    _, end = replace(problem, tol=1e-9, max_iter=500).solve(cells, at)
    assert result.fun - end.fun <= 1e-3 * result.fun


def test_clicks_are_what_all_pairs_in_the_open_give() -> None:
    u, i, _ = made(3)
    model = ClicksFactorization(rank=3, alpha=0.01, validation=None, tol=1e-6).fit(u, i, 1 + (u + i) % 3)
    at, cells, problem = model._factors, model._cells, model._at
    assert model.result_.fun == pytest.approx(value_of(problem, cells, at), rel=1e-12)
    slopes = problem.gradient(cells, at)[1]
    assert np.abs(slopes).max() < 1e-6


def test_other_methods_meet_alternating_ones() -> None:
    u, i, r = made(4, rank=1)
    fits = [
        RatingsFactorization(2, 0.1, method=method, tol=1e-5, validation=None).fit(u, i, r)
        for method in (None, "lbfgs")
    ]
    assert fits[0].result_.method == "alternating"
    assert fits[1].result_.method == "lbfgs"
    np.testing.assert_allclose(fits[0].predict(u, i), fits[1].predict(u, i), atol=1e-3)


def test_other_losses_and_factors_at_or_above_0_are_stationary() -> None:
    u, i, r = made(5)
    model = RatingsFactorization(2, 0.02, loss="logistic", validation=None, tol=1e-6).fit(u, i, (r > 3) * 1.0)
    assert np.abs(model._at.gradient(model._cells, model._factors)[1]).max() < 1e-6
    shown = model.predict(u, i)
    assert ((shown > 0) & (shown < 1)).all()
    model = RatingsFactorization(3, 0.02, nonnegative=True, validation=None, tol=1e-6).fit(u, i, np.abs(r))
    slopes = model._at.gradient(model._cells, model._factors)[1]
    x = model._at.packed(model._factors)
    assert x.min() >= 0
    assert np.abs(np.where(x > 0, slopes, np.minimum(slopes, 0))).max() < 1e-6
    assert (x == 0).any()


def test_it_chooses_what_is_there_and_says_what_no_model_beats() -> None:
    u, i, r = made(6, users=120, items=80, rank=2)
    model = RatingsFactorization().fit(u, i, r)
    figures = model.held_out_
    assert figures["model"]["rmse"] < 0.6 * figures["item mean"]["rmse"]
    assert model.result_.findings == []
    assert {t.rank for t in model.tried_} >= {16, 8, 4, 2}
    noise = np.random.default_rng(0).normal(size=len(u))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)
        model = RatingsFactorization().fit(u, i, noise)
    assert model.held_out_["model"]["rmse"] < 1.1 * model.held_out_["mean"]["rmse"]
    if model.held_out_["model"]["rmse"] >= model.held_out_["mean"]["rmse"]:
        assert "no_better_than_baseline" in [f.kind for f in model.result_.findings]


def test_what_comes_last_is_held_out() -> None:
    u, i, r = made(7)
    time = np.random.default_rng(0).permutation(len(u))
    model = RatingsFactorization(2, 0.05).fit(u, i, r, time=time)
    late = time >= len(u) - round(0.1 * len(u))
    mean = r[~late].mean()
    assert model.held_out_["mean"]["rmse"] == pytest.approx(np.sqrt(np.mean((r[late] - mean) ** 2)))


def test_times_as_texts_are_the_times_that_they_write() -> None:
    """As texts 10/1/2022 stands before 2/1/2022, and what was held out was not the last."""
    u, i, r = made(7)
    days = np.datetime64("2022-01-01") + np.random.default_rng(0).permutation(len(u))
    plain = [day.item() for day in days]
    whole = RatingsFactorization(2, 0.05).fit(u, i, r, time=days).held_out_
    written = [[day.strftime(form) for day in plain] for form in ("%Y-%m-%d", "%d/%m/%Y", "%b %d, %Y")]
    for time in (*written, [str((day - plain[0]).days) for day in plain], np.array(written[1], dtype=object)):
        assert RatingsFactorization(2, 0.05).fit(u, i, r, time=time).held_out_ == whole


def test_a_time_that_cannot_be_read_is_named_and_how_dates_were_read_is_said() -> None:
    u, i, r = made(7)
    good = [f"2022-{1 + k % 12:02d}-{1 + k % 28:02d}" for k in range(len(u))]
    for row, text, words in (
        (7, "soon", "is 'soon': it must be a date"),
        (5, "", "is missing, ''"),
        (9, "05/06/2022", ""),
    ):
        for count in (12, len(u)):
            time = [*good[:row], text, *good[row + 1 :]][:count]
            with pytest.raises(InputError, match=f"time row {row} {words}"):
                split_last(u[:count], time)
    with pytest.raises(InputError, match="time row 0 is 'monday'"):
        split_last([1, 1], ["monday", "sunday"])
    unsure = [f"{1 + k % 12}/{1 + k % 7}/2022" for k in range(len(u))]
    model = RatingsFactorization(2, 0.05).fit(u, i, r, time=unsure)
    said = next(one for one in model.result_.findings if one.kind == "ambiguous_date")
    assert "24 December 2025 is in 12/24/2025" in said.sentence
    with pytest.warns(UserWarning, match="month first or day first"):
        assert split_last(["a"] * 2, ["2/9/2022", "3/1/2022"]).tolist() == [False, True]


def test_ids_are_what_they_were_and_the_order_of_rows_does_not_matter() -> None:
    u, i, r = made(8)
    model = RatingsFactorization(3, 0.05, validation=None).fit(u, i, r)
    order = np.random.default_rng(0).permutation(len(u))
    texts = RatingsFactorization(3, 0.05, validation=None).fit(
        np.array([f"u{k:03d}" for k in u], dtype=object)[order], [f"i{k:03d}" for k in i[order]], r[order]
    )
    # But for how means are rounded.
    np.testing.assert_allclose(texts.user_factors_, model.user_factors_, atol=1e-5)
    np.testing.assert_allclose(texts.predict(["u007"], ["i003"]), model.predict([7], [3]))
    matrix = sparse.csr_matrix((r, (u, i)))
    assert (
        RatingsFactorization(3, 0.05, validation=None).fit(matrix).user_factors_ == model.user_factors_
    ).all()
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"user": u, "item": i, "stars": r})
    assert (
        RatingsFactorization(3, 0.05, validation=None).fit(frame).item_factors_ == model.item_factors_
    ).all()
    one = RatingsFactorization(3, 0.05, validation=None, threads=1).fit(u, i, r)
    assert (one.item_factors_ == model.item_factors_).all()
    assert (pickle.loads(pickle.dumps(model)).predict(u, i) == model.predict(u, i)).all()


def test_recommendations_are_the_highest_predictions_of_what_was_not_seen() -> None:
    u, i, r = made(9)
    model = RatingsFactorization(3, 0.05, validation=None).fit(u, i, r)
    ids, scores = model.recommend([5, 0], n=4)
    for user, row, values in zip([5, 0], ids, scores, strict=True):
        left = np.setdiff1d(np.arange(30), i[u == user])
        shown = model.predict(np.full(len(left), user), left)
        best = left[np.argsort(-shown, kind="stable")][:4]
        assert (row == best).all()
        np.testing.assert_allclose(values, np.sort(shown)[::-1][:4], rtol=1e-12)
    among = np.arange(30)[::3]
    ids, _ = model.recommend([5], n=50, among=among, exclude_seen=False)
    assert set(ids[0]) == set(among)
    ids, scores = model.recommend([5], n=30)
    seen = int((u == 5).sum())
    assert ids[0, 30 - seen :].tolist() == [None] * seen
    assert np.isnan(scores[0, 30 - seen :]).all()
    alike, cosines = model.similar_items([4], n=3)
    ways = model.item_factors_ / np.linalg.norm(model.item_factors_, axis=1, keepdims=True)
    expected = np.delete(np.argsort(-(ways @ ways[4]), kind="stable"), 0)[:3]
    assert (alike[0] == expected).all()
    assert (np.diff(cosines) <= 0).all()
    assert 7 not in model.similar_users([7], n=39)[0]


def test_who_is_new_is_answered_by_what_is_known_and_that_is_said() -> None:
    u, i, r = made(10)
    model = RatingsFactorization(3, 0.05, validation=None).fit(u, i, r)
    with pytest.warns(ColdStart, match="1 of 2 pairs are of users"):
        shown = model.predict([999, 5], [3, 3])
    assert shown[0] == pytest.approx(model.mean_ + model.item_biases_[3])
    with pytest.warns(ColdStart):
        ids, _ = model.recommend([999], n=2)
    assert (ids[0] == np.argsort(-model.item_biases_, kind="stable")[:2]).all()
    clicks = ClicksFactorization(2, 0.01, validation=None).fit(u, i)
    with pytest.warns(ColdStart):
        ids, _ = clicks.recommend([999], n=1)
    assert ids[0, 0] == np.bincount(i).argmax()


@pytest.mark.parametrize("loss", ["squared", "bpr", "warp"])
def test_who_has_no_click_is_answered_by_what_is_popular(loss: str) -> None:
    """Their factors are 0, and so was every score: the first items had been the best."""
    u, i, _ = made(10)
    i = np.minimum(i, np.random.default_rng(0).integers(3, 30, len(i)))[::-1]
    clicks = ClicksFactorization(2, 0.05, loss=loss, validation=None, max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)
        clicks.fit(sparse.coo_array((np.ones(len(u)), (u, i)), shape=(41, 31)))
    with pytest.warns(ColdStart, match="1 of 1 users"):
        ids, _ = clicks.recommend([40], n=3)
    often = [len(set(u[i == item].tolist())) for item in range(31)]
    assert (ids[0] == np.argsort(-np.array(often), kind="stable")[:3]).all()
    with pytest.warns(ColdStart):
        assert (clicks.recommend(n=3)[0][40] == ids).all()


def test_empty_rows_of_a_matrix_are_said() -> None:
    u, i, r = made(10)
    model = RatingsFactorization(3, 0.05, validation=None)
    model.fit(sparse.coo_array((r, (u, i)), shape=(41, 31)))
    with pytest.warns(ColdStart, match="1 of 2 pairs are of users"):
        assert model.predict([40, 5], [3, 3])[0] == pytest.approx(model.mean_ + model.item_biases_[3])
    with pytest.warns(ColdStart, match="1 of 2 pairs are of items"):
        model.predict([4, 5], [30, 3])
    with pytest.warns(ColdStart, match="1 of 41 users"):
        model.recommend(n=1)


@pytest.mark.parametrize("kind", [RatingsFactorization, ClicksFactorization])
def test_people_who_come_later_are_where_a_fit_had_put_them(kind: Any) -> None:
    u, i, r = made(11)
    model = kind(3, 0.02, validation=None, tol=1e-6).fit(u, i, np.abs(r))
    before = model.user_factors_[7].copy()
    own = u == 7
    # The same ratings under another name: the items as they are.
    model.add_users(np.full(own.sum(), 100), i[own], np.abs(r)[own])
    assert model.user_ids_[-1] == 100
    np.testing.assert_allclose(model.user_factors_[-1], before, atol=1e-4)
    assert 100 in model.similar_users([7], n=1)[0]
    assert not set(model.recommend([100], n=5)[0][0]) & set(i[own])
    with pytest.raises(InputError, match="user 100 is known already"):
        model.add_users([100], [0], [1.0])


def test_more_ratings_go_on_from_where_it_was() -> None:
    u, i, r = made(12)
    first = np.random.default_rng(0).random(len(u)) < 0.7
    model = RatingsFactorization(2, 0.05, validation=None, tol=1e-5)
    model.partial_fit(u[first], i[first], r[first])
    model.partial_fit(np.append(u[~first], 77), np.append(i[~first], 3), np.append(r[~first], 4.0))
    whole = RatingsFactorization(2, 0.05, validation=None, tol=1e-5).fit(
        np.append(u, 77), np.append(i, 3), np.append(r, 4.0)
    )
    assert model.user_ids_[-1] == 77
    assert model.result_.fun == pytest.approx(whole.result_.fun, rel=1e-2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (([], [], []), "there are no ratings"),
        (([1, 2], [1, 2], [1.0, np.nan]), "ratings row 1 is not finite"),
        (([1.0, np.nan], [1, 2], [1.0, 2.0]), "users row 1 is not finite"),
        ((["a", None], [1, 2], [1.0, 2.0]), "users row 1 is missing"),
        (([1, 2], [1], [1.0, 2.0]), "items must be as many as users"),
        (([1, 2], [1, 2], [1.0]), "ratings must be as many as users"),
        (([1, 2], [1, 2], ["good", "bad"]), "ratings must be numbers"),
        (([1, 2],), "pass users, items and ratings"),
        ((np.ones((3, 5)),), "got 5 columns"),
        (([1, 2], [1, 2], [1.0, 2.0]), "too few"),
        (([[1], [2]], [1, 2], [1.0, 2.0]), "users must be ids in one row"),
        (([1, "a"], [1, 2], [1.0, 2.0]), "several types, int and str"),
    ],
)
def test_bad_input_is_named(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        RatingsFactorization().fit(*given)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rank": 0}, "rank must be"),
        ({"alpha": -1.0}, "alpha must be"),
        ({"alpha": np.nan}, "alpha must be"),
        ({"validation": 1.0}, "validation must be"),
        ({"weighting": "cout"}, "did you mean 'count'"),
        ({"loss": "logstic"}, "did you mean 'logistic'"),
        ({"loss": "logistic"}, "0 and 1"),
        ({"loss": "huber", "nonnegative": True}, "non-negative"),
        ({"method": "progressive"}, "cannot handle"),
        ({"method": "adm"}, "did you mean 'adam'"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], words: str) -> None:
    u, i, r = made(13)
    with pytest.raises(InputError, match=words):
        RatingsFactorization(**{"rank": 2, "alpha": 0.1} | settings).fit(u, i, r)


def test_clicks_are_counted_from_0_and_added_up() -> None:
    u, i, _ = made(14)
    with pytest.raises(InputError, match="counts row 0 is -1"):
        ClicksFactorization().fit(u, i, -np.ones(len(u)))
    with pytest.raises(InputError, match="all counts are 0"):
        ClicksFactorization().fit(u, i, np.zeros(len(u)))
    once = ClicksFactorization(2, 0.01, validation=None).fit(u, i, np.full(len(u), 2.0))
    twice = ClicksFactorization(2, 0.01, validation=None).fit(np.tile(u, 2), np.tile(i, 2))
    assert (once.user_factors_ == twice.user_factors_).all()


def test_odd_ratings_are_fitted_and_said() -> None:
    u, i, r = made(15)
    model = RatingsFactorization(2, 0.05).fit(u, i, np.full(len(u), 4.0))
    assert "constant_ratings" in [f.kind for f in model.result_.findings]
    np.testing.assert_allclose(model.predict(u, i), 4.0, atol=1e-6)
    model = RatingsFactorization(2, 0.05, validation=None).fit(
        np.append(u, u[:3]), np.append(i, i[:3]), np.append(r, r[:3])
    )
    assert [f.kind for f in model.result_.findings] == ["repeated_pairs"]
    model = RatingsFactorization(2, 0.05, validation=None).fit(
        np.arange(50), np.arange(50) % 7, np.arange(50) % 5
    )
    assert [f.kind for f in model.result_.findings] == ["single_ratings"]
    # A user without ratings stands where everybody's mean is.
    model = RatingsFactorization(2, 0.05, validation=None).fit(sparse.csr_matrix((r, (u, i)), shape=(45, 30)))
    assert not model.user_factors_[42].any()
    with pytest.warns(NotConverged):
        RatingsFactorization(2, 0.05, validation=None, max_iter=1).fit(u, i, r)


def test_rankings_are_what_they_are_by_hand() -> None:
    found = ranking([[1, 2, 3], [4, 5, None], [7, 8, 9]], [[2, 9], [4], []], items=10)
    gains = 1 / np.log2([2, 3, 4])
    assert found["users"] == 2
    assert found["ndcg"] == pytest.approx((gains[1] / (gains[0] + gains[1]) + 1) / 2)
    assert found["recall"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["precision"] == pytest.approx((1 / 3 + 1 / 3) / 2)
    assert found["map"] == pytest.approx((1 / 2 / 2 + 1) / 2)
    assert found["coverage"] == pytest.approx(8 / 10)
    last = split_last(["b", "a", "b", "a", "c"])
    assert last.tolist() == [False, False, True, True, False]


def test_a_picture_is_drawn(tmp_path: Any) -> None:
    u, i, r = made(16)
    axes = RatingsFactorization().fit(u, i, r).plot(file=tmp_path / "a.png")
    assert len(axes) == 4
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_small_and_large_whole_numbers_are_ids_like_any_other() -> None:
    u, i, r = made(21)
    plain = RatingsFactorization(2, 0.05, validation=None).fit(u, i, r)
    for ids in (
        (5 * u - 100).astype(np.int8),
        (6 * u).astype(np.uint8),
        u.astype(np.uint64),
        u.astype(np.uint64) + np.uint64(2**63 + 5),
        u.astype(np.int64) + np.iinfo(np.int64).min,
    ):
        model = RatingsFactorization(2, 0.05, validation=None).fit(ids, i, r)
        assert model.user_ids_.tolist() == sorted(set(ids.tolist()))
        np.testing.assert_array_equal(model.predict(ids, i), plain.predict(u, i))
    # uint64 beside int64, as large as floats cannot tell apart.
    model = RatingsFactorization(2, 0.05, validation=None).fit(u + 2**60, i, r)
    known = model.predict((u + 2**60).astype(np.uint64), i)
    np.testing.assert_array_equal(known, plain.predict(u, i))


def test_a_pair_clicked_again_later_is_one_pair() -> None:
    u, i, _ = made(22)
    counts = np.random.default_rng(0).integers(1, 4, len(u)).astype(float)
    model = ClicksFactorization(2, 0.01, validation=None).fit(u, i, counts)
    model.partial_fit(u[:40], i[:40], np.full(40, 2.0))
    counts[:40] += 2
    whole = ClicksFactorization(2, 0.01, validation=None, tol=1e-8).fit(u, i, counts)
    assert len(model._cells) == len(whole._cells)
    np.testing.assert_array_equal(model._cells.weight, whole._cells.weight)
    at = whole._factors
    assert model._at.gradient(model._cells, at)[0] == pytest.approx(
        whole._at.gradient(whole._cells, at)[0], rel=1e-12
    )


def test_what_weighs_nothing_is_not_there() -> None:
    u, i, r = made(23)
    weight, when = np.ones(len(u)), np.random.default_rng(0).permutation(len(u))
    weight[when > 0.75 * len(u)] = 0.0
    model = RatingsFactorization(2, 0.05).fit(u, i, r, sample_weight=weight, time=when)
    there = weight > 0
    other = RatingsFactorization(2, 0.05).fit(u[there], i[there], r[there], time=when[there])
    assert model.held_out_["model"] == pytest.approx(other.held_out_["model"], rel=1e-9)
    np.testing.assert_allclose(model.predict(u, i), other.predict(u, i), rtol=1e-9)
    with pytest.raises(InputError, match="all weights are 0"):
        RatingsFactorization(2, 0.05).fit(u, i, r, sample_weight=np.zeros(len(u)))


@pytest.mark.parametrize("missing", [None, np.nan, "NA"])
def test_what_is_missing_is_named_wherever_it_is(missing: Any) -> None:
    u, i, r = made(24)
    if missing == "NA":
        missing = pytest.importorskip("pandas").NA
    ids = u.astype(object)
    ids[3] = missing
    with pytest.raises(InputError, match="users row 3 is missing"):
        RatingsFactorization(2, 0.05).fit(ids, i, r)
    with pytest.raises(InputError, match="time row 3 is missing"):
        RatingsFactorization(2, 0.05).fit(u, i, r, time=ids)
    with pytest.raises(InputError, match=f"such as {u.min()}; got '{u[0]}'"):
        RatingsFactorization(2, 0.05).fit(u, i, r).predict([str(u[0])], i[:1])
    when = np.arange(len(u)) * 1.0
    when[5] = np.nan
    with pytest.raises(InputError, match="time row 5 is missing, nan"):
        RatingsFactorization(2, 0.05).fit(u, i, r, time=when)
    days = np.datetime64("2024-01-01") + np.arange(len(u))
    days[4] = np.datetime64("NaT")
    with pytest.raises(InputError, match="time row 4 is missing, NaT"):
        split_last(u, days)
    texts = np.array([f"{k:04d}" for k in range(len(u))], dtype=object)
    assert split_last(u, texts).sum() == len(set(u.tolist()))


def test_times_with_zones_are_those_of_utc() -> None:
    """NumPy has no zones, and warned; those without one were taken for UTC."""
    here, there = timezone(timedelta(hours=2)), timezone(timedelta(hours=-5))
    # 11:00 and 10:30 in UTC: by the clock on the wall it is the other way round.
    when = np.array([datetime(2024, 1, 1, 6, tzinfo=there), datetime(2024, 1, 1, 12, 30, tzinfo=here)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert split_last(["a", "a"], when).tolist() == [True, False]
    with pytest.raises(InputError, match="time row 1 has no time zone, others have one"):
        split_last(["a", "a"], [when[0], datetime(2024, 1, 1, 12)])


@pytest.mark.parametrize("loss", ["hinge", "epsilon_insensitive", "pinball"])
def test_losses_with_kinks_are_refused(loss: str) -> None:
    u, i, r = made(25)
    with pytest.raises(InputError, match="a slope everywhere"):
        RatingsFactorization(2, 0.05, loss=loss, validation=None).fit(u, i, (r > 3) * 1.0)


@pytest.mark.parametrize("loss", ["poisson", "gamma", "logistic", "huber"])
def test_the_largest_alpha_is_where_factors_of_0_stop_being_a_minimum(loss: str) -> None:
    u, i, r = made(26, users=25, items=20)
    r = (r > 3) * 1.0 if loss == "logistic" else np.abs(r) + 0.2
    model = RatingsFactorization(2, 0.1, loss=loss, biases=False, validation=None)
    cells = read(u, i, r)
    centre = 1.2 if loss == "huber" else float(np.log(r.mean() / (1 - r.mean() if loss == "logistic" else 1)))
    problem = model._problem(cells)
    top = largest_alpha(problem, cells, centre)
    # By the second derivatives at 0, in the open: one factor of each, differences of the gradient.
    one = replace(problem, rank=1, alpha=0.0)
    n = sum(cells.shape)

    def slopes(x: Any) -> Any:
        return one.gradient(cells, Factors(x[:25, None], np.zeros(0), x[25:, None], np.zeros(0), centre))[1]

    bend = np.array([(slopes(h) - slopes(-h)) / 2e-4 for h in 1e-4 * np.eye(n)])
    penalty = np.diag(np.concatenate(replace(one, alpha=1.0).alphas(cells)))
    least = [np.linalg.eigvalsh(bend + share * top * penalty)[0] for share in (0.99, 1.01)]
    assert least[0] < 0 < least[1]


def test_what_is_chosen_for_gamma_does_not_depend_on_the_unit() -> None:
    u, i, r = made(27)
    r = np.exp(0.5 * r)
    plain, large = (RatingsFactorization(loss="gamma").fit(u, i, size * r) for size in (1.0, 1e4))
    assert (plain.rank_, plain.alpha_) == pytest.approx((large.rank_, large.alpha_), rel=1e-6)
    assert plain.held_out_["model"]["rmse"] < plain.held_out_["item mean"]["rmse"]
    np.testing.assert_allclose(1e4 * plain.predict(u, i), large.predict(u, i), rtol=1e-4)


def test_a_fresh_start_is_led_into_the_leading_directions_of_what_biases_leave() -> None:
    u, i, r = made(5, 50, 40)
    weight = 0.5 + np.random.default_rng(2).random(len(u))
    cells = read(u, i, r, sample_weight=weight)
    problem = Problem(rank=3, alpha=0.02, max_iter=0)
    begun = problem.start(cells, 3.0, 0)
    ours, _ = problem.solve(cells, begun)
    same, _ = problem.solve(cells, replace(begun, fresh=False))
    assert np.array_equal(same.items, begun.items)
    W, T = np.zeros((50, 40)), np.zeros((50, 40))
    W[u, i], T[u, i] = weight, r
    over = [W.sum(1) + W.sum() * problem.alphas(cells)[0], W.sum(0) + W.sum() * problem.alphas(cells)[1]]
    bias = (W * (T - 3.0 - begun.item_biases)).sum(1) / over[0]
    np.testing.assert_allclose(ours.user_biases, bias, rtol=1e-12)
    R = W * (T - 3.0 - begun.item_biases - bias[:, None])
    Q = begun.items
    for _ in range(4):
        Q = np.linalg.qr(R.T @ ((R @ Q) / over[0][:, None]) / over[1][:, None])[0]
    q = np.linalg.qr(ours.items)[0]
    # The same subspace, and the size that the start had.
    np.testing.assert_allclose(q @ q.T, Q @ Q.T, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(ours.items), np.linalg.norm(begun.items), rtol=1e-12)


@pytest.mark.parametrize("given", [{}, {"rank": 6, "alpha": 3e-3}])
def test_rounds_end_where_held_out_ratings_are_predicted_best(given: dict[str, Any], tmp_path: Any) -> None:
    u, i, r = made(7, 150, 80, share=0.3)
    r = r + np.random.default_rng(3).normal(size=len(r))
    early = RatingsFactorization(**given).fit(u, i, r)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)
        late = RatingsFactorization(
            early.rank_, early.alpha_, early_stopping=False, max_iter=2000
        ).fit(u, i, r)  # fmt: skip
    assert early.result_.success
    assert early.result_.outcome == "held_out"
    assert f"after the {early.n_iter_} rounds" in early.result_.message
    assert early.n_iter_ < late.n_iter_
    assert early.result_.fun > late.result_.fun
    assert early.held_out_["model"]["rmse"] < 1.002 * late.held_out_["model"]["rmse"]
    assert late.result_.outcome == "converged"
    # As many rounds again with more ratings, and from a file.
    early.save(tmp_path / "m.safetensors")
    for model in (early, RatingsFactorization.load(tmp_path / "m.safetensors")):
        before = model.n_iter_
        model.partial_fit([u[0], u[1]], [i[0], i[1]], [1.0, 2.0])
        assert model.n_iter_ == before
        assert model.result_.outcome == "held_out"


@pytest.mark.parametrize("seed", [0, 1])
def test_figures_are_of_a_fit_of_as_many_rounds_and_not_of_its_start(seed: int) -> None:
    rng = np.random.default_rng(seed)
    u, i = rng.integers(0, 200, 5000), rng.integers(0, 150, 5000)
    # Biases explain all: the start, which has them, predicts better than what rounds with a small alpha make of it.
    r = 3.5 + 0.6 * rng.normal(size=200)[u] + 0.6 * rng.normal(size=150)[i] + 0.8 * rng.normal(size=5000)
    model = RatingsFactorization().fit(u, i, r)
    rows, aside = split_off(model._cells, 0.1, 0)
    fit, held = model._cells.taken(rows), model._cells.taken(aside)
    again, _ = model._at.solve(fit, model._at.start(fit, model._centre(fit), 0))
    off = held.ratings - model._shown(again, fit, held)
    told = model.held_out_["model"]["rmse"]
    assert told == pytest.approx(float(np.sqrt(np.mean(off**2))), rel=2e-3)
    assert told < 1.01 * model.held_out_["item mean"]["rmse"]


@pytest.mark.parametrize("seed", [0, 1])
def test_ending_early_chooses_as_well_as_going_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    u, i = rng.integers(0, 400, 12000), rng.integers(0, 150, 12000)
    taste = (rng.normal(size=(400, 3))[u] * rng.normal(size=(150, 3))[i]).sum(1)
    r = 3 + taste + (0.3 + 0.5 * seed) * rng.normal(size=len(u))
    fit, test = (u[2000:], i[2000:], r[2000:]), (u[:2000], i[:2000])
    models = [RatingsFactorization(early_stopping=early).fit(*fit) for early in (True, False)]
    off = [float(np.sqrt(np.mean((model.predict(*test) - r[:2000]) ** 2))) for model in models]
    assert off[0] < 1.01 * off[1]
    assert models[0].rank_ <= 4


@pytest.mark.parametrize(
    "ratings", [np.full(12, 3.0), np.tile([1.0, 5.0], 6), 3.0 + 1e-9 * np.arange(12)], ids=str
)
def test_a_start_that_has_nothing_to_be_led_by_stays(ratings: Any) -> None:
    u, i = np.repeat(np.arange(6), 2), np.tile(np.arange(2), 6)
    model = RatingsFactorization(4, 0.1, validation=None).fit(u, i, ratings)
    assert np.isfinite(model.user_factors_).all()
    assert np.isfinite(model.predict(u, i)).all()
    assert np.abs(model.predict(u, i) - ratings).max() <= np.ptp(ratings) + 1e-9


def tastes(seed: int) -> tuple[Any, Any]:
    """Clicks by three tastes and what is popular."""
    rng = np.random.default_rng(seed)
    scores = 1.5 * rng.normal(size=(300, 3)) @ rng.normal(size=(3, 120)) + rng.normal(size=120)
    scores += rng.gumbel(size=scores.shape)
    users, items = np.nonzero(scores >= np.sort(scores, axis=1)[:, [-20]])
    return users, items


@pytest.mark.parametrize("given", [{}, {"rank": 4, "alpha": 0.05}])
def test_clicks_end_after_the_rounds_that_rank_best(given: dict[str, Any], tmp_path: Any) -> None:
    u, i = tastes(0)
    early = ClicksFactorization(**given).fit(u, i)
    late = ClicksFactorization(early.rank_, early.alpha_, early_stopping=False).fit(u, i)
    assert early.result_.outcome == "held_out"
    assert f"after the {early.n_iter_} rounds that did best on clicks held out" in early.result_.message
    assert late.result_.outcome == "converged"
    assert 1 < early.n_iter_ < late.n_iter_
    assert early.held_out_["model"]["ndcg"] > 0.99 * late.held_out_["model"]["ndcg"]
    early.save(tmp_path / "m.safetensors")
    for model in (early, ClicksFactorization.load(tmp_path / "m.safetensors")):
        before = model.n_iter_
        model.partial_fit([0, 1], [5, 6])
        assert model.n_iter_ == before
    with pytest.warns(NotConverged, match="budget"):
        assert ClicksFactorization(**given, max_iter=1).fit(u, i).n_iter_ == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_clicks_that_end_early_are_chosen_as_well(seed: int) -> None:
    u, i = tastes(seed)
    test = np.random.default_rng(seed).random(len(u)) < 0.15
    right = [i[test & (u == user)] for user in range(300)]
    found = []
    for early in (True, False):
        model = ClicksFactorization(early_stopping=early).fit(u[~test], i[~test])
        found.append(ranking(model.recommend(np.arange(300))[0], right)["ndcg"])
    assert found[0] > 0.97 * found[1]


def test_figures_of_clicks_are_those_of_the_public_function() -> None:
    u, i = tastes(3)
    model = ClicksFactorization(3, 0.05, max_iter=4)
    cells = read(u, i)
    rows, aside = split_off(cells, 0.1, 0)
    fit, held = cells.taken(rows), cells.taken(aside)
    rng = np.random.default_rng(0)
    at = Factors(rng.normal(size=(300, 3)), np.zeros(0), rng.normal(size=(120, 3)), np.zeros(0), 0.0)
    scores = at.users @ at.items.T
    scores[fit.users, fit.items] = -np.inf
    users = np.unique(held.users)
    lists = np.argsort(-scores[users], axis=1)[:, :10]
    theirs = ranking(lists, [held.items[held.users == user] for user in users], 120)
    assert model._judged(at, fit, held) == pytest.approx(theirs, rel=1e-12)


def test_ratings_are_judged_by_lists_too_as_the_public_function_says() -> None:
    u, i, r = made(31, users=80, items=60, share=0.3)
    time = np.random.default_rng(1).permutation(len(u))
    model = RatingsFactorization(2, 0.05, validation=0.2, early_stopping=False).fit(u, i, r, time=time)
    late = time >= len(u) - round(0.2 * len(u))
    own = RatingsFactorization(2, 0.05, validation=None, tol=0.1).fit(u[~late], i[~late], r[~late])
    right = late & (r >= r[~late].mean())
    users = np.unique(u[right])
    sets = [i[right & (u == user)] for user in users]
    counts = np.bincount(i[~late], minlength=60)
    summed = np.bincount(i[~late], r[~late] - r[~late].mean(), minlength=60)
    scores = {"popular": counts, "item mean": summed / (counts + 5)}
    lists = {"model": own.recommend(users)[0]}
    for name, base in scores.items():
        each = np.tile(base.astype(float), (80, 1))
        each[u[~late], i[~late]] = -np.inf
        lists[name] = np.argsort(-each[users], axis=1, kind="stable")[:, :10]
    for name, shown in lists.items():
        theirs = ranking(shown, sets, 60)
        assert {key: model.held_out_[name][key] for key in theirs} == pytest.approx(theirs, abs=1e-12)
    assert "rmse" not in model.held_out_["popular"]
    assert "ndcg" not in model.held_out_["mean"]
    assert "ndcg" in model.summary()


def test_who_is_new_among_the_held_out_is_judged_by_what_they_would_be_shown() -> None:
    """Their scores were all 0, and the first items stood for what is popular."""
    u, i = tastes(3)
    late = u >= 150
    model = ClicksFactorization(3, 0.05)
    cells = read(u, i)
    fit, held = cells.taken(np.flatnonzero(~late)), cells.taken(np.flatnonzero(late))
    nothing = Factors(np.zeros((300, 3)), np.zeros(0), np.zeros((120, 3)), np.zeros(0), 0.0)
    assert model._judged(nothing, fit, held) == model._judged(None, fit, held, np.bincount(fit.items) * 1.0)


@pytest.mark.parametrize("kind", [RatingsFactorization, ClicksFactorization])
def test_the_last_of_each_user_is_held_out_where_that_is_asked_for(kind: Any) -> None:
    u, i, r = made(32, users=60, items=50)
    order = np.random.default_rng(0).permutation(len(u))
    time = np.empty(len(u), dtype=int)
    time[order] = np.arange(len(u))
    model = kind(2, 0.05, validation="last").fit(u, i, r + 10, time=time)
    # The rows' own order stands for the time.
    again = kind(2, 0.05, validation="last").fit(u[order], i[order], r[order] + 10)
    assert again.held_out_["model"] == pytest.approx(model.held_out_["model"], rel=1e-9)
    last = split_last(u, time)
    if kind is RatingsFactorization:
        mean = (r + 10)[~last].mean()
        off = np.sqrt(np.mean(((r + 10)[last] - mean) ** 2))
        assert model.held_out_["mean"]["rmse"] == pytest.approx(off)
        assert model.held_out_["mean"]["ratings"] == last.sum() == 60
    else:
        assert model.held_out_["model"]["users"] == last.sum() == 60
    matrix = sparse.coo_array((r + 10, (u, i)))
    with pytest.raises(InputError, match="needs a time="):
        kind(2, 0.05, validation="last").fit(matrix)
    assert kind(2, 0.05, validation="last").fit(matrix, time=time).held_out_["model"] == pytest.approx(
        model.held_out_["model"], rel=1e-9
    )
    with pytest.raises(InputError, match="nobody has"):
        kind(2, 0.05, validation="last").fit(np.arange(20), np.arange(20) % 7, np.ones(20))
    with pytest.raises(InputError, match="validation must be between 0 and 1, or \"last\"; got 'lats'"):
        kind(2, 0.05, validation="lats").fit(u, i, r + 10)


def test_who_is_only_among_the_held_out_ends_no_fit_that_has_no_penalty() -> None:
    rng = np.random.default_rng(0)
    u, i = rng.integers(0, 300, 8000), rng.integers(0, 100, 8000)
    r = 3 + (rng.normal(size=(300, 3))[u] * rng.normal(size=(100, 3))[i]).sum(1)
    # A hundred people of one rating each, of whom some are held out.
    u, i, r = np.append(u, np.arange(1000, 1100)), np.append(i, i[:100]), np.append(r, r[:100])
    cells = read(u, i, r).taken(np.arange(8000))
    problem = Problem(rank=3, alpha=0.0, max_iter=0)
    assert np.isfinite(problem.packed(problem.solve(cells, problem.start(cells, 3.0, 0))[0])).all()
    none, slight = (RatingsFactorization(3, alpha).fit(u, i, r) for alpha in (0.0, 1e-9))
    assert none.n_iter_ > 1
    assert none.held_out_["model"]["rmse"] < 1.1 * slight.held_out_["model"]["rmse"]


def test_a_method_that_does_not_alternate_goes_on_to_the_tolerance() -> None:
    """Adam's loss on what is held out stands still for a few steps long before it is at its least."""
    u, i, r = made(7, 150, 80, share=0.3)
    early, late = (
        RatingsFactorization(3, 0.02, method="adam", early_stopping=early).fit(u, i, r)
        for early in (True, False)
    )
    assert early.result_.outcome == late.result_.outcome == "converged"
    assert np.array_equal(early.user_factors_, late.user_factors_)
    by_name = RatingsFactorization(3, 0.02, method="alternating").fit(u, i, r)
    assert by_name.result_.outcome == "held_out"


@pytest.mark.parametrize("early", ["yes", None, 1, np.array([1, 2])], ids=repr)
def test_early_stopping_is_true_or_false(early: Any) -> None:
    u, i, r = made(7, 150, 80, share=0.3)
    with pytest.raises(InputError, match="early_stopping must be True or False"):
        RatingsFactorization(early_stopping=early).fit(u, i, r)


@pytest.mark.parametrize(
    ("settings", "times", "more"),
    [
        ({}, 10.0, 0.0),
        ({"rank": 3}, 0.01, 100.0),
        ({"rank": 3, "alpha": 0.03, "early_stopping": False}, 25.0, -3.0),
        ({"rank": 3, "weighting": "equal"}, 1.0, -1e4),
        ({"rank": 3, "alpha": 0.03, "method": "lbfgs"}, 1e-3, 0.0),
    ],
)
def test_ratings_in_another_unit_are_the_same_model_in_it(
    settings: dict[str, Any], times: float, more: float
) -> None:
    u, i, r = made(3)
    plain, other = (RatingsFactorization(**settings).fit(u, i, v) for v in (r, times * r + more))
    assert (plain.rank_, plain.alpha_) == pytest.approx((other.rank_, other.alpha_), rel=1e-6)
    shown = (other.predict(u, i) - more) / times
    # Rounding in another unit may turn a round, never where it leads.
    np.testing.assert_allclose(shown, plain.predict(u, i), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(other.user_biases_ / times, plain.user_biases_, rtol=1e-5, atol=1e-5)


def test_factors_at_or_above_0_have_the_ratings_unit_too() -> None:
    u, i, r = made(4)
    r = r - r.min() + 1.0
    plain, other = (RatingsFactorization(3, 0.03, nonnegative=True).fit(u, i, s * r) for s in (1.0, 10.0))
    np.testing.assert_allclose(other.predict(u, i), 10.0 * plain.predict(u, i), rtol=1e-4)


def test_choosing_by_few_is_said_and_by_how_many() -> None:
    u, i, r = made(5)
    few = RatingsFactorization().fit(u, i, r)
    count = few.held_out_["model"]["ratings"]
    assert count == round(0.1 * len(u)) < 100
    (said,) = (f for f in few.result_.findings if f.kind == "few_held_out")
    assert f"Only {count:.0f} ratings" in said.sentence
    assert "rank and alpha" in said.sentence
    enough = RatingsFactorization(validation=0.3).fit(u, i, r)
    given = RatingsFactorization(3, 0.05).fit(u, i, r)
    assert not [f for m in (enough, given) for f in m.result_.findings if f.kind == "few_held_out"]
    clicked = ClicksFactorization(4).fit(u, i)
    (said,) = (f for f in clicked.result_.findings if f.kind == "few_held_out")
    assert said.evidence["users"] == clicked.held_out_["model"]["users"]
    assert "chose alpha" in said.sentence


def test_columns_are_taken_by_their_names_or_refused() -> None:
    u, i, y = made(3)
    apart = RatingsFactorization(rank=2, alpha=0.1, seed=0).fit(u, i, y)
    table = pa.table({"Rating": y, "item_id": i, "users": u})
    named = RatingsFactorization(rank=2, alpha=0.1, seed=0).fit(table)
    assert np.array_equal(apart.predict(u, i), named.predict(u, i))
    # By no names, ratings in place of users cannot be ids.
    with pytest.raises(InputError, match="user has numbers that are no ids"):
        RatingsFactorization(rank=2, alpha=0.1).fit(np.column_stack([y, u, i]))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((["a", float("nan")], ["x", "y"], [1, 2]), "users row 1 is missing, nan"),
        (([("a", "x", 1.0), ("b", float("nan"), 2.0)],), "items row 1 is missing, nan"),
        ((["a", "b"], ["x", "y"], [1, "q"]), "ratings must be numbers; got 'q' in row 1"),
        ((["a", "b"], ["x", "y"], np.array([1, "q", 2], dtype=object)), "got 'q' in row 1"),
        (("ratings.csv",), "pass a table and not where it lies, 'ratings.csv'"),
    ],
)
def test_lists_say_what_is_in_them_and_not_what_numpy_makes_of_it(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        RatingsFactorization(1, 0.1, validation=None).fit(*given)


def test_tables_come_as_lists_of_rows_and_as_mappings_of_columns() -> None:
    model = RatingsFactorization(1, 0.1, validation=None).fit([(7, "x", 1.0), (9, "y", 2.0)])
    assert (model.user_ids_.tolist(), model.item_ids_.tolist()) == ([7, 9], ["x", "y"])
    columns = {"rating": [1.0, 2.0], "item": ["x", "y"], "user": [7, 9]}
    named = RatingsFactorization(1, 0.1, validation=None).fit(columns)
    assert np.array_equal(model.predict([7], ["y"]), named.predict([7], ["y"]))
    with pytest.raises(InputError, match="third column of the table is its ratings"):
        RatingsFactorization(1, 0.1, validation=None).fit(columns, ratings=[5, 5])
    text = RatingsFactorization(1, 0.1, validation=None).fit(["a", "b"], ["x", "y"], [1, 2])
    with pytest.raises(InputError, match="such as 'a'; got 1"):
        text.predict(["a", 1], ["x", "y"])


@pytest.mark.parametrize("name", ["biases", "nonnegative"])
def test_what_is_true_or_false_is_neither_a_word_nor_a_number(name: str) -> None:
    u, i, r = made(0, 10, 8)
    with pytest.raises(InputError, match=f"{name} must be True or False; got 'no'"):
        RatingsFactorization(1, 0.1, **{name: "no"}).fit(u, i, r)


def test_the_baseline_of_ratings_does_not_depend_on_the_unit_of_weights() -> None:
    u, i, r = made(2, 60, 20, share=0.5)
    weight = np.random.default_rng(0).exponential(size=len(r))
    one, other = (
        RatingsFactorization(2, 0.1).fit(u, i, r, sample_weight=by * weight).held_out_ for by in (1.0, 1e-3)
    )
    for name in ("model", "item mean", "mean"):
        assert one[name]["rmse"] == pytest.approx(other[name]["rmse"], rel=1e-9), name


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_more_factors_are_taken_than_explain_something(seed: int) -> None:
    # 32 do better than 16 here, and 3 far better than both; of the second the fit to all ends in a minimum that is none
    # of all, above where the one was that chose.
    rng = np.random.default_rng((12, 1, 14)[seed])
    u, i = rng.integers(0, 100, 2500), rng.integers(0, 60, 2500)
    keys = np.unique(u * 60 + i)
    rng.shuffle(keys)
    u, i = keys // 60, keys % 60
    biases = 0.3 * rng.normal(size=100)[u] + 0.3 * rng.normal(size=60)[i]
    taste = (rng.normal(size=(100, 3))[u] * rng.normal(size=(60, 3))[i]).sum(1) / np.sqrt(3)
    r = 3.5 + biases + taste + 0.2 * rng.normal(size=len(u))
    count = int(0.8 * len(u))
    model = RatingsFactorization().fit(u[:count], i[:count], r[:count])
    off = model.predict(u[count:], i[count:]) - r[count:]
    assert model.rank_ == 3
    assert float(np.sqrt(np.mean(off**2))) < 0.3
