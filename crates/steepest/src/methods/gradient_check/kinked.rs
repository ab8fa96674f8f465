//! Whether a point at rest is where steps have closed in on a kink.
use super::{Known, both_sides, scattered};
use crate::problem::Problem;
use crate::status::Halt;

/// Shares of the lengths, over which F is looked at.
const SHARES: [f64; 3] = [1e-3, 1e-4, 1e-5];
/// What F rises by on both sides over a tenth of a way: a tenth of it at a kink, more at a cusp, a hundredth where it is smooth.
const KINK: std::ops::Range<f64> = 0.03..0.6;

/// The slopes on both sides of x, where F rises from it in proportion to how far one goes, however near: the metric that
/// steps into a kink have left takes what it does closer by for curvature. `lengths` are those of the way there, or the
/// point's own; `hidden` is what noise may make of a rise. Six values.
pub fn kinked(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    lengths: &[f64],
    hidden: f64,
    u: &mut [f64],
    trial: &mut [f64],
) -> Result<Option<[f64; 2]>, Halt> {
    let n = at.x.len();
    scattered(n, u);
    (0..n).for_each(|j| u[j] *= lengths[j]);
    let clear = hidden.max(1e3 * f64::EPSILON * at.value.abs());
    let (mut slopes, mut before) = ([0.0; 2], None::<f64>);
    for h in SHARES {
        let [up, down] = both_sides(problem, at, u, h, trial)?;
        let rise = up + down - 2.0 * at.value;
        if !(rise > clear && before.is_none_or(|b| KINK.contains(&(rise / b)))) {
            return Ok(None);
        }
        (slopes, before) = ([(up - at.value) / h, (at.value - down) / h], Some(rise));
    }
    Ok(Some(slopes))
}
