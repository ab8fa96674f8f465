"""Clicks explained by factors of users and items: all pairs count, those without a click as weak evidence against; or
ranked, those with a click above those without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse

from steepest._catalog import registry
from steepest._types import Floats
from steepest.errors import InputError
from steepest.findings import Finding

from .cells import Cells, choice, names_of, read
from .judging import added_of, popular
from .later import Growing
from .problem import Factors, Problem, method_of

__all__ = ["ClicksFactorization"]

#: What each click is set against with the ranking loss; and what the last step may still gain there, of `tol`.
AGAINST, HELD = 4, 1e-4
#: Draws for a click at most until one stands too high.
DRAWS = 30


class ClicksFactorization(Growing):
    """Clicks, purchases, plays by factors: a score near 1 for what a user has, near 0 for what they have not.

    Minimises ``1/2 sum over all pairs of c (t - p_u'q_i)^2 / sum of c + alpha / 2 * (mean over users of |p_u|^2 +
    mean over items of |q_i|^2)``, where a pair that is there has the target t = 1 and the weight c = 1 + confidence
    * count, and one that is not has 0 and 1. No pair that is not there is looked at: the sum over all is had from
    the items' products with each other. Users and items are put at their optimum in turn, exactly, and the rounds
    extrapolated. They end after as many as rank clicks that are held out best, and `result_` says ``held_out``.

    With ``loss="bpr"``, Bayesian personalised ranking, the order counts and not the score: it minimises the mean of
    ``log(1 + exp(s_uj - s_ui))`` over pairs of an item i that u has and one j that u has not, with the score s_ui =
    c_i + p_u'q_i, and the same penalty (of the biases c_i too). Each click is set against four others, drawn once
    by the seed, so that this is a function like any other, which L-BFGS minimises; counts are not looked at. It
    takes many times as long as the squared loss, which may rank as well: see what each says of itself on what is
    held out.

    With ``loss="warp"``, the weighted approximate rank loss, the top of each user's list counts most: it lessens the
    mean over clicks of ``L(r) * max(0, 1 - s_ui + s_uj)``, L(r) = 1 + 1/2 + ... + 1/r, where j is the first of the
    items that u has not, drawn at random, that stands no more than 1 below, and r how many stand there, told by how
    many draws that took (at most 30). They are drawn anew each time, and steps are those of a rule (`adagrad`) over
    batches of clicks, for as many rounds through all of them as rank held-out ones best.

    Where `fit` is given features of users, items or both, ``p_u = e_u + W'f_u``, and q_i and c_i likewise: what
    each has of its own, and a linear map of their row of numbers, learnt with all else. Columns are centred and
    scaled to a mean square of 1 within, over those with clicks: their units do not matter, and a constant one says
    nothing. In the penalty ``|e_u|^2`` takes the place of ``|p_u|^2``, and ``alpha / 2 * (|W|^2 + |w|^2) / n`` is
    added, with n users or items: an entry of a map weighs as much as one of a single user, so that what features
    can explain they do. Of whom there are features and no click is answered by ``W'f`` and ``w'f`` alone, and does
    not count as what nobody clicks. L-BFGS descends then unless `method` says otherwise, to `tol`; not for
    ``loss="warp"``.

    None of these problems is convex: where rounds go on to `tol` `result_` says ``estimated`` or ``criterion``, never
    that it is the least there is.

    Nothing needs tuning: rank and alpha are chosen by NDCG on clicks that are held out, the last ones where there
    is a time.

    Parameters
    ----------
    rank : int, optional
        Factors of each; chosen among 1 to 64 unless given.
    alpha : float, optional
        Strength of the penalty; chosen along a path from where all factors are 0 unless given.
    loss : {"squared", "bpr", "warp"}, default "squared"
        What a score is held against: what is there, or the scores of the user's other items.
    confidence : float, default 10
        How much more a click weighs than none: c = 1 + confidence * count; of the squared loss.
    nonnegative : bool, default False
        Holds all factors at or above 0; for the squared loss.
    method : str or settings, optional
        A method or, with ``loss="bpr"``, a rule of the catalogue by its name, or with its settings as an object;
        alternating minimisation unless given, of pairs or with features L-BFGS. With ``loss="warp"`` a rule, adagrad
        unless given.
    validation : float, "last" or None, default 0.1
        The share of clicks held out to choose by and to judge; "last" holds out the last of each user who has two
        (leave-last-out, as `split_last`), by `time` or else the order of the rows; None where rank and alpha are given
        and no figures wanted.
    early_stopping : bool, default True
        Ends after as many rounds as rank the clicks held out best, mostly a few; False goes on to `tol`, as do a fit
        without `validation` or with non-negative factors, the loss "bpr" or a `method` that does not alternate. With
        ``loss="warp"`` it is 5 to 40 rounds, as many as rank them best, or else 20.
    tol : float, default 1e-3
        How much more rounds may still gain, relative to the objective. Nothing proves that: what the last rounds
        show to be left is held to a ten-thousandth of it, and with ``loss="bpr"`` what the last step gained.
    max_iter : int, optional
        Rounds at most.
    seed : int, default 0
        Of the start and of what is held out.
    threads : int, default 0
        At most so many; the answer has the same bits whatever the number.
    watch : callable, optional
        Called with the progress, at most ten times a second.

    Attributes
    ----------
    user_factors_ : ndarray of shape (users, rank)
    item_factors_ : ndarray of shape (items, rank)
    item_biases_ : ndarray of shape (items,)
        Of ``loss="bpr"`` and ``"warp"``; else empty.
    user_ids_, item_ids_ : ndarray
        Which id each row of factors is of, ascending.
    user_map_, item_map_ : ndarray of shape (columns, rank) or None
        W: what each column of features adds to the factors, by its standard deviation; None without features.
    user_bias_map_, item_bias_map_ : ndarray of shape (columns,) or None
        w: what it adds to the bias, where there is one.
    user_columns_, item_columns_ : list of str or None
        The columns' names.
    rank_, alpha_ : int, float
        Those chosen or given.
    held_out_ : dict of dict
        ``ndcg``, ``recall``, ``precision``, ``map``, ``hit_rate`` and ``coverage`` of ten recommendations each on
        the held-out clicks (`ranking`), of the ``model`` and of the items that are most ``popular``; and how many
        ``users`` that are.
    tried_ : list
        Ranks and alphas that were tried, and 1 - NDCG on what was held out.
    result_ : Result
        How the descent ended, and findings.
    n_iter_ : int

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.factors import ClicksFactorization
    >>> rng = np.random.default_rng(0)
    >>> users = rng.integers(0, 100, 1500)
    >>> items = (rng.integers(0, 20, 1500) + 20 * (users % 3)) % 60      # three kinds of people
    >>> model = ClicksFactorization().fit(users, items)
    >>> model.held_out_["model"]["ndcg"] > model.held_out_["popular"]["ndcg"]
    True

    References
    ----------
    Hu, Koren and Volinsky 2008, https://doi.org/10.1109/ICDM.2008.22; Rendle, Freudenthaler, Gantner and Schmidt-Thieme
    2009, https://arxiv.org/abs/1205.2618; Weston, Bengio and Usunier 2011,
    https://www.ijcai.org/Proceedings/11/Papers/460.pdf
    """

    columns_ = ("user", "item")
    _counted, _held_words = "users", "users' clicks that were held out"
    _unseen = "answered by how popular each item is"
    _items_need_cells = False
    _figure = (
        "ndcg",
        -1.0,
        "More clicks of each user and item; as it is, recommend what is popular.",
    )
    _drawn = ("ndcg",)

    def __init__(
        self,
        rank: int | None = None,
        alpha: float | None = None,
        *,
        loss: str = "squared",
        confidence: float = 10.0,
        nonnegative: bool = False,
        method: Any = None,
        validation: float | str | None = 0.1,
        early_stopping: bool = True,
        tol: float = 1e-3,
        max_iter: int | None = None,
        seed: int = 0,
        threads: int = 0,
        watch: Callable[..., Any] | None = None,
    ) -> None:
        self.rank = rank
        self.alpha = alpha
        self.loss = loss
        self.confidence = confidence
        self.nonnegative = nonnegative
        self.method = method
        self.validation = validation
        self.early_stopping = early_stopping
        self.tol = tol
        self.max_iter = max_iter
        self.seed = seed
        self.threads = threads
        self.watch = watch

    def fit(
        self,
        users: Any,
        items: Any = None,
        counts: Any = None,
        *,
        time: Any = None,
        user_features: Any = None,
        item_features: Any = None,
    ) -> ClicksFactorization:
        """Fit factors to clicks.

        Parameters
        ----------
        users : array of ids of shape (rows,), table, or sparse matrix
            Ids of any one type, texts too; or a frame, mapping or array of the columns user, item and (optional)
            count, in that order unless columns are called user and item; or a sparse matrix of counts, users x items.
        items : array of ids of shape (rows,), optional
        counts : array of shape (rows,), optional
            How often, at least 0; 1 each unless given. A pair that is there more than once has the sum; one whose
            sum is 0 is none.
        time : array of shape (rows,), optional
            When each was made: the last are held out. Numbers, dates, or texts that write one of these; of texts
            that could be dates month first or day first a finding says how they were read.
        user_features, item_features : frame, mapping or array, optional
            Rows of finite numbers, of which factors and biases are a linear map in part: a pandas frame whose index
            is the ids; another frame, or one whose index only counts rows, with the ids in its first column; a mapping
            of ids to rows; or an array with a row for each of the ids 0, 1, .... All that are clicked, or click, must
            have a row. Of whom there is a row and no click is taken in too, and answered by what the features say.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Ids or times that are missing, counts that are negative or not finite, no click at all, too few to hold some
            out, a setting that cannot be, or features that are missing, no numbers, sparse, or not for this loss or
            method.

        Warns
        -----
        NotConverged
            If a budget ran out first.
        """
        given = read(users, items, counts, time=time, called="counts")
        ordered = not sparse.issparse(users)
        self._called(names_of(users, items, counts))
        return self._fit(given, user_features, item_features, in_order=ordered)  # type: ignore[no-any-return]

    def predict(self, users: Any, items: Any) -> Floats:
        """The score of each pair: near 1 what a user is likely to have, near 0 what not.

        With ``loss="bpr"`` or ``"warp"`` only the order of one user's scores says anything.

        Parameters
        ----------
        users, items : array of ids of shape (rows,)
            Pairs. Of users without clicks and items that the fit has not seen, unless it had features of them, the
            score is 0 (of a loss that ranks the bias of an item that it has), with a warning (`ColdStart`);
            `recommend` answers such users by what is popular.

        Returns
        -------
        ndarray of shape (rows,)

        Raises
        ------
        InputError
            If there are not as many users as items, or their ids are of another kind than those of the fit.
        """
        return self._scores(users, items)

    def _base(self) -> Floats:
        return added_of(self._factors)

    def _cold_base(self) -> Floats:
        return popular(self._cells) / max(len(self.user_ids_), 1)

    def _problem(self, cells: Cells) -> Problem:
        ranked = choice("loss", self.loss, ("squared", "bpr", "warp")) != "squared"
        by_rank = self.loss == "warp"
        if ranked and self.nonnegative:
            raise InputError('nonnegative is for loss="squared": leave one of the two out')
        if ranked and len(cells) == cells.shape[0] * cells.shape[1]:
            raise InputError("every user has every item: there is nothing to rank")
        if by_rank and self.method is not None and not _is_rule(self.method):
            raise InputError(
                f'method must be a rule of the catalogue with loss="warp", whose clicks are drawn anew each time; got '
                f"{self.method!r}"
            )
        return Problem(
            rank=self.rank or 1,
            alpha=0.0 if self.alpha is None else float(self.alpha),
            biases=ranked,
            loss="logistic" if ranked else "squared",
            background=0.0 if ranked else 1.0,
            against=DRAWS if by_rank else AGAINST if ranked else 0,
            by_rank=by_rank,
            seed=int(self.seed),
            by_count=False,
            nonnegative=bool(self.nonnegative),
            # What is left of a mean over pairs is known by what steps still gain: the bends of so many variables would
            # have it seem more for hundreds of steps, in which the order of items does not change.
            method=("lbfgs", [("ftol", HELD * float(self.tol))])
            if ranked and not by_rank and self.method is None
            else method_of(self.method),
            tol=float(self.tol),
            max_iter=self.max_iter,
            threads=int(self.threads),
        )

    def _prepared(self, cells: Cells) -> Cells:
        if not (isinstance(self.confidence, Real) and 0 <= self.confidence < np.inf):
            raise InputError(f"confidence must be at least 0 and finite; got {self.confidence!r}")
        if cells.ratings.min() < 0:
            row = int((cells.ratings < 0).argmax())
            raise InputError(
                f"counts row {row} is {cells.ratings[row]:g}: clicks are counted from 0. For likes and dislikes use "
                'RatingsFactorization(loss="logistic") with 1 and 0'
            )
        keys = cells.users.astype(np.int64) * cells.shape[1] + cells.items
        known, first, place = np.unique(keys, return_index=True, return_inverse=True)
        counts = np.bincount(place, cells.ratings, minlength=len(known))
        time = None
        if cells.time is not None:
            # When it was last.
            order = np.argsort(cells.time, kind="stable")
            last = np.empty(len(known), dtype=np.int64)
            last[place[order]] = order
            time = cells.time[last]
        there = counts > 0
        if not there.any():
            raise InputError("all counts are 0: there is no click")
        taken = cells.taken(first[there])
        weight = 1.0 + float(self.confidence) * counts[there]
        return replace(
            taken, ratings=np.ones(len(weight)), weight=weight, time=None if time is None else time[there]
        )

    def _together(self, cells: Cells) -> Cells:
        # A pair is one cell, whose counts are added: 1 + confidence * (first + second).
        assert cells.weight is not None
        keys = cells.users.astype(np.int64) * cells.shape[1] + cells.items
        known, first, place = np.unique(keys, return_index=True, return_inverse=True)
        counted = np.bincount(place, cells.weight - 1.0, minlength=len(known))
        weight = np.asarray(1.0 + counted, dtype=np.float64)
        return replace(cells.taken(first), weight=weight)

    def _centre(self, cells: Cells) -> float:
        return 0.0

    def _judge(self, problem: Problem, factors: Factors, fit: Cells, held: Cells) -> float:
        return 1.0 - self._judged(factors, fit, held)["ndcg"]

    def _cold_added(self, factors: Factors, fit: Cells) -> Floats:
        return popular(fit)

    def _figures(self, factors: Factors, fit: Cells, held: Cells) -> dict[str, dict[str, float]]:
        return {
            "model": self._judged(factors, fit, held),
            "popular": self._judged(None, fit, held, popular(fit)),
        }

    def _noticed(self, cells: Cells) -> list[Finding]:
        once = int((np.bincount(cells.users, minlength=cells.shape[0]) <= 1).sum())
        if once <= 0.5 * cells.shape[0]:
            return []
        return [
            Finding(
                "single_clicks",
                "warning",
                f"{once} of {cells.shape[0]} users have one click or none: little is known of their taste.",
                {"users": once},
                0.5,
                "Recommend what is popular to them, or ask for more.",
            )
        ]


def _is_rule(method: Any) -> bool:
    name = getattr(method, "name", method)
    return name == "ruled" or (isinstance(name, str) and name in registry("rules"))
