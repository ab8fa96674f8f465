use super::squared_hinge::{conjugate, side};
use crate::loss::Loss;
use crate::numbers::real::Real;

crate::settings! {
    /// Two classes, targets 0 and 1, kept apart by a margin of 1, outliers pulling with a bounded force: with
    /// q = s·margin, s being −1 for target 0 and 1 for target 1, max(0, 1 − q)² where q ≥ −1, and −4q beyond. The
    /// probability of class 1 is (1 + margin) / 2 between 0 and 1.
    ///
    /// Zhang 2004, <https://doi.org/10.1214/aos/1079120130>.
    "modified_huber" ModifiedHuber {}
}

impl Loss for ModifiedHuber {
    const RARE: bool = true;
    const CLASSES: bool = true;
    /// With c = 1 − q between 0 and 2: c·(2·max(0, 1 − q) − c).
    #[inline(always)]
    fn value<N: Real>(_: ModifiedHuber<N>, target: N, margin: N) -> N {
        let short = (N::lit(1.0) - side(target) * margin).max(N::lit(0.0));
        let c = short.min(N::lit(2.0));
        c * (N::lit(2.0) * short - c)
    }
    fn conjugate_distance(_: &Self, target: f64, margin: f64, u: f64) -> f64 {
        let s = side(target);
        conjugate(s * margin, 4.0, -s * u)
    }
    fn conjugate_edge(_: &Self, target: f64, margin: f64, sign: f64) -> f64 {
        let s = side(target);
        let v = (2.0 * (1.0 - s * margin)).clamp(0.0, 4.0);
        if s * sign > 0.0 { v } else { 4.0 - v }
    }
    fn mean(_: &Self, margin: f64) -> f64 {
        0.5 * (1.0 + margin.clamp(-1.0, 1.0))
    }
    fn refuses(_: &Self, target: f64) -> Option<&'static str> {
        (target != 0.0 && target != 1.0).then_some("modified_huber needs targets 0 and 1")
    }
}
