use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule, Scope};

crate::settings! {
    /// Sharpness-aware minimisation: the gradient is that of the worst point near by, x + radius·g / ‖g‖, so that flat
    /// minima are found; it costs a second gradient at each step. Adaptive, the neighbourhood is as wide along each
    /// coordinate as the coordinate is large. Stands before another rule, and first.
    ///
    /// Foret, Kleiner, Mobahi and Neyshabur 2021, <https://arxiv.org/abs/2010.01412>; adaptive: Kwon, Kim, Park and Choi
    /// 2021, <https://arxiv.org/abs/2102.11600>.
    "sam" Sam {
        /// How far the worst point may be.
        radius = 0.05 in 0.0 => f64::MAX,
        /// Measure it against the size of the parameter.
        adaptive = 0 in 0 => 1,
    }
}

/// How wide the neighbourhood is along a coordinate.
#[inline(always)]
fn width<N: Real>(adapted: N, x: N) -> N {
    N::lit(1.0) + adapted * (x.abs() - N::lit(1.0))
}

impl Rule<0, 2, 1> for Sam {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 2] = ["reach", "adapted"];
    const SUMS: [&str; 1] = ["w_w"];
    const SCOPE: Scope = Scope::All;
    const KIND: Kind = Kind::Gradient;
    const EVALUATIONS: u32 = 2;

    fn scalars<N: Real>(rule: Sam<N>, _: At<N>) -> [N; 2] {
        [rule.radius, rule.adaptive]
    }
    #[inline(always)]
    fn terms<N: Real>([_, adapted]: [N; 2], x: N, g: N, _: [N; 0]) -> [N; 1] {
        [(width(adapted, x) * g).square()]
    }
    fn settle<N: Real>(
        rule: Sam<N>,
        _: At<N>,
        [_, adapted]: [N; 2],
        [ww]: [N; 1],
    ) -> ([N; 2], [N; 0]) {
        ([rule.radius / (ww.sqrt() + N::lit(1e-12)), adapted], [])
    }
    #[inline(always)]
    fn element<N: Real>(_: [N; 2], _: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (g, [])
    }
    #[inline(always)]
    fn place<N: Real>([reach, adapted]: [N; 2], x: N, g: N, _: [N; 0]) -> N {
        x + reach * (width(adapted, x).square() * g)
    }
}
