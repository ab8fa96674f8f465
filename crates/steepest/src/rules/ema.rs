use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule};

crate::settings! {
    /// An average of fading memory of the points that the rule before it goes through: a ← decay·a + (1 − decay)·x. It
    /// begins with the first point after a step, so that nothing need be corrected. The rule goes on as without it; the
    /// average is what is shown and returned. Stands after another rule.
    ///
    /// As `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`; Morales-Brotons, Vogels and Hendrikx 2024,
    /// <https://arxiv.org/abs/2411.18704>.
    "ema" Ema {
        /// How much of the average is kept at each step.
        decay = 0.999 in 0.0 => 0.999999999,
    }
}

impl Rule<1, 1> for Ema {
    const MEMORY: [&str; 1] = ["average"];
    const SCALARS: [&str; 1] = ["part"];
    const KIND: Kind = Kind::Change;
    const SHOWN: bool = true;

    fn scalars<N: Real>(rule: Ema<N>, at: At<N>) -> [N; 1] {
        let one = N::lit(1.0);
        [(N::lit(1.5) - at.step).positive(one, one - rule.decay)]
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
