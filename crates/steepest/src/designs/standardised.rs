//! A table seen in other variables: columns less a centre, over a scale, without a copy.
use crate::design::Design;
use crate::linalg::vectors::{self, dot};
use std::ops::Range;

/// A column whose mean is farther from 0 than so many deviations loses digits where it lies.
const FAR: f64 = 1e4;
/// A column of numbers larger than this is seen over its scale.
const LARGE: f64 = 1e100;
/// Rows that are looked at.
const LOOK: usize = 1000;
/// Columns up to which a table that is not dense is looked at row by row.
const COLUMNS: usize = 1000;

/// (x_ij − centre_j) / scale_j in place of x_ij. A free intercept takes the centres up and the coefficients the scales:
/// x′w + b = ((x − centre) / scale)′(scale · w) + (b + centre′w), so the objective is the same.
///
/// Where a column's mean is some 10 000 of its deviations away (years as seconds, identifiers) the difference itself is
/// formed, which is exact; elsewhere the centre is taken off the sums, so that the table is read as fast as it lies.
///
/// ```
/// use steepest::{design::Design, designs::{dense::Dense, standardised::Standardised}};
/// let x: Vec<f64> = (0..50).map(|i| 1.7e12 + f64::from(i)).collect();
/// let table = Dense::by_rows(&x, 1).unwrap();
/// let near = Standardised::far(&table, true).unwrap();
/// let mut margins = [0.0; 2];
/// near.margins(0..2, 0..0, &[0.1], 1, &mut margins);
/// assert!((margins[1] - margins[0] - 0.1).abs() < 1e-15);
/// ```
#[derive(Clone)]
pub struct Standardised<'a> {
    design: &'a dyn Design,
    /// Columns whose differences are formed, ascending.
    far: Vec<u32>,
    centre: Vec<f64>,
    scale: Vec<f64>,
}

/// The rows by which it is told what a table of dense rows looks like, ascending.
pub fn looked_at(rows: usize) -> Vec<u32> {
    (0..rows).step_by(rows.div_ceil(LOOK).max(1)).map(|i| i as u32).collect()
}

/// Mean and deviation of the columns, over some rows or all.
pub(crate) fn moments(design: &dyn Design) -> (Vec<f64>, Vec<f64>) {
    let (n, d) = (design.rows(), design.columns());
    if d == 0 {
        return Default::default();
    }
    let (mut sum, mut square) = (vec![0.0; d], vec![0.0; d]);
    let (mut first, mut unit, mut count) = (vec![0.0; d], vec![1.0; d], n as f64);
    if design.dense() || d <= COLUMNS {
        let rows = looked_at(n);
        count = rows.len() as f64;
        design.hold_named(&rows);
        design.gather(&rows[..1], &mut first);
        let mut row = vec![0.0; d];
        let mut around = |unit: &[f64], size: &mut [f64]| {
            sum.fill(0.0);
            square.fill(0.0);
            for name in &rows {
                design.gather(std::slice::from_ref(name), &mut row);
                for j in 0..d {
                    let off = row[j] * unit[j] - first[j] * unit[j];
                    sum[j] += off;
                    square[j] += off * off;
                    size[j] = size[j].max(off.abs());
                }
            }
        };
        let mut size = vec![0.0; d];
        around(&unit, &mut size);
        unit.iter_mut().zip(&size).for_each(|(u, s)| *u = vectors::unit(*s));
        if unit.iter().any(|u| *u != 1.0) {
            around(&unit, &mut size);
        }
    } else {
        design.moments(0..n, &vec![1.0; n], &mut sum, &mut square);
    }
    let mean: Vec<f64> = sum.iter().map(|s| s / count).collect();
    let deviation = square.iter().zip(&mean).map(|(q, m)| (q / count - m * m).max(0.0).sqrt());
    let deviation = deviation.zip(&unit).map(|(s, u)| s / u).collect();
    let mean = mean.iter().zip(&first).zip(&unit).map(|((m, f), u)| f + m / u);
    (mean.collect(), deviation)
}

impl<'a> Standardised<'a> {
    /// Less their centres, where an intercept is free to take that up, the columns that lie far from 0; and over their
    /// scales those so large that squares would overflow. None where there are neither.
    pub fn far(design: &'a dyn Design, centred: bool) -> Option<Self> {
        let (n, d) = (design.rows(), design.columns());
        if n < 2 || !(design.dense() || d <= COLUMNS) {
            return None;
        }
        let (mut centre, deviation) = moments(design);
        let (mut far, mut scale) = (Vec::new(), vec![1.0; d]);
        for j in 0..d {
            let (level, apart) = (centre[j].abs(), deviation[j]);
            let sound = level.is_finite() && apart.is_finite();
            // Of a column that is always the same nothing is left: rounding cannot tell what it is to weigh.
            if centred && sound && level > FAR * if apart > 0.0 { apart } else { 1.0 } {
                far.push(j as u32);
            } else {
                centre[j] = 0.0;
            }
            let size = if centred { apart } else { apart.max(level) };
            if sound && size > LARGE {
                // Nothing is rounded by a power of two.
                scale[j] = size.log2().round().exp2();
            }
        }
        let seen = !far.is_empty() || scale.iter().any(|s| *s != 1.0);
        seen.then_some(Standardised { design, far, centre, scale })
    }
    /// The same without its scales.
    pub fn unscaled(mut self) -> Option<Self> {
        self.scale.fill(1.0);
        self.centre.iter().any(|c| *c != 0.0).then_some(self)
    }
    /// Every column over its scale and, where an intercept is free to take that up, less its mean.
    pub fn all(design: &'a dyn Design, centred: bool) -> Self {
        let d = design.columns();
        let (mut centre, deviation) = moments(design);
        let (mut scale, mut far) = (vec![1.0; d], Vec::new());
        for j in 0..d {
            let (level, apart) = (centre[j].abs(), deviation[j]);
            if centred && apart > 0.0 && level > FAR * apart {
                far.push(j as u32);
            }
            let size = if centred { apart } else { apart.hypot(level) };
            let sound = size > 1e-150 && size < 1e150;
            scale[j] = if sound { size } else { 1.0 };
            // What hardly varies in the rows looked at is left where it lies.
            if !(centred && sound && level.is_finite()) {
                centre[j] = 0.0;
            }
        }
        Standardised { design, far, centre, scale }
    }
    /// Other rows, seen alike.
    pub fn alike<'b>(&self, design: &'b dyn Design) -> Standardised<'b> {
        let (far, centre, scale) = (self.far.clone(), self.centre.clone(), self.scale.clone());
        Standardised { design, far, centre, scale }
    }
    /// What the coefficients are multiplied by: 1 where columns are only moved.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }
    /// The variables of this table for those of the table as it lies: for each output the coefficients, and the
    /// intercept where there is one.
    pub fn inward(&self, x: &mut [f64], intercept: bool) {
        for x in x.chunks_exact_mut(self.columns() + usize::from(intercept)) {
            self.intercept(x, 1.0, intercept);
            x.iter_mut().zip(&self.scale).for_each(|(x, s)| *x *= s);
        }
    }
    /// And back.
    pub fn out(&self, x: &mut [f64], intercept: bool) {
        for x in x.chunks_exact_mut(self.columns() + usize::from(intercept)) {
            x.iter_mut().zip(&self.scale).for_each(|(x, s)| *x /= s);
            self.intercept(x, -1.0, intercept);
        }
    }
    /// A gradient over this table becomes the one over the table as it lies.
    pub fn gradient(&self, g: &mut [f64], intercept: bool) {
        let d = self.columns();
        for g in g.chunks_exact_mut(d + usize::from(intercept)) {
            let free = if intercept { g[d] } else { 0.0 };
            for j in 0..d {
                g[j] = g[j] * self.scale[j] + self.centre[j] * free;
            }
        }
    }
    /// Adds the centres' part to the intercept, in twice the digits: a centre may be large.
    fn intercept(&self, x: &mut [f64], sign: f64, there: bool) {
        if !there {
            return;
        }
        let d = self.columns();
        let (mut sum, mut lost) = (x[d], 0.0);
        for (c, w) in self.centre.iter().zip(&x[..d]).filter(|(c, _)| **c != 0.0) {
            let product = sign * c * w;
            let next = sum + product;
            let back = next - sum;
            lost += (sum - (next - back)) + (product - back) + (sign * c).mul_add(*w, -product);
            sum = next;
        }
        x[d] = sum + lost;
    }
    /// The far columns of some rows as they are seen here, one row after another.
    fn near(&self, rows: &Range<usize>) -> Vec<f64> {
        let names: Vec<u32> = rows.clone().map(|i| i as u32).collect();
        let mut x = vec![0.0; names.len() * self.far.len()];
        self.select(&names, &self.far, &mut x);
        x
    }
}

impl Design for Standardised<'_> {
    fn rows(&self) -> usize {
        self.design.rows()
    }
    fn columns(&self) -> usize {
        self.design.columns()
    }
    fn dense(&self) -> bool {
        true
    }
    fn bytes(&self) -> usize {
        self.design.bytes()
    }
    fn margins(
        &self,
        rows: Range<usize>,
        ahead: Range<usize>,
        w: &[f64],
        outputs: usize,
        out: &mut [f64],
    ) {
        let d = self.columns();
        let mut raw = w.to_vec();
        let (mut taken, mut own) = (vec![0.0; outputs], vec![0.0; outputs * self.far.len()]);
        for (o, raw) in raw.chunks_exact_mut(d).enumerate() {
            for (at, &j) in self.far.iter().enumerate() {
                own[o * self.far.len() + at] = std::mem::take(&mut raw[j as usize]);
            }
            for j in 0..d {
                raw[j] /= self.scale[j];
                taken[o] += self.centre[j] * raw[j];
            }
        }
        self.design.margins(rows.clone(), ahead, &raw, outputs, out);
        for out in out.chunks_exact_mut(outputs) {
            out.iter_mut().zip(&taken).for_each(|(out, t)| *out -= t);
        }
        if self.far.is_empty() {
            return;
        }
        let near = self.near(&rows);
        for (x, out) in near.chunks_exact(self.far.len()).zip(out.chunks_exact_mut(outputs)) {
            for (out, w) in out.iter_mut().zip(own.chunks_exact(self.far.len())) {
                *out += dot(x, w);
            }
        }
    }
    fn accumulate(
        &self,
        rows: Range<usize>,
        ahead: Range<usize>,
        s: &[f64],
        outputs: usize,
        gradient: &mut [f64],
    ) {
        let d = self.columns();
        let mut raw = vec![0.0; outputs * d];
        self.design.accumulate(rows.clone(), ahead, s, outputs, &mut raw);
        let near = if self.far.is_empty() { Vec::new() } else { self.near(&rows) };
        for o in 0..outputs {
            let all: f64 = s.iter().skip(o).step_by(outputs).sum();
            let (raw, g) = (&raw[o * d..(o + 1) * d], &mut gradient[o * d..(o + 1) * d]);
            let mut far = self.far.iter().map(|j| *j as usize).enumerate().peekable();
            for j in 0..d {
                g[j] += match far.next_if(|f| f.1 == j) {
                    Some((at, _)) => {
                        let column = near.iter().skip(at).step_by(self.far.len());
                        let slopes = s.iter().skip(o).step_by(outputs);
                        column.zip(slopes).map(|(x, s)| x * s).sum::<f64>()
                    }
                    None => (raw[j] - self.centre[j] * all) / self.scale[j],
                };
            }
        }
    }
    fn gather(&self, rows: &[u32], out: &mut [f64]) {
        self.design.gather(rows, out);
        for row in out.chunks_exact_mut(self.columns().max(1)) {
            for ((x, c), s) in row.iter_mut().zip(&self.centre).zip(&self.scale) {
                *x = (*x - c) / s;
            }
        }
    }
    fn select(&self, rows: &[u32], columns: &[u32], out: &mut [f64]) {
        self.design.select(rows, columns, out);
        for row in out.chunks_exact_mut(columns.len().max(1)) {
            for (x, &j) in row.iter_mut().zip(columns) {
                *x = (*x - self.centre[j as usize]) / self.scale[j as usize];
            }
        }
    }
    fn not_finite(&self) -> Option<(usize, usize)> {
        self.design.not_finite()
    }
    fn wrapped(&self) -> Option<&dyn Design> {
        Some(self.design)
    }
    fn block(&self) -> usize {
        self.design.block()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::designs::dense::Dense;

    /// Everything that a design is asked, against the table written out.
    #[test]
    fn it_is_the_table_written_out() {
        let (n, d, k) = (40, 3, 2);
        let x: Vec<f64> = (0..n * d)
            .map(|i| {
                let noise = ((i * i * 7919 + i * 31) % 1013) as f64 / 506.0 - 1.0;
                [noise, 1e9 + noise, 50.0 + 3.0 * noise][i % d]
            })
            .collect();
        let table = Dense::by_rows(&x, d).expect("a table");
        for seen in [Standardised::all(&table, true), Standardised::all(&table, false)] {
            let rows: Vec<u32> = (0..n as u32).collect();
            let mut written = vec![0.0; n * d];
            seen.gather(&rows, &mut written);
            let plain = Dense::by_rows(&written, d).expect("a table");
            let w = [0.5, -1.0, 2.0, 0.25, 1.0, -0.5];
            let (mut a, mut b) = (vec![0.0; 10 * k], vec![0.0; 10 * k]);
            seen.margins(5..15, 0..0, &w, k, &mut a);
            plain.margins(5..15, 0..0, &w, k, &mut b);
            a.iter().zip(&b).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} {b}"));
            let s: Vec<f64> = (0..20).map(|i| f64::from(i) / 7.0 - 1.0).collect();
            let (mut a, mut b) = (vec![1.0; k * d], vec![1.0; k * d]);
            seen.accumulate(5..15, 0..0, &s, k, &mut a);
            plain.accumulate(5..15, 0..0, &s, k, &mut b);
            a.iter().zip(&b).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} {b}"));
        }
        let seen = Standardised::all(&table, true);
        let point = [0.3, -2.0, 0.7, 5.0];
        let mut moved = point;
        seen.inward(&mut moved, true);
        seen.out(&mut moved, true);
        moved.iter().zip(&point).for_each(|(a, b)| assert!((a - b).abs() < 1e-6 * b.abs()));
        assert_eq!(Standardised::far(&table, true).expect("one is far").far, [1]);
    }
}
