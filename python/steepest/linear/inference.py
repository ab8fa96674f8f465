"""What a fitted linear model's coefficients are worth: standard errors, intervals, tests, the deviance explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.utils import column_or_1d

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError
from steepest.tables.batches import Batches
from steepest.tables.stream import Stream

from .estimator import alike
from .families import Family, family_of
from .named import opened
from .problem import Problem

__all__ = ["Inferred", "Summary"]


# Numbers of a table that are made dense at most.
_LARGE = 1e9
_COVARIANCES = ("model", "HC0", "HC1")
# Standard errors that the last step to the optimum is long at most; steps at most; what each is of the one before, or a
# new matrix is made.
_NEAR, _STEPS, _SLOW = 1e-8, 20, 0.1
_EPS, _TINY = 8 * float(np.finfo(np.float64).eps), float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Summary:
    """Coefficients and what they are worth; `print` shows the table.

    Standard errors are those of an unpenalised fit: from the model's own variance, or (sandwich) from the errors as
    they are. ``squared`` is tested by Student's t, all others by the normal distribution.

    Parameters
    ----------
    names : list of str
        The columns, and ``intercept`` last, where there is one.
    coef, se, statistic, p, low, high : ndarray of shape (names,)
        Estimates, standard errors, t or z, two-sided p values and the ends of the intervals. The estimates are those of
        the fit, taken on to within 1e-8 of a standard error of the optimum where `settled` is true.
    covariance : ndarray of shape (names, names)
    level : float
        Of the intervals.
    settled : bool
        Whether they were; where the optimum is without end or columns depend on each other up to rounding they are the
        fit's own.
    kind : str
        Where standard errors come from: ``model``, ``HC0`` or ``HC1``.
    letter : str
        Of the statistic: ``t`` or ``z``.
    rows : int
        Of a weight above 0.
    df : int
        Rows less coefficients that can be told apart.
    scale : float
        The dispersion; 1 for classes and counts.
    deviance, null_deviance, explained : float
        Of the model and of the best constant, and the share of it that the model explains (D2; R2 for ``squared``).
    llf, aic, bic : float
        The log-likelihood and the information criteria; NaN where the density has no series, ``tweedie`` of a power
        above 2 that is not 3.

    Examples
    --------
    >>> from steepest.linear import LinearRegression
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.1, 1.9, 3.2]
    >>> summary = LinearRegression().fit(X, y).summary(X, y)
    >>> summary.se.round(4).tolist()
    [0.0648, 0.1212]

    References
    ----------
    McCullagh and Nelder 1989, Generalized Linear Models; White 1980, https://doi.org/10.2307/1912934
    """

    names: list[str]
    coef: Floats
    se: Floats
    statistic: Floats
    p: Floats
    low: Floats
    high: Floats
    covariance: Floats
    level: float
    settled: bool
    kind: str
    letter: str
    rows: int
    df: int
    scale: float
    deviance: float
    null_deviance: float
    explained: float
    llf: float
    aic: float
    bic: float

    def __str__(self) -> str:
        width = max([len(name) for name in self.names] + [9])
        ends = (f"{50 * (1 - self.level):.3g}%", f"{50 * (1 + self.level):.3g}%")
        head = ("coef", "std err", self.letter, f"P>|{self.letter}|", *ends)
        lines = [" " * width + "".join(f"{h:>12}" for h in head)]
        columns = zip(
            self.names, self.coef, self.se, self.statistic, self.p, self.low, self.high, strict=True
        )
        for name, coef, se, statistic, p, low, high in columns:
            numbers = f"{coef:12.5g}{se:12.4g}{statistic:12.3f}{p:12.3f}{low:12.5g}{high:12.5g}"
            lines.append(f"{name:<{width}}{numbers}")
        lines += [
            f"rows {self.rows}, degrees of freedom {self.df}, dispersion {self.scale:.5g}, errors {self.kind}",
            f"deviance {self.deviance:.6g} of {self.null_deviance:.6g}: {100 * self.explained:.2f}% explained",
            f"log-likelihood {self.llf:.6g}, AIC {self.aic:.6g}, BIC {self.bic:.6g}",
        ]
        if not self.settled:
            lines.append("Coefficients are the fit's own: steps to the optimum do not settle.")
        return "\n".join(lines)


class Inferred:
    """What models have whose coefficients can be tested."""

    def _inferred(self) -> tuple[str, dict[str, float], bool]:
        """The loss, its settings, and whether coefficients are penalised."""
        raise NotImplementedError

    def _targets(self, y: Any) -> Any:
        """Targets as the loss has them."""
        return y

    def _weighed(self, y: Any, weight: Floats | None) -> Floats | None:
        """The weights that the rows had in the fit, of those that were given to it."""
        return weight

    def summary(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        offset: Any = None,
        exposure: Any = None,
        covariance: str = "model",
        level: float = 0.95,
    ) -> Summary:
        """Standard errors, intervals and tests of the coefficients, from the rows that they were fitted to.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Or files and batches, as in `fit`; they are made one dense table.
        y : array of shape (rows,)
        sample_weight : array of shape (rows,), optional
            The inverse of each row's variance, beside the others'.
        offset, exposure : arrays of shape (rows,), optional
            As in `fit`.
        covariance : {"model", "HC0", "HC1"}
            From the model's own variance, or the sandwich of the errors as they are; HC1 is HC0 times
            rows / degrees of freedom.
        level : float, default 0.95
            Of the intervals.

        Returns
        -------
        Summary
            Which prints as a table.

        Raises
        ------
        InputError
            If the coefficients are penalised, the loss has no variance, there are several targets, or y is not what the
            model could be fitted to.
        """
        loss, settings, penalised = self._inferred()
        if penalised:
            raise InputError(
                "summary is of a fit without a penalty and without bounds: standard errors know nothing of them"
            )
        if covariance not in _COVARIANCES:
            raise InputError(f"covariance must be one of {', '.join(_COVARIANCES)}; got {covariance!r:.80}")
        if not 0.0 < level < 1.0:
            raise InputError(f"level must be between 0 and 1; got {level!r:.80}")
        family = family_of(loss, settings)
        X, y, sample_weight = opened(X, y, sample_weight)
        margin, beforehand = self._margins(X, offset, exposure)  # type: ignore[attr-defined]
        margin = np.asarray(margin, dtype=np.float64).reshape(len(margin), -1)
        if margin.shape[1] != 1:
            raise InputError("summary is of one target, or of two classes; this model has several")
        margin = margin[:, 0] + (0.0 if beforehand is None else beforehand)
        y = _told(self, y, len(margin))
        weight = self._weighed(y, self._weights(sample_weight, margin))  # type: ignore[attr-defined]
        weight = np.ones(len(margin)) if weight is None else weight
        keep = weight > 0
        rows, names = _design(self, X, keep)
        target = np.asarray(self._targets(y), dtype=np.float64)[keep]
        # What the loss does not take is refused by its row.
        _core.row_losses((loss, list(settings.items())), 1, target, np.zeros(len(target)))
        before = np.zeros(len(margin)) if beforehand is None else beforehand
        given = (rows, target, weight[keep], margin[keep], before[keep])
        coef = np.ravel(np.asarray(self.coef_, dtype=np.float64))  # type: ignore[attr-defined]
        if rows.shape[1] > len(coef):
            coef = np.append(coef, np.ravel(self.intercept_))  # type: ignore[attr-defined]
        intercept = bool(self.fit_intercept)  # type: ignore[attr-defined]
        return _summarised(family, (loss, settings), given, coef, (names, intercept), covariance, level)


def _told(model: Any, y: Any, rows: int) -> NDArray[Any]:
    """Targets of as many rows, finite, and of classes that the model knows."""
    y = column_or_1d(y)
    if len(y) != rows:
        raise InputError(f"y must be as long as X has rows, {rows}; got {len(y)}")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        row = int(np.argmin(np.isfinite(y)))
        raise InputError(f"y must be finite; got {y[row]} in row {row}")
    known = getattr(model, "classes_", None)
    if known is not None:
        strange = ~np.isin(alike(y), known)
        if strange.any():
            row = int(np.argmax(strange))
            raise InputError(f"y must be of the classes of the fit; got {y[row]!r} in row {row}")
    return np.asarray(y)


def _design(model: Any, X: Any, keep: NDArray[np.bool_]) -> tuple[Floats, list[str]]:
    """The rows that count, a column of ones behind them, and the columns' names."""
    if isinstance(X, Batches) or hasattr(model, "categories_"):
        X = model._stream_of(X)
    n, d = X.shape if hasattr(X, "shape") else np.shape(X)
    if n * d > _LARGE:
        raise InputError(
            f"summary makes the table dense, which is for at most {_LARGE:g} numbers; got {n * d}"
        )
    dense: Any = X.dense() if isinstance(X, Stream) else X.toarray() if hasattr(X, "toarray") else X
    rows = np.asarray(dense, dtype=np.float64)[keep]
    names = model._names()
    names = [f"x{j}" for j in range(d)] if names is None else [str(name) for name in names]
    if model.fit_intercept:
        rows, names = np.column_stack([rows, np.ones(len(rows))]), [*names, "intercept"]
    return rows, names


def _summarised(
    family: Family,
    loss: tuple[str, dict[str, float]],
    given: tuple[Floats, Floats, Floats, Floats, Floats],
    coef: Floats,
    called: tuple[Sequence[str], bool],
    covariance: str,
    level: float,
) -> Summary:
    names, intercept = called
    coef, settled = _polished(family, given, coef)
    rows, y, weight, margin, before = given
    margin = rows @ coef + before if settled else margin
    mu, slope = family.mean(margin), family.slope(margin)
    model = covariance == "model"
    # Expected for the model's own errors, as it is for the sandwich: the same for most links.
    information = weight * (slope**2 / family.variance(mu) if model else family.bend(y, margin))
    inverse, rank, lost = _inverse(rows, information)
    df = len(y) - rank
    pearson = float((weight * (y - mu) ** 2 / family.variance(mu)).sum())
    scale = pearson / df if family.spread and df > 0 else (np.nan if family.spread else 1.0)
    if model:
        cov = scale * inverse
    else:
        pull = weight * (y - mu) * slope / family.variance(mu)
        meat = inverse @ (pull[:, None] * rows).T
        cov = meat @ meat.T * (len(y) / df if covariance == "HC1" and df > 0 else 1.0)
    se = np.sqrt(np.diag(cov))
    # Of columns that depend on each other no one has an error of its own.
    se[lost] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = coef / se
    student = loss[0] == "squared" and model
    law = stats.t(df) if student else stats.norm()
    reach = float(law.ppf(0.5 + level / 2)) * se
    deviance, null = _deviances(loss, y, weight, margin, before, intercept)
    # Gaussian dispersion by the likelihood, as least squares have it; by Pearson's otherwise.
    told = pearson / len(y) if loss[0] in ("squared", "gaussian_log") else scale
    llf = float(family.likelihood(y, mu, weight, told).sum()) if family.likelihood else np.nan
    return Summary(
        names=list(names),
        coef=coef,
        se=se,
        statistic=statistic,
        p=2 * law.sf(np.abs(statistic)),
        low=coef - reach,
        high=coef + reach,
        covariance=cov,
        level=level,
        settled=settled,
        kind=covariance,
        letter="t" if student else "z",
        rows=len(y),
        df=df,
        scale=float(scale),
        deviance=deviance,
        null_deviance=null,
        explained=1.0 - deviance / null if null > 0 else 0.0,
        llf=llf,
        aic=2 * rank - 2 * llf,
        bic=rank * np.log(len(y)) - 2 * llf,
    )


def _polished(
    family: Family, given: tuple[Floats, Floats, Floats, Floats, Floats], coef: Floats
) -> tuple[Floats, bool]:
    """The coefficients at the optimum, by Newton's steps, and whether they are; else as they came.

    A loss that is a millionth from its least leaves them a part of a standard error off that grows with the rows.
    """
    rows, y, weight, _, before = given
    at, last = coef, np.inf
    inverse, error = np.zeros((0, 0)), np.ones(len(coef))
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            margin = rows @ at + before
            mu = family.mean(margin)
            pull = weight * (y - mu) / family.variance(mu)
            bend = weight * family.bend(y, margin)
            if not (np.isfinite(pull).all() and np.isfinite(bend).all()):
                break
            step = inverse @ (rows.T @ (pull * family.slope(margin))) if len(inverse) else None
            if step is None or not (np.abs(step) / error).max() <= _SLOW * last:
                # One matrix serves as long as each step leaves next to nothing of what was left before.
                inverse, rank, _ = _inverse(rows, bend)
                scale = (pull * (y - mu)).sum() / max(len(y) - rank, 1) if family.spread else 1.0
                error = np.sqrt(np.diag(inverse) * scale) + _EPS / _NEAR * np.abs(at) + _TINY
                step = inverse @ (rows.T @ (pull * family.slope(margin)))
            at, last = at + step, float((np.abs(step) / error).max(initial=0.0))
            if last <= _NEAR:
                return at, True
    return coef, False


def _inverse(rows: Floats, information: Floats) -> tuple[Floats, int, NDArray[np.bool_]]:
    """(X' diag(information) X)^-1 where it can be told, its rank, and which columns depend on others.

    By orthogonal factors, columns of one size: squares lose half of the digits.
    """
    root = np.sqrt(np.abs(information))[:, None] * rows
    size = np.linalg.norm(root, axis=0)
    size[size == 0] = 1.0
    _, values, axes = np.linalg.svd(root / size, full_matrices=False)
    sure = values > max(rows.shape) * np.finfo(float).eps * values.max(initial=0.0)
    lost = (np.abs(axes[~sure]) > 1e-8).any(axis=0) | (len(values) < rows.shape[1])
    if (information < 0).any():
        # No square root, but in the axes of |information|, at their lengths, the matrix is near one of 1 and -1.
        half = (root / size) @ (axes[sure] / values[sure, None]).T
        middle = np.linalg.inv(half.T @ (np.sign(information)[:, None] * half))
        back = (axes[sure] / values[sure, None]) / size
        return back.T @ middle @ back, int(sure.sum()), lost
    half = (axes[sure] / values[sure, None]) / size
    inverse = half.T @ half
    return inverse, int(sure.sum()), lost


def _deviances(
    loss: tuple[str, dict[str, float]],
    y: Floats,
    weight: Floats,
    margin: Floats,
    before: Floats,
    intercept: bool,
) -> tuple[float, float]:
    """Of the model, and of the best constant beside what is known beforehand (of nothing, without an intercept)."""

    def total(margin: Floats) -> float:
        return 2 * float(weight @ _core.row_losses((loss[0], list(loss[1].items())), 1, y, margin))

    if not intercept:
        return total(margin), total(before)
    alone = Problem(loss=loss[0], loss_settings=loss[1], penalty="none", tol=1e-13)
    offset = before if before.any() else None
    solved = alone.solve(np.zeros((len(y), 1)), y, weight, offset=offset)
    return total(margin), total(before + solved.intercept[0])
