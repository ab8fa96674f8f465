use crate::linalg::matrix::Matrix;
use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule};

crate::settings! {
    /// Gradient centralisation: the gradient of a matrix less its mean in each row, one row a unit; everything else stays
    /// as it is. Stands before another rule. Tensors of more than two axes, whose rows optax and the paper take to be all
    /// but the first, are left alone.
    ///
    /// Yong, Huang, Hua and Zhang 2020, <https://arxiv.org/abs/2004.01461>.
    "centralise" Centralise {
        /// Units are columns, as Keras and JAX lay a matrix out; torch has them in the rows.
        by_column = 0 in 0 => 1,
    }
}

impl Rule<0, 1> for Centralise {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 1] = ["across"];
    const KIND: Kind = Kind::Gradient;
    const WHOLE: bool = true;
    const LYING: bool = false;

    fn scalars<N: Real>(rule: Centralise<N>, _: At<N>) -> [N; 1] {
        [rule.by_column]
    }
    #[inline(always)]
    fn element<N: Real>(_: [N; 1], _: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (g, [])
    }
    fn matrix<A: Matrix>(
        rule: Centralise<A::Number>,
        _: At<A::Number>,
        _: A,
        g: A,
        _: &[A],
    ) -> (A, Vec<A>) {
        let one = A::Number::lit(1.0);
        let by_row = g.row_means().scale(one - rule.by_column);
        let by_column = g.column_means().scale(rule.by_column);
        (g.pair(&by_row, |g, mean| g - mean).pair(&by_column, |g, mean| g - mean), Vec::new())
    }
}
