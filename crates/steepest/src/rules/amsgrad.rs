use super::moments::{moments, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// AMSGrad: Adam that divides by the largest root mean square seen so far, so that a coordinate's step never grows
    /// again. Three memories. As `torch.optim.AdamW(amsgrad=True)` has it: the largest is taken before the correction
    /// for having started at 0.
    ///
    /// Reddi, Kale and Kumar 2018, <https://arxiv.org/abs/1904.09237>.
    "amsgrad" Amsgrad {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<3, 6> for Amsgrad {
    const MEMORY: [&str; 3] = ["mean", "square", "largest"];
    const SCALARS: [&str; 6] = ["new_mean", "new_square", "length", "root", "still", "decay"];

    fn scalars<N: Real>(rule: Amsgrad<N>, at: At<N>) -> [N; 6] {
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
        [m, v, largest]: [N; 3],
    ) -> (N, [N; 3]) {
        let [m, v] = moments([a1, a2], g, [m, v]);
        let largest = largest.max(v);
        (-(length * m / (root * largest.sqrt() + still)) - decay * x, [m, v, largest])
    }
}
