//! What a method claims of a loss over a table is proved, where it can be: the same proof whoever walked there.
use super::{coordinate, progressive};
use crate::descend::{Halt, Problem, Status};
use crate::method::{Method, Step};

/// A method that sees values and gradients only, made to prove what it claims of a convex loss over a table: a gradient
/// that is small says little where columns differ in scale. Where the proof falls short it goes on; where it has come
/// to rest, that is said, with how far. Of any other objective the claim is the method's own.
pub struct Proved {
    inner: Box<dyn Method + Send>,
    /// Steps to go before the next proof, and how many they were last time: a proof costs some passes.
    wait: u64,
    waited: u64,
}

impl Proved {
    /// Round a method.
    pub fn new(inner: Box<dyn Method + Send>) -> Self {
        Proved { inner, wait: 0, waited: 1 }
    }

    fn judged(
        &mut self,
        problem: &mut Problem<'_>,
        x: &[f64],
        mut step: Step,
    ) -> Result<Step, Halt> {
        let Some(claimed) = step.verdict.clone() else { return Ok(step) };
        let claims = claimed == Status::Converged;
        if !claims && claimed != Status::PrecisionLimit && claimed != Status::Plateau {
            return Ok(step);
        }
        if claims && self.wait > 0 {
            self.wait -= 1;
            step.verdict = None;
            return Ok(step);
        }
        let Some(judged) = prove(problem, x)? else { return Ok(step) };
        let reached = judged.certificate.as_ref().is_some_and(|c| c.reached());
        step.certificate = judged.certificate;
        step.verdict = match judged.verdict {
            Some(Status::Separable) => Some(Status::Separable),
            _ if reached => Some(Status::Converged),
            _ if claims => None,
            // The gate tells rounding from a failure.
            _ => Some(Status::PrecisionLimit),
        };
        self.waited = (2 * self.waited).min(64);
        self.wait = self.waited;
        Ok(step)
    }
}

/// A step of no length by the method that proves such a problem; none where there is none.
fn prove(problem: &mut Problem<'_>, x: &[f64]) -> Result<Option<Step>, Halt> {
    let facts = problem.facts();
    if !facts.glm {
        return Ok(None);
    }
    if facts.offers.quadratic {
        let penalty = problem.penalty;
        let (objective, mut meter) = problem.split();
        let Some(glm) = objective.glm() else { return Ok(None) };
        return progressive::judged(glm, penalty, x, &mut meter);
    }
    if !facts.offers.pieces || coordinate::ENTRY.refusal(&facts, &[]).is_some() {
        return Ok(None);
    }
    let mut at = x.to_vec();
    (coordinate::ENTRY.build)(&[]).start(problem, &mut at).map(Some)
}

impl Method for Proved {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let step = self.inner.start(problem, x)?;
        self.judged(problem, x, step)
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let step = self.inner.step(problem, x)?;
        self.judged(problem, x, step)
    }
    fn monotone(&self) -> bool {
        self.inner.monotone()
    }
    fn rate(&self) -> Option<f64> {
        self.inner.rate()
    }
    fn set_rate(&mut self, rate: f64) -> bool {
        self.inner.set_rate(rate)
    }
    fn gradient(&self) -> Option<&[f64]> {
        self.inner.gradient()
    }
}
