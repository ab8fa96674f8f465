"""A rule as a `keras.optimizers.Optimizer`: its memories, its step."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from steepest import _catalog, formula, hosts
from steepest._catalog import Entry, Settings
from steepest.errors import InputError

TABLE = formula.table(
    sqrt=ops.sqrt,
    exp=ops.exp,
    log=ops.log,
    log1p=ops.log1p,
    tanh=ops.tanh,
    cos=ops.cos,
    abs=ops.abs,
    floor=ops.floor,
    maximum=ops.maximum,
    minimum=ops.minimum,
    where=ops.where,
    sign=ops.sign,
    power=ops.power,
    matmul=ops.matmul,
    transpose=ops.transpose,
    norm=lambda a: ops.sqrt(ops.sum(ops.square(a))),
    mean=lambda a, axis=None: ops.mean(a, axis=axis, keepdims=axis is not None),
    orthonormal=lambda a: ops.qr(a)[0],
)


def _number(v: Any, dtype: str) -> Any:
    return ops.cast(ops.convert_to_tensor(v), dtype)


#: Scalars are wide; beside an array they take its precision.
_KERAS = formula.Host(
    TABLE,
    add_up=lambda a: _number(ops.sum(a), _wide()),
    cast=lambda scalar, array: _number(scalar, keras.backend.standardize_dtype(array.dtype)),
)


def _wide() -> str:
    """The precision of scalars and sums: JAX has no float64 unless told so, and TensorFlow does not set one beside
    arrays of another."""
    return "float64" if keras.backend.backend() == "torch" else "float32"


#: What Keras' users call a rule's settings.
_WORDS: hosts.Words = {
    "beta_1": [("direction_decay",), ("mean_decay",)],
    "beta_2": [("square_decay",), ("mean_decay",)],
}
#: By rule: further words for them.
_ALSO = {
    "muon": {"adam_beta_1": ("mean_decay",), "adam_beta_2": ("square_decay",)},
    "rmsprop": {"rho": ("square_decay",), "centered": ("centred",)},
    "adadelta": {"rho": ("square_decay",)},
    "adagrad": {"initial_accumulator_value": ("initial",)},
}
#: By rule: what Keras' optimizer of that kind must be told to be the same.
_THEIRS: dict[str, dict[str, Any]] = {
    "adam": {"amsgrad": False},
    "sgd": {"momentum": 0, "nesterov": False},
    "momentum": {"nesterov": False},
    "nesterov": {"nesterov": True},
    "muon": {
        "nesterov": True,
        "ns_steps": 5,
        "rms_rate": 0.2,
        "adam_lr_ratio": 1,
        "exclude_layers": None,
        "exclude_embeddings": False,
    },
}
#: What every Keras optimizer takes.
_EVERY = {
    "name",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
}


class Rule(keras.optimizers.Optimizer):  # type: ignore[misc, unused-ignore]
    """A rule of the catalogue as an optimizer; `Adam`, `Momentum` … are this with their rule.

    Parameters
    ----------
    learning_rate : float, schedule or callable, optional
        The rate; unless given the rule's own (`MomoAdam`: 0.01, a cap; `Rprop`: 0.01, the first step).
    before : sequence of Settings, optional
        Rules that turn the gradient, in order: ``[steepest.rules.ClipNorm(most=1.0)]``. Their norms run over
        all variables together.
    after : sequence of Settings, optional
        Rules that turn the step, in order: ``[steepest.rules.Lookahead()]``. Where one averages, or the rule does,
        `finalize_variable_values`, which `fit` calls at its end, puts the averages into the variables.
    **settings : float
        The rule's settings, by its own names or as Keras calls them (`beta_1`, `beta_2`), and what every Keras
        optimizer takes: `name`, `use_ema`, `gradient_accumulation_steps` …
    """

    #: The rule's name in the catalogue.
    rule: ClassVar[str] = "adam"

    def __init__(
        self,
        learning_rate: Any = None,
        *,
        before: Sequence[Any] = (),
        after: Sequence[Any] = (),
        **settings: Any,
    ) -> None:
        entry = _catalog.find("rules", self.rule)
        before = hosts.checked_before(b if isinstance(b, Settings) else settings_of(*b) for b in before)
        after = hosts.checked_after(a if isinstance(a, Settings) else settings_of(*a) for a in after)
        for e in (b.entry for b in before):
            if e.about["drawn"]:
                raise InputError(
                    f"{e.name} draws numbers by the step's, which Keras hands to no generator: torch and JAX do"
                )
            if e.about["evaluations"] > 1:
                raise InputError(
                    f"{e.name} asks for a second gradient, which Keras does not compute: torch has it"
                )
        rate = entry.about["rate"] if learning_rate is None else learning_rate
        if not callable(rate) and not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            rate = hosts.rate("learning_rate", rate)
        mine = {p.name for p in entry.parameters}
        given = {n: v for n, v in settings.items() if n in mine or n not in _EVERY}
        if given.get("weight_decay", 0.0) is None:
            del given["weight_decay"]
        for word, wanted in _THEIRS.get(self.rule, {}).items():
            if word not in mine and given.get(word, wanted) != wanted:
                raise InputError(f"{self.rule} takes {word}={wanted!r} only; got {given[word]!r}")
            if word not in mine:
                given.pop(word, None)
        spelled = {**hosts.spelling(entry, _WORDS), **_ALSO.get(self.rule, {})}
        checked = hosts.checked(entry, spelled, given)
        rest = {n: v for n, v in settings.items() if n in _EVERY and n not in mine}
        super().__init__(learning_rate=rate, **rest)
        self.settings, self.before, self.after = checked, before, after
        self._entries = (*(b.entry for b in before), entry, *(a.entry for a in after))
        self._loss: Any = None

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the memories of the variables."""
        if self.built:
            return
        super().build(variables)
        self._memory = [
            [
                [
                    self.add_variable_from_reference(v, name=f"{e.name}_{n}")
                    if s == tuple(v.shape)
                    else self.add_variable(s, dtype=v.dtype, name=f"{e.name}_{n}")
                    for n, s in zip(_names(e, v), formula.memory_shapes(e, tuple(v.shape)), strict=True)
                ]
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

    # On TensorFlow, Keras' own of these two take what is inside a variable, which is no variable in a stateless scope.

    def assign(self, variable: Any, value: Any) -> None:
        """Puts a value into a variable."""
        variable.assign(value)

    def _var_key(self, variable: Any) -> Any:
        return id(variable)

    def scale_loss(self, loss: Any) -> Any:
        """Called by Keras with the loss of each batch; rules that need it take it here."""
        self._loss = loss
        return super().scale_loss(loss)

    def _value(self) -> Any:
        """The loss of this step, which is forgotten when it has been used."""
        if not any(e.about["value"] for e in self._entries):
            return math.nan
        if keras.backend.backend() == "jax":
            raise InputError(f"{self.rule} needs the loss, which Keras does not hand to optimizers on JAX")
        if self._loss is None:
            raise InputError(f"{self.rule} needs the loss: call scale_loss(loss) before apply, as fit does")
        loss, self._loss = self._loss, None
        return ops.stop_gradient(loss)

    def _backend_update_step(
        self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any
    ) -> None:
        """One step of the rules over all variables together."""
        wide = _wide()
        at = {"step": self.iterations + 1, "rate": learning_rate, "value": self._value()}
        at = {n: _number(v, wide) for n, v in at.items()}
        if any(e.about["scope"] == "all" and e.about["state"] for e in self._entries):
            # What averages over all variables moves those without a gradient by a gradient of 0.
            there = {id(v) for v in variables}
            resting = [v for v in self._trainable_variables if id(v) not in there]
            variables = [*variables, *resting]
            grads = [*grads, *(ops.zeros(v.shape, v.dtype) for v in resting)]
        work = ["float64" if v.dtype == "float64" else "float32" for v in variables]
        x = [ops.cast(v, d) for v, d in zip(variables, work, strict=True)]
        g = [ops.cast(v, d) for v, d in zip(grads, work, strict=True)]
        seen = g
        for k, (entry, settings) in enumerate(zip(self._entries, self._given(), strict=True)):
            if entry.about["kind"] != "change":
                seen = g
            out = self._one(k, {**settings, **at}, variables, x, g, seen)
            g = formula.handed(entry, x, out, k == len(self._entries) - 1)
        for variable, value in zip(variables, g, strict=True):
            self.assign(variable, ops.cast(value, variable.dtype))

    def _given(self) -> list[dict[str, float]]:
        """The settings of every rule of the chain."""
        return [*(b.settings for b in self.before), self.settings, *(a.settings for a in self.after)]

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Puts the points to look at into the variables, where a rule averages: called when training ends."""
        super().finalize_variable_values(var_list)
        if not self.built or not any(e.about["shown"] for e in self._entries):
            return
        wide = _wide()
        at = {"step": self.iterations, "rate": self.learning_rate, "value": math.nan}
        for v in var_list:
            place = self._get_variable_index(v)
            x = [ops.convert_to_tensor(v)]
            for k, (entry, settings) in enumerate(zip(self._entries, self._given(), strict=True)):
                known = {n: _number(s, wide) for n, s in {**settings, **at}.items()}
                each = len(self._numbers[k]) > 1
                numbers = self._numbers[k][place if each else 0]
                state = [{n: ops.convert_to_tensor(s) for n, s in numbers.items()}]
                memory = [[ops.convert_to_tensor(m) for m in self._memory[k][place]]]
                x = formula.shown(entry, known, x, memory, state, _KERAS)
            self.assign(v, ops.cast(x[0], v.dtype))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one variable, for rules whose sums do not run over several."""
        together = [e.name for e in self._entries if e.about["scope"] == "all" and e.about["sums"]]
        if together and len(self._trainable_variables) > 1:
            raise InputError(f"{together[0]} looks at all variables together: call apply with all of them")
        self._backend_update_step([gradient], [variable], learning_rate)

    def _one(
        self,
        k: int,
        known: dict[str, Any],
        variables: Sequence[Any],
        x: list[Any],
        g: list[Any],
        seen: list[Any],
    ) -> list[Any]:
        """What rule `k` makes of gradients or changes, its memories and numbers moved on."""
        entry = self._entries[k]
        places = [self._get_variable_index(v) for v in variables]
        kept = [self._memory[k][p] for p in places]
        work = [keras.backend.standardize_dtype(v.dtype) for v in x]
        memory = [[ops.cast(m, d) for m in ms] for ms, d in zip(kept, work, strict=True)]
        each = formula.groups(entry, len(self._trainable_variables)) > 1
        numbers = [self._numbers[k][p] for p in places] if each else self._numbers[k]
        state = [{n: ops.convert_to_tensor(v) for n, v in group.items()} for group in numbers]

        def pick(part: list[int], g: list[Any]) -> tuple[list[Any], list[Any], list[list[Any]]]:
            return [x[i] for i in part], [g[i] for i in part], [memory[i] for i in part]

        parts = self._by_decay(known, variables)
        totals = None
        if len(parts) > 1 and entry.about["scope"] == "all" and entry.about["sums"]:
            sums = [
                formula.sums(entry, {**plan, **state[0]}, *pick(part, seen), host=_KERAS)
                for plan, part in parts
            ]
            totals = {n: sums[0][n] + sums[1][n] for n in sums[0]}
        out: list[Any] = list(x)
        for plan, part in parts:
            groups = [state[i] for i in part] if each else state
            looked = [seen[i] for i in part]
            moved, after, states = formula.step(entry, plan, *pick(part, g), groups, _KERAS, totals, looked)
            for i, value in zip(part, moved, strict=True):
                out[i] = value
            for variable, value in _pairs([kept[i] for i in part], after):
                self.assign(variable, ops.cast(value, variable.dtype))
            for old, new in zip([numbers[i] for i in part] if each else numbers, states, strict=True):
                for name, variable in old.items():
                    self.assign(variable, new[name])
        return out

    def _by_decay(
        self, known: dict[str, Any], variables: Sequence[Any]
    ) -> list[tuple[dict[str, Any], list[int]]]:
        """What is known, and of which variables: those that `exclude_from_weight_decay` names go beside the others."""
        wide = _wide()
        plan = {n: _number(v, wide) for n, v in known.items()}
        decays = [not known.get("weight_decay") or self._use_weight_decay(v) for v in variables]
        plans = [(plan, True), ({**plan, "weight_decay": _number(0.0, wide)}, False)]
        parts = [(plan, [i for i, d in enumerate(decays) if d is yes]) for plan, yes in plans]
        return [(plan, part) for plan, part in parts if part]

    def get_config(self) -> dict[str, Any]:
        """What the optimizer is made from, for saving."""
        around = {
            "before": [(b.name, b.settings) for b in self.before],
            "after": [(a.name, a.settings) for a in self.after],
        }
        return {**super().get_config(), **self.settings, **around}


def settings_of(name: str, given: dict[str, float], registry: str = "rules") -> Settings:
    """The settings of a rule or a schedule from its name, as a saved model has them."""
    from steepest import rates, rules

    module: Any = {"rules": rules, "rates": rates}[registry]
    classes = {getattr(module, c).name: getattr(module, c) for c in module.__all__}
    _catalog.find(registry, name)
    made: Settings = classes[name](**given)
    return made


def _names(entry: Entry, variable: Any) -> list[str]:
    return formula.memory_names(entry, tuple(variable.shape))


def _pairs(variables: list[list[Any]], values: list[list[Any]]) -> list[tuple[Any, Any]]:
    """Nested lists, side by side."""
    return [p for a, b in zip(variables, values, strict=True) for p in zip(a, b, strict=True)]


def _hand_on_the_loss() -> None:
    """Lets Keras' optimizer for float16, which wraps another, tell a rule inside it the loss before scaling."""
    kind = keras.optimizers.LossScaleOptimizer
    scale = kind.scale_loss

    @functools.wraps(scale)
    def scale_loss(self: Any, loss: Any) -> Any:
        if isinstance(self.inner_optimizer, Rule):
            self.inner_optimizer._loss = loss
        return scale(self, loss)

    kind.scale_loss = scale_loss


_hand_on_the_loss()
