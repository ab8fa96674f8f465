use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls by `factor` after every so many steps: factor^⌊(k − 1) / every⌋ at step k.
    ///
    /// The steps of `torch.optim.lr_scheduler.StepLR`.
    "step" Step {
        /// Steps between two falls.
        every = 30 in 1 => f64::MAX,
        /// What the rate is multiplied by each time.
        factor = 0.1 in 0.0 => f64::MAX,
    }
}

impl Rate for Step {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: Step<N>, done: N, step: N, _: [N; 0]) -> N {
        let _ = done;
        s.factor.pow(((step - N::lit(1.0)) / s.every).floor())
    }
}
