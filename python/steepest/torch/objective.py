"""A function written in torch, with its derivatives, for `steepest.minimize`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from steepest.errors import InputError
from steepest.trees import mapped


class Objective:
    """A function written in torch, with its gradient and the products with its Hessian: `objective` makes it."""

    def __init__(
        self, fun: Callable[..., Any], device: torch.device | str | None, dtype: torch.dtype
    ) -> None:
        self.fun, self.device, self.dtype = fun, device, dtype
        self.__name__ = getattr(fun, "__name__", "fun")

    def __call__(self, x: Any, *args: Any) -> float:
        """The value."""
        with torch.no_grad():
            return float(self._checked(self.fun(mapped(self._tensor, x), *args)))

    def value_and_grad(self, x: Any, *args: Any) -> tuple[float, Any]:
        """The value and the gradient, which has the structure of x."""
        at, leaves = self._begin(x)
        with torch.enable_grad():
            value = self._checked(self.fun(at, *args))
            slopes = iter(self._slopes(value, leaves))
        return float(value.detach()), mapped(lambda _: _array(next(slopes)), x)

    def hessp(self, x: Any, p: Any, *args: Any) -> Any:
        """The product of the Hessian at x with p."""
        at, leaves = self._begin(x)
        along: list[torch.Tensor] = []
        mapped(lambda leaf: along.append(self._tensor(leaf)), p)
        with torch.enable_grad():
            value = self._checked(self.fun(at, *args))
            slopes = self._slopes(value, leaves, again=True)
            slope = sum((g * v).sum() for g, v in zip(slopes, along, strict=True))
            products = iter(self._slopes(slope, leaves))
        return mapped(lambda _: _array(next(products)), x)

    def _tensor(self, leaf: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(leaf), dtype=self.dtype, device=self.device)

    def _begin(self, x: Any) -> tuple[Any, list[torch.Tensor]]:
        """x in tensors, and these one after another."""
        leaves: list[torch.Tensor] = []

        def make(leaf: Any) -> torch.Tensor:
            leaves.append(self._tensor(leaf).requires_grad_())
            return leaves[-1]

        return mapped(make, x), leaves

    def _slopes(self, value: Any, leaves: list[torch.Tensor], again: bool = False) -> list[torch.Tensor]:
        """Derivatives by each leaf; 0 where it does not come into the value."""
        if not getattr(value, "requires_grad", False):
            return [torch.zeros_like(v) for v in leaves]
        found = torch.autograd.grad(value, leaves, create_graph=again, allow_unused=True)
        return [torch.zeros_like(v) if g is None else g for g, v in zip(found, leaves, strict=True)]

    def _checked(self, value: Any) -> torch.Tensor:
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            got = (
                f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)
            )
            raise InputError(f"{self.__name__} must return a tensor of one number; got {got:.80}")
        return value.reshape(())


def _array(tensor: torch.Tensor) -> Any:
    return tensor.detach().to("cpu", torch.float64).numpy()


def objective(
    fun: Callable[..., Any],
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float64,
) -> Objective:
    """A function written in torch, for `steepest.minimize`: it is differentiated by torch, on its device.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, a tensor of one number, in operations of torch. x is a tensor, or the parts that `x0` has.
    device : torch.device or str, optional
        Where x is put; torch's default device unless given.
    dtype : torch.dtype, default torch.float64
        What x is computed in. A float32 function ends where its rounding begins.

    Returns
    -------
    Objective
        A callable with `value_and_grad` and `hessp`, which `minimize` finds by itself.

    Examples
    --------
    >>> import torch, steepest
    >>> def valley(x):
    ...     return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> r = steepest.minimize(steepest.torch.objective(valley), [-1.2, 1.0])
    >>> r.success, r.x.round(6)
    (True, array([1., 1.]))
    """
    if not callable(fun):
        raise InputError(f"fun must be a function of x; got {type(fun).__name__}")
    return Objective(fun, device, dtype)
