use crate::loss::{KINKS, Kink, Loss};
use crate::numbers::real::Real;

crate::settings! {
    /// Two classes, targets 0 and 1, kept apart by a margin of 1: max(0, 1 − s·margin)², s being −1 for target 0 and 1
    /// for target 1. It grows with the square of what is missing, so that it has a slope everywhere.
    ///
    /// Chang, Hsieh and Lin 2008, <https://www.jmlr.org/papers/v9/chang08a.html>.
    "squared_hinge" SquaredHinge {}
}

/// −1 for target 0, 1 for target 1.
#[inline(always)]
pub(super) fn side<N: Real>(target: N) -> N {
    N::lit(2.0) * target - N::lit(1.0)
}

/// D*(u) where the loss is max(0, 1 − q)² at q = s·margin, its slopes −v·s there, 0 ≤ v ≤ `most`, and u is −s·by.
pub(super) fn conjugate(q: f64, most: f64, by: f64) -> f64 {
    let v = (2.0 * (1.0 - q)).clamp(0.0, most);
    if by == 0.0 {
        0.0
    } else if v + by >= 0.0 && v + by <= most {
        0.25 * by * by - by * (1.0 - q - 0.5 * v)
    } else {
        f64::INFINITY
    }
}

impl Loss for SquaredHinge {
    const RARE: bool = true;
    const CLASSES: bool = true;
    const PROBABILITIES: bool = false;
    const HALF_SQUARES: bool = true;
    #[inline(always)]
    fn value<N: Real>(_: SquaredHinge<N>, target: N, margin: N) -> N {
        (N::lit(1.0) - side(target) * margin).max(N::lit(0.0)).square()
    }
    fn conjugate_distance(_: &Self, target: f64, margin: f64, u: f64) -> f64 {
        let s = side(target);
        conjugate(s * margin, f64::INFINITY, -s * u)
    }
    fn conjugate_edge(_: &Self, target: f64, margin: f64, sign: f64) -> f64 {
        let s = side(target);
        if s * sign > 0.0 { 2.0 * (1.0 - s * margin).max(0.0) } else { f64::INFINITY }
    }
    fn kinks(_: &Self, target: f64) -> [Kink; KINKS] {
        let s = side(target);
        [Kink { at: s, down: s.max(0.0), up: (-s).max(0.0) }, Kink::default()]
    }
    fn refuses(_: &Self, target: f64) -> Option<&'static str> {
        (target != 0.0 && target != 1.0).then_some("squared_hinge needs targets 0 and 1")
    }
}
