"""What a network is trained on, batch after batch: whatever can be walked through again and again, rows in memory.

Rows in memory are drawn in an order that the seed and the epoch decide, in batches of nearly one size, every row
once an epoch.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from steepest.errors import InputError

__all__ = [
    "Batches",
    "Rows",
    "counted",
    "held_out",
    "in_memory",
    "leaves",
    "no_loss",
    "not_of_two",
    "of_arrays",
    "parts",
    "taken",
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
                yield self.parts(batch)
        if not seen:
            empty = (
                "has no batch"
                if number == 0
                else f"gave no batch in epoch {number}: it can be read once only"
            )
            raise InputError(f"{self.name} {empty}")

    def again(self) -> bool:
        """Whether an epoch that is walked through twice gives the same rows, as those of a stream need not be."""
        return isinstance(self.loader, list | tuple)

    def parts(self, batch: Any) -> tuple[Any, Any]:
        """A batch as input and target."""
        return parts(batch)

    def where(self, number: int, batch: int, row: int) -> str:
        """A row of a batch in words."""
        return f"row {row} of batch {batch} of epoch {number}"

    def identity(self) -> Any:
        """What tells this from other data, for a checkpoint."""
        raise NotImplementedError


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
        self.rows = len(leaves(x)[0])
        self.length = math.ceil(self.rows / batch)

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Any, Any]]:
        for rows in self._batches(number)[skip:]:
            yield taken(self.x, rows), taken(self.y, rows)

    def again(self) -> bool:
        return True

    def where(self, number: int, batch: int, row: int) -> str:
        return f"row {int(self._batches(number)[batch][row])}"

    def _batches(self, number: int) -> list[Any]:
        """The rows of each batch of an epoch."""
        assert self.rows is not None
        assert self.length is not None
        order = self.order((self.seed * 1_000_003 + number) % 2**63 if self.shuffle else None)
        # As `array_split` has it: the first few have one row more.
        size, more = divmod(self.rows, self.length)
        ends = [k * size + min(k, more) for k in range(self.length + 1)]
        return [order[a:b] for a, b in pairwise(ends)]

    @abstractmethod
    def order(self, seed: int | None) -> Any:
        """An order of the rows that follows from a seed, or theirs without one; an array that rows are taken by."""


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


def in_memory(
    data: Any, array: Callable[[Any], Any], within: Callable[[Any], bool]
) -> tuple[Any, Any] | None:
    """Inputs and targets as a host's arrays; None of what does not lie in memory as a whole."""
    if any(hasattr(part, "toarray") for part in (leaves(data) if isinstance(data, tuple) else [data])):
        raise InputError(
            "a sparse matrix is not taken: pass its rows dense (toarray), or a loader of batches"
        )
    if isinstance(data, tuple) and len(data) == 2 and all(map(within, data)):
        return array(data[0]), array(data[1])
    if within(data) and not isinstance(data, tuple | list):
        x = array(data)
        return x, x
    return None


def of_arrays(value: Any, tensor: Callable[[Any], bool]) -> bool:
    """Whether it is an array, or a tensor of the host, or made of such."""
    if isinstance(value, Mapping):
        return bool(value) and all(of_arrays(part, tensor) for part in value.values())
    if isinstance(value, tuple | list):
        return bool(value) and all(of_arrays(part, tensor) for part in value)
    return tensor(value) or hasattr(value, "__array__")


def leaves(value: Any) -> list[Any]:
    """Its arrays, one after another."""
    if isinstance(value, Mapping):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def taken(value: Any, rows: Any) -> Any:
    """Some rows of each part."""
    if isinstance(value, Mapping):
        return {key: taken(part, rows) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(taken(part, rows) for part in value)
    return value[rows]


def counted(x: Any, y: Any, name: str, strange: Callable[[Any], tuple[int, Any] | None]) -> int:
    """How many rows there are, all parts alike, all numbers finite as `strange` sees them."""
    counts = [len(leaf) if leaf.ndim else 0 for leaf in [*leaves(x), *leaves(y)]]
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


def no_loss(given: Any) -> None:
    """Refuses an array where a loss is asked for."""
    if hasattr(given, "__array__") or hasattr(given, "shape"):
        raise InputError(
            "loss must be a name or a function; got an array: pass input and target as one pair, (X, y)"
        )


def not_of_two(name: str, row: str, value: float) -> str:
    """What is said of a target that is no probability of two classes."""
    also = ": (y + 1) / 2 makes it of labels -1 and 1" if value == -1 else "; more than two are 'softmax'"
    return (
        f"{name}: the label of {row} is {value:g}, and two classes by one output are told apart by labels from 0 to 1, "
        f"the probability of the second{also}"
    )


def held_out(rows: int, share: float) -> int:
    """How many rows a share of them is; some must be left."""
    held = round(rows * share)
    if not 1 <= held < rows:
        raise InputError(
            f"validation={share:g} of {rows} rows leaves none to {'train on' if held else 'hold out'}"
        )
    return held
