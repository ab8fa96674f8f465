use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Adagrad: each coordinate's gradient over the root of the sum of all its squares so far, so that rare coordinates
    /// move far. s ← s + g²; x ← x − rateₖ·g / (√(s + initial) + epsilon), rateₖ = rate / (1 + (k − 1)·rate_decay).
    ///
    /// Duchi, Hazan and Singer 2011, <https://jmlr.org/papers/v12/duchi11a.html>.
    "adagrad" Adagrad {
        /// What the sums of squares start from.
        initial = 0.0 in 0.0 => f64::MAX,
        /// How fast the rate falls with the steps.
        rate_decay = 0.0 in 0.0 => f64::MAX,
        /// Added to the root of the sum, so that a still coordinate does not divide by zero.
        epsilon = 1e-10 in 0.0 => 1.0,
        /// Pull towards 0: what is added to the gradient, as a multiple of the parameter.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<1, 4> for Adagrad {
    const MEMORY: [&str; 1] = ["squares"];
    const SCALARS: [&str; 4] = ["length", "begin", "still", "decay"];
    const RATE: f64 = 1e-2;

    fn scalars<N: Real>(rule: Adagrad<N>, at: At<N>) -> [N; 4] {
        let one = N::lit(1.0);
        let length = at.rate / (one + (at.step - one) * rule.rate_decay);
        [length, rule.initial, rule.epsilon, rule.weight_decay]
    }
    #[inline(always)]
    fn element<N: Real>(
        [length, begin, still, decay]: [N; 4],
        x: N,
        g: N,
        [s]: [N; 1],
    ) -> (N, [N; 1]) {
        let g = g + decay * x;
        let s = s + g * g;
        (-(length * g / ((s + begin).sqrt() + still)), [s])
    }
}
