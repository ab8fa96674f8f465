//! The working set and the quadratic of the loss over it.
use super::entries::{SparseSet, WorkingColumns};
use super::face::{Ending, Root};
use super::frame::Frame;
use super::gram::{Gram, Set, runs};
use super::kinked::Kinked;
use super::quadratic::Quadratic;
use super::sweeping::Sweeping;
use crate::held::{Held, Jets};
use crate::penalty::Piece;
use crate::problem::Meter;
use crate::status::Halt;
use std::ops::Range;

/// By how much a step along one coordinate lowers the objective, where its gradient and curvature are these.
pub(super) fn promise(p: Piece, x: f64, gradient: f64, curvature: f64) -> f64 {
    if curvature <= 0.0 {
        return 0.0;
    }
    let new = p.prox(x - gradient / curvature, curvature);
    let by = new - x;
    p.value(x) - p.value(new) - by * gradient - 0.5 * curvature * by * by
}

/// Coordinates in a working set at most: its matrix must stay small beside the table.
pub(super) const MOST: usize = 3000;
/// So few coordinates are all in it.
const ALL: usize = 64;

/// The coordinates in use, and those that promise most beside them: as many again, or some scores; about `most` at most.
pub(super) fn chosen(
    frame: &Frame,
    x: &[f64],
    pieces: &[Piece],
    most: usize,
    promise: impl Fn(usize) -> f64,
) -> Vec<u32> {
    let d = frame.coordinates();
    if d <= ALL {
        return (0..d as u32).filter(|&j| frame.size(j as usize) > 0.0).collect();
    }
    let used = |j: u32| {
        x[j as usize] != 0.0 || frame.column(j as usize).is_none() || pieces[j as usize].is_free()
    };
    let mut set: Vec<u32> = (0..d as u32).filter(|&j| used(j)).collect();
    let mut others: Vec<(f64, u32)> = (0..d as u32)
        .filter(|&j| !used(j))
        .map(|j| (promise(j as usize), j))
        .filter(|p| p.0 > 0.0)
        .collect();
    others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let room = set.len().max(100).min(most.saturating_sub(set.len()).max(50));
    set.extend(others.iter().take(room).map(|o| o.1));
    set.sort_unstable();
    set
}

/// A working set of most coordinates is made one of all, where its matrix serves to the end: made again it would cost more.
/// `along` falling penalties a quarter is enough, for the others come in at the next ones; of a few columns of many more
/// `rows` any are, for the matrix of all of them tells the rest of the way without a read.
pub(super) fn most(frame: &Frame, set: Vec<u32>, along: bool, rows: usize) -> Vec<u32> {
    let (d, times) = (frame.coordinates(), if along { 8 } else { 3 });
    let tall = along && d <= TALL && rows >= 4 * d;
    if !tall && (d > MOST || times * set.len() < 2 * d) {
        set
    } else {
        (0..d as u32).filter(|&j| frame.size(j as usize) > 0.0).collect()
    }
}
/// Columns of which the matrix costs some reads.
const TALL: usize = 400;

/// A quadratic of the loss over a working set, in units in which each coordinate's curvature is 1.
#[derive(Default)]
pub(super) struct Model {
    pub set: Vec<u32>,
    gram: Gram,
    /// What the intercept takes up of each column, in its own units.
    pub centre: Vec<f64>,
    /// u = coordinate / unit.
    pub unit: Vec<f64>,
    pieces: Vec<Piece>,
    /// The same in the coordinates' own units.
    given: Vec<Piece>,
    runs: Vec<Range<usize>>,
    /// Roots of what was added to the diagonal.
    little: Vec<f64>,
    /// In the matrix's place, where the table is sparse.
    entries: Option<SparseSet>,
    /// The orthogonal factor, where the matrix alone would not do.
    root: Option<Root>,
    guarded: bool,
    /// Whether it is the loss itself: squares, over all rows.
    pub exact: bool,
    /// The share of the rows that it is made from.
    pub share: f64,
    /// The mean curvature.
    pub curvature: f64,
}

// What is left out follows from the units (`Model::again`).
crate::state!(Model {
    set, gram, entries, centre, unit, runs, little, root, guarded, exact, share, curvature,
} but pieces, given);

/// Where a model is at its best.
pub(super) struct Solved {
    /// The point, in the variables of the frame.
    pub to: Vec<f64>,
    /// By how much the model says that the objective falls.
    pub fell: f64,
    /// Whether a matrix would have come to the end where entries did not.
    pub creeps: bool,
}

/// Of a column's square under the loss's curvature, what must be left beside the intercept.
const LEFT: f64 = 1e-11;
/// Working sets of up to so many coordinates have an orthogonal factor, if their rows are not too many.
const ROOTED: usize = 600;
const WORK: f64 = 4e10;

impl Model {
    pub fn new(
        rows: &Held<'_>,
        frame: &Frame,
        set: &[u32],
        pieces: &[Piece],
        (more, guarded, matrix): (usize, bool, bool),
        meter: &mut Meter<'_>,
    ) -> Result<Self, Halt> {
        let (n, k, d) = (rows.len(), set.len(), frame.coordinates());
        let squares = rows.quadratic();
        if !matrix && let Some(model) = Model::by_entries(rows, frame, set, pieces, guarded) {
            meter.product(k as f64 / d.max(1) as f64)?;
            return Ok(model);
        }
        // A matrix from all rows costs about k²/8d reads; a step from too few rows gains little.
        let affordable = n.saturating_mul(if squares { 64 } else { 16 }) / (k * k / d.max(1) + 1);
        let m = affordable.max(50 * k).max(1000).saturating_mul(more);
        let runs = runs(n, m);
        let share = (m as f64 / n as f64).min(1.0);
        meter.product(share * k as f64 / d.max(1) as f64)?;
        let about = frame.taken_out && rows.dense();
        let shift: Vec<f64> = (set.iter())
            .map(|&a| match frame.column(a as usize) {
                Some(j) if about => frame.mean[j],
                _ => 0.0,
            })
            .collect();
        let size = |a: &u32| {
            let s = if about { frame.spread(*a as usize) } else { frame.size(*a as usize) };
            if s > 0.0 && s.is_finite() { 1.0 / s } else { 0.0 }
        };
        let mut unit: Vec<f64> = set.iter().map(size).collect();
        let mut gram =
            Set::new(rows, frame, set, &shift, &unit, guarded).gram(&runs, frame.outputs);
        let curvature = gram.total.iter().sum::<f64>() / frame.outputs as f64;
        let before: Vec<f64> = (0..k).map(|i| gram.matrix[i * k + i]).collect();
        let mut centre = shift;
        if frame.taken_out && curvature > 0.0 {
            // What the intercept takes up.
            for i in 0..k {
                let c = gram.cross[i] / curvature;
                for j in 0..k {
                    gram.matrix[i * k + j] -= c * gram.cross[j];
                }
                if unit[i] > 0.0 {
                    centre[i] += c / unit[i];
                }
            }
        }
        // Where rows have no curvature but a slope, a little of their own keeps steps along what has none finite: how
        // far they lead the loss itself says.
        let little = if squares || guarded { 0.0 } else { FLAT * flat(rows) };
        for i in 0..k {
            if unit[i] > 0.0 && little > 0.0 {
                gram.matrix[i * k + i] += little;
            }
        }
        // Each coordinate's curvature becomes 1, or 0 where nothing is left of it.
        let scale: Vec<f64> = (0..k)
            .map(|i| {
                let v = gram.matrix[i * k + i];
                if little > 0.0 && v > 0.0 {
                    return 1.0 / v.sqrt();
                }
                if v > LEFT * before[i] && v > 0.0 { 1.0 / v.sqrt() } else { 0.0 }
            })
            .collect();
        for i in 0..k {
            for j in 0..k {
                gram.matrix[i * k + j] *= scale[i] * scale[j];
            }
            unit[i] *= scale[i];
        }
        let little = scale.iter().map(|s| little.sqrt() * s).collect();
        let (given, pieces) = scaled(pieces, set, &unit);
        Ok(Model {
            set: set.to_vec(),
            gram,
            entries: None,
            centre,
            unit,
            pieces,
            given,
            runs,
            little,
            root: None,
            guarded,
            exact: squares && m >= n,
            share,
            curvature,
        })
    }

    /// The same by the entries of a sparse table, from all rows; none where a matrix is worth more.
    fn by_entries(
        rows: &Held<'_>,
        frame: &Frame,
        set: &[u32],
        pieces: &[Piece],
        guarded: bool,
    ) -> Option<Self> {
        let size = |a: &u32| {
            let s = frame.size(*a as usize);
            if s > 0.0 && s.is_finite() { 1.0 / s } else { 0.0 }
        };
        let mut unit: Vec<f64> = set.iter().map(size).collect();
        let columns = WorkingColumns::of(rows, frame, set, &unit, (guarded, MOST))?;
        let (exact, curvature) = (rows.quadratic(), columns.total);
        let little = if exact || guarded { 0.0 } else { FLAT * flat(rows) };
        let taken = |c: f64| if frame.taken_out && curvature > 0.0 { c / curvature } else { 0.0 };
        let one = |(whole, c): (f64, &f64)| {
            let v = whole - taken(*c) * c + if whole > 0.0 { little } else { 0.0 };
            let tells = v > if little > 0.0 { 0.0 } else { LEFT * whole };
            if tells && v > 0.0 { 1.0 / v.sqrt() } else { 0.0 }
        };
        let scale: Vec<f64> = columns.squares().into_iter().zip(&columns.cross).map(one).collect();
        let per = |(c, u): (&f64, &f64)| if *u > 0.0 { taken(*c) / u } else { 0.0 };
        let centre: Vec<f64> = columns.cross.iter().zip(&unit).map(per).collect();
        unit.iter_mut().zip(&scale).for_each(|(u, s)| *u *= s);
        let off = centre.iter().zip(&unit).map(|(c, u)| c * u).collect();
        let entries = columns.scaled(&scale, off, scale.iter().map(|s| little * s * s).collect());
        let (given, pieces) = scaled(pieces, set, &unit);
        Some(Model {
            set: set.to_vec(),
            gram: Gram { total: vec![curvature], ..Gram::default() },
            entries: Some(entries),
            centre,
            unit,
            pieces,
            given,
            little: scale.iter().map(|s| little.sqrt() * s).collect(),
            guarded,
            exact,
            share: 1.0,
            curvature,
            ..Model::default()
        })
    }

    /// Makes again what was not saved; whether it is one of this table.
    pub fn again(&mut self, frame: &Frame, pieces: &[Piece], rows: usize) -> bool {
        let (k, gram) = (self.set.len(), &self.gram);
        let there = self.set.is_sorted_by(|a, b| a < b)
            && self.set.last().is_none_or(|a| (*a as usize) < frame.coordinates());
        let lengths = [&self.centre, &self.unit, &self.little].iter().all(|v| v.len() == k);
        let made = match &self.entries {
            Some(entries) => entries.fits(k, rows) && self.root.is_none(),
            None => gram.matrix.len() == k * k && gram.cross.len() == k,
        };
        let whole = made && gram.total.len() == frame.outputs;
        let runs = self.runs.iter().all(|r| r.start <= r.end && r.end <= rows);
        let sound =
            there && lengths && whole && runs && self.root.as_ref().is_none_or(|r| r.fits(k));
        if sound {
            (self.given, self.pieces) = scaled(pieces, &self.set, &self.unit);
        }
        sound
    }

    /// Whether some rows have a slope and no curvature, so that steps are as long as the loss says.
    pub fn flat(&self) -> bool {
        self.little.iter().any(|v| *v > 0.0)
    }
    /// Whether it is without a matrix.
    pub fn sparse(&self) -> bool {
        self.entries.is_some()
    }
    /// The matrix, where there is one.
    pub fn matrix(&self) -> Option<&[f64]> {
        self.entries.is_none().then_some(&self.gram.matrix[..])
    }
    /// The same made again from the rows: on its numbers alone claims rest.
    pub fn remade(
        self,
        rows: &Held<'_>,
        frame: &Frame,
        pieces: &[Piece],
        meter: &mut Meter<'_>,
    ) -> Result<Self, Halt> {
        let how = (usize::MAX, self.guarded, true);
        let again = Model::new(rows, frame, &self.set, pieces, how, meter)?;
        Ok(Model { root: self.root, ..again })
    }
    /// Whether it still serves: it holds all coordinates asked for, and is exact.
    pub fn holds(&self, set: &[u32]) -> bool {
        self.exact && set.iter().all(|j| self.set.binary_search(j).is_ok())
    }

    /// The minimiser of the model from `x`, where the gradient is `gradient`; the rows are as it was made at.
    pub fn solve(
        &mut self,
        (rows, frame): (&Held<'_>, &Frame),
        x: &[f64],
        gradient: &[f64],
        least: f64,
        meter: &mut Meter<'_>,
    ) -> Result<Solved, Halt> {
        let k = self.set.len();
        let free = if frame.taken_out { gradient[frame.columns] } else { 0.0 };
        let per = |i: usize| if self.unit[i] > 0.0 { self.unit[i] } else { 1.0 };
        // What is on a bound is exactly on it, in either unit.
        let on = |i: usize, v: f64, from: &[Piece], to: &[Piece], other: f64| match v {
            v if v <= from[i].low => to[i].low,
            v if v >= from[i].high => to[i].high,
            _ => other.clamp(to[i].low, to[i].high),
        };
        let old: Vec<f64> = (0..k)
            .map(|i| {
                let v = x[self.set[i] as usize];
                on(i, v, &self.given, &self.pieces, v / per(i))
            })
            .collect();
        let mut u = old.clone();
        let mut slope: Vec<f64> = (0..k)
            .map(|i| (gradient[self.set[i] as usize] - free * self.centre[i]) * per(i))
            .collect();
        let read: usize = self.runs.iter().map(ExactSizeIterator::len).sum();
        let relieved = k <= ROOTED && (read * frame.outputs) as f64 * (k * k) as f64 <= WORK;
        let (mut fell, mut creeps) = (0.0, false);
        // A model that is not the loss itself is worth no more.
        let enough = if self.exact { 0.0 } else { 1e-3 };
        if let Some(entries) = &self.entries {
            let reads = if k <= MOST { entries.reads() } else { f64::INFINITY };
            let sweeping = Sweeping::new(entries, &self.pieces, &slope, &mut u, (enough, reads));
            let swept = sweeping.descend(least, &mut || meter.pause())?;
            (fell, creeps) = (swept.fell, !swept.sure && k <= MOST);
        } else if self.root.is_none() {
            let quadratic = Quadratic {
                matrix: &self.gram.matrix,
                pieces: &self.pieces,
                enough,
                rows: read * frame.outputs,
                relieved,
            };
            let (by, sure) = quadratic.descend(&mut u, &mut slope, least, &mut || meter.pause())?;
            fell += by;
            if !sure && relieved {
                meter.spend(self.share * k as f64 / frame.coordinates().max(1) as f64)?;
                let set = Set::new(rows, frame, &self.set, &self.centre, &self.unit, self.guarded);
                let mut root = set.root(&self.runs, frame.outputs);
                for (i, v) in self.little.iter().enumerate().filter(|v| *v.1 > 0.0) {
                    root.resize(root.len() + k, 0.0);
                    let last = root.len() - k + i;
                    root[last] = *v;
                }
                self.root = Some(Root::of(&root, k));
            }
        }
        if let Some(root) = &self.root {
            // The gradient again, by the better factor.
            let step: Vec<f64> = u.iter().zip(&old).map(|(u, o)| u - o).collect();
            for (i, s) in slope.iter_mut().enumerate() {
                *s = (gradient[self.set[i] as usize] - free * self.centre[i]) * per(i);
            }
            root.add_square(&step, &mut slope);
            let mut ending = Ending {
                root,
                here: Kinked { pieces: &self.pieces, u: &mut u, gradient: &mut slope },
            };
            fell += ending.finish(least / k as f64, &mut || meter.pause())?;
        }
        let mut to = x.to_vec();
        for (i, &a) in self.set.iter().enumerate() {
            if u[i] != old[i] {
                to[a as usize] = on(i, u[i], &self.pieces, &self.given, u[i] * per(i));
            }
        }
        if frame.taken_out && self.curvature > 0.0 {
            let along: f64 = (0..k)
                .map(|i| self.centre[i] * (to[self.set[i] as usize] - x[self.set[i] as usize]))
                .sum();
            to[frame.columns] -= free / self.curvature + along;
            fell += 0.5 * free * free / self.curvature;
        }
        Ok(Solved { to, fell, creeps })
    }
}

/// The pieces of a working set, in the coordinates' own units and in those of the model.
fn scaled(pieces: &[Piece], set: &[u32], unit: &[f64]) -> (Vec<Piece>, Vec<Piece>) {
    let given: Vec<Piece> = set.iter().map(|&a| pieces[a as usize]).collect();
    let scaled = |(p, &unit): (&Piece, &f64)| {
        let s = if unit > 0.0 { unit } else { 1.0 };
        Piece { l1: p.l1 * s, l2: p.l2 * s * s, low: p.low / s, high: p.high / s }
    };
    let pieces = given.iter().zip(unit).map(scaled).collect();
    (given, pieces)
}

/// The part of a row's guarded curvature that is added where some rows have none.
const FLAT: f64 = 1e-8;

/// The mean of what a curvature must be for a parabola to promise no less than 0, where rows that pull have none; 0
/// where they have.
fn flat(rows: &Held<'_>) -> f64 {
    if rows.outputs() > 1 {
        return 0.0;
    }
    let (n, share) = (rows.len(), &rows.share);
    let Jets { value, slope, curvature: bend } = rows.jets(&rows.margins);
    let pull = |i: usize| if share[i] > 0.0 { share[i] * slope[i].abs() } else { 0.0 };
    let all: f64 = (0..n).map(pull).sum();
    let without = (0..n).filter(|&i| bend[i] == 0.0).map(pull).sum::<f64>() > 1e-3 * all;
    let least = |i: usize| {
        if value[i] > 0.0 { share[i] * 0.5 * slope[i] * (slope[i] / value[i]) } else { 0.0 }
    };
    if without { (0..n).map(least).sum() } else { 0.0 }
}

/// The best intercepts without any column (0 where there are none) and the loss there: from the targets alone.
pub(super) fn null(rows: &Held<'_>) -> (Vec<f64>, f64) {
    let (n, k) = (rows.len(), rows.outputs());
    if k == 1 {
        let (b, value) = shifted(rows, &vec![0.0; n]);
        return (vec![b], value);
    }
    // Of several outputs the logarithms of their classes' shares, where that is better than nothing.
    let logs: Vec<f64> = rows.classes().iter().map(|s| s.ln()).collect();
    let value = |b: &[f64]| rows.mean(&rows.values(&b.repeat(n)));
    let (none, some) = (value(&vec![0.0; k]), value(&logs));
    if rows.intercept() && some < none { (logs, some) } else { (vec![0.0; k], none) }
}

/// The best shift of all margins of one output (0 where there is no intercept) and the loss there: Newton's steps
/// on the slope, kept between points on either side.
pub(super) fn shifted(rows: &Held<'_>, margin: &[f64]) -> (f64, f64) {
    let mut moved = margin.to_vec();
    let mut jets = rows.room(rows.len());
    let mut at = |b: f64| {
        moved.iter_mut().zip(margin).for_each(|(to, m)| *to = m + b);
        rows.jets_in(0..rows.len(), &moved, &mut jets);
        (rows.mean(&jets.value), rows.mean(&jets.slope), rows.mean(&jets.curvature))
    };
    let (mut b, mut best) = (0.0, (0.0, f64::INFINITY));
    let (mut low, mut high, mut far) = (f64::NEG_INFINITY, f64::INFINITY, 1.0);
    for _ in 0..200 {
        let (f, g, h) = at(b);
        if f < best.1 || best.1.is_infinite() {
            best = (b, f);
        }
        if !rows.intercept() || g.is_nan() || g * g <= 1e-16 * h * f && f.is_finite() {
            break;
        }
        *(if g > 0.0 { &mut high } else { &mut low }) = b;
        let newton = b - g / h;
        let next = if newton > low && newton < high {
            newton
        } else if low.is_finite() && high.is_finite() {
            0.5 * (low + high)
        } else {
            // Nothing on the other side yet: further, and further.
            far *= 4.0;
            b - far * g.signum()
        };
        if next == b || (next - b).abs() <= f64::EPSILON * b.abs() {
            break;
        }
        b = next;
    }
    best
}
