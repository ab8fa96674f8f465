use crate::numbers::real::Real;
use crate::rule::{At, Kind, Rule};

crate::settings! {
    /// Gradient noise: a normal number is added to each coordinate of the gradient, of variance eta / tᵞ at step t = 1, 2, …
    /// The numbers are a function of seed, step and place: a run that is stopped and goes on draws the same. Stands before
    /// another rule. As `optax.add_noise`; torch away from the CPU, and JAX, draw by generators of their own.
    ///
    /// Neelakantan et al. 2015, <https://arxiv.org/abs/1511.06807>.
    "gradient_noise" GradientNoise {
        /// The variance at the first step.
        eta = 0.01 in 0.0 => f64::MAX,
        /// How fast the variance falls: with the step's number to this power.
        gamma = 0.55 in 0.0 => 100.0,
        /// Another number, other noise.
        seed = 0 in 0.0 => 4294967295.0,
    }
}

impl Rule<1, 1> for GradientNoise {
    const MEMORY: [&str; 1] = ["normal"];
    const SCALARS: [&str; 1] = ["deviation"];
    const KIND: Kind = Kind::Gradient;
    const DRAWS: bool = true;

    fn scalars<N: Real>(rule: GradientNoise<N>, at: At<N>) -> [N; 1] {
        [(rule.eta * at.step.pow(-rule.gamma)).sqrt()]
    }
    #[inline(always)]
    fn element<N: Real>([deviation]: [N; 1], _: N, g: N, [normal]: [N; 1]) -> (N, [N; 1]) {
        (g + deviation * normal, [normal])
    }
}
