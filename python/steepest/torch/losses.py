"""Losses of a module's output: what they compute, how outputs and targets must lie, how much a batch counts, and
whether they can fall below 0."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from steepest.errors import InputError, did_you_mean
from steepest.torch.data import tensor_identity
from steepest.training.batches import no_loss
from steepest.training.identity import identity

__all__ = ["LOSSES", "Classes", "Loss", "named"]


def _alike(loss: Callable[..., Any]) -> Callable[..., Any]:
    """A loss of outputs and targets that may differ by axes of length 1, and in kind."""

    def of(output: Any, target: Any) -> Any:
        if output.shape != target.shape:
            if not _differ_by_ones(output.shape, target.shape):
                raise InputError(
                    f"the output has the shape {tuple(output.shape)} and the target {tuple(target.shape)}: they must "
                    "be alike but for axes of length 1; reshape the target, or end the module with a Flatten or an "
                    "Unflatten"
                )
            target = target.reshape(output.shape)
        return loss(output, target.to(output.dtype))

    return of


def _differ_by_ones(a: torch.Size, b: torch.Size) -> bool:
    """Whether two shapes have the same rows, and the same axes longer than 1 in the same order."""
    rows = a[:1] == b[:1] or not a or not b
    return rows and [n for n in a if n != 1] == [n for n in b if n != 1]


def _softmax(output: Any, target: Any) -> Any:
    """Classes along the last axis."""
    if target.is_floating_point() and target.shape == output.shape:
        width = output.shape[-1]
        return functional.cross_entropy(output.reshape(-1, width), target.reshape(-1, width))
    if not output.ndim or not _one_each(output.shape[:-1], target.shape):
        also = ""
        if output.ndim > 2 and _one_each(output.shape[:1] + output.shape[2:], target.shape):
            also = "; where they lie along the second, as torch has them, the loss is 'cross_entropy'"
        raise InputError(
            f"the output has the shape {tuple(output.shape)} and the labels {tuple(target.shape)}: with classes along "
            f"the last axis, labels have the shape {tuple(output.shape[:-1])}{also}"
        )
    return functional.cross_entropy(output.reshape(-1, output.shape[-1]), _labels(target).reshape(-1))


def _cross_entropy(output: Any, target: Any) -> Any:
    """Classes along the second axis, as torch has them."""
    if output.ndim < 2 or (target.is_floating_point() and target.shape == output.shape):
        return functional.cross_entropy(output, target)
    place = output.shape[:1] + output.shape[2:]
    if not _one_each(place, target.shape):
        also = ""
        if _one_each(output.shape[:-1], target.shape):
            also = "; where they lie along the last, the loss is 'softmax'"
        raise InputError(
            f"the output has the shape {tuple(output.shape)} and the labels {tuple(target.shape)}: with classes along "
            f"the second axis, labels have the shape {tuple(place)}{also}"
        )
    return functional.cross_entropy(output, _labels(target).reshape(place))


def _labels(target: Any) -> Any:
    """Labels as torch asks for them, in 64 bits; they may come as any numbers that are whole."""
    if target.is_floating_point():
        off = target != target.round()
        if off.any():
            raise InputError(f"labels of classes must be whole numbers; got {target[off][0].item():g}")
    return target.long()


def _one_each(places: torch.Size, labels: torch.Size) -> bool:
    """Whether there is one label at each place, an axis of length 1 aside."""
    return labels in (places, (*places, 1)) or (len(labels) > 1 and labels == (*places[:1], 1, *places[1:]))


class _Unsaid:
    """The loss of labels where none was named: classes lie along the axis that the labels' shape leaves out."""

    def __init__(self) -> None:
        self.way: Callable[..., Any] | None = None

    def __call__(self, output: Any, target: Any) -> Any:
        if self.way is None and output.ndim > 2:
            last = _one_each(output.shape[:-1], target.shape)
            second = _one_each(output.shape[:1] + output.shape[2:], target.shape)
            if last and second:
                raise InputError(
                    f"the output has the shape {tuple(output.shape)} and the labels {tuple(target.shape)}: classes "
                    "may lie along the last axis or along the second; say loss='softmax' for the last, "
                    "'cross_entropy' for the second"
                )
            self.way = _cross_entropy if second else _softmax
        return (self.way or _softmax)(output, target)

    @property
    def axis(self) -> int:
        return 1 if self.way is _cross_entropy else -1


#: Losses by the names that the rest of the package has; none falls below 0.
LOSSES: dict[str, Callable[..., Any]] = {
    "squared": _alike(functional.mse_loss),
    "absolute": _alike(functional.l1_loss),
    "huber": _alike(functional.smooth_l1_loss),
    "logistic": _alike(functional.binary_cross_entropy_with_logits),
    "softmax": _softmax,
}
#: torch's names for them; softmax has its classes along another axis there.
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
#: Losses of torch whose target is the number of a class.
_OF_CLASSES = {"CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss"}
#: Those whose target is a probability.
_OF_TWO = {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits"}
#: Losses of torch that set output and target against each other, number by number.
_BY_NUMBER = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"}


@dataclass(frozen=True)
class Classes:
    """How a loss of classes reads labels, as torch's does.

    Parameters
    ----------
    ignore : int
        The label of places that are left out.
    weight : tensor, optional
        What each class counts.
    plain : bool
        Whether it is the mean over the labels of minus the logarithm of their probabilities.
    mean : bool
        Whether it is a mean over the labels, by their weights.
    """

    ignore: int = -100
    weight: torch.Tensor | None = None
    plain: bool = True
    mean: bool = True

    @classmethod
    def of(cls, given: Any, kind: str, words: dict[str, Any]) -> Classes | None:
        """Those of torch's losses, as modules and as functions; None of any other."""
        if kind not in _OF_CLASSES:
            return None

        def read(name: str, usual: Any) -> Any:
            return words.get(name, getattr(given, name, usual))

        weight, mean = read("weight", None), read("reduction", "mean") == "mean"
        entropy = kind in ("CrossEntropyLoss", "cross_entropy")
        plain = entropy and mean and weight is None and not read("label_smoothing", 0.0)
        return cls(int(read("ignore_index", -100)), weight, plain, mean)


class Loss:
    """A loss: what computes it, its name, and its least possible value where that is known.

    Parameters
    ----------
    given : str, callable or None
        A name of `LOSSES`, or a function of output and target; None for labels of classes that lie along the axis
        that their shape leaves out.
    bound : float, optional
        The least value that it can have.
    """

    def __init__(self, given: Any, bound: float | None) -> None:
        no_loss(given)
        self.name, self.compute, self.bound = "", given, bound
        self.given, self.classes = given, None
        if given is None:
            self.name, self.compute, self.classes = "softmax", _Unsaid(), Classes()
        elif isinstance(given, str):
            self.name = ALSO.get(given, given)
            if self.name not in LOSSES:
                near = did_you_mean(given, [*LOSSES, *ALSO]) or "; there are " + ", ".join(LOSSES)
                raise InputError(f"no loss is called {given!r}{near}")
            self.compute = _cross_entropy if given == "cross_entropy" else LOSSES[self.name]
            self.classes = Classes() if self.name == "softmax" else None
        elif not callable(given):
            raise InputError(f"loss must be a name or a function of output and target; got {given!r}")
        elif isinstance(given, type) and issubclass(given, torch.nn.Module):
            raise InputError(
                f"loss must be a function of output and target; got a class: pass {given.__name__}()"
            )
        words: dict[str, Any] = {}
        while isinstance(given, functools.partial):
            given, words = given.func, {**given.keywords, **words}
        kind = getattr(given, "__name__", type(given).__name__)
        self.named = bool(self.name)
        self.name = self.name or ("softmax" if kind in ("CrossEntropyLoss", "cross_entropy") else kind)
        if not self.named:
            self.classes = Classes.of(given, kind, words)
        #: whether its targets are probabilities of the second of two classes
        self.of_two = self.name == "logistic" if self.named else kind in _OF_TWO
        if bound is None and (self.named or kind in _AT_LEAST_0):
            self.bound = 0.0
        #: whether it is a sum over the rows, of which the mean is taken
        self.sums = not self.named and words.get("reduction", getattr(given, "reduction", "mean")) == "sum"
        #: the numbers of axes of outputs and targets that were seen to be set against each other rightly
        self._seen: set[tuple[int, int]] = set()

    def __call__(self, output: Any, target: Any) -> torch.Tensor:
        """Its value, one number that can be differentiated."""
        value = self._checked(output, target)
        if not isinstance(value, torch.Tensor):
            raise InputError(f"the loss must be a tensor of one number; got {type(value).__name__}")
        if value.numel() != 1:
            raise InputError(f"the loss must be one number; got a tensor of shape {tuple(value.shape)}")
        if not value.is_floating_point():
            raise InputError(f"the loss must be a real number; got {value.dtype}")
        value = value.reshape(())
        return value / max(1, _rows(target, output)) if self.sums else value

    def weight(self, target: Any, rows: int) -> float:
        """What a batch counts against others in a mean: as many numbers as the loss is a mean of, each as much as it
        counts there; rows where the loss is not known."""
        if not isinstance(target, torch.Tensor):
            return float(rows)
        if self.classes is not None and not target.is_floating_point():
            if not self.classes.mean:
                return float(rows)
            kept = target[target != self.classes.ignore]
            if self.classes.weight is None:
                return float(kept.numel())
            weight = self.classes.weight
            inside = kept[(kept >= 0) & (kept < len(weight))]
            return float(weight[inside.to(weight.device)].sum())
        return float(target.numel()) if self.named and self.classes is None else float(rows)

    def axis(self, output: torch.Tensor) -> int:
        """Along which axis of an output its classes lie."""
        if isinstance(self.compute, _Unsaid):
            return self.compute.axis
        second = self.compute is _cross_entropy or not self.named
        return 1 if second and output.ndim > 1 else -1

    def identity(self, module: torch.nn.Module) -> Any:
        """What tells it from other losses, for a checkpoint: a name; of functions what they compute, since those that
        are written in place have no name. What it sees of the module that is trained is known by its place there: its
        numbers change."""
        if self.named:
            return self.name
        places = [*module.named_modules(), *module.named_parameters(), *module.named_buffers()]
        return identity(self.given, {id(part): f"trained {name}" for name, part in places}, _of_torch)

    def _checked(self, output: Any, target: Any) -> Any:
        """The loss; at first with a look at whether it sets (N, 1) against (N,), from which torch makes (N, N)."""
        both = isinstance(output, torch.Tensor) and isinstance(target, torch.Tensor)
        if self.named and not both:
            got = [f"{n} {type(v).__name__}" for n, v in (("an output", output), ("a target", target))]
            raise InputError(
                f"the loss {self.name!r} is of two tensors; got {' and '.join(got)}: pass a function of output and "
                "target that returns one number"
            )
        if self.named or not both or output.ndim == target.ndim or not (output.ndim and target.ndim):
            return self.compute(output, target)
        axes = (output.ndim, target.ndim)
        if axes in self._seen or len(output) < 2:
            return self.compute(output, target)
        with _Against(output, target):
            value = self.compute(output, target)
        self._seen.add(axes)
        return value


class _Against(TorchFunctionMode):
    """Within it, output and target of unlike numbers of axes must not be set against each other number by number: torch
    would hold the rows of one against another axis of the other, without a word."""

    def __init__(self, output: torch.Tensor, target: torch.Tensor) -> None:
        super().__init__()
        # What is computed from one of them alone, in its shape, is it still.
        self.sides = [(output.shape, [output]), (target.shape, [target])]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [a for a in (*args, *(kwargs or {}).values()) if isinstance(a, torch.Tensor)]
        met = [
            next((side for side in self.sides if a.shape == side[0] and any(a is b for b in side[1])), None)
            for a in tensors
        ]
        if len(tensors) == 1 and met[0] is not None:
            if isinstance(result, torch.Tensor) and result.shape == met[0][0]:
                met[0][1].append(result)
        elif len(met) >= 2 and met[0] is not None and met[1] is not None and met[0] is not met[1]:
            self._refuse(getattr(func, "__name__", ""), result)
        return result

    def _refuse(self, name: str, result: Any) -> None:
        (output, _), (target, _) = self.sides
        try:
            both = torch.broadcast_shapes(output, target)
        except RuntimeError:
            return
        if name in _BY_NUMBER or getattr(result, "shape", None) == both:
            raise InputError(
                f"the loss sets an output of shape {tuple(output)} against a target of shape {tuple(target)}, from "
                f"which torch makes {tuple(both)}, rows against columns: give both the same shape, the target by "
                "y[:, None] or the output by a Flatten(0) at the module's end"
            )


def _rows(*tensors: Any) -> int:
    """How many rows the first tensor among these has."""
    return next((len(t) for t in tensors if isinstance(t, torch.Tensor) and t.ndim), 1)


def _of_torch(value: Any) -> Any:
    """A module or a tensor as what tells it from others; None of anything else."""
    if isinstance(value, torch.nn.Module):
        state = [[n, tensor_identity(t)] for n, t in value.state_dict().items()]
        settings = [[n, v] for n, v in sorted(vars(value).items()) if isinstance(v, bool | int | float | str)]
        return [type(value).__qualname__, settings, state]
    return tensor_identity(value) if isinstance(value, torch.Tensor) else None


def named(target: Any) -> str | None:
    """The loss that a target is usually given: classes softmax (None), numbers squares."""
    kind = getattr(target, "dtype", None)
    if kind is None:
        raise InputError("loss is missing: name one, or pass a function of output and target")
    if kind.is_floating_point:
        return "squared"
    return "logistic" if kind == torch.bool else None
