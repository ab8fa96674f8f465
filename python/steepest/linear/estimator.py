"""What the linear estimators share: input as scikit-learn checks it, targets one by one, scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from steepest import _core
from steepest.checkpoint import check
from steepest.errors import InputError
from steepest.result import Result
from steepest.tables.stream import Stream, batches_of, is_frame, is_unread

from .explained import Explained
from .named import column_of, name_text, opened
from .offset import added
from .problem import Problem, Solved, solve_all, warn_unless_converged
from .settings import refuse_strange_numbers
from .theirs import Counterpart

__all__ = ["Classes", "LinearEstimator", "LinearRegressor", "alike"]


def _refuse_masked(name: str, values: Any) -> None:
    """A mask would be dropped without a word, and what lies under it fitted."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        place = np.argwhere(np.ma.getmaskarray(values))[0]
        where = " column ".join(str(int(i)) for i in place)
        raise InputError(
            f"{name} is masked at row {where}: drop the masked rows, or fill them ({name}.filled(value))"
        )


def _too_large(X: Any, y: Any) -> InputError:
    """The error for an integer that no float64 holds, with its row where that can be told."""
    for name, values in (("X", X), ("y", y)):
        for row, entries in enumerate(values if isinstance(values, (list, tuple, np.ndarray)) else ()):
            try:
                np.asarray(entries, dtype=np.float64)
            except OverflowError:
                return InputError(f"{name} row {row} has an integer too large for a float64: divide it first")
            except (TypeError, ValueError):
                break
    return InputError("X or y has an integer too large for a float64: divide it first")


def _name_row(name: str, values: Any, error: ValueError) -> None:
    """Says which row it was, where `error` only says that a value is not finite."""
    if not str(error).startswith(f"Input {name} contains"):
        return
    try:
        bad = np.argwhere(~np.isfinite(np.asarray(values, dtype=np.float64)))
    except (TypeError, ValueError):
        return
    if len(bad):
        raise InputError(f"{name} row {int(bad[0][0])} is not finite: {error} Drop the row") from None


def _refuse_kind(name: str, values: Any) -> None:
    """Dates would be taken for amounts in whatever unit they have, and what is sparse is no target."""
    dtypes = np.array(getattr(values, "dtypes", getattr(values, "dtype", None)), dtype=object)
    if {getattr(dtype, "kind", "") for dtype in dtypes.ravel().tolist()} & {"m", "M"}:
        raise InputError(
            f"{name} has dates or times: make them numbers first, as in (t - t.min()) / numpy.timedelta64(1, 'D')"
        )
    if name == "y" and sparse.issparse(values):
        raise InputError("y is a sparse matrix: pass y.toarray()")


#: Entries looked at, at most, for the one that an error is about.
_LOOK = 1 << 22


def _name_entry(name: str, values: Any) -> None:
    """Says which entry is missing or complex, among objects that could not be used."""
    if sparse.issparse(values) or (isinstance(values, np.ndarray) and values.dtype != object):
        return
    if np.prod(getattr(values, "shape", (0,))) > _LOOK:
        return
    try:
        entries = np.asarray(values, dtype=object)
    except ValueError:
        return
    for place, entry in np.ndenumerate(entries if entries.ndim else np.empty(0)):
        where = " ".join((name, *(f"{what} {i}" for what, i in zip(("row", "column"), place, strict=False))))
        if entry is None or type(entry).__name__ in ("NAType", "NaTType"):
            raise InputError(f"{where} is missing, {entry!r}: drop the row, or fill it") from None
        if isinstance(entry, (complex, np.complexfloating)):
            raise InputError(
                f"{where} is complex, {entry!r}: take its parts as columns of their own"
            ) from None


def alike(y: NDArray[Any]) -> NDArray[Any]:
    """Classes that came as objects: whole numbers as such where they fit, what has no order among itself refused."""
    kinds = {type(value) for value in y.ravel().tolist()} if y.dtype == object else set()
    if kinds == {bool}:
        return y.astype(bool)
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in (y.max(), y.min())):
        return y.astype(np.int64)
    if kinds & {type(None), complex}:
        _name_entry("y", y)
    if len(kinds) > 1 and str in kinds:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise InputError(f"y has classes of several types, {names}: make them all texts")
    return y


def _refuse_inexact(values: NDArray[Any]) -> None:
    """Names the first whole number among targets that a float64 does not hold."""
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        for row in np.flatnonzero(np.abs(values.astype(np.float64)) >= 2.0**53).tolist():
            if int(float(int(values[row]))) != int(values[row]):
                raise InputError(
                    f"y row {row} is {values[row]}, more digits than a float64 holds: divide it first"
                )


class LinearEstimator(Explained, Counterpart, BaseEstimator):  # type: ignore[misc]
    """A model whose scores are X w + b."""

    def _validate_params(self) -> None:
        """As scikit-learn does; what its ranges cannot compare is named."""
        settings = self.get_params(deep=False)
        refuse_strange_numbers(settings)
        for name, value in settings.items():
            if isinstance(value, Real) and not isinstance(value, (int, float, np.number, np.bool_)):
                raise InputError(f"{name} must be an int or a float; got {value!r:.80}")
        super()._validate_params()

    def _checked(self, X: Any, y: Any, beside: Sequence[Any] = (), **options: Any) -> tuple[Any, Any]:
        """X and y as scikit-learn has them; the core names the row and column of what is not finite.

        `beside` are weights and the like: where they are names of columns, these are none of X's.
        """
        refuse_strange_numbers(self.get_params(deep=False))
        for name in ("categories_", "sparse_columns_", "coef_names_"):
            self.__dict__.pop(name, None)
        if is_unread(X):
            return self._streamed(X, y, [name for name in beside if isinstance(name, str)], **options)
        for name in (y, *beside):
            column_of(X, name, "y" if name is y else "sample_weight")
        for name, values in (("X", X), ("y", y)):
            _refuse_masked(name, values)
            if name == "X" or options.get("y_numeric"):
                _refuse_kind(name, values)
        # Before anybody follows its places: SciPy does so unchecked.
        _core.check_structure(X, "X")
        try:
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                dtype=[np.float64, np.float32],
                ensure_all_finite=False,
                **options,
            )
        except OverflowError:
            raise _too_large(X, y) from None
        except (TypeError, ValueError) as error:
            if isinstance(error, ValueError):
                _name_row("y", y, error)
            _name_entry("X", X)
            _name_entry("y", y)
            name_text("X", X)
            raise
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            # None in an object array becomes NaN only once it is made numbers, after the check
            place = tuple(np.argwhere(~np.isfinite(y))[0])
            row, what = int(place[0]), "NaN" if np.isnan(y[place]) else "infinity"
            raise InputError(f"y row {row} is not finite: Input y contains {what}. Drop the row")
        return X, y

    def _streamed(self, X: Any, y: Any, beside: Sequence[str], **options: Any) -> tuple[Stream, NDArray[Any]]:
        """The columns of rows that are read while the fit computes, and the column `y`."""
        files = batches_of(X)
        targets = [y] if isinstance(y, str) else y
        if not isinstance(targets, (list, tuple)) or not all(isinstance(name, str) for name in targets):
            raise InputError(
                "y must be the name of the target's column where X names files or gives batches; got "
                f"{type(y).__name__}"
            )
        aside = [files.known(name, "the target") for name in targets]
        aside += [files.known(name, "one number a row") for name in beside]
        stream = Stream(files, [name for name in files.names if name not in aside])
        columns = [files.column(name) for name in targets]
        values = columns[0] if isinstance(y, str) else np.column_stack(columns)
        if options.get("y_numeric"):
            if values.dtype.kind not in "biuf":
                kind = next(files.kinds(targets[0]))[0]
                raise InputError(f"y must be numbers; column {targets[0]!r} is of type {kind}")
            _refuse_inexact(values)
        self.feature_names_in_ = np.array(stream.names, dtype=object)
        self.n_features_in_ = len(stream.names)
        if stream.categories or stream.widths:
            self.categories_ = {
                name: levels.to_numpy(zero_copy_only=False) for name, levels in stream.categories.items()
            }
            self.sparse_columns_ = stream.widths
            self.coef_names_ = np.array(stream.design_names, dtype=object)
        return stream, values

    def _weights(self, sample_weight: Any, X: Any) -> NDArray[np.float64] | None:
        """One weight a row, or None."""
        if sample_weight is None:
            return None
        sample_weight = column_of(X, sample_weight, "sample_weight")
        _refuse_masked("sample_weight", sample_weight)
        try:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        except OverflowError:
            raise InputError(
                "sample_weight has an integer too large for a float64: divide it first"
            ) from None
        except ValueError as error:
            _name_row("sample_weight", sample_weight, error)
            raise
        if np.any(weight < 0):
            row = int(np.argmax(weight < 0))
            raise ValueError(f"sample_weight must be at least 0; got {weight[row]} in row {row}")
        return np.asarray(weight)

    def _beforehand(self, X: Any, offset: Any, exposure: Any, rows: int) -> NDArray[np.float64] | None:
        """What is added to each row's margin; None where nothing is."""
        return added(column_of(X, offset, "offset"), column_of(X, exposure, "exposure"), rows)

    def _margins(self, X: Any, offset: Any, exposure: Any) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """X w + b, and what is to be added to it."""
        check_is_fitted(self, "coef_")
        X = batches_of(X) if is_unread(X) else X
        margin = self._scores(X)
        return margin, self._beforehand(X, offset, exposure, len(margin))

    def _names(self) -> Sequence[str] | None:
        return getattr(self, "coef_names_", getattr(self, "feature_names_in_", None))

    def _scores(self, X: Any) -> NDArray[Any]:
        """X w + b; one column an output where there are several."""
        check_is_fitted(self, "coef_")
        named = is_frame(X) or isinstance(X, dict)
        if is_unread(X) or (named and hasattr(self, "categories_")):
            return self._products(self._stream_of(X))
        if hasattr(self, "categories_"):
            raise InputError(
                "this model has categories or sparse columns, which are found by their columns' names: pass a frame; "
                f"got {type(X).__name__}"
            )
        _refuse_masked("X", X)
        _refuse_kind("X", X)
        _core.check_structure(X, "X")
        try:
            X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        except OverflowError:
            raise _too_large(X, None) from None
        except (TypeError, ValueError):
            _name_entry("X", X)
            name_text("X", X, "the model has numbers there")
            raise
        return self._products(X)

    def _products(self, X: Any) -> NDArray[Any]:
        """X w + b of a matrix that was checked, or of rows that are read, some at a time."""
        if isinstance(X, Stream):
            coef = np.asarray(self.coef_.toarray() if hasattr(self.coef_, "toarray") else self.coef_)
            scores = X.products(np.atleast_2d(coef)).astype(coef.dtype, copy=False)
            return np.asarray((scores if coef.ndim == 2 else scores[:, 0]) + self.intercept_)
        coef = self.coef_.T if self.coef_.ndim == 2 else self.coef_
        return np.asarray(safe_sparse_dot(X, coef, dense_output=True) + self.intercept_)

    def _stream_of(self, X: Any) -> Stream:
        """The model's columns of rows that are read."""
        files = batches_of(X)
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            raise InputError("a model of columns without names cannot find its columns in files or batches")
        names = [files.known(name, "one of the model's") for name in names]
        return Stream(
            files,
            names,
            categories=getattr(self, "categories_", {}),
            widths=getattr(self, "sparse_columns_", {}),
        )

    def _set_result(self, results: list[Result]) -> None:
        """Keeps the results, the one farthest from its goal in front, and warns where one fell short."""
        self.results_ = results
        self.result_ = max(results, key=_shortfall)
        words = self._unconverged(self.result_.nit) if self.result_.outcome == "budget" else ""
        warn_unless_converged(self.result_, type(self).__name__, words)

    def _unconverged(self, steps: int) -> str:
        """What scikit-learn says where a budget ran out, for those who filter warnings by their words."""
        return ""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class Classes:
    """What classifiers by margins share: the margins, and the class that they stand for."""

    classes_: NDArray[Any]

    def decision_function(self, X: Any) -> NDArray[Any]:
        """The margin Xw + b (the log-odds, under the logistic loss): one a row for two classes, one a row and class for
        several.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        """
        scores: NDArray[Any] = self._scores(X)  # type: ignore[attr-defined]
        return scores.ravel() if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of the largest margin of each row: the likeliest, under the logistic loss.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        """
        check_is_fitted(self)
        scores = self.decision_function(X)
        which = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[which])


class LinearRegressor(MultiOutputMixin, RegressorMixin, LinearEstimator):  # type: ignore[misc]
    """A linear model of one target or of several, each a problem of its own."""

    #: whether targets of shape (rows, 1) give coefficients of shape (1, features)
    _keeps_column = False

    def predict(self, X: Any) -> NDArray[Any]:
        """The targets that the model expects.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows,) or (rows, targets)
        """
        return self._scores(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2, the share of the targets' variance that the model explains: 1 is a perfect fit, 0 as good as the mean.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,) or (rows, targets)
        sample_weight : array of shape (rows,), optional

        Returns
        -------
        float
            At most 1.
        """
        return float(super().score(*opened(X, y, sample_weight)))

    def _fit_targets(
        self,
        X: Any,
        y: NDArray[Any],
        problems: Sequence[Problem],
        sample_weight: Any,
        warm: bool = False,
        watch: Callable[..., Any] | None = None,
        held_out: tuple[NDArray[np.bool_], int] | None = None,
        offset: NDArray[np.float64] | None = None,
        checkpoint: Any = None,
    ) -> list[Solved]:
        """Solves a problem for each target."""
        check(checkpoint)
        if held_out is not None and isinstance(X, Stream):
            raise InputError(
                "rows of files cannot be held out: pass early_stopping=False, or the rows in memory"
            )
        weight = self._weights(sample_weight, X)
        narrow = self._kept(X) == np.float32
        columns = y.reshape(len(y), -1).T
        starts = self._starts(columns.shape[0], X.shape[1]) if warm else [None] * len(columns)
        return solve_all(
            [replace(problem, narrow=narrow) for problem in problems],
            X,
            columns,
            weight,
            starts=starts,
            names=self._names(),
            held_out=held_out,
            watch=watch,
            offset=offset,
            checkpoint=checkpoint,
        )

    def _kept(self, X: Any) -> type[np.floating[Any]]:
        """The type of the numbers that coefficients are handed over in."""
        return np.float32 if X.dtype == np.float32 else np.float64

    def _starts(self, targets: int, features: int) -> list[Any]:
        """Where the last fit ended, if it was one of this shape."""
        coef = getattr(self, "coef_", None)
        if coef is None or np.size(coef) != targets * features:
            return [None] * targets
        rows = np.reshape(coef, (targets, features))
        return list(zip(rows, np.broadcast_to(self.intercept_, (targets,)), strict=True))

    def _keep(self, solved: Sequence[Solved], X: Any, y: NDArray[Any]) -> None:
        """Sets what a fitted model has."""
        coef = np.vstack([s.coef for s in solved])
        intercept = np.concatenate([s.intercept for s in solved])
        coef, intercept = coef.astype(self._kept(X)), intercept.astype(self._kept(X))
        if y.ndim == 1:
            intercept = intercept[0]
        # One target has a vector, whether it came as one or as a column.
        self.coef_ = coef[0] if len(coef) == 1 and (y.ndim == 1 or not self._keeps_column) else coef
        self.intercept_ = intercept if getattr(self, "fit_intercept", True) else 0.0
        self._set_result([s.result for s in solved])


def _shortfall(result: Result) -> float:
    """How far from its goal: success before failure, then the bound against what it had to reach."""
    certificate = result.certificate
    if certificate is None:
        return 0.0 if result.success else np.inf
    bound = certificate["bound"] / max(certificate["target"], np.finfo(float).tiny)
    return float(bound if result.success else np.inf)
