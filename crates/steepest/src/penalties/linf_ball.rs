use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// No absolute value above `radius`, max_j |x_j| ≤ radius: 0 there and +∞ elsewhere, whatever alpha. Its prox clips.
    ///
    /// Parikh and Boyd 2014, section 6.2.4, <https://doi.org/10.1561/2400000003>.
    "linf_ball" LinfBall {
        /// The largest absolute value allowed.
        radius = 1.0 in 1e-300 => f64::MAX,
    }
}

impl Separable for LinfBall {
    const OFFERS: Offers = Offers { bounds: true, pieces: true, atoms: true, ..Offers::CONVEX };
    fn value<N: Real>(s: LinfBall<N>, x: N) -> N {
        (x.abs() - s.radius).positive(N::lit(f64::INFINITY), N::lit(0.0))
    }
    fn prox<N: Real>(s: LinfBall<N>, x: N, _: N) -> N {
        x.clamp(-s.radius, s.radius)
    }
    fn bounds(s: &Self) -> (f64, f64) {
        (-s.radius, s.radius)
    }
}
