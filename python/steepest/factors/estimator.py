"""What both recommenders share: how they are fitted, and told of."""

from __future__ import annotations

import textwrap
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from steepest._types import Floats
from steepest.errors import InputError, NotConverged
from steepest.findings import Finding, findings_text
from steepest.result import Result

from .asking import Asking
from .cells import Cells, codes_of
from .choosing import Tried, as_dicts, choose, most_useful_rounds
from .features import SIDES, Columns, Features, extended, only, rated, read_features, standardised
from .judging import added_of, lists_judged, split_off
from .problem import Factors, Problem
from .saved import Saved

__all__ = ["Factorization"]

#: By fewer than so many ratings, or users with lists, rank and alpha are chosen by chance as much as by what is better.
ENOUGH = 100


class Factorization(Saved, Asking, BaseEstimator):  # type: ignore[misc]
    """Factors of users and items."""

    # What the two kinds differ in

    #: how many figures on what was held out are means over, by its name there and in words
    _counted: str
    _held_words: str
    #: the figure that is judged by, whether less of it is better (1) or more (-1), and what to do where it is bad
    _figure: tuple[str, float, str]
    #: the figures that are drawn
    _drawn: tuple[str, ...]
    #: whether rounds end where what was held out is predicted best
    early_stopping: bool = False

    def _problem(self, cells: Cells) -> Problem:
        raise NotImplementedError

    def _prepared(self, cells: Cells) -> Cells:
        """What is fitted, from what was given."""
        raise NotImplementedError

    def _together(self, cells: Cells) -> Cells:
        """Cells of two times of which some may be of the same pair."""
        return cells

    def _centre(self, cells: Cells) -> float:
        raise NotImplementedError

    def _judge(self, problem: Problem, factors: Factors, fit: Cells, held: Cells) -> float:
        """The loss on what was held out."""
        raise NotImplementedError

    def _figures(self, factors: Factors, fit: Cells, held: Cells) -> dict[str, dict[str, float]]:
        """Figures on what was held out, of the model and of baselines."""
        raise NotImplementedError

    def _noticed(self, cells: Cells) -> list[Finding]:
        raise NotImplementedError

    def _cold_added(self, factors: Factors, fit: Cells) -> Floats:
        """What is added to each item's score for who has nothing in the fit, and else has no score."""
        return added_of(factors)

    def _judged(
        self, factors: Factors | None, fit: Cells, held: Cells, added: Floats | None = None
    ) -> dict[str, float]:
        """Figures of the lists that factors make, or else what is added to each item's score alone."""
        if factors is None:
            assert added is not None
            return lists_judged(None, added, added, fit, held, self.seed, self.threads)
        cold = self._cold_added(factors, fit)
        return lists_judged(factors, added_of(factors), cold, fit, held, self.seed, self.threads)

    # Fitting

    def _fit(
        self, given: Cells, user_features: Any = None, item_features: Any = None, *, in_order: bool = True
    ) -> Any:
        self._check()
        if self.validation == "last" and given.time is None:
            if not in_order:
                raise InputError(
                    'validation="last" needs a time=: a sparse matrix does not say which of a user\'s entries is the '
                    "last"
                )
            given = replace(given, time=np.arange(len(given)))
        features = read_features("user", user_features), read_features("item", item_features)
        # Of whom there is no rating is not looked at where features will answer.
        cells = rated(self._prepared(given), (features[0] is not None, features[1] is not None))
        columns = standardised(features[0], cells.user_ids), standardised(features[1], cells.item_ids)
        problem = self._problem(cells).described(_rows_of(columns))
        tried: list[Tried] = []
        at: Factors | None = None
        known: Factors | None = None
        self.held_out_: dict[str, dict[str, float]] = {}
        chosen = self.rank is None or self.alpha is None
        if self.validation is not None and len(cells) >= 10:
            rows, aside = split_off(cells, self.validation, self.seed)
            fit, held = cells.taken(rows), cells.taken(aside)
            centre = self._centre(fit)
            early = held if self.early_stopping and problem.alternates else None
            if chosen:
                problem, tried, at = choose(
                    problem,
                    fit,
                    centre,
                    lambda one, at: self._judge(one, at, fit, held),
                    rank=self.rank,
                    alpha=self.alpha,
                    seed=self.seed,
                    held=early,
                )
            begun = at or problem.start(fit, centre, self.seed)
            if early is not None and problem.background > 0:
                early = None
            made = None
            if self.early_stopping and problem.counts_rounds:
                problem, made = most_useful_rounds(
                    problem, fit, begun, lambda one, at: self._judge(one, at, fit, held), tried
                )
            factors, result = made or problem.judged().solve(fit, begun, held=early)
            problem = problem.ended(result) if early is not None else problem
            self.held_out_ = self._figures(factors, fit, held)
            at, known = at and factors, factors
        elif chosen:
            raise InputError(
                "rank and alpha are chosen on held-out ratings, of which there are too few (at least 10 ratings, and "
                "validation a share of them): pass rank= and alpha="
            )
        self.tried_ = tried
        start = at or problem.start(cells, self._centre(cells), self.seed)
        if known is not None and not problem.against:
            known = replace(known, centre=start.centre, fresh=False)
            self._solve(problem, cells, start, columns, features, known)
        else:
            self._solve(problem, cells, start, columns, features)
        return self

    def _called(self, names: list[str | None]) -> None:
        """Keeps what the columns are called: ``steepest predict`` looks for them in a table."""
        own = type(self).columns_
        found = tuple(name or known for name, known in zip([*names, None, None], own, strict=False))
        self.columns_ = found if len(set(found)) == len(own) else own

    def _solve(
        self,
        problem: Problem,
        cells: Cells,
        start: Factors,
        columns: tuple[Columns | None, ...] = (None, None),
        features: tuple[Features | None, ...] = (None, None),
        known: Factors | None = None,
    ) -> None:
        factors, result = problem.solve(cells, start, self.watch)
        stopped = result.outcome == "stopped"
        if known is not None and not stopped and result.fun > problem.gradient(cells, known)[0]:
            # A minimum that is none of all: the fit that was judged, which saw less, lies lower.
            first = result
            factors, result = problem.solve(cells, known, self.watch)
            for name in ("nfev", "njev", "passes", "seconds"):
                result[name] += first[name]
        result["findings"] += [*cells.found, *self._noticed(cells), *self._chosen_by(), *self._compared()]
        self._fitted_ids = cells.user_ids, cells.item_ids
        cells, factors, columns, more = extended(cells, factors, columns, features)
        result["findings"] += _answered(*more)
        self._keep(problem, cells, factors, columns)
        self.result_: Result = result
        self.n_iter_ = result.nit
        if not result.success:
            warnings.warn(f"{type(self).__name__}: {result.message}", NotConverged, stacklevel=3)

    def _keep(
        self,
        problem: Problem,
        cells: Cells,
        factors: Factors,
        columns: tuple[Columns | None, ...] = (None, None),
    ) -> None:
        self._at, self._cells, self._factors, self._columns = problem, cells, factors, columns
        maps: list[Any] = [(None, None) if own is None else own for own in factors.maps]
        self.user_map_, self.user_bias_map_ = maps[0]
        self.item_map_, self.item_bias_map_ = maps[1]
        self.user_columns_, self.item_columns_ = (None if c is None else list(c.names) for c in columns)
        self.rank_, self.alpha_ = problem.rank, problem.alpha
        self.user_ids_, self.item_ids_ = cells.user_ids, cells.item_ids
        self.user_factors_, self.item_factors_ = factors.users, factors.items
        self.user_biases_, self.item_biases_ = factors.user_biases, factors.item_biases
        self.mean_ = factors.centre
        # Found when it is asked for: fits need it not.
        self._seen: Any = None
        self._known: Any = None

    def _chosen_by(self) -> list[Finding]:
        """What is to be said where rank and alpha were chosen by little."""
        if not self.tried_ or self.held_out_["model"][self._counted] >= ENOUGH:
            return []
        count = int(self.held_out_["model"][self._counted])
        asked = " and ".join(name for name in ("rank", "alpha") if getattr(self, name) is None)
        return [
            Finding(
                "few_held_out",
                "warning",
                f"Only {count} {self._held_words} chose {asked}: what others lose there is not known well.",
                {self._counted: count},
                float(ENOUGH),
                "More data, a larger share held out (validation=), or rank= and alpha= from data like these.",
            )
        ]

    def _compared(self) -> list[Finding]:
        """What is to be said where the model does no better than what needs none."""
        if not self.held_out_:
            return []
        figure, sign, remedy = self._figure
        model = self.held_out_["model"][figure]
        others = {
            name: row[figure] for name, row in self.held_out_.items() if name != "model" and figure in row
        }
        best = min(others, key=lambda name: sign * others[name])
        if sign * model < sign * others[best]:
            return []
        return [
            Finding(
                "no_better_than_baseline",
                "problem",
                f"On what was held out the model's {figure} is {model:.4g}, and that of the {best} "
                f"{others[best]:.4g}: it does not beat a baseline that needs no model.",
                {"model": model, best: others[best]},
                None,
                remedy,
            )
        ]

    def _check(self) -> None:
        for name, least in (("rank", 1), ("max_iter", 0)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | np.integer) and value >= least):
                raise InputError(f"{name} must be None or a whole number of at least {least}; got {value!r}")
        for name in ("early_stopping", "nonnegative", "biases"):
            value = getattr(self, name, None)
            if not isinstance(value, bool | np.bool_) and not (name == "biases" and value is None):
                raise InputError(f"{name} must be True or False; got {value!r:.80}")
        for name in ("seed", "threads"):
            value = getattr(self, name)
            if not (isinstance(value, int | np.integer) and 0 <= value < 2**63):
                raise InputError(f"{name} must be a whole number of at least 0; got {value!r}")
        for name in ("alpha", "tol", "validation"):
            value = getattr(self, name)
            fits = isinstance(value, int | float | np.floating | np.integer) and 0 <= value < (
                1 if name == "validation" else np.inf
            )
            if name == "validation":
                fits = fits or (isinstance(value, str) and value == "last")
            if not (fits or (value is None and name != "tol")) or (name == "validation" and value == 0):
                within = 'between 0 and 1, or "last"' if name == "validation" else "at least 0 and finite"
                raise InputError(f"{name} must be {within}; got {value!r}")

    def summary(self, width: int = 80) -> str:
        """What was fitted and how good it is, as text.

        Parameters
        ----------
        width : int, default 80
            Columns to write in.

        Returns
        -------
        str
        """
        check_is_fitted(self, "user_factors_")
        users, items = self._cells.shape
        shown = [
            f"{type(self).__name__}: {len(self._cells):,} pairs of {users:,} users and {items:,} items",
            f"rank {self.rank_}, alpha {self.alpha_:.3g}"
            + (", chosen on what was held out" if self.tried_ else ""),
            *(
                f"features of {side}s: {', '.join(own.names)}"
                for side, own in zip(SIDES, self._columns, strict=True)
                if own is not None
            ),
            self.result_.message,
        ]
        lines = [line for text in shown for line in textwrap.wrap(text, width)]
        if self.held_out_:
            rows = list(self.held_out_.values())
            lines += [
                "",
                "on what was held out".ljust(22) + "".join(f"{name:>11}" for name in self.held_out_),
            ]
            lines += [
                f"  {figure:<20}"
                + "".join(f"{row[figure]:>11.4g}" if figure in row else " " * 11 for row in rows).rstrip()
                for figure in rows[0]
            ]
        if self.result_.findings:
            lines += ["", findings_text(self.result_.findings, width)]
        return "\n".join(lines)

    def plot(self, *, file: Any = None) -> Any:
        """Draw the figures on what was held out beside the baselines, and how rank and alpha were chosen.

        Needs matplotlib.

        Parameters
        ----------
        file : path or io.StringIO, optional
            Where to save the picture, a stream as SVG; it is then not shown.

        Returns
        -------
        ndarray of matplotlib Axes
        """
        check_is_fitted(self, "user_factors_")
        from steepest.report.recommenders import plot_recommender

        return plot_recommender(
            self.held_out_, self._drawn, as_dicts(self.tried_), self.result_.history, file=file
        )

    def _in_fit(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which users, and which items, the fit saw: not those taken in later, or by their features alone."""
        users, items = (
            codes_of(name, ids, seen) >= 0
            for name, ids, seen in zip(SIDES, (self.user_ids_, self.item_ids_), self._fitted_ids, strict=True)
        )
        return users, items

    def _fitted(self) -> tuple[Cells, Factors]:
        """What was fitted, and the factors of that."""
        there = self._in_fit()
        return only(self._cells, there), self._factors.only(there)


def _rows_of(columns: tuple[Columns | None, ...]) -> tuple[Floats | None, Floats | None]:
    """The rows of the users, and of the items."""
    users, items = (None if own is None else own.rows for own in columns)
    return users, items


def _answered(users: int, items: int) -> list[Finding]:
    """What is to be said where features are all that is known of some."""
    if not users + items:
        return []
    named = [f"{count} {name}" for count, name in ((users, "users"), (items, "items")) if count]
    return [
        Finding(
            "answered_by_features",
            "note",
            f"Of {' and '.join(named)} there is no rating or click: what their features say answers.",
            {"users": users, "items": items},
            0,
            "Fit again once they have some: these count for more than features do.",
        )
    ]
