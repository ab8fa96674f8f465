//! A large positive semidefinite matrix, factored whatever its rank.
use crate::linalg::cholesky;
use crate::linalg::vectors::dot;

/// The least pivot of a matrix with unit diagonal that is taken.
const PIVOT: f64 = 1e-12;

/// M = D L L′ D, D the square roots of its diagonal.
pub struct Blocked {
    diagonal: Vec<f64>,
    lower: Vec<f64>,
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
            if cholesky::factor(&mut lower, width, |_, left, _| left > PIVOT) || ridge > 1.0 {
                return Blocked { diagonal, lower, helped: ridge > 0.0 };
            }
            ridge = if ridge == 0.0 { 1e-11 } else { ridge * 100.0 };
        }
    }
    /// b ← M⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        let mut c = self.half(b);
        cholesky::backward(&self.lower, &mut c);
        b.iter_mut().zip(c.iter().zip(&self.diagonal)).for_each(|(b, (c, d))| *b = c / d);
    }
    /// b′ M⁻¹ b.
    pub fn energy(&self, b: &[f64]) -> f64 {
        let c = self.half(b);
        dot(&c, &c)
    }
    fn half(&self, b: &[f64]) -> Vec<f64> {
        let mut c: Vec<f64> = b.iter().zip(&self.diagonal).map(|(b, d)| b / d).collect();
        cholesky::forward(&self.lower, &mut c);
        c
    }
}
