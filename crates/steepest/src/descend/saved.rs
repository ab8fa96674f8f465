//! A descent saved between two of its steps, and loaded into another that was begun alike.
use super::{Descent, Record, SWINGING};
use crate::objective::Objective;
use crate::penalty::Penalty;
use crate::problem::{Meter, Problem};
use crate::state::{Bad, Reference, Saved, State, Visitor};
use crate::status::{Budget, Failure, Halt, Status};
use crate::watch::{Counts, Stop, Unwatched, Watch};

/// By so much of F, or of what it has fallen by, the value found at the point saved may be another than the one saved.
const ALIKE: f64 = 1e-2;

crate::state!(columns Record { iteration, value, residual, rate, evaluations, passes, seconds });

/// The loop's own part, the method's and the objective's apart.
struct Loop<'a>(&'a mut Descent);

impl State for Loop<'_> {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        // What is left out: the settings (`stop`, `keep_path`), mere room (`before`), and how it ended, since it has not.
        let Descent {
            x,
            last,
            counts,
            findings,
            best,
            returns,
            restarts,
            evaluated,
            held,
            history,
            every,
            path,
            units,
            ..
        } = &mut *self.0;
        v.vector("x", x)?;
        v.check("x", x.iter().all(|x| !x.is_nan()), "is not a number (NaN)")?;
        v.field("last", last)?;
        v.field("counts", counts)?;
        v.field("findings", findings)?;
        v.field("best", best)?;
        let fits = best.as_ref().is_none_or(|b| b.1.len() == v.dim());
        v.check("best", fits, "has another length")?;
        v.field("returns", returns)?;
        v.field("restarts", restarts)?;
        v.field("lowest", evaluated.saved())?;
        let fits = evaluated.lowest().is_none_or(|l| l.1.len() == v.dim());
        v.check("lowest", fits, "has another length")?;
        let finite = evaluated.lowest().is_none_or(|l| l.0.is_finite());
        v.check("lowest", finite, "is not finite")?;
        v.field("held", held)?;
        v.check("held", held.1 <= counts.iterations, "is later than the last step")?;
        v.field("history", history)?;
        v.field("every", every)?;
        v.check("every", every.is_power_of_two(), "is no power of two")?;
        let mut points: Vec<f64> = path.concat();
        v.field("path", &mut points)?;
        if v.loads() {
            let n = v.dim().max(1);
            v.check("path", points.len().is_multiple_of(n), "has another length")?;
            *path = points.chunks_exact(n).map(<[f64]>::to_vec).collect();
        }
        v.field("units", units)?;
        let mut seconds = self.0.seconds();
        v.field("seconds", &mut seconds)?;
        v.check("seconds", seconds >= 0.0 && seconds.is_finite(), "is no time")?;
        if v.loads() {
            self.0.clock.before = seconds;
        }
        // A bit a step: no count.
        let mut rises = [self.0.rises >> 32, self.0.rises & 0xffff_ffff];
        v.field("rises", &mut rises)?;
        self.0.rises = rises[0] << 32 | rises[1];
        Ok(())
    }
}

impl Descent {
    /// Whether it stands between two steps, and may go on from there in another run.
    pub fn whole(&self) -> bool {
        self.begun && !self.torn
    }
    /// Whether it has not come to its own end: it is under way, was stopped, or a budget ran out.
    pub fn unfinished(&self) -> bool {
        match &self.status {
            None | Some(Status::Stopped) => true,
            Some(Status::Budget(budget)) => *budget != Budget::Epochs,
            Some(_) => false,
        }
    }

    fn visit(&mut self, objective: &mut dyn Objective, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("loop", &mut Loop(self))?;
        let terms = objective.offers().terms;
        let highest = || self.history.iter().map(|r| r.value).fold(f64::NEG_INFINITY, f64::max);
        v.known = Some(Reference {
            tolerance: self.stop.tolerance,
            unit: self.units.value(),
            plain: self.units.plain(),
            value: if self.last.sampled || self.restarts { f64::NAN } else { self.last.value },
            // Of means of terms some values are those of batches.
            highest: if self.every == 1 && terms == 0 { highest() } else { f64::NAN },
        });
        v.field("method", self.method.state())?;
        objective.state().map_or(Ok(()), |state| v.field("objective", state))
    }

    /// All that its further steps depend on, where it stands [whole](Self::whole).
    pub fn save(&mut self, objective: &mut dyn Objective) -> Result<Saved, Bad> {
        if !self.whole() {
            return Err(Bad("a step has ended in the middle, and that cannot be saved".into()));
        }
        let (mut saved, n) = (Saved::new(), self.x.len());
        self.visit(objective, &mut Visitor::saving(&mut saved, n))?;
        Ok(saved)
    }

    /// Goes on from what another descent of the same problem, method and settings has [saved](Self::save), as if it had
    /// never stopped. What cannot be that is refused; the value at the point saved is asked for once, uncounted, to see it.
    pub fn load(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
        mut saved: Saved,
    ) -> Result<(), Failure> {
        let n = self.x.len();
        let mut look = saved.clone();
        Loop(self).visit_named("loop", &mut Visitor::loading(&mut look, n))?;
        self.alike(objective, penalty)?;
        self.visit(objective, &mut Visitor::loading(&mut saved, n))?;
        if let Some(name) = saved.keys().next() {
            return Err(Box::new(Bad(format!("'{name}' is not known"))));
        }
        self.again(objective, penalty)?;
        self.findings.retain(|f| f.kind != SWINGING);
        (self.begun, self.resumed) = (true, Some(self.counts.iterations));
        let last = (self.last.value, self.x.clone());
        for (value, x) in self.best.iter().chain([&last]) {
            self.evaluated.keep_before(x, *value);
        }
        Ok(())
    }

    /// What the method does not save it makes again: that was counted when it was done first.
    fn again(
        &mut self,
        objective: &mut dyn Objective,
        penalty: &dyn Penalty,
    ) -> Result<(), Failure> {
        let (mut counts, mut findings) = (Counts::default(), Vec::new());
        let stop = Stop { tolerance: self.stop.tolerance, ..Stop::default() };
        let watch: (&mut dyn Watch, _) = (&mut Unwatched, &mut self.clock);
        let meter = Meter::new(stop, (&mut counts, &mut findings), watch, None);
        let mut problem = Problem::of(objective, penalty, meter, &mut self.units);
        match self.method.again(&mut problem) {
            Ok(()) => Ok(()),
            Err(Halt::Failed(error)) => Err(error),
            Err(_) => Err(Box::new(Bad("the table cannot be read as it was".into()))),
        }
    }

    /// Whether F at the point saved is what it was.
    fn alike(&self, objective: &mut dyn Objective, penalty: &dyn Penalty) -> Result<(), Failure> {
        let was = self.last.value;
        // Under constraints the value between two rounds is another function's.
        if objective.offers().constraints > 0 || self.last.sampled || !was.is_finite() {
            return Ok(());
        }
        let value = match objective.value(&self.x) {
            Ok(value) => value + penalty.value(&self.x),
            Err(Halt::Failed(error)) => return Err(error),
            Err(_) => return Ok(()),
        };
        let fallen = self.history.first().map_or(0.0, |r| (r.value - was).abs());
        let size = if fallen.is_finite() { fallen.max(was.abs()) } else { was.abs() };
        if (value - was).abs() <= ALIKE * size {
            return Ok(());
        }
        Err(Box::new(Bad(format!(
            "the value at the point saved was {was:e} and is {value:e} now: the function is another, or its data are"
        ))))
    }
}

impl Loop<'_> {
    fn visit_named(&mut self, name: &str, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field(name, self)
    }
}
