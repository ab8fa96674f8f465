//! No penalty.
use crate::penalty::{Entry, Offers, Penalty, Steps};

/// Nothing is added: 0.
pub struct NoPenalty;

impl Penalty for NoPenalty {
    fn name(&self) -> &'static str {
        "none"
    }
    fn offers(&self) -> Offers {
        Offers { smooth: true, quadratic: true, diagonal_prox: true, bounds: true, convex: true }
    }
    fn value(&self, _: &[f64]) -> f64 {
        0.0
    }
    fn prox(&self, _: &mut [f64], _: Steps<'_>) {}
    fn rescaled(&self, _: &[f64]) -> Option<Box<dyn Penalty>> {
        Some(Box::new(NoPenalty))
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: "none",
    doc: "Nothing is added: 0.",
    parameters: &[],
    offers: Offers {
        smooth: true,
        quadratic: true,
        diagonal_prox: true,
        bounds: true,
        convex: true,
    },
    build: |_, _, _| Box::new(NoPenalty),
};
