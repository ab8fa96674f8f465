//! One read of the rows for value and gradient: by blocks that stay in the cache, split over the threads
//! by the data alone, sums added in the order of the rows.
use super::Glm;
use crate::design::{Design, rows_per_part};
use crate::designs::dense::Dense;
use crate::linalg::vectors::{Aligned, sum};
use crate::parallel::pool::pool;
use crate::status::Halt;
use crate::table::Sample;
use std::ops::Range;
use std::sync::Mutex;

/// What a pass should keep of each row.
#[derive(Default)]
pub struct Keep<'k> {
    /// Margins, a row's side by side.
    pub margins: Option<&'k mut [f64]>,
    /// Squared distances from the centre, scaled.
    pub distances: Option<Distances<'k>>,
}

/// Σ_j ((x_ij − centre_j) · inverse_j)², by rows.
pub struct Distances<'k> {
    /// Centre by columns.
    pub centre: &'k [f64],
    /// One over the scale by columns.
    pub inverse: &'k [f64],
    /// One a row.
    pub to: &'k mut [f32],
}

/// A part of the rows: its runs, where its rows stand in the order of all, and what is kept of them.
struct Part<'k> {
    runs: &'k [Range<usize>],
    first: usize,
    margins: Option<&'k mut [f64]>,
    distances: Option<&'k mut [f32]>,
}

/// Cuts `n` numbers off the front.
fn cut<'k, T>(from: &mut Option<&'k mut [T]>, n: usize) -> Option<&'k mut [T]> {
    let (head, tail) = from.take()?.split_at_mut(n);
    *from = Some(tail);
    Some(head)
}

/// What becomes of a row's margins.
#[derive(Clone, Copy)]
enum Turn<'t> {
    /// Only their loss is asked for.
    Value,
    /// The slopes of the loss.
    Slope,
    /// The change of those slopes at these margins of the rows that are read, where margins change as these do.
    Bend(&'t [f64]),
}

/// What one thread works with.
struct Scratch {
    margin: Aligned,
    value: Aligned,
    slope: Vec<f64>,
    curvature: Vec<f64>,
    distance: Aligned,
    gradient: Aligned,
    intercept: Vec<f64>,
}

impl Glm<'_> {
    /// The value over all rows, or over a sample with its shares; the gradient, where asked for, is written.
    pub fn pass(
        &self,
        sample: Option<&Sample>,
        x: &[f64],
        gradient: Option<&mut [f64]>,
        keep: Keep<'_>,
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<f64, Halt> {
        let turn = if gradient.is_some() { Turn::Slope } else { Turn::Value };
        self.read(sample, x, turn, gradient, keep, pause)
    }

    /// The second derivatives times v where the rows, all or those of a sample, have margins `z`, in one read; the margins'
    /// changes are kept.
    pub fn bent(
        &self,
        sample: Option<&Sample>,
        z: &[f64],
        v: &[f64],
        changes: &mut [f64],
        to: &mut [f64],
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        let keep = Keep { margins: Some(changes), distances: None };
        self.read(sample, v, Turn::Bend(z), Some(to), keep, pause)?;
        Ok(())
    }

    /// Σ s_ik x_i for each output k, one vector after another, without weights.
    pub fn combined(&self, s: &[f64]) -> Vec<f64> {
        let (k, d, n) = (self.outputs(), self.design.columns(), self.design.rows());
        let per = self.rows_per_part();
        let parts = pool().map(n.div_ceil(per), |p| {
            let rows = p * per..n.min((p + 1) * per);
            let mut sum = vec![0.0; k * d];
            self.design.accumulate(
                rows.clone(),
                0..0,
                &s[rows.start * k..rows.end * k],
                k,
                &mut sum,
            );
            sum
        });
        let mut all = vec![0.0; k * d];
        for part in parts {
            all.iter_mut().zip(part).for_each(|(a, p)| *a += p);
        }
        all
    }

    /// Σ weight x and Σ weight x² by columns, of what is stored.
    pub(super) fn moments(&self, sum: &mut [f64], square: &mut [f64]) {
        const PARTS: usize = 4;
        let (n, d) = (self.design.rows(), self.design.columns());
        let per = n.div_ceil(PARTS);
        let parts = pool().map(n.div_ceil(per), |p| {
            let rows = p * per..n.min((p + 1) * per);
            let weight: Vec<f64> =
                rows.clone().map(|i| self.weight.map_or(1.0, |w| w[i])).collect();
            let (mut sum, mut square) = (vec![0.0; d], vec![0.0; d]);
            self.design.moments(rows, &weight, &mut sum, &mut square);
            (sum, square)
        });
        sum.fill(0.0);
        square.fill(0.0);
        for (s, q) in parts {
            sum.iter_mut().zip(s).for_each(|(a, b)| *a += b);
            square.iter_mut().zip(q).for_each(|(a, b)| *a += b);
        }
    }

    fn read(
        &self,
        sample: Option<&Sample>,
        x: &[f64],
        turn: Turn<'_>,
        mut gradient: Option<&mut [f64]>,
        keep: Keep<'_>,
        pause: &mut dyn FnMut() -> Result<(), Halt>,
    ) -> Result<f64, Halt> {
        let k = self.outputs();
        let per_part = self.rows_per_part();
        let whole;
        let runs: &[Range<usize>] = match sample {
            Some(s) => {
                self.design.hold(&s.runs);
                &s.runs
            }
            None => {
                let n = self.design.rows();
                whole = (0..n.div_ceil(per_part))
                    .map(|p| p * per_part..((p + 1) * per_part).min(n))
                    .collect::<Vec<_>>();
                &whole
            }
        };
        let (w, b) = self.packed(x);
        let (centre, inverse, distances) = match keep.distances {
            Some(o) => (o.centre, o.inverse, Some(o.to)),
            None => (&[][..], &[][..], None),
        };
        let parts = split(runs, per_part, k, keep.margins, distances);
        let share = sample.map(|s| &s.share[..]);
        let mut value = 0.0;
        if let Some(g) = gradient.as_deref_mut() {
            g.fill(0.0);
        }
        let work = |p: usize| {
            let mut part = parts[p].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            self.part(&mut part, share, (&w, &b), (centre, inverse), turn)
        };
        for (v, g) in pool().map_pausing(parts.len(), work, pause)? {
            value += v;
            if let Some(gradient) = gradient.as_deref_mut() {
                self.spread(&g.gradient, &g.intercept, gradient);
            }
        }
        self.all_read()?;
        let mean = self.mean(sample.is_some());
        if let Some(g) = gradient {
            g.iter_mut().for_each(|g| *g *= mean);
        }
        Ok(value * mean)
    }

    /// What sums are multiplied by in the end.
    fn mean(&self, sampled: bool) -> f64 {
        if sampled || self.weight.is_some() { 1.0 } else { 1.0 / self.total }
    }

    /// Coefficients by outputs without the intercepts, and the intercepts (0 where there are none), then what is learnt.
    pub(crate) fn packed(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let d = self.design.columns();
        let (x, learnt) = x.split_at(x.len() - self.loss.learnt());
        let w = x.chunks_exact(self.width()).flat_map(|x| x[..d].iter().copied()).collect();
        let b = x.chunks_exact(self.width()).map(|x| if self.intercept { x[d] } else { 0.0 });
        (w, b.chain(learnt.iter().copied()).collect())
    }
    /// The numbers of rows, a row's side by side.
    pub(super) fn numbers(
        &self,
        table: &dyn Design,
        (rows, ahead): (Range<usize>, Range<usize>),
        (w, b): (&[f64], &[f64]),
        to: &mut [f64],
    ) {
        let (k, margins) = (self.outputs(), self.margins());
        if k == margins {
            table.margins(rows, ahead, w, k, to);
            return add_intercepts(to, b);
        }
        let n = rows.len();
        table.margins(rows, ahead, w, margins, &mut to[..n * margins]);
        // From the last row on, so that none is overwritten before it has moved.
        for i in (0..n).rev() {
            to.copy_within(i * margins..(i + 1) * margins, i * k);
            to[i * k + margins..(i + 1) * k].fill(0.0);
        }
        add_intercepts(to, b);
    }
    /// Adds Σ_i slope_i x_i of rows to `gradient`; slopes of what is learnt are taken out of their midst.
    pub(super) fn accumulated(
        &self,
        table: &dyn Design,
        (rows, ahead): (Range<usize>, Range<usize>),
        slope: &mut [f64],
        gradient: &mut [f64],
    ) {
        let (k, margins) = (self.outputs(), self.margins());
        let n = rows.len();
        if k > margins {
            (1..n).for_each(|i| slope.copy_within(i * k..i * k + margins, i * margins));
        }
        table.accumulate(rows, ahead, &slope[..n * margins], margins, gradient);
    }
    /// Adds sums over rows to the variables that they belong to.
    pub(super) fn spread(&self, gradient: &[f64], free: &[f64], to: &mut [f64]) {
        let (d, margins) = (self.design.columns(), self.margins());
        let (to, learnt) = to.split_at_mut(to.len() - self.loss.learnt());
        for (k, to) in to.chunks_exact_mut(self.width()).enumerate() {
            for (to, g) in to.iter_mut().zip(&gradient[k * d..(k + 1) * d]) {
                *to += g;
            }
            if self.intercept {
                to[d] += free[k];
            }
        }
        learnt.iter_mut().zip(&free[margins..]).for_each(|(to, g)| *to += g);
    }

    pub(super) fn rows_per_part(&self) -> usize {
        rows_per_part(self.design, self.margins() * self.width())
    }

    fn part(
        &self,
        part: &mut Part<'_>,
        share: Option<&[f64]>,
        (w, b): (&[f64], &[f64]),
        (centre, inverse): (&[f64], &[f64]),
        turn: Turn<'_>,
    ) -> (f64, Scratch) {
        let (k, d, block) = (self.outputs(), self.design.columns(), self.design.block());
        let wanted = !matches!(turn, Turn::Value);
        let bends = if matches!(turn, Turn::Bend(_)) { block } else { 0 };
        let mut s = Scratch {
            margin: Aligned::zeros(block * k),
            value: Aligned::zeros(block),
            slope: vec![0.0; bends * k],
            curvature: vec![0.0; bends * self.loss.bending()],
            distance: Aligned::zeros(block),
            gradient: Aligned::zeros(if wanted { self.margins() * d } else { 0 }),
            intercept: vec![0.0; k],
        };
        let (mut total, mut at) = (0.0, 0);
        for (r, run) in part.runs.iter().enumerate() {
            let next = part.runs.get(r + 1);
            for from in run.clone().step_by(block) {
                let rows = from..(from + block).min(run.end);
                let ahead = if rows.end < run.end {
                    rows.end..(rows.end + block).min(run.end)
                } else {
                    next.map_or(0..0, |n| n.start..(n.start + block).min(n.end))
                };
                let n = rows.len();
                if let (Some(to), true) = (part.distances.as_deref_mut(), d > 0) {
                    self.design.distances(rows.clone(), centre, inverse, &mut s.distance[..n]);
                    for (to, v) in to[at..at + n].iter_mut().zip(&*s.distance) {
                        *to = *v as f32;
                    }
                }
                let half = ahead.start + ahead.len() / 2;
                let margin = &mut s.margin[..n * k];
                self.numbers(self.design, (rows.clone(), ahead.start..half), (w, b), margin);
                if let Some(to) = part.margins.as_deref_mut() {
                    to[at * k..(at + n) * k].copy_from_slice(margin);
                }
                let (target, value) = (&self.target[rows.clone()], &mut s.value[..n]);
                match turn {
                    Turn::Value => self.loss.values(target, margin, value),
                    Turn::Slope => self.loss.slopes(target, margin, value),
                    Turn::Bend(z) => {
                        let z = &z[(part.first + at) * k..][..n * k];
                        let h = &mut s.curvature[..n * self.loss.bending()];
                        let slope = &mut s.slope[..n * k];
                        self.loss.jets(target, z, value, slope, h);
                        self.loss.bend(h, margin, &[]);
                    }
                }
                match share {
                    Some(share) => weigh(&share[part.first + at..][..n], margin, value),
                    None => {
                        if let Some(weight) = self.weight {
                            let total = 1.0 / self.total;
                            weigh(&weight[rows.clone()], margin, value);
                            margin.iter_mut().chain(&mut *value).for_each(|v| *v *= total);
                        }
                    }
                }
                total += sum(value);
                if wanted {
                    if let [free] = &mut s.intercept[..] {
                        *free += sum(margin);
                    } else {
                        for m in margin.chunks_exact(k) {
                            s.intercept.iter_mut().zip(m).for_each(|(b, m)| *b += m);
                        }
                    }
                    let to = &mut s.gradient[..self.margins() * d];
                    self.accumulated(self.design, (rows, half..ahead.end), margin, to);
                }
                at += n;
            }
        }
        (total, s)
    }

    /// The mean over the rows named, given dense, and its gradient.
    pub(super) fn some(&self, rows: &[u32], x: &[f64], at: &[f64], gradient: &mut [f64]) -> f64 {
        let (k, d) = (self.outputs(), self.design.columns());
        let (w, b) = self.packed(at);
        let n = rows.len();
        let Ok(table) = Dense::strided(x, n, d, d, 1) else { return f64::NAN };
        let (mut margin, mut value) = (vec![0.0; n * k], vec![0.0; n]);
        self.numbers(&table, (0..n, 0..0), (&w, &b), &mut margin);
        let target: Vec<f64> = rows.iter().map(|&i| self.target[i as usize]).collect();
        self.loss.slopes(&target, &mut margin, &mut value);
        // Unbiased: a batch of m rows stands for the mean of all.
        let scale = self.design.rows() as f64 / n as f64;
        let share: Vec<f64> = rows.iter().map(|&i| self.share(i as usize) * scale).collect();
        weigh(&share, &mut margin, &mut value);
        let free: Vec<f64> = (0..k).map(|o| margin.iter().skip(o).step_by(k).sum()).collect();
        let mut packed = vec![0.0; self.margins() * d];
        self.accumulated(&table, (0..n, 0..0), &mut margin, &mut packed);
        gradient.fill(0.0);
        self.spread(&packed, &free, gradient);
        value.iter().sum()
    }
}

fn add_intercepts(margin: &mut [f64], b: &[f64]) {
    if let [b] = b {
        return margin.iter_mut().for_each(|m| *m += b);
    }
    for m in margin.chunks_exact_mut(b.len()) {
        for (m, b) in m.iter_mut().zip(b) {
            *m += b;
        }
    }
}

/// A share of 0 silences even a loss that is not finite.
fn weigh(share: &[f64], slope: &mut [f64], value: &mut [f64]) {
    let k = slope.len() / share.len().max(1);
    for ((w, s), v) in share.iter().zip(slope.chunks_exact_mut(k.max(1))).zip(value) {
        let times = |v: &mut f64| *v = if *w == 0.0 { 0.0 } else { *v * w };
        s.iter_mut().for_each(times);
        times(v);
    }
}

/// Runs in parts of about `rows` rows.
fn split<'k>(
    runs: &'k [Range<usize>],
    rows: usize,
    outputs: usize,
    mut margins: Option<&'k mut [f64]>,
    mut distances: Option<&'k mut [f32]>,
) -> Vec<Mutex<Part<'k>>> {
    let mut parts = Vec::new();
    let (mut from, mut first, mut n) = (0, 0, 0);
    for (r, run) in runs.iter().enumerate() {
        n += run.len();
        if n >= rows || r + 1 == runs.len() {
            parts.push(Mutex::new(Part {
                runs: &runs[from..=r],
                first,
                margins: cut(&mut margins, n * outputs),
                distances: cut(&mut distances, n),
            }));
            (from, first, n) = (r + 1, first + n, 0);
        }
    }
    parts
}
