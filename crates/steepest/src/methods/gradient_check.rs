//! Doubting a gradient and a claim: does the function do what the gradient says, and is nothing lower near by?
use crate::health::{Finding, Severity};
use crate::linalg::vectors::{dot, largest};
use crate::problem::Problem;
use crate::status::{Halt, Status};
pub use below::{TRIED, below, below_along};
pub use curved::curved;
pub use gap::{Gap, beyond, gap};
pub use hull::{Hull, hull};
pub use kinked::{Come, closed_in, kinked};
use sides::{Seen, sides};
pub use unmet::unmet;

mod below;
mod curved;
mod gap;
mod hull;
mod kinked;
mod sides;
mod unmet;

/// As many saddles are left before lower points at a distance are no ground for doubt any more.
pub const SADDLES: u32 = 5;

/// A decrease by so many times the noise (its deviation) is seen for certain; of what is less, steps find nothing. A look
/// around follows what is lower by 4 times it: to be wrong there costs a few values, and here a claim.
pub const HIDES: f64 = 16.0;

/// Where the function is found to lead lower still.
pub enum Doubt {
    /// No ground for any.
    None,
    /// The gradient is not the function's.
    Inconsistent(Status),
    /// The value is lower than the gradient could foretell: a saddle, a maximum, a metric that knew too little.
    /// The lower point is in the vector given.
    Lower,
    /// The slopes on both sides differ however near one looks: a kink.
    Kink([f64; 2]),
    /// Nothing moves near by, but further off it does, or there is no value near by: slopes tell nothing of such a function.
    Stairs,
}

/// The objective at rest at x: value and gradient as the method knows them.
pub struct Known<'a> {
    /// The point.
    pub x: &'a [f64],
    /// F there.
    pub value: f64,
    /// Its gradient there.
    pub gradient: &'a [f64],
    /// How far each coordinate has to go to make a difference: see [`lengths`].
    pub lengths: &'a [f64],
    /// How far a coordinate can go, up (for a number above 0) or down.
    pub room: &'a dyn Fn(usize, f64) -> f64,
    /// A decrease so small that it does not matter to what is claimed.
    pub enough: f64,
    /// One that does not matter beside F itself: what a slope is held against.
    pub small: f64,
    /// Whether the gradient was given, and not differenced from the values.
    pub given: bool,
    /// Whether the gradient is to be looked at ahead of x too (one evaluation of it).
    pub ahead: bool,
    /// Whether nothing is known of the curvature: then lengths are guesses, and much shorter ones are tried too.
    pub blind: bool,
}

/// What a look along a way saw first, at [`NEAR`] of it.
#[derive(Default)]
pub struct Front {
    /// The gradient ahead, where it was asked for.
    pub gradient: Vec<f64>,
    /// What F rose by on both sides together.
    pub rise: f64,
}

/// Room without end.
pub fn endless(_: usize, _: f64) -> f64 {
    f64::INFINITY
}

/// How far each coordinate of x can go down and up within the penalty's bounds, where it has some.
pub fn room(problem: &Problem<'_>, x: &[f64]) -> Vec<[f64; 2]> {
    let bounded = problem.penalty().offers().bounds;
    let one = |(j, x): (usize, &f64)| {
        let (low, high) =
            if bounded { problem.penalty().bounds(j) } else { (f64::NEG_INFINITY, f64::INFINITY) };
        let l = problem.units().length(j);
        [x - low / l, high / l - x]
    };
    x.iter().enumerate().map(one).collect()
}

/// Whether the user gave a gradient that can be doubted cheaply (not differenced, not a read of a table).
pub fn doubtful(problem: &Problem<'_>) -> bool {
    problem.offers().differences == 0 && cheap(problem)
}

/// Whether a value costs no read of a table.
pub fn cheap(problem: &Problem<'_>) -> bool {
    problem.offers().scalable
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

/// Another one: every second sign is turned.
pub fn scattered_else(n: usize, to: &mut [f64]) {
    scattered(n, to);
    to[..n].iter_mut().skip(1).step_by(2).for_each(|u| *u = -*u);
}

/// Turns u the way that each coordinate has gone: steps that came from one side have not seen what lies beyond.
pub fn onward(from: &[f64], to: &[f64], u: &mut [f64]) {
    for ((u, from), to) in u.iter_mut().zip(from).zip(to) {
        if to != from {
            *u = u.abs().copysign(to - from);
        }
    }
}

/// How far each coordinate has to go to change F by about `size`: by the metric D (inverse curvatures, NaN where not
/// known), else by the coordinate's own size, its room, or its slope. As much further as `span` asks for.
pub fn lengths(
    metric: &[f64],
    x: &[f64],
    g: &[f64],
    [size, span]: [f64; 2],
    room: &dyn Fn(usize, f64) -> f64,
) -> Vec<f64> {
    // Guessed ones too: else what is known of one coordinate would hide what another does.
    let longer = if size > 0.0 { (span / size).sqrt() } else { 1.0 };
    let one = |j: usize| {
        let own = x[j].abs();
        let width = room(j, 1.0) + room(j, -1.0);
        let by_curvature = (metric[j] * size).sqrt();
        let by_slope = size / g[j].abs();
        // A coordinate that happens to be next to 0 tells nothing of its size.
        let step = if by_slope.is_normal() { by_slope.min(1.0) } else { 1.0 };
        let natural = if own > 1e-6 * step { own } else { step };
        let length = if by_curvature.is_normal() { by_curvature.max(1e-6 * own) } else { natural };
        (longer * length).min(if width > 0.0 { width } else { f64::INFINITY })
    };
    (0..x.len()).map(one).collect()
}

/// The first step to both sides, in lengths.
pub const NEAR: f64 = 1e-4;

/// Looks at both sides of x along `u` (in lengths), nearer and nearer until both slopes agree. Where all is well that
/// takes two values, and one gradient if it is looked at ahead. What is found must stand out from the noise of F.
pub fn look(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &mut [f64],
    trial: &mut [f64],
) -> Result<Doubt, Halt> {
    look_ahead(problem, at, u, trial, &mut Front::default())
}

/// The same, which leaves in `front` what was seen at x ± [`NEAR`] u.
pub fn look_ahead(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &mut [f64],
    trial: &mut [f64],
    front: &mut Front,
) -> Result<Doubt, Halt> {
    let n = at.x.len();
    for j in 0..n {
        // Where a bound is near, as far as there is room on both sides.
        let least = (at.room)(j, 1.0).min((at.room)(j, -1.0));
        u[j] *= at.lengths[j].min(least / NEAR);
    }
    let claimed = dot(&at.gradient[..n], &u[..n]);
    if !(largest(&u[..n]) > 0.0 && claimed.is_finite()) {
        return Ok(Doubt::None);
    }
    let rounding = 16.0 * f64::EPSILON * at.value.abs();
    let seen = sides(problem, at, u, [claimed, rounding], trial, front)?;
    if matches!(seen, Seen::Nothing) {
        return Ok(Doubt::None);
    }
    if let Seen::Kink(slopes) = seen {
        return Ok(Doubt::Kink(slopes));
    }
    if matches!(seen, Seen::Stairs) {
        return Ok(Doubt::Stairs);
    }
    if let Seen::Far(h) = seen {
        step(at, u, h, trial);
        return Ok(Doubt::Lower);
    }
    let over = match seen {
        Seen::Lower(_, h) | Seen::Beneath(_, h) | Seen::Other(_, h) | Seen::Ahead(_, h) => {
            h.abs().min(1.0)
        }
        _ => NEAR,
    };
    let noise = 4.0 * noise(problem, at, over, trial)?;
    match seen {
        Seen::Lower(value, h) if value < at.value - noise => {
            step(at, u, h, trial);
            Ok(Doubt::Lower)
        }
        // Noise that is no more than what differences hide is not followed.
        Seen::Beneath(value, h) if value < at.value - 4.0 * noise => {
            step(at, u, h, trial);
            Ok(Doubt::Lower)
        }
        Seen::Other(off, h)
            if off * h > noise
                && further(problem, at, u, h, claimed, trial)?
                && !nearer(problem, at, u, h, [claimed, noise], trial)? =>
        {
            accuse(problem, at, u, h, trial).map(Doubt::Inconsistent)
        }
        Seen::Ahead(off, h) if off * h > 10.0 * noise => {
            step(at, u, h, trial);
            let x: Vec<f64> = trial[..n].to_vec();
            let mut gradient = vec![0.0; n];
            let value = problem.total_gradient(&x, &mut gradient)?;
            let there = Known { x: &x, value, gradient: &gradient, ..*at };
            let claimed = dot(&gradient, &u[..n]);
            if !further(problem, &there, u, 0.3 * h, claimed, trial)?
                || nearer(problem, &there, u, 0.3 * h, [claimed, noise], trial)?
            {
                return Ok(Doubt::None);
            }
            accuse(problem, &there, u, 0.3 * h, trial).map(Doubt::Inconsistent)
        }
        _ => Ok(Doubt::None),
    }
}

/// The same along each coordinate, of many the first: at the lowest point of a line its slopes along that line say nothing.
pub fn look_along_each(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    trial: &mut [f64],
) -> Result<Doubt, Halt> {
    let mut u = vec![0.0; at.x.len()];
    for j in 0..u.len().min(TRIED) {
        u.fill(0.0);
        u[j] = 1.0;
        let found = look(problem, at, &mut u, trial)?;
        if matches!(found, Doubt::Inconsistent(_) | Doubt::Lower) {
            return Ok(found);
        }
    }
    Ok(Doubt::None)
}

/// Whether longer steps tell of another slope than the one claimed, and all of the same one: how values are rounded
/// (plateaus and sawteeth where large terms cancel) looks steep only as long as steps are short.
fn further(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    h: f64,
    claimed: f64,
    trial: &mut [f64],
) -> Result<bool, Halt> {
    let mut told = None::<f64>;
    for h in [h, 10.0 * h, 1e2 * h] {
        let [up, down] = both_sides(problem, at, u, h, trial)?;
        let slope = (up - down) / (2.0 * h);
        let off = (slope - claimed).abs();
        if !(off > 0.1 * slope.abs().max(claimed.abs())) {
            return Ok(false);
        }
        if told.is_some_and(|t| (slope - t).abs() > 0.5 * off.max((t - claimed).abs())) {
            return Ok(false);
        }
        told = Some(slope);
    }
    Ok(true)
}

/// Whether shorter steps, down to what noise hides, come to the slope claimed after all: over a longer one F has turned
/// back, as a wave does, and the mean of that is no slope.
fn nearer(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    mut h: f64,
    [claimed, noise]: [f64; 2],
    trial: &mut [f64],
) -> Result<bool, Halt> {
    for _ in 0..4 {
        h *= 0.1;
        if !(claimed.abs() * h > 10.0 * noise) {
            return Ok(false);
        }
        let [up, down] = both_sides(problem, at, u, h, trial)?;
        let slope = (up - down) / (2.0 * h);
        if (slope - claimed).abs() <= 0.1 * slope.abs().max(claimed.abs()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// x + h u, within its room.
fn step(at: &Known<'_>, u: &[f64], h: f64, trial: &mut [f64]) {
    for (j, x) in at.x.iter().enumerate() {
        let by = h * u[j];
        trial[j] = within(*x, by, (at.room)(j, by));
    }
}

/// Whether F is another at either end of `u`, in lengths.
pub fn moves(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &mut [f64],
    trial: &mut [f64],
) -> Result<bool, Halt> {
    u.iter_mut().zip(at.lengths).for_each(|(u, l)| *u *= l);
    let [up, down] = both_sides(problem, at, u, 1.0, trial)?;
    Ok(up != at.value || down != at.value)
}

/// x + by, or as far as there is room: less by what rounding might add to it.
fn within(x: f64, by: f64, room: f64) -> f64 {
    if by.abs() < room {
        return x + by;
    }
    let most = room - 4.0 * f64::EPSILON * (room + x.abs());
    if most > 0.0 { x + most.copysign(by) } else { x }
}

/// The values at x + h u and at x − h u.
fn both_sides(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    h: f64,
    trial: &mut [f64],
) -> Result<[f64; 2], Halt> {
    let mut values = [0.0; 2];
    for (side, value) in [h, -h].into_iter().zip(&mut values) {
        step(at, u, side, trial);
        *value = problem.total(&trial[..at.x.len()])?;
    }
    Ok(values)
}

/// Which entry it is, by halves: two values for each.
fn accuse(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    u: &[f64],
    h: f64,
    trial: &mut [f64],
) -> Result<Status, Halt> {
    let n = at.x.len();
    let mut suspects: Vec<usize> = (0..n).filter(|j| u[*j] != 0.0).collect();
    let mut part = vec![0.0; n];
    let mut found = (f64::NAN, f64::NAN);
    loop {
        let mut worst: Option<(f64, Vec<usize>)> = None;
        for half in suspects.chunks(suspects.len().div_ceil(2).max(1)) {
            part.fill(0.0);
            half.iter().for_each(|j| part[*j] = u[*j]);
            let [up, down] = both_sides(problem, at, &part, h, trial)?;
            let (slope, claimed) = ((up - down) / (2.0 * h), dot(at.gradient, &part));
            let off = (slope - claimed).abs();
            if off.is_finite() && worst.as_ref().is_none_or(|w| off > w.0) {
                worst = Some((off, half.to_vec()));
                found = (slope, claimed);
            }
        }
        let Some((_, half)) = worst else { break };
        let last = suspects.len() <= 2;
        suspects = half;
        if last || suspects.len() < 2 {
            break;
        }
    }
    let [j] = suspects[..] else {
        return Ok(Status::GradientInconsistent(
            "the function changes by other than the gradient says".into(),
        ));
    };
    let unit = problem.units().value() / (u[j] * problem.units().length(j));
    let (slope, claimed) = (found.0 * unit, found.1 * unit);
    Ok(Status::GradientInconsistent(format!(
        "entry {j}: the function changes by {slope:.6e} a unit where the gradient says {claimed:.6e}"
    )))
}

/// The noise of F around x, by differences of seven values along a line (Hamming's table, as Moré and Wild 2011 read
/// it): at first so near, beside what is looked at `over` so many lengths, that nothing but noise and steps of storage
/// differ, then as far as F changes at all.
pub fn noise(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    over: f64,
    trial: &mut [f64],
) -> Result<f64, Halt> {
    const POINTS: usize = 7;
    let n = at.x.len();
    let mut u = vec![0.0; n];
    scattered(n, &mut u);
    (0..n).for_each(|j| u[j] *= at.lengths[j]);
    for h in [1e-3, 1e-1, 10.0].map(|share| share * over) {
        let mut table = [0.0; POINTS];
        table[0] = at.value;
        for (k, value) in table.iter_mut().enumerate().skip(1) {
            step(at, &u, h * k as f64, trial);
            *value = problem.total(&trial[..n])?;
        }
        if table.iter().any(|v| !v.is_finite()) {
            return Ok(0.0);
        }
        if table.iter().all(|v| *v == at.value) {
            continue;
        }
        // Fourth differences: what is smooth is gone, noise of size σ has grown to σ √(8! / 4!²).
        for level in 1..=4 {
            (0..POINTS - level).for_each(|k| table[k] = table[k + 1] - table[k]);
        }
        let most = largest(&table[..POINTS - 4]);
        let mean = table[..POINTS - 4].iter().map(|d| (d / most).powi(2)).sum::<f64>()
            / (POINTS - 4) as f64;
        return Ok(if most > 0.0 { most * (mean / 70.0).sqrt() } else { 0.0 });
    }
    Ok(0.0)
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
