//! When it says that it is done: what is left by the model, what it looks at before, and where that leads.
use super::model::Model;
use super::{FLOOR, LevenbergMarquardt, Work};
use crate::certificate::{Certificate, Kind};
use crate::health::{Finding, Severity};
use crate::method::Step;
use crate::methods::gradient_check::{self, Doubt, Known};
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// What differences are wrong by, beside the lengths of the columns.
const ROUGH: f64 = 1e-7;
/// Of its largest length a column may lose so much before its variable is said to have lost its influence.
const FADED: f64 = 1e-9;
/// A variable that has grown so often while F fell by no more than this part of itself has no end to go to.
const GROWN: f64 = 4.0;
const HARDLY: f64 = 1e-4;
/// Other ways from the start: what is left at each step of the lengths that columns have had, and the part of the first
/// radius.
const WAYS: [(f64, f64); 3] = [(0.25, 1.0), (0.25, 1e-2), (0.5, 1e-4)];
/// So many steps at most each.
const LONGEST: u32 = 1000;
/// Lower points found by looking around before it is left at that.
const ESCAPES: u32 = 20;

impl Work {
    /// By how much F can fall along one variable at most: what a step that bounds bend may miss.
    pub(super) fn by_one(&self) -> f64 {
        let one = |j: usize| {
            let slope = self.gradient[j];
            if slope == 0.0 {
                return 0.0;
            }
            let far = (slope.abs() / (self.scale[j] * self.scale[j])).min(self.slack(j, -slope));
            far * (slope.abs() - 0.5 * far * self.scale[j] * self.scale[j])
        };
        (0..self.n).map(one).fold(0.0, f64::max)
    }

    /// By how much F can fall where it bends more than JᵀJ says, as it does where J is singular and r is not 0: the curvature
    /// that the model lacks is measured along its step, and damps it.
    pub(super) fn measured(
        &mut self,
        problem: &mut Problem<'_>,
        model: &Model<'_>,
    ) -> Result<f64, Halt> {
        const H: f64 = 1e-4;
        let bounds = || [&self.x[..], &self.low[..], &self.high[..]];
        let whole = model.step(f64::INFINITY, &self.gradient, bounds());
        let by: Vec<f64> = whole.x.iter().zip(&self.x).map(|(to, x)| to - x).collect();
        let h = H * (self.size() / whole.length).min(1.0);
        let mut sides = [0.0; 2];
        for (side, sign) in sides.iter_mut().zip([h, -h]) {
            for j in 0..self.n {
                self.at[j] = (self.x[j] + sign * by[j]).clamp(self.low[j], self.high[j]);
            }
            *side = self.try_there(problem)?;
        }
        let bent = (sides[0] - self.f + (sides[1] - self.f)) / (h * h);
        let foretold = 2.0 * (-whole.slope - whole.promise);
        let lacks = (bent - foretold) / (whole.length * whole.length);
        // What differences leave of columns that depend on each other is a direction that leads nowhere.
        let noise = if problem.offers().differences > 0 { ROUGH * ROUGH } else { 0.0 };
        let damping = if lacks.is_finite() { lacks.max(noise) } else { noise };
        if damping <= 0.0 {
            return Ok(self.left);
        }
        let bounds = [&self.x[..], &self.low[..], &self.high[..]];
        Ok(model.step_damped(damping, &self.gradient, bounds).promise.max(self.by_one()))
    }

    pub(super) fn certificate(
        &self,
        problem: &Problem<'_>,
        rounding: f64,
        set: &LevenbergMarquardt,
    ) -> Certificate {
        let flattest = self.flattest();
        if flattest <= set.gtol {
            let assumption = "no entry of the gradient is larger than gtol";
            return Certificate {
                kind: Kind::Stationary,
                bound: flattest,
                target: set.gtol,
                rounding,
                assumption,
            };
        }
        let tolerance = if set.ftol >= 0.0 { set.ftol } else { problem.stop.tolerance };
        Certificate {
            kind: Kind::Estimated,
            bound: self.left,
            target: tolerance * self.height(),
            rounding,
            assumption: "the residuals are as good as straight from here to where F is least near by",
        }
    }

    /// What the rounding of x itself does to F.
    pub(super) fn grain(&self) -> f64 {
        let one = |j: usize| {
            let grain = f64::EPSILON * self.x[j].abs();
            self.gradient[j].abs() * grain + 0.5 * (self.scale[j] * grain).powi(2)
        };
        (0..self.n).map(one).sum()
    }

    /// The largest entry of the gradient that leads within the bounds.
    pub(super) fn flattest(&self) -> f64 {
        let free = |j: &usize| self.slack(*j, -self.gradient[*j]) > 0.0;
        (0..self.n).filter(free).map(|j| self.gradient[j].abs()).fold(0.0, f64::max)
    }

    /// Nothing is lower along any step of the model's.
    pub(super) fn rest(
        &mut self,
        problem: &mut Problem<'_>,
        set: &LevenbergMarquardt,
    ) -> Result<Step, Halt> {
        if problem.sharpen()? {
            self.at.copy_from_slice(&self.x);
            let value = self.try_there(problem)?;
            self.accept(value);
            self.radius = self.radius.max(self.size() * 1e-3);
            if let Some(status) = self.turn(problem)? {
                return Ok(self.ended(status));
            }
            return self.stand(problem, 0.0, set);
        }
        let (weight, c) = self.weighed();
        let jacobian = std::mem::take(&mut self.jacobian);
        let scale = self.scale.clone();
        let left = self.measured(problem, &Model::new(&jacobian, &weight, &c, &scale));
        self.jacobian = jacobian;
        self.left = left?;
        let noise = self.known(problem, |problem, at, _, trial| {
            gradient_check::noise(problem, at, gradient_check::NEAR, trial)
        })?;
        let explained = (4.0 * noise)
            .max(4.0 * f64::EPSILON * self.f)
            .min(1e-3 * self.f)
            .max(4.0 * self.grain());
        let near = self.left <= explained || self.left <= problem.stop.tolerance * self.height();
        self.claim(
            problem,
            0.0,
            if near { Status::PrecisionLimit } else { Status::Plateau },
            explained,
            set,
        )
    }

    /// What is claimed, unless a look around says otherwise.
    pub(super) fn claim(
        &mut self,
        problem: &mut Problem<'_>,
        rate: f64,
        verdict: Status,
        explained: f64,
        set: &LevenbergMarquardt,
    ) -> Result<Step, Halt> {
        let off = self.runs_off();
        let flat = (0..self.n).any(|j| self.share(j).is_some_and(|share| share < FADED));
        if self.verify && !self.again && (off.is_some() || flat) {
            self.again = true;
            if let Some((other, verdict, explained)) = self.another_way(problem, set)? {
                *self = other;
                return self.claim(problem, rate, verdict, explained, set);
            }
        }
        let verdict = if off.is_some() { Status::Plateau } else { verdict };
        if !self.inner {
            self.faded(problem);
            self.told(problem, off);
        }
        let certificate = Some(self.certificate(problem, explained, set));
        let sure = Step { certificate, rate, ..self.ended(verdict) };
        if !self.verify || self.f == 0.0 {
            return Ok(sure);
        }
        let look = self.known(problem, |problem, at, u, trial| {
            gradient_check::scattered(at.x.len(), u);
            gradient_check::look(problem, at, u, trial)
        })?;
        let lower = match look {
            Doubt::Inconsistent(status) => return Ok(self.ended(status)),
            Doubt::Lower => true,
            _ if self.blind() => self.known(problem, |problem, at, _, trial| {
                gradient_check::below(problem, at, trial)
            })?,
            _ => false,
        };
        if !lower || self.escapes >= ESCAPES {
            return Ok(sure);
        }
        self.escapes += 1;
        let value = self.try_there(problem)?;
        if !(value < self.f) {
            return Ok(sure);
        }
        self.accept(value);
        self.radius = self.size().max(1.0);
        match self.turn(problem)? {
            Some(status) => Ok(self.ended(status)),
            None => Ok(Step { rate, ..self.here() }),
        }
    }

    /// Whether the model knows no curvature along some variable: its derivatives are all 0.
    pub(super) fn blind(&self) -> bool {
        (0..self.n).any(|j| self.jacobian.iter().skip(j).step_by(self.n).all(|d| *d == 0.0))
    }

    /// Runs `ask` with what is known here; the point that it leaves is `at`.
    pub(super) fn known<T>(
        &mut self,
        problem: &mut Problem<'_>,
        ask: impl FnOnce(&mut Problem<'_>, &Known<'_>, &mut [f64], &mut [f64]) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let metric: Vec<f64> = (0..self.n)
            .map(|j| self.jacobian.iter().skip(j).step_by(self.n).map(|d| d * d).sum::<f64>())
            .map(|square| if square > 0.0 { 1.0 / square } else { f64::NAN })
            .collect();
        let slack = |j: usize, sign: f64| self.slack(j, sign);
        let lengths =
            gradient_check::lengths(&metric, &self.x, &self.gradient, [self.height(); 2], &slack);
        let small = problem.stop.tolerance * self.height();
        let known = Known {
            x: &self.x,
            value: self.f,
            gradient: &self.gradient,
            lengths: &lengths,
            room: &slack,
            enough: small,
            small,
            given: gradient_check::doubtful(problem),
            ahead: false,
            blind: self.blind(),
        };
        let (mut u, mut trial) = (vec![0.0; self.n], vec![0.0; self.n]);
        let answer = ask(problem, &known, &mut u, &mut trial)?;
        self.at = trial;
        Ok(answer)
    }

    /// Says which variables have lost their influence on the way: at such a point F is flat, and seldom least.
    pub(super) fn faded(&self, problem: &mut Problem<'_>) {
        for j in 0..self.n {
            if let Some(share) = self.share(j).filter(|share| *share < FADED) {
                problem.findings.push(Finding {
                    kind: "without_influence",
                    severity: Severity::Warning,
                    sentence: format!(
                        "Variable {j} has lost its influence on the way: the residuals change by {share:.1e} of what they did with it."
                    ),
                    evidence: vec![("variable", j as f64), ("share", share)],
                    threshold: FADED,
                    remedy: "Start elsewhere, or bound the variable: this may be a plateau far from the least sum of squares.".into(),
                });
            }
        }
    }

    /// The length of column j, as a part of the largest that it has had.
    fn share(&self, j: usize) -> Option<f64> {
        (self.largest[j] > 0.0).then(|| self.length(j) / self.largest[j])
    }

    fn length(&self, j: usize) -> f64 {
        self.jacobian.iter().skip(j).step_by(self.n).map(|d| d * d).sum::<f64>().sqrt()
    }

    /// A variable that has grown on and on while F hardly fell, by how often: F falls on as it goes off, with others that
    /// make up for it, and no least is that way.
    fn runs_off(&self) -> Option<(usize, f64)> {
        let level = (2.0 * self.height()).sqrt();
        let then = self
            .trail
            .chunks_exact(self.n + 1)
            .find(|step| step[0] <= self.f * (1.0 + HARDLY) && self.f > FLOOR * self.first)?;
        (0..self.n)
            .map(|j| (j, self.x[j].abs() / then[1 + j].abs()))
            .filter(|&(j, grown)| {
                // By itself it does more than a fall so small can come of: others make up for it.
                grown >= GROWN && self.length(j) * self.x[j].abs() >= 0.1 * level
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn told(&self, problem: &mut Problem<'_>, off: Option<(usize, f64)>) {
        let Some((j, grown)) = off else { return };
        problem.findings.push(Finding {
            kind: "runs_off",
            severity: Severity::Warning,
            sentence: format!(
                "Variable {j} has grown {grown:.0} times while the sum fell by less than {HARDLY:.0e} of itself: it falls on as the variables go off, and there is no least sum that way."
            ),
            evidence: vec![("variable", j as f64), ("grown", grown)],
            threshold: GROWN,
            remedy: "Start elsewhere, bound the variables, or fit a curve of fewer of them.".into(),
        });
    }

    /// From the start again with lengths of columns that are forgotten, and shorter first steps: what is lowest, if that is
    /// lower than here.
    fn another_way(
        &self,
        problem: &mut Problem<'_>,
        set: &LevenbergMarquardt,
    ) -> Result<Option<(Work, Status, f64)>, Halt> {
        let mut best: Option<(Work, Status, f64)> = None;
        for (decay, part) in WAYS {
            let sides = (self.low.clone(), self.high.clone());
            let mut other = Work::new(&self.start, self.r.len(), sides);
            (other.decay, other.again, other.inner) = (decay, true, true);
            other.verify = self.verify;
            if other.begin(problem, part * set.factor)?.is_some() {
                continue;
            }
            let mut end = other.stand(problem, 0.0, set)?;
            for _ in 0..LONGEST {
                if end.verdict.is_some() {
                    break;
                }
                end = other.step(problem, set)?;
            }
            let lowest = best.as_ref().map_or(self.f, |(work, ..)| work.f);
            let lower = |v: &Status| other.f < lowest && (v.success() || *v == Status::Plateau);
            let Some(verdict) = end.verdict.filter(lower) else { continue };
            let explained = end.certificate.map_or(0.0, |c| c.rounding);
            let done = verdict.success();
            other.inner = false;
            best = Some((other, verdict, explained));
            if done {
                break;
            }
        }
        Ok(best)
    }
}
