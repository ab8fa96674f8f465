use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// LARS: heavy ball whose gradient u (weight decay added) is scaled in each tensor to a share of the tensor's own
    /// length: v ← momentum·v + rate·trust·(‖x‖ / (‖u‖ + epsilon))·u; x ← x − v. The ratio is 1 where one of the
    /// lengths is 0. For large batches. As in optax the length of the whole u divides; in the paper ‖g‖ +
    /// weight_decay·‖x‖ does.
    ///
    /// You, Gitman and Ginsburg 2017, <https://arxiv.org/abs/1708.03888>.
    "lars" Lars {
        /// How much of the velocity is kept at each step.
        momentum = 0.9 in 0.0 => 1.0,
        /// The share of its length that a tensor moves by, times the rate.
        trust = 0.001 in 0.0 => f64::MAX,
        /// Added to the length of the gradient.
        epsilon = 0.0 in 0.0 => 1.0,
        /// Pull towards 0: what is added to the gradient, as a multiple of the parameter.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<1, 4, 2> for Lars {
    const MEMORY: [&str; 1] = ["velocity"];
    const SCALARS: [&str; 4] = ["keep", "decay", "length", "still"];
    const SUMS: [&str; 2] = ["x_x", "u_u"];
    const SCOPE: Scope = Scope::Tensor;
    // A bias at 0 takes the whole rate, ten times with its momentum: .1 swings.
    const RATE: f64 = 0.02;

    fn scalars<N: Real>(rule: Lars<N>, at: At<N>) -> [N; 4] {
        [rule.momentum, rule.weight_decay, at.rate, rule.epsilon]
    }
    #[inline(always)]
    fn terms<N: Real>([_, decay, _, _]: [N; 4], x: N, g: N, _: [N; 1]) -> [N; 2] {
        [x * x, (g + decay * x).square()]
    }
    fn settle<N: Real>(
        rule: Lars<N>,
        at: At<N>,
        [keep, decay, _, still]: [N; 4],
        [xx, uu]: [N; 2],
    ) -> ([N; 4], [N; 0]) {
        let ratio = rule.trust * xx.sqrt() / (uu.sqrt() + still);
        let length = at.rate * (xx * uu).positive(ratio, N::lit(1.0));
        ([keep, decay, length, still], [])
    }
    #[inline(always)]
    fn element<N: Real>([keep, decay, length, _]: [N; 4], x: N, g: N, [v]: [N; 1]) -> (N, [N; 1]) {
        let v = keep * v + length * (g + decay * x);
        (-v, [v])
    }
}
