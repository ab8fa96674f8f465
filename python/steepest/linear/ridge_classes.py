"""Classes by least squares with an l2 penalty, as scikit-learn has them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn import linear_model
from sklearn.base import _fit_context

from steepest.errors import InputError

from .named import in_memory
from .ridge import Ridge
from .theirs import Counterpart

__all__ = ["RidgeClassifier"]


class RidgeClassifier(Counterpart, linear_model.RidgeClassifier):  # type: ignore[misc]
    """Linear classes by least squares with an l2 penalty: targets of -1 and 1, one for each class against all others.

    Minimises ``sum(weight * (t - Xw - b)^2) + alpha ||w||^2`` for each target t: scikit-learn's `RidgeClassifier`,
    whose parameters it has; the model is `Ridge`'s (``result_.certificate`` proves how near the optimum). Announced
    departure: ``tol=1e-6``.

    Parameters
    ----------
    alpha : float or array of shape (targets,), default 1.0
        The weight of the penalty, at least 0.
    fit_intercept : bool, default True
    class_weight : dict or "balanced", optional
        What the weights of a class's rows are multiplied by.
    positive : bool, default False
        Whether coefficients are at least 0.
    copy_X, max_iter, tol, solver, random_state
        As `Ridge` has them.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    coef_ : ndarray of shape (features,) or (classes, features)
    intercept_ : ndarray of shape (1,) or (classes,); 0.0 without one
    n_iter_, solver_
        As `Ridge` has them.
    result_ : Result
        How it ended; of several classes the one farthest from its goal. `results_` has all.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from steepest.linear import RidgeClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> round(RidgeClassifier().fit(X, y).score(X, y), 2)
    0.96

    References
    ----------
    Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **linear_model.RidgeClassifier._parameter_constraints
    }

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-6,
        class_weight: Any = None,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            alpha=alpha,
            fit_intercept=fit_intercept,
            copy_X=copy_X,
            max_iter=max_iter,
            tol=tol,
            class_weight=class_weight,
            solver=solver,
            positive=positive,
            random_state=random_state,
        )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RidgeClassifier:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,) or (rows, labels)
            Classes; of several labels a row, 0 and 1 each.
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.

        Returns
        -------
        RidgeClassifier
            The estimator itself, fitted.

        Raises
        ------
        InputError
            If some weight is below 0.
        """
        in_memory(self, X, y=y, sample_weight=sample_weight)
        X, y, weight, targets = self._prepare_data(X, y, sample_weight, "auto")
        if (weight < 0).any():
            row = int(np.argmax(weight < 0))
            raise InputError(f"sample_weight must be at least 0; got {weight[row]} in row {row}")
        told = {n: v for n, v in self.get_params(deep=False).items() if n in Ridge().get_params()}
        model = Ridge(**told).fit(X, targets, weight)
        self.coef_ = model.coef_
        self.intercept_ = np.atleast_1d(model.intercept_) if self.fit_intercept else 0.0
        self.n_iter_, self.solver_ = model.n_iter_, model.solver_
        self.result_, self.results_ = model.result_, model.results_
        return self
