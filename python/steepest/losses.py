"""Losses: what a prediction that misses its target costs.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import losses
>>> losses.Huber(width=2.0)
Huber(width=2.0)
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = ["Huber", "Logistic", "Poisson", "Softmax", "Squared"]


@dataclass(frozen=True)
class Squared(Settings):
    """Half the squared error, ½ (margin − target)²: its minimiser is the mean.

    Legendre 1805; Gauss 1809.

    Notes
    -----
    As recorded from the core::

        value ← 0.5·(margin - target)²
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "squared"


@dataclass(frozen=True)
class Logistic(Settings):
    """Log-loss of two classes, targets 0 and 1, margin the log-odds: ln(1 + e^margin) − target·margin,
    written as softplus of the margin with the sign of the other class, so that it keeps its digits on the
    right side too.

    Cox 1958, <https://doi.org/10.1111/j.2517-6161.1958.tb00292.x>.

    Notes
    -----
    As recorded from the core::

        value ← softplus((1 - 2·target)·margin)
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "logistic"


@dataclass(frozen=True)
class Huber(Settings):
    """Squared near the target and linear beyond `width` from it: outliers pull with a bounded force. With r
    = margin − target: ½ r² where |r| ≤ width, width·(|r| − ½ width) beyond.

    Huber 1964, <https://doi.org/10.1214/aoms/1177703732>.

    Parameters
    ----------
    width : float, default 1.35
        Distance from the target at which the square turns into a line, in units of the target. Allowed: at
        least 1e-12.

    Notes
    -----
    As recorded from the core::

        value ← clamp(margin - target, -width, width)·(margin - target - 0.5·clamp(margin - target, -width,
        width))
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "huber"
    width: float = 1.35


@dataclass(frozen=True)
class Poisson(Settings):
    """Half the deviance of counts whose logarithmic mean is the margin: e^margin − target·margin − target +
    target·ln(target), 0 where the mean is the target.

    Nelder and Wedderburn 1972, <https://doi.org/10.2307/2344614>.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "poisson"


@dataclass(frozen=True)
class Softmax(Settings):
    """Log-loss of several classes: the target is the class, 0, 1, 2 …, and a row has one margin a class. ln
    Σ_k e^(z_k) − z_target, the probability of class k being e^(z_k) / Σ_l e^(z_l).

    Bridle 1990, <https://doi.org/10.1007/978-3-642-76153-9_28>.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "softmax"
