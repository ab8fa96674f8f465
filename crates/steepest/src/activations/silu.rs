use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// The sigmoid linear unit (swish): z·sigmoid(z), smooth, and 0 far below 0.
    ///
    /// Elfwing, Uchibe and Doya 2018, <https://arxiv.org/abs/1702.03118>.
    "silu" Silu {}
}

impl Activation for Silu {
    const INITIALISER: &'static str = "he_uniform";
    #[inline(always)]
    fn value<N: Real>(_: Silu<N>, z: N) -> N {
        z * z.sigmoid()
    }
}
