use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls in a straight line over the run, from 1 to `end`.
    ///
    /// Defazio, Cutkosky, Mehta and Mishchenko 2023, <https://arxiv.org/abs/2310.07831>.
    "linear" Linear {
        /// The factor that the run ends at.
        end = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rate for Linear {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: Linear<N>, done: N, _: N, _: [N; 0]) -> N {
        N::lit(1.0) + done * (s.end - N::lit(1.0))
    }
}
