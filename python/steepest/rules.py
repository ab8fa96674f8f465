"""Rules: how a gradient changes a parameter.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import rules
>>> rules.Adam(mean_decay=0.8)
Adam(mean_decay=0.8, square_decay=0.999, epsilon=1e-08, weight_decay=0.0)
"""

from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = [
    "Adam",
    "ClipNorm",
    "ClipValue",
    "Lamb",
    "Lion",
    "Momentum",
    "MomoAdam",
    "Muon",
    "Nesterov",
    "Rprop",
    "Sgd",
]


@dataclass(frozen=True)
class Sgd(Settings):
    """Gradient descent: each step goes down the gradient, x ← x − rate·(g + weight_decay·x). Over batches
    it is stochastic gradient descent.

    Cauchy 1847; Robbins and Monro 1951, <https://doi.org/10.1214/aoms/1177729586>.

    Parameters
    ----------
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        keep ← 1 - rate·weight_decay
        length ← rate
        x ← keep·x - length·g
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "sgd"
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Momentum(Settings):
    """Heavy ball: gradients add up to a velocity, which fades. v ← momentum·v + g; x ← x − rate·v.

    Polyak 1964, <https://doi.org/10.1016/0041-5553(64)90137-5>.

    Parameters
    ----------
    momentum : float, default 0.9
        How much of the velocity is kept at each step. Allowed: between 0 and 1.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        keep ← momentum
        decay ← weight_decay
        length ← rate
        x ← x - length·(keep·velocity + g + decay·x)
        velocity ← keep·velocity + g + decay·x
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "momentum"
    momentum: float = 0.9
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Nesterov(Settings):
    """Nesterov's momentum: the gradient is used as if taken one velocity ahead. v ← momentum·v + g; x ← x −
    rate·(g + momentum·v).

    Nesterov 1983; this form: Sutskever, Martens, Dahl and Hinton 2013.

    Parameters
    ----------
    momentum : float, default 0.9
        How much of the velocity is kept at each step. Allowed: between 0 and 1.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        keep ← momentum
        decay ← weight_decay
        length ← rate
        x ← x - length·(g + decay·x + keep·(keep·velocity + g + decay·x))
        velocity ← keep·velocity + g + decay·x
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "nesterov"
    momentum: float = 0.9
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adam(Settings):
    """Adam: each coordinate's step is its mean gradient over its root mean square, both averaged with
    fading memory and corrected for having started at 0. Weight decay is decoupled (AdamW).

    Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>; Loshchilov and Hutter 2019,
    <https://arxiv.org/abs/1711.05101>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate / (1 - pow(mean_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        keep ← 1 - rate·weight_decay
        x ← keep·x - length·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) +
        still)
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "adam"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Rprop(Settings):
    """Resilient propagation: each coordinate keeps a step of its own, which grows while its gradient keeps
    its sign and shrinks when it flips; a flipped coordinate rests once. Only signs count, so no rate need
    be known: the rate is the first step. For full batches.

    Riedmiller and Braun 1993, <https://doi.org/10.1109/ICNN.1993.298623>.

    Parameters
    ----------
    shrink : float, default 0.5
        What a step is multiplied by when the gradient flips its sign. Allowed: between 1e-06 and 1.
    grow : float, default 1.2
        What a step is multiplied by while the gradient keeps its sign. Allowed: between 1 and 1000000.
    least : float, default 1e-06
        The least step. Allowed: at least 0.
    most : float, default 50.0
        The largest step. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        first ← positive(1.5 - step, rate, 0)
        less ← shrink
        more ← grow
        low ← least
        high ← most
        x ← x - clamp((stride + first)·positive(g·last, more, positive(-(g·last), less, 1)), low,
        high)·sign(positive(-(g·last), 0, g))
        last ← positive(-(g·last), 0, g)
        stride ← clamp((stride + first)·positive(g·last, more, positive(-(g·last), less, 1)), low, high)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "rprop"
    shrink: float = 0.5
    grow: float = 1.2
    least: float = 1e-06
    most: float = 50.0


@dataclass(frozen=True)
class MomoAdam(Settings):
    """Adam that finds its rate: its direction d, with the step that would bring a model of the loss (an
    average of the tangents seen) down to `bound`, never more than the rate: τ = min(rate / (1 − b₁ᵏ), (f̄ +
    ⟨d, x⟩ − γ − (1 − b₁ᵏ)·bound)₊ / ‖d‖²_D⁻¹), f̄ and γ the averages of f and ⟨g, x⟩. The rate is a cap.
    Where `bound` is out of reach, as on labels that contradict each other, the cap decides and this is Adam
    at that rate, so that the default is one that Adam bears, the authors' own. Constant, 0.01 ended at a
    test accuracy of .853, .862, .989 and .967 and 0.1 at .576, .792, .991 and .980, where Adam at its
    default ended at .847, .830, .980 and .920 (Fashion-MNIST, 20 000 rows, 8 epochs by 784-128-10 and 5 by
    a small CNN; scikit-learn's digits, 30 epochs by 64-128-64-10 and by softmax). Falling to 0 along a
    cosine 0.1 does no harm either: .846 on the first. For deep nets let it fall from 0.01 (.870), for
    tables from 0.1.

    Schaipp, Ohana, Eickenberg, Defazio and Gower 2023, <https://arxiv.org/abs/2305.07583>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        1e-300 and 1.
    weight_decay : float, default 0.0
        Pull towards 0, taken at the end of the step: x is divided by 1 + rate·weight_decay. Allowed: at
        least 0.
    bound : float, default 0.0
        The least value that the loss can have. Allowed: any number.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate / (1 - pow(mean_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        keep ← 1 / (1 + rate·weight_decay)
        g_x ← g·x
        d_x ← (mean + new_mean·(g - mean))·x
        d_d ← (mean + new_mean·(g - mean))·(mean + new_mean·(g - mean)) / (root·sqrt(square +
        new_square·(g·g - square)) + still)
        mean_value ← mean_value + new_mean·(value - mean_value)
        mean_g_x ← mean_g_x + new_mean·(g_x - mean_g_x)
        x ← keep·(x - length·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) +
        still))
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "momo_adam"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    weight_decay: float = 0.0
    bound: float = 0.0


@dataclass(frozen=True)
class Lamb(Settings):
    """LAMB: Adam's direction u (weight decay added), scaled in each tensor to the tensor's own length: x ←
    x − rate·(‖x‖ / ‖u‖)·u; the ratio is 1 where one of them is 0. For large batches. As in the paper the
    weight decay is part of u; Keras' Lamb takes it beside the step and has none unless asked, so that the
    two agree where `weight_decay` is 0.

    You et al. 2020, <https://arxiv.org/abs/1904.00962>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-06
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    weight_decay : float, default 0.01
        Pull towards 0: what is added to the direction, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate
        unbias ← 1 / (1 - pow(mean_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        decay ← weight_decay
        x_x ← x·x
        u_u ← (unbias·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) + still)
        + decay·x)²
        length ← rate·positive(x_x·u_u, sqrt(x_x / u_u), 1)
        x ← x - length·(unbias·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square))
        + still) + decay·x)
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "lamb"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-06
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Muon(Settings):
    """Muon: a matrix moves along its momentum made orthogonal (all singular values near 1, by five
    Newton–Schulz steps), scaled by 0.2·√(larger side) so that one rate serves it and Adam. What is not a
    matrix moves by Adam, and so does a matrix of one row or column: it has one singular value, and to make
    that 1 would only take away the length of a vector's step (`torch.optim.Muon` does so, and takes nothing
    but matrices).

    Jordan et al. 2024, <https://kellerjordan.github.io/posts/muon/>; the scale: Liu et al. 2025,
    <https://arxiv.org/abs/2502.16982>.

    Parameters
    ----------
    momentum : float, default 0.95
        How much of a matrix's mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate. Allowed: at least 0.
    mean_decay : float, default 0.9
        Adam's, for what is not a matrix. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        Adam's, for what is not a matrix. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Adam's, for what is not a matrix. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate / (1 - pow(mean_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        keep ← 1 - rate·weight_decay
        x ← keep·x - length·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) +
        still)
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "muon"
    momentum: float = 0.95
    weight_decay: float = 0.0
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08


@dataclass(frozen=True)
class ClipNorm(Settings):
    """Gradient clipping by norm: a gradient longer than `most` over all tensors together is shortened to
    it, g ← g·min(1, most / ‖g‖). Stands before another rule.

    Pascanu, Mikolov and Bengio 2013, <https://arxiv.org/abs/1211.5063>.

    Parameters
    ----------
    most : float, default 1.0
        The largest norm let through. Allowed: at least 1e-300.

    Notes
    -----
    As recorded from the core::

        factor ← 1
        g_g ← g·g
        factor ← positive(g_g, min(most / sqrt(g_g), 1), 1)
        g ← factor·g
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "clip_norm"
    most: float = 1.0


@dataclass(frozen=True)
class ClipValue(Settings):
    """Gradient clipping by value: each coordinate is kept between −`most` and `most`. Stands before another
    rule.

    Mikolov 2012, *Statistical Language Models Based on Neural Networks* (thesis), section 3.2.

    Parameters
    ----------
    most : float, default 1.0
        The largest entry let through. Allowed: at least 1e-300.

    Notes
    -----
    As recorded from the core::

        limit ← most
        g ← clamp(g, -limit, limit)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "clip_value"
    most: float = 1.0


@dataclass(frozen=True)
class Lion(Settings):
    """Lion: every coordinate moves by the rate, in the direction of the sign of a mean gradient that leans
    towards the newest one. One memory; takes a rate three to ten times smaller than Adam's.

    Chen, Liang, Huang et al. 2023, <https://arxiv.org/abs/2302.06675>.

    Parameters
    ----------
    direction_decay : float, default 0.9
        How much of the mean gradient goes into the direction. Allowed: between 0 and 0.999999.
    mean_decay : float, default 0.99
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        lean ← direction_decay
        keep ← mean_decay
        length ← rate
        shrink ← 1 - rate·weight_decay
        x ← shrink·x - length·sign(g + lean·(mean - g))
        mean ← g + keep·(mean - g)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "lion"
    direction_decay: float = 0.9
    mean_decay: float = 0.99
    weight_decay: float = 0.0
