"""Who and what comes after a fit: more ratings, new people, and users and items of whom only features are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from steepest._types import Floats
from steepest.errors import InputError

from .cells import Cells, coded, codes_of, read, unlike
from .estimator import Factorization
from .features import SIDES, Features, extended, matching, only, read_features
from .problem import Factors

__all__ = ["Growing"]


class Growing(Factorization):
    """Factors of users and items that more may be added to."""

    def partial_fit(self, users: Any, items: Any = None, ratings: Any = None) -> Any:
        """Go on with more ratings, from where the last fit ended: new users and items are added.

        All ratings so far count, the new ones beside the old; rank and alpha stay as they were chosen. Before any
        `fit` it is `fit`.

        Parameters
        ----------
        users, items, ratings
            As in `fit`.

        Returns
        -------
        self

        Raises
        ------
        InputError
            What cannot be used, named.
        """
        if not hasattr(self, "_cells"):
            return self.fit(users, items, ratings)
        if self._at.has_features:
            raise InputError("partial_fit does not go on where there are features: fit to all ratings again")
        more = self._prepared(read(users, items, ratings))
        cells = self._together(_joined(self._cells, more))
        problem = self._at
        fresh = problem.start(cells, self._centre(cells), self.seed)
        old = self._factors
        parts: list[Floats] = []
        for ids, known, new, before in (
            (cells.user_ids, self.user_ids_, fresh.users, old.users),
            (cells.user_ids, self.user_ids_, fresh.user_biases, old.user_biases),
            (cells.item_ids, self.item_ids_, fresh.items, old.items),
            (cells.item_ids, self.item_ids_, fresh.item_biases, old.item_biases),
        ):
            if len(before):
                new[np.searchsorted(ids, known)] = before
            parts.append(new)
        self._solve(problem, cells, Factors(parts[0], parts[1], parts[2], parts[3], fresh.centre))
        return self

    def add_users(self, users: Any, items: Any = None, ratings: Any = None) -> Any:
        """Take in new people without a refit: their factors are those that fit their ratings best, all items staying.

        Exact for a squared loss, and otherwise to the tolerance: what a fit would make of them if they changed no item.
        Ratings of items that the fit has not seen are left out, with a warning. Not where users have features: fit
        again then, or, of whom there is no rating, `add_by_features`.

        Parameters
        ----------
        users, items, ratings
            As in `fit`; the users must be new.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a user is known already (`partial_fit` takes their new ratings), none of the items is, or users have
            features.
        """
        check_is_fitted(self, "user_factors_")
        if self._columns[0] is not None:
            raise InputError(
                "add_users does not weigh ratings against what features say: fit to all ratings again, or take in whom "
                "there is no rating of by add_by_features(user_features=)"
            )
        given = self._prepared(read(users, items, ratings))
        known = codes_of("users", given.user_ids, self.user_ids_) >= 0
        if known.any():
            raise InputError(
                f"user {given.user_ids[known.argmax()]!s} is known already: partial_fit takes more ratings of theirs"
            )
        codes = codes_of("items", given.item_ids, self.item_ids_)
        here = codes[given.items] >= 0
        if not here.any():
            raise InputError("none of these items is known: partial_fit takes new items too")
        if not here.all():
            self._cold("ratings are of items", int((~here).sum()), len(here), "left out")
        given = given.taken(here)
        cells = replace(given, items=codes[given.items].astype(np.uint32), item_ids=self.item_ids_)
        problem, old = self._at, self._factors
        count = cells.shape[0]
        # That nobody has an item of which only features are known says nothing.
        there = self._in_fit()
        among = there[1].copy()
        among[cells.items] = True
        cells = only(cells, (np.ones(count, dtype=bool), among))
        width = problem.widths(cells.shape)[0]
        kept = old.only((there[0], among))
        start = Factors(
            np.zeros((count, problem.rank)), np.zeros(width), kept.items, kept.item_biases, old.centre
        )
        scaled = replace(problem, features=(None, None))
        # alpha as it stood in the fit: what a rating weighs there, it weighs here.
        if not problem.by_count:
            fit = only(self._cells, there)
            totals = [problem.total(c) for c in (cells, fit)]
            share = count / fit.shape[0]
            scaled = replace(scaled, alpha=problem.alpha * totals[1] / totals[0] * share)
        folded = scaled.fold(cells, start)
        ids = np.concatenate([self.user_ids_, cells.user_ids])
        order = np.argsort(ids, kind="stable")
        factors = Factors(
            np.concatenate([old.users, folded.users])[order],
            np.concatenate([old.user_biases, folded.user_biases])[order] if width else old.user_biases,
            old.items,
            old.item_biases,
            old.centre,
            maps=old.maps,
        )
        self._keep(problem, _joined(self._cells, cells), factors, self._columns)
        return self

    def add_by_features(self, *, user_features: Any = None, item_features: Any = None) -> Any:
        """Take in users and items of whom there is no rating yet: their factors and biases are what their features say.

        What the fit has learnt of features is all that is known of them; `fit` again once they have ratings. Those that
        `fit` was given features of, and no ratings, are there already.

        Parameters
        ----------
        user_features, item_features : frame, mapping or array, optional
            As in `fit`, of the same columns; the ids must be new.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If the fit had no such features, columns differ, or an id is known already.

        Examples
        --------
        >>> from steepest.factors import RatingsFactorization
        >>> users, items = ["ann", "ann", "bob", "bob", "cy"], ["tea", "rum", "tea", "rum", "tea"]
        >>> strong = {"tea": [0.0], "rum": [40.0]}
        >>> model = RatingsFactorization(rank=1, alpha=0.1).fit(users, items, [5, 1, 4, 1, 5], item_features=strong)
        >>> model = model.add_by_features(item_features={"gin": [38.0], "juice": [0.0]})
        >>> gin, juice = model.predict(["cy", "cy"], ["gin", "juice"])
        >>> bool(gin < juice)
        True
        """
        check_is_fitted(self, "user_factors_")
        more: list[Features | None] = []
        for side, own, given in zip(SIDES, self._columns, (user_features, item_features), strict=True):
            one = matching(own, read_features(side, given), side)
            if one is not None:
                known = codes_of(f"{side}_features", one.ids, getattr(self._cells, f"{side}_ids")) >= 0
                if known.any():
                    raise InputError(f"{side} {one.ids[known.argmax()]!s} is known already")
            more.append(one)
        cells, factors, columns, _ = extended(self._cells, self._factors, self._columns, tuple(more))
        self._keep(self._at, cells, factors, columns)
        return self


def _joined(first: Cells, second: Cells) -> Cells:
    """The cells of both, over the ids of both."""
    parts = []
    for name in SIDES:
        ids = [getattr(cells, f"{name}_ids") for cells in (first, second)]
        kinds = [array.dtype.kind in "UOT" for array in ids]
        if kinds[0] != kinds[1]:
            raise InputError(unlike(f"{name}s", ids[0][0], ids[1][0]))
        codes, known = coded(f"{name}s", np.concatenate(ids))
        own = codes[: len(ids[0])], codes[len(ids[0]) :]
        here = [map_[getattr(cells, f"{name}s")] for map_, cells in zip(own, (first, second), strict=True)]
        parts.append((np.concatenate(here), known))
    weight = None
    if first.weight is not None or second.weight is not None:
        weight = np.concatenate([np.ones(len(c)) if c.weight is None else c.weight for c in (first, second)])
    ratings = np.concatenate([first.ratings, second.ratings])
    return Cells(parts[0][0], parts[1][0], ratings, parts[0][1], parts[1][1], None, weight)
