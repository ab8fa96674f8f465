//! The ball of absolute values.
use super::secular::{SLACK, along, penalised};
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps};
use crate::settings::Described;

crate::settings! {
    /// The ball of absolute values, ‖x‖₁ ≤ radius: 0 within and +∞ outside, whatever alpha (the lasso as it was first
    /// written). Its prox is the projection, which moves all coordinates towards 0 by the same amount (times their step).
    ///
    /// Duchi, Shalev-Shwartz, Singer and Chandra 2008, <https://doi.org/10.1145/1390156.1390191>.
    "l1_ball" L1Ball {
        /// The largest sum of absolute values allowed.
        radius = 1.0 in 1e-300 => f64::MAX,
    }
}

/// The ball over the coordinates of weight > 0; those of weight 0 are free.
struct OnL1Ball {
    radius: f64,
    inside: Vec<usize>,
    /// Whether that is all of them.
    all: bool,
}

const OFFERS: Offers = Offers { atoms: true, ..Offers::CONVEX };

impl OnL1Ball {
    fn size(&self, x: &[f64]) -> f64 {
        self.inside.iter().map(|&j| x[j].abs()).sum()
    }
}

impl Penalty for OnL1Ball {
    fn name(&self) -> &'static str {
        L1Ball::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        Offers { atoms: self.all, ..OFFERS }
    }
    fn value(&self, x: &[f64]) -> f64 {
        let most = self.radius * (1.0 + SLACK * self.inside.len() as f64);
        if self.size(x) <= most { 0.0 } else { f64::INFINITY }
    }
    /// u_j = sign(x_j)·max(0, |x_j| − t_j λ) with the one λ whose sum is the radius.
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        if self.size(x) <= self.radius {
            return;
        }
        let mut order = self.inside.clone();
        let leave = |j: usize| x[j].abs() / steps.at(j);
        order.sort_by(|&a, &b| leave(b).total_cmp(&leave(a)).then(a.cmp(&b)));
        let (mut sum, mut step, mut level) = (-self.radius, 0.0, f64::NEG_INFINITY);
        for &j in &order {
            if leave(j) <= level {
                break;
            }
            sum += x[j].abs();
            step += steps.at(j);
            level = sum / step;
        }
        for &j in &self.inside {
            x[j] = x[j].signum() * (x[j].abs() - steps.at(j) * level).max(0.0);
        }
        // Beside large coordinates a small radius is lost in rounding.
        let over = self.size(x) / self.radius;
        if over > 1.0 {
            self.inside.iter().for_each(|&j| x[j] /= over);
        }
    }
    fn atom(&self, s: &[f64], to: &mut [f64]) -> bool {
        to.fill(0.0);
        let most = self.inside.iter().max_by(|&&a, &&b| s[a].abs().total_cmp(&s[b].abs()));
        most.into_iter().for_each(|&j| to[j] = -self.radius * s[j].signum());
        self.all
    }
    fn free(&self, j: usize) -> bool {
        self.inside.binary_search(&j).is_err()
    }
    fn excess(&self, x: &[f64], s: &[f64], spread: &[f64]) -> Option<f64> {
        let most = self.inside.iter().map(|&j| s[j].abs() + spread[j]).fold(0.0, f64::max);
        let least = along(&self.inside, x, s, spread);
        Some((self.radius * most - least).max(0.0))
    }
    fn rescaled(&self, _: &[f64]) -> Option<Box<dyn Penalty>> {
        None
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: L1Ball::<f64>::NAME,
    doc: L1Ball::<f64>::DOC,
    parameters: L1Ball::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |settings, weight| {
        let inside = penalised(weight);
        let all = inside.len() == weight.len() && !inside.is_empty();
        Box::new(OnL1Ball { radius: settings[0], inside, all })
    },
    structured: None,
    groups: false,
    alpha: Alpha::Weight,
    program: None,
};
