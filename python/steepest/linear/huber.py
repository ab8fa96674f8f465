"""Regression that outliers pull with a bounded force, in units of a scale that is learnt."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval

from steepest import _core
from steepest.errors import InputError
from steepest.result import Result
from steepest.tables.stream import Stream

from .estimator import LinearEstimator
from .problem import Problem, Solved
from .squares import least_squares

__all__ = ["HuberRegressor"]

# Numbers of a table up to which it is looked at whether its columns fit y exactly.
_LARGE = 1e7
_EPS = float(np.finfo(np.float64).eps)


class HuberRegressor(RegressorMixin, LinearEstimator):  # type: ignore[misc]
    """Huber's regression with its scale learnt beside the coefficients, with an l2 penalty.

    Minimises ``sum(weight * (s + s h((y - Xw - b) / s))) + alpha ||w||^2`` over w, b and s > 0, where h(r) is r^2 up
    to epsilon and ``epsilon (2 |r| - epsilon)`` beyond: scikit-learn's objective. Scaling y scales s likewise, so that
    the rows that count as outliers stay the same. In terms of `steepest`: loss ``huber_scale``, penalty ``l2``, alpha
    2 alpha / sum(weight).

    Parameters are scikit-learn's `HuberRegressor`. Announced departures: ``tol=1e-6`` bounds the objective's distance
    from its optimum relative to its value (``result_.certificate`` proves it), and ``max_iter=None`` is without limit.
    As there s is at least 2.2e-15. Where the columns fit y exactly and no other model costs less, s ends there (or at
    what rounding leaves of the errors, if that is more): the coefficients are those of least norm, from factors, and
    ``result_.reason`` says so.

    Parameters
    ----------
    epsilon : float, default 1.35
        How large an error is before it counts as an outlier's, in units of the scale; at least 1, where the scale is
        not determined (these are least absolute deviations, and it may end without a proof).
    max_iter : int or None, default None
    alpha : float, default 1e-4
        The weight of the penalty, at least 0.
    warm_start : bool, default False
        Starts where the last fit ended.
    fit_intercept : bool, default True
    tol : float, default 1e-6

    Attributes
    ----------
    coef_ : ndarray of shape (features,)
    intercept_ : float
    scale_ : float
        s, in units of y.
    outliers_ : ndarray of bool of shape (rows,)
        The rows whose errors are larger than epsilon times the scale.
    n_iter_ : int
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from steepest.linear import HuberRegressor
    >>> X, y = [[0], [1], [2], [3], [4], [5], [6], [7]], [0.3, 0.8, 2.2, 2.7, 4.4, 4.9, 6.1, 90.0]
    >>> model = HuberRegressor().fit(X, y)
    >>> round(float(model.coef_[0]), 1), bool(model.outliers_[7])
    (1.0, True)

    References
    ----------
    Huber and Ronchetti 2009, Robust Statistics, section 7.8; Owen 2007,
    https://artowen.su.domains/reports/hhu.pdf
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "epsilon": [Interval(Real, 1.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        epsilon: float = 1.35,
        max_iter: int | None = None,
        alpha: float = 0.0001,
        warm_start: bool = False,
        fit_intercept: bool = True,
        tol: float = 1e-6,
    ) -> None:
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.alpha = alpha
        self.warm_start = warm_start
        self.fit_intercept = fit_intercept
        self.tol = tol

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, checkpoint: Any = None) -> HuberRegressor:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there. For
            tables in memory.

        Returns
        -------
        HuberRegressor
            The estimator itself, fitted.

        Raises
        ------
        InputError
            If an argument cannot be used; the message names it.
        """
        if not np.isfinite(self.epsilon) or not np.isfinite(self.alpha):
            raise InputError(f"epsilon and alpha must be finite; got {self.epsilon} and {self.alpha}")
        X, y = self._checked(X, y, (sample_weight,), y_numeric=True)
        weight = self._weights(sample_weight, X)
        target = np.asarray(y, dtype=np.float64)
        total = float(len(target) if weight is None else weight.sum()) or 1.0
        # The scale is learnt as 1 plus a number, which has all its digits where errors are of that size.
        unit = _size(target, weight)
        problem = Problem(
            loss="huber_scale",
            loss_settings={"epsilon": float(self.epsilon)},
            penalty="l2",
            alpha=2.0 * float(self.alpha) * unit / total,
            intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        start: tuple[Any, ...] | None = None
        last = vars(self) if self.warm_start else {}
        if np.shape(last.get("coef_", 0.0)) == (X.shape[1],):
            start = tuple(np.atleast_1d(last[name]) / unit for name in ("coef_", "intercept_", "scale_"))
            start[2][:] -= 1.0
        solved = problem.solve(
            X, target / unit, weight, start=start, names=self._names(), checkpoint=checkpoint
        )
        if solved.result.outcome in ("plateau", "precision_limit"):
            solved = self._exactly(X, target / unit, weight, problem, unit) or solved
        self.coef_ = unit * solved.coef[0]
        self.intercept_ = unit * solved.intercept[0] if self.fit_intercept else 0.0
        self.scale_ = unit * float(1.0 + solved.learnt[0])
        self._set_result([solved.result])
        self.n_iter_ = max(1, solved.result.nit)
        self.outliers_ = np.abs(target - self._products(X)) > self.scale_ * self.epsilon
        return self

    def _exactly(
        self, X: Any, y: NDArray[np.float64], weight: Any, problem: Problem, unit: float
    ) -> Solved | None:
        """The model of least norm that fits y to rounding, where the least scale and it are proved best; else None."""
        there = np.ones(len(y), dtype=bool) if weight is None else weight > 0
        if isinstance(X, Stream) or X.shape[0] * X.shape[1] > _LARGE or not there.any():
            return None
        rows: Any = X.toarray() if hasattr(X, "toarray") else X
        rows = np.asarray(rows, dtype=np.float64)[there]
        target = y[there]
        share = np.full(len(target), 1.0 / len(target)) if weight is None else weight[there] / weight.sum()
        found = least_squares(rows, target, None, self.fit_intercept, None).solved[0]
        w, b = found.coef[0], found.intercept
        left = np.abs(target - rows @ w - b)
        size = np.abs(rows) @ np.abs(w) + np.abs(b) + np.abs(target)
        rounded = 4 * rows.shape[1] ** 0.5 * _EPS * size + np.finfo(float).tiny
        if not (left <= rounded).all():
            return None
        bound = self._bound(rows, share, w, problem.alpha)
        if bound is None:
            return None
        # The scale that is best for what rounding left of the errors.
        scale = max(10 * _EPS / unit, float(np.sqrt(share @ left**2)))
        losses = float(share @ (scale + left**2 / scale))
        value = losses + float(0.5 * problem.alpha * w @ w)
        bound, goal = losses + bound + 8 * _EPS * value, float(self.tol) * value
        # Errors as large as rounding may leave them cost twice their root mean square, at the best scale.
        hidden = 2 * float(np.sqrt(share @ rounded**2)) + 10 * _EPS / unit + 8 * _EPS * value
        certificate = {
            "kind": "duality_gap",
            "bound": bound,
            "target": goal,
            "rounding": hidden,
            "assumption": "what the columns leave of y is rounding",
        }
        claim = _core.admitted(bound, goal, hidden)
        if not claim["success"]:
            return None
        result = {
            **found.result,
            "x": np.concatenate([w, [*b] * self.fit_intercept, [scale - 1.0]]),
            "fun": value,
            "jac": None,
            "reason": "the columns fit y exactly: the least scale, and the coefficients of least norm",
            "certificate": certificate,
            "findings": [],
            **claim,
            "message": "Converged: the columns fit y exactly, so that the scale is the least that is allowed.",
        }
        return Solved(w[None], b, Result.of(result), np.array([scale - 1.0]))

    def _bound(self, rows: Any, share: Any, w: Any, alpha: float) -> float | None:
        """How far w, which fits all rows, is from the best at most where the scale is 0; None where nothing is proved.

        Rows of share c pay sum c (s + s h(r / s)), which is at least theta'r for any theta of sum theta^2 / (4 c) <= 1
        and |theta| <= 2 epsilon c: with X'theta = alpha w and sum theta = 0 nothing lies lower.
        """
        if alpha == 0.0:
            return 0.0
        centred = rows - (rows.mean(axis=0) if self.fit_intercept else 0.0)
        theta = np.linalg.lstsq(centred.T, alpha * w, rcond=None)[0]
        if (theta**2 / (4 * share)).sum() > 1 or (np.abs(theta) > 2 * float(self.epsilon) * share).any():
            return None
        off = centred.T @ theta - alpha * w
        return float(0.5 * off @ off / alpha)

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


def _size(y: Any, weight: Any) -> float:
    """A power of 2, so that nothing is rounded, of the size of what a constant misses y by."""
    seen = y if weight is None else y[weight > 0]
    with np.errstate(over="ignore"):
        off = np.abs(seen - np.median(seen)) if len(seen) else np.zeros(1)
    size = float(np.median(off)) or float(off.max())
    return float(2.0 ** np.round(np.log2(size))) if np.isfinite(size) and size > 1e-290 else 1.0
