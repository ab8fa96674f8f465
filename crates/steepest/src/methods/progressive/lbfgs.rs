//! Quasi-Newton steps on a ground: L-BFGS pairs round the metric.
use super::line_search::{Line, search};
use super::metric::{Inverse, Metric};
use super::subproblem::Seen;
use crate::linalg::vectors::dot;
use crate::status::Halt;
use crate::table::{Margins, OfRows, Slot, Sum};
use std::collections::VecDeque;

/// Pairs round a matrix, and round a diagonal, which tells less.
const MEMORY: [usize; 2] = [10, 30];
/// The part of the way to where learnt numbers are not allowed that a step may go, and halvings of one at most.
const PART: f64 = 0.5;
const HALVINGS: usize = 60;
/// A step that brings this much more than it promised was too short.
const LONGER: f64 = 1.2;
/// The longest that is tried at once.
const LONGEST: f64 = 10.0;

/// Where margins are kept: of the point and the next, and how they change along a direction.
pub const HERE: Slot = Slot(0);
pub const NEXT: Slot = Slot(1);
pub const CHANGE: Slot = Slot(2);

#[derive(Default)]
struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
    product: f64,
}

crate::state!(Pair { s: vector, y: vector, product });

/// A point, its neighbourhood, and where to go next.
pub struct Walk {
    /// The point.
    pub u: Vec<f64>,
    /// F there.
    pub value: f64,
    /// Its gradient.
    pub g: Vec<f64>,
    /// Where the margins are kept.
    pub here: Slot,
    /// Where the next margins are kept.
    pub next: Slot,
    /// The metric.
    pub metric: Metric,
    pairs: VecDeque<Pair>,
    /// The next step.
    v: Vec<f64>,
    /// −g′v/2: what it promises.
    pub promise: f64,
    /// The length to try first: above 1 where the last step should have been longer.
    stride: f64,
}

// Margins are kept with the rows: those of the point are asked for again, in the first slot.
crate::state!(Walk { u: point, value, g: vector, metric, pairs, v: vector, promise, stride: within(1.0, LONGEST) } but here, next);

/// What a step did.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Its length, 1 for the whole step.
    pub length: f64,
    /// What it brought over what it promised.
    pub ratio: f64,
    /// g′M⁻¹g after over before.
    pub contraction: f64,
    /// Whether F changed by no more than rounding does.
    pub still: bool,
}

impl Walk {
    /// At a point that was evaluated, its margins kept in the first slot.
    pub fn new(
        u: Vec<f64>,
        value: f64,
        g: Vec<f64>,
        [here, next]: [Slot; 2],
        metric: Metric,
    ) -> Self {
        let v = vec![0.0; u.len()];
        let pairs = VecDeque::new();
        let mut walk =
            Walk { u, value, g, here, next, metric, pairs, v, promise: 0.0, stride: 1.0 };
        walk.aim();
        walk
    }
    /// Before the first point.
    pub fn nowhere() -> Self {
        let walk = Walk::new(Vec::new(), 0.0, Vec::new(), [HERE, NEXT], Metric::default());
        Walk { value: f64::INFINITY, ..walk }
    }
    /// Gives back the room for the next margins, where there may be no next.
    pub fn tidy(&self, seen: &mut Seen<'_, '_>) -> Result<(), Halt> {
        seen.of_rows(OfRows::Free(self.next))
    }
    /// Forgets what was learned on the way.
    pub fn forget(&mut self) {
        self.pairs.clear();
    }
    /// The next step, from metric and pairs.
    pub fn aim(&mut self) {
        self.direct();
        if !(self.promise > 0.0) && !self.pairs.is_empty() {
            self.pairs.clear();
            self.direct();
        }
    }
    /// The last step taken, or the next where none is remembered.
    pub fn last(&self) -> &[f64] {
        self.pairs.back().map_or(&self.v, |p| &p.s)
    }
    fn direct(&mut self) {
        let mut q = self.g.clone();
        self.inverse(&mut q);
        q.iter_mut().for_each(|q| *q = -*q);
        self.promise = -0.5 * dot(&self.g, &q);
        self.v = q;
    }
    /// Goes along a step that was found elsewhere next, if it leads down.
    pub fn follow(&mut self, v: Vec<f64>) {
        let promise = -0.5 * dot(&self.g, &v);
        if promise > 0.0 {
            (self.v, self.promise, self.stride) = (v, promise, 1.0);
        }
    }
    /// q ← H q, H the inverse of the Hessian as far as it is known: the metric, and the pairs round it. A diagonal
    /// is told how long it should be by the newest pair.
    pub fn inverse(&self, q: &mut [f64]) {
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for p in self.pairs.iter().rev() {
            let alpha = dot(&p.s, q) / p.product;
            q.iter_mut().zip(&p.y).for_each(|(q, y)| *q -= alpha * y);
            alphas.push(alpha);
        }
        self.metric.factor.solve(q);
        if let (Inverse::Diagonal(_), Some(p)) = (&self.metric.factor, self.pairs.back()) {
            let length = p.product / self.metric.factor.energy(&p.y);
            q.iter_mut().for_each(|q| *q *= length);
        }
        for (p, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = dot(&p.y, q) / p.product;
            q.iter_mut().zip(&p.s).for_each(|(q, s)| *q += (alpha - beta) * s);
        }
    }
    /// One step; none where no step lowers F as far as the arithmetic can tell.
    pub fn step(&mut self, seen: &mut Seen<'_, '_>) -> Result<Option<Taken>, Halt> {
        if !(self.promise > 0.0) {
            return Ok(None);
        }
        let before = self.metric.factor.energy(&self.g);
        let n = self.u.len();
        let mut g = vec![0.0; n];
        let stride = std::mem::replace(&mut self.stride, 1.0);
        let mut shrunk = self.within(seen, stride)?;
        let most = if shrunk < stride { shrunk } else { f64::INFINITY };
        let mut u: Vec<f64> = self.u.iter().zip(&self.v).map(|(u, v)| u + shrunk * v).collect();
        let mut value = seen.evaluate(&u, &mut g, self.next, false)?;
        while !value.is_finite() && shrunk > 1e-20 {
            shrunk *= 0.01;
            u = self.u.iter().zip(&self.v).map(|(u, v)| u + shrunk * v).collect();
            value = seen.evaluate(&u, &mut g, self.next, false)?;
        }
        let after = self.metric.factor.energy(&g);
        let near = self.alike(seen, value)?;
        let ratio = (self.value - value) / (self.promise * shrunk);
        // Where values differ by rounding alone the gradient decides.
        let good = if near {
            after < before
        } else {
            value <= self.value - 2e-4 * self.promise * shrunk && ratio <= 4.0
        };
        if good && (shrunk >= 1.0 || shrunk == most) {
            if ratio > LONGER && !near {
                // Losses that only fall, exponentially, deserve longer steps than Newton's; how long this one
                // should have been its margins tell, and the next tries that.
                let best = search(seen, (&self.u, &self.v), self.line(shrunk))?;
                self.stride = if best > 1.5 { best.min(LONGEST) } else { 1.0 };
            }
            let taken = Taken {
                length: shrunk,
                ratio: if near { 1.0 } else { ratio },
                contraction: after / before,
                still: near,
            };
            self.settle(u, value, g);
            return Ok(Some(taken));
        }
        if near {
            return Ok(None);
        }
        let length = search(seen, (&self.u, &self.v), self.line(shrunk))?.min(most);
        if length == 0.0 {
            return Ok(None);
        }
        u = self.u.iter().zip(&self.v).map(|(u, v)| u + length * v).collect();
        value = seen.evaluate(&u, &mut g, self.next, false)?;
        if !(value < self.value) {
            return Ok(None);
        }
        let contraction = self.metric.factor.energy(&g) / before;
        let ratio = (self.value - value) / (self.promise * length);
        let still = self.alike(seen, value)?;
        self.settle(u, value, g);
        Ok(Some(Taken { length, ratio, contraction, still }))
    }
    /// Whether rounding explains by how much a value differs from that here.
    fn alike(&self, seen: &mut Seen<'_, '_>, value: f64) -> Result<bool, Halt> {
        let (change, size) = ((self.value - value).abs(), self.value.abs());
        Ok(change <= 40.0 * f64::EPSILON * size
            || change <= 1e-6 * size
                && change <= seen.rounding(&self.u, Margins::Kept(self.here))?.value)
    }
    /// How far to go where numbers are learnt that may not be any: at most a part of the way to where they are not allowed,
    /// so that the coefficients keep up with a scale that falls.
    fn within(&self, seen: &mut Seen<'_, '_>, mut length: f64) -> Result<f64, Halt> {
        let learnt = seen.table.learnt;
        if learnt == 0 {
            return Ok(length);
        }
        let from = self.u.len() - learnt;
        let mut numbers = vec![0.0; seen.table.outputs];
        for _ in 0..HALVINGS {
            let (of, at) = (self.u[from..].iter().zip(&self.v[from..]), seen.table.margins());
            numbers[at..].iter_mut().zip(of).for_each(|(n, (u, v))| *n = u + length / PART * v);
            let mut losses = vec![0.0; Sum::Losses.len(numbers.len())];
            let (of, at) = (Sum::Losses, Margins::Same(&numbers));
            seen.of_rows(OfRows::Sum { of, at, to: &mut losses })?;
            if losses[1].is_finite() {
                break;
            }
            length *= 0.5;
        }
        Ok(length)
    }
    /// Along the step, of which the margins were kept at this length.
    fn line(&self, length: f64) -> Line<'static> {
        Line { from: self.here, by: Margins::Kept(self.next), length }
    }
    fn settle(&mut self, u: Vec<f64>, value: f64, g: Vec<f64>) {
        let s: Vec<f64> = u.iter().zip(&self.u).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = g.iter().zip(&self.g).map(|(a, b)| a - b).collect();
        let product = dot(&s, &y);
        if product > 1e-10 * dot(&s, &self.g).abs() {
            let wide = matches!(self.metric.factor, Inverse::Diagonal(_));
            if self.pairs.len() == MEMORY[usize::from(wide)] {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair { s, y, product });
        }
        std::mem::swap(&mut self.here, &mut self.next);
        (self.u, self.value, self.g) = (u, value, g);
        self.aim();
    }
}
