//! Norms by groups: coefficients that come and go together.
use super::secular::{along, norm, penalised, secular};
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps, Structure};
use crate::settings::Described;

crate::settings! {
    /// The sum of norms by groups, Σ_g √|g|·‖x_g‖: the coefficients of a group are all exactly 0, or none is. Its prox
    /// shortens each group. Without groups every coefficient is one of its own (then it is the absolute values), but for
    /// those of one column in a loss of several margins, which go together.
    ///
    /// Yuan and Lin 2006, <https://doi.org/10.1111/j.1467-9868.2005.00532.x>.
    "group_lasso" GroupLasso {
        /// Whether a group counts by the root of its size, √|g|; else all count alike.
        by_size = 1 in 0 => 1,
    }
}

/// Σ_g factor_g ‖scale·x‖_g; coordinates of no group are free.
struct Groups {
    /// Coordinates by groups, and the weight of each group.
    groups: Vec<(Vec<usize>, f64)>,
    /// All coordinates of groups, in order.
    all: Vec<usize>,
    /// What each coordinate is multiplied by within its norm.
    scale: Vec<f64>,
}

const OFFERS: Offers = Offers::CONVEX;

impl Groups {
    fn new(by_size: bool, on: &Structure<'_>) -> Self {
        let mut groups: Vec<(Vec<usize>, f64)> = Vec::new();
        let mut place = std::collections::HashMap::new();
        for (j, &weight) in on.weight.iter().enumerate().filter(|(_, w)| **w != 0.0) {
            let label = on.groups.map_or(j, |g| g[j]);
            let at = *place.entry(label).or_insert(groups.len());
            if at == groups.len() {
                groups.push((Vec::new(), 0.0));
            }
            groups[at].0.push(j);
            groups[at].1 += weight;
        }
        let mut scale = vec![1.0; on.weight.len()];
        for (members, weight) in &mut groups {
            // The mean weight is the group's; what a coordinate has more or less stays within the norm.
            let size = members.len() as f64;
            *weight /= size;
            members.iter().for_each(|&j| scale[j] = on.weight[j] / *weight);
            *weight *= if by_size { size.sqrt() } else { 1.0 };
        }
        let all = penalised(on.weight);
        Groups { groups, all, scale }
    }
    /// The norm that is dual to a group's, of numbers that are each known within a spread.
    fn dual(&self, members: &[usize], s: &[f64], spread: &[f64]) -> f64 {
        norm(members.iter().map(|&j| (s[j].abs() + spread[j]) / self.scale[j]))
    }
}

impl Penalty for Groups {
    fn name(&self) -> &'static str {
        GroupLasso::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        OFFERS
    }
    fn value(&self, x: &[f64]) -> f64 {
        let of = |members: &[usize]| norm(members.iter().map(|&j| self.scale[j] * x[j]));
        self.groups.iter().map(|(members, weight)| weight * of(members)).sum()
    }
    /// u_j = x_j ν / (ν + weight t_j scale_j²), ν being the norm of the group once it is there.
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        for (members, weight) in &self.groups {
            let pull = |j: usize| weight * steps.at(j) * self.scale[j] * self.scale[j];
            let parts = || members.iter().map(|&j| (self.scale[j] * x[j], pull(j)));
            // Where ν = 0 all are: x / (t·scale) is then within reach of the weight.
            let nu = if norm(parts().map(|(a, b)| a / b)) <= 1.0 { 0.0 } else { secular(parts) };
            for &j in members {
                x[j] = if nu == 0.0 { 0.0 } else { x[j] * (nu / (nu + pull(j))) };
            }
        }
    }
    fn free(&self, j: usize) -> bool {
        self.all.binary_search(&j).is_err()
    }
    fn shrinks(&self, s: &[f64], spread: &[f64]) -> f64 {
        let one = |(members, weight): &(Vec<usize>, f64)| {
            let size = self.dual(members, s, spread);
            if size <= *weight { 1.0 } else { (1.0 - 8.0 * f64::EPSILON) * weight / size }
        };
        self.groups.iter().map(one).fold(1.0, |c, one| if one.is_nan() { 0.0 } else { c.min(one) })
    }
    fn excess(&self, x: &[f64], s: &[f64], spread: &[f64]) -> Option<f64> {
        let mut sum = 0.0;
        for (members, weight) in &self.groups {
            if !(self.dual(members, s, spread) <= *weight) {
                return Some(f64::INFINITY);
            }
            let length = norm(members.iter().map(|&j| self.scale[j] * x[j]));
            let least = along(members, x, s, spread);
            sum += (weight * length - least).max(0.0);
        }
        Some(sum)
    }
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>> {
        let scale = self.scale.iter().zip(scale).map(|(a, b)| a * b).collect();
        Some(Box::new(Groups { groups: self.groups.clone(), all: self.all.clone(), scale }))
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: GroupLasso::<f64>::NAME,
    doc: GroupLasso::<f64>::DOC,
    parameters: GroupLasso::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |settings, weight| Box::new(Groups::new(settings[0] > 0.0, &Structure::plain(weight))),
    structured: Some(|settings, on| Box::new(Groups::new(settings[0] > 0.0, on))),
    groups: true,
    alpha: Alpha::Weight,
    program: None,
};
