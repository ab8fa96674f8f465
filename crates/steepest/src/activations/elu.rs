use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// The exponential linear unit: alpha·(e^z − 1) below 0, so that its mean is nearer to 0.
    ///
    /// Clevert, Unterthiner and Hochreiter 2016, <https://arxiv.org/abs/1511.07289>.
    "elu" Elu {
        /// How far below 0 it goes at most.
        alpha = 1.0 in 0.0 => f64::MAX,
    }
}

impl Activation for Elu {
    const INITIALISER: &'static str = "he_uniform";
    #[inline(always)]
    fn value<N: Real>(s: Elu<N>, z: N) -> N {
        z.positive(z, s.alpha * z.min(N::lit(0.0)).exp_m1())
    }
}
