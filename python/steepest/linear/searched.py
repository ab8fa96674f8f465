"""Models whose weight of the penalty is chosen on held-out rows, as scikit-learn does, and which end at the optimum."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

from sklearn import linear_model
from sklearn.utils._param_validation import Interval

from .elastic_net import ElasticNet
from .lasso import Lasso
from .named import in_memory
from .ridge import Ridge
from .theirs import Counterpart

__all__ = ["ElasticNetCV", "LassoCV", "RidgeCV"]

# Sweeps of scikit-learn's own path, which only tells alphas apart.
_SWEEPS = 100_000
_MAX_ITER: list[Any] = [Interval(Integral, 1, None, closed="left"), None]


def _path(theirs: Any, name: str, coefs: str) -> Any:
    """scikit-learn's path along alpha, where a `max_iter` of None is as good as without limit."""

    def path(X: Any, y: Any, **given: Any) -> Any:
        if given.get("max_iter") is None:
            given["max_iter"] = _SWEEPS
        return theirs(X, y, **given)

    path.__doc__ = f"""scikit-learn's path along alpha.

    Parameters
    ----------
    X : array or sparse matrix of shape (rows, columns)
    y : array of shape (rows,)
    **given
        Those of `sklearn.linear_model.{theirs.__name__}`; a `max_iter` of None is as good as without limit.

    Returns
    -------
    tuple
        What that returns: alphas, coefficients, duality gaps.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.linear import {name}
    >>> alphas, coefs, gaps = {name}.path(np.eye(3), np.array([1.0, 2.0, 3.0]), alphas=[0.5])
    >>> coefs.round(2).ravel().tolist()
    {coefs}
    """
    return path


class _Searched(Counterpart):
    """Keeps how the model at the chosen alpha ended."""

    #: What is fitted at the chosen alpha.
    MODEL: ClassVar[type]
    _model: Any

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        cls._parameter_constraints = {**cls._parameter_constraints, "max_iter": _MAX_ITER}  # type: ignore[attr-defined]

    def _get_estimator(self) -> Any:
        self._model = model = self.MODEL()
        return model

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Any:
        """Chooses alpha on held-out rows and fits the model there.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        sample_weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        **params
            For the splitter, where scikit-learn routes metadata.
        """
        in_memory(self, X, y=y, sample_weight=sample_weight)
        super().fit(X, y, sample_weight=sample_weight, **params)  # type: ignore[misc]
        self.result_ = self._model.result_
        del self._model
        return self


class LassoCV(_Searched, linear_model.LassoCV):  # type: ignore[misc]
    """Least squares with an l1 penalty whose weight is chosen on held-out rows.

    Parameters, the grid of alphas, the folds and the choice are scikit-learn's `LassoCV`; the model at the alpha
    chosen is `Lasso`'s, at the optimum of its objective (``result_.certificate`` proves it). Announced departures:
    ``tol=1e-6`` and ``max_iter=None``, without limit.

    Parameters
    ----------
    eps : float, default 1e-3
        The least alpha of the grid, in times of the largest.
    alphas : int or array, default 100
        The grid, or how many it has.
    cv : int, splitter or iterable, optional
        The folds; 5 unless given.
    fit_intercept, precompute, max_iter, tol, copy_X, verbose, n_jobs, positive, random_state, selection
        As scikit-learn has them.

    Attributes
    ----------
    alpha_ : float
    coef_ : ndarray of shape (features,)
    intercept_ : float
    mse_path_, alphas_, dual_gap_, n_iter_
        As scikit-learn has them.
    result_ : Result
        How the fit at the chosen alpha ended.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from steepest.linear import LassoCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LassoCV().fit(X, y)
    >>> model.result_.success
    True

    References
    ----------
    Friedman, Hastie and Tibshirani 2010, https://doi.org/10.18637/jss.v033.i01
    """

    MODEL = Lasso
    path = staticmethod(_path(linear_model.lasso_path, "LassoCV", "[0.0, 0.5, 1.5]"))

    def __init__(
        self,
        *,
        eps: float = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        precompute: Any = "auto",
        max_iter: int | None = None,
        tol: float = 1e-6,
        copy_X: bool = True,
        cv: Any = None,
        verbose: Any = False,
        n_jobs: int | None = None,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        super().__init__(
            eps=eps,
            alphas=alphas,
            fit_intercept=fit_intercept,
            precompute=precompute,
            max_iter=max_iter,
            tol=tol,
            copy_X=copy_X,
            cv=cv,
            verbose=verbose,
            n_jobs=n_jobs,
            positive=positive,
            random_state=random_state,
            selection=selection,
        )


class ElasticNetCV(_Searched, linear_model.ElasticNetCV):  # type: ignore[misc]
    """Least squares with a mixture of l1 and l2 penalties whose weight is chosen on held-out rows.

    Parameters, the grid of alphas, the folds and the choice are scikit-learn's `ElasticNetCV`; the model at the alpha
    and the ratio chosen is `ElasticNet`'s, at the optimum of its objective (``result_.certificate`` proves it).
    Announced departures: ``tol=1e-6`` and ``max_iter=None``, without limit.

    Parameters
    ----------
    l1_ratio : float or array, default 0.5
        The share of the absolute values; the best of several.
    eps : float, default 1e-3
        The least alpha of the grid, in times of the largest.
    alphas : int or array, default 100
        The grid, or how many it has.
    cv : int, splitter or iterable, optional
        The folds; 5 unless given.
    fit_intercept, precompute, max_iter, tol, copy_X, verbose, n_jobs, positive, random_state, selection
        As scikit-learn has them.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
    coef_ : ndarray of shape (features,)
    intercept_ : float
    mse_path_, alphas_, dual_gap_, n_iter_
        As scikit-learn has them.
    result_ : Result
        How the fit at the chosen alpha ended.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from steepest.linear import ElasticNetCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ElasticNetCV(l1_ratio=[0.5, 0.9]).fit(X, y)
    >>> model.result_.success
    True

    References
    ----------
    Zou and Hastie 2005, https://doi.org/10.1111/j.1467-9868.2005.00503.x
    """

    MODEL = ElasticNet
    path = staticmethod(_path(linear_model.enet_path, "ElasticNetCV", "[0.14, 0.71, 1.29]"))

    def __init__(
        self,
        *,
        l1_ratio: float | Sequence[float] = 0.5,
        eps: float = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        precompute: Any = "auto",
        max_iter: int | None = None,
        tol: float = 1e-6,
        cv: Any = None,
        copy_X: bool = True,
        verbose: Any = 0,
        n_jobs: int | None = None,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        super().__init__(
            l1_ratio=l1_ratio,
            eps=eps,
            alphas=alphas,
            fit_intercept=fit_intercept,
            precompute=precompute,
            max_iter=max_iter,
            tol=tol,
            cv=cv,
            copy_X=copy_X,
            verbose=verbose,
            n_jobs=n_jobs,
            positive=positive,
            random_state=random_state,
            selection=selection,
        )


class RidgeCV(Counterpart, linear_model.RidgeCV):  # type: ignore[misc]
    """Least squares with an l2 penalty whose weight is chosen by leaving out one row at a time, or by folds.

    Parameters and the choice are scikit-learn's `RidgeCV`; the model at the alpha chosen is `Ridge`'s.

    Parameters
    ----------
    alphas : array, default (0.1, 1.0, 10.0)
    cv : int, splitter or iterable, optional
        The folds; one row at a time unless given.
    fit_intercept, scoring, gcv_mode, store_cv_results, alpha_per_target
        As scikit-learn has them.

    Attributes
    ----------
    alpha_ : float, or ndarray of shape (targets,)
    best_score_ : float, or ndarray of shape (targets,)
    coef_ : ndarray of shape (features,) or (targets, features)
    intercept_ : float or ndarray of shape (targets,)
    cv_results_ : ndarray
        As scikit-learn has it.
    result_ : Result
        How the fit at the chosen alpha ended.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from steepest.linear import RidgeCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = RidgeCV(alphas=(0.01, 0.1, 1.0)).fit(X, y)
    >>> float(model.alpha_), model.result_.success
    (0.01, True)

    References
    ----------
    Golub, Heath and Wahba 1979, https://doi.org/10.1080/00401706.1979.10489751
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> RidgeCV:
        """Chooses alpha and fits the model there.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,) or (rows, targets)
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        **params
            For the scorer and the splitter, where scikit-learn routes metadata.

        Returns
        -------
        RidgeCV
            The estimator itself, fitted.
        """
        in_memory(self, X, y=y, sample_weight=sample_weight)
        super().fit(X, y, sample_weight=sample_weight, **params)
        model = Ridge(alpha=self.alpha_, fit_intercept=self.fit_intercept).fit(X, y, sample_weight)
        self.coef_, self.intercept_, self.result_ = model.coef_, model.intercept_, model.result_
        return self
