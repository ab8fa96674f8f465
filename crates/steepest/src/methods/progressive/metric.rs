//! The metric of a descent: the Hessian over few rows, by Cholesky of its Gram matrix where that is
//! well-conditioned, by QR where it is not.
use super::ground::Seen;
use super::outputs;
use super::sample::{self, Sides};
use crate::factor::Factor;
use crate::gram::Rounded;

/// Rows that stand for all in a metric, and the metric.
pub struct Metric {
    /// Which rows of the table.
    pub rows: Vec<u32>,
    /// M = Σ share h x x′ + A.
    pub factor: Inverse,
}

/// M, factored.
pub enum Inverse {
    /// Of one output.
    One(Factor),
    /// Of several.
    Several(outputs::Joint),
}

impl Inverse {
    /// b ← M⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        match self {
            Inverse::One(factor) => factor.solve(b),
            Inverse::Several(joint) => joint.solve(b),
        }
    }
    /// b′ M⁻¹ b.
    pub fn energy(&self, b: &[f64]) -> f64 {
        match self {
            Inverse::One(factor) => factor.energy(b),
            Inverse::Several(joint) => joint.energy(b),
        }
    }
}

/// M over rows with weights (share times curvature), and the diagonal penalty.
pub fn factor(seen: Seen<'_>, rows: &[u32], weight: &[f64], ridge: f64) -> Factor {
    let rounded = Rounded { glm: seen.glm, scaling: seen.scaling, rows };
    let width = rounded.width();
    let mut gram = rounded.gram(weight);
    for (j, a) in seen.ground.penalty.iter().enumerate() {
        gram[j * width + j] += a;
    }
    if ridge > 0.0 {
        (0..width).for_each(|j| gram[j * width + j] *= 1.0 + ridge);
    }
    if let Some(factor) = Factor::cholesky(gram, width) {
        return factor;
    }
    let root: Vec<f64> = weight.iter().map(|w| w.sqrt()).collect();
    let mut r = rounded.triangle(&root);
    let mut diagonal = vec![0.0; width * width];
    for (j, a) in seen.ground.penalty.iter().enumerate() {
        diagonal[j * width + j] = a.sqrt();
    }
    crate::factor::append(&mut r, &diagonal, width);
    if ridge > 0.0 {
        for j in 0..width {
            let norm: f64 = (0..=j).map(|i| r[i * width + j] * r[i * width + j]).sum();
            diagonal[j * width + j] = (ridge * norm).sqrt();
        }
        crate::factor::append(&mut r, &diagonal, width);
    }
    Factor::pivoted(r, width)
}

/// What a metric is made from.
pub struct Recipe<'a> {
    /// Margins at the point, by places.
    pub z: &'a [f64],
    /// Squared distances from the centre, by places; empty where not known.
    pub distances: &'a [f32],
    /// The rarer side, on all rows.
    pub sides: Option<&'a Sides>,
}

/// The Hessian at a point, from about `k` rows and those that matter most; `k` grows where few rows carry
/// all the weight.
pub fn metric(seen: Seen<'_>, recipe: &Recipe<'_>, k: &mut usize) -> Metric {
    let d = seen.glm.width();
    loop {
        let (places, portion) = choose(seen, recipe, *k);
        let rows: Vec<u32> = places.iter().map(|&p| seen.row(p as usize) as u32).collect();
        let (outputs, z) = (seen.glm.outputs(), margins(seen, recipe.z, &places));
        let target: Vec<f64> = rows.iter().map(|&i| seen.glm.target[i as usize]).collect();
        let mut weight = curvatures(seen, &target, &z);
        weight.iter_mut().zip(&portion).for_each(|(h, portion)| *h = h.max(0.0) * portion);
        let sum: f64 = weight.iter().sum();
        let squares: f64 = weight.iter().map(|w| w * w).sum();
        if sum * sum < 10.0 * d as f64 * squares && *k * d < 8 * seen.len() && *k < seen.len() {
            *k *= 4;
            continue;
        }
        if outputs > 1 {
            let joint = outputs::joint(seen, &rows, &portion, &z);
            return Metric { rows, factor: Inverse::Several(joint) };
        }
        let few = rows.len() < 20 * d && rows.len() < seen.len();
        let factor = factor(seen, &rows, &weight, if few { 1e-3 } else { 0.0 });
        return Metric { rows, factor: Inverse::One(factor) };
    }
}

/// The margins at some places, a row's side by side.
pub fn margins(seen: Seen<'_>, z: &[f64], places: &[u32]) -> Vec<f64> {
    let k = seen.glm.outputs();
    places.iter().flat_map(|&p| &z[p as usize * k..(p as usize + 1) * k]).copied().collect()
}

/// Places, and their share times how many others each stands for.
fn choose(seen: Seen<'_>, recipe: &Recipe<'_>, k: usize) -> (Vec<u32>, Vec<f64>) {
    let n = seen.len();
    if k + k / 4 >= n {
        return ((0..n as u32).collect(), (0..n).map(|p| seen.share(p)).collect());
    }
    let near = spread_out(seen, recipe, k - k / 4);
    let even = Even::of(seen, recipe, &near);
    let far = Far::of(seen, recipe, k / 2);
    // A place may be drawn either way; what it weighs is one over how often it is drawn in all.
    let mut drawn: Vec<(u32, f64)> = near.into_iter().chain(far.draw()).map(|p| (p, 0.0)).collect();
    for (p, times) in &mut drawn {
        *times = 1.0 / (even.chance(seen, recipe, *p) + far.chance(*p));
    }
    drawn.sort_unstable_by_key(|d| d.0);
    drawn.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    let places: Vec<u32> = drawn.iter().map(|d| d.0).collect();
    let portion = drawn.iter().map(|(p, times)| seen.share(*p as usize) * times).collect();
    (places, portion)
}

/// φ″ at margins, one a row; of several outputs their sum.
pub fn curvatures(seen: Seen<'_>, target: &[f64], z: &[f64]) -> Vec<f64> {
    let (n, k) = (target.len(), seen.glm.outputs());
    let (mut value, mut slope, mut h) = (vec![0.0; n], vec![0.0; n * k], vec![0.0; n * k]);
    seen.glm.loss.jets(target, z, &mut value, &mut slope, &mut h);
    if k > 1 {
        return h.chunks_exact(k).map(|p| p.iter().map(|p| p * (1.0 - p)).sum()).collect();
    }
    h
}

/// About `k` places spread over the ground.
fn spread_out(seen: Seen<'_>, recipe: &Recipe<'_>, k: usize) -> Vec<u32> {
    if seen.ground.sample.is_none() {
        return sample::rows(seen.glm, recipe.sides, k, 77).rows().map(|i| i as u32).collect();
    }
    sample::runs(k, seen.len(), 77).into_iter().flatten().map(|p| p as u32).collect()
}

/// How often a place is drawn when they are drawn evenly, on the rarer side and on the other.
struct Even {
    common: f64,
    rare: f64,
}

impl Even {
    fn of(seen: Seen<'_>, recipe: &Recipe<'_>, drawn: &[u32]) -> Self {
        let n = seen.len() as f64;
        let Some(sides) = recipe.sides.filter(|_| seen.ground.sample.is_none()) else {
            return Even { common: drawn.len() as f64 / n, rare: 1.0 };
        };
        let rare = drawn.iter().filter(|p| sides.holds(seen.glm, **p as usize)).count() as f64;
        let all = sides.rare.len() as f64;
        Even { common: (drawn.len() as f64 - rare) / (n - all), rare: rare / all }
    }
    fn chance(&self, seen: Seen<'_>, recipe: &Recipe<'_>, place: u32) -> f64 {
        let sides = recipe.sides.filter(|_| seen.ground.sample.is_none());
        let rare = sides.is_some_and(|s| s.holds(seen.glm, place as usize));
        if rare { self.rare } else { self.common }
    }
}

/// Places drawn in proportion to share · curvature · distance²: the few that carry much of the Hessian (heavy
/// tails, rare levels, the border between classes) are all among them.
struct Far {
    score: Vec<f32>,
    times: f32,
}

impl Far {
    fn of(seen: Seen<'_>, recipe: &Recipe<'_>, m: usize) -> Self {
        if recipe.distances.is_empty() || m == 0 {
            return Far { score: Vec::new(), times: 0.0 };
        }
        let score = seen.scores(recipe.z, recipe.distances);
        let sum = |times: f32| score.iter().map(|s| f64::from((s * times).min(1.0))).sum::<f64>();
        let total = sum(1.0).max(score.iter().map(|s| f64::from(*s)).sum());
        let mut times = (m as f64 / total.max(1e-300)) as f32;
        // Chances end at 1: what is cut off there goes to the others.
        for _ in 0..3 {
            times *= (m as f64 / sum(times).max(1e-300)).min(10.0) as f32;
        }
        Far { score, times: if times.is_finite() { times } else { 0.0 } }
    }
    fn chance(&self, place: u32) -> f64 {
        self.score.get(place as usize).map_or(0.0, |s| f64::from((s * self.times).min(1.0)))
    }
    /// Systematic: as many as the sum of chances says, spread over the ground.
    fn draw(&self) -> Vec<u32> {
        let (mut sum, mut places) = (0.5, Vec::new());
        for (p, s) in self.score.iter().enumerate() {
            sum += f64::from((s * self.times).min(1.0));
            if sum >= 1.0 {
                sum -= 1.0;
                places.push(p as u32);
            }
        }
        places
    }
}
