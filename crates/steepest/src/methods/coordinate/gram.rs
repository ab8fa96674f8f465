//! The curvature of a loss over some columns of a table, from all rows or from some.
use super::frame::Frame;
use crate::gram::mirror;
use crate::held::{Held, Jets};
use crate::linalg::factor::append;
use crate::linalg::strided::{MatMut, MatRef, gemm};
use crate::parallel::cancel;
use crate::parallel::pool::pool;
use std::ops::Range;

/// Σ share·h·x̃x̃′ over a working set in units of the columns, and what the intercept adds.
#[derive(Default)]
pub(super) struct Gram {
    /// The matrix, row after row.
    pub matrix: Vec<f64>,
    /// Σ share·h·x̃, where one output's intercept is taken out of the set.
    pub cross: Vec<f64>,
    /// Σ share·h, by outputs.
    pub total: Vec<f64>,
}

crate::state!(Gram { matrix, cross, total });

/// Rows of a block: together with a working set of some hundred columns they stay in the cache.
const BLOCK: usize = 128;
/// Parts that the rows are split in, whatever the number of threads.
const PARTS: usize = 8;

/// Some rows as runs: all, or about `m` spread evenly, in runs of 32.
pub(super) fn runs(n: usize, m: usize) -> Vec<Range<usize>> {
    if m >= n {
        return (0..n).step_by(BLOCK).map(|i| i..(i + BLOCK).min(n)).collect();
    }
    let count = m.div_ceil(32).max(1);
    (0..count)
        .map(|k| {
            let (low, high) = (k * n / count, (k + 1) * n / count);
            let room = (high - low).saturating_sub(32);
            // Jittered, so that no period of the table is met.
            let jitter = (k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            let from = low + if room > 0 { jitter as usize % (room + 1) } else { 0 };
            from..(from + 32).min(high)
        })
        .collect()
}

/// The coordinates of a working set as columns: those of the table, less a shift and times a number each, and columns
/// of ones for intercepts.
pub(super) struct Set<'a> {
    rows: &'a Held<'a>,
    /// Columns of the table that are used, ascending.
    named: Vec<u32>,
    /// Of each coordinate its column's place among those (none: ones), and its output.
    place: Vec<(Option<usize>, usize)>,
    shift: &'a [f64],
    unit: &'a [f64],
    /// Whether curvature is at least what would take a row's loss to 0: for steps from where it tells nothing.
    guarded: bool,
}

impl<'a> Set<'a> {
    pub fn new(
        rows: &'a Held<'a>,
        frame: &Frame,
        set: &[u32],
        shift: &'a [f64],
        unit: &'a [f64],
        guarded: bool,
    ) -> Self {
        let mut named: Vec<u32> =
            set.iter().filter_map(|&a| frame.column(a as usize)).map(|j| j as u32).collect();
        named.sort_unstable();
        named.dedup();
        let place = |a: &u32| {
            let column = frame.column(*a as usize).map(|j| j as u32);
            let at = column.map(|j| named.binary_search(&j).expect("named above"));
            (at, frame.output(*a as usize))
        };
        let place = set.iter().map(place).collect();
        Set { rows, named, place, shift, unit, guarded }
    }

    /// Rows of one run, each times the root of its share of the curvature: one a row, or with several outputs one
    /// an output. `each` is told every row's x̃ with its h·share before, where there is one output.
    fn fill(
        &self,
        run: &Range<usize>,
        total: &mut [f64],
        mut each: impl FnMut(f64, &[f64]),
    ) -> (Vec<f64>, f64) {
        let (rows, k) = (self.rows, self.place.len());
        let outputs = total.len();
        let n = run.len();
        let margin = &rows.margins[run.start * outputs..run.end * outputs];
        let Jets { value, slope, curvature: mut bend } = rows.jets_of(run.clone(), margin);
        let mut raw = vec![0.0; n * self.named.len()];
        rows.select(run.clone(), &self.named, &mut raw);
        let mut x = vec![0.0; n * outputs * k];
        let mut row = vec![0.0; k];
        let mut shares = 0.0;
        for (r, i) in run.clone().enumerate() {
            let share = rows.share[i];
            shares += share;
            let raw = &raw[r * self.named.len()..(r + 1) * self.named.len()];
            for (a, (at, _)) in self.place.iter().enumerate() {
                row[a] = (at.map_or(1.0, |at| raw[at]) - self.shift[a]) * self.unit[a];
            }
            if outputs == 1 {
                let h = if share > 0.0 {
                    share * row_curvature(self.guarded, value[r], slope[r], bend[r])
                } else {
                    0.0
                };
                total[0] += h;
                each(h, &row);
                let root = h.sqrt();
                x[r * k..(r + 1) * k].iter_mut().zip(&row).for_each(|(x, v)| *x = root * v);
                continue;
            }
            let p = &mut bend[r * outputs..(r + 1) * outputs];
            if self.guarded {
                p.iter_mut().for_each(|p| *p = 0.9 * *p + 0.1 / outputs as f64);
            }
            // diag(p) − p p′ = Σ_c p_c (e_c − p)(e_c − p)′, with 1 − p_c as the sum of the others: where p_c is next to
            // 1 it keeps its digits so, and the outputs together keep adding up to 0.
            for c in 0..outputs {
                let others: f64 = (0..outputs).filter(|l| *l != c).map(|l| p[l]).sum();
                total[c] += share * p[c] * others;
                let root = (share * p[c]).sqrt();
                let to = &mut x[(r * outputs + c) * k..][..k];
                for ((to, v), (_, o)) in to.iter_mut().zip(&row).zip(&self.place) {
                    *to = root * v * if c == *o { others } else { -p[*o] };
                }
            }
        }
        (x, shares)
    }

    /// The matrix of the rows in `runs`.
    pub fn gram(&self, runs: &[Range<usize>], outputs: usize) -> Gram {
        let k = self.place.len();
        // A part brings a matrix of its own: fewer where it is large.
        let parts = if k > 1024 { 2 } else { PARTS };
        let per = runs.len().div_ceil(parts).max(1);
        let sums = pool().map(runs.len().div_ceil(per), |p| {
            let mut g =
                Gram { matrix: vec![0.0; k * k], cross: vec![0.0; k], total: vec![0.0; outputs] };
            let mut shares = 0.0;
            for run in &runs[p * per..((p + 1) * per).min(runs.len())] {
                cancel::check();
                let cross = &mut g.cross;
                let (x, s) = self.fill(run, &mut g.total, |h, row| {
                    cross.iter_mut().zip(row).for_each(|(c, v)| *c += h * v);
                });
                shares += s;
                if self.rows.dense() {
                    square(&x, k, &mut g.matrix);
                } else {
                    outer(&x, k, &mut g.matrix);
                }
            }
            (g, shares)
        });
        let rows: usize = runs.iter().map(ExactSizeIterator::len).sum();
        let mut all =
            Gram { matrix: vec![0.0; k * k], cross: vec![0.0; k], total: vec![0.0; outputs] };
        let (mut share, n) = (0.0, self.rows.len());
        for (g, s) in sums {
            all.matrix.iter_mut().zip(&g.matrix).for_each(|(a, b)| *a += b);
            all.cross.iter_mut().zip(&g.cross).for_each(|(a, b)| *a += b);
            all.total.iter_mut().zip(&g.total).for_each(|(a, b)| *a += b);
            share += s;
        }
        if self.rows.dense() {
            mirror(&mut all.matrix, k);
        }
        if rows < n && share > 0.0 {
            // The rows stand for all.
            all.matrix
                .iter_mut()
                .chain(&mut all.cross)
                .chain(&mut all.total)
                .for_each(|v| *v /= share);
        }
        all
    }

    /// Rows of k numbers whose square is the same matrix: all of them, or R of their QR where they are many.
    pub fn root(&self, runs: &[Range<usize>], outputs: usize) -> Vec<f64> {
        let k = self.place.len();
        let n: usize = runs.iter().map(|r| r.len() * outputs).sum();
        let mut rows = Vec::new();
        let mut r = vec![0.0; if n > 2 * k { k * k } else { 0 }];
        let mut shares = 0.0;
        for run in runs {
            cancel::check();
            let (x, s) = self.fill(run, &mut vec![0.0; outputs], |_, _| {});
            shares += s;
            if r.is_empty() {
                rows.extend(x);
            } else {
                append(&mut r, &x, k);
            }
        }
        let mut rows = if r.is_empty() { rows } else { r };
        if n < self.rows.len() * outputs && shares > 0.0 {
            rows.iter_mut().for_each(|v| *v /= shares.sqrt());
        }
        rows
    }
}

/// The curvature of a row. Guarded it is at least slope²/2·value: a parabola that promises no less than 0, which
/// no loss undercuts.
pub(super) fn row_curvature(guarded: bool, value: f64, slope: f64, bend: f64) -> f64 {
    let least = if guarded && value > 0.0 { 0.5 * slope * (slope / value) } else { 0.0 };
    let h = bend.max(least);
    if h.is_finite() { h } else { 0.0 }
}

/// Rows of a matrix that are added to at once.
const STRIP: usize = 128;

/// Adds x′x of rows of k, above the diagonal and what else comes with its strips.
fn square(x: &[f64], k: usize, to: &mut [f64]) {
    if k == 0 {
        return;
    }
    let x = MatRef::of(x, x.len() / k, k, k);
    for (s, strip) in MatMut::of(to, k, k, k).strips(STRIP).enumerate() {
        let (from, high) = (s * STRIP, strip.shape().0);
        let left = x.columns(from, from + high).transposed();
        gemm(1.0, left, x.columns(from, k), 1.0, strip.columns(from, k));
    }
}

/// The same over the entries that are not zero.
fn outer(x: &[f64], k: usize, to: &mut [f64]) {
    let mut there = Vec::with_capacity(k);
    for row in x.chunks_exact(k.max(1)) {
        there.clear();
        there.extend((0..k).filter(|&j| row[j] != 0.0));
        for &i in &there {
            for &j in &there {
                to[i * k + j] += row[i] * row[j];
            }
        }
    }
}
