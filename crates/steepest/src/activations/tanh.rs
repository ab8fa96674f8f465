use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// The hyperbolic tangent: from −1 to 1, odd, steepest at 0.
    ///
    /// LeCun, Bottou, Orr and Müller 1998, Efficient BackProp, <https://doi.org/10.1007/3-540-49430-8_2>.
    "tanh" Tanh {}
}

impl Activation for Tanh {
    const INITIALISER: &'static str = "glorot_uniform";
    #[inline(always)]
    fn value<N: Real>(_: Tanh<N>, z: N) -> N {
        z.tanh()
    }
}
