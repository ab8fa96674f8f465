//! The null model: the intercept alone, and what is learnt beside the coefficients.
use super::lbfgs::CHANGE;
use crate::linalg::cholesky::Cholesky;
use crate::linalg::vectors::dot;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::Halt;
use crate::table::{Margins, OfRows, Sum, Table};

/// The best intercept over all rows and its mean loss; margins 0, where there is none that is free.
pub fn least(
    problem: &mut Problem<'_>,
    table: &Table,
    free: bool,
) -> Result<(Vec<f64>, f64), Halt> {
    let zero = vec![0.0; table.outputs];
    let nothing = mean(problem, Rows::All, &zero)?.0;
    if !free && table.learnt == 0 {
        return Ok((zero, nothing));
    }
    let (best, value) = model(problem, table, Rows::All, free)?;
    Ok(if value < nothing { (best, value) } else { (zero, nothing) })
}

/// The best intercept over some rows and its mean loss, by Newton's method on the targets: of one output within a bracket, so that no
/// size or offset of the targets, and no start without curvature, leads it astray. What is learnt beside is best too; without
/// a free intercept, that alone.
pub fn model(
    problem: &mut Problem<'_>,
    table: &Table,
    rows: Rows<'_>,
    free: bool,
) -> Result<(Vec<f64>, f64), Halt> {
    let best = if table.outputs == 1 {
        vec![single(problem, rows)?]
    } else if table.coupled() {
        coupled(problem, rows, table, free)?
    } else {
        several(problem, rows, table.outputs)?
    };
    let value = mean(problem, rows, &best)?.0;
    Ok((best, value))
}

fn single(problem: &mut Problem<'_>, rows: Rows<'_>) -> Result<f64, Halt> {
    let mut at = |b: f64| {
        let (value, slope, curvature) = mean(problem, rows, &[b])?;
        Ok::<_, Halt>((value, slope[0], curvature[0]))
    };
    let (start, first, bend) = at(0.0)?;
    if !(first.abs() > 0.0 && start.is_finite()) {
        return Ok(0.0);
    }
    let way = -first.signum();
    let newton = first.abs() / bend;
    let (mut low, mut high) = (0.0, if newton <= 1.0 { newton } else { 1.0 });
    // Out until the slope turns, or is next to nothing: with one class alone it never turns.
    loop {
        let (value, slope, _) = at(way * high)?;
        if !value.is_finite() || slope * way >= 0.0 {
            break;
        }
        if slope.abs() <= 1e-6 * first.abs() || high > 1e300 {
            return Ok(way * high);
        }
        (low, high) = (high, 4.0 * high);
    }
    let mut b = 0.5 * (low + high);
    for _ in 0..100 {
        let (value, slope, bend) = at(way * b)?;
        let below = value.is_finite() && slope * way < 0.0;
        *(if below { &mut low } else { &mut high }) = b;
        if value.is_finite() && slope.abs() <= 1e-9 * first.abs() || high - low <= 1e-9 * high {
            break;
        }
        let newton = b - slope * way / bend;
        b = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
    }
    Ok(way * b)
}

fn several(problem: &mut Problem<'_>, rows: Rows<'_>, outputs: usize) -> Result<Vec<f64>, Halt> {
    let mut b = vec![0.0; outputs];
    let mut best = (mean(problem, rows, &b)?.0, b.clone());
    for _ in 0..30 {
        let (value, slope, curvature) = mean(problem, rows, &b)?;
        if value < best.0 {
            best = (value, b.clone());
        }
        let moved: Vec<f64> =
            slope.iter().zip(&curvature).map(|(s, h)| s / h.max(1e-300)).collect();
        let far = moved.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        if !(far.is_finite() && far > 1e-6) {
            break;
        }
        // A step of more than 2 leaves what Newton's model knows of a logistic loss.
        let times = (2.0 / far).min(1.0);
        b.iter_mut().zip(&moved).for_each(|(b, m)| *b -= times * m);
    }
    Ok(best.1)
}

/// Steps of Newton's method at most, and halvings of one.
const STEPS: usize = 100;
const HALVINGS: usize = 60;
/// A step that promises less of the value is the last: it is a start.
const ENOUGH: f64 = 1e-2;
/// How far within what is allowed a start is, beside how far it is from 0.
const WITHIN: f64 = 0.1;
/// What is added to the curvature, beside it.
const SMALL: f64 = 1e-10;
/// The curvature of what is not free to move.
const HELD: f64 = 1e300;

/// By Newton's method on all numbers together, each step shortened until it leads down.
fn coupled(
    problem: &mut Problem<'_>,
    rows: Rows<'_>,
    table: &Table,
    free: bool,
) -> Result<Vec<f64>, Halt> {
    let k = table.outputs;
    let mut b = vec![0.0; k];
    let (mut value, mut slope, _) = mean(problem, rows, &b)?;
    for _ in 0..STEPS {
        let (of, at, mut h) = (Sum::Curvatures, Margins::Kept(CHANGE), vec![0.0; k * k]);
        let fill = Ask::Rows(OfRows::Fill { slot: CHANGE, margins: &b });
        problem.ask(&[], rows, &mut [fill, Ask::Rows(OfRows::Sum { of, at, to: &mut h })])?;
        // Where no row bends, as with all errors beyond where a loss is straight, a step of length 1 along the slope.
        let bends = (0..k).map(|o| h[o * (k + 1)]).sum::<f64>() > 0.0;
        let steep = dot(&slope, &slope).sqrt();
        let least = |o: usize| if bends { SMALL * h[o * (k + 1)] } else { steep };
        let held = |o: usize| if o < table.margins() && !free { HELD } else { least(o) };
        let Some(factor) = Cholesky::new(k, &h, held) else { break };
        let mut step = slope.clone();
        factor.solve(&mut step);
        if !(dot(&slope, &step) > ENOUGH * value.abs()) {
            break;
        }
        let (mut length, mut best) = (1.0, None);
        for _ in 0..HALVINGS {
            let next: Vec<f64> = b.iter().zip(&step).map(|(b, s)| b - length * s).collect();
            let there = mean(problem, rows, &next)?;
            if there.0 < value {
                (value, slope, best) = (there.0, there.1, Some(next));
                // Twice as far, as long as that is lower still: what is straight says nothing of how far to go.
                length *= if length >= 1.0 { 2.0 } else { break };
            } else if best.is_some() {
                break;
            } else {
                length *= 0.5;
            }
        }
        let Some(next) = best else { break };
        b = next;
    }
    // A start at the edge of what is allowed is a bad one: from there no step is short enough.
    let learnt = |by: f64| {
        let of = |(o, b): (usize, &f64)| if o < table.margins() { *b } else { by * b };
        b.iter().enumerate().map(of).collect::<Vec<f64>>()
    };
    let edge = !mean(problem, rows, &learnt(1.0 + WITHIN))?.0.is_finite();
    Ok(if edge { learnt(1.0 - WITHIN) } else { b })
}

fn mean(
    problem: &mut Problem<'_>,
    rows: Rows<'_>,
    b: &[f64],
) -> Result<(f64, Vec<f64>, Vec<f64>), Halt> {
    let (of, at, k) = (Sum::Losses, Margins::Same(b), b.len());
    let mut to = vec![0.0; of.len(k)];
    problem.ask(&[], rows, &mut [Ask::Rows(OfRows::Sum { of, at, to: &mut to })])?;
    let times = if to[0] > 0.0 { 1.0 / to[0] } else { 0.0 };
    to.iter_mut().for_each(|v| *v *= times);
    Ok((to[1], to[2..2 + k].to_vec(), to[2 + k..].to_vec()))
}
