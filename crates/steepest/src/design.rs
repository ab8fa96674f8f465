//! How the rows of a table lie: read by blocks of rows, never copied.
use crate::source::Unreadable;
use std::ops::Range;

/// Rows of features. Storage may be `f32` or `f64`; arithmetic is `f64`, for a certificate needs it and
/// a pass is bound by memory, not by arithmetic.
pub trait Design: Send + Sync {
    /// Rows.
    fn rows(&self) -> usize;
    /// Columns.
    fn columns(&self) -> usize;
    /// Whether rows are dense (a sample of rows is then cheap to hold).
    fn dense(&self) -> bool;
    /// Bytes that one pass reads.
    fn bytes(&self) -> usize;
    /// Writes x_i′w for each row and each of the `outputs` vectors of `w` (`columns` numbers each, one
    /// after another); a row's outputs lie side by side in `out`. `ahead` are rows that will be asked for
    /// next: a hint to bring them near, which may be ignored.
    fn margins(
        &self,
        rows: Range<usize>,
        ahead: Range<usize>,
        w: &[f64],
        outputs: usize,
        out: &mut [f64],
    );
    /// Adds Σ_i s_ik x_i to output k's vector in `gradient`, for each output. `ahead` as in
    /// [`margins`](Self::margins).
    fn accumulate(
        &self,
        rows: Range<usize>,
        ahead: Range<usize>,
        s: &[f64],
        outputs: usize,
        gradient: &mut [f64],
    );
    /// Copies rows, dense, one after another, to `out` (`rows.len() · columns`).
    fn gather(&self, rows: &[u32], out: &mut [f64]);
    /// What is not 0 in a row: the columns, and the numbers there.
    fn entries(&self, row: usize, columns: &mut Vec<u32>, values: &mut Vec<f64>) {
        values.clear();
        values.resize(self.columns(), 0.0);
        self.gather(&[row as u32], values);
        columns.clear();
        columns.extend((0..values.len()).filter(|&j| values[j] != 0.0).map(|j| j as u32));
        values.retain(|v| *v != 0.0);
    }
    /// Copies some columns (ascending) of some rows, one row after another, to `out` (`rows.len() · columns.len()`).
    fn select(&self, rows: &[u32], columns: &[u32], out: &mut [f64]) {
        let mut row = vec![0.0; self.columns()];
        for (&i, out) in rows.iter().zip(out.chunks_exact_mut(columns.len().max(1))) {
            self.gather(&[i], &mut row);
            out.iter_mut().zip(columns).for_each(|(o, &j)| *o = row[j as usize]);
        }
    }
    /// Adds Σ weight_i x_i and Σ weight_i x_i² (by columns) to `sum` and `square`; one weight a row.
    fn moments(&self, rows: Range<usize>, weight: &[f64], sum: &mut [f64], square: &mut [f64]) {
        let mut row = vec![0.0; self.columns()];
        for (i, w) in rows.zip(weight) {
            self.gather(&[i as u32], &mut row);
            for ((x, sum), square) in row.iter().zip(&mut *sum).zip(&mut *square) {
                *sum += w * x;
                *square += w * x * x;
            }
        }
    }
    /// The first value that is not finite, as (row, column).
    fn not_finite(&self) -> Option<(usize, usize)>;
    /// Writes Σ_j ((x_ij − centre_j) · inverse_j)² for each row.
    fn distances(&self, rows: Range<usize>, centre: &[f64], inverse: &[f64], out: &mut [f64]) {
        let d = self.columns();
        let mut row = vec![0.0; d];
        for (i, out) in rows.zip(out) {
            self.gather(&[i as u32], &mut row);
            let terms = row.iter().zip(centre).zip(inverse).map(|((x, c), v)| (x - c) * v);
            *out = terms.map(|u| u * u).sum();
        }
    }
    /// Says that these runs of rows (ascending, apart) will be read more than once: a table that is not in memory keeps
    /// them there, where there is room. Nothing else changes.
    fn hold(&self, runs: &[Range<usize>]) {
        self.wrapped().into_iter().for_each(|wrapped| wrapped.hold(runs));
    }
    /// How many rows it can keep so: any number where all are in memory.
    fn holds(&self) -> usize {
        self.wrapped().map_or(usize::MAX, Design::holds)
    }
    /// The same of rows by name, ascending.
    fn hold_named(&self, rows: &[u32]) {
        self.wrapped().into_iter().for_each(|wrapped| wrapped.hold_named(rows));
    }
    /// What could not be read so far. From there on margins and sums are NaN: whoever takes a sum asks afterwards.
    fn unreadable(&self) -> Option<Unreadable> {
        self.wrapped()?.unreadable()
    }
    /// The design that this one shows in other numbers, which keeps and reads the rows; none where it is one of its own.
    fn wrapped(&self) -> Option<&dyn Design> {
        None
    }
    /// How many rows a block should have so that it is still in the cache when it is read again.
    fn block(&self) -> usize {
        rows_in_cache(8 * self.columns())
    }
}

/// Rows have 32-bit names.
pub(crate) fn countable(rows: usize) -> Result<(), String> {
    if rows > u32::MAX as usize {
        return Err(format!("at most {} rows can be held; got {rows}", u32::MAX));
    }
    Ok(())
}

/// Rows of so many bytes that stay in the nearest cache, in eights as losses take them.
pub(crate) fn rows_in_cache(bytes: usize) -> usize {
    let rows = 16_384 / bytes.max(1);
    if rows < 8 { 4 } else { rows.min(256) / 8 * 8 }
}

/// Rows that a thread takes at once, by the data alone. A part brings a gradient of `dim` numbers of its own, so wide
/// tables have fewer.
pub(crate) fn rows_per_part(design: &dyn Design, dim: usize) -> usize {
    /// Their bytes.
    const PART: usize = 2 << 20;
    let bytes = design.bytes().max(1);
    let parts = (bytes / PART).clamp(1, (bytes / (160 * dim)).max(16));
    design.rows().div_ceil(parts).next_multiple_of(design.block())
}
