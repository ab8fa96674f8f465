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

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from steepest import _catalog, formula
from steepest._catalog import Entry, Settings
from steepest.errors import InputError

_TABLE = formula.table(
    sqrt=ops.sqrt,
    exp=ops.exp,
    log=ops.log,
    log1p=ops.log1p,
    tanh=ops.tanh,
    cos=ops.cos,
    abs=ops.abs,
    maximum=ops.maximum,
    minimum=ops.minimum,
    where=ops.where,
    sign=ops.sign,
    power=ops.power,
    matmul=ops.matmul,
    transpose=ops.transpose,
    norm=lambda a: ops.sqrt(ops.sum(ops.square(a))),
)


def _number(v: Any, dtype: str) -> Any:
    return ops.cast(ops.convert_to_tensor(v), dtype)


#: Scalars are wide; beside an array they take its precision.
_KERAS = formula.Host(
    _TABLE,
    add_up=lambda a: _number(ops.sum(a), _wide()),
    cast=lambda scalar, array: _number(scalar, keras.backend.standardize_dtype(array.dtype)),
)


def _wide() -> str:
    """The precision of scalars and sums: JAX has no float64 unless told so."""
    return "float32" if keras.backend.backend() == "jax" else "float64"


class Rule(keras.optimizers.Optimizer):  # type: ignore[misc, unused-ignore]
    """A rule of the catalogue as an optimizer; `Adam`, `Momentum` … are this with their rule.

    Parameters
    ----------
    learning_rate : float, schedule or callable, optional
        The rate; unless given the rule's own (`MomoAdam`: 0.1, a cap; `Rprop`: 0.01, the first step).
    before : sequence of Settings, optional
        Rules that turn the gradient, in order: ``[steepest.rules.ClipNorm(most=1.0)]``. Their norms run over
        all variables together.
    **settings : float
        The rule's settings by name, and what every Keras optimizer takes: `name`, `use_ema`,
        `gradient_accumulation_steps` …
    """

    #: The rule's name in the catalogue.
    rule: ClassVar[str] = "adam"

    def __init__(self, learning_rate: Any = None, *, before: Sequence[Any] = (), **settings: Any) -> None:
        entry = _catalog.find("rules", self.rule)
        before = [b if isinstance(b, Settings) else _settings(*b) for b in before]
        for other in before:
            if other.registry != "rules" or other.entry.about["kind"] != "gradient":
                raise InputError(f"before takes rules that turn the gradient, like ClipNorm(); got {other!r}")
        if isinstance(learning_rate, int | float) and not 0 <= learning_rate < math.inf:
            raise InputError(f"learning_rate must be at least 0; got {learning_rate!r}")
        mine = {p.name for p in entry.parameters}
        keras_own = {"name", "use_ema", "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor"}
        keras_own |= {"gradient_accumulation_steps", "clipnorm", "clipvalue", "global_clipnorm"}
        given = {n: v for n, v in settings.items() if n in mine or n not in keras_own}
        if given.get("weight_decay", 0.0) is None:
            del given["weight_decay"]
        checked = _catalog.checked("rules", self.rule, given)
        rate = entry.about["rate"] if learning_rate is None else learning_rate
        rest = {n: v for n, v in settings.items() if n not in given and n != "weight_decay"}
        super().__init__(learning_rate=float(rate) if isinstance(rate, int) else rate, **rest)
        self.settings = checked
        self.before = tuple(before)
        self._entries = (*(b.entry for b in before), entry)
        self._loss: Any = None

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the memories of the variables."""
        if self.built:
            return
        super().build(variables)
        self._memory = [
            [
                [self.add_variable_from_reference(v, name=f"{e.name}_{n}") for n in _names(e, v)]
                for v in variables
            ]
            for e in self._entries
        ]
        self._numbers = [
            [
                {n: self.add_variable((), dtype=_wide(), name=f"{e.name}_{n}") for n in e.about["state"]}
                for _ in range(formula.groups(e, len(variables)))
            ]
            for e in self._entries
        ]

    def scale_loss(self, loss: Any) -> Any:
        """Called by Keras with the loss of each batch; rules that need it take it here."""
        self._loss = loss
        return super().scale_loss(loss)

    def _value(self) -> Any:
        if not any(e.about["value"] for e in self._entries):
            return math.nan
        if keras.backend.backend() == "jax":
            raise InputError(f"{self.rule} needs the loss, which Keras does not hand to optimizers on JAX")
        if self._loss is None:
            raise InputError(f"{self.rule} needs the loss: call scale_loss(loss) before apply, as fit does")
        return ops.stop_gradient(self._loss)

    def _backend_update_step(
        self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any
    ) -> None:
        """One step of the rules over all variables together."""
        wide = _wide()
        at = {"step": self.iterations + 1, "rate": learning_rate, "value": self._value()}
        at = {n: _number(v, wide) for n, v in at.items()}
        places = [self._get_variable_index(v) for v in variables]
        work = ["float64" if v.dtype == "float64" else "float32" for v in variables]
        x = [ops.cast(v, d) for v, d in zip(variables, work, strict=True)]
        g = [ops.cast(v, d) for v, d in zip(grads, work, strict=True)]
        given = [*(b.settings for b in self.before), self.settings]
        for k, (entry, settings) in enumerate(zip(self._entries, given, strict=True)):
            known = {**{n: _number(v, wide) for n, v in settings.items()}, **at}
            kept = [self._memory[k][p] for p in places]
            memory = [[ops.cast(m, d) for m in ms] for ms, d in zip(kept, work, strict=True)]
            numbers = self._numbers[k]
            numbers = (
                [numbers[p] for p in places]
                if len(numbers) == len(self._trainable_variables) > 1
                else numbers
            )
            state = [{n: ops.convert_to_tensor(v) for n, v in each.items()} for each in numbers]
            out, after, states = formula.step(entry, known, x, g, memory, state, _KERAS)
            for variable, value in _pairs(kept, after):
                self.assign(variable, ops.cast(value, variable.dtype))
            for old, new in zip(numbers, states, strict=True):
                for name, variable in old.items():
                    self.assign(variable, new[name])
            if entry.about["kind"] == "gradient":
                g = out
            else:
                for variable, value in zip(variables, out, strict=True):
                    self.assign(variable, ops.cast(value, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        """What the optimizer is made from, for saving."""
        before = [(b.name, b.settings) for b in self.before]
        return {**super().get_config(), **self.settings, "before": before}


def _settings(name: str, given: dict[str, float]) -> Settings:
    """A rule's settings from its name, as a saved model has them."""
    from steepest import rules

    classes = {getattr(rules, c).name: getattr(rules, c) for c in rules.__all__}
    _catalog.find("rules", name)
    made: Settings = classes[name](**given)
    return made


def _names(entry: Entry, variable: Any) -> list[str]:
    return formula.memory_names(entry, tuple(variable.shape))


def _pairs(variables: list[list[Any]], values: list[list[Any]]) -> list[tuple[Any, Any]]:
    """Nested lists, side by side."""
    return [p for a, b in zip(variables, values, strict=True) for p in zip(a, b, strict=True)]


def _make(entry: Entry) -> type[Rule]:
    name = "".join(part.capitalize() for part in entry.name.split("_"))
    lines = "".join(
        f"\n    {p.name} : float, default {p.default!r}\n        {p.doc.strip()}" for p in entry.parameters
    )
    rate = f"    learning_rate : float, default {entry.about['rate']!r}"
    doc = f"{entry.doc}\n\n    Parameters\n    ----------\n{rate}{lines}\n"
    made = type(name, (Rule,), {"rule": entry.name, "__doc__": doc, "__module__": __name__})
    registered: type[Rule] = keras.saving.register_keras_serializable(package="steepest")(made)
    return registered


_STEPS = [e for e in _catalog.registry("rules").values() if e.about["kind"] == "parameter"]
_CLASSES = {c.__name__: c for c in map(_make, _STEPS)}
globals().update(_CLASSES)
__all__ = ["Rule", *sorted(_CLASSES)]


def __getattr__(name: str) -> type[Rule]:
    raise AttributeError(f"module 'steepest.keras' has no attribute {name!r}; there is {', '.join(__all__)}")
