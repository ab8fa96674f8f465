use crate::numbers::real::Real;
use crate::rule::{At, Rule, Scope};

crate::settings! {
    /// DoG, distance over gradients: the step is the farthest that it has been from where it began, over the root of the
    /// sum of all squared gradients. The rate multiplies it (1). Average the points for what the paper proves:
    /// `averaging` after it.
    ///
    /// Ivgi, Hinder and Carmon 2023, <https://arxiv.org/abs/2302.12022>.
    "dog" Dog {
        /// The first distance, as a share of 1 + ‖x₀‖.
        start = 1e-6 in 1e-300 => f64::MAX,
        /// Added to the sum of squares.
        epsilon = 1e-8 in 0.0 => 1.0,
    }
}

impl Rule<1, 2, 3, 2> for Dog {
    const MEMORY: [&str; 1] = ["origin"];
    const SCALARS: [&str; 2] = ["begin", "length"];
    const SUMS: [&str; 3] = ["d_d", "g_g", "x_x"];
    const STATE: [&str; 2] = ["distance", "squares"];
    const SCOPE: Scope = Scope::All;
    const RATE: f64 = 1.0;
    const TUNES_ITSELF: bool = true;

    fn scalars<N: Real>(_: Dog<N>, at: At<N, 2>) -> [N; 2] {
        [(N::lit(1.5) - at.step).positive(N::lit(1.0), N::lit(0.0)), N::lit(0.0)]
    }
    #[inline(always)]
    fn terms<N: Real>([begin, _]: [N; 2], x: N, g: N, [from]: [N; 1]) -> [N; 3] {
        let from = from + begin * (x - from);
        [(x - from).square(), g * g, x * x]
    }
    fn settle<N: Real>(
        rule: Dog<N>,
        at: At<N, 2>,
        [begin, _]: [N; 2],
        [dd, gg, xx]: [N; 3],
    ) -> ([N; 2], [N; 2]) {
        let [far, squares] = at.state;
        let first = begin * rule.start * (N::lit(1.0) + xx.sqrt());
        let (far, squares) = (far.max(first).max(dd.sqrt()), squares + gg);
        let over = (squares + rule.epsilon).sqrt();
        ([begin, at.rate * over.positive(far / over, N::lit(0.0))], [far, squares])
    }
    #[inline(always)]
    fn element<N: Real>([begin, length]: [N; 2], x: N, g: N, [from]: [N; 1]) -> (N, [N; 1]) {
        (-(length * g), [from + begin * (x - from)])
    }
}
