//! A few rows in standardised variables, and the Hessian over them: by Cholesky of its Gram matrix where that is
//! well-conditioned, by QR where it is not.
use crate::gram::StandardisedRows;
use crate::held::Held;
use crate::linalg::factor::Factor;
use crate::scaling::Scaling;

/// A few rows, the standardised variables that they are seen in, and the diagonal penalty there.
#[derive(Clone, Copy)]
pub struct Few<'a> {
    /// The rows.
    pub held: &'a Held<'a>,
    /// The variables.
    pub scaling: &'a Scaling,
    /// The penalty.
    pub penalty: &'a [f64],
}

impl<'a> Few<'a> {
    /// As rows of numbers.
    pub fn standardised(&self) -> StandardisedRows<'a> {
        StandardisedRows { held: self.held, scaling: self.scaling }
    }
}

/// M over rows with weights (share times curvature), and the diagonal penalty; of several outputs, of one of them.
pub fn factor(few: Few<'_>, weight: &[f64], ridge: f64) -> Factor {
    let standardised = few.standardised();
    let width = standardised.width();
    let mut gram = standardised.gram(weight);
    let penalty = &few.penalty[..width];
    for (j, a) in penalty.iter().enumerate() {
        gram[j * width + j] += a;
    }
    if ridge > 0.0 {
        (0..width).for_each(|j| gram[j * width + j] *= 1.0 + ridge);
    }
    if let Some(factor) = Factor::cholesky(gram, width) {
        return factor;
    }
    let root: Vec<f64> = weight.iter().map(|w| w.sqrt()).collect();
    let mut r = standardised.triangle(&root);
    let mut diagonal = vec![0.0; width * width];
    for (j, a) in penalty.iter().enumerate() {
        diagonal[j * width + j] = a.sqrt();
    }
    crate::linalg::factor::append(&mut r, &diagonal, width);
    if ridge > 0.0 {
        for j in 0..width {
            let norm: f64 = (0..=j).map(|i| r[i * width + j] * r[i * width + j]).sum();
            diagonal[j * width + j] = (ridge * norm).sqrt();
        }
        crate::linalg::factor::append(&mut r, &diagonal, width);
    }
    Factor::pivoted(r, width)
}
