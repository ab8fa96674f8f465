//! When it says that it is done: what it claims, what it looks at before, and where that leads.
use super::Work;
use crate::linalg::vectors::{dot, largest};
use crate::method::Step;
use crate::methods::gradient_check::{self, Doubt, Front, Hull, NEAR};
use crate::methods::standing::{Standing, View};
use crate::problem::Problem;
use crate::status::{Halt, Status};

impl Work {
    /// Convergence, unless the curvature or a look at both sides says otherwise.
    pub(super) fn claim(
        &mut self,
        problem: &mut Problem<'_>,
        verdict: Status,
        explained: f64,
    ) -> Result<Step, Halt> {
        if !self.convex && self.bent_down() && self.down(problem)? {
            return self.escape(problem);
        }
        self.notice(problem);
        let sure = self.at.sure(verdict, explained);
        if !self.at.verify {
            return Ok(sure);
        }
        if self.at.closes_in() && self.aim() && self.at.beyond(problem, 1.0)? {
            return self.escape(problem);
        }
        if problem.offers().differences > 0 && self.with(|at, view| at.curved(problem, view))? {
            return self.escape(problem);
        }
        let lengths = self.lengths();
        gradient_check::scattered(self.at.n, &mut self.at.d);
        self.at.d.iter_mut().zip(&lengths).for_each(|(d, l)| *d *= l);
        if !self.agree(problem)? {
            return self.stand(problem);
        }
        let mut front = Front::default();
        self.at.scatter();
        let mut doubt = self.with(|at, view| at.look_ahead(problem, view, &mut front))?;
        let sharp = self.at.sharp(problem, &front);
        if matches!(doubt, Doubt::None | Doubt::Kink(_))
            && let Some(rest) = self.unforeseen(&front.gradient)
        {
            self.at.d[..self.at.n].copy_from_slice(&rest);
            match self.with(|at, view| at.look(problem, View { ahead: false, ..view }))? {
                Doubt::None => {}
                found => doubt = found,
            }
        }
        match doubt {
            Doubt::Inconsistent(status) => Ok(self.at.ended(status)),
            Doubt::Lower => self.escape(problem),
            // Stairs, or the edge of where F has values: slopes tell nothing there.
            Doubt::Stairs => {
                self.at.predicted = None;
                Ok(self.at.ended(Status::Plateau))
            }
            _ if !self.seen(problem)
                && self.at.escapes < gradient_check::SADDLES
                && self.below(problem)? =>
            {
                self.escape(problem)
            }
            _ => {
                if matches!(doubt, Doubt::Kink(_))
                    && let Some(why) = self.with(|at, view| at.jagged(problem, view))?
                {
                    self.at.predicted = None;
                    return Ok(self.at.ended(why));
                }
                match self.at.closed_in(problem, sharp)? {
                    Hull::Whole => {}
                    Hull::Loud => {
                        (self.lambda, self.at.rate) = (0.0, 0.0);
                        return self.stand(problem);
                    }
                    Hull::Lower => return self.escape(problem),
                    Hull::Open => {
                        self.at.predicted = None;
                        return Ok(self.at.ended(Status::Plateau));
                    }
                }
                Ok(sure)
            }
        }
    }

    /// What H does not explain of the step to where the gradient was looked at ahead, which `d` holds: see
    /// [`unmet`](gradient_check::unmet).
    fn unforeseen(&self, front: &[f64]) -> Option<Vec<f64>> {
        let n = self.at.n;
        let factor = self.factor.as_ref().filter(|_| self.convex && self.lambda == 0.0)?;
        if front.is_empty() || !largest(front).is_finite() {
            return None;
        }
        let turned: Vec<f64> = (0..n).map(|j| (front[j] - self.at.g[j]) / NEAR).collect();
        let mut met: Vec<f64> = turned.iter().map(|y| -y).collect();
        factor.solve(&mut met);
        gradient_check::unmet(&self.at.d[..n], &self.lengths(), &turned, &met)
    }

    /// Whether the curvature here speaks for a least value: differences at a start where all slopes are 0 may have
    /// stepped over what bends down there.
    fn seen(&self, problem: &Problem<'_>) -> bool {
        let given = problem.offers().products && !self.own;
        self.convex && (given || self.at.claims.left(self.at.f))
    }

    /// A direction of negative curvature left in d, by inverse iteration; false where there is none to speak of.
    fn bent_down(&mut self) -> bool {
        let Some(factor) = &self.factor else { return false };
        let v = &mut self.at.d[..self.at.n];
        gradient_check::scattered(v.len(), v);
        for _ in 0..20 {
            factor.solve(v);
            let size = dot(v, v).sqrt();
            v.iter_mut().for_each(|v| *v /= size);
        }
        self.bend() < -1e-8 * largest(&self.h)
    }

    /// Whether a point along ±d is lower: it is left in `xn`.
    fn down(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        let (n, at) = (self.at.n, &mut self.at);
        let size = largest(&at.x).max(1.0);
        for t in [1.0, 0.1, 1e-2, 1e-3, 1e-4] {
            for t in [t * size, -t * size] {
                (0..n).for_each(|j| at.xn[j] = at.x[j] + t * at.d[j]);
                let f = problem.total(&at.xn[..n])?;
                if f.is_finite() && f < at.f - at.claims.rounding(at.f) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Goes on from the lower point in `xn`.
    fn escape(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let f = match self.at.lower(problem)? {
            Ok(f) => f,
            Err(why) => return Ok(why),
        };
        self.at.adopt(problem, f);
        // What shortened the steps was so where it stood before.
        (self.lambda, self.at.rate) = (0.0, 0.0);
        self.foretold = false;
        self.at.claims.took(f);
        self.stand(problem)
    }

    /// No step lowers the value any more.
    pub(super) fn rest(&mut self, problem: &mut Problem<'_>) -> Result<Step, Halt> {
        let n = self.at.n;
        if self.at.verify && problem.sharpen()? {
            self.at.f = problem.total_gradient(&self.at.x[..n], &mut self.at.g[..n])?;
            (self.lambda, self.at.rate) = (0.0, 0.0);
            return self.stand(problem);
        }
        let left = self.by_diagonal().max(self.at.predicted.unwrap_or(0.0));
        self.at.predicted = left.is_finite().then_some(left);
        let mut explained = self.explained(problem);
        if left > explained && self.at.verify && left.is_finite() {
            explained = explained.max(self.with(|at, view| at.noise(problem, view))?);
        }
        let verdict = self.at.at_rest(problem, left, explained);
        if verdict == Status::PrecisionLimit {
            return self.claim(problem, verdict, explained);
        }
        if !self.at.verify || verdict == Status::NoiseFloor {
            return Ok(self.at.stuck(verdict, explained));
        }
        match self.with(|at, view| at.look_stuck(problem, view))? {
            Doubt::Inconsistent(status) => return Ok(self.at.ended(status)),
            Doubt::Kink(slopes) => problem.report(gradient_check::kink(slopes)),
            Doubt::Lower => return self.escape(problem),
            Doubt::None | Doubt::Stairs => {}
        }
        Ok(self.at.stuck(Status::Plateau, explained))
    }

    /// What rounding, and the noise of what is differenced, can hide of a decrease.
    pub(super) fn explained(&self, problem: &mut Problem<'_>) -> f64 {
        self.at.explained(problem, Some(&self.metric()))
    }

    pub(super) fn lengths(&self) -> Vec<f64> {
        self.at.lengths(&self.metric())
    }

    /// Looks around with what H tells.
    pub(super) fn with<T>(&mut self, look: impl FnOnce(&mut Standing, View<'_>) -> T) -> T {
        let (metric, blind) = (self.metric(), self.h.iter().all(|h| *h == 0.0));
        look(&mut self.at, View { metric: &metric, ahead: true, blind })
    }

    /// A lower point at any scale, in `xn`.
    fn below(&mut self, problem: &mut Problem<'_>) -> Result<bool, Halt> {
        self.with(|at, view| {
            at.known(problem, view, |problem, known, _, xn| {
                gradient_check::below(problem, known, xn)
            })
        })
    }

    fn notice(&mut self, problem: &mut Problem<'_>) {
        let n = self.at.n;
        let bend = |j: usize| self.h[j * n + j].abs() / problem.units().length(j).powi(2);
        let by_bend = |a: &usize, b: &usize| bend(*a).total_cmp(&bend(*b));
        let (Some(steep), Some(flat)) =
            ((0..n).max_by(by_bend), (0..n).filter(|j| bend(*j) > 0.0).min_by(by_bend))
        else {
            return;
        };
        if let Some(finding) = gradient_check::bad_scaling(bend(steep) / bend(flat), steep, flat) {
            problem.report(finding);
        }
    }
}
