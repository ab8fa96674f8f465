//! When a metric is renewed, and with how many rows.
use super::Work;
use super::kernel;
use super::lbfgs::{Taken, Walk};
use super::metric::{self, Inverse, Metric};
use super::metric_rows::Recipe;
use super::shape::{Form, Shape, fits, matrices, matrix_rows, price};
use super::subproblem::Seen;
use crate::gram::StandardisedRows;
use crate::method::Step;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::table::OfRows;

/// The least ridge of a metric that lacks curvature and the largest, beside the curvature of columns of scale 1.
const RIDGES: [f64; 2] = [1e-6, 1.0];

/// What F may fall by along columns of scale 1 that a metric does not determine, in times of what is wanted.
const UNSEEN: f64 = 0.1;

/// What is made where steps alone were dear.
pub enum Dear {
    /// The square table.
    Square,
    /// A metric of this shape.
    Matrix(Shape),
}

impl Work {
    /// A new metric where the old one no longer fits.
    pub(super) fn adapt(
        &mut self,
        problem: &mut Problem<'_>,
        taken: Taken,
        promised: f64,
    ) -> Result<(), Halt> {
        if self.stage.is_some() {
            let slow = self.steps > 1 && self.walk.promise > 0.3 * promised;
            if !(0.3..=3.0).contains(&taken.ratio) || slow {
                self.refresh(problem, true)?;
            }
            return Ok(());
        }
        if self.shape.form == Form::Diagonal {
            return Ok(());
        }
        self.age += 1;
        let fits = (0.5..=2.0).contains(&taken.ratio);
        // As much is spent on metrics as on steps, not more: on wide tables pairs make up for an old one.
        let due = self.age as f64 >= 0.5 * price(&self.table, self.shape);
        if due && (taken.length != 1.0 || !fits || taken.contraction > 0.3) {
            // A new metric that is slow has too few rows; an old one is that of a place left behind.
            if taken.length == 1.0 && fits && self.age == 1 {
                let (n, more) = (self.table.rows, 4 * self.shape.rows);
                // On wide tables a larger Hessian costs more than the passes it saves; pairs make up for it.
                if more > 176 * n / self.table.width().max(1) {
                    return Ok(());
                }
                self.shape.rows = more.min(n);
            }
            self.look(problem)?;
            self.refresh(problem, !fits)?;
        }
        Ok(())
    }

    /// As much as a matrix costs was spent on steps without one: it is made now. Whatever would have been best, this
    /// costs no more than twice as much.
    pub(super) fn pays(&mut self, problem: &Problem<'_>) -> Option<Dear> {
        let table = &self.table;
        let form = match self.shape.form {
            Form::Whole => return None,
            Form::Diagonal if table.outputs > 2 => Form::Turned,
            Form::Diagonal | Form::Turned => Form::Whole,
        };
        if self.stage.is_some() {
            return None;
        }
        let spent = problem.counts().passes - self.since;
        if let Some(price) = kernel::price(table, &self.penalty).filter(|_| !self.squared_once) {
            return self.creeps(problem, spent, price).then_some(Dear::Square);
        }
        let shape = Shape { form, rows: matrix_rows(table, true) };
        let (count, width) = matrices(table, form);
        let pays = fits(table, count * width * width) && spent >= price(table, shape);
        pays.then_some(Dear::Matrix(shape))
    }

    /// Whether steps have cost the price, or a quarter of it, and at the pace since an eighth will cost as much as half yet.
    fn creeps(&mut self, problem: &Problem<'_>, spent: f64, price: f64) -> bool {
        let (from, promise) = (price / 8.0, self.walk.promise);
        if self.promised.is_nan() && spent >= from {
            self.promised = promise;
        }
        let pace = (self.promised / promise).ln().max(0.0) / (spent - from);
        let wanting = (promise / self.target(problem)).ln();
        spent >= price || spent >= price / 4.0 && wanting > pace * price / 2.0
    }

    /// Where a metric failed that was drawn without regard to distances, they are told after all.
    fn look(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let rows = self.shape.rows;
        let whole = self.shape.form == Form::Diagonal || rows + rows / 4 >= self.table.rows;
        if std::mem::replace(&mut self.tailed, true) || whole {
            return Ok(());
        }
        let inverse: Vec<f64> = self.scaling.reach.iter().map(|r| 1.0 / r).collect();
        let far = OfRows::Far { centre: &self.scaling.centre, inverse: &inverse };
        problem.ask(&vec![0.0; self.walk.u.len()], Rows::All, &mut [Ask::Rows(far)])?;
        self.far = true;
        Ok(())
    }

    pub(super) fn refresh(&mut self, problem: &mut Problem<'_>, forget: bool) -> Result<(), Halt> {
        let recipe = Recipe {
            at: self.walk.here,
            far: self.far,
            sides: self.sides.as_ref(),
            broad: self.stuck > 0 || self.blind,
        };
        let mut shape = self.shape;
        self.walk.metric = metric::metric(&mut self.seen(problem), &recipe, &mut shape)?;
        self.shape = shape;
        self.age = 0;
        if forget {
            self.walk.forget();
        }
        self.walk.aim();
        self.blind = self.unseen(problem)?;
        Ok(())
    }

    /// Whether the rows of a metric say nothing of a way along which F falls by what matters: what Newton's step leaves of
    /// the slope in coordinates that the metric does not determine is more than rounding. Columns that depend on each other
    /// leave none.
    pub(super) fn unseen(&self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let Metric { rows, weight, factor: Inverse::One(b), broad, .. } = &self.walk.metric else {
            return Ok(false);
        };
        let (n, dropped) = (self.table.rows, b.dropped());
        if self.stage.is_some() || dropped.is_empty() || (rows.len() == n && *broad) {
            return Ok(false);
        }
        problem.spend(rows.len() as f64 / n as f64)?;
        let mut v: Vec<f64> = self.walk.g.iter().map(|g| -g).collect();
        b.solve(&mut v);
        let target = self.target(problem);
        let held = &problem.hold(Rows::All, rows, None)?;
        let bent = StandardisedRows { held, scaling: &self.scaling }
            .sweep(&v, |i, t| (weight[i] * t, 0.0))
            .sum;
        let left = dropped.iter().map(|&j| self.walk.g[j] + bent[j]);
        let bend: f64 = weight.iter().sum();
        Ok(left.map(|e| e * e).sum::<f64>() > UNSEEN * target * bend)
    }

    /// Losses are at least 0, so that no step gains more than F: where one promises that, rows of the metric have lost the
    /// curvature that others have, and it gets a ridge.
    pub(super) fn damp(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let (table, form) = (self.table, self.shape.form);
        let Work { scaling, ground, walk, .. } = self;
        let absurd = |walk: &Walk| walk.promise > walk.value && walk.metric.ridge < RIDGES[1];
        while table.level && form != Form::Diagonal && absurd(walk) {
            walk.metric.ridge = (100.0 * walk.metric.ridge).max(RIDGES[0]);
            problem.spend(price(&table, Shape { form, rows: walk.metric.rows.len() }))?;
            if !walk.metric.again(&mut Seen { problem, table, scaling, ground }, form)? {
                break;
            }
            walk.forget();
            walk.aim();
        }
        Ok(())
    }

    /// More rows, where those of the metric say nothing of a way along which F has a slope.
    pub(super) fn see_more(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        self.shape.rows = (4 * self.shape.rows).min(self.table.rows);
        self.look(problem)?;
        self.refresh(problem, false)
    }

    /// The arithmetic's end: what is proved here tells whether it is near enough.
    pub(super) fn ended(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let mut step = self.report(problem, x, 0.0)?;
        if step.verdict.is_none() {
            if self.apart(problem)?.is_some() {
                self.endless_fall(problem, false, &mut step)?;
                return Ok(step);
            }
            step.certificate = self.proof(problem)?;
            step.verdict = Some(Status::PrecisionLimit);
        }
        Ok(step)
    }

    /// No step was found on all rows: a better metric, and in the end the arithmetic's limit.
    pub(super) fn retry(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        self.stuck += 1;
        self.walk.forget();
        if self.stuck > 3 {
            return self.ended(problem, x);
        }
        if self.shape.form != Form::Diagonal {
            self.shape.rows = if self.stuck == 3 { self.table.rows } else { self.shape.rows * 4 };
        }
        self.look(problem)?;
        self.refresh(problem, true)?;
        self.report(problem, x, 0.0)
    }
}
