use crate::loss::Loss;
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;
use std::marker::PhantomData;

crate::settings! {
    /// Half the deviance of a distribution whose variance is its mean to a power, the margin the mean's logarithm:
    /// between 1 and 2 amounts of which many are exactly 0. With d = margin − ln(target) it is
    /// target^(2 − p)·((e^((2 − p)d) − 1)/(2 − p) − (e^((1 − p)d) − 1)/(1 − p)), 0 where the mean is the target. It is
    /// convex up to a power of 2; beyond, what is found is where it is level, and nothing is proved.
    ///
    /// Jørgensen 1987, <https://doi.org/10.1111/j.2517-6161.1987.tb01685.x>.
    "tweedie" Tweedie {
        /// The power p: 1 is Poisson's, 2 the gamma distribution's, 3 the inverse Gaussian's.
        power = 1.5 in 1.0 => 10.0,
    }
}

/// (e^(c d) − 1) / c, which is d where c is 0.
#[inline(always)]
fn ratio<N: Real>(c: N, d: N) -> N {
    (c.abs() - N::lit(1e-12)).positive((c * d).exp_m1() / c, d)
}

/// The margin of the target itself; of 0 that of a number whose reciprocal's square is finite in f32.
#[inline(always)]
fn own<N: Real>(target: N) -> N {
    target.max(N::lit(1e-18)).ln()
}

impl Loss for Tweedie {
    const RARE: bool = true;
    #[inline(always)]
    fn value<N: Real>(s: Tweedie<N>, target: N, margin: N) -> N {
        let (one, two) = (N::lit(1.0) - s.power, N::lit(2.0) - s.power);
        let (at, d) = (own(target), margin - own(target));
        let close = (two * at).exp() * (ratio(two, d) - ratio(one, d));
        target.positive(close.max(N::lit(0.0)), (two * margin).exp() / two)
    }
    /// By hand: the slope keeps its digits.
    #[inline(always)]
    fn jet<N: Real>(s: Tweedie<Jet<N>>, target: N, margin: N) -> Jet<N> {
        let power = s.power.value;
        let (one, two) = (N::lit(1.0) - power, N::lit(2.0) - power);
        let (at, d) = (own(target), margin - own(target));
        let (low, high, size) = ((one * d).exp(), (two * margin).exp(), (two * at).exp());
        Jet {
            value: Self::value(Tweedie { power, of: PhantomData }, target, margin),
            first: target.positive(size * low * d.exp_m1(), high),
            second: target.positive(two * high - one * size * low, two * high),
        }
    }
    fn convex(s: &Self) -> bool {
        s.power <= 2.0
    }
    fn mean(_: &Self, margin: f64) -> f64 {
        Real::exp(margin)
    }
    fn settled(target: f64, margin: f64) -> bool {
        target == 0.0 && margin < 0.0
    }
    fn refuses(s: &Self, target: f64) -> Option<&'static str> {
        match target {
            t if t < 0.0 => Some("tweedie needs targets of at least 0"),
            0.0 if s.power >= 2.0 => Some("tweedie of a power of 2 or more needs targets above 0"),
            _ => None,
        }
    }
}
