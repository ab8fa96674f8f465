use super::moments::{moments, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// NAdam: Adam with Nesterov's look ahead; how much of the mean is kept grows over the first steps,
    /// μₖ = mean_decay·(1 − ½·0.96^(k·momentum_decay)).
    /// Weight decay is decoupled, as with `decoupled_weight_decay=True` of torch's.
    ///
    /// Dozat 2016, <https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ>.
    "nadam" Nadam {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// How fast the share of the mean that is kept grows to `mean_decay`.
        momentum_decay = 4e-3 in 0.0 => f64::MAX,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 7, 0, 1> for Nadam {
    const MEMORY: [&str; 2] = ["mean", "square"];
    const SCALARS: [&str; 7] = ["new_mean", "new_square", "now", "ahead", "root", "still", "decay"];
    // 1 − Π μ, which starts at 0.
    const STATE: [&str; 1] = ["forgotten"];
    const SCOPE: Scope = Scope::Tensor;
    const RATE: f64 = 2e-3;

    fn scalars<N: Real>(rule: Nadam<N>, at: At<N, 1>) -> [N; 7] {
        let one = N::lit(1.0);
        let [now, ahead] = [at.step, at.step + one].map(|k| kept(rule, k));
        let product = (one - at.state[0]) * now;
        let root = unbiased_root(rule.square_decay, at.step);
        let newest = at.rate * (one - now) / (one - product);
        let mean = at.rate * ahead / (one - product * ahead);
        let new = [one - rule.mean_decay, one - rule.square_decay];
        [new[0], new[1], newest, mean, root, rule.epsilon, at.rate * rule.weight_decay]
    }
    fn settle<N: Real>(
        rule: Nadam<N>,
        at: At<N, 1>,
        scalars: [N; 7],
        _: [N; 0],
    ) -> ([N; 7], [N; 1]) {
        let one = N::lit(1.0);
        (scalars, [one - (one - at.state[0]) * kept(rule, at.step)])
    }
    #[inline(always)]
    fn element<N: Real>(
        [a1, a2, now, ahead, root, still, decay]: [N; 7],
        x: N,
        g: N,
        memory: [N; 2],
    ) -> (N, [N; 2]) {
        let [m, v] = moments([a1, a2], g, memory);
        (-((now * g + ahead * m) / (root * v.sqrt() + still)) - decay * x, [m, v])
    }
}

/// How much of the mean is kept at a step.
fn kept<N: Real>(rule: Nadam<N>, step: N) -> N {
    let fade = N::lit(0.96).pow(step * rule.momentum_decay);
    rule.mean_decay * (N::lit(1.0) - N::lit(0.5) * fade)
}
