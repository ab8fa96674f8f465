"""What a module is trained on: tensors, arrays, pairs of them, a Dataset or a DataLoader, batch after batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

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

__all__ = [
    "Loaded",
    "Rows",
    "beyond",
    "move",
    "opened",
    "outside",
    "strange",
    "tensor_identity",
]


class Loaded(Batches):
    """Batches out of a DataLoader, or anything that can be walked through again and again."""

    def again(self) -> bool:
        if not isinstance(self.loader, DataLoader):
            return super().again()
        # An order of its own goes on where it was.
        own = self.loader.generator or getattr(self.loader.sampler, "generator", None)
        return own is None and not isinstance(self.loader.dataset, IterableDataset)

    def identity(self) -> Any:
        """The tensors and arrays that are held; of what is read from elsewhere only its kind and its length."""
        size = getattr(self.loader, "batch_size", None)
        return [self.length, size, _identity(self.loader)]


class Rows(batches.Rows):
    """Rows in memory."""

    def order(self, seed: int | None) -> torch.Tensor:
        rows = len(leaves(self.x)[0])
        if seed is None:
            return torch.arange(rows)
        return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))

    def identity(self) -> Any:
        return [self.length, _identity([self.x, self.y])]


def opened(
    data: Any, batch: int | None, seed: int, kind: torch.dtype, name: str = "data", shuffle: bool = True
) -> Batches:
    """The one door: whatever was given, as batches; arrays of floats in the precision `kind`."""
    if isinstance(data, Batches):
        return data
    if isinstance(data, DataLoader):
        if batch is not None:
            raise InputError(f"batch_size is the DataLoader's own ({data.batch_size}); leave it out")
        return Loaded(data, name)
    if isinstance(data, Dataset):
        return _dataset(data, batch, seed, name, shuffle)
    whole = _in_memory(data, name, kind)
    if whole is not None:
        x, y = whole
        rows = counted(x, y, name, strange)
        return Rows(x, y, batch or usual_batch(rows), seed, name, shuffle)
    if isinstance(data, tuple) and (what := _no_pair(data)):
        raise InputError(f"{name} must be a pair of arrays (X, y); got {what}")
    if hasattr(data, "__iter__") and not isinstance(data, str | bytes | Mapping):
        if batch is not None:
            raise InputError("batch_size is for rows in memory and Datasets: batches are as they come here")
        return Loaded(data, name)
    raise InputError(
        f"{name} must be a tensor or an array, a pair (X, y), a Dataset or a DataLoader; got {type(data).__name__}"
    )


def split(
    data: Any, share: float, batch: int | None, seed: int, kind: torch.dtype
) -> tuple[Batches, Batches]:
    """Data with a share of the rows held out, drawn by the seed."""
    if isinstance(data, DataLoader | IterableDataset) or not isinstance(data, Dataset):
        whole = None if isinstance(data, DataLoader | IterableDataset) else _in_memory(data, "data", kind)
        if whole is None:
            raise InputError(
                "a share of the rows can be held out of rows in memory and of a Dataset only: pass other data as "
                "validation"
            )
        x, y = whole
        rows = counted(x, y, "data", strange)
        train, held = _drawn(rows, share, seed)
        batch = batch or usual_batch(len(train))
        return (
            Rows(taken(x, train), taken(y, train), batch, seed, "data"),
            Rows(taken(x, held), taken(y, held), max(batch, 512), seed, "validation", shuffle=False),
        )
    rows = len(data)  # type: ignore[arg-type]
    if rows == 0:
        raise InputError("data has no rows")
    train, held = _drawn(rows, share, seed)
    return (
        _dataset(Subset(data, train.tolist()), batch, seed, "data", True),
        _dataset(Subset(data, held.tolist()), batch, seed, "validation", False),
    )


def move(value: Any, device: torch.device, kind: torch.dtype) -> Any:
    """Tensors, and arrays as tensors of that precision, on the device."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, np.ndarray | np.generic):
        return move(_tensor(value, "a batch", kind), device, kind)
    if isinstance(value, Mapping):
        return {key: move(part, device, kind) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(move(part, device, kind) for part in value))
    if isinstance(value, tuple | list):
        return tuple(move(part, device, kind) for part in value)
    return value


def strange(value: Any) -> tuple[int, Any] | None:
    """The first row of a batch that holds a number that is not finite, and that number."""
    for leaf in leaves(value):
        if isinstance(leaf, torch.Tensor) and (leaf.is_floating_point() or leaf.is_complex()):
            flat = leaf.detach().reshape(len(leaf), -1) if leaf.ndim else leaf.detach().reshape(1, 1)
            bad = ~torch.isfinite(flat)
            if bad.any():
                row = int(bad.any(1).nonzero()[0, 0])
                return row, float(flat[row][bad[row]][0])
    return None


def outside(target: Any, classes: int, ignore: int) -> tuple[int, int] | None:
    """The first row whose label is none of 0 … classes − 1, and that label; the one that is left out may be any."""
    if not isinstance(target, torch.Tensor) or target.is_floating_point() or target.ndim == 0:
        return None
    flat = target.reshape(len(target), -1)
    bad = ((flat < 0) | (flat >= classes)) & (flat != ignore)
    if not bad.any():
        return None
    row = int(bad.any(1).nonzero()[0, 0])
    return row, int(flat[row][bad[row]][0])


def beyond(target: Any) -> tuple[int, float] | None:
    """The first row whose number is not from 0 to 1, and that number."""
    if not isinstance(target, torch.Tensor) or target.dtype == torch.bool or target.ndim == 0:
        return None
    flat = target.reshape(len(target), -1)
    bad = (flat < 0) | (flat > 1)
    if not bad.any():
        return None
    row = int(bad.any(1).nonzero()[0, 0])
    return row, float(flat[row][bad[row]][0])


def _identity(value: Any) -> Any:
    """Tensors and arrays by their bytes; a DataLoader, a Dataset and lists of them by those that they hold."""
    if isinstance(value, torch.Tensor):
        return tensor_identity(value)
    if isinstance(value, DataLoader):
        return _identity(value.dataset)
    if isinstance(value, Mapping):
        return [[str(key), _identity(part)] for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [_identity(part) for part in value]
    if isinstance(value, Dataset):
        held = (torch.Tensor, np.ndarray, Dataset, list, tuple)
        parts = [
            [name, _identity(part)] for name, part in sorted(vars(value).items()) if isinstance(part, held)
        ]
        return [type(value).__qualname__, None if isinstance(value, IterableDataset) else len(value), parts]  # type: ignore[arg-type]
    plain = isinstance(value, np.ndarray | np.generic | bool | int | float | str)
    return value if plain else type(value).__qualname__


def tensor_identity(tensor: torch.Tensor) -> Any:
    """A tensor's kind, shape and bytes; NumPy has no type for some kinds."""
    plain = tensor.detach().cpu().contiguous()
    return [str(plain.dtype), list(plain.shape), plain.reshape(-1).view(torch.uint8).numpy()]


def _dataset(data: Any, batch: int | None, seed: int, name: str, shuffle: bool) -> Batches:
    if isinstance(data, IterableDataset):
        return Loaded(DataLoader(data, batch_size=batch or 64), name)
    rows = len(data)
    if rows == 0:
        raise InputError(f"{name} has no rows")
    batch = min(batch or usual_batch(rows), rows)
    drawn = torch.Generator().manual_seed(seed % 2**63)
    # A last batch of one row would stop batch normalisation.
    last = shuffle and rows % batch == 1 and batch > 1
    loader = DataLoader(data, batch_size=batch, shuffle=shuffle, drop_last=last, generator=drawn)
    return Seeded(loader, name, drawn, seed)


class Seeded(Loaded):
    """Batches of a Dataset, whose order follows from the seed and the epoch."""

    def __init__(self, loader: Any, name: str, drawn: torch.Generator, seed: int) -> None:
        super().__init__(loader, name)
        self.drawn, self.seed, self.rows = drawn, seed, len(loader.dataset)

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Any, Any]]:
        self.drawn.manual_seed((self.seed * 1_000_003 + number) % 2**63)
        yield from super().epoch(number, skip)

    def again(self) -> bool:
        return True


def _drawn(rows: int, share: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    held = held_out(rows, share)
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed % 2**63))
    return order[held:], order[:held]


def _in_memory(data: Any, name: str, kind: torch.dtype) -> tuple[Any, Any] | None:
    return in_memory(data, lambda part: _tensors(part, name, kind), _whole)


def _no_pair(data: tuple[Any, ...]) -> str:
    """What a tuple is that was meant as rows in memory, and is none; nothing of a tuple of batches."""
    if len(data) > 2 and all(hasattr(part, "__array__") for part in data):
        return f"a tuple of {len(data)}: several inputs are one tuple, ((a, b), y); batches are a list"
    plain = [
        part
        for part in data
        if isinstance(part, list) and part and isinstance(_first(part), float | int | str)
    ]
    return "lists: pass numpy.asarray of each" if plain else ""


def _first(value: Any) -> Any:
    """The first of all that a list of lists holds."""
    while isinstance(value, list) and value:
        value = value[0]
    return value


def _whole(value: Any) -> bool:
    return of_arrays(value, lambda v: isinstance(v, torch.Tensor))


def _tensors(value: Any, name: str, kind: torch.dtype) -> Any:
    if isinstance(value, Mapping):
        return {key: _tensors(part, name, kind) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_tensors(part, name, kind) for part in value)
    return _tensor(value, name, kind)


def _tensor(value: Any, name: str, kind: torch.dtype) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided:
            raise InputError(f"{name} must be dense; got a tensor of {value.layout}: pass it as to_dense()")
        return value.detach()
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise InputError(
            f"{name} must be numbers; got {array.dtype} of shape {array.shape}: rows of different lengths, or texts?"
        )
    # A module takes floats of its own precision alone; torch's labels are of 64 bits.
    whole = array.dtype.kind in "iu"
    plain = torch.from_numpy(np.array(array, dtype=np.int64 if whole else array.dtype))
    return plain.to(kind) if plain.is_floating_point() else plain
