"""Several processes that train one module, as a loop sees them: one alone, which tells itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steepest.training.batches import Batches

__all__ = ["Alone"]


class Alone:
    """One process. A host whose processes can be several overrides what they tell each other."""

    count, rank = 1, 0

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    def share(self, batches: Batches, batch: Any) -> Any:
        """This process's rows of a part of a batch."""
        return batch

    def row(self, batches: Batches, row: int) -> int:
        """Which row of a batch a row of this process's share is."""
        return row

    def begin(self, batches: Batches, epoch: int) -> None:
        """Tells what shares the rows out of the epoch, from which its order follows."""

    def sums(self, numbers: Sequence[float]) -> list[float]:
        """Each number, summed over the processes."""
        return list(numbers)

    def said(self, value: Any) -> Any:
        """What the first process says."""
        return value

    def gathered(self, value: Any) -> list[Any]:
        """What each process says."""
        return [value]

    def alike(self, module: Any) -> None:
        """Makes every process's parameters and buffers those of the first."""

    def add_gradients(self, params: Sequence[Any]) -> None:
        """Sums the gradients over the processes."""
