use super::moments::{moments, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Adam: each coordinate's step is its mean gradient over its root mean square, both averaged with fading
    /// memory and corrected for having started at 0. Weight decay is decoupled (AdamW).
    ///
    /// Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>; Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>.
    "adam" Adam {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Fraction of the parameter removed at each step, times the rate.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 6> for Adam {
    const MEMORY: [&str; 2] = ["mean", "square"];
    const SCALARS: [&str; 6] = ["new_mean", "new_square", "length", "root", "still", "decay"];

    /// 1 − decay is taken in f64: in f32 it would lose four digits of the mean square.
    fn scalars<N: Real>(rule: Adam<N>, at: At<N>) -> [N; 6] {
        let one = N::lit(1.0);
        let (b1, b2) = (rule.mean_decay, rule.square_decay);
        let length = at.rate / (one - b1.pow(at.step));
        let root = unbiased_root(b2, at.step);
        [one - b1, one - b2, length, root, rule.epsilon, at.rate * rule.weight_decay]
    }
    #[inline(always)]
    fn element<N: Real>(
        [a1, a2, length, root, still, decay]: [N; 6],
        x: N,
        g: N,
        memory: [N; 2],
    ) -> (N, [N; 2]) {
        let [m, v] = moments([a1, a2], g, memory);
        (-(length * m / (root * v.sqrt() + still)) - decay * x, [m, v])
    }
}
