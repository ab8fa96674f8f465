//! A problem as a method sees it: every evaluation counted, the budgets held, the watch polled.
use crate::health::Finding;
use crate::objective::Objective;
use crate::penalty::{Offers, Penalty};
use crate::status::{Budget, Halt};
use crate::units::Units;
use crate::watch::{Counts, Stop, Watch};
use std::time::{Duration, Instant};

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
    /// The units in which `value`, `gradient` and their kin are asked and answered; a method sets them when it starts.
    pub units: &'a mut Units,
    pub(crate) clock: &'a mut Clock,
}

/// When it started, and when the watch was last polled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) started: Instant,
    pub(crate) polled: Instant,
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
        if self.units.plain() {
            return self.objective.value(x);
        }
        let at = self.units.lend(x);
        let value = self.objective.value(&at);
        self.units.back(at);
        Ok(value? / self.units.value())
    }
    /// The smooth part f(x) and its gradient.
    pub fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        self.spend()?;
        self.counts.values += 1;
        self.counts.gradients += 1;
        self.counts.passes += self.objective.reads();
        if self.units.plain() {
            let (objective, mut meter) = self.split();
            let value = objective.gradient_pausing(x, gradient, &mut || meter.pause());
            self.counts.values += self.objective.spent();
            return value;
        }
        let at = self.units.lend(x);
        let (objective, mut meter) = self.split();
        let value = objective.gradient_pausing(&at, gradient, &mut || meter.pause());
        self.units.back(at);
        self.counts.values += self.objective.spent();
        self.units.slopes(gradient);
        Ok(value? / self.units.value())
    }
    /// The gradient at the point whose value was asked for last: counts no second evaluation.
    pub fn gradient_there(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<(), Halt> {
        self.pause()?;
        self.counts.gradients += 1;
        if self.units.plain() {
            let done = self.objective.gradient_there(x, gradient);
            self.counts.values += self.objective.spent();
            return done;
        }
        let at = self.units.lend(x);
        let done = self.objective.gradient_there(&at, gradient);
        self.units.back(at);
        self.counts.values += self.objective.spent();
        self.units.slopes(gradient);
        done
    }
    /// H(x), row after row, where the objective has it.
    pub fn hessian(&mut self, x: &[f64], out: &mut [f64]) -> Result<(), Halt> {
        self.pause()?;
        self.counts.products += 1;
        let at = self.units.lend(x);
        let curvature = self.objective.curvature().expect("asked only where there is one");
        let done = curvature.hessian(&at, out);
        self.units.back(at);
        for (j, row) in out.chunks_exact_mut(x.len()).enumerate().filter(|_| !self.units.plain()) {
            self.units.slopes(row);
            row.iter_mut().for_each(|h| *h *= self.units.length(j));
        }
        done
    }
    /// H(x)·v, where the objective has products.
    pub fn product(&mut self, x: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Halt> {
        self.pause()?;
        self.counts.products += 1;
        let at = self.units.lend(x);
        let mut along = v.to_vec();
        self.units.outward(v, &mut along);
        let curvature = self.objective.curvature().expect("asked only where there is one");
        let done = curvature.product(&at, &along, out);
        self.units.back(at);
        self.units.slopes(out);
        done
    }
    /// What [`Objective::accuracy`] says, in these units.
    pub fn accuracy(&self, noise: &mut [f64]) -> f64 {
        let value = self.objective.accuracy(noise);
        self.units.slopes(noise);
        value / self.units.value()
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
    /// Whether a method may set units: what is not smooth is asked by its own names (bounds, prox).
    pub fn scalable(&self) -> bool {
        !self.adds() && self.objective.glm().is_none() && self.objective.reads() == 0.0
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
    pub(crate) clock: &'a mut Clock,
}

impl Meter<'_> {
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
        Meter { stop, counts, findings, watch: self.watch, clock: self.clock }
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
        Problem { objective, penalty, stop, counts, findings, watch: *watch, units, clock }
    }
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

/// What is known of a problem before the first step: `auto` and refusals decide by it.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Variables.
    pub dim: usize,
    /// Terms of the mean; 0 where it is not one.
    pub terms: usize,
    /// Whether products with second derivatives can be had.
    pub products: bool,
    /// Whether the matrix of second derivatives can be had.
    pub hessian: bool,
    /// Whether it is a loss over a design.
    pub glm: bool,
    /// Margins of a row of it; 0 where it is none.
    pub outputs: usize,
    /// Whether that design is dense.
    pub dense: bool,
    /// What the penalty can do.
    pub offers: Offers,
    /// The penalty's name, for refusals.
    pub penalty: &'static str,
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

/// A meter that counts for nobody.
#[cfg(test)]
pub(crate) fn with_meter<R>(work: impl FnOnce(&mut Meter<'_>) -> R) -> R {
    let (mut counts, mut findings) = (Counts::default(), Vec::new());
    let (mut watch, now) = (crate::watch::Unwatched, Instant::now());
    let mut clock = Clock { started: now, polled: now };
    let (stop, watch) = (Stop::default(), &mut watch);
    work(&mut Meter {
        stop,
        counts: &mut counts,
        findings: &mut findings,
        watch,
        clock: &mut clock,
    })
}
