"""Ratings explained by factors of users and items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError
from steepest.findings import Finding

from .cells import Cells, choice, names_of, numbers, read
from .judging import errors_of, item_means, liked, popular
from .later import Growing
from .problem import Factors, Problem, method_of

__all__ = ["RatingsFactorization"]


class RatingsFactorization(Growing):
    """Ratings by factors: what a user gives an item is the mean, a bias of each and the product of their factors.

    Minimises ``sum(weight * loss(r, m + b_u + c_i + p_u'q_i)) / sum(weight) + alpha / 2 * (mean of |p_u|^2 + b_u^2,
    and of |q_i|^2 + c_i^2)`` over the ratings that are there, the means taken over the ratings
    (``weighting="count"``) or over users and items (``"equal"``). With the squared loss all this is in units of the
    ratings' standard deviation: those of 10 to 50 are predicted as those of 1 to 5 are, times ten, and any number may
    be added to all. Users and items are put at their optimum in turn,
    exactly (alternating least squares), and the rounds extrapolated. They end where ratings that are held out are
    predicted best, and `result_` says ``held_out``. The problem is not convex: where they go on to `tol` it says
    ``estimated`` or ``criterion``, never that it is the least there is.

    Where `fit` is given features of users, items or both, ``p_u = e_u + W'f_u`` and ``b_u = d_u + w'f_u``: what
    each has of its own, and a linear map of their row of numbers, learnt with all else. Columns are centred and
    scaled to a mean square of 1 within, over those who are rated: their units do not matter, and a constant one
    says nothing. In the penalty ``|e_u|^2 + d_u^2`` takes the place of ``|p_u|^2 + b_u^2``, and ``alpha / 2 *
    (|W|^2 + |w|^2) / n`` is added, with n users or items: an entry of a map weighs as much as one of a single user,
    so that what features can explain they do. Of whom there are features and no rating is answered by ``W'f`` and
    ``w'f`` alone. L-BFGS descends then unless `method` says otherwise, to `tol`.

    Nothing needs tuning: rank and alpha are chosen on ratings that are held out, the last ones where there is a time.

    Parameters
    ----------
    rank : int, optional
        Factors of each; chosen among 1 to 64 unless given.
    alpha : float, optional
        Strength of the penalty; chosen along a path from where all factors are 0 unless given.
    loss : str, default "squared"
        ``"squared"``, or another loss of the catalogue; ``"logistic"`` for ratings that are 0 or 1, of which
        `predict` gives the probability of 1.
    biases : bool, optional
        Whether users and items have biases, and the mean of all ratings is added; without them a score is the product
        alone. True unless `nonnegative`.
    nonnegative : bool, default False
        Holds all factors at or above 0; for the squared loss.
    weighting : {"count", "equal"}, default "count"
        Whether the penalty of a user or item weighs as much as they have ratings, or all weigh the same.
    method : str or settings, optional
        A method or rule of the catalogue by its name, or with its settings as an object; alternating minimisation
        unless given, with features L-BFGS.
    validation : float, "last" or None, default 0.1
        The share of ratings held out to choose by and to judge; "last" holds out the last of each user who has two
        (leave-last-out, as `split_last`), by `time` or else the order of the rows; None where rank and alpha are given
        and no figures wanted.
    early_stopping : bool, default True
        Ends after as many rounds as did best on the ratings held out, long before the objective is at its least, and
        mostly predicts better; False goes on to `tol`, as does a fit without `validation` or with a `method` that does
        not alternate, whose loss may stand still for a few iterations and then fall on.
    tol : float, default 1e-3
        How much more rounds may still gain, relative to the objective. Nothing proves that: what the last rounds
        show to be left is held to a ten-thousandth of it.
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
    user_biases_, item_biases_ : ndarray of shape (users,), (items,)
        Empty without biases.
    mean_ : float
        What is added to every score.
    user_ids_, item_ids_ : ndarray
        Which id each row of factors is of, ascending.
    user_map_, item_map_ : ndarray of shape (columns, rank) or None
        W: what each column of features adds to the factors, by its standard deviation; None without features.
    user_bias_map_, item_bias_map_ : ndarray of shape (columns,) or None
        w: what it adds to the bias.
    user_columns_, item_columns_ : list of str or None
        The columns' names.
    rank_, alpha_ : int, float
        Those chosen or given.
    held_out_ : dict of dict
        ``rmse`` and ``mae`` on the held-out ratings, of the ``model``, the ``item mean`` and the ``mean``, and how many
        ``ratings`` that are; where rank and alpha are chosen on fewer than a hundred, a finding says so. ``ndcg``,
        ``recall``, ``precision``, ``map``, ``hit_rate`` and ``coverage`` of ten recommendations each (`ranking`), of
        the ``model``, the ``item mean`` and the items that are most ``popular``: right are items whose rating that was
        held out is at least the mean of those fitted; and of how many ``users``, at most 5000, that is.
    tried_ : list
        Ranks and alphas that were tried, and their loss on what was held out.
    result_ : Result
        How the descent ended, and findings; with the squared loss in units of the ratings' standard deviation.
    n_iter_ : int

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.factors import RatingsFactorization
    >>> rng = np.random.default_rng(0)
    >>> users, items = rng.integers(0, 60, 1500), rng.integers(0, 40, 1500)
    >>> taste = rng.normal(size=60)[users] * rng.normal(size=40)[items]
    >>> model = RatingsFactorization().fit(users, items, 3 + taste + 0.1 * rng.normal(size=1500))
    >>> model.held_out_["model"]["rmse"] < 0.3 < model.held_out_["item mean"]["rmse"]
    True
    >>> ids, scores = model.recommend([7], n=3)
    >>> ids.shape, bool(scores[0, 0] >= scores[0, 1])
    ((1, 3), True)

    References
    ----------
    Koren, Bell and Volinsky 2009, https://doi.org/10.1109/MC.2009.263; Zhou, Wilkinson, Schreiber and Pan 2008,
    https://doi.org/10.1007/978-3-540-68880-8_32 (the weighting by counts).
    """

    columns_ = ("user", "item", "rating")
    _counted, _held_words = "ratings", "ratings that were held out"
    _unseen = "answered by the mean and the biases that are known"
    _items_need_cells = True
    _figure = (
        "rmse",
        1.0,
        "More ratings of each user and item, or a time to hold out by; as it is, recommend by the item's mean.",
    )
    _drawn = ("rmse", "ndcg")

    def __init__(
        self,
        rank: int | None = None,
        alpha: float | None = None,
        *,
        loss: str = "squared",
        biases: bool | None = None,
        nonnegative: bool = False,
        weighting: str = "count",
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
        self.biases = biases
        self.nonnegative = nonnegative
        self.weighting = weighting
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
        ratings: Any = None,
        *,
        time: Any = None,
        sample_weight: Any = None,
        user_features: Any = None,
        item_features: Any = None,
    ) -> RatingsFactorization:
        """Fit factors to ratings.

        Parameters
        ----------
        users : array of ids of shape (rows,), table, or sparse matrix
            Ids of any one type, texts too; or a frame, mapping or array of the columns user, item and rating, in
            that order unless columns are called user and item; or a sparse matrix of users x items, of which what is
            stored is a rating (zeros that are stored too).
        items : array of ids of shape (rows,), optional
        ratings : array of shape (rows,), optional
        time : array of shape (rows,), optional
            When each was made: the last are held out. Numbers, dates, or texts that write one of these; of texts
            that could be dates month first or day first a finding says how they were read.
        sample_weight : array of shape (rows,), optional
            At least 0. A pair that is rated twice counts twice.
        user_features, item_features : frame, mapping or array, optional
            Rows of finite numbers, of which factors and biases are a linear map in part: a pandas frame whose index
            is the ids; another frame, or one whose index only counts rows, with the ids in its first column; a mapping
            of ids to rows; or an array with a row for each of the ids 0, 1, .... All that are rated must have a row. Of
            whom there is a row and no rating is taken in too, and answered by what the features say.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Ids or times that are missing, ratings that are not finite, too few to hold some out, a setting that cannot
            be, or features that are missing, no numbers, sparse, or not for this method.

        Warns
        -----
        NotConverged
            If a budget ran out first.
        """
        given = read(users, items, ratings, time=time, sample_weight=sample_weight)
        ordered = not sparse.issparse(users)
        self._called(names_of(users, items, ratings))
        return self._fit(given, user_features, item_features, in_order=ordered)  # type: ignore[no-any-return]

    def predict(self, users: Any, items: Any) -> Floats:
        """The rating that each user would give each item; of a loss for classes the probability of 1.

        Parameters
        ----------
        users, items : array of ids of shape (rows,)
            Pairs. Those that the fit has no rating of, and had no features of, have no factors and no bias: the mean
            and the other's bias answer, with a warning (`ColdStart`).

        Returns
        -------
        ndarray of shape (rows,)

        Raises
        ------
        InputError
            If there are not as many users as items, or their ids are of another kind than those of the fit.
        """
        return self._scaled(self._scores(users, items))

    def score(self, users: Any, items: Any, ratings: Any) -> float:
        """R² of the predictions, 1 at best and 0 for the mean: what scikit-learn's regressors score by.

        Parameters
        ----------
        users, items : array of ids of shape (rows,)
        ratings : array of shape (rows,)

        Returns
        -------
        float
        """
        values = numbers("ratings", ratings)
        spread = float(((values - values.mean()) ** 2).sum())
        off = float(((values - self.predict(users, items)) ** 2).sum())
        return 1.0 - off / spread if spread > 0 else float("nan")

    def _problem(self, cells: Cells) -> Problem:
        choice("weighting", self.weighting, ("count", "equal"))
        return Problem(
            rank=self.rank or 1,
            alpha=0.0 if self.alpha is None else float(self.alpha),
            unit=self._unit(cells),
            biases=not self.nonnegative if self.biases is None else bool(self.biases),
            loss=self.loss,
            by_count=self.weighting == "count",
            nonnegative=bool(self.nonnegative),
            method=method_of(self.method),
            tol=float(self.tol),
            max_iter=self.max_iter,
            threads=int(self.threads),
        )

    def _prepared(self, cells: Cells) -> Cells:
        if self.loss == "logistic" and not np.isin(cells.ratings, (0.0, 1.0)).all():
            row = int((~np.isin(cells.ratings, (0.0, 1.0))).argmax())
            raise InputError(
                f"the logistic loss needs ratings of 0 and 1; got {cells.ratings[row]} in row {row}"
            )
        return cells

    def _centre(self, cells: Cells) -> float:
        if self.nonnegative if self.biases is None else not self.biases:
            return 0.0
        mean = float(np.average(cells.ratings, weights=cells.weight))
        if self.loss == "logistic":
            mean = min(max(mean, 1e-6), 1 - 1e-6)
            return float(np.log(mean / (1 - mean)))
        if self.loss in ("poisson", "gamma", "tweedie", "inverse_gaussian"):
            return float(np.log(max(mean, 1e-12)))
        return mean

    def _unit(self, cells: Cells) -> float:
        """The size of what biases and factors explain."""
        if self.loss != "squared":
            return 1.0
        off = np.abs(cells.ratings - self._centre(cells))
        largest = float(np.abs(cells.ratings).max())
        # Of ratings that are all the same rounding is left, which is no size.
        if not float(off.max()) > 1e-12 * largest:
            return 1e-3 * largest or 1.0
        return float(off.max() * np.sqrt(np.average((off / off.max()) ** 2, weights=cells.weight)))

    def _scaled(self, scores: Floats) -> Floats:
        if self.loss == "squared":
            return scores
        flat = np.ascontiguousarray(scores).ravel()
        return np.asarray(_core.means((self.loss, []), 1, flat)).reshape(scores.shape)

    def _base(self) -> Floats:
        return self.item_biases_ if len(self.item_biases_) else np.zeros(len(self.item_ids_))

    def _judge(self, problem: Problem, factors: Factors, fit: Cells, held: Cells) -> float:
        scores = self._shown(factors, fit, held)
        losses = np.asarray(_core.row_losses((self.loss, []), 1, held.ratings, scores))
        return float(np.average(losses, weights=held.weight))

    def _shown(self, factors: Factors, fit: Cells, held: Cells) -> Floats:
        """Scores of what was held out; who has no rating in the fit is cold."""
        shown = []
        for own, codes, asked, count in (
            (factors.maps[0], fit.users, held.users, fit.shape[0]),
            (factors.maps[1], fit.items, held.items, fit.shape[1]),
        ):
            # Unless their features answer.
            known = (np.bincount(codes, minlength=count)[asked] > 0) | (own is not None)
            shown.append(np.where(known, asked.astype(int), -1))
        return factors.scores(*shown)

    def _figures(self, factors: Factors, fit: Cells, held: Cells) -> dict[str, dict[str, float]]:
        mean = float(np.average(fit.ratings, weights=fit.weight))
        rows = {
            "model": self._scaled(self._shown(factors, fit, held)),
            "item mean": item_means(fit)[held.items],
            "mean": np.full(len(held), mean),
        }
        count = {"ratings": float(len(held))}
        found = {name: errors_of(held.ratings, values, held.weight) | count for name, values in rows.items()}
        right = liked(fit, held, self.seed)
        if len(right):
            found["model"] |= self._judged(factors, fit, right)
            found["item mean"] |= self._judged(None, fit, right, item_means(fit))
            found["popular"] = self._judged(None, fit, right, popular(fit))
        return found

    def _noticed(self, cells: Cells) -> list[Finding]:
        found = []
        if np.ptp(cells.ratings) == 0:
            found.append(
                Finding(
                    "constant_ratings",
                    "problem",
                    f"All ratings are {cells.ratings[0]:g}: there is nothing to explain.",
                    {"rating": float(cells.ratings[0])},
                    None,
                    "If what is there only says who took what, use ClicksFactorization.",
                )
            )
        once = int((np.bincount(cells.users, minlength=cells.shape[0]) <= 1).sum())
        if once > 0.5 * cells.shape[0]:
            found.append(
                Finding(
                    "single_ratings",
                    "warning",
                    f"{once} of {cells.shape[0]} users have one rating or none: little is known of their taste.",
                    {"users": once},
                    0.5,
                    "Their predictions are mostly the item's bias; ask for more ratings.",
                )
            )
        return found
