//! The loop that drives every method, and the solution that comes out of it.
use crate::curvature::Curvature;
use crate::evaluated::Evaluated;
use crate::health::{Finding, Severity};
use crate::method::{Method, Step};
use crate::objective::Objective;
use crate::penalty::Penalty;
use crate::problem::{Clock, Meter, Problem};
use crate::status::{Budget, Failure, Halt, Status};
use crate::units::Units;
use crate::watch::{Counts, Progress, Stop, Watch};
use std::time::Instant;

mod held_out;
mod keeper;
mod lower;
mod saved;
mod solution;
pub use held_out::HeldOut;
pub use keeper::{Keeper, Keeps, Unkept, kept};
pub use solution::{Record, Solution};

/// A descent under way: one step at a time, steerable in between.
pub struct Descent {
    /// The method.
    pub method: Box<dyn Method + Send>,
    /// Where it stands.
    pub x: Vec<f64>,
    /// The last step.
    pub last: Step,
    /// What has been spent.
    pub counts: Counts,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// When to stop; may be changed between steps.
    pub stop: Stop,
    /// Whether to keep every point gone through.
    pub keep_path: bool,
    /// Where it stood before the step under way.
    before: Vec<f64>,
    status: Option<Status>,
    best: Option<(f64, Vec<f64>)>,
    held: (f64, u64),
    history: Vec<Record>,
    every: u64,
    path: Vec<Vec<f64>>,
    units: Units,
    clock: Clock,
    evaluated: Evaluated,
    begun: bool,
    /// The iteration that it went on from, where it was loaded.
    resumed: Option<u64>,
    /// Whether a step has ended in the middle: what it left behind is no place to go on from in another run.
    torn: bool,
    /// How often it has gone back to a lower point seen on the way.
    returns: u32,
    /// Whether the next step begins anew there: what the method knows is of another place.
    restarts: bool,
    /// Which of the last 64 steps raised the value, the newest in the lowest bit.
    rises: u64,
}

const HISTORY: usize = 4096;
/// Of 64 steps as many may go up before that is said.
const SWINGS: u32 = 16;
/// What is said of them at the end of a budget.
const SWINGING: &str = "oscillating";

/// Whether a verdict says itself what is wrong at the start.
fn named(verdict: &Status) -> bool {
    matches!(verdict, Status::NotFinite(_) | Status::Infeasible)
}

impl Descent {
    /// A descent from `x0`.
    pub fn new(method: Box<dyn Method + Send>, x0: &[f64], stop: Stop) -> Self {
        Descent {
            method,
            x: x0.to_vec(),
            last: Step::default(),
            counts: Counts::default(),
            findings: Vec::new(),
            stop,
            keep_path: false,
            before: Vec::new(),
            status: None,
            best: None,
            held: (f64::INFINITY, 0),
            history: Vec::new(),
            every: 1,
            path: Vec::new(),
            units: Units::default(),
            clock: Clock::new(),
            evaluated: Evaluated::default(),
            begun: false,
            resumed: None,
            torn: false,
            returns: 0,
            restarts: false,
            rises: 0,
        }
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }
    /// Whether the start has been evaluated.
    pub fn begun(&self) -> bool {
        self.begun
    }
    /// Seconds since it began.
    pub fn seconds(&self) -> f64 {
        self.clock.seconds(Instant::now())
    }

    /// One step (the first call evaluates the start). False once it has ended; an error is the objective's own.
    pub fn advance(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        watch: &mut dyn Watch,
    ) -> Result<bool, Failure> {
        if self.status.is_some() {
            return Ok(false);
        }
        let answer = self.step(objective, penalty, watch);
        self.after(answer)
    }

    fn step(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        watch: &mut dyn Watch,
    ) -> Result<(), Halt> {
        if self.begun && self.counts.iterations >= self.stop.iterations {
            return Err(Halt::Budget(Budget::Iterations));
        }
        // What is said of a table is found in more ways than by its value.
        let evaluated = objective.offers().table.is_none().then_some(&mut self.evaluated);
        let spent = (&mut self.counts, &mut self.findings);
        let meter = Meter::new(self.stop, spent, (watch, &mut self.clock), evaluated);
        let mut problem = Problem::of(objective, penalty, meter, &mut self.units);
        // A step may end in the middle: the value known is that of the point before.
        self.before.clone_from(&self.x);
        self.torn = true;
        let mut step = if self.begun && !self.restarts {
            self.method.step(&mut problem, &mut self.x)
        } else {
            problem.set_units(Units::default());
            let start = self.method.start(&mut problem, &mut self.x);
            self.restarts &= start.is_err();
            start
        };
        if let Ok(claim) = &step
            && self.returns < lower::RETURNS
        {
            let highest = self.history.first().map_or(claim.value, |r| r.value);
            let there = lower::seen(&mut problem, penalty, claim, highest);
            if let Some(there) = there.transpose() {
                step = there.map(|(value, x)| {
                    (self.x, self.restarts) = (x, true);
                    self.returns += 1;
                    Step { value, ..Step::default() }
                });
            }
        }
        // Ended before it stood anywhere: the value is found out when it is asked for.
        self.last.sampled |= step.is_err() && !self.begun;
        if step.is_err() && self.begun {
            self.x.clone_from(&self.before);
        }
        let step = step?;
        self.torn = false;
        if self.begun {
            self.counts.iterations += 1;
        }
        self.begun = true;
        self.rises = self.rises << 1 | u64::from(step.value > self.last.value && !step.sampled);
        self.last = step;
        let claimed = self.last.verdict.take();
        self.last.verdict = claimed.map(|s| s.admitted(self.last.certificate.as_ref()));
        // What is forbidden, or no number, is no answer, whatever stands behind it.
        if self.last.verdict.as_ref().is_some_and(Status::success) && !self.last.value.is_finite() {
            let forbidden = penalty.value(&self.x) == f64::INFINITY;
            let what = format!("the value where it ended is {}", self.last.value);
            self.last.verdict =
                Some(if forbidden { Status::Infeasible } else { Status::NotFinite(what) });
        }
        if self.counts.iterations == 0
            && self.last.value.is_nan()
            && !self.last.verdict.as_ref().is_some_and(named)
        {
            self.last.verdict = Some(Status::NotFinite("the value at the start is NaN".into()));
        }
        self.keep();
        self.record();
        let told = self.tell(watch);
        if let Some(status) = self.last.verdict.clone() {
            // Those who look on see the last step too; a method that has ended need not be stopped.
            let Err(Halt::Failed(error)) = told else { return Err(Halt::Status(status)) };
            // How it ended is not saved: another run goes on from the step before, and ends as this one would have.
            self.torn = true;
            return Err(Halt::Failed(error));
        }
        if !self.last.value.is_finite()
            && self.best.as_ref().is_none_or(|b| !b.0.is_finite())
            && self.counts.iterations > 0
        {
            return Err(Halt::Status(Status::NotFinite(
                "the value is not finite at any point tried".into(),
            )));
        }
        told
    }

    fn tell(&self, watch: &mut dyn Watch) -> Result<(), Halt> {
        if self.counts.iterations == 0 {
            return Ok(());
        }
        watch.iteration(&Progress {
            counts: self.counts,
            value: self.last.value,
            residual: self.last.residual,
            rate: self.last.rate,
            seconds: self.seconds(),
            x: &self.x,
        })
    }

    fn after(&mut self, answer: Result<(), Halt>) -> Result<bool, Failure> {
        self.status = Some(match answer {
            Ok(()) => return Ok(true),
            Err(Halt::Stopped) => Status::Stopped,
            Err(Halt::Budget(b)) => {
                self.notice_swings();
                Status::Budget(b)
            }
            Err(Halt::Status(s)) => s,
            Err(Halt::Failed(e)) => return Err(e),
        });
        Ok(false)
    }

    /// Where a rate was given and a quarter of the last 64 steps went up: more of them would do no better.
    fn notice_swings(&mut self) {
        let Some(rate) = self.method.rate().filter(|_| self.counts.iterations >= 64) else {
            return;
        };
        let rises = self.rises.count_ones();
        if rises < SWINGS {
            return;
        }
        self.findings.retain(|f| f.kind != SWINGING);
        self.findings.push(Finding {
            kind: SWINGING,
            severity: Severity::Warning,
            sentence: format!("The value rose at {rises} of the last 64 steps: it swings to and fro (oscillation)."),
            evidence: vec![("rises", f64::from(rises)), ("rate", rate)],
            threshold: f64::from(SWINGS),
            remedy: "Take a smaller rate, or one that falls over the steps, or give none; more steps at this one will \
                     not settle."
                .into(),
        });
    }

    /// The best point is kept apart unless the method never gets worse.
    fn keep(&mut self) {
        let value = self.last.value;
        let better = self.best.as_ref().is_none_or(|b| value < b.0 || !b.0.is_finite());
        if self.held.0.is_infinite() && better && !self.method.monotone() {
            match &mut self.best {
                Some((v, x)) => {
                    *v = value;
                    x.copy_from_slice(&self.x);
                }
                none => *none = Some((value, self.x.clone())),
            }
        }
        if self.keep_path {
            self.path.push(self.x.clone());
        }
    }

    /// Keeps every line, then every second, every fourth …: a long descent stays readable.
    fn record(&mut self) {
        if self.history.len() >= HISTORY {
            self.every *= 2;
            let every = self.every;
            self.history.retain(|r| r.iteration % every == 0);
        }
        let record = Record {
            iteration: self.counts.iterations,
            value: self.last.value,
            residual: self.last.residual,
            rate: self.last.rate,
            evaluations: self.counts.values,
            passes: self.counts.passes,
            seconds: self.seconds(),
        };
        if record.iteration.is_multiple_of(self.every) || self.last.verdict.is_some() {
            self.history.push(record);
        }
    }

    /// Goes on until it ends; what came of it.
    pub fn run(
        mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        watch: &mut dyn Watch,
    ) -> Result<Solution, Failure> {
        while self.advance(objective, penalty, watch)? {}
        self.settle(objective, penalty)?;
        Ok(self.solution())
    }

    /// What is told must be true of all rows, where a budget ran out before they were ever seen as a whole; and of the
    /// very point that is handed over.
    pub fn settle(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
    ) -> Result<(), Failure> {
        if self.last.sampled {
            if let Some(value) = self.evaluate(objective, penalty, &self.x.clone())? {
                self.last.value = value;
                self.last.sampled = false;
            }
            return Ok(());
        }
        if self.status == Some(Status::Unbounded) && objective.offers().constraints == 0 {
            // What shows that it falls without end is a trial, while the method stands where it was.
            let whole = |(value, x): (f64, &[f64])| (value + penalty.value(x), x.to_vec());
            let seen = self.evaluated.lowest().map(whole);
            self.best = seen.filter(|seen| seen.0 < self.lowest().0).or(self.best.take());
        }
        let (value, x) = self.lowest();
        let known = !value.is_finite() || self.evaluated.holds(x, value, penalty.value(x));
        if known || objective.offers().table.is_some() {
            return Ok(());
        }
        let x = x.to_vec();
        let Some(right) = self.evaluate(objective, penalty, &x)? else { return Ok(()) };
        // A claim about another point is none.
        let off = !((right - value).abs() <= 64.0 * f64::EPSILON * value.abs());
        if off && self.status.as_ref().is_some_and(Status::success) {
            self.status = Some(Status::Plateau);
        }
        if self.x == x {
            self.last.value = right;
        }
        self.best.iter_mut().filter(|b| b.1 == x).for_each(|b| b.0 = right);
        Ok(())
    }

    /// F at x, counted; none where it cannot be had.
    fn evaluate(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        x: &[f64],
    ) -> Result<Option<f64>, Failure> {
        match objective.value(x) {
            Ok(value) => {
                self.counts.values += 1;
                self.counts.passes += objective.offers().reads;
                Ok(Some(value + penalty.value(x)))
            }
            Err(Halt::Failed(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Lets a descent go on that a budget or a watcher had ended; false where it has come to its own end.
    /// `budget` is what the one that ran out is raised by.
    pub fn resume(&mut self, budget: Option<&Stop>) -> bool {
        let stop = &mut self.stop;
        match (&self.status, budget) {
            (Some(Status::Budget(Budget::Iterations)), Some(more)) => {
                stop.iterations = self.counts.iterations.saturating_add(more.iterations);
            }
            (Some(Status::Budget(Budget::Evaluations)), Some(more)) => {
                stop.evaluations = self.counts.values.saturating_add(more.evaluations);
            }
            (Some(Status::Budget(Budget::Passes)), Some(more)) => {
                stop.passes = self.counts.passes + more.passes;
            }
            (Some(Status::Budget(Budget::Seconds)), Some(more)) => {
                stop.seconds = self.clock.seconds(Instant::now()) + more.seconds;
            }
            _ => {}
        }
        if matches!(self.status, Some(Status::Budget(_) | Status::Stopped)) {
            self.status = None;
        }
        self.status.is_none()
    }

    /// What the method knows of the second derivatives where it stands, as of x itself: none where a number is none.
    pub fn curvature(&self) -> Option<Curvature> {
        let mut curvature = self.method.curvature().filter(|_| !self.restarts)?;
        curvature.outward(&self.units);
        curvature.finite().then_some(curvature)
    }

    /// The gradient where it stands, in the units of the method, where that keeps it.
    pub fn gradient(&self) -> Option<&[f64]> {
        self.method.gradient().filter(|_| !self.restarts)
    }

    /// What came of it (at any time: a descent that was left is `Stopped`).
    pub fn solution(self) -> Solution {
        self.so_far()
    }

    /// The value and the point that are handed over.
    fn lowest(&self) -> (f64, &[f64]) {
        // What is claimed without a proof is claimed of the last point: an earlier one may lie lower by a hair, and
        // nothing is known of it.
        let claimed = self.status.as_ref().is_some_and(Status::success)
            && self.last.certificate.as_ref().is_some_and(|c| !c.kind.proves());
        self.best
            .as_ref()
            .filter(|b| self.held.0.is_finite() || !(claimed || self.last.value <= b.0))
            .map_or((self.last.value, &self.x), |b| (b.0, &b.1))
    }

    /// What has come of it so far.
    pub fn so_far(&self) -> Solution {
        let (value, x) = self.lowest();
        let gradient = self.gradient().filter(|_| std::ptr::eq(x, &self.x[..]));
        Solution {
            x: x.to_vec(),
            value,
            violation: self.last.violation,
            status: self.status.clone().unwrap_or(Status::Stopped),
            certificate: self.last.certificate.clone(),
            counts: self.counts,
            seconds: self.seconds(),
            history: self.history.clone(),
            path: self.path.clone(),
            findings: self.findings.clone(),
            resumed: self.resumed,
            gradient: gradient.map(<[f64]>::to_vec),
        }
    }
}

/// Runs a method from `x0` until it, a budget or a watcher says stop.
pub fn descend(
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    method: Box<dyn Method + Send>,
    x0: &[f64],
    stop: Stop,
    watch: &mut dyn Watch,
) -> Result<Solution, Failure> {
    Descent::new(method, x0, stop).run(objective, penalty, watch)
}
