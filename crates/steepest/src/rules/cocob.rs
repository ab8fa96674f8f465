use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// COCOB, continuous coin betting: each coordinate bets on its gradient's sign with what it has won so far, and
    /// stands as far from where it began as the bet is high. Five memories; the rate multiplies the way (1).
    ///
    /// Orabona and Tommasi 2017, <https://arxiv.org/abs/1705.07795>.
    "cocob" Cocob {
        /// How careful the first bets are.
        caution = 100.0 in 0.0 => f64::MAX,
        /// The least that the largest gradient counts as.
        epsilon = 1e-8 in 1e-300 => 1.0,
    }
}

impl Rule<5, 4> for Cocob {
    const MEMORY: [&str; 5] = ["origin", "largest", "sizes", "reward", "bets"];
    const SCALARS: [&str; 4] = ["begin", "careful", "least", "length"];
    const RATE: f64 = 1.0;
    const TUNES_ITSELF: bool = true;

    fn scalars<N: Real>(rule: Cocob<N>, at: At<N>) -> [N; 4] {
        let begin = (N::lit(1.5) - at.step).positive(N::lit(1.0), N::lit(0.0));
        [begin, rule.caution, rule.epsilon, at.rate]
    }
    #[inline(always)]
    fn element<N: Real>(
        [begin, careful, least, length]: [N; 4],
        x: N,
        g: N,
        [from, most, sizes, reward, bets]: [N; 5],
    ) -> (N, [N; 5]) {
        let from = from + begin * (x - from);
        let most = most.max(g.abs()).max(least);
        let sizes = sizes + g.abs();
        let reward = (reward - g * (x - from)).max(N::lit(0.0));
        let bets = bets - g;
        let over = most * (sizes + most).max(careful * most);
        let to = from + bets / over * (most + reward);
        (length * (to - x), [from, most, sizes, reward, bets])
    }
}
