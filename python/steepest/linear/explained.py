"""What each column adds to a row's margin, and pictures of a linear model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from steepest._types import Floats
from steepest.errors import InputError, NotConverged

__all__ = ["Attributions", "Explained"]


#: Rows that a partial picture averages over, at most, and points of its line.
_ROWS, _POINTS = 2000, 60
#: Columns that a picture names, at most.
_NAMED = 10


@dataclass(frozen=True)
class Attributions:
    """What each column adds to the margin of each row: ``values.sum(axis=1) + base`` is the margin.

    Parameters
    ----------
    values : ndarray of shape (rows, columns) or (rows, columns, outputs)
    base : float or ndarray of shape (outputs,)
        The margin of the average row of the background.
    names : list of str
        The columns.
    """

    values: Floats
    base: Any
    names: list[str]

    def __str__(self) -> str:
        size = np.abs(self.values).mean(axis=(0, *range(2, self.values.ndim)))
        wide = max(map(len, self.names))
        order = np.argsort(-size, kind="stable")[:_NAMED]
        return "\n".join(f"{self.names[j]:<{wide}}  {size[j]:.4g}" for j in order)


def _named(model: Any, columns: int) -> list[str]:
    names = model._names()
    return [f"x{j}" for j in range(columns)] if names is None else [str(name) for name in names]


def _plain(X: Any) -> Floats:
    dense: Any = X.toarray() if hasattr(X, "toarray") else X
    return np.asarray(dense, dtype=np.float64)


def _coefficients(model: Any) -> Floats:
    """Outputs x columns."""
    return np.atleast_2d(_plain(model.coef_))


def draw_path(
    grid: Floats, along: Floats, names: Sequence[str], own: float | None, ax: Any, file: str | Path | None
) -> Any:
    """Draws coefficients (values x columns) along a weight, on a logarithmic axis; the largest are named."""
    from steepest.report.plots import COLOURS, DASHES, axes_on

    _, ax = axes_on(ax, file, (6.8, 4.4))
    order = np.argsort(-np.abs(along).max(axis=0), kind="stable")
    for place, j in enumerate(order):
        style = {
            "color": COLOURS[place % len(COLOURS)],
            "linestyle": DASHES[place // len(COLOURS) % len(DASHES)],
        }
        if place >= _NAMED:
            style = {"color": "#b6bac0", "linestyle": "-"}
        ax.plot(grid, along[:, j], linewidth=1.4, label=names[j] if place < _NAMED else None, **style)
    if own is not None:
        ax.axvline(own, color="#30343a", linewidth=0.8, linestyle=":")
    ax.set(xscale="log")
    ax.legend(frameon=False, fontsize=8)
    return ax


def finished(ax: Any, title: str | None, file: str | Path | None) -> Any:
    """The axes with their title, and the picture saved where that is asked for."""
    from steepest.report.plots import finish, save

    finish(ax, title)
    save(ax.figure, file)
    return ax


class Explained:
    """Attributions and pictures of a model whose margins are X w + b."""

    def explain(self, X: Any, background: Any = None) -> Attributions:
        """What each column adds to the margin of each row, against the average row of a background.

        Exactly w_j (x_j - mean of the background's column j): Shapley's values of a linear model whose columns are
        changed one by one, as SHAP's `LinearExplainer` has them. The margin is the prediction itself where there is no
        link, the log-odds of classes, and the logarithm of a mean under a log link.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        background : array or sparse matrix of shape (rows, columns), optional
            Rows to compare with; those of X unless given.

        Returns
        -------
        Attributions

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from steepest.linear import Ridge
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = Ridge().fit(X, y)
        >>> told = model.explain(X[:3], background=X)
        >>> bool(abs(told.values.sum(axis=1) + told.base - model.predict(X[:3])).max() < 1e-9)
        True
        """
        check_is_fitted(self, "coef_")
        background = X if background is None else background
        # As predictions are: what cannot be used is refused there, and columns are held against those of the fit.
        margin = np.asarray(self._scores(X))  # type: ignore[attr-defined]
        self._scores(background)  # type: ignore[attr-defined]
        coef = _coefficients(self)
        rows: Any = background if sparse.issparse(background) else _plain(background)
        mean = np.asarray(rows.mean(axis=0), dtype=np.float64)
        off = _plain(X) - mean.ravel()
        base = coef @ mean.ravel() + np.broadcast_to(np.ravel(self.intercept_), len(coef))  # type: ignore[attr-defined]
        names = _named(self, off.shape[1])
        if margin.ndim == 1 or margin.shape[1] == 1:
            return Attributions(off * coef[0], float(base[0]), names)
        return Attributions(off[:, :, None] * coef.T, base, names)

    def plot_coefficients(
        self,
        X: Any = None,
        *,
        most: int = 20,
        title: str | None = None,
        ax: Any = None,
        file: str | Path | None = None,
    ) -> Any:
        """Draws the largest coefficients as bars.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns), optional
            Rows by whose columns' standard deviations the coefficients are multiplied: what they are worth, whatever
            the units.
        most : int, default 20
            How many columns, at most.
        title : str, optional
        ax : Axes, optional
            Where to draw; a new figure unless given.
        file : path, optional
            Where to save the picture; it is then not shown.

        Returns
        -------
        Axes

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from steepest.linear import Lasso
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ax = Lasso(alpha=0.5).fit(X, y).plot_coefficients(X, file="/tmp/coefficients.png")
        >>> ax.get_xlabel()
        'coefficient x standard deviation'
        """
        from steepest.report.plots import COLOURS, axes_on, finish, save

        check_is_fitted(self, "coef_")
        if not isinstance(most, Integral) or most < 1:
            raise InputError(f"most must be a whole number of at least 1; got {most!r:.80}")
        coef, label = _coefficients(self), "coefficient"
        if X is not None:
            self._scores(X)  # type: ignore[attr-defined]
            coef, label = coef * _plain(X).std(axis=0), "coefficient x standard deviation"
        names = _named(self, coef.shape[1])
        order = np.argsort(-np.abs(coef).max(axis=0), kind="stable")[:most][::-1]
        figure, ax = axes_on(ax, file, (6.4, 1.2 + 0.28 * len(order)))
        high = 0.8 / len(coef)
        labels = getattr(self, "classes_", range(len(coef)))
        for k, row in enumerate(coef):
            place = np.arange(len(order)) + (k - (len(coef) - 1) / 2) * high
            ax.barh(place, row[order], height=high, color=COLOURS[k % len(COLOURS)], label=str(labels[k]))
        ax.set_yticks(np.arange(len(order)), [names[j] for j in order])
        ax.axvline(0.0, color="#30343a", linewidth=0.8)
        ax.set_xlabel(label)
        if len(coef) > 1:
            ax.legend(frameon=False, fontsize=9)
        finish(ax, title)
        save(figure, file)
        return ax

    def plot_path(
        self,
        X: Any,
        y: Any,
        values: Sequence[float] | None = None,
        *,
        title: str | None = None,
        ax: Any = None,
        file: str | Path | None = None,
        **fit: Any,
    ) -> Any:
        """Draws the coefficients, in standard deviations of their columns, along the weight of the penalty.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,)
        values : sequence of float, optional
            Of `alpha` (of `C`, where that is the parameter); 30 from a thousandth of the model's own to a thousand
            times it unless given. Above 0, for the picture is on a logarithmic axis.
        title : str, optional
        ax : Axes, optional
            Where to draw; a new figure unless given.
        file : path, optional
            Where to save the picture; it is then not shown.
        **fit
            For `fit`, as `sample_weight`.

        Returns
        -------
        Axes

        Raises
        ------
        InputError
            If the model has neither `alpha` nor `C`, or several outputs, or a value is not above 0.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from steepest.linear import Lasso
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ax = Lasso(alpha=0.1).plot_path(X, y, [0.01, 0.1, 1.0], file="/tmp/path.png")
        >>> ax.get_xlabel()
        'alpha'
        """
        known = self.get_params(deep=False)  # type: ignore[attr-defined]
        name = next((name for name in ("alpha", "C") if name in known), None)
        if name is None:
            raise InputError(f"{type(self).__name__} has no weight of a penalty, alpha or C, to go along")
        own = float(np.max(known[name]))
        shown = np.isfinite(own) and own > 0
        grid = (
            (own if shown else 1.0) * np.logspace(-3, 3, 30)
            if values is None
            else np.asarray(values, dtype=np.float64)
        )
        if grid.ndim != 1 or not len(grid) or not (grid > 0.0).all():
            raise InputError(f"values of {name} must be numbers above 0, at least one; got {values!r:.80}")
        coefs = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConverged)
            for value in grid:
                model = clone(self).set_params(**{name: float(value)}).fit(X, y, **fit)
                coef = _coefficients(model)
                if len(coef) > 1:
                    raise InputError(
                        "a path is drawn of one output, or of two classes; this model has several"
                    )
                coefs.append(coef[0])
        along = np.array(coefs) * _plain(X).std(axis=0)
        ax = draw_path(grid, along, _named(model, along.shape[1]), own if shown else None, ax, file)
        ax.set(xlabel=name, ylabel="coefficient x standard deviation")
        return finished(ax, title, file)

    def plot_calibration(
        self,
        X: Any,
        y: Any,
        *,
        bins: int = 10,
        title: str | None = None,
        ax: Any = None,
        file: str | Path | None = None,
    ) -> Any:
        """Draws what came against what was expected: means of groups of rows of like predictions.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Rows that the model was not fitted to, if it is to be judged.
        y : array of shape (rows,)
        bins : int, default 10
            Groups, of as many rows each.
        title : str, optional
        ax : Axes, optional
            Where to draw; a new figure unless given.
        file : path, optional
            Where to save the picture; it is then not shown.

        Returns
        -------
        Axes

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from steepest.linear import LogisticRegression
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> ax = LogisticRegression().fit(X, y).plot_calibration(X, y, bins=5, file="/tmp/calibration.png")
        >>> ax.get_xlabel()
        'probability of 1'
        """
        from steepest.report.plots import COLOURS, MARKS, axes_on, finish, save

        if not isinstance(bins, Integral) or bins < 1:
            raise InputError(f"bins must be a whole number of at least 1; got {bins!r:.80}")
        pairs = self._expected(X, y)
        figure, ax = axes_on(ax, file, (5.2, 4.8))
        ends = []
        for k, (label, expected, came) in enumerate(pairs):
            groups = [g for g in np.array_split(np.argsort(expected, kind="stable"), bins) if len(g)]
            means = np.array([(expected[g].mean(), came[g].mean()) for g in groups])
            ax.plot(
                *means.T,
                color=COLOURS[k % len(COLOURS)],
                marker=MARKS[k % len(MARKS)],
                markersize=5,
                label=label,
            )
            ends += [means.min(), means.max()]
        ax.plot(
            [min(ends), max(ends)], [min(ends), max(ends)], color="#9aa0a6", linewidth=1.0, linestyle="--"
        )
        one = len(pairs) == 1
        probable = hasattr(self, "predict_proba")
        word = (
            f"probability of {pairs[0][0]}"
            if one and probable
            else "probability"
            if probable
            else "predicted mean"
        )
        ax.set(xlabel=word, ylabel="share of rows" if probable else "mean of the rows")
        if not one:
            ax.legend(frameon=False, fontsize=9)
        finish(ax, title)
        save(figure, file)
        return ax

    def _expected(self, X: Any, y: Any) -> list[tuple[str, Floats, Floats]]:
        """A name, what the model expects of each row and what came; of several classes one of each."""
        y = np.asarray(y)
        if hasattr(self, "predict_proba"):
            proba, classes = self.predict_proba(X), self.classes_  # type: ignore[attr-defined]
            check_consistent_length(proba, y)
            y = y.reshape(-1) if y.size == len(y) else y
            strange = ~np.isin(y, classes)
            if strange.any():
                row = int(np.argmax(strange))
                raise InputError(f"y row {row} is {y[row]!s:.80}, none of the classes of the fit")
            places = [1] if len(classes) == 2 else list(range(len(classes)))
            return [(str(classes[k]), proba[:, k], (y == classes[k]).astype(np.float64)) for k in places]
        if hasattr(self, "classes_"):
            raise InputError(f"{type(self).__name__} gives no probabilities, which could be calibrated")
        expected = np.asarray(self.predict(X), dtype=np.float64)  # type: ignore[attr-defined]
        if y.size == len(y) == expected.size:
            y = y.reshape(expected.shape)
        if y.shape != expected.shape or not np.isfinite(y.astype(np.float64)).all():
            raise InputError(
                f"y must be finite numbers of the shape of the predictions, {expected.shape}; got {y.shape}"
            )
        if expected.ndim > 1:
            return [(str(k), expected[:, k], y[:, k].astype(np.float64)) for k in range(expected.shape[1])]
        return [("", expected, y.astype(np.float64))]

    def plot_partial(
        self, X: Any, column: Any, *, title: str | None = None, ax: Any = None, file: str | Path | None = None
    ) -> Any:
        """Draws the mean prediction over rows, as one of their columns takes each value of its range.

        Parameters
        ----------
        X : array, sparse matrix or frame of shape (rows, columns)
            The rows; of many some 2000, evenly spaced.
        column : int or str
            The column's number or name.
        title : str, optional
        ax : Axes, optional
            Where to draw; a new figure unless given.
        file : path, optional
            Where to save the picture; it is then not shown.

        Returns
        -------
        Axes

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from steepest.linear import Ridge
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ax = Ridge().fit(X, y).plot_partial(X, 2, file="/tmp/partial.png")
        >>> ax.get_xlabel()
        'x2'
        """
        from steepest.report.plots import COLOURS, DASHES, axes_on, finish, save

        check_is_fitted(self, "coef_")
        given: Any = X
        X = given.tocsr() if sparse.issparse(X) else X
        self._scores(X[:1])  # type: ignore[attr-defined]
        names = _named(self, int(self.n_features_in_))  # type: ignore[attr-defined]
        whole = isinstance(column, Integral) and not isinstance(column, bool)
        if not isinstance(column, str) and not (whole and 0 <= column < len(names)):
            raise InputError(
                f"column must be a name, or a number below {len(names)}, the columns of the model; got {column!r:.80}"
            )
        if isinstance(column, str) and column not in names:
            raise InputError(f"no column is called {column!r}")
        place = names.index(column) if isinstance(column, str) else int(column)
        count: int = X.shape[0] if hasattr(X, "shape") else len(X)
        some = np.unique(np.linspace(0, count - 1, min(count, _ROWS)).astype(int))
        # Of a sparse matrix only these are made dense.
        rows = _plain(X[some]) if sparse.issparse(given) else _plain(X)[some]
        values = np.linspace(rows[:, place].min(), rows[:, place].max(), _POINTS)
        lines = []
        with warnings.catch_warnings():
            # The names were held against those of the fit above.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            for value in values:
                rows[:, place] = value
                if hasattr(self, "predict_proba"):
                    mean = self.predict_proba(rows).mean(axis=0)
                    lines.append(mean[1:] if len(mean) == 2 else mean)
                else:
                    told = self._scores(rows) if hasattr(self, "classes_") else self.predict(rows)  # type: ignore[attr-defined]
                    lines.append(np.atleast_1d(np.mean(told, axis=0)))
        figure, ax = axes_on(ax, file, (5.6, 4.0))
        drawn = np.array(lines)
        for k, line in enumerate(drawn.T):
            labels = getattr(self, "classes_", range(drawn.shape[1]))
            label = str(labels[k] if len(labels) == drawn.shape[1] else labels[-1])
            ax.plot(
                values, line, color=COLOURS[k % len(COLOURS)], linestyle=DASHES[k % len(DASHES)], label=label
            )
        ax.set_xlabel(names[place])
        probable = "probability" if hasattr(self, "predict_proba") else "margin"
        ax.set_ylabel(f"mean {probable if hasattr(self, 'classes_') else 'prediction'}")
        if drawn.shape[1] > 1:
            ax.legend(frameon=False, fontsize=9)
        finish(ax, title)
        save(figure, file)
        return ax
