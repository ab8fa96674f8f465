use crate::numbers::real::Real;
use crate::penalty::{Offers, Separable};

crate::settings! {
    /// Half the sum of squares, ½ ‖x‖² (ridge): shrinks all coordinates, none to exactly 0.
    ///
    /// Hoerl and Kennard 1970, <https://doi.org/10.1080/00401706.1970.10488634>.
    "l2" L2 {}
}

impl Separable for L2 {
    const OFFERS: Offers = Offers { smooth: true, quadratic: true, pieces: true, ..Offers::CONVEX };
    fn value<N: Real>(_: L2<N>, x: N) -> N {
        N::lit(0.5) * x.square()
    }
    fn prox<N: Real>(_: L2<N>, x: N, step: N) -> N {
        x / (N::lit(1.0) + step)
    }
}
