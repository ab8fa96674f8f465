//! The metric of a descent: the Hessian over few rows, by Cholesky of its Gram matrix where that is
//! well-conditioned, by QR where it is not.
use super::ground::Seen;
use super::sample::{self, Sides};
use crate::factor::Factor;
use crate::gram::Rounded;

/// Rows that stand for all in a metric, and the metric.
pub struct Metric {
    /// Which rows of the table.
    pub rows: Vec<u32>,
    /// Their places on the ground.
    pub places: Vec<u32>,
    /// M = Σ share h x x′ + A.
    pub factor: Factor,
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
        let (places, weight) = choose(seen, recipe, *k);
        let sum: f64 = weight.iter().sum();
        let squares: f64 = weight.iter().map(|w| w * w).sum();
        if sum * sum < 10.0 * d as f64 * squares && *k * d < 8 * seen.len() && *k < seen.len() {
            *k *= 4;
            continue;
        }
        let rows: Vec<u32> = places.iter().map(|&p| seen.row(p as usize) as u32).collect();
        let few = rows.len() < 20 * d && rows.len() < seen.len();
        let factor = factor(seen, &rows, &weight, if few { 1e-3 } else { 0.0 });
        return Metric { rows, places, factor };
    }
}

/// Places, and their share times the curvature there.
fn choose(seen: Seen<'_>, recipe: &Recipe<'_>, k: usize) -> (Vec<u32>, Vec<f64>) {
    let n = seen.len();
    if k + k / 4 >= n {
        let mut weight = vec![0.0; n];
        seen.jets(recipe.z, |p, _, _, h| weight[p] = h[0].max(0.0) * seen.share(p));
        return ((0..n as u32).collect(), weight);
    }
    let top = heaviest(seen, recipe, k / 4);
    let (mut places, mut share) = (Vec::new(), Vec::new());
    let mut spread: f64 = 0.0;
    for (p, s) in spread_out(seen, recipe, k) {
        if top.binary_search(&p).is_err() {
            places.push(p);
            share.push(s);
            spread += s;
        }
    }
    let rest = 1.0 - top.iter().map(|&p| seen.share(p as usize)).sum::<f64>();
    let times = if spread > 0.0 { rest.max(0.0) / spread } else { 0.0 };
    share.iter_mut().for_each(|s| *s *= times);
    for p in top {
        places.push(p);
        share.push(seen.share(p as usize));
    }
    let mut z = Vec::with_capacity(places.len());
    z.extend(places.iter().map(|&p| recipe.z[p as usize]));
    let target: Vec<f64> = places.iter().map(|&p| seen.target(p as usize)).collect();
    let mut h = curvatures(seen, &target, &z);
    h.iter_mut().zip(share).for_each(|(h, s)| *h = h.max(0.0) * s);
    (places, h)
}

/// φ″ at margins.
pub fn curvatures(seen: Seen<'_>, target: &[f64], z: &[f64]) -> Vec<f64> {
    let n = z.len();
    let (mut value, mut slope, mut h) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    seen.glm.loss.jets(target, z, &mut value, &mut slope, &mut h);
    h
}

/// About `k` places spread over the ground, with their shares.
fn spread_out(seen: Seen<'_>, recipe: &Recipe<'_>, k: usize) -> Vec<(u32, f64)> {
    if seen.ground.sample.is_none() {
        let sample = sample::rows(seen.glm, recipe.sides, k, 77);
        return sample.rows().map(|i| i as u32).zip(sample.share.iter().copied()).collect();
    }
    let runs = sample::runs(k, seen.len(), 77);
    runs.into_iter().flatten().map(|p| (p as u32, seen.share(p))).collect()
}

/// About `m` places where share · curvature · distance² is largest, ascending.
fn heaviest(seen: Seen<'_>, recipe: &Recipe<'_>, m: usize) -> Vec<u32> {
    if recipe.distances.is_empty() || m == 0 {
        return Vec::new();
    }
    let n = seen.len();
    let mut score = vec![0.0f32; n];
    seen.jets(recipe.z, |p, _, _, h| {
        score[p] = (h[0].max(0.0) * seen.share(p)) as f32 * (1.0 + recipe.distances[p]);
    });
    let mut ordered = score.clone();
    let (_, &mut least, _) = ordered.select_nth_unstable_by(n - m, f32::total_cmp);
    let above = (0..n as u32).filter(|&p| score[p as usize] > least);
    above.take(m).collect()
}
