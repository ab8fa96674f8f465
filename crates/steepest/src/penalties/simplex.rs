//! The simplex: shares that sum to a whole.
use super::secular::{penalised, reaches};
use crate::penalty::{Alpha, Entry, Offers, Penalty, Piece, Steps};
use crate::settings::Described;

crate::settings! {
    /// Shares of a whole, x ≥ 0 and Σ x = radius: 0 on the simplex and +∞ off it, whatever alpha. Its prox is the
    /// projection, which moves every coordinate by the same amount (times its step) until the sum is right.
    ///
    /// Held, Wolfe and Crowder 1974, <https://doi.org/10.1007/BF01580223>.
    "simplex" Simplex {
        /// The whole that is shared out.
        radius = 1.0 in 1e-300 => f64::MAX,
    }
}

/// The simplex over the coordinates of weight > 0; those of weight 0 are free.
struct OnSimplex {
    radius: f64,
    inside: Vec<usize>,
    /// Whether that is all of them.
    all: bool,
}

const OFFERS: Offers = Offers { shares: true, atoms: true, ..Offers::CONVEX };

impl Penalty for OnSimplex {
    fn name(&self) -> &'static str {
        Simplex::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        Offers { shares: self.all, atoms: self.all, ..OFFERS }
    }
    fn value(&self, x: &[f64]) -> f64 {
        let sum: f64 = self.inside.iter().map(|&j| x[j]).sum();
        let off = !reaches(sum, self.radius, self.inside.len());
        if self.inside.is_empty() {
            0.0
        } else if off || sum.is_nan() || self.inside.iter().any(|&j| x[j] < 0.0) {
            f64::INFINITY
        } else {
            0.0
        }
    }
    /// u_j = max(0, x_j − t_j λ) with the one λ whose sum is the radius: coordinates leave in the order of x_j / t_j.
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        let mut order = self.inside.clone();
        let leave = |j: usize| x[j] / steps.at(j);
        order.sort_by(|&a, &b| leave(b).total_cmp(&leave(a)).then(a.cmp(&b)));
        let (mut sum, mut step, mut level) = (-self.radius, 0.0, f64::NEG_INFINITY);
        for &j in &order {
            if leave(j) <= level {
                break;
            }
            sum += x[j];
            step += steps.at(j);
            level = sum / step;
        }
        for &j in &self.inside {
            x[j] = (x[j] - steps.at(j) * level).max(0.0);
        }
        // Beside large coordinates a small radius is lost in rounding: the sum is set right, whatever was lost.
        let sum: f64 = self.inside.iter().map(|&j| x[j]).sum();
        if sum > 0.0 {
            self.inside.iter().for_each(|&j| x[j] *= self.radius / sum);
        } else if let Some(&first) = order.first() {
            x[first] = self.radius;
        }
    }
    fn atom(&self, s: &[f64], to: &mut [f64]) -> bool {
        to.fill(0.0);
        let least = self.inside.iter().min_by(|&&a, &&b| s[a].total_cmp(&s[b]));
        least.into_iter().for_each(|&j| to[j] = self.radius);
        self.all
    }
    fn piece(&self, j: usize) -> Piece {
        let share = self.inside.binary_search(&j).is_ok();
        if share { Piece { low: 0.0, high: self.radius, ..Piece::FREE } } else { Piece::FREE }
    }
    fn shares(&self) -> Option<(&[usize], f64)> {
        (!self.inside.is_empty()).then_some((&self.inside[..], self.radius))
    }
    fn rescaled(&self, _: &[f64]) -> Option<Box<dyn Penalty>> {
        None
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Simplex::<f64>::NAME,
    doc: Simplex::<f64>::DOC,
    parameters: Simplex::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |settings, weight| {
        let inside = penalised(weight);
        let all = inside.len() == weight.len() && !inside.is_empty();
        Box::new(OnSimplex { radius: settings[0], inside, all })
    },
    structured: None,
    groups: false,
    alpha: Alpha::Weight,
    program: None,
};
