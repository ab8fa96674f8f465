use super::moments::{unbiased, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Adan: Adam with Nesterov's look ahead, which it takes from the mean change of the gradient. Four memories, one of
    /// them the last gradient. Weight decay is decoupled: it is added to the step, as in optax; in the paper x is
    /// divided by 1 + rate·weight_decay.
    ///
    /// Xie, Zhou, Li, Lin and Yan 2022, <https://arxiv.org/abs/2208.06677>.
    "adan" Adan {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.98 in 0.0 => 0.999999999,
        /// How much of the gradient's mean change is kept at each step.
        change_decay = 0.92 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient, seen ahead, is kept at each step.
        square_decay = 0.99 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<4, 10> for Adan {
    const MEMORY: [&str; 4] = ["mean", "change", "square", "last"];
    const SCALARS: [&str; 10] = [
        "later",
        "new_mean",
        "new_change",
        "new_square",
        "length",
        "along",
        "root",
        "still",
        "decay",
        "lead",
    ];

    fn scalars<N: Real>(rule: Adan<N>, at: At<N>) -> [N; 10] {
        let [zero, one] = [0.0, 1.0].map(N::lit);
        let (b1, b2, b3) = (rule.mean_decay, rule.change_decay, rule.square_decay);
        let later = (at.step - N::lit(1.5)).positive(one, zero);
        let length = at.rate * unbiased(b1, at.step);
        let along = at.rate * (one - b2) * unbiased(b2, at.step);
        let root = unbiased_root(b3, at.step);
        let decay = at.rate * rule.weight_decay;
        [later, one - b1, one - b2, one - b3, length, along, root, rule.epsilon, decay, one - b2]
    }
    #[inline(always)]
    fn element<N: Real>(
        [later, a1, a2, a3, length, along, root, still, decay, lead]: [N; 10],
        x: N,
        g: N,
        [m, c, n, last]: [N; 4],
    ) -> (N, [N; 4]) {
        let off = later * (g - last);
        let m = m + a1 * (g - m);
        let c = c + a2 * (off - c);
        let seen = g + lead * off;
        let n = n + a3 * (seen * seen - n);
        (-((length * m + along * c) / (root * n.sqrt() + still)) - decay * x, [m, c, n, g])
    }
}
