use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls by `factor` after each of up to four numbers of steps; 0 is none. For more, or for falls that differ, join
    /// pieces.
    ///
    /// The steps of `torch.optim.lr_scheduler.MultiStepLR`.
    "multi_step" MultiStep {
        /// Steps before the first fall.
        first = 30 in 0 => f64::MAX,
        /// Steps before the second fall.
        second = 60 in 0 => f64::MAX,
        /// Steps before the third fall.
        third = 0 in 0 => f64::MAX,
        /// Steps before the fourth fall.
        fourth = 0 in 0 => f64::MAX,
        /// What the rate is multiplied by each time.
        factor = 0.1 in 0.0 => f64::MAX,
    }
}

impl Rate for MultiStep {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: MultiStep<N>, done: N, step: N, _: [N; 0]) -> N {
        let _ = done;
        let [zero, one, half] = [0.0, 1.0, 0.5].map(N::lit);
        let falls = [s.first, s.second, s.third, s.fourth].into_iter().fold(zero, |falls, at| {
            let behind = (step - half - at).positive(one, zero);
            falls + at.positive(behind, zero)
        });
        s.factor.pow(falls)
    }
}
