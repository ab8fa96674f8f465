//! What a method for f + penalty may say where it stands, f a function and the penalty known by its prox.
use crate::certificate::{Certificate, Kind};
use crate::methods::gradient_check::{self, Doubt, Known};
use crate::problem::Problem;
use crate::status::Halt;

/// ‖x − prox(x − D∇f(x))‖∞ by the steps D, in units that a change of the variables' units does not change; `there` is that
/// prox.
pub fn residual(x: &[f64], there: &[f64], steps: &[f64]) -> f64 {
    let off = x.iter().zip(there).zip(steps).map(|((x, z), t)| (z - x).abs() / t.sqrt());
    off.fold(0.0, |m: f64, v| if v.is_nan() { v } else { m.max(v) })
}

/// The residual, relative to √F, is of the order of the root of the distance from the optimum.
pub fn goal(problem: &Problem<'_>) -> f64 {
    (0.1 * problem.tolerance()).min(1e-3)
}

/// What stands behind a claim where nothing is proved: the residual by these steps over `scale`, f being `smooth` there.
pub fn certificate(
    problem: &mut Problem<'_>,
    residual: f64,
    steps: &[f64],
    smooth: f64,
    scale: f64,
) -> Certificate {
    // Below this a decrease drowns in rounding, and the step that it would belong to cannot be told.
    let mut slopes = vec![0.0; steps.len()];
    let noise = 40.0 * f64::EPSILON * smooth.abs() + problem.accuracy(&mut slopes);
    let of_slopes = slopes.iter().zip(steps).map(|(g, t)| g * t.sqrt()).fold(0.0, f64::max);
    Certificate {
        kind: Kind::Stationary,
        bound: residual,
        target: goal(problem),
        rounding: ((2.0 * noise).sqrt() + 2.0 * of_slopes) / scale,
        assumption: "nothing is proved; the step of the prox is small in the method's own metric",
    }
}

/// Looks to both sides of x, by lengths that these steps are of the size of, whether the function itself speaks against
/// the gradient, or is lower there: `trial` is then that point. Where slopes are differences of noisy values, so are the
/// curvatures that steps have met, and the values around tell more.
pub fn look(
    problem: &mut Problem<'_>,
    x: &[f64],
    steps: &[f64],
    trial: &mut [f64],
) -> Result<Doubt, Halt> {
    let n = x.len();
    let mut gradient = vec![0.0; n];
    let value = problem.total_gradient(x, &mut gradient)?;
    let (offers, given) = (problem.penalty().offers(), gradient_check::doubtful(problem));
    let room = gradient_check::room(problem, x);
    let room = |j: usize, way: f64| room[j][usize::from(way > 0.0)];
    let lengths = gradient_check::lengths(steps, x, &gradient, [value.abs(); 2], &room);
    let small = 1e-4 * problem.tolerance() * value.abs();
    let mut u = vec![0.0; n];
    gradient_check::scattered(n, &mut u);
    let known = Known {
        x,
        value,
        gradient: &gradient,
        lengths: &lengths,
        room: &room,
        enough: small,
        small,
        given,
        ahead: given && offers.smooth,
        blind: false,
    };
    let doubt = gradient_check::look(problem, &known, &mut u, trial)?;
    let rounding = 16.0 * f64::EPSILON * value.abs();
    let unseen = !given && !matches!(doubt, Doubt::Lower);
    if unseen && gradient_check::curved(problem, &known, rounding, trial)? {
        return Ok(Doubt::Lower);
    }
    Ok(doubt)
}
