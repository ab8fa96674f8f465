use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// The rectifier that lets a little through: slope·z below 0. No unit stays dead.
    ///
    /// Maas, Hannun and Ng 2013, <https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf>.
    "leaky_relu" LeakyRelu {
        /// What is left of numbers below 0.
        slope = 0.01 in 0.0 => 1.0,
    }
}

impl Activation for LeakyRelu {
    const INITIALISER: &'static str = "he_uniform";
    #[inline(always)]
    fn value<N: Real>(s: LeakyRelu<N>, z: N) -> N {
        z.positive(z, s.slope * z)
    }
}
