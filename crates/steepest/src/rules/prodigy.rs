use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// Prodigy: Adam with the rate times an estimate d of how far the solution is, which grows faster than
    /// [`DAdaptation`](crate::rules::d_adaptation::DAdaptation)'s; d never falls. Four memories. As in optax, with the
    /// correction of the averages for having started at 0, which the authors' package leaves out unless asked.
    ///
    /// Mishchenko and Defazio 2023, <https://arxiv.org/abs/2306.06101>.
    "prodigy" Prodigy {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// How much of the estimate's sums is kept at each step (about the root of `square_decay`).
        sum_decay = 0.999499874937461 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// The first estimate.
        start = 1e-6 in 1e-300 => f64::MAX,
        /// What the estimate is multiplied by.
        coefficient = 1.0 in 0.0 => f64::MAX,
        /// Leave the correction and the rate out of the estimate's sums, for rates that come in slowly.
        safeguard = 0 in 0 => 1,
        /// Fraction of the parameter removed at each step, times the rate and the estimate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<4, 9, 2, 2> for Prodigy {
    const MEMORY: [&str; 4] = ["mean", "square", "sum", "origin"];
    const SCALARS: [&str; 9] =
        ["begin", "keep", "new_square", "estimated", "length", "weight", "still", "decay", "lag"];
    const SUMS: [&str; 2] = ["g_d", "s_1"];
    const STATE: [&str; 2] = ["estimate", "numerator"];
    const SCOPE: Scope = Scope::All;
    const RATE: f64 = 1.0;
    const TUNES_ITSELF: bool = true;

    fn scalars<N: Real>(rule: Prodigy<N>, at: At<N, 2>) -> [N; 9] {
        let [zero, one] = [0.0, 1.0].map(N::lit);
        let (b1, b2) = (rule.mean_decay, rule.square_decay);
        let begin = (N::lit(1.5) - at.step).positive(one, zero);
        let d = at.state[0].max(rule.start);
        let length = d * at.rate * (one - b2.pow(at.step)).sqrt() / (one - b1.pow(at.step));
        // d² in the memory of the squares goes in as d, twice.
        let weight = d * rule.safeguard.positive(d, length) / rule.start;
        [
            begin,
            b1,
            one - b2,
            d,
            length,
            weight,
            rule.epsilon,
            length * rule.weight_decay,
            rule.sum_decay,
        ]
    }
    #[inline(always)]
    fn terms<N: Real>(
        [begin, _, _, _, _, weight, _, _, lag]: [N; 9],
        x: N,
        g: N,
        [_, _, s, from]: [N; 4],
    ) -> [N; 2] {
        let from = from + begin * (x - from);
        [g * (from - x), (lag * s + weight * g).abs()]
    }
    fn settle<N: Real>(
        rule: Prodigy<N>,
        at: At<N, 2>,
        [begin, keep, new, d, length, weight, still, decay, lag]: [N; 9],
        [gd, s1]: [N; 2],
    ) -> ([N; 9], [N; 2]) {
        let numerator = lag * at.state[1] + d / rule.start * length * gd;
        let seen = s1.positive(rule.coefficient * numerator / s1, N::lit(0.0));
        let next = d.max(seen);
        ([begin, keep, new, d, length, weight, still * next, decay, lag], [next, numerator])
    }
    #[inline(always)]
    fn element<N: Real>(
        [begin, keep, new, d, length, weight, still, decay, lag]: [N; 9],
        x: N,
        g: N,
        [m, v, s, from]: [N; 4],
    ) -> (N, [N; 4]) {
        let own = d * g;
        let m = own + keep * (m - own);
        let v = v + new * (own * own - v);
        let step = length * m / (v.sqrt() + still);
        (-step - decay * x, [m, v, lag * s + weight * g, from + begin * (x - from)])
    }
}
