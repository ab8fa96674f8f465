use crate::loss::{Kink, Loss};
use crate::numbers::real::Real;

crate::settings! {
    /// The absolute error beyond `epsilon`, max(0, |margin − target| − epsilon): errors up to there cost nothing (support
    /// vector regression); at 0 the absolute error. It bends there, so it is for methods that know straight parts.
    ///
    /// Smola and Schölkopf 2004, <https://doi.org/10.1023/B:STCO.0000035301.49549.88>.
    "epsilon_insensitive" EpsilonInsensitive {
        /// The error that costs nothing, in units of the target.
        epsilon = 0.1 in 0.0 => f64::MAX,
    }
}

impl Loss for EpsilonInsensitive {
    const STRAIGHT: bool = true;
    #[inline(always)]
    fn value<N: Real>(s: EpsilonInsensitive<N>, target: N, margin: N) -> N {
        ((margin - target).abs() - s.epsilon).max(N::lit(0.0))
    }
    fn kinks(s: &Self, target: f64) -> [Kink; 2] {
        [
            Kink { at: target - s.epsilon, down: 1.0, up: 0.0 },
            Kink { at: target + s.epsilon, down: 0.0, up: 1.0 },
        ]
    }
}
