use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// A mixture, ratio·‖x‖₁ + ½ (1 − ratio)·‖x‖²: sets coordinates to 0 and keeps those that go together.
    ///
    /// Zou and Hastie 2005, <https://doi.org/10.1111/j.1467-9868.2005.00503.x>.
    "elastic_net" ElasticNet {
        /// The share of the absolute values: 1 is the lasso, 0 is ridge.
        ratio = 0.5 in 0.0 => 1.0,
    }
}

impl Separable for ElasticNet {
    const OFFERS: Offers = Offers { pieces: true, ..Offers::CONVEX };
    fn value<N: Real>(s: ElasticNet<N>, x: N) -> N {
        s.ratio * x.abs() + N::lit(0.5) * (N::lit(1.0) - s.ratio) * x.square()
    }
    fn prox<N: Real>(s: ElasticNet<N>, x: N, step: N) -> N {
        let kink = step * s.ratio;
        (x - x.clamp(-kink, kink)) / (N::lit(1.0) + step * (N::lit(1.0) - s.ratio))
    }
}
