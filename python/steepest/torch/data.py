"""What a module is trained on: tensors, arrays, pairs of them, a Dataset or a DataLoader, batch after batch.

Rows in memory are drawn in an order that the seed and the epoch decide, in batches of nearly one size, every row
once an epoch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from steepest.errors import InputError

__all__ = [
    "Batches",
    "Rows",
    "move",
    "opened",
    "outside",
    "parts",
    "strange",
    "tensor_identity",
    "usual_batch",
]


class Batches:
    """Batches out of a DataLoader, or anything that can be walked through again and again.

    Parameters
    ----------
    loader : iterable
        Of batches, each a pair of input and target, or an input alone.
    name : str
        What it is called in messages.
    """

    rows: int | None = None

    def __init__(self, loader: Any, name: str) -> None:
        self.loader, self.name = loader, name
        if iter(loader) is loader:
            raise InputError(
                f"{name} can be read once only, and an epoch is a pass over all of it: pass a DataLoader, a Dataset "
                "or a list of batches instead of an iterator"
            )
        try:
            self.length: int | None = len(loader)
        except TypeError:
            self.length = None
        if self.length == 0:
            raise InputError(f"{name} has no batch")

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Any, Any]]:
        """The batches of an epoch, the first few left out."""
        seen = 0
        for batch in self.loader:
            seen += 1
            if seen > skip:
                yield parts(batch)
        if not seen:
            empty = (
                "has no batch"
                if number == 0
                else f"gave no batch in epoch {number}: it can be read once only"
            )
            raise InputError(f"{self.name} {empty}")

    def where(self, number: int, batch: int, row: int) -> str:
        """A row of a batch in words."""
        return f"row {row} of batch {batch} of epoch {number}"

    def identity(self) -> Any:
        """What tells this from other data, for a checkpoint: the tensors and arrays that are held; of what is read
        from elsewhere only its kind and its length."""
        batches = getattr(self.loader, "batch_size", None)
        return [self.length, batches, _identity(self.loader)]


class Rows(Batches):
    """Rows in memory.

    Parameters
    ----------
    x, y : tensor, or a tuple or dict of them
        Inputs and targets, a row each.
    batch : int
        How many rows a batch has at most.
    seed : int
        What the order of the rows follows from.
    shuffle : bool
        Whether rows are drawn anew in each epoch.
    """

    def __init__(self, x: Any, y: Any, batch: int, seed: int, name: str, shuffle: bool = True) -> None:
        self.x, self.y, self.name, self.seed, self.shuffle = x, y, name, seed, shuffle
        self.rows = len(_leaves(x)[0])
        self.length = math.ceil(self.rows / batch)

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Any, Any]]:
        for rows in self._order(number)[skip:]:
            yield _taken(self.x, rows), _taken(self.y, rows)

    def where(self, number: int, batch: int, row: int) -> str:
        return f"row {int(self._order(number)[batch][row])}"

    def identity(self) -> Any:
        return [self.length, _identity([self.x, self.y])]

    def _order(self, number: int) -> list[torch.Tensor]:
        assert self.rows is not None
        assert self.length is not None
        if not self.shuffle:
            order = torch.arange(self.rows)
        else:
            drawn = torch.Generator().manual_seed((self.seed * 1_000_003 + number) % 2**63)
            order = torch.randperm(self.rows, generator=drawn)
        return list(torch.tensor_split(order, self.length))


def opened(data: Any, batch: int | None, seed: int, name: str = "data", shuffle: bool = True) -> Batches:
    """The one door: whatever was given, as batches."""
    if isinstance(data, Batches):
        return data
    if isinstance(data, DataLoader):
        if batch is not None:
            raise InputError(f"batch_size is the DataLoader's own ({data.batch_size}); leave it out")
        return Batches(data, name)
    if isinstance(data, Dataset):
        return _dataset(data, batch, seed, name, shuffle)
    whole = _in_memory(data, name)
    if whole is not None:
        x, y = whole
        rows = _rows(x, y, name)
        return Rows(x, y, batch or usual_batch(rows), seed, name, shuffle)
    if hasattr(data, "__iter__") and not isinstance(data, str | bytes | Mapping):
        if batch is not None:
            raise InputError("batch_size is for rows in memory and Datasets: batches are as they come here")
        return Batches(data, name)
    raise InputError(
        f"{name} must be a tensor or an array, a pair (X, y), a Dataset or a DataLoader; got {type(data).__name__}"
    )


def split(data: Any, share: float, batch: int | None, seed: int) -> tuple[Batches, Batches]:
    """Data with a share of the rows held out, drawn by the seed."""
    if isinstance(data, DataLoader | IterableDataset) or not isinstance(data, Dataset):
        whole = None if isinstance(data, DataLoader | IterableDataset) else _in_memory(data, "data")
        if whole is None:
            raise InputError(
                "a share of the rows can be held out of rows in memory and of a Dataset only: pass other data as "
                "validation"
            )
        x, y = whole
        rows = _rows(x, y, "data")
        train, held = _drawn(rows, share, seed)
        batch = batch or usual_batch(len(train))
        return (
            Rows(_taken(x, train), _taken(y, train), batch, seed, "data"),
            Rows(_taken(x, held), _taken(y, held), max(batch, 512), seed, "validation", shuffle=False),
        )
    rows = len(data)  # type: ignore[arg-type]
    if rows == 0:
        raise InputError("data has no rows")
    train, held = _drawn(rows, share, seed)
    return (
        _dataset(Subset(data, train.tolist()), batch, seed, "data", True),
        _dataset(Subset(data, held.tolist()), batch, seed, "validation", False),
    )


def usual_batch(rows: int) -> int:
    """The size of a batch unless given."""
    return 32 if rows < 1000 else 64 if rows < 10_000 else 128


def parts(batch: Any) -> tuple[Any, Any]:
    """A batch as input and target; an input alone is its own target."""
    if isinstance(batch, tuple | list):
        if len(batch) == 1:
            return batch[0], batch[0]
        if len(batch) != 2:
            raise InputError(
                f"a batch must be a pair (input, target), or an input alone; got {len(batch)} parts: put several "
                "inputs into one tuple, ((a, b), target)"
            )
        return batch[0], batch[1]
    return batch, batch


def move(value: Any, device: torch.device) -> Any:
    """Tensors, and arrays as tensors, on the device."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, np.ndarray | np.generic):
        return move(_tensor(value, "a batch"), device)
    if isinstance(value, Mapping):
        return {key: move(part, device) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(move(part, device) for part in value))
    if isinstance(value, tuple | list):
        return tuple(move(part, device) for part in value)
    return value


def strange(value: Any) -> tuple[int, Any] | None:
    """The first row of a batch that holds a number that is not finite, and that number."""
    for leaf in _leaves(value):
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
        return Batches(DataLoader(data, batch_size=batch or 64), name)
    rows = len(data)
    if rows == 0:
        raise InputError(f"{name} has no rows")
    batch = min(batch or usual_batch(rows), rows)
    drawn = torch.Generator().manual_seed(seed % 2**63)
    # A last batch of one row would stop batch normalisation.
    last = shuffle and rows % batch == 1 and batch > 1
    loader = DataLoader(data, batch_size=batch, shuffle=shuffle, drop_last=last, generator=drawn)
    return Seeded(loader, name, drawn, seed)


class Seeded(Batches):
    """Batches of a Dataset, whose order follows from the seed and the epoch."""

    def __init__(self, loader: Any, name: str, drawn: torch.Generator, seed: int) -> None:
        super().__init__(loader, name)
        self.drawn, self.seed, self.rows = drawn, seed, len(loader.dataset)

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Any, Any]]:
        self.drawn.manual_seed((self.seed * 1_000_003 + number) % 2**63)
        yield from super().epoch(number, skip)


def _drawn(rows: int, share: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    held = round(rows * share)
    if not 1 <= held < rows:
        raise InputError(
            f"validation={share:g} of {rows} rows leaves none to {'train on' if held else 'hold out'}"
        )
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed % 2**63))
    return order[held:], order[:held]


def _in_memory(data: Any, name: str) -> tuple[Any, Any] | None:
    """Inputs and targets as tensors; None of what does not lie in memory as a whole."""
    if isinstance(data, tuple) and len(data) == 2 and all(_whole(part) for part in data):
        return _tensors(data[0], name), _tensors(data[1], name)
    if _whole(data) and not isinstance(data, tuple | list):
        x = _tensors(data, name)
        return x, x
    return None


def _whole(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value) and all(_whole(part) for part in value.values())
    if isinstance(value, tuple | list):
        return bool(value) and all(_whole(part) for part in value)
    return isinstance(value, torch.Tensor) or hasattr(value, "__array__")


def _tensors(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _tensors(part, name) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_tensors(part, name) for part in value)
    return _tensor(value, name)


def _tensor(value: Any, name: str) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach()
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise InputError(
            f"{name} must be numbers; got {array.dtype} of shape {array.shape}: rows of different lengths, or texts?"
        )
    # torch's modules are float32 unless told otherwise; what they are given must be alike.
    kind = np.float32 if array.dtype == np.float64 else np.int64 if array.dtype.kind in "iu" else array.dtype
    return torch.from_numpy(np.array(array, dtype=kind))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def _taken(value: Any, rows: torch.Tensor) -> Any:
    if isinstance(value, Mapping):
        return {key: _taken(part, rows) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_taken(part, rows) for part in value)
    return value[rows.to(value.device)]


def _rows(x: Any, y: Any, name: str) -> int:
    """How many rows there are, all parts alike, all numbers finite."""
    counts = [len(leaf) if leaf.ndim else 0 for leaf in [*_leaves(x), *_leaves(y)]]
    if min(counts) != max(counts):
        raise InputError(f"the parts of {name} must have one row each for a sample; got {counts} rows")
    if counts[0] == 0:
        raise InputError(f"{name} has no rows")
    for what, part in (("input", x), ("target", y)):
        if found := strange(part):
            raise InputError(
                f"{name}: the {what} of row {found[0]} is not finite ({found[1]}): drop the row or fill it"
            )
    return counts[0]
