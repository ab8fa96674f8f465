use crate::numbers::real::Real;
use crate::rate::Rate;

crate::settings! {
    /// Falls as a power of what is left of the run, from 1 to `end`: end + (1 − end)·(1 − done)^power.
    ///
    /// `torch.optim.lr_scheduler.PolynomialLR`; optax's `polynomial_schedule`.
    "polynomial" Polynomial {
        /// The power; 1 is a straight line.
        power = 2.0 in 0.0 => 1000.0,
        /// The factor that the run ends at.
        end = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rate for Polynomial {
    const STATE: [&str; 0] = [];

    fn factor<N: Real>(s: Polynomial<N>, done: N, step: N, _: [N; 0]) -> N {
        let _ = step;
        let one = N::lit(1.0);
        s.end + (one - s.end) * (one - done).pow(s.power)
    }
}
