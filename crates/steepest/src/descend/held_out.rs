//! Rows that a descent does not see: where the loss there no longer falls it ends, and the best point there is what comes of it.
use super::{Descent, Solution};
use crate::objective::Objective;
use crate::penalty::Penalty;
use crate::status::{Failure, Status};
use crate::watch::Watch;

/// Stops when the loss on held-out rows has not fallen for `patience` iterations; the best point there is kept.
pub struct HeldOut<'a> {
    /// The loss on rows that the descent does not see.
    objective: &'a mut dyn Objective,
    /// Iterations without a fall before it stops.
    patience: u64,
    /// The share of the loss that a fall must come to; 0 where each counts.
    least: f64,
    /// The loss at the last fall that counted.
    mark: f64,
    /// Whether the start is one of the points that may come of it.
    start: bool,
}

impl<'a> HeldOut<'a> {
    /// Stops after `patience` iterations without a fall by this share of the loss.
    pub fn new(objective: &'a mut dyn Objective, patience: u64, least: f64) -> Self {
        HeldOut { objective, patience, least, mark: f64::INFINITY, start: true }
    }
    /// The same of a start that is no answer, however low the loss there is: a fit to other rows makes a step at least, and
    /// what is told of it must be of that.
    pub fn after_a_step(self) -> Self {
        HeldOut { start: false, ..self }
    }
    /// Whether a loss lower than all before it is so by enough.
    fn counts(&mut self, value: f64) -> bool {
        let enough = self.least == 0.0 || !(value > self.mark * (1.0 - self.least));
        if enough {
            self.mark = value;
        }
        enough
    }
}

impl Descent {
    /// Like [`advance`](Self::advance), and looks at the held-out loss after each step.
    pub fn advance_held(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        held: &mut HeldOut<'_>,
        watch: &mut dyn Watch,
    ) -> Result<bool, Failure> {
        let going = self.advance(objective, penalty, watch)?;
        if going && self.counts.iterations == 0 && !held.start {
            return Ok(true);
        }
        let value = match held.objective.value(&self.x) {
            Ok(v) => v,
            Err(halt) => return self.after(Err(halt)),
        };
        let best = value < self.held.0 || self.held.0.is_infinite();
        if best {
            self.held.0 = value;
            self.best = Some((self.last.value, self.x.clone()));
        }
        if best && held.counts(value) {
            self.held.1 = self.counts.iterations;
        } else if going && self.counts.iterations - self.held.1 >= held.patience {
            self.status = Some(Status::HeldOut);
            return Ok(false);
        }
        Ok(going)
    }

    /// Goes on until it ends, looking at the held-out loss after each step; the best point there is what comes of it.
    pub fn run_held(
        mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        held: &mut HeldOut<'_>,
        watch: &mut dyn Watch,
    ) -> Result<Solution, Failure> {
        while self.advance_held(objective, penalty, held, watch)? {}
        self.end_held(objective, penalty)
    }

    /// What comes of a descent by [`advance_held`](Self::advance_held): the best point on the held-out rows.
    pub fn end_held(
        mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
    ) -> Result<Solution, Failure> {
        let Some((_, x)) = self.best.clone().filter(|b| b.1 != self.x) else {
            self.settle(objective, penalty)?;
            return Ok(self.solution());
        };
        // What is proved was proved of the last point; of this one the value is told as it is on all rows.
        (self.x, self.last.certificate, self.last.sampled) = (x, None, true);
        self.settle(objective, penalty)?;
        self.best = None;
        // Coefficients that would grow without end do not, where a point on the way is returned.
        if self.status.as_ref().is_some_and(|s| s.success() || *s == Status::Separable) {
            self.status = Some(Status::HeldOut);
        }
        Ok(self.solution())
    }
}
