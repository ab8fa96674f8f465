"""What a recommender is asked once it is fitted: scores, recommendations, and who and what is alike."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError

from .cells import Cells, codes_of
from .features import Columns
from .problem import Factors, Problem

__all__ = ["Asking", "ColdStart", "top"]


class ColdStart(UserWarning):
    """Users or items that the fit has seen nothing of: they are answered by what is known without factors."""


class Asking:
    """What it answers, by ids."""

    #: What is fitted, and how the pairs are answered that the fit has not seen.
    _at: Problem
    _cells: Cells
    _factors: Factors
    _seen: Any
    _known: Any
    #: Features of users, and of items, where there are any: they answer for who has nothing else.
    _columns: tuple[Columns | None, ...]
    _unseen: str
    #: Whether nothing is known of an item that nobody has: a click that is not there says something, a rating nothing.
    _items_need_cells: bool
    user_ids_: NDArray[Any]
    item_ids_: NDArray[Any]
    user_factors_: Floats
    item_factors_: Floats
    user_biases_: Floats
    mean_: float

    def _base(self) -> Floats:
        """What is added to each item's score."""
        raise NotImplementedError

    def _cold_base(self) -> Floats:
        """What each item's score is for a user of whom nothing is known."""
        return self._base()

    def _with_cells(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which users, and which items, something is known of: rows of a sparse matrix may be empty."""
        if self._known is None:
            codes = (self._cells.users, self._cells.items)
            self._known = tuple(
                np.bincount(own, minlength=count) > 0
                for own, count in zip(codes, self._cells.shape, strict=True)
            )
        return self._known  # type: ignore[no-any-return]

    def _codes(self, name: str, ids: Any) -> NDArray[np.int64]:
        """The code of each id, of all where there is none; -1 of those that the fit has seen nothing of."""
        side = ("users", "items").index(name)
        known = (self.user_ids_, self.item_ids_)[side]
        codes = np.arange(len(known)) if ids is None else codes_of(name, ids, known)
        if self._columns[side] is not None or (name == "items" and not self._items_need_cells):
            return codes
        return np.where((codes >= 0) & self._with_cells()[side][codes], codes, -1)

    def _cold(self, what: str, count: int, of: int, how: str) -> None:
        warnings.warn(f"{count} of {of} {what} that the fit has not seen: {how}", ColdStart, stacklevel=4)

    def _scores(self, users: Any, items: Any) -> Floats:
        check_is_fitted(self, "user_factors_")
        given = [("users", users), ("items", items)]
        pairs = [self._codes(name, () if ids is None else ids) for name, ids in given]
        if len(pairs[0]) != len(pairs[1]):
            raise InputError(f"items must be as many as users, {len(pairs[0])}; got {len(pairs[1])}")
        for name, codes in zip(("users", "items"), pairs, strict=True):
            if (codes < 0).any():
                self._cold(f"pairs are of {name}", int((codes < 0).sum()), len(codes), self._unseen)
        return self._factors.scores(*pairs)

    def recommend(
        self, users: Any = None, n: int = 10, *, exclude_seen: bool = True, among: Any = None
    ) -> tuple[NDArray[Any], Floats]:
        """The items of the highest scores for each user, without the matrix of all scores.

        Parameters
        ----------
        users : array of ids of shape (users,), optional
            All that are known unless given, in the order of `user_ids_`. Users that the fit has not seen, or who have
            nothing there, get the items that are best without factors, with a warning (`ColdStart`), unless it had
            features of them.
        n : int, default 10
            How many for each; at most as many as there are items.
        exclude_seen : bool, default True
            Leaves out what the user has rated or clicked.
        among : array of ids, optional
            The items to choose from; all unless given.

        Returns
        -------
        items : ndarray of shape (users, n)
            Ids, the best first; None where fewer than n are left of them.
        scores : ndarray of shape (users, n)
            Their scores, as `predict` has them; NaN where there is none.

        Raises
        ------
        InputError
            If n is below 1, or `among` names items that the fit has not seen.
        """
        check_is_fitted(self, "user_factors_")
        if not (isinstance(n, int | np.integer) and n >= 1):
            raise InputError(f"n must be a whole number of at least 1; got {n!r}")
        codes = self._codes("users", users)
        if (codes < 0).any():
            self._cold("users are ones", int((codes < 0).sum()), len(codes), self._unseen)
        places = np.arange(len(self.item_ids_))
        if among is not None:
            places = np.unique(codes_of("items", among, self.item_ids_))
            if not len(places) or places[0] < 0:
                raise InputError("among must name items that were fitted, at least one")
        if self._seen is None:
            self._seen = self._cells.starts()
        starts, seen = self._seen
        out = None
        if exclude_seen:
            to = np.full(len(self.item_ids_), -1)
            to[places] = np.arange(len(places))
            lists = [
                to[seen[starts[u] : starts[u + 1]]] if u >= 0 else seen[:0].astype(int)
                for u in codes.tolist()
            ]
            kept = np.concatenate(lists) if lists else np.zeros(0, dtype=int)
            ends = np.cumsum([0, *(int((one >= 0).sum()) for one in lists)]).astype(np.int64)
            out = ends, kept[kept >= 0].astype(np.uint32)
        factors = np.where((codes >= 0)[:, None], self.user_factors_[codes], 0.0)
        count = min(int(n), len(places))
        found, scores = self._top(factors, places, count, self._base()[places], out)
        if (codes < 0).any():
            best, shares = self._top(0.0 * factors[:1], places, count, self._cold_base()[places])
            found[codes < 0], scores[codes < 0] = best[0], shares[0]
        biases = self.user_biases_
        if len(biases):
            scores += np.where(codes >= 0, biases[codes], 0.0)[:, None]
        return found, self._scaled(scores + self.mean_)

    def _scaled(self, scores: Floats) -> Floats:
        """Scores as `predict` has them."""
        return scores

    def _top(
        self, factors: Floats, places: NDArray[Any], n: int, added: Floats, out: Any = None
    ) -> tuple[NDArray[Any], Floats]:
        columns, scores = top(factors, self.item_factors_[places], n, added, out, self._at.threads)
        return _named(self.item_ids_[places], columns), scores

    def similar_items(self, items: Any, n: int = 10) -> tuple[NDArray[Any], Floats]:
        """The items whose factors point the same way, by the cosine of the angle between them.

        Parameters
        ----------
        items : array of ids of shape (items,)
            Known ones.
        n : int, default 10
            How many for each, itself left out.

        Returns
        -------
        items : ndarray of shape (items, n)
            Ids, the most alike first.
        cosines : ndarray of shape (items, n)

        Raises
        ------
        InputError
            If an item was not fitted, or n is below 1.
        """
        check_is_fitted(self, "user_factors_")
        return self._alike("items", items, n, self.item_ids_, self.item_factors_)

    def similar_users(self, users: Any, n: int = 10) -> tuple[NDArray[Any], Floats]:
        """The users whose factors point the same way: as `similar_items`.

        Parameters
        ----------
        users : array of ids of shape (users,)
            Known ones.
        n : int, default 10
            How many for each, the user left out.

        Returns
        -------
        users : ndarray of shape (users, n)
            Ids, the most alike first.
        cosines : ndarray of shape (users, n)

        Raises
        ------
        InputError
            If a user was not fitted, or n is below 1.
        """
        check_is_fitted(self, "user_factors_")
        return self._alike("users", users, n, self.user_ids_, self.user_factors_)

    def _alike(
        self, name: str, given: Any, n: int, ids: NDArray[Any], factors: Floats
    ) -> tuple[NDArray[Any], Floats]:
        codes = codes_of(name, given, ids)
        if (codes < 0).any():
            raise InputError(f"{name} {np.asarray(given)[(codes < 0).argmax()]!s} was not fitted")
        if not (isinstance(n, int | np.integer) and n >= 1):
            raise InputError(f"n must be a whole number of at least 1; got {n!r}")
        length = np.linalg.norm(factors, axis=1, keepdims=True)
        ways = factors / np.where(length > 0, length, 1.0)
        out = np.arange(len(codes) + 1), codes.astype(np.uint32)
        most = max(min(int(n), len(ids) - 1), 1)
        columns, scores = top(ways[codes], ways, most, np.zeros(len(ids)), out, self._at.threads)
        return _named(ids, columns), scores


def top(
    factors: Floats, others: Floats, n: int, added: Floats, out: Any = None, threads: int = 0
) -> tuple[NDArray[np.int64], Floats]:
    """The places of the n highest of added + factors @ others.T in each row, and what they are; -1 and NaN for none."""
    columns, scores = _core.top_factors(
        np.ascontiguousarray(factors, dtype=np.float64).ravel(),
        np.ascontiguousarray(others).ravel(),
        np.ascontiguousarray(added),
        factors.shape[1],
        n,
        out,
        threads,
    )
    places = np.asarray(columns).astype(np.int64).reshape(-1, n)
    places[places == np.iinfo(np.uint32).max] = -1
    return places, np.asarray(scores).reshape(-1, n)


def _named(ids: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Ids by their places; None where there is none."""
    found = ids[places]
    if (places < 0).any():
        found = found.astype(object)
        found[places < 0] = None
    return found
