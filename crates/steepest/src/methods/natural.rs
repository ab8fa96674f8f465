//! The duality gap at the slopes themselves, for a loss of one margin over a table with any convex penalty whose conjugate
//! is written out: norms by groups, the largest coefficient, balls, capped shares.
//!
//! As in [`crate::duality`], but that the penalty is taken as a whole: with s = −X′θ, θ = slopes + u,
//! F(x) − F* ≤ Σ weight·D*(u) / Σ weight + p(x) + p*(s) − s′x. The slopes are balanced where an intercept is free, and taken
//! by a factor to where p* is finite; nothing corrects them, so the bound falls as fast as x comes near.
//!
//! Ndiaye, Fercoq, Gramfort and Salmon 2017, <https://www.jmlr.org/papers/v18/16-577.html>.
use crate::certificate::{Certificate, Kind};
use crate::duality::{Change, RowsAt};
use crate::held::Jets;
use crate::method::Step;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::Halt;
use crate::table::{OfRows, Slot};

/// Where the margins of the point are kept.
const MARGINS: Slot = Slot(0);

/// What is known at this very point; none where nothing can be.
pub(super) fn proof(problem: &mut Problem<'_>, x: &[f64]) -> Result<Option<Step>, Halt> {
    let penalty = problem.penalty();
    let tolerance = problem.tolerance();
    let Some(table) = problem.table().filter(|t| t.outputs == 1 && penalty.offers().convex) else {
        return Ok(None);
    };
    let d = table.columns;
    let all: Vec<usize> = (0..x.len()).filter(|&j| penalty.free(j)).collect();
    // Only an intercept can be free: its dual is made 0.
    let free = table.intercept && all == [d];
    if (!all.is_empty() && !free)
        || penalty.excess(x, &vec![0.0; x.len()], &vec![0.0; x.len()]).is_none()
    {
        return Ok(None);
    }
    let (mut loss, mut gradient) = (f64::NAN, vec![0.0; x.len()]);
    let margins = Ask::Rows(OfRows::Keep(MARGINS));
    let asks = &mut [Ask::Value(&mut loss), Ask::Gradient(&mut gradient), margins];
    problem.ask(x, Rows::All, asks)?;
    let value = loss + penalty.value(x);
    let (rows, _) = problem.rows(Some(MARGINS))?;
    let Jets { slope, curvature: bend, .. } = rows.jets(&rows.margins);
    let mean = if free { gradient[d] } else { 0.0 };
    let Some((change, _)) = RowsAt::of(&rows, &slope).balanced(mean) else {
        return Ok(None);
    };
    let moved = |r: f64| match change {
        Change::Amount(by) => r + by,
        Change::Share(sign, part) if r * sign > 0.0 => (1.0 - part) * r,
        _ => r,
    };
    let weighed = |(r, w): (&f64, &f64)| if *w == 0.0 { 0.0 } else { w * moved(*r) };
    let dual: Vec<f64> = slope.iter().zip(&*rows.share).map(weighed).collect();
    // What rounding leaves open: of each s, and of the value by the margins, to first and to second order.
    let steep = rows.mean(&slope.iter().map(|r| r * r).collect::<Vec<f64>>()).sqrt();
    let bent = rows.mean(&bend);
    let (mut sum, mut square, mut s) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
    problem.of_rows(OfRows::Moments { sum: &mut sum, square: &mut square })?;
    problem.of_rows(OfRows::Combined { by: &dual, to: &mut s })?;
    square.iter_mut().for_each(|q| *q /= table.total);
    s.iter_mut().for_each(|s| *s = -*s);
    if table.intercept {
        s.push(if free { 0.0 } else { -dual.iter().sum::<f64>() });
        square.push(1.0);
    }
    let spread: Vec<f64> = square.iter().map(|q| 4.0 * f64::EPSILON * steep * q.sqrt()).collect();
    let per = 2.0 * f64::EPSILON * (x.len() as f64).sqrt().max(4.0);
    let off = per * x.iter().zip(&square).map(|(x, q)| x.abs() * q.sqrt()).sum::<f64>();
    let rounding = 8.0 * f64::EPSILON * value.abs() + off * (steep + 0.5 * bent * off);
    let c = penalty.shrinks(&s, &spread);
    let held = |v: &[f64]| v.iter().map(|v| c * v).collect::<Vec<f64>>();
    let excess = penalty.excess(x, &held(&s), &held(&spread)).unwrap_or(f64::INFINITY);
    // No loss and no penalty is below 0, so the value itself is a bound.
    let (rows, _) = problem.rows(Some(MARGINS))?;
    let gap = (excess + RowsAt::of(&rows, &slope).distance(c, change)).min(value.max(0.0));
    let bound = if gap.is_nan() { f64::INFINITY } else { gap * (1.0 + 1e-6) + rounding };
    problem.of_rows(OfRows::Free(MARGINS))?;
    let certificate = Certificate {
        kind: Kind::DualityGap,
        bound,
        target: tolerance * value,
        rounding: 4.0 * rounding,
        assumption: "the loss and the penalty are convex; a dual point was found on all rows",
    };
    Ok(Some(Step { value, certificate: Some(certificate), ..Step::default() }))
}
