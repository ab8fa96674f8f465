use super::schedule_free::{change, lean, moved_on};
use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// Schedule-free gradient descent: z goes down the gradients, x averages z, and gradients are asked between them, at
    /// y = momentum·x + (1 − momentum)·z; x is what is shown and returned. The rate need not fall, but is not found: it
    /// still has to be given or searched. The parameters that a host holds are y.
    ///
    /// Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky 2024, <https://arxiv.org/abs/2405.15682>.
    "schedule_free_sgd" ScheduleFreeSgd {
        /// How near to the average gradients are asked.
        momentum = 0.9 in 0.01 => 0.999999999,
        /// Steps over which the rate comes in, in a straight line.
        warm_up = 0 in 0 => f64::MAX,
        /// How much more later points count in the average: by the step's number to this power.
        later = 0.0 in 0.0 => 100.0,
        /// Pull towards 0: what is added to the gradient, as a multiple of y.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<1, 6, 0, 2> for ScheduleFreeSgd {
    const MEMORY: [&str; 1] = ["z"];
    const SCALARS: [&str; 6] = ["begin", "part", "lean", "length", "decay", "back"];
    const STATE: [&str; 2] = ["largest_rate", "weights"];
    const SCOPE: Scope = Scope::Tensor;
    const SHOWN: bool = true;
    const RATE: f64 = 0.1;

    fn scalars<N: Real>(rule: ScheduleFreeSgd<N>, at: At<N, 2>) -> [N; 6] {
        let one = N::lit(1.0);
        let begin = (N::lit(1.5) - at.step).positive(one, N::lit(0.0));
        let (rate, part, _) = moved_on(at, rule.warm_up, rule.later);
        let back = one - one / rule.momentum;
        [begin, part, lean(rate, rule.momentum, part), rate, rule.weight_decay, back]
    }
    fn settle<N: Real>(
        rule: ScheduleFreeSgd<N>,
        at: At<N, 2>,
        scalars: [N; 6],
        _: [N; 0],
    ) -> ([N; 6], [N; 2]) {
        (scalars, moved_on(at, rule.warm_up, rule.later).2)
    }
    #[inline(always)]
    fn element<N: Real>(
        [begin, part, lean, rate, decay, _]: [N; 6],
        y: N,
        g: N,
        [z]: [N; 1],
    ) -> (N, [N; 1]) {
        let (to, z) = change([begin, part, lean, rate], y, g + decay * y, z);
        (to, [z])
    }
    #[inline(always)]
    fn shown<N: Real>([_, _, _, _, _, back]: [N; 6], y: N, [z]: [N; 1]) -> N {
        y + back * (z - y)
    }
}
