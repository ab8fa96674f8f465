"""Support vectors: classes kept apart by a margin, and amounts met to within a width."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions

from steepest.errors import InputError

from .coded import class_weights
from .estimator import Classes, LinearEstimator
from .logistic import _coded
from .named import opened
from .problem import Problem, solve_all

__all__ = ["LinearSVC", "LinearSVR"]


def _scaled(scaling: float, power: int) -> float:
    """The weight of the intercept's penalty."""
    try:
        return float(scaling) ** -power
    except OverflowError:
        raise InputError(
            f"intercept_scaling is so small that the intercept is held at 0; got {scaling!r:.80}: "
            "pass fit_intercept=False"
        ) from None


class LinearSVC(ClassifierMixin, SparseCoefMixin, Classes, LinearEstimator):  # type: ignore[misc]
    """Classes kept apart by a margin of 1, what falls short paid for by its square or as it is (support vectors).

    Minimises C sum(weight * max(0, 1 - (2y - 1)(xw + b))^2) + ||w||^2 / 2 + (b / intercept_scaling)^2 / 2,
    scikit-learn's objective, its penalised intercept included; with ``penalty="l1"`` the last two terms are absolute
    values; with ``loss="hinge"`` nothing is squared in the first. Of several classes each is held against all others.
    In terms of `steepest`: loss ``squared_hinge`` or ``hinge``, penalty ``l2`` or ``l1``, alpha = 1 / (C
    sum(weight)).

    Parameters are scikit-learn's `LinearSVC`. Announced departures: ``tol=1e-6`` bounds the objective's distance from
    its optimum relative to its value (``result_.certificate`` proves it), and ``max_iter=None`` is without limit.
    ``multi_class="crammer_singer"`` is refused. `dual`, `random_state` and `verbose` state how to
    compute, which is decided here: taken, without effect.

    Parameters
    ----------
    penalty : {"l2", "l1"}, default "l2"
    loss : {"squared_hinge", "hinge"}, default "squared_hinge"
    C : float, default 1.0
        The inverse of the penalty's weight.
    fit_intercept : bool, default True
    intercept_scaling : float, default 1
        The intercept is a coefficient of a column of this value: the larger, the less it is penalised.
    class_weight : dict or "balanced", optional
        What the weights of a class's rows are multiplied by; of several classes, where it is held against all others
        and nowhere else, as scikit-learn has it.
    tol, max_iter
        As above.
    multi_class : {"ovr"}
        Each class against all others.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    coef_ : ndarray of shape (1, features) or (classes, features)
    intercept_ : ndarray of shape (1,) or (classes,), or 0.0 without one
    n_iter_ : int
    result_ : Result
        How it ended; of several classes the one farthest from its goal. `results_` has all.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from steepest.linear import LinearSVC
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LinearSVC(C=1e-3).fit(X, y)
    >>> model.result_.success
    True

    References
    ----------
    Chang, Hsieh and Lin 2008, https://www.jmlr.org/papers/v9/chang08a.html
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l1", "l2"})],
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        "dual": ["boolean", StrOptions({"auto"})],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "multi_class": [StrOptions({"ovr", "crammer_singer"})],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [None, dict, StrOptions({"balanced"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        penalty: str = "l2",
        loss: str = "squared_hinge",
        *,
        dual: Any = "auto",
        tol: float = 1e-6,
        C: float = 1.0,
        multi_class: str = "ovr",
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        max_iter: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.loss = loss
        self.dual = dual
        self.tol = tol
        self.C = C
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, checkpoint: Any = None) -> LinearSVC:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or rows that are read while they are computed with: names of files, a function or an iterator that gives
            batches, a lazy frame, a data set. What has one value a row is then given by its column's name, and columns
            of texts are categories (`categories_`, `coef_names_`).
        y : array of shape (rows,)
            Classes: numbers, strings or booleans.
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.

        Returns
        -------
        LinearSVC
            The estimator itself, fitted.

        Raises
        ------
        InputError
            If the treatment of several classes is another.
        """
        if self.multi_class == "crammer_singer":
            raise InputError("LinearSVC takes multi_class='ovr' only")
        X, y = self._checked(X, y, (sample_weight,))
        self.classes_, codes = _coded(y)
        if len(self.classes_) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data contains only one "
                f"class: {self.classes_[0]!r}"
            )
        weight = self._weights(sample_weight, X)
        factor = None
        if self.class_weight is not None:
            factor = compute_class_weight(self.class_weight, classes=self.classes_, y=y, sample_weight=weight)
        first = 1 if len(self.classes_) == 2 else 0
        each = range(first, len(self.classes_))
        weights = class_weights(codes, len(self.classes_), factor, weight)
        totals = [float(len(codes) if own is None else own.sum()) for own in weights]
        if min(totals) <= 0.0:
            raise ValueError("sample_weight must have a positive sum; got all zeros")
        power = 1 if self.penalty == "l1" else 2
        problem = Problem(
            loss=self.loss,
            penalty=self.penalty,
            intercept=self.fit_intercept,
            intercept_penalty=_scaled(self.intercept_scaling, power),
            tol=self.tol,
            max_iter=self.max_iter,
        )
        solved = solve_all(
            [replace(problem, alpha=1.0 / (self.C * total)) for total in totals],
            X,
            [(codes == k).astype(np.float64) for k in each],
            weights,
            names=self._names(),
            checkpoint=checkpoint,
        )
        self.coef_ = np.vstack([s.coef for s in solved])
        intercept = np.concatenate([s.intercept for s in solved])
        self.intercept_ = intercept if self.fit_intercept else 0.0
        self._set_result([s.result for s in solved])
        self.n_iter_ = max(r.nit for r in self.results_)
        return self

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
            At most 1.
        """
        return float(super().score(*opened(X, y, sample_weight)))

    def _unconverged(self, steps: int) -> str:
        return "Liblinear failed to converge, increase the number of iterations."


class LinearSVR(RegressorMixin, LinearEstimator):  # type: ignore[misc]
    """A linear model whose errors cost nothing up to epsilon, beyond it themselves or their squares (support vectors).

    Minimises C sum(weight * max(0, abs(y - Xw - b) - epsilon)) + ||w||^2 / 2 + (b / intercept_scaling)^2 / 2,
    scikit-learn's objective, its penalised intercept included. In terms of `steepest`: loss ``epsilon_insensitive``
    or ``squared_epsilon_insensitive``, penalty ``l2``, alpha = 1 / (C sum(weight)).

    Parameters are scikit-learn's `LinearSVR`. Announced departures: ``tol=1e-6`` bounds the objective's distance from
    its optimum relative to its value (``result_.certificate`` proves it), and ``max_iter=None`` is without limit.
    `dual`, `random_state` and `verbose` state how to compute, which is decided here: taken, without effect.

    Parameters
    ----------
    epsilon : float, default 0.0
        The error that costs nothing, at least 0.
    C : float, default 1.0
        The inverse of the penalty's weight.
    loss : {"epsilon_insensitive", "squared_epsilon_insensitive"}
    fit_intercept : bool, default True
    intercept_scaling : float, default 1.0
        The intercept is a coefficient of a column of this value: the larger, the less it is penalised.
    tol, max_iter
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (features,)
    intercept_ : ndarray of shape (1,), or 0.0 without one
    n_iter_ : int
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from steepest.linear import LinearSVR
    >>> X, y = [[0], [1], [2], [3], [4], [5]], [0.0, 1.0, 2.0, 3.0, 4.0, 90.0]
    >>> model = LinearSVR(C=100.0).fit(X, y)
    >>> round(float(model.coef_[0]), 4)
    1.0

    References
    ----------
    Smola and Schoelkopf 2004, https://doi.org/10.1023/B:STCO.0000035301.49549.88
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "epsilon": [Interval(Real, 0.0, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "loss": [StrOptions({"epsilon_insensitive", "squared_epsilon_insensitive"})],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "dual": ["boolean", StrOptions({"auto"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        epsilon: float = 0.0,
        tol: float = 1e-6,
        C: float = 1.0,
        loss: str = "epsilon_insensitive",
        fit_intercept: bool = True,
        intercept_scaling: float = 1.0,
        dual: Any = "auto",
        verbose: int = 0,
        random_state: Any = None,
        max_iter: int | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.tol = tol
        self.C = C
        self.loss = loss
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.dual = dual
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, checkpoint: Any = None) -> LinearSVR:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.

        Returns
        -------
        LinearSVR
            The estimator itself, fitted.
        """
        X, y = self._checked(X, y, (sample_weight,), y_numeric=True)
        weight = self._weights(sample_weight, X)
        total = float(len(y) if weight is None else weight.sum())
        if total <= 0.0:
            raise ValueError("sample_weight must have a positive sum; got all zeros")
        solved = Problem(
            loss=self.loss,
            loss_settings={"epsilon": float(self.epsilon)},
            penalty="l2",
            alpha=1.0 / (self.C * total),
            intercept=self.fit_intercept,
            intercept_penalty=_scaled(self.intercept_scaling, 2),
            tol=self.tol,
            max_iter=self.max_iter,
        ).solve(X, np.asarray(y, dtype=np.float64), weight, names=self._names(), checkpoint=checkpoint)
        self.coef_ = solved.coef[0]
        self.intercept_ = solved.intercept if self.fit_intercept else 0.0
        self._set_result([solved.result])
        self.n_iter_ = max(1, solved.result.nit)
        return self

    def _unconverged(self, steps: int) -> str:
        return "Liblinear failed to converge, increase the number of iterations."

    def predict(self, X: Any) -> Any:
        """The targets that the model expects.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows,)
        """
        return self._scores(X)
