//! Quadratic models before the rounds: what they claim, what takes over from them, and points that are level and no least ones.
use super::lagrangian::Terms;
use super::models::{Came, Confirmed, Models};
use super::{Now, inward, met};
use crate::certificate::{Certificate, Kind};
use crate::linalg::vectors::largest;
use crate::method::Step;
use crate::methods::bounds::Bounds;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// A point that is level and no least one is left so often at most.
const LEFT: u32 = 8;

impl Now {
    /// A step of the models, or where they are at rest one of the rounds.
    pub(super) fn advance(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
    ) -> Result<Step, Halt> {
        if let Some(models) = &mut self.models {
            let mut z = inward(problem, x);
            self.terms.c.copy_from_slice(models.c());
            self.terms.reach = largest(&z).min(1.0);
            self.terms.flatten(models.slopes(), &z);
            let met = met(&self.terms, problem.tolerance());
            let came = models.step(problem, &mut z, met)?;
            problem.units().outward(&z, x);
            let unit = problem.units().value();
            match came {
                Came::On(step) => {
                    return Ok(Step { value: step.value * unit, ..step });
                }
                Came::Rest(Confirmed::Left(left)) => return Ok(self.claimed(problem, left)),
                Came::Rest(Confirmed::Ended(status)) => {
                    return Ok(Step {
                        verdict: Some(status),
                        ..self.claimed(problem, f64::INFINITY)
                    });
                }
                Came::Rest(Confirmed::Down(d)) if self.left < LEFT => {
                    return self.leave(problem, x, (&z, &d));
                }
                Came::Rest(_) => self.take_over(true),
                Came::Stuck => self.take_over(false),
            }
            self.terms.measure(problem, &z)?;
            self.missed = self.terms.missed();
        }
        let step = self.step(problem, x)?;
        let z = inward(problem, x);
        let step = self.told(problem, &z, step)?;
        let step = self.anew(problem, step);
        let claims = matches!(step.verdict, Some(Status::Converged | Status::PrecisionLimit));
        if claims && self.left < LEFT {
            // L bends up across the constraints, by as much as they are priced: how it does along them is asked by itself.
            let scaled = self.terms.prices().into_iter().zip(&self.terms.scale);
            let price: Vec<f64> = scaled.map(|(u, s)| u * s).collect();
            let models = self.models_at(problem, &z)?;
            let size = self.size;
            let lower = match models {
                Some(models) => models.saddle(problem, &z, &price, size)?,
                None => None,
            };
            if let Some(d) = lower {
                return self.leave(problem, x, (&z, &d));
            }
        }
        Ok(step)
    }
    /// Models that begin at z.
    fn models_at(&mut self, problem: &mut Problem<'_>, z: &[f64]) -> Result<Option<Models>, Halt> {
        problem.ask(z, Rows::All, &mut [Ask::Constraints(&mut self.terms.c)])?;
        let mut gradient = vec![0.0; z.len()];
        let value = problem.total_gradient(z, &mut gradient)?;
        Models::begin(problem, z, (value, gradient), &self.terms.c)
    }
    /// From a point that is level to where L is lower, and on from there.
    fn leave(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        (z, d): (&[f64], &[f64]),
    ) -> Result<Step, Halt> {
        let at: Vec<f64> = z.iter().zip(d).map(|(z, d)| z + d).collect();
        problem.units().outward(&at, x);
        if let Some(bounds) = Bounds::of(problem) {
            bounds.project(x);
        }
        problem.forget_findings(self.noticed);
        (self.left, self.round, self.inner) = (self.left + 1, 0, None);
        let models = self.models_at(problem, &inward(problem, x))?;
        let value = problem.total(&inward(problem, x))?;
        self.models = models.filter(|_| self.by_models);
        Ok(Step {
            value: value * problem.units().value(),
            residual: self.terms.missed().max(1.0),
            violation: self.terms.most(|_| 1.0),
            ..Step::default()
        })
    }
    /// What the models claim where they are at rest, when so much is left at most.
    fn claimed(&mut self, problem: &mut Problem<'_>, left: f64) -> Step {
        let Some(models) = &self.models else { return Step::default() };
        let hidden = models.hidden(problem);
        let units = problem.units();
        let slopes = models.gradient().iter().enumerate();
        self.gradient = slopes.map(|(j, g)| g * units.value() / units.length(j)).collect();
        let (unit, missed) = (problem.units().value(), self.terms.missed());
        let size = models.size().max(models.value().abs()).max(f64::MIN_POSITIVE);
        let rounding = (64.0 * f64::EPSILON * models.value().abs()).max(hidden);
        let share = |of: f64| (of.max(0.0) / size).sqrt();
        let certificate = left.is_finite().then(|| Certificate {
            kind: Kind::Stationary,
            bound: share(left),
            target: share(models.small(problem.tolerance())),
            rounding: share(rounding),
            assumption: "the constraints are met to a hundredth of the tolerance, and the Lagrangian is level where the \
                         descent ends and bends up along them, as far as looks around tell: the least only where all is convex",
        });
        Step {
            value: models.value() * unit,
            residual: share(left).min(1.0).max(missed),
            violation: self.terms.most(|_| 1.0),
            verdict: Some(Status::Converged),
            certificate,
            ..Step::default()
        }
    }
    /// The rounds begin where the models have ended, and at once with the tolerance where nothing was left to gain.
    fn take_over(&mut self, rest: bool) {
        let Some(models) = self.models.take() else { return };
        let Terms { scale, lambda, rho, c, .. } = &mut self.terms;
        lambda.iter_mut().zip(&models.lambda).zip(&*scale).for_each(|((to, l), s)| *to = l / s);
        // Enough for L to bend up along what the constraints forbid.
        *rho = rho.max(10.0 * models.steepest()).min(1e8);
        *c = models.c().to_vec();
        (self.size, self.was) = (models.size().max(models.value().abs()), models.value());
        self.round = if rest { 8 } else { 0 };
    }
}
