"""Schedules: how a rate changes over a run.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import rates
>>> rates.Cosine(end=0.1)
Cosine(end=0.1)
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "InverseRoot",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "Polynomial",
    "Stable",
    "Step",
    "Triangular",
    "WarmRestarts",
    "WarmUp",
]


@dataclass(frozen=True)
class Constant(Settings):
    """The same rate all along.

    Notes
    -----
    As recorded from the core::

        factor ← 1
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "constant"


@dataclass(frozen=True)
class Linear(Settings):
    """Falls in a straight line over the run, from 1 to `end`.

    Defazio, Cutkosky, Mehta and Mishchenko 2023, <https://arxiv.org/abs/2310.07831>.

    Parameters
    ----------
    end : float, default 0.0
        The factor that the run ends at. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        factor ← 1 + done·(end - 1)
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "linear"
    end: float = 0.0


@dataclass(frozen=True)
class Cosine(Settings):
    """Falls along half a cosine over the run, from 1 to `end`: end + (1 − end)·(1 + cos(π·done)) / 2.

    Loshchilov and Hutter 2017, <https://arxiv.org/abs/1608.03983>.

    Parameters
    ----------
    end : float, default 0.0
        The factor that the run ends at. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        factor ← end + (1 - end)·0.5·(1 + cos(3.141592653589793·done))
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "cosine"
    end: float = 0.0


@dataclass(frozen=True)
class Exponential(Settings):
    """Falls by the same factor at every step, to `end` at the end of the run: end^done.

    Parameters
    ----------
    end : float, default 0.01
        The factor that the run ends at. Allowed: at least 1e-300.

    Notes
    -----
    As recorded from the core::

        factor ← pow(end, done)
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "exponential"
    end: float = 0.01


@dataclass(frozen=True)
class InverseRoot(Settings):
    """Falls with the square root of the step's number, (step / hold)^−½ after the first `hold` steps: needs
    no budget, and with it stochastic gradient descent converges.

    Nemirovski, Juditsky, Lan and Shapiro 2009, <https://doi.org/10.1137/070704277>.

    Parameters
    ----------
    hold : float, default 1.0
        Steps at the full rate. Allowed: at least 1.

    Notes
    -----
    As recorded from the core::

        factor ← sqrt(hold / max(step, hold))
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "inverse_root"
    hold: float = 1.0


@dataclass(frozen=True)
class Plateau(Settings):
    """Falls where the value does: once it has not come below its least by `threshold` (a part of it) for
    more than `patience` looks, the rate is multiplied by `factor`. A look is a step, or an epoch where
    there are batches.

    The steps of `torch.optim.lr_scheduler.ReduceLROnPlateau` with its `mode="min"`, `threshold_mode="rel"`.

    Parameters
    ----------
    factor : float, default 0.1
        What the rate is multiplied by each time. Allowed: between 1e-300 and 1.
    patience : int, default 10
        Looks without a lower value that are let pass. Allowed: at least 0.
    threshold : float, default 0.0001
        A value counts as lower where it is by so large a part of the least. Allowed: between 0 and 1.
    cooldown : int, default 0
        Looks after a fall that are not counted. Allowed: at least 0.
    least : float, default 0.0
        The least that the rate is multiplied by in all. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        factor ← max(pow(factor, falls), least)
        looks ← looks + 1
        lowest ← positive(positive(0.5 - looks, 1, positive(lowest - threshold·|lowest| - value, 1, 0)) -
        0.5, value, lowest)
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "plateau"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 0.0001
    cooldown: int = 0
    least: float = 0.0


@dataclass(frozen=True)
class Step(Settings):
    """Falls by `factor` after every so many steps: factor^⌊(k − 1) / every⌋ at step k.

    The steps of `torch.optim.lr_scheduler.StepLR`.

    Parameters
    ----------
    every : int, default 30
        Steps between two falls. Allowed: at least 1.
    factor : float, default 0.1
        What the rate is multiplied by each time. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        factor ← pow(factor, floor((step - 1) / every))
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "step"
    every: int = 30
    factor: float = 0.1


@dataclass(frozen=True)
class MultiStep(Settings):
    """Falls by `factor` after each of up to four numbers of steps; 0 is none. For more, or for falls that
    differ, join pieces.

    The steps of `torch.optim.lr_scheduler.MultiStepLR`.

    Parameters
    ----------
    first : int, default 30
        Steps before the first fall. Allowed: at least 0.
    second : int, default 60
        Steps before the second fall. Allowed: at least 0.
    third : int, default 0
        Steps before the third fall. Allowed: at least 0.
    fourth : int, default 0
        Steps before the fourth fall. Allowed: at least 0.
    factor : float, default 0.1
        What the rate is multiplied by each time. Allowed: at least 0.
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "multi_step"
    first: int = 30
    second: int = 60
    third: int = 0
    fourth: int = 0
    factor: float = 0.1


@dataclass(frozen=True)
class Polynomial(Settings):
    """Falls as a power of what is left of the run, from 1 to `end`: end + (1 − end)·(1 − done)^power.

    `torch.optim.lr_scheduler.PolynomialLR`; optax's `polynomial_schedule`.

    Parameters
    ----------
    power : float, default 2.0
        The power; 1 is a straight line. Allowed: between 0 and 1000.
    end : float, default 0.0
        The factor that the run ends at. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        factor ← end + (1 - end)·pow(1 - done, power)
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "polynomial"
    power: float = 2.0
    end: float = 0.0


@dataclass(frozen=True)
class WarmUp(Settings):
    """Rises in a straight line over the first `steps`, from `start` to 1, and stays: by itself, or as the
    first of joined pieces. Adam's mean squares are of few gradients then, and large steps may do lasting
    harm.

    `torch.optim.lr_scheduler.LinearLR`; Goyal, Dollár, Girshick et al. 2017,
    <https://arxiv.org/abs/1706.02677>.

    Parameters
    ----------
    steps : int, default 100
        Steps until the full rate. Allowed: at least 1.
    start : float, default 0.01
        The factor that it starts from. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        factor ← start + (1 - start)·min((step - 1) / steps, 1)
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "warm_up"
    steps: int = 100
    start: float = 0.01


@dataclass(frozen=True)
class WarmRestarts(Settings):
    """Falls along half a cosine, again and again: the first time over `first` steps, then over `grow` times
    as many each time, from 1 to `end`.

    `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`; Loshchilov and Hutter 2017,
    <https://arxiv.org/abs/1608.03983>.

    Parameters
    ----------
    first : int, default 50
        Steps of the first fall. Allowed: at least 1.
    grow : int, default 1
        How much longer each is than the one before. Allowed: between 1 and 1000.
    end : float, default 0.0
        The factor that each ends at. Allowed: at least 0.
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "warm_restarts"
    first: int = 50
    grow: int = 1
    end: float = 0.0


@dataclass(frozen=True)
class OneCycle(Settings):
    """Rises along half a cosine from `start` to 1 over the first `rise` of the run, then falls along
    another to `end`: large rates in the middle, small ones at both ends. The rate given is the largest.
    torch's `OneCycleLR` takes the last step for the end of the run, this the one after it, as optax's.

    Smith and Topin 2018, <https://arxiv.org/abs/1708.07120>; optax's `cosine_onecycle_schedule`.

    Parameters
    ----------
    rise : float, default 0.3
        The part of the run that it rises over. Allowed: between 0 and 1.
    start : float, default 0.04
        The factor that it starts from. Allowed: between 0 and 1.
    end : float, default 4e-06
        The factor that the run ends at. Allowed: between 0 and 1.
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "one_cycle"
    rise: float = 0.3
    start: float = 0.04
    end: float = 4e-06


@dataclass(frozen=True)
class Triangular(Settings):
    """Rises in a straight line from `low` to 1 over `steps` and falls back over as many, again and again;
    `shrink` times as high each time.

    `torch.optim.lr_scheduler.CyclicLR` (`triangular`; with `shrink` ½ `triangular2`); Smith 2017,
    <https://arxiv.org/abs/1506.01186>.

    Parameters
    ----------
    steps : int, default 25
        Steps up, and steps down. Allowed: at least 1.
    low : float, default 0.1
        The factor at the bottom. Allowed: between 0 and 1.
    shrink : float, default 1.0
        How high each cycle is against the one before. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        factor ← low + (1 - low)·max(1 - |(step - 1) / steps - 2·floor((step - 1) / steps / 2) - 1|,
        0)·pow(shrink, floor((step - 1) / steps / 2))
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "triangular"
    steps: int = 25
    low: float = 0.1
    shrink: float = 1.0


@dataclass(frozen=True)
class Stable(Settings):
    """Warm-up, stable, decay: rises in a straight line from `start` over the first part of the run, stays
    at 1, and falls in a straight line to `end` over the last.

    Hu, Tu, Han et al. 2024, <https://arxiv.org/abs/2404.06395>; Zhai, Kolesnikov, Houlsby and Beyer 2022,
    <https://arxiv.org/abs/2106.04560>.

    Parameters
    ----------
    rise : float, default 0.05
        The part of the run that it rises over. Allowed: between 0 and 1.
    fall : float, default 0.2
        The part of the run that it falls over. Allowed: between 0 and 1.
    start : float, default 0.01
        The factor that it starts from. Allowed: between 0 and 1.
    end : float, default 0.0
        The factor that the run ends at. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        factor ← (start + (1 - start)·min(positive(rise, done / rise, 1), 1))·(1 - (1 -
        end)·clamp(positive(fall, (done - 1 + fall) / fall, 0), 0, 1))
    """

    registry: ClassVar[str] = "rates"
    name: ClassVar[str] = "stable"
    rise: float = 0.05
    fall: float = 0.2
    start: float = 0.01
    end: float = 0.0
