use super::moments::{moments, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// Adam that finds its rate: its direction d, with the step that would bring a model of the loss (an average of
    /// the tangents seen) down to `bound`, never more than the rate:
    /// τ = min(rate / (1 − b₁ᵏ), (f̄ + ⟨d, x⟩ − γ − (1 − b₁ᵏ)·bound)₊ / ‖d‖²_D⁻¹), f̄ and γ the averages of f and ⟨g, x⟩.
    /// The rate is a cap. Where `bound` is out of reach, as on labels that contradict each other, the cap decides and
    /// this is Adam at that rate, so that the default is one that Adam bears, the authors' own. Constant, 0.01 ended
    /// at a test accuracy of .853, .862, .989 and .967 and 0.1 at .576, .792, .991 and .980, where Adam at its default
    /// ended at .847, .830, .980 and .920 (Fashion-MNIST, 20 000 rows, 8 epochs by 784-128-10 and 5 by a small CNN;
    /// scikit-learn's digits, 30 epochs by 64-128-64-10 and by softmax). Falling to 0 along a cosine 0.1 does no
    /// harm either: .846 on the first. For deep nets let it fall from 0.01 (.870), for tables from 0.1.
    ///
    /// Schaipp, Ohana, Eickenberg, Defazio and Gower 2023, <https://arxiv.org/abs/2305.07583>.
    "momo_adam" MomoAdam {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 1e-300 => 1.0,
        /// Pull towards 0, taken at the end of the step: x is divided by 1 + rate·weight_decay.
        weight_decay = 0.0 in 0.0 => f64::MAX,
        /// The least value that the loss can have.
        bound = 0.0 in f64::MIN => f64::MAX,
    }
}

impl Rule<2, 6, 3, 2> for MomoAdam {
    const MEMORY: [&str; 2] = ["mean", "square"];
    const SCALARS: [&str; 6] = ["new_mean", "new_square", "length", "root", "still", "keep"];
    const SUMS: [&str; 3] = ["g_x", "d_x", "d_d"];
    const STATE: [&str; 2] = ["mean_value", "mean_g_x"];
    const SCOPE: Scope = Scope::All;
    const RATE: f64 = 0.01;
    const FALLING_RATE: f64 = 0.1;
    const TUNES_ITSELF: bool = true;
    const VALUE: bool = true;

    fn scalars<N: Real>(rule: MomoAdam<N>, at: At<N, 2>) -> [N; 6] {
        let one = N::lit(1.0);
        let (b1, b2) = (rule.mean_decay, rule.square_decay);
        let length = at.rate / (one - b1.pow(at.step));
        let root = unbiased_root(b2, at.step);
        let keep = one / (one + at.rate * rule.weight_decay);
        [one - b1, one - b2, length, root, rule.epsilon, keep]
    }
    #[inline(always)]
    fn terms<N: Real>([a1, a2, _, root, still, _]: [N; 6], x: N, g: N, memory: [N; 2]) -> [N; 3] {
        let [d, v] = moments([a1, a2], g, memory);
        [g * x, d * x, d * d / (root * v.sqrt() + still)]
    }
    fn settle<N: Real>(
        rule: MomoAdam<N>,
        at: At<N, 2>,
        [a1, a2, length, root, still, keep]: [N; 6],
        [gx, dx, dd]: [N; 3],
    ) -> ([N; 6], [N; 2]) {
        let (zero, one) = (N::lit(0.0), N::lit(1.0));
        let [f, c] = at.state;
        let (f, c) = (f + a1 * (at.value - f), c + a1 * (gx - c));
        let share = one - rule.mean_decay.pow(at.step);
        let gap = ((f - c - share * rule.bound) / keep + dx).max(zero);
        let polyak = dd.positive(gap / dd, zero);
        ([a1, a2, length.min(polyak), root, still, keep], [f, c])
    }
    #[inline(always)]
    fn element<N: Real>(
        [a1, a2, length, root, still, keep]: [N; 6],
        x: N,
        g: N,
        memory: [N; 2],
    ) -> (N, [N; 2]) {
        let [m, v] = moments([a1, a2], g, memory);
        (-(keep * length * m / (root * v.sqrt() + still)) - (N::lit(1.0) - keep) * x, [m, v])
    }
}
