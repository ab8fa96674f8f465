use crate::loss::Loss;
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;

crate::settings! {
    /// Half the deviance of amounts above 0 whose variance is the cube of their mean, the margin its logarithm: with
    /// d = margin − ln(target), (e^(−d) − 1)² / (2 target); 0 where the mean is the target. It is not convex where the
    /// mean is more than twice the target: what is found is where it is level, and nothing is proved.
    ///
    /// Tweedie 1957, <https://doi.org/10.1214/aoms/1177706964>.
    "inverse_gaussian" InverseGaussian {}
}

impl Loss for InverseGaussian {
    #[inline(always)]
    fn value<N: Real>(_: InverseGaussian<N>, target: N, margin: N) -> N {
        N::lit(0.5) * (target.ln() - margin).exp_m1().square() / target
    }
    /// By hand: the slope keeps its digits.
    #[inline(always)]
    fn jet<N: Real>(_: InverseGaussian<Jet<N>>, target: N, margin: N) -> Jet<N> {
        let d = target.ln() - margin;
        let (e, off) = (d.exp(), d.exp_m1());
        Jet {
            value: N::lit(0.5) * off.square() / target,
            first: -(off * e) / target,
            second: e * (e + off) / target,
        }
    }
    fn convex(_: &Self) -> bool {
        false
    }
    fn mean(_: &Self, margin: f64) -> f64 {
        Real::exp(margin)
    }
    fn refuses(_: &Self, target: f64) -> Option<&'static str> {
        (target <= 0.0).then_some("inverse_gaussian needs targets above 0")
    }
}
