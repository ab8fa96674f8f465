use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Lion: every coordinate moves by the rate, in the direction of the sign of a mean gradient that leans
    /// towards the newest one. One memory; takes a rate three to ten times smaller than Adam's.
    ///
    /// Chen, Liang, Huang et al. 2023, <https://arxiv.org/abs/2302.06675>.
    "lion" Lion {
        /// How much of the mean gradient goes into the direction.
        direction_decay = 0.9 in 0.0 => 0.999999,
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.99 in 0.0 => 0.999999,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<1, 4> for Lion {
    const MEMORY: [&'static str; 1] = ["mean"];
    const SCALARS: [&'static str; 4] = ["lean", "keep", "length", "decay"];
    const RATE: f64 = 1e-4;

    fn scalars<N: Real>(rule: Lion<N>, at: At<N>) -> [N; 4] {
        [rule.direction_decay, rule.mean_decay, at.rate, at.rate * rule.weight_decay]
    }
    #[inline(always)]
    fn element<N: Real>(
        [lean, keep, length, decay]: [N; 4],
        x: N,
        g: N,
        [m]: [N; 1],
    ) -> (N, [N; 1]) {
        let direction = (g + lean * (m - g)).sign();
        (-(length * direction) - decay * x, [g + keep * (m - g)])
    }
}
