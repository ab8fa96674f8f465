//! From sample to sample, and on to all rows.
use super::Work;
use super::lbfgs::{HERE, NEXT, Walk};
use super::line_search::{Line, search};
use super::metric;
use super::metric_rows::{self, Recipe};
use super::shape::{self, Form, Shape};
use super::stage_rows::{self, Sides};
use super::subproblem::{Ground, Seen};
use crate::linalg::vectors::largest;
use crate::method::Step;
use crate::problem::Problem;
use crate::scaling::Scaling;
use crate::state::Bad;
use crate::status::Halt;
use crate::table::{Margins, OfRows, Sum, Table};
use std::ops::Range;

/// A sample has four times the rows of the one before.
pub const GROWTH: usize = 4;
/// Rows that are looked at beside samples: by which the table's scales, and what rounding does, are told.
const LITTLE: usize = 2000;
/// The rows of the first sample; none where there are too few rows for one.
pub fn first(table: &Table) -> Option<usize> {
    let (n, first) = (table.rows, super::first(table));
    // A class that a sample has none of leaves a cut without a place.
    (table.learnt == 0 && n >= 80 * super::free(table) && first * GROWTH <= n && held(table, first))
        .then_some(first)
}
/// The rows of the sample after one of `m`; none where all rows are next.
pub fn next(table: &Table, m: usize) -> Option<usize> {
    let more = m * GROWTH;
    (more * GROWTH <= table.rows && held(table, more)).then_some(more)
}
/// Whether a sample can be held, with those before it and a metric's rows beside it: to read all rows for a few of
/// them, step after step, is dearer than to go on to all.
fn held(table: &Table, m: usize) -> bool {
    let k = shape::shape(table, true);
    let metric = if k.form == Form::Diagonal { 0 } else { k.rows + k.rows / 4 };
    m + m / 3 + super::first(table) + metric + LITTLE <= table.holds
}
/// Rows, ascending, that are sure to be looked at where a table is read anew each time: held from one read, they serve the
/// scales, all stages, the first metric on all rows and what rounding is told by. None of a table in memory.
pub fn foreseen(
    table: &Table,
    stages: bool,
    ask: &mut dyn FnMut(OfRows<'_>) -> Result<(), Halt>,
) -> Result<Vec<u32>, Halt> {
    if !table.read_anew() {
        return Ok(Vec::new());
    }
    let (n, rare) = (table.rows, stage_rows::rarer(table, ask)?);
    let mut all: Vec<u32> = stage_rows::places(n).collect();
    let mut add =
        |runs: Vec<Range<usize>>| all.extend(runs.into_iter().flatten().map(|i| i as u32));
    if table.dense {
        add(stage_rows::runs(super::first(table), n, 1));
    }
    let mut stage = first(table).filter(|_| stages);
    while let Some(m) = stage {
        add(stage_rows::drawn(n, rare.as_deref(), m, m as u64));
        stage = next(table, m);
    }
    let k = shape::shape(table, true);
    if k.form != Form::Diagonal && k.rows + k.rows / 4 < n {
        add(stage_rows::drawn(
            n,
            rare.as_deref(),
            stage_rows::even(table, k.rows),
            stage_rows::METRIC,
        ));
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

impl Work {
    /// Whether this sample can teach no more.
    pub(super) fn taught(&self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let rows = self.seen(problem).len();
        self.known(problem, rows)
    }
    /// Whether what is promised is below the statistical accuracy of so many rows.
    pub(super) fn known(&self, problem: &mut Problem<'_>, rows: usize) -> Result<bool, Halt> {
        let mut seen = self.seen(problem);
        let spread = seen.sum(Sum::Spread, self.walk.here)?;
        let (slopes, curvatures, loss) = (spread[0], spread[1], spread[2]);
        let kappa =
            if curvatures > 0.0 { (slopes / curvatures).min(2.0 * loss) } else { 2.0 * loss };
        let part = (self.table.width() * self.table.outputs) as f64 / rows as f64;
        // Rows that are all on their right side have little left to say.
        let settled = (self.free() || loss < 0.1 * part) && seen.settled(self.walk.here)?;
        Ok(settled || !(self.walk.promise > 0.1 * part * kappa))
    }

    /// On to the next sample, or to all rows.
    pub(super) fn grow(
        &mut self,
        problem: &mut Problem<'_>,
        m: usize,
        x: &mut [f64],
    ) -> Result<Step, Halt> {
        self.stage = next(&self.table, m);
        self.settle(problem, self.walk.u.clone())?;
        self.report(problem, x, 0.0)
    }

    /// On the ground of the stage, evaluated at `u`, with its metric.
    pub(super) fn settle(&mut self, problem: &mut Problem<'_>, u: Vec<f64>) -> Result<(), Halt> {
        if self.stage.is_none() && self.far {
            let rows = self.seen(problem).len();
            self.tailed = self.scaling.guessed() || metric_rows::tailed(problem, rows)?;
        }
        self.shape = shape::shape(&self.table, self.stage.is_none());
        (self.steps, self.age) = (0, 0);
        (self.since, self.promised) = (problem.counts().passes, f64::NAN);
        let before = std::mem::replace(&mut self.walk, Walk::nowhere()).value;
        (self.ground, self.walk, self.far) = settle(
            (problem, &self.table),
            &self.scaling,
            (&self.penalty, self.sides.as_ref()),
            self.stage,
            (u, before),
            (&mut self.shape, self.tailed),
        )?;
        self.blind = self.unseen(problem)?;
        Ok(())
    }

    /// After a run was stopped and loaded: what follows from the table and from what is remembered is made again, in the
    /// same order and so to the same bits. The gradient's own bits are remembered, since a sweep that also tells distances
    /// may add it up otherwise.
    pub(super) fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        let bad = |words: &str| Err(Halt::Failed(Box::new(Bad(format!("'method.work.{words}")))));
        let Work { table, scaling, centred, penalty, one_sided, sides, .. } =
            Work::new(problem, self.stage.is_some())?;
        if self.stage.is_some_and(|m| !(super::first(&table)..=table.rows).contains(&m)) {
            return bad("stage' is no part of these rows");
        }
        self.ground = ground((problem, &table), &scaling, (&penalty, sides.as_ref()), self.stage)?;
        (self.table, self.scaling, self.penalty, self.sides) = (table, scaling, penalty, sides);
        (self.centred, self.one_sided) = (centred, one_sided);
        let Work { scaling, ground, walk, far, .. } = self;
        let seen = &mut Seen { problem, table, scaling, ground };
        let mut g = vec![0.0; walk.u.len()];
        let value = seen.evaluate(&walk.u, &mut g, walk.here, *far)?;
        let alike = |was: f64, is: f64, near: f64| was == is || (was - is).abs() <= near;
        let near = 1e-2 * largest(&g) + 1e-6 * (value.abs() + value.abs().sqrt());
        let there = walk.g.iter().zip(&g).all(|(was, is)| alike(*was, *is, near));
        if !there || !alike(walk.value, value, 1e-2 * value.abs()) {
            return bad("walk' is of other rows");
        }
        if !walk.metric.again(seen, self.shape.form)? {
            return bad("walk.metric' is of other rows");
        }
        // The verdict rests on a way without end that was found.
        let mut along = self.along.clone();
        if self.leaves > 0
            && !(along.len() == self.walk.u.len() && self.without_end(problem, &mut along)?)
        {
            return bad("along' is no way without end of these rows");
        }
        Ok(())
    }
}

/// The rows of a stage; all, where there is none.
fn ground(
    (problem, table): (&mut Problem<'_>, &Table),
    scaling: &Scaling,
    (penalty, sides): (&[f64], Option<&Sides>),
    stage: Option<usize>,
) -> Result<Ground, Halt> {
    let Some(m) = stage else { return Ok(Ground::whole(penalty.to_vec())) };
    let sample = stage_rows::rows(problem, table, sides, m, m as u64)?;
    Ground::some(problem, table, scaling, sample, penalty.to_vec())
}

/// A ground, evaluated at `u`, with its metric, and whether distances are kept there.
fn settle(
    (problem, table): (&mut Problem<'_>, &Table),
    scaling: &Scaling,
    (penalty, sides): (&[f64], Option<&Sides>),
    stage: Option<usize>,
    (mut u, before): (Vec<f64>, f64),
    (shape, tailed): (&mut Shape, bool),
) -> Result<(Ground, Walk, bool), Halt> {
    let ground = ground((problem, table), scaling, (penalty, sides), stage)?;
    let seen = &mut Seen { problem, table: *table, scaling, ground: &ground };
    let mut g = vec![0.0; u.len()];
    let far = tailed && shape.form != Form::Diagonal && shape.rows + shape.rows / 4 < seen.len();
    let mut value = seen.evaluate(&u, &mut g, HERE, far)?;
    if value > 1.5 * before {
        // The sample before was overfitted: on more rows the same direction is right, not its length.
        let back: Vec<f64> = u.iter().map(|u| -u).collect();
        let zero = vec![0.0; table.outputs];
        let line = Line { from: HERE, by: Margins::Same(&zero), length: 1.0 };
        let length = search(seen, (&u, &back), line)?;
        if length > 0.1 {
            u.iter_mut().for_each(|u| *u *= 1.0 - length);
            value = seen.evaluate(&u, &mut g, HERE, false)?;
        }
    }
    let recipe = Recipe { at: HERE, far, sides, broad: false };
    let metric = metric::metric(seen, &recipe, shape)?;
    let walk = Walk::new(u, value, g, [HERE, NEXT], metric);
    Ok((ground, walk, far))
}
