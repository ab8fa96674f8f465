//! Where a start is worth nothing: no coefficients in its place, or a point at which the loss is finite.
use super::{Coordinate, working};
use crate::method::Method;
use crate::penalty::{Piece, Steps};
use crate::problem::Problem;
use crate::status::Halt;

/// No coefficients, as far as their bounds let that be, and these intercepts.
pub(super) fn none(pieces: &[Piece], b: &[f64], d: usize) -> Vec<f64> {
    let mut none: Vec<f64> = pieces.iter().map(|p| 0.0f64.clamp(p.low, p.high)).collect();
    let width = pieces.len() / b.len();
    if width > d {
        for (o, b) in b.iter().enumerate() {
            let j = o * width + d;
            none[j] = b.clamp(pieces[j].low, pieces[j].high);
        }
    }
    none
}

/// A start for a method that has none of its own over a table, where the objective at `x` is `value`, absurdly large or
/// not finite: no coefficients where that is lower, and where that is absurd too a point that is not; none where `x`
/// serves, or nothing else does.
pub(in super::super) fn instead(
    problem: &mut Problem<'_>,
    x: &[f64],
    value: f64,
) -> Result<Option<Vec<f64>>, Halt> {
    if problem.table().is_none_or(|t| t.coupled()) {
        return Ok(None);
    }
    let (rows, _) = problem.rows(None)?;
    let ((b, least), columns) = (working::null(&rows), rows.columns());
    let shares = problem.penalty().shares().is_some();
    if !(shares || problem.penalty().offers().pieces) || !absurd(value, least) {
        return Ok(None);
    }
    let pieces: Vec<Piece> = (0..x.len()).map(|j| problem.penalty().piece(j)).collect();
    let mut point = none(&pieces, &b, columns);
    if shares {
        problem.penalty().prox(&mut point, Steps::Uniform(1.0));
    }
    let there = problem.value(&point)? + problem.penalty().value(&point);
    let better = there < value || (there.is_finite() && !value.is_finite());
    let (best, from) = if better { (there, &point[..]) } else { (value, x) };
    let tamed = if absurd(best, least) { tamed(problem, from, best)? } else { None };
    Ok(tamed.or(better.then_some(point)))
}

/// Whether a value is so far above that of no coefficients that steps by the loss's own curvature lead nowhere.
pub(super) fn absurd(value: f64, null: f64) -> bool {
    !(value <= ABSURD * null)
}

/// Times the loss without coefficients.
const ABSURD: f64 = 1e3;
/// Steps at most.
const STEPS: usize = 60;

/// A point within the bounds at which the objective is below `value` (that at `x`), by this method itself, with a loss
/// that does not overflow; none where none is found, or where it makes no difference.
pub(super) fn tamed(
    problem: &mut Problem<'_>,
    x: &[f64],
    value: f64,
) -> Result<Option<Vec<f64>>, Halt> {
    let penalty = problem.penalty();
    let shares = penalty.shares().is_some();
    let one = problem.table().is_some_and(|t| t.outputs == 1);
    if !one || !(shares || penalty.offers().pieces) {
        return Ok(None);
    }
    let mut point = x.to_vec();
    let found = problem.tamed(1e-3, |problem| {
        if shares {
            return crate::methods::shares::descend(problem, &mut point).map(|_| true);
        }
        let mut method = Coordinate { tame: true, ..Coordinate::default() };
        // What is not finite here is so for another reason than overflow.
        let Ok(mut step) = method.start(problem, &mut point) else { return Ok(false) };
        for _ in 0..STEPS {
            if step.verdict.is_some() {
                break;
            }
            step = method.step(problem, &mut point)?;
        }
        Ok(true)
    })?;
    if !found {
        return Ok(None);
    }
    let there = problem.value(&point)? + penalty.value(&point);
    Ok((there < value || (there.is_finite() && !value.is_finite())).then_some(point))
}
