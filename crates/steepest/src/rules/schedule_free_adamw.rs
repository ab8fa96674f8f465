use super::moments::unbiased_root;
use super::schedule_free::{change, lean, moved_on};
use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// Schedule-free AdamW: z goes down gradients over their root mean square, x averages z, and gradients are asked
    /// between them, at y = momentum·x + (1 − momentum)·z; x is what is shown and returned. The rate need not fall, but
    /// is not found: it still has to be given or searched. The parameters that a host holds are y.
    ///
    /// Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky 2024, <https://arxiv.org/abs/2405.15682>.
    "schedule_free_adamw" ScheduleFreeAdamw {
        /// How near to the average gradients are asked.
        momentum = 0.9 in 0.01 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Steps over which the rate comes in, in a straight line.
        warm_up = 0 in 0 => f64::MAX,
        /// How much more later points count in the average: by the step's number to this power.
        later = 0.0 in 0.0 => 100.0,
        /// Pull towards 0: what is added to the step, as a multiple of y.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 9, 0, 2> for ScheduleFreeAdamw {
    const MEMORY: [&str; 2] = ["z", "square"];
    const SCALARS: [&str; 9] =
        ["begin", "part", "lean", "length", "decay", "back", "new_square", "root", "still"];
    const STATE: [&str; 2] = ["largest_rate", "weights"];
    const SCOPE: Scope = Scope::Tensor;
    const SHOWN: bool = true;
    const RATE: f64 = 2.5e-3;

    fn scalars<N: Real>(rule: ScheduleFreeAdamw<N>, at: At<N, 2>) -> [N; 9] {
        let one = N::lit(1.0);
        let begin = (N::lit(1.5) - at.step).positive(one, N::lit(0.0));
        let (rate, part, _) = moved_on(at, rule.warm_up, rule.later);
        let back = one - one / rule.momentum;
        let lean = lean(rate, rule.momentum, part);
        let root = unbiased_root(rule.square_decay, at.step);
        let new = one - rule.square_decay;
        [begin, part, lean, rate, rule.weight_decay, back, new, root, rule.epsilon]
    }
    fn settle<N: Real>(
        rule: ScheduleFreeAdamw<N>,
        at: At<N, 2>,
        scalars: [N; 9],
        _: [N; 0],
    ) -> ([N; 9], [N; 2]) {
        (scalars, moved_on(at, rule.warm_up, rule.later).2)
    }
    #[inline(always)]
    fn element<N: Real>(
        [begin, part, lean, rate, decay, _, new, root, still]: [N; 9],
        y: N,
        g: N,
        [z, v]: [N; 2],
    ) -> (N, [N; 2]) {
        let v = v + new * (g * g - v);
        let u = g / (root * v.sqrt() + still) + decay * y;
        let (to, z) = change([begin, part, lean, rate], y, u, z);
        (to, [z, v])
    }
    #[inline(always)]
    fn shown<N: Real>([_, _, _, _, _, back, ..]: [N; 9], y: N, [z, _]: [N; 2]) -> N {
        y + back * (z - y)
    }
}
