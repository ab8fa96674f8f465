use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// Bounds, low ≤ x ≤ high: 0 within and +∞ outside, whatever alpha. Its prox is the projection. Bounds that
    /// differ by coordinate are set with [`Penalty::within`](crate::penalty::Penalty::within).
    ///
    /// Bertsekas 1976, <https://doi.org/10.1109/TAC.1976.1101194>.
    "box" Bounds {
        /// The least value allowed.
        low = 0.0 in f64::NEG_INFINITY => f64::INFINITY,
        /// The largest value allowed.
        high = 1.0 in f64::NEG_INFINITY => f64::INFINITY,
    }
}

impl Separable for Bounds {
    const OFFERS: Offers = Offers { bounds: true, pieces: true, atoms: true, ..Offers::CONVEX };
    fn value<N: Real>(s: Bounds<N>, x: N) -> N {
        let outside = (s.low - x).max(x - s.high);
        outside.positive(N::lit(f64::INFINITY), N::lit(0.0))
    }
    fn prox<N: Real>(s: Bounds<N>, x: N, _: N) -> N {
        x.clamp(s.low, s.high)
    }
    fn bounds(s: &Self) -> (f64, f64) {
        (s.low, s.high)
    }
}
