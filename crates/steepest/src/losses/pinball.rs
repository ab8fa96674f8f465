use crate::loss::{Kink, Loss};
use crate::numbers::real::Real;

crate::settings! {
    /// What a quantile costs (quantile regression): with r = target − margin, quantile · r where the target lies above,
    /// (quantile − 1) · r where it lies below. Its least is the quantile of the targets; at 0.5 half the absolute error. It
    /// bends where the target is met, so it is for methods that know straight parts.
    ///
    /// Koenker and Bassett 1978, <https://doi.org/10.2307/1913643>.
    "pinball" Pinball {
        /// The share of the targets that lie below.
        quantile = 0.5 in 0.0 => 1.0,
    }
}

impl Loss for Pinball {
    const STRAIGHT: bool = true;
    #[inline(always)]
    fn value<N: Real>(s: Pinball<N>, target: N, margin: N) -> N {
        let r = target - margin;
        (s.quantile * r).max((s.quantile - N::lit(1.0)) * r)
    }
    fn kinks(s: &Self, target: f64) -> [Kink; 2] {
        [Kink { at: target, down: s.quantile, up: 1.0 - s.quantile }, Kink::default()]
    }
}
