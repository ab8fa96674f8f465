"""How good recommendations are, as people judge them: on what was held out, beside what needs no model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.errors import InputError

from .asking import top
from .cells import Cells
from .problem import Factors

__all__ = [
    "added_of",
    "errors_of",
    "item_means",
    "liked",
    "lists_judged",
    "popular",
    "ranking",
    "split_last",
    "split_off",
]


#: How many are recommended where figures are taken, and users looked at, at most; of ratings, where none chooses by it.
TOP, USERS, SOME = 10, 20_000, 5_000


def split_off(cells: Cells, share: float | str, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows to fit and rows held out: the last of each user, or a share, the last by time where there is one, else
    drawn."""
    n = len(cells)
    if isinstance(share, str):
        assert cells.time is not None
        last = _last_of_each(cells.users, cells.time)
        if not last.any():
            raise InputError('validation="last" holds out the last of each user who has two: nobody has')
        return np.flatnonzero(~last), np.flatnonzero(last)
    count = min(max(round(share * n), 1), n - 1)
    if cells.time is not None:
        order = np.argsort(cells.time, kind="stable")
    else:
        order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[: n - count]), np.sort(order[n - count :])


def split_last(users: Any, time: Any = None) -> NDArray[np.bool_]:
    """Which rows are the last of their user: what leave-last-out holds out. Users of one row keep it.

    Parameters
    ----------
    users : array of ids of shape (rows,)
    time : array of shape (rows,), optional
        When each row was made: numbers, dates, or texts that write one of these; the rows' own order unless given.

    Returns
    -------
    ndarray of bool of shape (rows,)
        True for the last row of each user who has at least two.

    Raises
    ------
    InputError
        If there are not as many times as users, an id is missing, or a time is or cannot be read.

    Warns
    -----
    UserWarning
        If texts could be dates month first or day first: they are read as month first.

    Examples
    --------
    >>> from steepest.factors import split_last
    >>> split_last(["ann", "bob", "ann", "ann", "cy"], time=[3, 1, 5, 4, 2]).tolist()
    [False, False, True, False, False]
    """
    from .cells import coded
    from .when import read_times

    codes, _ = coded("users", users)
    when, found = (np.arange(len(codes)), []) if time is None else read_times(time)
    for one in found:
        warnings.warn(f"{one.sentence} {one.remedy}", UserWarning, stacklevel=2)
    if when.shape != codes.shape:
        raise InputError(f"time must be as many as users, {len(codes)}; got the shape {when.shape}")
    return _last_of_each(codes, when)


def _last_of_each(codes: NDArray[Any], when: NDArray[Any]) -> NDArray[np.bool_]:
    """The last row of each user who has two; of several at one time the last that stands there."""
    if not len(codes):
        return np.zeros(0, dtype=bool)
    order = np.lexsort((when, codes))
    last = np.zeros(len(codes), dtype=bool)
    last[order[np.r_[codes[order][1:] != codes[order][:-1], True]]] = True
    found: NDArray[np.bool_] = last & (np.bincount(codes)[codes] > 1)
    return found


def errors_of(ratings: Floats, predicted: Floats, weight: Floats | None = None) -> dict[str, float]:
    """Root mean squared and mean absolute error."""
    off = predicted - ratings
    return {
        "rmse": float(np.sqrt(np.average(off**2, weights=weight))),
        "mae": float(np.average(np.abs(off), weights=weight)),
    }


def item_means(cells: Cells) -> Floats:
    """Each item's mean rating, drawn to the mean of all as by five ratings of mean weight: the baseline of ratings."""
    weight = np.ones(len(cells)) if cells.weight is None else cells.weight / cells.weight.mean()
    mean = float(np.average(cells.ratings, weights=weight))
    summed = np.bincount(cells.items, weight * (cells.ratings - mean), minlength=cells.shape[1])
    counts = np.bincount(cells.items, weight, minlength=cells.shape[1])
    found: Floats = mean + summed / (counts + 5.0)
    return found


def popular(cells: Cells) -> Floats:
    """How many have each item: the baseline of clicks."""
    return np.bincount(cells.items, minlength=cells.shape[1]).astype(np.float64)


def liked(fit: Cells, held: Cells, seed: int) -> Cells:
    """What was held out of ratings and is right to recommend: new to the user, rated the mean of the fit or more.

    Of many users some, drawn: lists of all would take as long as rounds of the fit.
    """
    mean = float(np.average(fit.ratings, weights=fit.weight))
    # The mean of ratings that are all the same may be rounded to above them.
    right = held.taken(np.flatnonzero(held.ratings >= mean - 1e-12 * abs(mean)))
    chosen = np.bincount(right.users, minlength=fit.shape[0]) > 0
    users = np.flatnonzero(chosen)
    if len(users) > SOME:
        chosen[:] = False
        chosen[np.random.default_rng(seed).choice(users, SOME, replace=False)] = True
    right = right.taken(np.flatnonzero(chosen[right.users]))
    before = np.flatnonzero(chosen[fit.users])
    keys = right.users.astype(np.int64) * fit.shape[1] + right.items
    known = fit.users[before].astype(np.int64) * fit.shape[1] + fit.items[before]
    rows = np.flatnonzero(~np.isin(keys, known))
    return right.taken(rows[np.unique(keys[rows], return_index=True)[1]])


def lists_judged(
    factors: Factors | None, added: Floats, cold: Floats, fit: Cells, held: Cells, seed: int, threads: int
) -> dict[str, float]:
    """Figures of ten recommendations to each user of whom something was held out (of many users some, drawn).

    Parameters
    ----------
    factors
        Of which scores are made; None where each item has one score for all.
    added
        What is added to each item's score.
    cold
        The same for users who have nothing in the fit, and no features, instead of any factors.
    fit, held
        What is known, which is not recommended; and what is right, each pair once.
    """
    users = np.unique(held.users)
    if len(users) > USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, USERS, replace=False))
    there = np.bincount(fit.users, minlength=fit.shape[0])[users] > 0
    if factors is not None and factors.maps[0] is not None:
        # Of whom there is nothing else features say it.
        there[:] = True
    none = np.zeros((fit.shape[1], 1))
    count = min(TOP, fit.shape[1])
    lists = np.full((len(users), count), -1)
    for here, some, base in ((there, factors, added), (~there, None, cold)):
        if here.any():
            own = some.users[users[here]] if some is not None else np.zeros((int(here.sum()), 1))
            items = none if some is None else some.items
            lists[here] = top(own, items, count, base, _of_users(fit, users[here]), int(threads))[0]
    starts, items = _of_users(held, users)
    right = np.diff(starts)
    keys = np.repeat(np.arange(len(users)), right) * fit.shape[1] + items
    hits = np.isin(np.arange(len(users))[:, None] * fit.shape[1] + lists, keys) & (lists >= 0)
    shown = np.unique(lists[lists >= 0])
    return figures_of(hits.astype(np.float64), right) | {
        "coverage": len(shown) / fit.shape[1],
        "users": float(len(users)),
    }


def _of_users(cells: Cells, users: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The items of some users, ascending and once each: where each one's begin, and which."""
    place = np.full(cells.shape[0], -1)
    place[users] = np.arange(len(users))
    own = place[cells.users]
    keys = np.unique(own[own >= 0] * cells.shape[1] + cells.items[own >= 0])
    starts = np.searchsorted(keys, np.arange(len(users) + 1) * cells.shape[1])
    return starts.astype(np.int64), (keys % cells.shape[1]).astype(np.uint32)


def added_of(factors: Factors) -> Floats:
    """What is added to each item's score."""
    return factors.item_biases if len(factors.item_biases) else np.zeros(len(factors.items))


def ranking(recommended: Any, held_out: Any, items: int | None = None) -> dict[str, float]:
    """How well lists of recommendations hold what was held out, the first place counting most.

    Parameters
    ----------
    recommended : array of shape (users, n)
        Items for each user, the best first; NaN, None or -1 where a list is shorter.
    held_out : sequence of sets or arrays, one for each user
        The items that are right; users with none are left out of all means.
    items : int, optional
        How many items there are, for the coverage.

    Returns
    -------
    dict of str to float
        ``ndcg``: Σ 1/log2(1 + place) of the right ones over the most that could be. ``recall``: the share of the
        right ones that are in the list, of as many as fit in. ``precision``: the share of the list that is right.
        ``map``: the mean over the right ones of the precision down to each. ``hit_rate``: users with at least one.
        ``coverage``: the share of all items that are in some list (NaN unless `items` is given). ``users``: how
        many were judged.

    Raises
    ------
    InputError
        If there is not a list for each user.

    Examples
    --------
    >>> from steepest.factors import ranking
    >>> found = ranking([["a", "b", "c"], ["b", "a", "c"]], [{"a"}, {"c"}], items=4)
    >>> found["recall"], found["ndcg"], found["coverage"]
    (1.0, 0.75, 0.75)

    References
    ----------
    Järvelin and Kekäläinen 2002, https://doi.org/10.1145/582415.582418
    """
    lists = np.asarray(recommended)
    if lists.ndim != 2 or len(lists) != len(held_out):
        raise InputError(
            f"recommended must be a list of items for each of the {len(held_out)} users; got the shape {lists.shape}"
        )
    sets = list(_sets(held_out))
    hits = [[item in right for item in row] for row, right in zip(lists.tolist(), sets, strict=True)]
    shown = {
        item for row in lists.tolist() for item in row if item is not None and item == item and item != -1
    }
    found = figures_of(np.array(hits, dtype=np.float64).reshape(lists.shape), np.array([*map(len, sets)]))
    return found | {
        "coverage": len(shown) / items if items else float("nan"),
        "users": float(sum(map(bool, sets))),
    }


def figures_of(hits: Floats, right: NDArray[Any]) -> dict[str, float]:
    """The means over users with something right: 1 in `hits` where a list's item is, of so many as are `right`."""
    hits, right = hits[right > 0], right[right > 0]
    n = hits.shape[1]
    gains = 1.0 / np.log2(np.arange(2, n + 2))
    most = np.minimum(right, n)
    down = np.cumsum(hits, axis=1) / np.arange(1, n + 1)
    each = {
        "ndcg": hits @ gains / np.cumsum(gains)[most - 1],
        "recall": hits.sum(axis=1) / most,
        "precision": hits.mean(axis=1),
        "map": (down * hits).sum(axis=1) / most,
        "hit_rate": hits.any(axis=1),
    }
    return {name: float(values.mean()) if len(right) else float("nan") for name, values in each.items()}


def _sets(held_out: Any) -> Iterator[set[Any]]:
    for right in held_out:
        yield set(np.asarray(list(right)).tolist())
