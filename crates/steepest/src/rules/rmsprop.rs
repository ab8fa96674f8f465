use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// RMSprop: the gradient over its root mean square, of fading memory; centred, over its standard deviation; with a
    /// velocity, where `momentum` is above 0.
    /// A mean square less a squared mean that rounding made negative counts as 0 (torch's is NaN then).
    ///
    /// Tieleman and Hinton 2012, lecture 6e; centred: Graves 2013, <https://arxiv.org/abs/1308.0850>.
    "rmsprop" Rmsprop {
        /// How much of the mean squared gradient is kept at each step.
        square_decay = 0.99 in 0.0 => 0.999999999,
        /// How much of the velocity is kept at each step.
        momentum = 0.0 in 0.0 => 1.0,
        /// Divide by the standard deviation of the gradient.
        centred = 0 in 0 => 1,
        /// Added to the root mean square, so that a still coordinate does not divide by zero.
        epsilon = 1e-8 in 0.0 => 1.0,
        /// Pull towards 0: what is added to the gradient, as a multiple of the parameter.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<3, 7> for Rmsprop {
    const MEMORY: [&str; 3] = ["square", "mean", "velocity"];
    const SCALARS: [&str; 7] = ["new_square", "less", "fade", "length", "still", "decay", "lag"];
    const RATE: f64 = 1e-2;

    fn scalars<N: Real>(rule: Rmsprop<N>, at: At<N>) -> [N; 7] {
        let one = N::lit(1.0);
        let new = one - rule.square_decay;
        [
            new,
            rule.centred,
            rule.momentum,
            at.rate,
            rule.epsilon,
            rule.weight_decay,
            rule.square_decay,
        ]
    }
    #[inline(always)]
    fn element<N: Real>(
        [new, less, fade, length, still, decay, lag]: [N; 7],
        x: N,
        g: N,
        [v, m, velocity]: [N; 3],
    ) -> (N, [N; 3]) {
        let g = g + decay * x;
        let v = lag * v + new * (g * g);
        let m = m + new * (g - m);
        let spread = (v - less * (m * m)).max(N::lit(0.0)).sqrt() + still;
        let velocity = fade * velocity + g / spread;
        (-(length * velocity), [v, m, velocity])
    }
}
