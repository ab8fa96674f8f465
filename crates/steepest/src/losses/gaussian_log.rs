use crate::loss::Loss;
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;

crate::settings! {
    /// Half the squared error where the margin is the mean's logarithm, ½ (e^margin − target)²: effects multiply, and the
    /// spread about them does not grow. It is not convex where the mean is less than half the target: what is found is
    /// where it is level, and nothing is proved.
    ///
    /// Nelder and Wedderburn 1972, <https://doi.org/10.2307/2344614>.
    "gaussian_log" GaussianLog {}
}

impl Loss for GaussianLog {
    #[inline(always)]
    fn value<N: Real>(_: GaussianLog<N>, target: N, margin: N) -> N {
        N::lit(0.5) * (margin.exp() - target).square()
    }
    /// By hand: one exponential.
    #[inline(always)]
    fn jet<N: Real>(_: GaussianLog<Jet<N>>, target: N, margin: N) -> Jet<N> {
        let mean = margin.exp();
        let off = mean - target;
        Jet { value: N::lit(0.5) * off.square(), first: off * mean, second: mean * (mean + off) }
    }
    fn convex(_: &Self) -> bool {
        false
    }
    fn mean(_: &Self, margin: f64) -> f64 {
        Real::exp(margin)
    }
}
