"""What Keras has no word of its own for: the derivative of a function of tensors, on the backend that it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from steepest.errors import InputError

__all__ = ["Compute", "compute"]

DETACHED = "the loss does not depend on any variable that is trained: was the output detached?"

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
    def kept(self) -> Iterator[None]:
        """After it they are where they were."""
        yield

    def sow(self, seed: int) -> None:
        """Begins them anew."""

    def stream(self) -> dict[str, Any]:
        """Where they stand."""
        return {}

    def set_stream(self, state: dict[str, Any]) -> None:
        """Puts them back to there."""
        if state:
            raise ValueError("this backend keeps no random numbers of its own")


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
                raise InputError(DETACHED)
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
    def kept(self) -> Iterator[None]:
        import torch

        devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
        with torch.random.fork_rng(devices):
            yield

    def sow(self, seed: int) -> None:
        import torch

        torch.manual_seed(seed)

    def stream(self) -> dict[str, Any]:
        import torch

        state = {"cpu": torch.get_rng_state().numpy()}
        return state | ({"cuda": torch.cuda.get_rng_state().numpy()} if torch.cuda.is_initialized() else {})

    def set_stream(self, state: dict[str, Any]) -> None:
        import torch

        torch.set_rng_state(torch.from_numpy(np.array(state["cpu"])))
        if "cuda" in state:
            torch.cuda.set_rng_state(torch.from_numpy(np.array(state["cuda"])))


class _TensorFlow(Compute):
    def derived(self, function: Function) -> Callable[..., tuple[tuple[Any, Any], list[Any]]]:
        import tensorflow

        def found(values: list[Any], *rest: Any) -> tuple[tuple[Any, Any], list[Any]]:
            with tensorflow.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                value, also = function(values, *rest)
            slopes = tape.gradient(value, values)
            if all(g is None for g in slopes):
                raise InputError(DETACHED)
            # Those of embeddings come as the rows that were looked up.
            slopes = [
                tensorflow.zeros_like(v) if g is None else tensorflow.convert_to_tensor(g)
                for g, v in zip(slopes, values, strict=True)
            ]
            return (value, also), slopes

        return self.compiled(found)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        import tensorflow

        traced = tensorflow.function(function, autograph=False)

        def found(*given: Any) -> Any:
            # A function is traced anew for each number that is no tensor.
            return traced(*(tensorflow.constant(v, "float32") if isinstance(v, float) else v for v in given))

        return found


_KNOWN = {"jax": _Jax, "tensorflow": _TensorFlow, "torch": _Torch}


def compute() -> Compute:
    """That of the backend that Keras runs."""
    name = keras.backend.backend()
    if name not in _KNOWN:
        raise InputError(
            f"fit runs on Keras' backends {', '.join(_KNOWN)}, and Keras runs on {name}: set KERAS_BACKEND"
        )
    return _KNOWN[name]()
