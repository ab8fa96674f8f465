//! A search along a line on stored margins: no read of the table.
use super::subproblem::Seen;
use crate::status::Halt;
use crate::table::{Margins, OfRows, Slot};

/// Margins along a direction: from those of a slot, by what others are at a length.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// Where it begins.
    pub from: Slot,
    /// What they are at the length.
    pub by: Margins<'a>,
    /// The length.
    pub length: f64,
}

/// How far to go from `u` along `v`: safeguarded Newton on the slope, until it is a tenth of the first. 0 where no step
/// lowers F.
pub fn search(
    seen: &mut Seen<'_, '_>,
    (u, v): (&[f64], &[f64]),
    line: Line<'_>,
) -> Result<f64, Halt> {
    let mut at = |a: f64| along(seen, (u, v), line, a);
    let first = at(0.0)?;
    if !(first.slope < 0.0) {
        return Ok(0.0);
    }
    let (mut low, mut high, mut a) = (0.0f64, f64::INFINITY, 1.0);
    let mut best = (first.value, 0.0);
    for _ in 0..120 {
        let here = at(a)?;
        if here.value < best.0 {
            best = (here.value, a);
        }
        if here.slope.abs() <= 0.1 * first.slope.abs() && here.value <= first.value {
            return Ok(a);
        }
        // A value that is not finite, or above the start, is too far whatever its slope.
        let over = !(here.value <= first.value);
        if here.slope < 0.0 && !over {
            low = a;
        } else {
            high = a;
        }
        let newton = a - here.slope / here.curvature;
        let reach = (10.0 * low.max(0.1)).min(high);
        // Above the start Newton's step would come back in steps of the same length: where the loss grows
        // exponentially there may be hundreds of them.
        a = if newton > low && newton < reach && !over {
            newton
        } else if high.is_finite() && low > 0.0 {
            (low * high).sqrt()
        } else if high.is_finite() {
            0.1 * high
        } else {
            reach
        };
        if high - low <= 1e-12 * high || high < 1e-30 {
            break;
        }
    }
    Ok(best.1)
}

struct Along {
    value: f64,
    slope: f64,
    curvature: f64,
}

fn along(
    seen: &mut Seen<'_, '_>,
    (u, v): (&[f64], &[f64]),
    Line { from, by, length }: Line<'_>,
    a: f64,
) -> Result<Along, Halt> {
    let mut to = [0.0; 3];
    seen.of_rows(OfRows::Along { from, by, length, at: a, to: &mut to })?;
    let [value, slope, curvature] = to;
    let mut sum = Along { value, slope, curvature };
    for ((pen, u), v) in seen.ground.penalty.iter().zip(u).zip(v) {
        let x = u + a * v;
        sum.value += 0.5 * pen * x * x;
        sum.slope += pen * x * v;
        sum.curvature += pen * v * v;
    }
    Ok(sum)
}
