//! What is spent on a problem, the budgets that hold it, and whose turn it is to look on.
use super::Problem;
use crate::evaluated::Evaluated;
use crate::health::Finding;
use crate::objective::Objective;
use crate::penalty::Penalty;
use crate::status::{Budget, Halt};
use crate::units::Units;
use crate::watch::{Counts, Stop, Watch};
use std::time::{Duration, Instant};

/// When it started, and when the watch was last polled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) started: Instant,
    pub(crate) polled: Instant,
    /// Seconds of the run before it was stopped and went on.
    pub(crate) before: f64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Clock { started: now, polled: now, before: 0.0 }
    }
    /// Seconds of the run so far.
    pub(crate) fn seconds(&self, now: Instant) -> f64 {
        self.before + (now - self.started).as_secs_f64()
    }
}

const POLL: Duration = Duration::from_millis(40);

/// What is spent on a problem and who looks on, apart from the objective.
pub struct Meter<'a> {
    pub(super) stop: Stop,
    pub(super) counts: &'a mut Counts,
    pub(super) findings: &'a mut Vec<Finding>,
    pub(super) watch: &'a mut dyn Watch,
    pub(super) clock: &'a mut Clock,
    pub(super) evaluated: Option<&'a mut Evaluated>,
}

impl<'a> Meter<'a> {
    /// Of what may be spent, where what is spent and noticed is written, who looks on since when, and where values are kept.
    pub(crate) fn new(
        stop: Stop,
        (counts, findings): (&'a mut Counts, &'a mut Vec<Finding>),
        (watch, clock): (&'a mut dyn Watch, &'a mut Clock),
        evaluated: Option<&'a mut Evaluated>,
    ) -> Self {
        Meter { stop, counts, findings, watch, clock, evaluated }
    }
    /// For work on the side, to so much of the tolerance: what it spends of its own is counted apart and has no
    /// budget but the clock.
    pub fn aside<'m>(
        &'m mut self,
        share: f64,
        counts: &'m mut Counts,
        findings: &'m mut Vec<Finding>,
    ) -> Meter<'m> {
        let stop = Stop {
            tolerance: share * self.stop.tolerance,
            seconds: self.stop.seconds,
            ..Stop::default()
        };
        Meter { stop, counts, findings, watch: self.watch, clock: self.clock, evaluated: None }
    }
    /// Another problem under the same budgets, in units of its own.
    pub fn problem<'m>(
        &'m mut self,
        objective: &'m mut dyn Objective,
        penalty: &'m dyn Penalty,
        tolerance: f64,
        units: &'m mut Units,
    ) -> Problem<'m> {
        let stop = Stop { tolerance, ..self.stop };
        let Meter { counts, findings, watch, clock, .. } = self;
        let meter = Meter { stop, counts, findings, watch: &mut **watch, clock, evaluated: None };
        Problem::of(objective, penalty, meter, units)
    }
    /// Lets the watch have its turn where it is due.
    pub fn pause(&mut self) -> Result<(), Halt> {
        let now = Instant::now();
        if now - self.clock.polled >= POLL {
            self.clock.polled = now;
            self.watch.poll()?;
            if self.clock.seconds(now) > self.stop.seconds {
                return Err(Halt::Budget(Budget::Seconds));
            }
        }
        Ok(())
    }
    /// Holds the budgets, and counts work of so many passes.
    pub fn spend(&mut self, passes: f64) -> Result<(), Halt> {
        if self.counts.passes >= self.stop.passes {
            return Err(Halt::Budget(Budget::Passes));
        }
        self.counts.passes += passes;
        self.pause()
    }
    /// The same, and the product that it brings.
    pub fn product(&mut self, passes: f64) -> Result<(), Halt> {
        self.spend(passes)?;
        self.counts.products += 1;
        Ok(())
    }
    /// The same as [`spend`](Self::spend), and a value and gradient that it brings.
    pub fn evaluation(&mut self, passes: f64) -> Result<(), Halt> {
        if self.counts.values >= self.stop.evaluations {
            return Err(Halt::Budget(Budget::Evaluations));
        }
        self.spend(passes)?;
        self.counts.values += 1;
        self.counts.gradients += 1;
        Ok(())
    }
}
