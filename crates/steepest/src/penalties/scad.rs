use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// Smoothly clipped absolute deviation: absolute values up to alpha, whose pull then fades to nothing at
    /// |x| = a·alpha, so that large coefficients are not shrunk: (2 a alpha |x| − x² − alpha²) / (2 (a − 1)) between, and
    /// ½ (a + 1) alpha² beyond. It is not convex: what is found is where the objective is level, and nothing is proved.
    ///
    /// Fan and Li 2001, <https://doi.org/10.1198/016214501753382273>.
    "scad" Scad {
        /// How far the pull reaches, in units of alpha; the prox is unique for steps below a − 1.
        a = 3.7 in 2.001 => 1e12,
    }
}

impl Separable for Scad {
    const OFFERS: Offers = Offers { convex: false, ..Offers::CONVEX };
    fn value<N: Real>(s: Scad<N>, x: N) -> N {
        Self::weighted(s, x, N::lit(1.0))
    }
    fn prox<N: Real>(s: Scad<N>, x: N, step: N) -> N {
        Self::weighted_prox(s, x, step, N::lit(1.0), N::lit(1.0))
    }
    /// With m what |x| has beyond alpha, at most (a − 1) alpha: alpha·|x| − ½ m²/(a − 1) up to the end of the bent part.
    fn weighted<N: Real>(s: Scad<N>, x: N, weight: N) -> N {
        let size = x.abs().min(s.a * weight);
        let m = (size - weight).max(N::lit(0.0));
        weight * size - N::lit(0.5) * m.square() / (s.a - N::lit(1.0))
    }
    /// Of the best of each of the three parts the best.
    fn weighted_prox<N: Real>(s: Scad<N>, x: N, step: N, weight: N, scale: N) -> N {
        let step = step * scale * scale;
        let (size, zero, one) = (x.abs(), N::lit(0.0), N::lit(1.0));
        let cost = |u: N| step * Self::weighted(s, u, weight) + N::lit(0.5) * (u - size).square();
        let better = |a: N, b: N| (cost(a) - cost(b)).positive(b, a);
        let near = (size - step * weight).max(zero).min(weight);
        let bent = (s.a - one - step).max(N::lit(1e-300));
        let middle = ((s.a - one) * size - s.a * step * weight) / bent;
        let middle = middle.clamp(weight, s.a * weight);
        x.sign() * better(better(near, middle), size.max(s.a * weight))
    }
}
