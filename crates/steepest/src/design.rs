//! How the rows of a table lie: read by blocks of rows, never copied.
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
    /// after another); a row's outputs lie side by side in `out`.
    fn margins(&self, rows: Range<usize>, w: &[f64], outputs: usize, out: &mut [f64]);
    /// Adds Σ_i s_ik x_i to output k's vector in `gradient`, for each output.
    fn accumulate(&self, rows: Range<usize>, s: &[f64], outputs: usize, gradient: &mut [f64]);
    /// Copies rows, dense, one after another, to `out` (`rows.len() · columns`).
    fn gather(&self, rows: &[u32], out: &mut [f64]);
    /// The first value that is not finite, as (row, column).
    fn not_finite(&self) -> Option<(usize, usize)>;
    /// How many rows a block should have so that it is still in the cache when it is read again.
    fn block(&self) -> usize {
        (16_384 / (8 * self.columns().max(1))).clamp(4, 256) / 4 * 4
    }
}
