use crate::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Heavy ball: gradients add up to a velocity, which fades. v ← momentum·v + g; x ← x − rate·v.
    ///
    /// Polyak 1964, <https://doi.org/10.1016/0041-5553(64)90137-5>.
    "momentum" Momentum {
        /// How much of the velocity is kept at each step.
        momentum = 0.9 in 0.0 => 1.0,
        /// Pull towards 0: what is added to the gradient, as a multiple of the parameter.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<1, 3> for Momentum {
    const MEMORY: [&str; 1] = ["velocity"];
    const SCALARS: [&str; 3] = ["keep", "decay", "length"];

    fn scalars<N: Real>(rule: Momentum<N>, at: At<N>) -> [N; 3] {
        [rule.momentum, rule.weight_decay, at.rate]
    }
    #[inline(always)]
    fn element<N: Real>([keep, decay, length]: [N; 3], x: N, g: N, [v]: [N; 1]) -> (N, [N; 1]) {
        let v = keep * v + (g + decay * x);
        (x - length * v, [v])
    }
}
