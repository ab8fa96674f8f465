//! Both sides of a point along a line: what the values there say of the slope that is claimed.
use super::{Front, Known, NEAR, both_sides, step};
use crate::linalg::vectors::dot;
use crate::problem::Problem;
use crate::status::Halt;

/// What was seen along a line.
pub(super) enum Seen {
    Nothing,
    /// A value that the slope cannot foretell, and how far off.
    Lower(f64, f64),
    /// Another slope than the one claimed: by how much, and seen over how far.
    Other(f64, f64),
    /// The same at the point so far ahead.
    Ahead(f64, f64),
    Kink([f64; 2]),
    Stairs,
    /// Nothing near by, but lower so far off.
    Far(f64),
    /// A value that is lower by far more than is claimed to be left, as the slope foretells, and how far off.
    Beneath(f64, f64),
}

/// A fall by so many times what does not matter is no claim's rest: ten times what is near enough where no step is lower.
const BENEATH: f64 = 1e4;

/// Both sides of x along `u`, nearer and nearer until they tell what the gradient claims, or something else.
pub(super) fn sides(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    told: [f64; 2],
    trial: &mut [f64],
    front: &mut Front,
) -> Result<Seen, Halt> {
    let mut least = (at.value, 0.0);
    let seen = nearing(problem, at, u, told, &mut least, (trial, front))?;
    let beneath = least.0 < at.value - BENEATH * at.enough - 4.0 * told[1];
    Ok(if beneath && matches!(seen, Seen::Nothing) {
        Seen::Beneath(least.0, least.1)
    } else {
        seen
    })
}

fn nearing(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    [claimed, rounding]: [f64; 2],
    least: &mut (f64, f64),
    (trial, front): (&mut [f64], &mut Front),
) -> Result<Seen, Halt> {
    let n = at.x.len();
    let mut slopes = [0.0; 2];
    let (mut told, mut lowest) = (None::<f64>, (at.value, 0.0));
    let lower = |lowest: (f64, f64)| {
        if lowest.1 == 0.0 { Seen::Nothing } else { Seen::Lower(lowest.0, lowest.1) }
    };
    let (mut h, mut finite) = (NEAR, false);
    for nearer in 0..5 {
        let [up, down] = if nearer == 0 && at.given && at.ahead {
            // The gradient there is looked at as well: in one evaluation, where they come together.
            step(at, u, h, trial);
            front.gradient.resize(n, 0.0);
            let up = problem.total_gradient(&trial[..n], &mut front.gradient)?;
            let rise = dot(&front.gradient, &u[..n]);
            if !at.blind && tells_all(at, [claimed, rounding, h], up, rise) {
                return Ok(Seen::Nothing);
            }
            step(at, u, -h, trial);
            [up, problem.total(&trial[..n])?]
        } else {
            both_sides(problem, at, u, h, trial)?
        };
        if !(up.is_finite() && down.is_finite()) {
            if up.min(down) == f64::NEG_INFINITY {
                return Ok(Seen::Lower(f64::NEG_INFINITY, if up < down { h } else { -h }));
            }
            h *= 0.03;
            continue;
        }
        finite = true;
        if nearer == 0 {
            front.rise = up + down - 2.0 * at.value;
        }
        for (value, h) in [(up, h), (down, -h)] {
            if value < least.0 {
                *least = (value, h);
            }
            // More than the slope foretells.
            if value < lowest.0 && value < at.value - h.abs() * claimed.abs() - 4.0 * rounding {
                lowest = (value, h);
            }
        }
        if up == at.value && down == at.value && nearer > 0 && slopes == [0.0; 2] {
            // There was no value until nothing moved.
            return Ok(Seen::Stairs);
        }
        if up == at.value && down == at.value {
            // Where curvature was seen the slopes are known: a flat valley, or how F is stored.
            return if at.blind {
                stairs(problem, at, u, claimed, trial)
            } else {
                Ok(lower(lowest))
            };
        }
        slopes = [(up - at.value) / h, (at.value - down) / h];
        let (slope, bend) = (0.5 * (slopes[0] + slopes[1]), (slopes[0] - slopes[1]) / h);
        let matters = (2.0 * bend.abs() * at.small).sqrt();
        if (slope - claimed).abs() * h <= 1e-6 * claimed.abs() * h + 0.3 * matters * h + rounding {
            let clear = bend.abs() * h * h > 1e3 * rounding;
            if lowest.1 == 0.0
                && clear
                && bend > 0.0
                && 0.5 * slope * slope / bend > 10.0 * at.enough
            {
                let h = -slope / bend;
                step(at, u, h, trial);
                let value = problem.total(&trial[..n])?;
                if value < at.value - at.enough {
                    lowest = (value, h);
                }
            }
            if lowest.1 == 0.0 && at.blind && nearer == 0 {
                let h = 1e-5 * NEAR;
                let [up, down] = both_sides(problem, at, u, h, trial)?;
                for (value, h) in [(up, h), (down, -h)] {
                    if value < at.value - h.abs() * claimed.abs() - 4.0 * rounding
                        && value < lowest.0
                    {
                        lowest = (value, h);
                    }
                }
            }
            if lowest.1 == 0.0 && at.given && at.ahead && nearer == 0 && clear {
                let seen = (up, &front.gradient[..]);
                return ahead(problem, at, u, [claimed, bend, h, rounding], seen, trial);
            }
            return Ok(lower(lowest));
        }
        let steady =
            (slopes[0] - slopes[1]).abs() <= 0.1 * slope.abs() && slope.abs() * h > 8.0 * rounding;
        let flat = slopes[0].abs().max(slopes[1].abs()) < 0.1 * claimed.abs()
            && claimed.abs() * h > 8.0 * rounding;
        if at.given && (steady || flat) {
            if (slope - claimed).abs() <= 0.2 * slope.abs().max(claimed.abs()) {
                return Ok(lower(lowest));
            }
            // Said only where two steps tell the same: noise would tell another slope each time.
            let same = |s: f64| {
                (s - slope).abs() <= 0.2 * s.abs().max(slope.abs()).max(0.1 * claimed.abs())
            };
            if told.is_some_and(same) {
                return Ok(Seen::Other((slope - claimed).abs(), h));
            }
            told = Some(slope);
            h *= 0.3;
            continue;
        }
        told = None;
        h *= 0.03;
    }
    if !finite {
        return Ok(Seen::Stairs);
    }
    let jump = (slopes[0] - slopes[1]).abs();
    let kinked = jump * h > rounding && jump > 0.1 * slopes[0].abs().max(slopes[1].abs());
    Ok(if lowest.1 == 0.0 && kinked { Seen::Kink(slopes) } else { lower(lowest) })
}

/// Whether the value and the slope ahead tell one and the same curvature, up, with the slope claimed here: F is a parabola
/// on the way then, for a cubic, a kink or a gradient that is wrong by a factor or a constant tells two, and the other side
/// has nothing to add. What that parabola falls by from here must not matter.
pub(super) fn tells_all(
    at: &Known<'_>,
    [claimed, rounding, h]: [f64; 3],
    value: f64,
    rise: f64,
) -> bool {
    let bend = 2.0 * ((value - at.value) / h - claimed) / h;
    bend * h * h > 1e3 * rounding
        && (claimed + bend * h - rise).abs() <= 0.03 * (bend * h).min(rise.abs())
        && 0.5 * claimed * claimed / bend <= 10.0 * at.enough
}

/// Where nothing moves near by: whether it does further off, as on stairs, of whose slopes nothing can be said.
fn stairs(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    claimed: f64,
    trial: &mut [f64],
) -> Result<Seen, Halt> {
    let (mut lowest, mut moves) = ((at.value, 0.0), false);
    for h in [1e-2, 1.0, 1e2, 1e4] {
        let [up, down] = both_sides(problem, at, u, h, trial)?;
        for (value, h) in [(up, h), (down, -h)] {
            moves |= value != at.value;
            if value < lowest.0 {
                lowest = (value, h);
            }
        }
    }
    Ok(match moves {
        // Less may be a step of how F is stored.
        true if lowest.0 < at.value - 1e-6 * at.value.abs() => Seen::Far(lowest.1),
        false if claimed.abs() > 16.0 * f64::EPSILON * at.value.abs() => {
            Seen::Other(claimed.abs(), NEAR)
        }
        true => Seen::Stairs,
        false => Seen::Nothing,
    })
}

/// Whether the gradient ahead at x + h u is the function's: at a point where the one given vanishes, one that is wrong
/// by a factor is right.
fn ahead(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    [claimed, bend, h, rounding]: [f64; 4],
    (value, gradient): (f64, &[f64]),
    trial: &mut [f64],
) -> Result<Seen, Halt> {
    let n = at.x.len();
    let rise = dot(gradient, &u[..n]);
    let off = |truth: f64| {
        let off = (rise - truth).abs();
        off > 0.03 * (bend.abs() * h).max(rise.abs()).max(truth.abs()) + 1e2 * rounding / h
    };
    if !off(claimed + bend * h) {
        return Ok(Seen::Nothing);
    }
    // A third derivative would do as much; nearer by, on both sides of that point, it would not.
    step(at, u, h, trial);
    let x: Vec<f64> = trial[..n].to_vec();
    let there = Known { x: &x, value, gradient, ..*at };
    let mut told = 0.0;
    for near in [0.3 * h, 0.1 * h] {
        let [up, down] = both_sides(problem, &there, u, near, trial)?;
        told = (up - down) / (2.0 * near);
        if !off(told) {
            return Ok(Seen::Nothing);
        }
    }
    Ok(Seen::Ahead((rise - told).abs(), h))
}
