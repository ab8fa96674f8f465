"""What is known of a linear model whose rows come as a stream, and how the next ones are learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from steepest import _core
from steepest._types import Floats

__all__ = ["Online"]


#: Dense rows that are kept, and learned again with those that come, until their columns' scales are known by so many.
_EARLY = 64
#: Rows that say how far amounts spread.
_FIRST = 1000
#: The variance of a margin before anything is known: log-odds of classes, and amounts in times of their noise's.
_CLASSES, _AMOUNTS = 3.0, 30.0
#: Losses of amounts, and the setting beyond which each bends no more.
_OF_AMOUNTS = {
    "squared": None,
    "squared_epsilon_insensitive": None,
    "huber": "width",
    "epsilon_insensitive": None,
}


@dataclass
class Online:
    """Coefficients of each output, how sure they are, and how their columns lie.

    Attributes
    ----------
    loss, loss_settings : str, mapping of str to float
        A loss of one margin, by its name in the catalogue.
    outputs, columns : int
    low : float
        The target of all other classes, where there are several outputs.
    alpha : float
        The weight of half the squares of the coefficients beside a row's loss.
    intercept : bool
    own : ndarray of shape (outputs,) or None
        What the weights of each output's own rows are multiplied by, of several outputs.
    coef, level : ndarray of shape (outputs, columns) and (outputs,)
        The coefficients and the intercepts; what they are before the first row is where the stream begins.
    begun : float
        Rows of a fit that those came from.
    """

    loss: str
    loss_settings: Mapping[str, float]
    outputs: int
    columns: int
    low: float
    intercept: bool
    coef: Floats
    level: Floats
    alpha: float = 0.0
    own: Floats | None = None
    begun: float = 0.0
    early: tuple[Any, Any, Any] | None = None
    size: float = 0.0
    raw: bool = False
    known: tuple[Floats, ...] = field(default_factory=tuple)
    first: tuple[Floats, Floats] = field(default_factory=tuple)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.coef = np.array(self.coef, dtype=np.float64).reshape(self.outputs, self.columns)
        self.level = np.array(self.level, dtype=np.float64).reshape(self.outputs)
        self.first = self.coef.copy(), self.level.copy()

    @property
    def rows(self) -> float:
        """How many have been learned."""
        return float(self.known[0][0]) if self.known else 0.0

    def learn(
        self, X: Any, y: Floats, weight: Floats | None, forget: float, names: Sequence[str] | None
    ) -> None:
        """Learns rows in their order; `y` is the target, or of several outputs which of them is 1."""
        if weight is not None:
            # A row of weight 0 is a row that is not there.
            there = weight > 0.0
            if not there.any():
                return
            if not there.all():
                X, y, weight = X[there], y[there], weight[there]
        raw, size, known, start = self.raw, self.size, self.known, (self.coef, self.level)
        if self.early is not None and not sparse.issparse(X):
            before, past, weights = self.early
            given = np.ones(len(y)) if weight is None else weight
            X, y = np.concatenate([before, X]), np.concatenate([past, y])
            weight = np.concatenate([weights, given])
            known = ()
        begun = None if known else self.begun
        if not known:
            raw, size, start = sparse.issparse(X), self._size(y[:_FIRST]), (self.first[0], self._level(y))
            each, _ = _core.learned_numbers(self.columns)
            known = tuple(map(np.zeros, (1, self.columns, self.columns, self.outputs * each)))
        learning = {
            "loss": (self.loss, list(self.loss_settings.items())),
            "low": self.low,
            "alpha": self.alpha,
            "forget": forget,
            "size": size,
            "intercept": self.intercept,
            "raw": raw,
        }
        # Written to, and kept only where nothing was refused.
        known = tuple(part.copy() for part in known)
        coef, level = start[0].ravel().copy(), start[1].copy()
        if self.own is None:
            _core.learn(X, y, learning, known, coef, level, weight=weight, begun=begun, names=names)  # type: ignore[arg-type]
        else:
            self._apart(X, y, learning, known, coef, level, weight, begun=begun, names=names)
        self.raw, self.size, self.known = raw, size, known
        self.coef, self.level = coef.reshape(self.coef.shape), level
        few = not sparse.issparse(X) and self.rows < _EARLY and len(y) == self.rows
        self.early = (X, y, np.ones(len(y)) if weight is None else weight) if few else None

    def _apart(
        self,
        X: Any,
        y: Floats,
        learning: Mapping[str, Any],
        known: tuple[Floats, ...],
        coef: Floats,
        level: Floats,
        weight: Floats | None,
        **named: Any,
    ) -> None:
        """Learns each output by itself, whose own rows weigh another amount than those of all others."""
        *before, state = known
        parts = zip(
            np.split(state, self.outputs),
            np.split(coef, self.outputs),
            np.split(level, self.outputs),
            strict=True,
        )
        for k, (own, slopes, intercept) in enumerate(parts):
            mine = y == k
            # A row of weight 0 is left out, and rows are counted alike for all outputs.
            times = np.where(mine, np.maximum(self.own[k], np.finfo(float).tiny), 1.0)  # type: ignore[index]
            seen = tuple(part.copy() for part in before)
            target = np.where(mine, 1.0, self.low)
            weights = times if weight is None else np.maximum(times * weight, np.finfo(float).tiny)
            _core.learn(X, target, learning, (*seen, own), slopes, intercept, weight=weights, **named)  # type: ignore[arg-type]
        for part, now in zip(before, seen, strict=True):
            part[:] = now

    def _amounts(self) -> bool:
        """Whether targets are amounts, not classes by their signs."""
        return self.loss in _OF_AMOUNTS and self.low != -1.0

    def _level(self, y: Floats) -> Floats:
        """Where intercepts begin: amounts may lie farther from 0 than any noise says."""
        if not self._amounts() or not self.intercept or self.begun > 0.0 or self.first[1].any():
            return self.first[1]
        return np.full(self.outputs, float(np.median(y[:_FIRST])))

    def _size(self, y: Floats) -> float:
        """How far margins are expected to spread, as a variance in times of one over the loss's bend."""
        if not self._amounts():
            return _CLASSES
        spread = float(np.std(y)) or float(np.abs(y).max(initial=0.0)) or 1.0
        if self.loss == "epsilon_insensitive":
            return _AMOUNTS * spread
        width = self.loss_settings.get(str(_OF_AMOUNTS[self.loss]), np.inf)
        return _AMOUNTS * max(1.0, spread / max(width, np.finfo(float).tiny))

    def widen(self, columns: int) -> None:
        """Makes room for more columns, of which nothing is known; of many columns taken as they lie."""
        more = ((0, 0), (0, columns - self.columns))
        if self.known:
            rows, centre, scale, state = self.known
            each = state.reshape(self.outputs, self.columns + 1, -1)
            new = np.zeros((self.outputs, columns + 1, each.shape[2]))
            new[:, : self.columns], new[:, -1] = each[:, :-1], each[:, -1]
            self.known = rows, np.pad(centre, more[1]), np.pad(scale, more[1]), new.ravel()
        self.coef, self.first = np.pad(self.coef, more), (np.pad(self.first[0], more), self.first[1])
        self.columns = columns
