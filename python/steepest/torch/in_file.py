"""Tensors and a rule's own numbers as a file keeps them, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

__all__ = ["as_array", "as_tensor", "told", "untold"]


def as_array(tensor: torch.Tensor) -> Any:
    """A tensor's numbers; those that NumPy has no type for as their bits."""
    plain = tensor.detach().cpu().contiguous()
    return (plain.view(torch.int16) if plain.dtype == torch.bfloat16 else plain).numpy()


def as_tensor(array: Any, like: torch.Tensor | None) -> torch.Tensor:
    """The tensor that was put there, where and as its like is; one that has none (a step's number) as it is."""
    plain = torch.from_numpy(np.array(array))
    if like is None:
        return plain
    back = (
        plain.view(torch.bfloat16) if like.dtype == torch.bfloat16 and plain.dtype == torch.int16 else plain
    )
    # A step's number is named as its parameter is, and is looked at on the CPU.
    return back.to(like.device) if plain.ndim == like.ndim else back


def told(numbers: Any) -> Any:
    """A rule's own numbers as JSON has them: those that are tensors, as where torch computes, with their kind."""
    if isinstance(numbers, dict):
        return {name: told(part) for name, part in numbers.items()}
    if isinstance(numbers, list):
        return [told(part) for part in numbers]
    if isinstance(numbers, torch.Tensor):
        return {"kind": str(numbers.dtype).removeprefix("torch."), "value": float(numbers)}
    return numbers


def untold(kept: Any, device: torch.device) -> Any:
    """What was told."""
    if isinstance(kept, dict) and kept.keys() == {"kind", "value"}:
        return torch.tensor(kept["value"], dtype=getattr(torch, kept["kind"]), device=device)
    if isinstance(kept, dict):
        return {name: untold(part, device) for name, part in kept.items()}
    return [untold(part, device) for part in kept] if isinstance(kept, list) else kept
