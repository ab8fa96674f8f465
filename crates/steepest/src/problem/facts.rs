//! What is known of a problem before it is begun.
use crate::objective::Objective;
use crate::penalty::{self, Penalty};

/// What is known of a problem before the first step: `auto` and refusals decide by it.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Variables.
    pub dim: usize,
    /// Terms of the mean; 0 where it is not one.
    pub terms: usize,
    /// How much is constrained beside bounds.
    pub constraints: usize,
    /// Whether products with second derivatives can be had.
    pub products: bool,
    /// Whether the matrix of second derivatives can be had.
    pub hessian: bool,
    /// Residuals of whose losses it is the sum; 0 where it is not one.
    pub residuals: usize,
    /// Blocks of variables that it can be minimised over while the others stay; 0 where there are none.
    pub blocks: usize,
    /// Whether it is a loss over a design.
    pub glm: bool,
    /// Numbers that the loss of a row of it is of; 0 where it is none.
    pub outputs: usize,
    /// Whether those are more than margins to which a number may be added: some are learnt beside the coefficients.
    pub coupled: bool,
    /// Whether it is made of straight parts.
    pub straight: bool,
    /// Whether that design is dense.
    pub dense: bool,
    /// What the penalty can do.
    pub offers: penalty::Offers,
    /// The penalty's name, for refusals.
    pub penalty: &'static str,
}

/// What is known of a problem.
pub fn facts(objective: &mut dyn Objective, penalty: &dyn Penalty) -> Facts {
    let offered = objective.offers();
    Facts {
        dim: offered.dim,
        terms: offered.terms,
        constraints: offered.constraints,
        products: offered.products,
        hessian: offered.hessian,
        residuals: offered.residuals,
        blocks: objective.blocks().len(),
        glm: offered.table.is_some(),
        outputs: offered.table.map_or(0, |t| t.outputs),
        coupled: offered.table.is_some_and(|t| t.coupled()),
        straight: offered.table.is_some_and(|t| t.straight),
        dense: offered.table.is_some_and(|t| t.dense),
        offers: penalty.offers(),
        penalty: penalty.name(),
    }
}
