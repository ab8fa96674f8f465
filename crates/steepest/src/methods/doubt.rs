//! Doubting a gradient and a claim: does the function do what the gradient says?
use crate::descend::{Halt, Problem, Status};
use crate::health::{Finding, Severity};
use crate::vectors::{dot, largest};

/// Where the function is found to lead lower still.
pub enum Doubt {
    /// No ground for any.
    None,
    /// The gradient is not the function's.
    Inconsistent(Status),
    /// The value is lower on both sides along a line on which the gradient vanishes: a saddle or a maximum.
    /// The lower point is in the vector given.
    Lower(f64),
    /// The slopes on both sides differ however near one looks: a kink.
    Kink([f64; 2]),
}

/// The objective at rest at x: value and gradient as the method knows them.
pub struct Known<'a> {
    /// The point.
    pub x: &'a [f64],
    /// F there.
    pub value: f64,
    /// Its gradient there.
    pub gradient: &'a [f64],
    /// The residual at the start, or 1: what a slope is held against.
    pub scale: f64,
    /// Which coordinates may move both ways, where not all may.
    pub free: Option<&'a [f64]>,
}

/// Whether the user gave a gradient that can be doubted cheaply (not differenced, not a read of a table).
pub fn doubtful(problem: &mut Problem<'_>) -> bool {
    problem.objective.differences() == 0
        && problem.objective.glm().is_none()
        && problem.objective.terms().is_none()
}

/// A direction that no symmetry singles out: numbers in ±[½, 1], the same each time.
pub fn scattered(n: usize, to: &mut [f64]) {
    for (j, u) in to[..n].iter_mut().enumerate() {
        let h = (j as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let h = (h ^ (h >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let size = 0.5 + 0.5 * (h >> 11) as f64 / (1u64 << 53) as f64;
        *u = if h & 1 == 0 { size } else { -size };
    }
}

/// Looks at both sides of x along `u`, nearer and nearer until both slopes agree. Two evaluations where all is well.
pub fn look(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &mut [f64],
    trial: &mut [f64],
) -> Result<Doubt, Halt> {
    let n = at.x.len();
    for j in 0..n {
        u[j] *= at.free.map_or(1.0, |f| f[j]) * (1.0 + at.x[j].abs());
    }
    let claimed = dot(&at.gradient[..n], &u[..n]);
    let noise = 16.0 * f64::EPSILON * at.value.abs();
    let length = largest(&u[..n]);
    if !(length > 0.0) {
        return Ok(Doubt::None);
    }
    let mut slopes = [0.0; 2];
    let mut seen: Option<f64> = None;
    let mut h = 1e-4;
    for nearer in 0..5 {
        let [up, down] = both_sides(problem, at.x, u, h, trial)?;
        if !(up.is_finite() && down.is_finite()) {
            h *= 0.03;
            continue;
        }
        slopes = [(up - at.value) / h, (at.value - down) / h];
        let slope = 0.5 * (slopes[0] + slopes[1]);
        if (slope - claimed).abs() * h <= 1e-6 * at.scale * h * length + noise {
            if nearer == 0 && up.max(down) < at.value - 4.0 * noise {
                if up < down {
                    (0..n).for_each(|j| trial[j] = at.x[j] + h * u[j]);
                }
                return Ok(Doubt::Lower(up.min(down)));
            }
            return Ok(Doubt::None);
        }
        let steady =
            (slopes[0] - slopes[1]).abs() <= 0.1 * slope.abs() && slope.abs() * h > 8.0 * noise;
        let flat = slopes[0].abs().max(slopes[1].abs()) < 0.1 * claimed.abs()
            && claimed.abs() * h > 1e-6 * at.value.abs();
        if steady || flat {
            if (slope - claimed).abs() <= 0.2 * slope.abs().max(claimed.abs()) {
                return Ok(Doubt::None);
            }
            // Said only where two steps tell the same: noise would tell another slope each time.
            let same = |s: f64| {
                (s - slope).abs() <= 0.2 * s.abs().max(slope.abs()).max(0.1 * claimed.abs())
            };
            if seen.is_some_and(same) {
                return Ok(inconsistent(slope, claimed));
            }
            seen = Some(slope);
            h *= 0.3;
            continue;
        }
        seen = None;
        h *= 0.03;
    }
    let jump = (slopes[0] - slopes[1]).abs();
    Ok(if jump * h > noise && jump > 0.1 * at.scale { Doubt::Kink(slopes) } else { Doubt::None })
}

/// The values at x + h u and at x − h u.
fn both_sides(
    problem: &mut Problem<'_>,
    x: &[f64],
    u: &[f64],
    h: f64,
    trial: &mut [f64],
) -> Result<[f64; 2], Halt> {
    let n = x.len();
    let mut values = [0.0; 2];
    for (side, value) in [h, -h].into_iter().zip(&mut values) {
        (0..n).for_each(|j| trial[j] = x[j] + side * u[j]);
        *value = problem.total(&trial[..n])?;
    }
    Ok(values)
}

fn inconsistent(slope: f64, claimed: f64) -> Doubt {
    Doubt::Inconsistent(Status::GradientInconsistent(format!(
        "along one direction the function changes by {slope:.6} a unit where the gradient says {claimed:.6}"
    )))
}

/// What is said of a kink.
pub fn kink(slopes: [f64; 2]) -> Finding {
    Finding {
        kind: "kink",
        severity: Severity::Warning,
        sentence: format!(
            "The function has a kink where the descent came to rest: its slope jumps from {:.3e} to {:.3e} (not smooth).",
            slopes[1], slopes[0]
        ),
        evidence: vec![("slope_before", slopes[1]), ("slope_after", slopes[0])],
        threshold: 0.1,
        remedy: "Smooth the function, or write its |x| part as an l1 penalty.".into(),
    }
}

/// What is said of coordinates whose scales lie far apart.
pub fn bad_scaling(ratio: f64, steep: usize, flat: usize) -> Option<Finding> {
    const THRESHOLD: f64 = 1e6;
    (ratio > THRESHOLD).then(|| Finding {
        kind: "bad_scaling",
        severity: Severity::Note,
        sentence: format!(
            "The function bends {ratio:.1e} times as much along x[{steep}] as along x[{flat}] (bad scaling)."
        ),
        evidence: vec![("ratio", ratio), ("steepest", steep as f64), ("flattest", flat as f64)],
        threshold: THRESHOLD,
        remedy: format!("Measure x[{steep}] in a smaller unit, or x[{flat}] in a larger one."),
    })
}
