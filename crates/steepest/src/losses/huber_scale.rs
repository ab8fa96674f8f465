use crate::loss::{Joint, Outputs};
use crate::numbers::real::Real;

crate::settings! {
    /// Huber's loss with its scale learnt beside the coefficients, so that `epsilon` is in units of the errors' own spread:
    /// with σ = 1 + scale and r = (margin − target) / σ, σ + σ·r² where |r| ≤ epsilon, σ + σ·epsilon·(2|r| − epsilon)
    /// beyond. It is convex in both where σ > 0, and +∞ elsewhere.
    ///
    /// Huber and Ronchetti 2009, Robust Statistics, section 7.8; Owen 2007, <https://artowen.su.domains/reports/hhu.pdf>.
    "huber_scale" HuberScale {
        /// The error at which the square turns into a line, in units of the learnt scale.
        epsilon = 1.35 in 1.0 => f64::MAX,
    }
}

impl Joint for HuberScale {
    const NUMBERS: &'static [&'static str] = &["margin", "scale"];
    const OUTPUTS: Outputs = Outputs::Learnt;
    #[inline(always)]
    fn value<N: Real>(s: HuberScale<N>, target: N, at: &[N]) -> N {
        let (r, scale) = (at[0] - target, N::lit(1.0) + at[1]);
        let c = r.clamp(-s.epsilon * scale, s.epsilon * scale);
        // −ln 0 is +∞.
        scale.positive(scale + c * (r + r - c) / scale, -scale.max(N::lit(0.0)).ln())
    }
    fn learnt(_: usize) -> usize {
        1
    }
    fn refuses(_: &Self, _: f64, _: usize) -> Option<&'static str> {
        None
    }
}
