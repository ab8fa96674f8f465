"""Losses: what a prediction that misses its target costs.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import losses
>>> losses.Huber(width=2.0)
Huber(width=2.0)
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = [
    "Cloglog",
    "EpsilonInsensitive",
    "Gamma",
    "GaussianLog",
    "Hinge",
    "Huber",
    "HuberScale",
    "InverseGaussian",
    "Logistic",
    "ModifiedHuber",
    "Ordinal",
    "Pinball",
    "Poisson",
    "Probit",
    "Softmax",
    "Squared",
    "SquaredEpsilonInsensitive",
    "SquaredHinge",
    "Tweedie",
]


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
class Gamma(Settings):
    """Half the deviance of amounts above 0 whose spread grows with their mean, the margin its logarithm:
    with d = margin − ln(target), e^(−d) − 1 + d; 0 where the mean is the target.

    Nelder and Wedderburn 1972, <https://doi.org/10.2307/2344614>.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "gamma"


@dataclass(frozen=True)
class Tweedie(Settings):
    """Half the deviance of a distribution whose variance is its mean to a power, the margin the mean's
    logarithm: between 1 and 2 amounts of which many are exactly 0. With d = margin − ln(target) it is
    target^(2 − p)·((e^((2 − p)d) − 1)/(2 − p) − (e^((1 − p)d) − 1)/(1 − p)), 0 where the mean is the
    target. It is convex up to a power of 2; beyond, what is found is where it is level, and nothing is
    proved.

    Jørgensen 1987, <https://doi.org/10.1111/j.2517-6161.1987.tb01685.x>.

    Parameters
    ----------
    power : float, default 1.5
        The power p: 1 is Poisson's, 2 the gamma distribution's, 3 the inverse Gaussian's. Allowed: between
        1 and 10.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "tweedie"
    power: float = 1.5


@dataclass(frozen=True)
class InverseGaussian(Settings):
    """Half the deviance of amounts above 0 whose variance is the cube of their mean, the margin its
    logarithm: with d = margin − ln(target), (e^(−d) − 1)² / (2 target); 0 where the mean is the target. It
    is not convex where the mean is more than twice the target: what is found is where it is level, and
    nothing is proved.

    Tweedie 1957, <https://doi.org/10.1214/aoms/1177706964>.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "inverse_gaussian"


@dataclass(frozen=True)
class Cloglog(Settings):
    """Log-loss of two classes, targets 0 and 1, where the probability of class 1 is 1 − e^(−e^margin)
    (complementary log-log): e^margin for target 0, −ln(1 − e^(−e^margin)) for target 1. Of whether
    something has happened yet that happens at a rate of e^margin.

    Fisher 1922, <https://doi.org/10.1098/rsta.1922.0009>.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "cloglog"


@dataclass(frozen=True)
class Probit(Settings):
    """Log-loss of two classes, targets 0 and 1, where the probability of class 1 is Φ(margin), the normal
    distribution's: −ln Φ of the margin with the sign of its class. Of whether something unseen, normal
    about the margin, is above 0. It grows as half a square on the wrong side, where the logistic's grows as
    a line.

    Bliss 1934, <https://doi.org/10.1126/science.79.2037.38>.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "probit"


@dataclass(frozen=True)
class GaussianLog(Settings):
    """Half the squared error where the margin is the mean's logarithm, ½ (e^margin − target)²: effects
    multiply, and the spread about them does not grow. It is not convex where the mean is less than half the
    target: what is found is where it is level, and nothing is proved.

    Nelder and Wedderburn 1972, <https://doi.org/10.2307/2344614>.

    Notes
    -----
    As recorded from the core::

        value ← 0.5·(exp(margin) - target)²
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "gaussian_log"


@dataclass(frozen=True)
class SquaredHinge(Settings):
    """Two classes, targets 0 and 1, kept apart by a margin of 1: max(0, 1 − s·margin)², s being −1 for
    target 0 and 1 for target 1. It grows with the square of what is missing, so that it has a slope
    everywhere.

    Chang, Hsieh and Lin 2008, <https://www.jmlr.org/papers/v9/chang08a.html>.

    Notes
    -----
    As recorded from the core::

        value ← max(1 - (2·target - 1)·margin, 0)²
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "squared_hinge"


@dataclass(frozen=True)
class ModifiedHuber(Settings):
    """Two classes, targets 0 and 1, kept apart by a margin of 1, outliers pulling with a bounded force:
    with q = s·margin, s being −1 for target 0 and 1 for target 1, max(0, 1 − q)² where q ≥ −1, and −4q
    beyond. The probability of class 1 is (1 + margin) / 2 between 0 and 1.

    Zhang 2004, <https://doi.org/10.1214/aos/1079120130>.

    Notes
    -----
    As recorded from the core::

        value ← min(max(1 - (2·target - 1)·margin, 0), 2)·(2·max(1 - (2·target - 1)·margin, 0) - min(max(1 -
        (2·target - 1)·margin, 0), 2))
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "modified_huber"


@dataclass(frozen=True)
class SquaredEpsilonInsensitive(Settings):
    """The square of what is missed by more than `epsilon`, max(0, |margin − target| − epsilon)²: near
    misses cost nothing.

    Drucker, Burges, Kaufman, Smola and Vapnik 1996,
    <https://proceedings.neurips.cc/paper/1996/hash/d38901788c533e8286cb6400b40b386d-Abstract.html>.

    Parameters
    ----------
    epsilon : float, default 0.1
        The miss that costs nothing, in units of the target. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        value ← max(|margin - target| - epsilon, 0)²
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "squared_epsilon_insensitive"
    epsilon: float = 0.1


@dataclass(frozen=True)
class Hinge(Settings):
    """Two classes, targets 0 and 1, kept apart by a margin of 1: max(0, 1 − s·margin), s being −1 for
    target 0 and 1 for target 1 (the support vector machine). It bends where the margin is 1, so it is for
    methods that know straight parts.

    Cortes and Vapnik 1995, <https://doi.org/10.1007/BF00994018>.

    Notes
    -----
    As recorded from the core::

        value ← max(1 - (2·target - 1)·margin, 0)
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "hinge"


@dataclass(frozen=True)
class Pinball(Settings):
    """What a quantile costs (quantile regression): with r = target − margin, quantile · r where the target
    lies above, (quantile − 1) · r where it lies below. Its least is the quantile of the targets; at 0.5
    half the absolute error. It bends where the target is met, so it is for methods that know straight
    parts.

    Koenker and Bassett 1978, <https://doi.org/10.2307/1913643>.

    Parameters
    ----------
    quantile : float, default 0.5
        The share of the targets that lie below. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        value ← max(quantile·(target - margin), (quantile - 1)·(target - margin))
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "pinball"
    quantile: float = 0.5


@dataclass(frozen=True)
class EpsilonInsensitive(Settings):
    """The absolute error beyond `epsilon`, max(0, |margin − target| − epsilon): errors up to there cost
    nothing (support vector regression); at 0 the absolute error. It bends there, so it is for methods that
    know straight parts.

    Smola and Schölkopf 2004, <https://doi.org/10.1023/B:STCO.0000035301.49549.88>.

    Parameters
    ----------
    epsilon : float, default 0.1
        The error that costs nothing, in units of the target. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        value ← max(|margin - target| - epsilon, 0)
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "epsilon_insensitive"
    epsilon: float = 0.1


@dataclass(frozen=True)
class Softmax(Settings):
    """Log-loss of several classes: the target is the class, 0, 1, 2 …, and a row has one margin a class. ln
    Σ_k e^(z_k) − z_target, the probability of class k being e^(z_k) / Σ_l e^(z_l).

    Bridle 1990, <https://doi.org/10.1007/978-3-642-76153-9_28>.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "softmax"


@dataclass(frozen=True)
class Ordinal(Settings):
    """Log-loss of classes that have an order (proportional odds), the target being the class, 0, 1, 2 …:
    the probability of class k or below is 1 / (1 + e^(margin − cut_k)). The first cut is 0, which an
    intercept moves; each other lies where it is learnt, cut_k = k + gap_k. The loss is convex in all where
    cuts ascend, and +∞ elsewhere.

    McCullagh 1980, <https://doi.org/10.1111/j.2517-6161.1980.tb01109.x>.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "ordinal"


@dataclass(frozen=True)
class HuberScale(Settings):
    """Huber's loss with its scale learnt beside the coefficients, so that `epsilon` is in units of the
    errors' own spread: with σ = 1 + scale and r = (margin − target) / σ, σ + σ·r² where |r| ≤ epsilon, σ +
    σ·epsilon·(2|r| − epsilon) beyond. It is convex in both where σ > 0, and +∞ elsewhere.

    Huber and Ronchetti 2009, Robust Statistics, section 7.8; Owen 2007,
    <https://artowen.su.domains/reports/hhu.pdf>.

    Parameters
    ----------
    epsilon : float, default 1.35
        The error at which the square turns into a line, in units of the learnt scale. Allowed: at least 1.
    """

    registry: ClassVar[str] = "losses"
    name: ClassVar[str] = "huber_scale"
    epsilon: float = 1.35
