use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// The sum of absolute values, ‖x‖₁ (lasso): sets most coordinates to exactly 0. Its prox is the soft threshold.
    ///
    /// Tibshirani 1996, <https://doi.org/10.1111/j.2517-6161.1996.tb02080.x>.
    "l1" L1 {}
}

impl Separable for L1 {
    const OFFERS: Offers = Offers { pieces: true, ..Offers::CONVEX };
    fn value<N: Real>(_: L1<N>, x: N) -> N {
        x.abs()
    }
    fn prox<N: Real>(_: L1<N>, x: N, step: N) -> N {
        x - x.clamp(-step, step)
    }
}
