"""Classes by their log-odds, where the penalty is chosen on held-out rows."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import sklearn.linear_model
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.model_selection import check_cv
from sklearn.utils import metadata_routing
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import _check_method_params, check_is_fitted

from steepest.errors import InputError, NotConverged

from .estimator import alike
from .logistic import LogisticRegression, LogOdds
from .named import in_memory, opened
from .problem import Solved

__all__ = ["LogisticRegressionCV"]

# The defaults that differ between versions of scikit-learn: those of the one that is installed. "warn" stands for what
# was the default before the next version changes it.
_INSTALLED = {
    name: given.default
    for name, given in inspect.signature(sklearn.linear_model.LogisticRegressionCV).parameters.items()
}

_LEGACY = _INSTALLED.get("use_legacy_attributes", True)
#: Of so many classes the second one's coefficients stand for both.
_BINARY = 2


class LogisticRegressionCV(LogOdds):
    """Classes by their log-odds, the penalty's weight (and share of l1) chosen on held-out rows.

    Parameters, the grid, the folds, the scores and the choice are scikit-learn's `LogisticRegressionCV`; every model on
    the way, and the one at the choice, is `LogisticRegression`'s, at the optimum of its objective: each begins where
    the one before ended, from the strongest penalty on, and folds are weights of rows, so that X is not copied.
    Announced departures: ``solver="auto"``, ``tol=1e-6`` and ``max_iter=None``, as in `LogisticRegression`, and no
    warnings of defaults that will change.

    Parameters
    ----------
    Cs : int or array, default 10
        The inverses of the penalty's weight, or how many of them from 1e-4 to 1e4.
    l1_ratios : array, optional
        Shares of the absolute values in the penalty, each tried: 0 is l2, 1 is l1. l2 unless given.
    fit_intercept : bool, default True
    cv : int, splitter or iterable, optional
        The folds; 5, stratified, unless given.
    penalty : {"l1", "l2", "elasticnet"}
        scikit-learn's way before version 1.8; there `l1_ratios` says all.
    scoring : str or callable, optional
        What is highest at the choice; accuracy unless given.
    class_weight : dict or "balanced", optional
        What the weights of a class's rows are multiplied by.
    refit : bool, default True
        Whether the model is fitted to all rows at the penalty with the best mean score; else it is the mean of the
        models that were best on each fold.
    intercept_scaling : float, default 1
        For ``liblinear``: the intercept is a coefficient of a column of this value.
    use_legacy_attributes : bool
        Whether the attributes of the path are scikit-learn's of before version 1.10.
    solver, tol, max_iter
        As above.
    dual, random_state, verbose, n_jobs
        State how to compute, which is decided here: taken, without effect.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    coef_ : ndarray of shape (1, features) or (classes, features)
    intercept_ : ndarray of shape (1,) or (classes,)
    Cs_, l1_ratios_ : ndarray
        The grid.
    C_, l1_ratio_, scores_, coefs_paths_, n_iter_
        As scikit-learn has them.
    result_ : Result
        How the fit at the choice ended; without `refit`, of the models whose mean it is the one farthest from its goal.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from steepest.linear import LogisticRegressionCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticRegressionCV(Cs=[0.01, 1.0, 100.0], scoring="neg_log_loss").fit(X, y)
    >>> float(model.C_[0]), model.result_.success
    (100.0, True)

    References
    ----------
    Friedman, Hastie and Tibshirani 2010, https://doi.org/10.18637/jss.v033.i01
    """

    # Weights come by the scorer, not by the estimator.
    __metadata_request__score: ClassVar[dict[str, Any]] = {"sample_weight": metadata_routing.UNUSED}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: constraints
            for name, constraints in LogisticRegression._parameter_constraints.items()
            if name not in ("C", "l1_ratio", "warm_start")
        },
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like", None, StrOptions({"warn"})],
        "cv": ["cv_object"],
        "scoring": [StrOptions({*get_scorer_names(), "warn"}), callable, None],
        "refit": ["boolean"],
        "penalty": [StrOptions({"l1", "l2", "elasticnet", "deprecated"})],
        "use_legacy_attributes": ["boolean", StrOptions({"warn"})],
    }

    def __init__(
        self,
        *,
        Cs: Any = 10,
        l1_ratios: Any = _INSTALLED["l1_ratios"],
        fit_intercept: bool = True,
        cv: Any = None,
        dual: bool = False,
        penalty: Any = _INSTALLED["penalty"],
        scoring: Any = _INSTALLED["scoring"],
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int | None = None,
        class_weight: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        refit: bool = True,
        intercept_scaling: float = 1.0,
        random_state: Any = None,
        use_legacy_attributes: Any = _LEGACY,
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.dual = dual
        self.penalty = penalty
        self.scoring = scoring
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.refit = refit
        self.intercept_scaling = intercept_scaling
        self.random_state = random_state
        self.use_legacy_attributes = use_legacy_attributes

    C_: Any
    l1_ratio_: Any
    scores_: Any
    coefs_paths_: Any
    n_iter_: Any

    def _grid(self) -> tuple[NDArray[np.float64], list[Any], list[float]]:
        """The values of C, the ratios as they are told, and those of the penalty."""
        Cs = np.logspace(-4, 4, self.Cs) if isinstance(self.Cs, Integral) else np.asarray(self.Cs)
        if Cs.ndim != 1 or not len(Cs) or Cs.dtype.kind not in "iuf" or not np.all(Cs > 0):
            raise InputError(f"Cs must be numbers above 0, or how many; got {self.Cs!r:.80}")
        given = None if isinstance(self.l1_ratios, str) else self.l1_ratios
        told = [None] if given is None else list(given)
        mixed = self.penalty == "elasticnet"
        if mixed or (self.penalty == "deprecated" and given is not None):
            if not told or not all(isinstance(r, Real) and 0 <= float(r) <= 1 for r in told):
                raise ValueError(
                    f"l1_ratios must be an array-like of numbers between 0 and 1; got (l1_ratios={given!r:.80})"
                )
            return Cs, told, [float(r) for r in told if r is not None]
        if given is not None:
            warnings.warn(
                f"l1_ratios parameter is only used when penalty is 'elasticnet'. Got (penalty={self.penalty})",
                stacklevel=4,
            )
        return Cs, told, [1.0 if self.penalty == "l1" else 0.0] * len(told)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> LogisticRegressionCV:
        """Chooses the penalty on held-out rows and fits the model there.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
            Classes: numbers, strings or booleans.
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        **params
            For the splitter and the scorer, where scikit-learn routes metadata.

        Returns
        -------
        LogisticRegressionCV
            The estimator itself, fitted.

        Raises
        ------
        InputError
            If `Cs` are no numbers above 0, X is a path to files, whose rows cannot be held out, or there is no fold,
            or one without a row to be fitted to.
        """
        _raise_for_params(params, self, "fit")
        Cs, told, ratios = self._grid()
        in_memory(self, X, y=y, sample_weight=sample_weight)
        X, y = self._checked(X, y, (sample_weight,))
        codes, weight, _ = self._rows(X, y, sample_weight)
        split, scored = self._routed(sample_weight, params)
        score = self._scores_of(X, alike(y), scored)
        folds = list(check_cv(self.cv, y, classifier=True).split(X, y, **split))
        if not folds:
            raise InputError("cv gives no folds, on which the penalty could be chosen")
        # Each begins where the one before ended, so from the strongest penalty on.
        order = np.argsort(Cs, kind="stable")
        shape = (len(folds), len(ratios), len(Cs))
        scores, steps = np.empty(shape), np.empty(shape, dtype=np.int32)
        found: dict[tuple[int, ...], Solved] = {}
        for f, (train, test) in enumerate(folds):
            model = self._judged(X.shape[1])
            times = np.bincount(np.arange(len(codes))[train], minlength=len(codes)).astype(np.float64)
            rows = times if weight is None else times * weight
            if not rows.any():
                raise InputError(f"fold {f} has no row to be fitted to, or none of a weight above 0")
            aside = X[test]
            for r, ratio in enumerate(ratios):
                start = None
                for c in order:
                    solved = self._at(X, codes, rows, Cs[c], ratio, start)
                    start = (solved.coef, solved.intercept)
                    model.C, model.coef_, model.intercept_ = Cs[c], *start
                    scores[f, r, c], steps[f, r, c] = score(model, aside, test), solved.result.nit
                    found[f, r, c] = solved
        chosen = self._choose(X, codes, weight, Cs, ratios, scores, found)
        paths = np.array([np.column_stack([s.coef, s.intercept]) for s in found.values()])
        places = np.array(list(found)).T
        whole = np.empty((*shape, *paths.shape[1:]))
        whole[tuple(places)] = paths
        self._tell(Cs, told, scores, steps, whole if self.fit_intercept else whole[..., :-1])
        short = sum(not s.result.success for s in found.values())
        self._set_result(chosen)
        if short and self.result_.success:
            warnings.warn(
                f"{type(self).__name__}: {short} of {len(found)} fits to folds ended short of tol={self.tol:g}; the "
                "fit at the choice did not",
                NotConverged,
                stacklevel=3,
            )
        return self

    def _factors(self, y: NDArray[Any], codes: NDArray[Any], weight: Any) -> NDArray[Any]:
        if isinstance(self.class_weight, dict) and not set(self.class_weight) <= set(self.classes_.tolist()):
            raise ValueError(
                "The given class_weight dict must have the class labels as keys; "
                f"classes={self.classes_} but key={self.class_weight.keys()}"
            )
        return super()._factors(y, codes, weight)

    def _at(
        self,
        X: Any,
        codes: NDArray[np.float64],
        weight: NDArray[np.float64] | None,
        C: float,
        ratio: float,
        start: tuple[NDArray[np.float64], ...] | None,
    ) -> Solved:
        """The model at one penalty."""
        total = float(len(codes) if weight is None else weight.sum())
        solved = self._objective(float(C), ratio, total).solve(
            X, codes, weight, start=start, names=self._names()
        )
        return Solved(*self._parts(solved.coef, solved.intercept, np.float64), solved.result)

    def _choose(
        self,
        X: Any,
        codes: NDArray[np.float64],
        weight: NDArray[np.float64] | None,
        Cs: NDArray[np.float64],
        ratios: Sequence[float],
        scores: NDArray[np.float64],
        found: dict[tuple[int, ...], Solved],
    ) -> list[Any]:
        """Sets the coefficients, C and the ratio of the choice; returns how its fits ended."""
        # Of equal scores the first, along C before the ratios, as scikit-learn has it.
        along = scores.swapaxes(1, 2)
        if self.refit:
            c, r = np.unravel_index(np.argmax(along.sum(axis=0)), along.shape[1:])
            near = [found[f, int(r), int(c)] for f in range(len(scores))]
            start = (np.mean([s.coef for s in near], axis=0), np.mean([s.intercept for s in near], axis=0))
            best = [self._at(X, codes, weight, Cs[c], ratios[int(r)], start)]
            at = [(int(c), int(r))]
        else:
            at = [
                tuple(int(i) for i in np.unravel_index(np.argmax(each), each.shape))  # type: ignore[misc]
                for each in along
            ]
            best = [found[f, r, c] for f, (c, r) in enumerate(at)]
        self.coef_ = np.mean([s.coef for s in best], axis=0)
        self.intercept_ = np.mean([s.intercept for s in best], axis=0)
        self.C_ = float(np.mean([Cs[c] for c, _ in at]))
        self.l1_ratio_ = float(np.mean([ratios[r] for _, r in at]))
        return [s.result for s in best]

    def _tell(
        self,
        Cs: NDArray[np.float64],
        told: list[Any],
        scores: NDArray[np.float64],
        steps: NDArray[np.int32],
        paths: NDArray[np.float64],
    ) -> None:
        """Sets what is told of the path: arrays of folds, ratios and values of C."""
        self.Cs_, self.l1_ratios_ = Cs, np.asarray(told)
        if self.use_legacy_attributes is False:
            self.scores_, self.n_iter_, self.coefs_paths_ = scores, steps, paths
            return
        classes = self.classes_[1:] if len(self.classes_) == _BINARY else self.classes_
        # Before, the ratios came last and had no dimension where none were given.
        at = (slice(None), 0) if told == [None] else ()

        def last(told: NDArray[Any]) -> NDArray[Any]:
            return told[at] if at else np.moveaxis(told, 1, 2)

        self.scores_ = {label: last(scores).copy() for label in classes}
        self.coefs_paths_ = {label: last(paths)[..., k, :] for k, label in enumerate(classes)}
        self.n_iter_ = last(steps)[None]
        ratio = told[0] if told == [None] and self.refit else self.l1_ratio_
        self.C_, self.l1_ratio_ = np.full(len(classes), self.C_), np.array([ratio] * len(classes))

    def _judged(self, columns: int) -> LogisticRegression:
        """What a scorer is given."""
        model = LogisticRegression(solver=self.solver)
        model.classes_, model.n_features_in_ = self.classes_, columns
        return model

    def _scores_of(self, X: Any, y: NDArray[Any], params: dict[str, Any]) -> Any:
        """The score of a model on held-out rows."""
        scorer = self._get_scorer()
        if self.scoring not in (None, "warn"):
            known = getattr(scorer, "_score_func", None)
            takes = inspect.signature(known).parameters if known is not None else {}
            if "labels" in takes:
                # Held-out rows may have fewer classes than there are.
                more = {"labels": self.classes_, **scorer._kwargs}
                if len(self.classes_) == _BINARY and "pos_label" in takes:
                    more = {"pos_label": self.classes_[-1], **more}
                scorer = make_scorer(
                    known,
                    greater_is_better=scorer._sign == 1,
                    response_method=scorer._response_method,
                    **more,
                )

        def score(model: LogisticRegression, aside: Any, test: Any) -> float:
            given = _check_method_params(X=X, params=params, indices=test)
            return float(scorer(model, aside, y[test], **given))

        return score

    def _routed(self, sample_weight: Any, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the splitter is given, and the scorer."""
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        if not _routing_enabled():
            return {}, weights
        routed = process_routing(self, "fit", sample_weight=sample_weight, **params)
        # Nobody asks for weights on behalf of a scorer that was not given.
        plain = self.scoring in (None, "warn")
        return dict(routed.splitter.split), weights if plain else dict(routed.scorer.score)

    def _get_scorer(self) -> Any:
        named = None if self.scoring == "warn" else self.scoring
        return get_scorer("accuracy" if named is None else named)

    def get_metadata_routing(self) -> MetadataRouter:
        """Who is given what by name: the splitter and the scorer.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        router = MetadataRouter(owner=self)
        router.add_self_request(self)
        router.add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        both = MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score")
        return router.add(scorer=self._get_scorer(), method_mapping=both)

    def score(self, X: Any, y: Any, sample_weight: Any = None, **score_params: Any) -> float:
        """The score by `scoring`: accuracy unless it was given.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        sample_weight : array of shape (rows,), optional
        **score_params
            For the scorer, where scikit-learn routes metadata.

        Returns
        -------
        float
            The higher, the better.
        """
        _raise_for_params(score_params, self, "score")
        check_is_fitted(self)
        X, y, sample_weight = opened(X, y, sample_weight)
        labels = np.asarray(y)
        y = alike(labels) if labels.dtype == object else y
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        if _routing_enabled():
            given = dict(process_routing(self, "score", **given, **score_params).scorer.score)
        return float(self._get_scorer()(self, X, y, **given))

    def _inferred(self) -> tuple[str, dict[str, float], bool]:
        return "logistic", {}, not np.all(np.isinf(self.C_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = False
        return tags
