use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Rises along half a cosine from `start` to 1 over the first `rise` of the run, then falls along another to `end`:
    /// large rates in the middle, small ones at both ends. The rate given is the largest.
    /// torch's `OneCycleLR` takes the last step for the end of the run, this the one after it, as optax's.
    ///
    /// Smith and Topin 2018, <https://arxiv.org/abs/1708.07120>; optax's `cosine_onecycle_schedule`.
    "one_cycle" OneCycle {
        /// The part of the run that it rises over.
        rise = 0.3 in 0.0 => 1.0,
        /// The factor that it starts from.
        start = 0.04 in 0.0 => 1.0,
        /// The factor that the run ends at.
        end = 4e-6 in 0.0 => 1.0,
    }
}

impl Rate for OneCycle {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: OneCycle<N>, done: N, step: N, _: [N; 0]) -> N {
        let _ = step;
        let [zero, one, half, pi] = [0.0, 1.0, 0.5, std::f64::consts::PI].map(N::lit);
        let wave = |part: N| half * (one - (pi * part.clamp(zero, one)).cos());
        let up = s.start + (one - s.start) * wave(s.rise.positive(done / s.rise, one));
        let down = one - (one - s.end) * wave((done - s.rise) / (one - s.rise).max(N::lit(1e-300)));
        (s.rise - done).positive(up, down)
    }
}
