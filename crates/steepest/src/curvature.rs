//! What a method has learned of the second derivatives, for whoever asks at the end.
use crate::units::Units;

/// What a method has learned of the second derivatives where it stands, in the units it works in. Matrices row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Curvature {
    /// The Hessian, positive definite.
    Hessian(Vec<f64>),
    /// Its inverse.
    Inverse(Vec<f64>),
    /// Steps s and changes y of the gradient, a row each, the oldest first; and what the inverse has on its diagonal
    /// before the first of them.
    Pairs {
        /// The steps.
        s: Vec<f64>,
        /// The changes of the gradient.
        y: Vec<f64>,
        /// The diagonal.
        diagonal: Vec<f64>,
    },
}

impl Curvature {
    /// What is known of φ's in z as F's in x.
    pub fn outward(&mut self, units: &Units) {
        if units.plain() {
            return;
        }
        let (value, length) = (units.value(), |j: usize| units.length(j));
        match self {
            Curvature::Hessian(h) => each(h, |i, j| value / length(i) / length(j)),
            Curvature::Inverse(h) => each(h, |i, j| length(i) * length(j) / value),
            Curvature::Pairs { s, y, diagonal } => {
                let n = diagonal.len();
                s.iter_mut().enumerate().for_each(|(k, s)| *s *= length(k % n));
                y.iter_mut().enumerate().for_each(|(k, y)| *y *= value / length(k % n));
                diagonal
                    .iter_mut()
                    .enumerate()
                    .for_each(|(j, d)| *d *= length(j) * length(j) / value);
            }
        }
    }
    /// Whether all its numbers are numbers.
    pub fn finite(&self) -> bool {
        let finite = |v: &[f64]| v.iter().all(|v| v.is_finite());
        match self {
            Curvature::Hessian(h) | Curvature::Inverse(h) => finite(h),
            Curvature::Pairs { s, y, diagonal } => finite(s) && finite(y) && finite(diagonal),
        }
    }
}

/// Multiplies each entry of a square matrix by what belongs to its row and column.
fn each(matrix: &mut [f64], by: impl Fn(usize, usize) -> f64) {
    let n = matrix.len().isqrt();
    matrix.iter_mut().enumerate().for_each(|(k, entry)| *entry *= by(k / n, k % n));
}
