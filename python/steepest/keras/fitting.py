"""`steepest.keras.fit`: a model trained with nothing to tune."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import keras
import numpy as np

from steepest.errors import InputError
from steepest.keras import data as given
from steepest.keras.backends import compute
from steepest.keras.fresh import begin_anew, check_fresh
from steepest.keras.losses import Loss, usual
from steepest.keras.steps import Steps
from steepest.result import Result
from steepest.training.batches import Batches
from steepest.training.loop import Training
from steepest.training.noticed import above_rounding
from steepest.training.plan import Plan, Progress
from steepest.training.reading import Asked, real
from steepest.training.story import alone, best_of, result

__all__ = ["fit"]

#: Where a configuration names layers, and where it says what shapes a model was first shown, which may differ.
_OF_NAMES = {"name", "keras_history", "input_layers", "output_layers"}
_OF_SHAPES = {"batch_shape", "build_config", "build_input_shape"}


def fit(
    model: Any,
    data: Any,
    loss: Any = None,
    *,
    validation: Any = None,
    epochs: int | None = None,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    batch_size: int | None = None,
    bound: float | None = None,
    weight_decay: float = 0.0,
    patience: int | None = None,
    accumulate: int = 1,
    clip: bool = True,
    ema: float | None = None,
    class_weight: Mapping[int, float] | None = None,
    starts: int = 1,
    seed: int = 0,
    checkpoint: Any = None,
    history: Any = None,
    watch: Callable[[Progress], Any] | None = None,
    callback: Callable[[Progress], Any] | None = None,
    disp: bool = False,
) -> Result:
    """Trains a Keras model, with no learning rate to tune, and says what happened.

    It is the loop of `steepest.torch.fit` on Keras' backends torch, jax and tensorflow: MoMo's step along Adam's
    direction, below a cap that is found on the way and falls to 0 over the last two fifths of the budget; the weights
    that are judged and left in the model are averages over the last tenth or so of the steps. What the model's layers
    add to the loss, as regularisers do, is part of it. The optimizer and the metrics of `model.compile` are not
    touched. The precision is that of the layers' own policies; where one computes in float16, the loss is scaled so
    that its gradients do not vanish in so few digits.

    Parameters
    ----------
    model : keras.Model
        What is trained, in place; what is not trainable stays as it is. It is left with the best weights.
    data : array, pair (X, y), (X, y, weights), PyDataset, or loader or list of batches
        The rows. Several inputs are a tuple or a dict, as the model takes them. X alone is its own target, as in an
        autoencoder. Arrays of float64 are taken in Keras' own precision. By weights each row's loss is multiplied, as
        by Keras' `sample_weight`: the mean is over the number of rows.
    loss : str, keras.losses.Loss or callable, optional
        ``"squared"``, ``"absolute"``, ``"huber"``, ``"logistic"`` (two classes by one output), ``"softmax"`` (classes
        along the last axis): the last two of logits, or of probabilities where the model ends in that activation.
        Keras' names and losses mean what they mean there; a function of target and output returns a number a sample.
        Unless given that of `model.compile`, else squares for numbers and softmax for whole numbers.
    validation : float or data, optional
        A share of the rows to hold out, or rows by themselves. The weights with the least loss there are returned.
    epochs, max_steps, max_seconds : optional
        The budget: passes over the data, steps, or seconds; the rate falls over the one that is spent first. Unless
        any is given, rounds of 5, 10, 20 … epochs, up to 6, until one lowers the loss by less than a hundredth.
    batch_size : int, optional
        32 below 1000 rows, 64 below 10 000, else 128; for rows in memory.
    bound : float, optional
        The least value that the loss can have: 0 for the named ones and those of Keras that cannot be below it, where
        no layer adds to them. Where it is not known it is guessed from how the loss falls.
    weight_decay : float, default 0
        Pull of the weights towards 0, times the rate.
    patience : int, optional
        End after so many reviews (epochs, or tenths of a budget below 10 epochs) without a lower held-out loss.
    accumulate : int, default 1
        How many batches make a step.
    clip : bool, default True
        Whether a gradient more than ten times as large as usual is clipped to that.
    ema : float, optional
        The decay of the averages of the weights at most, like 0.9, which averages over the last ten steps; 0 for no
        averages.
    class_weight : dict, optional
        By class a weight of its rows, 1 unless given; held-out rows count alike.
    starts : int, default 1
        So many runs, the first from the weights as they are, others from fresh ones, as `keras.models.clone_model`
        makes them; the best is kept.
    seed : int, default 0
        What the order of the rows and the held-out rows follow from, and dropout where layers have no seeds of
        their own (on torch).
    checkpoint : path or (path, seconds), optional
        A file that the run is kept in every 30 seconds; the same call, on a model made alike, goes on from it, on the
        CPU to the same bits where batches come alike again.
    history : path, optional
        Where to write the history, as ``.csv`` or ``.jsonl``.
    watch : callable, optional
        Called with a `Progress` at most ten times a second; stops the run by returning True.
    callback : callable, optional
        Called with a `Progress` at each review; stops the run by returning True or raising StopIteration.
    disp : bool, default False
        Print a line at each review.

    Returns
    -------
    Result
        As that of `steepest.torch.fit`: `x` holds the weights by their paths, `fun` the held-out loss of what is
        returned, or the training loss of the last review; `success` is true only where held-out rows say that more of
        the same does not help.

    Raises
    ------
    InputError
        Where an argument, the model or the data cannot be used; labels and rows are named.

    Examples
    --------
    >>> import keras, numpy as np, steepest.keras
    >>> x = np.linspace(-2, 2, 200)[:, None]
    >>> model = keras.Sequential([keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)])
    >>> result = steepest.keras.fit(model, (x, np.sin(x)), epochs=50, validation=0.2)
    >>> result.fun < 0.05
    True
    """
    here = compute()
    if not isinstance(model, keras.Model):
        raise InputError(f"model must be a keras.Model; got {type(model).__name__}")
    asked = Asked(
        epochs=epochs,
        max_steps=max_steps,
        max_seconds=max_seconds,
        batch_size=batch_size,
        bound=bound,
        weight_decay=weight_decay,
        patience=patience,
        accumulate=accumulate,
        clip=clip,
        ema=ema,
        starts=starts,
        seed=seed,
        checkpoint=checkpoint,
        history=history,
        watch=watch,
        callback=callback,
        disp=disp,
    )
    train, held = _opened(data, validation, asked, given.class_weights(class_weight))
    asked.held(held)
    some = train if isinstance(train, given.Rows) else None
    x, (y, *weights) = (some.x, some.y) if some is not None else next(train.epoch(0))
    x = _first(x)
    first = model(x, training=False) if model._call_has_training_arg else model(x)
    _check(model)
    if loss is None:
        loss = (model.loss if model.compiled else None) or usual(y)
    objective = Loss(loss, asked.bound, model, first)
    if asked.bound is None and model.losses:
        objective.bound = None
    kept = asked.kept(lambda: _identity(model), train, held, objective.identity)
    plan = Plan(model, train, held, objective, asked.budget, kept=kept, **asked.planned)
    if asked.starts > 1:
        check_fresh(model, x)

    def begin(k: int) -> Training:
        here.sow(asked.seed + k)
        if k:
            begin_anew(model, x, asked.seed + k)
        return Training(plan, Steps(plan))

    with alone(model), here.kept():
        run, spread = best_of(asked.starts, begin)
    values = {v.path: np.array(given.numbers(v.value)) for v in model.trainable_variables}
    return result(
        run, values, _constant(objective, None if weights or some is None else y), spread, asked.place
    )


def _opened(
    data: Any, validation: Any, asked: Asked, classes: Mapping[int, float] | None
) -> tuple[Batches, Batches | None]:
    if isinstance(validation, Real):
        share = real("validation", validation, 0.0, 1.0, open_=True)
        return given.split(data, share, asked.batch, asked.seed, classes)
    train = given.opened(data, asked.batch, asked.seed, classes=classes)
    return train, None if validation is None else given.opened(
        validation, None, asked.seed, "validation", shuffle=False
    )


def _identity(model: Any) -> Any:
    """What tells a model from others, for a checkpoint: its layers with the settings of Keras' own, its variables."""
    names: dict[str, int] = {}
    layers = [
        [type(part).__name__, part.compute_dtype, _settings(part, names)] for part in model._flatten_layers()
    ]
    return [layers, [[list(v.shape), str(v.dtype), v.trainable] for v in model.variables]]


def _settings(part: Any, names: dict[str, int]) -> Any:
    """The settings of a layer of Keras' own, and of a model that is made of such how they hang together."""
    if not type(part).__module__.startswith("keras."):
        return None
    try:
        return _unnamed(part.get_config(), names)
    except (NotImplementedError, TypeError, ValueError):  # it holds what Keras cannot save
        return None


def _unnamed(config: Any, names: dict[str, int], name: bool = False) -> Any:
    """A configuration with numbers for the names of layers, which a model that is made anew may name anew."""
    if isinstance(config, dict):
        return [
            [key, _unnamed(part, names, key in _OF_NAMES)]
            for key, part in config.items()
            if key not in _OF_SHAPES
        ]
    if isinstance(config, list | tuple):
        return [_unnamed(part, names, name) for part in config]
    return names.setdefault(config, len(names)) if name and isinstance(config, str) else config


def _first(x: Any) -> Any:
    """The first row of each input: a model that has no shape yet finds it from that."""
    if isinstance(x, dict):
        return {key: _first(part) for key, part in x.items()}
    return tuple(_first(part) for part in x) if isinstance(x, tuple) else x[:1]


def _check(model: Any) -> None:
    """Refuses models that cannot be trained."""
    if not model.trainable_variables:
        frozen = "all are frozen" if model.variables else "it has none"
        raise InputError(f"the model has no variables to train: {frozen}")
    for v in model.trainable_variables:
        if not np.isfinite(given.array(v.value)).all():
            raise InputError(f"the variable {v.path} holds a number that is not finite: make the model anew")


def _constant(loss: Loss, y: Any) -> float | None:
    """What the best constant would lose on the training rows, where they lie in memory."""
    if not isinstance(y, np.ndarray):
        return None
    shares_of_classes = y.ndim > 1 and y.shape[-1] == loss.classes > 1
    if loss.classes and y.dtype.kind in "iu" and not shares_of_classes:
        counted = y if loss.ignore is None else y[y != loss.ignore]
        shares = np.unique(counted, return_counts=True)[1] / counted.size
        return above_rounding(float(-(shares * np.log(shares)).sum()), 1.0)
    if loss.name in ("squared", "MeanSquaredError", "mean_squared_error"):
        wide = y.astype(float)
        return above_rounding(float(wide.var(0).mean()), float(np.square(wide).mean()))
    return None
