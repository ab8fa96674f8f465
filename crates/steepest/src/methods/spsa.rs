//! Stochastic approximation by two values a step.
use crate::linalg::vectors::largest;
use crate::method::{Entry, Method, Needs, Step, Takes};
use crate::numbers::random::Random;
use crate::penalty::Steps;
use crate::problem::Problem;
use crate::settings::Described;
use crate::state;
use crate::state::State;
use crate::status::{Halt, Status};

crate::settings! {
    /// Simultaneous perturbation stochastic approximation (SPSA): all variables are perturbed at once, each up or down by
    /// the toss of a coin, and two values tell a slope, g_j = (f(x + cΔ) − f(x − cΔ)) / (2 c Δ_j), however many variables
    /// there are. For functions known by their values only, and those noisy: measured ones, simulated ones. A step that
    /// ends higher than the noise explains is taken back. The noise is that of five values at the start; where there is
    /// noise, steps and perturbations shrink as Spall's gains do, a/(k + A)^0.602 and c/k^0.101; where there is none, by
    /// what is accepted.
    ///
    /// It sees no slope that it could make a claim by: it ends by a budget, at the floor of the noise, or where no step is
    /// accepted any more, and never says that it has converged. Where differences can be taken (no noise, few variables)
    /// other methods are quicker and can say so.
    ///
    /// Spall 1992, <https://doi.org/10.1109/9.119632>; its gains and the blocking of steps: Spall 1998,
    /// <https://doi.org/10.1109/7.705889>.
    "spsa" Spsa {
        /// Pairs of values whose slopes are averaged for a step.
        samples = 1 in 1 => 1048576.0,
        /// How far each variable is perturbed at first: far enough that f changes by more than its noise.
        perturbation = 0.1 in 1e-300 => 1e300,
        /// How far each variable moves at the first step; 0: as far as it is perturbed.
        first = 0.0 in 0.0 => 1e300,
        /// Of the coins.
        seed = 0 in 0 => 9007199254740992.0,
    }
}

/// The row of the registry.
pub(super) const ENTRY: Entry = Entry {
    name: Spsa::<f64>::NAME,
    doc: Spsa::<f64>::DOC,
    parameters: Spsa::<f64>::PARAMETERS,
    needs: Needs { plain: true, penalty: Takes::SmoothOrBounds, ..Needs::GRADIENT },
    suits: |_| None,
    build: |settings| {
        let Spsa { samples, perturbation, first, seed, .. } = Spsa::of(settings);
        let first = if first > 0.0 { first } else { perturbation };
        let samples = samples as u32;
        Box::new(Work { samples, perturbation, first, seed: seed as u64, ..Work::default() })
    },
};

/// The gains' exponents, and the steps that the first gains are for: a tenth of those there may be, so many at most.
const STEPS: f64 = 0.602;
const PERTURBATIONS: f64 = 0.101;
const STABLE: u64 = 100;
/// Values at the start by which the noise is known, and slopes that the first step's length is made of.
const VALUES: usize = 5;
const SLOPES: u32 = 10;
/// Where there is no noise: what an accepted step lengthens the next by, and a refused one shortens it. Where one in five
/// is accepted the length stays (Rechenberg's rule, LONGER · SHORTER⁴ = 1).
const LONGER: f64 = 1.5;
const SHORTER: f64 = 0.903_602_004;
/// The same where there is: one in twenty may be refused by chance, and no step gets longer than the gains say.
const CALMER: f64 = 1.01;
/// Refused steps, one after the other, after which none will be accepted.
const REFUSED: u64 = 200;
/// The length of the first window over which values are averaged; each later one is as long as all before.
const WINDOW: u64 = 100;
/// The stream of random numbers.
const STREAM: u32 = 9;
/// The least perturbation, relative to the variables and to the first: differences of values are rounding below.
const NEAR: f64 = 1e-6;

#[derive(Default)]
struct Work {
    samples: u32,
    perturbation: f64,
    first: f64,
    seed: u64,
    /// Steps begun.
    k: u64,
    value: f64,
    noise: f64,
    /// The gain, before it shrinks, and as it was at first.
    gain: f64,
    calm: f64,
    /// How far each variable moved last.
    moved: f64,
    refused: u64,
    /// Values seen in this window: how many, their mean, and the sum of their squares about it; and those of the last.
    window: Seen,
    last: Seen,
}

state!(Work { k, value: within(-1e300, f64::INFINITY), noise, gain, calm, moved, refused, window, last } but samples, perturbation, first, seed);

/// Values: how many, their mean, and the sum of their squares about it.
#[derive(Clone, Copy, Default)]
struct Seen {
    count: f64,
    mean: f64,
    square: f64,
}

state!(Seen { count, mean, square });

impl Seen {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.square += off * (value - self.mean);
    }
    /// The variance of the mean.
    fn spread(&self) -> f64 {
        self.square / (self.count * (self.count - 1.0).max(1.0))
    }
}

impl Work {
    /// The perturbation in force.
    fn reach(&self, x: &[f64]) -> f64 {
        let c = self.perturbation / (self.k.max(1) as f64).powf(PERTURBATIONS);
        if self.noise > 0.0 {
            c
        } else {
            c.min(self.moved).max(NEAR * largest(x).max(self.perturbation))
        }
    }

    /// The mean of slopes by so many pairs, and of the values of each; none where a value is not finite.
    fn slope(
        &self,
        problem: &mut Problem<'_>,
        x: &[f64],
        pairs: u32,
        to: &mut [f64],
    ) -> Result<Option<f64>, Halt> {
        let c = self.reach(x);
        // Perturbed about the nearest point that has as much room on both sides.
        let room: Vec<(f64, f64)> = (x.iter().enumerate())
            .map(|(j, &x)| {
                let (low, high) = bounds(problem, j);
                let c = c.min(0.5 * (high - low));
                (x.clamp(low + c, (high - c).max(low + c)), c)
            })
            .collect();
        let (mut up, mut down) = (x.to_vec(), x.to_vec());
        let mut mean = 0.0;
        to.fill(0.0);
        for pair in 0..pairs {
            // The coins of a step are its own, so that a run that goes on tosses the same.
            let mut random = Random::new(self.seed, STREAM, self.k as u32, pair);
            let mut bits = 0;
            for (j, (x, c)) in room.iter().enumerate() {
                if j % 32 == 0 {
                    bits = random.next_u32();
                }
                let side = if bits >> (j % 32) & 1 == 1 { *c } else { -c };
                (up[j], down[j]) = (x + side, x - side);
            }
            // But for rounding they are within.
            within(problem, &mut up);
            within(problem, &mut down);
            let (above, below) = (problem.total(&up)?, problem.total(&down)?);
            if !(above - below).is_finite() {
                return Ok(None);
            }
            mean += 0.5 * (above + below) / f64::from(pairs);
            // Where a variable is fixed the two are one, and it stays.
            for (g, (up, down)) in to.iter_mut().zip(up.iter().zip(&down)) {
                *g +=
                    if up == down { 0.0 } else { (above - below) / (up - down) / f64::from(pairs) };
            }
        }
        Ok(Some(mean))
    }

    fn told(&self, verdict: Option<Status>) -> Step {
        Step {
            value: self.value,
            sampled: self.noise > 0.0,
            // Nothing is known of how far it is.
            residual: f64::INFINITY,
            rate: self.moved,
            verdict,
            ..Step::default()
        }
    }

    /// Whether the mean of a window that is full is no lower than that of the one before, but for what is chance.
    fn rests(&mut self, value: f64) -> bool {
        self.window.add(value);
        if self.window.count < WINDOW as f64 || (self.window.count as u64) < self.k / 2 {
            return false;
        }
        let last = std::mem::replace(&mut self.last, std::mem::take(&mut self.window));
        let chance = 2.0 * (last.spread() + self.last.spread()).sqrt();
        last.count > 0.0 && self.last.mean >= last.mean - chance
    }
}

/// The bounds of a variable, where there are some.
fn bounds(problem: &Problem<'_>, j: usize) -> (f64, f64) {
    if problem.penalty().offers().bounds {
        problem.penalty().bounds(j)
    } else {
        (f64::NEG_INFINITY, f64::INFINITY)
    }
}

/// Back into the bounds, where there are some.
fn within(problem: &Problem<'_>, x: &mut [f64]) {
    if !problem.penalty().offers().smooth {
        problem.penalty().prox(x, Steps::Uniform(1.0));
    }
}

impl Method for Work {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        within(problem, x);
        self.moved = self.perturbation;
        let mut seen = Seen::default();
        for _ in 0..VALUES {
            seen.add(problem.total(x)?);
        }
        self.value = seen.mean;
        if !self.value.is_finite() {
            let wrong = Status::NotFinite(format!("the value at the start is {}", self.value));
            return Ok(self.told(Some(wrong)));
        }
        self.noise = (seen.square / (seen.count - 1.0)).sqrt();
        if self.noise <= 4.0 * f64::EPSILON * self.value.abs() {
            (self.noise, self.value) = (0.0, problem.total(x)?);
        }
        let mut g = vec![0.0; x.len()];
        let mut typical = 0.0;
        for pair in 0..SLOPES {
            // Steps are numbered from 1: these are other coins.
            self.k = u64::from(u32::MAX - pair);
            let known = self.slope(problem, x, 1, &mut g)?;
            typical += if known.is_some() { largest(&g) / f64::from(SLOPES) } else { 0.0 };
        }
        self.k = 0;
        let stable = (problem.stop().iterations / 10).min(STABLE) as f64;
        let gain = self.first * (1.0 + stable).powf(STEPS) / typical;
        self.gain = if gain.is_finite() { gain } else { 1.0 };
        self.calm = self.gain;
        Ok(self.told(None))
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut g = vec![0.0; x.len()];
        // A step that is broken off is gone through again, with the same coins.
        self.k += 1;
        let known = self.slope(problem, x, self.samples, &mut g).inspect_err(|_| self.k -= 1)?;
        let stable = (problem.stop().iterations / 10).min(STABLE) as f64;
        let k = if self.noise > 0.0 { self.k } else { 1 };
        let rate = self.gain / (k as f64 + stable).powf(STEPS);
        let mut there: Vec<f64> = x.iter().zip(&g).map(|(x, g)| x - rate * g).collect();
        within(problem, &mut there);
        let value = problem.total(&there).inspect_err(|_| self.k -= 1)?;
        // Against values that were just seen: an old one that was low by chance would refuse all that follow.
        let here = if self.noise > 0.0 { known.unwrap_or(self.value) } else { self.value };
        let chance = 2.0 * self.noise * (1.0 + 0.5 / f64::from(self.samples)).sqrt();
        let accepted = known.is_some() && there != x && value <= here + chance;
        let (longer, most) =
            if self.noise > 0.0 { (CALMER, self.calm) } else { (LONGER, f64::INFINITY) };
        if accepted {
            let by: Vec<f64> = x.iter().zip(&there).map(|(x, there)| there - x).collect();
            self.moved = largest(&by);
            x.copy_from_slice(&there);
            self.value = value;
            self.refused = 0;
            self.gain = (self.gain * longer).min(most);
        } else {
            self.refused += 1;
            self.moved *= SHORTER;
            self.gain *= SHORTER;
        }
        let verdict = if self.value == f64::NEG_INFINITY || self.value < -1e300 {
            Some(Status::Unbounded)
        } else if self.noise > 0.0 && known.is_some_and(|mean| self.rests(mean)) {
            Some(Status::NoiseFloor)
        } else {
            (self.refused >= REFUSED && self.noise == 0.0).then_some(Status::Plateau)
        };
        Ok(self.told(verdict))
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    /// Of values with noise the lowest is the luckiest, not the best: where it ends is what comes of it.
    fn monotone(&self) -> bool {
        true
    }
}
