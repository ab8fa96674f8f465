use crate::linalg::matrix::Matrix;
use crate::numbers::real::Real;
use crate::rule::{At, Extent, Rule};
use crate::rules::adam::Adam;
use std::marker::PhantomData;

crate::settings! {
    /// Muon: a matrix moves along its momentum made orthogonal (all singular values near 1, by five Newton–Schulz
    /// steps), scaled by 0.2·√(larger side) so that one rate serves it and Adam. What is not a matrix moves by Adam,
    /// and so does a matrix of one row or column: it has one singular value, and to make that 1 would only take away
    /// the length of a vector's step (`torch.optim.Muon` does so, and takes nothing but matrices).
    ///
    /// Jordan et al. 2024, <https://kellerjordan.github.io/posts/muon/>; the scale: Liu et al. 2025, <https://arxiv.org/abs/2502.16982>.
    "muon" Muon {
        /// How much of a matrix's mean gradient is kept at each step.
        momentum = 0.95 in 0.0 => 0.999999999,
        /// Fraction of the parameter removed at each step, times the rate.
        weight_decay = 0.0 in 0.0 => f64::MAX,
        /// Adam's, for what is not a matrix.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// Adam's, for what is not a matrix.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Adam's, for what is not a matrix.
        epsilon = 1e-8 in 0.0 => 1.0,
    }
}

/// Newton–Schulz: singular values s in (0, 1] go to a·s + b·s³ + c·s⁵, five times, and end near 1.
const NEWTON_SCHULZ: [f64; 3] = [3.4445, -4.7750, 2.0315];

fn orthogonal<A: Matrix>(u: A) -> A {
    let n = A::Number::lit;
    let [a, b, c] = NEWTON_SCHULZ.map(n);
    let mut u = u.scale(n(1.0) / u.norm().max(n(1e-7)));
    for _ in 0..5 {
        let gram = u.matmul(&u.transpose());
        let poly = gram.scale(b).add(&gram.matmul(&gram).scale(c));
        u = u.scale(a).add(&poly.matmul(&u));
    }
    u
}

impl Rule<2, 6> for Muon {
    const MEMORY: [&str; 2] = <Adam as Rule<2, 6>>::MEMORY;
    const SCALARS: [&str; 6] = <Adam as Rule<2, 6>>::SCALARS;
    const WHOLE: bool = true;
    const MATRIX_MEMORY: &'static [(&'static str, Extent)] = &[("mean", Extent::Whole)];

    fn scalars<N: Real>(rule: Muon<N>, at: At<N>) -> [N; 6] {
        let Muon { mean_decay, square_decay, epsilon, weight_decay, .. } = rule;
        Adam::scalars(Adam { mean_decay, square_decay, epsilon, weight_decay, of: PhantomData }, at)
    }
    #[inline(always)]
    fn element<N: Real>(s: [N; 6], x: N, g: N, memory: [N; 2]) -> (N, [N; 2]) {
        Adam::element(s, x, g, memory)
    }
    fn matrix<A: Matrix>(
        rule: Muon<A::Number>,
        at: At<A::Number>,
        x: A,
        g: A,
        memory: &[A],
    ) -> (A, Vec<A>) {
        let one = A::Number::lit(1.0);
        let (b, new) = (rule.momentum, one - rule.momentum);
        let m = memory[0].scale(b).add(&g.scale(new));
        let u = orthogonal(g.scale(new).add(&m.scale(b)));
        let length = at.rate * A::Number::lit(0.2) * x.columns().sqrt();
        (u.scale(-length).add(&x.scale(-(at.rate * rule.weight_decay))), vec![m])
    }
}
