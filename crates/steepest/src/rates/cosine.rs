use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls along half a cosine over the run, from 1 to `end`: end + (1 − end)·(1 + cos(π·done)) / 2.
    ///
    /// Loshchilov and Hutter 2017, <https://arxiv.org/abs/1608.03983>.
    "cosine" Cosine {
        /// The factor that the run ends at.
        end = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rate for Cosine {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: Cosine<N>, done: N, _: N, _: [N; 0]) -> N {
        let one = N::lit(1.0);
        let wave = (N::lit(std::f64::consts::PI) * done).cos();
        s.end + (one - s.end) * N::lit(0.5) * (one + wave)
    }
}
