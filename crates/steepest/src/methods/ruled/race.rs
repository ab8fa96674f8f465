//! Eight rates race over a fifth of the budget; the winner keeps its weights and goes on (successive halving).
//!
//! Jamieson and Talwalkar 2016, <https://arxiv.org/abs/1502.07943>; each arm's second half decays, so that slow
//! starters are not dropped for their noise.
use super::batch_step::batch_step;
use super::chain_state::ChainState;
use super::{Ruled, within};
use crate::numbers::random::Random;
use crate::problem::Problem;
use crate::status::Halt;

/// What terms are drawn for beside batches.
const PROBE: u32 = 2;
const RACE: u32 = 3;

const ARMS: usize = 8;
const ROUNDS: u32 = 3;
/// The part of the budget that a race takes.
const PART: f64 = 0.2;
/// Batches that arms are judged by.
const PROBES: usize = 4;

struct Arm {
    rate: f64,
    x: Vec<f64>,
    memory: ChainState,
    score: f64,
    /// Steps taken.
    steps: u64,
}

/// Sets the rate and moves x to where its winner stands; the part of the budget that was spent.
pub(super) fn race(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &mut [f64],
    terms: usize,
) -> Result<f64, Halt> {
    let size = r.plan.batch;
    let all = r.plan.epochs as f64 * terms.div_ceil(size) as f64;
    let length = ((all * PART / (ARMS as f64 * f64::from(ROUNDS))) as u64).max(4);
    let probe = draw(r, terms, PROBE, 0, PROBES * size);
    let mut room = vec![0.0; x.len()];
    let top = highest(r, problem, x, &probe, &mut room)?;
    let mut arms: Vec<Arm> = (0..ARMS)
        .map(|k| Arm {
            rate: top * 10f64.powf(-0.5 * k as f64),
            x: x.to_vec(),
            memory: r.mover.save(),
            score: f64::INFINITY,
            steps: 0,
        })
        .collect();
    let mut spent = 0;
    for round in 0..ROUNDS {
        let steps = length << round;
        for arm in &mut arms {
            spent += steps;
            run(r, problem, arm, steps, &mut room)?;
            let value = problem.batch(&probe, &arm.x, &mut room)?;
            arm.score = value + problem.added_gradient(&arm.x, &mut room);
        }
        let key = |a: &Arm| if a.score.is_finite() { a.score } else { f64::INFINITY };
        arms.sort_by(|a, b| key(a).total_cmp(&key(b)));
        arms.truncate(arms.len() / 2);
    }
    let winner = &arms[0];
    r.rate = winner.rate;
    if winner.score.is_finite() {
        x.copy_from_slice(&winner.x);
        r.mover.restore(&winner.memory);
    }
    Ok((spent as f64 / all).min(0.9))
}

/// Terms for a use of their own.
fn draw(r: &Ruled, terms: usize, stream: u32, block: u32, count: usize) -> Vec<u32> {
    let mut random = Random::new(r.plan.seed, stream, 0, block);
    (0..count.min(terms)).map(|_| random.below(terms as u32)).collect()
}

/// The largest rate, by factors of 4, whose first step lowers the loss of the probe.
fn highest(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &[f64],
    probe: &[u32],
    room: &mut [f64],
) -> Result<f64, Halt> {
    let mut gradient = vec![0.0; x.len()];
    let start = problem.batch(probe, x, &mut gradient)? + problem.added_gradient(x, &mut gradient);
    let mut lowers = |r: &mut Ruled, problem: &mut Problem<'_>, rate: f64| -> Result<bool, Halt> {
        let mut to = x.to_vec();
        r.mover.advance(rate, start, &mut to, &gradient, |x| within(problem, x));
        r.mover.clear();
        let value = problem.batch(probe, &to, room)? + problem.added_gradient(&to, room);
        Ok(value < start)
    };
    let mut rate = r.rule().rate;
    let up = lowers(r, problem, rate)?;
    for _ in 0..40 {
        let next = if up { rate * 4.0 } else { rate / 4.0 };
        if lowers(r, problem, next)? != up {
            return Ok(if up { rate } else { next });
        }
        rate = next;
    }
    Ok(rate)
}

/// A round of one arm; the second half of its steps falls to a twentieth of the rate.
fn run(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    arm: &mut Arm,
    steps: u64,
    room: &mut [f64],
) -> Result<(), Halt> {
    let terms = problem.offers().terms;
    r.mover.restore(&arm.memory);
    for k in 0..steps {
        let late = (2.0 * k as f64 / steps as f64 - 1.0).max(0.0);
        // All arms see the same batches.
        let named = draw(r, terms, RACE, (arm.steps + k) as u32, r.plan.batch);
        let rate = arm.rate * (1.0 - 0.95 * late);
        let (value, _) = batch_step(r, problem, &mut arm.x, (&named, 1.0), rate, room)?;
        if !value.is_finite() {
            break;
        }
    }
    arm.steps += steps;
    arm.memory = r.mover.save();
    Ok(())
}
