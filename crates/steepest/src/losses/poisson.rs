use crate::loss::Loss;
use crate::real::Real;

crate::settings! {
    /// Half the deviance of counts whose logarithmic mean is the margin:
    /// e^margin − target·margin − target + target·ln(target), 0 where the mean is the target.
    ///
    /// Nelder and Wedderburn 1972, <https://doi.org/10.2307/2344614>.
    "poisson" Poisson {}
}

impl Loss for Poisson {
    const RARE: bool = true;
    #[inline(always)]
    fn value<N: Real>(_: Poisson<N>, target: N, margin: N) -> N {
        // 0·ln 0 is 0: inside the logarithm a number stands for 0 whose reciprocal's square is finite in f32.
        let least = target * target.max(N::lit(1e-18)).ln() - target;
        margin.exp() - target * margin + least
    }
    fn refuses(target: f64) -> Option<&'static str> {
        (target < 0.0).then_some("poisson needs targets of at least 0")
    }
}
