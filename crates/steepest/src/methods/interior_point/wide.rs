//! Newton's matrix where columns are more than rows: by a matrix over the rows.
use crate::gram::add_product;
use crate::linalg::cholesky::Cholesky;
use std::sync::Arc;

/// H = X′DX + A, where A holds all variables, or all but the last that is 1 in every row (an intercept). By
/// K = D⁻¹ + X A⁻¹ X′ over the rows: with y = D X v of v = H⁻¹ b, A v + X′y = b.
pub(super) struct Wide {
    columns: Arc<Vec<f64>>,
    /// A⁻¹; 0 for the one that nothing holds.
    loose: Vec<f64>,
    /// K⁻¹ 1 and its sum, where there is one.
    ones: Option<(Vec<f64>, f64)>,
    factor: Cholesky,
    rows: usize,
}

/// Columns taken at once.
const STRIP: usize = 256;

/// Rows of so many numbers as columns, one after another.
pub(super) fn turned(table: &[f64], width: usize) -> Vec<f64> {
    let n = table.len() / width;
    let mut columns = vec![0.0; table.len()];
    for (i, row) in table.chunks_exact(width).enumerate() {
        row.iter().enumerate().for_each(|(j, x)| columns[j * n + i] = *x);
    }
    columns
}

impl Wide {
    /// None where A holds less, or there is no factor.
    pub fn new(columns: &Arc<Vec<f64>>, stiff: &[f64], own: &[f64]) -> Option<Self> {
        let (n, w) = (stiff.len(), own.len());
        let free = own[w - 1] == 0.0;
        if own[..w - 1].iter().any(|a| *a <= 0.0)
            || (free && columns[(w - 1) * n..].iter().any(|x| *x != 1.0))
        {
            return None;
        }
        let loose: Vec<f64> = own.iter().map(|a| if *a > 0.0 { 1.0 / a } else { 0.0 }).collect();
        let mut k = vec![0.0; n * n];
        for (strip, loose) in columns.chunks(STRIP * n).zip(loose.chunks(STRIP)) {
            let each = strip.chunks_exact(n).zip(loose);
            let scaled: Vec<f64> = each.flat_map(|(c, a)| c.iter().map(move |x| x * a)).collect();
            add_product(&scaled, strip, n, &mut k);
        }
        crate::gram::mirror(&mut k, n);
        // A row that does not count has no share in anything.
        let give = |i: usize| if stiff[i] > 0.0 { 1.0 / stiff[i] } else { 1e300 };
        let little = [0.0, 1e-15, 1e-13];
        let factor = little
            .iter()
            .find_map(|more| Cholesky::new(n, &k, |i| give(i) + more * k[i * n + i]))?;
        let ones = free.then(|| {
            let mut ones = vec![1.0; n];
            factor.solve(&mut ones);
            let sum = ones.iter().sum();
            (ones, sum)
        });
        Some(Wide { columns: columns.clone(), loose, ones, factor, rows: n })
    }

    /// What rounding leaves of an entry of H⁻¹ on its diagonal: a difference from 1/A.
    pub fn doubt(&self, j: usize) -> f64 {
        1e-12 * self.loose[j]
    }

    /// b ← H⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        self.solve_both(b, &vec![0.0; self.rows]);
    }

    /// y = D (X v − rest) of v = H⁻¹ (b + X′D rest), which b becomes: not by way of v, of which stiff rows make so much that
    /// nothing but its rounding would be left of y.
    pub fn solve_both(&self, b: &mut [f64], rest: &[f64]) -> Vec<f64> {
        let (n, w) = (self.rows, b.len());
        let column = |j: usize| &self.columns[j * n..(j + 1) * n];
        let mut y: Vec<f64> = rest.iter().map(|r| -r).collect();
        for j in 0..w {
            let by = self.loose[j] * b[j];
            y.iter_mut().zip(column(j)).for_each(|(y, x)| *y += by * x);
        }
        self.factor.solve(&mut y);
        let mut level = 0.0;
        if let Some((ones, sum)) = &self.ones {
            level = (b[w - 1] - y.iter().sum::<f64>()) / sum;
            y.iter_mut().zip(ones).for_each(|(y, one)| *y += level * one);
        }
        for j in 0..w {
            b[j] = self.loose[j] * (b[j] - crate::linalg::vectors::dot(column(j), &y));
        }
        if self.ones.is_some() {
            b[w - 1] = level;
        }
        y
    }
}
