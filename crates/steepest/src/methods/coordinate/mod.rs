//! Coordinate descent on a working set, for losses over a table with absolute values, squares and bounds.
mod gram;
mod quadratic;
mod working;

use crate::certificate::{Certificate, Kind};
use crate::descend::{Halt, Problem, Status};
use crate::duality::At;
use crate::glm::Keep;
use crate::method::{Entry, Facts, Method, Needs, Step, Suit, Takes};
use crate::penalty::Piece;
use working::{Model, chosen};

/// Proximal Newton on a working set: the columns that are in use or want to be, a quadratic of the loss over them
/// (exact for squares), solved by coordinate descent; then one read of the table says who else wants to be in.
///
/// Friedman, Hastie and Tibshirani 2010; Johnson and Guestrin 2015.
#[derive(Default)]
pub struct Coordinate {
    pieces: Vec<Piece>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
    gradient: Vec<f64>,
    margin: Vec<f64>,
    slope: Vec<f64>,
    value: f64,
    null: f64,
    model: Option<Model>,
    /// Rows that the model is made from, as a multiple of what it starts with.
    more: usize,
    fell: f64,
    /// The last bound on the distance from the optimum.
    bound: f64,
    stuck: u32,
}

/// The columns, whether there is an intercept after them.
fn shape(problem: &Problem<'_>) -> Result<(usize, bool), Halt> {
    let glm = problem.objective.glm().ok_or_else(|| Halt::Failed("coordinate needs a loss over a table".into()))?;
    Ok((glm.design.columns(), glm.intercept))
}

impl Coordinate {
    /// One read of the table at x: value, gradient, margins, slopes.
    fn read(&mut self, problem: &mut Problem<'_>, x: &[f64], margin: &mut [f64]) -> Result<f64, Halt> {
        let (objective, mut meter) = problem.split();
        meter.spend(1.0)?;
        let glm = objective.glm().expect("shape looked at it");
        let keep = Keep { margins: Some(margin), ..Keep::default() };
        let gradient = Some(&mut self.gradient[..]);
        let loss = glm.pass(None, x, gradient, keep, &mut || meter.pause())?;
        Ok(loss + self.penalty(x))
    }
    fn penalty(&self, x: &[f64]) -> f64 {
        self.pieces.iter().zip(x).map(|(p, x)| p.value(*x)).sum()
    }

    /// What is known after a read, and whether that is enough.
    fn judge(&mut self, problem: &mut Problem<'_>, x: &[f64], rate: f64) -> Result<Step, Halt> {
        let (d, intercept) = shape(problem)?;
        let glm = problem.objective.glm().expect("looked at above");
        self.slope.copy_from_slice(&self.margin);
        let mut values = vec![0.0; self.slope.len()];
        glm.loss.slopes(glm.target, &mut self.slope, &mut values);
        let at = At {
            loss: glm.loss,
            target: glm.target,
            weight: glm.weight,
            margin: &self.margin,
            slope: &self.slope,
            x: &x[..d],
            gradient: &self.gradient[..d],
            intercept: intercept.then(|| self.gradient[d]),
            mean: &self.mean,
            deviation: &self.deviation,
        };
        let gap = at.gap(|j| self.pieces[j]);
        let bound = gap * (1.0 + 1e-6) + 8.0 * f64::EPSILON * self.value;
        self.bound = bound;
        let target = problem.stop.tolerance * self.value.max(1e-12 * self.null);
        let wants = self.wants(d, intercept, x);
        let residual = (2.0 * wants / self.null.max(f64::MIN_POSITIVE)).sqrt();
        let mut step = Step { value: self.value, residual, rate, ..Step::default() };
        let proof = Certificate {
            kind: Kind::DualityGap,
            bound,
            target,
            rounding: 0.0,
            assumption: "the loss and the penalty are convex; a dual point was found on all rows",
        };
        let still = Certificate {
            kind: Kind::Stationary,
            bound: residual,
            target,
            rounding: 0.0,
            assumption: "no step along a coordinate lowers the objective by more",
        };
        if !self.value.is_finite() || self.gradient.iter().any(|g| !g.is_finite()) {
            let what = glm.not_finite().unwrap_or_else(|| "the value at the start".into());
            return Err(Halt::Status(Status::NotFinite(what)));
        }
        if bound <= target {
            step.verdict = Some(Status::Converged);
            step.certificate = Some(proof);
        } else if gap.is_finite() {
            step.certificate = Some(proof);
            step.verdict = (self.stuck >= 3).then_some(Status::PrecisionLimit);
        } else {
            // Columns that nothing holds have no dual point near: what is left to gain decides.
            let done = rate > 0.0 && self.fell + wants <= 0.01 * target;
            step.certificate = Some(still);
            step.verdict = match (done, self.stuck) {
                (true, _) => Some(Status::Converged),
                (false, 3..) => Some(Status::PrecisionLimit),
                _ => None,
            };
        }
        Ok(step)
    }

    /// The most that a step along one coordinate promises.
    fn wants(&self, d: usize, intercept: bool, x: &[f64]) -> f64 {
        let curvature = self.curvature();
        let g = if intercept { self.gradient[d] } else { 0.0 };
        (0..d).fold(0.0f64, |most, j| {
            let gradient = self.gradient[j] - g * self.mean[j];
            let h = curvature * self.square(j, intercept);
            most.max(working::promise(self.pieces[j], x[j], gradient, h))
        })
    }
    /// A column's mean square about what the intercept takes up.
    fn square(&self, j: usize, intercept: bool) -> f64 {
        let v = self.deviation[j].powi(2);
        if intercept { v } else { v + self.mean[j].powi(2) }
    }
    /// A typical curvature of the loss.
    fn curvature(&self) -> f64 {
        self.model.as_ref().map_or(1.0, |m| m.curvature)
    }
}

impl Method for Coordinate {
    fn start(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (d, intercept) = shape(problem)?;
        let n = x.len();
        self.pieces = (0..n).map(|j| problem.penalty.piece(j)).collect();
        for (x, p) in x.iter_mut().zip(&self.pieces) {
            if p.low > p.high {
                return Err(Halt::Status(Status::Infeasible));
            }
            *x = x.clamp(p.low, p.high);
        }
        self.gradient = vec![0.0; n];
        self.more = 1;
        let (objective, mut meter) = problem.split();
        let glm = objective.glm().expect("shape looked at it");
        let rows = glm.design.rows();
        let (b, null) = working::null(glm);
        self.null = null;
        self.slope = vec![0.0; rows];
        let mut margin = vec![0.0; rows];
        meter.spend(1.0)?;
        if x.iter().all(|v| *v == 0.0) {
            // Without coefficients the slopes follow from the targets: one read for gradient and moments.
            let b = if intercept { b.clamp(self.pieces[d].low, self.pieces[d].high) } else { 0.0 };
            margin.fill(b);
            let mut values = vec![0.0; rows];
            self.slope.fill(b);
            glm.loss.slopes(glm.target, &mut self.slope, &mut values);
            let m = working::moments(glm, Some(&self.slope), &mut || meter.pause())?;
            let mean = |v: &[f64]| -> f64 {
                let one = |i: usize| if glm.share(i) == 0.0 { 0.0 } else { glm.share(i) * v[i] };
                (0..rows).map(one).sum()
            };
            self.value = mean(&values);
            self.gradient[..d].copy_from_slice(&m.gradient);
            if intercept {
                self.gradient[d] = mean(&self.slope);
                x[d] = b;
            }
            (self.mean, self.deviation) = (m.mean, m.deviation);
            self.value += self.penalty(x);
        } else {
            let m = working::moments(glm, None, &mut || meter.pause())?;
            (self.mean, self.deviation) = (m.mean, m.deviation);
            self.value = self.read(problem, x, &mut margin)?;
        }
        self.margin = margin;
        self.judge(problem, x, 0.0)
    }

    fn step(&mut self, problem: &mut Problem<'_>, x: &mut [f64]) -> Result<Step, Halt> {
        let (d, intercept) = shape(problem)?;
        let curvature = self.curvature();
        let g = if intercept { self.gradient[d] } else { 0.0 };
        let columns = chosen(d, x, |j| {
            let gradient = self.gradient[j] - g * self.mean[j];
            working::promise(self.pieces[j], x[j], gradient, curvature * self.square(j, intercept))
        });
        let glm = problem.objective.glm().expect("shape looked at it");
        let kept = self.model.take().filter(|m| m.holds(&columns));
        let model = match kept {
            Some(m) => m,
            None => {
                problem.counts.products += 1;
                let m = Model::new(glm, &self.margin, &columns, &self.mean, self.more);
                problem.counts.passes += m.share * m.columns.len() as f64 / d as f64;
                m
            }
        };
        let least = 1e-16 * self.value.max(1e-12 * self.null);
        // A small model is solved to the end; a large one as far as the rest of the table is known.
        let least = if model.columns.len() <= 200 { least } else { least.max(1e-6 * self.bound.min(self.value)) };
        let mut meter = problem.split().1;
        let (to, promised) =
            model.solve(x, &self.gradient, &self.pieces, least, &mut || meter.pause())?;
        let exact = model.exact;
        self.model = Some(model);
        problem.pause()?;
        let rate = self.take(problem, x, &to, promised, exact)?;
        self.judge(problem, x, rate)
    }

    fn monotone(&self) -> bool {
        true
    }
    fn gradient(&self) -> Option<&[f64]> {
        Some(&self.gradient)
    }
}

impl Coordinate {
    /// Goes to `to`, or as far towards it as the value falls; returns the length of the step.
    fn take(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        to: &[f64],
        promised: f64,
        exact: bool,
    ) -> Result<f64, Halt> {
        let mut margin = vec![0.0; self.margin.len()];
        let kept = self.gradient.clone();
        let mut value = self.read(problem, to, &mut margin)?;
        let noise = 40.0 * f64::EPSILON * self.value;
        let mut length = 1.0;
        let mut point = to.to_vec();
        let enough = value <= self.value - 1e-4 * promised + noise;
        if !exact && !enough {
            length = self.search(problem, x, to, &margin);
            if length == 0.0 {
                self.gradient = kept;
                self.more *= 4;
                self.stuck += 1;
                return Ok(0.0);
            }
            for ((p, to), x) in point.iter_mut().zip(to).zip(&*x) {
                *p = x + length * (to - x);
            }
            value = self.read(problem, &point, &mut margin)?;
        }
        if value.is_nan() || value > self.value + noise {
            self.gradient = kept;
            self.stuck += 1;
            self.more *= 4;
            return Ok(0.0);
        }
        let fell = (self.value - value).max(0.0);
        // A model that foretells badly is made again from more rows.
        if !exact && (length < 1.0 || fell > 0.3 * self.fell && self.fell > 0.0) {
            self.more *= 4;
        }
        self.stuck = if fell <= noise { self.stuck + 1 } else { 0 };
        self.fell = fell;
        self.value = value;
        self.margin = margin;
        x.copy_from_slice(&point);
        Ok(length)
    }

    /// How far towards `to` the value falls enough, from the margins at both ends alone: no read of the table.
    fn search(&self, problem: &Problem<'_>, x: &[f64], to: &[f64], far: &[f64]) -> f64 {
        let glm = problem.objective.glm().expect("shape looked at it");
        let mut margin = vec![0.0; far.len()];
        let mut values = vec![0.0; far.len()];
        let mut best = (self.value - 40.0 * f64::EPSILON * self.value, 0.0);
        let mut length = 0.5;
        for _ in 0..40 {
            for ((m, a), b) in margin.iter_mut().zip(&self.margin).zip(far) {
                *m = a + length * (b - a);
            }
            glm.loss.values(glm.target, &margin, &mut values);
            let loss: f64 = values
                .iter()
                .enumerate()
                .map(|(i, v)| if glm.share(i) == 0.0 { 0.0 } else { glm.share(i) * v })
                .sum();
            let there: f64 = (self.pieces.iter())
                .zip(x.iter().zip(to))
                .map(|(p, (x, to))| p.value(x + length * (to - x)))
                .sum();
            if loss + there < best.0 {
                best = (loss + there, length);
            } else if best.1 > 0.0 {
                break;
            }
            length *= 0.5;
        }
        best.1
    }
}

pub(super) const ENTRY: Entry = Entry {
    name: "coordinate",
    doc: "Coordinate descent on a working set: the columns in use and those that want to be, a quadratic of the loss \
          over them, one read of the table to see who else wants in. Sparse answers in a few reads, with a duality \
          gap. Friedman, Hastie and Tibshirani 2010, <https://doi.org/10.18637/jss.v033.i01>.",
    parameters: &[],
    needs: Needs { glm: true, single: true, penalty: Takes::Pieces, ..Needs::GRADIENT },
    suits: |f: &Facts| {
        if !f.glm || f.outputs != 1 {
            return None;
        }
        let (passes, reason) = if !f.offers.quadratic {
            (8.0, "the penalty sets coefficients to zero or holds them, so a small working set has the answer")
        } else if f.dim <= 3000 {
            (40.0, "so few columns that the curvature of all of them can be held")
        } else {
            return None;
        };
        Some(Suit { passes, reason: reason.into() })
    },
    build: |_| Box::new(Coordinate::default()),
};
