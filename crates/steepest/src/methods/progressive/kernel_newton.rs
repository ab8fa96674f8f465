//! Newton's method in one number a row, where rows are few: coefficients A⁻¹X′s have the margins Ks + b with K = XA⁻¹X′, and
//! the penalty ½ s′Ks + ½ a b². No step reads the table, and no scale of its columns matters.
//!
//! With the rows' slopes r and curvatures w (shares included) a step solves (I + WK) ds = −(r + s) − w db, and
//! Σ (s + ds) = a (b + db) where there is an intercept, by Cholesky of I + √W K √W: Rasmussen and Williams 2006, algorithm 3.1. How
//! far it goes is looked for on the margins: near separable rows want steps of up to three times Newton's.
//!
//! Rows whose curvature says next to nothing beside the penalty (`LEFT_OUT`) are left out of the matrix: in the end more than 700
//! of 2000 rows with 5000 raw columns, which makes those factors four times as fast. Kernels of columns of about the same scale
//! are left to others, which need few steps on them. Losses that bend at kinks and nearly fit every row would take several times
//! as many steps: those made of half squares begin where an interior point method leads (`kernel_interior`), next to the end;
//! others that bend at kinks are left to others.
use super::kernel_interior;
use super::kernel_matrix::KernelMatrix;
use crate::held::{Held, Jets};
use crate::linalg::cholesky::{Factored, backward, factor, forward};
use crate::linalg::vectors::{dot, dot_of};
use crate::parallel::pool::pool;
use crate::status::Halt;
use std::sync::{Mutex, PoisonError};

/// What it works on.
pub struct About<'a, N> {
    /// K, whole.
    pub kernel: &'a [N],
    /// All rows, with the margins at which they are to start.
    pub rows: &'a Held<'a>,
    /// Of an intercept: a, 0 where it is free.
    pub intercept: Option<f64>,
    /// F − F* beside F that is wanted.
    pub tolerance: f64,
}

/// A number a row, and the intercept (0 where there is none).
pub struct RowNumbers {
    /// The numbers.
    pub s: Vec<f64>,
    /// The intercept.
    pub intercept: f64,
}

/// Steps at most, of which smooth losses need ten to sixteen; where these do not do something else must.
const STEPS: usize = 24;
/// What rows that are left out may sum up to ([`KernelMatrix`]).
const LEFT_OUT: f64 = 0.1;
/// Beside the mean of K's diagonal, of long numbers and of short ones: rows may be copies of others.
const RIDGES: [f64; 2] = [1e-10, 1e-4];
/// Rows that bend where it starts, at least, as a part of all; of fewer each step leads far past what the others allow.
const BENT: f64 = 0.5;
/// The mean of the squares of K's eigenvalues beside the square of their mean, at least: where that is less, none stands out.
const SPREAD: f64 = 2.0;
/// How near the end is, beside the tolerance: the way back to coefficients rounds.
const NEAR: f64 = 0.1;
/// Along a line: evaluations at most, and the part of the first slope that may be left.
const TRIES: usize = 40;
const FLAT: f64 = 1e-2;
/// Rows of a product that a thread takes at once.
const STRIP: usize = 64;

/// Where it stands.
#[derive(Clone)]
pub struct KernelPoint {
    /// A number a row.
    pub s: Vec<f64>,
    /// The intercept.
    pub b: f64,
    /// The margins.
    pub z: Vec<f64>,
}

/// A step, and how the margins change along it.
struct KernelStep {
    ds: Vec<f64>,
    db: f64,
    dz: Vec<f64>,
}

/// From the rows' margins, in which the intercept is `b`, and which come of the numbers `s` where these are known; none where it
/// does not get there. K may be short of digits: from such numbers it goes on as if they were none the less exact.
pub fn descend<N: Factored>(
    about: &About<'_, N>,
    (b, s): (f64, Option<Vec<f64>>),
    pause: &mut dyn FnMut() -> Result<(), Halt>,
) -> Result<Option<RowNumbers>, Halt> {
    let mut room = Vec::new();
    let begun = if let Some(s) = s {
        Some(KernelPoint { s, b, z: about.rows.margins.to_vec() })
    } else if !about.stands_out() {
        None
    } else if about.rows.half_squares() {
        kernel_interior::approach(about, b, &mut room, pause)?
    } else {
        about.bent().then(|| about.begin(b, &mut room))
    };
    let Some(mut at) = begun else { return Ok(None) };
    for _ in 0..STEPS {
        pause()?;
        let (mut left, w, loss) = about.slopes(&at.z);
        let value = loss + about.penalty(&at);
        // What is left of r + s = 0, the intercept at its own best.
        let a = about.intercept.unwrap_or(0.0);
        let (slope, bend) = (left.iter().sum::<f64>() + a * at.b, w.iter().sum::<f64>() + a);
        let first = if about.intercept.is_some() && bend > 0.0 { -slope / bend } else { 0.0 };
        left.iter_mut().zip(&at.s).zip(&w).for_each(|((l, s), w)| *l += s + first * w);
        let turned = about.times(&left);
        let gap = 0.5 * dot(&left, &turned) - 0.5 * slope * first;
        if gap <= NEAR * about.tolerance * value {
            return Ok(Some(RowNumbers { s: at.s, intercept: at.b + first }));
        }
        let along = about.step(&at, (&left, &turned), &w, first, &mut room);
        let Some(along) = along else { break };
        let Some(length) = about.search(&at, &along) else { break };
        at.go(&along, length);
    }
    Ok(None)
}

impl KernelPoint {
    fn go(&mut self, along: &KernelStep, length: f64) {
        self.s.iter_mut().zip(&along.ds).for_each(|(s, d)| *s += length * d);
        self.z.iter_mut().zip(&along.dz).for_each(|(z, d)| *z += length * d);
        self.b += length * along.db;
    }
}

impl<N: Factored> About<'_, N> {
    /// ½ s′Ks + ½ a b².
    pub fn penalty(&self, at: &KernelPoint) -> f64 {
        let of: f64 = at.s.iter().zip(&at.z).map(|(s, z)| s * (z - at.b)).sum();
        0.5 * (of + self.intercept.unwrap_or(0.0) * at.b * at.b)
    }

    /// What a step is to be told of the intercept, at `b`: a, and Σ s − a b.
    pub fn missing(&self, s: &[f64], b: f64) -> Option<(f64, f64)> {
        self.intercept.map(|a| (a, s.iter().sum::<f64>() - a * b))
    }

    /// Whether it is likely to take fewer steps than others by so much that its factors pay.
    fn stands_out(&self) -> bool {
        let n = self.rows.len();
        let sum = self.trace();
        let square = |row: &[N]| row.iter().map(|v| v.to_f64().powi(2)).sum::<f64>();
        let squares: f64 = self.kernel.chunks_exact(n).map(square).sum();
        n as f64 * squares >= SPREAD * sum * sum
    }

    fn trace(&self) -> f64 {
        self.kernel.iter().step_by(self.rows.len() + 1).map(|v| v.to_f64()).sum()
    }

    /// Whether enough rows bend where it is to start.
    fn bent(&self) -> bool {
        let bent = self.slopes(&self.rows.margins).1.iter().filter(|w| **w > 0.0).count();
        let there = self.rows.share.iter().filter(|share| **share > 0.0).count();
        bent as f64 >= BENT * there as f64
    }

    /// The cheapest numbers with the margins at which it is to start (all coefficients with those cost more), or none.
    fn begin(&self, b: f64, room: &mut Vec<N>) -> KernelPoint {
        let n = self.rows.len();
        let nothing = KernelPoint { s: vec![0.0; n], b, z: vec![b; n] };
        let ridge = RIDGES[usize::from(N::ROUNDING > f64::EPSILON)] * self.trace() / n as f64;
        room.clear();
        room.extend(self.kernel);
        (0..n).for_each(|i| room[i * (n + 1)] = room[i * (n + 1)] + N::of_f64(ridge));
        if !factor(room, n, |_, left, whole| left > 16.0 * N::ROUNDING * whole) {
            return nothing;
        }
        let mut s: Vec<f64> = self.rows.margins.iter().map(|z| z - b).collect();
        forward(room, &mut s);
        backward(room, &mut s);
        let mut z = self.times(&s);
        z.iter_mut().for_each(|z| *z += b);
        let at = KernelPoint { s, b, z };
        let value = |at: &KernelPoint| self.slopes(&at.z).2 + self.penalty(at);
        if value(&at) < value(&nothing) { at } else { nothing }
    }

    /// Slopes and curvatures of the rows at these margins, times their shares, and the mean loss.
    fn slopes(&self, z: &[f64]) -> (Vec<f64>, Vec<f64>, f64) {
        let Jets { value, mut slope, mut curvature } = self.rows.jets(z);
        for (share, (s, h)) in self.rows.share.iter().zip(slope.iter_mut().zip(&mut curvature)) {
            (*s, *h) = if *share > 0.0 { (share * *s, share * h.max(0.0)) } else { (0.0, 0.0) };
        }
        (slope, curvature, self.rows.mean(&value))
    }

    /// K v.
    pub fn times(&self, v: &[f64]) -> Vec<f64> {
        let n = v.len();
        let mut to = vec![0.0; n];
        let strips: Vec<_> = to.chunks_mut(STRIP).map(Mutex::new).collect();
        pool().each(strips.len(), |p| {
            let mut strip = strips[p].lock().unwrap_or_else(PoisonError::into_inner);
            let rows = self.kernel[p * STRIP * n..].chunks_exact(n);
            strip.iter_mut().zip(rows).for_each(|(to, row)| *to = dot_of(row, v));
        });
        drop(strips);
        to
    }

    /// Newton's step, where `left` is what is left of r + s with the intercept moved by `first`, and `turned` K times that.
    fn step(
        &self,
        at: &KernelPoint,
        (left, turned): (&[f64], &[f64]),
        w: &[f64],
        first: f64,
        room: &mut Vec<N>,
    ) -> Option<KernelStep> {
        let matrix = KernelMatrix::new(self.kernel, w, LEFT_OUT, room)?;
        let (ds, more) = matrix.step((left, turned), self.missing(&at.s, at.b + first));
        let db = first + more;
        let mut dz = self.times(&ds);
        dz.iter_mut().for_each(|z| *z += db);
        Some(KernelStep { ds, db, dz })
    }

    /// How far along a step F is least, nearly; none where it does not lead down.
    fn search(&self, at: &KernelPoint, along: &KernelStep) -> Option<f64> {
        let KernelStep { ds, db, dz } = along;
        let a = self.intercept.unwrap_or(0.0);
        let linear = a * at.b * db + ds.iter().zip(&at.z).map(|(d, z)| d * (z - at.b)).sum::<f64>();
        let square = a * db * db + ds.iter().zip(dz).map(|(d, z)| d * (z - db)).sum::<f64>();
        // Slope and curvature along it.
        let bent = |t: f64| {
            let z: Vec<f64> = at.z.iter().zip(dz).map(|(z, d)| z + t * d).collect();
            let (r, w, _) = self.slopes(&z);
            let bend: f64 = w.iter().zip(dz).map(|(w, d)| w * d * d).sum();
            (dot(&r, dz) + linear + t * square, bend + square)
        };
        let first = bent(0.0).0;
        if !(first < 0.0) {
            return None;
        }
        let (mut low, mut high, mut t) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..TRIES {
            let (slope, bend) = bent(t);
            if slope.abs() <= FLAT * first.abs() {
                return Some(t);
            }
            *(if slope < 0.0 { &mut low } else { &mut high }) = t;
            let newton = t - slope / bend;
            t = match newton {
                _ if newton > low && newton < high => newton,
                _ if high.is_finite() => 0.5 * (low + high),
                _ => 4.0 * t,
            };
        }
        (low > 0.0).then_some(low)
    }
}
