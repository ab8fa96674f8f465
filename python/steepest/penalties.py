"""Penalties: what is added to an objective, or forbidden.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import penalties
>>> penalties.L2().name
'l2'
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = [
    "L1",
    "L2",
    "Affine",
    "Box",
    "CappedSimplex",
    "ElasticNet",
    "GroupLasso",
    "HalfSpace",
    "Hyperplane",
    "L1Ball",
    "L2Ball",
    "Linf",
    "LinfBall",
    "Mcp",
    "Monotone",
    "NonePenalty",
    "NuclearNorm",
    "Scad",
    "Simplex",
    "SmoothL1",
    "TotalVariation",
]


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
class LinfBall(Settings):
    """No absolute value above `radius`, max_j |x_j| ≤ radius: 0 there and +∞ elsewhere, whatever alpha. Its
    prox clips.

    Parikh and Boyd 2014, section 6.2.4, <https://doi.org/10.1561/2400000003>.

    Parameters
    ----------
    radius : float, default 1.0
        The largest absolute value allowed. Allowed: at least 1e-300.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "linf_ball"
    radius: float = 1.0


@dataclass(frozen=True)
class Mcp(Settings):
    """The minimax concave penalty: absolute values whose pull fades to nothing at |x| = gamma·alpha, so
    that large coefficients are not shrunk. With m = min(|x|, gamma·alpha): alpha·m − ½ m²/gamma. It is not
    convex: what is found is where the objective is level, and nothing is proved.

    Zhang 2010, <https://doi.org/10.1214/09-AOS729>.

    Parameters
    ----------
    gamma : float, default 3.0
        How far the pull reaches, in units of alpha; the prox is unique for steps below it. Allowed: at
        least 0.001.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "mcp"
    gamma: float = 3.0


@dataclass(frozen=True)
class Scad(Settings):
    """Smoothly clipped absolute deviation: absolute values up to alpha, whose pull then fades to nothing at
    |x| = a·alpha, so that large coefficients are not shrunk: (2 a alpha |x| − x² − alpha²) / (2 (a − 1))
    between, and ½ (a + 1) alpha² beyond. It is not convex: what is found is where the objective is level,
    and nothing is proved.

    Fan and Li 2001, <https://doi.org/10.1198/016214501753382273>.

    Parameters
    ----------
    a : float, default 3.7
        How far the pull reaches, in units of alpha; the prox is unique for steps below a − 1. Allowed:
        between 2.001 and 1e+12.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "scad"
    a: float = 3.7


@dataclass(frozen=True)
class SmoothL1(Settings):
    """Absolute values rounded off at 0 (Huber's function): x²/(2 width) where |x| ≤ width, |x| − width/2
    beyond. Large coefficients are pulled as by `l1`, small ones as by `l2`; none is exactly 0, and it has a
    gradient everywhere.

    Huber 1964, <https://doi.org/10.1214/aoms/1177703732>.

    Parameters
    ----------
    width : float, default 1.0
        Up to which size it is a square. Allowed: between 1e-100 and 1e+100.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "smooth_l1"
    width: float = 1.0


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


@dataclass(frozen=True)
class CappedSimplex(Settings):
    """Shares of a whole, each at most `cap`: 0 ≤ x ≤ cap and Σ x = radius; 0 there and +∞ elsewhere,
    whatever alpha. Its prox is the projection, which moves every coordinate by the same amount (times its
    step) and clips it, until the sum is right. Where the caps of all together do not reach the whole, no
    point is allowed.

    Wang and Lu 2015, <https://arxiv.org/abs/1503.01002>.

    Parameters
    ----------
    radius : float, default 1.0
        The whole that is shared out. Allowed: at least 1e-300.
    cap : float, default 0.5
        The largest share allowed. Allowed: at least 1e-300.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "capped_simplex"
    radius: float = 1.0
    cap: float = 0.5


@dataclass(frozen=True)
class L1Ball(Settings):
    """The ball of absolute values, ‖x‖₁ ≤ radius: 0 within and +∞ outside, whatever alpha (the lasso as it
    was first written). Its prox is the projection, which moves all coordinates towards 0 by the same amount
    (times their step).

    Duchi, Shalev-Shwartz, Singer and Chandra 2008, <https://doi.org/10.1145/1390156.1390191>.

    Parameters
    ----------
    radius : float, default 1.0
        The largest sum of absolute values allowed. Allowed: at least 1e-300.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "l1_ball"
    radius: float = 1.0


@dataclass(frozen=True)
class L2Ball(Settings):
    """The Euclidean ball, ‖x‖ ≤ radius: 0 within and +∞ outside, whatever alpha. Its prox is the
    projection, which shortens x.

    Parikh and Boyd 2014, section 6.5.1, <https://doi.org/10.1561/2400000003>.

    Parameters
    ----------
    radius : float, default 1.0
        The largest length allowed. Allowed: at least 1e-300.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "l2_ball"
    radius: float = 1.0


@dataclass(frozen=True)
class Linf(Settings):
    """The largest absolute value, max_j |x_j|: the large coefficients are all made equally large. Its prox
    clips at the level where what is clipped, each divided by its step, sums to the weight.

    Parikh and Boyd 2014, section 6.5.2, <https://doi.org/10.1561/2400000003>.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "linf"


@dataclass(frozen=True)
class GroupLasso(Settings):
    """The sum of norms by groups, Σ_g √|g|·‖x_g‖: the coefficients of a group are all exactly 0, or none
    is. Its prox shortens each group. Without groups every coefficient is one of its own (then it is the
    absolute values), but for those of one column in a loss of several margins, which go together.

    Yuan and Lin 2006, <https://doi.org/10.1111/j.1467-9868.2005.00532.x>.

    Parameters
    ----------
    by_size : bool, default True
        Whether a group counts by the root of its size, √|g|; else all count alike.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "group_lasso"
    by_size: bool = True


@dataclass(frozen=True)
class TotalVariation(Settings):
    """Total variation in one dimension, Σ |x_{j+1} − x_j|: x becomes constant but for a few steps (the
    fused lasso; a signal without its noise). Its prox is exact, by dynamic programming in one walk there
    and one back.

    Rudin, Osher and Fatemi 1992, <https://doi.org/10.1016/0167-2789(92)90242-F>; the prox: Johnson 2013,
    <https://doi.org/10.1080/10618600.2012.681238>.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "total_variation"


@dataclass(frozen=True)
class Monotone(Settings):
    """Coordinates in order, x_1 ≤ x_2 ≤ … (isotonic): 0 where they are and +∞ where not, whatever alpha.
    Its prox is the projection by pooling neighbours that are out of order to their mean, weighted by one
    over their steps.

    Best and Chakravarti 1990, <https://doi.org/10.1007/BF01580873>.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "monotone"


@dataclass(frozen=True)
class NuclearNorm(Settings):
    """The sum of the singular values of a matrix (trace norm): most become exactly 0, so that the matrix is
    of low rank. Its prox shortens each by the step. Coordinates that are no matrix count as one column,
    whose singular value is its length.

    Fazel, Hindi and Boyd 2001, <https://doi.org/10.1109/ACC.2001.945730>; the prox: Cai, Candès and Shen
    2010, <https://doi.org/10.1137/080738970>.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "nuclear_norm"


@dataclass(frozen=True)
class HalfSpace(Settings):
    """One side of a plane, a′x ≤ right: 0 there and +∞ beyond. The normal a is what alpha is, one number
    for each variable, of either sign; 0 leaves a variable free. Its prox is the projection, x − t a max(0,
    a′x − right)/(a′ t a). Several at once are constraints.

    Parikh and Boyd 2014, section 6.2.2, <https://doi.org/10.1561/2400000003>.

    Parameters
    ----------
    right : float, default 0.0
        The largest a′x allowed. Allowed: any number.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "half_space"
    right: float = 0.0


@dataclass(frozen=True)
class Hyperplane(Settings):
    """A plane, a′x = right (an affine set of one row): 0 on it and +∞ off it. The normal a is what alpha
    is, one number for each variable, of either sign; 0 leaves a variable free. Its prox is the projection,
    x − t a (a′x − right)/(a′ t a). Several rows at once are `affine`.

    Parikh and Boyd 2014, section 6.2.1, <https://doi.org/10.1561/2400000003>.

    Parameters
    ----------
    right : float, default 0.0
        What a′x is to be. Allowed: any number.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "hyperplane"
    right: float = 0.0


@dataclass(frozen=True)
class Affine(Settings):
    """What solves linear equations, A x = b (an affine set): 0 there and +∞ elsewhere. The rows of A are
    what alpha is, with their right sides b beside them (0 unless given); one row is a `hyperplane`. Its
    prox is the projection, x − t A′(A t A′)⁻¹(A x − b), by rows that are made orthogonal once. A row that
    depends on those before it (its angle to them is below 1e-10) says nothing where its right side is
    theirs; else no point is allowed, and the row is named.

    Parikh and Boyd 2014, section 6.2.1, <https://doi.org/10.1561/2400000003>.
    """

    registry: ClassVar[str] = "penalties"
    name: ClassVar[str] = "affine"
