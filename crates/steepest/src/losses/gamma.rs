use crate::loss::{Loss, entropy};
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;

crate::settings! {
    /// Half the deviance of amounts above 0 whose spread grows with their mean, the margin its logarithm: with
    /// d = margin − ln(target), e^(−d) − 1 + d; 0 where the mean is the target.
    ///
    /// Nelder and Wedderburn 1972, <https://doi.org/10.2307/2344614>.
    "gamma" Gamma {}
}

impl Loss for Gamma {
    #[inline(always)]
    fn value<N: Real>(_: Gamma<N>, target: N, margin: N) -> N {
        let d = margin - target.ln();
        ((-d).exp_m1() + d).max(N::lit(0.0))
    }
    /// By hand: the slope keeps its digits.
    #[inline(always)]
    fn jet<N: Real>(_: Gamma<Jet<N>>, target: N, margin: N) -> Jet<N> {
        let d = margin - target.ln();
        let off = (-d).exp_m1();
        Jet { value: (off + d).max(N::lit(0.0)), first: -off, second: (-d).exp() }
    }
    /// r·((1 + s) ln(1 + s) − s) with r = target / mean and s = −u / r.
    fn conjugate_distance(_: &Self, target: f64, margin: f64, u: f64) -> f64 {
        let ratio = Real::exp(Real::ln(target) - margin);
        if ratio > 0.0 {
            return ratio * entropy(-u / ratio);
        }
        if u == 0.0 { 0.0 } else { f64::INFINITY }
    }
    fn conjugate_edge(_: &Self, target: f64, margin: f64, sign: f64) -> f64 {
        if sign > 0.0 { Real::exp(Real::ln(target) - margin) } else { f64::INFINITY }
    }
    fn mean(_: &Self, margin: f64) -> f64 {
        Real::exp(margin)
    }
    fn refuses(_: &Self, target: f64) -> Option<&'static str> {
        (target <= 0.0).then_some("gamma needs targets above 0")
    }
}
