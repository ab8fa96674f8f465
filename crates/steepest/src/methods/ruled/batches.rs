//! A rule over batches: a step of the method is an epoch, at whose end the whole objective is looked at.
use super::race::race;
use super::{Ruled, Way, within};
use crate::problem::Problem;
use crate::status::{Budget, Halt, Status};
use crate::method::Step;
use crate::random::Random;

/// What batches are drawn for.
pub(super) const EPOCHS: u32 = 1;
pub(super) const PROBE: u32 = 2;
pub(super) const RACE: u32 = 3;

/// Where a run over batches stands.
#[derive(Default)]
pub(super) struct Batches {
    /// The order of the terms in this epoch.
    order: Vec<u32>,
    epoch: u64,
    /// Epochs to go through, less those that the race for the rate took.
    epochs: u64,
    /// Values at the ends of the epochs.
    ends: Vec<f64>,
    /// Room for a batch's gradient.
    gradient: Vec<f64>,
}

// The order is drawn anew for each epoch, from its number and the seed.
crate::state!(Batches { epoch, epochs, ends } but order, gradient);

impl Batches {
    pub fn start(
        r: &mut Ruled,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        terms: usize,
    ) -> Result<Self, Halt> {
        let mut raced = 0.0;
        if r.plan.rate.is_none() {
            r.plan.falling();
            if r.rule().tunes_itself {
                r.rate = r.rule().falling_rate;
            } else {
                raced = race(r, problem, x, terms)?;
                r.value = problem.total_gradient(x, &mut r.gradient)?;
            }
        }
        Ok(Batches {
            order: Vec::new(),
            epoch: 0,
            epochs: (r.plan.epochs as f64 * (1.0 - raced)).round().max(1.0) as u64,
            ends: vec![r.start],
            gradient: Vec::new(),
        })
    }
}

/// One step of the rule on the terms named; the value of the batch and the squared length of its gradient.
pub(super) fn one(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &mut [f64],
    named: &[u32],
    rate: f64,
    gradient: &mut [f64],
) -> Result<(f64, f64), Halt> {
    let stand = r.mover.stand(x);
    let value = problem.batch(named, &stand, gradient)?;
    let value = value + problem.added_gradient(&stand, gradient);
    let square = gradient.iter().map(|g| g * g).sum();
    if r.mover.asks_twice() {
        let mut place = r.mover.place(rate, value, &stand, gradient);
        within(problem, &mut place);
        problem.batch(named, &place, gradient)?;
        problem.added_gradient(&place, gradient);
    }
    r.mover.advance(rate, value, x, gradient, |x| within(problem, x));
    Ok((value, square))
}

pub(super) fn step(r: &mut Ruled, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
    let Way::Batches(b) = &mut r.way else { unreachable!("only batches come here") };
    let mut order = std::mem::take(&mut b.order);
    let mut gradient = std::mem::take(&mut b.gradient);
    let (epoch, epochs) = (b.epoch, b.epochs);
    order.clear();
    order.extend(0..problem.offers().terms as u32);
    gradient.resize(x.len(), 0.0);
    Random::new(r.plan.seed, EPOCHS, epoch as u32, 0).shuffle(&mut order);
    r.look();
    let size = r.plan.batch.max(1);
    let steps = order.len().div_ceil(size);
    let (mut rate, mut square) = (r.rate, 0.0);
    for (k, named) in order.chunks(size).enumerate() {
        let behind = epoch as f64 + k as f64 / steps as f64;
        rate = r.scheduled(behind / epochs.min(problem.stop.iterations) as f64)?;
        r.taken += 1;
        let (value, length) = one(r, problem, x, named, rate, &mut gradient)?;
        square += length / steps as f64;
        if !value.is_finite() {
            break;
        }
    }
    r.value = problem.total_gradient(x, &mut r.gradient)?;
    r.still.look(problem, x, &r.gradient, r.value);
    r.least = r.least.min(r.value);
    let Way::Batches(b) = &mut r.way else { unreachable!("only batches come here") };
    (b.order, b.gradient, b.epoch) = (order, gradient, epoch + 1);
    b.ends.push(r.value);
    let ended = b.epoch >= b.epochs;
    let noisy = ended && flat(&b.ends) && r.gradient.iter().map(|g| g * g).sum::<f64>() < square;
    let mut step = r.still.step(problem, r.value, r.start, rate, ended);
    if !r.value.is_finite() || r.value > r.start + 1e3 * (r.start - r.least + r.start.abs()) {
        step.verdict = Some(Status::Diverged);
    } else if ended && step.verdict.is_none() {
        step.verdict = Some(if noisy { Status::NoiseFloor } else { Status::Budget(Budget::Epochs) });
    }
    Ok(step)
}

/// Whether the last quarter of the epochs gained less than a thousandth of all that was gained.
fn flat(ends: &[f64]) -> bool {
    let least = |v: &[f64]| v.iter().fold(f64::INFINITY, |m, &v| m.min(v));
    let quarter = ends.len() - ends.len() / 4;
    let (before, all) = (least(&ends[..quarter]), least(ends));
    ends.len() >= 4 && before - all <= 1e-3 * (ends[0] - all)
}
