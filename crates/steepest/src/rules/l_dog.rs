use super::dog::Dog;
use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};
use std::marker::PhantomData;

crate::settings! {
    /// L-DoG: `dog` with a distance and a sum of squares of its own for each tensor.
    ///
    /// Ivgi, Hinder and Carmon 2023, <https://arxiv.org/abs/2302.12022>.
    "l_dog" LDog {
        /// The first distance, as a share of 1 + ‖x₀‖.
        start = 1e-6 in 1e-300 => f64::MAX,
        /// Added to the sum of squares.
        epsilon = 1e-8 in 0.0 => 1.0,
    }
}

impl<N: Real> LDog<N> {
    fn dog(self) -> Dog<N> {
        Dog { start: self.start, epsilon: self.epsilon, of: PhantomData }
    }
}

impl Rule<1, 2, 3, 2> for LDog {
    const MEMORY: [&str; 1] = Dog::<f64>::MEMORY;
    const SCALARS: [&str; 2] = Dog::<f64>::SCALARS;
    const SUMS: [&str; 3] = Dog::<f64>::SUMS;
    const STATE: [&str; 2] = Dog::<f64>::STATE;
    const SCOPE: Scope = Scope::Tensor;
    const RATE: f64 = Dog::<f64>::RATE;
    const TUNES_ITSELF: bool = true;

    fn scalars<N: Real>(rule: LDog<N>, at: At<N, 2>) -> [N; 2] {
        Dog::scalars(rule.dog(), at)
    }
    #[inline(always)]
    fn terms<N: Real>(scalars: [N; 2], x: N, g: N, memory: [N; 1]) -> [N; 3] {
        Dog::terms(scalars, x, g, memory)
    }
    fn settle<N: Real>(
        rule: LDog<N>,
        at: At<N, 2>,
        scalars: [N; 2],
        sums: [N; 3],
    ) -> ([N; 2], [N; 2]) {
        Dog::settle(rule.dog(), at, scalars, sums)
    }
    #[inline(always)]
    fn element<N: Real>(scalars: [N; 2], x: N, g: N, memory: [N; 1]) -> (N, [N; 1]) {
        Dog::element(scalars, x, g, memory)
    }
}
