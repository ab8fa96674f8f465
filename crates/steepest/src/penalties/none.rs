use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// Nothing is added: 0.
    "none" NoPenalty {}
}

impl Separable for NoPenalty {
    const OFFERS: Offers =
        Offers { smooth: true, quadratic: true, bounds: true, pieces: true, ..Offers::CONVEX };
    fn value<N: Real>(_: NoPenalty<N>, _: N) -> N {
        N::lit(0.0)
    }
    fn prox<N: Real>(_: NoPenalty<N>, x: N, _: N) -> N {
        x
    }
}
