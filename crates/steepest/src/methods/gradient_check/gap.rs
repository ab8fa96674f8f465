//! How far the least value is by the curvature around: conjugate gradients, by gradients ahead.
use super::{Known, NEAR, within};
use crate::linalg::conjugate::ConjugateGradients;
use crate::linalg::vectors::{dot, largest};
use crate::problem::Problem;
use crate::status::Halt;

/// What the function's own curvature predicts of a decrease, over what slopes and curvature span from here.
pub enum Gap {
    /// So much.
    Left(f64),
    /// Along the direction given it bends down: there is no least value on this line.
    Down,
}

/// E by conjugate gradients (Hestenes and Stiefel 1952) on the quadratic model at x, measured in lengths: ½ g′H⁻¹g from
/// below, by a gradient for each product. It ends as soon as more than `enough` is left, or little more is to come, where there is
/// more than so many products span. The way to the model's least point is left in `along`, in lengths.
pub fn gap(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    products: usize,
    enough: f64,
    along: &mut [f64],
    trial: &mut [f64],
) -> Result<Gap, Halt> {
    // In lengths: where a coordinate cannot go the way it should, it has none.
    let free = |j: usize| (at.room)(j, -at.gradient[j]) > 0.0;
    let r = (0..at.x.len())
        .map(|j| if free(j) { -at.gradient[j] * at.lengths[j] } else { 0.0 })
        .collect();
    Ok(conjugate(problem, at, r, products, Some(enough), along, trial)?.0)
}

/// The same, for r in place of −g: ½ r′H⁻¹r. Whether all that r spans was seen to bend up, too.
pub(super) fn conjugate(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    r: Vec<f64>,
    products: usize,
    enough: Option<f64>,
    along: &mut [f64],
    trial: &mut [f64],
) -> Result<(Gap, bool), Halt> {
    let n = at.x.len();
    let start = r.clone();
    let mut cg = ConjugateGradients::new(r, start);
    let (mut left, mut last) = (0.0f64, f64::INFINITY);
    let first = cg.energy;
    let mut ahead = vec![0.0; n];
    let mut whole = n <= products;
    // Where as many would do for all that there is, little now may be much later.
    let all = enough.is_some() && whole;
    along[..n].fill(0.0);
    for _ in 0..products.min(n) {
        let ConjugateGradients { r, p, energy: rr, .. } = &cg;
        let rr = *rr;
        if rr <= 1e-24 * first || rr == 0.0 {
            whole = true;
            break;
        }
        // Into whichever direction there is more room for, and never beyond it.
        let reach = |way: f64| {
            let one = |j: usize| {
                let by = way * p[j] * at.lengths[j];
                if by == 0.0 { f64::INFINITY } else { (at.room)(j, by) / by.abs() }
            };
            (0..n).map(one).fold(f64::INFINITY, f64::min)
        };
        let (ahead_of, behind) = (reach(1.0), reach(-1.0));
        let t = (NEAR / largest(p))
            .min(0.5 * ahead_of.max(behind))
            .copysign(if ahead_of >= behind { 1.0 } else { -1.0 });
        if t == 0.0 {
            return Ok((Gap::Left(left + rr.sqrt()), false));
        }
        (0..n).for_each(|j| trial[j] = at.x[j] + t * p[j] * at.lengths[j]);
        problem.total_gradient(&trial[..n], &mut ahead)?;
        if !largest(&ahead).is_finite() {
            return Ok((Gap::Left(f64::INFINITY), false));
        }
        let product: Vec<f64> = (0..n)
            .map(|j| {
                if r[j] == 0.0 && p[j] == 0.0 {
                    0.0
                } else {
                    (ahead[j] - at.gradient[j]) * at.lengths[j] / t
                }
            })
            .collect();
        let bend = dot(p, &product);
        // Slopes are as exact as they are large, where they are not r.
        let slope = |j: usize| (at.gradient[j].abs() + ahead[j].abs()) * at.lengths[j];
        let known = (0..n).map(slope).fold(0.0, f64::max).min(rr.sqrt());
        let noise = f64::EPSILON * 1e2 * known * dot(p, p).sqrt() / t.abs();
        if bend < -noise {
            along[..n].copy_from_slice(p);
            return Ok((Gap::Down, false));
        }
        if bend <= noise {
            // Flat as far as can be seen: the slope goes on as far as its lengths.
            return Ok((Gap::Left(left + rr.sqrt()), false));
        }
        let a = rr / bend;
        let gain = 0.5 * a * rr;
        left += gain;
        cg.go(a, &product);
        along[..n].copy_from_slice(&cg.v);
        cg.turn(None);
        if enough.is_some_and(|e| left > e || !all && gain.max(last) < 1e-2 * left) {
            whole = false;
            break;
        }
        last = gain;
    }
    Ok((Gap::Left(left), whole))
}

/// Whether F goes on to fall some of these steps beyond the point that the model takes for the least, as x³ does behind 0, and
/// what is flat on one side only: steps have seen nothing of it. `hidden` is what noise may make of a fall; one that does not
/// matter to the claim is none, for there is always one beside a cusp. One value; the point is in `trial`.
pub fn beyond(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    along: &[f64],
    [left, hidden]: [f64; 2],
    trial: &mut [f64],
) -> Result<bool, Halt> {
    const STEPS: f64 = 8.0;
    for (j, x) in at.x.iter().enumerate() {
        let by = STEPS * along[j] * at.lengths[j];
        trial[j] = within(*x, by, (at.room)(j, by));
    }
    if trial[..at.x.len()] == *at.x {
        return Ok(false);
    }
    Ok(problem.total(&trial[..at.x.len()])? < at.value - 4.0 * left - hidden.max(at.enough))
}
