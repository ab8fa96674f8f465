//! A point of a loss of squares that the model of all columns tells of without a read of the table: the slopes and the
//! value follow from those of the point that was read last.
//!
//! What is told so is off by what rounding left in the matrix, times how far the way from that point is, and by what a
//! read there was off. All of it is counted, and where it could matter the table is read: where columns nearly fit, the
//! value is a difference of far larger ones.
use super::frame::Frame;
use super::judge::{Here, unit};
use super::working::Model;
use super::{Coordinate, penalty};
use crate::method::Step;
use crate::problem::Problem;
use crate::status::{Halt, Status};
use std::mem::{replace, swap};

/// A point that the table was read at.
#[derive(Clone)]
pub(super) struct Origin {
    pub seen: Vec<f64>,
    gradient: Vec<f64>,
    /// The loss alone, and what rounding can hide of it.
    loss: f64,
    rounding: f64,
}

/// What is told of a point that was not read.
pub(super) struct Deduced {
    /// Where it is told from.
    pub from: Origin,
    pub loss: f64,
    /// By how much the loss may be off.
    pub off: f64,
    /// By how much the slope along a column may be, beside its deviation; and whether that is about the mean.
    pub slopes: f64,
    pub about: bool,
}

/// What the value of a point may be off more than if it were read, as a part of it: no digit that anybody looks at.
const DIGITS: f64 = 1e-10;

impl Model {
    /// The loss and the gradient at `to`; none where the model does not hold all of the loss.
    fn foretell(
        &self,
        frame: &Frame,
        from: &Origin,
        to: &[f64],
        (rows, dense): (usize, bool),
    ) -> Option<(Deduced, Vec<f64>)> {
        let says = |a: &usize| frame.size(*a) > 0.0;
        let all = (0..frame.coordinates()).filter(says).count();
        let matrix = self.matrix().filter(|_| self.exact && frame.outputs == 1)?;
        let k = self.set.len();
        if k != all || self.unit.contains(&0.0) {
            return None;
        }
        let by: Vec<f64> =
            self.set.iter().map(|&a| to[a as usize] - from.seen[a as usize]).collect();
        let (mut turned, mut u) = (vec![0.0; k], vec![0.0; k]);
        for (i, by) in by.iter().enumerate().filter(|by| *by.1 != 0.0) {
            u[i] = by / self.unit[i];
            let row = &matrix[i * k..(i + 1) * k];
            turned.iter_mut().zip(row).for_each(|(t, h)| *t += h * u[i]);
        }
        let d = frame.columns;
        let (free, mean) = if frame.taken_out {
            let along: f64 = self.centre.iter().zip(&by).map(|(c, by)| c * by).sum();
            (from.gradient[d], to[d] - from.seen[d] + along)
        } else {
            (0.0, 0.0)
        };
        let about = frame.taken_out && dense;
        let size = |a: usize| if about { frame.spread(a) } else { frame.size(a) };
        let now = free + self.curvature * mean;
        let mut gradient = from.gradient.clone();
        let bend = 0.5 * self.curvature * mean * mean;
        let (mut change, mut sizes) = (free * mean + bend, (free * mean).abs() + bend);
        let (mut far, mut noise) = (0.0, 0.0);
        for (i, &a) in self.set.iter().enumerate() {
            let a = a as usize;
            let slope = (from.gradient[a] - free * self.centre[i]) * self.unit[i];
            gradient[a] = (slope + turned[i]) / self.unit[i] + now * self.centre[i];
            let (first, second) = (slope * u[i], 0.5 * turned[i] * u[i]);
            change += first + second;
            sizes += first.abs() + second.abs();
            far += size(a) * by[i].abs();
            noise += frame.size(a) * by[i].abs();
        }
        if frame.taken_out {
            gradient[d] = now;
        }
        // Products of a pair of columns are rounded as sums over the rows, and those with a step as sums over columns.
        let per = unit(rows) + unit(k);
        let steep = (2.0 * from.loss.max(0.0)).sqrt();
        let off = from.rounding
            + per * (from.loss.abs() + sizes + 0.5 * far * far)
            + 2.0 * f64::EPSILON * steep * noise;
        let loss = from.loss + change;
        let sound = loss > 0.0 && off.is_finite() && gradient.iter().all(|g| g.is_finite());
        let from = from.clone();
        sound.then_some((Deduced { from, loss, off, slopes: per * far, about }, gradient))
    }
}

impl Deduced {
    /// By how much the slope along a coordinate may be off, beside what a read of it here would be.
    pub fn noise(&self, frame: &Frame, a: usize) -> f64 {
        let size = if self.about { frame.spread(a) } else { frame.size(a) };
        let steep = (2.0 * self.from.loss.max(0.0)).sqrt();
        self.slopes * size + 2.0 * f64::EPSILON * steep * frame.size(a)
    }

    /// Σ share·½(c·(slope − free) − slope)², `free` the mean slope (0 where no intercept is free), as `RowsAt::distance` has it.
    pub fn distance(&self, c: f64, free: f64) -> f64 {
        let (short, all) = (1.0 - c, self.loss.max(0.0) + self.off);
        // The squares of c·free + (1 − c)·slope, which has `free` for its mean.
        let distance = 0.5 * c * free * free * (c + 2.0 * short) + short * short * all;
        if distance.is_nan() { f64::INFINITY } else { distance.max(0.0) }
    }
}

impl Coordinate {
    /// Goes to `to` without a read, if that is the end: if what is told of it proves enough. None where it does not, and all
    /// is as it was.
    pub(super) fn foreseen(
        &mut self,
        problem: &mut Problem<'_>,
        to: &[f64],
    ) -> Result<Option<Step>, Halt> {
        // What one fit alone says of its value is read: that costs it one pass, and along a path one at each alpha.
        if self.stuck > 0 || !self.along {
            return Ok(None);
        }
        let frame = self.frame.as_ref().expect("made at the start");
        let (rows, _) = problem.rows(None)?;
        let Some(model) = self.model.as_ref().filter(|_| rows.quadratic()) else {
            return Ok(None);
        };
        let here: Origin;
        let from = match &self.told_from {
            Some(told) => &told.from,
            None => {
                let loss = self.value - penalty(&self.pieces, &self.seen);
                let rounding = self.hidden(frame, &Here::told(loss), &rows, &self.seen);
                let (seen, gradient) = (self.seen.clone(), self.gradient.clone());
                here = Origin { seen, gradient, loss, rounding: rounding + self.carried };
                &here
            }
        };
        let shape = (rows.len(), rows.dense());
        let Some((told, mut gradient)) = model.foretell(frame, from, to, shape) else {
            return Ok(None);
        };
        let value = told.loss + penalty(&self.pieces, to);
        // What a read there was off, one here would be too.
        let (read, added) = (told.from.rounding, told.off - told.from.rounding);
        let falls = value <= self.value + self.rounding + told.off;
        if !(falls && added <= DIGITS * value + read) {
            return Ok(None);
        }
        let fell = (self.value - value).max(0.0);
        let known = (self.value, self.rounding, self.bound);
        let told = self.told_from.replace(told);
        let seen = replace(&mut self.seen, to.to_vec());
        swap(&mut self.gradient, &mut gradient);
        self.value = value;
        let step = self.judge(problem, 1.0)?;
        if step.verdict == Some(Status::Converged) {
            self.fell = fell;
            return Ok(Some(step));
        }
        (self.told_from, self.seen, self.gradient) = (told, seen, gradient);
        (self.value, self.rounding, self.bound) = known;
        Ok(None)
    }

    /// Reads the table where it stands, if it was only told of.
    pub(super) fn land(&mut self, problem: &mut Problem<'_>) -> Result<(), Halt> {
        if self.told_from.take().is_some() {
            let seen = self.seen.clone();
            self.value = self.read(problem, &seen, self.margin)?;
            self.carried = 0.0;
        }
        Ok(())
    }
}
