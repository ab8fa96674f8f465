use crate::linalg::matrix::Matrix;
use crate::numbers::real::Real;
use crate::rule::{At, Extent, Rule, Scope};

crate::settings! {
    /// Adafactor: RMSprop whose memory of a matrix is a number a row and a number a column, their product over the mean
    /// in the place of the mean square; the step is scaled to the size of the tensor and cut where it is unusual. What is
    /// not a matrix has a mean square as long as itself.
    /// As `torch.optim.Adafactor`, of which tensors of more than two axes are factored too; `epsilon` has float32's size.
    ///
    /// Shazeer and Stern 2018, <https://arxiv.org/abs/1804.04235>.
    "adafactor" Adafactor {
        /// How fast the share of the newest square falls: with the step's number to this power.
        decay = 0.8 in 0.0 => 1.0,
        /// The least root mean square that is divided by.
        epsilon = 1.1920928955078125e-7 in 1e-150 => 1.0,
        /// The least size that a tensor counts as.
        least = 1e-3 in 0.0 => f64::MAX,
        /// The root mean square that a step is cut to.
        cut = 1.0 in 1e-300 => f64::MAX,
        /// Fraction of the parameter removed at each step, times the rate (decoupled).
        weight_decay = 0.0 in 0.0 => f64::MAX,
    }
}

/// How far to go along an update: by the tensor's size and how many numbers it has, and by the update's own length.
fn length<N: Real>(rule: Adafactor<N>, at_rate: N, step: N, x: N, u: N, count: N) -> N {
    let one = N::lit(1.0);
    let rate = at_rate.min(one / step.sqrt());
    let size = rule.least.max(x / count.sqrt());
    rate * size / (u / (count.sqrt() * rule.cut)).max(one)
}

impl Rule<1, 4, 3> for Adafactor {
    const MEMORY: [&str; 1] = ["square"];
    const SCALARS: [&str; 4] = ["new_square", "least_square", "length", "shrink"];
    const SUMS: [&str; 3] = ["x_x", "u_u", "entries"];
    const SCOPE: Scope = Scope::Tensor;
    const WHOLE: bool = true;
    const MATRIX_MEMORY: &'static [(&'static str, Extent)] =
        &[("row_squares", Extent::Rows), ("column_squares", Extent::Columns)];
    const RATE: f64 = 1e-2;

    fn scalars<N: Real>(rule: Adafactor<N>, at: At<N>) -> [N; 4] {
        let new = at.step.pow(-rule.decay);
        [new, rule.epsilon.square(), N::lit(0.0), at.rate * rule.weight_decay]
    }
    #[inline(always)]
    fn terms<N: Real>([new, least, ..]: [N; 4], x: N, g: N, [v]: [N; 1]) -> [N; 3] {
        let v = v + new * (g * g - v);
        [x * x, g * g / v.max(least), N::lit(1.0) + N::lit(0.0) * x]
    }
    fn settle<N: Real>(
        rule: Adafactor<N>,
        at: At<N>,
        [new, least, _, shrink]: [N; 4],
        [xx, uu, count]: [N; 3],
    ) -> ([N; 4], [N; 0]) {
        let one = N::lit(1.0);
        let length = length(rule, at.rate, at.step, xx.sqrt(), uu.sqrt(), count.max(one));
        ([new, least, length, shrink], [])
    }
    #[inline(always)]
    fn element<N: Real>(
        [new, least, length, shrink]: [N; 4],
        x: N,
        g: N,
        [v]: [N; 1],
    ) -> (N, [N; 1]) {
        let v = v + new * (g * g - v);
        (-(length * g / v.max(least).sqrt()) - shrink * x, [v])
    }
    fn matrix<A: Matrix>(
        rule: Adafactor<A::Number>,
        at: At<A::Number>,
        x: A,
        g: A,
        memory: &[A],
    ) -> (A, Vec<A>) {
        let one = A::Number::lit(1.0);
        let new = at.step.pow(-rule.decay);
        let squares = g.each(|g| g * g);
        let rows = memory[0].scale(one - new).add(&squares.row_means().scale(new));
        let columns = memory[1].scale(one - new).add(&squares.column_means().scale(new));
        let estimate = rows.matmul(&columns).scale(one / rows.mean().max(rule.epsilon));
        let least = A::entry(rule.epsilon.square());
        let u = g.pair(&estimate, |g, v| g / v.max(least).sqrt());
        let count = x.rows() * x.columns();
        let shrink = at.rate * rule.weight_decay;
        let length = length(rule, at.rate, at.step, x.norm(), u.norm(), count);
        let change = u.scale(-length).add(&x.scale(-shrink));
        (change, vec![rows, columns])
    }
}
