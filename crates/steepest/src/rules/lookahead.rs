use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule};

crate::settings! {
    /// Lookahead: after every so many steps of the rule before it, slow weights go a share of the way to where it is, and
    /// it goes on from there. Its own memories stay as they are. Stands after another rule.
    ///
    /// Zhang, Lucas, Hinton and Ba 2019, <https://arxiv.org/abs/1907.08610>.
    "lookahead" Lookahead {
        /// Steps between two.
        every = 6 in 1 => f64::MAX,
        /// The share of the way that the slow weights go.
        share = 0.5 in 0.0 => 1.0,
    }
}

impl Rule<1, 3> for Lookahead {
    const MEMORY: [&str; 1] = ["slow"];
    const SCALARS: [&str; 3] = ["begin", "due", "part"];
    const KIND: Kind = Kind::Change;
    const ABSOLUTE: bool = true;

    fn scalars<N: Real>(rule: Lookahead<N>, at: At<N>) -> [N; 3] {
        let [zero, half, one] = [0.0, 0.5, 1.0].map(N::lit);
        let over = at.step - rule.every * (at.step / rule.every).floor();
        [(N::lit(1.5) - at.step).positive(one, zero), (half - over).positive(one, zero), rule.share]
    }
    #[inline(always)]
    fn element<N: Real>(
        [begin, due, part]: [N; 3],
        x: N,
        change: N,
        [slow]: [N; 1],
    ) -> (N, [N; 1]) {
        let slow = slow + begin * (x - slow);
        let to = x + change;
        let slow = slow + due * part * (to - slow);
        (due.positive(slow, to), [slow])
    }
}
