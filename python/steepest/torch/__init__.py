"""Every rule as a `torch.optim.Optimizer`, and `fit`, which trains a module with nothing to tune.

`Adam`, `Momentum`, `Muon` … are made from the catalogue: a rule that is added to the core is here too.
Parameters of float32 or float64 on the CPU are moved by the compiled core, in place and without a copy;
everything else (other devices, half precision, `torch.compile`) by the same formula, evaluated with torch's
operations.

>>> import torch, steepest.torch
>>> model = torch.nn.Linear(3, 1)
>>> optimizer = steepest.torch.Adam(model.parameters(), lr=1e-3)
>>> loss = model(torch.ones(2, 3)).square().mean()
>>> loss.backward()
>>> optimizer.step()

`lr` may be left out: `MomoAdam` and `Rprop` find their steps by themselves, the others have the usual rate.
What turns gradients goes before: ``Adam(params, before=[steepest.rules.ClipNorm(most=1.0)])``.
"""

from __future__ import annotations

from typing import Any

try:
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "steepest.torch needs torch, which is not installed: pip install 'steepest[torch]'", name="torch"
    ) from None

from steepest import _catalog, hosts
from steepest._catalog import Entry, Settings
from steepest.errors import InputError
from steepest.torch.fitting import fit
from steepest.torch.losses import LOSSES
from steepest.torch.objective import Objective, objective
from steepest.torch.rule import Rule, words
from steepest.training.plan import Progress


class AdamW(Rule):
    """`Adam` with the weight decay of `torch.optim.AdamW` unless another is given.

    Parameters
    ----------
    params : iterable
    lr : float, default 0.001
    weight_decay : float, default 0.01
        Fraction of the parameter removed at each step, times the rate.
    **settings
        `betas`, `eps` and what else `Adam` takes.
    """

    rule = "adam"

    def __init__(self, params: Any, lr: Any = None, *, weight_decay: float = 0.01, **settings: Any) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **settings)


class SGD(Rule):
    """`torch.optim.SGD` with its own arguments: `Momentum`, or `Nesterov` where `nesterov` is true.

    Parameters
    ----------
    params : iterable
    lr : float, default 0.001
    momentum : float, default 0
        How much of the velocity is kept at each step.
    nesterov : bool, default False
        Use the gradient as if taken one velocity ahead; without `dampening`.
    **settings
        `weight_decay`, `dampening`, `maximize`.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0.0, *, nesterov: bool = False, **settings: Any
    ) -> None:
        self.rule = "nesterov" if nesterov else "momentum"
        if nesterov and settings.pop("dampening", 0) != 0:
            raise InputError("Nesterov's momentum takes dampening=0 only")
        if nesterov and momentum == 0:
            raise InputError("Nesterov's momentum needs a momentum above 0, like 0.9")
        super().__init__(params, lr, momentum=momentum, **settings)


def schedule(
    optimizer: torch.optim.Optimizer, rate: Settings, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """A schedule of `steepest.rates` over so many steps, as a scheduler of torch for any optimizer.

    >>> import torch, steepest
    >>> optimizer = steepest.torch.Adam([torch.nn.Parameter(torch.ones(2))], lr=0.01)
    >>> falling = steepest.torch.schedule(optimizer, steepest.rates.Cosine(), steps=1000)
    """
    return torch.optim.lr_scheduler.LambdaLR(optimizer, hosts.factor(rate, steps))


def _make(entry: Entry) -> type[Rule]:
    head = f"params : iterable\nlr : float, default {entry.about['rate']!r}"
    doc = hosts.docstring(entry, head, words(entry))
    body = {"rule": entry.name, "__doc__": doc, "__module__": __name__}
    return type(hosts.class_name(entry), (Rule,), body)


_STEPS = [e for e in _catalog.registry("rules").values() if e.about["kind"] == "parameter"]
_CLASSES = {c.__name__: c for c in map(_make, _STEPS)}
# as torch writes them
_CLASSES |= {"NAdam": _CLASSES["Nadam"], "RAdam": _CLASSES["Radam"], "RMSprop": _CLASSES["Rmsprop"]}
globals().update(_CLASSES)


__all__ = [
    "LOSSES",
    "SGD",
    "AdamW",
    "Objective",
    "Progress",
    "Rule",
    *sorted(_CLASSES),
    "fit",
    "objective",
    "schedule",
]


def __getattr__(name: str) -> type[Rule]:
    raise AttributeError(hosts.no_attribute(__name__, name, __all__))
