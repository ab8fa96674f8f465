"""Methods: how to take one step.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import methods
>>> methods.Ruled(batch_size=1).name
'ruled'
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from steepest._catalog import Settings

__all__ = [
    "Adapgm",
    "Alternating",
    "AugmentedLagrangian",
    "BarzilaiBorwein",
    "Bfgs",
    "Coordinate",
    "Fire",
    "Fista",
    "FrankWolfe",
    "GradientDescent",
    "InteriorPoint",
    "Lbfgs",
    "LevenbergMarquardt",
    "MirrorDescent",
    "Newton",
    "NonlinearCg",
    "Panoc",
    "Progressive",
    "Ruled",
    "Saga",
    "Spsa",
    "Sqp",
    "SteepestDescent",
    "StochasticLbfgs",
    "SubsampledNewton",
    "Svrg",
    "TruncatedNewton",
]


@dataclass(frozen=True)
class Adapgm(Settings):
    """Adaptive proximal gradient (adaPGM; without a penalty it is adaptive gradient descent, AdGD, with a
    longer step): x⁺ = prox(x − γ∇f(x)). With ℓ = s′y / s′s and c = y′y / s′y of the last step s and change
    of the gradient y, γ⁺ = min { γ √(1 + γ/γ⁻), γ / (2 √(γℓ(γc − 1))) }, the second only where γc > 1. One
    gradient a step and no value is needed; of a convex function it converges whatever the first step. Slow
    in narrow valleys, as all plain gradients are.

    Latafat, Themelis, Stella and Patrinos 2023, <https://arxiv.org/abs/2301.04431>; AdGD: Malitsky and
    Mishchenko 2020, <https://arxiv.org/abs/1910.09529>.

    Parameters
    ----------
    rate : float, default 0.0
        The first step; 0: one over the curvature along the slope. Allowed: at least 0.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "adapgm"
    rate: float = 0.0


@dataclass(frozen=True)
class Alternating(Settings):
    """Alternating minimisation: of blocks of variables one after the other is put where the objective is
    least while the others stay; of two matrices of factors under a squared loss this is alternating least
    squares. No round leads up. Rounds are extrapolated by Anderson's method: the next one starts where a
    combination of the last few would change nothing, and from the last point again where that led up. For
    objectives that can be minimised over blocks: factorisations.

    Koren, Bell and Volinsky 2009, <https://doi.org/10.1109/MC.2009.263>; Anderson 1965,
    <https://doi.org/10.1145/321296.321305>.

    Parameters
    ----------
    memory : int, default 6
        Rounds that are combined; 0 leaves them as they are. Allowed: between 0 and 50.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "alternating"
    memory: int = 6


@dataclass(frozen=True)
class AugmentedLagrangian(Settings):
    """The augmented Lagrangian method, for constraints low ≤ c(x) ≤ high beside bounds: L-BFGS goes down

        L(x) = f(x) + ½ρ Σ_i dist(c_i(x) + λ_i / ρ, [low_i, high_i])²

    and λ_i ← ρ (c_i + λ_i / ρ less its nearest point of [low_i, high_i]) after each round; ρ grows where
    constraints are not missed by much less than before. Constraints are measured by the length of their
    gradients: at the start, and anew where a round ends and one has become a hundred times as steep, or
    that part of it. It has converged where L has, the constraints are met to a hundredth of the tolerance,
    λ has come to rest, and what constraints are still away from where λ holds them is worth no more than
    the tolerance of f.

    Hestenes 1969; Powell 1969; Nocedal and Wright, *Numerical Optimization*, section 17.3; Andreani,
    Birgin, Martinez and Schuverdt 2008, <https://doi.org/10.1137/060654797>.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "augmented_lagrangian"


@dataclass(frozen=True)
class Coordinate(Settings):
    """Coordinate descent on a working set: the columns in use and those that want to be, a quadratic of the
    loss over them, one read of the table to see who else wants in. Sparse answers in a few reads, with a
    duality gap. Friedman, Hastie and Tibshirani 2010, <https://doi.org/10.18637/jss.v033.i01>.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "coordinate"


@dataclass(frozen=True)
class Fire(Settings):
    """FIRE 2.0, the fast inertial relaxation engine: v ← v − Δt ∇f, turned towards the slope, v ← (1 − α) v
    − α |v| ∇f/|∇f|, and x ← x + Δt v. Where the slope pushes against v (power below 0) it takes half a step
    back and stops.

    One gradient a step, and the value is looked at only where it ends. Here Δt follows the curvature that
    the last steps have met, c = |Δg| / |Δx|: it grows up to a share of 1/√c, beyond which a mass on a
    spring as stiff would swing ever further. So no unit of length, mass or energy has to be known. Many
    steps, each of them safe: for energies whose forces are noisy or, with `verify` off, are no gradient at
    all; `lbfgs` takes fewer where they are.

    Bitzek, Koskinen, Gähler, Moseler and Gumbsch 2006; Guénolé et al. 2020,
    <https://arxiv.org/abs/1908.02038>.

    Parameters
    ----------
    reach : float, default 0.3
        The largest time step, as a share of 1/√c. Allowed: between 0.01 and 1.4.
    grow : float, default 2.0
        What the time step grows by, once it goes downhill. Allowed: between 1 and 10.
    shrink : float, default 0.9
        What it shrinks by where the slope pushes back. Allowed: between 0.01 and 1.
    delay : int, default 1
        Steps downhill before it grows. Allowed: between 0 and 1000.
    mix : float, default 0.4
        α at first, and after each stop. Allowed: between 0 and 1.
    fade : float, default 0.95
        What α falls by while it goes downhill. Allowed: between 0 and 1.
    longest : float, default 0.2
        How far one step may lead, in units of the size of x. Allowed: at least 0.
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |∇F| is at most this; below 0 the method's own.
        Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "fire"
    reach: float = 0.3
    grow: float = 2.0
    shrink: float = 0.9
    delay: int = 1
    mix: float = 0.4
    fade: float = 0.95
    longest: float = 0.2
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True


@dataclass(frozen=True)
class Fista(Settings):
    """Accelerated proximal gradient: u = y − t D∇f(y), x⁺ = prox(u), y⁺ = x⁺ + β (x⁺ − x). The step t is
    found by backtracking and grows again where it can; the momentum starts anew where it points uphill. D
    is a diagonal metric from the columns of a table, where the penalty's prox allows one.

    Beck and Teboulle 2009, <https://doi.org/10.1137/080716542>; O'Donoghue and Candès 2015,
    <https://doi.org/10.1007/s10208-013-9150-3>.

    Parameters
    ----------
    restart : bool, default True
        Whether to start the momentum anew where it points uphill.
    growth : float, default 1.1
        What the step is multiplied by after each step taken; backtracking takes it back. Allowed: between 1
        and 10.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "fista"
    restart: bool = True
    growth: float = 1.1


@dataclass(frozen=True)
class FrankWolfe(Settings):
    """Frank and Wolfe's method (conditional gradients) with away steps, on a bounded set: x is a mean of
    points of the set; each step goes towards s = argmin ∇f(x)′s over the set, or away from the worst of
    those points, whichever falls more steeply. How far is found by backtracking on the curvature. No
    projection is needed, x is made of few points of the set, and of a convex function the gap ∇f(x)′(x − s)
    bounds how far the least is.

    Frank and Wolfe 1956, <https://doi.org/10.1002/nav.3800030109>; Lacoste-Julien and Jaggi 2015,
    <https://arxiv.org/abs/1511.05932>; Pedregosa, Negiar, Askari and Jaggi 2020,
    <https://arxiv.org/abs/1806.05123>.

    Parameters
    ----------
    away : bool, default True
        Whether to step away too: on polytopes that makes convergence linear.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "frank_wolfe"
    away: bool = True


@dataclass(frozen=True)
class GradientDescent(Settings):
    """Gradient descent, x ← prox(x − rate · ∇f(x)), at a rate that is given, or at Barzilai and Borwein's
    with a line search.

    Without a penalty that is x − rate · ∇f(x). With no rate it finds its own from the curvature that the
    last step met, s's / s'y, shortened until the value is below the largest of the last ten: so over any
    ten steps it goes down. Variables whose sizes lie far apart, at the start or by how the function turns
    out to bend, are then measured in units of their own.

    Cauchy 1847; Barzilai and Borwein 1988; Grippo, Lampariello and Lucidi 1986; Wright, Nowak and
    Figueiredo 2009.

    Parameters
    ----------
    rate : float, default 0.0
        The step length; 0 to let it find its own at each step. Allowed: at least 0.
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |∇F| is at most this; below 0 the method's own.
        Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "gradient_descent"
    rate: float = 0.0
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True


@dataclass(frozen=True)
class InteriorPoint(Settings):
    """Interior points, primal and dual, for losses made of straight parts (hinge, pinball,
    epsilon_insensitive): Newton's steps on the conditions of both, a predictor and a corrector by one
    matrix over the columns. Some tens of steps, with a duality gap; up to 4000 columns or rows. Mehrotra
    1992, <https://doi.org/10.1137/0802028>; Portnoy and Koenker 1997,
    <https://doi.org/10.1214/ss/1030037960>.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "interior_point"


@dataclass(frozen=True)
class LevenbergMarquardt(Settings):
    """The Levenberg-Marquardt method, for F(x) = Σ_i ψ(r_i(x)), ½ Σ r_i² as a rule: the step p is least for

    ½ ‖r + J p‖² where ‖D p‖ ≤ Δ and low ≤ x + p ≤ high

    D_j is the largest length that column j of J has had, so that the units of the variables do not matter;
    Δ follows from how well the last decrease was foretold. Solved by QR, never by JᵀJ, whose condition is
    the square. Where Δ cuts a step short, what r did beyond J p bends it: x + p − (JᵀJ + λD²)⁻¹Jᵀ(r(x + p)
    − r − J p) is taken where it is lower. Along curved valleys it often is, which saves more than half of
    the Jacobians for one evaluation a step. Losses other than the square weigh the rows by their
    curvatures, and the residuals by their slopes (Triggs).

    Levenberg 1944; Marquardt 1963; Moré 1978; Triggs, McLauchlan, Hartley and Fitzgibbon 2000; Transtrum
    and Sethna 2012, <https://arxiv.org/abs/1201.5885>.

    Parameters
    ----------
    ftol : float, default -1.0
        Claim convergence where F can fall by at most this, relative; below 0 the method's own: a
        thousand-millionth of the tolerance. Allowed: at least -1.
    gtol : float, default -1.0
        Claim convergence where no entry of the gradient of F is larger; below 0 the method's own. Allowed:
        at least -1.
    factor : float, default 1.0
        The longest first step, in lengths of D x. Allowed: between 1e-12 and 1e+12.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "levenberg_marquardt"
    ftol: float = -1.0
    gtol: float = -1.0
    factor: float = 1.0
    verify: bool = True


@dataclass(frozen=True)
class MirrorDescent(Settings):
    """Mirror descent, x⁺ = argmin ∇f(x)′u + L·D(u, x) by a Bregman distance D. On the simplex D is the
    relative entropy, and the step multiplies the shares, x_j ∝ x_j exp(−∇f_j / L) (exponentiated
    gradients); without a constraint D is that of ½‖x‖_p², near p = 1 for many variables of which few
    matter. L is found by backtracking: no step raises f.

    On the simplex the gap ∇f(x)′x − min_j ∇f_j bounds how far the least of a convex function is.

    Nemirovski and Yudin 1983; Beck and Teboulle 2003, <https://doi.org/10.1016/S0167-6377(02)00231-6>; L by
    backtracking: Bauschke, Bolte and Teboulle 2017, <https://doi.org/10.1287/moor.2016.0817>.

    Parameters
    ----------
    p : float, default 1.0
        The p of ½‖x‖_p² where there is no constraint; 1: 2 ln n / (2 ln n − 1), which is near 1 for many
        variables. Allowed: between 1 and 2.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "mirror_descent"
    p: float = 1.0


@dataclass(frozen=True)
class Newton(Settings):
    """Newton's method: (H + λ D) d = −g, D the diagonal of |H|; λ follows from how well the quadratic model
    foretold the last decrease, and is 0 near a proper minimum, where convergence is quadratic.

    H is the Hessian where it is given, else its products with the axes, else differences of gradients. At a
    stationary point that is no minimum it leaves along a direction of negative curvature.

    Levenberg 1944; Marquardt 1963; Moré and Sorensen 1983; Nocedal and Wright 2006, chapter 4.

    Parameters
    ----------
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |g| is at most this; below 0 the method's own.
        Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "newton"
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True


@dataclass(frozen=True)
class Panoc(Settings):
    """Proximal gradient with quasi-Newton directions: z = prox(x − t∇f(x)) and R = (x − z)/t, x⁺ = z + τ (x
    − H R − z) for τ = 1, ½ … 0, H from the last pairs of x and R as in L-BFGS. A longest τ is taken that
    lowers the forward-backward envelope f + ∇f′(z − x) + ‖z − x‖²/2t + penalty(z); τ = 0 always does. x
    stays where the penalty is finite.

    Stella, Themelis, Sopasakis and Patrinos 2017, <https://doi.org/10.1109/CDC.2017.8263933>.

    Parameters
    ----------
    memory : int, default 30
        Pairs of steps and changes of R remembered. Allowed: between 1 and 1000.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "panoc"
    memory: int = 30


@dataclass(frozen=True)
class Progressive(Settings):
    """Progressive descent, for a loss over a table with an l2 penalty or none: the default for linear
    models.

    It starts on a small sample of the rows, walks there until the sample can teach no more, takes four
    times the sample, and so on; then it walks on all rows. Each walk takes quasi-Newton steps (L-BFGS)
    round a metric: the Hessian over some 50 to 400 rows for each column, by Cholesky or QR. Raw scales do
    not matter. It stops when a bound on F − F*, by Fenchel duality with a dual point corrected on those
    same rows, says so.

    Wide and sparse tables, for which such a matrix would cost more than it saves, are walked on whole,
    round a diagonal; conjugate gradients over all rows find the dual point, and Newton's step with it. What
    has far fewer rows than columns is made square when that pays.

    Adaptive samples: Mokhtari and Ribeiro 2017; sub-sampled Newton: Roosta-Khorasani and Mahoney 2019.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "progressive"


@dataclass(frozen=True)
class Ruled(Settings):
    """A rule applied to the gradient of all terms, of batches or of single ones (stochastic gradient
    descent). Under its own name it takes momo_adam; the name of any rule is this method with that rule.
    With no rate given it finds its own.

    Parameters
    ----------
    rate : float, default 0.0
        The rate (the learning rate); 0: it finds its own. Allowed: at least 0.
    batch_size : int, default 0
        Terms a step looks at: 1 is stochastic, more is mini-batch, 0 is all of them. Allowed: between 0 and
        4294967295.
    sampling : str, default 'shuffle'
        How batches are drawn: `shuffle`, every term once an epoch in a new order (without replacement);
        `replacement`, each from all terms; `blocks`, runs of neighbouring terms in a new order each epoch,
        which read along a table; `importance`, batches that stay, drawn half alike and half by how much
        they change, and weighted so that the mean is right. One of: shuffle, replacement, blocks,
        importance.
    growing : bool, default False
        Whether batches grow after an epoch in which the noise of their gradients was larger than the
        gradient of all terms; a rate that finds itself then stays as it is.
    epochs : int, default 20
        Rounds through all terms, where there are batches. Allowed: between 1 and 4294967295.
    seed : int, default 0
        Of the order in which batches are drawn. Allowed: between 0 and 9.00719925474e+15.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "ruled"
    rate: float = 0.0
    batch_size: int = 0
    sampling: Literal["shuffle", "replacement", "blocks", "importance"] = "shuffle"
    growing: bool = False
    epochs: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Saga(Settings):
    """SAGA: every batch's last gradient a_B is remembered, and a step is x ← prox(x − η (∇f_B(x) − a_B +
    ā)) with their mean ā. η = 1/2L, L found on the way: at every eighth step the curvature along the
    batch's own gradient is looked at. Batches stay the same over the epochs. An iteration is an epoch: an
    eighth more than one read of all terms. Where ā says that little is left the gradient of all terms is
    looked at, and only of that is anything claimed.

    Memory is that of a gradient a batch, at most 256 MB: batches are larger where that would be more.

    Defazio, Bach and Lacoste-Julien 2014, <https://arxiv.org/abs/1407.0202>; L on the way: Schmidt, Le Roux
    and Bach 2017, section 4.6, <https://doi.org/10.1007/s10107-016-1030-6>.

    Parameters
    ----------
    batch_size : int, default 0
        Terms a step looks at; 0: a thousandth of them. Allowed: between 0 and 4294967295.
    sampling : str, default 'shuffle'
        How batches are drawn: `shuffle` (each once an epoch), `replacement`, `blocks` (runs of neighbours),
        `importance`. One of: shuffle, replacement, blocks, importance.
    seed : int, default 0
        Of the order in which batches are drawn. Allowed: between 0 and 9.00719925474e+15.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "saga"
    batch_size: int = 0
    sampling: Literal["shuffle", "replacement", "blocks", "importance"] = "shuffle"
    seed: int = 0


@dataclass(frozen=True)
class Spsa(Settings):
    """Simultaneous perturbation stochastic approximation (SPSA): all variables are perturbed at once, each
    up or down by the toss of a coin, and two values tell a slope, g_j = (f(x + cΔ) − f(x − cΔ)) / (2 c
    Δ_j), however many variables there are. For functions known by their values only, and those noisy:
    measured ones, simulated ones. A step that ends higher than the noise explains is taken back. The noise
    is that of five values at the start; where there is noise, steps and perturbations shrink as Spall's
    gains do, a/(k + A)^0.602 and c/k^0.101; where there is none, by what is accepted.

    It sees no slope that it could make a claim by: it ends by a budget, at the floor of the noise, or where
    no step is accepted any more, and never says that it has converged. Where differences can be taken (no
    noise, few variables) other methods are quicker and can say so.

    Spall 1992, <https://doi.org/10.1109/9.119632>; its gains and the blocking of steps: Spall 1998,
    <https://doi.org/10.1109/7.705889>.

    Parameters
    ----------
    samples : int, default 1
        Pairs of values whose slopes are averaged for a step. Allowed: between 1 and 1048576.
    perturbation : float, default 0.1
        How far each variable is perturbed at first: far enough that f changes by more than its noise.
        Allowed: between 1e-300 and 1e+300.
    first : float, default 0.0
        How far each variable moves at the first step; 0: as far as it is perturbed. Allowed: between 0 and
        1e+300.
    seed : int, default 0
        Of the coins. Allowed: between 0 and 9.00719925474e+15.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "spsa"
    samples: int = 1
    perturbation: float = 0.1
    first: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Sqp(Settings):
    """Sequential quadratic programming, for constraints low ≤ c(x) ≤ high beside bounds: each step d goes
    to the least of

        g′d + ½ d′Bd   where   low ≤ c + J d ≤ high   and   x + d within bounds

    as far as f + Σ_i w_i dist(c_i, [low_i, high_i]) falls, w_i no less than the multipliers. B learns from
    the gradients of the Lagrangian (BFGS, damped); a whole step that is refused since constraints bend is
    tried once more with what they are at its end. Where no step meets the constraints as they are bent, it
    goes as near as one comes. Where the models have nothing more to gain, what they say is held against
    values around: the Lagrangian has to bend up along the constraints that hold, which conjugate gradients
    ask of its gradients, and where gradients were given they have to foretell it on both sides. Where it
    bends down, a saddle, the models go on from below it. Where the looks leave a doubt, or no step that is
    proposed is one, the rounds of `augmented_lagrangian` go on, from that point and its multipliers, and
    what is claimed is what they find. Each step solves a dense program by active sets: above 500 variables
    or constraints it is `augmented_lagrangian` from the start.

    Powell 1978, <https://doi.org/10.1007/BFb0067703>; Goldfarb and Idnani 1983,
    <https://doi.org/10.1007/BF02591962>; Mayne and Polak 1982, <https://doi.org/10.1007/BFb0120980>;
    Nocedal and Wright, *Numerical Optimization*, chapter 18.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "sqp"


@dataclass(frozen=True)
class SteepestDescent(Settings):
    """Plain gradient descent, x ← x − rate · ∇f(x): the textbook's, at a fixed rate or by Armijo's rule.

    With no rate each step tries the last rate, or twice that where it was taken at once, and halves it
    until f falls by at least 1e-4 · rate · ‖∇f‖² (backtracking). Slow in narrow valleys, and meant to be
    seen so: `gradient_descent` takes the same gradients and far fewer of them.

    Cauchy 1847; Armijo 1966.

    Parameters
    ----------
    rate : float, default 0.0
        The step length; 0 for Armijo's rule. Allowed: at least 0.
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |∇F| is at most this; below 0 the method's own.
        Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "steepest_descent"
    rate: float = 0.0
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True


@dataclass(frozen=True)
class StochasticLbfgs(Settings):
    """Stochastic L-BFGS with reduced variance: the steps of `svrg`, x ← x − η H (∇f_B(x) − ∇f_B(x̃) +
    ∇f(x̃)), in the metric H of the last pairs of changes of the point and of the gradient. A pair is of the
    mean of twenty points and of ten times as many terms as a batch has; the gradients of all terms at the
    ends of epochs make one more. η is one over what curvature the differences show in that metric.

    Moritz, Nishihara and Jordan 2016, <https://proceedings.mlr.press/v51/moritz16.html>; Byrd, Hansen,
    Nocedal and Singer 2016, <https://doi.org/10.1137/140954362>.

    Parameters
    ----------
    memory : int, default 10
        Pairs remembered. Allowed: between 1 and 1000.
    batch_size : int, default 0
        Terms a step looks at; 0: a thousandth of them. Allowed: between 0 and 4294967295.
    sampling : str, default 'shuffle'
        How batches are drawn: `shuffle` (each term once an epoch), `replacement`, `blocks` (runs of
        neighbours), `importance`. One of: shuffle, replacement, blocks, importance.
    seed : int, default 0
        Of the order in which batches are drawn. Allowed: between 0 and 9.00719925474e+15.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "stochastic_lbfgs"
    memory: int = 10
    batch_size: int = 0
    sampling: Literal["shuffle", "replacement", "blocks", "importance"] = "shuffle"
    seed: int = 0


@dataclass(frozen=True)
class Svrg(Settings):
    """Stochastic variance reduced gradient: each epoch begins with the gradient of all terms at x̃, and
    each of its steps is x ← prox(x − η (∇f_B(x) − ∇f_B(x̃) + ∇f(x̃))) over a batch B. η is one over what
    curvature the differences show, so that there is no rate to set; an epoch that ends higher than it began
    is taken back. An iteration is an epoch: three reads of all terms. What is claimed is claimed of the
    gradient of all terms at its end.

    Johnson and Zhang 2013, <https://papers.nips.cc/paper/4937>; with a prox: Xiao and Zhang 2014,
    <https://doi.org/10.1137/140961791>.

    Parameters
    ----------
    batch_size : int, default 0
        Terms a step looks at; 0: a thousandth of them. Allowed: between 0 and 4294967295.
    sampling : str, default 'shuffle'
        How batches are drawn: `shuffle` (each term once an epoch), `replacement`, `blocks` (runs of
        neighbours), `importance`. One of: shuffle, replacement, blocks, importance.
    seed : int, default 0
        Of the order in which batches are drawn. Allowed: between 0 and 9.00719925474e+15.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "svrg"
    batch_size: int = 0
    sampling: Literal["shuffle", "replacement", "blocks", "importance"] = "shuffle"
    seed: int = 0


@dataclass(frozen=True)
class BarzilaiBorwein(Settings):
    """Barzilai and Borwein's gradient steps, d = −γ g, by the curvature that the last step met: γ = s's /
    s'y and the shorter s'y / y'y by turns. The value need not fall at each step, only below the largest of
    the last ten.

    Two vectors of memory. `gradient_descent` is the same idea for penalties with a prox.

    Barzilai and Borwein 1988, <https://doi.org/10.1093/imanum/8.1.141>; Raydan 1997; Dai and Fletcher 2005.

    Parameters
    ----------
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's
        own. Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    search : str, default 'non_monotone'
        The line search along the direction. One of: approximate_wolfe, armijo, hager_zhang, more_thuente,
        non_monotone, strong_wolfe.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "barzilai_borwein"
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True
    search: Literal[
        "approximate_wolfe", "armijo", "hager_zhang", "more_thuente", "non_monotone", "strong_wolfe"
    ] = "non_monotone"


@dataclass(frozen=True)
class Bfgs(Settings):
    """BFGS: quasi-Newton steps d = −H g, H the inverse Hessian as all steps together have told it, an n × n
    matrix.

    H ← (I − s y' / s'y) H (I − y s' / s'y) + s s' / s'y, from (s'y / y'y) I at the first step. One pass
    over H a step: the update of one step is made while the next direction is multiplied. For up to some
    thousand variables; `lbfgs` remembers the last steps only, and is as good on most functions.

    Broyden, Fletcher, Goldfarb and Shanno 1970; Nocedal and Wright 2006, section 6.1.

    Parameters
    ----------
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's
        own. Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    search : str, default 'approximate_wolfe'
        The line search along the direction. One of: approximate_wolfe, armijo, hager_zhang, more_thuente,
        non_monotone, strong_wolfe.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "bfgs"
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True
    search: Literal[
        "approximate_wolfe", "armijo", "hager_zhang", "more_thuente", "non_monotone", "strong_wolfe"
    ] = "approximate_wolfe"


@dataclass(frozen=True)
class Lbfgs(Settings):
    """L-BFGS: quasi-Newton steps from the last `memory` changes of the gradient; where there are bounds to
    the least value of their quadratic model within them. A line search by approximate Wolfe conditions.

    d = −H g, x ← P(x + a d); within bounds d = argmin g'd + ½ d'Bd over low ≤ x + d ≤ high, B = H⁻¹.
    Convergence is claimed only where the decrease that the next step predicts, by H and by its diagonal
    alone, and the decrease over the last ten steps are all small. Variables whose sizes at the start lie
    far apart are measured in units of their own.

    Where the function offers a preconditioner (the potentials of `energy` do: what near pairs resist), H is
    that and the three newest pairs, and no variable is moved further at first than the preconditioner
    holds.

    Nocedal 1980; Liu and Nocedal 1989; Hager and Zhang 2005; Byrd, Lu, Nocedal and Zhu 1995 (bounds);
    Packwood et al. 2016 (preconditioners of atoms).

    Parameters
    ----------
    memory : int, default 30
        Pairs of steps and changes of the gradient that are remembered; all of them where there are no more
        variables. Allowed: between 1 and 1000.
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's
        own. Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    search : str, default 'approximate_wolfe'
        The line search along the direction. One of: approximate_wolfe, armijo, hager_zhang, more_thuente,
        non_monotone, strong_wolfe.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "lbfgs"
    memory: int = 30
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True
    search: Literal[
        "approximate_wolfe", "armijo", "hager_zhang", "more_thuente", "non_monotone", "strong_wolfe"
    ] = "approximate_wolfe"


@dataclass(frozen=True)
class NonlinearCg(Settings):
    """Nonlinear conjugate gradients, d ← −g + β d: the last direction is kept as far as it does not spoil
    what it gained.

    Polak and Ribière's β = max(g'y / ‖g before‖², 0) starts anew by itself where a step went wrong; Hager
    and Zhang's, (y − 2 d ‖y‖² / d'y)'g / d'y, no less than −1 / (‖d‖ min(0.01, ‖g‖)), leads down whatever
    the search. Memory for a few vectors, and nothing else: `lbfgs` takes fewer gradients where a few more
    vectors fit.

    Hager and Zhang 2006, <https://doi.org/10.1145/1132973.1132979>; Nocedal and Wright 2006, section 5.2.

    Parameters
    ----------
    beta : str, default 'polak_ribiere'
        How much of the last direction is kept. One of: polak_ribiere, hager_zhang.
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's
        own. Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    search : str, default 'more_thuente'
        The line search along the direction. One of: approximate_wolfe, armijo, hager_zhang, more_thuente,
        non_monotone, strong_wolfe.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "nonlinear_cg"
    beta: Literal["polak_ribiere", "hager_zhang"] = "polak_ribiere"
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True
    search: Literal[
        "approximate_wolfe", "armijo", "hager_zhang", "more_thuente", "non_monotone", "strong_wolfe"
    ] = "more_thuente"


@dataclass(frozen=True)
class SubsampledNewton(Settings):
    """Sub-sampled Newton, for means of many terms: the gradient is that of all terms, the second
    derivatives are those of a few, drawn anew at each step. Down the model g'd + ½ d'H_S d by conjugate
    gradients, preconditioned by L-BFGS over the last steps; then a line search over all terms. A product
    with H_S reads the terms of S alone (of a table; elsewhere it is a difference of their gradients), so
    that a step costs little more than a gradient. The sample is doubled where full steps gain too little.

    Convergence is claimed by the gradient of all terms alone, as every method along lines claims it. It
    takes far fewer reads than `lbfgs` and `svrg` where terms are many more than variables and F is badly
    conditioned.

    Erdogdu and Montanari 2015, <https://arxiv.org/abs/1508.02810>; Roosta-Khorasani and Mahoney 2019,
    <https://doi.org/10.1007/s10107-018-1346-5>; products and conjugate gradients: Byrd, Chin, Neveitt and
    Nocedal 2011, <https://doi.org/10.1137/10079923X>.

    Parameters
    ----------
    sample : int, default 0
        Terms whose second derivatives a step looks at; 0: twenty for each variable to begin with. Allowed:
        between 0 and 4294967295.
    growing : bool, default True
        Whether the sample grows where full steps gain too little.
    memory : int, default 30
        Pairs of steps and changes of the gradient that are remembered, to precondition by. Allowed: between
        1 and 1000.
    products : int, default 100
        Products with the Hessian of the sample at most for a step. Allowed: between 1 and 1000000000.
    seed : int, default 0
        Of the terms that are drawn. Allowed: between 0 and 9.00719925474e+15.
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's
        own. Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    search : str, default 'approximate_wolfe'
        The line search along the direction. One of: approximate_wolfe, armijo, hager_zhang, more_thuente,
        non_monotone, strong_wolfe.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "subsampled_newton"
    sample: int = 0
    growing: bool = True
    memory: int = 30
    products: int = 100
    seed: int = 0
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True
    search: Literal[
        "approximate_wolfe", "armijo", "hager_zhang", "more_thuente", "non_monotone", "strong_wolfe"
    ] = "approximate_wolfe"


@dataclass(frozen=True)
class TruncatedNewton(Settings):
    """Truncated Newton: down the quadratic model g'd + ½ d'Hd by conjugate gradients, preconditioned by
    L-BFGS over the last steps, as long as a product with H lowers the model by more than its share of what
    the step costs; to the edge of the region in which the model has proved right, and along what bends
    downward. Then a line search goes on from there.

    Products are those given (`hess`, `hessp`, or of a table), else differences of gradients. Where they
    have not been worth what they cost, the next steps are those of L-BFGS. Convergence is claimed only once
    the model was minimised nearly exactly. It takes fewer evaluations than `lbfgs` where F is badly
    conditioned, and about as many elsewhere.

    Steihaug 1983, <https://doi.org/10.1137/0720042>; Nocedal and Yuan 1998 (region and search together);
    Morales and Nocedal 2000, <https://doi.org/10.1137/S1052623497327854> (L-BFGS to precondition by); Nash
    2000 (when to stop).

    Parameters
    ----------
    memory : int, default 30
        Pairs of steps and changes of the gradient that are remembered, to precondition by. Allowed: between
        1 and 1000.
    products : int, default 100
        Products with the Hessian at most for a step. Allowed: between 1 and 1000000000.
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's
        own. Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : bool, default True
        Whether to look at both sides of the point before convergence is claimed (a few evaluations).
    search : str, default 'approximate_wolfe'
        The line search along the direction. One of: approximate_wolfe, armijo, hager_zhang, more_thuente,
        non_monotone, strong_wolfe.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "truncated_newton"
    memory: int = 30
    products: int = 100
    gtol: float = -1.0
    ftol: float = -1.0
    verify: bool = True
    search: Literal[
        "approximate_wolfe", "armijo", "hager_zhang", "more_thuente", "non_monotone", "strong_wolfe"
    ] = "approximate_wolfe"
