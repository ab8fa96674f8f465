"""Line searches: how far to go along a direction.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import searches
>>> searches.Armijo(decrease=0.1)
Armijo(decrease=0.1)
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = ["ApproximateWolfe", "Armijo", "HagerZhang", "MoreThuente", "NonMonotone", "StrongWolfe"]


@dataclass(frozen=True)
class ApproximateWolfe(Settings):
    """A search by Wolfe's conditions, φ(a) ≤ φ(0) + c₁ a φ′(0) and φ′(a) ≥ c₂ φ′(0), or, where rounding
    hides the fall of the value, Hager and Zhang's (2 c₁ − 1) φ′(0) ≥ φ′(a). Secants through the slopes
    inside a bracket and beyond it, a parabola where only the value is known; the slope is asked for only
    where the value is low enough.

    Hager and Zhang 2005, <https://doi.org/10.1137/030601880>.

    Parameters
    ----------
    decrease : float, default 0.0001
        c₁, the share of the promised fall that is enough. Allowed: between 0 and 0.5.
    curvature : float, default 0.9
        c₂, the share of the slope that may be left. Allowed: between 0 and 1.
    """

    registry: ClassVar[str] = "searches"
    name: ClassVar[str] = "approximate_wolfe"
    decrease: float = 0.0001
    curvature: float = 0.9


@dataclass(frozen=True)
class Armijo(Settings):
    """Armijo's backtracking: the first length at which the value has fallen by a share of what the slope
    promised, φ(a) ≤ φ(0) + c₁ a φ′(0); else a shorter one, by the parabola through what is known, within a
    tenth and a half.

    No slope but the first is looked at: a rejected trial costs a value only. Right for directions whose
    first length is nearly right, as Newton's.

    Armijo 1966, <https://doi.org/10.2140/pjm.1966.16.1>; Nocedal and Wright 2006, section 3.5.

    Parameters
    ----------
    decrease : float, default 0.0001
        c₁, the share of the promised fall that is enough. Allowed: between 0 and 0.5.
    """

    registry: ClassVar[str] = "searches"
    name: ClassVar[str] = "armijo"
    decrease: float = 0.0001


@dataclass(frozen=True)
class HagerZhang(Settings):
    """Hager and Zhang's search, CG_DESCENT's: a bracket whose ends have slopes of opposite sign shrinks by
    a secant at either end at once, until Wolfe's conditions hold, or the approximate ones that see through
    the rounding of values.

    Hager and Zhang 2005, <https://doi.org/10.1137/030601880>; 2006,
    <https://doi.org/10.1145/1132973.1132979>.

    Parameters
    ----------
    decrease : float, default 0.1
        δ, the share of the promised fall that is enough. Allowed: between 0 and 0.5.
    curvature : float, default 0.9
        σ, the share of the slope that may be left. Allowed: between 0 and 1.
    """

    registry: ClassVar[str] = "searches"
    name: ClassVar[str] = "hager_zhang"
    decrease: float = 0.1
    curvature: float = 0.9


@dataclass(frozen=True)
class MoreThuente(Settings):
    """Moré and Thuente's search for φ(a) ≤ φ(0) + c₁ a φ′(0) and |φ′(a)| ≤ c₂ |φ′(0)|: an interval that is
    known to hold such a point shrinks by cubics and secants that are chosen by how values and slopes lie;
    as long as the value has not fallen by enough, of φ(a) − c₁ a φ′(0) in φ's place. MINPACK's, and that of
    L-BFGS-B.

    Moré and Thuente 1994, <https://doi.org/10.1145/192115.192132>.

    Parameters
    ----------
    decrease : float, default 0.0001
        c₁, the share of the promised fall that is enough. Allowed: between 0 and 0.5.
    curvature : float, default 0.9
        c₂, the share of the slope that may be left. Allowed: between 0 and 1.
    """

    registry: ClassVar[str] = "searches"
    name: ClassVar[str] = "more_thuente"
    decrease: float = 0.0001
    curvature: float = 0.9


@dataclass(frozen=True)
class NonMonotone(Settings):
    """Non-monotone backtracking: the value has to fall below the largest of the last few, max φ + c₁ a
    φ′(0), and not below the last. Steps that the curvature along the last one gives (Barzilai and
    Borwein's) are quick because they may rise.

    Grippo, Lampariello and Lucidi 1986, <https://doi.org/10.1137/0723046>.

    Parameters
    ----------
    decrease : float, default 0.0001
        c₁, the share of the promised fall that is enough. Allowed: between 0 and 0.5.
    values : int, default 10
        Values that a new one is held against. Allowed: between 1 and 1000.
    """

    registry: ClassVar[str] = "searches"
    name: ClassVar[str] = "non_monotone"
    decrease: float = 0.0001
    values: int = 10


@dataclass(frozen=True)
class StrongWolfe(Settings):
    """A search by the strong Wolfe conditions, φ(a) ≤ φ(0) + c₁ a φ′(0) and |φ′(a)| ≤ c₂ |φ′(0)|: longer
    steps until a bracket is found, then cubics and parabolas inside it.

    Nocedal and Wright 2006, algorithms 3.5 and 3.6.

    Parameters
    ----------
    decrease : float, default 0.0001
        c₁, the share of the promised fall that is enough. Allowed: between 0 and 0.5.
    curvature : float, default 0.9
        c₂, the share of the slope that may be left. Allowed: between 0 and 1.
    """

    registry: ClassVar[str] = "searches"
    name: ClassVar[str] = "strong_wolfe"
    decrease: float = 0.0001
    curvature: float = 0.9
