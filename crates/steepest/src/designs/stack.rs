//! Tables of the same rows side by side: dense, sparse and categories in one.
use crate::design::Design;
use std::ops::Range;

/// The columns of each part in turn.
///
/// ```
/// use steepest::design::Design;
/// use steepest::designs::{dense::Dense, sparse::Sparse, stack::Stack};
/// let dense = Dense::by_rows(&[1.0, 2.0], 1).unwrap();
/// let sparse = Sparse::new(&[5.0], &[2i32], &[0, 0, 1], 3).unwrap();
/// let table = Stack::new(&[&dense, &sparse]).unwrap();
/// let mut margins = [0.0; 2];
/// table.margins(0..2, 0..0, &[1.0, 0.0, 0.0, 10.0], 1, &mut margins);
/// assert_eq!(margins, [1.0, 52.0]);
/// ```
pub struct Stack<'a> {
    /// Each with the number of its first column.
    parts: Vec<(&'a dyn Design, usize)>,
    rows: usize,
    columns: usize,
}

impl<'a> Stack<'a> {
    /// Parts of as many rows.
    pub fn new(parts: &[&'a dyn Design]) -> Result<Self, String> {
        let rows = parts.first().map_or(0, |part| part.rows());
        let mut stack = Stack { parts: Vec::with_capacity(parts.len()), rows, columns: 0 };
        for &part in parts {
            if part.rows() != rows {
                return Err(format!(
                    "tables of {rows} and of {} rows cannot stand side by side",
                    part.rows()
                ));
            }
            stack.parts.push((part, stack.columns));
            stack.columns += part.columns();
        }
        Ok(stack)
    }
    /// Each part's share of what is one a column.
    fn shares<'b, T>(&'b self, all: &'b [T]) -> impl Iterator<Item = (&'b dyn Design, &'b [T])> {
        self.parts.iter().map(|(part, first)| (*part, &all[*first..first + part.columns()]))
    }
}

impl Design for Stack<'_> {
    fn rows(&self) -> usize {
        self.rows
    }
    fn columns(&self) -> usize {
        self.columns
    }
    fn dense(&self) -> bool {
        self.parts.iter().all(|(part, _)| part.dense())
    }
    fn bytes(&self) -> usize {
        self.parts.iter().map(|(part, _)| part.bytes()).sum()
    }
    fn margins(
        &self,
        rows: Range<usize>,
        ahead: Range<usize>,
        w: &[f64],
        outputs: usize,
        out: &mut [f64],
    ) {
        out.fill(0.0);
        // A part's variables lie together only within one output.
        let mut own = vec![0.0; rows.len()];
        for (k, w) in w.chunks_exact(self.columns.max(1)).enumerate() {
            for (part, w) in self.shares(w) {
                part.margins(rows.clone(), ahead.clone(), w, 1, &mut own);
                out.iter_mut().skip(k).step_by(outputs).zip(&own).for_each(|(o, m)| *o += m);
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
        let mut own = vec![0.0; rows.len()];
        for (k, gradient) in gradient.chunks_exact_mut(self.columns.max(1)).enumerate() {
            own.iter_mut().zip(s.iter().skip(k).step_by(outputs)).for_each(|(o, s)| *o = *s);
            for (part, first) in &self.parts {
                let share = &mut gradient[*first..first + part.columns()];
                part.accumulate(rows.clone(), ahead.clone(), &own, 1, share);
            }
        }
    }
    fn gather(&self, rows: &[u32], out: &mut [f64]) {
        for (&i, out) in rows.iter().zip(out.chunks_exact_mut(self.columns.max(1))) {
            for (part, first) in &self.parts {
                part.gather(&[i], &mut out[*first..first + part.columns()]);
            }
        }
    }
    fn select(&self, rows: &[u32], columns: &[u32], out: &mut [f64]) {
        let mut from = 0;
        for (part, first) in &self.parts {
            let behind = (first + part.columns()) as u32;
            let to = from + columns[from..].partition_point(|j| *j < behind);
            let own: Vec<u32> = columns[from..to].iter().map(|j| j - *first as u32).collect();
            let mut some = vec![0.0; rows.len() * own.len()];
            part.select(rows, &own, &mut some);
            let to_rows = out.chunks_exact_mut(columns.len().max(1));
            for (out, some) in to_rows.zip(some.chunks_exact(own.len().max(1))) {
                out[from..to].copy_from_slice(some);
            }
            from = to;
        }
    }
    fn moments(&self, rows: Range<usize>, weight: &[f64], sum: &mut [f64], square: &mut [f64]) {
        for (part, first) in &self.parts {
            let own = *first..first + part.columns();
            part.moments(rows.clone(), weight, &mut sum[own.clone()], &mut square[own]);
        }
    }
    fn not_finite(&self) -> Option<(usize, usize)> {
        let bad =
            |(part, first): &(&dyn Design, usize)| part.not_finite().map(|(i, j)| (i, first + j));
        self.parts.iter().filter_map(bad).min()
    }
    fn distances(&self, rows: Range<usize>, centre: &[f64], inverse: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        let mut own = vec![0.0; out.len()];
        for ((part, centre), (_, inverse)) in self.shares(centre).zip(self.shares(inverse)) {
            part.distances(rows.clone(), centre, inverse, &mut own);
            out.iter_mut().zip(&own).for_each(|(o, d)| *o += d);
        }
    }
    fn block(&self) -> usize {
        self.parts.iter().map(|(part, _)| part.block()).min().unwrap_or(4)
    }
}
