"""What `torch.fit` is given, read and checked: what cannot be used is refused by name, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import torch

from steepest.errors import InputError
from steepest.torch import data as given
from steepest.training.batches import Batches
from steepest.training.reading import real

__all__ = [
    "check_module",
    "device_of",
    "opened",
    "precision_of",
    "resettable",
    "target_of",
]


def check_module(module: Any) -> None:
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"module must be a torch.nn.Module; got {type(module).__name__}")
    params = dict(module.named_parameters())
    for name, p in params.items():
        if isinstance(p, torch.nn.parameter.UninitializedParameter):
            raise InputError(f"the parameter {name} has no shape yet: call the module once on a batch before")
    if not params:
        raise InputError("the module has no parameters to train")
    if not any(p.requires_grad for p in params.values()):
        raise InputError(
            "all parameters of the module are frozen (requires_grad is False): nothing is left to train"
        )
    places = {p.device: name for name, p in params.items()}
    if len(places) > 1:
        where = ", ".join(f"{name} on {place}" for place, name in places.items())
        raise InputError(f"the module lies on more than one device ({where}): move it to one")
    for name, p in params.items():
        if p.is_meta or p.is_inference():
            how = "has no numbers: it lies on 'meta'" if p.is_meta else "was made under torch.inference_mode"
            raise InputError(f"the parameter {name} {how}; make the module anew")
        if p.is_complex():
            raise InputError(f"the parameter {name} is complex: real ones are trained")
        if not torch.isfinite(p).all():
            raise InputError(f"the parameter {name} holds a number that is not finite: make the module anew")


def precision_of(module: torch.nn.Module) -> torch.dtype:
    """That of its parameters."""
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.get_default_dtype())


def opened(
    data: Any, validation: Any, batch: int | None, seed: int, kind: torch.dtype
) -> tuple[Batches, Batches | None]:
    if isinstance(validation, Real):
        share = real("validation", validation, 0.0, 1.0, open_=True)
        return given.split(data, share, batch, seed, kind)
    train = given.opened(data, batch, seed, kind)
    return train, None if validation is None else given.opened(
        validation, None, seed, kind, "validation", shuffle=False
    )


def target_of(train: Batches) -> Any:
    """The targets, to choose a loss by: those in memory, else of the first batch."""
    y = getattr(train, "y", None)
    if y is None:
        y = given.move(next(train.epoch(0))[1], torch.device("cpu"), torch.get_default_dtype())
    if isinstance(y, Mapping):
        raise InputError(
            f"{train.name} gives no pair (input, target) but a dict of {', '.join(map(repr, y))}: return pairs, or "
            "pass as loss a function of output and dict"
        )
    return y


def device_of(module: torch.nn.Module, device: Any) -> torch.device:
    if device is None:
        return next(module.parameters()).device
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError(f"device must be one of torch's, like 'cpu' or 'cuda'; got {device!r}") from None
    if place.type == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', and torch sees no GPU here")
    try:
        torch.ones(1, device=place).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"device is {str(place)!r}, on which torch does not compute here: {error}") from None
    return place


def resettable(module: torch.nn.Module) -> list[Any]:
    """The parts that know how to begin anew; all that is trained must be in one."""
    parts, missing = [], []
    for name, part in module.named_modules():
        own = [p for p in part.parameters(recurse=False) if p.requires_grad]
        if not own:
            continue
        if callable(getattr(part, "reset_parameters", None)):
            parts.append(part)
        else:
            missing.append(name or type(part).__name__)
    if missing:
        raise InputError(
            f"starts begins again from fresh weights, and {missing[0]} has no reset_parameters: give it one, or call "
            "fit on modules that you make"
        )
    return parts
