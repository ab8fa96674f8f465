use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule, Scope};

crate::settings! {
    /// Gradient clipping by norm: a gradient longer than `most` over all tensors together is shortened to it,
    /// g ← g·min(1, most / ‖g‖). Stands before another rule.
    ///
    /// Pascanu, Mikolov and Bengio 2013, <https://arxiv.org/abs/1211.5063>.
    "clip_norm" ClipNorm {
        /// The largest norm let through.
        most = 1.0 in 1e-300 => f64::MAX,
    }
}

impl Rule<0, 1, 1> for ClipNorm {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 1] = ["factor"];
    const SUMS: [&str; 1] = ["g_g"];
    const SCOPE: Scope = Scope::All;
    const KIND: Kind = Kind::Gradient;

    fn scalars<N: Real>(_: ClipNorm<N>, _: At<N>) -> [N; 1] {
        [N::lit(1.0)]
    }
    #[inline(always)]
    fn terms<N: Real>(_: [N; 1], _: N, g: N, _: [N; 0]) -> [N; 1] {
        [g * g]
    }
    fn settle<N: Real>(rule: ClipNorm<N>, _: At<N>, _: [N; 1], [gg]: [N; 1]) -> ([N; 1], [N; 0]) {
        let one = N::lit(1.0);
        ([gg.positive((rule.most / gg.sqrt()).min(one), one)], [])
    }
    #[inline(always)]
    fn element<N: Real>([factor]: [N; 1], _: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (factor * g, [])
    }
}
