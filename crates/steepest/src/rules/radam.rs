use super::moments::{moments, unbiased};
use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// RAdam: Adam whose first steps, while too few squares were seen for their mean to be trusted, go along the mean
    /// gradient alone; later ones are shortened by how much the mean square still varies.
    /// As in torch `epsilon` is added before the mean square is corrected; weight decay is decoupled, as with
    /// `decoupled_weight_decay=True` of torch's.
    ///
    /// Liu, Jiang, He et al. 2020, <https://arxiv.org/abs/1908.03265>.
    "radam" Radam {
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

impl Rule<2, 6> for Radam {
    const MEMORY: [&str; 2] = ["mean", "square"];
    const SCALARS: [&str; 6] = ["new_mean", "new_square", "plain", "trusted", "still", "decay"];

    fn scalars<N: Real>(rule: Radam<N>, at: At<N>) -> [N; 6] {
        let [zero, one, two, four] = [0.0, 1.0, 2.0, 4.0].map(N::lit);
        let (b1, b2) = (rule.mean_decay, rule.square_decay);
        let power = b2.pow(at.step);
        let most = two / (one - b2) - one;
        let seen = most - two * at.step * power / (one - power);
        // Nothing under the root is negative where it is used.
        let share = (seen - four) * (seen - two) * most / ((most - four) * (most - two) * seen);
        let enough = seen - N::lit(5.0);
        let length = at.rate * unbiased(b1, at.step);
        let trusted = length * share.max(zero).sqrt() * (one - power).sqrt();
        [
            one - b1,
            one - b2,
            enough.positive(zero, length),
            enough.positive(trusted, zero),
            rule.epsilon,
            at.rate * rule.weight_decay,
        ]
    }
    #[inline(always)]
    fn element<N: Real>(
        [a1, a2, plain, trusted, still, decay]: [N; 6],
        x: N,
        g: N,
        memory: [N; 2],
    ) -> (N, [N; 2]) {
        let [m, v] = moments([a1, a2], g, memory);
        (-(m * (plain + trusted / (v.sqrt() + still))) - decay * x, [m, v])
    }
}
