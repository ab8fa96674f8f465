use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// Absolute values rounded off at 0 (Huber's function): x²/(2 width) where |x| ≤ width, |x| − width/2 beyond. Large
    /// coefficients are pulled as by `l1`, small ones as by `l2`; none is exactly 0, and it has a gradient everywhere.
    ///
    /// Huber 1964, <https://doi.org/10.1214/aoms/1177703732>.
    "smooth_l1" SmoothL1 {
        /// Up to which size it is a square.
        width = 1.0 in 1e-100 => 1e100,
    }
}

impl Separable for SmoothL1 {
    const OFFERS: Offers = Offers { smooth: true, ..Offers::CONVEX };
    fn value<N: Real>(s: SmoothL1<N>, x: N) -> N {
        let near = x.abs().min(s.width);
        x.abs() - near + N::lit(0.5) * near * (near / s.width)
    }
    /// A square shrinks by a factor, absolute values by a step; which it is shows where it ends.
    fn prox<N: Real>(s: SmoothL1<N>, x: N, step: N) -> N {
        let pull = (x.abs() / (s.width + step)).min(N::lit(1.0));
        x - x.sign() * (step * pull)
    }
}
