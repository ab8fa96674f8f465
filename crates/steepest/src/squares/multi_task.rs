//! Several targets at once, each column's coefficients kept or dropped together: least squares with the sum of the lengths
//! that the columns' coefficients have over the targets.
//!
//! A working set of columns, their Gram matrix, and in it descent by columns and Newton's steps; one read of the table then
//! says which columns want to be in, and proves by a dual point, the residual made smaller until no column's slope is longer
//! than the penalty allows, how far the value is from its least.
//!
//! Obozinski, Taskar and Jordan 2010, <https://doi.org/10.1007/s11222-008-9111-x>; Massias, Gramfort and Salmon 2018.
mod face;
mod seen;
mod smoothed;

use super::{Bounded, SQUARES, Squares, TooLarge};
use crate::certificate::{Certificate, Kind};
use crate::descend::Solution;
use crate::linalg::vectors::room;
use crate::parallel::cancel;
use crate::status::{Budget, Status, single};
use crate::watch::Counts;
use face::Face;
use seen::{Read, Seen};
use std::time::Instant;

/// Columns that a working set begins with.
const FEW: usize = 100;
/// The part of what is asked for that is left to a working set.
const INSIDE: f64 = 0.1;
/// Columns up to which a set is solved to the end, and the part of a bound that is left to a larger one that may grow.
const SMALL: usize = 200;
const ROUGH: f64 = 1e-2;
/// Lengths begin to cost this part of what leaves no column in use, and go on to this part of what they cost, as soon as the
/// bound is so small beside the value: near interpolation columns in use are hard to tell from a point far off.
const STAGES: f64 = 0.25;
const STAGED: f64 = 1e-2;
/// Reads that prove nothing more before the arithmetic is at its end.
const STUCK: u32 = 3;
/// What more than so much of what rounding may explain is no rounding.
const SLACK: f64 = 16.0;
const ASSUMPTION: &str = "a dual point was found on all rows";

/// What is known of some coefficients.
#[derive(Clone, Copy)]
struct Proven {
    value: f64,
    bound: f64,
    rounding: f64,
}

impl Squares<'_> {
    /// Minimises Σ share · |y − xW − b|² / 2 + ridge · ‖W‖² / 2 + `lengths` · Σ_j |W_j|, W_j a column's coefficients over all
    /// targets. The answer's point is each target's coefficients, then the intercepts, if there are any. Begins at `start`,
    /// coefficients in the same order, where one is given.
    ///
    /// # Panics
    ///
    /// Where `lengths` is not above 0, or `start` has another length.
    pub fn multi_task(
        &self,
        lengths: f64,
        start: Option<&[f64]>,
        iterations: u64,
    ) -> Result<Solution, TooLarge> {
        assert!(lengths > 0.0, "without lengths each target is a problem of its own");
        let begun = Instant::now();
        let table = Seen::new(self)?;
        let (d, t) = (table.rows.d(), table.rows.t());
        let null: f64 = table.rows.null().iter().sum();
        if !null.is_finite() {
            return Err(TooLarge(SQUARES.into()));
        }
        let mut w = start.map_or_else(|| vec![0.0; d * t], <[f64]>::to_vec);
        assert_eq!(w.len(), d * t, "a coefficient for each target and column");
        let (mut counts, mut stuck, mut inside) = (Counts::default(), 0, INSIDE);
        let mut face = Face::new(t, lengths, self.ridge);
        let mut read = table.read(&w);
        let mut known = self.known(&table, &read, &w, lengths);
        if start.is_some() && !(known.value <= null) {
            // No start is worth more than no coefficients.
            w.fill(0.0);
            read = table.read(&w);
            known = self.known(&table, &read, &w, lengths);
        }
        let mut best = (known, w.clone(), read.shift.clone());
        // What the lengths cost now: from more than is asked for down to that, unless there is a start.
        let mut stage = if start.is_some() {
            lengths
        } else {
            let steepest = (0..d).map(|j| slope(&read, d, j)).fold(0.0, f64::max);
            lengths.max(STAGES * steepest)
        };
        let mut here = self.known(&table, &read, &w, stage);
        let mut least = here.bound;
        let status = loop {
            let target = self.target(known.value, null);
            counts.passes += 2.0;
            (counts.values, counts.gradients) = (counts.values + 1, counts.gradients + 1);
            if !known.value.is_finite() {
                return Err(TooLarge(SQUARES.into()));
            }
            if known.bound <= target {
                break Status::Converged;
            }
            if stuck >= STUCK && stage <= lengths {
                break Status::PrecisionLimit;
            }
            if counts.iterations >= iterations {
                break Status::Budget(Budget::Iterations);
            }
            cancel::check();
            while stage > lengths && (stuck >= STUCK || here.bound <= STAGED * here.value) {
                stage = lengths.max(STAGES * stage);
                here = self.known(&table, &read, &w, stage);
                (stuck, inside, least) = (0, INSIDE, here.bound);
            }
            face.lengths = stage;
            let more = wanted(&face, &table, &read, stage, self.ridge);
            room((face.set.len() + more.len()).pow(2)).map_err(|e| {
                TooLarge(format!("the columns in use need products of {e}: take a larger alpha"))
            })?;
            if more.is_empty() {
                inside *= INSIDE;
            }
            table.extend(&mut face.set, &mut face.gram, &more);
            counts.passes += more.len() as f64 / d.max(1) as f64;
            // A large set is solved as far as the rest of the table is known.
            let known_of =
                if more.is_empty() || face.set.len() <= SMALL { 0.0 } else { ROUGH * here.bound };
            let asked = if stage > lengths { STAGED * here.value } else { target };
            face.solve(&mut w, &read, (inside * asked).max(known_of));
            counts.iterations += 1;
            read = table.read(&w);
            known = self.known(&table, &read, &w, lengths);
            here = if stage > lengths { self.known(&table, &read, &w, stage) } else { known };
            stuck = if here.bound < 0.9 * least || !more.is_empty() { 0 } else { stuck + 1 };
            least = least.min(here.bound);
            if known.bound <= best.0.bound {
                best = (known, w.clone(), read.shift.clone());
            }
        };
        let (known, w, shift) = best;
        let mut s = self.handed_over(&table, (known, w, shift), lengths, null);
        s.status = status.admitted(s.certificate.as_ref());
        s.counts = counts;
        s.seconds = begun.elapsed().as_secs_f64();
        Ok(s)
    }

    fn target(&self, value: f64, null: f64) -> f64 {
        (self.tolerance * value.max(1e-12 * null)).max(f64::MIN_POSITIVE)
    }

    /// The value at coefficients that were read, and how far it is from its least at most: by the residual itself as the dual
    /// point, and by the residual made smaller until it is one where there are no squares beside the lengths.
    fn known(&self, table: &Seen<'_>, read: &Read, w: &[f64], lengths: f64) -> Proven {
        let (d, ridge) = (table.rows.d(), self.ridge);
        let steep = (2.0 * read.loss).sqrt();
        let each: Vec<[f64; 4]> = (0..d)
            .map(|j| {
                let (mut own, mut slope, mut both) = (0.0, 0.0, 0.0);
                for (w, g) in w.chunks_exact(d).zip(read.slopes.chunks_exact(d)) {
                    own += w[j] * w[j];
                    slope += g[j] * g[j];
                    both += w[j] * g[j];
                }
                [own.sqrt(), slope.sqrt(), both, 2.0 * f64::EPSILON * steep * table.size(j)]
            })
            .collect();
        let penalty = |own: f64| lengths * own + 0.5 * ridge * own * own;
        let value = read.loss + each.iter().map(|e| penalty(e[0])).sum::<f64>();
        let gap = |c: f64| {
            let of = |&[own, slope, both, off]: &[f64; 4]| {
                let past = (c * (slope + off) - lengths).max(0.0);
                let conjugate = if ridge > 0.0 { 0.5 * past * past / ridge } else { 0.0 };
                (penalty(own) + conjugate - c * (both - own * off)).max(0.0)
            };
            (1.0 - c).powi(2) * read.loss + each.iter().map(of).sum::<f64>()
        };
        let most = each.iter().fold(0.0, |m: f64, e| m.max(e[1] + e[3]));
        let within = (lengths / most * (1.0 - 4.0 * f64::EPSILON)).min(1.0);
        let mut least = gap(within).min(value);
        if ridge > 0.0 {
            least = least.min(gap(1.0));
        }
        let rounding = table.hidden(read, w) + 4.0 * unit_of(d) * value;
        Proven { value, bound: least * (1.0 + 1e-6) + rounding, rounding }
    }

    /// The answer, its coefficients and intercepts rounded as they are handed over, with what is true of that.
    fn handed_over(
        &self,
        table: &Seen<'_>,
        (found, mut w, mut shift): (Proven, Vec<f64>, Vec<f64>),
        lengths: f64,
        null: f64,
    ) -> Solution {
        let (d, t) = (table.rows.d(), table.rows.t());
        let (mut known, mut explained) = (found, 0.0);
        if self.single {
            w.iter_mut().for_each(|w| *w = f64::from(*w as f32));
            let read = table.read(&w);
            let rounded = self.known(table, &read, &w, lengths);
            let cost = (rounded.value - found.value).max(0.0);
            known = Proven {
                value: rounded.value,
                bound: rounded.bound.min(found.bound + cost + rounded.rounding),
                rounding: found.rounding,
            };
            shift = read.shift;
            explained = (2.0 * cost).min(single(rounded.value, null));
        }
        let mut judged = Bounded { value: known.value, bound: known.bound, rounding: explained };
        if self.intercept {
            for k in 0..t {
                let b = self.intercept_of(
                    &table.rows,
                    k,
                    &w[k * d..(k + 1) * d],
                    shift[k],
                    null,
                    &mut judged,
                );
                w.push(b);
            }
        }
        let certificate = Certificate {
            kind: Kind::DualityGap,
            bound: judged.bound,
            target: self.target(judged.value, null),
            rounding: (SLACK * known.rounding).min(1e-6 * null.max(judged.value)) + judged.rounding,
            assumption: ASSUMPTION,
        };
        Solution {
            x: w,
            value: judged.value,
            violation: 0.0,
            status: Status::Converged,
            certificate: Some(certificate),
            counts: Counts::default(),
            seconds: 0.0,
            history: Vec::new(),
            path: Vec::new(),
            findings: Vec::new(),
            gradient: None,
            resumed: None,
        }
    }
}

/// Rounding of a sum of so many products, relative to their sizes.
fn unit_of(n: usize) -> f64 {
    f64::EPSILON * (4.0 + 0.25 * (n as f64).sqrt().min(64.0))
}

/// How long a column's slopes are over the targets.
fn slope(read: &Read, d: usize, j: usize) -> f64 {
    read.slopes.chunks_exact(d).map(|g| g[j] * g[j]).sum::<f64>().sqrt()
}

/// Columns outside of the working set whose slopes are longer than the penalty allows: those that promise the most, at most
/// as many as make it twice those in use, and a quarter more in any case.
fn wanted(face: &Face, table: &Seen<'_>, read: &Read, lengths: f64, ridge: f64) -> Vec<u32> {
    let d = table.rows.d();
    let mut inside = vec![false; d];
    face.set.iter().for_each(|&j| inside[j as usize] = true);
    let promise = |j: usize| {
        let past = (slope(read, d, j) - lengths).max(0.0);
        let curvature = table.deviation[j].powi(2) + ridge;
        if curvature > 0.0 { past * (past / curvature) } else { 0.0 }
    };
    let mut all: Vec<(f64, u32)> = (0..d)
        .filter(|&j| !inside[j])
        .map(|j| (promise(j), j as u32))
        .filter(|p| p.0 > 0.0)
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let most = FEW.max(2 * face.used()).saturating_sub(face.set.len());
    all.truncate(most.max(face.set.len() / 4).max(10));
    all.into_iter().map(|p| p.1).collect()
}
