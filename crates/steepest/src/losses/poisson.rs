use crate::loss::{Loss, entropy};
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;

crate::settings! {
    /// Half the deviance of counts whose logarithmic mean is the margin:
    /// e^margin − target·margin − target + target·ln(target), 0 where the mean is the target.
    ///
    /// Nelder and Wedderburn 1972, <https://doi.org/10.2307/2344614>.
    "poisson" Poisson {}
}

/// The margin of the target itself; in place of ln 0 a number whose reciprocal's square is finite in f32.
#[inline(always)]
fn own<N: Real>(target: N) -> N {
    target.max(N::lit(1e-18)).ln()
}

impl Loss for Poisson {
    const RARE: bool = true;
    /// With d = margin − ln(target): target·(e^d − 1 − d), which keeps its digits where the fit is close.
    #[inline(always)]
    fn value<N: Real>(_: Poisson<N>, target: N, margin: N) -> N {
        let d = margin - own(target);
        let close = (target * (d.exp_m1() - d)).max(N::lit(0.0));
        target.positive(close, margin.exp())
    }
    /// By hand: the slope keeps its digits too.
    #[inline(always)]
    fn jet<N: Real>(_: Poisson<Jet<N>>, target: N, margin: N) -> Jet<N> {
        let (d, mean) = (margin - own(target), margin.exp());
        let off = d.exp_m1();
        Jet {
            value: target.positive((target * (off - d)).max(N::lit(0.0)), mean),
            first: target.positive(target * off, mean),
            second: mean,
        }
    }
    /// μ·((1 + s) ln(1 + s) − s) with μ = e^margin and s = u / μ.
    fn conjugate_distance(_: &Self, _: f64, margin: f64, u: f64) -> f64 {
        let mean = Real::exp(margin);
        if mean > 0.0 {
            return mean * entropy(u / mean);
        }
        if u == 0.0 { 0.0 } else { f64::INFINITY }
    }
    fn conjugate_edge(_: &Self, _: f64, margin: f64, sign: f64) -> f64 {
        if sign > 0.0 { f64::INFINITY } else { Real::exp(margin) }
    }
    fn mean(_: &Self, margin: f64) -> f64 {
        Real::exp(margin)
    }
    fn settled(target: f64, margin: f64) -> bool {
        target == 0.0 && margin < 0.0
    }
    fn refuses(_: &Self, target: f64) -> Option<&'static str> {
        (target < 0.0).then_some("poisson needs targets of at least 0")
    }
}
