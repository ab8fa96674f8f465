"""What a linear model of any loss predicts: means, classes, probabilities; and how well."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import ClassifierTags
from sklearn.utils.metaestimators import available_if

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError

from .coded import between
from .estimator import LinearRegressor
from .links import linked
from .named import opened
from .problem import Problem

__all__ = ["Predicted", "about", "learns", "orders", "tells_classes"]


@cache
def _losses() -> dict[str, Any]:
    """The catalogue's losses by name."""
    return {entry["name"]: entry for entry in _core.catalog()["losses"]}


def about(model: Predicted) -> dict[str, Any]:
    """What the catalogue has of the loss with its link; nothing where there is no such."""
    try:
        name = model._loss()[0]
    except InputError:
        return {}
    found: dict[str, Any] = _losses().get(name, {}) if isinstance(name, str) else {}
    return found


def _tells_probabilities(model: Predicted) -> bool:
    """Whether the loss is one of classes that have probabilities."""
    return tells_classes(model) and bool(about(model)["probabilities"])


def tells_classes(model: Predicted) -> bool:
    """Whether the loss is one of classes; what only such a model has is not there otherwise."""
    return bool(about(model).get("classes"))


def learns(model: Predicted) -> bool:
    """Whether the loss learns numbers beside the coefficients."""
    return bool(about(model).get("outputs") == "learnt")


def orders(model: Predicted) -> bool:
    """Whether the loss is one of classes in an order, of which it learns the cuts between."""
    return tells_classes(model) and learns(model)


def _tells_odds(model: Predicted) -> bool:
    """Whether margins are the odds of classes."""
    return tells_classes(model) and not learns(model)


class Predicted(LinearRegressor):
    """What is predicted with a loss of the catalogue and its link, once coefficients are there."""

    loss: str
    loss_settings: Mapping[str, float] | None
    link: str | None
    classes_: NDArray[Any]
    thresholds_: Floats
    learnt_: Floats

    def _cut(self) -> int | None:
        """How many classes there are cuts between."""
        return len(self.classes_) if orders(self) else None

    def _numbers(self, margin: NDArray[Any]) -> Floats:
        """What each row's loss is of: its margin, and what was learnt."""
        margin = np.asarray(margin, dtype=np.float64)
        if not learns(self):
            return margin
        if orders(self):
            margin = margin - float(self.thresholds_[0])
        beside = np.asarray(self.learnt_, dtype=np.float64)
        return np.column_stack([margin, np.broadcast_to(beside, (len(margin), len(beside)))])

    def _targets(self, y: Any) -> Any:
        return self._places(np.asarray(y)) if tells_classes(self) else y

    def _loss(self) -> tuple[str, list[tuple[str, float]]]:
        """The loss of the catalogue that it is with its link, and its settings."""
        settings = self.loss_settings if isinstance(self.loss_settings, Mapping) else {}
        loss, own = linked(self.loss, settings, self.link)
        return loss, list(own.items())

    def _outputs(self) -> int:
        """Margins that a row's loss takes together."""
        return len(self.classes_) if about(self)["outputs"] == "many" else 1

    def linear_predictor(self, X: Any) -> NDArray[Any]:
        """The margin Xw + b: the log-odds of two classes, the logarithm of the mean for ``poisson``.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows,), (rows, targets) or (rows, classes)
        """
        return self._scores(X)

    def _means(self, margin: NDArray[Any]) -> NDArray[Any]:
        """What the margins stand for: means, or probabilities."""
        flat = np.ascontiguousarray(margin, dtype=np.float64).ravel()
        means = _core.means(self._loss(), self._outputs(), flat).reshape(margin.shape)
        return means.astype(margin.dtype, copy=False)

    def predict(self, X: Any, *, offset: Any = None, exposure: Any = None) -> NDArray[Any]:
        """What y is expected to be: means, or the likeliest class of each row.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        offset, exposure : arrays of shape (rows,), optional
            As in `fit`; 0 and 1 unless given.

        Returns
        -------
        ndarray of shape (rows,) or (rows, targets)
        """
        margin, beforehand = self._margins(X, offset, exposure)
        if beforehand is not None:
            margin = (margin.T + beforehand).T
        if not tells_classes(self):
            return self._means(margin)
        if orders(self):
            margin = between(self.thresholds_, margin)
        several = self._outputs() > 1 or orders(self)
        which = margin.argmax(axis=1) if several else self._second(margin).astype(np.intp)
        return np.asarray(self.classes_[which])

    def _second(self, margin: NDArray[Any]) -> NDArray[np.bool_]:
        """Where the second class is the likelier: above a margin of 0, or wherever its probability is above a half."""
        even = _core.means(self._loss(), 1, np.zeros(1))[0]
        if not _tells_probabilities(self) or even == 0.5:
            return margin > 0
        flat = np.ascontiguousarray(margin, dtype=np.float64).ravel()
        return _core.means(self._loss(), 1, flat).reshape(margin.shape) > 0.5

    @available_if(_tells_odds)
    def decision_function(self, X: Any) -> NDArray[Any]:
        """The log-odds: one a row for two classes, one a row and class for several.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        """
        return self._scores(X)

    @available_if(_tells_probabilities)
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each class, in the order of `classes_`: rows x classes; only where the loss has classes.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        """
        margin = self._scores(X)
        if orders(self):
            return between(self.thresholds_, margin).astype(margin.dtype, copy=False)
        means = self._means(margin)
        if self._outputs() > 1:
            return means
        if means.ndim > 1:
            raise InputError("probabilities are of one target; this model has several: fit one for each")
        return np.column_stack([1.0 - means, means])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of the deviance explained, D2 = 1 - loss / loss of the best constant; R2 for ``squared``.

        1 is a perfect fit, 0 is as good as a constant. Of several targets the mean.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
        y : array of shape (rows,) or (rows, targets)
        sample_weight : array of shape (rows,), optional

        Returns
        -------
        float
            At most 1.

        Raises
        ------
        InputError
            If X, y and the weights differ in length.

        References
        ----------
        Hastie, Tibshirani and Wainwright 2015, Statistical Learning with Sparsity, equation 3.11.
        """
        X, y, sample_weight = opened(X, y, sample_weight)
        margin = np.asarray(self._scores(X), dtype=np.float64)
        target = np.asarray(y)
        weight = (
            np.ones(len(target)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        )
        if len(target) != len(margin) or weight.shape != (len(target),):
            raise InputError(
                f"X, y and sample_weight must have as many rows; got {len(margin)}, {len(target)} and {len(weight)}"
            )
        if tells_classes(self):
            target = self._places(target)
        target = np.asarray(target, dtype=np.float64)
        if self._outputs() > 1:
            return self._explained(target.ravel(), margin, weight)
        pairs = zip(target.reshape(len(target), -1).T, margin.reshape(len(margin), -1).T, strict=True)
        return float(np.mean([self._explained(t, m, weight) for t, m in pairs]))

    def _places(self, y: NDArray[Any]) -> NDArray[Any]:
        """Each row's place among the classes that the model knows."""
        places = np.searchsorted(self.classes_, y).clip(0, len(self.classes_) - 1)
        unknown = self.classes_[places] != y
        if unknown.any():
            raise InputError(f"y has the class {y[unknown].tolist()[0]!r}, which the model does not know")
        return np.asarray(places)

    def _explained(self, target: Floats, margin: Floats, weight: Floats) -> float:
        """D2 of one target."""

        target, flat = np.ascontiguousarray(target), np.ascontiguousarray(self._numbers(margin)).ravel()
        rows = _core.row_losses(self._loss(), self._cut() or self._outputs(), target, flat)
        own, null = float(weight @ rows / weight.sum()), self._null(target, weight)
        if null <= 0.0:
            return 1.0 if own <= 0.0 else 0.0
        return 1.0 - own / null

    def _null(self, target: Floats, weight: Floats | None, offset: Floats | None = None) -> float:
        """The loss of the best constant, which is a model of its own: an intercept, and a column that says nothing."""
        loss, settings = self._loss()
        constant = Problem(
            loss=loss,
            loss_settings=dict(settings),
            penalty="none",
            outputs=self._outputs(),
            classes=self._cut(),
            tol=1e-12,
        )
        solved = constant.solve(np.zeros((len(target), 1)), target, weight, offset=offset)
        return float(solved.result.fun)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if tells_classes(self):
            many = about(self)["outputs"] != "one"
            tags.estimator_type, tags.regressor_tags = "classifier", None
            tags.classifier_tags = ClassifierTags(multi_class=many)
        return tags
