//! What solving a program spends, and what came of it step by step.
use crate::descend::Record;
use crate::status::Budget;
use crate::watch::{Counts, Stop};
use std::time::Instant;

/// What is spent, and the history of it.
pub(super) struct Spent<'s> {
    pub stop: &'s Stop,
    pub started: Instant,
    pub counts: Counts,
    pub history: Vec<Record>,
    /// What the value is summed up of where it begins: what is next to nothing beside that is nothing.
    pub null: f64,
}

impl<'s> Spent<'s> {
    pub fn new(stop: &'s Stop, null: f64) -> Self {
        Spent {
            stop,
            started: Instant::now(),
            counts: Counts::default(),
            history: Vec::new(),
            null,
        }
    }
    pub fn record(&mut self, value: f64, residual: f64) {
        self.counts.values += 1;
        self.counts.gradients += 1;
        let Counts { iterations: iteration, values: evaluations, .. } = self.counts;
        let seconds = self.started.elapsed().as_secs_f64();
        self.history.push(Record {
            iteration,
            value,
            residual,
            evaluations,
            seconds,
            ..Record::default()
        });
    }
    pub fn over(&self) -> Option<Budget> {
        if self.counts.iterations >= self.stop.iterations {
            return Some(Budget::Iterations);
        }
        let late = self.started.elapsed().as_secs_f64() > self.stop.seconds;
        late.then_some(Budget::Seconds)
    }
}
