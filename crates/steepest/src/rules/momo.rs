use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// Momentum that finds its rate: the step along the mean gradient d that would bring a model of the loss (an average
    /// of the tangents seen) down to `bound`, never more than the rate:
    /// τ = min(rate, (f̄ + ⟨d, x⟩ − γ − bound)₊ / ‖d‖²), f̄ and γ the averages of f and ⟨g, x⟩.
    /// With weight decay the whole step is divided by 1 + rate·weight_decay, as in the paper; optax divides x alone.
    ///
    /// Schaipp, Ohana, Eickenberg, Defazio and Gower 2023, <https://arxiv.org/abs/2305.07583>.
    "momo" Momo {
        /// How much of the mean gradient is kept at each step.
        mean_decay = 0.9 in 0.0 => 0.999999999,
        /// Pull towards 0, taken at the end of the step: x is divided by 1 + rate·weight_decay.
        weight_decay = 0.0 in 0.0 => f64::MAX,
        /// The least value that the loss can have.
        bound = 0.0 in f64::MIN => f64::MAX,
    }
}

impl Rule<1, 3, 3, 2> for Momo {
    const MEMORY: [&str; 1] = ["mean"];
    const SCALARS: [&str; 3] = ["new_mean", "length", "keep"];
    const SUMS: [&str; 3] = ["g_x", "d_x", "d_d"];
    const STATE: [&str; 2] = ["mean_value", "mean_g_x"];
    const SCOPE: Scope = Scope::All;
    const RATE: f64 = 1.0;
    const TUNES_ITSELF: bool = true;
    const VALUE: bool = true;

    fn scalars<N: Real>(rule: Momo<N>, at: At<N, 2>) -> [N; 3] {
        let one = N::lit(1.0);
        // The averages begin with the first.
        let new = (N::lit(1.5) - at.step).positive(one, one - rule.mean_decay);
        [new, at.rate, one / (one + at.rate * rule.weight_decay)]
    }
    #[inline(always)]
    fn terms<N: Real>([new, ..]: [N; 3], x: N, g: N, [m]: [N; 1]) -> [N; 3] {
        let d = m + new * (g - m);
        [g * x, d * x, d * d]
    }
    fn settle<N: Real>(
        rule: Momo<N>,
        at: At<N, 2>,
        [new, length, keep]: [N; 3],
        [gx, dx, dd]: [N; 3],
    ) -> ([N; 3], [N; 2]) {
        let zero = N::lit(0.0);
        let [f, c] = at.state;
        let (f, c) = (f + new * (at.value - f), c + new * (gx - c));
        let gap = ((f - c - rule.bound) / keep + dx).max(zero);
        let polyak = dd.positive(gap / dd, zero);
        ([new, length.min(polyak), keep], [f, c])
    }
    #[inline(always)]
    fn element<N: Real>([new, length, keep]: [N; 3], x: N, g: N, [m]: [N; 1]) -> (N, [N; 1]) {
        let m = m + new * (g - m);
        (-(keep * length * m) - (N::lit(1.0) - keep) * x, [m])
    }
}
