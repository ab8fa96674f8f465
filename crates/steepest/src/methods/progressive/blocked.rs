//! Cholesky of a large positive semidefinite matrix, by blocks.
use crate::vectors::dot;

/// Columns factored at once.
const PANEL: usize = 64;
/// Columns updated at once.
const STRIP: usize = 192;
/// The least pivot of a matrix with unit diagonal that is taken.
const PIVOT: f64 = 1e-12;

/// M = D L L′ D, D the square roots of its diagonal.
pub struct Blocked {
    diagonal: Vec<f64>,
    lower: Vec<f64>,
    width: usize,
    /// Whether its diagonal had to be raised, since M is singular to rounding.
    pub helped: bool,
}

impl Blocked {
    /// Of a symmetric matrix, of which the lower triangle is read. Where it is singular its diagonal is raised by
    /// as little as does.
    pub fn new(m: Vec<f64>, width: usize) -> Self {
        let diagonal: Vec<f64> = (0..width)
            .map(|j| m[j * (width + 1)].sqrt())
            .map(|d| if d > 0.0 && d.is_finite() { d } else { 1.0 })
            .collect();
        let mut ridge = 0.0;
        loop {
            let mut lower = m.clone();
            for i in 0..width {
                for j in 0..i {
                    lower[i * width + j] /= diagonal[i] * diagonal[j];
                }
                lower[i * width + i] = 1.0 + ridge;
            }
            if factor(&mut lower, width) || ridge > 1.0 {
                return Blocked { diagonal, lower, width, helped: ridge > 0.0 };
            }
            ridge = if ridge == 0.0 { 1e-11 } else { ridge * 100.0 };
        }
    }
    /// b ← M⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        let (n, mut c) = (self.width, self.half(b));
        for i in (0..n).rev() {
            c[i] /= self.lower[i * (n + 1)];
            let (head, tail) = c.split_at_mut(i);
            let row = &self.lower[i * n..i * n + i];
            head.iter_mut().zip(row).for_each(|(h, l)| *h -= l * tail[0]);
        }
        b.iter_mut().zip(c.iter().zip(&self.diagonal)).for_each(|(b, (c, d))| *b = c / d);
    }
    /// b′ M⁻¹ b.
    pub fn energy(&self, b: &[f64]) -> f64 {
        let c = self.half(b);
        dot(&c, &c)
    }
    fn half(&self, b: &[f64]) -> Vec<f64> {
        let n = self.width;
        let mut c: Vec<f64> = b.iter().zip(&self.diagonal).map(|(b, d)| b / d).collect();
        for i in 0..n {
            let row = &self.lower[i * n..i * n + i];
            c[i] = (c[i] - dot(&c[..i], row)) / self.lower[i * (n + 1)];
        }
        c
    }
}

/// In place; false where a pivot is too small.
fn factor(m: &mut [f64], n: usize) -> bool {
    for from in (0..n).step_by(PANEL) {
        let to = (from + PANEL).min(n);
        for i in from..n {
            let (done, rest) = m.split_at_mut(i * n);
            let row = &mut rest[..n];
            for j in from..to.min(i) {
                let l = &done[j * n..j * n + j + 1];
                row[j] = (row[j] - dot(&row[from..j], &l[from..j])) / l[j];
            }
            if i < to {
                let pivot = row[i] - dot(&row[from..i], &row[from..i]);
                if !(pivot > PIVOT) {
                    return false;
                }
                row[i] = pivot.sqrt();
            }
        }
        for at in (to..n).step_by(STRIP) {
            let columns = STRIP.min(n - at);
            let stride = n as isize;
            // SAFETY: rows at..n and at..at+columns of the panel's columns from..to are read, rows at..n of
            // the columns at..at+columns, all to the right of them, are written: inside the n·n numbers, and apart.
            unsafe {
                let p = m.as_mut_ptr();
                matrixmultiply::dgemm(
                    n - at,
                    to - from,
                    columns,
                    -1.0,
                    p.add(at * n + from),
                    stride,
                    1,
                    p.add(at * n + from),
                    1,
                    stride,
                    1.0,
                    p.add(at * n + at),
                    stride,
                    1,
                );
            }
        }
    }
    true
}
