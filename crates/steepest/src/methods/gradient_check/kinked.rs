//! Whether a point at rest is where steps have closed in on a kink.
use super::{Hull, Known, both_sides, hull, kink, scattered};
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

/// Of what F has fallen by and of F itself: no more may be left at a kink that is claimed.
const LEFT: [f64; 2] = [1e-9, 1e-7];
/// What F has to have fallen by, as a part of it, for the start to count as far.
const FAR: f64 = 0.01;
/// What slopes may still change F by on the way back, of what it has fallen by, where they are differences, which lie between
/// those on both sides of a kink, and no way along a kink need be steep: where F is smooth, a claim leaves a tenth of that.
const ABRUPT: f64 = 1e-4;

/// How a descent has come to where it rests.
pub struct Come {
    /// How far each coordinate has.
    pub way: Vec<f64>,
    /// What F has fallen by.
    pub fallen: f64,
    /// What noise may make of a rise.
    pub hidden: f64,
    /// Whether slopes are steep for a point at rest.
    pub abrupt: bool,
    /// Whether a kink is to be looked for whatever they are, where they are differences.
    pub sharp: bool,
}

/// Whether steps have closed in on a kink, which is then reported, or stand between some, and whether anything leads lower from
/// there, to what is in `trial`.
pub fn closed_in(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    come: Come,
    u: &mut [f64],
    trial: &mut [f64],
) -> Result<Hull, Halt> {
    let Come { mut way, fallen, hidden, abrupt, sharp } = come;
    // From a start that was good already, what is left of slopes is much beside the little that F has fallen by.
    let far = fallen > FAR * at.value.abs();
    let rough = problem.offers().differences > 0 && way.len() > 1 && far;
    let free = |j: &usize| (at.room)(*j, -at.gradient[*j]) > 0.0;
    let change: f64 = (0..way.len()).filter(free).map(|j| at.gradient[j].abs() * way[j]).sum();
    let abrupt = if rough { change > ABRUPT * fallen } else { abrupt };
    if !(abrupt || rough && sharp) {
        return Ok(Hull::Whole);
    }
    let slopes = kinked(problem, at, &way, hidden, u, trial)?;
    let mut found = if slopes.is_some() { Hull::Open } else { Hull::Whole };
    if rough && (abrupt || slopes.is_some()) {
        let still = way.iter_mut().zip(at.lengths).filter(|(way, _)| **way == 0.0);
        still.for_each(|(way, own)| *way = *own);
        let enough = (LEFT[0] * fallen).max(LEFT[1] * at.value.abs());
        match hull(problem, at, &way, enough, u, trial)? {
            // Slopes that are steep at no kink, and tell nothing.
            Hull::Open if slopes.is_none() => found = Hull::Loud,
            Hull::Open => {}
            seen => found = seen,
        }
    }
    if let (Hull::Open, Some(slopes)) = (&found, slopes) {
        problem.report(kink(slopes));
    }
    Ok(found)
}
