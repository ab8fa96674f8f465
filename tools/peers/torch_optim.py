"""torch's tests of its optimizers and schedulers, which its wheel does not hold.

`TORCH_TESTS` names a folder with them, `test/optim` of a checkout of torch.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from peer_tests import names_used

import steepest.torch as ours

_FOLDER = Path(os.environ.get("TORCH_TESTS", "test/optim"))
# Sparse, complex and differentiable steps are refused by name; each failure has its reason.
LEAST = 0.75
TESTS = [str(p) for p in sorted(_FOLDER.glob("*test_*.py"))]


class Adam(ours.Adam):
    """With torch's order of arguments and its weight decay, which is added to the gradient."""

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, **rest: Any
    ) -> None:
        rest.setdefault("decoupled_weight_decay", False)
        super().__init__(params, lr, betas=betas, eps=eps, **rest)


class AdamW(ours.AdamW):
    """With torch's order of arguments."""

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, **rest: Any
    ) -> None:
        super().__init__(params, lr, betas=betas, eps=eps, **rest)


class Muon(ours.Muon):
    """With torch's weight decay."""

    def __init__(self, params: Any, lr: Any = 1e-3, weight_decay: float = 0.1, **rest: Any) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **rest)


def replace() -> list[type]:
    """Ours under the names of those that torch has too."""
    if not TESTS:
        sys.exit(f"{_FOLDER} holds no tests: TORCH_TESTS must name test/optim of a checkout of torch")
    kinds = [Adam, AdamW, Muon, ours.Rprop, ours.SGD]
    for kind in kinds:
        setattr(torch.optim, kind.__name__, kind)
        setattr(
            sys.modules[f"torch.optim.{kind.__name__.lower()}"], kind.__name__, kind
        ) if kind is not Muon else None
    return kinds


def private(function: Any) -> bool:
    """Whether a test uses what begins with an underscore and is not its own class's."""
    home = getattr(sys.modules[function.__module__], function.__qualname__.split(".")[0], None)
    hidden = (n for n in names_used(function) if n.startswith("_") and not n.startswith("__"))
    return any(not hasattr(home, n) for n in hidden)
