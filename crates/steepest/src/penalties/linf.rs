//! The largest of all coefficients.
use super::secular::{excess, penalised};
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps};
use crate::settings::Described;

crate::settings! {
    /// The largest absolute value, max_j |x_j|: the large coefficients are all made equally large. Its prox clips at the
    /// level where what is clipped, each divided by its step, sums to the weight.
    ///
    /// Parikh and Boyd 2014, section 6.5.2, <https://doi.org/10.1561/2400000003>.
    "linf" Linf {}
}

/// weight · max |x_j| over the coordinates of weight > 0, whose mean it is; those of weight 0 are free.
struct Largest {
    weight: f64,
    inside: Vec<usize>,
}

const OFFERS: Offers = Offers::CONVEX;

/// The level at which Σ max(0, |x_j| − level) / t_j is `whole`; none where even a level of 0 does not reach it.
fn level(x: &[f64], inside: &[usize], steps: Steps<'_>, whole: f64) -> Option<f64> {
    let mut order = inside.to_vec();
    order.sort_by(|&a, &b| x[b].abs().total_cmp(&x[a].abs()).then(a.cmp(&b)));
    let (mut sum, mut rate, mut level) = (-whole, 0.0, f64::NEG_INFINITY);
    for &j in &order {
        if x[j].abs() <= level {
            break;
        }
        sum += x[j].abs() / steps.at(j);
        rate += 1.0 / steps.at(j);
        level = sum / rate;
    }
    (level > 0.0).then_some(level)
}

impl Penalty for Largest {
    fn name(&self) -> &'static str {
        Linf::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        OFFERS
    }
    fn value(&self, x: &[f64]) -> f64 {
        let most = self
            .inside
            .iter()
            .fold(0.0f64, |m, &j| if x[j].is_nan() { x[j] } else { m.max(x[j].abs()) });
        self.weight * most
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        let level = level(x, &self.inside, steps, self.weight).unwrap_or(0.0);
        self.inside.iter().for_each(|&j| x[j] = x[j].clamp(-level, level));
    }
    fn free(&self, j: usize) -> bool {
        self.inside.binary_search(&j).is_err()
    }
    fn shrinks(&self, s: &[f64], spread: &[f64]) -> f64 {
        let sum: f64 = self.inside.iter().map(|&j| s[j].abs() + spread[j]).sum();
        let c =
            if sum <= self.weight { 1.0 } else { (1.0 - 8.0 * f64::EPSILON) * self.weight / sum };
        if c.is_nan() { 0.0 } else { c }
    }
    fn excess(&self, x: &[f64], s: &[f64], spread: &[f64]) -> Option<f64> {
        let sum: f64 = self.inside.iter().map(|&j| s[j].abs() + spread[j]).sum();
        excess(sum <= self.weight, self.value(x), &self.inside, [x, s, spread])
    }
    fn rescaled(&self, _: &[f64]) -> Option<Box<dyn Penalty>> {
        None
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Linf::<f64>::NAME,
    doc: Linf::<f64>::DOC,
    parameters: Linf::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |_, weight| {
        let inside = penalised(weight);
        let sum: f64 = weight.iter().sum();
        Box::new(Largest { weight: sum / inside.len().max(1) as f64, inside })
    },
    structured: None,
    groups: false,
    alpha: Alpha::Weight,
    program: None,
};
