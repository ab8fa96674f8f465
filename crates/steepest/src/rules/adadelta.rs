use crate::numbers::real::Real;
use crate::rule::{At, Rule};

crate::settings! {
    /// Adadelta: the gradient over its root mean square, times the root mean square of the changes so far, so that the
    /// step has the parameter's own unit. v ← decay·v + (1 − decay)·g²; d = g·√(u + epsilon) / √(v + epsilon);
    /// u ← decay·u + (1 − decay)·d²; x ← x − rate·d.
    ///
    /// Zeiler 2012, <https://arxiv.org/abs/1212.5701>.
    "adadelta" Adadelta {
        /// How much of the mean squares is kept at each step.
        square_decay = 0.9 in 0.0 => 0.999999999,
        /// Added to both mean squares; the first steps are of about its root.
        epsilon = 1e-6 in 0.0 => 1.0,
        /// Pull towards 0: what is added to the gradient, as a multiple of the parameter.
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

impl Rule<2, 5> for Adadelta {
    const MEMORY: [&str; 2] = ["square", "moved"];
    const SCALARS: [&str; 5] = ["keep", "new_square", "length", "still", "decay"];
    const RATE: f64 = 1.0;

    fn scalars<N: Real>(rule: Adadelta<N>, at: At<N>) -> [N; 5] {
        let new = N::lit(1.0) - rule.square_decay;
        [rule.square_decay, new, at.rate, rule.epsilon, rule.weight_decay]
    }
    #[inline(always)]
    fn element<N: Real>(
        [keep, new, length, still, decay]: [N; 5],
        x: N,
        g: N,
        [v, u]: [N; 2],
    ) -> (N, [N; 2]) {
        let g = g + decay * x;
        let v = keep * v + new * (g * g);
        let d = (u + still).sqrt() / (v + still).sqrt() * g;
        (-(length * d), [v, keep * u + new * (d * d)])
    }
}
