use super::adam::Adam;
use crate::numbers::real::Real;
use crate::rule::{At, Rule};
use std::marker::PhantomData;

crate::settings! {
    /// AdamW: `adam` with a weight decay of 0.01 unless another is given. The decay is
    /// decoupled: it does not go through the root mean square.
    ///
    /// Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>.
    "adamw" Adamw {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.01 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 6> for Adamw {
    const MEMORY: [&str; 2] = <Adam as Rule<2, 6>>::MEMORY;
    const SCALARS: [&str; 6] = <Adam as Rule<2, 6>>::SCALARS;

    fn scalars<N: Real>(rule: Adamw<N>, at: At<N>) -> [N; 6] {
        let Adamw { mean_decay, square_decay, epsilon, weight_decay, .. } = rule;
        Adam::scalars(Adam { mean_decay, square_decay, epsilon, weight_decay, of: PhantomData }, at)
    }
    #[inline(always)]
    fn element<N: Real>(s: [N; 6], x: N, g: N, memory: [N; 2]) -> (N, [N; 2]) {
        Adam::element(s, x, g, memory)
    }
}
