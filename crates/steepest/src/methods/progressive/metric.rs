//! The metric of a descent: the Hessian over few rows, by Cholesky of its Gram matrix where that is
//! well-conditioned, by QR where it is not.
use super::draw::choose;
use super::ground::Seen;
use super::outputs;
use super::sample::Sides;
use super::turned::Turned;
use crate::factor::Factor;
use crate::gram::Rounded;
use crate::held::Held;
use crate::scaling::Scaling;
use crate::status::Halt;
use crate::table::{Slot, Sum};

/// A few rows, the rounder variables that they are seen in, and the diagonal penalty there.
#[derive(Clone, Copy)]
pub struct Few<'a> {
    /// The rows.
    pub held: &'a Held<'a>,
    /// The variables.
    pub scaling: &'a Scaling,
    /// The penalty.
    pub penalty: &'a [f64],
}

impl<'a> Few<'a> {
    /// As rows of numbers.
    pub fn rounded(&self) -> Rounded<'a> {
        Rounded { held: self.held, scaling: self.scaling }
    }
}

/// Rows that stand for all in a metric, and the metric.
pub struct Metric {
    /// Which rows, by their places.
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
pub fn factor(few: Few<'_>, weight: &[f64], ridge: f64) -> Factor {
    let rounded = few.rounded();
    let width = rounded.width();
    let mut gram = rounded.gram(weight);
    let penalty = &few.penalty[..width];
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
    /// Where the margins at the point are kept.
    pub at: Slot,
    /// Whether squared distances from the centre are kept.
    pub far: bool,
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
pub fn metric(
    seen: &mut Seen<'_, '_>,
    recipe: &Recipe<'_>,
    shape: &mut Shape,
) -> Result<Metric, Halt> {
    let (d, outputs, n) = (seen.table.width(), seen.table.outputs, seen.len());
    if shape.form == Form::Diagonal {
        let mut bent = seen.sum(Sum::Traces, recipe.at)?[0];
        if recipe.broad || bent == 0.0 {
            bent = bent.max(seen.sum(Sum::Chords, recipe.at)?[0]);
        }
        let diagonal = |a: &f64| (bent + a).max(f64::MIN_POSITIVE);
        let factor = Inverse::Diagonal(seen.ground.penalty.iter().map(diagonal).collect());
        return Ok(Metric { rows: Vec::new(), weight: Vec::new(), factor });
    }
    // To draw by scores means to read a table anew that is not in memory: not unless it must be.
    let mut scored = recipe.far || seen.ground.sample.is_some() || !seen.table.read_anew();
    loop {
        let k = shape.rows;
        let (rows, times) = choose(seen, recipe, k, scored)?;
        let (scaling, penalty) = (seen.scaling, &seen.ground.penalty);
        let held = &seen.hold(&rows, Some(recipe.at))?;
        let few = Few { held, scaling, penalty };
        let portion: Vec<f64> = held.share.iter().zip(&times).map(|(s, t)| s * t).collect();
        let mut weight = bends(outputs, held.curvatures());
        if recipe.broad || thin(&weight, &portion, d) {
            weight.iter_mut().enumerate().for_each(|(i, h)| *h = h.max(held.chord(i)));
        }
        weight.iter_mut().zip(&portion).for_each(|(h, portion)| *h = h.max(0.0) * portion);
        // A row that stands for itself alone adds no doubt.
        let doubt = |i: usize| (1.0 - held.share[i] / portion[i]).max(0.0);
        let sum: f64 = weight.iter().sum();
        let squares: f64 = weight.iter().enumerate().map(|(i, w)| w * w * doubt(i)).sum();
        if sum * sum < 10.0 * d as f64 * squares && k * d < 8 * n && k < n {
            shape.rows *= if scored { 4 } else { 1 };
            scored = true;
            continue;
        }
        let ridge = if rows.len() < 20 * d && rows.len() < n { 1e-3 } else { 0.0 };
        let factor = match shape.form {
            Form::Turned => Inverse::Turned(Turned::new(few, &portion, ridge)),
            _ if outputs > 1 => Inverse::Several(outputs::joint(few, &portion)),
            _ => Inverse::One(factor(few, &weight, ridge)),
        };
        return Ok(Metric { rows, weight, factor });
    }
}

/// The trace of φ″, one a row.
fn bends(outputs: usize, h: Vec<f64>) -> Vec<f64> {
    if outputs == 1 {
        return h;
    }
    h.chunks_exact(outputs).map(|p| p.iter().map(|p| p * (1.0 - p)).sum()).collect()
}
