"""Any loss and any penalty of the catalogue over a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import ClassifierTags, check_random_state
from sklearn.utils.metaestimators import available_if

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError

from .coded import between, by_name, in_order, order_of
from .estimator import LinearRegressor
from .inference import Inferred
from .links import linked
from .named import opened
from .problem import Problem, Solved
from .settings import factors, labels, limits, mapping, number, text, whole
from .turned import Turned, axes_of

__all__ = ["GeneralizedLinear"]


@cache
def _losses() -> dict[str, Any]:
    """The catalogue's losses by name."""
    return {entry["name"]: entry for entry in _core.catalog()["losses"]}


def _about(model: GeneralizedLinear) -> dict[str, Any]:
    """What the catalogue has of the loss with its link; nothing where there is no such."""
    try:
        name = model._loss()[0]
    except InputError:
        return {}
    about: dict[str, Any] = _losses().get(name, {}) if isinstance(name, str) else {}
    return about


def _tells_probabilities(model: GeneralizedLinear) -> bool:
    """Whether the loss is one of classes that have probabilities."""
    return _tells_classes(model) and bool(_about(model)["probabilities"])


def _tells_classes(model: GeneralizedLinear) -> bool:
    """Whether the loss is one of classes; what only such a model has is not there otherwise."""
    return bool(_about(model).get("classes"))


def _learns(model: GeneralizedLinear) -> bool:
    """Whether the loss learns numbers beside the coefficients."""
    return bool(_about(model).get("outputs") == "learnt")


def _orders(model: GeneralizedLinear) -> bool:
    """Whether the loss is one of classes in an order, of which it learns the cuts between."""
    return _tells_classes(model) and _learns(model)


def _tells_odds(model: GeneralizedLinear) -> bool:
    """Whether margins are the odds of classes."""
    return _tells_classes(model) and not _learns(model)


def _each(bounds: tuple[Floats, Floats] | None, targets: int) -> list[tuple[Floats, Floats] | None]:
    """The bounds of each target: those of all, or a row of them."""
    if bounds is None or targets == 1:
        return [bounds] * targets
    return list(zip(*(end if end.ndim > 1 else [end] * targets for end in bounds), strict=True))


class GeneralizedLinear(Inferred, LinearRegressor):
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
        tells, order = _tells_classes(self), order_of(y)
        X, y = self._checked(X, y, beside, multi_output=True, y_numeric=not tells)
        outputs = 1
        self.__dict__.pop("classes_", None)
        if tells:
            loss, many = self._loss()[0], _about(self)["outputs"] == "many"
            coded = in_order(loss, y, order) if _orders(self) else by_name(loss, many, y)
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
        values, axes = axes_of(self.penalty_matrix, columns)
        if axes is None:
            return replace(problem, factors=values)
        if bounded:
            raise InputError(
                "penalty_matrix goes without bounds, unless it is diagonal: its axes are not the columns"
            )
        if self.watch is not None:
            raise InputError("penalty_matrix goes without watch, which would see coefficients along its axes")
        fields = {one.name: getattr(problem, one.name) for one in dataclass_fields(problem)}
        return Turned(**{**fields, "factors": values}, axes=axes)

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

    def _cut(self) -> int | None:
        """How many classes there are cuts between."""
        return len(self.classes_) if _orders(self) else None

    def _numbers(self, margin: NDArray[Any]) -> Floats:
        """What each row's loss is of: its margin, and what was learnt."""
        margin = np.asarray(margin, dtype=np.float64)
        if not _learns(self):
            return margin
        if _orders(self):
            margin = margin - float(self.thresholds_[0])
        beside = np.asarray(self.learnt_, dtype=np.float64)
        return np.column_stack([margin, np.broadcast_to(beside, (len(margin), len(beside)))])

    def _kept(self, X: Any) -> type[np.floating[Any]]:
        if self.penalty_matrix is not None:
            # What is rounded along other axes would not be what is handed over.
            return np.float64
        # Rounding moves margins, and what is made of straight parts by as much; all others by the square of that.
        return np.float64 if _about(self).get("straight") else super()._kept(X)

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
            if _learns(self):
                learnt = np.vstack([s.learnt for s in solved])
                self.learnt_ = learnt[0] if len(learnt) == 1 else learnt
            if _orders(self):
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

    def _targets(self, y: Any) -> Any:
        return self._places(np.asarray(y)) if _tells_classes(self) else y

    def _loss(self) -> tuple[str, list[tuple[str, float]]]:
        """The loss of the catalogue that it is with its link, and its settings."""
        settings = self.loss_settings if isinstance(self.loss_settings, Mapping) else {}
        loss, own = linked(self.loss, settings, self.link)
        return loss, list(own.items())

    def _outputs(self) -> int:
        """Margins that a row's loss takes together."""
        return len(self.classes_) if _about(self)["outputs"] == "many" else 1

    def linear_predictor(self, X: Any) -> NDArray[Any]:
        """The margin Xw + b: the log-odds of two classes, the logarithm of the mean for ``poisson``.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows,), (rows, targets) or (rows, classes)
        """
        return self._scores(X)

    def _means(self, margin: NDArray[Any]) -> NDArray[Any]:
        """What the margins stand for: means, or probabilities."""
        flat = np.ascontiguousarray(margin, dtype=np.float64).ravel()
        means = _core.means(self._loss(), self._outputs(), flat).reshape(margin.shape)
        return means.astype(margin.dtype, copy=False)

    def predict(self, X: Any, *, offset: Any = None, exposure: Any = None) -> NDArray[Any]:
        """What y is expected to be: means, or the likeliest class of each row.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        offset, exposure : arrays of shape (rows,), optional
            As in `fit`; 0 and 1 unless given.

        Returns
        -------
        ndarray of shape (rows,) or (rows, targets)
        """
        margin, beforehand = self._margins(X, offset, exposure)
        if beforehand is not None:
            margin = (margin.T + beforehand).T
        if not _tells_classes(self):
            return self._means(margin)
        if _orders(self):
            margin = between(self.thresholds_, margin)
        several = self._outputs() > 1 or _orders(self)
        which = margin.argmax(axis=1) if several else self._second(margin).astype(np.intp)
        return np.asarray(self.classes_[which])

    def _second(self, margin: NDArray[Any]) -> NDArray[np.bool_]:
        """Where the second class is the likelier: above a margin of 0, or wherever its probability is above a half."""
        even = _core.means(self._loss(), 1, np.zeros(1))[0]
        if not _tells_probabilities(self) or even == 0.5:
            return margin > 0
        flat = np.ascontiguousarray(margin, dtype=np.float64).ravel()
        return _core.means(self._loss(), 1, flat).reshape(margin.shape) > 0.5

    @available_if(_tells_odds)
    def decision_function(self, X: Any) -> NDArray[Any]:
        """The log-odds: one a row for two classes, one a row and class for several.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        """
        return self._scores(X)

    @available_if(_tells_probabilities)
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each class, in the order of `classes_`: rows x classes; only where the loss has classes.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        """
        margin = self._scores(X)
        if _orders(self):
            return between(self.thresholds_, margin).astype(margin.dtype, copy=False)
        means = self._means(margin)
        if self._outputs() > 1:
            return means
        if means.ndim > 1:
            raise InputError("probabilities are of one target; this model has several: fit one for each")
        return np.column_stack([1.0 - means, means])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of the deviance explained, D2 = 1 - loss / loss of the best constant; R2 for ``squared``.

        1 is a perfect fit, 0 is as good as a constant. Of several targets the mean.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,) or (rows, targets)
        sample_weight : array of shape (rows,), optional

        Returns
        -------
        float
            At most 1.

        Raises
        ------
        InputError
            If X, y and the weights differ in length.

        References
        ----------
        Hastie, Tibshirani and Wainwright 2015, Statistical Learning with Sparsity, equation 3.11.
        """
        X, y, sample_weight = opened(X, y, sample_weight)
        margin = np.asarray(self._scores(X), dtype=np.float64)
        target = np.asarray(y)
        weight = (
            np.ones(len(target)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        )
        if len(target) != len(margin) or weight.shape != (len(target),):
            raise InputError(
                f"X, y and sample_weight must have as many rows; got {len(margin)}, {len(target)} and {len(weight)}"
            )
        if _tells_classes(self):
            target = self._places(target)
        target = np.asarray(target, dtype=np.float64)
        if self._outputs() > 1:
            return self._explained(target.ravel(), margin, weight)
        pairs = zip(target.reshape(len(target), -1).T, margin.reshape(len(margin), -1).T, strict=True)
        return float(np.mean([self._explained(t, m, weight) for t, m in pairs]))

    def _places(self, y: NDArray[Any]) -> NDArray[Any]:
        """Each row's place among the classes that the model knows."""
        places = np.searchsorted(self.classes_, y).clip(0, len(self.classes_) - 1)
        unknown = self.classes_[places] != y
        if unknown.any():
            raise InputError(f"y has the class {y[unknown].tolist()[0]!r}, which the model does not know")
        return np.asarray(places)

    def _explained(self, target: Floats, margin: Floats, weight: Floats) -> float:
        """D2 of one target."""

        target, flat = np.ascontiguousarray(target), np.ascontiguousarray(self._numbers(margin)).ravel()
        rows = _core.row_losses(self._loss(), self._cut() or self._outputs(), target, flat)
        own, null = float(weight @ rows / weight.sum()), self._null(target, weight)
        if null <= 0.0:
            return 1.0 if own <= 0.0 else 0.0
        return 1.0 - own / null

    def _null(self, target: Floats, weight: Floats | None, offset: Floats | None = None) -> float:
        """The loss of the best constant, which is a model of its own: an intercept, and a column that says nothing."""
        loss, settings = self._loss()
        constant = Problem(
            loss=loss,
            loss_settings=dict(settings),
            penalty="none",
            outputs=self._outputs(),
            classes=self._cut(),
            tol=1e-12,
        )
        solved = constant.solve(np.zeros((len(target), 1)), target, weight, offset=offset)
        return float(solved.result.fun)

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if _tells_classes(self):
            many = _about(self)["outputs"] != "one"
            tags.estimator_type, tags.regressor_tags = "classifier", None
            tags.classifier_tags = ClassifierTags(multi_class=many)
        return tags
