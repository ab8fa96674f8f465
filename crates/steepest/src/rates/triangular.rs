use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Rises in a straight line from `low` to 1 over `steps` and falls back over as many, again and again; `shrink` times
    /// as high each time.
    ///
    /// `torch.optim.lr_scheduler.CyclicLR` (`triangular`; with `shrink` ½ `triangular2`); Smith 2017,
    /// <https://arxiv.org/abs/1506.01186>.
    "triangular" Triangular {
        /// Steps up, and steps down.
        steps = 25 in 1 => f64::MAX,
        /// The factor at the bottom.
        low = 0.1 in 0.0 => 1.0,
        /// How high each cycle is against the one before.
        shrink = 1.0 in 0.0 => 1.0,
    }
}

impl Rate for Triangular {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: Triangular<N>, done: N, step: N, _: [N; 0]) -> N {
        let _ = done;
        let [zero, one, two] = [0.0, 1.0, 2.0].map(N::lit);
        let along = (step - one) / s.steps;
        let cycle = (along / two).floor();
        let height = one - (along - two * cycle - one).abs();
        s.low + (one - s.low) * height.max(zero) * s.shrink.pow(cycle)
    }
}
