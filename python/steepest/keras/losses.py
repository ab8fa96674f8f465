"""Losses of a model's output, by our names, by Keras' or as functions; whether they can fall below 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from steepest.errors import InputError, did_you_mean
from steepest.training.batches import no_loss
from steepest.training.identity import identity

__all__ = ["LOSSES", "Loss", "usual"]

#: Losses by the names that the rest of the package has, and what Keras calls them; none falls below 0.
LOSSES = {
    "squared": "mean_squared_error",
    "absolute": "mean_absolute_error",
    "huber": "huber",
    "logistic": "binary_crossentropy",
    "softmax": "sparse_categorical_crossentropy",
}
#: Losses of Keras that cannot be below 0, as classes and as functions.
_AT_LEAST_0 = {
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy",
    "CategoricalHinge", "Hinge", "Huber", "LogCosh", "MeanAbsoluteError", "MeanAbsolutePercentageError",
    "MeanSquaredError", "MeanSquaredLogarithmicError", "SparseCategoricalCrossentropy", "SquaredHinge",
}  # fmt: skip
#: Those whose target is a probability of two classes.
_OF_TWO = {"logistic", "binary_crossentropy", "BinaryCrossentropy"}
#: Those whose target is the number of a class.
_OF_CLASSES = {"softmax", "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"}


class _Named(keras.losses.Loss):  # type: ignore[misc, unused-ignore]
    """One of `LOSSES`, of outputs and targets that may differ by axes of length 1.

    Parameters
    ----------
    name : str
        Which.
    probabilities : bool
        Whether the model gives probabilities where this one takes their logits.
    """

    def __init__(self, name: str, probabilities: bool) -> None:
        super().__init__(name=name)
        self.probabilities = probabilities

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        if self.name == "softmax":
            return self._softmax(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            y_true = ops.reshape(y_true, _alike(y_true.shape, y_pred.shape))
        if self.name == "logistic":
            return keras.losses.binary_crossentropy(y_true, y_pred, from_logits=not self.probabilities)
        return keras.losses.get(LOSSES[self.name])(y_true, y_pred)

    def _softmax(self, y_true: Any, y_pred: Any) -> Any:
        logits = not self.probabilities
        if tuple(y_true.shape) == tuple(y_pred.shape) and len(y_pred.shape) > 1:
            return keras.losses.categorical_crossentropy(y_true, y_pred, from_logits=logits)
        places = tuple(y_pred.shape[:-1])
        if tuple(y_true.shape) not in (places, (*places, 1)):
            raise InputError(
                f"the output has the shape {tuple(y_pred.shape)} and the labels {tuple(y_true.shape)}: with classes "
                f"along the last axis, labels have the shape {places}"
            )
        return keras.losses.sparse_categorical_crossentropy(
            ops.reshape(y_true, places), y_pred, from_logits=logits
        )


class _Function(keras.losses.Loss):  # type: ignore[misc, unused-ignore]
    """A function of target and output as Keras has them: one number a sample, or a row of them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(name="function")  # TensorFlow does not take the names of all
        self.function = function
        self.called = getattr(function, "__name__", type(function).__name__)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample; a target that differs by axes of length 1 is aligned, as Keras does."""
        shapes = [tuple(getattr(v, "shape", ())) for v in (y_true, y_pred)]
        if len(shapes[0]) != len(shapes[1]) and _differ_by_ones(*shapes):
            y_true = ops.reshape(y_true, shapes[1])
        value = self.function(y_true, y_pred)
        if not hasattr(value, "shape") and not isinstance(value, int | float):
            raise InputError(f"the loss must be a number for each sample; got {type(value).__name__}")
        return value


class Loss:
    """A loss: what computes it, its name, and its least possible value where that is known.

    Parameters
    ----------
    given : str or callable
        A name of `LOSSES` or of Keras, a loss of Keras, or a function of target and output.
    bound : float, optional
        The least value that it can have.
    model : keras.Model
        Whose output it is of: a softmax or a sigmoid at its end is known.
    output : tensor
        Such an output.
    """

    def __init__(self, given: Any, bound: float | None, model: Any, output: Any) -> None:
        self.bound = bound
        no_loss(given)
        if isinstance(given, list | tuple | dict):
            raise InputError(
                "a model of several outputs needs one loss of them all: pass a function of (targets, outputs) that "
                "returns one number a sample"
            )
        if isinstance(given, str) and given in LOSSES:
            self.compute: keras.losses.Loss = _Named(given, _ends_in(model, given))
        else:
            found = _found(given)
            self.compute = found if isinstance(found, keras.losses.Loss) else _Function(found)
        kind = self.compute.called if isinstance(self.compute, _Function) else type(self.compute).__name__
        self.name = self.compute.name if isinstance(self.compute, _Named) else kind
        #: how many classes there are outputs for; 0 of losses of something else
        self.classes = int(output.shape[-1]) if self.name in _OF_CLASSES else 0
        #: whether its targets are probabilities of the second of two classes
        self.of_two = self.name in _OF_TWO
        #: the label of rows that do not count; None where all do
        self.ignore: int | None = getattr(self.compute, "ignore_class", None) if self.classes else None
        camel = "".join(part.capitalize() for part in kind.split("_"))
        if bound is None and (isinstance(self.compute, _Named) or {kind, camel} & _AT_LEAST_0):
            self.bound = 0.0
        #: whether it is a sum over the rows, of which the mean is taken
        self.sums = self.compute.reduction == "sum"

    def __call__(self, output: Any, target: Any, weights: Any = None) -> Any:
        """Its value, one number that can be differentiated; of weighted rows as Keras has it, the sum of each row's
        weight times its loss, over the number of rows."""
        value = self.compute(target, output, weights)
        if getattr(value, "shape", None) != () and len(value.shape):
            raise InputError(
                f"the loss must be one number; got a tensor of shape {tuple(value.shape)}: leave its reduction as it is"
            )
        return value / max(1, _rows(target)) if self.sums else value

    def identity(self) -> Any:
        """What tells it from other losses, for a checkpoint."""
        if isinstance(self.compute, _Named):
            return [self.name, self.compute.probabilities]
        given = self.compute.function if isinstance(self.compute, _Function) else self.compute
        return identity(given, {}, _of_keras)

    def weight(self, target: Any, rows: int) -> float:
        """What a batch counts against others in a mean."""
        return float(rows)


def _of_keras(value: Any) -> Any:
    """A loss of Keras or a tensor as what tells it from others; None of anything else."""
    if isinstance(value, keras.losses.Loss):
        held = {k: v for k, v in vars(value).items() if not k.startswith("_")}
        return [type(value).__qualname__, *(identity([k, v], {}, _of_keras) for k, v in sorted(held.items()))]
    return ops.convert_to_numpy(value) if ops.is_tensor(value) else None


def usual(target: Any) -> str:
    """The loss that a target is usually given: numbers squares, classes softmax."""
    kind = getattr(target, "dtype", None)
    if kind is None:
        raise InputError("loss is missing: name one, or pass a function of target and output")
    return {"b": "logistic", "i": "softmax", "u": "softmax"}.get(kind.kind, "squared")


def _found(given: Any) -> Any:
    if callable(given):
        return given
    try:
        return keras.losses.get(given)
    except (ValueError, TypeError):
        near = did_you_mean(str(given), [*LOSSES, *LOSSES.values()]) or "; there are " + ", ".join(LOSSES)
        raise InputError(f"no loss is called {given!r}{near}") from None


def _ends_in(model: Any, name: str) -> bool:
    """Whether a model's last layer makes probabilities of what a loss takes the logits of."""
    last = model
    while getattr(last, "layers", None):
        last = last.layers[-1]
    functions = {"softmax": keras.activations.softmax, "logistic": keras.activations.sigmoid}
    made = getattr(last, "activation", None) is functions.get(name, last)
    return made or (name == "softmax" and isinstance(last, keras.layers.Softmax))


def _differ_by_ones(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes have the same rows, and the same axes longer than 1 in the same order."""
    return a[:1] == b[:1] and [n for n in a if n != 1] == [n for n in b if n != 1]


def _alike(target: Any, output: Any) -> tuple[int, ...]:
    """The output's shape, where the target's differs from it by axes of length 1 only."""
    a, b = tuple(target), tuple(output)
    if not _differ_by_ones(a, b):
        raise InputError(
            f"the output has the shape {b} and the target {a}: they must be alike but for axes of length 1; reshape "
            "the target or the output"
        )
    return b


def _rows(target: Any) -> int:
    """How many rows the first of the targets has."""
    leaves = keras.tree.flatten(target)
    return int(leaves[0].shape[0]) if leaves and len(leaves[0].shape) else 1
