use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Resilient propagation: each coordinate keeps a step of its own, which grows while its gradient keeps its
    /// sign and shrinks when it flips; a flipped coordinate rests once. Only signs count, so no rate need be
    /// known: the rate is the first step. For full batches.
    ///
    /// Riedmiller and Braun 1993, <https://doi.org/10.1109/ICNN.1993.298623>.
    "rprop" Rprop {
        /// What a step is multiplied by when the gradient flips its sign.
        shrink = 0.5 in 1e-6 => 1.0,
        /// What a step is multiplied by while the gradient keeps its sign.
        grow = 1.2 in 1.0 => 1e6,
        /// The least step.
        least = 1e-6 in 0.0 => f64::MAX,
        /// The largest step.
        most = 50.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 5> for Rprop {
    const MEMORY: [&str; 2] = ["last", "stride"];
    const SCALARS: [&str; 5] = ["first", "less", "more", "low", "high"];
    const RATE: f64 = 0.01;
    const TUNES_ITSELF: bool = true;
    const SEARCHED: bool = false;

    fn scalars<N: Real>(rule: Rprop<N>, at: At<N>) -> [N; 5] {
        let first = (N::lit(1.5) - at.step).positive(at.rate, N::lit(0.0));
        [first, rule.shrink, rule.grow, rule.least, rule.most]
    }
    #[inline(always)]
    fn element<N: Real>(
        [first, less, more, low, high]: [N; 5],
        _: N,
        g: N,
        [last, stride]: [N; 2],
    ) -> (N, [N; 2]) {
        let agree = g * last;
        let factor = agree.positive(more, (-agree).positive(less, N::lit(1.0)));
        let stride = ((stride + first) * factor).clamp(low, high);
        let g = (-agree).positive(N::lit(0.0), g);
        (-(stride * g.sign()), [g, stride])
    }
}
