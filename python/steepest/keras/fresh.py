"""A model's weights begun anew, as `keras.models.clone_model` makes them."""

from __future__ import annotations

import random
from typing import Any

import keras

from steepest.errors import InputError

__all__ = ["begin_anew", "check_fresh"]


def check_fresh(model: Any, x: Any) -> None:
    """Refuses a model that cannot be made anew, or whose initialisers draw the same weights again."""
    clones = [_values(model, _clone(model, x, seed)) for seed in (0, 1)]
    if all(_alike(a, b) for (_, a), (_, b) in zip(*clones, strict=True)):
        raise InputError(
            "starts begins again from fresh weights, and the model's initialisers draw the same ones each time: "
            "leave out their seeds"
        )


def begin_anew(model: Any, x: Any, seed: int) -> None:
    """Puts fresh weights that follow from a seed into the layers that are trained."""
    for variable, value in _values(model, _clone(model, x, seed)):
        variable.assign(value)


def _clone(model: Any, x: Any, seed: int) -> Any:
    # Keras draws the seeds of initialisers from Python's numbers.
    state = random.getstate()
    random.seed(seed)
    try:
        made = keras.models.clone_model(model)
        made(x)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise InputError(
            f"starts begins again from fresh weights, and the model cannot be cloned ({error}): give its class "
            "get_config, or call fit on models that you make"
        ) from None
    finally:
        random.setstate(state)
    return made


def _values(model: Any, made: Any) -> list[tuple[Any, Any]]:
    """The variables of each layer that is trained, beside those of a clone's."""
    pairs: list[tuple[Any, Any]] = []
    old, new = list(model._flatten_layers()), list(made._flatten_layers())
    if [type(part) for part in old] == [type(part) for part in new]:
        for part, fresh in zip(old, new, strict=True):
            if part.trainable and part._trainable_variables:
                mine = [*part._trainable_variables, *part._non_trainable_variables]
                pairs += zip(
                    mine, [*fresh._trainable_variables, *fresh._non_trainable_variables], strict=False
                )
    known = {id(v) for v, _ in pairs}
    if not all(id(v) in known for v in model.trainable_variables) or any(
        a.shape != b.shape for a, b in pairs
    ):
        raise InputError(
            "starts begins again from fresh weights, and a clone of the model has other variables: call fit on models "
            "that you make"
        )
    return pairs


def _alike(a: Any, b: Any) -> bool:
    return bool(keras.ops.all(a.value == b.value))
