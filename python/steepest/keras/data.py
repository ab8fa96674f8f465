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

__all__ = ["Rows", "array", "opened", "outside", "split", "strange"]


class Rows(batches.Rows):
    """Rows in memory."""

    def order(self, seed: int | None) -> Any:
        rows = len(leaves(self.x)[0])
        return np.arange(rows) if seed is None else np.random.default_rng(seed).permutation(rows)


class Fetched(Batches):
    """Batches of a `PyDataset`, in its own order."""

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Any, Any]]:
        yield from super().epoch(number, skip)
        self.loader.on_epoch_end()


def opened(data: Any, batch: int | None, seed: int, name: str = "data", shuffle: bool = True) -> Batches:
    """The one door: whatever was given, as batches."""
    if (whole := _in_memory(data, name)) is not None:
        rows = counted(*whole, name, strange)
        return Rows(*whole, batch or usual_batch(rows), seed, name, shuffle)
    if isinstance(data, tuple) and len(data) == 3 and all(map(_whole, data)):
        raise InputError(
            f"{name} must be a pair (X, y); got three parts, and weights of samples are not taken"
        )
    if batch is not None:
        raise InputError("batch_size is for rows in memory: batches are as they come here")
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches is None:
            raise InputError(
                f"{name} has no end (its num_batches is None), and an epoch is a pass over all of it"
            )
        return Fetched(data, name)
    if hasattr(data, "__iter__") and not isinstance(data, str | bytes | Mapping):
        return Batches(data, name)
    raise InputError(
        f"{name} must be an array, a pair (X, y), a PyDataset or a loader of batches; got {type(data).__name__}"
    )


def split(data: Any, share: float, batch: int | None, seed: int) -> tuple[Batches, Batches]:
    """Data with a share of the rows held out, drawn by the seed."""
    whole = _in_memory(data, "data")
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
    return (
        Rows(taken(x, rest), taken(y, rest), batch, seed, "data"),
        Rows(taken(x, some), taken(y, some), max(batch, 512), seed, "validation", shuffle=False),
    )


def array(value: Any, name: str = "a batch") -> Any:
    """Numbers of any library as arrays, those of float64 in Keras' own precision; several as they are ordered."""
    if isinstance(value, Mapping):
        return {key: array(part, name) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return tuple(array(part, name) for part in value)
    plain = keras.ops.convert_to_numpy(value) if keras.ops.is_tensor(value) else np.asarray(value)
    if plain.dtype.kind not in "biuf":
        raise InputError(
            f"{name} must be numbers; got {plain.dtype} of shape {plain.shape}: rows of different lengths, or texts?"
        )
    return plain.astype(keras.config.floatx()) if plain.dtype == np.float64 else plain


def strange(value: Any) -> tuple[int, Any] | None:
    """The first row of a batch that holds a number that is not finite, and that number."""
    for leaf in leaves(value):
        if leaf.dtype.kind == "f" and not (fine := np.isfinite(leaf)).all():
            flat, bad = leaf.reshape(len(leaf), -1), ~fine.reshape(len(leaf), -1)
            row = int(bad.any(1).argmax())
            return row, float(flat[row][bad[row]][0])
    return None


def outside(target: Any, classes: int) -> tuple[int, float] | None:
    """The first row whose label is none of 0 … classes − 1, and that label; shares of classes are no labels."""
    if not isinstance(target, np.ndarray) or (target.ndim > 1 and target.shape[-1] == classes > 1):
        return None
    bad = ((target < 0) | (target >= classes) | (target != np.floor(target))).reshape(len(target), -1)
    if not bad.any():
        return None
    row = int(bad.any(1).argmax())
    return row, target.reshape(len(target), -1)[row][bad[row]][0].item()


def _in_memory(data: Any, name: str) -> tuple[Any, Any] | None:
    return in_memory(data, lambda part: array(part, name), _whole)


def _whole(value: Any) -> bool:
    return of_arrays(value, keras.ops.is_tensor)
