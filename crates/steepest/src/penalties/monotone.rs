//! Coordinates that never fall from one to the next.
use super::secular::penalised;
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps};
use crate::settings::Described;

crate::settings! {
    /// Coordinates in order, x_1 ≤ x_2 ≤ … (isotonic): 0 where they are and +∞ where not, whatever alpha. Its prox is the
    /// projection by pooling neighbours that are out of order to their mean, weighted by one over their steps.
    ///
    /// Best and Chakravarti 1990, <https://doi.org/10.1007/BF01580873>.
    "monotone" Monotone {}
}

/// The order of the coordinates of weight > 0; those of weight 0 are free.
struct Ordered {
    inside: Vec<usize>,
}

const OFFERS: Offers = Offers::CONVEX;

impl Penalty for Ordered {
    fn name(&self) -> &'static str {
        Monotone::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        OFFERS
    }
    fn value(&self, x: &[f64]) -> f64 {
        let rises = self.inside.windows(2).all(|p| x[p[0]] <= x[p[1]]);
        if rises { 0.0 } else { f64::INFINITY }
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        // Pools of neighbours: where each begins, its mean, and its mass.
        let mut pools: Vec<(usize, f64, f64)> = Vec::with_capacity(self.inside.len());
        for (k, &j) in self.inside.iter().enumerate() {
            let (mut from, mut mean, mut mass) = (k, x[j], 1.0 / steps.at(j));
            while let Some(&(start, before, weight)) = pools.last()
                && !(before < mean)
            {
                mean = before + (mean - before) * (mass / (mass + weight));
                mass += weight;
                from = start;
                pools.pop();
            }
            pools.push((from, mean, mass));
        }
        let mut to = self.inside.len();
        let mut above = f64::INFINITY;
        for &(from, mean, _) in pools.iter().rev() {
            // Rounding of a mean may not turn the order round.
            above = mean.min(above);
            self.inside[from..to].iter().for_each(|&j| x[j] = above);
            to = from;
        }
    }
    fn free(&self, j: usize) -> bool {
        self.inside.binary_search(&j).is_err()
    }
    fn rescaled(&self, _: &[f64]) -> Option<Box<dyn Penalty>> {
        None
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Monotone::<f64>::NAME,
    doc: Monotone::<f64>::DOC,
    parameters: Monotone::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |_, weight| Box::new(Ordered { inside: penalised(weight) }),
    structured: None,
    groups: false,
    alpha: Alpha::Weight,
    program: None,
};
