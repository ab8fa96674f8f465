use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule};

crate::settings! {
    /// Weight decay as part of the gradient, g ← g + strength·x: the penalty ½·strength·‖x‖². It goes through whatever
    /// the rule behind it does to a gradient. Stands before another rule.
    ///
    /// Krogh and Hertz 1991, <https://papers.nips.cc/paper/563>.
    "coupled_decay" CoupledDecay {
        /// What is added to the gradient, as a multiple of the parameter.
        strength = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<0, 1> for CoupledDecay {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 1] = ["pull"];
    const KIND: Kind = Kind::Gradient;

    fn scalars<N: Real>(rule: CoupledDecay<N>, _: At<N>) -> [N; 1] {
        [rule.strength]
    }
    #[inline(always)]
    fn element<N: Real>([pull]: [N; 1], x: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (g + pull * x, [])
    }
}
