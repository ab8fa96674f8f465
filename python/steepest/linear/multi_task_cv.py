"""Models of several targets whose columns are kept for all or for none, the penalty chosen on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn import linear_model

from .multi_task import MultiTaskElasticNet, MultiTaskLasso
from .searched import _path, _Searched

__all__ = ["MultiTaskElasticNetCV", "MultiTaskLassoCV"]


class MultiTaskLassoCV(_Searched, linear_model.MultiTaskLassoCV):  # type: ignore[misc]
    """`MultiTaskLasso` whose alpha is chosen on held-out rows.

    Parameters, the grid of alphas, the folds and the choice are scikit-learn's `MultiTaskLassoCV`; the model at the
    alpha chosen is at the optimum of its objective (``result_.certificate`` proves it). Announced departures:
    ``tol=1e-6`` and ``max_iter=None``, without limit.

    Parameters
    ----------
    eps : float, default 1e-3
        The least alpha of the grid, in times of the largest.
    alphas : int or array, default 100
        The grid, or how many it has.
    cv : int, splitter or iterable, optional
        The folds; 5 unless given.
    fit_intercept, max_iter, tol, copy_X, verbose, n_jobs, random_state, selection
        As scikit-learn has them.

    Attributes
    ----------
    alpha_ : float
    coef_ : ndarray of shape (targets, features)
    intercept_ : ndarray of shape (targets,)
    mse_path_, alphas_, dual_gap_, n_iter_
        As scikit-learn has them.
    result_ : Result
        How the fit at the chosen alpha ended.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from steepest.linear import MultiTaskLassoCV
    >>> X, Y = make_regression(n_features=20, n_informative=3, n_targets=2, noise=1.0, random_state=0)
    >>> model = MultiTaskLassoCV(alphas=5).fit(X, Y)
    >>> model.coef_.shape, model.result_.success
    ((2, 20), True)

    References
    ----------
    Obozinski, Taskar and Jordan 2010, https://doi.org/10.1007/s11222-008-9111-x
    """

    MODEL = MultiTaskLasso
    path = staticmethod(_path(linear_model.lasso_path, "LassoCV", "[0.0, 0.5, 1.5]"))

    def __init__(
        self,
        *,
        eps: float = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-6,
        copy_X: bool = True,
        cv: Any = None,
        verbose: Any = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        super().__init__(
            eps=eps,
            alphas=alphas,
            fit_intercept=fit_intercept,
            max_iter=max_iter,
            tol=tol,
            copy_X=copy_X,
            cv=cv,
            verbose=verbose,
            n_jobs=n_jobs,
            random_state=random_state,
            selection=selection,
        )


class MultiTaskElasticNetCV(_Searched, linear_model.MultiTaskElasticNetCV):  # type: ignore[misc]
    """`MultiTaskElasticNet` whose alpha and ratio are chosen on held-out rows.

    Parameters, the grid of alphas, the folds and the choice are scikit-learn's `MultiTaskElasticNetCV`; the model at
    the alpha and the ratio chosen is at the optimum of its objective (``result_.certificate`` proves it). Announced
    departures: ``tol=1e-6`` and ``max_iter=None``, without limit.

    Parameters
    ----------
    l1_ratio : float or array, default 0.5
        The share of the lengths; the best of several.
    eps : float, default 1e-3
        The least alpha of the grid, in times of the largest.
    alphas : int or array, default 100
        The grid, or how many it has.
    cv : int, splitter or iterable, optional
        The folds; 5 unless given.
    fit_intercept, max_iter, tol, copy_X, verbose, n_jobs, random_state, selection
        As scikit-learn has them.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
    coef_ : ndarray of shape (targets, features)
    intercept_ : ndarray of shape (targets,)
    mse_path_, alphas_, dual_gap_, n_iter_
        As scikit-learn has them.
    result_ : Result
        How the fit at the chosen alpha ended.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from steepest.linear import MultiTaskElasticNetCV
    >>> X, Y = make_regression(n_features=20, n_informative=3, n_targets=2, noise=1.0, random_state=0)
    >>> model = MultiTaskElasticNetCV(l1_ratio=[0.5, 0.9], alphas=5).fit(X, Y)
    >>> model.coef_.shape, model.result_.success
    ((2, 20), True)

    References
    ----------
    Obozinski, Taskar and Jordan 2010, https://doi.org/10.1007/s11222-008-9111-x
    """

    MODEL = MultiTaskElasticNet
    path = staticmethod(_path(linear_model.enet_path, "ElasticNetCV", "[0.14, 0.71, 1.29]"))

    def __init__(
        self,
        *,
        l1_ratio: float | Sequence[float] = 0.5,
        eps: float = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-6,
        copy_X: bool = True,
        cv: Any = None,
        verbose: Any = 0,
        n_jobs: int | None = None,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        super().__init__(
            l1_ratio=l1_ratio,
            eps=eps,
            alphas=alphas,
            fit_intercept=fit_intercept,
            max_iter=max_iter,
            tol=tol,
            copy_X=copy_X,
            cv=cv,
            verbose=verbose,
            n_jobs=n_jobs,
            random_state=random_state,
            selection=selection,
        )
