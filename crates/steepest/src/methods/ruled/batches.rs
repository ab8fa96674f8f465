//! A rule over batches: a step of the method is an epoch, at whose end the whole objective is looked at.
use super::batch_step::batch_step;
use super::race::race;
use super::{Plan, Ruled, Way};
use crate::method::Step;
use crate::methods::sampler::Sampler;
use crate::problem::Problem;
use crate::status::{Budget, Halt, Status};

/// Where batches grow: once the noise of their gradients is as large as the gradient of all terms, the mean square of theirs
/// is twice its square (Byrd, Chin, Nocedal and Wu 2012).
const NOISY: f64 = 2.0;

/// Where a run over batches stands.
#[derive(Default)]
pub(super) struct Batches {
    sampler: Sampler,
    /// Epochs to go through, less those that the race for the rate took.
    epochs: u64,
    /// Values at the ends of the epochs.
    ends: Vec<f64>,
    /// Room for a batch's gradient.
    gradient: Vec<f64>,
}

crate::state!(Batches { sampler, epochs, ends } but gradient);

impl Batches {
    pub fn start(
        r: &mut Ruled,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        terms: usize,
    ) -> Result<Self, Halt> {
        let Plan { sampling, batch, seed, .. } = r.plan;
        let sampler = Sampler::new(sampling, batch, terms, seed, false);
        let mut raced = 0.0;
        if r.plan.rate.is_none() {
            r.plan.falling();
            if r.mover.all(|rule| rule.tunes_itself) {
                r.rate = r.rule().falling_rate;
            } else {
                raced = race(r, problem, x, terms)?;
                r.value = problem.total_gradient(x, &mut r.gradient)?;
            }
        }
        Ok(Batches {
            sampler,
            epochs: (r.plan.epochs as f64 * (1.0 - raced)).round().max(1.0) as u64,
            ends: vec![r.start],
            gradient: Vec::new(),
        })
    }
    /// What was loaded, of so many terms.
    pub fn again(&mut self, plan: &Plan, terms: usize) -> Result<(), Halt> {
        self.sampler.again(plan.sampling, terms, plan.seed, false)
    }
}

/// One epoch; the last rate, and the mean squared length of the batches' gradients.
fn epoch(
    r: &mut Ruled,
    problem: &mut Problem<'_>,
    x: &mut [f64],
    sampler: &mut Sampler,
    gradient: &mut [f64],
    epochs: u64,
) -> Result<(f64, f64), Halt> {
    sampler.begin();
    let (mut rate, mut square, steps) = (r.rate, 0.0, sampler.batches());
    for turn in 0..steps {
        let behind = (sampler.epoch - 1) as f64 + turn as f64 / steps as f64;
        rate = r.scheduled(behind / epochs.min(problem.stop().iterations) as f64)?;
        r.taken += 1;
        let batch = sampler.batch(turn);
        let (place, weight) = (batch.place, batch.weight);
        let (value, length) = batch_step(r, problem, x, (batch.terms, weight), rate, gradient)?;
        sampler.saw(place, length.sqrt() / weight);
        square += length / steps as f64;
        if !value.is_finite() {
            break;
        }
    }
    Ok((rate, square))
}

pub(super) fn step(r: &mut Ruled, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
    let Way::Batches(b) = &mut r.way else { unreachable!("only batches come here") };
    let (mut sampler, epochs) = (std::mem::take(&mut b.sampler), b.epochs);
    let mut gradient = std::mem::take(&mut b.gradient);
    gradient.resize(x.len(), 0.0);
    let begun = sampler.epoch;
    r.look();
    let done = epoch(r, problem, x, &mut sampler, &mut gradient, epochs);
    let Way::Batches(b) = &mut r.way else { unreachable!("only batches come here") };
    (b.sampler, b.gradient) = (sampler, gradient);
    // An epoch that is broken off is gone through again.
    if done.is_err() {
        b.sampler.epoch = begun;
    }
    let (rate, square) = done?;
    r.value = problem.total_gradient(x, &mut r.gradient)?;
    r.still.look(problem, x, &r.gradient, r.value);
    r.least = r.least.min(r.value);
    let Way::Batches(b) = &mut r.way else { unreachable!("only batches come here") };
    b.ends.push(r.value);
    let ended = b.sampler.epoch >= b.epochs;
    let whole = r.gradient.iter().map(|g| g * g).sum::<f64>();
    let noisy = ended && flat(&b.ends) && whole < square;
    if r.plan.growing && square > NOISY * whole {
        b.sampler.grow(((square / whole).sqrt() as usize).clamp(2, 8));
    }
    let mut step = r.still.step(problem, r.value, r.start, rate, ended);
    if !r.value.is_finite() || r.value > r.start + 1e3 * (r.start - r.least + r.start.abs()) {
        step.verdict = Some(Status::Diverged);
    } else if ended && step.verdict.is_none() {
        step.verdict =
            Some(if noisy { Status::NoiseFloor } else { Status::Budget(Budget::Epochs) });
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
