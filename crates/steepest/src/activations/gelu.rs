use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// The Gaussian error linear unit, z times the chance that a standard normal number is below it, by the authors' own
    /// formula in tanh: z·(1 + tanh(√(2/π)·(z + 0.044715·z³))) / 2.
    ///
    /// Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>.
    "gelu" Gelu {}
}

impl Activation for Gelu {
    const INITIALISER: &'static str = "he_uniform";
    #[inline(always)]
    fn value<N: Real>(_: Gelu<N>, z: N) -> N {
        let inner =
            N::lit((2.0 / std::f64::consts::PI).sqrt()) * (z + N::lit(0.044715) * z * z * z);
        N::lit(0.5) * z * (N::lit(1.0) + inner.tanh())
    }
}
