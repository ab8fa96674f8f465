//! Descent of a quadratic by the entries of its columns.
//!
//! A sweep of coordinate descent over kept margins reads each entry twice; where columns are many and their entries few
//! that is far less than a row of the matrix for each coordinate that moves. Where sweeps creep, conjugate gradients lead
//! to the least value on the face: two reads of its entries a product (Krylov's best, where Anderson extrapolates).
use super::entries::SparseSet;
use super::kinked::Kinked;
use super::quadratic::best;
use crate::linalg::conjugate::ConjugateGradients;
use crate::linalg::vectors::dot;
use crate::parallel::cancel;
use crate::penalty::Piece;
use crate::status::Halt;

/// Between two tries of Newton's step on the face.
const SWEEPS: usize = 8;
/// Of what a Newton step read so much is read by the sweeps after it: a face is found by them, for less.
const AMONG: f64 = 0.3;
/// Rounds of sweeps and a Newton step at most.
const ROUNDS: usize = 500;
/// Products with the curvature that a Newton step takes at most.
const PRODUCTS: usize = 1000;

/// ½ u′Hu + linear′u + Σ piece_j(u_j), at u.
pub(super) struct Sweeping<'a> {
    pub entries: &'a SparseSet,
    pub pieces: &'a [Piece],
    /// The gradient of the quadratic part where u was as it came.
    pub start: &'a [f64],
    pub u: &'a mut [f64],
    /// A round that lowers the value by no more than this share of what was gained so far is the last but one.
    pub enough: f64,
    /// Reads of all entries at most.
    pub reads: f64,
    old: Vec<f64>,
    moved: (Vec<f64>, f64),
    read: f64,
}

/// What came of sweeps.
pub(super) struct SweptEntries {
    /// By how much the value fell.
    pub fell: f64,
    /// Whether that is the end of it.
    pub sure: bool,
    /// How often all entries were read.
    #[cfg(test)]
    pub reads: f64,
}

impl<'a> Sweeping<'a> {
    pub fn new(
        entries: &'a SparseSet,
        pieces: &'a [Piece],
        start: &'a [f64],
        u: &'a mut [f64],
        (enough, reads): (f64, f64),
    ) -> Self {
        let (old, moved) = (u.to_vec(), (vec![0.0; entries.rows], 0.0));
        Sweeping { entries, pieces, start, u, enough, reads, old, moved, read: 0.0 }
    }

    /// Descends until a round lowers the value by less than `least`.
    pub fn descend(
        mut self,
        least: f64,
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<SweptEntries, Halt> {
        let all: Vec<usize> = (0..self.u.len()).collect();
        let (mut fell, mut quiet) = (0.0, 0);
        let (mut close, mut solving) = (0.1, 0.0);
        for _ in 0..ROUNDS {
            let mut by = self.sweep(&all);
            let mut round = by;
            let face = self.face();
            let mut left = f64::INFINITY;
            let (mut swept, from) = (1, self.read);
            while swept < SWEEPS || self.read - from < AMONG * solving {
                let before = std::mem::replace(&mut by, self.sweep(&face));
                round += by;
                swept += 1;
                cancel::check();
                // What all further sweeps would gain, at this rate.
                left = match by {
                    0.0 => 0.0,
                    by if by < before => by * by / (before - by),
                    _ => f64::INFINITY,
                };
                if left <= 0.1 * least || self.read > self.reads {
                    break;
                }
            }
            if left > least {
                let (face, from) = (self.face(), self.read);
                let (gained, whole) = self.newton(&face, least, close);
                round += gained;
                solving = self.read - from;
                // The face is found: the end is worth a closer look.
                if whole {
                    close = f64::max(1e-2 * close, 1e-12);
                }
            }
            fell += round;
            quiet = if round <= least.max(self.enough * fell) { quiet + 1 } else { 0 };
            if quiet == 2 {
                return Ok(self.ended(fell, true));
            }
            if self.read > self.reads {
                break;
            }
            pause()?;
        }
        Ok(self.ended(fell, false))
    }

    fn ended(&self, fell: f64, sure: bool) -> SweptEntries {
        SweptEntries {
            fell,
            sure,
            #[cfg(test)]
            reads: self.read,
        }
    }
    fn curvature(&self, a: usize) -> f64 {
        f64::from(u8::from(self.entries.there[a]))
    }
    fn slope(&self, a: usize) -> f64 {
        self.start[a] + self.entries.back(a, &self.moved, self.u[a] - self.old[a])
    }
    fn set(&mut self, a: usize, new: f64) {
        let by = new - self.u[a];
        self.entries.add(a, by, &mut self.moved.0);
        self.moved.1 += by * self.entries.centre[a];
        self.u[a] = new;
    }
    /// Reads of the entries of some coordinates are so many of all.
    fn count(&mut self, some: &[usize], times: f64) {
        let entries: usize = some.iter().map(|&a| self.entries.of(a).0.len()).sum();
        self.read += times * entries as f64 / self.entries.values.len().max(1) as f64;
    }

    /// Each of some coordinates in turn to its best; returns by how much the value fell.
    fn sweep(&mut self, some: &[usize]) -> f64 {
        let mut fell = 0.0;
        for &a in some {
            let (h, old) = (self.curvature(a), self.u[a]);
            let slope = if h > 0.0 { self.slope(a) } else { 0.0 };
            if let Some((new, by)) = best(self.pieces[a], h, slope, old) {
                fell += by;
                self.set(a, new);
            }
        }
        self.count(some, 2.0);
        fell.max(0.0)
    }

    /// The coordinates that are neither at a kink nor at a bound.
    fn face(&self) -> Vec<usize> {
        let inside = |&a: &usize| {
            let (p, u) = (self.pieces[a], self.u[a]);
            (u != 0.0 || p.l1 == 0.0) && u > p.low && u < p.high && self.entries.there[a]
        };
        (0..self.u.len()).filter(inside).collect()
    }

    /// Towards the least value on the face, each coordinate as far as its sign and bounds let it or all as far as the value
    /// falls; returns by how much it fell, and whether the face stayed as it was.
    fn newton(&mut self, face: &[usize], least: f64, close: f64) -> (f64, bool) {
        let mut gradient = vec![0.0; self.u.len()];
        face.iter().for_each(|&a| gradient[a] = self.slope(a));
        self.count(face, 1.0);
        let pull = |a: usize| {
            let (p, u) = (self.pieces[a], self.u[a]);
            -(gradient[a] + p.l2 * u + if u == 0.0 { 0.0 } else { p.l1 * u.signum() })
        };
        let slope: Vec<f64> = face.iter().map(|&a| pull(a)).collect();
        let (step, along) = self.conjugate(face, &slope, least, close);
        for length in [1.0, 0.3, 0.1] {
            let (fell, whole) = self.past(face, &step, &gradient, length);
            if fell > 0.0 {
                return (fell, whole && length == 1.0);
            }
        }
        let little: f64 =
            face.iter().zip(&step).map(|(&a, s)| self.entries.little[a] * s * s).sum();
        let bend = dot(&along.0, &along.0) - along.1 * along.1 * self.entries.total + little;
        let mut there = self.u.to_vec();
        let mut sign: Vec<f64> =
            there.iter().map(|u| if *u == 0.0 { 0.0 } else { u.signum() }).collect();
        let mut kinked = Kinked { pieces: self.pieces, u: &mut there, gradient: &mut gradient };
        let went = kinked.along(face, &step, &mut sign, 1.0, bend.max(0.0));
        face.iter().for_each(|&a| self.set(a, there[a]));
        self.count(face, 1.0);
        (went.fell, false)
    }

    /// A step along which each coordinate stops at its kink or bound, if the value falls by a good part of what it promises.
    fn past(&mut self, face: &[usize], step: &[f64], gradient: &[f64], length: f64) -> (f64, bool) {
        let (mut fell, mut promised, mut whole) = (0.0, 0.0, true);
        let mut to = Vec::with_capacity(face.len());
        for (&a, d) in face.iter().zip(step) {
            let (p, old) = (self.pieces[a], self.u[a]);
            let mut new = (old + length * d).clamp(p.low, p.high);
            whole &= new == old + length * d;
            if p.l1 > 0.0 && new * old < 0.0 {
                (new, whole) = (0.0, false);
            }
            let by = new - old;
            fell += p.value(old) - p.value(new) - by * gradient[a];
            let slope =
                gradient[a] + p.l2 * old + if old == 0.0 { 0.0 } else { p.l1 * old.signum() };
            promised -= by * slope;
            to.push(new);
        }
        let by: Vec<f64> = face.iter().zip(&to).map(|(&a, to)| to - self.u[a]).collect();
        let (rows, taken) = self.entries.along(face, &by);
        let little: f64 = face.iter().zip(&by).map(|(&a, b)| self.entries.little[a] * b * b).sum();
        self.count(face, 1.0);
        fell -= 0.5 * (dot(&rows, &rows) - taken * taken * self.entries.total + little);
        if !(fell.is_finite() && fell > 0.2 * promised && fell > 0.0) {
            return (0.0, false);
        }
        face.iter().zip(to).for_each(|(&a, to)| self.u[a] = to);
        self.moved.0.iter_mut().zip(&rows).for_each(|(m, r)| *m += r);
        self.moved.1 += taken;
        (fell, whole)
    }

    /// (H + l2) step = slope over a face by conjugate gradients, each coordinate in units of its curvature, until what is left
    /// is the part `close` of what there was or next to nothing is to be gained; and where the step leads.
    fn conjugate(
        &mut self,
        face: &[usize],
        slope: &[f64],
        least: f64,
        close: f64,
    ) -> (Vec<f64>, (Vec<f64>, f64)) {
        let per: Vec<f64> = face.iter().map(|&a| 1.0 / (1.0 + self.pieces[a].l2)).collect();
        let scaled =
            |left: &[f64]| -> Vec<f64> { left.iter().zip(&per).map(|(l, p)| l * p).collect() };
        let mut cg = ConjugateGradients::new(slope.to_vec(), scaled(slope));
        let mut along = (vec![0.0; self.entries.rows], 0.0);
        let end = (close * close * cg.energy).max(1e-3 * least / face.len().max(1) as f64);
        let mut products = 0;
        while cg.energy > end && products < PRODUCTS && self.read < self.reads {
            cancel::check();
            let turned = self.entries.along(face, &cg.p);
            let bent: Vec<f64> = (face.iter().zip(&cg.p))
                .map(|(&a, w)| self.entries.back(a, &turned, *w) + self.pieces[a].l2 * w)
                .collect();
            let by = cg.length(&bent);
            if !(by > 0.0 && by < f64::INFINITY) {
                break;
            }
            cg.go(by, &bent);
            along.0.iter_mut().zip(&turned.0).for_each(|(a, t)| *a += by * t);
            along.1 += by * turned.1;
            let y = scaled(&cg.r);
            cg.turn(Some(&y));
            products += 1;
            self.count(face, 2.0);
        }
        (cg.v, along)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of three entries each, of curvature 1, and how each is pulled.
    fn drawn(rows: usize, k: usize) -> (SparseSet, Vec<f64>) {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / (1u64 << 31) as f64
        };
        let (mut places, mut values, mut y) = (Vec::new(), Vec::new(), vec![0.0; rows]);
        y.iter_mut().for_each(|y| *y = next() - 0.5);
        for _ in 0..k {
            let column: Vec<f64> = (0..3).map(|_| 0.2 + next()).collect();
            let length = dot(&column, &column).sqrt();
            let from = (next() * rows as f64) as usize;
            places.extend((0..3).map(|i| ((from + i * (1 + rows / 7)) % rows) as u32));
            values.extend(column.iter().map(|v| v / length));
        }
        let entries = SparseSet {
            rows,
            starts: (0..=k).map(|a| 3 * a).collect(),
            places,
            values,
            centre: vec![0.0; k],
            total: 1.0,
            little: vec![0.0; k],
            there: vec![true; k],
        };
        let pulled = (0..k).map(|a| -entries.times(a, &y)).collect();
        (entries, pulled)
    }

    #[test]
    fn more_columns_than_rows_end_within_few_reads() {
        for (l1, l2, most) in [(1e-2, 1e-2, 1000.0), (1e-2, 0.0, 15_000.0), (0.0, 1e-3, 1000.0)] {
            let (entries, start) = drawn(500, 1500);
            let pieces = vec![Piece { l1, l2, ..Piece::FREE }; 1500];
            let mut u = vec![0.0; 1500];
            let sweeping = Sweeping::new(&entries, &pieces, &start, &mut u, (0.0, f64::INFINITY));
            let swept = sweeping.descend(1e-14, &mut || Ok(())).unwrap();
            assert!(swept.sure && swept.reads < most, "l1 {l1} l2 {l2}: {} reads", swept.reads);
            let all: Vec<usize> = (0..1500).collect();
            let moved = entries.along(&all, &u);
            for a in all {
                let (slope, v) = (start[a] + entries.back(a, &moved, u[a]), u[a]);
                let off = v - pieces[a].prox(v - slope, 1.0);
                assert!(off.abs() < 1e-6, "l1 {l1} l2 {l2}: coordinate {a} is off by {off:e}");
            }
        }
    }
}
