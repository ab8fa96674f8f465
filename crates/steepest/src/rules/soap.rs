use super::moments::{unbiased, unbiased_root};
use crate::linalg::matrix::Matrix;
use crate::numbers::real::Real;
use crate::rule::{At, Extent, Rule};
use crate::rules::adam::Adam;
use std::marker::PhantomData;

crate::settings! {
    /// SOAP, of one side: Adam in the directions in which a matrix's gradients vary, the eigenvectors of the mean of GG′.
    /// The basis is that of the shorter side, as the authors have it where a side is long, and is renewed at each step (a
    /// frequency of 1) by one step of orthogonal iteration from the last; at first from the identity. The gradient of a
    /// step comes into its basis, so that the first step need not be left out. What is not a matrix moves by Adam, and so
    /// does a matrix of one row or column.
    ///
    /// Vyas et al. 2024, <https://arxiv.org/abs/2409.11321>.
    "soap" Soap {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.95 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient, and of the mean of GG′, is kept at each step.
        square_decay = 0.95 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Fraction of the parameter removed at each step, times the rate.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 6> for Soap {
    const MEMORY: [&str; 2] = <Adam as Rule<2, 6>>::MEMORY;
    const SCALARS: [&str; 6] = <Adam as Rule<2, 6>>::SCALARS;
    const RATE: f64 = 3e-3;
    const WHOLE: bool = true;
    const MATRIX_MEMORY: &'static [(&'static str, Extent)] = &[
        ("mean", Extent::Whole),
        ("square", Extent::Whole),
        ("spread", Extent::Left),
        ("basis", Extent::Left),
    ];

    fn scalars<N: Real>(rule: Soap<N>, at: At<N>) -> [N; 6] {
        let Soap { mean_decay, square_decay, epsilon, weight_decay, .. } = rule;
        Adam::scalars(Adam { mean_decay, square_decay, epsilon, weight_decay, of: PhantomData }, at)
    }
    #[inline(always)]
    fn element<N: Real>(s: [N; 6], x: N, g: N, memory: [N; 2]) -> (N, [N; 2]) {
        Adam::element(s, x, g, memory)
    }
    fn matrix<A: Matrix>(
        rule: Soap<A::Number>,
        at: At<A::Number>,
        x: A,
        g: A,
        memory: &[A],
    ) -> (A, Vec<A>) {
        let (zero, one) = (A::Number::lit(0.0), A::Number::lit(1.0));
        let new = [one - rule.mean_decay, one - rule.square_decay];
        let [mean, square, spread, basis] = memory else { unreachable!("as declared") };
        let kept =
            |old: &A, fresh: &A, share: A::Number| old.scale(one - share).add(&fresh.scale(share));
        // The basis in memory is 0 before the first step, where the identity takes its place.
        let first = (A::Number::lit(2.0) - at.step).max(zero);
        let spread = kept(spread, &g.matmul(&g.transpose()), new[1]);
        let basis = spread.matmul(basis).add(&spread.scale(first)).orthonormal();
        let into = |m: &A| basis.transpose().matmul(m);
        let m = kept(mean, &g, new[0]);
        let square = kept(square, &into(&g).each(|a| a * a), new[1]);
        let length = at.rate * unbiased(rule.mean_decay, at.step);
        let [length, root, still] =
            [length, unbiased_root(rule.square_decay, at.step), rule.epsilon].map(A::entry);
        let step = into(&m).pair(&square, |m, v| -(length * m / (root * v.sqrt() + still)));
        let back = basis.matmul(&step);
        let change = back.add(&x.scale(-(at.rate * rule.weight_decay)));
        (change, vec![m, square, spread, basis])
    }
}
