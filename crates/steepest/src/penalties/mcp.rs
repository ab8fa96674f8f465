use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// The minimax concave penalty: absolute values whose pull fades to nothing at |x| = gamma·alpha, so that large
    /// coefficients are not shrunk. With m = min(|x|, gamma·alpha): alpha·m − ½ m²/gamma. It is not convex: what is found
    /// is where the objective is level, and nothing is proved.
    ///
    /// Zhang 2010, <https://doi.org/10.1214/09-AOS729>.
    "mcp" Mcp {
        /// How far the pull reaches, in units of alpha; the prox is unique for steps below it.
        gamma = 3.0 in 1e-3 => f64::MAX,
    }
}

impl Separable for Mcp {
    const OFFERS: Offers = Offers { convex: false, ..Offers::CONVEX };
    fn value<N: Real>(s: Mcp<N>, x: N) -> N {
        Self::weighted(s, x, N::lit(1.0))
    }
    fn prox<N: Real>(s: Mcp<N>, x: N, step: N) -> N {
        Self::weighted_prox(s, x, step, N::lit(1.0), N::lit(1.0))
    }
    fn weighted<N: Real>(s: Mcp<N>, x: N, weight: N) -> N {
        let m = x.abs().min(s.gamma * weight);
        m * (weight - N::lit(0.5) * m / s.gamma)
    }
    /// A soft threshold that is stretched until it meets the identity; for steps beyond gamma, where the ends of the bent
    /// part are the only candidates, all or nothing.
    fn weighted_prox<N: Real>(s: Mcp<N>, x: N, step: N, weight: N, scale: N) -> N {
        let step = step * scale * scale;
        let (size, zero) = (x.abs(), N::lit(0.0));
        let bent = (N::lit(1.0) - step / s.gamma).max(N::lit(1e-300));
        let firm = size.min((size - step * weight).max(zero) / bent);
        let hard = (size - weight * (step * s.gamma).sqrt()).positive(size, zero);
        x.sign() * (s.gamma - step).positive(firm, hard)
    }
}
