"""Classes by their log-odds."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import sklearn.linear_model
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from steepest.errors import InputError

from .callbacks import CallbackSupportMixin, Onlookers, with_callbacks
from .estimator import Classes, LinearEstimator, alike
from .inference import Inferred
from .named import opened
from .problem import Problem

__all__ = ["LogOdds", "LogisticRegression"]

# The defaults that differ between versions of scikit-learn: those of the one that is installed.
_INSTALLED = inspect.signature(sklearn.linear_model.LogisticRegression).parameters
_PENALTY = _INSTALLED["penalty"].default
# As NumPy's number, so that what was left untouched contradicts nothing.
_L1_RATIO = _INSTALLED["l1_ratio"].default
_L1_RATIO = _L1_RATIO if _L1_RATIO is None else np.float64(_L1_RATIO)


_CHUNK = 1 << 16

# What scikit-learn says of each solver where a budget ran out: filters of warnings look for these words.
_UNCONVERGED = {
    "lbfgs": "lbfgs failed to converge after {steps} iterations. Increase the number of iterations (max_iter).",
    "newton-cg": "newton-cg failed to converge after {steps} iterations. Increase the number of iterations.",
    "newton-cholesky": "Newton solver did not converge after {steps} iterations.",
    "liblinear": "Liblinear failed to converge, increase the number of iterations.",
    "sag": "The max_iter was reached which means the coef_ did not converge",
    "saga": "The max_iter was reached which means the coef_ did not converge",
}


def _coded(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The classes in order and each row's place among them; by pieces, for all rows at once take time and memory."""
    y = alike(y)
    pieces = [y[at : at + _CHUNK] for at in range(0, len(y), _CHUNK)]
    plain = y.dtype.kind in "biu" or (y.dtype.kind == "f" and all((p == np.floor(p)).all() for p in pieces))
    if not plain:
        if y.dtype == object and {type(label) for label in y.tolist()} == {int}:
            raise InputError(f"y has an integer beyond 64 bits, {max(y, key=abs)}: pass the classes as texts")
        check_classification_targets(y)
    classes = np.unique(np.concatenate([np.unique(piece) for piece in pieces]))
    if y.dtype == np.float64 and np.array_equal(classes, [0.0, 1.0]):
        return classes, y
    return classes, np.concatenate([np.searchsorted(classes, piece).astype(np.float64) for piece in pieces])


class LogOdds(Inferred, ClassifierMixin, Classes, LinearEstimator):  # type: ignore[misc]
    """What models of classes by their log-odds share."""

    solver: str
    class_weight: Any
    fit_intercept: bool
    intercept_scaling: float
    tol: float
    max_iter: int | None
    coef_: Any
    intercept_: Any

    def _objective(self, C: float, ratio: float, total: float) -> Problem:
        """The objective, given the penalty's weight, its share of l1 and the sum of the weights."""
        classes = len(self.classes_)
        penalised = 0.0
        if self.solver == "liblinear":
            if classes > 2:
                raise ValueError(
                    "Only binary classification is supported. The 'liblinear' solver does not support "
                    "multiclass classification (n_classes >= 3): use another solver's name, or wrap the estimator in a "
                    "OneVsRestClassifier."
                )
            power = 1 if ratio == 1.0 else 2
            penalised = float(self.intercept_scaling) ** -power
        return Problem(
            loss="logistic" if classes == 2 else "softmax",
            penalty={0.0: "l2", 1.0: "l1"}.get(ratio, "elastic_net"),
            penalty_settings={} if ratio in (0.0, 1.0) else {"ratio": ratio},
            alpha=1.0 / (C * total),
            outputs=1 if classes == 2 else classes,
            intercept=self.fit_intercept,
            intercept_penalty=penalised,
            tol=self.tol,
            max_iter=self.max_iter,
        )

    def _rows(
        self, X: Any, y: NDArray[Any], sample_weight: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, float]:
        """Each row's place among the classes and its weight, and the sum of the weights."""
        self.classes_, codes = _coded(y)
        if len(self.classes_) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data contains only one "
                f"class: {self.classes_[0]!r}"
            )
        weight = self._weights(sample_weight, X)
        if self.class_weight is not None:
            factor = self._factors(y, codes, weight)
            weight = factor[codes.astype(np.intp)] * (1.0 if weight is None else weight)
        total = float(len(codes) if weight is None else weight.sum())
        if total <= 0.0:
            raise ValueError("sample_weight must have a positive sum; got all zeros")
        if weight is not None:
            there = np.bincount(codes.astype(np.intp), weight > 0.0) > 0.0
            if there.sum() < 2:
                raise ValueError(
                    "This solver needs samples of at least 2 classes in the data, but only one class has a positive "
                    f"weight: {self.classes_[there][0]!r}"
                )
        return codes, weight, total

    def _targets(self, y: Any) -> NDArray[np.float64]:
        return np.asarray(alike(np.asarray(y)) == self.classes_[1], dtype=np.float64)

    def _weighed(self, y: Any, weight: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return weight
        y = alike(np.asarray(y))
        codes = np.searchsorted(self.classes_, y)
        factor = self._factors(y, codes, weight)
        return np.asarray(factor[codes] * (1.0 if weight is None else weight))

    def _unconverged(self, steps: int) -> str:
        words = _UNCONVERGED.get(self.solver, "")
        return words.format(steps=steps)

    @staticmethod
    def _parts(coef: NDArray[Any], intercept: NDArray[Any], dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """What is kept of a point. The probabilities do not change by a common shift of all intercepts."""
        if len(intercept) > 1:
            intercept = intercept - intercept.mean()
        narrow = np.float32 if dtype == np.float32 else np.float64
        return coef.astype(narrow, copy=False), intercept.astype(narrow, copy=False)

    def _factors(self, y: NDArray[Any], codes: NDArray[Any], weight: Any) -> NDArray[Any]:
        """What the weights of each class's rows are multiplied by; a row of weight 2 counts as two."""
        if self.class_weight != "balanced" or weight is None:
            return np.asarray(compute_class_weight(self.class_weight, classes=self.classes_, y=y))
        there = np.bincount(codes.astype(np.intp), weight, len(self.classes_))
        # A class without weight has no rows that could be multiplied.
        return np.where(there > 0.0, there.sum() / (len(there) * np.where(there > 0.0, there, 1.0)), 1.0)

    def sparsify(self) -> Any:
        """Keeps `coef_` as a sparse matrix, which predicts faster where most of it is 0."""
        check_is_fitted(self)
        self.coef_ = sparse.csr_matrix(self.coef_)
        return self

    def densify(self) -> Any:
        """Keeps `coef_` as an array again."""
        check_is_fitted(self)
        if sparse.issparse(self.coef_):
            self.coef_ = self.coef_.toarray()  # type: ignore[attr-defined]
        return self

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each class, in the order of `classes_`: rows x classes.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows, classes)
            Each row's sum is 1.
        """
        check_is_fitted(self)
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        return np.asarray(softmax(scores, axis=1))

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """The logarithm of `predict_proba`, exact in the tails.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows, classes)
            At most 0.
        """
        check_is_fitted(self)
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return -np.column_stack([np.logaddexp(0, scores), np.logaddexp(0, -scores)])
        return np.asarray(log_softmax(scores, axis=1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self.solver != "liblinear"
        return tags


class LogisticRegression(CallbackSupportMixin, LogOdds):  # type: ignore[misc]
    """Classes by their log-odds: log-loss with a penalty, two classes or several, from raw columns.

    Minimises C sum(weight * loss) + penalty, scikit-learn's objective, where the loss of two classes is
    log(1 + exp(-(2y - 1)(xw + b))), that of several the softmax's, and the penalty is
    l1_ratio ||w||_1 + (1 - l1_ratio) ||w||^2 / 2. In terms of `steepest`: loss ``logistic`` or ``softmax``,
    penalty ``l2``, ``l1`` or ``elastic_net``, alpha = 1 / (C sum(weight)).

    Parameters are scikit-learn's `LogisticRegression`. Announced departures: ``solver="auto"``, ``tol=1e-6``
    bounds the objective's distance from its optimum relative to its value (``result_.certificate``), and
    ``max_iter=None`` is without limit. A solver's name states the objective, never the algorithm:
    ``liblinear`` takes two classes and penalises the intercept too; all others mean the same.

    Parameters
    ----------
    penalty : {"l1", "l2", "elasticnet", None}
        scikit-learn's way before version 1.8; there `l1_ratio` and `C` say all.
    C : float, default 1.0
        The inverse of the penalty's weight; ``inf`` is no penalty.
    l1_ratio : float
        The share of the absolute values in the penalty: 0 is l2, 1 is l1.
    fit_intercept : bool, default True
    intercept_scaling : float, default 1
        For ``liblinear``: the intercept is a coefficient of a column of this value.
    class_weight : dict or "balanced", optional
        What the weights of a class's rows are multiplied by.
    warm_start : bool, default False
        Starts where the last fit ended.
    solver, tol, max_iter
        As above.
    dual, random_state, verbose, n_jobs
        State how to compute, which is decided here: taken, without effect.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    coef_ : ndarray of shape (1, features) or (classes, features)
    intercept_ : ndarray of shape (1,) or (classes,)
    n_iter_ : ndarray of shape (1,)
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from steepest.linear import LogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticRegression().fit(X, y)
    >>> round(model.score(X, y), 2)
    0.96

    References
    ----------
    Cox 1958, https://doi.org/10.1111/j.2517-6161.1958.tb00292.x
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l1", "l2", "elasticnet", "deprecated"}), None],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [StrOptions({"auto", "lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"})],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        penalty: Any = _PENALTY,
        *,
        C: float = 1.0,
        l1_ratio: float | None = _L1_RATIO,
        dual: bool = False,
        tol: float = 1e-6,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        random_state: Any = None,
        solver: str = "auto",
        max_iter: int | None = None,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    def _ratio(self) -> float:
        """The share of l1 in the penalty."""
        if self.penalty == "l1":
            return 1.0
        if self.penalty in ("l2", None):
            return 0.0
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise ValueError("l1_ratio must be specified when penalty is elasticnet.")
        return float(self.l1_ratio or 0.0)

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, checkpoint: Any = None) -> LogisticRegression:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or rows that are read while they are computed with: names of files, a function or an iterator that gives
            batches, a lazy frame, a data set. What has one value a row is then given by its column's name, and columns
            of texts are categories (`categories_`, `coef_names_`).
        y : array of shape (rows,)
            Classes: numbers, strings or booleans.
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.

        Returns
        -------
        LogisticRegression
            The estimator itself, fitted.
        """
        self._warn_of_contradictions()
        X, y = self._checked(X, y, (sample_weight,))
        codes, weight, total = self._rows(X, y, sample_weight)
        C = np.inf if self.penalty is None else self.C
        problem = replace(self._objective(C, self._ratio(), total), narrow=X.dtype == np.float32)
        start = None
        if self.warm_start and getattr(getattr(self, "coef_", None), "shape", None) == (
            problem.outputs,
            X.shape[1],
        ):
            start = (self.densify().coef_, self.intercept_)

        def parts(x: Any) -> tuple[NDArray[Any], NDArray[Any]]:
            return self._parts(*problem.parts(x, X.shape[1]), X.dtype)

        onlookers = Onlookers(self, parts, X, y, sample_weight, self.max_iter)
        called = onlookers.start(problem.outputs * (X.shape[1] + bool(self.fit_intercept)))
        solved = problem.solve(
            X, codes, weight, start=start, names=self._names(), callback=called, checkpoint=checkpoint
        )
        self.coef_, self.intercept_ = self._parts(solved.coef, solved.intercept, X.dtype)
        self.n_iter_ = np.array([solved.result.nit], dtype=np.int32)
        self._set_result([solved.result])
        onlookers.end()
        return self

    def _inferred(self) -> tuple[str, dict[str, float], bool]:
        return "logistic", {}, not (self.penalty is None or np.isinf(self.C))

    def _warn_of_contradictions(self) -> None:
        """What two parameters say against each other, in scikit-learn's words."""
        penalty, ratio = self.penalty, self.l1_ratio
        given = not isinstance(ratio, np.float64)
        if self.n_jobs is not None and _PENALTY == "deprecated":
            warnings.warn(
                "'n_jobs' has no effect: the threads are the machine's", FutureWarning, stacklevel=4
            )
        if ratio is None and _L1_RATIO is not None:
            warnings.warn(
                "'l1_ratio=None' was deprecated in scikit-learn 1.8: 0 is the same",
                FutureWarning,
                stacklevel=4,
            )
        if penalty is None and self.C != 1.0:
            warnings.warn("Setting penalty=None will ignore the C and l1_ratio parameters", stacklevel=4)
        if penalty in ("l1", "l2") and given and ratio is not None and 0.0 < ratio < 1.0:
            warnings.warn(
                f"l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={penalty})",
                stacklevel=4,
            )
        elif (
            given
            and ratio is not None
            and ((penalty == "l2" and ratio != 0) or (penalty == "l1" and ratio != 1))
        ):
            warnings.warn(
                f"Inconsistent values: penalty={penalty} with l1_ratio={ratio}. The penalty's name decides",
                stacklevel=4,
            )

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows whose class is predicted right (accuracy).

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        sample_weight : array of shape (rows,), optional

        Returns
        -------
        float
            0 to 1.
        """
        X, y, sample_weight = opened(X, y, sample_weight)
        labels = np.asarray(y)
        return float(super().score(X, alike(labels) if labels.dtype == object else y, sample_weight))
