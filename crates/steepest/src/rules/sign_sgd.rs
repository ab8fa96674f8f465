use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Sign descent: every coordinate moves by the rate against the sign of its gradient, however large that is.
    ///
    /// Bernstein, Wang, Azizzadenesheli and Anandkumar 2018, <https://arxiv.org/abs/1802.04434>.
    "sign_sgd" SignSgd {
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<0, 2> for SignSgd {
    const MEMORY: [&str; 0] = [];
    const SCALARS: [&str; 2] = ["length", "decay"];

    fn scalars<N: Real>(rule: SignSgd<N>, at: At<N>) -> [N; 2] {
        [at.rate, at.rate * rule.weight_decay]
    }
    #[inline(always)]
    fn element<N: Real>([length, decay]: [N; 2], x: N, g: N, _: [N; 0]) -> (N, [N; 0]) {
        (-(length * g.sign()) - decay * x, [])
    }
}
