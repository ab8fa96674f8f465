use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// A smooth rectifier: ln(1 + e^z), above 0 everywhere.
    ///
    /// Dugas, Bengio, Bélisle, Nadeau and Garcia 2001, Incorporating second-order functional knowledge for better option
    /// pricing, Advances in Neural Information Processing Systems 13.
    "softplus" Softplus {}
}

impl Activation for Softplus {
    const INITIALISER: &'static str = "he_uniform";
    #[inline(always)]
    fn value<N: Real>(_: Softplus<N>, z: N) -> N {
        z.softplus()
    }
}
