use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// The rectified linear unit: what is below 0 becomes 0, max(z, 0). The default of most networks.
    ///
    /// Nair and Hinton 2010, <https://icml.cc/Conferences/2010/papers/432.pdf>.
    "relu" Relu {}
}

impl Activation for Relu {
    const INITIALISER: &'static str = "he_uniform";
    #[inline(always)]
    fn value<N: Real>(_: Relu<N>, z: N) -> N {
        z.positive(z, N::lit(0.0))
    }
}
