//! When it says that it is done: what it claims, what it looks at before, and where that leads.
use super::{ESCAPES, Work};
use crate::method::Step;
use crate::methods::doubt::{self, Doubt, Known};
use crate::problem::Problem;
use crate::status::{Halt, Status};
use crate::vectors::{dot, largest};

impl Work {
    /// Convergence, unless the curvature or a look at both sides says otherwise.
    pub(super) fn claim(&mut self, problem: &mut Problem<'_>, rate: f64, verdict: Status, explained: f64) -> Result<Step, Halt> {
        if !self.convex && self.bent_down() && self.down(problem)? {
            return self.escape(problem);
        }
        self.notice(problem);
        let certificate = Some(self.claims.certificate(self.sight(), verdict == Status::PrecisionLimit, explained));
        let sure = Step { certificate, rate, ..self.ended(verdict) };
        if !self.verify {
            return Ok(sure);
        }
        let lengths = self.lengths();
        doubt::scattered(self.n, &mut self.d);
        (0..self.n).for_each(|j| self.d[j] *= lengths[j]);
        if !self.agree(problem)? {
            return self.stand(problem, rate);
        }
        doubt::scattered(self.n, &mut self.d);
        match self.look(problem)? {
            Doubt::Inconsistent(status) => Ok(self.ended(status)),
            Doubt::Lower => self.escape(problem),
            Doubt::Stairs if self.h.iter().all(|h| *h == 0.0) => Ok(self.ended(Status::Plateau)),
            _ if !self.convex && self.escapes < doubt::SADDLES && self.below(problem)? => self.escape(problem),
            _ => Ok(sure),
        }
    }

    /// A direction of negative curvature left in d, by inverse iteration; false where there is none to speak of.
    pub(super) fn bent_down(&mut self) -> bool {
        let Some(factor) = &self.factor else { return false };
        let mut v = vec![0.0; self.n];
        doubt::scattered(self.n, &mut v);
        for _ in 0..20 {
            factor.solve(&mut v);
            let size = dot(&v, &v).sqrt();
            v.iter_mut().for_each(|v| *v /= size);
        }
        self.d = v;
        self.bend() < -1e-8 * largest(&self.h)
    }

    /// Whether a point along ±d is lower: it is left in `xn`.
    pub(super) fn down(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let size = largest(&self.x).max(1.0);
        for t in [1.0, 0.1, 1e-2, 1e-3, 1e-4] {
            for t in [t * size, -t * size] {
                (0..self.n).for_each(|j| self.xn[j] = self.x[j] + t * self.d[j]);
                let f = problem.total(&self.xn)?;
                if f.is_finite() && f < self.f - self.claims.rounding(self.f) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Goes on from the lower point in `xn`.
    pub(super) fn escape(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        self.escapes += 1;
        let f = problem.total_gradient(&self.xn, &mut self.gn)?;
        if f == f64::NEG_INFINITY {
            return Ok(self.ended(Status::Unbounded));
        }
        if !(f < self.f && largest(&self.gn).is_finite()) || self.escapes > ESCAPES {
            return Ok(self.ended(Status::Plateau));
        }
        std::mem::swap(&mut self.x, &mut self.xn);
        std::mem::swap(&mut self.g, &mut self.gn);
        self.f = f;
        self.measure(problem);
        self.foretold = false;
        self.claims.took(f);
        self.stand(problem, 0.0)
    }

    /// No step lowers the value any more.
    pub(super) fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        if self.verify && problem.sharpen()? {
            self.f = problem.total_gradient(&self.x, &mut self.g)?;
            self.lambda = 0.0;
            return self.stand(problem, 0.0);
        }
        let left = self.by_diagonal().max(self.predicted.unwrap_or(0.0));
        self.predicted = left.is_finite().then_some(left);
        let mut explained = self.explained(problem);
        if left > explained && self.verify && left.is_finite() {
            explained = explained.max(self.noise(problem)?);
        }
        let verdict = self.claims.at_rest(self.f, left, explained);
        if verdict == Status::PrecisionLimit {
            return self.claim(problem, 0.0, verdict, explained);
        }
        if !self.verify {
            return Ok(self.stuck(explained));
        }
        let lengths = self.lengths();
        self.downhill(&lengths);
        let mut doubt = self.look(problem)?;
        if matches!(doubt, Doubt::None) {
            doubt::scattered(self.n, &mut self.d);
            doubt = self.look(problem)?;
        }
        match doubt {
            Doubt::Inconsistent(status) => return Ok(self.ended(status)),
            Doubt::Kink(slopes) => problem.findings.push(doubt::kink(slopes)),
            Doubt::Lower => return self.escape(problem),
            Doubt::None | Doubt::Stairs => {}
        }
        Ok(self.stuck(explained))
    }

    /// What rounding, and the noise of what is differenced, can hide of a decrease.
    pub(super) fn explained(&self, problem: &mut Problem<'_>) -> f64 {
        let rounding = self.claims.rounding(self.f);
        if problem.offers().differences == 0 {
            return rounding;
        }
        let mut noise = vec![0.0; self.n];
        let value = problem.accuracy(&mut noise);
        let slopes = self.metric().into_iter().zip(&noise).map(|(d, v)| d * v * v).filter(|e| !e.is_nan());
        rounding.max(4.0 * value).max(slopes.sum::<f64>().min(1e4 * self.claims.small(self.f)))
    }

    /// What the noise of F can hide, measured: up to a thousandth of F's size.
    pub(super) fn noise(&mut self, problem: &mut Problem<'_>) -> Result<f64, Halt> {
        let lengths = self.lengths();
        let known = Known {
            x: &self.x,
            value: self.f,
            gradient: &self.g,
            lengths: &lengths,
            room: &doubt::endless,
            enough: 0.0,
            small: 0.0,
            given: true,
            ahead: false,
            blind: false,
        };
        let noise = doubt::noise(problem, &known, doubt::NEAR, &mut self.xn)?;
        Ok((4.0 * noise).min(1e-3 * self.claims.size(self.f)))
    }

    pub(super) fn lengths(&self) -> Vec<f64> {
        doubt::lengths(&self.metric(), &self.x, &self.g, self.claims.near(self.f), &doubt::endless)
    }

    /// The direction along which the slopes lead down, in lengths.
    pub(super) fn downhill(&mut self, lengths: &[f64]) {
        (0..self.n).for_each(|j| self.d[j] = -self.g[j] * lengths[j]);
        let size = largest(&self.d);
        self.d.iter_mut().for_each(|d| *d /= size);
    }

    /// Looks at both sides along d (which is lost), a multiple of the lengths.
    pub(super) fn look(&mut self, problem: &mut Problem<'_>) -> Result<Doubt, Halt> {
        self.known(problem, doubt::look)
    }

    /// A lower point at any scale, in `xn`.
    pub(super) fn below(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        self.known(problem, |problem, at, _, xn| doubt::below(problem, at, xn))
    }

    /// Runs `ask` with what is known here.
    pub(super) fn known<R>(
        &mut self,
        problem: &mut Problem<'_>,
        ask: impl FnOnce(&mut Problem<'_>, &Known<'_>, &mut [f64], &mut [f64]) -> R,
    ) -> R {
        let lengths = self.lengths();
        let known = Known {
            x: &self.x,
            value: self.f,
            gradient: &self.g,
            lengths: &lengths,
            room: &doubt::endless,
            enough: self.claims.small(self.f),
            small: self.claims.slight(self.f),
            given: doubt::doubtful(problem),
            ahead: true,
            blind: self.h.iter().all(|h| *h == 0.0),
        };
        ask(problem, &known, &mut self.d, &mut self.xn)
    }

    pub(super) fn notice(&mut self, problem: &mut Problem<'_>) {
        let n = self.n;
        let bend = |j: usize| self.h[j * n + j].abs() / problem.units.length(j).powi(2);
        let by_bend = |a: &usize, b: &usize| bend(*a).total_cmp(&bend(*b));
        let (Some(steep), Some(flat)) = (
            (0..n).max_by(by_bend),
            (0..n).filter(|j| bend(*j) > 0.0).min_by(by_bend),
        ) else {
            return;
        };
        if let Some(finding) = doubt::bad_scaling(bend(steep) / bend(flat), steep, flat) {
            problem.findings.push(finding);
        }
    }
}
