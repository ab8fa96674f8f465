//! The metric of a descent: the Hessian over few rows, by Cholesky of its Gram matrix where that is
//! well-conditioned, by QR where it is not.
use super::ground::Seen;
use super::outputs;
use super::turned::Turned;
use super::draw::choose;
use super::sample::Sides;
use crate::factor::Factor;
use crate::gram::Rounded;

/// Rows that stand for all in a metric, and the metric.
pub struct Metric {
    /// Which rows of the table.
    pub rows: Vec<u32>,
    /// What each weighs: its share, how many it stands for, the curvature of its loss.
    pub weight: Vec<f64>,
    /// M = Σ share h x x′ + A.
    pub factor: Inverse,
}

/// M, factored.
pub enum Inverse {
    /// Of one output.
    One(Factor),
    /// Of several.
    Several(outputs::Joint),
    /// Of several, one direction among them at a time.
    Turned(Turned),
    /// Where no matrix pays.
    Diagonal(Vec<f64>),
}

impl Inverse {
    /// b ← M⁻¹ b.
    pub fn solve(&self, b: &mut [f64]) {
        match self {
            Inverse::One(factor) => factor.solve(b),
            Inverse::Several(joint) => joint.solve(b),
            Inverse::Turned(turned) => turned.solve(b),
            Inverse::Diagonal(m) => b.iter_mut().zip(m).for_each(|(b, m)| *b /= m),
        }
    }
    /// b′ M⁻¹ b.
    pub fn energy(&self, b: &[f64]) -> f64 {
        match self {
            Inverse::One(factor) => factor.energy(b),
            Inverse::Several(joint) => joint.energy(b),
            Inverse::Turned(turned) => turned.energy(b),
            Inverse::Diagonal(m) => b.iter().zip(m).map(|(b, m)| b * b / m).sum(),
        }
    }
}

/// M over rows with weights (share times curvature), and the diagonal penalty; of several outputs, of one of them.
pub fn factor(seen: Seen<'_>, rows: &[u32], weight: &[f64], ridge: f64) -> Factor {
    let rounded = Rounded { glm: seen.glm, scaling: seen.scaling, rows };
    let width = rounded.width();
    let mut gram = rounded.gram(weight);
    let penalty = &seen.ground.penalty[..width];
    for (j, a) in penalty.iter().enumerate() {
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
    for (j, a) in penalty.iter().enumerate() {
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

/// What stands for the Hessian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// Its diagonal, where no matrix pays.
    Diagonal,
    /// Of several outputs, one matrix a direction among them.
    Turned,
    /// A matrix over all variables.
    Whole,
}

/// A form, and how many rows it is made from.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The form.
    pub form: Form,
    /// Rows; of no account for a diagonal.
    pub rows: usize,
}

/// What a metric is made from.
pub struct Recipe<'a> {
    /// Margins at the point, by places.
    pub z: &'a [f64],
    /// Squared distances from the centre, by places; empty where not known.
    pub distances: &'a [f32],
    /// The rarer side, on all rows.
    pub sides: Option<&'a Sides>,
    /// Whether the curvature of chords counts where there is more of it: straight parts of a loss have none, and
    /// bend on the way down.
    pub broad: bool,
}

/// Whether too few rows have any curvature to tell of all directions.
fn thin(h: &[f64], portion: &[f64], width: usize) -> bool {
    let of = |(h, p): (&f64, &f64)| h.max(0.0) * p;
    let sum: f64 = h.iter().zip(portion).map(of).sum();
    let squares: f64 = h.iter().zip(portion).map(of).map(|w| w * w).sum();
    !(sum * sum >= 2.0 * width as f64 * squares) && h.len() > 2 * width || sum == 0.0
}

/// The Hessian at a point, from about as many rows as `shape` says and those that matter most; they grow where few
/// carry all the weight. The diagonal is that of columns which all have the same scale.
pub fn metric(seen: Seen<'_>, recipe: &Recipe<'_>, shape: &mut Shape) -> Metric {
    let d = seen.glm.width();
    if shape.form == Form::Diagonal {
        let mut bent = 0.0;
        let outputs = seen.glm.outputs();
        seen.jets(0..seen.len(), recipe.z, |p, _, _, h| {
            let sum = if outputs == 1 { h[0] } else { h.iter().map(|p| p * (1.0 - p)).sum() };
            bent += seen.share(p) * sum / outputs as f64;
        });
        if recipe.broad || bent == 0.0 {
            let chords = (0..seen.len()).map(|p| {
                seen.share(p) * seen.glm.loss.chord(seen.target(p), recipe.z[p * outputs])
            });
            bent = bent.max(chords.sum());
        }
        let diagonal = |a: &f64| (bent + a).max(f64::MIN_POSITIVE);
        let diagonal = seen.ground.penalty.iter().map(diagonal).collect();
        return Metric { rows: Vec::new(), weight: Vec::new(), factor: Inverse::Diagonal(diagonal) };
    }
    loop {
        let k = shape.rows;
        let (places, portion) = choose(seen, recipe, k);
        let rows: Vec<u32> = places.iter().map(|&p| seen.row(p as usize) as u32).collect();
        let (outputs, z) = (seen.glm.outputs(), margins(seen, recipe.z, &places));
        let mut weight = bends(outputs, curvatures(seen, &rows, &z));
        if recipe.broad || thin(&weight, &portion, d) {
            for ((h, &i), z) in weight.iter_mut().zip(&rows).zip(z.chunks_exact(outputs)) {
                *h = h.max(seen.glm.loss.chord(seen.glm.target[i as usize], z[0]));
            }
        }
        weight.iter_mut().zip(&portion).for_each(|(h, portion)| *h = h.max(0.0) * portion);
        // A row that stands for itself alone adds no doubt.
        let doubt = |i: usize| (1.0 - seen.share(places[i] as usize) / portion[i]).max(0.0);
        let sum: f64 = weight.iter().sum();
        let squares: f64 = weight.iter().enumerate().map(|(i, w)| w * w * doubt(i)).sum();
        if sum * sum < 10.0 * d as f64 * squares && k * d < 8 * seen.len() && k < seen.len() {
            shape.rows *= 4;
            continue;
        }
        let ridge = if rows.len() < 20 * d && rows.len() < seen.len() { 1e-3 } else { 0.0 };
        let factor = match shape.form {
            Form::Turned => Inverse::Turned(Turned::new(seen, &rows, &portion, &z, ridge)),
            _ if outputs > 1 => Inverse::Several(outputs::joint(seen, &rows, &portion, &z)),
            _ => Inverse::One(factor(seen, &rows, &weight, ridge)),
        };
        return Metric { rows, weight, factor };
    }
}

/// The margins at some places, a row's side by side.
pub fn margins(seen: Seen<'_>, z: &[f64], places: &[u32]) -> Vec<f64> {
    let k = seen.glm.outputs();
    places.iter().flat_map(|&p| &z[p as usize * k..(p as usize + 1) * k]).copied().collect()
}

/// φ″ of some rows at their margins; of several outputs their probabilities, which tell it.
pub fn curvatures(seen: Seen<'_>, rows: &[u32], z: &[f64]) -> Vec<f64> {
    let target: Vec<f64> = rows.iter().map(|&i| seen.glm.target[i as usize]).collect();
    let (mut value, mut slope, mut h) = (vec![0.0; rows.len()], vec![0.0; z.len()], vec![0.0; z.len()]);
    seen.glm.loss.jets(&target, z, &mut value, &mut slope, &mut h);
    h
}

/// The trace of φ″, one a row.
fn bends(outputs: usize, h: Vec<f64>) -> Vec<f64> {
    if outputs == 1 {
        return h;
    }
    h.chunks_exact(outputs).map(|p| p.iter().map(|p| p * (1.0 - p)).sum()).collect()
}
