//! A rule over the whole objective, step by step.
use super::{Plan, Ruled, Way};
use crate::method::Step;
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// Where a full-batch run stands.
pub(super) struct Full {
    /// The rate was given, so it stays as it is.
    pub given: bool,
    /// A step has been taken back, so the rate is about right.
    found: bool,
    /// The last values: a step may go up as far as the highest of them.
    recent: Vec<f64>,
    /// Steps in a row that went up.
    rising: u32,
    /// Steps since the least value.
    stuck: u32,
}

crate::state!(Full { given, found, recent, rising, stuck });

/// Values looked back at by rules with memory, which do not go down at every step.
const LOOK_BACK: usize = 5;
/// Steps taken back in a row before the rule is said to be stuck.
const PATIENCE: u32 = 60;

impl Full {
    pub fn new(plan: &Plan) -> Self {
        Full { given: plan.rate.is_some(), found: false, recent: Vec::new(), rising: 0, stuck: 0 }
    }
}

/// Settles the first rate: one that moves the farthest coordinate by a thousandth of its size.
pub(super) fn start(r: &mut Ruled, problem: &mut Problem<'_>, x: &[f64]) -> Result<(), Halt> {
    if let Way::Full(full) = &mut r.way {
        full.recent = vec![r.value];
        if full.given {
            return Ok(());
        }
    }
    let rule = r.rule();
    if !r.mover.all(|rule| rule.searched) {
        // Its steps (or those of one of several) do not depend on the rate after the first.
        r.rate = rule.rate;
        return Ok(());
    }
    let mut to = x.to_vec();
    r.advance(problem, 1.0, &mut to)?;
    r.mover.clear();
    let far = |v: &mut dyn Iterator<Item = f64>| v.fold(0.0f64, |m, v| m.max(v.abs()));
    let size = far(&mut x.iter().copied()).max(1.0);
    let moved = far(&mut to.iter().zip(x).map(|(a, b)| a - b));
    r.rate = if moved > 0.0 && moved.is_finite() { 1e-3 * size / moved } else { rule.rate };
    Ok(())
}

pub(super) fn step(r: &mut Ruled, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
    let Way::Full(full) = &r.way else { unreachable!("only full batches come here") };
    let free = !full.given && r.mover.all(|rule| rule.searched);
    r.look();
    if free { search(r, problem, x) } else { fixed(r, problem, x) }
}

/// The rate is given: one step, for better or worse.
fn fixed(r: &mut Ruled, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
    let done = problem.counts().iterations as f64 / problem.stop().iterations as f64;
    let rate = r.scheduled(done)?;
    let before = r.value;
    r.advance(problem, rate, x)?;
    r.taken += 1;
    r.value = problem.total_gradient(x, &mut r.gradient)?;
    r.still.look(problem, x, &r.gradient, r.value);
    let mut step = r.still.step(problem, r.value, r.start, rate, false);
    let fall = r.start - r.least;
    r.least = r.least.min(r.value);
    let Way::Full(full) = &mut r.way else { unreachable!("only full batches come here") };
    full.rising = if r.value > before { full.rising + 1 } else { 0 };
    let far = r.value > r.start + 1e3 * (fall + r.start.abs());
    if !r.value.is_finite()
        || (full.rising >= 5 && far)
        || far && r.value > 1e12 * (1.0 + r.start.abs())
    {
        step.verdict = Some(Status::Diverged);
    }
    Ok(step)
}

/// The rate finds itself: a step that goes up is taken back and the rate halved; after a second one the rule
/// forgets what it remembers, so that it goes down the gradient again.
fn search(r: &mut Ruled, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
    let done = problem.counts().iterations as f64 / problem.stop().iterations as f64;
    let (memory, x0, g0, value0) = (r.mover.save(), x.to_vec(), r.gradient.clone(), r.value);
    let (mut rejected, mut blocked) = (0, false);
    loop {
        let Way::Full(full) = &r.way else { unreachable!("only full batches come here") };
        // A rule without memory goes down at every step.
        let highest = full.recent.iter().fold(value0, |m, &v| m.max(v));
        let limit = if rejected >= 2 { value0 } else { highest };
        let rate = r.scheduled(done)?;
        r.advance(problem, rate, x)?;
        r.value = problem.total_gradient(x, &mut r.gradient)?;
        if r.value <= limit && !blocked && x == &x0[..] {
            // Between bounds what a rule remembers may push against them alone: down the gradient again.
            blocked = true;
            r.mover.clear();
            continue;
        }
        if r.value <= limit {
            return Ok(accept(r, problem, x, rate, value0, rejected));
        }
        rejected += 1;
        let finite = r.value.is_finite();
        let still = x.iter().zip(&x0).all(|(a, b)| (a - b).abs() <= 1e-16 * b.abs());
        x.copy_from_slice(&x0);
        r.gradient.copy_from_slice(&g0);
        r.value = value0;
        r.mover.restore(&memory);
        if rejected >= 2 {
            r.mover.clear();
        }
        r.rate *= if finite { 0.5 } else { 0.1 };
        if rejected >= PATIENCE || (still && rejected > 2) {
            return Ok(stuck(r, problem, rate));
        }
    }
}

fn accept(
    r: &mut Ruled,
    problem: &Problem<'_>,
    x: &[f64],
    rate: f64,
    before: f64,
    rejected: u32,
) -> Step {
    r.taken += 1;
    r.still.look(problem, x, &r.gradient, r.value);
    let look_back = if r.mover.remembers() { LOOK_BACK } else { 1 };
    let lower = r.value < r.least;
    r.least = r.least.min(r.value);
    let Way::Full(full) = &mut r.way else { unreachable!("only full batches come here") };
    full.found |= rejected > 0;
    full.stuck = if lower { 0 } else { full.stuck + 1 };
    if full.recent.len() >= look_back {
        full.recent.remove(0);
    }
    full.recent.push(r.value);
    r.rate *= if full.found { 1.1 } else { 2.0 };
    let idle = full.stuck > 20 + 2 * PATIENCE || (r.value == before && full.stuck > 20);
    let step = r.still.step(problem, r.value, r.start, rate, false);
    if idle && step.verdict.is_none() { stuck(r, problem, rate) } else { step }
}

/// No step goes down.
fn stuck(r: &Ruled, problem: &Problem<'_>, rate: f64) -> Step {
    let mut step = r.still.step(problem, r.value, r.start, rate, true);
    // Whether that is the arithmetic's doing is judged with a look around.
    step.verdict.get_or_insert(Status::Plateau);
    step
}
