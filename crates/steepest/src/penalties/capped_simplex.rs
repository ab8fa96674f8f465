//! Shares of a whole of which none may be too large.
use super::secular::{along, penalised, reaches};
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps};
use crate::settings::Described;

crate::settings! {
    /// Shares of a whole, each at most `cap`: 0 ≤ x ≤ cap and Σ x = radius; 0 there and +∞ elsewhere, whatever alpha. Its
    /// prox is the projection, which moves every coordinate by the same amount (times its step) and clips it, until the sum
    /// is right. Where the caps of all together do not reach the whole, no point is allowed.
    ///
    /// Wang and Lu 2015, <https://arxiv.org/abs/1503.01002>.
    "capped_simplex" CappedSimplex {
        /// The whole that is shared out.
        radius = 1.0 in 1e-300 => f64::MAX,
        /// The largest share allowed.
        cap = 0.5 in 1e-300 => f64::MAX,
    }
}

/// Over the coordinates of weight > 0; those of weight 0 are free.
struct Capped {
    radius: f64,
    cap: f64,
    inside: Vec<usize>,
    /// Whether that is all of them.
    all: bool,
}

const OFFERS: Offers = Offers { atoms: true, ..Offers::CONVEX };

impl Penalty for Capped {
    fn name(&self) -> &'static str {
        CappedSimplex::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        Offers { atoms: self.all, ..OFFERS }
    }
    fn value(&self, x: &[f64]) -> f64 {
        let sum: f64 = self.inside.iter().map(|&j| x[j]).sum();
        let off = self.inside.iter().any(|&j| !(x[j] >= 0.0 && x[j] <= self.cap));
        if self.inside.is_empty() || !off && reaches(sum, self.radius, self.inside.len()) {
            0.0
        } else {
            f64::INFINITY
        }
    }
    /// u_j = clamp(x_j − t_j λ, 0, cap); the sum falls in λ by straight pieces, so a step of Newton's from within the right
    /// piece ends there; halving keeps it between two sides.
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        let at = |j: usize, price: f64| (x[j] - steps.at(j) * price).clamp(0.0, self.cap);
        let ends =
            self.inside.iter().map(|&j| ((x[j] - self.cap) / steps.at(j), x[j] / steps.at(j)));
        let (mut low, mut high) =
            ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), (a, b)| (l.min(a), h.max(b)));
        let mut price = 0.5 * (low + high);
        for _ in 0..200 {
            let (mut sum, mut rate) = (-self.radius, 0.0);
            for &j in &self.inside {
                let u = at(j, price);
                sum += u;
                rate += if u > 0.0 && u < self.cap { steps.at(j) } else { 0.0 };
            }
            if sum == 0.0 {
                break;
            }
            *(if sum > 0.0 { &mut low } else { &mut high }) = price;
            let newton = price + sum / rate;
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            if next == price || !(low < high) {
                break;
            }
            price = next;
        }
        let end: Vec<f64> = self.inside.iter().map(|&j| at(j, price)).collect();
        self.inside.iter().zip(&end).for_each(|(&j, u)| x[j] = *u);
        // What rounding left of the whole is shared out among those that have room.
        let left = self.radius - end.iter().sum::<f64>();
        let room = |u: f64| if left > 0.0 { self.cap - u } else { u };
        let all: f64 = end.iter().map(|&u| room(u)).sum();
        if left != 0.0 && all >= left.abs() {
            for &j in &self.inside {
                x[j] = (x[j] + left * (room(x[j]) / all)).clamp(0.0, self.cap);
            }
        }
    }
    fn atom(&self, s: &[f64], to: &mut [f64]) -> bool {
        let mut order = self.inside.clone();
        order.sort_by(|&a, &b| s[a].total_cmp(&s[b]).then(a.cmp(&b)));
        to.fill(0.0);
        let mut left = self.radius;
        for j in order {
            to[j] = left.min(self.cap);
            left -= to[j];
        }
        self.all
    }
    fn free(&self, j: usize) -> bool {
        self.inside.binary_search(&j).is_err()
    }
    /// The most that shares of the whole make of s: the largest are filled up first.
    fn excess(&self, x: &[f64], s: &[f64], spread: &[f64]) -> Option<f64> {
        let mut most: Vec<f64> = self.inside.iter().map(|&j| s[j] + spread[j]).collect();
        most.sort_by(|a, b| b.total_cmp(a));
        let (mut left, mut best) = (self.radius, 0.0);
        for s in most {
            let share = left.min(self.cap);
            best += share * s;
            left -= share;
        }
        let least = along(&self.inside, x, s, spread);
        let slack =
            1e-12 * self.radius * self.inside.iter().map(|&j| s[j].abs()).fold(0.0, f64::max);
        Some((best - least).max(0.0) + slack)
    }
    fn nowhere(&self) -> Option<String> {
        let (count, most) = (self.inside.len(), self.cap * self.inside.len() as f64);
        let short = count > 0 && !(most >= self.radius || reaches(most, self.radius, count));
        let (cap, radius) = (self.cap, self.radius);
        short.then(|| format!("{count} shares of at most cap={cap} do not reach radius={radius}"))
    }
    fn rescaled(&self, _: &[f64]) -> Option<Box<dyn Penalty>> {
        None
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: CappedSimplex::<f64>::NAME,
    doc: CappedSimplex::<f64>::DOC,
    parameters: CappedSimplex::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |settings, weight| {
        let inside = penalised(weight);
        let all = inside.len() == weight.len() && !inside.is_empty();
        Box::new(Capped { radius: settings[0], cap: settings[1], inside, all })
    },
    structured: None,
    groups: false,
    alpha: Alpha::Weight,
    program: None,
};
