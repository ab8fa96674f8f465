use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls by the same factor at every step, to `end` at the end of the run: end^done.
    "exponential" Exponential {
        /// The factor that the run ends at.
        end = 0.01 in 1e-300 => f64::MAX,
    }
}

impl Rate for Exponential {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: Exponential<N>, done: N, _: N, _: [N; 0]) -> N {
        s.end.pow(done)
    }
}
