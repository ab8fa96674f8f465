use super::logistic::Logistic;
use crate::loss::{Block, Each, Joint, Outputs, Together};
use crate::numbers::real::Real;

crate::settings! {
    /// Log-loss of classes that have an order (proportional odds), the target being the class, 0, 1, 2 …: the probability
    /// of class k or below is 1 / (1 + e^(margin − cut_k)). The first cut is 0, which an intercept moves; each other lies
    /// where it is learnt, cut_k = k + gap_k. The loss is convex in all where cuts ascend, and +∞ elsewhere.
    ///
    /// McCullagh 1980, <https://doi.org/10.1111/j.2517-6161.1980.tb01109.x>.
    "ordinal" Ordinal {}
}

/// > 0 where a class is this one.
#[inline(always)]
fn own<N: Real>(class: N, k: usize) -> N {
    N::lit(0.5) - (class - N::lit(k as f64)).abs()
}

/// The cut above a class, of those that are learnt; 0 above the first and the last.
#[inline(always)]
fn cut<N: Real>(class: N, gaps: &[N]) -> N {
    let learnt =
        gaps.iter().enumerate().map(|(k, gap)| (own(class, k + 1), N::lit((k + 1) as f64) + *gap));
    learnt.fold(N::lit(0.0), |cut, (own, learnt)| own.positive(learnt, cut))
}

/// By how much a margin is above the cut below its class, and below the cut above it; +∞ where there is no such cut.
fn within(target: f64, margin: f64, cut: impl Fn(usize) -> f64, last: usize) -> [f64; 2] {
    let class = target as usize;
    let below = if class == 0 { f64::INFINITY } else { margin - cut(class - 1) };
    let above = if class == last { f64::INFINITY } else { cut(class) - margin };
    [below, above]
}

impl Joint for Ordinal {
    const NUMBERS: &'static [&'static str] = &["margin", "gap_1", "gap_2"];
    const OUTPUTS: Outputs = Outputs::Learnt;
    const CLASSES: bool = true;
    /// F(a) − F(b) = F(a)·(1 − F(b))·(1 − e^(b − a)) for the logistic F: so no digits are lost in the difference.
    #[inline(always)]
    fn value<N: Real>(_: Ordinal<N>, target: N, at: &[N]) -> N {
        let one = N::lit(1.0);
        let (margin, gaps) = (at[0], &at[1..]);
        let (upper, lower) = (cut(target, gaps), cut(target - one, gaps));
        let (not_above, above) = ((margin - upper).softplus(), (lower - margin).softplus());
        let (first, last) = (own(target, 0), own(target, gaps.len() + 1));
        // −ln 0, where cuts do not ascend, is +∞; the first and the last class have one only.
        let width = first.positive(one, last.positive(one, upper - lower));
        let between = -(-(-width).exp_m1()).max(N::lit(0.0)).ln();
        let inner = not_above + above + between;
        first.positive(not_above, last.positive(above, inner))
    }
    fn learnt(classes: usize) -> usize {
        classes.max(2) - 2
    }
    /// Two classes have the one cut, at 0.
    fn block(self, classes: usize) -> Box<dyn Block> {
        if classes > 2 {
            Box::new(Together::new(self, classes))
        } else {
            Box::new(Each(Logistic::default()))
        }
    }
    /// The margin, and the cuts on either side.
    fn looks(target: f64, a: usize) -> bool {
        a == 0 || (target - a as f64 - 0.5).abs() < 1.0
    }
    /// Between its cuts.
    fn settled(target: f64, at: &[f64]) -> bool {
        let cut = |k: usize| if k == 0 { 0.0 } else { k as f64 + at[k] };
        within(target, at[0], cut, at.len()).iter().all(|room| *room > 0.0)
    }
    /// Where neither cut comes nearer.
    fn recedes(target: f64, t: &[f64], slack: f64) -> bool {
        let cut = |k: usize| if k == 0 { 0.0 } else { t[k] };
        within(target, t[0], cut, t.len()).iter().all(|room| *room >= -slack)
    }
    fn refuses(_: &Self, target: f64, classes: usize) -> Option<&'static str> {
        let class = target >= 0.0 && target < classes.max(2) as f64 && target.fract() == 0.0;
        (!class).then_some("ordinal needs targets 0, 1, 2 … up to one less than the classes")
    }
}
