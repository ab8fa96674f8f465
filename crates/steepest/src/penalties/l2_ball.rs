//! The Euclidean ball.
use super::secular::{SLACK, along, norm, penalised};
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps};
use crate::settings::Described;

crate::settings! {
    /// The Euclidean ball, ‖x‖ ≤ radius: 0 within and +∞ outside, whatever alpha. Its prox is the projection, which
    /// shortens x.
    ///
    /// Parikh and Boyd 2014, section 6.5.1, <https://doi.org/10.1561/2400000003>.
    "l2_ball" L2Ball {
        /// The largest length allowed.
        radius = 1.0 in 1e-300 => f64::MAX,
    }
}

/// The ball over the coordinates of weight > 0; those of weight 0 are free.
struct OnL2Ball {
    radius: f64,
    inside: Vec<usize>,
    /// Whether that is all of them.
    all: bool,
}

const OFFERS: Offers = Offers { atoms: true, ..Offers::CONVEX };

impl OnL2Ball {
    fn size(&self, x: &[f64]) -> f64 {
        norm(self.inside.iter().map(|&j| x[j]))
    }
}

impl Penalty for OnL2Ball {
    fn name(&self) -> &'static str {
        L2Ball::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        Offers { atoms: self.all, ..OFFERS }
    }
    fn value(&self, x: &[f64]) -> f64 {
        if self.size(x) <= self.radius * (1.0 + SLACK) { 0.0 } else { f64::INFINITY }
    }
    /// u_j = x_j / (1 + t_j μ) with the one μ ≥ 0 whose length is the radius: Newton's steps on one over the length, which is
    /// concave in μ, so that they come from below; one step where all steps are alike.
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        if self.size(x) <= self.radius {
            return;
        }
        let mut mu = 0.0;
        for _ in 0..100 {
            let at = |j: usize| x[j] / (1.0 + steps.at(j) * mu);
            let size = norm(self.inside.iter().map(|&j| at(j)));
            let slope: f64 = (self.inside.iter())
                .map(|&j| (at(j) / size).powi(2) * steps.at(j) / (1.0 + steps.at(j) * mu))
                .sum();
            let step = (size / self.radius - 1.0) / slope;
            if !(step > 4.0 * f64::EPSILON * mu) {
                break;
            }
            mu += step;
        }
        self.inside.iter().for_each(|&j| x[j] /= 1.0 + steps.at(j) * mu);
        // What rounding left beyond the radius is taken off.
        let over = self.size(x) / self.radius;
        if over > 1.0 {
            self.inside.iter().for_each(|&j| x[j] /= over);
        }
    }
    fn atom(&self, s: &[f64], to: &mut [f64]) -> bool {
        let size = self.size(s);
        let by = if size > 0.0 { -self.radius / size } else { 0.0 };
        to.iter_mut().zip(s).for_each(|(to, s)| *to = by * s);
        self.all
    }
    fn free(&self, j: usize) -> bool {
        self.inside.binary_search(&j).is_err()
    }
    fn excess(&self, x: &[f64], s: &[f64], spread: &[f64]) -> Option<f64> {
        let most = norm(self.inside.iter().map(|&j| s[j].abs() + spread[j]));
        let least = along(&self.inside, x, s, spread);
        Some((self.radius * most - least).max(0.0))
    }
    fn rescaled(&self, _: &[f64]) -> Option<Box<dyn Penalty>> {
        None
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: L2Ball::<f64>::NAME,
    doc: L2Ball::<f64>::DOC,
    parameters: L2Ball::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |settings, weight| {
        let inside = penalised(weight);
        let all = inside.len() == weight.len() && !inside.is_empty();
        Box::new(OnL2Ball { radius: settings[0], inside, all })
    },
    structured: None,
    groups: false,
    alpha: Alpha::Weight,
    program: None,
};
