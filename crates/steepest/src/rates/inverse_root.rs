use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls with the square root of the step's number, (step / hold)^−½ after the first `hold` steps: needs no
    /// budget, and with it stochastic gradient descent converges.
    ///
    /// Nemirovski, Juditsky, Lan and Shapiro 2009, <https://doi.org/10.1137/070704277>.
    "inverse_root" InverseRoot {
        /// Steps at the full rate.
        hold = 1.0 in 1.0 => f64::MAX,
    }
}

impl Rate for InverseRoot {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: InverseRoot<N>, _: N, step: N, _: [N; 0]) -> N {
        (s.hold / step.max(s.hold)).sqrt()
    }
}
