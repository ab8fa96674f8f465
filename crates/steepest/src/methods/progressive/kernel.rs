//! A table with far fewer rows than columns, made square: the best coefficients are A⁻¹X′s for some s, one number a
//! row, so with K = XA⁻¹X′ only s is looked for. Of one output Newton's method finds it (`kernel_newton`); of several, and
//! where that finds none, K = LL′: the same objective is that of the table L with the penalty ½ |c|², c = L′s.
//!
//! Newton's method asks for no more digits of K than its steps need: under penalties that are not next to nothing K is of short
//! numbers, whose products and factors take half the time, and what the margins of the table itself then say is missing is made
//! good by steps with the same K. Under weaker ones (2000 rows, 5000 raw columns, C = 1) those ended next to the least value, and
//! hundreds of reads had to follow: three times the time.
//!
//! Kimeldorf and Wahba 1971, <https://doi.org/10.1016/0022-247X(71)90184-3>.
use super::lbfgs::Walk;
use super::{Work, kernel_newton};
use crate::designs::dense::Dense;
use crate::linalg::cholesky::{self, Factored};
use crate::linalg::gemm::{Begin, Multiplies, Packed, Right, Strides, multiply};
use crate::method::Step;
use crate::objective::{Ask, Rows};
use crate::parallel::pool::pool;
use crate::penalties::l2::L2;
use crate::penalty;
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::table::{OfRows, Table};
use std::sync::{Mutex, PoisonError};

/// Columns taken at once: rows of so many do not all begin at the same place of a cache.
const COLUMNS: usize = 520;
/// Rows that a thread reads at once, and rows of K that it updates.
const STRIP: usize = 128;
/// Rows that a thread turns into standardised variables at once.
const SOME: usize = 16;
/// The least tolerance that a K of short numbers serves: to prove more takes a hundred reads.
const SERVES: f64 = 1e-8;
/// What rounding may make of that sum, beside 1: rows bend by a quarter of what they could at most, and most by far less.
const LOST: f64 = 8.0;
/// How often Newton's method begins with a K of short numbers, and with one of long ones.
const ROUNDS: [usize; 2] = [4, 1];
/// What short numbers may be: their products are neither lost nor without end.
const SHORT: std::ops::Range<f64> = 1e-15..1e30;
/// Steps on the square table at most.
const STEPS: usize = 20_000;

/// What it costs to make the square table and to solve it, in passes; none where it could not be, or would not be smaller.
pub fn price(table: &Table, penalty: &[f64]) -> Option<f64> {
    let (n, d, width) = (table.rows, table.columns, table.width());
    let held = penalty.iter().enumerate().all(|(j, a)| *a > 0.0 || j % width == d);
    let smaller = 2 * n <= d && super::shape::fits(table, n * n);
    // K, and some six factors; of one output in short numbers.
    let flops = (n * n) as f64 * (d + 2 * n) as f64 * if table.outputs == 1 { 0.5 } else { 1.0 };
    (held && smaller).then(|| super::shape::passes(table, flops))
}

impl Work {
    /// Solves the square table and goes where its optimum leads. The bound is that of the square table, and what the
    /// way back has cost.
    pub(super) fn squared(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
    ) -> Result<Step, Halt> {
        problem.spend(1.0)?;
        // Interior points end where digits do.
        let serves = self.table.outputs == 1 && problem.tolerance() >= SERVES;
        if serves && self.short() && !problem.rows(None)?.0.half_squares() {
            let kernel: Vec<f32> = self.kernel(problem)?;
            let mut diagonal = kernel.iter().step_by(self.table.rows + 1);
            if diagonal.all(|v| SHORT.contains(&f64::from(*v)))
                && let Some(step) = self.by_rows(problem, &kernel, x, ROUNDS[0])?
            {
                return Ok(step);
            }
        }
        let kernel: Vec<f64> = self.kernel(problem)?;
        if self.table.outputs == 1
            && let Some(step) = self.by_rows(problem, &kernel, x, ROUNDS[1])?
        {
            return Ok(step);
        }
        self.by_table(problem, kernel, x)
    }

    /// By Newton's method in one number a row, begun so often at most: from the second time on with the margins that the table
    /// itself has there. None where that leads nowhere, or not to the end though it was to be begun again.
    fn by_rows<N: Factored>(
        &mut self,
        problem: &mut Problem<'_>,
        kernel: &[N],
        x: &mut [f64],
        rounds: usize,
    ) -> Result<Option<Step>, Halt> {
        let mut known = None;
        for _ in 0..rounds {
            let Some(found) = self.newton(problem, kernel, known)? else { break };
            let intercept = self.table.intercept.then_some(found.intercept);
            let u = self.back(problem, &found.s, intercept.as_slice())?;
            if self.moved(problem, u)?.is_none() {
                break;
            }
            let step = self.report(problem, x, 1.0)?;
            if step.verdict.is_some() || rounds == 1 {
                return Ok(Some(step));
            }
            known = Some(found.s);
        }
        Ok(None)
    }

    /// The best number a row, from the slopes where it stands, of the numbers that led there where these are known.
    fn newton<N: Factored>(
        &self,
        problem: &mut Problem<'_>,
        kernel: &[N],
        known: Option<Vec<f64>>,
    ) -> Result<Option<kernel_newton::RowNumbers>, Halt> {
        let tolerance = problem.tolerance();
        let (rows, mut meter) = problem.rows(Some(self.walk.here))?;
        let d = self.table.columns;
        let (intercept, b) = if self.table.intercept {
            (Some(self.penalty[d]), self.walk.u[d])
        } else {
            (None, 0.0)
        };
        let about = kernel_newton::About { kernel, rows: &rows, intercept, tolerance };
        kernel_newton::descend(&about, (b, known), &mut || meter.pause())
    }

    /// Walks on from `u`, if it is lower there: the value there.
    fn moved(&mut self, problem: &mut Problem<'_>, u: Vec<f64>) -> Result<Option<f64>, Halt> {
        let (mut g, [here, next]) = (vec![0.0; u.len()], [self.walk.here, self.walk.next]);
        let value = self.seen(problem).evaluate(&u, &mut g, next, false)?;
        if !(value < self.walk.value) {
            return Ok(None);
        }
        let metric = std::mem::replace(&mut self.walk, Walk::nowhere()).metric;
        self.walk = Walk::new(u, value, g, [next, here], metric);
        Ok(Some(value))
    }

    /// By this method itself on the square table.
    fn by_table(
        &mut self,
        problem: &mut Problem<'_>,
        kernel: Vec<f64>,
        x: &mut [f64],
    ) -> Result<Step, Halt> {
        let (n, k) = (self.table.rows, self.table.outputs);
        let root = root(kernel, n);
        let table = Dense::strided(&root, n, n, n, 1).map_err(|why| Halt::Failed(why.into()))?;
        let width = n + usize::from(self.table.intercept);
        let intercept = self.penalty.get(self.table.columns).copied().unwrap_or(0.0);
        let weight: Vec<f64> =
            (0..k * width).map(|j| if j % width < n { 1.0 } else { intercept }).collect();
        let penalty = penalty::PerCoordinate::new(L2::default(), &weight);
        let mut c = vec![0.0; k * width];
        let step = problem.over(&table, &penalty, 0.1, |square| {
            let mut inner = Work::begin(square, &c)?;
            let mut step = inner.report(square, &mut c, 0.0)?;
            for _ in 0..STEPS {
                if step.verdict.is_some() {
                    break;
                }
                step = inner.step(square, &mut c)?;
            }
            Ok(step)
        })?;
        let bound = step.certificate.map_or(f64::INFINITY, |c| c.bound);
        let found = step.value;
        let mut s = vec![0.0; n * k];
        for (o, c) in c.chunks_exact(width).enumerate() {
            let mut one = c[..n].to_vec();
            cholesky::backward(&root, &mut one);
            one.iter().enumerate().for_each(|(i, v)| s[i * k + o] = *v);
        }
        let intercepts: Vec<f64> =
            c.chunks_exact(width).filter_map(|c| c.get(n).copied()).collect();
        let u = self.back(problem, &s, &intercepts)?;
        if let Some(value) = self.moved(problem, u)? {
            let target = self.target(problem);
            let bound = bound + (value - found).abs() + self.rounding(problem)?.value;
            if bound <= target {
                self.scaling.out(&self.walk.u, x);
                return Ok(Step {
                    value,
                    residual: self.walk.promise.max(0.0) / value.abs().max(f64::MIN_POSITIVE),
                    rate: 1.0,
                    verdict: Some(Status::Converged),
                    certificate: Some(self.gap(problem, bound, target)?),
                    ..Step::default()
                });
            }
        }
        self.report(problem, x, 0.0)
    }

    /// Whether 1, beside the sum of the shares of K's diagonal, is not lost in the rounding of short numbers: where it is, as
    /// under weak penalties, the steps with such a K lead next to the end, and hundreds of others have to follow.
    fn short(&self) -> bool {
        let columns = self.scaling.scale.iter().zip(&self.penalty);
        columns.map(|(_, a)| 1.0 / a).sum::<f64>() * f64::from(f32::EPSILON) <= LOST
    }

    /// What a column is multiplied by so that its penalty is 1.
    fn factors(&self) -> Vec<f64> {
        let scale = self.scaling.scale.iter().zip(&self.penalty);
        scale.map(|(s, a)| 1.0 / (s * a.sqrt())).collect()
    }

    /// K, whole.
    fn kernel<N: Multiplies>(&self, problem: &mut Problem<'_>) -> Result<Vec<N>, Halt> {
        let n = self.table.rows;
        let factors = self.factors();
        let rows: Vec<u32> = (0..n as u32).collect();
        let held = problem.hold(Rows::All, &rows, None)?;
        let columns: Vec<u32> = (0..held.columns() as u32).collect();
        let mut gram = vec![N::default(); n * n];
        let mut block = Vec::new();
        let mut packed: Vec<Packed<N>> = vec![Packed::default(); n.div_ceil(STRIP)];
        for columns in columns.chunks(COLUMNS) {
            let w = columns.len();
            block.resize(n * w, N::default());
            let parts: Vec<_> =
                block.chunks_mut(STRIP * w).zip(&mut packed).map(Mutex::new).collect();
            pool().each(parts.len(), |p| {
                let mut part = parts[p].lock().unwrap_or_else(PoisonError::into_inner);
                let (part, packed) = &mut *part;
                let (from, rows) = (p * STRIP, part.len() / w);
                let mut raw = vec![0.0; SOME * w];
                for (some, part) in part.chunks_mut(SOME * w).enumerate() {
                    let (from, raw) = (from + some * SOME, &mut raw[..part.len()]);
                    held.select(from..from + part.len() / w, columns, raw);
                    for (row, to) in raw.chunks_exact(w).zip(part.chunks_exact_mut(w)) {
                        for ((x, to), &j) in row.iter().zip(to).zip(columns) {
                            let (centre, by) =
                                (self.scaling.centre[j as usize], factors[j as usize]);
                            *to = N::of_f64((x - centre) * by);
                        }
                    }
                }
                packed.pack(Strides::rows(part, rows, w, w).transposed());
            });
            drop(parts);
            // Of each strip of rows what lies right of the diagonal.
            let strips: Vec<_> = gram.chunks_mut(STRIP * n).map(Mutex::new).collect();
            pool().each(strips.len(), |p| {
                let mut strip = strips[p].lock().unwrap_or_else(PoisonError::into_inner);
                let rows = strip.len() / n;
                let left = Strides::rows(&block[p * STRIP * w..], rows, w, w);
                for (q, right) in packed.iter().enumerate().skip(p) {
                    multiply(left, Right::Packed(right), Begin::There, &mut strip[q * STRIP..], n);
                }
            });
        }
        crate::gram::mirror(&mut gram, n);
        Ok(gram)
    }

    /// The standardised variables of numbers a row and of intercepts, one of each an output: A⁻¹X′s.
    fn back(
        &self,
        problem: &mut Problem<'_>,
        s: &[f64],
        intercepts: &[f64],
    ) -> Result<Vec<f64>, Halt> {
        let Table { columns: d, outputs: k, .. } = self.table;
        let width = self.table.width();
        let mut sums = vec![0.0; k * d];
        let combined = OfRows::Combined { by: s, to: &mut sums };
        problem.ask(&[], Rows::All, &mut [Ask::Rows(combined)])?;
        let mut u = vec![0.0; k * width];
        for (o, u) in u.chunks_exact_mut(width).enumerate() {
            let all: f64 = s.iter().skip(o).step_by(k).sum();
            for j in 0..d {
                let raw = sums[o * d + j] - self.scaling.centre[j] * all;
                u[j] = raw / (self.scaling.scale[j] * self.penalty[j]);
            }
            if let Some(b) = intercepts.get(o) {
                u[d] = *b;
            }
        }
        Ok(u)
    }
}

/// L of K = LL′, row after row, with zeros above the diagonal. The smallest ridge that makes K positive definite is added; a K
/// that is not finite has none.
fn root(kernel: Vec<f64>, n: usize) -> Vec<f64> {
    let mean = (0..n).map(|i| kernel[i * (n + 1)]).sum::<f64>() / n as f64;
    let mut ridge = 1e-13 * mean;
    loop {
        let mut root = kernel.clone();
        (0..n).for_each(|i| root[i * (n + 1)] += ridge);
        if cholesky::factor(&mut root, n, |_, left, _| left > 0.0) || !(ridge < mean) {
            (0..n).for_each(|i| root[i * n + i + 1..(i + 1) * n].fill(0.0));
            return root;
        }
        ridge *= 100.0;
    }
}
