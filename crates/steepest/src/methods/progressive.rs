//! Growing samples, then quasi-Newton steps round a Hessian from few rows, then a proof; where no such matrix pays,
//! pairs round a diagonal, and a proof by conjugate gradients.
//!
//! What was learned on the way:
//! - A read of the table is bound by memory and is most of the time. At 500 000 x 100 a metric of 300 rows a column
//!   costs less than a third of a read, gains a factor of about 300 a step, and makes the bound tight enough that the
//!   third read ends it. Cholesky of the Gram matrix serves wherever its least pivot is above 1e-8; only below does
//!   QR pay.
//! - The bound needs no matrix of its own: any weights on the rows will do, so those that the metric was made with
//!   prove as much as new ones would, for a sweep over its rows.
//! - Samples are read where they lie: to copy them costs more than some evaluations of them gain.
//! - Rows drawn in proportion to curvature · distance², weighted by one over their chance and joined with an even
//!   sample, do better than the largest such rows with weight 1: rare levels 5.7 reads to 1e-6, not 7.7; heavy
//!   tails on few rows 7.8, not 12. Distances cost a quarter of a read and are left out where a sample shows no tails.
//! - A sample that separates is overfitted: on the next one its direction is right and its length wrong,
//!   which a search along it on stored margins mends without a read. Classes that separate without a margin under next
//!   to no penalty take some twenty reads, as many as Newton's method: a model of the loss itself over the metric's
//!   rows, tilted to the slope of all rows, took four steps but believed in rows that it had not seen.
//! - Columns that do not vary in a sample have no scale yet: a row in which they do counts as far, so that the
//!   first metric on all rows holds it.
//! - Rows of a metric that lack a rare level make columns dependent that are not: no step goes along that way, and
//!   the rest converges to a value that is too high (table of 20 000 rows with 40 levels and no penalty: by 8 %). Where
//!   Newton's step leaves a slope along it, or the proof finds one, more rows are taken, in the end all, with the curvature
//!   of chords: all rows of a level may be on a straight part of the loss. To wait for the proof took three times as many
//!   reads.
//! - Several classes: levels in which only some of them occur have coefficients that grow without end, and their curvature
//!   dies in rows that stand for all before it does in others. A step that promises more than all of F says so, and the
//!   metric is made again with a ridge (`damp`); without it steps of 1e-12 and less went on for a hundred passes.
//! - A column that is constant to rounding has a gradient of rounding alone; the proof must allow for that much,
//!   or it refuses tables with a constant column and no penalty.
//! - Without a matrix: 200 000 x 50 000 sparse, 78 entries a row, takes 11 to 25 reads to its certificate of 1e-6 where
//!   L-BFGS on unscaled columns took 400 to 900 to none. A table of 2000 x 5000 with columns 1e±2 apart took 5000; made
//!   square it took 107, and most of the time on the square table, until Newton's method solved that (`kernel_newton`). With a
//!   squared hinge that found nothing, and a minute on the square table led to no end: interior points do (`kernel_interior`).
//! - Several classes: a Hessian over all variables is (K − 1)² times as large. Where that is too dear, conjugate
//!   gradients over the metric's rows do the same without it (`class_blocks`): 200 000 x 200, 10 classes, correlated columns,
//!   took 186 passes and 12.3 s round a diagonal and takes 10 passes and 1.1 s.
use crate::certificate::{Certificate, Kind};
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::objective::{Ask, Objective, Rows};
use crate::problem::{Facts, Problem};
use crate::scaling::{Look, Scaling};
use crate::settings::Described;
use crate::state;
use crate::state::State;
use crate::status::{Halt, Status};
use crate::table::{OfRows, Table};
use lbfgs::Walk;
use renewal::Dear;
use shape::{Form, Shape};
use stage_rows::Sides;
use stages::GROWTH;
use subproblem::{Ground, Seen};

mod blocked;
mod certify;
mod class_blocks;
mod few_rows;
mod findings;
mod joint_bound;
mod joint_metric;
mod kernel;
mod kernel_interior;
mod kernel_matrix;
mod kernel_newton;
mod lbfgs;
mod line_search;
mod metric;
mod metric_rows;
mod newton_cg;
mod null_model;
mod proof;
mod rare_levels;
mod renewal;
mod separable;
mod shape;
pub(super) mod stage_rows;
mod stages;
mod subproblem;
#[cfg(test)]
mod tests;

crate::settings! {
    /// Progressive descent, for a loss over a table with an l2 penalty or none: the default for linear models.
    ///
    /// It starts on a small sample of the rows, walks there until the sample can teach no more, takes four
    /// times the sample, and so on; then it walks on all rows. Each walk takes quasi-Newton steps (L-BFGS)
    /// round a metric: the Hessian over some 50 to 400 rows for each column, by Cholesky or QR. Raw scales do not
    /// matter. It stops when a bound on F − F*, by Fenchel duality with a dual point corrected on those same
    /// rows, says so.
    ///
    /// Wide and sparse tables, for which such a matrix would cost more than it saves, are walked on whole, round a
    /// diagonal; conjugate gradients over all rows find the dual point, and Newton's step with it. What has far fewer
    /// rows than columns is made square when that pays.
    ///
    /// Adaptive samples: Mokhtari and Ribeiro 2017; sub-sampled Newton: Roosta-Khorasani and Mahoney 2019.
    "progressive" Progressive {}
}

pub(super) const ENTRY: Entry = Entry {
    name: Progressive::<f64>::NAME,
    doc: Progressive::<f64>::DOC,
    parameters: Progressive::<f64>::PARAMETERS,
    needs: Needs { glm: true, learnt: true, penalty: Takes::Quadratic, ..Needs::GRADIENT },
    suits,
    build: |_| Box::<Descent>::default(),
};

fn suits(facts: &Facts) -> Option<Suit> {
    facts.glm.then(|| Suit {
        passes: 5.0,
        reason: "a loss over a table with a quadratic penalty: no scale of the columns slows it, and it proves its answer".into(),
    })
}

#[derive(Default)]
struct Descent {
    work: Option<Work>,
}

state!(Descent { work: begun });

/// What is known between steps.
struct Work {
    table: Table,
    scaling: Scaling,
    /// Whether columns are centred: a free intercept takes that up.
    centred: bool,
    penalty: Vec<f64>,
    /// Whether the intercepts, which are free, take every loss to 0 by themselves.
    one_sided: bool,
    sides: Option<Sides>,
    /// What the metric is made as.
    shape: Shape,
    /// Passes that had been spent when it began on these rows.
    since: f64,
    /// What a step promised when an eighth of the square table's price was spent; NaN before.
    promised: f64,
    /// Whether the square table was tried.
    squared_once: bool,
    /// Rows of the stage; none on all rows.
    stage: Option<usize>,
    ground: Ground,
    walk: Walk,
    /// Whether squared distances of the rows from their centre are kept; not where they would tell nothing.
    far: bool,
    /// Whether some rows are much farther out than others.
    tailed: bool,
    /// Steps taken with the metric.
    age: usize,
    steps: usize,
    stuck: usize,
    idle: usize,
    /// Whether the metric's rows say nothing of a way along which F has a slope: no step goes there.
    blind: bool,
    /// Steps in a row that brought what steps along a direction without end bring.
    endless: usize,
    /// Steps after which a way without end is looked for, and whether that was done near the end.
    next_look: usize,
    /// Whether the last step left little of what it promised: no way without end does.
    quick: bool,
    /// Steps after which it ends, since such a way was found; 0 before.
    leaves: usize,
    /// The way without end that was found, where it leaves.
    along: Vec<f64>,
    looked_at_end: bool,
    /// 1e-12 of the null model's value, where that can matter.
    floor: Option<f64>,
    first: f64,
}

impl Default for Work {
    /// Nowhere, of no table.
    fn default() -> Self {
        Work {
            table: Table::default(),
            scaling: Scaling::default(),
            centred: false,
            penalty: Vec::new(),
            one_sided: false,
            sides: None,
            shape: Shape::default(),
            since: 0.0,
            promised: f64::NAN,
            squared_once: false,
            stage: None,
            ground: Ground::whole(Vec::new()),
            walk: Walk::nowhere(),
            far: false,
            tailed: true,
            age: 0,
            steps: 0,
            stuck: 0,
            idle: 0,
            blind: false,
            endless: 0,
            next_look: separable::LOOK,
            quick: false,
            leaves: 0,
            along: Vec::new(),
            looked_at_end: false,
            floor: None,
            first: f64::NAN,
        }
    }
}

// What is left out follows from the table and the stage (`Work::again`).
state!(Work {
    walk, shape, since, promised, squared_once, stage, far, tailed, age, steps, stuck, idle, blind, endless, next_look, quick, leaves, along: maybe, looked_at_end, floor, first,
} but table, scaling, centred, penalty, one_sided, sides, ground);

/// Steps on one sample at most.
const STEPS: usize = 25;
/// Steps in a row that change F by no more than rounding, and the arithmetic's end is reached.
const IDLE: usize = 8;

impl Method for Descent {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut work = Work::begin(problem, x)?;
        let step = work.report(problem, x, 0.0);
        self.work = Some(work);
        step
    }
    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let begun = || Halt::Failed("progressive was not begun".into());
        self.work.as_mut().ok_or_else(begun)?.step(problem, x)
    }
    fn foresees(&self, objective: &mut dyn Objective, given: bool) -> Result<Vec<u32>, Halt> {
        foresees(objective, !given)
    }
    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        self.work.as_mut().map_or(Ok(()), |work| work.again(problem))
    }
    /// On all rows no step goes up; on samples the values are estimates and the last is the best.
    fn monotone(&self) -> bool {
        true
    }
}

/// The rows that it is sure to look at, on its way by stages or to prove a point that another method has come to.
pub fn foresees(objective: &mut dyn Objective, stages: bool) -> Result<Vec<u32>, Halt> {
    let Some(table) = objective.offers().table else { return Ok(Vec::new()) };
    stages::foreseen(&table, stages, &mut |ask| objective.asked(&[], &mut [Ask::Rows(ask)]))
}

/// What is proved of a point that another method has come to, in a read of the table; none where this table and
/// penalty are not for this method. The verdict is that of rows that can be separated, or none.
pub fn judged(problem: &mut Problem<'_>, x: &[f64]) -> Result<Option<Step>, Halt> {
    let Ok(mut work) = Work::new(problem, false) else { return Ok(None) };
    let mut u = vec![0.0; x.len()];
    work.scaling.inward(x, &mut u);
    work.settle(problem, u)?;
    let mut at = x.to_vec();
    let mut step = work.report(problem, &mut at, 0.0)?;
    if step.certificate.is_none() {
        step.certificate = work.proof(problem)?;
    }
    Ok(Some(step))
}

/// Variables that are free: of K outputs that a number added to all does not change K − 1 are.
fn free(table: &Table) -> usize {
    table.dim() - if table.level { table.width() } else { 0 }
}

/// Rows of the first sample.
fn first(table: &Table) -> usize {
    (20 * free(table)).max(1000)
}

impl Work {
    /// On all rows, nowhere yet.
    fn new(problem: &mut Problem<'_>, stages: bool) -> Result<Self, Halt> {
        let Some(table) = problem.table() else {
            return Err(Halt::Failed("progressive needs a loss over a table".into()));
        };
        let (n, d, width) = (table.rows, table.columns, table.width());
        let (penalty, dim) = (problem.penalty(), problem.dim());
        let weight = |j: usize| penalty.quadratic(j);
        // A penalised intercept must stay what it is.
        let centred = table.intercept && (0..table.margins()).all(|o| weight(o * width + d) == 0.0);
        let sides = Sides::of(problem, &table)?;
        let foreseen = stages::foreseen(&table, stages, &mut |ask| problem.of_rows(ask))?;
        if !foreseen.is_empty() {
            problem.hold(Rows::All, &foreseen, None)?;
        }
        let rows = stage_rows::runs(first(&table), n, 1).into_iter().flatten();
        let rows: Vec<u32> = rows.map(|i| i as u32).collect();
        let mut scaling = if table.dense {
            let held = problem.hold(Rows::All, &rows, None)?;
            Scaling::of(&table, &Look::Rows(&held), centred)
        } else {
            let (mut sum, mut square) = (vec![0.0; d], vec![0.0; d]);
            problem.of_rows(OfRows::Moments { sum: &mut sum, square: &mut square })?;
            let mut scaling = Scaling::of(&table, &Look::Moments { sum, square }, centred);
            let faint = scaling.faint(weight, certify::NEXT_TO_NOTHING);
            if !faint.is_empty() {
                scaling.look(&problem.hold(Rows::All, &rows, None)?, &faint);
            }
            scaling
        };
        scaling.keep_finite(weight);
        let seen = |j: usize| if j < table.margins() * width { j % width } else { d };
        let penalty: Vec<f64> = (0..dim).map(|j| scaling.penalty(seen(j), weight(j))).collect();
        if table.level && !joint_metric::alike(&penalty, table.outputs) {
            let why = "progressive takes penalties that are the same for every output; use lbfgs";
            return Err(Halt::Failed(why.into()));
        }
        let one_sided = centred && separable::one_sided(problem, table.outputs)?;
        Ok(Work { table, scaling, centred, penalty, one_sided, sides, ..Work::default() })
    }

    fn begin(problem: &mut Problem<'_>, x: &[f64]) -> Result<Self, Halt> {
        // A point that was given is looked at on all rows: it may be nearer than any sample could lead.
        let given = x.iter().any(|x| *x != 0.0);
        let mut work = Work::new(problem, !given)?;
        let table = work.table;
        let (n, centred) = (table.rows, work.centred);
        let none = |u: &mut [f64], best: &[f64]| {
            let of = table.constants().zip(best);
            of.for_each(|(at, b)| at.into_iter().for_each(|at| u[at] = *b));
        };
        let first = first(&table);
        let stage = stages::first(&table);
        work.stage = stage.filter(|_| !given);
        let mut u = vec![0.0; x.len()];
        work.scaling.inward(x, &mut u);
        if !given && (centred || table.learnt > 0) {
            // The null model: from margins 0 a target far off may meet no curvature at all, or overflow.
            let rows = stage_rows::rows(problem, &table, work.sides.as_ref(), first, 1)?;
            let (best, _) = null_model::model(problem, &table, Rows::Sample(&rows), centred)?;
            none(&mut u, &best);
        }
        if table.level {
            joint_metric::level(&mut u, table.outputs);
        }
        work.settle(problem, u.clone())?;
        if given {
            // What was given may be worse than to know nothing; and far out there may be no curvature at all.
            let (best, value) = null_model::least(problem, &table, centred)?;
            if !(work.walk.value <= value) {
                u.fill(0.0);
                none(&mut u, &best);
                work.settle(problem, u.clone())?;
            }
        }
        if given && stage.is_some() && !work.known(problem, n / GROWTH)? {
            work.stage = stage;
            work.settle(problem, u)?;
        }
        findings::scales(&work.scaling, problem);
        findings::far_out(&work.scaling, problem);
        findings::rare(work.sides.as_ref(), n, problem);
        // From a point given the first value says nothing about the null model.
        work.first = if given { f64::NAN } else { work.walk.value };
        Ok(work)
    }

    /// It, in standardised variables, on the rows that it walks on.
    fn seen<'s, 'p>(&'s self, problem: &'s mut Problem<'p>) -> Seen<'s, 'p> {
        Seen { problem, table: self.table, scaling: &self.scaling, ground: &self.ground }
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        if let Some(m) = self.stage
            && (self.steps >= STEPS || self.taught(problem)?)
        {
            return self.grow(problem, m, x);
        }
        if self.blind {
            self.see_more(problem)?;
        }
        match self.pays(problem) {
            Some(Dear::Square) => {
                self.squared_once = true;
                return self.squared(problem, x);
            }
            Some(Dear::Matrix(shape)) => {
                self.shape = shape;
                self.refresh(problem, false)?;
            }
            None => {}
        }
        self.damp(problem)?;
        let (table, scaling, ground) = (self.table, &self.scaling, &self.ground);
        let promise = self.walk.promise;
        let taken = self.walk.step(&mut Seen { problem, table, scaling, ground })?;
        self.steps += 1;
        self.quick = self.walk.promise < separable::QUICK * promise;
        match taken {
            Some(taken) => {
                self.stuck = 0;
                // Beside a row far out the value stands still while the others are on their way.
                let idle = taken.still && !(self.scaling.outlying && taken.contraction <= 0.5);
                self.idle = if idle { self.idle + 1 } else { 0 };
                if self.idle >= IDLE && self.stage.is_none() {
                    return self.ended(problem, x);
                }
                let endless = (1.2..=1.6).contains(&taken.ratio) || taken.length > 1.5;
                self.endless = if endless { self.endless + 1 } else { 0 };
                self.adapt(problem, taken, promise)?;
                self.report(problem, x, taken.length)
            }
            None if self.stage.is_some() => {
                self.steps = STEPS;
                self.report(problem, x, 0.0)
            }
            None => self.retry(problem, x),
        }
    }

    /// Whether nothing is penalised.
    fn free(&self) -> bool {
        self.penalty.iter().all(|a| *a == 0.0)
    }

    /// What is said of rows that can be separated.
    fn endless_fall(
        &self,
        problem: &mut Problem<'_>,
        wholly: bool,
        step: &mut Step,
    ) -> Result<(), Halt> {
        findings::separable(wholly, step.value, problem);
        step.certificate = Some(Certificate {
            kind: Kind::ExactGap,
            bound: step.value + self.rounding(problem)?.value,
            target: self.target(problem),
            rounding: 0.0,
            assumption: "the loss is at least 0 (and comes as near to it as you like, where rows are separated wholly)",
        });
        step.verdict = Some(Status::Separable);
        Ok(())
    }

    /// Where it stands, and whether that is near enough.
    fn report(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        length: f64,
    ) -> Result<Step, Halt> {
        self.scaling.out(&self.walk.u, x);
        let value = self.walk.value;
        let mut step = Step {
            value,
            sampled: self.stage.is_some(),
            residual: self.walk.promise.max(0.0) / value.abs().max(f64::MIN_POSITIVE),
            rate: length,
            ..Step::default()
        };
        if self.stage.is_some() {
            return Ok(step);
        }
        if let Some(wholly) = self.separated(problem)? {
            self.endless_fall(problem, wholly, &mut step)?;
            return Ok(step);
        }
        // The null model can matter only where the loss is next to nothing beside what it was.
        if self.floor.is_none() && !(value > 1e-3 * self.first) {
            self.floor =
                Some(1e-12 * null_model::least(problem, &self.table, self.table.intercept)?.1);
        }
        let target = self.target(problem);
        // A diagonal with its pairs promises too little, and its proof leads on where it fails.
        let near = if self.shape.form == Form::Diagonal { 2.0 * target } else { target };
        if self.leaves == 0 && !(self.walk.promise > near) {
            self.walk.tidy(&mut self.seen(problem))?;
            let proof = self.proof(problem)?;
            if proof.as_ref().is_some_and(|c| c.bound <= target) {
                step.verdict = Some(Status::Converged);
            }
            step.certificate = proof;
            // The least value is near and cannot be proved: it may lie without end.
            if step.verdict.is_none()
                && !(self.quick && self.table.outputs > 1)
                && !std::mem::replace(&mut self.looked_at_end, true)
                && let Some(wholly) = self.found(problem)?
            {
                self.endless_fall(problem, wholly, &mut step)?;
            }
            if step.verdict.is_none()
                && value <= target
                && step.certificate.as_ref().is_some_and(|c| c.within_rounding())
            {
                // No loss is below 0: F may fall towards that without end, and no bound can follow it.
                step.verdict = Some(Status::PrecisionLimit);
            }
        }
        Ok(step)
    }
}
