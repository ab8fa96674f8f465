//! A table with a number taken off some of its columns: what is far from 0 beside its own spread keeps its digits.
use crate::design::Design;
use std::ops::Range;

/// Another design whose entry in row i of column `columns[k]` is x_ij − centre_k; all other columns as they are.
///
/// The subtraction is exact where a column varies by less than its size, so products with coefficients lose nothing:
/// x_i′w − c′w does, for both are large.
pub struct Centred<'a> {
    inner: &'a dyn Design,
    columns: &'a [u32],
    centre: &'a [f64],
}

impl<'a> Centred<'a> {
    /// `columns` ascending, one centre each.
    pub fn new(inner: &'a dyn Design, columns: &'a [u32], centre: &'a [f64]) -> Self {
        assert_eq!(columns.len(), centre.len());
        Centred { inner, columns, centre }
    }
    /// The columns concerned, less their centres, of some rows.
    fn part(&self, rows: &Range<usize>) -> Vec<f64> {
        let named: Vec<u32> = rows.clone().map(|i| i as u32).collect();
        let mut x = vec![0.0; named.len() * self.columns.len()];
        self.inner.select(&named, self.columns, &mut x);
        for row in x.chunks_exact_mut(self.columns.len()) {
            row.iter_mut().zip(self.centre).for_each(|(x, c)| *x -= c);
        }
        x
    }
}

impl Design for Centred<'_> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }
    fn columns(&self) -> usize {
        self.inner.columns()
    }
    fn dense(&self) -> bool {
        self.inner.dense()
    }
    fn bytes(&self) -> usize {
        self.inner.bytes()
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
        if self.columns.is_empty() {
            return self.inner.margins(rows, ahead, w, outputs, out);
        }
        let mut rest = w.to_vec();
        for w in rest.chunks_exact_mut(d) {
            self.columns.iter().for_each(|&j| w[j as usize] = 0.0);
        }
        self.inner.margins(rows.clone(), ahead, &rest, outputs, out);
        let x = self.part(&rows);
        for (x, out) in x.chunks_exact(self.columns.len()).zip(out.chunks_exact_mut(outputs)) {
            for (out, w) in out.iter_mut().zip(w.chunks_exact(d)) {
                *out += x.iter().zip(self.columns).map(|(x, &j)| x * w[j as usize]).sum::<f64>();
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
        if self.columns.is_empty() {
            return self.inner.accumulate(rows, ahead, s, outputs, gradient);
        }
        let kept: Vec<f64> = (gradient.chunks_exact(d))
            .flat_map(|g| self.columns.iter().map(|&j| g[j as usize]))
            .collect();
        self.inner.accumulate(rows.clone(), ahead, s, outputs, gradient);
        let (x, many) = (self.part(&rows), self.columns.len());
        for (o, (g, kept)) in gradient.chunks_exact_mut(d).zip(kept.chunks_exact(many)).enumerate()
        {
            for (k, (&j, kept)) in self.columns.iter().zip(kept).enumerate() {
                let terms = x.iter().skip(k).step_by(many).zip(s.iter().skip(o).step_by(outputs));
                g[j as usize] = kept + terms.map(|(x, s)| x * s).sum::<f64>();
            }
        }
    }
    fn gather(&self, rows: &[u32], out: &mut [f64]) {
        self.inner.gather(rows, out);
        for row in out.chunks_exact_mut(self.columns().max(1)) {
            self.columns.iter().zip(self.centre).for_each(|(&j, c)| row[j as usize] -= c);
        }
    }
    fn select(&self, rows: &[u32], columns: &[u32], out: &mut [f64]) {
        self.inner.select(rows, columns, out);
        for (&j, c) in self.columns.iter().zip(self.centre) {
            if let Ok(k) = columns.binary_search(&j) {
                out.chunks_exact_mut(columns.len()).for_each(|row| row[k] -= c);
            }
        }
    }
    fn not_finite(&self) -> Option<(usize, usize)> {
        self.inner.not_finite()
    }
    fn wrapped(&self) -> Option<&dyn Design> {
        Some(self.inner)
    }
    fn block(&self) -> usize {
        self.inner.block()
    }
}
