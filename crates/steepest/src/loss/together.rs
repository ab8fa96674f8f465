//! Losses of several numbers at work, their derivatives by jets.
use super::{Block, Joint};
use crate::numbers::jet::Jet;
use crate::numbers::real::Real;

/// A [`Joint`] loss at work.
pub struct Together<L> {
    loss: L,
    classes: usize,
    /// Numbers of a sample, and how many of them, the last, are learnt.
    numbers: usize,
    learnt: usize,
}

/// A number that may change along one way, and along another: its mixed derivative is that of both.
type Twice = Jet<Jet<f64>>;

impl<L: Joint> Together<L> {
    /// One margin, and what is learnt with so many classes.
    pub fn new(loss: L, classes: usize) -> Self {
        let learnt = L::learnt(classes);
        Together { loss, classes, numbers: 1 + learnt, learnt }
    }

    /// The value, the slope and the second derivative along one number.
    fn along(&self, target: f64, at: &[f64], scratch: &mut [Jet<f64>], a: usize) -> Jet<f64> {
        for (k, (to, z)) in scratch.iter_mut().zip(at).enumerate() {
            *to = if k == a { Jet::variable(*z) } else { Jet::constant(*z) };
        }
        L::value(self.loss.lit(), Jet::constant(target), scratch)
    }
    /// The second derivative along two numbers.
    fn mixed(&self, target: f64, at: &[f64], scratch: &mut [Twice], (a, b): (usize, usize)) -> f64 {
        for (k, (to, z)) in scratch.iter_mut().zip(at).enumerate() {
            let inner = if k == a { Jet::variable(*z) } else { Jet::constant(*z) };
            *to = Jet { first: Jet::lit(f64::from(k == b)), ..Jet::constant(inner) };
        }
        L::value(self.loss.lit(), Jet::constant(Jet::constant(target)), scratch).first.first
    }
}

impl<L: Joint> Block for Together<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }
    fn outputs(&self) -> usize {
        self.numbers
    }
    fn learnt(&self) -> usize {
        self.learnt
    }
    fn bending(&self) -> usize {
        self.numbers * self.numbers
    }
    fn values(&self, target: &[f64], margin: &[f64], value: &mut [f64]) {
        let k = self.numbers;
        for ((t, z), v) in target.iter().zip(margin.chunks_exact(k)).zip(value) {
            *v = L::value(self.loss.lit(), *t, z);
        }
    }
    fn slopes(&self, target: &[f64], margin: &mut [f64], value: &mut [f64]) {
        let k = self.numbers;
        let (mut at, mut scratch) = (vec![0.0; k], vec![Jet::constant(0.0); k]);
        for ((t, z), v) in target.iter().zip(margin.chunks_exact_mut(k)).zip(value) {
            at.copy_from_slice(z);
            *v = L::value(self.loss.lit(), *t, &at);
            for (a, to) in z.iter_mut().enumerate() {
                let looks = L::looks(*t, a);
                *to = if looks { self.along(*t, &at, &mut scratch, a).first } else { 0.0 };
            }
        }
    }
    fn jets(
        &self,
        target: &[f64],
        margin: &[f64],
        value: &mut [f64],
        slope: &mut [f64],
        curvature: &mut [f64],
    ) {
        let k = self.numbers;
        let mut scratch = vec![Jet::constant(0.0); k];
        let mut twice: Vec<Twice> = vec![Jet::lit(0.0); k];
        slope.fill(0.0);
        curvature.fill(0.0);
        for (i, (t, z)) in target.iter().zip(margin.chunks_exact(k)).enumerate() {
            let (s, h) =
                (&mut slope[i * k..(i + 1) * k], &mut curvature[i * k * k..(i + 1) * k * k]);
            value[i] = L::value(self.loss.lit(), *t, z);
            for a in (0..k).filter(|a| L::looks(*t, *a)) {
                let jet = self.along(*t, z, &mut scratch, a);
                (s[a], h[a * k + a]) = (jet.first, jet.second);
                for b in (0..a).filter(|b| L::looks(*t, *b)) {
                    let mixed = self.mixed(*t, z, &mut twice, (a, b));
                    (h[a * k + b], h[b * k + a]) = (mixed, mixed);
                }
            }
        }
    }
    fn bend(&self, h: &[f64], t: &mut [f64], share: &[f64]) {
        let k = self.numbers;
        let mut by = vec![0.0; k];
        for (i, (t, h)) in t.chunks_exact_mut(k).zip(h.chunks_exact(k * k)).enumerate() {
            by.copy_from_slice(t);
            let share = share.get(i).copied().unwrap_or(1.0);
            for (t, h) in t.iter_mut().zip(h.chunks_exact(k)) {
                *t = share * h.iter().zip(&by).map(|(h, t)| h * t).sum::<f64>();
            }
        }
    }
    fn bends(&self, h: &[f64], a: usize, b: usize) -> f64 {
        h[a * self.numbers + b]
    }
    fn bent(&self, h: &[f64], t: &[f64]) -> f64 {
        let rows = h.chunks_exact(self.numbers).zip(t);
        rows.map(|(h, s)| s * h.iter().zip(t).map(|(h, t)| h * t).sum::<f64>()).sum()
    }
    /// Of changes of the slopes that a step makes [`dual`](Block::dual) knows it; of others nothing is known.
    fn conjugate_distance(&self, _: f64, _: &[f64], u: &[f64]) -> f64 {
        if u.iter().all(|u| *u == 0.0) { 0.0 } else { f64::INFINITY }
    }
    fn conjugate_edge(&self, _: f64, _: f64, _: f64) -> f64 {
        0.0
    }
    fn refuses(&self, target: f64) -> Option<&'static str> {
        L::refuses(&self.loss, target, self.classes)
    }
    fn settled(&self, target: f64, margin: &[f64]) -> bool {
        L::settled(target, margin)
    }
    fn recedes(&self, target: f64, t: &[f64], slack: f64) -> bool {
        L::recedes(target, t, slack)
    }
    /// Margins are left as they are: what they stand for depends on what was learnt.
    fn means(&self, _: &mut [f64]) {}
    fn rare(&self) -> bool {
        false
    }
}
