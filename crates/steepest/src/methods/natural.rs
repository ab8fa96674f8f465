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
use crate::glm::Keep;
use crate::method::Step;
use crate::problem::Problem;
use crate::status::Halt;

/// What is known at this very point; none where nothing can be.
pub(super) fn proof(problem: &mut Problem<'_>, x: &[f64]) -> Result<Option<Step>, Halt> {
    let penalty = problem.penalty;
    let tolerance = problem.stop.tolerance;
    let (glm, mut meter) = problem.split();
    let Some(glm) = glm.filter(|g| g.outputs() == 1 && penalty.offers().convex) else {
        return Ok(None);
    };
    let (n, d) = (glm.design.rows(), glm.design.columns());
    let all: Vec<usize> = (0..x.len()).filter(|&j| penalty.free(j)).collect();
    // Only an intercept can be free: its dual is made 0.
    let free = glm.intercept && all == [d];
    if (!all.is_empty() && !free)
        || penalty.excess(x, &vec![0.0; x.len()], &vec![0.0; x.len()]).is_none()
    {
        return Ok(None);
    }
    let (mut margin, mut gradient) = (vec![0.0; n], vec![0.0; x.len()]);
    let keep = Keep { margins: Some(&mut margin), ..Keep::default() };
    meter.spend(1.0)?;
    let loss = glm.pass(None, x, Some(&mut gradient), keep, &mut || meter.pause())?;
    let value = loss + penalty.value(x);
    let (mut values, mut slope, mut bend) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    glm.loss.jets(glm.target, &margin, &mut values, &mut slope, &mut bend);
    let rows = RowsAt {
        loss: glm.loss,
        target: glm.target,
        weight: glm.weight,
        margin: &margin,
        slope: &slope,
    };
    let Some((change, _)) = rows.balanced(if free { gradient[d] } else { 0.0 }) else {
        return Ok(None);
    };
    let share: Vec<f64> = (0..n).map(|i| glm.share(i)).collect();
    let moved = |r: f64| match change {
        Change::Amount(by) => r + by,
        Change::Share(sign, part) if r * sign > 0.0 => (1.0 - part) * r,
        _ => r,
    };
    let dual: Vec<f64> = slope
        .iter()
        .zip(&share)
        .map(|(r, w)| if *w == 0.0 { 0.0 } else { w * moved(*r) })
        .collect();
    let (mut sum, mut square) = (vec![0.0; d], vec![0.0; d]);
    meter.spend(2.0)?;
    glm.design.moments(0..n, &share, &mut sum, &mut square);
    let mut s: Vec<f64> = glm.combined(&dual).iter().map(|s| -s).collect();
    if glm.intercept {
        s.push(if free { 0.0 } else { -dual.iter().sum::<f64>() });
        square.push(1.0);
    }
    // What rounding leaves open: of each s, and of the value by the margins, to first and to second order.
    let mean = |v: &mut dyn Iterator<Item = f64>| {
        v.zip(&share).map(|(v, w)| if *w == 0.0 { 0.0 } else { w * v }).sum::<f64>()
    };
    let steep = mean(&mut slope.iter().map(|r| r * r)).sqrt();
    let bent = mean(&mut bend.iter().copied());
    let spread: Vec<f64> = square.iter().map(|q| 4.0 * f64::EPSILON * steep * q.sqrt()).collect();
    let per = 2.0 * f64::EPSILON * (x.len() as f64).sqrt().max(4.0);
    let off = per * x.iter().zip(&square).map(|(x, q)| x.abs() * q.sqrt()).sum::<f64>();
    let rounding = 8.0 * f64::EPSILON * value.abs() + off * (steep + 0.5 * bent * off);
    let c = penalty.shrinks(&s, &spread);
    let held = |v: &[f64]| v.iter().map(|v| c * v).collect::<Vec<f64>>();
    let excess = penalty.excess(x, &held(&s), &held(&spread)).unwrap_or(f64::INFINITY);
    // No loss and no penalty is below 0, so the value itself is a bound.
    let gap = (excess + rows.distance(c, change)).min(value.max(0.0));
    let bound = if gap.is_nan() { f64::INFINITY } else { gap * (1.0 + 1e-6) + rounding };
    let certificate = Certificate {
        kind: Kind::DualityGap,
        bound,
        target: tolerance * value,
        rounding: 4.0 * rounding,
        assumption: "the loss and the penalty are convex; a dual point was found on all rows",
    };
    Ok(Some(Step { value, certificate: Some(certificate), ..Step::default() }))
}
