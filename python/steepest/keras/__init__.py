"""Every rule as a `keras.optimizers.Optimizer`, on whatever backend Keras runs.

`Adam`, `Momentum`, `Muon` … are made from the catalogue: a rule that is added to the core is here too. The
formula that the core recorded is evaluated with `keras.ops`, so that it is compiled along with the model.

>>> import keras, steepest.keras
>>> model = keras.Sequential([keras.layers.Dense(1)])
>>> model.compile(optimizer=steepest.keras.Adam(learning_rate=1e-3), loss="mse")

`learning_rate` may be left out: `MomoAdam` and `Rprop` find their steps by themselves, the others have the
usual rate. What turns gradients goes before: ``Adam(before=[steepest.rules.ClipNorm(most=1.0)])``.
"""

from __future__ import annotations

from typing import Any

try:
    import keras
except ModuleNotFoundError as error:
    if error.name != "keras":
        raise
    raise ModuleNotFoundError(
        "steepest.keras needs Keras, which is not installed: pip install 'steepest[keras]' and a backend, "
        "such as torch",
        name="keras",
    ) from None
from keras import ops

from steepest import _catalog, formula, hosts
from steepest._catalog import Entry, Settings
from steepest.keras.fitting import fit
from steepest.keras.losses import LOSSES
from steepest.keras.rule import TABLE, Rule, settings_of
from steepest.training.plan import Progress


@keras.saving.register_keras_serializable(package="steepest")
class SGD(Rule):
    """`keras.optimizers.SGD` with its own arguments: `Sgd`, `Momentum`, or `Nesterov` where `nesterov` is true.

    At a constant rate it takes the same steps. Where the rate changes, Keras' velocity holds the rates of the
    gradients that it was made of; here, as in torch, the whole velocity is taken at the rate of the step.

    Parameters
    ----------
    learning_rate : float, schedule or callable, default 0.01
    momentum : float, default 0
        How much of the velocity is kept at each step.
    nesterov : bool, default False
        Use the gradient as if taken one velocity ahead.
    **settings
        What every Keras optimizer takes, `weight_decay` (decoupled, as Keras has it) included.
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **settings: Any
    ) -> None:
        # before Keras' own beginning, after which attributes may be set
        object.__setattr__(self, "rule", "nesterov" if nesterov else "momentum" if momentum else "sgd")
        decay = settings.pop("weight_decay", None)
        super().__init__(learning_rate, momentum=momentum, **settings)
        self.weight_decay = decay
        self.nesterov = nesterov

    def get_config(self) -> dict[str, Any]:
        """What the optimizer is made from, for saving."""
        return {**super().get_config(), "weight_decay": self.weight_decay, "nesterov": self.nesterov}


@keras.saving.register_keras_serializable(package="steepest")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc, unused-ignore]
    """A schedule of `steepest.rates` over so many steps, as a learning rate for any Keras optimizer.

    Parameters
    ----------
    rate : Settings
        Such as ``steepest.rates.Cosine()``.
    learning_rate : float
        What it starts from.
    steps : int
        How many batches the run has; after them it stays.
    """

    def __init__(self, rate: Any, learning_rate: float, steps: int) -> None:
        self.schedule = rate if isinstance(rate, Settings) else settings_of(rate[0], rate[1], "rates")
        self.learning_rate, self.steps = hosts.rate("learning_rate", learning_rate), steps
        hosts.factor(self.schedule, steps)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, counted from 0."""
        taken = ops.cast(step, "float32")
        known = {n: ops.convert_to_tensor(v, "float32") for n, v in self.schedule.settings.items()}
        known |= {"done": ops.minimum(taken / self.steps, 1.0), "step": taken + 1.0}
        found = formula.evaluate(self.schedule.entry.programs["factor"], known, TABLE)[0]
        return self.learning_rate * found

    def get_config(self) -> dict[str, Any]:
        """What it is made from, for saving."""
        made = (self.schedule.name, self.schedule.settings)
        return {"rate": made, "learning_rate": self.learning_rate, "steps": self.steps}


def _make(entry: Entry) -> type[Rule]:
    head = f"learning_rate : float, default {entry.about['rate']!r}"
    doc = hosts.docstring(entry, head, {p.name: (p.name,) for p in entry.parameters})
    made = type(
        hosts.class_name(entry), (Rule,), {"rule": entry.name, "__doc__": doc, "__module__": __name__}
    )
    registered: type[Rule] = keras.saving.register_keras_serializable(package="steepest")(made)
    return registered


_STEPS = [e for e in _catalog.registry("rules").values() if e.about["kind"] == "parameter"]
_CLASSES = {c.__name__: c for c in map(_make, _STEPS)}
# as Keras writes it
_CLASSES["RMSprop"] = _CLASSES["Rmsprop"]
globals().update(_CLASSES)
__all__ = ["LOSSES", "SGD", "Progress", "Rule", "Schedule", *sorted(_CLASSES), "fit"]


def __getattr__(name: str) -> type[Rule]:
    raise AttributeError(hosts.no_attribute(__name__, name, __all__))
