use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// D-Adaptation for Adam: the rate times an estimate d, from below, of how far the solution is; d never falls.
    /// dₖ₊₁ = max(dₖ, Σ λ·⟨g, s / √v⟩ / ‖s‖₁), s a fading sum of the steps' gradients.
    ///
    /// Defazio and Mishchenko 2023, <https://arxiv.org/abs/2301.07733>.
    "d_adaptation" DAdaptation {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.999 in 0.0 => 0.999999999,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// The first estimate.
        start = 1e-6 in 1e-300 => f64::MAX,
        /// Fraction of the parameter removed at each step, times the rate and the estimate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<3, 7, 2, 2> for DAdaptation {
    const MEMORY: [&str; 3] = ["mean", "square", "steps"];
    const SCALARS: [&str; 7] = ["keep", "new_square", "length", "still", "decay", "lag", "late"];
    const SUMS: [&str; 2] = ["g_s", "s_1"];
    const STATE: [&str; 2] = ["estimate", "numerator"];
    const SCOPE: Scope = Scope::All;
    const RATE: f64 = 1.0;
    const TUNES_ITSELF: bool = true;

    fn scalars<N: Real>(rule: DAdaptation<N>, at: At<N, 2>) -> [N; 7] {
        let one = N::lit(1.0);
        let (b1, b2) = (rule.mean_decay, rule.square_decay);
        let correction = (one - b2.pow(at.step)).sqrt() / (one - b1.pow(at.step));
        let rate = at.state[0].max(rule.start) * at.rate * correction;
        let lag = b2.sqrt();
        [b1, one - b2, rate, rule.epsilon, rate * rule.weight_decay, lag, one - b1]
    }
    #[inline(always)]
    fn terms<N: Real>(
        [_, _, length, still, _, lag, _]: [N; 7],
        _: N,
        g: N,
        [_, v, s]: [N; 3],
    ) -> [N; 2] {
        let next = lag * s + (N::lit(1.0) - lag) * length * g;
        let over = v.sqrt() + still;
        [over.positive(g * (s / over), N::lit(0.0)), next.abs()]
    }
    fn settle<N: Real>(
        rule: DAdaptation<N>,
        at: At<N, 2>,
        scalars: [N; 7],
        [gs, s1]: [N; 2],
    ) -> ([N; 7], [N; 2]) {
        let [_, _, length, _, _, lag, _] = scalars;
        let [estimate, numerator] = at.state;
        let new = N::lit(1.0) - lag;
        let numerator = lag * numerator + new * length * gs;
        let seen = s1.positive(numerator / (new * s1), N::lit(0.0));
        (scalars, [estimate.max(rule.start).max(seen), numerator])
    }
    #[inline(always)]
    fn element<N: Real>(
        [keep, new, length, still, decay, lag, late]: [N; 7],
        x: N,
        g: N,
        [m, v, s]: [N; 3],
    ) -> (N, [N; 3]) {
        let m = keep * m + late * length * g;
        let v = v + new * (g * g - v);
        let s = lag * s + (N::lit(1.0) - lag) * length * g;
        (-(m / (v.sqrt() + still)) - decay * x, [m, v, s])
    }
}
