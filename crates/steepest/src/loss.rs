//! Pointwise losses of a target and a prediction.
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;
use crate::settings::{Described, Parameter};

mod each;
pub mod offset;
mod straight;
mod together;
pub use each::Each;
pub use straight::{KINKS, Kink};
pub use together::Together;

/// A loss of one sample, written as its value over any numbers; slope and curvature in the margin
/// follow by [`Jet`]. Written so that its least value is 0 (deviance form).
pub trait Loss: Described {
    /// The loss of a prediction `margin` for a `target`.
    fn value<N: Real>(settings: Self::Of<N>, target: N, margin: N) -> N;
    /// Value, first and second derivative in the margin. Override only to be faster.
    #[inline(always)]
    fn jet<N: Real>(settings: Self::Of<Jet<N>>, target: N, margin: N) -> Jet<N> {
        Self::value(settings, Jet::constant(target), Jet::variable(margin))
    }
    /// The Fenchel conjugate's part in a certificate: D*(u) = sup_d u·d − D(d), where D is the Bregman
    /// distance of the loss at `margin`; +∞ outside its domain. Found numerically unless written out.
    fn conjugate_distance(settings: &Self, target: f64, margin: f64, u: f64) -> f64 {
        if Self::STRAIGHT {
            let here = (margin, slope(settings, target, margin));
            return straight::conjugate(&Self::kinks(settings, target), here, u);
        }
        conjugate(settings, target, margin, u)
    }
    /// How far u may go from 0 before `conjugate_distance` is infinite, in the direction of `sign`.
    fn conjugate_edge(settings: &Self, target: f64, margin: f64, sign: f64) -> f64 {
        if Self::STRAIGHT {
            let (low, high) = straight::ends(&Self::kinks(settings, target));
            let here = slope(settings, target, margin);
            return if sign > 0.0 { high - here } else { here - low };
        }
        let far = margin + sign.signum() * 1e9 * (1.0 + margin.abs());
        (slope(settings, target, far) - slope(settings, target, margin)).abs()
    }
    /// Why a target is not one of this loss (`poisson needs counts; got -1`), if it is not.
    fn refuses(settings: &Self, target: f64) -> Option<&'static str> {
        let _ = (settings, target);
        None
    }
    /// Whether the second derivative is 1 everywhere: one matrix from the rows serves every step.
    const QUADRATIC: bool = false;
    /// Whether it is made of straight parts, which [`kinks`](Self::kinks) tells: it has no slope where they meet, and is for
    /// methods that know of it.
    const STRAIGHT: bool = false;
    /// Whether it is made of squares: of how far a margin is beyond each of its [`kinks`](Self::kinks), times the slope there.
    const HALF_SQUARES: bool = false;
    /// Where a loss made of straight parts, or of half squares, bends.
    fn kinks(settings: &Self, target: f64) -> [Kink; KINKS] {
        let _ = (settings, target);
        [Kink::default(); KINKS]
    }
    /// Whether it is convex in the margin. What is not is minimised as any function is, and nothing is proved of it.
    fn convex(settings: &Self) -> bool {
        let _ = settings;
        true
    }
    /// Whether targets are classes: 0 and 1, or 0, 1, 2 … where there are several margins.
    const CLASSES: bool = false;
    /// Whether [`mean`](Self::mean) is the probability of class 1, where targets are classes.
    const PROBABILITIES: bool = Self::CLASSES;
    /// The target that a margin stands for: the mean, or the probability of class 1.
    fn mean(_: &Self, margin: f64) -> f64 {
        margin
    }
    /// Whether a row is on its right side, so that only margins growing without end take its loss to 0. Never where some
    /// margin has a loss of 0: there the least is attained.
    fn settled(target: f64, margin: f64) -> bool {
        let _ = (target, margin);
        false
    }
    /// Whether the rarer of "target > 0" and its opposite deserves a stratum of its own in samples.
    const RARE: bool = false;
}

fn slope<L: Loss>(loss: &L, target: f64, margin: f64) -> f64 {
    L::jet(loss.lit(), target, margin).first
}

/// sup_d u·d − D(d) for a convex loss: the d at which the slope has changed by u, bracketed and then found
/// by Newton's method within the bracket. Past the supremum's first order, so an error of d enters squared.
pub(crate) fn conjugate<L: Loss>(loss: &L, target: f64, margin: f64, u: f64) -> f64 {
    if u == 0.0 {
        return 0.0;
    }
    let start = L::jet(loss.lit(), target, margin);
    let sign = u.signum();
    let gap = |d: f64| sign * (slope(loss, target, margin + sign * d) - start.first - u);
    let (mut low, mut high) = (0.0, 1.0 + margin.abs());
    while gap(high) < 0.0 {
        (low, high) = (high, 4.0 * high);
        if high > 1e9 * (1.0 + margin.abs()) {
            return f64::INFINITY;
        }
    }
    let mut d = 0.5 * (low + high);
    for _ in 0..200 {
        let short = gap(d);
        *(if short < 0.0 { &mut low } else { &mut high }) = d;
        let curvature = L::jet(loss.lit(), target, margin + sign * d).second;
        let newton = d - short / curvature;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - d).abs() <= 1e-15 * d {
            break;
        }
        d = next;
    }
    let there = L::jet(loss.lit(), target, margin + sign * d);
    let terms = [there.value, -start.value, -start.first * sign * d];
    // Of a small u the distance is rounding, which must not count for it, and never for more than there is.
    let rounding = 2.0 * f64::EPSILON * terms.iter().map(|t| t.abs()).sum::<f64>();
    let found = u.abs() * d - (terms.iter().sum::<f64>() - rounding).max(0.0);
    if found < 0.0 { 0.0 } else { found }
}

/// The curvature of the chord from `margin` down to where the loss is least: what a loss that is straight here bends
/// by on the way; 0 where it falls for ever.
fn chord<L: Loss>(loss: &L, target: f64, margin: f64) -> f64 {
    let start = slope(loss, target, margin);
    let along = |d: f64| slope(loss, target, margin - start.signum() * d) * start.signum();
    let (mut low, mut high) = (0.0, 1e-3 * (1.0 + margin.abs()));
    while along(high) > 0.0 {
        (low, high) = (high, 4.0 * high);
        if !(high <= 1e16 * (1.0 + margin.abs())) {
            return 0.0;
        }
    }
    for _ in 0..20 {
        let middle = 0.5 * (low + high);
        *(if along(middle) > 0.0 { &mut low } else { &mut high }) = middle;
    }
    start.abs() / high
}

/// A loss of several numbers of a sample taken together, written as its value over any numbers: its margins and, after
/// them, numbers that are learnt with the coefficients and that all samples share (a scale, the cuts between classes).
///
/// The numbers that are learnt are counted from where they are sure to be allowed: at 0, whatever the margins, the value is
/// finite. Where they are not allowed it is +∞, and no step ends there.
pub trait Joint: Described {
    /// The names of some numbers that it may be of, for its formula: margins before those that are learnt.
    const NUMBERS: &'static [&'static str];
    /// How many margins there are.
    const OUTPUTS: Outputs;
    /// Whether targets are the classes 0, 1, 2 …
    const CLASSES: bool = false;
    /// The loss of a sample's numbers for a `target`.
    fn value<N: Real>(settings: Self::Of<N>, target: N, at: &[N]) -> N;
    /// How many numbers are learnt, where there are so many classes (1 where targets are none).
    fn learnt(classes: usize) -> usize {
        let _ = classes;
        0
    }
    /// Whether a sample of this target looks at its number `a`: derivatives in others are not asked for.
    fn looks(target: f64, a: usize) -> bool {
        let _ = (target, a);
        true
    }
    /// See [`Loss::settled`], of a sample's numbers.
    fn settled(target: f64, at: &[f64]) -> bool {
        let _ = (target, at);
        false
    }
    /// See [`Block::recedes`], of changes of a sample's numbers.
    fn recedes(target: f64, t: &[f64], slack: f64) -> bool {
        let _ = target;
        t.iter().all(|t| t.abs() <= slack)
    }
    /// See [`Loss::refuses`].
    fn refuses(settings: &Self, target: f64, classes: usize) -> Option<&'static str>;
    /// It at work with so many classes. Override only to be faster.
    fn block(self, classes: usize) -> Box<dyn Block> {
        Box::new(together::Together::new(self, classes))
    }
}

/// (1 + s) ln(1 + s) − s, without cancellation near 0: what relative entropies are made of.
pub(crate) fn entropy(s: f64) -> f64 {
    if s.abs() < 1e-3 {
        let square = s * s;
        square * (0.5 - s * (1.0 / 6.0 - s * (1.0 / 12.0 - s * 0.05)))
    } else if s > -1.0 {
        (1.0 + s) * s.ln_1p() - s
    } else if s == -1.0 {
        1.0
    } else {
        f64::INFINITY
    }
}

/// A loss at work, by blocks of samples: one virtual call a block, never one a sample.
///
/// Losses of several margins a sample (softmax: one per class) hold a sample's margins side by side, and after them the
/// numbers that are learnt.
pub trait Block: Send + Sync {
    /// The name.
    fn name(&self) -> &'static str;
    /// Numbers of a sample: its margins, and those that are learnt.
    fn outputs(&self) -> usize {
        1
    }
    /// How many of them, the last, are learnt and the same for every sample: no column counts for them.
    fn learnt(&self) -> usize {
        0
    }
    /// Whether a number added to all margins changes nothing.
    fn level(&self) -> bool {
        false
    }
    /// How many numbers [`jets`](Self::jets) writes of a sample's second derivatives.
    fn bending(&self) -> usize {
        self.outputs()
    }
    /// Writes each sample's loss.
    fn values(&self, target: &[f64], margin: &[f64], value: &mut [f64]);
    /// Writes each sample's loss, and turns margins into slopes.
    fn slopes(&self, target: &[f64], margin: &mut [f64], value: &mut [f64]);
    /// Writes value, slope and curvature: as many numbers of it as [`bending`](Self::bending) says, which
    /// [`bend`](Self::bend), [`bends`](Self::bends), [`bent`](Self::bent) and [`trace`](Self::trace) read.
    fn jets(
        &self,
        target: &[f64],
        margin: &[f64],
        value: &mut [f64],
        slope: &mut [f64],
        curvature: &mut [f64],
    );
    /// See [`Loss::conjugate_distance`]; `margin`, `u` have one entry per output.
    fn conjugate_distance(&self, target: f64, margin: &[f64], u: &[f64]) -> f64;
    /// See [`Loss::conjugate_edge`].
    fn conjugate_edge(&self, target: f64, margin: f64, sign: f64) -> f64;
    /// The curvature of the chord from a single `margin` down to where the loss is least; 0 where it falls for ever,
    /// and for several margins.
    fn chord(&self, target: f64, margin: f64) -> f64 {
        let _ = (target, margin);
        0.0
    }
    /// See [`Loss::refuses`].
    fn refuses(&self, target: f64) -> Option<&'static str>;
    /// See [`Loss::QUADRATIC`].
    fn quadratic(&self) -> bool {
        false
    }
    /// See [`Loss::convex`].
    fn convex(&self) -> bool {
        true
    }
    /// See [`Loss::STRAIGHT`].
    fn straight(&self) -> bool {
        false
    }
    /// See [`Loss::HALF_SQUARES`].
    fn half_squares(&self) -> bool {
        false
    }
    /// See [`Loss::kinks`].
    fn kinks(&self, target: f64) -> [Kink; KINKS] {
        let _ = target;
        [Kink::default(); KINKS]
    }
    /// t ← share · H t for each row, H the second derivatives in its margins and h what [`jets`](Self::jets) wrote of
    /// them; without shares they are 1.
    fn bend(&self, h: &[f64], t: &mut [f64], share: &[f64]) {
        match share {
            [] => t.iter_mut().zip(h).for_each(|(t, h)| *t *= h),
            share => t.iter_mut().zip(h).zip(share).for_each(|((t, h), s)| *t *= h * s),
        }
    }
    /// The entry of one row's H for margins a and b.
    fn bends(&self, h: &[f64], a: usize, b: usize) -> f64 {
        debug_assert_eq!((a, b), (0, 0));
        h[0]
    }
    /// t′H t of one row.
    fn bent(&self, h: &[f64], t: &[f64]) -> f64 {
        h[0] * t[0] * t[0]
    }
    /// The trace of one row's H, over its margins.
    fn trace(&self, h: &[f64]) -> f64 {
        (0..self.outputs() - self.learnt()).map(|a| self.bends(h, a, a)).sum()
    }
    /// A dual point by a step `t` of a row's margins: `u` becomes a change of their slopes, about H t, for which the
    /// conjugate of the Bregman distance is finite; which is returned, and is +∞ where this step makes none.
    fn dual(&self, target: f64, margin: &[f64], t: &[f64], u: &mut [f64]) -> f64 {
        let (mut here, mut before, mut after) = (margin.to_vec(), [0.0], [0.0]);
        self.slopes(&[target], &mut here, &mut before);
        u.iter_mut().zip(margin).zip(t).for_each(|((u, z), t)| *u = z + t);
        self.slopes(&[target], u, &mut after);
        let there: f64 = u.iter().zip(t).map(|(s, t)| s * t).sum();
        u.iter_mut().zip(&here).for_each(|(u, s)| *u -= s);
        // Where a convex function touches its tangent its conjugate is known: no least need be looked for.
        let distance = before[0] - after[0] + there;
        if distance.is_finite() { distance.max(0.0) } else { f64::INFINITY }
    }
    /// See [`Loss::mean`]: margins become means, those of several margins the probabilities of the classes.
    fn means(&self, margin: &mut [f64]);
    /// See [`Loss::settled`]; `margin` has one entry per output.
    fn settled(&self, target: f64, margin: &[f64]) -> bool {
        let _ = (target, margin);
        false
    }
    /// Whether a row's loss never grows, to `slack`, as its margins go on changing by `t` without end.
    fn recedes(&self, target: f64, t: &[f64], slack: f64) -> bool {
        t.iter().all(|t| t.abs() <= slack) || self.settled(target, t)
    }
    /// Which of a row's margins lie, or as changes go on, on their wrong side, and are not 0 to `slack` beside it: what a way
    /// along which no loss grows must leave as they are. Whether any does.
    fn wrong(&self, target: f64, margin: &[f64], slack: f64, to: &mut [bool]) -> bool {
        let wrong = margin.iter().any(|z| !(z.abs() < slack)) && !self.settled(target, margin);
        to.fill(wrong);
        wrong
    }
    /// The square of those ways out of which margins so marked are: adds e e′ for each, a row's margins side by side.
    fn astray(&self, target: f64, wrong: &[bool], to: &mut [f64]) {
        let (k, _) = (wrong.len(), target);
        wrong.iter().enumerate().filter(|(_, w)| **w).for_each(|(j, _)| to[j * (k + 1)] += 1.0);
    }
    /// See [`Loss::RARE`].
    fn rare(&self) -> bool;
}

/// (settings, target, margin) → value, slope and curvature.
pub type JetOf = fn(&[f64], f64, f64) -> Jet<f64>;

/// How many margins a sample has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outputs {
    /// One.
    One,
    /// Two or more, side by side: one a class.
    Many,
    /// One, and numbers that are learnt with the coefficients.
    Learnt,
}

/// A row of the registry.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// The loss at work, from checked settings and the number of classes, 1 where targets are none.
    pub build: fn(settings: &[f64], classes: usize) -> Box<dyn Block>,
    /// How many margins it takes.
    pub outputs: Outputs,
    /// The names of some numbers that it may be of, as its formula has them.
    pub numbers: &'static [&'static str],
    /// See [`Loss::CLASSES`].
    pub classes: bool,
    /// See [`Loss::PROBABILITIES`].
    pub probabilities: bool,
    /// See [`Loss::STRAIGHT`].
    pub straight: bool,
    /// What it recorded of itself, with inputs `target`, its numbers and its settings; of several margins three
    /// stand for all.
    pub program: fn() -> crate::numbers::trace::Program,
    /// Value, slope and curvature of one sample in f64, for tests.
    pub jet: Option<JetOf>,
}
crate::settings::entered!(Entry);

impl Entry {
    /// The row of a loss of one margin.
    pub const fn of<L: Loss>() -> Self {
        use crate::numbers::trace::{Symbol, record};
        Entry {
            name: L::NAME,
            doc: L::DOC,
            parameters: L::PARAMETERS,
            build: |settings, _| Box::new(Each(L::of(settings))),
            outputs: Outputs::One,
            numbers: &["margin"],
            classes: L::CLASSES,
            probabilities: L::PROBABILITIES,
            straight: L::STRAIGHT,
            program: || {
                record(|| {
                    let names: Vec<Symbol> =
                        L::PARAMETERS.iter().map(|p| Symbol::input(p.name)).collect();
                    let (target, margin) = (Symbol::input("target"), Symbol::input("margin"));
                    vec![L::value(L::with(&names), target, margin)]
                })
            },
            jet: Some(|settings, target, margin| L::jet(L::of(settings).lit(), target, margin)),
        }
    }
    /// The row of a loss of several numbers.
    pub const fn joint<L: Joint>() -> Self {
        use crate::numbers::trace::{Symbol, record};
        Entry {
            name: L::NAME,
            doc: L::DOC,
            parameters: L::PARAMETERS,
            build: |settings, classes| L::of(settings).block(classes),
            outputs: L::OUTPUTS,
            numbers: L::NUMBERS,
            classes: L::CLASSES,
            probabilities: L::CLASSES,
            straight: false,
            program: || {
                record(|| {
                    let names: Vec<Symbol> =
                        L::PARAMETERS.iter().map(|p| Symbol::input(p.name)).collect();
                    let target = Symbol::input("target");
                    let at: Vec<Symbol> = L::NUMBERS.iter().map(|n| Symbol::input(n)).collect();
                    vec![L::value(L::with(&names), target, &at)]
                })
            },
            jet: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::{huber::Huber, logistic::Logistic, squared::Squared};

    /// Where a loss writes its conjugate out, the numerical one agrees.
    #[test]
    fn the_numerical_conjugate_agrees() {
        fn agree<L: Loss>(loss: L, target: f64) {
            for i in -40..=40 {
                let margin = i as f64 * 0.2 + 0.01;
                for share in [-0.99, -0.5, -1e-3, 1e-3, 0.3, 0.9] {
                    let edge = L::conjugate_edge(&loss, target, margin, share).min(10.0);
                    let u = share * edge;
                    let written = L::conjugate_distance(&loss, target, margin, u);
                    let found = conjugate(&loss, target, margin, u);
                    // The distance itself is a difference of values of order 1.
                    let rounding = 1e-9 * written + 1e-14 * (1.0 + margin * margin);
                    assert!(
                        (written - found).abs() <= rounding,
                        "{} {margin} {u}: {written} {found}",
                        L::NAME
                    );
                }
            }
        }
        agree(Logistic::default(), 1.0);
        agree(Logistic::default(), 0.0);
        agree(Squared::default(), 0.3);
        agree(Huber::default(), 0.0);
    }
}
