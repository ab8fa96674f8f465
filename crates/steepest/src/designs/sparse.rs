//! Sparse rows: of each row only what is not zero (CSR).
use crate::design::{Design, countable};
use crate::numbers::real::Float;
use std::ops::Range;

/// A place in an array, as sparse matrices store it: `i32` or `i64`.
pub trait Place: Copy + Send + Sync + 'static {
    /// As an index; a negative one becomes too large to be one.
    fn at(self) -> usize;
}
impl Place for i32 {
    #[inline]
    fn at(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }
}
impl Place for i64 {
    #[inline]
    fn at(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }
}

/// Rows by their entries, borrowed: row i has `values[starts[i]..starts[i + 1]]` in the columns `indices[…]`.
/// Entries of a row that name the same column add up.
pub struct Sparse<'a, V, I> {
    values: &'a [V],
    indices: &'a [I],
    starts: &'a [I],
    columns: usize,
}

impl<'a, V: Float, I: Place> Sparse<'a, V, I> {
    /// Rows from the three arrays of a CSR matrix; what does not fit together is named.
    pub fn new(
        values: &'a [V],
        indices: &'a [I],
        starts: &'a [I],
        columns: usize,
    ) -> Result<Self, String> {
        if values.len() != indices.len() {
            return Err(format!(
                "a sparse matrix needs one index a value; got {} indices for {} values",
                indices.len(),
                values.len()
            ));
        }
        let ordered = starts.windows(2).all(|w| w[0].at() <= w[1].at());
        if starts.first().is_none_or(|s| s.at() != 0)
            || !ordered
            || starts.last().is_some_and(|s| s.at() > values.len())
        {
            return Err(
                "a sparse matrix's indptr must rise from 0 to at most the number of its values"
                    .into(),
            );
        }
        countable(starts.len() - 1)?;
        // All at once first: the first that is wrong is looked for where there is one.
        let wrong = indices.iter().fold(false, |any, j| any | (j.at() >= columns));
        if wrong && let Some(k) = indices.iter().position(|j| j.at() >= columns) {
            return Err(format!("a sparse matrix of {columns} columns has entry {k} outside them"));
        }
        Ok(Sparse { values, indices, starts, columns })
    }

    /// The same of what was looked at before.
    pub(super) fn unchecked(
        values: &'a [V],
        indices: &'a [I],
        starts: &'a [I],
        columns: usize,
    ) -> Self {
        Sparse { values, indices, starts, columns }
    }

    #[inline]
    fn row(&self, i: usize) -> (&[V], &[I]) {
        let r = self.starts[i].at()..self.starts[i + 1].at();
        (&self.values[r.clone()], &self.indices[r])
    }
    #[inline]
    fn present(&self, i: usize) -> impl Iterator<Item = (usize, f64)> {
        let (values, indices) = self.row(i);
        indices.iter().zip(values).map(|(j, v)| (j.at(), v.to_f64()))
    }
}

impl<V: Float, I: Place> Design for Sparse<'_, V, I> {
    fn rows(&self) -> usize {
        self.starts.len() - 1
    }
    fn columns(&self) -> usize {
        self.columns
    }
    fn dense(&self) -> bool {
        false
    }
    fn entries(&self, row: usize, columns: &mut Vec<u32>, values: &mut Vec<f64>) {
        let (present, places) = self.row(row);
        columns.clear();
        columns.extend(places.iter().map(|j| j.at() as u32));
        values.clear();
        values.extend(present.iter().map(|v| v.to_f64()));
    }
    fn bytes(&self) -> usize {
        size_of_val(self.values) + size_of_val(self.indices) + size_of_val(self.starts)
    }
    fn margins(
        &self,
        rows: Range<usize>,
        _: Range<usize>,
        w: &[f64],
        outputs: usize,
        out: &mut [f64],
    ) {
        let d = self.columns;
        if outputs == 1 {
            for (i, out) in rows.zip(out) {
                let (mut even, mut odd) = (0.0, 0.0);
                let (values, indices) = self.row(i);
                // Two sums: one alone waits for each addition.
                let (v2, v1) = values.as_chunks::<2>();
                let (j2, j1) = indices.as_chunks::<2>();
                for (v, j) in v2.iter().zip(j2) {
                    even += v[0].to_f64() * w[j[0].at()];
                    odd += v[1].to_f64() * w[j[1].at()];
                }
                for (v, j) in v1.iter().zip(j1) {
                    even += v.to_f64() * w[j.at()];
                }
                *out = even + odd;
            }
            return;
        }
        for (i, out) in rows.zip(out.chunks_exact_mut(outputs)) {
            out.fill(0.0);
            for (j, v) in self.present(i) {
                for (k, out) in out.iter_mut().enumerate() {
                    *out += v * w[k * d + j];
                }
            }
        }
    }
    fn accumulate(
        &self,
        rows: Range<usize>,
        _: Range<usize>,
        s: &[f64],
        outputs: usize,
        gradient: &mut [f64],
    ) {
        let d = self.columns;
        for (i, s) in rows.zip(s.chunks_exact(outputs)) {
            for (j, v) in self.present(i) {
                for (k, s) in s.iter().enumerate() {
                    gradient[k * d + j] += v * s;
                }
            }
        }
    }
    fn gather(&self, rows: &[u32], out: &mut [f64]) {
        out.fill(0.0);
        for (&i, out) in rows.iter().zip(out.chunks_exact_mut(self.columns.max(1))) {
            for (j, v) in self.present(i as usize) {
                out[j] += v;
            }
        }
    }
    fn select(&self, rows: &[u32], columns: &[u32], out: &mut [f64]) {
        out.fill(0.0);
        for (&i, out) in rows.iter().zip(out.chunks_exact_mut(columns.len().max(1))) {
            for (j, v) in self.present(i as usize) {
                if let Ok(k) = columns.binary_search(&(j as u32)) {
                    out[k] += v;
                }
            }
        }
    }
    fn moments(&self, rows: Range<usize>, weight: &[f64], sum: &mut [f64], square: &mut [f64]) {
        for (i, w) in rows.zip(weight) {
            for (j, v) in self.present(i) {
                sum[j] += w * v;
                square[j] += w * v * v;
            }
        }
    }
    fn not_finite(&self) -> Option<(usize, usize)> {
        let used = self.starts.last().map_or(0, |s| s.at());
        // Many at once, each whole.
        let bad = |some: &[V]| some.iter().fold(false, |bad, v| bad | !v.is_finite());
        let near = self.values[..used].chunks(64).position(bad)? * 64;
        let k = near + self.values[near..used].iter().position(|v| !v.is_finite())?;
        let row = self.starts.partition_point(|s| s.at() <= k) - 1;
        Some((row, self.indices[k].at()))
    }
    fn block(&self) -> usize {
        256
    }
}
