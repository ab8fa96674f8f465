use super::moments::{unbiased, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Yogi: Adam whose mean square goes up and down by no more than a share of the newest square,
    /// v ← v − (1 − square_decay)·sign(v − g²)·g², so that it does not fall fast where gradients become small.
    /// The mean and the mean square both start from `initial`, as in optax. Weight decay is decoupled.
    ///
    /// Zaheer, Reddi, Sachan, Kale and Kumar 2018, <https://papers.nips.cc/paper/8186>.
    "yogi" Yogi {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How slowly the mean squared gradient follows.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square.
        epsilon = 1e-3 in 0.0 => 1.0,
        /// What the averages start from.
        initial = 1e-6 in 0.0 => f64::MAX,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 7> for Yogi {
    // What the averages are above `initial`.
    const MEMORY: [&str; 2] = ["mean", "square"];
    const SCALARS: [&str; 7] =
        ["new_mean", "new_square", "length", "root", "still", "begin", "decay"];
    const RATE: f64 = 1e-2;

    fn scalars<N: Real>(rule: Yogi<N>, at: At<N>) -> [N; 7] {
        let one = N::lit(1.0);
        let (b1, b2) = (rule.mean_decay, rule.square_decay);
        let (length, root) = (at.rate * unbiased(b1, at.step), unbiased_root(b2, at.step));
        [one - b1, one - b2, length, root, rule.epsilon, rule.initial, at.rate * rule.weight_decay]
    }
    #[inline(always)]
    fn element<N: Real>(
        [a1, a2, length, root, still, begin, decay]: [N; 7],
        x: N,
        g: N,
        [m, v]: [N; 2],
    ) -> (N, [N; 2]) {
        let m = m + a1 * (g - (m + begin));
        let v = v - a2 * (v + begin - g * g).sign() * (g * g);
        (-(length * (m + begin) / (root * (v + begin).sqrt() + still)) - decay * x, [m, v])
    }
}
