//! Coordinate descent on a working set, for losses over a table with absolute values, squares and bounds.
mod active;
mod along;
mod entries;
mod face;
mod foretold;
mod frame;
mod gram;
mod judge;
mod kinked;
mod quadratic;
mod start;
mod stepping;
mod sweeping;
mod working;

use crate::held::Held;
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::objective::{Ask, Rows};
use crate::penalty::Piece;
use crate::problem::{Facts, Problem};
use crate::state::{Bad, State};
use crate::status::{Halt, Status};
use crate::table::{OfRows, Slot};
use foretold::Deduced;
use frame::Frame;
pub(super) use start::instead;
use working::{MOST, Model, chosen, most};

/// Proximal Newton on a working set: the columns that are in use or want to be, a quadratic of the loss over them
/// (exact for squares), solved by coordinate descent and by Newton's steps on the face that it finds; then one read
/// of the table says who else wants to be in.
///
/// Friedman, Hastie and Tibshirani 2010; Johnson and Guestrin 2015.
#[derive(Default)]
pub struct Coordinate {
    pieces: Vec<Piece>,
    frame: Option<Frame>,
    /// The point in the variables of the frame, the gradient of the mean loss and where the margins there are kept.
    seen: Vec<f64>,
    gradient: Vec<f64>,
    margin: Slot,
    /// The gradient in the objective's own variables.
    told: Vec<f64>,
    value: f64,
    null: f64,
    /// The loss where all margins are 0, or at the best intercept: what rounding is small beside, where all is well.
    scale: f64,
    model: Option<Model>,
    /// What is told of the point, where it was not read: the margins are those of the point that it is told from.
    told_from: Option<Deduced>,
    /// What rounding has cost the value since it was read, as penalties changed.
    carried: f64,
    /// Whether a sparse table's models have a matrix, where they are small enough: entries crept.
    matrix: bool,
    /// Rows that the model is made from, as a multiple of what it starts with.
    more: usize,
    /// Whether the model's curvature is guarded, how many steps that is to last, and how many it did the last time.
    guarded: bool,
    wait: u32,
    patience: u32,
    /// By how much the last step lowered the value, and by how much the model had said.
    fell: f64,
    promised: f64,
    /// The last bound on the distance from the optimum, and what rounding can hide there.
    bound: f64,
    rounding: f64,
    stuck: u32,
    /// Whether most rows pulled without curvature, when there was no guard.
    pulled: bool,
    /// Steps in a row that gained little of what is left.
    slow: u32,
    /// Steps taken, and the value when they were half as many.
    taken: u64,
    half: f64,
    /// Whether the loss is one that a square bounds: no start is absurd then.
    tame: bool,
    /// The point of the smallest bound since nothing moves any more.
    best: Option<Best>,
    /// Whether it has gone back to that point at the end: what is known is then of another one.
    back: bool,
    /// Whether it has gone on under another penalty: it will again, and a matrix of many columns then serves more than once.
    along: bool,
}

/// A point, and what was known there.
#[derive(Default)]
struct Best {
    bound: f64,
    seen: Vec<f64>,
    step: Step,
}

crate::state!(Best { bound, seen: vector, step });

// What is left out follows from the point, the penalty and the table (`again`).
crate::state!(Coordinate {
    seen: point, gradient: vector, told: vector, value: value, null: within(0.0, f64::INFINITY),
    scale: within(0.0, f64::INFINITY), model, matrix, more, guarded, wait, patience, fell, promised, bound, rounding, stuck,
    pulled, slow, taken, half, tame, best, carried: within(0.0, f64::INFINITY),
} but margin, pieces, frame, told_from, back, along);

/// Where margins are kept: those of the point and of another that is tried, in turn; and changes of them.
const SLOTS: [Slot; 2] = [Slot(0), Slot(1)];
const CHANGES: Slot = Slot(2);

/// Steps after which it is asked, then after twice as many and so on, whether this leads anywhere: where half of the
/// steps gained less than this part of what is not proved, fifty times as many would not be enough.
const ASKED: u64 = 512;
const GAINED: f64 = 2e-2;
/// Steps that change nothing before the arithmetic is at its end.
const STUCK: u32 = 3;

impl Coordinate {
    /// One read of the table at a point: value, gradient, margins.
    fn read(&mut self, problem: &mut Problem<'_>, seen: &[f64], margin: Slot) -> Result<f64, Halt> {
        let less = self.frame.as_ref().expect("made at the start").less();
        let mut loss = f64::NAN;
        let asks = &mut [
            Ask::Value(&mut loss),
            Ask::Gradient(&mut self.gradient),
            Ask::Rows(OfRows::Keep(margin)),
            Ask::Rows(less),
        ];
        problem.ask(seen, Rows::All, asks)?;
        Ok(loss + penalty(&self.pieces, seen))
    }
    /// Where margins of another point than this are kept.
    fn other(&self) -> Slot {
        SLOTS[usize::from(self.margin == SLOTS[0])]
    }

    /// The best intercepts without any column; keeps what the loss is there.
    fn measure(&mut self, rows: &Held<'_>) -> Vec<f64> {
        let (b, null) = working::null(rows);
        let values = rows.values(&vec![0.0; rows.len() * rows.outputs()]);
        (self.null, self.scale) = (null, rows.mean(&values).max(null));
        b
    }
    /// What a step along one coordinate promises.
    fn promise(&self, a: usize) -> f64 {
        let frame = self.frame.as_ref().expect("made at the start");
        let free = if frame.taken_out { self.gradient[frame.columns] } else { 0.0 };
        let mean = frame.column(a).map_or(0.0, |j| frame.mean[j]);
        let curvature = self.model.as_ref().map_or(1.0, |m| m.curvature) * frame.spread(a).powi(2);
        working::promise(self.pieces[a], self.seen[a], self.gradient[a] - free * mean, curvature)
    }
    /// The most that a step along one coordinate promises.
    fn wants(&self) -> f64 {
        let frame = self.frame.as_ref().expect("made at the start");
        (0..frame.coordinates()).map(|a| self.promise(a)).fold(0.0, f64::max)
    }

    /// The point as the objective has it.
    fn tell(&mut self, x: &mut [f64]) {
        let frame = self.frame.as_ref().expect("made at the start");
        frame.out(&self.seen, x);
        for (x, p) in x.iter_mut().zip(&self.pieces) {
            *x = x.clamp(p.low, p.high);
        }
        frame.gradient(&self.gradient, &mut self.told);
    }
}

/// What is proved of a point, whoever found it: for methods that have no gap of their own. One read of the table for
/// what is asked of it here, two more for the proof.
pub(super) fn proof(problem: &mut Problem<'_>, x: &[f64]) -> Result<Step, Halt> {
    let n = x.len();
    let mut c = Coordinate {
        pieces: (0..n).map(|j| problem.penalty().piece(j)).collect(),
        gradient: vec![0.0; n],
        seen: vec![0.0; n],
        ..Coordinate::default()
    };
    let (rows, mut meter) = problem.rows(None)?;
    c.measure(&rows);
    let (frame, _) = Frame::new(&rows, &c.pieces, None, &mut meter)?;
    let mut seen = vec![0.0; n];
    // A bound is met exactly, not to an ulp of other variables.
    let held: Vec<f64> = x.iter().zip(&c.pieces).map(|(x, p)| x.clamp(p.low, p.high)).collect();
    frame.inward(&held, &mut seen);
    c.frame = Some(frame);
    c.value = c.read(problem, &seen, c.margin)?;
    c.seen = seen;
    let step = c.judge(problem, 0.0)?;
    for slot in [c.margin, CHANGES] {
        problem.of_rows(OfRows::Free(slot))?;
    }
    Ok(step)
}

/// Columns that say nothing (zeros; beside a free intercept constants too) get the coefficients that cost least: no step
/// has a reason to change them.
fn idle(frame: &Frame, pieces: &[Piece], v: &mut [f64]) {
    for a in (0..frame.coordinates()).filter(|&a| frame.spread(a) == 0.0) {
        let (p, Some(j)) = (pieces[a], frame.column(a)) else { continue };
        let least = 0.0f64.clamp(p.low, p.high);
        if p.l1 > 0.0 || p.l2 > 0.0 {
            if frame.taken_out {
                v[frame.columns] += frame.mean[j] * (v[a] - least);
            }
            v[a] = least;
        }
    }
}

fn penalty(pieces: &[Piece], x: &[f64]) -> f64 {
    pieces.iter().zip(x).map(|(p, x)| p.value(*x)).sum()
}

fn penalty_between(pieces: &[Piece], x: &[f64], to: &[f64], length: f64) -> f64 {
    let there = x.iter().zip(to).map(|(x, to)| x + length * (to - x));
    pieces.iter().zip(there).map(|(p, v)| p.value(v)).sum()
}

impl Method for Coordinate {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        if self.frame.is_some() {
            if let Some(step) = self.onward(problem, x)? {
                return Ok(step);
            }
            *self = Coordinate::default();
        }
        let n = x.len();
        self.pieces = (0..n).map(|j| problem.penalty().piece(j)).collect();
        for (x, p) in x.iter_mut().zip(&self.pieces) {
            if p.low > p.high {
                return Err(Halt::Status(Status::Infeasible));
            }
            *x = x.clamp(p.low, p.high);
        }
        (self.gradient, self.told, self.seen) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        self.more = 1;
        let (rows, mut meter) = problem.rows(None)?;
        let (outputs, d, intercept) = (rows.outputs(), rows.columns(), rows.intercept());
        let b = self.measure(&rows);
        // An intercept that nothing holds is as good wherever it starts.
        let free = intercept && outputs == 1 && self.pieces[d].is_free();
        if outputs == 1 && x.iter().enumerate().all(|(j, v)| *v == 0.0 || j == d && free) {
            // Without coefficients the slopes follow from the targets: one read for gradient and moments.
            let b =
                if intercept { b[0].clamp(self.pieces[d].low, self.pieces[d].high) } else { 0.0 };
            let mut slope = vec![b; rows.len()];
            let values = rows.slopes(&mut slope);
            meter.evaluation(0.0)?;
            let (frame, gradient) = Frame::new(&rows, &self.pieces, Some(&slope), &mut meter)?;
            self.gradient[..d].copy_from_slice(&gradient);
            if intercept {
                self.gradient[d] = rows.mean(&slope);
                self.seen[d] = b;
            }
            self.value = rows.mean(&values) + penalty(&self.pieces, &self.seen);
            self.frame = Some(frame);
            problem.of_rows(OfRows::Fill { slot: self.margin, margins: &[b] })?;
        } else {
            let (frame, _) = Frame::new(&rows, &self.pieces, None, &mut meter)?;
            let mut seen = vec![0.0; n];
            frame.inward(x, &mut seen);
            idle(&frame, &self.pieces, &mut seen);
            self.frame = Some(frame);
            self.value = self.read(problem, &seen, self.margin)?;
            // A start that is worse than no coefficients at all is not worth its name.
            let none = start::none(&self.pieces, &b, d);
            if !(self.value <= self.null) && none != seen {
                let kept = (self.gradient.clone(), self.value);
                self.value = self.read(problem, &none, self.other())?;
                if self.value < kept.1 || !kept.1.is_finite() {
                    seen = none;
                    self.margin = self.other();
                } else {
                    (self.gradient, self.value) = kept;
                }
            }
            // Where coefficients that bounds ask for overflow the loss, an intercept may take it back.
            let taken_out = self.frame.as_ref().expect("just made").taken_out;
            if !self.value.is_finite() && taken_out {
                let (rows, _) = problem.rows(Some(self.margin))?;
                if rows.margins.iter().all(|m| m.is_finite()) {
                    seen[d] += working::shifted(&rows, &rows.margins).0;
                    self.value = self.read(problem, &seen, self.margin)?;
                }
            }
            if !self.tame
                && start::absurd(self.value, self.null)
                && let Some(point) = start::tamed(problem, x, self.value)?
            {
                self.frame.as_ref().expect("just made").inward(&point, &mut seen);
                self.value = self.read(problem, &seen, self.margin)?;
            }
            self.seen = seen;
        }
        self.bound = f64::INFINITY;
        self.promised = f64::INFINITY;
        let step = self.judge(problem, 0.0)?;
        self.tell(x);
        Ok(step)
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let frame = self.frame.as_ref().expect("made at the start");
        let (rows, mut meter) = problem.rows(Some(self.margin))?;
        // Without a matrix there may be any number.
        let size = if rows.dense() || frame.outputs > 1 { MOST } else { usize::MAX };
        let set = chosen(frame, &self.seen, &self.pieces, size, |a| self.promise(a));
        let set = if rows.quadratic() { most(frame, set, self.along, rows.len()) } else { set };
        let matrix = self.matrix && set.len() <= MOST;
        let kept = self.model.take().filter(|m| m.holds(&set) && !(matrix && m.sparse()));
        let rows = rows.less(&frame.far, &frame.centre);
        let mut model = match kept {
            Some(m) => m,
            None => {
                // Of squares all rows' serves under the next penalty too.
                let more = if self.along && rows.quadratic() { usize::MAX } else { self.more };
                let how = (more, self.guarded, matrix);
                Model::new(&rows, frame, &set, &self.pieces, how, &mut meter)?
            }
        };
        let least = 1e-16 * self.value.max(1e-12 * self.null);
        // A small model is solved to the end; a large one as far as the rest of the table is known, and what is left of a
        // gap is the root of what a step promises.
        let known = self.bound.min(self.value);
        let rough = 1e-6 * known * (known / self.value);
        let least = if model.set.len() <= 200 || self.stuck > 0 { least } else { least.max(rough) };
        let solved = model.solve((&rows, frame), &self.seen, &self.gradient, least, &mut meter)?;
        let exact = model.exact;
        self.matrix |= solved.creeps;
        self.model = Some(model);
        problem.pause()?;
        self.promised = solved.fell;
        if exact && let Some(step) = self.foreseen(problem, &solved.to)? {
            self.tell(x);
            return Ok(step);
        }
        let rate = self.take(problem, &solved.to, exact)?;
        let mut step = self.judge(problem, rate)?;
        self.taken += 1;
        if self.taken >= ASKED && self.taken.is_power_of_two() {
            if self.taken > ASKED && self.half - self.value <= GAINED * self.bound {
                step.verdict = step.verdict.or(Some(Status::PrecisionLimit));
            }
            self.half = self.value;
        }
        if step.verdict.is_some()
            && let Some(best) = self.best.take()
            && step.certificate.as_ref().is_some_and(|c| best.bound < c.bound)
        {
            // Steps of rounding alone go to and fro: the point of which most is known is the answer.
            let verdict = step.verdict.take();
            (self.seen, self.back) = (best.seen, true);
            step = Step { verdict, ..best.step };
        }
        self.tell(x);
        Ok(step)
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        self.pieces = (0..self.seen.len()).map(|j| problem.penalty().piece(j)).collect();
        let (rows, mut meter) = problem.rows(None)?;
        let (frame, _) = Frame::new(&rows, &self.pieces, None, &mut meter)?;
        let there = self.model.as_mut().is_none_or(|m| m.again(&frame, &self.pieces, rows.len()));
        self.frame = Some(frame);
        if !there {
            return Err(Halt::Failed(Box::new(Bad("'method.model' is of other rows".into()))));
        }
        let (seen, saved) = (self.seen.clone(), self.gradient.clone());
        let value = self.read(problem, &seen, self.margin)?;
        let frame = self.frame.as_ref().expect("just made");
        let (rows, mut meter) = problem.rows(Some(self.margin))?;
        // Of squares claims rest on both without another read: what was read is taken as it was, to the bit; what was told,
        // or is none of this table, as it is read now, and the matrix is made again.
        if !rows.quadratic() || self.as_read(&rows, value, &saved) {
            self.gradient = saved;
        } else {
            self.value = value;
        }
        if let Some(model) = self.model.take_if(|m| m.exact && m.matrix().is_some()) {
            let rows = rows.less(&frame.far, &frame.centre);
            self.model = Some(model.remade(&rows, frame, &self.pieces, &mut meter)?);
        }
        Ok(())
    }
    fn serves_again(&self) -> bool {
        !self.back
    }
    fn monotone(&self) -> bool {
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        Some(&self.told)
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: "coordinate",
    doc: "Coordinate descent on a working set: the columns in use and those that want to be, a quadratic of the loss \
          over them, one read of the table to see who else wants in. Sparse answers in a few reads, with a duality \
          gap. Friedman, Hastie and Tibshirani 2010, <https://doi.org/10.18637/jss.v033.i01>.",
    parameters: &[],
    needs: Needs { glm: true, penalty: Takes::Pieces, ..Needs::GRADIENT },
    suits: |f: &Facts| {
        if !f.glm || (f.outputs != 1 && f.dim > SEVERAL) {
            return None;
        }
        let (passes, reason) = if !f.offers.quadratic {
            (
                8.0,
                "the penalty sets coefficients to zero or holds them, so a small working set has the answer",
            )
        } else if f.dim <= 3000 && f.outputs == 1 {
            (40.0, "so few columns that the curvature of all of them can be held")
        } else {
            return None;
        };
        Some(Suit { passes, reason: reason.into() })
    },
    build: |_| Box::new(Coordinate::default()),
};

/// Variables of several outputs up to which their curvature together is worth its making.
const SEVERAL: usize = 3000;
