"""What a model is trained on: arrays, pairs of them, a `keras.utils.PyDataset` or batches of any loader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from steepest.errors import InputError
from steepest.training import batches
from steepest.training.batches import (
    Batches,
    counted,
    held_out,
    in_memory,
    leaves,
    of_arrays,
    taken,
    usual_batch,
)
from steepest.training.reading import real, whole

__all__ = ["Rows", "array", "beyond", "class_weights", "numbers", "opened", "outside", "split", "strange"]

#: Where nothing is asked of a model, it is not trained: a loss of 0 would say that it fits.
NOTHING = "the weights of {} are 0 for every row: no row counts"


class Rows(batches.Rows):
    """Rows in memory, and in a tuple their targets and perhaps their weights."""

    def __init__(self, x: Any, y: Any, batch: int, seed: int, name: str, shuffle: bool = True) -> None:
        super().__init__(x, y, batch, seed, name, shuffle)
        if not _counts(y):
            raise InputError(NOTHING.format(name))

    def order(self, seed: int | None) -> Any:
        rows = len(leaves(self.x)[0])
        return np.arange(rows) if seed is None else np.random.default_rng(seed).permutation(rows)

    def identity(self) -> Any:
        return [self.length, self.x, self.y]


class Loaded(Batches):
    """Batches out of a loader, each a pair of input and target, with weights of its rows or without.

    Parameters
    ----------
    classes : mapping, optional
        Weights of classes.
    """

    def __init__(self, loader: Any, name: str, classes: Mapping[int, float] | None = None) -> None:
        super().__init__(loader, name)
        self.classes = classes

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Any, Any]]:
        counted = skip > 0
        for x, y in super().epoch(number, skip):
            counted = counted or _counts(y)
            yield x, y
        if not counted:
            raise InputError(NOTHING.format(self.name))

    def parts(self, batch: Any) -> tuple[Any, Any]:
        """Input, and a tuple of the target and perhaps of the rows' weights."""
        three = isinstance(batch, tuple | list) and len(batch) == 3
        x, y = batches.parts(batch[:2] if three else batch)
        x, y = array(x), array(y)
        if not all(leaf.ndim for leaf in leaves(x)):
            raise InputError(f"a batch of {self.name} must have rows; got a lone number")
        return x, _weighted(y, batch[2] if three else None, self.classes, self.name)

    def identity(self) -> Any:
        """The arrays that are held; of what is read from elsewhere only its kind and its length."""
        return [self.length, self.classes, _held(self.loader)]


class Fetched(Loaded):
    """Batches of a `PyDataset`, in its own order."""

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Any, Any]]:
        yield from super().epoch(number, skip)
        self.loader.on_epoch_end()


def opened(
    data: Any,
    batch: int | None,
    seed: int,
    name: str = "data",
    shuffle: bool = True,
    classes: Mapping[int, float] | None = None,
) -> Batches:
    """The one door: whatever was given, as batches of input and a tuple: the target, and perhaps the rows' weights."""
    if (whole := _in_memory(data, name, classes)) is not None:
        rows = counted(*whole, name, strange)
        return Rows(*whole, batch or usual_batch(rows), seed, name, shuffle)
    if batch is not None:
        raise InputError("batch_size is for rows in memory: batches are as they come here")
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches is None:
            raise InputError(
                f"{name} has no end (its num_batches is None), and an epoch is a pass over all of it"
            )
        return Fetched(data, name, classes)
    if hasattr(data, "__iter__") and not isinstance(data, str | bytes | Mapping):
        return Loaded(data, name, classes)
    raise InputError(
        f"{name} must be an array, a pair (X, y), a PyDataset or a loader of batches; got {type(data).__name__}"
    )


def split(
    data: Any, share: float, batch: int | None, seed: int, classes: Mapping[int, float] | None = None
) -> tuple[Batches, Batches]:
    """Data with a share of the rows held out, drawn by the seed; classes count among those to train on."""
    whole = _in_memory(data, "data", None)
    if whole is None:
        raise InputError(
            "a share of the rows can be held out of rows in memory only: pass other data as validation"
        )
    x, y = whole
    rows = counted(x, y, "data", strange)
    held = held_out(rows, share)
    order = np.random.default_rng(seed).permutation(rows)
    some, rest = order[:held], order[held:]
    batch = batch or usual_batch(len(rest))
    target, *weights = taken(y, rest)
    train = _weighted(target, weights[0] if weights else None, classes, "data")
    return (
        Rows(taken(x, rest), train, batch, seed, "data"),
        Rows(taken(x, some), taken(y, some), max(batch, 512), seed, "validation", shuffle=False),
    )


def class_weights(given: Any) -> dict[int, float] | None:
    """Weights of classes by their numbers, checked."""
    if given is None:
        return None
    if not isinstance(given, Mapping) or not given:
        raise InputError(
            f"class_weight must be a dict of a weight for each class, like {{0: 1.0, 1: 5.0}}; got {given!r}"
        )
    return {
        whole("a class of class_weight", int(k) if isinstance(k, np.integer) else k, 0): real(
            f"class_weight of class {k}", v, 0.0, np.inf
        )
        for k, v in given.items()
    }


def array(value: Any, name: str = "a batch") -> Any:
    """Numbers of any library as arrays, those of float64 in Keras' own precision; several as they are ordered."""
    if isinstance(value, Mapping):
        return {key: array(part, name) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return tuple(array(part, name) for part in value)
    plain = numbers(value) if keras.ops.is_tensor(value) else np.asarray(value)
    if plain.dtype.kind not in "biuf":
        raise InputError(
            f"{name} must be numbers; got {plain.dtype} of shape {plain.shape}: rows of different lengths, or texts?"
        )
    return plain.astype(keras.config.floatx()) if plain.dtype == np.float64 else plain


def numbers(value: Any) -> Any:
    """A tensor as an array; NumPy has no bfloat16, all of which float32 has."""
    kind = keras.backend.standardize_dtype(value.dtype)
    return keras.ops.convert_to_numpy(keras.ops.cast(value, "float32") if kind == "bfloat16" else value)


def strange(value: Any) -> tuple[int, Any] | None:
    """The first row of a batch that holds a number that is not finite, and that number."""
    for leaf in leaves(value):
        if leaf.dtype.kind == "f" and not (fine := np.isfinite(leaf)).all():
            flat, bad = leaf.reshape(len(leaf), -1), ~fine.reshape(len(leaf), -1)
            row = int(bad.any(1).argmax())
            return row, float(flat[row][bad[row]][0])
    return None


def outside(target: Any, classes: int, ignore: int | None, weights: Any = None) -> tuple[int, float] | None:
    """The first row whose label is none of 0 … classes − 1 nor one to ignore, and that label; shares of classes are no
    labels."""
    if not isinstance(target, np.ndarray) or (target.ndim > 1 and target.shape[-1] == classes > 1):
        return None
    bad = (target < 0) | (target >= classes) | (target != np.floor(target))
    bad = _counted((bad if ignore is None else bad & (target != ignore)).reshape(len(target), -1), weights)
    if not bad.any():
        return None
    row = int(bad.any(1).argmax())
    return row, target.reshape(len(target), -1)[row][bad[row]][0].item()


def _counted(bad: Any, weights: Any) -> Any:
    """Of the rows that count: one of weight 0 is a row that is not there."""
    return bad if weights is None else bad & (np.asarray(weights).reshape(len(bad), -1) != 0)


def beyond(target: Any, weights: Any = None) -> tuple[int, float] | None:
    """The first row whose number is not from 0 to 1, and that number."""
    if not isinstance(target, np.ndarray) or target.dtype.kind not in "iuf" or target.ndim == 0:
        return None
    flat = target.reshape(len(target), -1)
    bad = _counted((flat < 0) | (flat > 1), weights)
    if not bad.any():
        return None
    row = int(bad.any(1).argmax())
    return row, flat[row][bad[row]][0].item()


def _in_memory(data: Any, name: str, classes: Mapping[int, float] | None) -> tuple[Any, Any] | None:
    weights = None
    if isinstance(data, tuple) and len(data) == 3 and all(map(_whole, data[:2])):
        *pair, weights = data
        data = tuple(pair)
    found = in_memory(data, lambda part: array(part, name), _whole)
    return None if found is None else (found[0], _weighted(found[1], weights, classes, name))


def _weighted(target: Any, weights: Any, classes: Mapping[int, float] | None, name: str) -> tuple[Any, ...]:
    """A target, and the weights of its rows where they or their classes have any."""
    if weights is not None:
        weights = array(weights, f"the weights of {name}")
        fine = isinstance(weights, np.ndarray) and weights.ndim == 1
        if not fine or not np.isfinite(weights).all() or (weights < 0).any():
            what = f"shape {weights.shape}" if isinstance(weights, np.ndarray) and not fine else "others"
            raise InputError(f"the weights of {name} must be a number of at least 0 for each row; got {what}")
        if (rows := len(leaves(target)[0])) != len(weights):
            raise InputError(
                f"the parts of {name} must have one row each for a sample; got {rows} targets, {len(weights)} weights"
            )
    if classes is not None:
        labels = _labels(target, name)
        by = np.ones(len(labels), keras.config.floatx())
        for label, weight in classes.items():
            by[labels == label] = weight
        weights = by if weights is None else by * weights
    return (target,) if weights is None else (target, weights)


def _counts(target: tuple[Any, ...]) -> bool:
    """Whether any row of a batch counts, by the weights that may stand beside its target."""
    return len(target) == 1 or bool(target[1].any())


def _labels(target: Any, name: str) -> Any:
    """The class of each row, of numbers of classes or of rows of zeros and a one."""
    if isinstance(target, np.ndarray) and target.size == len(target):
        labels = target.reshape(-1)
        if (labels >= 0).all() and (labels == np.floor(labels)).all():
            return labels.astype(int)
    ones = isinstance(target, np.ndarray) and target.ndim == 2 and np.isin(target, (0, 1)).all()
    if ones and (target.sum(1) == 1).all():
        return target.argmax(1)
    raise InputError(
        f"class_weight is for targets of {name} that are a class a row: numbers from 0, or one of several ones"
    )


def _held(value: Any) -> Any:
    """Arrays by their bytes; lists, dicts and a `PyDataset` by those that they hold."""
    if keras.ops.is_tensor(value):
        return array(value)
    if isinstance(value, Mapping):
        return {str(key): _held(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_held(part) for part in value]
    if isinstance(value, keras.utils.PyDataset):
        kinds = (np.ndarray, list, tuple, bool, int, float, str)
        parts = {k: _held(v) for k, v in sorted(vars(value).items()) if isinstance(v, kinds)}
        return [type(value).__qualname__, parts]
    plain = isinstance(value, np.ndarray | np.generic | bool | int | float | str)
    return value if plain else type(value).__qualname__


def _whole(value: Any) -> bool:
    return of_arrays(value, keras.ops.is_tensor)
