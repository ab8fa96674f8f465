//! A loss over a design: the objective of every linear model.
use crate::design::Design;
use crate::loss::Block;

/// (1/Σ weight) Σ weight_i · loss(target_i, x_i′w + b).
pub struct Glm<'a> {
    /// The rows.
    pub design: &'a dyn Design,
    /// The loss.
    pub loss: &'a dyn Block,
    /// One target a row.
    pub target: &'a [f64],
    /// One weight a row; none is 1 each.
    pub weight: Option<&'a [f64]>,
    /// Whether each output has an intercept, the last of its coordinates.
    pub intercept: bool,
}

impl Glm<'_> {
    /// Whether its rows are dense.
    pub fn is_dense(&self) -> bool {
        self.design.dense()
    }
}
