"""scikit-learn's SGD estimators: left untouched the optimum of their objective, else the algorithm asked for."""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn import linear_model
from sklearn.base import _fit_context
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets

from steepest.errors import InputError
from steepest.tables.stream import Stream

from .coded import class_weights
from .estimator import LinearEstimator, alike
from .named import in_memory
from .online import Online
from .problem import Problem, Solved, solve_all
from .settings import number

__all__ = ["SGDClassifier", "SGDRegressor"]

# What says how to descend: where any of these is another than by default, that is what is done.
_ALGORITHM = ("learning_rate", "eta0", "power_t", "max_iter", "average", "early_stopping")
_LOSSES = {
    "squared_error": "squared",
    "huber": "huber",
    "epsilon_insensitive": "epsilon_insensitive",
    "squared_epsilon_insensitive": "squared_epsilon_insensitive",
    "hinge": "hinge",
    "log_loss": "logistic",
    "modified_huber": "modified_huber",
    "squared_hinge": "squared_hinge",
}
_WIDTHS = {"huber": "width", "epsilon_insensitive": "epsilon", "squared_epsilon_insensitive": "epsilon"}
_AMOUNTS = ("squared_error", *_WIDTHS)
# Losses of straight parts, and the columns or rows up to which their optimum is found; beyond, it is the algorithm.
_STRAIGHT, _MOST, _COPIED = ("hinge", "epsilon_insensitive"), 3999, 2**27 - 4000
# scikit-learn's own `tol` is not a distance from the optimum.
_TOL = 1e-6


@functools.cache
def _defaults(kind: type) -> list[tuple[str, Any]]:
    """What says how to descend, where nobody has said."""
    theirs = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    return [(name, theirs[name].default) for name in _ALGORITHM]


class _Sgd(LinearEstimator):
    """What both share."""

    _online: Online
    _told: tuple[NDArray[Any], NDArray[Any]]

    def _untouched(self, *starts: Any) -> bool:
        """Whether nothing says how to descend."""
        kind: type = type(self)
        plain = all(getattr(self, name) == default for name, default in _defaults(kind))
        return plain and self.loss in _LOSSES and all(start is None for start in starts)

    def _beyond(self, rows: int, columns: int) -> bool:
        """Whether the table is too large for the optimum of a loss of straight parts."""
        # So many columns are taken where a penalty holds each.
        free = self.penalty is None or self.alpha == 0.0
        large = min(rows, columns) > _MOST or (columns > _MOST and (free or rows * columns > _COPIED))
        return large and self.loss in _STRAIGHT

    def _fit(self, X: Any, y: Any, *given: Any, **named: Any) -> Any:
        """Their algorithm."""
        in_memory(self, X, y=y)
        return super()._fit(X, y, *given, **named)

    def _partial_fit(self, *given: Any, **named: Any) -> Any:
        """Their algorithm, from `fit` or `partial_fit`: what was known of an optimum is of other coefficients."""
        for name in ("result_", "results_", "_online"):
            self.__dict__.pop(name, None)
        return super()._partial_fit(*given, **named)

    def _learns(self, forget: Any) -> bool:
        """Whether rows of a stream are learned with nothing told; else it is their algorithm, which forgets nothing."""
        learns = self._untouched() and self.penalty in ("l2", None)
        if not learns and forget:
            raise InputError(
                "forget is for what is learned with nothing told: leave learning_rate, eta0, power_t, max_iter, "
                "average and early_stopping as they are, with the penalty l2 or None"
            )
        return learns

    def _next(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """The next rows of a stream, checked."""
        first = not hasattr(self, "coef_")
        numeric = {"y_numeric": True} if isinstance(self, SGDRegressor) else {}
        X, y = self._checked(X, y, (sample_weight,), reset=first, **numeric)
        if isinstance(X, Stream):
            raise InputError("partial_fit takes rows in memory: pass it one batch after another, or use fit")
        return X, y, self._weights(sample_weight, X)

    def _learned(
        self,
        X: Any,
        y: NDArray[np.float64],
        weight: Any,
        outputs: int,
        low: float,
        forget: Any,
        own: NDArray[np.float64] | None = None,
    ) -> None:
        """Learns the next rows; `y` is the target, or of several outputs which of them is 1.

        `own` is what the weights of the rows of each of several outputs are multiplied by.
        """
        forget = number("forget", forget)
        if not forget < 1.0:
            raise InputError(f"forget must be below 1, the share forgotten with each row; got {forget!r}")
        shape = outputs, X.shape[1]
        online: Online | None = getattr(self, "_online", None)
        coef, level = getattr(self, "coef_", np.zeros(shape)), getattr(self, "intercept_", np.zeros(outputs))
        task: dict[str, Any] = {
            "loss": _LOSSES[self.loss],
            "loss_settings": {_WIDTHS[self.loss]: float(self.epsilon)} if self.loss in _WIDTHS else {},
            "intercept": bool(self.fit_intercept),
        }
        same = online is not None and all(getattr(online, name) == given for name, given in task.items())
        if online is None or not same or not all(map(np.array_equal, self._told, (coef, level))):
            # Where a fit ended, what somebody set, or what was learned by another loss.
            known = (getattr(self, "t_", 1.0) - 1.0) / getattr(self, "n_iter_", 1)
            seen = known if online is None else online.rows
            online = Online(
                **task,
                outputs=outputs,
                columns=X.shape[1],
                low=low,
                coef=coef,
                level=level,
                begun=seen if hasattr(self, "coef_") else 0.0,
            )
        online.alpha = 0.0 if self.penalty is None else float(self.alpha)
        online.own = own
        online.learn(X, y, weight, forget, self._names())
        for name in ("result_", "results_"):
            self.__dict__.pop(name, None)
        self.coef_ = online.coef.astype(X.dtype)
        self.intercept_ = online.level.astype(X.dtype)
        if isinstance(self, SGDRegressor):
            self.coef_ = self.coef_[0]
        self._online, self._told = online, (self.coef_.copy(), self.intercept_.copy())
        self.n_iter_, self.t_ = 1, getattr(self, "t_", 1.0) + X.shape[0]

    def _solved(
        self, X: Any, targets: list[NDArray[np.float64]], weights: list[Any], checkpoint: Any
    ) -> list[Solved]:
        """The optimum for each target."""
        loss, names = _LOSSES[self.loss], {None: "none", "elasticnet": "elastic_net"}
        # Their mean is over the rows, whatever those weigh; a `Problem`'s is over the weights.
        means = [1.0 if own is None or not own.any() else float(np.mean(own)) for own in weights]
        alpha = 0.0 if self.penalty is None else float(self.alpha)
        problem = Problem(
            loss=loss,
            loss_settings={_WIDTHS[self.loss]: float(self.epsilon)} if self.loss in _WIDTHS else {},
            penalty=names.get(self.penalty) or self.penalty,
            penalty_settings={"ratio": float(self.l1_ratio)} if self.penalty == "elasticnet" else {},
            intercept=self.fit_intercept,
            tol=_TOL,
            narrow=X.dtype == np.float32,
        )
        problems = [replace(problem, alpha=alpha / mean) for mean in means]
        solved = solve_all(problems, X, targets, weights, names=self._names(), checkpoint=checkpoint)
        self._set_result([s.result for s in solved])
        self.__dict__.pop("_online", None)
        self.n_iter_ = max(1, *(s.result.nit for s in solved))
        # As if each row had been seen once an iteration: where `partial_fit` goes on from.
        self.t_ = 1.0 + float(self.n_iter_) * X.shape[0]
        return solved


class SGDRegressor(_Sgd, linear_model.SGDRegressor):  # type: ignore[misc]
    """A linear model of an amount, with scikit-learn's `SGDRegressor`'s names.

    Minimises ``sum(weight * loss(y, Xw + b)) / rows + alpha * penalty(w)``, its objective, to the optimum
    (``result_.certificate`` proves how near), as long as nothing says how to descend; with any of `learning_rate`,
    `eta0`, `power_t`, `max_iter`, `average` or `early_stopping` set, a `coef_init`, or for
    ``epsilon_insensitive`` over a table of some 4000 rows and columns or more (of so many columns, without a penalty)
    it is their algorithm.

    Parameters are scikit-learn's `SGDRegressor`; `shuffle`, `random_state` and `tol` are for the algorithm. In terms of
    `steepest`: loss ``squared``, ``huber`` (of width epsilon), ``epsilon_insensitive`` or
    ``squared_epsilon_insensitive``, penalty ``l2``, ``l1``, ``elastic_net`` or ``none``, the same alpha.

    Parameters
    ----------
    loss : str, default "squared_error"
    penalty : {"l2", "l1", "elasticnet"} or None, default "l2"
    alpha : float, default 1e-4
        The weight of the penalty, at least 0.
    l1_ratio : float, default 0.15
        The share of the absolute values in ``elasticnet``.
    fit_intercept : bool, default True
    epsilon : float, default 0.1
        The width of the losses that have one.
    learning_rate, eta0, power_t, max_iter, average, early_stopping
        Which, and how, the algorithm is.
    tol, shuffle, verbose, random_state, validation_fraction, n_iter_no_change, warm_start
        For the algorithm, as scikit-learn has them.

    Attributes
    ----------
    coef_ : ndarray of shape (features,)
    intercept_ : ndarray of shape (1,)
    n_iter_ : int
    result_ : Result
        How it ended; not there after the algorithm. Its `fun` and bounds are of the mean over the weights: times the
        mean of the weights they are those of the objective above.

    Examples
    --------
    >>> from steepest.linear import SGDRegressor
    >>> model = SGDRegressor(alpha=0.0).fit([[0.0], [1000.0], [2000.0]], [0.0, 1.0, 2.0])
    >>> round(float(model.predict([[3000.0]])[0]), 6)
    3.0

    References
    ----------
    Bottou and Bousquet 2008, https://papers.nips.cc/paper/3323
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **linear_model.SGDRegressor._parameter_constraints
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any = None,
        intercept_init: Any = None,
        sample_weight: Any = None,
        *,
        checkpoint: Any = None,
    ) -> SGDRegressor:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        coef_init, intercept_init : arrays, optional
            Where their algorithm begins.
        sample_weight : array of shape (rows,), optional
            At least 0. As in scikit-learn the mean is over the rows, not their weights: twice the weights are half of
            alpha.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.

        Returns
        -------
        SGDRegressor
            The estimator itself, fitted.
        """
        if not self._untouched(coef_init, intercept_init):
            super().fit(X, y, coef_init=coef_init, intercept_init=intercept_init, sample_weight=sample_weight)
            return self
        given = (X, y)
        X, y = self._checked(X, y, (sample_weight,), y_numeric=True)
        if self._beyond(*X.shape):
            super().fit(*given, sample_weight=sample_weight)
            return self
        target = np.asarray(y, dtype=np.float64)
        (solved,) = self._solved(X, [target], [self._weights(sample_weight, X)], checkpoint)
        self.coef_, self.intercept_ = solved.coef[0].astype(X.dtype), solved.intercept.astype(X.dtype)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, *, forget: float = 0.0) -> SGDRegressor:
        """Learns the next rows of a stream, each once.

        As long as nothing says how to descend, nothing has to: scales and steps are learned on the way
        (`steepest::online` in the crate has the method), to near the optimum of the rows seen so far. Else, and with a
        penalty other than ``l2`` or None, it is scikit-learn's algorithm.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        forget : float, default 0
            The share of what is known that is forgotten with each row, for what drifts: about 1 / `forget` rows are
            remembered.

        Returns
        -------
        SGDRegressor
            The estimator itself.
        """
        if not self._learns(forget):
            super().partial_fit(X, y, sample_weight=sample_weight)
            return self
        X, y, weight = self._next(X, y, sample_weight)
        self._learned(X, np.asarray(y, dtype=np.float64), weight, 1, 0.0, forget)
        return self


class SGDClassifier(_Sgd, linear_model.SGDClassifier):  # type: ignore[misc]
    """Linear classes, with scikit-learn's `SGDClassifier`'s names.

    Minimises ``sum(weight * loss(y, Xw + b)) / rows + alpha * penalty(w)``, its objective, to the optimum
    (``result_.certificate`` proves how near), of several classes for each against all others, as long as nothing says
    how to descend; with any of `learning_rate`, `eta0`, `power_t`, `max_iter`, `average` or `early_stopping` set, a
    `coef_init`, the loss ``perceptron``, or for ``hinge`` over a table of some 4000 rows and
    columns or more (of so many columns, without a penalty) it is their algorithm.

    Parameters are scikit-learn's `SGDClassifier`; `shuffle`, `random_state`, `n_jobs` and `tol` are for the
    algorithm. In terms of `steepest`: losses ``hinge``, ``logistic``, ``modified_huber``, ``squared_hinge``, or one
    of amounts of which the classes are -1 and 1; penalty ``l2``, ``l1``, ``elastic_net`` or ``none``, the same alpha.

    Parameters
    ----------
    loss : str, default "hinge"
    penalty : {"l2", "l1", "elasticnet"} or None, default "l2"
    alpha : float, default 1e-4
        The weight of the penalty, at least 0.
    l1_ratio : float, default 0.15
        The share of the absolute values in ``elasticnet``.
    fit_intercept : bool, default True
    epsilon : float, default 0.1
        The width of the losses that have one.
    class_weight : dict or "balanced", optional
        What the weights of a class's rows are multiplied by; of several classes, where it is held against all others
        and nowhere else, as scikit-learn has it.
    learning_rate, eta0, power_t, max_iter, average, early_stopping
        Which, and how, the algorithm is.
    tol, shuffle, verbose, n_jobs, random_state, validation_fraction, n_iter_no_change, warm_start
        For the algorithm, as scikit-learn has them.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    coef_ : ndarray of shape (1, features) or (classes, features)
    intercept_ : ndarray of shape (1,) or (classes,)
    n_iter_ : int
    result_ : Result
        How it ended, of several classes the one farthest from its goal; `results_` has all. Not there after the
        algorithm. Its `fun` and bounds are of the mean over the weights, those of the classes in them: times the mean
        of the weights they are those of the objective above.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from steepest.linear import SGDClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SGDClassifier(alpha=0.01).fit(X, y)
    >>> model.score(X, y) > 0.95
    True

    References
    ----------
    Bottou and Bousquet 2008, https://papers.nips.cc/paper/3323
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **linear_model.SGDClassifier._parameter_constraints
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any = None,
        intercept_init: Any = None,
        sample_weight: Any = None,
        *,
        checkpoint: Any = None,
    ) -> SGDClassifier:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
            Classes: numbers, strings or booleans.
        coef_init, intercept_init : arrays, optional
            Where their algorithm begins.
        sample_weight : array of shape (rows,), optional
            At least 0. As in scikit-learn the mean is over the rows, not their weights: twice the weights are half of
            alpha.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.

        Returns
        -------
        SGDClassifier
            The estimator itself, fitted.
        """
        if not self._untouched(coef_init, intercept_init):
            super().fit(X, y, coef_init=coef_init, intercept_init=intercept_init, sample_weight=sample_weight)
            return self
        given = (X, y)
        X, y = self._checked(X, y, (sample_weight,))
        if self._beyond(*X.shape):
            super().fit(*given, sample_weight=sample_weight)
            return self
        check_classification_targets(y)
        self.classes_, codes = np.unique(alike(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(self.classes_)} class"
            )
        factor = None
        if self.class_weight is not None:
            factor = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        weights = class_weights(codes, len(self.classes_), factor, self._weights(sample_weight, X))
        low = -1.0 if self.loss in _AMOUNTS else 0.0
        first = 1 if len(self.classes_) == 2 else 0
        targets = [np.where(codes == k, 1.0, low) for k in range(first, len(self.classes_))]
        solved = self._solved(X, targets, weights, checkpoint)
        self.coef_ = np.vstack([s.coef for s in solved]).astype(X.dtype)
        self.intercept_ = np.concatenate([s.intercept for s in solved]).astype(X.dtype)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, *, forget: float = 0.0
    ) -> SGDClassifier:
        """Learns the next rows of a stream, each once.

        As long as nothing says how to descend, nothing has to: scales and steps are learned on the way
        (`steepest::online` in the crate has the method), to near the optimum of the rows seen so far. Else, with a
        penalty other than ``l2`` or None, and with the loss ``perceptron``, it is scikit-learn's algorithm.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        classes : array, for the first call
            All classes that will come.
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        forget : float, default 0
            The share of what is known that is forgotten with each row, for what drifts: about 1 / `forget` rows are
            remembered.

        Returns
        -------
        SGDClassifier
            The estimator itself.
        """
        if not self._learns(forget):
            super().partial_fit(X, y, classes=classes, sample_weight=sample_weight)
            return self
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit: the classes' shares are not known. Pass "
                "their weights as a dict"
            )
        X, y, weight = self._next(X, y, sample_weight)
        known: Any = getattr(self, "classes_", None)
        if classes is None or not np.array_equal(known, classes):
            _check_partial_fit_first_call(self, classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(self.classes_)} class"
            )
        y = alike(y)
        codes = np.searchsorted(self.classes_, y)
        strange = self.classes_[np.minimum(codes, len(self.classes_) - 1)] != y
        if np.any(strange):
            row = int(np.argmax(strange))
            raise ValueError(f"y row {row} is {y[row]!s:.80}, none of the classes of the first call")
        factor = None
        if self.class_weight is not None:
            factor = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_)
        low = -1.0 if self.loss in _AMOUNTS else 0.0
        several = len(self.classes_) > 2
        if factor is not None and not several:
            (weight,) = class_weights(codes, 2, factor, weight)
        target = codes.astype(np.float64) if several else np.where(codes == 1, 1.0, low)
        self._learned(
            X, target, weight, len(self.classes_) if several else 1, low, forget, factor if several else None
        )
        return self
