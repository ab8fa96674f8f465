//! Rows that can be separated: the loss falls without end.
use super::Work;
use super::few_rows::Few;
use super::joint_metric::ClassRows;
use super::lbfgs::CHANGE;
use super::shape::{self, Form};
use crate::held::Held;
use crate::linalg::factor::Factor;
use crate::objective::{Ask, Rows};
use crate::problem::Problem;
use crate::status::Halt;
use crate::table::{Margins, OfRows, Slot};
use std::collections::BTreeMap;

/// Steps on all rows before a way without end is looked for; after that, at twice as many each time.
pub const LOOK: usize = 6;
/// What a step leaves of what it promised where nothing falls without end, if it is less: there it is 1/e or more.
pub const QUICK: f64 = 0.2;
/// Steps that are taken after it was found among several classes.
const LEAVE: usize = 12;
/// A way of length 1, over columns of scale 1, that changes no margin by more is none.
const MOVED: f64 = 1e-3;
/// Rounds of a look: each puts to the rows that must stay those that the round before took the wrong way.
const ROUNDS: usize = 8;
/// Of rows that must stay, so many for each variable at first.
const FEW: usize = 20;
/// What is added to the diagonal of the matrix of the rows that must stay, beside that diagonal or 1.
const RIDGE: f64 = 1e-6;
/// How often what moves these rows is taken off at most; each time next to nothing is left of it.
const TAKEN_OFF: usize = 6;
/// Beside the largest change, one that is 0 but for rounding.
const STILL: f64 = 1e-9;

/// Whether margins that are the same for every row take all losses to 0: one class alone, counts that are all 0.
pub fn one_sided(problem: &mut Problem<'_>, outputs: usize) -> Result<bool, Halt> {
    let mut all = |margin: &[f64]| {
        let mut settled = false;
        problem.of_rows(OfRows::Settled { at: Margins::Same(margin), to: &mut settled })?;
        Ok(settled)
    };
    if outputs == 1 {
        return Ok(all(&[1.0])? || all(&[-1.0])?);
    }
    for class in 0..outputs {
        let margin: Vec<f64> = (0..outputs).map(|k| f64::from(k == class)).collect();
        if all(&margin)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Gives a way a largest entry of 1; whether it has any.
fn unit(way: &mut [f64]) -> bool {
    let size = way.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let some = size > 0.0 && size.is_finite();
    if some {
        way.iter_mut().for_each(|v| *v /= size);
    }
    some
}

impl Work {
    /// Whether the rows can be separated by what is not penalised: by this point, or in the end by the way it is
    /// going.
    pub(super) fn separated(&mut self, problem: &mut Problem<'_>) -> Result<Option<bool>, Halt> {
        if self.stage.is_some() {
            return Ok(None);
        }
        if (self.free() || self.one_sided) && self.seen(problem).settled(self.walk.here)? {
            return Ok(Some(true));
        }
        // Before the end one such step is enough to look, and worth a second look: the inverse of the metric takes out of
        // the way what rows with curvature still have of it.
        let end = self.walk.promise <= 2.0 * self.target(problem);
        if self.leaves > 0 {
            return Ok((self.left(problem) || self.steps >= self.leaves).then_some(false));
        }
        if self.endless >= if end { 1 } else { 3 } {
            self.endless = 0;
            let mut way = self.walk.last().to_vec();
            for look in 0..if end { 3 } else { 1 } {
                if look > 0 {
                    self.walk.metric.factor.solve(&mut way);
                }
                if self.without_end(problem, &mut way)? {
                    return Ok(Some(false));
                }
            }
        }
        // Of several classes a look is dear.
        if self.steps >= self.next_look && !(self.quick && self.table.outputs > 1) {
            self.next_look = 2 * self.steps.max(LOOK);
            return self.found(problem);
        }
        Ok(None)
    }

    /// Whether nothing is left to gain: half of what falls by e a step is what a step promises.
    fn left(&self, problem: &Problem<'_>) -> bool {
        self.walk.promise <= 0.5 * self.target(problem)
    }

    /// Whether a way was looked for and found, and it is time to end: of several classes what some lose falls by e a step or
    /// faster, so that after some steps more the rest is what it would be without them.
    pub(super) fn found(&mut self, problem: &mut Problem<'_>) -> Result<Option<bool>, Halt> {
        let Some(way) = self.apart(problem)? else { return Ok(None) };
        if self.table.outputs > 1 && !self.left(problem) {
            (self.leaves, self.along) = (self.steps + LEAVE, way);
            return Ok(None);
        }
        Ok(Some(false))
    }

    /// Whether the loss falls without end along a way that is looked for: of the point itself and of the last step, what
    /// is left once all that moves rows on their wrong side is taken off; rows that it then takes the wrong way are put
    /// to those that must stay. Many levels that are separated at once each want a length of their own, and no
    /// step says so clearly, but what is left of one does. Of several classes each is held against the row's own by itself:
    /// a level in which one never occurs is separated from that one, whatever becomes of the others.
    pub(super) fn apart(&self, problem: &mut Problem<'_>) -> Result<Option<Vec<f64>>, Halt> {
        let columns = &self.penalty[..self.table.columns.min(self.penalty.len())];
        if self.table.coupled()
            || self.shape.form != Form::Whole
            || columns.iter().all(|a| *a > 0.0)
        {
            return Ok(None);
        }
        if self.leaves > 0 {
            return Ok(Some(self.along.clone()));
        }
        // Few of the rows on their wrong side tell mostly that there is no such way.
        let all = wrong(problem, self.walk.here, 0.0, (usize::MAX, 1))?.0;
        if self.table.outputs == 1 && all >= self.table.rows {
            // All must stay: a loss that falls for ever nowhere.
            return Ok(None);
        }
        let few = all.div_ceil(FEW * self.table.width()).max(1);
        let wrong_here = Stay::of(problem, self.table.outputs, self.walk.here, 0.0, few)?;
        // Of several outputs no more is spent on it than twice what was before.
        let most =
            if self.table.outputs > 1 { 3.0 * problem.counts().passes } else { f64::INFINITY };
        for way in [&self.walk.u[..], self.walk.last()] {
            let mut stay = wrong_here.clone();
            let mut way = way.to_vec();
            for _ in 0..ROUNDS {
                if problem.counts().passes > most || !self.rid(problem, &stay, &mut way)? {
                    break;
                }
                let largest = self.changes(problem, &way)?;
                if self.recedes(problem, &way, largest)? {
                    return Ok(Some(way));
                }
                if !(largest > MOVED) {
                    // Columns that are nearly copies of each other: it moves no row.
                    break;
                }
                let more = Stay::of(problem, self.table.outputs, CHANGE, STILL * largest, 1)?;
                if !stay.join(&more) {
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Takes off a way what moves some rows, and what is penalised; whether more than rounding is left of it, which is
    /// given a largest entry of 1.
    fn rid(&self, problem: &mut Problem<'_>, stay: &Stay, way: &mut [f64]) -> Result<bool, Halt> {
        let (width, rows) = (way.len(), &stay.rows[..]);
        problem.spend(shape::passes(&self.table, rows.len() as f64 * (width as f64).powi(2)))?;
        let held = problem.hold(Rows::All, rows, None)?;
        let all: f64 = held.share.iter().sum();
        let weight: Vec<f64> = held.share.iter().map(|s| s / all).collect();
        let few = Few { held: &held, scaling: &self.scaling, penalty: &self.penalty };
        let before = unit(way);
        if self.table.outputs > 1 {
            let mut rows = ClassRows::squared(few, stay.squares(&held));
            let factor = rows.raised(&weight, 2.0 * RIDGE);
            for _ in 0..TAKEN_OFF {
                let mut off = rows.product(way, &weight);
                factor.solve(&mut off);
                way.iter_mut().zip(&off).for_each(|(v, o)| *v -= o);
            }
        } else {
            let rows = few.standardised();
            let mut gram = rows.gram(&weight);
            for (j, a) in self.penalty.iter().enumerate() {
                gram[j * width + j] += RIDGE * (1.0 + gram[j * width + j]) + a;
            }
            let Some(factor) = Factor::cholesky(gram, width) else { return Ok(false) };
            for _ in 0..TAKEN_OFF {
                let mut off = rows.sweep(way, |i, t| (weight[i] * t, 0.0)).sum;
                off.iter_mut().zip(&self.penalty).zip(&*way).for_each(|((o, a), v)| *o += a * v);
                factor.solve(&mut off);
                way.iter_mut().zip(&off).for_each(|(v, o)| *v -= o);
            }
        }
        drop(held);
        problem.spend(TAKEN_OFF as f64 * stay.rows.len() as f64 / self.table.rows as f64)?;
        way.iter_mut().zip(&self.penalty).filter(|(_, a)| **a > 0.0).for_each(|(v, _)| *v = 0.0);
        Ok(before && way.iter().any(|v| v.abs() > STILL) && unit(way))
    }

    /// Whether no row's loss grows along a way, and some row's falls; the way is given a largest entry of 1, and 0
    /// in what is penalised.
    pub(super) fn without_end(
        &self,
        problem: &mut Problem<'_>,
        way: &mut [f64],
    ) -> Result<bool, Halt> {
        way.iter_mut().zip(&self.penalty).filter(|(_, a)| **a > 0.0).for_each(|(v, _)| *v = 0.0);
        if !unit(way) {
            return Ok(false);
        }
        let largest = self.changes(problem, way)?;
        self.recedes(problem, way, largest)
    }

    /// The same of margins whose changes are kept. A row that moves the wrong way by next to nothing beside the largest
    /// change does so by rounding only if that is next to nothing beside its own terms too: one row far out makes all
    /// others look still.
    fn recedes(&self, problem: &mut Problem<'_>, way: &[f64], largest: f64) -> Result<bool, Halt> {
        if !(largest > 0.0 && largest.is_finite()) {
            return Ok(false);
        }
        let (mut x, mut to) = (vec![0.0; way.len()], [false; 2]);
        self.scaling.out(way, &mut x);
        let (centre, scale) = (&self.scaling.centre, &self.scaling.scale);
        let (by, way) = (CHANGE, &x[..]);
        problem.of_rows(OfRows::Recedes { by, largest, way, centre, scale, to: &mut to })?;
        Ok(to == [true; 2])
    }

    /// Keeps how margins change along a way; the largest of the changes.
    fn changes(&self, problem: &mut Problem<'_>, way: &[f64]) -> Result<f64, Halt> {
        let (d, width) = (self.table.columns, self.table.width());
        let mut largest = 0.0;
        let (seen, learnt) = way.split_at(self.table.margins() * width);
        if seen.chunks_exact(width).all(|v| v[..d].iter().all(|v| *v == 0.0)) {
            // Of the intercepts alone, and of what is learnt, no row need be read.
            let shifts = seen.chunks_exact(width).map(|v| v[d..].first().copied().unwrap_or(0.0));
            let margins = &shifts.chain(learnt.iter().copied()).collect::<Vec<_>>();
            problem.of_rows(OfRows::Fill { slot: CHANGE, margins })?;
        } else {
            let mut x = vec![0.0; way.len()];
            self.scaling.out(way, &mut x);
            problem.ask(&x, Rows::All, &mut [Ask::Rows(OfRows::Keep(CHANGE))])?;
        }
        problem.of_rows(OfRows::Largest { of: CHANGE, to: &mut largest })?;
        Ok(largest)
    }
}

/// Rows that must stay: those on their wrong side, or taken there; and of each by which of its margins.
#[derive(Clone)]
struct Stay {
    rows: Vec<u32>,
    /// A row's outputs side by side.
    which: Vec<bool>,
    outputs: usize,
}

impl Stay {
    /// One in so many rows that are on their wrong side by margins that are kept, and not 0 to `slack`.
    fn of(
        problem: &mut Problem<'_>,
        outputs: usize,
        at: Slot,
        slack: f64,
        every: usize,
    ) -> Result<Self, Halt> {
        let rows = wrong(problem, at, slack, (0, every))?.1;
        let mut which = vec![true; rows.len() * outputs];
        if outputs > 1 {
            let held = problem.hold(Rows::All, &rows, Some(at))?;
            for (i, which) in which.chunks_exact_mut(outputs).enumerate() {
                held.wrong(i, slack, which);
            }
        }
        Ok(Stay { rows, which, outputs })
    }
    /// Puts others to them; whether there is any that was not among them.
    fn join(&mut self, more: &Stay) -> bool {
        let k = self.outputs;
        let mut all: BTreeMap<u32, Vec<bool>> = self
            .rows
            .iter()
            .copied()
            .zip(self.which.chunks_exact(k).map(<[bool]>::to_vec))
            .collect();
        let mut grown = false;
        for (row, which) in more.rows.iter().zip(more.which.chunks_exact(k)) {
            let known = all.entry(*row).or_insert_with(|| vec![false; k]);
            for (known, new) in known.iter_mut().zip(which) {
                grown |= new & !*known;
                *known |= new;
            }
        }
        (self.rows, self.which) =
            (all.keys().copied().collect(), all.into_values().flatten().collect());
        grown
    }
    /// The squares of what they must not do, one matrix a row.
    fn squares(&self, held: &Held<'_>) -> Vec<f64> {
        let k = self.outputs;
        let mut to = vec![0.0; self.rows.len() * k * k];
        let each = to.chunks_exact_mut(k * k).zip(self.which.chunks_exact(k));
        each.enumerate().for_each(|(i, (to, which))| held.astray(i, which, to));
        to
    }
}

/// How many rows are on their wrong side, or taken there, by what is not 0 to `beyond`, and of those some.
fn wrong(
    problem: &mut Problem<'_>,
    at: Slot,
    beyond: f64,
    every: (usize, usize),
) -> Result<(usize, Vec<u32>), Halt> {
    let (mut all, mut to) = (0, Vec::new());
    problem.of_rows(OfRows::Wrong { at, beyond, count: &mut all, every, to: &mut to })?;
    Ok((all, to))
}
