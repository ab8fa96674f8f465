use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// DoWG, distance over weighted gradients: squared gradients count by how far it had come when they were seen,
    /// v ← v + r²·‖g‖²; x ← x − rate·r² / (√v + epsilon)·g, r the farthest that it has been from where it began.
    ///
    /// Khaled, Mishchenko and Jin 2023, <https://arxiv.org/abs/2305.16284>.
    "dowg" Dowg {
        /// The first squared distance.
        start = 1e-4 in 1e-300 => f64::MAX,
        /// Added to the root of the sum.
        epsilon = 1e-4 in 0.0 => 1.0,
    }
}

impl Rule<1, 2, 2, 2> for Dowg {
    const MEMORY: [&str; 1] = ["origin"];
    const SCALARS: [&str; 2] = ["begin", "length"];
    const SUMS: [&str; 2] = ["d_d", "g_g"];
    const STATE: [&str; 2] = ["distance", "squares"];
    const SCOPE: Scope = Scope::All;
    const RATE: f64 = 1.0;
    const TUNES_ITSELF: bool = true;

    fn scalars<N: Real>(_: Dowg<N>, at: At<N, 2>) -> [N; 2] {
        [(N::lit(1.5) - at.step).positive(N::lit(1.0), N::lit(0.0)), N::lit(0.0)]
    }
    #[inline(always)]
    fn terms<N: Real>([begin, _]: [N; 2], x: N, g: N, [from]: [N; 1]) -> [N; 2] {
        let from = from + begin * (x - from);
        [(x - from).square(), g * g]
    }
    fn settle<N: Real>(
        rule: Dowg<N>,
        at: At<N, 2>,
        [begin, _]: [N; 2],
        [dd, gg]: [N; 2],
    ) -> ([N; 2], [N; 2]) {
        let [far, squares] = at.state;
        let far = far.max(rule.start).max(dd);
        let squares = squares + far * gg;
        let over = squares.sqrt() + rule.epsilon;
        ([begin, at.rate * over.positive(far / over, N::lit(0.0))], [far, squares])
    }
    #[inline(always)]
    fn element<N: Real>([begin, length]: [N; 2], x: N, g: N, [from]: [N; 1]) -> (N, [N; 1]) {
        (-(length * g), [from + begin * (x - from)])
    }
}
