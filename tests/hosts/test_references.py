"""Every rule is its reference: torch's, optax's or the authors' own, over 100 steps on three problems.

The reference goes down the function; ours is given the gradients along its way and must be where it is. Going down by
itself it would leave that way at the first rounding that a sign, or a division by next to nothing, makes large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from steepest import _catalog, _core

pytestmark = pytest.mark.hosts

try:
    import jax
    import optax
    import torch

    jax.config.update("jax_enable_x64", True)
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    torch = None  # type: ignore[assignment]

STEPS = 100
SHAPES = [(3, 4), (5,)]
Point = list[Any]
#: One step of a reference: gradients at a point and a function to ask for others, the next point.
Step = Callable[[Point, float, Callable[[Point], tuple[float, Point]]], Point]


# Three problems: where they begin, and value and gradients there.
def _split(x: Any) -> Point:
    return [x[:12].reshape(3, 4), x[12:]]


def _flat(x: Point) -> Any:
    return np.concatenate([np.ravel(v) for v in x])


def quadratic(x: Any) -> tuple[float, Any]:
    a = np.geomspace(0.1, 10, x.size)
    return float(0.5 * a @ (x - 1) ** 2), a * (x - 1)


def valley(x: Any) -> tuple[float, Any]:
    """Rosenbrock's function, chained, at a tenth."""
    g, s = np.zeros_like(x), x[1:] - x[:-1] ** 2
    g[:-1] = -4 * x[:-1] * s - 0.2 * (1 - x[:-1])
    g[1:] += 2 * s
    return float(np.sum(s**2 + 0.1 * (1 - x[:-1]) ** 2)), g


def logistic(x: Any) -> tuple[float, Any]:
    rng = np.random.default_rng(1)
    rows, target = rng.normal(size=(40, x.size)), rng.integers(0, 2, 40)
    m = rows @ x
    return float(np.mean(np.logaddexp(0, m) - target * m)), rows.T @ (1 / (1 + np.exp(-m)) - target) / 40


PROBLEMS = [quadratic, valley, logistic]


def begin() -> Point:
    return _split(np.random.default_rng(0).normal(size=17))


class Ours:
    """The compiled rules."""

    def __init__(self, chain: Sequence[tuple[str, dict[str, float]]], rate: float, dtype: str) -> None:
        self.rule, self.rate, self.t = _core.Rule(chain), rate, 0
        self.twice = any(_catalog.find("rules", n).about["evaluations"] > 1 for n, _ in chain)
        self.memory = [[np.zeros(s, dtype) for s in self.rule.memory(shape)] for shape in SHAPES]
        self.state = np.zeros(self.rule.state(len(SHAPES)))

    def step(self, x: Point, value: float, g: Point, again: Any) -> None:
        self.t += 1
        if self.twice:
            to = [np.zeros_like(v) for v in x]
            self.rule.place(x, g, self.memory, self.state, to, self.t, self.rate, value)
            g = [v.astype(x[0].dtype) for v in again(to)[1]]
        self.rule.step(x, g, self.memory, self.state, self.t, self.rate, value)

    def shown(self, x: Point) -> Point:
        to = [np.zeros_like(v) for v in x]
        self.rule.shown(x, self.memory, self.state, to, self.t, self.rate)
        return to


class Torchs:
    """An optimizer of torch's kind."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.params = [torch.nn.Parameter(torch.tensor(v)) for v in begin()]
        self.optimizer = make(self.params)

    def step(self, x: Point, value: float, g: Point, again: Any) -> Point:
        for p, v, x0 in zip(self.params, g, x, strict=True):
            p.grad = torch.tensor(v)
            with torch.no_grad():
                p.copy_(torch.tensor(x0))
        self.optimizer.step()
        return [p.detach().numpy().copy() for p in self.params]

    def shown(self, x: Point) -> Point:
        return x


class Optaxs:
    """A transformation of optax's kind."""

    def __init__(self, tx: Any, **given: Callable[[float], Any]) -> None:
        self.tx, self.given = optax.with_extra_args_support(tx), given
        self.state = self.tx.init([jax.numpy.asarray(v) for v in begin()])

    def step(self, x: Point, value: float, g: Point, again: Any) -> Point:
        params = [jax.numpy.asarray(v) for v in x]
        grads = [jax.numpy.asarray(v) for v in g]
        more = {name: of(value) for name, of in self.given.items()}
        updates, self.state = self.tx.update(grads, self.state, params, **more)
        return [np.array(v) for v in optax.apply_updates(params, updates)]

    def shown(self, x: Point) -> Point:
        return x


class Plain:
    """A reference written out in NumPy: `one(x, g, memory, t, value, again)` returns the next point."""

    def __init__(self, one: Callable[..., Point], shown: Callable[..., Point] | None = None) -> None:
        self.one, self.memory, self.t, self.show = one, {}, 0, shown

    def step(self, x: Point, value: float, g: Point, again: Any) -> Point:
        self.t += 1
        return self.one(x, g, self.memory, self.t, value, again)

    def shown(self, x: Point) -> Point:
        return self.show(x, self.memory, self.t) if self.show else x


#: By name: our chain, the rate, and the reference.
CASES: dict[str, tuple[list[tuple[str, dict[str, float]]], float, Callable[[], Any]]] = {}
#: First moves so short that in float32 the way gone, x - x0, has hardly a digit: these measure it.
SHORT = {"dog", "l_dog", "prodigy", "mechanic"}


def case(name: str, chain: Any, rate: float, reference: Callable[[], Any]) -> None:
    CASES[name] = (chain if isinstance(chain, list) else [chain], rate, reference)


def torchs(name: str, chain: Any, optimizer: str, lr: float, **settings: Any) -> None:
    case(
        name,
        chain,
        lr,
        lambda: Torchs(lambda p: getattr(torch.optim, optimizer)(p, lr=lr, **settings)),
    )


def optaxs(name: str, chain: Any, rate: float, make: Callable[[], Any], **given: Any) -> None:
    case(name, chain, rate, lambda: Optaxs(make(), **given))


torchs("sgd", ("sgd", {"weight_decay": 0.1}), "SGD", 0.02, weight_decay=0.1)
torchs("momentum", ("momentum", {"momentum": 0.8}), "SGD", 0.02, momentum=0.8)
torchs(
    "momentum dampened",
    ("momentum", {"dampening": 0.3, "weight_decay": 0.1}),
    "SGD",
    0.02,
    momentum=0.9,
    dampening=0.3,
    weight_decay=0.1,
)
torchs(
    "nesterov",
    ("nesterov", {"momentum": 0.8, "weight_decay": 0.1}),
    "SGD",
    0.01,
    momentum=0.8,
    nesterov=True,
    weight_decay=0.1,
)
torchs("rprop", ("rprop", {"grow": 1.3}), "Rprop", 0.01, etas=(0.5, 1.3))
torchs("adagrad", ("adagrad", {}), "Adagrad", 0.1)
torchs(
    "adagrad set",
    ("adagrad", {"initial": 0.2, "rate_decay": 0.01, "weight_decay": 0.1, "epsilon": 1e-6}),
    "Adagrad",
    0.1,
    initial_accumulator_value=0.2,
    lr_decay=0.01,
    weight_decay=0.1,
    eps=1e-6,
)
torchs("adadelta", ("adadelta", {}), "Adadelta", 1.0)
torchs(
    "adadelta set",
    ("adadelta", {"square_decay": 0.8, "epsilon": 1e-4, "weight_decay": 0.1}),
    "Adadelta",
    0.7,
    rho=0.8,
    eps=1e-4,
    weight_decay=0.1,
)
torchs("rmsprop", ("rmsprop", {}), "RMSprop", 0.01)
torchs(
    "rmsprop centred",
    ("rmsprop", {"centred": 1, "square_decay": 0.9, "epsilon": 1e-3}),
    "RMSprop",
    0.01,
    centered=True,
    alpha=0.9,
    eps=1e-3,
)
torchs(
    "rmsprop momentum",
    ("rmsprop", {"momentum": 0.7, "weight_decay": 0.1}),
    "RMSprop",
    0.01,
    momentum=0.7,
    weight_decay=0.1,
)
torchs("adam", ("adam", {}), "Adam", 0.02)
torchs(
    "adam coupled",
    [("coupled_decay", {"strength": 0.1}), ("adam", {"mean_decay": 0.8, "square_decay": 0.95})],
    "Adam",
    0.02,
    betas=(0.8, 0.95),
    weight_decay=0.1,
)
torchs(
    "adam decoupled",
    [("adam", {"epsilon": 1e-4}), ("decoupled_decay", {"strength": 0.1})],
    "AdamW",
    0.02,
    eps=1e-4,
    weight_decay=0.1,
)
torchs("adamw", ("adamw", {}), "AdamW", 0.02)
torchs(
    "adamw set",
    ("adamw", {"mean_decay": 0.5, "weight_decay": 0.2}),
    "AdamW",
    0.02,
    betas=(0.5, 0.999),
    weight_decay=0.2,
)
torchs(
    "amsgrad",
    ("amsgrad", {"square_decay": 0.9}),
    "AdamW",
    0.02,
    betas=(0.9, 0.9),
    amsgrad=True,
    weight_decay=0.0,
)
torchs("amsgrad set", ("amsgrad", {"weight_decay": 0.1}), "AdamW", 0.02, amsgrad=True, weight_decay=0.1)
torchs("adamax", ("adamax", {}), "Adamax", 0.02)
torchs(
    "adamax set",
    [("coupled_decay", {"strength": 0.03}), ("adamax", {"mean_decay": 0.8, "square_decay": 0.9})],
    "Adamax",
    0.02,
    betas=(0.8, 0.9),
    weight_decay=0.03,
)
torchs("nadam", ("nadam", {}), "NAdam", 0.02)
torchs(
    "nadam set",
    ("nadam", {"mean_decay": 0.8, "square_decay": 0.9, "momentum_decay": 0.05, "weight_decay": 0.1}),
    "NAdam",
    0.02,
    betas=(0.8, 0.9),
    momentum_decay=0.05,
    weight_decay=0.1,
    decoupled_weight_decay=True,
)
torchs("radam", ("radam", {}), "RAdam", 0.02)
torchs(
    "radam set",
    ("radam", {"mean_decay": 0.8, "square_decay": 0.9, "weight_decay": 0.1}),
    "RAdam",
    0.02,
    betas=(0.8, 0.9),
    weight_decay=0.1,
    decoupled_weight_decay=True,
)
optaxs("sign_sgd", ("sign_sgd", {}), 0.013, lambda: optax.sign_sgd(0.013))
optaxs("lion", ("lion", {"weight_decay": 0.1}), 0.013, lambda: optax.lion(0.013, weight_decay=0.1))
optaxs("adabelief", ("adabelief", {}), 0.02, lambda: optax.adabelief(0.02))
optaxs(
    "adabelief set",
    ("adabelief", {"mean_decay": 0.8, "square_decay": 0.95, "epsilon": 1e-3, "inside": 1e-4}),
    0.02,
    lambda: optax.adabelief(0.02, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4),
)
optaxs("yogi", ("yogi", {}), 0.02, lambda: optax.yogi(0.02))
optaxs(
    "yogi set",
    ("yogi", {"mean_decay": 0.8, "square_decay": 0.9, "epsilon": 1e-6}),
    0.02,
    lambda: optax.yogi(0.02, b1=0.8, b2=0.9, eps=1e-6),
)
optaxs("adan", ("adan", {}), 0.02, lambda: optax.adan(0.02, eps_root=0.0))
optaxs(
    "adan set",
    ("adan", {"mean_decay": 0.9, "change_decay": 0.8, "square_decay": 0.95, "weight_decay": 0.1}),
    0.02,
    lambda: optax.adan(0.02, b1=0.9, b2=0.8, b3=0.95, eps_root=0.0, weight_decay=0.1),
)
optaxs("ademamix", ("ademamix", {}), 0.02, lambda: optax.contrib.ademamix(0.02))


def slow_in(step: Any) -> Any:
    """The authors' growth of the slow memory from .9 to .999 over 60 steps."""
    life = lambda b: np.log(0.5) / np.log(b + 1e-8) - 1  # noqa: E731
    a = (step + 1.0) / jax.numpy.float64(60)
    grown = 0.5 ** (1 / ((1 - a) * life(0.9) + a * life(0.999) + 1))
    return jax.numpy.where(step + 1 < 60, grown, 0.999)


optaxs(
    "ademamix warm",
    ("ademamix", {"slow_decay": 0.999, "mix": 3.0, "warm_up": 60, "weight_decay": 0.1}),
    0.02,
    lambda: optax.contrib.ademamix(
        0.02,
        b3=slow_in,
        alpha=lambda t: jax.numpy.minimum((t + 1) / jax.numpy.float64(60), 1.0) * 3.0,
        weight_decay=0.1,
    ),
)
optaxs("lars", ("lars", {}), 2.0, lambda: optax.lars(2.0, weight_decay=0.0))
optaxs(
    "lars set",
    ("lars", {"momentum": 0.5, "trust": 0.01, "epsilon": 1e-3, "weight_decay": 0.1}),
    1.0,
    lambda: optax.lars(1.0, weight_decay=0.1, momentum=0.5, trust_coefficient=0.01, eps=1e-3),
)
optaxs("lamb", ("lamb", {"weight_decay": 0.1}), 0.02, lambda: optax.lamb(0.02, weight_decay=0.1))
optaxs(
    "momo_adam",
    ("momo_adam", {}),
    0.1,
    lambda: optax.contrib.momo_adam(0.1, adapt_lower_bound=False),
    value=lambda v: v,
)
optaxs(
    "clip_norm",
    [("clip_norm", {"most": 0.5}), ("sgd", {})],
    0.1,
    lambda: optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1)),
)
optaxs(
    "clip_value",
    [("clip_value", {"most": 0.2}), ("sgd", {})],
    0.1,
    lambda: optax.chain(optax.clip(0.2), optax.sgd(0.1)),
)


# What stands around a rule, and what finds its own step.
def going(rate: float, keep: float) -> Callable[[Point, Point, dict[str, Any]], Point]:
    """Heavy ball, in NumPy: the next point."""

    def move(x: Point, g: Point, memory: dict[str, Any]) -> Point:
        v = memory.setdefault("velocity", [np.zeros_like(v) for v in x])
        for k, one in enumerate(g):
            v[k] = keep * v[k] + one
        return [a - rate * b for a, b in zip(x, v, strict=True)]

    return move


def lookahead(x: Point, g: Point, memory: dict[str, Any], t: int, *_: Any) -> Point:
    slow = memory.setdefault("slow", x)
    x = going(0.02, 0.9)(x, g, memory)
    if t % 4 == 0:
        x = memory["slow"] = [a + 0.3 * (b - a) for a, b in zip(slow, x, strict=True)]
    return x


def averaging(decay: float | None) -> Callable[..., Point]:
    """An average that begins with the first point: of fading memory, or of the points after the 10th."""

    def one(x: Point, g: Point, memory: dict[str, Any], t: int, *_: Any) -> Point:
        x = going(0.02, 0.9)(x, g, memory)
        share = 1 / max(t - 10, 1) if decay is None else 1 - decay
        kept = memory.get("average", x)
        memory["average"] = [a + share * (b - a) for a, b in zip(kept, x, strict=True)]
        return x

    return one


def averaged(x: Point, memory: dict[str, Any], t: int) -> Point:
    return memory["average"]


def sam(adaptive: bool) -> Callable[..., Point]:
    """As github.com/davda54/sam."""

    def one(x: Point, g: Point, memory: dict[str, Any], t: int, value: float, again: Any) -> Point:
        wide = [np.abs(v) if adaptive else np.ones_like(v) for v in x]
        length = np.sqrt(sum(np.sum((w * v) ** 2) for w, v in zip(wide, g, strict=True)))
        place = [a + 0.1 / (length + 1e-12) * w**2 * b for a, w, b in zip(x, wide, g, strict=True)]
        return [a - 0.02 * b for a, b in zip(x, again(place)[1], strict=True)]

    return one


def free(x: Point, g: Point, memory: dict[str, Any], t: int, *_: Any) -> Point:
    """Schedule-free descent with a warm-up and later points counting more, as the authors' package has it."""
    z = memory.setdefault("z", x)
    lr = 0.05 * min(t / 20, 1.0)
    memory["most"] = max(memory.get("most", 0.0), lr)
    weight = t**0.5 * memory["most"] ** 2
    memory["sum"] = memory.get("sum", 0.0) + weight
    part = weight / memory["sum"]
    g = [a + 0.1 * b for a, b in zip(g, x, strict=True)]
    memory["z"] = [a - lr * b for a, b in zip(z, g, strict=True)]
    lean = lr * (0.8 * (1 - part) - 1)
    return [a + part * (b - a) + lean * c for a, b, c in zip(x, z, g, strict=True)]


def free_shown(x: Point, memory: dict[str, Any], t: int) -> Point:
    return [a + (1 - 1 / 0.8) * (b - a) for a, b in zip(x, memory["z"], strict=True)]


BALL = ("momentum", {})
case("lookahead", [BALL, ("lookahead", {"every": 4, "share": 0.3})], 0.02, lambda: Plain(lookahead))
case("ema", [BALL, ("ema", {"decay": 0.95})], 0.02, lambda: Plain(averaging(0.95), averaged))
case("averaging", [BALL, ("averaging", {"start": 10})], 0.02, lambda: Plain(averaging(None), averaged))
case("sam", [("sam", {"radius": 0.1}), ("sgd", {})], 0.02, lambda: Plain(sam(False)))
case("sam adaptive", [("sam", {"radius": 0.1, "adaptive": 1}), ("sgd", {})], 0.02, lambda: Plain(sam(True)))
FREE = {"momentum": 0.8, "warm_up": 20, "later": 0.5, "weight_decay": 0.1}
case("schedule_free_sgd set", ("schedule_free_sgd", FREE), 0.05, lambda: Plain(free, free_shown))


class Frees(Optaxs):
    """optax's schedule-free transformations, which show another point."""

    def shown(self, x: Point) -> Point:
        params = [jax.numpy.asarray(v) for v in x]
        return [np.array(v) for v in optax.contrib.schedule_free_eval_params(self.state, params)]


case(
    "schedule_free_sgd",
    ("schedule_free_sgd", {"momentum": 0.7}),
    0.05,
    lambda: Frees(optax.contrib.schedule_free_sgd(0.05, b1=0.7)),
)
case(
    "schedule_free_adamw",
    ("schedule_free_adamw", {"square_decay": 0.95, "weight_decay": 0.1}),
    0.05,
    lambda: Frees(optax.contrib.schedule_free_adamw(0.05, b2=0.95, weight_decay=0.1)),
)
optaxs(
    "polyak",
    ("polyak", {"bound": 0.1}),
    0.5,
    lambda: optax.polyak_sgd(0.5, f_min=0.1, variant="sps+"),
    value=lambda v: v,
)


def half_polyak(x: Point, g: Point, memory: dict[str, Any], t: int, value: float, again: Any) -> Point:
    length = 0.5 * min(max(value + 0.5, 0.0) / sum(np.sum(v**2) for v in g), 0.3)
    return [a - length * b for a, b in zip(x, g, strict=True)]


case("polyak half", ("polyak", {"bound": -0.5, "share": 0.5}), 0.3, lambda: Plain(half_polyak))
optaxs(
    "momo",
    ("momo", {"mean_decay": 0.8, "bound": 0.01}),
    0.1,
    lambda: optax.contrib.momo(0.1, beta=0.8, lower_bound=0.01, adapt_lower_bound=False),
    value=lambda v: v,
)
optaxs("dog", ("dog", {"start": 1e-3}), 0.9, lambda: optax.contrib.dog(0.9, ("heuristic", 1e-3)))
optaxs("dog far", ("dog", {"start": 0.3}), 0.9, lambda: optax.contrib.dog(0.9, ("heuristic", 0.3)))
optaxs("dowg", ("dowg", {"start": 1e-2}), 0.9, lambda: optax.contrib.dowg(0.9, 1e-2))


torchs("adafactor", ("adafactor", {}), "Adafactor", 0.05, eps=(1.1920928955078125e-7, 1e-3))
torchs(
    "adafactor set",
    ("adafactor", {"decay": 0.5, "cut": 1.5, "least": 0.1, "weight_decay": 0.1}),
    "Adafactor",
    0.05,
    eps=(1.1920928955078125e-7, 0.1),
    beta2_decay=-0.5,
    d=1.5,
    weight_decay=0.1,
)
optaxs(
    "centralise",
    [("centralise", {}), BALL],
    0.02,
    lambda: optax.chain(optax.centralize(), optax.sgd(0.02, momentum=0.9)),
)
optaxs(
    "clip_adaptive",
    [("clip_adaptive", {"most": 0.3, "by_column": 1}), ("sgd", {})],
    0.05,
    lambda: optax.chain(optax.adaptive_grad_clip(0.3), optax.sgd(0.05)),
)


class Each:
    """A transformation of its own for each tensor."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.each = [Optaxs(make()) for _ in SHAPES]
        for k, one in enumerate(self.each):
            one.state = one.tx.init([jax.numpy.asarray(begin()[k])])

    def step(self, x: Point, value: float, g: Point, again: Any) -> Point:
        parts = zip(self.each, x, g, strict=True)
        return [one.step([a], value, [b], again)[0] for one, a, b in parts]

    def shown(self, x: Point) -> Point:
        return x


case(
    "l_dog",
    ("l_dog", {"start": 1e-3}),
    1.0,
    lambda: Each(lambda: optax.contrib.dog(1.0, ("heuristic", 1e-3))),
)
case(
    "l_dog far",
    ("l_dog", {"start": 0.3}),
    1.0,
    lambda: Each(lambda: optax.contrib.dog(1.0, ("heuristic", 0.3))),
)
optaxs("d_adaptation", ("d_adaptation", {}), 1.0, lambda: optax.contrib.dadapt_adamw())
optaxs(
    "d_adaptation set",
    ("d_adaptation", {"mean_decay": 0.8, "square_decay": 0.9, "start": 1e-4, "weight_decay": 0.1}),
    0.5,
    lambda: optax.contrib.dadapt_adamw(0.5, (0.8, 0.9), estim_lr0=1e-4, weight_decay=0.1),
)
optaxs("prodigy", ("prodigy", {}), 1.0, lambda: optax.contrib.prodigy())
optaxs(
    "prodigy set",
    (
        "prodigy",
        {
            "mean_decay": 0.8,
            "sum_decay": 0.9,
            "coefficient": 0.5,
            "safeguard": 1,
            "start": 0.01,
            "weight_decay": 0.1,
        },
    ),
    0.5,
    lambda: optax.contrib.prodigy(
        0.5,
        (0.8, 0.999),
        beta3=0.9,
        estim_lr0=0.01,
        estim_lr_coef=0.5,
        safeguard_warmup=True,
        weight_decay=0.1,
    ),
)
optaxs("cocob", ("cocob", {"caution": 50.0}), 1.0, lambda: optax.contrib.cocob(1.0, 50.0))
optaxs(
    "mechanic",
    [("sgd", {}), ("mechanic", {"start": 1e-3, "weight_decay": 0.02})],
    0.05,
    lambda: optax.contrib.mechanize(optax.sgd(0.05), s_init=1e-3, weight_decay=0.02),
)
optaxs(
    "mechanic far",
    [("adam", {}), ("mechanic", {"start": 1.0})],
    0.05,
    lambda: optax.contrib.mechanize(optax.adam(0.05), s_init=1.0),
)


def soap_written_out(b1: float, b2: float, lr: float, eps: float, decay: float) -> Callable[..., Point]:
    """Algorithms 3 and 4 of the paper at a frequency of 1 with the basis of the left alone, Q_R = 1; Q_L begins as 1,
    and lines 10 to 14 come before the step."""

    def one(x: Point, g: Point, memory: dict[str, Any], t: int, *_: Any) -> Point:
        (w, bias), (gradient, own) = x, g
        if t == 1:
            memory |= {
                "M": 0 * w,
                "V": 0 * w,
                "L": np.zeros((3, 3)),
                "Q": np.eye(3),
                "m": 0 * bias,
                "v": 0 * bias,
            }
        memory["L"] = b2 * memory["L"] + (1 - b2) * gradient @ gradient.T
        memory["Q"] = np.linalg.qr(memory["L"] @ memory["Q"])[0]
        q = memory["Q"]
        memory["M"] = b1 * memory["M"] + (1 - b1) * gradient
        memory["V"] = b2 * memory["V"] + (1 - b2) * (q.T @ gradient) ** 2
        first, second = q.T @ memory["M"] / (1 - b1**t), memory["V"] / (1 - b2**t)
        w = w - lr * (q @ (first / (np.sqrt(second) + eps))) - lr * decay * w
        memory["m"] = b1 * memory["m"] + (1 - b1) * own
        memory["v"] = b2 * memory["v"] + (1 - b2) * own**2
        moved = memory["m"] / (1 - b1**t) / (np.sqrt(memory["v"] / (1 - b2**t)) + eps)
        return [w, bias - lr * moved - lr * decay * bias]

    return one


case("soap", ("soap", {}), 0.02, lambda: Plain(soap_written_out(0.95, 0.95, 0.02, 1e-8, 0.0)))
case(
    "soap set",
    (
        "soap",
        {"mean_decay": 0.9, "square_decay": 0.99, "epsilon": 1e-6, "weight_decay": 0.1},
    ),
    0.02,
    lambda: Plain(soap_written_out(0.9, 0.99, 0.02, 1e-6, 0.1)),
)


def run(name: str, problem: Callable[[Any], tuple[float, Any]]) -> tuple[float, float]:
    """How far ours ends from the reference, and float32 from float64 by the same gradients, against the largest."""
    chain, rate, reference = CASES[name]

    def at(x: Point) -> tuple[float, Point]:
        value, g = problem(_flat(x).astype(float))
        return value, _split(g)

    theirs, way = reference(), begin()
    wide, mine = Ours(chain, rate, "float64"), begin()
    narrow, short = Ours(chain, rate, "float32"), [v.astype("float32") for v in begin()]
    led, copy = Ours(chain, rate, "float64"), [v.astype(float) for v in short]
    for _ in range(STEPS):
        value, g = at(way)
        rounded = [v.astype("float32") for v in g]
        wide.step(mine, value, g, at)
        narrow.step(short, value, rounded, at)
        led.step(copy, value, [v.astype(float) for v in rounded], at)
        way = theirs.step(way, value, g, at)
    ends = [_flat(o) for o in (wide.shown(mine), theirs.shown(way), narrow.shown(short), led.shown(copy))]
    gaps = [np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in ((ends[0], ends[1]), (ends[2], ends[3]))]
    return float(gaps[0]), float(gaps[1])


@pytest.fixture
def doubles() -> Any:
    """Double precision wherever torch is told nothing: its NAdam keeps a product in it."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", list(CASES))
def test_it_is_its_reference(name: str, problem: Callable[[Any], tuple[float, Any]]) -> None:
    gap, rounding = run(name, problem)
    assert gap <= 1e-10
    assert name in SHORT or rounding <= 1e-5


def test_every_rule_has_one() -> None:
    tested = {rule for chain, _, _ in CASES.values() for rule, _ in chain}
    # muon is in test_torch.py; noise is judged by how its numbers are distributed, in test_rules.py.
    assert set(_catalog.registry("rules")) == tested | {"muon", "gradient_noise"}
