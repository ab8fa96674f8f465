"""Least squares with an l1 penalty."""

from __future__ import annotations

from typing import Any, ClassVar

from .elastic_net import ElasticNet

__all__ = ["Lasso"]


class Lasso(ElasticNet):
    """Least squares with an l1 penalty, which sets most coefficients to exactly 0.

    Minimises ||y - Xw - b||^2 / (2 n) + alpha ||w||_1, scikit-learn's objective; with weights the first
    term is sum(weight * r^2) / (2 sum(weight)). In terms of `steepest`: loss ``squared``, penalty ``l1``,
    the same alpha.

    Parameters are scikit-learn's `Lasso`. Announced departures: ``tol=1e-6`` bounds the objective's
    distance from its optimum relative to its value (``result_.certificate`` proves it), and
    ``max_iter=None`` is without limit. `precompute`, `copy_X`, `random_state` and `selection` state how to
    compute, which is decided here: they are taken and have no effect; X is never copied and never changed.

    Parameters
    ----------
    alpha : float, default 1.0
        The weight of the penalty, at least 0.
    fit_intercept : bool, default True
    positive : bool, default False
        Holds the coefficients at or above 0.
    warm_start : bool, default False
        Starts where the last fit ended.
    tol, max_iter
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (features,) or (targets, features)
    intercept_ : float or ndarray of shape (targets,)
    n_iter_ : int or list of int
    dual_gap_ : float or ndarray
        The certificate's bound: the objective is at most this far above its optimum.
    result_ : Result
        How it ended; of several targets the one farthest from its goal. `results_` has all.

    Examples
    --------
    >>> from steepest.linear import Lasso
    >>> model = Lasso(alpha=0.1).fit([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], [0.0, 1.0, 2.0])
    >>> round(float(model.predict([[3.0, 3.0]])[0]), 3)
    2.7

    References
    ----------
    Tibshirani 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        k: v for k, v in ElasticNet._parameter_constraints.items() if k != "l1_ratio"
    }

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        precompute: Any = False,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-6,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection

    def _ratio(self) -> float:
        return 1.0
