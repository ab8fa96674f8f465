use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Warm-up, stable, decay: rises in a straight line from `start` over the first part of the run, stays at 1, and falls
    /// in a straight line to `end` over the last.
    ///
    /// Hu, Tu, Han et al. 2024, <https://arxiv.org/abs/2404.06395>; Zhai, Kolesnikov, Houlsby and Beyer 2022,
    /// <https://arxiv.org/abs/2106.04560>.
    "stable" Stable {
        /// The part of the run that it rises over.
        rise = 0.05 in 0.0 => 1.0,
        /// The part of the run that it falls over.
        fall = 0.2 in 0.0 => 1.0,
        /// The factor that it starts from.
        start = 0.01 in 0.0 => 1.0,
        /// The factor that the run ends at.
        end = 0.0 in 0.0 => 1.0,
    }
}

impl Rate for Stable {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: Stable<N>, done: N, step: N, _: [N; 0]) -> N {
        let _ = step;
        let [zero, one] = [0.0, 1.0].map(N::lit);
        let up = s.rise.positive(done / s.rise, one).min(one);
        let down = s.fall.positive((done - one + s.fall) / s.fall, zero).clamp(zero, one);
        (s.start + (one - s.start) * up) * (one - (one - s.end) * down)
    }
}
