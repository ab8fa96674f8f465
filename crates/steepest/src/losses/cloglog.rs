use crate::loss::{Loss, entropy};
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;
use crate::settings::Described;

crate::settings! {
    /// Log-loss of two classes, targets 0 and 1, where the probability of class 1 is 1 − e^(−e^margin) (complementary
    /// log-log): e^margin for target 0, −ln(1 − e^(−e^margin)) for target 1. Of whether something has happened yet that
    /// happens at a rate of e^margin.
    ///
    /// Fisher 1922, <https://doi.org/10.1098/rsta.1922.0009>.
    "cloglog" Cloglog {}
}

/// e^margin, where it and its reciprocal are finite in f32.
#[inline(always)]
fn rate<N: Real>(margin: N) -> N {
    margin.clamp(N::lit(-80.0), N::lit(80.0)).exp()
}

impl Loss for Cloglog {
    const RARE: bool = true;
    const CLASSES: bool = true;
    #[inline(always)]
    fn value<N: Real>(_: Cloglog<N>, target: N, margin: N) -> N {
        let w = rate(margin);
        let likely = -(-((-w).exp())).ln_1p();
        let rare = -(-(-w).exp_m1() / w).ln() - margin;
        let one = (w - N::lit(0.7)).positive(likely, rare);
        (target - N::lit(0.5)).positive(one, margin.exp())
    }
    /// By hand, so that nothing infinite is divided. With g = w / (e^w − 1) the slope is −g, and the curvature
    /// g·(w / (1 − e^−w) − 1).
    #[inline(always)]
    fn jet<N: Real>(_: Cloglog<Jet<N>>, target: N, margin: N) -> Jet<N> {
        let (w, mean) = (rate(margin), margin.exp());
        let below = -(-w).exp_m1();
        let g = (-w).exp() * w / below;
        let more = (w - N::lit(1e-3))
            .positive(w / below - N::lit(1.0), w * (N::lit(0.5) + w / N::lit(12.0)));
        let at = target - N::lit(0.5);
        Jet {
            value: Self::value(Self::default().lit(), target, margin),
            first: at.positive(-g, mean),
            second: at.positive(g * more, mean),
        }
    }
    /// Poisson's where the target is 0; where it is 1 it is found numerically.
    fn conjugate_distance(s: &Self, target: f64, margin: f64, u: f64) -> f64 {
        if target > 0.5 {
            return crate::loss::conjugate(s, target, margin, u);
        }
        let mean = Real::exp(margin);
        if mean > 0.0 {
            return mean * entropy(u / mean);
        }
        if u == 0.0 { 0.0 } else { f64::INFINITY }
    }
    fn conjugate_edge(_: &Self, target: f64, margin: f64, sign: f64) -> f64 {
        let slope = Self::jet(Self::default().lit(), target, margin).first;
        match (target > 0.5, sign > 0.0) {
            (true, true) => -slope,
            (true, false) => 1.0 + slope,
            (false, true) => f64::INFINITY,
            (false, false) => slope,
        }
    }
    fn mean(_: &Self, margin: f64) -> f64 {
        -Real::exp_m1(-Real::exp(margin))
    }
    fn settled(target: f64, margin: f64) -> bool {
        (target - 0.5) * margin > 0.0
    }
    fn refuses(_: &Self, target: f64) -> Option<&'static str> {
        (target != 0.0 && target != 1.0).then_some("cloglog needs targets 0 and 1")
    }
}
