//! One side of a plane, and the plane itself.
use super::secular::{SLACK, penalised};
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps};
use crate::settings::Described;

crate::settings! {
    /// One side of a plane, a′x ≤ right: 0 there and +∞ beyond. The normal a is what alpha is, one number for each
    /// variable, of either sign; 0 leaves a variable free. Its prox is the projection, x − t a max(0, a′x − right)/(a′ t a).
    /// Several at once are constraints.
    ///
    /// Parikh and Boyd 2014, section 6.2.2, <https://doi.org/10.1561/2400000003>.
    "half_space" HalfSpace {
        /// The largest a′x allowed.
        right = 0.0 in -f64::MAX => f64::MAX,
    }
}

/// a′x ≤ right, or equal to it.
pub(super) struct Side {
    name: &'static str,
    normal: Vec<f64>,
    right: f64,
    equal: bool,
    /// Where the normal is not 0.
    inside: Vec<usize>,
}

/// What it can do.
pub(super) const OFFERS: Offers = Offers::CONVEX;

impl Side {
    pub fn new(name: &'static str, normal: Vec<f64>, right: f64, equal: bool) -> Self {
        Side { name, inside: penalised(&normal), normal, right, equal }
    }
    /// How far a′x is beyond, and what rounding alone may make of that.
    fn beyond(&self, x: &[f64]) -> (f64, f64) {
        let (mut sum, mut size) = (-self.right, self.right.abs());
        for &j in &self.inside {
            let part = self.normal[j] * x[j];
            (sum, size) = (sum + part, size + part.abs());
        }
        (sum, SLACK * size)
    }
}

impl Penalty for Side {
    fn name(&self) -> &'static str {
        self.name
    }
    fn offers(&self) -> Offers {
        OFFERS
    }
    fn value(&self, x: &[f64]) -> f64 {
        let (beyond, rounding) = self.beyond(x);
        let off = if self.equal { beyond.abs() } else { beyond };
        if self.inside.is_empty() || off <= rounding { 0.0 } else { f64::INFINITY }
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        // Once is enough but for rounding, which a far x leaves much of.
        for _ in 0..3 {
            let (beyond, rounding) = self.beyond(x);
            if beyond.abs() <= 0.1 * rounding || (!self.equal && beyond <= 0.0) {
                return;
            }
            let along: f64 =
                self.inside.iter().map(|&j| self.normal[j] * steps.at(j) * self.normal[j]).sum();
            for &j in &self.inside {
                x[j] -= steps.at(j) * self.normal[j] * (beyond / along);
            }
        }
    }
    fn free(&self, j: usize) -> bool {
        self.inside.binary_search(&j).is_err()
    }
    fn nowhere(&self) -> Option<String> {
        let never = self.inside.is_empty()
            && (if self.equal { self.right != 0.0 } else { self.right < 0.0 });
        never.then(|| format!("its normal (alpha) is 0, and 0 does not reach right={}", self.right))
    }
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>> {
        let normal = self.normal.iter().zip(scale).map(|(a, s)| a * s).collect();
        Some(Box::new(Side::new(self.name, normal, self.right, self.equal)))
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: HalfSpace::<f64>::NAME,
    doc: HalfSpace::<f64>::DOC,
    parameters: HalfSpace::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |settings, weight| {
        Box::new(Side::new(HalfSpace::<f64>::NAME, weight.to_vec(), settings[0], false))
    },
    structured: None,
    groups: false,
    alpha: Alpha::Normal,
    program: None,
};
