use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls along half a cosine, again and again: the first time over `first` steps, then over `grow` times as many each
    /// time, from 1 to `end`.
    ///
    /// `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`; Loshchilov and Hutter 2017,
    /// <https://arxiv.org/abs/1608.03983>.
    "warm_restarts" WarmRestarts {
        /// Steps of the first fall.
        first = 50 in 1 => f64::MAX,
        /// How much longer each is than the one before.
        grow = 1 in 1 => 1000,
        /// The factor that each ends at.
        end = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rate for WarmRestarts {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: WarmRestarts<N>, done: N, step: N, _: [N; 0]) -> N {
        let _ = done;
        let [one, half] = [1.0, 0.5].map(N::lit);
        let along = (step - one) / s.first;
        let more = s.grow - one;
        // The falls behind, by the sum of a geometric series; a quarter of a step keeps rounding out of it.
        let sum = (along + N::lit(0.25) / s.first) * more + one;
        let behind =
            more.positive((sum.ln() / s.grow.max(N::lit(1.5)).ln()).floor(), along.floor());
        let power = s.grow.pow(behind);
        let spent = more.positive((power - one) / more.max(one), behind);
        let here = ((along - spent) / more.positive(power, one)).max(N::lit(0.0));
        let wave = (N::lit(std::f64::consts::PI) * here).cos();
        s.end + (one - s.end) * half * (one + wave)
    }
}
