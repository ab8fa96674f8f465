"""What Keras computes of a step: gradients, Adam's direction, the same batches again; all without side effects on the
model, whose variables are written at reviews and at the end."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from steepest.errors import InputError
from steepest.keras.backends import compute
from steepest.keras.data import array, beyond, numbers, outside, strange
from steepest.keras.rule import Rule
from steepest.training import steps
from steepest.training.batches import Batches, not_of_two
from steepest.training.noticed import Noticed
from steepest.training.plan import Plan
from steepest.training.step_size import StepSize
from steepest.training.steps import DECAYS, LOSS, UNKNOWN, Pairs, Place, Strange

__all__ = ["Steps"]

#: Layers whose kernels have a unit at each place of the last axis.
_OF_UNITS = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
#: What a step goes by: what is trained, and what the model holds beside it (averages of normalisation, seeds).
Values = tuple[list[Any], list[Any]]


class _MomoAdam(Rule):
    """MoMo's step along Adam's direction; the losses that it is given are above 0."""

    rule = "momo_adam"

    def _value(self) -> Any:
        return self._loss


class Steps(steps.Steps):
    """A model and what moves it.

    Parameters
    ----------
    plan : Plan
        What was asked for.
    """

    def __init__(self, plan: Plan) -> None:
        model = self.model = plan.module
        variables = model.trainable_variables
        self.layers = {v.path: k for k, v in enumerate(variables) if len(v.shape) >= 2}
        every = list(model._flatten_layers())
        kernels = {id(part.kernel) for part in every if isinstance(part, _OF_UNITS) and part.built}
        self.units = {v.path: k for k, v in enumerate(variables) if id(v) in kernels}
        trained = {id(v) for v in variables}
        looked_up = any(
            isinstance(part, keras.layers.Embedding) and part.built and id(part._embeddings) in trained
            for part in every
        )
        size = StepSize.of(sum(math.prod(v.shape) for v in variables), len(self.layers), looked_up)
        scaled = any(part.compute_dtype == "float16" for part in every)
        super().__init__(plan, size, Noticed(list(self.layers)), scaled)
        self.optimizer = _MomoAdam(1.0, beta_1=DECAYS[0], beta_2=DECAYS[1], weight_decay=plan.weight_decay)
        self.optimizer.build(variables)
        self.trained = [ops.copy(v) for v in variables]
        self.average = self.trained
        self.resting = [ops.copy(v) for v in model.non_trainable_variables]
        self.begun = self.memory = [ops.copy(v) for v in self.optimizer.variables]
        self.slopes: list[Any] = []
        here = self.compute = compute()
        training = functools.partial(self._loss, True)
        self.derived, self.trial = here.derived(training), here.compiled(training)
        self.resting_loss = here.compiled(functools.partial(self._loss, False))
        self.moving = here.compiled(self._moving)
        self.measured = here.compiled(_measured)
        self.nearer = here.compiled(_nearer)

    # Functions of tensors

    def _loss(
        self, training: bool, trained: Any, resting: Any, x: Any, y: Any, scale: Any = 1.0
    ) -> tuple[Any, list[Any]]:
        """So many times the loss; the loss itself, and what the model holds beside what is trained."""
        given = {"training": training} if self.model._call_has_training_arg else {}
        output, resting, extra = self.model.stateless_call(trained, resting, x, return_losses=True, **given)
        loss = sum(extra, self.plan.loss(output, *y))
        return scale * loss, [loss, *resting]

    def _moving(self, trained: Any, memory: Any, slopes: Any, rate: Any, loss: Any) -> tuple[Any, Any]:
        # As `stateless_apply`, which Keras does not have on TensorFlow.
        optimizer, variables = self.optimizer, self.model.trainable_variables
        held = [*zip(variables, trained, strict=True), *zip(optimizer.variables, memory, strict=True)]
        optimizer._loss = loss
        with keras.StatelessScope(state_mapping=held) as scope:
            optimizer._backend_update_step(slopes, variables, rate)
            optimizer.iterations.assign(optimizer.iterations + 1)
        current = scope.get_current_value
        return [current(v) for v in variables], [current(v) for v in optimizer.variables]

    # What the loop asks for

    def brought(self, value: Any) -> Any:
        return array(value)

    def gradient(self, pairs: Pairs, shares: list[float], place: Place) -> tuple[float, float]:
        total, self.slopes = 0.0, []
        for k, ((x, y), share) in enumerate(zip(pairs, shares, strict=True)):
            if share == 0:
                continue
            self._labels(y, self.plan.train, (place[0], place[1] + k))
            (_, (loss, *self.resting)), slopes = self.derived(self.trained, self.resting, x, y, self.scale)
            total += share * float(loss)
            slopes = slopes if share == self.scale else [(share / self.scale) * s for s in slopes]
            self.slopes = [a + b for a, b in zip(self.slopes, slopes, strict=True)] if self.slopes else slopes
        return total, math.sqrt(float(self.measured(self.slopes, self.slopes)[0]))

    def _labels(self, y: tuple[Any, ...], source: Batches, place: Place) -> None:
        """Refuses labels that the model has no output for, of rows that count."""
        if self.plan.loss.of_two and (far := beyond(*y)):
            raise InputError(not_of_two(source.name, source.where(*place, far[0]), far[1]))
        classes = self.plan.loss.classes
        if classes and (found := outside(y[0], classes, self.plan.loss.ignore, *y[1:])):
            also = "; two classes by one output are the loss 'logistic'" if classes == 1 else ""
            raise InputError(
                f"{source.name}: the label of {source.where(*place, found[0])} is {found[1]}, and the model has "
                f"{classes} outputs, for labels from 0 to {classes - 1}{also}"
            )

    def scale_gradient(self, factor: float) -> None:
        self.slopes = [factor * s for s in self.slopes]

    def move(self, rate: float, loss: float) -> None:
        self.trained, self.memory = self.moving(self.trained, self.memory, self.slopes, rate, loss)

    def remembered(self) -> Any:
        return self.stream(), self.resting

    def put_back(self, before: Any) -> None:
        stream, self.resting = before
        self.set_stream(stream)

    def again(self, pairs: Pairs, shares: list[float], before: Any) -> float:
        after, now = 0.0, self.remembered()
        self.put_back(before)
        for (x, y), share in zip(pairs, shares, strict=True):
            if share > 0:
                _, (loss, *self.resting) = self.trial(self.trained, self.resting, x, y)
                after += share * float(loss)
        self.put_back(now)
        return after

    def stream(self) -> dict[str, Any]:
        return self.compute.stream()

    def set_stream(self, state: dict[str, Any]) -> None:
        self.compute.set_stream(state)

    def values(self) -> list[Any]:
        return self.trained

    def put_values(self, values: list[Any]) -> None:
        self.trained = values

    def went(self, start: list[Any]) -> tuple[float, float]:
        moved = [a - b for a, b in zip(self.trained, start, strict=True)]
        length, slope = self.measured(moved, self.slopes)
        return float(slope), math.sqrt(float(length) / sum(math.prod(d.shape) for d in moved))

    def look(self, done: float) -> None:
        def slope(k: int) -> Any:
            return numbers(self.slopes[k])

        def sizes() -> dict[str, float]:
            return {n: float(np.sqrt(np.square(slope(k)).mean())) for n, k in self.layers.items()}

        moving = {
            n: (slope(k) != 0).reshape(-1, self.slopes[k].shape[-1]).any(0) for n, k in self.units.items()
        }
        self.noticed.look(done, self.size.ratio, sizes, moving)

    def moved(self) -> None:
        keeps = self.keeps()
        self.average = self.nearer(self.average, self.trained, 1.0 - keeps) if keeps > 0 else self.trained

    def held_out(self, held: Batches, x: Any, y: Any, place: Place) -> float:
        self._labels(y, held, place)
        _, (loss, *_) = self.resting_loss(self.trained, self.resting, x, y)
        return float(loss)

    def weights(self) -> Values:
        return self.trained, self.resting

    def put(self, weights: Values) -> None:
        self.trained, self.resting = weights

    def arrays(self, weights: Values) -> dict[str, Any]:
        return _arrays(weights[0], "trained ") | _arrays(weights[1], "resting ")

    def from_arrays(self, arrays: dict[str, Any]) -> Values:
        return _tensors(self.trained, arrays, "trained "), _tensors(self.resting, arrays, "resting ")

    def memories(self) -> tuple[dict[str, dict[str, Any]], Any]:
        return {"average": _arrays(self.average), "memory": _arrays(self.memory)}, None

    def put_memories(self, parts: dict[str, dict[str, Any]], told: Any) -> None:
        self.average = _tensors(self.trained, parts["average"])
        self.memory = _tensors(self.begun, parts["memory"])

    def flags(self, layer: str, values: list[bool]) -> Any:
        return np.array(values, bool)

    def forget(self) -> None:
        self.memory = self.begun
        super().forget()

    @contextmanager
    def shown(self) -> Iterator[None]:
        kept = self.trained
        self.hand_over()
        self.write()
        try:
            yield
        finally:
            self.trained = kept

    def hand_over(self) -> None:
        self.trained = self.average

    def end(self) -> None:
        self.write()

    def write(self) -> None:
        """Puts the values into the model's variables."""
        variables = (*self.model.trainable_variables, *self.model.non_trainable_variables)
        for variable, value in zip(variables, (*self.trained, *self.resting), strict=True):
            variable.assign(value)

    def strange(self, pairs: Pairs, what: str, place: Place, source: Batches | None = None) -> Strange:
        """Names the first of the data, the variables, the layers' outputs and the gradients that is not finite."""
        for k, (x, y) in enumerate(pairs):
            for part, value in (("input", x), ("target", y)):
                if found := strange(value):
                    row = (source or self.plan.train).where(place[0], place[1] + k, found[0])
                    return Strange(what, f"the {part} of {row} is {found[1]}", True)
        paths = [v.path for v in self.model.trainable_variables]
        for path, value in zip(paths, self.trained, strict=True):
            if strange(array(value)):
                return Strange(what, f"the variable {path}", False)
        self.write()
        for x, _ in pairs:
            if seen := _first_strange(self.model, x):
                return Strange(what, f"the output of {seen}", False)
        if what == LOSS:
            return Strange(what, UNKNOWN, False)
        for path, value in zip(paths, self.slopes, strict=False):
            if strange(array(value)):
                return Strange(what, f"the gradient of {path}", False)
        return Strange(what, UNKNOWN, False)


def _arrays(values: list[Any], head: str = "") -> dict[str, Any]:
    """Tensors as NumPy's arrays by their places."""
    return {f"{head}{k}": np.array(numbers(v)) for k, v in enumerate(values)}


def _tensors(like: list[Any], arrays: dict[str, Any], head: str = "") -> list[Any]:
    """The tensors that were put there; a file knows a lone number as one of an array."""
    kinds = [keras.backend.standardize_dtype(v.dtype) for v in like]
    shaped = [arrays[f"{head}{k}"].reshape(tuple(v.shape)) for k, v in enumerate(like)]
    return [ops.convert_to_tensor(v, kind) for v, kind in zip(shaped, kinds, strict=True)]


def _measured(a: list[Any], b: list[Any]) -> tuple[Any, Any]:
    """⟨a, a⟩ and ⟨a, b⟩."""
    wide = [ops.cast(v, "float32") for v in a]
    lengths = [ops.sum(ops.square(v)) for v in wide]
    products = [ops.sum(v * ops.cast(w, "float32")) for v, w in zip(wide, b, strict=True)]
    return sum(lengths[1:], lengths[0]), sum(products[1:], products[0])


def _nearer(average: list[Any], values: list[Any], share: Any) -> list[Any]:
    """An average of floats, with such a share of new values."""
    return [a + ops.cast(share, a.dtype) * (v - a) for a, v in zip(average, values, strict=True)]


def _first_strange(model: Any, x: Any) -> str:
    """The name of the first layer of a model whose output is not finite."""
    seen: list[str] = []
    watched = [part for part in model._flatten_layers(include_self=False) if "call" not in vars(part)]

    def watch(part: Any) -> Any:
        call = part.call

        @functools.wraps(call)
        def watched_call(*args: Any, **kwargs: Any) -> Any:
            output = call(*args, **kwargs)
            if not seen and any(strange(array(leaf)) for leaf in keras.tree.flatten(output)):
                seen.append(part.name)
            return output

        return watched_call

    for part in watched:
        object.__setattr__(part, "call", watch(part))
    try:
        model.stateless_call(model.trainable_variables, model.non_trainable_variables, x)
    finally:
        for part in watched:
            object.__delattr__(part, "call")
    return seen[0] if seen else ""
