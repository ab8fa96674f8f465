"""Losses of a module's output, by name: what they compute, and whether it can fall below 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from steepest.errors import InputError, did_you_mean

__all__ = ["LOSSES", "Loss", "named"]


def _softmax(output: Any, target: Any) -> Any:
    """Classes along the last axis: torch wants them along the second."""
    return functional.cross_entropy(output.reshape(-1, output.shape[-1]), target.reshape(-1))


def _alike(loss: Callable[..., Any]) -> Callable[..., Any]:
    """A loss of outputs and targets that may differ by an axis of length 1, and in kind."""

    def of(output: Any, target: Any) -> Any:
        if output.shape != target.shape and output.numel() == target.numel():
            target = target.reshape(output.shape)
        if output.shape != target.shape:
            raise InputError(
                f"the output has the shape {tuple(output.shape)} and the target {tuple(target.shape)}: they must be "
                "alike"
            )
        return loss(output, target.to(output.dtype))

    return of


#: Losses by the names that the rest of the package has; none falls below 0.
LOSSES: dict[str, Callable[..., Any]] = {
    "squared": _alike(functional.mse_loss),
    "absolute": _alike(functional.l1_loss),
    "huber": _alike(functional.smooth_l1_loss),
    "logistic": _alike(functional.binary_cross_entropy_with_logits),
    "softmax": _softmax,
}
#: torch's names for them.
ALSO = {
    "mse": "squared",
    "l1": "absolute",
    "smooth_l1": "huber",
    "bce_with_logits": "logistic",
    "cross_entropy": "softmax",
}
#: Losses of torch that cannot be below 0, as modules and as functions.
_AT_LEAST_0 = {
    "BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "CTCLoss", "HingeEmbeddingLoss",
    "HuberLoss", "L1Loss", "MarginRankingLoss", "MSELoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss",
    "MultiMarginLoss", "SmoothL1Loss", "SoftMarginLoss", "TripletMarginLoss",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "l1_loss", "mse_loss",
    "smooth_l1_loss",
}  # fmt: skip


class Loss:
    """A loss: what computes it, its name, and its least possible value where that is known.

    Parameters
    ----------
    given : str or callable
        A name of `LOSSES`, or a function of output and target.
    bound : float, optional
        The least value that it can have.
    """

    def __init__(self, given: Any, bound: float | None) -> None:
        self.name, self.compute, self.bound = "", given, bound
        if isinstance(given, str):
            self.name = ALSO.get(given, given)
            if self.name not in LOSSES:
                near = did_you_mean(given, [*LOSSES, *ALSO]) or "; there are " + ", ".join(LOSSES)
                raise InputError(f"no loss is called {given!r}{near}")
            self.compute = LOSSES[self.name]
        elif not callable(given):
            raise InputError(f"loss must be a name or a function of output and target; got {given!r}")
        kind = getattr(given, "__name__", type(given).__name__)
        self.name = self.name or ("softmax" if kind in ("CrossEntropyLoss", "cross_entropy") else kind)
        if bound is None and (self.name in LOSSES or kind in _AT_LEAST_0):
            self.bound = 0.0

    def __call__(self, output: Any, target: Any) -> torch.Tensor:
        """Its value, one number that can be differentiated."""
        value = self.compute(output, target)
        if not isinstance(value, torch.Tensor):
            raise InputError(f"the loss must be a tensor of one number; got {type(value).__name__}")
        if value.numel() != 1:
            raise InputError(f"the loss must be one number; got a tensor of shape {tuple(value.shape)}")
        if not value.is_floating_point():
            raise InputError(f"the loss must be a real number; got {value.dtype}")
        return value.reshape(())


def named(target: Any) -> str:
    """The loss that a target is usually given: classes softmax, numbers squares."""
    kind = getattr(target, "dtype", None)
    if kind is None:
        raise InputError("loss is missing: name one, or pass a function of output and target")
    if kind.is_floating_point:
        return "squared"
    return "logistic" if kind == torch.bool else "softmax"
