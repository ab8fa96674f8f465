//! The metric of a descent: the Hessian over few rows, or its diagonal where no matrix pays.
use super::class_blocks::Turned;
use super::few_rows::{Few, factor};
use super::joint_metric::{Joint, joint};
use super::metric_rows::{Recipe, choose};
use super::shape::{Form, Shape};
use super::subproblem::Seen;
use crate::held::Held;
use crate::linalg::factor::Factor;
use crate::status::Halt;
use crate::table::Sum;

/// Rows that stand for all in a metric, and the metric. A run that is stopped remembers what it was made from: the rows
/// as they were seen then; the rest follows.
#[derive(Default)]
pub struct Metric {
    /// Which rows, by their places.
    pub rows: Vec<u32>,
    /// How many others each stands for.
    times: Vec<f64>,
    /// Their margins where it was made.
    margins: Vec<f64>,
    /// Whether the curvature of chords counts.
    pub broad: bool,
    /// What is added to the curvature of every column, beside that of columns of scale 1.
    pub ridge: f64,
    /// Where there are no rows, the curvature of every column.
    bent: f64,
    /// What each weighs: its share, how many it stands for, the curvature of its loss.
    pub weight: Vec<f64>,
    /// M = Σ share h x x′ + A.
    pub factor: Inverse,
}

crate::state!(Metric { rows, times, margins, broad, ridge, bent } but weight, factor);

/// M, factored.
pub enum Inverse {
    /// Of one output.
    One(Factor),
    /// Of several.
    Several(Joint),
    /// Of several, one direction among them at a time.
    Turned(Turned),
    /// Where no matrix pays.
    Diagonal(Vec<f64>),
}

impl Default for Inverse {
    fn default() -> Self {
        Inverse::Diagonal(Vec::new())
    }
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
    let (d, n) = (seen.table.width(), seen.len());
    if shape.form == Form::Diagonal {
        let mut bent = seen.sum(Sum::Traces, recipe.at)?[0];
        if recipe.broad || bent == 0.0 {
            bent = bent.max(seen.sum(Sum::Chords, recipe.at)?[0]);
        }
        let factor = diagonal(bent, &seen.ground.penalty);
        return Ok(Metric { bent, factor, ..Metric::default() });
    }
    // To draw by scores means to read a table anew that is not in memory: not unless it must be.
    let mut scored = recipe.far || seen.ground.sample.is_some() || !seen.table.read_anew();
    loop {
        let k = shape.rows;
        let (rows, times) = choose(seen, recipe, k, scored)?;
        let (scaling, penalty) = (seen.scaling, &seen.ground.penalty);
        let held = seen.hold(&rows, Some(recipe.at))?;
        let few = Few { held: &held, scaling, penalty };
        let (portion, weight) = weighed(&held, &times, recipe.broad);
        // A row that stands for itself alone adds no doubt.
        let doubt = |i: usize| (1.0 - held.share[i] / portion[i]).max(0.0);
        let sum: f64 = weight.iter().sum();
        let squares: f64 = weight.iter().enumerate().map(|(i, w)| w * w * doubt(i)).sum();
        if sum * sum < 10.0 * d as f64 * squares && k * d < 8 * n && k < n {
            shape.rows *= if scored { 4 } else { 1 };
            scored = true;
            continue;
        }
        let factor = factored(few, (&portion, &weight), shape.form, (n, 0.0));
        let margins = held.margins.into_owned();
        return Ok(Metric {
            rows,
            times,
            margins,
            broad: recipe.broad,
            ridge: 0.0,
            weight,
            factor,
            bent: 0.0,
        });
    }
}

impl Metric {
    /// Makes it again from what is remembered of it; false where that is not of these rows.
    pub fn again(&mut self, seen: &mut Seen<'_, '_>, form: Form) -> Result<bool, Halt> {
        let Metric { rows, times, margins, broad, ridge, bent, weight, factor } = self;
        let (n, outputs) = (seen.len(), seen.table.outputs);
        let (scaling, penalty) = (seen.scaling, &seen.ground.penalty);
        let fits = times.len() == rows.len() && margins.len() == rows.len() * outputs;
        let there = rows.is_sorted() && rows.last().is_none_or(|last| (*last as usize) < n);
        let turned = form == Form::Turned && outputs == 1;
        if !fits || !there || turned || rows.is_empty() != (form == Form::Diagonal) {
            return Ok(false);
        }
        if form == Form::Diagonal {
            *factor = diagonal(*bent, penalty);
            return Ok(true);
        }
        let mut held = seen.hold(rows, None)?;
        held.margins.to_mut().clone_from(margins);
        let (portion, weighs) = weighed(&held, times, *broad);
        *factor =
            factored(Few { held: &held, scaling, penalty }, (&portion, &weighs), form, (n, *ridge));
        *weight = weighs;
        Ok(true)
    }
}

/// That of columns which all bend alike.
fn diagonal(bent: f64, penalty: &[f64]) -> Inverse {
    Inverse::Diagonal(penalty.iter().map(|a| (bent + a).max(f64::MIN_POSITIVE)).collect())
}

/// What rows count for: share times how many each stands for; and that times the curvature of its loss.
fn weighed(held: &Held<'_>, times: &[f64], broad: bool) -> (Vec<f64>, Vec<f64>) {
    let portion: Vec<f64> = held.share.iter().zip(times).map(|(s, t)| s * t).collect();
    let mut weight = held.traces();
    if broad || thin(&weight, &portion, held.width()) {
        weight.iter_mut().enumerate().for_each(|(i, h)| *h = h.max(held.chord(i)));
    }
    weight.iter_mut().zip(&portion).for_each(|(h, portion)| *h = h.max(0.0) * portion);
    (portion, weight)
}

/// M over few of `n` rows, with a ridge where it lacked curvature.
fn factored(
    few: Few<'_>,
    (portion, weight): (&[f64], &[f64]),
    form: Form,
    (n, damped): (usize, f64),
) -> Inverse {
    let (rows, outputs) = (few.held.len(), few.held.outputs());
    let mut penalty = few.penalty.to_vec();
    if damped > 0.0 {
        let bend = weight.iter().sum::<f64>() / few.held.margins() as f64;
        penalty.iter_mut().for_each(|a| *a += damped * bend);
    }
    let few = Few { penalty: &penalty, ..few };
    let ridge = if rows < 20 * few.held.width() && rows < n { 1e-3 } else { 0.0 };
    match form {
        Form::Turned => Inverse::Turned(Turned::new(few, portion, ridge)),
        _ if outputs > 1 => Inverse::Several(joint(few, portion)),
        _ => Inverse::One(factor(few, weight, ridge)),
    }
}
