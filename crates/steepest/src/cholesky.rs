//! Symmetric systems of moderate size: A = L L'.

/// The factor of a symmetric matrix, or none where it is not safely positive definite.
pub struct Cholesky {
    n: usize,
    /// Row after row; what is above the diagonal is not used.
    l: Vec<f64>,
}

impl Cholesky {
    /// Of `a + diag(shift)`, row after row; only the lower triangle is read.
    pub fn new(n: usize, a: &[f64], shift: impl Fn(usize) -> f64) -> Option<Self> {
        let mut l = a[..n * n].to_vec();
        for i in 0..n {
            let (above, rest) = l.split_at_mut(i * n);
            let row = &mut rest[..n];
            let pivot = a[i * n + i] + shift(i);
            for j in 0..i {
                let other = &above[j * n..j * n + j + 1];
                row[j] = (row[j] - crate::vectors::dot(&row[..j], &other[..j])) / other[j];
            }
            let d = pivot - crate::vectors::dot(&row[..i], &row[..i]);
            // what is left of the pivot must be more than the rounding of what was taken from it
            if !(d > 16.0 * f64::EPSILON * (i + 1) as f64 * pivot.abs()) || !d.is_finite() {
                return None;
            }
            row[i] = d.sqrt();
        }
        Some(Cholesky { n, l })
    }

    /// b ← A⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        let n = self.n;
        for i in 0..n {
            let row = &self.l[i * n..i * n + i + 1];
            b[i] = (b[i] - crate::vectors::dot(&row[..i], &b[..i])) / row[i];
        }
        for i in (0..n).rev() {
            let row = &self.l[i * n..i * n + i + 1];
            b[i] /= row[i];
            let bi = b[i];
            b[..i].iter_mut().zip(row).for_each(|(b, l)| *b -= bi * l);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_what_it_factors() {
        for n in [1, 2, 7, 40] {
            let entry = |i: usize, j: usize| 1.0 / (1.0 + (i as f64 - j as f64).abs());
            let a: Vec<f64> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
            let x: Vec<f64> = (0..n).map(|i| i as f64 - 3.0).collect();
            let mut b: Vec<f64> = (0..n)
                .map(|i| (0..n).map(|j| a[i * n + j] * x[j]).sum::<f64>() + 0.5 * x[i])
                .collect();
            Cholesky::new(n, &a, |_| 0.5).unwrap().solve(&mut b);
            assert!(b.iter().zip(&x).all(|(b, x)| (b - x).abs() < 1e-10));
        }
        assert!(Cholesky::new(2, &[1.0, 2.0, 2.0, 1.0], |_| 0.0).is_none());
        assert!(Cholesky::new(2, &[1.0, 1.0, 1.0, 1.0], |_| 0.0).is_none());
        assert!(Cholesky::new(1, &[f64::NAN], |_| 0.0).is_none());
    }
}
