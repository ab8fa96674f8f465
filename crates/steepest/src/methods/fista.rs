//! Accelerated proximal gradient.
use super::proved::Proved;
use crate::certificate::Certificate;
use crate::linalg::vectors::largest;
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::composite;
use crate::methods::gradient_check::{self, Doubt};
use crate::methods::{convergence, coordinate, shares};
use crate::penalty::Steps;
use crate::problem::{Facts, Problem};
use crate::settings::Described;
use crate::state::State;
use crate::status::{Halt, Status};
use crate::table::OfRows;

crate::settings! {
    /// Accelerated proximal gradient: u = y − t D∇f(y), x⁺ = prox(u), y⁺ = x⁺ + β (x⁺ − x). The step t is found
    /// by backtracking and grows again where it can; the momentum starts anew where it points uphill. D is a
    /// diagonal metric from the columns of a table, where the penalty's prox allows one.
    ///
    /// Beck and Teboulle 2009, <https://doi.org/10.1137/080716542>; O'Donoghue and Candès 2015,
    /// <https://doi.org/10.1007/s10208-013-9150-3>.
    "fista" Fista {
        /// Whether to start the momentum anew where it points uphill.
        restart = 1 in 0 => 1,
        /// What the step is multiplied by after each step taken; backtracking takes it back.
        growth = 1.1 in 1.0 => 10.0,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Fista::<f64>::NAME,
    doc: Fista::<f64>::DOC,
    parameters: Fista::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::Prox, ..Needs::GRADIENT },
    suits: |f: &Facts| {
        let reason = "the function is smooth and the penalty has a prox";
        // One step for all columns of a table, where the prox takes no other, is that of the largest.
        let passes = if f.glm && !f.offers.diagonal_prox { 1500.0 } else { 200.0 };
        Some(Suit { passes, reason: reason.into() })
    },
    build: |settings| {
        Box::new(Proved::followed(Box::new(Descent {
            set: Fista::of(settings),
            ..Descent::default()
        })))
    },
};

#[derive(Default)]
struct Descent {
    set: Fista,
    /// The diagonal metric.
    metric: Vec<f64>,
    /// Whether a step for each coordinate may be taken.
    diagonal: bool,
    step: f64,
    /// The last step whose decrease was seen, and which nothing but curvature had shortened: what residuals are
    /// measured by. A step that shrank because nothing else would do says nothing of how far the least is.
    sure: f64,
    momentum: f64,
    /// The point that the gradient is taken at, the gradient and the value there.
    y: Vec<f64>,
    gradient: Vec<f64>,
    smooth: f64,
    trial: Vec<f64>,
    steps: Vec<f64>,
    value: f64,
    /// √F, and at least a part of what it was at the start: what the residual is relative to.
    scale: f64,
    least: f64,
    quiet: u32,
    /// Whether the penalty is that coordinates are shares of a whole.
    shares: bool,
    /// Whether the objective is a loss over a table whose gap can be had, and the residual at which it is asked next.
    proves: bool,
    next: f64,
    escapes: u32,
    /// Steps taken, and the value when they were half as many.
    taken: u64,
    half: f64,
}

crate::state!(Descent {
    metric: vector, diagonal, step, sure, momentum, y: vector, gradient: vector, smooth, trial: vector, steps: vector, value: value,
    scale, least, quiet, shares, proves, next, escapes, taken, half,
} but set);

/// Halvings of the step before nothing can be found.
const HALVINGS: usize = 100;
/// Steps without a visible change before the arithmetic is at its end.
const QUIET: u32 = 20;
/// Steps after which it is asked, then after twice as many and so on, whether this leads anywhere: where half of the
/// steps gained less than this part of what is not proved, fifty times as many would not be enough.
const ASKED: u64 = 1000;
const GAINED: f64 = 2e-2;
/// Saddles that are left at most.
const ESCAPES: u32 = 5;

/// What backtracking came to.
enum Backtracked {
    /// So low a value, and whether the step was halved for it.
    Lower(f64, bool),
    /// The prox does not move, whether halved or not.
    Still(bool),
    /// Nothing that rounding does not hide.
    Nothing,
}

/// One step a coordinate where the prox takes such, else the one that all have.
fn steps(each: &[f64], diagonal: bool) -> Steps<'_> {
    if diagonal { Steps::Diagonal(each) } else { Steps::Uniform(each[0]) }
}

impl Descent {
    /// trial ← prox(y − t D g).
    fn aim(&mut self, problem: &Problem<'_>, step: f64) {
        for j in 0..self.y.len() {
            self.steps[j] = step * self.metric[j];
            self.trial[j] = self.y[j] - self.steps[j] * self.gradient[j];
        }
        problem.penalty().prox(&mut self.trial, steps(&self.steps, self.diagonal));
    }

    /// How far y is from a fixed point, relative to √F; `trial` is the prox from there.
    fn residual(&self) -> f64 {
        composite::residual(&self.y, &self.trial, &self.steps) / self.scale
    }
    /// The same by the step that curvature was seen with, whatever the step in force.
    fn honest(&mut self, problem: &Problem<'_>) -> f64 {
        self.aim(problem, self.sure);
        self.residual()
    }

    fn here(&self, residual: f64) -> Step {
        Step { value: self.value, residual, rate: self.step, ..Step::default() }
    }

    /// What is known at x, where the method would stop with this status: a proof where there can be one, else that
    /// the residual is small, and that the gradient is the function's.
    fn claim(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        status: Status,
    ) -> Result<Step, Halt> {
        let before = self.value;
        self.refine(problem, x)?;
        let anew = !self.proves && self.meet(problem, x)?;
        let residual = self.honest(problem);
        let mut step = self.here(residual);
        if anew && status == Status::Converged && !(residual <= composite::goal(problem)) {
            return Ok(step);
        }
        if self.proves {
            let proof = coordinate::proof(problem, x)?;
            let reached = proof.certificate.as_ref().is_some_and(Certificate::reached);
            step.certificate = proof.certificate;
            let (bound, explained) = (step.certificate.as_ref())
                .map_or((f64::INFINITY, false), |c| (c.bound, c.within_rounding()));
            // Nothing is claimed before it is proved; what stops anyway stops with what is known.
            step.verdict = if reached {
                Some(Status::Converged)
            } else if before - self.value > GAINED * bound {
                None
            } else if self.shares && explained {
                Some(Status::PrecisionLimit)
            } else {
                (status != Status::Converged).then_some(status)
            };
            self.next = 0.3 * residual.min(self.next);
            return Ok(step);
        }
        let (smooth, scale) = (self.smooth, self.scale);
        step.certificate =
            Some(composite::certificate(problem, residual, &self.steps, smooth, scale));
        step.verdict = Some(status);
        if gradient_check::cheap(problem) {
            return self.doubted(problem, x, step);
        }
        Ok(step)
    }

    /// The claim, unless the function itself speaks against it.
    fn doubted(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        step: Step,
    ) -> Result<Step, Halt> {
        let mut trial = vec![0.0; x.len()];
        match composite::look(problem, x, &self.steps, &mut trial)? {
            Doubt::Inconsistent(status) => {
                Ok(Step { verdict: Some(status), certificate: None, ..step })
            }
            // A saddle or a maximum, where nothing is added that would make it a least.
            Doubt::Lower if problem.penalty().offers().smooth => {
                if self.escapes >= ESCAPES {
                    return Ok(Step { verdict: Some(Status::Plateau), certificate: None, ..step });
                }
                self.escapes += 1;
                self.begin(problem, &trial, x)?;
                let residual = self.honest(problem);
                Ok(self.here(residual))
            }
            _ => Ok(step),
        }
    }

    /// Starts anew from a point.
    fn begin(
        &mut self,
        problem: &mut Problem<'_>,
        from: &[f64],
        x: &mut [f64],
    ) -> Result<(), Halt> {
        x.copy_from_slice(from);
        self.y.copy_from_slice(from);
        self.smooth = problem.gradient(x, &mut self.gradient)?;
        self.value = self.smooth + problem.penalty().value(x);
        self.momentum = 1.0;
        self.quiet = 0;
        Ok(())
    }

    /// What is known is known of y: x goes there if that is no higher, else y comes to x; whether it did.
    fn meet(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<bool, Halt> {
        if self.y == *x {
            return Ok(false);
        }
        let there = self.smooth + problem.penalty().value(&self.y);
        if there <= self.value {
            x.copy_from_slice(&self.y);
            (self.value, self.momentum) = (there, 1.0);
            return Ok(false);
        }
        let from = x.to_vec();
        self.begin(problem, &from, x)?;
        Ok(true)
    }

    /// On the simplex, Newton's steps from here, if they lower it: its own are short where columns are alike.
    fn refine(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<(), Halt> {
        let mut at = x.to_vec();
        if self.proves
            && self.shares
            && let Some(value) = shares::descend(problem, &mut at)?
            && value <= self.value + shares::NOISE * self.value.abs()
        {
            self.begin(problem, &at, x)?;
        }
        Ok(())
    }
    /// trial ← the prox step from y, as long as the curvature on the way lets it be.
    fn backtrack(&mut self, problem: &mut Problem<'_>) -> Result<Backtracked, Halt> {
        let noise = 10.0 * f64::EPSILON * self.smooth.abs();
        let (mut halvings, mut walls) = (0, 0);
        loop {
            self.aim(problem, self.step);
            let (mut along, mut square) = (0.0, 0.0);
            for j in 0..self.y.len() {
                let by = self.trial[j] - self.y[j];
                along += by * self.gradient[j];
                square += by * by / self.steps[j];
            }
            if square == 0.0 {
                return Ok(Backtracked::Still(halvings > 0));
            }
            let next = problem.value(&self.trial)?;
            let model = self.smooth + along + 0.5 * square;
            // What drowns in rounding is believed of a step that curvature was seen with, and of no shorter one.
            let drowned = next <= model + noise
                && (along.abs() + square > noise || self.step >= 0.5 * self.sure);
            if next <= model || drowned {
                if walls == 0 && (next <= model || along.abs() > noise) {
                    self.sure = self.step;
                }
                return Ok(Backtracked::Lower(next, halvings > 0));
            }
            walls += usize::from(!next.is_finite());
            halvings += 1;
            if halvings > HALVINGS || along.abs() + square <= noise {
                return Ok(Backtracked::Nothing);
            }
            self.step *= 0.5;
        }
    }
    /// y ← the point beyond the trial that momentum leads to, from x and F there; how far beyond.
    fn accelerate(&mut self, x: &[f64], value: f64) -> f64 {
        let uphill: f64 = (0..x.len())
            .map(|j| (self.y[j] - self.trial[j]) * (self.trial[j] - x[j]) / self.metric[j])
            .sum();
        let anew = self.set.restart > 0.0 && (uphill > 0.0 || value > self.value);
        let before = self.momentum;
        self.momentum = 0.5 * (1.0 + (1.0 + 4.0 * before * before).sqrt());
        let beta = if anew { 0.0 } else { (before - 1.0) / self.momentum };
        if anew {
            self.momentum = 1.0;
        }
        for ((y, new), old) in self.y.iter_mut().zip(&self.trial).zip(x) {
            *y = new + beta * (new - old);
        }
        beta
    }
    /// The gradient at y; from x again where there is none. A step where there is none at x either.
    fn arrive(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        beta: f64,
    ) -> Result<Option<Step>, Halt> {
        // What is forbidden to x may be forbidden to y too: it goes to the nearest point that is not, in the metric. A prox
        // of next to no step is the projection on where the penalty is finite.
        if beta > 0.0 && !problem.penalty().value(&self.y).is_finite() {
            self.steps.iter_mut().for_each(|step| *step *= 1e-100);
            problem.penalty().prox(&mut self.y, steps(&self.steps, self.diagonal));
        }
        self.smooth = problem.gradient(&self.y, &mut self.gradient)?;
        if self.smooth.is_finite() && self.gradient.iter().all(|g| g.is_finite()) {
            return Ok(None);
        }
        // The momentum led out of where the function is defined.
        let from = x.to_vec();
        self.begin(problem, &from, x)?;
        if self.gradient.iter().all(|g| g.is_finite()) {
            return Ok(None);
        }
        let verdict = convergence::not_finite(self.smooth, &self.gradient).map(|_| Status::Plateau);
        Ok(Some(Step { verdict, ..self.here(f64::NAN) }))
    }

    /// The line search is at its end: the least as far as rounding lets see, or a failure, as the residual says.
    fn rest(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        if self.y != *x {
            // Once more from the point itself.
            let from = x.to_vec();
            self.begin(problem, &from, x)?;
            self.step = self.sure;
            let residual = self.honest(problem);
            return Ok(self.here(residual));
        }
        let step = self.claim(problem, x, Status::PrecisionLimit)?;
        Ok(step)
    }
}

/// One over the mean square of each column, where the objective is a loss over a table: 1 elsewhere.
pub(super) fn metric(problem: &mut Problem<'_>) -> Result<Vec<f64>, Halt> {
    let n = problem.dim();
    let Some(table) = problem.table().filter(|t| !t.coupled()) else { return Ok(vec![1.0; n]) };
    let (mut sum, mut square) = (vec![0.0; table.columns], vec![0.0; table.columns]);
    problem.of_rows(OfRows::Moments { sum: &mut sum, square: &mut square })?;
    let of = |j: usize| match square.get(j % table.width()) {
        Some(&q) if q > 0.0 => table.total / q,
        _ => 1.0,
    };
    Ok((0..n).map(of).collect())
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = x.len();
        self.diagonal = problem.penalty().offers().diagonal_prox;
        self.shares = problem.penalty().shares().is_some();
        self.proves = problem.table().is_some_and(|t| !t.coupled())
            && (self.shares || problem.penalty().offers().pieces);
        (self.next, self.half) = (f64::INFINITY, f64::INFINITY);
        self.metric = if self.diagonal { metric(problem)? } else { vec![1.0; n] };
        self.steps = self.metric.clone();
        // A start outside a constraint is brought inside.
        if !problem.penalty().value(x).is_finite() {
            problem.penalty().prox(x, steps(&self.steps, self.diagonal));
        }
        (self.gradient, self.trial, self.y) = (vec![0.0; n], x.to_vec(), x.to_vec());
        let from = x.to_vec();
        self.begin(problem, &from, x)?;
        if !self.smooth.is_finite() || self.gradient.iter().any(|g| !g.is_finite()) {
            let table = problem.table().is_some();
            let what = if table { problem.not_finite()? } else { None };
            let what = what.map(Status::NotFinite);
            let status = what.or_else(|| convergence::not_finite(self.smooth, &self.gradient));
            let step = Step { residual: f64::NAN, ..self.here(f64::NAN) };
            return Ok(Step { verdict: status, ..step });
        }
        // The first length: as far as would take a value of this size to 0, or the metric's own.
        let steep = largest(&self.gradient).max(f64::MIN_POSITIVE);
        let along: f64 =
            (self.gradient.iter().zip(&self.metric)).map(|(g, d)| d * (g / steep).powi(2)).sum();
        let first = self.smooth.abs() / steep / along / steep;
        self.step = if first.is_normal() { first } else { 1.0 };
        if self.proves {
            self.step = self.step.clamp(1e-12, 4.0);
        }
        self.sure = self.step;
        self.scale = self.value.abs().sqrt().max(1e-150);
        self.least = 1e-6 * self.scale;
        let residual = self.honest(problem);
        if residual == 0.0 {
            self.claim(problem, x, Status::Converged)
        } else {
            Ok(self.here(residual))
        }
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        if self.proves && self.shares && self.taken == 0 {
            self.taken = 1;
            return self.claim(problem, x, Status::Converged);
        }
        let (next, halved) = match self.backtrack(problem)? {
            Backtracked::Lower(value, halved) => (value, halved),
            Backtracked::Still(halved) => {
                // The prox does not move at all: y is the answer, if a longer step does not move it either.
                x.copy_from_slice(&self.y);
                self.value = self.smooth + problem.penalty().value(x);
                // A table has a proof, and nothing else will move.
                let still = !halved && !self.proves;
                let status = if still { Status::Converged } else { Status::PrecisionLimit };
                return self.claim(problem, x, status);
            }
            Backtracked::Nothing => return self.rest(problem, x),
        };
        let value = next + problem.penalty().value(&self.trial);
        let beta = self.accelerate(x, value);
        x.copy_from_slice(&self.trial);
        self.quiet = if (self.value - value).abs() <= 4.0 * f64::EPSILON * value.abs() {
            self.quiet + 1
        } else {
            0
        };
        self.value = value;
        self.scale = value.abs().sqrt().max(self.least);
        if !halved {
            self.step *= self.set.growth;
        }
        if let Some(step) = self.arrive(problem, x, beta)? {
            return Ok(step);
        }
        self.taken += 1;
        if self.proves && self.taken >= ASKED && self.taken.is_power_of_two() {
            let fell = self.half - self.value;
            self.half = self.value;
            let step = self.claim(problem, x, Status::PrecisionLimit)?;
            let left = step.certificate.as_ref().map_or(f64::INFINITY, |c| c.bound);
            let reached = step.certificate.as_ref().is_some_and(Certificate::reached);
            if reached || fell <= GAINED * left {
                return Ok(step);
            }
        }
        let residual = self.honest(problem);
        if residual <= composite::goal(problem) && (!self.proves || residual <= self.next) {
            self.claim(problem, x, Status::Converged)
        } else if self.quiet >= QUIET {
            self.claim(problem, x, Status::PrecisionLimit)
        } else if value == f64::NEG_INFINITY || value < -1e300 {
            let step = self.here(residual);
            Ok(Step { verdict: Some(Status::Unbounded), ..step })
        } else {
            Ok(self.here(residual))
        }
    }

    fn rate(&self) -> Option<f64> {
        Some(self.step)
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.step = rate;
        true
    }
}
