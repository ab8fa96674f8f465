//! The table as it is read: columns far from 0 less a centre, several targets a row.
use super::super::rows::CentredRows;
use super::super::{SQUARES, Squares, TooLarge};
use crate::design::{Design, rows_per_part};
use crate::designs::centred::Centred;
use crate::linalg::gemm::{Begin, Packed, Right, Strides, multiply};
use crate::parallel::cancel;
use crate::parallel::pool::pool;
use std::ops::Range;

/// Beyond so many deviations a mean costs digits that matter.
const FAR: f64 = 1e3;
/// Rows of a block whose products are summed at once, and columns of a product.
const BLOCK: usize = 128;
const STRIP: usize = 64;
/// Parts that the rows are split in, whatever the number of threads; fewer where each brings a large matrix.
const PARTS: usize = 8;
const LARGE: usize = 1 << 20;

/// A table, its shares and targets, and the moments of its columns.
pub(super) struct Seen<'a> {
    /// `centre` is what is taken off the columns that are far from 0; 0 of all others.
    pub rows: CentredRows<'a>,
    far: Vec<u32>,
    by: Vec<f64>,
    /// Means of the columns as they are seen, 0 without an intercept, and deviations about them.
    mean: Vec<f64>,
    pub deviation: Vec<f64>,
}

/// What one read says of some coefficients.
pub(super) struct Read {
    /// Σ share · r² / 2, with the intercepts that are best.
    pub loss: f64,
    /// The same of each target.
    each: Vec<f64>,
    /// Σ share · r x, of each target its columns.
    pub slopes: Vec<f64>,
    /// What the best intercepts are above the targets' levels, of the columns as they are seen.
    pub shift: Vec<f64>,
}

/// The sums of a part of the rows: slopes, and of each target Σ share · r and Σ share · r².
type Sums = (Vec<f64>, Vec<[f64; 2]>);

impl<'a> Seen<'a> {
    pub fn new(of: &'a Squares<'a>) -> Result<Self, TooLarge> {
        let mut rows = CentredRows::new(of);
        let (n, d) = (rows.n(), rows.d());
        let mut mean = std::mem::replace(&mut rows.centre, vec![0.0; d]);
        let sums = pool().map(PARTS.min(n), |p| {
            let here = n * p / PARTS.min(n)..n * (p + 1) / PARTS.min(n);
            let (mut sum, mut square) = (vec![0.0; d], vec![0.0; d]);
            of.design.moments(here.clone(), &rows.share[here], &mut sum, &mut square);
            square
        });
        let mut deviation = vec![0.0; d];
        for square in sums {
            deviation.iter_mut().zip(square).for_each(|(v, s)| *v += s);
        }
        if deviation.iter().chain(&mean).any(|v| !v.is_finite()) {
            return Err(TooLarge(SQUARES.into()));
        }
        deviation.iter_mut().zip(&mean).for_each(|(v, m)| *v = (*v - m * m).max(0.0).sqrt());
        let far: Vec<u32> = (0..d as u32)
            .filter(|&j| mean[j as usize].abs() > FAR * deviation[j as usize])
            .collect();
        let by: Vec<f64> = far.iter().map(|&j| mean[j as usize]).collect();
        for (&j, by) in far.iter().zip(&by) {
            (rows.centre[j as usize], mean[j as usize]) = (*by, 0.0);
        }
        let mut seen = Seen { rows, far, by, mean, deviation };
        seen.look_again();
        Ok(seen)
    }

    /// Means and deviations of the far columns as they are seen.
    fn look_again(&mut self) {
        let f = self.far.len();
        if f == 0 {
            return;
        }
        let sums = self.blocks(|some, (sums, x): &mut (Vec<[f64; 2]>, Vec<f64>)| {
            sums.resize(f, [0.0; 2]);
            self.select(&some, &self.far, x);
            for (row, i) in x.chunks_exact(f).zip(some) {
                for (v, s) in row.iter().zip(&mut *sums) {
                    s[0] += self.rows.share[i] * v;
                    s[1] += self.rows.share[i] * v * v;
                }
            }
        });
        for (k, &j) in self.far.iter().enumerate() {
            let of = |m: usize| sums.iter().map(|s| s.0[k][m]).sum::<f64>();
            self.mean[j as usize] = of(0);
            self.deviation[j as usize] = (of(1) - of(0) * of(0)).max(0.0).sqrt();
        }
    }

    /// The root mean square of a column as it is seen.
    pub fn size(&self, j: usize) -> f64 {
        self.mean[j].hypot(self.deviation[j])
    }

    fn design(&self) -> Centred<'_> {
        Centred::new(self.rows.of.design, &self.far, &self.by)
    }

    fn select(&self, rows: &Range<usize>, columns: &[u32], x: &mut Vec<f64>) {
        let named: Vec<u32> = rows.clone().map(|i| i as u32).collect();
        x.resize(named.len() * columns.len(), 0.0);
        self.design().select(&named, columns, x);
    }

    /// Goes through blocks of rows, in parts by the data alone; what each part has made of its own.
    fn blocks<T: Default + Send>(&self, visit: impl Fn(Range<usize>, &mut T) + Sync) -> Vec<T> {
        self.blocks_in(PARTS, visit)
    }
    fn blocks_in<T: Default + Send>(
        &self,
        parts: usize,
        visit: impl Fn(Range<usize>, &mut T) + Sync,
    ) -> Vec<T> {
        let n = self.rows.n();
        let per = n.div_ceil(parts).next_multiple_of(BLOCK);
        pool().map(n.div_ceil(per), |p| {
            let (mut own, end) = (T::default(), ((p + 1) * per).min(n));
            for at in (p * per..end).step_by(BLOCK) {
                cancel::check();
                visit(at..(at + BLOCK).min(end), &mut own);
            }
            own
        })
    }

    /// One read of the table.
    pub fn read(&self, w: &[f64]) -> Read {
        let (n, d, t) = (self.rows.n(), self.rows.d(), self.rows.t());
        let design = self.design();
        let none = w.iter().all(|w| *w == 0.0);
        let mean = |w: &[f64]| w.iter().zip(&self.mean).map(|(w, m)| w * m).sum::<f64>();
        let taken: Vec<f64> = w.chunks_exact(d).map(mean).collect();
        let (part, block) = (rows_per_part(&design, d * t), design.block());
        let sums: Vec<Sums> = pool().map(n.div_ceil(part), |p| {
            let (mut slopes, mut sums) = (vec![0.0; d * t], vec![[0.0; 2]; t]);
            let mut r = vec![0.0; block * t];
            let end = ((p + 1) * part).min(n);
            for at in (p * part..end).step_by(block) {
                cancel::check();
                let here = at..(at + block).min(end);
                let r = &mut r[..here.len() * t];
                if none {
                    r.fill(0.0);
                } else {
                    design.margins(here.clone(), 0..0, w, t, r);
                }
                for (r, i) in r.chunks_exact_mut(t).zip(here.clone()) {
                    let share = self.rows.share[i];
                    for (k, r) in r.iter_mut().enumerate() {
                        let y = self.rows.of.targets[k * n + i] - self.rows.level[k];
                        let left = y - (*r - taken[k]);
                        *r = share * left;
                        sums[k][0] += *r;
                        sums[k][1] += *r * left;
                    }
                }
                design.accumulate(here, 0..0, r, t, &mut slopes);
            }
            (slopes, sums)
        });
        let (mut slopes, mut each, mut shift) = (vec![0.0; d * t], vec![0.0; t], vec![0.0; t]);
        for (part, sums) in sums {
            slopes.iter_mut().zip(part).for_each(|(a, b)| *a += b);
            for k in 0..t {
                shift[k] += sums[k][0];
                each[k] += 0.5 * sums[k][1];
            }
        }
        if self.rows.of.intercept {
            for (k, g) in slopes.chunks_exact_mut(d).enumerate() {
                each[k] = (each[k] - 0.5 * shift[k] * shift[k]).max(0.0);
                g.iter_mut().zip(&self.mean).for_each(|(g, m)| *g -= m * shift[k]);
                shift[k] -= taken[k];
            }
        }
        Read { loss: each.iter().sum(), each, slopes, shift }
    }

    /// What rounding of the margins can hide of the value.
    pub fn hidden(&self, read: &Read, w: &[f64]) -> f64 {
        let d = self.rows.d();
        let per = super::unit_of(d);
        let of = |(w, each): (&[f64], &f64)| {
            let size = |(j, w): (usize, &f64)| w.abs() * self.size(j);
            let off = per * w.iter().enumerate().map(size).sum::<f64>();
            off * (2.0 * each).sqrt() + 0.5 * off * off
        };
        w.chunks_exact(d.max(1)).zip(&read.each).map(of).sum()
    }

    /// Adds columns to a working set and to Σ share · x x′ over it, the columns about their means.
    pub fn extend(&self, set: &mut Vec<u32>, gram: &mut Vec<f64>, more: &[u32]) {
        let (old, new) = (set.len(), more.len());
        if new == 0 {
            return;
        }
        set.extend(more);
        let s = set.len();
        let mut named = set.clone();
        named.sort_unstable();
        let at = |j: &u32| named.binary_search(j).expect("named above");
        let place: Vec<(usize, f64)> =
            set.iter().map(|j| (at(j), self.mean[*j as usize])).collect();
        type Work = (Vec<f64>, Vec<f64>, Vec<f64>, Packed<f64>);
        let sums =
            self.blocks_in(if s * new > LARGE { 2 } else { PARTS }, |some, work: &mut Work| {
                let (sum, raw, x, packed) = work;
                sum.resize(s * new, 0.0);
                x.resize(BLOCK * s, 0.0);
                self.select(&some, &named, raw);
                let count = some.len();
                for ((raw, x), i) in raw.chunks_exact(s).zip(x.chunks_exact_mut(s)).zip(some) {
                    let root = self.rows.share[i].sqrt();
                    x.iter_mut()
                        .zip(&place)
                        .for_each(|(x, (at, mean))| *x = (raw[*at] - mean) * root);
                }
                let all = Strides::rows(&x[..count * s], count, s, s);
                for from in (0..new).step_by(STRIP) {
                    let to = (from + STRIP).min(new);
                    packed.pack(all.columns(old + from, old + to));
                    let left = all.columns(0, old + to).transposed();
                    multiply(left, Right::Packed(packed), Begin::There, &mut sum[from..], new);
                }
            });
        let kept = std::mem::replace(gram, vec![0.0; s * s]);
        for (i, row) in kept.chunks_exact(old.max(1)).enumerate() {
            gram[i * s..i * s + old].copy_from_slice(row);
        }
        for c in 0..new {
            for i in 0..=old + c {
                let v = sums.iter().map(|w| w.0[i * new + c]).sum::<f64>();
                gram[i * s + old + c] = v;
                gram[(old + c) * s + i] = v;
            }
        }
    }
}
