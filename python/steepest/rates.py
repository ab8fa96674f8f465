"""Schedules: how a rate changes over a run.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import rates
>>> rates.Cosine(end=0.1)
Cosine(end=0.1)
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = ["Constant", "Cosine", "Exponential", "InverseRoot", "Linear", "Plateau"]


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
