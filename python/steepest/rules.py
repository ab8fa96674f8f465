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
    "Adabelief",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "Adamax",
    "Adamw",
    "Adan",
    "Ademamix",
    "Amsgrad",
    "Averaging",
    "Centralise",
    "ClipAdaptive",
    "ClipNorm",
    "ClipValue",
    "Cocob",
    "CoupledDecay",
    "DAdaptation",
    "DecoupledDecay",
    "Dog",
    "Dowg",
    "Ema",
    "GradientNoise",
    "LDog",
    "Lamb",
    "Lars",
    "Lion",
    "Lookahead",
    "Mechanic",
    "Momentum",
    "Momo",
    "MomoAdam",
    "Muon",
    "Nadam",
    "Nesterov",
    "Polyak",
    "Prodigy",
    "Radam",
    "Rmsprop",
    "Rprop",
    "Sam",
    "ScheduleFreeAdamw",
    "ScheduleFreeSgd",
    "Sgd",
    "SignSgd",
    "Soap",
    "Yogi",
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

        decay ← rate·weight_decay
        length ← rate
        Δx ← -(length·g) - decay·x
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "sgd"
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Momentum(Settings):
    """Heavy ball: gradients add up to a velocity, which fades. v ← momentum·v + (1 − dampening)·g; x ← x −
    rate·v. The first gradient is not dampened, as in torch.

    Polyak 1964, <https://doi.org/10.1016/0041-5553(64)90137-5>.

    Parameters
    ----------
    momentum : float, default 0.9
        How much of the velocity is kept at each step. Allowed: between 0 and 1.
    dampening : float, default 0.0
        How much of each gradient but the first does not go into the velocity. Allowed: between 0 and 1.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        keep ← momentum
        decay ← weight_decay
        length ← rate
        share ← positive(1.5 - step, 1, 1 - dampening)
        Δx ← -(length·(keep·velocity + share·(g + decay·x)))
        velocity ← keep·velocity + share·(g + decay·x)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "momentum"
    momentum: float = 0.9
    dampening: float = 0.0
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
        Δx ← -(length·(g + decay·x + keep·(keep·velocity + g + decay·x)))
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
        decay ← rate·weight_decay
        Δx ← -(length·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) +
        still)) - decay·x
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
        Δx ← -(clamp((stride + first)·positive(g·last, more, positive(-(g·last), less, 1)), low,
        high)·sign(positive(-(g·last), 0, g)))
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
        Δx ← -(keep·length·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) +
        still)) - (1 - keep)·x
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
        Δx ← -(length·(unbias·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square))
        + still) + decay·x))
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
        decay ← rate·weight_decay
        Δx ← -(length·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) +
        still)) - decay·x
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
        decay ← rate·weight_decay
        Δx ← -(length·sign(g + lean·(mean - g))) - decay·x
        mean ← g + keep·(mean - g)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "lion"
    direction_decay: float = 0.9
    mean_decay: float = 0.99
    weight_decay: float = 0.0


@dataclass(frozen=True)
class SignSgd(Settings):
    """Sign descent: every coordinate moves by the rate against the sign of its gradient, however large that
    is.

    Bernstein, Wang, Azizzadenesheli and Anandkumar 2018, <https://arxiv.org/abs/1802.04434>.

    Parameters
    ----------
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        length ← rate
        decay ← rate·weight_decay
        Δx ← -(length·sign(g)) - decay·x
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "sign_sgd"
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adagrad(Settings):
    """Adagrad: each coordinate's gradient over the root of the sum of all its squares so far, so that rare
    coordinates move far. s ← s + g²; x ← x − rateₖ·g / (√(s + initial) + epsilon), rateₖ = rate / (1 + (k −
    1)·rate_decay).

    Duchi, Hazan and Singer 2011, <https://jmlr.org/papers/v12/duchi11a.html>.

    Parameters
    ----------
    initial : float, default 0.0
        What the sums of squares start from. Allowed: at least 0.
    rate_decay : float, default 0.0
        How fast the rate falls with the steps. Allowed: at least 0.
    epsilon : float, default 1e-10
        Added to the root of the sum, so that a still coordinate does not divide by zero. Allowed: between 0
        and 1.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        length ← rate / (1 + (step - 1)·rate_decay)
        begin ← initial
        still ← epsilon
        decay ← weight_decay
        Δx ← -(length·(g + decay·x) / (sqrt(squares + (g + decay·x)·(g + decay·x) + begin) + still))
        squares ← squares + (g + decay·x)·(g + decay·x)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "adagrad"
    initial: float = 0.0
    rate_decay: float = 0.0
    epsilon: float = 1e-10
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adadelta(Settings):
    """Adadelta: the gradient over its root mean square, times the root mean square of the changes so far,
    so that the step has the parameter's own unit. v ← decay·v + (1 − decay)·g²; d = g·√(u + epsilon) / √(v
    + epsilon); u ← decay·u + (1 − decay)·d²; x ← x − rate·d.

    Zeiler 2012, <https://arxiv.org/abs/1212.5701>.

    Parameters
    ----------
    square_decay : float, default 0.9
        How much of the mean squares is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-06
        Added to both mean squares; the first steps are of about its root. Allowed: between 0 and 1.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        keep ← square_decay
        new_square ← 1 - square_decay
        length ← rate
        still ← epsilon
        decay ← weight_decay
        Δx ← -(length·sqrt(moved + still) / sqrt(keep·square + new_square·(g + decay·x)·(g + decay·x) +
        still)·(g + decay·x))
        square ← keep·square + new_square·(g + decay·x)·(g + decay·x)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "adadelta"
    square_decay: float = 0.9
    epsilon: float = 1e-06
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Rmsprop(Settings):
    """RMSprop: the gradient over its root mean square, of fading memory; centred, over its standard
    deviation; with a velocity, where `momentum` is above 0. A mean square less a squared mean that rounding
    made negative counts as 0 (torch's is NaN then).

    Tieleman and Hinton 2012, lecture 6e; centred: Graves 2013, <https://arxiv.org/abs/1308.0850>.

    Parameters
    ----------
    square_decay : float, default 0.99
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    momentum : float, default 0.0
        How much of the velocity is kept at each step. Allowed: between 0 and 1.
    centred : bool, default False
        Divide by the standard deviation of the gradient.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_square ← 1 - square_decay
        less ← centred
        fade ← momentum
        length ← rate
        still ← epsilon
        decay ← weight_decay
        lag ← square_decay
        square ← lag·square + new_square·(g + decay·x)·(g + decay·x)
        mean ← mean + new_square·(g + decay·x - mean)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "rmsprop"
    square_decay: float = 0.99
    momentum: float = 0.0
    centred: bool = False
    epsilon: float = 1e-08
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adamw(Settings):
    """AdamW: `adam` with a weight decay of 0.01 unless another is given. The decay is decoupled: it does
    not go through the root mean square.

    Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    weight_decay : float, default 0.01
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate / (1 - pow(mean_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        decay ← rate·weight_decay
        Δx ← -(length·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) +
        still)) - decay·x
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "adamw"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Nadam(Settings):
    """NAdam: Adam with Nesterov's look ahead; how much of the mean is kept grows over the first steps, μₖ =
    mean_decay·(1 − ½·0.96^(k·momentum_decay)). Weight decay is decoupled, as with
    `decoupled_weight_decay=True` of torch's.

    Dozat 2016, <https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    momentum_decay : float, default 0.004
        How fast the share of the mean that is kept grows to `mean_decay`. Allowed: at least 0.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        now ← rate·(1 - mean_decay·(1 - 0.5·pow(0.96, step·momentum_decay))) / (1 - (1 -
        forgotten)·mean_decay·(1 - 0.5·pow(0.96, step·momentum_decay)))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        decay ← rate·weight_decay
        forgotten ← 1 - (1 - forgotten)·mean_decay·(1 - 0.5·pow(0.96, step·momentum_decay))
        Δx ← -((now·g + ahead·(mean + new_mean·(g - mean))) / (root·sqrt(square + new_square·(g·g - square))
        + still)) - decay·x
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "nadam"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    momentum_decay: float = 0.004
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Radam(Settings):
    """RAdam: Adam whose first steps, while too few squares were seen for their mean to be trusted, go along
    the mean gradient alone; later ones are shortened by how much the mean square still varies. As in torch
    `epsilon` is added before the mean square is corrected; weight decay is decoupled, as with
    `decoupled_weight_decay=True` of torch's.

    Liu, Jiang, He et al. 2020, <https://arxiv.org/abs/1908.03265>.

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
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        plain ← positive(2 / (1 - square_decay) - 1 - 2·step·pow(square_decay, step) / (1 -
        pow(square_decay, step)) - 5, 0, rate·1 / (1 - pow(mean_decay, step)))
        still ← epsilon
        decay ← rate·weight_decay
        Δx ← -((mean + new_mean·(g - mean))·(plain + trusted / (sqrt(square + new_square·(g·g - square)) +
        still))) - decay·x
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "radam"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Amsgrad(Settings):
    """AMSGrad: Adam that divides by the largest root mean square seen so far, so that a coordinate's step
    never grows again. Three memories. As `torch.optim.AdamW(amsgrad=True)` has it: the largest is taken
    before the correction for having started at 0.

    Reddi, Kale and Kumar 2018, <https://arxiv.org/abs/1904.09237>.

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
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate / (1 - pow(mean_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        decay ← rate·weight_decay
        Δx ← -(length·(mean + new_mean·(g - mean)) / (root·sqrt(max(largest, square + new_square·(g·g -
        square))) + still)) - decay·x
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
        largest ← max(largest, square + new_square·(g·g - square))
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "amsgrad"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adamax(Settings):
    """AdaMax: the mean gradient over the largest gradient of late, u ← max(square_decay·u, |g| + epsilon).
    Weight decay is decoupled; torch's is added to the gradient (put `coupled_decay` before for that).

    Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>, section 7.1.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the largest gradient is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Added to the size of the gradient, so that a still coordinate does not divide by zero. Allowed:
        between 0 and 1.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        fade ← square_decay
        length ← rate·1 / (1 - pow(mean_decay, step))
        still ← epsilon
        decay ← rate·weight_decay
        Δx ← -(length·positive(max(fade·largest, |g| + still), (mean + new_mean·(g - mean)) /
        max(fade·largest, |g| + still), 0)) - decay·x
        mean ← mean + new_mean·(g - mean)
        largest ← max(fade·largest, |g| + still)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "adamax"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adabelief(Settings):
    """AdaBelief: Adam that divides by how far gradients are from their mean, not by how large they are: it
    goes far where they are as foretold. v ← square_decay·v + (1 − square_decay)·(g − m)² + inside. Weight
    decay is decoupled.

    Zhuang, Tang, Ding et al. 2020, <https://arxiv.org/abs/2010.07468>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared surprise is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-16
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    inside : float, default 1e-16
        Added to the mean square at each step. Allowed: between 0 and 1.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate·1 / (1 - pow(mean_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        more ← inside
        decay ← rate·weight_decay
        mean ← mean + new_mean·(g - mean)
        surprise ← surprise + new_square·((g - (mean + new_mean·(g - mean)))·(g - (mean + new_mean·(g -
        mean))) - surprise) + more
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "adabelief"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-16
    inside: float = 1e-16
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Yogi(Settings):
    """Yogi: Adam whose mean square goes up and down by no more than a share of the newest square, v ← v −
    (1 − square_decay)·sign(v − g²)·g², so that it does not fall fast where gradients become small. The mean
    and the mean square both start from `initial`, as in optax. Weight decay is decoupled.

    Zaheer, Reddi, Sachan, Kale and Kumar 2018, <https://papers.nips.cc/paper/8186>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How slowly the mean squared gradient follows. Allowed: between 0 and 0.999999999.
    epsilon : float, default 0.001
        Added to the root mean square. Allowed: between 0 and 1.
    initial : float, default 1e-06
        What the averages start from. Allowed: at least 0.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate·1 / (1 - pow(mean_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        begin ← initial
        decay ← rate·weight_decay
        Δx ← -(length·(mean + new_mean·(g - (mean + begin)) + begin) / (root·sqrt(square -
        new_square·sign(square + begin - g·g)·g·g + begin) + still)) - decay·x
        mean ← mean + new_mean·(g - (mean + begin))
        square ← square - new_square·sign(square + begin - g·g)·g·g
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "yogi"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 0.001
    initial: float = 1e-06
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Adan(Settings):
    """Adan: Adam with Nesterov's look ahead, which it takes from the mean change of the gradient. Four
    memories, one of them the last gradient. Weight decay is decoupled: it is added to the step, as in
    optax; in the paper x is divided by 1 + rate·weight_decay.

    Xie, Zhou, Li, Lin and Yan 2022, <https://arxiv.org/abs/2208.06677>.

    Parameters
    ----------
    mean_decay : float, default 0.98
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    change_decay : float, default 0.92
        How much of the gradient's mean change is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.99
        How much of the mean squared gradient, seen ahead, is kept at each step. Allowed: between 0 and
        0.999999999.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        later ← positive(step - 1.5, 1, 0)
        new_mean ← 1 - mean_decay
        new_change ← 1 - change_decay
        new_square ← 1 - square_decay
        length ← rate·1 / (1 - pow(mean_decay, step))
        along ← rate·(1 - change_decay)·1 / (1 - pow(change_decay, step))
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        decay ← rate·weight_decay
        lead ← 1 - change_decay
        mean ← mean + new_mean·(g - mean)
        change ← change + new_change·(later·(g - last) - change)
        square ← square + new_square·((g + lead·later·(g - last))·(g + lead·later·(g - last)) - square)
        last ← g
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "adan"
    mean_decay: float = 0.98
    change_decay: float = 0.92
    square_decay: float = 0.99
    epsilon: float = 1e-08
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Ademamix(Settings):
    """AdEMAMix: Adam that adds to the mean gradient `mix` times a far slower one, which remembers ten
    thousand steps. Over the first `warm_up` steps both the mix and the slow memory grow to what they are
    set to, as in the paper; with 0 they are so from the start. Three memories. Weight decay is decoupled.

    Pagliardini, Ablin and Grangier 2024, <https://arxiv.org/abs/2409.03137>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    slow_decay : float, default 0.9999
        How much of the slow mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    mix : float, default 5.0
        How much of the slow mean is added. Allowed: at least 0.
    warm_up : int, default 0
        Steps over which the slow mean comes in. Allowed: at least 0.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_mean ← 1 - mean_decay
        new_square ← 1 - square_decay
        length ← rate·1 / (1 - pow(mean_decay, step))
        extra ← rate·mix·min(positive(warm_up, step / max(warm_up, 1), 1), 1)
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        decay ← rate·weight_decay
        Δx ← -((length·(mean + new_mean·(g - mean)) + extra·(slow + new_slow·(g - slow))) /
        (root·sqrt(square + new_square·(g·g - square)) + still)) - decay·x
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
        slow ← slow + new_slow·(g - slow)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "ademamix"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    slow_decay: float = 0.9999
    mix: float = 5.0
    warm_up: int = 0
    epsilon: float = 1e-08
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Lars(Settings):
    """LARS: heavy ball whose gradient u (weight decay added) is scaled in each tensor to a share of the
    tensor's own length: v ← momentum·v + rate·trust·(‖x‖ / (‖u‖ + epsilon))·u; x ← x − v. The ratio is 1
    where one of the lengths is 0. For large batches. As in optax the length of the whole u divides; in the
    paper ‖g‖ + weight_decay·‖x‖ does.

    You, Gitman and Ginsburg 2017, <https://arxiv.org/abs/1708.03888>.

    Parameters
    ----------
    momentum : float, default 0.9
        How much of the velocity is kept at each step. Allowed: between 0 and 1.
    trust : float, default 0.001
        The share of its length that a tensor moves by, times the rate. Allowed: at least 0.
    epsilon : float, default 0.0
        Added to the length of the gradient. Allowed: between 0 and 1.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        keep ← momentum
        decay ← weight_decay
        length ← rate
        still ← epsilon
        x_x ← x·x
        u_u ← (g + decay·x)²
        length ← rate·positive(x_x·u_u, trust·sqrt(x_x) / (sqrt(u_u) + still), 1)
        Δx ← -(keep·velocity + length·(g + decay·x))
        velocity ← keep·velocity + length·(g + decay·x)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "lars"
    momentum: float = 0.9
    trust: float = 0.001
    epsilon: float = 0.0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class CoupledDecay(Settings):
    """Weight decay as part of the gradient, g ← g + strength·x: the penalty ½·strength·‖x‖². It goes
    through whatever the rule behind it does to a gradient. Stands before another rule.

    Krogh and Hertz 1991, <https://papers.nips.cc/paper/563>.

    Parameters
    ----------
    strength : float, default 0.0
        What is added to the gradient, as a multiple of the parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        pull ← strength
        g ← g + pull·x
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "coupled_decay"
    strength: float = 0.0


@dataclass(frozen=True)
class DecoupledDecay(Settings):
    """Weight decay beside the step: a fraction rate·strength of the parameter is removed at each step,
    whatever the rule before it does to gradients. Stands after another rule.

    Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>.

    Parameters
    ----------
    strength : float, default 0.0
        Fraction of the parameter removed at each step, times the rate. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        decay ← rate·strength
        Δx ← g - decay·x
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "decoupled_decay"
    strength: float = 0.0


@dataclass(frozen=True)
class Lookahead(Settings):
    """Lookahead: after every so many steps of the rule before it, slow weights go a share of the way to
    where it is, and it goes on from there. Its own memories stay as they are. Stands after another rule.

    Zhang, Lucas, Hinton and Ba 2019, <https://arxiv.org/abs/1907.08610>.

    Parameters
    ----------
    every : int, default 6
        Steps between two. Allowed: at least 1.
    share : float, default 0.5
        The share of the way that the slow weights go. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        due ← positive(0.5 - (step - every·floor(step / every)), 1, 0)
        part ← share
        x ← positive(due, slow + begin·(x - slow) + due·part·(x + g - (slow + begin·(x - slow))), x + g)
        slow ← slow + begin·(x - slow) + due·part·(x + g - (slow + begin·(x - slow)))
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "lookahead"
    every: int = 6
    share: float = 0.5


@dataclass(frozen=True)
class Ema(Settings):
    """An average of fading memory of the points that the rule before it goes through: a ← decay·a + (1 −
    decay)·x. It begins with the first point after a step, so that nothing need be corrected. The rule goes
    on as without it; the average is what is shown and returned. Stands after another rule.

    As `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`; Morales-Brotons, Vogels and
    Hendrikx 2024, <https://arxiv.org/abs/2411.18704>.

    Parameters
    ----------
    decay : float, default 0.999
        How much of the average is kept at each step. Allowed: between 0 and 0.999999999.

    Notes
    -----
    As recorded from the core::

        part ← positive(1.5 - step, 1, 1 - decay)
        Δx ← g
        average ← average + part·(x + g - average)
        shown ← average
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "ema"
    decay: float = 0.999


@dataclass(frozen=True)
class Averaging(Settings):
    """The plain average of the points that the rule before it goes through after its first `start` steps
    (Polyak and Ruppert's). The rule goes on as without it; the average is what is shown and returned.
    Stands after another rule.

    Polyak and Juditsky 1992, <https://doi.org/10.1137/0330046>.

    Parameters
    ----------
    start : int, default 0
        Steps before the average begins. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        part ← 1 / max(step - start, 1)
        Δx ← g
        average ← average + part·(x + g - average)
        shown ← average
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "averaging"
    start: int = 0


@dataclass(frozen=True)
class Sam(Settings):
    """Sharpness-aware minimisation: the gradient is that of the worst point near by, x + radius·g / ‖g‖, so
    that flat minima are found; it costs a second gradient at each step. Adaptive, the neighbourhood is as
    wide along each coordinate as the coordinate is large. Stands before another rule, and first.

    Foret, Kleiner, Mobahi and Neyshabur 2021, <https://arxiv.org/abs/2010.01412>; adaptive: Kwon, Kim, Park
    and Choi 2021, <https://arxiv.org/abs/2102.11600>.

    Parameters
    ----------
    radius : float, default 0.05
        How far the worst point may be. Allowed: at least 0.
    adaptive : bool, default False
        Measure it against the size of the parameter.

    Notes
    -----
    As recorded from the core::

        reach ← radius
        adapted ← adaptive
        w_w ← ((1 + adapted·(|x| - 1))·g)²
        reach ← radius / (sqrt(w_w) + 1e-12)
        place ← x + reach·(1 + adapted·(|x| - 1))²·g
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "sam"
    radius: float = 0.05
    adaptive: bool = False


@dataclass(frozen=True)
class ScheduleFreeSgd(Settings):
    """Schedule-free gradient descent: z goes down the gradients, x averages z, and gradients are asked
    between them, at y = momentum·x + (1 − momentum)·z; x is what is shown and returned. The rate need not
    fall, but is not found: it still has to be given or searched. The parameters that a host holds are y.

    Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky 2024, <https://arxiv.org/abs/2405.15682>.

    Parameters
    ----------
    momentum : float, default 0.9
        How near to the average gradients are asked. Allowed: between 0.01 and 0.999999999.
    warm_up : int, default 0
        Steps over which the rate comes in, in a straight line. Allowed: at least 0.
    later : float, default 0.0
        How much more later points count in the average: by the step's number to this power. Allowed:
        between 0 and 100.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the gradient, as a multiple of y. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        length ← rate·min(step / max(warm_up, 1), 1)
        decay ← weight_decay
        back ← 1 - 1 / momentum
        largest_rate ← max(largest_rate, rate·min(step / max(warm_up, 1), 1))
        weights ← weights + pow(step, later)·max(largest_rate, rate·min(step / max(warm_up, 1), 1))²
        Δx ← part·(z + begin·(x - z) - x) + lean·(g + decay·x)
        z ← z + begin·(x - z) - length·(g + decay·x)
        shown ← x + back·(z - x)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "schedule_free_sgd"
    momentum: float = 0.9
    warm_up: int = 0
    later: float = 0.0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class ScheduleFreeAdamw(Settings):
    """Schedule-free AdamW: z goes down gradients over their root mean square, x averages z, and gradients
    are asked between them, at y = momentum·x + (1 − momentum)·z; x is what is shown and returned. The rate
    need not fall, but is not found: it still has to be given or searched. The parameters that a host holds
    are y.

    Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky 2024, <https://arxiv.org/abs/2405.15682>.

    Parameters
    ----------
    momentum : float, default 0.9
        How near to the average gradients are asked. Allowed: between 0.01 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    warm_up : int, default 0
        Steps over which the rate comes in, in a straight line. Allowed: at least 0.
    later : float, default 0.0
        How much more later points count in the average: by the step's number to this power. Allowed:
        between 0 and 100.
    weight_decay : float, default 0.0
        Pull towards 0: what is added to the step, as a multiple of y. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        length ← rate·min(step / max(warm_up, 1), 1)
        decay ← weight_decay
        back ← 1 - 1 / momentum
        new_square ← 1 - square_decay
        root ← 1 / sqrt(1 - pow(square_decay, step))
        still ← epsilon
        largest_rate ← max(largest_rate, rate·min(step / max(warm_up, 1), 1))
        weights ← weights + pow(step, later)·max(largest_rate, rate·min(step / max(warm_up, 1), 1))²
        Δx ← part·(z + begin·(x - z) - x) + lean·(g / (root·sqrt(square + new_square·(g·g - square)) +
        still) + decay·x)
        z ← z + begin·(x - z) - length·(g / (root·sqrt(square + new_square·(g·g - square)) + still) +
        decay·x)
        square ← square + new_square·(g·g - square)
        shown ← x + back·(z - x)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "schedule_free_adamw"
    momentum: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    warm_up: int = 0
    later: float = 0.0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Polyak(Settings):
    """Polyak's step: the one that would bring the tangent down to `bound`, never more than the rate: x ← x
    − share·min((f − bound)₊ / ‖g‖², rate)·g. Over batches it is SPS, which needs that one point be best for
    every batch; elsewhere it does not settle.

    Polyak 1987, Introduction to Optimization; Loizou, Vaswani, Laradji and Lacoste-Julien 2021,
    <https://arxiv.org/abs/2002.10542>.

    Parameters
    ----------
    bound : float, default 0.0
        The least value that the loss can have. Allowed: any number.
    share : float, default 1.0
        The share of the step that is taken. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        length ← rate
        g_g ← g·g
        length ← share·positive(g_g, min(max(value - bound, 0) / g_g, rate), 0)
        Δx ← -(length·g)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "polyak"
    bound: float = 0.0
    share: float = 1.0


@dataclass(frozen=True)
class Momo(Settings):
    """Momentum that finds its rate: the step along the mean gradient d that would bring a model of the loss
    (an average of the tangents seen) down to `bound`, never more than the rate: τ = min(rate, (f̄ + ⟨d, x⟩
    − γ − bound)₊ / ‖d‖²), f̄ and γ the averages of f and ⟨g, x⟩. With weight decay the whole step is
    divided by 1 + rate·weight_decay, as in the paper; optax divides x alone.

    Schaipp, Ohana, Eickenberg, Defazio and Gower 2023, <https://arxiv.org/abs/2305.07583>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    weight_decay : float, default 0.0
        Pull towards 0, taken at the end of the step: x is divided by 1 + rate·weight_decay. Allowed: at
        least 0.
    bound : float, default 0.0
        The least value that the loss can have. Allowed: any number.

    Notes
    -----
    As recorded from the core::

        new_mean ← positive(1.5 - step, 1, 1 - mean_decay)
        length ← rate
        keep ← 1 / (1 + rate·weight_decay)
        g_x ← g·x
        d_x ← (mean + new_mean·(g - mean))·x
        d_d ← (mean + new_mean·(g - mean))·(mean + new_mean·(g - mean))
        length ← min(length, positive(d_d, max((mean_value + new_mean·(value - mean_value) - (mean_g_x +
        new_mean·(g_x - mean_g_x)) - bound) / keep + d_x, 0) / d_d, 0))
        mean_value ← mean_value + new_mean·(value - mean_value)
        mean_g_x ← mean_g_x + new_mean·(g_x - mean_g_x)
        Δx ← -(keep·length·(mean + new_mean·(g - mean))) - (1 - keep)·x
        mean ← mean + new_mean·(g - mean)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "momo"
    mean_decay: float = 0.9
    weight_decay: float = 0.0
    bound: float = 0.0


@dataclass(frozen=True)
class Dog(Settings):
    """DoG, distance over gradients: the step is the farthest that it has been from where it began, over the
    root of the sum of all squared gradients. The rate multiplies it (1). Average the points for what the
    paper proves: `averaging` after it.

    Ivgi, Hinder and Carmon 2023, <https://arxiv.org/abs/2302.12022>.

    Parameters
    ----------
    start : float, default 1e-06
        The first distance, as a share of 1 + ‖x₀‖. Allowed: at least 1e-300.
    epsilon : float, default 1e-08
        Added to the sum of squares. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        length ← 0
        d_d ← (x - (origin + begin·(x - origin)))²
        g_g ← g·g
        x_x ← x·x
        length ← rate·positive(sqrt(squares + g_g + epsilon), max(max(distance, begin·start·(1 +
        sqrt(x_x))), sqrt(d_d)) / sqrt(squares + g_g + epsilon), 0)
        distance ← max(max(distance, begin·start·(1 + sqrt(x_x))), sqrt(d_d))
        squares ← squares + g_g
        Δx ← -(length·g)
        origin ← origin + begin·(x - origin)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "dog"
    start: float = 1e-06
    epsilon: float = 1e-08


@dataclass(frozen=True)
class LDog(Settings):
    """L-DoG: `dog` with a distance and a sum of squares of its own for each tensor.

    Ivgi, Hinder and Carmon 2023, <https://arxiv.org/abs/2302.12022>.

    Parameters
    ----------
    start : float, default 1e-06
        The first distance, as a share of 1 + ‖x₀‖. Allowed: at least 1e-300.
    epsilon : float, default 1e-08
        Added to the sum of squares. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        length ← 0
        d_d ← (x - (origin + begin·(x - origin)))²
        g_g ← g·g
        x_x ← x·x
        length ← rate·positive(sqrt(squares + g_g + epsilon), max(max(distance, begin·start·(1 +
        sqrt(x_x))), sqrt(d_d)) / sqrt(squares + g_g + epsilon), 0)
        distance ← max(max(distance, begin·start·(1 + sqrt(x_x))), sqrt(d_d))
        squares ← squares + g_g
        Δx ← -(length·g)
        origin ← origin + begin·(x - origin)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "l_dog"
    start: float = 1e-06
    epsilon: float = 1e-08


@dataclass(frozen=True)
class Dowg(Settings):
    """DoWG, distance over weighted gradients: squared gradients count by how far it had come when they were
    seen, v ← v + r²·‖g‖²; x ← x − rate·r² / (√v + epsilon)·g, r the farthest that it has been from where it
    began.

    Khaled, Mishchenko and Jin 2023, <https://arxiv.org/abs/2305.16284>.

    Parameters
    ----------
    start : float, default 0.0001
        The first squared distance. Allowed: at least 1e-300.
    epsilon : float, default 0.0001
        Added to the root of the sum. Allowed: between 0 and 1.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        length ← 0
        d_d ← (x - (origin + begin·(x - origin)))²
        g_g ← g·g
        distance ← max(max(distance, start), d_d)
        squares ← squares + max(max(distance, start), d_d)·g_g
        Δx ← -(length·g)
        origin ← origin + begin·(x - origin)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "dowg"
    start: float = 0.0001
    epsilon: float = 0.0001


@dataclass(frozen=True)
class DAdaptation(Settings):
    """D-Adaptation for Adam: the rate times an estimate d, from below, of how far the solution is; d never
    falls. dₖ₊₁ = max(dₖ, Σ λ·⟨g, s / √v⟩ / ‖s‖₁), s a fading sum of the steps' gradients.

    Defazio and Mishchenko 2023, <https://arxiv.org/abs/2301.07733>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    start : float, default 1e-06
        The first estimate. Allowed: at least 1e-300.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate and the estimate (decoupled).
        Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        keep ← mean_decay
        new_square ← 1 - square_decay
        length ← max(estimate, start)·rate·sqrt(1 - pow(square_decay, step)) / (1 - pow(mean_decay, step))
        still ← epsilon
        decay ← max(estimate, start)·rate·sqrt(1 - pow(square_decay, step)) / (1 - pow(mean_decay,
        step))·weight_decay
        lag ← sqrt(square_decay)
        late ← 1 - mean_decay
        g_s ← positive(sqrt(square) + still, g·steps / (sqrt(square) + still), 0)
        s_1 ← |lag·steps + (1 - lag)·length·g|
        estimate ← max(max(estimate, start), positive(s_1, (lag·numerator + (1 - lag)·length·g_s) / ((1 -
        lag)·s_1), 0))
        numerator ← lag·numerator + (1 - lag)·length·g_s
        Δx ← -((keep·mean + late·length·g) / (sqrt(square + new_square·(g·g - square)) + still)) - decay·x
        mean ← keep·mean + late·length·g
        square ← square + new_square·(g·g - square)
        steps ← lag·steps + (1 - lag)·length·g
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "d_adaptation"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-08
    start: float = 1e-06
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Prodigy(Settings):
    """Prodigy: Adam with the rate times an estimate d of how far the solution is, which grows faster than
    `DAdaptation`'s; d never falls. Four memories. As in optax, with the correction of the averages for
    having started at 0, which the authors' package leaves out unless asked.

    Mishchenko and Defazio 2023, <https://arxiv.org/abs/2306.06101>.

    Parameters
    ----------
    mean_decay : float, default 0.9
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.999
        How much of the mean squared gradient is kept at each step. Allowed: between 0 and 0.999999999.
    sum_decay : float, default 0.999499874937461
        How much of the estimate's sums is kept at each step (about the root of `square_decay`). Allowed:
        between 0 and 0.999999999.
    epsilon : float, default 1e-08
        Added to the root mean square, so that a still coordinate does not divide by zero. Allowed: between
        0 and 1.
    start : float, default 1e-06
        The first estimate. Allowed: at least 1e-300.
    coefficient : float, default 1.0
        What the estimate is multiplied by. Allowed: at least 0.
    safeguard : bool, default False
        Leave the correction and the rate out of the estimate's sums, for rates that come in slowly.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate and the estimate (decoupled).
        Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        keep ← mean_decay
        new_square ← 1 - square_decay
        estimated ← max(estimate, start)
        length ← max(estimate, start)·rate·sqrt(1 - pow(square_decay, step)) / (1 - pow(mean_decay, step))
        still ← epsilon
        decay ← max(estimate, start)·rate·sqrt(1 - pow(square_decay, step)) / (1 - pow(mean_decay,
        step))·weight_decay
        lag ← sum_decay
        g_d ← g·(origin + begin·(x - origin) - x)
        s_1 ← |lag·sum + weight·g|
        still ← still·max(estimated, positive(s_1, coefficient·(lag·numerator + estimated /
        start·length·g_d) / s_1, 0))
        estimate ← max(estimated, positive(s_1, coefficient·(lag·numerator + estimated / start·length·g_d) /
        s_1, 0))
        numerator ← lag·numerator + estimated / start·length·g_d
        Δx ← -(length·(estimated·g + keep·(mean - estimated·g)) / (sqrt(square +
        new_square·(estimated·g·estimated·g - square)) + still)) - decay·x
        mean ← estimated·g + keep·(mean - estimated·g)
        square ← square + new_square·(estimated·g·estimated·g - square)
        sum ← lag·sum + weight·g
        origin ← origin + begin·(x - origin)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "prodigy"
    mean_decay: float = 0.9
    square_decay: float = 0.999
    sum_decay: float = 0.999499874937461
    epsilon: float = 1e-08
    start: float = 1e-06
    coefficient: float = 1.0
    safeguard: bool = False
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Cocob(Settings):
    """COCOB, continuous coin betting: each coordinate bets on its gradient's sign with what it has won so
    far, and stands as far from where it began as the bet is high. Five memories; the rate multiplies the
    way (1).

    Orabona and Tommasi 2017, <https://arxiv.org/abs/1705.07795>.

    Parameters
    ----------
    caution : float, default 100.0
        How careful the first bets are. Allowed: at least 0.
    epsilon : float, default 1e-08
        The least that the largest gradient counts as. Allowed: between 1e-300 and 1.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        careful ← caution
        least ← epsilon
        length ← rate
        origin ← origin + begin·(x - origin)
        largest ← max(max(largest, |g|), least)
        sizes ← sizes + |g|
        reward ← max(reward - g·(x - (origin + begin·(x - origin))), 0)
        bets ← bets - g
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "cocob"
    caution: float = 100.0
    epsilon: float = 1e-08


@dataclass(frozen=True)
class Mechanic(Settings):
    """Mechanic: finds what to multiply the steps of the rule before it by. Where it stands is x₀ + s·Δ, Δ
    the sum of those steps and s set by betting on ⟨g, Δ⟩, with six memories of 1 to 6 digits. Stands after
    another rule, whose rate then hardly matters. The short form, as in optax: Δ is taken from where x is.

    Cutkosky, Defazio and Mehta 2023, <https://arxiv.org/abs/2306.00144>.

    Parameters
    ----------
    start : float, default 1e-06
        The first multiple. Allowed: at least 1e-300.
    epsilon : float, default 1e-08
        Added to what is divided by. Allowed: between 1e-300 and 1.
    weight_decay : float, default 0.01
        Pull towards 0 within the bets, against the sizes of gradient and parameter. Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        begin ← positive(1.5 - step, 1, 0)
        times ← 0
        least ← epsilon
        g_d ← g·(origin + begin·(x - origin) - x)·inverse
        x_d ← x·(origin + begin·(x - origin) - x)·inverse
        g_g ← g·g
        x_x ← x·x
        x ← origin + begin·(x - origin) - times·((origin + begin·(x - origin) - x)·inverse - g)
        origin ← origin + begin·(x - origin)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "mechanic"
    start: float = 1e-06
    epsilon: float = 1e-08
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Adafactor(Settings):
    """Adafactor: RMSprop whose memory of a matrix is a number a row and a number a column, their product
    over the mean in the place of the mean square; the step is scaled to the size of the tensor and cut
    where it is unusual. What is not a matrix has a mean square as long as itself. As
    `torch.optim.Adafactor`, of which tensors of more than two axes are factored too; `epsilon` has
    float32's size.

    Shazeer and Stern 2018, <https://arxiv.org/abs/1804.04235>.

    Parameters
    ----------
    decay : float, default 0.8
        How fast the share of the newest square falls: with the step's number to this power. Allowed:
        between 0 and 1.
    epsilon : float, default 1.1920928955078125e-07
        The least root mean square that is divided by. Allowed: between 1e-150 and 1.
    least : float, default 0.001
        The least size that a tensor counts as. Allowed: at least 0.
    cut : float, default 1.0
        The root mean square that a step is cut to. Allowed: at least 1e-300.
    weight_decay : float, default 0.0
        Fraction of the parameter removed at each step, times the rate (decoupled). Allowed: at least 0.

    Notes
    -----
    As recorded from the core::

        new_square ← pow(step, -decay)
        least_square ← epsilon²
        length ← 0
        shrink ← rate·weight_decay
        x_x ← x·x
        u_u ← g·g / max(square + new_square·(g·g - square), least_square)
        entries ← 1 + 0·x
        length ← min(rate, 1 / sqrt(step))·max(least, sqrt(x_x) / sqrt(max(entries, 1))) / max(sqrt(u_u) /
        (sqrt(max(entries, 1))·cut), 1)
        Δx ← -(length·g / sqrt(max(square + new_square·(g·g - square), least_square))) - shrink·x
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "adafactor"
    decay: float = 0.8
    epsilon: float = 1.1920928955078125e-07
    least: float = 0.001
    cut: float = 1.0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Centralise(Settings):
    """Gradient centralisation: the gradient of a matrix less its mean in each row, one row a unit;
    everything else stays as it is. Stands before another rule. Tensors of more than two axes, whose rows
    optax and the paper take to be all but the first, are left alone.

    Yong, Huang, Hua and Zhang 2020, <https://arxiv.org/abs/2004.01461>.

    Parameters
    ----------
    by_column : bool, default False
        Units are columns, as Keras and JAX lay a matrix out; torch has them in the rows.

    Notes
    -----
    As recorded from the core::

        across ← by_column
        matrix ← g - (1 - by_column)·row_means(g) - by_column·column_means(g)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "centralise"
    by_column: bool = False


@dataclass(frozen=True)
class ClipAdaptive(Settings):
    """Adaptive gradient clipping: the gradient of a unit, a row of a matrix, is shortened to `most` times
    the unit's own length; what is not a matrix is one unit. Stands before another rule.

    Brock, De, Smith and Simonyan 2021, <https://arxiv.org/abs/2102.06171>.

    Parameters
    ----------
    most : float, default 0.01
        The longest gradient let through, against the length of the parameter. Allowed: at least 1e-300.
    least : float, default 0.001
        The least length that a parameter counts as. Allowed: at least 0.
    by_column : bool, default False
        Units are columns, as Keras and JAX lay a matrix out; torch has them in the rows.

    Notes
    -----
    As recorded from the core::

        factor ← 1
        x_x ← x·x
        g_g ← g·g
        factor ← min(most·max(sqrt(x_x), least) / max(sqrt(g_g), 1e-6), 1)
        g ← factor·g
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "clip_adaptive"
    most: float = 0.01
    least: float = 0.001
    by_column: bool = False


@dataclass(frozen=True)
class GradientNoise(Settings):
    """Gradient noise: a normal number is added to each coordinate of the gradient, of variance eta / tᵞ at
    step t = 1, 2, … The numbers are a function of seed, step and place: a run that is stopped and goes on
    draws the same. Stands before another rule. As `optax.add_noise`; torch away from the CPU, and JAX, draw
    by generators of their own.

    Neelakantan et al. 2015, <https://arxiv.org/abs/1511.06807>.

    Parameters
    ----------
    eta : float, default 0.01
        The variance at the first step. Allowed: at least 0.
    gamma : float, default 0.55
        How fast the variance falls: with the step's number to this power. Allowed: between 0 and 100.
    seed : int, default 0
        Another number, other noise. Allowed: between 0 and 4294967295.

    Notes
    -----
    As recorded from the core::

        deviation ← sqrt(eta·pow(step, -gamma))
        g ← g + deviation·normal
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "gradient_noise"
    eta: float = 0.01
    gamma: float = 0.55
    seed: int = 0


@dataclass(frozen=True)
class Soap(Settings):
    """SOAP, of one side: Adam in the directions in which a matrix's gradients vary, the eigenvectors of the
    mean of GG′. The basis is that of the shorter side, as the authors have it where a side is long, and is
    renewed at each step (a frequency of 1) by one step of orthogonal iteration from the last; at first from
    the identity. The gradient of a step comes into its basis, so that the first step need not be left out.
    What is not a matrix moves by Adam, and so does a matrix of one row or column.

    Vyas et al. 2024, <https://arxiv.org/abs/2409.11321>.

    Parameters
    ----------
    mean_decay : float, default 0.95
        How much of the mean gradient is kept at each step. Allowed: between 0 and 0.999999999.
    square_decay : float, default 0.95
        How much of the mean squared gradient, and of the mean of GG′, is kept at each step. Allowed:
        between 0 and 0.999999999.
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
        decay ← rate·weight_decay
        Δx ← -(length·(mean + new_mean·(g - mean)) / (root·sqrt(square + new_square·(g·g - square)) +
        still)) - decay·x
        mean ← mean + new_mean·(g - mean)
        square ← square + new_square·(g·g - square)
    """

    registry: ClassVar[str] = "rules"
    name: ClassVar[str] = "soap"
    mean_decay: float = 0.95
    square_decay: float = 0.95
    epsilon: float = 1e-08
    weight_decay: float = 0.0
