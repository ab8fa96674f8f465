use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Rises in a straight line over the first `steps`, from `start` to 1, and stays: by itself, or as the first of joined
    /// pieces. Adam's mean squares are of few gradients then, and large steps may do lasting harm.
    ///
    /// `torch.optim.lr_scheduler.LinearLR`; Goyal, Dollár, Girshick et al. 2017, <https://arxiv.org/abs/1706.02677>.
    "warm_up" WarmUp {
        /// Steps until the full rate.
        steps = 100 in 1 => f64::MAX,
        /// The factor that it starts from.
        start = 0.01 in 0.0 => 1.0,
    }
}

impl Rate for WarmUp {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: WarmUp<N>, done: N, step: N, _: [N; 0]) -> N {
        let _ = done;
        let one = N::lit(1.0);
        s.start + (one - s.start) * ((step - one) / s.steps).min(one)
    }
}
