//! Where no step lowers F any more: the arithmetic's end, noise, a kink, or a start as low as the end.
use super::Run;
use crate::method::Step;
use crate::methods::convergence::STEEP;
use crate::methods::gradient_check::{self, Doubt};
use crate::problem::Problem;
use crate::status::{Halt, Status};

impl Run {
    /// What is left is no more than the noise of the value: once more as exactly as that can be told, and then it is at rest.
    pub(super) fn drown(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        if self.sharper(problem)? { self.stand_after_look(problem) } else { self.rest(problem) }
    }

    /// Nothing lower is found any more: the arithmetic's end, a kink, or a gradient that is not the function's.
    pub(super) fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        if self.sharper(problem)? {
            self.failures = 0;
            self.forget();
            return self.stand_after_look(problem);
        }
        self.notice(problem);
        let left = match &self.learned() {
            Some(metric) => self.by_diagonal(metric).max(self.at.predicted.unwrap_or(0.0)),
            None if self.still() => 0.0,
            None => f64::INFINITY,
        };
        self.at.predicted = left.is_finite().then_some(left);
        let mut explained = self.explained(problem);
        if left > explained && self.at.verify && left.is_finite() {
            explained = explained.max(self.with(false, |at, view| at.noise(problem, view))?);
        }
        let verdict = self.at.claims.at_rest(self.at.f, left, explained);
        // What slopes gainsay it is asked there again: it goes on from nothing, or ends stuck.
        if verdict == Status::PrecisionLimit
            && (self.steep() <= STEEP[1] || self.at.gainsaid(problem, left, explained))
        {
            return self.claim(problem, verdict, explained);
        }
        if verdict == Status::NoiseFloor
            && self.at.verify
            && problem.offers().differences > 0
            && self.with(false, |at, view| at.curved(problem, view))?
        {
            return self.escape(problem);
        }
        if !self.at.verify {
            return Ok(self.at.stuck(verdict, explained));
        }
        if verdict == Status::NoiseFloor {
            return self.low_from_the_start(problem, verdict, true);
        }
        let smooth = match self.with(false, |at, view| at.look_stuck(problem, view))? {
            Doubt::Inconsistent(status) => return Ok(self.at.ended(status)),
            Doubt::Kink(slopes) => {
                problem.report(gradient_check::kink(slopes));
                false
            }
            Doubt::Lower => return self.escape(problem),
            doubt => {
                if self.below(problem)? {
                    return self.anew(problem);
                }
                matches!(doubt, Doubt::None)
            }
        };
        if verdict == Status::PrecisionLimit {
            // The metric has shrunk with the steps: what it says is left is not known.
            self.at.predicted = None;
            return Ok(self.at.stuck(Status::Plateau, explained));
        }
        self.low_from_the_start(problem, Status::Plateau, smooth)
    }

    /// Where nothing else is found: whether it began so low that next to nothing is left of what F is around. What is left
    /// tells what steps have learned, or, where they have learned nothing, the function's own curvature: that is too coarse for
    /// a valley's floor, and is believed where slopes over a variable's own length are slight beside F themselves.
    fn low_from_the_start(
        &mut self,
        problem: &mut Problem<'_>,
        verdict: Status,
        smooth: bool,
    ) -> Result<Step, Halt> {
        const SLIGHT: f64 = 1e-6;
        let mut explained = self.explained(problem);
        let mut believed = false;
        let (left, step) = match self.learned() {
            Some(metric) => {
                let left = self.by_diagonal(&metric).max(self.at.predicted.unwrap_or(0.0));
                let (whole, g) = (self.gamma.unwrap_or(1.0), &self.at.g);
                let one = |(d, g): (&f64, &f64)| g * if d.is_nan() { whole } else { *d };
                (left, metric.iter().zip(&g[..]).map(one).collect())
            }
            None => {
                believed = smooth && self.at.by_slopes() <= SLIGHT * self.at.f.abs();
                self.with(false, |at, view| at.left(problem, view))?
            }
        };
        if !left.is_finite() {
            return Ok(self.at.stuck(verdict, explained));
        }
        self.at.predicted = Some(left);
        if left > explained {
            explained = explained.max(self.with(false, |at, view| at.noise(problem, view))?);
        }
        if (believed || self.at.low(problem, &step, left)?)
            && self.at.claims.at_rest(self.at.f, left, explained) == Status::PrecisionLimit
        {
            return self.claim(problem, Status::PrecisionLimit, explained);
        }
        Ok(self.at.stuck(verdict, explained))
    }
}
