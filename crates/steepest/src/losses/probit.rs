use crate::loss::Loss;
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;
use crate::settings::Described;

crate::settings! {
    /// Log-loss of two classes, targets 0 and 1, where the probability of class 1 is Φ(margin), the normal distribution's:
    /// −ln Φ of the margin with the sign of its class. Of whether something unseen, normal about the margin, is above 0.
    /// It grows as half a square on the wrong side, where the logistic's grows as a line.
    ///
    /// Bliss 1934, <https://doi.org/10.1126/science.79.2037.38>.
    "probit" Probit {}
}

/// (1 + x)·Mills' ratio, Φ(−x) / φ(x), in powers of (x − 4) / (x + 4), as its Chebyshev series has
/// them: to 1e-15 for all x ≥ 0.
///
/// Shepherd and Laframboise 1981, <https://doi.org/10.1090/S0025-5718-1981-0595058-X>.
const MILLS: [f64; 23] = [
    1.1832619145678034,
    -0.2423996705218174,
    0.03509188023476339,
    0.07169048120225552,
    -0.08070800967978549,
    0.044959129055799664,
    -0.01253910360671188,
    -0.0007159506500420829,
    0.001741848641757937,
    -0.0002367034604386502,
    -0.00022021482490664187,
    5.327390113799152e-05,
    3.4156106940806135e-05,
    -8.6243130137115e-06,
    -6.546928120500802e-06,
    1.0505607515808403e-06,
    1.3805876779523012e-06,
    -3.7828238030933275e-08,
    -2.7628944223830873e-07,
    -2.0579230893245287e-08,
    4.372207364651429e-08,
    3.975086281603316e-09,
    -3.874300207686973e-09,
];

/// Mills' ratio at x ≥ 0.
#[inline(always)]
fn mills<N: Real>(x: N) -> N {
    let t = (x - N::lit(4.0)) / (x + N::lit(4.0));
    let mut sum = N::lit(MILLS[22]);
    for c in MILLS[..22].iter().rev() {
        sum = sum * t + N::lit(*c);
    }
    sum / (x + N::lit(1.0))
}

/// φ(x), the normal density.
#[inline(always)]
fn density<N: Real>(x: N) -> N {
    (N::lit(-0.5) * x.square()).exp() * N::lit(0.3989422804014327)
}

/// The margin with the sign of its class.
#[inline(always)]
fn towards<N: Real>(target: N, margin: N) -> N {
    (N::lit(2.0) * target - N::lit(1.0)) * margin
}

/// Its size; of slope −1 at 0, where it must have one.
#[inline(always)]
fn size<N: Real>(z: N) -> N {
    z.positive(z, -z)
}

/// Beyond this the curvature on the wrong side is a series, since what it is a difference of cancels.
const FAR: f64 = 20.0;

impl Loss for Probit {
    const RARE: bool = true;
    const CLASSES: bool = true;
    #[inline(always)]
    fn value<N: Real>(_: Probit<N>, target: N, margin: N) -> N {
        let z = towards(target, margin);
        let x = size(z);
        let ratio = mills(x);
        let wrong = N::lit(0.5) * x.square() + N::lit(0.9189385332046727) - ratio.ln();
        z.positive(-(-(density(x) * ratio)).ln_1p(), wrong)
    }
    /// By hand: with h = φ(z)/Φ(z) the slope along z is −h and the curvature h·(h + z), which keeps its digits.
    #[inline(always)]
    fn jet<N: Real>(_: Probit<Jet<N>>, target: N, margin: N) -> Jet<N> {
        let (one, z) = (N::lit(1.0), towards(target, margin));
        let x = size(z);
        let (ratio, density) = (mills(x), density(x));
        let h = z.positive(density / (one - density * ratio), one / ratio);
        // Of 1/x²: x·Mills' ratio, and (1 − that)·x².
        let u = one / x.max(N::lit(FAR)).square();
        let (mut ratios, mut bends) = (one, one);
        for k in (1..=7).rev() {
            let k = f64::from(k);
            ratios = one - N::lit(2.0 * k - 1.0) * u * ratios;
            bends = one - N::lit(2.0 * k + 1.0) * u * bends;
        }
        let wrong = (x - N::lit(FAR)).positive(bends / ratios.square(), h * (h - x));
        Jet {
            value: Self::value(Self::default().lit(), target, margin),
            first: (one - N::lit(2.0) * target) * h,
            second: z.positive(h * (h + x), wrong),
        }
    }
    /// The slope has no end on the wrong side, and goes to 0 on the right one.
    fn conjugate_edge(_: &Self, target: f64, margin: f64, sign: f64) -> f64 {
        let slope = Self::jet(Self::default().lit(), target, margin).first;
        if (target > 0.5) == (sign > 0.0) { slope.abs() } else { f64::INFINITY }
    }
    fn mean(_: &Self, margin: f64) -> f64 {
        let tail = density(margin.abs()) * mills(margin.abs());
        if margin > 0.0 { 1.0 - tail } else { tail }
    }
    fn settled(target: f64, margin: f64) -> bool {
        (target - 0.5) * margin > 0.0
    }
    fn refuses(_: &Self, target: f64) -> Option<&'static str> {
        (target != 0.0 && target != 1.0).then_some("probit needs targets 0 and 1")
    }
}
