"""Covariances: dense, by factors, or shrunk from returns; none by factors is ever made dense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError

__all__ = [
    "Bend",
    "FactorCovariance",
    "Named",
    "as_floats",
    "in_order",
    "labels_of",
    "names_of",
    "positions",
    "read_covariance",
    "shrunk",
]


#: By how much, of its largest entry, a matrix may miss symmetry, and of its largest variance an eigenvalue 0.
ROUNDING = 1e-10
#: Assets up to which a variance is summed over all: to pick those that are held takes longer.
WHOLE = 256


@dataclass(frozen=True)
class FactorCovariance:
    """A covariance by factors, B F B' + diag(d), which is never made a matrix of all assets.

    Parameters
    ----------
    loadings : array_like of shape (assets, factors)
        B: what an asset moves by when a factor moves by one. A frame's index names the assets, its columns the factors;
        `specific` and `factors` that have such names too are put in their order.
    specific : array_like of shape (assets,)
        d: each asset's variance beside the factors; at least 0.
    factors : array_like of shape (factors, factors), optional
        F, the covariance of the factors; the identity unless given.

    Raises
    ------
    InputError
        If the shapes do not fit, a number is not finite, a variance is below 0, or F is no covariance.

    Examples
    --------
    >>> from steepest.portfolio import FactorCovariance
    >>> cov = FactorCovariance([[0.1], [0.2]], [0.01, 0.02])
    >>> cov.dense().round(6)
    array([[0.02, 0.02],
           [0.02, 0.06]])
    """

    loadings: Any
    specific: Any
    factors: Any = None
    #: B's roots, a row for each factor: B F B' = rows' rows
    rows: Floats = field(init=False, repr=False)
    #: the names of the assets, where the loadings or the specific variances have some
    names: list[Any] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", self._names())
        loadings = as_floats(self.loadings, "loadings", 2)
        specific = as_floats(in_order(self.specific, self.names, "specific"), "specific", 1)
        object.__setattr__(self, "specific", specific)
        if len(specific) != len(loadings):
            raise InputError(
                f"specific must have a variance for each of the {len(loadings)} assets; got {len(specific)}"
            )
        if (specific < 0).any():
            i = int(np.argmin(specific))
            raise InputError(f"specific must be at least 0; got {specific[i]} for asset {i}")
        rows = loadings.T
        if self.factors is not None:
            factors = as_floats(
                in_order(self.factors, labels_of(self.loadings, "columns"), "factors"), "factors", 2
            )
            if factors.shape != (loadings.shape[1],) * 2:
                raise InputError(
                    f"factors must be of shape ({loadings.shape[1]}, {loadings.shape[1]}); got {factors.shape}"
                )
            _check(factors, "factors")
            values, vectors = np.linalg.eigh(factors)
            rows = (np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T) @ rows
        object.__setattr__(self, "rows", np.ascontiguousarray(rows))

    def _names(self) -> list[Any] | None:
        """The names of the assets, where there are some."""
        return labels_of(self.loadings, "index") or labels_of(self.specific, "index")

    def dense(self) -> Floats:
        """The matrix of all assets; nothing here asks for it.

        Returns
        -------
        ndarray of shape (assets, assets)
            B F B' + diag(d).

        Examples
        --------
        >>> from steepest.portfolio import FactorCovariance
        >>> FactorCovariance([[1.0]], [0.5]).dense()
        array([[1.5]])
        """
        return np.asarray(self.rows.T @ self.rows + np.diag(as_floats(self.specific, "specific", 1)))


@dataclass(frozen=True)
class Bend:
    """w' P w + Σ d w² + Σ (v_k' w)²: what a covariance is to the solver."""

    diagonal: Floats
    rows: Floats
    dense: Floats | None = None

    def variance(self, w: Floats) -> float:
        """The variance of a portfolio."""
        found = float(self.diagonal @ (w * w))
        if len(self.rows):
            found += float(np.sum((self.rows @ w) ** 2))
        if self.dense is None:
            return found
        if len(w) <= WHOLE:
            return found + float(w @ (self.dense @ w))
        held = np.flatnonzero(w)
        return found + float(w[held] @ self.dense[np.ix_(held, held)] @ w[held])

    def shares(self, w: Floats) -> Floats:
        """Each asset's part of the variance of a portfolio; they sum to 1."""
        parts = w * (self.diagonal * w + self.rows.T @ (self.rows @ w))
        if self.dense is not None:
            held = np.flatnonzero(w)
            parts[held] += w[held] * (self.dense[np.ix_(held, held)] @ w[held])
        whole = float(parts.sum())
        return np.asarray(parts / whole if whole > 0 else np.full(len(w), np.nan))

    def times(self, w: Floats) -> Floats:
        """The covariances of all assets with a portfolio."""
        found = self.diagonal * w + self.rows.T @ (self.rows @ w)
        return found if self.dense is None else found + self.dense @ w


def labels_of(thing: Any, axis: str) -> list[Any] | None:
    """The labels of a frame's columns or index, or of a series' index; None where they only count from 0, as those that
    nobody gave."""
    found = getattr(thing, axis, None)
    if found is None or callable(found):
        return None
    labels = list(found)
    return None if labels == list(range(len(labels))) else labels


@dataclass(frozen=True)
class Named:
    """A table whose columns have names, whatever library it came from."""

    values: Floats
    columns: list[Any]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Floats:
        return np.asarray(self.values, dtype=dtype)


def names_of(*things: Any) -> list[Any] | None:
    """The names of the assets, where one of these has them: a frame's columns, a series' index."""
    for thing in things:
        if isinstance(thing, FactorCovariance):
            found = thing.names
        else:
            found = labels_of(thing, "columns" if hasattr(thing, "columns") else "index")
        if found is not None:
            return found
    return None


def in_order(thing: Any, names: list[Any] | None, what: str) -> Any:
    """A series or a square frame with its labels in the order of `names`; as it is where there are no labels."""
    axes = [axis for axis in ("index", "columns") if labels_of(thing, axis) is not None]
    if names is None and len(axes) == 2:
        names = labels_of(thing, "columns")
    if names is None or not axes:
        return thing
    values = np.asarray(thing)
    for axis in axes:
        where = positions(labels_of(thing, axis) or [])
        lacking = [name for name in names if name not in where]
        if lacking or len(where) != len(names):
            other = (
                f"{lacking[0]!r} is missing" if lacking else f"it has {len(where)} of them for {len(names)}"
            )
            raise InputError(
                f"the labels of {what} must be {_listed(names)} in any order; {other} in its {axis}"
            )
        values = np.take(values, [where[name] for name in names], axis=0 if axis == "index" else 1)
    return values


def _listed(names: list[Any]) -> str:
    return ", ".join(repr(name) for name in names[:4]) + (" …" if len(names) > 4 else "")


def as_floats(values: Any, what: str, dimensions: int) -> Floats:
    """Finite numbers of so many dimensions, without gaps."""
    try:
        if np.iscomplexobj(values):
            raise TypeError("got complex ones")
        found = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be numbers: {error}") from None
    if found.ndim != dimensions:
        raise InputError(f"{what} must have {dimensions} dimension(s); got the shape {found.shape}")
    if not np.isfinite(found).all():
        at = [int(i) for i in np.argwhere(~np.isfinite(found))[0]]
        names = names_of(values)
        name = f" ({names[at[-1]]!r})" if names and at[-1] < len(names) else ""
        raise InputError(
            f"{what} must be finite; got {found[tuple(at)]} at {at[0] if len(at) == 1 else tuple(at)}{name}"
        )
    return found


def shrunk(returns: Floats, shrink: Any = "ledoit_wolf") -> Bend:
    """The covariance of returns, a row a period, shrunk towards equal variances.

    By days where there are fewer of them than assets, so that it is not made a matrix of all assets.
    """
    days, n = returns.shape
    centred = returns - returns.mean(axis=0)
    share = _ledoit_wolf(centred) if isinstance(shrink, str) and shrink == "ledoit_wolf" else shrink
    share = 0.0 if share is None else share
    known = isinstance(share, int | float | np.number) and not isinstance(share, bool)
    if not (known and 0 <= float(share) <= 1):
        raise InputError(f"shrink must be 'ledoit_wolf', None, or a share from 0 to 1; got {shrink!r}")
    level = float(np.sum(centred**2)) / (days * n)
    diagonal = np.full(n, share * level)
    if days < n:
        return Bend(diagonal, np.ascontiguousarray(np.sqrt((1 - share) / days) * centred))
    return Bend(diagonal, np.empty((0, n)), (1 - share) / days * (centred.T @ centred))


def _ledoit_wolf(centred: Floats) -> float:
    """The share of the mean variance in the estimate of least expected error (Ledoit and Wolf 2004)."""
    days, n = centred.shape
    small = centred @ centred.T if days < n else centred.T @ centred
    square = float(np.sum(small**2)) / days**2
    level = float(np.sum(centred**2)) / (days * n)
    spread = square - n * level**2
    noise = (float(np.sum(np.sum(centred**2, axis=1) ** 2)) / days - square) / days
    return 1.0 if spread <= 0 else min(max(noise, 0.0) / spread, 1.0)


def read_covariance(cov: Any, returns: Any = None, shrink: Any = "ledoit_wolf") -> Bend:
    """A covariance in any of its forms, checked."""
    if (cov is None) == (returns is None):
        raise InputError("pass either cov, or returns or prices that it is estimated from")
    if returns is not None:
        found = as_floats(returns, "returns", 2)
        if len(found) < 2:
            raise InputError(f"returns must have 2 rows at least; got {len(found)}")
        return shrunk(found, shrink)
    if isinstance(cov, FactorCovariance):
        return Bend(as_floats(cov.specific, "specific", 1), cov.rows)
    if np.ndim(cov) != 2:
        raise InputError(
            f"cov must be a square matrix, a row an asset; got {np.ndim(cov)} dimensions: [[0.04]] for one asset"
        )
    shape = np.shape(cov)
    if shape[0] != shape[1]:
        raise InputError(
            f"cov must be square; got the shape {shape}: pass returns as returns=, prices as prices="
        )
    if not shape[0]:
        raise InputError("cov must have one asset at least; got none")
    dense = as_floats(in_order(cov, names_of(cov), "cov"), "cov", 2)
    _check(dense, "cov")
    return Bend(np.zeros(len(dense)), np.empty((0, len(dense))), dense)


def _check(matrix: Floats, what: str) -> None:
    """By a factorisation, which costs a fifth of what the eigenvalues do; these only where it fails."""
    # Of all entries: a diagonal of zeros says nothing of how large a matrix is that is not positive semidefinite.
    top = float(np.abs(matrix).max(initial=0.0))
    if not top:
        return
    off, i, j, definite = _core.definiteness(matrix, ROUNDING * top)
    if off > ROUNDING * top:
        raise InputError(
            f"{what} must be symmetric; got {matrix[j, i]:.6g} at ({j}, {i}) and {matrix[i, j]:.6g} at ({i}, {j}): "
            "pass (cov + cov.T) / 2 if that is rounding"
        )
    if definite:
        return
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -ROUNDING * top:
        share = f", {-least / top:.2g} of the largest entry"
        raise InputError(
            f"{what} must be positive semidefinite; its least eigenvalue is {least:.3g}{share}: pass returns, or add "
            f"{-least:.3g} to its diagonal"
        )


def positions(names: Sequence[Any]) -> dict[Any, int]:
    """Where each name stands; names are unlike each other."""
    found = {name: i for i, name in enumerate(names)}
    if len(found) < len(names):
        twice = next(name for i, name in enumerate(names) if found[name] != i)
        raise InputError(f"two assets have the name {twice!r}: name each once")
    return found
