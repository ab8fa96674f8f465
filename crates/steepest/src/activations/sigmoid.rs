use crate::activation::Activation;
use crate::numbers::real::Real;

crate::settings! {
    /// The logistic function 1 / (1 + e^−z): from 0 to 1.
    ///
    /// Rumelhart, Hinton and Williams 1986, <https://doi.org/10.1038/323533a0>.
    "sigmoid" Sigmoid {}
}

impl Activation for Sigmoid {
    const INITIALISER: &'static str = "glorot_uniform";
    #[inline(always)]
    fn value<N: Real>(_: Sigmoid<N>, z: N) -> N {
        z.sigmoid()
    }
}
