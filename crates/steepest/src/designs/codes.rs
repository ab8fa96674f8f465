//! Categories beside numbers: a code stands for a row of zeros with a single 1, which is never stored.
use crate::design::{Design, countable};
use crate::numbers::real::Float;
use std::ops::Range;

/// A column of categories: each row's code, and how many categories there are.
#[derive(Clone, Copy)]
pub struct Category<'a> {
    /// The category of each row; below 0, or at or beyond `levels`, none of them (all zeros).
    pub codes: &'a [i32],
    /// How many categories, and so how many columns are implied.
    pub levels: usize,
}

/// A dense block of numbers (rows one after another) and beside it the one-hot columns that categories imply.
///
/// Columns are the numbers first, then each category's levels in turn.
pub struct Codes<'a, V> {
    numbers: &'a [V],
    width: usize,
    categories: Vec<(Category<'a>, usize)>,
    rows: usize,
    columns: usize,
}

impl<'a, V: Float> Codes<'a, V> {
    /// `width` numbers a row, and categories with one code a row.
    pub fn new(
        rows: usize,
        numbers: &'a [V],
        width: usize,
        categories: &[Category<'a>],
    ) -> Result<Self, String> {
        if numbers.len() != rows * width {
            return Err(format!(
                "{rows} rows of {width} numbers are {}; got {}",
                rows * width,
                numbers.len()
            ));
        }
        countable(rows)?;
        let mut first = width;
        let mut placed = Vec::with_capacity(categories.len());
        for (k, c) in categories.iter().enumerate() {
            if c.codes.len() != rows {
                return Err(format!("category {k} has {} codes for {rows} rows", c.codes.len()));
            }
            placed.push((*c, first));
            first += c.levels;
        }
        Ok(Codes { numbers, width, categories: placed, rows, columns: first })
    }

    #[inline]
    fn row(&self, i: usize) -> &[V] {
        &self.numbers[i * self.width..(i + 1) * self.width]
    }
    /// The columns in which a row has its 1s.
    #[inline]
    fn ones(&self, i: usize) -> impl Iterator<Item = usize> {
        self.categories.iter().filter_map(move |(c, first)| {
            let code = c.codes[i] as usize;
            (code < c.levels).then(|| first + code)
        })
    }
}

impl<V: Float> Design for Codes<'_, V> {
    fn rows(&self) -> usize {
        self.rows
    }
    fn columns(&self) -> usize {
        self.columns
    }
    fn dense(&self) -> bool {
        self.categories.is_empty()
    }
    fn bytes(&self) -> usize {
        size_of_val(self.numbers) + 4 * self.rows * self.categories.len()
    }
    fn margins(
        &self,
        rows: Range<usize>,
        _: Range<usize>,
        w: &[f64],
        outputs: usize,
        out: &mut [f64],
    ) {
        for (i, out) in rows.zip(out.chunks_exact_mut(outputs)) {
            for (w, out) in w.chunks_exact(self.columns).zip(out) {
                let numbers: f64 = self.row(i).iter().zip(w).map(|(v, w)| v.to_f64() * w).sum();
                *out = self.ones(i).fold(numbers, |sum, j| sum + w[j]);
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
        for (i, s) in rows.zip(s.chunks_exact(outputs)) {
            for (g, s) in gradient.chunks_exact_mut(self.columns).zip(s) {
                for (g, v) in g.iter_mut().zip(self.row(i)) {
                    *g += s * v.to_f64();
                }
                self.ones(i).for_each(|j| g[j] += s);
            }
        }
    }
    fn gather(&self, rows: &[u32], out: &mut [f64]) {
        out.fill(0.0);
        for (&i, out) in rows.iter().zip(out.chunks_exact_mut(self.columns.max(1))) {
            for (o, v) in out.iter_mut().zip(self.row(i as usize)) {
                *o = v.to_f64();
            }
            self.ones(i as usize).for_each(|j| out[j] = 1.0);
        }
    }
    fn select(&self, rows: &[u32], columns: &[u32], out: &mut [f64]) {
        out.fill(0.0);
        for (&i, out) in rows.iter().zip(out.chunks_exact_mut(columns.len().max(1))) {
            let numbers = self.row(i as usize);
            for (o, &j) in out.iter_mut().zip(columns) {
                match numbers.get(j as usize) {
                    Some(v) => *o = v.to_f64(),
                    None => break,
                }
            }
            for j in self.ones(i as usize) {
                if let Ok(k) = columns.binary_search(&(j as u32)) {
                    out[k] = 1.0;
                }
            }
        }
    }
    fn moments(&self, rows: Range<usize>, weight: &[f64], sum: &mut [f64], square: &mut [f64]) {
        for (i, w) in rows.zip(weight) {
            for ((v, sum), square) in self.row(i).iter().zip(&mut *sum).zip(&mut *square) {
                let v = v.to_f64();
                *sum += w * v;
                *square += w * v * v;
            }
            for j in self.ones(i) {
                sum[j] += w;
                square[j] += w;
            }
        }
    }
    fn not_finite(&self) -> Option<(usize, usize)> {
        let k = self.numbers.iter().position(|v| !v.is_finite())?;
        Some((k / self.width, k % self.width))
    }
    fn block(&self) -> usize {
        64
    }
}
