use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// The sum itself: a linear layer, as the last one of a network is.
    ///
    /// Goodfellow, Bengio and Courville 2016, Deep Learning, section 6.2, <https://www.deeplearningbook.org>.
    "identity" Identity {}
}

impl Activation for Identity {
    const INITIALISER: &'static str = "glorot_uniform";
    #[inline(always)]
    fn value<N: Real>(_: Identity<N>, z: N) -> N {
        z
    }
}
