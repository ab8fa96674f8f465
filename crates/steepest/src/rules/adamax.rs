use super::moments::unbiased;
use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// AdaMax: the mean gradient over the largest gradient of late, u ← max(square_decay·u, |g| + epsilon).
    /// Weight decay is decoupled; torch's is added to the gradient (put `coupled_decay` before for that).
    ///
    /// Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>, section 7.1.
    "adamax" Adamax {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the largest gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the size of the gradient, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 5> for Adamax {
    const MEMORY: [&str; 2] = ["mean", "largest"];
    const SCALARS: [&str; 5] = ["new_mean", "fade", "length", "still", "decay"];
    const RATE: f64 = 2e-3;

    fn scalars<N: Real>(rule: Adamax<N>, at: At<N>) -> [N; 5] {
        let new = N::lit(1.0) - rule.mean_decay;
        let length = at.rate * unbiased(rule.mean_decay, at.step);
        [new, rule.square_decay, length, rule.epsilon, at.rate * rule.weight_decay]
    }
    #[inline(always)]
    fn element<N: Real>(
        [new, fade, length, still, decay]: [N; 5],
        x: N,
        g: N,
        [m, u]: [N; 2],
    ) -> (N, [N; 2]) {
        let m = m + new * (g - m);
        let u = (fade * u).max(g.abs() + still);
        // Without `still` a coordinate that never moved divides by what is nothing.
        (-(length * u.positive(m / u, N::lit(0.0))) - decay * x, [m, u])
    }
}
