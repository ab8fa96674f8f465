use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Heavy ball: gradients add up to a velocity, which fades. v ← momentum·v + (1 − dampening)·g; x ← x − rate·v.
    /// The first gradient is not dampened, as in torch.
    ///
    /// Polyak 1964, <https://doi.org/10.1016/0041-5553(64)90137-5>.
    "momentum" Momentum {
        /// How much of the velocity is kept at each step.
        momentum = 0.9 in 0.0 => 1.0,
        /// How much of each gradient but the first does not go into the velocity.
        dampening = 0.0 in 0.0 => 1.0,
        /// Pull towards 0: what is added to the gradient, as a multiple of the parameter.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<1, 4> for Momentum {
    const MEMORY: [&str; 1] = ["velocity"];
    const SCALARS: [&str; 4] = ["keep", "decay", "length", "share"];

    fn scalars<N: Real>(rule: Momentum<N>, at: At<N>) -> [N; 4] {
        let one = N::lit(1.0);
        let share = (N::lit(1.5) - at.step).positive(one, one - rule.dampening);
        [rule.momentum, rule.weight_decay, at.rate, share]
    }
    #[inline(always)]
    fn element<N: Real>(
        [keep, decay, length, share]: [N; 4],
        x: N,
        g: N,
        [v]: [N; 1],
    ) -> (N, [N; 1]) {
        let v = keep * v + share * (g + decay * x);
        (-(length * v), [v])
    }
}
