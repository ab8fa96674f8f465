use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// The same rate all along.
    "constant" Constant {}
}

impl Rate for Constant {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(_: Constant<N>, _: N, _: N, _: [N; 0]) -> N {
        N::lit(1.0)
    }
}
