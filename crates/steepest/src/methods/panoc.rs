//! Proximal gradient steps, made quick by L-BFGS on what they leave to do.
use super::pairs::Pairs;
use super::proved::Proved;
use crate::linalg::vectors::{dot, largest, padded};
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::methods::gradient_check::{self, Doubt};
use crate::methods::{composite, convergence};
use crate::penalty::Steps;
use crate::problem::{Facts, Problem};
use crate::settings::Described;
use crate::state::State;
use crate::status::{Halt, Status};

crate::settings! {
    /// Proximal gradient with quasi-Newton directions: z = prox(x − t∇f(x)) and R = (x − z)/t, x⁺ = z + τ (x − H R − z) for
    /// τ = 1, ½ … 0, H from the last pairs of x and R as in L-BFGS. A longest τ is taken that lowers the forward-backward
    /// envelope f + ∇f′(z − x) + ‖z − x‖²/2t + penalty(z); τ = 0 always does. x stays where the penalty is finite.
    ///
    /// Stella, Themelis, Sopasakis and Patrinos 2017, <https://doi.org/10.1109/CDC.2017.8263933>.
    "panoc" Panoc {
        /// Pairs of steps and changes of R remembered.
        memory = 30 in 1 => 1000,
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: Panoc::<f64>::NAME,
    doc: Panoc::<f64>::DOC,
    parameters: Panoc::<f64>::PARAMETERS,
    needs: Needs { penalty: Takes::Prox, ..Needs::GRADIENT },
    suits: |f: &Facts| {
        let reason =
            "the function is smooth, the penalty has a prox, and curvature is learnt on the way";
        // The columns of a table have sizes of their own, which one step for all does not know; without kinks and edges
        // nothing is needed of the prox.
        (!f.glm && !f.offers.smooth && !f.offers.bounds)
            .then(|| Suit { passes: 100.0, reason: reason.into() })
    },
    build: |settings| {
        Box::new(Proved::followed(Box::new(Descent {
            set: Panoc::of(settings),
            ..Descent::default()
        })))
    },
};

/// What the step t is shorter than one over the curvature seen along it.
const SAFE: f64 = 0.95;
/// Of the decrease that a plain step promises, what a quick one must bring.
const ENOUGH: f64 = 0.1;
/// τ are tried down to this.
const LEAST: f64 = 0.1;
/// Where the curvature seen is below this part of 1/t as many times in a row, the step may be longer.
const FLAT: f64 = 0.1;
const ROOMY: u64 = 10;
/// Changes of the step before nothing can be found.
const CHANGES: usize = 100;
/// Steps without a visible change before the arithmetic is at its end.
const QUIET: u64 = 10;
const ESCAPES: u64 = 5;
/// Claims that did not hold where x is.
const MET: u64 = 5;

#[derive(Default)]
struct Descent {
    set: Panoc,
    pairs: Option<Pairs>,
    /// The iterate, f and its gradient there, and the prox from there by `step`.
    at: Vec<f64>,
    smooth: f64,
    gradient: Vec<f64>,
    there: Vec<f64>,
    step: f64,
    /// The last step whose decrease was seen: what residuals are measured by.
    sure: f64,
    /// F at the point returned.
    value: f64,
    /// √F, and at least a part of what it was at the start: what the residual is relative to.
    scale: f64,
    least: f64,
    quiet: u64,
    roomy: u64,
    escapes: u64,
    met: u64,
}

crate::state!(Descent {
    pairs, at: vector, smooth, gradient: vector, there: vector, step, sure, value: value, scale, least, quiet, roomy, escapes,
    met,
} but set);

/// A vector as long as pairs are, whose loops know no remainder.
fn whole(v: &[f64]) -> Vec<f64> {
    let mut all = vec![0.0; padded(v.len())];
    all[..v.len()].copy_from_slice(v);
    all
}

/// How a prox lies to where it began.
struct Aim {
    /// ∇f′(z − x).
    along: f64,
    /// ‖z − x‖².
    square: f64,
}

impl Descent {
    fn pairs(&mut self) -> &mut Pairs {
        self.pairs.as_mut().expect("made at the start")
    }

    /// z ← prox(x − t∇f(x)).
    fn aim(&mut self, problem: &Problem<'_>, step: f64) -> Aim {
        self.there.clear();
        self.there.extend(self.at.iter().zip(&self.gradient).map(|(x, g)| x - step * g));
        problem.penalty().prox(&mut self.there, Steps::Uniform(step));
        let off = || self.there.iter().zip(&self.at).map(|(z, x)| z - x);
        Aim {
            along: off().zip(&self.gradient).map(|(d, g)| d * g).sum(),
            square: off().map(|d| d * d).sum(),
        }
    }

    /// The forward-backward envelope at x.
    fn envelope(&self, problem: &Problem<'_>, aim: &Aim) -> f64 {
        self.smooth
            + aim.along
            + aim.square / (2.0 * self.step)
            + problem.penalty().value(&self.there)
    }

    fn noise(&self) -> f64 {
        10.0 * f64::EPSILON * self.smooth.abs()
    }

    /// The residual by the step that a decrease was seen with; z stays that of the step in force.
    fn residual(&mut self, problem: &Problem<'_>) -> f64 {
        self.aim(problem, self.sure);
        let steps = vec![self.sure; self.at.len()];
        let residual = composite::residual(&self.at, &self.there, &steps) / self.scale;
        if self.sure != self.step {
            self.aim(problem, self.step);
        }
        residual
    }

    /// Goes on from a point.
    fn begin(&mut self, problem: &mut Problem<'_>, from: &[f64]) -> Result<(), Halt> {
        self.at.copy_from_slice(from);
        self.smooth = problem.gradient(&self.at, &mut self.gradient)?;
        self.pairs().clear();
        (self.quiet, self.roomy) = (0, 0);
        Ok(())
    }

    fn finite(&self) -> bool {
        self.smooth.is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }

    fn here(&self, residual: f64) -> Step {
        Step { value: self.value, residual, rate: self.step, ..Step::default() }
    }

    /// Shortens the step until f lies below what it says of z, and says f there; none where rounding comes first.
    fn fit(&mut self, problem: &mut Problem<'_>) -> Result<Option<(Aim, f64)>, Halt> {
        let noise = self.noise();
        for _ in 0..CHANGES {
            let aim = self.aim(problem, self.step);
            if aim.square == 0.0 {
                return Ok(Some((aim, self.smooth)));
            }
            let next = problem.value(&self.there)?;
            let bent = 2.0 * (next - self.smooth - aim.along) / aim.square;
            if next <= self.smooth + aim.along + SAFE * aim.square / (2.0 * self.step) + noise {
                if aim.along.abs() > noise {
                    self.sure = self.step;
                }
                self.roomy = if bent * self.step < FLAT { self.roomy + 1 } else { 0 };
                return Ok(Some((aim, next)));
            }
            if aim.along.abs() + aim.square / self.step <= noise {
                return Ok(None);
            }
            let fits = 0.9 * SAFE / bent;
            let half = 0.5 * self.step;
            self.step = if fits > 1e-3 * self.step { fits.min(half) } else { 0.1 * half };
            self.roomy = 0;
            self.pairs().clear();
        }
        Ok(None)
    }

    /// From z as far towards x − H R as the envelope falls; says the residual map there.
    fn quick(&mut self, problem: &mut Problem<'_>, aim: &Aim) -> Result<(), Halt> {
        let n = self.at.len();
        let (before, old) = (self.at.clone(), self.smooth);
        let step = self.step;
        let map = self.map(step);
        let height = self.envelope(problem, aim);
        let (z, mut way) = (self.there.clone(), vec![0.0; padded(n)]);
        let mut tau = 0.0;
        if !self.pairs().is_empty() {
            self.pairs().direction(&map, &mut way);
            tau = if way.iter().all(|d| d.is_finite()) { 1.0 } else { 0.0 };
        }
        loop {
            for j in 0..n {
                self.at[j] =
                    if tau > 0.0 { z[j] + tau * (before[j] + way[j] - z[j]) } else { z[j] };
            }
            if tau > 0.0 && !problem.penalty().value(&self.at).is_finite() {
                // A prox of next to no step is the projection on where the penalty is finite.
                problem.penalty().prox(&mut self.at, Steps::Uniform(1e-100));
            }
            self.smooth = problem.gradient(&self.at, &mut self.gradient)?;
            if self.finite() {
                let aim = self.aim(problem, step);
                let enough = ENOUGH * (1.0 - SAFE) * step * dot(&map, &map);
                if tau == 0.0 || self.envelope(problem, &aim) <= height - enough + self.noise() {
                    break;
                }
            } else if tau == 0.0 {
                // f is finite at z and its slopes are not: there is nowhere to go.
                self.smooth = old;
                break;
            }
            tau = if 0.5 * tau < LEAST { 0.0 } else { 0.5 * tau };
        }
        let (from, to, now) = (whole(&before), whole(&self.at), self.map(step));
        self.pairs().store(&from, &to, &map, &now);
        Ok(())
    }

    /// R = (x − z)/t, as long as pairs are.
    fn map(&self, step: f64) -> Vec<f64> {
        let off: Vec<f64> = self.at.iter().zip(&self.there).map(|(x, z)| (x - z) / step).collect();
        whole(&off)
    }

    /// What is known is known of the iterate: x goes there if that is no higher, else the iterate comes to x; whether it did.
    fn meet(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<bool, Halt> {
        if self.at == *x {
            return Ok(false);
        }
        let there = self.smooth + problem.penalty().value(&self.at);
        if there <= self.value + self.noise() {
            x.copy_from_slice(&self.at);
            self.value = there;
            return Ok(false);
        }
        self.met += 1;
        self.begin(problem, x)?;
        Ok(true)
    }

    /// What is known at x, where the method would stop with this status.
    fn claim(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        status: Status,
    ) -> Result<Step, Halt> {
        let anew = self.meet(problem, x)?;
        let mut residual = self.residual(problem);
        let reached = residual <= composite::goal(problem);
        // As often as this, and what is left is more than the arithmetic can take away.
        let status = if reached || self.met < MET { status } else { Status::PrecisionLimit };
        if anew && status == Status::Converged && !reached {
            return Ok(self.here(residual));
        }
        if !reached && problem.sharpen()? {
            self.begin(problem, x)?;
            residual = self.residual(problem);
            return Ok(self.here(residual));
        }
        let steps = vec![self.sure; x.len()];
        let mut step = self.here(residual);
        step.certificate =
            Some(composite::certificate(problem, residual, &steps, self.smooth, self.scale));
        step.verdict = Some(status);
        if gradient_check::cheap(problem) {
            let mut trial = vec![0.0; x.len()];
            match composite::look(problem, x, &steps, &mut trial)? {
                Doubt::Inconsistent(status) => {
                    return Ok(Step { verdict: Some(status), certificate: None, ..step });
                }
                // A saddle or a maximum, where nothing is added that would make it a least.
                Doubt::Lower if problem.penalty().offers().smooth => {
                    if self.escapes >= ESCAPES {
                        return Ok(Step {
                            verdict: Some(Status::Plateau),
                            certificate: None,
                            ..step
                        });
                    }
                    self.escapes += 1;
                    x.copy_from_slice(&trial);
                    self.begin(problem, &trial)?;
                    self.value = self.smooth + problem.penalty().value(x);
                    residual = self.residual(problem);
                    return Ok(self.here(residual));
                }
                _ => {}
            }
        }
        Ok(step)
    }

    /// The first step: what would take a value of this size to 0, then what the curvature along it asks for.
    fn first(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let steep = largest(&self.gradient).max(f64::MIN_POSITIVE);
        let along: f64 = self.gradient.iter().map(|g| (g / steep).powi(2)).sum();
        let first = self.smooth.abs() / steep / along / steep;
        self.step = if first.is_normal() { first } else { 1.0 };
        self.sure = self.step;
        let mut reached = 0.0;
        for _ in 0..CHANGES {
            self.roomy = 0;
            let Some((aim, _)) = self.fit(problem)? else { break };
            // Where z does not go any further, a longer step changes nothing.
            if !(aim.square > reached) || self.roomy == 0 {
                break;
            }
            reached = aim.square;
            self.step /= FLAT;
        }
        self.roomy = 0;
        Ok(())
    }
}

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let n = problem.dim();
        self.pairs = Some(Pairs::new(n, self.set.memory as usize, false));
        // A start outside a constraint is brought inside.
        if !problem.penalty().value(x).is_finite() {
            problem.penalty().prox(x, Steps::Uniform(1e-100));
        }
        (self.at, self.gradient, self.there) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        self.begin(problem, x)?;
        self.value = self.smooth + problem.penalty().value(x);
        if !self.finite() {
            let what = match problem.table().is_some() {
                true => problem.not_finite()?.map(Status::NotFinite),
                false => None,
            };
            let status = what.or_else(|| convergence::not_finite(self.smooth, &self.gradient));
            return Ok(Step { residual: f64::NAN, verdict: status, ..self.here(f64::NAN) });
        }
        self.scale = self.value.abs().sqrt().max(1e-150);
        self.least = 1e-6 * self.scale;
        self.first(problem)?;
        let residual = self.residual(problem);
        if residual == 0.0 {
            self.claim(problem, x, Status::Converged)
        } else {
            Ok(self.here(residual))
        }
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        if self.roomy >= ROOMY {
            self.step *= 2.0;
            self.roomy = 0;
            self.pairs().clear();
        }
        let Some((aim, next)) = self.fit(problem)? else {
            if self.at != *x {
                // Once more from the point itself.
                self.begin(problem, x)?;
                self.step = self.sure;
                let residual = self.residual(problem);
                return Ok(self.here(residual));
            }
            return self.claim(problem, x, Status::PrecisionLimit);
        };
        let value = next + problem.penalty().value(&self.there);
        let rests = (self.value - value).abs() <= 4.0 * f64::EPSILON * value.abs();
        self.quiet = if rests { self.quiet + 1 } else { 0 };
        if value <= self.value {
            self.value = value;
            x.copy_from_slice(&self.there);
        }
        self.scale = self.value.abs().sqrt().max(self.least);
        if aim.square == 0.0 {
            return self.claim(problem, x, Status::Converged);
        }
        let residual = self.residual(problem);
        if residual <= composite::goal(problem) {
            return self.claim(problem, x, Status::Converged);
        }
        if self.quiet >= QUIET {
            return self.claim(problem, x, Status::PrecisionLimit);
        }
        if value == f64::NEG_INFINITY || value < -1e300 {
            return Ok(Step { verdict: Some(Status::Unbounded), ..self.here(residual) });
        }
        self.quick(problem, &aim)?;
        Ok(self.here(residual))
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn rate(&self) -> Option<f64> {
        Some(self.step)
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.step = rate;
        self.pairs().clear();
        true
    }
}
