use super::moments::{unbiased, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// AdaBelief: Adam that divides by how far gradients are from their mean, not by how large they are: it goes far
    /// where they are as foretold. v ← square_decay·v + (1 − square_decay)·(g − m)² + inside.
    /// Weight decay is decoupled.
    ///
    /// Zhuang, Tang, Ding et al. 2020, <https://arxiv.org/abs/2010.07468>.
    "adabelief" Adabelief {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared surprise is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-16 in 0.0 => 1.0,
        /// Added to the mean square at each step.
        inside = 1e-16 in 0.0 => 1.0,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 7> for Adabelief {
    const MEMORY: [&str; 2] = ["mean", "surprise"];
    const SCALARS: [&str; 7] =
        ["new_mean", "new_square", "length", "root", "still", "more", "decay"];

    fn scalars<N: Real>(rule: Adabelief<N>, at: At<N>) -> [N; 7] {
        let one = N::lit(1.0);
        let (b1, b2) = (rule.mean_decay, rule.square_decay);
        let (length, root) = (at.rate * unbiased(b1, at.step), unbiased_root(b2, at.step));
        [one - b1, one - b2, length, root, rule.epsilon, rule.inside, at.rate * rule.weight_decay]
    }
    #[inline(always)]
    fn element<N: Real>(
        [a1, a2, length, root, still, more, decay]: [N; 7],
        x: N,
        g: N,
        [m, v]: [N; 2],
    ) -> (N, [N; 2]) {
        let m = m + a1 * (g - m);
        let off = g - m;
        let v = v + a2 * (off * off - v) + more;
        (-(length * m / (root * v.sqrt() + still)) - decay * x, [m, v])
    }
}
