//! The loop that drives every method, and what goes in and out of it: Stop, Watch, Progress, Halt, Solution.
use crate::certificate::Certificate;
use crate::health::Finding;
use crate::method::{Facts, Method, Step};
use crate::objective::Objective;
use crate::penalty::Penalty;
use std::error::Error;
use std::time::{Duration, Instant};

/// What may run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Steps of the method.
    Iterations,
    /// Evaluations of the function or its gradient.
    Evaluations,
    /// Reads of the data.
    Passes,
    /// Rounds of batches that a stochastic method was given.
    Epochs,
    /// Wall-clock time.
    Seconds,
}

/// How a descent ended. The message is a sentence for people.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Within the tolerance.
    Converged,
    /// As near as the arithmetic allows; a success.
    PrecisionLimit,
    /// Steps are as small as the noise of the batches; a success for a method that only sees batches.
    NoiseFloor,
    /// The loss on held-out rows stopped falling; the best point there is returned.
    HeldOut,
    /// A budget ran out first.
    Budget(Budget),
    /// A callback asked to stop.
    Stopped,
    /// The value grows without end.
    Diverged,
    /// A value or an input is not finite; says where.
    NotFinite(String),
    /// The objective has no lower bound.
    Unbounded,
    /// The classes can be separated and nothing is penalised: the infimum is not attained.
    Separable,
    /// The gradient given is not the function's; says by how much.
    GradientInconsistent(String),
    /// No point satisfies the constraints.
    Infeasible,
    /// No further decrease can be found, though the gradient is not small.
    Plateau,
}

impl Status {
    /// The name that results carry.
    pub fn name(&self) -> &'static str {
        match self {
            Status::Converged => "converged",
            Status::PrecisionLimit => "precision_limit",
            Status::NoiseFloor => "noise_floor",
            Status::HeldOut => "held_out",
            Status::Budget(_) => "budget",
            Status::Stopped => "stopped",
            Status::Diverged => "diverged",
            Status::NotFinite(_) => "not_finite",
            Status::Unbounded => "unbounded",
            Status::Separable => "separable",
            Status::GradientInconsistent(_) => "gradient_inconsistent",
            Status::Infeasible => "infeasible",
            Status::Plateau => "plateau",
        }
    }
    /// SciPy's number: 0 for success.
    pub fn number(&self) -> i32 {
        match self {
            Status::Converged | Status::PrecisionLimit | Status::NoiseFloor | Status::HeldOut => 0,
            Status::Budget(_) => 1,
            Status::Plateau => 2,
            Status::Diverged => 3,
            Status::NotFinite(_) => 4,
            Status::Unbounded => 5,
            Status::Separable => 6,
            Status::GradientInconsistent(_) => 7,
            Status::Infeasible => 8,
            Status::Stopped => 99,
        }
    }
    /// Whether the point returned is what was asked for.
    pub fn success(&self) -> bool {
        self.number() == 0
    }
    /// The sentence.
    pub fn message(&self) -> String {
        match self {
            Status::Converged => "Converged: within the tolerance of the best possible.".into(),
            Status::PrecisionLimit => "Converged to the precision of the arithmetic: no step lowers the value any more.".into(),
            Status::NoiseFloor => "Reached the noise floor: what is left is as small as the noise of the batches.".into(),
            Status::HeldOut => "Stopped early: the loss on held-out rows no longer falls; the best point there is returned.".into(),
            Status::Budget(b) => {
                let (what, setting) = match b {
                    Budget::Iterations => ("iterations", "max_iter"),
                    Budget::Evaluations => ("evaluations", "max_evaluations"),
                    Budget::Passes => ("passes over the data", "max_passes"),
                    Budget::Epochs => ("epochs", "epochs"),
                    Budget::Seconds => ("seconds", "max_seconds"),
                };
                format!("Stopped by the budget of {what}: not converged yet; raise {setting} to go on.")
            }
            Status::Stopped => "Stopped by the callback.".into(),
            Status::Diverged => "Diverged: the value grows without end; take a smaller rate, or give none.".into(),
            Status::NotFinite(what) => format!("Not finite: {what}."),
            Status::Unbounded => "Unbounded: the value falls without end.".into(),
            Status::Separable => "Separable classes without a penalty: the loss falls to 0 only as the coefficients grow without end; add an l2 penalty.".into(),
            Status::GradientInconsistent(what) => format!("The gradient is not the function's: {what}."),
            Status::Infeasible => "Infeasible: no point satisfies the constraints.".into(),
            Status::Plateau => "Stuck: no step lowers the value, though the gradient is not small.".into(),
        }
    }
}

/// Why a descent ends before its method says so.
#[derive(Debug)]
pub enum Halt {
    /// A callback asked to.
    Stopped,
    /// A budget ran out.
    Budget(Budget),
    /// A status found out in the middle of a step.
    Status(Status),
    /// The objective or a callback failed: the error comes out as itself, and nothing else does.
    Failed(Box<dyn Error + Send + Sync>),
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// F(x) − F* relative to max(F(x), 1e-12 F(null)).
    pub tolerance: f64,
    /// Steps at most.
    pub iterations: u64,
    /// Evaluations at most (a value and a gradient at one point count one).
    pub evaluations: u64,
    /// Reads of the data at most.
    pub passes: f64,
    /// Wall-clock seconds at most.
    pub seconds: f64,
}

impl Default for Stop {
    fn default() -> Self {
        Stop {
            tolerance: 1e-6,
            iterations: u64::MAX,
            evaluations: u64::MAX,
            passes: f64::INFINITY,
            seconds: f64::INFINITY,
        }
    }
}

/// What has been spent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Steps.
    pub iterations: u64,
    /// Values asked for (a gradient brings its value along).
    pub values: u64,
    /// Gradients asked for.
    pub gradients: u64,
    /// Hessians or products asked for.
    pub products: u64,
    /// Reads of the data; a sampled row counts its share.
    pub passes: f64,
}

/// Where a descent stands, for those who look on.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What has been spent.
    pub counts: Counts,
    /// F at x.
    pub value: f64,
    /// The scaled residual.
    pub residual: f64,
    /// The rate or step length.
    pub rate: f64,
    /// Wall-clock seconds so far.
    pub seconds: f64,
    /// The point.
    pub x: &'a [f64],
}

/// Who looks on. One of these is called on the calling thread only.
pub trait Watch {
    /// Called after each iteration; an `Err` ends the descent.
    fn iteration(&mut self, progress: &Progress<'_>) -> Result<(), Halt> {
        let _ = progress;
        Ok(())
    }
    /// Called at least some twenty times a second while the arithmetic runs (signals, other threads).
    fn poll(&mut self) -> Result<(), Halt> {
        Ok(())
    }
}

/// Nobody looks on.
pub struct Unwatched;
impl Watch for Unwatched {}

/// A problem as a method sees it: the objective and the penalty, with every evaluation counted and
/// the budgets held.
pub struct Problem<'a> {
    /// What is minimised (smooth part).
    pub objective: &'a mut dyn Objective,
    /// What is added.
    pub penalty: &'a dyn Penalty,
    /// The tolerance and the budgets.
    pub stop: Stop,
    /// What has been spent.
    pub counts: &'a mut Counts,
    /// What was noticed.
    pub findings: &'a mut Vec<Finding>,
    /// Who looks on.
    pub watch: &'a mut dyn Watch,
    clock: &'a mut Clock,
}

/// When it started, and when the watch was last polled.
#[derive(Clone, Copy, Debug)]
struct Clock {
    started: Instant,
    polled: Instant,
}

const POLL: Duration = Duration::from_millis(40);

impl Problem<'_> {
    /// How many variables.
    pub fn dim(&self) -> usize {
        self.objective.dim()
    }
    /// The smooth part f(x) alone.
    pub fn value(&mut self, x: &[f64]) -> Result<f64, Halt> {
        self.spend()?;
        self.counts.values += 1;
        self.counts.passes += self.objective.reads();
        self.objective.value(x)
    }
    /// The smooth part f(x) and its gradient.
    pub fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        self.spend()?;
        self.counts.values += 1 + self.objective.differences();
        self.counts.gradients += 1;
        self.counts.passes += self.objective.reads();
        let (objective, mut meter) = self.split();
        objective.gradient_pausing(x, gradient, &mut || meter.pause())
    }
    /// The gradient at the point whose value was asked for last: counts no second evaluation.
    pub fn gradient_there(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<(), Halt> {
        self.pause()?;
        self.counts.values += self.objective.differences();
        self.counts.gradients += 1;
        self.objective.gradient_there(x, gradient)
    }
    /// f(x) and the penalty's value, where the penalty is smooth.
    pub fn total(&mut self, x: &[f64]) -> Result<f64, Halt> {
        Ok(self.value(x)? + self.added(x))
    }
    /// f(x) and the penalty's value, with the gradient of both, where the penalty is smooth.
    pub fn total_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        let value = self.gradient(x, gradient)?;
        Ok(value + self.added_gradient(x, gradient))
    }
    /// The gradient alone, at the point whose value was asked for last.
    pub fn total_gradient_there(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<(), Halt> {
        self.gradient_there(x, gradient)?;
        self.added_gradient(x, gradient);
        Ok(())
    }
    /// What is smooth and bounds at once is nothing at all.
    fn adds(&self) -> bool {
        let offers = self.penalty.offers();
        offers.smooth && !offers.bounds
    }
    fn added(&self, x: &[f64]) -> f64 {
        if self.adds() { self.penalty.value(x) } else { 0.0 }
    }
    /// Adds the penalty's gradient, where it is smooth; its value there.
    pub fn added_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        if !self.adds() {
            return 0.0;
        }
        self.penalty.add_gradient(x, gradient);
        self.penalty.value(x)
    }
    /// The smooth part's mean over the terms named, and its gradient; counts its share of a pass.
    pub fn batch(&mut self, named: &[u32], x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        if self.counts.passes >= self.stop.passes {
            return Err(Halt::Budget(Budget::Passes));
        }
        self.pause()?;
        let terms = self.objective.terms().expect("asked only where there are terms");
        self.counts.passes += named.len() as f64 / terms.count() as f64;
        terms.batch(named, x, gradient)
    }
    /// Checks the budgets and lets the watch have its turn; costs one look at the clock.
    fn spend(&mut self) -> Result<(), Halt> {
        if self.counts.values >= self.stop.evaluations {
            return Err(Halt::Budget(Budget::Evaluations));
        }
        if self.counts.passes >= self.stop.passes {
            return Err(Halt::Budget(Budget::Passes));
        }
        self.pause()
    }
    /// Lets the watch have its turn where it is due; methods call it in their own long loops.
    pub fn pause(&mut self) -> Result<(), Halt> {
        self.split().1.pause()
    }
    /// The objective, and apart from it what is spent and who looks on: for methods that work inside it.
    pub fn split(&mut self) -> (&mut dyn Objective, Meter<'_>) {
        let meter = Meter {
            stop: self.stop,
            counts: self.counts,
            findings: self.findings,
            watch: self.watch,
            clock: self.clock,
        };
        (self.objective, meter)
    }
    /// What is known of this problem.
    pub fn facts(&mut self) -> Facts {
        facts(self.objective, self.penalty)
    }
}

/// What is spent on a problem and who looks on, apart from the objective.
pub struct Meter<'a> {
    /// The tolerance and the budgets.
    pub stop: Stop,
    /// What has been spent.
    pub counts: &'a mut Counts,
    /// What was noticed.
    pub findings: &'a mut Vec<Finding>,
    watch: &'a mut dyn Watch,
    clock: &'a mut Clock,
}

impl Meter<'_> {
    /// Lets the watch have its turn where it is due.
    pub fn pause(&mut self) -> Result<(), Halt> {
        let now = Instant::now();
        if now - self.clock.polled >= POLL {
            self.clock.polled = now;
            self.watch.poll()?;
            if (now - self.clock.started).as_secs_f64() > self.stop.seconds {
                return Err(Halt::Budget(Budget::Seconds));
            }
        }
        Ok(())
    }
    /// Holds the budgets, and counts a value and gradient over a share of the rows.
    pub fn spend(&mut self, share: f64) -> Result<(), Halt> {
        if self.counts.values >= self.stop.evaluations {
            return Err(Halt::Budget(Budget::Evaluations));
        }
        if self.counts.passes >= self.stop.passes {
            return Err(Halt::Budget(Budget::Passes));
        }
        self.counts.values += 1;
        self.counts.gradients += 1;
        self.counts.passes += share;
        self.pause()
    }
}

/// What is known of a problem.
pub fn facts(objective: &mut dyn Objective, penalty: &dyn Penalty) -> Facts {
    let whole = objective.curvature().map(|c| c.whole());
    Facts {
        dim: objective.dim(),
        terms: objective.terms().map_or(0, |t| t.count()),
        products: whole.is_some(),
        hessian: whole == Some(true),
        glm: objective.glm().is_some(),
        outputs: objective.glm().map_or(0, |g| g.outputs()),
        dense: objective.glm().is_some_and(|g| g.is_dense()),
        offers: penalty.offers(),
        penalty: penalty.name(),
    }
}

/// One line of the history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Steps so far.
    pub iteration: u64,
    /// F.
    pub value: f64,
    /// Scaled residual.
    pub residual: f64,
    /// Rate or step length.
    pub rate: f64,
    /// Evaluations so far.
    pub evaluations: u64,
    /// Passes so far.
    pub passes: f64,
    /// Seconds so far.
    pub seconds: f64,
}

/// What came of a descent.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The best point, never merely the last.
    pub x: Vec<f64>,
    /// F there.
    pub value: f64,
    /// How it ended.
    pub status: Status,
    /// What stands behind that.
    pub certificate: Option<Certificate>,
    /// What was spent.
    pub counts: Counts,
    /// Seconds.
    pub seconds: f64,
    /// The descent, thinned to some thousand lines.
    pub history: Vec<Record>,
    /// The points gone through, where asked for.
    pub path: Vec<Vec<f64>>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// The gradient of the smooth part at x, where the method had it.
    pub gradient: Option<Vec<f64>>,
}

impl Solution {
    /// How it ended, in a sentence that claims no more than the certificate holds.
    pub fn message(&self) -> String {
        let stationary = self.certificate.as_ref().is_some_and(|c| !c.kind.proves());
        if self.status == Status::Converged && stationary {
            return "Converged: the gradient is as good as zero and no step lowers the value by more than the tolerance.".into();
        }
        self.status.message()
    }
}

/// Stops when the loss on held-out rows has not fallen for `patience` iterations; the best point there is kept.
pub struct HeldOut<'a> {
    /// The loss on rows that the descent does not see.
    pub objective: &'a mut dyn Objective,
    /// Iterations without a fall before it stops.
    pub patience: u64,
}

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
    status: Option<Status>,
    best: Option<(f64, Vec<f64>)>,
    held: (f64, u64),
    history: Vec<Record>,
    every: u64,
    path: Vec<Vec<f64>>,
    clock: Clock,
    begun: bool,
}

const HISTORY: usize = 4096;

impl Descent {
    /// A descent from `x0`.
    pub fn new(method: Box<dyn Method + Send>, x0: &[f64], stop: Stop) -> Self {
        let now = Instant::now();
        Descent {
            method,
            x: x0.to_vec(),
            last: Step::default(),
            counts: Counts::default(),
            findings: Vec::new(),
            stop,
            keep_path: false,
            status: None,
            best: None,
            held: (f64::INFINITY, 0),
            history: Vec::new(),
            every: 1,
            path: Vec::new(),
            clock: Clock { started: now, polled: now },
            begun: false,
        }
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }
    /// Seconds since it began.
    pub fn seconds(&self) -> f64 {
        self.clock.started.elapsed().as_secs_f64()
    }

    /// One step (the first call evaluates the start). False once it has ended; an error is the objective's own.
    pub fn advance(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        watch: &mut dyn Watch,
    ) -> Result<bool, Box<dyn Error + Send + Sync>> {
        if self.status.is_some() {
            return Ok(false);
        }
        let answer = self.step(objective, penalty, watch);
        self.after(answer)
    }

    /// Like [`advance`](Self::advance), and looks at the held-out loss after each step.
    pub fn advance_held(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        held: &mut HeldOut<'_>,
        watch: &mut dyn Watch,
    ) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let going = self.advance(objective, penalty, watch)?;
        let value = match held.objective.value(&self.x) {
            Ok(v) => v,
            Err(halt) => return self.after(Err(halt)),
        };
        if value < self.held.0 || self.held.0.is_infinite() {
            self.held = (value, self.counts.iterations);
            self.best = Some((self.last.value, self.x.clone()));
        } else if going && self.counts.iterations - self.held.1 >= held.patience {
            self.status = Some(Status::HeldOut);
            return Ok(false);
        }
        Ok(going)
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
        let mut problem = Problem {
            objective,
            penalty,
            stop: self.stop,
            counts: &mut self.counts,
            findings: &mut self.findings,
            watch,
            clock: &mut self.clock,
        };
        let step = if self.begun {
            self.method.step(&mut problem, &mut self.x)
        } else {
            self.method.start(&mut problem, &mut self.x)
        }?;
        if self.begun {
            self.counts.iterations += 1;
        }
        self.begun = true;
        self.last = step;
        self.keep();
        self.record();
        let told = self.tell(watch);
        if let Some(status) = self.last.verdict.clone() {
            // Those who look on see the last step too; a method that has ended need not be stopped.
            return Err(match told {
                Err(Halt::Failed(error)) => Halt::Failed(error),
                _ => Halt::Status(status),
            });
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
            seconds: self.clock.started.elapsed().as_secs_f64(),
            x: &self.x,
        })
    }

    fn after(&mut self, answer: Result<(), Halt>) -> Result<bool, Box<dyn Error + Send + Sync>> {
        self.status = Some(match answer {
            Ok(()) => return Ok(true),
            Err(Halt::Stopped) => Status::Stopped,
            Err(Halt::Budget(b)) => Status::Budget(b),
            Err(Halt::Status(s)) => s,
            Err(Halt::Failed(e)) => return Err(e),
        });
        Ok(false)
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
    ) -> Result<Solution, Box<dyn Error + Send + Sync>> {
        while self.advance(objective, penalty, watch)? {}
        self.settle(objective, penalty)?;
        Ok(self.solution())
    }

    /// Where a budget ran out before the rows were ever seen as a whole: what is told must be true of all.
    pub fn settle(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        if !self.last.sampled {
            return Ok(());
        }
        match objective.value(&self.x) {
            Ok(value) => {
                self.counts.values += 1;
                self.counts.passes += objective.reads();
                self.last.value = value + penalty.value(&self.x);
                self.last.sampled = false;
                Ok(())
            }
            Err(Halt::Failed(error)) => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Lets a descent go on that a budget or a watcher had ended; false where it has come to its own end.
    pub fn resume(&mut self) -> bool {
        if matches!(self.status, Some(Status::Budget(_) | Status::Stopped)) {
            self.status = None;
        }
        self.status.is_none()
    }

    /// What came of it (at any time: a descent that was left is `Stopped`).
    pub fn solution(self) -> Solution {
        self.so_far()
    }

    /// What has come of it so far.
    pub fn so_far(&self) -> Solution {
        let best =
            self.best.as_ref().filter(|b| self.held.0.is_finite() || !(self.last.value <= b.0));
        let (value, x) = best.map_or((self.last.value, &self.x), |b| (b.0, &b.1));
        let gradient = self.method.gradient().filter(|_| best.is_none());
        Solution {
            x: x.clone(),
            value,
            status: self.status.clone().unwrap_or(Status::Stopped),
            certificate: self.last.certificate.clone(),
            counts: self.counts,
            seconds: self.seconds(),
            history: self.history.clone(),
            path: self.path.clone(),
            findings: self.findings.clone(),
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
) -> Result<Solution, Box<dyn Error + Send + Sync>> {
    Descent::new(method, x0, stop).run(objective, penalty, watch)
}
