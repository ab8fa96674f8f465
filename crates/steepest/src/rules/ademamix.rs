use super::moments::{moments, unbiased, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// AdEMAMix: Adam that adds to the mean gradient `mix` times a far slower one, which remembers ten thousand steps.
    /// Over the first `warm_up` steps both the mix and the slow memory grow to what they are set to, as in the paper;
    /// with 0 they are so from the start. Three memories. Weight decay is decoupled.
    ///
    /// Pagliardini, Ablin and Grangier 2024, <https://arxiv.org/abs/2409.03137>.
    "ademamix" Ademamix {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// How much of the slow mean gradient is kept at each step.
        slow_decay = 0.9999 in 0.0 => 0.999999999,
        /// How much of the slow mean is added.
        mix = 5.0 in 0.0 => f64::MAX,
        /// Steps over which the slow mean comes in.
        warm_up = 0 in 0 => f64::MAX,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<3, 8> for Ademamix {
    const MEMORY: [&str; 3] = ["mean", "square", "slow"];
    const SCALARS: [&str; 8] =
        ["new_mean", "new_square", "new_slow", "length", "extra", "root", "still", "decay"];

    fn scalars<N: Real>(rule: Ademamix<N>, at: At<N>) -> [N; 8] {
        let one = N::lit(1.0);
        let half = N::lit(std::f64::consts::LN_2);
        let (b1, b2, b3) = (rule.mean_decay, rule.square_decay, rule.slow_decay);
        let done = rule.warm_up.positive(at.step / rule.warm_up.max(one), one).min(one);
        // The half-life of the slow memory grows in a straight line; 1e-8 as in the authors' code.
        let life = |decay: N| -half / (decay + N::lit(1e-8)).ln() - one;
        let grown = (-half / ((one - done) * life(b1) + done * life(b3) + one)).exp();
        let b3 = (one - done).positive(grown, b3);
        let (length, root) = (at.rate * unbiased(b1, at.step), unbiased_root(b2, at.step));
        let extra = at.rate * rule.mix * done;
        [
            one - b1,
            one - b2,
            one - b3,
            length,
            extra,
            root,
            rule.epsilon,
            at.rate * rule.weight_decay,
        ]
    }
    #[inline(always)]
    fn element<N: Real>(
        [a1, a2, a3, length, extra, root, still, decay]: [N; 8],
        x: N,
        g: N,
        [m, v, slow]: [N; 3],
    ) -> (N, [N; 3]) {
        let [m, v] = moments([a1, a2], g, [m, v]);
        let slow = slow + a3 * (g - slow);
        (-((length * m + extra * slow) / (root * v.sqrt() + still)) - decay * x, [m, v, slow])
    }
}
