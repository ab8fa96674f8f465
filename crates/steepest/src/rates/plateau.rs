use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls where the value does: once it has not come below its least by `threshold` (a part of it) for more than
    /// `patience` looks, the rate is multiplied by `factor`. A look is a step, or an epoch where there are batches.
    ///
    /// The steps of `torch.optim.lr_scheduler.ReduceLROnPlateau` with its `mode="min"`, `threshold_mode="rel"`.
    "plateau" Plateau {
        /// What the rate is multiplied by each time.
        factor = 0.1 in 1e-300 => 1.0,
        /// Looks without a lower value that are let pass.
        patience = 10 in 0 => f64::MAX,
        /// A value counts as lower where it is by so large a part of the least.
        threshold = 1e-4 in 0.0 => 1.0,
        /// Looks after a fall that are not counted.
        cooldown = 0 in 0 => f64::MAX,
        /// The least that the rate is multiplied by in all.
        least = 0.0 in 0.0 => 1.0,
    }
}

impl Rate<5> for Plateau {
    const STATE: [&str; 5] = ["looks", "lowest", "idle", "cooling", "falls"];

    fn factor<N: Real>(s: Plateau<N>, _: N, _: N, [_, _, _, _, falls]: [N; 5]) -> N {
        s.factor.pow(falls).max(s.least)
    }

    fn look<N: Real>(
        s: Plateau<N>,
        value: N,
        [looks, lowest, idle, cooling, falls]: [N; 5],
    ) -> [N; 5] {
        let [zero, one, half] = [0.0, 1.0, 0.5].map(N::lit);
        let first = half - looks;
        let below = lowest - s.threshold * lowest.abs() - value;
        let lower = first.positive(one, below.positive(one, zero)) - half;
        let idle = cooling.positive(zero, lower.positive(zero, idle + one));
        let cooling = (cooling - one).max(zero);
        let enough = idle - s.patience;
        [
            looks + one,
            lower.positive(value, lowest),
            enough.positive(zero, idle),
            enough.positive(s.cooldown, cooling),
            enough.positive(falls + one, falls),
        ]
    }
}
