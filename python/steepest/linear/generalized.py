"""Any loss and any penalty of the catalogue over a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_random_state

from steepest._types import Floats
from steepest.errors import InputError

from .coded import by_name, in_order, order_of
from .inference import Inferred
from .links import linked
from .predicted import Predicted, about, learns, orders, tells_classes
from .problem import Problem, Solved
from .settings import factors, labels, limits, mapping, number, text, whole
from .turned import Turned, axes_of, in_order_of

__all__ = ["GeneralizedLinear"]


def _each(bounds: tuple[Floats, Floats] | None, targets: int) -> list[tuple[Floats, Floats] | None]:
    """The bounds of each target: those of all, or a row of them."""
    if bounds is None or targets == 1:
        return [bounds] * targets
    return list(zip(*(end if end.ndim > 1 else [end] * targets for end in bounds), strict=True))


class GeneralizedLinear(Inferred, Predicted):
    """A linear model with any loss and any penalty of the catalogue.

    Minimises sum(weight * loss(y, Xw + b)) / sum(weight) + alpha * penalty(w), the intercept free.
    `predict` returns what y is expected to be: means (exp(Xw + b) for ``poisson``), or classes, as they came, for
    ``logistic`` and ``softmax``, which have `predict_proba` and `decision_function` too. `linear_predictor` is Xw + b
    itself. ``ordinal`` is for classes in an order: P(y <= classes_[k]) = 1 / (1 + exp(Xw - thresholds_[k])).
    `score` is the share of the deviance explained (D2; R2 for ``squared``), so that a search picks the model whose
    predictions cost least by its own loss.

    Parameters
    ----------
    loss : str, default "squared"
        ``steepest list losses`` has them. Targets of ``logistic`` and ``softmax`` are classes: numbers, texts or
        booleans. Those of ``ordinal`` are in an order: numbers, or an ordered categorical of pandas.
    penalty : str or None, default "l2"
        ``steepest list penalties`` has them; None is ``"none"``.
    alpha : float, default 1e-4
        The weight of the penalty, at least 0.
    loss_settings, penalty_settings : mapping of str to float, optional
        ``{"width": 2.0}`` for Huber's loss, ``{"ratio": 0.9}`` for the elastic net.
    link : str, optional
        What of the mean is linear in the columns, where not the loss's usual link: ``"probit"`` or ``"cloglog"`` with
        ``logistic`` (they are the losses ``probit`` and ``cloglog``), ``"log"`` with ``squared`` (the loss
        ``gaussian_log``, which is not convex), ``"identity"`` or ``"log"`` with ``tweedie`` of power 0. The usual links
        may be named too: ``"logit"``, ``"identity"``, ``"log"``. Predictions are on the scale of y under all of them.
    groups : array of shape (features,), optional
        The group of each column, by any label, for ``group_lasso``: the coefficients of a group are all 0 or none is.
        Of several margins (``softmax``) the coefficients of one column are one group unless given.
    penalty_weights : array of shape (features,), optional
        What alpha is multiplied by for each column (adaptive penalties); 0 leaves its coefficient free.
    penalty_matrix : array or sparse matrix of shape (features, features), optional
        P of the penalty ½ w'P w, which ``l2`` is then (Tikhonov's): symmetric, positive semi-definite, of the columns
        as they are given, whatever their scales; directions that it takes to 0 are free. Smooth curves of neighbouring
        columns have D'D for the matrix D of their differences. The problem is solved along P's axes, which takes
        features cubed once and X in memory as a dense array; a diagonal P leaves X as it is.
    bounds : (lower, upper), scipy.optimize.Bounds or mapping, optional
        The least and the largest coefficients allowed, beside the penalty: each one number for all, or of shape
        (features,), or with a row for each target or class; None and infinity are no bound. Or pairs by columns' names,
        ``{"price": (None, 0)}``, the others free. ``(0, inf)`` fixes a sign, equal bounds fix a coefficient. They hold
        for `coef_`, in the columns' own units; intercepts have none.
    fit_intercept : bool, default True
    method : str, optional
        The method that suits best unless given; under early stopping ``gradient_descent``, which comes by points
        that the optimum's leaps leave out.
    method_settings : mapping of str to float, optional
        ``{"rate": 0.01, "batch_size": 32}`` for a rule over batches.
    tol : float, default 1e-6
        The objective's distance from its optimum, relative to its value.
    max_iter, max_passes, max_seconds : numbers, optional
        Budgets: steps, reads of the table, seconds. None is without limit; but where a method is named and no
        budget is, it is given up after 100 000 steps.
    early_stopping : bool, default False
        Holds out rows that the descent does not see, stops once their loss no longer falls, and keeps the best
        point there: for a descent that is to end before its optimum, as it is without a penalty.
    validation_fraction : float, default 0.1
        The part of the rows that is held out.
    n_iter_no_change : int, default 5
        Iterations without a fall of the held-out loss before it stops.
    random_state : int, RandomState or None, default 0
        Draws the rows that are held out.
    threads : int, default 0
        At most so many; 0 takes what the machine gives. The answer has the same bits whatever the number.
    warm_start : bool, default False
        Starts where the last fit ended.
    watch : callable, optional
        Called with the progress, at most ten times a second; returning true stops.

    Attributes
    ----------
    coef_ : ndarray of shape (features,) or (targets, features)
        Of ``softmax`` of shape (classes, features).
    intercept_ : float or ndarray of shape (targets,) or (classes,)
    classes_ : ndarray of shape (classes,)
        Where the loss is one of classes.
    thresholds_ : ndarray of shape (classes - 1,)
        Of ``ordinal``: the cuts between classes, ascending, on the scale of Xw; `intercept_` is 0, since they hold it.
    learnt_ : ndarray of shape (numbers,) or (targets, numbers)
        Where the loss learns numbers beside the coefficients: they, as its page in `steepest.losses` has them.
    result_ : Result
        How it ended; of several targets the one farthest from its goal. `results_` has all.

    Examples
    --------
    >>> from steepest.linear import GeneralizedLinear
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 30.0]
    >>> model = GeneralizedLinear(loss="huber", penalty="l1", alpha=1e-3).fit(X, y)
    >>> model.result_.success
    True

    References
    ----------
    Nelder and Wedderburn 1972, https://doi.org/10.2307/2344614
    """

    def __init__(
        self,
        loss: str = "squared",
        penalty: str | None = "l2",
        alpha: float = 1e-4,
        *,
        loss_settings: Mapping[str, float] | None = None,
        penalty_settings: Mapping[str, float] | None = None,
        link: str | None = None,
        groups: Any = None,
        penalty_weights: Any = None,
        penalty_matrix: Any = None,
        bounds: Any = None,
        fit_intercept: bool = True,
        method: str | None = None,
        method_settings: Mapping[str, float] | None = None,
        tol: float = 1e-6,
        max_iter: int | None = None,
        max_passes: float | None = None,
        max_seconds: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        random_state: Any = 0,
        threads: int = 0,
        warm_start: bool = False,
        watch: Callable[..., Any] | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.loss_settings = loss_settings
        self.penalty_settings = penalty_settings
        self.link = link
        self.groups = groups
        self.penalty_weights = penalty_weights
        self.penalty_matrix = penalty_matrix
        self.bounds = bounds
        self.fit_intercept = fit_intercept
        self.method = method
        self.method_settings = method_settings
        self.tol = tol
        self.max_iter = max_iter
        self.max_passes = max_passes
        self.max_seconds = max_seconds
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.threads = threads
        self.warm_start = warm_start
        self.watch = watch

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        offset: Any = None,
        exposure: Any = None,
        checkpoint: Any = None,
    ) -> GeneralizedLinear:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or rows that are read while they are computed with: names of files, a function or an iterator that gives
            batches, a lazy frame, a data set. What has one value a row is then given by its column's name, and columns
            of texts are categories (`categories_`, `coef_names_`).
        y : array of shape (rows,) or (rows, targets)
            Classes of shape (rows,) where the loss is one of classes; several columns of 0 and 1 for ``logistic``.
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        offset : array of shape (rows,), optional
            Known beforehand of each row: the margin is Xw + b + offset. For losses of one margin.
        exposure : array of shape (rows,), optional
            Above 0: its logarithm is added likewise, so that ``poisson`` counts so many units of time or of area.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.

        Returns
        -------
        GeneralizedLinear
            The estimator itself, fitted.

        Raises
        ------
        InputError
            If an argument or a setting cannot be used; the message names it.
        """
        if self.watch is not None and not callable(self.watch):
            raise InputError(f"watch must be called with the progress; got {self.watch!r:.80}")
        X, y, outputs = self._rows(X, y, (sample_weight, offset, exposure))
        targets = 1 if y.ndim == 1 else y.shape[1]
        problems = self._problems(outputs, X, targets)
        held = self._held(len(y)) if self.early_stopping else None
        beforehand = self._beforehand(X, offset, exposure, X.shape[0])
        if held is not None and beforehand is not None:
            raise InputError("early_stopping takes no offset and no exposure: fit without one of them")
        solved = self._fit_targets(
            X,
            y,
            problems,
            sample_weight,
            self.warm_start,
            self.watch,
            held,
            beforehand,
            checkpoint,
        )
        self._keep(solved, X, y)
        self.n_iter_ = np.array([r.nit for r in self.results_], dtype=np.int32)
        return self

    def _rows(self, X: Any, y: Any, beside: Sequence[Any]) -> tuple[Any, Any, int]:
        """X, y in numbers, and the margins of a row."""
        self._loss()
        tells, order = tells_classes(self), order_of(y)
        X, y = self._checked(X, y, beside, multi_output=True, y_numeric=not tells)
        outputs = 1
        self.__dict__.pop("classes_", None)
        if tells:
            loss, many = self._loss()[0], about(self)["outputs"] == "many"
            coded = in_order(loss, y, order) if orders(self) else by_name(loss, many, y)
            self.classes_, y = coded
            if many:
                outputs = max(2, len(self.classes_))
        return X, y, outputs

    def _problems(self, outputs: int, X: Any, targets: int) -> list[Problem]:
        """The objective of each target."""
        problem = self._problem(outputs, X.shape[1])
        bounds = limits(self.bounds, self._names(), max(outputs, targets), X.shape[1])
        if self.penalty_matrix is not None:
            problem = self._turned(problem, X.shape[1], bounds is not None)
        return [replace(problem, bounds=own) for own in _each(bounds, targets)]

    def _turned(self, problem: Problem, columns: int, bounded: bool) -> Problem:
        """The problem along the axes of the penalty's matrix."""
        if problem.penalty != "l2":
            raise InputError(
                f"penalty_matrix goes with penalty='l2', of which it is the matrix; got {self.penalty!r:.80}"
            )
        if problem.factors is not None:
            raise InputError(
                "penalty_matrix goes without penalty_weights: multiply its rows and columns by their roots"
            )
        matrix = in_order_of(self.penalty_matrix, self._names())
        values, axes = axes_of(matrix, columns)
        if axes is None:
            return replace(problem, factors=values)
        if bounded:
            raise InputError(
                "penalty_matrix goes without bounds, unless it is diagonal: its axes are not the columns"
            )
        if self.watch is not None:
            raise InputError("penalty_matrix goes without watch, which would see coefficients along its axes")
        fields = {one.name: getattr(problem, one.name) for one in dataclass_fields(problem)}
        thin, given = sparse.issparse(matrix), matrix
        dense = np.asarray(given.toarray() if thin else given, dtype=np.float64)
        return Turned(**{**fields, "factors": values}, axes=axes, matrix=dense)

    def _problem(self, outputs: int, columns: int) -> Problem:
        """The objective, and when to stop."""
        method = self.method
        if method is None and self.early_stopping:
            method = "gradient_descent"
        text("loss", self.loss)
        loss, settings = linked(self.loss, mapping("loss_settings", self.loss_settings), self.link)
        return Problem(
            loss=loss,
            loss_settings=settings,
            penalty="none" if self.penalty is None else text("penalty", self.penalty),
            penalty_settings=mapping("penalty_settings", self.penalty_settings),
            alpha=number("alpha", self.alpha),
            outputs=outputs,
            classes=self._cut(),
            intercept=self.fit_intercept,
            groups=None if self.groups is None else labels(self.groups, columns),
            factors=None if self.penalty_weights is None else factors(self.penalty_weights, columns),
            method=None if method is None else text("method", method),
            method_settings=mapping("method_settings", self.method_settings),
            tol=number("tol", self.tol),
            max_iter=whole("max_iter", self.max_iter, free=True),
            max_passes=number("max_passes", self.max_passes, free=True),
            max_seconds=number("max_seconds", self.max_seconds, free=True),
            threads=min(whole("threads", self.threads), 1 << 16),
        )

    def _kept(self, X: Any) -> type[np.floating[Any]]:
        if self.penalty_matrix is not None:
            # What is rounded along other axes would not be what is handed over.
            return np.float64
        # Rounding moves margins, and what is made of straight parts by as much; all others by the square of that.
        return np.float64 if about(self).get("straight") else super()._kept(X)

    def _starts(self, targets: int, features: int) -> list[Any]:
        """Where the last fit ended, with what was learnt."""
        starts = super()._starts(targets, features)
        learnt = getattr(self, "learnt_", None)
        if learnt is None or starts[0] is None:
            return starts
        cuts = getattr(self, "thresholds_", None)
        if cuts is not None and len(cuts) + 1 != len(self.classes_):
            return [None] * targets
        free = 0.0 if cuts is None else float(cuts[0])
        rows = np.reshape(learnt, (targets, -1))
        return [(coef, b - free, np.asarray(row)) for (coef, b), row in zip(starts, rows, strict=True)]

    def _keep(self, solved: Any, X: Any, y: NDArray[Any]) -> None:
        """Sets what a fitted model has; several margins have no column of targets to be taken for."""
        for name in ("learnt_", "thresholds_"):
            self.__dict__.pop(name, None)
        if len(solved[0].intercept) == 1:
            super()._keep(solved, X, y)
            if learns(self):
                learnt = np.vstack([s.learnt for s in solved])
                self.learnt_ = learnt[0] if len(learnt) == 1 else learnt
            if orders(self):
                gaps = np.arange(1, len(self.learnt_) + 1) + self.learnt_
                self.thresholds_ = np.concatenate([[0.0], gaps]) - float(solved[0].intercept[0])
                self.intercept_ = np.zeros((), dtype=self._kept(X))[()]
            return
        # The probabilities do not change by a common shift of all intercepts.
        shift = solved[0].intercept.mean()
        whole = Solved(solved[0].coef, solved[0].intercept - shift, solved[0].result)
        super()._keep([whole], X, np.empty((len(y), len(whole.intercept))))

    def _inferred(self) -> tuple[str, dict[str, float], bool]:
        free = self.penalty in (None, "none") or self.alpha == 0
        loss, settings = self._loss()
        return loss, dict(settings), not free or self.bounds is not None

    def _held(self, rows: int) -> tuple[Any, int]:
        """Which rows are held out, and the patience."""
        share = number("validation_fraction", self.validation_fraction, -np.inf)
        patience = whole("n_iter_no_change", self.n_iter_no_change, -(1 << 62))
        if not 0.0 < share < 1.0:
            raise ValueError(f"validation_fraction must be between 0 and 1; got {share}")
        if patience < 1:
            raise ValueError(f"n_iter_no_change must be at least 1; got {patience}")
        count = max(1, round(share * rows))
        if count >= rows:
            raise ValueError(
                f"validation_fraction={share} of {rows} rows leaves none to learn from; got too few rows"
            )
        held = np.zeros(rows, dtype=bool)
        held[check_random_state(self.random_state).permutation(rows)[:count]] = True
        return held, int(patience)
