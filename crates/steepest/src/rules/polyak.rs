use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// Polyak's step: the one that would bring the tangent down to `bound`, never more than the rate:
    /// x ← x − share·min((f − bound)₊ / ‖g‖², rate)·g. Over batches it is SPS, which needs that one point be best for
    /// every batch; elsewhere it does not settle.
    ///
    /// Polyak 1987, Introduction to Optimization; Loizou, Vaswani, Laradji and Lacoste-Julien 2021,
    /// <https://arxiv.org/abs/2002.10542>.
    "polyak" Polyak {
        /// The least value that the loss can have.
        bound = 0.0 in f64::MIN => f64::MAX,
        /// The share of the step that is taken.
        share = 1.0 in 0.0 => f64::MAX,
    }
}

impl Rule<0, 1, 1> for Polyak {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 1] = ["length"];
    const SUMS: [&str; 1] = ["g_g"];
    const SCOPE: Scope = Scope::All;
    const RATE: f64 = 1.0;
    const TUNES_ITSELF: bool = true;
    const VALUE: bool = true;

    fn scalars<N: Real>(_: Polyak<N>, at: At<N>) -> [N; 1] {
        [at.rate]
    }
    #[inline(always)]
    fn terms<N: Real>(_: [N; 1], _: N, g: N, _: [N; 0]) -> [N; 1] {
        [g * g]
    }
    fn settle<N: Real>(rule: Polyak<N>, at: At<N>, _: [N; 1], [gg]: [N; 1]) -> ([N; 1], [N; 0]) {
        let zero = N::lit(0.0);
        let step = ((at.value - rule.bound).max(zero) / gg).min(at.rate);
        ([rule.share * gg.positive(step, zero)], [])
    }
    #[inline(always)]
    fn element<N: Real>([length]: [N; 1], _: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (-(length * g), [])
    }
}
