use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule, Scope};

crate::settings! {
    /// Mechanic: finds what to multiply the steps of the rule before it by. Where it stands is x₀ + s·Δ, Δ the sum of
    /// those steps and s set by betting on ⟨g, Δ⟩, with six memories of 1 to 6 digits. Stands after another rule, whose
    /// rate then hardly matters. The short form, as in optax: Δ is taken from where x is.
    ///
    /// Cutkosky, Defazio and Mehta 2023, <https://arxiv.org/abs/2306.00144>.
    "mechanic" Mechanic {
        /// The first multiple.
        start = 1e-6 in 1e-300 => f64::MAX,
        /// Added to what is divided by.
        epsilon = 1e-8 in 1e-300 => 1.0,
        /// Pull towards 0 within the bets, against the sizes of gradient and parameter.
        weight_decay = 0.01 in 0.0 => f64::MAX,
    }
}

/// Bets: each keeps 1 − 10⁻ᵏ of what it knows at each step.
const BETS: usize = 6;

impl Rule<1, 4, 4, 24> for Mechanic {
    const MEMORY: [&str; 1] = ["origin"];
    const SCALARS: [&str; 4] = ["begin", "inverse", "times", "least"];
    const SUMS: [&str; 4] = ["g_d", "x_d", "g_g", "x_x"];
    const STATE: [&str; 24] = [
        "won_1",
        "won_2",
        "won_3",
        "won_4",
        "won_5",
        "won_6",
        "most_1",
        "most_2",
        "most_3",
        "most_4",
        "most_5",
        "most_6",
        "squares_1",
        "squares_2",
        "squares_3",
        "squares_4",
        "squares_5",
        "squares_6",
        "times_1",
        "times_2",
        "times_3",
        "times_4",
        "times_5",
        "times_6",
    ];
    const SCOPE: Scope = Scope::All;
    const KIND: Kind = Kind::Change;
    const ABSOLUTE: bool = true;

    fn scalars<N: Real>(rule: Mechanic<N>, at: At<N, 24>) -> [N; 4] {
        let [zero, one] = [0.0, 1.0].map(N::lit);
        let begin = (N::lit(1.5) - at.step).positive(one, zero);
        [begin, one / (times(rule, at) + rule.epsilon), zero, rule.epsilon]
    }
    #[inline(always)]
    fn terms<N: Real>([begin, inverse, ..]: [N; 4], x: N, g: N, [from]: [N; 1]) -> [N; 4] {
        let from = from + begin * (x - from);
        let delta = (from - x) * inverse;
        [g * delta, x * delta, g * g, x * x]
    }
    fn settle<N: Real>(
        rule: Mechanic<N>,
        at: At<N, 24>,
        [begin, inverse, _, least]: [N; 4],
        [gd, xd, gg, xx]: [N; 4],
    ) -> ([N; 4], [N; 24]) {
        let zero = N::lit(0.0);
        let share = N::lit(1.0 / BETS as f64);
        let pull = rule.weight_decay * times(rule, at) * gg.sqrt() / (xx.sqrt() + rule.epsilon);
        let h = gd + pull * xd;
        let (mut state, mut sum) = ([zero; 24], zero);
        for k in 0..BETS {
            let keep = N::lit(1.0 - 0.1f64.powi(k as i32 + 1));
            let [won, most, squares, s] = bet(rule, at, k);
            let held = h.max(-most).min(most);
            let most = (keep * most).max(h.abs() + rule.epsilon);
            let squares = keep.square() * squares + h.square();
            let won = keep * won + held * s;
            let wealth = rule.start * share * most + won.max(zero);
            let s = wealth / (squares.sqrt() + rule.epsilon);
            (state[k], state[BETS + k], state[2 * BETS + k], state[3 * BETS + k]) =
                (won, most, squares, s);
            sum = sum + s;
        }
        ([begin, inverse, sum, least], state)
    }
    #[inline(always)]
    fn element<N: Real>(
        [begin, inverse, times, _]: [N; 4],
        x: N,
        change: N,
        [from]: [N; 1],
    ) -> (N, [N; 1]) {
        let from = from + begin * (x - from);
        (from - times * ((from - x) * inverse - change), [from])
    }
}

/// A bet's numbers: won, most, squares, times.
fn bet<N: Real>(rule: Mechanic<N>, at: At<N, 24>, k: usize) -> [N; 4] {
    let [won, most, squares, times] = [0, 1, 2, 3].map(|part| at.state[part * BETS + k]);
    [won, most, squares, (N::lit(1.5) - at.step).positive(rule.start, times)]
}

/// The sum of what the bets multiply by.
fn times<N: Real>(rule: Mechanic<N>, at: At<N, 24>) -> N {
    (0..BETS).fold(N::lit(0.0), |sum, k| sum + bet(rule, at, k)[3])
}
