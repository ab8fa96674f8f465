//! A problem as a method sees it: every evaluation counted, the budgets held, the watch polled.
use crate::design::Design;
use crate::evaluated::Evaluated;
use crate::health::Finding;
use crate::held::Held;
use crate::objective::{Ask, Objective, Offers, Rows, Work};
use crate::penalty::Penalty;
use crate::status::{Budget, Halt};
use crate::table::{OfRows, Slot, Table};
use crate::units::Units;
use crate::watch::{Counts, Stop, Watch};
use std::ops::Range;

mod facts;
mod meter;
pub use facts::{Facts, facts};
pub(crate) use meter::Clock;
pub use meter::Meter;

/// A problem as a method sees it: the objective and the penalty, with every evaluation counted and
/// the budgets held.
pub struct Problem<'a> {
    objective: &'a mut dyn Objective,
    penalty: &'a dyn Penalty,
    stop: Stop,
    counts: &'a mut Counts,
    findings: &'a mut Vec<Finding>,
    watch: &'a mut dyn Watch,
    units: &'a mut Units,
    clock: &'a mut Clock,
    /// Where values are kept, so that the one handed over is held against them; only of a descent's own objective.
    evaluated: Option<&'a mut Evaluated>,
}

impl<'a> Problem<'a> {
    /// How many variables.
    pub fn dim(&self) -> usize {
        self.objective.dim()
    }
    /// Of an objective and a penalty, by what a meter counts.
    pub(crate) fn of(
        objective: &'a mut dyn Objective,
        penalty: &'a dyn Penalty,
        meter: Meter<'a>,
        units: &'a mut Units,
    ) -> Self {
        let Meter { stop, counts, findings, watch, clock, evaluated } = meter;
        Problem { objective, penalty, stop, counts, findings, watch, units, clock, evaluated }
    }
    /// What is added.
    pub fn penalty(&self) -> &'a dyn Penalty {
        self.penalty
    }
    /// The tolerance and the budgets.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }
    /// F(x) − F* relative to max(F(x), 1e-12 F(null)) is to come below it.
    pub fn tolerance(&self) -> f64 {
        self.stop.tolerance
    }
    /// What has been spent.
    pub fn counts(&self) -> &Counts {
        self.counts
    }
    /// What was noticed.
    pub fn findings(&self) -> &[Finding] {
        self.findings
    }
    /// Says what was noticed.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
    /// Takes back all that was noticed beyond the first so many.
    pub fn forget_findings(&mut self, beyond: usize) {
        self.findings.truncate(beyond);
    }
    /// The units in which `value`, `gradient` and their kin are asked and answered.
    pub fn units(&self) -> &Units {
        self.units
    }
    /// Others from here on, which a method sets when it starts; those before.
    pub fn set_units(&mut self, units: Units) -> Units {
        std::mem::replace(self.units, units)
    }
    /// What the objective can be asked.
    pub fn offers(&self) -> Offers {
        self.objective.offers()
    }
    /// Between what each constraint is to be.
    pub fn limits(&self) -> (&[f64], &[f64]) {
        self.objective.limits()
    }
    /// Work on another objective round this one, within the same budgets, to its own tolerance and in units of its own.
    pub fn wrapped<'m, W: Objective + 'm, T>(
        &'m mut self,
        wrap: impl FnOnce(&'m mut dyn Objective) -> W,
        tolerance: f64,
        units: &mut Units,
        work: impl FnOnce(&mut Problem<'_>) -> T,
    ) -> T {
        let penalty = self.penalty;
        let (objective, mut meter) = self.parts();
        let mut wrapper = wrap(objective);
        work(&mut meter.problem(&mut wrapper, penalty, tolerance, units))
    }
    /// Lengths of the tensors that x is made of.
    pub fn tensors(&self) -> Vec<Vec<usize>> {
        self.objective.tensors()
    }
    /// The one door to the objective: all of this at once, counted, within the budgets, in the units of the method.
    pub fn ask(&mut self, x: &[f64], rows: Rows<'_>, asks: &mut [Ask<'_>]) -> Result<(), Halt> {
        self.count(rows, asks)?;
        if self.units.plain() {
            return self.answered(x, rows, asks);
        }
        let at = self.units.lend(x);
        let along: Vec<Vec<f64>> = asks.iter().filter_map(|a| self.outward(a)).collect();
        let mut along_left = along.iter();
        let mut outside: Vec<Ask<'_>> = asks
            .iter_mut()
            .map(|ask| match ask {
                Ask::Product { to, .. } => {
                    Ask::Product { along: along_left.next().expect("one each"), to }
                }
                Ask::Preconditioned { to, reach, .. } => {
                    Ask::Preconditioned { of: along_left.next().expect("one each"), to, reach }
                }
                other => other.again(),
            })
            .collect();
        let done = self.answered(&at, rows, &mut outside);
        drop(outside);
        self.units.back(at);
        done?;
        asks.iter_mut().for_each(|ask| self.inward(ask));
        Ok(())
    }
    /// What a product is taken along, or a gradient that is preconditioned, in the objective's own units.
    fn outward(&self, ask: &Ask<'_>) -> Option<Vec<f64>> {
        let units = &*self.units;
        match ask {
            Ask::Product { along, .. } => {
                let mut out = along.to_vec();
                units.outward(along, &mut out);
                Some(out)
            }
            Ask::Preconditioned { of, .. } => {
                let one = |(j, g): (usize, &f64)| g * units.value() / units.length(j);
                Some(of.iter().enumerate().map(one).collect())
            }
            _ => None,
        }
    }
    /// An answer in the units of the method.
    fn inward(&self, ask: &mut Ask<'_>) {
        let units = &*self.units;
        match ask {
            Ask::Value(value) => **value /= units.value(),
            Ask::Gradient(to) | Ask::Product { to, .. } => units.slopes(to),
            Ask::Hessian(to) => {
                let n = to.len().isqrt();
                for (j, row) in to.chunks_exact_mut(n.max(1)).enumerate() {
                    units.slopes(row);
                    row.iter_mut().for_each(|h| *h *= units.length(j));
                }
            }
            Ask::Preconditioned { to, reach, .. } => {
                to.iter_mut().enumerate().for_each(|(j, d)| *d /= units.length(j));
                **reach /= (0..to.len()).map(|j| units.length(j)).fold(0.0, f64::max);
            }
            Ask::Accuracy { value, gradient } => {
                **value /= units.value();
                units.slopes(gradient);
            }
            Ask::Pull { to, .. } => {
                to.iter_mut().enumerate().for_each(|(j, g)| *g *= units.length(j));
            }
            Ask::Jacobian(to) => {
                let n = self.objective.dim();
                for row in to.chunks_exact_mut(n.max(1)) {
                    row.iter_mut().enumerate().for_each(|(j, g)| *g *= units.length(j));
                }
            }
            // A table's objective sets no units.
            Ask::Sharpen { .. }
            | Ask::Constraints(_)
            | Ask::Residuals { .. }
            | Ask::Rows(_)
            | Ask::Least { .. } => {}
        }
    }
    fn answered(&mut self, x: &[f64], rows: Rows<'_>, asks: &mut [Ask<'_>]) -> Result<(), Halt> {
        let (objective, mut meter) = self.parts();
        let mut pause = || meter.pause();
        let mut work = Work::new(&mut pause);
        let done = objective.answer(x, rows, asks, &mut work);
        let (values, lowest) = (work.values, work.lowest.take());
        self.counts.values += values;
        if let (Some(kept), Rows::All, Some((value, at))) = (&mut self.evaluated, rows, lowest) {
            kept.saw(&at, value);
        }
        if let (Some(kept), Rows::All, Ok(())) = (&mut self.evaluated, rows, &done) {
            let value =
                |ask: &Ask<'_>| if let Ask::Value(value) = ask { Some(**value) } else { None };
            asks.iter().filter_map(value).for_each(|value| kept.keep(x, value));
        }
        done
    }
    /// Counts what is asked, where a budget does not forbid it.
    fn count(&mut self, rows: Rows<'_>, asks: &[Ask<'_>]) -> Result<(), Halt> {
        let Offers { reads, terms, .. } = self.objective.offers();
        let (mut spent, mut swept) = (*self.counts, false);
        for ask in asks {
            match (ask, rows) {
                (Ask::Value(_), Rows::All | Rows::Sample(_)) => spent.values += 1,
                (Ask::Gradient(_), Rows::All | Rows::Sample(_)) => spent.gradients += 1,
                (Ask::Product { .. } | Ask::Hessian(_), _) => spent.products += 1,
                (Ask::Value(_) | Ask::Gradient(_), Rows::Terms(_)) => {}
                (Ask::Constraints(_) | Ask::Pull { .. }, _) => {}
                (Ask::Jacobian(_) | Ask::Least { .. }, Rows::All) => spent.gradients += 1,
                // The value is asked for with them.
                (Ask::Residuals { .. } | Ask::Jacobian(_) | Ask::Least { .. }, _) => {}
                (Ask::Rows(OfRows::Bent { .. }), _) => spent.products += 1,
                // Where a descent breaks down: no budget is to hide why.
                (Ask::Rows(OfRows::NotFinite(_)), _) => {
                    self.counts.passes += reads;
                    continue;
                }
                (Ask::Rows(ask), _) if ask.reads() => {}
                (
                    Ask::Preconditioned { .. }
                    | Ask::Accuracy { .. }
                    | Ask::Sharpen { .. }
                    | Ask::Rows(_),
                    _,
                ) => continue,
            }
            swept = true;
        }
        if !swept {
            return Ok(());
        }
        if spent.values > self.counts.values && self.counts.values >= self.stop.evaluations {
            return Err(Halt::Budget(Budget::Evaluations));
        }
        if self.counts.passes >= self.stop.passes {
            return Err(Halt::Budget(Budget::Passes));
        }
        spent.passes += match rows {
            Rows::All => reads,
            Rows::Terms(named) => named.len() as f64 / terms.max(1) as f64,
            Rows::Sample(sample) => reads * (sample.len() as f64 / terms.max(1) as f64),
        };
        self.pause()?;
        *self.counts = spent;
        Ok(())
    }
    /// The lowest value of f that was seen of all the terms, and where, neither in the units of the method.
    pub(crate) fn lowest(&self) -> Option<(f64, Vec<f64>)> {
        let (value, x) = self.evaluated.as_ref()?.lowest()?;
        Some((value, x.to_vec()))
    }
    /// Sets out to find it anew.
    pub(crate) fn forget_lowest(&mut self) {
        if let Some(kept) = &mut self.evaluated {
            kept.forget();
        }
    }
    /// The smooth part f(x) alone.
    pub fn value(&mut self, x: &[f64]) -> Result<f64, Halt> {
        let mut value = f64::NAN;
        self.ask(x, Rows::All, &mut [Ask::Value(&mut value)])?;
        Ok(value)
    }
    /// The smooth part f(x) and its gradient.
    pub fn gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<f64, Halt> {
        let mut value = f64::NAN;
        self.ask(x, Rows::All, &mut [Ask::Value(&mut value), Ask::Gradient(gradient)])?;
        Ok(value)
    }
    /// The gradient at the point whose value was asked for last: counts no second evaluation.
    pub fn gradient_there(&mut self, x: &[f64], gradient: &mut [f64]) -> Result<(), Halt> {
        self.ask(x, Rows::All, &mut [Ask::Gradient(gradient)])
    }
    /// H(x), row after row, where the objective has it.
    pub fn hessian(&mut self, x: &[f64], to: &mut [f64]) -> Result<(), Halt> {
        self.ask(x, Rows::All, &mut [Ask::Hessian(to)])
    }
    /// H(x)·v, where the objective has products.
    pub fn product(&mut self, x: &[f64], v: &[f64], to: &mut [f64]) -> Result<(), Halt> {
        self.ask(x, Rows::All, &mut [Ask::Product { along: v, to }])
    }
    /// How exactly the last gradient is known ([`Ask::Accuracy`]): the noise of the value, and of each of its entries.
    /// An objective that does not say is exact.
    pub fn accuracy(&mut self, noise: &mut [f64]) -> f64 {
        let mut value = 0.0;
        let asked =
            self.ask(&[], Rows::All, &mut [Ask::Accuracy { value: &mut value, gradient: noise }]);
        if asked.is_ok() { value } else { 0.0 }
    }
    /// The noise of each of n entries of the last gradient; 0 where it is no difference of values.
    pub fn noise_of_slopes(&mut self, n: usize) -> Vec<f64> {
        let mut noise = vec![0.0; n];
        if self.offers().differences > 0 {
            self.accuracy(&mut noise);
        }
        noise
    }
    /// Makes the gradients from here on more exact, where that can be had; whether it could.
    pub fn sharpen(&mut self) -> Result<bool, Halt> {
        self.sharpened(false)
    }
    /// The same where its noise has grown on the way: measured again by the next gradient.
    pub fn measure_again(&mut self) -> Result<bool, Halt> {
        self.sharpened(true)
    }
    fn sharpened(&mut self, louder: bool) -> Result<bool, Halt> {
        let mut done = false;
        self.ask(&[], Rows::All, &mut [Ask::Sharpen { louder, done: &mut done }])?;
        Ok(done)
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
    /// A penalty that is both smooth and bounds is none.
    fn adds(&self) -> bool {
        let offers = self.penalty.offers();
        offers.smooth && !offers.bounds
    }
    fn added(&self, x: &[f64]) -> f64 {
        if self.adds() { self.penalty.value(x) } else { 0.0 }
    }
    /// Whether a method may set units: what is not smooth is asked by its own names (bounds, prox).
    pub fn scalable(&self) -> bool {
        !self.adds() && self.objective.offers().scalable
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
        let mut value = f64::NAN;
        let asks = &mut [Ask::Value(&mut value), Ask::Gradient(gradient)];
        self.ask(x, Rows::Terms(named), asks)?;
        Ok(value)
    }
    /// The table that it is a loss over, where it is one.
    pub fn table(&self) -> Option<Table> {
        self.objective.offers().table
    }
    /// Asks about all rows of a table, where nothing is read.
    pub fn of_rows(&mut self, ask: OfRows<'_>) -> Result<(), Halt> {
        self.ask(&[], Rows::All, &mut [Ask::Rows(ask)])
    }
    /// Some places of the rows, with the margins that a slot keeps.
    pub fn hold(
        &mut self,
        rows: Rows<'_>,
        places: &[u32],
        margins: Option<Slot>,
    ) -> Result<Held<'_>, Halt> {
        let (objective, mut meter) = self.parts();
        let mut pause = || meter.pause();
        objective.hold(rows, Some(places), margins, &mut Work::new(&mut pause))
    }
    /// The first number of the table that is not finite, in a sentence.
    pub fn not_finite(&mut self) -> Result<Option<String>, Halt> {
        let mut found = None;
        self.of_rows(OfRows::NotFinite(&mut found))?;
        Ok(found.map(|(row, column)| {
            format!("the table in row {row}, column {column}: drop or fill it")
        }))
    }
    /// All rows, with the margins that a slot keeps: lent where they lie, a copy of those that lie elsewhere. Apart from
    /// them what is spent and who looks on.
    pub fn rows(&mut self, margins: Option<Slot>) -> Result<(Held<'_>, Meter<'_>), Halt> {
        if self.table().is_none() {
            return Err(Halt::Failed("this method needs a loss over a table".into()));
        }
        let (objective, meter) = self.parts();
        let mut pause = || Ok(());
        let mut work = Work::new(&mut pause);
        Ok((objective.hold(Rows::All, None, margins, &mut work)?, meter))
    }
    /// Work on the losses of all rows over another table, within `share` of the tolerance: what is spent there is counted
    /// apart and has no budget but the clock.
    pub fn over<T>(
        &mut self,
        columns: &dyn Design,
        penalty: &dyn Penalty,
        share: f64,
        work: impl FnOnce(&mut Problem<'_>) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let (held, mut meter) = self.rows(None)?;
        let mut over = held.over(columns).map_err(|why| Halt::Failed(why.into()))?;
        let (mut counts, mut findings) = (Counts::default(), Vec::new());
        let aside = meter.aside(share, &mut counts, &mut findings);
        let mut units = Units::default();
        work(&mut Problem::of(&mut over, penalty, aside, &mut units))
    }
    /// Work on all rows under a loss that no start overflows, within the same budgets and to its own tolerance.
    pub fn tamed<T>(
        &mut self,
        tolerance: f64,
        work: impl FnOnce(&mut Problem<'_>) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let penalty = self.penalty;
        let (held, mut meter) = self.rows(None)?;
        let mut units = Units::default();
        held.tamed(|tame| work(&mut meter.problem(tame, penalty, tolerance, &mut units)))
            .map_err(|why| Halt::Failed(why.into()))?
    }
    /// Holds the budgets, and counts work of so many passes.
    pub fn spend(&mut self, passes: f64) -> Result<(), Halt> {
        self.parts().1.spend(passes)
    }
    /// Lets the watch have its turn where it is due; methods call it in their own long loops.
    pub fn pause(&mut self) -> Result<(), Halt> {
        self.parts().1.pause()
    }
    /// The objective, and apart from it what is spent and who looks on.
    fn parts(&mut self) -> (&mut dyn Objective, Meter<'_>) {
        let Problem { objective, stop, counts, findings, watch, clock, .. } = self;
        let (watch, evaluated) = (&mut **watch, None);
        (&mut **objective, Meter { stop: *stop, counts, findings, watch, clock, evaluated })
    }
    /// Variables that it can be minimised over exactly while all others stay.
    pub fn blocks(&self) -> Vec<Range<usize>> {
        self.objective.blocks()
    }
    /// A block of the variables where all is least while the others stay as at x; what is said of a unit is the method's.
    pub fn least(&mut self, x: &[f64], block: usize, to: &mut [f64]) -> Result<(), Halt> {
        let penalty = self.penalty;
        self.ask(x, Rows::All, &mut [Ask::Least { block, penalty, to }])
    }
    /// What is known of this problem.
    pub fn facts(&mut self) -> Facts {
        facts(self.objective, self.penalty)
    }
}

/// A problem that counts for nobody.
#[cfg(test)]
pub(crate) fn with_problem<R>(
    objective: &mut dyn Objective,
    penalty: &dyn Penalty,
    work: impl FnOnce(&mut Problem<'_>) -> R,
) -> R {
    let (mut counts, mut findings) = (Counts::default(), Vec::new());
    let (mut watch, mut clock) = (crate::watch::Unwatched, Clock::new());
    let meter =
        Meter::new(Stop::default(), (&mut counts, &mut findings), (&mut watch, &mut clock), None);
    work(&mut Problem::of(objective, penalty, meter, &mut Units::default()))
}
