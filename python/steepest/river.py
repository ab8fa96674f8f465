"""Rows of a stream one at a time, as dictionaries: River's interface over the streams of `linear`.

Where River is installed they are its own kinds of models, for its pipelines, wrappers and evaluations.

Names that were not there before may come at any time, and what a row does not name is 0 in it.

>>> from steepest.river import Classifier
>>> model = Classifier()
>>> for hours, passed in [(1.0, False), (2.0, False), (3.0, True), (4.0, True)] * 20:
...     model.learn_one({"hours": hours}, passed)
>>> model.predict_one({"hours": 3.5})
True
"""

from __future__ import annotations

import copy
import math
from collections.abc import Hashable, Mapping
from typing import Any, Self

import numpy as np
from scipy import sparse

from steepest.errors import InputError
from steepest.linear.online import Online

try:
    from river import base
except ImportError:  # without River they are the same, but for what it adds to a model
    _Classifier: Any = object
    _Regressor: Any = object
else:
    _Classifier, _Regressor = base.Classifier, base.Regressor

__all__ = ["Classifier", "Regressor"]

Row = Mapping[Hashable, float]

#: Columns that there is room for at first; so many that none is kept with all others.
_ROOM = 128


class _Stream:
    """Names of columns, and what is known of their coefficients."""

    def __init__(self, loss: str, alpha: float, forget: float) -> None:
        if not alpha >= 0.0:
            raise InputError(f"alpha must be at least 0; got {alpha}")
        if not 0.0 <= forget < 1.0:
            raise InputError(f"forget must be from 0 to below 1; got {forget}")
        self.loss, self.alpha, self.forget = loss, alpha, forget
        self._places: dict[Hashable, int] = {}
        self._online = Online(
            loss=loss,
            loss_settings={},
            outputs=1,
            columns=_ROOM,
            low=0.0,
            alpha=alpha,
            intercept=True,
            coef=np.zeros(_ROOM),
            level=np.zeros(1),
        )
        self._weights: Any = memoryview(self._online.coef[0])
        self._level = 0.0

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_weights"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._weights = memoryview(self._online.coef[0])

    @property
    def weights(self) -> dict[Hashable, float]:
        """The coefficient of each name."""
        return {name: float(self._weights[place]) for name, place in self._places.items()}

    @property
    def intercept(self) -> float:
        """What a row without names is given."""
        return self._level

    def _margin(self, x: Row) -> float:
        places, weights, margin = self._places, self._weights, self._level
        for name, value in x.items():
            place = places.get(name)
            if place is not None:
                margin += weights[place] * value
        return float(margin)

    def clone(self, new_params: Mapping[str, Any] | None = None, include_attributes: bool = False) -> Self:
        """Another model of the same parameters, as River's wrappers ask for.

        Parameters
        ----------
        new_params : mapping of str to number, optional
            `alpha` and `forget`, where they are to differ.
        include_attributes : bool, default False
            Whether what was learned is copied too.

        Returns
        -------
        Classifier or Regressor
        """
        made = type(self)(**{"alpha": self.alpha, "forget": self.forget, **(new_params or {})})
        if include_attributes:
            parameters = made.alpha, made.forget
            made.__setstate__(copy.deepcopy(self.__getstate__()))
            made.alpha, made.forget = parameters
            made._online.alpha = made.alpha
        return made

    def _check(self, x: Row, weight: float) -> None:
        for name, value in x.items():
            if not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
                raise InputError(f"x[{name!r}] must be a finite number; got {value!r:.80}")
        if not (math.isfinite(weight) and weight >= 0.0):
            raise InputError(f"w must be at least 0 and finite; got {weight!r:.80}")

    def _learn(self, x: Row, target: float, weight: float) -> None:
        """Learns a row that was checked; one of weight 0 is not there."""
        if weight == 0.0:
            return
        places, online = self._places, self._online
        fresh = [name for name in x if name not in places]
        for name in fresh:
            places[name] = len(places)
        if len(places) > online.columns:
            online.widen(2 * len(places))
        entries = sorted((places[name], float(value)) for name, value in x.items())
        where, values = zip(*entries, strict=True) if entries else ((), ())
        row = sparse.csr_matrix(
            (np.array(values, dtype=np.float64), np.array(where, dtype=np.int32), [0, len(entries)]),
            shape=(1, online.columns),
        )
        try:
            online.learn(row, np.array([target]), np.array([weight]), self.forget, None)
        except BaseException:
            for name in fresh:
                del places[name]
            raise
        self._weights, self._level = memoryview(online.coef[0]), float(online.level[0])


class Classifier(_Stream, _Classifier):  # type: ignore[misc]
    """Two classes by their log-odds, a row at a time, with nothing told.

    Parameters
    ----------
    alpha : float, default 1e-4
        The weight of half the squares of the coefficients beside each row's loss.
    forget : float, default 0
        The share of what is known that is forgotten with each row, for what drifts.

    Examples
    --------
    >>> from steepest.river import Classifier
    >>> model = Classifier()
    >>> model.learn_one({"free": 1.0}, "spam")
    >>> model.learn_one({"hello": 1.0}, "mail")
    >>> model.predict_one({"free": 1.0})
    'spam'
    """

    def __init__(self, alpha: float = 1e-4, forget: float = 0.0) -> None:
        super().__init__("logistic", alpha, forget)
        self._labels: list[Any] = []

    def learn_one(self, x: Row, y: Any, w: float = 1.0) -> None:
        """Learns a row.

        Parameters
        ----------
        x : mapping of names to numbers
        y : bool, str or number
            The class; of no more than two.
        w : float, default 1
            The row's weight.
        """
        self._check(x, w)
        labels, true = self._labels, isinstance(y, (bool, np.bool_))
        if labels and true != isinstance(labels[0], (bool, np.bool_)):
            raise InputError(
                f"y is {y!r:.80} beside {labels[0]!r:.80}: True and False are classes of their own"
            )
        if y not in labels and len(labels) > 1:
            raise InputError(
                f"y is {y!r:.80}, a third class beside {labels[0]!r} and {labels[1]!r}: "
                "wrap the model in River's OneVsRestClassifier"
            )
        # True is the class whose margin is above 0; of other labels the second.
        second = y if true else labels.index(y) if y in labels else len(labels)
        self._learn(x, float(second), w)
        if w > 0.0 and y not in labels:
            labels.append(y)

    def predict_proba_one(self, x: Row) -> dict[Any, float]:
        """The probability of each class seen so far.

        Parameters
        ----------
        x : mapping of names to numbers

        Returns
        -------
        dict
        """
        labels = self._labels
        if not labels:
            return {}
        margin = self._margin(x)
        p = 1.0 / (1.0 + math.exp(-margin)) if margin > -700.0 else 0.0
        if isinstance(labels[0], (bool, np.bool_)):
            return {False: 1.0 - p, True: p}
        return dict(zip(labels, (1.0 - p, p), strict=False)) if len(labels) > 1 else {labels[0]: 1.0}

    def predict_one(self, x: Row) -> Any:
        """The likelier class; None before any was seen.

        Parameters
        ----------
        x : mapping of names to numbers
        """
        labels = self._labels
        if not labels:
            return None
        above = self._margin(x) > 0.0
        if isinstance(labels[0], (bool, np.bool_)):
            return above
        return labels[above and len(labels) > 1]


class Regressor(_Stream, _Regressor):  # type: ignore[misc]
    """An amount by least squares, a row at a time, with nothing told.

    Parameters
    ----------
    alpha : float, default 1e-4
        The weight of half the squares of the coefficients beside each row's loss.
    forget : float, default 0
        The share of what is known that is forgotten with each row, for what drifts.

    Examples
    --------
    >>> from steepest.river import Regressor
    >>> model = Regressor(alpha=0.0)
    >>> for i in range(200):
    ...     model.learn_one({"a": i % 7, "b": 1000 * (i % 5)}, 2 * (i % 7) + i % 5 + 3)
    >>> round(model.predict_one({"a": 3, "b": 2000}), 1)
    11.0
    """

    def __init__(self, alpha: float = 1e-4, forget: float = 0.0) -> None:
        super().__init__("squared", alpha, forget)

    def learn_one(self, x: Row, y: float, w: float = 1.0) -> None:
        """Learns a row.

        Parameters
        ----------
        x : mapping of names to numbers
        y : float
        w : float, default 1
            The row's weight.
        """
        if not math.isfinite(y):
            raise InputError(f"y must be a finite number; got {y!r:.80}")
        self._check(x, w)
        self._learn(x, float(y), w)

    def predict_one(self, x: Row) -> float:
        """The amount that is expected.

        Parameters
        ----------
        x : mapping of names to numbers

        Returns
        -------
        float
        """
        return self._margin(x)
