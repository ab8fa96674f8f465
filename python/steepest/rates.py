"""Schedules: how a rate changes over a run.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import rates
>>> rates.Cosine(end=0.1)
Cosine(end=0.1)
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = ["Constant", "Cosine", "Exponential", "InverseRoot", "Linear"]


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
