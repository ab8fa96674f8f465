//! What came of fitting a linear model.
use super::{Lay, LinearModel};
use crate::descend::Solution;
use crate::loss::Block;
use crate::settings::Spec;
use std::ops::Deref;

/// A linear model that was fitted: how that went, and the [model](LinearModel), whose methods it has.
pub struct FittedLinear {
    /// How the descent went, and what is proved of its end; its `x` is the coefficients with their intercepts.
    pub solution: Solution,
    /// The method that was taken.
    pub method: &'static str,
    /// Why that one.
    pub reason: String,
    /// What the rows cost by themselves: the value without the penalty.
    pub loss: f64,
    /// The model.
    pub model: LinearModel,
}

impl FittedLinear {
    pub(super) fn new(
        solution: Solution,
        method: &'static str,
        reason: String,
        (spec, made_for, loss): (Spec, usize, Box<dyn Block>),
        lay: Lay,
    ) -> Self {
        let (mut coefficients, mut intercept) = (Vec::with_capacity(lay.seen()), Vec::new());
        for x in solution.x[..lay.seen()].chunks_exact(lay.width.max(1)) {
            coefficients.extend_from_slice(&x[..lay.columns]);
            intercept.extend_from_slice(&x[lay.columns..]);
        }
        let learnt = solution.x[lay.seen()..].to_vec();
        let (names, classes, less) = Default::default();
        let columns = lay.columns;
        let model = LinearModel {
            coefficients,
            intercept,
            learnt,
            names,
            classes,
            spec,
            made_for,
            loss,
            columns,
            less,
        };
        FittedLinear { loss: solution.value, solution, method, reason, model }
    }
}

impl Deref for FittedLinear {
    type Target = LinearModel;
    fn deref(&self) -> &LinearModel {
        &self.model
    }
}
