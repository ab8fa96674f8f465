//! A dense table, borrowed where it lies.
use super::columns::{self, StridedColumns};
use super::rows::{self, Strided};
use crate::design::{Design, countable};
use crate::numbers::real::Float;
use std::ops::Range;

/// A dense table of `f32` or `f64`, in row-major or column-major order or any stride; never copied.
/// Numbers are turned into `f64` in registers, so sums of `f32` data are as exact as those of `f64`.
///
/// ```
/// use steepest::{design::Design, designs::dense::Dense};
/// let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let table = Dense::by_rows(&x, 2).unwrap();
/// let mut margins = [0.0; 3];
/// table.margins(0..3, 0..0, &[1.0, -1.0], 1, &mut margins);
/// assert_eq!(margins, [-1.0, -1.0, -1.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a, N> {
    x: &'a [N],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, N: Float> Dense<'a, N> {
    /// A table whose rows lie one after another.
    pub fn by_rows(x: &'a [N], columns: usize) -> Result<Self, String> {
        let rows = x.len().checked_div(columns).unwrap_or(0);
        if rows * columns != x.len() {
            return Err(format!("{} numbers are no rows of {columns}", x.len()));
        }
        Self::strided(x, rows, columns, columns, 1)
    }
    /// A table whose columns lie one after another.
    pub fn by_columns(x: &'a [N], columns: usize) -> Result<Self, String> {
        let rows = x.len().checked_div(columns).unwrap_or(0);
        if rows * columns != x.len() {
            return Err(format!("{} numbers are not {columns} columns", x.len()));
        }
        Self::strided(x, rows, columns, 1, rows)
    }
    /// A table of any strides, in numbers: row i, column j is `x[i·row_stride + j·column_stride]`.
    /// The last of its numbers must lie inside `x`; a table of 0 columns may have any number of rows.
    pub fn strided(
        x: &'a [N],
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Result<Self, String> {
        let last = (rows.saturating_sub(1))
            .checked_mul(row_stride)
            .zip(columns.saturating_sub(1).checked_mul(column_stride))
            .and_then(|(a, b)| a.checked_add(b));
        if rows > 0 && columns > 0 && last.is_none_or(|l| l >= x.len()) {
            return Err(format!(
                "{rows} x {columns} numbers with strides {row_stride} and {column_stride} do not fit in {}",
                x.len()
            ));
        }
        countable(rows)?;
        Ok(Dense { x, rows, columns, row_stride, column_stride })
    }
    /// Each row in one piece.
    fn by_row(&self) -> Option<Strided<'a, N>> {
        (self.column_stride == 1 || self.columns <= 1).then_some(Strided {
            x: self.x,
            stride: self.row_stride,
            width: self.columns,
        })
    }
    /// Each column in one piece.
    fn by_column(&self) -> Option<StridedColumns<'a, N>> {
        (self.row_stride == 1).then_some(StridedColumns {
            x: self.x,
            stride: self.column_stride,
            count: self.columns,
        })
    }
    fn at(&self, i: usize, j: usize) -> f64 {
        self.x[i * self.row_stride + j * self.column_stride].to_f64()
    }
}

/// One output's numbers out of those of all, or put back among them.
fn apart(all: &[f64], k: usize, outputs: usize, one: &mut Vec<f64>) {
    one.clear();
    one.extend(all.iter().skip(k).step_by(outputs));
}

impl<N: Float> Design for Dense<'_, N> {
    fn rows(&self) -> usize {
        self.rows
    }
    fn columns(&self) -> usize {
        self.columns
    }
    fn dense(&self) -> bool {
        true
    }
    fn bytes(&self) -> usize {
        self.rows * self.columns * size_of::<N>()
    }
    fn margins(
        &self,
        rows: Range<usize>,
        ahead: Range<usize>,
        w: &[f64],
        outputs: usize,
        out: &mut [f64],
    ) {
        let d = self.columns;
        if d == 0 {
            return out.fill(0.0);
        }
        if let Some(x) = self.by_row() {
            return rows::products(x, rows.start, rows.end, ahead, w, outputs, out);
        }
        if let Some(x) = self.by_column() {
            if outputs == 1 {
                return columns::product(x, rows, ahead, w, out);
            }
            let mut one = vec![0.0; rows.len()];
            for k in 0..outputs {
                columns::product(x, rows.clone(), 0..0, &w[k * d..(k + 1) * d], &mut one);
                for (o, one) in out.iter_mut().skip(k).step_by(outputs).zip(&one) {
                    *o = *one;
                }
            }
            return;
        }
        for (out, i) in out.chunks_mut(outputs).zip(rows) {
            for (out, w) in out.iter_mut().zip(w.chunks(d)) {
                *out = w.iter().enumerate().map(|(j, w)| self.at(i, j) * w).sum();
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
        let d = self.columns;
        if d == 0 {
            return;
        }
        if let Some(x) = self.by_row() {
            return rows::sums(x, rows.start, rows.end, ahead, s, outputs, gradient);
        }
        if let Some(x) = self.by_column() {
            if outputs == 1 {
                return columns::sum(x, rows, ahead, s, gradient);
            }
            let mut one = Vec::with_capacity(rows.len());
            for k in 0..outputs {
                apart(s, k, outputs, &mut one);
                columns::sum(x, rows.clone(), 0..0, &one, &mut gradient[k * d..(k + 1) * d]);
            }
            return;
        }
        for (s, i) in s.chunks(outputs).zip(rows) {
            for (s, g) in s.iter().zip(gradient.chunks_mut(d)) {
                for (j, g) in g.iter_mut().enumerate() {
                    *g += s * self.at(i, j);
                }
            }
        }
    }
    fn gather(&self, rows: &[u32], out: &mut [f64]) {
        let d = self.columns;
        if d == 0 {
            return;
        }
        if let Some(x) = self.by_row() {
            return rows::gather(x, rows, out);
        }
        for j in 0..d {
            for (r, &i) in rows.iter().enumerate() {
                out[r * d + j] = self.at(i as usize, j);
            }
        }
    }
    fn select(&self, rows: &[u32], columns: &[u32], out: &mut [f64]) {
        let k = columns.len();
        if k == 0 {
            return;
        }
        if self.by_column().is_some() && self.by_row().is_none() {
            for (at, &j) in columns.iter().enumerate() {
                for (r, &i) in rows.iter().enumerate() {
                    out[r * k + at] = self.at(i as usize, j as usize);
                }
            }
            return;
        }
        for (&i, out) in rows.iter().zip(out.chunks_exact_mut(k)) {
            let row = &self.x[i as usize * self.row_stride..];
            for (o, &j) in out.iter_mut().zip(columns) {
                *o = row[j as usize * self.column_stride].to_f64();
            }
        }
    }
    fn moments(&self, rows: Range<usize>, weight: &[f64], sum: &mut [f64], square: &mut [f64]) {
        if let Some(x) = self.by_row() {
            return rows::moments(x, rows.start, rows.end, weight, sum, square);
        }
        for (j, (sum, square)) in sum.iter_mut().zip(square).enumerate() {
            for (i, w) in rows.clone().zip(weight) {
                let v = self.at(i, j);
                *sum += w * v;
                *square += w * v * v;
            }
        }
    }
    fn not_finite(&self) -> Option<(usize, usize)> {
        let from = self.by_row().map_or(0, |x| rows::finite(x, self.rows));
        (from..self.rows)
            .flat_map(|i| (0..self.columns).map(move |j| (i, j)))
            .find(|&(i, j)| !self.at(i, j).is_finite())
    }
    fn distances(&self, rows: Range<usize>, centre: &[f64], inverse: &[f64], out: &mut [f64]) {
        if let Some(x) = self.by_row() {
            return rows::distances(x, rows.start, rows.end, centre, inverse, out);
        }
        if let Some(x) = self.by_column() {
            return columns::distances(x, rows, centre, inverse, out);
        }
        for (out, i) in out.iter_mut().zip(rows) {
            let far = |j: usize| ((self.at(i, j) - centre[j]) * inverse[j]).powi(2);
            *out = (0..self.columns).map(far).sum();
        }
    }
    fn block(&self) -> usize {
        if self.by_row().is_none() {
            return (524_288 / (8 * self.columns.max(1))).clamp(64, 1024) / 8 * 8;
        }
        crate::design::rows_in_cache(size_of::<N>() * self.columns)
    }
}
