//! What methods over the terms of a mean have in common: the whole objective is looked at where an epoch ends, and only
//! there is anything claimed; how terms bend is seen on the way.
use super::composite;
use super::fista::metric;
use super::gradient_check::{self, Doubt};
use crate::linalg::vectors::{dot, largest};
use crate::method::Step;
use crate::methods::convergence;
use crate::penalty::Steps;
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// Epochs without a visible change before the arithmetic is at its end.
const QUIET: u64 = 10;
/// Saddles that are left at most.
const ESCAPES: u64 = 5;
/// Batches whose curvature is looked at before the first step.
const PROBES: usize = 8;

/// The whole objective at a point.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    /// f and its gradient there.
    pub smooth: f64,
    pub gradient: Vec<f64>,
    /// F there.
    pub value: f64,
    /// √F, and at least a part of what it was at the start: what the residual is relative to.
    scale: f64,
    least: f64,
    quiet: u64,
    escapes: u64,
    /// Lengths in which the columns of a table are alike, where a prox can be taken in them; else 1 each.
    metric: Vec<f64>,
    diagonal: bool,
}

crate::state!(Whole {
    smooth,
    gradient: vector,
    value: within(f64::MIN, f64::INFINITY),
    scale,
    least,
    quiet,
    escapes,
    metric: vector,
    diagonal
});

impl Whole {
    /// Where a descent begins, brought inside where it lies outside a constraint. What is wrong there, if anything.
    pub fn begin(problem: &mut Problem<'_>, x: &mut [f64]) -> Result<(Self, Option<Status>), Halt> {
        if !problem.penalty().value(x).is_finite() {
            problem.penalty().prox(x, Steps::Uniform(1e-100));
        }
        let diagonal = problem.penalty().offers().diagonal_prox;
        let metric = if diagonal { metric(problem)? } else { vec![1.0; x.len()] };
        let mut whole =
            Whole { gradient: vec![0.0; x.len()], metric, diagonal, ..Whole::default() };
        whole.smooth = problem.gradient(x, &mut whole.gradient)?;
        whole.value = whole.smooth + problem.penalty().value(x);
        whole.scale = whole.value.abs().sqrt().max(1e-150);
        whole.least = 1e-6 * whole.scale;
        let mut wrong = convergence::not_finite(whole.smooth, &whole.gradient);
        if wrong.is_some() && problem.table().is_some() {
            wrong = problem.not_finite()?.map(Status::NotFinite).or(wrong);
        }
        Ok((whole, wrong))
    }
    /// Looks at all terms where an epoch has led; false where that is higher than it was, or nothing that can be used: it
    /// then knows what it knew.
    pub fn look(&mut self, problem: &mut Problem<'_>, x: &[f64]) -> Result<bool, Halt> {
        let highest = self.value + 4.0 * f64::EPSILON * self.value.abs();
        self.below(problem, x, highest)
    }
    /// The same where a step may lead up.
    pub fn moved(&mut self, problem: &mut Problem<'_>, x: &[f64]) -> Result<bool, Halt> {
        self.below(problem, x, f64::MAX)
    }
    fn below(&mut self, problem: &mut Problem<'_>, x: &[f64], highest: f64) -> Result<bool, Halt> {
        let mut gradient = vec![0.0; x.len()];
        let smooth = problem.gradient(x, &mut gradient)?;
        let value = smooth + problem.penalty().value(x);
        let rests = !((self.value - value).abs() > 4.0 * f64::EPSILON * value.abs());
        self.quiet = if rests { self.quiet + 1 } else { 0 };
        let taken =
            value <= highest && (largest(&gradient).is_finite() || value == f64::NEG_INFINITY);
        if taken {
            (self.smooth, self.value, self.gradient) = (smooth, value, gradient);
            self.scale = value.abs().sqrt().max(self.least);
        }
        Ok(taken)
    }
    /// x ← prox(x − t D slope).
    pub fn descend(&self, problem: &Problem<'_>, x: &mut [f64], slope: &[f64], t: f64) {
        self.ahead(x, slope, t);
        if self.diagonal {
            problem.penalty().prox(x, Steps::Diagonal(&self.steps(t)));
        } else {
            problem.penalty().prox(x, Steps::Uniform(t));
        }
    }
    /// x ← x − t D slope.
    pub fn ahead(&self, x: &mut [f64], slope: &[f64], t: f64) {
        x.iter_mut().zip(slope).zip(&self.metric).for_each(|((x, s), d)| *x -= t * d * s);
    }
    fn steps(&self, t: f64) -> Vec<f64> {
        self.metric.iter().map(|d| t * d).collect()
    }
    /// How far x is from a fixed point of the prox by this gradient, relative to √F, the terms bending by so much.
    pub fn residual(&self, problem: &Problem<'_>, x: &[f64], gradient: &[f64], bend: f64) -> f64 {
        let mut there = x.to_vec();
        self.descend(problem, &mut there, gradient, 1.0 / bend);
        composite::residual(x, &there, &self.steps(1.0 / bend)) / self.scale
    }
    /// How much terms bend along a step, in the metric, by what it changed their gradient by: Δg′DΔg / Δg′Δx, or the root of
    /// Δg′DΔg / Δx′D⁻¹Δx where they are not convex; 0 where rounding hides it, Δg being a difference of what is so large.
    pub fn bend(&self, change: &[f64], step: &[f64], size: f64) -> f64 {
        let [square, along, length] = self.products(change, step);
        if !(dot(change, change) > (1e-10 * size).powi(2) && length > 0.0) {
            return 0.0;
        }
        let (ratio, by) = ((square / length).sqrt(), square / along);
        if by >= ratio && by < 1e3 * ratio { by } else { ratio }
    }
    /// Δg′DΔg, Δg′Δx and Δx′D⁻¹Δx.
    pub fn products(&self, change: &[f64], step: &[f64]) -> [f64; 3] {
        let mut all = [0.0; 3];
        for ((c, s), d) in change.iter().zip(step).zip(&self.metric) {
            all[0] += d * c * c;
            all[1] += c * s;
            all[2] += s * s / d;
        }
        all
    }
    /// The largest curvature of some batches along the slope at x.
    pub fn probe<'b>(
        &self,
        problem: &mut Problem<'_>,
        x: &[f64],
        batches: impl Iterator<Item = &'b [u32]>,
    ) -> Result<f64, Halt> {
        let size = largest(x).max(1.0);
        let mut slope = self.gradient.clone();
        if !(largest(&slope) > 0.0) {
            // At a saddle there is none to go along.
            gradient_check::scattered(x.len(), &mut slope);
        }
        let steep = slope.iter().zip(&self.metric).fold(0.0f64, |m, (g, d)| m.max((d * g).abs()));
        let mut there = x.to_vec();
        self.descend(problem, &mut there, &slope, 1e-4 * size / steep);
        let step: Vec<f64> = there.iter().zip(x).map(|(z, x)| z - x).collect();
        let (mut here, mut ahead, mut most) = (vec![0.0; x.len()], vec![0.0; x.len()], 0.0f64);
        for terms in batches.take(PROBES) {
            problem.batch(terms, x, &mut here)?;
            problem.batch(terms, &there, &mut ahead)?;
            let size = dot(&here, &here).sqrt();
            ahead.iter_mut().zip(&here).for_each(|(a, h)| *a -= h);
            let seen = self.bend(&ahead, &step, size);
            most = if seen.is_finite() { most.max(seen) } else { most };
        }
        // A slope that does not change: as far as moves the point by its own size.
        Ok(if most > 0.0 { most } else { steep / size })
    }
    /// What is to be said at x, where all terms were looked at last.
    pub fn judged(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
        bend: f64,
    ) -> Result<Step, Halt> {
        let residual = self.residual(problem, x, &self.gradient, bend);
        let step = Step { value: self.value, residual, rate: 1.0 / bend, ..Step::default() };
        let status = if self.value == f64::NEG_INFINITY || self.value < -1e300 {
            return Ok(Step { verdict: Some(Status::Unbounded), ..step });
        } else if residual <= composite::goal(problem) {
            Status::Converged
        } else if self.quiet >= QUIET {
            Status::PrecisionLimit
        } else {
            return Ok(step);
        };
        let steps = self.steps(1.0 / bend);
        let certificate =
            composite::certificate(problem, residual, &steps, self.smooth, self.scale);
        if gradient_check::cheap(problem) {
            let mut trial = vec![0.0; x.len()];
            match composite::look(problem, x, &steps, &mut trial)? {
                Doubt::Inconsistent(status) => return Ok(Step { verdict: Some(status), ..step }),
                // A saddle or a maximum, where nothing is added that would make it a least.
                Doubt::Lower if problem.penalty().offers().smooth => {
                    if self.escapes >= ESCAPES {
                        return Ok(Step { verdict: Some(Status::Plateau), ..step });
                    }
                    self.escapes += 1;
                    x.copy_from_slice(&trial);
                    (self.value, self.quiet) = (f64::INFINITY, 0);
                    self.look(problem, x)?;
                    return Ok(Step { value: self.value, ..step });
                }
                _ => {}
            }
        }
        Ok(Step { verdict: Some(status), certificate: Some(certificate), ..step })
    }
}
