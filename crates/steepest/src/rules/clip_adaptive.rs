use crate::linalg::matrix::Matrix;
use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule, Scope};

crate::settings! {
    /// Adaptive gradient clipping: the gradient of a unit, a row of a matrix, is shortened to `most` times the unit's own
    /// length; what is not a matrix is one unit. Stands before another rule.
    ///
    /// Brock, De, Smith and Simonyan 2021, <https://arxiv.org/abs/2102.06171>.
    "clip_adaptive" ClipAdaptive {
        /// The longest gradient let through, against the length of the parameter.
        most = 0.01 in 1e-300 => f64::MAX,
        /// The least length that a parameter counts as.
        least = 1e-3 in 0.0 => f64::MAX,
        /// Units are columns, as Keras and JAX lay a matrix out; torch has them in the rows.
        by_column = 0 in 0 => 1,
    }
}

/// What a gradient is multiplied by, from both squared lengths.
#[inline(always)]
fn factor<N: Real>(most: N, least: N, xx: N, gg: N) -> N {
    let longest = most * xx.sqrt().max(least);
    (longest / gg.sqrt().max(N::lit(1e-6))).min(N::lit(1.0))
}

impl Rule<0, 1, 2> for ClipAdaptive {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 1] = ["factor"];
    const SUMS: [&str; 2] = ["x_x", "g_g"];
    const SCOPE: Scope = Scope::Tensor;
    const KIND: Kind = Kind::Gradient;
    const WHOLE: bool = true;
    const LYING: bool = false;

    fn scalars<N: Real>(_: ClipAdaptive<N>, _: At<N>) -> [N; 1] {
        [N::lit(1.0)]
    }
    #[inline(always)]
    fn terms<N: Real>(_: [N; 1], x: N, g: N, _: [N; 0]) -> [N; 2] {
        [x * x, g * g]
    }
    fn settle<N: Real>(
        rule: ClipAdaptive<N>,
        _: At<N>,
        _: [N; 1],
        [xx, gg]: [N; 2],
    ) -> ([N; 1], [N; 0]) {
        ([factor(rule.most, rule.least, xx, gg)], [])
    }
    #[inline(always)]
    fn element<N: Real>([factor]: [N; 1], _: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (factor * g, [])
    }
    fn matrix<A: Matrix>(
        rule: ClipAdaptive<A::Number>,
        _: At<A::Number>,
        x: A,
        g: A,
        _: &[A],
    ) -> (A, Vec<A>) {
        let (most, least) = (A::entry(rule.most), A::entry(rule.least));
        let [x, own] = [x, g.clone()].map(|m| m.each(|v| v * v));
        let shorter = |x: A, own: A, count: A::Number| {
            x.scale(count).pair(&own.scale(count), |xx, gg| factor(most, least, xx, gg))
        };
        let by_row = shorter(x.row_means(), own.row_means(), g.columns());
        let by_column = shorter(x.column_means(), own.column_means(), g.rows());
        let pick = A::entry(rule.by_column);
        (
            g.pair(&by_row, |g, f| pick.positive(g, f * g))
                .pair(&by_column, |g, f| pick.positive(f * g, g)),
            Vec::new(),
        )
    }
}
