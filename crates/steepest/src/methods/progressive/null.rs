//! The null model: the intercept alone.
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::Halt;
use crate::table::{Margins, OfRows, Sum};

/// The best intercept over all rows and its mean loss; margins 0, where there is none that is free.
pub fn least(problem: &mut Problem<'_>, outputs: usize, free: bool) -> Result<(Vec<f64>, f64), Halt> {
    let zero = vec![0.0; outputs];
    let nothing = mean(problem, Rows::All, &zero)?.0;
    if !free {
        return Ok((zero, nothing));
    }
    let (best, value) = model(problem, outputs, Rows::All)?;
    Ok(if value < nothing { (best, value) } else { (zero, nothing) })
}

/// The best intercept over some rows and its mean loss, by Newton's method on the targets: of one output within a bracket, so that no
/// size or offset of the targets, and no start without curvature, leads it astray.
pub fn model(
    problem: &mut Problem<'_>,
    outputs: usize,
    rows: Rows<'_>,
) -> Result<(Vec<f64>, f64), Halt> {
    let best = if outputs == 1 {
        vec![single(problem, rows)?]
    } else {
        several(problem, rows, outputs)?
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

fn several(
    problem: &mut Problem<'_>,
    rows: Rows<'_>,
    outputs: usize,
) -> Result<Vec<f64>, Halt> {
    let mut b = vec![0.0; outputs];
    let mut best = (mean(problem, rows, &b)?.0, b.clone());
    for _ in 0..30 {
        let (value, slope, curvature) = mean(problem, rows, &b)?;
        if value < best.0 {
            best = (value, b.clone());
        }
        let moved: Vec<f64> = slope.iter().zip(&curvature).map(|(s, h)| s / h.max(1e-300)).collect();
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
