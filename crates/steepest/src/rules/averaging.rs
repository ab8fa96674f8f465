use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule};

crate::settings! {
    /// The plain average of the points that the rule before it goes through after its first `start` steps (Polyak and
    /// Ruppert's). The rule goes on as without it; the average is what is shown and returned. Stands after another rule.
    ///
    /// Polyak and Juditsky 1992, <https://doi.org/10.1137/0330046>.
    "averaging" Averaging {
        /// Steps before the average begins.
        start = 0 in 0 => f64::MAX,
    }
}

impl Rule<1, 1> for Averaging {
    const MEMORY: [&str; 1] = ["average"];
    const SCALARS: [&str; 1] = ["part"];
    const KIND: Kind = Kind::Change;
    const SHOWN: bool = true;

    fn scalars<N: Real>(rule: Averaging<N>, at: At<N>) -> [N; 1] {
        let one = N::lit(1.0);
        [one / (at.step - rule.start).max(one)]
    }
    #[inline(always)]
    fn element<N: Real>([part]: [N; 1], x: N, change: N, [a]: [N; 1]) -> (N, [N; 1]) {
        (change, [a + part * (x + change - a)])
    }
    #[inline(always)]
    fn shown<N: Real>(_: [N; 1], _: N, [a]: [N; 1]) -> N {
        a
    }
}
