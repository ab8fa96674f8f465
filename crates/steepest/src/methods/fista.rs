//! Accelerated proximal gradient.
use crate::certificate::{Certificate, Kind};
use crate::descend::{Halt, Problem, Status};
use crate::method::{Entry, Facts, Method, Needs, Step, Suit, Takes};
use crate::penalty::Steps;
use crate::settings::Described;

crate::settings! {
    /// Accelerated proximal gradient: u = y − t D∇f(y), x⁺ = prox(u), y⁺ = x⁺ + β (x⁺ − x). The step t is found
    /// by backtracking and grows again where it can; the momentum starts anew where it points uphill. D is a
    /// diagonal metric from the columns of a table, where the penalty's prox allows one.
    ///
    /// Beck and Teboulle 2009, <https://doi.org/10.1137/080716542>; O'Donoghue and Candès 2015,
    /// <https://doi.org/10.1007/s10208-013-9150-3>.
    "fista" Fista {
        /// 1 to start the momentum anew where it points uphill, 0 never to.
        restart = 1.0 in 0.0 => 1.0,
        /// What the step is multiplied by after each step taken; backtracking takes it back.
        growth = 1.1 in 1.0 => 10.0,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Fista::<f64>::NAME,
    doc: Fista::<f64>::DOC,
    parameters: Fista::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::Prox, ..Needs::GRADIENT },
    suits: |_: &Facts| {
        let reason = "the function is smooth and the penalty has a prox";
        Some(Suit { passes: 200.0, reason: reason.into() })
    },
    build: |settings| Box::new(Descent { set: Fista::of(settings), ..Descent::default() }),
};

#[derive(Default)]
struct Descent {
    set: Fista,
    /// The diagonal metric.
    metric: Vec<f64>,
    /// Whether a step for each coordinate may be taken.
    diagonal: bool,
    step: f64,
    momentum: f64,
    /// The point that the gradient is taken at, the gradient and the value there.
    y: Vec<f64>,
    gradient: Vec<f64>,
    smooth: f64,
    trial: Vec<f64>,
    steps: Vec<f64>,
    value: f64,
    scale: f64,
    quiet: u32,
}

/// Halvings of the step before nothing can be found.
const HALVINGS: usize = 100;
/// Steps without a visible change before the arithmetic is at its end.
const QUIET: u32 = 20;

impl Descent {
    /// trial ← prox(y − t D g).
    fn aim(&mut self, problem: &Problem<'_>) {
        for j in 0..self.y.len() {
            self.steps[j] = self.step * self.metric[j];
            self.trial[j] = self.y[j] - self.steps[j] * self.gradient[j];
        }
        let steps = match self.diagonal {
            true => Steps::Diagonal(&self.steps),
            false => Steps::Uniform(self.steps[0]),
        };
        problem.penalty.prox(&mut self.trial, steps);
    }

    /// ‖x − prox(x − tDg)‖∞ in the metric, in units that a change of the columns' units does not change.
    fn residual(&self) -> f64 {
        let most = (0..self.y.len())
            .map(|j| (self.trial[j] - self.y[j]).abs() / self.steps[j].sqrt())
            .fold(0.0, f64::max);
        most / self.scale
    }

    fn here(&self, residual: f64) -> Step {
        Step { value: self.value, residual, rate: self.step, ..Step::default() }
    }

    /// The claim that is honest: the scaled residual is small.
    fn claim(&self, problem: &Problem<'_>, mut step: Step, status: Status) -> Step {
        step.certificate = Some(Certificate {
            kind: Kind::Stationary,
            bound: step.residual,
            target: goal(problem),
            rounding: 0.0,
            assumption: "nothing is proved; the step of the prox is small in the method's own metric",
        });
        step.verdict = Some(status);
        step
    }
}

/// The residual is of the order of the root of the distance from the optimum.
fn goal(problem: &Problem<'_>) -> f64 {
    (0.1 * problem.stop.tolerance).min(1e-3)
}

/// One over the mean square of each column, where the objective is a loss over a table: 1 elsewhere.
fn metric(problem: &Problem<'_>) -> Vec<f64> {
    let n = problem.dim();
    let Some(glm) = problem.objective.glm() else { return vec![1.0; n] };
    let (rows, d, width) = (glm.design.rows(), glm.design.columns(), glm.width());
    let (mut sum, mut square) = (vec![0.0; d], vec![0.0; d]);
    let share: Vec<f64> = (0..rows).map(|i| glm.share(i)).collect();
    glm.design.moments(0..rows, &share, &mut sum, &mut square);
    let of = |j: usize| match square.get(j % width) {
        Some(&q) if q > 0.0 => 1.0 / q,
        _ => 1.0,
    };
    (0..n).map(of).collect()
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = x.len();
        self.diagonal = problem.penalty.offers().diagonal_prox;
        self.metric = if self.diagonal { metric(problem) } else { vec![1.0; n] };
        self.steps = self.metric.clone();
        let steps = match self.diagonal {
            true => Steps::Diagonal(&self.steps),
            false => Steps::Uniform(1.0),
        };
        // A start outside a constraint is brought inside.
        if !problem.penalty.value(x).is_finite() {
            problem.penalty.prox(x, steps);
        }
        self.gradient = vec![0.0; n];
        self.trial = x.to_vec();
        self.y = x.to_vec();
        self.smooth = problem.gradient(x, &mut self.gradient)?;
        self.value = self.smooth + problem.penalty.value(x);
        if !self.smooth.is_finite() || self.gradient.iter().any(|g| !g.is_finite()) {
            let what = problem.objective.glm().and_then(|g| g.not_finite());
            let what = what.unwrap_or_else(|| "the value or the gradient at the start".into());
            return Err(Halt::Status(Status::NotFinite(what)));
        }
        self.momentum = 1.0;
        // The first length: as far as would take a value of this size to 0, or the metric's own.
        let along: f64 = (self.gradient.iter().zip(&self.metric)).map(|(g, d)| d * g * g).sum();
        self.step = if along > 0.0 && self.smooth > 0.0 { (self.smooth / along).clamp(1e-12, 4.0) } else { 1.0 };
        self.scale = self.value.abs().sqrt().max(1e-150).max(f64::MIN_POSITIVE);
        self.aim(problem);
        let residual = self.residual();
        let step = self.here(residual);
        Ok(if residual == 0.0 { self.claim(problem, step, Status::Converged) } else { step })
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let noise = 10.0 * f64::EPSILON * self.smooth.abs();
        let mut next = f64::NAN;
        let mut halvings = 0;
        loop {
            self.aim(problem);
            let (mut along, mut square) = (0.0, 0.0);
            for j in 0..x.len() {
                let by = self.trial[j] - self.y[j];
                along += by * self.gradient[j];
                square += by * by / self.steps[j];
            }
            if square == 0.0 {
                break;
            }
            next = problem.value(&self.trial)?;
            if next <= self.smooth + along + 0.5 * square + noise {
                break;
            }
            halvings += 1;
            if halvings > HALVINGS {
                let step = self.here(self.residual());
                return Ok(self.claim(problem, step, Status::Plateau));
            }
            self.step *= 0.5;
        }
        let residual = self.residual();
        if next.is_nan() || residual == 0.0 {
            // The prox does not move at all: y is the answer.
            x.copy_from_slice(&self.y);
            self.value = self.smooth + problem.penalty.value(x);
            let step = self.here(0.0);
            return Ok(self.claim(problem, step, Status::Converged));
        }
        let value = next + problem.penalty.value(&self.trial);
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
        for ((y, new), old) in self.y.iter_mut().zip(&self.trial).zip(&*x) {
            *y = new + beta * (new - old);
        }
        x.copy_from_slice(&self.trial);
        self.quiet = if (self.value - value).abs() <= 4.0 * f64::EPSILON * value.abs() { self.quiet + 1 } else { 0 };
        self.value = value;
        self.scale = value.abs().sqrt().max(1e-6 * self.scale).max(f64::MIN_POSITIVE);
        if halvings == 0 {
            self.step *= self.set.growth;
        }
        // What is forbidden to x may be forbidden to y too: then the momentum goes.
        if beta > 0.0 && !problem.penalty.value(&self.y).is_finite() && self.diagonal {
            self.y.copy_from_slice(x);
        }
        self.smooth = problem.gradient(&self.y, &mut self.gradient)?;
        let step = self.here(residual);
        Ok(if residual <= goal(problem) {
            self.claim(problem, step, Status::Converged)
        } else if self.quiet >= QUIET {
            self.claim(problem, step, Status::PrecisionLimit)
        } else if value == f64::NEG_INFINITY || value < -1e300 {
            self.claim(problem, step, Status::Unbounded)
        } else {
            step
        })
    }

    fn rate(&self) -> Option<f64> {
        Some(self.step)
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.step = rate;
        true
    }
}
