"""Counts and amounts whose logarithm is linear in the columns: half their deviance with an l2 penalty."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError

from .estimator import LinearEstimator
from .inference import Inferred
from .links import POWERS, linked
from .named import opened
from .problem import Problem

__all__ = ["GammaRegressor", "PoissonRegressor", "TweedieRegressor"]


class _Deviance(Inferred, RegressorMixin, LinearEstimator):  # type: ignore[misc]
    """What the three share; `_kind` says which loss."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0.0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"lbfgs", "newton-cholesky"})],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        solver: str = "lbfgs",
        max_iter: int | None = None,
        tol: float = 1e-6,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    def _kind(self) -> tuple[str, dict[str, float]]:
        """The loss and its settings."""
        raise NotImplementedError

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        offset: Any = None,
        exposure: Any = None,
        checkpoint: Any = None,
    ) -> Any:
        """Fits the model.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or rows that are read while they are computed with: names of files, a function or an iterator that gives
            batches, a lazy frame, a data set. What has one value a row is then given by its column's name, and columns
            of texts are categories (`categories_`, `coef_names_`).
        y : array of shape (rows,)
        sample_weight : float or array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        offset : array of shape (rows,), optional
            Known beforehand of each row: the margin is Xw + b + offset.
        exposure : array of shape (rows,), optional
            Above 0: its logarithm is added to the margin likewise.
        checkpoint : path or (path, seconds), optional
            A file that the fit is kept in, as `steepest.minimize` has it: the same call goes on from there.
        """
        X, y = self._checked(X, y, (sample_weight, offset, exposure), y_numeric=True)
        target = np.ascontiguousarray(y, dtype=np.float64)
        loss, settings = self._kind()
        self._check_range(loss, settings, target)
        start = None
        if self.warm_start and getattr(self, "coef_", np.empty(0)).shape == (X.shape[1],):
            start = self.coef_, np.array([self.intercept_])  # type: ignore[has-type]
        solved = Problem(
            loss=loss,
            loss_settings=settings,
            penalty="l2",
            alpha=self.alpha,
            intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
            narrow=X.dtype == np.float32,
        ).solve(
            X,
            target,
            self._weights(sample_weight, X),
            start=start,
            names=self._names(),
            offset=self._beforehand(X, offset, exposure, X.shape[0]),
            checkpoint=checkpoint,
        )
        self.coef_ = solved.coef[0].astype(X.dtype)
        self.intercept_ = solved.intercept.astype(X.dtype)[0] if self.fit_intercept else 0.0
        self._set_result([solved.result])
        self.n_iter_ = max(1, solved.result.nit)
        return self

    def _inferred(self) -> tuple[str, dict[str, float], bool]:
        return (*self._kind(), self.alpha > 0)

    def _check_range(self, loss: str, settings: dict[str, float], y: Floats) -> None:
        """What the loss cannot take, in scikit-learn's words and the core's."""
        try:
            _core.row_losses((loss, list(settings.items())), 1, y, np.zeros(len(y)))
        except ValueError as error:
            words = f"Some value(s) of y are out of the valid range of the loss: {error}"
            raise InputError(words) from None

    def _unconverged(self, steps: int) -> str:
        return "lbfgs failed to converge" if self.solver == "lbfgs" else ""

    def predict(self, X: Any, *, offset: Any = None, exposure: Any = None) -> NDArray[Any]:
        """The means that the model expects.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        offset, exposure : arrays of shape (rows,), optional
            As in `fit`; 0 and 1 unless given.

        Returns
        -------
        ndarray of shape (rows,)
        """
        margin, beforehand = self._margins(X, offset, exposure)
        if beforehand is not None:
            margin = margin + beforehand
        loss, settings = self._kind()
        means = _core.means((loss, list(settings.items())), 1, np.ascontiguousarray(margin, dtype=np.float64))
        return means.astype(margin.dtype, copy=False)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """D2, the share of the deviance that the model explains: 1 is a perfect fit, 0 as good as the mean.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        sample_weight : array of shape (rows,), optional
        """
        X, y, sample_weight = opened(X, y, sample_weight)
        margin = np.ascontiguousarray(self._scores(X), dtype=np.float64)
        target = np.ascontiguousarray(y, dtype=np.float64)
        loss, settings = self._kind()
        self._check_range(loss, settings, target)
        weight = self._weights(sample_weight, margin)
        mean = np.average(target, weights=weight)
        with np.errstate(divide="ignore"):
            null = mean if loss == "squared" else np.log(mean)

        def cost(margin: Floats) -> float:
            rows = _core.row_losses((loss, list(settings.items())), 1, target, margin)
            return float(np.average(rows, weights=weight))

        return 1.0 - cost(margin) / cost(np.full(len(target), null))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # scikit-learn's refuses what is not above 0 where a power could not be told; so do its tests.
        tags.target_tags.positive_only = self._positive()
        return tags

    def _positive(self) -> bool:
        return True


class PoissonRegressor(_Deviance):
    """Counts whose logarithmic mean is linear in the columns, with an l2 penalty.

    Minimises sum(weight * (exp(m) - y m)) / sum(weight) + alpha / 2 ||w||^2 with m = Xw + b, but for what y alone adds:
    scikit-learn's objective. In terms of `steepest`: loss ``poisson``, penalty ``l2``, the same alpha.

    Parameters are scikit-learn's `PoissonRegressor`. Announced departures: ``tol=1e-6`` bounds the objective's distance
    from its optimum relative to its value (``result_.certificate`` proves it), and ``max_iter=None`` is without limit.
    `solver` and `verbose` are taken and have no effect.

    Parameters
    ----------
    alpha : float, default 1.0
        The weight of the penalty, at least 0.
    fit_intercept : bool, default True
    warm_start : bool, default False
        Starts where the last fit ended.
    tol, max_iter
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (features,)
    intercept_ : float
    n_iter_ : int
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from steepest.linear import PoissonRegressor
    >>> model = PoissonRegressor(alpha=0.0).fit([[0.0], [0.0], [1.0], [1.0]], [1, 3, 4, 8])
    >>> model.predict([[0.0], [1.0]]).round(4)
    array([2., 6.])

    References
    ----------
    Nelder and Wedderburn 1972, https://doi.org/10.2307/2344614
    """

    def _kind(self) -> tuple[str, dict[str, float]]:
        return "poisson", {}


class GammaRegressor(_Deviance):
    """Amounts above 0 whose spread grows with their mean, its logarithm linear in the columns, with an l2 penalty.

    Minimises sum(weight * (y exp(-m) + m)) / sum(weight) + alpha / 2 ||w||^2 with m = Xw + b, but for what y alone
    adds: scikit-learn's objective. In terms of `steepest`: loss ``gamma``, penalty ``l2``, the same alpha.

    Parameters are scikit-learn's `GammaRegressor`. Announced departures: ``tol=1e-6`` bounds the objective's distance
    from its optimum relative to its value (``result_.certificate`` proves it), and ``max_iter=None`` is without limit.
    `solver` and `verbose` are taken and have no effect.

    Parameters
    ----------
    alpha : float, default 1.0
        The weight of the penalty, at least 0.
    fit_intercept : bool, default True
    warm_start : bool, default False
        Starts where the last fit ended.
    tol, max_iter
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (features,)
    intercept_ : float
    n_iter_ : int
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from steepest.linear import GammaRegressor
    >>> model = GammaRegressor(alpha=0.0).fit([[0.0], [0.0], [1.0], [1.0]], [1.0, 3.0, 4.0, 8.0])
    >>> model.predict([[0.0], [1.0]]).round(4)
    array([2., 6.])

    References
    ----------
    Nelder and Wedderburn 1972, https://doi.org/10.2307/2344614
    """

    def _kind(self) -> tuple[str, dict[str, float]]:
        return "gamma", {}


class TweedieRegressor(_Deviance):
    """A target whose variance is its mean to a power, with an l2 penalty.

    Minimises half the mean deviance + alpha / 2 ||w||^2, scikit-learn's objective. In terms of `steepest`: loss
    ``squared`` for a power of 0 (the mean is linear in the columns), and for others, whose logarithmic mean is linear,
    ``poisson`` (1), ``gamma`` (2), ``inverse_gaussian`` (3) or ``tweedie``; penalty ``l2``, the same alpha. Beyond a
    power of 2, and of a power of 0 under the link ``log`` (the loss ``gaussian_log``), the objective is not convex: it
    ends where that is level, and nothing is proved.

    Parameters are scikit-learn's `TweedieRegressor`. Announced departures: ``tol=1e-6`` bounds the objective's distance
    from its optimum relative to its value, where that can be proved (``result_.certificate``), and ``max_iter=None`` is
    without limit. `solver` and `verbose` are taken and have no effect. A power below 0, or the link ``identity`` of
    another power than 0, is refused.

    Parameters
    ----------
    power : float, default 0.0
        0, or 1 to 10. Between 1 and 2 the targets are amounts of which many are exactly 0.
    alpha : float, default 1.0
        The weight of the penalty, at least 0.
    fit_intercept : bool, default True
    link : {"auto", "identity", "log"}, default "auto"
        Unless it is given ``identity`` for a power of 0, which ``log`` goes with too; ``log`` for others.
    warm_start : bool, default False
        Starts where the last fit ended.
    tol, max_iter
        As above.

    Attributes
    ----------
    coef_ : ndarray of shape (features,)
    intercept_ : float
    n_iter_ : int
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from steepest.linear import TweedieRegressor
    >>> model = TweedieRegressor(power=1.5, alpha=0.0).fit([[0.0], [0.0], [1.0], [1.0]], [0.0, 4.0, 4.0, 8.0])
    >>> model.predict([[0.0], [1.0]]).round(4)
    array([2., 6.])

    References
    ----------
    Jorgensen 1987, https://doi.org/10.1111/j.2517-6161.1987.tb01685.x
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_Deviance._parameter_constraints,
        "power": [Interval(Real, None, None, closed="neither")],
        "link": [StrOptions({"auto", "identity", "log"})],
    }

    def __init__(
        self,
        *,
        power: float = 0.0,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        link: str = "auto",
        solver: str = "lbfgs",
        max_iter: int | None = None,
        tol: float = 1e-6,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            alpha=alpha,
            fit_intercept=fit_intercept,
            solver=solver,
            max_iter=max_iter,
            tol=tol,
            warm_start=warm_start,
            verbose=verbose,
        )
        self.power = power
        self.link = link

    def _kind(self) -> tuple[str, dict[str, float]]:
        if self.power != 0 and not 1 <= self.power <= 10:
            raise InputError(f"power must be 0, or between 1 and 10; got {self.power}")
        if self.power and self.link == "identity":
            raise InputError(f"a power of {self.power} takes the link 'log'; got 'identity'")
        power = float(self.power)
        named = POWERS.get(power)
        if named is None:
            return "tweedie", {"power": power}
        return linked(named, {}, None if self.link == "auto" else self.link)

    def _positive(self) -> bool:
        return self.power > 0
