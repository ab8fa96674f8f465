use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Nesterov's momentum: the gradient is used as if taken one velocity ahead.
    /// v ← momentum·v + g; x ← x − rate·(g + momentum·v).
    ///
    /// Nesterov 1983; this form: Sutskever, Martens, Dahl and Hinton 2013.
    "nesterov" Nesterov {
        /// How much of the velocity is kept at each step.
        momentum = 0.9 in 0.0 => 1.0,
        /// Pull towards 0: what is added to the gradient, as a multiple of the parameter.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<1, 3> for Nesterov {
    const MEMORY: [&str; 1] = ["velocity"];
    const SCALARS: [&str; 3] = ["keep", "decay", "length"];

    fn scalars<N: Real>(rule: Nesterov<N>, at: At<N>) -> [N; 3] {
        [rule.momentum, rule.weight_decay, at.rate]
    }
    #[inline(always)]
    fn element<N: Real>([keep, decay, length]: [N; 3], x: N, g: N, [v]: [N; 1]) -> (N, [N; 1]) {
        let g = g + decay * x;
        let v = keep * v + g;
        (-(length * (g + keep * v)), [v])
    }
}
