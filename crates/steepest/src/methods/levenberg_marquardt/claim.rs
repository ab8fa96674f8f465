//! When it says that it is done: what is left by the model, what it looks at before, and where that leads.
use super::model::Model;
use super::{LevenbergMarquardt, Work};
use crate::certificate::{Certificate, Kind};
use crate::method::Step;
use crate::methods::gradient_check::{self, Doubt, Known};
use crate::problem::Problem;
use crate::status::{Halt, Status};

/// What differences are wrong by, beside the lengths of the columns.
const ROUGH: f64 = 1e-7;
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
                kind: Kind::Criterion,
                bound: flattest,
                target: set.gtol,
                rounding,
                assumption,
            };
        }
        let tolerance = if set.ftol >= 0.0 { set.ftol } else { problem.tolerance() };
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
        let near = self.left <= explained || self.left <= problem.tolerance() * self.height();
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
        let (off, faded) = (self.runs_off(), self.faded());
        if self.verify && !self.again && (off.is_some() || !faded.is_empty()) {
            self.again = true;
            if let Some((other, verdict, explained)) = self.another_way(problem, set)? {
                *self = other;
                return self.claim(problem, rate, verdict, explained, set);
            }
        }
        // What the model says is left, is left near by: nothing is known of how far F falls as variables go off.
        let (verdict, certificate) = match off {
            Some(_) => (Status::Plateau, None),
            None => (verdict, Some(self.certificate(problem, explained, set))),
        };
        if !self.inner {
            faded.into_iter().for_each(|f| problem.report(f));
            off.into_iter().for_each(|f| problem.report(f));
        }
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
        let small = problem.tolerance() * self.height();
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
}
