"""Linear models along the weights of a penalty, from where it leaves nothing of the coefficients."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from steepest._types import Floats
from steepest.errors import InputError, NotConverged
from steepest.result import Result

from .explained import draw_path, finished
from .generalized import GeneralizedLinear
from .problem import Solved
from .settings import number, whole

__all__ = ["LinearPath", "path"]

#: Lines of a path that are printed, at most.
_SHOWN = 12
#: Numbers of a block of rows.
_BLOCK = 1 << 15


@dataclass(frozen=True, eq=False)
class LinearPath:
    """Linear models along falling weights of a penalty, as `path` returns them.

    Parameters
    ----------
    alphas : ndarray of shape (alphas,)
        The weights, the largest first; fewer than were asked for where `watch` or `max_seconds` ended it.
    coefs : ndarray of shape (alphas, features) or (alphas, targets or classes, features)
    intercepts : ndarray of shape (alphas,) or (alphas, targets or classes)
    n_nonzero : ndarray of shape (alphas,)
        Columns with a coefficient other than 0.
    deviance_explained : ndarray of shape (alphas,)
        The share of the loss of the best constant that the model takes away, on the rows of the fit (R2 for
        ``squared``); of several targets the mean. Below 0 where ``fit_intercept=False`` leaves more than a constant.
    models : list of GeneralizedLinear
        The fitted model at each alpha: it predicts, scores and draws.
    names : list of str
        The columns.
    spreads : ndarray of shape (features,) or None
        Their standard deviations; None where rows were read in batches.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from steepest.linear import path
    >>> found = path(*load_diabetes(return_X_y=True), alphas=[1.5, 0.1])
    >>> found.n_nonzero.tolist(), found.success
    ([2, 7], True)
    """

    alphas: Floats
    coefs: Floats
    intercepts: Floats
    n_nonzero: NDArray[np.intp]
    deviance_explained: Floats
    models: list[GeneralizedLinear] = field(repr=False)
    names: list[str] = field(repr=False)
    spreads: Floats | None = field(repr=False)

    @property
    def results(self) -> list[Result]:
        """How the fit at each alpha ended; of several targets the one farthest from its goal."""
        return [model.result_ for model in self.models]

    @property
    def success(self) -> bool:
        """Whether all of them ended where they were to."""
        return all(result.success for result in self.results)

    def __len__(self) -> int:
        return len(self.alphas)

    def _table(self) -> list[tuple[str, ...]]:
        """Lines of it, evenly spaced, below their heads."""
        places = np.unique(np.linspace(0, len(self) - 1, min(len(self), _SHOWN)).astype(int))
        results = self.results
        lines = [
            (
                f"{self.alphas[k]:.4g}",
                str(self.n_nonzero[k]),
                # No "-0.00".
                f"{round(100 * self.deviance_explained[k], 2) + 0.0:.2f}%",
                results[k].outcome,
            )
            for k in places
        ]
        return [("alpha", "columns", "explained", "outcome"), *lines]

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self._table(), strict=True)]
        return "\n".join(
            "  ".join(f"{cell:>{wide}}" for cell, wide in zip(line, widths, strict=True))
            for line in self._table()
        )

    def _repr_html_(self) -> str:
        head, *lines = self._table()

        def row(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(row(line, "td") for line in lines)
        return f"<table><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"

    def plot(
        self,
        output: int = 0,
        *,
        title: str | None = None,
        ax: Any = None,
        file: str | Path | None = None,
    ) -> Any:
        """Draws the coefficients, in standard deviations of their columns, along alpha; the largest are named.

        Parameters
        ----------
        output : int, default 0
            Which target, or class, where there are several.
        title : str, optional
        ax : Axes, optional
            Where to draw; a new figure unless given.
        file : path, optional
            Where to save the picture; it is then not shown.

        Returns
        -------
        Axes

        Raises
        ------
        InputError
            If there is no such output, or fewer than two alphas above 0.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from steepest.linear import path
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> ax = path(X, y, n_alphas=20).plot(file="/tmp/path.png")
        >>> ax.get_xlabel()
        'alpha'
        """
        outputs = 1 if self.coefs.ndim == 2 else self.coefs.shape[1]
        if whole("output", output) >= outputs:
            raise InputError(f"output must be below {outputs}, the outputs of the path; got {output}")
        shown = self.alphas > 0.0
        if shown.sum() < 2:
            raise InputError(
                f"a picture of a path needs at least two alphas above 0; this one has {shown.sum()}"
            )
        coefs = self.coefs if self.coefs.ndim == 2 else self.coefs[:, output]
        along = coefs * (1.0 if self.spreads is None else self.spreads)
        ax = draw_path(self.alphas[shown], along[shown], self.names, None, ax, file)
        label = "coefficient" if self.spreads is None else "coefficient x standard deviation"
        ax.set(xlabel="alpha", ylabel=label)
        return finished(ax, title, file)


def path(
    X: Any,
    y: Any,
    *,
    loss: str = "squared",
    penalty: str = "l1",
    alphas: Any = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    loss_settings: Mapping[str, float] | None = None,
    penalty_settings: Mapping[str, float] | None = None,
    link: str | None = None,
    groups: Any = None,
    penalty_weights: Any = None,
    penalty_matrix: Any = None,
    bounds: Any = None,
    fit_intercept: bool = True,
    sample_weight: Any = None,
    offset: Any = None,
    exposure: Any = None,
    method: str | None = None,
    method_settings: Mapping[str, float] | None = None,
    tol: float = 1e-6,
    max_iter: int | None = None,
    max_passes: float | None = None,
    max_seconds: float | None = None,
    threads: int = 0,
    watch: Callable[..., Any] | None = None,
) -> LinearPath:
    """Linear models along falling weights of a penalty: how coefficients enter and grow.

    At each alpha the optimum of `GeneralizedLinear`'s objective, sum(weight * loss(y, Xw + b)) / sum(weight) + alpha *
    penalty(w), found from where the one before has ended; the table is looked at, scaled and, by coordinate descent
    over least squares, multiplied with itself once for all of them. Each has its certificate; where the penalty is not
    convex (``mcp``, ``scad``) nothing is proved of it, and following the path is the usual way to a good one of several
    minima.

    Unless they are given, alphas fall evenly in their logarithms to `eps` times the largest: the least alpha at which
    all penalised coefficients are 0, from the slopes of the model without them (of ``mcp`` and ``scad``: at which that
    is a stationary point, which a fit may still leave for a lower one). A smooth penalty (``l2``, ``smooth_l1``),
    and ``elastic_net`` of a ratio below 0.001, takes coefficients to 0 at no alpha that matters: the largest is then
    glmnet's for a ratio of 0.001, a thousand times the largest slope (per penalty weight).
    scikit-learn's `lasso_path` and `enet_path` have the same grid, where no column has a weight of its own; they refuse
    a ratio of 0.

    Parameters
    ----------
    X : array, sparse matrix or frame of shape (rows, columns)
        Or rows that are read while they are computed with, as `GeneralizedLinear.fit` has them; y is then a column's
        name.
    y : array of shape (rows,) or (rows, targets)
        Several targets have one grid, which begins where all coefficients of all targets are 0.
    loss, penalty : str
        ``steepest list losses`` and ``steepest list penalties`` have them. Constraints weigh nothing, and are refused.
    alphas : array, optional
        The weights of the penalty, at least 0, in any order.
    n_alphas : int, default 100
        How many, where they are not given.
    eps : float, default 1e-3
        The least of them in times of the largest, above 0 and below 1.
    loss_settings, penalty_settings, link, groups, penalty_weights, penalty_matrix, bounds, fit_intercept : optional
        As `GeneralizedLinear` has them. The sign of a column, the group that it is in and what alpha is multiplied by
        for it count in the largest alpha; of a `penalty_matrix` its axes and their eigenvalues.
    method, method_settings : str and mapping, optional
        As `GeneralizedLinear` has them.
    sample_weight, offset, exposure : arrays of shape (rows,), optional
        As `GeneralizedLinear.fit` has them.
    tol, max_iter, max_passes : numbers
        Of each fit, as `GeneralizedLinear` has them.
    max_seconds : float, optional
        Of all fits of a target: those that there is no time for are left out. Coefficients of `penalty_weights` 0, if
        any, are fitted before, without this limit, where alphas are not given.
    threads : int, default 0
    watch : callable, optional
        Called with the progress, at most ten times a second; returning true stops, and ends the path there.

    Returns
    -------
    LinearPath
        `alphas`, `coefs`, `intercepts`, `results`, `n_nonzero`, `deviance_explained`, the fitted `models`, and `plot`.

    Raises
    ------
    InputError
        If an argument cannot be used; or if alphas are not given and no largest one follows: all slopes are 0 but for
        rounding (y or no column varies, or no column says anything of y), the loss has kinks (``pinball``, ``hinge``),
        the bounds forbid 0.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from steepest.linear import path
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> found = path(X, y, n_alphas=5)
    >>> print(found)
       alpha  columns  explained    outcome
       2.148        0      0.00%  converged
       0.382        4     47.03%  converged
     0.06793        7     51.19%  converged
     0.01208        9     51.55%  converged
    0.002148       10     51.76%  converged

    References
    ----------
    Friedman, Hastie and Tibshirani 2010, https://doi.org/10.18637/jss.v033.i01
    """
    model = GeneralizedLinear(
        loss,
        penalty,
        loss_settings=loss_settings,
        penalty_settings=penalty_settings,
        link=link,
        groups=groups,
        penalty_weights=penalty_weights,
        penalty_matrix=penalty_matrix,
        bounds=bounds,
        fit_intercept=fit_intercept,
        method=method,
        method_settings=method_settings,
        tol=tol,
        max_iter=max_iter,
        max_passes=max_passes,
        max_seconds=max_seconds,
        threads=threads,
        watch=watch,
    )
    if watch is not None and not callable(watch):
        raise InputError(f"watch must be called with the progress; got {watch!r:.80}")
    many, share, given = whole("n_alphas", n_alphas, 1), number("eps", eps), _given(alphas)
    if given is None and not 0.0 < share < 1.0:
        raise InputError(f"eps must be above 0 and below 1; got {eps!r:.80}")
    X, y, outputs = model._rows(X, y, (sample_weight, offset, exposure))
    weight = model._weights(sample_weight, X)
    before = model._beforehand(X, offset, exposure, X.shape[0])
    targets = [np.ascontiguousarray(target) for target in y.reshape(len(y), -1).T]
    narrow = model._kept(X) == np.float32
    problems = [replace(problem, narrow=narrow) for problem in model._problems(outputs, X, len(targets))]
    names = model._names()
    beside: dict[str, Any] = {
        "names": None if names is None else [str(name) for name in names],
        "offset": before,
    }
    starts: list[Floats | None] = [None] * len(targets)
    if given is None:
        if fit_intercept and before is None and all(np.ptp(target) == 0.0 for target in targets):
            # Of classes that are all one, and of counts that are all 0, the intercept has no least point even.
            _falling(0.0, many, share)
        begins = [
            problem.strongest(X, target, weight, **beside)
            for problem, target in zip(problems, targets, strict=True)
        ]
        starts = [start for _, start in begins]
        given = _falling(max(alpha for alpha, _ in begins), many, share)
    solved: list[list[Solved]] = []
    for problem, target, start in zip(problems, targets, starts, strict=True):
        found = problem.along(given, X, target, weight, start=start, watch=watch, **beside)
        solved.append(found)
        given = given[: len(found)]
    nulls = [model._null(target, weight, before) for target in targets]
    return _told(model, given, solved, nulls, X, y)


def _given(alphas: Any) -> Floats | None:
    """Weights that were given, the largest first."""
    if alphas is None:
        return None
    try:
        values = np.asarray(alphas, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"alphas must be numbers; got {alphas!r:.80}") from None
    if values.ndim != 1 or not len(values) or not (np.isfinite(values) & (values >= 0.0)).all():
        raise InputError(f"alphas must be finite numbers of at least 0, one at least; got {alphas!r:.80}")
    return np.sort(values)[::-1].copy()


def _falling(most: float, many: int, share: float) -> Floats:
    """Evenly in their logarithms, the last one `share` of the first."""
    if most <= 0.0:
        raise InputError(
            "no coefficient is other than 0 at any alpha: y or no column varies, or no column says anything of y; give "
            "alphas, or look at X and y"
        )
    return most * share ** (np.arange(many) / max(many - 1, 1))


def _told(
    model: GeneralizedLinear,
    alphas: Floats,
    solved: list[list[Solved]],
    nulls: list[float],
    X: Any,
    y: Any,
) -> LinearPath:
    """The path of what was found of each target at each alpha."""
    models = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConverged)
        for k, alpha in enumerate(alphas.tolist()):
            here = copy.copy(model)
            here.alpha = alpha
            here._keep([found[k] for found in solved], X, y)
            here.n_iter_ = np.array([result.nit for result in here.results_], dtype=np.int32)
            models.append(here)
    short = sum(not here.result_.success for here in models)
    if short:
        warnings.warn(
            f"path: {short} of {len(models)} fits ended short of tol={model.tol:g}; `results` has how each ended",
            NotConverged,
            stacklevel=3,
        )
    explained = [
        [
            1.0 - found[k].loss / null if null > 0.0 else float(found[k].loss <= 0.0)
            for k in range(len(alphas))
        ]
        for found, null in zip(solved, nulls, strict=True)
    ]
    coefs = np.array([here.coef_ for here in models])
    used = coefs != 0.0
    names = model._names()
    return LinearPath(
        alphas=alphas,
        coefs=coefs,
        intercepts=np.array([here.intercept_ for here in models]),
        n_nonzero=(used if used.ndim == 2 else used.any(axis=1)).sum(axis=1),
        deviance_explained=np.mean(explained, axis=0),
        models=models,
        names=[f"x{j}" for j in range(coefs.shape[-1])] if names is None else [str(name) for name in names],
        spreads=_spreads(X),
    )


def _spreads(X: Any) -> Floats | None:
    """The columns' standard deviations; none of rows that are read."""
    given: Any = X
    if sparse.issparse(X):
        return np.sqrt(np.asarray(mean_variance_axis(sparse.csr_matrix(given), axis=0)[1], dtype=np.float64))
    if not isinstance(X, np.ndarray):
        return None
    # A block at a time stays in the cache, where the whole would be written out and read twice.
    step = max(1, _BLOCK // max(X.shape[1], 1))
    about = X[:step].mean(axis=0, dtype=np.float64)
    sums, squares, ones = np.zeros(len(about)), np.zeros(len(about)), np.ones(step)
    for at in range(0, len(X), step):
        off = X[at : at + step] - about
        sums += ones[: len(off)] @ off
        squares += ones[: len(off)] @ np.square(off, out=off)
    return np.asarray(np.sqrt(np.maximum(squares / len(X) - (sums / len(X)) ** 2, 0.0)), dtype=np.float64)
