use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule};

crate::settings! {
    /// Weight decay beside the step: a fraction rate·strength of the parameter is removed at each step, whatever the
    /// rule before it does to gradients. Stands after another rule.
    ///
    /// Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>.
    "decoupled_decay" DecoupledDecay {
        /// Fraction of the parameter removed at each step, times the rate.
        strength = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<0, 1> for DecoupledDecay {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 1] = ["decay"];
    const KIND: Kind = Kind::Change;

    fn scalars<N: Real>(rule: DecoupledDecay<N>, at: At<N>) -> [N; 1] {
        [at.rate * rule.strength]
    }
    #[inline(always)]
    fn element<N: Real>([decay]: [N; 1], x: N, change: N, _: [N; 0]) -> (N, [N; 0]) {
        (change - decay * x, [])
    }
}
