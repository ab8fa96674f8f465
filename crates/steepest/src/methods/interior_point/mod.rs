//! Interior points, for losses over a table that are made of straight parts.
mod matrix;
mod proof;
mod ties;
mod wide;

use crate::gram::StandardisedRows;
use crate::held::Held;
use crate::method::{Entry, Method, Needs, Step, Suit, Takes};
use crate::objective::{Ask, Rows};
use crate::penalty::Piece;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::scaling::{Look, Scaling};
use crate::state::{Bad, State};
use crate::status::{Halt, Status};
use crate::table::{OfRows, Slot, Table};
use matrix::NewtonMatrix;
use proof::Closest;
use std::sync::Arc;
use ties::{Inside, Ties};

/// Mehrotra's predictor and corrector for min Σ ties + ½ Σ a_j u_j². Each row's loss, each absolute value and each bound
/// is a tie: its primal variable is how far the margin lies to either side of where it bends, its dual variable the
/// slope that it pulls with. Newton's steps on the conditions of both take one matrix over the columns each, some tens
/// of them to the end whatever the table; the dual variables prove how far the end is.
#[derive(Default)]
pub struct InteriorPoint {
    /// Standardised columns, the penalty in them, and the ties.
    scaling: Scaling,
    pieces: Vec<Piece>,
    ties: Ties,
    /// Mean squares of the columns as they lie, and of the intercept's.
    squares: Vec<f64>,
    /// The columns one after another, where there are more of them than rows.
    columns: Option<Arc<Vec<f64>>>,
    /// The loss of the best intercept alone.
    null: f64,
    u: Vec<f64>,
    inside: Inside,
    best: Option<Closest>,
    /// The least μ and the least bound so far, and steps since either fell.
    least: [f64; 2],
    idle: u32,
    /// Columns that the last matrices lost, and whether they are combinations of the others.
    dependent: Option<(Vec<usize>, bool)>,
}

// The rest follows from the table (`again`).
crate::state!(InteriorPoint { u: vector, inside, best, null, least, idle } but scaling, pieces, ties, squares, columns, dependent);

/// Where the margins of the point are kept.
const MARGINS: Slot = Slot(0);
/// How near a step goes to where something would be 0.
const NEAR: f64 = 0.995;
/// A step is short below this, and what it then aims at, in times of μ.
const SHORT: f64 = 0.1;
const MIDDLE: f64 = 0.5;
/// Steps without gain before the arithmetic is at its end.
const IDLE: u32 = 15;

/// A direction, and its shares by ties.
struct Course {
    u: Vec<f64>,
    dual: Vec<f64>,
    over: Vec<f64>,
    under: Vec<f64>,
}

impl InteriorPoint {
    /// What follows from the table and the penalty alone.
    fn look(&mut self, problem: &mut Problem<'_>) -> Result<Table, Halt> {
        let table = problem.table().expect("a loss over a table");
        let (d, penalty) = (table.columns, problem.penalty());
        let raw: Vec<Piece> = (0..table.dim()).map(|j| penalty.piece(j)).collect();
        if let Some(why) = too_large(&table, &raw) {
            return Err(Halt::Failed(Box::new(Refusal::of("X", why))));
        }
        let centred = table.intercept && raw[d].is_free();
        let (mut sum, mut square) = (vec![0.0; d], vec![0.0; d]);
        let moments = OfRows::Moments { sum: &mut sum, square: &mut square };
        problem.ask(&[], Rows::All, &mut [Ask::Rows(moments)])?;
        self.squares = square.iter().map(|q| q / table.total).collect();
        self.squares.resize(table.width(), 1.0);
        let (held, mut meter) = problem.rows(None)?;
        meter.spend(1.0)?;
        self.scaling = Scaling::of(&table, &Look::Rows(&held), centred);
        let scale = |j: usize| if j < d { self.scaling.scale[j] } else { 1.0 };
        let in_units = |(j, p): (usize, &Piece)| {
            let s = scale(j);
            Piece { l1: p.l1 / s, l2: p.l2 / (s * s), low: p.low * s, high: p.high * s }
        };
        self.pieces = raw.iter().enumerate().map(in_units).collect();
        for (j, p) in self.pieces.iter_mut().enumerate() {
            // Between its bounds a column of one number would wander for ever, as the intercept makes up for it.
            if self.scaling.flat(j) && (p.low.is_finite() || p.high.is_finite()) {
                let nearest = 0f64.clamp(p.low, p.high);
                (p.low, p.high) = (nearest, nearest);
            }
        }
        self.ties = Ties::of(&held, &self.pieces);
        // Where absolute values leave few variables in use the matrix over the rows has too large a range of numbers.
        let squares = self.ties.of_rows() == self.ties.len() || table.width() > MOST;
        if squares && table.width() > table.rows && table.rows <= MOST {
            meter.spend(1.0)?;
            let rows = StandardisedRows { held: &held, scaling: &self.scaling };
            self.columns = Some(Arc::new(wide::turned(&rows.table(), table.width())));
        }
        Ok(table)
    }

    /// The direction to where over · above and under · below become what is told.
    fn way(
        &self,
        rows: &StandardisedRows<'_>,
        normal: &NewtonMatrix,
        (off, slope): (&[f64], &[f64]),
        products: &[(f64, f64)],
        roughly: bool,
    ) -> Course {
        let (ties, at) = (&self.ties, &self.inside);
        let rest: Vec<f64> = (0..ties.len())
            .map(|k| off[k] + products[k].0 / at.above[k] - products[k].1 / at.below[k])
            .collect();
        let (u, dual) = self.solved(rows, normal, slope, (&rest, roughly));
        let over = (0..ties.len()).map(|k| (products[k].0 + at.over[k] * dual[k]) / at.above[k]);
        let under = (0..ties.len()).map(|k| (products[k].1 - at.under[k] * dual[k]) / at.below[k]);
        Course { over: over.collect(), under: under.collect(), dual, u }
    }

    /// How far one may go along a way: primal and dual. With squares in the penalty both go as far.
    fn lengths(&self, way: &Course) -> (f64, f64) {
        let to_zero = |v: &[f64], by: &dyn Fn(usize) -> f64| {
            let last = |(k, v): (usize, &f64)| if by(k) < 0.0 { -v / by(k) } else { f64::INFINITY };
            v.iter().enumerate().map(last).fold(f64::INFINITY, f64::min)
        };
        let at = &self.inside;
        let primal = to_zero(&at.over, &|k| way.over[k]).min(to_zero(&at.under, &|k| way.under[k]));
        let dual = to_zero(&at.above, &|k| -way.dual[k]).min(to_zero(&at.below, &|k| way.dual[k]));
        let same = self.pieces.iter().any(|p| p.l2 > 0.0);
        if same { (primal.min(dual), primal.min(dual)) } else { (primal, dual) }
    }

    /// Σ over · above + under · below after a step of at most these lengths.
    fn complement(&self, way: &Course, (primal, dual): (f64, f64)) -> f64 {
        let (at, primal, dual) = (&self.inside, primal.min(1.0), dual.min(1.0));
        let of = |far: f64, room: f64| if room.is_finite() { far * room } else { 0.0 };
        (0..self.ties.len())
            .map(|k| {
                of(at.over[k] + primal * way.over[k], at.above[k] - dual * way.dual[k])
                    + of(at.under[k] + primal * way.under[k], at.below[k] + dual * way.dual[k])
            })
            .sum()
    }

    /// One step; the matrix that it was taken with, and its length. None where there is no matrix.
    fn advance(&mut self, held: &Held<'_>) -> Option<(NewtonMatrix, f64)> {
        let scaling = std::mem::take(&mut self.scaling);
        let rows = StandardisedRows { held, scaling: &scaling };
        let done = self.advanced(&rows);
        self.scaling = scaling;
        done
    }
    fn advanced(&mut self, rows: &StandardisedRows<'_>) -> Option<(NewtonMatrix, f64)> {
        let (ties, at) = (&self.ties, &self.inside);
        let (count, sides) = (ties.len(), ties.sides().max(1) as f64);
        let seen = ties.seen(&rows.margins(&self.u), &self.u);
        let off: Vec<f64> =
            (0..count).map(|k| ties.at[k] - seen[k] + at.over[k] - at.under[k]).collect();
        let dual = ties.dual(at);
        let by = ties.by_rows(&dual, rows.held.len());
        let mut slope = rows.sweep(&vec![0.0; self.u.len()], |i, _| (by[i], 0.0)).sum;
        ties.add_own(&dual, &mut slope);
        for (j, g) in slope.iter_mut().enumerate() {
            *g += self.pieces[j].l2 * self.u[j] + ties.lean[j];
        }
        let normal = self.normal(rows);
        let now: Vec<(f64, f64)> = (0..count).map(|k| at.products(k)).collect();
        let mu = now.iter().map(|p| p.0 + p.1).sum::<f64>() / sides;
        let straight: Vec<(f64, f64)> = now.iter().map(|p| (-p.0, -p.1)).collect();
        let way = self.way(rows, &normal, (&off, &slope), &straight, true);
        let there = self.complement(&way, self.lengths(&way)) / sides;
        let aim = (there / mu).powi(3).min(1.0) * mu;
        let second = |k: usize| {
            let (over, under) = (way.over[k] * way.dual[k], way.under[k] * way.dual[k]);
            (aim - now[k].0 + over, aim - now[k].1 - under)
        };
        let turned: Vec<(f64, f64)> = (0..count).map(second).collect();
        let mut way = self.way(rows, &normal, (&off, &slope), &turned, false);
        let (mut primal, mut dual) = self.lengths(&way);
        if primal.min(dual) < SHORT {
            // Towards the middle, from where steps are longer.
            let aim = aim.max(MIDDLE * mu);
            let middle: Vec<(f64, f64)> = now.iter().map(|p| (aim - p.0, aim - p.1)).collect();
            let other = self.way(rows, &normal, (&off, &slope), &middle, false);
            let lengths = self.lengths(&other);
            if lengths.0.min(lengths.1) > primal.min(dual) {
                (way, (primal, dual)) = (other, lengths);
            }
        }
        let near = |a: f64| (NEAR * a).min(1.0);
        let (primal, dual) = (near(primal), near(dual));
        if !(primal.max(dual) > 0.0) || !way.u.iter().all(|u| u.is_finite()) {
            return None;
        }
        let add = |to: &mut [f64], by: &[f64]| {
            to.iter_mut().zip(by).for_each(|(to, by)| *to += primal * by);
        };
        add(&mut self.u, &way.u);
        add(&mut self.inside.over, &way.over);
        add(&mut self.inside.under, &way.under);
        self.ties.turn(&mut self.inside, &way.dual, dual);
        Some((normal, primal.min(dual)))
    }

    /// The best intercept alone, and what it costs: where the slopes of all ties of rows change their sign.
    fn intercept(&self, held: &Held<'_>) -> f64 {
        let mut places: Vec<(f64, f64)> = Vec::new();
        let mut slope = 0.0;
        for (i, &share) in held.share.iter().enumerate().filter(|s| *s.1 > 0.0) {
            for k in held.kinks(i) {
                slope -= share * k.down;
                places.push((k.at, share * (k.up + k.down)));
            }
        }
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        places.retain(|p| p.1 > 0.0);
        for (k, (at, more)) in places.iter().enumerate() {
            slope += more;
            if slope > 4.0 * f64::EPSILON {
                return *at;
            }
            if slope >= -4.0 * f64::EPSILON {
                // Nothing is lost up to the next: inside it is no matter of rounding.
                return places.get(k + 1).map_or(at + 1.0, |next| 0.5 * (at + next.0));
            }
        }
        0.0
    }
}

impl Method for InteriorPoint {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let table = self.look(problem)?;
        let d = table.columns;
        let given = problem.value(x)?;
        let (held, mut meter) = problem.rows(None)?;
        let b = if table.intercept { self.intercept(&held) } else { 0.0 };
        self.null = held.mean(&held.values(&vec![b; held.len()]));
        if !given.is_finite() {
            let what = problem.not_finite()?.unwrap_or_else(|| "the value at the start".into());
            return Err(Halt::Status(Status::NotFinite(what)));
        }
        let mut u = vec![0.0; x.len()];
        if given < self.null {
            self.scaling.inward(x, &mut u);
        } else if table.intercept {
            u[d] = b;
        }
        meter.spend(2.0)?;
        let rows = StandardisedRows { held: &held, scaling: &self.scaling };
        let far = self.ties.far(&self.ties.seen(&rows.margins(&u), &u));
        for (u, p) in u.iter_mut().zip(&self.pieces) {
            // Inside its bounds, and not at their edge.
            let room = (0.1 * far).min(0.25 * (p.high - p.low));
            *u = u.clamp(p.low + room, p.high - room);
        }
        self.inside = self.ties.inside(&self.ties.seen(&rows.margins(&u), &u), far);
        (self.u, self.least, self.idle) = (u, [f64::INFINITY; 2], 0);
        self.judge(problem, x, None)
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (held, mut meter) = problem.rows(None)?;
        // Margins and sums over the rows: of the point, of both directions, and the matrix.
        meter.spend(7.0)?;
        let done = self.advance(&held);
        drop(held);
        let mut step = match &done {
            Some((normal, length)) => {
                let step = self.judge(problem, x, Some(normal))?;
                Step { rate: *length, ..step }
            }
            None => Step { verdict: Some(Status::PrecisionLimit), ..Step::default() },
        };
        if step.verdict.is_some()
            && let Some(best) = self.best.take()
            && step.certificate.as_ref().is_none_or(|c| !(c.bound <= best.bound))
        {
            x.copy_from_slice(&best.x);
            step = Step { verdict: step.verdict, ..best.step };
        }
        Ok(step)
    }

    fn state(&mut self) -> &mut dyn State {
        self
    }
    fn again(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        self.look(problem)?;
        if self.inside.fits(self.ties.len()) {
            return Ok(());
        }
        Err(Halt::Failed(Box::new(Bad("'method.inside' is of another table".into()))))
    }
}

/// Columns, or rows, of which it makes a matrix anew in each step.
const MOST: usize = 4000;
/// Numbers of a table that it makes dense where columns are more than rows: a gigabyte.
const COPIED: usize = 1 << 27;

/// Why a table is too large for it, if it is, and what would do.
fn too_large(table: &Table, pieces: &[Piece]) -> Option<String> {
    let (n, w) = (table.rows, table.width());
    let others = "squared_hinge, huber and squared_epsilon_insensitive, which bend everywhere, are for tables of any size";
    if n.min(w) > MOST {
        return Some(format!(
            "interior_point takes a matrix over the columns or over the rows, of at most {MOST}; this table has {n} rows \
             and {w} columns. {others}"
        ));
    }
    if w <= MOST {
        return None;
    }
    if n.saturating_mul(w) > COPIED {
        return Some(format!(
            "interior_point makes a table of more than {MOST} columns dense, which is for at most {COPIED} numbers; this \
             one has {n} rows and {w} columns. {others}"
        ));
    }
    let held = |p: &Piece| p.l2 > 0.0 || p.l1 > 0.0 || p.low.is_finite() || p.high.is_finite();
    if pieces[..table.columns].iter().all(held) {
        return None;
    }
    Some(format!(
        "interior_point takes more than {MOST} columns only where a penalty or a bound holds each of them; this table has \
         {w}. Give it a penalty"
    ))
}

pub(super) const ENTRY: Entry = Entry {
    name: "interior_point",
    doc: "Interior points, primal and dual, for losses made of straight parts (hinge, pinball, epsilon_insensitive): \
          Newton's steps on the conditions of both, a predictor and a corrector by one matrix over the columns. Some tens \
          of steps, with a duality gap; up to 4000 columns or rows. Mehrotra 1992, <https://doi.org/10.1137/0802028>; Portnoy \
          and Koenker 1997, <https://doi.org/10.1214/ss/1030037960>.",
    parameters: &[],
    needs: Needs {
        glm: true,
        single: true,
        straight: true,
        penalty: Takes::Pieces,
        ..Needs::GRADIENT
    },
    // What is too large for it is refused with words of its own: no other method takes such losses.
    suits: |_| {
        let reason = "the loss is made of straight parts, and columns or rows are few enough for a matrix over them";
        Some(Suit { passes: 150.0, reason: reason.into() })
    },
    build: |_| Box::new(InteriorPoint::default()),
};
