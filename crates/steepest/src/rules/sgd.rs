use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Gradient descent: each step goes down the gradient, x ← x − rate·(g + weight_decay·x).
    /// Over batches it is stochastic gradient descent.
    ///
    /// Cauchy 1847; Robbins and Monro 1951, <https://doi.org/10.1214/aoms/1177729586>.
    "sgd" Sgd {
        /// Pull towards 0: what is added to the gradient, as a multiple of the parameter.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<0, 2> for Sgd {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 2] = ["decay", "length"];

    fn scalars<N: Real>(rule: Sgd<N>, at: At<N>) -> [N; 2] {
        [at.rate * rule.weight_decay, at.rate]
    }
    #[inline(always)]
    fn element<N: Real>([decay, length]: [N; 2], x: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (-(length * g) - decay * x, [])
    }
}
