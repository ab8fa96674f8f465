use crate::loss::Loss;
use crate::numbers::real::Real;

crate::settings! {
    /// Half the squared error, ½ (margin − target)²: its minimiser is the mean.
    ///
    /// Legendre 1805; Gauss 1809.
    "squared" Squared {}
}

impl Loss for Squared {
    const QUADRATIC: bool = true;
    #[inline(always)]
    fn value<N: Real>(_: Squared<N>, target: N, margin: N) -> N {
        N::lit(0.5) * (margin - target).square()
    }
    fn conjugate_distance(_: &Self, _: f64, _: f64, u: f64) -> f64 {
        0.5 * u * u
    }
    fn conjugate_edge(_: &Self, _: f64, _: f64, _: f64) -> f64 {
        f64::INFINITY
    }
}
