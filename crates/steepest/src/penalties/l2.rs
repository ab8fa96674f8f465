//! The squared penalty.
use crate::penalty::{Entry, Offers, Penalty, Steps};

/// alpha · ½ Σ w_j² (ridge); with rescaled variables each coordinate has a weight of its own.
pub struct L2 {
    weight: Vec<f64>,
}

impl L2 {
    /// Weight `alpha` on coordinates `0..penalised`.
    pub fn new(alpha: f64, penalised: usize) -> Self {
        L2 { weight: vec![alpha; penalised] }
    }
}

const OFFERS: Offers =
    Offers { smooth: true, quadratic: true, diagonal_prox: true, bounds: false, convex: true };

impl Penalty for L2 {
    fn name(&self) -> &'static str {
        "l2"
    }
    fn offers(&self) -> Offers {
        OFFERS
    }
    fn value(&self, x: &[f64]) -> f64 {
        0.5 * self.weight.iter().zip(x).map(|(a, x)| a * x * x).sum::<f64>()
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        for (j, (a, x)) in self.weight.iter().zip(x).enumerate() {
            *x /= 1.0 + steps.at(j) * a;
        }
    }
    fn add_gradient(&self, x: &[f64], gradient: &mut [f64]) {
        for ((a, x), g) in self.weight.iter().zip(x).zip(gradient) {
            *g += a * x;
        }
    }
    fn quadratic(&self, j: usize) -> f64 {
        self.weight.get(j).copied().unwrap_or(0.0)
    }
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>> {
        let weight = self.weight.iter().zip(scale).map(|(a, s)| a * s * s).collect();
        Some(Box::new(L2 { weight }))
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: "l2",
    doc: "Half the sum of squares, alpha · ½ ‖w‖² (ridge). Hoerl and Kennard 1970.",
    parameters: &[],
    offers: OFFERS,
    build: |_, alpha, penalised| Box::new(L2::new(alpha, penalised)),
};
