use super::squared_hinge::side;
use crate::loss::{Kink, Loss};
use crate::numbers::real::Real;

crate::settings! {
    /// Two classes, targets 0 and 1, kept apart by a margin of 1: max(0, 1 − s·margin), s being −1 for target 0 and 1 for
    /// target 1 (the support vector machine). It bends where the margin is 1, so it is for methods that know straight parts.
    ///
    /// Cortes and Vapnik 1995, <https://doi.org/10.1007/BF00994018>.
    "hinge" Hinge {}
}

impl Loss for Hinge {
    const RARE: bool = true;
    const CLASSES: bool = true;
    const PROBABILITIES: bool = false;
    const STRAIGHT: bool = true;
    #[inline(always)]
    fn value<N: Real>(_: Hinge<N>, target: N, margin: N) -> N {
        (N::lit(1.0) - side(target) * margin).max(N::lit(0.0))
    }
    fn kinks(_: &Self, target: f64) -> [Kink; 2] {
        let s = side(target);
        [Kink { at: s, down: s.max(0.0), up: (-s).max(0.0) }, Kink::default()]
    }
    fn refuses(_: &Self, target: f64) -> Option<&'static str> {
        (target != 0.0 && target != 1.0).then_some("hinge needs targets 0 and 1")
    }
}
