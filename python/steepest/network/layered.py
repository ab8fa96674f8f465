"""Parameters of an estimator, the network that they name, and the core's one vector of its numbers."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from steepest import _core
from steepest.errors import InputError
from steepest.tables.room import available

__all__ = ["Layered"]

#: scikit-learn's names of what the registry calls otherwise.
_ACTIVATIONS = {"logistic": "sigmoid"}


class Layered(BaseEstimator):  # type: ignore[misc]
    """Dense layers, one after another."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str],
        "solver": [StrOptions({"auto", "lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "initialiser": [str, None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "layer_norm": ["boolean"],
        "batch_norm": ["boolean"],
        "residual": ["boolean"],
    }

    coefs_: list[NDArray[Any]]
    intercepts_: list[NDArray[Any]]
    norms_: list[NDArray[Any]]
    running_: list[NDArray[Any]]
    _shapes: list[list[int]]

    @property
    def _loss(self) -> tuple[str, list[tuple[str, float]]]:
        """The loss by name, with its settings."""
        raise NotImplementedError

    # -- the network ---------------------------------------------------------------------------------------------

    def _layers(self, outputs: int) -> list[dict[str, Any]]:
        """The layers, as the core has them."""
        sizes = self._sizes()
        if any(isinstance(s, bool) or not isinstance(s, (Integral, np.integer)) or s <= 0 for s in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        activation: Any = (_ACTIVATIONS.get(self.activation, self.activation), [])

        def layer(kind: str, size: float = 0.0, **more: Any) -> dict[str, Any]:
            blank: dict[str, Any] = {"activation": None, "initialiser": None, "layers": []}
            return {"kind": kind, "size": float(size), **blank, **more}

        layers: list[dict[str, Any]] = []
        before = None
        for size in sizes:
            here = [layer("dense", size, activation=activation, initialiser=self.initialiser)]
            if self.layer_norm:
                here.append(layer("layer_norm"))
            if self.batch_norm:
                here.append(layer("batch_norm"))
            if self.dropout:
                here.append(layer("dropout", self.dropout))
            layers += [layer("residual", layers=here)] if self.residual and size == before else here
            before = size
        return [*layers, layer("dense", outputs, activation=("identity", []), initialiser=self.initialiser)]

    def _unpack(self, flat: NDArray[Any]) -> None:
        """Sets what a fitted network has, from the core's one vector."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])
        *parts, running = np.split(flat, ends)
        parts = [part.reshape(shape).copy() for part, shape in zip(parts, self._shapes, strict=True)]
        dense = [i for i, shape in enumerate(self._shapes) if len(shape) == 2]
        self.coefs_ = [parts[i] for i in dense]
        self.intercepts_ = [parts[i + 1] for i in dense]
        taken = {i for j in dense for i in (j, j + 1)}
        self.norms_ = [part for i, part in enumerate(parts) if i not in taken]
        # As wide as gains and shifts, where there are any: none but batch normalisation keeps them.
        ends = np.cumsum([len(part) for part in self.norms_ if running.size])
        self.running_ = [part.copy() for part in np.split(running, ends)[:-1]]

    def _packed(self) -> NDArray[Any]:
        """The core's one vector, from what the network has now."""
        dense, norms = iter(zip(self.coefs_, self.intercepts_, strict=True)), iter(self.norms_)
        parts: list[NDArray[Any]] = []
        skip = False
        for shape in self._shapes:
            if skip:
                skip = False
            elif len(shape) == 2:
                parts += next(dense)
                skip = True
            else:
                parts.append(next(norms))
        return np.concatenate([np.ravel(p) for p in [*parts, *self.running_]]).astype(
            self.coefs_[0].dtype, copy=False
        )

    def _numbers(self) -> list[NDArray[Any]]:
        """All that a fitted network predicts by."""
        return [*self.coefs_, *self.intercepts_, *self.norms_, *self.running_]

    # -- rows ----------------------------------------------------------------------------------------------------

    def _rows(self, X: Any, reset: bool, *targets: Any, **options: Any) -> Any:
        """X as rows one after another, and y where it is learnt from."""
        known = {"accept_sparse": ["csr", "csc"], "dtype": (np.float64, np.float32), "reset": reset}
        if targets:
            X, y = validate_data(self, X, *targets, multi_output=True, **known, **options)
        else:
            X = validate_data(self, X, **known)
        X = np.ascontiguousarray(X.toarray() if sparse.issparse(X) else X)  # type: ignore[attr-defined]
        return (X, y) if targets else X

    def _outputs(self, X: Any, means: bool) -> NDArray[np.float64]:
        """What comes out of the network, an output a column."""
        check_is_fitted(self)
        X = self._rows(X, reset=False)
        flat = self._packed()
        loss = self._loss if means else None
        return _core.network_outputs(
            flat, X.astype(flat.dtype, copy=False), self._layers(self.n_outputs_), loss
        )

    def _sizes(self) -> list[int]:
        """Units of each hidden layer."""
        sizes = self.hidden_layer_sizes
        return list(sizes) if hasattr(sizes, "__iter__") else [sizes]

    def _fits(self, columns: int, outputs: int) -> None:
        """Refuses a network that memory cannot hold."""
        widths = [columns, *map(int, self._sizes()), outputs]
        weights = sum(a * b + b for a, b in pairwise(widths))
        # The weights, their slopes, two memories of the rule, the best of them, and those handed over.
        needed, free = 8 * 6 * weights, available()
        if needed > free:
            raise InputError(
                f"hidden_layer_sizes={self.hidden_layer_sizes} makes {weights} weights, whose training takes "
                f"{needed / 1e9:.3g} GB of memory, and {free / 1e9:.3g} GB are free: take fewer units"
            )
