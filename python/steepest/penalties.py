"""Penalties: what is added to an objective, or forbidden.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import penalties
>>> penalties.L2().name
'l2'
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = ["L1", "L2", "Box", "ElasticNet", "NonePenalty", "Simplex"]


@dataclass(frozen=True)
class NonePenalty(Settings):
    """Nothing is added: 0."""

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "none"


@dataclass(frozen=True)
class L2(Settings):
    """Half the sum of squares, ½ ‖x‖² (ridge): shrinks all coordinates, none to exactly 0.

    Hoerl and Kennard 1970, <https://doi.org/10.1080/00401706.1970.10488634>.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "l2"


@dataclass(frozen=True)
class L1(Settings):
    """The sum of absolute values, ‖x‖₁ (lasso): sets most coordinates to exactly 0. Its prox is the soft
    threshold.

    Tibshirani 1996, <https://doi.org/10.1111/j.2517-6161.1996.tb02080.x>.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "l1"


@dataclass(frozen=True)
class ElasticNet(Settings):
    """A mixture, ratio·‖x‖₁ + ½ (1 − ratio)·‖x‖²: sets coordinates to 0 and keeps those that go together.

    Zou and Hastie 2005, <https://doi.org/10.1111/j.1467-9868.2005.00503.x>.

    Parameters
    ----------
    ratio : float, default 0.5
        The share of the absolute values: 1 is the lasso, 0 is ridge. Allowed: between 0 and 1.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "elastic_net"
    ratio: float = 0.5


@dataclass(frozen=True)
class Box(Settings):
    """Bounds, low ≤ x ≤ high: 0 within and +∞ outside, whatever alpha. Its prox is the projection. Bounds
    that differ by coordinate are set with `Penalty::within`.

    Bertsekas 1976, <https://doi.org/10.1109/TAC.1976.1101194>.

    Parameters
    ----------
    low : float, default 0.0
        The least value allowed. Allowed: any number.
    high : float, default 1.0
        The largest value allowed. Allowed: any number.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "box"
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Simplex(Settings):
    """Shares of a whole, x ≥ 0 and Σ x = radius: 0 on the simplex and +∞ off it, whatever alpha. Its prox
    is the projection, which moves every coordinate by the same amount (times its step) until the sum is
    right.

    Held, Wolfe and Crowder 1974, <https://doi.org/10.1007/BF01580223>.

    Parameters
    ----------
    radius : float, default 1.0
        The whole that is shared out. Allowed: at least 1e-300.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "simplex"
    radius: float = 1.0
