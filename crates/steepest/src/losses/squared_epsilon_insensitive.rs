use crate::loss::{KINKS, Kink, Loss};
use crate::numbers::real::Real;

crate::settings! {
    /// The square of what is missed by more than `epsilon`, max(0, |margin − target| − epsilon)²: near misses cost nothing.
    ///
    /// Drucker, Burges, Kaufman, Smola and Vapnik 1996, <https://proceedings.neurips.cc/paper/1996/hash/d38901788c533e8286cb6400b40b386d-Abstract.html>.
    "squared_epsilon_insensitive" SquaredEpsilonInsensitive {
        /// The miss that costs nothing, in units of the target.
        epsilon = 0.1 in 0.0 => f64::MAX,
    }
}

impl Loss for SquaredEpsilonInsensitive {
    const HALF_SQUARES: bool = true;
    #[inline(always)]
    fn value<N: Real>(s: SquaredEpsilonInsensitive<N>, target: N, margin: N) -> N {
        ((margin - target).abs() - s.epsilon).max(N::lit(0.0)).square()
    }
    /// The conjugate of the loss at slope v is ε|v| + ¼ v² beside the target's share.
    fn conjugate_distance(s: &Self, target: f64, margin: f64, u: f64) -> f64 {
        let r = margin - target;
        let v = 2.0 * (r - r.clamp(-s.epsilon, s.epsilon));
        // What ε|·| adds is taken where the slope keeps its sign as it is elsewhere: its terms cancel in full.
        let kept = if v == 0.0 { 0.0 } else { v.signum() };
        let bent = s.epsilon * ((v + u).abs() - kept * (v + u));
        0.25 * u * u + bent + u * (kept * s.epsilon + 0.5 * v - r)
    }
    fn kinks(s: &Self, target: f64) -> [Kink; KINKS] {
        [
            Kink { at: target - s.epsilon, down: 1.0, up: 0.0 },
            Kink { at: target + s.epsilon, down: 0.0, up: 1.0 },
        ]
    }
    fn conjugate_edge(_: &Self, _: f64, _: f64, _: f64) -> f64 {
        f64::INFINITY
    }
}
