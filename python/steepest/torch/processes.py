"""Several processes that train one module: each sees its share of every batch, and all take the same steps.

What is summed over rows is summed over the processes too, so the steps are those of one process, but for rounding.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import distributed
from torch.utils.data import DataLoader, DistributedSampler

from steepest.errors import InputError
from steepest.training.batches import Batches
from steepest.training.processes import Alone

__all__ = ["Processes"]


class Processes(Alone):
    """The processes that take part, and what they tell each other; one alone tells itself.

    Parameters
    ----------
    device : torch.device
        Where the module lies: what is told goes over it.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        launched = distributed.is_available() and distributed.is_torchelastic_launched()
        if launched and not distributed.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
            atexit.register(_left)
        there = distributed.is_available() and distributed.is_initialized()
        self.count = distributed.get_world_size() if there else 1
        self.rank = distributed.get_rank() if there else 0

    def share(self, batches: Batches, batch: Any) -> Any:
        """This process's rows of a part of a batch; a DataLoader with a DistributedSampler has shared them out."""
        if self.count == 1 or _sampler(batches) is not None:
            return batch
        if isinstance(batch, dict):
            return {name: self.share(batches, part) for name, part in batch.items()}
        if isinstance(batch, tuple):
            parts = [self.share(batches, part) for part in batch]
            return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
        if not isinstance(batch, torch.Tensor) or not batch.ndim:
            raise InputError(
                f"{batches.name}: a batch is shared out among {self.count} processes by its rows, and a part of it is "
                f"{type(batch).__name__}: pass a DataLoader with a DistributedSampler"
            )
        return batch[self.rank :: self.count]

    def row(self, batches: Batches, row: int) -> int:
        """Which row of a batch a row of this process's share is."""
        return row if self.count == 1 or _sampler(batches) is not None else row * self.count + self.rank

    def begin(self, batches: Batches, epoch: int) -> None:
        """Tells a DistributedSampler of the epoch, from which its order follows."""
        if (sampler := _sampler(batches)) is not None:
            sampler.set_epoch(epoch)

    def sums(self, numbers: Sequence[float]) -> list[float]:
        """Each number, summed over the processes."""
        if self.count == 1:
            return super().sums(numbers)
        told = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        distributed.all_reduce(told)
        return [float(v) for v in told]

    def said(self, value: Any) -> Any:
        """What the first process says."""
        if self.count == 1:
            return super().said(value)
        told = [value]
        distributed.broadcast_object_list(told, 0)
        return told[0]

    def gathered(self, value: Any) -> list[Any]:
        """What each process says."""
        if self.count == 1:
            return super().gathered(value)
        told: list[Any] = [None] * self.count
        distributed.all_gather_object(told, value)
        return told

    @torch.no_grad()
    def alike(self, module: torch.nn.Module) -> None:
        """Makes every process's parameters and buffers those of the first."""
        if self.count > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                distributed.broadcast(tensor.detach(), 0)

    @torch.no_grad()
    def add_gradients(self, params: list[torch.nn.Parameter]) -> None:
        """Sums the gradients over the processes; one that no process has stays None."""
        if self.count == 1:
            return
        has = self.sums([p.grad is not None for p in params])
        used = [p for p, there in zip(params, has, strict=True) if there]
        for kind in sorted({p.dtype for p in used}, key=str):
            alike = [p for p in used if p.dtype == kind]
            flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in alike])
            distributed.all_reduce(flat)
            for p, part in zip(alike, flat.split([p.numel() for p in alike]), strict=True):
                p.grad = part.view_as(p).clone()


def _sampler(batches: Batches) -> DistributedSampler[Any] | None:
    loader = getattr(batches, "loader", None)
    sampler = loader.sampler if isinstance(loader, DataLoader) else None
    return sampler if isinstance(sampler, DistributedSampler) else None


def _left() -> None:
    """Leaves a group that was entered here."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
