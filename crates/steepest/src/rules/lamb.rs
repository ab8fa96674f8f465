use super::moments::{moments, unbiased, unbiased_root};
use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// LAMB: Adam's direction u (weight decay added), scaled in each tensor to the tensor's own length:
    /// x ← x − rate·(‖x‖ / ‖u‖)·u; the ratio is 1 where one of them is 0. For large batches.
    /// As in the paper the weight decay is part of u; Keras' Lamb takes it beside the step and has none unless asked,
    /// so that the two agree where `weight_decay` is 0.
    ///
    /// You et al. 2020, <https://arxiv.org/abs/1904.00962>.
    "lamb" Lamb {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-6 in 0.0 => 1.0,
        /// Pull towards 0: what is added to the direction, as a multiple of the parameter.
        weight_decay = 0.01 in 0.0 => f64::MAX,
    }
}

/// The direction, and Adam's two averages.
#[inline(always)]
fn direction<N: Real>(
    [a1, a2, _, unbias, root, still, decay]: [N; 7],
    x: N,
    g: N,
    memory: [N; 2],
) -> (N, [N; 2]) {
    let [m, v] = moments([a1, a2], g, memory);
    (unbias * m / (root * v.sqrt() + still) + decay * x, [m, v])
}

impl Rule<2, 7, 2> for Lamb {
    const MEMORY: [&str; 2] = ["mean", "square"];
    const SCALARS: [&str; 7] =
        ["new_mean", "new_square", "length", "unbias", "root", "still", "decay"];
    const SUMS: [&str; 2] = ["x_x", "u_u"];
    const SCOPE: Scope = Scope::Tensor;

    fn scalars<N: Real>(rule: Lamb<N>, at: At<N>) -> [N; 7] {
        let one = N::lit(1.0);
        let (b1, b2) = (rule.mean_decay, rule.square_decay);
        let (unbias, root) = (unbiased(b1, at.step), unbiased_root(b2, at.step));
        [one - b1, one - b2, at.rate, unbias, root, rule.epsilon, rule.weight_decay]
    }
    #[inline(always)]
    fn terms<N: Real>(s: [N; 7], x: N, g: N, memory: [N; 2]) -> [N; 2] {
        [x * x, direction(s, x, g, memory).0.square()]
    }
    fn settle<N: Real>(_: Lamb<N>, at: At<N>, s: [N; 7], [xx, uu]: [N; 2]) -> ([N; 7], [N; 0]) {
        let [a1, a2, _, unbias, root, still, decay] = s;
        let one = N::lit(1.0);
        let trust = (xx * uu).positive((xx / uu).sqrt(), one);
        ([a1, a2, at.rate * trust, unbias, root, still, decay], [])
    }
    #[inline(always)]
    fn element<N: Real>(s: [N; 7], x: N, g: N, memory: [N; 2]) -> (N, [N; 2]) {
        let (u, memory) = direction(s, x, g, memory);
        (-(s[2] * u), memory)
    }
}
