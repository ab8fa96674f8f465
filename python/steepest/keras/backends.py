"""What Keras has no word of its own for: the derivative of a function of tensors, on the backend that it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from steepest.errors import InputError

__all__ = ["Compute", "compute"]

#: A function of lists of tensors, the first of which is differentiated: its value, and what else it finds.
Function = Callable[..., tuple[Any, Any]]


class Compute:
    """How a backend runs functions of tensors without side effects."""

    def derived(self, function: Function) -> Callable[..., tuple[tuple[Any, Any], list[Any]]]:
        """A function's value and what else it finds, and the value's derivatives by the first argument."""
        raise NotImplementedError

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, faster where the backend compiles."""
        raise NotImplementedError

    # Random numbers beside those of the model's own seeds, which it holds among its variables: there are none.

    @contextmanager
    def sown(self, seed: int) -> Iterator[None]:
        """Within it they follow from a seed; after it they are where they were."""
        yield

    def stream(self) -> Any:
        """Where they stand."""

    def set_stream(self, state: Any) -> None:
        """Puts them back to there."""


class _Jax(Compute):
    def derived(self, function: Function) -> Callable[..., tuple[tuple[Any, Any], list[Any]]]:
        import jax

        found: Callable[..., Any] = jax.jit(jax.value_and_grad(function, has_aux=True))
        return found

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        import jax

        found: Callable[..., Any] = jax.jit(function)
        return found


class _Torch(Compute):
    def derived(self, function: Function) -> Callable[..., tuple[tuple[Any, Any], list[Any]]]:
        import torch

        def found(values: list[Any], *rest: Any) -> tuple[tuple[Any, Any], list[Any]]:
            leaves = [v.detach().requires_grad_() for v in values]
            with torch.enable_grad():
                value, also = function(leaves, *rest)
            if not value.requires_grad:
                raise InputError(
                    "the loss does not depend on any variable that is trained: was the output detached?"
                )
            slopes = torch.autograd.grad(value, leaves, allow_unused=True)
            slopes = [torch.zeros_like(v) if g is None else g for g, v in zip(slopes, values, strict=True)]
            return (value.detach(), [a.detach() for a in also]), slopes

        return found

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        import torch

        found: Callable[..., Any] = torch.no_grad()(function)
        return found

    # Dropout without a seed of its own draws from torch's.

    @contextmanager
    def sown(self, seed: int) -> Iterator[None]:
        import torch

        devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield

    def stream(self) -> Any:
        import torch

        return torch.get_rng_state(), torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None

    def set_stream(self, state: Any) -> None:
        import torch

        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1])


_KNOWN = {"jax": _Jax, "torch": _Torch}


def compute() -> Compute:
    """That of the backend that Keras runs."""
    name = keras.backend.backend()
    if name not in _KNOWN:
        raise InputError(
            f"fit runs on Keras' backends torch and jax, and Keras runs on {name}: set KERAS_BACKEND"
        )
    return _KNOWN[name]()
