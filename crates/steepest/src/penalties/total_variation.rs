//! Total variation in one dimension: coordinates that follow one another with few steps.
use super::secular::penalised;
use crate::penalty::{Alpha, Entry, Offers, Penalty, Steps};
use crate::settings::Described;
use std::collections::VecDeque;

crate::settings! {
    /// Total variation in one dimension, Σ |x_{j+1} − x_j|: x becomes constant but for a few steps (the fused lasso; a
    /// signal without its noise). Its prox is exact, by dynamic programming in one walk there and one back.
    ///
    /// Rudin, Osher and Fatemi 1992, <https://doi.org/10.1016/0167-2789(92)90242-F>; the prox: Johnson 2013,
    /// <https://doi.org/10.1080/10618600.2012.681238>.
    "total_variation" TotalVariation {}
}

/// weight · Σ |scale x_{j+1} − scale x_j| over the coordinates of weight > 0 in their order, whose mean it is; those of
/// weight 0 are free.
struct Variation {
    weight: f64,
    inside: Vec<usize>,
    /// What each coordinate is multiplied by.
    scale: Vec<f64>,
}

const OFFERS: Offers = Offers::CONVEX;

/// Where the slope of what has been summed so far bends: from `at` on it grows by `rate`·u + `offset`.
#[derive(Clone, Copy)]
struct Bend {
    at: f64,
    rate: f64,
    offset: f64,
}

/// argmin_u Σ ½ stiff_k (u_k − y_k)² + weight Σ |u_{k+1} − u_k|.
///
/// What the coordinates up to k cost as a function of u_{k+1} has a slope that is straight between bends, and that the
/// price of a step clips to ± weight: the two ends of what is clipped are where u_k stays behind u_{k+1}.
fn smooth(y: &[f64], stiff: &[f64], weight: f64) -> Vec<f64> {
    let n = y.len();
    let mut ends = Vec::with_capacity(n);
    let mut bends: VecDeque<Bend> = VecDeque::new();
    for k in 0..n {
        // The slope left of all bends, and right of all, with this coordinate's own; the clip left ∓ weight there.
        let before = if k == 0 { 0.0 } else { weight };
        let mut low = Bend { at: 0.0, rate: stiff[k], offset: -stiff[k] * y[k] - before };
        let mut high = Bend { at: 0.0, rate: stiff[k], offset: -stiff[k] * y[k] + before };
        if k + 1 == n {
            ends.push(root(&mut bends, &mut low, 0.0));
            break;
        }
        let left = root(&mut bends, &mut low, -weight);
        let right = root_from_right(&mut bends, &mut high, weight).max(left);
        // Beyond its ends the slope is ± weight: flat.
        bends.push_front(Bend { at: left, rate: low.rate, offset: low.offset + weight });
        bends.push_back(Bend { at: right, rate: -high.rate, offset: weight - high.offset });
        ends.push(left);
        ends.push(right);
    }
    let mut u = vec![ends[2 * n - 2]; n];
    for k in (0..n - 1).rev() {
        u[k] = u[k + 1].max(ends[2 * k]).min(ends[2 * k + 1]);
    }
    level(&mut u, y, stiff, weight);
    u
}

/// Where the slope first reaches `height`; bends left of it are taken off, and what they add is in `slope`.
fn root(bends: &mut VecDeque<Bend>, slope: &mut Bend, height: f64) -> f64 {
    while let Some(&bend) = bends.front() {
        if slope.rate * bend.at + slope.offset > height {
            break;
        }
        slope.rate += bend.rate;
        slope.offset += bend.offset;
        bends.pop_front();
    }
    (height - slope.offset) / slope.rate
}

/// The same from the right, where it last is `height`.
fn root_from_right(bends: &mut VecDeque<Bend>, slope: &mut Bend, height: f64) -> f64 {
    while let Some(&bend) = bends.back() {
        if slope.rate * bend.at + slope.offset < height {
            break;
        }
        slope.rate -= bend.rate;
        slope.offset -= bend.offset;
        bends.pop_back();
    }
    (height - slope.offset) / slope.rate
}

/// Sets each run of equal coordinates to where its own slope is 0: what rounding summed up over the walk goes.
fn level(u: &mut [f64], y: &[f64], stiff: &[f64], weight: f64) {
    let n = u.len();
    let (mut from, mut last) = (0, f64::NAN);
    while from < n {
        let to = (from..n).find(|&k| u[k] != u[from]).unwrap_or(n);
        let before = if from == 0 { 0.0 } else { (last - u[from]).signum() };
        let after = if to == n { 0.0 } else { (u[to] - u[from]).signum() };
        let mass: f64 = stiff[from..to].iter().sum();
        // About the run's own level, so that far values lose nothing.
        let off: f64 = (from..to).map(|k| stiff[k] * (y[k] - u[from])).sum();
        let exact = u[from] + (off + weight * (before + after)) / mass;
        last = u[from];
        // No further than half way to its neighbours: their order is what was found.
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        for (side, v) in
            [(before, (from > 0).then(|| u[from - 1])), (after, (to < n).then(|| u[to]))]
        {
            match v {
                Some(v) if side > 0.0 => high = high.min(v),
                Some(v) => low = low.max(v),
                None => {}
            }
        }
        let held = if exact.is_finite() && low <= high { exact.max(low).min(high) } else { last };
        u[from..to].fill(held);
        from = to;
    }
}

impl Penalty for Variation {
    fn name(&self) -> &'static str {
        TotalVariation::<f64>::NAME
    }
    fn offers(&self) -> Offers {
        OFFERS
    }
    fn value(&self, x: &[f64]) -> f64 {
        let at = |&j: &usize| self.scale[j] * x[j];
        self.weight * self.inside.windows(2).map(|p| (at(&p[1]) - at(&p[0])).abs()).sum::<f64>()
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        if self.inside.len() < 2 {
            return;
        }
        let y: Vec<f64> = self.inside.iter().map(|&j| self.scale[j] * x[j]).collect();
        let stiff = |&j: &usize| 1.0 / (steps.at(j) * self.scale[j] * self.scale[j]);
        let stiff: Vec<f64> = self.inside.iter().map(stiff).collect();
        let u = smooth(&y, &stiff, self.weight);
        self.inside.iter().zip(&u).for_each(|(&j, u)| x[j] = u / self.scale[j]);
    }
    /// What all have in common is free, and each of them may take it.
    fn free(&self, j: usize) -> bool {
        self.inside.binary_search(&j).is_err()
    }
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>> {
        let scale = self.scale.iter().zip(scale).map(|(a, b)| a * b).collect();
        Some(Box::new(Variation { weight: self.weight, inside: self.inside.clone(), scale }))
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: TotalVariation::<f64>::NAME,
    doc: TotalVariation::<f64>::DOC,
    parameters: TotalVariation::<f64>::PARAMETERS,
    offers: OFFERS,
    build: |_, weight| {
        let inside = penalised(weight);
        let mean = inside.iter().map(|&j| weight[j]).sum::<f64>() / inside.len().max(1) as f64;
        Box::new(Variation { weight: mean, inside, scale: vec![1.0; weight.len()] })
    },
    structured: None,
    groups: false,
    alpha: Alpha::Weight,
    program: None,
};
